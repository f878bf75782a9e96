#include "orchestrator/cli/cli.h"

#include "tests/support/test.h"

static void print(struct buf *out, struct arena *a, const char *const *rows, size_t count)
{
    static const char *const heads[] = {"NAME", "ROWS", "NOTE"};
    struct cli_table t;
    cli_table_init(&t, a, heads, 3);
    for (size_t i = 0; i < count; i++)
        cli_table_row(&t, rows + 3 * i);
    cli_table_print(out, &t);
}

TEST(columns_are_as_wide_as_their_widest_cell)
{
    static const char *const rows[] = {"a", "1,234,567", "x", "longer name", "2", "y"};
    struct arena *a = arena_new(NULL);
    struct buf out;
    buf_init(&out, 4096);
    print(&out, a, rows, 2);
    assert_str(buf_view(&out), "NAME         ROWS       NOTE\n"
                               "a            1,234,567  x\n"
                               "longer name  2          y\n");
    buf_fini(&out);
    arena_free(a);
}

TEST(width_counts_characters_and_not_bytes)
{
    static const char *const rows[] = {"S\xc3\xa3o", "1", "x", "Rome", "2", "y"};
    struct arena *a = arena_new(NULL);
    struct buf out;
    buf_init(&out, 4096);
    print(&out, a, rows, 2);
    assert_str(buf_view(&out), "NAME  ROWS  NOTE\n"
                               "S\xc3\xa3o   1     x\n"
                               "Rome  2     y\n");
    buf_fini(&out);
    arena_free(a);
}

TEST(no_blanks_stand_behind_the_last_filled_cell)
{
    static const char *const rows[] = {"a", NULL, "", "b", "2", ""};
    struct arena *a = arena_new(NULL);
    struct buf out;
    buf_init(&out, 4096);
    print(&out, a, rows, 2);
    assert_str(buf_view(&out), "NAME  ROWS  NOTE\na\nb     2\n");
    buf_fini(&out);
    arena_free(a);
}

TEST(many_rows_keep_what_earlier_ones_said)
{
    struct arena *a = arena_new(NULL);
    struct buf out;
    const char *rows[100 * 3];
    buf_init(&out, 1 << 16);
    for (size_t i = 0; i < 100; i++) {
        rows[3 * i] = arena_printf(a, "row %zu", i).p;
        rows[3 * i + 1] = "1";
        rows[3 * i + 2] = "z";
    }
    print(&out, a, rows, 100);
    struct str text = buf_view(&out), line;
    assert_true(str_split_once(&line, &text, text, '\n'));
    for (size_t i = 0; i < 100; i++) {
        assert_true(str_split_once(&line, &text, text, '\n'));
        assert_int_equal(strncmp(line.p, rows[3 * i], strlen(rows[3 * i])), 0);
    }
    assert_int_equal(text.n, 0);
    buf_fini(&out);
    arena_free(a);
}

TEST(counts_have_separators)
{
    struct arena *a = arena_new(NULL);
    assert_string_equal(cli_count(a, 0), "0");
    assert_string_equal(cli_count(a, 999), "999");
    assert_string_equal(cli_count(a, 1000), "1,000");
    assert_string_equal(cli_count(a, UINT64_MAX), "18,446,744,073,709,551,615");
    arena_free(a);
}

TEST(sizes_are_decimal_with_one_digit)
{
    struct arena *a = arena_new(NULL);
    assert_string_equal(cli_size(a, 0), "0 B");
    assert_string_equal(cli_size(a, 999), "999 B");
    assert_string_equal(cli_size(a, 1000), "1.0 kB");
    assert_string_equal(cli_size(a, 1234567), "1.2 MB");
    assert_string_equal(cli_size(a, UINT64_C(3000000000000)), "3.0 TB");
    arena_free(a);
}

TEST(times_are_utc)
{
    struct arena *a = arena_new(NULL);
    assert_string_equal(cli_time(a, 1761638400000), "2025-10-28 08:00:00");
    assert_string_equal(cli_time(a, -1), "1969-12-31 23:59:59");
    arena_free(a);
}

TEST(every_command_has_help_that_fits_and_two_examples)
{
    for (const struct cmd *const *c = cli_commands; *c; c++) {
        assert_non_null((*c)->run);
        assert_true((*c)->args_min <= (*c)->args_max);
        struct str text = str_from((*c)->examples), line;
        size_t examples = 0;
        while (str_split_once(&line, &text, text, '\n'))
            examples++;
        assert_true(examples >= 2);
        for (const struct cli_opt *o = (*c)->opts; o->name; o++)
            assert_true(strlen(o->help) > 0);
    }
}

TEST_MAIN(T(columns_are_as_wide_as_their_widest_cell), T(width_counts_characters_and_not_bytes),
          T(no_blanks_stand_behind_the_last_filled_cell), T(many_rows_keep_what_earlier_ones_said),
          T(counts_have_separators), T(sizes_are_decimal_with_one_digit), T(times_are_utc),
          T(every_command_has_help_that_fits_and_two_examples))
