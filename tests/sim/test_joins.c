// Joins in whole jobs: what the input order means to them, batch by batch, and that a crash changes nothing.
#include "tests/support/job_world.h"
#include "tests/support/test.h"

#include <stdio.h>

#define DAY INT64_C(1761638400000)

#define SQL                                                                                     \
    "CREATE STREAM s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON');\n" \
    "CREATE TABLE t (k VARCHAR PRIMARY KEY, name VARCHAR) WITH (KAFKA_TOPIC = 't', "            \
    "VALUE_FORMAT = 'JSON');\n"                                                                 \
    "CREATE STREAM o AS SELECT s.k AS k, v, name FROM s LEFT JOIN t ON s.k = t.k EMIT CHANGES;\n"

static const struct job_world_spec event_time = {
    .sql = SQL,
    .outputs = "      O: { warehouse: { to: one } }\n",
    .topics = {"s", "t"},
    .partitions = 2,
    .lake = JOB_WORLD_NO_LAKE,
};
static const struct job_world_spec tables_first = {
    .sql = SQL,
    .outputs = "      O: { warehouse: { to: one } }\n",
    .job = "    input_order: tables_first\n",
    .topics = {"s", "t"},
    .partitions = 2,
    .lake = JOB_WORLD_NO_LAKE,
};

static void sale(struct job_world *w, const char *key, int v, int64_t time)
{
    char value[64];
    (void)snprintf(value, sizeof value, "{\"v\":%d}", v);
    source_fake_add(w->broker, "s", v % 2, DAY + time, key, value);
}

static void name(struct job_world *w, const char *key, const char *text, int64_t time)
{
    char value[64];
    (void)snprintf(value, sizeof value, "{\"name\":\"%s\"}", text);
    source_fake_add(w->broker, "t", 0, DAY + time, key, text ? value : NULL);
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

// The rows of O in all batches, as the warehouse got them.
static void holds(struct job_world *w, const char *const *rows)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    job_world_print_rows(&text, w, JOB_WORLD_ORDERED);
    buf_char(&text, '\0');
    size_t n = 0;
    for (; rows[n]; n++)
        if (!strstr(text.p, rows[n]))
            fail_msg("no %s in\n%s", rows[n], text.p);
    buf_fini(&text);
}

static void first_load(struct job_world *w)
{
    sale(w, "a", 1, 10);
    sale(w, "b", 2, 20);
    name(w, "a", "early", 5);
    name(w, "a", "later", 15);
    name(w, "b", "snapshot", 900); // the dimension was written after the sales
}

TEST(by_event_time_a_row_sees_what_was_there_before_it)
{
    static const char *const want[] = {"a|1|early", "b|2|NULL", "b|3|snapshot", NULL};
    struct job_world *w = job_world_new(&event_time);
    first_load(w);
    run(w);
    sale(w, "b", 3, 30); // the next batch: the table is as the last one left it
    run(w);
    holds(w, want);
    job_world_check_receipts(w);
    job_world_free(w);
}

TEST(with_tables_first_a_row_sees_all_that_the_batch_has)
{
    static const char *const want[] = {"a|1|later", "b|2|snapshot", "b|3|renamed", NULL};
    struct job_world *w = job_world_new(&tables_first);
    first_load(w);
    run(w);
    sale(w, "b", 3, 30);
    name(w, "b", "renamed", 5000);
    run(w);
    holds(w, want);
    job_world_check_receipts(w);
    job_world_free(w);
}

TEST(a_crash_at_any_durable_call_changes_no_joined_row)
{
    static const char *const want[] = {"a|1|early", "b|2|NULL", "b|3|snapshot", NULL};
    unsigned crashes = 0;
    for (uint64_t nth = 1; nth < 40; nth += 3) {
        struct job_world *w = job_world_new(&event_time);
        first_load(w);
        const struct fault_spec fault = {.occurrence = nth, .action = FAULT_CRASH_BEFORE};
        job_world_restart(w, &fault);
        crashes += job_world_settle(w, 5);
        sale(w, "b", 3, 30);
        crashes += job_world_settle(w, 5);
        holds(w, want);
        job_world_check_receipts(w);
        job_world_free(w);
    }
    assert_true(crashes > 3);
}

TEST_MAIN(T(by_event_time_a_row_sees_what_was_there_before_it),
          T(with_tables_first_a_row_sees_all_that_the_batch_has),
          T(a_crash_at_any_durable_call_changes_no_joined_row))
