#include "jobs/run/backfill.h"

#include "base/durable.h"
#include "base/vec.h"
#include "jobs/run/content.h"
#include "jobs/run/execute.h"
#include "jobs/run/kept.h"
#include "jobs/run/resync.h"

#include <assert.h>

struct backfill {
    struct session *s;
    struct redo redo;
    const struct backfill_spec *spec;
    struct source_offset *from, *to; // BACKFILL_TIME: by the source's partitions
    bool *tables, *written;          // put by key, by job.outputs and job.targets: written whole
    size_t written_count;
    struct arena *scratch; // of one slot
    VEC(uint64_t) slots;
};

// --- which slots -----------------------------------------------------------------------------------------------------

static bool backfill_times(struct backfill *b, struct err *e)
{
    const struct session *s = b->s;
    b->from = ARENA_ZARRAY(b->redo.a, struct source_offset, s->partition_count + 1);
    b->to = ARENA_ZARRAY(b->redo.a, struct source_offset, s->partition_count + 1);
    for (size_t i = 0; i < s->partition_count; i++)
        b->from[i] = b->to[i] = (struct source_offset){
            s->partitions[i].topic, s->partitions[i].partition, s->partitions[i].end};
    const struct source_type *type = s->source->type;
    return s->partition_count == 0 ||
           (type->offsets_for_time(s->source, b->spec->from, b->from, s->partition_count, e) &&
            type->offsets_for_time(s->source, b->spec->to, b->to, s->partition_count, e));
}

// Of records that the topic does not hold any more only the last one's time is known.
static bool backfill_time_hits(const struct backfill *b, const struct batch_range *r)
{
    const struct session *s = b->s;
    for (size_t i = 0; i < s->partition_count; i++) {
        const struct source_partition *p = &s->partitions[i];
        if (p->partition != r->partition || !str_eq(s->job->topics[p->topic], r->topic))
            continue;
        if (r->end <= p->log_start)
            return r->anchored && r->anchor_timestamp >= b->spec->from &&
                   r->anchor_timestamp < b->spec->to;
        return r->start < b->to[i].offset && r->end > b->from[i].offset;
    }
    return false;
}

static bool backfill_offset_hits(const struct backfill *b, const struct batch_range *r)
{
    const struct backfill_spec *spec = b->spec;
    struct str topic = spec->topic.n ? spec->topic : b->s->job->topics[0];
    return str_eq(topic, r->topic) && (spec->partition < 0 || spec->partition == r->partition) &&
           r->start < spec->to && r->end > spec->from;
}

static bool backfill_hits(const struct backfill *b, const struct redo_slot *slot)
{
    const struct backfill_spec *spec = b->spec;
    if (spec->by == BACKFILL_BATCHES)
        return slot->slot >= (uint64_t)spec->from && slot->slot <= (uint64_t)spec->to;
    for (size_t i = 0; i < slot->range_count; i++) {
        const struct batch_range *r = &slot->ranges[i];
        if (r->start < r->end &&
            (spec->by == BACKFILL_TIME ? backfill_time_hits(b, r) : backfill_offset_hits(b, r)))
            return true;
    }
    return false;
}

static bool backfill_none(const struct backfill *b, struct err *e)
{
    const struct control *c = &b->s->control;
    err_fail(e, ERR_CONFIG, "no batch of job %s holds records of this range", b->s->job->name);
    return err_hint(e,
                    "recorded are batches %llu to %llu: sluice run list, sluice run show; what was "
                    "not read yet comes with job run",
                    (unsigned long long)control_first_batch(c), (unsigned long long)c->last_batch);
}

static bool backfill_choose(struct backfill *b, struct err *e)
{
    const struct control *c = &b->s->control;
    struct kv_txn *t;
    bool ok = b->spec->by != BACKFILL_TIME || backfill_times(b, e);
    if (!ok || !kv_begin_read(&t, b->s->kv, e))
        return false;
    for (uint64_t id = control_first_batch(c); ok && id <= c->last_batch; id++) {
        struct redo_slot slot;
        arena_reset(b->scratch);
        enum kv_found found = redo_find(&slot, &b->redo, b->scratch, t, id, e);
        ok = found != KV_FAILED;
        if (found != KV_FOUND || !backfill_hits(b, &slot))
            continue;
        vec_push(&b->slots, id);
        ok = redo_readable(&b->redo, &slot, e);
    }
    kv_abort(t);
    return ok && (b->slots.n > 0 || backfill_none(b, e));
}

// --- which outputs ---------------------------------------------------------------------------------------------------

static bool backfill_output(struct backfill *b, struct str name, struct err *e)
{
    const struct job *job = b->s->job;
    for (size_t i = 0; i < job->output_count; i++) {
        if (!str_eq_nocase(job->outputs[i].name, name))
            continue;
        b->redo.outputs[i] = true;
        return redo_replaceable(&b->redo, i, e);
    }
    err_fail(e, ERR_CONFIG, "job %s has no output %.*s", job->name, STR_ARG(name));
    return err_hint(e, "sluice job show %s lists them", job->name);
}

static bool backfill_outputs(struct backfill *b, const struct str *names, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!backfill_output(b, names[i], e))
            return false;
    for (size_t i = 0; n == 0 && i < b->s->job->output_count; i++)
        if (!backfill_output(b, b->s->job->outputs[i].name, e))
            return false;
    return true;
}

// Of the outputs: what has no slots.
static void backfill_whole(struct backfill *b)
{
    const struct job *job = b->s->job;
    b->tables = ARENA_ZARRAY(b->redo.a, bool, job->output_count + 1);
    b->written = ARENA_ZARRAY(b->redo.a, bool, job->target_count + 1);
    for (size_t i = 0; i < job->target_count; i++) {
        size_t output = job->targets[i].output;
        if (!b->redo.outputs[output] || !job->targets[i].key)
            continue;
        b->tables[output] = b->written[i] = true;
        b->written_count++;
    }
}

// Nothing of the output is left then.
static bool backfill_has_parts(const struct backfill *b, size_t output)
{
    const struct job_output *o = &b->s->job->outputs[output];
    bool has = o->lake >= 0;
    for (size_t i = 0; i < o->target_count; i++)
        has = has || !b->s->job->targets[o->target_first + i].key;
    return has;
}

static bool backfill_source(struct backfill *b, bool lake, struct err *e)
{
    struct kept *kept;
    if (!lake)
        return true;
    if (!kept_open(&kept, &b->redo, e))
        return false;
    b->redo.kept = kept;
    return true;
}

// --- tables that are put by key --------------------------------------------------------------------------------------

static bool backfill_chosen(const struct backfill *b, uint64_t id)
{
    for (size_t i = 0; i < b->slots.n; i++)
        if (b->slots.v[i] == id)
            return true;
    return false;
}

// A row of another batch may be what its key has before or after this backfill: all of them are executed to see.
static bool backfill_target_exact(struct backfill *b, size_t target, struct err *e)
{
    struct session *s = b->s;
    const struct job_target *t = &s->job->targets[target];
    struct content_stream is;
    struct kv_txn *txn;
    if (!content_stream(&is, s, b->redo.a, target, e) || !kv_begin_read(&txn, s->kv, e))
        return false;
    bool ok = true;
    for (uint64_t id = s->control.since + 1; ok && id <= s->control.last_batch; id++) {
        struct redo_slot slot;
        enum content_rows has = is.rows[id - s->control.since];
        arena_reset(b->scratch);
        enum kv_found found = redo_find(&slot, &b->redo, b->scratch, txn, id, e);
        ok = found != KV_FAILED;
        if (found != KV_FOUND || has == CONTENT_SAME || backfill_chosen(b, id))
            continue;
        ok = err_fail(e, ERR_CONFIG,
                      "output %.*s is put by key and written whole: batch %llu, which is not "
                      "among these, %s",
                      STR_ARG(t->name), (unsigned long long)id,
                      has == CONTENT_OTHER ? "was executed by other SQL" : "is not in its table");
        err_hint(e,
                 "sluice job resync %s %.*s --todays-sql makes it of all batches; --outputs names "
                 "others",
                 s->job->name, STR_ARG(t->name));
    }
    kv_abort(txn);
    return ok;
}

static bool backfill_exact(struct backfill *b, struct err *e)
{
    if (b->written_count > 0 && b->redo.kept) {
        err_fail(e, ERR_CONFIG,
                 "an output that is put by key is written whole, of what the topics hold");
        return err_hint(e, "--outputs names others; or leave --from-lake out");
    }
    bool ok = b->written_count == 0 || content_complete(b->s, e);
    for (size_t i = 0; ok && i < b->s->job->target_count; i++)
        ok =
            !b->written[i] ||
            (backfill_target_exact(b, i, e) &&
             (!b->spec->whole || b->spec->whole(b->spec->slot_arg, b->s->job->targets[i].name, e)));
    return ok;
}

// --- begin, go on ----------------------------------------------------------------------------------------------------

static bool backfill_check(const struct backfill *b, struct err *e)
{
    const struct session *s = b->s;
    if (b->spec->by == BACKFILL_OFFSETS && b->spec->topic.n == 0 && s->job->topic_count > 1)
        return err_fail(e, ERR_CONFIG, "job %s reads %zu topics: say which one's offsets",
                        s->job->name, s->job->topic_count);
    return true;
}

static bool backfill_pending_slots(const struct backfill *b)
{
    const struct control_redo *r = &b->s->control.redo;
    for (size_t i = r->next; i < r->count; i++) {
        bool found = false;
        for (size_t k = 0; !found && k < b->slots.n; k++)
            found = b->slots.v[k] == r->slots[i];
        if (!found)
            return false;
    }
    return true;
}

static bool backfill_pending_outputs(const struct backfill *b)
{
    const struct control_redo *r = &b->s->control.redo;
    for (size_t i = 0; i < r->output_count; i++) {
        bool found = false;
        for (size_t k = 0; !found && k < b->s->job->output_count; k++)
            found = b->redo.outputs[k] && str_eq_nocase(b->s->job->outputs[k].name, r->outputs[i]);
        if (!found)
            return false;
    }
    return true;
}

static bool backfill_ours(const struct backfill *b)
{
    return str_eq(b->s->control.redo.kind, str_from(batch_kind_name(BATCH_BACKFILL)));
}

static bool backfill_unfinished(const struct backfill *b, struct err *e)
{
    const struct session *s = b->s;
    const struct control_redo *r = &s->control.redo;
    err_fail(e, ERR_CONFIG,
             "a %.*s of job %s is not finished: %zu batches are still to be executed",
             STR_ARG(r->kind), s->job->name, r->count - r->next);
    if (!backfill_ours(b))
        return err_hint(e, "sluice job %.*s %s goes on with it", STR_ARG(r->kind), s->job->name);
    return err_hint(
        e,
        "sluice job backfill %s goes on with it, --abandon gives it up; a range with all its "
        "batches (%llu to %llu) and outputs takes its place",
        s->job->name, (unsigned long long)r->slots[r->next],
        (unsigned long long)r->slots[r->count - 1]);
}

// A pending backfill gives way to one that does all of it: a damaged compacted file may want more slots than it has.
static bool backfill_covers(const struct backfill *b, struct err *e)
{
    bool ours = backfill_ours(b);
    return b->s->control.redo.kind.n == 0 ||
           (ours && backfill_pending_slots(b) && backfill_pending_outputs(b)) ||
           backfill_unfinished(b, e);
}

static bool backfill_store(const struct backfill *b, struct err *e)
{
    struct kv_txn *t;
    if (!kv_begin_write(&t, b->s->kv, e))
        return false;
    if (control_store(&b->s->control, t, e))
        return kv_commit(t, e);
    kv_abort(t);
    return false;
}

// From here on the backfill is pending, whatever happens to this process.
static bool backfill_begin(struct backfill *b, struct err *e)
{
    struct control *c = &b->s->control;
    b->s->asks = false;
    c->redo = (struct control_redo){.kind = str_from(batch_kind_name(BATCH_BACKFILL)),
                                    .count = b->slots.n,
                                    .kept = b->redo.kept != NULL};
    c->redo.slots = ARENA_ZARRAY(c->a, uint64_t, b->slots.n + 1);
    memcpy(c->redo.slots, b->slots.v, b->slots.n * sizeof *b->slots.v);
    c->redo.outputs = ARENA_ZARRAY(c->a, struct str, b->s->job->output_count + 1);
    for (size_t i = 0; i < b->s->job->output_count; i++)
        if (b->redo.outputs[i] && backfill_has_parts(b, i))
            c->redo.outputs[c->redo.output_count++] = b->s->job->outputs[i].name;
    if (c->redo.output_count == 0)
        c->redo = (struct control_redo){.kind = STR("")};
    if (b->written_count > 0) // stored with its decision
        return resync_whole(&b->redo, b->tables, b->written, e);
    return backfill_store(b, e);
}

static bool backfill_tell(const struct backfill *b, const struct redo_slot *slot, size_t index,
                          size_t count, struct err *e)
{
    const struct backfill_slot told = {
        slot->slot,       index,         count, slot->ranges, slot->range_count, slot->files,
        slot->file_count, slot->appended};
    return !b->spec->slot || b->spec->slot(b->spec->slot_arg, &told, e);
}

static bool backfill_find(struct redo_slot *out, struct backfill *b, uint64_t slot, struct err *e)
{
    struct kv_txn *t;
    if (!kv_begin_read(&t, b->s->kv, e))
        return false;
    arena_reset(b->scratch);
    enum kv_found found = redo_find(out, &b->redo, b->scratch, t, slot, e);
    kv_abort(t);
    return found == KV_FOUND ||
           (found == KV_ABSENT &&
            err_fail(e, ERR_DATA, "batch %llu has no record", (unsigned long long)slot));
}

// Of what cannot be executed, now or ever. The hint says that there is a way out.
static bool backfill_stuck(const struct backfill *b, struct err *e)
{
    if (e->kind == ERR_CANCELLED || e->kind == ERR_REMOTE || e->kind == ERR_IO)
        return false;
    struct str why = arena_str(b->redo.a, str_from(e->hint));
    return err_hint(
        e, "%.*s%ssluice job backfill %s --abandon leaves the batches that are pending as they are",
        STR_ARG(why), why.n ? "; or " : "", b->s->job->name);
}

static bool backfill_go(struct backfill *b, struct err *e)
{
    struct control_redo *r = &b->s->control.redo;
    const struct execute_replace how = {.positions = EXECUTE_KEEP, .targets = redo_parts(&b->redo)};
    size_t count = r->count - r->next;
    b->s->engine = SESSION_MEMORY;
    b->s->asks = false;
    for (size_t i = 0; i < count; i++) {
        struct redo_slot slot;
        assert(r->kind.n);
        if (b->s->env->cancel && atomic_load(b->s->env->cancel))
            return err_fail(e, ERR_CANCELLED, "stopped: %zu batches are still to be executed",
                            count - i);
        if (!backfill_find(&slot, b, r->slots[r->next], e) || !backfill_tell(b, &slot, i, count, e))
            return false;
        if (!redo_execute(&b->redo, &slot, &how, BATCH_BACKFILL, e))
            return backfill_stuck(b, e);
    }
    return true;
}

static bool backfill_dry(struct backfill *b, struct err *e)
{
    for (size_t i = 0; i < b->slots.n; i++) {
        struct redo_slot slot;
        if (!backfill_find(&slot, b, b->slots.v[i], e) ||
            !backfill_tell(b, &slot, i, b->slots.n, e))
            return false;
    }
    return true;
}

// Whatever became of the outputs and the topics: nothing is written but the state.
static bool backfill_abandon(struct backfill *b, struct err *e)
{
    const struct job *job = b->s->job;
    struct control_redo *r = &b->s->control.redo;
    if (r->kind.n == 0)
        return true;
    if (!backfill_ours(b))
        return backfill_unfinished(b, e);
    for (size_t i = 0; i < r->output_count; i++)
        for (size_t k = 0; k < job->output_count; k++)
            b->redo.outputs[k] |= str_eq_nocase(job->outputs[k].name, r->outputs[i]);
    for (size_t i = r->next; i < r->count; i++) {
        struct redo_slot slot;
        if (!backfill_find(&slot, b, r->slots[i], e) ||
            !backfill_tell(b, &slot, i - r->next, r->count - r->next, e))
            return false;
    }
    *r = (struct control_redo){.kind = STR("")};
    return backfill_store(b, e);
}

static bool backfill_run(struct backfill *b, struct err *e)
{
    const struct backfill_spec *spec = b->spec;
    const struct control_redo *pending = &b->s->control.redo;
    b->s->asks = true;
    if (!backfill_check(b, e) || !redo_open(&b->redo, b->s, e))
        return false;
    b->scratch = arena_new(b->redo.a);
    if (spec->mode == BACKFILL_ABANDON)
        return backfill_abandon(b, e);
    if (spec->by == BACKFILL_PENDING)
        return !backfill_ours(b) ||
               (backfill_outputs(b, pending->outputs, pending->output_count, e) &&
                backfill_source(b, pending->kept, e) && backfill_go(b, e) && run_done(b->s, e));
    if (!backfill_outputs(b, spec->outputs, spec->output_count, e) ||
        !backfill_source(b, spec->source == BACKFILL_FROM_LAKE, e) || !backfill_choose(b, e) ||
        !backfill_covers(b, e))
        return false;
    backfill_whole(b);
    if (!backfill_exact(b, e))
        return false;
    if (spec->mode == BACKFILL_DRY_RUN)
        return backfill_dry(b, e);
    return backfill_begin(b, e) && backfill_go(b, e) && run_done(b->s, e);
}

bool run_backfill(struct run_report *out, const struct job *job, const struct run_env *env,
                  const struct backfill_spec *spec, struct err *e)
{
    struct session s;
    struct backfill b = {.s = &s, .spec = spec};
    *out = (struct run_report){0};
    bool dry = spec->mode == BACKFILL_DRY_RUN;
    bool ok =
        session_open(&s, job, env, out, e) && (dry || run_settle(&s, e)) && backfill_run(&b, e);
    if (!ok && !dry)
        run_failed(&s, e);
    vec_fini(&b.slots);
    session_close(&s);
    return ok || err_wrap(e, "backfill of job %s", job->name);
}

bool backfill_is_pending(bool *out, const struct job *job, struct durable *durable, struct err *e)
{
    struct kv *kv;
    struct kv_txn *t;
    struct control c;
    const struct kv_spec spec = {.dir = job->state_dir, .mode = KV_READER, .durable = durable};
    struct arena *a = arena_new(NULL);
    *out = false;
    bool ok = true;
    if (file_exists(arena_printf(a, "%s/data.mdb", job->state_dir).p)) {
        ok = kv_open(&kv, &spec, e);
        if (ok && (ok = kv_begin_read(&t, kv, e))) {
            ok = control_load(&c, a, t, e);
            *out = ok && str_eq(c.redo.kind, str_from(batch_kind_name(BATCH_BACKFILL)));
            kv_abort(t);
        }
        kv_close(kv);
    }
    arena_free(a);
    return ok;
}
