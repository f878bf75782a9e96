#include "orchestrator/sched/sched.h"

#include "base/clock.h"
#include "tests/support/test.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define NOW    INT64_C(1761638400000) // 2025-10-28T08:00:00Z

enum { JOBS = 4 };

// A scheduler with its clock; every run lasts as long as the test says.
struct world {
    struct arena *a;
    struct sched *s;
    struct sched_job jobs[JOBS];
    struct schedule_spec specs[JOBS];
    struct sched_memory memory[JOBS];
    size_t n;
    struct sched_now now;
};

static void init(struct world *w)
{
    *w = (struct world){.a = arena_new(NULL), .now = {NOW, 5000}};
}

static struct schedule_spec *add(struct world *w, const char *name)
{
    struct schedule_spec *spec = &w->specs[w->n];
    spec->at.line = 1;
    spec->retry = (struct retry_spec){3, 10 * SECOND, MINUTE, {0}};
    w->jobs[w->n++] = (struct sched_job){str_from(name), spec};
    return spec;
}

static struct schedule_spec *every(struct world *w, const char *name, int64_t ms)
{
    struct schedule_spec *spec = add(w, name);
    spec->trigger = SPEC_TRIGGER_EVERY;
    spec->every_ms = ms;
    return spec;
}

static struct schedule_spec *cron(struct world *w, const char *name, const char *text)
{
    struct schedule_spec *spec = add(w, name);
    struct err e;
    spec->trigger = SPEC_TRIGGER_CRON;
    assert_ok(cron_parse(&spec->cron, str_from(text), &e), &e);
    return spec;
}

static void start(struct world *w)
{
    w->s = sched_new(w->a, w->jobs, w->n, w->memory, w->now, SCHED_COLD);
}

// The process ends and begins again; what it stored is all it has.
static void restart(struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        w->memory[i] = *sched_memory(w->s, i);
    w->now.mono_ms = 77;
    start(w);
}

static void pass(struct world *w, int64_t ms)
{
    w->now.wall_ms += ms;
    w->now.mono_ms += ms;
}

// Index of the job that begins now, -1 = none.
static int pick_for(struct world *w, enum sched_reason *reason)
{
    size_t job;
    enum sched_reason why;
    if (!sched_pick(w->s, &job, reason ? reason : &why, w->now))
        return -1;
    return (int)job;
}

static int pick(struct world *w)
{
    return pick_for(w, NULL);
}

static void done(struct world *w, size_t job)
{
    assert_int_equal(sched_finished(w->s, job, SCHED_DONE, w->now), SCHED_QUIET);
}

// Runs of job 0 that begin within `ms`, looked at whenever the scheduler asks for it; each takes no time.
static unsigned count_runs(struct world *w, int64_t ms)
{
    unsigned runs = 0;
    const int64_t end = w->now.mono_ms + ms;
    while (w->now.mono_ms <= end) {
        while (pick(w) == 0) {
            runs++;
            done(w, 0);
        }
        const int64_t wait = sched_wait_ms(w->s, w->now);
        if (wait < 0 || w->now.mono_ms + wait > end)
            break;
        pass(w, wait > 0 ? wait : 1);
    }
    return runs;
}

static void fini(struct world *w)
{
    arena_free(w->a);
}

TEST(an_interval_begins_at_once_and_then_on_its_grid)
{
    struct world w;
    init(&w);
    every(&w, "a", 10 * SECOND);
    start(&w);
    assert_int_equal(pick(&w), 0);
    assert_int_equal(pick(&w), -1);
    pass(&w, 3 * SECOND);
    done(&w, 0);
    assert_int_equal(sched_wait_ms(w.s, w.now), 7 * SECOND);
    pass(&w, 7 * SECOND - 1);
    assert_int_equal(pick(&w), -1);
    pass(&w, 1);
    assert_int_equal(pick(&w), 0);
    done(&w, 0);
    assert_int_equal(count_runs(&w, HOUR), 360);
    fini(&w);
}

TEST(the_wall_clock_may_jump_without_touching_intervals)
{
    struct world w;
    init(&w);
    every(&w, "a", MINUTE);
    start(&w);
    assert_int_equal(pick(&w), 0);
    done(&w, 0);
    w.now.wall_ms -= 400 * DAY;
    assert_int_equal(pick(&w), -1);
    w.now.wall_ms += 800 * DAY;
    assert_int_equal(pick(&w), -1);
    assert_int_equal(sched_wait_ms(w.s, w.now), MINUTE);
    fini(&w);
}

TEST(a_restart_neither_begins_too_early_nor_waits_twice)
{
    struct world w;
    init(&w);
    every(&w, "a", HOUR);
    start(&w);
    assert_int_equal(pick(&w), 0);
    done(&w, 0);
    pass(&w, 40 * MINUTE);
    restart(&w);
    assert_int_equal(pick(&w), -1);
    assert_int_equal(sched_wait_ms(w.s, w.now), 20 * MINUTE);
    pass(&w, 5 * HOUR);
    restart(&w); // overdue: one run for all that was missed
    enum sched_reason why;
    assert_int_equal(pick_for(&w, &why), 0);
    assert_int_equal(why, SCHED_MISSED);
    done(&w, 0);
    assert_int_equal(sched_wait_ms(w.s, w.now), HOUR);
    w.specs[0].misfire = SPEC_MISFIRE_SKIP;
    pass(&w, 5 * HOUR);
    restart(&w);
    assert_int_equal(pick(&w), -1);
    fini(&w);
}

TEST(a_run_that_the_process_died_in_begins_again)
{
    struct world w;
    enum sched_reason why;
    init(&w);
    every(&w, "a", HOUR);
    start(&w);
    assert_int_equal(pick(&w), 0);
    pass(&w, MINUTE);
    restart(&w);
    assert_int_equal(pick_for(&w, &why), 0);
    assert_int_equal(why, SCHED_INTERRUPTED);
    fini(&w);
}

TEST(cron_fires_once_per_instant_for_a_year)
{
    struct world w;
    init(&w);
    cron(&w, "a", "*/15 6-7 * * *");
    start(&w);
    assert_int_equal(count_runs(&w, 365 * DAY), 365 * 8);
    fini(&w);
}

TEST(a_clock_set_back_does_not_fire_twice)
{
    struct world w;
    init(&w);
    cron(&w, "a", "0 * * * *");
    start(&w);
    pass(&w, HOUR);
    assert_int_equal(pick(&w), 0);
    done(&w, 0);
    w.now.wall_ms -= 90 * MINUTE;
    assert_int_equal(pick(&w), -1);
    pass(&w, 91 * MINUTE); // past nine again
    assert_int_equal(pick(&w), -1);
    restart(&w);
    assert_int_equal(pick(&w), -1);
    pass(&w, 59 * MINUTE);
    assert_int_equal(pick(&w), 0);
    fini(&w);
}

TEST(a_clock_that_was_far_ahead_does_not_stop_cron_for_ever)
{
    struct world w;
    init(&w);
    cron(&w, "a", "0 * * * *");
    start(&w);
    w.now.wall_ms += 365 * DAY;
    assert_int_equal(pick(&w), 0);
    done(&w, 0);
    w.now.wall_ms -= 365 * DAY;
    assert_int_equal(pick(&w), -1);
    pass(&w, HOUR);
    assert_int_equal(pick(&w), 0);
    fini(&w);
}

TEST(missed_instants_are_one_run_or_none)
{
    struct world w;
    enum sched_reason why;
    init(&w);
    cron(&w, "a", "*/10 * * * *");
    start(&w);
    w.now.wall_ms += 5 * HOUR + MINUTE; // the machine slept
    assert_true(pick_for(&w, &why) == 0 && why == SCHED_MISSED);
    done(&w, 0);
    assert_int_equal(pick(&w), -1);
    w.specs[0].misfire = SPEC_MISFIRE_SKIP;
    w.now.wall_ms += 5 * HOUR + 5 * MINUTE;
    assert_int_equal(pick(&w), -1);
    pass(&w, 4 * MINUTE);
    assert_true(pick_for(&w, &why) == 0 && why == SCHED_BY_TIME);
    fini(&w);
}

TEST(what_is_due_during_a_run_is_skipped_or_queued_once)
{
    for (int queue = 0; queue < 2; queue++) {
        struct world w;
        enum sched_reason why;
        init(&w);
        every(&w, "a", 10 * SECOND)->overlap = queue ? SPEC_OVERLAP_QUEUE : SPEC_OVERLAP_SKIP;
        start(&w);
        assert_int_equal(pick(&w), 0);
        for (int i = 0; i < 4; i++) {
            pass(&w, 10 * SECOND + 1);
            assert_int_equal(pick(&w), -1);
        }
        done(&w, 0);
        assert_int_equal(pick_for(&w, &why), queue ? 0 : -1);
        if (queue) {
            assert_int_equal(why, SCHED_QUEUED);
            done(&w, 0);
        } else {
            assert_int_equal(sched_view(w.s, 0, w.now).skipped, 4);
        }
        assert_int_equal(pick(&w), -1);
        fini(&w);
    }
}

TEST(no_more_than_max_parallel_run_and_the_others_keep_their_order)
{
    struct world w;
    init(&w);
    for (int i = 0; i < JOBS; i++)
        every(&w, (const char *[]){"a", "b", "c", "d"}[i], HOUR);
    start(&w);
    sched_set_parallel(w.s, 2);
    assert_int_equal(pick(&w), 0);
    assert_int_equal(pick(&w), 1);
    assert_int_equal(pick(&w), -1);
    assert_int_equal(sched_view(w.s, 2, w.now).state, SCHED_WAITING);
    done(&w, 1);
    assert_int_equal(pick(&w), 2);
    assert_int_equal(pick(&w), -1);
    sched_trigger(w.s, 1); // by hand: at once
    assert_int_equal(pick(&w), 1);
    done(&w, 0);
    done(&w, 1);
    assert_int_equal(pick(&w), 3);
    fini(&w);
}

TEST(after_waits_for_the_success_of_every_one)
{
    struct world w;
    enum sched_reason why;
    const struct str names[] = {STR("a"), STR("b")};
    init(&w);
    add(&w, "a");
    add(&w, "b");
    add(&w, "c")->after = (struct conf_texts){names, 2, {1, 1}};
    start(&w);
    sched_trigger(w.s, 0);
    assert_int_equal(pick(&w), 0);
    done(&w, 0);
    assert_int_equal(pick(&w), -1);
    sched_trigger(w.s, 1);
    assert_int_equal(pick(&w), 1);
    assert_int_equal(sched_finished(w.s, 1, SCHED_FATAL, w.now), SCHED_ALERT);
    assert_int_equal(pick(&w), -1);
    sched_trigger(w.s, 1);
    assert_int_equal(pick(&w), 1);
    done(&w, 1);
    assert_true(pick_for(&w, &why) == 2 && why == SCHED_BY_AFTER);
    done(&w, 2);
    assert_int_equal(pick(&w), -1);
    fini(&w);
}

// Three jobs by hand; the third after the other two.
static void chain(struct world *w)
{
    static const struct str names[] = {{"a", 1}, {"b", 1}};
    init(w);
    add(w, "a");
    add(w, "b");
    add(w, "c")->after = (struct conf_texts){names, 2, {1, 1}};
    start(w);
}

static void by_hand_done(struct world *w, size_t job)
{
    sched_trigger(w->s, job);
    assert_int_equal(pick(w), job);
    done(w, job);
}

TEST(what_a_job_waits_for_is_not_forgotten_when_the_daemon_dies)
{
    struct world w;
    enum sched_reason why;
    chain(&w);
    by_hand_done(&w, 0);
    w.now.wall_ms -= DAY; // no clock has a say in it
    restart(&w);
    assert_int_equal(pick(&w), -1);
    by_hand_done(&w, 1);
    restart(&w); // before it could begin
    assert_true(pick_for(&w, &why) == 2 && why == SCHED_BY_AFTER);
    done(&w, 2);
    restart(&w);
    assert_int_equal(pick(&w), -1);
    by_hand_done(&w, 1);
    assert_int_equal(pick(&w), -1);
    by_hand_done(&w, 0);
    assert_int_equal(pick(&w), 2);
    by_hand_done(&w, 0); // while it runs
    by_hand_done(&w, 1);
    restart(&w); // it was cut off: one run for all of that
    assert_true(pick_for(&w, &why) == 2 && why == SCHED_INTERRUPTED);
    done(&w, 2);
    assert_int_equal(pick(&w), -1);
    fini(&w);
}

TEST(a_chance_that_came_while_it_was_paused_does_not_come_back_after_a_restart)
{
    struct world w;
    chain(&w);
    sched_pause(w.s, 2);
    by_hand_done(&w, 0);
    by_hand_done(&w, 1);
    restart(&w);
    sched_resume(w.s, 2, w.now);
    restart(&w);
    assert_int_equal(pick(&w), -1);
    by_hand_done(&w, 0);
    by_hand_done(&w, 1);
    assert_int_equal(pick(&w), 2);
    fini(&w);
}

TEST(a_job_that_is_new_waits_for_successes_from_now_on)
{
    struct world w;
    chain(&w);
    by_hand_done(&w, 0);
    by_hand_done(&w, 1);
    assert_int_equal(pick(&w), 2);
    done(&w, 2);
    for (size_t i = 0; i < 2; i++)
        w.memory[i] = *sched_memory(w.s, i);
    w.memory[2] = (struct sched_memory){0};
    start(&w);
    assert_int_equal(pick(&w), -1);
    by_hand_done(&w, 0);
    assert_int_equal(pick(&w), -1);
    by_hand_done(&w, 1);
    assert_int_equal(pick(&w), 2);
    fini(&w);
}

TEST(failures_are_retried_with_growing_waits_and_then_told_once)
{
    struct world w;
    enum sched_reason why;
    init(&w);
    every(&w, "a", DAY);
    start(&w);
    int64_t last = 0;
    assert_int_equal(pick(&w), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sched_finished(w.s, 0, SCHED_FAILED, w.now), SCHED_RETRY);
        assert_int_equal(sched_view(w.s, 0, w.now).state, SCHED_RETRYING);
        const int64_t wait = sched_wait_ms(w.s, w.now);
        assert_true(wait > last && wait <= MINUTE * 5 / 4);
        last = wait;
        pass(&w, wait);
        assert_true(pick_for(&w, &why) == 0 && why == SCHED_BY_RETRY);
    }
    assert_int_equal(sched_finished(w.s, 0, SCHED_FAILED, w.now), SCHED_ALERT);
    assert_int_equal(pick(&w), -1);
    pass(&w, DAY);
    assert_int_equal(pick(&w), 0);
    assert_int_equal(sched_finished(w.s, 0, SCHED_FAILED, w.now), SCHED_QUIET);
    assert_int_equal(sched_memory(w.s, 0)->failures, 5);
    sched_trigger(w.s, 0);
    assert_int_equal(pick(&w), 0);
    done(&w, 0);
    assert_int_equal(sched_memory(w.s, 0)->failures, 0);
    fini(&w);
}

TEST(what_cannot_pass_is_not_retried)
{
    struct world w;
    init(&w);
    every(&w, "a", HOUR);
    start(&w);
    assert_int_equal(pick(&w), 0);
    assert_int_equal(sched_finished(w.s, 0, SCHED_FATAL, w.now), SCHED_ALERT);
    assert_int_equal(sched_view(w.s, 0, w.now).state, SCHED_IDLE);
    assert_int_equal(sched_wait_ms(w.s, w.now), HOUR);
    fini(&w);
}

TEST(a_pause_holds_what_is_due_and_outlives_the_process)
{
    struct world w;
    init(&w);
    cron(&w, "a", "0 * * * *");
    start(&w);
    sched_pause(w.s, 0);
    pass(&w, 3 * HOUR);
    assert_int_equal(pick(&w), -1);
    restart(&w);
    assert_int_equal(sched_view(w.s, 0, w.now).state, SCHED_PAUSED);
    pass(&w, 3 * HOUR);
    assert_int_equal(pick(&w), -1);
    sched_trigger(w.s, 0);
    assert_int_equal(pick(&w), 0); // by hand it runs
    done(&w, 0);
    sched_resume(w.s, 0, w.now);
    assert_int_equal(pick(&w), -1); // nothing was missed
    pass(&w, HOUR);
    assert_int_equal(pick(&w), 0);
    fini(&w);
}

TEST(a_timeout_is_said_once_per_run)
{
    struct world w;
    init(&w);
    every(&w, "a", HOUR)->timeout_ms = MINUTE;
    start(&w);
    assert_int_equal(pick(&w), 0);
    assert_false(sched_timed_out(w.s, 0, w.now));
    assert_int_equal(sched_wait_ms(w.s, w.now), MINUTE);
    pass(&w, MINUTE);
    assert_true(sched_timed_out(w.s, 0, w.now));
    assert_false(sched_timed_out(w.s, 0, w.now));
    assert_int_equal(sched_finished(w.s, 0, SCHED_FAILED, w.now), SCHED_RETRY);
    fini(&w);
}

TEST(jitter_is_bounded_and_always_the_same)
{
    int64_t waits[2];
    for (int i = 0; i < 2; i++) {
        struct world w;
        init(&w);
        cron(&w, "a", "0 * * * *")->jitter_ms = 10 * MINUTE;
        w.now.wall_ms += 30 * MINUTE;
        start(&w);
        waits[i] = sched_view(w.s, 0, w.now).next_ms - w.now.wall_ms;
        assert_true(waits[i] >= 30 * MINUTE && waits[i] <= 40 * MINUTE);
        fini(&w);
    }
    assert_true(waits[0] == waits[1] && waits[0] != 30 * MINUTE);
}

TEST(a_reload_keeps_what_runs_and_what_waits)
{
    struct world w;
    init(&w);
    every(&w, "a", HOUR);
    every(&w, "b", HOUR);
    start(&w);
    sched_set_parallel(w.s, 1);
    assert_int_equal(pick(&w), 0);
    struct sched *old = w.s;
    for (size_t i = 0; i < w.n; i++)
        w.memory[i] = *sched_memory(w.s, i);
    w.s = sched_new(w.a, w.jobs, w.n, w.memory, w.now, SCHED_RELOAD);
    sched_carry(w.s, old);
    sched_set_parallel(w.s, 1);
    assert_int_equal(pick(&w), -1);
    done(&w, 0);
    assert_int_equal(pick(&w), 1); // it waited before the reload
    done(&w, 1);
    assert_int_equal(pick(&w), -1);
    fini(&w);
}

TEST(a_stream_begins_again_for_ever_beside_all_others)
{
    struct world w;
    init(&w);
    add(&w, "s")->trigger = SPEC_TRIGGER_STREAM;
    every(&w, "a", HOUR);
    start(&w);
    sched_set_parallel(w.s, 1);
    assert_int_equal(pick(&w), 0);
    assert_int_equal(pick(&w), 1);
    done(&w, 1);
    for (int i = 0; i < 20; i++) {
        const enum sched_verdict v = sched_finished(w.s, 0, SCHED_FAILED, w.now);
        assert_int_equal(v, i < 3 ? SCHED_RETRY : i == 3 ? SCHED_ALERT : SCHED_QUIET);
        pass(&w, 2 * MINUTE);
        assert_int_equal(pick(&w), 0);
    }
    fini(&w);
}

TEST(a_command_holds_its_job_and_a_stream_goes_on_after_it)
{
    struct world w;
    init(&w);
    add(&w, "s")->trigger = SPEC_TRIGGER_STREAM;
    every(&w, "a", HOUR);
    start(&w);
    assert_int_equal(pick(&w), 0);
    assert_false(sched_hold(w.s, 0)); // it runs
    assert_true(sched_hold(w.s, 1));
    assert_int_equal(pick(&w), -1);
    sched_release(w.s, 1);
    assert_int_equal(pick(&w), 1);
    assert_int_equal(sched_finished(w.s, 0, SCHED_STOPPED, w.now), SCHED_QUIET);
    assert_true(sched_hold(w.s, 0));
    assert_int_equal(pick(&w), -1);
    sched_release(w.s, 0);
    assert_int_equal(pick(&w), 0);
    sched_pause(w.s, 0);
    assert_int_equal(sched_finished(w.s, 0, SCHED_STOPPED, w.now), SCHED_QUIET);
    assert_int_equal(pick(&w), -1);
    sched_resume(w.s, 0, w.now);
    assert_int_equal(pick(&w), 0);
    pass(&w, MINUTE);
    sched_progressed(w.s, 0, w.now);
    assert_true(sched_memory(w.s, 0)->done_ms == w.now.wall_ms);
    fini(&w);
}

TEST_MAIN(T(a_command_holds_its_job_and_a_stream_goes_on_after_it),
          T(an_interval_begins_at_once_and_then_on_its_grid),
          T(the_wall_clock_may_jump_without_touching_intervals),
          T(a_restart_neither_begins_too_early_nor_waits_twice),
          T(a_run_that_the_process_died_in_begins_again), T(cron_fires_once_per_instant_for_a_year),
          T(a_clock_set_back_does_not_fire_twice),
          T(a_clock_that_was_far_ahead_does_not_stop_cron_for_ever),
          T(missed_instants_are_one_run_or_none),
          T(what_is_due_during_a_run_is_skipped_or_queued_once),
          T(no_more_than_max_parallel_run_and_the_others_keep_their_order),
          T(after_waits_for_the_success_of_every_one),
          T(what_a_job_waits_for_is_not_forgotten_when_the_daemon_dies),
          T(a_chance_that_came_while_it_was_paused_does_not_come_back_after_a_restart),
          T(a_job_that_is_new_waits_for_successes_from_now_on),
          T(failures_are_retried_with_growing_waits_and_then_told_once),
          T(what_cannot_pass_is_not_retried), T(a_pause_holds_what_is_due_and_outlives_the_process),
          T(a_timeout_is_said_once_per_run), T(jitter_is_bounded_and_always_the_same),
          T(a_reload_keeps_what_runs_and_what_waits),
          T(a_stream_begins_again_for_ever_beside_all_others))
