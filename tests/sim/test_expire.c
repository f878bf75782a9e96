// Expiry: what the policy does not keep goes, whole partitions at a time, and nothing else; whatever is cut short in between.
#include "jobs/run/control.h"
#include "jobs/run/recover.h"
#include "tests/support/job_upkeep.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { DAY_MS = JOB_UPKEEP_DAY_MS };
static const struct expire_spec policy = {.output = {"", 0}};

// Kept on 2025-10-27, the first day of these worlds: the 26th and later.
static struct job_world_spec retained(void)
{
    struct job_world_spec spec = job_upkeep_job;
    spec.outputs =
        "      GOOD: { lake: { partition_by: [year, month, day], retain: 1d } }\n"
        "      BIG: { lake: { partition_by: [day, CITY], retain: 1d }, warehouse: { to: one } }\n"
        "      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, warehouse: { to: two } }\n";
    return spec;
}

// What the lake says it holds, and that it does.
static size_t held_before(struct job_world *w, const char *day)
{
    struct lake_ls ls;
    struct arena *a = arena_new(NULL);
    size_t n = 0;
    job_upkeep_list(&ls, a, w);
    const struct lake_ls_output *good = ls.outputs;
    while (!str_eq(good->name, STR("GOOD")))
        good++;
    for (size_t i = 0; i < good->partition_count; i++)
        n += str_cmp(good->partitions[i].path, str_from(day)) < 0;
    arena_free(a);
    return n;
}

static const char first_kept[] = "year=2025/month=10/day=26";

// The rows of a life without faults whose last act is an expiry.
static void still_life(struct buf *out, uint64_t seed, const unsigned *n, size_t count)
{
    const struct job_world_spec spec = retained();
    struct job_world *w = job_upkeep_world(&spec);
    struct job_random r = {seed};
    for (size_t i = 0; i < count; i++) {
        job_upkeep_produce(w, &r, n[i]);
        job_upkeep_run(w);
    }
    job_upkeep_expires(w);
    job_upkeep_print(out, w);
    job_world_free(w);
}

TEST(a_run_deletes_old_partitions_by_policy_once_a_day_and_says_so_in_a_batch_of_its_own)
{
    const struct job_world_spec spec = retained();
    struct arena *a = arena_new(NULL);
    struct job_world *w = job_upkeep_world(&spec);
    struct job_random r = {3};
    struct batch_record record;
    struct lake_manifest m;
    job_upkeep_produce(w, &r, 130);
    job_upkeep_run(w);
    assert_int_equal(held_before(w, first_kept), 0);
    assert_true(held_before(w, "z") > 0);
    assert_true(job_world_record(&record, w, a, job_upkeep_last(w)));
    assert_int_equal(record.kind, BATCH_EXPIRE);
    assert_ok(lake_manifest_read(&m, a, record.manifest, &w->e), &w->e);
    assert_true(m.replaced_count > 0 && m.count == 0);
    assert_true(str_eq(m.replaced[0].reason, STR("older than 1d")));
    uint64_t before = job_upkeep_last(w);
    job_upkeep_run(w);
    assert_int_equal(job_upkeep_last(w), before);
    w->time.wall_ms += DAY_MS;
    job_upkeep_run(w);
    assert_int_equal(job_upkeep_last(w), before + 1);
    assert_int_equal(held_before(w, "year=2025/month=10/day=27"), 0);
    job_world_check_receipts(w);
    job_world_free(w);
    arena_free(a);
}

TEST(a_dry_run_names_what_would_go_and_deletes_nothing)
{
    struct job_world_spec spec = retained();
    struct arena *a = arena_new(NULL);
    struct expire_report report;
    struct job_random r = {5};
    spec.outputs = "      GOOD: { lake: { partition_by: [year, month, day] } }\n"
                   "      PER_USER: { lake: { snapshot: true, keep_versions: 2 } }\n";
    struct job_world *w = job_upkeep_world(&spec);
    job_upkeep_produce(w, &r, 130);
    job_upkeep_run(w);
    size_t old = held_before(w, first_kept);
    assert_true(old > 0);
    struct expire_spec how = {
        .output = STR("good"), .mode = EXPIRE_DRY_RUN, .older_than_ms = DAY_MS};
    assert_true(job_upkeep_expire(w, &how, &report, a));
    assert_true(report.count > 0 && report.batch == 0);
    assert_int_equal(held_before(w, first_kept), old);
    assert_true(job_upkeep_expire(w, &policy, &report, a)); // nothing is older than for ever
    assert_int_equal(report.count, 0);
    how.mode = EXPIRE_DELETE;
    assert_true(job_upkeep_expire(w, &how, &report, a));
    assert_true(report.batch > 0);
    assert_int_equal(held_before(w, first_kept), 0);
    how.output = STR("PER_USER");
    assert_false(job_upkeep_expire(w, &how, &report, a));
    assert_non_null(strstr(w->text, "its versions have no age"));
    how.output = STR("NOPE");
    assert_false(job_upkeep_expire(w, &how, &report, a));
    assert_non_null(strstr(w->text, "writes no output NOPE"));
    job_world_free(w);
    arena_free(a);
}

TEST(versions_beyond_a_lowered_keep_versions_go)
{
    struct job_world_spec spec = retained();
    struct arena *a = arena_new(NULL);
    struct expire_report report;
    struct job_random r = {7};
    spec.outputs = "      PER_USER: { lake: { snapshot: true, keep_versions: 5 } }\n";
    struct job_world *w = job_upkeep_world(&spec);
    for (int i = 0; i < 4; i++) {
        job_upkeep_produce(w, &r, 30);
        job_upkeep_run(w);
    }
    assert_true(job_world_compile(
        w, spec.sql, "      PER_USER: { lake: { snapshot: true, keep_versions: 2 } }\n"));
    assert_true(job_upkeep_expire(w, &policy, &report, a));
    assert_int_equal(report.count, 2);
    assert_int_equal(report.files[0].version, 1);
    struct lake *lake;
    struct lake_ls ls;
    struct lake_verify v;
    assert_ok(lake_open(&lake, w->lake, LAKE_OPEN_EXISTING, w->durable, &w->e), &w->e);
    assert_ok(lake_list(&ls, a, lake, STR_NONE, &w->e), &w->e);
    assert_int_equal(ls.outputs[0].partition_count, 2);
    assert_ok(lake_verify(&v, a, lake, STR_NONE, &w->e), &w->e);
    assert_int_equal(v.count, 0);
    lake_close(lake);
    job_world_free(w);
    arena_free(a);
}

static const unsigned cut_short_portions[] = {90, 40};

static bool cut_short(const struct fault_spec *fault, const char *what, void *want)
{
    const struct job_world_spec spec = retained();
    struct job_world *w = job_upkeep_world(&spec);
    struct job_random r = {11};
    struct expire_report report;
    struct arena *a = arena_new(NULL);
    job_upkeep_produce(w, &r, cut_short_portions[0]);
    w->time.wall_ms -= (int64_t)5 * DAY_MS; // nothing is old yet
    job_upkeep_run(w);
    w->time.wall_ms += (int64_t)5 * DAY_MS;
    job_world_restart(w, fault);
    bool ok = job_upkeep_expire(w, &policy, &report, a);
    bool fired = durable_fired(w->durable);
    assert_true(fired || (ok && report.count > 0));
    job_world_restart(w, NULL);
    job_upkeep_run(w);
    job_upkeep_produce(w, &r, cut_short_portions[1]);
    job_upkeep_run(w);
    job_upkeep_expires(w);
    assert_true(held_before(w, first_kept) == 0);
    job_upkeep_same(w, want, what);
    job_world_check_receipts(w);
    arena_free(a);
    job_world_free(w);
    return fired;
}

TEST(an_expiry_cut_short_anywhere_is_rolled_forward)
{
    struct buf want;
    still_life(&want, 11, cut_short_portions, 2);
    assert_true(job_upkeep_faults(3, cut_short, &want) > 30);
    buf_fini(&want);
}

// The lake is ahead by two batches that brought nothing, and its head says where the job stood.
TEST(a_lost_state_is_rebuilt_behind_expiries)
{
    struct job_world_spec spec = retained();
    struct arena *a = arena_new(NULL);
    struct expire_report report;
    struct recover_report recovered;
    struct job_random r = {17};
    spec.outputs = "      GOOD: { lake: { partition_by: [year, month, day] } }\n"
                   "      BIG: { lake: {}, warehouse: { to: one } }\n";
    spec.job = NULL;
    struct buf want;
    struct job_world *w = job_upkeep_world(&spec);
    job_upkeep_produce(w, &r, 90);
    job_upkeep_run(w);
    struct expire_spec how = {.output = STR("GOOD"), .older_than_ms = DAY_MS};
    assert_true(job_upkeep_expire(w, &how, &report, a));
    assert_true(report.count > 0);
    how.output = STR("BIG");
    assert_true(job_upkeep_expire(w, &how, &report, a));
    assert_true(report.count > 0);
    job_upkeep_print(&want, w);
    job_world_delete(w, "state");
    job_world_restart(w, NULL);
    if (!job_world_recover(w, &recovered))
        fail_msg("%s", w->text);
    job_upkeep_run(w);
    job_upkeep_same(w, &want, "after the recovery");
    job_upkeep_audit(w);
    buf_fini(&want);
    job_world_free(w);
    arena_free(a);
}

// What a reset left unread is in no batch: only the expiry behind it says where the job stood.
TEST(a_lost_state_behind_an_expiry_reads_nothing_that_a_reset_skipped)
{
    struct job_world_spec spec = retained();
    struct arena *a = arena_new(NULL);
    struct expire_report report;
    struct recover_report recovered;
    struct job_random r = {19};
    spec.outputs = "      BIG: { lake: { partition_by: [] } }\n"
                   "      GOOD: { warehouse: { to: one } }\n";
    spec.job = NULL;
    struct buf want;
    struct job_world *w = job_upkeep_world(&spec);
    job_upkeep_produce(w, &r, 90);
    job_upkeep_run(w);
    job_upkeep_produce(w, &r, 40);
    assert_true(job_world_reset(w, RUN_RESET_FROM_NOW));
    w->time.wall_ms += 2 * (int64_t)DAY_MS;
    const struct expire_spec how = {.output = STR("BIG"), .older_than_ms = DAY_MS};
    assert_true(job_upkeep_expire(w, &how, &report, a));
    assert_true(report.batch == 3);
    job_upkeep_print(&want, w);
    job_world_delete(w, "state");
    job_world_restart(w, NULL);
    if (!job_world_recover(w, &recovered))
        fail_msg("%s", w->text);
    job_upkeep_run(w);
    job_upkeep_same(w, &want, "after the recovery");
    buf_fini(&want);
    job_world_free(w);
    arena_free(a);
}

static void one_more(struct job_world *w, void *arg)
{
    uint64_t *n = arg;
    (*n)++;
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":1,\"cents\":20000}");
    w->time.mono_ms += 2000;
}

// An endless run died: what it read is in the state directory. An expiry by hand finds it there.
TEST(rows_that_wait_for_the_lake_are_written_before_an_expiry)
{
    struct job_world_spec spec = retained();
    const struct fault_spec fault = {
        .site = "rowlog.create", .occurrence = 2, .action = FAULT_CRASH_BEFORE};
    struct arena *a = arena_new(NULL);
    struct control c;
    uint64_t n = 0;
    spec.outputs = "      GOOD: { lake: { retain: 1d } }\n";
    spec.job = "    schedule: stream\n";
    struct job_world *w = job_upkeep_world(&spec);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW - 5 * (int64_t)DAY_MS, "k", "{\"id\":1}");
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":2}");
    job_world_restart(w, &fault);
    assert_false(job_world_stream(w, one_more, &n));
    assert_true(durable_dead(w->durable));
    job_world_restart(w, NULL);
    job_world_control(&c, w, a);
    assert_true(control_log_rows(&c) > 0);
    job_upkeep_expires(w);
    job_world_control(&c, w, a);
    assert_int_equal(control_log_rows(&c), 0);
    assert_int_equal(held_before(w, first_kept), 0);
    assert_true(held_before(w, "z") > 0);
    job_world_free(w);
    arena_free(a);
}

TEST_MAIN(T(a_run_deletes_old_partitions_by_policy_once_a_day_and_says_so_in_a_batch_of_its_own),
          T(a_dry_run_names_what_would_go_and_deletes_nothing),
          T(versions_beyond_a_lowered_keep_versions_go),
          T(an_expiry_cut_short_anywhere_is_rolled_forward),
          T(a_lost_state_is_rebuilt_behind_expiries),
          T(a_lost_state_behind_an_expiry_reads_nothing_that_a_reset_skipped),
          T(rows_that_wait_for_the_lake_are_written_before_an_expiry))
