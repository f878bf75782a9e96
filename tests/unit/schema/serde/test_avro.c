// Bytes as the Avro 1.11 specification writes them, made by hand.
#include "schema/serde/serde_schema.h"
#include "tests/support/schema_case.h"
#include "tests/support/test.h"

struct avro {
    struct arena *a;
    struct registry *registry;
    struct serde_spec spec;
};

static struct avro open_avro(const char *schema, const char *columns)
{
    struct avro s = {.a = arena_new(NULL)};
    s.registry = registry_memory_new(s.a);
    assert_int_equal(schema_register(s.registry, "t-value", REGISTRY_AVRO, schema), 1);
    s.spec = (struct serde_spec){.format = SERDE_AVRO, .registry = s.registry, .schema_id = 1};
    s.spec.columns = schema_columns(&s.spec.count, s.a, columns);
    return s;
}

#define HEAD "\0\0\0\0\1"
#define RECORD(fields) \
    "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a.b\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"

// The payload decodes to this row, and the row encodes to the payload.
static void check(const char *schema, const char *columns, struct str payload, const char *json)
{
    struct avro s = open_avro(schema, columns);
    const struct schema_case got = schema_decode(s.a, &s.spec, payload);
    assert_str(got.reason, "");
    assert_int_equal(got.status, DECODE_OK);
    assert_str(got.json, json);
    const struct str back = schema_encode(s.a, &s.spec, json);
    assert_int_equal(back.n, payload.n);
    assert_memory_equal(back.p, payload.p, payload.n);
    arena_free(s.a);
}

static void check_bad(const char *schema, const char *columns, struct str payload,
                      const char *reason)
{
    struct avro s = open_avro(schema, columns);
    const struct schema_case got = schema_decode(s.a, &s.spec, payload);
    assert_int_equal(got.status, DECODE_BAD);
    if (!strstr(got.reason.p, reason))
        fail_msg("\"%s\" does not contain \"%s\"", got.reason.p, reason);
    arena_free(s.a);
}

TEST(the_record_of_the_specification_is_read_and_written)
{
    // "The record {a: 27, b: "foo"} … 36 06 66 6f 6f"
    check(RECORD(FIELD("a", "\"long\"") "," FIELD("b", "\"string\"")), "`a` BIGINT, `b` STRING",
          STR(HEAD "\x36\x06"
                   "foo"),
          "{\"a\":27,\"b\":\"foo\"}");
}

TEST(arrays_maps_and_unions_of_the_specification)
{
    // "an array of long {3, 27}: 04 06 36 00"
    check(RECORD(FIELD("A", "{\"type\":\"array\",\"items\":\"long\"}")), "A ARRAY<BIGINT>",
          STR(HEAD "\x04\x06\x36\x00"), "{\"A\":[3,27]}");
    // "["null","string"]: null as 00, "a" as 02 02 61"
    check(RECORD(FIELD("A", "[\"null\",\"string\"]")), "A STRING", STR(HEAD "\x00"),
          "{\"A\":null}");
    check(RECORD(FIELD("A", "[\"null\",\"string\"]")), "A STRING",
          STR(HEAD "\x02\x02"
                   "a"),
          "{\"A\":\"a\"}");
    check(RECORD(FIELD("M", "{\"type\":\"map\",\"values\":\"int\"}")), "M MAP<STRING, INT>",
          STR(HEAD "\x02\x02k\x0d\x00"), "{\"M\":{\"k\":-7}}");
}

TEST(every_scalar_has_its_bytes)
{
    check(RECORD(FIELD("A", "\"boolean\"") "," FIELD("B", "\"int\"") "," FIELD(
              "C", "\"float\"") "," FIELD("D", "\"double\"") "," FIELD("E", "\"bytes\"")),
          "A BOOLEAN, B INT, C DOUBLE, D DOUBLE, E BYTES",
          STR(HEAD "\x01\x80\x01\x00\x00\xc0\x3f\x00\x00\x00\x00\x00\x00\xf8\xbf\x04\xff\x00"),
          "{\"A\":true,\"B\":64,\"C\":1.5,\"D\":-1.5,\"E\":\"/wA=\"}");
    check(RECORD(FIELD("A", "\"long\"") "," FIELD("B", "\"long\"")), "A BIGINT, B BIGINT",
          STR(HEAD "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                   "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
          "{\"A\":-9223372036854775808,\"B\":9223372036854775807}");
}

TEST(logical_types_become_sql_types)
{
    check(
        RECORD(FIELD(
            "A",
            "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":6,"
            "\"scale\":2}") "," FIELD("B",
                                      "{\"type\":\"int\",\"logicalType\":"
                                      "\"date\"}") "," FIELD("C",
                                                             "{\"type\":\"long\","
                                                             "\"logicalType\":\"timestamp-"
                                                             "micros\"}") "," FIELD("D", "{\"type\""
                                                                                         ":\"int\","
                                                                                         "\"logical"
                                                                                         "Type\":"
                                                                                         "\"time-"
                                                                                         "millis\""
                                                                                         "}")),
        "A DECIMAL(6, 2), B DATE, C TIMESTAMP, D TIME", STR(HEAD "\x04\xff\x38\x02\xd0\x0f\x02"),
        "{\"A\":-2.00,\"B\":1,\"C\":1,\"D\":1}");
    check(RECORD(FIELD("A", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":"
                            "\"decimal\",\"precision\":9,\"scale\":0}")),
          "A DECIMAL(9, 0)", STR(HEAD "\xff\xff\xff\xfe"), "{\"A\":-2}");
}

TEST(enums_are_strings_and_records_are_structs)
{
    check(RECORD(FIELD("E", "{\"type\":\"enum\",\"name\":\"S\",\"symbols\":[\"X\",\"Y\"]}")),
          "E STRING", STR(HEAD "\x02"), "{\"E\":\"Y\"}");
    check(
        RECORD(FIELD("S", "{\"type\":\"record\",\"name\":\"N\",\"fields\":[" FIELD(
                              "f", "[\"null\",\"int\"]") "]}") "," FIELD("T", "[\"null\",\"N\"]")),
        "S STRUCT<`f` INT>, T STRUCT<`f` INT>", STR(HEAD "\x02\x02\x02\x00"),
        "{\"S\":{\"f\":1},\"T\":{\"f\":null}}");
}

TEST(a_map_may_be_an_array_of_entries)
{
    check(RECORD(FIELD("M", "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"E\","
                            "\"fields\":[" FIELD("key", "[\"null\",\"string\"]") "," FIELD(
                                "value", "[\"null\",\"int\"]") "]}}")),
          "M MAP<STRING, INT>", STR(HEAD "\x02\x02\x02k\x02\x0a\x00"), "{\"M\":{\"k\":5}}");
}

TEST(blocks_with_a_size_and_several_blocks_are_one_list)
{
    struct avro s =
        open_avro(RECORD(FIELD("A", "{\"type\":\"array\",\"items\":\"long\"}")), "A ARRAY<BIGINT>");
    const struct schema_case got =
        schema_decode(s.a, &s.spec, STR(HEAD "\x03\x04\x02\x04\x02\x06\x00"));
    assert_str(got.json, "{\"A\":[1,2,3]}");
    arena_free(s.a);
}

TEST(fields_nobody_reads_are_skipped_and_absent_columns_are_null)
{
    struct avro s = open_avro(
        RECORD(FIELD("x",
                     "{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":[\"null\","
                     "\"double\"]}}") "," FIELD("amount", "\"int\"") "," FIELD("y", "\"string\"")),
        "AMOUNT BIGINT, GONE STRING");
    const struct schema_case got = schema_decode(
        s.a, &s.spec,
        STR(HEAD "\x02\x02k\x04\x00\x02\x00\x00\x00\x00\x00\x00\xf8\x3f\x00\x00\x0e\x02z"));
    assert_str(got.reason, "");
    assert_str(got.json, "{\"AMOUNT\":7,\"GONE\":null}");
    arena_free(s.a);
}

TEST(a_record_may_contain_itself_where_nobody_reads_it)
{
    struct avro s =
        open_avro(RECORD(FIELD("next", "[\"null\",\"R\"]") "," FIELD("v", "\"int\"")), "V INT");
    const struct schema_case got = schema_decode(s.a, &s.spec, STR(HEAD "\x02\x00\x02\x04"));
    assert_str(got.json, "{\"V\":2}");
    arena_free(s.a);
}

TEST(a_bare_value_is_the_single_column)
{
    struct avro s = open_avro("\"int\"", "V STRING");
    s.spec.wrapping = SERDE_UNWRAPPED;
    assert_str(schema_decode(s.a, &s.spec, STR(HEAD "\x14")).json, "\"10\"");
    assert_int_equal(schema_decode(s.a, &s.spec, STR_NONE).status, DECODE_NULL);
    arena_free(s.a);
}

TEST(malformed_payloads_are_bad_with_a_reason)
{
    const char *record = RECORD(FIELD("a", "\"long\"") "," FIELD("b", "\"string\""));
    const char *columns = "A BIGINT, B STRING";
    check_bad(record, columns, STR(""), "expected byte 0 and a schema id");
    check_bad(record, columns, STR("\1\0\0\0\1\x36\x06"), "that begin otherwise");
    check_bad(record, columns, STR("\0\0\0\0\x09\x36"),
              "schema id 9 is not in the schema registry");
    check_bad(record, columns,
              STR(HEAD "\x36\x08"
                       "foo"),
              "field b, byte 2: a length is beyond the end");
    check_bad(record, columns, STR(HEAD), "the payload is cut off");
    check_bad(record, columns,
              STR(HEAD "\x36\x06"
                       "foo!"),
              "bytes behind the record");
    check_bad(record, columns, STR(HEAD "\x36\x02\xff"), "no valid UTF-8");
    check_bad(record, columns, STR(HEAD "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00"),
              "more than 64 bits");
    check_bad(RECORD(FIELD("A", "{\"type\":\"array\",\"items\":\"null\"}")), "A ARRAY<INT>",
              STR(HEAD "\xfe\xff\xff\xff\x0f"), "too many items without bytes");
    check_bad(RECORD(FIELD("A", "[\"null\",\"int\"]")), "A INT", STR(HEAD "\x04\x00"),
              "no such branch");
    check_bad(RECORD(FIELD("A", "\"string\"")), "A INT", STR(HEAD "\x02x"),
              "schema 1: field A: Avro string cannot be read as INTEGER");
    check_bad(RECORD(FIELD("A", "\"long\"")), "A INT",
              STR(HEAD "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "does not fit");
}

TEST(a_null_where_the_schema_wants_a_value_is_refused_or_takes_the_default)
{
    struct avro s =
        open_avro(RECORD(FIELD("A", "\"int\"") ",{\"name\":\"B\",\"type\":\"int\",\"default\":3}"),
                  "A INT, B INT");
    const struct encoder *encoder;
    struct column columns[2];
    struct buf out;
    struct err e;
    buf_init(&out, 1000);
    assert_ok(encoder_new(&encoder, s.a, &s.spec, &e), &e);
    for (size_t i = 0; i < 2; i++)
        column_init(&columns[i], s.a, s.spec.columns[i].type, 1);
    column_set_null(&columns[1], s.a, 0, 1);
    assert_ok(encoder_write(encoder, &out, columns, 0, &e), &e);
    assert_int_equal(out.n, 7);
    assert_memory_equal(out.p + 5, "\x00\x06", 2);
    column_set_null(&columns[0], s.a, 0, 1);
    assert_fails(encoder_write(encoder, &out, columns, 0, &e), &e, ERR_DATA,
                 "field A: NULL, where the schema requires int");
    buf_fini(&out);
    arena_free(s.a);
}

TEST(a_schema_with_a_required_field_that_no_column_gives_is_refused)
{
    struct avro s = open_avro(RECORD(FIELD("A", "\"int\"") "," FIELD("B", "\"int\"")), "A INT");
    const struct encoder *encoder;
    struct err e;
    assert_fails(encoder_new(&encoder, s.a, &s.spec, &e), &e, ERR_DATA,
                 "schema 1: field B has no column and no default");
    arena_free(s.a);
}

TEST(the_derived_schema_is_ksqldbs)
{
    struct arena *a = arena_new(NULL);
    struct serde_spec spec = {.format = SERDE_AVRO};
    struct registry_schema schema;
    struct err e;
    spec.columns = schema_columns(&spec.count, a, "N INT, S STRUCT<F ARRAY<STRING>>");
    assert_ok(serde_derive(&schema, a, &spec, &e), &e);
    assert_str(
        schema.text,
        "{\"type\":\"record\",\"name\":\"KsqlDataSourceSchema\",\"namespace\":"
        "\"io.confluent.ksql.avro_schemas\",\"fields\":[{\"name\":\"N\",\"type\":[\"null\",\"int\"]"
        ","
        "\"default\":null},{\"name\":\"S\",\"type\":[\"null\",{\"type\":\"record\",\"name\":"
        "\"KsqlDataSourceSchema_S\",\"namespace\":\"io.confluent.ksql.avro_schemas\",\"fields\":[{"
        "\"name\":\"F\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\",\"string\"]}],"
        "\"default\":null}],\"connect.name\":\"io.confluent.ksql.avro_schemas.KsqlDataSourceSchema_"
        "S\"}],\"default\":null}],\"connect.name\":\"io.confluent.ksql.avro_schemas."
        "KsqlDataSourceSchema\"}");
    spec.columns = schema_columns(&spec.count, a, "`1A` INT");
    assert_fails(serde_derive(&schema, a, &spec, &e), &e, ERR_SQL,
                 "Schema is not compatible with Avro: Illegal initial character: 1A");
    arena_free(a);
}

TEST(derived_schemas_carry_every_type_there_and_back)
{
    struct arena *a = arena_new(NULL);
    struct registry *r = registry_memory_new(a);
    struct serde_spec spec = {.format = SERDE_AVRO, .registry = r};
    struct err e;
    spec.columns = schema_columns(
        &spec.count, a,
        "A BOOLEAN, B INT, C BIGINT, D DOUBLE, E STRING, F BYTES, G DECIMAL(40, 3), H DATE, I "
        "TIME, "
        "J TIMESTAMP, K ARRAY<STRUCT<X INT>>, L MAP<STRING, ARRAY<INT>>, M DECIMAL(30, 2)");
    assert_ok(serde_register(&spec, a, STR("t-value"), &e), &e);
    const char *row = "{\"A\":false,\"B\":-5,\"C\":99999999999,\"D\":0.1,\"E\":\"\",\"F\":\"AA==\","
                      "\"G\":1234567890123456789012345678901234567.890,\"H\":-1,\"I\":5,\"J\":-7,"
                      "\"K\":[{\"X\":1},null,{\"X\":null}],\"L\":{\"a\":[1,null],\"b\":null},"
                      "\"M\":-1234567890123456789012345678.90}";
    const struct schema_case got = schema_decode(a, &spec, schema_encode(a, &spec, row));
    assert_str(got.reason, "");
    assert_str(got.json, row);
    arena_free(a);
}

TEST(schemas_that_are_none_are_told)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {{"{", "Avro schema: "},
                 {"{\"type\":\"record\",\"name\":\"R\"}", "record R has no fields"},
                 {RECORD(FIELD("a", "\"what\"")), "unknown type \"what\""},
                 {RECORD(FIELD("a", "\"int\"") "," FIELD("a", "\"int\"")), "has field a twice"},
                 {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}", "enum E has no symbols"},
                 {"[[\"int\"]]", "a union directly inside a union"},
                 {"\"int\"", "expected an Avro record, found int"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_bad(cases[i].text, "A INT", STR(HEAD "\x02"), cases[i].reason);
}

TEST_MAIN(T(the_record_of_the_specification_is_read_and_written),
          T(arrays_maps_and_unions_of_the_specification), T(every_scalar_has_its_bytes),
          T(logical_types_become_sql_types), T(enums_are_strings_and_records_are_structs),
          T(a_map_may_be_an_array_of_entries),
          T(blocks_with_a_size_and_several_blocks_are_one_list),
          T(fields_nobody_reads_are_skipped_and_absent_columns_are_null),
          T(a_record_may_contain_itself_where_nobody_reads_it),
          T(a_bare_value_is_the_single_column), T(malformed_payloads_are_bad_with_a_reason),
          T(a_null_where_the_schema_wants_a_value_is_refused_or_takes_the_default),
          T(a_schema_with_a_required_field_that_no_column_gives_is_refused),
          T(the_derived_schema_is_ksqldbs), T(derived_schemas_carry_every_type_there_and_back),
          T(schemas_that_are_none_are_told))
