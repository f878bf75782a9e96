#include "base/arena.h"
#include "base/durable.h"

#include "tests/support/dir.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    struct test_dir dir;
    struct durable *d;
    struct arena *a;
    struct err e;
};

static struct place place_open(void)
{
    struct place p = {.d = durable_new(DURABLE_DEAD), .a = arena_new(NULL)};
    test_dir_init(&p.dir);
    return p;
}

static void place_close(struct place *p)
{
    durable_free(p->d);
    arena_free(p->a);
    test_dir_fini(&p->dir);
}

static const char *at(struct place *p, const char *name)
{
    return arena_printf(p->a, "%s/%s", p->dir.path, name).p;
}

static struct str text_of(struct place *p, const char *name)
{
    struct str s = STR_NONE;
    assert_ok(file_read(&s, p->a, at(p, name), 1 << 20, &p->e), &p->e);
    return s;
}

static void put(struct place *p, const char *name, const char *text)
{
    assert_ok(durable_replace(p->d, "put", at(p, name), str_from(text), &p->e), &p->e);
}

static void plan(struct place *p, const char *faults)
{
    assert_ok(durable_parse_faults(p->d, faults, &p->e), &p->e);
}

TEST(replacing_is_all_or_nothing_at_every_crash_point)
{
    static const char *const sites[] = {"put.write", "put.fsync", "put.rename", "put.dirsync"};
    for (size_t i = 0; i < 8; i++) {
        struct place p = place_open();
        put(&p, "f", "old");
        plan(&p, arena_printf(p.a, "%s:1:%s", sites[i / 2], i % 2 ? "crash_after" : "crash").p);
        assert_fails(durable_replace(p.d, "put", at(&p, "f"), STR("new"), &p.e), &p.e,
                     ERR_CANCELLED, "dead");
        assert_str(text_of(&p, "f"), i < 5 ? "old" : "new");
        plan(&p, "");
        put(&p, "f", "newer"); // over whatever was left
        assert_str(text_of(&p, "f"), "newer");
        place_close(&p);
    }
}

TEST(a_full_disk_leaves_half_a_write_and_the_old_file)
{
    struct place p = place_open();
    put(&p, "f", "old");
    plan(&p, "put.write:1:enospc");
    assert_fails(durable_replace(p.d, "put", at(&p, "f"), STR("12345678"), &p.e), &p.e, ERR_IO,
                 "No space left on device");
    assert_str(text_of(&p, "f"), "old");
    assert_str(text_of(&p, ".f.tmp"), "1234");
    place_close(&p);
}

TEST(a_file_is_never_synced_again_after_a_failed_fsync)
{
    struct place p = place_open();
    int fd = -1;
    assert_ok(durable_create(&fd, p.d, "c", at(&p, "f"), O_EXCL, &p.e), &p.e);
    plan(&p, "s:1:error");
    assert_ok(durable_write(p.d, "w", fd, "f", "abc", 3, &p.e), &p.e);
    assert_fails(durable_fsync(p.d, "s", fd, "f", &p.e), &p.e, ERR_IO, "Input/output error");
    assert_fails(durable_fsync(p.d, "s", fd, "f", &p.e), &p.e, ERR_BUG, "synced again");
    close(fd);
    assert_ok(durable_unlink(p.d, "u", at(&p, "f"), &p.e), &p.e);
    assert_ok(durable_create(&fd, p.d, "c", at(&p, "f"), O_EXCL, &p.e), &p.e);
    assert_ok(durable_fsync(p.d, "s", fd, "f", &p.e), &p.e);
    close(fd);
    place_close(&p);
}

TEST(a_lost_reply_to_create_leaves_the_file_and_no_descriptor)
{
    struct place p = place_open();
    plan(&p, "c:1:reply_lost");
    int fd = 77;
    assert_fails(durable_create(&fd, p.d, "c", at(&p, "f"), 0, &p.e), &p.e, ERR_IO, "reply");
    assert_int_equal(fd, -1);
    assert_true(file_exists(at(&p, "f")));
    place_close(&p);
}

TEST(private_files_are_readable_by_their_owner_only)
{
    struct place p = place_open();
    int fd = -1;
    struct stat st;
    assert_ok(durable_create(&fd, p.d, "c", at(&p, "f"), DURABLE_PRIVATE, &p.e), &p.e);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    close(fd);
    place_close(&p);
}

TEST(linking_onto_an_existing_name_says_eexist)
{
    struct place p = place_open();
    put(&p, "a", "x");
    put(&p, "b", "y");
    assert_fails(durable_link(p.d, "l", at(&p, "a"), at(&p, "b"), &p.e), &p.e, ERR_IO,
                 "File exists");
    assert_int_equal(p.e.sys_errno, EEXIST);
    assert_ok(durable_link(p.d, "l", at(&p, "a"), at(&p, "c"), &p.e), &p.e);
    assert_str(text_of(&p, "c"), "x");
    place_close(&p);
}

TEST(a_lost_reply_to_rename_has_renamed)
{
    struct place p = place_open();
    put(&p, "a", "x");
    plan(&p, "r:1:reply_lost");
    assert_fails(durable_rename(p.d, "r", at(&p, "a"), at(&p, "b"), &p.e), &p.e, ERR_IO, "reply");
    assert_false(file_exists(at(&p, "a")));
    assert_str(text_of(&p, "b"), "x");
    assert_fails(durable_rename(p.d, "r", at(&p, "a"), at(&p, "b"), &p.e), &p.e, ERR_IO,
                 "No such file");
    assert_int_equal(p.e.sys_errno, ENOENT);
    place_close(&p);
}

TEST(directories_are_made_one_durable_call_each)
{
    struct place p = place_open();
    plan(&p, "m:2:crash_after");
    const char *path = at(&p, "a/b//c/");
    assert_fails(durable_mkdirs(p.d, "m", path, 0700, &p.e), &p.e, ERR_CANCELLED, "dead");
    assert_true(file_exists(at(&p, "a/b")));
    assert_false(file_exists(at(&p, "a/b/c")));
    plan(&p, "");
    assert_ok(durable_mkdirs(p.d, "m", path, 0700, &p.e), &p.e);
    assert_ok(durable_mkdirs(p.d, "m", path, 0700, &p.e), &p.e);
    uint64_t calls = 0;
    durable_site(p.d, 0, &calls);
    assert_int_equal(calls, 1);
    put(&p, "file", "x");
    assert_fails(durable_mkdirs(p.d, "m", at(&p, "file/x"), 0700, &p.e), &p.e, ERR_IO, "file");
    place_close(&p);
}

TEST(a_tree_is_removed_without_following_links)
{
    struct place p = place_open();
    assert_ok(durable_mkdirs(p.d, "m", at(&p, "t/u/v"), 0700, &p.e), &p.e);
    put(&p, "keep", "kept");
    put(&p, "t/u/f", "x");
    assert_int_equal(symlink("../keep", at(&p, "t/l")), 0);
    plan(&p, "rm:2:crash");
    assert_fails(durable_remove_tree(p.d, "rm", at(&p, "t"), &p.e), &p.e, ERR_CANCELLED, "dead");
    assert_true(file_exists(at(&p, "t")));
    plan(&p, "");
    assert_ok(durable_remove_tree(p.d, "rm", at(&p, "t"), &p.e), &p.e);
    assert_false(file_exists(at(&p, "t")));
    assert_str(text_of(&p, "keep"), "kept");
    assert_ok(durable_remove_tree(p.d, "rm", at(&p, "t"), &p.e), &p.e);
    assert_ok(durable_unlink(p.d, "rm", at(&p, "t"), &p.e), &p.e);
    place_close(&p);
}

TEST(reading_names_the_path_and_the_limit)
{
    struct place p = place_open();
    struct str s;
    put(&p, "f", "12345");
    assert_fails(file_read(&s, p.a, at(&p, "none"), 10, &p.e), &p.e, ERR_IO, "cannot open");
    assert_fails(file_read(&s, p.a, at(&p, "f"), 4, &p.e), &p.e, ERR_LIMIT, "allowed are 4");
    assert_fails(file_read(&s, p.a, p.dir.path, 4, &p.e), &p.e, ERR_IO, "is a directory");
    assert_ok(file_read(&s, p.a, at(&p, "f"), 5, &p.e), &p.e);
    assert_string_equal(s.p, "12345");
    assert_ok(file_read(&s, p.a, "/proc/self/status", 1 << 20, &p.e), &p.e);
    assert_true(s.n > 100);
    assert_fails(file_read(&s, p.a, "/proc/self/status", 50, &p.e), &p.e, ERR_LIMIT, "50 bytes");
    place_close(&p);
}

TEST(nothing_is_written_once_dead)
{
    struct place p = place_open();
    plan(&p, "x:1:crash");
    assert_fails(durable_unlink(p.d, "x", at(&p, "none"), &p.e), &p.e, ERR_CANCELLED, "dead");
    int fd = -1;
    assert_fails(durable_create(&fd, p.d, "c", at(&p, "f"), 0, &p.e), &p.e, ERR_CANCELLED, "dead");
    assert_fails(durable_replace(p.d, "c", at(&p, "g"), STR("x"), &p.e), &p.e, ERR_CANCELLED,
                 "dead");
    assert_fails(durable_mkdirs(p.d, "m", at(&p, "h"), 0700, &p.e), &p.e, ERR_CANCELLED, "dead");
    assert_fails(durable_fsync_dir(p.d, "m", p.dir.path, &p.e), &p.e, ERR_CANCELLED, "dead");
    assert_false(file_exists(at(&p, "f")) || file_exists(at(&p, "g")) || file_exists(at(&p, "h")) ||
                 file_exists(at(&p, ".g.tmp")));
    place_close(&p);
}

TEST_MAIN(T(replacing_is_all_or_nothing_at_every_crash_point),
          T(a_full_disk_leaves_half_a_write_and_the_old_file),
          T(a_file_is_never_synced_again_after_a_failed_fsync),
          T(a_lost_reply_to_create_leaves_the_file_and_no_descriptor),
          T(private_files_are_readable_by_their_owner_only),
          T(linking_onto_an_existing_name_says_eexist), T(a_lost_reply_to_rename_has_renamed),
          T(directories_are_made_one_durable_call_each),
          T(a_tree_is_removed_without_following_links), T(reading_names_the_path_and_the_limit),
          T(nothing_is_written_once_dead))
