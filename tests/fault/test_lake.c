// Every durable call of staging, publishing and trimming, each failing in each way: after opening again and going on as the
// commit protocol does, the lake is byte for byte what it is without any fault.
#include "tests/support/lake_rows.h"
#include "tests/support/test.h"

#include "base/durable.h"
#include "lake/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { BATCHES = 3, OUTPUTS = 3 }; // the third batch trims the first version

struct world {
    struct test_dir dir;
    char root[512];
    struct arena *a;
    struct lake_output outputs[OUTPUTS];
    struct buf
        decided;   // manifest of the decided batch; empty = none. What the state store would hold.
    uint64_t next; // batch to run
};

static void world_init(struct world *w)
{
    // Crashes are simulated, so real fsyncs would only cost time: a thousand lakes are written here.
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    test_dir_init(&w->dir);
    test_dir_file(w->root, &w->dir, "lake");
    w->a = arena_new(NULL);
    w->outputs[0] = lake_rows_stream(w->a, "S", LAKE_JSONL, LAKE_GZIP);
    w->outputs[1] = lake_rows_stream(w->a, "C", LAKE_CSV, LAKE_ZSTD);
    w->outputs[1].file_bytes_max = 4096;
    w->outputs[2] = lake_rows_table(w->a, "T");
    buf_init(&w->decided, 1 << 24);
    w->next = 1;
}

static void world_fini(struct world *w)
{
    buf_fini(&w->decided);
    arena_free(w->a);
    test_dir_fini(&w->dir);
}

static bool deliver(struct world *w, struct lake *lake, struct arena *a, struct err *e)
{
    struct lake_manifest m;
    if (!lake_manifest_read(&m, a, buf_view(&w->decided), e) || !lake_publish(lake, &m, e) ||
        !lake_trim_versions(lake, &m, e))
        return false;
    buf_clear(&w->decided);
    w->next++;
    return true;
}

static bool decide(struct world *w, struct lake *lake, struct arena *a, struct err *e)
{
    const struct lake_rows_batch spec = {
        .batch = w->next,
        .prev = w->next - 1,
        .digest = w->next * 1000,
        .prev_digest = (w->next - 1) * 1000,
        .version = w->next,
        .first = (w->next - 1) * 700,
        .rows = 700,
        .outputs = w->outputs,
        .count = OUTPUTS,
    };
    struct lake_manifest m;
    if (!lake_rows_stage(&m, a, lake, &spec, e))
        return false;
    lake_manifest_write(&w->decided, &m);
    return true;
}

// From wherever the world stands to its last batch, as a job run does: open, deliver what is decided, clean, go on.
static bool run(struct world *w, struct durable *d, struct err *e)
{
    struct lake *lake = NULL;
    struct arena *a = arena_new(NULL);
    bool ok = lake_open(&lake, w->root, LAKE_OPEN_CREATE, d, e);
    if (ok && w->decided.n > 0)
        ok = deliver(w, lake, a, e);
    ok = ok && lake_stage_clean(lake, "job", 0, 0, e);
    while (ok && w->next <= BATCHES)
        ok = decide(w, lake, a, e) && deliver(w, lake, a, e);
    lake_close(lake);
    arena_free(a);
    return ok;
}

static void expect_sound(const struct world *w)
{
    struct err e = {0};
    struct lake *lake;
    struct lake_verify v;
    struct durable *d = durable_new(DURABLE_DEAD);
    assert_ok(lake_open(&lake, w->root, LAKE_OPEN_EXISTING, d, &e), &e);
    assert_ok(lake_verify(&v, w->a, lake, STR_NONE, &e), &e);
    for (size_t i = 0; i < v.count; i++)
        print_error("%.*s: %.*s\n", STR_ARG(v.findings[i].path), STR_ARG(v.findings[i].text));
    assert_int_equal(v.count, 0);
    assert_true(v.rows > 0);
    lake_close(lake);
    durable_free(d);
}

static void expect_tree(const struct world *w, struct str want, const char *what)
{
    struct buf got;
    buf_init(&got, 1 << 24);
    lake_rows_tree(&got, w->root);
    if (!str_eq(buf_view(&got), want))
        fail_msg("%s: the lake differs\n--- is\n%.*s--- should be\n%.*s", what,
                 STR_ARG(buf_view(&got)), STR_ARG(want));
    buf_fini(&got);
}

struct site {
    char name[48];
    uint64_t calls;
};

// The undisturbed run: its tree, and which sites it passed how often.
static size_t reference(struct buf *tree, struct site *sites, size_t max)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    struct durable *d = durable_new(DURABLE_DEAD);
    assert_ok(run(&w, d, &e), &e);
    expect_sound(&w);
    lake_rows_tree(tree, w.root);
    size_t n = durable_site_count(d);
    assert_true(n < max);
    for (size_t i = 0; i < n; i++) {
        uint64_t calls = 0;
        snprintf(sites[i].name, sizeof sites[i].name, "%s", durable_site(d, i, &calls));
        sites[i].calls = calls;
    }
    durable_free(d);
    world_fini(&w);
    return n;
}

static void run_fault(const struct site *site, uint64_t occurrence, enum fault_action action,
                      int sys_errno, struct str want)
{
    struct world w;
    struct err e = {0};
    char what[128];
    snprintf(what, sizeof what, "%.47s:%llu action %d", site->name, (unsigned long long)occurrence,
             (int)action);
    world_init(&w);
    struct durable *d = durable_new(DURABLE_DEAD);
    struct fault_spec fault = {.occurrence = occurrence, .action = action, .sys_errno = sys_errno};
    memcpy(fault.site, site->name, sizeof fault.site);
    durable_set_fault(d, &fault);
    bool ok = run(&w, d, &e);
    if (!durable_fired(d))
        fail_msg("%s: did not happen", what);
    if (ok)
        fail_msg("%s: went unnoticed", what);
    durable_free(d);
    d = durable_new(DURABLE_DEAD);
    err_clear(&e);
    if (!run(&w, d, &e))
        fail_msg("%s: cannot go on: %s", what, e.text);
    expect_tree(&w, want, what);
    durable_free(d);
    world_fini(&w);
}

static void run_all(enum fault_action action, int sys_errno)
{
    struct site sites[64];
    struct buf tree;
    buf_init(&tree, 1 << 24);
    size_t n = reference(&tree, sites, 64);
    assert_true(n >= 15);
    for (size_t i = 0; i < n; i++) {
        for (uint64_t k = 1; k <= sites[i].calls; k++) {
            // The first, a middle and the last call; all of them in the long runs.
            bool picked = k == 1 || k == (sites[i].calls + 1) / 2 || k == sites[i].calls;
            if (picked || test_is_long())
                run_fault(&sites[i], k, action, sys_errno, buf_view(&tree));
        }
    }
    buf_fini(&tree);
}

TEST(a_crash_before_any_durable_call_leaves_a_lake_that_is_rolled_forward)
{
    run_all(FAULT_CRASH_BEFORE, 0);
}

TEST(a_crash_after_any_durable_call_leaves_a_lake_that_is_rolled_forward)
{
    run_all(FAULT_CRASH_AFTER, 0);
}

TEST(an_io_error_of_any_durable_call_is_reported_and_the_next_run_is_right)
{
    run_all(FAULT_ERROR, EIO);
}

TEST(a_full_disk_at_any_durable_call_is_reported_and_the_next_run_is_right)
{
    run_all(FAULT_ERROR, ENOSPC);
}

TEST(a_lost_reply_of_any_durable_call_is_reported_and_the_next_run_is_right)
{
    run_all(FAULT_REPLY_LOST, 0);
}

TEST(an_undisturbed_run_gives_the_same_bytes_twice)
{
    struct site sites[64];
    struct buf one, two;
    buf_init(&one, 1 << 24);
    buf_init(&two, 1 << 24);
    reference(&one, sites, 64);
    reference(&two, sites, 64);
    assert_true(str_eq(buf_view(&one), buf_view(&two)));
    buf_fini(&one);
    buf_fini(&two);
}

TEST(a_failed_fsync_ends_the_stage_and_sealing_it_again_is_refused)
{
    struct world w;
    struct err e = {0};
    struct lake *lake;
    struct lake_stage *st;
    struct lake_manifest m;
    world_init(&w);
    struct durable *d = durable_new(DURABLE_DEAD);
    assert_ok(lake_open(&lake, w.root, LAKE_OPEN_CREATE, d, &e), &e);
    const struct fault_spec fault = {
        .site = "lake.stage.fsync", .occurrence = 1, .action = FAULT_ERROR, .sys_errno = EIO};
    durable_set_fault(d, &fault);
    const struct lake_stage_spec spec = {
        .job = "job", .batch = 1, .outputs = w.outputs, .count = 1};
    assert_ok(lake_stage_begin(&st, lake, &spec, &e), &e);
    struct block *b = lake_rows_block(w.a, w.outputs[0].schema, 0, 10);
    assert_ok(lake_stage_write(st, 0, b, &e), &e);
    assert_fails(lake_stage_seal(st, w.a, &m, &e), &e, ERR_IO,
                 "cannot stage lake files of batch 1");
    assert_int_equal(e.sys_errno, EIO);
    err_clear(&e);
    assert_fails(lake_stage_seal(st, w.a, &m, &e), &e, ERR_BUG, "has failed before");
    err_clear(&e);
    assert_fails(lake_stage_write(st, 0, b, &e), &e, ERR_BUG, "has failed before");
    lake_stage_free(st);
    lake_close(lake);
    durable_free(d);
    world_fini(&w);
}

TEST(a_read_only_lake_is_refused_with_its_path_and_still_read)
{
    struct world w;
    struct err e = {0};
    struct lake *lake;
    struct lake_head h;
    struct lake_manifest m;
    world_init(&w);
    struct durable *d = durable_new(DURABLE_DEAD);
    assert_ok(run(&w, d, &e), &e);
    struct buf before;
    buf_init(&before, 1 << 24);
    lake_rows_tree(&before, w.root);
    const struct fault_spec fault = {
        .occurrence = 1, .action = FAULT_ERROR, .sys_errno = EROFS}; // any site
    durable_set_fault(d, &fault);
    assert_ok(lake_open(&lake, w.root, LAKE_OPEN_EXISTING, d, &e), &e);
    const struct lake_rows_batch spec = {
        .batch = BATCHES + 1, .outputs = w.outputs, .count = OUTPUTS, .rows = 10};
    assert_fails(lake_rows_stage(&m, w.a, lake, &spec, &e), &e, ERR_IO, "cannot stage lake files");
    assert_int_equal(e.sys_errno, EROFS);
    assert_non_null(strstr(e.text, "staging-4"));
    err_clear(&e);
    assert_ok(lake_head(lake, "job", 0, &h, &e), &e);
    assert_int_equal(h.batch, BATCHES);
    lake_close(lake);
    expect_tree(&w, buf_view(&before), "read-only");
    buf_fini(&before);
    durable_free(d);
    world_fini(&w);
}

TEST_MAIN(T(an_undisturbed_run_gives_the_same_bytes_twice),
          T(a_crash_before_any_durable_call_leaves_a_lake_that_is_rolled_forward),
          T(a_crash_after_any_durable_call_leaves_a_lake_that_is_rolled_forward),
          T(an_io_error_of_any_durable_call_is_reported_and_the_next_run_is_right),
          T(a_full_disk_at_any_durable_call_is_reported_and_the_next_run_is_right),
          T(a_lost_reply_of_any_durable_call_is_reported_and_the_next_run_is_right),
          T(a_read_only_lake_is_refused_with_its_path_and_still_read),
          T(a_failed_fsync_ends_the_stage_and_sealing_it_again_is_refused))
