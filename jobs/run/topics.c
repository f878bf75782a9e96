// Topic outputs of a session: opened, compared with what we delivered, and a batch's rows sent in one transaction (DESIGN section 2).
//
// The marker decides, and only on a fresh connection: making it fences every earlier owner, so that nothing of theirs can become
// visible after the marker was read. From then on the marker is what this connection committed last.
#include "jobs/run/topics.h"

#include "base/durable.h"
#include "base/hash.h"
#include "jobs/run/behind.h"
#include "jobs/run/deliver.h"
#include "jobs/run/topic_rows.h"

#include <assert.h>
#include <stdio.h>

enum {
    TOPICS_BLOCK_ROWS = 1000,
    TOPICS_BLOCK_BYTES = 1 << 20,
    TOPICS_PATIENCE_MS = 15000,
    TOPICS_BACKOFF_MS = 100,
    TOPICS_BACKOFF_MAX_MS = 2000,
};

// --- the connection --------------------------------------------------------------------------------------------------

void topics_close(struct session *s)
{
    if (s->topics)
        s->topics->type->close(s->topics);
    s->topics = NULL;
    s->marker_known = false;
}

static bool topics_connect(struct session *s, struct err *e)
{
    const struct job *job = s->job;
    if (s->topics)
        return true;
    if (!s->env->topics)
        return err_fail(e, ERR_CONFIG, "this program has no driver for topic outputs");
    const struct topic_spec spec = {
        .properties = job->properties,
        .property_count = job->property_count,
        .group = job->group,
        .transactional_id = arena_printf(s->a, "sluice.%s.0", job->name).p,
        .client_id = arena_printf(s->a, "sluice-%s", job->name).p,
        .durable = s->env->durable,
    };
    return s->env->topics->open(&s->topics, &spec, e);
}

// A new topic gets, unless somebody says otherwise, as many partitions as the job's first topic.
static bool topics_default(struct session *s, struct topic_want *want, size_t n, struct err *e)
{
    int32_t first = 0;
    bool needed = false;
    for (size_t i = 0; i < n; i++)
        needed = needed || (!want[i].partitions && !want[i].partitions_new);
    if (!needed)
        return true;
    struct source_partition *partitions;
    size_t count;
    if (!s->source->type->plan(s->source, s->a, &partitions, &count, e))
        return false;
    for (size_t i = 0; i < count; i++)
        first += partitions[i].topic == 0;
    for (size_t i = 0; i < n; i++)
        if (!want[i].partitions_new)
            want[i].partitions_new = first;
    return true;
}

bool topics_open(struct session *s, struct err *e)
{
    const struct job *job = s->job;
    size_t n = job->topic_output_count;
    if (n == 0 || s->elsewhere.n > 0)
        return true;
    struct topic_want *want = ARENA_ZARRAY(s->a, struct topic_want, n);
    for (size_t i = 0; i < n; i++) {
        want[i] = job->topic_outputs[i].want;
        // One that was written must not come back empty.
        if (control_output(&s->control, job->topic_outputs[i].name)->batch > 0)
            want[i].missing = TOPIC_REFUSE;
    }
    s->topic_partitions = ARENA_ZARRAY(s->a, int32_t, n);
    return topics_default(s, want, n, e) && topics_connect(s, e) &&
           s->topics->type->prepare(s->topics, want, n, s->topic_partitions, e);
}

void topics_forget(struct session *s)
{
    *control_output(&s->control, STR("topics")) = (struct control_output){.name = STR("topics")};
    for (size_t i = 0; i < s->job->topic_output_count; i++)
        control_output(&s->control, s->job->topic_outputs[i].name)->batch = 0;
    s->control.marker_topic = STR("");
}

// --- the marker ------------------------------------------------------------------------------------------------------

static bool topics_read_marker(struct session *s, struct str topic, struct err *e)
{
    if (!topics_connect(s, e))
        return false;
    if (s->marker_known)
        return true;
    s->marker_known = s->topics->type->marker(s->topics, topic, &s->marker, e);
    return s->marker_known;
}

// The first topic output was another one before: the newer of the two markers counts.
static bool topics_older_marker(struct session *s, struct str topic, struct err *e)
{
    struct topic_marker m;
    if (!s->topics->type->marker(s->topics, topic, &m, e))
        return false;
    bool newer = m.state == TOPIC_MARKER_SET &&
                 (s->marker.state == TOPIC_MARKER_NONE || m.batch > s->marker.batch);
    if (newer)
        s->marker = m;
    return true;
}

// A marker that a person set has no digest: its number is believed.
static bool topics_marker_is(const struct topic_marker *m, uint64_t batch, uint64_t digest)
{
    char hex[17];
    hash_hex(hex, digest);
    return m->state == TOPIC_MARKER_SET && m->batch == batch &&
           (m->digest[0] == '\0' || strcmp(m->digest, hex) == 0);
}

static bool topics_marker_lost(uint64_t batch, const char *group, struct err *e)
{
    err_fail(e, ERR_BEHIND,
             "Kafka has no marker in group %s.commits any more, but batch %llu was written to "
             "topics",
             group, (unsigned long long)batch);
    return err_hint(e,
                    "look whether its rows are in the topics, then job run --lost-marker sent or "
                    "--lost-marker resend: see the recovery handbook, \"lost marker\"");
}

static bool topics_marker_wrong(const struct topic_marker *m, uint64_t batch, uint64_t digest,
                                struct err *e)
{
    uint64_t held = 0;
    (void)!hash_from_hex(&held, str_from(m->digest));
    if (m->batch < batch)
        return heads_behind(STR("the topics' marker"), m->batch, batch, e);
    return heads_fenced(STR("the topics' marker"), m->batch, held, batch, digest, e);
}

bool topics_marker(struct session *s, struct topic_marker *out, struct err *e)
{
    struct str topic = s->control.marker_topic;
    if (topic.n == 0)
        topic = s->job->topic_outputs[0].want.name;
    if (!topics_read_marker(s, topic, e))
        return err_wrap(e, "topic outputs");
    *out = s->marker;
    return true;
}

// --- a transaction ---------------------------------------------------------------------------------------------------

struct topics_send {
    struct session *s;
    struct str topic;
    struct topic_record *records;
    size_t n, bytes;
    uint64_t left; // rows still in the spool
};

static bool topics_flush(struct topics_send *x, struct err *e)
{
    bool ok = x->n == 0 || x->s->topics->type->write(x->s->topics, x->topic, x->records, x->n, e);
    x->n = x->bytes = 0;
    return ok;
}

// Rows are views into the mapped spool, which ends with the replay: the last one flushes.
static bool topics_row(void *arg, struct str row, enum row_op op, struct err *e)
{
    (void)op;
    struct topics_send *x = arg;
    if (!topic_rows_read(&x->records[x->n], row, e))
        return false;
    x->n++;
    x->bytes += row.n;
    x->left--;
    bool full = x->n == TOPICS_BLOCK_ROWS || x->bytes >= TOPICS_BLOCK_BYTES || x->left == 0;
    return !full || topics_flush(x, e);
}

static bool topics_send_rows(struct session *s, struct arena *a, const struct batch_topic *t,
                             struct err *e)
{
    const struct spool_replay spec = {
        .path = arena_printf(a, "%s/%.*s", s->spool_dir, STR_ARG(t->spool)).p,
        .checksum = t->checksum,
        .bytes = t->bytes,
    };
    struct topics_send x = {.s = s, .topic = t->topic, .left = t->rows};
    x.records = ARENA_ZARRAY(a, struct topic_record, TOPICS_BLOCK_ROWS);
    return t->rows == 0 || spool_replay_bytes(&spec, topics_row, &x, e) ||
           err_wrap(e, "topic %.*s", STR_ARG(t->topic));
}

struct topics_batch {
    const struct batch_topic *topics; // none: only the marker and the offsets
    size_t count;
    struct str marker_topic;
    uint64_t batch, digest;
    const struct batch_record *record; // whose offsets they are; NULL = none
};

static size_t topics_offsets(struct topic_offset **out, const struct session *s, struct arena *a,
                             const struct batch_record *r)
{
    struct batch_position *places = NULL;
    size_t n = 0, count = r ? deliver_places(&places, s, a, r) : 0;
    *out = ARENA_ZARRAY(a, struct topic_offset, count + 1);
    for (size_t i = 0; i < count; i++)
        for (size_t t = 0; t < s->job->topic_count; t++)
            if (str_eq(s->job->topics[t], places[i].topic))
                (*out)[n++] =
                    (struct topic_offset){places[i].topic, places[i].partition, places[i].next};
    return n;
}

static bool topics_transact(struct session *s, const struct topics_batch *b, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct topic_offset *offsets;
    size_t offset_count = topics_offsets(&offsets, s, a, b->record);
    const struct topic_commit commit = {
        .offsets = offsets,
        .offset_count = offset_count,
        .marker_topic = b->marker_topic,
        .batch = b->batch,
        .digest = b->digest,
    };
    bool ok = s->topics->type->begin(s->topics, e);
    for (size_t i = 0; ok && i < b->count; i++)
        ok = topics_send_rows(s, a, &b->topics[i], e);
    ok = ok && s->topics->type->commit(s->topics, &commit, e);
    if (ok) {
        s->marker = (struct topic_marker){.state = TOPIC_MARKER_SET, .batch = b->batch};
        hash_hex(s->marker.digest, b->digest);
    }
    arena_free(a);
    return ok;
}

// --- delivery --------------------------------------------------------------------------------------------------------

static bool topics_once(struct session *s, const struct batch_record *r, struct err *e)
{
    struct topics_batch b = {r->topics, r->topic_count,   r->marker_topic,
                             r->batch,  r->topics_digest, r};
    bool moved = r->marker_prev_topic.n > 0 && !str_eq(r->marker_prev_topic, r->marker_topic);
    if (!topics_read_marker(s, r->marker_topic, e))
        return false;
    const struct topic_marker *m = &s->marker;
    if (topics_marker_is(m, r->batch, r->topics_digest))
        return true;
    if (moved && !topics_older_marker(s, r->marker_prev_topic, e))
        return false;
    if (m->state == TOPIC_MARKER_SET &&
        !topics_marker_is(m, r->topics_prev_batch, r->topics_prev_digest))
        return topics_marker_wrong(m, r->batch, r->topics_digest, e);
    bool lost = m->state == TOPIC_MARKER_NONE && r->topics_prev_batch > 0;
    if (lost && s->env->marker == RUN_MARKER_ASK)
        return topics_marker_lost(r->batch, s->job->group, e);
    if (lost && s->env->marker == RUN_MARKER_SENT)
        b.count = 0;
    return topics_transact(s, &b, e);
}

bool topics_sent(bool *out, struct session *s, const struct batch_record *r, struct err *e)
{
    struct str newest = s->control.marker_topic;
    bool moved = !str_eq(newest, r->marker_topic);
    *out = false;
    if (!topics_read_marker(s, newest, e) || (moved && !topics_older_marker(s, r->marker_topic, e)))
        return err_wrap(e, "topic outputs");
    *out = s->marker.state == TOPIC_MARKER_SET && s->marker.batch > r->batch &&
           s->marker.batch <= control_output(&s->control, STR("topics"))->batch;
    return true;
}

// Tried again for a while, each time on a new connection: the marker then says what became of the try before.
bool topics_deliver(struct session *s, const struct batch_record *r, struct err *e)
{
    const struct clock *c = &s->env->clock;
    if (s->elsewhere.n > 0) {
        err_fail(e, ERR_BEHIND, "batch %llu is decided for topics of cluster %.*s",
                 (unsigned long long)r->batch, STR_ARG(s->cluster));
        return err_hint(e, "point bootstrap.servers back, and let sluice job deliver %s finish it",
                        s->job->name);
    }
    int64_t patience = s->env->deliver_ms ? s->env->deliver_ms : TOPICS_PATIENCE_MS;
    int64_t until = c->mono_ms(c->arg) + patience;
    for (int64_t wait = TOPICS_BACKOFF_MS;;
         wait = wait * 2 < TOPICS_BACKOFF_MAX_MS ? wait * 2 : TOPICS_BACKOFF_MAX_MS) {
        if (topics_once(s, r, e))
            break;
        topics_close(s);
        bool again = e->kind == ERR_REMOTE && e->remedy != REMEDY_FATAL &&
                     !durable_dead(s->env->durable) && c->mono_ms(c->arg) < until &&
                     !(s->env->cancel && atomic_load(s->env->cancel));
        if (!again)
            return err_wrap(e, "delivering batch %llu to topics", (unsigned long long)r->batch);
        c->sleep_ms(c->arg, wait);
    }
    for (size_t i = 0; i < r->topic_count; i++)
        s->report->topic_rows += r->topics[i].rows;
    return true;
}

// Nothing is decided and undelivered: the marker must be the last batch's.
bool topics_check(struct session *s, struct err *e)
{
    const struct control_output *ours = control_output(&s->control, STR("topics"));
    struct str topic = s->control.marker_topic;
    if (s->job->topic_output_count == 0 || s->elsewhere.n > 0)
        return true;
    if (ours->behind) // as tables are: compared when their turn comes
        return true;
    if (topic.n == 0)
        topic = s->job->topic_outputs[0].want.name;
    if (!topics_read_marker(s, topic, e))
        return err_wrap(e, "topic outputs");
    const struct topic_marker *m = &s->marker;
    if (topics_marker_is(m, ours->batch, ours->digest) ||
        (m->state == TOPIC_MARKER_NONE && ours->batch == 0))
        return true;
    if (m->state == TOPIC_MARKER_SET)
        return topics_marker_wrong(m, ours->batch, ours->digest, e);
    if (s->env->marker == RUN_MARKER_ASK)
        return topics_marker_lost(ours->batch, s->job->group, e);
    // Nothing is in doubt: only the marker is put back.
    const struct batch_record here = {.batch = s->control.last_batch};
    const struct topics_batch b = {
        NULL, 0, topic, ours->batch, ours->digest, behind_first(&s->control) ? NULL : &here};
    return topics_transact(s, &b, e) || err_wrap(e, "topic outputs");
}
