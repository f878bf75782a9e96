#include "orchestrator/sqltest/jnode.h"
#include "tests/support/test.h"

static void reprints(const char *text, const char *want)
{
    struct arena *a = arena_new(NULL);
    struct jnode n;
    struct err e;
    struct buf out;
    buf_init(&out, 4096);
    assert_ok(jnode_parse(&n, a, str_from(text), &e), &e);
    jnode_print(&out, &n);
    buf_char(&out, '\0');
    assert_string_equal(out.p, want);
    buf_fini(&out);
    arena_free(a);
}

static void refuses(const char *text, const char *why)
{
    struct arena *a = arena_new(NULL);
    struct jnode n;
    struct err e;
    assert_fails(jnode_parse(&n, a, str_from(text), &e), &e, ERR_DATA, why);
    arena_free(a);
}

TEST(numbers_keep_their_digits_and_comments_are_skipped)
{
    reprints("{ // one\n \"a\" : [1.10, -2E+3, 0], /* two */ \"b\":{} }",
             "{\"a\":[1.10,-2E+3,0],\"b\":{}}");
}

TEST(strings_are_decoded)
{
    reprints("\"a\\u00e4\\ud83d\\ude00\\n\\/\"", "\"a\xc3\xa4\xf0\x9f\x98\x80\\n/\"");
    reprints("[null,true,false,\"\"]", "[null,true,false,\"\"]");
}

TEST(what_is_no_json_is_refused_with_its_place)
{
    refuses("{\"a\":\n tru}", "line 2 column 2: found 't', expecting a value");
    refuses("[1,2", "ends in line 1");
    refuses("[1] 2", "expecting the end");
    refuses("\"abc", "expecting \"");
    refuses("{a:1}", "a member's name");
    refuses("\"\\x\"", "an escape sequence");
}

TEST(a_document_nested_too_deeply_is_refused)
{
    char text[JNODE_DEPTH_MAX * 2];
    struct arena *a = arena_new(NULL);
    struct jnode n;
    struct err e;
    memset(text, '[', sizeof text);
    assert_fails(jnode_parse(&n, a, (struct str){text, sizeof text}, &e), &e, ERR_LIMIT, "nested");
    arena_free(a);
}

TEST_MAIN(T(numbers_keep_their_digits_and_comments_are_skipped), T(strings_are_decoded),
          T(what_is_no_json_is_refused_with_its_place), T(a_document_nested_too_deeply_is_refused))
