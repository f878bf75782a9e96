#include "jobs/run/late.h"

#include "base/hash.h"
#include "config/units.h"
#include "jobs/run/dead.h"
#include "lake/layout/age.h"
#include "lake/layout/partition.h"
#include "schema/rowcodec.h"
#include "schema/serde/serde.h"
#include "schema/text.h"

#include <assert.h>

enum { LATE_TEXT_MAX = 512 << 20 };

struct late_output {
    const struct job_output *output; // NULL: its lake takes every row
    const struct lake_output *lake;
    const struct encoder *encoder;
    int64_t cutoff_ms;
    uint64_t rows, late;
    struct buf text;
};

struct late {
    const struct job *job;
    const struct sequence *sequence;
    struct arena *a;
    struct late_output *outputs; // by job.outputs
    uint64_t letters;
    struct buf reason; // of the last letter
    struct buf row;
};

// --- opening ---------------------------------------------------------------------------------------------------------

static const struct lake_output *late_lake(const struct job *job, size_t output)
{
    int lake = job->outputs[output].lake;
    bool strict = lake >= 0 && job->lake_outputs[lake].late != LAKE_LATE_WRITE;
    return strict ? &job->lake_outputs[lake] : NULL;
}

struct late *late_new(struct arena *a, const struct job *job, int64_t now_ms)
{
    struct late *s = NULL;
    for (size_t i = 0; i < job->output_count; i++) {
        const struct lake_output *l = late_lake(job, i);
        if (!l)
            continue;
        if (!s) {
            s = ARENA_NEW(a, struct late);
            s->job = job;
            s->a = a;
            s->outputs = ARENA_ZARRAY(a, struct late_output, job->output_count);
            buf_init(&s->reason, 1 << 16);
            buf_init(&s->row, LATE_TEXT_MAX);
        }
        struct late_output *o = &s->outputs[i];
        o->output = &job->outputs[i];
        o->lake = l;
        o->cutoff_ms = age_cutoff(l, now_ms, l->retain_ms);
        buf_init(&o->text, LATE_TEXT_MAX);
    }
    return s;
}

void late_fini(struct late *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->job->output_count; i++)
        if (s->outputs[i].output)
            buf_fini(&s->outputs[i].text);
    buf_fini(&s->reason);
    buf_fini(&s->row);
}

void late_from(struct late *s, const struct sequence *q)
{
    if (s)
        s->sequence = q;
}

// --- letters ---------------------------------------------------------------------------------------------------------

static void late_why(struct late *s, const struct late_output *o, int64_t time_ms)
{
    buf_clear(&s->reason);
    buf_printf(&s->reason, "output %.*s: the partition of ", STR_ARG(o->output->name));
    text_timestamp(&s->reason, time_ms);
    buf_text(&s->reason, " has expired: ");
    text_timestamp(&s->reason, o->cutoff_ms);
    buf_text(&s->reason, " is the first instant kept (retain: ");
    units_print_duration(&s->reason, o->lake->retain_ms);
    buf_char(&s->reason, ')');
}

static void late_string(struct buf *out, const char *name, struct str s)
{
    buf_printf(out, ",\"%s\":", name);
    dead_string(out, s);
}

// By policy, as the payload of records: the row, or its hash.
static void late_row(struct late *s, struct late_output *o, const struct column *columns,
                     uint32_t row)
{
    char hex[17];
    switch (s->job->dead_payload) {
    case JOB_DEAD_NONE:
        return;
    case JOB_DEAD_HASH:
        buf_clear(&s->row);
        rowcodec_encode(&s->row, columns, o->output->shape.all.count, row);
        hash_hex(hex, hash_str(buf_view(&s->row)));
        buf_printf(&o->text, ",\"row_xxh64\":\"%s\"", hex);
        return;
    case JOB_DEAD_FULL:
        break;
    }
    buf_text(&o->text, ",\"row\":");
    encoder_row(o->encoder, &o->text, columns, row);
}

// The place is that of the record whose arrival brought the row.
static void late_letter(struct late *s, struct late_output *o, const struct block *b,
                        const struct column *columns, uint32_t row)
{
    const struct sequence_range *range = NULL;
    const struct scan_record *r =
        s->sequence ? sequence_origin(s->sequence, b->seq[row], &range) : NULL;
    buf_text(&o->text, "{\"topic\":");
    if (r) {
        dead_string(&o->text, range->topic_name);
        buf_printf(&o->text, ",\"partition\":%d,\"offset\":%lld,\"timestamp\":%lld",
                   (int)range->partition, (long long)r->offset, (long long)r->timestamp);
    } else {
        buf_text(&o->text, "null");
    }
    late_string(&o->text, "output", o->output->name);
    late_string(&o->text, "reason", buf_view(&s->reason));
    late_row(s, o, columns, row);
    buf_text(&o->text, "}\n");
    s->letters++;
}

static bool late_encoder(struct late_output *o, struct arena *a, struct err *e)
{
    const struct schema *all = &o->output->shape.all;
    struct serde_column *columns = ARENA_ZARRAY(a, struct serde_column, all->count + 1);
    for (uint32_t i = 0; i < all->count; i++)
        columns[i] = (struct serde_column){all->columns[i].name, all->columns[i].type};
    const struct serde_spec spec = {
        .format = SERDE_JSON, .columns = columns, .count = all->count, .wrapping = SERDE_WRAPPED};
    return o->encoder || encoder_new(&o->encoder, a, &spec, e);
}

// --- rows ------------------------------------------------------------------------------------------------------------

bool late_take(const struct block **out, struct late *s, size_t output, const struct block *b,
               struct arena *a, struct err *e)
{
    *out = b;
    if (!s || !s->outputs[output].output || b->rows == 0)
        return true;
    struct late_output *o = &s->outputs[output];
    int64_t *times = ARENA_ARRAY(a, int64_t, b->rows);
    uint8_t *valid = ARENA_ARRAY(a, uint8_t, b->rows);
    uint32_t *on_time = ARENA_ARRAY(a, uint32_t, b->rows), n = 0;
    const struct column *columns = NULL;
    partitioner_times(times, valid, o->lake, b);
    for (uint32_t i = 0; i < b->rows; i++) {
        if (!valid[i] || !age_over(o->lake, times[i], o->cutoff_ms)) {
            on_time[n++] = i;
            continue;
        }
        if (o->lake->late == LAKE_LATE_DROP)
            continue;
        if (!columns) {
            columns = shape_columns(&o->output->shape, a, b);
            if (!late_encoder(o, s->a, e))
                return false;
        }
        late_why(s, o, times[i]);
        late_letter(s, o, b, columns, i);
    }
    o->rows += b->rows;
    o->late += b->rows - n;
    if (n < b->rows)
        *out = block_gather(a, b, on_time, n);
    return buf_ok(&o->text, "rows of expired partitions", e);
}

// --- what came of it -------------------------------------------------------------------------------------------------

uint64_t late_letters(const struct late *s)
{
    return s ? s->letters : 0;
}

size_t late_bytes(const struct late *s)
{
    size_t sum = 0;
    for (size_t i = 0; s && i < s->job->output_count; i++)
        sum += s->outputs[i].text.n;
    return sum;
}

struct str late_reason(const struct late *s)
{
    return buf_view(&s->reason);
}

struct str late_text(uint64_t *rows, const struct late *s, size_t output)
{
    const struct late_output *o = s ? &s->outputs[output] : NULL;
    *rows = o && o->output && o->lake->late == LAKE_LATE_DEAD ? o->late : 0;
    return *rows > 0 ? buf_view(&o->text) : STR("");
}

void late_record(const struct late *s, struct batch_record *r, struct arena *a)
{
    struct batch_late *v = ARENA_ZARRAY(a, struct batch_late, s ? s->job->output_count : 1);
    for (size_t i = 0; s && i < s->job->output_count; i++) {
        const struct late_output *o = &s->outputs[i];
        if (o->late > 0)
            v[r->late_count++] = (struct batch_late){
                o->output->name, o->rows, o->late,
                o->lake->late == LAKE_LATE_DEAD ? BATCH_LATE_LETTERS : BATCH_LATE_DROPPED};
    }
    r->late = v;
}

// --- their files -----------------------------------------------------------------------------------------------------

struct str late_name(struct arena *a, struct str output)
{
    struct buf name;
    buf_init(&name, LAYOUT_PATH_MAX);
    layout_name(&name, output);
    struct str s = arena_str(a, buf_view(&name));
    buf_fini(&name);
    return s;
}

struct str late_path(struct arena *a, const struct job *job, uint64_t slot, uint64_t batch,
                     struct str output)
{
    return arena_printf(a, "_dead_letters/%s/%llu-late-%llu-%.*s.jsonl", job->name,
                        (unsigned long long)slot, (unsigned long long)batch,
                        STR_ARG(late_name(a, output)));
}

bool late_path_read(uint64_t *slot, struct str *output, struct str path)
{
    struct str name = path, late, batch, number;
    uint64_t n;
    while (name.n > 0 && str_split_once(&late, &name, name, '/'))
        ;
    if (!str_ends(name, STR(".jsonl")))
        return false;
    name = str_slice(name, 0, name.n - 6);
    return str_split_once(&number, &name, name, '-') && str_to_u64(slot, number) &&
           str_split_once(&late, &name, name, '-') && str_eq(late, STR("late")) &&
           str_split_once(&batch, output, name, '-') && str_to_u64(&n, batch);
}
