#include "sql/exec/fn_list.h"

#include <assert.h>

void fn_list_init(struct fn_list *out, const struct fn_call *call, struct column *result)
{
    *out = (struct fn_list){.call = call, .out = result};
}

void fn_list_add(struct fn_list *s, uint32_t item)
{
    if (fn_list_row_count(s) == FN_ITEMS_MAX || s->n == UINT32_MAX / 2) {
        s->too_long = true;
        return;
    }
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 256;
        s->items = mem_realloc(s->items, mem_array_bytes(s->cap, sizeof *s->items));
    }
    s->items[s->n++] = item;
}

void fn_list_row(struct fn_list *s, uint32_t row)
{
    if (s->too_long) {
        fn_list_drop(s);
        fn_fail(s->call, s->out, row);
    }
    s->out->offsets[row] = s->row_start;
    s->out->offsets[row + 1] = s->n;
    s->row_start = s->n;
}

void fn_list_drop(struct fn_list *s)
{
    s->n = s->row_start;
    s->too_long = false;
}

void fn_list_end(struct fn_list *s, const struct column *const *sources, uint32_t n)
{
    struct arena *a = s->call->a;
    const struct column **parts = ARENA_ARRAY(a, const struct column *, n);
    uint32_t *rows = ARENA_ARRAY(a, uint32_t, n);
    assert(n >= 1 && s->row_start == s->n);
    for (uint32_t child = 0; child < s->out->type->field_count; child++) {
        struct column all;
        for (uint32_t i = 0; i < n; i++) {
            parts[i] = &sources[i]->children[child];
            rows[i] = sources[i]->child_rows;
        }
        if (n == 1)
            all = *parts[0];
        else
            column_concat(&all, a, parts, rows, n);
        column_gather(&s->out->children[child], a, &all, s->items, s->n);
    }
    s->out->child_rows = s->n;
    mem_free(s->items);
}
