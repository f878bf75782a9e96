// What the memory warehouse has beyond the contract (tests/contract/test_sink.c): looking in, copies, faults.
#include "warehouse/memory/memory.h"

#include "tests/support/sink_world.h"

static void setup(void *arg)
{
    (void)arg;
    memory_forget(NULL);
}

static void url(struct warehouse_url *out, void *arg)
{
    (void)arg;
    *out = (struct warehouse_url){
        .scheme = STR("memory"), .host = STR("w"), .display = STR("memory://w")};
}

static void rows(struct buf *out, void *arg, const char *table, const char *columns)
{
    (void)arg;
    (void)columns;
    memory_print_table(out, "w", table);
}

static struct world *fresh(void)
{
    static const struct store store = {.name = "memory",
                                       .kind = STORE_MEMORY,
                                       .type = &sink_memory,
                                       .setup = setup,
                                       .teardown = setup,
                                       .url = url,
                                       .rows = rows};
    setup(NULL);
    struct world *w = world_new(&store);
    world_standard(w);
    assert_ok(world_open(w), &w->e);
    return w;
}

static void end(struct world *w)
{
    world_free(w);
    memory_forget(NULL);
}

TEST(tables_and_heads_can_be_looked_into)
{
    struct world *w = fresh();
    assert_ok(world_deliver(w, BLOCK(w, {"b", 2, "2.00"}, {"a", 1, "1.00"})), &w->e);
    struct buf b;
    buf_init(&b, 1 << 16);
    assert_true(memory_get(&b, "w", "t", "a"));
    assert_str(buf_view(&b), "id=a|n=1|amount=1.00");
    assert_false(memory_get(&b, "w", "t", "c"));
    buf_clear(&b);
    memory_print(&b, "w");
    assert_str(buf_view(&b), "table t\na|1|1.00\nb|2|2.00\nhead job 0 OUT t: 1 9e3779b97f4a7c15\n");
    buf_fini(&b);
    struct head h;
    assert_true(memory_head(&h, "w", "job", 0, "OUT", "t"));
    assert_int_equal(h.batch, 1);
    assert_int_equal(memory_rows("w", "t"), 2);
    assert_int_equal(memory_commits("w"), 1);
    assert_true(memory_has_table("w", "t") && !memory_has_table("w", "u"));
    end(w);
}

TEST(a_commit_can_lie)
{
    struct world *w = fresh();
    const struct commit_step step = world_step(w);
    memory_fail("w", MEMORY_COMMIT, 1, MEMORY_LIE, REMEDY_RECONNECT);
    assert_false(world_deliver(w, BLOCK(w, {"a", 1, "1.00"})));
    assert_int_equal(w->e.remedy, REMEDY_RECONNECT);
    assert_int_equal(memory_rows("w", "t"), 1);
    assert_int_equal(world_begin(w, &step), HEAD_REPLAY);
    end(w);
}

TEST(any_call_can_fail_at_its_nth_time)
{
    struct world *w = fresh();
    static const enum memory_call calls[] = {MEMORY_BEGIN, MEMORY_WRITE, MEMORY_COMMIT};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        memory_fail("w", calls[i], 2, MEMORY_FAIL, REMEDY_RETRY_RUN);
        assert_ok(world_deliver(w, BLOCK(w, {"a", 1, "1.00"})), &w->e);
        const uint64_t commits = memory_commits("w");
        assert_false(world_deliver(w, BLOCK(w, {"b", 1, "1.00"})));
        assert_int_equal(w->e.kind, ERR_REMOTE);
        assert_int_equal(memory_commits("w"), commits);
        assert_int_equal(memory_rows("w", "t"), 1);
    }
    struct head h;
    memory_fail("w", MEMORY_HEAD, 1, MEMORY_FAIL, REMEDY_RETRY_RUN);
    assert_fails(w->store->type->head(w->sink, &h, &w->e), &w->e, ERR_REMOTE, "asked for");
    world_close(w);
    memory_fail("w", MEMORY_OPEN, 1, MEMORY_FAIL, REMEDY_RETRY_RUN);
    assert_fails(world_open(w), &w->e, ERR_REMOTE, "asked for");
    memory_power("w", MEMORY_DOWN);
    assert_fails(world_open(w), &w->e, ERR_REMOTE, "connection refused");
    memory_power("w", MEMORY_UP);
    assert_ok(world_open(w), &w->e);
    end(w);
}

TEST(a_backup_that_is_restored_is_older)
{
    struct world *w = fresh();
    assert_ok(world_deliver(w, BLOCK(w, {"a", 1, "1.00"})), &w->e);
    memory_copy("backup", "w");
    assert_ok(world_deliver(w, BLOCK(w, {"b", 1, "1.00"})), &w->e);
    world_close(w);
    memory_copy("w", "backup");
    assert_ok(world_open(w), &w->e);
    assert_int_equal(memory_rows("w", "t"), 1);
    const struct commit_step step = world_step(w);
    assert_int_equal(world_begin(w, &step), HEAD_OLDER);
    end(w);
}

TEST(a_row_can_be_refused_by_its_key)
{
    struct world *w = fresh();
    memory_reject("w", "t", "b");
    assert_fails(world_deliver(w, BLOCK(w, {"a", 1, "1.00"}, {"b", 1, "1.00"})), &w->e, ERR_DATA,
                 "table t, row id='b'");
    assert_int_equal(memory_rows("w", "t"), 0);
    memory_reject("w", "t", "");
    assert_ok(world_deliver(w, BLOCK(w, {"b", 1, "1.00"})), &w->e);
    end(w);
}

TEST_MAIN(T(tables_and_heads_can_be_looked_into), T(a_commit_can_lie),
          T(any_call_can_fail_at_its_nth_time), T(a_backup_that_is_restored_is_older),
          T(a_row_can_be_refused_by_its_key))
