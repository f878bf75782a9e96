// The transaction of a batch: rows, the input's offsets, the marker.
#include "jobs/topic/kafka/topic_kafka_internal.h"

#include "base/durable.h"
#include "base/hash.h"

#include <assert.h>
#include <stdio.h>

// Until the queue has room: the broker takes rows slower than they are read from the spool.
enum { COMMIT_POLL_MS = 100, COMMIT_STALL_MS = 60000 };

// --- in doubt --------------------------------------------------------------------------------------------------------

// Aborts or completes what an earlier owner of the transactional id began.
static bool commit_fence(void *arg, struct err *e)
{
    struct topic_kafka *s = arg;
    rd_kafka_error_t *failed = rd_kafka_init_transactions(s->producer, TOPIC_REQUEST_MS);
    return !failed || topic_kafka_fail(s, failed, "kafka: taking over transactions", e);
}

static bool marker_read(struct topic_marker *out, rd_kafka_t *rk, const char *topic, struct err *e)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0);
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, TOPIC_REQUEST_MS);
    const rd_kafka_topic_partition_t *p = &list->elems[0];
    code = code ? code : p->err;
    *out = (struct topic_marker){.state = TOPIC_MARKER_NONE};
    if (!code && p->offset >= 0) {
        out->state = TOPIC_MARKER_SET;
        out->batch = (uint64_t)p->offset;
        snprintf(out->digest, sizeof out->digest, "%.*s", (int)p->metadata_size,
                 p->metadata ? (const char *)p->metadata : "");
    }
    rd_kafka_topic_partition_list_destroy(list);
    return !code || kafka_err(e, code, "kafka: reading the marker");
}

bool topic_kafka_marker(struct topic_writer *base, struct str topic, struct topic_marker *out,
                        struct err *e)
{
    struct topic_kafka *s = topic_kafka_from(base);
    if (s->state == TOPIC_IDLE) {
        if (!durable_call_remote(s->spec.durable, "topic.fence", commit_fence, s, e))
            return false;
        s->state = TOPIC_FENCED_OTHERS;
    }
    assert(s->state == TOPIC_FENCED_OTHERS);
    rd_kafka_t *rk = topic_kafka_client(s, RD_KAFKA_CONSUMER, e);
    if (!rk)
        return false;
    char *name = topic_kafka_text(topic);
    bool ok = marker_read(out, rk, name, e) || err_wrap(e, "group %s", s->marker_group);
    mem_free(name);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return ok;
}

// --- rows ------------------------------------------------------------------------------------------------------------

bool topic_kafka_begin(struct topic_writer *base, struct err *e)
{
    struct topic_kafka *s = topic_kafka_from(base);
    assert(s->state == TOPIC_FENCED_OTHERS);
    rd_kafka_error_t *failed = rd_kafka_begin_transaction(s->producer);
    if (failed)
        return topic_kafka_fail(s, failed, "kafka: beginning a transaction", e);
    s->state = TOPIC_IN_TRANSACTION;
    return true;
}

struct commit_rows {
    struct topic_kafka *s;
    const char *topic;
    const struct topic_record *records;
    size_t n;
};

static rd_kafka_resp_err_t commit_row(rd_kafka_t *rk, const char *topic,
                                      const struct topic_record *r)
{
    union {
        const char *given;
        void *taken; // librdkafka's parameter is not const; F_COPY only reads it
    } key = {r->key.p}, value = {r->value.p};
    return rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(r->partition),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_KEY(key.taken, r->key.n),
                             RD_KAFKA_V_VALUE(value.taken, r->value.n),
                             RD_KAFKA_V_TIMESTAMP(r->timestamp), RD_KAFKA_V_END);
}

static bool commit_row_fail(const struct commit_rows *c, size_t i, rd_kafka_resp_err_t code,
                            struct err *e)
{
    const struct topic_record *r = &c->records[i];
    kafka_err(e, code, "kafka: writing a row");
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        err_fail(e, ERR_DATA, "a row of %zu bytes is larger than message.max.bytes of kafka:",
                 r->key.n + r->value.n);
        err_hint(e, "raise message.max.bytes in kafka: and max.message.bytes of the topic");
    }
    return err_wrap(e, "topic %s/%d", c->topic, (int)r->partition);
}

static bool commit_rows(void *arg, struct err *e)
{
    const struct commit_rows *c = arg;
    int waited = 0;
    for (size_t i = 0; i < c->n;) {
        rd_kafka_resp_err_t code = commit_row(c->s->producer, c->topic, &c->records[i]);
        if (!code) {
            i++;
            waited = 0;
            continue;
        }
        bool full = code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
        if (!full || (waited += COMMIT_POLL_MS) > COMMIT_STALL_MS)
            return commit_row_fail(c, i, code, e);
        rd_kafka_poll(c->s->producer, COMMIT_POLL_MS);
    }
    rd_kafka_poll(c->s->producer, 0);
    return true;
}

bool topic_kafka_write(struct topic_writer *base, struct str topic,
                       const struct topic_record *records, size_t n, struct err *e)
{
    struct topic_kafka *s = topic_kafka_from(base);
    assert(s->state == TOPIC_IN_TRANSACTION);
    char *name = topic_kafka_text(topic);
    struct commit_rows c = {s, name, records, n};
    bool ok = durable_call_remote(s->spec.durable, "topic.write", commit_rows, &c, e);
    mem_free(name);
    return ok;
}

// --- offsets, marker, commit -----------------------------------------------------------------------------------------

static bool commit_group(struct topic_kafka *s, const char *group,
                         const rd_kafka_topic_partition_list_t *list, struct err *e)
{
    rd_kafka_consumer_group_metadata_t *member = rd_kafka_consumer_group_metadata_new(group);
    rd_kafka_error_t *failed =
        rd_kafka_send_offsets_to_transaction(s->producer, list, member, TOPIC_REQUEST_MS);
    rd_kafka_consumer_group_metadata_destroy(member);
    if (!failed)
        return true;
    topic_kafka_fail(s, failed, "kafka: adding offsets to the transaction", e);
    return err_wrap(e, "group %s", group);
}

static bool commit_offsets(struct topic_kafka *s, const struct topic_commit *c, struct err *e)
{
    if (c->offset_count == 0)
        return true;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)c->offset_count);
    for (size_t i = 0; i < c->offset_count; i++) {
        char *topic = topic_kafka_text(c->offsets[i].topic);
        rd_kafka_topic_partition_list_add(list, topic, c->offsets[i].partition)->offset =
            c->offsets[i].offset;
        mem_free(topic);
    }
    bool ok = commit_group(s, s->spec.group, list, e);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

static bool commit_marker(struct topic_kafka *s, const struct topic_commit *c, struct err *e)
{
    char hex[17];
    hash_hex(hex, c->digest);
    char *topic = topic_kafka_text(c->marker_topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_add(list, topic, 0);
    p->offset = (int64_t)c->batch;
    p->metadata = hex; // lent: the call copies the list, whose end would free it
    p->metadata_size = strlen(hex);
    mem_free(topic);
    bool ok = commit_group(s, s->marker_group, list, e);
    p->metadata = NULL;
    p->metadata_size = 0;
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

struct commit_all {
    struct topic_kafka *s;
    const struct topic_commit *c;
};

static bool commit_call(void *arg, struct err *e)
{
    const struct commit_all *x = arg;
    if (!commit_offsets(x->s, x->c, e) || !commit_marker(x->s, x->c, e))
        return false;
    rd_kafka_error_t *failed = rd_kafka_commit_transaction(x->s->producer, -1);
    return !failed || topic_kafka_fail(x->s, failed, "kafka: committing the transaction", e);
}

bool topic_kafka_commit(struct topic_writer *base, const struct topic_commit *c, struct err *e)
{
    struct topic_kafka *s = topic_kafka_from(base);
    assert(s->state == TOPIC_IN_TRANSACTION);
    struct commit_all x = {s, c};
    if (!durable_call_remote(s->spec.durable, "topic.commit", commit_call, &x, e))
        return false;
    s->state = TOPIC_FENCED_OTHERS;
    return true;
}
