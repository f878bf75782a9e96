#include "jobs/run/deliver.h"

#include "base/durable.h"
#include "jobs/run/behind.h"
#include "jobs/run/spool.h"
#include "jobs/run/topics.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

enum {
    DELIVER_BLOCK_ROWS = 4096,
    DELIVER_PATIENCE_MS = 15000,
    DELIVER_BACKOFF_MS = 100,
    DELIVER_BACKOFF_MAX_MS = 2000,
};

struct str deliver_target_name(struct arena *a, const struct batch_target *t)
{
    return arena_printf(a, "%.*s/%.*s/%.*s", STR_ARG(t->warehouse), STR_ARG(t->table),
                        STR_ARG(t->output));
}

struct batch_target *deliver_find(struct arena *a, const struct batch_record *r, struct str name)
{
    for (size_t i = 0; i < r->target_count; i++)
        if (!r->targets[i].skipped && str_eq(deliver_target_name(a, &r->targets[i]), name))
            return &r->targets[i];
    return NULL;
}

// --- warehouses ------------------------------------------------------------------------------------------------------

// The connection for a decided batch: the current configuration's when the output is still there, else one of its own, from
// what the record remembers.
struct deliver_sink {
    struct sink *sink;
    struct sink **cached; // where a current output's connection is kept; NULL = ours to close
};

static bool deliver_same_columns(const struct job_target *j, const struct batch_target *t)
{
    if (j->spec.count != t->column_count || j->spec.mode != t->mode)
        return false;
    for (size_t i = 0; i < t->column_count; i++)
        if (!str_eq(j->spec.columns[i].name, t->columns[i].name) ||
            !type_equal(j->spec.columns[i].type, t->columns[i].type))
            return false;
    return true;
}

// Of today's configuration, so that a batch that waits can be let through.
static uint64_t deliver_rejects_max(const struct job *job, const struct batch_target *t)
{
    for (size_t i = 0; i < job->target_count; i++) {
        const struct job_target *j = &job->targets[i];
        if (str_eq(j->spec.table, t->table) && str_eq(str_from(j->spec.output), t->output))
            return j->spec.rejects_max;
    }
    return SINK_REJECTS_DEFAULT;
}

static bool deliver_open_old(struct deliver_sink *out, struct session *s,
                             const struct batch_target *t, struct err *e)
{
    const struct job *job = s->job;
    for (size_t i = 0; i < job->url_count; i++) {
        if (!str_eq(job->url_names[i], t->warehouse))
            continue;
        struct sink_spec spec = {
            .url = &job->urls[i],
            .mode = t->mode,
            .create = t->create,
            .schema = t->schema,
            .table = t->table,
            .columns = t->columns,
            .count = t->column_count,
            .job = job->name,
            .output = arena_str(s->scratch, t->output).p,
            .rejects_max = deliver_rejects_max(job, t),
            .durable = s->env->durable,
        };
        return job->url_types[i]->open(&out->sink, &spec, e);
    }
    err_fail(
        e, ERR_CONFIG,
        "warehouse %.*s is not configured any more, but a decided batch must be delivered to it",
        STR_ARG(t->warehouse));
    err_hint(e, "put the warehouse back into the configuration until the batch is delivered");
    return false;
}

static bool deliver_connect(struct deliver_sink *out, struct session *s,
                            const struct batch_target *t, struct err *e)
{
    *out = (struct deliver_sink){NULL, NULL};
    for (size_t i = 0; i < s->job->target_count; i++) {
        const struct job_target *j = &s->job->targets[i];
        if (!str_eq(deliver_target_name(s->scratch, t), j->name) || !deliver_same_columns(j, t))
            continue;
        out->cached = &s->sinks[i];
        return heads_sink(&out->sink, s, i, e);
    }
    return deliver_open_old(out, s, t, e);
}

static void deliver_disconnect(struct deliver_sink *d, const struct err *failure)
{
    // A failed connection is not used again.
    if (!d->sink || (d->cached && !failure))
        return;
    d->sink->type->close(d->sink);
    if (d->cached)
        *d->cached = NULL;
    d->sink = NULL;
}

bool deliver_head(struct head *out, struct session *s, const struct batch_target *t, struct err *e)
{
    struct deliver_sink d;
    if (!deliver_connect(&d, s, t, e))
        return false;
    bool ok = d.sink->type->head(d.sink, out, e);
    deliver_disconnect(&d, ok ? NULL : e);
    return ok;
}

static bool deliver_block(void *arg, const struct block *b, struct err *e)
{
    struct sink *sink = arg;
    return sink->type->write(sink, b, e);
}

static bool deliver_mode(struct sink *sink, const struct batch_target *t, struct err *e)
{
    if (t->again.batch)
        return sink->type->again(sink, &t->again, e);
    bool replaces = (t->slot != 0 && !t->beside) || t->whole;
    return !replaces || sink->type->replace(sink, t->whole ? 0 : t->slot, e);
}

static bool deliver_rows(struct session *s, struct sink *sink, struct batch_target *t,
                         struct err *e)
{
    struct schema_column *columns = ARENA_ZARRAY(s->scratch, struct schema_column, t->column_count);
    for (size_t i = 0; i < t->column_count; i++)
        columns[i] =
            (struct schema_column){t->columns[i].name, t->columns[i].type, t->columns[i].key};
    const struct schema schema = {.count = (uint32_t)t->column_count, .columns = columns};
    struct spool_replay spec = {
        .path = arena_printf(s->scratch, "%s/%.*s", s->spool_dir, STR_ARG(t->spool)).p,
        .schema = &schema,
        .checksum = t->checksum,
        .bytes = t->bytes,
        .block_rows = DELIVER_BLOCK_ROWS,
    };
    return deliver_mode(sink, t, e) && spool_replay(&spec, deliver_block, sink, e) &&
           sink->type->commit(sink, &t->rejected, e);
}

static bool deliver_wrong_head(const struct batch_record *r, const struct head *found,
                               enum head_state state, struct err *e)
{
    unsigned long long batch = r->batch, held = found->batch;
    if (state == HEAD_OLDER) {
        err_fail(e, ERR_BEHIND, "batch %llu cannot be delivered: the store holds batch %llu only",
                 batch, held);
        return err_hint(e, "the store was restored: see the recovery handbook, \"behind\"");
    }
    err_fail(e, ERR_FENCED,
             "batch %llu cannot be delivered: the store holds batch %llu of another owner", batch,
             held);
    return err_hint(
        e,
        "two processes with copies of one state directory? see the recovery handbook, \"fenced\"");
}

static bool deliver_count(void *arg, const struct reject *r, struct err *e)
{
    struct batch_target *t = arg;
    bool counts = !t->again.batch;
    for (size_t i = 0; !counts && i < t->again.count; i++)
        counts = t->again.seqs[i] == r->seq;
    t->rejected += counts;
    (void)e;
    return true;
}

// Of a batch whose reply was lost: what the store says.
static bool deliver_rejected(const struct session *s, const struct batch_record *r,
                             struct batch_target *t, struct err *e)
{
    const struct job *job = s->job;
    const struct rejects_query query = {
        .job = job->name,
        .output = arena_str(s->scratch, t->output).p,
        .target = arena_str(s->scratch, t->table).p,
        .of = t->again.batch ? reject_span(t->again.batch, 0)
              : t->beside    ? reject_span(r->batch, t->slot)
                             : reject_span(t->slot ? t->slot : r->batch, 0),
        .limit = UINT64_MAX,
    };
    t->rejected = 0;
    for (size_t i = 0; i < job->url_count; i++)
        if (str_eq(job->url_names[i], t->warehouse))
            return job->url_types[i]->rejects(&job->urls[i], &query, deliver_count, t, e);
    return true;
}

static bool deliver_once(struct session *s, const struct batch_record *r, struct batch_target *t,
                         struct err *e)
{
    struct deliver_sink d;
    if (!deliver_connect(&d, s, t, e))
        return false;
    struct buf plan;
    buf_init(&plan, 1 << 20); // the driver cuts what has no room
    record_plan_text(&plan, r);
    buf_char(&plan, 0);
    struct commit_step step = {
        .batch = r->batch,
        .digest = t->digest,
        .prev_batch = t->prev_batch,
        .prev_digest = t->prev_digest,
        .plan = plan.failed ? "" : plan.p,
        .now_ms = r->now_ms,
        .slot = t->beside ? t->slot : 0,
    };
    enum head_state state = HEAD_OTHER;
    struct head found = {0};
    bool ok = d.sink->type->begin(d.sink, &step, &state, &found, e);
    if (ok && state == HEAD_NEXT) {
        ok = deliver_rows(s, d.sink, t, e);
        if (!ok)
            d.sink->type->abort(d.sink);
    } else if (ok) {
        d.sink->type->abort(d.sink);
        ok = state == HEAD_REPLAY ? deliver_rejected(s, r, t, e)
                                  : deliver_wrong_head(r, &found, state, e);
    }
    buf_fini(&plan);
    deliver_disconnect(&d, ok ? NULL : e);
    return ok;
}

// The receipt says how many rows a store refused: known only now.
static bool deliver_note(struct session *s, const struct batch_record *r, struct err *e)
{
    struct kv_txn *t;
    if (!kv_begin_write(&t, s->kv, e))
        return false;
    if (control_put_record(t, r, e))
        return kv_commit(t, e);
    kv_abort(t);
    return false;
}

// An unreachable store is tried again for a while: the same spool, made safe by the head.
bool deliver_target(struct session *s, const struct batch_record *r, struct batch_target *t,
                    enum deliver_patience how, struct err *e)
{
    const struct clock *c = &s->env->clock;
    int64_t patience = s->env->deliver_ms ? s->env->deliver_ms : DELIVER_PATIENCE_MS;
    int64_t until = c->mono_ms(c->arg) + (how == DELIVER_ONCE ? 0 : patience);
    const uint64_t known = t->rejected;
    for (int64_t wait = DELIVER_BACKOFF_MS;;
         wait = wait * 2 < DELIVER_BACKOFF_MAX_MS ? wait * 2 : DELIVER_BACKOFF_MAX_MS) {
        if (deliver_once(s, r, t, e))
            return t->rejected == known || deliver_note(s, r, e);
        bool again = e->kind == ERR_REMOTE && e->remedy != REMEDY_FATAL &&
                     !durable_dead(s->env->durable) && c->mono_ms(c->arg) < until &&
                     !(s->env->cancel && atomic_load(s->env->cancel));
        if (!again)
            return err_wrap(e, "delivering batch %llu to %.*s", (unsigned long long)r->batch,
                            STR_ARG(deliver_target_name(s->scratch, t)));
        c->sleep_ms(c->arg, wait);
    }
}

// --- lake, dead letters, offsets -------------------------------------------------------------------------------------

// Of a compacted file only the slot's rows are new.
static uint64_t deliver_new_rows(const struct lake_file *f, uint64_t slot)
{
    uint64_t rows = f->output.n && f->slot_count == 0 ? f->rows : 0;
    for (size_t i = 0; i < f->slot_count; i++)
        rows += f->slots[i].slot == slot ? f->slots[i].rows : 0;
    return rows;
}

static bool deliver_lake(struct session *s, const struct batch_record *r, struct err *e)
{
    if (r->manifest.n == 0)
        return true;
    if (!s->lake) {
        err_fail(e, ERR_CONFIG,
                 "batch %llu has lake files, but the configuration has no lake any more",
                 (unsigned long long)r->batch);
        return err_hint(e, "put lake: back until the batch is delivered");
    }
    struct lake_manifest m;
    if (!lake_manifest_read(&m, s->scratch, r->manifest, e) || !lake_publish(s->lake, &m, e))
        return err_wrap(e, "publishing batch %llu to the lake", (unsigned long long)r->batch);
    if (batch_kind_stands(r->kind))
        return true;
    s->report->lake_files += m.count;
    for (size_t i = 0; i < m.count; i++)
        s->report->lake_rows += deliver_new_rows(&m.files[i], m.slot);
    return true;
}

// Without a lake, dead letters live in the state directory: <state>/…/dead_letters/N.jsonl.
static bool deliver_dead_file(struct session *s, const struct batch_record *r, struct err *e)
{
    struct durable *d = s->env->durable;
    struct str dir = arena_printf(s->scratch, "%s/dead_letters", s->job->state_dir);
    if (r->dead_file.n == 0) // a replaced slot may have had some
        return r->slot == 0 ||
               durable_unlink(
                   d, "dead.unlink",
                   arena_printf(s->scratch, "%s/%llu.jsonl", dir.p, (unsigned long long)r->slot).p,
                   e);
    struct str from =
        arena_printf(s->scratch, "%s/%llu.dead", s->spool_dir, (unsigned long long)r->batch);
    struct str to = arena_printf(s->scratch, "%s/%.*s", dir.p, STR_ARG(r->dead_file));
    if (!durable_mkdirs(d, "dead.mkdir", dir.p, 0700, e))
        return false;
    // Rolled forward: source gone and target there = renamed, maybe by a try that was cut off before it synced.
    if (!file_exists(from.p) && file_exists(to.p))
        return durable_fsync_dir(d, "dead.dir", dir.p, e);
    if (!file_exists(from.p)) {
        err_fail(e, ERR_DATA, "the dead letters of batch %llu are gone: neither %s nor %s is there",
                 (unsigned long long)r->batch, from.p, to.p);
        return err_hint(e, "put the file back; or, if it was deleted on purpose: touch %s", to.p);
    }
    return durable_rename(d, "dead.rename", from.p, to.p, e) &&
           durable_fsync_dir(d, "dead.dir", dir.p, e);
}

static bool deliver_placed(const struct batch_record *r, const struct batch_range *g)
{
    for (size_t i = 0; i < r->position_count; i++)
        if (r->positions[i].partition == g->partition && str_eq(r->positions[i].topic, g->topic))
            return true;
    return false;
}

size_t deliver_places(struct batch_position **out, const struct session *s, struct arena *a,
                      const struct batch_record *r)
{
    const struct control *c = &s->control;
    bool newest = r->batch == c->last_batch;
    struct batch_position *v = ARENA_ZARRAY(
        a, struct batch_position, c->position_count + r->position_count + r->range_count + 1);
    size_t n = 0;
    *out = v;
    for (size_t i = 0; newest && i < c->position_count; i++)
        v[n++] = (struct batch_position){c->positions[i].topic, c->positions[i].partition,
                                         c->positions[i].next};
    for (size_t i = 0; !newest && i < r->position_count; i++)
        v[n++] = r->positions[i];
    // Of a batch that moved nothing its positions are all there are.
    for (size_t i = 0; !newest && i < r->range_count; i++)
        if (!deliver_placed(r, &r->ranges[i]))
            v[n++] = (struct batch_position){r->ranges[i].topic, r->ranges[i].partition,
                                             r->ranges[i].end};
    return n;
}

// Every position, not only the batch's: a commit that failed before is made good by the next one.
void deliver_offsets(struct session *s)
{
    struct control *c = &s->control;
    struct source_offset *o = ARENA_ZARRAY(s->scratch, struct source_offset, c->position_count + 1);
    size_t n = 0;
    for (size_t i = 0; s->elsewhere.n == 0 && i < c->position_count; i++)
        for (uint32_t t = 0; t < s->job->topic_count; t++)
            if (str_eq(s->job->topics[t], c->positions[i].topic))
                o[n++] = (struct source_offset){t, c->positions[i].partition, c->positions[i].next};
    struct err failure;
    c->offsets_owed = n > 0 && !s->source->type->group_commit(s->source, o, n, &failure);
    // Offsets are only a vote: reported, never blocking (DESIGN section 2, "Kafka").
    s->report->offsets_error[0] = '\0'; // an earlier failure of this run is made good
    if (c->offsets_owed)
        snprintf(s->report->offsets_error, sizeof s->report->offsets_error, "%.255s", failure.text);
}

static bool deliver_targets(struct session *s, struct batch_record *r, struct err *e)
{
    for (size_t i = 0; i < r->target_count; i++) {
        struct batch_target *t = &r->targets[i];
        struct str name = deliver_target_name(s->scratch, t);
        if (t->skipped)
            continue;
        bool skips = behind_skips(s, name);
        bool out =
            !skips &&
            deliver_target(s, r, t, behind_failed(s, name) ? DELIVER_ONCE : DELIVER_PATIENTLY, e);
        if (!out && !skips && !behind_allows(s, name, e))
            return false;
        if (!out) {
            behind_pass(s, r, t);
            continue;
        }
        behind_taken(s, name);
        s->report->warehouse_rows += t->rows - t->rejected;
        s->report->rejected += t->rejected;
    }
    return true;
}

bool deliver_batch(struct session *s, struct batch_record *r, struct err *e)
{
    session_progress(s, RUN_DELIVERING, r->batch, 0, 0);
    if (!deliver_lake(s, r, e) || !deliver_dead_file(s, r, e) || !deliver_targets(s, r, e))
        return false;
    // Topic rows carry the offsets in their transaction; both follow the slowest table.
    bool waits = behind_first(&s->control) > 0;
    if (waits && r->topic_count > 0)
        behind_pass_topics(s, r);
    if (!waits && r->topic_count > 0 && !topics_deliver(s, r, e))
        return false;
    if (!waits && r->topic_count == 0 && s->job->topic_output_count == 0)
        deliver_offsets(s);
    if (durable_dead(s->env->durable))
        return err_fail(e, ERR_CANCELLED, "the durable layer is dead");
    return true;
}

// Of a batch that some table has not taken: only what nobody waits for.
static bool deliver_unneeded(bool *out, struct session *s, struct arena *a, uint64_t batch,
                             struct str file, struct err *e)
{
    uint64_t first = behind_first(&s->control);
    struct batch_record r;
    struct kv_txn *t;
    *out = !first || batch + behind_keeps(s) < first;
    if (*out)
        return true;
    if (!kv_begin_read(&t, s->kv, e))
        return false;
    arena_reset(a);
    enum kv_found found = control_get_record(&r, a, t, batch, e);
    kv_abort(t);
    *out = found == KV_ABSENT || (found == KV_FOUND && !behind_needs(s, &r, file));
    return found != KV_FAILED;
}

bool deliver_clean_spools(struct session *s, uint64_t upto, struct err *e)
{
    DIR *dir = opendir(s->spool_dir);
    if (!dir)
        return err_sys(e, "cannot list %s", s->spool_dir);
    bool ok = true;
    struct arena *a = arena_new(NULL);
    struct dirent *entry;
    while (ok && (entry = readdir(dir)) != NULL) {
        struct str name = str_from(entry->d_name), head, tail;
        uint64_t batch;
        bool unneeded = true;
        bool ours =
            (str_split_once(&head, &tail, name, '-') || str_split_once(&head, &tail, name, '.')) &&
            str_to_u64(&batch, head);
        ours = ours && batch <= upto;
        if (ours && !deliver_unneeded(&unneeded, s, a, batch, name, e))
            ok = false;
        else if (ours && unneeded)
            ok =
                durable_unlink(s->env->durable, "spool.unlink",
                               arena_printf(s->scratch, "%s/%s", s->spool_dir, entry->d_name).p, e);
    }
    arena_free(a);
    closedir(dir);
    return ok;
}
