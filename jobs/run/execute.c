#include "jobs/run/execute_internal.h"

#include "jobs/run/collect.h"
#include "jobs/run/stream_rows.h"

#include <assert.h>

enum { EXECUTE_DEAD_BYTES_MAX = 64 << 20 }; // dead letters in memory: a batch ends early at this

static bool execute_replays(const struct execution *x)
{
    return x->replace && x->replace->rows == EXECUTE_BESIDE;
}

// Of the run, or of an endless run's last hour.
static uint64_t execute_letters(const struct execution *x)
{
    return x->s->report->dead - x->s->dead + x->dead.count + late_letters(x->late);
}

static bool execute_dead(void *arg, const struct sequence_range *range,
                         const struct scan_record *record, struct str reason, struct err *e)
{
    struct execution *x = arg;
    const struct job *job = x->s->job;
    if (!dead_add(&x->dead, range, record, reason, e))
        return false;
    uint64_t total = execute_letters(x);
    if (total <= job->limits.dead_max || execute_replays(x)) // they were dead letters before
        return true;
    err_fail(e, ERR_DATA,
             "%llu records of this run cannot be decoded, more than dead_letters: max: %llu; the "
             "last one is "
             "%.*s/%d offset %lld: %.*s",
             (unsigned long long)total, (unsigned long long)job->limits.dead_max,
             STR_ARG(range->topic_name), (int)range->partition, (long long)record->offset,
             STR_ARG(reason));
    return err_hint(e, "correct the SQL's columns and formats, or raise the threshold");
}

static bool execute_late(const struct execution *x, struct err *e)
{
    const struct job *job = x->s->job;
    uint64_t total = execute_letters(x);
    if (late_letters(x->late) == 0 || total <= job->limits.dead_max || execute_replays(x))
        return true;
    err_fail(e, ERR_DATA,
             "%llu dead letters of this run, more than dead_letters: max: %llu; the last one: "
             "%.*s",
             (unsigned long long)total, (unsigned long long)job->limits.dead_max,
             STR_ARG(late_reason(x->late)));
    return err_hint(e, "correct the column that time: names, raise retain or the threshold, or "
                       "choose late_partition: write or drop");
}

// The batch may end at this window (DESIGN section 2, step 3).
static bool execute_full(const struct execution *x)
{
    const struct session *s = x->s;
    const struct job_limits *l = &s->job->limits;
    const struct clock *c = &s->env->clock;
    if (x->replace) // a slot is replaced whole
        return false;
    return (l->batch_records_max && sequence_records(x->sequence) >= l->batch_records_max) ||
           (l->batch_bytes_max && sequence_bytes(x->sequence) >= l->batch_bytes_max) ||
           (l->batch_ms_max && c->mono_ms(c->arg) - x->started_ms >= l->batch_ms_max) ||
           exec_dirty_bytes(s->exec) + collect_dirty_bytes(x->collect) >= l->dirty_state_max ||
           x->dead.text.n + late_bytes(x->late) >= EXECUTE_DEAD_BYTES_MAX ||
           collect_full(x->collect);
}

static bool execute_windows(struct execution *x, struct err *e)
{
    for (;;) {
        const struct block_list *inputs;
        switch (sequence_next(x->sequence, &inputs, e)) {
        case SEQUENCE_END:
            return true;
        case SEQUENCE_FAILED:
            return false;
        case SEQUENCE_WINDOW:
            break;
        }
        // An endless run ends this batch where it stands; a bounded one is not worth finishing.
        bool cancelled = x->s->env->cancel && atomic_load(x->s->env->cancel);
        if (cancelled && x->s->mode == SESSION_BOUNDED)
            return err_fail(e, ERR_CANCELLED,
                            "stopped: the batch was not decided and will be read again");
        if (!exec_window(x->s->exec, inputs, e) || !execute_late(x, e))
            return false;
        session_progress(x->s, RUN_READING, x->batch, sequence_records(x->sequence),
                         sequence_bytes(x->sequence));
        if (cancelled || execute_full(x))
            return true;
    }
}

// The ratio is judged over whole batches: one bad record among the first ten is no verdict yet.
static bool execute_dead_ratio(const struct execution *x, struct err *e)
{
    const struct session *s = x->s;
    int64_t limit = s->job->limits.dead_ratio_ppm;
    uint64_t dead = execute_letters(x),
             records = s->report->records - s->records + sequence_records(x->sequence);
    if (limit < 0 || dead == 0 || execute_replays(x) || dead * 1000000 <= (uint64_t)limit * records)
        return true;
    err_fail(e, ERR_DATA,
             "%llu dead letters of %llu records of this run, more than dead_letters: max: allows",
             (unsigned long long)dead, (unsigned long long)records);
    return err_hint(e, "correct the SQL's columns and formats, or raise the threshold");
}

// A window is never larger than a batch may be.
static uint32_t execute_window_rows(const struct session *s)
{
    uint32_t rows = s->env->window ? s->env->window : SEQUENCE_WINDOW_DEFAULT;
    uint64_t most = s->job->limits.batch_records_max;
    return most && most < rows ? (uint32_t)most : rows;
}

// Numbers go on from batch to batch. A store of the time before this was counted had those of batch N from N << 40 on.
static uint64_t execute_next_seq(const struct execution *x)
{
    const struct control *c = &x->s->control;
    return x->replace && x->replace->positions == EXECUTE_KEEP ? x->batch << EXECUTE_SEQ_SHIFT
           : c->next_seq                                       ? c->next_seq
                                                               : x->batch << EXECUTE_SEQ_SHIFT;
}

static void execute_numbers(const struct execution *x, struct sequence_spec *spec)
{
    struct control *c = &x->s->control;
    spec->seq_base = execute_next_seq(x);
    if (x->spec->lake != EXECUTE_LOG)
        return;
    if (control_log_rows(c) == 0) {
        c->roll_seq = spec->seq_base;
        c->roll_places = x->s->partition_count;
    }
    if (spec->order != SEQUENCE_STRIPES)
        return;
    spec->numbers = SEQUENCE_PLACED;
    spec->seq_base = c->roll_seq;
    spec->places = c->roll_places;
}

static bool execute_read(struct execution *x, const struct sequence_range *ranges, size_t count,
                         struct err *e)
{
    const struct session *s = x->s;
    struct sequence_spec spec = {
        .program = s->job->program,
        .source = x->replace && x->replace->source ? x->replace->source : s->source,
        .ranges = ranges,
        .range_count = count,
        .order =
            program_order(s->job->program) == ORDER_ALIGNED ? SEQUENCE_MERGE : SEQUENCE_STRIPES,
        .loss = s->job->loss == JOB_ACCEPT_LOSS && !x->replace ? SEQUENCE_ACCEPT_LOSS
                                                               : SEQUENCE_REFUSE_LOSS,
        .window = execute_window_rows(s),
        .pool = s->pool,
        .anchors = x->spec->anchors == EXECUTE_COMPARE ? SEQUENCE_COMPARE : SEQUENCE_GO_ON,
        .clock = &s->env->clock,
        .patience_ms = s->job->limits.patience_ms,
        .cancel = s->env->cancel,
        .dead = execute_dead,
        .dead_arg = x,
        .origins = x->late ? SEQUENCE_ORIGINS : SEQUENCE_NO_ORIGINS,
    };
    execute_numbers(x, &spec);
    if (!sequence_open(&x->sequence, &spec, e))
        return false;
    late_from(x->late, x->sequence);
    return execute_windows(x, e) && execute_dead_ratio(x, e) && exec_batch_end(s->exec, e) &&
           collect_close_rows(x->collect, e);
}

// What is read again must be what was read: the last record of every range is compared.
bool execute_same_source(const struct batch_range *recorded, const struct batch_range *ranges,
                         size_t count, uint64_t slot, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        const struct batch_range *now = &ranges[i], *then = &recorded[i];
        assert(now->end == then->end);
        if (!now->anchored || !then->anchored || now->anchor_offset != then->anchor_offset ||
            now->anchor_hash == then->anchor_hash)
            continue;
        err_fail(e, ERR_BEHIND,
                 "%.*s/%d: the record at offset %lld is not the one that batch %llu read",
                 STR_ARG(now->topic), (int)now->partition, (long long)now->anchor_offset,
                 (unsigned long long)slot);
        return err_hint(e, "the topic was recreated: what it held then cannot be read again");
    }
    return true;
}

static struct stream_rows *execute_row_logs(struct execution *x)
{
    const struct stream_rows_spec spec = {
        .job = x->s->job,
        .control = &x->s->control,
        .durable = x->s->env->durable,
        .dir = x->s->log_dir,
        .batch = x->batch,
        .now_ms = x->now_ms,
        .a = x->a,
    };
    return stream_rows_new(&spec);
}

// The ranges whose rows wait in the row logs, and the rows themselves.
static bool execute_roll(struct execution *x, struct err *e)
{
    const struct control *c = &x->s->control;
    if (x->spec->lake != EXECUTE_ROLL)
        return true;
    x->rolled = ARENA_ZARRAY(x->a, struct batch_range, c->position_count + 1);
    for (size_t i = 0; i < c->position_count; i++) {
        const struct control_position *p = &c->positions[i];
        if (p->rolled < p->next)
            x->rolled[x->rolled_count++] = (struct batch_range){
                .topic = p->topic, .partition = p->partition, .start = p->rolled, .end = p->next};
    }
    return collect_roll(x->collect, c, x->s->log_dir, e);
}

static bool execute_fed(const struct execute_replace *r)
{
    return r && r->feed;
}

// What a reset left in the warehouses' tables goes with the first batch after it.
static const bool *execute_whole(const struct execution *x)
{
    const struct job *job = x->s->job;
    if (x->replace)
        return NULL;
    bool *whole = ARENA_ZARRAY(x->a, bool, job->target_count + 1);
    for (size_t i = 0; i < job->target_count; i++)
        whole[i] = control_output(&x->s->control, job->targets[i].name)->whole;
    return whole;
}

static bool execute_run(struct execution *x, const struct sequence_range *ranges,
                        struct batch_record *r, enum execute_end *end, struct err *e)
{
    struct session *s = x->s;
    struct collect_spec spec = {
        .job = s->job,
        .durable = s->env->durable,
        .lake = s->lake,
        .spool_dir = s->spool_dir,
        .partitions = s->topic_partitions,
        .batch = x->batch,
        .now_ms = x->now_ms,
        .how = x->spec->lake == EXECUTE_LOG    ? COLLECT_LOGGED
               : x->spec->lake == EXECUTE_ROLL ? COLLECT_ROLLED
                                               : COLLECT_DIRECT,
        .slot = r->slot,
        .beside = execute_replays(x) ? COLLECT_BESIDE : COLLECT_INSTEAD,
        .file_number = execute_replays(x) ? x->replace->file_number : 0,
        .outputs = x->replace ? x->replace->outputs : NULL,
        .targets = x->replace ? x->replace->targets : NULL,
        .tables = x->replace && x->replace->tables == EXECUTE_WHOLE ? COLLECT_WHOLE : COLLECT_ROWS,
        .topics = x->replace && x->replace->topics == EXECUTE_SEND ? COLLECT_SEND : COLLECT_SILENT,
        .whole = execute_whole(x),
        .late = x->late,
        .a = x->a,
    };
    if (x->spec->lake == EXECUTE_LOG)
        spec.rows = execute_row_logs(x);
    if (!collect_open(&x->collect, &spec, e))
        return false;
    s->collecting = x->collect;
    if (execute_fed(x->replace)) {
        if (!x->replace->feed(x->replace->feed_arg, x->collect, e) ||
            !collect_close_rows(x->collect, e))
            return false;
    } else {
        if (!execute_roll(x, e) || !execute_read(x, ranges, r->range_count, e))
            return false;
        sequence_finish(x->sequence, r->ranges);
        if (x->replace && x->replace->recorded &&
            !execute_same_source(x->replace->recorded, r->ranges, r->range_count, x->replace->slot,
                                 e))
            return false;
    }
    return execute_decide(x, ranges, r, end, e);
}

static void execute_report(const struct execution *x, const struct batch_record *r)
{
    struct run_report *out = x->s->report;
    out->batches++;
    out->batch_last = r->batch;
    if (out->batch_first == 0)
        out->batch_first = r->batch;
    out->records += x->sequence ? sequence_records(x->sequence) : 0;
    out->bytes += x->sequence ? sequence_bytes(x->sequence) : 0;
    out->dead += r->dead + late_letters(x->late);
    for (size_t i = 0; i < r->late_count; i++)
        out->late_partition += r->late[i].late;
    for (size_t i = 0; i < r->range_count; i++)
        out->lost += r->ranges[i].lost;
    for (size_t i = 0; i < r->counter_count; i++)
        out->late += r->counters[i].late;
}

// The engine lives for the whole run, the collectors for one batch.
static bool execute_emit(void *arg, size_t output, const struct block *b, struct err *e)
{
    struct session *s = arg;
    return collect_emit(s->collecting, output, b, e);
}

bool execute_batch(struct batch_record *out, enum execute_end *end, struct session *s,
                   const struct execute_spec *spec, struct err *e)
{
    const struct clock *c = &s->env->clock;
    struct execution x = {.s = s,
                          .a = spec->a,
                          .spec = spec,
                          .replace = spec->replace,
                          .batch = s->control.last_batch + 1,
                          .started_ms = c->mono_ms(c->arg)};
    int64_t wall = c->now_ms(c->arg);
    x.now_ms =
        wall > s->control.now_ms ? wall : s->control.now_ms; // monotone, whatever the clock does
    *out = (struct batch_record){
        .batch = x.batch,
        .run = s->run,
        .slot = spec->replace ? spec->replace->slot : 0,
        .kind = spec->kind,
        .logged = spec->lake == EXECUTE_LOG,
        .now_ms = x.now_ms,
        .code = program_digest(s->job->program),
        .cluster = s->cluster,
        .group = str_from(s->job->group),
        .ranges = ARENA_ZARRAY(spec->a, struct batch_range, spec->count + 1),
        .range_count = spec->count,
        .marker_topic = STR(""),
        .marker_prev_topic = STR(""),
        .manifest = STR(""),
        .dead_file = STR(""),
    };
    dead_init(&x.dead, s->job->dead_payload);
    if (!s->exec && !session_start(s, execute_emit, s, e)) {
        dead_fini(&x.dead);
        return false;
    }
    int64_t now_ms = spec->replace ? spec->replace->now_ms : x.now_ms;
    bool fed = execute_fed(spec->replace); // runs the engine itself
    if (s->lake && !fed)
        x.late = late_new(spec->a, s->job, now_ms);
    bool ok = (fed || exec_batch_begin(s->exec, now_ms, x.batch, e)) &&
              execute_run(&x, spec->ranges, out, end, e);
    s->collecting = NULL;
    if (ok && s->engine == SESSION_STATE)
        exec_committed(s->exec);
    else if (!fed)
        exec_rollback(s->exec);
    if (ok) {
        execute_report(&x, out);
    } else {
        err_wrap(e, "batch %llu", (unsigned long long)x.batch);
    }
    sequence_close(x.sequence);
    collect_free(x.collect);
    dead_fini(&x.dead);
    late_fini(x.late);
    return ok;
}
