#include "sql/bind_setting.h"

// What a script may set without effect here: how many threads, caches and commits ksqlDB would use.
static bool is_harmless(struct str name)
{
    static const char *const names[] = {"cache.max.bytes.buffering",
                                        "commit.interval.ms",
                                        "num.stream.threads",
                                        "processing.guarantee",
                                        "state.dir",
                                        "max.task.idle.ms",
                                        "statestore.cache.max.bytes",
                                        "ksql.query.pull.table.scan.enabled",
                                        "ksql.query.pull.max.allowed.offset.lag",
                                        "ksql.output.topic.name.prefix.none"};
    static const char *const prefixes[] = {"producer.", "consumer."};
    if (str_starts(name, STR("ksql.streams.")))
        name = str_slice(name, strlen("ksql.streams."), name.n);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eq(name, str_from(names[i])))
            return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (str_starts(name, str_from(prefixes[i])) && !str_ends(name, STR("auto.offset.reset")))
            return true;
    return false;
}

// What bind itself reads.
static bool is_setting(struct str name)
{
    static const char *const names[] = {
        BIND_DEFAULT_KEY_FORMAT,         BIND_DEFAULT_VALUE_FORMAT,
        BIND_DEFAULT_WRAPPING,           BIND_TOPIC_PREFIX,
        BIND_TIMESTAMP_REQUIRED,         "ksql.new.query.planner.enabled",
        "ksql.create.or.replace.enabled"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, str_from(names[i])))
            return true;
    return false;
}

static void keep_setting(struct binder *b, struct str name, struct str value)
{
    const struct sql_property property = {name, value};
    list_push(b->a, &b->settings, property);
}

struct str bind_setting(const struct binder *b, struct str name)
{
    for (uint32_t i = b->settings.n; i-- > 0;)
        if (str_eq(b->settings.v[i].name, name))
            return b->settings.v[i].value;
    return STR_NONE;
}

bool bind_set(struct binder *b, const struct ast_statement *st)
{
    bool done;
    if (!bind_set_limit(&done, b, st))
        return false;
    if (done)
        return true;
    if (b->use == SQL_TEST || is_setting(st->name)) {
        keep_setting(b, st->name, st->kind == AST_UNSET ? STR_NONE : st->value);
        return true;
    }
    if (is_harmless(st->name))
        return true;
    if (str_ends(st->name, STR("auto.offset.reset"))) {
        if (st->kind == AST_UNSET || str_eq_nocase(st->value, STR("earliest")))
            return true;
        (void)bind_fail(b, &st->name_pos, "not supported yet: SET '%.*s'='%.*s'", STR_ARG(st->name),
                        STR_ARG(st->value));
        return sql_hint(b->e, "where reading starts is the job's: start: latest");
    }
    return bind_fail(b, &st->name_pos, "not supported yet: property '%.*s'", STR_ARG(st->name));
}
