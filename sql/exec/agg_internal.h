// What the aggregate functions share: the list of them and a growing byte string for variable states.
#ifndef SQL_EXEC_AGG_INTERNAL_H
#define SQL_EXEC_AGG_INTERNAL_H

#include "base/buf.h"
#include "sql/exec/agg.h"

extern const struct agg agg_type_attr;
extern const struct agg agg_type_avg;
extern const struct agg agg_type_collect_list;
extern const struct agg agg_type_collect_set;
extern const struct agg agg_type_correlation;
extern const struct agg agg_type_count;
extern const struct agg agg_type_count_distinct;
extern const struct agg agg_type_earliest_by_offset;
extern const struct agg agg_type_histogram;
extern const struct agg agg_type_latest_by_offset;
extern const struct agg agg_type_max;
extern const struct agg agg_type_min;
extern const struct agg agg_type_stddev_samp;
extern const struct agg agg_type_stddev_sample;
extern const struct agg agg_type_sum;
extern const struct agg agg_type_sum_list;
extern const struct agg agg_type_topk;
extern const struct agg agg_type_topkdistinct;

// Longest variable part of one state: a COLLECT_LIST beyond it fails the row instead of eating the machine.
#define AGG_BYTES_MAX ((size_t)1 << 30)

static inline void agg_save_bytes(struct buf *out, const void *p, size_t n)
{
    buf_varint(out, n);
    buf_put(out, p, n);
}

bool agg_load_bytes(struct str *out, struct cursor *in, struct err *e) ERR_CHECKED;
// All the fallible loads end here: the stored state is shorter or other than what save() writes.
bool agg_corrupt(struct err *e, const char *name);
enum agg_order agg_order_free(const struct agg_ctx *c);
enum agg_order agg_order_seq(const struct agg_ctx *c);

// 10^digits for digits 0..38.
i128 agg_power10(unsigned digits);
void agg_save_i128(struct buf *out, i128 v);
bool agg_load_i128(i128 *out, struct cursor *in);
void agg_save_f64(struct buf *out, double v);
bool agg_load_f64(double *out, struct cursor *in);

#endif
