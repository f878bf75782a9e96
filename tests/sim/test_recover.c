// The state directory is lost, or an older one is restored: afterwards the outputs are those of a life in which nothing happened.
#include "jobs/run/recover.h"
#include "jobs/run/control.h"
#include "jobs/run/resync.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

static const unsigned portions[] = {90, 60};
enum { SEED = 31 };

static struct job_world_spec streams_only(void)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.outputs = "      GOOD: { lake: { compression: zstd, partition_by: [year, month, day] } }\n"
                   "      BIG: { lake: { format: csv, compression: zstd, partition_by: [] },\n"
                   "             warehouse: [{ to: one }, { to: two, table: big2 }] }\n";
    return spec;
}

static struct job_world_spec without_lake(void)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.lake = JOB_WORLD_NO_LAKE;
    spec.outputs = "      BIG: { warehouse: [{ to: one }, { to: two, table: big2 }] }\n";
    return spec;
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static struct recover_report recover(struct job_world *w)
{
    struct recover_report r;
    if (!job_world_recover(w, &r))
        fail_msg("%s", w->text);
    return r;
}

static void refused(struct job_world *w, enum err_kind kind, const char *part)
{
    struct recover_report r;
    if (job_world_recover(w, &r))
        fail_msg("recovered %llu batches", (unsigned long long)r.replayed);
    if (w->e.kind != kind || !strstr(w->text, part))
        fail_msg("\"%s\" is not %s \"%s\"", w->text, err_kind_name(kind), part);
}

// The first portion is there in one or more batches.
static struct job_world *first_portion(const struct job_world_spec *spec, struct job_random *r)
{
    struct job_world *w = job_world_new(spec);
    *r = (struct job_random){SEED};
    job_scenario_produce(w, r, portions[0], JOB_RECORDS_HOSTILE);
    return w;
}

static void second_portion(struct job_world *w, struct job_random *r)
{
    job_scenario_produce(w, r, portions[1], JOB_RECORDS_HOSTILE);
    run(w);
}

static void dies_at(struct job_world *w, const char *site, uint64_t n)
{
    struct fault_spec f = {.occurrence = n, .action = FAULT_CRASH_BEFORE};
    memcpy(f.site, site, strlen(site));
    job_world_restart(w, &f);
    assert_false(job_world_run(w));
    assert_true(durable_dead(w->durable));
    job_world_restart(w, NULL);
}

// Lost at rest, and lost with a batch that only some outputs have.
static void state_is_lost(const struct job_world_spec *spec, const char *site, uint64_t nth,
                          uint64_t replayed)
{
    struct buf want;
    struct job_random r;
    job_scenario_still(&want, spec, NULL, SEED, portions, 2);
    struct job_world *w = first_portion(spec, &r);
    if (site)
        dies_at(w, site, nth);
    else
        run(w);
    job_world_delete(w, "state");
    assert_false(job_world_run(w));
    assert_int_equal(w->e.kind, ERR_FENCED);
    struct recover_report report = recover(w);
    assert_int_equal(report.outcome, RECOVER_DONE);
    assert_int_equal(report.replayed, replayed);
    assert_int_equal(recover(w).outcome, RECOVER_NOTHING);
    run(w); // what was not decided when the state was lost
    second_portion(w, &r);
    run(w);
    job_scenario_same(w, &want, site ? site : "at rest");
}

TEST(a_lost_state_of_a_job_that_remembers_nothing_is_rebuilt_from_heads_and_manifests)
{
    struct job_world_spec spec = streams_only();
    state_is_lost(&spec, NULL, 0, 0);
}

TEST(the_batch_that_only_the_lake_has_is_executed_again_in_its_place)
{
    struct job_world_spec spec = streams_only();
    state_is_lost(&spec, "memory.commit", 1, 1);
    state_is_lost(&spec, "memory.commit", 3, 1);
}

TEST(the_batch_that_one_of_two_warehouses_has_is_executed_again_in_its_place)
{
    struct job_world_spec spec = streams_only();
    state_is_lost(&spec, "memory.commit", 2, 1);
    spec = without_lake();
    state_is_lost(&spec, "memory.commit", 2, 1);
    state_is_lost(&spec, "memory.commit", 4, 1);
}

TEST(a_batch_that_the_lake_has_claimed_only_is_finished_first)
{
    struct job_world_spec spec = streams_only();
    state_is_lost(&spec, "lake.rename", 2, 1);
    state_is_lost(&spec, "lake.done", 2, 1);
}

TEST(without_a_lake_the_heads_have_the_positions_of_idle_partitions_too)
{
    struct job_world_spec spec = without_lake();
    state_is_lost(&spec, NULL, 0, 0);
}

TEST(what_operators_remember_is_rebuilt_by_the_recorded_plans)
{
    state_is_lost(&job_scenario_transactions, NULL, 0, 3);
    state_is_lost(&job_scenario_transactions, "memory.commit", 7, 2);
    state_is_lost(&job_scenario_transactions, "lake.rename", 2, 1);
}

TEST(an_older_state_goes_on_from_where_it_was)
{
    struct buf want;
    struct job_random r;
    job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 2);
    struct job_world *w = first_portion(&job_scenario_transactions, &r);
    run(w);
    job_world_copy(w, "state", "older");
    second_portion(w, &r);
    job_world_delete(w, "state");
    job_world_copy(w, "older", "state");
    assert_false(job_world_run(w));
    assert_int_equal(w->e.kind, ERR_FENCED);
    assert_int_equal(recover(w).replayed, 2);
    run(w);
    job_scenario_same(w, &want, "an older state");
}

TEST(a_state_that_fits_needs_no_recovery)
{
    struct job_random r;
    struct job_world *w = first_portion(&job_scenario_transactions, &r);
    run(w);
    struct recover_report report = recover(w);
    assert_int_equal(report.outcome, RECOVER_NOTHING);
    assert_int_equal(report.head, 3);
    run(w);
    job_world_free(w);
}

TEST(records_that_are_gone_cannot_be_replayed_and_the_choices_are_named)
{
    struct job_random r;
    struct job_world *w = first_portion(&job_scenario_transactions, &r);
    run(w);
    job_world_delete(w, "state");
    source_fake_delete_before(w->broker, "tx", 0, 3);
    refused(w, ERR_DATA, "the topic begins at 3 now");
    assert_non_null(strstr(w->e.hint, "state restore"));
    assert_non_null(strstr(w->e.hint, "--rebuild"));
    assert_false(job_world_run(w)); // and nothing was changed
    assert_int_equal(w->e.kind, ERR_FENCED);
    job_world_free(w);
}

TEST(without_a_lake_operators_cannot_be_replayed_from_the_last_plan_alone)
{
    struct job_world_spec spec = job_scenario_transactions;
    struct job_random r;
    spec.lake = JOB_WORLD_NO_LAKE;
    spec.outputs = "      PER_USER: { warehouse: { to: one } }\n";
    struct job_world *w = first_portion(&spec, &r);
    run(w);
    struct buf want, got;
    buf_init(&want, 1 << 20);
    buf_init(&got, 1 << 20);
    memory_print_table(&want, "one", "per_user");
    job_world_delete(w, "state");
    refused(w, ERR_BEHIND, "the plan of batch 1 is recorded nowhere");
    // Its table can be rebuilt from what the topic holds.
    struct recover_report report;
    struct err e;
    assert_ok(run_recover(&report, w->job, &w->env, RECOVER_REBUILD, &e), &e);
    run(w);
    assert_int_equal(w->report.batch_first, 5); // ids went on: 1 to 3, the recovery, this one
    memory_print_table(&got, "one", "per_user");
    job_world_same(&want, &got, "rebuilt");
    buf_fini(&want);
    buf_fini(&got);
    job_world_free(w);
}

TEST(an_empty_place_is_not_taken_for_the_lake)
{
    struct job_random r;
    struct job_world *w = first_portion(&job_scenario_transactions, &r);
    run(w);
    job_world_delete(w, "state");
    job_world_delete(w, "lake");
    refused(w, ERR_BEHIND, "is not a lake");
    job_world_free(w);
}

// --- cut short -------------------------------------------------------------------------------------------------------

static bool recovers(struct job_world *w, const struct buf *want, struct job_random *r,
                     const struct fault_spec *fault)
{
    struct recover_report report;
    job_world_restart(w, fault);
    for (int tries = 0; !job_world_recover(w, &report); tries++) {
        if (tries == 6)
            fail_msg("does not get well: %s", w->text);
        if (durable_dead(w->durable))
            job_world_restart(w, NULL);
    }
    bool fired = durable_fired(w->durable) || !w->durable;
    job_world_restart(w, NULL);
    second_portion(w, r);
    run(w);
    struct buf copy;
    buf_init(&copy, (size_t)64 << 20);
    buf_str(&copy, buf_view(want));
    char what[80];
    (void)snprintf(what, sizeof what, "fault at call %llu", (unsigned long long)fault->occurrence);
    job_scenario_same(w, &copy, what);
    return fired;
}

static void cut_short(const struct job_world_spec *spec, uint64_t step)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    struct buf want;
    struct job_random r;
    job_scenario_still(&want, spec, NULL, SEED, portions, 2);
    for (size_t i = 0; i < 4; i++) {
        for (uint64_t n = 1 + i * 5 % step; n < 500; n += step) {
            const struct fault_spec fault = {.occurrence = n, .action = actions[i]};
            struct job_world *w = first_portion(spec, &r);
            dies_at(w, "memory.commit", 3);
            job_world_delete(w, "state");
            (void)recovers(w, &want, &r, &fault);
        }
    }
    buf_fini(&want);
}

TEST(a_recovery_cut_short_anywhere_is_continued)
{
    struct job_world_spec spec = streams_only();
    cut_short(&spec, test_is_long() ? 1 : 29);
    cut_short(&job_scenario_transactions, test_is_long() ? 1 : 61);
}

// State and a table are gone at once. The first run afterwards, or a resync, fills it.
static void table_is_lost(const char *warehouse, const char *table, const char *stream)
{
    struct buf want;
    struct job_random r;
    struct run_report report;
    struct err e;
    const struct job_world_spec *spec = &job_scenario_transactions;
    job_scenario_still(&want, spec, NULL, SEED, portions, 2);
    struct job_world *w = first_portion(spec, &r);
    run(w);
    job_world_delete(w, "state");
    assert_true(memory_drop(warehouse, table));
    assert_false(job_world_run(w));
    const struct recover_report recovered = recover(w);
    assert_int_equal(recovered.outcome, RECOVER_DONE);
    assert_non_null(strstr(recovered.lost, table));
    assert_null(strchr(recovered.lost, ','));
    if (stream)
        assert_ok(run_resync(&report, w->job, &w->env, str_from(stream), RESYNC_AS_WRITTEN, &e),
                  &e);
    run(w);
    second_portion(w, &r);
    run(w);
    job_scenario_same(w, &want, table);
}

TEST(a_table_that_is_lost_with_the_state_is_made_anew_and_filled)
{
    table_is_lost(JOB_WORLD_TWO, "users", NULL);
    table_is_lost(JOB_WORLD_TWO, "per_method", NULL);
    table_is_lost(JOB_WORLD_ONE, "life", NULL);
}

TEST(a_table_that_is_lost_when_an_older_state_is_restored_is_filled_whole)
{
    struct buf want;
    struct job_random r;
    const struct job_world_spec *spec = &job_scenario_transactions;
    job_scenario_still(&want, spec, NULL, SEED, portions, 2);
    struct job_world *w = first_portion(spec, &r);
    run(w);
    job_world_copy(w, "state", "old");
    second_portion(w, &r);
    job_world_delete(w, "state");
    job_world_copy(w, "old", "state");
    assert_true(memory_drop(JOB_WORLD_TWO, "users"));
    assert_true(memory_drop(JOB_WORLD_TWO, "per_method"));
    const struct recover_report recovered = recover(w);
    assert_non_null(strchr(recovered.lost, ','));
    run(w);
    run(w);
    job_scenario_same(w, &want, "an older state");
}

TEST(a_table_of_a_stream_that_is_lost_with_the_state_is_filled_by_a_resync)
{
    table_is_lost(JOB_WORLD_ONE, "big", "BIG");
}

TEST(without_any_table_left_the_job_begins_anew)
{
    struct buf want;
    struct job_random r;
    struct recover_report report;
    struct err e;
    struct job_world_spec spec = job_scenario_transactions;
    spec.lake = JOB_WORLD_NO_LAKE;
    spec.outputs = "      PER_USER: { warehouse: { to: one } }\n";
    job_scenario_still(&want, &spec, NULL, SEED, portions, 2);
    struct job_world *w = first_portion(&spec, &r);
    run(w);
    job_world_delete(w, "state");
    assert_true(memory_drop(JOB_WORLD_ONE, "per_user"));
    refused(w, ERR_BEHIND, "every table that held batches of the job is gone");
    assert_ok(run_recover(&report, w->job, &w->env, RECOVER_REBUILD, &e), &e);
    run(w);
    second_portion(w, &r);
    run(w);
    job_scenario_same(w, &want, "rebuilt");
}

// Every durable call of a recovery whose table is gone, too.
TEST(a_recovery_of_a_lost_table_cut_short_anywhere_is_continued)
{
    struct buf want;
    struct job_random r;
    const struct job_world_spec *spec = &job_scenario_transactions;
    job_scenario_still(&want, spec, NULL, SEED, portions, 1);
    const uint64_t step = test_is_long() ? 1 : 13;
    bool fired = true;
    for (uint64_t n = 1; fired; n += step) {
        struct job_world *w = first_portion(spec, &r);
        run(w);
        job_world_delete(w, "state");
        assert_true(memory_drop(JOB_WORLD_TWO, "users"));
        const struct fault_spec fault = {.occurrence = n, .action = FAULT_CRASH_BEFORE};
        struct recover_report report;
        job_world_restart(w, &fault);
        const bool done = job_world_recover(w, &report);
        fired = durable_fired(w->durable);
        assert_true(done || fired);
        job_world_restart(w, NULL);
        recover(w);
        run(w);
        struct buf got;
        buf_init(&got, 64 << 20);
        job_world_print_rows(&got, w, JOB_WORLD_ORDERED);
        job_world_same(&want, &got, "cut short");
        buf_fini(&got);
        job_world_free(w);
    }
    buf_fini(&want);
}

TEST_MAIN(T(a_lost_state_of_a_job_that_remembers_nothing_is_rebuilt_from_heads_and_manifests),
          T(the_batch_that_only_the_lake_has_is_executed_again_in_its_place),
          T(the_batch_that_one_of_two_warehouses_has_is_executed_again_in_its_place),
          T(a_batch_that_the_lake_has_claimed_only_is_finished_first),
          T(without_a_lake_the_heads_have_the_positions_of_idle_partitions_too),
          T(what_operators_remember_is_rebuilt_by_the_recorded_plans),
          T(an_older_state_goes_on_from_where_it_was), T(a_state_that_fits_needs_no_recovery),
          T(records_that_are_gone_cannot_be_replayed_and_the_choices_are_named),
          T(without_a_lake_operators_cannot_be_replayed_from_the_last_plan_alone),
          T(an_empty_place_is_not_taken_for_the_lake),
          T(a_recovery_cut_short_anywhere_is_continued),
          T(a_table_that_is_lost_with_the_state_is_made_anew_and_filled),
          T(a_table_that_is_lost_when_an_older_state_is_restored_is_filled_whole),
          T(a_table_of_a_stream_that_is_lost_with_the_state_is_filled_by_a_resync),
          T(without_any_table_left_the_job_begins_anew),
          T(a_recovery_of_a_lost_table_cut_short_anywhere_is_continued))
