#include "sql/exec/fn_internal.h"

#include "sql/exec/agg.h"
#include "sql/exec/udtf.h"

#include <assert.h>
#include <stdlib.h>

static const struct fn_family *const families[] = {
    &fn_family_math,   &fn_family_trigonometry, &fn_family_string,     &fn_family_concat,
    &fn_family_regexp, &fn_family_mask,         &fn_family_md5,        &fn_family_bytes,
    &fn_family_url,    &fn_family_json,         &fn_family_json_print, &fn_family_array,
    &fn_family_map,    &fn_family_lambda,       &fn_family_time,       &fn_family_interval,
    &fn_family_null,   &fn_family_extreme,      &fn_family_seeded,
};

#define FAMILIES (sizeof families / sizeof families[0])
// A name further away than this is no help.
#define NEAREST_MAX 3

const struct fn *fn_find(struct str name)
{
    for (size_t f = 0; f < FAMILIES; f++)
        for (size_t i = 0; i < families[f]->count; i++)
            if (str_eq_nocase(str_from(families[f]->fns[i].name), name))
                return &families[f]->fns[i];
    return NULL;
}

size_t fn_count(void)
{
    size_t n = 0;
    for (size_t f = 0; f < FAMILIES; f++)
        n += families[f]->count;
    return n;
}

static int by_name(const void *x, const void *y)
{
    return strcmp((*(const struct fn *const *)x)->name, (*(const struct fn *const *)y)->name);
}

void fn_sorted(const struct fn **out)
{
    size_t n = 0;
    for (size_t f = 0; f < FAMILIES; f++)
        for (size_t i = 0; i < families[f]->count; i++)
            out[n++] = &families[f]->fns[i];
    qsort(out, n, sizeof(const struct fn *), by_name);
}

static void nearer(const char **best, size_t *best_distance, struct str name, const char *other)
{
    const size_t d = str_distance(name, str_from(other));
    if (d < *best_distance) {
        *best = other;
        *best_distance = d;
    }
}

const char *fn_nearest(struct str name)
{
    const char *best = NULL;
    size_t best_distance = NEAREST_MAX;
    char upper[64];
    if (name.n >= sizeof upper)
        return NULL;
    for (size_t i = 0; i < name.n; i++)
        upper[i] = name.p[i] >= 'a' && name.p[i] <= 'z' ? (char)(name.p[i] - 32) : name.p[i];
    name.p = upper;
    for (size_t f = 0; f < FAMILIES; f++)
        for (size_t i = 0; i < families[f]->count; i++)
            nearer(&best, &best_distance, name, families[f]->fns[i].name);
    for (size_t i = 0; i < agg_count(); i++)
        nearer(&best, &best_distance, name, agg_at(i)->name);
    return best;
}

static void print_entry(struct buf *out, const char *name, const char *signatures, const char *help)
{
    buf_printf(out, "### %s\n\n```\n%s\n```\n\n%s\n\n", name, signatures, help);
}

static const char *determinism(const struct fn *f)
{
    return f->determinism == FN_BATCH_NOW
               ? " Reads the batch's clock: equal in all rows of a batch."
           : f->determinism == FN_SEEDED ? " Computed from the row's place: the same row gives "
                                           "the same value whenever it is read."
                                         : "";
}

static void print_fn(struct buf *out, const struct fn *f)
{
    buf_printf(out, "```\n%s\n```\n\n%s%s", f->signatures, f->help, determinism(f));
    if (f->nulls == FN_NULL_IN_NULL_OUT &&
        strchr(f->signatures, ')') != strchr(f->signatures, '(') + 1)
        buf_text(out, " NULL when an argument is NULL.");
    buf_printf(out, "\n\n`%s` gives `%s`.\n", f->example, f->gives);
}

void fn_print_docs(struct buf *out)
{
    buf_text(
        out,
        "# Functions\n\nPrinted from the function tables; `sluice sql functions NAME` prints one "
        "entry. A capital letter stands for any type, `[…]` may be left out, `…...` may be "
        "repeated.\n\n");
    for (size_t f = 0; f < FAMILIES; f++) {
        buf_printf(out, "## %s\n\n", families[f]->title);
        for (size_t i = 0; i < families[f]->count; i++) {
            buf_printf(out, "### %s\n\n", families[f]->fns[i].name);
            print_fn(out, &families[f]->fns[i]);
            buf_char(out, '\n');
        }
    }
    buf_text(out, "## Table functions\n\n");
    udtf_print_docs(out);
    buf_text(out, "## Aggregate functions\n\n");
    for (size_t i = 0; i < agg_count(); i++)
        print_entry(out, agg_at(i)->name, agg_at(i)->signatures, agg_at(i)->help);
}

void fn_put_text(const struct fn_call *call, struct column *out, uint32_t row, struct buf *text)
{
    if (text->failed)
        call->error[row] = 1;
    else
        out->str[row] = arena_str(call->a, buf_view(text));
    buf_clear(text);
}

void fn_fail(const struct fn_call *call, struct column *out, uint32_t row)
{
    call->error[row] = 1;
    column_set_null(out, call->a, row, call->total);
}
