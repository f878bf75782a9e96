#include "sql/exec/fn.h"

#include "base/buf.h"
#include "tests/support/engine_eval.h"
#include "tests/support/test.h"

#include <stdio.h>

#define ALL(cases) engine_eval_all((cases), sizeof(cases) / sizeof *(cases))

TEST(strings)
{
    static const struct engine_case cases[] = {
        {"UCASE(t)", "\xc3\x89T\xc3\x89"},
        {"LCASE(s)", "hello world"},
        {"LEN(t)", "3"},
        {"LEN(CAST(n AS STRING))", "null"},
        {"TRIM('  a b\t')", "a b"},
        {"SUBSTRING(s, 7)", "World"},
        {"SUBSTRING(s, 0, 5)", "Hello"},
        {"SUBSTRING(s, 1, 5)", "Hello"},
        {"SUBSTRING(s, -5, 3)", "Wor"},
        {"SUBSTRING(s, -50, 3)", "Hel"},
        {"SUBSTRING(s, 50)", ""},
        {"SUBSTRING(t, 2, 1)", "t"},
        {"SUBSTRING(t, 3, 9)", "\xc3\xa9"},
        {"REPLACE(s, 'o', '0')", "Hell0 W0rld"},
        {"REPLACE('aaa', 'aa', 'b')", "ba"},
        {"INSTR('corporate floor', 'or')", "2"},
        {"INSTR('corporate floor', 'or', 3)", "5"},
        {"INSTR('corporate floor', 'or', 3, 2)", "14"},
        {"INSTR('corporate floor', 'or', -4, 2)", "2"},
        {"INSTR('short', 'x')", "0"},
        {"LPAD('foo', 7, 'Bar')", "BarBfoo"},
        {"RPAD('foo', 7, 'Bar')", "fooBarB"},
        {"LPAD('foo', 2, 'Bar')", "fo"},
        {"LPAD('foo', -1, 'Bar')", "null"},
        {"LPAD('foo', 9, '')", "null"},
    };
    ALL(cases);
}

TEST(joining_and_splitting)
{
    static const struct engine_case cases[] = {
        {"CONCAT('a', CAST(NULL AS STRING), 'b')", "ab"},
        {"CONCAT('x', s)", "xHello World"},
        {"CONCAT_WS(', ', 'a', CAST(NULL AS STRING), 'b')", "a, b"},
        {"CONCAT_WS(CAST(NULL AS STRING), 'a', 'b')", "null"},
        {"SPLIT('a$$b.c', '$$')", "[a, b.c]"},
        {"SPLIT('.abc$$', '$$')", "[.abc, ]"},
        {"SPLIT('abc', '')", "[a, b, c]"},
        {"SPLIT('', '')", "[]"},
        {"ARRAY_LENGTH(SPLIT('', ''))", "1"},
        {"ARRAY_LENGTH(SPLIT('', ','))", "1"},
    };
    ALL(cases);
}

TEST(masks)
{
    static const struct engine_case cases[] = {
        {"MASK('My Test $123')", "Xx-Xxxx--nnn"},
        {"MASK('USER-1234')", "XXXX-nnnn"},
        {"MASK('10.2.33.4')", "nn-n-nn-n"},
        {"MASK(t)", "xxx"},
        {"MASK('Ab1-', '*', NULL, '1', NULL)", "*b1-"},
        {"MASK_LEFT('My Test $123', 4)", "Xx-Xest $123"},
        {"MASK_RIGHT('My Test $123', 4)", "My Test -nnn"},
        {"MASK_KEEP_LEFT('My Test $123', 4)", "My Txxx--nnn"},
        {"MASK_KEEP_RIGHT('My Test $123', 4)", "Xx-Xxxx-$123"},
        {"MASK(CAST(NULL AS STRING))", "null"},
    };
    ALL(cases);
}

TEST(md5_is_rfc_1321)
{
    static const struct engine_case cases[] = {
        {"MD5('')", "d41d8cd98f00b204e9800998ecf8427e"},
        {"MD5('abc')", "900150983cd24fb0d6963f7d28e17f72"},
        {"MD5('12345678901234567890123456789012345678901234567890123456789012345678901234567890')",
         "57edf4a22be3c955ac49da2e2107b67a"},
        {"MD5('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789')",
         "d174ab98d277d9f5a5611c2c9f419d9f"},
    };
    ALL(cases);
}

TEST(functions_about_null)
{
    static const struct engine_case cases[] = {
        {"COALESCE(n, i, 9)", "7"}, {"COALESCE(n, n)", "null"},       {"IFNULL(n, 3)", "3"},
        {"IFNULL(i, 3)", "7"},      {"NULLIF(i, 7)", "null"},         {"NULLIF(i, 8)", "7"},
        {"AS_VALUE(k)", "k"},       {"COALESCE(n, b)", "9000000000"},
    };
    ALL(cases);
}

TEST(numbers)
{
    static const struct engine_case cases[] = {
        {"ABS(-7)", "7"},
        {"ABS(-m)", "12.34"},
        {"ABS(-2.5E0)", "2.5"},
        {"FLOOR(-m)", "-13.00"},
        {"CEIL(m)", "13.00"},
        {"FLOOR(d)", "2.0"},
        {"CEIL(-d)", "-2.0"},
        {"SIGN(-d)", "-1"},
        {"SIGN(0)", "0"},
        {"ROUND(d)", "3"},
        {"ROUND(-d)", "-2"},
        {"ROUND(m)", "12"},
        {"ROUND(m, 1)", "12.30"},
        {"ROUND(-12.35, 1)", "-12.30"},
        {"ROUND(12.35, 1)", "12.40"},
        {"ROUND(m, -1)", "10.00"},
        {"ROUND(1.005E0, 2)", "1.0"}, // the double is below 1.005
        {"ROUND(2.675E0, 2)", "2.67"},
        {"ROUND(1234.5E0, -2)", "1200.0"},
        {"ROUND(i)", "7"},
    };
    ALL(cases);
}

#define BIG "12345678901234567890123456789012345678.95"

TEST(numbers_of_more_than_38_digits)
{
    static const struct engine_case cases[] = {
        {"ABS(-" BIG ")", BIG},
        {"SIGN(-" BIG ")", "-1"},
        {"FLOOR(-" BIG ")", "-12345678901234567890123456789012345679.00"},
        {"CEIL(" BIG ")", "12345678901234567890123456789012345679.00"},
        {"ROUND(" BIG ")", "12345678901234567890123456789012345679"},
        {"ROUND(" BIG ", 1)", "12345678901234567890123456789012345679.00"},
        {"ROUND(-" BIG ", 1)", "-12345678901234567890123456789012345678.90"},
        {"ROUND(" BIG ", -37)", "10000000000000000000000000000000000000.00"},
        {"ROUND(" BIG ", -99)", "0.00"},
        {"ROUND(" BIG ", 5)", BIG},
        {"TRUNC(" BIG ")", "12345678901234567890123456789012345678"},
        {"TRUNC(-" BIG ", 1)", "-12345678901234567890123456789012345678.90"},
        {"CEIL(99999999999999999999999999999999999999.5)", "null"}, // a digit more than the type
    };
    ALL(cases);
}

TEST(dates_and_times)
{
    static const struct engine_case cases[] = {
        {"UNIX_TIMESTAMP()", "1700000000000"},
        {"UNIX_TIMESTAMP(ts)", "1526075913000"},
        {"UNIX_DATE()", "19675"},
        {"TIMESTAMPTOSTRING(ROWTIME, 'yyyy-MM-dd HH:mm:ss')", "2018-05-11 21:58:33"},
        {"TIMESTAMPTOSTRING(ROWTIME, 'yyyy-MM-dd HH:mm:ss', 'America/Los_Angeles')",
         "2018-05-11 14:58:33"},
        {"STRINGTOTIMESTAMP('2018-05-11T21:58:33', 'yyyy-MM-dd''T''HH:mm:ss')", "1526075913000"},
        {"STRINGTOTIMESTAMP('nonsense', 'yyyy')", "null"},
        {"FORMAT_TIMESTAMP(ts, 'HH:mm')", "21:58"},
        {"PARSE_TIMESTAMP('2018-05-11 21:58', 'yyyy-MM-dd HH:mm')", "2018-05-11T21:58:00.000"},
        {"DATETOSTRING(17662, 'dd/MM/yyyy')", "11/05/2018"},
        {"STRINGTODATE('2018-05-11', 'yyyy-MM-dd')", "17662"},
        {"FORMAT_DATE(dt, 'yyyy-MM-dd')", "2018-05-11"},
        {"PARSE_DATE('11/05/2018', 'dd/MM/yyyy')", "2018-05-11"},
        {"PARSE_TIME('01:02:03', 'HH:mm:ss')", "01:02:03"},
        {"FORMAT_TIME(PARSE_TIME('01:02:03', 'HH:mm:ss'), 'HH_mm')", "01_02"},
        {"PARSE_DATE('01-JAN-2022', 'dd-MMM-yyyy')", "2022-01-01"},
        {"PARSE_TIME('01:00:00 Pm', 'hh:mm:ss a')", "13:00"},
        {"FROM_UNIXTIME(1526075913000)", "2018-05-11T21:58:33.000"},
        {"FROM_DAYS(17662)", "2018-05-11"},
        {"FORMAT_TIMESTAMP(ts, '{')", "null"},
    };
    ALL(cases);
}

TEST(arrays)
{
    static const struct engine_case cases[] = {
        {"ARRAY_LENGTH(l)", "4"},
        {"ARRAY_CONTAINS(l, 20)", "true"},
        {"ARRAY_CONTAINS(l, 21)", "false"},
        {"ARRAY_CONTAINS(SPLIT('a,b', ','), 'b')", "true"},
    };
    ALL(cases);
}

TEST(names_are_unique_and_found_in_any_case)
{
    const struct fn **all = MEM_ARRAY(const struct fn *, fn_count());
    fn_sorted(all);
    for (size_t i = 1; i < fn_count(); i++)
        assert_true(strcmp(all[i - 1]->name, all[i]->name) < 0);
    mem_free(all);
    assert_ptr_equal(fn_find(STR("Concat")), fn_find(STR("CONCAT")));
    assert_null(fn_find(STR("NO_SUCH")));
    assert_string_equal(fn_nearest(STR("substrin")), "SUBSTRING");
    assert_null(fn_nearest(STR("qqqqqqqq")));
}

TEST(the_manual_names_every_function_and_its_examples_are_true)
{
    char got[512];
    unsigned bad = 0;
    struct buf b;
    buf_init(&b, 1 << 20);
    fn_print_docs(&b);
    const struct fn **all = MEM_ARRAY(const struct fn *, fn_count());
    fn_sorted(all);
    for (size_t i = 0; i < fn_count(); i++) {
        size_t at;
        char heading[64];
        (void)snprintf(heading, sizeof heading, "### %s\n", all[i]->name);
        assert_true(str_find(&at, buf_view(&b), str_from(heading)));
        engine_eval(got, all[i]->example, engine_record);
        if (strcmp(got, all[i]->gives) == 0)
            continue;
        print_error("%s: %s, want %s\n", all[i]->example, got, all[i]->gives);
        bad++;
    }
    assert_int_equal(bad, 0);
    mem_free(all);
    buf_fini(&b);
}

TEST_MAIN(T(strings), T(joining_and_splitting), T(masks), T(md5_is_rfc_1321),
          T(functions_about_null), T(numbers), T(numbers_of_more_than_38_digits),
          T(dates_and_times), T(arrays), T(names_are_unique_and_found_in_any_case),
          T(the_manual_names_every_function_and_its_examples_are_true))
