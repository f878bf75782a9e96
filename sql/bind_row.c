// One row of constant expressions: INSERT INTO … VALUES, ASSERT VALUES, ASSERT NULL VALUES.
#include "sql/bind_plan_internal.h"

#include "schema/cast.h"

// Whether a constant of type `from` may become `to`: wider numbers, text that is a time, items of nested types alike. Fields
// that a STRUCT column has not are left out.
static bool insertable(const struct type *from, const struct type *to)
{
    if (!from || type_equal(from, to) || cast_implicit(from, to))
        return true;
    if (from->kind == TYPE_STRING)
        return to->kind == TYPE_DATE || to->kind == TYPE_TIME || to->kind == TYPE_TIMESTAMP;
    if (to->kind == TYPE_DECIMAL)
        return from->kind == TYPE_INTEGER || from->kind == TYPE_BIGINT ||
               from->kind == TYPE_DECIMAL;
    if (from->kind != to->kind || !type_is_nested(to))
        return false;
    for (uint32_t i = 0; i < from->field_count; i++) {
        const int k = to->kind == TYPE_STRUCT ? type_field(to, from->fields[i].name) : (int)i;
        if (k >= 0 && !insertable(from->fields[i].type, to->fields[k].type))
            return false;
    }
    return true;
}

// Of a number as it is written, before the point.
static uint32_t whole_digits(struct str text)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.n && text.p[i] != '.'; i++)
        n += text.p[i] >= '1' ? 1 : n > 0 && text.p[i] == '0';
    return n;
}

static bool bind_constant(struct expr **out, struct binder *b, const struct ast_expr *x,
                          struct str name, const struct type *t)
{
    static const struct schema none = {0};
    const struct scope sc = {.b = b, .schema = &none, .clause = "VALUES", .item = x};
    if (!bind_expr(out, &sc, x))
        return false;
    if (!insertable((*out)->type, t))
        return bind_fail(b, &x->pos, "Expected type %s for field `%.*s` but got %s(%s)",
                         bind_type_text(b, t), STR_ARG(name), bind_text(b, x),
                         bind_type_text(b, (*out)->type));
    if (t->kind == TYPE_DECIMAL && (x->kind == AST_DECIMAL || x->kind == AST_INTEGER) &&
        whole_digits(x->text) > (uint32_t)(t->precision - t->scale))
        return bind_fail(b, &x->pos,
                         "Numeric field overflow: A field with precision %u and scale %u must "
                         "round to an absolute value less than 10^%u. Got %.*s",
                         t->precision, t->scale, t->precision - t->scale, STR_ARG(x->text));
    *out = bind_cast(b, *out, t);
    return true;
}

static struct expr **pseudo_of(struct plan_row *row, struct str name, enum ast_statement_kind kind)
{
    if (str_eq(name, STR("ROWTIME")))
        return &row->rowtime;
    if (kind == AST_INSERT_VALUES)
        return NULL;
    if (str_eq(name, STR("WINDOWSTART")))
        return &row->window_start;
    return str_eq(name, STR("WINDOWEND")) ? &row->window_end : NULL;
}

static bool bind_cell(struct plan_row *row, struct binder *b, const struct ast_statement *st,
                      struct str name, const struct ast_expr *x)
{
    enum expr_pseudo pseudo;
    const struct schema *s = row->object->schema;
    const int at = schema_find(s, name);
    if (at >= 0)
        return bind_constant(&row->exprs[at], b, x, name, s->columns[at].type);
    struct expr **out = pseudo_of(row, name, st->kind);
    if (out)
        return bind_constant(out, b, x, name, type_scalar(TYPE_BIGINT));
    if (bind_is_pseudo(name, &pseudo))
        return bind_fail(b, &st->name_pos, "Inserting into column `%.*s` is not allowed.",
                         STR_ARG(name));
    return bind_fail(b, &st->name_pos, "Column name `%.*s` does not exist.", STR_ARG(name));
}

static bool unknown_object(const struct binder *b, const struct ast_statement *st)
{
    if (st->kind != AST_INSERT_VALUES)
        return bind_fail(b, &st->name_pos, "%s does not exist", bind_name_text(b, st->name));
    struct str hint = STR("");
    for (uint32_t i = 0; i < b->objects.n; i++) {
        const struct plan_node *n = b->objects.v[i]->node;
        if (!b->objects.v[i]->dropped && str_eq_nocase(n->name, st->name))
            hint = arena_printf(b->a,
                                "\nDid you mean %s? Hint: try removing double quotes from the "
                                "source name.",
                                bind_name_text(b, n->name));
    }
    return bind_fail(b, &st->name_pos, "Cannot insert values into an unknown stream/table: %s%.*s",
                     bind_name_text(b, st->name), STR_ARG(hint));
}

static bool can_insert(const struct binder *b, const struct ast_statement *st,
                       const struct bind_object *o)
{
    if (st->kind != AST_INSERT_VALUES)
        return true;
    if (o->read_only)
        return bind_fail(b, &st->name_pos, "Cannot insert values into read-only %s: %s",
                         o->node->table ? "table" : "stream", bind_name_text(b, st->name));
    if (o->node->schema->windowed)
        return bind_fail(b, &st->name_pos, "Cannot insert values into windowed stream/table!");
    return true;
}

// A table's row needs its whole key.
static bool check_key(const struct binder *b, const struct ast_statement *st,
                      const struct plan_row *row)
{
    const struct schema *s = row->object->schema;
    if (!row->object->table || st->kind != AST_INSERT_VALUES)
        return true;
    for (uint32_t i = 0; i < s->key_count; i++)
        if (!row->exprs[i])
            return bind_fail(b, &st->name_pos,
                             "Failed to insert values into '%.*s'. Value for primary key column(s) "
                             "`%.*s` is required for tables",
                             STR_ARG(st->name), STR_ARG(s->columns[i].name));
    return true;
}

static enum plan_step_kind kind_of(const struct ast_statement *st)
{
    if (st->kind == AST_INSERT_VALUES)
        return STEP_INSERT;
    return st->kind == AST_ASSERT_VALUES ? STEP_ASSERT_VALUES : STEP_ASSERT_TOMBSTONE;
}

static bool is_header(const struct plan_source *declared, const struct schema *s, struct str name)
{
    const int at = schema_find(s, name);
    return at >= 0 && plan_is_header(declared, (uint32_t)at);
}

bool bind_row_statement(struct binder *b, const struct ast_statement *st)
{
    const struct bind_object *o = bind_find_object(b, st->name);
    if (!o)
        return unknown_object(b, st);
    const struct schema *s = o->node->schema;
    const struct plan_source *declared = o->node->source;
    const uint32_t headers = declared ? declared->header_count : 0;
    struct plan_row row = {.object = o->node,
                           .exprs = ARENA_ZARRAY(b->a, struct expr *, s->count + 1)};
    const uint32_t columns = st->name_count ? st->name_count : s->count - headers;
    if (!can_insert(b, st, o))
        return false;
    if (columns != st->value_count)
        return bind_fail(b, &st->name_pos,
                         "Failed to insert values into '%.*s'. Expected number columns and values "
                         "to match: %u columns, %u values",
                         STR_ARG(st->name), columns, st->value_count);
    for (uint32_t i = 0, at = 0; i < columns; i++, at++) {
        while (st->name_count == 0 && plan_is_header(declared, at))
            at++;
        const struct str name = st->name_count ? st->names[i] : s->columns[at].name;
        if (is_header(declared, s, name))
            return bind_fail(b, &st->name_pos, "Cannot insert into HEADERS column: %s",
                             bind_name_text(b, name));
        if (!bind_cell(&row, b, st, name, st->values[i]))
            return false;
    }
    if (!check_key(b, st, &row))
        return false;
    bind_add_step(b, kind_of(st))->row = row;
    return true;
}
