// Properties of both codecs over random columns of every type: what comes back is what went in, equal values are equal
// bytes, key order is value order, and malformed bytes are refused without reading beyond them.
#include "schema/rowcodec.h"

#include "base/hash.h"
#include "tests/support/random_column.h"
#include "tests/support/test.h"

#include <math.h>

#define ROWS    48u
#define COLUMNS 5u

struct rows {
    struct arena *a;
    struct column columns[COLUMNS];
};

static void rows_random(struct rows *out, struct arena *a, struct random_state *r, size_t columns,
                        enum random_nulls nulls)
{
    out->a = a;
    for (size_t i = 0; i < columns; i++)
        random_column(&out->columns[i], r, a, random_type(r, a, 2), ROWS, nulls);
}

static unsigned seeds(void)
{
    return test_is_long() ? 3000 : 200;
}

// Bytes in memory of exactly their size: reading one more is seen by the sanitizer and valgrind.
static struct cursor exact(struct arena *a, struct str bytes)
{
    uint8_t *p = arena_alloc(a, bytes.n ? bytes.n : 1);
    memcpy(p, bytes.p, bytes.n);
    return (struct cursor){p, p + bytes.n};
}

enum codec { ROW, KEY };

static void encode(struct buf *out, enum codec codec, const struct column *c, size_t n,
                   uint32_t row)
{
    if (codec == ROW)
        rowcodec_encode(out, c, n, row);
    else
        keycodec_encode(out, c, n, row);
}

static bool decode(enum codec codec, struct column *c, size_t n, uint32_t row, struct arena *a,
                   struct cursor *in, struct err *e)
{
    return codec == ROW ? rowcodec_decode(c, n, row, a, in, e)
                        : keycodec_decode(c, n, row, a, in, e);
}

static void round_trip(enum codec codec)
{
    for (unsigned seed = 0; seed < seeds(); seed++) {
        struct random_state r = {seed};
        struct arena *a = arena_new(NULL);
        struct rows x;
        const size_t n = 1 + random_below(&r, COLUMNS);
        rows_random(&x, a, &r, n, RANDOM_NULLS);
        struct column back[COLUMNS];
        for (size_t i = 0; i < n; i++)
            column_init(&back[i], a, x.columns[i].type, ROWS);
        struct buf b;
        struct buf again;
        buf_init(&b, 1 << 24);
        buf_init(&again, 1 << 24);
        struct err e = {0};
        for (uint32_t row = 0; row < ROWS; row++) {
            buf_clear(&b);
            buf_clear(&again);
            encode(&b, codec, x.columns, n, row);
            struct cursor in = exact(a, buf_view(&b));
            assert_ok(decode(codec, back, n, row, a, &in, &e), &e);
            assert_ptr_equal(in.p, in.end);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(column_compare(&x.columns[i], row, &back[i], row), 0);
            encode(&again, codec, back, n, row);
            assert_true(str_eq(buf_view(&b), buf_view(&again)));
        }
        buf_fini(&b);
        buf_fini(&again);
        arena_free(a);
    }
}

TEST(a_row_comes_back_as_it_was_and_encodes_to_the_same_bytes)
{
    round_trip(ROW);
}

TEST(a_key_comes_back_as_it_was_and_encodes_to_the_same_bytes)
{
    round_trip(KEY);
}

TEST(keys_sort_by_memcmp_as_their_values_do)
{
    for (unsigned seed = 0; seed < seeds(); seed++) {
        struct random_state r = {1000000 + seed};
        struct arena *a = arena_new(NULL);
        struct rows x;
        const size_t n = 1 + random_below(&r, 3);
        rows_random(&x, a, &r, n, RANDOM_NULLS);
        struct str keys[ROWS];
        for (uint32_t row = 0; row < ROWS; row++) {
            struct buf b;
            buf_init(&b, 1 << 24);
            keycodec_encode(&b, x.columns, n, row);
            keys[row] = arena_str(a, buf_view(&b));
            buf_fini(&b);
        }
        for (uint32_t i = 0; i < ROWS; i++) {
            for (uint32_t k = 0; k < ROWS; k++) {
                int want = 0;
                for (size_t c = 0; c < n && !want; c++)
                    want = column_compare(&x.columns[c], i, &x.columns[c], k);
                const int got = str_cmp(keys[i], keys[k]);
                assert_int_equal((got > 0) - (got < 0), (want > 0) - (want < 0));
            }
        }
        arena_free(a);
    }
}

TEST(keys_of_many_rows_at_once_and_their_hashes_are_those_of_one_row)
{
    for (unsigned seed = 0; seed < seeds(); seed++) {
        struct random_state r = {2000000 + seed};
        struct arena *a = arena_new(NULL);
        struct rows x;
        const size_t n = 1 + random_below(&r, 3);
        rows_random(&x, a, &r, n, seed % 2 ? RANDOM_NULLS : RANDOM_NO_NULLS);
        uint32_t picked[ROWS];
        for (uint32_t i = 0; i < ROWS; i++)
            picked[i] = (uint32_t)random_below(&r, ROWS);
        size_t ends[ROWS];
        uint64_t hashes[ROWS];
        struct buf all;
        struct buf one;
        struct buf scratch;
        buf_init(&all, 1 << 24);
        buf_init(&one, 1 << 24);
        buf_init(&scratch, 256); // small: some keys do not fit
        buf_text(&all, "before");
        keycodec_encode_rows(&all, ends, x.columns, n, picked, ROWS);
        keycodec_hash(hashes, x.columns, n, ROWS, &scratch);
        size_t from = 6;
        for (uint32_t i = 0; i < ROWS; i++) {
            buf_clear(&one);
            keycodec_encode(&one, x.columns, n, picked[i]);
            assert_true(str_eq(buf_view(&one), str_slice(buf_view(&all), from, ends[i])));
            assert_true(hash_str(buf_view(&one)) == hashes[picked[i]]);
            from = ends[i];
        }
        assert_int_equal(from, all.n);
        buf_fini(&all);
        buf_fini(&one);
        buf_fini(&scratch);
        arena_free(a);
    }
}

TEST(malformed_bytes_are_refused_or_mean_exactly_themselves)
{
    for (unsigned seed = 0; seed < 10 * seeds(); seed++) {
        struct random_state r = {3000000 + seed};
        struct arena *a = arena_new(NULL);
        const enum codec codec = seed % 2 ? ROW : KEY;
        struct rows x;
        rows_random(&x, a, &r, 2, RANDOM_NULLS);
        struct buf b;
        buf_init(&b, 1 << 24);
        encode(&b, codec, x.columns, 2, 0);
        struct str bytes = arena_str(a, buf_view(&b));
        char *p = arena_alloc(a, bytes.n + 1);
        memcpy(p, bytes.p, bytes.n);
        for (uint64_t i = random_below(&r, 4); i > 0 && bytes.n; i--)
            p[random_below(&r, bytes.n)] = (char)random_u64(&r);
        struct cursor in = exact(a, (struct str){p, random_below(&r, bytes.n + 1)});
        const struct cursor whole = in;
        struct column back[2];
        for (size_t i = 0; i < 2; i++)
            column_init(&back[i], a, x.columns[i].type, 1);
        struct err e = {0};
        if (decode(codec, back, 2, 0, a, &in, &e)) {
            buf_clear(&b);
            encode(&b, codec, back, 2, 0);
            assert_int_equal(b.n, in.p - whole.p);
            assert_true(b.n == 0 || memcmp(b.p, whole.p, b.n) == 0);
        } else {
            assert_int_equal(e.kind, ERR_DATA);
        }
        buf_fini(&b);
        arena_free(a);
    }
}

TEST(the_bytes_are_the_documented_ones)
{
    struct arena *a = arena_new(NULL);
    struct column c[4];
    column_init(&c[0], a, type_scalar(TYPE_INTEGER), 1);
    column_init(&c[1], a, type_scalar(TYPE_STRING), 1);
    column_init(&c[2], a, type_decimal(a, 10, 2), 1);
    column_init(&c[3], a, type_scalar(TYPE_BIGINT), 1);
    c[0].i32[0] = -3;
    c[1].str[0] = STR("h\0i");
    c[2].i64[0] = -129;
    column_set_null(&c[3], a, 0, 1);
    struct buf b;
    buf_init(&b, 1000);
    rowcodec_encode(&b, c, 4, 0);
    // bitmap, zigzag, length + bytes, length + two's complement
    assert_int_equal(b.n, 9);
    assert_memory_equal(b.p, "\x07\x05\x03h\0i\x02\xff\x7f", 9);
    buf_clear(&b);
    keycodec_encode(&b, c, 4, 0);
    assert_int_equal(b.n, 5 + 7 + 9 + 1);
    assert_memory_equal(
        b.p, "\x01\x7f\xff\xff\xfd\x01h\0\xffi\0\x01\x01\x7f\xff\xff\xff\xff\xff\xff\x7f\0", 22);
    buf_fini(&b);
    arena_free(a);
}

TEST(a_window_start_is_a_bigint_component)
{
    struct arena *a = arena_new(NULL);
    struct column c;
    column_init(&c, a, type_scalar(TYPE_BIGINT), 1);
    struct buf x;
    struct buf y;
    buf_init(&x, 100);
    buf_init(&y, 100);
    static const int64_t values[] = {0, -1, 1, INT64_MAX, INT64_MIN, 1640995200000};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        c.i64[0] = values[i];
        buf_clear(&x);
        buf_clear(&y);
        keycodec_encode(&x, &c, 1, 0);
        keycodec_encode_i64(&y, values[i]);
        assert_true(str_eq(buf_view(&x), buf_view(&y)));
        struct cursor in = exact(a, buf_view(&y));
        int64_t back;
        assert_true(keycodec_decode_i64(&back, &in));
        assert_true(back == values[i] && in.p == in.end);
        in = exact(a, str_slice(buf_view(&y), 0, y.n - 1));
        assert_false(keycodec_decode_i64(&back, &in));
    }
    buf_fini(&x);
    buf_fini(&y);
    arena_free(a);
}

TEST(every_nan_is_one_value)
{
    struct arena *a = arena_new(NULL);
    struct column c;
    column_init(&c, a, type_scalar(TYPE_DOUBLE), 2);
    c.f64[0] = NAN;
    const uint64_t bits = UINT64_C(0xfff8000000001234);
    memcpy(&c.f64[1], &bits, sizeof bits);
    for (int codec = ROW; codec <= KEY; codec++) {
        struct buf x;
        struct buf y;
        buf_init(&x, 100);
        buf_init(&y, 100);
        encode(&x, (enum codec)codec, &c, 1, 0);
        encode(&y, (enum codec)codec, &c, 1, 1);
        assert_true(str_eq(buf_view(&x), buf_view(&y)));
        buf_fini(&x);
        buf_fini(&y);
    }
    arena_free(a);
}

TEST(a_hostile_item_count_does_not_ask_for_memory)
{
    struct arena *a = arena_new(NULL);
    struct column c;
    column_init(&c, a, type_array(a, type_scalar(TYPE_BIGINT)), 1);
    struct cursor in = exact(a, (struct str){"\x01\xff\xff\xff\xff\x07", 6});
    struct err e = {0};
    const size_t before = arena_bytes(a);
    assert_fails(rowcodec_decode(&c, 1, 0, a, &in, &e), &e, ERR_DATA, "more items than bytes");
    assert_true(arena_bytes(a) < before + 100000);
    arena_free(a);
}

TEST_MAIN(T(a_row_comes_back_as_it_was_and_encodes_to_the_same_bytes),
          T(a_key_comes_back_as_it_was_and_encodes_to_the_same_bytes),
          T(keys_sort_by_memcmp_as_their_values_do),
          T(keys_of_many_rows_at_once_and_their_hashes_are_those_of_one_row),
          T(malformed_bytes_are_refused_or_mean_exactly_themselves),
          T(the_bytes_are_the_documented_ones), T(a_window_start_is_a_bigint_component),
          T(every_nan_is_one_value), T(a_hostile_item_count_does_not_ask_for_memory))
