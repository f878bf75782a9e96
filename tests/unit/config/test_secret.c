#include "config/secret.h"

#include "base/durable.h"
#include "tests/support/dir.h"
#include "tests/support/test.h"

static const char *fake_env(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "PASSWORD") == 0)
        return "p@ss/w:rd${env:NO}";
    return strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

TEST(references_are_put_in_once_and_never_read_again)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    struct str v;
    const struct secret_source s = {.env = fake_env};
    assert_ok(secret_expand(&v, a, STR("<${env:PASSWORD}|${env:EMPTY}>"), &s, &e), &e);
    assert_str(v, "<p@ss/w:rd${env:NO}|>");
    assert_ok(secret_expand(&v, a, STR("a$${env:X} $b $"), &s, &e), &e);
    assert_str(v, "a${env:X} $b $");
    assert_true(secret_has_reference(STR("x${env:A}")));
    assert_false(secret_has_reference(STR("x$${env:A}")));
    arena_free(a);
}

TEST(what_cannot_be_put_in_is_named)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    struct str v;
    const struct secret_source s = {.env = fake_env, .dir = "/nowhere"};
    assert_fails(secret_expand(&v, a, STR("${env:NONE}"), &s, &e), &e, ERR_CONFIG,
                 "environment variable NONE is not set");
    assert_fails(secret_expand(&v, a, STR("${file:x}"), &s, &e), &e, ERR_CONFIG,
                 "cannot open /nowhere/x");
    assert_fails(secret_expand(&v, a, STR("${env:A"), &s, &e), &e, ERR_CONFIG, "without \"}\"");
    assert_fails(secret_expand(&v, a, STR("${vault:A}"), &s, &e), &e, ERR_CONFIG,
                 "${env:NAME} or ${file:PATH}");
    assert_fails(secret_expand(&v, a, STR("${env:}"), &s, &e), &e, ERR_CONFIG, "is not ${env");
    arena_free(a);
}

TEST(files_lose_their_last_line_end_only)
{
    struct test_dir dir;
    test_dir_init(&dir);
    struct arena *a = arena_new(NULL);
    struct durable *d = durable_new(DURABLE_DEAD);
    struct err e;
    struct str v;
    char path[512];
    const struct secret_source s = {.env = fake_env, .dir = dir.path};
    assert_ok(durable_replace(d, "t", test_dir_file(path, &dir, "key"), STR("a\nb\n\r\n"), &e), &e);
    assert_ok(secret_expand(&v, a, STR("${file:key}"), &s, &e), &e);
    assert_str(v, "a\nb\n");
    assert_ok(durable_replace(d, "t", path, (struct str){"a\0b", 3}, &e), &e);
    assert_fails(secret_expand(&v, a, STR("${file:key}"), &s, &e), &e, ERR_CONFIG, "zero byte");
    durable_free(d);
    arena_free(a);
    test_dir_fini(&dir);
}

TEST(the_mask_hides_separators_inside_references)
{
    struct arena *a = arena_new(NULL);
    assert_str(secret_mask(a, STR("u:${file:/a@b}@h")), "u:xxxxxxxxxxxx@h");
    assert_str(secret_mask(a, STR("$${x")), "xxxx");
    arena_free(a);
}

TEST(a_secret_shows_as_stars)
{
    assert_string_equal(secret_show(secret_from(STR("x"))), "***");
    assert_string_equal(secret_show(secret_from(STR_NONE)), "");
    assert_str(secret_reveal(secret_from(STR("x"))), "x");
}

TEST_MAIN(T(references_are_put_in_once_and_never_read_again), T(what_cannot_be_put_in_is_named),
          T(files_lose_their_last_line_end_only), T(the_mask_hides_separators_inside_references),
          T(a_secret_shows_as_stars))
