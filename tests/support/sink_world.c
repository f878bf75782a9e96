#include "tests/support/sink_world.h"

#include "schema/decimal.h"

struct world *world_new(const struct store *store)
{
    struct arena *a = arena_new(NULL);
    struct world *w = ARENA_NEW(a, struct world);
    w->store = store;
    w->a = a;
    w->durable = durable_new(DURABLE_DEAD);
    store->url(&w->url, store->arg);
    w->spec = (struct sink_spec){
        .url = &w->url,
        .mode = SINK_UPSERT,
        .create = SINK_CREATE_IF_ABSENT,
        .table = STR("t"),
        .columns = ARENA_ZARRAY(a, struct sink_column, COLUMNS_MAX),
        .job = "job",
        .output = "OUT",
        .durable = w->durable,
    };
    return w;
}

void world_free(struct world *w)
{
    world_close(w);
    durable_free(w->durable);
    arena_free(w->a);
}

void world_column(struct world *w, const char *name, const struct type *type, const char *sql_type,
                  enum column_role role)
{
    assert_true(w->spec.count < COLUMNS_MAX);
    struct sink_column *columns = (struct sink_column *)(uintptr_t)w->spec.columns;
    columns[w->spec.count++] = (struct sink_column){.name = str_from(name),
                                                    .type = type,
                                                    .sql_type = str_from(sql_type),
                                                    .key = role == COLUMN_KEY};
}

void world_standard(struct world *w)
{
    world_column(w, "id", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "n", type_scalar(TYPE_BIGINT), "", COLUMN_VALUE);
    world_column(w, "amount", type_decimal(w->a, 18, 2), "", COLUMN_VALUE);
}

bool world_open(struct world *w)
{
    assert_null(w->sink);
    err_clear(&w->e);
    return w->store->type->open(&w->sink, &w->spec, &w->e);
}

void world_close(struct world *w)
{
    if (w->sink)
        w->store->type->close(w->sink);
    w->sink = NULL;
}

void world_restart(struct world *w)
{
    world_close(w);
    durable_free(w->durable);
    w->durable = durable_new(DURABLE_DEAD);
    w->spec.durable = w->durable;
    assert_ok(world_open(w), &w->e);
}

struct commit_step world_step(const struct world *w)
{
    return (struct commit_step){
        .batch = w->batch + 1,
        .digest = (w->batch + 1) * UINT64_C(0x9E3779B97F4A7C15),
        .prev_batch = w->batch,
        .prev_digest = w->digest,
        .plan = "cluster abc; topic/0 [0,10)",
        .now_ms = INT64_C(1761638400000) + (int64_t)w->batch,
        .slot = w->slot,
    };
}

enum head_state world_begin(struct world *w, const struct commit_step *step)
{
    enum head_state state = HEAD_OTHER;
    struct head found;
    assert_ok(w->store->type->begin(w->sink, step, &state, &found, &w->e), &w->e);
    return state;
}

bool world_deliver(struct world *w, const struct block *b)
{
    const struct commit_step step = world_step(w);
    enum head_state state;
    err_clear(&w->e);
    if (!w->store->type->begin(w->sink, &step, &state, NULL, &w->e))
        return false;
    assert_int_equal(state, HEAD_NEXT);
    if (b && !w->store->type->write(w->sink, b, &w->e)) {
        w->store->type->abort(w->sink);
        return false;
    }
    if (!w->store->type->commit(w->sink, &w->rejected, &w->e))
        return false;
    w->batch = step.batch;
    w->digest = step.digest;
    return true;
}

const char *world_rows(struct world *w)
{
    struct buf columns, out;
    buf_init(&columns, 1 << 16);
    buf_init(&out, (size_t)1 << 30);
    for (size_t i = 0; i < w->spec.count; i++) {
        if (i)
            buf_char(&columns, ',');
        buf_str(&columns, w->spec.columns[i].name);
    }
    buf_char(&columns, 0);
    char *table = arena_str(w->a, w->spec.table).n ? arena_strdup(w->a, w->spec.table.p) : NULL;
    w->store->rows(&out, w->store->arg, table, columns.p);
    const char *text = arena_str(w->a, buf_view(&out)).p;
    buf_fini(&columns);
    buf_fini(&out);
    return text ? text : "";
}

struct head world_head(struct world *w)
{
    struct head h;
    assert_ok(w->store->type->head(w->sink, &h, &w->e), &w->e);
    return h;
}

struct block *world_block(struct world *w, uint32_t rows)
{
    struct schema *schema = ARENA_NEW(w->a, struct schema);
    struct schema_column *columns = ARENA_ARRAY(w->a, struct schema_column, w->spec.count);
    for (size_t i = 0; i < w->spec.count; i++)
        columns[i] = (struct schema_column){w->spec.columns[i].name, w->spec.columns[i].type,
                                            w->spec.columns[i].key};
    *schema = (struct schema){.count = (uint32_t)w->spec.count, .columns = columns};
    struct block *b = block_new(w->a, schema, rows);
    b->op = ARENA_ZARRAY(w->a, uint8_t, rows ? rows : 1);
    for (uint32_t r = 0; r < rows; r++)
        b->op[r] = OP_UPDATE_AFTER;
    for (size_t i = 0; i < w->spec.count; i++)
        column_need_valid(&b->columns[i], w->a, rows);
    return b;
}

void cell_str(struct block *b, size_t column, uint32_t row, struct str text)
{
    b->columns[column].str[row] = arena_str(b->arena, text);
}

void cell_text(struct block *b, size_t column, uint32_t row, const char *text)
{
    cell_str(b, column, row, str_from(text));
}

void cell_i64(struct block *b, size_t column, uint32_t row, int64_t v)
{
    struct column *c = &b->columns[column];
    if (c->type->kind == TYPE_BOOLEAN)
        c->u8[row] = (uint8_t)v;
    else if (c->type->kind == TYPE_BIGINT || c->type->kind == TYPE_TIMESTAMP)
        c->i64[row] = v;
    else
        c->i32[row] = (int32_t)v;
}

void cell_f64(struct block *b, size_t column, uint32_t row, double v)
{
    b->columns[column].f64[row] = v;
}

void cell_decimal(struct block *b, size_t column, uint32_t row, const char *text)
{
    struct column *c = &b->columns[column];
    struct decimal parsed, scaled;
    assert_true(decimal_parse(&parsed, b->arena, str_from(text)));
    assert_true(decimal_rescale(&scaled, b->arena, parsed, c->type->precision, c->type->scale,
                                DECIMAL_EXACT));
    decimal_set(c, b->arena, row, scaled);
}

void cell_null(struct block *b, size_t column, uint32_t row)
{
    b->columns[column].valid[row] = 0;
}

void row_op(struct block *b, uint32_t row, enum row_op op)
{
    b->op[row] = (uint8_t)op;
}

struct block *world_standard_block(struct world *w, const struct standard_row *rows, uint32_t n)
{
    struct block *b = world_block(w, n);
    for (uint32_t r = 0; r < n; r++) {
        cell_text(b, 0, r, rows[r].id);
        cell_i64(b, 1, r, rows[r].n);
        if (rows[r].amount) {
            cell_decimal(b, 2, r, rows[r].amount);
        } else {
            cell_null(b, 1, r);
            cell_null(b, 2, r);
            row_op(b, r, OP_DELETE);
        }
    }
    return b;
}
