// Inside the JSON decoder: the state of one decoder_run() call, and the parts that need no vector instructions:
// reasons, learnt member order, growing lists, conversions. Owned by one thread; lives on the run's stack and arena.
//
// json_kernel.inc is compiled three times (portable, SSE2, AVX2) into json_record_*(); all give equal results.
// Functions that return `const char *` return the position behind what they read, or NULL after json_fail().
#ifndef SCHEMA_SERDE_JSON_RUN_H
#define SCHEMA_SERDE_JSON_RUN_H

#include "schema/serde/json_exact.h"
#include "schema/serde/json_plan.h"
#include "schema/serde/serde_internal.h"

enum json_error {
    JSON_FINE,
    // Malformed text: final.
    JSON_CUT,       // the payload ends inside a value
    JSON_CHARACTER, // a character that cannot stand here
    JSON_CONTROL,   // raw control character in a string
    JSON_ESCAPE,    // unknown or cut escape
    JSON_SURROGATE, // \ud800 alone
    JSON_UTF8,
    JSON_NUMBER,   // 01, 1., +1, NaN …
    JSON_TRAILING, // something behind the document
    JSON_DEPTH,
    // Well-formed but not what the schema wants: read again in two passes, because a later duplicate may win.
    JSON_TYPE,
    JSON_RANGE, // does not fit the type
    JSON_TEXT,  // a text that is no number, no Base64 …
    JSON_AGAIN, // a member came twice
};

enum json_mode {
    JSON_FAST, // members are converted as they come
    JSON_EXACT, // objects are read twice: first the winning members are found, then they are converted
};

// One node's column, its pointers at hand.
struct json_slot {
    union {
        void *data;
        uint8_t *u8;
        int32_t *i32;
        int64_t *i64;
        double *f64;
        i128 *i128;
        struct str *str;
        uint32_t *offsets;
    };
    uint8_t *valid;
    struct column *column;
};

// The bytes between two values as last seen: `,"amount":` with its white space. Members usually come in the order of
// the record before, so comparing these bytes replaces scanning and looking up the name.
#define JSON_GUESS_BYTES 32
#define JSON_GUESS_MAX   256 // longer ones are not remembered
#define JSON_GUESSES_MAX 512 // members per object
struct json_guess {
    unsigned char text[JSON_GUESS_BYTES]; // zero behind n
    const struct json_node *node;         // NULL = not used
    const char *rest;                     // what follows `text` when n > JSON_GUESS_BYTES
    uint32_t mask;                        // min(n, 32) low bits
    uint32_t n;
    uint64_t spare; // to a whole cache line
};
struct json_shape {
    struct json_guess *guess; // NULL until the first record
    uint32_t count, cap;
};

struct json_run {
    const char *start, *end;   // the payload
    struct json_slot *slots;   // by node id
    struct json_shape *shapes; // by object id
    const struct json_plan *plan;
    struct arena *a;
    struct buf *scratch; // composing texts
    uint32_t row;
    uint32_t depth, depth_max;
    enum json_mode mode;
    enum json_error error;
    const char *where;            // of the error
    const struct json_node *node; // JSON_TYPE and following
    uint32_t instance;            // counts objects read
    uint32_t *seen;               // by node id: the last object instance that had this member
    bool unwrapped;
    bool null; // the record was JSON null
};

typedef bool json_record_fn(struct json_run *r);
json_record_fn json_record_portable;
#if defined(__x86_64__)
json_record_fn json_record_sse2, json_record_avx2;
#endif

const char *json_fail(struct json_run *r, enum json_error error, const char *where);
const char *json_fail_node(struct json_run *r, enum json_error error, const struct json_node *n,
                           const char *where);
void json_reason(const struct json_run *r, const struct decoder_run *run);

// Remembers at place `at` what stands before a value; too long or too many = forgotten.
void json_learn(struct json_run *r, const struct json_object *o, uint32_t at, struct str text,
                const struct json_node *node);
// The field of a member's name as written (between the quotes); NULL = none. Names with escapes too.
const struct json_node *json_lookup(struct json_run *r, const struct json_object *o,
                                    struct str raw);

// p at a backslash: behind the escape (pairs of surrogates as one).
const char *json_escape_end(struct json_run *r, const char *p);
// A checked string's text: a view, or unescaped into the arena when there is a backslash.
struct str json_unescape(struct arena *a, struct str raw);
// Text of a checked value (number, literal, object, array) as CAST to STRING in ksqlDB's JSON format gives it.
bool json_value_text(struct str *out, struct json_run *r, struct str value);

// ARRAY, MAP: one more item for the list in `row`; its place. Item columns are NULL there.
uint32_t json_list_add(struct json_run *r, const struct json_node *list);
void json_list_end(struct json_run *r, const struct json_node *list, uint32_t row);

#endif
