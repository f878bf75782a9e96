// Rows that a warehouse refuses: kept beside their table, counted, gone when a later change of their key is stored. What crashes leave:
// test_crash.c.
#include "jobs/run/control.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

static const unsigned portions[] = {30, 35, 60};

static struct job_world *world(struct job_random *r)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    *r = (struct job_random){5};
    job_scenario_produce(w, r, portions[0], JOB_RECORDS_HOSTILE);
    if (!job_world_run(w))
        fail_msg("%s", w->text);
    job_scenario_produce(w, r, portions[1], JOB_RECORDS_HOSTILE);
    memory_reject(JOB_WORLD_TWO, "users", "user0");
    return w;
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void rejects(struct buf *out)
{
    buf_init(out, 1 << 20);
    memory_print_rejects(out, JOB_WORLD_TWO);
    buf_char(out, 0);
}

static void rejects_are(const char *text)
{
    struct buf out;
    rejects(&out);
    assert_string_equal(out.p, text);
    buf_fini(&out);
}

static uint64_t rejected(struct job_world *w)
{
    struct arena *a = arena_new(NULL);
    struct control c;
    struct batch_record r;
    uint64_t n = 0;
    job_world_control(&c, w, a);
    for (uint64_t batch = 1; batch <= c.last_batch; batch++)
        for (size_t i = 0; job_world_record(&r, w, a, batch) && i < r.target_count; i++)
            n += r.targets[i].rejected;
    arena_free(a);
    return n;
}

TEST(a_row_that_the_warehouse_refuses_is_kept_until_its_key_is_stored)
{
    struct job_random r;
    struct job_world *w = world(&r);
    struct buf held, want;
    run(w);
    assert_int_equal(w->report.rejected, 1);
    rejects(&held);
    assert_non_null(strstr(held.p, "PER_USER users "));
    assert_non_null(strstr(held.p, "{\"usr\":\"user0\"}"));
    run(w); // nothing new: nothing changes
    rejects_are(held.p);
    assert_int_equal(rejected(w), 1);
    // The next change of the key brings the row.
    memory_reject(JOB_WORLD_TWO, "users", "");
    job_scenario_produce(w, &r, portions[2], JOB_RECORDS_HOSTILE);
    run(w);
    rejects_are("");
    buf_fini(&held);
    run(w);
    struct buf got;
    buf_init(&got, 64 << 20);
    job_world_print_rows(&got, w, JOB_WORLD_ORDERED);
    job_world_check_receipts(w);
    job_world_free(w);
    job_scenario_still(&want, &job_scenario_transactions, NULL, 5, portions, 3);
    job_world_same(&want, &got, "compared with a life in which nothing was refused");
    buf_fini(&got);
    buf_fini(&want);
}

TEST(a_batch_whose_reply_was_lost_has_its_refused_rows_in_the_receipt)
{
    struct job_random r;
    struct job_world *w = world(&r);
    memory_fail(JOB_WORLD_TWO, MEMORY_COMMIT, 1, MEMORY_LIE, REMEDY_FATAL);
    assert_false(job_world_run(w));
    assert_int_equal(rejected(w), 0);
    run(w);
    assert_int_equal(w->report.rejected, 1);
    assert_int_equal(rejected(w), 1);
    job_world_free(w);
}

TEST_MAIN(T(a_row_that_the_warehouse_refuses_is_kept_until_its_key_is_stored),
          T(a_batch_whose_reply_was_lost_has_its_refused_rows_in_the_receipt))
