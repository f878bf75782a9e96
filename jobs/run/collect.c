#include "jobs/run/collect.h"

#include "base/durable.h"
#include "base/vec.h"
#include "jobs/run/collapse.h"
#include "jobs/run/late.h"
#include "jobs/run/spool.h"
#include "jobs/run/stream_rows.h"
#include "jobs/run/table.h"
#include "jobs/run/topic_rows.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { COLLECT_BLOCK_ROWS = 4096 };

struct collect_output {
    const struct job_output *output;
    struct collapse *changes; // tables; NULL for streams
};

struct collect_target {
    const struct job_target *target;
    struct spool *spool;
    struct str file;
    struct spool_info info;
    struct collapse *changes; // a stream's that is upserted; NULL for others
    bool sealed;
    uint64_t again; // the slot whose rejects the rows are; 0 = they are none
    VEC(uint64_t) seqs;
};

struct collect_topic {
    struct topic_rows *rows;
    struct str file;
};

struct collect {
    struct collect_spec spec;
    struct arena *a, *scratch;
    struct lake_stage *stage;
    struct collect_output *outputs;
    struct collect_target *targets;
    struct collect_topic *topics;
    uint64_t dead;
    struct str dead_file;
};

static bool collect_stage(struct collect *s, struct err *e)
{
    const struct job *job = s->spec.job;
    if (!s->spec.lake || s->stage)
        return true;
    struct lake_stage_spec stage = {
        .job = job->name,
        .batch = s->spec.batch,
        .slot = s->spec.slot,
        .number = s->spec.file_number,
        .now_ms = s->spec.now_ms,
        .outputs = job->lake_outputs,
        .count = job->lake_output_count,
        .open_max = job->limits.open_partitions_max,
    };
    return lake_stage_begin(&s->stage, s->spec.lake, &stage, e);
}

static size_t collect_target_count(const struct collect *s)
{
    return s->spec.how == COLLECT_ROLLED ? 0 : s->spec.job->target_count;
}

static bool collect_spools(struct collect *s, struct err *e)
{
    for (size_t i = 0; i < collect_target_count(s); i++) {
        struct collect_target *t = &s->targets[i];
        t->target = &s->spec.job->targets[i];
        if (t->target->key)
            t->changes = collapse_new_by(s->a, &s->spec.job->outputs[t->target->output].shape,
                                         t->target->key, t->target->key_count);
        t->file = arena_printf(s->a, "%llu-%zu.spool", (unsigned long long)s->spec.batch, i);
        struct str path = arena_printf(s->a, "%s/%s", s->spec.spool_dir, t->file.p);
        if (!spool_create(&t->spool, s->spec.durable, path.p, e))
            return err_wrap(e, "output %.*s", STR_ARG(t->target->name));
    }
    return true;
}

// Records cannot be taken back: a slot that is replaced leaves the topics alone, unless they never got it.
static size_t collect_topic_count(const struct collect *s)
{
    bool silent = s->spec.outputs && s->spec.topics == COLLECT_SILENT;
    return silent || s->spec.how == COLLECT_ROLLED ? 0 : s->spec.job->topic_output_count;
}

static bool collect_topics(struct collect *s, struct err *e)
{
    for (size_t i = 0; i < collect_topic_count(s); i++) {
        struct collect_topic *t = &s->topics[i];
        t->file = arena_printf(s->a, "%llu-t%zu.spool", (unsigned long long)s->spec.batch, i);
        struct str path = arena_printf(s->a, "%s/%s", s->spec.spool_dir, t->file.p);
        if (!topic_rows_open(&t->rows, &s->spec.job->topic_outputs[i], s->spec.partitions[i],
                             s->spec.durable, path.p, e))
            return err_wrap(e, "output %.*s", STR_ARG(s->spec.job->topic_outputs[i].name));
    }
    return true;
}

bool collect_open(struct collect **out, const struct collect_spec *spec, struct err *e)
{
    struct collect *s = ARENA_NEW(spec->a, struct collect);
    const struct job *job = spec->job;
    s->spec = *spec;
    s->a = spec->a;
    s->scratch = arena_new(spec->a);
    s->dead_file = STR("");
    s->outputs = ARENA_ZARRAY(s->a, struct collect_output, job->output_count + 1);
    s->targets = ARENA_ZARRAY(s->a, struct collect_target, job->target_count + 1);
    s->topics = ARENA_ZARRAY(s->a, struct collect_topic, job->topic_output_count + 1);
    for (size_t i = 0; i < job->output_count; i++) {
        s->outputs[i].output = &job->outputs[i];
        if (job->outputs[i].table)
            s->outputs[i].changes = collapse_new(s->a, &job->outputs[i].shape);
    }
    *out = s;
    if ((spec->how == COLLECT_LOGGED || collect_stage(s, e)) && collect_spools(s, e) &&
        collect_topics(s, e))
        return true;
    collect_free(s);
    *out = NULL;
    return false;
}

// The sink's columns of shape columns.
static const struct column *collect_project(struct arena *a, const struct job_target *t,
                                            const struct column *columns)
{
    struct column *c = ARENA_ARRAY(a, struct column, t->spec.count);
    for (size_t i = 0; i < t->spec.count; i++)
        c[i] = columns[t->from[i]];
    return c;
}

static bool collect_takes(const struct collect *s, size_t output)
{
    return !s->spec.outputs || s->spec.outputs[output];
}

static bool collect_target_takes(const struct collect *s, size_t target)
{
    return collect_takes(s, s->spec.job->targets[target].output) &&
           (!s->spec.targets || s->spec.targets[target]);
}

// Tables of warehouses that are written anew leave the lake alone.
static bool collect_files(const struct collect *s, const struct job_output *o)
{
    return o->lake >= 0 && !(s->spec.outputs && s->spec.slot == 0);
}

static bool collect_stream(struct collect *s, const struct job_output *o, const struct block *b,
                           struct err *e)
{
    bool logged = s->spec.how == COLLECT_LOGGED;
    size_t output = (size_t)(o - s->spec.job->outputs);
    const struct block *lake;
    arena_reset(s->scratch);
    if (collect_files(s, o) && (!late_take(&lake, s->spec.late, output, b, s->scratch, e) ||
                                !(logged ? stream_rows_add(s->spec.rows, output, lake, e)
                                         : lake_stage_write(s->stage, (size_t)o->lake, lake, e))))
        return false;
    if (o->target_count == 0)
        return true;
    const struct column *columns = shape_columns(&o->shape, s->scratch, b);
    for (size_t i = 0; i < o->target_count; i++) {
        struct collect_target *t = &s->targets[o->target_first + i];
        if (!collect_target_takes(s, o->target_first + i))
            continue;
        if (t->changes) {
            if (!collapse_add(t->changes, b, e))
                return err_wrap(e, "output %.*s", STR_ARG(t->target->name));
            continue;
        }
        const struct column *c = collect_project(s->scratch, t->target, columns);
        for (uint32_t row = 0; row < b->rows; row++)
            if (!spool_add(t->spool, c, t->target->spec.count, row, OP_INSERT, e))
                return err_wrap(e, "output %.*s", STR_ARG(t->target->name));
    }
    return true;
}

bool collect_emit(void *arg, size_t output, const struct block *b, struct err *e)
{
    struct collect *s = arg;
    for (size_t i = 0; i < s->spec.job->output_count; i++) {
        struct collect_output *o = &s->outputs[i];
        if (o->output->index != output || !collect_takes(s, i))
            continue;
        bool topic = o->output->topic >= 0 && collect_topic_count(s) > 0;
        bool ok =
            (!topic || topic_rows_add(s->topics[o->output->topic].rows, b, e)) &&
            (o->changes ? collapse_add(o->changes, b, e) : collect_stream(s, o->output, b, e));
        return ok || err_wrap(e, "output %.*s", STR_ARG(o->output->name));
    }
    return true;
}

// Collapsed changes and the targets that they go to.
struct collect_changes {
    const struct collapse *of;
    const struct shape *shape;
    size_t target_first, target_count;
};

// Rows with the wanted kind, decoded into a block's columns.
static bool collect_changes(struct collect *s, const struct collect_changes *from, enum row_op want,
                            struct err *e)
{
    const struct shape *shape = from->shape;
    size_t count = collapse_count(from->of), at = 0;
    while (at < count) {
        arena_reset(s->scratch);
        struct column *columns = shape_new(shape, s->scratch, COLLECT_BLOCK_ROWS);
        uint32_t n = 0;
        for (; at < count && n < COLLECT_BLOCK_ROWS; at++) {
            struct collapse_row r = collapse_at(from->of, at);
            if (r.op != want)
                continue;
            struct cursor in = {(const uint8_t *)r.row.p, (const uint8_t *)r.row.p + r.row.n};
            if (!rowcodec_decode(columns, shape->all.count, n++, s->scratch, &in, e))
                return false;
        }
        for (size_t i = from->target_first; i < from->target_first + from->target_count; i++) {
            struct collect_target *t = &s->targets[i];
            if (!collect_target_takes(s, i))
                continue;
            const struct column *c = collect_project(s->scratch, t->target, columns);
            for (uint32_t row = 0; row < n; row++)
                if (!spool_add(t->spool, c, t->target->spec.count, row, want, e))
                    return err_wrap(e, "output %.*s", STR_ARG(t->target->name));
        }
    }
    return true;
}

// Deletes first, each group sorted by key (DESIGN section 2, step 3).
static bool collect_sorted(struct collect *s, struct collapse *changes, const struct job_output *o,
                           size_t target_first, size_t target_count, struct err *e)
{
    const struct collect_changes from = {changes, &o->shape, target_first, target_count};
    collapse_seal(changes);
    return target_count == 0 || (collect_changes(s, &from, OP_DELETE, e) &&
                                 collect_changes(s, &from, OP_UPDATE_AFTER, e));
}

bool collect_again(struct collect *s, size_t target, struct reject_place from,
                   const struct column *columns, enum row_op op, struct err *e)
{
    struct collect_target *t = &s->targets[target];
    assert(t->again == 0 || (t->again == from.batch && t->seqs.v[t->seqs.n - 1] < from.seq));
    t->again = from.batch;
    vec_push(&t->seqs, from.seq);
    return spool_add(t->spool, columns, t->target->spec.count, 0, op, e) ||
           err_wrap(e, "output %.*s", STR_ARG(t->target->name));
}

bool collect_close_rows(struct collect *s, struct err *e)
{
    for (size_t i = 0; i < s->spec.job->output_count; i++) {
        const struct collect_output *o = &s->outputs[i];
        const struct job_output *j = o->output;
        if (o->changes && !collect_sorted(s, o->changes, j, j->target_first, j->target_count, e))
            return false;
    }
    for (size_t i = 0; i < collect_target_count(s); i++) {
        const struct collect_target *t = &s->targets[i];
        const struct job_output *j = &s->spec.job->outputs[t->target->output];
        if (t->changes && !collect_sorted(s, t->changes, j, i, 1, e))
            return false;
    }
    return true;
}

struct collect_snapshot_arg {
    struct lake_stage *stage;
    size_t lake;
};

static bool collect_snapshot_block(void *arg, const struct block *b, struct err *e)
{
    const struct collect_snapshot_arg *x = arg;
    return lake_stage_write(x->stage, x->lake, b, e);
}

bool collect_tables(struct collect *s, struct kv_txn *t, struct control *control,
                    enum collect_snapshot how, struct err *e)
{
    for (size_t i = 0; i < s->spec.job->output_count; i++) {
        struct collect_output *o = &s->outputs[i];
        if (!o->changes || o->output->lake < 0)
            continue;
        struct control_version *v = control_version(control, o->output->name);
        bool changed;
        if (!table_apply(t, o->output->name, o->changes, &changed, e))
            return err_wrap(e, "table %.*s", STR_ARG(o->output->name));
        v->changed = v->changed || changed;
        struct str layout = shape_text(&o->output->shape, s->a);
        if (!str_eq(v->layout, layout))
            v->layout = arena_str(control->a, layout);
        if (how != COLLECT_SNAPSHOT || !v->changed)
            continue;
        v->changed = false;
        v->version++;
        struct collect_snapshot_arg arg = {s->stage, (size_t)o->output->lake};
        if (!lake_stage_version(s->stage, arg.lake, v->version, e) ||
            !table_scan(t, o->output->name, &o->output->shape, collect_snapshot_block, &arg, e))
            return err_wrap(e, "snapshot %llu of %.*s", (unsigned long long)v->version,
                            STR_ARG(o->output->name));
    }
    return true;
}

bool collect_dead_letters(struct collect *s, uint64_t rows, struct str text, struct err *e)
{
    if (rows == 0)
        return true;
    s->dead = rows;
    unsigned long long batch = s->spec.batch, slot = s->spec.slot ? s->spec.slot : s->spec.batch;
    if (s->spec.lake) {
        if (!collect_stage(s, e))
            return false;
        struct str path =
            arena_printf(s->a, "_dead_letters/%s/%llu.jsonl", s->spec.job->name, slot);
        return lake_stage_text(s->stage, path.p, rows, text, e);
    }
    // No lake: a hidden file in the state directory, renamed by delivery.
    s->dead_file = arena_printf(s->a, "%llu.jsonl", slot);
    struct str path = arena_printf(s->a, "%s/%llu.dead", s->spec.spool_dir, batch);
    int fd;
    if (!durable_create(&fd, s->spec.durable, "dead.create", path.p, O_TRUNC | DURABLE_PRIVATE, e))
        return false;
    bool ok = durable_write(s->spec.durable, "dead.write", fd, path.p, text.p, text.n, e) &&
              durable_fsync(s->spec.durable, "dead.fsync", fd, path.p, e);
    close(fd);
    return ok;
}

bool collect_late(struct collect *s, struct err *e)
{
    uint64_t slot = s->spec.slot ? s->spec.slot : s->spec.batch;
    for (size_t i = 0; i < s->spec.job->output_count; i++) {
        uint64_t rows;
        struct str text = late_text(&rows, s->spec.late, i);
        struct str path =
            late_path(s->a, s->spec.job, slot, s->spec.batch, s->spec.job->outputs[i].name);
        if (rows > 0 && (!collect_stage(s, e) || !lake_stage_text(s->stage, path.p, rows, text, e)))
            return false;
    }
    return true;
}

// Appended rows come to those of their slot.
static void collect_seal_again(struct batch_target *out, struct arena *a,
                               const struct collect_target *t)
{
    if (t->again == 0)
        return;
    uint64_t *seqs = ARENA_ZARRAY(a, uint64_t, t->seqs.n);
    memcpy(seqs, t->seqs.v, t->seqs.n * sizeof *seqs);
    out->again = (struct reject_set){t->again, seqs, t->seqs.n};
    out->slot = out->mode == SINK_APPEND ? t->again : 0;
    out->beside = true;
}

static bool collect_seal_spools(struct collect *s, struct batch_target *out, struct err *e)
{
    for (size_t i = 0; i < collect_target_count(s); i++) {
        struct collect_target *t = &s->targets[i];
        const struct job_target *j = t->target;
        struct spool *spool = t->spool;
        t->spool = NULL;
        if (!spool_seal(spool, &t->info, e))
            return err_wrap(e, "output %.*s", STR_ARG(j->name));
        const struct collapse *changes = t->changes ? t->changes : s->outputs[j->output].changes;
        out[i] = (struct batch_target){
            .warehouse = j->warehouse,
            .scheme = str_from(j->type->name),
            .table = j->spec.table,
            .output = s->spec.job->outputs[j->output].name,
            .mode = j->spec.mode,
            .create = j->spec.create,
            .schema = j->spec.schema,
            .columns = j->spec.columns,
            .column_count = j->spec.count,
            .spool = t->file,
            .rows = t->info.rows,
            .upserts = t->info.upserts,
            .deletes = t->info.deletes,
            .collapsed = changes ? collapse_changes(changes) - collapse_count(changes) : 0,
            .bytes = t->info.bytes,
            .checksum = t->info.checksum,
            .rows_hash = t->info.rows_hash,
            .slot = j->spec.mode == SINK_APPEND && collect_target_takes(s, i) ? s->spec.slot : 0,
            .beside = s->spec.beside == COLLECT_BESIDE,
            .whole = s->spec.whole ? s->spec.whole[i]
                                   : s->spec.tables == COLLECT_WHOLE && collect_target_takes(s, i),
        };
        collect_seal_again(&out[i], s->a, t);
    }
    return true;
}

static bool collect_seal_topics(struct collect *s, struct batch_topic *out, struct err *e)
{
    for (size_t i = 0; i < collect_topic_count(s); i++) {
        struct collect_topic *t = &s->topics[i];
        const struct job_topic *j = &s->spec.job->topic_outputs[i];
        struct topic_rows *rows = t->rows;
        struct spool_info info;
        t->rows = NULL;
        if (!topic_rows_seal(rows, &info, e))
            return err_wrap(e, "output %.*s", STR_ARG(j->name));
        out[i] = (struct batch_topic){
            .topic = j->want.name,
            .output = s->spec.job->outputs[j->output].name,
            .spool = t->file,
            .rows = info.rows,
            .deletes = info.deletes,
            .bytes = info.bytes,
            .checksum = info.checksum,
            .rows_hash = info.rows_hash,
        };
    }
    return true;
}

static bool collect_sync_spools(struct collect *s, struct err *e)
{
    return (collect_target_count(s) == 0 && collect_topic_count(s) == 0 && s->dead_file.n == 0) ||
           durable_fsync_dir(s->spec.durable, "spool.dir", s->spec.spool_dir, e);
}

bool collect_seal(struct collect *s, struct batch_record *record, struct lake_manifest *manifest,
                  struct err *e)
{
    struct batch_target *targets =
        ARENA_ZARRAY(s->a, struct batch_target, s->spec.job->target_count + 1);
    struct batch_topic *topics = ARENA_ZARRAY(s->a, struct batch_topic, collect_topic_count(s) + 1);
    if (!collect_seal_spools(s, targets, e) || !collect_seal_topics(s, topics, e) ||
        !collect_sync_spools(s, e))
        return false;
    record->topics = topics;
    record->topic_count = collect_topic_count(s);
    record->targets = targets;
    record->target_count = collect_target_count(s);
    record->dead = s->dead;
    record->dead_file = s->dead_file;
    late_record(s->spec.late, record, s->a);
    *manifest = (struct lake_manifest){0};
    if (s->spec.rows && !stream_rows_seal(s->spec.rows, e))
        return false;
    return !s->stage || lake_stage_seal(s->stage, s->a, manifest, e);
}

bool collect_full(const struct collect *s)
{
    return (s->stage && lake_stage_full(s->stage)) ||
           (s->spec.rows && stream_rows_full(s->spec.rows));
}

enum collect_staged collect_staged(const struct collect *s)
{
    return s->stage ? COLLECT_STAGED : COLLECT_NOTHING_STAGED;
}

bool collect_roll(struct collect *s, const struct control *control, const char *dir, struct err *e)
{
    return stream_rows_roll(s->spec.job, control, dir, s->stage, e);
}

size_t collect_dirty_bytes(const struct collect *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->spec.job->output_count; i++)
        if (s->outputs[i].changes)
            n += collapse_bytes(s->outputs[i].changes);
    for (size_t i = 0; i < collect_target_count(s); i++)
        if (s->targets[i].changes)
            n += collapse_bytes(s->targets[i].changes);
    return n;
}

void collect_free(struct collect *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < collect_target_count(s); i++) {
        spool_abandon(s->targets[i].spool);
        vec_fini(&s->targets[i].seqs);
    }
    for (size_t i = 0; i < collect_topic_count(s); i++)
        topic_rows_abandon(s->topics[i].rows);
    stream_rows_free(s->spec.rows);
    if (s->stage)
        lake_stage_free(s->stage);
    s->stage = NULL;
}
