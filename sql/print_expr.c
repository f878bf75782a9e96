#include "sql/lexer.h"
#include "sql/print.h"

#include <assert.h>

void print_name(struct buf *out, struct str name)
{
    if (!lexer_needs_quotes(name)) {
        buf_str(out, name);
        return;
    }
    buf_char(out, '`');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '`')
            buf_char(out, '`');
        buf_char(out, name.p[i]);
    }
    buf_char(out, '`');
}

void print_string(struct buf *out, struct str text)
{
    buf_char(out, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            buf_char(out, '\'');
        buf_char(out, text.p[i]);
    }
    buf_char(out, '\'');
}

const char *print_op(enum expr_op op)
{
    static const char *const names[] = {
        [EXPR_ADD] = "+",
        [EXPR_SUB] = "-",
        [EXPR_MUL] = "*",
        [EXPR_DIV] = "/",
        [EXPR_MOD] = "%",
        [EXPR_EQ] = "=",
        [EXPR_NE] = "<>",
        [EXPR_LT] = "<",
        [EXPR_LE] = "<=",
        [EXPR_GT] = ">",
        [EXPR_GE] = ">=",
        [EXPR_DISTINCT] = "IS DISTINCT FROM",
        [EXPR_NOT_DISTINCT] = "IS NOT DISTINCT FROM",
    };
    assert(op > EXPR_OP_NONE && op <= EXPR_NOT_DISTINCT);
    return names[op];
}

void print_ast_type(struct buf *out, const struct ast_type *t)
{
    switch (t->kind) {
    case AST_TYPE_NAMED:
        print_name(out, t->name);
        return;
    case AST_TYPE_DECIMAL:
        buf_printf(out, "DECIMAL(%u, %u)", t->precision, t->scale);
        return;
    case AST_TYPE_ARRAY:
        buf_text(out, "ARRAY<");
        break;
    case AST_TYPE_MAP:
        buf_text(out, "MAP<");
        break;
    case AST_TYPE_STRUCT:
        buf_text(out, "STRUCT<");
        break;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        buf_text(out, i ? ", " : "");
        if (t->kind == AST_TYPE_STRUCT) {
            print_name(out, t->names[i]);
            buf_char(out, ' ');
        }
        print_ast_type(out, t->args[i]);
    }
    buf_char(out, '>');
}

static void print_list(struct buf *out, struct ast_expr *const *args, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        buf_text(out, i > from ? ", " : "");
        print_ast(out, args[i]);
    }
}

static void print_call(struct buf *out, const struct ast_expr *x)
{
    print_name(out, x->text);
    buf_char(out, '(');
    if (x->star)
        buf_char(out, '*');
    print_list(out, x->args, 0, x->arg_count);
    buf_char(out, ')');
}

static void print_lambda(struct buf *out, const struct ast_expr *x)
{
    buf_text(out, x->name_count > 1 ? "(" : "");
    for (uint32_t i = 0; i < x->name_count; i++) {
        buf_text(out, i ? ", " : "");
        print_name(out, x->names[i]);
    }
    buf_text(out, x->name_count > 1 ? ") => " : " => ");
    print_ast(out, x->args[0]);
}

static void print_binary(struct buf *out, const struct ast_expr *x, const char *op)
{
    buf_char(out, '(');
    print_ast(out, x->args[0]);
    buf_printf(out, " %s ", op);
    print_ast(out, x->args[1]);
    buf_char(out, ')');
}

// a AND b AND c is ((a AND b) AND c)
static void print_chain(struct buf *out, const struct ast_expr *x, const char *op)
{
    for (uint32_t i = 1; i < x->arg_count; i++)
        buf_char(out, '(');
    print_ast(out, x->args[0]);
    for (uint32_t i = 1; i < x->arg_count; i++) {
        buf_printf(out, " %s ", op);
        print_ast(out, x->args[i]);
        buf_char(out, ')');
    }
}

static void print_case(struct buf *out, const struct ast_expr *x)
{
    const uint32_t from = x->has_operand, pairs = (x->arg_count - from) / 2;
    buf_text(out, "(CASE");
    if (x->has_operand) {
        buf_char(out, ' ');
        print_ast(out, x->args[0]);
    }
    for (uint32_t i = 0; i < pairs; i++) {
        buf_text(out, " WHEN ");
        print_ast(out, x->args[from + 2 * i]);
        buf_text(out, " THEN ");
        print_ast(out, x->args[from + 2 * i + 1]);
    }
    if (x->has_else) {
        buf_text(out, " ELSE ");
        print_ast(out, x->args[x->arg_count - 1]);
    }
    buf_text(out, " END)");
}

static void print_pairs(struct buf *out, const struct ast_expr *x)
{
    const bool is_struct = x->kind == AST_STRUCT;
    const uint32_t step = is_struct ? 1 : 2;
    buf_text(out, is_struct ? "STRUCT(" : "MAP(");
    for (uint32_t i = 0; i < x->arg_count; i += step) {
        buf_text(out, i ? ", " : "");
        if (is_struct)
            print_name(out, x->names[i]);
        else
            print_ast(out, x->args[i]);
        buf_text(out, ":=");
        print_ast(out, x->args[i + step - 1]);
    }
    buf_char(out, ')');
}

// x [NOT] BETWEEN, IN, LIKE: ksqlDB prints the negated forms as (NOT (…))
static void print_predicate(struct buf *out, const struct ast_expr *x)
{
    buf_text(out, x->negated ? "(NOT (" : "(");
    print_ast(out, x->args[0]);
    if (x->kind == AST_BETWEEN) {
        buf_text(out, " BETWEEN ");
        print_ast(out, x->args[1]);
        buf_text(out, " AND ");
        print_ast(out, x->args[2]);
    } else if (x->kind == AST_IN) {
        buf_text(out, " IN (");
        print_list(out, x->args, 1, x->arg_count);
        buf_char(out, ')');
    } else {
        buf_text(out, " LIKE ");
        print_ast(out, x->args[1]);
        if (x->text.p) {
            buf_text(out, " ESCAPE ");
            print_string(out, x->text);
        }
    }
    buf_text(out, x->negated ? "))" : ")");
}

static void print_literal(struct buf *out, const struct ast_expr *x)
{
    if (x->kind == AST_TYPED) {
        buf_printf(out, "%.*s ", STR_ARG(x->qualifier));
        print_string(out, x->text);
    } else if (x->kind == AST_STRING) {
        print_string(out, x->text);
    } else if (x->kind == AST_BOOLEAN) {
        buf_text(out, x->text.p[0] == 'T' ? "true" : "false");
    } else {
        buf_str(out, x->text);
    }
}

// What binds tightly: literals, names, x[i], x->f, casts, constructors.
static void print_primary(struct buf *out, const struct ast_expr *x)
{
    if (x->kind == AST_COLUMN) {
        if (x->qualifier.p) {
            print_name(out, x->qualifier);
            buf_char(out, '.');
        }
        print_name(out, x->text);
    } else if (x->kind == AST_FIELD) {
        print_ast(out, x->args[0]);
        buf_text(out, "->");
        print_name(out, x->text);
    } else if (x->kind == AST_INDEX) {
        print_ast(out, x->args[0]);
        buf_char(out, '[');
        print_ast(out, x->args[1]);
        buf_char(out, ']');
    } else if (x->kind == AST_CAST) {
        buf_text(out, "CAST(");
        print_ast(out, x->args[0]);
        buf_text(out, " AS ");
        print_ast_type(out, x->type);
        buf_char(out, ')');
    } else {
        assert(x->kind == AST_ARRAY);
        buf_text(out, "ARRAY[");
        print_list(out, x->args, 0, x->arg_count);
        buf_char(out, ']');
    }
}

static void print_unary(struct buf *out, const struct ast_expr *x)
{
    if (x->kind == AST_NOT) {
        buf_text(out, "(NOT ");
        print_ast(out, x->args[0]);
        buf_char(out, ')');
    } else if (x->kind == AST_IS_NULL) {
        buf_char(out, '(');
        print_ast(out, x->args[0]);
        buf_text(out, x->negated ? " IS NOT NULL)" : " IS NULL)");
    } else if (x->kind == AST_AT_ZONE) {
        buf_char(out, '(');
        print_ast(out, x->args[0]);
        buf_text(out, " AT TIME ZONE ");
        print_string(out, x->text);
        buf_char(out, ')');
    } else { // a blank keeps - -1 from becoming a comment, and - 1 from becoming a literal
        buf_text(out, x->kind == AST_NEGATE ? "-" : "+");
        const enum ast_kind kind = x->args[0]->kind;
        const bool number = kind == AST_INTEGER || kind == AST_DECIMAL || kind == AST_DOUBLE;
        const bool sign = kind == AST_NEGATE || kind == AST_PLUS;
        buf_text(out, number || sign ? "(" : "");
        print_ast(out, x->args[0]);
        buf_text(out, number || sign ? ")" : "");
    }
}

void print_ast(struct buf *out, const struct ast_expr *x)
{
    switch (x->kind) {
    case AST_NULL:
    case AST_BOOLEAN:
    case AST_INTEGER:
    case AST_DECIMAL:
    case AST_DOUBLE:
    case AST_STRING:
    case AST_TYPED:
        print_literal(out, x);
        return;
    case AST_COLUMN:
    case AST_FIELD:
    case AST_INDEX:
    case AST_CAST:
    case AST_ARRAY:
        print_primary(out, x);
        return;
    case AST_CALL:
        print_call(out, x);
        return;
    case AST_UNIT:
        buf_str(out, x->text);
        return;
    case AST_LAMBDA:
        print_lambda(out, x);
        return;
    case AST_ARITH:
    case AST_COMPARE:
        print_binary(out, x, print_op(x->op));
        return;
    case AST_CONCAT:
        print_binary(out, x, "||");
        return;
    case AST_AND:
        print_chain(out, x, "AND");
        return;
    case AST_OR:
        print_chain(out, x, "OR");
        return;
    case AST_NEGATE:
    case AST_PLUS:
    case AST_NOT:
    case AST_IS_NULL:
    case AST_AT_ZONE:
        print_unary(out, x);
        return;
    case AST_BETWEEN:
    case AST_IN:
    case AST_LIKE:
        print_predicate(out, x);
        return;
    case AST_CASE:
        print_case(out, x);
        return;
    case AST_STRUCT:
    case AST_MAP:
        print_pairs(out, x);
        return;
    }
    assert(!"ast kind");
}
