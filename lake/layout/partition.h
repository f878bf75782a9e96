// Which partition directory each row of a stream output belongs to, computed over whole columns, with a cache of the last row's:
// neighbours are nearly always alike. Time parts are those of the row's event time in the output's zone.
// Owned by one thread; borrows the output description.
#ifndef LAKE_LAYOUT_PARTITION_H
#define LAKE_LAYOUT_PARTITION_H

#include "lake/layout/layout.h"

struct partitioner;

// Checks the description: columns exist, are scalar, the time column has a usable type.
bool partitioner_new(struct partitioner **out, struct arena *a, const struct lake_output *o,
                     struct err *e) ERR_CHECKED;
void partitioner_free(struct partitioner *s); // its buffers; NULL is fine

// Event times of the block's rows in Unix ms; valid[i] = 0 where there is none (NULL, unreadable, outside the years 0..9999).
void partitioner_times(int64_t *times, uint8_t *valid, const struct lake_output *o,
                       const struct block *b);

enum partition_step { PARTITION_SAME, PARTITION_OTHER };
// The row's partition against that of the row before it. After OTHER, partitioner_path() is its directory ("" without parts).
enum partition_step partitioner_row(struct partitioner *s, const struct block *b, uint32_t row,
                                    const int64_t *times, const uint8_t *valid);
struct str partitioner_path(const struct partitioner *s);
bool partitioner_failed(const struct partitioner *s); // some path was longer than LAYOUT_PATH_MAX
// "year,month,day" or "version".
void partition_describe(struct buf *out, const struct lake_output *o);

#endif
