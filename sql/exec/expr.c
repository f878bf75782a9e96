// The compiler: one pass over the bound tree, each sub-expression into its own register.
#include "sql/exec/expr_compiler.h"

#include "schema/cast.h"
#include "sql/exec/expr_steps.h"

#include <assert.h>

#define REGISTERS_MAX UINT16_C(60000)

uint16_t expr_compile_fail(struct compiler *c, const struct expr *x, const char *what)
{
    if (c->failed)
        return 0;
    c->failed = true;
    err_fail(c->e, ERR_SQL, "%s", what);
    err_position(c->e, x->pos.file, x->pos.line, x->pos.column, NULL, 0);
    return 0;
}

static uint16_t new_register(struct compiler *c, const struct type *t)
{
    assert(c->types.n < REGISTERS_MAX);
    vec_push(&c->types, t);
    return (uint16_t)(c->types.n - 1);
}

uint16_t expr_emit(struct compiler *c, struct step s, const uint16_t *args, uint32_t n)
{
    uint16_t *copy = ARENA_ARRAY(c->a, uint16_t, n ? n : 1);
    for (uint32_t i = 0; i < n; i++)
        copy[i] = args[i];
    s.args = copy;
    s.arg_count = n;
    s.out = new_register(c, s.type);
    vec_push(&c->steps, s);
    return s.out;
}

static uint16_t cast_to(struct compiler *c, const struct expr *x, uint16_t reg,
                        const struct type *t, struct place at)
{
    if (!t || c->failed || type_equal(c->types.v[reg], t))
        return reg;
    if (!cast_supported(c->types.v[reg], t))
        return expr_compile_fail(c, x, "no conversion between these types");
    return expr_emit(c, expr_step_at(step_cast, t, at), &reg, 1);
}

// A NULL literal without a type takes the type that is wanted.
static uint16_t compile_literal(struct compiler *c, const struct expr *x, const struct type *want,
                                struct place at)
{
    const struct type *t = x->type ? x->type : want ? want : type_scalar(TYPE_STRING);
    struct column *one = ARENA_NEW(c->a, struct column);
    if (x->type && !x->literal.null && x->literal.column.type) {
        *one = x->literal.column;
        one->valid = NULL;
    } else {
        column_init(one, c->a, t, 1);
        column_set_null(one, c->a, 0, 1);
    }
    one->cap = 1;
    struct step s = expr_step_at(step_literal, t, at);
    s.literal = one;
    s.slot = (*c->in->slots)++;
    return expr_emit(c, s, NULL, 0);
}

static bool is_null_literal(const struct expr *x)
{
    return x->kind == EXPR_LITERAL && !x->type;
}

uint16_t expr_compile_as(struct compiler *c, const struct expr *x, const struct type *t,
                         struct place at)
{
    if (is_null_literal(x))
        return compile_literal(c, x, t, at);
    return cast_to(c, x, expr_compile_node(c, x, at), t, at);
}

// In a scope of its own: a failure is a NULL here and does not spread.
static uint16_t compile_guarded(struct compiler *c, const struct expr *x, const struct type *t,
                                struct place at)
{
    if (x->kind == EXPR_COLUMN || x->kind == EXPR_LITERAL || x->kind == EXPR_PSEUDO)
        return expr_compile_as(c, x, t, at);
    const struct place inner = {at.sel, c->scopes++};
    const uint16_t reg = expr_compile_as(c, x, t, inner);
    if (c->failed)
        return 0;
    struct step s = expr_step_at(step_rescue, c->types.v[reg], at);
    s.guarded = inner.scope;
    return expr_emit(c, s, &reg, 1);
}

static uint16_t compile_column(struct compiler *c, const struct expr *x, struct place at)
{
    const int32_t physical = c->in->columns ? c->in->columns[x->column] : (int32_t)x->column;
    assert(physical >= 0 && (uint32_t)physical < c->in->schema->count);
    struct step s = expr_step_at(step_column, c->in->schema->columns[physical].type, at);
    s.column = (uint32_t)physical;
    return expr_emit(c, s, NULL, 0);
}

static uint16_t compile_pseudo(struct compiler *c, const struct expr *x, struct place at)
{
    struct step s = expr_step_at(
        step_pseudo, type_scalar(x->column == PSEUDO_ROWPARTITION ? TYPE_INTEGER : TYPE_BIGINT),
        at);
    s.column = x->column;
    return expr_emit(c, s, NULL, 0);
}

// The field's place in the physical (maybe pruned) struct is found by name.
static uint16_t compile_field(struct compiler *c, const struct expr *x, struct place at)
{
    const uint16_t arg = expr_compile_node(c, x->args[0], at);
    if (c->failed)
        return 0;
    const struct type *declared = x->args[0]->type;
    assert(x->column < declared->field_count);
    const int field = type_field(c->types.v[arg], declared->fields[x->column].name);
    assert(field >= 0);
    struct step s = expr_step_at(step_field, c->types.v[arg]->fields[field].type, at);
    s.column = (uint32_t)field;
    return expr_emit(c, s, &arg, 1);
}

static uint16_t compile_index(struct compiler *c, const struct expr *x, struct place at)
{
    uint16_t args[2] = {expr_compile_node(c, x->args[0], at), 0};
    if (c->failed)
        return 0;
    const struct type *t = c->types.v[args[0]];
    if (t->kind == TYPE_MAP)
        args[1] = expr_compile_as(c, x->args[1], type_scalar(TYPE_STRING), at);
    else
        args[1] = expr_compile_as(c, x->args[1], type_scalar(TYPE_BIGINT), at);
    return expr_emit(c, expr_step_at(step_index, t->fields[t->kind == TYPE_MAP ? 1 : 0].type, at),
                     args, 2);
}

static bool prepare(struct compiler *c, struct step *s, const struct expr *x)
{
    if (!s->fn->prepare)
        return true;
    const struct value **consts =
        ARENA_ARRAY(c->a, const struct value *, x->arg_count ? x->arg_count : 1);
    for (uint32_t i = 0; i < x->arg_count; i++)
        consts[i] = x->args[i]->kind == EXPR_LITERAL ? &x->args[i]->literal : NULL;
    if (s->fn->prepare(&s->state, c->a, consts, x->arg_count, c->e))
        return true;
    c->failed = true;
    err_position(c->e, x->pos.file, x->pos.line, x->pos.column, NULL, 0);
    return false;
}

static uint16_t compile_call(struct compiler *c, const struct expr *x, struct place at)
{
    const uint32_t n = x->arg_count;
    if (x->fn->lambda != FN_LAMBDA_NONE)
        return expr_compile_lambda_call(c, x, at);
    const struct type **types = ARENA_ARRAY(c->a, const struct type *, n ? n : 1);
    const struct type **want = ARENA_ARRAY(c->a, const struct type *, n ? n : 1);
    uint16_t *args = ARENA_ARRAY(c->a, uint16_t, n ? n : 1);
    for (uint32_t i = 0; i < n; i++)
        want[i] = types[i] = x->args[i]->type;
    const struct type *t;
    if (fn_resolve(&t, c->a, x->fn, want, types, n) != FN_MATCHES)
        return expr_compile_fail(c, x, "no form of the function takes these arguments");
    for (uint32_t i = 0; i < n; i++) {
        const bool guard = x->args[i]->kind == EXPR_CALL;
        args[i] = guard ? compile_guarded(c, x->args[i], want[i], at)
                        : expr_compile_as(c, x->args[i], want[i], at);
    }
    struct step s = expr_step_at(step_call, t, at);
    s.fn = x->fn;
    s.site = x->site;
    if (c->failed || !prepare(c, &s, x))
        return 0;
    return cast_to(c, x, expr_emit(c, s, args, n), x->type, at);
}

static uint16_t compile_arith(struct compiler *c, const struct expr *x, struct place at)
{
    const enum type_kind kind = x->type->kind;
    const struct type *t = kind == TYPE_DECIMAL ? NULL : x->type;
    const uint16_t args[2] = {expr_compile_as(c, x->args[0], t, at),
                              expr_compile_as(c, x->args[1], t, at)};
    if (c->failed)
        return 0;
    for (int i = 0; i < 2 && kind == TYPE_DECIMAL; i++) {
        const struct type *arg = c->types.v[args[i]];
        if (!type_is_number(arg) || arg->kind == TYPE_DOUBLE)
            return expr_compile_fail(c, x, "arithmetic of DECIMAL with another type");
    }
    struct step s = expr_step_at(kind == TYPE_STRING ? step_concat : step_arith, x->type, at);
    s.op = x->op;
    return expr_emit(c, s, args, 2);
}

static uint16_t compare(struct compiler *c, enum expr_op op, const struct expr *left,
                        const struct expr *right, struct place at)
{
    const struct type *t = expr_compare_type(left->type, right->type);
    const uint16_t args[2] = {expr_compile_as(c, left, t, at), expr_compile_as(c, right, t, at)};
    struct step s = expr_step_at(step_compare, type_scalar(TYPE_BOOLEAN), at);
    s.op = op;
    return expr_emit(c, s, args, 2);
}

static uint16_t negate_if(struct compiler *c, const struct expr *x, uint16_t reg, struct place at)
{
    if (!x->negated)
        return reg;
    return expr_emit(c, expr_step_at(step_not, type_scalar(TYPE_BOOLEAN), at), &reg, 1);
}

static void split(struct compiler *c, uint16_t reg, struct place at, enum split_null how,
                  struct place *yes, struct place *no)
{
    struct step s = expr_step_at(step_split, NULL, at);
    s.split_null = how;
    s.sel_true = c->sels++;
    s.sel_false = c->sels++;
    s.type = type_scalar(TYPE_BOOLEAN);
    expr_emit(c, s, &reg, 1);
    *yes = (struct place){s.sel_true, at.scope};
    *no = (struct place){s.sel_false, at.scope};
}

static uint16_t pick(struct compiler *c, const struct type *t, const uint16_t *regs,
                     const uint16_t *sels, uint32_t n, struct place at)
{
    struct step s = expr_step_at(step_pick, t, at);
    uint16_t *copy = ARENA_ARRAY(c->a, uint16_t, n);
    for (uint32_t i = 0; i < n; i++)
        copy[i] = sels[i];
    s.sels = copy;
    return expr_emit(c, s, regs, n);
}

// From the left; the next operand only where the ones before have not decided, as && and || do.
static uint16_t compile_logic(struct compiler *c, const struct expr *x, struct place at)
{
    const uint32_t n = x->arg_count;
    uint16_t *regs = ARENA_ARRAY(c->a, uint16_t, n);
    uint16_t *sels = ARENA_ARRAY(c->a, uint16_t, n);
    struct place rest = at;
    assert(n >= 2);
    for (uint32_t i = 0; i < n && !c->failed; i++) {
        struct place yes;
        struct place no;
        regs[i] = expr_compile_node(c, x->args[i], rest);
        sels[i] = rest.sel;
        if (i + 1 == n)
            break;
        split(c, regs[i], rest, SPLIT_NULL_IS_ERROR, &yes, &no);
        sels[i] = x->kind == EXPR_AND ? no.sel : yes.sel;
        rest = x->kind == EXPR_AND ? yes : no;
    }
    if (c->failed)
        return 0;
    const uint16_t out = pick(c, type_scalar(TYPE_BOOLEAN), regs, sels, n, at);
    c->steps.v[c->steps.n - 1].split_null = SPLIT_NULL_IS_ERROR;
    return out;
}

// x >= low AND x <= high, both evaluated: neither comparison can fail.
static uint16_t compile_between(struct compiler *c, const struct expr *x, struct place at)
{
    const uint16_t low = compare(c, EXPR_GE, x->args[0], x->args[1], at);
    struct place yes;
    struct place no;
    split(c, low, at, SPLIT_NULL_IS_FALSE, &yes, &no);
    const uint16_t high = compare(c, EXPR_LE, x->args[0], x->args[2], yes);
    const uint16_t regs[2] = {low, high};
    const uint16_t sels[2] = {no.sel, yes.sel};
    return negate_if(c, x, pick(c, type_scalar(TYPE_BOOLEAN), regs, sels, 2, at), at);
}

// The first match ends it: later items are looked at only by rows without one.
static uint16_t compile_in(struct compiler *c, const struct expr *x, struct place at)
{
    const uint32_t n = x->arg_count - 1;
    uint16_t *regs = ARENA_ARRAY(c->a, uint16_t, n ? n : 1);
    uint16_t *sels = ARENA_ARRAY(c->a, uint16_t, n ? n : 1);
    struct place rest = at;
    for (uint32_t i = 0; i < n && !c->failed; i++) {
        struct place yes;
        regs[i] = compare(c, EXPR_EQ, x->args[0], x->args[i + 1], rest);
        if (i + 1 == n) {
            sels[i] = rest.sel;
            break;
        }
        split(c, regs[i], rest, SPLIT_NULL_IS_FALSE, &yes, &rest);
        sels[i] = yes.sel;
    }
    return negate_if(c, x, pick(c, type_scalar(TYPE_BOOLEAN), regs, sels, n, at), at);
}

static uint16_t compile_like(struct compiler *c, const struct expr *x, struct place at)
{
    const struct type *t = type_scalar(TYPE_STRING);
    const uint16_t args[2] = {expr_compile_as(c, x->args[0], t, at),
                              expr_compile_as(c, x->args[1], t, at)};
    struct step s = expr_step_at(step_like, type_scalar(TYPE_BOOLEAN), at);
    s.escape = x->escape;
    return negate_if(c, x, expr_emit(c, s, args, 2), at);
}

static uint16_t compile_case(struct compiler *c, const struct expr *x, struct place at)
{
    const uint32_t whens = x->arg_count / 2;
    const uint32_t n = whens + (x->has_else ? 1 : 0);
    assert(whens && x->arg_count == 2 * whens + (x->has_else ? 1 : 0));
    uint16_t *regs = ARENA_ARRAY(c->a, uint16_t, n);
    uint16_t *sels = ARENA_ARRAY(c->a, uint16_t, n);
    struct place rest = at;
    for (uint32_t i = 0; i < whens && !c->failed; i++) {
        struct place yes;
        const uint16_t when = expr_compile_node(c, x->args[2 * i], rest);
        split(c, when, rest, SPLIT_NULL_IS_FALSE, &yes, &rest);
        regs[i] = expr_compile_as(c, x->args[2 * i + 1], x->type, yes);
        sels[i] = yes.sel;
    }
    if (x->has_else) {
        regs[whens] = expr_compile_as(c, x->args[2 * whens], x->type, rest);
        sels[whens] = rest.sel;
    }
    return pick(c, x->type, regs, sels, n, at);
}

static uint16_t compile_constructor(struct compiler *c, const struct expr *x, struct place at)
{
    uint16_t *args = ARENA_ARRAY(c->a, uint16_t, x->arg_count ? x->arg_count : 1);
    for (uint32_t i = 0; i < x->arg_count; i++) {
        const struct type *t = x->kind == EXPR_STRUCT  ? x->type->fields[i].type
                               : x->kind == EXPR_ARRAY ? x->type->fields[0].type
                                                       : x->type->fields[i % 2].type;
        args[i] = compile_guarded(c, x->args[i], t, at);
    }
    return expr_emit(c,
                     expr_step_at(x->kind == EXPR_STRUCT ? step_struct : step_array, x->type, at),
                     args, x->arg_count);
}

static uint16_t compile_unary(struct compiler *c, const struct expr *x, step_fn *run,
                              struct place at)
{
    const uint16_t arg = expr_compile_node(c, x->args[0], at);
    const struct type *t = x->kind == EXPR_NEGATE ? x->type : type_scalar(TYPE_BOOLEAN);
    return expr_emit(c, expr_step_at(run, t, at), &arg, 1);
}

uint16_t expr_compile_node(struct compiler *c, const struct expr *x, struct place at)
{
    if (c->failed)
        return 0;
    switch (x->kind) {
    case EXPR_LITERAL:
        return compile_literal(c, x, NULL, at);
    case EXPR_COLUMN:
        return c->outer ? expr_compile_captured(c, x, at) : compile_column(c, x, at);
    case EXPR_PSEUDO:
        return c->outer ? expr_compile_captured(c, x, at) : compile_pseudo(c, x, at);
    case EXPR_PARAM:
        return expr_compile_captured(c, x, at);
    case EXPR_LAMBDA:
        return expr_compile_fail(c, x, "a lambda outside of the function that takes it");
    case EXPR_FIELD:
        return compile_field(c, x, at);
    case EXPR_INDEX:
        return compile_index(c, x, at);
    case EXPR_CALL:
        return compile_call(c, x, at);
    case EXPR_ARITH:
        return compile_arith(c, x, at);
    case EXPR_NEGATE:
        return compile_unary(c, x, step_negate, at);
    case EXPR_COMPARE:
        return compare(c, x->op, x->args[0], x->args[1], at);
    case EXPR_AND:
    case EXPR_OR:
        return compile_logic(c, x, at);
    case EXPR_NOT:
        return compile_unary(c, x, step_not, at);
    case EXPR_IS_NULL:
        return compile_unary(c, x, step_is_null, at);
    case EXPR_IS_NOT_NULL:
        return compile_unary(c, x, step_is_not_null, at);
    case EXPR_BETWEEN:
        return compile_between(c, x, at);
    case EXPR_IN:
        return compile_in(c, x, at);
    case EXPR_LIKE:
        return compile_like(c, x, at);
    case EXPR_CASE:
        return compile_case(c, x, at);
    case EXPR_CAST:
        return expr_compile_as(c, x->args[0], x->type, at);
    case EXPR_STRUCT:
    case EXPR_ARRAY:
    case EXPR_MAP:
        return compile_constructor(c, x, at);
    }
    assert(!"expression kind out of range");
    return 0;
}

const struct expr_prog *expr_finish(const struct compiler *c, uint16_t result)
{
    struct expr_prog *p = ARENA_NEW(c->a, struct expr_prog);
    struct step *steps = ARENA_ARRAY(c->a, struct step, c->steps.n);
    memcpy(steps, c->steps.v, c->steps.n * sizeof *steps);
    p->steps = steps;
    p->count = (uint32_t)c->steps.n;
    p->regs = (uint16_t)c->types.n;
    p->sels = c->sels;
    p->scopes = c->scopes;
    p->result = result;
    p->type = c->types.v[result];
    p->column = p->count == 1 && steps[0].run == step_column ? (int)steps[0].column : -1;
    return p;
}

bool expr_compile(const struct expr_prog **out, struct arena *a, const struct expr *x,
                  const struct expr_input *in, struct err *e)
{
    struct compiler c = {.a = a, .in = in, .sels = 1, .scopes = 1, .e = e};
    const struct place whole = {0, 0};
    // A bare column or field keeps its physical type, which may be a pruned STRUCT.
    const bool bare = x->kind == EXPR_COLUMN || x->kind == EXPR_FIELD;
    const uint16_t result =
        bare ? expr_compile_node(&c, x, whole) : expr_compile_as(&c, x, x->type, whole);
    if (!c.failed)
        *out = expr_finish(&c, result);
    vec_fini(&c.steps);
    vec_fini(&c.types);
    return !c.failed;
}

const struct type *expr_prog_type(const struct expr_prog *p)
{
    return p->type;
}

int expr_prog_column(const struct expr_prog *p)
{
    return p->column;
}
