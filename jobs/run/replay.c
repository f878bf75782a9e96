#include "jobs/run/replay.h"

#include "base/durable.h"
#include "base/vec.h"
#include "jobs/run/letters.h"
#include "jobs/run/redo.h"
#include "lake/layout/layout.h"

#include <assert.h>

struct replay {
    struct session *s;
    struct redo redo; // for its lake and records: none of its outputs are replaced
    const struct replay_spec *spec;
    bool *outputs;         // by job.outputs: those that get the records
    bool stateful;         // some of them come from operators that remember
    struct arena *scratch; // of one slot
    VEC(uint64_t) slots;
};

// --- which outputs ---------------------------------------------------------------------------------------------------

static bool replay_latest(const struct replay *r, size_t output, struct err *e)
{
    const struct job *job = r->s->job;
    const struct job_output *o = &job->outputs[output];
    for (size_t i = 0; i < o->target_count; i++) {
        const struct job_target *t = &job->targets[o->target_first + i];
        if (!t->key)
            continue;
        err_fail(e, ERR_CONFIG,
                 "output %.*s is upserted: rows of records that come late would replace later "
                 "ones of their keys",
                 STR_ARG(t->name));
        return err_hint(e,
                        "job reset %s --rebuild computes it anew; --output names the outputs that "
                        "may get the records without it",
                        job->name);
    }
    return true;
}

// A record that comes late must give what it would have given in its place.
static bool replay_fits(struct replay *r, size_t output, struct err *e)
{
    const struct job_output *o = &r->s->job->outputs[output];
    const struct program *alone = NULL;
    if (!replay_latest(r, output, e) || !redo_alone(&alone, &r->redo, output, e))
        return false;
    bool remembers = program_fingerprint_count(alone) > 0;
    if (!o->table && !remembers)
        return true;
    if (remembers && program_order(alone) != ORDER_ALIGNED) {
        r->stateful = true;
        return true;
    }
    err_fail(e, ERR_CONFIG,
             "output %.*s depends on the order of its records (windows, joins, latest values, sums "
             "of DOUBLE, tables as sources): one that comes late does not give what it would have "
             "given in its place",
             STR_ARG(o->name));
    return err_hint(e,
                    "job reset %s --rebuild computes it anew; --output names the outputs that may "
                    "get the records without it",
                    r->s->job->name);
}

static bool replay_output(struct replay *r, struct str name, struct err *e)
{
    const struct job *job = r->s->job;
    for (size_t i = 0; i < job->output_count; i++) {
        if (!str_eq_nocase(job->outputs[i].name, name))
            continue;
        r->outputs[i] = true;
        return true;
    }
    err_fail(e, ERR_CONFIG, "job %s has no output %.*s", job->name, STR_ARG(name));
    return err_hint(e, "sluice job show %s lists them", job->name);
}

// Operators take a record once, for all outputs behind them.
static bool replay_together(const struct replay *r, struct err *e)
{
    const struct job *job = r->s->job;
    bool all = true;
    for (size_t i = 0; i < job->output_count; i++)
        all = all && r->outputs[i];
    if (!r->stateful || (all && program_order(job->program) != ORDER_ALIGNED))
        return true;
    err_fail(e, ERR_CONFIG,
             "outputs of job %s that come from operators with a memory (GROUP BY) get records "
             "together with all others or not at all",
             job->name);
    return err_hint(e, "leave --output out, or name streams without GROUP BY only");
}

static bool replay_outputs(struct replay *r, struct err *e)
{
    const struct job *job = r->s->job;
    const struct replay_spec *spec = r->spec;
    r->outputs = ARENA_ZARRAY(r->redo.a, bool, job->output_count + 1);
    for (size_t i = 0; i < spec->output_count; i++)
        if (!replay_output(r, spec->outputs[i], e))
            return false;
    for (size_t i = 0; spec->output_count == 0 && i < job->output_count; i++)
        r->outputs[i] = true;
    return true;
}

static bool replay_possible(struct replay *r, struct err *e)
{
    for (size_t i = 0; i < r->s->job->output_count; i++)
        if (r->outputs[i] && !replay_fits(r, i, e))
            return false;
    return replay_together(r, e) && (!r->stateful || session_check(r->s, e));
}

// --- which slots -----------------------------------------------------------------------------------------------------

static enum kv_found replay_find(struct redo_slot *out, struct replay *r, uint64_t slot,
                                 struct err *e)
{
    struct kv_txn *t;
    arena_reset(r->scratch);
    if (!kv_begin_read(&t, r->s->kv, e))
        return KV_FAILED;
    enum kv_found found = redo_find(out, &r->redo, r->scratch, t, slot, e);
    kv_abort(t);
    if (found != KV_FOUND)
        return found;
    if (!file_exists(letters_path(r->scratch, r->s, slot)))
        return KV_ABSENT;
    if (!redo_apart(&r->redo, out, e))
        return KV_FAILED;
    // Deleted by hand: nothing of this slot is left to replay.
    return !r->s->lake || out->file_count ? KV_FOUND : KV_ABSENT;
}

// Letters whose ranges nobody knows any more.
static bool replay_remembered(struct replay *r, struct err *e)
{
    const struct control *c = &r->s->control;
    const struct replay_spec *spec = r->spec;
    uint64_t first = 0, last = 0;
    uint64_t id = spec->from > c->since ? spec->from : c->since + 1;
    for (; id <= c->forgotten && id <= spec->to; id++) {
        arena_reset(r->scratch);
        if (!file_exists(letters_path(r->scratch, r->s, id)))
            continue;
        first = first ? first : id;
        last = id;
    }
    if (first == 0)
        return true;
    err_fail(e, ERR_CONFIG,
             "dead letters of batches %llu to %llu cannot be replayed: the records of batches up "
             "to %llu are older than the job's history",
             (unsigned long long)first, (unsigned long long)last, (unsigned long long)c->forgotten);
    return err_hint(
        e,
        "--batch %llu..%llu replays the others; job reset %s --rebuild reads everything "
        "again; history_keep and history_max say how long records stay",
        (unsigned long long)c->forgotten + 1, (unsigned long long)c->last_batch, r->s->job->name);
}

static bool replay_choose(struct replay *r, struct err *e)
{
    const struct control *c = &r->s->control;
    if (!replay_remembered(r, e))
        return false;
    for (uint64_t id = c->since + 1; id <= c->last_batch; id++) {
        struct redo_slot slot;
        if (id < r->spec->from || id > r->spec->to)
            continue;
        enum kv_found found = replay_find(&slot, r, id, e);
        if (found == KV_FAILED)
            return false;
        if (found == KV_FOUND)
            vec_push(&r->slots, id);
    }
    return true;
}

// --- one slot --------------------------------------------------------------------------------------------------------

// The slot's ranges whole: a recovery that has to make this batch anew reads them from the topics.
static struct sequence_range *replay_ranges(const struct replay *r, const struct redo_slot *slot,
                                            struct err *e)
{
    const struct job *job = r->s->job;
    struct sequence_range *out =
        ARENA_ZARRAY(r->scratch, struct sequence_range, slot->range_count + 1);
    for (size_t i = 0; i < slot->range_count; i++) {
        const struct batch_range *x = &slot->ranges[i];
        uint32_t topic = 0;
        while (topic < job->topic_count && !str_eq(job->topics[topic], x->topic))
            topic++;
        if (topic == job->topic_count) {
            err_fail(e, ERR_CONFIG, "batch %llu read topic %.*s, which is none of the job's now",
                     (unsigned long long)slot->slot, STR_ARG(x->topic));
            return NULL;
        }
        out[i] = (struct sequence_range){.topic = topic,
                                         .topic_name = job->topics[topic],
                                         .partition = x->partition,
                                         .start = x->start,
                                         .read_from = x->start,
                                         .end = x->end};
        plan_rank(r->s, &out[i]);
    }
    return out;
}

static void replay_after(uint64_t *next, uint64_t slot, const struct lake_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t of, n;
        if (files[i].output.n > 0 && layout_read_file(&of, &n, files[i].path) && of == slot &&
            n >= *next)
            *next = n + 1;
    }
}

// Names are <slot>-<n>: the first n that no file of the slot ever had. What expired may come back out of its archive.
static bool replay_number(uint64_t *next, const struct replay *r, uint64_t slot, struct err *e)
{
    const struct session *s = r->s;
    const struct lake_manifest *m;
    size_t n = 0;
    *next = 0;
    if (s->lake && !lake_job_manifests(&m, &n, r->scratch, s->lake, s->job->name, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        replay_after(next, slot, m[i].files, m[i].count);
        replay_after(next, slot, m[i].replaced, m[i].replaced_count);
    }
    return true;
}

static bool replay_execute(struct replay *r, const struct redo_slot *slot, struct source *letters,
                           struct batch_record *out, struct err *e)
{
    enum execute_end end;
    uint64_t number;
    if (!replay_number(&number, r, slot->slot, e))
        return false;
    const struct execute_replace how = {
        .slot = slot->slot,
        .now_ms = slot->now_ms,
        .source = letters,
        .rows = EXECUTE_BESIDE,
        .file_number = number,
        .outputs = r->outputs,
        .files = slot->files, // the dead letters
        .file_count = slot->file_count,
        .positions = r->stateful ? EXECUTE_LATE : EXECUTE_KEEP,
        .topics = EXECUTE_SEND,
        .end = EXECUTE_LAST,
    };
    const struct execute_spec spec = {.kind = BATCH_REPLAY,
                                      .ranges = replay_ranges(r, slot, e),
                                      .count = slot->range_count,
                                      .a = r->scratch,
                                      .replace = &how};
    return spec.ranges && execute_batch(out, &end, r->s, &spec, e) && run_deliver(r->s, out, e);
}

struct replay_count {
    struct replay_slot *told;
    struct arena *a;
    const struct letters *letters;
    uint64_t same; // dead for the reason that is known already
};

static bool replay_dead(void *arg, const struct sequence_range *range,
                        const struct scan_record *record, struct str reason, struct err *e)
{
    struct replay_count *n = arg;
    const struct letter *l =
        letters_find(n->letters, range->topic, range->partition, record->offset);
    assert(l && e);
    if (n->told->dead++ == 0)
        n->told->reason = arena_str(n->a, reason).p;
    n->same += str_eq(l->reason, reason);
    return true;
}

// Decodes, and nothing else.
static bool replay_decode(struct replay *r, const struct redo_slot *slot,
                          struct replay_count *count, struct err *e)
{
    const struct session *s = r->s;
    struct sequence *q = NULL;
    const struct sequence_spec spec = {.program = s->job->program,
                                       .source = letters_source(r->scratch, count->letters),
                                       .ranges = replay_ranges(r, slot, e),
                                       .range_count = slot->range_count,
                                       .order = SEQUENCE_STRIPES,
                                       .loss = SEQUENCE_REFUSE_LOSS,
                                       .pool = s->pool,
                                       .clock = &s->env->clock,
                                       .patience_ms = s->job->limits.patience_ms,
                                       .dead = replay_dead,
                                       .dead_arg = count};
    bool ok = spec.ranges && sequence_open(&q, &spec, e);
    for (enum sequence_step step = SEQUENCE_WINDOW; ok && step == SEQUENCE_WINDOW;) {
        const struct block_list *inputs;
        step = sequence_next(q, &inputs, e);
        ok = step != SEQUENCE_FAILED;
    }
    sequence_close(q);
    return ok;
}

static bool replay_within(const struct letters *l, const struct replay *r,
                          const struct redo_slot *slot, const char *path, struct err *e)
{
    const struct job *job = r->s->job;
    for (size_t i = 0; i < l->n; i++) {
        const struct letter *x = &l->v[i];
        bool within = false;
        for (size_t k = 0; !within && k < slot->range_count; k++) {
            const struct batch_range *g = &slot->ranges[k];
            within = g->partition == x->partition && str_eq(g->topic, job->topics[x->topic]) &&
                     x->record.offset >= g->start && x->record.offset < g->end;
        }
        if (!within)
            return err_fail(e, ERR_DATA, "%s: %.*s/%d offset %lld is no record of batch %llu", path,
                            STR_ARG(job->topics[x->topic]), (int)x->partition,
                            (long long)x->record.offset, (unsigned long long)slot->slot);
    }
    return true;
}

// Dry: the letters as they would be decoded now. Otherwise they are decoded for their new reasons first, then executed.
static bool replay_slot(struct replay *r, uint64_t id, struct replay_slot *told, struct err *e)
{
    struct redo_slot slot;
    struct letters letters;
    struct batch_record record;
    struct replay_count count = {.told = told, .a = r->scratch, .letters = &letters};
    if (replay_find(&slot, r, id, e) != KV_FOUND)
        return err_fail(e, ERR_DATA, "the dead letters of batch %llu are gone",
                        (unsigned long long)id);
    told->path = letters_path(r->scratch, r->s, id);
    if (!letters_read(&letters, r->scratch, r->s->job, told->path, e) ||
        !replay_within(&letters, r, &slot, told->path, e) ||
        !letters_complete(&letters, r->s, r->scratch, e) || !replay_decode(r, &slot, &count, e))
        return false;
    told->letters = letters.n;
    // A batch that would change nothing takes no id.
    if (r->spec->mode == REPLAY_DRY_RUN || count.same == letters.n)
        return true;
    r->s->asks = false;
    if (!replay_execute(r, &slot, letters_source(r->scratch, &letters), &record, e))
        return false;
    assert(record.dead == told->dead);
    return true;
}

static bool replay_go(struct replay *r, struct err *e)
{
    const struct session *s = r->s;
    for (size_t i = 0; i < r->slots.n; i++) {
        struct replay_slot told = {
            .slot = r->slots.v[i], .index = i, .count = r->slots.n, .reason = ""};
        if (s->env->cancel && atomic_load(s->env->cancel))
            return err_fail(e, ERR_CANCELLED, "stopped: the dead letters of %zu batches are left",
                            r->slots.n - i);
        if (!replay_slot(r, told.slot, &told, e))
            return err_wrap(e, "dead letters of batch %llu", (unsigned long long)told.slot);
        if (r->spec->slot && !r->spec->slot(r->spec->slot_arg, &told, e))
            return false;
    }
    return true;
}

static bool replay_run(struct replay *r, struct err *e)
{
    bool dry = r->spec->mode == REPLAY_DRY_RUN;
    if (!redo_open(&r->redo, r->s, e))
        return false;
    r->scratch = arena_new(r->redo.a);
    if (!replay_outputs(r, e) || !replay_choose(r, e) || (r->slots.n > 0 && !replay_possible(r, e)))
        return false;
    r->s->engine = r->stateful ? SESSION_STATE : SESSION_MEMORY;
    return replay_go(r, e) && (dry || run_done(r->s, e));
}

bool run_replay(struct run_report *out, const struct job *job, const struct run_env *env,
                const struct replay_spec *spec, struct err *e)
{
    struct session s;
    struct replay r = {.s = &s, .spec = spec};
    *out = (struct run_report){0};
    bool dry = spec->mode == REPLAY_DRY_RUN;
    // What is decided is delivered first: its dead letters are none any more.
    bool ok = session_open(&s, job, env, out, e) && (dry || run_settle(&s, e));
    s.asks = ok;
    ok = ok && (dry || run_recovered(&s, e)) && replay_run(&r, e);
    if (!ok && !dry)
        run_failed(&s, e);
    vec_fini(&r.slots);
    session_close(&s);
    return ok || err_wrap(e, "replay of job %s", job->name);
}
