#include "orchestrator/sqltest/query.h"

#include "base/clock.h"
#include "base/kv.h"
#include "base/mem.h"
#include "orchestrator/sqltest/sink.h"
#include "sql/exec/exec.h"
#include "sql/plan/isolate.h"

#include <assert.h>

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
    struct sink sink;
    struct stub_topic *topic; // of the sink
    uint64_t next_seq;
    const struct query_input *inputs; // being fed, by seq from first_seq on
    uint64_t first_seq;
};

const struct plan_query *query_plan(const struct query *q)
{
    return q->spec.plan;
}

struct stub_topic *query_topic(const struct query *q)
{
    return q->topic;
}

bool query_reads(const struct query *q, const struct stub_topic *t)
{
    for (size_t i = 0; i < program_source_count(q->program); i++)
        if (q->readers[i].topic == t)
            return true;
    return false;
}

// --- what comes out ------------------------------------------------------------------------------

static bool emit(void *arg, size_t output, const struct block *b, struct err *e)
{
    struct query *q = arg;
    assert(output == 0);
    for (uint32_t row = 0; row < b->rows; row++) {
        struct stub_record r;
        if (b->op && b->op[row] == OP_UPDATE_BEFORE)
            continue;
        if (!sink_record(&r, &q->sink, q->spec.stub->a, b, row, e))
            return false;
        if (b->seq[row] >= q->first_seq && b->seq[row] < q->next_seq) { // headers travel along
            const struct stub_record *from = q->inputs[b->seq[row] - q->first_seq].record;
            r.headers = from->headers;
            r.header_count = from->header_count;
        }
        stub_add(q->spec.stub, q->topic, &r);
    }
    return true;
}

// --- opening -------------------------------------------------------------------------------------

static bool compile(struct query *q, struct err *e)
{
    const struct plan *plan = plan_isolate(q->a, q->spec.plan);
    const struct program_output_spec output = {.name = q->spec.plan->object->name};
    const struct program_spec spec = {.plan = plan,
                                      .outputs = &output,
                                      .output_count = 1,
                                      .collapse = PROGRAM_NO_COLLAPSE,
                                      .registry = q->spec.stub->registry};
    if (!program_compile(&q->program, q->a, &spec, e))
        return false;
    const size_t sources = program_source_count(q->program);
    q->readers = ARENA_ZARRAY(q->a, struct reader, sources + 1);
    for (size_t i = 0; i < sources; i++)
        q->readers[i].topic = stub_topic(q->spec.stub, program_source(q->program, i)->topic);
    q->topic = stub_topic(q->spec.stub, q->spec.plan->object->formats->topic);
    return sink_open(&q->sink, q->spec.stub, q->a, q->spec.plan->object,
                     program_output(q->program, 0)->schema, e);
}

// UNIX_TIMESTAMP() and the like; stream time is the records'.
static int64_t now_ms(void)
{
    const struct clock clock = clock_system();
    return clock.now_ms(clock.arg);
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
    with.kv = spec->kv;
    if (!exec_open(&q->x, &with, e) || !exec_batch_begin(q->x, now_ms(), 1, e)) {
        query_close(q);
        return false;
    }
    *out = q;
    return true;
}

bool query_keep(struct query *q, struct err *e)
{
    struct kv_txn *t;
    if (!exec_batch_end(q->x, e) || !kv_begin_write(&t, q->spec.kv, e))
        return false;
    if (!exec_save(q->x, t, e)) {
        kv_abort(t);
        return false;
    }
    if (!kv_commit(t, e))
        return false;
    exec_committed(q->x);
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
