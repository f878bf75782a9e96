#include "jobs/spec/spec.h"
#include "tests/support/test.h"

#include <stdio.h>

#define FILE_HEAD "kafka: { bootstrap.servers: h }\njobs: {}\n"

struct loaded {
    struct arena *a;
    const struct app_spec *app;
    struct buf text; // of the errors
};

static const char *env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "REGISTRY_PASSWORD") == 0 ? "s3cret" : NULL;
}

static bool load(struct loaded *out, const char *text)
{
    const struct spec_options options = {.env = env};
    struct conf_errors errors;
    *out = (struct loaded){.a = arena_new(NULL)};
    conf_errors_init(&errors, out->a);
    const bool ok = spec_parse(&out->app, out->a, "/etc/s.yaml", str_from(text), &options, &errors);
    buf_init(&out->text, 1 << 20);
    conf_errors_print(&out->text, &errors);
    buf_char(&out->text, '\0');
    return ok;
}

static void unload(struct loaded *s)
{
    buf_fini(&s->text);
    arena_free(s->a);
}

TEST(a_registry_has_a_url_and_what_proves_who_we_are)
{
    struct loaded s;
    struct buf shown;
    if (!load(&s, FILE_HEAD "schema_registry: { url: 'https://r:8081/x', user: me, password: "
                            "'${env:REGISTRY_PASSWORD}', ca_file: ca.pem, timeout: 3s }\n"))
        fail_msg("%s", s.text.p);
    const struct registry_spec *r = &s.app->registry;
    assert_str(r->url, "https://r:8081/x");
    assert_str(r->user, "me");
    assert_str(secret_reveal(r->password), "s3cret");
    assert_str(r->ca_file, "/etc/ca.pem");
    assert_true(r->verify);
    assert_int_equal(r->timeout_ms, 3000);
    buf_init(&shown, 1 << 20);
    conf_show(&shown, s.app->reader, CONF_SHOW_VALUES);
    buf_char(&shown, '\0');
    assert_null(strstr(shown.p, "s3cret"));
    buf_fini(&shown);
    unload(&s);
}

TEST(a_password_that_is_written_out_is_not_shown)
{
    struct loaded s;
    struct buf shown;
    assert_true(
        load(&s, FILE_HEAD "schema_registry: { url: 'http://r', user: me, password: hunter2 }\n"));
    buf_init(&shown, 1 << 20);
    conf_show(&shown, s.app->reader, CONF_SHOW_VALUES);
    buf_char(&shown, '\0');
    assert_null(strstr(shown.p, "hunter2"));
    assert_non_null(strstr(shown.p, "***"));
    buf_fini(&shown);
    unload(&s);
}

TEST(without_the_section_there_is_none)
{
    struct loaded s;
    assert_true(load(&s, FILE_HEAD));
    assert_int_equal(s.app->registry.at.line, 0);
    unload(&s);
}

TEST(urls_that_cannot_be_are_refused)
{
    static const char *const cases[][2] = {
        {"{ url: 'ftp://r' }", "url is not an http(s) URL"},
        {"{ url: 'http://' }", "url is not an http(s) URL"},
        {"{ url: 'http://me:pw@r/' }", "the URL of the schema registry has a user in it"},
        {"{ user: me }", "url"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        struct loaded s;
        snprintf(text, sizeof text, FILE_HEAD "schema_registry: %s\n", cases[i][0]);
        assert_false(load(&s, text));
        if (!strstr(s.text.p, cases[i][1]))
            fail_msg("\"%s\" is not in:\n%s", cases[i][1], s.text.p);
        unload(&s);
    }
}

TEST_MAIN(T(a_registry_has_a_url_and_what_proves_who_we_are),
          T(a_password_that_is_written_out_is_not_shown), T(without_the_section_there_is_none),
          T(urls_that_cannot_be_are_refused))
