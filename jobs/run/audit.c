#include "jobs/run/audit_internal.h"

#include "base/hash.h"
#include "jobs/run/behind.h"
#include "jobs/run/deliver.h"
#include "jobs/run/gaps.h"
#include "jobs/run/late.h"
#include "jobs/run/topics.h"
#include "lake/inspect.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

const char *audit_kind_name(enum audit_kind kind)
{
    switch (kind) {
    case AUDIT_RECEIPT:
        return "receipt";
    case AUDIT_POSITION:
        return "position";
    case AUDIT_HEAD:
        return "head";
    case AUDIT_MANIFEST:
        return "manifest";
    case AUDIT_FILE:
        return "file";
    case AUDIT_ROWS:
        return "rows";
    case AUDIT_MARKER:
        return "marker";
    case AUDIT_OFFSETS:
        return "offsets";
    }
    return "?";
}

bool audit_say(struct audit *x, enum audit_kind kind, struct str place, const char *repair,
               struct err *e, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct audit_finding f = {kind, place, str_from(text), str_from(repair)};
    x->report->findings++;
    return x->spec->found(x->spec->arg, &f, e);
}

const char *audit_command(struct audit *x, const char *verb, const char *rest)
{
    return arena_printf(x->a, "sluice job %s %s%s", verb, x->s->job->name, rest).p;
}

// --- receipts --------------------------------------------------------------------------------------------------------

static struct str audit_lane(struct audit *x, struct str topic, int32_t partition)
{
    return arena_printf(x->a, "%.*s/%d", STR_ARG(topic), (int)partition);
}

static bool audit_range(struct audit *x, const struct batch_record *r, const struct batch_range *g,
                        struct err *e)
{
    struct str lane = audit_lane(x, g->topic, g->partition);
    unsigned long long batch = r->batch, span = (unsigned long long)(g->end - g->start);
    bool counted = r->kind != BATCH_RECOVER || r->slot; // of a lost receipt only the plan is known
    bool added, ok = true;
    if (counted && (span != g->delivered + g->absent + g->lost ||
                    g->delivered != g->decoded + g->null_values + g->dead))
        ok = audit_say(x, AUDIT_RECEIPT, lane, "restore the state: sluice state restore", e,
                       "batch %llu: %llu offsets, %llu delivered, %llu absent, %llu lost", batch,
                       span, (unsigned long long)g->delivered, (unsigned long long)g->absent,
                       (unsigned long long)g->lost);
    if (r->slot || r->kind == BATCH_ROLL || batch_kind_stands(r->kind))
        return ok;
    uint64_t *end = map_put(x->ends, lane, &added);
    if (ok && !added && *end != (uint64_t)g->start)
        ok = audit_say(x, AUDIT_RECEIPT, lane, audit_command(x, "backfill", " --from-offset N"), e,
                       "batch %llu begins at %lld, the one before ended at %llu", batch,
                       (long long)g->start, (unsigned long long)*end);
    *end = (uint64_t)g->end;
    return ok;
}

// Appended rows of a batch: how many are there, and how many were refused.
static void audit_appended(struct audit *x, const struct batch_record *r,
                           const struct batch_target *t, struct str name)
{
    struct str key = arena_printf(x->a, "%.*s#%llu", STR_ARG(name),
                                  (unsigned long long)(t->slot ? t->slot : r->batch));
    uint64_t stored = t->skipped ? 0 : t->rows - t->rejected;
    uint64_t refused = t->skipped ? 0 : t->rejected;
    bool added;
    // Beside rows of a batch that is forgotten: how many those were is not known.
    if (t->beside && t->slot < control_first_batch(&x->s->control) && !map_get(x->appended, key))
        return;
    uint64_t *rows = map_put(x->appended, key, &added);
    *rows = (t->beside && !added ? *rows : 0) + stored;
    rows = map_put(x->refused, key, &added);
    if (t->again.batch) // refused then, stored now
        *rows -= stored < *rows ? stored : *rows;
    else
        *rows = (t->beside && !added ? *rows : 0) + refused;
}

static bool audit_targets(struct audit *x, const struct batch_record *r, struct err *e)
{
    for (size_t i = 0; i < r->target_count; i++) {
        const struct batch_target *t = &r->targets[i];
        struct str name = deliver_target_name(x->a, t);
        if (t->rows != t->upserts + t->deletes &&
            !audit_say(x, AUDIT_RECEIPT, name, "restore the state: sluice state restore", e,
                       "batch %llu: %llu rows, %llu put, %llu deleted",
                       (unsigned long long)r->batch, (unsigned long long)t->rows,
                       (unsigned long long)t->upserts, (unsigned long long)t->deletes))
            return false;
        bool replaces = r->slot != 0 && t->slot == 0; // took no part
        if (t->mode == SINK_APPEND && !replaces)
            audit_appended(x, r, t, name);
    }
    return true;
}

// Of a stream that does not write expired partitions: given = in files + late, late = letters.
static bool audit_late(struct audit *x, const struct batch_record *r, const struct batch_late *l,
                       const struct lake_manifest *m, struct err *e)
{
    uint64_t rows = 0, letters = 0, slot;
    struct str of;
    for (size_t i = 0; i < m->count; i++) {
        const struct lake_file *f = &m->files[i];
        if (str_eq(f->output, l->output))
            rows += f->rows;
        else if (f->output.n == 0 && late_path_read(&slot, &of, f->path) &&
                 str_eq(of, late_name(x->scratch, l->output)))
            letters += f->rows;
    }
    bool direct = r->slot == 0 && !r->logged; // others' rows are not in the files alone
    if ((!direct || l->rows == rows + l->late) &&
        letters == (l->how == BATCH_LATE_LETTERS ? l->late : 0))
        return true;
    return audit_say(x, AUDIT_RECEIPT, l->output, "restore the state: sluice state restore", e,
                     "batch %llu: %llu rows, %llu in files, %llu late, %llu of these kept",
                     (unsigned long long)r->batch, (unsigned long long)l->rows,
                     (unsigned long long)rows, (unsigned long long)l->late,
                     (unsigned long long)letters);
}

static bool audit_lates(struct audit *x, const struct batch_record *r, struct err *e)
{
    struct lake_manifest m = {0};
    if (r->late_count == 0)
        return true;
    if (r->manifest.n > 0 && !lake_manifest_read(&m, x->scratch, r->manifest, e))
        return err_wrap(e, "batch %llu", (unsigned long long)r->batch);
    for (size_t i = 0; i < r->late_count; i++)
        if (!audit_late(x, r, &r->late[i], &m, e))
            return false;
    return true;
}

static bool audit_record(struct audit *x, const struct batch_record *r, struct err *e)
{
    bool added;
    x->report->batches++;
    if (r->logged)
        (void)map_put(x->logged, arena_printf(x->a, "%llu", (unsigned long long)r->batch), &added);
    audit_skips(x, r);
    if (r->kind == BATCH_ROLL)
        (void)map_put(x->rolls, arena_printf(x->a, "%llu", (unsigned long long)r->batch), &added);
    for (size_t i = 0; i < r->range_count; i++)
        if (!audit_range(x, r, &r->ranges[i], e))
            return false;
    if (r->manifest.n) {
        struct str key = arena_printf(x->a, "%llu", (unsigned long long)r->batch);
        *map_put(x->manifests, key, &added) = r->lake_digest;
    }
    return audit_lates(x, r, e) && audit_targets(x, r, e);
}

static bool audit_positions(struct audit *x, struct err *e)
{
    const struct control *c = &x->s->control;
    for (size_t i = 0; i < c->position_count; i++) {
        const struct control_position *p = &c->positions[i];
        struct str lane = audit_lane(x, p->topic, p->partition);
        const uint64_t *end = map_get(x->ends, lane);
        if (end && *end != (uint64_t)p->next &&
            !audit_say(x, AUDIT_POSITION, lane, "restore the state: sluice state restore", e,
                       "the position is %lld, the last receipt ends at %llu", (long long)p->next,
                       (unsigned long long)*end))
            return false;
    }
    return true;
}

static bool audit_receipts(struct audit *x, struct err *e)
{
    const struct control *c = &x->s->control;
    struct kv_txn *t;
    if (!kv_begin_read(&t, x->s->kv, e))
        return false;
    bool ok = true;
    for (uint64_t id = control_first_batch(c); ok && id <= c->last_batch; id++) {
        struct batch_record r;
        arena_reset(x->scratch);
        enum kv_found found = control_get_record(&r, x->scratch, t, id, e);
        ok = found == KV_FOUND ? audit_record(x, &r, e) : found == KV_ABSENT;
        if (found != KV_ABSENT)
            continue;
        x->ends = map_new(x->a);  // a reset or a recovery: positions may jump,
        x->holes = map_new(x->a); // tables are taken as they are
    }
    kv_abort(t);
    return ok && audit_positions(x, e);
}

// --- heads -----------------------------------------------------------------------------------------------------------

static bool audit_head(struct audit *x, struct str name, uint64_t batch, uint64_t digest,
                       struct err *e)
{
    const struct control_output *ours = control_output(&x->s->control, name);
    unsigned long long held = batch, known = ours->batch;
    bool waits = x->s->control.delivered < x->s->control.last_batch;
    if (held == known && (held == 0 || digest == ours->digest))
        return true;
    if (ours->behind && held < known)
        return audit_say(x, AUDIT_HEAD, name, audit_command(x, "deliver", ""), e,
                         "%llu batches from batch %llu on are decided and not delivered "
                         "(output_lag): %s",
                         (unsigned long long)ours->behind_batches, (unsigned long long)ours->behind,
                         ours->behind_why);
    if (waits && held < known)
        return audit_say(x, AUDIT_HEAD, name, audit_command(x, "deliver", ""), e,
                         "batch %llu is decided and not delivered", known);
    if (held < known)
        return audit_say(
            x, AUDIT_HEAD, name,
            str_eq(name, STR("lake"))
                ? "restore the lake"
                : audit_command(x, "resync", arena_printf(x->a, " %.*s", STR_ARG(name)).p),
            e, "holds batch %llu, batch %llu was delivered", held, known);
    if (x->s->control.last_batch == 0)
        return audit_say(x, AUDIT_HEAD, name, audit_command(x, "recover", ""), e,
                         "holds batch %llu, the state knows of none: it was lost, or another job "
                         "of this name wrote it",
                         held);
    return audit_say(x, AUDIT_HEAD, name, audit_command(x, "recover", ""), e,
                     "holds batch %llu of another owner, the state says batch %llu", held, known);
}

bool audit_sink(struct sink **out, struct audit *x, size_t target, struct err *e)
{
    *out = NULL;
    if (heads_sink(out, x->s, target, e))
        return true;
    *out = NULL;
    if (e->kind != ERR_BEHIND)
        return false;
    err_clear(e);
    return true;
}

static bool audit_heads(struct audit *x, struct err *e)
{
    struct session *s = x->s;
    struct lake_head lake;
    if (s->lake && (!lake_head(s->lake, s->job->name, 0, &lake, e) ||
                    !audit_head(x, STR("lake"), lake.batch, lake.digest, e)))
        return false;
    for (size_t i = 0; i < s->job->target_count; i++) {
        struct sink *sink = NULL;
        struct head h;
        struct str name = s->job->targets[i].name;
        if (!audit_sink(&sink, x, i, e))
            return false;
        if (sink ? !sink->type->head(sink, &h, e) || !audit_head(x, name, h.batch, h.digest, e)
                 : !audit_say(
                       x, AUDIT_HEAD, name,
                       audit_command(x, "resync", arena_printf(x->a, " %.*s", STR_ARG(name)).p), e,
                       "the table does not exist any more"))
            return false;
    }
    return true;
}

// --- lake ------------------------------------------------------------------------------------------------------------

static bool audit_manifests(struct audit *x, struct err *e)
{
    const struct lake_manifest *m;
    size_t n, found = 0;
    if (!lake_job_manifests(&m, &n, x->a, x->s->lake, x->s->job->name, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct str key = arena_printf(x->a, "%llu", (unsigned long long)m[i].batch);
        const uint64_t *digest = map_get(x->manifests, key);
        found += digest != NULL;
        if (digest && *digest != m[i].digest &&
            !audit_say(x, AUDIT_MANIFEST, key, audit_command(x, "recover", ""), e,
                       "the lake's manifest is not the decided one"))
            return false;
    }
    size_t missing = map_count(x->manifests) - found;
    bool waits = x->s->control.delivered < x->s->control.last_batch;
    return missing <= (waits ? 1 : 0) ||
           audit_say(x, AUDIT_MANIFEST, STR("_sluice"), "restore them from a backup of the lake", e,
                     "%zu manifests of decided batches are gone", missing);
}

// Only what bounded runs wrote can be backfilled.
static bool audit_rolled(struct audit *x, const struct lake_finding *f)
{
    bool rolled = false;
    for (uint64_t id = f->slot_first; !rolled && id <= f->slot_last && map_count(x->rolls); id++)
        rolled = map_get(x->rolls, arena_printf(x->a, "%llu", (unsigned long long)id)) != NULL;
    return rolled;
}

static bool audit_file(struct audit *x, const struct lake_output *o, const struct lake_finding *f,
                       struct err *e)
{
    const char *repair = "move it away: nobody published it";
    char rest[400];
    char last[32] = "";
    if (f->slot_last != f->slot_first) // of a compacted file: none of its rows can be kept
        (void)snprintf(last, sizeof last, "..%llu", (unsigned long long)f->slot_last);
    (void)snprintf(rest, sizeof rest, " --batch %llu%s --outputs %.*s",
                   (unsigned long long)f->slot_first, last, STR_ARG(o->name));
    if (f->kind == LAKE_METADATA)
        repair = "delete it: the next batch writes it anew";
    else if (f->kind == LAKE_UNFINISHED)
        repair = audit_command(x, "deliver", "");
    else if (f->kind != LAKE_ORPHAN && o->kind == LAKE_STREAM && audit_rolled(x, f))
        repair =
            "restore it from a backup of the lake or an archive: rows of an endless run cannot "
            "be backfilled";
    else if (f->kind != LAKE_ORPHAN)
        repair =
            o->kind == LAKE_STREAM
                ? audit_command(x, "backfill", rest)
                : "restore it from a backup of the lake or an archive; the next change publishes a "
                  "new version";
    return audit_say(x, AUDIT_FILE, f->path, repair, e, "%s: %.*s", lake_finding_name(f->kind),
                     STR_ARG(f->text));
}

static bool audit_lake(struct audit *x, struct err *e)
{
    const struct job *job = x->s->job;
    if (!x->s->lake)
        return true;
    if (!audit_manifests(x, e))
        return false;
    for (size_t i = 0; i < job->lake_output_count; i++) {
        struct lake_verify v;
        if (!lake_verify(&v, x->a, x->s->lake, job->lake_outputs[i].name, e))
            return false;
        x->report->files += v.files;
        for (size_t k = 0; k < v.count; k++)
            if (!audit_file(x, &job->lake_outputs[i], &v.findings[k], e))
                return false;
    }
    return true;
}

// --- offsets ---------------------------------------------------------------------------------------------------------

static bool audit_offsets(struct audit *x, struct err *e)
{
    struct session *s = x->s;
    const struct control *c = &s->control;
    struct source_offset *o = ARENA_ZARRAY(x->a, struct source_offset, c->position_count + 1);
    int64_t *want = ARENA_ZARRAY(x->a, int64_t, c->position_count + 1);
    size_t n = 0;
    for (size_t i = 0; i < c->position_count; i++)
        for (uint32_t t = 0; t < s->job->topic_count; t++)
            if (str_eq(s->job->topics[t], c->positions[i].topic)) {
                want[n] = c->positions[i].next;
                o[n++] = (struct source_offset){t, c->positions[i].partition, -1};
            }
    bool waits = c->delivered < c->last_batch || c->offsets_owed || behind_first(c) > 0;
    if (n == 0 || waits)
        return true;
    if (!s->source->type->group_read(s->source, o, n, e))
        return false;
    for (size_t i = 0; i < n; i++)
        if (o[i].offset != want[i] && !(o[i].offset < 0 && want[i] == 0) &&
            !audit_say(x, AUDIT_OFFSETS, audit_lane(x, s->job->topics[o[i].topic], o[i].partition),
                       audit_command(x, "run", ""), e,
                       "group %s is at %lld, the job at %lld: its next batch commits them",
                       s->job->group, (long long)o[i].offset, (long long)want[i]))
            return false;
    return true;
}

// What the topics hold is what their marker says.
static bool audit_marker(struct audit *x, struct err *e)
{
    struct session *s = x->s;
    const struct control_output *ours = control_output(&s->control, STR("topics"));
    struct topic_marker m;
    char digest[17];
    if (s->job->topic_output_count == 0)
        return true;
    if (!topics_marker(s, &m, e))
        return false;
    struct str place = arena_printf(x->a, "%s.commits", s->job->group);
    if (m.state == TOPIC_MARKER_NONE)
        return ours->batch == 0 ||
               audit_say(x, AUDIT_MARKER, place,
                         audit_command(x, "run", " --lost-marker sent (or resend)"), e,
                         "Kafka has no marker, batch %llu was written to topics: look whether its "
                         "rows are there",
                         (unsigned long long)ours->batch);
    hash_hex(digest, ours->digest);
    bool same = m.batch == ours->batch && (m.digest[0] == '\0' || strcmp(m.digest, digest) == 0);
    bool waits =
        (s->control.delivered < s->control.last_batch || ours->behind) && m.batch < ours->batch;
    return same ||
           audit_say(x, AUDIT_MARKER, place, audit_command(x, waits ? "deliver" : "recover", ""), e,
                     waits ? "batch %llu is in the topics, batch %llu is decided and not delivered"
                           : "the topics hold batch %llu of another owner, the state says batch "
                             "%llu",
                     (unsigned long long)m.batch, (unsigned long long)ours->batch);
}

// What streams lack since they were out of the job.
static bool audit_gaps(struct audit *x, struct err *e)
{
    const struct job *job = x->s->job;
    struct gaps_place p;
    bool ok = true;
    for (size_t i = 0; ok && gaps_place(&p, x->a, job, i); i++) {
        const struct control_output *o = control_output(&x->s->control, p.name);
        unsigned long long from = o->gap_from, to = o->gap_to;
        char rest[400];
        if (p.whole)
            (void)snprintf(rest, sizeof rest, " %.*s", STR_ARG(p.name));
        else
            (void)snprintf(rest, sizeof rest, " --batch %llu..%llu --outputs %.*s", from, to,
                           STR_ARG(job->outputs[p.output].name));
        ok = from == 0 || p.topic ||
             audit_say(x, AUDIT_ROWS, p.name,
                       from > x->s->control.forgotten
                           ? audit_command(x, p.whole ? "resync" : "backfill", rest)
                           : audit_command(x, "reset", " --rebuild"),
                       e, "rows of batches %llu to %llu are missing: it was out of the job", from,
                       to);
    }
    return ok;
}

bool run_audit(struct audit_report *out, struct arena *a, const struct job *job,
               const struct run_env *env, const struct audit_spec *spec, struct err *e)
{
    struct session s;
    struct run_report report = {0};
    *out = (struct audit_report){.why = STR("")};
    bool ok = session_open(&s, job, env, &report, e);
    if (ok) {
        struct audit x = {.s = &s, .a = arena_new(s.a), .report = out, .spec = spec};
        x.scratch = arena_new(s.a);
        x.ends = map_new(x.a);
        x.appended = map_new(x.a);
        x.refused = map_new(x.a);
        x.compared = map_new(x.a);
        x.manifests = map_new(x.a);
        x.rolls = map_new(x.a);
        x.logged = map_new(x.a);
        x.holes = map_new(x.a);
        ok = audit_receipts(&x, e) && audit_heads(&x, e) && audit_lake(&x, e) &&
             audit_tables(&x, e) && audit_gaps(&x, e) && audit_skipped(&x, e) &&
             audit_marker(&x, e) && audit_offsets(&x, e);
        if (s.control.last_batch == 0)
            out->why =
                STR("the state knows of no batch: the job has not run, or its state was lost");
    }
    out->why = arena_str(a, out->why);
    session_close(&s);
    return ok || err_wrap(e, "audit of job %s", job->name);
}
