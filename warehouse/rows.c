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
    return true;
}

static enum rows_kind kind_of(const struct block *b, uint32_t row)
{
    if (!b->op)
        return ROWS_PUT;
    assert(b->op[row] != OP_UPDATE_BEFORE); // sinks never see retractions
    return b->op[row] == OP_DELETE ? ROWS_DELETE : ROWS_PUT;
}

struct rows_run rows_next(const struct block *b, uint32_t from, uint32_t max)
{
    assert(from < b->rows && max > 0);
    struct rows_run run = {.b = b, .kind = kind_of(b, from), .from = from, .to = from + 1};
    while (run.to < b->rows && run.to - from < max && kind_of(b, run.to) == run.kind)
        run.to++;
    return run;
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

bool rows_fill(struct cell_array *out, const struct rows_plan *p, struct arena *a,
               const struct rows_run *run, uint64_t batch, struct err *e)
{
    assert(run->from < run->to && run->to <= run->b->rows && batch <= INT64_MAX);
    // Only tables have keys to delete: the caller gives appended outputs inserts only.
    assert(run->kind == ROWS_PUT || p->spec->mode == SINK_UPSERT);
    size_t n = 0;
    uint32_t homeless;
    if (!rows_at_home(&homeless, p->spec, run, e))
        return rows_rejected(p, run->b, homeless, e);
    for (size_t c = 0; c < p->spec->count; c++) {
        if (run->kind == ROWS_DELETE && !p->spec->columns[c].key)
            continue;
        struct cell_range range = {
            .column = &run->b->columns[p->spec->columns[c].at], .from = run->from, .to = run->to};
        if (!cells_fill(&out[n++], p->cells[c], a, &range, e))
            return e->kind == ERR_DATA ? rows_rejected(p, run->b, range.bad, e) : false;
    }
    if (run->kind == ROWS_PUT && p->spec->mode == SINK_APPEND)
        fill_batch(&out[n++], a, run->to - run->from, batch);
    assert(n == rows_params(p, run->kind));
    return true;
}

bool rows_rejected(const struct rows_plan *p, const struct block *b, uint32_t row, struct err *e)
{
    struct buf key;
    buf_init(&key, 4096);
    if (p->key_params)
        cells_key_text(&key, p->spec->columns, b->columns, p->spec->count, row);
    else
        buf_printf(&key, "%u of the block (seq %llu)", row,
                   b->seq ? (unsigned long long)b->seq[row] : 0);
    err_wrap(e, "table %.*s, row %.*s", STR_ARG(p->spec->table), STR_ARG(buf_view(&key)));
    err_hint(
        e, "the batch waits, decided: let the table take the row, then run again; see the recovery "
           "handbook, \"rejected row\"");
    buf_fini(&key);
    return false;
}
