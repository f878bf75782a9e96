// Running TRANSFORM, FILTER and REDUCE. TRANSFORM and FILTER run the body once over the items of all rows; REDUCE over
// the first items of all rows, then the second ones, and so on. What fails for one item fails its row.
#include "sql/exec/expr_internal.h"

#include "base/vec.h"
#include "schema/map_order.h"
#include "sql/exec/expr_steps.h"
#include "sql/exec/fn_list.h"
#include "sql/exec/op.h"
#include "sql/exec/pick.h"

#include <assert.h>

// The items of the selected rows, one behind the other.
struct items {
    uint32_t *item; // child rows
    uint32_t *row;  // whose they are
    uint32_t n;
};

static void items_of(struct items *out, const struct eval *v, const struct column *list,
                     struct fn_rows rows)
{
    uint64_t total = 0;
    uint32_t first;
    FN_EACH(row, rows)
    total += column_items(list, row, &first);
    assert(total < UINT32_MAX);
    out->item = ARENA_ARRAY(v->a, uint32_t, total ? total : 1);
    out->row = ARENA_ARRAY(v->a, uint32_t, total ? total : 1);
    out->n = 0;
    FN_EACH(row, rows)
    {
        const uint32_t count = column_items(list, row, &first);
        for (uint32_t i = 0; i < count; i++) {
            out->item[out->n] = first + i;
            out->row[out->n++] = row;
        }
    }
}

// The body over n items: columns[0..params) are given, captures are taken from the rows the items belong to.
// A random value differs from item to item.
static uint64_t *item_origins(const struct eval *v, const uint32_t *row, uint32_t n)
{
    uint64_t *origins = ARENA_ARRAY(v->a, uint64_t, n ? n : 1);
    uint64_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        k = i && row[i] == row[i - 1] ? k + 1 : v->item;
        origins[i] = op_origin_part(v->b->origin[v->first + row[i]], k);
    }
    return origins;
}

// NOLINTNEXTLINE(readability-function-size): a body, the block it runs over, and both its results
static void run_body(struct column *out, const uint8_t **errors, const struct eval *v,
                     const struct step *s, const struct expr_lambda *l, struct column *columns,
                     const uint32_t *row, uint32_t n)
{
    for (uint32_t i = 0; i < l->captures; i++)
        column_gather(&columns[l->params + i], v->a, eval_arg(v, s, l->first_capture + i), row, n);
    const struct block b = {.schema = l->schema,
                            .rows = n,
                            .columns = columns,
                            .origin = v->b->origin ? item_origins(v, row, n) : NULL,
                            .arena = v->a};
    eval_program(out, errors, v, l->body, &b);
}

// The body over all items of the step's list.
static void run_items(struct column *out, struct eval *v, const struct step *s,
                      const struct expr_lambda *l, const struct items *items)
{
    const struct column *list = eval_arg(v, s, 0);
    const uint8_t *errors;
    struct column *columns = ARENA_ZARRAY(v->a, struct column, l->schema->count);
    for (uint32_t i = 0; i < list->type->field_count; i++)
        column_gather(&columns[i], v->a, &list->children[i], items->item, items->n);
    run_body(out, &errors, v, s, l, columns, items->row, items->n);
    for (uint32_t i = 0; errors && i < items->n; i++)
        if (errors[i])
            eval_errors(v, s->scope)[items->row[i]] = 1;
}

static void set_null(struct eval *v, const struct step *s, uint32_t row)
{
    column_set_null(&v->regs[s->out], v->a, row, v->n);
}

// Ranges of the result's rows; a NULL list and a row that failed are NULL.
static void set_ranges(struct eval *v, const struct step *s, const struct items *items)
{
    struct column *out = &v->regs[s->out];
    const struct column *list = eval_arg(v, s, 0);
    const uint8_t *errors = v->errors[s->scope];
    uint32_t at = 0;
    FN_EACH(row, v->sels[s->sel])
    {
        out->offsets[row] = at;
        while (at < items->n && items->row[at] == row)
            at++;
        out->offsets[row + 1] = at;
        if (!column_is_valid(list, row) || (errors && errors[row]))
            set_null(v, s, row);
    }
    out->child_rows = items->n;
}

// Two entries with one key, or one without a key: Java's collector throws.
static void refuse_keys(struct eval *v, const struct step *s, const struct items *items)
{
    struct column *out = &v->regs[s->out];
    uint32_t first;
    uint32_t *before = ARENA_ARRAY(v->a, uint32_t, v->n ? v->n : 1);
    for (uint32_t i = 0; i < items->n; i++)
        if (!column_is_valid(&out->children[0], i))
            eval_errors(v, s->scope)[items->row[i]] = 1;
    FN_EACH(row, v->sels[s->sel])
    {
        if (v->errors[s->scope] && v->errors[s->scope][row])
            set_null(v, s, row);
        before[row] = column_items(out, row, &first);
    }
    column_sort_maps(out, v->a, v->n);
    FN_EACH(row, v->sels[s->sel])
    {
        if (column_items(out, row, &first) == before[row])
            continue;
        eval_errors(v, s->scope)[row] = 1;
        set_null(v, s, row);
    }
}

void step_transform(struct eval *v, const struct step *s)
{
    struct items items;
    struct column *out = eval_out(v, s);
    items_of(&items, v, eval_arg(v, s, 0), v->sels[s->sel]);
    for (uint32_t i = 0; i < s->type->field_count; i++)
        run_items(&out->children[i], v, s, &s->lambdas[i], &items);
    set_ranges(v, s, &items);
    if (s->type->kind == TYPE_MAP)
        refuse_keys(v, s, &items);
}

void step_filter(struct eval *v, const struct step *s)
{
    struct items items;
    struct column keep;
    struct column *out = eval_out(v, s);
    const struct column *list = eval_arg(v, s, 0);
    const struct fn_call call = {.a = v->a, .total = v->n};
    struct fn_list kept;
    items_of(&items, v, list, v->sels[s->sel]);
    run_items(&keep, v, s, &s->lambdas[0], &items);
    fn_list_init(&kept, &call, out);
    uint32_t at = 0;
    FN_EACH(row, v->sels[s->sel])
    {
        for (; at < items.n && items.row[at] == row; at++) {
            if (!column_is_valid(&keep, at)) // unboxing NULL throws
                eval_errors(v, s->scope)[row] = 1;
            else if (keep.u8[at])
                fn_list_add(&kept, items.item[at]);
        }
        fn_list_row(&kept, row);
        if (!column_is_valid(list, row) || (v->errors[s->scope] && v->errors[s->scope][row]))
            set_null(v, s, row);
    }
    fn_list_end(&kept, &list, 1);
}

// --- REDUCE ------------------------------------------------------------------------------------------

// Rows that still have items, and their states; what is done lies in `done`, deep copies.
struct reduction {
    struct arena *arenas[3]; // states of even and odd steps, scratch of one step
    uint32_t *rows;
    uint32_t n;
    const struct column *state; // n rows
    uint32_t *order;            // all items of all rows, in the order they are walked
    uint32_t *first;            // per row: into order
    VEC(const struct column *) done;
    VEC(uint32_t) done_rows; // per element of done
    uint32_t done_total;
    uint32_t *place; // per row of the block: into done, UINT32_MAX = NULL
};

// Map entries in HashMap's order.
static void order_items(struct reduction *r, const struct eval *v, const struct column *list,
                        struct fn_rows rows)
{
    struct items items;
    items_of(&items, v, list, rows);
    r->order = items.item;
    r->first = ARENA_ZARRAY(v->a, uint32_t, v->n ? v->n : 1);
    uint32_t at = 0;
    FN_EACH(row, rows)
    {
        uint32_t ignored;
        r->first[row] = at;
        const uint32_t count = column_items(list, row, &ignored);
        if (list->type->kind == TYPE_MAP && count > 1)
            map_order(r->order + at, list, row);
        at += count;
    }
}

// Keeps the states of the rows idx[0..n) of r: they are final.
static void keep_done(struct reduction *r, const struct eval *v, const uint32_t *idx, uint32_t n)
{
    struct column some;
    struct column *copy = ARENA_NEW(v->a, struct column);
    if (!n)
        return;
    column_gather(&some, r->arenas[2], r->state, idx, n);
    column_copy(copy, v->a, &some, n);
    for (uint32_t i = 0; i < n; i++)
        r->place[r->rows[idx[i]]] = r->done_total + i;
    vec_push(&r->done, copy);
    vec_push(&r->done_rows, n);
    r->done_total += n;
}

// Splits the rows into those without a k-th item, which are done, and the others.
static void retire(struct reduction *r, const struct eval *v, const struct column *list, uint32_t k)
{
    uint32_t ignored;
    uint32_t done = 0;
    uint32_t left = 0;
    uint32_t *idx = ARENA_ARRAY(r->arenas[2], uint32_t, r->n ? r->n : 1);
    uint32_t *stay = ARENA_ARRAY(r->arenas[2], uint32_t, r->n ? r->n : 1);
    for (uint32_t i = 0; i < r->n; i++) {
        if (column_items(list, r->rows[i], &ignored) > k)
            stay[left++] = i;
        else
            idx[done++] = i;
    }
    keep_done(r, v, idx, done);
    if (left == r->n)
        return;
    struct column *state = ARENA_NEW(r->arenas[k % 2], struct column);
    column_gather(state, r->arenas[k % 2], r->state, stay, left);
    for (uint32_t i = 0; i < left; i++)
        r->rows[i] = r->rows[stay[i]];
    r->state = state;
    r->n = left;
}

// One application of the body to every row that is left.
static void reduce_step(struct reduction *r, struct eval *v, const struct step *s, uint32_t k)
{
    const struct column *list = eval_arg(v, s, 0);
    const struct expr_lambda *l = &s->lambdas[0];
    const uint8_t *errors;
    struct arena *scratch = r->arenas[2];
    struct arena *next = r->arenas[(k + 1) % 2];
    struct eval inner = *v;
    inner.a = scratch;
    inner.item = k;
    struct column *columns = ARENA_ZARRAY(scratch, struct column, l->schema->count);
    uint32_t *item = ARENA_ARRAY(scratch, uint32_t, r->n);
    for (uint32_t i = 0; i < r->n; i++)
        item[i] = r->order[r->first[r->rows[i]] + k];
    columns[0] = *r->state;
    for (uint32_t i = 0; i < list->type->field_count; i++)
        column_gather(&columns[i + 1], scratch, &list->children[i], item, r->n);
    struct column result;
    run_body(&result, &errors, &inner, s, l, columns, r->rows, r->n);
    uint32_t *stay = ARENA_ARRAY(scratch, uint32_t, r->n);
    uint32_t left = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        if (errors && errors[i]) {
            eval_errors(v, s->scope)[r->rows[i]] = 1;
            continue;
        }
        r->rows[left] = r->rows[i];
        stay[left++] = i;
    }
    struct column some;
    struct column *state;
    column_gather(&some, scratch, &result, stay, left);
    arena_reset(next);
    state = ARENA_NEW(next, struct column);
    column_copy(state, next, &some, left);
    r->state = state;
    r->n = left;
    arena_reset(scratch);
}

// Rows with a NULL state have a NULL result; those without a list have their state.
static void reduce_begin(struct reduction *r, struct eval *v, const struct step *s)
{
    const struct column *initial = eval_arg(v, s, 1);
    for (uint32_t i = 0; i < 3; i++)
        r->arenas[i] = arena_new(v->a);
    order_items(r, v, eval_arg(v, s, 0), v->sels[s->sel]);
    r->rows = ARENA_ARRAY(v->a, uint32_t, v->n ? v->n : 1);
    r->place = ARENA_ARRAY(v->a, uint32_t, v->n ? v->n : 1);
    memset(r->place, 0xff, v->n * sizeof *r->place);
    FN_EACH(row, v->sels[s->sel])
    {
        if (column_is_valid(initial, row))
            r->rows[r->n++] = row;
    }
    struct column *state = ARENA_NEW(r->arenas[0], struct column);
    column_gather(state, r->arenas[0], initial, r->rows, r->n);
    r->state = state;
}

void step_reduce(struct eval *v, const struct step *s)
{
    struct reduction r = {0};
    reduce_begin(&r, v, s);
    for (uint32_t k = 0; r.n; k++) {
        retire(&r, v, eval_arg(v, s, 0), k);
        if (r.n)
            reduce_step(&r, v, s, k);
    }
    struct column *out = eval_out(v, s);
    if (r.done.n) {
        struct column all;
        column_concat(&all, v->a, r.done.v, r.done_rows.v, r.done.n);
        pick_gather(out, v->a, &all, r.done_total, r.place, v->n);
    } else {
        for (uint32_t row = 0; row < v->n; row++)
            set_null(v, s, row);
    }
    vec_fini(&r.done);
    vec_fini(&r.done_rows);
    for (uint32_t i = 0; i < 3; i++)
        arena_free(r.arenas[i]);
}
