// Any SQL through to its rows: what plans and compiles runs over a few records of each source, and gives the same changelog in
// windows of one row and in one window (P1). Nothing crashes, whatever expressions and operators stand there.
#include "base/buf.h"
#include "schema/rowcodec.h"
#include "sql/exec/exec.h"
#include "sql/sql.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX    ((size_t)64 << 20)
#define SQL_MAX     4096
#define OUTPUTS_MAX 12
#define SOURCES_MAX 4
#define RECORDS     6

// A JSON value of this type, another one for another `n`.
static void put_value(struct buf *out, const struct type *t, unsigned n)
{
    if (n % 5 == 4) {
        buf_text(out, "null");
        return;
    }
    switch (t->kind) {
    case TYPE_BOOLEAN:
        buf_text(out, n % 2 ? "true" : "false");
        return;
    case TYPE_STRING:
    case TYPE_BYTES:
        buf_printf(out, "\"%s\"", n % 3 ? "YQ==" : "");
        return;
    case TYPE_ARRAY:
        buf_char(out, '[');
        for (unsigned i = 0; i < n % 3; i++) {
            buf_text(out, i ? "," : "");
            put_value(out, t->fields[0].type, n + i);
        }
        buf_char(out, ']');
        return;
    case TYPE_MAP:
        buf_text(out, "{\"a\":");
        put_value(out, t->fields[1].type, n + 1);
        buf_char(out, '}');
        return;
    case TYPE_STRUCT:
        buf_char(out, '{');
        for (uint32_t i = 0; i < t->field_count; i++) {
            buf_printf(out, "%s\"%.*s\":", i ? "," : "", STR_ARG(t->fields[i].name));
            put_value(out, t->fields[i].type, n + i);
        }
        buf_char(out, '}');
        return;
    case TYPE_INTEGER:
    case TYPE_BIGINT:
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
        buf_printf(out, "%u", n % 4);
        return;
    }
}

static struct payload copy_of(struct arena *a, struct buf *text)
{
    const struct str s = arena_str(a, buf_view(text));
    buf_clear(text);
    return (struct payload){s.p, s.n};
}

static void make_records(struct scan_record *out, struct arena *a, const struct program_source *s,
                         unsigned source)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    for (unsigned i = 0; i < RECORDS; i++) {
        const struct schema *columns = s->schema;
        out[i] = (struct scan_record){.timestamp = 1000 * (int64_t)(i * 7 % 5), .offset = i};
        buf_text(&text, "{");
        for (uint32_t c = 0; c < columns->count; c++) {
            const struct schema_column *x = &columns->columns[c];
            buf_printf(&text, "%s\"%.*s\":", c ? "," : "", STR_ARG(x->name));
            put_value(&text, x->type, i + c + source);
        }
        buf_char(&text, '}');
        out[i].value = i == 3 ? (struct payload){NULL, 0} : copy_of(a, &text);
        buf_clear(&text);
        if (columns->key_count == 1)
            put_value(&text, columns->columns[0].type, i % 3);
        else
            buf_text(&text, "k");
        out[i].key = copy_of(a, &text);
    }
    buf_fini(&text);
}

// The changes of each output.
struct changes {
    struct buf of[OUTPUTS_MAX];
};

static void changes_fini(struct changes *s)
{
    for (size_t i = 0; i < OUTPUTS_MAX; i++)
        buf_fini(&s->of[i]);
}

static bool emit(void *arg, size_t output, const struct block *b, struct err *e)
{
    assert(e && output < OUTPUTS_MAX);
    struct buf *out = &((struct changes *)arg)->of[output];
    for (uint32_t row = 0; row < b->rows; row++) {
        buf_printf(out, "%d %lld %llu ", b->op ? b->op[row] : 0, (long long)b->rowtime[row],
                   (unsigned long long)b->seq[row]);
        rowcodec_encode(out, b->columns, b->schema->count, row);
        if (b->window_start)
            buf_printf(out, "[%lld %lld]", (long long)b->window_start[row],
                       (long long)b->window_end[row]);
        buf_char(out, '\n');
    }
    return true;
}

// One window: the records [from, to) of every source.
static bool window(struct exec *x, const struct program *p, struct arena *a,
                   struct scan_record (*records)[RECORDS], unsigned from, unsigned to,
                   struct err *e)
{
    struct block_list inputs[SOURCES_MAX] = {{NULL, 0}};
    for (size_t i = 0; i < program_source_count(p); i++) {
        struct scan_result r;
        if (!scan_run(&r, p, i, a, records[i] + from, to - from, e))
            return false;
        if (!r.block->rows)
            continue;
        r.block->seq = ARENA_ARRAY(a, uint64_t, r.block->rows);
        for (uint32_t row = 0; row < r.block->rows; row++)
            r.block->seq[row] = (uint64_t)(from + r.record[row]) * SOURCES_MAX + i;
        const struct block **v = ARENA_ARRAY(a, const struct block *, 1);
        v[0] = r.block;
        inputs[i] = (struct block_list){v, 1};
    }
    return exec_window(x, inputs, e);
}

static bool run(struct changes *out, const struct program *p, struct arena *a,
                struct scan_record (*records)[RECORDS], unsigned rows)
{
    struct exec *x;
    struct err e = {0};
    const struct exec_spec spec = {.program = p, .job = "fuzz", .emit = emit, .emit_arg = out};
    for (size_t i = 0; i < OUTPUTS_MAX; i++)
        buf_init(&out->of[i], TEXT_MAX);
    const bool opened = exec_open(&x, &spec, &e);
    bool ok = opened && exec_batch_begin(x, 1700000000000, 1, &e);
    for (unsigned at = 0; ok && at < RECORDS; at += rows)
        ok = window(x, p, a, records, at, at + rows < RECORDS ? at + rows : RECORDS, &e);
    ok = ok && exec_batch_end(x, &e);
    if (opened && !ok)
        exec_rollback(x);
    if (opened)
        exec_close(x);
    return ok;
}

static void make_all(struct scan_record (*records)[RECORDS], struct arena *a,
                     const struct program *p)
{
    for (size_t i = 0; i < program_source_count(p); i++)
        make_records(records[i], a, program_source(p, i), (unsigned)i);
}

static void run_both(const struct program *p, struct arena *a)
{
    struct scan_record records[SOURCES_MAX][RECORDS];
    struct changes one;
    struct changes many;
    make_all(records, a, p);
    const bool ok = run(&one, p, a, records, 1);
    const bool both = run(&many, p, a, records, RECORDS) && ok;
    for (size_t i = 0; both && i < OUTPUTS_MAX; i++)
        if (!str_eq(buf_view(&one.of[i]), buf_view(&many.of[i])))
            abort();
    changes_fini(&one);
    changes_fini(&many);
}

static void run_collapsed(const struct program *p, struct arena *a)
{
    struct scan_record records[SOURCES_MAX][RECORDS];
    struct changes last;
    make_all(records, a, p);
    (void)run(&last, p, a, records, 4);
    changes_fini(&last);
}

static void run_plan(struct arena *a, const struct plan *plan)
{
    struct program_output_spec outputs[OUTPUTS_MAX] = {0};
    const struct program *p;
    struct err e = {0};
    struct program_spec spec = {.plan = plan, .outputs = outputs};
    for (uint32_t i = 0; i < plan->object_count; i++)
        outputs[spec.output_count++].name = plan->objects[i]->name;
    spec.collapse = PROGRAM_NO_COLLAPSE;
    if (program_compile(&p, a, &spec, &e) && program_source_count(p) <= SOURCES_MAX)
        run_both(p, a);
    err_clear(&e);
    spec.collapse = PROGRAM_COLLAPSE;
    for (size_t i = 0; i < spec.output_count; i++)
        outputs[i].collapse = OUTPUT_LAST_CHANGE;
    if (program_compile(&p, a, &spec, &e) && program_source_count(p) <= SOURCES_MAX)
        run_collapsed(p, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > SQL_MAX)
        return 0;
    struct arena *a = arena_new(NULL);
    const struct str text = arena_str(a, (struct str){(const char *)data, size});
    const struct sql_script script = {"fuzz.sql", text};
    const struct plan *plan;
    struct err e = {0};
    if (sql_plan(&plan, a, &script, 1, &e) && plan->object_count <= OUTPUTS_MAX)
        run_plan(a, plan);
    arena_free(a);
    return 0;
}
