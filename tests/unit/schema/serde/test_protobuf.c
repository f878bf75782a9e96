// Bytes as Protobuf's encoding guide writes them, made by hand.
#include "schema/serde/serde_schema.h"
#include "tests/support/schema_case.h"
#include "tests/support/test.h"

struct proto {
    struct arena *a;
    struct registry *registry;
    struct serde_spec spec;
};

static struct proto open_proto(const char *schema, const char *columns)
{
    struct proto s = {.a = arena_new(NULL)};
    s.registry = registry_memory_new(s.a);
    assert_int_equal(schema_register(s.registry, "t-value", REGISTRY_PROTOBUF, schema), 1);
    s.spec = (struct serde_spec){.format = SERDE_PROTOBUF, .registry = s.registry, .schema_id = 1};
    s.spec.columns = schema_columns(&s.spec.count, s.a, columns);
    return s;
}

#define HEAD   "\0\0\0\0\1\0"
#define PROTO3 "syntax = \"proto3\"; "

static void check_read(const char *schema, const char *columns, struct str payload,
                       const char *json)
{
    struct proto s = open_proto(schema, columns);
    const struct schema_case got = schema_decode(s.a, &s.spec, payload);
    assert_str(got.reason, "");
    assert_str(got.json, json);
    arena_free(s.a);
}

// The payload decodes to this row, and the row encodes to the payload.
static void check(const char *schema, const char *columns, struct str payload, const char *json)
{
    check_read(schema, columns, payload, json);
    struct proto s = open_proto(schema, columns);
    const struct str back = schema_encode(s.a, &s.spec, json);
    assert_int_equal(back.n, payload.n);
    assert_memory_equal(back.p, payload.p, payload.n);
    arena_free(s.a);
}

static void check_bad(const char *schema, const char *columns, struct str payload,
                      const char *reason)
{
    struct proto s = open_proto(schema, columns);
    const struct schema_case got = schema_decode(s.a, &s.spec, payload);
    assert_int_equal(got.status, DECODE_BAD);
    if (!strstr(got.reason.p, reason))
        fail_msg("\"%s\" does not contain \"%s\"", got.reason.p, reason);
    arena_free(s.a);
}

TEST(the_messages_of_the_encoding_guide)
{
    // "message Test1 { optional int32 a = 1; } … a to 150: 08 96 01"
    check("message Test1 { optional int32 a = 1; }", "A INT", STR(HEAD "\x08\x96\x01"),
          "{\"A\":150}");
    // "string b = 2 … "testing": 12 07 74 65 73 74 69 6e 67"
    check(PROTO3 "message Test2 { string b = 2; }", "B STRING",
          STR(HEAD "\x12\x07"
                   "testing"),
          "{\"B\":\"testing\"}");
    // "Test3 c = 3 with a = 150: 1a 03 08 96 01"
    check_read("message Test1 { optional int32 a = 1; } message Test3 { optional Test1 c = 3; }",
               "C STRUCT<a INT>",
               STR("\0\0\0\0\1\2\2"
                   "\x1a\x03\x08\x96\x01"),
               "{\"C\":{\"A\":150}}");
    // "repeated int32 f = 6 [packed=true]: 32 06 03 8e 02 9e a7 05"
    check(PROTO3 "message Test4 { string d = 4; repeated int32 f = 6; }", "D STRING, F ARRAY<INT>",
          STR(HEAD "\x22\x05hello\x32\x06\x03\x8e\x02\x9e\xa7\x05"),
          "{\"D\":\"hello\",\"F\":[3,270,86942]}");
}

TEST(every_scalar_has_its_wire_type)
{
    check(
        PROTO3 "message M { double a = 1; float b = 2; int64 c = 3; uint32 d = 4; sint32 e = 5; "
               "sint64 f = 6; fixed32 g = 7; fixed64 h = 8; sfixed32 i = 9; sfixed64 j = 10; "
               "bool k = 11; bytes l = 12; }",
        "A DOUBLE, B DOUBLE, C BIGINT, D BIGINT, E INT, F BIGINT, G BIGINT, H BIGINT, I INT, J "
        "BIGINT, K BOOLEAN, L BYTES",
        STR(HEAD "\x09\x00\x00\x00\x00\x00\x00\xf8\x3f\x15\x00\x00\xc0\x3f"
                 "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\xff\xff\xff\xff\x0f\x28\x03"
                 "\x30\x04\x3d\x01\x00\x00\x00\x41\x02\x00\x00\x00\x00\x00\x00\x00"
                 "\x4d\xff\xff\xff\xff\x51\xfe\xff\xff\xff\xff\xff\xff\xff\x58\x01\x62\x01\xff"),
        "{\"A\":1.5,\"B\":1.5,\"C\":-1,\"D\":4294967295,\"E\":-2,\"F\":2,\"G\":1,\"H\":2,\"I\":-1,"
        "\"J\":-2,\"K\":true,\"L\":\"/w==\"}");
}

TEST(absent_fields_are_defaults_unless_presence_is_tracked)
{
    const char *schema = PROTO3
        "message M { int32 a = 1; string b = 2; optional int32 c = 3; message N {} N d = 4; "
        "repeated int32 e = 5; map<string, int32> f = 6; bool g = 7; oneof o { int32 h = 8; } "
        "enum E { ZERO = 0; ONE = 1; } E i = 9; }";
    check_read(schema,
               "A INT, B STRING, C INT, D STRUCT<X INT>, E ARRAY<INT>, F MAP<STRING, INT>, G "
               "BOOLEAN, H INT, I STRING, NONE INT",
               STR(HEAD),
               "{\"A\":0,\"B\":\"\",\"C\":null,\"D\":null,\"E\":[],\"F\":{},\"G\":false,\"H\":null,"
               "\"I\":\"ZERO\",\"NONE\":null}");
    check_read(schema, "D STRUCT<X INT>", STR(HEAD "\x22\x00"), "{\"D\":{\"X\":null}}");
}

TEST(fields_come_in_any_order_and_the_last_one_counts)
{
    const char *schema = PROTO3 "message N { int32 x = 1; int32 y = 2; repeated int32 z = 3; } "
                                "message M { N n = 1; int32 a = 2; repeated N l = 3; }";
    struct proto s = open_proto(schema, "N STRUCT<X INT, Y INT, Z ARRAY<INT>>, A INT, "
                                        "L ARRAY<STRUCT<X INT, Z ARRAY<INT>>>");
    const struct schema_case got =
        schema_decode(s.a, &s.spec,
                      STR("\0\0\0\0\1\2\2"
                          "\x10\x01\x1a\x04\x18\x07\x08\x05\x0a\x04\x08\x01\x18\x02\x10\x09\x1a\x00"
                          "\x0a\x06\x10\x03\x1a\x02\x04\x05"));
    assert_str(got.reason, "");
    assert_str(got.json,
               "{\"N\":{\"X\":1,\"Y\":3,\"Z\":[2,4,5]},\"A\":9,\"L\":[{\"X\":5,\"Z\":[7]},"
               "{\"X\":0,\"Z\":[]}]}");
    arena_free(s.a);
}

TEST(unknown_fields_groups_and_other_wire_types_are_skipped)
{
    check_read(PROTO3 "message M { int32 a = 1; }", "A INT",
               STR(HEAD "\x22\x01x\x2b\x08\x01\x2c\x0d\x01\x00\x00\x00\x08\x07\x31\x01\x02\x03\x04"
                        "\x05\x06\x07\x08"),
               "{\"A\":7}");
}

TEST(maps_are_entries)
{
    check(PROTO3 "message M { map<string, int32> m = 1; }", "M MAP<STRING, INT>",
          STR(HEAD "\x0a\x05\x0a\x01k\x10\x05"), "{\"M\":{\"k\":5}}");
    check_read(PROTO3 "message M { map<string, int32> m = 1; }", "M MAP<STRING, INT>",
               STR(HEAD "\x0a\x00\x0a\x02\x10\x01"), "{\"M\":{\"\":1}}");
    check(PROTO3 "message M { message E { string key = 1; double value = 2; } repeated E m = 1; }",
          "M MAP<STRING, DOUBLE>",
          STR(HEAD "\x0a\x0c\x0a\x01k\x11\x00\x00\x00\x00\x00\x00\xf8\x3f"), "{\"M\":{\"k\":1.5}}");
}

TEST(of_a_oneof_the_last_member_is_set)
{
    const char *schema = PROTO3 "message M { oneof u { int32 a = 1; string b = 2; } int32 c = 3; }";
    check_read(schema, "A INT, B STRING, C INT", STR(HEAD "\x08\x05\x12\x01x"),
               "{\"A\":null,\"B\":\"x\",\"C\":0}");
    check(schema, "U_0 STRUCT<A INT, B STRING>", STR(HEAD "\x08\x05"),
          "{\"U_0\":{\"A\":5,\"B\":null}}");
}

TEST(well_known_messages_are_values)
{
    check(PROTO3 "import \"google/protobuf/timestamp.proto\"; import \"google/type/date.proto\"; "
                 "message M { google.protobuf.Timestamp t = 1; google.type.Date d = 2; "
                 "google.type.TimeOfDay o = 3; google.protobuf.Int32Value w = 4; "
                 "google.protobuf.StringValue s = 5; confluent.type.Decimal x = 6 "
                 "[(confluent.field_meta) = {params: [{key: \"precision\", value: \"4\"}, {key: "
                 "\"scale\", value: \"2\"}]}]; }",
          "T TIMESTAMP, D DATE, O TIME, W INT, S STRING, X DECIMAL(4, 2)",
          STR(HEAD "\x0a\x11\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\xc0\x86\xb4\xdb\x03"
                   "\x12\x07\x08\xfa\x0e\x10\x01\x18\x01"
                   "\x1a\x06\x08\x01\x10\x02\x18\x03\x22\x00"
                   "\x2a\x03\x0a\x01x\x32\x07\x0a\x01\x7b\x10\x04\x18\x02"),
          "{\"T\":-3,\"D\":-20454,\"O\":3723000,\"W\":0,\"S\":\"x\",\"X\":1.23}");
}

TEST(what_is_only_named_like_a_wrapper_is_a_message)
{
    check(PROTO3 "package google.protobuf; message M { PairValue n = 1; ListValue l = 2; } message "
                 "PairValue { int32 x = 1; int32 y = 2; } message ListValue { repeated int32 v = "
                 "1; }",
          "N STRUCT<X INT, Y INT>, L STRUCT<V ARRAY<INT>>",
          STR(HEAD "\x0a\x04\x08\x01\x10\x02\x12\x03\x0a\x01\x07"),
          "{\"N\":{\"X\":1,\"Y\":2},\"L\":{\"V\":[7]}}");
}

TEST(the_indexes_choose_the_message)
{
    const char *schema =
        PROTO3 "message A { int32 x = 1; } message B { enum E { Z = 0; } map<string, "
               "int32> m = 1; message C { int32 x = 2; } message D { int32 x = 3; } }";
    struct proto s = open_proto(schema, "X INT");
    assert_str(schema_decode(s.a, &s.spec, STR("\0\0\0\0\1\0\x08\x05")).json, "{\"X\":5}");
    assert_str(schema_decode(s.a, &s.spec, STR("\0\0\0\0\1\2\0\x08\x05")).json, "{\"X\":5}");
    assert_str(schema_decode(s.a, &s.spec, STR("\0\0\0\0\1\4\2\2\x18\x05")).json, "{\"X\":5}");
    const struct schema_case none = schema_decode(s.a, &s.spec, STR("\0\0\0\0\1\2\4\x18\x05"));
    assert_non_null(strstr(none.reason.p, "no message at these indexes"));
    s.spec.full_name = STR("D");
    const struct str bytes = schema_encode(s.a, &s.spec, "{\"X\":5}");
    assert_int_equal(bytes.n, 10);
    assert_memory_equal(bytes.p, "\0\0\0\0\1\4\2\2\x18\x05", 10);
    arena_free(s.a);
}

TEST(malformed_payloads_are_bad_with_a_reason)
{
    const char *schema = PROTO3 "message M { int32 a = 1; string b = 2; }";
    check_bad(schema, "A INT", STR("\0\0\0\0\1"), "no message at these indexes");
    check_bad(schema, "A INT", STR(HEAD "\x08"), "the payload is cut off");
    check_bad(schema, "B STRING", STR(HEAD "\x12\x05x"), "a length is beyond the end");
    check_bad(schema, "B STRING", STR(HEAD "\x12\x01\xff"), "field b: a string is no valid UTF-8");
    check_bad(schema, "A INT", STR(HEAD "\x0f"), "wire type that does not exist");
    check_bad(schema, "A INT", STR(HEAD "\x00\x01"), "field number is out of range");
    check_bad(schema, "A INT", STR(HEAD "\x1b\x24"), "a group ends that was not open");
    check_bad(schema, "A BOOLEAN", STR(HEAD "\x08\x01"),
              "Protobuf int32 cannot be read as BOOLEAN");
}

TEST(the_derived_schema_is_ksqldbs)
{
    struct arena *a = arena_new(NULL);
    struct serde_spec spec = {.format = SERDE_PROTOBUF};
    struct registry_schema schema;
    struct err e;
    spec.columns = schema_columns(&spec.count, a, "I INT, S STRUCT<F ARRAY<BIGINT>>, T TIMESTAMP");
    assert_ok(serde_derive(&schema, a, &spec, &e), &e);
    assert_str(schema.text,
               "syntax = \"proto3\";\n\nimport \"google/protobuf/timestamp.proto\";\n\n"
               "message ConnectDefault1 {\n  int32 I = 1;\n  ConnectDefault2 S = 2;\n"
               "  google.protobuf.Timestamp T = 3;\n\n"
               "  message ConnectDefault2 {\n    repeated int64 F = 1;\n  }\n}\n");
    const struct serde_column map = {
        STR("M"), type_map(a, type_scalar(TYPE_INTEGER), type_scalar(TYPE_INTEGER))};
    spec.columns = &map;
    spec.count = 1;
    assert_fails(serde_derive(&schema, a, &spec, &e), &e, ERR_SQL,
                 "PROTOBUF format only supports MAP types with STRING keys");
    arena_free(a);
}

static void check_back(enum serde_format format, unsigned nullable, const char *row,
                       const char *want)
{
    struct arena *a = arena_new(NULL);
    struct registry *r = registry_memory_new(a);
    struct serde_spec spec = {.format = format, .registry = r, .nullable = nullable};
    struct err e;
    spec.columns = schema_columns(
        &spec.count, a,
        "A BOOLEAN, B INT, C BIGINT, D DOUBLE, E STRING, F BYTES, G DECIMAL(40, 3), H DATE, I "
        "TIME, "
        "J TIMESTAMP, K ARRAY<STRUCT<X INT>>, L MAP<STRING, INT>, M STRUCT<Y STRING>");
    assert_ok(serde_register(&spec, a, STR("t-value"), &e), &e);
    const struct schema_case got = schema_decode(a, &spec, schema_encode(a, &spec, row));
    assert_str(got.reason, "");
    assert_str(got.json, want);
    arena_free(a);
}

TEST(derived_schemas_carry_every_type_there_and_back)
{
    const char *row =
        "{\"A\":true,\"B\":-5,\"C\":99999999999,\"D\":0.1,\"E\":\"x\",\"F\":\"AA==\","
        "\"G\":1234567890123456789012345678901234567.890,\"H\":19000,\"I\":86399999,\"J\":-7,"
        "\"K\":[{\"X\":1},{\"X\":0}],\"L\":{\"a\":1,\"b\":0},\"M\":{\"Y\":\"\"}}";
    const char *nulls = "{\"A\":null,\"B\":null,\"C\":null,\"D\":null,\"E\":null,\"F\":null,\"G\":"
                        "null,\"H\":null,\"I\":null,\"J\":null,\"K\":null,\"L\":null,\"M\":null}";
    const char *plain = "{\"A\":false,\"B\":0,\"C\":0,\"D\":0.0,\"E\":\"\",\"F\":\"\",\"G\":null,"
                        "\"H\":null,\"I\":null,\"J\":null,\"K\":[],\"L\":{},\"M\":null}";
    const char *kept = "{\"A\":null,\"B\":null,\"C\":null,\"D\":null,\"E\":null,\"F\":null,\"G\":"
                       "null,\"H\":null,\"I\":null,\"J\":null,\"K\":[],\"L\":{},\"M\":null}";
    check_back(SERDE_PROTOBUF, SERDE_PLAIN, row, row);
    check_back(SERDE_PROTOBUF_NOSR, SERDE_PLAIN, row, row);
    check_back(SERDE_PROTOBUF, SERDE_PLAIN, nulls, plain);
    check_back(SERDE_PROTOBUF_NOSR, SERDE_PLAIN, nulls, plain);
    check_back(SERDE_PROTOBUF, SERDE_OPTIONAL, nulls, kept);
    check_back(SERDE_PROTOBUF, SERDE_WRAPPER, nulls, kept);
    check_back(SERDE_PROTOBUF_NOSR, SERDE_OPTIONAL, row, row);
}

TEST(without_a_registry_the_declared_columns_number_the_fields)
{
    struct arena *a = arena_new(NULL);
    size_t all;
    struct serde_spec spec = {.format = SERDE_PROTOBUF_NOSR};
    spec.declared = schema_columns(&all, a, "A INT, B STRING, S STRUCT<X INT, Y INT>");
    spec.declared_count = all;
    spec.columns = schema_columns(&spec.count, a, "S STRUCT<Y INT>, B STRING");
    assert_str(schema_decode(a, &spec, STR("\x08\x05\x12\x01x\x1a\x04\x08\x01\x10\x02")).json,
               "{\"S\":{\"Y\":2},\"B\":\"x\"}");
    arena_free(a);
}

TEST(imported_files_and_nested_scopes_are_resolved)
{
    struct proto s = open_proto(PROTO3 "package p.q; message Event { int64 ts = 1; enum K { A = 0; "
                                       "B = 7; } }",
                                "E STRUCT<TS BIGINT>, K STRING");
    const struct registry_reference reference = {STR("event.proto"), STR("t-value"), 1};
    const struct registry_schema main = {
        .kind = REGISTRY_PROTOBUF,
        .text =
            STR("syntax = \"proto3\"; package p; import \"event.proto\"; /* x */ message L { "
                "q.Event e = 1; .p.q.Event.K k = 2; reserved 5, 6; option deprecated = true; }"),
        .references = &reference,
        .reference_count = 1};
    int32_t id;
    struct err e;
    assert_ok(registry_put(s.registry, &id, STR("x-value"), &main, &e), &e);
    assert_int_equal(id, 2);
    assert_str(schema_decode(s.a, &s.spec, STR("\0\0\0\0\2\0\x0a\x02\x08\x03\x10\x07")).json,
               "{\"E\":{\"TS\":3},\"K\":\"B\"}");
    arena_free(s.a);
}

TEST(schemas_that_are_none_are_told)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {{"", "no message"},
                 {"message M { int32 a = 1 }", "line 1: expected ';', found }"},
                 {"message M { Foo a = 1; }", "field a has the unknown type Foo"},
                 {"message M { int32 a = 0; }", "field a has the number 0"},
                 {"message M { int32 a = 1; int32 b = 1; }", "uses number 1 twice"},
                 {"message M {} message M {}", "M is defined twice"},
                 {"message M { optional group G = 1 {} }", "groups are not supported"},
                 {"message M { /* ", "a comment without an end"},
                 {"message M { map<Foo, int32> m = 1; }", "a map with the key type Foo"},
                 {"message M { option x = \"a\n", "a string without an end"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_bad(cases[i].text, "A INT", STR(HEAD "\x02"), cases[i].reason);
}

TEST_MAIN(T(the_messages_of_the_encoding_guide), T(every_scalar_has_its_wire_type),
          T(absent_fields_are_defaults_unless_presence_is_tracked),
          T(fields_come_in_any_order_and_the_last_one_counts),
          T(unknown_fields_groups_and_other_wire_types_are_skipped), T(maps_are_entries),
          T(of_a_oneof_the_last_member_is_set), T(well_known_messages_are_values),
          T(what_is_only_named_like_a_wrapper_is_a_message), T(the_indexes_choose_the_message),
          T(malformed_payloads_are_bad_with_a_reason), T(the_derived_schema_is_ksqldbs),
          T(derived_schemas_carry_every_type_there_and_back),
          T(without_a_registry_the_declared_columns_number_the_fields),
          T(imported_files_and_nested_scopes_are_resolved), T(schemas_that_are_none_are_told))
