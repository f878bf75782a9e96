// Archives of a job's lake: what expired comes back whole, once, into its place and nowhere else; whatever is cut short in between.
#include "tests/support/job_archive.h"

#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "jobs/run/recover.h"
#include "jobs/run/replay.h"
#include "lake/archive.h"
#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY_MS = JOB_UPKEEP_DAY_MS, PATH_ROOM = JOB_ARCHIVE_PATH };

// Nothing expires but by hand; the second form archives into a directory beside the lake first.
static struct job_world_spec kept(void)
{
    struct job_world_spec spec = job_upkeep_job;
    spec.outputs =
        "      GOOD: { lake: { partition_by: [year, month, day] } }\n"
        "      BIG: { lake: { partition_by: [day, CITY] }, warehouse: { to: one } }\n"
        "      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, warehouse: { to: two } }\n";
    return spec;
}

static void archiving(struct job_world *w)
{
    char outputs[2048];
    (void)snprintf(
        outputs, sizeof outputs,
        "      GOOD: { lake: { partition_by: [year, month, day], retain: 1d, archive: "
        "%s/kept } }\n"
        "      BIG: { lake: { partition_by: [day, CITY], retain: 1d, archive: %s/kept }, "
        "warehouse: { to: one } }\n"
        "      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, warehouse: { to: "
        "two } }\n",
        w->dir.path, w->dir.path);
    if (!job_world_compile(w, job_upkeep_job.sql, outputs))
        fail_msg("%s", w->text);
}

static uint64_t expires_stream(struct job_world *w, const char *output)
{
    struct expire_report r;
    struct arena *a = arena_new(NULL);
    const struct expire_spec spec = {.output = str_from(output), .older_than_ms = DAY_MS};
    if (!job_upkeep_expire(w, &spec, &r, a))
        fail_msg("%s", w->text);
    arena_free(a);
    return r.count;
}

TEST(what_expired_comes_back_into_its_place_and_is_the_lakes_again)
{
    const struct job_world_spec spec = kept();
    struct arena *a = arena_new(NULL);
    struct restore_report r;
    struct job_random random = {3};
    struct buf want;
    char path[PATH_ROOM];
    struct job_world *w = job_upkeep_world(&spec);
    job_upkeep_produce(w, &random, 130);
    job_upkeep_run(w);
    job_upkeep_produce(w, &random, 40);
    job_upkeep_run(w);
    job_upkeep_print(&want, w);
    size_t before = job_upkeep_files(w, "GOOD");
    job_archive_exports(w, path, "sim", "all.tar.zst");
    assert_true(job_archive_restore(w, path, &r, a)); // everything is there
    assert_int_equal(r.batch, 0);
    assert_true(r.present > before);
    size_t gone = expires_stream(w, "GOOD");
    assert_true(gone > 1);
    assert_int_equal(job_upkeep_files(w, "GOOD"), before - gone);
    assert_true(job_archive_restore(w, path, &r, a));
    assert_int_equal(r.count, gone);
    assert_int_equal(job_upkeep_files(w, "GOOD"), before);
    job_upkeep_same(w, &want, "after the restore");
    job_upkeep_audit(w);
    job_world_check_receipts(w);
    // A slot that came back is its batch's again: a backfill replaces it, and expiry takes it.
    struct backfill_spec again = {.by = BACKFILL_BATCHES,
                                  .outputs = job_upkeep_streams,
                                  .output_count = 2,
                                  .from = 1,
                                  .to = 2};
    if (!job_world_backfill(w, &again))
        fail_msg("%s", w->text);
    job_upkeep_same(w, &want, "after the backfill");
    assert_int_equal(expires_stream(w, "good"), gone);
    job_upkeep_audit(w);
    buf_fini(&want);
    job_world_free(w);
    arena_free(a);
}

TEST(a_file_that_the_lake_lost_comes_back_and_another_content_is_left_alone)
{
    const struct job_world_spec spec = kept();
    struct arena *a = arena_new(NULL);
    struct restore_report r;
    struct job_random random = {5};
    struct lake_ls ls;
    struct buf want;
    char path[PATH_ROOM], file[PATH_ROOM];
    struct job_world *w = job_upkeep_world(&spec);
    job_upkeep_produce(w, &random, 60);
    job_upkeep_run(w);
    job_upkeep_print(&want, w);
    job_archive_exports(w, path, "GOOD", "good.zip");
    job_upkeep_list(&ls, a, w);
    const struct lake_ls_output *good = &ls.outputs[1];
    assert_true(str_eq(good->name, STR("GOOD")));
    (void)snprintf(file, sizeof file, "%s/%.*s", w->lake,
                   STR_ARG(good->partitions[0].files[0].file.path));
    assert_int_equal(truncate(file, 10), 0);
    job_archive_refuses(w, path, "exists with other content");
    assert_int_equal(unlink(file), 0);
    assert_true(job_archive_restore(w, path, &r, a));
    assert_int_equal(r.count, 1);
    job_upkeep_same(w, &want, "after the restore");
    job_upkeep_audit(w);
    job_upkeep_list(&ls, a, w);
    assert_int_equal(ls.outputs[1].rows, good->rows); // _metadata.json counts nothing twice
    buf_fini(&want);
    job_world_free(w);
    arena_free(a);
}

TEST(rows_that_are_elsewhere_do_not_come_back)
{
    const struct job_world_spec spec = kept();
    struct job_random random = {7};
    char path[PATH_ROOM], all[PATH_ROOM];
    struct job_world *w = job_upkeep_world(&spec);
    job_upkeep_produce(w, &random, 90);
    job_upkeep_run(w);
    job_archive_exports(w, all, "GOOD", "good.tar");
    job_archive_exports_part(w, path, "GOOD", STR("year=2025/month=10/day=25"), "day.tar");
    assert_true(expires_stream(w, "GOOD") > 0);
    struct backfill_spec again = {.by = BACKFILL_BATCHES,
                                  .outputs = job_upkeep_streams,
                                  .output_count = 1,
                                  .from = 1,
                                  .to = 1};
    // Other rows under the same names.
    assert_true(job_world_compile(
        w,
        "CREATE STREAM tx (k VARCHAR KEY, id BIGINT, usr VARCHAR, cents BIGINT,"
        "  place STRUCT<city VARCHAR, zip VARCHAR>)"
        "  WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"
        "CREATE STREAM good AS SELECT k, id, cents + 1 AS cents FROM tx WHERE id < 0 EMIT "
        "CHANGES;\n"
        "CREATE STREAM big AS SELECT k, id, place->city AS city FROM tx WHERE cents > 5000"
        "  EMIT CHANGES;\n"
        "CREATE TABLE per_user AS SELECT usr, COUNT(*) AS n FROM tx GROUP BY usr EMIT CHANGES;\n",
        spec.outputs));
    if (!job_world_backfill(w, &again))
        fail_msg("%s", w->text);
    job_archive_refuses(w, path, "has made its rows anew");
    job_archive_refuses(w, all, "has put its rows into other files");
    job_upkeep_audit(w);
    job_world_free(w);
}

// Rows that dead letters gave while the others were in the archive.
TEST(what_expired_comes_back_beside_rows_that_dead_letters_gave_since)
{
#define SQL(id)                                                                             \
    "CREATE STREAM tx (k VARCHAR KEY, id " id ") WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = " \
    "'JSON');\n"                                                                            \
    "CREATE STREAM good AS SELECT k, CAST(id AS VARCHAR) AS id FROM tx EMIT CHANGES;\n"
    const struct job_world_spec spec = {.sql = SQL("BIGINT"),
                                        .outputs =
                                            "      GOOD: { lake: { partition_by: [day] } }\n",
                                        .topics = {"tx"},
                                        .partitions = 1};
    const struct replay_spec all = {.to = UINT64_MAX};
    struct arena *a = arena_new(NULL);
    struct restore_report r;
    struct lake_ls ls;
    char path[PATH_ROOM];
    struct job_world *w = job_upkeep_world(&spec);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW - 5 * (int64_t)DAY_MS, "k", "{\"id\":1}");
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW - 5 * (int64_t)DAY_MS, "k", "{\"id\":\"x\"}");
    job_upkeep_run(w);
    job_archive_exports(w, path, "GOOD", "good.tar");
    assert_int_equal(expires_stream(w, "GOOD"), 1);
    if (!job_world_compile(w, SQL("VARCHAR"), spec.outputs))
        fail_msg("%s", w->text);
#undef SQL
    assert_ok(run_replay(&w->report, w->job, &w->env, &all, &w->e), &w->e);
    if (!job_archive_restore(w, path, &r, a))
        fail_msg("%s", w->text);
    assert_int_equal(r.count, 1);
    job_upkeep_list(&ls, a, w);
    assert_int_equal(ls.outputs[0].rows, 2);
    job_upkeep_audit(w);
    job_world_free(w);
    arena_free(a);
}

TEST(an_archive_of_another_history_is_refused)
{
    const struct job_world_spec spec = kept();
    struct job_random random = {9};
    char path[PATH_ROOM];
    struct job_world *w = job_upkeep_world(&spec);
    job_upkeep_produce(w, &random, 90);
    job_upkeep_run(w);
    job_archive_exports(w, path, "GOOD", "good.tar");
    assert_true(expires_stream(w, "GOOD") > 0);
    assert_true(job_world_reset(w, RUN_RESET_REBUILD));
    job_archive_refuses(w, path, "before a reset of the job");
    // Another lake with a batch of the same number.
    job_world_delete(w, "lake");
    job_world_delete(w, "state");
    job_world_free(w);
}

TEST(an_archive_of_another_lake_is_refused)
{
    const struct job_world_spec spec = kept();
    struct job_random random = {11};
    char path[PATH_ROOM], there[PATH_ROOM];
    struct job_world *w = job_upkeep_world(&spec);
    job_upkeep_produce(w, &random, 50);
    job_upkeep_run(w);
    job_archive_exports(w, path, "GOOD", "good.tar");
    (void)snprintf(there, sizeof there, "%s.moved.tar", w->dir.path);
    assert_int_equal(rename(path, there), 0);
    job_world_wipe(w);
    job_upkeep_produce(w, &random, 50);
    job_upkeep_run(w);
    job_archive_refuses(w, there, "is not one of this lake's");
    assert_int_equal(unlink(there), 0);
    job_archive_refuses(w, there, "No such file or directory");
    job_world_free(w);
}

static bool cut_short(const struct fault_spec *fault, const char *what, void *arg)
{
    const struct job_world_spec spec = kept();
    struct job_world *w = job_upkeep_world(&spec);
    struct job_random random = {13};
    struct restore_report r;
    struct arena *a = arena_new(NULL);
    struct buf want;
    char path[PATH_ROOM];
    (void)arg;
    job_upkeep_produce(w, &random, 60);
    job_upkeep_run(w);
    job_upkeep_print(&want, w);
    job_archive_exports(w, path, "GOOD", "good.tar.gz");
    assert_true(expires_stream(w, "GOOD") > 0);
    job_world_restart(w, fault);
    (void)job_archive_restore(w, path, &r, a);
    bool fired = durable_fired(w->durable);
    job_world_restart(w, NULL);
    job_upkeep_run(w);
    job_archive_restores(w, path);
    job_upkeep_same(w, &want, what);
    job_upkeep_audit(w);
    job_world_check_receipts(w);
    buf_fini(&want);
    arena_free(a);
    job_world_free(w);
    return fired;
}

TEST(a_restore_cut_short_anywhere_is_rolled_forward_or_never_was)
{
    assert_true(job_upkeep_faults(5, cut_short, NULL) > 30);
}

// Files below the world's directory whose names end so.
static size_t ends_so(struct job_world *w, const char *end)
{
    struct dirent **names = NULL;
    int n = scandir(w->dir.path, &names, NULL, alphasort);
    size_t found = 0;
    for (int i = 0; i < n; i++) {
        found += str_ends(str_from(names[i]->d_name), str_from(end));
        free(names[i]); // NOLINT: scandir's own
    }
    free(names); // NOLINT: scandir's own
    return found;
}

// Whole: each file of GOOD with its bytes.
static void whole_archive(struct job_world *w, const char *path)
{
    struct lake_archive *s;
    struct lake_verify v;
    struct err e = {0};
    struct arena *a = arena_new(NULL);
    assert_ok(lake_archive_open(&s, path, &e), &e);
    assert_ok(lake_archive_verify(&v, a, s, STR_NONE, &e), &e);
    assert_int_equal(v.count, 0);
    assert_int_equal(v.files, job_upkeep_files(w, "GOOD"));
    lake_archive_close(s);
    arena_free(a);
}

// arg: the ending of the archive's name.
static bool export_cut_short(const struct fault_spec *fault, const char *what, void *arg)
{
    const struct job_world_spec spec = kept();
    struct job_world *w = job_upkeep_world(&spec);
    struct job_random random = {29};
    struct err e = {0};
    struct buf want;
    char path[PATH_ROOM], name[64];
    (void)snprintf(name, sizeof name, "good%s", (const char *)arg);
    struct job_archive_choice x = {.what = "GOOD", .partition = STR_NONE, .name = name};
    job_upkeep_produce(w, &random, 60);
    job_upkeep_run(w);
    job_upkeep_print(&want, w);
    job_world_restart(w, fault);
    bool ok = job_archive_export(w, path, &x, &e);
    bool fired = durable_fired(w->durable), died = durable_dead(w->durable);
    bool there = access(path, F_OK) == 0;
    job_world_restart(w, NULL);
    assert_true(fired || ok);
    assert_true(!ok || there);
    if (there)
        whole_archive(w, path);
    if (!died && ends_so(w, ".part") > 0)
        fail_msg("%s: a part is left behind a mere error", what);
    // Again: what is there is never overwritten, but kept where it is asked for.
    err_clear(&e);
    assert_true(job_archive_export(w, path, &x, &e) == !there);
    assert_true(!there || strstr(e.text, "exists"));
    x.existing = LAKE_EXPORT_KEEP;
    assert_ok(job_archive_export(w, path, &x, &e), &e);
    whole_archive(w, path);
    if (ends_so(w, ".part") > 0)
        fail_msg("%s: a part is left behind", what);
    job_upkeep_same(w, &want, what); // the lake stays as it is
    buf_fini(&want);
    job_world_free(w);
    return fired;
}

TEST(an_export_cut_short_anywhere_is_whole_or_not_there)
{
    // create, write, fsync, rename, fsync of the directory; none is the sixth
    char tar[] = ".tar", zip[] = ".zip", zstd[] = ".tar.zst";
    assert_true(job_upkeep_faults(1, export_cut_short, tar) > 6);
    assert_true(job_upkeep_faults(1, export_cut_short, zip) > 6);
    assert_true(job_upkeep_faults(1, export_cut_short, zstd) > 6);
}

// --- archived before expiry ------------------------------------------------------------------------------------------

// fn for every archive below the directory, in the order of their names.
static void each_archive(const char *dir, void (*fn)(const char *path, void *arg), void *arg)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[PATH_ROOM];
        struct stat st;
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        bool dots = names[i]->d_name[0] == '.';
        free(names[i]); // NOLINT: scandir's own
        if (dots || stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            each_archive(path, fn, arg);
        else
            fn(path, arg);
    }
    free(names); // NOLINT: scandir's own
}

// Until it succeeds or is refused because a compaction has put the rows into another file, which is there or in an archive of its own.
static void restore_one(const char *path, void *arg)
{
    struct job_world *w = arg;
    struct restore_report r;
    struct arena *a = arena_new(NULL);
    for (int tries = 0; !job_archive_restore(w, path, &r, a); tries++) {
        if (strstr(w->text, "(compact) has put its rows into other files") ||
            strstr(w->text, "has put other content there") ||
            strstr(w->text, "deleted other content from there"))
            break;
        job_upkeep_again(w, tries);
    }
    arena_free(a);
}

static void restores_all(struct job_world *w)
{
    char dir[512];
    each_archive(test_dir_file(dir, &w->dir, "kept"), restore_one, w);
}

static bool archiving_cut_short(const struct fault_spec *fault, const char *what, void *arg)
{
    static const struct expire_spec policy = {.output = {"", 0}};
    const struct job_world_spec spec = kept();
    struct job_world *w = job_upkeep_world(&spec);
    struct job_random random = {17};
    struct expire_report r;
    struct arena *a = arena_new(NULL);
    struct buf want;
    (void)arg;
    job_upkeep_produce(w, &random, 50);
    job_upkeep_run(w);
    job_upkeep_print(&want, w);
    archiving(w);
    job_world_restart(w, fault);
    (void)job_upkeep_expire(w, &policy, &r, a);
    bool fired = durable_fired(w->durable);
    job_world_restart(w, NULL);
    // Whatever was deleted comes out of the archives; those of an expiry that was not decided hold what is there.
    restores_all(w);
    job_upkeep_same(w, &want, what);
    job_upkeep_expires(w);
    restores_all(w);
    job_upkeep_same(w, &want, what);
    job_upkeep_audit(w);
    buf_fini(&want);
    arena_free(a);
    job_world_free(w);
    return fired;
}

TEST(an_expiry_that_archives_leaves_every_file_in_the_lake_or_in_a_whole_archive)
{
    assert_true(job_upkeep_faults(11, archiving_cut_short, NULL) > 60);
}

TEST(a_run_archives_what_its_policy_deletes_and_a_damaged_archive_stops_the_deletion)
{
    const struct job_world_spec spec = kept();
    struct job_random random = {19};
    struct buf want;
    struct expire_report r;
    struct arena *a = arena_new(NULL);
    static const struct expire_spec dry = {.output = {"", 0}, .mode = EXPIRE_DRY_RUN},
                                    go = {.output = {"", 0}};
    struct job_world *w = job_upkeep_world(&spec);
    job_upkeep_produce(w, &random, 90);
    job_upkeep_run(w);
    job_upkeep_print(&want, w);
    archiving(w);
    assert_true(job_upkeep_expire(w, &dry, &r, a));
    assert_true(r.count > 0);
    size_t at;
    assert_true(str_find(&at, r.files[0].reason, STR("; exported to ")));
    const char *path = arena_str(a, str_slice(r.files[0].reason, at + 14, SIZE_MAX)).p;
    assert_int_not_equal(access(path, F_OK), 0); // a dry run
    size_t before = job_upkeep_files(w, "GOOD") + job_upkeep_files(w, "BIG");
    job_upkeep_run(w);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(job_upkeep_files(w, "GOOD") + job_upkeep_files(w, "BIG") < before);
    restores_all(w);
    job_upkeep_same(w, &want, "after the restore");
    // Exported again, what is there already is looked at.
    assert_int_equal(truncate(path, 2000), 0);
    assert_false(job_upkeep_expire(w, &go, &r, a));
    assert_non_null(strstr(w->text, "cannot export to"));
    assert_int_equal(job_upkeep_files(w, "GOOD") + job_upkeep_files(w, "BIG"), before);
    buf_fini(&want);
    arena_free(a);
    job_world_free(w);
}

// --- everything ------------------------------------------------------------------------------------------------------

static void any_sequence(uint64_t seed)
{
    static const unsigned portions[] = {50, 30, 40, 20};
    const struct job_world_spec spec = kept();
    struct job_random chance = {seed}, r = {seed + 700};
    struct buf want;
    char what[64];
    (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    job_scenario_still(&want, &spec, NULL, seed + 700, portions, 4);
    struct job_world *w = job_upkeep_world(&spec);
    archiving(w);
    for (size_t i = 0; i < 12; i++) {
        job_upkeep_maybe_fault(w, &chance, 200);
        if (i % 3 == 0) {
            job_upkeep_produce(w, &r, portions[i / 3]);
            job_world_settle(w, 20);
            continue;
        }
        switch (job_random_below(&chance, 4)) {
        case 0:
            (void)job_upkeep_compacts(w);
            break;
        case 1:
            restores_all(w);
            break;
        default:
            job_upkeep_expires(w);
        }
    }
    job_world_restart(w, NULL);
    if (!job_world_compile(w, spec.sql, spec.outputs)) // nothing expires any more
        fail_msg("%s", w->text);
    job_world_settle(w, 20);
    restores_all(w);
    job_upkeep_audit(w);
    job_scenario_same(w, &want, what);
}

TEST(any_sequence_of_runs_expiries_restores_compactions_and_crashes_keeps_each_record_exactly_once)
{
    uint64_t count = test_is_long() ? 200 : 5;
    for (uint64_t seed = 1; seed <= count; seed++)
        any_sequence(seed);
}

// The state directory is lost behind a restore: the lake's head says where the job stood.
TEST(a_lost_state_is_rebuilt_behind_a_restore)
{
    struct job_world_spec spec = kept();
    struct recover_report recovered;
    struct job_random random = {23};
    struct buf want;
    char path[PATH_ROOM];
    spec.outputs = "      GOOD: { lake: { partition_by: [year, month, day] } }\n"
                   "      BIG: { lake: {}, warehouse: { to: one } }\n";
    struct job_world *w = job_upkeep_world(&spec);
    job_upkeep_produce(w, &random, 90);
    job_upkeep_run(w);
    job_upkeep_print(&want, w);
    job_archive_exports(w, path, "GOOD", "good.tar");
    assert_true(expires_stream(w, "GOOD") > 0);
    job_archive_restores(w, path);
    job_world_delete(w, "state");
    job_world_restart(w, NULL);
    if (!job_world_recover(w, &recovered))
        fail_msg("%s", w->text);
    job_upkeep_run(w);
    job_upkeep_same(w, &want, "after the recovery");
    job_upkeep_audit(w);
    buf_fini(&want);
    job_world_free(w);
}

TEST_MAIN(
    T(what_expired_comes_back_into_its_place_and_is_the_lakes_again),
    T(a_file_that_the_lake_lost_comes_back_and_another_content_is_left_alone),
    T(rows_that_are_elsewhere_do_not_come_back),
    T(what_expired_comes_back_beside_rows_that_dead_letters_gave_since),
    T(an_archive_of_another_history_is_refused), T(an_archive_of_another_lake_is_refused),
    T(a_restore_cut_short_anywhere_is_rolled_forward_or_never_was),
    T(an_export_cut_short_anywhere_is_whole_or_not_there),
    T(an_expiry_that_archives_leaves_every_file_in_the_lake_or_in_a_whole_archive),
    T(a_run_archives_what_its_policy_deletes_and_a_damaged_archive_stops_the_deletion),
    T(any_sequence_of_runs_expiries_restores_compactions_and_crashes_keeps_each_record_exactly_once),
    T(a_lost_state_is_rebuilt_behind_a_restore))
