#include "jobs/run/redo.h"
#include "base/map.h"
#include "jobs/run/execute.h"
#include "jobs/run/kept.h"
#include "jobs/run/late.h"
#include "lake/compact.h"

#include <assert.h>

bool redo_open(struct redo *out, struct session *s, struct err *e)
{
    *out = (struct redo){.s = s, .a = arena_new(s->a)};
    out->outputs = ARENA_ZARRAY(out->a, bool, s->job->output_count + 1);
    out->changed = map_new(out->a);
    if (!s->source->type->plan(s->source, out->a, &s->partitions, &s->partition_count, e))
        return err_wrap(e, "looking at the topics");
    if (s->lake && !lake_list(&out->lake, out->a, s->lake, STR_NONE, e))
        return false;
    lake_slots_init(&out->slots, out->a, &out->lake, s->job->name);
    return true;
}

// --- what may be replaced --------------------------------------------------------------------------------------------

bool redo_alone(const struct program **out, const struct redo *r, size_t output, struct err *e)
{
    const struct job *job = r->s->job;
    const struct program_output_spec wanted = {.name = job->outputs[output].name};
    const struct program_spec spec = {.plan = job->plan, .outputs = &wanted, .output_count = 1};
    return program_compile(out, r->a, &spec, e);
}

const bool *redo_parts(const struct redo *r)
{
    const struct job *job = r->s->job;
    bool *parts = ARENA_ZARRAY(r->a, bool, job->target_count + 1);
    for (size_t i = 0; i < job->target_count; i++)
        parts[i] = !job->targets[i].key;
    return parts;
}

static bool redo_store_can(const struct redo *r, const struct job_output *o, struct err *e)
{
    for (size_t i = 0; i < o->target_count; i++) {
        const struct job_target *t = &r->s->job->targets[o->target_first + i];
        if (!t->key && !t->type->replace)
            return err_fail(e, ERR_CONFIG, "output %.*s: %s cannot take appended rows back",
                            STR_ARG(t->name), t->type->name);
    }
    return true;
}

bool redo_replaceable(const struct redo *r, size_t output, struct err *e)
{
    const struct job_output *o = &r->s->job->outputs[output];
    const struct program *alone = NULL;
    if (o->table) {
        err_fail(e, ERR_CONFIG,
                 "output %.*s is a table: its rows come from all batches, a part of them cannot be "
                 "computed alone",
                 STR_ARG(o->name));
        return err_hint(e,
                        "job reset %s --rebuild computes it anew; --outputs names the streams "
                        "to replace",
                        r->s->job->name);
    }
    if (o->topic >= 0) {
        err_fail(e, ERR_CONFIG,
                 "output %.*s is written to a topic: its records cannot be taken back",
                 STR_ARG(o->name));
        return err_hint(e, "--outputs names the streams to replace");
    }
    if (!redo_alone(&alone, r, output, e))
        return false;
    if (program_fingerprint_count(alone) > 0) {
        err_fail(e, ERR_CONFIG,
                 "output %.*s comes from operators that remember other batches (GROUP BY, joins, "
                 "windows): a part of it cannot be computed alone",
                 STR_ARG(o->name));
        return err_hint(e, "job reset %s --rebuild computes it anew", r->s->job->name);
    }
    return redo_store_can(r, o, e);
}

// --- slots -----------------------------------------------------------------------------------------------------------

static bool redo_takes(const struct redo *r, struct str output)
{
    for (size_t i = 0; i < r->s->job->output_count; i++)
        if (str_eq(r->s->job->outputs[i].name, output))
            return r->outputs[i];
    return false;
}

// A compacted file holds many slots: each that is replaced writes it anew.
static void redo_note(struct redo *r, const struct lake_file *f, bool there)
{
    bool added;
    uint64_t *at = map_put(r->changed, f->path, &added);
    if (added) {
        if (r->now_count == r->now_cap) {
            r->now_cap = r->now_cap ? r->now_cap * 2 : 16;
            struct redo_changed *more = ARENA_ZARRAY(r->a, struct redo_changed, r->now_cap);
            if (r->now_count)
                memcpy(more, r->now, r->now_count * sizeof *more);
            r->now = more;
        }
        *at = r->now_count++;
    }
    r->now[*at] = (struct redo_changed){*f, there ? REDO_THERE : REDO_GONE};
}

static bool redo_follow(struct redo *r, struct str manifest, struct err *e)
{
    struct lake_manifest m;
    if (manifest.n == 0)
        return true;
    if (!lake_manifest_read(&m, r->a, manifest, e))
        return false;
    for (size_t i = 0; i < m.replaced_count; i++)
        if (m.replaced[i].slot_count > 0)
            redo_note(r, &m.replaced[i], false);
    for (size_t i = 0; i < m.count; i++)
        if (m.files[i].slot_count > 0)
            redo_note(r, &m.files[i], true);
    return true;
}

// Dead letters belong to the slot as a whole, but for rows that came too late for an output.
static bool redo_takes_text(const struct redo *r, struct arena *a, struct str path)
{
    uint64_t slot;
    struct str late;
    bool takes = !late_path_read(&slot, &late, path);
    for (size_t i = 0; !takes && i < r->s->job->output_count; i++)
        takes = r->outputs[i] && str_eq(late, late_name(a, r->s->job->outputs[i].name));
    return takes;
}

static bool redo_takes_file(const struct redo *r, struct arena *a, const struct lake_file *f)
{
    return f->output.n == 0 ? redo_takes_text(r, a, f->path) : redo_takes(r, f->output);
}

static void redo_files(struct redo_slot *out, const struct redo *r, struct arena *a)
{
    const struct lake_file *all;
    size_t n;
    lake_slot_files(&all, &n, a, &r->slots, out->slot);
    struct lake_file *files = ARENA_ZARRAY(a, struct lake_file, n + r->now_count + 1);
    for (size_t i = 0; i < n; i++)
        if (redo_takes_file(r, a, &all[i]) && !map_get(r->changed, all[i].path))
            files[out->file_count++] = all[i];
    for (size_t i = 0; i < r->now_count; i++)
        if (r->now[i].is == REDO_THERE && lake_file_encloses(&r->now[i].file, out->slot) &&
            redo_takes(r, r->now[i].file.output))
            files[out->file_count++] = r->now[i].file;
    out->files = files;
}

enum kv_found redo_find(struct redo_slot *out, const struct redo *r, struct arena *a,
                        struct kv_txn *t, uint64_t slot, struct err *e)
{
    struct batch_record record;
    *out = (struct redo_slot){.slot = slot};
    enum kv_found found = control_get_record(&record, a, t, slot, e);
    if (found != KV_FOUND)
        return found;
    if (record.slot || record.range_count == 0 || batch_kind_stands(record.kind))
        return KV_ABSENT;
    out->logged = record.logged;
    out->now_ms = record.now_ms;
    out->ranges = record.ranges;
    out->range_count = record.range_count;
    for (size_t i = 0; i < record.target_count; i++)
        if (record.targets[i].mode == SINK_APPEND && redo_takes(r, record.targets[i].output))
            out->appended += record.targets[i].rows;
    redo_files(out, r, a);
    return KV_FOUND;
}

static const struct source_partition *redo_partition(const struct redo *r,
                                                     const struct batch_range *x)
{
    const struct session *s = r->s;
    for (size_t i = 0; i < s->partition_count; i++)
        if (s->partitions[i].partition == x->partition &&
            str_eq(s->job->topics[s->partitions[i].topic], x->topic))
            return &s->partitions[i];
    return NULL;
}

bool redo_apart(const struct redo *r, const struct redo_slot *slot, struct err *e)
{
    const struct job *job = r->s->job;
    for (size_t i = 0; slot->logged && i < job->output_count; i++) {
        if (!r->outputs[i] || job->outputs[i].lake < 0)
            continue;
        err_fail(
            e, ERR_CONFIG,
            "batch %llu was made by an endless run: its rows of output %.*s are in files that a "
            "later batch rolled",
            (unsigned long long)slot->slot, STR_ARG(job->outputs[i].name));
        return err_hint(e, "--outputs names outputs without a lake");
    }
    return true;
}

bool redo_there(const struct redo *r, const struct redo_slot *slot, struct err *e)
{
    if (r->kept && !kept_readable(r->kept, slot, e))
        return false;
    for (size_t i = 0; i < slot->range_count; i++) {
        const struct batch_range *x = &slot->ranges[i];
        const struct source_partition *p = redo_partition(r, x);
        unsigned long long batch = slot->slot;
        if (!p)
            return err_fail(e, ERR_CONFIG,
                            "batch %llu read %.*s/%d, which is none of the job's now", batch,
                            STR_ARG(x->topic), (int)x->partition);
        if (r->kept)
            continue;
        if (p->log_start > x->start + (int64_t)x->lost && x->start < x->end) {
            err_fail(
                e, ERR_DATA,
                "batch %llu read offsets %lld to %lld of %.*s/%d; the topic begins at %lld now",
                batch, (long long)x->start, (long long)x->end - 1, STR_ARG(x->topic),
                (int)x->partition, (long long)p->log_start);
            return err_hint(e, "retention has taken these records: they cannot be read again; "
                               "choose a later range");
        }
        if (p->end < x->end) {
            err_fail(e, ERR_BEHIND,
                     "batch %llu read %.*s/%d up to %lld; the topic ends at %lld now", batch,
                     STR_ARG(x->topic), (int)x->partition, (long long)x->end, (long long)p->end);
            return err_hint(e, "the topic was recreated or truncated");
        }
    }
    return true;
}

bool redo_readable(const struct redo *r, const struct redo_slot *slot, struct err *e)
{
    return redo_apart(r, slot, e) && redo_there(r, slot, e);
}

// --- execution -------------------------------------------------------------------------------------------------------

static struct sequence_range *redo_ranges(const struct redo *r, const struct redo_slot *slot,
                                          struct arena *a)
{
    struct sequence_range *out = ARENA_ZARRAY(a, struct sequence_range, slot->range_count + 1);
    for (size_t i = 0; i < slot->range_count; i++) {
        const struct batch_range *x = &slot->ranges[i];
        const struct source_partition *p = redo_partition(r, x);
        assert(p);
        bool lost = p->log_start > x->start && !r->kept; // then, too
        int64_t from = lost ? p->log_start : x->start;
        out[i] = (struct sequence_range){
            .topic = p->topic,
            .topic_name = r->s->job->topics[p->topic],
            .partition = x->partition,
            .start = x->start,
            .read_from = from < x->end ? from : x->end,
            .end = x->end,
        };
        plan_rank(r->s, &out[i]);
    }
    return out;
}

bool redo_splice(struct lake_manifest *m, struct session *s, struct arena *a,
                 const struct execute_replace *how, struct err *e)
{
    const struct control_redo *c = &s->control.redo;
    if (!m->batch) // nothing is staged: no lake
        return true;
    m->replaced = how->files;
    m->replaced_count = how->file_count;
    const struct lake_splice_spec spec = {
        .slot = how->slot, .again = c->slots + c->next, .again_count = c->count - c->next};
    return lake_splice(m, a, s->lake, &spec, e);
}

// Records out of the lake: those that were dead letters are not among them, and stay what they are.
static bool redo_kept(struct execute_replace *how, const struct redo *r,
                      const struct redo_slot *slot, struct arena *a, struct err *e)
{
    struct lake_file *files = ARENA_ZARRAY(a, struct lake_file, slot->file_count + 1);
    how->recorded = NULL; // bytes are other ones
    how->files = files;
    how->file_count = 0;
    for (size_t i = 0; i < slot->file_count; i++) {
        const struct lake_file *f = &slot->files[i];
        uint64_t late_slot;
        struct str late;
        if (f->output.n > 0 || late_path_read(&late_slot, &late, f->path))
            files[how->file_count++] = *f;
    }
    return kept_source(&how->source, r->kept, slot, a, e);
}

bool redo_execute(struct redo *r, const struct redo_slot *slot, const struct execute_replace *how,
                  enum batch_kind kind, struct err *e)
{
    struct session *s = r->s;
    struct arena *a = arena_new(r->a);
    struct batch_record record;
    enum execute_end end;
    struct execute_replace replace = *how;
    replace.slot = slot->slot;
    replace.now_ms = slot->now_ms;
    replace.recorded = slot->ranges;
    replace.outputs = r->outputs;
    replace.files = slot->files;
    replace.file_count = slot->file_count;
    bool ok = redo_readable(r, slot, e) && (!r->kept || redo_kept(&replace, r, slot, a, e)) &&
              execute_batch(&record, &end, s,
                            &(struct execute_spec){.kind = kind,
                                                   .ranges = redo_ranges(r, slot, a),
                                                   .count = slot->range_count,
                                                   .a = a,
                                                   .replace = &replace},
                            e) &&
              run_deliver(s, &record, e) && redo_follow(r, record.manifest, e);
    arena_free(a);
    return ok;
}

// --- reading only ----------------------------------------------------------------------------------------------------

static bool redo_ignore_dead(void *arg, const struct sequence_range *range,
                             const struct scan_record *record, struct str reason, struct err *e)
{
    (void)arg, (void)range, (void)record, (void)reason, (void)e;
    return true;
}

static bool redo_windows(const struct session *s, struct sequence *q, struct err *e)
{
    for (;;) {
        const struct block_list *inputs;
        switch (sequence_next(q, &inputs, e)) {
        case SEQUENCE_END:
            return true;
        case SEQUENCE_FAILED:
            return false;
        case SEQUENCE_WINDOW:
            break;
        }
        if (s->env->cancel && atomic_load(s->env->cancel))
            return err_fail(e, ERR_CANCELLED, "stopped: nothing was decided");
        if (!exec_window(s->exec, inputs, e))
            return false;
    }
}

bool redo_read(const struct redo *r, const struct redo_slot *slot, struct err *e)
{
    const struct session *s = r->s;
    struct arena *a = arena_new(r->a);
    struct batch_range *ranges = ARENA_ZARRAY(a, struct batch_range, slot->range_count + 1);
    struct sequence *q = NULL;
    struct sequence_spec spec = {
        .program = s->job->program,
        .source = s->source,
        .ranges = redo_ranges(r, slot, a),
        .range_count = slot->range_count,
        .order =
            program_order(s->job->program) == ORDER_ALIGNED ? SEQUENCE_MERGE : SEQUENCE_STRIPES,
        .loss = SEQUENCE_REFUSE_LOSS,
        .seq_base = slot->slot << EXECUTE_SEQ_SHIFT,
        .window = s->env->window,
        .pool = s->pool,
        .clock = &s->env->clock,
        .patience_ms = s->job->limits.patience_ms,
        .cancel = s->env->cancel,
        .dead = redo_ignore_dead,
    };
    bool ok = redo_there(r, slot, e) && exec_batch_begin(s->exec, slot->now_ms, slot->slot, e) &&
              sequence_open(&q, &spec, e) && redo_windows(s, q, e) && exec_batch_end(s->exec, e);
    if (ok) {
        sequence_finish(q, ranges);
        ok = execute_same_source(slot->ranges, ranges, slot->range_count, slot->slot, e);
        exec_committed(s->exec);
    }
    sequence_close(q);
    arena_free(a);
    return ok;
}
