// The order in which java.util.HashMap goes through a map's entries: what ksqlDB's users see wherever a MAP is walked
// (printed, MAP_KEYS, REDUCE). Our MAPs are sorted by key; this is computed from the keys alone (keys that share a bucket are in
// key order). Pure function.
#ifndef SCHEMA_MAP_ORDER_H
#define SCHEMA_MAP_ORDER_H

#include "schema/block.h"

// out: room for the row's entries (column_items); their child rows in that order.
void map_order(uint32_t *out, const struct column *c, uint32_t row);

#endif
