// Inside the JSON decoder: which of an object's members count, when they must be known before any is converted.
// Everything is allocated in the run's arena; names are as written (between the quotes, escapes and all).
#ifndef SCHEMA_SERDE_JSON_EXACT_H
#define SCHEMA_SERDE_JSON_EXACT_H

#include "schema/serde/json_plan.h"

// The value that counts for each field of an object, NULL = missing.
struct json_winners {
    const struct json_object *object;
    const char **value;
    bool *exact; // found by its exact name
};
void json_winners_init(struct json_winners *out, struct arena *a, const struct json_object *o);
void json_winners_add(struct json_winners *s, struct arena *a, struct str raw, const char *value);
// A map's entries, or an object's for its text: a key that comes again keeps its place and takes the new value.
struct json_entries {
    struct str *key; // as written
    const char **value;
    size_t count, cap;
};
void json_entries_add(struct json_entries *s, struct arena *a, struct str raw, const char *value);
void json_entries_keep_last(struct json_entries *s, struct arena *a);

#endif
