#include "orchestrator/sqltest/sink.h"

#include "sql/exec/constant.h"

#define SINK_BYTES_MAX ((size_t)256 << 20)

static bool open_side(const struct encoder **out, struct arena *a, const struct plan_formats *f,
                      const struct sink *s, enum serde_format format, uint32_t from, uint32_t to,
                      struct err *e)
{
    struct serde_column *columns = ARENA_ARRAY(a, struct serde_column, to - from + 1);
    const bool key = from == 0 && to == s->schema->key_count;
    const bool bare = key ? to - from == 1 : f->value_wrapping == PLAN_UNWRAPPED;
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++)
        if (!plan_is_header(s->declared, i))
            columns[n++] =
                (struct serde_column){s->schema->columns[i].name, s->schema->columns[i].type};
    const struct serde_spec spec = {.format = format,
                                    .columns = columns,
                                    .count = n,
                                    .delimiter = key ? f->key_delimiter : f->value_delimiter,
                                    .wrapping = bare ? SERDE_UNWRAPPED : SERDE_WRAPPED};
    *out = NULL;
    if (format == SERDE_NONE || n == 0)
        return true;
    return encoder_new(out, a, &spec, e);
}

bool sink_open(struct sink *out, struct arena *a, const struct plan_node *object,
               const struct schema *schema, struct err *e)
{
    const struct plan_formats *f = object->formats;
    *out = (struct sink){.schema = schema, .declared = object->source, .window = f->window.kind};
    return open_side(&out->key, a, f, out, f->key_format, 0, schema->key_count, e) &&
           open_side(&out->value, a, f, out, f->value_format, schema->key_count, schema->count, e);
}

static bool has_key(const struct block *b, uint32_t row)
{
    for (uint32_t i = 0; i < b->schema->key_count; i++)
        if (column_is_valid(&b->columns[i], row))
            return true;
    return b->schema->key_count > 1;
}

static bool has_value(const struct block *b, uint32_t row)
{
    return !(b->op && b->op[row] == OP_DELETE) && !(b->null_value && b->null_value[row]);
}

static struct payload keep(struct arena *a, struct buf *bytes)
{
    const struct str copy = arena_str(a, buf_view(bytes));
    buf_clear(bytes);
    return (struct payload){copy.p, copy.n};
}

static const struct column *value_columns(const struct sink *s, struct arena *a,
                                          const struct block *b)
{
    const uint32_t keys = b->schema->key_count;
    if (!s->declared || s->declared->header_count == 0)
        return b->columns + keys;
    struct column *out = ARENA_ARRAY(a, struct column, b->schema->count);
    uint32_t n = 0;
    for (uint32_t i = keys; i < b->schema->count; i++)
        if (!plan_is_header(s->declared, i))
            out[n++] = b->columns[i];
    return out;
}

bool sink_record(struct stub_record *out, const struct sink *s, struct arena *a,
                 const struct block *b, uint32_t row, struct err *e)
{
    struct buf bytes;
    buf_init(&bytes, SINK_BYTES_MAX);
    *out = (struct stub_record){.timestamp = b->rowtime[row]};
    if (b->window_start) {
        const bool session = s->window == WINDOW_SESSION;
        out->window = (struct stub_window){session ? STUB_SESSION : STUB_TIME, b->window_start[row],
                                           b->window_end[row]};
    }
    if (s->key && has_key(b, row)) {
        encoder_row(s->key, &bytes, b->columns, row);
        if (b->window_start)
            window_key_put(&bytes, stub_window_key(&out->window), out->window.start,
                           out->window.end);
        out->key = keep(a, &bytes);
    }
    if (s->value && has_value(b, row)) {
        encoder_row(s->value, &bytes, value_columns(s, a, b), row);
        out->value = keep(a, &bytes);
    }
    const bool ok = buf_ok(&bytes, "a row", e);
    buf_fini(&bytes);
    return ok;
}

bool sink_insert(struct stub_topic **out, struct stub *stub, const struct plan_row *row,
                 struct err *e)
{
    struct sink sink;
    struct stub_record record;
    struct block *b;
    *out = stub_topic(stub, row->object->formats->topic);
    if (!constant_row(&b, stub->a, row, 0, e) ||
        !sink_open(&sink, stub->a, row->object, row->object->schema, e) ||
        !sink_record(&record, &sink, stub->a, b, 0, e))
        return err_wrap(e, "INSERT INTO %.*s", STR_ARG(row->object->name));
    stub_add(stub, *out, &record);
    return true;
}
