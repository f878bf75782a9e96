#include "schema/serde/json_decode.h"
#include "tests/support/test.h"

TEST(used_fields_become_columns)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    const struct decoder *d;
    const struct field location[] = {{STR("CITY"), type_scalar(TYPE_STRING)}};
    const struct serde_column columns[] = {
        {STR("ID"), type_scalar(TYPE_BIGINT)},
        {STR("AMOUNT"), type_decimal(a, 18, 2)},
        {STR("LOCATION"), type_struct(a, location, 1)},
    };
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = 3};
    assert_ok(decoder_new(&d, a, &spec, &e), &e);
    const char *text =
        "{\"id\":7,\"unused\":[1,{}],\"location\":{\"city\":\"Rome\"},\"amount\":1.5}";
    const struct payload payloads[] = {{text, strlen(text)}, {NULL, 0}, {"{", 1}};
    struct column c[3];
    for (int i = 0; i < 3; i++)
        column_init(&c[i], a, columns[i].type, 3);
    uint8_t status[3];
    struct str reason[3];
    struct decode_result result = {status, reason};
    decoder_run(d, c, &result, a, payloads, 3);
    assert_int_equal(status[0], DECODE_OK);
    assert_int_equal(status[1], DECODE_NULL);
    assert_int_equal(status[2], DECODE_BAD);
    assert_str(reason[2], "malformed JSON: the document ends inside a value at byte 1");
    assert_int_equal(c[0].i64[0], 7);
    assert_int_equal(c[1].i64[0], 150);
    assert_str(c[2].children[0].str[0], "Rome");
    assert_false(column_is_valid(&c[0], 1));
    const struct encoder *s;
    struct buf out;
    buf_init(&out, 1000);
    assert_ok(encoder_new(&s, a, &spec, &e), &e);
    encoder_row(s, &out, c, 0);
    assert_str(buf_view(&out), "{\"ID\":7,\"AMOUNT\":1.50,\"LOCATION\":{\"CITY\":\"Rome\"}}");
    buf_fini(&out);
    arena_free(a);
}

TEST_MAIN(T(used_fields_become_columns))
