// Compaction: many files become one and no row is lost, doubled or moved, whatever else happens to the lake and whatever is cut short.
#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "jobs/run/recover.h"
#include "jobs/run/replay.h"
#include "tests/support/job_upkeep.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)64 << 20)

static const struct compact_spec all = {.output = {"", 0}};

static void backfill(struct job_world *w, int64_t from, int64_t to)
{
    const struct backfill_spec spec = {.by = BACKFILL_BATCHES,
                                       .from = from,
                                       .to = to,
                                       .outputs = job_upkeep_streams,
                                       .output_count = 2};
    if (!job_world_backfill(w, &spec))
        fail_msg("%s", w->text);
}

// A world of several batches with many files.
static struct job_world *filled(const struct job_world_spec *spec, uint64_t seed, int runs)
{
    struct job_world *w = job_world_new(spec);
    struct job_random r = {seed};
    for (int i = 0; i < runs; i++) {
        job_upkeep_produce(w, &r, 40);
        job_upkeep_run(w);
    }
    return w;
}

TEST(small_files_become_one_a_partition_and_no_row_moves)
{
    const struct job_world_spec spec = job_upkeep_job;
    struct arena *a = arena_new(NULL);
    struct compact_report report;
    struct buf want;
    struct job_world *w = filled(&spec, 3, 5);
    size_t before = job_upkeep_files(w, "GOOD");
    job_upkeep_print(&want, w);
    const struct compact_spec dry = {.output = STR(""), .mode = COMPACT_DRY_RUN};
    uint64_t last = job_upkeep_last(w);
    assert_true(job_upkeep_compact(w, &dry, &report, a));
    size_t planned = report.count;
    assert_true(planned > 1 && report.batches == 0);
    assert_int_equal(job_upkeep_last(w), last);
    assert_int_equal(job_upkeep_files(w, "GOOD"), before);
    assert_true(job_upkeep_compact(w, &all, &report, a));
    assert_int_equal(report.count, planned);
    assert_int_equal(report.batches, 1);
    assert_int_equal(job_upkeep_last(w), last + 1);
    struct batch_record record;
    assert_true(job_world_record(&record, w, a, last + 1));
    assert_int_equal(record.kind, BATCH_COMPACT);
    assert_true(before > job_upkeep_files(w, "GOOD"));
    assert_int_equal(job_upkeep_files(w, "GOOD"), job_upkeep_partitions(w, "GOOD"));
    assert_int_equal(job_upkeep_files(w, "BIG"), 1);
    job_upkeep_same(w, &want, "after a compaction");
    job_upkeep_verify(w);
    job_upkeep_audit(w);
    assert_true(job_upkeep_compact(w, &all, &report, a)); // nothing is left to do
    assert_int_equal(report.count, 0);
    assert_int_equal(job_upkeep_last(w), last + 1);
    job_world_check_receipts(w);
    buf_fini(&want);
    job_world_free(w);
    arena_free(a);
}

TEST(the_bytes_do_not_depend_on_how_often_was_compacted)
{
    const struct job_world_spec spec = job_upkeep_job;
    struct arena *a = arena_new(NULL);
    uint64_t want[64];
    size_t n = 0;
    for (int often = 0; often < 2; often++) {
        struct job_world *w = job_world_new(&spec);
        struct job_random r = {5};
        struct lake_ls ls;
        for (int i = 0; i < 4; i++) {
            job_upkeep_produce(w, &r, 40);
            job_upkeep_run(w);
            if (often || i == 3)
                (void)job_upkeep_compacts(w);
        }
        job_upkeep_list(&ls, a, w);
        size_t k = 0;
        for (size_t i = 0; i < ls.output_count; i++)
            for (size_t p = 0;
                 ls.outputs[i].kind == LAKE_STREAM && p < ls.outputs[i].partition_count; p++)
                if (often)
                    assert_int_equal(ls.outputs[i].partitions[p].files[0].file.checksum, want[k++]);
                else
                    want[n++] = ls.outputs[i].partitions[p].files[0].file.checksum;
        assert_true(n > 2 && (!often || k == n));
        job_world_free(w);
    }
    arena_free(a);
}

TEST(a_slot_inside_of_a_compacted_file_is_replaced_alone)
{
    const struct job_world_spec spec = job_upkeep_job;
    struct arena *a = arena_new(NULL);
    struct buf want;
    struct job_world *w = filled(&spec, 7, 5);
    job_upkeep_print(&want, w);
    (void)job_upkeep_compacts(w);
    size_t good = job_upkeep_files(w, "GOOD");
    backfill(w, 1, 1); // the slot that files are called after
    job_upkeep_same(w, &want, "the first slot");
    backfill(w, 3, 3);
    job_upkeep_same(w, &want, "a slot in the middle");
    backfill(w, 1, 5);
    job_upkeep_same(w, &want, "all slots");
    assert_int_equal(job_upkeep_files(w, "GOOD"), good);
    assert_int_equal(job_upkeep_files(w, "BIG"), 1);
    job_upkeep_verify(w);
    job_upkeep_audit(w);
    buf_fini(&want);
    job_world_free(w);
    arena_free(a);
}

static const char *filtered(struct arena *a, const char *sql, const char *filter)
{
    struct str text = str_from(sql), old = STR("WHERE cents > 5000");
    size_t at;
    assert_true(str_find(&at, text, old));
    return arena_printf(a, "%.*s%s%s", (int)at, text.p, filter, text.p + at + old.n).p;
}

// Rows that come with other SQL stand where they would have stood from the start; those that went are gone.
TEST(a_slot_that_gains_and_loses_rows_is_spliced)
{
    const struct job_world_spec spec = job_upkeep_job;
    struct arena *a = arena_new(NULL);
    enum { FILTERS = 4 };
    static const char *const filters[FILTERS] = {"WHERE cents > 20000", "WHERE cents > 0",
                                                 "WHERE cents > 5000000", "WHERE cents > 5000"};
    struct buf want[FILTERS];
    for (size_t i = 0; i < FILTERS; i++) {
        struct job_world_spec other = spec;
        other.sql = filtered(a, spec.sql, filters[i]);
        struct job_world *w = filled(&other, 9, 5);
        job_upkeep_print(&want[i], w);
        job_world_free(w);
    }
    struct job_world *w = filled(&spec, 9, 5);
    for (size_t i = 0; i < FILTERS; i++) {
        (void)job_upkeep_compacts(w);
        assert_true(job_world_compile(w, filtered(a, spec.sql, filters[i]), spec.outputs));
        backfill(w, 1, 5);
        job_upkeep_verify(w);
        job_upkeep_audit(w);
        job_upkeep_same(w, &want[i], filters[i]);
        buf_fini(&want[i]);
    }
    job_world_free(w);
    arena_free(a);
}

static void break_file(struct job_world *w, char *path, size_t size)
{
    struct arena *a = arena_new(NULL);
    struct lake_ls ls;
    job_upkeep_list(&ls, a, w);
    for (size_t i = 0; i < ls.output_count; i++)
        if (str_eq(ls.outputs[i].name, STR("BIG")))
            (void)snprintf(path, size, "%s/%.*s", w->lake,
                           STR_ARG(ls.outputs[i].partitions[0].files[0].file.path));
    assert_int_equal(truncate(path, 20), 0);
    arena_free(a);
}

TEST(damage_is_found_not_merged_and_repaired_by_a_backfill_of_all_slots)
{
    const struct job_world_spec spec = job_upkeep_job;
    struct arena *a = arena_new(NULL);
    struct compact_report report;
    struct buf want;
    struct err e;
    char path[1200];
    struct job_world *w = filled(&spec, 11, 4);
    job_upkeep_print(&want, w);
    break_file(w, path, sizeof path);
    assert_false(job_upkeep_compact(w, &all, &report, a));
    assert_non_null(strstr(w->text, "is not what was published"));
    backfill(w, 1, 1);
    (void)job_upkeep_compacts(w);
    job_upkeep_same(w, &want, "after the repair");
    break_file(w, path, sizeof path);
    assert_false(job_upkeep_audited(w, &e));
    assert_non_null(strstr(e.text, "--batch 1..4"));
    const struct backfill_spec part = {.by = BACKFILL_BATCHES,
                                       .from = 2,
                                       .to = 3,
                                       .outputs = job_upkeep_streams,
                                       .output_count = 2};
    assert_false(job_world_backfill(w, &part));
    assert_non_null(strstr(w->text, "the rows of batch 1 in it cannot be kept"));
    job_world_restart(w, NULL);
    struct control c;
    job_world_control(&c, w, a);
    assert_int_equal(c.redo.count, 2); // pending: it goes on when the file is back
    backfill(w, 1, 4);                 // or gives way to one that has all of it
    job_world_control(&c, w, a);
    assert_int_equal(c.redo.count, 0);
    job_upkeep_verify(w);
    job_upkeep_audit(w);
    (void)job_upkeep_compacts(w);
    job_upkeep_same(w, &want, "after the backfill of all slots");
    arena_free(a);
    buf_fini(&want);
    job_world_free(w);
}

static const unsigned cut_short_portions[] = {40, 40, 40, 30};

static bool cut_short(const struct fault_spec *fault, const char *what, void *want)
{
    struct job_world *w = job_world_new(&job_upkeep_job);
    struct job_random r = {13};
    struct compact_report report;
    struct arena *a = arena_new(NULL);
    for (size_t i = 0; i < 3; i++) {
        job_upkeep_produce(w, &r, cut_short_portions[i]);
        job_upkeep_run(w);
    }
    job_world_restart(w, fault);
    bool ok = job_upkeep_compact(w, &all, &report, a);
    bool fired = durable_fired(w->durable);
    assert_true(fired || (ok && report.count > 0));
    job_world_restart(w, NULL);
    job_upkeep_produce(w, &r, cut_short_portions[3]);
    job_upkeep_run(w);
    job_upkeep_verify(w);
    (void)job_upkeep_compacts(w);
    assert_int_equal(job_upkeep_files(w, "BIG"), 1);
    job_world_check_receipts(w);
    job_upkeep_audit(w);
    job_upkeep_same(w, want, what);
    arena_free(a);
    job_world_free(w);
    return fired;
}

TEST(a_compaction_cut_short_anywhere_is_rolled_forward)
{
    struct buf want;
    job_scenario_still(&want, &job_upkeep_job, NULL, 13, cut_short_portions, 4);
    assert_true(job_upkeep_faults(7, cut_short, &want) > 60);
    buf_fini(&want);
}

TEST(a_lost_state_is_rebuilt_behind_a_compaction)
{
    struct job_world_spec spec = job_upkeep_job;
    struct recover_report recovered;
    spec.outputs = "      GOOD: { lake: { partition_by: [year, month, day] } }\n"
                   "      BIG: { lake: { partition_by: [] }, warehouse: { to: one } }\n";
    spec.job = NULL;
    struct buf want;
    struct job_world *w = filled(&spec, 17, 3);
    struct job_random r = {18};
    job_upkeep_produce(w, &r, 40);
    assert_true(job_world_reset(
        w, RUN_RESET_FROM_NOW)); // in no batch: the compaction says where the job stands
    assert_true(job_upkeep_compacts(w) > 0);
    job_upkeep_print(&want, w);
    job_world_delete(w, "state");
    job_world_restart(w, NULL);
    if (!job_world_recover(w, &recovered))
        fail_msg("%s", w->text);
    job_upkeep_run(w);
    job_upkeep_same(w, &want, "after the recovery");
    job_upkeep_verify(w);
    backfill(w, 1, 3);
    job_upkeep_same(w, &want, "after a backfill behind it");
    job_upkeep_audit(w);
    buf_fini(&want);
    job_world_free(w);
}

static void produce_words(struct job_world *w)
{
    for (int i = 0; i < 3; i++) {
        source_fake_add(w->broker, "tx", i % 2, JOB_WORLD_NOW, "k", "{\"id\":1,\"cents\":9000}");
        source_fake_add(w->broker, "tx", i % 2, JOB_WORLD_NOW, "k",
                        "{\"id\":\"x\",\"cents\":9001}");
        job_upkeep_run(w);
    }
}

// A slot's later rows are a file beside the compacted one that encloses it, until the next compaction or backfill.
TEST(rows_of_dead_letters_that_come_after_a_compaction_are_merged_in_their_place)
{
    struct job_world_spec spec = job_upkeep_job;
    struct arena *a = arena_new(NULL);
    struct str wrong = str_from(spec.sql), type = STR("id BIGINT");
    struct buf sorted, ordered, got;
    size_t at;
    spec.outputs = "      GOOD: { lake: { format: csv, partition_by: [] } }\n"
                   "      BIG: { lake: { format: csv, partition_by: [day] } }\n";
    assert_true(str_find(&at, wrong, type));
    const char *right =
        arena_printf(a, "%.*sid VARCHAR%s", (int)at, wrong.p, wrong.p + at + type.n).p;
    struct job_world_spec other = spec;
    other.sql = right;
    struct job_world *w = job_world_new(&other);
    produce_words(w);
    job_upkeep_print(&ordered, w);
    buf_init(&sorted, TEXT_MAX);
    job_world_print_rows(&sorted, w, JOB_WORLD_SORTED);
    job_world_free(w);
    w = job_world_new(&spec);
    produce_words(w);
    assert_int_equal(job_upkeep_compacts(w), 2);
    assert_true(job_world_compile(w, right, spec.outputs));
    const struct replay_spec replay = {.to = UINT64_MAX};
    assert_ok(run_replay(&w->report, w->job, &w->env, &replay, &w->e), &w->e);
    assert_int_equal(job_upkeep_files(w, "GOOD"), 4);
    assert_int_equal(job_upkeep_compacts(w), 2);
    assert_int_equal(job_upkeep_files(w, "GOOD"), 1);
    buf_init(&got, TEXT_MAX);
    job_world_print_rows(&got, w, JOB_WORLD_SORTED);
    job_world_same(&sorted, &got, "replayed and compacted");
    job_upkeep_verify(w);
    job_upkeep_audit(w);
    backfill(w, 1, 3);
    assert_int_equal(job_upkeep_files(w, "GOOD"), 1);
    job_upkeep_same(w, &ordered, "a backfill after the replay");
    buf_fini(&sorted);
    buf_fini(&ordered);
    buf_fini(&got);
    job_world_free(w);
    arena_free(a);
}

// A header that changed keeps a slot's new rows apart; the compacted file goes out of their way.
TEST(a_slot_with_other_columns_gets_a_file_of_its_own)
{
    struct job_world_spec spec = job_upkeep_job;
    struct arena *a = arena_new(NULL);
    spec.outputs = "      GOOD: { lake: { format: csv, partition_by: [] } }\n"
                   "      BIG: { lake: { partition_by: [] } }\n";
    struct job_world *w = filled(&spec, 23, 4);
    struct str sql = str_from(spec.sql), old = STR("SELECT k, id, cents FROM");
    struct buf want;
    size_t at;
    job_upkeep_print(&want, w);
    assert_int_equal(job_upkeep_compacts(w), 2);
    assert_true(str_find(&at, sql, old));
    const char *wide =
        arena_printf(a, "%.*sSELECT k, id, cents, usr FROM%s", (int)at, sql.p, sql.p + at + old.n)
            .p;
    assert_true(job_world_compile(w, wide, spec.outputs));
    backfill(w, 1, 1); // whose name the compacted file has
    backfill(w, 3, 3);
    job_upkeep_verify(w);
    job_upkeep_audit(w);
    assert_int_equal(job_upkeep_files(w, "GOOD"), 3);
    assert_true(job_world_compile(w, spec.sql, spec.outputs));
    backfill(w, 1, 1);
    backfill(w, 3, 3);
    job_upkeep_verify(w);
    job_upkeep_audit(w);
    assert_int_equal(job_upkeep_files(w, "GOOD"), 1);
    job_upkeep_same(w, &want, "back again");
    buf_fini(&want);
    job_world_free(w);
    arena_free(a);
}

TEST(a_run_compacts_by_policy_and_a_byte_is_rewritten_a_few_times_only)
{
    enum { RUNS = 64 };
    struct job_world_spec spec = job_upkeep_job;
    struct arena *a = arena_new(NULL);
    spec.outputs = "      GOOD: { lake: { compression: none, partition_by: [],"
                   " compact: { min_files: 4 } } }\n";
    struct job_world *w = job_world_new(&spec);
    for (int i = 0; i < RUNS; i++) {
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":1,\"cents\":1}");
        job_upkeep_run(w);
    }
    const struct lake_manifest *m;
    struct lake *lake;
    size_t n;
    uint64_t rewritten = 0;
    assert_ok(lake_open(&lake, w->lake, LAKE_OPEN_EXISTING, w->durable, &w->e), &w->e);
    assert_ok(lake_job_manifests(&m, &n, a, lake, "sim", &w->e), &w->e);
    lake_close(lake);
    assert_true(n > RUNS);
    for (size_t i = 0; i < n; i++)
        if (str_eq(m[i].kind, STR("compact")))
            for (size_t k = 0; k < m[i].count; k++)
                rewritten += m[i].files[k].rows;
    assert_true(job_upkeep_files(w, "GOOD") <= 9); // three of each size: 1, 4, 16
    assert_true(rewritten >= RUNS && rewritten <= RUNS * 3);
    job_upkeep_verify(w);
    job_upkeep_audit(w);
    job_world_free(w);
    arena_free(a);
}

static void break_first(struct job_world *w, const char *output)
{
    char path[1200] = "";
    struct arena *a = arena_new(NULL);
    struct lake_ls ls;
    job_upkeep_list(&ls, a, w);
    for (size_t i = 0; i < ls.output_count; i++)
        if (str_eq(ls.outputs[i].name, str_from(output)))
            (void)snprintf(path, sizeof path, "%s/%.*s", w->lake,
                           STR_ARG(ls.outputs[i].partitions[0].files[0].file.path));
    if (strcmp(output, "BIG") == 0)
        assert_int_equal(unlink(path), 0);
    else
        assert_int_equal(truncate(path, 5), 0);
    arena_free(a);
}

// Files of compactions.
static size_t compacted(struct job_world *w, const char *output)
{
    struct arena *a = arena_new(NULL);
    const struct lake_manifest *m;
    struct lake *lake;
    size_t n, count = 0;
    assert_ok(lake_open(&lake, w->lake, LAKE_OPEN_EXISTING, w->durable, &w->e), &w->e);
    assert_ok(lake_job_manifests(&m, &n, a, lake, "sim", &w->e), &w->e);
    lake_close(lake);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; str_eq(m[i].kind, STR("compact")) && k < m[i].count; k++)
            count += str_eq(m[i].files[k].output, str_from(output));
    arena_free(a);
    return count;
}

// The header of CSV is read when files are chosen, JSON lines when they are merged; both in one batch with what is whole.
TEST(a_damaged_file_stops_no_run_that_compacts_by_policy)
{
    static const char *const outputs[] = {"GOOD", "BIG"};
    struct job_world_spec spec = job_upkeep_job;
    spec.outputs = "      GOOD: { lake: { compression: none, partition_by: [],"
                   " compact: { min_files: 4 } } }\n"
                   "      BIG: { lake: { format: csv, compression: none, partition_by: [],"
                   " compact: { min_files: 4 } } }\n";
    for (int damaged = 0; damaged < 2; damaged++) {
        struct job_world *w = job_world_new(&spec);
        for (int i = 0; i < 8; i++) {
            source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":1,\"cents\":9000}");
            if (i == 1)
                break_first(w, outputs[damaged]);
            job_upkeep_run(w);
        }
        assert_int_equal(compacted(w, outputs[damaged]), 0);
        assert_true(compacted(w, outputs[1 - damaged]) > 0);
        assert_non_null(strstr(w->report.notice, outputs[damaged]));
        assert_non_null(strstr(w->report.notice, "were not compacted"));
        assert_null(strstr(w->report.notice, outputs[1 - damaged]));
        job_world_free(w);
    }
}

TEST_MAIN(T(a_damaged_file_stops_no_run_that_compacts_by_policy),
          T(small_files_become_one_a_partition_and_no_row_moves),
          T(the_bytes_do_not_depend_on_how_often_was_compacted),
          T(a_slot_inside_of_a_compacted_file_is_replaced_alone),
          T(a_slot_that_gains_and_loses_rows_is_spliced),
          T(damage_is_found_not_merged_and_repaired_by_a_backfill_of_all_slots),
          T(a_compaction_cut_short_anywhere_is_rolled_forward),
          T(a_lost_state_is_rebuilt_behind_a_compaction),
          T(rows_of_dead_letters_that_come_after_a_compaction_are_merged_in_their_place),
          T(a_slot_with_other_columns_gets_a_file_of_its_own),
          T(a_run_compacts_by_policy_and_a_byte_is_rewritten_a_few_times_only))
