// Outputs that may be behind (output_lag), and what else happens: states lost or older, stops, skips, resyncs, crashes while they catch
// up, random lives. tests/sim/test_behind.c has the option itself.
#include "jobs/run/behind.h"
#include "jobs/run/recover.h"
#include "jobs/run/resync.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)

static struct job_world *world_of(const char *outputs)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.job = "    limits: { batch_records: 40 }\n    output_lag: {}\n";
    spec.outputs = outputs ? outputs : spec.outputs;
    return job_world_new(&spec);
}

static struct job_world *world(void)
{
    return world_of(NULL);
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

static uint64_t behind(const struct job_world *w)
{
    struct control c;
    struct arena *a = arena_new(NULL);
    job_world_control(&c, w, a);
    uint64_t first = behind_first(&c);
    arena_free(a);
    return first;
}

static void runs(struct job_world *w, unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to; i++) {
        produce(w, i, 50);
        run(w);
    }
}

static struct job_world *topics_world(void)
{
    return world_of(
        "      GOOD: { topic: { name: good, partitions: 3 }, lake: { partition_by: [day] } }\n"
        "      PER_USER: { topic: { name: users, key_format: JSON },\n"
        "                  warehouse: [{ to: one }, { to: two, table: users }] }\n"
        "      PER_METHOD: { warehouse: { to: two } }\n");
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

// Of an undisturbed life; frees the world. portions: of as many records each.
static void same_rows(struct job_world *w, const unsigned *portions, size_t n, const char *what)
{
    struct buf want, got;
    buf_init(&want, TEXT_MAX);
    buf_init(&got, TEXT_MAX);
    job_world_print_rows(&got, w, JOB_WORLD_SORTED);
    job_world_free(w);
    w = topics_world();
    for (size_t i = 0; i < n; i++) {
        produce(w, i + 1, portions[i]);
        run(w);
    }
    run(w);
    job_world_print_rows(&want, w, JOB_WORLD_SORTED);
    job_world_same(&want, &got, what);
    job_world_free(w);
    buf_fini(&want);
    buf_fini(&got);
}

static void away_for_two_runs(struct job_world *w)
{
    runs(w, 1, 1);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    runs(w, 2, 3);
}

// --- states ----------------------------------------------------------------------------------------------------------

TEST(an_older_state_brings_the_spools_of_what_was_behind)
{
    struct job_world *w = world();
    struct recover_report report;
    away_for_two_runs(w);
    job_world_copy(w, "state", "copy");
    produce(w, 4, 2);
    run(w);
    job_world_delete(w, "state");
    job_world_copy(w, "copy", "state");
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    if (!job_world_recover(w, &report))
        fail_msg("%s", w->text);
    run(w);
    two_has_what_one_has("after a recovery");
    job_world_free(w);
}

TEST(topics_that_waited_when_the_state_was_lost_get_every_row)
{
    struct job_world *w = topics_world();
    struct recover_report report;
    away_for_two_runs(w);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    job_world_delete(w, "state");
    if (!job_world_recover(w, &report))
        fail_msg("%s", w->text);
    run(w);
    two_has_what_one_has("after a recovery");
    same_rows(w, (const unsigned[]){50, 50, 50}, 3, "after a recovery");
}

TEST(topics_that_waited_in_an_older_state_get_every_row_once)
{
    struct job_world *w = topics_world();
    struct recover_report report;
    away_for_two_runs(w);
    job_world_copy(w, "state", "copy");
    produce(w, 4, 2);
    run(w);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    job_world_delete(w, "state");
    job_world_copy(w, "copy", "state");
    for (int i = 0; i < 2; i++)
        if (!job_world_recover(w, &report))
            fail_msg("%s", w->text);
    run(w);
    two_has_what_one_has("after a recovery");
    same_rows(w, (const unsigned[]){50, 50, 50, 2}, 4, "after a recovery");
}

// --- stops -----------------------------------------------------------------------------------------------------------

struct stopping {
    unsigned poll, step;
};

static void stop_reading(struct source_fake *s, void *arg)
{
    struct job_world *w = arg;
    source_fake_down(s, 3);
    atomic_store(&w->cancel, true);
}

static void stopping_step(struct job_world *w, void *arg)
{
    struct stopping *x = arg;
    x->step++;
    if (x->step == 1)
        produce(w, 1, 50);
    if (x->step == 4) {
        memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
        produce(w, 2, 50);
        source_fake_at_poll(w->broker, x->poll, stop_reading, w);
    }
    if (x->step > 30)
        atomic_store(&w->cancel, true);
}

// The batch after the first that passed is being read: it is dropped, the mark is not.
TEST(an_endless_run_that_is_stopped_anywhere_knows_what_is_behind)
{
    unsigned lacking = 0;
    for (unsigned poll = 1; poll < 24; poll++) {
        struct job_world *w = world();
        struct stopping x = {.poll = poll};
        struct head h = {0};
        struct control c;
        struct arena *a = arena_new(NULL);
        bool ok = job_world_stream(w, stopping_step, &x);
        assert_true(memory_head(&h, JOB_WORLD_TWO, "sim", 0, "PER_USER", "users"));
        job_world_control(&c, w, a);
        const struct control_output *o = control_output(&c, STR("two/users/PER_USER"));
        if (ok && h.batch < o->batch && c.delivered == c.last_batch)
            assert_true(o->behind > 0);
        lacking += o->behind > 0;
        arena_free(a);
        job_world_free(w);
    }
    assert_true(lacking > 5);
}

static void due_step(struct job_world *w, void *arg)
{
    unsigned *step = arg;
    ++*step;
    if (*step == 1 || *step == 6 || *step == 10)
        produce(w, *step, 50);
    if (*step == 4)
        memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    if (*step == 20) {
        w->time.mono_ms += 60000;
        atomic_store(&w->cancel, true);
    }
}

TEST(an_endless_run_that_is_stopped_when_its_turn_has_come_ends_well)
{
    struct job_world *w = world();
    unsigned step = 0;
    if (!job_world_stream(w, due_step, &step))
        fail_msg("%s", w->text);
    assert_true(behind(w) > 0);
    job_world_free(w);
}

// --- by hand ---------------------------------------------------------------------------------------------------------

TEST(what_is_no_table_cannot_be_skipped)
{
    struct job_world *w = topics_world();
    struct deliver_report report;
    struct err e;
    away_for_two_runs(w);
    assert_false(run_deliver_decided(&report, w->job, &w->env, STR("topics"), &e));
    assert_non_null(strstr(e.text, "no batch of job sim waits for topics"));
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run(w);
    same_rows(w, (const unsigned[]){50, 50, 50}, 3, "after a skip that was refused");
}

TEST(what_a_table_took_before_another_failed_is_not_skipped)
{
    struct job_world *w = world();
    struct deliver_report report;
    struct err e;
    away_for_two_runs(w);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    // Table users takes all four, the other one of them.
    memory_fail(JOB_WORLD_TWO, MEMORY_COMMIT, 6, MEMORY_FAIL, REMEDY_FATAL);
    assert_false(run_deliver_decided(&report, w->job, &w->env, STR(""), &e));
    memory_fail(JOB_WORLD_TWO, MEMORY_COMMIT, 0, MEMORY_FAIL, REMEDY_FATAL);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    assert_false(run_deliver_decided(&report, w->job, &w->env, STR("two/users/PER_USER"), &e));
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    runs(w, 4, 4);
    two_has_what_one_has("after a skip of nothing");
    job_world_free(w);
}

TEST(offsets_go_on_after_a_skip)
{
    struct job_world *w = world();
    struct deliver_report report;
    struct err e;
    away_for_two_runs(w);
    assert_false(run_deliver_decided(&report, w->job, &w->env, STR("two/users/PER_USER"), &e));
    assert_ok(run_deliver_decided(&report, w->job, &w->env, STR("PER_METHOD"), &e), &e);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    run_unchecked(w);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0),
                     source_fake_end(w->broker, "tx", 0));
    job_world_free(w);
}

// The records are gone, the spools are not.
TEST(a_resync_delivers_what_only_waits)
{
    struct job_world *w =
        world_of("      BIG: { lake: { format: csv, partition_by: [] },\n"
                 "             warehouse: [{ to: one }, { to: two }] }\n"
                 "      PER_USER: { warehouse: [{ to: one }, { to: two, table: users }] }\n");
    struct run_report report;
    struct err e;
    away_for_two_runs(w);
    for (int32_t p = 0; p < JOB_SCENARIO_PARTITIONS; p++)
        source_fake_delete_before(w->broker, "tx", p, source_fake_end(w->broker, "tx", p));
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    assert_ok(run_resync(&report, w->job, &w->env, STR(""), RESYNC_AS_WRITTEN, &e), &e);
    assert_int_equal(behind(w), 0);
    assert_true(memory_rows(JOB_WORLD_ONE, "big") > 0);
    assert_int_equal(memory_rows(JOB_WORLD_TWO, "big"), memory_rows(JOB_WORLD_ONE, "big"));
    run(w);
    two_has_what_one_has("after a resync");
    job_world_free(w);
}

// It comes back without more batches than its spools hold; a person's resync is cut short anywhere.
TEST(a_resync_of_what_is_behind_may_be_cut_short_anywhere)
{
    bool dead = true;
    for (uint64_t at = 1; dead; at += test_is_long() ? 1 : 3) {
        struct job_world *w = world();
        struct run_report report;
        struct err e;
        const struct fault_spec fault = {.occurrence = at, .action = FAULT_CRASH_AFTER};
        runs(w, 1, 1);
        memory_copy("backup", JOB_WORLD_TWO);
        runs(w, 2, 2);
        memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
        runs(w, 3, 3);
        memory_power(JOB_WORLD_TWO, MEMORY_UP);
        memory_copy(JOB_WORLD_TWO, "backup");
        run_unchecked(w);
        assert_true(behind(w) > 0);
        job_world_restart(w, &fault);
        (void)!run_resync(&report, w->job, &w->env, STR(""), RESYNC_AS_WRITTEN, &e);
        dead = durable_dead(w->durable);
        job_world_restart(w, NULL);
        assert_ok(run_resync(&report, w->job, &w->env, STR(""), RESYNC_AS_WRITTEN, &e), &e);
        produce(w, 4, 2); // not of every key
        run_unchecked(w);
        assert_int_equal(behind(w), 0);
        two_has_what_one_has("after a resync that was cut short");
        job_world_free(w);
    }
}

TEST(a_resync_of_one_table_waits_for_what_another_lacks)
{
    struct job_world *w = world();
    struct run_report report;
    struct err e;
    away_for_two_runs(w);
    assert_false(
        run_resync(&report, w->job, &w->env, STR("one/per_user/PER_USER"), RESYNC_AS_WRITTEN, &e));
    assert_non_null(strstr(e.text, "which is not meant, is behind"));
    runs(w, 4, 4); // and nothing was changed
    job_world_free(w);
}

static void fails_over(uint64_t redo_spools, unsigned lost)
{
    struct job_world *w = world();
    w->job->redo_spools = redo_spools;
    runs(w, 1, 1);
    for (unsigned i = 0; i <= lost; i++) {
        if (i == 1)
            memory_copy("backup", JOB_WORLD_TWO);
        produce(w, 2 + i, 10); // one batch
        run(w);
    }
    if (lost == 0)
        memory_copy("backup", JOB_WORLD_TWO);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
    run_unchecked(w); // finds it away, with nothing to pass by
    produce(w, 9, 2); // not of every key
    run(w);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    memory_copy(JOB_WORLD_TWO, "backup");
    run_unchecked(w);
    assert_int_equal(behind(w), 0);
    two_has_what_one_has("after a fail-over");
    job_world_free(w);
}

// A fail-over: the replica lacks what the server had last. Its spools are there still.
TEST(one_that_comes_back_without_its_last_batches_gets_them_again)
{
    fails_over(0, 1);
    fails_over(4, 1);
    fails_over(4, 3);
}

// --- deaths ----------------------------------------------------------------------------------------------------------

TEST(a_death_anywhere_while_it_catches_up_and_another_absence_change_nothing)
{
    bool dead = true;
    for (uint64_t at = 1; dead; at += test_is_long() ? 1 : 7) {
        struct job_world *w = topics_world();
        const struct fault_spec fault = {.occurrence = at,
                                         .action = at % 2 ? FAULT_CRASH_AFTER : FAULT_CRASH_BEFORE};
        away_for_two_runs(w);
        memory_power(JOB_WORLD_TWO, MEMORY_UP);
        job_world_restart(w, &fault);
        (void)job_world_run(w);
        dead = durable_dead(w->durable);
        job_world_restart(w, NULL);
        memory_power(JOB_WORLD_TWO, at % 2 ? MEMORY_DOWN : MEMORY_UP);
        run(w);
        memory_power(JOB_WORLD_TWO, MEMORY_UP);
        run(w);
        assert_int_equal(behind(w), 0);
        same_rows(w, (const unsigned[]){50, 50, 50}, 3, "after a death");
    }
}

enum { LIFE_STEPS = 25, LIFE_PORTIONS = 2 * LIFE_STEPS };

static void life_mishap(struct job_world *w, struct job_random *r)
{
    const char *who = job_random_below(r, 3) ? JOB_WORLD_TWO : JOB_WORLD_ONE;
    struct deliver_report report;
    struct err e;
    const struct fault_spec fault = {.occurrence = 1 + job_random_below(r, 90),
                                     .action = job_random_below(r, 2) ? FAULT_CRASH_AFTER
                                                                      : FAULT_CRASH_BEFORE};
    switch (job_random_below(r, 7)) {
    case 0:
    case 1:
        memory_power(who, MEMORY_DOWN);
        break;
    case 2:
        memory_power(who, MEMORY_UP);
        break;
    case 3:
        job_world_restart(w, &fault);
        break;
    case 4:
        memory_fail(who, MEMORY_COMMIT, 1 + job_random_below(r, 3), MEMORY_LIE, REMEDY_FATAL);
        break;
    case 5:
        w->time.mono_ms += 20000;
        break;
    default:
        if (!run_deliver_decided(&report, w->job, &w->env, STR(""), &e) && e.kind != ERR_REMOTE &&
            !durable_dead(w->durable))
            fail_msg("deliver: %s", e.text);
    }
}

// usr|n|total|sum|top: sums of DOUBLE depend on what was there to be merged when a run began.
static void print_exact(struct buf *out)
{
    struct buf all;
    struct str line, rest;
    buf_init(&all, TEXT_MAX);
    buf_init(out, TEXT_MAX);
    memory_print_table(&all, JOB_WORLD_TWO, "users");
    rest = buf_view(&all);
    while (str_split_once(&line, &rest, rest, '\n')) {
        struct str cell;
        for (int i = 0; str_split_once(&cell, &line, line, '|'); i++)
            if (i != 3)
                buf_printf(out, "%.*s|", STR_ARG(cell));
        buf_printf(out, "%.*s\n", STR_ARG(line));
    }
    buf_fini(&all);
}

static void life(uint64_t seed)
{
    struct job_random r = {seed * 7919};
    struct job_world *w = topics_world();
    unsigned portions[LIFE_PORTIONS], n = 0;
    char what[40];
    (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    for (unsigned i = 0; i < LIFE_STEPS; i++) {
        if (i > 0)
            life_mishap(w, &r);
        if (i == 0 || job_random_below(&r, 2)) {
            portions[n] = 20 + (unsigned)job_random_below(&r, 60);
            produce(w, n + 1, portions[n]);
            n++;
        }
        bool ran = durable_dead(w->durable) || job_random_below(&r, 3) == 0 || job_world_run(w);
        if (!ran && !durable_dead(w->durable) && w->e.kind != ERR_REMOTE)
            fail_msg("%s, step %u: %s", what, i, w->text);
        if (durable_dead(w->durable))
            job_world_restart(w, NULL);
        job_world_check_offsets(w);
    }
    job_world_restart(w, NULL);
    for (int i = 0; i < 2; i++) {
        const char *who = i ? JOB_WORLD_TWO : JOB_WORLD_ONE;
        memory_power(who, MEMORY_UP);
        memory_fail(who, MEMORY_COMMIT, 0, MEMORY_LIE, REMEDY_FATAL);
    }
    for (int i = 0; i < 3; i++)
        run(w);
    assert_int_equal(behind(w), 0);
    two_has_what_one_has(what);
    struct buf got, want;
    print_exact(&got);
    job_world_free(w);
    w = topics_world();
    for (unsigned i = 0; i < n; i++)
        produce(w, i + 1, portions[i]);
    run(w);
    print_exact(&want);
    assert_true(want.n > 100);
    job_world_same(&want, &got, what);
    job_world_free(w);
    buf_fini(&got);
    buf_fini(&want);
}

TEST(random_lives_end_where_an_undisturbed_one_ends)
{
    for (uint64_t seed = 1; seed <= (test_is_long() ? 300U : 12U); seed++)
        life(seed);
}

TEST_MAIN(T(an_older_state_brings_the_spools_of_what_was_behind),
          T(topics_that_waited_when_the_state_was_lost_get_every_row),
          T(topics_that_waited_in_an_older_state_get_every_row_once),
          T(an_endless_run_that_is_stopped_anywhere_knows_what_is_behind),
          T(an_endless_run_that_is_stopped_when_its_turn_has_come_ends_well),
          T(a_resync_of_what_is_behind_may_be_cut_short_anywhere),
          T(a_resync_of_one_table_waits_for_what_another_lacks),
          T(one_that_comes_back_without_its_last_batches_gets_them_again),
          T(what_is_no_table_cannot_be_skipped),
          T(what_a_table_took_before_another_failed_is_not_skipped), T(offsets_go_on_after_a_skip),
          T(a_resync_delivers_what_only_waits),
          T(a_death_anywhere_while_it_catches_up_and_another_absence_change_nothing),
          T(random_lives_end_where_an_undisturbed_one_ends))
