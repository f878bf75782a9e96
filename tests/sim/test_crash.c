// Every durable call of three runs, each failing in each way: after starting again and going on, everything visible outside is
// what it is without any fault (issue point 11, harness 2). All of them in `make check`, every k-th in `make test`.
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { BACKLOGS = 3, BACKLOG_RECORDS = 90, SETTLE_MAX = 6 };

static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                            FAULT_REPLY_LOST};
static const char *const action_names[] = {
    [FAULT_CRASH_BEFORE] = "crash before",
    [FAULT_CRASH_AFTER] = "crash after",
    [FAULT_ERROR] = "error",
    [FAULT_REPLY_LOST] = "reply lost",
};

// One whole life: three backlogs, a run after each, and an empty one. False: the fault did not happen.
static bool live(struct job_world *w, const struct fault_spec *fault, char *died, size_t size)
{
    struct job_random r = {7};
    bool fired = false;
    died[0] = '\0';
    job_world_restart(w, fault);
    for (int i = 0; i <= BACKLOGS; i++) {
        if (i < BACKLOGS)
            job_scenario_produce(w, &r, BACKLOG_RECORDS, JOB_RECORDS_HOSTILE);
        for (unsigned failed = 0; !job_world_run(w); failed++) {
            if (!died[0])
                (void)snprintf(died, size, "%s", w->text);
            if (failed == SETTLE_MAX)
                fail_msg("does not get well after %s: %s", died, w->text);
            if (durable_dead(w->durable)) {
                fired = true;
                job_world_restart(w, NULL);
            }
        }
    }
    return fired || durable_fired(w->durable);
}

static void compare(struct job_world *w, const struct buf *want, const char *what)
{
    struct buf got;
    buf_init(&got, (size_t)64 << 20);
    job_world_print(&got, w);
    job_world_same(want, &got, what);
    buf_fini(&got);
    job_world_check_receipts(w);
}

TEST(a_fault_at_any_durable_call_leaves_what_an_undisturbed_life_leaves)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct buf want;
    char died[1600], what[1800];
    buf_init(&want, (size_t)64 << 20);
    assert_false(live(w, NULL, died, sizeof died));
    assert_string_equal(died, "");
    job_world_print(&want, w);
    job_world_check_receipts(w);
    uint64_t total = 0;
    for (size_t i = 0; i < durable_site_count(w->durable); i++) {
        uint64_t calls;
        (void)durable_site(w->durable, i, &calls);
        total += calls;
    }
    // A prime step: each action meets other calls.
    uint64_t step = test_is_long() ? 1 : 37, cases = 0;
    for (size_t a = 0; a < sizeof actions / sizeof actions[0]; a++) {
        for (uint64_t n = 1 + (step > 1 ? a * 9 : 0); n <= total; n += step, cases++) {
            const struct fault_spec fault = {.occurrence = n, .action = actions[a]};
            job_world_wipe(w);
            assert_true(live(w, &fault, died, sizeof died));
            (void)snprintf(what, sizeof what, "%s at durable call %llu of %llu (%s)",
                           action_names[actions[a]], (unsigned long long)n,
                           (unsigned long long)total, died);
            compare(w, &want, what);
        }
    }
    print_message("%llu durable calls, %llu cases\n", (unsigned long long)total,
                  (unsigned long long)cases);
    buf_fini(&want);
    job_world_free(w);
}

TEST_MAIN(T(a_fault_at_any_durable_call_leaves_what_an_undisturbed_life_leaves))
