#include "schema/serde/serde.h"
#include "tests/support/serde_case.h"
#include "tests/support/test.h"

// --- formats -------------------------------------------------------------------------------------

TEST(formats_have_names_in_any_case)
{
    enum serde_format f;
    assert_true(serde_format_parse(&f, STR("json")));
    assert_int_equal(f, SERDE_JSON);
    assert_true(serde_format_parse(&f, STR("Kafka")));
    assert_int_equal(f, SERDE_KAFKA);
    assert_true(serde_format_parse(&f, STR("DELIMITED")));
    assert_true(serde_format_parse(&f, STR("none")));
    assert_true(serde_format_parse(&f, STR("avro")));
    assert_int_equal(f, SERDE_AVRO);
    assert_false(serde_format_parse(&f, STR("PARQUET")));
    assert_false(serde_format_parse(&f, STR("")));
    assert_string_equal(serde_format_name(SERDE_DELIMITED), "DELIMITED");
}

static struct serde_case one(struct arena *a, enum serde_format format, const struct type *t,
                             struct str payload)
{
    const struct serde_column column = {STR("V"), t};
    const struct serde_spec spec = {.format = format, .columns = &column, .count = 1};
    return serde_case_any(a, &spec, payload);
}

// --- KAFKA ---------------------------------------------------------------------------------------

TEST(kafka_primitives_are_big_endian)
{
    struct arena *a = arena_new(NULL);
    static const struct {
        enum type_kind kind;
        struct str bytes;
    } cases[] = {{TYPE_STRING, STR("Zürich")},
                 {TYPE_STRING, STR("")},
                 {TYPE_BYTES, STR("\xff\x00\x01")},
                 {TYPE_INTEGER, STR("\x00\x00\x00\x2a")},
                 {TYPE_INTEGER, STR("\xff\xff\xff\xfe")},
                 {TYPE_BIGINT, STR("\x80\x00\x00\x00\x00\x00\x00\x00")},
                 {TYPE_BIGINT, STR("\x00\x00\x01\x96\x00\x00\x00\x01")},
                 {TYPE_DOUBLE, STR("\x3f\xf8\x00\x00\x00\x00\x00\x00")}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct serde_case got =
            one(a, SERDE_KAFKA, type_scalar(cases[i].kind), cases[i].bytes);
        assert_int_equal(got.status, DECODE_OK);
        assert_true(str_eq(got.text, cases[i].bytes));
    }
    arena_free(a);
}

TEST(kafka_values_are_right)
{
    struct arena *a = arena_new(NULL);
    const struct serde_column column = {STR("V"), type_scalar(TYPE_INTEGER)};
    const struct serde_spec spec = {.format = SERDE_KAFKA, .columns = &column, .count = 1};
    const struct decoder *d;
    struct err e;
    assert_ok(decoder_new(&d, a, &spec, &e), &e);
    struct column c;
    column_init(&c, a, column.type, 3);
    const struct payload payloads[] = {{"\xff\xff\xff\xfe", 4}, {NULL, 0}, {"\0\0\1\0", 4}};
    uint8_t status[3];
    struct str reason[3];
    struct decode_result out = {.status = status, .reason = reason};
    decoder_run(d, &c, &out, a, payloads, 3);
    assert_int_equal(c.i32[0], -2);
    assert_int_equal(c.i32[2], 256);
    assert_int_equal(status[1], DECODE_NULL);
    assert_false(column_is_valid(&c, 1));
    arena_free(a);
}

TEST(kafka_refuses_other_lengths_and_bad_utf8)
{
    struct arena *a = arena_new(NULL);
    assert_str(one(a, SERDE_KAFKA, type_scalar(TYPE_INTEGER), STR("12345")).reason,
               "expected 4 bytes of INTEGER, found 5");
    assert_str(one(a, SERDE_KAFKA, type_scalar(TYPE_BIGINT), STR("")).reason,
               "expected 8 bytes of BIGINT, found 0");
    assert_str(one(a, SERDE_KAFKA, type_scalar(TYPE_STRING), STR("a\xff")).reason,
               "expected STRING, found invalid UTF-8");
    assert_int_equal(one(a, SERDE_KAFKA, type_scalar(TYPE_STRING), STR_NONE).status, DECODE_NULL);
    arena_free(a);
}

TEST(kafka_refuses_columns_it_has_no_form_for)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    const struct decoder *d;
    const struct encoder *s;
    const struct serde_column columns[] = {{STR("L"), type_array(a, type_scalar(TYPE_INTEGER))},
                                           {STR("X"), type_scalar(TYPE_BIGINT)}};
    struct serde_spec spec = {.format = SERDE_KAFKA, .columns = columns, .count = 1};
    assert_fails(decoder_new(&d, a, &spec, &e), &e, ERR_SQL,
                 "the 'KAFKA' format does not support type 'ARRAY', column: `L`");
    assert_fails(encoder_new(&s, a, &spec, &e), &e, ERR_SQL, "'KAFKA'");
    spec.count = 2;
    assert_fails(decoder_new(&d, a, &spec, &e), &e, ERR_SQL, "only supports a single column");
    arena_free(a);
}

// --- DELIMITED -----------------------------------------------------------------------------------

static const struct serde_spec *csv_spec(struct arena *a, char delimiter)
{
    struct serde_column *columns = ARENA_ARRAY(a, struct serde_column, 3);
    columns[0] = (struct serde_column){STR("ID"), type_scalar(TYPE_BIGINT)};
    columns[1] = (struct serde_column){STR("NAME"), type_scalar(TYPE_STRING)};
    columns[2] = (struct serde_column){STR("V"), type_decimal(a, 6, 2)};
    struct serde_spec *spec = ARENA_NEW(a, struct serde_spec);
    *spec = (struct serde_spec){
        .format = SERDE_DELIMITED, .columns = columns, .count = 3, .delimiter = delimiter};
    return spec;
}

// The first row of a column as a DELIMITED line.
static struct str one_written(struct arena *a, const struct column *c)
{
    const struct serde_column column = {STR("V"), c->type};
    const struct serde_spec spec = {.format = SERDE_DELIMITED, .columns = &column, .count = 1};
    const struct encoder *s;
    struct err e;
    struct buf line;
    buf_init(&line, 1000);
    assert_ok(encoder_new(&s, a, &spec, &e), &e);
    encoder_row(s, &line, c, 0);
    const struct str copy = arena_str(a, buf_view(&line));
    buf_fini(&line);
    return copy;
}

TEST(delimited_lines_are_read_and_written_as_commons_csv_does)
{
    struct arena *a = arena_new(NULL);
    static const struct {
        const char *line, *again;
    } cases[] = {{"0,zero,0", "0,zero,0.00"},
                 {"1,,2.5", "1,,2.50"},
                 {",,", ",,"},
                 {"\"22\",\"a,b\",\"1\"", "22,\"a,b\",1.00"},
                 {"1,\"say \"\"hi\"\"\",1", "1,\"say \"\"hi\"\"\",1.00"},
                 {"1,\"two\nlines\",1", "1,\"two\nlines\",1.00"},
                 {"-5,x,-1", "\"-5\",x,-1.00"}, // first on the line and no letter or digit
                 {"+5,a b,.5\n", "5,a b,0.50"},
                 {"1,#x,1\r\n", "1,\"#x\",1.00"},
                 {"\n1,end ,1", "1,\"end \",1.00"},
                 {"1,it\"s,1", "1,\"it\"\"s\",1.00"},
                 {"1,\"q\"  ,1", "1,q,1.00"},
                 {"1,Zürich,1", "1,Zürich,1.00"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct serde_case got = serde_case_any(a, csv_spec(a, 0), str_from(cases[i].line));
        if (got.status != DECODE_OK)
            fail_msg("%s: %s", cases[i].line, got.reason.p);
        assert_str(got.text, cases[i].again);
    }
    assert_str(serde_case_any(a, csv_spec(a, '|'), STR("1|a,b|3")).text, "1|a,b|3.00");
    assert_str(serde_case_any(a, csv_spec(a, '\t'), STR("1\ta\t3")).text, "1\ta\t3.00");
    assert_int_equal(serde_case_any(a, csv_spec(a, 0), STR_NONE).status, DECODE_NULL);
    struct column empty;
    column_init(&empty, a, type_scalar(TYPE_BYTES), 1);
    empty.str[0] = STR("");
    assert_str(one_written(a, &empty), "\"\"");
    arena_free(a);
}

TEST(delimited_bad_lines_say_why)
{
    struct arena *a = arena_new(NULL);
    static const struct {
        const char *line, *reason;
    } cases[] = {
        {"", "the record has no fields"},
        {"\n\n", "the record has no fields"},
        {"1,a", "expected 3 fields, found 2"},
        {"1,a,2,3", "expected 3 fields, found 4"},
        {"x,a,2", "field 1 (ID): x cannot be read as BIGINT"},
        {"1,a,2.345", "field 3 (V): 2.345 does not fit DECIMAL(6, 2)"},
        {"9223372036854775808,a,1", "field 1 (ID): 9223372036854775808 does not fit BIGINT"},
        {"1,\"a,2", "field 2: the quoted field has no end at byte 6"},
        {"1,\"a\"x,2", "field 2: text behind a quoted field at byte 5"},
        {"1,a,2\n3,b,4", "more than one line, the second at byte 6"},
        {"1,\xff,2", "invalid UTF-8"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct serde_case got = serde_case_any(a, csv_spec(a, 0), str_from(cases[i].line));
        assert_int_equal(got.status, DECODE_BAD);
        assert_str(got.reason, cases[i].reason);
        assert_str(got.text, ",,"); // all NULL
    }
    arena_free(a);
}

TEST(delimited_fields_are_found_by_their_place)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    const struct decoder *d;
    static const uint32_t positions[] = {3, 1};
    const struct serde_column columns[] = {{STR("D"), type_scalar(TYPE_BOOLEAN)},
                                           {STR("B"), type_scalar(TYPE_STRING)}};
    struct serde_spec spec = {.format = SERDE_DELIMITED,
                              .columns = columns,
                              .count = 2,
                              .positions = positions,
                              .fields = 5};
    assert_str(serde_case_any(a, &spec, STR("a,b,c,true,e")).text, "true,b");
    assert_str(serde_case_any(a, &spec, STR("a,b,c,true")).reason, "expected 5 fields, found 4");
    assert_str(serde_case_any(a, &spec, STR("a,b,c,yes,e")).reason,
               "field 4 (D): yes cannot be read as BOOLEAN");
    const struct str value = STR("b");
    const struct serde_filter filter = {1, &value, 1};
    spec.filter = &filter;
    assert_int_equal(serde_case_any(a, &spec, STR("a,b,c,true,e")).status, DECODE_OK);
    assert_int_equal(serde_case_any(a, &spec, STR("a,x,c,true,e")).status, DECODE_FILTERED);
    const struct serde_column nested = {STR("L"), type_array(a, type_scalar(TYPE_STRING))};
    const struct serde_spec bad = {.format = SERDE_DELIMITED, .columns = &nested, .count = 1};
    assert_fails(decoder_new(&d, a, &bad, &e), &e, ERR_SQL,
                 "the 'DELIMITED' format does not support type 'ARRAY', column: `L`");
    arena_free(a);
}

// --- NONE ----------------------------------------------------------------------------------------

TEST(none_looks_at_nothing)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    const struct decoder *d;
    struct serde_spec spec = {.format = SERDE_NONE};
    assert_int_equal(serde_case_any(a, &spec, STR("\xff")).status, DECODE_OK);
    assert_int_equal(serde_case_any(a, &spec, STR_NONE).status, DECODE_NULL);
    const struct serde_column column = {STR("V"), type_scalar(TYPE_STRING)};
    spec.columns = &column;
    spec.count = 1;
    assert_fails(decoder_new(&d, a, &spec, &e), &e, ERR_SQL, "the 'NONE' format");
    arena_free(a);
}

TEST_MAIN(T(formats_have_names_in_any_case), T(kafka_primitives_are_big_endian),
          T(kafka_values_are_right), T(kafka_refuses_other_lengths_and_bad_utf8),
          T(kafka_refuses_columns_it_has_no_form_for),
          T(delimited_lines_are_read_and_written_as_commons_csv_does),
          T(delimited_bad_lines_say_why), T(delimited_fields_are_found_by_their_place),
          T(none_looks_at_nothing))
