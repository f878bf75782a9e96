#include "jobs/run/recover.h"

#include "base/durable.h"
#include "base/hash.h"
#include "jobs/run/behind.h"
#include "jobs/run/past.h"
#include "jobs/run/redo.h"
#include "jobs/run/execute.h"

#include <assert.h>
#include <stdio.h>

struct recover {
    struct session *s;
    struct arena *a;
    struct past past;
    struct recover_report *report;
    enum recover_how how;
    uint64_t *slots; // to be executed again
    size_t slot_count;
};

static const struct str recover_kind = {"recover", 7};

// Is there anything that operators or published tables remember?
static bool recover_stateful(const struct job *job)
{
    for (size_t i = 0; i < job->output_count; i++)
        if (job->outputs[i].table && job->outputs[i].lake >= 0)
            return true;
    return program_fingerprint_count(job->program) > 0;
}

static bool recover_choices(const struct recover *r, struct err *e)
{
    return err_hint(e,
                    "state restore %s of a backup, if there is one; or job recover %s --rebuild, "
                    "which reads everything again that the topics hold: see the recovery handbook, "
                    "\"state lost\"",
                    r->s->job->name, r->s->job->name);
}

// --- positions -------------------------------------------------------------------------------------------------------

static struct control_position *recover_position(struct control *c, struct str topic, int32_t p)
{
    struct control_position *at = control_position(c, topic, p);
    return at ? at : control_position_add(c, topic, p);
}

static void recover_follow(struct control *c, const struct batch_record *b)
{
    bool stands = past_moves(b) || batch_kind_stands(b->kind); // which says where the job stood
    for (size_t i = 0; stands && i < b->range_count; i++) {
        const struct batch_range *r = &b->ranges[i];
        struct control_position *p = recover_position(c, r->topic, r->partition);
        p->next = r->end;
        p->anchored = r->anchored;
        p->anchor_offset = r->anchor_offset;
        p->anchor_timestamp = r->anchor_timestamp;
        p->anchor_hash = r->anchor_hash;
    }
    for (size_t i = 0; i < b->position_count; i++)
        recover_position(c, b->positions[i].topic, b->positions[i].partition)->next =
            b->positions[i].next;
}

// --- what is to be executed again ------------------------------------------------------------------------------------

static void recover_add(struct recover *r, uint64_t slot)
{
    r->slots[r->slot_count++] = slot;
}

static bool recover_unknown(const struct recover *r, uint64_t batch, struct err *e)
{
    err_fail(e, ERR_BEHIND, "the plan of batch %llu is recorded nowhere: no lake holds it",
             (unsigned long long)batch);
    return recover_choices(r, e);
}

// Nothing to remember: only the batch that some output lacks.
static bool recover_last(struct recover *r, struct err *e)
{
    const struct past *p = &r->past;
    if (p->least == p->head && !past_topics_behind(p))
        return true;
    const struct batch_record *last = past_batch(p, p->head);
    if (!last)
        return recover_unknown(r, p->head, e);
    if (batch_kind_stands(last->kind)) // decided when everything before it was everywhere
        return true;
    for (size_t i = 0; i < p->output_count; i++) {
        const struct past_output *o = &p->outputs[i];
        bool near = o->lost || o->batch == p->head || o->batch + 1 == p->head ||
                    (last->lake_digest != 0 && last->lake_prev_batch == o->batch);
        if (near)
            continue;
        err_fail(e, ERR_BEHIND, "%.*s holds batch %llu, others batch %llu: it lacks more than one",
                 STR_ARG(o->name), (unsigned long long)o->batch, (unsigned long long)p->head);
        return err_hint(e, "recover without it (take the output out of the job), then job resync");
    }
    if (last->range_count > 0)
        recover_add(r, last->slot ? last->slot : last->batch);
    return true;
}

// Operators remember: every batch since `base` in the order they came, and the head itself when it was a repetition.
static bool recover_replay(struct recover *r, uint64_t base, struct err *e)
{
    const struct past *p = &r->past;
    size_t begin = past_begin(p);
    for (size_t i = 0; i < p->batch_count; i++) {
        const struct batch_record *b = &p->batches[i];
        if (b->batch > base && i >= begin && past_moves(b))
            recover_add(r, b->batch);
    }
    if (p->batch_count == 0 || (base == 0 && !r->s->lake) || (!r->s->lake && base + 1 != p->head))
        return recover_unknown(r, base + 1, e);
    return true;
}

// --- the new control document ----------------------------------------------------------------------------------------

static bool recover_versions(struct recover *r, struct err *e)
{
    struct control *c = &r->s->control;
    struct lake_ls ls;
    if (!r->s->lake)
        return true;
    if (!lake_list(&ls, r->a, r->s->lake, STR_NONE, e))
        return false;
    for (size_t i = 0; i < ls.output_count; i++) {
        const struct lake_ls_output *o = &ls.outputs[i];
        uint64_t v = 0;
        if (o->kind == LAKE_SNAPSHOT && o->partition_count > 0 &&
            str_eq(o->job, str_from(r->s->job->name)))
            v = o->partitions[o->partition_count - 1].files[0].file.version;
        struct control_version *known = v ? control_version(c, o->name) : NULL;
        if (known && known->version < v)
            known->version = v;
    }
    for (size_t i = 0; i < r->s->job->output_count; i++)
        if (r->s->job->outputs[i].table && r->s->job->outputs[i].lake >= 0)
            control_version(c, r->s->job->outputs[i].name)->changed = true;
    return true;
}

static void recover_fingerprints(struct control *c, const struct program *p)
{
    c->fingerprint_count = program_fingerprint_count(p);
    c->fingerprints = ARENA_ZARRAY(c->a, struct str, c->fingerprint_count + 1);
    for (size_t i = 0; i < c->fingerprint_count; i++)
        c->fingerprints[i] = arena_str(c->a, program_fingerprint(p, i));
}

// Where the replay begins, or where the head stands.
static void recover_positions(struct recover *r, uint64_t base, bool stateful)
{
    struct control *c = &r->s->control;
    const struct past *p = &r->past;
    size_t begin = past_begin(p);
    if (r->how == RECOVER_REBUILD) {
        c->position_count = 0;
        heads_rewrite_tables(r->s);
        return;
    }
    for (size_t i = begin; i < p->batch_count; i++) {
        const struct batch_record *b = &p->batches[i];
        if (b->batch <= base)
            continue;
        for (size_t k = 0; stateful && past_moves(b) && k < b->range_count; k++)
            if (!control_position(c, b->ranges[k].topic, b->ranges[k].partition))
                control_position_add(c, b->ranges[k].topic, b->ranges[k].partition)->next =
                    b->ranges[k].start;
        if (!stateful)
            recover_follow(c, b);
        c->now_ms = b->now_ms > c->now_ms ? b->now_ms : c->now_ms;
    }
}

// A backup has the spools of what was behind when it was made.
static bool recover_catches_up(const struct recover *r, const struct control_output *o,
                               uint64_t base, uint64_t held)
{
    return base > 0 && r->how == RECOVER_REPLAY && o->behind && held <= o->batch;
}

static void recover_control(struct recover *r, uint64_t base, bool stateful)
{
    struct control *c = &r->s->control;
    const struct past *p = &r->past;
    recover_positions(r, base, stateful);
    for (size_t i = 0; i < p->output_count; i++) {
        struct control_output *o = control_output(c, p->outputs[i].name);
        if (!p->outputs[i].lost && recover_catches_up(r, o, base, p->outputs[i].batch))
            continue;
        o->batch = p->outputs[i].batch;
        o->digest = p->outputs[i].digest;
        o->left = p->outputs[i].lost; // a table: filled by the next run
        behind_clear(o);
    }
    for (size_t i = 0; p->topics && i < r->s->job->topic_output_count; i++)
        control_output(c, r->s->job->topic_outputs[i].name)->batch = p->marker.batch;
    struct control_output *topics = p->topics ? control_output(c, STR("topics")) : NULL;
    if (topics && !recover_catches_up(r, topics, base, p->marker.batch)) {
        behind_clear(topics);
        topics->batch = p->marker.batch;
        (void)!hash_from_hex(&topics->digest,
                             str_from(p->marker.digest)); // a person's marker has none
        c->marker_topic = arena_str(c->a, r->s->job->topic_outputs[0].want.name);
    }
    c->last_batch = p->head + (r->slot_count == 0); // this recovery takes an id, too
    c->delivered = c->last_batch;
    c->cluster = r->how == RECOVER_REBUILD ? STR("") : r->s->cluster;
    c->offsets_owed = r->slot_count == 0 && c->position_count > 0;
    if (base == 0 || r->how == RECOVER_REBUILD) {
        c->code = 0; // nothing of it is history yet: see session_check_tables
        recover_fingerprints(c, r->s->job->program);
        size_t begin = past_begin(p);
        c->since = r->how == RECOVER_REBUILD ? (p->head ? p->head : c->last_batch)
                   : p->batch_count > 0      ? p->batches[begin].batch - 1
                                             : 0;
    }
    c->redo = (struct control_redo){.kind = STR("")};
    if (r->slot_count > 0)
        c->redo = (struct control_redo){.kind = recover_kind,
                                        .slots = r->slots,
                                        .count = r->slot_count,
                                        .sent = control_output(c, STR("topics"))->batch};
}

// Everything in one transaction: afterwards the state is that of an owner who has yet to execute some batches again.
static bool recover_store(struct recover *r, uint64_t base, struct err *e)
{
    struct session *s = r->s;
    struct kv_txn *t;
    if (!kv_begin_write(&t, s->kv, e))
        return false;
    bool ok = base > 0 && r->how == RECOVER_REPLAY;
    ok = ok || (exec_wipe(t, e) && kv_del_prefix(t, KV_TABLE, STR(""), e));
    for (size_t i = 0; ok && i < r->past.batch_count; i++)
        ok = r->past.batches[i].batch <= base || control_put_record(t, &r->past.batches[i], e);
    if (ok && control_store(&s->control, t, e))
        return kv_commit(t, e);
    kv_abort(t);
    return false;
}

// A plan from a head alone is of the repeated slot: it needs a record of that id.
static void recover_name_slot(struct recover *r)
{
    struct past *p = &r->past;
    for (size_t i = 0; i < r->slot_count; i++) {
        const struct batch_record *last = past_batch(p, p->head);
        if (past_batch(p, r->slots[i]) || !last || last->slot != r->slots[i])
            continue;
        struct batch_record copy = *last;
        copy.batch = last->slot;
        copy.slot = 0;
        p->batches[p->batch_count++] = copy;
    }
}

// --- replay ----------------------------------------------------------------------------------------------------------

static bool recover_find(struct redo_slot *out, const struct recover *r, const struct redo *redo,
                         struct arena *a, uint64_t slot, struct err *e)
{
    struct kv_txn *t;
    if (!kv_begin_read(&t, r->s->kv, e))
        return false;
    enum kv_found found = redo_find(out, redo, a, t, slot, e);
    kv_abort(t);
    return found == KV_FOUND || (found == KV_ABSENT && recover_unknown(r, slot, e));
}

// Are its records the last that were read? Of a backfill or replay that was cut short they are not.
static bool recover_newest(const struct recover *r, const struct redo_slot *slot)
{
    for (size_t i = 0; i < slot->range_count; i++) {
        const struct batch_range *x = &slot->ranges[i];
        const struct control_position *p = control_position(&r->s->control, x->topic, x->partition);
        if (p && p->next > x->end)
            return false;
    }
    return true;
}

static bool recover_slot(struct recover *r, struct redo *redo, uint64_t slot, bool last,
                         struct err *e)
{
    struct redo_slot found = {0};
    struct arena *a = arena_new(r->a);
    bool stateful = recover_stateful(r->s->job);
    bool sent = slot <= r->s->control.redo.sent;
    struct execute_replace how = {.positions = stateful ? EXECUTE_FOLLOW : EXECUTE_KEEP,
                                  .topics = sent ? EXECUTE_SILENT : EXECUTE_SEND,
                                  .end = last ? EXECUTE_LAST : EXECUTE_MORE};
    bool ok = recover_find(&found, r, redo, a, slot, e);
    // What is put by key took no part in a repetition.
    if (ok && !stateful && !recover_newest(r, &found))
        how.targets = redo_parts(redo);
    ok = ok && redo_execute(redo, &found, &how, BATCH_RECOVER, e);
    arena_free(a);
    return ok;
}

static bool recover_go(struct recover *r, struct err *e)
{
    struct control_redo *pending = &r->s->control.redo;
    size_t count = pending->count - pending->next;
    struct redo redo;
    r->s->creates_again = true; // tables that were lost
    if (!run_settle(r->s, e) || !redo_open(&redo, r->s, e))
        return false;
    for (size_t i = 0; i < r->s->job->output_count; i++)
        redo.outputs[i] = true;
    r->s->engine = recover_stateful(r->s->job) ? SESSION_STATE : SESSION_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (r->s->env->cancel && atomic_load(r->s->env->cancel))
            return err_fail(e, ERR_CANCELLED, "stopped: %zu batches are still to be executed",
                            count - i);
        if (!recover_slot(r, &redo, pending->slots[pending->next], i + 1 == count, e))
            return false;
        r->report->replayed++;
    }
    r->report->outcome = RECOVER_DONE;
    return run_done(r->s, e);
}

// Before anything is changed: are all records still there?
static bool recover_readable(struct recover *r, struct err *e)
{
    struct redo redo;
    if (!redo_open(&redo, r->s, e))
        return false;
    for (size_t i = 0; i < r->slot_count; i++) {
        const struct batch_record *b = past_batch(&r->past, r->slots[i]);
        if (!b)
            return recover_unknown(r, r->slots[i], e);
        const struct redo_slot slot = {
            .slot = b->batch, .ranges = b->ranges, .range_count = b->range_count};
        if (redo_readable(&redo, &slot, e))
            continue;
        return recover_choices(r, e);
    }
    return true;
}

// --- the whole -------------------------------------------------------------------------------------------------------

static bool recover_fits(const struct recover *r)
{
    struct control *c = &r->s->control;
    for (size_t i = 0; i < r->past.output_count; i++) {
        const struct past_output *o = &r->past.outputs[i];
        const struct control_output *ours = control_output(c, o->name);
        if (ours->batch != o->batch || (o->batch > 0 && ours->digest != o->digest))
            return false;
    }
    return true;
}

static bool recover_begin(struct recover *r, struct err *e)
{
    struct control *c = &r->s->control;
    const struct past *p = &r->past;
    uint64_t base = c->last_batch;
    bool stateful = recover_stateful(r->s->job);
    if (p->head == 0 && p->lost > 0 && r->how == RECOVER_REPLAY) {
        err_fail(e, ERR_BEHIND, "every table that held batches of the job is gone");
        return err_hint(e, "job recover %s --rebuild makes them and reads everything again",
                        r->s->job->name);
    }
    if (base >= p->head && p->lost == 0) {
        err_fail(e, ERR_BEHIND, "the state holds batch %llu, no output more than batch %llu",
                 (unsigned long long)base, (unsigned long long)p->head);
        return err_hint(e, "the outputs are older than the state: see the recovery handbook, "
                           "\"behind\"");
    }
    // A reset after the backup: what it holds is of no use any more.
    size_t begin = past_begin(p);
    if (begin > 0 && p->batches[begin].batch > base) {
        base = 0;
        c->position_count = 0;
    }
    r->slots = ARENA_ZARRAY(r->a, uint64_t, p->batch_count + 2);
    if (r->how == RECOVER_REPLAY) {
        if (!(stateful ? recover_replay(r, base, e) : recover_last(r, e)))
            return false;
        recover_name_slot(r);
        if (!recover_readable(r, e))
            return false;
        if (!stateful && !past_batch(p, p->head))
            return recover_unknown(r, p->head, e);
    }
    if (!recover_versions(r, e))
        return false;
    recover_control(r, base, stateful);
    return recover_store(r, base, e) && recover_go(r, e);
}

static void recover_name_lost(struct recover *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->past.output_count; i++) {
        const struct past_output *o = &r->past.outputs[i];
        if (o->lost && n < sizeof r->report->lost)
            n += (size_t)snprintf(r->report->lost + n, sizeof r->report->lost - n, "%s%.*s",
                                  n ? ", " : "", STR_ARG(o->name));
    }
}

static bool recover_run(struct recover *r, struct err *e)
{
    if (str_eq(r->s->control.redo.kind, recover_kind))
        return recover_go(r, e);
    // What an ordinary run would do: a state that needs no more is well.
    if (run_settle(r->s, e)) {
        r->report->head = r->s->control.last_batch;
        return true;
    }
    if (e->kind != ERR_FENCED && e->kind != ERR_BEHIND)
        return false;
    const struct err why = *e;
    err_clear(e);
    if (!past_read(&r->past, r->s, r->a, e))
        return false;
    r->report->head = r->past.head;
    recover_name_lost(r);
    if (!recover_fits(r) || (r->past.lost > 0 && r->s->control.last_batch == 0))
        return recover_begin(r, e);
    if (r->past.lost > 0) { // begun before, and cut short before they were made
        r->s->creates_again = true;
        r->report->outcome = RECOVER_DONE;
        return run_settle(r->s, e);
    }
    *e = why; // it is not the heads
    return false;
}

// An empty directory where the lake should be is no lake that was never written to.
static bool recover_lake_there(const struct job *job, struct err *e)
{
    char path[4096];
    if (!job->lake_root)
        return true;
    (void)snprintf(path, sizeof path, "%s/_sluice/lake.json", job->lake_root);
    if (file_exists(path))
        return true;
    err_fail(e, ERR_BEHIND, "%s is not a lake: %s is missing", job->lake_root, path);
    return err_hint(e, "it is not mounted, or it was wiped; mount or restore it first");
}

// Rows of an endless run between two rolls are in the state directory and nowhere else: their outputs' heads say nothing of them.
static bool recover_endless(const struct job *job, enum recover_how how, struct err *e)
{
    bool logged = false;
    for (size_t i = 0; i < job->output_count; i++)
        logged = logged || (!job->outputs[i].table && job->outputs[i].lake >= 0);
    if (job->stream.schedule != JOB_STREAM || !logged || how == RECOVER_REBUILD)
        return true;
    err_fail(
        e, ERR_BEHIND,
        "the job runs endlessly: rows that waited for the lake were in the state directory, and "
        "nothing else says which");
    return err_hint(e, "state restore brings a backup back; else start over: see the recovery "
                       "handbook, \"starting over\"");
}

bool run_recover(struct recover_report *out, const struct job *job, const struct run_env *env,
                 enum recover_how how, struct err *e)
{
    struct session s;
    struct run_report report = {0};
    *out = (struct recover_report){0};
    if (!recover_endless(job, how, e) || !recover_lake_there(job, e))
        return err_wrap(e, "recovery of job %s", job->name);
    bool ok = session_open(&s, job, env, &report, e);
    if (ok) {
        struct recover r = {.s = &s, .a = arena_new(s.a), .report = out, .how = how};
        ok = recover_run(&r, e);
    }
    session_close(&s);
    return ok || err_wrap(e, "recovery of job %s", job->name);
}
