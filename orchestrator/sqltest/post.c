#include "orchestrator/sqltest/post.h"

#include "schema/serde/serde_schema.h"
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

// "JSON", or {"format": "JSON", …}
static struct str format_name(const struct jnode *want)
{
    return want && want->kind == JNODE_STRING ? want->text : jnode_text(want, STR("format"));
}

static bool format_agrees(struct str *why, struct arena *a, const struct plan_node *n,
                          const struct jnode *want, enum serde_format have)
{
    const struct str name = format_name(want);
    if (!name.p || str_eq_nocase(name, str_from(serde_format_name(have))))
        return true;
    *why = arena_printf(a, "post: format of %.*s: expected %.*s, found %s", STR_ARG(n->name),
                        STR_ARG(name), serde_format_name(have));
    return false;
}

static bool has_text(const struct jnode *list, struct str text)
{
    for (uint32_t i = 0; list && list->kind == JNODE_ARRAY && i < list->count; i++)
        if (str_eq(list->items[i].text, text))
            return true;
    return false;
}

// Whether a single value is written bare; formats that only can do so do not say it.
static bool wrapping_agrees(struct str *why, struct arena *a, const struct plan_node *n,
                            const struct jnode *features)
{
    const struct plan_formats *f = n->formats;
    const bool bare = f->value_wrapping == PLAN_UNWRAPPED && serde_can_wrap(f->value_format);
    if (!features || features->kind != JNODE_ARRAY ||
        has_text(features, STR("UNWRAP_SINGLES")) == bare)
        return true;
    *why = arena_printf(a, "post: single values of %.*s are%s bare", STR_ARG(n->name),
                        bare ? "" : " not");
    return false;
}

static bool read_only_agrees(struct str *why, struct arena *a, const struct plan_node *n,
                             const struct jnode *want)
{
    if (!want || (want->kind == JNODE_TRUE) == n->formats->read_only)
        return true;
    *why = arena_printf(a, "post: %.*s is%s a SOURCE", STR_ARG(n->name),
                        n->formats->read_only ? "" : " not");
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
           format_agrees(why, a, n, jnode_get(want, STR("valueFormat")),
                         n->formats->value_format) &&
           wrapping_agrees(why, a, n, jnode_get(want, STR("valueFeatures"))) &&
           read_only_agrees(why, a, n, jnode_get(want, STR("isSource"))) &&
           window_agrees(why, a, n, jnode_get(want, STR("keyFormat")));
}

// Formats of the topics of streams and tables. What Kafka Streams keeps for itself is no topic here, and tests have one
// partition each.
static bool topic_agrees(struct str *why, struct arena *a, const struct plan *plan,
                         const struct jnode *want)
{
    const struct str name = jnode_text(want, STR("name"));
    const struct plan_node *n = NULL;
    for (uint32_t i = 0; i < plan->object_count && !n; i++)
        if (str_eq(plan->objects[i]->formats->topic, name))
            n = plan->objects[i];
    if (!n)
        return true;
    return format_agrees(why, a, n, jnode_get(want, STR("keyFormat")), n->formats->key_format) &&
           format_agrees(why, a, n, jnode_get(want, STR("valueFormat")), n->formats->value_format);
}

bool post_check(struct str *why, struct arena *a, const struct plan *plan, const struct jnode *post)
{
    const struct jnode *sources = jnode_get(post, STR("sources"));
    for (uint32_t i = 0; sources && sources->kind == JNODE_ARRAY && i < sources->count; i++)
        if (!source_agrees(why, a, plan, &sources->items[i]))
            return false;
    const struct jnode *topics = jnode_get(jnode_get(post, STR("topics")), STR("topics"));
    for (uint32_t i = 0; topics && topics->kind == JNODE_ARRAY && i < topics->count; i++)
        if (!topic_agrees(why, a, plan, &topics->items[i]))
            return false;
    return true;
}
