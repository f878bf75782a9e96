#include "schema/serde/json_exact.h"

#include "base/map.h"
#include "schema/serde/json_run.h"

#include <assert.h>

#define ENTRIES_MIN 8u

void json_winners_init(struct json_winners *out, struct arena *a, const struct json_object *o)
{
    out->object = o;
    out->value = ARENA_ZARRAY(a, const char *, (size_t)o->count + 1);
    out->exact = ARENA_ZARRAY(a, bool, (size_t)o->count + 1);
}

void json_winners_add(struct json_winners *s, struct arena *a, struct str raw, const char *value)
{
    char scratch[JSON_NAME_MAX];
    const struct str name = json_unescape(a, raw);
    const int exact = json_object_field(s->object, name);
    if (exact >= 0) {
        s->value[exact] = value;
        s->exact[exact] = true;
    }
    if (name.n > JSON_NAME_MAX)
        return;
    const int upper = json_object_field(s->object, json_name_upper(scratch, name));
    if (upper >= 0 && !s->exact[upper])
        s->value[upper] = value;
}

void json_entries_add(struct json_entries *s, struct arena *a, struct str raw, const char *value)
{
    if (s->count == s->cap) {
        const size_t cap = s->cap ? s->cap * 2 : ENTRIES_MIN;
        struct str *key = ARENA_ARRAY(a, struct str, cap);
        const char **values = ARENA_ARRAY(a, const char *, cap);
        if (s->count) {
            memcpy(key, s->key, s->count * sizeof *key);
            memcpy(values, s->value, s->count * sizeof *values);
        }
        s->key = key;
        s->value = values;
        s->cap = cap;
    }
    s->key[s->count] = raw;
    s->value[s->count++] = value;
}

void json_entries_keep_last(struct json_entries *s, struct arena *a)
{
    struct map *first = map_new(a);
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        bool added;
        uint64_t *place = map_put(first, json_unescape(a, s->key[i]), &added);
        if (added) {
            *place = kept;
            s->key[kept] = s->key[i];
            s->value[kept++] = s->value[i];
        } else {
            s->value[*place] = s->value[i];
        }
    }
    assert(kept <= s->count);
    s->count = kept;
}
