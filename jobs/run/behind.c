#include "jobs/run/behind.h"

#include "base/durable.h"
#include "jobs/run/deliver.h"
#include "jobs/run/topics.h"

#include <assert.h>
#include <stdio.h>

enum {
    BEHIND_RETRY_MS = 5000,
    BEHIND_RETRY_MAX_MS = 30000,
    BEHIND_SHARE = 10, // of the time goes into tries at most: a connection may take long to fail
    BEHIND_SLICE_MS = 1000, // of catching up, while an endless run has other things to do
};

static const struct str behind_topics = {"topics", 6};

// --- who is behind ---------------------------------------------------------------------------------------------------

static uint64_t behind_least(const struct control *c, bool topics)
{
    uint64_t first = 0;
    for (size_t i = 0; i < c->output_count; i++) {
        const struct control_output *o = &c->outputs[i];
        if (o->behind && (!first || o->behind < first) &&
            (topics || !str_eq(o->name, behind_topics)))
            first = o->behind;
    }
    return first;
}

static struct control_output *behind_known(const struct control *c, struct str name)
{
    for (size_t i = 0; i < c->output_count; i++)
        if (str_eq(c->outputs[i].name, name))
            return &c->outputs[i];
    return NULL;
}

static uint64_t behind_from(const struct control *c, struct str name)
{
    const struct control_output *o = behind_known(c, name);
    return o ? o->behind : 0;
}

uint64_t behind_first(const struct control *c)
{
    return behind_least(c, true);
}

void behind_worst(struct run_behind *out, const struct control *c)
{
    *out = (struct run_behind){.output = ""};
    for (size_t i = 0; i < c->output_count; i++) {
        const struct control_output *o = &c->outputs[i];
        if (!o->behind || str_eq(o->name, behind_topics) ||
            (out->output[0] && o->behind_ms >= out->since_ms))
            continue;
        (void)snprintf(out->output, sizeof out->output, "%.*s", STR_ARG(o->name));
        memcpy(out->why, o->behind_why, sizeof out->why);
        out->batches = o->behind_batches;
        out->since_ms = o->behind_ms;
    }
}

void behind_report(struct session *s)
{
    struct run_behind *out = &s->report->behind;
    behind_worst(out, &s->control);
    if (out->output[0] || s->failed_count == 0)
        return;
    const struct session_failed *f = &s->failed[0];
    (void)snprintf(out->output, sizeof out->output, "%.*s", STR_ARG(f->name));
    memcpy(out->why, f->why, sizeof out->why);
    out->since_ms = s->env->clock.now_ms(s->env->clock.arg);
}

// --- tries -----------------------------------------------------------------------------------------------------------

static int64_t behind_mono(const struct session *s)
{
    return s->env->clock.mono_ms(s->env->clock.arg);
}

static bool behind_same_warehouse(struct str a, struct str b)
{
    struct str x, y, rest;
    return str_split_once(&x, &rest, a, '/') && str_split_once(&y, &rest, b, '/') && str_eq(x, y);
}

// A server that is away is asked once for all of its tables.
static struct session_failed *behind_find(const struct session *s, struct str name)
{
    for (size_t i = 0; i < s->failed_count; i++) {
        struct session_failed *f = &s->failed[i];
        if (str_eq(f->name, name) || (f->away && behind_same_warehouse(f->name, name)))
            return f;
    }
    return NULL;
}

// What never had a batch has not been looked at: it may be the wrong place altogether, and its failure is the run's.
static bool behind_had_batches(const struct control *c, struct str name)
{
    const struct control_output *o = behind_known(c, name);
    return o && o->batch > 0;
}

static bool behind_due(const struct session *s, struct str name)
{
    const struct session_failed *f = behind_find(s, name);
    return !f || behind_mono(s) >= f->again_ms || !behind_had_batches(&s->control, name);
}

bool behind_failed(const struct session *s, struct str name)
{
    return behind_find(s, name) != NULL;
}

bool behind_skips(const struct session *s, struct str name)
{
    return behind_from(&s->control, name) || !behind_due(s, name);
}

void behind_taken(struct session *s, struct str name)
{
    struct session_failed *f = behind_find(s, name);
    if (f)
        *f = s->failed[--s->failed_count];
}

static struct session_failed *behind_note(struct session *s, struct str name)
{
    struct session_failed *f = behind_find(s, name);
    if (f)
        return f;
    if (s->failed_count == s->failed_cap) {
        s->failed_cap = s->failed_cap ? s->failed_cap * 2 : 4;
        struct session_failed *more = ARENA_ZARRAY(s->a, struct session_failed, s->failed_cap);
        if (s->failed_count)
            memcpy(more, s->failed, s->failed_count * sizeof *more);
        s->failed = more;
    }
    f = &s->failed[s->failed_count++];
    *f = (struct session_failed){.name = arena_str(s->a, name)};
    return f;
}

// An owner that is not us, a store of our own that fails, and being asked to stop concern everybody.
static bool behind_concerns_one(const struct session *s, const struct err *e)
{
    if (durable_dead(s->env->durable))
        return false;
    return e->kind == ERR_REMOTE || e->kind == ERR_CONFIG || e->kind == ERR_DATA ||
           e->kind == ERR_IO || e->kind == ERR_BEHIND;
}

bool behind_allows(struct session *s, struct str name, struct err *e)
{
    if (!s->lags || !behind_had_batches(&s->control, name) || !behind_concerns_one(s, e))
        return false;
    struct session_failed *f = behind_note(s, name);
    f->away = e->kind == ERR_REMOTE && e->remedy != REMEDY_FATAL;
    f->wait_ms = f->wait_ms ? f->wait_ms * 2 : BEHIND_RETRY_MS;
    f->wait_ms = f->wait_ms < BEHIND_RETRY_MAX_MS ? f->wait_ms : BEHIND_RETRY_MAX_MS;
    int64_t took = f->began_ms ? (behind_mono(s) - f->began_ms) * BEHIND_SHARE : 0;
    f->again_ms = behind_mono(s) + (took > f->wait_ms ? took : f->wait_ms);
    f->began_ms = 0;
    size_t n = strlen(e->text);
    n = n < sizeof f->why ? n : sizeof f->why - 1;
    while (n > 0 && !utf8_valid(e->text, n))
        n--;
    memcpy(f->why, e->text, n);
    f->why[n] = '\0';
    struct control_output *o = behind_known(&s->control, name);
    if (o && o->behind)
        memcpy(o->behind_why, f->why, sizeof f->why);
    err_clear(e);
    return true;
}

// --- batches that pass -----------------------------------------------------------------------------------------------

static void behind_mark(struct session *s, struct control_output *o, uint64_t batch)
{
    const struct clock *c = &s->env->clock;
    const struct session_failed *f = behind_find(s, o->name);
    if (o->behind)
        return;
    s->moved_up = true;
    o->behind = batch;
    o->behind_ms = c->now_ms(c->arg);
    if (f)
        memcpy(o->behind_why, f->why, sizeof f->why);
}

void behind_pass(struct session *s, const struct batch_record *r, const struct batch_target *t)
{
    struct control_output *o = control_output(&s->control, deliver_target_name(s->scratch, t));
    behind_mark(s, o, r->batch);
    o->behind_batches++;
    o->behind_bytes += t->bytes;
}

void behind_pass_topics(struct session *s, const struct batch_record *r)
{
    struct control_output *o = control_output(&s->control, behind_topics);
    behind_mark(s, o, r->batch);
    o->behind_batches++;
}

void behind_clear(struct control_output *o)
{
    o->behind = o->behind_batches = o->behind_bytes = 0;
    o->behind_ms = 0;
    o->behind_why[0] = '\0';
}

// --- catching up -----------------------------------------------------------------------------------------------------

static enum kv_found behind_record(struct batch_record *out, const struct session *s,
                                   struct arena *a, uint64_t batch, struct err *e)
{
    struct kv_txn *t;
    if (!kv_begin_read(&t, s->kv, e))
        return KV_FAILED;
    enum kv_found found = control_get_record(out, a, t, batch, e);
    kv_abort(t);
    return found;
}

struct behind {
    struct session *s;
    struct control_output *o;
    enum deliver_patience patience;
    enum { BEHIND_GIVE, BEHIND_LOOK } does;
    bool looked, ended; // at its head; at what it has not taken
    struct head head;
};

// The batch is there already when a reply or a mark was lost.
static bool behind_give(struct behind *b, const struct batch_record *r, struct batch_target *t,
                        struct err *e)
{
    struct session *s = b->s;
    struct control_output *o = b->o;
    if (!b->looked && !deliver_head(&b->head, s, t, e))
        return false;
    // It came back without batches that it had before it was passed by.
    bool older = !b->looked && b->does == BEHIND_GIVE && b->head.batch < t->prev_batch;
    b->looked = true;
    if (older && !heads_redo(s, o->name, &b->head, t->prev_batch, t->prev_digest, e))
        return false;
    bool foreign = b->head.batch > o->batch ||
                   (b->head.batch == r->batch && b->head.digest != t->digest) ||
                   (b->head.batch == o->batch && b->head.digest != o->digest);
    if (foreign)
        return heads_fenced(o->name, b->head.batch, b->head.digest, o->batch, o->digest, e);
    b->ended = b->does == BEHIND_LOOK && b->head.batch < r->batch;
    if (b->ended)
        return true;
    // The newest that it has: its reply may have been lost, and with it how many rows were refused.
    if (b->head.batch <= r->batch) {
        if (!deliver_target(s, r, t, b->patience, e))
            return false;
        bool written = b->head.batch < r->batch;
        s->report->warehouse_rows += written ? t->rows - t->rejected : 0;
        s->report->rejected += written ? t->rejected : 0;
        s->report->redelivered += written;
        b->patience = DELIVER_PATIENTLY; // it is there
    }
    o->behind_batches -= o->behind_batches > 0;
    o->behind_bytes -= t->bytes < o->behind_bytes ? t->bytes : o->behind_bytes;
    return true;
}

static bool behind_next(struct behind *b, struct arena *a, struct err *e)
{
    struct batch_record r;
    enum kv_found found = behind_record(&r, b->s, a, b->o->behind, e);
    if (found == KV_FAILED)
        return false;
    struct batch_target *t = found == KV_FOUND ? deliver_find(a, &r, b->o->name) : NULL;
    if (t && !behind_give(b, &r, t, e))
        return false;
    b->o->behind += !b->ended;
    return true;
}

void behind_look(struct session *s, size_t output)
{
    struct behind b = {.s = s, .o = &s->control.outputs[output], .does = BEHIND_LOOK};
    struct arena *a = arena_new(NULL);
    struct err unreachable;
    bool ok = true;
    while (ok && !b.ended && b.o->behind <= s->control.last_batch) {
        arena_reset(a);
        ok = behind_next(&b, a, &unreachable);
    }
    if (ok && !b.ended)
        behind_clear(b.o);
    arena_free(a);
}

static bool behind_output(struct session *s, size_t output, enum behind_how how, struct err *e)
{
    struct control *c = &s->control;
    struct behind b = {.s = s,
                       .o = &c->outputs[output],
                       .patience = how == BEHIND_MUST ? DELIVER_PATIENTLY : DELIVER_ONCE};
    struct arena *a = arena_new(NULL);
    struct session_failed *f = behind_find(s, b.o->name);
    int64_t until = behind_mono(s) + BEHIND_SLICE_MS;
    bool ok = true, more = true;
    uint64_t from = b.o->behind;
    if (f)
        f->began_ms = behind_mono(s);
    while (ok && more && b.o->behind <= c->last_batch) {
        arena_reset(a);
        ok = behind_next(&b, a, e);
        more = how != BEHIND_TRY || s->mode == SESSION_BOUNDED || behind_mono(s) < until;
        if (s->env->cancel && atomic_load(s->env->cancel)) {
            more = false;
            if (ok && how == BEHIND_MUST && b.o->behind <= c->last_batch)
                ok = err_fail(e, ERR_CANCELLED, "stopped");
        }
    }
    s->moved_up = s->moved_up || b.o->behind != from;
    if (ok)
        behind_taken(s, b.o->name);
    if (ok && b.o->behind > c->last_batch)
        behind_clear(b.o);
    arena_free(a);
    return ok;
}

static bool behind_send(struct session *s, struct control_output *o, const struct batch_record *r,
                        struct err *e)
{
    bool sent = false;
    if (r->topic_count == 0)
        return true;
    if (!topics_sent(&sent, s, r, e) || (!sent && !topics_deliver(s, r, e)))
        return false;
    o->behind_batches -= o->behind_batches > 0;
    return true;
}

// Before a table that is still behind: what all tables have.
static bool behind_follow_topics(struct session *s, struct err *e)
{
    const struct control *c = &s->control;
    struct control_output *o = behind_known(c, behind_topics);
    uint64_t end = behind_least(c, false);
    if (!o || !o->behind)
        return true;
    struct arena *a = arena_new(NULL);
    bool ok = true;
    end = end ? end : c->last_batch + 1;
    while (ok && o->behind && o->behind < end) {
        struct batch_record r;
        arena_reset(a);
        enum kv_found found = behind_record(&r, s, a, o->behind, e);
        ok = found == KV_ABSENT || (found == KV_FOUND && behind_send(s, o, &r, e));
        o->behind += ok;
    }
    if (ok && o->behind > c->last_batch)
        behind_clear(o);
    arena_free(a);
    return ok;
}

bool behind_store(struct session *s, struct err *e)
{
    struct kv_txn *t;
    if (!s->moved_up)
        return true;
    if (!kv_begin_write(&t, s->kv, e))
        return false;
    if (!control_store(&s->control, t, e)) {
        kv_abort(t);
        return false;
    }
    s->moved_up = false;
    return kv_commit(t, e);
}

// What one table took before another failed: known also when its store is away afterwards.
static void behind_keep(struct session *s)
{
    struct err ignored;
    if (!durable_dead(s->env->durable))
        (void)!behind_store(s, &ignored);
}

bool behind_catch_up(struct session *s, enum behind_how how, struct err *e)
{
    struct control *c = &s->control;
    uint64_t before = behind_first(c);
    for (size_t i = 0; before && i < c->output_count; i++) {
        struct str name = c->outputs[i].name;
        bool turn = c->outputs[i].behind && !str_eq(name, behind_topics) &&
                    (how != BEHIND_TRY || behind_due(s, name));
        if (!turn || behind_output(s, i, how, e))
            continue;
        if (how == BEHIND_WILLING && behind_concerns_one(s, e)) {
            err_clear(e);
            continue;
        }
        bool fatal = how == BEHIND_MUST || !behind_allows(s, name, e);
        if (fatal)
            behind_keep(s);
        if (fatal)
            return err_wrap(e, "%.*s, which is behind the other outputs", STR_ARG(name));
    }
    if (!before)
        return true;
    if (!behind_follow_topics(s, e))
        return false;
    s->moved_up = s->moved_up || behind_first(c) != before;
    if (behind_first(c) == 0 && s->job->topic_output_count == 0)
        deliver_offsets(s);
    return true;
}

// --- limits ----------------------------------------------------------------------------------------------------------

static bool behind_full(const struct session *s, const struct control_output *o)
{
    const struct clock *c = &s->env->clock;
    const struct job_limits *max = &s->job->limits;
    return o->behind &&
           (o->behind_batches >= max->lag_batches || o->behind_bytes >= max->lag_bytes ||
            c->now_ms(c->arg) - o->behind_ms >= max->lag_ms);
}

bool behind_room(struct session *s, struct err *e)
{
    struct control *c = &s->control;
    for (size_t i = 0; s->lags && i < c->output_count; i++) {
        const struct control_output *o = &c->outputs[i];
        if (str_eq(o->name, behind_topics) || !behind_full(s, o) ||
            behind_output(s, i, BEHIND_MUST, e))
            continue;
        err_wrap(e, "%.*s lacks %llu batches, as many as output_lag allows", STR_ARG(o->name),
                 (unsigned long long)o->behind_batches);
        return err_hint(e,
                        "the job goes on when the table takes its rows; job deliver %s --skip "
                        "OUTPUT gives them up; or raise output_lag",
                        s->job->name);
    }
    return behind_catch_up(s, BEHIND_TRY, e);
}

// --- spools ----------------------------------------------------------------------------------------------------------

// Batches before the mark that a table which comes back older may lack.
uint64_t behind_keeps(const struct session *s)
{
    return s->job->redo_spools > 1 ? s->job->redo_spools : 1;
}

bool behind_needs(struct session *s, const struct batch_record *r, struct str spool)
{
    const struct control *c = &s->control;
    for (size_t i = 0; i < r->target_count; i++) {
        const struct batch_target *t = &r->targets[i];
        uint64_t behind = behind_from(c, deliver_target_name(s->scratch, t));
        if (str_eq(t->spool, spool))
            return behind && r->batch + behind_keeps(s) >= behind;
    }
    uint64_t topics = behind_from(c, behind_topics);
    for (size_t i = 0; i < r->topic_count; i++)
        if (str_eq(r->topics[i].spool, spool))
            return topics && r->batch >= topics;
    return false;
}

static bool behind_clean_spool(struct session *s, const struct batch_record *r, struct str spool,
                               struct err *e)
{
    const char *path = arena_printf(s->scratch, "%s/%.*s", s->spool_dir, STR_ARG(spool)).p;
    return spool.n == 0 || behind_needs(s, r, spool) ||
           durable_unlink(s->env->durable, "spool.unlink", path, e);
}

bool behind_clean_batch(struct session *s, uint64_t batch, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct batch_record r;
    enum kv_found found = behind_record(&r, s, a, batch, e);
    bool ok = found != KV_FAILED;
    for (size_t i = 0; ok && found == KV_FOUND && i < r.target_count; i++)
        ok = behind_clean_spool(s, &r, r.targets[i].spool, e);
    for (size_t i = 0; ok && found == KV_FOUND && i < r.topic_count; i++)
        ok = behind_clean_spool(s, &r, r.topics[i].spool, e);
    arena_free(a);
    return ok;
}
