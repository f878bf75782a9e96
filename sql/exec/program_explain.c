// program_explain: the physical plan for people, one operator a line, inputs by number.
#include "sql/exec/program.h"

#include "sql/sql.h"

#include <assert.h>

static void print_source(struct buf *out, const struct program *p, const struct phys_node *n)
{
    const struct phys_source *s = &p->sources[n->source];
    const struct plan_source *decl = s->pub.decl;
    buf_printf(out, "read topic %.*s (key %s, value %s)", STR_ARG(s->pub.topic),
               serde_format_name(decl->key_format), serde_format_name(decl->value_format));
    if (n->entry)
        buf_text(out, n->keeps_rows ? " as table, rows kept" : " as table");
    if (s->pub.table_side)
        buf_text(out, ", table side");
    buf_text(out, "\n      columns ");
    schema_print(out, n->schema);
    if (s->timestamp >= 0)
        buf_printf(out, "\n      time from %.*s", STR_ARG(n->schema->columns[s->timestamp].name));
    if (!s->filter)
        return;
    buf_printf(out, "\n      filter while decoding: %.*s in (",
               STR_ARG(s->columns[s->key_count + s->filter->column].name));
    for (size_t i = 0; i < s->filter->count; i++)
        buf_printf(out, "%s'%.*s'", i ? ", " : "", STR_ARG(s->filter->values[i]));
    buf_char(out, ')');
}

static void print_exprs(struct buf *out, const struct phys_node *n)
{
    const struct schema *input = n->plan->inputs[0]->schema;
    bool first = true;
    for (uint32_t i = 0; i < n->plan->schema->count; i++) {
        if (n->columns[i] < 0)
            continue;
        buf_text(out, first ? "" : ", ");
        first = false;
        sql_print_expr(out, n->plan->exprs[i], input);
        buf_printf(out, " AS %.*s", STR_ARG(n->plan->schema->columns[i].name));
    }
}

static void print_window(struct buf *out, const struct window_spec *w)
{
    if (w->kind == WINDOW_NONE)
        return;
    if (w->kind == WINDOW_SESSION)
        buf_printf(out, "\n      session gap %lld ms", (long long)w->size_ms);
    else
        buf_printf(out, "\n      %s size %lld ms, advance %lld ms",
                   w->kind == WINDOW_TUMBLING ? "tumbling" : "hopping", (long long)w->size_ms,
                   (long long)(w->kind == WINDOW_HOPPING ? w->advance_ms : w->size_ms));
    buf_printf(out, ", grace %lld ms%s", (long long)phys_grace(w),
               w->final ? ", a row per window when it closes" : "");
}

static void print_aggregate(struct buf *out, const struct phys_node *n)
{
    const struct schema *input = n->plan->inputs[0]->schema;
    buf_text(out, "aggregate by ");
    for (uint32_t i = 0; i < n->plan->key_count; i++) {
        buf_text(out, i ? ", " : "");
        sql_print_expr(out, n->plan->exprs[i], input);
    }
    for (uint32_t i = 0; i < n->agg_count; i++) {
        const struct plan_aggregate *agg = &n->plan->aggregates[i];
        buf_printf(out, "%s%s(", i ? ", " : ": ", agg->agg->name);
        for (uint32_t k = 0; k < agg->arg_count; k++) {
            buf_text(out, k ? ", " : "");
            sql_print_expr(out, agg->args[k], input);
        }
        buf_text(out, agg->arg_count ? ")" : "*)");
    }
    print_window(out, &n->plan->window);
}

static void print_unnest(struct buf *out, const struct phys_node *n)
{
    buf_text(out, "rows of ");
    for (uint32_t i = 0; i < n->plan->expr_count; i++) {
        buf_text(out, i ? ", " : "");
        sql_print_expr(out, n->plan->exprs[i], n->plan->inputs[0]->schema);
    }
}

static void print_join(struct buf *out, const struct phys_node *n)
{
    static const char *const kinds[] = {
        [JOIN_INNER] = "inner", [JOIN_LEFT] = "left", [JOIN_RIGHT] = "right", [JOIN_FULL] = "full"};
    const struct join_spec *s = &n->plan->join;
    buf_printf(out, "%s join of %s", kinds[s->kind],
               n->kind == PLAN_JOIN_STREAM_TABLE    ? "stream and table by key"
               : n->kind == PLAN_JOIN_STREAM_STREAM ? "streams by key"
               : n->kind == PLAN_JOIN_TABLE_TABLE   ? "tables by key"
                                                    : "tables by foreign key ");
    if (n->kind == PLAN_JOIN_FOREIGN_KEY)
        sql_print_expr(out, n->plan->exprs[0], n->plan->inputs[0]->schema);
    if (n->kind == PLAN_JOIN_STREAM_STREAM)
        buf_printf(out, "\n      within %lld ms before and %lld ms after, kept %lld ms, padded %s",
                   (long long)s->before_ms, (long long)s->after_ms, (long long)phys_retention(s),
                   s->grace_ms < 0 ? "at once" : "when the window has closed");
}

static void print_operator(struct buf *out, const struct program *p, const struct phys_node *n)
{
    switch (n->kind) {
    case PLAN_SOURCE:
        print_source(out, p, n);
        return;
    case PLAN_FILTER:
        buf_text(out, "filter ");
        sql_print_expr(out, n->plan->predicate, n->plan->inputs[0]->schema);
        buf_text(out, n->predicate ? "" : " (done while decoding)");
        return;
    case PLAN_PROJECT:
        buf_text(out, "project ");
        print_exprs(out, n);
        return;
    case PLAN_REKEY:
        buf_text(out, "exchange by new key, project ");
        print_exprs(out, n);
        return;
    case PLAN_AGGREGATE:
        buf_text(out, "exchange by key, ");
        print_aggregate(out, n);
        return;
    case PLAN_UNNEST:
        print_unnest(out, n);
        return;
    case PLAN_JOIN_STREAM_TABLE:
    case PLAN_JOIN_STREAM_STREAM:
    case PLAN_JOIN_TABLE_TABLE:
    case PLAN_JOIN_FOREIGN_KEY:
        print_join(out, n);
        return;
    case PLAN_OBJECT:
        buf_printf(out, "%s %.*s", n->table ? "table" : "stream", STR_ARG(n->name));
        return;
    }
    assert(!"plan kind out of range");
}

// The edge that leaves n.
static void print_edge(struct buf *out, const struct program *p, const struct phys_node *n)
{
    if (n->collapsed)
        buf_printf(out, "\n      collapsed: the last change per key and batch%s",
                   n->before ? ", with what it replaces" : "");
    else if (n->before && phys_is_collapsed(n))
        buf_text(out, "\n      with what is replaced");
    else if (n->before)
        buf_text(out, "\n      every change, with what it replaces");
    if (n->output >= 0)
        buf_printf(out, "\n      output%s", p->outputs[n->output].collapsed ? ", collapsed" : "");
}

void program_explain(struct buf *out, const struct program *p)
{
    static const char *const orders[] = {
        [ORDER_ROW_WISE] = "row-wise", [ORDER_FREE] = "free", [ORDER_ALIGNED] = "aligned"};
    buf_printf(out, "order: %s\n", orders[p->order]);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct phys_node *n = p->nodes[i];
        buf_printf(out, "%3u ", n->id);
        for (uint32_t k = 0; k < n->input_count; k++)
            buf_printf(out, "%s%u", k ? "," : "<- ", n->inputs[k]->id);
        buf_text(out, n->input_count ? " " : "");
        print_operator(out, p, n);
        print_edge(out, p, n);
        buf_char(out, '\n');
    }
}
