#include "schema/serde/derive.h"

#include "base/vec.h"

#include <stdio.h>

#define TAB        2
#define LEVELS_MAX 60

struct derive {
    struct buf *out;
    struct err *e;
    const struct serde_spec *spec;
    unsigned messages; // ConnectDefault<n> so far
};

struct nested { // messages that the fields of one message need, written behind them
    VEC(struct nested_message {
        const struct type *type;
        unsigned number;
    })
    v;
};

static void put_indent(struct derive *s, unsigned level)
{
    for (unsigned i = 0; i < level * TAB; i++)
        buf_char(s->out, ' ');
}

static const char *scalar_name(const struct derive *s, enum type_kind kind)
{
    static const char *const plain[] = {
        [TYPE_BOOLEAN] = "bool",  [TYPE_INTEGER] = "int32", [TYPE_BIGINT] = "int64",
        [TYPE_DOUBLE] = "double", [TYPE_STRING] = "string", [TYPE_BYTES] = "bytes",
    };
    static const char *const wrapped[] = {
        [TYPE_BOOLEAN] = "google.protobuf.BoolValue",
        [TYPE_INTEGER] = "google.protobuf.Int32Value",
        [TYPE_BIGINT] = "google.protobuf.Int64Value",
        [TYPE_DOUBLE] = "google.protobuf.DoubleValue",
        [TYPE_STRING] = "google.protobuf.StringValue",
        [TYPE_BYTES] = "google.protobuf.BytesValue",
    };
    return s->spec->nullable == SERDE_WRAPPER ? wrapped[kind] : plain[kind];
}

static bool is_plain(const struct type *t)
{
    return !type_is_nested(t) && t->kind != TYPE_DECIMAL && t->kind != TYPE_DATE &&
           t->kind != TYPE_TIME && t->kind != TYPE_TIMESTAMP;
}

// The name of a field's type; a STRUCT is put on the list of messages to write.
static bool put_type_name(struct derive *s, struct nested *nested, const struct type *t)
{
    if (t->kind == TYPE_STRUCT) {
        const struct nested_message m = {t, ++s->messages};
        vec_push(&nested->v, m);
        buf_printf(s->out, "ConnectDefault%u", m.number);
    } else if (t->kind == TYPE_DECIMAL) {
        buf_text(s->out, "confluent.type.Decimal");
    } else if (t->kind == TYPE_DATE) {
        buf_text(s->out, "google.type.Date");
    } else if (t->kind == TYPE_TIME) {
        buf_text(s->out, "google.type.TimeOfDay");
    } else if (t->kind == TYPE_TIMESTAMP) {
        buf_text(s->out, "google.protobuf.Timestamp");
    } else if (type_is_nested(t)) {
        return err_fail(s->e, ERR_SQL,
                        "PROTOBUF format does not support %s directly inside an ARRAY or MAP",
                        type_kind_name(t->kind));
    } else {
        buf_text(s->out, scalar_name(s, t->kind));
    }
    return true;
}

static bool put_field_type(struct derive *s, struct nested *nested, const struct type *t)
{
    if (t->kind == TYPE_MAP) {
        if (t->fields[0].type->kind != TYPE_STRING)
            return err_fail(s->e, ERR_SQL,
                            "PROTOBUF format only supports MAP types with STRING "
                            "keys");
        buf_text(s->out, "map<string, ");
        if (!put_type_name(s, nested, t->fields[1].type))
            return false;
        buf_char(s->out, '>');
        return true;
    }
    if (t->kind == TYPE_ARRAY) {
        buf_text(s->out, "repeated ");
        return put_type_name(s, nested, t->fields[0].type);
    }
    if (s->spec->nullable == SERDE_OPTIONAL && is_plain(t))
        buf_text(s->out, "optional ");
    return put_type_name(s, nested, t);
}

// The DECIMAL of a field, directly or as an item.
static const struct type *decimal_of(const struct type *t)
{
    if (t->kind == TYPE_ARRAY || t->kind == TYPE_MAP)
        t = t->fields[t->field_count - 1].type;
    return t->kind == TYPE_DECIMAL ? t : NULL;
}

static bool check_name(struct derive *s, struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        const char c = name.p[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return err_fail(s->e, ERR_SQL,
                            "Schema is not compatible with Protobuf: illegal name "
                            "of a field: %.*s",
                            STR_ARG(name));
    }
    return name.n > 0 || err_fail(s->e, ERR_SQL, "a Protobuf field needs a name");
}

static bool put_field(struct derive *s, struct nested *nested, const struct field *f,
                      unsigned number, unsigned level)
{
    const struct type *decimal = decimal_of(f->type);
    if (!check_name(s, f->name))
        return false;
    put_indent(s, level);
    if (!put_field_type(s, nested, f->type))
        return false;
    buf_printf(s->out, " %.*s = %u", STR_ARG(f->name), number);
    if (decimal)
        buf_printf(
            s->out,
            " [(confluent.field_meta) = {params: [{key: \"precision\", value: \"%u\"}, {key: "
            "\"scale\", value: \"%u\"}]}]",
            (unsigned)decimal->precision, (unsigned)decimal->scale);
    buf_text(s->out, ";\n");
    return true;
}

static bool put_message(struct derive *s, struct str name, const struct field *fields, size_t count,
                        unsigned level)
{
    struct nested nested = {0};
    bool ok = level < LEVELS_MAX ||
              err_fail(s->e, ERR_LIMIT, "more than %d levels of STRUCT", LEVELS_MAX);
    put_indent(s, level);
    buf_printf(s->out, "message %.*s {\n", STR_ARG(name));
    for (size_t i = 0; ok && i < count; i++)
        ok = put_field(s, &nested, &fields[i], (unsigned)i + 1, level + 1);
    for (size_t i = 0; ok && i < nested.v.n; i++) {
        char text[32];
        const struct nested_message *m = &nested.v.v[i];
        const int n = snprintf(text, sizeof text, "ConnectDefault%u", m->number);
        buf_char(s->out, '\n');
        ok = put_message(s, (struct str){text, (size_t)n}, m->type->fields, m->type->field_count,
                         level + 1);
    }
    put_indent(s, level);
    buf_text(s->out, "}\n");
    vec_fini(&nested.v);
    return ok;
}

static bool uses(const struct type *t, enum type_kind kind)
{
    if (t->kind == kind)
        return true;
    for (uint32_t i = 0; i < t->field_count; i++)
        if (uses(t->fields[i].type, kind))
            return true;
    return false;
}

static bool uses_plain(const struct type *t)
{
    if (is_plain(t))
        return true;
    for (uint32_t i = 0; i < t->field_count; i++)
        if (uses_plain(t->fields[i].type))
            return true;
    return false;
}

static void put_imports(struct derive *s)
{
    static const struct {
        enum type_kind kind;
        const char *files[2];
    } all[] = {{TYPE_DECIMAL, {"confluent/meta.proto", "confluent/type/decimal.proto"}},
               {TYPE_TIMESTAMP, {"google/protobuf/timestamp.proto", NULL}},
               {TYPE_DATE, {"google/type/date.proto", NULL}},
               {TYPE_TIME, {"google/type/timeofday.proto", NULL}}};
    bool wrappers = false, any = false;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        bool used = false;
        for (size_t c = 0; c < s->spec->count; c++) {
            used = used || uses(s->spec->columns[c].type, all[i].kind);
            wrappers = wrappers || uses_plain(s->spec->columns[c].type);
        }
        for (size_t f = 0; used && f < 2 && all[i].files[f]; f++)
            buf_printf(s->out, "import \"%s\";\n", all[i].files[f]);
        any = any || used;
    }
    wrappers = wrappers && s->spec->nullable == SERDE_WRAPPER;
    if (wrappers)
        buf_text(s->out, "import \"google/protobuf/wrappers.proto\";\n");
    if (any || wrappers)
        buf_char(s->out, '\n');
}

bool derive_protobuf(struct buf *out, const struct serde_spec *spec, struct err *e)
{
    struct derive s = {.out = out, .e = e, .spec = spec, .messages = 1};
    struct str name = spec->full_name.n ? spec->full_name : STR("ConnectDefault1");
    size_t dot = name.n;
    VEC(struct field) fields = {0};
    while (dot > 0 && name.p[dot - 1] != '.')
        dot--;
    buf_text(out, "syntax = \"proto3\";\n");
    if (dot)
        buf_printf(out, "package %.*s;\n", (int)dot - 1, name.p);
    buf_char(out, '\n');
    put_imports(&s);
    for (size_t i = 0; i < spec->count; i++) {
        const struct field f = {spec->columns[i].name, spec->columns[i].type};
        vec_push(&fields, f);
    }
    const bool ok = put_message(&s, str_slice(name, dot, name.n), fields.v, fields.n, 0);
    vec_fini(&fields);
    return ok && buf_ok(out, "Protobuf schema", e);
}
