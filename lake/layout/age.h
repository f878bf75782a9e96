// How old a partition of a stream is: what `retain` keeps, by whole days of the output's zone. Pure functions, any thread.
#ifndef LAKE_LAYOUT_AGE_H
#define LAKE_LAYOUT_AGE_H

#include "lake/lake.h"

// The first instant of the oldest day that is kept when it is now_ms.
int64_t age_cutoff(const struct lake_output *o, int64_t now_ms, int64_t keep_ms);

// Do the directories tell their time? Year, or year and month, and so on; columns may stand between. Only then has a partition an
// age that a row of it alone tells.
bool age_told(const struct lake_output *o);
// Is the partition of a row with this time over before the cutoff? age_told(o).
bool age_over(const struct lake_output *o, int64_t time_ms, int64_t cutoff_ms);

#endif
