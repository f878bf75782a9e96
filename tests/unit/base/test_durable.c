#include "base/durable.h"

#include "base/mem.h"
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static bool add_one(void *arg, struct err *e)
{
    (void)e;
    ++*(int *)arg;
    return true;
}

static bool refuse(void *arg, struct err *e)
{
    ++*(int *)arg;
    return err_fail(e, ERR_REMOTE, "server said no");
}

static struct fault_spec fault(const char *site, uint64_t occurrence, enum fault_action action)
{
    struct fault_spec f = {.occurrence = occurrence, .action = action};
    memcpy(f.site, site, strlen(site));
    return f;
}

TEST(without_a_fault_calls_are_done_and_counted_per_site)
{
    struct err e;
    struct durable *d = durable_new(DURABLE_KILL);
    int done = 0;
    assert_ok(durable_call(d, "a.x", add_one, &done, &e), &e);
    assert_ok(durable_call(d, "b.y", add_one, &done, &e), &e);
    assert_ok(durable_call(d, "a.x", add_one, &done, &e), &e);
    assert_int_equal(done, 3);
    assert_int_equal(durable_site_count(d), 2);
    uint64_t calls = 0;
    assert_string_equal(durable_site(d, 0, &calls), "a.x");
    assert_int_equal(calls, 2);
    assert_string_equal(durable_site(d, 1, &calls), "b.y");
    assert_int_equal(calls, 1);
    assert_false(durable_fired(d));
    durable_set_fault(d, NULL);
    assert_int_equal(durable_site_count(d), 0);
    durable_free(d);
}

TEST(a_crash_before_has_no_effect_and_everything_after_it_fails)
{
    struct err e;
    struct durable *d = durable_new(DURABLE_DEAD);
    const struct fault_spec f = fault("a", 2, FAULT_CRASH_BEFORE);
    durable_set_fault(d, &f);
    int done = 0;
    assert_ok(durable_call(d, "a", add_one, &done, &e), &e);
    assert_ok(durable_call(d, "b", add_one, &done, &e), &e);
    assert_fails(durable_call(d, "a", add_one, &done, &e), &e, ERR_CANCELLED, "dead");
    assert_true(durable_dead(d) && durable_fired(d));
    assert_fails(durable_call(d, "b", add_one, &done, &e), &e, ERR_CANCELLED, "dead");
    assert_int_equal(done, 2);
    uint64_t calls = 0;
    durable_site(d, 1, &calls);
    assert_int_equal(calls, 1); // what was refused is not counted
    durable_set_fault(d, NULL);
    assert_ok(durable_call(d, "b", add_one, &done, &e), &e); // a new life
    durable_free(d);
}

TEST(a_crash_after_has_its_effect_and_nothing_else_has)
{
    struct err e;
    struct durable *d = durable_new(DURABLE_DEAD);
    const struct fault_spec f = fault("a", 1, FAULT_CRASH_AFTER);
    durable_set_fault(d, &f);
    int done = 0;
    assert_fails(durable_call(d, "a", add_one, &done, &e), &e, ERR_CANCELLED, "dead");
    assert_fails(durable_call(d, "a", add_one, &done, &e), &e, ERR_CANCELLED, "dead");
    assert_int_equal(done, 1);
    durable_free(d);
}

TEST(an_injected_error_has_no_effect_and_the_next_call_works)
{
    struct err e;
    struct durable *d = durable_new(DURABLE_DEAD);
    struct fault_spec f = fault("a", 1, FAULT_ERROR);
    f.sys_errno = ENOSPC;
    durable_set_fault(d, &f);
    int done = 0;
    assert_fails(durable_call(d, "a", add_one, &done, &e), &e, ERR_IO, "No space left");
    assert_int_equal(e.sys_errno, ENOSPC);
    assert_int_equal(done, 0);
    assert_ok(durable_call(d, "a", add_one, &done, &e), &e);
    assert_int_equal(done, 1);
    assert_false(durable_dead(d));
    durable_free(d);
}

TEST(a_lost_reply_is_done_but_reported_as_failed)
{
    struct err e;
    struct durable *d = durable_new(DURABLE_DEAD);
    const struct fault_spec f = fault("a", 1, FAULT_REPLY_LOST);
    durable_set_fault(d, &f);
    int done = 0;
    assert_fails(durable_call_remote(d, "a", add_one, &done, &e), &e, ERR_REMOTE,
                 "loss of the reply");
    assert_int_equal(e.remedy, REMEDY_RECONNECT);
    assert_int_equal(done, 1);
    durable_free(d);
}

TEST(a_failure_of_the_effect_itself_keeps_its_own_error)
{
    struct err e;
    struct durable *d = durable_new(DURABLE_DEAD);
    const struct fault_spec f = fault("a", 1, FAULT_REPLY_LOST);
    durable_set_fault(d, &f);
    int done = 0;
    assert_fails(durable_call(d, "a", refuse, &done, &e), &e, ERR_REMOTE, "server said no");
    assert_int_equal(done, 1);
    durable_free(d);
}

TEST(a_fault_without_a_site_counts_over_all_sites)
{
    struct err e;
    struct durable *d = durable_new(DURABLE_DEAD);
    const struct fault_spec f = fault("", 3, FAULT_ERROR);
    durable_set_fault(d, &f);
    int done = 0;
    assert_ok(durable_call(d, "a", add_one, &done, &e), &e);
    assert_ok(durable_call(d, "b", add_one, &done, &e), &e);
    assert_fails(durable_call(d, "c", add_one, &done, &e), &e, ERR_IO, "c: injected error");
    assert_ok(durable_call(d, "c", add_one, &done, &e), &e);
    durable_free(d);
}

TEST(faults_are_read_from_text)
{
    struct err e;
    struct durable *d = durable_new(DURABLE_DEAD);
    int done = 0;
    assert_ok(durable_parse_faults(d, "a:2:error,b:*:enospc,*:6:crash", &e), &e);
    assert_ok(durable_call(d, "a", add_one, &done, &e), &e);
    assert_fails(durable_call(d, "a", add_one, &done, &e), &e, ERR_IO, "Input/output");
    assert_fails(durable_call(d, "b", add_one, &done, &e), &e, ERR_IO, "No space");
    assert_fails(durable_call(d, "b", add_one, &done, &e), &e, ERR_IO, "No space");
    assert_ok(durable_call(d, "c", add_one, &done, &e), &e);
    assert_fails(durable_call(d, "c", add_one, &done, &e), &e, ERR_CANCELLED, "dead");
    assert_ok(durable_parse_faults(d, "", &e), &e);
    assert_false(durable_dead(d));
    const char *bad[] = {"a",
                         "a:1",
                         "a:0:crash",
                         "a:x:crash",
                         "a:1:boom",
                         "a:1:crash:",
                         "0123456789012345678901234567890123456789012345678:1:crash"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(durable_parse_faults(d, bad[i], &e), &e, ERR_CONFIG, "fault");
    durable_free(d);
}

TEST(in_kill_mode_a_crash_is_a_real_sigkill)
{
    for (int after = 0; after < 2; after++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            struct err e;
            struct durable *d = durable_new(DURABLE_KILL);
            const struct fault_spec f =
                fault("w", 1, after ? FAULT_CRASH_AFTER : FAULT_CRASH_BEFORE);
            durable_set_fault(d, &f);
            if (!durable_write(d, "w", ends[1], "pipe", "x", 1, &e))
                _exit(2);
            _exit(0);
        }
        close(ends[1]);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        char c = 0;
        assert_int_equal(read(ends[0], &c, 1), after);
        close(ends[0]);
    }
}

struct shared {
    struct durable *d;
    atomic_int done, cancelled;
};

static bool add_shared(void *arg, struct err *e)
{
    (void)e;
    atomic_fetch_add(&((struct shared *)arg)->done, 1);
    return true;
}

static void *call_often(void *arg)
{
    struct shared *s = arg;
    struct err e;
    for (int i = 0; i < 1000; i++) {
        if (!durable_call(s->d, "a", add_shared, s, &e))
            atomic_fetch_add(&s->cancelled, 1);
    }
    return NULL;
}

TEST(threads_agree_on_the_moment_of_the_crash)
{
    struct shared s = {.d = durable_new(DURABLE_DEAD)};
    const struct fault_spec f = fault("a", 1500, FAULT_CRASH_BEFORE);
    durable_set_fault(s.d, &f);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, call_often, &s), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(atomic_load(&s.done), 1499);
    assert_int_equal(atomic_load(&s.cancelled), 4000 - 1499);
    durable_free(s.d);
}

TEST_MAIN(T(without_a_fault_calls_are_done_and_counted_per_site),
          T(a_crash_before_has_no_effect_and_everything_after_it_fails),
          T(a_crash_after_has_its_effect_and_nothing_else_has),
          T(an_injected_error_has_no_effect_and_the_next_call_works),
          T(a_lost_reply_is_done_but_reported_as_failed),
          T(a_failure_of_the_effect_itself_keeps_its_own_error),
          T(a_fault_without_a_site_counts_over_all_sites), T(faults_are_read_from_text),
          T(in_kill_mode_a_crash_is_a_real_sigkill), T(threads_agree_on_the_moment_of_the_crash))
