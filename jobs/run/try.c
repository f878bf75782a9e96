#include "jobs/run/try.h"

#include "base/map.h"
#include "jobs/run/doc.h"
#include "jobs/run/drift.h"
#include "jobs/run/redo.h"
#include "lake/format/format.h"
#include "lake/layout/partition.h"

#include <assert.h>

enum { TRY_DEAD_SHOWN = 5, TRY_PLACES_SHOWN = 20, TRY_SAMPLE_MAX = 64 << 20 };

struct try_output {
    const struct job_output *output;
    const struct format_writer *writer;
    struct partitioner *partitioner; // streams of the lake
    struct str place;                // the last row's
    struct map *places;              // partition -> rows
    struct buf sample;
    uint64_t rows, deletes, shown;
};

struct
try {
    const struct job *job;
    const struct run_env *env;
    const struct try_spec *spec;
    struct try_report *report;
    struct arena *a, *scratch;
    struct session s; // only what the plan of ranges needs
    struct try_output *outputs;
    struct buf dead;
    struct drift *drift;
};

// --- what comes out --------------------------------------------------------------------------------------------------

static bool try_open_output(struct try *x, struct try_output *o, const struct job_output *j,
                            struct err *e)
{
    const struct schema *all = &j->shape.all;
    struct serde_column *columns = ARENA_ZARRAY(x->a, struct serde_column, all->count + 1);
    for (uint32_t i = 0; i < all->count; i++)
        columns[i] = (struct serde_column){all->columns[i].name, all->columns[i].type};
    o->output = j;
    o->places = map_new(x->a);
    buf_init(&o->sample, TRY_SAMPLE_MAX);
    if (!format_jsonl.open(&o->writer, x->a, columns, all->count, e))
        return false;
    return j->table || j->lake < 0 ||
           partitioner_new(&o->partitioner, x->a, &x->job->lake_outputs[j->lake], e);
}

static void try_places(struct try *x, struct try_output *o, const struct block *b)
{
    const struct lake_output *lake = &x->job->lake_outputs[o->output->lake];
    int64_t *times = ARENA_ARRAY(x->scratch, int64_t, b->rows + 1);
    uint8_t *valid = ARENA_ARRAY(x->scratch, uint8_t, b->rows + 1);
    partitioner_times(times, valid, lake, b);
    for (uint32_t row = 0; row < b->rows; row++) {
        bool added;
        if (partitioner_row(o->partitioner, b, row, times, valid) == PARTITION_OTHER)
            o->place = arena_str(x->a, partitioner_path(o->partitioner));
        ++*map_put(o->places, o->place, &added);
    }
}

static bool try_emit(void *arg, size_t output, const struct block *b, struct err *e)
{
    struct try *x = arg;
    struct try_output *o = NULL;
    for (size_t i = 0; i < x->job->output_count; i++)
        o = x->job->outputs[i].index == output ? &x->outputs[i] : o;
    if (!o)
        return true;
    arena_reset(x->scratch);
    const struct column *columns = shape_columns(&o->output->shape, x->scratch, b);
    for (uint32_t row = 0; row < b->rows; row++) {
        bool gone = b->op && (b->op[row] == OP_DELETE || b->op[row] == OP_UPDATE_BEFORE);
        o->rows += !gone;
        o->deletes += gone;
        if (gone || o->shown == x->spec->rows)
            continue;
        o->shown++;
        buf_text(&o->sample, "    ");
        format_jsonl.row(o->writer, &o->sample, columns, row);
    }
    if (o->partitioner)
        try_places(x, o, b);
    return buf_ok(&o->sample, "the rows shown", e);
}

static bool try_dead(void *arg, const struct sequence_range *range,
                     const struct scan_record *record, struct str reason, struct err *e)
{
    struct try *x = arg;
    if (x->report->dead++ < TRY_DEAD_SHOWN)
        buf_printf(&x->dead, "  %.*s/%d offset %lld: %.*s\n", STR_ARG(range->topic_name),
                   (int)range->partition, (long long)record->offset, STR_ARG(reason));
    return buf_ok(&x->dead, "the records that cannot be decoded", e);
}

// --- reading ---------------------------------------------------------------------------------------------------------

static bool try_source(struct try *x, struct err *e)
{
    const struct job *job = x->job;
    struct source_spec spec = {
        .topics = job->topics,
        .topic_count = job->topic_count,
        .properties = job->properties,
        .property_count = job->property_count,
        .group = job->group,
        .client_id = arena_printf(x->a, "sluice-try-%s", job->name).p,
        .fetch_bytes_max = job->limits.fetch_bytes_max,
        .durable = x->env->durable,
    };
    for (size_t i = 0; i < program_source_count(job->program); i++)
        if (program_source(job->program, i)->decl->header_count > 0)
            spec.headers = SOURCE_HEADERS;
    return x->env->source->open(&x->s.source, &spec, e) &&
           x->s.source->type->plan(x->s.source, x->a, &x->s.partitions, &x->s.partition_count, e);
}

// The newest records, the same number of every partition.
static size_t try_ranges(struct try *x, struct sequence_range *out)
{
    size_t n = 0, count = x->s.partition_count;
    int64_t each = count ? (int64_t)((x->spec->records + count - 1) / count) : 0;
    for (size_t i = 0; i < count; i++) {
        const struct source_partition *p = &x->s.partitions[i];
        int64_t from = each && p->end - p->log_start > each ? p->end - each : p->log_start;
        if (from >= p->end)
            continue;
        out[n] = (struct sequence_range){
            .topic = p->topic,
            .topic_name = x->job->topics[p->topic],
            .partition = p->partition,
            .start = from,
            .read_from = from,
            .end = p->end,
        };
        plan_rank(&x->s, &out[n++]);
    }
    return n;
}

static bool try_windows(struct try *x, struct sequence *q, struct exec *exec, struct err *e)
{
    for (;;) {
        const struct block_list *inputs;
        switch (sequence_next(q, &inputs, e)) {
        case SEQUENCE_END:
            x->report->records = sequence_records(q);
            return true;
        case SEQUENCE_FAILED:
            return false;
        case SEQUENCE_WINDOW:
            break;
        }
        if (x->env->cancel && atomic_load(x->env->cancel))
            return err_fail(e, ERR_CANCELLED, "stopped");
        if (!exec_window(exec, inputs, e))
            return false;
    }
}

static bool try_read(struct try *x, struct err *e)
{
    const struct job *job = x->job;
    struct sequence_range *ranges =
        ARENA_ZARRAY(x->a, struct sequence_range, x->s.partition_count + 1);
    struct sequence *q = NULL;
    struct exec *exec = NULL;
    const struct exec_spec engine = {
        .program = job->program,
        .job = job->name,
        .dirty_state_max = job->limits.dirty_state_max,
        .cache_max = job->limits.dirty_state_max,
        .emit = try_emit,
        .emit_arg = x,
    };
    const struct sequence_spec spec = {
        .program = job->program,
        .source = drift_tap(x->drift, x->s.source),
        .ranges = ranges,
        .range_count = try_ranges(x, ranges),
        .order = program_order(job->program) == ORDER_ALIGNED ? SEQUENCE_MERGE : SEQUENCE_STRIPES,
        .loss = SEQUENCE_ACCEPT_LOSS,
        .seq_base = UINT64_C(1) << EXECUTE_SEQ_SHIFT,
        .window = x->env->window,
        .clock = &x->env->clock,
        .patience_ms = job->limits.patience_ms,
        .cancel = x->env->cancel,
        .dead = try_dead,
        .dead_arg = x,
    };
    int64_t now = x->env->clock.now_ms(x->env->clock.arg);
    bool ok = exec_open(&exec, &engine, e) && exec_batch_begin(exec, now, 1, e) &&
              sequence_open(&q, &spec, e) && try_windows(x, q, exec, e) && exec_batch_end(exec, e);
    sequence_close(q);
    exec_close(exec);
    return ok;
}

// --- printing --------------------------------------------------------------------------------------------------------

static void try_print_places(struct buf *out, const struct try *x, const struct try_output *o)
{
    const struct lake_output *lake = &x->job->lake_outputs[o->output->lake];
    struct buf dir;
    buf_init(&dir, LAYOUT_PATH_MAX);
    layout_output(&dir, lake->kind, lake->name);
    if (o->output->table)
        buf_printf(out, "  lake: %.*s/version=N, one more when the table changed\n",
                   STR_ARG(buf_view(&dir)));
    size_t n = map_count(o->places);
    for (size_t i = 0; i < n && i < TRY_PLACES_SHOWN; i++) {
        struct str place = map_key(o->places, i);
        buf_printf(out, "  lake: %.*s%s%.*s  %llu rows\n", STR_ARG(buf_view(&dir)),
                   place.n ? "/" : "", STR_ARG(place),
                   (unsigned long long)*map_get(o->places, place));
    }
    if (n > TRY_PLACES_SHOWN)
        buf_printf(out, "  lake: … and %zu partitions more\n", n - TRY_PLACES_SHOWN);
    buf_fini(&dir);
}

static bool try_print_targets(struct buf *out, const struct try *x, const struct job_output *o,
                              struct err *e)
{
    for (size_t i = 0; i < o->target_count; i++) {
        const struct job_target *t = &x->job->targets[o->target_first + i];
        struct buf sql;
        buf_init(&sql, TRY_SAMPLE_MAX);
        bool ok = t->type->describe(&sql, &t->spec, e);
        buf_printf(out, "  warehouse %.*s, table %.*s:\n", STR_ARG(t->warehouse),
                   STR_ARG(t->spec.table));
        struct str rest = buf_view(&sql), line;
        while (ok && str_split_once(&line, &rest, rest, '\n'))
            buf_printf(out, "    %.*s\n", STR_ARG(line));
        buf_fini(&sql);
        if (!ok)
            return err_wrap(e, "output %.*s", STR_ARG(t->name));
    }
    return true;
}

static bool try_print(struct buf *out, const struct try *x, struct err *e)
{
    for (size_t i = 0; i < x->job->output_count; i++) {
        const struct try_output *o = &x->outputs[i];
        x->report->rows += o->rows;
        buf_printf(out, "%s %.*s: %llu rows", o->output->table ? "table" : "stream",
                   STR_ARG(o->output->name), (unsigned long long)o->rows);
        if (o->deletes)
            buf_printf(out, ", %llu taken back", (unsigned long long)o->deletes);
        buf_char(out, '\n');
        buf_str(out, buf_view(&o->sample));
        if (o->output->lake >= 0)
            try_print_places(out, x, o);
        if (!try_print_targets(out, x, o->output, e))
            return false;
    }
    if (x->report->dead)
        buf_printf(out, "%llu records cannot be decoded:\n%.*s",
                   (unsigned long long)x->report->dead, STR_ARG(buf_view(&x->dead)));
    return buf_ok(out, "the result", e);
}

// --- drift -----------------------------------------------------------------------------------------------------------

// What open would say of the tables; a store that cannot be asked now is none.
static json_t *try_tables(const struct try *x)
{
    json_t *list = json_array();
    for (size_t i = 0; i < x->job->target_count; i++) {
        const struct job_target *t = &x->job->targets[i];
        struct sink_spec spec = t->spec;
        struct buf says;
        struct err e = {0};
        spec.durable = x->env->durable;
        buf_init(&says, TRY_SAMPLE_MAX);
        const bool asked = t->type->drift && t->type->drift(&says, &spec, &e);
        if (t->type->drift && !asked)
            buf_printf(&says, "cannot be asked: %s", e.text);
        if (says.n > 0) {
            json_t *j = json_object();
            json_object_set_new(j, "output", json_string(t->spec.output));
            json_object_set_new(j, "warehouse", doc_new_str(t->warehouse));
            json_object_set_new(j, "table", doc_new_str(t->spec.table));
            json_object_set_new(j, "drift", doc_new_str(buf_view(&says)));
            json_array_append_new(list, j);
        }
        buf_fini(&says);
    }
    return list;
}

static void try_print_drift(struct buf *out, const json_t *records, const json_t *tables)
{
    if (json_array_size(records) > 0) {
        buf_text(out, "records and SQL differ:\n");
        drift_print(out, records);
    }
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const json_t *j = json_array_get(tables, i);
        buf_printf(out, "warehouse %s, output %s: %s\n",
                   json_string_value(json_object_get(j, "warehouse")),
                   json_string_value(json_object_get(j, "output")),
                   json_string_value(json_object_get(j, "drift")));
    }
}

static json_t *try_output_json(const struct try *x, const struct try_output *o)
{
    json_t *j = json_object(), *places = json_array(), *rows = json_array();
    json_object_set_new(j, "output", doc_new_str(o->output->name));
    json_object_set_new(j, "kind", json_string(o->output->table ? "table" : "stream"));
    json_object_set_new(j, "rows", doc_new_u64(o->rows));
    json_object_set_new(j, "taken_back", doc_new_u64(o->deletes));
    for (size_t i = 0; i < map_count(o->places); i++) {
        json_t *p = json_object();
        json_object_set_new(p, "partition", doc_new_str(map_key(o->places, i)));
        json_object_set_new(p, "rows", doc_new_u64(map_value(o->places, i)));
        json_array_append_new(places, p);
    }
    struct str rest = buf_view(&o->sample), line;
    while (str_split_once(&line, &rest, rest, '\n'))
        json_array_append_new(rows, json_loadb(line.p, line.n, JSON_ALLOW_NUL, NULL));
    json_object_set_new(j, "partitions", places);
    json_object_set_new(j, "sample", rows);
    x->report->rows += o->rows;
    return j;
}

static bool try_result(struct buf *out, const struct try *x, struct err *e)
{
    json_t *records = drift_json(x->drift), *tables = try_tables(x), *outputs = json_array();
    bool ok = true;
    if (x->spec->form == TRY_TEXT) {
        ok = try_print(out, x, e);
        try_print_drift(out, records, tables);
    } else {
        json_t *j = json_object();
        for (size_t i = 0; i < x->job->output_count; i++)
            json_array_append_new(outputs, try_output_json(x, &x->outputs[i]));
        json_object_set_new(j, "job", json_string(x->job->name));
        json_object_set_new(j, "records", doc_new_u64(x->report->records));
        json_object_set_new(j, "dead", doc_new_u64(x->report->dead));
        json_object_set(j, "outputs", outputs);
        json_object_set(j, "records_drift", records);
        json_object_set(j, "tables_drift", tables);
        doc_pretty(out, j);
        buf_char(out, '\n');
        json_decref(j);
    }
    json_decref(records);
    json_decref(tables);
    json_decref(outputs);
    return ok && buf_ok(out, "the result", e);
}

bool run_try(struct try_report *out, struct buf *text, const struct job *job,
             const struct run_env *env, const struct try_spec *spec, struct err *e)
{
    assert(job && env && spec);
    *out = (struct try_report){0};
    struct try x = {.job = job, .env = env, .spec = spec, .report = out, .a = arena_new(NULL)};
    x.scratch = arena_new(x.a);
    x.s.job = job;
    x.drift = drift_new(x.a, job);
    x.outputs = ARENA_ZARRAY(x.a, struct try_output, job->output_count + 1);
    buf_init(&x.dead, 1 << 20);
    bool ok = true;
    for (size_t i = 0; ok && i < job->output_count; i++)
        ok = try_open_output(&x, &x.outputs[i], &job->outputs[i], e);
    ok = ok && try_source(&x, e) && try_read(&x, e) && try_result(text, &x, e);
    for (size_t i = 0; i < job->output_count; i++) {
        partitioner_free(x.outputs[i].partitioner);
        buf_fini(&x.outputs[i].sample);
    }
    if (x.s.source)
        x.s.source->type->close(x.s.source);
    buf_fini(&x.dead);
    arena_free(x.a);
    return ok || err_wrap(e, "trying job %s", job->name);
}
