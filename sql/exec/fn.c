#include "sql/exec/fn_internal.h"

#include "sql/exec/agg.h"

#include <assert.h>

static const struct fn *const table[] = {
    &fn_type_abs,
    &fn_type_array_contains,
    &fn_type_array_length,
    &fn_type_as_value,
    &fn_type_ceil,
    &fn_type_coalesce,
    &fn_type_concat,
    &fn_type_concat_ws,
    &fn_type_datetostring,
    &fn_type_floor,
    &fn_type_format_date,
    &fn_type_format_time,
    &fn_type_format_timestamp,
    &fn_type_from_days,
    &fn_type_from_unixtime,
    &fn_type_ifnull,
    &fn_type_instr,
    &fn_type_lcase,
    &fn_type_len,
    &fn_type_lpad,
    &fn_type_mask,
    &fn_type_mask_keep_left,
    &fn_type_mask_keep_right,
    &fn_type_mask_left,
    &fn_type_mask_right,
    &fn_type_md5,
    &fn_type_nullif,
    &fn_type_parse_date,
    &fn_type_parse_time,
    &fn_type_parse_timestamp,
    &fn_type_replace,
    &fn_type_round,
    &fn_type_rpad,
    &fn_type_sign,
    &fn_type_split,
    &fn_type_stringtodate,
    &fn_type_stringtotimestamp,
    &fn_type_substring,
    &fn_type_timestamptostring,
    &fn_type_trim,
    &fn_type_ucase,
    &fn_type_unix_date,
    &fn_type_unix_timestamp,
};

#define TABLE_COUNT (sizeof table / sizeof(void *))
// A name further away than this is no help.
#define NEAREST_MAX 3

const struct fn *fn_find(struct str name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (str_eq_nocase(str_from(table[i]->name), name))
            return table[i];
    return NULL;
}

size_t fn_count(void)
{
    return TABLE_COUNT;
}

const struct fn *fn_at(size_t i)
{
    assert(i < TABLE_COUNT);
    return table[i];
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
    for (size_t i = 0; i < TABLE_COUNT + agg_count(); i++) {
        const char *other = i < TABLE_COUNT ? table[i]->name : agg_at(i - TABLE_COUNT)->name;
        const size_t d = str_distance((struct str){upper, name.n}, str_from(other));
        if (d < best_distance) {
            best = other;
            best_distance = d;
        }
    }
    return best;
}

static void print_entry(struct buf *out, const char *name, const char *signatures, const char *help)
{
    buf_printf(out, "### %s\n\n```\n%s\n```\n\n%s\n\n", name, signatures, help);
}

void fn_print_docs(struct buf *out)
{
    buf_text(out, "# Functions\n\nPrinted from the function tables.\n\n## Scalar functions\n\n");
    for (size_t i = 0; i < TABLE_COUNT; i++)
        print_entry(out, table[i]->name, table[i]->signatures, table[i]->help);
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

static const struct type *wider_number(struct arena *a, const struct type *x, const struct type *y)
{
    if (x->kind == TYPE_DOUBLE || y->kind == TYPE_DOUBLE)
        return type_scalar(TYPE_DOUBLE);
    if (x->kind != TYPE_DECIMAL && y->kind != TYPE_DECIMAL)
        return type_scalar(TYPE_BIGINT);
    const struct type *both[2] = {x, y};
    unsigned whole = 0;
    unsigned scale = 0;
    for (int i = 0; i < 2; i++) {
        const unsigned p = both[i]->kind == TYPE_DECIMAL   ? both[i]->precision
                           : both[i]->kind == TYPE_INTEGER ? 10u
                                                           : 19u;
        const unsigned s = both[i]->kind == TYPE_DECIMAL ? both[i]->scale : 0u;
        whole = p - s > whole ? p - s : whole;
        scale = s > scale ? s : scale;
    }
    return type_decimal(a, whole + scale, scale);
}

const struct type *fn_common_type(struct arena *a, const struct type *const *args, uint32_t n)
{
    const struct type *common = NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (!args[i])
            continue;
        if (!common || type_equal(common, args[i]))
            common = args[i];
        else if (type_is_number(common) && type_is_number(args[i]))
            common = wider_number(a, common, args[i]);
        else
            return NULL;
    }
    return common;
}
