// KAFKA: one column as Kafka's own serializers write it. STRING UTF-8, INT 4 and BIGINT, DOUBLE 8 bytes big-endian,
// BYTES as they are. A null payload is NULL.
#include "schema/serde/serde_internal.h"

#include <assert.h>

static bool check_column(const struct serde_spec *spec, struct err *e)
{
    if (spec->count > 1)
        return err_fail(e, ERR_SQL, "the 'KAFKA' format only supports a single column, found %zu",
                        spec->count);
    if (spec->count == 0)
        return true;
    const enum type_kind kind = spec->columns[0].type->kind;
    if (kind == TYPE_STRING || kind == TYPE_INTEGER || kind == TYPE_BIGINT || kind == TYPE_DOUBLE ||
        kind == TYPE_BYTES)
        return true;
    return err_fail(e, ERR_SQL, "the 'KAFKA' format does not support type '%s', column: `%.*s`",
                    type_kind_name(kind), STR_ARG(spec->columns[0].name));
}

static uint64_t big_endian(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static void decode_fixed(const struct decoder_run *run, struct column *c, uint32_t row)
{
    const struct payload v = run->payloads[row];
    const size_t want = column_width(c->type);
    if (v.n != want) {
        serde_bad(run, row, "expected %zu bytes of %s, found %zu", want,
                  type_kind_name(c->type->kind), v.n);
        return;
    }
    const uint64_t bits = big_endian(v.p, v.n);
    if (c->type->kind == TYPE_INTEGER)
        c->i32[row] = (int32_t)(uint32_t)bits;
    else if (c->type->kind == TYPE_BIGINT)
        c->i64[row] = (int64_t)bits;
    else
        memcpy(&c->f64[row], &bits, sizeof bits);
    c->valid[row] = 1;
}

static void decode_bytes(const struct decoder_run *run, struct column *c, uint32_t row)
{
    const struct payload v = run->payloads[row];
    if (c->type->kind == TYPE_STRING && !utf8_valid(v.p, v.n)) {
        serde_bad(run, row, "expected STRING, found invalid UTF-8");
        return;
    }
    c->str[row] = (struct str){v.p, v.n};
    c->valid[row] = 1;
}

static void decode_row(const struct decoder *d, const struct decoder_run *run, uint32_t row)
{
    const struct payload v = run->payloads[row];
    run->out->status[row] = v.p ? DECODE_OK : DECODE_NULL;
    if (!v.p || d->spec.count == 0)
        return;
    struct column *c = &run->columns[0];
    if (v.n > d->spec.bytes_max)
        serde_bad(run, row, "the payload has %zu bytes, the limit is %zu", v.n, d->spec.bytes_max);
    else if (column_holds_str(c->type))
        decode_bytes(run, c, row);
    else
        decode_fixed(run, c, row);
    if (run->out->status[row] == DECODE_OK && d->spec.filter &&
        !serde_filter_keeps(d->spec.filter, run->columns, row))
        run->out->status[row] = DECODE_FILTERED;
}

static void kafka_run(const struct decoder *d, const struct decoder_run *run)
{
    if (d->spec.count)
        serde_all_null(&run->columns[0], run->a, run->n);
    for (uint32_t row = 0; row < run->n; row++)
        decode_row(d, run, row);
    if (d->spec.count)
        serde_drop_full_validity(&run->columns[0], run->n);
}

static bool kafka_decoder(const struct decoder **out, struct arena *a,
                          const struct serde_spec *spec, struct err *e)
{
    struct decoder *d = ARENA_NEW(a, struct decoder);
    *d = (struct decoder){kafka_run, *spec};
    *out = d;
    return check_column(spec, e);
}

static void put_big_endian(struct buf *out, uint64_t v, size_t n)
{
    char bytes[8];
    assert(n <= sizeof bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(v >> 8 * (n - 1 - i));
    buf_put(out, bytes, n);
}

static void put_double(struct buf *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_big_endian(out, bits, sizeof bits);
}

// NULL appends nothing: the caller sends a null payload.
static void kafka_row(const struct encoder *s, struct buf *out, const struct column *columns,
                      uint32_t row)
{
    if (s->spec.count == 0 || !column_is_valid(&columns[0], row))
        return;
    const struct column *c = &columns[0];
    if (column_holds_str(c->type))
        buf_str(out, c->str[row]);
    else if (c->type->kind == TYPE_INTEGER)
        put_big_endian(out, (uint32_t)c->i32[row], sizeof(int32_t));
    else if (c->type->kind == TYPE_BIGINT)
        put_big_endian(out, (uint64_t)c->i64[row], sizeof(int64_t));
    else
        put_double(out, c->f64[row]);
}

static bool kafka_encoder(const struct encoder **out, struct arena *a,
                          const struct serde_spec *spec, struct err *e)
{
    struct encoder *s = ARENA_NEW(a, struct encoder);
    *s = (struct encoder){.row = kafka_row, .spec = *spec};
    *out = s;
    return check_column(spec, e);
}

const struct serde_type serde_kafka = {
    .name = "KAFKA",
    .decoder = kafka_decoder,
    .encoder = kafka_encoder,
};
