#include "lake/layout/ljson.h"

#include "base/clock.h"
#include "base/hash.h"

#include <assert.h>

void ljson_put_str(json_t *object, const char *key, struct str value)
{
    json_t *v = json_stringn(value.p ? value.p : "", value.n);
    if (!v) { // not UTF-8
        struct buf b;
        buf_init(&b, SIZE_MAX / 2);
        layout_escape(&b, value);
        v = json_stringn(b.p, b.n);
        buf_fini(&b);
    }
    assert(v);
    json_object_set_new(object, key, v);
}

void ljson_put_u64(json_t *object, const char *key, uint64_t value)
{
    assert(value <= INT64_MAX);
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

void ljson_put_hex(json_t *object, const char *key, uint64_t value)
{
    char hex[17];
    hash_hex(hex, value);
    json_object_set_new(object, key, json_string(hex));
}

void ljson_put_time(json_t *object, const char *key, int64_t ms)
{
    struct civil c = civil_from_ms(ms);
    json_object_set_new(object, key,
                        json_sprintf("%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)c.year,
                                     c.month, c.day, c.hour, c.minute, c.second, c.ms));
}

static int print_piece(const char *p, size_t n, void *arg)
{
    buf_put(arg, p, n);
    return 0;
}

void ljson_print(struct buf *out, const json_t *j, size_t flags)
{
    int rc = json_dump_callback(j, print_piece, out,
                                flags | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    assert(rc == 0);
    if ((flags & JSON_COMPACT) == 0)
        buf_char(out, '\n');
}

static void note_missing(struct ljson_reader *r, const char *key)
{
    if (!r->missing)
        r->missing = key;
}

struct str ljson_get_str(struct ljson_reader *r, const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_string(v)) {
        note_missing(r, key);
        return STR("");
    }
    return arena_str(r->a, (struct str){json_string_value(v), json_string_length(v)});
}

uint64_t ljson_get_u64(struct ljson_reader *r, const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        note_missing(r, key);
        return 0;
    }
    return (uint64_t)json_integer_value(v);
}

uint64_t ljson_get_hex(struct ljson_reader *r, const json_t *object, const char *key)
{
    uint64_t out = 0;
    struct str text = ljson_get_str(r, object, key);
    if (text.n != 16 || !hash_from_hex(&out, text))
        note_missing(r, key);
    return out;
}
