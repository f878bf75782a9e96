#include "jobs/source/kafka/kafka.h"

#include "base/durable.h"
#include "jobs/source/kafka/kafka_client.h"
#include "jobs/source/kafka/kafka_internal.h"
#include "jobs/source/kafka/kafka_tail.h"

#include <assert.h>
#include <stdio.h>

static void kafka_on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    struct kafka_source *s = opaque;
    atomic_store(&s->disturbed, true);
    pthread_mutex_lock(&s->error_lock);
    snprintf(s->last_error, sizeof s->last_error, "%s: %s",
             rd_kafka_err2str((rd_kafka_resp_err_t)code), reason);
    pthread_mutex_unlock(&s->error_lock);
}

// librdkafka would write to stderr; its warnings come back as the reason of a timeout instead.
static void kafka_on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)facility;
    struct kafka_source *s = rd_kafka_opaque(rk);
    if (level > 4 || !s)
        return;
    pthread_mutex_lock(&s->error_lock);
    snprintf(s->last_error, sizeof s->last_error, "%s", text);
    pthread_mutex_unlock(&s->error_lock);
}

void kafka_last_error(struct kafka_source *s, char *out, size_t size)
{
    pthread_mutex_lock(&s->error_lock);
    snprintf(out, size, "%s", s->last_error);
    pthread_mutex_unlock(&s->error_lock);
}

char *kafka_topic_name(const struct kafka_source *s, uint32_t topic)
{
    assert(topic < s->spec.topic_count);
    struct str t = s->spec.topics[topic];
    char *name = mem_alloc(t.n + 1);
    memcpy(name, t.p, t.n);
    name[t.n] = 0;
    return name;
}

// What the protocol owns, after the user's properties so that nothing can override it.
static bool kafka_set_owned(rd_kafka_conf_t *conf, const struct kafka_source *s, struct err *e)
{
    return kafka_set(conf, "group.id", s->group, e) &&
           kafka_set(conf, "enable.auto.commit", "false", e) &&
           kafka_set(conf, "enable.auto.offset.store", "false", e) &&
           kafka_set(conf, "auto.offset.reset", "error", e) &&
           kafka_set(conf, "isolation.level", "read_committed", e) &&
           kafka_set(conf, "enable.partition.eof", "true", e) &&
           kafka_set(conf, "allow.auto.create.topics", "false", e);
}

static bool kafka_set_size(rd_kafka_conf_t *conf, const char *name, size_t value, struct err *e)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", value);
    return kafka_set(conf, name, text, e);
}

static bool kafka_set_prefetch(rd_kafka_conf_t *conf, const struct kafka_prefetch *p, struct err *e)
{
    return kafka_set(conf, "queued.min.messages", "1000000", e) &&
           kafka_set_size(conf, "fetch.wait.max.ms", (size_t)p->wait_ms, e) &&
           kafka_set_size(conf, "queued.max.messages.kbytes", p->queue_kb, e) &&
           kafka_set_size(conf, "fetch.message.max.bytes", p->fetch_bytes, e) &&
           kafka_set_size(conf, "fetch.max.bytes", p->reply_bytes, e);
}

rd_kafka_t *kafka_client_new(struct kafka_source *s, const struct kafka_prefetch *prefetch,
                             struct err *e)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_error_cb(conf, kafka_on_error);
    rd_kafka_conf_set_log_cb(conf, kafka_on_log);
    // Defaults of ours that the user may change: short fetch waits at the end of a partition, TCP without delay.
    bool ok =
        kafka_set(conf, "fetch.error.backoff.ms", "100", e) &&
        kafka_set(conf, "reconnect.backoff.ms", "20", e) &&
        kafka_set(conf, "reconnect.backoff.max.ms", "2000", e) &&
        kafka_set(conf, "socket.nagle.disable", "true", e) &&
        // Measured at 2 % of the raw consumer's CPU or less, within noise; TCP's own sum is 16 bits.
        kafka_set(conf, "check.crcs", "true", e) &&
        kafka_set(conf, "client.id", s->spec.client_id ? s->spec.client_id : "sluice", e);
    if (ok && rd_kafka_version() >= KAFKA_HAS_QUEUE_BACKOFF)
        ok = kafka_set(conf, "fetch.queue.backoff.ms", "5", e);
    ok = ok && (!prefetch || kafka_set_prefetch(conf, prefetch, e)) &&
         kafka_set_user(conf, s->spec.properties, s->spec.property_count, e) &&
         kafka_set_owned(conf, s, e);
    if (!ok) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        err_fail(e, ERR_CONFIG, "kafka client: %s", why);
    }
    return rk;
}

static void kafka_close(struct source *base)
{
    struct kafka_source *s = kafka_from(base);
    kafka_unassign(s);
    if (s->control)
        rd_kafka_destroy(s->control);
    pthread_mutex_destroy(&s->batch_lock);
    pthread_mutex_destroy(&s->error_lock);
    mem_free(s->cluster);
    mem_free(s->group);
    mem_free(s);
}

static bool kafka_open(struct source **out, const struct source_spec *spec, struct err *e)
{
    assert(spec->topic_count > 0 && spec->durable);
    struct kafka_source *s = mem_zalloc(sizeof *s);
    s->base.type = &source_kafka;
    s->spec = *spec;
    s->group = mem_strdup(spec->group ? spec->group : "sluice");
    pthread_mutex_init(&s->batch_lock, NULL);
    pthread_mutex_init(&s->error_lock, NULL);
    s->control = kafka_client_new(s, NULL, e);
    if (!s->control) {
        kafka_close(&s->base);
        return false;
    }
    *out = &s->base;
    return true;
}

// librdkafka connects when a request needs a broker; rd_kafka_clusterid() and assign() only wait, up to a second, for a timer
// that connects. An empty metadata request is such a request; its answer is not used, and its failure shows later.
void kafka_connect(rd_kafka_t *client)
{
    const struct rd_kafka_metadata *md = NULL;
    if (rd_kafka_metadata(client, 0, NULL, &md, KAFKA_CONNECT_TIMEOUT_MS) ==
        RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(md);
}

static bool kafka_identity(struct source *base, struct str *out, struct err *e)
{
    struct kafka_source *s = kafka_from(base);
    if (!s->cluster) {
        kafka_connect(s->control);
        char *id = rd_kafka_clusterid(s->control, KAFKA_REQUEST_TIMEOUT_MS);
        if (!id) {
            char why[256];
            kafka_last_error(s, why, sizeof why);
            err_fail(e, ERR_REMOTE, "kafka: no broker answered within %d s: %s",
                     KAFKA_REQUEST_TIMEOUT_MS / 1000, why[0] ? why : "no connection");
            err_remedy(e, REMEDY_RETRY_RUN);
            return err_hint(e, "check kafka: bootstrap.servers and that the broker is up");
        }
        s->cluster = mem_strdup(id);
        rd_kafka_mem_free(s->control, id);
    }
    *out = str_from(s->cluster);
    return true;
}

const struct source_type source_kafka = {
    .name = "kafka",
    .open = kafka_open,
    .identity = kafka_identity,
    .plan = kafka_plan,
    .offsets_for_time = kafka_offsets_for_time,
    .assign = kafka_assign,
    .wait = kafka_wait,
    .poll = kafka_poll,
    .release = kafka_release,
    .group_read = kafka_group_read,
    .group_commit = kafka_group_commit,
    .close = kafka_close,
};
