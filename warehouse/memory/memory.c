#include "warehouse/memory/memory.h"

#include "base/durable.h"
#include "schema/text.h"
#include "warehouse/memory/memory_internal.h"
#include "warehouse/rows.h"

#include <assert.h>
#include <stdlib.h>

struct change {
    enum rows_kind kind;
    size_t order;
    struct memory_row *row; // deletes: key cells at their places, others NULL
};

struct memory_sink {
    struct sink base;
    struct arena *arena, *scratch;
    struct memory_warehouse *warehouse;
    struct memory_table *table;
    const struct sink_spec *spec;
    struct target *targets;
    struct rows_plan plan;
    struct cell_array *cells; // of one run
    bool in_transaction;
    struct commit_step step;
    uint64_t slot;                                          // that appended rows belong to
    enum { KEEP_ROWS, REPLACE_SLOT, REPLACE_ALL } replaces; // whose rows go first
    struct head next;
    VEC(struct change) changes;
};

static struct memory_sink *from_base(struct sink *s)
{
    assert(s->type == &sink_memory);
    return (struct memory_sink *)s;
}

static bool fail_planned(struct memory_warehouse *w, enum memory_call call,
                         enum memory_fault *fault, struct err *e)
{
    struct planned_fault *f = &w->faults[call];
    if (w->power == MEMORY_DOWN) {
        err_fail(e, ERR_REMOTE, "memory %s: connection refused", w->name);
        *fault = MEMORY_FAIL;
        return err_remedy(e, REMEDY_RETRY_RUN);
    }
    if (f->nth == 0 || --f->nth > 0)
        return true;
    *fault = f->fault;
    err_fail(e, ERR_REMOTE, "memory %s: failure asked for", w->name);
    return err_remedy(e, f->remedy);
}

static char *type_text(const struct type *t)
{
    struct buf text;
    buf_init(&text, MEMORY_TEXT_MAX);
    type_print(&text, t);
    buf_char(&text, 0);
    char *copy = mem_strdup(text.p);
    buf_fini(&text);
    return copy;
}

static struct memory_table *table_create(const struct sink_spec *spec)
{
    struct memory_table *t = mem_zalloc(sizeof *t);
    t->name = mem_strdup(spec->table.p);
    t->mode = spec->mode;
    t->count = spec->count;
    t->columns = MEM_ARRAY(struct memory_column, spec->count);
    for (size_t i = 0; i < spec->count; i++)
        t->columns[i] = (struct memory_column){.name = mem_strdup(spec->columns[i].name.p),
                                               .type = type_text(spec->columns[i].type),
                                               .key = spec->columns[i].key};
    return t;
}

static bool table_same(const struct memory_table *t, const struct sink_spec *spec, struct err *e)
{
    bool same = t->count == spec->count && t->mode == spec->mode;
    for (size_t i = 0; same && i < spec->count; i++) {
        char *type = type_text(spec->columns[i].type);
        same = str_eq_nocase(str_from(t->columns[i].name), spec->columns[i].name) &&
               strcmp(t->columns[i].type, type) == 0 && t->columns[i].key == spec->columns[i].key;
        mem_free(type);
    }
    return same || err_fail(e, ERR_CONFIG, "table %s differs from the job's output", t->name);
}

static bool create_effect(void *arg, struct err *e)
{
    (void)e;
    struct memory_sink *s = arg;
    struct memory_head_row *h =
        memory_head_row(s->warehouse, s->spec->job, s->spec->task, s->spec->output, s->spec->table);
    if (!s->table) {
        if (h)
            h->head = (struct head){0};
        s->table = table_create(s->spec);
        memory_table_add(s->warehouse, s->table);
    }
    if (!h) {
        const struct memory_head_row row = {
            .job = mem_strdup(s->spec->job),
            .output = mem_strdup(s->spec->output),
            .table = mem_strdup(s->spec->table.p),
            .task = s->spec->task,
        };
        vec_push(&s->warehouse->heads, row);
    }
    return true;
}

static bool store_failed(struct memory_sink *s, struct err *e)
{
    return err_wrap(e, "memory %s", s->warehouse->name);
}

static bool open_table(struct memory_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->spec;
    s->targets = ARENA_ZARRAY(s->arena, struct target, spec->count);
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    const bool typed = upsert_create(&sql, s->targets, &dialect_sqlite, spec, NULL, e);
    buf_fini(&sql);
    if (!typed)
        return false;
    s->table = memory_table_named(s->warehouse, spec->table);
    if (s->table && !table_same(s->table, spec, e))
        return false;
    if (!s->table && spec->create == SINK_CREATE_NEVER)
        return err_fail(e, ERR_CONFIG, "table %.*s does not exist", STR_ARG(spec->table));
    const struct memory_head_row *h =
        memory_head_row(s->warehouse, spec->job, spec->task, spec->output, spec->table);
    if (!s->table && h && !head_lost_table(&h->head, spec, e))
        return false;
    if ((!s->table || !h) && !durable_call_remote(spec->durable, "memory.ddl", create_effect, s, e))
        return store_failed(s, e);
    if (!rows_plan_init(&s->plan, s->arena, spec, s->targets, e))
        return false;
    s->cells = ARENA_ZARRAY(s->arena, struct cell_array, s->plan.put_params);
    return true;
}

static void memory_close(struct sink *base);

static bool memory_open(struct sink **out, const struct sink_spec *spec, struct err *e)
{
    assert(spec->durable);
    if (!upsert_check_spec(spec, &dialect_sqlite, e))
        return false;
    struct arena *a = arena_new(NULL);
    struct memory_sink *s = ARENA_NEW(a, struct memory_sink);
    s->base.type = &sink_memory;
    s->arena = a;
    s->scratch = arena_new(a);
    s->spec = sink_spec_copy(a, spec);
    s->warehouse = memory_warehouse_named(spec->url->path.n ? spec->url->path : spec->url->host);
    enum memory_fault fault;
    if (!fail_planned(s->warehouse, MEMORY_OPEN, &fault, e) || !open_table(s, e)) {
        memory_close(&s->base);
        return false;
    }
    *out = &s->base;
    return true;
}

static bool memory_head_of(struct sink *base, struct head *out, struct err *e)
{
    struct memory_sink *s = from_base(base);
    enum memory_fault fault;
    if (!fail_planned(s->warehouse, MEMORY_HEAD, &fault, e))
        return false;
    const struct memory_head_row *h =
        memory_head_row(s->warehouse, s->spec->job, s->spec->task, s->spec->output, s->spec->table);
    assert(h);
    *out = h->head;
    return true;
}

static void begin_rejects(struct memory_sink *s)
{
    struct rejects *r = s->plan.rejects;
    rejects_begin(r, reject_span(s->step.batch, s->step.slot));
    for (size_t i = 0; rejects_by_key(r) && i < s->warehouse->rejects.n; i++) {
        const struct memory_reject_row *kept = &s->warehouse->rejects.v[i];
        if (memory_reject_of(kept, s->spec))
            rejects_owe(r, (struct reject_place){kept->batch, kept->seq}, str_from(kept->key));
    }
}

static bool memory_begin(struct sink *base, const struct commit_step *step, enum head_state *out,
                         struct head *found, struct err *e)
{
    struct memory_sink *s = from_base(base);
    assert(!s->in_transaction);
    enum memory_fault fault;
    if (!fail_planned(s->warehouse, MEMORY_BEGIN, &fault, e))
        return false;
    if (s->warehouse->owner) {
        err_fail(e, ERR_REMOTE, "memory %s: lock wait timeout", s->warehouse->name);
        return err_remedy(e, REMEDY_RETRY_RUN);
    }
    const struct memory_head_row *h =
        memory_head_row(s->warehouse, s->spec->job, s->spec->task, s->spec->output, s->spec->table);
    if (!h)
        return err_fail(e, ERR_BEHIND, "the head of %s is gone", s->spec->output);
    s->warehouse->owner = s;
    s->in_transaction = true;
    s->step = *step;
    s->slot = step->slot ? step->slot : step->batch;
    s->replaces = KEEP_ROWS;
    s->next =
        (struct head){.batch = step->batch, .digest = step->digest, .prev = step->prev_digest};
    struct head_texts texts;
    head_print(&texts, step);
    memcpy(s->next.plan, texts.plan, sizeof texts.plan);
    *out = head_compare(&h->head, step);
    if (found)
        *found = h->head;
    begin_rejects(s);
    return true;
}

static struct str cell_text(struct arena *a, const struct cell_array *c, enum cell_wire wire,
                            size_t i)
{
    if (c->null[i])
        return STR_NONE;
    switch (wire) {
    case WIRE_I64:
        return arena_printf(a, "%lld", (long long)c->i64[i]);
    case WIRE_TEXT:
        return (struct str){c->text[i], c->length[i]};
    case WIRE_F64:
    case WIRE_BYTES:
        break;
    }
    struct buf b;
    buf_init(&b, MEMORY_TEXT_MAX);
    if (wire == WIRE_F64)
        text_double(&b, c->f64[i]);
    else
        buf_hex(&b, c->text[i], c->length[i]);
    // Empty bytes are not NULL.
    const struct str text = arena_str(a, b.n ? buf_view(&b) : (struct str){"", 0});
    buf_fini(&b);
    return text;
}

// Row `r` of the run as text; of a deletion only the key columns.
static void row_texts(const struct memory_sink *s, struct str *cells, const struct rows_run *run,
                      uint32_t r)
{
    for (size_t i = 0, p = 0; i < s->spec->count; i++) {
        cells[i] = STR_NONE;
        if (run->kind == ROWS_PUT || s->spec->columns[i].key) {
            cells[i] =
                cell_text(s->scratch, &s->cells[p], cells_wire(s->plan.cells[i]), r - run->from);
            p++;
        }
    }
}

// Takes the row over: among the changes, or refused when its text is what the table was told to refuse.
static bool stage_change(struct memory_sink *s, const struct rows_run *run, uint32_t r,
                         struct memory_row *row, struct err *e)
{
    const struct change c = {run->kind, s->changes.n, row};
    if (run->kind == ROWS_PUT && s->table->reject &&
        memory_row_is(s->table, row, s->table->reject)) {
        mem_free(row);
        err_fail(e, ERR_DATA, "refused as asked for");
        return rows_refuse(&s->plan, run->b, r, e);
    }
    vec_push(&s->changes, c);
    return true;
}

static bool stage_run(void *arg, const struct rows_run *run, struct err *e)
{
    struct memory_sink *s = arg;
    struct str *cells = ARENA_ZARRAY(s->scratch, struct str, s->spec->count);
    for (uint32_t r = run->from; r < run->to; r++) {
        row_texts(s, cells, run, r);
        if (!stage_change(s, run, r, memory_row_new(cells, s->spec->count, s->slot), e))
            return false;
    }
    return true;
}

static void end_transaction(struct memory_sink *s)
{
    for (size_t i = 0; i < s->changes.n; i++)
        mem_free(s->changes.v[i].row);
    s->changes.n = 0;
    if (s->warehouse->owner == s)
        s->warehouse->owner = NULL;
    s->in_transaction = false;
}

static void memory_abort(struct sink *base)
{
    end_transaction(from_base(base));
}

static bool replace_effect(void *arg, struct err *e)
{
    (void)e;
    assert(arg);
    return true;
}

static bool memory_replace(struct sink *base, uint64_t slot, struct err *e)
{
    struct memory_sink *s = from_base(base);
    assert(s->in_transaction && (s->spec->mode == SINK_APPEND || slot == 0));
    s->replaces = slot ? REPLACE_SLOT : REPLACE_ALL;
    s->slot = slot ? slot : s->step.batch;
    rejects_begin(s->plan.rejects, reject_span(s->slot, 0)); // what is kept goes with the rows
    if (durable_call_remote(s->spec->durable, "memory.replace", replace_effect, s, e))
        return true;
    memory_abort(base);
    return store_failed(s, e);
}

static bool memory_again(struct sink *base, const struct reject_set *set, struct err *e)
{
    struct memory_sink *s = from_base(base);
    assert(s->in_transaction && e);
    rejects_again(s->plan.rejects, set);
    for (size_t i = 0; i < s->warehouse->rejects.n; i++) {
        const struct memory_reject_row *kept = &s->warehouse->rejects.v[i];
        if (kept->batch == set->batch && memory_reject_of(kept, s->spec))
            rejects_there(s->plan.rejects, kept->seq);
    }
    return true;
}

struct write_call {
    struct memory_sink *s;
    const struct block *b;
};

static bool stage_block(struct memory_sink *s, const struct block *b, struct err *e)
{
    const struct rows_walk walk = {
        .plan = &s->plan,
        .cells = s->cells,
        .scratch = s->scratch,
        .max = UINT32_MAX,
        .batch = s->slot,
        .send = stage_run,
        .arg = s,
    };
    return rows_walk(&walk, b, e);
}

static bool write_effect(void *arg, struct err *e)
{
    const struct write_call *w = arg;
    rejects_block(w->s->plan.rejects, w->b);
    if (!stage_block(w->s, w->b, e))
        return false;
    rejects_stored(w->s->plan.rejects);
    return true;
}

static bool memory_write(struct sink *base, const struct block *b, struct err *e)
{
    struct memory_sink *s = from_base(base);
    assert(s->in_transaction);
    enum memory_fault fault;
    struct write_call call = {s, b};
    bool ok = fail_planned(s->warehouse, MEMORY_WRITE, &fault, e);
    if (ok && !durable_call_remote(s->spec->durable, "memory.write", write_effect, &call, e))
        ok = store_failed(s, e);
    arena_reset(s->scratch);
    if (!ok)
        end_transaction(s);
    return ok;
}

static int change_order(const void *x, const void *y, void *table)
{
    const struct change *a = x, *b = y;
    const int c = memory_row_cmp(table, a->row, b->row);
    return c ? c : (a->order > b->order) - (a->order < b->order);
}

static void keep(struct memory_table *t, struct memory_row **row)
{
    const struct memory_slot slot = {*row};
    vec_push(&t->rows, slot);
    *row = NULL;
}

// Both sides are in key order; of several changes of a key the last one counts.
static void apply_upserts(struct memory_sink *s)
{
    struct memory_table *t = s->table, old = *t;
    size_t at = 0;
    t->rows.v = NULL;
    t->rows.n = t->rows.cap = 0;
    if (s->changes.n)
        qsort_r(s->changes.v, s->changes.n, sizeof *s->changes.v, change_order, t);
    for (size_t i = 0; i < s->changes.n; i++) {
        struct change *c = &s->changes.v[i];
        while (at < old.rows.n && memory_row_cmp(t, old.rows.v[at].row, c->row) < 0)
            keep(t, &old.rows.v[at++].row);
        if (i + 1 < s->changes.n && memory_row_cmp(t, c->row, s->changes.v[i + 1].row) == 0)
            continue;
        if (at < old.rows.n && memory_row_cmp(t, old.rows.v[at].row, c->row) == 0)
            mem_free(old.rows.v[at++].row);
        if (c->kind == ROWS_PUT)
            keep(t, &c->row);
    }
    while (at < old.rows.n)
        keep(t, &old.rows.v[at++].row);
    vec_fini(&old.rows);
}

static void keep_changes(struct memory_sink *s)
{
    for (size_t i = 0; i < s->changes.n; i++)
        keep(s->table, &s->changes.v[i].row);
}

// Rows of the replaced batch go; the new ones stand where they stood, so that a repeated batch looks the same.
static void apply_replacement(struct memory_sink *s)
{
    struct memory_table *t = s->table, old = *t;
    size_t at = 0;
    t->rows.v = NULL;
    t->rows.n = t->rows.cap = 0;
    while (at < old.rows.n && old.rows.v[at].row->batch < s->slot)
        keep(t, &old.rows.v[at++].row);
    keep_changes(s);
    for (; at < old.rows.n; at++) {
        if (old.rows.v[at].row->batch == s->slot)
            mem_free(old.rows.v[at].row);
        else
            keep(t, &old.rows.v[at].row);
    }
    vec_fini(&old.rows);
}

static void empty_table(struct memory_table *t)
{
    for (size_t i = 0; i < t->rows.n; i++)
        mem_free(t->rows.v[i].row);
    t->rows.n = 0;
}

static bool rejects_settle(const struct rejects *r, const struct memory_reject_row *kept)
{
    size_t n;
    const struct reject_place *places = rejects_settled(r, &n);
    for (size_t i = 0; i < n; i++)
        if (places[i].batch == kept->batch && places[i].seq == kept->seq)
            return true;
    return false;
}

static void apply_rejects(struct memory_sink *s)
{
    struct memory_warehouse *w = s->warehouse;
    size_t n;
    const struct reject *taken = rejects_taken(s->plan.rejects, &n);
    const struct reject_span span = rejects_span(s->plan.rejects);
    const bool again = rejects_kind(s->plan.rejects) == TAKEN_AGAIN;
    for (size_t i = w->rejects.n; i-- > 0;) {
        const struct memory_reject_row *kept = &w->rejects.v[i];
        if (memory_reject_of(kept, s->spec) &&
            (s->replaces == REPLACE_ALL ||
             (memory_reject_in(kept, span) && !again && (n > 0 || s->replaces == REPLACE_SLOT)) ||
             rejects_settle(s->plan.rejects, kept)))
            memory_reject_remove(w, i);
    }
    for (size_t i = 0; i < n; i++)
        (again ? memory_reject_change : memory_reject_add)(w, s->spec, &taken[i]);
}

static bool commit_effect(void *arg, struct err *e)
{
    (void)e;
    struct memory_sink *s = arg;
    if (s->replaces == REPLACE_ALL)
        empty_table(s->table);
    if (s->spec->mode == SINK_UPSERT) {
        apply_upserts(s);
    } else if (s->replaces == REPLACE_SLOT) {
        apply_replacement(s);
    } else {
        keep_changes(s);
    }
    struct memory_head_row *h =
        memory_head_row(s->warehouse, s->spec->job, s->spec->task, s->spec->output, s->spec->table);
    assert(h);
    apply_rejects(s);
    h->head = s->next;
    s->warehouse->commits++;
    return true;
}

static bool memory_commit(struct sink *base, uint64_t *rejected, struct err *e)
{
    struct memory_sink *s = from_base(base);
    assert(s->in_transaction);
    *rejected = rejects_missing(s->plan.rejects);
    enum memory_fault fault = MEMORY_FAIL;
    bool ok = fail_planned(s->warehouse, MEMORY_COMMIT, &fault, e);
    if (ok && !durable_call_remote(s->spec->durable, "memory.commit", commit_effect, s, e)) {
        ok = store_failed(s, e);
    } else if (!ok && fault == MEMORY_LIE) {
        struct err ignored = {0};
        commit_effect(s, &ignored);
    }
    end_transaction(s);
    return ok;
}

static void memory_close(struct sink *base)
{
    struct memory_sink *s = from_base(base);
    end_transaction(s);
    vec_fini(&s->changes);
    arena_free(s->arena);
}

static bool memory_count(struct sink *base, uint64_t batch, uint64_t *rows, struct err *e)
{
    (void)e;
    const struct memory_table *t = from_base(base)->table;
    *rows = 0;
    for (size_t i = 0; i < t->rows.n; i++)
        *rows += batch == 0 || t->rows.v[i].row->batch == batch;
    return true;
}

static bool compare_put(void *arg, const struct block *b, struct err *e)
{
    struct memory_sink *s = arg;
    rejects_block(s->plan.rejects, b);
    rejects_leave_out(s->plan.rejects);
    return stage_block(s, b, e);
}

static bool memory_compare(struct sink *base, const struct sink_rows *want,
                           struct sink_differences *out, struct err *e)
{
    struct memory_sink *s = from_base(base);
    const bool keyed = s->spec->mode == SINK_UPSERT;
    assert(!s->in_transaction);
    begin_rejects(s);
    bool ok = want->feed(want->arg, compare_put, s, e);
    struct memory_row **rows = ARENA_ARRAY(s->scratch, struct memory_row *, s->changes.n + 1);
    if (keyed && s->changes.n)
        qsort_r(s->changes.v, s->changes.n, sizeof *s->changes.v, change_order, s->table);
    for (size_t i = 0; i < s->changes.n; i++)
        rows[i] = s->changes.v[i].row;
    if (ok && keyed)
        memory_table_compare(out, s->table, rows, s->changes.n);
    else if (ok)
        memory_table_compare_batch(out, s->table, want->batch, rows, s->changes.n);
    out->refused = rejects_owed(s->plan.rejects);
    end_transaction(s);
    arena_reset(s->scratch);
    return ok;
}

static bool memory_describe(struct buf *out, const struct sink_spec *spec, struct err *e)
{
    return upsert_describe(out, &dialect_sqlite, spec, e);
}

const struct sink_type sink_memory = {
    .name = "memory",
    .features = SINK_EXACT | SINK_DELETES,
    .open = memory_open,
    .head = memory_head_of,
    .begin = memory_begin,
    .replace = memory_replace,
    .again = memory_again,
    .write = memory_write,
    .commit = memory_commit,
    .count = memory_count,
    .compare = memory_compare,
    .abort = memory_abort,
    .close = memory_close,
    .rejects = memory_rejects_read,
    .describe = memory_describe,
};
