#include "base/mem.h"
#include "base/vec.h"

#include "tests/support/test.h"

TEST(a_budget_names_itself_when_full_and_takes_nothing)
{
    struct err e;
    struct budget job, batch;
    budget_init(&job, "job", NULL, 100);
    budget_init(&batch, "batch", &job, 0);
    assert_ok(budget_take(&batch, 60, &e), &e);
    assert_fails(budget_take(&batch, 41, &e), &e, ERR_LIMIT, "budget job is full: 41 bytes");
    assert_int_equal(atomic_load(&job.used), 60);
    assert_int_equal(atomic_load(&batch.used), 60);
    assert_ok(budget_take(&batch, 40, &e), &e);
    budget_give(&batch, 100);
    assert_int_equal(atomic_load(&job.used), 0);
}

TEST(an_impossible_request_fails_without_wrapping_around)
{
    struct err e;
    struct budget b;
    budget_init(&b, "b", NULL, 100);
    assert_ok(budget_take(&b, 1, &e), &e);
    assert_fails(budget_take(&b, SIZE_MAX, &e), &e, ERR_LIMIT, "b is full");
    assert_int_equal(atomic_load(&b.used), 1);
}

TEST(zero_bytes_are_a_valid_allocation)
{
    void *p = mem_alloc(0);
    assert_non_null(p);
    p = mem_realloc(p, 0);
    assert_non_null(p);
    mem_free(p);
    mem_free(NULL);
}

TEST(a_vector_grows_and_keeps_its_values)
{
    VEC(int) v = {0};
    for (int i = 0; i < 1000; i++)
        vec_push(&v, i);
    assert_int_equal(v.n, 1000);
    assert_int_equal(v.v[999], 999);
    vec_fini(&v);
    assert_null(v.v);
}

TEST_MAIN(T(a_budget_names_itself_when_full_and_takes_nothing),
          T(an_impossible_request_fails_without_wrapping_around),
          T(zero_bytes_are_a_valid_allocation), T(a_vector_grows_and_keeps_its_values))
