// One payload through a JSON decoder at every level of vector instructions of this machine, three times in one run (the
// second and third time member names are predicted), each from a buffer of exactly its size. All nine results must be
// equal; a difference fails the test.
#ifndef TESTS_SUPPORT_SERDE_CASE_H
#define TESTS_SUPPORT_SERDE_CASE_H

#include "schema/serde/serde.h"

struct serde_case {
    uint8_t status;    // enum decode_status
    struct str reason; // "" unless DECODE_BAD
    struct str text;   // the columns encoded as JSON again
};

// spec's format must be SERDE_JSON; limits of 0 get their defaults. Text lives in a.
struct serde_case serde_case_json(struct arena *a, const struct serde_spec *spec,
                                  struct str payload);
// The same for one column V; type as in a one-column value {"V": …}, or bare when unwrapped.
struct serde_case serde_case_cell(struct arena *a, const struct type *type, struct str json);
// Any format, once, through decoder_new() and encoder_new(): text is what this format writes.
struct serde_case serde_case_any(struct arena *a, const struct serde_spec *spec,
                                 struct str payload);

#endif
