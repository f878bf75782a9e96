// Outputs that may be behind (output_lag): a warehouse that is away holds nothing else up, and gets what it lacks in its order. The same
// with a fault at any durable call: tests/sim/test_crash.c.
#include "jobs/run/audit.h"
#include "jobs/run/backfill.h"
#include "jobs/run/behind.h"
#include "jobs/run/recover.h"
#include "jobs/run/resync.h"
#include "tests/support/job_scenario.h"
#include "tests/support/lake_rows.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <dirent.h>
#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)

static struct job_world *world_with(const char *lag)
{
    static char job[200];
    struct job_world_spec spec = job_scenario_transactions;
    (void)snprintf(job, sizeof job, "    limits: { batch_records: 40 }\n%s", lag);
    spec.job = job;
    return job_world_new(&spec);
}

static struct job_world *world(void)
{
    return world_with("    output_lag: {}\n");
}

static void produce(struct job_world *w, uint64_t seed, unsigned n)
{
    struct job_random r = {seed};
    job_scenario_produce(w, &r, n, JOB_RECORDS_HOSTILE);
}

static void run_unchecked(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void run(struct job_world *w)
{
    run_unchecked(w);
    job_world_check_offsets(w);
}

static void run_fails(struct job_world *w, enum err_kind kind, const char *part)
{
    if (job_world_run(w))
        fail_msg("succeeded with %llu records", (unsigned long long)w->report.records);
    if (w->e.kind != kind || !strstr(w->text, part))
        fail_msg("\"%s\" is not %s \"%s\"", w->text, err_kind_name(kind), part);
}

static uint64_t behind(const struct job_world *w)
{
    struct control c;
    struct arena *a = arena_new(NULL);
    job_world_control(&c, w, a);
    uint64_t first = behind_first(&c);
    arena_free(a);
    return first;
}

static size_t spools(const struct job_world *w)
{
    char path[600];
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%s/spool", w->job->state_dir);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *x; (x = readdir(d)) != NULL;)
        n += x->d_name[0] != '.';
    closedir(d);
    return n;
}

// An undisturbed life of a job without output_lag: the same records in the same runs.
static void same_as(struct job_world *w, unsigned runs)
{
    struct buf want, got;
    buf_init(&want, TEXT_MAX);
    buf_init(&got, TEXT_MAX);
    job_world_print(&got, w);
    job_world_check_receipts(w);
    job_world_free(w);
    w = job_world_new(&job_scenario_transactions);
    for (unsigned i = 0; i < runs; i++) {
        produce(w, i + 1, 50);
        run(w);
    }
    run(w);
    job_world_print(&want, w);
    job_world_same(&want, &got, "compared with an undisturbed life");
    job_world_free(w);
    buf_fini(&want);
    buf_fini(&got);
}

static void two_has_what_one_has(const char *what)
{
    struct buf one, two;
    buf_init(&one, TEXT_MAX);
    buf_init(&two, TEXT_MAX);
    memory_print_table(&one, JOB_WORLD_ONE, "per_user");
    memory_print_table(&two, JOB_WORLD_TWO, "users");
    job_world_same(&one, &two, what);
    buf_fini(&one);
    buf_fini(&two);
}

static void runs(struct job_world *w, unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to; i++) {
        produce(w, i, 50);
        run(w);
    }
}

// --- going on --------------------------------------------------------------------------------------------------------

TEST(the_others_go_on_while_one_is_away_and_it_gets_the_same_rows_in_the_end)
{
    struct job_world *w = world();
    runs(w, 1, 1);
    int64_t offset = source_fake_group(w->broker, "simgroup", "tx", 0);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    uint64_t commits = memory_commits(JOB_WORLD_ONE);
    runs(w, 2, 4);
    assert_true(memory_commits(JOB_WORLD_ONE) > commits + 3);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), offset);
    assert_int_equal(behind(w), 3); // a run has two batches
    assert_string_equal(w->report.behind.output, "two/users/PER_USER");
    assert_int_equal(w->report.behind.batches, 6);
    assert_non_null(strstr(w->report.behind.why, "memory two: connection refused"));
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    assert_string_equal(w->report.behind.output, "");
    assert_int_equal(behind(w), 0);
    assert_int_equal(w->report.redelivered, 12); // six batches of two tables
    run(w);
    same_as(w, 4);
}

TEST(it_catches_up_within_a_run_that_has_something_to_do)
{
    struct job_world *w = world();
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 3);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    runs(w, 4, 4);
    assert_int_equal(behind(w), 0);
    run(w);
    same_as(w, 4);
}

static void two_comes(struct source_fake *s, void *arg)
{
    (void)s;
    struct job_world *w = arg;
    w->time.mono_ms += 60000; // its turn
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
}

static void two_goes(struct source_fake *s, void *arg)
{
    (void)s, (void)arg;
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
}

TEST(one_that_goes_and_comes_within_a_run_misses_nothing)
{
    struct job_world *w = world();
    runs(w, 1, 1);
    for (unsigned i = 2; i <= 4; i++)
        produce(w, i, 50);
    source_fake_at_poll(w->broker, 2, two_goes, NULL);
    run(w);
    assert_true(behind(w) > 0);
    produce(w, 5, 50);
    source_fake_at_poll(w->broker, 2, two_comes, w);
    run(w);
    assert_int_equal(behind(w), 0);
    run(w);
    // Batches are cut otherwise than in runs of their own: rows are compared.
    struct buf want, got;
    buf_init(&got, TEXT_MAX);
    job_world_print_rows(&got, w, JOB_WORLD_ORDERED);
    job_world_free(w);
    w = world_with("");
    for (unsigned i = 1; i <= 5; i++) {
        produce(w, i, 50);
        if (i == 1 || i >= 4)
            run(w);
    }
    run(w);
    buf_init(&want, TEXT_MAX);
    job_world_print_rows(&want, w, JOB_WORLD_ORDERED);
    job_world_same(&want, &got, "a warehouse that went and came");
    buf_fini(&want);
    buf_fini(&got);
    job_world_free(w);
}

TEST(what_waits_is_delivered_as_it_was_decided_whatever_the_job_is_now)
{
    struct job_world *w = world();
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 2);
    // Without the tables of warehouse two.
    const char *outputs = "      GOOD: { lake: { partition_by: [year, month, day] } }\n"
                          "      PER_USER: { warehouse: { to: one } }\n";
    assert_true(job_world_compile(w, w->spec.sql, outputs));
    source_fake_delete_before(w->broker, "tx", 0, source_fake_end(w->broker, "tx", 0));
    run(w);
    assert_true(behind(w) > 0);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    assert_int_equal(behind(w), 0);
    struct buf got, want;
    buf_init(&got, TEXT_MAX);
    buf_init(&want, TEXT_MAX);
    memory_print(&got, JOB_WORLD_TWO);
    job_world_free(w);
    w = world();
    runs(w, 1, 2);
    memory_print(&want, JOB_WORLD_TWO);
    job_world_same(&want, &got, "what waited for two");
    job_world_free(w);
    buf_fini(&got);
    buf_fini(&want);
}

TEST(spools_stay_for_the_slowest_only_and_go_when_it_has_them)
{
    struct job_world *w = world();
    runs(w, 1, 1);
    run(w);
    size_t before = spools(w);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 5);
    run(w);
    // Eight batches wait for two tables, which have the one before; of the others at most the newest batch's are there.
    assert_in_range(spools(w), 18, 18 + 5);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    run(w);
    assert_int_equal(spools(w), before);
    same_as(w, 5);
}

static void open_slowly(struct source_fake *s, void *arg)
{
    (void)s;
    struct job_world *w = arg;
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    w->env.deliver_ms = 15000;
}

// Of a server with many tables only one is waited for.
TEST(a_server_that_is_away_is_waited_for_once)
{
    struct job_world *w = world();
    runs(w, 1, 1);
    produce(w, 2, 50);
    source_fake_at_poll(w->broker, 1, open_slowly, w);
    int64_t began = w->time.mono_ms;
    run(w);
    assert_in_range(w->time.mono_ms - began, 15000, 29999);
    assert_int_equal(behind(w), 3);
    struct control c;
    struct arena *a = arena_new(NULL);
    job_world_control(&c, w, a);
    assert_int_equal(control_output(&c, STR("two/users/PER_USER"))->behind, 3);
    assert_int_equal(control_output(&c, STR("two/per_method/PER_METHOD"))->behind, 3);
    arena_free(a);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    run(w);
    same_as(w, 2);
}

// --- limits ----------------------------------------------------------------------------------------------------------

TEST(at_its_limit_the_job_waits_for_it)
{
    struct job_world *w = world_with("    output_lag: { batches: 3 }\n");
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 2);
    produce(w, 3, 50);
    run_fails(w, ERR_REMOTE, "two/users/PER_USER lacks 3 batches, as many as output_lag allows");
    run_fails(w, ERR_REMOTE, "as many as output_lag allows");
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    run(w);
    same_as(w, 3);
}

TEST(after_its_time_the_job_waits_for_it)
{
    struct job_world *w = world_with("    output_lag: { time: 1h }\n");
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 2);
    w->time.wall_ms += 3599999;
    runs(w, 3, 3);
    w->time.wall_ms += 1;
    produce(w, 4, 50);
    run_fails(w, ERR_REMOTE, "as many as output_lag allows");
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    run(w);
    assert_int_equal(behind(w), 0);
    job_world_free(w);
}

TEST(without_the_option_or_without_a_batch_before_nothing_goes_on)
{
    struct job_world *w = world();
    produce(w, 1, 50);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    run_fails(w, ERR_REMOTE, "two");
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 2);
    w->job->limits.lag_batches = 0; // taken out of the configuration
    produce(w, 3, 50);
    run_fails(w, ERR_REMOTE, "which is behind the other outputs");
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    run(w);
    same_as(w, 3);
}

TEST(another_owner_is_nothing_to_go_on_after)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.lake = JOB_WORLD_NO_LAKE;
    spec.outputs = "      PER_USER: { warehouse: [{ to: one }, { to: two }] }\n";
    spec.job = "    output_lag: {}\n";
    struct job_world *w = job_world_new(&spec);
    runs(w, 1, 1);
    job_world_copy(w, "state", "copy");
    memory_copy("backup", JOB_WORLD_ONE);
    runs(w, 2, 2);
    // An older state, and only warehouse two says so.
    job_world_delete(w, "state");
    job_world_copy(w, "copy", "state");
    memory_copy(JOB_WORLD_ONE, "backup");
    produce(w, 3, 50);
    run_fails(w, ERR_FENCED, "two/per_user/PER_USER");
    job_world_free(w);
}

// --- by hand ---------------------------------------------------------------------------------------------------------

TEST(deliver_gives_it_everything_or_says_why_not)
{
    struct job_world *w = world();
    struct deliver_report report;
    struct err e;
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 3);
    assert_false(run_deliver_decided(&report, w->job, &w->env, STR(""), &e));
    assert_int_equal(e.kind, ERR_REMOTE);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    assert_ok(run_deliver_decided(&report, w->job, &w->env, STR(""), &e), &e);
    assert_int_equal(report.batch, 6);
    assert_int_equal(behind(w), 0);
    run(w);
    same_as(w, 3);
}

TEST(what_is_skipped_is_all_that_waits_for_it_and_becomes_dead_letters)
{
    struct job_world *w = world();
    struct deliver_report report;
    struct err e;
    char path[700];
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 3);
    assert_false(run_deliver_decided(&report, w->job, &w->env, STR("two/users/PER_USER"), &e));
    assert_int_equal(e.kind, ERR_REMOTE); // the other table of the warehouse waits on
    assert_ok(run_deliver_decided(&report, w->job, &w->env, STR("PER_METHOD"), &e), &e);
    assert_int_equal(report.skipped_first, 3);
    assert_true(report.skipped_rows > 0);
    assert_int_equal(behind(w), 0);
    for (unsigned b = 3; b <= 6; b++) {
        (void)snprintf(path, sizeof path, "%s/dead_letters/%u.skipped.jsonl", w->job->state_dir, b);
        assert_true(file_exists(path));
    }
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    // It goes on after the batches that it lacks; a resync brings them back.
    runs(w, 4, 4);
    struct run_report resync;
    assert_ok(
        run_resync(&resync, w->job, &w->env, STR("two/users/PER_USER"), RESYNC_AS_WRITTEN, &e), &e);
    two_has_what_one_has("after a resync");
    job_world_free(w);
}

TEST(a_resync_takes_the_place_of_what_waits)
{
    struct job_world *w = world();
    struct run_report report;
    struct err e;
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 3);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    assert_ok(
        run_resync(&report, w->job, &w->env, STR("two/users/PER_USER"), RESYNC_AS_WRITTEN, &e), &e);
    assert_int_equal(behind(w), 0);
    runs(w, 4, 4);
    two_has_what_one_has("after a resync");
    job_world_free(w);
}

static bool note(void *arg, const struct audit_finding *f, struct err *e)
{
    struct buf *out = arg;
    (void)e;
    buf_printf(out, "%.*s: %.*s -> %.*s\n", STR_ARG(f->place), STR_ARG(f->text),
               STR_ARG(f->repair));
    return true;
}

TEST(an_audit_names_what_it_lacks_and_nothing_else)
{
    struct job_world *w = world();
    struct audit_report report;
    struct err e;
    struct buf said;
    buf_init(&said, TEXT_MAX);
    const struct audit_spec spec = {.tables = AUDIT_REPLAY, .found = note, .arg = &said};
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 3);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    assert_ok(run_audit(&report, w->a, w->job, &w->env, &spec, &e), &e);
    buf_char(&said, '\0');
    assert_int_equal(report.findings, 2);
    assert_non_null(strstr(said.p, "two/users/PER_USER: 4 batches from batch 3 on are decided and "
                                   "not delivered (output_lag)"));
    assert_non_null(strstr(said.p, "-> sluice job deliver sim"));
    buf_clear(&said);
    run(w);
    assert_ok(run_audit(&report, w->a, w->job, &w->env, &spec, &e), &e);
    assert_int_equal(report.findings, 0);
    buf_fini(&said);
    job_world_free(w);
}

TEST(the_past_is_not_replaced_before_everybody_has_it)
{
    struct job_world *w = world();
    static const struct str outputs[] = {{"GOOD", 4}};
    const struct backfill_spec spec = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 2, .outputs = outputs, .output_count = 1};
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 2);
    assert_false(job_world_backfill(w, &spec));
    assert_non_null(strstr(w->text, "which is behind the other outputs"));
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    assert_true(job_world_backfill(w, &spec));
    job_world_free(w);
}

// --- losses ----------------------------------------------------------------------------------------------------------

TEST(records_of_batches_that_wait_are_not_forgotten)
{
    struct job_world *w = world();
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    w->job->history_max = 1;
    for (unsigned i = 2; i <= 5; i++) {
        produce(w, i, 50);
        run_unchecked(w);
    }
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run_unchecked(w);
    run_unchecked(w);
    assert_int_equal(behind(w), 0);
    same_as(w, 5);
}

TEST(a_state_that_is_lost_while_one_is_behind_comes_back)
{
    struct job_world *w = world();
    struct recover_report report;
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 3);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    job_world_delete(w, "state");
    if (!job_world_recover(w, &report))
        fail_msg("%s", w->text);
    assert_int_equal(behind(w), 0);
    runs(w, 4, 4);
    two_has_what_one_has("after a recovery");
    job_world_free(w);
}

// A fail-over: it comes back without the last batch that it had.
TEST(one_that_comes_back_older_waits_for_a_person_and_the_others_do_not)
{
    struct job_world *w = world();
    struct run_report report;
    struct err e;
    runs(w, 1, 1);
    memory_copy("backup", JOB_WORLD_TWO);
    runs(w, 2, 2);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 3, 3);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    memory_copy(JOB_WORLD_TWO, "backup");
    uint64_t commits = memory_commits(JOB_WORLD_ONE);
    produce(w, 4, 50);
    run_unchecked(w); // the offsets stand where they stood before it lost something
    assert_true(memory_commits(JOB_WORLD_ONE) > commits);
    assert_true(behind(w) > 0);
    assert_ok(run_resync(&report, w->job, &w->env, STR(""), RESYNC_AS_WRITTEN, &e), &e);
    assert_int_equal(behind(w), 0);
    run(w);
    job_world_free(w);
}

// --- for ever --------------------------------------------------------------------------------------------------------

struct endless {
    unsigned step;
    uint64_t seed;
};

static void endless_step(struct job_world *w, void *arg)
{
    struct endless *x = arg;
    x->step++;
    if (x->step % 2 == 0 && x->step <= 20)
        produce(w, ++x->seed, 20);
    if (x->step == 7)
        memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    if (x->step == 15)
        memory_power(JOB_WORLD_TWO, MEMORY_UP);
    if (x->step > 15)
        w->time.mono_ms += 40000;
    if (x->step == 13) {
        assert_true(behind(w) > 0);
        assert_true(memory_rows(JOB_WORLD_ONE, "big") > 0);
        job_world_check_offsets(w);
    }
    if (x->step == 30)
        atomic_store(&w->cancel, true);
}

TEST(an_endless_run_goes_on_and_it_catches_up_beside_it)
{
    struct job_world *w = world();
    struct endless x = {0};
    if (!job_world_stream(w, endless_step, &x))
        fail_msg("%s", w->text);
    assert_int_equal(behind(w), 0);
    struct buf got, want;
    buf_init(&got, TEXT_MAX);
    memory_print_table(&got, JOB_WORLD_TWO, "users");
    memory_print_table(&got, JOB_WORLD_TWO, "per_method");
    job_world_free(w);
    w = world();
    for (uint64_t seed = 1; seed <= x.seed; seed++) {
        produce(w, seed, 20);
        run(w);
    }
    buf_init(&want, TEXT_MAX);
    memory_print_table(&want, JOB_WORLD_TWO, "users");
    memory_print_table(&want, JOB_WORLD_TWO, "per_method");
    assert_true(want.n > 100);
    job_world_same(&want, &got, "after an endless run");
    buf_fini(&got);
    buf_fini(&want);
    job_world_free(w);
}

TEST_MAIN(T(the_others_go_on_while_one_is_away_and_it_gets_the_same_rows_in_the_end),
          T(it_catches_up_within_a_run_that_has_something_to_do),
          T(one_that_goes_and_comes_within_a_run_misses_nothing),
          T(what_waits_is_delivered_as_it_was_decided_whatever_the_job_is_now),
          T(a_server_that_is_away_is_waited_for_once),
          T(spools_stay_for_the_slowest_only_and_go_when_it_has_them),
          T(at_its_limit_the_job_waits_for_it), T(after_its_time_the_job_waits_for_it),
          T(without_the_option_or_without_a_batch_before_nothing_goes_on),
          T(another_owner_is_nothing_to_go_on_after),
          T(deliver_gives_it_everything_or_says_why_not),
          T(what_is_skipped_is_all_that_waits_for_it_and_becomes_dead_letters),
          T(a_resync_takes_the_place_of_what_waits),
          T(an_audit_names_what_it_lacks_and_nothing_else),
          T(the_past_is_not_replaced_before_everybody_has_it),
          T(records_of_batches_that_wait_are_not_forgotten),
          T(a_state_that_is_lost_while_one_is_behind_comes_back),
          T(one_that_comes_back_older_waits_for_a_person_and_the_others_do_not),
          T(an_endless_run_goes_on_and_it_catches_up_beside_it))
