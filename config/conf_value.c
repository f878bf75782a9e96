// Single values and lists of them: from text to the field of the caller's struct.
#include "config/conf_internal.h"
#include "config/units.h"

#include <assert.h>

static struct str last_key(const struct conf_reader *r)
{
    size_t at = r->path.n;
    while (at > 0 && r->path.p[at - 1] != '.')
        at--;
    return str_slice(r->path, at, r->path.n);
}

// What may be shown of a value in an error: not what ${…} gave.
static struct str shown(const struct yaml_node *n)
{
    return str_slice(n->text, 0, 80);
}

static bool fail_value(struct conf_reader *r, const struct yaml_node *n, const char *wanted,
                       const char *hint)
{
    const struct str key = last_key(r);
    const struct str text = shown(n);
    return conf_fail(r, n, hint, "%.*s is \"%.*s\", wanted is %s", STR_ARG(key), STR_ARG(text),
                     wanted);
}

static bool parse_bool(struct conf_reader *r, bool *out, struct str v, const struct yaml_node *n)
{
    *out = str_eq(v, STR("true"));
    return *out || str_eq(v, STR("false")) || fail_value(r, n, "true or false", NULL);
}

static void print_amount(struct buf *out, enum conf_type type, int64_t v)
{
    if (type == CONF_DURATION)
        units_print_duration(out, v);
    else if (type == CONF_BYTES)
        units_print_bytes(out, (uint64_t)v);
    else if (type == CONF_RATIO)
        units_print_ratio(out, v);
    else
        buf_i64(out, v);
}

static bool check_range(struct conf_reader *r, const struct conf_opt *o, int64_t v,
                        const struct yaml_node *n)
{
    if (v >= o->min && (o->max == 0 || v <= o->max))
        return true;
    struct buf wanted;
    buf_init(&wanted, 128);
    if (o->max == 0)
        buf_text(&wanted, "at least ");
    print_amount(&wanted, o->type, o->min);
    if (o->max) {
        buf_text(&wanted, " to ");
        print_amount(&wanted, o->type, o->max);
    }
    buf_char(&wanted, '\0');
    fail_value(r, n, wanted.p, NULL);
    buf_fini(&wanted);
    return false;
}

static bool parse_amount(struct conf_reader *r, const struct conf_opt *o, void *field, struct str v,
                         const struct yaml_node *n)
{
    int64_t amount = 0;
    uint64_t bytes = 0;
    if (o->type == CONF_INT) {
        if (!str_to_i64(&amount, v))
            return fail_value(r, n, "a whole number", NULL);
    } else if (o->type == CONF_DURATION) {
        if (!units_parse_duration(&amount, v))
            return fail_value(r, n, "a duration", "as in 30s, 10m, 1h30m or 7d");
    } else if (o->type == CONF_RATIO) {
        if (!units_parse_ratio(&amount, v))
            return fail_value(r, n, "a share", "as in 0.5% or 0.005");
    } else {
        assert(o->type == CONF_BYTES);
        if (!units_parse_bytes(&bytes, v) || bytes > INT64_MAX)
            return fail_value(r, n, "a size", "as in 64MiB, 1GiB or 500MB");
        amount = (int64_t)bytes;
    }
    if (!check_range(r, o, amount, n))
        return false;
    memcpy(field, &amount, sizeof amount); // uint64_t and int64_t fields alike
    return true;
}

static bool parse_enum(struct conf_reader *r, const struct conf_opt *o, void *field, struct str v,
                       const struct yaml_node *n)
{
    struct str names[32];
    unsigned count = 0;
    for (; o->choices[count]; count++) {
        assert(count < 32);
        names[count] = str_from(o->choices[count]);
        if (str_eq(v, names[count])) {
            memcpy(field, &count, sizeof count);
            return true;
        }
    }
    const char *wanted = conf_type_text(r->a, o);
    return fail_value(r, n, wanted, conf_suggest(r->a, v, names, count));
}

bool conf_value_scalar(struct conf_reader *r, const struct conf_opt *o, void *field,
                       const struct yaml_node *n)
{
    struct str v;
    if (!conf_scalar(r, &v, n))
        return false;
    if (o->type == CONF_TEXT || o->type == CONF_PATH) {
        *(struct str *)field = o->type == CONF_PATH ? conf_path(r, v) : v;
        return v.n > 0 || fail_value(r, n, "a text", NULL);
    }
    if (o->type == CONF_BOOL)
        return parse_bool(r, field, v, n);
    if (o->type == CONF_ENUM)
        return parse_enum(r, o, field, v, n);
    return parse_amount(r, o, field, v, n);
}

bool conf_value_texts(struct conf_reader *r, const struct conf_opt *o, struct conf_texts *out,
                      const struct yaml_node *n)
{
    const struct yaml_node *const one[] = {n};
    const struct yaml_node *const *items = one;
    size_t count = yaml_is_null(n) ? 0 : 1;
    if (n->kind == YAML_LIST) {
        items = (const struct yaml_node *const *)n->items;
        count = n->n;
    } else if (count && (n->kind == YAML_MAP || !(o->flags & CONF_ONE_OR_MANY))) {
        return conf_fail(r, n, "as in [a, b]", "%.*s must be a list", STR_ARG(r->path));
    }
    struct str *v = ARENA_ZARRAY(r->a, struct str, count);
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        if (!conf_scalar(r, &v[i], items[i]))
            ok = false;
        else if (o->type == CONF_PATHS)
            v[i] = conf_path(r, v[i]);
    }
    *out = (struct conf_texts){.v = v, .n = count, .at = conf_at_of(n)};
    if (ok && (int64_t)count < o->min)
        return conf_fail(r, n, NULL, "%.*s is empty", STR_ARG(r->path));
    return ok;
}
