// CONCAT, CONCAT_WS and SPLIT.
#include "sql/exec/fn_internal.h"

#include "sql/exec/unicode.h"

#include <assert.h>

static const struct type *concat_resolve(struct arena *a, const struct type **want,
                                         const struct type *const *args, uint32_t n)
{
    assert(a && n);
    for (uint32_t i = 0; i < n; i++) {
        if (!fn_is(args[i], TYPE_STRING))
            return NULL;
        fn_want(want, i, TYPE_STRING);
    }
    return type_scalar(TYPE_STRING);
}

// One allocation per row and no scratch: this is the hot one.
static void concat_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    FN_EACH(row, rows)
    {
        size_t bytes = 0;
        for (uint32_t i = 0; i < n; i++)
            bytes += column_is_valid(args[i], row) ? args[i]->str[row].n : 0;
        if (bytes > FN_TEXT_MAX) {
            call->error[row] = 1;
            continue;
        }
        char *p = arena_alloc(call->a, bytes ? bytes : 1);
        out->str[row] = (struct str){p, bytes};
        for (uint32_t i = 0; i < n; i++) {
            const struct str s = column_is_valid(args[i], row) ? args[i]->str[row] : STR_NONE;
            if (s.n)
                memcpy(p, s.p, s.n);
            p += s.n;
        }
    }
}

const struct fn fn_type_concat = {
    .name = "CONCAT",
    .signatures = "CONCAT(STRING, STRING...) -> STRING",
    .help = "The texts one after another; NULLs are skipped.",
    .args_min = 1,
    .args_max = UINT_MAX,
    .nulls = FN_SEES_NULLS,
    .resolve = concat_resolve,
    .eval = concat_eval,
};

static void concat_ws_eval(const struct fn_call *call, struct column *out,
                           const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        if (!column_is_valid(args[0], row)) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        bool first = true;
        for (uint32_t i = 1; i < n; i++) {
            if (!column_is_valid(args[i], row))
                continue;
            if (!first)
                buf_str(&b, args[0]->str[row]);
            buf_str(&b, args[i]->str[row]);
            first = false;
        }
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

const struct fn fn_type_concat_ws = {
    .name = "CONCAT_WS",
    .signatures = "CONCAT_WS(STRING, STRING, STRING...) -> STRING",
    .help = "The texts with a separator (first argument) between them; NULLs are skipped, a NULL "
            "separator gives NULL.",
    .args_min = 2,
    .args_max = UINT_MAX,
    .nulls = FN_SEES_NULLS,
    .resolve = concat_resolve,
    .eval = concat_ws_eval,
};

static const struct type *split_resolve(struct arena *a, const struct type **want,
                                        const struct type *const *args, uint32_t n)
{
    return concat_resolve(a, want, args, n) ? type_array(a, type_scalar(TYPE_STRING)) : NULL;
}

// Length of the next piece of s from `at`, and where the one after it starts; an empty delimiter splits characters.
static size_t split_next(size_t *next, struct str s, size_t at, struct str delimiter)
{
    size_t found = 0;
    if (!delimiter.n) {
        *next = at;
        if (at < s.n)
            unicode_next(s, next);
        return *next - at;
    }
    if (!str_find(&found, str_slice(s, at, s.n), delimiter)) {
        *next = SIZE_MAX;
        return s.n - at;
    }
    *next = at + found + delimiter.n;
    return found;
}

static uint32_t split_count(struct str s, struct str delimiter)
{
    uint32_t count = 0;
    size_t at = 0;
    do {
        split_next(&at, s, at, delimiter);
        count++;
    } while (at != SIZE_MAX && !(at >= s.n && !delimiter.n));
    return count;
}

static void split_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    FN_EACH(row, rows)
    {
        const struct str s = args[0]->str[row];
        const struct str delimiter = args[1]->str[row];
        const uint32_t count = split_count(s, delimiter);
        const uint32_t first = column_append_items(out, call->a, count);
        size_t at = 0;
        for (uint32_t i = 0; i < count; i++) {
            size_t next;
            const size_t len = split_next(&next, s, at, delimiter);
            out->children[0].str[first + i] = str_slice(s, at, at + len);
            at = next;
        }
        out->offsets[row] = first;
        out->offsets[row + 1] = first + count;
    }
}

const struct fn fn_type_split = {
    .name = "SPLIT",
    .signatures = "SPLIT(STRING, STRING) -> ARRAY<STRING>",
    .help = "The pieces between the delimiters; an empty delimiter splits into characters.",
    .args_min = 2,
    .args_max = 2,
    .resolve = split_resolve,
    .eval = split_eval,
};
