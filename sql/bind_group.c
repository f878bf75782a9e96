// GROUP BY: windows, grouping expressions, aggregates, HAVING; what may be selected above an aggregation.
#include "sql/bind_plan_internal.h"

#include "sql/exec/agg.h"

#include <assert.h>

// --- windows ---------------------------------------------------------------------------------------

bool bind_duration(int64_t *out, const struct binder *b, const struct sql_pos *pos,
                   const struct ast_duration *d)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } table[] = {
        {"MILLISECOND", 1}, {"SECOND", 1000},  {"MINUTE", 60000},
        {"HOUR", 3600000},  {"DAY", 86400000},
    };
    struct str unit = d->unit;
    if (!unit.p) {
        *out = -1;
        return true;
    }
    if (unit.p[unit.n - 1] == 'S')
        unit.n--;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!str_eq(unit, str_from(table[i].unit)))
            continue;
        if (d->count > (uint64_t)(INT64_MAX / 4 / table[i].ms))
            return bind_fail(b, pos, "duration is out of range: %llu %.*s",
                             (unsigned long long)d->count, STR_ARG(d->unit));
        *out = (int64_t)d->count * table[i].ms;
        return true;
    }
    return bind_fail(b, pos,
                     "a window cannot be measured in %.*s: use DAYS, HOURS, MINUTES, "
                     "SECONDS or MILLISECONDS",
                     STR_ARG(d->unit));
}

static bool check_advance(struct window_spec *out, const struct binder *b,
                          const struct ast_window *w)
{
    if (w->kind == WINDOW_SESSION)
        return true;
    if (w->kind == WINDOW_TUMBLING)
        out->advance_ms = out->size_ms;
    if (out->advance_ms <= 0 || out->advance_ms > out->size_ms)
        return bind_fail(b, &w->pos,
                         "ADVANCE BY must be more than 0 and not more than the window's SIZE");
    // each row lands in size / advance windows
    if (out->size_ms / out->advance_ms > 100000)
        return bind_fail(b, &w->pos, "a row would be in %lld windows, at most 100000 are allowed",
                         (long long)(out->size_ms / out->advance_ms));
    return true;
}

static bool bind_window(struct window_spec *out, const struct query *s)
{
    const struct binder *b = s->b;
    const struct ast_window *w = s->q->window;
    *out = (struct window_spec){WINDOW_NONE, -1, -1, -1, -1, s->q->emit == AST_EMIT_FINAL};
    if (!w)
        return true;
    out->kind = w->kind;
    if (!bind_duration(&out->size_ms, b, &w->pos, &w->size) ||
        !bind_duration(&out->advance_ms, b, &w->pos, &w->advance) ||
        !bind_duration(&out->grace_ms, b, &w->pos, &w->grace) ||
        !bind_duration(&out->retention_ms, b, &w->pos, &w->retention))
        return false;
    if (out->size_ms <= 0)
        return bind_fail(b, &w->pos, "the window's %s must be more than 0",
                         w->kind == WINDOW_SESSION ? "gap" : "SIZE");
    if (!check_advance(out, b, w))
        return false;
    const int64_t day = 86400000;
    const int64_t grace = out->grace_ms >= 0                  ? out->grace_ms
                          : out->final || out->size_ms >= day ? 0
                                                              : day - out->size_ms;
    if (out->retention_ms >= 0 && out->retention_ms < out->size_ms + grace) {
        if (out->grace_ms >= 0 || out->retention_ms < out->size_ms)
            return bind_fail(b, &w->pos,
                             "RETENTION must be at least the window's SIZE plus its GRACE PERIOD");
    }
    return true;
}

// --- GROUP BY --------------------------------------------------------------------------------------

static bool check_grouping(const struct query *s)
{
    const struct bind_object *o = s->source;
    const struct plan_formats *f = o->node->formats;
    if (s->q->window && o->node->table)
        return bind_fail(s->b, &s->q->window->pos, "WINDOW clauses are only supported on streams");
    if (f->value_format == SERDE_KAFKA)
        return bind_fail(
            s->b, &s->q->from[0].pos,
            "Source(s) %.*s are using the 'KAFKA' value format. This format does not yet "
            "support GROUP BY.",
            STR_ARG(o->node->name));
    return true;
}

static bool check_table_functions(const struct query *s)
{
    for (uint32_t i = 0; i < s->list.n; i++) {
        const struct ast_expr *call = bind_find_table_function(s->list.v[i].x);
        if (call)
            return bind_fail(s->b, &call->pos, "Table functions cannot be used with aggregations.");
    }
    return true;
}

static bool bind_group_keys(struct grouping *g, const struct query *s, struct scope *sc)
{
    g->bound = ARENA_ZARRAY(s->b->a, struct expr *, s->q->group_count);
    for (uint32_t i = 0; i < s->q->group_count; i++) {
        const struct ast_expr *ast = s->q->group_by[i], *call = bind_find_aggregate(ast);
        if (call)
            return bind_fail(s->b, &call->pos,
                             "GROUP BY does not support aggregate functions: %.*s is an aggregate "
                             "function.",
                             STR_ARG(call->text));
        sc->item = ast;
        if (!bind_expr(&g->bound[i], sc, ast))
            return false;
        if (!g->bound[i]->type)
            return bind_fail(s->b, &ast->pos, "GROUP BY NULL is not supported");
        for (uint32_t k = 0; k < i; k++)
            if (bind_ast_equal(s->q->group_by[k], ast))
                return bind_fail(s->b, &ast->pos, "Duplicate GROUP BY expression: %s",
                                 bind_text(s->b, ast));
    }
    g->keys = s->q->group_by;
    g->key_count = s->q->group_count;
    return true;
}

static struct str text_name(struct binder *b, const struct ast_expr *x)
{
    return x->kind == AST_COLUMN ? x->text : str_from(bind_text(b, x));
}

static const struct schema *group_schema(struct binder *b, const struct grouping *g)
{
    struct schema *out = ARENA_NEW(b->a, struct schema);
    struct schema_column *columns =
        ARENA_ZARRAY(b->a, struct schema_column, g->key_count + g->aggregates.n);
    for (uint32_t i = 0; i < g->key_count; i++)
        columns[i] = (struct schema_column){text_name(b, g->keys[i]), g->bound[i]->type, true};
    for (uint32_t i = 0; i < g->aggregates.n; i++)
        columns[g->key_count + i] =
            (struct schema_column){text_name(b, g->calls.v[i]), g->aggregates.v[i].type, false};
    *out = (struct schema){g->key_count + g->aggregates.n, g->key_count, columns, g->windowed};
    return out;
}

// A table can only be aggregated by what can take rows back.
static bool check_undo(const struct query *s, const struct grouping *g)
{
    struct buf names;
    LIST(const char *) bad = {0};
    if (!g->table)
        return true;
    buf_init(&names, BIND_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < g->aggregates.n; i++) {
        if (!g->aggregates.v[i].agg->undo)
            list_push(s->b->a, &bad, g->aggregates.v[i].agg->name);
    }
    const uint32_t n = bad.n;
    for (uint32_t i = 0; i < n; i++)
        buf_printf(&names, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " and ", bad.v[i]);
    if (n)
        (void)bind_fail(
            s->b, &s->q->pos,
            "The aggregation function%s %.*s cannot be applied to a table source, only to "
            "a stream source.",
            n > 1 ? "s" : "", (int)names.n, names.p);
    buf_fini(&names);
    return n == 0;
}

// ksqlDB writes the state of aggregates in the source's value format.
static bool check_intermediate(const struct query *s, const struct grouping *g)
{
    const enum serde_format f = s->source->node->formats->value_format;
    if (f != SERDE_DELIMITED && f != SERDE_KAFKA)
        return true;
    for (uint32_t i = 0; i < g->aggregates.n; i++)
        if (g->aggregates.v[i].agg->nested)
            return bind_fail(s->b, &g->calls.v[i]->pos,
                             "One of the functions used in the statement has an intermediate type "
                             "that the value format can not handle. Please remove the function or "
                             "change the format.");
    return true;
}

static void add_aggregate(struct query *s, const struct grouping *g,
                          const struct window_spec *window)
{
    struct plan_node *n =
        bind_plan_node(s->b, PLAN_AGGREGATE, group_schema(s->b, g), s->top, &s->st->pos);
    n->table = true;
    n->exprs = g->bound;
    n->expr_count = n->key_count = g->key_count;
    n->aggregates = g->aggregates.v;
    n->aggregate_count = g->aggregates.n;
    n->window = *window;
    s->top = n;
}

// Whether x is made of keys, aggregates and literals only.
static bool is_grouped(const struct query *s, const struct ast_expr *x)
{
    enum expr_pseudo pseudo;
    for (uint32_t i = 0; i < s->q->group_count; i++)
        if (bind_ast_equal(s->q->group_by[i], x))
            return true;
    if (bind_is_aggregate(x) || (x->kind == AST_CALL && !bind_is_function(x)))
        return true; // what is no function at all gets its own message
    if (x->kind == AST_COLUMN)
        return s->q->window && bind_is_pseudo(x->text, &pseudo) && pseudo >= PSEUDO_WINDOWSTART;
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (!is_grouped(s, x->args[i]))
            return false;
    return true;
}

// A call of what is no function at all; NULL = none.
static const struct ast_expr *find_unknown(const struct ast_expr *x)
{
    if (x->kind == AST_CALL && !bind_is_function(x) && !bind_is_aggregate(x) &&
        !bind_find_table_function(x))
        return x;
    for (uint32_t i = 0; i < x->arg_count; i++) {
        const struct ast_expr *found = find_unknown(x->args[i]);
        if (found)
            return found;
    }
    return NULL;
}

static bool check_known(const struct query *s)
{
    struct scope sc = s->input;
    struct expr *ignored;
    for (uint32_t i = 0; i < s->list.n; i++) {
        const struct ast_expr *x = find_unknown(s->list.v[i].x);
        if (x && !bind_expr(&ignored, &sc, x))
            return false;
    }
    return true;
}

static bool check_aggregates(const struct query *s)
{
    if (!check_known(s))
        return false;
    bool any = s->q->having && bind_find_aggregate(s->q->having);
    for (uint32_t i = 0; !any && i < s->list.n; i++)
        any = bind_find_aggregate(s->list.v[i].x) != NULL;
    return any || bind_fail(s->b, &s->q->pos,
                            "GROUP BY requires aggregate functions in either the SELECT or HAVING "
                            "clause.");
}

// Names all select expressions that are neither grouped by nor aggregated.
static bool check_grouped(const struct query *s)
{
    struct buf names;
    const struct select_item *first = NULL;
    buf_init(&names, BIND_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < s->list.n; i++) {
        const struct select_item *item = &s->list.v[i];
        struct expr *ignored;
        struct scope input = s->input;
        if (is_grouped(s, item->x))
            continue;
        if (item->x->kind == AST_COLUMN && !bind_expr(&ignored, &input, item->x)) {
            buf_fini(&names);
            return false; // no such column at all
        }
        buf_printf(&names, "%s%s", first ? ", " : "", bind_text(s->b, item->x));
        first = first ? first : item;
    }
    if (first)
        (void)bind_fail(s->b, &first->pos,
                        "Non-aggregate SELECT expression(s) not part of GROUP BY: %.*s\n"
                        "Either add the column(s) to the GROUP BY or remove them from the SELECT.",
                        (int)names.n, names.p);
    buf_fini(&names);
    return !first;
}

bool bind_group(struct query *s)
{
    struct scope below = s->input, above = s->input;
    struct grouping g = {
        .input = &below, .windowed = s->q->window != NULL, .table = s->source->node->table};
    struct window_spec window;
    struct expr *having = NULL;
    below.clause = "GROUP BY";
    if (!check_table_functions(s) || !check_grouping(s) || !bind_window(&window, s) ||
        !bind_group_keys(&g, s, &below))
        return false;
    below.clause = "SELECT";
    above.group = &g;
    if (!check_aggregates(s) || !check_grouped(s) || !bind_items(s, &above))
        return false;
    above.clause = "HAVING";
    above.item = s->q->having;
    if (s->q->having && !bind_predicate(&having, &above, s->q->having))
        return false;
    above.clause = "SELECT";
    if (!check_undo(s, &g) || !check_intermediate(s, &g) ||
        !bind_select_keys(&s->list, &above, g.keys, g.key_count, "grouping expression"))
        return false;
    add_aggregate(s, &g, &window);
    s->window = (struct plan_window){
        window.kind, window.kind == WINDOW_SESSION || window.size_ms < 0 ? 0 : window.size_ms};
    if (having)
        bind_add_filter(s, having, &s->q->having->pos);
    bind_add_project(s, PLAN_PROJECT, &above);
    s->rekeyed = true;
    return true;
}
