#include "schema/serde/json_escape.h"
#include "schema/serde/serde.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>

static void expect_row(const struct serde_spec *spec, const struct column *columns, uint32_t row,
                       const char *want)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    const struct encoder *s;
    struct buf out;
    buf_init(&out, 10000);
    assert_ok(encoder_new(&s, a, spec, &e), &e);
    encoder_row(s, &out, columns, row);
    assert_str(buf_view(&out), want);
    buf_fini(&out);
    arena_free(a);
}

TEST(integers_and_times_are_numbers)
{
    struct arena *a = arena_new(NULL);
    const struct serde_column columns[] = {
        {STR("I"), type_scalar(TYPE_INTEGER)},    {STR("B"), type_scalar(TYPE_BIGINT)},
        {STR("D"), type_scalar(TYPE_DATE)},       {STR("T"), type_scalar(TYPE_TIME)},
        {STR("TS"), type_scalar(TYPE_TIMESTAMP)}, {STR("O"), type_scalar(TYPE_BOOLEAN)}};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = 6};
    struct column c[6];
    for (int i = 0; i < 6; i++)
        column_init(&c[i], a, columns[i].type, 2);
    c[0].i32[0] = INT32_MIN;
    c[1].i64[0] = INT64_MIN;
    c[2].i32[0] = -1;
    c[3].i32[0] = 86399999;
    c[4].i64[0] = 1746057600000;
    c[5].u8[0] = 1;
    expect_row(&spec, c, 0,
               "{\"I\":-2147483648,\"B\":-9223372036854775808,\"D\":-1,\"T\":86399999,"
               "\"TS\":1746057600000,\"O\":true}");
    c[1].i64[1] = INT64_MAX;
    expect_row(&spec, c, 1,
               "{\"I\":0,\"B\":9223372036854775807,\"D\":0,\"T\":0,\"TS\":0,\"O\":false}");
    for (int i = 0; i < 6; i++)
        column_set_null(&c[i], a, 1, 2);
    expect_row(&spec, c, 1, "{\"I\":null,\"B\":null,\"D\":null,\"T\":null,\"TS\":null,\"O\":null}");
    arena_free(a);
}

TEST(decimals_have_their_full_scale)
{
    struct arena *a = arena_new(NULL);
    static const struct {
        unsigned precision, scale;
        int64_t v;
        const char *text;
    } cases[] = {{18, 2, 2090000000, "20900000.00"},
                 {18, 2, 0, "0.00"},
                 {18, 2, 5, "0.05"},
                 {18, 2, -5, "-0.05"},
                 {18, 2, -100, "-1.00"},
                 {18, 2, 99, "0.99"},
                 {18, 2, 999999999999999999, "9999999999999999.99"},
                 {18, 0, -7, "-7"},
                 {18, 18, -1, "-0.000000000000000001"},
                 {18, 18, 999999999999999999, "0.999999999999999999"},
                 {4, 4, 1234, "0.1234"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct serde_column column = {STR("V"),
                                            type_decimal(a, cases[i].precision, cases[i].scale)};
        const struct serde_spec spec = {
            .format = SERDE_JSON, .columns = &column, .count = 1, .wrapping = SERDE_UNWRAPPED};
        struct column c;
        column_init(&c, a, column.type, 1);
        c.i64[0] = cases[i].v;
        expect_row(&spec, &c, 0, cases[i].text);
    }
    arena_free(a);
}

TEST(doubles_are_java_s)
{
    struct arena *a = arena_new(NULL);
    static const struct {
        double v;
        const char *text;
    } cases[] = {{1, "1.0"},
                 {-0.5, "-0.5"},
                 {12345678, "1.2345678E7"},
                 {4.9e-324, "4.9E-324"},
                 {NAN, "\"NaN\""},
                 {INFINITY, "\"Infinity\""},
                 {-INFINITY, "\"-Infinity\""}};
    const struct serde_column column = {STR("V"), type_scalar(TYPE_DOUBLE)};
    const struct serde_spec spec = {
        .format = SERDE_JSON, .columns = &column, .count = 1, .wrapping = SERDE_UNWRAPPED};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct column c;
        column_init(&c, a, column.type, 1);
        c.f64[0] = cases[i].v;
        expect_row(&spec, &c, 0, cases[i].text);
    }
    arena_free(a);
}

TEST(names_are_kept_and_escaped)
{
    struct arena *a = arena_new(NULL);
    const struct serde_column columns[] = {{STR("lower"), type_scalar(TYPE_INTEGER)},
                                           {STR("q\"\n"), type_scalar(TYPE_INTEGER)}};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = 2};
    struct column c[2];
    column_init(&c[0], a, columns[0].type, 1);
    column_init(&c[1], a, columns[1].type, 1);
    expect_row(&spec, c, 0, "{\"lower\":0,\"q\\\"\\n\":0}");
    const struct serde_spec none = {.format = SERDE_JSON};
    expect_row(&none, c, 0, "{}");
    arena_free(a);
}

static void naive_escape(struct buf *out, struct str v)
{
    buf_char(out, '"');
    for (size_t i = 0; i < v.n; i++) {
        const unsigned char c = (unsigned char)v.p[i];
        const char *short_form = c == '"'    ? "\\\""
                                 : c == '\\' ? "\\\\"
                                 : c == '\b' ? "\\b"
                                 : c == '\t' ? "\\t"
                                 : c == '\n' ? "\\n"
                                 : c == '\f' ? "\\f"
                                 : c == '\r' ? "\\r"
                                             : NULL;
        if (short_form)
            buf_text(out, short_form);
        else if (c < 0x20)
            buf_printf(out, "\\u%04X", c);
        else
            buf_char(out, (char)c);
    }
    buf_char(out, '"');
}

TEST(every_byte_at_every_place_is_escaped_as_jackson_does)
{
    for (size_t n = 0; n < 70; n++) {
        char *text = mem_alloc(n); // exactly: nothing behind it may be read
        memset(text, 'a', n);
        for (size_t at = 0; at < (n ? n : 1); at += 1 + n / 10) {
            for (int c = 0; c < 256; c++) {
                struct buf want, got;
                buf_init(&want, 1000);
                buf_init(&got, 1000);
                if (n)
                    text[at] = (char)c;
                if (n > 3)
                    text[n - 1 - at] = (char)(255 - c);
                naive_escape(&want, (struct str){text, n});
                json_put_string(&got, (struct str){text, n});
                assert_int_equal(got.n, want.n);
                assert_memory_equal(got.p, want.p, want.n);
                buf_fini(&want);
                buf_fini(&got);
            }
            memset(text, 'a', n);
        }
        mem_free(text);
    }
}

TEST(a_full_buffer_is_seen)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    const struct encoder *s;
    const struct serde_column column = {STR("V"), type_scalar(TYPE_STRING)};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = &column, .count = 1};
    assert_ok(encoder_new(&s, a, &spec, &e), &e);
    struct column c;
    column_init(&c, a, column.type, 1);
    c.str[0] = STR("a longer text than there is room for");
    struct buf out;
    buf_init(&out, 20);
    encoder_row(s, &out, &c, 0);
    assert_fails(buf_ok(&out, "row", &e), &e, ERR_LIMIT, "row");
    buf_fini(&out);
    arena_free(a);
}

TEST(maps_need_string_keys)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    const struct encoder *s;
    const struct serde_column column = {
        STR("M"), type_map(a, type_scalar(TYPE_INTEGER), type_scalar(TYPE_STRING))};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = &column, .count = 1};
    assert_fails(encoder_new(&s, a, &spec, &e), &e, ERR_SQL, "column M: JSON only supports MAP");
    arena_free(a);
}

TEST_MAIN(T(integers_and_times_are_numbers), T(decimals_have_their_full_scale),
          T(doubles_are_java_s), T(names_are_kept_and_escaped),
          T(every_byte_at_every_place_is_escaped_as_jackson_does), T(a_full_buffer_is_seen),
          T(maps_need_string_keys))
