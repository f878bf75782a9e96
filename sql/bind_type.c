#include "sql/bind_internal.h"

#include "schema/text.h"

#include <assert.h>
#include <math.h>

// --- types ---------------------------------------------------------------------------------------

static const struct type *named_type(struct str name)
{
    static const struct {
        const char *name;
        enum type_kind kind;
    } table[] = {
        {"BOOLEAN", TYPE_BOOLEAN}, {"INT", TYPE_INTEGER},         {"INTEGER", TYPE_INTEGER},
        {"BIGINT", TYPE_BIGINT},   {"DOUBLE", TYPE_DOUBLE},       {"STRING", TYPE_STRING},
        {"VARCHAR", TYPE_STRING},  {"BYTES", TYPE_BYTES},         {"DATE", TYPE_DATE},
        {"TIME", TYPE_TIME},       {"TIMESTAMP", TYPE_TIMESTAMP},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (str_eq(name, str_from(table[i].name)))
            return type_scalar(table[i].kind);
    return NULL;
}

static bool bind_decimal(const struct type **out, const struct binder *b, const struct ast_type *t)
{
    if (t->precision < 1)
        return bind_fail(b, &t->pos, "DECIMAL precision must be >= 1: DECIMAL(%u,%u)", t->precision,
                         t->scale);
    if (t->scale > t->precision)
        return bind_fail(b, &t->pos, "DECIMAL precision must be >= scale: DECIMAL(%u,%u)",
                         t->precision, t->scale);
    *out = type_decimal(b->a, t->precision, t->scale);
    return true;
}

static bool bind_struct_type(const struct type **out, const struct binder *b,
                             const struct ast_type *t)
{
    struct field *fields = ARENA_ZARRAY(b->a, struct field, t->count + 1);
    struct map *seen = map_new(b->a);
    for (uint32_t i = 0; i < t->count; i++) {
        bool added;
        fields[i].name = t->names[i];
        (void)map_put(seen, t->names[i], &added);
        if (!added)
            return bind_fail(b, &t->args[i]->pos, "Duplicate field names found in STRUCT: '%.*s'",
                             STR_ARG(t->names[i]));
        if (!bind_type(&fields[i].type, b, t->args[i]))
            return false;
    }
    *out = type_struct(b->a, fields, t->count);
    return true;
}

bool bind_type(const struct type **out, const struct binder *b, const struct ast_type *t)
{
    const struct type *key, *item;
    switch (t->kind) {
    case AST_TYPE_NAMED: {
        const uint64_t *custom = map_get(b->type_names, t->name);
        *out = custom && *custom != BIND_NO_TYPE ? b->types.v[*custom] : named_type(t->name);
        return *out ||
               bind_fail(b, &t->pos, "Cannot resolve unknown type: %s", bind_name_text(b, t->name));
    }
    case AST_TYPE_DECIMAL:
        return bind_decimal(out, b, t);
    case AST_TYPE_ARRAY:
        if (!bind_type(&item, b, t->args[0]))
            return false;
        *out = type_array(b->a, item);
        return true;
    case AST_TYPE_MAP:
        if (!bind_type(&key, b, t->args[0]) || !bind_type(&item, b, t->args[1]))
            return false;
        // Of a topic's columns the format tells, in its own words (bind_check_formats): none has others.
        if (key->kind != TYPE_STRING && !(b->statement && b->statement->kind == AST_CREATE_SOURCE))
            return bind_fail(b, &t->args[0]->pos,
                             "only MAP types with STRING keys are supported, found %s",
                             bind_type_text(b, key));
        *out = type_map(b->a, key, item);
        return true;
    case AST_TYPE_STRUCT:
        return bind_struct_type(out, b, t);
    }
    return false;
}

// Counts nodes up to the limit.
static uint32_t type_nodes(const struct type *t, uint32_t left)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i < t->field_count && n <= left; i++)
        n += type_nodes(t->fields[i].type, left - n);
    return n;
}

bool bind_check_type(const struct binder *b, const struct sql_pos *pos, const struct type *t)
{
    return type_nodes(t, BIND_TYPE_NODES_MAX) <= BIND_TYPE_NODES_MAX ||
           bind_fail(b, pos, "type is too large: at most %d fields are allowed",
                     BIND_TYPE_NODES_MAX);
}

// --- literals ------------------------------------------------------------------------------------

struct expr *bind_node(struct binder *b, enum expr_kind kind, const struct type *type,
                       const struct sql_pos *pos, uint32_t args)
{
    struct expr *x = ARENA_NEW(b->a, struct expr);
    x->kind = kind;
    x->type = type;
    x->pos = *pos;
    x->arg_count = args;
    if (args)
        x->args = ARENA_ZARRAY(b->a, struct expr *, args);
    return x;
}

static struct expr *literal(struct binder *b, const struct type *type, const struct sql_pos *pos)
{
    struct expr *x = bind_node(b, EXPR_LITERAL, type, pos, 0);
    x->literal.type = type;
    if (type)
        column_init(&x->literal.column, b->a, type, 1);
    return x;
}

struct expr *bind_string(struct binder *b, struct str text, const struct sql_pos *pos)
{
    struct expr *x = literal(b, type_scalar(TYPE_STRING), pos);
    x->literal.column.str[0] = text;
    return x;
}

struct expr *bind_null(struct binder *b, const struct type *type, const struct sql_pos *pos)
{
    struct expr *x = literal(b, type, pos);
    x->literal.null = true;
    if (type)
        column_set_null(&x->literal.column, b->a, 0, 1);
    return x;
}

static struct expr *integer(struct binder *b, int64_t v, const struct type *type,
                            const struct sql_pos *pos)
{
    struct expr *x = literal(b, type, pos);
    if (column_width(type) == 4)
        x->literal.column.i32[0] = (int32_t)v;
    else
        x->literal.column.i64[0] = v;
    return x;
}

static struct expr *decimal(struct binder *b, struct decimal v, const struct type *type,
                            const struct sql_pos *pos)
{
    struct expr *x = literal(b, type, pos);
    decimal_set(&x->literal.column, b->a, 0, v);
    return x;
}

static bool number_literal(struct expr **out, struct binder *b, const struct ast_expr *x)
{
    if (x->kind == AST_INTEGER) {
        int64_t v;
        if (!str_to_i64(&v, x->text))
            return bind_fail(b, &x->pos, "Invalid numeric literal: %.*s", STR_ARG(x->text));
        const bool small = v >= INT32_MIN && v <= INT32_MAX;
        *out = integer(b, v, type_scalar(small ? TYPE_INTEGER : TYPE_BIGINT), &x->pos);
        return true;
    }
    if (x->kind == AST_DOUBLE) {
        double v;
        if (!text_parse_double(&v, x->text) || !isfinite(v))
            return bind_fail(b, &x->pos, "Number overflows DOUBLE: %.*s", STR_ARG(x->text));
        *out = literal(b, type_scalar(TYPE_DOUBLE), &x->pos);
        (*out)->literal.column.f64[0] = v;
        return true;
    }
    struct decimal v;
    struct str text = x->text;
    if (text.p[text.n - 1] == '.')
        text.n--;
    if (!decimal_parse(&v, b->a, text))
        return bind_fail(b, &x->pos, "Invalid numeric literal: %.*s", STR_ARG(x->text));
    unsigned digits = decimal_digits(v), scale = (unsigned)v.scale;
    *out = decimal(b, v, type_decimal(b->a, digits > scale ? digits : scale, scale), &x->pos);
    return true;
}

// DATE '…', TIME '…', TIMESTAMP '…', DECIMAL '…'
static bool typed_literal(struct expr **out, struct binder *b, const struct ast_expr *x)
{
    const struct type *t = named_type(x->qualifier);
    struct ast_expr number = *x;
    number.kind = AST_DECIMAL;
    if (str_eq(x->qualifier, STR("DECIMAL")))
        return number_literal(out, b, &number);
    if (!t || (t->kind != TYPE_DATE && t->kind != TYPE_TIME && t->kind != TYPE_TIMESTAMP))
        return bind_fail(b, &x->pos, "Unknown type: %.*s", STR_ARG(x->qualifier));
    return bind_parse(out, b, bind_string(b, x->text, &x->pos), t) ||
           bind_fail(b, &x->pos, "invalid input syntax for type %.*s: \"%.*s\"",
                     STR_ARG(x->qualifier), STR_ARG(x->text));
}

bool bind_literal(struct expr **out, struct binder *b, const struct ast_expr *x)
{
    if (x->kind == AST_NULL) {
        *out = bind_null(b, NULL, &x->pos);
    } else if (x->kind == AST_BOOLEAN) {
        *out = literal(b, type_scalar(TYPE_BOOLEAN), &x->pos);
        (*out)->literal.column.u8[0] = x->text.p[0] == 'T';
    } else if (x->kind == AST_STRING) {
        *out = bind_string(b, x->text, &x->pos);
    } else if (x->kind == AST_TYPED) {
        return typed_literal(out, b, x);
    } else {
        return number_literal(out, b, x);
    }
    return true;
}

// --- casts ---------------------------------------------------------------------------------------

void bind_decimal_shape(const struct type *t, unsigned *precision, unsigned *scale)
{
    type_decimal_shape(t, precision, scale);
}

static struct decimal literal_decimal(const struct expr *x)
{
    const struct column *c = &x->literal.column;
    if (x->type->kind == TYPE_DECIMAL)
        return decimal_get(c, 0);
    return decimal_from_i64(x->type->kind == TYPE_INTEGER ? c->i32[0] : c->i64[0]);
}

// A number literal widened at once; NULL when x is not one or the value does not fit.
static struct expr *fold_number(struct binder *b, const struct expr *x, const struct type *t)
{
    struct decimal v;
    if (x->kind != EXPR_LITERAL || x->literal.null || !type_is_number(x->type) ||
        x->type->kind == TYPE_DOUBLE)
        return NULL;
    if (t->kind == TYPE_DECIMAL) {
        if (!decimal_rescale(&v, b->a, literal_decimal(x), t->precision, t->scale, DECIMAL_EXACT))
            return NULL;
        return decimal(b, v, t, &x->pos);
    }
    if (t->kind == TYPE_DOUBLE) {
        struct expr *out = literal(b, t, &x->pos);
        out->literal.column.f64[0] = decimal_to_double(literal_decimal(x));
        return out;
    }
    if (t->kind == TYPE_BIGINT && x->type->kind == TYPE_INTEGER)
        return integer(b, x->literal.column.i32[0], t, &x->pos);
    return NULL;
}

struct expr *bind_cast(struct binder *b, struct expr *x, const struct type *t)
{
    assert(t);
    if (!x->type)
        return bind_null(b, t, &x->pos);
    if (type_equal(x->type, t))
        return x;
    struct expr *folded = fold_number(b, x, t);
    if (folded)
        return folded;
    struct expr *out = bind_node(b, EXPR_CAST, t, &x->pos, 1);
    out->args[0] = x;
    return out;
}

static bool parse_temporal(struct expr *out, struct str text)
{
    struct column *c = &out->literal.column;
    if (out->type->kind == TYPE_TIMESTAMP)
        return text_parse_timestamp(&c->i64[0], text);
    return out->type->kind == TYPE_DATE ? text_parse_date(&c->i32[0], text)
                                        : text_parse_time(&c->i32[0], text);
}

static bool parse_number(struct expr **out, struct binder *b, struct expr *x, const struct type *t)
{
    const struct str text = str_trim(x->literal.column.str[0]);
    struct decimal v;
    int64_t i;
    *out = literal(b, t, &x->pos);
    if (t->kind == TYPE_DOUBLE)
        return text_parse_double(&(*out)->literal.column.f64[0], text);
    if (t->kind == TYPE_DECIMAL) {
        if (!decimal_parse(&v, b->a, text) ||
            !decimal_rescale(&v, b->a, v, t->precision, t->scale, DECIMAL_EXACT))
            return false;
        *out = decimal(b, v, t, &x->pos);
        return true;
    }
    if (!str_to_i64(&i, text) || (t->kind == TYPE_INTEGER && (i < INT32_MIN || i > INT32_MAX)))
        return false;
    *out = integer(b, i, t, &x->pos);
    return true;
}

// "t", "Tru", "yes": ksqlDB takes any beginning of these words, in any case.
static bool is_prefix(struct str text, const char *word)
{
    return text.n > 0 && text.n <= strlen(word) && str_eq_nocase(text, (struct str){word, text.n});
}

bool bind_parse(struct expr **out, struct binder *b, struct expr *x, const struct type *t)
{
    if (x->kind != EXPR_LITERAL || x->literal.null || x->type->kind != TYPE_STRING)
        return false;
    const struct str text = x->literal.column.str[0];
    if (type_is_number(t))
        return parse_number(out, b, x, t);
    if (t->kind == TYPE_DATE || t->kind == TYPE_TIME || t->kind == TYPE_TIMESTAMP) {
        *out = literal(b, t, &x->pos);
        return parse_temporal(*out, text);
    }
    if (t->kind == TYPE_BOOLEAN) {
        const bool yes = is_prefix(text, "true") || is_prefix(text, "yes");
        *out = literal(b, t, &x->pos);
        (*out)->literal.column.u8[0] = yes;
        return yes || is_prefix(text, "false") || is_prefix(text, "no");
    }
    return false;
}

const struct type *bind_common(struct binder *b, const struct type *x, const struct type *y)
{
    return type_common(b->a, x, y);
}
