#include "schema/serde/proto_schema.h"

#include "base/map.h"
#include "base/vec.h"
#include "schema/serde/proto_lexer.h"

#include <assert.h>
#include <stdio.h>

#define NUMBER_MAX 536870911 // 2^29 - 1

struct parser {
    struct arena *a;
    struct err *e;
    struct proto_lexer lex;
    struct str package;
    bool proto3;
    unsigned depth;
    uint32_t fields;
    struct map *names; // full name → index of an entry
    VEC(struct entry {
        struct str full_name;
        struct proto_message *message; // NULL: an enum
        const struct proto_enum *symbols;
    })
    entries;
};

static const struct {
    const char *name;
    enum proto_kind kind;
} scalars[] = {
    {"double", PROTO_DOUBLE},   {"float", PROTO_FLOAT},       {"int32", PROTO_INT32},
    {"int64", PROTO_INT64},     {"uint32", PROTO_UINT32},     {"uint64", PROTO_UINT64},
    {"sint32", PROTO_SINT32},   {"sint64", PROTO_SINT64},     {"fixed32", PROTO_FIXED32},
    {"fixed64", PROTO_FIXED64}, {"sfixed32", PROTO_SFIXED32}, {"sfixed64", PROTO_SFIXED64},
    {"bool", PROTO_BOOL},       {"string", PROTO_STRING},     {"bytes", PROTO_BYTES}};

const char *proto_kind_name(enum proto_kind kind)
{
    if (kind == PROTO_ENUM)
        return "enum";
    return kind == PROTO_MESSAGE ? "message" : scalars[kind].name;
}

// --- what schemas import without a reference ---------------------------------------------------------

static const char builtin_protobuf[] =
    "syntax=\"proto3\";package google.protobuf;"
    "message Timestamp{int64 seconds=1;int32 nanos=2;}"
    "message Duration{int64 seconds=1;int32 nanos=2;}"
    "message DoubleValue{double value=1;}message FloatValue{float value=1;}"
    "message Int64Value{int64 value=1;}message UInt64Value{uint64 value=1;}"
    "message Int32Value{int32 value=1;}message UInt32Value{uint32 value=1;}"
    "message BoolValue{bool value=1;}message StringValue{string value=1;}"
    "message BytesValue{bytes value=1;}"
    "message Any{string type_url=1;bytes value=2;}message Empty{}"
    "message FieldMask{repeated string paths=1;}";
static const char builtin_type[] =
    "syntax=\"proto3\";package google.type;"
    "message Date{int32 year=1;int32 month=2;int32 day=3;}"
    "message TimeOfDay{int32 hours=1;int32 minutes=2;int32 seconds=3;int32 nanos=4;}";
static const char builtin_confluent[] =
    "syntax=\"proto3\";package confluent.type;"
    "message Decimal{bytes value=1;uint32 precision=2;int32 scale=3;}";

// google.protobuf.Value, ListValue and NullValue are named like wrappers, and are none.
static bool is_wrapper(const struct proto_message *m)
{
    return str_starts(m->full_name, STR("google.protobuf.")) &&
           str_ends(m->full_name, STR("Value")) && m->count == 1 &&
           m->fields[0].kind != PROTO_MESSAGE && m->fields[0].label != PROTO_REPEATED;
}

static enum proto_known known_of(const struct proto_message *m)
{
    static const struct {
        const char *name;
        enum proto_known known;
    } all[] = {{"google.protobuf.Timestamp", PROTO_TIMESTAMP},
               {"google.type.Date", PROTO_DATE},
               {"google.type.TimeOfDay", PROTO_TIME_OF_DAY},
               {"confluent.type.Decimal", PROTO_DECIMAL}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (str_eq(m->full_name, str_from(all[i].name)))
            return all[i].known;
    return is_wrapper(m) ? PROTO_WRAPPER : PROTO_NO_KNOWN;
}

// --- names -----------------------------------------------------------------------------------------

static struct str join(struct parser *s, struct str scope, struct str name)
{
    return scope.n ? arena_printf(s->a, "%.*s.%.*s", STR_ARG(scope), STR_ARG(name)) : name;
}

static bool add_entry(struct parser *s, struct str full, struct proto_message *m,
                      const struct proto_enum *symbols)
{
    bool added;
    uint64_t *at = map_put(s->names, full, &added);
    const struct entry entry = {full, m, symbols};
    if (!added)
        return err_fail(s->e, ERR_DATA, "Protobuf schema: %.*s is defined twice", STR_ARG(full));
    *at = s->entries.n;
    vec_push(&s->entries, entry);
    return true;
}

// Innermost scope first: a.b.C inside x.y is x.y.a.b.C, x.a.b.C, a.b.C.
static const struct entry *resolve(struct parser *s, struct str scope, struct str name)
{
    if (name.n && name.p[0] == '.') {
        scope = STR_NONE;
        name = str_slice(name, 1, name.n);
    }
    for (;;) {
        const uint64_t *at = map_get(s->names, join(s, scope, name));
        if (at)
            return &s->entries.v[*at];
        if (scope.n == 0)
            return NULL;
        size_t n = scope.n;
        while (n > 0 && scope.p[n - 1] != '.')
            n--;
        scope = str_slice(scope, 0, n ? n - 1 : 0);
    }
}

// --- parts of a text ---------------------------------------------------------------------------------

// To behind the next ';' at this level, or behind a closed block.
static bool skip_statement(struct parser *s)
{
    unsigned depth = 0;
    for (;;) {
        if (s->lex.token.kind == PROTO_END)
            return proto_fail(&s->lex, "';'");
        const bool open = proto_is(&s->lex, '{'), close = proto_is(&s->lex, '}');
        const bool end = proto_is(&s->lex, ';') && depth == 0;
        if (close && depth == 0)
            return proto_fail(&s->lex, "';'");
        depth += open;
        depth -= close;
        if (!proto_next(&s->lex))
            return false;
        if (end || (close && depth == 0)) {
            return close && proto_is(&s->lex, ';') ? proto_next(&s->lex) : true;
        }
    }
}

// [name = value, (confluent.field_meta) = {params: [{key: "scale", value: "2"}]}]: only precision and scale matter.
static bool parse_field_options(struct parser *s, struct proto_field *f)
{
    struct str last = STR_NONE;
    unsigned depth = 0;
    if (!proto_is(&s->lex, '['))
        return true;
    do {
        int64_t v;
        depth += proto_is(&s->lex, '[') || proto_is(&s->lex, '{');
        depth -= proto_is(&s->lex, ']') || proto_is(&s->lex, '}');
        if (s->lex.token.kind == PROTO_END)
            return proto_fail(&s->lex, "']'");
        if (s->lex.token.kind == PROTO_TEXT) {
            const bool number = str_to_i64(&v, s->lex.token.text) && v >= 0 && v <= UINT16_MAX;
            if (number && str_eq(last, STR("precision")))
                f->precision = (uint16_t)v;
            if (number && str_eq(last, STR("scale")))
                f->scale = (uint16_t)v;
            last = s->lex.token.text;
        }
        if (!proto_next(&s->lex))
            return false;
    } while (depth);
    return true;
}

static void set_type(struct proto_field *f, struct str name)
{
    f->kind = PROTO_MESSAGE;
    f->type_name = name;
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++)
        if (str_eq(name, str_from(scalars[i].name)))
            f->kind = scalars[i].kind;
}

struct body { // of a message while it is read
    struct proto_message *m;
    struct map *names; // of the fields; and of their numbers
    VEC(struct proto_field) fields;
    VEC(struct str) oneofs;
    VEC(struct proto_message *) nested;
};

static bool check_unique(struct parser *s, struct body *b, const struct proto_field *f)
{
    bool name_added, number_added;
    char number[16];
    const int n = snprintf(number, sizeof number, "%u", (unsigned)f->number); // no name begins so
    (void)map_put(b->names, f->name, &name_added);
    (void)map_put(b->names, (struct str){number, (size_t)n}, &number_added);
    if (!number_added)
        return err_fail(s->e, ERR_DATA, "Protobuf schema: message %.*s uses number %u twice",
                        STR_ARG(b->m->full_name), (unsigned)f->number);
    return name_added || err_fail(s->e, ERR_DATA, "Protobuf schema: message %.*s has %.*s twice",
                                  STR_ARG(b->m->full_name), STR_ARG(f->name));
}

// name = number [options];
static bool parse_field_rest(struct parser *s, struct body *b, struct proto_field *f)
{
    int64_t number;
    if (!proto_name(&f->name, &s->lex) || !proto_expect(&s->lex, '=') ||
        !proto_number(&number, &s->lex))
        return false;
    if (number < 1 || number > NUMBER_MAX)
        return err_fail(s->e, ERR_DATA, "Protobuf schema: field %.*s has the number %lld",
                        STR_ARG(f->name), (long long)number);
    if (++s->fields > PROTO_FIELDS_MAX)
        return err_fail(s->e, ERR_LIMIT, "Protobuf schema: more than %d fields", PROTO_FIELDS_MAX);
    f->number = (uint32_t)number;
    if (!check_unique(s, b, f))
        return false;
    if (!parse_field_options(s, f) || !proto_expect(&s->lex, ';'))
        return false;
    vec_push(&b->fields, *f);
    return true;
}

// map<key, value> name = number;
static bool parse_map(struct parser *s, struct body *b)
{
    struct proto_message *entry = ARENA_NEW(s->a, struct proto_message);
    struct proto_field f = {.kind = PROTO_MESSAGE, .label = PROTO_MAP, .oneof = -1};
    struct str key, value;
    if (!proto_next(&s->lex) || !proto_expect(&s->lex, '<') || !proto_name(&key, &s->lex) ||
        !proto_expect(&s->lex, ',') || !proto_name(&value, &s->lex) || !proto_expect(&s->lex, '>'))
        return false;
    entry->count = 2;
    entry->fields = ARENA_ZARRAY(s->a, struct proto_field, 2);
    entry->name = entry->full_name = b->m->full_name; // the scope of its value's type
    entry->fields[0] = (struct proto_field){.name = STR("key"), .number = 1, .oneof = -1};
    entry->fields[1] = (struct proto_field){.name = STR("value"), .number = 2, .oneof = -1};
    set_type(&entry->fields[0], key);
    set_type(&entry->fields[1], value);
    const enum proto_kind kind = entry->fields[0].kind;
    if (kind == PROTO_MESSAGE || kind == PROTO_DOUBLE || kind == PROTO_FLOAT || kind == PROTO_BYTES)
        return err_fail(s->e, ERR_DATA, "Protobuf schema: a map with the key type %.*s",
                        STR_ARG(key));
    f.message = entry;
    return parse_field_rest(s, b, &f);
}

static bool parse_field(struct parser *s, struct body *b, int32_t oneof)
{
    struct proto_field f = {.oneof = oneof,
                            .label = oneof >= 0 || !s->proto3 ? PROTO_EXPLICIT : PROTO_IMPLICIT};
    struct str name;
    if (proto_is_name(&s->lex, "optional") || proto_is_name(&s->lex, "required"))
        f.label = PROTO_EXPLICIT;
    else if (proto_is_name(&s->lex, "repeated"))
        f.label = PROTO_REPEATED;
    const bool labelled = proto_is_name(&s->lex, "optional") ||
                          proto_is_name(&s->lex, "required") || f.label == PROTO_REPEATED;
    if (labelled && !proto_next(&s->lex))
        return false;
    if (proto_is_name(&s->lex, "group"))
        return err_fail(s->e, ERR_DATA, "Protobuf schema, line %u: groups are not supported",
                        s->lex.line);
    if (!proto_name(&name, &s->lex))
        return false;
    set_type(&f, name);
    return parse_field_rest(s, b, &f);
}

static bool parse_oneof(struct parser *s, struct body *b)
{
    struct str name;
    if (!proto_next(&s->lex) || !proto_name(&name, &s->lex) || !proto_expect(&s->lex, '{'))
        return false;
    vec_push(&b->oneofs, name);
    while (!proto_is(&s->lex, '}')) {
        if (proto_is_name(&s->lex, "option") ? !skip_statement(s)
                                             : !parse_field(s, b, (int32_t)b->oneofs.n - 1))
            return false;
    }
    return proto_next(&s->lex);
}

static bool parse_enum(struct parser *s, struct str scope)
{
    struct proto_enum *out = ARENA_NEW(s->a, struct proto_enum);
    VEC(struct proto_symbol) symbols = {0};
    bool ok = proto_next(&s->lex) && proto_name(&out->name, &s->lex) && proto_expect(&s->lex, '{');
    while (ok && !proto_is(&s->lex, '}')) {
        struct proto_symbol symbol;
        struct proto_field ignored = {0};
        int64_t number;
        if (proto_is_name(&s->lex, "option") || proto_is_name(&s->lex, "reserved")) {
            ok = skip_statement(s);
            continue;
        }
        if (proto_is(&s->lex, ';')) {
            ok = proto_next(&s->lex);
            continue;
        }
        ok = proto_name(&symbol.name, &s->lex) && proto_expect(&s->lex, '=') &&
             proto_number(&number, &s->lex) && parse_field_options(s, &ignored) &&
             proto_expect(&s->lex, ';');
        if (!ok)
            break;
        symbol.number = (int32_t)number;
        vec_push(&symbols, symbol);
    }
    struct proto_symbol *copy = ARENA_ARRAY(s->a, struct proto_symbol, symbols.n + 1);
    if (symbols.n)
        memcpy(copy, symbols.v, symbols.n * sizeof *copy);
    out->symbols = copy;
    out->count = (uint32_t)symbols.n;
    vec_fini(&symbols);
    if (!ok)
        return false;
    out->name = join(s, scope, out->name);
    return add_entry(s, out->name, NULL, out) && proto_next(&s->lex);
}

static bool parse_message(struct proto_message **out, struct parser *s, struct str scope);

static bool parse_member(struct parser *s, struct body *b)
{
    if (proto_is(&s->lex, ';'))
        return proto_next(&s->lex);
    if (proto_is_name(&s->lex, "message")) {
        struct proto_message *nested;
        if (!parse_message(&nested, s, b->m->full_name))
            return false;
        vec_push(&b->nested, nested);
        return true;
    }
    if (proto_is_name(&s->lex, "enum"))
        return parse_enum(s, b->m->full_name);
    if (proto_is_name(&s->lex, "oneof"))
        return parse_oneof(s, b);
    if (proto_is_name(&s->lex, "map"))
        return parse_map(s, b);
    if (proto_is_name(&s->lex, "option") || proto_is_name(&s->lex, "reserved") ||
        proto_is_name(&s->lex, "extensions") || proto_is_name(&s->lex, "extend"))
        return skip_statement(s);
    return parse_field(s, b, -1);
}

static void finish_body(struct parser *s, struct body *b)
{
    struct proto_message *m = b->m;
    struct str *oneofs = ARENA_ARRAY(s->a, struct str, b->oneofs.n + 1);
    m->fields = ARENA_ARRAY(s->a, struct proto_field, b->fields.n + 1);
    m->nested = ARENA_ARRAY(s->a, struct proto_message *, b->nested.n + 1);
    m->count = (uint32_t)b->fields.n;
    m->oneof_count = (uint32_t)b->oneofs.n;
    m->nested_count = (uint32_t)b->nested.n;
    for (size_t i = 0; i < b->fields.n; i++)
        m->fields[i] = b->fields.v[i];
    for (size_t i = 0; i < b->oneofs.n; i++)
        oneofs[i] = b->oneofs.v[i];
    for (size_t i = 0; i < b->nested.n; i++)
        m->nested[i] = b->nested.v[i];
    m->oneofs = oneofs;
}

static bool parse_message(struct proto_message **out, struct parser *s, struct str scope)
{
    struct body b = {.m = ARENA_NEW(s->a, struct proto_message), .names = map_new(s->a)};
    bool ok = true;
    if (s->depth >= PROTO_DEPTH_MAX)
        return err_fail(s->e, ERR_LIMIT, "Protobuf schema: more than %d levels", PROTO_DEPTH_MAX);
    s->depth++;
    if (!proto_next(&s->lex) || !proto_name(&b.m->name, &s->lex) || !proto_expect(&s->lex, '{'))
        return false;
    b.m->full_name = join(s, scope, b.m->name);
    ok = add_entry(s, b.m->full_name, b.m, NULL);
    while (ok && !proto_is(&s->lex, '}'))
        ok = parse_member(s, &b);
    finish_body(s, &b);
    b.m->known = known_of(b.m);
    vec_fini(&b.fields);
    vec_fini(&b.oneofs);
    vec_fini(&b.nested);
    s->depth--;
    *out = b.m;
    return ok && proto_next(&s->lex);
}

static bool parse_syntax(struct parser *s)
{
    if (!proto_next(&s->lex) || !proto_expect(&s->lex, '='))
        return false;
    s->proto3 = str_eq(s->lex.token.text, STR("proto3"));
    return skip_statement(s);
}

// One statement of the file's own level; *m = the message, when it is one.
static bool parse_top(struct proto_message **m, struct parser *s)
{
    if (proto_is_name(&s->lex, "syntax"))
        return parse_syntax(s);
    if (proto_is_name(&s->lex, "package"))
        return proto_next(&s->lex) && proto_name(&s->package, &s->lex) &&
               proto_expect(&s->lex, ';');
    if (proto_is_name(&s->lex, "message"))
        return parse_message(m, s, s->package);
    if (proto_is_name(&s->lex, "enum"))
        return parse_enum(s, s->package);
    return skip_statement(s); // import, option, service, extend, ;
}

static bool parse_file(struct proto_file *out, struct parser *s, struct str text)
{
    VEC(struct proto_message *) messages = {0};
    s->package = STR_NONE;
    s->proto3 = false;
    bool ok = proto_lexer_open(&s->lex, s->a, text, s->e);
    while (ok && s->lex.token.kind != PROTO_END) {
        struct proto_message *m = NULL;
        ok = parse_top(&m, s);
        if (ok && m)
            vec_push(&messages, m);
    }
    out->messages = ARENA_ARRAY(s->a, struct proto_message *, messages.n + 1);
    out->count = (uint32_t)messages.n;
    for (size_t i = 0; i < messages.n; i++)
        out->messages[i] = messages.v[i];
    vec_fini(&messages);
    return ok;
}

// --- all of it ---------------------------------------------------------------------------------------

static bool link_fields(struct parser *s, struct proto_message *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct proto_field *f = &m->fields[i];
        if (f->label == PROTO_MAP) {
            // A map's entry belongs to this parse. NOLINTNEXTLINE(performance-no-int-to-ptr)
            if (!link_fields(s, (struct proto_message *)(uintptr_t)f->message))
                return false;
            continue;
        }
        if (f->kind != PROTO_MESSAGE)
            continue;
        const struct entry *entry = resolve(s, m->full_name, f->type_name);
        if (!entry)
            return err_fail(s->e, ERR_DATA, "Protobuf schema: field %.*s has the unknown type %.*s",
                            STR_ARG(f->name), STR_ARG(f->type_name));
        f->message = entry->message;
        f->symbols = entry->symbols;
        f->kind = entry->message ? PROTO_MESSAGE : PROTO_ENUM;
        if (f->label == PROTO_IMPLICIT && f->kind == PROTO_MESSAGE)
            f->label = PROTO_EXPLICIT;
    }
    return true;
}

static bool parse_all(struct proto_file *out, struct parser *s, const struct schema_files *files)
{
    struct proto_file ignored;
    if (!parse_file(&ignored, s, str_from(builtin_protobuf)) ||
        !parse_file(&ignored, s, str_from(builtin_type)) ||
        !parse_file(&ignored, s, str_from(builtin_confluent)))
        return false;
    for (size_t i = 0; i < files->n; i++) {
        if (str_starts(files->v[i].name, STR("google/protobuf/")) ||
            str_starts(files->v[i].name, STR("google/type/")) ||
            str_starts(files->v[i].name, STR("confluent/")))
            continue; // built in
        if (!parse_file(out, s, files->v[i].text))
            return files->v[i].name.n ? err_wrap(s->e, "reference %.*s", STR_ARG(files->v[i].name))
                                      : false;
    }
    for (size_t i = 0; i < s->entries.n; i++)
        if (s->entries.v[i].message && !link_fields(s, s->entries.v[i].message))
            return false;
    return out->count > 0 || err_fail(s->e, ERR_DATA, "Protobuf schema: no message");
}

bool proto_parse(const struct proto_file **out, struct arena *a, const struct schema_files *files,
                 struct err *e)
{
    struct parser s = {.a = a, .e = e, .names = map_new(a)};
    struct proto_file *file = ARENA_NEW(a, struct proto_file);
    assert(files->n > 0);
    *out = file;
    const bool ok = parse_all(file, &s, files);
    vec_fini(&s.entries);
    return ok;
}
