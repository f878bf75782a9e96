// Backups of a state directory: taken at rest, in the middle of a run, with a batch undelivered; put back where they fit, refused where not.
#include "jobs/run/backup.h"
#include "jobs/run/control.h"
#include "jobs/run/recover.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const unsigned portions[] = {90, 60};
enum { SEED = 41 };

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static struct job_world *first_portion(struct job_random *r)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    *r = (struct job_random){SEED};
    job_scenario_produce(w, r, portions[0], JOB_RECORDS_HOSTILE);
    return w;
}

static struct backup_report backup(struct job_world *w, const char *name)
{
    char to[512];
    struct backup_report r;
    struct err e;
    assert_ok(state_backup(&r, w->job, w->durable, test_dir_file(to, &w->dir, name), &e), &e);
    return r;
}

static bool restore(struct job_world *w, const char *name, enum restore_mode mode, struct err *e)
{
    char from[512];
    struct backup_report r;
    err_clear(e);
    return state_restore(&r, w->job, &w->env, test_dir_file(from, &w->dir, name), mode, e);
}

TEST(a_backup_that_fits_is_put_back_and_the_job_goes_on)
{
    struct buf want;
    struct job_random r;
    struct err e;
    job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 2);
    struct job_world *w = first_portion(&r);
    run(w);
    struct backup_report report = backup(w, "copy");
    assert_int_equal(report.batch, 3);
    assert_true(report.files >= 1 && report.bytes > 4096);
    job_world_delete(w, "state");
    assert_ok(restore(w, "copy", RESTORE_FITTING, &e), &e);
    job_scenario_produce(w, &r, portions[1], JOB_RECORDS_HOSTILE);
    run(w);
    run(w);
    job_scenario_same(w, &want, "restored");
}

TEST(a_backup_behind_the_outputs_is_refused_unless_the_batches_since_are_executed_again)
{
    struct buf want;
    struct job_random r;
    struct err e;
    struct recover_report recovered;
    job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 2);
    struct job_world *w = first_portion(&r);
    run(w);
    backup(w, "copy");
    job_scenario_produce(w, &r, portions[1], JOB_RECORDS_HOSTILE);
    run(w);
    run(w);
    assert_fails(restore(w, "copy", RESTORE_FITTING, &e), &e, ERR_FENCED,
                 "the outputs hold batch 5, the backup ends with batch 3");
    run(w); // what was there is still in place
    assert_ok(restore(w, "copy", RESTORE_RECOVER, &e), &e);
    assert_true(job_world_recover(w, &recovered));
    assert_int_equal(recovered.replayed, 2);
    run(w);
    job_scenario_same(w, &want, "restored and recovered");
}

TEST(a_batch_that_was_decided_and_not_delivered_is_delivered_from_the_backup)
{
    struct buf want;
    struct job_random r;
    struct err e;
    job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 1);
    struct job_world *w = first_portion(&r);
    const struct fault_spec fault = {
        .site = "memory.commit", .occurrence = 2, .action = FAULT_CRASH_BEFORE};
    job_world_restart(w, &fault);
    assert_false(job_world_run(w));
    job_world_restart(w, NULL);
    backup(w, "copy");
    job_world_delete(w, "state");
    assert_ok(restore(w, "copy", RESTORE_FITTING, &e), &e);
    run(w);
    run(w);
    job_scenario_same(w, &want, "delivered from the backup");
}

static void in_the_middle(struct source_fake *s, void *arg)
{
    assert_non_null(s);
    struct job_world *w = arg;
    struct backup_report r = backup(w, "copy");
    assert_true(r.batch < 3);
}

TEST(a_backup_in_the_middle_of_a_run_is_consistent)
{
    struct buf want;
    struct job_random r;
    struct err e;
    struct recover_report recovered;
    job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 1);
    struct job_world *w = first_portion(&r);
    source_fake_at_poll(w->broker, 12, in_the_middle, w);
    run(w);
    char path[512];
    assert_true(file_exists(test_dir_file(path, &w->dir, "copy/backup.json")));
    assert_ok(restore(w, "copy", RESTORE_RECOVER, &e), &e);
    assert_true(job_world_recover(w, &recovered));
    run(w);
    job_scenario_same(w, &want, "a backup in the middle");
}

TEST(a_damaged_unfinished_or_foreign_backup_is_refused)
{
    struct job_random r;
    struct err e;
    char path[512];
    struct job_world *w = first_portion(&r);
    run(w);
    backup(w, "copy");
    struct backup_report report;
    assert_fails(
        state_backup(&report, w->job, w->durable, test_dir_file(path, &w->dir, "copy"), &e), &e,
        ERR_CONFIG, "exists");
    int fd = open(test_dir_file(path, &w->dir, "copy/data.mdb"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, 9000), 1);
    close(fd);
    assert_fails(restore(w, "copy", RESTORE_FITTING, &e), &e, ERR_DATA, "the backup is damaged");
    backup(w, "other");
    assert_int_equal(unlink(test_dir_file(path, &w->dir, "other/backup.json")), 0);
    assert_fails(restore(w, "other", RESTORE_FITTING, &e), &e, ERR_IO, "backup.json");
    run(w);
    job_world_free(w);
}

TEST(a_restore_cut_short_anywhere_can_be_repeated)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR};
    struct job_random r;
    struct err e;
    struct job_world *w = first_portion(&r);
    run(w);
    backup(w, "copy");
    uint64_t step = test_is_long() ? 1 : 3;
    for (uint64_t n = 1; n < 40; n += step) {
        const struct fault_spec fault = {.occurrence = n, .action = actions[n % 3]};
        job_world_restart(w, &fault);
        bool ok = restore(w, "copy", RESTORE_FITTING, &e);
        job_world_restart(w, NULL);
        if (!ok)
            assert_ok(restore(w, "copy", RESTORE_FITTING, &e), &e);
        run(w);
    }
    job_world_free(w);
}

TEST(compacting_keeps_everything_and_gives_free_pages_back)
{
    struct buf want;
    struct job_random r;
    struct err e;
    uint64_t before, after;
    job_scenario_still(&want, &job_scenario_transactions, NULL, SEED, portions, 2);
    struct job_world *w = first_portion(&r);
    run(w);
    assert_ok(state_compact(&before, &after, w->job, w->durable, &e), &e);
    assert_true(after < before);
    job_scenario_produce(w, &r, portions[1], JOB_RECORDS_HOSTILE);
    run(w);
    run(w);
    job_scenario_same(w, &want, "compacted");
}

TEST_MAIN(T(a_backup_that_fits_is_put_back_and_the_job_goes_on),
          T(a_backup_behind_the_outputs_is_refused_unless_the_batches_since_are_executed_again),
          T(a_batch_that_was_decided_and_not_delivered_is_delivered_from_the_backup),
          T(a_backup_in_the_middle_of_a_run_is_consistent),
          T(a_damaged_unfinished_or_foreign_backup_is_refused),
          T(a_restore_cut_short_anywhere_can_be_repeated),
          T(compacting_keeps_everything_and_gives_free_pages_back))
