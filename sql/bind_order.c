// What is wrong with the order or repetition of statements, said where a person can repair it.
#include "sql/bind_plan_internal.h"

static bool creates(const struct ast_statement *st, struct str name)
{
    return (st->kind == AST_CREATE_SOURCE || st->kind == AST_CREATE_AS) && str_eq(st->name, name);
}

bool bind_hint_put(const struct binder *b, struct str name)
{
    if (!b->script)
        return false;
    for (size_t i = b->statement_index + 1; i < b->script->n; i++) {
        const struct ast_statement *st = b->script->v[i];
        if (!creates(st, name))
            continue;
        return sql_hint(b->e, "%.*s is created later, in %s:%u: that must come first",
                        STR_ARG(name), st->pos.file, st->pos.line);
    }
    return false;
}

// The statement as it reads without EMIT CHANGES, which says nothing in an INSERT INTO.
static struct str insert_text(const struct binder *b, const struct ast_statement *st)
{
    struct ast_query query = *st->query;
    struct ast_statement plain = *st;
    query.emit = AST_EMIT_NONE;
    plain.query = &query;
    return bind_statement_text(b, &plain);
}

bool bind_insert_once(struct binder *b, const struct ast_statement *st)
{
    if (b->use != SQL_JOB)
        return true;
    if (!b->inserts)
        b->inserts = map_new(b->a);
    bool added = false;
    uint64_t *at = map_put(b->inserts, insert_text(b, st), &added);
    if (added) {
        *at = b->statement_index;
        return true;
    }
    const struct ast_statement *before = b->script->v[*at];
    return bind_fail(b, &st->pos, "this INSERT INTO stands in %s:%u already", before->pos.file,
                     before->pos.line) ||
           sql_hint(b->e, "a job runs every statement: its rows would be written twice");
}
