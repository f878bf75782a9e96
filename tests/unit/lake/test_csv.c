#include "tests/support/test.h"

#include "lake/format/format.h"

static struct buf lines(struct arena *a, const struct serde_column *c, const struct column *v,
                        size_t n, uint32_t rows)
{
    struct err e = {0};
    const struct format_writer *w;
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_ok(format_csv.open(&w, a, c, n, &e), &e);
    format_csv.header(w, &out);
    for (uint32_t i = 0; i < rows; i++)
        format_csv.row(w, &out, v, i);
    return out;
}

TEST(fields_are_quoted_where_rfc_4180_wants_it)
{
    struct arena *a = arena_new(NULL);
    const struct type *text = type_scalar(TYPE_STRING);
    const struct serde_column c[] = {{STR("A,B"), text}, {STR("C"), text}};
    struct column v[2];
    column_init(&v[0], a, text, 4);
    column_init(&v[1], a, text, 4);
    v[0].str[0] = STR("plain");
    v[1].str[0] = STR("with, comma");
    v[0].str[1] = STR("say \"hi\"");
    v[1].str[1] = STR("two\nlines");
    v[0].str[2] = STR("");
    v[1].str[2] = STR(" blank ");
    v[0].str[3] = STR("\"");
    column_need_valid(&v[1], a, 4);
    v[1].valid[3] = 0;
    struct buf out = lines(a, c, v, 2, 4);
    assert_str(buf_view(&out), "\"A,B\",C\r\n"
                               "plain,\"with, comma\"\r\n"
                               "\"say \"\"hi\"\"\",\"two\nlines\"\r\n"
                               "\"\",\" blank \"\r\n"
                               "\"\"\"\",\r\n");
    buf_fini(&out);
    arena_free(a);
}

static void splits(const char *record, size_t max, const char *want)
{
    struct arena *a = arena_new(NULL);
    struct str fields[8];
    struct buf got;
    buf_init(&got, 1000);
    size_t n = csv_fields(fields, max, a, str_from(record));
    for (size_t i = 0; i < n; i++)
        fields[i].p ? buf_printf(&got, "[%.*s]", STR_ARG(fields[i])) : buf_text(&got, "-");
    assert_str(buf_view(&got), want);
    buf_fini(&got);
    arena_free(a);
}

TEST(fields_come_back_with_null_and_the_empty_string_apart)
{
    splits("plain,\"with, comma\"", 8, "[plain][with, comma]");
    splits("\"say \"\"hi\"\"\",\"two\nlines\"", 8, "[say \"hi\"][two\nlines]");
    splits(",\"\",", 8, "-[]-");
    splits("", 8, "-");
    splits("\"\"\"\"", 8, "[\"]");
    splits("a,b,c", 2, ""); // more than wanted
    splits("a\"b", 8, "");
    splits("\"a", 8, "");
    splits("\"a\"b", 8, "");
}

TEST(a_line_is_never_empty)
{
    struct arena *a = arena_new(NULL);
    const struct type *number = type_scalar(TYPE_BIGINT);
    const struct serde_column c[] = {{STR("N"), number}};
    struct column v[1];
    column_init(&v[0], a, number, 2);
    column_need_valid(&v[0], a, 2);
    v[0].valid[0] = 0;
    v[0].i64[1] = -7;
    struct buf out = lines(a, c, v, 1, 2);
    assert_str(buf_view(&out), "N\r\n\"\"\r\n-7\r\n");
    buf_fini(&out);
    arena_free(a);
}

TEST(nested_values_are_json)
{
    struct arena *a = arena_new(NULL);
    const struct field fields[] = {{STR("X"), type_scalar(TYPE_BIGINT)},
                                   {STR("Y"), type_scalar(TYPE_STRING)}};
    const struct serde_column c[] = {{STR("S"), type_struct(a, fields, 2)}};
    struct column v[1];
    column_init(&v[0], a, c[0].type, 1);
    v[0].children[0].i64[0] = 1;
    v[0].children[1].str[0] = STR("a");
    struct buf out = lines(a, c, v, 1, 1);
    assert_str(buf_view(&out), "S\r\n\"{\"\"X\"\":1,\"\"Y\"\":\"\"a\"\"}\"\r\n");
    buf_fini(&out);
    arena_free(a);
}

TEST(records_are_found_across_quoted_line_ends)
{
    const struct str text = STR("a,\"b\nc\"\"d\n\"\r\ne,f\r\ng");
    size_t n = format_csv.record(text);
    assert_str(str_slice(text, 0, n), "a,\"b\nc\"\"d\n\"\r\n");
    const struct str rest = str_slice(text, n, text.n);
    assert_int_equal(format_csv.record(rest), 5);
    assert_int_equal(format_csv.record(str_slice(rest, 5, rest.n)), 0);
    assert_int_equal(format_jsonl.record(STR("{}\n{}")), 3);
    assert_int_equal(format_jsonl.record(STR("{}")), 0);
}

TEST_MAIN(T(fields_are_quoted_where_rfc_4180_wants_it),
          T(fields_come_back_with_null_and_the_empty_string_apart), T(a_line_is_never_empty),
          T(nested_values_are_json), T(records_are_found_across_quoted_line_ends))
