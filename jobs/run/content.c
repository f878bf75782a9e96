#include "jobs/run/content.h"

#include "jobs/run/code.h"
#include "jobs/run/deliver.h"

bool content_stored(const struct session *s, size_t output)
{
    const struct job_output *o = &s->job->outputs[output];
    const struct control *c = &s->control;
    for (size_t i = 0; o->table && o->lake >= 0 && i < c->version_count; i++)
        if (str_eq(c->versions[i].output, o->name))
            return !c->versions[i].left;
    return false;
}

bool content_scan(struct session *s, size_t output, table_block_fn *fn, void *arg, struct err *e)
{
    const struct job_output *o = &s->job->outputs[output];
    struct kv_txn *t;
    if (!code_table_fits(&s->control, s->job, output, e) || !kv_begin_read(&t, s->kv, e))
        return false;
    bool ok = table_scan(t, o->name, &o->shape, fn, arg, e);
    kv_abort(t);
    return ok;
}

bool content_complete(const struct session *s, struct err *e)
{
    const struct control *c = &s->control;
    if (c->forgotten <= c->since)
        return true;
    err_fail(e, ERR_CONFIG, "the records of batches %llu to %llu are older than the job's history",
             (unsigned long long)c->since + 1, (unsigned long long)c->forgotten);
    return err_hint(e,
                    "job reset %s --rebuild reads everything again; history_keep and history_max "
                    "say how long records stay",
                    s->job->name);
}

bool content_replay(struct redo *r, content_read_fn *read, void *arg, struct err *e)
{
    const struct control *c = &r->s->control;
    struct arena *a = arena_new(r->a);
    bool ok = read || content_complete(r->s, e);
    for (uint64_t id = control_first_batch(c); ok && id <= c->last_batch; id++) {
        struct redo_slot slot;
        struct kv_txn *t;
        arena_reset(a);
        ok = kv_begin_read(&t, r->s->kv, e);
        if (!ok)
            break;
        enum kv_found found = redo_find(&slot, r, a, t, id, e);
        kv_abort(t);
        ok = found == KV_ABSENT ||
             (found == KV_FOUND && (read ? read(arg, &slot, e) : redo_read(r, &slot, e)));
    }
    arena_free(a);
    return ok;
}

// Batches that were executed by other SQL than today's.
struct content_other {
    uint64_t first, last, count;
};

static void content_count(struct content_other *x, uint64_t batch)
{
    x->first = x->count == 0 ? batch : x->first;
    x->last = batch;
    x->count++;
}

static void content_other(struct content_other *x, const struct session *s,
                          const struct batch_record *r)
{
    bool read = r->slot == 0 && r->range_count > 0 && !batch_kind_stands(r->kind);
    // 0: a receipt that was lost with its state; recovery executed the batch again.
    if (!read || r->code == 0 || r->code == program_digest(s->job->program))
        return;
    content_count(x, r->batch);
}

static struct str content_why(const struct content_other *x, struct arena *a)
{
    unsigned long long first = x->first, last = x->last, count = x->count;
    if (count == 0)
        return STR("");
    if (count == 1)
        return arena_printf(a, "batch %llu was executed by other SQL", first);
    return arena_printf(a, "%llu of the batches %llu to %llu were executed by other SQL", count,
                        first, last);
}

bool content_repeatable(struct str *why, struct session *s, struct arena *a, struct err *e)
{
    const struct control *c = &s->control;
    struct arena *scratch = arena_new(a);
    struct kv_txn *t = NULL;
    struct content_other other = {0};
    *why = STR("");
    if (c->forgotten > c->since) {
        *why = arena_printf(a, "the records of batches up to %llu are forgotten",
                            (unsigned long long)c->forgotten);
        return true;
    }
    bool ok = kv_begin_read(&t, s->kv, e);
    for (uint64_t id = c->since + 1; ok && why->n == 0 && id <= c->last_batch; id++) {
        struct batch_record r = {0};
        arena_reset(scratch);
        enum kv_found found = control_get_record(&r, scratch, t, id, e);
        ok = found != KV_FAILED;
        // The rebuild itself took the first id.
        if (found == KV_ABSENT && !(id == c->since + 1 && c->since > 0))
            *why = arena_printf(a, "batch %llu has no record: a reset, or too long ago",
                                (unsigned long long)id);
        else if (found == KV_FOUND)
            content_other(&other, s, &r);
    }
    kv_abort(t);
    arena_free(scratch);
    if (why->n == 0)
        *why = content_why(&other, a);
    return ok;
}

// --- streams ---------------------------------------------------------------------------------------------------------

struct content_past {
    struct content_stream is;
    bool *slots;          // has records
    uint64_t since, code; // today's
    struct str name;
};

static enum content_rows content_by(const struct content_past *p, const struct batch_record *r)
{
    return r->code == 0 || r->code == p->code ? CONTENT_SAME : CONTENT_OTHER; // 0: see above
}

static const struct batch_target *content_target(const struct content_past *p, struct arena *a,
                                                 const struct batch_record *r)
{
    for (size_t i = 0; i < r->target_count; i++)
        if (!r->targets[i].skipped && str_eq(deliver_target_name(a, &r->targets[i]), p->name))
            return &r->targets[i];
    return NULL;
}

// A batch with a slot has its rows in the place of the slot's, or beside them; those of a table that is put by key have none.
static void content_again(struct content_past *p, const struct batch_record *r,
                          const struct batch_target *t)
{
    if (!t || t->slot <= p->since)
        return;
    enum content_rows *rows = &p->is.rows[t->slot - p->since];
    *rows = t->beside && *rows != CONTENT_SAME ? *rows : content_by(p, r);
}

static void content_note(struct content_past *p, struct arena *a, const struct batch_record *r)
{
    const struct batch_target *t = content_target(p, a, r);
    p->is.older = p->is.older && !(t && t->whole);
    if (r->slot) {
        content_again(p, r, t);
    } else if (r->kind == BATCH_RESYNC && t && t->whole) {
        for (uint64_t id = p->since + 1; id < r->batch; id++)
            if (p->slots[id - p->since])
                p->is.rows[id - p->since] = content_by(p, r);
    } else if (r->range_count > 0 && !batch_kind_stands(r->kind)) {
        bool known = r->kind != BATCH_RECOVER; // of a lost receipt only the plan is
        p->slots[r->batch - p->since] = true;
        p->is.rows[r->batch - p->since] = t || !known ? content_by(p, r) : CONTENT_NONE;
    }
}

bool content_stream(struct content_stream *out, struct session *s, struct arena *a, size_t target,
                    struct err *e)
{
    const struct control *c = &s->control;
    struct content_past p = {.is.older = c->since > 0,
                             .since = c->since,
                             .code = program_digest(s->job->program),
                             .name = s->job->targets[target].name};
    struct arena *scratch = arena_new(a);
    struct kv_txn *t = NULL;
    p.is.rows = ARENA_ZARRAY(a, enum content_rows, c->last_batch - c->since + 1);
    p.slots = ARENA_ZARRAY(a, bool, c->last_batch - c->since + 1);
    bool ok = kv_begin_read(&t, s->kv, e);
    for (uint64_t id = c->since + 1; ok && id <= c->last_batch; id++) {
        struct batch_record r;
        arena_reset(scratch);
        enum kv_found found = control_get_record(&r, scratch, t, id, e);
        ok = found != KV_FAILED;
        if (found == KV_FOUND)
            content_note(&p, scratch, &r);
    }
    kv_abort(t);
    arena_free(scratch);
    *out = p.is;
    return ok;
}

bool content_put_repeatable(struct str *why, const struct redo *r, struct arena *a, size_t target,
                            struct err *e)
{
    struct session *s = r->s;
    const struct control *c = &s->control;
    const struct program *alone;
    struct content_stream is;
    struct content_other other = {0};
    if (!redo_alone(&alone, r, s->job->targets[target].output, e))
        return false;
    if (program_fingerprint_count(alone) > 0 || c->forgotten > c->since)
        return content_repeatable(why, s, a, e);
    if (!content_stream(&is, s, a, target, e))
        return false;
    for (uint64_t id = c->since + 1; id <= c->last_batch; id++)
        if (is.rows[id - c->since] == CONTENT_OTHER)
            content_count(&other, id);
    *why = content_why(&other, a);
    return true;
}
