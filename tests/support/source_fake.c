#include "tests/support/source_fake.h"

#include "base/durable.h"
#include "base/vec.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>

enum { BATCH_MAX = 4096 };

struct fake_entry {
    struct source_fake_record record; // in the broker's arena
    int64_t offset;
};

struct fake_partition {
    VEC(struct fake_entry) log; // by offset
    int64_t log_start, end;
    int64_t hold; // -1 = none
};

struct fake_topic {
    char *name;
    VEC(struct fake_partition) partitions;
};

struct fake_group {
    char *group, *topic;
    int32_t partition;
    int64_t offset;
};

struct fake_event {
    uint64_t poll;
    void (*fn)(struct source_fake *, void *);
    void *arg;
};

struct source_fake {
    struct source_fake *next; // registry
    char *name;
    struct str properties[2];
    struct str cluster;
    struct arena *a;
    VEC(struct fake_topic *) topics;
    VEC(struct fake_group) groups;
    VEC(struct fake_event) events;
    uint64_t polls, down, random;
    bool varied;
    enum source_fake_commits commits;
    atomic_size_t batches; // not yet released
    void (*waiting)(struct source_fake *, void *);
    void *waiting_arg;
};

struct fake_range {
    struct source_range spec;
    int64_t position;
};

struct fake_handle {
    struct source base;
    struct source_fake *broker;
    struct source_spec spec;
    struct fake_range *ranges;
    size_t range_count;
};

// Brokers by name, as servers by address; a test process has one thread that makes and frees them.
static struct source_fake *registry;

static uint64_t fake_random(struct source_fake *s, uint64_t below)
{
    // SplitMix64
    uint64_t z = (s->random += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return (z ^ (z >> 31)) % below;
}

void source_fake_reseed(struct source_fake *s, uint64_t seed)
{
    s->varied = seed != 0;
    s->random = seed;
}

struct source_fake *source_fake_find(struct str name)
{
    struct source_fake *s = registry;
    while (s && !str_eq(str_from(s->name), name))
        s = s->next;
    return s;
}

struct source_fake *source_fake_new(const char *name, uint64_t seed)
{
    assert(!source_fake_find(str_from(name)));
    struct source_fake *s = mem_zalloc(sizeof *s);
    s->a = arena_new(NULL);
    s->name = mem_strdup(name);
    s->properties[0] = STR("fake.broker");
    s->properties[1] = str_from(s->name);
    s->cluster = arena_printf(s->a, "fake-%s", name);
    source_fake_reseed(s, seed);
    s->next = registry;
    registry = s;
    return s;
}

static void fake_topic_clear(struct fake_topic *t)
{
    for (size_t i = 0; i < t->partitions.n; i++)
        vec_fini(&t->partitions.v[i].log);
    t->partitions.n = 0;
}

void source_fake_free(struct source_fake *s)
{
    assert(atomic_load(&s->batches) == 0);
    struct source_fake **link = &registry;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    for (size_t i = 0; i < s->topics.n; i++) {
        fake_topic_clear(s->topics.v[i]);
        vec_fini(&s->topics.v[i]->partitions);
        mem_free(s->topics.v[i]->name);
        mem_free(s->topics.v[i]);
    }
    for (size_t i = 0; i < s->groups.n; i++) {
        mem_free(s->groups.v[i].group);
        mem_free(s->groups.v[i].topic);
    }
    vec_fini(&s->topics);
    vec_fini(&s->groups);
    vec_fini(&s->events);
    arena_free(s->a);
    mem_free(s->name);
    mem_free(s);
}

const struct str *source_fake_properties(const struct source_fake *s)
{
    return s->properties;
}

void source_fake_set_cluster(struct source_fake *s, const char *id)
{
    s->cluster = arena_str(s->a, str_from(id));
}

static struct fake_topic *fake_topic(const struct source_fake *s, struct str name)
{
    for (size_t i = 0; i < s->topics.n; i++)
        if (str_eq(str_from(s->topics.v[i]->name), name))
            return s->topics.v[i];
    return NULL;
}

static struct fake_partition *fake_partition(const struct source_fake *s, const char *topic,
                                             int32_t partition)
{
    struct fake_topic *t = fake_topic(s, str_from(topic));
    assert(t && partition >= 0 && (size_t)partition < t->partitions.n);
    return &t->partitions.v[partition];
}

void source_fake_topic(struct source_fake *s, const char *topic, int32_t partitions)
{
    struct fake_topic *t = fake_topic(s, str_from(topic));
    if (!t) {
        t = mem_zalloc(sizeof *t);
        t->name = mem_strdup(topic);
        vec_push(&s->topics, t);
    }
    assert(partitions > 0 && (size_t)partitions >= t->partitions.n);
    while (t->partitions.n < (size_t)partitions)
        vec_push(&t->partitions, (struct fake_partition){.hold = -1});
}

void source_fake_delete_topic(struct source_fake *s, const char *topic)
{
    struct fake_topic *t = fake_topic(s, str_from(topic));
    assert(t);
    fake_topic_clear(t); // no partitions = does not exist
}

void source_fake_recreate(struct source_fake *s, const char *topic, int32_t partitions)
{
    source_fake_delete_topic(s, topic);
    source_fake_topic(s, topic, partitions);
}

static struct payload fake_copy(struct arena *a, struct payload p)
{
    if (!p.p)
        return (struct payload){NULL, 0};
    struct str copy = arena_str(a, (struct str){p.p, p.n});
    return (struct payload){copy.p, copy.n};
}

static struct source_fake_record fake_copy_record(struct arena *a,
                                                  const struct source_fake_record *r)
{
    struct source_fake_record out = *r;
    out.key = fake_copy(a, r->key);
    out.value = fake_copy(a, r->value);
    struct source_header *h = ARENA_ZARRAY(a, struct source_header, r->header_count + 1);
    for (uint32_t i = 0; i < r->header_count; i++) {
        h[i].key = arena_str(a, r->headers[i].key);
        h[i].value = fake_copy(a, r->headers[i].value);
    }
    out.headers = h;
    return out;
}

int64_t source_fake_append(struct source_fake *s, const char *topic, int32_t partition,
                           const struct source_fake_record *r)
{
    struct fake_partition *p = fake_partition(s, topic, partition);
    struct fake_entry entry = {fake_copy_record(s->a, r), p->end};
    vec_push(&p->log, entry);
    return p->end++;
}

int64_t source_fake_add(struct source_fake *s, const char *topic, int32_t partition,
                        int64_t timestamp, const char *key, const char *value)
{
    struct source_fake_record r = {
        .key = {key, key ? strlen(key) : 0},
        .value = {value, value ? strlen(value) : 0},
        .timestamp = timestamp,
    };
    return source_fake_append(s, topic, partition, &r);
}

void source_fake_skip(struct source_fake *s, const char *topic, int32_t partition, int64_t n)
{
    assert(n > 0);
    fake_partition(s, topic, partition)->end += n;
}

// First entry with offset >= offset.
static size_t fake_seek(const struct fake_partition *p, int64_t offset)
{
    size_t low = 0, high = p->log.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->log.v[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void fake_erase(struct fake_partition *p, size_t from, size_t to)
{
    if (from == to)
        return;
    memmove(p->log.v + from, p->log.v + to, (p->log.n - to) * sizeof *p->log.v);
    p->log.n -= to - from;
}

void source_fake_compact(struct source_fake *s, const char *topic, int32_t partition,
                         int64_t offset)
{
    struct fake_partition *p = fake_partition(s, topic, partition);
    fake_erase(p, fake_seek(p, offset), fake_seek(p, offset + 1));
}

void source_fake_delete_before(struct source_fake *s, const char *topic, int32_t partition,
                               int64_t offset)
{
    struct fake_partition *p = fake_partition(s, topic, partition);
    assert(offset <= p->end);
    if (offset <= p->log_start)
        return;
    p->log_start = offset;
    fake_erase(p, 0, fake_seek(p, offset));
}

void source_fake_truncate(struct source_fake *s, const char *topic, int32_t partition,
                          int64_t offset)
{
    struct fake_partition *p = fake_partition(s, topic, partition);
    assert(offset >= p->log_start && offset <= p->end);
    p->end = offset;
    p->log.n = fake_seek(p, offset);
}

void source_fake_hold(struct source_fake *s, const char *topic, int32_t partition, int64_t offset)
{
    fake_partition(s, topic, partition)->hold = offset;
}

int64_t source_fake_end(const struct source_fake *s, const char *topic, int32_t partition)
{
    return fake_partition(s, topic, partition)->end;
}

void source_fake_at_poll(struct source_fake *s, uint64_t n,
                         void (*fn)(struct source_fake *, void *), void *arg)
{
    assert(n > 0);
    struct fake_event event = {s->polls + n, fn, arg};
    vec_push(&s->events, event);
}

void source_fake_at_wait(struct source_fake *s, void (*fn)(struct source_fake *, void *), void *arg)
{
    s->waiting = fn;
    s->waiting_arg = arg;
}

uint64_t source_fake_polls(const struct source_fake *s)
{
    return s->polls;
}

void source_fake_down(struct source_fake *s, uint64_t n)
{
    s->down = n;
}

static struct fake_group *fake_group(const struct source_fake *s, const char *group,
                                     struct str topic, int32_t partition)
{
    for (size_t i = 0; i < s->groups.n; i++) {
        struct fake_group *g = &s->groups.v[i];
        if (strcmp(g->group, group) == 0 && str_eq(str_from(g->topic), topic) &&
            g->partition == partition)
            return g;
    }
    return NULL;
}

int64_t source_fake_group(const struct source_fake *s, const char *group, const char *topic,
                          int32_t partition)
{
    const struct fake_group *g = fake_group(s, group, str_from(topic), partition);
    return g ? g->offset : -1;
}

void source_fake_set_group(struct source_fake *s, const char *group, const char *topic,
                           int32_t partition, int64_t offset)
{
    struct fake_group *g = fake_group(s, group, str_from(topic), partition);
    if (g) {
        g->offset = offset;
        return;
    }
    struct fake_group new = {mem_strdup(group), mem_strdup(topic), partition, offset};
    vec_push(&s->groups, new);
}

void source_fake_commits(struct source_fake *s, enum source_fake_commits how)
{
    s->commits = how;
}

// --- the driver ---------------------------------------------------------------------------------

static struct fake_handle *fake_from(struct source *s)
{
    assert(s->type == &source_fake);
    return (struct fake_handle *)s;
}

// What a handle of a dead process may do: nothing.
static bool fake_alive(const struct fake_handle *h, struct err *e)
{
    if (h->spec.durable && durable_dead(h->spec.durable))
        return err_fail(e, ERR_CANCELLED, "the durable layer is dead");
    return true;
}

static bool fake_request(struct fake_handle *h, const char *doing, struct err *e)
{
    if (!fake_alive(h, e))
        return false;
    if (h->broker->down == 0)
        return true;
    h->broker->down--;
    err_fail(e, ERR_REMOTE, "kafka: %s: the broker is down", doing);
    return err_remedy(e, REMEDY_RETRY_RUN);
}

static bool fake_open(struct source **out, const struct source_spec *spec, struct err *e)
{
    struct source_fake *broker = NULL;
    for (size_t i = 0; i < spec->property_count; i++)
        if (str_eq(spec->properties[2 * i], STR("fake.broker")))
            broker = source_fake_find(spec->properties[2 * i + 1]);
    if (!broker)
        return err_fail(e, ERR_CONFIG, "fake.broker names no broker");
    struct fake_handle *h = mem_zalloc(sizeof *h);
    h->base.type = &source_fake;
    h->broker = broker;
    h->spec = *spec;
    *out = &h->base;
    return true;
}

static bool fake_identity(struct source *base, struct str *out, struct err *e)
{
    struct fake_handle *h = fake_from(base);
    *out = h->broker->cluster;
    return fake_request(h, "asking for the cluster id", e);
}

static int64_t fake_stable(const struct fake_partition *p)
{
    return p->hold >= 0 && p->hold < p->end ? p->hold : p->end;
}

static bool fake_plan(struct source *base, struct arena *a, struct source_partition **out,
                      size_t *count, struct err *e)
{
    struct fake_handle *h = fake_from(base);
    if (!fake_request(h, "planning", e))
        return false;
    VEC(struct source_partition) v = {0};
    for (uint32_t i = 0; i < h->spec.topic_count; i++) {
        const struct fake_topic *t = fake_topic(h->broker, h->spec.topics[i]);
        if (!t || t->partitions.n == 0) {
            vec_fini(&v);
            err_fail(e, ERR_REMOTE, "kafka: topic %.*s does not exist", STR_ARG(h->spec.topics[i]));
            return err_remedy(e, REMEDY_RETRY_RUN);
        }
        for (size_t k = 0; k < t->partitions.n; k++) {
            const struct fake_partition *p = &t->partitions.v[k];
            struct source_partition one = {i, (int32_t)k, p->log_start, fake_stable(p)};
            vec_push(&v, one);
        }
    }
    *out = ARENA_ZARRAY(a, struct source_partition, v.n + 1);
    if (v.n)
        memcpy(*out, v.v, v.n * sizeof *v.v);
    *count = v.n;
    vec_fini(&v);
    return true;
}

// NULL when the topic or the partition is not there (any more).
static struct fake_partition *fake_at(const struct fake_handle *h, uint32_t topic,
                                      int32_t partition)
{
    assert(topic < h->spec.topic_count);
    struct fake_topic *t = fake_topic(h->broker, h->spec.topics[topic]);
    return t && (size_t)partition < t->partitions.n ? &t->partitions.v[partition] : NULL;
}

static bool fake_offsets_for_time(struct source *base, int64_t ms, struct source_offset *io,
                                  size_t n, struct err *e)
{
    struct fake_handle *h = fake_from(base);
    if (!fake_request(h, "asking for partition offsets", e))
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct fake_partition *p = fake_at(h, io[i].topic, io[i].partition);
        assert(p);
        size_t k = 0;
        while (k < p->log.n && p->log.v[k].record.timestamp < ms)
            k++;
        int64_t stable = fake_stable(p);
        io[i].offset = k < p->log.n && p->log.v[k].offset < stable ? p->log.v[k].offset : stable;
    }
    return true;
}

// Where it stands since the last assign it goes on, as a client that stays connected does.
static int64_t fake_start(const struct fake_handle *h, const struct source_range *r)
{
    for (size_t i = 0; i < h->range_count; i++)
        if (h->ranges[i].spec.topic == r->topic && h->ranges[i].spec.partition == r->partition &&
            h->ranges[i].position == r->resume)
            return r->resume;
    return r->start;
}

static bool fake_assign(struct source *base, const struct source_range *ranges, size_t n,
                        struct err *e)
{
    struct fake_handle *h = fake_from(base);
    if (!fake_alive(h, e))
        return false;
    struct fake_range *now = mem_zalloc(mem_array_bytes(n ? n : 1, sizeof *now));
    for (size_t i = 0; i < n; i++) {
        assert(ranges[i].start <= ranges[i].end);
        now[i] = (struct fake_range){ranges[i], fake_start(h, &ranges[i])};
    }
    mem_free(h->ranges);
    h->ranges = now;
    h->range_count = n;
    return true;
}

// Events are taken out before they run: one may add others.
static void fake_events(struct source_fake *s)
{
    s->polls++;
    for (size_t i = 0; i < s->events.n;) {
        struct fake_event event = s->events.v[i];
        if (event.poll != s->polls) {
            i++;
            continue;
        }
        memmove(s->events.v + i, s->events.v + i + 1, (s->events.n - i - 1) * sizeof event);
        s->events.n--;
        event.fn(s, event.arg);
    }
}

static enum source_poll fake_behind(const struct fake_handle *h, const struct fake_range *r,
                                    int64_t end, struct err *e)
{
    err_fail(e, ERR_BEHIND, "%.*s/%d ends at offset %lld, below our position %lld",
             STR_ARG(h->spec.topics[r->spec.topic]), (int)r->spec.partition, (long long)end,
             (long long)r->position);
    return POLL_FAILED;
}

static void fake_fill(struct fake_handle *h, struct fake_range *r, const struct fake_partition *p,
                      size_t from, size_t n, struct source_batch *out)
{
    struct arena *a = arena_new(NULL);
    struct source_record *records = ARENA_ZARRAY(a, struct source_record, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct fake_entry *entry = &p->log.v[from + i];
        struct source_fake_record copy = fake_copy_record(a, &entry->record);
        records[i] = (struct source_record){
            .key = copy.key,
            .value = copy.value,
            .timestamp = copy.timestamp,
            .offset = entry->offset,
        };
        if (h->spec.headers == SOURCE_HEADERS && copy.header_count > 0) {
            records[i].headers = copy.headers;
            records[i].header_count = copy.header_count;
        }
        r->position = entry->offset + 1;
    }
    atomic_fetch_add(&h->broker->batches, 1);
    out->records = records;
    out->n = (uint32_t)n;
    out->owner = a;
}

// Records of [position, limit), or a move over what holds none.
static enum source_poll fake_read(struct fake_handle *h, struct fake_range *r,
                                  const struct fake_partition *p, int64_t limit,
                                  struct source_batch *out)
{
    struct source_fake *s = h->broker;
    size_t from = fake_seek(p, r->position), to = fake_seek(p, limit);
    size_t n = to - from < BATCH_MAX ? to - from : BATCH_MAX;
    if (s->varied && fake_random(s, 8) == 0)
        return POLL_IDLE;
    if (n > 1 && s->varied)
        n = 1 + (size_t)fake_random(s, n < 7 || fake_random(s, 4) == 0 ? n : 7);
    // A broker may move a reader over a gap before, or after, it delivers what follows.
    if (n > 0 && s->varied && p->log.v[from].offset > r->position && fake_random(s, 3) == 0)
        n = 0;
    fake_fill(h, r, p, from, n, out);
    if (n == 0 || !s->varied || fake_random(s, 2) == 0)
        r->position = from + n < to ? p->log.v[from + n].offset : limit;
    out->next_offset = r->position;
    return POLL_BATCH;
}

static enum source_poll fake_poll(struct source *base, size_t range, int64_t timeout_ms,
                                  struct source_batch *out, struct err *e)
{
    (void)timeout_ms;
    struct fake_handle *h = fake_from(base);
    assert(range < h->range_count);
    struct fake_range *r = &h->ranges[range];
    *out = (struct source_batch){.next_offset = r->position};
    if (!fake_alive(h, e))
        return POLL_FAILED;
    fake_events(h->broker);
    if (r->position >= r->spec.end)
        return POLL_END;
    if (h->broker->down > 0) {
        h->broker->down--;
        return POLL_IDLE;
    }
    const struct fake_partition *p = fake_at(h, r->spec.topic, r->spec.partition);
    if (!p) {
        err_fail(e, ERR_REMOTE, "kafka: topic %.*s does not exist",
                 STR_ARG(h->spec.topics[r->spec.topic]));
        return POLL_FAILED;
    }
    if (r->position > p->end)
        return fake_behind(h, r, p->end, e);
    if (r->position < p->log_start) {
        r->position = p->log_start < r->spec.end ? p->log_start : r->spec.end;
        out->next_offset = r->position;
        return POLL_LOST;
    }
    int64_t stable = fake_stable(p);
    int64_t limit = stable < r->spec.end ? stable : r->spec.end;
    return r->position < limit ? fake_read(h, r, p, limit, out) : POLL_IDLE;
}

static enum source_wait fake_wait(struct source *base, const struct source_range *ranges, size_t n,
                                  int64_t timeout_ms, struct err *e)
{
    (void)ranges, (void)n, (void)timeout_ms;
    struct fake_handle *h = fake_from(base);
    if (!fake_alive(h, e))
        return SOURCE_WAIT_FAILED;
    assert(h->broker->waiting);
    h->broker->waiting(h->broker, h->broker->waiting_arg);
    return SOURCE_READY;
}

static void fake_release(struct source *base, struct source_batch *b)
{
    if (!b->owner)
        return;
    arena_free(b->owner);
    b->owner = NULL;
    atomic_fetch_sub(&fake_from(base)->broker->batches, 1);
}

static bool fake_group_read(struct source *base, struct source_offset *io, size_t n, struct err *e)
{
    struct fake_handle *h = fake_from(base);
    if (!fake_request(h, "reading committed offsets", e))
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct fake_group *g =
            fake_group(h->broker, h->spec.group, h->spec.topics[io[i].topic], io[i].partition);
        io[i].offset = g ? g->offset : -1;
    }
    return true;
}

struct fake_commit {
    struct fake_handle *h;
    const struct source_offset *offsets;
    size_t n;
};

static bool fake_commit_call(void *arg, struct err *e)
{
    struct fake_commit *c = arg;
    struct source_fake *s = c->h->broker;
    if (s->commits == COMMITS_REFUSED)
        return err_fail(e, ERR_REMOTE, "kafka: committing offsets: the group has an active member");
    for (size_t i = 0; i < c->n; i++) {
        const struct fake_topic *t = fake_topic(s, c->h->spec.topics[c->offsets[i].topic]);
        if (t)
            source_fake_set_group(s, c->h->spec.group, t->name, c->offsets[i].partition,
                                  c->offsets[i].offset);
    }
    if (s->commits == COMMITS_LIED_ABOUT)
        return err_fail(e, ERR_REMOTE, "kafka: committing offsets: the reply was lost");
    return true;
}

static bool fake_group_commit(struct source *base, const struct source_offset *offsets, size_t n,
                              struct err *e)
{
    struct fake_handle *h = fake_from(base);
    struct fake_commit c = {h, offsets, n};
    assert(h->spec.group && h->spec.durable);
    if (!fake_request(h, "committing offsets", e))
        return false;
    return durable_call(h->spec.durable, "kafka.commit", fake_commit_call, &c, e);
}

static void fake_close(struct source *base)
{
    struct fake_handle *h = fake_from(base);
    mem_free(h->ranges);
    mem_free(h);
}

const struct source_type source_fake = {
    .name = "fake",
    .open = fake_open,
    .identity = fake_identity,
    .plan = fake_plan,
    .offsets_for_time = fake_offsets_for_time,
    .assign = fake_assign,
    .wait = fake_wait,
    .poll = fake_poll,
    .release = fake_release,
    .group_read = fake_group_read,
    .group_commit = fake_group_commit,
    .close = fake_close,
};
