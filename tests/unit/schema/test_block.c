#include "schema/block.h"

#include "tests/support/random_column.h"
#include "tests/support/test.h"

#define ROWS 50u

static unsigned seeds(void)
{
    return test_is_long() ? 5000 : 300;
}

static void assert_row(const struct column *x, uint32_t xrow, const struct column *y, uint32_t yrow)
{
    assert_int_equal(column_compare(x, xrow, y, yrow), 0);
}

TEST(gathered_rows_are_those_asked_for)
{
    for (unsigned seed = 0; seed < seeds(); seed++) {
        struct random_state r = {seed};
        struct arena *a = arena_new(NULL);
        struct column c;
        struct column out;
        random_column(&c, &r, a, random_type(&r, a, 3), ROWS,
                      seed % 3 ? RANDOM_NULLS : RANDOM_NO_NULLS);
        uint32_t idx[2 * ROWS];
        const uint32_t n = (uint32_t)random_below(&r, 2 * ROWS + 1);
        for (uint32_t i = 0; i < n; i++)
            idx[i] = (uint32_t)random_below(&r, ROWS);
        column_gather(&out, a, &c, idx, n);
        for (uint32_t i = 0; i < n; i++)
            assert_row(&out, i, &c, idx[i]);
        arena_free(a);
    }
}

TEST(concatenated_columns_are_their_rows_in_order)
{
    for (unsigned seed = 0; seed < seeds(); seed++) {
        struct random_state r = {seed};
        struct arena *a = arena_new(NULL);
        const struct type *t = random_type(&r, a, 3);
        struct column parts[4];
        const struct column *list[4];
        uint32_t rows[4];
        for (int i = 0; i < 4; i++) {
            rows[i] = (uint32_t)random_below(&r, 3) * (uint32_t)random_below(&r, 20);
            random_column(&parts[i], &r, a, t, rows[i],
                          random_below(&r, 2) ? RANDOM_NULLS : RANDOM_NO_NULLS);
            list[i] = &parts[i];
        }
        struct column out;
        struct column again;
        column_concat(&out, a, list, rows, 4);
        uint32_t at = 0;
        for (int i = 0; i < 4; i++) {
            for (uint32_t k = 0; k < rows[i]; k++)
                assert_row(&out, at++, &parts[i], k);
        }
        // What was concatenated can be gathered and concatenated again.
        const struct column *twice[2] = {&out, &out};
        column_concat(&again, a, twice, (uint32_t[]){at, at}, 2);
        for (uint32_t k = 0; k < at; k++)
            assert_row(&again, at + k, &out, k);
        arena_free(a);
    }
}

TEST(a_copy_lives_longer_than_what_it_copies)
{
    for (unsigned seed = 0; seed < seeds(); seed++) {
        struct random_state r = {seed};
        struct random_state same = {seed};
        struct arena *a = arena_new(NULL);
        struct arena *first = arena_new(NULL);
        struct column c;
        struct column copy;
        struct column expected;
        random_column(&c, &r, first, random_type(&r, first, 3), ROWS, RANDOM_NULLS);
        // Types are shared, not copied: they belong to the plan.
        const struct type *t = random_type(&same, a, 3);
        random_column(&expected, &same, a, t, ROWS, RANDOM_NULLS);
        struct column typed = c;
        column_copy(&copy, a, &typed, ROWS);
        for (uint32_t i = 0; i < ROWS; i++)
            assert_row(&copy, i, &expected, i);
        arena_free(first);
        if (!type_is_nested(t)) {
            copy.type = t;
            for (uint32_t i = 0; i < ROWS; i++)
                assert_row(&copy, i, &expected, i);
        }
        arena_free(a);
    }
}

TEST(items_are_appended_beyond_any_first_room)
{
    struct arena *a = arena_new(NULL);
    struct column c;
    column_init(&c, a, type_array(a, type_array(a, type_scalar(TYPE_BIGINT))), 2);
    for (uint32_t row = 0; row < 2; row++) {
        c.offsets[row] = c.child_rows;
        for (int64_t i = 0; i < 1000; i++) {
            const uint32_t item = column_append_items(&c, a, 1);
            struct column *inner = &c.children[0];
            if (i % 10 == 3) {
                column_set_null(inner, a, item, inner->cap);
                continue;
            }
            inner->offsets[item] = column_append_items(inner, a, 2);
            inner->offsets[item + 1] = inner->child_rows;
            inner->children[0].i64[inner->child_rows - 2] = i;
            inner->children[0].i64[inner->child_rows - 1] = row;
        }
        c.offsets[row + 1] = c.child_rows;
    }
    for (uint32_t row = 0; row < 2; row++) {
        uint32_t first;
        assert_int_equal(column_items(&c, row, &first), 1000);
        for (uint32_t i = 0; i < 1000; i++) {
            uint32_t at;
            const uint32_t n = column_items(&c.children[0], first + i, &at);
            assert_int_equal(n, i % 10 == 3 ? 0 : 2);
            if (n) {
                assert_int_equal(c.children[0].children[0].i64[at], i);
                assert_int_equal(c.children[0].children[0].i64[at + 1], row);
            }
        }
    }
    arena_free(a);
}

TEST(a_null_struct_has_null_fields)
{
    struct arena *a = arena_new(NULL);
    const struct field inner[] = {{STR("X"), type_scalar(TYPE_STRING)}};
    const struct field fields[] = {{STR("A"), type_scalar(TYPE_INTEGER)},
                                   {STR("B"), type_struct(a, inner, 1)}};
    struct column c;
    column_init(&c, a, type_struct(a, fields, 2), 3);
    column_set_null(&c, a, 1, 3);
    assert_false(column_is_valid(&c.children[0], 1));
    assert_false(column_is_valid(&c.children[1].children[0], 1));
    assert_true(column_is_valid(&c.children[1].children[0], 2));
    arena_free(a);
}

TEST(maps_are_sorted_by_key_and_the_last_of_equal_keys_wins)
{
    struct arena *a = arena_new(NULL);
    struct column c;
    column_init(&c, a, type_map(a, type_scalar(TYPE_STRING), type_scalar(TYPE_BIGINT)), 3);
    static const char *const keys[] = {"b", "a", "b", "c", "a", "z"};
    column_append_items(&c, a, 6);
    for (uint32_t i = 0; i < 6; i++) {
        c.children[0].str[i] = str_from(keys[i]);
        c.children[1].i64[i] = i;
    }
    c.offsets[1] = c.offsets[2] = 5;
    c.offsets[3] = 6;
    column_set_null(&c, a, 1, 3);
    column_sort_maps(&c, a, 3);
    uint32_t first;
    assert_int_equal(column_items(&c, 0, &first), 3);
    assert_str(c.children[0].str[first], "a");
    assert_str(c.children[0].str[first + 1], "b");
    assert_str(c.children[0].str[first + 2], "c");
    assert_int_equal(c.children[1].i64[first], 4);
    assert_int_equal(c.children[1].i64[first + 1], 2);
    assert_int_equal(column_items(&c, 1, &first), 0);
    assert_int_equal(column_items(&c, 2, &first), 1);
    assert_str(c.children[0].str[first], "z");
    arena_free(a);
}

static struct block *sample(struct arena *a, const struct schema *s, uint32_t rows, int64_t base)
{
    struct block *b = block_new(a, s, rows);
    for (uint32_t i = 0; i < rows; i++) {
        b->columns[0].i64[i] = base + i;
        b->columns[1].str[i] = arena_printf(a, "v%lld", (long long)base + i);
        b->rowtime[i] = base * 10 + i;
        b->seq[i] = (uint64_t)base + i;
    }
    return b;
}

TEST(blocks_carry_their_metadata_through_gather_concat_and_copy)
{
    struct arena *a = arena_new(NULL);
    const struct schema_column columns[] = {{STR("K"), type_scalar(TYPE_BIGINT), true},
                                            {STR("V"), type_scalar(TYPE_STRING), false}};
    const struct schema s = {.count = 2, .key_count = 1, .columns = columns, .windowed = true};
    struct block *x = sample(a, &s, 3, 100);
    struct block *y = sample(a, &s, 2, 200);
    struct block *none = sample(a, &s, 0, 0);
    y->op = ARENA_ZARRAY(a, uint8_t, 2);
    y->op[1] = OP_DELETE;
    y->window_start[1] = 60000;
    x->partition = ARENA_ZARRAY(a, int32_t, 3);
    const struct block *parts[] = {x, none, y};
    struct block *all = block_copy(a, block_concat(a, parts, 3));
    assert_int_equal(all->rows, 5);
    assert_int_equal(all->columns[0].i64[4], 201);
    assert_str(all->columns[1].str[2], "v102");
    assert_int_equal(all->rowtime[3], 2000);
    assert_int_equal(all->seq[1], 101);
    assert_int_equal(all->op[0], OP_INSERT);
    assert_int_equal(all->op[4], OP_DELETE);
    assert_int_equal(all->window_start[4], 60000);
    assert_int_equal(all->window_start[0], 0);
    assert_null(all->partition); // y has none
    assert_null(all->null_value);
    const struct block *back = block_gather(a, all, (uint32_t[]){4, 0}, 2);
    assert_int_equal(back->rows, 2);
    assert_int_equal(back->columns[0].i64[0], 201);
    assert_int_equal(back->op[0], OP_DELETE);
    assert_int_equal(back->window_start[0], 60000);
    assert_int_equal(back->seq[1], 100);
    const struct block *empty[] = {none, none};
    const struct block *still = block_concat(a, empty, 2);
    assert_int_equal(still->rows, 0);
    assert_non_null(still->rowtime);
    assert_non_null(still->window_start);
    assert_int_equal(block_list_rows(&(struct block_list){parts, 3}), 5);
    arena_free(a);
}

TEST_MAIN(T(gathered_rows_are_those_asked_for), T(concatenated_columns_are_their_rows_in_order),
          T(a_copy_lives_longer_than_what_it_copies), T(items_are_appended_beyond_any_first_room),
          T(a_null_struct_has_null_fields),
          T(maps_are_sorted_by_key_and_the_last_of_equal_keys_wins),
          T(blocks_carry_their_metadata_through_gather_concat_and_copy))
