#include "jobs/run/collapse.h"

#include "base/map.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <stdlib.h>

enum { COLLAPSE_ROW_MAX = 256 << 20 };

struct collapse_entry {
    struct str key;
    char *row;
    size_t n, cap;
    enum row_op op;
};

struct collapse {
    struct arena *a;
    const struct shape *shape;
    const int *by; // key columns, NULL: the shape's key
    size_t by_count;
    struct map *index; // key -> entry
    struct collapse_entry *entries;
    size_t count, cap;
    size_t row_bytes;
    uint64_t changes;
    struct buf key, row;
    struct arena *scratch;
};

static void collapse_release(void *arg)
{
    struct collapse *s = arg;
    for (size_t i = 0; i < s->count; i++)
        mem_free(s->entries[i].row);
    mem_free(s->entries);
    buf_fini(&s->key);
    buf_fini(&s->row);
}

struct collapse *collapse_new(struct arena *a, const struct shape *shape)
{
    struct collapse *s = ARENA_NEW(a, struct collapse);
    s->a = a;
    s->shape = shape;
    s->index = map_new(a);
    s->scratch = arena_new(a);
    buf_init(&s->key, COLLAPSE_ROW_MAX);
    buf_init(&s->row, COLLAPSE_ROW_MAX);
    arena_on_free(a, collapse_release, s);
    return s;
}

struct collapse *collapse_new_by(struct arena *a, const struct shape *shape, const int *key,
                                 size_t key_count)
{
    struct collapse *s = collapse_new(a, shape);
    assert(key && key_count > 0);
    s->by = key;
    s->by_count = key_count;
    return s;
}

static bool collapse_key(struct collapse *s, const struct column *columns, uint32_t row,
                         struct err *e)
{
    buf_clear(&s->key);
    if (!s->by)
        shape_key(s->shape, &s->key, columns, row);
    for (size_t i = 0; i < s->by_count; i++) {
        const struct column *c = &columns[s->by[i]];
        if (!column_is_valid(c, row)) {
            err_fail(e, ERR_DATA, "a row has no %.*s, by which the table is upserted",
                     STR_ARG(s->shape->all.columns[s->by[i]].name));
            return err_hint(e, "leave such rows out in the SQL: WHERE … IS NOT NULL");
        }
        keycodec_encode(&s->key, c, 1, row);
    }
    return buf_ok(&s->key, "a row's key", e);
}

static struct collapse_entry *collapse_entry(struct collapse *s, struct str key)
{
    bool added;
    uint64_t *at = map_put(s->index, key, &added);
    if (added) {
        if (s->count == s->cap) {
            s->cap = s->cap ? s->cap * 2 : 64;
            s->entries = mem_realloc(s->entries, mem_array_bytes(s->cap, sizeof *s->entries));
        }
        *at = s->count;
        s->entries[s->count++] =
            (struct collapse_entry){.key = map_key(s->index, map_count(s->index) - 1)};
    }
    return &s->entries[*at];
}

static void collapse_keep(struct collapse *s, struct collapse_entry *x, struct str row,
                          enum row_op op)
{
    if (x->cap < row.n) {
        s->row_bytes += row.n - x->cap;
        x->cap = row.n;
        x->row = mem_realloc(x->row, x->cap);
    }
    if (row.n)
        memcpy(x->row, row.p, row.n);
    x->n = row.n;
    x->op = op;
}

// A delete keeps the key columns (and the window) only: NULL every other value before encoding.
static const struct column *collapse_delete_columns(struct collapse *s,
                                                    const struct column *columns, uint32_t rows)
{
    const struct shape *p = s->shape;
    struct column *c = ARENA_ARRAY(s->scratch, struct column, p->all.count);
    memcpy(c, columns, p->all.count * sizeof *c);
    uint8_t *none = ARENA_ZARRAY(s->scratch, uint8_t, rows);
    for (uint32_t i = p->schema->key_count; i < p->schema->count; i++)
        c[i].valid = none;
    return c;
}

bool collapse_add(struct collapse *s, const struct block *b, struct err *e)
{
    arena_reset(s->scratch);
    const struct column *columns = shape_columns(s->shape, s->scratch, b);
    const struct column *gone = NULL;
    for (uint32_t row = 0; row < b->rows; row++) {
        enum row_op op = b->op ? (enum row_op)b->op[row] : OP_INSERT;
        bool delete = op == OP_DELETE || op == OP_UPDATE_BEFORE;
        if (!collapse_key(s, columns, row, e))
            return false;
        buf_clear(&s->row);
        if (delete &&!gone)
            gone = collapse_delete_columns(s, columns, b->rows);
        rowcodec_encode(&s->row, delete ? gone : columns, s->shape->all.count, row);
        if (!buf_ok(&s->row, "a row", e))
            return false;
        collapse_keep(s, collapse_entry(s, buf_view(&s->key)), buf_view(&s->row),
                      delete ? OP_DELETE : OP_UPDATE_AFTER);
        // A -U is the first half of a change.
        s->changes += op != OP_UPDATE_BEFORE;
    }
    return true;
}

size_t collapse_bytes(const struct collapse *s)
{
    return s->row_bytes + s->cap * sizeof *s->entries + map_count(s->index) * 96;
}

uint64_t collapse_changes(const struct collapse *s)
{
    return s->changes;
}

static int collapse_order(const void *x, const void *y)
{
    const struct collapse_entry *p = x, *q = y;
    return str_cmp(p->key, q->key);
}

void collapse_seal(struct collapse *s)
{
    if (s->count)
        qsort(s->entries, s->count, sizeof *s->entries, collapse_order);
}

size_t collapse_count(const struct collapse *s)
{
    return s->count;
}

struct collapse_row collapse_at(const struct collapse *s, size_t i)
{
    assert(i < s->count);
    const struct collapse_entry *x = &s->entries[i];
    return (struct collapse_row){x->key, {x->row, x->n}, x->op};
}
