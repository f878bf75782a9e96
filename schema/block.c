#include "schema/block.h"

#include <assert.h>

struct block *block_new(struct arena *a, const struct schema *schema, uint32_t rows)
{
    assert(schema && rows < UINT32_MAX);
    struct block *b = ARENA_NEW(a, struct block);
    b->schema = schema;
    b->rows = rows;
    b->arena = a;
    b->columns = ARENA_ARRAY(a, struct column, schema->count ? schema->count : 1);
    for (uint32_t i = 0; i < schema->count; i++)
        column_init(&b->columns[i], a, schema->columns[i].type, rows);
    b->rowtime = ARENA_ZARRAY(a, int64_t, rows);
    b->seq = ARENA_ZARRAY(a, uint64_t, rows);
    if (schema->windowed) {
        b->window_start = ARENA_ZARRAY(a, int64_t, rows);
        b->window_end = ARENA_ZARRAY(a, int64_t, rows);
    }
    return b;
}

static int64_t *gather_i64(struct arena *a, const int64_t *v, const uint32_t *idx, uint32_t n)
{
    if (!v)
        return NULL;
    int64_t *out = ARENA_ARRAY(a, int64_t, n);
    for (uint32_t i = 0; i < n; i++)
        out[i] = v[idx[i]];
    return out;
}

static uint64_t *gather_u64(struct arena *a, const uint64_t *v, const uint32_t *idx, uint32_t n)
{
    if (!v)
        return NULL;
    uint64_t *out = ARENA_ARRAY(a, uint64_t, n);
    for (uint32_t i = 0; i < n; i++)
        out[i] = v[idx[i]];
    return out;
}

static uint8_t *gather_u8(struct arena *a, const uint8_t *v, const uint32_t *idx, uint32_t n)
{
    if (!v)
        return NULL;
    uint8_t *out = ARENA_ARRAY(a, uint8_t, n);
    for (uint32_t i = 0; i < n; i++)
        out[i] = v[idx[i]];
    return out;
}

struct block *block_gather(struct arena *a, const struct block *b, const uint32_t *idx, uint32_t n)
{
    struct block *out = ARENA_NEW(a, struct block);
    out->schema = b->schema;
    out->rows = n;
    out->arena = a;
    out->columns = ARENA_ARRAY(a, struct column, b->schema->count ? b->schema->count : 1);
    for (uint32_t i = 0; i < b->schema->count; i++)
        column_gather(&out->columns[i], a, &b->columns[i], idx, n);
    out->rowtime = gather_i64(a, b->rowtime, idx, n);
    out->seq = gather_u64(a, b->seq, idx, n); // blocks straight from a scan have none yet
    out->origin = gather_u64(a, b->origin, idx, n);
    out->op = gather_u8(a, b->op, idx, n);
    out->window_start = gather_i64(a, b->window_start, idx, n);
    out->window_end = gather_i64(a, b->window_end, idx, n);
    out->offset = gather_i64(a, b->offset, idx, n);
    out->null_value = gather_u8(a, b->null_value, idx, n);
    if (b->partition) {
        out->partition = ARENA_ARRAY(a, int32_t, n);
        for (uint32_t i = 0; i < n; i++)
            out->partition[i] = b->partition[idx[i]];
    }
    return out;
}

// One of the block's optional per-row arrays, by its place in struct block.
static const void *part_array(const struct block *b, size_t member)
{
    const void *p;
    memcpy(&p, (const char *)b + member, sizeof p);
    return p;
}

enum absent { ABSENT_IS_ZERO, ABSENT_DROPS_ALL };

// Concatenates such an array. A part without it counts as zeros (OP_INSERT, no null value) or makes the result lack it.
static void *concat_array(struct arena *a, const struct block *const *parts, size_t n,
                          size_t member, size_t width, enum absent absent)
{
    size_t total = 0;
    size_t present = 0;
    size_t with_rows = 0;
    for (size_t i = 0; i < n; i++) {
        total += parts[i]->rows;
        with_rows += parts[i]->rows != 0;
        present += parts[i]->rows != 0 && part_array(parts[i], member);
    }
    if (!present || (absent == ABSENT_DROPS_ALL && present < with_rows))
        return NULL;
    char *out = arena_alloc(a, mem_array_bytes(total, width));
    char *at = out;
    for (size_t i = 0; i < n; i++) {
        const void *p = part_array(parts[i], member);
        const size_t bytes = parts[i]->rows * width;
        if (p && bytes)
            memcpy(at, p, bytes);
        else
            memset(at, 0, bytes);
        at += bytes;
    }
    return out;
}

static void concat_columns(struct block *out, const struct block *const *parts, size_t n)
{
    const struct column **columns = MEM_ARRAY(const struct column *, n);
    uint32_t *rows = MEM_ARRAY(uint32_t, n);
    for (size_t i = 0; i < n; i++)
        rows[i] = parts[i]->rows;
    for (uint32_t c = 0; c < out->schema->count; c++) {
        for (size_t i = 0; i < n; i++)
            columns[i] = &parts[i]->columns[c];
        column_concat(&out->columns[c], out->arena, columns, rows, n);
    }
    mem_free(rows);
    mem_free(columns);
}

struct block *block_concat(struct arena *a, const struct block *const *parts, size_t n)
{
    assert(n > 0);
    struct block *out = ARENA_NEW(a, struct block);
    uint64_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        assert(parts[i]->schema->count == parts[0]->schema->count);
        rows += parts[i]->rows;
    }
    assert(rows < UINT32_MAX);
    out->schema = parts[0]->schema;
    out->rows = (uint32_t)rows;
    out->arena = a;
    out->columns = ARENA_ARRAY(a, struct column, out->schema->count ? out->schema->count : 1);
    concat_columns(out, parts, n);
#define CONCAT(member, absent) \
    out->member =              \
        concat_array(a, parts, n, offsetof(struct block, member), sizeof *out->member, (absent))
    CONCAT(rowtime, ABSENT_IS_ZERO);
    CONCAT(seq, ABSENT_IS_ZERO);
    CONCAT(op, ABSENT_IS_ZERO);
    CONCAT(window_start, ABSENT_IS_ZERO);
    CONCAT(window_end, ABSENT_IS_ZERO);
    CONCAT(partition, ABSENT_DROPS_ALL);
    CONCAT(offset, ABSENT_DROPS_ALL);
    CONCAT(origin, ABSENT_DROPS_ALL);
    CONCAT(null_value, ABSENT_IS_ZERO);
#undef CONCAT
    if (!rows) { // these are always set, and windows with the schema
        out->rowtime = ARENA_ZARRAY(a, int64_t, 1);
        out->seq = ARENA_ZARRAY(a, uint64_t, 1);
        out->window_start = out->schema->windowed ? ARENA_ZARRAY(a, int64_t, 1) : NULL;
        out->window_end = out->schema->windowed ? ARENA_ZARRAY(a, int64_t, 1) : NULL;
    }
    return out;
}

struct block *block_copy(struct arena *a, const struct block *b)
{
    struct block *out = block_concat(a, &b, 1);
    for (uint32_t i = 0; i < b->schema->count; i++)
        column_copy(&out->columns[i], a, &b->columns[i], b->rows);
    return out;
}

uint64_t block_list_rows(const struct block_list *l)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < l->n; i++)
        rows += l->v[i]->rows;
    return rows;
}
