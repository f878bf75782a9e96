// Warehouses restored, truncated, added or given up: afterwards they hold what the job says they hold.
#include "jobs/run/resync.h"
#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

static const unsigned portions[] = {90, 60};
enum { SEED = 51 };

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void run_fails(struct job_world *w, enum err_kind kind, const char *part)
{
    assert_false(job_world_run(w));
    if (w->e.kind != kind || !strstr(w->text, part))
        fail_msg("\"%s\" is not %s \"%s\"", w->text, err_kind_name(kind), part);
}

static bool resync_by(struct job_world *w, const char *output, enum resync_sql sql)
{
    err_clear(&w->e);
    bool ok = run_resync(&w->report, w->job, &w->env, str_from(output), sql, &w->e);
    if (!ok)
        err_format(&w->e, w->text, sizeof w->text);
    return ok;
}

static bool resync(struct job_world *w, const char *output)
{
    return resync_by(w, output, RESYNC_AS_WRITTEN);
}

static void resyncs(struct job_world *w, const char *output)
{
    if (!resync(w, output))
        fail_msg("%s", w->text);
}

// A world whose warehouses are set back to the first portion after the second.
static struct job_world *restored(struct buf *want, const char *warehouse)
{
    struct job_random r = {SEED};
    job_scenario_still(want, &job_scenario_transactions, NULL, SEED, portions, 2);
    struct job_world *w = job_world_new(&job_scenario_transactions);
    job_scenario_produce(w, &r, portions[0], JOB_RECORDS_HOSTILE);
    run(w);
    memory_copy("backup", warehouse);
    job_scenario_produce(w, &r, portions[1], JOB_RECORDS_HOSTILE);
    run(w);
    run(w);
    memory_copy(warehouse, "backup");
    run_fails(w, ERR_BEHIND, warehouse);
    return w;
}

TEST(a_restored_warehouse_comes_back_from_state_and_recorded_batches)
{
    struct buf want;
    struct job_world *w = restored(&want, JOB_WORLD_TWO); // one table published, the other not
    resyncs(w, "");
    assert_int_equal(w->report.batches, 1);
    run(w);
    job_scenario_same(w, &want, "restored");
}

TEST(appended_rows_come_back_by_executing_their_batches_again_in_their_place)
{
    struct buf want;
    struct job_world *w = restored(&want, JOB_WORLD_ONE);
    resyncs(w, "");
    assert_int_equal(w->report.batches, 1 + 4); // the tables, and every batch of the stream
    run(w);
    job_scenario_same(w, &want, "restored");
}

TEST(an_emptied_warehouse_is_filled_again)
{
    struct buf want;
    struct job_random r = {SEED};
    job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 1);
    struct job_world *w = job_world_new(&job_scenario_transactions);
    job_scenario_produce(w, &r, portions[0], JOB_RECORDS_HOSTILE);
    run(w);
    memory_forget(JOB_WORLD_TWO);
    memory_forget(JOB_WORLD_ONE);
    run_fails(w, ERR_BEHIND, "holds batch 0");
    resyncs(w, "");
    run(w);
    job_scenario_same(w, &want, "emptied");
}

TEST(a_dropped_table_is_not_created_by_a_run_and_filled_again_by_resync)
{
    struct buf want;
    struct job_random r = {SEED};
    job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 2);
    struct job_world *w = job_world_new(&job_scenario_transactions);
    job_scenario_produce(w, &r, portions[0], JOB_RECORDS_HOSTILE);
    run(w);
    assert_true(memory_drop(JOB_WORLD_TWO, "users"));
    assert_true(memory_drop(JOB_WORLD_ONE, "big")); // appended rows
    job_scenario_produce(w, &r, portions[1], JOB_RECORDS_HOSTILE);
    run_fails(w, ERR_BEHIND, "does not exist any more");
    assert_false(memory_has_table(JOB_WORLD_TWO, "users") ||
                 memory_has_table(JOB_WORLD_ONE, "big"));
    resyncs(w, "");
    run(w);
    run(w);
    job_scenario_same(w, &want, "two tables dropped");
}

static const char before_outputs[] =
    "      GOOD: { lake: { partition_by: [year, month, day] } }\n"
    "      BIG: { lake: { format: csv, compression: zstd, partition_by: [] },\n"
    "             warehouse: { to: one } }\n"
    "      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, warehouse: { to: one } }\n"
    "      PER_METHOD: { warehouse: { to: two } }\n"
    "      LIFE: { lake: { snapshot: true, compression: none } }\n";

static struct job_world *filling(struct job_random *r)
{
    struct job_world_spec before = job_scenario_transactions;
    before.outputs = before_outputs;
    struct job_world *w = job_world_new(&before);
    job_scenario_produce(w, r, portions[0], JOB_RECORDS_HOSTILE);
    run(w);
    assert_true(job_world_compile(w, before.sql, job_scenario_transactions.outputs));
    job_scenario_produce(w, r, portions[1], JOB_RECORDS_HOSTILE);
    return w;
}

TEST(added_tables_are_filled_by_the_next_run)
{
    struct buf want;
    struct job_random r = {SEED};
    job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 2);
    struct job_world *w = filling(&r);
    assert_false(memory_has_table(JOB_WORLD_TWO, "users"));
    run(w);
    run(w);
    resyncs(w, "");
    assert_int_equal(w->report.batches, 0);
    job_scenario_same(w, &want, "added");
}

static void assert_count(const char *warehouse, const char *want)
{
    struct buf got;
    buf_init(&got, 1 << 16);
    if (!memory_get(&got, warehouse, "t", "k"))
        fail_msg("%s has no row k", warehouse);
    buf_char(&got, 0);
    assert_non_null(strstr(got.p, want));
    buf_fini(&got);
}

#define ABOVE(n)                                                                            \
    "CREATE STREAM tx (k VARCHAR KEY, id BIGINT) WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = " \
    "'JSON');\n"                                                                            \
    "CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM tx WHERE id > " n                       \
    " GROUP BY k EMIT CHANGES;\n"

// Its history would be executed by other SQL than what the first warehouse holds was.
TEST(a_second_warehouse_is_not_filled_by_other_sql_than_the_first_was)
{
    static const char both[] = "      T: { warehouse: [{ to: one }, { to: two }] }\n";
    const struct job_world_spec spec = {.sql = ABOVE("0"),
                                        .outputs = "      T: { warehouse: { to: one } }\n",
                                        .topics = {"tx"},
                                        .partitions = 1};
    struct job_world *w = job_world_new(&spec);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":1}");
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":11}");
    run(w);
    assert_count(JOB_WORLD_ONE, "n=2");
    assert_true(job_world_compile(w, ABOVE("10"), both));
    run_fails(w, ERR_CONFIG, "batch 1 was executed by other SQL");
    err_clear(&w->e);
    run_fails(w, ERR_CONFIG, "job reset sim --rebuild");
    assert_true(job_world_reset(w, RUN_RESET_REBUILD));
    run(w);
    assert_count(JOB_WORLD_ONE, "n=1");
    assert_count(JOB_WORLD_TWO, "n=1");
    job_world_free(w);
}

TEST(a_table_comes_back_by_todays_sql_only_when_that_is_said)
{
    static const char one[] = "      T: { warehouse: { to: one } }\n";
    const struct job_world_spec spec = {
        .sql = ABOVE("0"), .outputs = one, .topics = {"tx"}, .partitions = 1};
    struct job_world *w = job_world_new(&spec);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":1}");
    run(w);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":11}");
    run(w);
    assert_true(job_world_compile(w, ABOVE("10"), one));
    memory_forget(JOB_WORLD_ONE);
    assert_false(resync(w, ""));
    assert_non_null(strstr(w->text, "2 of the batches 1 to 2 were executed by other SQL"));
    assert_non_null(strstr(w->text, "--todays-sql"));
    assert_true(job_world_compile(w, ABOVE("0"), one));
    resyncs(w, ""); // nothing is owed of what was refused
    assert_count(JOB_WORLD_ONE, "n=2");
    assert_true(job_world_compile(w, ABOVE("10"), one));
    if (!resync_by(w, "T", RESYNC_TODAYS_SQL))
        fail_msg("%s", w->text);
    assert_count(JOB_WORLD_ONE, "n=1");
    job_world_free(w);
}
#undef ABOVE

TEST(a_fault_at_any_durable_call_of_a_run_that_fills_tables_leaves_the_same)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    uint64_t step = test_is_long() ? 1 : 5, n = 1;
    for (bool fired = true; fired; n += step) {
        struct buf want;
        struct job_random r = {SEED};
        char what[64];
        job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 2);
        struct job_world *w = filling(&r);
        const struct fault_spec fault = {.occurrence = n, .action = actions[n / step % 4]};
        job_world_restart(w, &fault);
        fired = !job_world_run(w);
        job_world_restart(w, NULL);
        (void)job_world_settle(w, 3);
        run(w);
        (void)snprintf(what, sizeof what, "fault at call %llu", (unsigned long long)n);
        job_scenario_same(w, &want, what);
    }
    assert_true(n > 40);
}

TEST(a_table_is_written_whole_rows_that_do_not_belong_to_it_are_gone)
{
    struct buf want;
    struct job_random r = {SEED};
    job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 2);
    struct job_world *w = job_world_new(&job_scenario_transactions);
    job_scenario_produce(w, &r, portions[0], JOB_RECORDS_HOSTILE);
    run(w);
    assert_true(memory_delete(JOB_WORLD_TWO, "users", "user3")); // by hand: the head does not know
    resyncs(w, "two/users/PER_USER");
    resyncs(w, "PER_METHOD");
    job_scenario_produce(w, &r, portions[1], JOB_RECORDS_HOSTILE);
    run(w);
    resyncs(w, "PER_USER");
    run(w);
    job_scenario_same(w, &want, "a row deleted by hand");
}

TEST(a_resync_cut_short_anywhere_is_continued_and_no_run_goes_on_without_it)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    uint64_t step = test_is_long() ? 1 : 23;
    for (uint64_t n = 1; n < 300; n += step) {
        struct buf want;
        struct job_world *w = restored(&want, JOB_WORLD_ONE);
        const struct fault_spec fault = {.occurrence = n, .action = actions[n / step % 4]};
        job_world_restart(w, &fault);
        for (int tries = 0; !resync(w, ""); tries++) {
            struct backfill_spec pending = {.by = BACKFILL_PENDING};
            if (tries == 6)
                fail_msg("does not get well: %s", w->text);
            job_world_restart(w, NULL);
            (void)job_world_run(w);
            (void)job_world_backfill(w, &pending);
        }
        job_world_restart(w, NULL);
        run(w);
        char what[64];
        (void)snprintf(what, sizeof what, "fault at call %llu", (unsigned long long)n);
        job_scenario_same(w, &want, what);
    }
}

TEST(what_cannot_be_brought_back_is_refused_with_the_reason)
{
    struct buf want;
    struct job_world *w = restored(&want, JOB_WORLD_ONE);
    assert_false(resync(w, "NOPE"));
    assert_non_null(strstr(w->text, "writes no output NOPE"));
    source_fake_delete_before(w->broker, "tx", 0, 2);
    assert_false(resync(w, ""));
    assert_non_null(strstr(w->text, "the topic begins at 2 now"));
    assert_false(job_world_run(w)); // nothing was changed
    assert_int_equal(w->e.kind, ERR_BEHIND);
    buf_fini(&want);
    job_world_free(w);
}

// --- given up --------------------------------------------------------------------------------------------------------

static void two_goes_down(struct source_fake *s, void *arg)
{
    assert_true(s && !arg);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
}

TEST(a_batch_that_can_never_be_delivered_is_released_and_its_rows_are_kept)
{
    struct job_random r = {SEED};
    struct deliver_report report;
    struct err e;
    char path[700];
    struct job_world *w = job_world_new(&job_scenario_transactions);
    job_scenario_produce(w, &r, 30, JOB_RECORDS_HOSTILE);
    run(w);
    job_scenario_produce(w, &r, 30, JOB_RECORDS_HOSTILE);
    source_fake_at_poll(w->broker, 2, two_goes_down, NULL);
    run_fails(w, ERR_REMOTE, "two");
    assert_false(run_deliver_decided(&report, w->job, &w->env, STR("two/users/PER_USER"),
                                     &e)); // PER_METHOD waits, too
    assert_ok(run_deliver_decided(&report, w->job, &w->env, STR("PER_METHOD"), &e), &e);
    assert_int_equal(report.batch, 2);
    assert_true(report.skipped_rows > 0);
    (void)snprintf(path, sizeof path, "%s/dead_letters/2.skipped.jsonl", w->job->state_dir);
    struct arena *a = arena_new(NULL);
    struct str text;
    assert_ok(file_read(&text, a, path, 1 << 20, &e), &e);
    size_t at;
    assert_true(str_find(
        &at, text, STR("{\"reason\":\"skipped\",\"batch\":2,\"output\":\"two/users/PER_USER\"")));
    assert_true(str_find(&at, text, STR("\"output\":\"two/per_method/PER_METHOD\"")));
    assert_true(str_find(&at, text, STR("\"usr\":\"user")));
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    struct batch_record record;
    assert_true(job_world_record(&record, w, a, 2));
    size_t skipped = 0;
    for (size_t i = 0; i < record.target_count; i++)
        skipped += record.targets[i].skipped;
    assert_int_equal(skipped, 2);
    job_scenario_produce(w, &r, 30, JOB_RECORDS_HOSTILE);
    run(w); // what follows builds on batch 1 there
    assert_false(run_deliver_decided(&report, w->job, &w->env, STR("PER_METHOD"), &e));
    assert_non_null(strstr(e.text, "nothing to skip"));
    arena_free(a);
    job_world_free(w);
}

TEST_MAIN(T(a_restored_warehouse_comes_back_from_state_and_recorded_batches),
          T(appended_rows_come_back_by_executing_their_batches_again_in_their_place),
          T(an_emptied_warehouse_is_filled_again),
          T(a_dropped_table_is_not_created_by_a_run_and_filled_again_by_resync),
          T(added_tables_are_filled_by_the_next_run),
          T(a_second_warehouse_is_not_filled_by_other_sql_than_the_first_was),
          T(a_table_comes_back_by_todays_sql_only_when_that_is_said),
          T(a_fault_at_any_durable_call_of_a_run_that_fills_tables_leaves_the_same),
          T(a_table_is_written_whole_rows_that_do_not_belong_to_it_are_gone),
          T(a_resync_cut_short_anywhere_is_continued_and_no_run_goes_on_without_it),
          T(what_cannot_be_brought_back_is_refused_with_the_reason),
          T(a_batch_that_can_never_be_delivered_is_released_and_its_rows_are_kept))
