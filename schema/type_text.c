#include "schema/type.h"

#include <assert.h>

// Reads what type_print writes. Used for stored schemas (decided batches), so unknown text is an error, not a bug.

enum { TYPE_TEXT_DEPTH_MAX = 64, TYPE_TEXT_FIELDS_MAX = 4096 };

struct type_reader {
    struct arena *a;
    const char *p, *end;
    unsigned depth;
};

static const struct type *type_read(struct type_reader *r);

static void type_skip_blanks(struct type_reader *r)
{
    while (r->p < r->end && *r->p == ' ')
        r->p++;
}

static bool type_accept(struct type_reader *r, char c)
{
    type_skip_blanks(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static struct str type_word(struct type_reader *r)
{
    type_skip_blanks(r);
    const char *from = r->p;
    while (r->p < r->end && ((*r->p >= 'A' && *r->p <= 'Z') || *r->p == '_'))
        r->p++;
    return (struct str){from, (size_t)(r->p - from)};
}

static bool type_small_number(struct type_reader *r, unsigned *out)
{
    type_skip_blanks(r);
    const char *from = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    uint64_t v;
    if (!str_to_u64(&v, (struct str){from, (size_t)(r->p - from)}) || v > UINT16_MAX)
        return false;
    *out = (unsigned)v;
    return true;
}

// `NAME` with `` for a back-quote inside.
static bool type_field_name(struct type_reader *r, struct str *out)
{
    if (!type_accept(r, '`'))
        return false;
    char *name = arena_alloc(r->a, (size_t)(r->end - r->p) + 1);
    size_t n = 0;
    while (r->p < r->end) {
        char c = *r->p++;
        if (c == '`') {
            if (r->p == r->end || *r->p != '`') {
                *out = (struct str){name, n};
                return true;
            }
            r->p++;
        }
        name[n++] = c;
    }
    return false;
}

static const struct type *type_read_struct(struct type_reader *r)
{
    struct field *fields = NULL;
    size_t n = 0, cap = 0;
    if (!type_accept(r, '<'))
        return NULL;
    while (!type_accept(r, '>')) {
        if (n > 0 && !type_accept(r, ','))
            return NULL;
        if (n == cap) {
            cap = cap ? cap * 2 : 8;
            struct field *more = ARENA_ARRAY(r->a, struct field, cap);
            if (n)
                memcpy(more, fields, n * sizeof *more);
            fields = more;
        }
        if (n >= TYPE_TEXT_FIELDS_MAX || !type_field_name(r, &fields[n].name))
            return NULL;
        fields[n].type = type_read(r);
        if (!fields[n++].type)
            return NULL;
    }
    return type_struct(r->a, fields, n);
}

static const struct type *type_read_nested(struct type_reader *r, struct str word)
{
    if (str_eq(word, STR("STRUCT")))
        return type_read_struct(r);
    if (str_eq(word, STR("ARRAY"))) {
        const struct type *item = type_accept(r, '<') ? type_read(r) : NULL;
        return item && type_accept(r, '>') ? type_array(r->a, item) : NULL;
    }
    if (str_eq(word, STR("MAP"))) {
        const struct type *key = type_accept(r, '<') ? type_read(r) : NULL;
        const struct type *value = key && type_accept(r, ',') ? type_read(r) : NULL;
        return value && type_accept(r, '>') ? type_map(r->a, key, value) : NULL;
    }
    if (str_eq(word, STR("DECIMAL"))) {
        unsigned p, s;
        bool ok = type_accept(r, '(') && type_small_number(r, &p) && type_accept(r, ',') &&
                  type_small_number(r, &s) && type_accept(r, ')') && p > 0 && s <= p;
        return ok ? type_decimal(r->a, p, s) : NULL;
    }
    return NULL;
}

static const struct type *type_read(struct type_reader *r)
{
    static const enum type_kind scalars[] = {
        TYPE_BOOLEAN, TYPE_INTEGER, TYPE_BIGINT, TYPE_DOUBLE,    TYPE_STRING,
        TYPE_BYTES,   TYPE_DATE,    TYPE_TIME,   TYPE_TIMESTAMP,
    };
    if (r->depth >= TYPE_TEXT_DEPTH_MAX)
        return NULL;
    struct str word = type_word(r);
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++)
        if (str_eq(word, str_from(type_kind_name(scalars[i]))))
            return type_scalar(scalars[i]);
    r->depth++;
    const struct type *t = type_read_nested(r, word);
    r->depth--;
    return t;
}

bool type_parse(const struct type **out, struct arena *a, struct str text, struct err *e)
{
    assert(out && a);
    struct type_reader r = {a, text.p, text.p + text.n, 0};
    const struct type *t = type_read(&r);
    type_skip_blanks(&r);
    if (!t || r.p != r.end)
        return err_fail(e, ERR_DATA, "not a type: %.*s", STR_ARG(text));
    *out = t;
    return true;
}
