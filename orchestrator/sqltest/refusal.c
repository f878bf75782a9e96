#include "orchestrator/sqltest/refusal.h"

#include "base/mem.h"

#include <ctype.h>

bool refusal_agrees(const struct err *e, const struct jnode *expected)
{
    size_t at;
    const struct str text = str_from(e->text);
    const struct str message = jnode_text(expected, STR("message"));
    const struct str cause = jnode_text(expected, STR("causeMessage"));
    return (!message.p || str_find(&at, text, message)) && (!cause.p || str_find(&at, text, cause));
}

bool refusal_holds(const struct err *e, struct str message)
{
    static const struct str preparing = {"Exception while preparing statement: ", 37};
    size_t at;
    const struct str text = str_from(e->text);
    if (!message.p || str_find(&at, text, message))
        return true;
    return str_starts(message, preparing) &&
           str_starts(text, str_slice(message, preparing.n, message.n));
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool calls(struct str text, struct str name)
{
    for (size_t i = 0; i + name.n < text.n; i++)
        if (str_eq_nocase(str_slice(text, i, i + name.n), name) && !is_word(text.p[i + name.n]) &&
            (i == 0 || !is_word(text.p[i - 1])))
            return true;
    return false;
}

bool refusal_is_test_function(const struct err *e, struct str statements)
{
    static const char *const names[] = {
        "GENERIC_VAR_ARG", "BAD_UDF",   "MID_VAR_ARG", "MULTI_ARG",     "OBJ_COL_ARG",
        "TEST_UDF",        "TEST_UDTF", "VAR_ARG",     "TEST_UDAF",     "WHENCONDITION",
        "WHENRESULT",      "FIVE_ARG",  "FOUR_ARG",    "THROWING_UDTF", "TOSTRUCT"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (calls(statements, str_from(names[i])) && calls(str_from(e->text), str_from(names[i])))
            return true;
    return false;
}
