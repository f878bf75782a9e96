#include "jobs/run/past.h"

#include "jobs/run/topics.h"
#include "lake/inspect.h"

#include <assert.h>
#include <stdio.h>

bool past_moves(const struct batch_record *r)
{
    return r->slot == 0 && r->range_count > 0 && !batch_kind_stands(r->kind);
}

const struct batch_record *past_batch(const struct past *p, uint64_t id)
{
    for (size_t i = 0; i < p->batch_count; i++)
        if (p->batches[i].batch == id)
            return &p->batches[i];
    return NULL;
}

// --- heads -----------------------------------------------------------------------------------------------------------

static void past_head(struct past *p, struct past_output o)
{
    p->head = o.batch > p->head ? o.batch : p->head;
    p->outputs[p->output_count++] = o;
}

// A table without any batch, where others have more than their first, was added, dropped or made anew.
static void past_least(struct past *p)
{
    p->least = p->head;
    for (size_t i = 0; i < p->output_count; i++) {
        struct past_output *o = &p->outputs[i];
        o->lost = o->lost || (o->batch == 0 && p->head > 1 && !str_eq(o->name, STR("lake")));
        p->lost += o->lost;
        if (!o->lost && o->batch < p->least)
            p->least = o->batch;
    }
}

static bool past_lake_head(struct past *p, struct session *s, struct err *e)
{
    struct lake_head h;
    if (!lake_finish_claim(s->lake, s->job->name, 0, e) ||
        !lake_head(s->lake, s->job->name, 0, &h, e))
        return false;
    past_head(p, (struct past_output){STR("lake"), h.batch, h.digest, STR(""), false});
    return true;
}

static bool past_target_head(struct past *p, struct session *s, struct arena *a, size_t target,
                             struct err *e)
{
    struct sink *sink = NULL;
    struct head h;
    if (!heads_sink(&sink, s, target, e)) {
        if (e->kind != ERR_BEHIND)
            return false;
        err_clear(e); // what it held is gone with it
        past_head(p, (struct past_output){
                         .name = s->job->targets[target].name, .plan = STR(""), .lost = true});
        return true;
    }
    assert(sink);
    if (!sink->type->head(sink, &h, e))
        return err_wrap(e, "output %.*s", STR_ARG(s->job->targets[target].name));
    past_head(p, (struct past_output){s->job->targets[target].name, h.batch, h.digest,
                                      arena_str(a, str_from(h.plan)), false});
    return true;
}

// A batch is everywhere else before it is in the topics: the marker is never ahead.
static bool past_marker(struct past *p, struct session *s, struct err *e)
{
    p->topics = s->job->topic_output_count > 0;
    if (!p->topics || !topics_marker(s, &p->marker, e))
        return !p->topics;
    if (p->marker.state == TOPIC_MARKER_SET && s->job->target_count == 0 && !s->lake)
        p->head = p->least = p->marker.batch;
    bool known = p->marker.state == TOPIC_MARKER_SET || p->head <= 1;
    if (known)
        return true;
    err_fail(e, ERR_BEHIND,
             "Kafka has no marker in group %s.commits: whether batch %llu was sent to "
             "topics cannot be known",
             s->job->group, (unsigned long long)p->head);
    return err_hint(e, "look at the topics, then set the marker: see the recovery handbook, \"lost "
                       "marker\"");
}

bool past_topics_behind(const struct past *p)
{
    const struct batch_record *last = past_batch(p, p->head);
    return p->topics && p->marker.batch < p->head && last && last->slot == 0 &&
           !batch_kind_stands(last->kind);
}

// --- plans -----------------------------------------------------------------------------------------------------------

static enum batch_kind past_kind(struct str name)
{
    for (int k = BATCH_FORWARD; k < BATCH_KINDS; k++)
        if (str_eq(name, str_from(batch_kind_name((enum batch_kind)k))))
            return (enum batch_kind)k;
    return BATCH_FORWARD;
}

static bool past_manifest(struct batch_record *out, struct session *s, struct arena *a,
                          const struct lake_manifest *m, struct err *e)
{
    *out = (struct batch_record){0};
    if (m->ranges_json.n && !record_read_ranges(out, a, m->ranges_json, e))
        return err_wrap(e, "batch %llu of the lake", (unsigned long long)m->batch);
    struct buf text;
    buf_init(&text, (size_t)256 << 20);
    lake_manifest_write(&text, m);
    bool ok = buf_ok(&text, "the lake manifest", e);
    out->batch = m->batch;
    out->slot = m->slot == m->batch ? 0 : m->slot;
    out->kind = past_kind(m->kind);
    out->now_ms = m->now_ms;
    out->cluster = s->cluster;
    out->group = str_from(s->job->group);
    out->manifest = arena_str(a, buf_view(&text));
    out->lake_digest = m->digest;
    out->lake_prev_batch = m->prev_batch;
    out->lake_prev_digest = m->prev_digest;
    out->dead_file = STR("");
    for (size_t i = 0; i < out->range_count; i++)
        out->dead += out->ranges[i].dead;
    buf_fini(&text);
    return ok;
}

static bool past_lake_plans(struct past *p, struct session *s, struct arena *a, struct err *e)
{
    const struct lake_manifest *m;
    size_t n;
    if (!lake_job_manifests(&m, &n, a, s->lake, s->job->name, e))
        return false;
    p->batches = ARENA_ZARRAY(a, struct batch_record, n + 2);
    for (size_t i = 0; i < n; i++)
        if (!past_manifest(&p->batches[p->batch_count++], s, a, &m[i], e))
            return false;
    return true;
}

// The newest head's own words, when the lake (if there is one) does not know the batch.
static bool past_head_plan(struct past *p, struct session *s, struct arena *a, struct err *e)
{
    if (p->head == 0 || past_batch(p, p->head))
        return true;
    if (!p->batches)
        p->batches = ARENA_ZARRAY(a, struct batch_record, 2);
    for (size_t i = 0; i < p->output_count; i++) {
        if (p->outputs[i].batch != p->head || p->outputs[i].plan.n == 0)
            continue;
        struct batch_record *r = &p->batches[p->batch_count];
        if (!record_read_plan(r, a, p->outputs[i].plan, e)) {
            err_wrap(e, "head of %.*s", STR_ARG(p->outputs[i].name));
            return err_hint(e, "job recover %s --rebuild needs no plan", s->job->name);
        }
        r->batch = p->head;
        r->kind = BATCH_RECOVER; // a plan without counts
        r->now_ms = s->started_ms;
        r->manifest = r->dead_file = STR("");
        r->group = str_from(s->job->group);
        p->batch_count++;
        return true;
    }
    return true;
}

bool past_read(struct past *out, struct session *s, struct arena *a, struct err *e)
{
    *out = (struct past){0};
    out->outputs = ARENA_ZARRAY(a, struct past_output, s->job->target_count + 2);
    if (s->lake && !past_lake_head(out, s, e))
        return false;
    for (size_t i = 0; i < s->job->target_count; i++)
        if (!past_target_head(out, s, a, i, e))
            return false;
    past_least(out);
    return past_marker(out, s, e) && (!s->lake || past_lake_plans(out, s, a, e)) &&
           past_head_plan(out, s, a, e);
}

// --- continuity ------------------------------------------------------------------------------------------------------

static const struct batch_range *past_before(const struct past *p, size_t upto,
                                             const struct batch_range *r)
{
    for (size_t i = upto; i > 0; i--) {
        const struct batch_record *b = &p->batches[i - 1];
        for (size_t k = 0; past_moves(b) && k < b->range_count; k++)
            if (b->ranges[k].partition == r->partition && str_eq(b->ranges[k].topic, r->topic))
                return &b->ranges[k];
    }
    return NULL;
}

size_t past_begin(const struct past *p)
{
    size_t begin = 0;
    for (size_t i = 0; i < p->batch_count; i++) {
        const struct batch_record *b = &p->batches[i];
        for (size_t k = 0; past_moves(b) && k < b->range_count; k++) {
            const struct batch_range *before = past_before(p, i, &b->ranges[k]);
            if (before && before->end != b->ranges[k].start)
                begin = i; // a reset came between
        }
    }
    return begin;
}
