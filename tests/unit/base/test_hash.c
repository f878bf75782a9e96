#include "base/hash.h"

#include "tests/support/test.h"

TEST(the_hash_is_xxh64)
{
    // Published vectors of the reference implementation.
    assert_true(hash_bytes("", 0, 0) == UINT64_C(0xef46db3751d8e999));
    assert_true(hash_bytes(NULL, 0, 0) == UINT64_C(0xef46db3751d8e999));
    assert_true(hash_bytes("a", 1, 0) == UINT64_C(0xd24ec4f1a98c6e5b));
    assert_true(hash_bytes("abc", 3, 0) == UINT64_C(0x44bc2cf5ad770999));
}

TEST(streaming_in_any_pieces_gives_the_same_sum)
{
    char text[300];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7);
    for (size_t step = 1; step < 70; step++) {
        struct hasher h;
        hasher_init(&h);
        for (size_t i = 0; i < sizeof text; i += step)
            hasher_add(&h, text + i, i + step > sizeof text ? sizeof text - i : step);
        hasher_add(&h, NULL, 0);
        assert_true(hasher_sum(&h) == hash_bytes(text, sizeof text, 0));
    }
}

TEST(hex_reads_back_and_only_its_own_form)
{
    char hex[17];
    uint64_t h = 0;
    hash_hex(hex, UINT64_C(0x0123456789abcdef));
    assert_string_equal(hex, "0123456789abcdef");
    assert_true(hash_from_hex(&h, str_from(hex)));
    assert_true(h == UINT64_C(0x0123456789abcdef));
    assert_false(hash_from_hex(&h, STR("0123456789ABCDEF")));
    assert_false(hash_from_hex(&h, STR("0123456789abcde")));
    assert_false(hash_from_hex(&h, STR("0123456789abcdeg")));
}

TEST_MAIN(T(the_hash_is_xxh64), T(streaming_in_any_pieces_gives_the_same_sum),
          T(hex_reads_back_and_only_its_own_form))
