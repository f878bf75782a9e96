// Hostile payloads: cut anywhere, one byte changed anywhere, huge, deep, every kind of broken UTF-8. What is promised:
// no crash, no byte read behind the payload (the buffers have exactly its size), all vector levels alike, other rows whole.
#include "tests/support/serde_case.h"
#include "tests/support/test.h"

#include <stdio.h>

static const char DOCUMENT[] =
    "{\"transaction_id\":\"T0000001\", "
    "\"timestamp\":\"2025-05-01T00:00:00.000Z\",\"amount\":123.45,"
    "\"user\":\"M\xc3\xbcller "
    "\\u00e3\\ud83d\\ude00\",\"location\":{\"city\":\"Paris\",\"zip\":[75001,null]},"
    "\"ok\":true,\"tags\":{\"a\":\"x\",\"b\":\"y\"},\"rate\":-1.5e-3,\"rest\":[{\"k\":[1,2,{}]},"
    "false,\"\"]}";

static const struct serde_spec *spec_of(struct arena *a)
{
    const struct type *text = type_scalar(TYPE_STRING);
    const struct field location[] = {{STR("CITY"), text},
                                     {STR("ZIP"), type_array(a, type_scalar(TYPE_INTEGER))}};
    const struct serde_column columns[] = {{STR("TRANSACTION_ID"), text},
                                           {STR("AMOUNT"), type_decimal(a, 18, 2)},
                                           {STR("USER"), text},
                                           {STR("LOCATION"), type_struct(a, location, 2)},
                                           {STR("OK"), type_scalar(TYPE_BOOLEAN)},
                                           {STR("TAGS"), type_map(a, text, text)},
                                           {STR("RATE"), type_scalar(TYPE_DOUBLE)}};
    struct serde_spec *spec = ARENA_NEW(a, struct serde_spec);
    struct serde_column *copy = ARENA_ARRAY(a, struct serde_column, 7);
    memcpy(copy, columns, sizeof columns);
    *spec = (struct serde_spec){.format = SERDE_JSON, .columns = copy, .count = 7};
    return spec;
}

TEST(a_document_cut_at_any_byte_is_bad)
{
    for (size_t n = 0; n < sizeof DOCUMENT - 1; n++) {
        struct arena *a = arena_new(NULL);
        const struct serde_case got = serde_case_json(a, spec_of(a), (struct str){DOCUMENT, n});
        assert_int_equal(got.status, DECODE_BAD);
        assert_true(str_starts(got.reason, STR("malformed JSON: ")));
        arena_free(a);
    }
    struct arena *a = arena_new(NULL);
    const struct serde_case got = serde_case_json(a, spec_of(a), STR(DOCUMENT));
    assert_int_equal(got.status, DECODE_OK);
    assert_str(got.text,
               "{\"TRANSACTION_ID\":\"T0000001\",\"AMOUNT\":123.45,\"USER\":\"Müller ã😀\","
               "\"LOCATION\":{\"CITY\":\"Paris\",\"ZIP\":[75001,null]},\"OK\":true,"
               "\"TAGS\":{\"a\":\"x\",\"b\":\"y\"},\"RATE\":-0.0015}");
    arena_free(a);
}

TEST(any_byte_changed_gives_the_same_at_every_level)
{
    static const char bytes[] = "\0\"\\{}[],:0-.eE \n\x1f\x80\xc3\xed\xf4\xff";
    size_t good = 0;
    for (size_t i = 0; i < sizeof DOCUMENT - 1; i++) {
        struct arena *a = arena_new(NULL);
        for (size_t k = 0; k < sizeof bytes - 1; k++) {
            char text[sizeof DOCUMENT];
            memcpy(text, DOCUMENT, sizeof DOCUMENT);
            text[i] = bytes[k];
            const struct str changed = {text, sizeof DOCUMENT - 1};
            good += serde_case_json(a, spec_of(a), changed).status == DECODE_OK;
        }
        arena_free(a);
    }
    assert_true(good > sizeof DOCUMENT); // blanks and digits that do no harm
}

// A text of every length around the vector widths, with something at every place.
TEST(strings_of_any_length_with_anything_anywhere)
{
    static const struct {
        struct str piece;
        bool good;
    } pieces[] = {{STR("x"), true},        {STR("\\n"), true},   {STR("\\u00e9"), true},
                  {STR("\xc3\xa9"), true}, {STR("\x01"), false}, {STR("\xc3"), false},
                  {STR("\\ud800"), false}, {STR("\""), false}};
    for (size_t n = 0; n < 70; n++) {
        for (size_t at = 0; at <= n; at += 1 + n / 12) {
            struct arena *a = arena_new(NULL);
            for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
                char *text = arena_alloc(a, n + 16);
                size_t m = 0;
                text[m++] = '"';
                for (size_t i = 0; i < n; i++)
                    text[m++] = 'a';
                memmove(text + 1 + at + pieces[k].piece.n, text + 1 + at, n - at);
                memcpy(text + 1 + at, pieces[k].piece.p, pieces[k].piece.n);
                m += pieces[k].piece.n;
                text[m++] = '"';
                const struct serde_case got =
                    serde_case_cell(a, type_scalar(TYPE_STRING), (struct str){text, m});
                if ((got.status == DECODE_OK) != pieces[k].good)
                    fail_msg("%.*s: %s", (int)m, text, got.reason.p);
            }
            arena_free(a);
        }
    }
}

TEST(invalid_utf8_of_every_kind_is_bad)
{
    static const struct str sequences[] = {
        STR("\x80"),             // a continuation byte alone
        STR("\xbf"),             //
        STR("\xc0\x80"),         // overlong NUL
        STR("\xc1\xbf"),         // overlong
        STR("\xc2"),             // cut
        STR("\xc2\x41"),         // no continuation
        STR("\xe0\x80\x80"),     // overlong
        STR("\xe0\x9f\xbf"),     //
        STR("\xe1\x80"),         // cut
        STR("\xe1\x80\x41"),     //
        STR("\xed\xa0\x80"),     // surrogates
        STR("\xed\xbf\xbf"),     //
        STR("\xf0\x80\x80\x80"), // overlong
        STR("\xf0\x8f\xbf\xbf"), //
        STR("\xf1\x80\x80"),     // cut
        STR("\xf4\x90\x80\x80"), // above U+10FFFF
        STR("\xf5\x80\x80\x80"), //
        STR("\xf8\x88\x80\x80\x80"),
        STR("\xfc\x84\x80\x80\x80\x80"),
        STR("\xfe"),
        STR("\xff"),
    };
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        for (size_t before = 0; before < 40; before += 13) {
            struct arena *a = arena_new(NULL);
            char text[100] = "\"";
            memset(text + 1, 'x', before);
            memcpy(text + 1 + before, sequences[i].p, sequences[i].n);
            text[1 + before + sequences[i].n] = '"';
            const struct str json = {text, before + sequences[i].n + 2};
            const struct serde_case got = serde_case_cell(a, type_scalar(TYPE_STRING), json);
            assert_int_equal(got.status, DECODE_BAD);
            assert_true(str_starts(got.reason, STR("malformed JSON: invalid UTF-8")));
            // As a name and where nothing is used, too.
            char object[120];
            const int n = snprintf(object, sizeof object, "{\"u\":{%.*s:1}}", STR_ARG(json));
            const struct serde_spec none = {.format = SERDE_JSON};
            assert_int_equal(serde_case_json(a, &none, (struct str){object, (size_t)n}).status,
                             DECODE_BAD);
            arena_free(a);
        }
    }
}

static struct str filled(struct arena *a, char c, size_t n)
{
    char *p = arena_alloc(a, n + 2);
    memset(p, c, n + 2);
    return (struct str){p, n + 2};
}

TEST(strings_of_a_megabyte)
{
    struct arena *a = arena_new(NULL);
    const size_t n = (size_t)1 << 20;
    struct str text = filled(a, 'x', n);
    ((char *)(uintptr_t)text.p)[0] = ((char *)(uintptr_t)text.p)[n + 1] = '"';
    struct serde_case got = serde_case_cell(a, type_scalar(TYPE_STRING), text);
    assert_int_equal(got.status, DECODE_OK);
    assert_int_equal(got.text.n, n + 2 + strlen("{\"V\":}"));
    ((char *)(uintptr_t)text.p)[n] = '\x02';
    got = serde_case_cell(a, type_scalar(TYPE_STRING), text);
    assert_str(got.reason, "malformed JSON: control character in a string 0x02 at byte 1048581");
    arena_free(a);
}

TEST(numbers_of_a_million_digits)
{
    struct arena *a = arena_new(NULL);
    const struct str digits = filled(a, '7', 1000000);
    assert_int_equal(serde_case_cell(a, type_scalar(TYPE_INTEGER), digits).status, DECODE_OK);
    assert_int_equal(serde_case_cell(a, type_scalar(TYPE_BIGINT), digits).status, DECODE_BAD);
    assert_int_equal(serde_case_cell(a, type_scalar(TYPE_DOUBLE), digits).status, DECODE_BAD);
    assert_int_equal(serde_case_cell(a, type_decimal(a, 38, 2), digits).status, DECODE_BAD);
    assert_int_equal(serde_case_cell(a, type_scalar(TYPE_STRING), digits).status, DECODE_OK);
    const struct serde_case got = serde_case_cell(a, type_scalar(TYPE_BIGINT), digits);
    assert_true(got.reason.n < 200); // a reason does not repeat the payload
    arena_free(a);
}

TEST(exponents_cost_nothing)
{
    struct arena *a = arena_new(NULL);
    static const char *const texts[] = {"1e999999999",  "-1e999999999", "1e-999999999",
                                        "1e2147483647", "1e2147483648", "0e2147483648"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct str text = str_from(texts[i]);
        (void)serde_case_cell(a, type_scalar(TYPE_INTEGER), text);
        (void)serde_case_cell(a, type_scalar(TYPE_BIGINT), text);
        (void)serde_case_cell(a, type_scalar(TYPE_DOUBLE), text);
        (void)serde_case_cell(a, type_scalar(TYPE_STRING), text);
        (void)serde_case_cell(a, type_decimal(a, 18, 2), text);
        (void)serde_case_cell(a, type_decimal(a, 500, 100), text);
    }
    arena_free(a);
}

TEST(a_hundred_thousand_levels_in_a_used_column)
{
    struct arena *a = arena_new(NULL);
    const struct str deep = filled(a, '[', 100000);
    const struct serde_case got = serde_case_cell(a, type_scalar(TYPE_STRING), deep);
    assert_str(got.reason, "malformed JSON: nested too deeply at byte 260");
    arena_free(a);
}

TEST(a_hundred_thousand_equal_keys_in_a_map)
{
    struct arena *a = arena_new(NULL);
    struct buf text;
    buf_init(&text, 10 << 20);
    buf_text(&text, "{\"k\":\"first, of a wrong type\"");
    for (int i = 0; i < 100000; i++)
        buf_printf(&text, ",\"k\":%d", i);
    buf_char(&text, '}');
    const struct type *map = type_map(a, type_scalar(TYPE_STRING), type_scalar(TYPE_INTEGER));
    assert_str(serde_case_cell(a, map, buf_view(&text)).text, "{\"V\":{\"k\":99999}}");
    assert_str(serde_case_cell(a, type_scalar(TYPE_STRING), buf_view(&text)).text,
               "{\"V\":\"{\\\"k\\\":99999}\"}");
    buf_fini(&text);
    arena_free(a);
}

TEST_MAIN(T(a_document_cut_at_any_byte_is_bad), T(any_byte_changed_gives_the_same_at_every_level),
          T(strings_of_any_length_with_anything_anywhere), T(invalid_utf8_of_every_kind_is_bad),
          T(strings_of_a_megabyte), T(numbers_of_a_million_digits), T(exponents_cost_nothing),
          T(a_hundred_thousand_levels_in_a_used_column), T(a_hundred_thousand_equal_keys_in_a_map))
