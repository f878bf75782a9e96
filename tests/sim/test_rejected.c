// Refused rows written again: once the tables can take them they are where they would have been, once, whatever is cut short.
#include "jobs/run/audit.h"
#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "jobs/run/recover.h"
#include "jobs/run/rejected.h"
#include "jobs/run/resync.h"
#include "tests/support/job_world.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)
static const char sql[] =
    "CREATE STREAM tx (k VARCHAR KEY, id BIGINT, cents BIGINT) WITH (KAFKA_TOPIC = 'tx', "
    "VALUE_FORMAT = 'JSON');\n"
    "CREATE STREAM all_of AS SELECT k, id, cents FROM tx EMIT CHANGES;\n"
    "CREATE TABLE per_k AS SELECT k, COUNT(*) AS n, SUM(cents) AS total FROM tx GROUP BY k "
    "EMIT CHANGES;\n";
static const char lake[] =
    "      ALL_OF: { lake: { partition_by: [] }, warehouse: [{ to: one }, { to: two }] }\n"
    "      PER_K: { warehouse: [{ to: one }, { to: two }] }\n";
static const char no_lake[] = "      ALL_OF: { warehouse: [{ to: one }, { to: two }] }\n"
                              "      PER_K: { warehouse: [{ to: one }, { to: two }] }\n";

static struct job_world *world_with(const char *outputs, const char *job)
{
    const struct job_world_spec spec = {.sql = sql,
                                        .outputs = outputs,
                                        .job = job,
                                        .topics = {"tx"},
                                        .partitions = 1,
                                        .lake =
                                            outputs == lake ? JOB_WORLD_LAKE : JOB_WORLD_NO_LAKE};
    return job_world_new(&spec);
}

static struct job_world *world(const char *outputs)
{
    return world_with(outputs, NULL);
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void record(struct job_world *w, const char *key, unsigned id)
{
    char value[64];
    (void)snprintf(value, sizeof value, "{\"id\":%u,\"cents\":7}", id);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, key, value);
}

// Two batches of which the warehouses refuse a row each: `one` of the stream, `two` of the table, too.
enum refuse { NOTHING_REFUSED, REFUSED };
static void two_batches(struct job_world *w, enum refuse how)
{
    static const char *const keys[] = {"a", "b"};
    for (unsigned i = 0; i < 2; i++) {
        char line[16];
        (void)snprintf(line, sizeof line, "%s|%u|7", keys[i], i);
        memory_reject(JOB_WORLD_ONE, "all_of", how == REFUSED ? line : "");
        memory_reject(JOB_WORLD_TWO, "per_k", how == REFUSED ? keys[i] : "");
        record(w, keys[i], i);
        record(w, "c", i);
        run(w);
    }
    memory_reject(JOB_WORLD_ONE, "all_of", "");
    memory_reject(JOB_WORLD_TWO, "per_k", "");
}

// Tables are made by the first run: what refuses must be there before it.
static struct job_world *refused_world(const char *outputs)
{
    struct job_world *w = world(outputs);
    run(w);
    two_batches(w, REFUSED);
    return w;
}

static struct rejected_spec all(void)
{
    return (struct rejected_spec){.to = UINT64_MAX};
}

static bool try_again(struct job_world *w, const struct rejected_spec *spec)
{
    uint64_t older;
    err_clear(&w->e);
    bool ok = run_rejected(&w->report, &older, w->job, &w->env, spec, &w->e);
    if (!ok)
        (void)snprintf(w->text, sizeof w->text, "%s", w->e.text);
    return ok;
}

static void again(struct job_world *w, const struct rejected_spec *spec)
{
    if (!try_again(w, spec))
        fail_msg("%s", w->e.text);
}

static void print_rejects(struct buf *out)
{
    buf_init(out, TEXT_MAX);
    memory_print_rejects(out, JOB_WORLD_ONE);
    memory_print_rejects(out, JOB_WORLD_TWO);
    buf_char(out, 0);
}

static void rejects_are(const char *text)
{
    struct buf out;
    print_rejects(&out);
    assert_string_equal(out.p, text);
    buf_fini(&out);
}

static bool finding(void *arg, const struct audit_finding *f, struct err *e)
{
    (void)arg, (void)e;
    fail_msg("%.*s: %.*s", STR_ARG(f->place), STR_ARG(f->text));
    return false;
}

static void silent(const struct job_world *w)
{
    struct audit_report r;
    struct err e;
    const struct audit_spec spec = {.found = finding};
    assert_ok(run_audit(&r, w->a, w->job, &w->env, &spec, &e), &e);
}

static void still_life(struct buf *out, const char *outputs)
{
    struct job_world *w = world(outputs);
    run(w);
    two_batches(w, NOTHING_REFUSED);
    buf_init(out, TEXT_MAX);
    job_world_print_rows(out, w, JOB_WORLD_SORTED);
    job_world_free(w);
}

static void same(struct job_world *w, struct buf *want, const char *what)
{
    struct buf got;
    buf_init(&got, TEXT_MAX);
    job_world_print_rows(&got, w, JOB_WORLD_SORTED);
    job_world_same(want, &got, what);
    job_world_check_receipts(w);
    silent(w);
    buf_fini(&got);
}

static uint64_t last_batch(const struct job_world *w)
{
    struct control c;
    struct arena *a = arena_new(NULL);
    job_world_control(&c, w, a);
    uint64_t n = c.last_batch;
    arena_free(a);
    return n;
}

struct told {
    uint64_t slots, rows, refused;
};

static bool tell(void *arg, const struct rejected_slot *s, struct err *e)
{
    struct told *t = arg;
    assert_true(e && s->index < s->count);
    t->slots++;
    t->rows += s->rows;
    t->refused += s->refused;
    return true;
}

TEST(refused_rows_are_where_they_would_have_been_once_their_tables_can_take_them)
{
    static const struct str streams[] = {{"ALL_OF", 6}};
    const struct backfill_spec slots = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 2, .outputs = streams, .output_count = 1};
    struct told told = {0};
    struct rejected_spec spec = all();
    struct buf want;
    spec.slot = tell;
    spec.slot_arg = &told;
    still_life(&want, lake);
    struct job_world *w = refused_world(lake);
    silent(w);
    again(w, &spec);
    rejects_are("");
    assert_int_equal(told.slots, 2);
    assert_int_equal(told.rows, 4);
    assert_int_equal(told.refused, 0);
    assert_int_equal(w->report.warehouse_rows, 4);
    same(w, &want, "after rows were written again");
    const uint64_t before = last_batch(w);
    again(w, &spec); // nothing is left
    assert_int_equal(last_batch(w), before);
    if (!job_world_backfill(w, &slots))
        fail_msg("%s", w->text);
    same(w, &want, "after a backfill");
    job_world_free(w);
    buf_fini(&want);
}

TEST(what_is_refused_again_stays_in_its_place_and_is_counted)
{
    struct told told = {0};
    struct batch_record r;
    struct rejected_spec spec = all();
    struct buf want;
    still_life(&want, lake);
    struct job_world *w = refused_world(lake);
    spec.slot = tell;
    spec.slot_arg = &told;
    memory_reject(JOB_WORLD_ONE, "all_of", "a|0|7");
    memory_reject(JOB_WORLD_TWO, "per_k", "b");
    // Also where the replies are lost.
    memory_fail(JOB_WORLD_ONE, MEMORY_COMMIT, 1, MEMORY_LIE, REMEDY_FATAL);
    assert_false(try_again(w, &spec));
    again(w, &spec);
    assert_int_equal(told.refused, 2);
    rejects_are("reject sim 0 ALL_OF all_of 1 0:  {\"k\":\"a\",\"id\":0,\"cents\":7}: refused as "
                "asked for\n"
                "reject sim 0 PER_K per_k 2 0: {\"k\":\"b\"} {\"k\":\"b\",\"n\":1,\"total\":7}: "
                "refused as asked for\n");
    struct arena *a = arena_new(NULL);
    uint64_t refused = 0;
    for (uint64_t batch = 3; job_world_record(&r, w, a, batch); batch++) {
        assert_int_equal(r.kind, BATCH_REJECTS);
        for (size_t i = 0; i < r.target_count; i++)
            refused += r.targets[i].rejected;
    }
    arena_free(a);
    assert_int_equal(refused, 3); // that of the first batch twice
    silent(w);
    memory_reject(JOB_WORLD_ONE, "all_of", "");
    memory_reject(JOB_WORLD_TWO, "per_k", "");
    again(w, &spec);
    same(w, &want, "in the end");
    job_world_free(w);
    buf_fini(&want);
}

TEST(a_reject_whose_key_has_a_later_row_is_none_and_comes_not)
{
    struct job_world *w = refused_world(no_lake);
    const struct rejected_spec spec = all();
    struct buf got;
    record(w, "a", 9);
    run(w);
    again(w, &spec);
    buf_init(&got, TEXT_MAX);
    assert_true(memory_get(&got, JOB_WORLD_TWO, "per_k", "a"));
    assert_str(buf_view(&got), "k=a|n=2|total=14");
    silent(w);
    buf_fini(&got);
    job_world_free(w);
}

TEST(batches_and_outputs_may_be_chosen_and_a_dry_run_changes_nothing)
{
    static const struct str tables[] = {{"per_k", 5}}, none[] = {{"NOPE", 4}};
    struct told told = {0};
    struct rejected_spec spec = all();
    struct buf before, after;
    struct job_world *w = refused_world(no_lake);
    print_rejects(&before);
    spec.mode = REJECTED_DRY_RUN;
    spec.slot = tell;
    spec.slot_arg = &told;
    again(w, &spec);
    assert_int_equal(told.rows, 4);
    assert_int_equal(last_batch(w), 2);
    print_rejects(&after);
    assert_string_equal(before.p, after.p);
    spec.mode = REJECTED_EXECUTE;
    spec.outputs = none;
    spec.output_count = 1;
    assert_false(try_again(w, &spec));
    assert_non_null(strstr(w->text, "has no output NOPE"));
    spec.outputs = tables;
    spec.from = spec.to = 2;
    again(w, &spec);
    assert_int_equal(w->report.warehouse_rows, 1);
    assert_true(memory_get(&after, JOB_WORLD_TWO, "per_k", "b"));
    assert_false(memory_get(&after, JOB_WORLD_TWO, "per_k", "a"));
    silent(w);
    buf_fini(&before);
    buf_fini(&after);
    job_world_free(w);
}

TEST(dead_letters_of_the_same_batch_stay)
{
    struct job_world *w = world(no_lake);
    const struct rejected_spec spec = all();
    char path[600];
    run(w);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":\"x\"}");
    two_batches(w, REFUSED);
    again(w, &spec);
    rejects_are("");
    (void)snprintf(path, sizeof path, "%s/dead_letters/1.jsonl", w->job->state_dir);
    assert_true(file_exists(path));
    job_world_free(w);
}

TEST(rows_from_before_a_reset_are_left_alone)
{
    const struct rejected_spec spec = all();
    uint64_t older = 0;
    struct job_world *w = refused_world(no_lake);
    assert_true(job_world_reset(w, RUN_RESET_REBUILD));
    run(w); // writes the table whole
    assert_ok(run_rejected(&w->report, &older, w->job, &w->env, &spec, &w->e), &w->e);
    assert_int_equal(w->report.batches, 0);
    assert_int_equal(older, 2);
    job_world_free(w);
}

TEST(of_a_batch_that_is_released_from_a_table_the_rows_stay_rejects)
{
    struct buf want;
    struct deliver_report report;
    const struct rejected_spec spec = all();
    still_life(&want, no_lake);
    struct job_world *w = refused_world(no_lake);
    memory_fail(JOB_WORLD_TWO, MEMORY_BEGIN, 1, MEMORY_FAIL, REMEDY_FATAL);
    assert_false(try_again(w, &spec));
    assert_ok(run_deliver_decided(&report, w->job, &w->env, STR("two/per_k/PER_K"), &w->e), &w->e);
    again(w, &spec);
    same(w, &want, "after a release");
    job_world_free(w);
    buf_fini(&want);
}

// --- cut short -------------------------------------------------------------------------------------------------------

static void until_well(struct job_world *w)
{
    const struct rejected_spec spec = all();
    for (int failed = 0; !try_again(w, &spec); failed++) {
        job_world_check_offsets(w);
        if (failed == 10)
            fail_msg("does not get well: %s", w->text);
        if (durable_dead(w->durable))
            job_world_restart(w, NULL);
    }
}

static void life(struct job_world *w, const struct fault_spec *fault)
{
    job_world_restart(w, NULL);
    run(w);
    two_batches(w, REFUSED);
    memory_reject(JOB_WORLD_ONE, "all_of", "b|1|7"); // stays
    job_world_restart(w, fault);
    until_well(w);
}

static void every_call(const char *outputs, uint64_t step)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    struct buf want;
    uint64_t total = 0, cases = 0;
    still_life(&want, outputs);
    struct job_world *w = world(outputs);
    life(w, NULL);
    for (size_t i = 0; i < durable_site_count(w->durable); i++) {
        uint64_t calls;
        (void)durable_site(w->durable, i, &calls);
        total += calls;
    }
    for (size_t a = 0; a < sizeof actions / sizeof actions[0]; a++)
        for (uint64_t n = 1 + a * 3 % step; n <= total; n += step, cases++) {
            const struct fault_spec fault = {.occurrence = n, .action = actions[a]};
            char what[64];
            (void)snprintf(what, sizeof what, "action %zu at durable call %llu", a,
                           (unsigned long long)n);
            job_world_wipe(w);
            life(w, &fault);
            rejects_are("reject sim 0 ALL_OF all_of 2 0:  {\"k\":\"b\",\"id\":1,\"cents\":7}: "
                        "refused as asked for\n");
            silent(w);
            memory_reject(JOB_WORLD_ONE, "all_of", "");
            until_well(w);
            same(w, &want, what);
        }
    print_message("%llu durable calls, %llu cases\n", (unsigned long long)total,
                  (unsigned long long)cases);
    job_world_free(w);
    buf_fini(&want);
}

TEST(a_fault_at_any_durable_call_leaves_each_row_in_its_table_or_among_the_rejects_once)
{
    every_call(lake, test_is_long() ? 1 : 11);
    every_call(no_lake, test_is_long() ? 1 : 11);
}

TEST(a_store_that_loses_its_tail_gets_the_rows_again)
{
    struct buf want;
    struct rejected_spec spec = all();
    still_life(&want, no_lake);
    struct job_world *w = refused_world(no_lake);
    spec.to = 1;
    again(w, &spec);
    memory_copy("backup", JOB_WORLD_TWO);
    spec.to = 2;
    again(w, &spec);
    memory_copy(JOB_WORLD_TWO, "backup");
    run(w);
    rejects_are("");
    same(w, &want, "from spools");
    job_world_free(w);
    buf_fini(&want);
}

static void lost_state(const char *outputs)
{
    struct buf want;
    struct recover_report report;
    const struct rejected_spec spec = all();
    still_life(&want, outputs);
    struct job_world *w = refused_world(outputs);
    // The first batch is in one of the tables, and the state is gone.
    memory_fail(JOB_WORLD_TWO, MEMORY_BEGIN, 1, MEMORY_FAIL, REMEDY_FATAL);
    assert_false(try_again(w, &spec));
    job_world_delete(w, "state");
    job_world_restart(w, NULL);
    if (!job_world_recover(w, &report))
        fail_msg("%s", w->text);
    again(w, &spec);
    rejects_are("");
    struct buf got;
    buf_init(&got, TEXT_MAX);
    job_world_print_rows(&got, w, JOB_WORLD_SORTED);
    job_world_same(&want, &got, "after a recovery");
    buf_fini(&got);
    buf_fini(&want);
    job_world_free(w);
}

TEST(rows_that_wait_for_a_table_that_is_behind_come_before_what_is_newer)
{
    const struct rejected_spec spec = all();
    struct buf got;
    struct job_world *w = world_with(no_lake, "    output_lag: {}\n");
    run(w);
    two_batches(w, REFUSED);
    // The first batch of refused rows is decided, one table cannot take it and the others go on.
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    assert_false(try_again(w, &spec));
    assert_int_equal(w->e.kind, ERR_REMOTE);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    memory_fail(JOB_WORLD_TWO, MEMORY_BEGIN, 1, MEMORY_FAIL, REMEDY_FATAL);
    assert_false(try_again(w, &spec));
    const uint64_t decided = last_batch(w);
    assert_int_equal(decided, 3);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    record(w, "a", 9);
    run(w);
    record(w, "d", 9);
    run(w);
    assert_int_equal(last_batch(w), decided + 2);
    assert_false(try_again(w, &spec)); // first it gets what it lacks
    assert_int_equal(last_batch(w), decided + 2);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    again(w, &spec);
    rejects_are("");
    buf_init(&got, TEXT_MAX);
    memory_print_table(&got, JOB_WORLD_TWO, "per_k");
    assert_str(buf_view(&got), "a|2|14\nb|1|7\nc|2|14\nd|1|7\n");
    silent(w);
    buf_fini(&got);
    job_world_free(w);
}

TEST(rows_of_a_stream_that_is_put_by_key_come_into_their_key)
{
    const struct rejected_spec spec = all();
    struct buf got;
    struct job_world *w =
        world("      ALL_OF: { warehouse: { to: one, mode: upsert, key: [k] } }\n");
    run(w);
    memory_reject(JOB_WORLD_ONE, "all_of", "a");
    record(w, "a", 1);
    record(w, "b", 1);
    run(w);
    memory_reject(JOB_WORLD_ONE, "all_of", "b");
    record(w, "b", 2);
    run(w);
    rejects_are("reject sim 0 ALL_OF all_of 1 0: {\"k\":\"a\"} {\"k\":\"a\",\"id\":1,\"cents\":7}: "
                "refused as asked for\n"
                "reject sim 0 ALL_OF all_of 2 0: {\"k\":\"b\"} {\"k\":\"b\",\"id\":2,\"cents\":7}: "
                "refused as asked for\n");
    memory_reject(JOB_WORLD_ONE, "all_of", "");
    again(w, &spec);
    rejects_are("");
    buf_init(&got, TEXT_MAX);
    memory_print_table(&got, JOB_WORLD_ONE, "all_of");
    assert_str(buf_view(&got), "a|1|7\nb|2|7\n");
    silent(w);
    buf_fini(&got);
    job_world_free(w);
}

TEST(after_the_loss_of_the_state_what_was_not_delivered_is_a_reject_still)
{
    lost_state(lake);
}

TEST_MAIN(T(refused_rows_are_where_they_would_have_been_once_their_tables_can_take_them),
          T(what_is_refused_again_stays_in_its_place_and_is_counted),
          T(a_reject_whose_key_has_a_later_row_is_none_and_comes_not),
          T(batches_and_outputs_may_be_chosen_and_a_dry_run_changes_nothing),
          T(dead_letters_of_the_same_batch_stay), T(rows_from_before_a_reset_are_left_alone),
          T(of_a_batch_that_is_released_from_a_table_the_rows_stay_rejects),
          T(a_store_that_loses_its_tail_gets_the_rows_again),
          T(rows_that_wait_for_a_table_that_is_behind_come_before_what_is_newer),
          T(rows_of_a_stream_that_is_put_by_key_come_into_their_key),
          T(after_the_loss_of_the_state_what_was_not_delivered_is_a_reject_still),
          T(a_fault_at_any_durable_call_leaves_each_row_in_its_table_or_among_the_rejects_once))
