#include "jobs/run/gaps.h"

#include "jobs/run/job.h"
#include "jobs/run/past.h"
#include "jobs/run/run.h"

#include <stdio.h>

// Places of an output, in the order lake, warehouses, topic.
static bool gaps_place_of(struct gaps_place *out, struct arena *a, const struct job *job,
                          size_t output, size_t i)
{
    const struct job_output *o = &job->outputs[output];
    *out = (struct gaps_place){.output = output};
    if (o->lake >= 0 && i-- == 0) {
        out->name = arena_printf(a, "lake/%.*s", STR_ARG(o->name));
        return true;
    }
    if (i < o->target_count) {
        out->name = job->targets[o->target_first + i].name;
        out->whole = job->targets[o->target_first + i].key != NULL;
        return true;
    }
    out->topic = o->topic >= 0 && i == o->target_count;
    if (out->topic)
        out->name = job->topic_outputs[o->topic].name;
    return out->topic;
}

static size_t gaps_places(const struct job_output *o)
{
    return o->table ? 0 : (size_t)(o->lake >= 0) + o->target_count + (size_t)(o->topic >= 0);
}

bool gaps_place(struct gaps_place *out, struct arena *a, const struct job *job, size_t i)
{
    for (size_t k = 0; k < job->output_count; k++) {
        size_t n = gaps_places(&job->outputs[k]);
        if (i < n)
            return gaps_place_of(out, a, job, k, i);
        i -= n;
    }
    return false;
}

static void gaps_say(struct run_report *report, const struct job *job, const struct gaps_place *p,
                     const struct control_output *o)
{
    char how[300] = "";
    unsigned long long from = o->gap_from, to = o->gap_to;
    if (p->whole)
        (void)snprintf(how, sizeof how, ": sluice job resync %s %.*s", job->name, STR_ARG(p->name));
    else if (!p->topic)
        (void)snprintf(how, sizeof how,
                       ": sluice job backfill %s --batch %llu..%llu --outputs %.*s", job->name,
                       from, to, STR_ARG(job->outputs[p->output].name));
    size_t n = strlen(report->notice);
    (void)snprintf(report->notice + n, sizeof report->notice - n,
                   "%s%.*s was out of the job during batches %llu to %llu and lacks their rows%s",
                   n ? "; " : "", STR_ARG(p->name), from, to, how);
}

void gaps_moved(struct control *c, const struct job *job, uint64_t batch, struct run_report *report)
{
    struct arena *a = arena_new(NULL);
    struct gaps_place p;
    for (size_t i = 0; gaps_place(&p, a, job, i); i++) {
        struct control_output *o = control_output(c, p.name);
        if (o->seen > 0 && o->seen < c->moved) {
            o->gap_from = o->gap_from ? o->gap_from : o->seen + 1;
            o->gap_to = c->moved;
            gaps_say(report, job, &p, o);
        }
        o->seen = batch;
    }
    c->moved = batch;
    arena_free(a);
}

static bool gaps_known(const struct job *job, struct str name)
{
    struct arena *a = arena_new(NULL);
    struct gaps_place p;
    bool known = false;
    for (size_t i = 0; !known && gaps_place(&p, a, job, i); i++)
        known = str_eq(p.name, name);
    arena_free(a);
    return known;
}

void gaps_late(struct control *c, const struct job *job, uint64_t slot)
{
    for (size_t i = 0; i < c->output_count; i++) {
        struct control_output *o = &c->outputs[i];
        if (o->seen == 0 || gaps_known(job, o->name))
            continue;
        o->gap_from = o->gap_from && o->gap_from < slot ? o->gap_from : slot;
        o->gap_to = o->gap_to > slot ? o->gap_to : slot;
    }
}

// The first batch from `from` on that read something; 0 = none up to `to`.
static bool gaps_next(uint64_t *out, struct kv_txn *t, uint64_t from, uint64_t to, struct err *e)
{
    struct arena *a = arena_new(NULL);
    bool ok = true;
    *out = 0;
    for (uint64_t id = from; ok && *out == 0 && id <= to; id++) {
        struct batch_record r;
        arena_reset(a);
        enum kv_found found = control_get_record(&r, a, t, id, e);
        ok = found != KV_FAILED;
        if (found == KV_FOUND && past_moves(&r))
            *out = id;
    }
    arena_free(a);
    return ok;
}

static bool gaps_fill(struct control_output *o, uint64_t slot, uint64_t forgotten, struct kv_txn *t,
                      struct err *e)
{
    uint64_t next;
    if (o->gap_from == 0)
        return true;
    if (o->gap_from <= forgotten) { // no backfill brings these rows any more: it stays said
        o->gap_to -= o->gap_to == slot;
        return true;
    }
    if (!gaps_next(&next, t, o->gap_from, o->gap_to, e) ||
        (next == slot && !gaps_next(&next, t, slot + 1, o->gap_to, e)))
        return false;
    o->gap_from = next;
    o->gap_to = next ? o->gap_to : 0;
    return true;
}

bool gaps_filled(struct control *c, const struct job *job, const bool *outputs, uint64_t slot,
                 struct kv_txn *t, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct gaps_place p;
    bool ok = true;
    for (size_t i = 0; ok && gaps_place(&p, a, job, i); i++)
        ok = p.topic || p.whole || !outputs[p.output] ||
             gaps_fill(control_output(c, p.name), slot, c->forgotten, t, e);
    arena_free(a);
    return ok;
}

void gaps_whole(struct control *c, struct control_output *o)
{
    o->gap_from = o->gap_to = 0;
    o->seen = o->seen ? c->moved : 0;
}

void gaps_forget(struct control *c)
{
    c->moved = 0;
    for (size_t i = 0; i < c->output_count; i++)
        c->outputs[i].seen = c->outputs[i].gap_from = c->outputs[i].gap_to = 0;
}
