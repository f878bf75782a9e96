#include "base/base64.h"

#include "tests/support/test.h"

static bool decodes_to(const char *text, enum base64_form form, struct str want)
{
    struct arena *a = arena_new(NULL);
    struct str got = {0};
    const bool ok = base64_decode(&got, a, str_from(text), form) && str_eq(got, want);
    arena_free(a);
    return ok;
}

static bool refuses(const char *text, enum base64_form form)
{
    struct arena *a = arena_new(NULL);
    struct str got = {0};
    const bool ok = base64_decode(&got, a, str_from(text), form);
    assert_true(ok || !got.p);
    arena_free(a);
    return !ok;
}

// RFC 4648 section 10.
static const char *const vectors[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

TEST(the_vectors_of_the_rfc_hold_in_both_directions)
{
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        buf_clear(&b);
        base64_encode(&b, str_from(vectors[i][0]));
        assert_str(buf_view(&b), vectors[i][1]);
        assert_true(decodes_to(vectors[i][1], BASE64_COMPACT, str_from(vectors[i][0])));
        assert_true(decodes_to(vectors[i][1], BASE64_PADDED, str_from(vectors[i][0])));
    }
    buf_fini(&b);
}

TEST(every_byte_survives_at_every_place_of_a_group)
{
    char bytes[258];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    struct buf b;
    buf_init(&b, 1000);
    for (size_t n = sizeof bytes - 3; n <= sizeof bytes; n++) {
        for (size_t from = 0; from < 3; from++) {
            const struct str whole = {bytes + from, n - from};
            buf_clear(&b);
            base64_encode(&b, whole);
            buf_char(&b, '\0');
            assert_true(decodes_to(b.p, BASE64_COMPACT, whole));
            assert_true(decodes_to(b.p, BASE64_PADDED, whole));
        }
    }
    buf_fini(&b);
}

TEST(only_compact_text_may_lack_its_padding)
{
    assert_true(decodes_to("Zg", BASE64_COMPACT, STR("f")));
    assert_true(decodes_to("Zm9vYmE", BASE64_COMPACT, STR("fooba")));
    assert_true(refuses("Zg", BASE64_PADDED));
    assert_true(refuses("Zm9vYmE", BASE64_PADDED));
}

TEST(only_padded_text_may_have_blanks_and_only_between_quartets)
{
    assert_true(decodes_to(" Zm9v\r\n Zg== \n", BASE64_PADDED, STR("foof")));
    assert_true(refuses("Zm9v\nZg==", BASE64_COMPACT));
    assert_true(refuses("Zm 9v", BASE64_PADDED));
}

TEST(malformed_text_is_refused_in_both_forms)
{
    static const char *const bad[] = {
        "Z",     "Zm9vY", "Zg=",  "=",     "====",     "Z===",       "Zg==Zg==", "Zm-_",
        "Zm9v=", "Zm=v",  "Zm9*", "Zg==A", "Zm8=Zm8=", "\xc3\xa4==", "Zg==="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!refuses(bad[i], BASE64_COMPACT) || !refuses(bad[i], BASE64_PADDED))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

TEST(what_does_not_fit_the_buffer_is_dropped_whole)
{
    struct buf b;
    buf_init(&b, 7);
    base64_encode(&b, STR("fooo"));
    assert_int_equal(b.n, 0);
    assert_true(b.failed);
    buf_fini(&b);
}

TEST_MAIN(T(the_vectors_of_the_rfc_hold_in_both_directions),
          T(every_byte_survives_at_every_place_of_a_group),
          T(only_compact_text_may_lack_its_padding),
          T(only_padded_text_may_have_blanks_and_only_between_quartets),
          T(malformed_text_is_refused_in_both_forms),
          T(what_does_not_fit_the_buffer_is_dropped_whole))
