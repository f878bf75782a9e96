// Small helpers over jansson for the lake's own documents: texts that are not UTF-8 are escaped, 64-bit hashes are hex texts,
// key order is kept, so that equal contents give equal bytes. A reader notes the first field that is missing or of another type.
#ifndef LAKE_LAYOUT_LJSON_H
#define LAKE_LAYOUT_LJSON_H

#include "lake/layout/layout.h"

#include <jansson.h>

void ljson_put_str(json_t *object, const char *key, struct str value);
void ljson_put_u64(json_t *object, const char *key, uint64_t value); // at most INT64_MAX
void ljson_put_hex(json_t *object, const char *key, uint64_t value);
void ljson_put_time(json_t *object, const char *key, int64_t ms); // "2025-10-28T08:00:00.000Z"
// Appends the document in key order of insertion; jansson flags for the shape.
void ljson_print(struct buf *out, const json_t *j, size_t flags);

struct ljson_reader {
    struct arena *a;     // results live here
    const char *missing; // first wrong field; NULL = none
};
struct str ljson_get_str(struct ljson_reader *r, const json_t *object, const char *key);
uint64_t ljson_get_u64(struct ljson_reader *r, const json_t *object, const char *key);
uint64_t ljson_get_hex(struct ljson_reader *r, const json_t *object, const char *key);

#endif
