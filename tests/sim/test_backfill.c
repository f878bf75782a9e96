// Backfill: whatever is run, backfilled and cut short, each source record stands in the outputs exactly once.
#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "jobs/run/replay.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)

static const struct str streams[] = {{"GOOD", 4}, {"BIG", 3}};

static struct job_world *world(void)
{
    return job_world_new(&job_scenario_transactions);
}

static void produce(struct job_world *w, struct job_random *r, unsigned n)
{
    job_scenario_produce(w, r, n, JOB_RECORDS_HOSTILE);
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static struct backfill_spec batches(int64_t from, int64_t to)
{
    return (struct backfill_spec){
        .by = BACKFILL_BATCHES, .from = from, .to = to, .outputs = streams, .output_count = 2};
}

static void backfill(struct job_world *w, const struct backfill_spec *spec)
{
    if (!job_world_backfill(w, spec))
        fail_msg("%s", w->text);
}

static void refused(struct job_world *w, const struct backfill_spec *spec, enum err_kind kind,
                    const char *part)
{
    if (job_world_backfill(w, spec))
        fail_msg("done, in %llu batches", (unsigned long long)w->report.batches);
    if (w->e.kind != kind || !strstr(w->text, part))
        fail_msg("\"%s\" is not %s \"%s\"", w->text, err_kind_name(kind), part);
}

static uint64_t last_batch(const struct job_world *w, size_t *pending)
{
    struct control c;
    struct arena *a = arena_new(NULL);
    job_world_control(&c, w, a);
    uint64_t n = c.last_batch;
    *pending = c.redo.count - c.redo.next;
    arena_free(a);
    return n;
}

static void still_life(struct buf *out, uint64_t seed, const unsigned *n, size_t count,
                       const char *sql)
{
    job_scenario_still(out, &job_scenario_transactions, sql, seed, n, count);
}

TEST(a_backfill_with_the_same_sql_changes_no_row_and_moves_no_position)
{
    static const unsigned portions[] = {130, 40};
    struct buf want;
    still_life(&want, 3, portions, 2, NULL);
    struct job_world *w = world();
    struct job_random r = {3};
    produce(w, &r, 130);
    run(w);
    size_t pending;
    uint64_t before = last_batch(w, &pending);
    assert_int_equal(before, 3);
    const struct backfill_spec spec = batches(2, 3);
    backfill(w, &spec);
    assert_int_equal(w->report.batches, 2);
    assert_int_equal(last_batch(w, &pending), before + 2);
    assert_int_equal(pending, 0);
    produce(w, &r, 40);
    run(w);
    job_scenario_same(w, &want, "after a backfill and a run");
}

// The SQL of today over the records of then: what a job with that SQL from the start would hold in these outputs.
TEST(a_backfill_with_other_sql_gives_what_that_sql_would_have_given)
{
    static const unsigned portions[] = {130};
    struct arena *a = arena_new(NULL);
    struct buf want;
    size_t at;
    struct str sql = str_from(job_scenario_transactions.sql), berlin = STR("'Berlin'");
    assert_true(str_find(&at, sql, berlin));
    const char *rome = arena_printf(a, "%.*s'Rome'%s", (int)at, sql.p, sql.p + at + berlin.n).p;
    still_life(&want, 5, portions, 1, rome);
    struct job_world *w = world();
    struct job_random r = {5};
    produce(w, &r, 130);
    run(w);
    assert_true(job_world_compile(w, rome, w->spec.outputs));
    const struct backfill_spec spec = batches(1, 4);
    backfill(w, &spec);
    job_scenario_same(w, &want, "after the filter was corrected");
    arena_free(a);
}

TEST(slots_are_chosen_by_time_and_by_offset_and_taken_whole)
{
    struct job_world *w = world();
    struct job_random r = {7};
    produce(w, &r, 130);
    run(w);
    struct backfill_spec spec = {.by = BACKFILL_OFFSETS,
                                 .from = 0,
                                 .to = 1,
                                 .partition = 0,
                                 .outputs = streams,
                                 .output_count = 2};
    backfill(w, &spec);
    assert_int_equal(w->report.batches, 1);
    assert_true(w->report.records > 1);
    spec = (struct backfill_spec){.by = BACKFILL_TIME,
                                  .from = INT64_C(1761436800000),
                                  .to = INT64_C(1761436800000) + 86400000,
                                  .outputs = streams,
                                  .output_count = 2};
    backfill(w, &spec);
    assert_true(w->report.batches >= 1 && w->report.batches <= 4);
    spec.to = spec.from - 86400000 * 9;
    spec.from = spec.to - 1;
    refused(w, &spec, ERR_CONFIG, "no batch of job sim holds records of this range");
    job_world_free(w);
}

struct told {
    size_t slots, files;
    uint64_t appended;
};

static bool tell(void *arg, const struct backfill_slot *s, struct err *e)
{
    struct told *t = arg;
    assert_non_null(e);
    assert_true(s->range_count > 0 && s->index < s->count);
    t->slots++;
    t->files += s->file_count;
    t->appended += s->appended;
    return true;
}

TEST(a_dry_run_says_what_would_be_replaced_and_changes_nothing)
{
    struct job_world *w = world();
    struct job_random r = {9};
    struct buf before, after;
    struct told told = {0};
    produce(w, &r, 90);
    run(w);
    buf_init(&before, TEXT_MAX);
    buf_init(&after, TEXT_MAX);
    job_world_print(&before, w);
    struct backfill_spec spec = batches(1, 2);
    spec.mode = BACKFILL_DRY_RUN;
    spec.slot = tell;
    spec.slot_arg = &told;
    backfill(w, &spec);
    assert_int_equal(told.slots, 2);
    assert_true(told.files >= 2 && told.appended > 0);
    job_world_print(&after, w);
    job_world_same(&before, &after, "a dry run");
    buf_fini(&before);
    buf_fini(&after);
    job_world_free(w);
}

TEST(what_cannot_be_right_is_refused_with_the_reason)
{
    struct job_world *w = world();
    struct job_random r = {11};
    produce(w, &r, 90);
    run(w);
    struct backfill_spec spec = batches(1, 2);
    spec.output_count = 0;
    refused(w, &spec, ERR_CONFIG, "output PER_USER is a table");
    assert_non_null(strstr(w->e.hint, "--outputs"));
    const struct str unknown[] = {STR("NOPE")};
    spec.outputs = unknown;
    spec.output_count = 1;
    refused(w, &spec, ERR_CONFIG, "has no output NOPE");
    spec = batches(17, 18);
    refused(w, &spec, ERR_CONFIG, "no batch of job sim");
    spec = batches(1, 2);
    source_fake_delete_before(w->broker, "tx", 0, 3);
    refused(w, &spec, ERR_DATA, "the topic begins at 3 now");
    source_fake_recreate(w->broker, "tx", JOB_SCENARIO_PARTITIONS);
    refused(w, &spec, ERR_BEHIND, "the topic ends at 0 now");
    struct job_random other = {12};
    produce(w, &other, 400);
    refused(w, &spec, ERR_BEHIND, "is not the one that batch 1 read");
    job_world_free(w);
}

TEST(a_backfill_that_was_cut_short_stays_pending_and_is_continued)
{
    static const unsigned portions[] = {130};
    struct buf want;
    still_life(&want, 13, portions, 1, NULL);
    struct job_world *w = world();
    struct job_random r = {13};
    produce(w, &r, 130);
    run(w);
    const struct fault_spec fault = {
        .site = "memory.commit", .occurrence = 8, .action = FAULT_CRASH_BEFORE};
    job_world_restart(w, &fault);
    struct backfill_spec spec = batches(1, 4);
    assert_false(job_world_backfill(w, &spec));
    assert_true(durable_dead(w->durable));
    job_world_restart(w, NULL);
    size_t pending, none;
    uint64_t before = last_batch(w, &pending);
    assert_true(pending > 0 && pending < 4);
    spec = batches(1, 1); // not all that is pending: batches, outputs
    refused(w, &spec, ERR_CONFIG, "a backfill of job sim is not finished");
    spec = batches(1, 4);
    spec.output_count = 1;
    refused(w, &spec, ERR_CONFIG, "a backfill of job sim is not finished");
    run(w); // a run does not mind
    spec = (struct backfill_spec){.by = BACKFILL_PENDING};
    backfill(w, &spec);
    assert_int_equal(w->report.batches, pending);
    assert_int_equal(last_batch(w, &none), before + pending);
    assert_int_equal(none, 0);
    job_scenario_same(w, &want, "after going on");
}

static bool told(void *arg, const struct backfill_slot *s, struct err *e)
{
    assert_non_null(e);
    assert_true(s->file_count > 0 || s->appended > 0);
    ++*(size_t *)arg;
    return true;
}

TEST(a_pending_backfill_whose_records_are_gone_is_given_up)
{
    struct job_world *w = world();
    struct job_random r = {13};
    produce(w, &r, 130);
    run(w);
    const struct fault_spec fault = {
        .site = "memory.commit", .occurrence = 2, .action = FAULT_CRASH_BEFORE};
    job_world_restart(w, &fault);
    struct backfill_spec spec = batches(1, 4);
    assert_false(job_world_backfill(w, &spec));
    job_world_restart(w, NULL);
    size_t pending, left = 0, none;
    uint64_t before = last_batch(w, &pending);
    assert_true(pending > 0);
    for (int32_t i = 0; i < JOB_SCENARIO_PARTITIONS; i++)
        source_fake_delete_before(w->broker, "tx", i, source_fake_end(w->broker, "tx", i));
    const struct backfill_spec on = {.by = BACKFILL_PENDING};
    refused(w, &on, ERR_DATA, "the topic begins at");
    assert_non_null(strstr(w->text, "job backfill sim --abandon"));
    refused(w, &spec, ERR_DATA, "the topic begins at");
    const struct backfill_spec up = {
        .by = BACKFILL_PENDING, .mode = BACKFILL_ABANDON, .slot = told, .slot_arg = &left};
    backfill(w, &up);
    assert_int_equal(left, pending);
    assert_int_equal(last_batch(w, &none), before); // nothing was executed
    assert_int_equal(none, 0);
    backfill(w, &on);
    assert_int_equal(w->report.batches, 0);
    job_world_free(w);
}

TEST(a_pending_backfill_gives_way_to_one_that_has_all_of_it)
{
    static const unsigned portions[] = {130};
    struct buf want;
    still_life(&want, 13, portions, 1, NULL);
    struct job_world *w = world();
    struct job_random r = {13};
    produce(w, &r, 130);
    run(w);
    const struct fault_spec fault = {
        .site = "memory.commit", .occurrence = 5, .action = FAULT_CRASH_BEFORE};
    job_world_restart(w, &fault);
    struct backfill_spec spec = batches(2, 4);
    assert_false(job_world_backfill(w, &spec));
    job_world_restart(w, NULL);
    size_t pending, none;
    (void)last_batch(w, &pending);
    assert_true(pending > 0);
    spec = batches(1, 4);
    spec.mode = BACKFILL_DRY_RUN;
    backfill(w, &spec);
    spec.mode = BACKFILL_EXECUTE;
    backfill(w, &spec);
    assert_true(w->report.batches > pending);
    (void)last_batch(w, &none);
    assert_int_equal(none, 0);
    job_scenario_same(w, &want, "after the larger one");
}

// Dead letters of a job without a lake are files of the state directory: they are replaced, too.
TEST(dead_letters_of_a_slot_are_replaced_with_it)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.lake = JOB_WORLD_NO_LAKE;
    spec.outputs = "      BIG: { warehouse: { to: one } }\n";
    struct job_world *w = job_world_new(&spec);
    struct job_random r = {21};
    char path[600];
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":\"x\"}");
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":\"y\"}");
    run(w);
    (void)snprintf(path, sizeof path, "%s/dead_letters/1.jsonl", w->job->state_dir);
    assert_true(file_exists(path));
    struct backfill_spec how = batches(1, 1);
    how.outputs = &streams[1];
    how.output_count = 1;
    source_fake_compact(w->broker, "tx", 0, 0);
    backfill(w, &how);
    assert_int_equal(w->report.dead, 1);
    assert_true(file_exists(path));
    source_fake_compact(w->broker, "tx", 0, 1);
    backfill(w, &how);
    assert_false(file_exists(path));
    produce(w, &r, 20);
    run(w);
    job_world_free(w);
}

// Of two outputs one is made again, with SQL that can decode what was a dead letter: the other must get it, too.
static void letters_are_all_outputs(bool lake)
{
#define SQL(id)                                                                             \
    "CREATE STREAM tx (k VARCHAR KEY, id " id ") WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = " \
    "'JSON');\n"                                                                            \
    "CREATE STREAM good AS SELECT k, CAST(id AS VARCHAR) AS id FROM tx EMIT CHANGES;\n"     \
    "CREATE STREAM big AS SELECT k, CAST(id AS VARCHAR) AS id FROM tx EMIT CHANGES;\n"
    const struct job_world_spec spec = {.sql = SQL("BIGINT"),
                                        .outputs = "      GOOD: { warehouse: { to: one } }\n"
                                                   "      BIG: { warehouse: { to: two } }\n",
                                        .topics = {"tx"},
                                        .partitions = 1,
                                        .lake = lake ? JOB_WORLD_LAKE : JOB_WORLD_NO_LAKE};
    const struct replay_spec all = {.to = UINT64_MAX};
    struct job_world *w = job_world_new(&spec);
    struct backfill_spec good = batches(1, 1);
    good.output_count = 1;
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":1}");
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":\"x\"}");
    run(w);
    backfill(w, &good); // a letter that stays one is no harm
    if (!job_world_compile(w, SQL("VARCHAR"), spec.outputs))
        fail_msg("%s", w->text);
#undef SQL
    refused(w, &good, ERR_CONFIG, "tx/0 offset 1 would be no dead letter any more");
    assert_ok(run_replay(&w->report, w->job, &w->env, &all, &w->e), &w->e);
    assert_int_equal(w->report.warehouse_rows, 2);
    const struct backfill_spec pending = {.by = BACKFILL_PENDING};
    backfill(w, &pending);
    assert_int_equal(memory_rows(JOB_WORLD_ONE, "good"), 2);
    assert_int_equal(memory_rows(JOB_WORLD_TWO, "big"), 2);
    job_world_check_receipts(w);
    job_world_free(w);
}

TEST(a_part_of_the_outputs_does_not_take_dead_letters_from_the_others)
{
    letters_are_all_outputs(true);
    letters_are_all_outputs(false);
}

// --- any sequence ----------------------------------------------------------------------------------------------------

static void maybe_fault(struct job_world *w, struct job_random *r)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    const struct fault_spec fault = {.occurrence = 1 + job_random_below(r, 400),
                                     .action = actions[job_random_below(r, 4)]};
    job_world_restart(w, job_random_below(r, 3) > 0 ? &fault : NULL);
}

static void random_backfill(struct job_world *w, struct job_random *r)
{
    size_t pending;
    uint64_t last = last_batch(w, &pending);
    if (last == 0)
        return;
    struct backfill_spec spec = batches(1 + (int64_t)job_random_below(r, last), 0);
    spec.to = spec.from + (int64_t)job_random_below(r, 4);
    if (job_random_below(r, 2) == 0)
        spec = (struct backfill_spec){.by = BACKFILL_OFFSETS,
                                      .from = (int64_t)job_random_below(r, 60),
                                      .to = 100,
                                      .partition = (int32_t)job_random_below(r, 4),
                                      .outputs = streams,
                                      .output_count = 2};
    spec.outputs += job_random_below(r, 2);
    spec.output_count = (size_t)(streams + 2 - spec.outputs);
    for (int tries = 0; !job_world_backfill(w, &spec); tries++) {
        if (strstr(w->text, "no batch of job sim"))
            return;
        if (tries == 20)
            fail_msg("does not get well: %s", w->text);
        if (durable_dead(w->durable))
            job_world_restart(w, NULL);
        (void)last_batch(w, &pending);
        if (pending)
            spec = (struct backfill_spec){.by = BACKFILL_PENDING};
    }
}

static void any_sequence(uint64_t seed)
{
    enum { STEPS = 9 };
    unsigned portions[STEPS], count = 0;
    struct job_random chance = {seed};
    bool backfills[STEPS];
    for (int step = 0; step < STEPS; step++) {
        backfills[step] = step > 0 && job_random_below(&chance, 2) == 0;
        if (!backfills[step])
            portions[count++] = 20 + (unsigned)job_random_below(&chance, 60);
    }
    struct buf want;
    still_life(&want, seed + 1000, portions, count, NULL);
    struct job_world *w = world();
    struct job_random r = {seed + 1000};
    for (int step = 0, portion = 0; step < STEPS; step++) {
        maybe_fault(w, &chance);
        if (backfills[step]) {
            random_backfill(w, &chance);
        } else {
            produce(w, &r, portions[portion++]);
            job_world_settle(w, 20);
        }
    }
    job_world_restart(w, NULL);
    job_world_settle(w, 20);
    char what[64];
    (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    job_scenario_same(w, &want, what);
}

TEST(any_sequence_of_runs_backfills_and_crashes_leaves_each_record_exactly_once)
{
    uint64_t count = test_is_long() ? 400 : 12;
    for (uint64_t seed = 1; seed <= count; seed++)
        any_sequence(seed);
}

TEST_MAIN(T(a_backfill_with_the_same_sql_changes_no_row_and_moves_no_position),
          T(a_backfill_with_other_sql_gives_what_that_sql_would_have_given),
          T(slots_are_chosen_by_time_and_by_offset_and_taken_whole),
          T(a_dry_run_says_what_would_be_replaced_and_changes_nothing),
          T(what_cannot_be_right_is_refused_with_the_reason),
          T(a_backfill_that_was_cut_short_stays_pending_and_is_continued),
          T(a_pending_backfill_whose_records_are_gone_is_given_up),
          T(a_pending_backfill_gives_way_to_one_that_has_all_of_it),
          T(dead_letters_of_a_slot_are_replaced_with_it),
          T(a_part_of_the_outputs_does_not_take_dead_letters_from_the_others),
          T(any_sequence_of_runs_backfills_and_crashes_leaves_each_record_exactly_once))
