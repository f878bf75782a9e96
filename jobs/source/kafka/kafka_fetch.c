#include "jobs/source/kafka/kafka_client.h"
#include "jobs/source/kafka/kafka_internal.h"
#include "jobs/source/kafka/kafka_tail.h"

#include <assert.h>
#include <stdio.h>

enum {
    // What a record costs in librdkafka beside its own bytes (its operation, compressed and decompressed buffers), against the
    // few hundred bytes of a usual one. Measured: with this, peak anonymous memory is 1.3 times the budget or less.
    PREFETCH_OVERHEAD = 3,
    PREFETCH_QUEUE_KB_MIN = 64,
    FETCH_WAIT_MS = 20, // of a range that has an end: its end is near when nothing comes
    PREFETCH_FETCH_MIN = 64 << 10,
    PREFETCH_FETCH_MAX = 1 << 20,
    PREFETCH_REPLY_MIN = 1 << 20, // librdkafka wants at least message.max.bytes
};

static void kafka_batch_clear(struct kafka_batch *b)
{
    for (size_t i = 0; i < b->message_count; i++)
        rd_kafka_message_destroy(b->messages[i]);
    b->message_count = 0;
    if (b->headers)
        arena_reset(b->headers);
}

void kafka_unassign(struct kafka_source *s)
{
    // A message keeps its client's queues and buffers: librdkafka cannot be destroyed under it.
    assert(atomic_load(&s->lent) == 0);
    kafka_waker_stop(s);
    for (size_t i = 0; i < s->range_count; i++)
        if (s->ranges[i].queue && !s->ranges[i].tail)
            rd_kafka_queue_destroy(s->ranges[i].queue);
    kafka_tail_free(s);
    mem_free(s->ranges);
    s->ranges = NULL;
    s->range_count = 0;
    while (s->free_batches) {
        struct kafka_batch *b = s->free_batches;
        s->free_batches = b->next;
        if (b->headers)
            arena_free(b->headers);
        mem_free(b);
    }
    if (s->fetch) {
        // Not consumer_close(): we are no group member; destroying must not wait for a coordinator.
        rd_kafka_destroy_flags(s->fetch, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        s->fetch = NULL;
    }
}

static size_t clamp(size_t v, size_t low, size_t high)
{
    return v < low ? low : v > high ? high : v;
}

// A queue is filled until it is over its limit, so a reply's share may lie on top.
struct kafka_prefetch kafka_prefetch(const struct kafka_source *s, size_t reading)
{
    size_t budget = s->spec.fetch_bytes_max ? s->spec.fetch_bytes_max : KAFKA_FETCH_BYTES_DEFAULT;
    size_t share = budget / PREFETCH_OVERHEAD / reading;
    size_t fetch = clamp(share / 8, PREFETCH_FETCH_MIN, PREFETCH_FETCH_MAX);
    size_t queue_kb = share > fetch ? (share - fetch) / 1024 : 0;
    return (struct kafka_prefetch){
        .queue_kb = clamp(queue_kb, PREFETCH_QUEUE_KB_MIN, SIZE_MAX),
        .fetch_bytes = fetch,
        .wait_ms = FETCH_WAIT_MS,
        .reply_bytes = clamp(fetch * reading, PREFETCH_REPLY_MIN, budget / 2 + PREFETCH_REPLY_MIN),
    };
}

static bool kafka_start(struct kafka_source *s, size_t reading, struct err *e)
{
    struct kafka_prefetch prefetch = kafka_prefetch(s, reading);
    s->fetch = kafka_client_new(s, &prefetch, e);
    if (!s->fetch)
        return false;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)reading);
    for (size_t i = 0; i < s->range_count; i++) {
        struct kafka_range *r = &s->ranges[i];
        if (r->state == KAFKA_ENDED)
            continue;
        char *topic = kafka_topic_name(s, r->spec.topic);
        rd_kafka_topic_partition_list_add(list, topic, r->spec.partition)->offset = r->position;
        // A queue that the application forwarded once (here: to nowhere) is not forwarded to the consumer's by assign().
        r->queue = rd_kafka_queue_get_partition(s->fetch, topic, r->spec.partition);
        rd_kafka_queue_forward(r->queue, NULL);
        mem_free(topic);
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(s->fetch, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return kafka_err(e, code, "kafka: assigning partitions");
    kafka_connect(s->fetch);
    s->waker.every = clamp(prefetch.queue_kb * 1024 / 2, 1, prefetch.queue_kb * reading * 128);
    kafka_waker_start(s);
    return true;
}

bool kafka_assign(struct source *base, const struct source_range *ranges, size_t n, struct err *e)
{
    struct kafka_source *s = kafka_from(base);
    if (s->tails && kafka_tail_assign(s, ranges, n))
        return true;
    kafka_unassign(s);
    s->ranges = mem_zalloc(mem_array_bytes(n ? n : 1, sizeof *s->ranges));
    s->range_count = n;
    size_t reading = 0;
    for (size_t i = 0; i < n; i++) {
        assert(ranges[i].start <= ranges[i].end);
        s->ranges[i].spec = ranges[i];
        s->ranges[i].position = ranges[i].start;
        s->ranges[i].state = ranges[i].start < ranges[i].end ? KAFKA_READING : KAFKA_ENDED;
        reading += s->ranges[i].state == KAFKA_READING;
    }
    return reading == 0 || kafka_start(s, reading, e);
}

struct kafka_batch *kafka_batch_take(struct kafka_source *s)
{
    pthread_mutex_lock(&s->batch_lock);
    struct kafka_batch *b = s->free_batches;
    if (b)
        s->free_batches = b->next;
    pthread_mutex_unlock(&s->batch_lock);
    if (!b) {
        b = mem_alloc(sizeof *b);
        b->headers = s->spec.headers == SOURCE_HEADERS ? arena_new(NULL) : NULL;
    }
    b->message_count = 0;
    b->next = NULL;
    return b;
}

void kafka_batch_give(struct kafka_source *s, struct kafka_batch *b)
{
    kafka_batch_clear(b);
    pthread_mutex_lock(&s->batch_lock);
    b->next = s->free_batches;
    s->free_batches = b;
    pthread_mutex_unlock(&s->batch_lock);
}

void kafka_release(struct source *base, struct source_batch *b)
{
    struct kafka_source *s = kafka_from(base);
    if (!b->owner)
        return;
    kafka_batch_give(s, b->owner);
    b->owner = NULL;
    atomic_fetch_sub(&s->lent, 1);
}

static void kafka_headers(struct source_record *out, const rd_kafka_message_t *m, struct arena *a)
{
    rd_kafka_headers_t *h = NULL;
    out->headers = NULL;
    out->header_count = 0;
    if (rd_kafka_message_headers(m, &h))
        return;
    size_t n = rd_kafka_header_cnt(h);
    struct source_header *v = ARENA_ZARRAY(a, struct source_header, n);
    for (size_t i = 0; i < n; i++) {
        const char *name;
        const void *value;
        size_t size;
        if (rd_kafka_header_get_all(h, i, &name, &value, &size))
            break;
        v[i].key = str_from(name);
        v[i].value = (struct payload){value, value ? size : 0};
    }
    out->headers = v;
    out->header_count = (uint32_t)n;
}

static void kafka_record(struct source_record *out, const rd_kafka_message_t *m,
                         struct arena *headers)
{
    // librdkafka gives an empty key a non-NULL pointer only when its length is known: length 0 and NULL is Kafka's null.
    out->key = (struct payload){m->key, m->key ? m->key_len : 0};
    out->value = (struct payload){m->payload, m->payload ? m->len : 0};
    rd_kafka_timestamp_type_t kind;
    int64_t ts = rd_kafka_message_timestamp(m, &kind);
    out->timestamp = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : ts;
    out->offset = m->offset;
    if (headers)
        kafka_headers(out, m, headers);
    else
        out->headers = NULL, out->header_count = 0;
}

static rd_kafka_topic_partition_list_t *kafka_list_one(const struct kafka_source *s,
                                                       const struct kafka_range *r)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    char *topic = kafka_topic_name(s, r->spec.topic);
    rd_kafka_topic_partition_list_add(list, topic, r->spec.partition)->offset = r->position;
    mem_free(topic);
    return list;
}

static void kafka_range_end(struct kafka_source *s, struct kafka_range *r)
{
    r->state = KAFKA_ENDED;
    r->position = r->spec.end;
    if (r->tail) { // is read on
        r->tail->position = r->spec.end;
        return;
    }
    // Stop prefetching what nobody will read.
    rd_kafka_topic_partition_list_t *list = kafka_list_one(s, r);
    (void)rd_kafka_pause_partitions(s->fetch, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static bool kafka_range_fail(struct kafka_source *s, const struct kafka_range *r,
                             rd_kafka_resp_err_t code, const char *doing, struct err *e)
{
    char *topic = kafka_topic_name(s, r->spec.topic);
    kafka_err(e, code, doing);
    err_wrap(e, "%s/%d offset %lld", topic, (int)r->spec.partition, (long long)r->position);
    mem_free(topic);
    return false;
}

// With auto.offset.reset=error librdkafka stops a partition that is out of range; only a new assignment starts it again.
static bool kafka_range_restart(struct kafka_source *s, struct kafka_range *r, int64_t at,
                                struct err *e)
{
    rd_kafka_topic_partition_list_t *list = kafka_list_one(s, r);
    list->elems[0].offset = at;
    rd_kafka_error_t *failed = rd_kafka_incremental_unassign(s->fetch, list);
    if (!failed)
        failed = rd_kafka_incremental_assign(s->fetch, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (!failed)
        return true;
    rd_kafka_resp_err_t code = rd_kafka_error_code(failed);
    rd_kafka_error_destroy(failed);
    return kafka_range_fail(s, r, code, "kafka: reading on at the log start", e);
}

// The position is outside the log: below its start (records were deleted) or above its end (truncated, recreated).
static enum source_poll kafka_out_of_range(struct kafka_source *s, struct kafka_range *r,
                                           struct err *e)
{
    char *topic = kafka_topic_name(s, r->spec.topic);
    int64_t low = -1, high = -1;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        s->control, topic, r->spec.partition, &low, &high, KAFKA_REQUEST_TIMEOUT_MS);
    enum source_poll result = POLL_FAILED;
    if (code) {
        kafka_range_fail(s, r, code, "kafka: asking for the log start", e);
    } else if (r->position > high) {
        err_fail(e, ERR_BEHIND, "%s/%d ends at offset %lld, below our position %lld", topic,
                 (int)r->spec.partition, (long long)high, (long long)r->position);
        err_hint(e, "the topic was recreated or truncated: see the recovery handbook, \"end below "
                    "the position\"");
    } else if (low >= r->spec.end) {
        r->lost_to = r->spec.end;
        result = POLL_LOST;
    } else if (kafka_range_restart(s, r, low > r->position ? low : r->position, e)) {
        r->lost_to = low > r->position ? low : 0;
        result = r->lost_to ? POLL_LOST : POLL_IDLE;
    }
    mem_free(topic);
    return result;
}

// An event instead of a record. Returns POLL_IDLE to go on.
static enum source_poll kafka_event(struct kafka_source *s, struct kafka_range *r,
                                    const rd_kafka_message_t *m, struct err *e)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        // m->offset is where the next record will be: markers and gaps below it are behind us.
        if (r->tail)
            r->tail->eof = m->offset;
        if (m->offset >= r->spec.end)
            kafka_range_end(s, r);
        return POLL_IDLE;
    }
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        return kafka_out_of_range(s, r, e);
    if (m->err == RD_KAFKA_RESP_ERR__TRANSPORT || m->err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
        m->err == RD_KAFKA_RESP_ERR__TIMED_OUT)
        return POLL_IDLE; // librdkafka reconnects by itself; the run's own patience ends it
    kafka_range_fail(s, r, m->err, "kafka: fetching", e);
    return POLL_FAILED;
}

// Takes the records below the range's end out of the raw messages; the rest are destroyed with the batch.
static enum source_poll kafka_take(struct kafka_source *s, struct kafka_range *r,
                                   struct kafka_batch *b, struct source_batch *out, struct err *e)
{
    enum source_poll result = POLL_IDLE;
    uint32_t n = 0;
    size_t i = 0;
    for (; i < b->message_count && r->state == KAFKA_READING; i++) {
        const rd_kafka_message_t *m = b->messages[i];
        if (m->err) {
            result = kafka_event(s, r, m, e);
            if (result != POLL_IDLE)
                break;
            continue;
        }
        if (m->offset < r->position)
            continue; // before a seek took effect
        if (m->offset >= r->spec.end) {
            kafka_range_end(s, r);
            break;
        }
        kafka_record(&b->records[n++], m, b->headers);
        r->position = m->offset + 1;
        if (r->tail)
            r->tail->position = r->position;
        if (m->offset + 1 >= r->spec.end)
            kafka_range_end(s, r);
    }
    if (r->tail && r->state == KAFKA_ENDED)
        kafka_tail_keep(s, r->tail, b, i);
    out->records = b->records;
    out->n = n;
    return result;
}

static enum source_poll kafka_lost(struct kafka_source *s, struct kafka_range *r,
                                   struct source_batch *out)
{
    out->next_offset = r->lost_to;
    r->position = r->lost_to;
    if (r->tail)
        r->tail->position = r->position;
    r->lost_to = 0;
    if (r->position >= r->spec.end)
        kafka_range_end(s, r);
    return POLL_LOST;
}

// Takes what is there; waits only when that is nothing, and then for one message: a batch call with a timeout waits for a full
// batch.
static void kafka_collect(struct kafka_source *s, const struct kafka_range *r,
                          struct kafka_batch *b, int64_t timeout_ms)
{
    ssize_t got = rd_kafka_consume_batch_queue(r->queue, 0, b->messages, KAFKA_POLL_MESSAGES_MAX);
    if (got <= 0 && timeout_ms > 0) {
        kafka_waker_waiting(s);
        rd_kafka_message_t *m = rd_kafka_consume_queue(r->queue, (int)timeout_ms);
        if (m) {
            b->messages[0] = m;
            got = rd_kafka_consume_batch_queue(r->queue, 0, b->messages + 1,
                                               KAFKA_POLL_MESSAGES_MAX - 1);
            got = got > 0 ? got + 1 : 1;
        }
    }
    b->message_count = got > 0 ? (size_t)got : 0;
    size_t bytes = 0;
    for (size_t i = 0; i < b->message_count; i++)
        bytes += b->messages[i]->len + b->messages[i]->key_len;
    kafka_waker_taken(s, bytes);
}

// Nobody waits on the clients' own queues; error callbacks come from there, and nothing else is expected.
static void kafka_serve(struct kafka_source *s)
{
    rd_kafka_poll(s->control, 0);
    rd_kafka_poll(s->fetch, 0);
}

enum source_poll kafka_poll(struct source *base, size_t range, int64_t timeout_ms,
                            struct source_batch *out, struct err *e)
{
    struct kafka_source *s = kafka_from(base);
    assert(range < s->range_count);
    struct kafka_range *r = &s->ranges[range];
    *out = (struct source_batch){0};
    if (r->state == KAFKA_ENDED) {
        out->next_offset = r->spec.end;
        return POLL_END;
    }
    if (r->lost_to)
        return kafka_lost(s, r, out);
    struct kafka_batch *b = r->tail ? r->tail->held : NULL;
    if (b) {
        r->tail->held = NULL;
    } else {
        b = kafka_batch_take(s);
        kafka_collect(s, r, b, timeout_ms);
    }
    enum source_poll result = kafka_take(s, r, b, out, e);
    // Records before the trouble go first; the loss is reported by the next poll.
    if (out->n > 0 && result != POLL_FAILED) {
        out->owner = b;
        out->next_offset = r->position;
        atomic_fetch_add(&s->lent, 1);
        return POLL_BATCH;
    }
    kafka_batch_give(s, b);
    out->n = 0;
    if (result == POLL_LOST)
        return kafka_lost(s, r, out);
    if (result == POLL_FAILED)
        return result;
    out->next_offset = r->position;
    if (r->state == KAFKA_ENDED)
        return POLL_END;
    kafka_serve(s);
    return POLL_IDLE;
}
