// Bound expressions as ksqlDB would print them; what bind inserted (casts) shows.
#include "sql/print.h"

#include "schema/text.h"
#include "sql/exec/fn.h"

#include <assert.h>

static void print_list(struct buf *out, const struct expr *x, uint32_t from,
                       const struct schema *input)
{
    for (uint32_t i = from; i < x->arg_count; i++) {
        buf_text(out, i > from ? ", " : "");
        print_expr(out, x->args[i], input);
    }
}

static void print_literal(struct buf *out, const struct expr *x)
{
    struct buf text;
    if (x->literal.null || !x->type) {
        buf_text(out, "NULL");
        return;
    }
    const enum type_kind kind = x->type->kind;
    if (type_is_number(x->type) || kind == TYPE_BOOLEAN) {
        text_cell(out, &x->literal.column, 0);
        return;
    }
    if (kind != TYPE_STRING)
        buf_printf(out, "%s ", type_kind_name(kind));
    buf_init(&text, (size_t)16 << 20);
    text_cell(&text, &x->literal.column, 0);
    print_string(out, buf_view(&text));
    buf_fini(&text);
}

static void print_binary(struct buf *out, const struct expr *x, const char *op,
                         const struct schema *input)
{
    buf_char(out, '(');
    for (uint32_t i = 2; i < x->arg_count; i++)
        buf_char(out, '(');
    print_expr(out, x->args[0], input);
    for (uint32_t i = 1; i < x->arg_count; i++) {
        buf_printf(out, " %s ", op);
        print_expr(out, x->args[i], input);
        buf_char(out, ')');
    }
}

static void print_case(struct buf *out, const struct expr *x, const struct schema *input)
{
    buf_text(out, "(CASE");
    for (uint32_t i = 0; i + 1 < x->arg_count; i += 2) {
        buf_text(out, " WHEN ");
        print_expr(out, x->args[i], input);
        buf_text(out, " THEN ");
        print_expr(out, x->args[i + 1], input);
    }
    if (x->has_else) {
        buf_text(out, " ELSE ");
        print_expr(out, x->args[x->arg_count - 1], input);
    }
    buf_text(out, " END)");
}

static void print_predicate(struct buf *out, const struct expr *x, const struct schema *input)
{
    char escape[4];
    buf_text(out, x->negated ? "(NOT (" : "(");
    print_expr(out, x->args[0], input);
    if (x->kind == EXPR_BETWEEN) {
        buf_text(out, " BETWEEN ");
        print_expr(out, x->args[1], input);
        buf_text(out, " AND ");
        print_expr(out, x->args[2], input);
    } else if (x->kind == EXPR_IN) {
        buf_text(out, " IN (");
        print_list(out, x, 1, input);
        buf_char(out, ')');
    } else {
        buf_text(out, " LIKE ");
        print_expr(out, x->args[1], input);
        if (x->escape) {
            buf_text(out, " ESCAPE ");
            print_string(out, (struct str){escape, utf8_encode(escape, x->escape)});
        }
    }
    buf_text(out, x->negated ? "))" : ")");
}

static void print_constructor(struct buf *out, const struct expr *x, const struct schema *input)
{
    if (x->kind == EXPR_ARRAY) {
        buf_text(out, "ARRAY[");
        print_list(out, x, 0, input);
        buf_char(out, ']');
        return;
    }
    const bool is_struct = x->kind == EXPR_STRUCT;
    const uint32_t step = is_struct ? 1 : 2;
    buf_text(out, is_struct ? "STRUCT(" : "MAP(");
    for (uint32_t i = 0; i < x->arg_count; i += step) {
        buf_text(out, i ? ", " : "");
        if (is_struct)
            print_name(out, x->type->fields[i].name);
        else
            print_expr(out, x->args[i], input);
        buf_text(out, ":=");
        print_expr(out, x->args[i + step - 1], input);
    }
    buf_char(out, ')');
}

// op x or x op, in parentheses where they are ksqlDB's
static void print_unary(struct buf *out, const struct expr *x, const struct schema *input)
{
    const bool negate = x->kind == EXPR_NEGATE;
    buf_text(out, negate ? "-(" : x->kind == EXPR_NOT ? "(NOT " : "(");
    print_expr(out, x->args[0], input);
    if (x->kind == EXPR_IS_NULL)
        buf_text(out, " IS NULL");
    if (x->kind == EXPR_IS_NOT_NULL)
        buf_text(out, " IS NOT NULL");
    buf_char(out, ')');
}

static void print_place(struct buf *out, const struct expr *x, const struct schema *input)
{
    static const char *const pseudo[] = {"ROWTIME", "ROWPARTITION", "ROWOFFSET", "WINDOWSTART",
                                         "WINDOWEND"};
    if (x->kind == EXPR_PSEUDO) {
        buf_text(out, pseudo[x->column]);
    } else if (x->kind == EXPR_COLUMN) {
        assert(x->column < input->count);
        print_name(out, input->columns[x->column].name);
    } else if (x->kind == EXPR_FIELD) {
        print_expr(out, x->args[0], input);
        buf_text(out, "->");
        print_name(out, x->args[0]->type->fields[x->column].name);
    } else {
        print_expr(out, x->args[0], input);
        buf_char(out, '[');
        print_expr(out, x->args[1], input);
        buf_char(out, ']');
    }
}

void print_expr(struct buf *out, const struct expr *x, const struct schema *input)
{
    switch (x->kind) {
    case EXPR_LITERAL:
        print_literal(out, x);
        return;
    case EXPR_COLUMN:
    case EXPR_PSEUDO:
    case EXPR_FIELD:
    case EXPR_INDEX:
        print_place(out, x, input);
        return;
    case EXPR_CALL:
        buf_printf(out, "%s(", x->fn->name);
        print_list(out, x, 0, input);
        buf_char(out, ')');
        return;
    case EXPR_ARITH:
    case EXPR_COMPARE:
        print_binary(out, x, print_op(x->op), input);
        return;
    case EXPR_AND:
        print_binary(out, x, "AND", input);
        return;
    case EXPR_OR:
        print_binary(out, x, "OR", input);
        return;
    case EXPR_NEGATE:
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_IS_NOT_NULL:
        print_unary(out, x, input);
        return;
    case EXPR_BETWEEN:
    case EXPR_IN:
    case EXPR_LIKE:
        print_predicate(out, x, input);
        return;
    case EXPR_CASE:
        print_case(out, x, input);
        return;
    case EXPR_CAST:
        buf_text(out, "CAST(");
        print_expr(out, x->args[0], input);
        buf_text(out, " AS ");
        type_print(out, x->type);
        buf_char(out, ')');
        return;
    case EXPR_STRUCT:
    case EXPR_ARRAY:
    case EXPR_MAP:
        print_constructor(out, x, input);
        return;
    case EXPR_LAMBDA:
        buf_char(out, '(');
        for (uint32_t i = 0; i < x->param_count; i++)
            buf_printf(out, "%sP%u", i ? ", " : "", x->column + i);
        buf_text(out, ") => ");
        print_expr(out, x->args[0], input);
        return;
    case EXPR_PARAM:
        buf_printf(out, "P%u", x->column);
        return;
    }
    assert(!"expr kind");
}
