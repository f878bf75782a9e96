#include "sql/plan/logical.h"

#include "sql/exec/agg.h"
#include "sql/sql.h"

#include <assert.h>

// Columns that go through under their own name share a line; the others get one each.
static void print_columns(struct buf *out, const struct plan_node *n, uint32_t from, uint32_t to)
{
    const struct schema *input = n->inputs[0]->schema;
    bool open = false; // a line of unchanged columns
    for (uint32_t i = from; i < to; i++) {
        const struct expr *x = n->exprs[i];
        const struct str name = n->schema->columns[i].name;
        if (x->kind == EXPR_COLUMN && str_eq(input->columns[x->column].name, name)) {
            buf_printf(out, "%s%.*s", open ? ", " : "\n      ", STR_ARG(name));
            open = true;
            continue;
        }
        buf_printf(out, "\n      %.*s = ", STR_ARG(name));
        sql_print_expr(out, x, input);
        open = false;
    }
}

static void print_ms(struct buf *out, const char *what, int64_t ms)
{
    if (ms >= 0)
        buf_printf(out, " %s %lld ms", what, (long long)ms);
}

static void print_window(struct buf *out, const struct window_spec *w)
{
    if (w->kind == WINDOW_NONE)
        return;
    buf_text(out, w->kind == WINDOW_TUMBLING  ? "\n    tumbling"
                  : w->kind == WINDOW_HOPPING ? "\n    hopping"
                                              : "\n    session");
    print_ms(out, "size", w->size_ms);
    print_ms(out, "advance", w->advance_ms);
    print_ms(out, "grace", w->grace_ms);
    print_ms(out, "retention", w->retention_ms);
    buf_text(out, w->final ? " final" : "");
}

static void print_aggregate(struct buf *out, const struct plan_node *n)
{
    const struct schema *input = n->inputs[0]->schema;
    print_window(out, &n->window);
    buf_text(out, "\n    by");
    for (uint32_t i = 0; i < n->key_count; i++) {
        buf_text(out, "\n      ");
        sql_print_expr(out, n->exprs[i], input);
    }
    buf_text(out, "\n    compute");
    for (uint32_t i = 0; i < n->aggregate_count; i++) {
        const struct plan_aggregate *g = &n->aggregates[i];
        buf_printf(out, "\n      %s(", g->agg->name);
        for (uint32_t k = 0; k < g->arg_count; k++) {
            buf_text(out, k ? ", " : "");
            sql_print_expr(out, g->args[k], input);
        }
        buf_text(out, ") ");
        type_print(out, g->type);
    }
}

static void print_unnest(struct buf *out, const struct plan_node *n)
{
    const struct schema *input = n->inputs[0]->schema;
    for (uint32_t i = 0; i < n->expr_count; i++) {
        buf_printf(out, "\n      %.*s = each of ",
                   STR_ARG(n->schema->columns[input->count + i].name));
        sql_print_expr(out, n->exprs[i], input);
    }
}

static void print_timestamp(struct buf *out, const struct schema *s, int column, struct str format)
{
    if (column < 0)
        return;
    buf_printf(out, "\n    timestamp `%.*s`", STR_ARG(s->columns[column].name));
    if (format.n)
        buf_printf(out, " as %.*s", STR_ARG(format));
}

bool plan_is_header(const struct plan_source *s, uint32_t column)
{
    for (uint32_t i = 0; s && i < s->header_count; i++)
        if (s->headers[i].column == column)
            return true;
    return false;
}

static void print_source(struct buf *out, const struct plan_node *n)
{
    const struct plan_source *s = n->source;
    buf_printf(out, " %.*s key %s value %s%s", STR_ARG(s->topic), serde_format_name(s->key_format),
               serde_format_name(s->value_format),
               s->value_wrapping == PLAN_UNWRAPPED ? " unwrapped" : "");
    print_timestamp(out, n->schema, s->timestamp_column, s->timestamp_format);
    for (uint32_t i = 0; i < s->header_count; i++)
        buf_printf(out, "\n    headers `%.*s`%s%.*s",
                   STR_ARG(n->schema->columns[s->headers[i].column].name),
                   s->headers[i].key.p ? " " : "", STR_ARG(s->headers[i].key));
}

static void print_object(struct buf *out, const struct plan_node *n)
{
    const struct plan_formats *f = n->formats;
    buf_printf(out, " %.*s topic %.*s key %s value %s", STR_ARG(n->name), STR_ARG(f->topic),
               serde_format_name(f->key_format), serde_format_name(f->value_format));
    if (f->partitions)
        buf_printf(out, " partitions %d", f->partitions);
    print_timestamp(out, n->schema, f->timestamp_index, f->timestamp_format);
}

static void print_join(struct buf *out, const struct plan_node *n)
{
    static const char *const kinds[] = {
        [JOIN_INNER] = "inner", [JOIN_LEFT] = "left", [JOIN_RIGHT] = "right", [JOIN_FULL] = "full"};
    buf_printf(out, " %s", kinds[n->join.kind]);
    if (n->kind == PLAN_JOIN_FOREIGN_KEY) {
        buf_text(out, "\n    on ");
        sql_print_expr(out, n->exprs[0], n->inputs[0]->schema);
    }
    if (n->kind != PLAN_JOIN_STREAM_STREAM)
        return;
    print_ms(out, "before", n->join.before_ms);
    print_ms(out, "after", n->join.after_ms);
    print_ms(out, "grace", n->join.grace_ms);
}

static void print_node(struct buf *out, const struct plan_node *n)
{
    static const char *const kinds[] = {
        [PLAN_SOURCE] = "source",
        [PLAN_FILTER] = "filter",
        [PLAN_PROJECT] = "project",
        [PLAN_REKEY] = "rekey",
        [PLAN_AGGREGATE] = "aggregate",
        [PLAN_UNNEST] = "unnest",
        [PLAN_JOIN_STREAM_TABLE] = "join with table",
        [PLAN_JOIN_STREAM_STREAM] = "join with stream",
        [PLAN_JOIN_TABLE_TABLE] = "join with table",
        [PLAN_JOIN_FOREIGN_KEY] = "join by foreign key",
        [PLAN_OBJECT] = "object",
    };
    buf_printf(out, "%u %s%s", n->id, n->table ? "table " : "stream ", kinds[n->kind]);
    switch (n->kind) {
    case PLAN_SOURCE:
        print_source(out, n);
        break;
    case PLAN_FILTER:
        buf_text(out, " where ");
        sql_print_expr(out, n->predicate, n->inputs[0]->schema);
        break;
    case PLAN_REKEY:
        buf_text(out, n->key_count ? "\n    by" : "\n    by nothing");
        print_columns(out, n, 0, n->key_count);
        buf_text(out, "\n    with");
        print_columns(out, n, n->key_count, n->expr_count);
        break;
    case PLAN_PROJECT:
        print_columns(out, n, 0, n->expr_count);
        break;
    case PLAN_AGGREGATE:
        print_aggregate(out, n);
        break;
    case PLAN_UNNEST:
        print_unnest(out, n);
        break;
    case PLAN_JOIN_STREAM_TABLE:
    case PLAN_JOIN_STREAM_STREAM:
    case PLAN_JOIN_TABLE_TABLE:
    case PLAN_JOIN_FOREIGN_KEY:
        print_join(out, n);
        break;
    case PLAN_OBJECT:
        print_object(out, n);
        break;
    }
    if (n->input_count) {
        buf_text(out, "\n    from");
        for (uint32_t i = 0; i < n->input_count; i++)
            buf_printf(out, " %u", n->inputs[i]->id);
    }
    // what an object or a source holds is the schema; between them it only changes by name
    if (n->kind == PLAN_SOURCE || (n->kind == PLAN_OBJECT && n->inputs[0]->kind != PLAN_SOURCE)) {
        buf_text(out, n->schema->windowed ? "\n    windowed columns " : "\n    columns ");
        schema_print(out, n->schema);
    }
    buf_char(out, '\n');
}

void logical_print(struct buf *out, const struct plan *plan)
{
    assert(plan);
    for (uint32_t i = 0; i < plan->count; i++)
        print_node(out, plan->nodes[i]);
}
