#include "jobs/run/shape.h"

#include "schema/rowcodec.h"

#include <assert.h>

void shape_init(struct shape *out, struct arena *a, const struct schema *schema)
{
    uint32_t extras = schema->windowed ? 3 : 1;
    struct schema_column *c = ARENA_ZARRAY(a, struct schema_column, schema->count + extras);
    memcpy(c, schema->columns, schema->count * sizeof *c);
    uint32_t n = schema->count;
    *out = (struct shape){.schema = schema, .window_start = -1, .window_end = -1};
    if (schema->windowed) {
        out->window_start = (int)n;
        c[n++] = (struct schema_column){STR("WINDOWSTART"), type_scalar(TYPE_BIGINT), false};
        out->window_end = (int)n;
        c[n++] = (struct schema_column){STR("WINDOWEND"), type_scalar(TYPE_BIGINT), false};
    }
    out->rowtime = (int)n;
    c[n++] = (struct schema_column){STR("ROWTIME"), type_scalar(TYPE_BIGINT), false};
    out->all = (struct schema){
        .count = n, .key_count = schema->key_count, .columns = c, .windowed = schema->windowed};
}

static struct column shape_i64(int64_t *values)
{
    assert(values);
    return (struct column){.type = type_scalar(TYPE_BIGINT), .i64 = values};
}

const struct column *shape_columns(const struct shape *s, struct arena *a, const struct block *b)
{
    assert(b->schema->count == s->schema->count);
    struct column *c = ARENA_ARRAY(a, struct column, s->all.count);
    memcpy(c, b->columns, s->schema->count * sizeof *c);
    if (s->window_start >= 0) {
        c[s->window_start] = shape_i64(b->window_start);
        c[s->window_end] = shape_i64(b->window_end);
    }
    c[s->rowtime] = shape_i64(b->rowtime);
    return c;
}

void shape_key(const struct shape *s, struct buf *out, const struct column *columns, uint32_t row)
{
    keycodec_encode(out, columns, s->schema->key_count, row);
    if (s->window_start >= 0)
        keycodec_encode_i64(out, columns[s->window_start].i64[row]);
}

struct str shape_text(const struct shape *s, struct arena *a)
{
    struct buf text;
    buf_init(&text, 1 << 24);
    schema_print(&text, &s->all);
    struct str out = arena_str(a, buf_view(&text));
    buf_fini(&text);
    return out;
}

struct column *shape_new(const struct shape *s, struct arena *a, uint32_t rows)
{
    struct column *c = ARENA_ZARRAY(a, struct column, s->all.count);
    for (uint32_t i = 0; i < s->all.count; i++)
        column_init(&c[i], a, s->all.columns[i].type, rows);
    return c;
}

struct block *shape_block(const struct shape *s, struct arena *a, struct column *columns,
                          uint32_t rows)
{
    struct block *b = ARENA_NEW(a, struct block);
    b->schema = s->schema;
    b->rows = rows;
    b->columns = columns;
    b->arena = a;
    b->rowtime = columns[s->rowtime].i64;
    if (s->window_start >= 0) {
        b->window_start = columns[s->window_start].i64;
        b->window_end = columns[s->window_end].i64;
    }
    return b;
}
