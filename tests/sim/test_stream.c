// The endless run: the same outputs as bounded runs, whatever the cuts, rolls, crashes and restarts; and the row log's own promises.
#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "jobs/run/recover.h"
#include "tests/support/job_programs.h"
#include "tests/support/job_scenario.h"
#include "tests/support/job_upkeep.h"
#include "tests/support/lake_rows.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)64 << 20)

enum { PIECES = 8, PIECE_RECORDS = 30, SETTLE_MAX = 12 };

// --- a life --------------------------------------------------------------------------------------

struct life {
    struct job_random records;
    int pieces, pieces_max; // produced; then it is cancelled
    int64_t step_ms;        // the clock between two pieces
    enum job_records how;
    char died[1600];
};

// Later than every piece before, disordered and with equal times inside.
static void produce_later(struct job_world *w, struct job_random *r, int piece)
{
    for (int i = 0; i < PIECE_RECORDS; i++) {
        char key[16], value[256];
        int64_t time =
            (int64_t)1761436800000 + piece * 20000000 + (int64_t)job_random_below(r, 12) * 1000000;
        (void)snprintf(key, sizeof key, "k%u", (unsigned)job_random_below(r, 9));
        (void)snprintf(value, sizeof value,
                       "{\"id\":%d,\"usr\":\"user%u\",\"amount\":%u.25,\"cents\":%u,"
                       "\"status\":\"s%u\",\"method\":\"m%u\",\"place\":{\"city\":\"Rome\"}}",
                       piece * PIECE_RECORDS + i, (unsigned)job_random_below(r, 6),
                       (unsigned)job_random_below(r, 90), (unsigned)job_random_below(r, 10000),
                       (unsigned)job_random_below(r, 3), (unsigned)job_random_below(r, 3));
        source_fake_add(w->broker, "tx", (int32_t)job_random_below(r, 4), time, key, value);
    }
}

static void produce_piece(struct job_world *w, struct job_random *r, int piece,
                          enum job_records how)
{
    if (how == JOB_RECORDS_CLEAN)
        produce_later(w, r, piece);
    else
        job_scenario_produce(w, r, PIECE_RECORDS, how);
}

static void idle(struct job_world *w, void *arg)
{
    struct life *l = arg;
    if (l->pieces == l->pieces_max) {
        atomic_store(&w->cancel, true);
        return;
    }
    produce_piece(w, &l->records, l->pieces, l->how);
    l->pieces++;
    w->time.wall_ms += l->step_ms;
}

static void stream_until_done(struct job_world *w, struct life *l)
{
    for (unsigned failed = 0; !job_world_stream(w, idle, l); failed++) {
        job_world_check_offsets(w);
        if (!l->died[0])
            (void)snprintf(l->died, sizeof l->died, "%s", w->text);
        if (failed == SETTLE_MAX)
            fail_msg("does not get well after %s: %s", l->died, w->text);
        if (durable_dead(w->durable))
            job_world_restart(w, NULL);
    }
}

static void live(struct job_world *w, struct life *l, const struct fault_spec *fault)
{
    *l = (struct life){
        .records = {7}, .pieces_max = PIECES, .step_ms = 250000, .how = JOB_RECORDS_HOSTILE};
    job_world_restart(w, fault);
    stream_until_done(w, l);
}

// --- a fault anywhere ----------------------------------------------------------------------------

static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                            FAULT_REPLY_LOST};

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

static void one_case(struct job_world *w, const struct fault_spec *fault, const struct buf *want)
{
    struct life *l = mem_zalloc(sizeof *l);
    struct buf got;
    char what[1800];
    job_world_wipe(w);
    live(w, l, fault);
    (void)snprintf(what, sizeof what, "action %d at durable call %llu (%s)", (int)fault->action,
                   (unsigned long long)fault->occurrence, l->died);
    buf_init(&got, TEXT_MAX);
    job_world_print(&got, w);
    job_world_same(want, &got, what);
    job_world_check_receipts(w);
    buf_fini(&got);
    mem_free(l);
}

static void every_call(const struct job_world_spec *spec, uint64_t step)
{
    struct job_world *w = job_world_new(spec);
    struct life *l = mem_zalloc(sizeof *l);
    struct buf want;
    buf_init(&want, TEXT_MAX);
    live(w, l, NULL);
    assert_string_equal(l->died, "");
    job_world_print(&want, w);
    job_world_check_receipts(w);
    uint64_t total = durable_calls(w), cases = 0;
    for (size_t a = 0; a < sizeof actions / sizeof actions[0]; a++) {
        for (uint64_t n = 1 + a * 7 % step; n <= total; n += step, cases++) {
            const struct fault_spec fault = {.occurrence = n, .action = actions[a]};
            one_case(w, &fault, &want);
        }
    }
    print_message("%llu durable calls, %llu cases\n", (unsigned long long)total,
                  (unsigned long long)cases);
    buf_fini(&want);
    mem_free(l);
    job_world_free(w);
}

#define STREAM_SETTINGS                                                                          \
    "    schedule: stream\n    stream: { roll_every: 10m, roll_size: 4KiB, snapshot_every: 15m " \
    "}\n"

TEST(a_fault_at_any_durable_call_of_an_endless_run_leaves_what_an_undisturbed_one_leaves)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.job = STREAM_SETTINGS;
    every_call(&spec, test_is_long() ? 1 : 29);
}

TEST(a_fault_at_any_durable_call_of_an_endless_run_with_topics_leaves_the_same)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.job = STREAM_SETTINGS;
    spec.outputs = "      GOOD: { topic: { name: good }, lake: { compression: zstd } }\n"
                   "      PER_USER: { topic: { name: users }, warehouse: { to: one } }\n";
    every_call(&spec, test_is_long() ? 1 : 37);
}

// --- against bounded runs ------------------------------------------------------------------------

static void produce_all(struct job_world *w, enum job_records how)
{
    struct job_random r = {7};
    for (int i = 0; i < PIECES; i++)
        produce_piece(w, &r, i, how);
}

static void bounded(struct buf *out, struct job_world *w, enum job_records how,
                    enum job_world_order order)
{
    w->job->limits.batch_records_max = 0;
    produce_all(w, how);
    if (!job_world_run(w))
        fail_msg("%s", w->text);
    buf_init(out, TEXT_MAX);
    job_world_print_rows(out, w, order);
}

// The same job, once to a frozen end and once for ever: `order` says what the plans promise.
static void same_as_bounded(const struct job_world_spec *spec, enum job_records how,
                            enum job_world_order order)
{
    struct buf want, got;
    struct life l = {.records = {7}, .pieces_max = PIECES, .step_ms = 250000, .how = how};
    struct job_world *w = job_world_new(spec);
    bounded(&want, w, how, order);
    job_world_wipe(w);
    w->job->limits.batch_records_max = 17;
    stream_until_done(w, &l);
    assert_string_equal(l.died, "");
    buf_init(&got, TEXT_MAX);
    job_world_print_rows(&got, w, order);
    job_world_same(&want, &got, "the endless run");
    assert_true(got.n > 1000);
    job_world_check_receipts(w);
    buf_fini(&want);
    buf_fini(&got);
    job_world_free(w);
}

// P2: every piece is later than the ones before, so that each batch is a prefix of the merge order.
TEST(an_endless_run_of_a_merge_ordered_job_gives_the_rows_of_a_bounded_one_in_their_order)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.job = STREAM_SETTINGS;
    same_as_bounded(&spec, JOB_RECORDS_CLEAN, JOB_WORLD_ORDERED);
}

// P3: whatever the cuts.
TEST(an_endless_run_of_an_order_free_job_gives_the_rows_of_a_bounded_one)
{
    struct arena *a = arena_new(NULL);
    struct job_random r = {23};
    for (int i = 0; i < (test_is_long() ? 60 : 8); i++) {
        struct job_program p;
        job_program_random(&p, a, &r, JOB_PROGRAMS_FREE);
        p.spec.job = STREAM_SETTINGS;
        same_as_bounded(&p.spec, JOB_RECORDS_HOSTILE, JOB_WORLD_SORTED);
    }
    arena_free(a);
}

// --- rolling -------------------------------------------------------------------------------------

static const struct job_world_spec row_wise = {
    .sql =
        "CREATE STREAM tx (k VARCHAR KEY, id BIGINT, usr VARCHAR, cents BIGINT, status VARCHAR)"
        "  WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"
        "CREATE STREAM good AS SELECT k, id, usr, cents FROM tx WHERE cents > 100 EMIT CHANGES;\n",
    .outputs = "      GOOD: { lake: { compression: zstd, partition_by: [day] } }\n",
    .job = "    schedule: stream\n",
    .topics = {"tx"},
    .partitions = JOB_SCENARIO_PARTITIONS,
};

// What an endless run wrote to the lake cannot be replaced batch by batch; that is no reason to refuse others.
TEST(a_backfill_of_a_bounded_run_does_not_mind_an_endless_one_before)
{
    struct life l = {.records = {7}, .pieces_max = 2, .step_ms = 250000};
    struct job_world *w = job_world_new(&row_wise);
    struct arena *a = arena_new(NULL);
    struct job_random r = {8};
    struct control c;
    stream_until_done(w, &l);
    produce_piece(w, &r, 5, JOB_RECORDS_CLEAN);
    if (!job_world_run(w))
        fail_msg("%s", w->text);
    job_world_control(&c, w, a);
    struct backfill_spec spec = {.by = BACKFILL_BATCHES, .from = 1, .to = 1};
    assert_false(job_world_backfill(w, &spec));
    assert_non_null(strstr(w->text, "was made by an endless run"));
    spec.from = spec.to = (int64_t)c.last_batch;
    if (!job_world_backfill(w, &spec))
        fail_msg("%s", w->text);
    assert_int_equal(w->report.batches, 1);
    job_world_check_receipts(w);
    // Nor is it what the audit advises.
    struct lake_ls ls;
    struct err e;
    job_upkeep_list(&ls, a, w);
    const char *path =
        arena_printf(a, "%s/%.*s", w->lake, STR_ARG(ls.outputs[0].partitions[0].files[0].file.path))
            .p;
    assert_int_equal(truncate(path, 20), 0);
    assert_false(job_upkeep_audited(w, &e));
    assert_non_null(strstr(e.text, "rows of an endless run cannot be backfilled"));
    arena_free(a);
    job_world_free(w);
}

// The contents of all stream files without their names: those say the roll batch's id.
static void lake_contents(struct buf *out, const struct job_world *w)
{
    struct buf tree;
    buf_init(&tree, TEXT_MAX);
    buf_init(out, TEXT_MAX);
    lake_rows_tree(&tree, w->lake);
    struct str rest = buf_view(&tree), line, path, tail;
    while (str_split_once(&line, &rest, rest, '\n')) {
        char name[512];
        if (!str_split_once(&path, &tail, line, ' ') || !str_starts(path, STR("streams/")) ||
            str_ends(path, STR("/")) || str_ends(path, STR("_metadata.json")))
            continue;
        size_t dir = path.n;
        while (path.p[dir - 1] != '/')
            dir--;
        (void)snprintf(name, sizeof name, "%.*s", STR_ARG(path));
        buf_printf(out, "%.*s\n", (int)dir, path.p);
        lake_rows_read(out, w->lake, name);
    }
    buf_fini(&tree);
}

static void roll_once(struct buf *out, int cuts)
{
    struct job_world *w = job_world_new(&row_wise);
    struct life l = {.how = JOB_RECORDS_CLEAN, .records = {7}, .pieces_max = 0};
    w->job->limits.batch_records_max = cuts == 1 ? 0 : 10 + (uint64_t)cuts;
    w->env.window = cuts == 1 ? 0 : 3;
    produce_all(w, JOB_RECORDS_CLEAN);
    stream_until_done(w, &l); // nothing is rolled but at its end
    lake_contents(out, w);
    job_world_free(w);
}

TEST(the_bytes_of_a_rolled_file_do_not_depend_on_the_batches_that_brought_its_rows)
{
    struct buf want, got;
    roll_once(&want, 1);
    assert_true(want.n > 2000);
    for (int cuts = 2; cuts < 6; cuts++) {
        roll_once(&got, cuts);
        job_world_same(&want, &got, "other cuts");
        buf_fini(&got);
    }
    buf_fini(&want);
}

struct watch {
    int step;
    size_t files[8];
    uint64_t rows[8];
};

static size_t lake_files(const struct job_world *w)
{
    struct buf tree;
    size_t n = 0;
    buf_init(&tree, TEXT_MAX);
    if (file_exists(w->lake))
        lake_rows_tree(&tree, w->lake);
    struct str rest = buf_view(&tree), line;
    while (str_split_once(&line, &rest, rest, '\n')) {
        size_t at;
        n += str_starts(line, STR("streams/")) && str_find(&at, line, STR(".jsonl"));
    }
    buf_fini(&tree);
    return n;
}

static void add(struct job_world *w, int id, int64_t day)
{
    char value[128];
    (void)snprintf(value, sizeof value, "{\"id\":%d,\"usr\":\"u\",\"cents\":200}", id);
    source_fake_add(w->broker, "tx", id % 4, day * 86400000 + id, "k", value);
}

static void watch_age(struct job_world *w, void *arg)
{
    struct watch *x = arg;
    struct arena *a = arena_new(NULL);
    struct control c;
    job_world_control(&c, w, a);
    x->files[x->step] = lake_files(w);
    x->rows[x->step] = control_log_rows(&c);
    arena_free(a);
    w->time.wall_ms += 4 * 60000;
    if (x->step < 3)
        add(w, x->step, 20000);
    atomic_store(&w->cancel, ++x->step == 6);
}

TEST(rows_wait_in_the_state_directory_until_the_oldest_is_old_enough)
{
    struct job_world *w = job_world_new(&row_wise);
    struct watch x = {0};
    w->job->stream.roll_ms = 10 * 60000;
    if (!job_world_stream(w, watch_age, &x))
        fail_msg("%s", w->text);
    const uint64_t rows[] = {0, 1, 2, 3, 0, 0};
    const size_t files[] = {0, 0, 0, 0, 1, 1};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(x.rows[i], rows[i]);
        assert_int_equal(x.files[i], files[i]);
    }
    job_world_free(w);
}

static void one_more_each_time(struct job_world *w, void *arg)
{
    int *n = arg;
    add(w, *n, 20000);
    atomic_store(&w->cancel, ++*n > 40);
}

TEST(rows_are_rolled_by_size_too_and_what_was_rolled_is_deleted_from_the_state_directory)
{
    struct job_world *w = job_world_new(&row_wise);
    int n = 0;
    char dir[600];
    w->job->stream.roll_bytes = 400;
    if (!job_world_stream(w, one_more_each_time, &n))
        fail_msg("%s", w->text);
    assert_in_range(lake_files(w), 3, 15);
    (void)snprintf(dir, sizeof dir, "%s/rowlog", w->job->state_dir);
    struct buf left;
    buf_init(&left, 1 << 20);
    lake_rows_tree(&left, dir);
    assert_int_equal(left.n, 0);
    buf_fini(&left);
    job_world_free(w);
}

// --- partitions that are behind --------------------------------------------------------------------

static const struct job_world_spec in_order = {
    .sql = "CREATE STREAM tx (k VARCHAR KEY, id BIGINT)"
           "  WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"
           "CREATE TABLE ids AS SELECT k, CAST(COLLECT_LIST(id) AS VARCHAR) AS ids FROM tx GROUP "
           "BY k;\n",
    .outputs = "      IDS: { warehouse: { to: one } }\n",
    .job = "    schedule: stream\n",
    .topics = {"tx"},
    .partitions = 2,
};

// Partition 1 gets an earlier record `behind_ms` after partition 0 got a later one; never: the run is only watched.
struct late {
    struct job_world *w;
    int64_t behind_ms, began_ms, took_ms;
    int step;
};

static int64_t late_now(void *arg)
{
    const struct late *x = arg;
    return x->w->time.wall_ms;
}

static int64_t late_mono(void *arg)
{
    const struct late *x = arg;
    return x->w->time.mono_ms;
}

static void late_sleep(void *arg, int64_t ms)
{
    struct late *x = arg;
    x->w->time.mono_ms += ms;
    if (late_mono(x) > 60000) // for ever, were it not for this
        atomic_store(&x->w->cancel, true);
    if (x->step != 1 || x->behind_ms < 0 || late_mono(x) - x->began_ms < x->behind_ms)
        return;
    source_fake_add(x->w->broker, "tx", 1, JOB_WORLD_NOW - 5000, "k", "{\"id\":2}");
    x->step = 2;
}

static void late_idle(struct job_world *w, void *arg)
{
    struct late *x = arg;
    if (x->step == 0) {
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":1}");
        x->began_ms = w->time.mono_ms;
        x->step = 1;
        return;
    }
    if (x->took_ms == 0)
        x->took_ms = w->time.mono_ms - x->began_ms;
    late_sleep(x, 100); // the fake's wait takes no time
    if (x->step == 2 || x->behind_ms < 0)
        atomic_store(&w->cancel, true);
}

static uint64_t late_life(struct late *out, struct buf *rows, int64_t behind_ms, int64_t align_ms)
{
    struct job_world *w = job_world_new(&in_order);
    *out = (struct late){.w = w, .behind_ms = behind_ms};
    w->job->stream.align_ms = align_ms;
    w->env.clock = (struct clock){late_now, late_mono, late_sleep, out};
    if (!job_world_stream(w, late_idle, out))
        fail_msg("%s", w->text);
    buf_init(rows, TEXT_MAX);
    job_world_print_rows(rows, w, JOB_WORLD_ORDERED);
    const uint64_t batches = w->report.batches;
    job_world_check_receipts(w);
    job_world_free(w);
    return batches;
}

TEST(with_align_a_batch_waits_for_a_partition_that_is_behind_and_merges_what_comes)
{
    struct late x;
    struct buf rows;
    size_t at;
    assert_int_equal(late_life(&x, &rows, 3000, 5000), 1);
    assert_true(str_find(&at, buf_view(&rows), STR("k|[2, 1]")));
    buf_fini(&rows);
    // Without it the later record has long been in a batch of its own.
    assert_int_equal(late_life(&x, &rows, 500, 0), 2);
    assert_true(str_find(&at, buf_view(&rows), STR("k|[1, 2]")));
    buf_fini(&rows);
}

TEST(with_align_a_partition_that_stays_silent_holds_a_batch_up_no_longer_than_that)
{
    struct late x;
    struct buf rows;
    assert_int_equal(late_life(&x, &rows, -1, 5000), 1);
    assert_in_range(x.took_ms, 5000, 6500); // and the commit interval
    buf_fini(&rows);
    assert_int_equal(late_life(&x, &rows, -1, 0), 1);
    assert_in_range(x.took_ms, 0, 1500);
    buf_fini(&rows);
}

// --- restarts ------------------------------------------------------------------------------------

static void stop_now(struct job_world *w, void *arg)
{
    (void)arg;
    atomic_store(&w->cancel, true);
}

static void die_with_rows_waiting(struct job_world *w, int rows)
{
    for (int i = 0; i < rows; i++)
        add(w, i, 20000);
    const struct fault_spec before = {
        .site = "rowlog.create", .occurrence = 2, .action = FAULT_CRASH_BEFORE};
    int n = rows;
    job_world_restart(w, &before);
    assert_false(job_world_stream(w, one_more_each_time, &n));
    assert_true(durable_dead(w->durable));
    job_world_restart(w, NULL);
}

static size_t row_count(const struct job_world *w)
{
    struct buf rows;
    lake_contents(&rows, w);
    size_t n = lake_rows_count(buf_view(&rows), "\"ID\"");
    buf_fini(&rows);
    return n;
}

TEST(a_bounded_run_after_an_endless_one_first_writes_the_rows_that_wait)
{
    struct job_world *w = job_world_new(&row_wise);
    die_with_rows_waiting(w, 5);
    assert_int_equal(lake_files(w), 0);
    if (!job_world_run(w))
        fail_msg("%s", w->text);
    assert_int_equal(row_count(w), 6);
    job_world_check_receipts(w);
    job_world_free(w);
}

TEST(rubbish_behind_the_committed_length_of_a_row_log_is_not_read_and_not_appended_to)
{
    struct job_world *w = job_world_new(&row_wise);
    struct arena *a = arena_new(NULL);
    struct control c;
    char path[1200];
    die_with_rows_waiting(w, 5);
    job_world_control(&c, w, a);
    assert_int_equal(c.log_count, 1);
    (void)snprintf(path, sizeof path, "%s/rowlog/%.*s", w->job->state_dir, STR_ARG(c.logs[0].file));
    FILE *f = fopen(path, "ae");
    assert_non_null(f);
    assert_int_equal(fwrite("half a frame", 1, 12, f), 12);
    assert_int_equal(fclose(f), 0);
    if (!job_world_stream(w, stop_now, NULL))
        fail_msg("%s", w->text);
    assert_int_equal(row_count(w), 6);
    arena_free(a);
    job_world_free(w);
}

TEST(a_row_log_that_lost_committed_bytes_stops_the_job_by_name)
{
    struct job_world *w = job_world_new(&row_wise);
    struct arena *a = arena_new(NULL);
    struct control c;
    char path[1200];
    die_with_rows_waiting(w, 5);
    job_world_control(&c, w, a);
    (void)snprintf(path, sizeof path, "%s/rowlog/%.*s", w->job->state_dir, STR_ARG(c.logs[0].file));
    assert_int_equal(truncate(path, (off_t)c.logs[0].bytes - 3), 0);
    assert_false(job_world_stream(w, stop_now, NULL));
    assert_int_equal(w->e.kind, ERR_DATA);
    assert_non_null(strstr(w->text, "it is shorter than committed"));
    arena_free(a);
    job_world_free(w);
}

TEST(an_output_whose_rows_wait_may_not_change_its_columns_or_go_away)
{
    struct job_world *w = job_world_new(&row_wise);
    die_with_rows_waiting(w, 5);
    const char *other = "CREATE STREAM tx (k VARCHAR KEY, id BIGINT, usr VARCHAR, cents BIGINT)"
                        "  WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"
                        "CREATE STREAM good AS SELECT k, id FROM tx EMIT CHANGES;\n";
    assert_true(job_world_compile(w, other, row_wise.outputs));
    assert_false(job_world_stream(w, stop_now, NULL));
    assert_non_null(strstr(w->text, "wait in the state directory for the lake with other columns"));
    assert_true(job_world_compile(w, row_wise.sql, "      GOOD: { warehouse: { to: one } }\n"));
    assert_false(job_world_run(w));
    assert_non_null(strstr(w->text, "the configuration has no such output any more"));
    assert_true(job_world_compile(w, row_wise.sql, row_wise.outputs));
    assert_true(job_world_stream(w, stop_now, NULL));
    assert_int_equal(row_count(w), 6);
    job_world_free(w);
}

TEST(a_reset_after_a_change_of_sql_first_writes_the_rows_that_wait)
{
    static const enum run_reset hows[] = {RUN_RESET_KEEP, RUN_RESET_FROM_NOW};
    struct buf sql, outputs;
    for (size_t i = 0; i < sizeof hows / sizeof hows[0]; i++) {
        struct job_world *w = job_world_new(&row_wise);
        buf_init(&sql, TEXT_MAX);
        buf_init(&outputs, TEXT_MAX);
        buf_printf(&outputs, "%s      T: { warehouse: { to: one } }\n%c", row_wise.outputs, '\0');
        buf_printf(&sql,
                   "%sCREATE TABLE t AS SELECT k, COUNT(*) AS n FROM tx GROUP BY k EMIT CHANGES;\n"
                   "%c",
                   row_wise.sql, '\0');
        assert_true(job_world_compile(w, sql.p, outputs.p));
        die_with_rows_waiting(w, 5);
        buf_clear(&sql);
        buf_printf(&sql,
                   "%sCREATE TABLE t AS SELECT k, MAX(id) AS n FROM tx GROUP BY k EMIT CHANGES;\n"
                   "%c",
                   row_wise.sql, '\0');
        assert_true(job_world_compile(w, sql.p, outputs.p));
        assert_false(job_world_run(w));
        assert_int_equal(lake_files(w), 0);
        if (!job_world_reset(w, hows[i]))
            fail_msg("%s", w->text);
        assert_int_equal(lake_files(w) > 0, true);
        if (!job_world_run(w))
            fail_msg("%s", w->text);
        buf_fini(&sql);
        buf_fini(&outputs);
        job_world_free(w);
    }
}

TEST(a_lost_state_directory_of_an_endless_run_with_rows_for_the_lake_cannot_be_recovered_from_heads)
{
    struct job_world_spec spec = row_wise;
    spec.outputs = "      GOOD: { lake: {}, warehouse: { to: one } }\n";
    struct job_world *w = job_world_new(&spec);
    struct recover_report report;
    die_with_rows_waiting(w, 5);
    job_world_delete(w, "state");
    assert_false(job_world_recover(w, &report));
    assert_non_null(strstr(w->text, "rows that waited for the lake were in the state directory"));
    assert_false(job_world_stream(w, stop_now, NULL));
    assert_int_equal(w->e.kind, ERR_FENCED);
    job_world_free(w);
}

// --- trouble -------------------------------------------------------------------------------------

static void count_trouble(void *arg, const struct err *e, int64_t retry_ms)
{
    int *n = arg;
    assert_int_equal(e->kind, ERR_REMOTE);
    assert_true(retry_ms > 0);
    ++*n;
}

static void broker_goes_away(struct job_world *w, void *arg)
{
    int *n = arg;
    add(w, *n, 20000);
    if (*n == 3)
        source_fake_down(w->broker, 5);
    atomic_store(&w->cancel, ++*n > 8);
}

TEST(an_endless_run_lives_through_a_broker_that_goes_away)
{
    struct job_world *w = job_world_new(&row_wise);
    int n = 0, troubles = 0;
    w->env.trouble = count_trouble;
    w->env.trouble_arg = &troubles;
    if (!job_world_stream(w, broker_goes_away, &n))
        fail_msg("%s", w->text);
    assert_int_equal(troubles, 5);
    assert_int_equal(row_count(w), 8);
    job_world_free(w);
}

static void warehouse_power(void *arg, const struct err *e, int64_t retry_ms)
{
    assert_true(e->kind == ERR_REMOTE && retry_ms > 0);
    int *n = arg;
    if (++*n == 3)
        memory_power("one", MEMORY_UP);
}

static void warehouse_goes_away(struct job_world *w, void *arg)
{
    int *n = arg;
    add(w, *n, 20000);
    if (*n == 3)
        memory_power("one", MEMORY_DOWN);
    atomic_store(&w->cancel, ++*n > 8);
}

TEST(an_endless_run_delivers_its_decided_batch_when_the_warehouse_is_back)
{
    struct job_world_spec spec = row_wise;
    spec.outputs = "      GOOD: { lake: {}, warehouse: { to: one } }\n";
    struct job_world *w = job_world_new(&spec);
    int n = 0, troubles = 0;
    w->env.trouble = warehouse_power;
    w->env.trouble_arg = &troubles;
    if (!job_world_stream(w, warehouse_goes_away, &n))
        fail_msg("%s", w->text);
    assert_int_equal(troubles, 3);
    assert_int_equal(memory_rows("one", "good"), 8);
    assert_int_equal(row_count(w), 8);
    job_world_free(w);
}

static void partitions_grow(struct job_world *w, void *arg)
{
    int *n = arg;
    add(w, *n, 20000);
    if (*n == 3) {
        source_fake_topic(w->broker, "tx", 6);
        source_fake_add(w->broker, "tx", 5, 20000LL * 86400000, "k",
                        "{\"id\":77,\"usr\":\"u\",\"cents\":200}");
    }
    atomic_store(&w->cancel, ++*n > 8);
}

TEST(new_partitions_are_noticed_and_begin_a_new_roll)
{
    struct job_world *w = job_world_new(&row_wise);
    int n = 0;
    if (!job_world_stream(w, partitions_grow, &n))
        fail_msg("%s", w->text);
    assert_int_equal(row_count(w), 9);
    assert_int_equal(lake_files(w), 2);
    job_world_free(w);
}

static void recreates(struct job_world *w, void *arg)
{
    int *times = arg;
    if (++*times == 1) {
        source_fake_delete_before(w->broker, "tx", 0, 3);
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":2,\"cents\":9}");
    } else if (*times == 2) { // a plan has seen where the log begins
        source_fake_recreate(w->broker, "tx", JOB_SCENARIO_PARTITIONS);
        for (int i = 0; i < 40; i++)
            source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":7,\"cents\":1}");
    } else if (*times > 20) {
        atomic_store(&w->cancel, true);
    }
}

TEST(a_topic_made_anew_at_once_is_noticed_where_retention_had_cut_the_old_one)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    int times = 0;
    for (int i = 0; i < 20; i++)
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":1,\"cents\":9}");
    assert_false(job_world_stream(w, recreates, &times));
    assert_int_equal(w->e.kind, ERR_BEHIND);
    assert_int_equal(times, 2);
    job_world_free(w);
}

TEST_MAIN(
    T(a_topic_made_anew_at_once_is_noticed_where_retention_had_cut_the_old_one),
    T(a_fault_at_any_durable_call_of_an_endless_run_leaves_what_an_undisturbed_one_leaves),
    T(a_fault_at_any_durable_call_of_an_endless_run_with_topics_leaves_the_same),
    T(an_endless_run_of_a_merge_ordered_job_gives_the_rows_of_a_bounded_one_in_their_order),
    T(an_endless_run_of_an_order_free_job_gives_the_rows_of_a_bounded_one),
    T(a_backfill_of_a_bounded_run_does_not_mind_an_endless_one_before),
    T(the_bytes_of_a_rolled_file_do_not_depend_on_the_batches_that_brought_its_rows),
    T(rows_wait_in_the_state_directory_until_the_oldest_is_old_enough),
    T(rows_are_rolled_by_size_too_and_what_was_rolled_is_deleted_from_the_state_directory),
    T(with_align_a_batch_waits_for_a_partition_that_is_behind_and_merges_what_comes),
    T(with_align_a_partition_that_stays_silent_holds_a_batch_up_no_longer_than_that),
    T(a_bounded_run_after_an_endless_one_first_writes_the_rows_that_wait),
    T(rubbish_behind_the_committed_length_of_a_row_log_is_not_read_and_not_appended_to),
    T(a_row_log_that_lost_committed_bytes_stops_the_job_by_name),
    T(a_reset_after_a_change_of_sql_first_writes_the_rows_that_wait),
    T(an_output_whose_rows_wait_may_not_change_its_columns_or_go_away),
    T(a_lost_state_directory_of_an_endless_run_with_rows_for_the_lake_cannot_be_recovered_from_heads),
    T(an_endless_run_lives_through_a_broker_that_goes_away),
    T(an_endless_run_delivers_its_decided_batch_when_the_warehouse_is_back),
    T(new_partitions_are_noticed_and_begin_a_new_roll))
