// Running a program: the remaining steps, error scopes, and the two entries.
#include "sql/exec/expr_internal.h"

#include "base/hash.h"
#include "schema/cast.h"
#include "sql/exec/expr_steps.h"
#include "sql/exec/pick.h"

#include <assert.h>

#define CONSTANT_ROWS 64

struct expr_env *expr_env_new(uint32_t slots)
{
    struct expr_env *s = mem_zalloc(sizeof *s);
    s->slots = slots;
    s->constants = mem_zalloc(mem_array_bytes(slots ? slots : 1, sizeof *s->constants));
    return s;
}

void expr_env_free(struct expr_env *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->slots; i++)
        arena_free(s->constants[i].arena);
    mem_free(s->constants);
    mem_free(s);
}

void expr_env_batch(struct expr_env *s, int64_t now_ms)
{
    assert(s);
    s->now_ms = now_ms;
}

uint8_t *eval_errors(struct eval *v, uint16_t scope)
{
    if (!v->errors[scope])
        v->errors[scope] = arena_zalloc(v->a, v->n ? v->n : 1);
    return v->errors[scope];
}

struct column *eval_out(struct eval *v, const struct step *s)
{
    struct column *out = &v->regs[s->out];
    const struct fn_rows rows = v->sels[s->sel];
    column_init(out, v->a, s->type, v->n);
    if (!rows.idx || !type_is_nested(s->type))
        return out;
    for (uint32_t row = 0; row < v->n; row++)
        column_set_null(out, v->a, row, v->n);
    FN_EACH(row, rows)
    out->valid[row] = 1;
    return out;
}

// Most scopes have a vector and no failure in it.
static bool any_error(const struct eval *v, uint16_t scope)
{
    return v->errors[scope] && memchr(v->errors[scope], 1, v->n);
}

// A copy of c that is NULL where error is set; c itself may belong to the input.
static void nulls_where(struct column *out, struct arena *a, const struct column *c,
                        const uint8_t *error, uint32_t n)
{
    if (type_is_nested(c->type)) {
        uint32_t *idx = ARENA_ARRAY(a, uint32_t, n ? n : 1);
        for (uint32_t row = 0; row < n; row++)
            idx[row] = error[row] ? UINT32_MAX : row;
        pick_gather(out, a, c, n, idx, n);
        return;
    }
    struct column copy = *c;
    copy.valid = arena_alloc(a, n ? n : 1);
    for (uint32_t row = 0; row < n; row++)
        copy.valid[row] = column_is_valid(c, row) && !error[row];
    *out = copy;
}

static void gather_slice(struct column *out, const struct eval *v, const struct column *c)
{
    uint32_t *idx = ARENA_ARRAY(v->a, uint32_t, v->n ? v->n : 1);
    for (uint32_t i = 0; i < v->n; i++)
        idx[i] = v->first + i;
    column_gather(out, v->a, c, idx, v->n);
}

void step_column(struct eval *v, const struct step *s)
{
    assert(s->column < v->b->schema->count);
    const struct column *c = &v->b->columns[s->column];
    if (v->n == v->b->rows)
        v->regs[s->out] = *c;
    else
        gather_slice(&v->regs[s->out], v, c);
}

void step_pseudo(struct eval *v, const struct step *s)
{
    struct column *out = &v->regs[s->out];
    const struct block *b = v->b;
    void *const vectors[] = {
        [PSEUDO_ROWTIME] = b->rowtime,      [PSEUDO_ROWPARTITION] = b->partition,
        [PSEUDO_ROWOFFSET] = b->offset,     [PSEUDO_WINDOWSTART] = b->window_start,
        [PSEUDO_WINDOWEND] = b->window_end,
    };
    char *data = vectors[s->column];
    if (data) {
        data += v->first * column_width(s->type);
        *out = (struct column){.type = s->type, .data = data, .cap = v->n};
        return;
    }
    column_init(out, v->a, s->type, v->n);
    for (uint32_t row = 0; row < v->n; row++)
        column_set_null(out, v->a, row, v->n);
}

// Scalar constants live in the environment and only grow (doubling, so that blocks made before keep theirs).
void step_literal(struct eval *v, const struct step *s)
{
    assert(s->slot < v->env->slots);
    struct constant *c = &v->env->constants[s->slot];
    if (type_is_nested(s->type)) {
        uint32_t *idx = ARENA_ZARRAY(v->a, uint32_t, v->n ? v->n : 1);
        column_gather(&v->regs[s->out], v->a, s->literal, idx, v->n);
        return;
    }
    if (!c->arena || c->rows < v->n) {
        if (!c->arena)
            c->arena = arena_new(NULL);
        c->rows = c->rows ? c->rows : CONSTANT_ROWS;
        while (c->rows < v->n)
            c->rows *= 2;
        uint32_t *idx = ARENA_ZARRAY(c->arena, uint32_t, c->rows);
        column_gather(&c->column, c->arena, s->literal, idx, c->rows);
    }
    v->regs[s->out] = c->column;
}

// NULL structs have NULL fields, so the child stands for itself.
void step_field(struct eval *v, const struct step *s)
{
    const struct column *x = eval_arg(v, s, 0);
    assert(s->column < x->type->field_count);
    v->regs[s->out] = x->children[s->column];
}

// 1-based, negative from the end; outside = NULL.
static uint32_t array_item(const struct column *x, uint32_t row, int64_t at)
{
    uint32_t first = 0;
    const int64_t count = column_items(x, row, &first);
    if (at < 0)
        at = count + at + 1;
    return at < 1 || at > count ? UINT32_MAX : first + (uint32_t)(at - 1);
}

static uint32_t map_item(const struct column *x, uint32_t row, struct str key)
{
    uint32_t first = 0;
    const uint32_t count = column_items(x, row, &first);
    for (uint32_t i = 0; i < count; i++)
        if (str_eq(x->children[0].str[first + i], key))
            return first + i;
    return UINT32_MAX;
}

void step_index(struct eval *v, const struct step *s)
{
    const struct column *x = eval_arg(v, s, 0);
    const struct column *at = eval_arg(v, s, 1);
    const bool map = x->type->kind == TYPE_MAP;
    uint32_t *idx = ARENA_ARRAY(v->a, uint32_t, v->n ? v->n : 1);
    memset(idx, 0xff, v->n * sizeof *idx);
    FN_EACH(row, v->sels[s->sel])
    {
        if (column_is_valid(x, row) && column_is_valid(at, row))
            idx[row] =
                map ? map_item(x, row, at->str[row])
                    : array_item(x, row,
                                 at->type->kind == TYPE_INTEGER ? at->i32[row] : at->i64[row]);
    }
    pick_gather(&v->regs[s->out], v->a, &x->children[map ? 1 : 0], x->child_rows, idx, v->n);
}

// Rows of the selection whose arguments are all there; the others become NULL.
static struct fn_rows rows_without_nulls(struct eval *v, const struct step *s,
                                         const struct column *const *args, struct column *out)
{
    struct fn_rows rows = v->sels[s->sel];
    bool nulls = false;
    for (uint32_t i = 0; i < s->arg_count; i++)
        nulls |= args[i]->valid != NULL;
    if (!nulls)
        return rows;
    uint32_t *idx = ARENA_ARRAY(v->a, uint32_t, rows.n ? rows.n : 1);
    uint32_t n = 0;
    FN_EACH(row, rows)
    {
        uint32_t i = 0;
        while (i < s->arg_count && column_is_valid(args[i], row))
            i++;
        if (i == s->arg_count)
            idx[n++] = row;
        else
            column_set_null(out, v->a, row, v->n);
    }
    return (struct fn_rows){idx, n};
}

// What makes a row's random values: the call site and where the row comes from. Without a source (VALUES): time and number.
static const uint64_t *row_seeds(const struct eval *v, const struct step *s)
{
    const struct block *b = v->b;
    uint64_t *seeds = ARENA_ARRAY(v->a, uint64_t, v->n ? v->n : 1);
    for (uint32_t i = 0; i < v->n; i++) {
        const uint32_t row = v->first + i;
        const uint64_t time = b->rowtime ? (uint64_t)b->rowtime[row] : 0;
        const uint64_t key[3] = {s->site, b->origin ? b->origin[row] : row, b->origin ? 0 : time};
        seeds[i] = hash_bytes(key, sizeof key, 0);
    }
    return seeds;
}

void step_call(struct eval *v, const struct step *s)
{
    const struct column **args =
        ARENA_ARRAY(v->a, const struct column *, s->arg_count ? s->arg_count : 1);
    for (uint32_t i = 0; i < s->arg_count; i++)
        args[i] = eval_arg(v, s, i);
    const struct fn_call call = {
        .a = v->a,
        .total = v->n,
        .now_ms = v->env->now_ms,
        .error = eval_errors(v, s->scope),
        .state = s->state,
        .seeds = s->fn->determinism == FN_SEEDED ? row_seeds(v, s) : NULL,
    };
    struct column *out = eval_out(v, s);
    const struct fn_rows rows =
        s->fn->nulls == FN_NULL_IN_NULL_OUT ? rows_without_nulls(v, s, args, out) : v->sels[s->sel];
    s->fn->eval(&call, out, args, s->arg_count, rows);
}

void step_cast(struct eval *v, const struct step *s)
{
    const struct fn_rows rows = v->sels[s->sel];
    struct column *out = &v->regs[s->out];
    column_init(out, v->a, s->type, v->n);
    cast_column(out, v->a, eval_arg(v, s, 0), rows.idx, rows.n, eval_errors(v, s->scope));
}

void step_not(struct eval *v, const struct step *s)
{
    struct column *out = eval_out(v, s);
    const struct column *x = eval_arg(v, s, 0);
    FN_EACH(row, v->sels[s->sel])
    {
        out->u8[row] = !x->u8[row];
        if (!column_is_valid(x, row))
            eval_errors(v, s->scope)[row] = 1;
    }
}

void step_is_null(struct eval *v, const struct step *s)
{
    struct column *out = eval_out(v, s);
    const struct column *x = eval_arg(v, s, 0);
    FN_EACH(row, v->sels[s->sel])
    out->u8[row] = !column_is_valid(x, row);
}

void step_is_not_null(struct eval *v, const struct step *s)
{
    struct column *out = eval_out(v, s);
    const struct column *x = eval_arg(v, s, 0);
    FN_EACH(row, v->sels[s->sel])
    out->u8[row] = column_is_valid(x, row);
}

void step_struct(struct eval *v, const struct step *s)
{
    assert(s->arg_count == s->type->field_count);
    struct column *out = &v->regs[s->out];
    *out = (struct column){.type = s->type, .cap = v->n};
    out->children = ARENA_ARRAY(v->a, struct column, s->arg_count ? s->arg_count : 1);
    for (uint32_t i = 0; i < s->arg_count; i++)
        out->children[i] = *eval_arg(v, s, i);
}

// Interleaves the argument columns i = first, first + stride, … into one item column.
static void interleave(struct eval *v, const struct step *s, struct column *out, uint32_t first,
                       uint32_t stride)
{
    const uint32_t per_row = s->arg_count / stride;
    const struct column **parts = ARENA_ARRAY(v->a, const struct column *, per_row ? per_row : 1);
    uint32_t *rows = ARENA_ARRAY(v->a, uint32_t, per_row ? per_row : 1);
    uint32_t *idx = ARENA_ARRAY(v->a, uint32_t, (size_t)per_row * v->n + 1);
    for (uint32_t i = 0; i < per_row; i++) {
        parts[i] = eval_arg(v, s, first + i * stride);
        rows[i] = v->n;
    }
    uint32_t n = 0;
    for (uint32_t row = 0; row < v->n; row++)
        for (uint32_t i = 0; i < per_row; i++)
            idx[n++] = i * v->n + row;
    struct column all;
    column_concat(&all, v->a, parts, rows, per_row);
    column_gather(out, v->a, &all, idx, n);
}

void step_array(struct eval *v, const struct step *s)
{
    struct column *out = &v->regs[s->out];
    const bool map = s->type->kind == TYPE_MAP;
    const uint32_t per_row = map ? s->arg_count / 2 : s->arg_count;
    column_init(out, v->a, s->type, v->n);
    if (!per_row)
        return;
    for (uint32_t row = 0; row <= v->n; row++)
        out->offsets[row] = row * per_row;
    out->child_rows = v->n * per_row;
    if (!map) {
        interleave(v, s, &out->children[0], 0, 1);
        return;
    }
    interleave(v, s, &out->children[0], 0, 2);
    interleave(v, s, &out->children[1], 1, 2);
    column_sort_maps(out, v->a, v->n);
}

void step_split(struct eval *v, const struct step *s)
{
    const struct column *x = eval_arg(v, s, 0);
    const struct fn_rows rows = v->sels[s->sel];
    uint32_t *yes = ARENA_ARRAY(v->a, uint32_t, rows.n ? rows.n : 1);
    uint32_t *no = ARENA_ARRAY(v->a, uint32_t, rows.n ? rows.n : 1);
    uint32_t yes_n = 0;
    uint32_t no_n = 0;
    FN_EACH(row, rows)
    {
        if (column_is_valid(x, row) && x->u8[row])
            yes[yes_n++] = row;
        else if (column_is_valid(x, row) || s->split_null == SPLIT_NULL_IS_FALSE)
            no[no_n++] = row;
        else
            eval_errors(v, s->scope)[row] = 1;
    }
    v->sels[s->sel_true] = (struct fn_rows){yes, yes_n};
    v->sels[s->sel_false] = (struct fn_rows){no, no_n};
}

void step_pick(struct eval *v, const struct step *s)
{
    uint16_t *which = ARENA_ARRAY(v->a, uint16_t, v->n ? v->n : 1);
    const struct column **parts =
        ARENA_ARRAY(v->a, const struct column *, s->arg_count ? s->arg_count : 1);
    memset(which, 0xff, v->n * sizeof *which);
    for (uint32_t i = 0; i < s->arg_count; i++) {
        parts[i] = eval_arg(v, s, i);
        FN_EACH(row, v->sels[s->sels[i]])
        {
            which[row] = (uint16_t)i;
            // AND, OR: unboxing a NULL throws.
            if (s->split_null == SPLIT_NULL_IS_ERROR && !column_is_valid(parts[i], row))
                eval_errors(v, s->scope)[row] = 1;
        }
    }
    pick_rows(&v->regs[s->out], v->a, &(struct pick){s->type, parts, s->arg_count, which}, v->n);
}

void step_rescue(struct eval *v, const struct step *s)
{
    if (any_error(v, s->guarded))
        nulls_where(&v->regs[s->out], v->a, eval_arg(v, s, 0), v->errors[s->guarded], v->n);
    else
        v->regs[s->out] = *eval_arg(v, s, 0);
}

static void run(struct eval *v, const struct expr_prog *p)
{
    v->regs = ARENA_ZARRAY(v->a, struct column, p->regs);
    v->sels = ARENA_ZARRAY(v->a, struct fn_rows, p->sels);
    v->errors = ARENA_ZARRAY(v->a, uint8_t *, p->scopes);
    v->sels[0].n = v->n;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct step *s = &p->steps[i];
        if (s->sel == 0 || v->sels[s->sel].n)
            s->run(v, s);
    }
}

static uint32_t slice_rows(const struct expr_prog *p, uint32_t rows)
{
    const uint32_t most = EVAL_CELLS_MAX / (p->regs ? p->regs : 1);
    const uint32_t slice = most < EVAL_SLICE_LEAST ? EVAL_SLICE_LEAST : most;
    return rows < slice ? rows : slice;
}

// What a slice came to outlives its arena, so it is copied.
static void run_slices(struct column *out, const uint8_t **errors, const struct eval *whole,
                       const struct expr_prog *p, uint32_t slice)
{
    struct arena *a = whole->a;
    struct arena *scratch = arena_new(a);
    const uint32_t count = (whole->n + slice - 1) / slice;
    struct column *results = ARENA_ARRAY(a, struct column, count);
    const struct column **parts = ARENA_ARRAY(a, const struct column *, count);
    uint32_t *rows = ARENA_ARRAY(a, uint32_t, count);
    uint8_t *failed = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct eval v = *whole;
        v.a = scratch;
        v.first = i * slice;
        v.n = whole->n - v.first < slice ? whole->n - v.first : slice;
        run(&v, p);
        column_copy(&results[i], a, &v.regs[p->result], v.n);
        if (any_error(&v, 0)) {
            failed = failed ? failed : arena_zalloc(a, whole->n);
            memcpy(failed + v.first, v.errors[0], v.n);
        }
        parts[i] = &results[i];
        rows[i] = v.n;
        arena_reset(scratch);
    }
    arena_free(scratch);
    column_concat(out, a, parts, rows, count);
    *errors = failed;
}

void eval_program(struct column *out, const uint8_t **errors, const struct eval *outer,
                  const struct expr_prog *p, const struct block *b)
{
    struct eval v = {.b = b, .env = outer->env, .a = outer->a, .n = b->rows};
    const uint32_t slice = slice_rows(p, b->rows);
    if (slice < b->rows) {
        run_slices(out, errors, &v, p, slice);
        return;
    }
    run(&v, p);
    *out = v.regs[p->result];
    *errors = any_error(&v, 0) ? v.errors[0] : NULL;
}

void expr_run(struct column *out, const struct expr_prog *p, const struct block *b,
              struct expr_env *env, struct arena *a)
{
    if (p->column >= 0) {
        *out = b->columns[p->column];
        return;
    }
    struct column c;
    const uint8_t *errors;
    eval_program(&c, &errors, &(struct eval){.env = env, .a = a}, p, b);
    if (errors)
        nulls_where(out, a, &c, errors, b->rows);
    else
        *out = c;
}

uint32_t expr_filter(uint32_t *idx, uint64_t *errors, const struct expr_prog *p,
                     const struct block *b, struct expr_env *env, struct arena *a)
{
    assert(p->type->kind == TYPE_BOOLEAN);
    struct column c;
    const uint8_t *error;
    uint32_t n = 0;
    eval_program(&c, &error, &(struct eval){.env = env, .a = a}, p, b);
    for (uint32_t row = 0; row < b->rows; row++) {
        if (error && error[row])
            ++*errors;
        else if (column_is_valid(&c, row) && c.u8[row])
            idx[n++] = row;
    }
    return n;
}
