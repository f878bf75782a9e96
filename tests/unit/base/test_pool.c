#include "base/pool.h"

#include "base/mem.h"
#include "tests/support/test.h"

struct square {
    struct pool_task task; // first: run() gets it back
    uint64_t in, out;
    atomic_uint *runs;
};

static void run_square(struct pool_task *task)
{
    struct square *s = (struct square *)(void *)task;
    s->out = s->in * s->in;
    atomic_fetch_add(s->runs, 1);
}

static void results_arrive_in_submission_order(size_t threads)
{
    enum { N = 500 };
    atomic_uint runs = 0;
    struct square *s = mem_zalloc(N * sizeof *s);
    struct pool *p = pool_new(threads);
    assert_int_equal(pool_threads(p), threads);
    for (size_t i = 0; i < N; i++) {
        s[i] = (struct square){.task = {.run = run_square}, .in = i, .runs = &runs};
        pool_submit(p, &s[i].task);
    }
    for (size_t i = 0; i < N; i++) {
        pool_wait(p, &s[i].task);
        assert_int_equal(s[i].out, i * i);
    }
    assert_int_equal(atomic_load(&runs), N);
    pool_free(p);
    mem_free(s);
}

TEST(without_threads_tasks_run_on_the_caller)
{
    results_arrive_in_submission_order(0);
}

TEST(one_thread_gives_the_same_results)
{
    results_arrive_in_submission_order(1);
}

TEST(four_threads_give_the_same_results)
{
    results_arrive_in_submission_order(4);
}

TEST(freeing_runs_what_was_submitted)
{
    atomic_uint runs = 0;
    struct square s[20];
    struct pool *p = pool_new(2);
    for (size_t i = 0; i < 20; i++) {
        s[i] = (struct square){.task = {.run = run_square}, .in = i, .runs = &runs};
        pool_submit(p, &s[i].task);
    }
    pool_free(p);
    assert_int_equal(atomic_load(&runs), 20);
}

TEST(a_task_may_be_submitted_again_after_it_was_waited_for)
{
    atomic_uint runs = 0;
    struct square s = {.task = {.run = run_square}, .in = 3, .runs = &runs};
    struct pool *p = pool_new(2);
    for (unsigned i = 0; i < 100; i++) {
        pool_submit(p, &s.task);
        pool_wait(p, &s.task);
        assert_int_equal(atomic_load(&runs), i + 1);
    }
    pool_wait(p, &s.task); // again is fine
    pool_free(p);
}

TEST_MAIN(T(without_threads_tasks_run_on_the_caller), T(one_thread_gives_the_same_results),
          T(four_threads_give_the_same_results), T(freeing_runs_what_was_submitted),
          T(a_task_may_be_submitted_again_after_it_was_waited_for))
