// Audits: silent over clean lives, and every planted difference is named with its repair.
#include "jobs/run/audit.h"
#include "jobs/run/backfill.h"
#include "jobs/run/resync.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <unistd.h>

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static bool note(void *arg, const struct audit_finding *f, struct err *e)
{
    assert_non_null(e);
    buf_printf(arg, "%s %.*s: %.*s -> %.*s\n", audit_kind_name(f->kind), STR_ARG(f->place),
               STR_ARG(f->text), STR_ARG(f->repair));
    return true;
}

static void audit(struct buf *out, const struct job_world *w)
{
    struct audit_report r;
    struct err e;
    buf_init(out, 1 << 20);
    assert_ok(run_audit(&r, w->job, &w->env, note, out, &e), &e);
    assert_true(r.batches > 0);
    buf_char(out, '\0');
}

static void silent(const struct job_world *w)
{
    struct buf found;
    audit(&found, w);
    assert_string_equal(found.p, "");
    buf_fini(&found);
}

static void finds(const struct job_world *w, const char *kind, const char *repair)
{
    struct buf found;
    audit(&found, w);
    if (!strstr(found.p, kind) || !strstr(found.p, repair))
        fail_msg("\"%s\" has no \"%s\" with \"%s\"", found.p, kind, repair);
    buf_fini(&found);
}

static struct job_world *world(uint64_t seed)
{
    struct job_random r = {seed};
    struct job_world *w = job_world_new(&job_scenario_transactions);
    job_scenario_produce(w, &r, 90, JOB_RECORDS_HOSTILE);
    run(w);
    return w;
}

TEST(clean_lives_with_runs_and_backfills_have_no_finding)
{
    static const struct str streams[] = {{"GOOD", 4}, {"BIG", 3}};
    uint64_t count = test_is_long() ? 1000 : 6;
    for (uint64_t seed = 1; seed <= count; seed++) {
        struct job_random r = {seed};
        struct job_world *w = job_world_new(&job_scenario_transactions);
        for (int i = 0; i < 3; i++) {
            job_scenario_produce(w, &r, 20 + (unsigned)job_random_below(&r, 60),
                                 JOB_RECORDS_HOSTILE);
            run(w);
            silent(w);
            const struct backfill_spec spec = {.by = BACKFILL_BATCHES,
                                               .from = 1,
                                               .to = 1 + (int64_t)job_random_below(&r, 3),
                                               .outputs = streams,
                                               .output_count = 2};
            if (i == 1 && !job_world_backfill(w, &spec))
                fail_msg("%s", w->text);
        }
        silent(w);
        job_world_free(w);
    }
}

TEST(a_deleted_row_is_found_and_its_repair_repairs_it)
{
    struct job_world *w = world(61);
    struct run_report report;
    struct err e;
    assert_true(memory_delete("two", "users", "user1"));
    finds(w, "rows two/users/PER_USER", "sluice job resync sim two/users/PER_USER");
    assert_ok(run_resync(&report, w->job, &w->env, STR("two/users/PER_USER"), &e), &e);
    silent(w);
    job_world_free(w);
}

// The first data file of GOOD, and another one.
static void good_files(char first[600], char second[600], const struct job_world *w)
{
    char pattern[700];
    glob_t found;
    (void)snprintf(pattern, sizeof pattern, "%s/streams/GOOD/*/*/*/0*", w->lake);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 2);
    (void)snprintf(first, 600, "%s", found.gl_pathv[0]);
    (void)snprintf(second, 600, "%s", found.gl_pathv[1]);
    globfree(&found);
}

TEST(a_truncated_file_and_swapped_files_are_found_and_a_backfill_repairs_them)
{
    static const struct str good[] = {{"GOOD", 4}};
    struct job_world *w = world(62);
    char first[600], second[600], aside[620];
    good_files(first, second, w);
    assert_int_equal(truncate(first, 10), 0);
    finds(w, "file streams/GOOD/", "sluice job backfill sim --batch");
    const struct backfill_spec all = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 3, .outputs = good, .output_count = 1};
    assert_true(job_world_backfill(w, &all));
    silent(w);
    (void)snprintf(aside, sizeof aside, "%s.x", first);
    assert_int_equal(rename(first, aside), 0);
    assert_int_equal(rename(second, first), 0);
    assert_int_equal(rename(aside, second), 0);
    finds(w, "changed", "sluice job backfill sim --batch");
    assert_true(job_world_backfill(w, &all));
    silent(w);
    assert_int_equal(unlink(first), 0);
    finds(w, "missing", "sluice job backfill sim --batch");
    assert_true(job_world_backfill(w, &all));
    silent(w);
    job_world_free(w);
}

TEST(group_offsets_that_were_moved_are_found)
{
    struct job_world *w = world(63);
    source_fake_set_group(w->broker, "simgroup", "tx", 0, 1);
    finds(w, "offsets tx/0: group simgroup is at 1", "sluice job run sim");
    job_world_free(w);
}

TEST(a_warehouse_set_back_is_found_by_its_head)
{
    struct job_world *w = world(64);
    struct job_random r = {65};
    memory_copy("backup", JOB_WORLD_TWO);
    job_scenario_produce(w, &r, 60, JOB_RECORDS_HOSTILE);
    run(w);
    memory_copy(JOB_WORLD_TWO, "backup");
    finds(w, "head two/users/PER_USER", "sluice job resync sim two/users/PER_USER");
    job_world_free(w);
}

TEST(a_dropped_table_is_found_and_not_created)
{
    struct job_world *w = world(68);
    struct run_report report;
    struct err e;
    assert_true(memory_drop(JOB_WORLD_TWO, "users"));
    finds(w, "head two/users/PER_USER", "sluice job resync sim two/users/PER_USER");
    assert_false(memory_has_table(JOB_WORLD_TWO, "users"));
    assert_ok(run_resync(&report, w->job, &w->env, STR("two/users/PER_USER"), &e), &e);
    silent(w);
    job_world_free(w);
}

TEST(a_batch_that_waits_is_said_and_nothing_is_delivered)
{
    struct job_world *w = world(66);
    struct job_random r = {67};
    job_scenario_produce(w, &r, 30, JOB_RECORDS_HOSTILE);
    const struct fault_spec fault = {
        .site = "memory.commit", .occurrence = 1, .action = FAULT_CRASH_BEFORE};
    job_world_restart(w, &fault);
    assert_false(job_world_run(w));
    job_world_restart(w, NULL);
    uint64_t commits = memory_commits(JOB_WORLD_ONE);
    finds(w, "is decided and not delivered", "sluice job deliver sim");
    assert_int_equal(memory_commits(JOB_WORLD_ONE), commits);
    run(w);
    silent(w);
    job_world_free(w);
}

TEST_MAIN(T(clean_lives_with_runs_and_backfills_have_no_finding),
          T(a_deleted_row_is_found_and_its_repair_repairs_it),
          T(a_truncated_file_and_swapped_files_are_found_and_a_backfill_repairs_them),
          T(group_offsets_that_were_moved_are_found), T(a_warehouse_set_back_is_found_by_its_head),
          T(a_dropped_table_is_found_and_not_created),
          T(a_batch_that_waits_is_said_and_nothing_is_delivered))
