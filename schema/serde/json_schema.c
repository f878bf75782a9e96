// JSON Schema (with Connect's annotations) as a SQL type.
#include "schema/serde/infer.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

#define DEPTH_MAX         64
#define FIELDS_MAX        100000u
#define PRECISION_DEFAULT 64

struct infer {
    struct arena *a;
    struct err *e;
    const struct schema_files *files;
    json_t **docs; // of the files
    unsigned depth;
    uint32_t fields;
};

static bool infer(const struct type **out, struct infer *s, const json_t *doc, const json_t *j);

static struct str text_of(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

// #/definitions/X in this document, or the name of a reference.
static const json_t *follow(const json_t **doc, const struct infer *s, struct str ref)
{
    char name[256];
    struct str part, rest = ref;
    const json_t *j = *doc;
    for (size_t i = 0; i < s->files->n; i++) {
        if (!str_eq(s->files->v[i].name, ref) || !ref.n)
            continue;
        *doc = s->docs[i];
        return s->docs[i];
    }
    if (!str_starts(ref, STR("#")))
        return NULL;
    rest = str_slice(ref, ref.n > 1 ? 2 : 1, ref.n);
    while (j && rest.n) {
        if (!str_split_once(&part, &rest, rest, '/')) {
            part = rest;
            rest = STR_NONE;
        }
        if (part.n >= sizeof name)
            return NULL;
        memcpy(name, part.p, part.n);
        name[part.n] = '\0';
        j = json_object_get(j, name);
    }
    return j;
}

// The only member of oneOf or anyOf that is not null; NULL when there are several.
static const json_t *only_branch(const json_t *list)
{
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *branch = json_array_get(list, i);
        if (str_eq(text_of(branch, "type"), STR("null")))
            continue;
        if (found)
            return NULL;
        found = branch;
    }
    return found;
}

static struct str type_name(const struct infer *s, const json_t *j)
{
    const json_t *type = json_object_get(j, "type");
    struct str found = text_of(j, "type");
    (void)s;
    for (size_t i = 0; i < json_array_size(type); i++) {
        const json_t *v = json_array_get(type, i);
        const struct str name = {json_string_value(v), json_string_length(v)};
        if (json_is_string(v) && !str_eq(name, STR("null")))
            found = name;
    }
    if (!found.p && json_is_object(json_object_get(j, "properties")))
        return STR("object");
    return !found.p && json_object_get(j, "enum") ? STR("string") : found;
}

struct property {
    const char *name;
    const json_t *schema;
    json_int_t index;
    size_t at;
};

static int by_index(const void *x, const void *y)
{
    const struct property *p = x, *q = y;
    if (p->index != q->index)
        return p->index < q->index ? -1 : 1;
    return p->at < q->at ? -1 : p->at > q->at;
}

static bool infer_object(const struct type **out, struct infer *s, const json_t *doc,
                         const json_t *j)
{
    json_t *properties = json_object_get(j, "properties");
    const size_t n = json_object_size(properties);
    struct property *list = ARENA_ARRAY(s->a, struct property, n + 1);
    struct field *fields = ARENA_ARRAY(s->a, struct field, n + 1);
    const char *name;
    json_t *schema;
    size_t i = 0;
    json_object_foreach(properties, name, schema)
    {
        const json_t *index = json_object_get(schema, "connect.index");
        list[i] = (struct property){name, schema, index ? json_integer_value(index) : INT32_MAX, i};
        i++;
    }
    if (n > 1)
        qsort(list, n, sizeof *list, by_index);
    for (i = 0; i < n; i++) {
        if (++s->fields > FIELDS_MAX)
            return err_fail(s->e, ERR_LIMIT, "JSON schema: more than %u fields", FIELDS_MAX);
        fields[i].name = arena_str(s->a, str_from(list[i].name));
        if (!infer(&fields[i].type, s, doc, list[i].schema))
            return err_wrap(s->e, "field %s", list[i].name);
    }
    *out = type_struct(s->a, fields, n);
    return true;
}

static bool infer_map(const struct type **out, struct infer *s, const json_t *doc,
                      const json_t *value)
{
    const struct type *item;
    if (!json_is_object(value))
        return err_fail(s->e, ERR_DATA, "JSON schema: a map without the type of its values");
    if (!infer(&item, s, doc, value))
        return false;
    *out = type_map(s->a, type_scalar(TYPE_STRING), item);
    return true;
}

static const struct type *decimal_type(struct arena *a, const json_t *j)
{
    const json_t *parameters = json_object_get(j, "connect.parameters");
    int64_t scale = 0, precision = PRECISION_DEFAULT;
    (void)str_to_i64(&scale, text_of(parameters, "scale"));
    (void)str_to_i64(&precision, text_of(parameters, "connect.decimal.precision"));
    if (precision < 1 || precision > UINT16_MAX || scale < 0 || scale > precision)
        return NULL;
    return type_decimal(a, (unsigned)precision, (unsigned)scale);
}

static bool infer_scalar(const struct type **out, struct infer *s, const json_t *j, struct str type)
{
    const struct str title = text_of(j, "title"), connect = text_of(j, "connect.type");
    const struct str prefix = STR("org.apache.kafka.connect.data.");
    const struct str logical =
        str_starts(title, prefix) ? str_slice(title, prefix.n, title.n) : STR_NONE;
    const bool narrow = str_eq(connect, STR("int8")) || str_eq(connect, STR("int16")) ||
                        str_eq(connect, STR("int32"));
    *out = NULL;
    if (str_eq(logical, STR("Decimal")))
        *out = decimal_type(s->a, j);
    else if (str_eq(logical, STR("Date")))
        *out = type_scalar(TYPE_DATE);
    else if (str_eq(logical, STR("Time")))
        *out = type_scalar(TYPE_TIME);
    else if (str_eq(logical, STR("Timestamp")))
        *out = type_scalar(TYPE_TIMESTAMP);
    else if (str_eq(type, STR("boolean")))
        *out = type_scalar(TYPE_BOOLEAN);
    else if (str_eq(type, STR("integer")))
        *out = type_scalar(narrow ? TYPE_INTEGER : TYPE_BIGINT);
    else if (str_eq(type, STR("number")))
        *out = type_scalar(TYPE_DOUBLE);
    else if (str_eq(type, STR("string")))
        *out = type_scalar(str_eq(connect, STR("bytes")) ? TYPE_BYTES : TYPE_STRING);
    return *out ||
           err_fail(s->e, ERR_DATA, "JSON schema: no SQL type for type \"%.*s\"", STR_ARG(type));
}

static bool infer_type(const struct type **out, struct infer *s, const json_t *doc, const json_t *j)
{
    const struct str type = type_name(s, j);
    const bool map = str_eq(text_of(j, "connect.type"), STR("map"));
    const json_t *more = json_object_get(j, "additionalProperties");
    const struct type *item;
    if (str_eq(type, STR("array"))) {
        const json_t *items = json_object_get(j, "items");
        if (map) // entries {key, value}
            return infer_map(out, s, doc,
                             json_object_get(json_object_get(items, "properties"), "value"));
        if (!json_is_object(items))
            return err_fail(s->e, ERR_DATA, "JSON schema: an array without the type of its items");
        if (!infer(&item, s, doc, items))
            return false;
        *out = type_array(s->a, item);
        return true;
    }
    if (!str_eq(type, STR("object")))
        return infer_scalar(out, s, j, type);
    if (map || (json_is_object(more) && !json_object_get(j, "properties")))
        return infer_map(out, s, doc, more);
    return infer_object(out, s, doc, j);
}

static bool infer_here(const struct type **out, struct infer *s, const json_t *doc, const json_t *j)
{
    const struct str ref = text_of(j, "$ref");
    const json_t *list = json_object_get(j, "oneOf");
    if (!json_is_object(j))
        return err_fail(s->e, ERR_DATA, "JSON schema: a schema must be an object");
    if (ref.p) {
        const json_t *to = follow(&doc, s, ref);
        return to ? infer(out, s, doc, to)
                  : err_fail(s->e, ERR_DATA, "JSON schema: nothing at $ref \"%.*s\"", STR_ARG(ref));
    }
    if (!list)
        list = json_object_get(j, "anyOf");
    if (list) {
        const json_t *branch = only_branch(list);
        return branch
                   ? infer(out, s, doc, branch)
                   : err_fail(s->e, ERR_DATA,
                              "JSON schema: oneOf and anyOf with several types have no SQL type");
    }
    return infer_type(out, s, doc, j);
}

static bool infer(const struct type **out, struct infer *s, const json_t *doc, const json_t *j)
{
    if (s->depth >= DEPTH_MAX)
        return err_fail(s->e, ERR_DATA,
                        "JSON schema: a schema that contains itself, or more than %d levels",
                        DEPTH_MAX);
    s->depth++;
    const bool ok = infer_here(out, s, doc, j);
    s->depth--;
    return ok;
}

bool json_schema_type(const struct type **out, struct arena *a, const struct schema_files *files,
                      struct err *e)
{
    struct infer s = {.a = a, .e = e, .files = files};
    json_error_t error;
    bool ok = true;
    s.docs = ARENA_ZARRAY(a, json_t *, files->n + 1);
    for (size_t i = 0; ok && i < files->n; i++) {
        s.docs[i] = json_loadb(files->v[i].text.p, files->v[i].text.n, JSON_DECODE_ANY, &error);
        if (!s.docs[i])
            ok = err_fail(e, ERR_DATA, "JSON schema: %s", error.text);
    }
    if (ok)
        ok = infer(out, &s, s.docs[files->n - 1], s.docs[files->n - 1]);
    for (size_t i = 0; i < files->n; i++)
        json_decref(s.docs[i]);
    return ok;
}
