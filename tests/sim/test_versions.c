// Versions of a table that come back out of an archive: into their place, beside those that keep_versions counts, until they are expired by hand.
#include "jobs/run/recover.h"
#include "lake/inspect.h"
#include "tests/support/job_archive.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSIONS_TEXT = 1 << 16, PATH_ROOM = JOB_ARCHIVE_PATH };

#define TABLE \
    "      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, warehouse: { to: two } }\n"
static const char expiring[] = "      GOOD: { lake: { partition_by: [day], retain: 1d } }\n" TABLE;

static struct job_world_spec kept(void)
{
    struct job_world_spec spec = job_upkeep_job;
    spec.outputs = "      GOOD: { lake: { partition_by: [day] } }\n" TABLE;
    return spec;
}

// "1 4 5": those of PER_USER that the lake knows, restored ones with a star; each is on disk.
static void versions(struct job_world *w, const char *want)
{
    struct lake_ls ls;
    struct arena *a = arena_new(NULL);
    struct buf got;
    buf_init(&got, VERSIONS_TEXT);
    job_upkeep_list(&ls, a, w);
    for (size_t i = 0; i < ls.output_count; i++)
        for (size_t k = 0; ls.outputs[i].kind == LAKE_SNAPSHOT && k < ls.outputs[i].partition_count;
             k++) {
            const struct lake_ls_partition *p = &ls.outputs[i].partitions[k];
            struct str version = str_slice(p->path, 8, p->path.n);
            buf_printf(&got, "%s%.*s%s", got.n > 0 ? " " : "", STR_ARG(version),
                       p->restored ? "*" : "");
        }
    if (!str_eq(buf_view(&got), str_from(want)))
        fail_msg("versions %.*s, not %s", (int)got.n, got.p, want);
    buf_fini(&got);
    arena_free(a);
}

static void more_versions(struct job_world *w, struct job_random *r, int n)
{
    for (; n > 0; n--) {
        job_upkeep_produce(w, r, 40);
        job_upkeep_run(w);
    }
}

static size_t logged_deletions(struct job_world *w)
{
    struct arena *a = arena_new(NULL);
    const struct lake_deletion *v;
    struct lake *lake;
    struct err e = {0};
    size_t n, tables = 0;
    assert_ok(lake_open(&lake, w->lake, LAKE_OPEN_EXISTING, w->durable, &e), &e);
    assert_ok(lake_deletions(&v, &n, a, lake, w->job->name, &e), &e);
    for (size_t i = 0; i < n; i++)
        tables += v[i].file.version > 0;
    lake_close(lake);
    arena_free(a);
    return tables;
}

TEST(a_version_comes_back_and_stays_until_it_is_expired_by_hand)
{
    const struct job_world_spec spec = kept();
    struct arena *a = arena_new(NULL);
    struct restore_report r;
    struct expire_report x;
    struct job_random random = {17};
    const struct expire_spec table = {.output = {"PER_USER", 8}};
    char path[PATH_ROOM];
    struct job_world *w = job_upkeep_world(&spec);
    more_versions(w, &random, 1);
    job_archive_exports(w, path, "PER_USER", "v1.tar.zst");
    more_versions(w, &random, 3);
    versions(w, "3 4");
    assert_int_equal(logged_deletions(w), 2);
    assert_true(job_archive_restore(w, path, &r, a));
    assert_int_equal(r.count, 1);
    versions(w, "1* 3 4");
    job_upkeep_audit(w);
    assert_true(job_archive_restore(w, path, &r, a)); // it is there
    assert_int_equal(r.batch, 0);
    more_versions(w, &random, 2); // it is not counted, and not taken
    versions(w, "1* 5 6");
    assert_int_equal(logged_deletions(w), 4);
    assert_true(job_upkeep_expire(w, &table, &x, a));
    assert_int_equal(x.count, 1);
    versions(w, "5 6");
    assert_int_equal(logged_deletions(w), 5);
    assert_true(job_archive_restore(w, path, &r, a)); // as often as one likes
    versions(w, "1* 5 6");
    more_versions(w, &random, 1);
    versions(w, "1* 6 7");
    // The daily expiry of a run does not take it either.
    uint64_t last = job_upkeep_last(w);
    if (!job_world_compile(w, job_upkeep_job.sql, expiring))
        fail_msg("%s", w->text);
    w->time.wall_ms += JOB_UPKEEP_DAY_MS;
    job_upkeep_run(w);
    assert_int_equal(job_upkeep_last(w), last + 1);
    versions(w, "1* 6 7");
    job_upkeep_audit(w);
    job_world_check_receipts(w);
    job_world_free(w);
    arena_free(a);
}

// Deletes PER_USER's version from the disk.
static void loses(struct job_world *w, const char *version)
{
    struct lake_ls ls;
    char path[PATH_ROOM];
    struct arena *a = arena_new(NULL);
    job_upkeep_list(&ls, a, w);
    const struct lake_ls_output *table = &ls.outputs[ls.output_count - 1];
    for (size_t i = 0; i < table->partition_count; i++) {
        if (!str_eq(table->partitions[i].path, str_from(version)))
            continue;
        (void)snprintf(path, sizeof path, "%s/%.*s", w->lake,
                       STR_ARG(table->partitions[i].files[0].file.path));
        assert_int_equal(unlink(path), 0);
        *strrchr(path, '/') = 0;
        assert_int_equal(rmdir(path), 0);
    }
    arena_free(a);
}

TEST(a_restored_version_is_expired_though_the_disk_lost_another)
{
    const struct job_world_spec spec = kept();
    struct arena *a = arena_new(NULL);
    struct restore_report r;
    struct expire_report x;
    struct job_random random = {37};
    const struct expire_spec table = {.output = {"PER_USER", 8}};
    char path[PATH_ROOM], two[PATH_ROOM], dir[PATH_ROOM];
    struct job_world *w = job_upkeep_world(&spec);
    more_versions(w, &random, 1);
    job_archive_exports(w, path, "PER_USER", "v1.tar");
    more_versions(w, &random, 2);
    job_archive_exports_part(w, two, "PER_USER", STR("version=2"), "v2.tar");
    assert_true(job_archive_restore(w, path, &r, a));
    loses(w, "version=2");
    assert_true(job_upkeep_expire(w, &table, &x, a));
    assert_int_equal(x.count, 1);
    (void)snprintf(dir, sizeof dir, "%s/tables/PER_USER/version=1", w->lake);
    assert_int_equal(access(dir, F_OK), -1);
    assert_true(job_archive_restore(w, two, &r, a));
    versions(w, "2 3");
    job_world_free(w);
    arena_free(a);
}

TEST(a_version_that_the_disk_lost_comes_back_as_one_of_the_newest)
{
    const struct job_world_spec spec = kept();
    struct arena *a = arena_new(NULL);
    struct restore_report r;
    struct job_random random = {19};
    char path[PATH_ROOM], dir[PATH_ROOM];
    struct job_world *w = job_upkeep_world(&spec);
    more_versions(w, &random, 2);
    job_archive_exports_part(w, path, "PER_USER", STR("version=2"), "v2.tar");
    loses(w, "version=2");
    (void)snprintf(dir, sizeof dir, "%s/tables/PER_USER/version=2", w->lake);
    assert_int_equal(mkdir(dir, 0777), 0);
    job_archive_refuses(w, path, "is there, but not whole");
    assert_int_equal(rmdir(dir), 0);
    assert_true(job_archive_restore(w, path, &r, a));
    assert_int_equal(r.count, 1);
    versions(w, "1 2");
    job_upkeep_audit(w);
    more_versions(w, &random, 1);
    versions(w, "2 3");
    job_world_free(w);
    arena_free(a);
}

TEST(a_restored_version_is_in_the_lake_after_its_state_was_lost)
{
    const struct job_world_spec spec = kept();
    struct arena *a = arena_new(NULL);
    struct restore_report r;
    struct recover_report report;
    struct job_random random = {23};
    char path[PATH_ROOM];
    struct job_world *w = job_upkeep_world(&spec);
    more_versions(w, &random, 1);
    job_archive_exports(w, path, "PER_USER", "v1.tar");
    more_versions(w, &random, 3);
    assert_true(job_archive_restore(w, path, &r, a));
    job_world_delete(w, "state");
    if (!job_world_recover(w, &report))
        fail_msg("%s", w->text);
    versions(w, "1* 4 5"); // a recovery writes the table
    more_versions(w, &random, 1);
    versions(w, "1* 5 6");
    job_upkeep_audit(w);
    job_world_free(w);
    arena_free(a);
}

static bool restore_cut_short(const struct fault_spec *fault, const char *what, void *arg)
{
    const struct job_world_spec spec = kept();
    struct job_world *w = job_upkeep_world(&spec);
    struct job_random random = {29};
    struct restore_report r;
    struct arena *a = arena_new(NULL);
    char path[PATH_ROOM];
    assert_true(what && !arg);
    more_versions(w, &random, 1);
    job_archive_exports(w, path, "PER_USER", "v1.tar.gz");
    more_versions(w, &random, 2);
    job_world_restart(w, fault);
    (void)job_archive_restore(w, path, &r, a);
    bool fired = durable_fired(w->durable);
    job_world_restart(w, NULL);
    job_upkeep_run(w);
    job_archive_restores(w, path);
    versions(w, "1* 2 3");
    more_versions(w, &random, 1);
    versions(w, "1* 3 4");
    job_upkeep_audit(w);
    job_world_check_receipts(w);
    arena_free(a);
    job_world_free(w);
    return fired;
}

TEST(a_restore_of_a_version_cut_short_anywhere_is_rolled_forward_or_never_was)
{
    assert_true(job_upkeep_faults(3, restore_cut_short, NULL) > 20);
}

static bool expiry_cut_short(const struct fault_spec *fault, const char *what, void *arg)
{
    const struct job_world_spec spec = kept();
    const struct expire_spec table = {.output = {"PER_USER", 8}};
    struct job_world *w = job_upkeep_world(&spec);
    struct job_random random = {31};
    struct restore_report r;
    struct expire_report x;
    struct arena *a = arena_new(NULL);
    char path[PATH_ROOM];
    assert_true(what && !arg);
    more_versions(w, &random, 1);
    job_archive_exports(w, path, "PER_USER", "v1.tar");
    more_versions(w, &random, 2);
    assert_true(job_archive_restore(w, path, &r, a));
    job_world_restart(w, fault);
    (void)job_upkeep_expire(w, &table, &x, a);
    bool fired = durable_fired(w->durable);
    job_world_restart(w, NULL);
    job_upkeep_run(w);
    assert_true(job_upkeep_expire(w, &table, &x, a));
    versions(w, "2 3");
    job_upkeep_audit(w);
    arena_free(a);
    job_world_free(w);
    return fired;
}

// Decided before the version goes.
TEST(an_expiry_of_a_restored_version_cut_short_anywhere_is_rolled_forward)
{
    assert_true(job_upkeep_faults(3, expiry_cut_short, NULL) > 10);
}

TEST_MAIN(T(a_version_comes_back_and_stays_until_it_is_expired_by_hand),
          T(a_restored_version_is_expired_though_the_disk_lost_another),
          T(a_version_that_the_disk_lost_comes_back_as_one_of_the_newest),
          T(a_restored_version_is_in_the_lake_after_its_state_was_lost),
          T(a_restore_of_a_version_cut_short_anywhere_is_rolled_forward_or_never_was),
          T(an_expiry_of_a_restored_version_cut_short_anywhere_is_rolled_forward))
