// Reading on and on: after wait() one client keeps every partition assigned, without an end, and the ranges of the batches that follow are
// cut from what it fetches. A batch that does not begin where the one before ended (it was cut short, or failed) drops the tails and
// reads by a client of its own, as bounded runs do. So does the first one after a lost connection: its anchors are compared.
#include "jobs/source/kafka/kafka_tail.h"

#include "base/durable.h"
#include "jobs/source/kafka/kafka_client.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    TAIL_WAIT_MS =
        100, // an idle fetch is answered after this; also how late a transaction's marker may be seen
};

void kafka_tail_free(struct kafka_source *s)
{
    if (!s->tails)
        return;
    for (size_t i = 0; i < s->tail_count; i++) {
        struct kafka_tail *t = &s->tails[i];
        if (t->held)
            kafka_batch_give(s, t->held);
        if (t->queue) {
            rd_kafka_queue_io_event_enable(t->queue, -1, NULL, 0);
            rd_kafka_queue_destroy(t->queue);
        }
    }
    mem_free(s->tails);
    s->tails = NULL;
    s->tail_count = 0;
    close(s->tail_fd);
}

static struct kafka_tail *tail_find(const struct kafka_source *s, const struct source_range *r)
{
    for (size_t i = 0; i < s->tail_count; i++)
        if (s->tails[i].topic == r->topic && s->tails[i].partition == r->partition)
            return &s->tails[i];
    return NULL;
}

bool kafka_tail_assign(struct kafka_source *s, const struct source_range *ranges, size_t n)
{
    bool fits = !atomic_load(&s->disturbed);
    for (size_t i = 0; fits && i < n; i++) {
        const struct kafka_tail *t = tail_find(s, &ranges[i]);
        fits = ranges[i].start == ranges[i].end || (t && t->position == ranges[i].resume);
    }
    if (!fits)
        return false;
    mem_free(s->ranges);
    s->ranges = mem_zalloc(mem_array_bytes(n ? n : 1, sizeof *s->ranges));
    s->range_count = n;
    for (size_t i = 0; i < n; i++) {
        struct kafka_range *r = &s->ranges[i];
        r->spec = ranges[i];
        r->state = KAFKA_ENDED;
        r->position = ranges[i].resume;
        if (ranges[i].start == ranges[i].end)
            continue;
        struct kafka_tail *t = tail_find(s, &ranges[i]);
        assert(t);
        r->tail = t;
        r->queue = t->queue;
        r->state = KAFKA_READING;
        // Nothing but markers up to the end, and that was said before.
        if (!t->held && t->eof >= r->spec.end) {
            r->state = KAFKA_ENDED;
            r->position = t->position = r->spec.end;
        }
    }
    return true;
}

void kafka_tail_keep(struct kafka_source *s, struct kafka_tail *t, struct kafka_batch *b,
                     size_t from)
{
    assert(!t->held && from <= b->message_count);
    if (from == b->message_count)
        return;
    t->held = kafka_batch_take(s);
    t->held->message_count = b->message_count - from;
    // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
    memcpy(t->held->messages, b->messages + from, t->held->message_count * sizeof *b->messages);
    b->message_count = from;
}

static bool tail_start(struct kafka_source *s, struct err *e)
{
    static const uint64_t one = 1;
    struct kafka_prefetch prefetch = kafka_prefetch(s, s->tail_count);
    prefetch.wait_ms = TAIL_WAIT_MS;
    s->fetch = kafka_client_new(s, &prefetch, e);
    if (!s->fetch)
        return false;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)s->tail_count);
    for (size_t i = 0; i < s->tail_count; i++) {
        struct kafka_tail *t = &s->tails[i];
        char *topic = kafka_topic_name(s, t->topic);
        rd_kafka_topic_partition_list_add(list, topic, t->partition)->offset = t->position;
        t->queue = rd_kafka_queue_get_partition(s->fetch, topic, t->partition);
        rd_kafka_queue_forward(t->queue, NULL);
        rd_kafka_queue_io_event_enable(t->queue, s->tail_fd, &one, sizeof one);
        mem_free(topic);
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(s->fetch, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return kafka_err(e, code, "kafka: assigning partitions");
    kafka_connect(s->fetch);
    atomic_store(&s->disturbed, false);
    s->waker.every = prefetch.queue_kb * 512;
    kafka_waker_start(s);
    return true;
}

static bool tail_open(struct kafka_source *s, const struct source_range *ranges, size_t n,
                      struct err *e)
{
    kafka_unassign(s);
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "cannot make an event descriptor");
    s->tail_fd = fd;
    s->tails = mem_zalloc(mem_array_bytes(n ? n : 1, sizeof *s->tails));
    s->tail_count = n;
    for (size_t i = 0; i < n; i++)
        s->tails[i] = (struct kafka_tail){.topic = ranges[i].topic,
                                          .partition = ranges[i].partition,
                                          .position = ranges[i].start,
                                          .eof = -1};
    if (tail_start(s, e))
        return true;
    kafka_unassign(s);
    return false;
}

static bool tail_stands(const struct kafka_source *s, const struct source_range *ranges, size_t n)
{
    bool same = s->tails && s->tail_count == n && !atomic_load(&s->disturbed);
    for (size_t i = 0; same && i < n; i++) {
        const struct kafka_tail *t = tail_find(s, &ranges[i]);
        same = t && t->position == ranges[i].start;
    }
    return same;
}

// Takes what is in the queue. True: something that a plan should look at. Ends of partitions are noted only.
static bool tail_look(struct kafka_source *s, struct kafka_tail *t)
{
    if (t->held)
        return true;
    struct kafka_batch *b = kafka_batch_take(s);
    ssize_t got = rd_kafka_consume_batch_queue(t->queue, 0, b->messages, KAFKA_POLL_MESSAGES_MAX);
    b->message_count = got > 0 ? (size_t)got : 0;
    bool something = false;
    size_t bytes = 0;
    for (size_t i = 0; i < b->message_count; i++) {
        const rd_kafka_message_t *m = b->messages[i];
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            t->eof = m->offset;
        bytes += m->len + m->key_len;
        something = something || m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF;
    }
    if (bytes)
        kafka_waker_taken(s, bytes);
    if (something)
        t->held = b;
    else
        kafka_batch_give(s, b);
    return something || t->eof > t->position;
}

enum source_wait kafka_wait(struct source *base, const struct source_range *ranges, size_t n,
                            int64_t timeout_ms, struct err *e)
{
    struct kafka_source *s = kafka_from(base);
    bool fresh = !tail_stands(s, ranges, n);
    if (fresh && !tail_open(s, ranges, n, e))
        return SOURCE_WAIT_FAILED;
    uint64_t events;
    (void)!read(s->tail_fd, &events, sizeof events); // before looking: what comes later wakes
    bool ready = false;
    for (size_t i = 0; i < n; i++)
        ready = tail_look(s, &s->tails[i]) || ready;
    rd_kafka_poll(s->control, 0);
    rd_kafka_poll(s->fetch, 0);
    if (ready)
        return SOURCE_READY;
    struct pollfd p = {.fd = s->tail_fd, .events = POLLIN};
    if (poll(&p, 1, (int)timeout_ms) < 0 && errno != EINTR) {
        err_sys(e, "cannot wait for records");
        return SOURCE_WAIT_FAILED;
    }
    return SOURCE_QUIET;
}
