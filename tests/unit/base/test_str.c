#include "base/str.h"

#include "tests/support/test.h"

#include <stdio.h>

TEST(comparing_orders_by_bytes_then_length)
{
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("a"), STR("aa")) < 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
    assert_true(str_eq(STR_NONE, STR("")));
    assert_true(str_eq_nocase(STR("AbZ["), STR("aBz[")));
    assert_false(str_eq_nocase(STR("@"), STR("`")));
}

TEST(slices_are_clamped)
{
    const struct str s = STR("hello");
    assert_str(str_slice(s, 1, 3), "el");
    assert_str(str_slice(s, 3, 99), "lo");
    assert_str(str_slice(s, 9, 99), "");
    assert_str(str_slice(s, 3, 1), "");
    assert_str(str_trim(STR(" \t x y\r\n")), "x y");
    assert_str(str_trim(STR("   ")), "");
}

TEST(finding_and_splitting_take_the_first_place)
{
    size_t at = 99;
    struct str h, t;
    assert_true(str_find(&at, STR("abcabc"), STR("bc")));
    assert_int_equal(at, 1);
    assert_false(str_find(&at, STR("abc"), STR("abcd")));
    assert_true(str_split_once(&h, &t, STR("k=v=w"), '='));
    assert_str(h, "k");
    assert_str(t, "v=w");
    assert_false(str_split_once(&h, &t, STR("kv"), '='));
    assert_true(str_starts(STR("abc"), STR("ab")) && !str_starts(STR("a"), STR("ab")));
    assert_true(str_ends(STR("abc"), STR("bc")) && !str_ends(STR("c"), STR("bc")));
}

TEST(numbers_must_be_the_whole_string_and_in_range)
{
    int64_t v = 5;
    uint64_t u = 5;
    assert_true(str_to_i64(&v, STR("-9223372036854775808")));
    assert_true(v == INT64_MIN);
    assert_true(str_to_i64(&v, STR("9223372036854775807")));
    assert_true(v == INT64_MAX);
    assert_true(str_to_i64(&v, STR("+7")));
    assert_true(v == 7);
    const char *bad[] = {
        "",    "-",  "9223372036854775808", "-9223372036854775809", " 1", "1 ", "+-1", "0x1",
        "1.0", "--1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_to_i64(&v, str_from(bad[i])));
    assert_true(str_to_u64(&u, STR("18446744073709551615")));
    assert_true(u == UINT64_MAX);
    assert_false(str_to_u64(&u, STR("18446744073709551616")));
    assert_false(str_to_u64(&u, STR("-1")));
    assert_false(str_to_u64(&u, STR("+1")));
}

TEST(distance_counts_typing_mistakes)
{
    assert_int_equal(str_distance(STR("schedul"), STR("schedule")), 1);
    assert_int_equal(str_distance(STR("shcedule"), STR("schedule")), 1);
    assert_int_equal(str_distance(STR("SCHEDULE"), STR("schedule")), 0);
    assert_int_equal(str_distance(STR(""), STR("abc")), 3);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
    char big[100];
    memset(big, 'x', sizeof big);
    assert_int_equal(str_distance((struct str){big, 100}, STR("x")), 100);
}

TEST(every_code_point_survives_encoding)
{
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        char b[4];
        uint32_t back = 0;
        const size_t n = utf8_encode(b, c);
        if (utf8_decode(&back, b, n) != n || back != c || !utf8_valid(b, n))
            fail_msg("U+%04X", c);
        if (utf8_decode(&back, b, n - 1) != 0 && n > 1)
            fail_msg("U+%04X cut", c);
    }
}

TEST(what_rfc_3629_forbids_is_invalid)
{
    const char *bad[] = {"\x80",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
                         "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                         "\xFF",         "\xE2\x82",         "\xE2\x28\xA1",     "\xC3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[32];
        snprintf(text, sizeof text, "0123456789%s", bad[i]);
        assert_false(utf8_valid(text, strlen(text)));
        snprintf(text, sizeof text, "%s0123456789", bad[i]);
        assert_false(utf8_valid(text, strlen(text)));
    }
    assert_true(utf8_valid("0123456789é€𝄞", 19));
    assert_true(utf8_valid("", 0));
}

TEST(positions_count_code_points)
{
    const struct str s = STR("aé€𝄞z");
    assert_int_equal(utf8_count(s), 5);
    assert_int_equal(utf8_offset(s, 0), 0);
    assert_int_equal(utf8_offset(s, 2), 3);
    assert_int_equal(utf8_offset(s, 4), 10);
    assert_int_equal(utf8_offset(s, 5), s.n);
    assert_int_equal(utf8_offset(s, 99), s.n);
}

TEST_MAIN(T(comparing_orders_by_bytes_then_length), T(slices_are_clamped),
          T(finding_and_splitting_take_the_first_place),
          T(numbers_must_be_the_whole_string_and_in_range), T(distance_counts_typing_mistakes),
          T(every_code_point_survives_encoding), T(what_rfc_3629_forbids_is_invalid),
          T(positions_count_code_points))
