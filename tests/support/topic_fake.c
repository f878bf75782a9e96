#include "tests/support/topic_fake.h"

#include "base/durable.h"
#include "base/hash.h"
#include "base/vec.h"
#include "tests/support/source_fake.h"
#include "tests/support/test.h"

#include <ctype.h>
#include <stdio.h>

struct fake_row {
    char *key, *value; // NULL = null
    size_t key_n, value_n;
    int64_t timestamp;
    int32_t partition;
    size_t topic; // in the store
};

struct fake_name {
    char *name;
    int32_t partitions; // 0 = deleted
};

struct fake_marker {
    char group[128], topic[128];
    struct topic_marker marker;
};

struct fake_store {
    struct fake_store *next;
    char *broker;
    VEC(struct fake_name) topics;
    VEC(struct fake_row) rows; // committed, in the order of their transactions
    VEC(struct fake_marker) markers;
    uint64_t epoch; // one transactional id per broker here
    uint64_t down;
};

struct fake_writer {
    struct topic_writer base;
    struct topic_spec spec;
    struct fake_store *store;
    uint64_t epoch;            // 0 = has not fenced yet
    VEC(struct fake_row) rows; // of the open transaction
};

// Topics by broker; a test process has one thread that makes and frees them.
static struct fake_store *stores;

static struct fake_store *store_of(struct str broker)
{
    struct fake_store *s = stores;
    while (s && !str_eq(str_from(s->broker), broker))
        s = s->next;
    if (s)
        return s;
    s = mem_zalloc(sizeof *s);
    s->broker = mem_alloc(broker.n + 1);
    (void)snprintf(s->broker, broker.n + 1, "%.*s", STR_ARG(broker));
    s->next = stores;
    stores = s;
    return s;
}

static void row_fini(struct fake_row *r)
{
    mem_free(r->key);
    mem_free(r->value);
}

void topic_fake_forget(const char *broker)
{
    struct fake_store *s = store_of(str_from(broker)), **link = &stores;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    for (size_t i = 0; i < s->rows.n; i++)
        row_fini(&s->rows.v[i]);
    for (size_t i = 0; i < s->topics.n; i++)
        mem_free(s->topics.v[i].name);
    vec_fini(&s->rows);
    vec_fini(&s->topics);
    vec_fini(&s->markers);
    mem_free(s->broker);
    mem_free(s);
}

static size_t topic_at(struct fake_store *s, struct str name)
{
    size_t i = 0;
    while (i < s->topics.n && !str_eq(str_from(s->topics.v[i].name), name))
        i++;
    if (i == s->topics.n) {
        struct fake_name t = {mem_alloc(name.n + 1), 0};
        (void)snprintf(t.name, name.n + 1, "%.*s", STR_ARG(name));
        vec_push(&s->topics, t);
    }
    return i;
}

// --- looking at it ---------------------------------------------------------------------------------------------------

static void print_payload(struct buf *out, const char *p, size_t n)
{
    bool text = p != NULL;
    for (size_t i = 0; text && i < n; i++)
        text = isprint((unsigned char)p[i]) != 0;
    if (!p)
        buf_char(out, '-');
    else if (text)
        buf_put(out, p, n);
    else
        buf_hex(out, p, n);
}

static void print_row(struct buf *out, const struct fake_row *r)
{
    print_payload(out, r->key, r->key_n);
    buf_char(out, ' ');
    print_payload(out, r->value, r->value_n);
    buf_printf(out, " @%lld\n", (long long)r->timestamp);
}

void topic_fake_print(struct buf *out, const char *broker)
{
    const struct fake_store *s = store_of(str_from(broker));
    for (size_t t = 0; t < s->topics.n; t++) {
        for (int32_t p = 0; p < s->topics.v[t].partitions; p++) {
            for (size_t i = 0; i < s->rows.n; i++) {
                if (s->rows.v[i].topic != t || s->rows.v[i].partition != p)
                    continue;
                buf_printf(out, "topic %s/%d ", s->topics.v[t].name, (int)p);
                print_row(out, &s->rows.v[i]);
            }
        }
    }
    for (size_t i = 0; i < s->markers.n; i++)
        buf_printf(out, "marker %s %s %llu %s\n", s->markers.v[i].group, s->markers.v[i].topic,
                   (unsigned long long)s->markers.v[i].marker.batch, s->markers.v[i].marker.digest);
}

void topic_fake_print_rows(struct buf *out, const char *broker, const char *topic)
{
    struct fake_store *s = store_of(str_from(broker));
    size_t t = topic_at(s, str_from(topic));
    for (size_t i = 0; i < s->rows.n; i++)
        if (s->rows.v[i].topic == t)
            print_row(out, &s->rows.v[i]);
}

size_t topic_fake_records(const char *broker, const char *topic)
{
    struct fake_store *s = store_of(str_from(broker));
    size_t t = topic_at(s, str_from(topic)), n = 0;
    for (size_t i = 0; i < s->rows.n; i++)
        n += s->rows.v[i].topic == t;
    return n;
}

static struct fake_marker *marker_at(struct fake_store *s, const char *group, const char *topic)
{
    for (size_t i = 0; i < s->markers.n; i++)
        if (strcmp(s->markers.v[i].group, group) == 0 && strcmp(s->markers.v[i].topic, topic) == 0)
            return &s->markers.v[i];
    return NULL;
}

uint64_t topic_fake_marker(const char *broker, const char *group, const char *topic)
{
    const struct fake_marker *m = marker_at(store_of(str_from(broker)), group, topic);
    return m ? m->marker.batch : 0;
}

void topic_fake_lose_markers(const char *broker)
{
    store_of(str_from(broker))->markers.n = 0;
}

void topic_fake_delete(const char *broker, const char *topic)
{
    struct fake_store *s = store_of(str_from(broker));
    size_t at = topic_at(s, str_from(topic));
    s->topics.v[at].partitions = 0;
}

void topic_fake_down(const char *broker, uint64_t n)
{
    store_of(str_from(broker))->down = n;
}

// --- the driver ------------------------------------------------------------------------------------------------------

static struct fake_writer *writer_from(struct topic_writer *s)
{
    assert_true(s->type == &topic_fake);
    return (struct fake_writer *)s;
}

static bool writer_request(struct fake_writer *w, const char *doing, struct err *e)
{
    if (durable_dead(w->spec.durable))
        return err_fail(e, ERR_CANCELLED, "the durable layer is dead");
    if (w->epoch && w->epoch != w->store->epoch)
        return err_fail(e, ERR_FENCED, "kafka: %s: a newer producer has this transactional id",
                        doing);
    if (w->store->down == 0)
        return true;
    w->store->down--;
    err_fail(e, ERR_REMOTE, "kafka: %s: the broker is down", doing);
    return err_remedy(e, REMEDY_RETRY_RUN);
}

static bool writer_open(struct topic_writer **out, const struct topic_spec *spec, struct err *e)
{
    struct fake_writer *w = mem_zalloc(sizeof *w);
    assert_non_null(e);
    w->base.type = &topic_fake;
    w->spec = *spec;
    for (size_t i = 0; i < spec->property_count; i++)
        if (str_eq(spec->properties[2 * i], STR("fake.broker")))
            w->store = store_of(spec->properties[2 * i + 1]);
    assert_non_null(w->store);
    *out = &w->base;
    return true;
}

struct fake_create {
    struct fake_name *topic;
    int32_t partitions;
};

static bool writer_create(void *arg, struct err *e)
{
    const struct fake_create *c = arg;
    assert_non_null(e);
    c->topic->partitions = c->partitions;
    return true;
}

static bool writer_prepare(struct topic_writer *base, const struct topic_want *topics, size_t n,
                           int32_t *partitions, struct err *e)
{
    struct fake_writer *w = writer_from(base);
    for (size_t i = 0; i < n; i++) {
        if (!writer_request(w, "looking for topics", e))
            return false;
        size_t at = topic_at(w->store, topics[i].name); // may move the list
        struct fake_name *t = &w->store->topics.v[at];
        struct fake_create c = {t, topics[i].partitions ? topics[i].partitions
                                                        : topics[i].partitions_new};
        if (!t->partitions && topics[i].missing == TOPIC_REFUSE)
            return err_fail(e, ERR_BEHIND, "topic %s does not exist any more", t->name);
        if (!t->partitions &&
            !durable_call_remote(w->spec.durable, "topic.create", writer_create, &c, e))
            return false;
        partitions[i] = t->partitions;
        if (topics[i].partitions && topics[i].partitions != t->partitions)
            return err_fail(e, ERR_CONFIG, "topic %s has %d partitions", t->name,
                            (int)t->partitions);
    }
    return true;
}

static bool writer_fence(void *arg, struct err *e)
{
    struct fake_writer *w = arg;
    assert_non_null(e);
    w->epoch = ++w->store->epoch;
    return true;
}

static void marker_group(char out[128], const struct fake_writer *w)
{
    (void)snprintf(out, 128, "%s.commits", w->spec.group);
}

static bool writer_marker(struct topic_writer *base, struct str topic, struct topic_marker *out,
                          struct err *e)
{
    struct fake_writer *w = writer_from(base);
    char group[128], name[128];
    if (!writer_request(w, "reading the marker", e) ||
        (!w->epoch && !durable_call_remote(w->spec.durable, "topic.fence", writer_fence, w, e)))
        return false;
    marker_group(group, w);
    (void)snprintf(name, sizeof name, "%.*s", STR_ARG(topic));
    const struct fake_marker *m = marker_at(w->store, group, name);
    *out = m ? m->marker : (struct topic_marker){.state = TOPIC_MARKER_NONE};
    return true;
}

static bool writer_begin(struct topic_writer *base, struct err *e)
{
    struct fake_writer *w = writer_from(base);
    assert_true(w->epoch > 0 && w->rows.n == 0);
    return writer_request(w, "beginning a transaction", e);
}

static char *copy_bytes(struct payload p)
{
    return p.p ? memcpy(mem_alloc(p.n + 1), p.p, p.n) : NULL;
}

struct fake_write {
    struct fake_writer *w;
    size_t topic;
    const struct topic_record *records;
    size_t n;
};

static bool writer_rows(void *arg, struct err *e)
{
    const struct fake_write *x = arg;
    assert_non_null(e);
    for (size_t i = 0; i < x->n; i++) {
        const struct topic_record *r = &x->records[i];
        assert_true(r->partition >= 0 && r->partition < x->w->store->topics.v[x->topic].partitions);
        struct fake_row row = {copy_bytes(r->key), copy_bytes(r->value), r->key.n, r->value.n,
                               r->timestamp,       r->partition,         x->topic};
        vec_push(&x->w->rows, row);
    }
    return true;
}

static bool writer_write(struct topic_writer *base, struct str topic,
                         const struct topic_record *records, size_t n, struct err *e)
{
    struct fake_writer *w = writer_from(base);
    struct fake_write x = {w, topic_at(w->store, topic), records, n};
    return writer_request(w, "writing rows", e) &&
           durable_call_remote(w->spec.durable, "topic.write", writer_rows, &x, e);
}

static void commit_marker(struct fake_writer *w, const struct topic_commit *c)
{
    struct fake_marker new = {.marker = {.state = TOPIC_MARKER_SET, .batch = c->batch}};
    marker_group(new.group, w);
    (void)snprintf(new.topic, sizeof new.topic, "%.*s", STR_ARG(c->marker_topic));
    hash_hex(new.marker.digest, c->digest);
    struct fake_marker *old = marker_at(w->store, new.group, new.topic);
    if (old)
        *old = new;
    else
        vec_push(&w->store->markers, new);
}

struct fake_commit {
    struct fake_writer *w;
    const struct topic_commit *c;
};

static bool writer_commit_call(void *arg, struct err *e)
{
    const struct fake_commit *x = arg;
    struct fake_writer *w = x->w;
    struct source_fake *broker = source_fake_find(str_from(w->store->broker));
    assert_non_null(broker);
    assert_non_null(e);
    for (size_t i = 0; i < w->rows.n; i++)
        vec_push(&w->store->rows, w->rows.v[i]);
    w->rows.n = 0;
    for (size_t i = 0; i < x->c->offset_count; i++) {
        const struct topic_offset *o = &x->c->offsets[i];
        char topic[128];
        (void)snprintf(topic, sizeof topic, "%.*s", STR_ARG(o->topic));
        source_fake_set_group(broker, w->spec.group, topic, o->partition, o->offset);
    }
    commit_marker(w, x->c);
    return true;
}

static bool writer_commit(struct topic_writer *base, const struct topic_commit *c, struct err *e)
{
    struct fake_writer *w = writer_from(base);
    struct fake_commit x = {w, c};
    return writer_request(w, "committing the transaction", e) &&
           durable_call_remote(w->spec.durable, "topic.commit", writer_commit_call, &x, e);
}

static void writer_close(struct topic_writer *base)
{
    struct fake_writer *w = writer_from(base);
    for (size_t i = 0; i < w->rows.n; i++)
        row_fini(&w->rows.v[i]);
    vec_fini(&w->rows);
    mem_free(w);
}

const struct topic_type topic_fake = {
    .name = "fake",
    .open = writer_open,
    .prepare = writer_prepare,
    .marker = writer_marker,
    .begin = writer_begin,
    .write = writer_write,
    .commit = writer_commit,
    .close = writer_close,
};
