#include "sql/exec/op_table.h"

#include "base/hash.h"
#include "schema/rowcodec.h"
#include "sql/state/groups.h"

#include <assert.h>

#define ROW_MAX ((size_t)1 << 30)

// The value columns of a key's latest row, in the row codec.
struct row_state {
    char *p; // owned
    uint32_t n, cap;
};
#define ROW_STATE_BYTES ((sizeof(struct row_state) + 15) / 16 * 16)

struct table {
    struct groups *groups; // NULL: rows are not kept
    struct buf scratch;
};

static void row_init(const void *ctx, void *state)
{
    assert(ctx);
    memset(state, 0, sizeof(struct row_state));
}

static void row_put(struct row_state *s, struct str bytes)
{
    if (s->cap < bytes.n) {
        s->cap = (uint32_t)(bytes.n + bytes.n / 4 + 16);
        s->p = mem_realloc(s->p, s->cap);
    }
    if (bytes.n)
        memcpy(s->p, bytes.p, bytes.n);
    s->n = (uint32_t)bytes.n;
}

static void row_save(const void *ctx, struct buf *out, const void *state)
{
    assert(ctx);
    const struct row_state *s = state;
    buf_put(out, s->p, s->n);
}

static bool row_load(const void *ctx, void *state, struct cursor *in, struct err *e)
{
    const struct phys_node *n = ctx;
    const uint32_t values = n->schema->count - n->schema->key_count;
    const char *start = (const char *)in->p;
    struct arena *a = arena_new(NULL);
    struct column *columns = ARENA_ARRAY(a, struct column, values + 1);
    for (uint32_t i = 0; i < values; i++)
        column_init(&columns[i], a, n->schema->columns[n->schema->key_count + i].type, 1);
    const bool ok = rowcodec_decode(columns, values, 0, a, in, e);
    if (ok)
        row_put(state, (struct str){start, (size_t)((const char *)in->p - start)});
    arena_free(a);
    return ok;
}

static void row_drop(const void *ctx, void *state)
{
    assert(ctx);
    mem_free(((struct row_state *)state)->p);
}

static size_t row_heap(const void *ctx, const void *state)
{
    assert(ctx);
    return ((const struct row_state *)state)->cap;
}

static const struct groups_type row_type = {
    .init = row_init,
    .save = row_save,
    .load = row_load,
    .drop = row_drop,
    .heap_bytes = row_heap,
};

bool table_open(struct op *o, struct err *e)
{
    assert(o->node->entry && e);
    struct table *s = ARENA_NEW(o->x->arena, struct table);
    buf_init(&s->scratch, ROW_MAX);
    if (o->node->keeps_rows) {
        const struct groups_spec spec = {
            .id = o->node->state_id,
            .name = o->node->name.p,
            .shape = GROUPS_PLAIN,
            .state_bytes = ROW_STATE_BYTES,
            .type = &row_type,
            .ctx = o->node,
            .kv = o->x->spec.kv,
            .read = &o->x->read,
        };
        s->groups = groups_new(&spec);
    }
    o->state = s;
    return true;
}

static bool has_key(const struct block *b, uint32_t row)
{
    for (uint32_t i = 0; i < b->schema->key_count; i++)
        if (column_is_valid(&b->columns[i], row))
            return true;
    return false;
}

static const struct block *with_keys(struct op *o, const struct block *b)
{
    uint32_t *idx = ARENA_ARRAY(o->x->window, uint32_t, b->rows);
    uint32_t n = 0;
    for (uint32_t row = 0; row < b->rows; row++)
        if (has_key(b, row))
            idx[n++] = row;
    o->counters.dropped_null_key += b->rows - n;
    return n == b->rows ? b : block_gather(o->x->window, b, idx, n);
}

static bool is_delete(const struct block *b, uint32_t row)
{
    return b->null_value && b->null_value[row];
}

static void decode_before(struct op *o, struct block *before, uint32_t row, struct group *g)
{
    const struct row_state *s = group_state(g);
    const struct str copy = arena_str(o->x->window, (struct str){s->p, s->n});
    struct cursor in = {(const uint8_t *)copy.p, (const uint8_t *)copy.p + copy.n};
    struct err e;
    const uint32_t keys = before->schema->key_count;
    const bool ok = rowcodec_decode(before->columns + keys, before->schema->count - keys, row,
                                    o->x->window, &in, &e);
    assert(ok); // checked when it was loaded
}

// Applies row `row`; before->columns gets what the key had. Returns whether it had something.
static bool apply(bool *had, struct op *o, const struct block *b, struct block *before,
                  uint32_t row, struct err *e)
{
    struct table *s = o->state;
    const uint32_t keys = b->schema->key_count;
    struct group *g;
    buf_clear(&s->scratch);
    keycodec_encode(&s->scratch, b->columns, keys, row);
    if (b->window_start) {
        keycodec_encode_i64(&s->scratch, b->window_start[row]);
        keycodec_encode_i64(&s->scratch, b->window_end[row]);
    }
    const struct str key = buf_view(&s->scratch);
    if (!groups_get(&g, s->groups, groups_key(s->groups, key, hash_bytes(key.p, key.n, 0)), 0, e))
        return false;
    *had = g->present;
    if (g->present)
        decode_before(o, before, row, g);
    for (uint32_t i = keys; !g->present && i < b->schema->count; i++)
        column_set_null(&before->columns[i], o->x->window, row, b->rows);
    groups_touch(s->groups, g);
    g->rowtime = b->rowtime[row];
    g->present = !is_delete(b, row);
    buf_clear(&s->scratch);
    if (g->present)
        rowcodec_encode(&s->scratch, b->columns + keys, b->schema->count - keys, row);
    row_put(group_state(g), buf_view(&s->scratch));
    return buf_ok(&s->scratch, "row of a table", e);
}

static bool push_keeping(struct op *o, const struct block *b, struct err *e)
{
    struct arena *a = o->x->window;
    struct block *before = op_block(o, b);
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, 2 * (size_t)b->rows);
    uint8_t *op = arena_alloc(a, 2 * (size_t)b->rows);
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->schema->count; i++)
        if (i < b->schema->key_count)
            before->columns[i] = b->columns[i];
        else
            column_init(&before->columns[i], a, b->schema->columns[i].type, b->rows);
    for (uint32_t row = 0; row < b->rows; row++) {
        bool had = false;
        if (!apply(&had, o, b, before, row, e))
            return false;
        if (had) {
            op[n] = OP_UPDATE_BEFORE;
            idx[n++] = b->rows + row;
        }
        op[n] = is_delete(b, row) ? OP_DELETE : had ? OP_UPDATE_AFTER : OP_INSERT;
        idx[n++] = row;
    }
    const struct block *parts[2] = {b, before};
    struct block *out = block_gather(a, block_concat(a, parts, 2), idx, n);
    out->schema = o->node->schema;
    out->op = op;
    out->null_value = NULL;
    return op_emit(o, out, e);
}

bool table_push(struct op *o, const struct block *input, struct err *e)
{
    const struct table *s = o->state;
    const struct block *b = with_keys(o, input);
    if (!b->rows)
        return true;
    if (s->groups)
        return push_keeping(o, b, e);
    struct block *out = op_block(o, b);
    out->columns = b->columns;
    out->op = arena_alloc(o->x->window, b->rows);
    for (uint32_t row = 0; row < b->rows; row++)
        out->op[row] = is_delete(b, row) ? OP_DELETE : OP_UPDATE_AFTER;
    out->null_value = NULL;
    return op_emit(o, out, e);
}

static struct groups *groups_of(const struct op *o)
{
    return ((const struct table *)o->state)->groups;
}

bool table_begin(struct op *o, struct err *e)
{
    return !groups_of(o) || groups_begin(groups_of(o), e);
}

bool table_save(struct op *o, struct kv_txn *t, struct err *e)
{
    return !groups_of(o) || groups_save(groups_of(o), t, INT64_MIN, e);
}

void table_committed(struct op *o)
{
    if (groups_of(o))
        groups_committed(groups_of(o), o->x->spec.cache_max);
}

void table_rollback(struct op *o)
{
    if (groups_of(o))
        groups_rollback(groups_of(o));
}

size_t table_dirty_bytes(const struct op *o)
{
    return groups_of(o) ? groups_dirty_bytes(groups_of(o)) : 0;
}

void table_close(struct op *o)
{
    struct table *s = o->state;
    groups_free(s->groups);
    buf_fini(&s->scratch);
}

static bool source_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(input == 0 && o->node->kind == PLAN_SOURCE);
    struct block *rows = op_block(o, b);
    rows->columns = b->columns;
    op_origin_source(o, rows);
    return table_push(o, rows, e);
}

const struct op_type op_table = {
    .name = "table",
    .open = table_open,
    .push = source_push,
    .begin = table_begin,
    .save = table_save,
    .committed = table_committed,
    .rollback = table_rollback,
    .dirty_bytes = table_dirty_bytes,
    .close = table_close,
};
