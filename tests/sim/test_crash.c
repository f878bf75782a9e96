// Every durable call of three runs, each failing in each way: after starting again and going on, everything visible outside is
// what it is without any fault (issue point 11, harness 2). All of them in `make check`, every k-th in `make test`.
#include "jobs/run/backfill.h"
#include "jobs/run/behind.h"
#include "jobs/run/control.h"
#include "tests/support/job_programs.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)

enum { PIECES = 6, PIECE_RECORDS = 45, SETTLE_MAX = 12 };

// What else happens around the fault.
enum twist {
    TWIST_NONE, // the same bytes are expected
    TWIST_TIME, // the clock goes on and back, fetches are cut otherwise: the same rows in the same order
    TWIST_AGAIN, // the next process fails, too, somewhere: the same bytes are expected
    TWIST_BACKFILL, // the first batches are backfilled before the last run: the same bytes are expected
    TWIST_AWAY, // a warehouse is away for two runs, and may be: the same bytes are expected in the end
    TWIST_RECORDS, // more records arrive before the next run: other batches, the same rows
};

static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                            FAULT_REPLY_LOST};
static const char *const action_names[] = {
    [FAULT_CRASH_BEFORE] = "crash before",
    [FAULT_CRASH_AFTER] = "crash after",
    [FAULT_ERROR] = "error",
    [FAULT_REPLY_LOST] = "reply lost",
};

struct life {
    struct job_world *w;
    enum twist twist;
    struct job_random records, chance;
    int pieces; // produced so far
    bool fired;
    unsigned deaths;
    char died[1600]; // why the first failed run failed
};

static void produce(struct life *l)
{
    if (l->pieces == PIECES)
        return;
    job_scenario_produce(l->w, &l->records, PIECE_RECORDS, JOB_RECORDS_HOSTILE);
    l->pieces++;
}

static void twist(struct life *l)
{
    switch (l->twist) {
    case TWIST_NONE:
    case TWIST_AGAIN:
    case TWIST_BACKFILL:
    case TWIST_AWAY:
        return;
    case TWIST_RECORDS:
        produce(l);
        source_fake_reseed(l->w->broker, job_random_next(&l->chance));
        return;
    case TWIST_TIME:
        l->w->time.wall_ms += (int64_t)job_random_below(&l->chance, 86400000) - 40000000;
        source_fake_reseed(l->w->broker, job_random_next(&l->chance));
        return;
    }
}

static void restart(struct life *l)
{
    const struct fault_spec again = {
        .occurrence = 1 + job_random_below(&l->chance, 40),
        .action = actions[job_random_below(&l->chance, sizeof actions / sizeof actions[0])],
    };
    l->deaths++;
    job_world_restart(l->w, l->twist == TWIST_AGAIN && l->deaths <= 3 ? &again : NULL);
}

// What is done until it succeeds. A backfill is asked for once; from its beginning on it is pending.
enum deed { DEED_RUN, DEED_BACKFILL, DEED_GO_ON };

static bool try_deed(struct job_world *w, enum deed *deed)
{
    static const struct str outputs[] = {{"GOOD", 4}, {"BIG", 3}};
    struct backfill_spec spec = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 3, .outputs = outputs, .output_count = 2};
    if (*deed == DEED_RUN)
        return job_world_run(w);
    if (*deed == DEED_GO_ON)
        spec = (struct backfill_spec){.by = BACKFILL_PENDING};
    bool ok = job_world_backfill(w, &spec);
    struct control c;
    struct arena *a = arena_new(NULL);
    job_world_control(&c, w, a);
    // Begun, and perhaps already decided to its end.
    struct batch_record r;
    if (!ok && (c.redo.kind.n > 0 || job_world_record(&r, w, a, c.last_batch)))
        *deed = c.redo.kind.n > 0 || r.slot ? DEED_GO_ON : DEED_BACKFILL;
    arena_free(a);
    return ok;
}

static void do_until_done(struct life *l, enum deed deed)
{
    struct job_world *w = l->w;
    for (unsigned failed = 0; !try_deed(w, &deed); failed++) {
        job_world_check_offsets(w);
        if (!l->died[0])
            (void)snprintf(l->died, sizeof l->died, "%s", w->text);
        if (failed == SETTLE_MAX)
            fail_msg("does not get well after %s: %s", l->died, w->text);
        if (durable_dead(w->durable)) {
            l->fired = true;
            restart(l);
        }
        twist(l);
    }
}

static void run_until_done(struct life *l)
{
    do_until_done(l, DEED_RUN);
}

static bool somebody_is_behind(const struct job_world *w)
{
    struct control c;
    struct arena *a = arena_new(NULL);
    job_world_control(&c, w, a);
    bool behind = behind_first(&c) > 0;
    arena_free(a);
    return behind;
}

// One whole life: a run after every two pieces of input, and an empty one at the end.
static void live(struct life *l, struct job_world *w, const struct fault_spec *fault,
                 enum twist how)
{
    *l = (struct life){.w = w, .twist = how, .records = {7}};
    l->chance.state = fault ? fault->occurrence * 4 + fault->action : 0;
    job_world_restart(w, fault);
    while (l->pieces < PIECES) {
        produce(l);
        produce(l);
        run_until_done(l);
        if (how == TWIST_AWAY)
            memory_power(JOB_WORLD_TWO, l->pieces < PIECES ? MEMORY_DOWN : MEMORY_UP);
    }
    if (how == TWIST_BACKFILL)
        do_until_done(l, DEED_BACKFILL);
    run_until_done(l);
    // A fault while it caught up may have left it behind: the run was done all the same.
    for (unsigned i = 0; how == TWIST_AWAY && somebody_is_behind(w); i++) {
        assert_true(i < 2);
        run_until_done(l);
    }
    l->fired = l->fired || durable_fired(w->durable);
}

static void print(struct buf *out, const struct job_world *w, enum twist how)
{
    buf_init(out, TEXT_MAX);
    if (how == TWIST_NONE || how == TWIST_AGAIN || how == TWIST_BACKFILL || how == TWIST_AWAY)
        job_world_print(out, w);
    else
        job_world_print_rows(out, w, how == TWIST_TIME ? JOB_WORLD_ORDERED : JOB_WORLD_SORTED);
}

static uint64_t durable_calls(const struct job_world *w)
{
    uint64_t total = 0;
    for (size_t i = 0; i < durable_site_count(w->durable); i++) {
        uint64_t calls;
        (void)durable_site(w->durable, i, &calls);
        total += calls;
    }
    return total;
}

typedef void check_fn(struct job_world *w, enum twist how);

static void one_case(struct job_world *w, const struct fault_spec *fault, enum twist how,
                     const struct buf *want, check_fn *check)
{
    struct life *l = mem_zalloc(sizeof *l);
    struct buf got;
    char what[1800];
    job_world_wipe(w);
    live(l, w, fault, how);
    assert_true(l->fired);
    (void)snprintf(what, sizeof what, "%s at durable call %llu (%s)", action_names[fault->action],
                   (unsigned long long)fault->occurrence, l->died);
    print(&got, w, how);
    job_world_same(want, &got, what);
    job_world_check_receipts(w);
    if (check)
        check(w, how);
    buf_fini(&got);
    mem_free(l);
}

// `step`: every step-th call; each action starts elsewhere, so that together they meet more of them.
static void every_call_checked(const struct job_world_spec *spec, enum twist how, uint64_t step,
                               check_fn *check)
{
    struct job_world *w = job_world_new(spec);
    struct life *l = mem_zalloc(sizeof *l);
    struct buf want;
    live(l, w, NULL, how);
    assert_string_equal(l->died, "");
    print(&want, w, how);
    job_world_check_receipts(w);
    uint64_t total = durable_calls(w), cases = 0;
    for (size_t a = 0; a < sizeof actions / sizeof actions[0]; a++) {
        for (uint64_t n = 1 + a * 7 % step; n <= total; n += step, cases++) {
            const struct fault_spec fault = {.occurrence = n, .action = actions[a]};
            one_case(w, &fault, how, &want, check);
        }
    }
    print_message("%llu durable calls, %llu cases\n", (unsigned long long)total,
                  (unsigned long long)cases);
    buf_fini(&want);
    mem_free(l);
    job_world_free(w);
}

static void every_call(const struct job_world_spec *spec, enum twist how, uint64_t step)
{
    every_call_checked(spec, how, step, NULL);
}

TEST(a_fault_at_any_durable_call_leaves_what_an_undisturbed_life_leaves)
{
    every_call(&job_scenario_transactions, TWIST_NONE, test_is_long() ? 1 : 31);
}

TEST(a_fault_and_more_faults_while_starting_again_leave_the_same)
{
    every_call(&job_scenario_transactions, TWIST_AGAIN, test_is_long() ? 3 : 61);
}

TEST(a_fault_at_any_durable_call_of_a_life_with_a_backfill_leaves_the_same)
{
    every_call(&job_scenario_transactions, TWIST_BACKFILL, test_is_long() ? 2 : 97);
}

TEST(a_fault_and_another_clock_and_other_fetches_leave_the_same_rows)
{
    every_call(&job_scenario_transactions, TWIST_TIME, test_is_long() ? 3 : 61);
}

TEST(a_fault_and_more_records_before_the_next_run_leave_the_same_rows)
{
    struct arena *a = arena_new(NULL);
    struct job_random r = {11};
    struct job_program p;
    do
        job_program_random(&p, a, &r, JOB_PROGRAMS_FREE);
    while (!p.outputs[2]);
    p.spec.job = "    limits: { batch_records: 40 }\n";
    every_call(&p.spec, TWIST_RECORDS, test_is_long() ? 1 : 23);
    arena_free(a);
}

// Without a lake: dead letters are a file of the state directory.
TEST(a_fault_at_any_durable_call_of_a_job_without_a_lake_leaves_nothing_behind)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.lake = JOB_WORLD_NO_LAKE;
    spec.outputs = "      BIG: { warehouse: { to: one } }\n"
                   "      PER_USER: { warehouse: [{ to: one }, { to: two }] }\n";
    every_call(&spec, TWIST_NONE, test_is_long() ? 1 : 23);
}

// Rows of GOOD are put by status into one table, by id into another, and appended to a third; the backfill writes both whole.
TEST(a_fault_at_any_durable_call_leaves_the_last_row_per_key)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.outputs =
        "      GOOD: { lake: { partition_by: [day] }, warehouse: [{ to: one, mode: upsert, key: "
        "[id] },\n"
        "              { to: two, table: latest, mode: upsert, key: [status] }, { to: two }] }\n"
        "      BIG: { warehouse: { to: one } }\n";
    every_call(&spec, TWIST_NONE, test_is_long() ? 1 : 151);
    every_call(&spec, TWIST_BACKFILL, test_is_long() ? 1 : 151);
    every_call(&spec, TWIST_TIME, test_is_long() ? 3 : 331);
}

// Ids of three digits are refused, and the least of a window until it is small enough; table `all` takes everything.
static const char refusing[] =
    "      GOOD: { lake: { partition_by: [day] } }\n"
    "      BIG: { warehouse: [{ to: one, columns: { id: { type: \"decimal_text(2,0)\" } } },\n"
    "                         { to: two, table: all }] }\n"
    "      PER_METHOD: { warehouse: [{ to: one, columns: { least: { type: \"decimal_text(3,0)\" } "
    "} "
    "}] }\n";

static bool count_reject(void *arg, const struct reject *r, struct err *e)
{
    (void)r;
    (void)e;
    ++*(uint64_t *)arg;
    return true;
}

// Each row of BIG is in the table or among the rejects.
static void row_or_reject(struct job_world *w, enum twist how)
{
    const struct warehouse_url one = {.path = STR(JOB_WORLD_ONE)};
    const struct rejects_query query = {.job = "sim", .output = "BIG", .limit = UINT64_MAX};
    uint64_t rejects = 0, noted = 0;
    struct err e;
    assert_ok(sink_memory.rejects(&one, &query, count_reject, &rejects, &e), &e);
    assert_true(rejects > 10);
    assert_int_equal(memory_rows(JOB_WORLD_ONE, "big") + rejects,
                     memory_rows(JOB_WORLD_TWO, "all"));
    struct arena *a = arena_new(NULL);
    struct control c;
    struct batch_record r;
    job_world_control(&c, w, a);
    for (uint64_t batch = 1; batch <= c.last_batch; batch++)
        for (size_t i = 0; job_world_record(&r, w, a, batch) && i < r.target_count; i++)
            noted += str_eq(r.targets[i].output, STR("BIG")) ? r.targets[i].rejected : 0;
    if (how != TWIST_BACKFILL)
        assert_int_equal(noted, rejects);
    arena_free(a);
}

TEST(a_fault_at_any_durable_call_leaves_each_row_in_its_table_or_among_the_rejects_once)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.outputs = refusing;
    every_call_checked(&spec, TWIST_NONE, test_is_long() ? 1 : 41, row_or_reject);
    every_call_checked(&spec, TWIST_BACKFILL, test_is_long() ? 2 : 97, row_or_reject);
}

// Rows, offsets and marker in one transaction, behind lake and warehouse: whatever fails, a reader of committed records sees each row once.
TEST(a_fault_at_any_durable_call_of_a_job_with_topics_shows_no_row_twice_or_never)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.outputs = "      GOOD: { topic: { name: good, partitions: 3 },\n"
                   "              lake: { compression: zstd, partition_by: [day] } }\n"
                   "      BIG: { topic: { format: DELIMITED } }\n"
                   "      PER_USER: { topic: { name: users, key_format: JSON },\n"
                   "                  warehouse: [{ to: one }, { to: two }] }\n"
                   "      PER_METHOD: { topic: { name: methods, partitions: 2 } }\n";
    every_call(&spec, TWIST_NONE, test_is_long() ? 1 : 53);
}

TEST(a_fault_and_more_faults_while_starting_again_leave_the_same_topics)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.lake = JOB_WORLD_NO_LAKE;
    spec.outputs = "      PER_USER: { topic: { name: users } }\n"
                   "      BIG: { topic: { name: big, partitions: 2 } }\n";
    every_call(&spec, TWIST_AGAIN, test_is_long() ? 1 : 29);
}

// Two of three runs end without warehouse two, which gets its batches afterwards; the group's offsets and the topics wait for it.
TEST(a_fault_at_any_durable_call_of_a_life_with_a_table_that_is_behind_leaves_the_same)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.job = "    limits: { batch_records: 40 }\n    output_lag: {}\n";
    every_call(&spec, TWIST_AWAY, test_is_long() ? 2 : 31);
}

TEST(a_fault_at_any_durable_call_of_a_life_with_topics_behind_a_table_leaves_the_same)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.job = "    limits: { batch_records: 40 }\n    output_lag: {}\n";
    spec.outputs = "      GOOD: { topic: { name: good, partitions: 3 },\n"
                   "              lake: { compression: zstd, partition_by: [day] } }\n"
                   "      PER_USER: { topic: { name: users, key_format: JSON },\n"
                   "                  warehouse: [{ to: one }, { to: two }] }\n";
    every_call(&spec, TWIST_AWAY, test_is_long() ? 2 : 31);
}

TEST_MAIN(T(a_fault_at_any_durable_call_of_a_life_with_a_table_that_is_behind_leaves_the_same),
          T(a_fault_at_any_durable_call_of_a_life_with_topics_behind_a_table_leaves_the_same),
          T(a_fault_at_any_durable_call_leaves_what_an_undisturbed_life_leaves),
          T(a_fault_and_more_faults_while_starting_again_leave_the_same),
          T(a_fault_at_any_durable_call_of_a_life_with_a_backfill_leaves_the_same),
          T(a_fault_at_any_durable_call_leaves_the_last_row_per_key),
          T(a_fault_and_another_clock_and_other_fetches_leave_the_same_rows),
          T(a_fault_and_more_records_before_the_next_run_leave_the_same_rows),
          T(a_fault_at_any_durable_call_of_a_job_without_a_lake_leaves_nothing_behind),
          T(a_fault_at_any_durable_call_leaves_each_row_in_its_table_or_among_the_rejects_once),
          T(a_fault_at_any_durable_call_of_a_job_with_topics_shows_no_row_twice_or_never),
          T(a_fault_and_more_faults_while_starting_again_leave_the_same_topics))
