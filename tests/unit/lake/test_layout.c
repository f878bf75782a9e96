#include "tests/support/test.h"

#include "lake/layout/layout.h"

#include <stdio.h>

static const char *name_of(struct buf *b, const char *z)
{
    buf_clear(b);
    layout_name(b, str_from(z));
    buf_char(b, '\0');
    return b->p;
}

static const char *partition_of(struct buf *b, const char *column, struct str value)
{
    buf_clear(b);
    layout_partition(b, str_from(column), value, LAYOUT_NAME_MAX);
    buf_char(b, '\0');
    return b->p;
}

TEST(plain_names_stay_as_they_are)
{
    struct buf b;
    buf_init(&b, 4096);
    assert_string_equal(name_of(&b, "TRANSACTIONS_PROCESSED"), "TRANSACTIONS_PROCESSED");
    assert_string_equal(name_of(&b, "Straße 7"), "Straße 7");
    assert_string_equal(partition_of(&b, "CITY", STR("São Paulo")), "CITY=São Paulo");
    buf_fini(&b);
}

TEST(object_names_never_become_hidden_or_leave_their_directory)
{
    struct buf b;
    buf_init(&b, 4096);
    assert_string_equal(name_of(&b, ".."), "%2E.");
    assert_string_equal(name_of(&b, "."), "%2E");
    assert_string_equal(name_of(&b, "_x"), "%5Fx");
    assert_string_equal(name_of(&b, "../../etc"), "%2E.%2F..%2Fetc");
    assert_string_equal(name_of(&b, ""), "%");
    buf_fini(&b);
}

TEST(hive_special_and_control_characters_are_escaped)
{
    struct buf b;
    buf_init(&b, 4096);
    assert_string_equal(partition_of(&b, "P", STR("../..")), "P=..%2F..");
    assert_string_equal(partition_of(&b, "P", STR("a=b:c%d")), "P=a%3Db%3Ac%25d");
    assert_string_equal(partition_of(&b, "P", STR("x\ny\tz\0w")), "P=x%0Ay%09z%00w");
    assert_string_equal(partition_of(&b, "P", STR("\"#'*?\\[]^{}\x7f")),
                        "P=%22%23%27%2A%3F%5C%5B%5D%5E%7B%7D%7F");
    assert_string_equal(partition_of(&b, "P", STR("\xff\xc3")), "P=%FF%C3");
    assert_string_equal(partition_of(&b, "P", STR("\xc2\x85\xe2\x80\xa8")), "P=%C2%85%E2%80%A8");
    buf_fini(&b);
}

TEST(null_and_empty_values_are_hives_default_partition)
{
    struct buf b;
    buf_init(&b, 4096);
    assert_string_equal(partition_of(&b, "P", STR_NONE), "P=__HIVE_DEFAULT_PARTITION__");
    assert_string_equal(partition_of(&b, "P", STR("")), "P=__HIVE_DEFAULT_PARTITION__");
    assert_string_equal(partition_of(&b, "P", STR("__HIVE_DEFAULT_PARTITION__")),
                        "P=%5F_HIVE_DEFAULT_PARTITION__");
    buf_fini(&b);
}

TEST(overlong_values_are_cut_between_characters_and_keep_apart)
{
    struct buf b;
    char x[301], y[301], u[301];
    buf_init(&b, 4096);
    memset(x, 'a', 300);
    memset(y, 'a', 300);
    x[300] = y[300] = '\0';
    y[299] = 'b';
    char first[512];
    (void)snprintf(first, sizeof first, "%s", partition_of(&b, "P", str_from(x)));
    assert_int_equal(strlen(first), LAYOUT_NAME_MAX);
    assert_string_not_equal(partition_of(&b, "P", str_from(y)), first);
    for (size_t shift = 0; shift < 3; shift++) { // three bytes per character, three per escape
        for (size_t i = 0; i < 300; i++)
            u[i] = i < shift ? 'a' : "\xe2\x82\xac"[(i - shift) % 3];
        u[300 - (300 - shift) % 3] = '\0';
        const char *p = partition_of(&b, "P", str_from(u));
        assert_true(strlen(p) <= LAYOUT_NAME_MAX && strlen(p) > LAYOUT_NAME_MAX - 4);
        assert_true(utf8_valid(p, strlen(p)));
        memset(u + shift, '/', 300 - shift);
        u[300] = '\0';
        p = partition_of(&b, "P", str_from(u));
        assert_true(strlen(p) <= LAYOUT_NAME_MAX);
        const char *tilde = strchr(p, '~');
        assert_non_null(tilde);
        assert_memory_equal(tilde - 3, "%2F", 3);
    }
    buf_fini(&b);
}

TEST(a_long_column_name_leaves_room_for_its_value)
{
    struct buf b;
    char name[400];
    buf_init(&b, 4096);
    memset(name, 'C', 399);
    name[399] = '\0';
    const char *p = partition_of(&b, name, STR("value"));
    assert_true(strlen(p) <= LAYOUT_NAME_MAX);
    assert_non_null(strstr(p, "=value"));
    buf_fini(&b);
}

TEST(paths_of_outputs_tasks_and_files_are_fixed)
{
    struct buf b;
    buf_init(&b, 4096);
    layout_output(&b, LAKE_STREAM, STR("S"));
    buf_char(&b, ' ');
    layout_output(&b, LAKE_SNAPSHOT, STR("T"));
    buf_char(&b, ' ');
    layout_task(&b, STR("job"), 0);
    buf_char(&b, ' ');
    layout_file(&b, 42, 1);
    assert_str(buf_view(&b), "streams/S tables/T _sluice/job/0 000000000042-1");
    buf_fini(&b);
}

TEST(only_relative_paths_without_dots_are_safe)
{
    assert_true(layout_path_safe(STR("_dead_letters/job/1.jsonl")));
    assert_true(layout_path_safe(STR("a/..b/c")));
    assert_false(layout_path_safe(STR("")));
    assert_false(layout_path_safe(STR("/etc/passwd")));
    assert_false(layout_path_safe(STR("a/../b")));
    assert_false(layout_path_safe(STR("..")));
    assert_false(layout_path_safe(STR("a//b")));
    assert_false(layout_path_safe(STR("a/")));
    assert_false(layout_path_safe(STR("a/./b")));
    assert_false(layout_path_safe(STR("a\nb")));
    assert_false(layout_path_safe(STR("a\0b")));
}

TEST_MAIN(T(plain_names_stay_as_they_are),
          T(object_names_never_become_hidden_or_leave_their_directory),
          T(hive_special_and_control_characters_are_escaped),
          T(null_and_empty_values_are_hives_default_partition),
          T(overlong_values_are_cut_between_characters_and_keep_apart),
          T(a_long_column_name_leaves_room_for_its_value),
          T(paths_of_outputs_tasks_and_files_are_fixed),
          T(only_relative_paths_without_dots_are_safe))
