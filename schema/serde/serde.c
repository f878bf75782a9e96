#include "schema/serde/serde.h"

#include "schema/serde/serde_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define BYTES_MAX_DEFAULT ((size_t)64 << 20)
#define DEPTH_MAX_DEFAULT 256
#define DEPTH_MAX_ALLOWED 1000
#define REASON_MAX        400

static const struct serde_type *type_of(enum serde_format f)
{
    switch (f) {
    case SERDE_JSON:
        return &serde_json;
    case SERDE_KAFKA:
        return &serde_kafka;
    case SERDE_DELIMITED:
        return &serde_delimited;
    case SERDE_NONE:
        return &serde_none;
    case SERDE_AVRO:
        return &serde_avro;
    case SERDE_PROTOBUF:
        return &serde_protobuf;
    case SERDE_JSON_SR:
        return &serde_json_sr;
    case SERDE_PROTOBUF_NOSR:
        return &serde_protobuf_nosr;
    }
    assert(!"serde format");
    return &serde_none;
}

static const struct serde_filter *copy_filter(struct arena *a, const struct serde_filter *f)
{
    struct serde_filter *copy = ARENA_NEW(a, struct serde_filter);
    struct str *values = ARENA_ARRAY(a, struct str, f->count);
    for (size_t i = 0; i < f->count; i++)
        values[i] = arena_str(a, f->values[i]);
    *copy = (struct serde_filter){f->column, values, f->count};
    return copy;
}

static const struct serde_column *copy_columns(struct arena *a, const struct serde_column *columns,
                                               size_t count)
{
    struct serde_column *copy = ARENA_ARRAY(a, struct serde_column, count + 1);
    for (size_t i = 0; i < count; i++)
        copy[i] = (struct serde_column){arena_str(a, columns[i].name), columns[i].type};
    return copy;
}

static bool check_spec(struct serde_spec *s, struct err *e)
{
    if (s->depth_max == 0)
        s->depth_max = DEPTH_MAX_DEFAULT;
    if (s->bytes_max == 0)
        s->bytes_max = BYTES_MAX_DEFAULT;
    if (s->delimiter == 0)
        s->delimiter = ',';
    if (s->depth_max > DEPTH_MAX_ALLOWED)
        return err_fail(e, ERR_CONFIG, "nesting limit %zu is above %d", s->depth_max,
                        DEPTH_MAX_ALLOWED);
    if (s->wrapping == SERDE_UNWRAPPED && s->count > 1)
        return err_fail(e, ERR_SQL, "an unwrapped value has one column, not %zu", s->count);
    return true;
}

static bool copy_spec(struct serde_spec *out, struct arena *a, const struct serde_spec *spec,
                      struct err *e)
{
    assert(spec->count == 0 || spec->columns);
    *out = *spec;
    out->columns = copy_columns(a, spec->columns, spec->count);
    if (spec->declared)
        out->declared = copy_columns(a, spec->declared, spec->declared_count);
    if (spec->subject.p)
        out->subject = arena_str(a, spec->subject);
    if (spec->full_name.p)
        out->full_name = arena_str(a, spec->full_name);
    if (spec->positions) {
        uint32_t *positions = ARENA_ARRAY(a, uint32_t, spec->count + 1);
        memcpy(positions, spec->positions, spec->count * sizeof *positions);
        out->positions = positions;
    }
    if (spec->filter) {
        assert(spec->filter->column < spec->count);
        assert(spec->columns[spec->filter->column].type->kind == TYPE_STRING);
        out->filter = copy_filter(a, spec->filter);
    }
    return check_spec(out, e);
}

bool decoder_new(const struct decoder **out, struct arena *a, const struct serde_spec *spec,
                 struct err *e)
{
    struct serde_spec *copy = ARENA_NEW(a, struct serde_spec);
    if (!copy_spec(copy, a, spec, e) || !type_of(spec->format)->decoder(out, a, copy, e))
        return false;
    assert((*out)->run);
    return true;
}

void decoder_run(const struct decoder *d, struct column *columns, struct decode_result *out,
                 struct arena *a, const struct payload *payloads, uint32_t n)
{
    assert(d && out->status && out->reason && (n == 0 || payloads));
    const struct decoder_run run = {columns, out, a, payloads, n};
    out->stopped = false;
    d->run(d, &run);
}

bool encoder_new(const struct encoder **out, struct arena *a, const struct serde_spec *spec,
                 struct err *e)
{
    struct serde_spec *copy = ARENA_NEW(a, struct serde_spec);
    if (!copy_spec(copy, a, spec, e) || !type_of(spec->format)->encoder(out, a, copy, e))
        return false;
    assert(((*out)->row == NULL) != ((*out)->write == NULL));
    return true;
}

void encoder_row(const struct encoder *s, struct buf *out, const struct column *columns,
                 uint32_t row)
{
    struct err ignored;
    if (s->row)
        s->row(s, out, columns, row);
    else if (!s->write(s, out, columns, row, &ignored))
        out->failed = true;
}

bool encoder_write(const struct encoder *s, struct buf *out, const struct column *columns,
                   uint32_t row, struct err *e)
{
    if (s->write)
        return s->write(s, out, columns, row, e) && buf_ok(out, "encoded row", e);
    s->row(s, out, columns, row);
    return buf_ok(out, "encoded row", e);
}

static const enum serde_format all[] = {SERDE_JSON,    SERDE_KAFKA,        SERDE_DELIMITED,
                                        SERDE_NONE,    SERDE_AVRO,         SERDE_PROTOBUF,
                                        SERDE_JSON_SR, SERDE_PROTOBUF_NOSR};

bool serde_format_parse(enum serde_format *out, struct str name)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!str_eq_nocase(name, str_from(type_of(all[i])->name)))
            continue;
        *out = all[i];
        return true;
    }
    return false;
}

const char *serde_format_name(enum serde_format f)
{
    return type_of(f)->name;
}

void serde_all_null(struct column *c, struct arena *a, uint32_t n)
{
    column_need_valid(c, a, n);
    memset(c->valid, 0, n);
    if (c->type->kind != TYPE_STRUCT)
        return;
    for (uint32_t i = 0; i < c->type->field_count; i++)
        serde_all_null(&c->children[i], a, n);
}

void serde_drop_full_validity(struct column *c, uint32_t n)
{
    if (c->valid && (n == 0 || !memchr(c->valid, 0, n)))
        c->valid = NULL;
    const uint32_t rows = c->type->kind == TYPE_STRUCT ? n : c->child_rows;
    for (uint32_t i = 0; i < c->type->field_count; i++)
        serde_drop_full_validity(&c->children[i], rows);
}

bool serde_filter_keeps(const struct serde_filter *f, const struct column *columns, uint32_t row)
{
    const struct column *c = &columns[f->column];
    if (!column_is_valid(c, row))
        return false;
    const struct str v = c->str[row];
    for (size_t i = 0; i < f->count; i++) {
        if (str_eq(v, f->values[i]))
            return true;
    }
    return false;
}

void serde_bad(const struct decoder_run *run, uint32_t row, const char *fmt, ...)
{
    char text[REASON_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    assert(row < run->n);
    run->out->status[row] = DECODE_BAD;
    run->out->reason[row] = arena_str(run->a, str_from(text));
}
