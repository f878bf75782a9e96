// The run over a batch of payloads. The kernel (json_kernel.inc) does one record.
#include "schema/serde/json_decode.h"

#include "schema/serde/json_run.h"

#include <assert.h>

#define SCRATCH_MAX ((size_t)1 << 30)

struct json_decoder {
    struct decoder base;
    const struct json_plan *plan;
    json_record_fn *record;
    size_t record_min; // a shorter payload goes to the portable kernel
};

enum json_level json_level_best(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
        __builtin_cpu_supports("bmi"))
        return JSON_AVX2;
    return JSON_SSE2;
#else
    return JSON_PORTABLE;
#endif
}

static void bind_slots(struct json_run *r, const struct json_node *n, struct column *c)
{
    assert(c->type->kind == n->kind);
    r->slots[n->id] = (struct json_slot){.data = c->data, .valid = c->valid, .column = c};
    for (uint32_t i = 0; i < n->type->field_count; i++)
        bind_slots(r, &n->children[i], &c->children[i]);
}

static void begin_run(struct json_run *r, const struct json_decoder *d,
                      const struct decoder_run *run)
{
    const struct json_plan *plan = d->plan;
    r->plan = plan;
    r->a = run->a;
    r->depth_max = (uint32_t)d->base.spec.depth_max;
    r->unwrapped = d->base.spec.wrapping == SERDE_UNWRAPPED;
    r->slots = ARENA_ZARRAY(r->a, struct json_slot, plan->node_count + 1);
    r->seen = ARENA_ZARRAY(r->a, uint32_t, plan->node_count + 1);
    r->shapes = ARENA_ZARRAY(r->a, struct json_shape, plan->object_count);
    for (uint32_t i = 0; i < plan->top->count; i++) {
        serde_all_null(&run->columns[i], r->a, run->n);
        bind_slots(r, &plan->top->fields[i], &run->columns[i]);
    }
}

static void null_node(struct json_run *r, const struct json_node *n)
{
    r->slots[n->id].valid[r->row] = 0;
    for (uint32_t i = 0; n->kind == TYPE_STRUCT && i < n->type->field_count; i++)
        null_node(r, &n->children[i]);
}

static void cut_items(const struct json_node *n, struct column *c, uint32_t rows)
{
    if (n->kind == TYPE_STRUCT) {
        for (uint32_t i = 0; i < n->type->field_count; i++)
            cut_items(&n->children[i], &c->children[i], rows);
    } else if (n->kind == TYPE_ARRAY || n->kind == TYPE_MAP) {
        c->child_rows = c->offsets[rows];
        for (uint32_t i = 0; i < n->type->field_count; i++)
            cut_items(&n->children[i], &c->children[i], c->child_rows);
    }
}

static void begin_row(struct json_run *r)
{
    r->error = JSON_FINE;
    r->node = NULL;
    r->depth = 0;
    r->null = false;
    for (uint32_t i = 0; i < r->plan->list_count; i++)
        json_list_end(r, r->plan->lists[i], r->row);
}

// Takes back what a failed record left: all NULL, no items.
static void clear_row(struct json_run *r)
{
    for (uint32_t i = 0; i < r->plan->top->count; i++) {
        const struct json_node *n = &r->plan->top->fields[i];
        null_node(r, n);
        cut_items(n, r->slots[n->id].column, r->row);
    }
    begin_row(r);
}

static bool decode_payload(struct json_run *r, const struct json_decoder *d, struct payload v)
{
    json_record_fn *record = v.n < d->record_min ? json_record_portable : d->record;
    r->start = v.p;
    r->end = v.p + v.n;
    r->mode = JSON_FAST;
    if (record(r))
        return true;
    if (r->error < JSON_TYPE)
        return false;
    clear_row(r);
    r->mode = JSON_EXACT;
    return record(r);
}

static enum decode_status decode_row(struct json_run *r, const struct json_decoder *d,
                                     const struct decoder_run *run)
{
    const struct payload v = run->payloads[r->row];
    const struct serde_spec *spec = &d->base.spec;
    begin_row(r);
    if (!v.p)
        return DECODE_NULL;
    if (v.n > spec->bytes_max) {
        serde_bad(run, r->row, "the record has %zu bytes, the limit is %zu", v.n, spec->bytes_max);
        return DECODE_BAD;
    }
    if (!decode_payload(r, d, v)) {
        json_reason(r, run);
        clear_row(r);
        return DECODE_BAD;
    }
    if (r->null)
        return DECODE_NULL;
    if (spec->filter && !serde_filter_keeps(spec->filter, run->columns, r->row))
        return DECODE_FILTERED;
    return DECODE_OK;
}

static void sort_maps(const struct json_node *n, struct column *c, struct arena *a, uint32_t rows)
{
    const uint32_t child_rows = n->kind == TYPE_STRUCT ? rows : c->child_rows;
    for (uint32_t i = 0; i < n->type->field_count; i++)
        sort_maps(&n->children[i], &c->children[i], a, child_rows);
    if (n->kind == TYPE_MAP)
        column_sort_maps(c, a, rows);
}

static void json_run_decoder(const struct decoder *base, const struct decoder_run *run)
{
    const struct json_decoder *d = (const struct json_decoder *)base;
    struct json_run r = {.row = 0};
    struct buf scratch;
    buf_init(&scratch, SCRATCH_MAX);
    begin_run(&r, d, run);
    r.scratch = &scratch;
    for (; r.row < run->n; r.row++)
        run->out->status[r.row] = (uint8_t)decode_row(&r, d, run);
    for (uint32_t i = 0; i < d->plan->top->count; i++) {
        sort_maps(&d->plan->top->fields[i], &run->columns[i], run->a, run->n);
        serde_drop_full_validity(&run->columns[i], run->n);
    }
    buf_fini(&scratch);
}

static json_record_fn *record_of(enum json_level level)
{
#if defined(__x86_64__)
    if (level == JSON_AVX2)
        return json_record_avx2;
    if (level == JSON_SSE2)
        return json_record_sse2;
#endif
    assert(level == JSON_PORTABLE);
    return json_record_portable;
}

bool json_decoder_new(const struct decoder **out, struct arena *a, const struct serde_spec *spec,
                      enum json_level level, struct err *e)
{
    assert(level <= json_level_best());
    struct json_decoder *d = ARENA_NEW(a, struct json_decoder);
    d->base.run = json_run_decoder;
    d->base.spec = *spec;
    d->record = record_of(level);
    d->record_min = level == JSON_AVX2 ? 32 : level == JSON_SSE2 ? 16 : 0;
    *out = &d->base;
    return json_plan_new(&d->plan, a, spec, e);
}
