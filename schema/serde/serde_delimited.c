// DELIMITED: one line of CSV as ksqlDB (commons-csv) reads and writes it. The number of fields must match, an empty field
// is NULL, "…" quotes with "" for a quote. More than one line in a payload is bad: its rest would be lost.
#include "base/base64.h"
#include "schema/decimal.h"
#include "schema/serde/serde_internal.h"
#include "schema/text.h"

#include <assert.h>

#define FIELDS_MAX   10000u
#define UNUSED_FIELD UINT32_MAX
#define REASON_BYTES 40

struct delimited_decoder {
    struct decoder base;
    uint32_t fields;
    const uint32_t *column_of; // by field; UNUSED_FIELD
};

// --- decoding ------------------------------------------------------------------------------------

struct reader {
    const char *start, *p, *end;
    struct arena *a;
    const char *error; // NULL = fine
    char delimiter;
};

static bool at_line_end(const struct reader *r)
{
    return r->p == r->end || *r->p == '\n' || *r->p == '\r';
}

// The text between quotes; r->p at the opening one. Views unless it has doubled quotes.
static struct str read_quoted(struct reader *r)
{
    const char *from = ++r->p;
    bool doubled = false;
    for (; r->p < r->end; r->p++) {
        if (*r->p != '"')
            continue;
        if (r->end - r->p < 2 || r->p[1] != '"')
            break;
        doubled = true;
        r->p++;
    }
    if (r->p == r->end) {
        r->error = "the quoted field has no end";
        return STR_NONE;
    }
    struct str text = {from, (size_t)(r->p++ - from)};
    while (!at_line_end(r) && *r->p != r->delimiter && (*r->p == ' ' || *r->p == '\t'))
        r->p++;
    if (!at_line_end(r) && *r->p != r->delimiter)
        r->error = "text behind a quoted field";
    if (!doubled)
        return text;
    char *out = arena_alloc(r->a, text.n);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        out[n++] = text.p[i];
        i += text.p[i] == '"';
    }
    return (struct str){out, n};
}

static struct str read_field(struct reader *r)
{
    if (r->p < r->end && *r->p == '"')
        return read_quoted(r);
    const char *from = r->p;
    while (!at_line_end(r) && *r->p != r->delimiter)
        r->p++;
    return (struct str){from, (size_t)(r->p - from)};
}

static void skip_line_ends(struct reader *r)
{
    while (r->p < r->end && at_line_end(r))
        r->p++;
}

// false = the reason is set.
static bool set_field(const struct delimited_decoder *d, const struct decoder_run *run,
                      uint32_t row, uint32_t field, struct str text)
{
    const uint32_t i = field < d->fields ? d->column_of[field] : UNUSED_FIELD;
    if (i == UNUSED_FIELD || text.n == 0)
        return true;
    struct column *c = &run->columns[i];
    const enum serde_set set = serde_set_text(c, run->a, row, text);
    c->valid[row] = set == SERDE_SET;
    if (set == SERDE_SET)
        return true;
    struct buf type;
    buf_init(&type, 256);
    type_print(&type, c->type);
    serde_bad(
        run, row, "field %u (%.*s): %.*s %s %.*s", field + 1, STR_ARG(d->base.spec.columns[i].name),
        (int)(text.n < REASON_BYTES ? text.n : REASON_BYTES), text.p,
        set == SERDE_SET_RANGE ? "does not fit" : "cannot be read as", STR_ARG(buf_view(&type)));
    buf_fini(&type);
    return false;
}

static bool read_fields(const struct delimited_decoder *d, const struct decoder_run *run,
                        uint32_t row, struct reader *r)
{
    uint32_t fields = 0;
    skip_line_ends(r);
    if (r->p == r->end) {
        serde_bad(run, row, "the record has no fields");
        return false;
    }
    for (bool more = true; more; fields++) {
        const struct str text = read_field(r);
        if (r->error) {
            serde_bad(run, row, "field %u: %s at byte %zu", fields + 1, r->error,
                      (size_t)(r->p - r->start));
            return false;
        }
        if (!set_field(d, run, row, fields, text))
            return false;
        more = !at_line_end(r);
        r->p += more; // the delimiter
    }
    skip_line_ends(r);
    if (r->p != r->end)
        serde_bad(run, row, "more than one line, the second at byte %zu",
                  (size_t)(r->p - r->start));
    else if (fields != d->fields)
        serde_bad(run, row, "expected %u fields, found %u", d->fields, fields);
    return r->p == r->end && fields == d->fields;
}

static void clear_row(const struct delimited_decoder *d, const struct decoder_run *run,
                      uint32_t row)
{
    for (size_t i = 0; i < d->base.spec.count; i++)
        run->columns[i].valid[row] = 0;
}

static void decode_row(const struct delimited_decoder *d, const struct decoder_run *run,
                       uint32_t row)
{
    const struct payload v = run->payloads[row];
    const struct serde_spec *spec = &d->base.spec;
    run->out->status[row] = v.p ? DECODE_OK : DECODE_NULL;
    if (!v.p)
        return;
    if (v.n > spec->bytes_max) {
        serde_bad(run, row, "the record has %zu bytes, the limit is %zu", v.n, spec->bytes_max);
        return;
    }
    if (!utf8_valid(v.p, v.n)) {
        serde_bad(run, row, "invalid UTF-8");
        return;
    }
    struct reader r = {v.p, v.p, v.p + v.n, run->a, NULL, spec->delimiter};
    if (!read_fields(d, run, row, &r))
        clear_row(d, run, row);
    else if (spec->filter && !serde_filter_keeps(spec->filter, run->columns, row))
        run->out->status[row] = DECODE_FILTERED;
}

static void delimited_run(const struct decoder *base, const struct decoder_run *run)
{
    const struct delimited_decoder *d = (const struct delimited_decoder *)base;
    for (size_t i = 0; i < base->spec.count; i++)
        serde_all_null(&run->columns[i], run->a, run->n);
    for (uint32_t row = 0; row < run->n; row++)
        decode_row(d, run, row);
    for (size_t i = 0; i < base->spec.count; i++)
        serde_drop_full_validity(&run->columns[i], run->n);
}

// --- encoding ------------------------------------------------------------------------------------

static void put_cell(struct buf *out, const struct column *c, uint32_t row)
{
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        buf_text(out, c->u8[row] ? "true" : "false");
        return;
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        buf_i64(out, c->i32[row]);
        return;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        buf_i64(out, c->i64[row]);
        return;
    case TYPE_DOUBLE:
        text_double(out, c->f64[row]);
        return;
    case TYPE_DECIMAL:
        decimal_print(out, decimal_get(c, row));
        return;
    case TYPE_STRING:
        buf_str(out, c->str[row]);
        return;
    case TYPE_BYTES:
        base64_encode(out, c->str[row]);
        return;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        break;
    }
    assert(!"a nested type");
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

enum place { PLACE_FIRST, PLACE_LATER };

// commons-csv's QuoteMode.MINIMAL, which is not minimal: "-1" at the start of a line is quoted.
static bool needs_quotes(struct str v, enum place place, char delimiter)
{
    if (v.n == 0)
        return place == PLACE_FIRST;
    if (place == PLACE_FIRST && !is_alphanumeric(v.p[0]))
        return true;
    if ((unsigned char)v.p[0] <= '#' || (unsigned char)v.p[v.n - 1] <= ' ')
        return true;
    for (size_t i = 0; i < v.n; i++) {
        const char c = v.p[i];
        if (c == '\n' || c == '\r' || c == '"' || c == delimiter)
            return true;
    }
    return false;
}

// Puts quotes around what was appended since `from`.
static void quote_tail(struct buf *out, size_t from)
{
    const size_t n = out->n - from;
    size_t quotes = 2;
    for (size_t i = from; i < out->n; i++)
        quotes += out->p[i] == '"';
    if (!buf_room(out, quotes))
        return;
    char *p = out->p + from;
    size_t at = n + quotes - 1;
    p[at--] = '"';
    for (size_t i = n; i > 0; i--) {
        const char c = p[i - 1];
        p[at--] = c;
        if (c == '"')
            p[at--] = '"';
    }
    assert(at == 0);
    p[0] = '"';
    out->n += quotes;
}

static void delimited_row(const struct encoder *s, struct buf *out, const struct column *columns,
                          uint32_t row)
{
    for (size_t i = 0; i < s->spec.count; i++) {
        if (i)
            buf_char(out, s->spec.delimiter);
        if (!column_is_valid(&columns[i], row))
            continue;
        const size_t from = out->n;
        put_cell(out, &columns[i], row);
        const struct str v = out->n > from ? (struct str){out->p + from, out->n - from} : STR("");
        if (!out->failed && needs_quotes(v, i ? PLACE_LATER : PLACE_FIRST, s->spec.delimiter))
            quote_tail(out, from);
    }
}

// --- building ------------------------------------------------------------------------------------

static bool check_columns(const struct serde_spec *spec, struct err *e)
{
    if (spec->delimiter == '"' || spec->delimiter == '\n' || spec->delimiter == '\r')
        return err_fail(e, ERR_SQL, "the delimiter cannot be a quote or a line end");
    for (size_t i = 0; i < spec->count; i++) {
        const struct type *t = spec->columns[i].type;
        if (type_is_nested(t))
            return err_fail(e, ERR_SQL,
                            "the 'DELIMITED' format does not support type '%s', column: `%.*s`",
                            type_kind_name(t->kind), STR_ARG(spec->columns[i].name));
    }
    return true;
}

static bool delimited_decoder_new(const struct decoder **out, struct arena *a,
                                  const struct serde_spec *spec, struct err *e)
{
    struct delimited_decoder *d = ARENA_NEW(a, struct delimited_decoder);
    d->base = (struct decoder){delimited_run, *spec};
    d->fields = spec->fields ? spec->fields : (uint32_t)spec->count;
    *out = &d->base;
    if (!check_columns(spec, e))
        return false;
    if (d->fields > FIELDS_MAX)
        return err_fail(e, ERR_LIMIT, "%u fields, the limit is %u", d->fields, FIELDS_MAX);
    uint32_t *column_of = ARENA_ARRAY(a, uint32_t, d->fields + 1);
    memset(column_of, 0xff, (d->fields + 1) * sizeof *column_of);
    for (uint32_t i = 0; i < spec->count; i++) {
        const uint32_t field = spec->positions ? spec->positions[i] : i;
        assert(field < d->fields && column_of[field] == UNUSED_FIELD);
        column_of[field] = i;
    }
    d->column_of = column_of;
    return true;
}

static bool delimited_encoder_new(const struct encoder **out, struct arena *a,
                                  const struct serde_spec *spec, struct err *e)
{
    struct encoder *s = ARENA_NEW(a, struct encoder);
    *s = (struct encoder){.row = delimited_row, .spec = *spec};
    *out = s;
    return check_columns(spec, e);
}

const struct serde_type serde_delimited = {
    .name = "DELIMITED",
    .decoder = delimited_decoder_new,
    .encoder = delimited_encoder_new,
};
