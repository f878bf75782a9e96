#include "schema/serde/json_decode.h"
#include "tests/support/serde_case.h"
#include "tests/support/test.h"

// --- cells: what a JSON value becomes in a column of a type ----------------------------------------

struct cell {
    const char *json;
    const char *text;   // the column encoded again; NULL = the record is bad
    const char *reason; // a part of it
};

static void check_cells(const struct type *type, struct arena *a, const struct cell *cells,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct serde_case got = serde_case_cell(a, type, str_from(cells[i].json));
        if ((got.status == DECODE_OK) != (cells[i].text != NULL))
            fail_msg("%s: status %d (%.*s)", cells[i].json, got.status, STR_ARG(got.reason));
        if (!cells[i].text) {
            assert_int_equal(got.status, DECODE_BAD);
            assert_str(got.text, "{\"V\":null}");
            if (!strstr(got.reason.p, cells[i].reason))
                fail_msg("%s: \"%s\" lacks \"%s\"", cells[i].json, got.reason.p, cells[i].reason);
            continue;
        }
        assert_true(str_starts(got.text, STR("{\"V\":")));
        assert_str(str_slice(got.text, 5, got.text.n - 1), cells[i].text);
    }
}

#define CHECK(type, a, ...)                                                           \
    do {                                                                              \
        const struct cell test_cells[] = {__VA_ARGS__};                               \
        check_cells((type), (a), test_cells, sizeof test_cells / sizeof *test_cells); \
    } while (0)

TEST(integer_takes_any_number_wrapped_to_32_bits)
{
    struct arena *a = arena_new(NULL);
    CHECK(type_scalar(TYPE_INTEGER), a, {"7", "7", ""}, {"-7", "-7", ""}, {"0", "0", ""},
          {"-0", "0", ""}, {"2.0", "2", ""}, {"-2.9", "-2", ""}, {"27080677.37", "27080677", ""},
          {"1640317836271", "-359670801", ""}, {"2147483647", "2147483647", ""},
          {"2147483648", "-2147483648", ""}, {"-2147483649", "2147483647", ""},
          {"4294967296", "0", ""}, {"1e2", "100", ""}, {"1.5E1", "15", ""}, {"15e-1", "1", ""},
          {"1e-9", "0", ""}, {"99999999999999999999", "1661992959", ""},
          {"10000000000000000000000000000000000000000", "0", ""}, {"1e400", "0", ""},
          {"1234567890123456789.5", "2112454933", ""}, {"null", "null", ""});
    arena_free(a);
}

TEST(integer_takes_numeric_strings_in_range)
{
    struct arena *a = arena_new(NULL);
    CHECK(type_scalar(TYPE_INTEGER), a, {"\"12\"", "12", ""}, {"\"-12\"", "-12", ""},
          {"\"+12\"", "12", ""}, {"\"007\"", "7", ""}, {"\"\\u0031\"", "1", ""},
          {"\"2147483648\"", NULL, "$.V: \"2147483648\" does not fit INTEGER"},
          {"\"12.5\"", NULL, "$.V: \"12.5\" cannot be read as INTEGER at byte 5"},
          {"\"3 pcs, \\\"x\"", NULL, "$.V: \"3 pcs, \\\"x\" cannot be read as INTEGER at byte 5"},
          {"\"\"", NULL, "cannot be read as INTEGER"}, {"\" 1\"", NULL, "cannot be read"},
          {"\"1e3\"", NULL, "cannot be read"}, {"\"abc\"", NULL, "cannot be read"},
          {"\"+\"", NULL, "cannot be read"});
    arena_free(a);
}

TEST(numbers_refuse_other_kinds)
{
    struct arena *a = arena_new(NULL);
    static const enum type_kind kinds[] = {TYPE_INTEGER, TYPE_BIGINT, TYPE_DOUBLE,
                                           TYPE_DATE,    TYPE_TIME,   TYPE_TIMESTAMP};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        CHECK(type_scalar(kinds[i]), a, {"true", NULL, "found a boolean at byte 5"},
              {"{}", NULL, "found an object at byte 5"}, {"[1]", NULL, "found an array at byte 5"},
              {"\"x\"", NULL, "cannot be read as"}, {"null", "null", ""});
    CHECK(type_decimal(a, 4, 2), a,
          {"true", NULL, "$.V: expected DECIMAL(4, 2), found a boolean at byte 5"},
          {"\"x\"", NULL, "$.V: \"x\" cannot be read as DECIMAL(4, 2)"});
    arena_free(a);
}

TEST(bigint_truncates_and_must_fit)
{
    struct arena *a = arena_new(NULL);
    CHECK(type_scalar(TYPE_BIGINT), a, {"1640317836271", "1640317836271", ""},
          {"9223372036854775807", "9223372036854775807", ""},
          {"-9223372036854775808", "-9223372036854775808", ""},
          {"9223372036854775807.9", "9223372036854775807", ""},
          {"9223372036854775808", NULL, "$.V: 9223372036854775808 does not fit BIGINT"},
          {"-9223372036854775809", NULL, "does not fit"},
          {"10000000000000000000000000000000000000000", NULL, "does not fit"},
          {"1e18", "1000000000000000000", ""}, {"1e19", NULL, "does not fit"},
          {"1e400", NULL, "does not fit"}, {"1e99999999999", NULL, "does not fit"},
          {"0e99999", "0", ""}, {"-1.9", "-1", ""}, {"123.456e2", "12345", ""},
          {"\"9223372036854775807\"", "9223372036854775807", ""},
          {"\"9223372036854775808\"", NULL, "does not fit"});
    arena_free(a);
}

TEST(double_is_correctly_rounded)
{
    struct arena *a = arena_new(NULL);
    CHECK(type_scalar(TYPE_DOUBLE), a, {"1", "1.0", ""}, {"0.1", "0.1", ""}, {"-0.0", "-0.0", ""},
          {"12345678", "1.2345678E7", ""}, {"1e22", "1.0E22", ""}, {"1e23", "1.0E23", ""},
          {"9007199254740993", "9.007199254740992E15", ""},
          {"1.7976931348623157e308", "1.7976931348623157E308", ""}, {"4.9e-324", "4.9E-324", ""},
          {"1e-400", "0.0", ""}, {"0.30000000000000004", "0.30000000000000004", ""},
          {"123456789012345678", "1.2345678901234568E17", ""},
          {"1e400", NULL, "$.V: 1e400 does not fit DOUBLE"}, {"-1e400", NULL, "does not fit"},
          {"\"1.5\"", "1.5", ""}, {"\"NaN\"", "\"NaN\"", ""},
          {"\"-Infinity\"", "\"-Infinity\"", ""}, {"\"1e400\"", NULL, "does not fit"},
          {"\"\"", NULL, "cannot be read"});
    arena_free(a);
}

TEST(decimal_must_fit_exactly)
{
    struct arena *a = arena_new(NULL);
    CHECK(type_decimal(a, 4, 2), a, {"1", "1.00", ""}, {"12.34", "12.34", ""},
          {"-99.99", "-99.99", ""}, {"0.01", "0.01", ""}, {"-0.5", "-0.50", ""}, {"0", "0.00", ""},
          {"-0", "0.00", ""}, {"1.500", "1.50", ""}, {"1.501", NULL, "does not fit DECIMAL(4, 2)"},
          {"100", NULL, "$.V: 100 does not fit DECIMAL(4, 2) at byte 5"}, {"99.999", NULL, "fit"},
          {"1e1", "10.00", ""}, {"1e2", NULL, "does not fit"}, {"1e-2", "0.01", ""},
          {"1e-3", NULL, "does not fit"}, {"100e-2", "1.00", ""}, {"0e999999", "0.00", ""},
          {"1e999999999", NULL, "does not fit"}, {"1e-999999999", NULL, "does not fit"},
          {"0.000000000000000000000000", "0.00", ""}, {"\"12.3\"", "12.30", ""},
          {"\".5\"", "0.50", ""}, {"\"5.\"", "5.00", ""}, {"\"+1\"", "1.00", ""},
          {"\"1e1\"", "10.00", ""}, {"\"1.234\"", NULL, "does not fit"},
          {"\"1,5\"", NULL, "cannot be read"}, {"\".\"", NULL, "cannot be read"});
    CHECK(type_decimal(a, 18, 0), a, {"999999999999999999", "999999999999999999", ""},
          {"1000000000000000000", NULL, "does not fit"}, {"1.0", "1", ""});
    CHECK(type_decimal(a, 18, 18), a, {"0.123456789012345678", "0.123456789012345678", ""},
          {"-0.5", "-0.500000000000000000", ""}, {"1", NULL, "does not fit"});
    CHECK(
        type_decimal(a, 38, 10), a,
        {"1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789", ""},
        {"-0.0000000001", "-0.0000000001", ""},
        {"1e27", "1000000000000000000000000000.0000000000", ""}, {"1e28", NULL, "does not fit"});
    CHECK(type_decimal(a, 60, 2), a,
          {"1234567890123456789012345678901234567890123456789012345678.91",
           "1234567890123456789012345678901234567890123456789012345678.91", ""},
          {"-1", "-1.00", ""}, {"0", "0.00", ""}, {"1e58", NULL, "does not fit"});
    arena_free(a);
}

TEST(string_takes_any_scalar_as_jackson_prints_it)
{
    struct arena *a = arena_new(NULL);
    CHECK(type_scalar(TYPE_STRING), a, {"\"\"", "\"\"", ""}, {"\"a b\"", "\"a b\"", ""},
          {"true", "\"true\"", ""}, {"false", "\"false\"", ""}, {"null", "null", ""},
          {"12", "\"12\"", ""}, {"-0", "\"0\"", ""}, {"1.50", "\"1.50\"", ""},
          {"-0.0", "\"0.0\"", ""}, {"1e3", "\"1E+3\"", ""}, {"12.5e3", "\"1.25E+4\"", ""},
          {"1e-3", "\"0.001\"", ""}, {"0.0000001", "\"1E-7\"", ""},
          {"0.000001", "\"0.000001\"", ""}, {"-12e0", "\"-12\"", ""},
          {"1234567890123456789012345678901234567890",
           "\"1234567890123456789012345678901234567890\"", ""},
          {"0.00", "\"0.00\"", ""}, {"0e5", "\"0E+5\"", ""}, {"-1.20E-10", "\"-1.20E-10\"", ""},
          {"1e99999999999", NULL, "does not fit"});
    arena_free(a);
}

TEST(string_takes_objects_and_arrays_as_text)
{
    struct arena *a = arena_new(NULL);
    CHECK(
        type_scalar(TYPE_STRING), a, {"{}", "\"{}\"", ""},
        {"{ \"b\" : [ 1 , 2.50 ] , \"a\" : null }", "\"{\\\"b\\\":[1,2.50],\\\"a\\\":null}\"", ""},
        {"{\"a\":1,\"b\":2,\"a\":3}", "\"{\\\"a\\\":3,\\\"b\\\":2}\"", ""},
        {"{\"x\":\"\\u00e9\\n\\\"\"}", "\"{\\\"x\\\":\\\"é\\\\n\\\\\\\"\\\"}\"", ""},
        {"[]", "\"[]\"", ""}, {"[ 1 , \"a\", null, true ]", "\"[1, a, null, true]\"", ""},
        {"[[1,2],{\"a\":[\"x\",\"y\"]}]", "\"[[1, 2], {\\\"a\\\":[\\\"x\\\",\\\"y\\\"]}]\"", ""},
        {"{\"a\":{\"b\":{\"c\":[{}]}}}", "\"{\\\"a\\\":{\\\"b\\\":{\\\"c\\\":[{}]}}}\"", ""},
        {"[1e99999999999]", NULL, "does not fit"});
    arena_free(a);
}

TEST(strings_are_unescaped)
{
    struct arena *a = arena_new(NULL);
    CHECK(type_scalar(TYPE_STRING), a, {"\"S\\u00e3o Paulo\"", "\"São Paulo\"", ""},
          {"\"Zürich\"", "\"Zürich\"", ""}, {"\"\\ud83d\\ude00x\"", "\"😀x\"", ""},
          {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"", ""},
          {"\"\\u0000\\u001f\\u007f\"", "\"\\u0000\\u001F\x7f\"", ""},
          {"\"\\uFFFF\"", "\"\xef\xbf\xbf\"", ""},
          {"\"0123456789abcdef0123456789abcde\\n0123456789abcdef\"",
           "\"0123456789abcdef0123456789abcde\\n0123456789abcdef\"", ""},
          {"\"\\ud83d\"", NULL, "malformed JSON: lone surrogate in a string at byte 6"},
          {"\"\\ude00\"", NULL, "lone surrogate"}, {"\"\\ud83dx\"", NULL, "lone surrogate"},
          {"\"\\x\"", NULL, "malformed JSON: invalid escape in a string at byte 6"},
          {"\"a\tb\"", NULL, "malformed JSON: control character in a string 0x09 at byte 7"},
          {"\"\xff\"", NULL, "malformed JSON: invalid UTF-8 in the string starting at byte 6"});
    arena_free(a);
}

TEST(boolean_only_from_boolean)
{
    struct arena *a = arena_new(NULL);
    CHECK(type_scalar(TYPE_BOOLEAN), a, {"true", "true", ""}, {"false", "false", ""},
          {"null", "null", ""}, {"1", NULL, "$.V: expected BOOLEAN, found a number at byte 5"},
          {"\"true\"", NULL, "found a string"}, {"tru", NULL, "malformed JSON"},
          {"{}", NULL, "found an object"});
    arena_free(a);
}

TEST(times_from_integers)
{
    struct arena *a = arena_new(NULL);
    CHECK(type_scalar(TYPE_TIMESTAMP), a, {"1746057600000", "1746057600000", ""}, {"-1", "-1", ""},
          {"1.9", "1", ""}, {"\"12\"", "12", ""},
          {"\"2020-01-01\"", NULL, "cannot be read as TIMESTAMP"}, {"1e30", NULL, "does not fit"});
    CHECK(type_scalar(TYPE_DATE), a, {"20000", "20000", ""}, {"-1", "-1", ""}, {"\"5\"", "5", ""},
          {"2147483648", NULL, "does not fit DATE"});
    CHECK(type_scalar(TYPE_TIME), a, {"0", "0", ""}, {"86399999", "86399999", ""},
          {"86400000", NULL, "does not fit TIME"}, {"-1", NULL, "does not fit TIME"});
    arena_free(a);
}

TEST(bytes_from_base64)
{
    struct arena *a = arena_new(NULL);
    CHECK(type_scalar(TYPE_BYTES), a, {"\"\"", "\"\"", ""}, {"\"AAEC/w==\"", "\"AAEC/w==\"", ""},
          {"\"Zm9vYmFy\"", "\"Zm9vYmFy\"", ""}, {"\"Zm9v YmFy\"", "\"Zm9vYmFy\"", ""},
          {"\"Zg==\"", "\"Zg==\"", ""}, {"\"Zg\"", NULL, "cannot be read as BYTES"},
          {"\"Z===\"", NULL, "cannot"}, {"\"Zg==Zg==\"", NULL, "cannot"},
          {"\"Z*==\"", NULL, "cannot"}, {"1", NULL, "expected BYTES, found a number"});
    arena_free(a);
}

TEST(arrays_and_maps_and_structs_nest)
{
    struct arena *a = arena_new(NULL);
    const struct type *ints = type_array(a, type_scalar(TYPE_INTEGER));
    CHECK(ints, a, {"[]", "[]", ""}, {"[1, null ,3]", "[1,null,3]", ""}, {"null", "null", ""},
          {"[1,[2]]", NULL, "$.V[1]: expected INTEGER, found an array at byte 8"},
          {"[1,2,\"x\"]", NULL, "$.V[2]: \"x\" cannot be read as INTEGER at byte 10"},
          {"{}", NULL, "$.V: expected ARRAY<INTEGER>, found an object"},
          {"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]",
           "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]", ""});
    CHECK(type_array(a, ints), a, {"[[1],[],null,[2,3]]", "[[1],[],null,[2,3]]", ""},
          {"[[1],[2,true]]", NULL, "$.V[1][1]: expected INTEGER, found a boolean"});
    const struct type *map = type_map(a, type_scalar(TYPE_STRING), ints);
    CHECK(map, a, {"{}", "{}", ""}, {"{\"b\":[1],\"a\":null}", "{\"a\":null,\"b\":[1]}", ""},
          {"{\"a\":[1],\"a\":[2]}", "{\"a\":[2]}", ""},
          {"{\"a\":[1],\"\\u0061\":[2]}", "{\"a\":[2]}", ""},
          {"{\"a\":1,\"b\":[1],\"a\":[2]}", "{\"a\":[2],\"b\":[1]}", ""},
          {"{\"k\":1}", NULL, "$.V['k']: expected ARRAY<INTEGER>, found a number"},
          {"[]", NULL, "expected MAP<STRING, ARRAY<INTEGER>>, found an array"});
    const struct field fields[] = {{STR("A"), type_scalar(TYPE_INTEGER)}, {STR("M"), map}};
    const struct type *pair = type_struct(a, fields, 2);
    CHECK(pair, a, {"{}", "{\"A\":null,\"M\":null}", ""}, {"null", "null", ""},
          {"{\"a\":1,\"m\":{\"x\":[]}}", "{\"A\":1,\"M\":{\"x\":[]}}", ""},
          {"{\"m\":{\"x\":[true]}}", NULL, "$.V.M['x'][0]: expected INTEGER, found a boolean"},
          {"7", NULL,
           "$.V: expected STRUCT<`A` INTEGER, `M` MAP<STRING, ARRAY<INTEGER>>>, found a number"});
    CHECK(type_array(a, pair), a,
          {"[{\"a\":1},{},null,{\"m\":{\"k\":[1,2]}}]",
           "[{\"A\":1,\"M\":null},{\"A\":null,\"M\":null},null,{\"A\":null,\"M\":{\"k\":[1,2]}}]",
           ""});
    arena_free(a);
}

// --- objects: which member goes to which column ----------------------------------------------------

struct object_case {
    const char *json;
    const char *text;
};

static void check_objects(struct arena *a, const struct serde_column *columns, size_t count,
                          const struct object_case *cases, size_t n)
{
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = count};
    for (size_t i = 0; i < n; i++) {
        const struct serde_case got = serde_case_json(a, &spec, str_from(cases[i].json));
        if (got.status != DECODE_OK)
            fail_msg("%s: %.*s", cases[i].json, STR_ARG(got.reason));
        assert_str(got.text, cases[i].text);
    }
}

TEST(names_match_exactly_then_in_upper_case)
{
    struct arena *a = arena_new(NULL);
    const struct type *t = type_scalar(TYPE_STRING);
    const struct serde_column columns[] = {{STR("AB"), t}, {STR("low"), t}};
    static const struct object_case cases[] = {
        {"{\"AB\":1,\"low\":2}", "{\"AB\":\"1\",\"low\":\"2\"}"},
        {"{\"ab\":1,\"LOW\":2}", "{\"AB\":\"1\",\"low\":null}"},
        {"{\"aB\":1,\"Low\":2}", "{\"AB\":\"1\",\"low\":null}"},
        {"{\"AB\":1,\"ab\":2}", "{\"AB\":\"1\",\"low\":null}"}, // exact wins wherever it stands
        {"{\"ab\":1,\"AB\":2}", "{\"AB\":\"2\",\"low\":null}"},
        {"{\"AB\":null,\"ab\":2}", "{\"AB\":null,\"low\":null}"},
        {"{\"ab\":1,\"Ab\":2}", "{\"AB\":\"2\",\"low\":null}"}, // else the last
        {"{\"\\u0061b\":1}", "{\"AB\":\"1\",\"low\":null}"},
        {"{\"\":1,\"a\":2,\"abc\":3}", "{\"AB\":null,\"low\":null}"},
        {"{}", "{\"AB\":null,\"low\":null}"},
    };
    check_objects(a, columns, 2, cases, sizeof cases / sizeof *cases);
    const struct serde_column both[] = {{STR("A"), t}, {STR("a"), t}};
    static const struct object_case ambiguous[] = {
        {"{\"a\":1}", "{\"A\":\"1\",\"a\":\"1\"}"},
        {"{\"A\":1}", "{\"A\":\"1\",\"a\":null}"},
        {"{\"a\":1,\"A\":2}", "{\"A\":\"2\",\"a\":\"1\"}"},
        {"{\"A\":2,\"a\":1}", "{\"A\":\"2\",\"a\":\"1\"}"},
    };
    check_objects(a, both, 2, ambiguous, 4);
    arena_free(a);
}

TEST(the_last_duplicate_wins_and_only_it_is_converted)
{
    struct arena *a = arena_new(NULL);
    const struct field fields[] = {{STR("N"), type_scalar(TYPE_INTEGER)}};
    const struct serde_column columns[] = {{STR("N"), type_scalar(TYPE_INTEGER)},
                                           {STR("S"), type_struct(a, fields, 1)},
                                           {STR("L"), type_array(a, type_scalar(TYPE_INTEGER))}};
    static const struct object_case cases[] = {
        {"{\"n\":1,\"n\":2}", "{\"N\":2,\"S\":null,\"L\":null}"},
        {"{\"n\":true,\"n\":2}", "{\"N\":2,\"S\":null,\"L\":null}"},
        {"{\"n\":1,\"n\":null}", "{\"N\":null,\"S\":null,\"L\":null}"},
        {"{\"s\":{\"n\":1,\"n\":2},\"n\":3}", "{\"N\":3,\"S\":{\"N\":2},\"L\":null}"},
        {"{\"s\":{\"n\":1},\"s\":{}}", "{\"N\":null,\"S\":{\"N\":null},\"L\":null}"},
        {"{\"l\":[1,2,3],\"l\":[4]}", "{\"N\":null,\"S\":null,\"L\":[4]}"},
        {"{\"l\":[1,\"x\"],\"n\":1,\"l\":[4]}", "{\"N\":1,\"S\":null,\"L\":[4]}"},
    };
    check_objects(a, columns, 3, cases, sizeof cases / sizeof *cases);
    arena_free(a);
}

TEST(unused_members_are_checked_but_not_converted)
{
    struct arena *a = arena_new(NULL);
    const struct serde_column column = {STR("V"), type_scalar(TYPE_INTEGER)};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = &column, .count = 1};
    struct serde_case got =
        serde_case_json(a, &spec, STR("{\"x\":{\"y\":[1e999999999999,\"\\n\",{}]},\"v\":1}"));
    assert_str(got.text, "{\"V\":1}");
    got = serde_case_json(a, &spec, STR("{\"v\":1,\"x\":{\"y\":[01]}}"));
    assert_str(got.reason, "malformed JSON: invalid number at byte 18");
    got = serde_case_json(a, &spec, STR("{\"v\":1,\"x\":\"\xc3(\"}"));
    assert_str(got.reason, "malformed JSON: invalid UTF-8 in the string starting at byte 12");
    arena_free(a);
}

TEST(a_record_is_an_object_or_null)
{
    struct arena *a = arena_new(NULL);
    const struct serde_column column = {STR("V"), type_scalar(TYPE_STRING)};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = &column, .count = 1};
    assert_int_equal(serde_case_json(a, &spec, STR_NONE).status, DECODE_NULL);
    assert_int_equal(serde_case_json(a, &spec, STR(" null ")).status, DECODE_NULL);
    assert_str(serde_case_json(a, &spec, STR("5")).reason,
               "$: expected an object, found a number at byte 0");
    assert_str(serde_case_json(a, &spec, STR(" [{}]")).reason,
               "$: expected an object, found an array at byte 1");
    assert_str(serde_case_json(a, &spec, STR("")).reason,
               "malformed JSON: the document ends inside a value at byte 0");
    assert_str(serde_case_json(a, &spec, STR("{} {}")).reason,
               "malformed JSON: text behind the document at byte 3");
    const struct serde_spec none = {.format = SERDE_JSON};
    assert_int_equal(serde_case_json(a, &none, STR("{\"a\":[1]}")).status, DECODE_OK);
    assert_int_equal(serde_case_json(a, &none, STR("7")).status, DECODE_BAD);
    arena_free(a);
}

TEST(an_unwrapped_value_is_the_column)
{
    struct arena *a = arena_new(NULL);
    const struct serde_column column = {STR("V"), type_scalar(TYPE_BIGINT)};
    const struct serde_spec spec = {
        .format = SERDE_JSON, .columns = &column, .count = 1, .wrapping = SERDE_UNWRAPPED};
    const struct serde_case got = serde_case_json(a, &spec, STR("998877665544332211"));
    assert_int_equal(got.status, DECODE_OK);
    assert_str(got.text, "998877665544332211");
    assert_int_equal(serde_case_json(a, &spec, STR("null")).status, DECODE_NULL);
    assert_str(serde_case_json(a, &spec, STR("{\"V\":1}")).reason,
               "$: expected BIGINT, found an object at byte 0");
    arena_free(a);
}

// --- runs ------------------------------------------------------------------------------------------

struct run {
    struct arena *a;
    struct column columns[4];
    uint8_t *status;
    struct str *reason;
};

static void run_texts(struct run *r, const struct serde_spec *spec, const char *const *texts,
                      uint32_t n)
{
    const struct decoder *d;
    struct err e;
    assert_true(spec->count <= 4);
    r->a = arena_new(NULL);
    r->status = ARENA_ARRAY(r->a, uint8_t, n);
    r->reason = ARENA_ARRAY(r->a, struct str, n);
    struct payload *payloads = ARENA_ARRAY(r->a, struct payload, n);
    assert_ok(decoder_new(&d, r->a, spec, &e), &e);
    for (size_t i = 0; i < spec->count; i++)
        column_init(&r->columns[i], r->a, spec->columns[i].type, n);
    for (uint32_t i = 0; i < n; i++)
        payloads[i] = (struct payload){texts[i], texts[i] ? strlen(texts[i]) : 0};
    struct decode_result result = {.status = r->status, .reason = r->reason};
    decoder_run(d, r->columns, &result, r->a, payloads, n);
}

TEST(bad_rows_leave_nulls_and_no_items)
{
    struct run r;
    struct arena *a = arena_new(NULL);
    const struct type *ints = type_array(a, type_scalar(TYPE_INTEGER));
    const struct field fields[] = {{STR("L"), ints}};
    const struct serde_column columns[] = {{STR("L"), type_array(a, ints)},
                                           {STR("S"), type_struct(a, fields, 1)},
                                           {STR("N"), type_scalar(TYPE_INTEGER)}};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = 3};
    static const char *const texts[] = {
        "{\"L\":[[1],[2,3]],\"S\":{\"L\":[1]},\"N\":1}",
        "{\"L\":[[4],[5,6]],\"S\":{\"L\":[2]},\"N\":true}",
        NULL,
        "{\"L\":[[7],[8,9]],\"S\":{\"L\":[3]},\"N\":4",
        "{\"L\":[[10]],\"S\":{\"L\":[4]},\"N\":5}",
    };
    run_texts(&r, &spec, texts, 5);
    static const uint8_t want[] = {DECODE_OK, DECODE_BAD, DECODE_NULL, DECODE_BAD, DECODE_OK};
    assert_memory_equal(r.status, want, 5);
    assert_int_equal(r.columns[0].child_rows, 3);
    assert_int_equal(r.columns[0].children[0].child_rows, 4);
    assert_int_equal(r.columns[1].children[0].child_rows, 2);
    for (uint32_t row = 1; row < 4; row++) {
        for (int i = 0; i < 3; i++)
            assert_false(column_is_valid(&r.columns[i], row));
        assert_false(column_is_valid(&r.columns[1].children[0], row));
    }
    assert_int_equal(r.columns[0].children[0].children[0].i32[3], 10);
    assert_int_equal(r.columns[1].children[0].children[0].i32[1], 4);
    arena_free(r.a);
    arena_free(a);
}

TEST(columns_without_nulls_have_no_validity)
{
    struct run r;
    const struct serde_column columns[] = {{STR("A"), type_scalar(TYPE_INTEGER)},
                                           {STR("B"), type_scalar(TYPE_INTEGER)}};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = 2};
    static const char *const texts[] = {"{\"A\":1,\"B\":2}", "{\"A\":1}"};
    run_texts(&r, &spec, texts, 2);
    assert_null(r.columns[0].valid);
    assert_non_null(r.columns[1].valid);
    arena_free(r.a);
}

TEST(the_filter_drops_rows_but_not_bad_ones)
{
    struct run r;
    const struct serde_column columns[] = {{STR("STATUS"), type_scalar(TYPE_STRING)},
                                           {STR("N"), type_scalar(TYPE_INTEGER)}};
    const struct str values[] = {STR("completed"), STR("refunded")};
    const struct serde_filter filter = {0, values, 2};
    const struct serde_spec spec = {
        .format = SERDE_JSON, .columns = columns, .count = 2, .filter = &filter};
    static const char *const texts[] = {
        "{\"status\":\"completed\",\"n\":1}",
        "{\"status\":\"failed\",\"n\":1}",
        "{\"status\":\"failed\",\"n\":true}",
        "{\"n\":1}",
        "{\"status\":\"refunded\"}",
        "{\"status\":\"completed\",\"n\":\"x\"}",
        "{\"status\":\"\\u0063ompleted\"}",
        "{\"status\":\"failed\",\"n\":1} x",
        "{\"status\":null}",
        NULL,
    };
    static const uint8_t want[] = {DECODE_OK,       DECODE_FILTERED, DECODE_BAD, DECODE_FILTERED,
                                   DECODE_OK,       DECODE_BAD,      DECODE_OK,  DECODE_BAD,
                                   DECODE_FILTERED, DECODE_NULL};
    run_texts(&r, &spec, texts, 10);
    assert_memory_equal(r.status, want, 10);
    arena_free(r.a);
}

TEST(member_order_may_change_from_row_to_row)
{
    struct run r;
    struct arena *a = arena_new(NULL);
    const struct serde_column columns[] = {{STR("A"), type_scalar(TYPE_INTEGER)},
                                           {STR("B"), type_scalar(TYPE_INTEGER)},
                                           {STR("C"), type_scalar(TYPE_INTEGER)}};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = 3};
    static const char *const shapes[] = {
        "{\"a\":1,\"b\":2,\"c\":3}",
        "{\"c\":3,\"x\":0,\"a\":1,\"b\":2}",
        "{ \"b\" : 2 , \"a\" : 1 , \"c\" : 3 }",
        "{\"b\":2,\"y\":[1,{}],\"c\":3,\"a\":1}",
        "{\"x\":0,\"a_name_that_is_longer_than_one_vector_and_even_than_two_of_them\":0,\"a\":1,"
        "\"b\":2,\"c\":3}",
        "{\"a_name_that_is_longer_than_one_vector_and_even_than_two_of_theM\":0,\"b\":2,\"c\":3,"
        "\"a\":1}",
    };
    const char **texts = ARENA_ARRAY(a, const char *, 3000);
    uint64_t seed = 7;
    for (uint32_t i = 0; i < 3000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        texts[i] = shapes[(seed >> 33) % (sizeof shapes / sizeof *shapes)];
    }
    run_texts(&r, &spec, texts, 3000);
    for (uint32_t i = 0; i < 3000; i++) {
        assert_int_equal(r.status[i], DECODE_OK);
        for (int c = 0; c < 3; c++)
            assert_int_equal(r.columns[c].i32[i], c + 1);
    }
    arena_free(r.a);
    arena_free(a);
}

// A record may have blanks where those before it had none.
TEST(blanks_may_come_and_go_from_row_to_row)
{
    struct run r;
    struct arena *a = arena_new(NULL);
    const struct serde_column columns[] = {{STR("A"), type_scalar(TYPE_INTEGER)},
                                           {STR("B"), type_scalar(TYPE_STRING)},
                                           {STR("C"), type_scalar(TYPE_BOOLEAN)},
                                           {STR("D"), type_array(a, type_scalar(TYPE_INTEGER))}};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = 4};
    static const char *const texts[] = {
        "{\"a\":1,\"b\":\"s\",\"c\":true,\"d\":[1],\"x\":{}}",
        "{\"a\": 1,\"b\": \"s\",\"c\": true,\"d\": [1],\"x\": {}}",
        "{\"a\":\n\"1\",\"b\": \t\"s\",\"c\":\r\ntrue,\"d\":  [ 1 ],\"x\": -1}",
        "{\"a\": null,\"b\": 7,\"c\": null,\"d\": null,\"x\": \"y\"}",
        "{\"a\": ,\"b\":\"s\"}",
        "{\"a\":  ",
        "{\"a\": 1,\"b\": {\"z\": 1},\"c\": 1}",
    };
    run_texts(&r, &spec, texts, 7);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(r.status[i], DECODE_OK);
        assert_int_equal(r.columns[0].i32[i], 1);
        assert_str(r.columns[1].str[i], "s");
        assert_int_equal(r.columns[2].u8[i], 1);
        assert_int_equal(r.columns[3].children[0].i32[i], 1);
    }
    assert_int_equal(r.status[3], DECODE_OK);
    assert_false(column_is_valid(&r.columns[0], 3));
    assert_str(r.columns[1].str[3], "7");
    assert_false(column_is_valid(&r.columns[2], 3));
    assert_false(column_is_valid(&r.columns[3], 3));
    assert_str(r.reason[4], "malformed JSON: unexpected character ',' at byte 6");
    assert_str(r.reason[5], "malformed JSON: the document ends inside a value at byte 7");
    assert_str(r.reason[6], "$.C: expected BOOLEAN, found a number at byte 27");
    arena_free(r.a);
    arena_free(a);
}

TEST(more_members_than_are_remembered)
{
    struct arena *a = arena_new(NULL);
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_text(&text, "{\"m0\":0");
    for (int i = 1; i < 1500; i++)
        buf_printf(&text, ",\"m%d\":%d", i, i);
    buf_char(&text, '}');
    const struct serde_column columns[] = {{STR("M3"), type_scalar(TYPE_INTEGER)},
                                           {STR("M1499"), type_scalar(TYPE_INTEGER)}};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = 2};
    assert_str(serde_case_json(a, &spec, buf_view(&text)).text, "{\"M3\":3,\"M1499\":1499}");
    buf_fini(&text);
    arena_free(a);
}

TEST(limits_and_specs_are_checked)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    const struct decoder *d;
    const struct type *t = type_map(a, type_scalar(TYPE_INTEGER), type_scalar(TYPE_STRING));
    const struct serde_column columns[] = {{STR("M"), t}, {STR("S"), type_scalar(TYPE_STRING)}};
    struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = 1};
    assert_fails(decoder_new(&d, a, &spec, &e), &e, ERR_SQL, "MAP types with STRING keys");
    spec.columns = &columns[1];
    spec.depth_max = 100000;
    assert_fails(decoder_new(&d, a, &spec, &e), &e, ERR_CONFIG, "nesting limit");
    spec.depth_max = 2;
    spec.bytes_max = 20;
    assert_str(serde_case_json(a, &spec, STR("{\"x\":[[1]]}")).reason,
               "malformed JSON: nested too deeply at byte 6");
    assert_str(serde_case_json(a, &spec, STR("{\"x\":[1],\"y\":{\"z\":1}}")).reason,
               "the record has 21 bytes, the limit is 20");
    spec = (struct serde_spec){
        .format = SERDE_JSON, .columns = columns, .count = 2, .wrapping = SERDE_UNWRAPPED};
    assert_fails(decoder_new(&d, a, &spec, &e), &e, ERR_SQL, "unwrapped value has one column");
    arena_free(a);
}

TEST_MAIN(T(integer_takes_any_number_wrapped_to_32_bits), T(integer_takes_numeric_strings_in_range),
          T(numbers_refuse_other_kinds), T(bigint_truncates_and_must_fit),
          T(double_is_correctly_rounded), T(decimal_must_fit_exactly),
          T(string_takes_any_scalar_as_jackson_prints_it),
          T(string_takes_objects_and_arrays_as_text), T(strings_are_unescaped),
          T(boolean_only_from_boolean), T(times_from_integers), T(bytes_from_base64),
          T(arrays_and_maps_and_structs_nest), T(names_match_exactly_then_in_upper_case),
          T(the_last_duplicate_wins_and_only_it_is_converted),
          T(unused_members_are_checked_but_not_converted), T(a_record_is_an_object_or_null),
          T(an_unwrapped_value_is_the_column), T(bad_rows_leave_nulls_and_no_items),
          T(columns_without_nulls_have_no_validity), T(the_filter_drops_rows_but_not_bad_ones),
          T(member_order_may_change_from_row_to_row), T(blanks_may_come_and_go_from_row_to_row),
          T(more_members_than_are_remembered), T(limits_and_specs_are_checked))
