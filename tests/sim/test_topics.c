// Topic outputs: what each row of the crash table leaves, beside the exhaustive harness (test_crash.c).
#include "jobs/run/control.h"
#include "jobs/run/recover.h"
#include "tests/support/job_world.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

static const struct job_world_spec spec = {
    .sql =
        "CREATE STREAM s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON');\n"
        "CREATE STREAM o WITH (KAFKA_TOPIC = 'o') AS SELECT k, v FROM s WHERE v > 0 EMIT CHANGES;\n"
        "CREATE TABLE n WITH (KAFKA_TOPIC = 'n') AS SELECT k, COUNT(*) AS n FROM s GROUP BY k"
        "  EMIT CHANGES;\n",
    .outputs = "      O: { topic: { partitions: 3 }, warehouse: { to: one } }\n"
               "      N: { topic: { name: counts } }\n",
    .topics = {"s"},
    .partitions = 2,
};

static void add(struct job_world *w, int32_t partition, const char *key, int v)
{
    char value[64];
    (void)snprintf(value, sizeof value, "{\"v\":%d}", v);
    source_fake_add(w->broker, "s", partition, 1761638400000 + v, key, value);
}

static struct job_world *begin(void)
{
    struct job_world *w = job_world_new(&spec);
    add(w, 0, "a", 1);
    add(w, 1, "b", 2);
    add(w, 0, NULL, 3);
    return w;
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void fails(struct job_world *w, enum err_kind kind, const char *text)
{
    assert_false(job_world_run(w));
    assert_int_equal(w->e.kind, kind);
    if (!strstr(w->text, text))
        fail_msg("\"%s\" does not contain \"%s\"", w->text, text);
}

static void topic_is(const struct job_world *w, const char *topic, const char *want)
{
    struct buf rows;
    buf_init(&rows, 1 << 20);
    topic_fake_print_rows(&rows, w->name, topic);
    buf_char(&rows, '\0');
    assert_string_equal(rows.p, want);
    buf_fini(&rows);
}

#define FIRST_ROWS                 \
    "a {\"V\":1} @1761638400001\n" \
    "- {\"V\":3} @1761638400003\n" \
    "b {\"V\":2} @1761638400002\n"

TEST(rows_go_to_their_topics_with_key_value_and_time)
{
    struct job_world *w = begin();
    run(w);
    topic_is(w, "o", FIRST_ROWS);
    topic_is(w, "counts", "a {\"N\":1} @1761638400001\nb {\"N\":1} @1761638400002\n");
    assert_int_equal(w->report.topic_rows, 5);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "s", 0), 2);
    job_world_free(w);
}

TEST(on_another_cluster_the_topics_begin_anew)
{
    struct job_world *w = begin();
    run(w);
    source_fake_set_cluster(w->broker, "another");
    source_fake_recreate(w->broker, "s", 2);
    topic_fake_forget(w->name);
    if (!job_world_reset(w, RUN_RESET_FROM_NOW))
        fail_msg("%s", w->text);
    add(w, 0, "c", 4);
    run(w);
    topic_is(w, "o", "c {\"V\":4} @1761638400004\n");
    job_world_free(w);
}

TEST(a_batch_for_the_topics_of_another_cluster_is_not_sent_here)
{
    struct job_world *w = begin();
    struct fault_spec f = {.site = "topic.commit", .occurrence = 1, .action = FAULT_CRASH_BEFORE};
    job_world_restart(w, &f);
    assert_false(job_world_run(w));
    job_world_restart(w, NULL);
    source_fake_set_cluster(w->broker, "another");
    assert_false(job_world_reset(w, RUN_RESET_FROM_NOW));
    assert_non_null(strstr(w->text, "is decided for topics of cluster sim-cluster"));
    topic_is(w, "o", "");
    source_fake_set_cluster(w->broker, "sim-cluster");
    run(w);
    topic_is(w, "o", FIRST_ROWS);
    job_world_free(w);
}

TEST(a_table_sends_every_change_where_its_warehouse_gets_the_last_one)
{
    struct job_world *w = begin();
    add(w, 0, "a", 4);
    run(w);
    topic_is(
        w, "counts",
        "a {\"N\":1} @1761638400001\na {\"N\":2} @1761638400004\nb {\"N\":1} @1761638400002\n");
    job_world_free(w);
}

TEST(a_transaction_whose_reply_was_lost_is_found_by_its_marker)
{
    struct job_world *w = begin();
    const struct fault_spec fault = {
        .site = "topic.commit", .occurrence = 1, .action = FAULT_REPLY_LOST};
    job_world_restart(w, &fault);
    run(w);
    assert_true(durable_fired(w->durable));
    topic_is(w, "o", FIRST_ROWS);
    job_world_free(w);
}

TEST(a_broker_down_for_an_hour_gets_the_decided_batch_later_and_nothing_else_is_written_before)
{
    struct job_world *w = begin();
    run(w);
    add(w, 1, "c", 7);
    topic_fake_down(w->name, 0);
    const struct fault_spec fault = {.site = "topic.write", .occurrence = 0, .action = FAULT_ERROR};
    job_world_restart(w, &fault);
    fails(w, ERR_REMOTE, "delivering batch 2 to topics");
    // The warehouse came before, the group's offsets come with the topics.
    assert_int_equal(memory_rows("one", "o"), 4);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "s", 1), 1);
    topic_is(w, "o", FIRST_ROWS);
    job_world_restart(w, NULL);
    run(w);
    topic_is(w, "o", FIRST_ROWS "c {\"V\":7} @1761638400007\n");
    assert_int_equal(source_fake_group(w->broker, "simgroup", "s", 1), 2);
    job_world_free(w);
}

TEST(a_lost_marker_stops_the_job_and_nothing_is_sent_again)
{
    struct job_world *w = begin();
    run(w);
    topic_fake_lose_markers(w->name);
    add(w, 0, "d", 8);
    fails(w, ERR_BEHIND, "Kafka has no marker in group simgroup.commits");
    topic_is(w, "o", FIRST_ROWS);
    w->env.marker = RUN_MARKER_SENT;
    run(w);
    topic_is(w, "o", FIRST_ROWS "d {\"V\":8} @1761638400008\n");
    w->env.marker = RUN_MARKER_ASK;
    run(w);
    job_world_free(w);
}

// Batch 2 is decided, its transaction never happened, and the markers are gone.
static struct job_world *in_doubt(void)
{
    struct job_world *w = begin();
    run(w);
    add(w, 0, "e", 9);
    const struct fault_spec fault = {
        .site = "topic.commit", .occurrence = 1, .action = FAULT_CRASH_BEFORE};
    job_world_restart(w, &fault);
    assert_false(job_world_run(w));
    topic_fake_lose_markers(w->name);
    job_world_restart(w, NULL);
    fails(w, ERR_BEHIND, "Kafka has no marker");
    return w;
}

TEST(in_doubt_without_a_marker_a_person_decides_that_the_batch_is_sent)
{
    struct job_world *w = in_doubt();
    w->env.marker = RUN_MARKER_RESEND;
    run(w);
    topic_is(w, "o", FIRST_ROWS "e {\"V\":9} @1761638400009\n");
    job_world_free(w);
    w = in_doubt();
    w->env.marker = RUN_MARKER_SENT;
    run(w);
    topic_is(w, "o", FIRST_ROWS);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "s", 0), 3);
    job_world_free(w);
}

TEST(a_state_older_than_its_topics_is_fenced)
{
    struct job_world *w = begin();
    job_world_run(w);
    job_world_copy(w, "state", "old");
    add(w, 0, "f", 10);
    run(w);
    job_world_delete(w, "state");
    job_world_copy(w, "old", "state");
    memory_forget(NULL); // the warehouse would be asked first
    assert_false(job_world_run(w));
    job_world_free(w);
}

TEST(a_lost_state_of_a_job_that_only_writes_topics_is_refused)
{
    struct job_world_spec only = spec;
    only.outputs = "      O: { topic: { partitions: 3 } }\n";
    only.lake = JOB_WORLD_NO_LAKE;
    struct job_world *w = job_world_new(&only);
    add(w, 0, "a", 1);
    run(w);
    job_world_delete(w, "state");
    fails(w, ERR_FENCED, "the topics' marker holds batch 1");
    job_world_free(w);
}

TEST(of_two_owners_the_one_that_came_later_wins_and_the_other_cannot_commit)
{
    struct job_world *w = begin();
    const struct topic_spec ts = {
        .properties = source_fake_properties(w->broker),
        .property_count = 1,
        .group = "simgroup",
        .transactional_id = "sluice.sim.0",
        .client_id = "zombie",
        .durable = w->durable,
    };
    struct topic_writer *zombie;
    struct topic_marker m;
    assert_ok(topic_fake.open(&zombie, &ts, &w->e), &w->e);
    assert_ok(topic_fake.marker(zombie, STR("o"), &m, &w->e), &w->e);
    assert_ok(topic_fake.begin(zombie, &w->e), &w->e);
    run(w);
    const struct topic_commit c = {.marker_topic = STR("o"), .batch = 1};
    assert_false(topic_fake.commit(zombie, &c, &w->e));
    assert_int_equal(w->e.kind, ERR_FENCED);
    topic_fake.close(zombie);
    topic_is(w, "o", FIRST_ROWS);
    job_world_free(w);
}

TEST(another_first_topic_output_takes_the_marker_with_it_also_across_a_crash)
{
    struct job_world *w = begin();
    run(w);
    const char *other = "      N: { topic: { name: counts } }\n"
                        "      O: { topic: { partitions: 3 }, warehouse: { to: one } }\n";
    assert_true(job_world_compile(w, spec.sql, other));
    add(w, 0, "g", 11);
    const struct fault_spec fault = {
        .site = "topic.commit", .occurrence = 1, .action = FAULT_CRASH_BEFORE};
    job_world_restart(w, &fault);
    assert_false(job_world_run(w));
    job_world_restart(w, NULL);
    run(w);
    topic_is(w, "o", FIRST_ROWS "g {\"V\":11} @1761638400011\n");
    assert_int_equal(topic_fake_marker(w->name, "simgroup.commits", "counts"), 2);
    run(w);
    job_world_free(w);
}

TEST(a_topic_that_was_deleted_is_not_made_anew)
{
    struct job_world *w = begin();
    run(w);
    topic_fake_delete(w->name, "counts");
    fails(w, ERR_BEHIND, "does not exist any more");
    job_world_free(w);
}

TEST(a_table_topic_added_later_is_refused)
{
    struct job_world_spec before = spec;
    before.outputs = "      N: { warehouse: { to: one } }\n";
    struct job_world *w = job_world_new(&before);
    add(w, 0, "a", 1);
    run(w);
    assert_true(job_world_compile(
        w, spec.sql, "      N: { warehouse: { to: one }, topic: { name: counts } }\n"));
    add(w, 0, "a", 2);
    fails(w, ERR_CONFIG, "table output N was added after batch 1");
    job_world_free(w);
}

static void refused(const char *outputs, const char *text)
{
    struct job_world *w = begin();
    assert_false(job_world_compile(w, spec.sql, outputs));
    if (!strstr(w->text, text))
        fail_msg("\"%s\" does not contain \"%s\"", w->text, text);
    job_world_free(w);
}

TEST(a_topic_that_the_job_reads_or_writes_twice_and_formats_that_do_not_fit_are_refused)
{
    refused("      O: { topic: s }\n", "writes topic s, which the job reads");
    refused("      O: { topic: x }\n      N: { topic: x }\n",
            "topic x is already written by output O");
    refused("      O: { topic: { format: nonsense } }\n", "unknown format");
    refused("      O: { topic: { key_format: NONE } }\n", "has a key, its key format is NONE");
}

// The state is lost when a transaction was about to commit, or had: what the topics lack is sent, nothing is sent twice.
static void state_lost_at_commit(enum fault_action action)
{
    struct job_world *w = begin();
    struct recover_report report;
    const struct fault_spec fault = {.site = "topic.commit", .occurrence = 1, .action = action};
    job_world_restart(w, &fault);
    assert_false(job_world_run(w));
    job_world_restart(w, NULL);
    job_world_delete(w, "state");
    fails(w, ERR_FENCED, "holds batch 1");
    if (!job_world_recover(w, &report))
        fail_msg("%s", w->text);
    assert_int_equal(report.replayed, 1);
    run(w);
    topic_is(w, "o", FIRST_ROWS);
    topic_is(w, "counts", "a {\"N\":1} @1761638400001\nb {\"N\":1} @1761638400002\n");
    add(w, 0, "a", 4);
    run(w);
    topic_is(w, "counts",
             "a {\"N\":1} @1761638400001\nb {\"N\":1} @1761638400002\na {\"N\":2} "
             "@1761638400004\n");
    job_world_free(w);
}

TEST(a_recovery_sends_what_the_topics_lack_and_nothing_twice)
{
    state_lost_at_commit(FAULT_CRASH_BEFORE);
    state_lost_at_commit(FAULT_CRASH_AFTER);
}

TEST_MAIN(
    T(on_another_cluster_the_topics_begin_anew),
    T(a_batch_for_the_topics_of_another_cluster_is_not_sent_here),
    T(a_recovery_sends_what_the_topics_lack_and_nothing_twice),

    T(rows_go_to_their_topics_with_key_value_and_time),
    T(a_table_sends_every_change_where_its_warehouse_gets_the_last_one),
    T(a_transaction_whose_reply_was_lost_is_found_by_its_marker),
    T(a_broker_down_for_an_hour_gets_the_decided_batch_later_and_nothing_else_is_written_before),
    T(a_lost_marker_stops_the_job_and_nothing_is_sent_again),
    T(in_doubt_without_a_marker_a_person_decides_that_the_batch_is_sent),
    T(a_state_older_than_its_topics_is_fenced),
    T(a_lost_state_of_a_job_that_only_writes_topics_is_refused),
    T(of_two_owners_the_one_that_came_later_wins_and_the_other_cannot_commit),
    T(another_first_topic_output_takes_the_marker_with_it_also_across_a_crash),
    T(a_topic_that_was_deleted_is_not_made_anew), T(a_table_topic_added_later_is_refused),
    T(a_topic_that_the_job_reads_or_writes_twice_and_formats_that_do_not_fit_are_refused))
