#include "sql/state/groups.h"

#include "base/durable.h"
#include "base/hash.h"
#include "base/kv.h"
#include "tests/support/dir.h"
#include "tests/support/test.h"

#include <stdio.h>

struct place {
    struct test_dir dir;
    struct durable *d;
    struct kv *kv;
    struct kv_txn *read;
    struct groups *groups;
    struct err e;
};

static void sum_init(const void *ctx, void *state)
{
    assert_ptr_equal(ctx, NULL);
    *(uint64_t *)state = 0;
}

static void sum_save(const void *ctx, struct buf *out, const void *state)
{
    assert_ptr_equal(ctx, NULL);
    buf_le64(out, *(const uint64_t *)state);
}

static bool sum_load(const void *ctx, void *state, struct cursor *in, struct err *e)
{
    assert_ptr_equal(ctx, NULL);
    return cur_le64(in, state) || err_fail(e, ERR_DATA, "short");
}

static int64_t sum_time(const void *ctx, const void *state)
{
    assert_ptr_equal(ctx, NULL);
    return *(const int64_t *)state;
}

static const struct groups_type sum_type = {
    .init = sum_init, .save = sum_save, .load = sum_load, .time = sum_time};

static void open_groups(struct place *p, enum groups_shape shape)
{
    const struct groups_spec spec = {.id = 0xfeedu,
                                     .name = "T",
                                     .shape = shape,
                                     .state_bytes = 16,
                                     .type = &sum_type,
                                     .kv = p->kv,
                                     .read = &p->read};
    p->groups = groups_new(&spec);
    assert_ok(groups_begin(p->groups, &p->e), &p->e);
}

static void place_open(struct place *p, enum groups_shape shape)
{
    char path[512];
    *p = (struct place){.d = durable_new(DURABLE_DEAD)};
    test_dir_init(&p->dir);
    const struct kv_spec spec = {.dir = test_dir_file(path, &p->dir, "state"),
                                 .mode = KV_OWNER,
                                 .map_bytes_max = 64 << 20,
                                 .durable = p->d};
    assert_ok(kv_open(&p->kv, &spec, &p->e), &p->e);
    open_groups(p, shape);
}

static void place_close(struct place *p)
{
    groups_free(p->groups);
    kv_abort(p->read);
    kv_close(p->kv);
    durable_free(p->d);
    test_dir_fini(&p->dir);
}

static void end_read(struct place *p)
{
    kv_abort(p->read);
    p->read = NULL;
}

static struct group *find(struct place *p, const char *key, int64_t window)
{
    struct group *g = NULL;
    const struct str k = str_from(key);
    assert_ok(groups_get(&g, p->groups, groups_key(p->groups, k, hash_str(k)), window, &p->e),
              &p->e);
    return g;
}

static void add(struct place *p, const char *key, int64_t window, uint64_t n)
{
    struct group *g = find(p, key, window);
    groups_touch(p->groups, g);
    g->present = true;
    g->rowtime = 7;
    *(uint64_t *)group_state(g) += n;
}

static void commit(struct place *p, int64_t expired, size_t cache_max)
{
    struct kv_txn *t;
    end_read(p);
    assert_ok(kv_begin_write(&t, p->kv, &p->e), &p->e);
    assert_ok(groups_save(p->groups, t, expired, &p->e), &p->e);
    assert_ok(kv_commit(t, &p->e), &p->e);
    groups_committed(p->groups, cache_max);
    assert_ok(groups_begin(p->groups, &p->e), &p->e);
}

static uint64_t value(struct place *p, const char *key, int64_t window)
{
    struct group *g = find(p, key, window);
    return g->present ? *(uint64_t *)group_state(g) : UINT64_MAX;
}

TEST(groups_survive_a_new_process_whatever_the_length_of_their_key)
{
    struct place p;
    char longest[2001];
    const char *keys[5]; // of 1, 400, 501, 502 and 2000 bytes
    memset(longest, 'a', 2000);
    longest[2000] = '\0';
    place_open(&p, GROUPS_PLAIN);
    for (size_t i = 0; i < 5; i++) {
        keys[i] = longest + 2000 - (size_t[]){1, 400, 501, 502, 2000}[i];
        add(&p, keys[i], 0, i + 1);
    }
    *groups_stream_time(p.groups) = 99;
    commit(&p, INT64_MIN, 1 << 20);
    end_read(&p);
    groups_free(p.groups);
    open_groups(&p, GROUPS_PLAIN);
    assert_int_equal(*groups_stream_time(p.groups), 99);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(value(&p, keys[i], 0), i + 1);
    assert_int_equal(find(&p, keys[4], 0)->rowtime, 7);
    assert_int_equal(value(&p, "other", 0), UINT64_MAX);
    place_close(&p);
}

TEST(a_rollback_brings_the_committed_state_back)
{
    struct place p;
    place_open(&p, GROUPS_PLAIN);
    add(&p, "a", 0, 1);
    *groups_stream_time(p.groups) = 5;
    commit(&p, INT64_MIN, 1 << 20);
    add(&p, "a", 0, 10);
    add(&p, "b", 0, 10);
    *groups_stream_time(p.groups) = 50;
    end_read(&p);
    groups_rollback(p.groups);
    assert_ok(groups_begin(p.groups, &p.e), &p.e);
    assert_int_equal(*groups_stream_time(p.groups), 5);
    assert_int_equal(value(&p, "a", 0), 1);
    assert_int_equal(value(&p, "b", 0), UINT64_MAX);
    place_close(&p);
}

TEST(a_small_cache_forgets_clean_groups_and_loads_them_again)
{
    struct place p;
    char key[32];
    place_open(&p, GROUPS_PLAIN);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3000; i++) {
            (void)snprintf(key, sizeof key, "k%d", i);
            add(&p, key, 0, 1);
        }
        assert_true(groups_dirty_bytes(p.groups) > 3000 * 16);
        commit(&p, INT64_MIN, 1000);
        assert_int_equal(groups_dirty_bytes(p.groups), 0);
    }
    assert_int_equal(value(&p, "k0", 0), 3);
    assert_int_equal(value(&p, "k2999", 0), 3);
    place_close(&p);
}

TEST(dirty_groups_come_in_key_and_window_order)
{
    struct place p;
    size_t n;
    place_open(&p, GROUPS_WINDOWED);
    add(&p, "b", 10, 1);
    add(&p, "a", 20, 1);
    add(&p, "b", 0, 1);
    add(&p, "a", 10, 1);
    struct group *const *dirty = groups_dirty(p.groups, &n);
    assert_int_equal(n, 4);
    assert_str(group_key_bytes(dirty[0]->key), "a");
    assert_int_equal(dirty[0]->window_start, 10);
    assert_int_equal(dirty[1]->window_start, 20);
    assert_str(group_key_bytes(dirty[2]->key), "b");
    assert_int_equal(dirty[2]->window_start, 0);
    place_close(&p);
}

TEST(expired_windows_leave_the_store_and_deleted_groups_too)
{
    struct place p;
    struct kv_txn *t;
    place_open(&p, GROUPS_WINDOWED);
    for (int64_t start = 0; start < 100; start += 10) {
        add(&p, "a", start, 1);
        add(&p, "b", start, 1);
    }
    commit(&p, INT64_MIN, 1 << 20);
    struct group *g = find(&p, "a", 90);
    groups_touch(p.groups, g);
    g->present = false;
    add(&p, "b", 10, 1); // expires in the same commit: not written again
    commit(&p, 50, 0);
    end_read(&p);
    assert_ok(kv_begin_read(&t, p.kv, &p.e), &p.e);
    assert_int_equal(kv_count(t, KV_STATE), 2 * 5 - 1 + 1); // windows from 50, one deleted, meta
    kv_abort(t);
    assert_int_equal(value(&p, "a", 50), 1);
    assert_int_equal(value(&p, "a", 90), UINT64_MAX);
    assert_int_equal(value(&p, "b", 10), UINT64_MAX);
    place_close(&p);
}

static void check_stored(struct place *p, int64_t from, int64_t to, const char *want, int64_t next)
{
    struct group_list found = {0};
    struct buf text;
    int64_t beyond;
    buf_init(&text, 1 << 16);
    assert_ok(groups_stored(&found, &beyond, p->groups, from, to, &p->e), &p->e);
    for (size_t i = 0; i < found.of.n; i++) {
        const struct str key = group_key_bytes(found.of.v[i]->key);
        buf_printf(&text, "%.3s=%llu ", key.p,
                   (unsigned long long)*(uint64_t *)group_state(found.of.v[i]));
    }
    buf_char(&text, '\0');
    assert_string_equal(text.p, want);
    assert_int_equal(beyond, next);
    vec_fini(&found.of);
    buf_fini(&text);
}

TEST(stored_groups_are_found_by_their_time_and_expire_by_it)
{
    struct place p;
    char long_key[600];
    memset(long_key, 'x', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = 0;
    place_open(&p, GROUPS_TIMED);
    add(&p, "aaa", 0, 30);
    add(&p, "bbb", 0, 10);
    add(&p, long_key, 0, 20);
    check_stored(&p, 0, 100, "", INT64_MAX); // as the batch began
    commit(&p, INT64_MIN, 0);
    check_stored(&p, 0, 20, "bbb=10 xxx=20 ", 30);
    check_stored(&p, 40, 50, "", INT64_MAX);
    add(&p, "bbb", 0, 35); // its time is 45 now
    find(&p, "aaa", 0)->present = false;
    groups_touch(p.groups, find(&p, "aaa", 0));
    commit(&p, INT64_MIN, 0);
    check_stored(&p, 0, 100, "xxx=20 bbb=45 ", INT64_MAX);
    commit(&p, 40, 0);
    check_stored(&p, 0, 100, "bbb=45 ", INT64_MAX);
    assert_int_equal(value(&p, long_key, 0), UINT64_MAX);
    place_close(&p);
}

TEST(stored_windows_are_found_by_their_start)
{
    struct place p;
    place_open(&p, GROUPS_WINDOWED);
    add(&p, "bbb", 10, 1);
    add(&p, "aaa", 20, 2);
    add(&p, "aaa", 10, 3);
    add(&p, "aaa", 30, 4);
    commit(&p, INT64_MIN, 0);
    check_stored(&p, 0, 20, "aaa=3 bbb=1 aaa=2 ", 30);
    place_close(&p);
}

TEST(malformed_state_is_an_error_not_a_crash)
{
    struct place p;
    struct kv_txn *t;
    struct kv_cursor *c;
    struct str key;
    struct str bytes;
    char copy[64];
    struct group *g;
    place_open(&p, GROUPS_PLAIN);
    add(&p, "a", 0, 1);
    commit(&p, INT64_MIN, 0);
    end_read(&p);
    assert_ok(kv_begin_write(&t, p.kv, &p.e), &p.e);
    assert_ok(kv_cursor_open(&c, t, KV_STATE, STR(""), STR(""), &p.e), &p.e);
    assert_int_equal(kv_cursor_next(c, &key, &bytes, &p.e), KV_FOUND);
    memcpy(copy, key.p, key.n);
    const struct str own = {copy, key.n};
    kv_cursor_close(c);
    assert_ok(kv_put(t, KV_STATE, own, STR("short"), &p.e), &p.e);
    assert_ok(kv_commit(t, &p.e), &p.e);
    groups_rollback(p.groups);
    assert_ok(groups_begin(p.groups, &p.e), &p.e);
    const struct str k = STR("a");
    assert_fails(groups_get(&g, p.groups, groups_key(p.groups, k, hash_str(k)), 0, &p.e), &p.e,
                 ERR_DATA, "malformed");
    place_close(&p);
}

TEST_MAIN(T(stored_groups_are_found_by_their_time_and_expire_by_it),
          T(stored_windows_are_found_by_their_start),
          T(groups_survive_a_new_process_whatever_the_length_of_their_key),
          T(a_rollback_brings_the_committed_state_back),
          T(a_small_cache_forgets_clean_groups_and_loads_them_again),
          T(dirty_groups_come_in_key_and_window_order),
          T(expired_windows_leave_the_store_and_deleted_groups_too),
          T(malformed_state_is_an_error_not_a_crash))
