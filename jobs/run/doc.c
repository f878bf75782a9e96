#include "jobs/run/doc.h"

#include "base/hash.h"

#include <assert.h>

bool doc_parse(json_t **out, struct str text, const char *what, struct err *e)
{
    json_error_t why;
    json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
    if (!j || !json_is_object(j)) {
        json_decref(j);
        return err_fail(e, ERR_DATA, "%s in the state store is damaged: %s", what,
                        j ? "not an object" : why.text);
    }
    *out = j;
    return true;
}

static int doc_dump(const char *p, size_t n, void *arg)
{
    buf_put(arg, p, n);
    return 0;
}

void doc_print(struct buf *out, json_t *j)
{
    json_dump_callback(j, doc_dump, out, JSON_COMPACT);
}

void doc_pretty(struct buf *out, json_t *j)
{
    json_dump_callback(j, doc_dump, out, JSON_INDENT(2));
}

static void doc_fail(struct doc *d, const char *field)
{
    if (!d->missing)
        d->missing = field;
}

struct str doc_str(struct doc *d, const json_t *j, const char *field)
{
    const json_t *v = json_object_get(j, field);
    if (!json_is_string(v)) {
        doc_fail(d, field);
        return STR("");
    }
    return arena_str(d->a, (struct str){json_string_value(v), json_string_length(v)});
}

int64_t doc_i64(struct doc *d, const json_t *j, const char *field)
{
    const json_t *v = json_object_get(j, field);
    if (!json_is_integer(v))
        doc_fail(d, field);
    return json_integer_value(v);
}

uint64_t doc_u64(struct doc *d, const json_t *j, const char *field)
{
    int64_t v = doc_i64(d, j, field);
    if (v < 0)
        doc_fail(d, field);
    return v < 0 ? 0 : (uint64_t)v;
}

uint64_t doc_hex(struct doc *d, const json_t *j, const char *field)
{
    uint64_t v = 0;
    if (!hash_from_hex(&v, doc_str(d, j, field)))
        doc_fail(d, field);
    return v;
}

bool doc_bool(struct doc *d, const json_t *j, const char *field)
{
    const json_t *v = json_object_get(j, field);
    if (!json_is_boolean(v))
        doc_fail(d, field);
    return json_is_true(v);
}

const json_t *doc_array(struct doc *d, const json_t *j, const char *field)
{
    const json_t *v = json_object_get(j, field);
    if (!json_is_array(v)) {
        doc_fail(d, field);
        return j; // an object: json_array_size() of it is 0
    }
    return v;
}

bool doc_ok(const struct doc *d, struct err *e)
{
    return !d->missing ||
           err_fail(e, ERR_DATA, "%s in the state store is damaged: bad field \"%s\"", d->what,
                    d->missing);
}

json_t *doc_new_str(struct str s)
{
    json_t *v = json_stringn(s.n ? s.p : "", s.n);
    // Not UTF-8: cannot happen for names; an empty text beats a lost document.
    return v ? v : json_string("");
}

json_t *doc_new_hex(uint64_t h)
{
    char hex[17];
    hash_hex(hex, h);
    return json_string(hex);
}

json_t *doc_new_u64(uint64_t v)
{
    assert(v <= INT64_MAX);
    return json_integer((json_int_t)v);
}
