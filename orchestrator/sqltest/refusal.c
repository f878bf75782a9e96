#include "orchestrator/sqltest/refusal.h"

#include "base/mem.h"

#include <ctype.h>

#define MESSAGE_BYTES_MAX ((size_t)1 << 20)

// Where the text stands, as ksqlDB's parser, its syntax errors and its literals say it.
enum place { PLACE_NONE, PLACE_LINE_COL, PLACE_SYNTAX, PLACE_LITERAL, PLACES };

static void print_place(struct buf *out, const struct err *e, enum place place)
{
    if (place == PLACE_LINE_COL)
        buf_printf(out, "Line: %u, Col: %u: ", e->line, e->column);
    if (place == PLACE_SYNTAX || place == PLACE_LITERAL)
        buf_printf(out, "line %u:%u: ", e->line, e->column + (place == PLACE_LITERAL));
}

bool refusal_holds(const struct err *e, struct str statement, struct str message)
{
    static const char *const stages[] = {"Failed to prepare statement: ",
                                         "Exception while preparing statement: "};
    struct buf text;
    size_t at;
    bool found = !message.p;
    buf_init(&text, MESSAGE_BYTES_MAX);
    for (unsigned stage = 0; stage < 2; stage++)
        for (unsigned place = 0; place < PLACES && !found; place++) {
            buf_clear(&text);
            buf_text(&text, stages[stage]);
            print_place(&text, e, (enum place)place);
            buf_text(&text, e->text);
            if (e->hint[0])
                buf_printf(&text, "\nHint: %s", e->hint);
            if (statement.p)
                buf_printf(&text, "\nStatement: %.*s", STR_ARG(statement));
            found = str_find(&at, buf_view(&text), message);
        }
    buf_fini(&text);
    return found;
}

bool refusal_agrees(const struct err *e, struct str statement, const struct jnode *expected)
{
    return refusal_holds(e, statement, jnode_text(expected, STR("message"))) &&
           refusal_holds(e, statement, jnode_text(expected, STR("causeMessage")));
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
