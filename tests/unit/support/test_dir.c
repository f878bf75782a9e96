#include "tests/support/dir.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_file(const struct test_dir *d, const char *name)
{
    char path[512];
    FILE *f = fopen(test_dir_file(path, d, name), "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

TEST(a_folder_goes_with_all_that_is_in_it)
{
    struct test_dir d;
    test_dir_init(&d);
    char path[512];
    assert_int_equal(mkdir(test_dir_file(path, &d, "locked"), 0700), 0);
    write_file(&d, "locked/inner");
    write_file(&d, "outer");
    assert_int_equal(chmod(path, 0500), 0);

    char was[sizeof d.path];
    memcpy(was, d.path, sizeof was);
    test_dir_fini(&d);
    assert_int_equal(access(was, F_OK), -1);
}

TEST(two_folders_are_different)
{
    struct test_dir first, second;
    test_dir_init(&first);
    test_dir_init(&second);
    assert_string_not_equal(first.path, second.path);
    test_dir_fini(&first);
    test_dir_fini(&second);
}

TEST_MAIN(T(a_folder_goes_with_all_that_is_in_it), T(two_folders_are_different))
