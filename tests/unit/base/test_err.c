#include "base/err.h"

#include "tests/support/test.h"

#include <errno.h>

TEST(failing_fills_kind_text_and_frame)
{
    struct err e;
    assert_false(err_fail(&e, ERR_DATA, "row %d is bad", 7));
    assert_int_equal(e.kind, ERR_DATA);
    assert_string_equal(e.text, "row 7 is bad");
    assert_int_equal(e.frame_count, 1);
    assert_int_equal(e.remedy, REMEDY_FATAL);
}

TEST(remote_errors_are_worth_a_new_run_unless_said_otherwise)
{
    struct err e;
    err_fail(&e, ERR_REMOTE, "broker away");
    assert_int_equal(e.remedy, REMEDY_RETRY_RUN);
    assert_int_equal(err_exit_code(&e), 4);
    assert_false(err_remedy(&e, REMEDY_FATAL));
    assert_int_equal(err_exit_code(&e), 1);
}

TEST(wrapping_keeps_the_cause_and_the_errno)
{
    struct err e;
    errno = ENOENT;
    assert_false(err_sys(&e, "cannot open %s", "a.sql"));
    assert_false(err_wrap(&e, "job %s", "orders"));
    assert_string_equal(e.text, "job orders: cannot open a.sql: No such file or directory");
    assert_int_equal(e.kind, ERR_IO);
    assert_int_equal(e.sys_errno, ENOENT);
    assert_int_equal(e.frame_count, 2);
}

TEST(more_wraps_than_frames_are_fine)
{
    struct err e;
    err_fail(&e, ERR_BUG, "x");
    for (int i = 0; i < 20; i++)
        err_wrap(&e, "level %d", i);
    assert_int_equal(e.frame_count, 8);
    assert_memory_equal(e.text, "level 19: level 18: ", 20);
}

TEST(long_texts_are_cut_with_dots_between_characters)
{
    struct err e;
    char text[2000];
    for (size_t i = 0; i < sizeof text - 1; i += 2)
        memcpy(text + i, "é", 2);
    text[1998] = '\0';
    err_fail(&e, ERR_DATA, "%s", text);
    const size_t n = strlen(e.text);
    assert_true(n < sizeof e.text);
    assert_string_equal(e.text + n - 3, "...");
    assert_true(utf8_valid(e.text, n));
    err_wrap(&e, "x");
    assert_memory_equal(e.text, "x: é", 5);
    assert_string_equal(e.text + strlen(e.text) - 3, "...");
    assert_true(utf8_valid(e.text, strlen(e.text)));
}

TEST(an_error_may_be_built_from_its_own_text)
{
    struct err e;
    err_fail(&e, ERR_DATA, "inner");
    err_fail(&e, ERR_SQL, "outer %s", e.text);
    assert_string_equal(e.text, "outer inner");
}

TEST(formatting_prints_position_line_caret_and_hint)
{
    struct err e;
    char out[512];
    err_fail(&e, ERR_CONFIG, "unknown key schedul");
    err_position(&e, "sluice.yaml", 3, 7, "    \tschedul: 1\nnext", 19);
    err_hint(&e, "did you mean %s", "schedule");
    const size_t n = err_format(&e, out, sizeof out);
    assert_string_equal(out, "sluice.yaml:3:7: unknown key schedul\n"
                             "         schedul: 1\n"
                             "          ^\n"
                             "hint: did you mean schedule");
    assert_int_equal(n, strlen(out));
}

TEST(the_caret_stays_visible_on_very_long_lines)
{
    struct err e;
    char line[1000], out[1200];
    memset(line, 'x', sizeof line);
    line[599] = '!';
    err_fail(&e, ERR_SQL, "odd");
    err_position(&e, "a.sql", 1, 600, line, sizeof line);
    err_format(&e, out, sizeof out);
    const char *excerpt = strchr(out, '\n') + 1;
    const char *caret = strchr(strchr(excerpt, '\n'), '^');
    assert_non_null(caret);
    assert_int_equal(excerpt[caret - (strchr(excerpt, '\n') + 1)], '!');
}

TEST(formatting_into_too_little_room_is_cut_and_says_the_length)
{
    struct err e;
    char out[8];
    err_fail(&e, ERR_CONFIG, "0123456789");
    assert_int_equal(err_format(&e, out, sizeof out), 10);
    assert_string_equal(out, "0123456");
    assert_int_equal(err_format(&e, NULL, 0), 10);
}

TEST(configuration_and_sql_errors_exit_with_three_others_with_one)
{
    struct err e;
    err_fail(&e, ERR_CONFIG, "x");
    assert_int_equal(err_exit_code(&e), 3);
    err_fail(&e, ERR_SQL, "x");
    assert_int_equal(err_exit_code(&e), 3);
    err_fail(&e, ERR_FENCED, "x");
    assert_int_equal(err_exit_code(&e), 1);
}

TEST_MAIN(T(failing_fills_kind_text_and_frame),
          T(remote_errors_are_worth_a_new_run_unless_said_otherwise),
          T(wrapping_keeps_the_cause_and_the_errno), T(more_wraps_than_frames_are_fine),
          T(long_texts_are_cut_with_dots_between_characters),
          T(an_error_may_be_built_from_its_own_text),
          T(formatting_prints_position_line_caret_and_hint),
          T(the_caret_stays_visible_on_very_long_lines),
          T(formatting_into_too_little_room_is_cut_and_says_the_length),
          T(configuration_and_sql_errors_exit_with_three_others_with_one))
