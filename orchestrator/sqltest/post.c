#include "orchestrator/sqltest/post.h"

#include "sql/sql.h"

#define SCHEMA_BYTES_MAX ((size_t)4 << 20)

static bool schema_agrees(struct str *why, struct arena *a, const struct plan_node *n,
                          struct str text)
{
    const struct schema *want;
    struct err e;
    struct buf have;
    if (!sql_columns(&want, a, text, &e)) {
        *why = arena_printf(a, "post: schema \"%.*s\": %s", STR_ARG(text), e.text);
        return false;
    }
    bool ok = want->count == n->schema->count && want->key_count == n->schema->key_count;
    for (uint32_t i = 0; ok && i < want->count; i++)
        ok = str_eq(want->columns[i].name, n->schema->columns[i].name) &&
             type_equal(want->columns[i].type, n->schema->columns[i].type);
    if (ok)
        return true;
    buf_init(&have, SCHEMA_BYTES_MAX);
    schema_print(&have, n->schema);
    *why = arena_printf(a, "post: schema of %.*s: expected %.*s, found %.*s", STR_ARG(n->name),
                        STR_ARG(text), (int)have.n, have.p);
    buf_fini(&have);
    return false;
}

static bool format_agrees(struct str *why, struct arena *a, const struct plan_node *n,
                          const struct jnode *want, enum serde_format have)
{
    const struct str name = jnode_text(want, STR("format"));
    if (!name.p || str_eq_nocase(name, str_from(serde_format_name(have))))
        return true;
    *why = arena_printf(a, "post: format of %.*s: expected %.*s, found %s", STR_ARG(n->name),
                        STR_ARG(name), serde_format_name(have));
    return false;
}

static bool window_agrees(struct str *why, struct arena *a, const struct plan_node *n,
                          const struct jnode *want)
{
    static const char *const kinds[] = {"", "TUMBLING", "HOPPING", "SESSION"};
    const struct plan_window *w = &n->formats->window;
    if (!want || want->kind != JNODE_OBJECT)
        return true;
    const struct str type = jnode_text(want, STR("windowType"));
    const struct jnode *size = jnode_get(want, STR("windowSize"));
    int64_t ms = 0;
    if (str_eq_nocase(type, str_from(kinds[w->kind])) &&
        (!size || size->kind == JNODE_NULL ? w->kind == WINDOW_NONE || w->size_ms == 0
                                           : str_to_i64(&ms, size->text) && ms == w->size_ms))
        return true;
    *why =
        arena_printf(a, "post: window of %.*s: expected %.*s %lld, found %s %lld", STR_ARG(n->name),
                     STR_ARG(type), (long long)ms, kinds[w->kind], (long long)w->size_ms);
    return false;
}

static bool source_agrees(struct str *why, struct arena *a, const struct plan *plan,
                          const struct jnode *want)
{
    const struct str name = jnode_text(want, STR("name")), type = jnode_text(want, STR("type"));
    const struct str schema = jnode_text(want, STR("schema"));
    const struct plan_node *n = NULL;
    for (uint32_t i = 0; i < plan->object_count; i++)
        if (str_eq(plan->objects[i]->name, name))
            n = plan->objects[i];
    if (!n) {
        *why = arena_printf(a, "post: there is no %.*s", STR_ARG(name));
        return false;
    }
    if (type.p && str_eq_nocase(type, STR("table")) != n->table) {
        *why = arena_printf(a, "post: %.*s is not a %.*s", STR_ARG(name), STR_ARG(type));
        return false;
    }
    return (!schema.p || schema_agrees(why, a, n, schema)) &&
           format_agrees(why, a, n, jnode_get(want, STR("keyFormat")), n->formats->key_format) &&
           window_agrees(why, a, n, jnode_get(want, STR("keyFormat")));
}

bool post_check(struct str *why, struct arena *a, const struct plan *plan, const struct jnode *post)
{
    const struct jnode *sources = jnode_get(post, STR("sources"));
    for (uint32_t i = 0; sources && sources->kind == JNODE_ARRAY && i < sources->count; i++)
        if (!source_agrees(why, a, plan, &sources->items[i]))
            return false;
    return true;
}
