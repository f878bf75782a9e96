// Amounts as people write them: "30s", "10m", "1h30m", "64MiB", "0.5%". Integers only; no locale.
#ifndef CONFIG_UNITS_H
#define CONFIG_UNITS_H

#include "base/buf.h"

// ms s m h d, in falling order and each at most once: "1h30m". A bare "0" is fine, other numbers need a unit.
bool units_parse_duration(int64_t *out_ms, struct str s);
// B kB MB GB TB (1000) KiB MiB GiB TiB (1024) or a bare number of bytes.
bool units_parse_bytes(uint64_t *out, struct str s);
// "0.5%" or "0.005" in parts per million; 0 to 100 %.
bool units_parse_ratio(int64_t *out_ppm, struct str s);
// The shortest exact form of the same.
void units_print_duration(struct buf *out, int64_t ms);
void units_print_bytes(struct buf *out, uint64_t bytes);
void units_print_ratio(struct buf *out, int64_t ppm);

#endif
