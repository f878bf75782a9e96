#include "schema/serde/avro_schema.h"

#include "base/map.h"
#include "base/vec.h"

#include <assert.h>
#include <jansson.h>

#define PRECISION_DEFAULT 64 // Connect's, when a decimal has none

struct avro_names {
    struct map *map; // full name → index
    struct arena *a;
    VEC(const struct avro_type *) types;
    uint32_t count; // of types made
};

struct parse {
    struct arena *a;
    struct avro_names *names;
    struct err *e;
    unsigned depth;
};

static const struct avro_type primitives[] = {
    {.kind = AVRO_NULL},  {.kind = AVRO_BOOLEAN}, {.kind = AVRO_INT},   {.kind = AVRO_LONG},
    {.kind = AVRO_FLOAT}, {.kind = AVRO_DOUBLE},  {.kind = AVRO_BYTES}, {.kind = AVRO_STRING},
};

const char *avro_kind_name(enum avro_kind kind)
{
    static const char *const names[] = {
        [AVRO_NULL] = "null",   [AVRO_BOOLEAN] = "boolean", [AVRO_INT] = "int",
        [AVRO_LONG] = "long",   [AVRO_FLOAT] = "float",     [AVRO_DOUBLE] = "double",
        [AVRO_BYTES] = "bytes", [AVRO_STRING] = "string",   [AVRO_FIXED] = "fixed",
        [AVRO_ENUM] = "enum",   [AVRO_ARRAY] = "array",     [AVRO_MAP] = "map",
        [AVRO_UNION] = "union", [AVRO_RECORD] = "record",
    };
    return names[kind];
}

static void names_free(void *arg)
{
    struct avro_names *s = arg;
    vec_fini(&s->types);
}

struct avro_names *avro_names_new(struct arena *a)
{
    struct avro_names *s = ARENA_NEW(a, struct avro_names);
    s->a = a;
    s->map = map_new(a);
    arena_on_free(a, names_free, s);
    return s;
}

static struct str text_of(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

// --- names -----------------------------------------------------------------------------------------

static bool is_name(struct str s)
{
    assert(s.p || s.n == 0);
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return s.n > 0;
}

static struct str simple_name(struct str full)
{
    for (size_t i = full.n; i-- > 0;)
        if (full.p[i] == '.')
            return str_slice(full, i + 1, full.n);
    return full;
}

static struct str namespace_of(struct str full)
{
    const struct str simple = simple_name(full);
    return simple.n == full.n ? STR_NONE : str_slice(full, 0, full.n - simple.n - 1);
}

static struct str full_name(struct arena *a, struct str name, struct str space)
{
    assert(name.p);
    if (memchr(name.p, '.', name.n) || space.n == 0)
        return arena_str(a, name);
    return arena_printf(a, "%.*s.%.*s", STR_ARG(space), STR_ARG(name));
}

static const struct avro_type *find_name(const struct avro_names *names, struct str full)
{
    const uint64_t *at = map_get(names->map, full);
    return at ? names->types.v[*at] : NULL;
}

static bool add_name(struct parse *s, struct avro_type *t)
{
    bool added;
    uint64_t *at = map_put(s->names->map, t->name, &added);
    if (!added)
        return err_fail(s->e, ERR_DATA, "Avro schema: type %.*s is defined twice",
                        STR_ARG(t->name));
    *at = s->names->types.n;
    vec_push(&s->names->types, t);
    return true;
}

// --- types -----------------------------------------------------------------------------------------

static bool parse_type(const struct avro_type **out, struct parse *s, const json_t *j,
                       struct str space);

static struct avro_type *new_type(struct parse *s, enum avro_kind kind, uint32_t count)
{
    struct avro_type *t = ARENA_NEW(s->a, struct avro_type);
    t->kind = kind;
    t->count = count;
    t->fields = ARENA_ZARRAY(s->a, struct avro_field, (size_t)count + 1);
    return t;
}

static bool parse_named(const struct avro_type **out, struct parse *s, struct str name,
                        struct str space)
{
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++) {
        if (str_eq(name, str_from(avro_kind_name(primitives[i].kind)))) {
            *out = &primitives[i];
            return true;
        }
    }
    *out = find_name(s->names, full_name(s->a, name, space));
    if (!*out)
        *out = find_name(s->names, name);
    return *out || err_fail(s->e, ERR_DATA, "Avro schema: unknown type \"%.*s\"", STR_ARG(name));
}

static bool parse_union(const struct avro_type **out, struct parse *s, const json_t *j,
                        struct str space)
{
    struct avro_type *t = new_type(s, AVRO_UNION, (uint32_t)json_array_size(j));
    for (uint32_t i = 0; i < t->count; i++) {
        if (!parse_type(&t->fields[i].type, s, json_array_get(j, i), space))
            return false;
        if (t->fields[i].type->kind == AVRO_UNION)
            return err_fail(s->e, ERR_DATA, "Avro schema: a union directly inside a union");
    }
    if (t->count == 0)
        return err_fail(s->e, ERR_DATA, "Avro schema: a union without types");
    *out = t;
    return true;
}

static bool parse_field(struct avro_field *out, struct parse *s, const json_t *j, struct str space)
{
    const struct str name = text_of(j, "name");
    const json_t *type = json_object_get(j, "type");
    if (!is_name(name) || !type)
        return err_fail(s->e, ERR_DATA,
                        "Avro schema: a field needs a name and a type, found \"%.*s\"",
                        STR_ARG(name));
    out->name = name;
    out->fallback = json_object_get(j, "default");
    return parse_type(&out->type, s, type, space) || err_wrap(s->e, "field %.*s", STR_ARG(name));
}

static bool parse_record(struct parse *s, struct avro_type *t, const json_t *j)
{
    const json_t *fields = json_object_get(j, "fields");
    const struct str space = namespace_of(t->name);
    struct map *seen = map_new(s->a);
    bool added;
    if (!json_is_array(fields))
        return err_fail(s->e, ERR_DATA, "Avro schema: record %.*s has no fields", STR_ARG(t->name));
    t->count = (uint32_t)json_array_size(fields);
    t->fields = ARENA_ZARRAY(s->a, struct avro_field, (size_t)t->count + 1);
    for (uint32_t i = 0; i < t->count; i++) {
        if (!parse_field(&t->fields[i], s, json_array_get(fields, i), space))
            return false;
        (void)map_put(seen, t->fields[i].name, &added);
        if (!added)
            return err_fail(s->e, ERR_DATA, "Avro schema: record %.*s has field %.*s twice",
                            STR_ARG(t->name), STR_ARG(t->fields[i].name));
    }
    return true;
}

static bool parse_enum(struct parse *s, struct avro_type *t, const json_t *j)
{
    const json_t *symbols = json_object_get(j, "symbols");
    t->count = (uint32_t)json_array_size(symbols);
    struct str *texts = ARENA_ZARRAY(s->a, struct str, (size_t)t->count + 1);
    for (uint32_t i = 0; i < t->count; i++) {
        const json_t *v = json_array_get(symbols, i);
        if (!json_is_string(v))
            return err_fail(s->e, ERR_DATA, "Avro schema: a symbol of enum %.*s is no text",
                            STR_ARG(t->name));
        texts[i] = (struct str){json_string_value(v), json_string_length(v)};
    }
    t->symbols = texts;
    return t->count > 0 ||
           err_fail(s->e, ERR_DATA, "Avro schema: enum %.*s has no symbols", STR_ARG(t->name));
}

static bool parse_fixed(struct parse *s, struct avro_type *t, const json_t *j)
{
    const json_int_t size = json_integer_value(json_object_get(j, "size"));
    if (size < 0 || size > INT32_MAX || !json_is_integer(json_object_get(j, "size")))
        return err_fail(s->e, ERR_DATA, "Avro schema: fixed %.*s has no size", STR_ARG(t->name));
    t->size = (uint32_t)size;
    return true;
}

static bool parse_defined(const struct avro_type **out, struct parse *s, const json_t *j,
                          enum avro_kind kind, struct str space)
{
    const struct str name = text_of(j, "name"), own = text_of(j, "namespace");
    struct avro_type *t = new_type(s, kind, 0);
    if (!is_name(simple_name(name)))
        return err_fail(s->e, ERR_DATA, "Avro schema: %s with the name \"%.*s\"",
                        avro_kind_name(kind), STR_ARG(name));
    t->name = full_name(s->a, name, own.p ? own : space);
    *out = t;
    if (!add_name(s, t))
        return false;
    return kind == AVRO_RECORD ? parse_record(s, t, j)
           : kind == AVRO_ENUM ? parse_enum(s, t, j)
                               : parse_fixed(s, t, j);
}

// Logical types that do not fit what they stand on are ignored, as the specification wants.
static void set_logical(struct avro_type *t, const json_t *j)
{
    static const struct {
        const char *name;
        enum avro_kind on;
        enum avro_logical logical;
    } all[] = {{"date", AVRO_INT, AVRO_DATE},
               {"time-millis", AVRO_INT, AVRO_TIME_MS},
               {"time-micros", AVRO_LONG, AVRO_TIME_US},
               {"timestamp-millis", AVRO_LONG, AVRO_TIMESTAMP_MS},
               {"timestamp-micros", AVRO_LONG, AVRO_TIMESTAMP_US},
               {"decimal", AVRO_BYTES, AVRO_DECIMAL},
               {"decimal", AVRO_FIXED, AVRO_DECIMAL}};
    const struct str name = text_of(j, "logicalType");
    const json_t *precision = json_object_get(j, "precision");
    const json_int_t p = precision ? json_integer_value(precision) : PRECISION_DEFAULT;
    const json_int_t scale = json_integer_value(json_object_get(j, "scale"));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (t->kind != all[i].on || !str_eq(name, str_from(all[i].name)))
            continue;
        if (all[i].logical == AVRO_DECIMAL && (p < 1 || p > UINT16_MAX || scale < 0 || scale > p))
            return;
        t->logical = all[i].logical;
        t->precision = (uint16_t)(t->logical == AVRO_DECIMAL ? p : 0);
        t->scale = (uint16_t)(t->logical == AVRO_DECIMAL ? scale : 0);
        return;
    }
}

static bool parse_items(const struct avro_type **out, struct parse *s, const json_t *j,
                        enum avro_kind kind, struct str space)
{
    const char *key = kind == AVRO_ARRAY ? "items" : "values";
    struct avro_type *t = new_type(s, kind, 1);
    *out = t;
    if (!json_object_get(j, key))
        return err_fail(s->e, ERR_DATA, "Avro schema: %s without \"%s\"", avro_kind_name(kind),
                        key);
    return parse_type(&t->fields[0].type, s, json_object_get(j, key), space);
}

static bool parse_object(const struct avro_type **out, struct parse *s, const json_t *j,
                         struct str space)
{
    const json_t *type = json_object_get(j, "type");
    const struct str name = text_of(j, "type");
    if (json_is_object(type) || json_is_array(type))
        return parse_type(out, s, type, space);
    if (str_eq(name, STR("record")) || str_eq(name, STR("error")))
        return parse_defined(out, s, j, AVRO_RECORD, space);
    if (str_eq(name, STR("enum")))
        return parse_defined(out, s, j, AVRO_ENUM, space);
    if (str_eq(name, STR("array")))
        return parse_items(out, s, j, AVRO_ARRAY, space);
    if (str_eq(name, STR("map")))
        return parse_items(out, s, j, AVRO_MAP, space);
    if (str_eq(name, STR("fixed"))) {
        if (!parse_defined(out, s, j, AVRO_FIXED, space))
            return false;
    } else if (!name.p) {
        return err_fail(s->e, ERR_DATA, "Avro schema: an object without a type");
    } else if (!parse_named(out, s, name, space)) {
        return false;
    }
    if (!text_of(j, "logicalType").p)
        return true;
    struct avro_type *copy = ARENA_NEW(s->a, struct avro_type);
    *copy = **out;
    set_logical(copy, j);
    *out = copy;
    return true;
}

static bool parse_type(const struct avro_type **out, struct parse *s, const json_t *j,
                       struct str space)
{
    bool ok;
    if (s->depth >= AVRO_DEPTH_MAX)
        return err_fail(s->e, ERR_LIMIT, "Avro schema: more than %d levels", AVRO_DEPTH_MAX);
    if (++s->names->count > AVRO_TYPES_MAX)
        return err_fail(s->e, ERR_LIMIT, "Avro schema: more than %d types", AVRO_TYPES_MAX);
    s->depth++;
    if (json_is_string(j))
        ok = parse_named(out, s, (struct str){json_string_value(j), json_string_length(j)}, space);
    else if (json_is_array(j))
        ok = parse_union(out, s, j, space);
    else if (json_is_object(j))
        ok = parse_object(out, s, j, space);
    else
        ok = err_fail(s->e, ERR_DATA, "Avro schema: a type is a name, an object or a union");
    s->depth--;
    return ok;
}

static void release(void *arg)
{
    json_decref(arg);
}

bool avro_parse(const struct avro_type **out, struct arena *a, struct avro_names *names,
                struct str text, struct err *e)
{
    json_error_t error;
    json_t *doc = json_loadb(text.p ? text.p : "", text.n, JSON_DECODE_ANY, &error);
    struct parse s = {.a = a, .names = names, .e = e};
    if (!doc) // some registries hold a primitive's bare name
        return text.n && is_name(text) ? parse_named(out, &s, text, STR_NONE)
                                       : err_fail(e, ERR_DATA, "Avro schema: %s", error.text);
    arena_on_free(a, release, doc);
    return parse_type(out, &s, doc, STR_NONE);
}

// --- as SQL ----------------------------------------------------------------------------------------

const struct avro_type *avro_not_null(const struct avro_type *t, int *null_branch)
{
    *null_branch = -1;
    if (t->kind != AVRO_UNION)
        return t;
    for (uint32_t i = 0; i < t->count; i++)
        if (t->fields[i].type->kind == AVRO_NULL)
            *null_branch = (int)i;
    if (t->count == 1 && *null_branch < 0)
        return t->fields[0].type;
    return t->count == 2 && *null_branch >= 0 ? t->fields[1 - *null_branch].type : t;
}

const struct avro_type *avro_map_entry(const struct avro_type *t)
{
    const struct avro_type *entry = t->kind == AVRO_ARRAY ? t->fields[0].type : NULL;
    if (!entry || entry->kind != AVRO_RECORD || entry->count != 2 ||
        !str_eq(entry->fields[0].name, STR("key")) || !str_eq(entry->fields[1].name, STR("value")))
        return NULL;
    return entry;
}

struct str avro_branch_name(const struct avro_type *t)
{
    return t->name.p ? simple_name(t->name) : str_from(avro_kind_name(t->kind));
}
