#include "base/arena.h"

#include "tests/support/test.h"

struct trace {
    char text[16];
    size_t n;
};
struct mark {
    struct trace *t;
    char c;
};

static void leave_mark(void *arg)
{
    const struct mark *m = arg;
    m->t->text[m->t->n++] = m->c;
}

TEST(handlers_run_newest_first_and_children_before_parents)
{
    struct trace t = {.n = 0};
    struct mark m[] = {{&t, 'a'}, {&t, 'b'}, {&t, 'c'}};
    struct arena *a = arena_new(NULL);
    struct arena *child = arena_new(a);
    arena_on_free(a, leave_mark, &m[0]);
    arena_on_free(a, leave_mark, &m[1]);
    arena_on_free(child, leave_mark, &m[2]);
    arena_free(a);
    assert_string_equal(t.text, "cba");
}

TEST(resetting_runs_handlers_once_and_frees_children)
{
    struct trace t = {.n = 0};
    struct mark m = {&t, 'a'};
    struct arena *a = arena_new(NULL);
    arena_alloc(arena_new(a), 100000);
    arena_on_free(a, leave_mark, &m);
    arena_reset(a);
    assert_int_equal(t.n, 1);
    arena_free(a);
    assert_int_equal(t.n, 1);
}

TEST(any_child_may_be_freed_first)
{
    struct arena *a = arena_new(NULL);
    struct arena *c[3];
    for (int i = 0; i < 3; i++)
        c[i] = arena_new(a);
    arena_free(c[1]);
    arena_free(c[2]);
    arena_alloc(c[0], 10);
    arena_free(a);
}

TEST(allocations_are_aligned_and_do_not_overlap)
{
    struct arena *a = arena_new(NULL);
    unsigned char *p[200];
    for (size_t i = 0; i < 200; i++) {
        p[i] = arena_alloc(a, i * 37);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i, i * 37);
    }
    for (size_t i = 1; i < 200; i++) {
        assert_int_equal(p[i][0], (unsigned char)i);
        assert_int_equal(p[i][i * 37 - 1], (unsigned char)i);
    }
    assert_true(arena_bytes(a) >= 37 * 199 * 200 / 2);
    arena_free(a);
}

TEST(an_arena_reset_in_a_loop_settles_at_one_size)
{
    struct arena *a = arena_new(NULL);
    size_t settled = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 500; i++)
            arena_alloc(a, (size_t)(i % 7) * 3000 + 5);
        if (round == 5)
            settled = arena_bytes(a);
        if (round > 5)
            assert_true(arena_bytes(a) <= settled);
        arena_reset(a);
    }
    arena_reset(a);
    assert_int_equal(arena_bytes(a), 0);
    arena_free(a);
}

TEST(cleared_memory_is_zero_after_reuse)
{
    struct arena *a = arena_new(NULL);
    memset(arena_alloc(a, 64), 0xFF, 64);
    arena_reset(a);
    const char *p = arena_zalloc(a, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(p[i], 0);
    arena_free(a);
}

TEST(copies_are_terminated_and_printing_takes_any_length)
{
    struct arena *a = arena_new(NULL);
    const struct str s = arena_str(a, (struct str){"abcdef", 3});
    assert_string_equal(s.p, "abc");
    const struct str none = arena_str(a, STR_NONE);
    assert_int_equal(none.n, 0);
    assert_string_equal(arena_strdup(a, "xyz"), "xyz");
    const struct str p = arena_printf(a, "%0600d|%s", 1, "end");
    assert_int_equal(p.n, 604);
    assert_string_equal(p.p + 600, "|end");
    arena_free(a);
}

TEST_MAIN(T(handlers_run_newest_first_and_children_before_parents),
          T(resetting_runs_handlers_once_and_frees_children), T(any_child_may_be_freed_first),
          T(allocations_are_aligned_and_do_not_overlap),
          T(an_arena_reset_in_a_loop_settles_at_one_size), T(cleared_memory_is_zero_after_reuse),
          T(copies_are_terminated_and_printing_takes_any_length))
