#include "base/map.h"

#include "tests/support/test.h"

#include <stdio.h>

TEST(an_empty_map_finds_nothing)
{
    struct arena *a = arena_new(NULL);
    const struct map *m = map_new(a);
    assert_null(map_get(m, STR("x")));
    assert_int_equal(map_count(m), 0);
    arena_free(a);
}

TEST(keys_are_copied_and_iterate_in_insertion_order)
{
    struct arena *a = arena_new(NULL);
    struct map *m = map_new(a);
    char key[32];
    for (unsigned i = 0; i < 20000; i++) {
        bool added = false;
        const int n = snprintf(key, sizeof key, "key %u", i * 7919 % 20000);
        *map_put(m, (struct str){key, (size_t)n}, &added) = i;
        assert_true(added);
    }
    assert_int_equal(map_count(m), 20000);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "key %u", i * 7919 % 20000);
        assert_str(map_key(m, i), key);
        assert_int_equal(map_value(m, i), i);
        assert_int_equal(*map_get(m, str_from(key)), i);
    }
    assert_null(map_get(m, STR("key 20000")));
    arena_free(a);
}

TEST(putting_again_finds_the_first_value)
{
    struct arena *a = arena_new(NULL);
    struct map *m = map_new(a);
    bool added = false;
    *map_put(m, STR("k"), &added) = 5;
    assert_int_equal(*map_put(m, STR("k"), &added), 5);
    assert_false(added);
    arena_free(a);
}

TEST(equal_hashes_do_not_make_equal_keys)
{
    struct arena *a = arena_new(NULL);
    struct map *m = map_new(a);
    bool added = false;
    *map_put_hashed(m, STR("x"), 42, &added) = 1;
    *map_put_hashed(m, STR("y"), 42, &added) = 2;
    assert_true(added);
    assert_int_equal(*map_put_hashed(m, STR("x"), 42, &added), 1);
    assert_int_equal(*map_put_hashed(m, STR("y"), 42, &added), 2);
    assert_int_equal(map_count(m), 2);
    arena_free(a);
}

TEST(the_empty_key_and_keys_with_zeros_are_keys)
{
    struct arena *a = arena_new(NULL);
    struct map *m = map_new(a);
    bool added = false;
    *map_put(m, STR_NONE, &added) = 1;
    *map_put(m, (struct str){"a\0b", 3}, &added) = 2;
    *map_put(m, (struct str){"a\0c", 3}, &added) = 3;
    assert_int_equal(map_count(m), 3);
    assert_int_equal(*map_get(m, STR("")), 1);
    arena_free(a);
}

TEST_MAIN(T(an_empty_map_finds_nothing), T(keys_are_copied_and_iterate_in_insertion_order),
          T(putting_again_finds_the_first_value), T(equal_hashes_do_not_make_equal_keys),
          T(the_empty_key_and_keys_with_zeros_are_keys))
