#include "orchestrator/sqltest/sink.h"

#include "orchestrator/sqltest/typed.h"
#include "schema/serde/serde_schema.h"
#include "sql/exec/constant.h"

#define SINK_BYTES_MAX ((size_t)256 << 20)

struct opening {
    struct sink *sink;
    struct arena *a;
    struct stub_shape shape; // of the object, with the rows' schema
};

static bool open_side(const struct encoder **out, const struct opening *s, enum record_side side,
                      struct err *e)
{
    const struct schema *schema = s->shape.schema;
    const bool key = side == RECORD_KEY;
    const uint32_t from = key ? 0 : schema->key_count;
    const uint32_t to = key ? schema->key_count : schema->count;
    struct serde_column *columns = ARENA_ARRAY(s->a, struct serde_column, to - from + 1);
    struct serde_spec spec = {.format = key ? s->shape.key_format : s->shape.value_format,
                              .columns = columns};
    for (uint32_t i = from; i < to; i++)
        if (!plan_is_header(s->shape.declared, i))
            columns[spec.count++] =
                (struct serde_column){schema->columns[i].name, schema->columns[i].type};
    const bool bare = key ? to - from == 1 : s->shape.value_wrapping == PLAN_UNWRAPPED;
    spec.wrapping = bare ? SERDE_UNWRAPPED : SERDE_WRAPPED;
    spec.delimiter = key ? s->shape.key_delimiter : s->shape.value_delimiter;
    *out = NULL;
    if (spec.format == SERDE_NONE || spec.count == 0)
        return true;
    if (typed_is(spec.format))
        typed_spec(&spec, &s->shape, side);
    return serde_register(&spec, s->a, typed_subject(s->a, s->shape.topic, side), e) &&
           encoder_new(out, s->a, &spec, e);
}

bool sink_open(struct sink *out, const struct stub *stub, struct arena *a,
               const struct plan_node *object, const struct schema *schema, struct err *e)
{
    struct opening s = {out, a, stub_shape_of(object, stub)};
    s.shape.schema = schema;
    *out = (struct sink){.schema = schema,
                         .declared = object->source,
                         .bare_value = s.shape.value_wrapping == PLAN_UNWRAPPED,
                         .window = object->formats->window.kind};
    return open_side(&out->key, &s, RECORD_KEY, e) && open_side(&out->value, &s, RECORD_VALUE, e);
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
    bool ok = true;
    buf_init(&bytes, SINK_BYTES_MAX);
    *out = (struct stub_record){.timestamp = b->rowtime[row]};
    if (b->window_start) {
        const bool session = s->window == WINDOW_SESSION;
        out->window = (struct stub_window){session ? STUB_SESSION : STUB_TIME, b->window_start[row],
                                           b->window_end[row]};
    }
    if (s->key && has_key(b, row)) {
        ok = encoder_write(s->key, &bytes, b->columns, row, e);
        if (b->window_start)
            window_key_put(&bytes, stub_window_key(&out->window), out->window.start,
                           out->window.end);
        out->key = keep(a, &bytes);
    }
    const struct column *values = value_columns(s, a, b);
    if (ok && s->value && has_value(b, row) &&
        !(s->bare_value && !column_is_valid(&values[0], row))) {
        ok = encoder_write(s->value, &bytes, values, row, e);
        out->value = keep(a, &bytes);
    }
    buf_fini(&bytes);
    return ok;
}

bool sink_insert(struct stub_topic **out, struct stub *stub, const struct plan_row *row,
                 struct err *e)
{
    struct sink sink = {0};
    struct stub_record record;
    struct block *b;
    *out = stub_topic(stub, row->object->formats->topic);
    if (!constant_row(&b, stub->a, row, 0, e) ||
        !sink_open(&sink, stub, stub->a, row->object, row->object->schema, e) ||
        !sink_record(&record, &sink, stub->a, b, 0, e))
        return err_wrap(e, "INSERT INTO %.*s", STR_ARG(row->object->name));
    stub_add(stub, *out, &record);
    return true;
}
