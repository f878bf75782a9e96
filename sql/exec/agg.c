#include "sql/exec/agg_internal.h"

#include <assert.h>

static const struct agg *const table[] = {
    &agg_type_attr,
    &agg_type_avg,
    &agg_type_collect_list,
    &agg_type_collect_set,
    &agg_type_correlation,
    &agg_type_count,
    &agg_type_count_distinct,
    &agg_type_earliest_by_offset,
    &agg_type_histogram,
    &agg_type_latest_by_offset,
    &agg_type_max,
    &agg_type_min,
    &agg_type_stddev_samp,
    &agg_type_stddev_sample,
    &agg_type_sum,
    &agg_type_sum_list,
    &agg_type_topk,
    &agg_type_topkdistinct,
};

#define TABLE_COUNT (sizeof table / sizeof(void *))

bool agg_load_bytes(struct str *out, struct cursor *in, struct err *e)
{
    uint64_t n = 0;
    const uint8_t *p = NULL;
    if (!cur_varint(in, &n) || n > AGG_BYTES_MAX || !cur_bytes(in, &p, (size_t)n))
        return agg_corrupt(e, "bytes");
    *out = (struct str){(const char *)p, (size_t)n};
    return true;
}

bool agg_corrupt(struct err *e, const char *name)
{
    return err_fail(e, ERR_DATA, "stored state of %s is malformed", name);
}

enum agg_order agg_order_free(const struct agg_ctx *c)
{
    assert(c);
    return AGG_ORDER_FREE;
}

enum agg_order agg_order_seq(const struct agg_ctx *c)
{
    assert(c);
    return AGG_ORDERED;
}

i128 agg_power10(unsigned digits)
{
    assert(digits <= 38);
    i128 v = 1;
    while (digits--)
        v *= 10;
    return v;
}

void agg_save_i128(struct buf *out, i128 v)
{
    buf_le64(out, (uint64_t)v);
    buf_le64(out, (uint64_t)(v >> 64));
}

bool agg_load_i128(i128 *out, struct cursor *in)
{
    uint64_t low = 0;
    uint64_t high = 0;
    if (!cur_le64(in, &low) || !cur_le64(in, &high))
        return false;
    *out = (i128)(((unsigned __int128)high << 64) | low);
    return true;
}

void agg_save_f64(struct buf *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_le64(out, bits);
}

bool agg_load_f64(double *out, struct cursor *in)
{
    uint64_t bits = 0;
    if (!cur_le64(in, &bits))
        return false;
    memcpy(out, &bits, sizeof bits);
    return true;
}

const struct agg *agg_find(struct str name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (str_eq_nocase(str_from(table[i]->name), name))
            return table[i];
    return NULL;
}

size_t agg_count(void)
{
    return TABLE_COUNT;
}

const struct agg *agg_at(size_t i)
{
    assert(i < TABLE_COUNT);
    return table[i];
}
