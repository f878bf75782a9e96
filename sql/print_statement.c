#include "sql/print.h"

#include <assert.h>

// --- queries ---------------------------------------------------------------------------------------

static void print_item(struct buf *out, const struct ast_item *item)
{
    if (item->kind == AST_ITEM_ALL) {
        if (item->alias.p) {
            print_name(out, item->alias);
            buf_char(out, '.');
        }
        buf_char(out, '*');
        return;
    }
    print_ast(out, item->x);
    if (item->kind == AST_ITEM_FIELDS) {
        buf_text(out, "->*");
    } else if (item->alias.p) {
        buf_char(out, ' ');
        print_name(out, item->alias);
    }
}

static void print_duration(struct buf *out, const struct ast_duration *d)
{
    buf_u64(out, d->count);
    buf_char(out, ' ');
    buf_str(out, d->unit);
}

static void print_window(struct buf *out, const struct ast_window *w)
{
    static const char *const names[] = {"", "TUMBLING ( SIZE ", "HOPPING ( SIZE ", "SESSION ( "};
    buf_text(out, "\nWINDOW ");
    buf_text(out, names[w->kind]);
    print_duration(out, &w->size);
    if (w->advance.unit.p) {
        buf_text(out, ", ADVANCE BY ");
        print_duration(out, &w->advance);
    }
    if (w->retention.unit.p) {
        buf_text(out, ", RETENTION ");
        print_duration(out, &w->retention);
    }
    if (w->grace.unit.p) {
        buf_text(out, ", GRACE PERIOD ");
        print_duration(out, &w->grace);
    }
    buf_text(out, " )");
}

static void print_relation(struct buf *out, const struct ast_relation *r)
{
    static const char *const joins[] = {"\nFROM ", "\nINNER JOIN ", "\nLEFT OUTER JOIN ",
                                        "\nRIGHT OUTER JOIN ", "\nFULL OUTER JOIN "};
    buf_text(out, joins[r->join]);
    print_name(out, r->name);
    if (r->alias.p) {
        buf_char(out, ' ');
        print_name(out, r->alias);
    }
    if (r->before.unit.p) {
        buf_text(out, " WITHIN (");
        print_duration(out, &r->before);
        buf_text(out, ", ");
        print_duration(out, &r->after);
        buf_char(out, ')');
    }
    if (r->grace.unit.p) {
        buf_text(out, " GRACE PERIOD ");
        print_duration(out, &r->grace);
    }
    if (r->on) {
        buf_text(out, " ON ");
        print_ast(out, r->on);
    }
}

static void print_by(struct buf *out, const char *words, struct ast_expr *const *list, uint32_t n)
{
    buf_text(out, words);
    if (n == 0)
        buf_text(out, "()");
    for (uint32_t i = 0; i < n; i++) {
        buf_text(out, i ? ", " : "");
        print_ast(out, list[i]);
    }
}

void print_query(struct buf *out, const struct ast_query *q)
{
    buf_text(out, "SELECT");
    for (uint32_t i = 0; i < q->item_count; i++) {
        buf_text(out, i ? ",\n  " : q->item_count > 1 ? "\n  " : " ");
        print_item(out, &q->items[i]);
    }
    for (uint32_t i = 0; i < q->from_count; i++)
        print_relation(out, &q->from[i]);
    if (q->window)
        print_window(out, q->window);
    if (q->where) {
        buf_text(out, "\nWHERE ");
        print_ast(out, q->where);
    }
    if (q->has_group)
        print_by(out, "\nGROUP BY ", q->group_by, q->group_count);
    if (q->has_partition)
        print_by(out, "\nPARTITION BY ", q->partition_by, q->partition_count);
    if (q->having) {
        buf_text(out, "\nHAVING ");
        print_ast(out, q->having);
    }
    if (q->emit != AST_EMIT_NONE)
        buf_text(out, q->emit == AST_EMIT_CHANGES ? "\nEMIT CHANGES" : "\nEMIT FINAL");
    if (q->limit.p)
        buf_printf(out, "\nLIMIT %.*s", STR_ARG(q->limit));
}

// --- parts of statements ---------------------------------------------------------------------------

static void print_element(struct buf *out, const struct ast_element *c)
{
    static const char *const roles[] = {"", " KEY", " PRIMARY KEY", " HEADERS", " HEADER("};
    print_name(out, c->name);
    buf_char(out, ' ');
    print_ast_type(out, c->type);
    buf_text(out, roles[c->role]);
    if (c->role == AST_HEADER) {
        print_string(out, c->header);
        buf_char(out, ')');
    }
}

static void print_elements(struct buf *out, const struct ast_statement *st)
{
    if (!st->has_elements)
        return;
    buf_text(out, " (");
    for (uint32_t i = 0; i < st->element_count; i++) {
        buf_text(out, i ? ", " : "");
        print_element(out, &st->elements[i]);
    }
    buf_char(out, ')');
}

static void print_properties(struct buf *out, const struct ast_statement *st)
{
    if (!st->has_properties)
        return;
    buf_text(out, " WITH (");
    for (uint32_t i = 0; i < st->property_count; i++) {
        buf_text(out, i ? ", " : "");
        print_name(out, st->properties[i].name);
        buf_char(out, '=');
        print_ast(out, st->properties[i].value);
    }
    buf_char(out, ')');
}

static void print_names(struct buf *out, const struct ast_statement *st)
{
    if (st->name_count == 0)
        return;
    buf_text(out, " (");
    for (uint32_t i = 0; i < st->name_count; i++) {
        buf_text(out, i ? ", " : "");
        print_name(out, st->names[i]);
    }
    buf_char(out, ')');
}

static void print_values(struct buf *out, const struct ast_statement *st, const char *word)
{
    buf_text(out, word);
    for (uint32_t i = 0; i < st->value_count; i++) {
        buf_text(out, i ? ", " : "");
        print_ast(out, st->values[i]);
    }
    buf_char(out, ')');
}

static void print_setting(struct buf *out, const char *word, const struct ast_statement *st)
{
    buf_text(out, word);
    print_string(out, st->name);
    if (st->value.p) {
        buf_char(out, '=');
        print_string(out, st->value);
    }
}

static void print_create(struct buf *out, const struct ast_statement *st)
{
    buf_text(out, "CREATE ");
    buf_text(out, st->or_replace ? "OR REPLACE " : "");
    buf_text(out, st->source ? "SOURCE " : "");
    buf_text(out, st->table ? "TABLE " : "STREAM ");
    buf_text(out, st->if_exists ? "IF NOT EXISTS " : "");
    print_name(out, st->name);
    print_elements(out, st);
    print_properties(out, st);
    if (st->query) {
        buf_text(out, " AS ");
        print_query(out, st->query);
    }
}

static void print_drop(struct buf *out, const struct ast_statement *st)
{
    buf_printf(out, "DROP %.*s ", STR_ARG(st->what));
    buf_text(out, st->if_exists ? "IF EXISTS " : "");
    print_name(out, st->name);
    buf_text(out, st->delete_topic ? " DELETE TOPIC" : "");
}

static void print_alter(struct buf *out, const struct ast_statement *st)
{
    buf_text(out, st->table ? "ALTER TABLE " : "ALTER STREAM ");
    print_name(out, st->name);
    for (uint32_t i = 0; i < st->element_count; i++) {
        buf_text(out, i ? ", ADD COLUMN " : " ADD COLUMN ");
        print_element(out, &st->elements[i]);
    }
}

static void print_insert(struct buf *out, const struct ast_statement *st)
{
    buf_text(out, "INSERT INTO ");
    print_name(out, st->name);
    if (st->kind == AST_INSERT_VALUES) {
        print_names(out, st);
        print_values(out, st, " VALUES (");
        return;
    }
    print_properties(out, st);
    buf_char(out, ' ');
    print_query(out, st->query);
}

static void print_assert(struct buf *out, const struct ast_statement *st)
{
    if (st->kind == AST_ASSERT_OTHER) {
        buf_printf(out, "ASSERT %.*s", STR_ARG(st->what));
        return;
    }
    if (st->kind == AST_ASSERT_SOURCE)
        buf_text(out, st->table ? "ASSERT TABLE " : "ASSERT STREAM ");
    else
        buf_text(out, st->kind == AST_ASSERT_VALUES ? "ASSERT VALUES " : "ASSERT NULL VALUES ");
    print_name(out, st->name);
    if (st->kind == AST_ASSERT_SOURCE) {
        print_elements(out, st);
        print_properties(out, st);
        return;
    }
    print_names(out, st);
    print_values(out, st, st->kind == AST_ASSERT_VALUES ? " VALUES (" : " KEY (");
}

static void print_named(struct buf *out, const char *words, const struct ast_statement *st)
{
    buf_text(out, words);
    buf_text(out, st->if_exists ? "IF NOT EXISTS " : "");
    print_name(out, st->name);
}

static void print_create_other(struct buf *out, const struct ast_statement *st)
{
    if (st->kind == AST_CREATE_TYPE) {
        print_named(out, "CREATE TYPE ", st);
        buf_text(out, " AS ");
        print_ast_type(out, st->type);
        return;
    }
    const bool sink = str_eq(st->what, STR("SINK"));
    print_named(out, sink ? "CREATE SINK CONNECTOR " : "CREATE SOURCE CONNECTOR ", st);
    print_properties(out, st);
}

static void print_query_id(struct buf *out, const struct ast_statement *st)
{
    buf_text(out, st->kind == AST_TERMINATE ? "TERMINATE "
                  : st->kind == AST_PAUSE   ? "PAUSE "
                                            : "RESUME ");
    if (st->what.p)
        buf_str(out, st->what);
    else
        print_name(out, st->name);
}

void print_statement(struct buf *out, const struct ast_statement *st)
{
    switch (st->kind) {
    case AST_CREATE_SOURCE:
    case AST_CREATE_AS:
        print_create(out, st);
        return;
    case AST_INSERT_SELECT:
    case AST_INSERT_VALUES:
        print_insert(out, st);
        return;
    case AST_QUERY:
        print_query(out, st->query);
        return;
    case AST_DROP:
        print_drop(out, st);
        return;
    case AST_ALTER:
        print_alter(out, st);
        return;
    case AST_ALTER_SYSTEM:
        print_setting(out, "ALTER SYSTEM ", st);
        return;
    case AST_CREATE_TYPE:
    case AST_CREATE_CONNECTOR:
        print_create_other(out, st);
        return;
    case AST_SET:
        print_setting(out, "SET ", st);
        return;
    case AST_UNSET:
        print_setting(out, "UNSET ", st);
        return;
    case AST_DEFINE:
        print_named(out, "DEFINE ", st);
        buf_text(out, " = ");
        print_string(out, st->value);
        return;
    case AST_UNDEFINE:
        print_named(out, "UNDEFINE ", st);
        return;
    case AST_SHOW:
    case AST_PRINT:
        buf_str(out, st->what);
        return;
    case AST_TERMINATE:
    case AST_PAUSE:
    case AST_RESUME:
        print_query_id(out, st);
        return;
    case AST_EXPLAIN:
        buf_text(out, "EXPLAIN ");
        if (st->inner)
            print_statement(out, st->inner);
        else
            print_name(out, st->name);
        return;
    case AST_RUN_SCRIPT:
        buf_text(out, "RUN SCRIPT ");
        print_string(out, st->value);
        return;
    case AST_ASSERT_VALUES:
    case AST_ASSERT_TOMBSTONE:
    case AST_ASSERT_SOURCE:
    case AST_ASSERT_OTHER:
        print_assert(out, st);
        return;
    }
    assert(!"statement kind");
}
