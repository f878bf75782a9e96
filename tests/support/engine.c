#include "tests/support/engine.h"

#include "base/kv.h"
#include "base/mem.h"
#include "schema/text.h"
#include "sql/sql.h"
#include "tests/support/test.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)256 << 20)

void engine_print(struct buf *out, const char *name, const struct block *b)
{
    static const char *const ops[] = {"+I", "-U", "+U", "-D"};
    for (uint32_t row = 0; row < b->rows; row++) {
        buf_printf(out, "%s %s", name, ops[b->op ? b->op[row] : OP_INSERT]);
        for (uint32_t i = 0; i < b->schema->count; i++) {
            const bool value = i >= b->schema->key_count;
            if (value && b->op && b->op[row] == OP_DELETE)
                break;
            buf_printf(out, " %.*s=", STR_ARG(b->schema->columns[i].name));
            if (column_is_valid(&b->columns[i], row))
                text_cell(out, &b->columns[i], row);
            else
                buf_text(out, "null");
        }
        if (b->null_value && b->null_value[row])
            buf_text(out, " (null)");
        buf_printf(out, " @%lld", (long long)b->rowtime[row]);
        if (b->window_start)
            buf_printf(out, " [%lld..%lld]", (long long)b->window_start[row],
                       (long long)b->window_end[row]);
        buf_char(out, '\n');
    }
}

static bool engine_emit(void *arg, size_t output, const struct block *b, struct err *e)
{
    struct engine *s = arg;
    assert_non_null(e);
    char name[128];
    const struct program_output *o = program_output(s->program, output);
    (void)snprintf(name, sizeof name, "%.*s", STR_ARG(o->name));
    engine_print(&s->out, name, b);
    return true;
}

static void compile(struct engine *s, const struct engine_spec *spec)
{
    struct err e = {0};
    const struct sql_script script = {"test.sql", str_from(spec->sql)};
    struct program_output_spec outputs[8];
    size_t n = 0;
    char text[1024];
    if (!sql_plan(&s->plan, s->a, &script, 1, &e)) {
        err_format(&e, text, sizeof text);
        fail_msg("%s", text);
    }
    if (spec->patch)
        spec->patch(s->plan);
    for (; n < 8 && spec->outputs[n]; n++) {
        const bool last = spec->outputs[n][0] == '+';
        outputs[n] = (struct program_output_spec){
            .name = str_from(spec->outputs[n] + last),
            .collapse = last ? OUTPUT_LAST_CHANGE : OUTPUT_EVERY_CHANGE,
        };
    }
    const struct program_spec program = {.plan = s->plan,
                                         .outputs = outputs,
                                         .output_count = n,
                                         .collapse = spec->no_collapse ? PROGRAM_NO_COLLAPSE
                                                                       : PROGRAM_COLLAPSE};
    assert_ok(program_compile(&s->program, s->a, &program, &e), &e);
}

void engine_open(struct engine *out, const struct engine_spec *spec)
{
    struct err e = {0};
    *out = (struct engine){.a = arena_new(NULL), .batch = arena_new(NULL), .kv = spec->kv};
    buf_init(&out->out, TEXT_MAX);
    compile(out, spec);
    const struct exec_spec x = {
        .program = out->program,
        .kv = spec->kv,
        .job = "test",
        .dirty_state_max = (size_t)64 << 20,
        .cache_max = 1 << 20,
        .emit = engine_emit,
        .emit_arg = out,
    };
    assert_ok(exec_open(&out->x, &x, &e), &e);
}

void engine_close(struct engine *s)
{
    exec_close(s->x);
    for (size_t i = 0; i < 4; i++) {
        mem_free(s->records[i]);
        mem_free(s->seq[i]);
    }
    buf_fini(&s->out);
    arena_free(s->batch);
    arena_free(s->a);
}

void engine_begin(struct engine *s)
{
    struct err e = {0};
    assert_ok(exec_batch_begin(s->x, 1700000000000, ++s->batch_id, &e), &e);
}

void engine_add(struct engine *s, size_t source, const char *key, const char *value, int64_t ts)
{
    const uint32_t i = s->n[source]++;
    if (i == s->cap[source]) {
        s->cap[source] = i ? i * 2 : 1024;
        s->records[source] = mem_realloc(s->records[source], s->cap[source] * sizeof **s->records);
        s->seq[source] = mem_realloc(s->seq[source], s->cap[source] * sizeof **s->seq);
    }
    s->seq[source][i] = s->next_seq++;
    s->records[source][i] = (struct scan_record){
        .key = {key, key ? strlen(key) : 0},
        .value = {value, value ? strlen(value) : 0},
        .timestamp = ts,
        .offset = (int64_t)s->seq[source][i],
        .partition = 0,
    };
}

// The records of one source whose seq lies in [from, to): one block.
static struct block_list window_of(struct engine *s, size_t source, uint64_t from, uint64_t to)
{
    struct err e = {0};
    uint32_t first = 0;
    while (first < s->n[source] && s->seq[source][first] < from)
        first++;
    uint32_t end = first;
    while (end < s->n[source] && s->seq[source][end] < to)
        end++;
    if (first == end)
        return (struct block_list){NULL, 0};
    struct scan_result r;
    assert_ok(
        scan_run(&r, s->program, source, s->batch, s->records[source] + first, end - first, &e),
        &e);
    s->bad += r.bad;
    s->filtered += r.filtered;
    r.block->seq = ARENA_ARRAY(s->batch, uint64_t, r.block->rows + 1);
    for (uint32_t i = 0; i < r.block->rows; i++)
        r.block->seq[i] = s->seq[source][first + r.record[i]];
    const struct block **v = ARENA_ARRAY(s->batch, const struct block *, 1);
    v[0] = r.block;
    return (struct block_list){v, 1};
}

bool engine_try(struct engine *s, uint32_t window, struct err *e)
{
    uint64_t from = s->next_seq;
    bool ok = true;
    for (size_t i = 0; i < 4; i++)
        if (s->n[i] && s->seq[i][0] < from)
            from = s->seq[i][0];
    for (; ok && from < s->next_seq; from += window) {
        struct block_list inputs[4] = {{NULL, 0}};
        arena_reset(s->batch);
        for (size_t i = 0; i < program_source_count(s->program); i++)
            inputs[i] = window_of(s, i, from, from + window);
        ok = exec_window(s->x, inputs, e);
    }
    memset(s->n, 0, sizeof s->n);
    return ok;
}

void engine_run(struct engine *s, uint32_t window)
{
    struct err e = {0};
    assert_ok(engine_try(s, window, &e), &e);
}

void engine_end(struct engine *s)
{
    struct err e = {0};
    struct kv_txn *t;
    assert_ok(exec_batch_end(s->x, &e), &e);
    if (s->kv) {
        assert_ok(kv_begin_write(&t, s->kv, &e), &e);
        assert_ok(exec_save(s->x, t, &e), &e);
        assert_ok(kv_commit(t, &e), &e);
    }
    exec_committed(s->x);
}

void engine_abort(struct engine *s)
{
    memset(s->n, 0, sizeof s->n);
    exec_rollback(s->x);
}

const char *engine_text(struct engine *s)
{
    buf_char(&s->out, '\0');
    s->out.n--;
    return s->out.p;
}
