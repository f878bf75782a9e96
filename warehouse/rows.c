#include "warehouse/rows.h"

#include "warehouse/upsert.h"

#include <assert.h>

const struct sink_spec *sink_spec_copy(struct arena *a, const struct sink_spec *spec)
{
    struct sink_spec *s = ARENA_NEW(a, struct sink_spec);
    *s = *spec;
    s->table = arena_str(a, spec->table);
    s->job = arena_strdup(a, spec->job);
    s->output = arena_strdup(a, spec->output);
    struct sink_column *columns = ARENA_ARRAY(a, struct sink_column, spec->count);
    for (size_t i = 0; i < spec->count; i++) {
        columns[i] = spec->columns[i];
        columns[i].name = arena_str(a, spec->columns[i].name);
        columns[i].sql_type = arena_str(a, spec->columns[i].sql_type);
        columns[i].at = (uint32_t)i;
        // An appended row has no key in the store: its key columns may be NULL there.
        columns[i].key = spec->mode == SINK_UPSERT && spec->columns[i].key;
    }
    s->columns = columns;
    return s;
}

const struct sink_spec *sink_spec_leave(struct arena *a, const struct sink_spec *spec,
                                        struct target *targets)
{
    struct sink_spec *s = ARENA_NEW(a, struct sink_spec);
    struct sink_column *columns = ARENA_ARRAY(a, struct sink_column, spec->count);
    size_t kept = 0, left = spec->count;
    *s = *spec;
    for (size_t i = spec->count; i > 0; i--)
        if (targets[i - 1].absent)
            columns[--left] = spec->columns[i - 1];
    for (size_t i = 0; i < spec->count; i++) {
        if (targets[i].absent)
            continue;
        targets[kept] = targets[i];
        columns[kept++] = spec->columns[i];
    }
    assert(kept == left);
    s->columns = columns;
    s->count = kept;
    s->left_count = spec->count - kept;
    return s;
}

bool rows_plan_init(struct rows_plan *out, struct arena *a, const struct sink_spec *spec,
                    const struct target *targets, struct err *e)
{
    *out = (struct rows_plan){
        .spec = spec,
        .targets = targets,
        .cells = ARENA_ZARRAY(a, struct cells *, spec->count),
        .put_params = upsert_params(spec),
        .key_params = upsert_keys(spec),
    };
    for (size_t i = 0; i < spec->count; i++) {
        if (!cells_new(&out->cells[i], a, &spec->columns[i], &targets[i], e))
            return err_wrap(e, "table %.*s", STR_ARG(spec->table));
    }
    return rejects_new(&out->rejects, a, spec, e);
}

enum rows_kind rows_kind_of(const struct block *b, uint32_t row)
{
    if (!b->op)
        return ROWS_PUT;
    assert(b->op[row] != OP_UPDATE_BEFORE); // sinks never see retractions
    return b->op[row] == OP_DELETE ? ROWS_DELETE : ROWS_PUT;
}

size_t rows_params(const struct rows_plan *p, enum rows_kind kind)
{
    return kind == ROWS_PUT ? p->put_params : p->key_params;
}

enum cell_wire rows_wire(const struct rows_plan *p, enum rows_kind kind, size_t i)
{
    assert(i < rows_params(p, kind));
    for (size_t c = 0, n = 0; c < p->spec->count; c++) {
        if (kind == ROWS_DELETE && !p->spec->columns[c].key)
            continue;
        if (n++ == i)
            return cells_wire(p->cells[c]);
    }
    return WIRE_I64; // the batch behind the columns
}

static void fill_batch(struct cell_array *out, struct arena *a, size_t n, uint64_t batch)
{
    *out = (struct cell_array){.null = ARENA_ZARRAY(a, char, n), .i64 = ARENA_ARRAY(a, int64_t, n)};
    for (size_t i = 0; i < n; i++)
        out->i64[i] = (int64_t)batch;
}

// Quarantine: a row may have NULL only where the table has no place for a value. False: the row *bad has one.
static bool rows_at_home(uint32_t *bad, const struct sink_spec *spec, const struct rows_run *run,
                         struct err *e)
{
    for (size_t i = 0; i < spec->left_count && spec->schema == SINK_SCHEMA_QUARANTINE; i++) {
        const struct sink_column *c = &spec->columns[spec->count + i];
        for (*bad = run->from; *bad < run->to && run->kind == ROWS_PUT; ++*bad)
            if (column_is_valid(&run->b->columns[c->at], *bad))
                return err_fail(e, ERR_DATA,
                                "column %.*s: the row has a value and the table no column for it",
                                STR_ARG(c->name));
    }
    return true;
}

// A row that cannot be stored: ERR_DATA says column, value and limit, and *bad is the row.
static bool fill(const struct rows_walk *w, const struct rows_run *run, uint32_t *bad,
                 struct err *e)
{
    const struct rows_plan *p = w->plan;
    assert(run->from < run->to && run->to <= run->b->rows && w->batch <= INT64_MAX);
    // Only tables have keys to delete: the caller gives appended outputs inserts only.
    assert(run->kind == ROWS_PUT || p->spec->mode == SINK_UPSERT);
    size_t n = 0;
    if (!rows_at_home(bad, p->spec, run, e))
        return false;
    for (size_t c = 0; c < p->spec->count; c++) {
        if (run->kind == ROWS_DELETE && !p->spec->columns[c].key)
            continue;
        struct cell_range range = {
            .column = &run->b->columns[p->spec->columns[c].at], .from = run->from, .to = run->to};
        if (!cells_fill(&w->cells[n++], p->cells[c], w->scratch, &range, e)) {
            *bad = range.bad;
            return false;
        }
    }
    if (run->kind == ROWS_PUT && p->spec->mode == SINK_APPEND)
        fill_batch(&w->cells[n++], w->scratch, run->to - run->from, w->batch);
    assert(n == rows_params(p, run->kind));
    return !w->check || w->check(w->arg, run, bad, e);
}

static bool left_out(const struct rows_walk *w, const struct block *b, uint32_t row)
{
    return rejects_has(w->plan->rejects, row) ||
           (w->only == WALK_PUTS && rows_kind_of(b, row) != ROWS_PUT) ||
           (w->only == WALK_DELETES && rows_kind_of(b, row) != ROWS_DELETE);
}

// The next run from row `from` on; false = there is none.
static bool next_run(struct rows_run *out, const struct rows_walk *w, const struct block *b,
                     uint32_t from)
{
    while (from < b->rows && left_out(w, b, from))
        from++;
    if (from == b->rows)
        return false;
    *out = (struct rows_run){.b = b, .kind = rows_kind_of(b, from), .from = from, .to = from + 1};
    while (out->to < b->rows && out->to - from < w->max && !left_out(w, b, out->to) &&
           rows_kind_of(b, out->to) == out->kind)
        out->to++;
    return true;
}

bool rows_walk(const struct rows_walk *w, const struct block *b, struct err *e)
{
    struct rows_run run;
    assert(w->max > 0);
    for (uint32_t at = 0; next_run(&run, w, b, at);) {
        uint32_t bad = run.from;
        bool ok = fill(w, &run, &bad, e);
        if (ok) {
            at = run.to;
            ok = w->send(w->arg, &run, e);
        } else if (e->kind == ERR_DATA) {
            ok = rows_refuse(w->plan, b, bad, e); // and the run again, without it
        }
        arena_reset(w->scratch);
        if (!ok)
            return false;
    }
    return true;
}

bool rows_refuse(const struct rows_plan *p, const struct block *b, uint32_t row, struct err *e)
{
    struct buf key;
    if (rejects_take(p->rejects, row, e))
        return true;
    buf_init(&key, 4096);
    if (p->key_params)
        cells_key_text(&key, p->spec->columns, b->columns, p->spec->count, row);
    else
        rejects_describe(&key, p->rejects, row);
    err_wrap(e, "table %.*s, row %.*s", STR_ARG(p->spec->table), STR_ARG(buf_view(&key)));
    buf_fini(&key);
    return false;
}
