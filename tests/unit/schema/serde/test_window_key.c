#include "schema/serde/window_key.h"
#include "tests/support/test.h"

TEST(a_window_of_time_is_the_key_and_eight_bytes_of_its_start)
{
    struct buf text;
    buf_init(&text, 64);
    buf_text(&text, "k");
    window_key_put(&text, WINDOW_KEY_TIME, 258, 10258);
    assert_int_equal(text.n, 9);
    assert_memory_equal(text.p, "k\0\0\0\0\0\0\1\2", 9);
    struct payload key = {text.p, text.n};
    int64_t start = 0, end = -1;
    assert_true(window_key_take(&start, &end, &key, WINDOW_KEY_TIME));
    assert_int_equal(start, 258);
    assert_int_equal(end, -1);
    assert_int_equal(key.n, 1);
    buf_fini(&text);
}

TEST(a_session_has_its_end_before_its_start)
{
    struct buf text;
    buf_init(&text, 64);
    window_key_put(&text, WINDOW_KEY_SESSION, -2, 5);
    assert_int_equal(text.n, 16);
    assert_memory_equal(text.p, "\0\0\0\0\0\0\0\5\xff\xff\xff\xff\xff\xff\xff\xfe", 16);
    struct payload key = {text.p, text.n};
    int64_t start = 0, end = 0;
    assert_true(window_key_take(&start, &end, &key, WINDOW_KEY_SESSION));
    assert_int_equal(start, -2);
    assert_int_equal(end, 5);
    assert_int_equal(key.n, 0);
    buf_fini(&text);
}

TEST(a_key_too_short_for_its_window_is_refused)
{
    struct payload shorter = {"1234567", 7}, none = {NULL, 0};
    int64_t start, end;
    assert_false(window_key_take(&start, &end, &shorter, WINDOW_KEY_TIME));
    assert_false(window_key_take(&start, &end, &none, WINDOW_KEY_TIME));
    assert_int_equal(shorter.n, 7);
}

TEST_MAIN(T(a_window_of_time_is_the_key_and_eight_bytes_of_its_start),
          T(a_session_has_its_end_before_its_start), T(a_key_too_short_for_its_window_is_refused))
