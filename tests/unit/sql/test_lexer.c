#include "sql/lexer.h"
#include "tests/support/test.h"

static struct token_list lex(struct arena *a, const char *text)
{
    const struct sql_script script = {"t.sql", str_from(text)};
    struct token_list out;
    struct err e;
    err_clear(&e);
    assert_ok(lexer_run(&out, a, &script, &e), &e);
    assert_int_equal(out.v[out.n - 1].kind, TOKEN_END);
    return out;
}

static struct err lex_error(const char *text, size_t n)
{
    struct arena *a = arena_new(NULL);
    const struct sql_script script = {"t.sql", {text, n}};
    struct token_list out;
    struct err e;
    err_clear(&e);
    assert_false(lexer_run(&out, a, &script, &e));
    assert_int_equal(e.kind, ERR_SQL);
    arena_free(a);
    return e;
}

TEST(words_are_upper_case_and_quoted_names_are_not)
{
    struct arena *a = arena_new(NULL);
    const struct token_list t = lex(a, "Select `it``s` \"a\"\"B\" _x1@y");
    assert_int_equal(t.n, 5);
    assert_str(t.v[0].text, "SELECT");
    assert_str(t.v[0].source, "Select");
    assert_int_equal(t.v[1].kind, TOKEN_QUOTED);
    assert_str(t.v[1].text, "it`s");
    assert_str(t.v[2].text, "a\"B");
    assert_str(t.v[3].text, "_X1@Y");
    arena_free(a);
}

TEST(strings_lose_their_quotes_and_keep_everything_else)
{
    struct arena *a = arena_new(NULL);
    const struct token_list t = lex(a, "'it''s -- no comment' '' '\xc3\xa9\n'");
    assert_int_equal(t.n, 4);
    assert_str(t.v[0].text, "it's -- no comment");
    assert_str(t.v[1].text, "");
    assert_str(t.v[2].text, "\xc3\xa9\n");
    arena_free(a);
}

TEST(numbers_are_whole_decimal_or_double)
{
    struct arena *a = arena_new(NULL);
    const struct token_list t = lex(a, "12 1.5 .5 1. 1e3 1.5E-3 .5e+2 1R");
    static const enum token_kind want[] = {TOKEN_INTEGER, TOKEN_DECIMAL, TOKEN_DECIMAL,
                                           TOKEN_DECIMAL, TOKEN_DOUBLE,  TOKEN_DOUBLE,
                                           TOKEN_DOUBLE,  TOKEN_WORD,    TOKEN_END};
    assert_int_equal(t.n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < t.n; i++)
        assert_int_equal(t.v[i].kind, want[i]);
    arena_free(a);
}

TEST(operators_of_two_characters_win_over_one)
{
    struct arena *a = arena_new(NULL);
    const struct token_list t = lex(a, "<> != <= >= -> => := || - > < =");
    static const enum token_kind want[] = {
        TOKEN_NE,     TOKEN_NE,    TOKEN_LE, TOKEN_GE, TOKEN_ARROW, TOKEN_LAMBDA, TOKEN_ASSIGN,
        TOKEN_CONCAT, TOKEN_MINUS, TOKEN_GT, TOKEN_LT, TOKEN_EQ,    TOKEN_END};
    assert_int_equal(t.n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < t.n; i++)
        assert_int_equal(t.v[i].kind, want[i]);
    arena_free(a);
}

TEST(comments_and_a_byte_order_mark_are_skipped)
{
    struct arena *a = arena_new(NULL);
    const struct token_list t = lex(a, "\xef\xbb\xbf-- one\n/* two\n * three */ a /**/ b --");
    assert_int_equal(t.n, 3);
    assert_int_equal(t.v[0].pos.line, 3);
    arena_free(a);
}

TEST(places_count_lines_and_characters_not_bytes)
{
    struct arena *a = arena_new(NULL);
    const struct token_list t = lex(a, "'\xc3\xa9\xc3\xa9' b\n  c");
    assert_int_equal(t.v[1].pos.line, 1);
    assert_int_equal(t.v[1].pos.column, 6);
    assert_int_equal(t.v[2].pos.line, 2);
    assert_int_equal(t.v[2].pos.column, 3);
    arena_free(a);
}

TEST(what_is_not_closed_says_where_it_began)
{
    struct err e = lex_error("a\n 'b", 5);
    assert_non_null(strstr(e.text, "string is not closed"));
    assert_int_equal(e.line, 2);
    assert_int_equal(e.column, 2);
    e = lex_error("/* a", 4);
    assert_non_null(strstr(e.text, "comment is not closed"));
    e = lex_error("`a", 2);
    assert_non_null(strstr(e.text, "quoted name is not closed"));
}

TEST(bytes_that_cannot_be_sql_are_refused)
{
    struct err e = lex_error("a \x01", 3);
    assert_non_null(strstr(e.text, "unexpected byte 0x01"));
    e = lex_error("a\0b", 3);
    assert_non_null(strstr(e.text, "unexpected byte 0x00"));
    e = lex_error("'a\0b'", 5);
    assert_non_null(strstr(e.text, "unexpected byte 0x00"));
    e = lex_error("\xff", 1);
    assert_non_null(strstr(e.text, "not valid UTF-8"));
    e = lex_error("caf\xc3\xa9", 5);
    assert_non_null(strstr(e.text, "unexpected character '\xc3\xa9'"));
    e = lex_error("${", 2);
    assert_non_null(strstr(e.text, "malformed variable"));
    e = lex_error("1.5x", 4);
    assert_non_null(strstr(e.text, "malformed number"));
}

TEST(names_are_quoted_when_reserved_or_not_upper_case)
{
    assert_true(lexer_needs_quotes(STR("SELECT")));
    assert_true(lexer_needs_quotes(STR("a")));
    assert_true(lexer_needs_quotes(STR("1A")));
    assert_true(lexer_needs_quotes(STR("A B")));
    assert_true(lexer_needs_quotes(STR("")));
    assert_false(lexer_needs_quotes(STR("TIMESTAMP")));
    assert_false(lexer_needs_quotes(STR("A_1")));
    assert_true(lexer_reserved(STR("ADVANCE")));
    assert_true(lexer_reserved(STR("WITHIN")));
    assert_false(lexer_reserved(STR("KEY")));
}

TEST_MAIN(T(words_are_upper_case_and_quoted_names_are_not),
          T(strings_lose_their_quotes_and_keep_everything_else),
          T(numbers_are_whole_decimal_or_double), T(operators_of_two_characters_win_over_one),
          T(comments_and_a_byte_order_mark_are_skipped),
          T(places_count_lines_and_characters_not_bytes), T(what_is_not_closed_says_where_it_began),
          T(bytes_that_cannot_be_sql_are_refused),
          T(names_are_quoted_when_reserved_or_not_upper_case))
