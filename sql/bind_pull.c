// What a pull query may ask: clauses, and how its WHERE finds rows by their keys.
#include "sql/bind_plan_internal.h"
#include "sql/bind_transient.h"

#include <assert.h>

#define SEE                                         \
    " See https://cnfl.io/queries for more info.\n" \
    "Add EMIT CHANGES if you intended to issue a push query."

static bool is_off(const struct binder *b, const char *setting)
{
    return str_eq_nocase(bind_setting(b, str_from(setting)), STR("false"));
}

// --- clauses -------------------------------------------------------------------------------------

static bool refuse_clause(const struct binder *b, const struct ast_query *q, const char *what)
{
    return bind_fail(b, &q->pos, "Pull queries don't support %s." SEE, what);
}

static const struct ast_expr *find_pseudo(const struct ast_expr *x)
{
    enum expr_pseudo pseudo;
    if (x->kind == AST_COLUMN && bind_is_pseudo(x->text, &pseudo) &&
        (pseudo == PSEUDO_ROWPARTITION || pseudo == PSEUDO_ROWOFFSET))
        return x;
    for (uint32_t i = 0; i < x->arg_count; i++) {
        const struct ast_expr *found = find_pseudo(x->args[i]);
        if (found)
            return found;
    }
    return NULL;
}

// Rows that are kept have no place in a topic.
static bool check_pseudo(const struct binder *b, const struct ast_expr *x, const char *clause)
{
    const struct ast_expr *found = x ? find_pseudo(x) : NULL;
    return !found || bind_fail(b, &found->pos,
                               "Pull queries don't support the following columns in %s clauses: "
                               "`%.*s`" SEE,
                               clause, STR_ARG(found->text));
}

static bool check_items(const struct binder *b, const struct ast_query *q)
{
    for (uint32_t i = 0; i < q->item_count; i++)
        if (q->items[i].x && bind_find_table_function(q->items[i].x))
            return refuse_clause(b, q, "table functions");
    for (uint32_t i = 0; i < q->item_count; i++)
        if (!check_pseudo(b, q->items[i].x, "SELECT"))
            return false;
    return true;
}

bool bind_pull_clauses(const struct binder *b, const struct ast_query *q)
{
    const char *what = q->from_count > 1  ? "JOIN clauses"
                       : q->window        ? "WINDOW clauses"
                       : q->has_group     ? "GROUP BY clauses"
                       : q->has_partition ? "PARTITION BY clauses"
                       : q->having        ? "HAVING clauses"
                                          : NULL;
    if (what)
        return refuse_clause(b, q, what);
    if (q->limit.p && is_off(b, "ksql.query.pull.limit.clause.enabled"))
        return bind_fail(b, &q->limit_pos,
                         "LIMIT clause in pull queries is currently disabled. You can enable them "
                         "by setting ksql.query.pull.limit.clause.enabled=true." SEE);
    return check_items(b, q) && check_pseudo(b, q->where, "WHERE");
}

// --- WHERE ---------------------------------------------------------------------------------------

// What the conditions that must hold together say about the key columns.
struct bound {
    const struct binder *b;
    const struct schema *schema;
    bool *known;     // per key column: compared with something
    uint32_t count;  // of them
    bool needs_scan; // by more than values or one range of the whole key
};

static int key_of(const struct bound *s, const struct ast_expr *x)
{
    const int at = x->kind == AST_COLUMN ? schema_find(s->schema, x->text) : -1;
    return at >= 0 && (uint32_t)at < s->schema->key_count ? at : -1;
}

static bool has_key(const struct bound *s, const struct ast_expr *x)
{
    if (key_of(s, x) >= 0)
        return true;
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (has_key(s, x->args[i]))
            return true;
    return false;
}

static bool has_column(const struct ast_expr *x)
{
    if (x->kind == AST_COLUMN)
        return true;
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (has_column(x->args[i]))
            return true;
    return false;
}

static bool know(struct bound *s, const struct ast_expr *x, int key)
{
    if (s->known[key])
        return bind_fail(s->b, &x->pos,
                         "A comparison condition on the key column cannot be combined with other "
                         "comparisons such as an IN predicate");
    s->known[key] = true;
    s->count++;
    return true;
}

static bool is_range(enum expr_op op)
{
    return op == EXPR_LT || op == EXPR_LE || op == EXPR_GT || op == EXPR_GE;
}

static bool bound_compare(struct bound *s, const struct ast_expr *x)
{
    const int left = key_of(s, x->args[0]), right = key_of(s, x->args[1]);
    const int key = left >= 0 ? left : right;
    if (key < 0)
        return (!has_key(s, x->args[0]) && !has_key(s, x->args[1])) ||
               bind_fail(s->b, &x->pos, "A comparison must directly reference a key column.");
    if (has_column(x->args[left >= 0 ? 1 : 0]))
        return bind_fail(s->b, &x->pos,
                         "A comparison must be between a key column and a resolvable expression.");
    const struct schema_column *column = &s->schema->columns[key];
    if (x->op != EXPR_EQ && !is_range(x->op))
        return bind_fail(s->b, &x->pos,
                         "Bound on key columns '[`%.*s` %s KEY]' must currently be '='. ",
                         STR_ARG(column->name), bind_type_text(s->b, column->type));
    if (is_range(x->op))
        s->needs_scan |= s->schema->key_count > 1 || s->schema->windowed ||
                         column->type->kind != TYPE_STRING ||
                         is_off(s->b, "ksql.query.pull.range.scan.enabled");
    return know(s, x, key);
}

static bool bound_in(struct bound *s, const struct ast_expr *x)
{
    const int key = key_of(s, x->args[0]);
    for (uint32_t i = 1; key >= 0 && i < x->arg_count; i++)
        if (has_column(x->args[i]))
            return bind_fail(
                s->b, &x->args[i]->pos,
                "A comparison must be between a key column and a resolvable expression.");
    return key < 0 || know(s, x, key);
}

static bool bound_all(struct bound *s, const struct ast_expr *x)
{
    if (x->kind == AST_COMPARE)
        return bound_compare(s, x);
    if (x->kind == AST_IN)
        return x->negated || bound_in(s, x);
    for (uint32_t i = 0; x->kind == AST_AND && i < x->arg_count; i++)
        if (!bound_all(s, x->args[i]))
            return false;
    return true;
}

static bool bound_disjunct(const struct bound *outer, const struct ast_expr *x)
{
    struct bound s = *outer;
    const uint32_t keys = s.schema->key_count;
    bool ok = true;
    if (x->kind == AST_OR) {
        for (uint32_t i = 0; ok && i < x->arg_count; i++)
            ok = bound_disjunct(outer, x->args[i]);
        return ok;
    }
    s.known = ARENA_ZARRAY(s.b->a, bool, keys + 1);
    if (!bound_all(&s, x))
        return false;
    if (s.count == 0)
        return bind_fail(s.b, &x->pos, "WHERE clause missing key column for disjunct: %s",
                         bind_text(s.b, x));
    if (s.count < keys)
        return bind_fail(s.b, &x->pos,
                         "Multi-column sources must specify every key in the WHERE clause: %u of "
                         "%u are in %s",
                         s.count, keys, bind_text(s.b, x));
    return !s.needs_scan || bind_fail(s.b, &x->pos,
                                      "Query requires table scan to be enabled: set "
                                      "ksql.query.pull.table.scan.enabled=true");
}

// A key is looked up by a value of its own type.
static bool check_values(const struct bound *s, const struct ast_expr *x)
{
    const int key = x->kind == AST_IN ? key_of(s, x->args[0]) : -1;
    for (uint32_t i = 0; i < x->arg_count; i++)
        if ((x->kind == AST_AND || x->kind == AST_OR) && !check_values(s, x->args[i]))
            return false;
    for (uint32_t i = 1; key >= 0 && i < x->arg_count; i++) {
        const struct schema_column *c = &s->schema->columns[key];
        const struct ast_expr *v = x->args[i];
        const enum type_kind kind = c->type->kind;
        const bool number = kind == TYPE_INTEGER || kind == TYPE_BIGINT || kind == TYPE_DOUBLE;
        if (v->kind == AST_NULL)
            return bind_fail(s->b, &v->pos, "Primary key columns can not be NULL: (%.*s = null)",
                             STR_ARG(c->name));
        if (v->kind == AST_STRING && number)
            return bind_fail(s->b, &v->pos,
                             "'%.*s' can not be converted to the type of the key column: %.*s %s "
                             "KEY",
                             STR_ARG(v->text), STR_ARG(c->name), bind_type_text(s->b, c->type));
    }
    return true;
}

bool bind_pull_where(const struct binder *b, const struct bind_object *o, const struct ast_query *q)
{
    const struct bound s = {.b = b, .schema = o->node->schema};
    if (!o->node->table)
        return true;
    if (q->where && !check_values(&s, q->where))
        return false;
    if (!is_off(b, "ksql.query.pull.table.scan.enabled"))
        return true;
    if (!q->where)
        return bind_fail(b, &q->pos,
                         "Query requires table scan to be enabled: set "
                         "ksql.query.pull.table.scan.enabled=true");
    return bound_disjunct(&s, q->where);
}

bool bind_pull_source(const struct binder *b, const struct bind_object *o,
                      const struct ast_query *q)
{
    const struct str name = o->node->name;
    return !o->node->table || !o->declared || o->read_only ||
           bind_fail(b, &q->from[0].pos,
                     "The `%.*s` table isn't queryable. To derive a queryable table, you can do "
                     "'CREATE TABLE QUERYABLE_%.*s AS SELECT * FROM %.*s'. See "
                     "https://cnfl.io/queries for more info.",
                     STR_ARG(name), STR_ARG(name), STR_ARG(name));
}
