// Reading and writing the JSON documents of the state store (control, batch records, runs) through jansson.
//
// Readers copy strings into the arena and remember the first thing that is missing or of the wrong type, so that a loader is a
// list of fields and one check at the end. One thread.
#ifndef JOBS_RUN_DOC_H
#define JOBS_RUN_DOC_H

#include "base/arena.h"
#include "base/buf.h"

#include <jansson.h>

struct doc {
    struct arena *a;
    const char *what;    // "batch record 12", for the message
    const char *missing; // first bad field, NULL while all is well
};

bool doc_parse(json_t **out, struct str text, const char *what,
               struct err *e) ERR_CHECKED;  // caller json_decrefs
void doc_print(struct buf *out, json_t *j); // compact, keys in insertion order
void doc_pretty(struct buf *out, json_t *j);
struct str doc_str(struct doc *d, const json_t *j, const char *field);
int64_t doc_i64(struct doc *d, const json_t *j, const char *field);
uint64_t doc_u64(struct doc *d, const json_t *j, const char *field);
uint64_t doc_hex(struct doc *d, const json_t *j, const char *field);
bool doc_bool(struct doc *d, const json_t *j, const char *field);
const json_t *doc_array(struct doc *d, const json_t *j, const char *field); // never NULL
bool doc_ok(const struct doc *d, struct err *e) ERR_CHECKED;

json_t *doc_new_str(struct str s);
json_t *doc_new_hex(uint64_t h);
json_t *doc_new_u64(uint64_t v);

#endif
