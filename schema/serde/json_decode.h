// The JSON decoder at a chosen level of vector instructions: all levels give the same columns and reasons. For tests and
// benchmarks; everybody else takes the best one through decoder_new().
#ifndef SCHEMA_SERDE_JSON_DECODE_H
#define SCHEMA_SERDE_JSON_DECODE_H

#include "schema/serde/serde.h"

enum json_level { JSON_PORTABLE, JSON_SSE2, JSON_AVX2 };
enum json_level json_level_best(void); // of this machine

// Unlike decoder_new() it takes the spec as it is: limits set, and nothing copied.
bool json_decoder_new(const struct decoder **out, struct arena *a, const struct serde_spec *spec,
                      enum json_level level, struct err *e) ERR_CHECKED;

#endif
