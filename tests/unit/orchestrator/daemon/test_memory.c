#include "orchestrator/daemon/memory.h"

#include "base/durable.h"
#include "tests/support/dir.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    struct test_dir dir;
    struct arena *a;
    struct durable *durable;
    struct memory m;
    struct err e;
};

static void init(struct place *p)
{
    test_dir_init(&p->dir);
    p->a = arena_new(NULL);
    p->durable = durable_new(DURABLE_DEAD);
}

static void fini(struct place *p)
{
    durable_free(p->durable);
    arena_free(p->a);
    test_dir_fini(&p->dir);
}

TEST(what_is_stored_is_there_after_a_new_start)
{
    struct place p;
    int lock;
    init(&p);
    assert_ok(memory_load(&p.m, p.a, p.dir.path, &p.e), &p.e);
    assert_int_equal(p.m.n, 0);
    assert_ok(memory_lock(&lock, p.dir.path, p.durable, &p.e), &p.e);
    struct memory_job *j = memory_job(&p.m, STR("a"));
    j->sched = (struct sched_memory){.fired_ms = 1,
                                     .began_ms = 2,
                                     .done_ms = 3,
                                     .failures = 4,
                                     .began_seq = 7,
                                     .done_seq = 8,
                                     .paused = true,
                                     .running = true,
                                     .alerted = true};
    j->lag = 5;
    j->lag_ms = 6;
    memory_job(&p.m, STR("b"));
    assert_ok(memory_store(&p.m, p.dir.path, p.durable, &p.e), &p.e);
    struct memory again;
    assert_ok(memory_load(&again, p.a, p.dir.path, &p.e), &p.e);
    assert_int_equal(again.n, 2);
    assert_memory_equal(&memory_job(&again, STR("a"))->sched, &j->sched, sizeof j->sched);
    assert_true(memory_job(&again, STR("a"))->lag == 5 && again.jobs[0].lag_ms == 6);
    assert_true(memory_job(&again, STR("b"))->lag == -1);
    close(lock);
    fini(&p);
}

TEST(a_damaged_memory_is_said_to_be_one)
{
    struct place p;
    int lock;
    char path[512];
    init(&p);
    assert_ok(memory_lock(&lock, p.dir.path, p.durable, &p.e), &p.e);
    test_dir_file(path, &p.dir, "_daemon/sched.json");
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{\"format\":1}",
                                      "{\"format\":9,\"jobs\":[]}",
                                      "{\"format\":1,\"jobs\":[{\"job\":7}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_ok(durable_replace(p.durable, "t", path, str_from(bad[i]), &p.e), &p.e);
        if (memory_load(&p.m, p.a, p.dir.path, &p.e))
            fail_msg("accepted: %s", bad[i]);
        assert_non_null(strstr(p.e.hint, "may be deleted"));
    }
    close(lock);
    fini(&p);
}

TEST(one_daemon_owns_a_state_directory_and_the_second_is_told_which)
{
    struct place p;
    int lock;
    int second;
    char path[512];
    char pid[32];
    struct stat st;
    init(&p);
    assert_ok(memory_lock(&lock, p.dir.path, p.durable, &p.e), &p.e);
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    assert_fails(memory_lock(&second, p.dir.path, p.durable, &p.e), &p.e, ERR_FENCED, pid);
    assert_int_equal(stat(test_dir_file(path, &p.dir, "_daemon"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    close(lock);
    assert_ok(memory_lock(&second, p.dir.path, p.durable, &p.e), &p.e);
    close(second);
    fini(&p);
}

TEST_MAIN(T(what_is_stored_is_there_after_a_new_start), T(a_damaged_memory_is_said_to_be_one),
          T(one_daemon_owns_a_state_directory_and_the_second_is_told_which))
