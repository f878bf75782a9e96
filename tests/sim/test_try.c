// job try: what a run would do is said, and nothing is anywhere afterwards.
#include "jobs/run/try.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

TEST(a_try_says_rows_places_and_statements_and_leaves_nothing)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct job_random r = {71};
    struct try_report report;
    struct buf out;
    struct err e;
    const struct try_spec spec = {.records = 0, .rows = 2};
    job_scenario_produce(w, &r, 90, JOB_RECORDS_HOSTILE);
    buf_init(&out, 1 << 20);
    assert_ok(run_try(&report, &out, w->job, &w->env, &spec, &e), &e);
    buf_char(&out, '\0');
    assert_true(report.records > 80 && report.dead > 0);
    static const char *const parts[] = {
        "stream GOOD: ",
        "lake: streams/GOOD/year=2025/month=10/day=",
        "table PER_USER: ",
        "warehouse two, table users:",
        "CREATE TABLE IF NOT EXISTS",
        "ON CONFLICT",
        "records cannot be decoded:",
        "{\"K\":",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(out.p, parts[i]))
            fail_msg("no \"%s\" in %s", parts[i], out.p);
    assert_false(file_exists(w->job->state_dir));
    assert_false(file_exists(w->lake));
    assert_false(memory_has_table("one", "big"));
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), -1);
    // The same rows as a run writes.
    if (!job_world_run(w))
        fail_msg("%s", w->text);
    assert_int_equal(w->report.records, report.records);
    assert_int_equal(w->report.dead, report.dead);
    buf_fini(&out);
    job_world_free(w);
}

TEST(only_the_newest_records_are_read_when_that_is_wanted)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct job_random r = {72};
    struct try_report report;
    struct buf out;
    struct err e;
    const struct try_spec spec = {.records = 20, .rows = 0};
    job_scenario_produce(w, &r, 200, JOB_RECORDS_HOSTILE);
    buf_init(&out, 1 << 20);
    assert_ok(run_try(&report, &out, w->job, &w->env, &spec, &e), &e);
    assert_true(report.records > 0 && report.records <= 20);
    buf_fini(&out);
    job_world_free(w);
}

TEST_MAIN(T(a_try_says_rows_places_and_statements_and_leaves_nothing),
          T(only_the_newest_records_are_read_when_that_is_wanted))
