#include "tests/support/kafka_world.h"

#include "base/mem.h"
#include "tests/support/test.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MS = 30000 };

struct kafka_world {
    rd_kafka_t *rk;
    uint64_t failed; // deliveries
};

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        fail_msg("%s: %s", name, why);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    uint64_t *failed = opaque;
    if (m->err && failed)
        ++*failed;
}

static rd_kafka_t *producer(const char *bootstrap, const char *transactional_id, uint64_t *failed)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "linger.ms", "5");
    set(conf, "compression.type", "lz4");
    set(conf, "message.max.bytes", "8000000");
    if (transactional_id)
        set(conf, "transactional.id", transactional_id);
    else
        set(conf, "enable.idempotence", "true");
    rd_kafka_conf_set_opaque(conf, failed);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!rk)
        fail_msg("producer: %s", why);
    return rk;
}

struct kafka_world *kafka_world_new(const char *bootstrap)
{
    struct kafka_world *w = mem_zalloc(sizeof *w);
    w->rk = producer(bootstrap, NULL, &w->failed);
    return w;
}

void kafka_world_free(struct kafka_world *w)
{
    rd_kafka_destroy(w->rk);
    mem_free(w);
}

rd_kafka_t *kafka_world_client(struct kafka_world *w)
{
    return w->rk;
}

void kafka_world_name(char out[64], const char *what)
{
    static atomic_int counter;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(out, 64, "%s-%d-%d-%lx", what, (int)getpid(), atomic_fetch_add(&counter, 1),
             (unsigned long)now.tv_nsec);
}

// Waits for the answer of an admin request and fails the test when one of its results is an error.
static void admin_wait(rd_kafka_queue_t *queue, const char *what)
{
    rd_kafka_event_t *done = rd_kafka_queue_poll(queue, ANSWER_MS);
    if (!done)
        fail_msg("%s: no answer", what);
    if (rd_kafka_event_error(done))
        fail_msg("%s: %s", what, rd_kafka_event_error_string(done));
    size_t n = 0;
    const rd_kafka_topic_result_t **results = NULL;
    const rd_kafka_CreateTopics_result_t *created = rd_kafka_event_CreateTopics_result(done);
    const rd_kafka_DeleteTopics_result_t *deleted = rd_kafka_event_DeleteTopics_result(done);
    const rd_kafka_CreatePartitions_result_t *added = rd_kafka_event_CreatePartitions_result(done);
    if (created)
        results = rd_kafka_CreateTopics_result_topics(created, &n);
    else if (deleted)
        results = rd_kafka_DeleteTopics_result_topics(deleted, &n);
    else if (added)
        results = rd_kafka_CreatePartitions_result_topics(added, &n);
    for (size_t i = 0; i < n; i++)
        if (rd_kafka_topic_result_error(results[i]))
            fail_msg("%s: %s", what, rd_kafka_topic_result_error_string(results[i]));
    const rd_kafka_DeleteRecords_result_t *cut = rd_kafka_event_DeleteRecords_result(done);
    if (cut) {
        const rd_kafka_topic_partition_list_t *list = rd_kafka_DeleteRecords_result_offsets(cut);
        for (int i = 0; i < list->cnt; i++)
            if (list->elems[i].err)
                fail_msg("%s: %s", what, rd_kafka_err2str(list->elems[i].err));
    }
    rd_kafka_event_destroy(done);
    rd_kafka_queue_destroy(queue);
}

// Metadata of a new topic reaches a broker's partitions a moment after the answer.
static void wait_leaders(struct kafka_world *w, const char *topic, int partitions)
{
    for (int try = 0; try < 600; try++) {
        const struct rd_kafka_metadata *md = NULL;
        rd_kafka_topic_t *t = rd_kafka_topic_new(w->rk, topic, NULL);
        int ready = 0;
        if (!rd_kafka_metadata(w->rk, 0, t, &md, ANSWER_MS)) {
            for (int i = 0; md->topic_cnt == 1 && i < md->topics[0].partition_cnt; i++)
                ready += !md->topics[0].partitions[i].err && md->topics[0].partitions[i].leader > 0;
            rd_kafka_metadata_destroy(md);
        }
        rd_kafka_topic_destroy(t);
        if (ready == partitions)
            return;
        rd_kafka_poll(w->rk, 20);
    }
    fail_msg("topic %s never got its %d leaders", topic, partitions);
}

void kafka_world_create(struct kafka_world *w, const char *topic, int partitions,
                        const char *const *config)
{
    char why[256];
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(topic, partitions, 1, why, sizeof why);
    assert_non_null(t);
    // Test records carry old timestamps: retention would delete them whenever it comes by.
    assert_int_equal(rd_kafka_NewTopic_set_config(t, "retention.ms", "-1"), 0);
    for (; config && *config; config++) {
        char name[128];
        const char *eq = strchr(*config, '=');
        snprintf(name, sizeof name, "%.*s", (int)(eq - *config), *config);
        assert_int_equal(rd_kafka_NewTopic_set_config(t, name, eq + 1), 0);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_CreateTopics(w->rk, &t, 1, NULL, queue);
    admin_wait(queue, "create topic");
    rd_kafka_NewTopic_destroy(t);
    wait_leaders(w, topic, partitions);
}

void kafka_world_delete(struct kafka_world *w, const char *topic)
{
    rd_kafka_DeleteTopic_t *t = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_DeleteTopics(w->rk, &t, 1, NULL, queue);
    admin_wait(queue, "delete topic");
    rd_kafka_DeleteTopic_destroy(t);
}

void kafka_world_add_partitions(struct kafka_world *w, const char *topic, int total)
{
    char why[256];
    rd_kafka_NewPartitions_t *p = rd_kafka_NewPartitions_new(topic, (size_t)total, why, sizeof why);
    assert_non_null(p);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_CreatePartitions(w->rk, &p, 1, NULL, queue);
    admin_wait(queue, "add partitions");
    rd_kafka_NewPartitions_destroy(p);
    wait_leaders(w, topic, total);
}

void kafka_world_delete_records(struct kafka_world *w, const char *topic, int partition,
                                int64_t before)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = before;
    rd_kafka_DeleteRecords_t *d = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->rk);
    rd_kafka_DeleteRecords(w->rk, &d, 1, NULL, queue);
    admin_wait(queue, "delete records");
    rd_kafka_DeleteRecords_destroy(d);
    rd_kafka_topic_partition_list_destroy(list);
}

static void *bytes_of(struct payload p)
{
    return (void *)(uintptr_t)p.p;
}

static rd_kafka_resp_err_t send_once(struct kafka_world *w, const char *topic, int partition,
                                     const struct kafka_world_record *r)
{
    rd_kafka_headers_t *h = NULL;
    if (r->header) {
        h = rd_kafka_headers_new(1);
        rd_kafka_header_add(h, r->header, -1, r->header_value.p,
                            r->header_value.p ? (ssize_t)r->header_value.n : -1);
    }
    rd_kafka_vu_t vu[7] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = r->timestamp},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {bytes_of(r->key), r->key.n}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {bytes_of(r->value), r->value.n}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = h},
    };
    rd_kafka_error_t *failed = rd_kafka_produceva(w->rk, vu, h ? 7 : 6);
    rd_kafka_resp_err_t code = failed ? rd_kafka_error_code(failed) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (failed) {
        rd_kafka_error_destroy(failed);
        if (h)
            rd_kafka_headers_destroy(h);
    }
    return code;
}

void kafka_world_send(struct kafka_world *w, const char *topic, int partition,
                      const struct kafka_world_record *r)
{
    rd_kafka_resp_err_t code;
    while ((code = send_once(w, topic, partition, r)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(w->rk, 20);
    if (code)
        fail_msg("produce: %s", rd_kafka_err2str(code));
}

static struct payload text_payload(const char *z)
{
    return (struct payload){z, z ? strlen(z) : 0};
}

void kafka_world_text(struct kafka_world *w, const char *topic, int partition, int64_t timestamp,
                      const char *key, const char *value)
{
    struct kafka_world_record r = {
        .key = text_payload(key), .value = text_payload(value), .timestamp = timestamp};
    kafka_world_send(w, topic, partition, &r);
}

void kafka_world_flush(struct kafka_world *w)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(w->rk, ANSWER_MS);
    if (code || w->failed)
        fail_msg("flush: %s, %llu records failed", rd_kafka_err2str(code),
                 (unsigned long long)w->failed);
}

static void must(rd_kafka_error_t *failed, const char *what)
{
    if (failed)
        fail_msg("%s: %s", what, rd_kafka_error_string(failed));
}

rd_kafka_t *kafka_world_begin(const char *bootstrap, const char *transactional_id)
{
    rd_kafka_t *tx = producer(bootstrap, transactional_id, NULL);
    must(rd_kafka_init_transactions(tx, ANSWER_MS), "init transactions");
    must(rd_kafka_begin_transaction(tx), "begin");
    return tx;
}

void kafka_world_in(rd_kafka_t *tx, const char *topic, int partition, const char *value)
{
    rd_kafka_resp_err_t code = rd_kafka_producev(
        tx, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)), RD_KAFKA_V_END);
    assert_int_equal(code, 0);
}

void kafka_world_end(rd_kafka_t *tx, enum kafka_world_end how)
{
    rd_kafka_flush(tx, ANSWER_MS);
    switch (how) {
    case WORLD_COMMIT:
        must(rd_kafka_commit_transaction(tx, ANSWER_MS), "commit");
        break;
    case WORLD_ABORT:
        must(rd_kafka_abort_transaction(tx, ANSWER_MS), "abort");
        break;
    case WORLD_LEAVE_OPEN: // the broker waits for its transaction.timeout.ms
        break;
    }
    rd_kafka_destroy(tx);
}
