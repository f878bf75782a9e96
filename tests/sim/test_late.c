// Rows for partitions that have expired, where `late_partition` keeps them out: dead letters or dropped, counted, the same however batches are cut, and
// whatever is cut short in between.
#include "jobs/run/late.h"

#include "jobs/run/backfill.h"
#include "jobs/run/recover.h"
#include "jobs/run/replay.h"
#include "tests/support/job_upkeep.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { DAY_MS = JOB_UPKEEP_DAY_MS };
#define TEXT_MAX ((size_t)64 << 20)

// On 2025-10-28: the 27th and later are kept. Records are of the 25th and later.
#define GOOD(policy) \
    "      GOOD: { lake: { partition_by: [year, month, day], retain: 1d" policy " } }\n"
#define BIG(policy)                                                                    \
    "      BIG: { lake: { format: csv, partition_by: [year, month], retain: 1d" policy \
    " }, warehouse: { to: one } }\n"
#define PER_USER \
    "      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, warehouse: { to: two } }\n"
#define KEPT    ", late_partition: dead_letter"
#define DROPPED ", late_partition: drop"

static const char strict[] = GOOD(KEPT) BIG("") PER_USER;

static struct job_world *world(const char *outputs)
{
    struct job_world_spec spec = job_upkeep_job;
    spec.outputs = outputs;
    return job_world_new(&spec);
}

static void whole(struct job_world *w)
{
    w->job->limits.batch_records_max = 0;
}

static void other_cuts(struct job_world *w, struct job_random *r)
{
    w->job->limits.batch_records_max = 1 + job_random_below(r, 40);
    w->job->threads = 1 + (unsigned)job_random_below(r, 3);
    w->env.window = 1 + (uint32_t)job_random_below(r, 30);
    source_fake_reseed(w->broker, job_random_next(r));
}

// Keeps October.
static void produces_now(struct job_world *w)
{
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":9,\"cents\":6000}");
}

static void compiles(struct job_world *w, const char *outputs)
{
    if (!job_world_compile(w, job_upkeep_job.sql, outputs))
        fail_msg("%s", w->text);
}

// Lines of job_world_print_rows with this text in them.
static size_t lines(const struct job_world *w, const char *what)
{
    struct buf rows;
    size_t n = 0;
    job_upkeep_print(&rows, w);
    struct str rest = buf_view(&rows), line;
    size_t at;
    while (str_split_once(&line, &rest, rest, '\n'))
        n += str_find(&at, line, str_from(what));
    buf_fini(&rows);
    return n;
}

static void sorted(struct buf *out, const struct job_world *w)
{
    buf_init(out, TEXT_MAX);
    job_world_print_rows(out, w, JOB_WORLD_SORTED);
}

static void fine(struct job_world *w)
{
    job_upkeep_verify(w);
    job_upkeep_audit(w);
    job_world_check_receipts(w);
}

TEST(a_late_row_is_a_dead_letter_with_its_place_and_reason)
{
    struct arena *a = arena_new(NULL);
    struct batch_record r;
    struct job_world *w = world(strict);
    source_fake_add(w->broker, "tx", 1, JOB_WORLD_NOW - 4 * (int64_t)DAY_MS, "k",
                    "{\"id\":7,\"cents\":6000,\"place\":{\"city\":\"Rome\"}}");
    source_fake_add(w->broker, "tx", 1, JOB_WORLD_NOW, "k", "{\"id\":8,\"cents\":6000}");
    job_upkeep_run(w);
    assert_int_equal(w->report.dead, 1);
    assert_int_equal(w->report.late_partition, 1);
    assert_true(job_world_record(&r, w, a, 1));
    assert_int_equal(r.dead, 0); // it was decoded
    assert_int_equal(r.late_count, 1);
    assert_true(str_eq(r.late[0].output, STR("GOOD")));
    assert_int_equal(r.late[0].rows, 2);
    assert_int_equal(r.late[0].late, 1);
    assert_int_equal(lines(w, "GOOD {\"topic\":\"tx\",\"partition\":1,\"offset\":0,\"timestamp\":"
                              "1761292800000,\"output\":\"GOOD\",\"reason\":\"output GOOD: the "
                              "partition of 2025-10-24T08:00:00.000 has expired: "
                              "2025-10-27T00:00:00.000 is the first instant kept (retain: 1d)\","
                              "\"row\":{\"K\":\"k\",\"ID\":7,\"CENTS\":6000,\"ROWTIME\":"
                              "1761292800000}}"),
                     1);
    assert_int_equal(lines(w, "streams/GOOD"), 1);
    assert_int_equal(lines(w, "streams/BIG"), 2); // October is not over
    fine(w);
    job_world_free(w);
    arena_free(a);
}

TEST(what_is_dropped_is_counted_and_warehouses_have_it)
{
    struct arena *a = arena_new(NULL);
    struct batch_record r;
    struct job_world *w = world(GOOD(DROPPED) BIG(DROPPED) PER_USER);
    for (int month = 0; month < 3; month++)
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW - month * 30 * (int64_t)DAY_MS, "k",
                        "{\"id\":7,\"cents\":6000,\"place\":{\"city\":\"Rome\"}}");
    job_upkeep_run(w);
    assert_int_equal(w->report.dead, 0);
    assert_int_equal(w->report.late_partition, 4);
    assert_true(job_world_record(&r, w, a, 1));
    assert_int_equal(r.late_count, 2);
    assert_int_equal(r.late[1].how, BATCH_LATE_DROPPED);
    assert_int_equal(lines(w, "streams/GOOD"), 1);
    assert_int_equal(lines(w, "streams/BIG"), 1);
    assert_int_equal(lines(w, "_dead_letters"), 0);
    fine(w);
    job_world_free(w);
    arena_free(a);
}

TEST(payloads_of_late_rows_follow_the_policy_of_dead_letters)
{
    static const struct {
        const char *job, *has, *lacks;
    } cases[] = {
        {"    dead_letters: { payload: hash }\n", "\"row_xxh64\":\"", "\"row\":"},
        {"    dead_letters: { payload: none }\n", "(retain: 1d)\"}", "\"row"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct job_world_spec spec = job_upkeep_job;
        spec.outputs = strict;
        spec.job = cases[i].job;
        struct job_world *w = job_world_new(&spec);
        source_fake_add(w->broker, "tx", 1, JOB_WORLD_NOW - 4 * (int64_t)DAY_MS, "k", "{\"id\":7}");
        job_upkeep_run(w);
        assert_int_equal(lines(w, cases[i].has), 1);
        assert_int_equal(lines(w, cases[i].lacks), 0);
        job_world_free(w);
    }
}

// --- cuts ------------------------------------------------------------------------------------------------------------

static void cut(const struct job_world_spec *spec, uint64_t seed, enum job_world_order order)
{
    struct job_random r = {seed};
    struct buf rows[2];
    char what[64];
    struct job_world *w = job_world_new(spec);
    for (int i = 0; i < 2; i++) {
        struct job_random same = {seed * 31};
        if (i)
            job_world_wipe(w);
        job_upkeep_produce(w, &same, 130);
        i ? other_cuts(w, &r) : whole(w);
        job_upkeep_run(w);
        assert_true(w->report.late_partition > 0);
        fine(w);
        buf_init(&rows[i], TEXT_MAX);
        job_world_print_rows(&rows[i], w, order);
    }
    (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    job_world_same(&rows[0], &rows[1], what);
    buf_fini(&rows[0]);
    buf_fini(&rows[1]);
    job_world_free(w);
}

TEST(cuts_threads_and_windows_change_no_late_row)
{
    static const char merged[] =
        "CREATE STREAM tx (k VARCHAR KEY, id BIGINT, usr VARCHAR, cents BIGINT,"
        "  place STRUCT<city VARCHAR, zip VARCHAR>)"
        "  WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"
        "CREATE STREAM good AS SELECT k, id, cents FROM tx EMIT CHANGES;\n"
        "CREATE STREAM big AS SELECT k, id, place->city AS city FROM tx EMIT CHANGES;\n"
        "CREATE TABLE per_user AS SELECT usr, LATEST_BY_OFFSET(id) AS n FROM tx GROUP BY usr"
        "  EMIT CHANGES;\n";
    for (uint64_t seed = 1; seed <= (test_is_long() ? 200 : 10); seed++) {
        struct job_world_spec spec = job_upkeep_job;
        spec.outputs = strict;
        cut(&spec, seed, JOB_WORLD_SORTED);
        spec.sql = merged;
        cut(&spec, seed, JOB_WORLD_ORDERED);
    }
}

struct life {
    struct job_random records;
    int pieces;
};

static void piece(struct job_world *w, void *arg)
{
    struct life *l = arg;
    if (l->pieces-- == 0)
        atomic_store(&w->cancel, true);
    else
        job_upkeep_produce(w, &l->records, 30);
}

TEST(an_endless_run_has_the_late_rows_of_a_bounded_one)
{
    struct buf want, got;
    struct job_world *w = world(GOOD(KEPT) BIG(DROPPED));
    struct life bounded = {{41}, 5}, endless = {{41}, 5};
    while (bounded.pieces > 0)
        piece(w, &bounded);
    job_upkeep_run(w);
    const struct run_report r = w->report;
    assert_true(r.late_partition > 10);
    sorted(&want, w);
    job_world_wipe(w);
    if (!job_world_stream(w, piece, &endless))
        fail_msg("%s", w->text);
    assert_true(w->report.batches > 5);
    assert_int_equal(w->report.late_partition, r.late_partition);
    assert_int_equal(w->report.dead, r.dead);
    assert_int_equal(w->report.lake_rows, r.lake_rows); // those that expire at once, too
    sorted(&got, w);
    job_world_same(&want, &got, "endless");
    fine(w);
    buf_fini(&want);
    buf_fini(&got);
    job_world_free(w);
}

// What waits in a row log was in time when it was read.
static void midnight(struct job_world *w, void *arg)
{
    int *step = arg;
    if (*step == 0)
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW - DAY_MS, "k", "{\"id\":1}");
    if (*step == 1)
        w->time.wall_ms += DAY_MS;
    if (*step == 2)
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW - DAY_MS, "k", "{\"id\":2}");
    if (*step == 3)
        atomic_store(&w->cancel, true);
    ++*step;
}

TEST(a_row_is_late_by_the_clock_of_the_batch_that_read_it)
{
    int step = 0;
    struct job_world *w = world(GOOD(KEPT));
    if (!job_world_stream(w, midnight, &step))
        fail_msg("%s", w->text);
    assert_int_equal(w->report.late_partition, 1);
    assert_int_equal(lines(w, "\"row\":{\"K\":\"k\",\"ID\":2,"), 1);
    fine(w);
    job_world_wipe(w);
    w->time.wall_ms = JOB_WORLD_NOW;
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW - DAY_MS, "k", "{\"id\":1}");
    job_upkeep_run(w);
    assert_int_equal(w->report.late_partition, 0);
    w->time.wall_ms += DAY_MS;
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW - DAY_MS, "k", "{\"id\":2}");
    job_upkeep_run(w);
    assert_int_equal(w->report.late_partition, 1);
    fine(w);
    job_world_free(w);
}

// --- again -----------------------------------------------------------------------------------------------------------

static void backfills(struct job_world *w, size_t outputs)
{
    const struct backfill_spec spec = {.by = BACKFILL_BATCHES,
                                       .outputs = job_upkeep_streams,
                                       .output_count = outputs,
                                       .from = 1,
                                       .to = 2};
    if (!job_world_backfill(w, &spec))
        fail_msg("%s", w->text);
}

TEST(a_backfill_asks_the_clock_of_its_slot_and_the_policy_of_today)
{
    struct job_random random = {43};
    struct buf want;
    struct job_world *w = world(GOOD(KEPT) BIG(KEPT) PER_USER);
    job_upkeep_produce(w, &random, 100);
    produces_now(w);
    // A row of an old month, so that both outputs have letters.
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW - 40 * (int64_t)DAY_MS, "k",
                    "{\"id\":7,\"cents\":6000,\"place\":{\"city\":\"Rome\"}}");
    job_upkeep_run(w);
    assert_int_equal(w->report.batches, 2);
    size_t good = lines(w, "GOOD {\"topic\""), big = lines(w, "BIG {\"topic\"");
    size_t files = lines(w, "streams/GOOD"), dead = w->report.dead;
    assert_true(good > 0 && big == 1 && dead > good + big);
    job_upkeep_print(&want, w);
    w->time.wall_ms += 5 * (int64_t)DAY_MS; // every slot has expired since
    backfills(w, 2);
    job_upkeep_same(w, &want, "the same policy");
    fine(w);
    // The other output's letters stay.
    compiles(w, GOOD("") BIG("") PER_USER);
    backfills(w, 1);
    assert_int_equal(lines(w, "GOOD {\"topic\""), 0);
    assert_int_equal(lines(w, "streams/GOOD"), files + good);
    assert_int_equal(lines(w, "BIG {\"topic\""), 1);
    fine(w);
    // The next run's expiry takes the old partitions, as ever.
    job_upkeep_run(w);
    assert_int_equal(lines(w, "streams/GOOD"), 0);
    fine(w);
    buf_fini(&want);
    job_world_free(w);
}

TEST(a_replay_leaves_late_rows_and_adds_those_of_records_that_decode_now)
{
#define SQL(id)                                                                             \
    "CREATE STREAM tx (k VARCHAR KEY, id " id ") WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = " \
    "'JSON');\n"                                                                            \
    "CREATE STREAM good AS SELECT k, CAST(id AS VARCHAR) AS id FROM tx EMIT CHANGES;\n"
    const struct job_world_spec spec = {
        .sql = SQL("BIGINT"), .outputs = GOOD(KEPT), .topics = {"tx"}, .partitions = 1};
    const struct replay_spec all = {.to = UINT64_MAX};
    struct job_world *w = job_world_new(&spec);
    const int64_t old = JOB_WORLD_NOW - 9 * (int64_t)DAY_MS;
    source_fake_add(w->broker, "tx", 0, old, "k", "{\"id\":1}");
    source_fake_add(w->broker, "tx", 0, old, "k", "{\"id\":\"x\"}");
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":\"y\"}");
    job_upkeep_run(w);
    assert_int_equal(w->report.dead, 3);
    if (!job_world_compile(w, SQL("VARCHAR"), spec.outputs))
        fail_msg("%s", w->text);
#undef SQL
    assert_ok(run_replay(&w->report, w->job, &w->env, &all, &w->e), &w->e);
    assert_int_equal(lines(w, "GOOD {\"topic\""), 2);
    assert_int_equal(lines(w, "_dead_letters/"), 0);
    assert_int_equal(lines(w, "streams/GOOD"), 1);
    fine(w);
    // Nothing is left that could be replayed.
    uint64_t last = job_upkeep_last(w);
    assert_ok(run_replay(&w->report, w->job, &w->env, &all, &w->e), &w->e);
    assert_int_equal(job_upkeep_last(w), last);
    // A backfill makes the slot anew, both its files of late rows included.
    const struct backfill_spec again = {.by = BACKFILL_BATCHES,
                                        .outputs = job_upkeep_streams,
                                        .output_count = 1,
                                        .from = 1,
                                        .to = 1};
    if (!job_world_backfill(w, &again))
        fail_msg("%s", w->text);
    assert_int_equal(lines(w, "GOOD {\"topic\""), 2);
    assert_int_equal(lines(w, "streams/GOOD"), 1);
    fine(w);
    job_world_free(w);
}

TEST(a_lost_state_has_the_same_late_rows)
{
    struct job_random random = {47};
    struct recover_report report;
    struct buf want;
    struct job_world *w = world(strict);
    job_upkeep_produce(w, &random, 100);
    produces_now(w);
    job_upkeep_run(w);
    job_upkeep_print(&want, w);
    job_world_delete(w, "state");
    w->time.wall_ms += DAY_MS;
    if (!job_world_recover(w, &report))
        fail_msg("%s", w->text);
    job_upkeep_same(w, &want, "after the recovery");
    fine(w);
    buf_fini(&want);
    job_world_free(w);
}

// --- limits, refusals, faults ----------------------------------------------------------------------------------------

TEST(late_rows_count_as_dead_letters_where_these_are_limited)
{
    struct job_world_spec spec = job_upkeep_job;
    spec.outputs = strict;
    spec.job = "    dead_letters: { max: 1 }\n";
    struct job_world *w = job_world_new(&spec);
    for (int i = 0; i < 2; i++)
        source_fake_add(w->broker, "tx", i, JOB_WORLD_NOW - 4 * (int64_t)DAY_MS, "k", "{\"id\":7}");
    assert_false(job_world_run(w));
    assert_non_null(strstr(w->text, "2 dead letters of this run, more than dead_letters: max: 1"));
    assert_non_null(strstr(w->text, "has expired"));
    compiles(w, GOOD(DROPPED) BIG("") PER_USER);
    job_upkeep_run(w);
    assert_int_equal(w->report.late_partition, 2);
    job_world_free(w);
}

TEST(a_policy_that_cannot_hold_is_refused)
{
    static const struct {
        const char *outputs, *why;
    } cases[] = {
        {"      GOOD: { lake: { late_partition: drop } }\n", "nothing of it expires"},
        {"      PER_USER: { lake: { snapshot: true, late_partition: drop } }\n",
         "nothing of it expires"},
        {"      GOOD: { lake: { partition_by: [K], retain: 1d, late_partition: drop } }\n",
         "does not tell how old a partition is"},
        {"      GOOD: { lake: { partition_by: [day], retain: 1d, late_partition: dead_letter } }\n",
         "does not tell how old a partition is"},
        {"      GOOD: { lake: { retain: 1d, late_partition: keep } }\n", "late_partition"},
    };
    struct job_world *w = world(strict);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(job_world_compile(w, job_upkeep_job.sql, cases[i].outputs));
        if (!strstr(w->text, cases[i].why))
            fail_msg("%s", w->text);
    }
    compiles(w, strict);
    job_world_free(w);
}

static bool cut_short(const struct fault_spec *fault, const char *what, void *arg)
{
    struct job_world *w = world(GOOD(KEPT) BIG(DROPPED) PER_USER);
    struct job_random random = {53};
    job_upkeep_produce(w, &random, 60);
    job_world_restart(w, fault);
    for (int tries = 0; !job_world_run(w); tries++)
        job_upkeep_again(w, tries);
    bool fired = fault && durable_fired(w->durable);
    job_world_restart(w, NULL);
    job_upkeep_run(w);
    if (fault)
        job_upkeep_same(w, arg, what);
    else
        job_upkeep_print(arg, w);
    fine(w);
    job_world_free(w);
    return fired;
}

TEST(a_run_with_late_rows_cut_short_anywhere_has_each_row_in_the_lake_or_among_the_letters)
{
    struct buf want;
    assert_false(cut_short(NULL, "", &want));
    assert_true(job_upkeep_faults(7, cut_short, &want) > 50);
    buf_fini(&want);
}

TEST_MAIN(T(a_late_row_is_a_dead_letter_with_its_place_and_reason),
          T(what_is_dropped_is_counted_and_warehouses_have_it),
          T(payloads_of_late_rows_follow_the_policy_of_dead_letters),
          T(cuts_threads_and_windows_change_no_late_row),
          T(an_endless_run_has_the_late_rows_of_a_bounded_one),
          T(a_row_is_late_by_the_clock_of_the_batch_that_read_it),
          T(a_backfill_asks_the_clock_of_its_slot_and_the_policy_of_today),
          T(a_replay_leaves_late_rows_and_adds_those_of_records_that_decode_now),
          T(a_lost_state_has_the_same_late_rows),
          T(late_rows_count_as_dead_letters_where_these_are_limited),
          T(a_policy_that_cannot_hold_is_refused),
          T(a_run_with_late_rows_cut_short_anywhere_has_each_row_in_the_lake_or_among_the_letters))
