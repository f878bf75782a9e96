// Windowed keys as Kafka Streams writes them behind the key's own bytes: int64 big-endian start (windows of time), or
// int64 end, int64 start (sessions). Pure functions, any thread.
#ifndef SCHEMA_SERDE_WINDOW_KEY_H
#define SCHEMA_SERDE_WINDOW_KEY_H

#include "base/buf.h"
#include "schema/serde/serde.h"

enum window_key { WINDOW_KEY_TIME, WINDOW_KEY_SESSION };

void window_key_put(struct buf *out, enum window_key kind, int64_t start, int64_t end);
// Cuts the window off *key. False when the key is too short (or NULL); *end stays as it was for windows of time.
bool window_key_take(int64_t *start, int64_t *end, struct payload *key, enum window_key kind);

#endif
