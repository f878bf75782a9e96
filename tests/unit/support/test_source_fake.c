#include "tests/support/test.h"

#include "base/durable.h"
#include "tests/support/source_fake.h"
#include "tests/support/source_reader.h"

#include <stdio.h>

struct world {
    struct source_fake *broker;
    struct durable *durable;
    struct source *source;
    struct err e;
};

static const struct str topics[] = {{"t", 1}};

static void open_handle(struct world *w)
{
    struct source_spec spec = {
        .topics = topics,
        .topic_count = 1,
        .properties = source_fake_properties(w->broker),
        .property_count = 1,
        .group = "g",
        .headers = SOURCE_HEADERS,
        .durable = w->durable,
    };
    assert_ok(source_fake.open(&w->source, &spec, &w->e), &w->e);
}

static void begin(struct world *w, uint64_t seed)
{
    *w = (struct world){.broker = source_fake_new("b", seed), .durable = durable_new(DURABLE_DEAD)};
    source_fake_topic(w->broker, "t", 2);
    for (int i = 0; i < 5000; i++) {
        char value[32];
        snprintf(value, sizeof value, "%d", i);
        source_fake_add(w->broker, "t", i % 2, i, i % 3 ? "k" : NULL, value);
        if (i % 100 == 0)
            source_fake_skip(w->broker, "t", i % 2, 1 + i % 7);
    }
    source_fake_skip(w->broker, "t", 1, 3);
    open_handle(w);
}

static void end(struct world *w)
{
    w->source->type->close(w->source);
    source_fake_free(w->broker);
    durable_free(w->durable);
}

TEST(every_way_of_cutting_batches_reads_the_same_records)
{
    uint64_t checksum = 0, batches[20] = {0};
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world w;
        begin(&w, seed);
        struct source_reading r = {0};
        assert_ok(source_read_all(&r, w.source, &w.e), &w.e);
        assert_int_equal(r.records, 5000);
        assert_int_equal(r.lost, 0);
        if (seed == 0)
            checksum = r.checksum;
        assert_true(r.checksum == checksum);
        batches[seed] = r.batches;
        end(&w);
    }
    assert_true(batches[0] < batches[1] && batches[1] != batches[2]);
}

TEST(a_held_offset_is_the_end_of_the_plan)
{
    struct world w;
    begin(&w, 3);
    source_fake_hold(w.broker, "t", 0, 100);
    struct arena *a = arena_new(NULL);
    struct source_partition *p;
    size_t n;
    assert_ok(w.source->type->plan(w.source, a, &p, &n, &w.e), &w.e);
    assert_int_equal(n, 2);
    assert_int_equal(p[0].end, 100);
    assert_true(p[1].end == source_fake_end(w.broker, "t", 1));
    arena_free(a);
    end(&w);
}

static void delete_some(struct source_fake *s, void *arg)
{
    (void)arg;
    source_fake_delete_before(s, "t", 0, 1500);
}

TEST(deletion_under_the_reader_is_reported_as_lost)
{
    struct world w;
    begin(&w, 5);
    source_fake_at_poll(w.broker, 2, delete_some, NULL);
    struct source_reading r = {0};
    assert_ok(source_read_all(&r, w.source, &w.e), &w.e);
    assert_true(r.lost > 0 && r.lost <= 1500);
    assert_true(r.records + r.lost >= 5000 && r.records < 5000);
    end(&w);
}

static void recreate(struct source_fake *s, void *arg)
{
    (void)arg;
    source_fake_recreate(s, "t", 2);
}

TEST(a_recreated_topic_is_behind_the_reader)
{
    struct world w;
    begin(&w, 5);
    source_fake_at_poll(w.broker, 5, recreate, NULL);
    struct source_reading r = {0};
    assert_fails(source_read_all(&r, w.source, &w.e), &w.e, ERR_BEHIND, "below our position");
    end(&w);
}

TEST(an_outage_fails_requests_and_ends)
{
    struct world w;
    begin(&w, 0);
    source_fake_down(w.broker, 2);
    struct source_reading r = {0};
    assert_fails(source_read_all(&r, w.source, &w.e), &w.e, ERR_REMOTE, "down");
    assert_fails(source_read_all(&r, w.source, &w.e), &w.e, ERR_REMOTE, "down");
    assert_ok(source_read_all(&r, w.source, &w.e), &w.e);
    assert_int_equal(r.records, 5000);
    end(&w);
}

static bool commit(struct world *w, int64_t offset)
{
    struct source_offset o = {0, 1, offset};
    return w->source->type->group_commit(w->source, &o, 1, &w->e);
}

TEST(commits_are_stored_refused_or_lied_about)
{
    struct world w;
    begin(&w, 0);
    struct source_offset o = {0, 1, 7};
    assert_ok(w.source->type->group_read(w.source, &o, 1, &w.e), &w.e);
    assert_int_equal(o.offset, -1);
    assert_ok(commit(&w, 10), &w.e);
    assert_int_equal(source_fake_group(w.broker, "g", "t", 1), 10);
    source_fake_commits(w.broker, COMMITS_REFUSED);
    assert_fails(commit(&w, 20), &w.e, ERR_REMOTE, "active member");
    assert_int_equal(source_fake_group(w.broker, "g", "t", 1), 10);
    source_fake_commits(w.broker, COMMITS_LIED_ABOUT);
    assert_fails(commit(&w, 30), &w.e, ERR_REMOTE, "reply");
    assert_int_equal(source_fake_group(w.broker, "g", "t", 1), 30);
    end(&w);
}

TEST(a_dead_handle_neither_reads_nor_commits)
{
    struct world w;
    begin(&w, 0);
    struct fault_spec f = {.site = "kafka.commit", .occurrence = 1, .action = FAULT_CRASH_BEFORE};
    durable_set_fault(w.durable, &f);
    assert_fails(commit(&w, 10), &w.e, ERR_CANCELLED, "");
    assert_int_equal(source_fake_group(w.broker, "g", "t", 1), -1);
    struct source_reading r = {0};
    assert_fails(source_read_all(&r, w.source, &w.e), &w.e, ERR_CANCELLED, "dead");
    durable_set_fault(w.durable, NULL);
    f.action = FAULT_CRASH_AFTER;
    durable_set_fault(w.durable, &f);
    assert_fails(commit(&w, 11), &w.e, ERR_CANCELLED, "");
    assert_int_equal(source_fake_group(w.broker, "g", "t", 1), 11);
    end(&w);
}

TEST(records_keep_null_empty_headers_and_compaction)
{
    struct world w;
    begin(&w, 0);
    source_fake_recreate(w.broker, "t", 1);
    struct source_header h = {STR("h"), {"v", 1}};
    struct source_fake_record r = {
        .key = {"", 0}, .value = {NULL, 0}, .timestamp = -1, .headers = &h, .header_count = 1};
    source_fake_append(w.broker, "t", 0, &r);
    int64_t gone = source_fake_append(w.broker, "t", 0, &r);
    source_fake_append(w.broker, "t", 0, &r);
    source_fake_compact(w.broker, "t", 0, gone);
    struct source_range range = {0, 0, 0, 3, 0};
    assert_ok(w.source->type->assign(w.source, &range, 1, &w.e), &w.e);
    struct source_batch b;
    assert_int_equal(w.source->type->poll(w.source, 0, 0, &b, &w.e), POLL_BATCH);
    assert_int_equal(b.n, 2);
    assert_int_equal(b.records[1].offset, 2);
    assert_non_null(b.records[0].key.p);
    assert_int_equal(b.records[0].key.n, 0);
    assert_null(b.records[0].value.p);
    assert_int_equal(b.records[0].header_count, 1);
    assert_str(b.records[0].headers[0].key, "h");
    w.source->type->release(w.source, &b);
    end(&w);
}

TEST(times_find_offsets)
{
    struct world w;
    begin(&w, 0);
    struct source_offset o[2] = {{0, 0, 0}, {0, 1, 0}};
    assert_ok(w.source->type->offsets_for_time(w.source, 0, o, 2, &w.e), &w.e);
    assert_int_equal(o[0].offset, 0);
    assert_ok(w.source->type->offsets_for_time(w.source, 1 << 20, o, 2, &w.e), &w.e);
    assert_true(o[1].offset == source_fake_end(w.broker, "t", 1));
    end(&w);
}

TEST_MAIN(T(every_way_of_cutting_batches_reads_the_same_records),
          T(a_held_offset_is_the_end_of_the_plan), T(deletion_under_the_reader_is_reported_as_lost),
          T(a_recreated_topic_is_behind_the_reader), T(an_outage_fails_requests_and_ends),
          T(commits_are_stored_refused_or_lied_about), T(a_dead_handle_neither_reads_nor_commits),
          T(records_keep_null_empty_headers_and_compaction), T(times_find_offsets))
