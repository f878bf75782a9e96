#include "orchestrator/sqltest/query.h"

#include "base/mem.h"
#include "sql/exec/exec.h"
#include "sql/plan/isolate.h"

#include <assert.h>

#define QUERY_ROW_BYTES_MAX ((size_t)256 << 20)

struct reader {
    struct stub_topic *topic;
    int64_t next_offset;
};

// A record on its way: its source and its place in the order of all.
struct step {
    size_t source;
    uint64_t seq;
    struct scan_record scan;
};

struct query {
    struct arena *a, *window;
    const struct query_spec spec;
    const struct program *program;
    struct exec *x;
    struct reader *readers; // one per source of the program
    const struct encoder *key, *value;
    struct stub_topic *sink;
    uint64_t next_seq;
    const struct query_input *inputs; // being fed, by seq from first_seq on
    uint64_t first_seq;
};

const struct plan_query *query_plan(const struct query *q)
{
    return q->spec.plan;
}

bool query_reads(const struct query *q, const struct stub_topic *t)
{
    for (size_t i = 0; i < program_source_count(q->program); i++)
        if (q->readers[i].topic == t)
            return true;
    return false;
}

// --- what comes out ------------------------------------------------------------------------------

static struct payload put_row(struct query *q, struct buf *text, const struct encoder *encoder,
                              const struct block *b, uint32_t row)
{
    const uint32_t keys = b->schema->key_count;
    encoder_row(encoder, text, encoder == q->key ? b->columns : b->columns + keys, row);
    const struct str copy = arena_str(q->spec.stub->a, buf_view(text));
    return (struct payload){copy.p, copy.n};
}

static bool has_key(const struct block *b, uint32_t row)
{
    for (uint32_t i = 0; i < b->schema->key_count; i++)
        if (column_is_valid(&b->columns[i], row))
            return true;
    return b->schema->key_count > 1;
}

static bool has_value(const struct block *b, uint32_t row)
{
    return !(b->op && b->op[row] == OP_DELETE) && !(b->null_value && b->null_value[row]);
}

static void put_key(struct query *q, struct stub_record *out, struct buf *text,
                    const struct block *b, uint32_t row)
{
    const struct plan_window *w = &q->spec.plan->object->formats->window;
    buf_clear(text);
    if (!q->key || !has_key(b, row))
        return;
    (void)put_row(q, text, q->key, b, row);
    if (b->window_start) {
        const bool session = w->kind == WINDOW_SESSION;
        out->window = (struct stub_window){session ? STUB_SESSION : STUB_TIME, b->window_start[row],
                                           b->window_end[row]};
        window_key_put(text, session ? WINDOW_KEY_SESSION : WINDOW_KEY_TIME, out->window.start,
                       out->window.end);
    }
    const struct str copy = arena_str(q->spec.stub->a, buf_view(text));
    out->key = (struct payload){copy.p, copy.n};
}

static bool emit(void *arg, size_t output, const struct block *b, struct err *e)
{
    struct query *q = arg;
    struct buf text;
    bool ok = true;
    assert(output == 0);
    buf_init(&text, QUERY_ROW_BYTES_MAX);
    for (uint32_t row = 0; ok && row < b->rows; row++) {
        if (b->op && b->op[row] == OP_UPDATE_BEFORE)
            continue;
        struct stub_record r = {.timestamp = b->rowtime[row]};
        put_key(q, &r, &text, b, row);
        buf_clear(&text);
        if (q->value && has_value(b, row))
            r.value = put_row(q, &text, q->value, b, row);
        if (b->seq[row] >= q->first_seq && b->seq[row] < q->next_seq) { // headers travel along
            const struct stub_record *from = q->inputs[b->seq[row] - q->first_seq].record;
            r.headers = from->headers;
            r.header_count = from->header_count;
        }
        ok = buf_ok(&text, "a row", e);
        if (ok)
            stub_add(q->spec.stub, q->sink, &r);
    }
    buf_fini(&text);
    return ok;
}

static bool open_encoder(const struct encoder **out, struct query *q, uint32_t from, uint32_t to,
                         struct err *e)
{
    const struct plan_formats *f = q->spec.plan->object->formats;
    const struct schema *s = program_output(q->program, 0)->schema;
    struct serde_column *columns = ARENA_ARRAY(q->a, struct serde_column, to - from + 1);
    for (uint32_t i = from; i < to; i++)
        columns[i - from] = (struct serde_column){s->columns[i].name, s->columns[i].type};
    const bool key = to <= s->key_count;
    const struct serde_spec spec = {
        .format = key ? f->key_format : f->value_format,
        .columns = columns,
        .count = to - from,
        .wrapping = (key ? to - from == 1 : f->value_wrapping == PLAN_UNWRAPPED) ? SERDE_UNWRAPPED
                                                                                 : SERDE_WRAPPED,
    };
    *out = NULL;
    if (spec.format == SERDE_NONE || (key && from == to))
        return true;
    return encoder_new(out, q->a, &spec, e);
}

// --- opening -------------------------------------------------------------------------------------

static bool compile(struct query *q, struct err *e)
{
    const struct plan *plan = plan_isolate(q->a, q->spec.plan);
    const struct program_output_spec output = {q->spec.plan->object->name, OUTPUT_EVERY_CHANGE};
    const struct program_spec spec = {plan, &output, 1, PROGRAM_NO_COLLAPSE};
    if (!program_compile(&q->program, q->a, &spec, e))
        return false;
    const size_t sources = program_source_count(q->program);
    q->readers = ARENA_ZARRAY(q->a, struct reader, sources + 1);
    for (size_t i = 0; i < sources; i++)
        q->readers[i].topic = stub_topic(q->spec.stub, program_source(q->program, i)->topic);
    const struct schema *s = program_output(q->program, 0)->schema;
    q->sink = stub_topic(q->spec.stub, q->spec.plan->object->formats->topic);
    return open_encoder(&q->key, q, 0, s->key_count, e) &&
           open_encoder(&q->value, q, s->key_count, s->count, e);
}

bool query_open(struct query **out, const struct query_spec *spec, struct err *e)
{
    struct arena *a = arena_new(spec->stub->a);
    struct query *q = ARENA_NEW(a, struct query);
    memcpy(q, &(struct query){.a = a, .window = arena_new(a), .spec = *spec}, sizeof *q);
    const struct exec_spec x = {.dirty_state_max = SIZE_MAX,
                                .cache_max = SIZE_MAX,
                                .job = "test",
                                .emit = emit,
                                .emit_arg = q};
    struct exec_spec with = x;
    *out = NULL;
    if (!compile(q, e))
        return false;
    with.program = q->program;
    if (!exec_open(&q->x, &with, e) || !exec_batch_begin(q->x, 0, 1, e)) {
        query_close(q);
        return false;
    }
    *out = q;
    return true;
}

void query_close(struct query *q)
{
    if (!q)
        return;
    exec_close(q->x);
    q->x = NULL;
}

// --- feeding -------------------------------------------------------------------------------------

static bool scan_source(struct block_list *out, struct query *q, size_t source,
                        const struct step *steps, size_t n, struct err *e)
{
    struct scan_record *records = ARENA_ARRAY(q->window, struct scan_record, n + 1);
    uint64_t *seq = ARENA_ARRAY(q->window, uint64_t, n + 1);
    struct scan_result r;
    uint32_t count = 0;
    *out = (struct block_list){NULL, 0};
    for (size_t i = 0; i < n; i++)
        if (steps[i].source == source) {
            records[count] = steps[i].scan;
            seq[count++] = steps[i].seq;
        }
    if (!count)
        return true;
    if (!scan_run(&r, q->program, source, q->window, records, count, e))
        return false;
    r.block->seq = ARENA_ARRAY(q->window, uint64_t, r.block->rows + 1);
    for (uint32_t i = 0; i < r.block->rows; i++)
        r.block->seq[i] = seq[r.record[i]];
    const struct block **v = ARENA_ARRAY(q->window, const struct block *, 1);
    v[0] = r.block;
    *out = (struct block_list){v, 1};
    return true;
}

static bool run_window(struct query *q, const struct step *steps, size_t n, struct err *e)
{
    const size_t sources = program_source_count(q->program);
    struct block_list *inputs = ARENA_ZARRAY(q->window, struct block_list, sources + 1);
    for (size_t i = 0; i < sources; i++)
        if (!scan_source(&inputs[i], q, i, steps, n, e))
            return false;
    return exec_window(q->x, inputs, e);
}

bool query_feed(struct query *q, const struct query_input *inputs, size_t n, struct err *e)
{
    const size_t sources = program_source_count(q->program);
    q->inputs = inputs;
    q->first_seq = q->next_seq;
    q->next_seq += n;
    for (size_t from = 0; from < n; from += q->spec.window) {
        const size_t to = n - from < q->spec.window ? n : from + q->spec.window;
        arena_reset(q->window);
        struct step *steps =
            ARENA_ARRAY(q->window, struct step, mem_array_bytes(to - from + 1, sources + 1));
        size_t count = 0;
        for (size_t i = from; i < to; i++)
            for (size_t k = 0; k < sources; k++) {
                const struct stub_record *r = inputs[i].record;
                if (q->readers[k].topic != inputs[i].topic)
                    continue;
                steps[count++] =
                    (struct step){k,
                                  q->first_seq + i,
                                  {r->key, r->value, r->timestamp, q->readers[k].next_offset++, 0,
                                   r->headers, r->header_count}};
            }
        if (!run_window(q, steps, count, e))
            return false;
    }
    return true;
}
