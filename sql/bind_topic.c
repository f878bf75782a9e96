// Properties of a WITH clause about the topic: windows of its keys, delimiters, and what only brokers look at.
#include "sql/bind_plan_internal.h"

#include "sql/lexer.h"

#include <assert.h>

static bool text_of(struct str *out, const struct binder *b, const struct ast_property *p)
{
    if (p->value->kind != AST_STRING)
        return bind_fail(b, &p->value->pos, "property %.*s takes a string, found %s",
                         STR_ARG(p->name), bind_text(b, p->value));
    *out = p->value->text;
    return true;
}

static bool default_format(enum serde_format *out, bool *has, const struct binder *b,
                           const char *setting)
{
    const struct str name = bind_setting(b, str_from(setting));
    if (*has || !name.n)
        return true;
    *has = serde_format_parse(out, name);
    return *has || bind_fail(b, &b->statement->name_pos, "Unknown format: %.*s (property %s)",
                             STR_ARG(name), setting);
}

bool bind_default_formats(struct with *w, const struct binder *b)
{
    return default_format(&w->key_format, &w->has_key_format, b, BIND_DEFAULT_KEY_FORMAT) &&
           default_format(&w->value_format, &w->has_value_format, b, BIND_DEFAULT_VALUE_FORMAT);
}

enum serde_format bind_default_key_format(const struct binder *b)
{
    enum serde_format f;
    const struct str name = bind_setting(b, STR(BIND_DEFAULT_KEY_FORMAT));
    return name.n && serde_format_parse(&f, name) ? f : SERDE_KAFKA;
}

// --- windows -------------------------------------------------------------------------------------

static bool window_type(struct with *w, const struct binder *b, const struct ast_property *p)
{
    static const char *const names[] = {"TUMBLING", "HOPPING", "SESSION"};
    struct str text;
    if (!text_of(&text, b, p))
        return false;
    w->window_pos = p->value->pos;
    for (unsigned i = 0; i < 3; i++)
        if (str_eq_nocase(text, str_from(names[i]))) {
            w->window.kind = (enum window_kind)(WINDOW_TUMBLING + i);
            return true;
        }
    return bind_fail(b, &p->value->pos,
                     "Configuration WINDOW_TYPE is invalid: Unknown window type: '%.*s'. Valid "
                     "values are: SESSION, HOPPING, TUMBLING",
                     STR_ARG(text));
}

// '10 SECONDS'
static bool window_size(struct with *w, const struct binder *b, const struct ast_property *p)
{
    struct str text, count, unit;
    struct ast_duration d;
    if (!text_of(&text, b, p))
        return false;
    w->window_pos = p->value->pos;
    if (!str_split_once(&count, &unit, str_trim(text), ' ') || !str_to_u64(&d.count, count))
        return bind_fail(b, &p->value->pos,
                         "Configuration WINDOW_SIZE is invalid: Invalid duration: '%.*s'. Expected "
                         "<number> <unit>, e.g. '10 SECONDS'",
                         STR_ARG(text));
    d.unit = lexer_upper(b->a, str_trim(unit));
    if (!bind_duration(&w->window.size_ms, b, &p->value->pos, &d))
        return false;
    if (w->window.size_ms <= 0)
        return bind_fail(b, &p->value->pos, "WINDOW_SIZE must be more than 0");
    return true;
}

bool bind_topic_check(const struct binder *b, const struct with *w)
{
    static const char *const names[] = {
        [WINDOW_TUMBLING] = "TUMBLING", [WINDOW_HOPPING] = "HOPPING"};
    switch (w->window.kind) {
    case WINDOW_NONE:
        return w->window.size_ms == 0 ||
               bind_fail(b, &w->window_pos, "WINDOW_SIZE needs a WINDOW_TYPE");
    case WINDOW_SESSION:
        return w->window.size_ms == 0 ||
               bind_fail(b, &w->window_pos, "'WINDOW_SIZE' should not be set for SESSION windows.");
    case WINDOW_TUMBLING:
    case WINDOW_HOPPING:
        return w->window.size_ms > 0 ||
               bind_fail(b, &w->window_pos,
                         "%s windows require 'WINDOW_SIZE' to be provided in the WITH clause. For "
                         "example: 'WINDOW_SIZE'='10 SECONDS'",
                         names[w->window.kind]);
    }
    assert(!"window out of range");
    return false;
}

// --- delimiters ----------------------------------------------------------------------------------

static bool delimiter(char *out, const struct binder *b, const struct ast_property *p)
{
    struct str text;
    if (!text_of(&text, b, p))
        return false;
    if (str_trim(text).n == 0)
        return bind_fail(b, &p->value->pos,
                         "Failed to prepare statement: Configuration %.*s is invalid: Delimiter "
                         "cannot be empty, if you meant to have a tab or space for delimiter, "
                         "please use the special values 'TAB' or 'SPACE'\nExample valid value: ';'",
                         STR_ARG(p->name));
    if (text.n == 1)
        *out = text.p[0];
    else if (str_eq_nocase(text, STR("TAB")))
        *out = '\t';
    else if (str_eq_nocase(text, STR("SPACE")))
        *out = ' ';
    else
        return bind_fail(b, &p->value->pos,
                         "Failed to prepare statement: Configuration %.*s is invalid: Invalid "
                         "delimiter value: '%.*s'. Delimiter must be a single character or "
                         "TAB,SPACE\nExample valid value: ';'",
                         STR_ARG(p->name), STR_ARG(text));
    return true;
}

bool bind_topic_property(bool *known, struct with *w, const struct binder *b,
                         const struct ast_property *p)
{
    *known = true;
    // A result has the window of its query.
    if (!w->as_select && str_eq(p->name, STR("WINDOW_TYPE")))
        return window_type(w, b, p);
    if (!w->as_select && str_eq(p->name, STR("WINDOW_SIZE")))
        return window_size(w, b, p);
    if (str_eq(p->name, STR("KEY_DELIMITER")))
        return delimiter(&w->key_delimiter, b, p);
    if (str_eq(p->name, STR("VALUE_DELIMITER")))
        return delimiter(&w->value_delimiter, b, p);
    // What only a broker acts on: tests have none.
    *known = b->use == SQL_TEST &&
             (str_eq(p->name, STR("RETENTION_MS")) || str_eq(p->name, STR("CLEANUP_POLICY")) ||
              (!w->as_select && str_eq(p->name, STR("SOURCED_BY_CONNECTOR"))));
    return true;
}
