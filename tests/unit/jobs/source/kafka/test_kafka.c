// The Kafka source (and its threads) on librdkafka's mock cluster: what needs no real broker. The rest is
// tests/integration/test_source_kafka.c.
#include "tests/support/test.h"

#include "jobs/source/kafka/kafka.h"
#include "orchestrator/demo/cluster.h"
#include "tests/support/kafka_source.h"
#include "tests/support/kafka_world.h"
#include "tests/support/source_reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

struct mock {
    struct demo_cluster *cluster;
    struct kafka_world *world;
    struct kafka_case c;
    struct err e;
};

static void begin(struct mock *m, int partitions)
{
    *m = (struct mock){0};
    assert_ok(demo_cluster_start(&m->cluster, 1, &m->e), &m->e);
    assert_ok(demo_cluster_topic(m->cluster, "t", partitions, &m->e), &m->e);
    m->world = kafka_world_new(demo_cluster_bootstrap(m->cluster));
    kafka_case_open(&m->c, demo_cluster_bootstrap(m->cluster), "t");
}

static void end(struct mock *m)
{
    kafka_case_close(&m->c);
    kafka_world_free(m->world);
    demo_cluster_stop(m->cluster);
}

static void produce(struct mock *m, int from, int to, int partitions)
{
    for (int i = from; i < to; i++) {
        char value[64];
        snprintf(value, sizeof value, "{\"i\":%d}", i);
        kafka_world_text(m->world, "t", i % partitions, 1700000000000 + i, NULL, value);
    }
    kafka_world_flush(m->world);
}

TEST(every_record_of_every_partition_arrives_once)
{
    struct mock m;
    begin(&m, 4);
    produce(&m, 0, 20000, 4);
    struct source_reading first = {0}, second = {0};
    assert_ok(source_read_all(&first, m.c.s, &m.e), &m.e);
    assert_int_equal(first.records, 20000);
    assert_int_equal(first.lost, 0);
    // Another assignment of the same handle reads the same.
    assert_ok(source_read_all(&second, m.c.s, &m.e), &m.e);
    assert_true(first.checksum == second.checksum);
    end(&m);
}

TEST(a_plan_has_the_starts_and_ends_of_all_partitions)
{
    struct mock m;
    begin(&m, 3);
    produce(&m, 0, 1, 3);
    produce(&m, 2, 3, 3);
    kafka_case_plan(&m.c);
    assert_int_equal(m.c.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(m.c.partitions[i].partition, i);
        assert_int_equal(m.c.partitions[i].log_start, 0);
        assert_int_equal(m.c.partitions[i].end, i == 1 ? 0 : 1);
    }
    struct str id;
    assert_ok(m.c.s->type->identity(m.c.s, &id, &m.e), &m.e);
    assert_true(id.n > 0);
    end(&m);
}

TEST(reading_starts_and_ends_at_any_offset)
{
    struct mock m;
    begin(&m, 1);
    produce(&m, 0, 100, 1);
    for (int64_t from = 0; from <= 100; from += 33)
        for (int64_t to = from; to <= 100; to += 11) {
            struct source_range range = {0, 0, from, to, from};
            struct source_reading r = {0};
            assert_ok(source_read(&r, m.c.s, &range, 1, &m.e), &m.e);
            assert_int_equal(r.records, to - from);
        }
    end(&m);
}

struct seen {
    int n;
    bool key_null[4], value_null[4], header_null[4];
    size_t value_size[4];
    int64_t timestamp[4];
};

static void see(void *arg, const struct source_range *range, const struct source_record *r)
{
    (void)range;
    struct seen *s = arg;
    assert_true(s->n < 4);
    s->key_null[s->n] = !r->key.p;
    s->value_null[s->n] = !r->value.p;
    s->value_size[s->n] = r->value.n;
    s->timestamp[s->n] = r->timestamp;
    s->header_null[s->n] = r->header_count != 1 || !r->headers[0].value.p;
    s->n++;
}

TEST(null_is_not_empty_in_keys_values_and_headers)
{
    struct mock m;
    begin(&m, 1);
    struct kafka_world_record r[] = {
        {.key = {NULL, 0}, .value = {"", 0}, .timestamp = 1, .header = "h"},
        {.key = {"", 0},
         .value = {NULL, 0},
         .timestamp = 1700000000123,
         .header = "h",
         .header_value = {"", 0}},
        {.key = {"k", 1}, .value = {"v", 1}, .timestamp = 2},
    };
    for (size_t i = 0; i < 3; i++)
        kafka_world_send(m.world, "t", 0, &r[i]);
    kafka_world_flush(m.world);
    struct seen seen = {0};
    struct source_reading reading = {.each = see, .arg = &seen};
    assert_ok(source_read_all(&reading, m.c.s, &m.e), &m.e);
    assert_int_equal(seen.n, 3);
    assert_true(seen.key_null[0] && !seen.value_null[0] && seen.header_null[0]);
    assert_true(!seen.key_null[1] && seen.value_null[1] && !seen.header_null[1]);
    assert_true(!seen.key_null[2] && !seen.value_null[2] && seen.header_null[2]);
    assert_int_equal(seen.value_size[0], 0);
    assert_int_equal(seen.timestamp[1], 1700000000123);
    end(&m);
}

// The mock drops the oldest records beyond 5 MB: what retention does to a slow reader.
TEST(records_below_the_log_start_are_reported_as_lost)
{
    struct mock m;
    begin(&m, 1);
    char *value = mem_alloc(100001);
    memset(value, 'x', 100000);
    value[100000] = 0;
    for (int i = 0; i < 100; i++) {
        kafka_world_text(m.world, "t", 0, i, NULL, value);
        kafka_world_text(m.world, "t", 0, i, NULL, "{}");
    }
    kafka_world_flush(m.world);
    uint64_t random = 1;
    for (int i = 0; i < 400; i++) {
        for (int k = 0; k < 100000; k++) { // lz4 must not make it small
            random = random * 6364136223846793005u + 1442695040888963407u;
            value[k] = (char)('a' + (random >> 33) % 26);
        }
        kafka_world_text(m.world, "t", 0, i, NULL, value);
        if (i % 20 == 0)
            kafka_world_flush(m.world);
        kafka_case_plan(&m.c);
        if (m.c.partitions[0].log_start > 0)
            break;
    }
    mem_free(value);
    kafka_world_flush(m.world);
    kafka_case_plan(&m.c);
    int64_t start = m.c.partitions[0].log_start, stop = m.c.partitions[0].end;
    assert_true(start > 0);
    struct source_range range = {0, 0, 0, stop, 0};
    struct source_reading r = {0};
    assert_ok(source_read(&r, m.c.s, &range, 1, &m.e), &m.e);
    assert_int_equal(r.lost, start);
    assert_int_equal(r.records, stop - start);
    // A range that is gone as a whole ends, too.
    range = (struct source_range){0, 0, 0, 1, 0};
    struct source_reading gone = {0};
    assert_ok(source_read(&gone, m.c.s, &range, 1, &m.e), &m.e);
    assert_int_equal(gone.lost, 1);
    assert_int_equal(gone.records, 0);
    end(&m);
}

TEST(a_position_above_the_end_is_behind)
{
    struct mock m;
    begin(&m, 1);
    produce(&m, 0, 10, 1);
    struct source_range range = {0, 0, 50, 60, 50};
    struct source_reading r = {0};
    assert_fails(source_read(&r, m.c.s, &range, 1, &m.e), &m.e, ERR_BEHIND,
                 "t/0 ends at offset 10, below our position 50");
    end(&m);
}

struct outage {
    struct mock *m;
    uint64_t seen;
};

static void outage(void *arg, const struct source_range *range, const struct source_record *r)
{
    (void)range;
    (void)r;
    struct outage *o = arg;
    o->seen++;
    if (o->seen != 3000)
        return;
    demo_cluster_broker(o->m->cluster, 1, DEMO_BROKER_DOWN);
    demo_cluster_broker(o->m->cluster, 1, DEMO_BROKER_UP);
}

TEST(a_broker_that_goes_and_comes_costs_no_record)
{
    struct mock m;
    begin(&m, 4);
    produce(&m, 0, 20000, 4);
    struct source_reading quiet = {0};
    assert_ok(source_read_all(&quiet, m.c.s, &m.e), &m.e);
    struct outage o = {.m = &m};
    struct source_reading r = {.each = outage, .arg = &o};
    assert_ok(source_read_all(&r, m.c.s, &m.e), &m.e);
    assert_int_equal(r.records, 20000);
    assert_true(r.checksum == quiet.checksum);
    end(&m);
}

// Waits at the positions until something is there.
static void wait_at(struct mock *m, const int64_t *at, size_t n)
{
    struct source_range r[4];
    for (size_t i = 0; i < n; i++)
        r[i] = (struct source_range){0, (int32_t)i, at[i], at[i], at[i]};
    for (int tries = 0; tries < 200; tries++) {
        enum source_wait found = m->c.s->type->wait(m->c.s, r, n, 50, &m->e);
        assert_int_not_equal(found, SOURCE_WAIT_FAILED);
        if (found == SOURCE_READY)
            return;
    }
    fail_msg("nothing came");
}

TEST(ranges_after_waiting_are_cut_from_what_one_client_reads_on_and_on)
{
    struct mock m;
    int64_t at[2] = {0, 0};
    struct source_reading all = {0}, whole = {0};
    begin(&m, 2);
    for (int i = 0; i < 12; i++) {
        produce(&m, 0, 37, 2);
        wait_at(&m, at, 2);
        kafka_case_plan(&m.c);
        struct source_range r[2];
        for (int p = 0; p < 2; p++) {
            // Every other time a part only: the rest is kept for the next range.
            int64_t end =
                m.c.partitions[p].end - (i % 2 && m.c.partitions[p].end > at[p] + 5 ? 5 : 0);
            int64_t anchor = at[p] > 0 ? at[p] - 1 : 0;
            r[p] = (struct source_range){0, p, at[p] < end ? anchor : end, end, at[p]};
            at[p] = end;
        }
        assert_ok(source_read(&all, m.c.s, r, 2, &m.e), &m.e);
    }
    kafka_case_plan(&m.c);
    struct source_range rest[2];
    for (int p = 0; p < 2; p++)
        rest[p] = (struct source_range){0, p, at[p], m.c.partitions[p].end, at[p]};
    assert_ok(source_read(&all, m.c.s, rest, 2, &m.e), &m.e);
    assert_ok(source_read_all(&whole, m.c.s, &m.e), &m.e);
    assert_int_equal(all.records, whole.records);
    assert_true(all.checksum == whole.checksum);
    end(&m);
}

TEST(group_offsets_are_read_and_committed)
{
    struct mock m;
    begin(&m, 2);
    struct source_offset o[2] = {{0, 0, 0}, {0, 1, 0}};
    assert_ok(m.c.s->type->group_read(m.c.s, o, 2, &m.e), &m.e);
    assert_int_equal(o[0].offset, -1);
    struct source_offset to[2] = {{0, 0, 5}, {0, 1, 7}};
    assert_ok(m.c.s->type->group_commit(m.c.s, to, 2, &m.e), &m.e);
    assert_ok(m.c.s->type->group_read(m.c.s, o, 2, &m.e), &m.e);
    assert_int_equal(o[0].offset, 5);
    assert_int_equal(o[1].offset, 7);
    end(&m);
}

TEST(a_commit_goes_through_its_fault_site)
{
    struct mock m;
    begin(&m, 1);
    struct fault_spec f = {.site = "kafka.commit", .occurrence = 1, .action = FAULT_REPLY_LOST};
    durable_set_fault(m.c.durable, &f);
    struct source_offset o = {0, 0, 5};
    assert_fails(m.c.s->type->group_commit(m.c.s, &o, 1, &m.e), &m.e, ERR_REMOTE, "group t-group");
    assert_ok(m.c.s->type->group_read(m.c.s, &o, 1, &m.e), &m.e);
    assert_int_equal(o.offset, 5);
    end(&m);
}

TEST(many_partitions_share_one_budget)
{
    struct mock m;
    begin(&m, 64);
    produce(&m, 0, 64 * 50, 64);
    m.c.spec.fetch_bytes_max = 1 << 20;
    struct source_reading r = {0};
    assert_ok(source_read_all(&r, m.c.s, &m.e), &m.e);
    assert_int_equal(r.records, 64 * 50);
    end(&m);
}

// Batches on their way from the polling thread to one that releases them: what decoding on a worker looks like.
enum { HANDOVER_MAX = 256 };
struct handover {
    struct source *s;
    struct source_batch batches[HANDOVER_MAX];
    atomic_size_t given;
    atomic_bool over;
    uint64_t bytes;
};

static void *release_all(void *arg)
{
    struct handover *h = arg;
    size_t taken = 0;
    while (!atomic_load(&h->over) || taken < atomic_load(&h->given)) {
        if (taken == atomic_load(&h->given)) {
            sched_yield();
            continue;
        }
        struct source_batch *b = &h->batches[taken++];
        for (uint32_t i = 0; i < b->n; i++)
            h->bytes += b->records[i].value.n;
        h->s->type->release(h->s, b);
    }
    return NULL;
}

TEST(another_thread_may_release_batches)
{
    struct mock m;
    begin(&m, 4);
    produce(&m, 0, 40000, 4);
    kafka_case_plan(&m.c);
    struct source_range ranges[4];
    for (size_t i = 0; i < 4; i++)
        ranges[i] = kafka_case_range(&m.c, i);
    assert_ok(m.c.s->type->assign(m.c.s, ranges, 4, &m.e), &m.e);
    struct handover *h = mem_zalloc(sizeof *h);
    h->s = m.c.s;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, release_all, h), 0);
    uint64_t records = 0;
    for (size_t i = 0; i < 4;) {
        struct source_batch b;
        enum source_poll what = m.c.s->type->poll(m.c.s, i, 20, &b, &m.e);
        assert_true(what != POLL_FAILED && what != POLL_LOST);
        i += what == POLL_END;
        records += b.n;
        size_t at = atomic_load(&h->given);
        assert_true(at < HANDOVER_MAX);
        if (what == POLL_BATCH) {
            h->batches[at] = b;
            atomic_store(&h->given, at + 1);
        }
    }
    atomic_store(&h->over, true);
    pthread_join(thread, NULL);
    assert_int_equal(records, 40000);
    assert_true(h->bytes > 40000 * 7);
    mem_free(h);
    end(&m);
}

TEST(properties_are_checked_and_values_kept_secret)
{
    struct source_spec spec;
    struct str topic = STR("t");
    struct str p[2] = {STR("sasl.mechanizm"), STR("s3cret")};
    struct durable *d = durable_new(DURABLE_KILL);
    spec = (struct source_spec){
        .topics = &topic, .topic_count = 1, .properties = p, .property_count = 1, .durable = d};
    struct source *s;
    struct err e;
    assert_fails(source_kafka.open(&s, &spec, &e), &e, ERR_CONFIG,
                 "sasl.mechanizm: librdkafka has no such property");
    p[0] = STR("socket.timeout.ms");
    assert_fails(source_kafka.open(&s, &spec, &e), &e, ERR_CONFIG, "socket.timeout.ms");
    assert_null(strstr(e.text, "s3cret"));
    durable_free(d);
}

TEST_MAIN(T(every_record_of_every_partition_arrives_once),
          T(a_plan_has_the_starts_and_ends_of_all_partitions),
          T(reading_starts_and_ends_at_any_offset), T(null_is_not_empty_in_keys_values_and_headers),
          T(records_below_the_log_start_are_reported_as_lost),
          T(a_position_above_the_end_is_behind), T(a_broker_that_goes_and_comes_costs_no_record),
          T(ranges_after_waiting_are_cut_from_what_one_client_reads_on_and_on),
          T(group_offsets_are_read_and_committed), T(a_commit_goes_through_its_fault_site),
          T(many_partitions_share_one_budget), T(another_thread_may_release_batches),
          T(properties_are_checked_and_values_kept_secret))
