// Topics that an output needs: looked up, created when missing, compared otherwise.
#include "jobs/topic/kafka/topic_kafka_internal.h"

#include "base/durable.h"

#include <assert.h>
#include <stdio.h>

enum { PREPARE_TRIES = 100, PREPARE_WAIT_MS = 100, PREPARE_CREATE_MS = 15000 };

// -1: *e. 0: there is no such topic.
static int32_t prepare_count(struct topic_kafka *s, const char *topic, struct err *e)
{
    char doing[320];
    snprintf(doing, sizeof doing, "kafka: asking for the partitions of topic %s", topic);
    rd_kafka_topic_t *t = rd_kafka_topic_new(s->producer, topic, NULL);
    if (!t) {
        kafka_err(e, rd_kafka_last_error(), doing);
        return -1;
    }
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(s->producer, 0, t, &md, TOPIC_REQUEST_MS);
    rd_kafka_topic_destroy(t);
    if (code) {
        kafka_err(e, code, doing);
        err_hint(e, "is the broker of kafka: bootstrap.servers up?");
        return -1;
    }
    rd_kafka_resp_err_t topic_err =
        md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    int32_t n = md->topic_cnt == 1 && !topic_err ? md->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(md);
    if (!topic_err || topic_err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        topic_err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        topic_err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
        return n;
    kafka_err(e, topic_err, doing);
    return -1;
}

struct prepare_create {
    struct topic_kafka *s;
    const char *topic;
    int32_t partitions;
    int replicas;
    const char *cleanup;
};

static bool prepare_created(rd_kafka_event_t *done, const char *topic, struct err *e)
{
    char doing[320];
    snprintf(doing, sizeof doing, "kafka: creating topic %s", topic);
    rd_kafka_resp_err_t code = done ? rd_kafka_event_error(done) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *why = done ? rd_kafka_event_error_string(done) : NULL;
    size_t n = 0;
    const rd_kafka_topic_result_t **results =
        code ? NULL
             : rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(done), &n);
    if (n == 1) {
        code = rd_kafka_topic_result_error(results[0]);
        why = rd_kafka_topic_result_error_string(results[0]);
    }
    // Somebody was faster, or our own reply was lost: its partitions are compared anyway.
    if (!code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return true;
    kafka_err(e, code, doing);
    return err_hint(e, "%s", why ? why : "");
}

static bool prepare_create(void *arg, struct err *e)
{
    const struct prepare_create *c = arg;
    char why[256];
    rd_kafka_t *rk = c->s->producer;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        c->topic, c->partitions, c->replicas ? c->replicas : -1, why, sizeof why);
    if (!topic)
        return err_fail(e, ERR_CONFIG, "kafka: topic %s: %s", c->topic, why);
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", c->cleanup);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_operation_timeout(options, PREPARE_CREATE_MS, why, sizeof why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
    rd_kafka_event_t *done = rd_kafka_queue_poll(queue, TOPIC_REQUEST_MS);
    bool ok = prepare_created(done, c->topic, e);
    if (done)
        rd_kafka_event_destroy(done);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    return ok;
}

static bool prepare_missing(struct topic_kafka *s, const char *topic, const struct topic_want *w,
                            int32_t *partitions, struct err *e)
{
    struct prepare_create c = {s, topic, w->partitions ? w->partitions : w->partitions_new,
                               w->replicas,
                               w->cleanup == TOPIC_LAST_PER_KEY ? "compact" : "delete"};
    assert(c.partitions > 0);
    if (w->missing == TOPIC_REFUSE) {
        err_fail(e, ERR_BEHIND, "topic %s does not exist any more, but rows were written to it",
                 topic);
        return err_hint(e, "it was deleted: see the recovery handbook, \"lost topic\"");
    }
    if (!durable_call_remote(s->spec.durable, "topic.create", prepare_create, &c, e))
        return false;
    // A new topic is known to every broker a moment later.
    for (int i = 0; i < PREPARE_TRIES; i++) {
        *partitions = prepare_count(s, topic, e);
        if (*partitions != 0)
            return *partitions > 0;
        rd_kafka_poll(s->producer, PREPARE_WAIT_MS);
    }
    err_fail(e, ERR_REMOTE, "kafka: topic %s was created, but no broker has it yet", topic);
    return err_remedy(e, REMEDY_RETRY_RUN);
}

bool topic_kafka_prepare(struct topic_writer *base, const struct topic_want *topics, size_t n,
                         int32_t *partitions, struct err *e)
{
    struct topic_kafka *s = topic_kafka_from(base);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        char *topic = topic_kafka_text(topics[i].name);
        partitions[i] = prepare_count(s, topic, e);
        ok = partitions[i] >= 0 &&
             (partitions[i] > 0 || prepare_missing(s, topic, &topics[i], &partitions[i], e));
        if (ok && topics[i].partitions && partitions[i] != topics[i].partitions) {
            err_fail(e, ERR_CONFIG, "topic %s has %d partitions, the configuration says %d", topic,
                     (int)partitions[i], (int)topics[i].partitions);
            ok = err_hint(e, "correct partitions:, or leave it out to take the topic as it is");
        }
        mem_free(topic);
    }
    return ok;
}
