// Numbers, dates and times as text, exactly as the JVM prints and parses them; and values as text (CAST AS STRING).
#ifndef SCHEMA_TEXT_H
#define SCHEMA_TEXT_H

#include "schema/block.h"

// Double.toString (JDK 19+, shortest): "1.0", "1.2345678E7", "4.9E-324", "NaN", "Infinity". Fast path for money-like values.
void text_double(struct buf *out, double v);
// Correctly rounded, no locale; accepts what Double.parseDouble accepts (less hex and suffixes). False when not a number.
bool text_parse_double(double *out, struct str s);
void text_timestamp(struct buf *out,
                    int64_t ms); // 2020-01-02T03:04:05.678 (CAST(timestamp AS STRING))
void text_date(struct buf *out, int32_t days); // 2020-01-02
void text_time(struct buf *out, int32_t ms);   // 03:04:05.678 (java.time.LocalTime)
// ISO-8601, partial forms completed as ksqlDB does ("2020-01-02", "2020-01-02T03:04", zone or Z optional).
bool text_parse_timestamp(int64_t *out, struct str s);
bool text_parse_date(int32_t *out, struct str s);
bool text_parse_time(int32_t *out, struct str s);
// One cell as CAST(x AS STRING) prints it; structs and arrays in ksqlDB's forms.
void text_cell(struct buf *out, const struct column *c, uint32_t row);

// java.time.format.DateTimeFormatter patterns, compiled once. Zones by IANA name or offset (TZif files of the system).
struct zone;
bool zone_load(const struct zone **out, struct arena *a, struct str name,
               struct err *e) ERR_CHECKED;
int32_t zone_offset_s(const struct zone *z, int64_t utc_ms);
// Local wall time to UTC; gaps move forward, overlaps take the earlier offset (java.time rules).
int64_t zone_to_utc_ms(const struct zone *z, int64_t local_ms);

struct time_pattern;
bool time_pattern_compile(const struct time_pattern **out, struct arena *a, struct str pattern,
                          struct err *e) ERR_CHECKED;
void time_pattern_format(struct buf *out, const struct time_pattern *p, int64_t utc_ms,
                         const struct zone *z);
bool time_pattern_parse(int64_t *out, const struct time_pattern *p, struct str s,
                        const struct zone *z);
// … where something may stand behind what the pattern reads.
bool time_pattern_parse_start(int64_t *out, const struct time_pattern *p, struct str s,
                              const struct zone *z);
// What the pattern's letters are about; zones and offsets count as both date and time. ONLY_OUT: nothing can be parsed by it.
enum { TIME_PATTERN_DATE = 1, TIME_PATTERN_TIME = 2, TIME_PATTERN_ONLY_OUT = 4 };
unsigned time_pattern_parts(const struct time_pattern *p);

#endif
