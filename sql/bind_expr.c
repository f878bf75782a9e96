#include "sql/bind_compare.h"
#include "sql/bind_lambda.h"
#include "sql/print.h"

#include "schema/cast.h"

#include <assert.h>

bool bind_is_pseudo(struct str name, enum expr_pseudo *out)
{
    static const struct {
        const char *name;
        enum expr_pseudo pseudo;
    } table[] = {
        {"ROWTIME", PSEUDO_ROWTIME},     {"ROWPARTITION", PSEUDO_ROWPARTITION},
        {"ROWOFFSET", PSEUDO_ROWOFFSET}, {"WINDOWSTART", PSEUDO_WINDOWSTART},
        {"WINDOWEND", PSEUDO_WINDOWEND},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (str_eq(name, str_from(table[i].name))) {
            *out = table[i].pseudo;
            return true;
        }
    }
    return false;
}

// ksqlDB's words before a typing error, by clause.
const char *bind_clause_prefix(const struct scope *sc)
{
    if (strcmp(sc->clause, "SELECT") == 0)
        return "";
    return arena_printf(sc->b->a, "Error in %s expression: ", sc->clause).p;
}

const char *bind_invalid_prefix(const struct scope *sc)
{
    return strcmp(sc->clause, "SELECT") == 0 ? "Invalid Select: " : "Invalid Predicate: ";
}

// --- names ---------------------------------------------------------------------------------------

static void not_resolved(const struct scope *sc, const struct ast_expr *x)
{
    const struct schema *s = sc->schema;
    const char *near = NULL;
    size_t best = 3;
    (void)bind_fail(sc->b, &x->pos, "%s column '%s' cannot be resolved.", sc->clause,
                    bind_text(sc->b, x));
    for (uint32_t i = 0; i < s->count; i++) {
        const size_t d = str_distance(x->text, s->columns[i].name);
        if (d < best) {
            best = d;
            near = arena_str(sc->b->a, s->columns[i].name).p;
        }
    }
    if (near)
        (void)sql_hint(sc->b->e, "did you mean %s?", near);
}

static bool bind_pseudo(struct expr **out, const struct scope *sc, const struct ast_expr *x,
                        enum expr_pseudo pseudo)
{
    const bool bounds = pseudo == PSEUDO_WINDOWSTART || pseudo == PSEUDO_WINDOWEND;
    const bool windowed = sc->group ? sc->group->windowed : sc->schema->windowed;
    struct binder *b = sc->b;
    if (bounds && !windowed)
        return bind_fail(b, &x->pos,
                         "Window bounds column %.*s can only be used in the SELECT clause of "
                         "windowed aggregations and can not be passed to aggregate functions.",
                         STR_ARG(x->text));
    // Tests run each statement over topics, also those that another one writes.
    if (!bounds && pseudo != PSEUDO_ROWTIME && !sc->from_topic && sc->b->use == SQL_JOB)
        return bind_refuse(b, &x->pos,
                           "ROWPARTITION and ROWOFFSET of a stream that this job makes");
    *out = bind_node(b, EXPR_PSEUDO,
                     type_scalar(pseudo == PSEUDO_ROWPARTITION ? TYPE_INTEGER : TYPE_BIGINT),
                     &x->pos, 0);
    (*out)->column = (uint32_t)pseudo;
    return true;
}

// The select expression names something that is neither grouped by nor aggregated.
static void not_grouped(const struct scope *sc, const struct ast_expr *x)
{
    if (strcmp(sc->clause, "HAVING") == 0)
        (void)bind_fail(sc->b, &x->pos, "Non-aggregate HAVING expression not part of GROUP BY: %s",
                        bind_text(sc->b, x));
    else
        (void)bind_fail(sc->b, &x->pos,
                        "Non-aggregate SELECT expression(s) not part of GROUP BY: %s\n"
                        "Either add the column(s) to the GROUP BY or remove them from the SELECT.",
                        bind_text(sc->b, sc->item));
}

static bool bind_column(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    const struct scope *input = sc->group ? sc->group->input : sc;
    enum expr_pseudo pseudo;
    if (x->qualifier.p && !str_eq(x->qualifier, input->alias)) {
        not_resolved(input, x);
        return false;
    }
    const bool is_pseudo = bind_is_pseudo(x->text, &pseudo);
    if (is_pseudo && !(sc->group && pseudo != PSEUDO_WINDOWSTART && pseudo != PSEUDO_WINDOWEND))
        return bind_pseudo(out, sc, x, pseudo);
    const int i = schema_find(input->schema, x->text);
    if (i < 0 && !is_pseudo) {
        not_resolved(input, x);
        return false;
    }
    if (sc->group) {
        not_grouped(sc, x);
        return false;
    }
    *out = bind_node(sc->b, EXPR_COLUMN, sc->schema->columns[i].type, &x->pos, 0);
    (*out)->column = (uint32_t)i;
    return true;
}

static bool bind_field(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct expr *base;
    if (!bind_expr(&base, sc, x->args[0]))
        return false;
    if (!base->type || base->type->kind != TYPE_STRUCT)
        return bind_fail(sc->b, &x->pos, "Expected STRUCT type, got: %s (%s)",
                         bind_type_text(sc->b, base->type), bind_text(sc->b, x->args[0]));
    const int i = type_field(base->type, x->text);
    if (i < 0)
        return bind_fail(
            sc->b, &x->pos, "Could not find field '%.*s' in '%s'. Available fields: %s",
            STR_ARG(x->text), bind_text(sc->b, x->args[0]), bind_type_text(sc->b, base->type));
    *out = bind_node(sc->b, EXPR_FIELD, base->type->fields[i].type, &x->pos, 1);
    (*out)->args[0] = base;
    (*out)->column = (uint32_t)i;
    return true;
}

static bool bind_index(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct binder *b = sc->b;
    struct expr *base, *index;
    if (!bind_expr(&base, sc, x->args[0]) || !bind_expr(&index, sc, x->args[1]))
        return false;
    const bool array = base->type && base->type->kind == TYPE_ARRAY;
    if (!array && (!base->type || base->type->kind != TYPE_MAP))
        return bind_fail(b, &x->pos, "Subscript expression on %s: expected an ARRAY or MAP, got %s",
                         bind_text(b, x->args[0]), bind_type_text(b, base->type));
    if (array &&
        (!index->type || (index->type->kind != TYPE_INTEGER && index->type->kind != TYPE_BIGINT)))
        return bind_fail(b, &x->args[1]->pos, "an ARRAY index must be INTEGER, found %s (%s)",
                         bind_text(b, x->args[1]), bind_type_text(b, index->type));
    if (!array && (!index->type || !type_equal(index->type, base->type->fields[0].type)))
        return bind_fail(b, &x->args[1]->pos, "a key of this MAP must be %s, found %s (%s)",
                         bind_type_text(b, base->type->fields[0].type), bind_text(b, x->args[1]),
                         bind_type_text(b, index->type));
    *out = bind_node(b, EXPR_INDEX, base->type->fields[array ? 0 : 1].type, &x->pos, 2);
    (*out)->args[0] = base;
    (*out)->args[1] = array ? bind_cast(b, index, type_scalar(TYPE_INTEGER)) : index;
    return true;
}

// --- arithmetic ----------------------------------------------------------------------------------

static const struct type *decimal_type(struct binder *b, enum expr_op op, const struct type *x,
                                       const struct type *y)
{
    static const enum decimal_op ops[] = {
        [EXPR_ADD] = DECIMAL_ADD, [EXPR_SUB] = DECIMAL_SUB, [EXPR_MUL] = DECIMAL_MUL,
        [EXPR_DIV] = DECIMAL_DIV, [EXPR_MOD] = DECIMAL_MOD,
    };
    unsigned px, sx, py, sy, p, s;
    assert(op >= EXPR_ADD && op <= EXPR_MOD);
    bind_decimal_shape(x, &px, &sx);
    bind_decimal_shape(y, &py, &sy);
    decimal_result(&p, &s, ops[op], px, sx, py, sy);
    return p > 10000 ? NULL : type_decimal(b->a, p, s);
}

static const struct type *decimal_of(struct binder *b, const struct type *t)
{
    unsigned p, s;
    bind_decimal_shape(t, &p, &s);
    return type_decimal(b->a, p, s);
}

static const char *base_name(const struct type *t)
{
    return t ? type_kind_name(t->kind) : "NULL";
}

// Operand types are made alike: both BIGINT, both DOUBLE, or both DECIMAL (each with its own precision and scale).
static const char *text_or_null(const struct binder *b, const struct ast_expr *x)
{
    return x->kind == AST_NULL ? "null" : bind_text(b, x);
}

static const char *type_or_null(const struct binder *b, const struct expr *x)
{
    return x->type ? bind_type_text(b, x->type) : "null";
}

static bool bind_arith(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct binder *b = sc->b;
    struct expr *l, *r;
    if (!bind_expr(&l, sc, x->args[0]) || !bind_expr(&r, sc, x->args[1]))
        return false;
    const struct type *result = NULL;
    if (l->type && r->type && type_is_number(l->type) && type_is_number(r->type)) {
        result = bind_common(b, l->type, r->type);
        if (result->kind == TYPE_DECIMAL) {
            result = decimal_type(b, x->op, l->type, r->type);
            if (!result)
                return bind_fail(b, &x->pos, "the DECIMAL result of %s has too many digits",
                                 bind_text(b, x));
            l = bind_cast(b, l, decimal_of(b, l->type));
            r = bind_cast(b, r, decimal_of(b, r->type));
        } else {
            l = bind_cast(b, l, result);
            r = bind_cast(b, r, result);
        }
    } else if (x->op == EXPR_ADD && l->type && r->type && l->type->kind == TYPE_STRING &&
               r->type->kind == TYPE_STRING) {
        result = l->type;
    }
    if (!result && (!l->type || !r->type))
        return bind_fail(b, &x->pos,
                         "%sError processing expression: (%s %s %s). Arithmetic on types %s and %s "
                         "are not supported.",
                         bind_clause_prefix(sc), text_or_null(b, x->args[0]), print_op(x->op),
                         text_or_null(b, x->args[1]), type_or_null(b, l), type_or_null(b, r));
    if (!result)
        return bind_fail(
            b, &x->pos, "%sError processing expression: %s. Unsupported arithmetic types. %s %s",
            bind_clause_prefix(sc), bind_text(b, x), base_name(l->type), base_name(r->type));
    *out = bind_node(b, EXPR_ARITH, result, &x->pos, 2);
    (*out)->op = x->op;
    (*out)->args[0] = l;
    (*out)->args[1] = r;
    return true;
}

static bool bind_sign(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct expr *arg;
    if (!bind_expr(&arg, sc, x->args[0]))
        return false;
    if (!arg->type || !type_is_number(arg->type))
        return bind_fail(sc->b, &x->pos,
                         "Error processing expression: %s. Unsupported arithmetic type. %s",
                         bind_text(sc->b, x), base_name(arg->type));
    *out = arg;
    if (x->kind == AST_PLUS)
        return true;
    *out = bind_node(sc->b, EXPR_NEGATE, arg->type, &x->pos, 1);
    (*out)->args[0] = arg;
    return true;
}

// --- logic ---------------------------------------------------------------------------------------

// Binds x, which must be BOOLEAN (a NULL literal counts as one).
bool bind_predicate(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    if (!bind_expr(out, sc, x))
        return false;
    if ((*out)->type && (*out)->type->kind != TYPE_BOOLEAN)
        return bind_fail(sc->b, &x->pos,
                         "Type error in %s expression: Should evaluate to boolean but is %s (%s) "
                         "instead.",
                         sc->clause, bind_text(sc->b, x), bind_type_text(sc->b, (*out)->type));
    *out = bind_cast(sc->b, *out, type_scalar(TYPE_BOOLEAN));
    return true;
}

static bool bind_logic(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    const enum expr_kind kind = x->kind == AST_AND  ? EXPR_AND
                                : x->kind == AST_OR ? EXPR_OR
                                                    : EXPR_NOT;
    *out = bind_node(sc->b, kind, type_scalar(TYPE_BOOLEAN), &x->pos, x->arg_count);
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (!bind_predicate(&(*out)->args[i], sc, x->args[i]))
            return false;
    return true;
}

static bool bind_is_null(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    *out = bind_node(sc->b, x->negated ? EXPR_IS_NOT_NULL : EXPR_IS_NULL, type_scalar(TYPE_BOOLEAN),
                     &x->pos, 1);
    if (!bind_expr(&(*out)->args[0], sc, x->args[0]))
        return false;
    if (!(*out)->args[0]->type)
        (*out)->args[0] = bind_cast(sc->b, (*out)->args[0], type_scalar(TYPE_BOOLEAN));
    return true;
}

// --- CASE ----------------------------------------------------------------------------------------

// CASE x WHEN a … becomes CASE WHEN x = a …; the operand is bound once and shared.
static bool bind_when(struct expr **out, const struct scope *sc, const struct ast_expr *x,
                      struct expr *operand, uint32_t i)
{
    struct expr *value;
    if (!operand)
        return bind_predicate(out, sc, x->args[i]);
    if (!bind_expr(&value, sc, x->args[i]))
        return false;
    struct ast_expr *as = ARENA_NEW(sc->b->a, struct ast_expr);
    struct ast_expr **args = ARENA_ARRAY(sc->b->a, struct ast_expr *, 2);
    args[0] = x->args[0];
    args[1] = x->args[i];
    *as = (struct ast_expr){.kind = AST_COMPARE, .op = EXPR_EQ, .pos = x->args[i]->pos};
    as->args = args;
    as->arg_count = 2;
    return bind_comparison(out, sc, as, EXPR_EQ, operand, value);
}

static bool bind_case(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct binder *b = sc->b;
    const uint32_t from = x->has_operand, pairs = (x->arg_count - from) / 2;
    const uint32_t n = pairs + x->has_else;
    struct expr *operand = NULL, **values = ARENA_ZARRAY(b->a, struct expr *, n);
    struct ast_expr **asts = ARENA_ZARRAY(b->a, struct ast_expr *, n);
    if (x->has_operand && bind_weight(x) > BIND_EXPR_NODES_MAX)
        return bind_fail(b, &x->pos, "CASE is too large: its operand is computed for each WHEN");
    if (x->has_operand && !bind_expr(&operand, sc, x->args[0]))
        return false;
    *out = bind_node(b, EXPR_CASE, NULL, &x->pos, x->arg_count - from);
    (*out)->has_else = x->has_else;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t at = from + (i < pairs ? 2 * i + 1 : 2 * i);
        if (i < pairs && !bind_when(&(*out)->args[2 * i], sc, x, operand, from + 2 * i))
            return false;
        asts[i] = x->args[at];
        if (!bind_expr(&values[i], sc, asts[i]))
            return false;
    }
    if (!bind_unify(values, sc, asts, n))
        return false;
    if (!values[0]->type)
        return bind_fail(b, &x->pos,
                         "Invalid Case expression. All case branches have a NULL type.");
    for (uint32_t i = 0; i < n; i++)
        (*out)->args[i < pairs ? 2 * i + 1 : 2 * i] = values[i];
    (*out)->type = values[0]->type;
    return true;
}

// --- constructors and CAST -----------------------------------------------------------------------

static bool bind_cast_expr(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    const struct type *to;
    struct expr *arg;
    if (!bind_type(&to, sc->b, x->type) || !bind_expr(&arg, sc, x->args[0]))
        return false;
    if (arg->type && !cast_supported(arg->type, to))
        return bind_fail(sc->b, &x->pos, "%sCast of %s to %s is not supported",
                         bind_invalid_prefix(sc), bind_type_text(sc->b, arg->type),
                         bind_type_text(sc->b, to));
    *out = bind_cast(sc->b, arg, to);
    return true;
}

static bool bind_items(struct expr ***out, const struct scope *sc, const struct ast_expr *x)
{
    *out = ARENA_ZARRAY(sc->b->a, struct expr *, x->arg_count + 1);
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (!bind_expr(&(*out)[i], sc, x->args[i]))
            return false;
    return true;
}

static bool bind_struct(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct expr **items;
    struct field *fields = ARENA_ZARRAY(sc->b->a, struct field, x->arg_count + 1);
    struct map *seen = map_new(sc->b->a);
    if (!bind_items(&items, sc, x))
        return false;
    for (uint32_t i = 0; i < x->arg_count; i++) {
        bool added;
        (void)map_put(seen, x->names[i], &added);
        if (!added)
            return bind_fail(sc->b, &x->args[i]->pos, "Duplicate field names found in STRUCT: '%s'",
                             bind_text(sc->b, x));
        if (!items[i]->type)
            return bind_fail(sc->b, &x->args[i]->pos,
                             "a STRUCT field cannot be an untyped NULL: "
                             "cast it to the desired type");
        fields[i] = (struct field){x->names[i], items[i]->type};
    }
    *out = bind_node(sc->b, EXPR_STRUCT, type_struct(sc->b->a, fields, x->arg_count), &x->pos, 0);
    (*out)->args = items;
    (*out)->arg_count = x->arg_count;
    return bind_check_type(sc->b, &x->pos, (*out)->type);
}

static bool bind_array(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    static const char issue[] = "(see https://github.com/confluentinc/ksql/issues/4239)";
    struct expr **items;
    if (x->arg_count == 0)
        return bind_fail(
            sc->b, &x->pos,
            "Array constructor cannot be empty. Please supply at least one element %s.", issue);
    if (!bind_items(&items, sc, x) || !bind_unify(items, sc, x->args, x->arg_count))
        return false;
    if (!items[0]->type)
        return bind_fail(
            sc->b, &x->pos,
            "Cannot construct an array with all NULL elements %s. As a workaround, you "
            "may cast a NULL value to the desired type.",
            issue);
    *out = bind_node(sc->b, EXPR_ARRAY, type_array(sc->b->a, items[0]->type), &x->pos, 0);
    (*out)->args = items;
    (*out)->arg_count = x->arg_count;
    return true;
}

static bool bind_map(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct binder *b = sc->b;
    const uint32_t n = x->arg_count / 2;
    struct expr **items, **values = ARENA_ZARRAY(b->a, struct expr *, n + 1);
    struct ast_expr **asts = ARENA_ZARRAY(b->a, struct ast_expr *, n + 1);
    if (n == 0)
        return bind_fail(b, &x->pos,
                         "Map constructor cannot be empty. Please supply at least one key value "
                         "pair (see https://github.com/confluentinc/ksql/issues/4239).");
    if (!bind_items(&items, sc, x))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        values[i] = items[2 * i + 1];
        asts[i] = x->args[2 * i + 1];
        if (!items[2 * i]->type)
            return bind_fail(b, &x->args[2 * i]->pos, "Cannot construct a map with all NULL keys");
        items[2 * i] = bind_literal_text(b, items[2 * i], x->args[2 * i]);
        if (!type_equal(items[2 * i]->type, items[0]->type))
            return bind_fail(
                b, &x->args[2 * i]->pos, "the keys of a MAP must have one type, found %s and %s",
                bind_type_text(b, items[0]->type), bind_type_text(b, items[2 * i]->type));
        if (items[2 * i]->type->kind != TYPE_STRING) // the statement's format has the first word
            b->odd_key = x->args[2 * i];
    }
    if (!bind_unify(values, sc, asts, n))
        return false;
    if (!values[0]->type)
        return bind_fail(b, &x->pos, "Cannot construct a map with all NULL values");
    for (uint32_t i = 0; i < n; i++)
        items[2 * i + 1] = values[i];
    *out = bind_node(b, EXPR_MAP, type_map(b->a, items[0]->type, values[0]->type), &x->pos, 0);
    (*out)->args = items;
    (*out)->arg_count = x->arg_count;
    return true;
}

// --- dispatch ------------------------------------------------------------------------------------

// a || b || c is CONCAT(CONCAT(a, b), c)
static bool bind_concat(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct ast_expr call = *x;
    call.kind = AST_CALL;
    call.text = STR("CONCAT");
    return bind_call(out, sc, &call);
}

static bool bind_key_of_group(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    const struct grouping *g = sc->group;
    for (uint32_t i = 0; i < g->key_count; i++) {
        if (!bind_ast_equal(g->keys[i], x))
            continue;
        *out = bind_node(sc->b, EXPR_COLUMN, g->bound[i]->type, &x->pos, 0);
        (*out)->column = i;
        return true;
    }
    return false;
}

bool bind_expr(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    if (bind_lambda_param(out, sc, x) || (sc->group && bind_key_of_group(out, sc, x)))
        return true;
    switch (x->kind) {
    case AST_NULL:
    case AST_BOOLEAN:
    case AST_INTEGER:
    case AST_DECIMAL:
    case AST_DOUBLE:
    case AST_STRING:
    case AST_TYPED:
        return bind_literal(out, sc->b, x);
    case AST_COLUMN:
        return bind_column(out, sc, x);
    case AST_FIELD:
        return bind_field(out, sc, x);
    case AST_INDEX:
        return bind_index(out, sc, x);
    case AST_CALL:
        return bind_call(out, sc, x);
    case AST_CONCAT:
        return bind_concat(out, sc, x);
    case AST_ARITH:
        return bind_arith(out, sc, x);
    case AST_NEGATE:
    case AST_PLUS:
        return bind_sign(out, sc, x);
    case AST_COMPARE:
        return bind_compare(out, sc, x);
    case AST_AND:
    case AST_OR:
    case AST_NOT:
        return bind_logic(out, sc, x);
    case AST_IS_NULL:
        return bind_is_null(out, sc, x);
    case AST_BETWEEN:
        return bind_between(out, sc, x);
    case AST_IN:
        return bind_in(out, sc, x);
    case AST_LIKE:
        return bind_like(out, sc, x);
    case AST_CASE:
        return bind_case(out, sc, x);
    case AST_CAST:
        return bind_cast_expr(out, sc, x);
    case AST_STRUCT:
        return bind_struct(out, sc, x);
    case AST_ARRAY:
        return bind_array(out, sc, x);
    case AST_MAP:
        return bind_map(out, sc, x);
    case AST_UNIT:
        return bind_column(out, sc, x);
    case AST_LAMBDA:
        return bind_fail(sc->b, &x->pos,
                         "a lambda is only an argument of TRANSFORM, FILTER and REDUCE");
    case AST_AT_ZONE:
        return bind_refuse(sc->b, &x->pos, "AT TIME ZONE");
    }
    assert(!"ast kind");
    return false;
}
