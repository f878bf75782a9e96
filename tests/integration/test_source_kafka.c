// The Kafka source on a real broker: what librdkafka's mock cannot do. Needs SLUICE_TEST_BOOTSTRAP (tests/servers/with_servers.sh);
// the restart of the broker needs SLUICE_TEST_KAFKA, too. Skipped, and counted as skipped, without.
#include "tests/support/test.h"

#include "tests/support/kafka_source.h"
#include "tests/support/kafka_world.h"
#include "tests/support/source_reader.h"

#include <stdio.h>

struct real {
    const char *bootstrap;
    char topic[64];
    struct kafka_world *world;
    struct kafka_case c;
    struct err e;
};

static void begin(struct real *t, int partitions, const char *const *config)
{
    *t = (struct real){.bootstrap = getenv("SLUICE_TEST_BOOTSTRAP")};
    if (!t->bootstrap || !*t->bootstrap) {
        print_message("skipped: no SLUICE_TEST_BOOTSTRAP\n");
        skip();
    }
    t->world = kafka_world_new(t->bootstrap);
    kafka_world_name(t->topic, "source");
    kafka_world_create(t->world, t->topic, partitions, config);
    kafka_case_open(&t->c, t->bootstrap, t->topic);
}

static void end(struct real *t)
{
    kafka_case_close(&t->c);
    kafka_world_delete(t->world, t->topic);
    kafka_world_free(t->world);
}

// Sends n small records to every partition; the checksum that reading them must give when they start at offset `first`.
static uint64_t produce(struct real *t, int partitions, int64_t first, int n)
{
    uint64_t sum = 0;
    for (int i = 0; i < n; i++)
        for (int32_t p = 0; p < partitions; p++) {
            char value[96], key[16];
            snprintf(value, sizeof value, "{\"partition\":%d,\"i\":%d,\"pad\":\"0123456789\"}", p,
                     i);
            snprintf(key, sizeof key, "k%d", i % 100);
            int64_t ts = 1700000000000 + i;
            kafka_world_text(t->world, t->topic, p, ts, key, value);
            struct source_range range = {0, p, 0, 0, 0};
            struct source_record r = {.key = {key, strlen(key)},
                                      .value = {value, strlen(value)},
                                      .timestamp = ts,
                                      .offset = first + i};
            sum += source_record_hash(&range, &r);
        }
    kafka_world_flush(t->world);
    return sum;
}

static struct source_reading read_all(struct real *t)
{
    struct source_reading r = {0};
    assert_ok(source_read_all(&r, t->c.s, &t->e), &t->e);
    return r;
}

// Transaction markers are written a moment after the commit was acknowledged.
static void wait_end(struct real *t, int64_t want)
{
    for (int i = 0; i < 1000; i++) {
        kafka_case_plan(&t->c);
        if (t->c.partitions[0].end >= want)
            break;
        rd_kafka_poll(kafka_world_client(t->world), 10);
    }
    assert_int_equal(t->c.partitions[0].end, want);
}

TEST(two_hundred_thousand_records_arrive_as_they_were_sent)
{
    struct real t;
    begin(&t, 4, NULL);
    uint64_t sum = produce(&t, 4, 0, 50000);
    struct source_reading r = read_all(&t);
    assert_int_equal(r.records, 200000);
    assert_int_equal(r.lost, 0);
    assert_true(r.checksum == sum);
    struct str id;
    assert_ok(t.c.s->type->identity(t.c.s, &id, &t.e), &t.e);
    assert_true(id.n > 0);
    end(&t);
}

TEST(a_small_budget_reads_the_same)
{
    struct real t;
    begin(&t, 4, NULL);
    uint64_t sum = produce(&t, 4, 0, 20000);
    kafka_case_close(&t.c);
    kafka_case_open(&t.c, t.bootstrap, t.topic);
    struct source_spec spec = t.c.spec;
    spec.fetch_bytes_max = 1 << 20;
    struct source *own = t.c.s;
    assert_ok(own->type->open(&t.c.s, &spec, &t.e), &t.e);
    struct source_reading r = read_all(&t);
    own->type->close(t.c.s);
    t.c.s = own;
    assert_true(r.checksum == sum);
    end(&t);
}

TEST(ranges_end_at_transaction_markers_and_aborted_records)
{
    struct real t;
    begin(&t, 1, NULL);
    produce(&t, 1, 0, 3); // offsets 0..2
    rd_kafka_t *tx = kafka_world_begin(t.bootstrap, t.topic);
    kafka_world_in(tx, t.topic, 0, "committed");
    kafka_world_end(tx, WORLD_COMMIT); // 3, marker 4
    wait_end(&t, 5);
    struct source_reading r = read_all(&t);
    assert_int_equal(r.records, 4);
    tx = kafka_world_begin(t.bootstrap, t.topic);
    kafka_world_in(tx, t.topic, 0, "aborted");
    kafka_world_end(tx, WORLD_ABORT); // 5, marker 6
    wait_end(&t, 7);
    // The whole log, its invisible tail alone, and ends inside of it.
    for (int64_t from = 0; from <= 7; from++)
        for (int64_t to = from; to <= 7; to++) {
            struct source_range range = {0, 0, from, to, from};
            struct source_reading part = {0};
            assert_ok(source_read(&part, t.c.s, &range, 1, &t.e), &t.e);
            int64_t visible = (to < 4 ? to : 4) - (from < 4 ? from : 4);
            assert_int_equal(part.records, visible);
            assert_int_equal(part.lost, 0);
        }
    // What follows moves nothing of that.
    produce(&t, 1, 7, 2);
    struct source_range range = {0, 0, 0, 7, 0};
    struct source_reading part = {0};
    assert_ok(source_read(&part, t.c.s, &range, 1, &t.e), &t.e);
    assert_int_equal(part.records, 4);
    assert_int_equal(part.lost, 0);
    end(&t);
}

TEST(an_open_transaction_holds_the_end_back)
{
    struct real t;
    begin(&t, 1, NULL);
    produce(&t, 1, 0, 5);
    rd_kafka_t *tx = kafka_world_begin(t.bootstrap, t.topic);
    kafka_world_in(tx, t.topic, 0, "open");
    rd_kafka_flush(tx, 10000);
    produce(&t, 1, 6, 3);
    kafka_case_plan(&t.c);
    assert_int_equal(t.c.partitions[0].end, 5);
    struct source_reading r = read_all(&t);
    assert_int_equal(r.records, 5);
    kafka_world_end(tx, WORLD_COMMIT);
    wait_end(&t, 10);
    r = read_all(&t);
    assert_int_equal(r.records, 9);
    // A producer that hangs for ever: the plan stops there, reading does not wait.
    char hanging[80];
    snprintf(hanging, sizeof hanging, "%s-hangs", t.topic);
    tx = kafka_world_begin(t.bootstrap, hanging);
    kafka_world_in(tx, t.topic, 0, "hangs");
    kafka_world_end(tx, WORLD_LEAVE_OPEN);
    kafka_case_plan(&t.c);
    assert_int_equal(t.c.partitions[0].end, 10);
    end(&t);
}

TEST(gaps_of_a_compacted_topic_are_absent_not_lost)
{
    static const char *const config[] = {"cleanup.policy=compact",          "segment.ms=100",
                                         "min.cleanable.dirty.ratio=0.001", "segment.bytes=1048576",
                                         "max.compaction.lag.ms=100",       NULL};
    struct real t;
    begin(&t, 1, config);
    // 100 keys, 5,000 records; only the last of each key stays once the cleaner was there.
    produce(&t, 1, 0, 5000);
    struct source_reading r = {0};
    for (int i = 0; i < 300; i++) {
        // Segments are closed by the time in their records.
        kafka_world_text(t.world, t.topic, 0, 1700000100000 + i * 1000, "roll", "x");
        kafka_world_flush(t.world);
        rd_kafka_poll(kafka_world_client(t.world), 200);
        r = read_all(&t);
        if (r.records < 1000)
            break;
    }
    assert_true(r.records < 1000); // the cleaner ran
    assert_int_equal(r.lost, 0);
    kafka_case_plan(&t.c);
    struct source_range all = kafka_case_range(&t.c, 0);
    assert_int_equal(all.start, 0);
    // Ends and starts inside the gap.
    struct source_range range = {0, 0, 0, 2000, 0};
    struct source_reading part = {0};
    assert_ok(source_read(&part, t.c.s, &range, 1, &t.e), &t.e);
    assert_int_equal(part.records, 0);
    range = (struct source_range){0, 0, 1234, all.end, 1234};
    part = (struct source_reading){0};
    assert_ok(source_read(&part, t.c.s, &range, 1, &t.e), &t.e);
    assert_true(part.records == r.records && part.checksum == r.checksum);
    end(&t);
}

TEST(empty_partitions_and_any_offset)
{
    struct real t;
    begin(&t, 4, NULL);
    struct source_reading r = read_all(&t);
    assert_int_equal(r.records, 0);
    for (int i = 0; i < 1000; i++)
        kafka_world_text(t.world, t.topic, 2, i, NULL, "v");
    kafka_world_flush(t.world);
    r = read_all(&t);
    assert_int_equal(r.records, 1000);
    for (int64_t from = 0; from <= 1000; from += 250)
        for (int64_t to = from; to <= 1000; to += 125) {
            struct source_range ranges[2] = {{0, 1, 0, 0, 0}, {0, 2, from, to, from}};
            struct source_reading part = {0};
            assert_ok(source_read(&part, t.c.s, ranges, 2, &t.e), &t.e);
            assert_int_equal(part.records, to - from);
        }
    end(&t);
}

struct seen {
    uint32_t n;
    struct {
        bool key, value, header;
        size_t key_n, value_n, header_n;
        int64_t timestamp;
        uint64_t sum;
    } at[8];
};

static void see(void *arg, const struct source_range *range, const struct source_record *r)
{
    (void)range;
    struct seen *s = arg;
    assert_true(s->n < 8);
    s->at[s->n].key = r->key.p != NULL;
    s->at[s->n].key_n = r->key.n;
    s->at[s->n].value = r->value.p != NULL;
    s->at[s->n].value_n = r->value.n;
    s->at[s->n].timestamp = r->timestamp;
    if (r->header_count == 1) {
        assert_str(r->headers[0].key, "name");
        s->at[s->n].header = r->headers[0].value.p != NULL;
        s->at[s->n].header_n = r->headers[0].value.n;
    }
    for (size_t i = 0; i < r->value.n; i++)
        s->at[s->n].sum = s->at[s->n].sum * 31 + (unsigned char)r->value.p[i];
    s->n++;
}

TEST(keys_values_headers_and_timestamps_keep_their_form)
{
    static const char *const config[] = {"max.message.bytes=4000000", NULL};
    struct real t;
    begin(&t, 1, config);
    enum { BIG = 1500000 };
    char *big = mem_alloc(BIG);
    uint64_t sum = 0, random = 7;
    for (int i = 0; i < BIG; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        big[i] = (char)(random >> 56);
        sum = sum * 31 + (unsigned char)big[i];
    }
    struct kafka_world_record r[] = {
        {.key = {NULL, 0}, .value = {"", 0}, .timestamp = 1, .header = "name"},
        {.key = {"", 0},
         .value = {NULL, 0},
         .timestamp = 1700000000123,
         .header = "name",
         .header_value = {"", 0}},
        {.key = {"k", 1},
         .value = {big, BIG},
         .timestamp = 946684800000,
         .header = "name",
         .header_value = {"abc", 3}},
        {.key = {"a\0b", 3}, .value = {"\0", 1}, .timestamp = 2},
    };
    for (size_t i = 0; i < 4; i++)
        kafka_world_send(t.world, t.topic, 0, &r[i]);
    kafka_world_flush(t.world);
    mem_free(big);
    struct seen seen = {0};
    struct source_reading reading = {.each = see, .arg = &seen};
    assert_ok(source_read_all(&reading, t.c.s, &t.e), &t.e);
    assert_int_equal(seen.n, 4);
    assert_true(!seen.at[0].key && seen.at[0].value && !seen.at[0].header);
    assert_int_equal(seen.at[0].value_n, 0);
    assert_true(seen.at[1].key && !seen.at[1].value && seen.at[1].header);
    assert_int_equal(seen.at[1].header_n, 0);
    assert_int_equal(seen.at[1].timestamp, 1700000000123);
    assert_int_equal(seen.at[2].value_n, BIG);
    assert_true(seen.at[2].sum == sum);
    assert_int_equal(seen.at[2].header_n, 3);
    assert_int_equal(seen.at[3].key_n, 3);
    assert_int_equal(seen.at[3].value_n, 1);
    end(&t);
}

struct cut {
    struct real *t;
    int64_t at, before;
    uint64_t seen;
};

static void cut(void *arg, const struct source_range *range, const struct source_record *r)
{
    (void)range;
    (void)r;
    struct cut *c = arg;
    if (++c->seen == (uint64_t)c->at)
        kafka_world_delete_records(c->t->world, c->t->topic, 0, c->before);
}

TEST(records_deleted_before_or_under_the_reader_are_lost_with_their_range)
{
    struct real t;
    begin(&t, 2, NULL);
    produce(&t, 2, 0, 1000);
    kafka_world_delete_records(t.world, t.topic, 0, 100);
    kafka_case_plan(&t.c);
    assert_int_equal(t.c.partitions[0].log_start, 100);
    assert_int_equal(t.c.partitions[0].end, 1000);
    struct source_range ranges[2] = {{0, 0, 40, 1000, 40}, {0, 1, 0, 1000, 0}};
    struct source_reading r = {0};
    assert_ok(source_read(&r, t.c.s, ranges, 2, &t.e), &t.e);
    assert_int_equal(r.lost, 60);
    assert_int_equal(r.records, 900 + 1000);

    // Under the reader: more than one prefetch budget of bytes lies before the cut.
    char *value = mem_zalloc(1001);
    memset(value, 'x', 1000);
    for (int i = 0; i < 20000; i++) {
        value[i % 1000] = (char)('a' + i % 26);
        kafka_world_text(t.world, t.topic, 0, i, NULL, value);
    }
    kafka_world_flush(t.world);
    mem_free(value);
    struct source_spec spec = t.c.spec;
    spec.fetch_bytes_max = 1 << 20;
    struct source *small;
    assert_ok(t.c.s->type->open(&small, &spec, &t.e), &t.e);
    struct cut c = {.t = &t, .at = 1000, .before = 20500};
    struct source_range range = {0, 0, 100, 21000, 100};
    r = (struct source_reading){.each = cut, .arg = &c};
    assert_ok(source_read(&r, small, &range, 1, &t.e), &t.e);
    assert_int_equal(r.records + r.lost, 20900);
    assert_true(r.lost > 1000 && r.records >= 1500);
    // All of it.
    kafka_world_delete_records(t.world, t.topic, 0, 21000);
    r = (struct source_reading){0};
    assert_ok(source_read(&r, small, &range, 1, &t.e), &t.e);
    assert_int_equal(r.lost, 20900);
    small->type->close(small);
    end(&t);
}

TEST(a_recreated_topic_is_behind_our_position)
{
    struct real t;
    begin(&t, 1, NULL);
    produce(&t, 1, 0, 100);
    kafka_world_delete(t.world, t.topic);
    // Deletion is done in the background: the name is free a moment later.
    struct kafka_case probe;
    kafka_case_open(&probe, t.bootstrap, t.topic);
    for (int i = 0; i < 400; i++) {
        // Half deleted it may have no leader for a moment.
        if (!probe.s->type->plan(probe.s, probe.a, &probe.partitions, &probe.count, &probe.e) &&
            strstr(probe.e.text, "does not exist"))
            break;
        rd_kafka_poll(kafka_world_client(t.world), 50);
    }
    assert_non_null(strstr(probe.e.text, "does not exist"));
    kafka_case_close(&probe);
    kafka_world_create(t.world, t.topic, 1, NULL);
    struct kafka_world *fresh = kafka_world_new(t.bootstrap);
    for (int i = 0; i < 10; i++)
        kafka_world_text(fresh, t.topic, 0, i, NULL, "new");
    kafka_world_flush(fresh);
    kafka_world_free(fresh);
    kafka_case_close(&t.c);
    kafka_case_open(&t.c, t.bootstrap, t.topic);
    kafka_case_plan(&t.c);
    assert_int_equal(t.c.partitions[0].end, 10);
    struct source_range range = {0, 0, 100, 120, 100};
    struct source_reading r = {0};
    assert_fails(source_read(&r, t.c.s, &range, 1, &t.e), &t.e, ERR_BEHIND,
                 "ends at offset 10, below our position 100");
    end(&t);
}

TEST(added_partitions_are_planned_from_their_start)
{
    struct real t;
    begin(&t, 1, NULL);
    produce(&t, 1, 0, 10);
    kafka_case_plan(&t.c);
    assert_int_equal(t.c.count, 1);
    kafka_world_add_partitions(t.world, t.topic, 3);
    kafka_world_text(t.world, t.topic, 2, 1, NULL, "in the new one");
    kafka_world_flush(t.world);
    kafka_case_plan(&t.c);
    assert_int_equal(t.c.count, 3);
    assert_int_equal(t.c.partitions[2].log_start, 0);
    assert_int_equal(t.c.partitions[2].end, 1);
    struct source_reading r = read_all(&t);
    assert_int_equal(r.records, 11);
    end(&t);
}

TEST(a_missing_topic_is_named)
{
    struct real t;
    begin(&t, 1, NULL);
    struct kafka_case c;
    kafka_case_open(&c, t.bootstrap, "never-created");
    assert_fails(c.s->type->plan(c.s, c.a, &c.partitions, &c.count, &c.e), &c.e, ERR_REMOTE,
                 "topic never-created does not exist");
    assert_int_equal(c.e.remedy, REMEDY_RETRY_RUN);
    kafka_case_close(&c);
    end(&t);
}

static void kafka_script(const char *verb)
{
    char command[512];
    snprintf(command, sizeof command, "tests/servers/kafka.sh %s %s", verb,
             getenv("SLUICE_TEST_KAFKA"));
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(pclose(f), 0);
}

static void restart(void *arg, const struct source_range *range, const struct source_record *r)
{
    (void)range;
    (void)r;
    uint64_t *seen = arg;
    if (++*seen == 30000) {
        kafka_script("kill");
        kafka_script("start");
    }
}

TEST(a_broker_killed_while_reading_costs_no_record)
{
    if (!getenv("SLUICE_TEST_KAFKA")) {
        print_message("skipped: no SLUICE_TEST_KAFKA\n");
        skip();
    }
    struct real t;
    begin(&t, 4, NULL);
    uint64_t sum = produce(&t, 4, 0, 25000);
    struct source_spec spec = t.c.spec;
    spec.fetch_bytes_max = 1 << 20; // most of it is still to be fetched
    struct source *small;
    assert_ok(t.c.s->type->open(&small, &spec, &t.e), &t.e);
    uint64_t seen = 0;
    struct source_reading r = {.each = restart, .arg = &seen, .patience_ms = 60000};
    assert_ok(source_read_all(&r, small, &t.e), &t.e);
    assert_int_equal(r.records, 100000);
    assert_true(r.checksum == sum);
    small->type->close(small);
    end(&t);
}

static rd_kafka_t *join_group(const struct real *t)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", t->bootstrap, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", t->c.spec.group, why, sizeof why);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    assert_non_null(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, t->topic, RD_KAFKA_PARTITION_UA);
    assert_int_equal(rd_kafka_subscribe(rk, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
    for (int i = 0; i < 300; i++) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
        if (m)
            rd_kafka_message_destroy(m);
        int n = 0;
        if (!rd_kafka_assignment(rk, &list)) {
            n = list->cnt;
            rd_kafka_topic_partition_list_destroy(list);
        }
        if (n > 0)
            return rk;
    }
    fail_msg("the other consumer never became a member");
    return rk;
}

TEST(commits_are_kept_and_refused_while_another_member_is_active)
{
    struct real t;
    begin(&t, 2, NULL);
    produce(&t, 2, 0, 10);
    const struct source_type *type = t.c.s->type;
    struct source_offset o[2] = {{0, 0, 0}, {0, 1, 0}};
    assert_ok(type->group_read(t.c.s, o, 2, &t.e), &t.e);
    assert_int_equal(o[0].offset, -1);
    struct source_offset to[2] = {{0, 0, 4}, {0, 1, 9}};
    assert_ok(type->group_commit(t.c.s, to, 2, &t.e), &t.e);
    rd_kafka_t *other = join_group(&t);
    struct source_offset more[2] = {{0, 0, 5}, {0, 1, 10}};
    assert_fails(type->group_commit(t.c.s, more, 2, &t.e), &t.e, ERR_REMOTE, "-group");
    assert_non_null(strstr(t.e.hint, "another consumer is active"));
    rd_kafka_consumer_close(other);
    rd_kafka_destroy(other);
    assert_ok(type->group_read(t.c.s, o, 2, &t.e), &t.e);
    assert_int_equal(o[0].offset, 4);
    assert_int_equal(o[1].offset, 9);
    assert_ok(type->group_commit(t.c.s, more, 2, &t.e), &t.e);
    assert_ok(type->group_read(t.c.s, o, 2, &t.e), &t.e);
    assert_int_equal(o[1].offset, 10);
    end(&t);
}

TEST(times_become_offsets)
{
    struct real t;
    begin(&t, 2, NULL);
    produce(&t, 2, 0, 1000); // timestamp 1700000000000 + offset
    struct source_offset o[2] = {{0, 0, 0}, {0, 1, 0}};
    const int64_t at[] = {0, 1700000000000, 1700000000500, 1700000000999, 1700000001000};
    const int64_t want[] = {0, 0, 500, 999, 1000};
    for (size_t i = 0; i < 5; i++) {
        assert_ok(t.c.s->type->offsets_for_time(t.c.s, at[i], o, 2, &t.e), &t.e);
        assert_int_equal(o[0].offset, want[i]);
        assert_int_equal(o[1].offset, want[i]);
    }
    end(&t);
}

TEST(sixty_four_partitions_stay_within_the_budget)
{
    struct real t;
    begin(&t, 64, NULL);
    uint64_t sum = produce(&t, 64, 0, 1000);
    struct source_spec spec = t.c.spec;
    spec.fetch_bytes_max = 8 << 20;
    struct source *small;
    assert_ok(t.c.s->type->open(&small, &spec, &t.e), &t.e);
    struct source_reading r = {0};
    assert_ok(source_read_all(&r, small, &t.e), &t.e);
    assert_int_equal(r.records, 64000);
    assert_true(r.checksum == sum);
    small->type->close(small);
    end(&t);
}

TEST_MAIN(T(two_hundred_thousand_records_arrive_as_they_were_sent),
          T(a_small_budget_reads_the_same),
          T(ranges_end_at_transaction_markers_and_aborted_records),
          T(an_open_transaction_holds_the_end_back),
          T(gaps_of_a_compacted_topic_are_absent_not_lost), T(empty_partitions_and_any_offset),
          T(keys_values_headers_and_timestamps_keep_their_form),
          T(records_deleted_before_or_under_the_reader_are_lost_with_their_range),
          T(a_recreated_topic_is_behind_our_position),
          T(added_partitions_are_planned_from_their_start), T(a_missing_topic_is_named),
          T(a_broker_killed_while_reading_costs_no_record),
          T(commits_are_kept_and_refused_while_another_member_is_active), T(times_become_offsets),
          T(sixty_four_partitions_stay_within_the_budget))
