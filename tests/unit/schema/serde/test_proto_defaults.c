#include "schema/serde/proto_defaults.h"
#include "schema/serde/serde_schema.h"
#include "tests/support/schema_case.h"
#include "tests/support/test.h"

static void read_rows(struct column *columns, struct arena *a, const struct serde_spec *spec,
                      const char *const *rows, uint32_t n)
{
    const struct decoder *d;
    struct err e;
    struct serde_spec json = *spec;
    struct payload *payloads = ARENA_ARRAY(a, struct payload, n);
    struct decode_result out = {.status = arena_zalloc(a, n),
                                .reason = ARENA_ZARRAY(a, struct str, n)};
    json.format = SERDE_JSON;
    for (uint32_t i = 0; i < n; i++)
        payloads[i] = (struct payload){rows[i], strlen(rows[i])};
    for (size_t i = 0; i < spec->count; i++)
        column_init(&columns[i], a, spec->columns[i].type, n);
    assert_ok(decoder_new(&d, a, &json, &e), &e);
    decoder_run(d, columns, &out, a, payloads, n);
}

static struct str print_row(struct arena *a, const struct serde_spec *spec,
                            const struct column *columns, uint32_t row)
{
    const struct encoder *s;
    struct buf text;
    struct err e;
    struct serde_spec json = *spec;
    json.format = SERDE_JSON;
    buf_init(&text, 1 << 20);
    assert_ok(encoder_new(&s, a, &json, &e), &e);
    encoder_row(s, &text, columns, row);
    const struct str out = arena_str(a, buf_view(&text));
    buf_fini(&text);
    return out;
}

#define NULLS \
    "{\"A\":null,\"B\":null,\"C\":null,\"D\":null,\"E\":null,\"F\":null,\"G\":null,\"H\":null}"
#define SOME                                                                                \
    "{\"A\":7,\"B\":\"x\",\"C\":[1,null],\"D\":{\"k\":null},\"E\":{\"X\":null,\"Y\":null}," \
    "\"F\":1.5,\"G\":[{\"X\":null,\"Y\":[2]},null],\"H\":true}"
#define OTHERS                                                                            \
    "{\"A\":null,\"B\":\"\",\"C\":[],\"D\":{},\"E\":{\"X\":3,\"Y\":[4,null]},\"F\":null," \
    "\"G\":[],\"H\":null}"
static const char *const rows[] = {NULLS, SOME, OTHERS};
#define ROWS (sizeof rows / sizeof rows[0])

TEST(null_becomes_what_writing_and_reading_makes_of_it)
{
    struct arena *a = arena_new(NULL);
    struct serde_spec spec = {.format = SERDE_PROTOBUF_NOSR};
    struct column in[8], out[8];
    spec.columns = schema_columns(
        &spec.count, a,
        "A INT, B STRING, C ARRAY<BIGINT>, D MAP<STRING, DOUBLE>, E STRUCT<X INT, Y ARRAY<INT>>, F "
        "DECIMAL(4, 1), G ARRAY<STRUCT<X INT, Y ARRAY<INT>>>, H BOOLEAN");
    read_rows(in, a, &spec, rows, ROWS);
    for (size_t i = 0; i < spec.count; i++)
        proto_defaults(&out[i], a, &in[i], ROWS, NULL);
    for (uint32_t row = 0; row < ROWS; row++) {
        const struct schema_case want = schema_decode(a, &spec, schema_encode(a, &spec, rows[row]));
        assert_str(print_row(a, &spec, out, row), want.json.p);
    }
    arena_free(a);
}

TEST(rows_without_a_value_stay_null)
{
    struct arena *a = arena_new(NULL);
    struct serde_spec spec = {.format = SERDE_JSON};
    struct column in[2], out[2];
    const uint8_t absent[ROWS] = {1, 0, 0};
    spec.columns = schema_columns(&spec.count, a, "A INT, C ARRAY<BIGINT>");
    read_rows(in, a, &spec, rows, ROWS);
    for (size_t i = 0; i < spec.count; i++)
        proto_defaults(&out[i], a, &in[i], ROWS, absent);
    assert_str(print_row(a, &spec, out, 0), "{\"A\":null,\"C\":null}");
    assert_str(print_row(a, &spec, out, 1), "{\"A\":7,\"C\":[1,0]}");
    assert_str(print_row(a, &spec, out, 2), "{\"A\":0,\"C\":[]}");
    arena_free(a);
}

TEST_MAIN(T(null_becomes_what_writing_and_reading_makes_of_it), T(rows_without_a_value_stay_null))
