#include "base/buf.h"

#include "base/mem.h"
#include "tests/support/test.h"

TEST(passing_the_maximum_is_sticky_and_named)
{
    struct buf b;
    struct err e;
    buf_init(&b, 8);
    buf_text(&b, "12345678");
    assert_ok(buf_ok(&b, "row", &e), &e);
    buf_char(&b, '9');
    buf_text(&b, "");
    assert_fails(buf_ok(&b, "row", &e), &e, ERR_LIMIT, "row is larger than the allowed 8 bytes");
    assert_str(buf_view(&b), "12345678");
    buf_clear(&b);
    buf_text(&b, "ok");
    assert_ok(buf_ok(&b, "row", &e), &e);
    assert_str(buf_view(&b), "ok");
    buf_fini(&b);
}

TEST(after_a_refused_write_smaller_ones_are_dropped_too)
{
    struct buf b;
    buf_init(&b, 8);
    buf_text(&b, "123456789");
    buf_text(&b, "1");
    assert_int_equal(b.n, 0);
    assert_true(b.failed);
    buf_fini(&b);
}

TEST(room_for_nothing_is_a_place_and_not_a_failure)
{
    struct buf b;
    buf_init(&b, 8);
    assert_non_null(buf_room(&b, 0));
    assert_non_null(buf_room_slow(&b, 0));
    assert_false(b.failed);
    buf_text(&b, "12345678");
    assert_ptr_equal(buf_room(&b, 0), b.p + 8);
    assert_null(buf_room(&b, 1));
    assert_null(buf_room(&b, 0));
    buf_fini(&b);
}

TEST(numbers_print_exactly_at_their_ends)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_i64(&b, INT64_MIN);
    buf_char(&b, ' ');
    buf_i64(&b, 0);
    buf_char(&b, ' ');
    buf_u64(&b, UINT64_MAX);
    buf_hex(&b, "\x00\xab\xff", 3);
    assert_str(buf_view(&b), "-9223372036854775808 0 1844674407370955161500abff");
    buf_clear(&b);
    buf_printf(&b, "%0500d!", 7);
    assert_int_equal(b.n, 501);
    buf_fini(&b);
}

TEST(fixed_and_variable_integers_read_back)
{
    const uint64_t v[] = {0, 1, 127, 128, 300, UINT32_MAX, INT64_MAX, UINT64_MAX};
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < 8; i++) {
        buf_varint(&b, v[i]);
        buf_le64(&b, v[i]);
        buf_le32(&b, (uint32_t)v[i]);
        buf_u8(&b, (uint8_t)v[i]);
    }
    struct cursor c = {(const uint8_t *)b.p, (const uint8_t *)b.p + b.n};
    for (size_t i = 0; i < 8; i++) {
        uint64_t a = 9, d = 9;
        uint32_t f = 9;
        uint8_t g = 9;
        assert_true(cur_varint(&c, &a) && cur_le64(&c, &d) && cur_le32(&c, &f) && cur_u8(&c, &g));
        assert_true(a == v[i] && d == v[i] && f == (uint32_t)v[i] && g == (uint8_t)v[i]);
    }
    uint8_t none = 0;
    assert_false(cur_u8(&c, &none));
    buf_fini(&b);
}

TEST(little_endian_is_the_layout)
{
    struct buf b;
    buf_init(&b, 100);
    buf_le32(&b, 0x01020304);
    assert_memory_equal(b.p, "\x04\x03\x02\x01", 4);
    buf_fini(&b);
}

TEST(a_cut_or_overlong_varint_is_refused_and_nothing_is_taken)
{
    static const struct {
        const char *p;
        size_t n;
    } bad[] = {{"", 0},
               {"\x80", 1},
               {"\x80\x00", 2},
               {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},
               {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11}};
    for (size_t i = 0; i < 5; i++) {
        struct cursor c = {(const uint8_t *)bad[i].p, (const uint8_t *)bad[i].p + bad[i].n};
        uint64_t v = 0;
        assert_false(cur_varint(&c, &v));
        assert_ptr_equal(c.p, bad[i].p);
    }
}

TEST(bytes_are_taken_whole_or_not_at_all)
{
    struct cursor c = {(const uint8_t *)"abc", NULL};
    c.end = c.p + 3;
    const uint8_t *p = NULL;
    assert_false(cur_bytes(&c, &p, 4));
    assert_true(cur_bytes(&c, &p, 3));
    assert_memory_equal(p, "abc", 3);
    assert_true(cur_bytes(&c, &p, 0));
}

TEST_MAIN(T(passing_the_maximum_is_sticky_and_named),
          T(after_a_refused_write_smaller_ones_are_dropped_too),
          T(room_for_nothing_is_a_place_and_not_a_failure), T(numbers_print_exactly_at_their_ends),
          T(fixed_and_variable_integers_read_back), T(little_endian_is_the_layout),
          T(a_cut_or_overlong_varint_is_refused_and_nothing_is_taken),
          T(bytes_are_taken_whole_or_not_at_all))
