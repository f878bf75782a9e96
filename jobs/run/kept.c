#include "jobs/run/kept.h"

#include "base/vec.h"
#include "jobs/run/job_internal.h"
#include "jobs/run/kept_rows.h"
#include "jobs/run/late.h"
#include "jobs/run/letters.h"
#include "schema/serde/serde_schema.h"

#include <assert.h>

enum {
    KEPT_CHUNK = 4096,        // lines decoded at once
    KEPT_BYTES_MAX = 1 << 30, // of one slot's records, which are in memory together
    KEPT_PARTITION = 0,
    KEPT_OFFSET,
    KEPT_TIME,
    KEPT_PLACES, // then the columns of the key, then those of the value
};

// Where the records of one topic are.
struct kept_topic {
    struct str topic;
    uint32_t index; // in job.topics
    size_t output;  // in job.outputs
    const struct plan_node *stream;
    struct serde_column *columns; // in the file: place, key, value
    struct serde_column *names;   // of key and value in the topic
    size_t key_count, value_count;
    const struct kept_rows *rows;
    const struct encoder *key, *value; // NULL: no column of that side is kept
};
struct kept {
    struct redo *redo;
    struct kept_topic *topics;
    size_t count;
};

// --- which output keeps what -----------------------------------------------------------------------------------------

static bool kept_lake_column(const struct lake_output *l, uint32_t column)
{
    for (size_t i = 0; i < l->part_count; i++)
        if (l->parts[i].kind == LAKE_PART_COLUMN && (uint32_t)l->parts[i].column == column)
            return false; // in the path only, where NULL and '' are one
    return true;
}

// Column of the output's rows that is, unchanged, the column or pseudo column of the stream it selects from; -1 = none.
static int kept_column(const struct plan_node *project, const struct lake_output *l,
                       enum expr_kind kind, uint32_t column)
{
    for (uint32_t i = 0; i < project->expr_count; i++) {
        const struct expr *x = project->exprs[i];
        if (x->kind == kind && x->column == column && kept_lake_column(l, i))
            return (int)i;
    }
    return -1;
}

static void kept_add(struct kept_topic *t, size_t at, const struct plan_node *project, int column)
{
    const struct schema_column *c = &project->schema->columns[column];
    t->columns[at] = (struct serde_column){c->name, c->type};
}

static void kept_columns(struct kept_topic *t, struct arena *a, const struct plan_node *project,
                         const struct lake_output *l)
{
    const struct schema *sc = t->stream->schema;
    t->columns = ARENA_ZARRAY(a, struct serde_column, (size_t)sc->count + KEPT_PLACES);
    t->names = ARENA_ZARRAY(a, struct serde_column, sc->count + 1);
    size_t n = 0;
    for (uint32_t i = 0; i < sc->count; i++) {
        int at = kept_column(project, l, EXPR_COLUMN, i);
        if (at < 0 || plan_is_header(t->stream->source, i))
            continue;
        t->names[n] = (struct serde_column){sc->columns[i].name, sc->columns[i].type};
        kept_add(t, KEPT_PLACES + n++, project, at);
        t->key_count += i < sc->key_count;
        t->value_count += i >= sc->key_count;
    }
}

static bool kept_format(const struct kept_topic *t, enum serde_format f, size_t columns,
                        struct err *e)
{
    bool ok = columns == 0 || f == SERDE_JSON || (f == SERDE_KAFKA && columns == 1);
    return ok || err_fail(e, ERR_CONFIG,
                          "the format %s of topic %.*s cannot be written again from columns",
                          serde_format_name(f), STR_ARG(t->topic));
}

static bool kept_codecs(struct kept_topic *t, struct arena *a, struct err *e)
{
    const struct plan_source *decl = t->stream->source;
    const struct serde_spec key = {
        .format = decl->key_format,
        .columns = t->names,
        .count = t->key_count,
        .wrapping = serde_key_unwrapped(decl->key_format, t->stream->schema->key_count)
                        ? SERDE_UNWRAPPED
                        : SERDE_WRAPPED};
    const struct serde_spec value = {
        .format = decl->value_format,
        .columns = t->names + t->key_count,
        .count = t->value_count,
        .wrapping = decl->value_wrapping == PLAN_UNWRAPPED ? SERDE_UNWRAPPED : SERDE_WRAPPED};
    return kept_format(t, decl->key_format, t->key_count, e) &&
           kept_format(t, decl->value_format, t->value_count, e) &&
           kept_rows_new(&t->rows, a, t->columns, KEPT_PLACES + t->key_count + t->value_count, e) &&
           (t->key_count == 0 || encoder_new(&t->key, a, &key, e)) &&
           (t->value_count == 0 || encoder_new(&t->value, a, &value, e));
}

// The projection of an output that takes every row of the topic's stream; NULL = it is none.
static const struct plan_node *kept_project(const struct plan_node *object, struct str topic)
{
    if (!object || object->table || object->input_count != 1)
        return NULL;
    const struct plan_node *p = object->inputs[0];
    if (p->kind != PLAN_PROJECT || p->input_count != 1)
        return NULL;
    const struct plan_node *from = p->inputs[0];
    bool topics = from->kind == PLAN_OBJECT && !from->table && from->source &&
                  from->input_count == 1 && str_eq(from->source->topic, topic);
    return topics ? p : NULL;
}

static bool kept_try(struct kept_topic *t, struct kept *k, size_t output, struct err *e)
{
    const struct job *job = k->redo->s->job;
    const struct job_output *o = &job->outputs[output];
    const struct plan_node *p = kept_project(job_object(job->plan, o->name), t->topic);
    static const uint32_t places[KEPT_PLACES] = {PSEUDO_ROWPARTITION, PSEUDO_ROWOFFSET,
                                                 PSEUDO_ROWTIME};
    if (o->lake < 0 || !p)
        return false;
    const struct lake_output *l = &job->lake_outputs[o->lake];
    t->stream = p->inputs[0];
    t->output = output;
    kept_columns(t, k->redo->a, p, l);
    size_t found = 0;
    for (size_t i = 0; i < KEPT_PLACES; i++)
        found += kept_column(p, l, EXPR_PSEUDO, places[i]) >= 0;
    if (found == 0) // not meant to
        return false;
    for (size_t i = 0; i < KEPT_PLACES; i++) {
        int at = kept_column(p, l, EXPR_PSEUDO, places[i]);
        if (at < 0)
            return err_fail(e, ERR_CONFIG, "output %.*s lacks ROWPARTITION, ROWOFFSET or ROWTIME",
                            STR_ARG(o->name));
        kept_add(t, i, p, at);
    }
    return kept_codecs(t, k->redo->a, e);
}

static bool kept_topic_open(struct kept *k, struct str topic, struct err *e)
{
    const struct job *job = k->redo->s->job;
    struct err why = {0};
    for (size_t i = 0; i < job->output_count; i++) {
        struct kept_topic t = {.topic = topic};
        while (t.index < job->topic_count && !str_eq(job->topics[t.index], topic))
            t.index++;
        if (!kept_try(&t, k, i, &why))
            continue;
        k->topics[k->count++] = t;
        return true;
    }
    err_fail(e, ERR_CONFIG, "no output of job %s keeps the records of topic %.*s in the lake%s%s",
             job->name, STR_ARG(topic), why.kind ? ": " : "", why.kind ? why.text : "");
    return err_hint(e,
                    "such an output is CREATE STREAM … AS SELECT *, ROWPARTITION AS P, ROWOFFSET "
                    "AS O, ROWTIME AS T FROM its stream; see the recovery handbook, \"backfill\"");
}

static const struct kept_topic *kept_find(const struct kept *k, struct str topic)
{
    for (size_t i = 0; i < k->count; i++)
        if (str_eq(k->topics[i].topic, topic))
            return &k->topics[i];
    return NULL;
}

// --- whether that is enough ------------------------------------------------------------------------------------------

static bool kept_has(const struct kept_topic *t, struct str column)
{
    for (size_t i = 0; i < t->key_count + t->value_count; i++)
        if (str_eq(t->names[i].name, column))
            return true;
    return false;
}

static bool kept_enough(const struct kept *k, const struct program *p, struct str output,
                        struct err *e)
{
    for (size_t i = 0; i < program_source_count(p); i++) {
        const struct program_source *s = program_source(p, i);
        const struct kept_topic *t = kept_find(k, s->topic);
        assert(t);
        struct str keeper = k->redo->s->job->outputs[t->output].name;
        if (!str_eq(s->object, t->stream->name))
            return err_fail(e, ERR_CONFIG,
                            "output %.*s reads topic %.*s as %.*s, output %.*s keeps it as %.*s",
                            STR_ARG(output), STR_ARG(s->topic), STR_ARG(s->object), STR_ARG(keeper),
                            STR_ARG(t->stream->name));
        for (uint32_t c = 0; c < s->schema->count; c++)
            if (!kept_has(t, s->schema->columns[c].name))
                return err_fail(
                    e, ERR_CONFIG,
                    "output %.*s uses column %.*s of topic %.*s, which output %.*s does "
                    "not keep",
                    STR_ARG(output), STR_ARG(s->schema->columns[c].name), STR_ARG(s->topic),
                    STR_ARG(keeper));
    }
    return true;
}

static bool kept_output(struct kept *k, size_t output, struct err *e)
{
    const struct program *alone = NULL;
    if (!redo_alone(&alone, k->redo, output, e))
        return false;
    for (size_t i = 0; i < program_source_count(alone); i++) {
        struct str topic = program_source(alone, i)->topic;
        if (!kept_find(k, topic) && !kept_topic_open(k, topic, e))
            return false;
    }
    return kept_enough(k, alone, k->redo->s->job->outputs[output].name, e);
}

bool kept_open(struct kept **out, struct redo *redo, struct err *e)
{
    const struct job *job = redo->s->job;
    struct kept *k = ARENA_NEW(redo->a, struct kept);
    size_t left = 0;
    k->redo = redo;
    k->topics = ARENA_ZARRAY(redo->a, struct kept_topic, job->topic_count + 1);
    if (!redo->s->lake)
        return err_fail(e, ERR_CONFIG, "job %s has no lake", job->name);
    // Every topic: a batch may have read them all.
    for (size_t i = 0; i < job->output_count; i++)
        if (redo->outputs[i] && !kept_output(k, i, e))
            return false;
    for (size_t i = 0; i < k->count; i++)
        redo->outputs[k->topics[i].output] = false;
    for (size_t i = 0; i < job->output_count; i++)
        left += redo->outputs[i];
    *out = k;
    return left > 0 || err_fail(e, ERR_CONFIG,
                                "nothing is left to replace: the outputs named are "
                                "those that the records come from");
}

// --- the records of a slot -------------------------------------------------------------------------------------------

struct kept_read {
    const struct kept_topic *t;
    const struct redo_slot *slot;
    struct arena *a;     // of what stays
    struct arena *chunk; // of the lines
    struct kept_file *file;
    bool begun; // its first line was there
    VEC(struct payload) lines;
    VEC(struct letter) letters;
    struct buf text;
    uint64_t bytes;
};

static struct payload kept_payload(struct kept_read *r, const struct encoder *encoder,
                                   const struct column *columns, size_t count, uint32_t row)
{
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any = any || column_is_valid(&columns[i], row);
    if (!encoder || !any)
        return (struct payload){NULL, 0};
    buf_clear(&r->text);
    encoder_row(encoder, &r->text, columns, row);
    struct str s = arena_str(r->a, buf_view(&r->text));
    r->bytes += s.n;
    return (struct payload){s.p, s.n};
}

static bool kept_within(const struct kept_read *r, int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < r->slot->range_count; i++) {
        const struct batch_range *x = &r->slot->ranges[i];
        if (x->partition == partition && str_eq(x->topic, r->t->topic))
            return offset >= x->start && offset < x->end;
    }
    return false;
}

static void kept_row(struct kept_read *r, const struct column *c, uint32_t row)
{
    const struct kept_topic *t = r->t;
    struct letter l = {.topic = t->index, .partition = c[KEPT_PARTITION].i32[row]};
    l.record.offset = c[KEPT_OFFSET].i64[row];
    l.record.timestamp = c[KEPT_TIME].i64[row];
    if (!kept_within(r, l.partition, l.record.offset))
        return; // a file of several batches
    l.record.key = kept_payload(r, t->key, c + KEPT_PLACES, t->key_count, row);
    l.record.value = kept_payload(r, t->value, c + KEPT_PLACES + t->key_count, t->value_count, row);
    if (!l.record.value.p) // a record, if one without a value that is used
        l.record.value = (struct payload){"{}", 2};
    vec_push(&r->letters, l);
}

static bool kept_decode(struct kept_read *r, struct err *e)
{
    const struct kept_topic *t = r->t;
    uint32_t n = (uint32_t)r->lines.n;
    size_t count = KEPT_PLACES + t->key_count + t->value_count;
    struct arena *a = arena_new(NULL);
    struct column *c = ARENA_ZARRAY(a, struct column, count);
    struct decode_result result = {.status = ARENA_ZARRAY(a, uint8_t, n + 1),
                                   .reason = ARENA_ZARRAY(a, struct str, n + 1)};
    bool ok = true;
    for (size_t i = 0; i < count; i++)
        column_init(&c[i], a, t->columns[i].type, n);
    kept_file_decode(r->file, c, &result, a, r->lines.v, n);
    for (uint32_t i = 0; ok && i < n; i++) {
        bool placed = result.status[i] == DECODE_OK;
        for (size_t k = 0; k < KEPT_PLACES; k++)
            placed = placed && column_is_valid(&c[k], i);
        if (placed)
            kept_row(r, c, i);
        else
            ok = err_fail(e, ERR_DATA, "a row does not say where its record was: %.*s",
                          STR_ARG(result.reason[i]));
    }
    r->lines.n = 0;
    arena_reset(r->chunk);
    arena_free(a);
    return ok && buf_ok(&r->text, "a record", e) &&
           (r->bytes <= KEPT_BYTES_MAX ||
            err_fail(e, ERR_LIMIT, "the records are more than %d bytes", KEPT_BYTES_MAX));
}

static bool kept_line(void *arg, struct str line, struct err *e)
{
    struct kept_read *r = arg;
    bool is_row = true;
    if (!r->begun && !kept_file_begin(r->file, line, &is_row, e))
        return false;
    r->begun = true;
    if (!is_row)
        return true;
    const struct payload p = {arena_str(r->chunk, line).p, line.n};
    vec_push(&r->lines, p);
    return r->lines.n < KEPT_CHUNK || kept_decode(r, e);
}

static bool kept_read_topic(struct kept_read *r, const struct kept *k, const struct kept_topic *t,
                            struct err *e)
{
    const struct session *s = k->redo->s;
    const struct lake_file *all;
    size_t n;
    r->t = t;
    lake_slot_files(&all, &n, r->a, &k->redo->slots, r->slot->slot);
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(all[i].output, s->job->outputs[t->output].name))
            continue;
        kept_file_new(&r->file, r->a, t->rows, all[i].path);
        r->begun = false;
        if (!lake_cat_file(s->lake, &all[i], kept_line, r, e) || !kept_decode(r, e))
            return err_wrap(e, "%.*s", STR_ARG(all[i].path));
    }
    return true;
}

static bool kept_once(const struct letters *l, struct err *e)
{
    for (size_t i = 1; i < l->n; i++) {
        const struct letter *x = &l->v[i - 1], *y = &l->v[i];
        if (x->topic == y->topic && x->partition == y->partition &&
            x->record.offset == y->record.offset)
            return err_fail(e, ERR_DATA, "offset %lld of partition %d is there twice",
                            (long long)y->record.offset, (int)y->partition);
    }
    return true;
}

// Records without a value become rows of which all columns are NULL, their places too.
static bool kept_ranges(const struct kept *k, const struct redo_slot *slot, struct err *e)
{
    for (size_t i = 0; i < slot->range_count; i++) {
        const struct batch_range *x = &slot->ranges[i];
        if (x->null_values > 0)
            return err_fail(e, ERR_CONFIG,
                            "%llu records of %.*s/%d had no value (null): their rows do not say "
                            "where they were",
                            (unsigned long long)x->null_values, STR_ARG(x->topic),
                            (int)x->partition);
        if (x->delivered > 0 && !kept_find(k, x->topic))
            return err_fail(e, ERR_CONFIG, "no output keeps the records of topic %.*s",
                            STR_ARG(x->topic));
    }
    return true;
}

// Every record but what is a dead letter now. have: rows or records that the lake keeps.
static bool kept_all(const struct redo_slot *slot, uint64_t have, struct err *e)
{
    uint64_t want = 0, dead = 0;
    for (size_t i = 0; i < slot->range_count; i++)
        want += slot->ranges[i].delivered;
    for (size_t i = 0; i < slot->file_count; i++) {
        const struct lake_file *f = &slot->files[i];
        uint64_t late_slot;
        struct str late;
        if (f->output.n == 0 && !late_path_read(&late_slot, &late, f->path))
            dead += f->rows;
    }
    if (have + dead == want)
        return true;
    err_fail(e, ERR_DATA,
             "the lake keeps %llu of %llu records of batch %llu, and %llu dead letters",
             (unsigned long long)have, (unsigned long long)want, (unsigned long long)slot->slot,
             (unsigned long long)dead);
    return err_hint(e, "what expired is restored from its archive first: sluice lake restore");
}

// Of the slot: a compacted file holds others', too.
static uint64_t kept_rows(const struct lake_file *f, uint64_t slot)
{
    if (f->slot_count == 0)
        return f->rows;
    for (size_t i = 0; i < f->slot_count; i++)
        if (f->slots[i].slot == slot)
            return f->slots[i].rows;
    return 0;
}

bool kept_readable(const struct kept *k, const struct redo_slot *slot, struct err *e)
{
    struct arena *a = arena_new(k->redo->a);
    const struct session *s = k->redo->s;
    const struct lake_file *all;
    size_t n;
    uint64_t rows = 0;
    lake_slot_files(&all, &n, a, &k->redo->slots, slot->slot);
    for (size_t i = 0; i < n; i++)
        for (size_t t = 0; t < k->count; t++)
            if (str_eq(all[i].output, s->job->outputs[k->topics[t].output].name))
                rows += kept_rows(&all[i], slot->slot);
    bool ok = kept_ranges(k, slot, e) && kept_all(slot, rows, e);
    arena_free(a);
    return ok;
}

bool kept_source(struct source **out, const struct kept *k, const struct redo_slot *slot,
                 struct arena *a, struct err *e)
{
    struct kept_read r = {.slot = slot, .a = a, .chunk = arena_new(a)};
    struct letters *l = ARENA_NEW(a, struct letters);
    bool ok = true;
    buf_init(&r.text, KEPT_BYTES_MAX);
    for (size_t i = 0; ok && i < k->count; i++)
        ok = kept_read_topic(&r, k, &k->topics[i], e);
    l->n = r.letters.n;
    l->v = ARENA_ZARRAY(a, struct letter, l->n + 1);
    if (l->n > 0)
        memcpy(l->v, r.letters.v, l->n * sizeof *l->v);
    letters_sort(l);
    vec_fini(&r.lines);
    vec_fini(&r.letters);
    buf_fini(&r.text);
    if (!ok || !kept_once(l, e) || !kept_all(slot, l->n, e))
        return err_wrap(e, "batch %llu from the lake", (unsigned long long)slot->slot);
    *out = letters_source(a, l);
    return true;
}
