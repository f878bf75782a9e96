#include "sql/state/ordered.h"

#include "base/durable.h"
#include "tests/support/dir.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

// A store, the state over it, and beside it what it should hold: a sorted list that is copied at every commit.
#define ENTRIES_MAX 4000

struct entry {
    char key[40], value[24];
};
struct model {
    struct entry v[ENTRIES_MAX];
    size_t n;
};

struct place {
    struct test_dir dir;
    struct durable *d;
    struct kv *kv;
    struct kv_txn *read;
    struct ordered *state;
    struct model now, saved;
    uint64_t rng;
    struct err e;
};

static void open_state(struct place *p)
{
    struct str note;
    const struct ordered_spec spec = {0xfeedu, "T", p->kv, &p->read};
    p->state = ordered_new(&spec);
    assert_ok(ordered_begin(p->state, &note, &p->e), &p->e);
}

static struct place *place_open(bool stored)
{
    char path[512];
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->rng = 7;
    if (stored) {
        p->d = durable_new(DURABLE_DEAD);
        test_dir_init(&p->dir);
        const struct kv_spec spec = {.dir = test_dir_file(path, &p->dir, "state"),
                                     .mode = KV_OWNER,
                                     .map_bytes_max = 64 << 20,
                                     .durable = p->d};
        assert_ok(kv_open(&p->kv, &spec, &p->e), &p->e);
    }
    open_state(p);
    return p;
}

static void place_close(struct place *p)
{
    ordered_free(p->state);
    kv_abort(p->read);
    if (p->kv) {
        kv_close(p->kv);
        durable_free(p->d);
        test_dir_fini(&p->dir);
    }
    free(p);
}

static unsigned below(struct place *p, unsigned n)
{
    p->rng = p->rng * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(p->rng >> 33) % n;
}

static size_t position(const struct model *m, const char *key)
{
    size_t i = 0;
    while (i < m->n && strcmp(m->v[i].key, key) < 0)
        i++;
    return i;
}

static void model_put(struct model *m, const char *key, const char *value)
{
    const size_t i = position(m, key);
    if (i == m->n || strcmp(m->v[i].key, key) != 0) {
        assert_true(m->n < ENTRIES_MAX);
        memmove(&m->v[i + 1], &m->v[i], (m->n++ - i) * sizeof m->v[0]);
    }
    (void)snprintf(m->v[i].key, sizeof m->v[i].key, "%s", key);
    (void)snprintf(m->v[i].value, sizeof m->v[i].value, "%s", value);
}

static void model_del(struct model *m, const char *key)
{
    const size_t i = position(m, key);
    if (i < m->n && strcmp(m->v[i].key, key) == 0)
        memmove(&m->v[i], &m->v[i + 1], (--m->n - i) * sizeof m->v[0]);
}

static void change(struct place *p)
{
    char key[40], value[24];
    (void)snprintf(key, sizeof key, "%c/%04u", 'a' + (int)below(p, 3), below(p, 900));
    (void)snprintf(value, sizeof value, "v%u", below(p, 100000));
    if (below(p, 3)) {
        ordered_put(p->state, str_from(key), str_from(value));
        model_put(&p->now, key, value);
    } else {
        ordered_del(p->state, str_from(key));
        model_del(&p->now, key);
    }
}

// Everything with the prefix from `from` on, as in the model.
static void scan(struct place *p, const char *prefix, const char *from)
{
    struct ordered_scan *c;
    struct str key;
    struct str value;
    enum kv_found found;
    size_t i = position(&p->now, from);
    assert_ok(ordered_open(&c, p->state, str_from(prefix), str_from(from), &p->e), &p->e);
    while ((found = ordered_next(c, &key, &value, &p->e)) == KV_FOUND) {
        assert_true(i < p->now.n);
        assert_true(str_eq(key, str_from(p->now.v[i].key)));
        assert_true(str_eq(value, str_from(p->now.v[i++].value)));
    }
    assert_int_equal(found, KV_ABSENT);
    assert_true(i == p->now.n || strncmp(p->now.v[i].key, prefix, strlen(prefix)) != 0);
    ordered_close(c);
}

static void end_read(struct place *p)
{
    kv_abort(p->read);
    p->read = NULL;
}

static void commit(struct place *p, const char *expired_prefix, const char *upto)
{
    struct kv_txn *t;
    struct str note;
    end_read(p);
    if (p->kv) {
        assert_ok(kv_begin_write(&t, p->kv, &p->e), &p->e);
        assert_ok(ordered_save(p->state, t, STR("note"), &p->e), &p->e);
        if (upto)
            assert_ok(ordered_expire(p->state, t, str_from(expired_prefix), str_from(upto), &p->e),
                      &p->e);
        assert_ok(kv_commit(t, &p->e), &p->e);
    }
    ordered_committed(p->state);
    p->saved = p->now;
    assert_ok(ordered_begin(p->state, &note, &p->e), &p->e);
    assert_true(!p->kv || str_eq(note, STR("note")));
}

static void roll_back(struct place *p)
{
    struct str note;
    end_read(p);
    ordered_rollback(p->state);
    p->now = p->saved;
    assert_ok(ordered_begin(p->state, &note, &p->e), &p->e);
}

static void check_model(bool stored)
{
    struct place *p = place_open(stored);
    for (unsigned round = 0; round < 120; round++) {
        for (unsigned n = below(p, 80); n > 0; n--)
            change(p);
        scan(p, "", "");
        scan(p, "b/", "b/");
        scan(p, "b/0", "b/0455");
        scan(p, "c/", "c/0899");
        scan(p, "d", "d");
        const unsigned what = below(p, 4);
        if (what == 0)
            commit(p, NULL, NULL);
        else if (what == 1 && stored)
            roll_back(p);
        if (what == 0 && stored && below(p, 2)) {
            end_read(p);
            ordered_free(p->state);
            open_state(p);
        }
    }
    assert_true(p->now.n > 300);
    place_close(p);
}

TEST(changes_over_a_store_are_walked_in_order_through_commits_rollbacks_and_restarts)
{
    check_model(true);
}

TEST(without_a_store_everything_stays_in_memory_until_a_rollback)
{
    check_model(false);
    struct place *p = place_open(false);
    change(p);
    roll_back(p);
    p->now.n = 0;
    scan(p, "", "");
    place_close(p);
}

TEST(what_has_expired_goes_run_by_run_and_nothing_else)
{
    struct place *p = place_open(true);
    for (unsigned i = 0; i < 300; i++) {
        char key[40];
        (void)snprintf(key, sizeof key, "%c/%02u/%u", 'a' + (int)(i % 2), i % 30, i);
        ordered_put(p->state, str_from(key), STR("x"));
        model_put(&p->now, key, "x");
    }
    commit(p, NULL, NULL);
    for (size_t i = 0; i < p->now.n;)
        if (strncmp(p->now.v[i].key, "a/", 2) == 0 && strncmp(p->now.v[i].key, "a/17", 4) < 0)
            model_del(&p->now, p->now.v[i].key);
        else
            i++;
    assert_true(p->now.n > 150 && p->now.n < 290);
    commit(p, "a/", "a/17");
    scan(p, "", "");
    place_close(p);
}

TEST(parts_of_any_length_are_told_apart_and_bounded)
{
    struct buf x, y;
    char text[2000];
    memset(text, 'a', sizeof text);
    buf_init(&x, 10000);
    buf_init(&y, 10000);
    for (size_t n = 0; n < sizeof text; n += 37) {
        buf_clear(&x);
        ordered_part(&x, (struct str){text, n});
        assert_true(x.n <= ORDERED_PART_MAX);
        if (n < 200)
            continue;
        text[n - 1] = 'b'; // behind what is kept as it is
        buf_clear(&y);
        ordered_part(&y, (struct str){text, n});
        assert_int_equal(x.n, y.n);
        assert_memory_not_equal(x.p, y.p, x.n);
        text[n - 1] = 'a';
    }
    buf_fini(&x);
    buf_fini(&y);
}

TEST_MAIN(T(changes_over_a_store_are_walked_in_order_through_commits_rollbacks_and_restarts),
          T(without_a_store_everything_stays_in_memory_until_a_rollback),
          T(what_has_expired_goes_run_by_run_and_nothing_else),
          T(parts_of_any_length_are_told_apart_and_bounded))
