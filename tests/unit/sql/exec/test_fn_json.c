#include "sql/exec/json_scan.h"

#include "tests/support/engine_eval.h"
#include "tests/support/test.h"

#define ALL(cases) engine_eval_all((cases), sizeof(cases) / sizeof *(cases))
#define NO_TEXT    "CAST(NULL AS STRING)"

TEST(values_at_paths)
{
    static const struct engine_case cases[] = {
        {"EXTRACTJSONFIELD('{\"name\":\"fred\",\"n\":1.50}', '$.name')", "fred"},
        {"EXTRACTJSONFIELD('{\"name\":\"fred\",\"n\":1.50}', '$.n')", "1.50"},
        {"EXTRACTJSONFIELD('{\"a\":[1,{\"b\":[true]}]}', '$.a[1].b[0]')", "true"},
        {"EXTRACTJSONFIELD('{\"a\":[1, {\"b\" : 2}]}', '$.a')", "[1,{\"b\":2}]"},
        {"EXTRACTJSONFIELD('[1,2,3]', '$[2]')", "3"},
        {"EXTRACTJSONFIELD('[1,2,3]', '$[-1]')", "null"},
        {"EXTRACTJSONFIELD('[1,2,3]', '$[3]')", "null"},
        {"EXTRACTJSONFIELD('[1,2,3]', '$.a')", "null"},
        {"EXTRACTJSONFIELD('{\"@type\":\"x\",\"a b\":{\"c.d\":7}}', '$.@type')", "x"},
        {"EXTRACTJSONFIELD('{\"a b\":{\"c.d\":7}}', '$[\"a b\"][\"c.d\"]')", "7"},
        {"EXTRACTJSONFIELD('{\"a\":1}}', '$.a')", "1"}, // what follows is ignored
        {"EXTRACTJSONFIELD('{\"a\":1,\"a\":2}', '$.a')", "2"},
        {"EXTRACTJSONFIELD('{\"a\":\"\\u00e9\\n\"}', '$.a')", "\xc3\xa9\n"},
        {"EXTRACTJSONFIELD('{\"a\":1', '$.a')", "null"},
        {"EXTRACTJSONFIELD('', '$.a')", "null"},
        {"EXTRACTJSONFIELD('{\"a\":1}', 'a')", "null"},
        {"EXTRACTJSONFIELD('{\"a\":1e3}', '$.a')", "1E+3"},
        {"EXTRACTJSONFIELD('{\"a\":0.0000001}', '$.a')", "1E-7"},
        {"EXTRACTJSONFIELD('{\"a\":-0}', '$.a')", "0"},
    };
    ALL(cases);
}

TEST(arrays_and_objects)
{
    static const struct engine_case cases[] = {
        {"JSON_ARRAY_LENGTH('[]')", "0"},
        {"JSON_ARRAY_LENGTH('{}')", "null"},
        {"JSON_ARRAY_LENGTH('')", "null"},
        {"JSON_ARRAY_LENGTH('[1')", "null"},
        {"JSON_ARRAY_CONTAINS('[\"Pink\", null]', 'Pink')", "true"},
        {"JSON_ARRAY_CONTAINS('[[\"Pink\"]]', 'Pink')", "false"},
        {"JSON_ARRAY_CONTAINS('[null]', " NO_TEXT ")", "true"},
        {"JSON_ARRAY_CONTAINS('[1.0, true]', 1)", "false"},
        {"JSON_ARRAY_CONTAINS('[1.0, true]', 1.0E0)", "true"},
        {"JSON_ARRAY_CONTAINS('[1.0, true]', TRUE)", "true"},
        {"JSON_ARRAY_CONTAINS(" NO_TEXT ", 'a')", "false"},
        {"JSON_ITEMS('[1, \"a\", [2]]')", "[1, \"a\", [2]]"},
        {"JSON_ITEMS('{}')", "null"},
        {"JSON_KEYS('{\"b\":1, \"a\":{\"c\":2}, \"b\":3}')", "[b, a]"},
        {"JSON_KEYS('[]')", "null"},
        {"JSON_RECORDS('{\"a\":\"x\",\"b\":{\"c\" : 1}}')['b']", "{\"c\":1}"},
        {"JSON_RECORDS('{}')", "{}"},
        {"JSON_RECORDS('3')", "null"},
        {"IS_JSON_STRING('\"abc\"')", "true"},
        {"IS_JSON_STRING('abc')", "false"},
        {"IS_JSON_STRING(' ')", "false"},
        {"IS_JSON_STRING('01')", "false"},
        {"IS_JSON_STRING('{\"a\":}')", "false"},
        {"IS_JSON_STRING('[1,]')", "false"},
        {"IS_JSON_STRING('true1')", "false"},
        {"IS_JSON_STRING(" NO_TEXT ")", "false"},
    };
    ALL(cases);
}

TEST(json_put_together)
{
    static const struct engine_case cases[] = {
        {"JSON_CONCAT('{\"a\": {\"5\": 6}}', '{\"a\": {\"3\": 4}}')", "{\"a\":{\"3\":4}}"},
        {"JSON_CONCAT('[1, 2]', '[3]')", "[1,2,3]"},
        {"JSON_CONCAT('[]', '[]')", "[]"},
        {"JSON_CONCAT('[1]', '{\"a\": 1}')", "[1,{\"a\":1}]"},
        {"JSON_CONCAT('null', 'null')", "[null,null]"},
        {"JSON_CONCAT('1', '2', '3')", "[1,2,3]"},
        {"JSON_CONCAT('{}', '')", "null"},
        {"JSON_CONCAT('{}', " NO_TEXT ")", "null"},
        {"TO_JSON_STRING(i)", "7"},
        {"TO_JSON_STRING(n)", "null"},
        {"TO_JSON_STRING(m)", "12.34"},
        {"TO_JSON_STRING('a\"b')", "\"a\\\"b\""},
        {"TO_JSON_STRING(1E10)", "1.0E10"},
        {"TO_JSON_STRING(LN(-1))", "\"NaN\""},
        {"TO_JSON_STRING(ts)", "\"2018-05-11T21:58:33.000\""},
        {"TO_JSON_STRING(dt)", "\"2018-05-11\""},
        {"TO_JSON_STRING(TO_BYTES('!', 'ascii'))", "\"IQ==\""},
        {"TO_JSON_STRING(p)", "{\"two\":2,\"one\":1}"},
        {"TO_JSON_STRING(x)", "{\"A\":5,\"C\":\"in\"}"},
        {"TO_JSON_STRING(ARRAY[STRUCT(a := n)])", "[{\"A\":null}]"},
    };
    ALL(cases);
}

static const char *number(struct buf *b, const char *lexeme)
{
    buf_clear(b);
    json_put_number(b, str_from(lexeme));
    buf_char(b, 0);
    return b->p;
}

TEST(numbers_are_printed_as_big_decimals_are)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    assert_string_equal(number(&b, "12"), "12");
    assert_string_equal(number(&b, "-0.00"), "0.00");
    assert_string_equal(number(&b, "1.23450"), "1.23450");
    assert_string_equal(number(&b, "0.000001"), "0.000001");
    assert_string_equal(number(&b, "-0.00000012"), "-1.2E-7");
    assert_string_equal(number(&b, "12.5e3"), "1.25E+4");
    assert_string_equal(number(&b, "125e-1"), "12.5");
    assert_string_equal(number(&b, "1e0"), "1");
    assert_string_equal(number(&b, "1e99999999999"), "1e99999999999");
    buf_fini(&b);
}

TEST(nesting_is_bounded)
{
    char text[2 * JSON_SCAN_DEPTH_MAX + 4];
    struct json_value v;
    bool empty;
    const size_t most = JSON_SCAN_DEPTH_MAX;
    memset(text, '[', most + 1);
    memset(text + most + 1, ']', most + 1);
    assert_false(json_scan(&v, &empty, (struct str){text, 2 * most + 2}));
    assert_true(json_scan(&v, &empty, (struct str){text + 1, 2 * most}));
}

TEST_MAIN(T(values_at_paths), T(arrays_and_objects), T(json_put_together),
          T(numbers_are_printed_as_big_decimals_are), T(nesting_is_bounded))
