// Streams that are upserted by key: the table has the latest row of each, whatever the batches; nothing puts older rows over newer
// ones. Made again: test_upsert_again.c.
#include "jobs/run/backfill.h"
#include "jobs/run/recover.h"
#include "jobs/run/replay.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

static const struct job_world_spec spec = {
    .sql = "CREATE STREAM tx (k VARCHAR KEY, usr VARCHAR, cents BIGINT) WITH (KAFKA_TOPIC = 'tx', "
           "VALUE_FORMAT = 'JSON');\n"
           "CREATE STREAM o AS SELECT k, usr, cents FROM tx EMIT CHANGES;\n",
    .outputs =
        "      O: { warehouse: [{ to: one, mode: upsert }, { to: two, mode: upsert, key: [usr], "
        "columns: { account: { from: usr } } }] }\n",
    .topics = {"tx"},
    .partitions = 2,
    .lake = JOB_WORLD_NO_LAKE,
};

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void refused(bool ok, struct job_world *w, enum err_kind kind, const char *part)
{
    char text[1600];
    err_format(&w->e, text, sizeof text);
    if (ok || w->e.kind != kind || !strstr(text, part))
        fail_msg("\"%s\" is not %s \"%s\"", text, err_kind_name(kind), part);
    err_clear(&w->e);
}

static void put(struct job_world *w, int32_t partition, const char *key, const char *value,
                int64_t time)
{
    (void)source_fake_add(w->broker, "tx", partition, time, key, value);
}

static void table_is(const char *warehouse, const char *want)
{
    struct buf rows;
    buf_init(&rows, 1 << 20);
    memory_print_table(&rows, warehouse, "o");
    buf_char(&rows, '\0');
    assert_string_equal(rows.p, want);
    buf_fini(&rows);
}

static void two_batches(struct job_world *w)
{
    put(w, 0, "a", "{\"usr\":\"x\",\"cents\":1}", 1000);
    put(w, 1, "b", "{\"usr\":\"x\",\"cents\":2}", 3000);
    put(w, 0, "a", "{\"usr\":\"y\",\"cents\":3}", 2000); // later in its partition, earlier than b
    run(w);
    put(w, 1, "b", "{\"usr\":\"y\",\"cents\":4}", 4000);
    run(w);
}

TEST(the_latest_row_of_each_key_stays)
{
    struct job_world *w = job_world_new(&spec);
    two_batches(w);
    table_is(JOB_WORLD_ONE, "a|y|3\nb|y|4\n");
    table_is(JOB_WORLD_TWO, "b|x|2\nb|y|4\n");
    job_world_check_receipts(w);
    job_world_free(w);
}

TEST(a_row_without_its_key_fails_the_run_before_anything_is_decided)
{
    struct job_world *w = job_world_new(&spec);
    two_batches(w);
    put(w, 0, "a", "{\"usr\":\"z\",\"cents\":5}", 5000);
    put(w, 0, "a", "{\"cents\":6}", 6000);
    refused(job_world_run(w), w, ERR_DATA, "a row has no USR");
    table_is(JOB_WORLD_ONE, "a|y|3\nb|y|4\n");
    table_is(JOB_WORLD_TWO, "b|x|2\nb|y|4\n");
    assert_true(job_world_compile(
        w,
        "CREATE STREAM tx (k VARCHAR KEY, usr VARCHAR, cents BIGINT) WITH (KAFKA_TOPIC = 'tx', "
        "VALUE_FORMAT = 'JSON');\n"
        "CREATE STREAM o AS SELECT k, usr, cents FROM tx WHERE usr IS NOT NULL EMIT CHANGES;\n",
        spec.outputs));
    run(w);
    table_is(JOB_WORLD_ONE, "a|z|5\nb|y|4\n");
    table_is(JOB_WORLD_TWO, "b|x|2\nb|y|4\na|z|5\n");
    job_world_free(w);
}

TEST(older_rows_are_not_put_over_newer_ones_and_a_rebuild_leaves_no_stale_ones)
{
    struct job_world *w = job_world_new(&spec);
    const struct backfill_spec first = {.by = BACKFILL_BATCHES, .from = 1, .to = 1};
    two_batches(w);
    if (!job_world_backfill(w, &first))
        fail_msg("%s", w->text);
    assert_int_equal(w->report.batches, 1); // both tables whole
    table_is(JOB_WORLD_ONE, "a|y|3\nb|y|4\n");
    table_is(JOB_WORLD_TWO, "b|x|2\nb|y|4\n");
    assert_true(memory_put(JOB_WORLD_TWO, "o", "stale|gone|1"));
    assert_true(job_world_reset(w, RUN_RESET_REBUILD));
    run(w);
    table_is(JOB_WORLD_ONE, "a|y|3\nb|y|4\n");
    table_is(JOB_WORLD_TWO, "b|x|2\nb|y|4\n");
    job_world_free(w);
}

TEST(dead_letters_are_not_put_over_newer_rows)
{
    static const char *const right =
        "CREATE STREAM tx (k VARCHAR KEY, usr VARCHAR, cents VARCHAR) WITH (KAFKA_TOPIC = 'tx', "
        "VALUE_FORMAT = 'JSON');\n"
        "CREATE STREAM o AS SELECT k, usr, CAST(cents AS BIGINT) AS cents FROM tx EMIT CHANGES;\n";
    struct job_world *w = job_world_new(&spec);
    const struct replay_spec all = {.to = UINT64_MAX};
    put(w, 0, "a", "{\"usr\":\"x\",\"cents\":\"1x\"}", 1000);
    put(w, 0, "a", "{\"usr\":\"x\",\"cents\":2}", 2000);
    run(w);
    table_is(JOB_WORLD_ONE, "a|x|2\n");
    assert_true(job_world_compile(w, right, spec.outputs));
    refused(run_replay(&w->report, w->job, &w->env, &all, &w->e), w, ERR_CONFIG,
            "would replace later ones");
    table_is(JOB_WORLD_ONE, "a|x|2\n");
    assert_true(job_world_reset(w, RUN_RESET_REBUILD));
    run(w);
    table_is(JOB_WORLD_ONE, "a|x|2\n");
    job_world_free(w);
}

// The state is lost while an older batch of another output is made again.
static void repetition_recovered(bool lake)
{
    static const struct str other[] = {{"P", 1}};
    struct job_world_spec two = spec;
    two.lake = lake ? JOB_WORLD_LAKE : JOB_WORLD_NO_LAKE;
    two.sql = "CREATE STREAM tx (k VARCHAR KEY, usr VARCHAR, cents BIGINT) WITH (KAFKA_TOPIC = "
              "'tx', VALUE_FORMAT = 'JSON');\n"
              "CREATE STREAM o AS SELECT k, usr, cents FROM tx EMIT CHANGES;\n"
              "CREATE STREAM p AS SELECT k, cents FROM tx EMIT CHANGES;\n";
    two.outputs = "      O: { warehouse: { to: one, mode: upsert } }\n"
                  "      P: { warehouse: { to: two } }\n";
    const struct backfill_spec first = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 1, .outputs = other, .output_count = 1};
    struct recover_report report;
    struct job_world *w = job_world_new(&two);
    two_batches(w);
    memory_fail(JOB_WORLD_TWO, MEMORY_COMMIT, 1, MEMORY_FAIL, REMEDY_FATAL);
    assert_false(job_world_backfill(w, &first));
    job_world_delete(w, "state/sim");
    job_world_restart(w, NULL);
    if (!job_world_recover(w, &report))
        fail_msg("%s", w->text);
    assert_int_equal(report.replayed, 1);
    table_is(JOB_WORLD_ONE, "a|y|3\nb|y|4\n");
    assert_int_equal(memory_rows(JOB_WORLD_TWO, "p"), 4);
    run(w);
    job_world_free(w);
}

TEST(a_recovery_puts_no_older_rows_over_newer_ones)
{
    repetition_recovered(true);
    repetition_recovered(false);
}

TEST_MAIN(T(a_recovery_puts_no_older_rows_over_newer_ones),
          T(dead_letters_are_not_put_over_newer_rows), T(the_latest_row_of_each_key_stays),
          T(a_row_without_its_key_fails_the_run_before_anything_is_decided),
          T(older_rows_are_not_put_over_newer_ones_and_a_rebuild_leaves_no_stale_ones))
