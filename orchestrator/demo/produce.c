#include "orchestrator/demo/generate.h"

#include "base/mem.h"

#include <assert.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>

enum { PRODUCE_TIMEOUT_MS = 30000, PRODUCE_VALUE_MAX = 1 << 20 };

struct produce {
    rd_kafka_t *rk;
    uint64_t failed;
    rd_kafka_resp_err_t first_failure;
};

static void produce_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    struct produce *s = opaque;
    if (m->err && s->failed++ == 0)
        s->first_failure = m->err;
}

static bool produce_err(struct err *e, const char *doing, const char *topic, const char *why)
{
    err_fail(e, ERR_REMOTE, "%s topic %s: %s", doing, topic, why);
    err_hint(e, "is the broker up? --brokers HOST:PORT names another one");
    return err_remedy(e, REMEDY_RETRY_RUN);
}

static bool produce_open(struct produce *s, const struct generate_spec *spec, struct err *e)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_dr_msg_cb(conf, produce_delivered);
    bool ok =
        rd_kafka_conf_set(conf, "bootstrap.servers", spec->brokers, why, sizeof why) ==
            RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "linger.ms", "5", why, sizeof why) == RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "compression.type", "lz4", why, sizeof why) == RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "enable.idempotence", "true", why, sizeof why) ==
            RD_KAFKA_CONF_OK &&
        // A broker that refuses one batch must not have taken the next: the demo's does not check sequences.
        rd_kafka_conf_set(conf, "max.in.flight", "1", why, sizeof why) == RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "log_level", "2", why, sizeof why) == RD_KAFKA_CONF_OK;
    s->rk = ok ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why) : NULL;
    if (s->rk)
        return true;
    rd_kafka_conf_destroy(conf);
    return err_fail(e, ERR_CONFIG, "kafka producer: %s", why);
}

// Partitions of the topic, 0 when it does not exist.
static bool produce_partitions(struct produce *s, const char *topic, int32_t *out, struct err *e)
{
    rd_kafka_topic_t *t = rd_kafka_topic_new(s->rk, topic, NULL);
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(s->rk, 0, t, &md, PRODUCE_TIMEOUT_MS);
    rd_kafka_topic_destroy(t);
    if (code)
        return produce_err(e, "asking for", topic, rd_kafka_err2str(code));
    *out = md->topic_cnt == 1 && !md->topics[0].err ? md->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(md);
    return true;
}

static bool produce_create(struct produce *s, const struct generate_spec *spec, struct err *e)
{
    char why[512] = "no answer";
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(spec->topic, spec->partitions, -1, why, sizeof why);
    if (!topic)
        return produce_err(e, "creating", spec->topic, why);
    // The records' timestamps are of 2025: the broker's usual retention would delete them within minutes.
    rd_kafka_resp_err_t set = rd_kafka_NewTopic_set_config(topic, "retention.ms", "-1");
    assert(!set);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(s->rk);
    rd_kafka_CreateTopics(s->rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, PRODUCE_TIMEOUT_MS);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const rd_kafka_CreateTopics_result_t *result =
        event && !code ? rd_kafka_event_CreateTopics_result(event) : NULL;
    size_t n = 0;
    const rd_kafka_topic_result_t **topics =
        result ? rd_kafka_CreateTopics_result_topics(result, &n) : NULL;
    if (n == 1)
        code = rd_kafka_topic_result_error(topics[0]);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    return !code || produce_err(e, "creating", spec->topic, rd_kafka_err2str(code));
}

// A new topic is not everywhere at once: the partitions are asked for until they are there.
static bool produce_topic(struct produce *s, const struct generate_spec *spec, int32_t *partitions,
                          struct err *e)
{
    if (!produce_partitions(s, spec->topic, partitions, e))
        return false;
    if (*partitions > 0)
        return true;
    if (!produce_create(s, spec, e))
        return false;
    for (int tries = 0; tries < 100 && *partitions == 0; tries++) {
        rd_kafka_poll(s->rk, 50);
        if (!produce_partitions(s, spec->topic, partitions, e))
            return false;
    }
    return *partitions > 0 || produce_err(e, "creating", spec->topic, "it has no partitions yet");
}

static bool produce_one(struct produce *s, const char *topic, int32_t partition,
                        const struct buf *value, int64_t timestamp, struct err *e)
{
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_producev(
            s->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(value->p, value->n),
            RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_END);
        if (!code)
            return true;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return produce_err(e, "producing to", topic, rd_kafka_err2str(code));
        rd_kafka_poll(s->rk, 100);
    }
}

static bool produce_records(struct produce *s, const struct generate_spec *spec, int32_t partitions,
                            struct err *e)
{
    struct generator *g = generator_new(spec->seed);
    struct buf value;
    int64_t timestamp;
    bool ok = true;
    buf_init(&value, PRODUCE_VALUE_MAX);
    for (uint64_t i = 0; ok && i < spec->first + spec->count; i++) {
        buf_clear(&value);
        generator_next(g, &value, &timestamp); // records before `first` only move the generator
        if (i >= spec->first)
            ok = produce_one(s, spec->topic, (int32_t)(i % (uint64_t)partitions), &value, timestamp,
                             e);
        if (i % 1024 == 0)
            rd_kafka_poll(s->rk, 0);
    }
    buf_fini(&value);
    generator_free(g);
    if (!ok)
        return false;
    rd_kafka_resp_err_t code = rd_kafka_flush(s->rk, PRODUCE_TIMEOUT_MS);
    if (!code && s->failed)
        code = s->first_failure;
    return !code || produce_err(e, "producing to", spec->topic, rd_kafka_err2str(code));
}

bool generate_produce(const struct generate_spec *spec, struct err *e)
{
    assert(spec->brokers && spec->topic && spec->partitions > 0);
    struct produce s = {NULL, 0, RD_KAFKA_RESP_ERR_NO_ERROR};
    int32_t partitions = 0;
    if (!produce_open(&s, spec, e))
        return false;
    bool ok = produce_topic(&s, spec, &partitions, e) && produce_records(&s, spec, partitions, e);
    rd_kafka_destroy(s.rk);
    return ok;
}
