#include "base/durable.h"
#include "jobs/source/kafka/kafka_client.h"
#include "jobs/source/kafka/kafka_internal.h"

#include <assert.h>
#include <stdio.h>

// ListOffsets' special timestamps (Kafka protocol, ListOffsets request): -1 the end (with read_committed the last
// stable offset), -2 the log start.
enum { LIST_OFFSETS_END = -1, LIST_OFFSETS_START = -2 };

// Passing errors are asked again for 10 s.
enum { PASSING_TRIES = 100, PASSING_WAIT_MS = 100 };

static bool kafka_unreachable(struct kafka_source *s, rd_kafka_resp_err_t code, const char *doing,
                              struct err *e)
{
    char why[256];
    kafka_last_error(s, why, sizeof why);
    kafka_err(e, code, doing);
    return err_hint(e, "is the broker of kafka: bootstrap.servers up? %s", why);
}

static bool kafka_partition_count(struct kafka_source *s, const char *topic, int *out,
                                  struct err *e)
{
    char doing[320];
    snprintf(doing, sizeof doing, "kafka: asking for the partitions of topic %s", topic);
    rd_kafka_topic_t *t = rd_kafka_topic_new(s->control, topic, NULL);
    if (!t)
        return kafka_err(e, rd_kafka_last_error(), doing);
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(s->control, 0, t, &md, KAFKA_REQUEST_TIMEOUT_MS);
    rd_kafka_topic_destroy(t);
    if (code)
        return kafka_unreachable(s, code, doing, e);
    rd_kafka_resp_err_t topic_err =
        md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    int n = md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(md);
    if (topic_err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || (!topic_err && n == 0)) {
        err_fail(e, ERR_REMOTE, "kafka: topic %s does not exist", topic);
        err_remedy(e, REMEDY_RETRY_RUN);
        return err_hint(e, "create the topic, or correct KAFKA_TOPIC in the SQL");
    }
    if (topic_err)
        return kafka_err(e, topic_err, doing);
    *out = n;
    return true;
}

// What a new topic, an election or a restart answers for a moment.
static bool kafka_passing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR__TRANSPORT;
}

// One ListOffsets round for all partitions; `what` is a timestamp or one of the constants above. *failed: the partition of the error,
// NULL when it concerns all.
static rd_kafka_resp_err_t kafka_list_offsets_once(struct kafka_source *s,
                                                   rd_kafka_topic_partition_list_t *list,
                                                   int64_t what,
                                                   const rd_kafka_topic_partition_t **failed)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = what;
    *failed = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(s->control, list, KAFKA_REQUEST_TIMEOUT_MS);
    for (int i = 0; i < list->cnt; i++) {
        if (!list->elems[i].err)
            continue;
        *failed = &list->elems[i];
        return list->elems[i].err;
    }
    return code;
}

static bool kafka_list_offsets(struct kafka_source *s, rd_kafka_topic_partition_list_t *list,
                               int64_t what, struct err *e)
{
    const char *doing = "kafka: asking for partition offsets";
    const rd_kafka_topic_partition_t *failed;
    rd_kafka_resp_err_t code = kafka_list_offsets_once(s, list, what, &failed);
    for (int i = 0; kafka_passing(code) && i < PASSING_TRIES; i++) {
        rd_kafka_poll(s->control, PASSING_WAIT_MS);
        code = kafka_list_offsets_once(s, list, what, &failed);
    }
    if (!code)
        return true;
    if (!failed)
        return kafka_unreachable(s, code, doing, e);
    kafka_err(e, code, doing);
    return err_wrap(e, "%s/%d", failed->topic, (int)failed->partition);
}

static rd_kafka_topic_partition_list_t *kafka_list_of(struct kafka_source *s,
                                                      const struct source_offset *io, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        char *name = kafka_topic_name(s, io[i].topic);
        rd_kafka_topic_partition_list_add(list, name, io[i].partition)->offset = io[i].offset;
        mem_free(name);
    }
    return list;
}

static bool kafka_plan_offsets(struct kafka_source *s, rd_kafka_topic_partition_list_t *list,
                               struct source_partition *p, struct err *e)
{
    if (!kafka_list_offsets(s, list, LIST_OFFSETS_START, e))
        return false;
    for (int i = 0; i < list->cnt; i++)
        p[i].log_start = list->elems[i].offset;
    if (!kafka_list_offsets(s, list, LIST_OFFSETS_END, e))
        return false;
    for (int i = 0; i < list->cnt; i++) {
        p[i].end = list->elems[i].offset;
        // The log start may have moved between the two requests.
        if (p[i].end < p[i].log_start)
            p[i].log_start = p[i].end;
    }
    return true;
}

bool kafka_plan(struct source *base, struct arena *a, struct source_partition **out, size_t *count,
                struct err *e)
{
    struct kafka_source *s = kafka_from(base);
    int *counts = ARENA_ZARRAY(a, int, s->spec.topic_count);
    size_t total = 0;
    for (uint32_t t = 0; t < s->spec.topic_count; t++) {
        char *name = kafka_topic_name(s, t);
        bool ok = kafka_partition_count(s, name, &counts[t], e);
        mem_free(name);
        if (!ok)
            return false;
        total += (size_t)counts[t];
    }
    struct source_partition *p = ARENA_ZARRAY(a, struct source_partition, total);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)total);
    size_t k = 0;
    for (uint32_t t = 0; t < s->spec.topic_count; t++) {
        char *name = kafka_topic_name(s, t);
        for (int i = 0; i < counts[t]; i++, k++) {
            p[k].topic = t;
            p[k].partition = i;
            rd_kafka_topic_partition_list_add(list, name, i);
        }
        mem_free(name);
    }
    bool ok = kafka_plan_offsets(s, list, p, e);
    rd_kafka_topic_partition_list_destroy(list);
    *out = p;
    *count = total;
    return ok;
}

bool kafka_offsets_for_time(struct source *base, int64_t ms, struct source_offset *io, size_t n,
                            struct err *e)
{
    struct kafka_source *s = kafka_from(base);
    rd_kafka_topic_partition_list_t *list = kafka_list_of(s, io, n);
    bool ok = kafka_list_offsets(s, list, ms, e);
    bool past_end = false;
    for (size_t i = 0; ok && i < n; i++) {
        io[i].offset = list->elems[i].offset;
        past_end = past_end || io[i].offset < 0;
    }
    // Nothing that late: the answer is "end", which librdkafka reports as a logical offset.
    if (ok && past_end) {
        ok = kafka_list_offsets(s, list, LIST_OFFSETS_END, e);
        for (size_t i = 0; ok && i < n; i++)
            if (io[i].offset < 0)
                io[i].offset = list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

bool kafka_group_read(struct source *base, struct source_offset *io, size_t n, struct err *e)
{
    struct kafka_source *s = kafka_from(base);
    rd_kafka_topic_partition_list_t *list = kafka_list_of(s, io, n);
    rd_kafka_resp_err_t code = rd_kafka_committed(s->control, list, KAFKA_REQUEST_TIMEOUT_MS);
    bool ok = !code;
    if (code) {
        kafka_err(e, code, "kafka: reading committed offsets");
        err_wrap(e, "group %s", s->group);
    }
    for (size_t i = 0; ok && i < n; i++)
        io[i].offset = list->elems[i].offset >= 0 ? list->elems[i].offset : -1;
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

struct kafka_commit {
    struct kafka_source *s;
    rd_kafka_topic_partition_list_t *list;
};

// The synchronous call of librdkafka has no timeout: a queue of our own has one.
static rd_kafka_resp_err_t kafka_commit_wait(struct kafka_commit *c)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(c->s->control);
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(c->s->control, c->list, queue, NULL, NULL);
    rd_kafka_event_t *done = code ? NULL : rd_kafka_queue_poll(queue, KAFKA_COMMIT_TIMEOUT_MS);
    if (done) {
        code = rd_kafka_event_error(done);
        const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(done);
        for (int i = 0; !code && list && i < list->cnt; i++)
            code = list->elems[i].err;
        rd_kafka_event_destroy(done);
    } else if (!code) {
        code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    rd_kafka_queue_destroy(queue);
    return code;
}

static bool kafka_commit_call(void *arg, struct err *e)
{
    struct kafka_commit *c = arg;
    rd_kafka_resp_err_t code = kafka_commit_wait(c);
    if (!code)
        return true;
    kafka_err(e, code, "kafka: committing offsets");
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION)
        err_hint(e,
                 "another consumer is active in the group: stop it, or give the job its own group");
    return false;
}

bool kafka_group_commit(struct source *base, const struct source_offset *offsets, size_t n,
                        struct err *e)
{
    struct kafka_source *s = kafka_from(base);
    struct kafka_commit c = {s, kafka_list_of(s, offsets, n)};
    bool ok = durable_call_remote(s->spec.durable, "kafka.commit", kafka_commit_call, &c, e);
    rd_kafka_topic_partition_list_destroy(c.list);
    return ok || err_wrap(e, "group %s", s->group);
}
