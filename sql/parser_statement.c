#include "sql/parser_internal.h"

static struct ast_statement *statement_node(struct parser *s, enum ast_statement_kind kind)
{
    struct ast_statement *st = ARENA_NEW(s->a, struct ast_statement);
    st->kind = kind;
    st->pos = st->name_pos = parse_peek(s, 0)->pos;
    return st;
}

static bool parse_name(struct ast_statement *st, struct parser *s, const char *what)
{
    st->name_pos = parse_peek(s, 0)->pos;
    return parse_identifier(&st->name, s, what);
}

static bool parse_element(struct ast_element *out, struct parser *s)
{
    *out = (struct ast_element){.pos = parse_peek(s, 0)->pos};
    if (!parse_identifier(&out->name, s, "a column name") || !parse_type(&out->type, s))
        return false;
    if (parse_accept_word(s, "PRIMARY")) {
        out->role = AST_PRIMARY_KEY;
        return parse_expect_word(s, "KEY");
    }
    if (parse_accept_word(s, "KEY")) {
        out->role = AST_KEY;
    } else if (parse_accept_word(s, "HEADERS")) {
        out->role = AST_HEADERS;
    } else if (parse_accept_word(s, "HEADER")) {
        out->role = AST_HEADER;
        return parse_expect(s, TOKEN_LPAREN, "(") &&
               parse_string(&out->header, s, "the header's key as a string") &&
               parse_expect(s, TOKEN_RPAREN, ")");
    }
    return true;
}

// name type [[PRIMARY] KEY | HEADERS | HEADER('k')], …
bool parse_element_list(struct ast_statement *st, struct parser *s)
{
    LIST(struct ast_element) list = {0};
    struct ast_element element;
    do {
        if (!parse_element(&element, s))
            return false;
        list_push(s->a, &list, element);
    } while (parse_accept(s, TOKEN_COMMA));
    st->has_elements = true;
    st->elements = list.v;
    st->element_count = list.n;
    return true;
}

static bool parse_elements(struct ast_statement *st, struct parser *s)
{
    return !parse_accept(s, TOKEN_LPAREN) ||
           (parse_element_list(st, s) && parse_expect(s, TOKEN_RPAREN, "',' or ')'"));
}

static bool parse_property(struct ast_property *out, struct parser *s)
{
    *out = (struct ast_property){.pos = parse_peek(s, 0)->pos};
    if (parse_is(s, TOKEN_STRING)) {
        if (!parse_string(&out->name, s, "a property name"))
            return false;
    } else if (!parse_identifier(&out->name, s, "a property name")) {
        return false;
    }
    return parse_expect(s, TOKEN_EQ, "=") && parse_literal(&out->value, s);
}

// WITH ( name = literal, … )
static bool parse_properties(struct ast_statement *st, struct parser *s)
{
    LIST(struct ast_property) list = {0};
    struct ast_property property;
    if (!parse_accept_word(s, "WITH"))
        return true;
    st->has_properties = true;
    if (!parse_expect(s, TOKEN_LPAREN, "("))
        return false;
    do {
        if (!parse_property(&property, s))
            return false;
        list_push(s->a, &list, property);
    } while (parse_accept(s, TOKEN_COMMA));
    st->properties = list.v;
    st->property_count = list.n;
    return parse_expect(s, TOKEN_RPAREN, "',' or ')'");
}

// IF [NOT] EXISTS
static bool parse_if_exists(struct ast_statement *st, struct parser *s, const char *not_word)
{
    if (!parse_is_word(s, 0, "IF"))
        return true;
    size_t ahead = not_word ? 1 : 0;
    if (not_word && !parse_is_word(s, 1, not_word))
        return true;
    if (!parse_is_word(s, ahead + 1, "EXISTS"))
        return true;
    s->at += ahead + 2;
    st->if_exists = true;
    return true;
}

static bool parse_create_type(struct ast_statement *st, struct parser *s)
{
    st->kind = AST_CREATE_TYPE;
    return parse_if_exists(st, s, "NOT") && parse_name(st, s, "a type name") &&
           parse_expect_word(s, "AS") && parse_type(&st->type, s);
}

static bool parse_create_connector(struct ast_statement *st, struct parser *s)
{
    st->kind = AST_CREATE_CONNECTOR;
    if (!parse_if_exists(st, s, "NOT") || !parse_name(st, s, "a connector name"))
        return false;
    if (!parse_is_word(s, 0, "WITH"))
        return parse_fail(s, "WITH");
    return parse_properties(st, s);
}

static bool parse_create(struct ast_statement *st, struct parser *s)
{
    if (parse_accept_word(s, "OR")) {
        if (!parse_expect_word(s, "REPLACE"))
            return false;
        st->or_replace = true;
    }
    if (!st->or_replace && parse_accept_word(s, "TYPE"))
        return parse_create_type(st, s);
    st->source = parse_accept_word(s, "SOURCE");
    if (st->source || parse_is_word(s, 0, "SINK")) {
        bool sink = parse_accept_word(s, "SINK");
        if (parse_accept_word(s, "CONNECTOR")) {
            st->what = sink ? STR("SINK") : STR("SOURCE");
            return parse_create_connector(st, s);
        }
    }
    st->table = parse_accept_word(s, "TABLE");
    if (!st->table && !parse_accept_word(s, "STREAM"))
        return parse_fail(s, "STREAM or TABLE");
    if (!parse_if_exists(st, s, "NOT") || !parse_name(st, s, "a name") || !parse_elements(st, s) ||
        !parse_properties(st, s))
        return false;
    st->kind = AST_CREATE_SOURCE;
    if (st->source || st->has_elements || !parse_accept_word(s, "AS"))
        return true;
    st->kind = AST_CREATE_AS;
    return parse_query(&st->query, s);
}

// ( expr, … )
static bool parse_values(struct ast_statement *st, struct parser *s)
{
    LIST(struct ast_expr *) list = {0};
    struct ast_expr *x;
    if (!parse_expect(s, TOKEN_LPAREN, "("))
        return false;
    if (!parse_is(s, TOKEN_RPAREN)) {
        do {
            if (!parse_value(&x, s))
                return false;
            list_push(s->a, &list, x);
        } while (parse_accept(s, TOKEN_COMMA));
    }
    st->values = list.v;
    st->value_count = list.n;
    return parse_expect(s, TOKEN_RPAREN, "',' or ')'");
}

// [ ( name, … ) ]
static bool parse_columns(struct ast_statement *st, struct parser *s)
{
    LIST(struct str) list = {0};
    struct str name;
    if (!parse_accept(s, TOKEN_LPAREN))
        return true;
    do {
        if (!parse_identifier(&name, s, "a column name"))
            return false;
        list_push(s->a, &list, name);
    } while (parse_accept(s, TOKEN_COMMA));
    st->names = list.v;
    st->name_count = list.n;
    return parse_expect(s, TOKEN_RPAREN, "',' or ')'");
}

static bool parse_insert(struct ast_statement *st, struct parser *s)
{
    if (!parse_expect_word(s, "INTO") || !parse_name(st, s, "a stream name"))
        return false;
    if (parse_is_word(s, 0, "WITH") || parse_is_word(s, 0, "SELECT")) {
        st->kind = AST_INSERT_SELECT;
        return parse_properties(st, s) && parse_query(&st->query, s);
    }
    st->kind = AST_INSERT_VALUES;
    return parse_columns(st, s) && parse_expect_word(s, "VALUES") && parse_values(st, s);
}

static bool parse_drop(struct ast_statement *st, struct parser *s)
{
    static const char *const kinds[] = {"STREAM", "TABLE", "TYPE", "CONNECTOR"};
    st->kind = AST_DROP;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!parse_accept_word(s, kinds[i]))
            continue;
        st->what = str_from(kinds[i]);
        st->table = i == 1;
        if (!parse_if_exists(st, s, NULL) || !parse_name(st, s, "a name"))
            return false;
        if (i < 2 && parse_accept_word(s, "DELETE")) {
            st->delete_topic = true;
            return parse_expect_word(s, "TOPIC");
        }
        return true;
    }
    return parse_fail(s, "STREAM, TABLE, TYPE or CONNECTOR");
}

// ALTER STREAM|TABLE name ADD [COLUMN] name type, …
static bool parse_alter(struct ast_statement *st, struct parser *s)
{
    LIST(struct ast_element) list = {0};
    st->kind = AST_ALTER;
    if (parse_accept_word(s, "SYSTEM")) {
        st->kind = AST_ALTER_SYSTEM;
        return parse_string(&st->name, s, "a property name as a string") &&
               parse_expect(s, TOKEN_EQ, "=") && parse_string(&st->value, s, "a string");
    }
    st->table = parse_accept_word(s, "TABLE");
    if (!st->table && !parse_accept_word(s, "STREAM"))
        return parse_fail(s, "STREAM, TABLE or SYSTEM");
    if (!parse_name(st, s, "a name"))
        return false;
    do {
        struct ast_element element = {.pos = parse_peek(s, 0)->pos};
        if (!parse_expect_word(s, "ADD"))
            return false;
        (void)parse_accept_word(s, "COLUMN");
        if (!parse_identifier(&element.name, s, "a column name") || !parse_type(&element.type, s))
            return false;
        list_push(s->a, &list, element);
    } while (parse_accept(s, TOKEN_COMMA));
    st->elements = list.v;
    st->element_count = list.n;
    return true;
}

static bool parse_set(struct ast_statement *st, struct parser *s)
{
    st->name_pos = parse_peek(s, 0)->pos;
    if (!parse_string(&st->name, s, "a property name as a string"))
        return false;
    if (st->kind == AST_UNSET)
        return true;
    return parse_expect(s, TOKEN_EQ, "=") && parse_string(&st->value, s, "a string");
}

static bool parse_define(struct ast_statement *st, struct parser *s)
{
    if (!parse_name(st, s, "a variable name"))
        return false;
    if (st->kind == AST_UNDEFINE)
        return true;
    return parse_expect(s, TOKEN_EQ, "=") && parse_string(&st->value, s, "a string");
}

// LIST, SHOW, DESCRIBE, PRINT and the asserts on topics: words up to the end, kept as text
static bool parse_words(struct ast_statement *st, struct parser *s)
{
    struct buf text;
    size_t words = 0;
    buf_init(&text, (size_t)1 << 20);
    if (st->kind != AST_ASSERT_OTHER)
        buf_str(&text, parse_peek(s, 0)[-1].text);
    while (!parse_is(s, TOKEN_SEMICOLON) && !parse_is(s, TOKEN_END)) {
        const struct token *t = parse_peek(s, 0);
        if (text.n)
            buf_char(&text, ' ');
        buf_str(&text, t->kind == TOKEN_WORD ? t->text : t->source);
        s->at++;
        words++;
    }
    bool ok = !text.failed;
    st->what = arena_str(s->a, buf_view(&text));
    buf_fini(&text);
    if (!ok)
        return sql_fail(s->e, s->src, &st->pos, "statement is too long");
    return words > 0 || parse_fail(s, "what to show");
}

static bool parse_show(struct ast_statement *st, struct parser *s)
{
    static const char *const things[] = {
        "PROPERTIES", "TOPICS",  "STREAMS", "TABLES", "FUNCTIONS", "TYPES",    "CONNECTORS",
        "VARIABLES",  "QUERIES", "ALL",     "SOURCE", "SINK",      "CONNECTOR"};
    for (size_t i = 0; i < sizeof things / sizeof things[0]; i++)
        if (parse_is_word(s, 0, things[i]))
            return parse_words(st, s);
    return parse_fail(s, "STREAMS, TABLES, TOPICS, QUERIES, FUNCTIONS, TYPES, VARIABLES, "
                         "PROPERTIES or CONNECTORS");
}

static bool parse_describe(struct ast_statement *st, struct parser *s)
{
    if (!parse_is_identifier(s, 0) && !parse_is_word(s, 0, "STREAMS"))
        return parse_fail(s, "a name, STREAMS or FUNCTION");
    return parse_words(st, s);
}

static bool parse_explain(struct ast_statement *st, struct parser *s)
{
    const enum token_kind next = parse_peek(s, 1)->kind;
    if (next == TOKEN_SEMICOLON || next == TOKEN_END)
        return parse_name(st, s, "a query id or a statement");
    if (!parse_enter(s) || !parse_statement(&st->inner, s))
        return false;
    parse_leave(s);
    return true;
}

static bool parse_assert_source(struct ast_statement *st, struct parser *s)
{
    st->kind = AST_ASSERT_SOURCE;
    return parse_name(st, s, "a name") && parse_elements(st, s) && parse_properties(st, s);
}

static bool parse_assert(struct ast_statement *st, struct parser *s)
{
    st->kind = AST_ASSERT_OTHER;
    if (parse_accept_word(s, "VALUES")) {
        st->kind = AST_ASSERT_VALUES;
        return parse_name(st, s, "a name") && parse_columns(st, s) &&
               parse_expect_word(s, "VALUES") && parse_values(st, s);
    }
    if (parse_accept_word(s, "NULL")) {
        st->kind = AST_ASSERT_TOMBSTONE;
        return parse_expect_word(s, "VALUES") && parse_name(st, s, "a name") &&
               parse_columns(st, s) && parse_expect_word(s, "KEY") && parse_values(st, s);
    }
    st->table = parse_is_word(s, 0, "TABLE");
    if (parse_accept_word(s, "STREAM") || parse_accept_word(s, "TABLE"))
        return parse_assert_source(st, s);
    if (!parse_is_word(s, 0, "TOPIC") && !parse_is_word(s, 0, "SCHEMA") &&
        !parse_is_word(s, 0, "NOT"))
        return parse_fail(s, "VALUES, NULL VALUES, STREAM, TABLE, TOPIC or SCHEMA");
    return parse_words(st, s);
}

static bool parse_query_id(struct ast_statement *st, struct parser *s)
{
    if (parse_accept_word(s, "ALL")) {
        st->what = STR("ALL");
        return true;
    }
    return parse_name(st, s, "a query's id, or ALL");
}

static bool parse_run_script(struct ast_statement *st, struct parser *s)
{
    return parse_expect_word(s, "SCRIPT") && parse_string(&st->value, s, "a file name as a string");
}

bool parse_statement(struct ast_statement **out, struct parser *s)
{
    static const struct {
        const char *word;
        enum ast_statement_kind kind;
        bool (*parse)(struct ast_statement *st, struct parser *s);
    } table[] = {
        {"CREATE", AST_CREATE_SOURCE, parse_create},
        {"INSERT", AST_INSERT_SELECT, parse_insert},
        {"DROP", AST_DROP, parse_drop},
        {"ALTER", AST_ALTER, parse_alter},
        {"SET", AST_SET, parse_set},
        {"UNSET", AST_UNSET, parse_set},
        {"DEFINE", AST_DEFINE, parse_define},
        {"UNDEFINE", AST_UNDEFINE, parse_define},
        {"SHOW", AST_SHOW, parse_show},
        {"LIST", AST_SHOW, parse_show},
        {"DESCRIBE", AST_SHOW, parse_describe},
        {"EXPLAIN", AST_EXPLAIN, parse_explain},
        {"PRINT", AST_PRINT, parse_words},
        {"TERMINATE", AST_TERMINATE, parse_query_id},
        {"PAUSE", AST_PAUSE, parse_query_id},
        {"RESUME", AST_RESUME, parse_query_id},
        {"ASSERT", AST_ASSERT_OTHER, parse_assert},
        {"RUN", AST_RUN_SCRIPT, parse_run_script},
    };
    if (parse_is_word(s, 0, "SELECT")) {
        *out = statement_node(s, AST_QUERY);
        return parse_query(&(*out)->query, s);
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (parse_is_word(s, 0, table[i].word)) {
            *out = statement_node(s, table[i].kind);
            s->at++;
            return table[i].parse(*out, s);
        }
    }
    return parse_fail(s, "a statement (CREATE, INSERT INTO, SET, …)");
}
