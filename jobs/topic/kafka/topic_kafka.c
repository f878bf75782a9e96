#include "jobs/topic/kafka/topic_kafka.h"

#include "jobs/topic/kafka/topic_kafka_internal.h"

#include <assert.h>
#include <stdio.h>

struct topic_kafka *topic_kafka_from(struct topic_writer *s)
{
    assert(s->type == &topic_kafka);
    return (struct topic_kafka *)s;
}

char *topic_kafka_text(struct str s)
{
    char *text = mem_alloc(s.n + 1);
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return text;
}

static void topic_kafka_note(struct topic_kafka *s, const char *text)
{
    pthread_mutex_lock(&s->error_lock);
    snprintf(s->last_error, sizeof s->last_error, "%s", text);
    pthread_mutex_unlock(&s->error_lock);
}

static void topic_kafka_on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk, (void)code;
    topic_kafka_note(opaque, reason);
}

// librdkafka would write to stderr; its warnings come back as the reason of a failure instead.
static void topic_kafka_on_log(const rd_kafka_t *rk, int level, const char *facility,
                               const char *text)
{
    struct topic_kafka *s = rd_kafka_opaque(rk);
    // CONFWARN: properties of consumers are not a producer's.
    if (level <= 4 && s && strcmp(facility, "CONFWARN") != 0)
        topic_kafka_note(s, text);
}

static bool topic_kafka_is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED;
}

bool topic_kafka_fail(struct topic_kafka *s, rd_kafka_error_t *failed, const char *doing,
                      struct err *e)
{
    char why[512], last[256];
    rd_kafka_resp_err_t code = rd_kafka_error_code(failed);
    // A fatal error only says so; what it was is kept.
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        code = rd_kafka_fatal_error(s->producer, why, sizeof why);
    pthread_mutex_lock(&s->error_lock);
    memcpy(last, s->last_error, sizeof last);
    pthread_mutex_unlock(&s->error_lock);
    if (topic_kafka_is_fenced(code)) {
        err_fail(e, ERR_FENCED, "%s: %s (%s)", doing, rd_kafka_error_string(failed),
                 rd_kafka_err2name(code));
        err_hint(e,
                 "another process writes with the transactional id %s: see the recovery "
                 "handbook, \"fenced\"",
                 s->spec.transactional_id);
    } else {
        kafka_err(e, code, doing);
        err_hint(e, "%s%s%s", rd_kafka_error_string(failed), last[0] ? "; " : "", last);
    }
    rd_kafka_error_destroy(failed);
    return false;
}

static bool topic_kafka_producer_conf(struct topic_kafka *s, rd_kafka_conf_t *conf, struct err *e)
{
    char timeout[16], queue[16];
    snprintf(timeout, sizeof timeout, "%d", TOPIC_TRANSACTION_MS);
    snprintf(queue, sizeof queue, "%d", TOPIC_QUEUE_KB);
    return kafka_set(conf, "transactional.id", s->spec.transactional_id, e) &&
           kafka_set(conf, "transaction.timeout.ms", timeout, e) &&
           kafka_set(conf, "acks", "all", e) &&
           kafka_set(conf, "queue.buffering.max.kbytes", queue, e);
}

rd_kafka_t *topic_kafka_client(struct topic_kafka *s, rd_kafka_type_t type, struct err *e)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_error_cb(conf, topic_kafka_on_error);
    rd_kafka_conf_set_log_cb(conf, topic_kafka_on_log);
    bool ok = kafka_set(conf, "reconnect.backoff.ms", "20", e) &&
              kafka_set(conf, "reconnect.backoff.max.ms", "2000", e) &&
              kafka_set(conf, "socket.nagle.disable", "true", e) &&
              kafka_set(conf, "client.id", s->spec.client_id, e) &&
              kafka_set_user(conf, s->spec.properties, s->spec.property_count, e) &&
              kafka_set(conf, "allow.auto.create.topics", "false", e);
    if (ok && type == RD_KAFKA_PRODUCER)
        ok = topic_kafka_producer_conf(s, conf, e);
    else if (ok)
        ok = kafka_set(conf, "group.id", s->marker_group, e) &&
             kafka_set(conf, "isolation.level", "read_committed", e) &&
             kafka_set(conf, "enable.auto.commit", "false", e);
    rd_kafka_t *rk = ok ? rd_kafka_new(type, conf, why, sizeof why) : NULL;
    if (rk)
        return rk;
    rd_kafka_conf_destroy(conf);
    if (ok)
        err_fail(e, ERR_CONFIG, "kafka client: %s", why);
    return NULL;
}

static void topic_kafka_close(struct topic_writer *base)
{
    struct topic_kafka *s = topic_kafka_from(base);
    if (s->producer) {
        // An open transaction is aborted by whoever fences it or, at last, by its timeout: nothing of it is ever visible, so
        // an unreachable broker is not waited for.
        if (s->state == TOPIC_IN_TRANSACTION) {
            rd_kafka_error_t *failed = rd_kafka_abort_transaction(s->producer, 1000);
            if (failed)
                rd_kafka_error_destroy(failed);
        }
        rd_kafka_purge(s->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                        RD_KAFKA_PURGE_F_NON_BLOCKING);
        rd_kafka_destroy(s->producer);
    }
    pthread_mutex_destroy(&s->error_lock);
    mem_free(s->marker_group);
    mem_free(s);
}

static bool topic_kafka_open(struct topic_writer **out, const struct topic_spec *spec,
                             struct err *e)
{
    assert(spec->group && spec->transactional_id && spec->durable);
    struct topic_kafka *s = mem_zalloc(sizeof *s);
    s->base.type = &topic_kafka;
    s->spec = *spec;
    pthread_mutex_init(&s->error_lock, NULL);
    size_t n = strlen(spec->group) + sizeof ".commits";
    s->marker_group = mem_alloc(n);
    snprintf(s->marker_group, n, "%s.commits", spec->group);
    s->producer = topic_kafka_client(s, RD_KAFKA_PRODUCER, e);
    if (!s->producer) {
        topic_kafka_close(&s->base);
        return false;
    }
    *out = &s->base;
    return true;
}

const struct topic_type topic_kafka = {
    .name = "kafka",
    .open = topic_kafka_open,
    .prepare = topic_kafka_prepare,
    .marker = topic_kafka_marker,
    .begin = topic_kafka_begin,
    .write = topic_kafka_write,
    .commit = topic_kafka_commit,
    .close = topic_kafka_close,
};
