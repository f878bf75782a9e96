// COUNT_DISTINCT: exact up to SPARSE_MAX values, which are kept as 64 bit hashes; beyond that HyperLogLog with 2^14
// registers (standard error 0.8 %). ksqlDB estimates as well. NULLs are not counted.
#include "sql/exec/agg_internal.h"

#include "base/hash.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SPARSE_MAX 4096
#define BITS       14
#define REGISTERS  (UINT32_C(1) << BITS)

enum form { FORM_SPARSE, FORM_DENSE };

struct distinct_state {
    uint64_t *hashes; // owned: open addressing, 0 = free
    uint32_t slots, n;
    uint8_t *registers; // owned: FORM_DENSE, then hashes is NULL
};

static const struct type *distinct_resolve(struct arena *a, const struct type **want,
                                           const struct type *const *args, uint32_t n)
{
    assert(a && want && n == 1);
    return args[0] ? type_scalar(TYPE_BIGINT) : NULL;
}

static size_t distinct_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(struct distinct_state);
}

static void distinct_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(struct distinct_state));
}

// The place of a hash, or of the free slot for it.
static uint32_t find_slot(const struct distinct_state *s, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (s->slots - 1);
    while (s->hashes[at] && s->hashes[at] != hash)
        at = (at + 1) & (s->slots - 1);
    return at;
}

static void grow(struct distinct_state *s)
{
    struct distinct_state old = *s;
    s->slots = old.slots ? old.slots * 2 : 16;
    s->hashes = mem_zalloc(mem_array_bytes(s->slots, sizeof *s->hashes));
    for (uint32_t i = 0; i < old.slots; i++)
        if (old.hashes[i])
            s->hashes[find_slot(s, old.hashes[i])] = old.hashes[i];
    mem_free(old.hashes);
}

static void raise_register(uint8_t *registers, uint64_t hash)
{
    const uint32_t at = (uint32_t)(hash >> (64 - BITS));
    const uint64_t rest = hash << BITS | UINT64_C(1) << (BITS - 1);
    const uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    if (rank > registers[at])
        registers[at] = rank;
}

static void make_dense(struct distinct_state *s)
{
    s->registers = mem_zalloc(REGISTERS);
    for (uint32_t i = 0; i < s->slots; i++)
        if (s->hashes[i])
            raise_register(s->registers, s->hashes[i]);
    mem_free(s->hashes);
    s->hashes = NULL;
    s->slots = s->n = 0;
}

static void add_hash(struct distinct_state *s, uint64_t value)
{
    const uint64_t hash = value ? value : 1; // 0 marks a free slot
    if (s->registers) {
        raise_register(s->registers, hash);
        return;
    }
    if (2 * (s->n + 1) > s->slots)
        grow(s);
    const uint32_t at = find_slot(s, hash);
    if (s->hashes[at])
        return;
    s->hashes[at] = hash;
    if (++s->n > SPARSE_MAX)
        make_dense(s);
}

static void distinct_update(const struct agg_ctx *c, void *const *states,
                            const struct column *const *args, const uint32_t *idx, uint32_t n,
                            uint8_t *error)
{
    assert(c);
    struct buf item;
    buf_init(&item, AGG_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        if (!column_is_valid(args[0], idx[i]))
            continue;
        buf_clear(&item);
        rowcodec_encode(&item, args[0], 1, idx[i]);
        if (item.failed)
            error[idx[i]] = 1;
        else
            add_hash(states[i], hash_bytes(item.p, item.n, 0));
    }
    buf_fini(&item);
}

static bool distinct_merge(const struct agg_ctx *c, void *into, const void *from)
{
    assert(c);
    struct distinct_state *s = into;
    const struct distinct_state *other = from;
    for (uint32_t i = 0; i < other->slots; i++)
        if (other->hashes[i])
            add_hash(s, other->hashes[i]);
    if (!other->registers)
        return true;
    if (!s->registers)
        make_dense(s);
    for (uint32_t i = 0; i < REGISTERS; i++)
        if (other->registers[i] > s->registers[i])
            s->registers[i] = other->registers[i];
    return true;
}

// Flajolet's estimate; few registers set: by how many are empty.
static int64_t estimate(const uint8_t *registers)
{
    const double m = REGISTERS;
    double sum = 0;
    uint32_t empty = 0;
    for (uint32_t i = 0; i < REGISTERS; i++) {
        sum += ldexp(1.0, -registers[i]);
        empty += registers[i] == 0;
    }
    const double raw = 0.7213 / (1 + 1.079 / m) * m * m / sum;
    return llround(raw <= 2.5 * m && empty ? m * log(m / empty) : raw);
}

static void distinct_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                          const void *const *states, uint32_t first, uint32_t n)
{
    assert(c && a && out->type->kind == TYPE_BIGINT);
    for (uint32_t i = 0; i < n; i++) {
        const struct distinct_state *s = states[i];
        out->i64[first + i] = s->registers ? estimate(s->registers) : s->n;
    }
}

static int compare_hashes(const void *x, const void *y)
{
    const uint64_t a = *(const uint64_t *)x;
    const uint64_t b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

// Sorted: equal sets give equal bytes.
static void distinct_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    const struct distinct_state *s = state;
    buf_u8(out, s->registers ? FORM_DENSE : FORM_SPARSE);
    if (s->registers) {
        buf_put(out, s->registers, REGISTERS);
        return;
    }
    uint64_t *sorted = MEM_ARRAY(uint64_t, s->n + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->slots; i++)
        if (s->hashes[i])
            sorted[n++] = s->hashes[i];
    qsort(sorted, n, sizeof *sorted, compare_hashes);
    buf_varint(out, n);
    for (uint32_t i = 0; i < n; i++)
        buf_le64(out, sorted[i]);
    mem_free(sorted);
}

static bool load_dense(struct distinct_state *s, struct cursor *in, struct err *e)
{
    const uint8_t *p = NULL;
    if (!cur_bytes(in, &p, REGISTERS))
        return agg_corrupt(e, "COUNT_DISTINCT");
    s->registers = mem_alloc(REGISTERS);
    memcpy(s->registers, p, REGISTERS);
    return true;
}

static bool distinct_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    assert(c);
    struct distinct_state *s = state;
    uint8_t form = 0;
    uint64_t n = 0;
    if (!cur_u8(in, &form) || form > FORM_DENSE)
        return agg_corrupt(e, "COUNT_DISTINCT");
    if (form == FORM_DENSE)
        return load_dense(s, in, e);
    if (!cur_varint(in, &n) || n > SPARSE_MAX)
        return agg_corrupt(e, "COUNT_DISTINCT");
    while (n--) {
        uint64_t hash = 0;
        if (!cur_le64(in, &hash))
            return agg_corrupt(e, "COUNT_DISTINCT");
        add_hash(s, hash);
    }
    return true;
}

static void distinct_drop(const struct agg_ctx *c, void *state)
{
    assert(c);
    const struct distinct_state *s = state;
    mem_free(s->hashes);
    mem_free(s->registers);
}

static size_t distinct_heap(const struct agg_ctx *c, const void *state)
{
    assert(c);
    const struct distinct_state *s = state;
    return s->registers ? REGISTERS : s->slots * sizeof *s->hashes;
}

const struct agg agg_type_count_distinct = {
    .name = "COUNT_DISTINCT",
    .signatures = "COUNT_DISTINCT(ANY) -> BIGINT",
    .help = "Number of distinct values that are not NULL: exact up to 4,096, an estimate within "
            "about 1 % beyond (HyperLogLog).",
    .args_min = 1,
    .args_max = 1,
    .nested = true,
    .resolve = distinct_resolve,
    .order = agg_order_free,
    .state_bytes = distinct_bytes,
    .init = distinct_init,
    .update = distinct_update,
    .merge = distinct_merge,
    .emit = distinct_emit,
    .save = distinct_save,
    .load = distinct_load,
    .drop = distinct_drop,
    .heap_bytes = distinct_heap,
};
