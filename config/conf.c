#include "config/conf_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool table_fill(struct conf_reader *r, void *out, const struct conf_table *table,
                       const struct yaml_node *n);

// --- errors --------------------------------------------------------------------------------------

static bool fail_va(struct conf_reader *r, struct conf_at at, const char *hint, const char *fmt,
                    va_list ap) ERR_PRINTF(4, 0);
static bool fail_va(struct conf_reader *r, struct conf_at at, const char *hint, const char *fmt,
                    va_list ap)
{
    char text[512];
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    assert(n >= 0);
    struct err *e = conf_errors_add(r->errors);
    if (at.line == 0 && r->origin)
        err_fail(e, ERR_CONFIG, "%s: %s", r->origin, text);
    else
        err_fail(e, ERR_CONFIG, "%s", text);
    const struct yaml_node place = {.line = at.line, .column = at.column};
    yaml_place(e, r->spec->doc, at.line ? &place : NULL);
    if (hint && hint[0])
        err_hint(e, "%s", hint);
    return false;
}

struct conf_at conf_at_of(const struct yaml_node *n)
{
    return n ? (struct conf_at){n->line, n->column} : (struct conf_at){0};
}

bool conf_fail(struct conf_reader *r, const struct yaml_node *n, const char *hint, const char *fmt,
               ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail_va(r, conf_at_of(n), hint, fmt, ap);
    va_end(ap);
    return false;
}

bool conf_fail_at(struct conf_reader *r, struct conf_at at, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail_va(r, at, hint, fmt, ap);
    va_end(ap);
    return false;
}

const char *conf_suggest(struct arena *a, struct str found, const struct str *names, size_t n)
{
    size_t best = SIZE_MAX;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t d = str_distance(found, names[i]);
        if (d < best) {
            best = d;
            at = i;
        }
    }
    if (n > 0 && best <= (found.n < 4 ? 1 : found.n / 3))
        return arena_printf(a, "did you mean %.*s", STR_ARG(names[at])).p;
    struct str all = arena_str(a, STR(""));
    for (size_t i = 0; i < n; i++)
        all = arena_printf(a, "%s%s%.*s", all.p, i ? ", " : "", STR_ARG(names[i]));
    return n ? arena_printf(a, "known: %s", all.p).p : "";
}

// --- for hooks -----------------------------------------------------------------------------------

bool conf_place(const struct conf_reader *r, struct conf_at at, struct err *e)
{
    const struct yaml_node n = {.line = at.line, .column = at.column};
    return yaml_place(e, r->spec->doc, at.line ? &n : NULL);
}

struct arena *conf_arena(struct conf_reader *r)
{
    return r->a;
}

const struct secret_source *conf_secrets(const struct conf_reader *r)
{
    return &r->spec->secrets;
}

void conf_display(struct conf_reader *r, struct str text)
{
    r->display = arena_str(r->a, text);
}

struct str conf_path(struct conf_reader *r, struct str path)
{
    const char *dir = r->spec->secrets.dir;
    if (path.n == 0 || path.p[0] == '/' || !dir || !dir[0] || str_eq(str_from(dir), STR(".")))
        return arena_str(r->a, path);
    while (str_starts(path, STR("./")))
        path = str_slice(path, 2, path.n);
    return arena_printf(r->a, "%s/%.*s", dir, STR_ARG(path));
}

bool conf_scalar(struct conf_reader *r, struct str *out, const struct yaml_node *n)
{
    if (n->kind != YAML_SCALAR)
        return conf_fail(r, n, NULL, "%.*s is a %s, not a single value", STR_ARG(r->path),
                         n->kind == YAML_LIST ? "list" : "mapping");
    if (yaml_is_null(n))
        return conf_fail(r, n, NULL, "%.*s needs a value", STR_ARG(r->path));
    struct err e;
    if (secret_expand(out, r->a, n->text, &r->spec->secrets, &e))
        return true;
    return conf_fail(r, n, e.hint, "%s", e.text);
}

// --- settings as shown ---------------------------------------------------------------------------

static struct str shown_text(struct conf_reader *r, const struct yaml_node *n)
{
    if (n->kind == YAML_SCALAR)
        return n->text;
    struct str all = arena_str(r->a, n->kind == YAML_LIST ? STR("[") : STR("{"));
    for (size_t i = 0; i < n->n; i++) {
        const struct str item = shown_text(r, n->items[i]);
        const struct str key = n->kind == YAML_MAP ? n->keys[i]->text : STR_NONE;
        all = arena_printf(r->a, "%s%s%.*s%s%.*s", all.p, i ? ", " : "", STR_ARG(key),
                           key.n ? ": " : "", STR_ARG(item));
    }
    return arena_printf(r->a, "%s%s", all.p, n->kind == YAML_LIST ? "]" : "}");
}

static void record(struct conf_reader *r, struct str text, struct str origin)
{
    const struct conf_setting s = {
        .path = r->path, .text = r->display.p ? r->display : text, .origin = origin};
    vec_push(&r->settings, s);
    r->display = STR_NONE;
}

static void record_node(struct conf_reader *r, const struct yaml_node *n)
{
    record(r, shown_text(r, n),
           n->line ? arena_printf(r->a, "%s:%u:%u", r->spec->doc->file, n->line, n->column)
                   : arena_str(r->a, str_from(r->origin)));
}

void conf_note(struct conf_reader *r, struct str under, const char *key, struct str text,
               const char *origin)
{
    const struct conf_setting s = {.path = arena_printf(r->a, "%.*s%s", STR_ARG(under), key),
                                   .text = arena_str(r->a, text),
                                   .origin = str_from(origin)};
    size_t at = r->settings.n;
    while (at > 0 && !str_starts(r->settings.v[at - 1].path, under))
        at--;
    at = at ? at : r->settings.n;
    vec_push(&r->settings, s);
    struct conf_setting *v = r->settings.v + at;
    memmove(v + 1, v, (r->settings.n - 1 - at) * sizeof *v);
    *v = s;
}

void conf_unnote(struct conf_reader *r, struct str path)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->settings.n; i++)
        if (!str_eq(r->settings.v[i].path, path))
            r->settings.v[kept++] = r->settings.v[i];
    r->settings.n = kept;
}

// --- structures ----------------------------------------------------------------------------------

static struct str enter(struct conf_reader *r, const char *fmt, ...) ERR_PRINTF(2, 3);
static struct str enter(struct conf_reader *r, const char *fmt, ...)
{
    char part[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(part, sizeof part, fmt, ap);
    va_end(ap);
    const struct str before = r->path;
    const bool dot = before.n > 0 && part[0] != '[';
    r->path = arena_printf(r->a, "%.*s%s%s", STR_ARG(before), dot ? "." : "", part);
    return before;
}

bool conf_table_parse(struct conf_reader *r, void *out, const struct conf_table *table,
                      const struct yaml_node *n)
{
    *(struct conf_at *)(void *)((char *)out + table->at_offset) = conf_at_of(n);
    const bool scalar_only = table->count == 0;
    if (!scalar_only && (n->kind == YAML_MAP || yaml_is_null(n)))
        return table_fill(r, out, table, yaml_is_null(n) ? NULL : n);
    if (n->kind == YAML_SCALAR && table->scalar) {
        if (!table_fill(r, out, table, NULL) || !table->scalar(r, out, n))
            return false;
        record_node(r, n);
        return true;
    }
    static const char *const kinds[] = {
        [YAML_SCALAR] = "single value", [YAML_LIST] = "list", [YAML_MAP] = "mapping"};
    return conf_fail(r, n, NULL, "%.*s must be a %s, not a %s", STR_ARG(r->path),
                     kinds[scalar_only ? YAML_SCALAR : YAML_MAP], kinds[n->kind]);
}

static bool parse_list(struct conf_reader *r, const struct conf_opt *o, struct conf_items *out,
                       const struct yaml_node *n)
{
    struct yaml_node single = *n;
    struct yaml_node *one[] = {&single};
    struct yaml_node *const *items = n->items;
    size_t count = n->n;
    if (n->kind != YAML_LIST) {
        if (!yaml_is_null(n) && !(o->flags & CONF_ONE_OR_MANY))
            return conf_fail(r, n, NULL, "%.*s must be a list", STR_ARG(r->path));
        items = one;
        count = yaml_is_null(n) ? 0 : 1;
    }
    out->v = arena_zalloc(r->a, mem_array_bytes(count, o->sub->bytes));
    out->n = count;
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        const struct str before = enter(r, "[%zu]", i);
        ok = conf_table_parse(r, (char *)out->v + i * o->sub->bytes, o->sub, items[i]) && ok;
        r->path = before;
    }
    return ok;
}

static bool parse_map(struct conf_reader *r, const struct conf_opt *o, struct conf_items *out,
                      const struct yaml_node *n)
{
    if (n->kind != YAML_MAP && !yaml_is_null(n))
        return conf_fail(r, n, NULL, "%.*s must be a mapping by name", STR_ARG(r->path));
    out->v = arena_zalloc(r->a, mem_array_bytes(n->n, o->sub->bytes));
    out->n = n->n;
    bool ok = true;
    for (size_t i = 0; i < n->n; i++) {
        void *item = (char *)out->v + i * o->sub->bytes;
        const struct str name = n->keys[i]->text;
        *(struct str *)(void *)((char *)item + o->sub->name_offset) = name;
        const struct str before = enter(r, "%.*s", STR_ARG(name));
        ok = conf_table_parse(r, item, o->sub, n->items[i]) && ok;
        // Errors about the whole entry point at its name.
        *(struct conf_at *)(void *)((char *)item + o->sub->at_offset) = conf_at_of(n->keys[i]);
        r->path = before;
    }
    return ok;
}

static bool is_sensitive(struct str name)
{
    static const char *const parts[] = {"password", "secret", "token",
                                        ".pem",     "jaas",   "oauthbearer.config"};
    size_t at = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (str_find(&at, name, str_from(parts[i])))
            return true;
    }
    return false;
}

static bool parse_pair(struct conf_reader *r, struct conf_pair *out, const struct yaml_node *key,
                       const struct yaml_node *value, struct str name)
{
    const struct str before = enter(r, "%.*s", STR_ARG(name));
    struct str v;
    const bool ok = conf_scalar(r, &v, value);
    if (ok) {
        *out = (struct conf_pair){
            .name = arena_str(r->a, name), .value = secret_from(v), .at = conf_at_of(key)};
        if (is_sensitive(name) && !secret_has_reference(value->text))
            conf_display(r, STR("***"));
        record_node(r, value);
    }
    r->path = before;
    return ok;
}

static struct yaml_node synthetic(struct str text)
{
    return (struct yaml_node){.kind = YAML_SCALAR, .text = text, .quoted = true};
}

// The file's pairs, then those of --set: an equal name is replaced.
static bool parse_pairs(struct conf_reader *r, struct conf_pairs *out, const struct yaml_node *n)
{
    if (n && n->kind != YAML_MAP && !yaml_is_null(n))
        return conf_fail(r, n, NULL, "%.*s must be a mapping", STR_ARG(r->path));
    const size_t in_file = n ? n->n : 0;
    bool ok = true;
    out->v = ARENA_ZARRAY(r->a, struct conf_pair, in_file + r->spec->override_count);
    const struct str prefix = arena_printf(r->a, "%.*s.", STR_ARG(r->path));
    for (size_t i = 0; i < r->spec->override_count; i++) {
        const struct conf_override *o = &r->spec->overrides[i];
        if (!str_starts(o->path, prefix))
            continue;
        const struct yaml_node value = synthetic(o->value);
        const struct str name = str_slice(o->path, prefix.n, o->path.n);
        r->override_used[i] = true;
        r->origin = o->origin;
        ok = parse_pair(r, &out->v[out->n++], NULL, &value, name) && ok;
        r->origin = NULL;
    }
    const size_t set = out->n;
    for (size_t i = 0; i < in_file; i++) {
        bool replaced = false;
        for (size_t k = 0; k < set; k++)
            replaced = replaced || str_eq(out->v[k].name, n->keys[i]->text);
        if (!replaced)
            ok = parse_pair(r, &out->v[out->n++], n->keys[i], n->items[i], n->keys[i]->text) && ok;
    }
    return ok;
}

static bool is_structure(enum conf_type type)
{
    return type == CONF_SECTION || type == CONF_LIST || type == CONF_MAP || type == CONF_PAIRS;
}

static bool parse_field(struct conf_reader *r, const struct conf_opt *o, void *field,
                        const struct yaml_node *n)
{
    switch (o->type) {
    case CONF_TEXT:
    case CONF_PATH:
    case CONF_BOOL:
    case CONF_INT:
    case CONF_BYTES:
    case CONF_DURATION:
    case CONF_RATIO:
    case CONF_ENUM:
        return conf_value_scalar(r, o, field, n);
    case CONF_TEXTS:
    case CONF_PATHS:
        return conf_value_texts(r, o, field, n);
    case CONF_SECTION:
        return conf_table_parse(r, field, o->sub, n);
    case CONF_LIST:
        return parse_list(r, o, field, n);
    case CONF_MAP:
        return parse_map(r, o, field, n);
    case CONF_PAIRS:
        return parse_pairs(r, field, n);
    case CONF_CUSTOM:
        return o->parse(r, field, n);
    }
    assert(!"no such type");
    return false;
}

// A value from outside the file: --set, then the environment.
static bool outside_value(struct str *out, struct conf_reader *r, const struct conf_opt *o)
{
    for (size_t i = r->spec->override_count; i > 0; i--) {
        const struct conf_override *set = &r->spec->overrides[i - 1];
        if (!str_eq(set->path, r->path))
            continue;
        r->override_used[i - 1] = true;
        if (r->origin)
            continue; // a later one has won
        *out = set->value;
        r->origin = set->origin;
    }
    if (r->origin)
        return true;
    const struct secret_source *s = &r->spec->secrets;
    const char *v = NULL;
    if (o->env)
        v = s->env ? s->env(s->arg, o->env) : getenv(o->env);
    if (!v)
        return false;
    *out = str_from(v);
    r->origin = arena_printf(r->a, "environment %s", o->env).p;
    return true;
}

static bool fill_default(struct conf_reader *r, const struct conf_opt *o, void *field)
{
    if (o->type == CONF_SECTION && !(o->flags & CONF_OPTIONAL))
        return table_fill(r, field, o->sub, NULL);
    if (o->type == CONF_PAIRS)
        return parse_pairs(r, field, NULL);
    if (!o->def)
        return true;
    struct yaml_node n = synthetic(str_from(o->def));
    if (o->type == CONF_TEXTS) {
        struct str rest = str_from(o->def);
        struct str one = rest;
        VEC(struct str) words = {0};
        while (str_split_once(&one, &rest, rest, ' '))
            vec_push(&words, one);
        vec_push(&words, rest);
        struct conf_texts *texts = field;
        struct str *v = ARENA_ARRAY(r->a, struct str, words.n);
        memcpy(v, words.v, words.n * sizeof *v);
        *texts = (struct conf_texts){.v = v, .n = words.n};
        vec_fini(&words);
    } else {
        const bool ok = parse_field(r, o, field, &n);
        assert(ok);
    }
    record(r, n.text, STR("default"));
    return true;
}

// r->path is the option's.
static bool fill_option(struct conf_reader *r, const struct conf_opt *o, void *field,
                        const struct yaml_node *n)
{
    struct str text = STR_NONE;
    if (!is_structure(o->type) && outside_value(&text, r, o)) {
        const struct yaml_node value = synthetic(text);
        const bool ok = parse_field(r, o, field, &value);
        if (ok)
            record_node(r, &value);
        r->origin = NULL;
        return ok;
    }
    if (!n)
        return fill_default(r, o, field);
    if (!parse_field(r, o, field, n))
        return false;
    if (!is_structure(o->type))
        record_node(r, n);
    return true;
}

static bool check_keys(struct conf_reader *r, const struct conf_table *table,
                       const struct yaml_node *n)
{
    struct str *names = ARENA_ARRAY(r->a, struct str, table->count);
    for (size_t i = 0; i < table->count; i++)
        names[i] = str_from(table->opts[i].key);
    bool ok = true;
    for (size_t i = 0; i < n->n; i++) {
        const struct str key = n->keys[i]->text;
        bool known = false;
        for (size_t k = 0; k < table->count; k++)
            known = known || str_eq(key, names[k]);
        if (known)
            continue;
        const struct str cut = str_slice(key, 0, 80);
        ok = conf_fail(r, n->keys[i], conf_suggest(r->a, key, names, table->count),
                       "unknown key %.*s", STR_ARG(cut));
    }
    return ok;
}

// Every option of the table: from outside, from n (NULL: nothing is there), or its default.
static bool table_fill(struct conf_reader *r, void *out, const struct conf_table *table,
                       const struct yaml_node *n)
{
    if (table->init)
        table->init(out);
    bool ok = n ? check_keys(r, table, n) : true;
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_opt *o = &table->opts[i];
        const struct yaml_node *value = n ? yaml_get(n, str_from(o->key)) : NULL;
        const struct str before = enter(r, "%s", o->key);
        const size_t settings = r->settings.n;
        ok = fill_option(r, o, (char *)out + o->offset, value) && ok;
        const bool given = value || r->settings.n > settings;
        if (!given && (o->flags & CONF_REQUIRED) && n)
            ok = conf_fail(r, n, o->help, "key %s is missing in %.*s", o->key,
                           STR_ARG(before.n ? before : STR("the file")));
        r->path = before;
    }
    return ok;
}

static void check_overrides(struct conf_reader *r)
{
    struct str *names = ARENA_ARRAY(r->a, struct str, r->settings.n);
    for (size_t i = 0; i < r->settings.n; i++)
        names[i] = r->settings.v[i].path;
    for (size_t i = 0; i < r->spec->override_count; i++) {
        const struct conf_override *o = &r->spec->overrides[i];
        if (r->override_used[i])
            continue;
        r->origin = o->origin;
        conf_fail(r, NULL, conf_suggest(r->a, o->path, names, r->settings.n), "unknown key %.*s",
                  STR_ARG(o->path));
        r->origin = NULL;
    }
}

static void release_settings(void *arg)
{
    struct conf_reader *r = arg;
    vec_fini(&r->settings);
}

bool conf_parse(void *out, struct arena *a, const struct conf_table *table,
                const struct conf_spec *spec, struct conf_errors *errors,
                struct conf_reader **reader)
{
    assert(out && table && spec && spec->doc && reader);
    const size_t before = errors->n + errors->dropped;
    struct conf_spec *kept = ARENA_NEW(a, struct conf_spec);
    struct conf_reader *r = ARENA_NEW(a, struct conf_reader);
    *kept = *spec;
    *r = (struct conf_reader){.a = a, .spec = kept, .errors = errors};
    r->override_used = ARENA_ZARRAY(a, bool, spec->override_count);
    arena_on_free(a, release_settings, r);
    const struct yaml_node empty = {.kind = YAML_MAP, .line = 1, .column = 1};
    const struct yaml_node *root = spec->doc->root;
    if (!root || yaml_is_null(root))
        root = &empty;
    if (root->kind == YAML_MAP) {
        *(struct conf_at *)(void *)((char *)out + table->at_offset) = conf_at_of(root);
        if (table_fill(r, out, table, root))
            check_overrides(r);
    } else {
        conf_fail(r, root, NULL, "the file must be a mapping");
    }
    *reader = r;
    return errors->n + errors->dropped == before;
}
