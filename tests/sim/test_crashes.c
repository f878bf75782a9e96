// The crash walk, event by event: one test per row that concerns what is built (tests/sim/README.md has the table).
#include "jobs/run/control.h"
#include "tests/support/job_scenario.h"
#include "tests/support/lake_rows.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <errno.h>
#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)

static struct job_world *world(void)
{
    return job_world_new(&job_scenario_transactions);
}

static void produce(struct job_world *w, uint64_t seed, unsigned n)
{
    struct job_random r = {seed};
    job_scenario_produce(w, &r, n, JOB_RECORDS_HOSTILE);
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void run_fails(struct job_world *w, enum err_kind kind, const char *part)
{
    if (job_world_run(w))
        fail_msg("succeeded with %llu records", (unsigned long long)w->report.records);
    if (w->e.kind != kind || !strstr(w->text, part))
        fail_msg("\"%s\" is not %s \"%s\"", w->text, err_kind_name(kind), part);
}

static void fault(struct job_world *w, const char *site, uint64_t n, enum fault_action action)
{
    struct fault_spec f = {.occurrence = n, .action = action, .sys_errno = EIO};
    assert_true(strlen(site) < sizeof f.site);
    memcpy(f.site, site, strlen(site));
    job_world_restart(w, &f);
}

// The run dies at the n-th call of the site.
static void dies_at(struct job_world *w, const char *site, uint64_t n, enum fault_action action)
{
    fault(w, site, n, action);
    assert_false(job_world_run(w));
    assert_true(durable_dead(w->durable));
    job_world_restart(w, NULL);
}

static struct control control(const struct job_world *w, struct arena *a)
{
    struct control c;
    job_world_control(&c, w, a);
    return c;
}

static uint64_t last_batch(const struct job_world *w)
{
    struct arena *a = arena_new(NULL);
    uint64_t n = control(w, a).last_batch;
    arena_free(a);
    return n;
}

static void print(struct buf *out, const struct job_world *w)
{
    buf_init(out, TEXT_MAX);
    job_world_print(out, w);
}

// What the world should look like: the same records (seed, n), one undisturbed run each.
struct backlog {
    uint64_t seed;
    unsigned n;
};
static void undisturbed(struct buf *out, const struct backlog *b, size_t count)
{
    struct job_world *w = world();
    for (size_t i = 0; i < count; i++) {
        produce(w, b[i].seed, b[i].n);
        run(w);
    }
    run(w);
    print(out, w);
    job_world_free(w);
}

static void same_as(struct job_world *w, const struct backlog *b, size_t count)
{
    struct buf want, got;
    print(&got, w);
    job_world_check_receipts(w);
    job_world_free(w);
    undisturbed(&want, b, count);
    job_world_same(&want, &got, "compared with an undisturbed life");
    buf_fini(&want);
    buf_fini(&got);
}

// --- before the decision ---------------------------------------------------------------------------------------------

TEST(a_crash_while_executing_is_planned_anew_and_retention_in_between_does_no_harm)
{
    struct job_world *w = world();
    produce(w, 1, 80);
    dies_at(w, "spool.fsync", 1, FAULT_CRASH_BEFORE);
    assert_int_equal(last_batch(w), 0);
    int64_t end = source_fake_end(w->broker, "tx", 0);
    source_fake_delete_before(w->broker, "tx", 0, end / 2);
    run(w);
    run(w);
    job_world_check_receipts(w);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), end);
    job_world_free(w);
}

TEST(a_crash_in_the_decision_leaves_nothing_visible)
{
    struct job_world *w = world();
    struct buf before, after;
    run(w);
    print(&before, w);
    produce(w, 1, 80);
    dies_at(w, "state.commit", 1, FAULT_CRASH_BEFORE);
    // Staging is hidden and goes with the next open; so look at warehouses, groups and published files.
    buf_init(&after, TEXT_MAX);
    job_world_print_rows(&after, w, JOB_WORLD_SORTED);
    assert_null(memchr(after.p, '{', after.n));
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), -1);
    buf_fini(&before);
    buf_fini(&after);
    run(w);
    run(w);
    same_as(w, (const struct backlog[]){{1, 80}}, 1);
}

static void heals_after(const char *site, enum fault_action action, int sys_errno)
{
    struct job_world *w = world();
    struct fault_spec f = {.occurrence = 2, .action = action, .sys_errno = sys_errno};
    memcpy(f.site, site, strlen(site));
    produce(w, 1, 80);
    job_world_restart(w, &f);
    run_fails(w, ERR_IO, site);
    assert_true(durable_fired(w->durable));
    run(w);
    run(w);
    same_as(w, (const struct backlog[]){{1, 80}}, 1);
}

TEST(a_full_disk_while_staging_or_deciding_fails_the_run_and_the_next_one_is_whole)
{
    heals_after("lake.stage.write", FAULT_ERROR, ENOSPC);
    heals_after("spool.write", FAULT_ERROR, ENOSPC);
    heals_after("spool.create", FAULT_ERROR, ENOSPC);
    heals_after("state.commit", FAULT_ERROR, ENOSPC);
}

TEST(an_fsync_that_fails_is_never_believed_later_the_files_are_written_anew)
{
    heals_after("lake.stage.fsync", FAULT_ERROR, EIO);
    heals_after("spool.fsync", FAULT_ERROR, EIO);
    heals_after("lake.fsync_dir", FAULT_ERROR, EIO);
}

// --- after the decision ----------------------------------------------------------------------------------------------

// Other rows under the same names, were anything recomputed.
static bool other_sql(struct job_world *w)
{
    struct arena *a = arena_new(NULL);
    struct str sql = str_from(w->spec.sql), berlin = STR("'Berlin'");
    size_t at;
    assert_true(str_find(&at, sql, berlin));
    struct str other = arena_printf(a, "%.*s'Paris'%s", (int)at, sql.p, sql.p + at + berlin.n);
    bool ok = job_world_compile(w, other.p, w->spec.outputs);
    arena_free(a);
    return ok;
}

TEST(between_two_lake_renames_the_decided_files_are_rolled_forward_whatever_the_sql_says_now)
{
    struct job_world *w = world();
    produce(w, 1, 35);
    dies_at(w, "lake.rename", 2, FAULT_CRASH_BEFORE);
    assert_int_equal(last_batch(w), 1);
    assert_true(other_sql(w));
    source_fake_compact(w->broker, "tx", 0, 0);
    source_fake_delete_before(w->broker, "tx", 1, source_fake_end(w->broker, "tx", 1));
    run(w);
    assert_int_equal(w->report.redelivered, 1);
    assert_int_equal(w->report.batches, 0);
    run(w);
    same_as(w, (const struct backlog[]){{1, 35}}, 1);
}

TEST(lake_done_and_warehouse_not_the_spool_is_delivered)
{
    struct job_world *w = world();
    produce(w, 1, 35);
    dies_at(w, "memory.commit", 1, FAULT_CRASH_BEFORE);
    assert_true(other_sql(w));
    run(w);
    assert_int_equal(w->report.redelivered, 1);
    run(w);
    same_as(w, (const struct backlog[]){{1, 35}}, 1);
}

TEST(a_lost_reply_of_a_warehouse_is_found_out_by_its_head)
{
    struct job_world *w = world();
    produce(w, 1, 80);
    memory_fail(JOB_WORLD_ONE, MEMORY_COMMIT, 1, MEMORY_LIE, REMEDY_RECONNECT);
    run(w);
    run(w);
    same_as(w, (const struct backlog[]){{1, 80}}, 1);
}

static void two_goes_down(struct source_fake *s, void *arg)
{
    assert_true(s && !arg);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
}

// A run that finds its warehouse down only when the batch is decided.
static void run_while_two_is_down(struct job_world *w)
{
    source_fake_at_poll(w->broker, 2, two_goes_down, NULL);
    uint64_t before = last_batch(w);
    run_fails(w, ERR_REMOTE, "two");
    assert_int_equal(last_batch(w), before + 1);
}

TEST(one_warehouse_down_for_an_hour_gets_the_same_rows_the_other_got)
{
    struct job_world *w = world();
    produce(w, 5, 10);
    run(w);
    produce(w, 1, 35);
    run_while_two_is_down(w);
    uint64_t commits = memory_commits(JOB_WORLD_ONE);
    for (int minute = 0; minute < 60; minute += 15) {
        w->time.mono_ms += 15 * INT64_C(60000);
        run_fails(w, ERR_REMOTE, "two");
    }
    assert_true(other_sql(w));
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    // What it had already is a replay; only LIFE, which stands behind the store that was down, comes now.
    assert_int_equal(memory_commits(JOB_WORLD_ONE), commits + 1);
    run(w);
    same_as(w, (const struct backlog[]){{5, 10}, {1, 35}}, 2);
}

TEST(refused_group_offsets_are_reported_block_nothing_and_are_made_good)
{
    struct job_world *w = world();
    produce(w, 1, 80);
    source_fake_commits(w->broker, COMMITS_REFUSED);
    run(w);
    assert_non_null(strstr(w->report.offsets_error, "active member"));
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), -1);
    run(w);
    assert_non_null(strstr(w->report.offsets_error, "active member"));
    source_fake_commits(w->broker, COMMITS_ACCEPTED);
    run(w);
    assert_string_equal(w->report.offsets_error, "");
    same_as(w, (const struct backlog[]){{1, 80}}, 1);
}

TEST(the_reply_of_a_group_commit_may_be_lost)
{
    struct job_world *w = world();
    produce(w, 1, 80);
    source_fake_commits(w->broker, COMMITS_LIED_ABOUT);
    run(w);
    source_fake_commits(w->broker, COMMITS_ACCEPTED);
    run(w);
    same_as(w, (const struct backlog[]){{1, 80}}, 1);
}

TEST(a_snapshot_batch_delivered_again_keeps_its_version)
{
    struct job_world *w = world();
    struct buf tree;
    produce(w, 1, 30);
    dies_at(w, "state.commit", 1, FAULT_CRASH_AFTER);
    dies_at(w, "lake.rename_version", 1, FAULT_CRASH_AFTER);
    dies_at(w, "lake.done", 1, FAULT_CRASH_BEFORE);
    run(w);
    buf_init(&tree, TEXT_MAX);
    lake_rows_tree(&tree, w->lake);
    assert_true(lake_rows_count(buf_view(&tree), "tables/PER_USER/version=1/") > 0);
    assert_int_equal(lake_rows_count(buf_view(&tree), "version=2"), 0);
    buf_fini(&tree);
    run(w);
    same_as(w, (const struct backlog[]){{1, 30}}, 1);
}

static bool has_version(const struct job_world *w, unsigned version)
{
    char path[700];
    (void)snprintf(path, sizeof path, "%s/tables/PER_USER/version=%u", w->lake, version);
    return file_exists(path);
}

TEST(old_versions_go_only_after_a_batch_is_delivered_and_two_always_stay)
{
    struct job_world *w = world();
    for (uint64_t i = 1; i <= 3; i++) {
        produce(w, i, 30);
        run(w);
    }
    assert_true(!has_version(w, 1) && has_version(w, 2) && has_version(w, 3));
    produce(w, 4, 30);
    run_while_two_is_down(w);
    run_fails(w, ERR_REMOTE, "two");
    assert_true(has_version(w, 2) && has_version(w, 3) && has_version(w, 4));
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    assert_true(!has_version(w, 2) && has_version(w, 3) && has_version(w, 4));
    run(w);
    same_as(w, (const struct backlog[]){{1, 30}, {2, 30}, {3, 30}, {4, 30}}, 4);
}

TEST(an_output_removed_while_its_batch_is_decided_is_delivered_all_the_same)
{
    struct job_world *w = world();
    produce(w, 5, 10);
    run(w);
    produce(w, 1, 35);
    run_while_two_is_down(w);
    assert_true(job_world_compile(w, w->spec.sql, "      BIG: { warehouse: { to: one } }\n"));
    run_fails(w, ERR_REMOTE, "two");
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    assert_true(memory_rows(JOB_WORLD_TWO, "users") > 0);
    run(w);
    assert_true(job_world_compile(w, w->spec.sql, w->spec.outputs));
    same_as(w, (const struct backlog[]){{5, 10}, {1, 35}}, 2);
}

// --- other state, other stores ---------------------------------------------------------------------------------------

TEST(a_lost_state_directory_is_refused_naming_recover)
{
    struct job_world *w = world();
    produce(w, 1, 80);
    run(w);
    job_world_delete(w, "state");
    run_fails(w, ERR_FENCED, "recover");
    job_world_delete(w, "lake");
    run_fails(w, ERR_FENCED, "recover"); // the warehouses know, too
    job_world_free(w);
}

TEST(a_state_older_than_what_is_published_is_fenced)
{
    struct job_world *w = world();
    produce(w, 1, 80);
    run(w);
    job_world_copy(w, "state", "backup");
    produce(w, 2, 80);
    run(w);
    job_world_delete(w, "state");
    job_world_copy(w, "backup", "state");
    int64_t group = source_fake_group(w->broker, "simgroup", "tx", 0);
    produce(w, 3, 80);
    run_fails(w, ERR_FENCED, "lake");
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), group);
    job_world_free(w);
}

TEST(a_state_older_than_its_warehouse_is_fenced_without_a_lake_too)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.lake = JOB_WORLD_NO_LAKE;
    spec.outputs = "      PER_USER: { warehouse: { to: one } }\n";
    struct job_world *w = job_world_new(&spec);
    produce(w, 1, 80);
    run(w);
    job_world_copy(w, "state", "backup");
    produce(w, 2, 80);
    run(w);
    job_world_delete(w, "state");
    job_world_copy(w, "backup", "state");
    run_fails(w, ERR_FENCED, "per_user");
    job_world_free(w);
}

TEST(a_warehouse_that_lost_its_last_batch_gets_it_again_from_the_spool)
{
    struct job_world *w = world();
    produce(w, 5, 10);
    run(w);
    memory_copy("backup", JOB_WORLD_ONE);
    produce(w, 1, 35);
    run(w);
    memory_copy(JOB_WORLD_ONE, "backup");
    run(w);
    assert_true(w->report.redelivered > 0);
    run(w);
    same_as(w, (const struct backlog[]){{5, 10}, {1, 35}}, 2);
}

// The reset took an id of its own, which has no record and which no warehouse ever holds.
TEST(a_warehouse_that_lost_its_last_batch_after_a_reset_gets_it_again)
{
    struct job_world *w = world();
    produce(w, 1, 20);
    run(w);
    memory_copy("backup", JOB_WORLD_ONE);
    if (!job_world_reset(w, RUN_RESET_FROM_NOW))
        fail_msg("%s", w->text);
    produce(w, 1, 20);
    run(w);
    struct buf want, got;
    buf_init(&want, TEXT_MAX);
    buf_init(&got, TEXT_MAX);
    memory_print(&want, JOB_WORLD_ONE);
    memory_copy(JOB_WORLD_ONE, "backup");
    run(w);
    assert_true(w->report.redelivered > 0);
    memory_print(&got, JOB_WORLD_ONE);
    job_world_same(&want, &got, "the warehouse that lost its last batch");
    buf_fini(&want);
    buf_fini(&got);
    job_world_free(w);
}

TEST(a_warehouse_that_lost_more_than_the_spools_hold_is_behind)
{
    struct job_world *w = world();
    produce(w, 5, 10);
    run(w);
    memory_copy("backup", JOB_WORLD_ONE);
    produce(w, 1, 160);
    run(w);
    memory_copy(JOB_WORLD_ONE, "backup");
    run_fails(w, ERR_BEHIND, "holds batch 1, but batches 2 to");
    job_world_free(w);
}

TEST(a_warehouse_that_lost_its_tail_gets_it_again_from_spools_that_are_kept)
{
    struct job_world *w = world();
    w->job->redo_spools = 6;
    produce(w, 5, 10);
    run(w);
    memory_copy("backup", JOB_WORLD_ONE);
    produce(w, 1, 160);
    run(w);
    run(w);
    uint64_t lost = last_batch(w) - 1;
    assert_true(lost > 1 && lost <= 6);
    memory_copy(JOB_WORLD_ONE, "backup");
    run(w);
    assert_int_equal(w->report.redelivered, lost * 3); // three outputs
    same_as(w, (const struct backlog[]){{5, 10}, {1, 160}}, 2);
}

TEST(a_reset_that_keeps_goes_on_and_what_changed_starts_empty)
{
    struct job_world *w = world();
    struct arena *a = arena_new(NULL);
    size_t at;
    struct str sql = str_from(w->spec.sql), least = STR("MIN(cents) AS least");
    produce(w, 1, 60);
    run(w);
    struct buf users;
    buf_init(&users, TEXT_MAX);
    assert_true(memory_get(&users, "two", "users", "user0"));
    buf_char(&users, '\0');
    assert_non_null(strstr(users.p, "n=20|"));
    assert_true(str_find(&at, sql, least));
    const char *other =
        arena_printf(a, "%.*sMAX(cents) AS least%s", (int)at, sql.p, sql.p + at + least.n).p;
    assert_true(job_world_compile(w, other, w->spec.outputs));
    produce(w, 2, 5);
    run_fails(w, ERR_CONFIG, "the SQL changed in ways");
    uint64_t before = last_batch(w);
    if (!job_world_reset(w, RUN_RESET_KEEP))
        fail_msg("%s", w->text);
    run(w);
    assert_int_equal(w->report.batch_first, before + 2);
    buf_clear(&users);
    assert_true(memory_get(&users, "two", "users", "user0"));
    buf_char(&users, '\0');
    assert_non_null(strstr(users.p, "n=21|")); // counts went on
    buf_fini(&users);
    arena_free(a);
    job_world_free(w);
}

TEST(a_wiped_or_unmounted_lake_is_refused)
{
    struct job_world *w = world();
    produce(w, 1, 80);
    run(w);
    job_world_delete(w, "lake");
    produce(w, 2, 80);
    run_fails(w, ERR_BEHIND, "is not a lake");
    assert_false(file_exists(w->lake));
    job_world_free(w);
}

struct other_host {
    struct job_world *w;
    struct job job; // the same, with the copied state
    bool ran;
};

// The first owner runs to its end while the second is reading.
static void owner_runs(struct source_fake *s, void *arg)
{
    struct other_host *h = arg;
    struct run_report report;
    struct err e;
    struct run_env env = h->w->env;
    assert_non_null(s);
    env.durable = durable_new(DURABLE_DEAD);
    h->ran = run_job(&report, &h->job, &env, &e);
    durable_free(env.durable);
    if (!h->ran)
        fail_msg("%s", e.text);
}

static void other_state(struct other_host *h, struct job_world *w, char path[512])
{
    *h = (struct other_host){.w = w, .job = *w->job};
    (void)snprintf(path, 512, "%s/copy/sim/0", w->dir.path);
    job_world_copy(w, "state", "copy");
    h->job.state_dir = path;
}

TEST(of_two_hosts_with_copies_of_one_state_the_second_is_fenced_at_open)
{
    char path[512];
    struct other_host h;
    struct job_world *w = world();
    produce(w, 1, 80);
    run(w);
    other_state(&h, w, path);
    produce(w, 2, 80);
    owner_runs(w->broker, &h);
    int64_t group = source_fake_group(w->broker, "simgroup", "tx", 0);
    produce(w, 3, 80);
    run_fails(w, ERR_FENCED, "lake");
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), group);
    job_world_free(w);
}

TEST(of_two_hosts_at_once_the_one_whose_staging_was_cleaned_fails_and_is_then_fenced)
{
    char path[512];
    struct other_host h;
    struct job_world *w = world();
    produce(w, 1, 30);
    run(w);
    other_state(&h, w, path);
    produce(w, 2, 30);
    source_fake_at_poll(w->broker, 2, owner_runs, &h);
    run_fails(w, ERR_IO, "staging-2");
    assert_true(h.ran);
    run_fails(w, ERR_FENCED, "lake");
    job_world_free(w);
}

static void owner_runs_at_delivery(void *arg, const struct run_progress *p)
{
    struct other_host *h = arg;
    if (p->phase != RUN_DELIVERING || h->ran)
        return;
    h->w->env.progress = NULL;
    owner_runs(h->w->broker, h);
}

TEST(of_two_hosts_with_a_decided_batch_each_the_slower_one_is_stopped_by_the_claim)
{
    char path[512];
    struct other_host h;
    struct buf want, got;
    struct job_world *w = world();
    produce(w, 1, 30);
    run(w);
    other_state(&h, w, path);
    produce(w, 2, 30);
    h.job.limits.batch_records_max = 8; // another batch under the same id
    w->env.progress = owner_runs_at_delivery;
    w->env.progress_arg = &h;
    run_fails(w, ERR_FENCED, "the lake already holds this or a later batch");
    assert_true(h.ran);
    w->env.progress = NULL;
    print(&want, w);
    run_fails(w, ERR_FENCED, "lake");
    print(&got, w);
    job_world_same(&want, &got, "after the fenced owner tried again");
    buf_fini(&want);
    buf_fini(&got);
    job_world_free(w);
}

TEST(of_two_hosts_at_once_without_a_lake_the_slower_one_is_stopped_by_the_head)
{
    char path[512];
    struct other_host h;
    struct job_world_spec spec = job_scenario_transactions;
    spec.lake = JOB_WORLD_NO_LAKE;
    spec.outputs = "      PER_USER: { warehouse: { to: one } }\n";
    struct job_world *w = job_world_new(&spec);
    produce(w, 1, 30);
    run(w);
    other_state(&h, w, path);
    produce(w, 2, 30);
    source_fake_at_poll(w->broker, 2, owner_runs, &h);
    h.job.limits.batch_records_max = 8;
    run_fails(w, ERR_FENCED, "per_user");
    assert_true(h.ran);
    job_world_free(w);
}

static void second_run(struct source_fake *s, void *arg)
{
    struct job_world *w = arg;
    struct run_report report;
    struct err e;
    assert_non_null(s);
    assert_fails(run_job(&report, w->job, &w->env, &e), &e, ERR_FENCED, "state");
}

TEST(a_second_process_on_the_same_state_is_refused_while_the_first_runs)
{
    struct job_world *w = world();
    produce(w, 1, 30);
    source_fake_at_poll(w->broker, 2, second_run, w);
    run(w);
    run(w);
    same_as(w, (const struct backlog[]){{1, 30}}, 1);
}

// --- the topic -------------------------------------------------------------------------------------------------------

TEST(records_deleted_before_they_were_read_stop_the_job_or_are_counted_as_lost)
{
    struct job_world *w = world();
    struct arena *a = arena_new(NULL);
    produce(w, 1, 40);
    run(w);
    int64_t at = source_fake_end(w->broker, "tx", 0);
    produce(w, 2, 60);
    source_fake_delete_before(w->broker, "tx", 0, at + 4);
    run_fails(w, ERR_DATA, "were deleted before they were read");
    w->job->loss = JOB_ACCEPT_LOSS;
    run(w);
    assert_int_equal(w->report.lost, 4);
    job_world_check_receipts(w);
    arena_free(a);
    job_world_free(w);
}

TEST(retention_of_what_was_read_is_nothing_to_us)
{
    struct job_world *w = world();
    produce(w, 1, 40);
    run(w);
    for (int32_t p = 0; p < JOB_SCENARIO_PARTITIONS; p++)
        source_fake_delete_before(w->broker, "tx", p, source_fake_end(w->broker, "tx", p));
    produce(w, 2, 40);
    run(w);
    run(w);
    same_as(w, (const struct backlog[]){{1, 40}, {2, 40}}, 2);
}

TEST(a_topic_recreated_with_fewer_records_is_refused)
{
    struct job_world *w = world();
    produce(w, 1, 80);
    run(w);
    source_fake_recreate(w->broker, "tx", JOB_SCENARIO_PARTITIONS);
    produce(w, 2, 10);
    run_fails(w, ERR_BEHIND, "below our position");
    job_world_free(w);
}

// Nothing was read of the one partition that is left: neither its end nor an anchor tells.
TEST(a_topic_recreated_with_fewer_partitions_is_refused)
{
    struct job_world *w = world();
    source_fake_add(w->broker, "tx", 2, JOB_WORLD_NOW, "k1", "{\"id\":1,\"cents\":9000}");
    run(w);
    source_fake_recreate(w->broker, "tx", 1);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k1", "{\"id\":2,\"cents\":9000}");
    uint64_t before = last_batch(w);
    run_fails(w, ERR_BEHIND, "tx/1 does not exist any more, our position there is 0");
    assert_int_equal(last_batch(w), before);
    if (!job_world_reset(w, RUN_RESET_REBUILD))
        fail_msg("%s", w->text);
    run(w);
    assert_int_equal(w->report.records, 1);
    assert_string_equal(w->report.offsets_error, "");
    job_world_free(w);
}

TEST(a_topic_recreated_with_more_records_is_refused_by_the_anchor)
{
    struct job_world *w = world();
    produce(w, 1, 40);
    run(w);
    source_fake_recreate(w->broker, "tx", JOB_SCENARIO_PARTITIONS);
    produce(w, 2, 400);
    run_fails(w, ERR_BEHIND, "is not the one that was read before");
    job_world_free(w);
}

TEST(another_cluster_behind_the_same_address_is_refused)
{
    struct job_world *w = world();
    produce(w, 1, 40);
    run(w);
    source_fake_set_cluster(w->broker, "another");
    produce(w, 2, 40);
    run_fails(w, ERR_BEHIND, "another");
    job_world_free(w);
}

TEST(added_partitions_are_read_from_their_start_even_with_start_latest)
{
    struct job_world *w = world();
    w->job->start = JOB_LATEST;
    produce(w, 1, 40);
    run(w);
    assert_int_equal(w->report.records, 0);
    source_fake_topic(w->broker, "tx", 6);
    source_fake_add(w->broker, "tx", 5, JOB_WORLD_NOW, "k1", "{\"id\":1,\"cents\":9000}");
    source_fake_add(w->broker, "tx", 5, JOB_WORLD_NOW, "k1", "{\"id\":2,\"cents\":9000}");
    run(w);
    assert_int_equal(w->report.records, 2);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 5), 2);
    job_world_free(w);
}

TEST(start_latest_is_decided_once_also_across_a_crash)
{
    struct job_world *w = world();
    w->job->start = JOB_LATEST;
    produce(w, 1, 40);
    dies_at(w, "state.commit", 1, FAULT_CRASH_AFTER);
    produce(w, 2, 20);
    run(w);
    int64_t all = 0;
    for (int32_t p = 0; p < JOB_SCENARIO_PARTITIONS; p++)
        all += source_fake_end(w->broker, "tx", p);
    assert_true(w->report.records > 0 && (int64_t)w->report.records < all - 30);
    job_world_free(w);
}

// --- clock, ids, code ------------------------------------------------------------------------------------------------

TEST(a_clock_set_back_does_not_take_the_batches_now_back)
{
    struct job_world *w = world();
    struct arena *a = arena_new(NULL);
    produce(w, 1, 40);
    run(w);
    int64_t now = control(w, a).now_ms;
    assert_int_equal(now, JOB_WORLD_NOW);
    w->time.wall_ms -= 3600000;
    produce(w, 2, 40);
    run(w);
    assert_int_equal(control(w, a).now_ms, now);
    w->time.wall_ms += 3600001;
    produce(w, 3, 40);
    run(w);
    assert_int_equal(control(w, a).now_ms, now + 1);
    arena_free(a);
    job_world_free(w);
}

TEST(after_a_reset_ids_go_on_and_nothing_is_skipped)
{
    struct job_world *w = world();
    struct buf want, got;
    produce(w, 1, 80);
    run(w);
    uint64_t before = last_batch(w);
    buf_init(&want, TEXT_MAX);
    buf_init(&got, TEXT_MAX);
    memory_print_table(&want, JOB_WORLD_TWO, "users");
    if (!job_world_reset(w, RUN_RESET_REBUILD))
        fail_msg("%s", w->text);
    assert_int_equal(last_batch(w), before + 1);
    run(w);
    assert_true(w->report.records > 0 && w->report.batch_first == before + 2);
    memory_print_table(&got, JOB_WORLD_TWO, "users");
    job_world_same(&want, &got, "users after the reset");
    run(w);
    assert_int_equal(w->report.batches, 0);
    buf_fini(&want);
    buf_fini(&got);
    job_world_free(w);
}

TEST(a_reset_from_now_reads_only_what_comes_after)
{
    struct job_world *w = world();
    produce(w, 1, 80);
    run(w);
    produce(w, 2, 20);
    if (!job_world_reset(w, RUN_RESET_FROM_NOW))
        fail_msg("%s", w->text);
    run(w);
    assert_int_equal(w->report.records, 0);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k1", "{\"id\":1}");
    run(w);
    assert_int_equal(w->report.records, 1);
    job_world_free(w);
}

TEST(sql_that_does_not_fit_the_stored_state_is_refused_and_touches_nothing)
{
    struct job_world *w = world();
    struct buf want, got;
    produce(w, 1, 80);
    run(w);
    run(w);
    print(&want, w);
    struct arena *a = arena_new(NULL);
    struct str sql = str_from(w->spec.sql);
    size_t at;
    assert_true(str_find(&at, sql, STR("MAX(cents)")));
    struct str other = arena_printf(a, "%.*sMIN%s", (int)at, sql.p, sql.p + at + 3);
    assert_true(job_world_compile(w, other.p, w->spec.outputs));
    produce(w, 2, 20);
    run_fails(w, ERR_CONFIG, "job reset sim --rebuild");
    print(&got, w);
    job_world_same(&want, &got, "after the refusal");
    buf_fini(&want);
    buf_fini(&got);
    arena_free(a);
    job_world_free(w);
}

static void one_and_two_are_the_same(const char *what)
{
    struct buf one, two;
    buf_init(&one, TEXT_MAX);
    buf_init(&two, TEXT_MAX);
    memory_print_table(&one, JOB_WORLD_ONE, "per_user");
    memory_print_table(&two, JOB_WORLD_TWO, "per_user");
    assert_true(one.n > 100);
    job_world_same(&one, &two, what);
    buf_fini(&one);
    buf_fini(&two);
}

// Nothing new in the topics: it is filled all the same.
TEST(a_table_output_added_later_is_filled_by_the_next_run)
{
    struct job_world *w = world();
    assert_true(job_world_compile(w, w->spec.sql, "      PER_USER: { warehouse: { to: one } }\n"));
    produce(w, 1, 40);
    run(w);
    assert_true(job_world_compile(w, w->spec.sql,
                                  "      PER_USER: { warehouse: [{ to: one }, { to: two }] }\n"));
    run(w);
    assert_int_equal(w->report.batches, 1);
    one_and_two_are_the_same("the added table");
    produce(w, 2, 20);
    run(w);
    one_and_two_are_the_same("after the next batch");
    job_world_free(w);
}

TEST(a_table_output_added_later_is_refused_when_its_past_is_gone)
{
    struct job_world *w = world();
    assert_true(job_world_compile(w, w->spec.sql, "      PER_USER: { warehouse: { to: one } }\n"));
    produce(w, 1, 40);
    run(w);
    assert_true(job_world_compile(w, w->spec.sql,
                                  "      PER_USER: { warehouse: [{ to: one }, { to: two }] }\n"));
    source_fake_delete_before(w->broker, "tx", 0, 3);
    produce(w, 2, 20);
    run_fails(w, ERR_DATA, "filling table output two/per_user/PER_USER");
    assert_int_equal(memory_rows(JOB_WORLD_TWO, "per_user"), 0);
    assert_true(job_world_compile(w, w->spec.sql, "      PER_USER: { warehouse: { to: one } }\n"));
    run(w);
    job_world_free(w);
}

TEST(a_reset_fills_a_table_output_that_was_added)
{
    struct job_world *w = world();
    assert_true(job_world_compile(w, w->spec.sql, "      PER_USER: { warehouse: { to: one } }\n"));
    produce(w, 1, 40);
    run(w);
    assert_true(job_world_compile(w, w->spec.sql,
                                  "      PER_USER: { warehouse: [{ to: one }, { to: two }] }\n"));
    if (!job_world_reset(w, RUN_RESET_REBUILD))
        fail_msg("%s", w->text);
    run(w);
    assert_true(w->report.records > 0);
    one_and_two_are_the_same("the added table");
    job_world_free(w);
}

TEST(a_broker_that_goes_away_in_the_middle_is_tried_again_by_the_next_run)
{
    struct job_world *w = world();
    produce(w, 1, 40);
    source_fake_down(w->broker, 1);
    run_fails(w, ERR_REMOTE, "broker is down");
    run(w);
    run(w);
    same_as(w, (const struct backlog[]){{1, 40}}, 1);
}

TEST(too_many_dead_letters_fail_the_run_and_nothing_is_visible)
{
    struct job_world *w = world();
    w->job->limits.dead_max = 0;
    produce(w, 1, 80);
    run_fails(w, ERR_DATA, "cannot be decoded");
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), -1);
    w->job->limits.dead_max = 1000;
    run(w);
    run(w);
    same_as(w, (const struct backlog[]){{1, 80}}, 1);
}

TEST(a_row_that_the_warehouse_refuses_holds_the_decided_batch_and_is_named)
{
    struct job_world *w = world();
    ((struct job_target *)(uintptr_t)w->job->targets)[2].spec.rejects_max = 0;
    produce(w, 5, 10);
    run(w);
    produce(w, 1, 35);
    memory_reject(JOB_WORLD_TWO, "users", "user0");
    run_fails(w, ERR_DATA, "user0");
    uint64_t batch = last_batch(w);
    run_fails(w, ERR_DATA, "user0");
    assert_int_equal(last_batch(w), batch);
    memory_reject(JOB_WORLD_TWO, "users", "");
    run(w);
    run(w);
    same_as(w, (const struct backlog[]){{5, 10}, {1, 35}}, 2);
}

TEST_MAIN(
    T(a_crash_while_executing_is_planned_anew_and_retention_in_between_does_no_harm),
    T(a_crash_in_the_decision_leaves_nothing_visible),
    T(a_full_disk_while_staging_or_deciding_fails_the_run_and_the_next_one_is_whole),
    T(an_fsync_that_fails_is_never_believed_later_the_files_are_written_anew),
    T(between_two_lake_renames_the_decided_files_are_rolled_forward_whatever_the_sql_says_now),
    T(lake_done_and_warehouse_not_the_spool_is_delivered),
    T(a_lost_reply_of_a_warehouse_is_found_out_by_its_head),
    T(one_warehouse_down_for_an_hour_gets_the_same_rows_the_other_got),
    T(refused_group_offsets_are_reported_block_nothing_and_are_made_good),
    T(the_reply_of_a_group_commit_may_be_lost),
    T(a_snapshot_batch_delivered_again_keeps_its_version),
    T(old_versions_go_only_after_a_batch_is_delivered_and_two_always_stay),
    T(an_output_removed_while_its_batch_is_decided_is_delivered_all_the_same),
    T(a_lost_state_directory_is_refused_naming_recover),
    T(a_state_older_than_what_is_published_is_fenced),
    T(a_state_older_than_its_warehouse_is_fenced_without_a_lake_too),
    T(a_warehouse_that_lost_its_last_batch_gets_it_again_from_the_spool),
    T(a_warehouse_that_lost_its_last_batch_after_a_reset_gets_it_again),
    T(a_warehouse_that_lost_more_than_the_spools_hold_is_behind),
    T(a_warehouse_that_lost_its_tail_gets_it_again_from_spools_that_are_kept),
    T(a_reset_that_keeps_goes_on_and_what_changed_starts_empty),
    T(a_wiped_or_unmounted_lake_is_refused),
    T(of_two_hosts_with_copies_of_one_state_the_second_is_fenced_at_open),
    T(of_two_hosts_at_once_the_one_whose_staging_was_cleaned_fails_and_is_then_fenced),
    T(of_two_hosts_with_a_decided_batch_each_the_slower_one_is_stopped_by_the_claim),
    T(of_two_hosts_at_once_without_a_lake_the_slower_one_is_stopped_by_the_head),
    T(a_second_process_on_the_same_state_is_refused_while_the_first_runs),
    T(records_deleted_before_they_were_read_stop_the_job_or_are_counted_as_lost),
    T(retention_of_what_was_read_is_nothing_to_us),
    T(a_topic_recreated_with_fewer_records_is_refused),
    T(a_topic_recreated_with_fewer_partitions_is_refused),
    T(a_topic_recreated_with_more_records_is_refused_by_the_anchor),
    T(another_cluster_behind_the_same_address_is_refused),
    T(added_partitions_are_read_from_their_start_even_with_start_latest),
    T(start_latest_is_decided_once_also_across_a_crash),
    T(a_clock_set_back_does_not_take_the_batches_now_back),
    T(after_a_reset_ids_go_on_and_nothing_is_skipped),
    T(a_reset_from_now_reads_only_what_comes_after),
    T(sql_that_does_not_fit_the_stored_state_is_refused_and_touches_nothing),
    T(a_table_output_added_later_is_filled_by_the_next_run),
    T(a_table_output_added_later_is_refused_when_its_past_is_gone),
    T(a_reset_fills_a_table_output_that_was_added),
    T(a_broker_that_goes_away_in_the_middle_is_tried_again_by_the_next_run),
    T(too_many_dead_letters_fail_the_run_and_nothing_is_visible),
    T(a_row_that_the_warehouse_refuses_holds_the_decided_batch_and_is_named))
