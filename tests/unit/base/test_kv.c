#include "base/kv.h"

#include "base/arena.h"
#include "base/durable.h"
#include "tests/support/dir.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    struct test_dir dir;
    struct durable *d;
    char state[512];
    struct err e;
};

static struct place place_open(void)
{
    struct place p = {.d = durable_new(DURABLE_DEAD)};
    test_dir_init(&p.dir);
    test_dir_file(p.state, &p.dir, "deep/state");
    return p;
}

static void place_close(struct place *p)
{
    durable_free(p->d);
    test_dir_fini(&p->dir);
}

static struct kv *open_kv(struct place *p, enum kv_mode mode)
{
    struct kv *s = NULL;
    const struct kv_spec spec = {
        .dir = p->state, .mode = mode, .map_bytes_max = 16 << 20, .durable = p->d};
    assert_ok(kv_open(&s, &spec, &p->e), &p->e);
    return s;
}

static struct kv_txn *write_txn(struct place *p, struct kv *s)
{
    struct kv_txn *t = NULL;
    assert_ok(kv_begin_write(&t, s, &p->e), &p->e);
    return t;
}

static void put(struct place *p, struct kv_txn *t, const char *key, const char *value)
{
    assert_ok(kv_put(t, KV_META, str_from(key), str_from(value), &p->e), &p->e);
}

static bool put_one(struct place *p, struct kv *s, const char *key, const char *value)
{
    struct kv_txn *t = write_txn(p, s);
    put(p, t, key, value);
    return kv_commit(t, &p->e);
}

// The value, or "-" when absent; checked against want.
static void expect(struct place *p, struct kv *s, const char *key, const char *want)
{
    struct kv_txn *t = NULL;
    struct str v = STR("-");
    assert_ok(kv_begin_read(&t, s, &p->e), &p->e);
    assert_int_not_equal(kv_get(&v, t, KV_META, str_from(key), &p->e), KV_FAILED);
    assert_str(v, want);
    kv_abort(t);
}

TEST(what_was_committed_is_there_after_reopening)
{
    struct place p = place_open();
    struct kv *s = open_kv(&p, KV_OWNER);
    assert_ok(put_one(&p, s, "k", "v"), &p.e);
    struct kv_txn *t = write_txn(&p, s);
    put(&p, t, "k", "lost");
    kv_abort(t);
    kv_close(s);
    struct stat st;
    assert_int_equal(stat(p.state, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    s = open_kv(&p, KV_OWNER);
    expect(&p, s, "k", "v");
    kv_close(s);
    place_close(&p);
}

TEST(a_commit_is_whole_or_absent_at_every_fault)
{
    static const struct {
        const char *fault;
        enum err_kind kind;
        const char *value;
    } cases[] = {{"state.commit:1:crash", ERR_CANCELLED, "old"},
                 {"state.commit:1:error", ERR_IO, "old"},
                 {"state.commit:1:crash_after", ERR_CANCELLED, "new"},
                 {"state.commit:1:reply_lost", ERR_IO, "new"}};
    for (size_t i = 0; i < 4; i++) {
        struct place p = place_open();
        struct kv *s = open_kv(&p, KV_OWNER);
        assert_ok(put_one(&p, s, "k", "old"), &p.e);
        assert_ok(durable_parse_faults(p.d, cases[i].fault, &p.e), &p.e);
        assert_fails(put_one(&p, s, "k", "new"), &p.e, cases[i].kind, "state.commit");
        assert_true(durable_fired(p.d));
        kv_close(s);
        assert_ok(durable_parse_faults(p.d, "", &p.e), &p.e);
        s = open_kv(&p, KV_OWNER);
        expect(&p, s, "k", cases[i].value);
        kv_close(s);
        place_close(&p);
    }
}

TEST(a_crash_while_the_store_is_made_leaves_one_that_opens)
{
    static const char *const faults[] = {"state.mkdir:1:crash_after",
                                         "state.mkdir:2:crash",
                                         "state.create:1:crash",
                                         "state.create:1:crash_after",
                                         "state.create:1:reply_lost",
                                         "state.create.fsync:1:crash",
                                         "state.create.fsync:1:error",
                                         "state.create.rename:1:crash",
                                         "state.create.rename:1:crash_after",
                                         "state.create.rename:1:reply_lost",
                                         "state.dirsync:1:crash"};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct place p = place_open();
        struct kv *s = NULL;
        const struct kv_spec spec = {
            .dir = p.state, .mode = KV_OWNER, .map_bytes_max = 16 << 20, .durable = p.d};
        assert_ok(durable_parse_faults(p.d, faults[i], &p.e), &p.e);
        assert_false(kv_open(&s, &spec, &p.e));
        assert_null(s);
        assert_true(durable_fired(p.d));
        assert_ok(durable_parse_faults(p.d, "", &p.e), &p.e);
        s = open_kv(&p, KV_OWNER);
        assert_ok(put_one(&p, s, "k", "v"), &p.e);
        kv_close(s);
        place_close(&p);
    }
}

// As a power cut leaves it: the name is there, of the first pages only a part.
TEST(a_store_whose_making_lost_power_is_made_again)
{
    struct place p = place_open();
    char path[600] = "";
    (void)snprintf(path, sizeof path, "%s/data.mdb", p.state);
    assert_ok(durable_mkdirs(p.d, "state.mkdir", p.state, 0700, &p.e), &p.e);
    const int empty = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(close(empty), 0);
    (void)snprintf(path, sizeof path, "%s/data.mdb.new", p.state);
    const int torn = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(torn, path, 512), 512);
    assert_int_equal(close(torn), 0);
    struct kv *s = NULL;
    const struct kv_spec reader = {.dir = p.state, .mode = KV_READER};
    assert_false(kv_open(&s, &reader, &p.e));
    assert_non_null(strstr(p.e.text, "no state store"));
    err_clear(&p.e);
    s = open_kv(&p, KV_OWNER);
    assert_ok(put_one(&p, s, "k", "v"), &p.e);
    kv_close(s);
    assert_int_not_equal(access(path, F_OK), 0);
    place_close(&p);
}

TEST(a_second_owner_is_told_who_holds_it)
{
    struct place p = place_open();
    struct kv *s = open_kv(&p, KV_OWNER);
    const pid_t child = fork();
    if (child == 0) {
        struct kv *second = NULL;
        struct durable *d = durable_new(DURABLE_DEAD);
        const struct kv_spec spec = {.dir = p.state, .mode = KV_OWNER, .durable = d};
        char want[64];
        snprintf(want, sizeof want, "in use by process %d", (int)getppid());
        if (kv_open(&second, &spec, &p.e) || p.e.kind != ERR_FENCED)
            _exit(1);
        _exit(strstr(p.e.text, want) || strstr(p.e.text, "another process") ? 0 : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    kv_close(s);
    s = open_kv(&p, KV_OWNER);
    kv_close(s);
    place_close(&p);
}

TEST(a_reader_in_another_process_sees_its_own_snapshot)
{
    struct place p = place_open();
    struct kv *s = open_kv(&p, KV_OWNER);
    assert_ok(put_one(&p, s, "k", "one"), &p.e);
    int to[2], from[2];
    assert_true(pipe(to) == 0 && pipe(from) == 0);
    const pid_t child = fork();
    if (child == 0) {
        struct kv *r = NULL;
        struct kv_txn *t = NULL;
        struct str v = STR("-");
        char c = 'r';
        const struct kv_spec spec = {.dir = p.state, .mode = KV_READER, .map_bytes_max = 16 << 20};
        if (!kv_open(&r, &spec, &p.e) || !kv_begin_read(&t, r, &p.e))
            _exit(1);
        if (write(from[1], &c, 1) != 1 || read(to[0], &c, 1) != 1)
            _exit(2);
        if (kv_get(&v, t, KV_META, STR("k"), &p.e) != KV_FOUND || !str_eq(v, STR("one")))
            _exit(3);
        kv_abort(t);
        if (!kv_begin_read(&t, r, &p.e) || kv_get(&v, t, KV_META, STR("k"), &p.e) != KV_FOUND ||
            !str_eq(v, STR("two")))
            _exit(4);
        kill(getpid(), SIGKILL); // leaves its reader slot behind
    }
    char c = 0;
    assert_int_equal(read(from[0], &c, 1), 1);
    assert_ok(put_one(&p, s, "k", "two"), &p.e);
    assert_int_equal(write(to[1], &c, 1), 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    for (int i = 0; i < 3; i++)
        close(i == 0 ? to[0] : i == 1 ? to[1] : from[0]);
    close(from[1]);
    // The dead reader's snapshot does not keep pages: rewriting the same row does not grow the file.
    char value[3000], data[600];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    snprintf(data, sizeof data, "%s/data.mdb", p.state);
    struct stat before, after;
    for (int i = 0; i < 50; i++) {
        assert_ok(put_one(&p, s, "k", value), &p.e);
        if (i == 10)
            assert_int_equal(stat(data, &before), 0);
    }
    assert_int_equal(stat(data, &after), 0);
    assert_true(after.st_size <= before.st_size + 8192);
    kv_close(s);
    place_close(&p);
}

TEST(a_reader_of_nothing_says_that_there_is_no_state)
{
    struct place p = place_open();
    struct kv *s = NULL;
    const struct kv_spec spec = {.dir = p.state, .mode = KV_READER};
    assert_fails(kv_open(&s, &spec, &p.e), &p.e, ERR_IO, "no state store in");
    assert_false(file_exists(p.state));
    place_close(&p);
}

static void expect_walk(struct place *p, struct kv_txn *t, const char *prefix, const char *from,
                        enum kv_found (*move)(struct kv_cursor *, struct str *, struct str *,
                                              struct err *),
                        const char *want)
{
    struct kv_cursor *c = NULL;
    struct str k, v;
    char got[200] = "";
    size_t n = 0;
    assert_ok(kv_cursor_open(&c, t, KV_META, str_from(prefix), str_from(from), &p->e), &p->e);
    while (move(c, &k, &v, &p->e) == KV_FOUND)
        n += (size_t)snprintf(got + n, sizeof got - n, "%.*s ", STR_ARG(k));
    assert_int_equal(move(c, &k, &v, &p->e), KV_ABSENT);
    kv_cursor_close(c);
    assert_string_equal(got, want);
}

TEST(walks_stay_inside_their_prefix_in_both_directions)
{
    struct place p = place_open();
    struct kv *s = open_kv(&p, KV_OWNER);
    struct kv_txn *t = write_txn(&p, s);
    expect_walk(&p, t, "", "", kv_cursor_next, "");
    expect_walk(&p, t, "", "", kv_cursor_prev, "");
    const char *const keys[] = {"b1", "a", "b3", "b", "c", "b2", "\xff\xff", "\xff"};
    for (size_t i = 0; i < 8; i++)
        put(&p, t, keys[i], "v");
    expect_walk(&p, t, "b", "", kv_cursor_next, "b b1 b2 b3 ");
    expect_walk(&p, t, "b", "b2", kv_cursor_next, "b2 b3 ");
    expect_walk(&p, t, "b", "a", kv_cursor_next, "b b1 b2 b3 ");
    expect_walk(&p, t, "b", "c", kv_cursor_next, "");
    expect_walk(&p, t, "b", "", kv_cursor_prev, "b3 b2 b1 b ");
    expect_walk(&p, t, "b", "b2", kv_cursor_prev, "b2 b1 b ");
    expect_walk(&p, t, "b", "b25", kv_cursor_prev, "b2 b1 b ");
    expect_walk(&p, t, "\xff", "", kv_cursor_prev, "\xff\xff \xff ");
    expect_walk(&p, t, "\xff\xff", "", kv_cursor_next, "\xff\xff ");
    expect_walk(&p, t, "x", "", kv_cursor_prev, "");
    expect_walk(&p, t, "", "", kv_cursor_next, "a b b1 b2 b3 c \xff \xff\xff ");
    kv_abort(t);
    kv_close(s);
    place_close(&p);
}

TEST(deleting_takes_one_key_a_prefix_or_a_whole_table)
{
    struct place p = place_open();
    struct kv *s = open_kv(&p, KV_OWNER);
    struct kv_txn *t = write_txn(&p, s);
    char key[32];
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "%c%04d", 'a' + i % 3, i);
        put(&p, t, key, "value");
    }
    assert_ok(kv_put(t, KV_RUN, STR("other"), STR("x"), &p.e), &p.e);
    assert_ok(kv_del(t, KV_META, STR("a0000"), &p.e), &p.e);
    assert_ok(kv_del(t, KV_META, STR("a0000"), &p.e), &p.e);
    assert_int_equal(kv_count(t, KV_META), 2999);
    assert_ok(kv_del_prefix(t, KV_META, STR("b"), &p.e), &p.e);
    assert_ok(kv_del_prefix(t, KV_META, STR("none"), &p.e), &p.e);
    assert_int_equal(kv_count(t, KV_META), 1999);
    struct str v;
    assert_int_equal(kv_get(&v, t, KV_META, STR("b0001"), &p.e), KV_ABSENT);
    assert_int_equal(kv_get(&v, t, KV_META, STR("c0002"), &p.e), KV_FOUND);
    assert_ok(kv_del_prefix(t, KV_META, STR_NONE, &p.e), &p.e);
    assert_int_equal(kv_count(t, KV_META), 0);
    assert_int_equal(kv_count(t, KV_RUN), 1);
    assert_ok(kv_commit(t, &p.e), &p.e);
    kv_close(s);
    place_close(&p);
}

TEST(a_full_map_is_a_limit_and_loses_nothing)
{
    struct place p = place_open();
    struct kv *s = NULL;
    const struct kv_spec spec = {
        .dir = p.state, .mode = KV_OWNER, .map_bytes_max = 256 << 10, .durable = p.d};
    assert_ok(kv_open(&s, &spec, &p.e), &p.e);
    assert_ok(put_one(&p, s, "k", "v"), &p.e);
    struct kv_txn *t = write_txn(&p, s);
    char key[32], value[2000];
    memset(value, 'x', sizeof value);
    bool ok = true;
    for (int i = 0; ok && i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        ok = kv_put(t, KV_META, str_from(key), (struct str){value, sizeof value}, &p.e);
    }
    assert_fails(ok, &p.e, ERR_LIMIT, "is full");
    kv_abort(t);
    expect(&p, s, "k", "v");
    assert_ok(put_one(&p, s, "k", "w"), &p.e);
    kv_close(s);
    place_close(&p);
}

TEST(network_file_systems_are_named)
{
    assert_string_equal(kv_refused_filesystem(0x6969), "NFS");
    assert_string_equal(kv_refused_filesystem((unsigned long)(long)(int32_t)0xFF534D42), "SMB");
    assert_string_equal(kv_refused_filesystem(0x65735546), "FUSE");
    assert_null(kv_refused_filesystem(0xEF53));
    assert_null(kv_refused_filesystem(0x01021994)); // tmpfs
}

TEST_MAIN(T(what_was_committed_is_there_after_reopening),
          T(a_commit_is_whole_or_absent_at_every_fault),
          T(a_crash_while_the_store_is_made_leaves_one_that_opens),
          T(a_store_whose_making_lost_power_is_made_again), T(a_second_owner_is_told_who_holds_it),
          T(a_reader_in_another_process_sees_its_own_snapshot),
          T(a_reader_of_nothing_says_that_there_is_no_state),
          T(walks_stay_inside_their_prefix_in_both_directions),
          T(deleting_takes_one_key_a_prefix_or_a_whole_table),
          T(a_full_map_is_a_limit_and_loses_nothing), T(network_file_systems_are_named))
