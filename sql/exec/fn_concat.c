// CONCAT, CONCAT_WS and SPLIT.
#include "sql/exec/fn_internal.h"

#include "sql/exec/unicode.h"

#include <assert.h>

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

// Length of the next piece of s from `at`, and where the one after it starts; an empty delimiter splits characters.
static size_t split_next(size_t *next, struct str s, size_t at, struct str delimiter,
                         enum type_kind kind)
{
    size_t found = 0;
    if (!delimiter.n) {
        *next = at;
        if (at < s.n && kind == TYPE_BYTES)
            ++*next;
        else if (at < s.n)
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

static uint32_t split_count(struct str s, struct str delimiter, enum type_kind kind)
{
    uint32_t count = 0;
    size_t at = 0;
    do {
        split_next(&at, s, at, delimiter, kind);
        count++;
    } while (at != SIZE_MAX && !(at >= s.n && !delimiter.n));
    return count;
}

static void split_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    const enum type_kind kind = args[0]->type->kind;
    FN_EACH(row, rows)
    {
        const struct str s = args[0]->str[row];
        const struct str delimiter = args[1]->str[row];
        const uint32_t count = split_count(s, delimiter, kind);
        const uint32_t first = column_append_items(out, call->a, count);
        size_t at = 0;
        for (uint32_t i = 0; i < count; i++) {
            size_t next;
            const size_t len = split_next(&next, s, at, delimiter, kind);
            out->children[0].str[first + i] = str_slice(s, at, at + len);
            at = next;
        }
        out->offsets[row] = first;
        out->offsets[row + 1] = first + count;
    }
}

static const struct fn fns[] = {
    {
        .name = "CONCAT",
        .signatures = "CONCAT(STRING...) -> STRING\nCONCAT(BYTES...) -> BYTES",
        .help = "The texts or bytes one after another; NULLs are skipped.",
        .example = "CONCAT('a', NULL, 'b')",
        .gives = "ab",
        .nulls = FN_SEES_NULLS,
        .eval = concat_eval,
    },
    {
        .name = "CONCAT_WS",
        .signatures = "CONCAT_WS(STRING, STRING...) -> STRING\nCONCAT_WS(BYTES, BYTES...) -> BYTES",
        .help = "The texts or bytes with a separator (first argument) between them; NULLs are "
                "skipped, a NULL "
                "separator gives NULL.",
        .example = "CONCAT_WS(', ', 'a', NULL, 'b')",
        .gives = "a, b",
        .nulls = FN_SEES_NULLS,
        .eval = concat_ws_eval,
    },
    {
        .name = "SPLIT",
        .signatures = "SPLIT(STRING, STRING) -> ARRAY<STRING>\nSPLIT(BYTES, BYTES) -> ARRAY<BYTES>",
        .help = "The pieces between the delimiters; an empty delimiter splits into characters or "
                "bytes.",
        .example = "SPLIT('a,b', ',')",
        .gives = "[a, b]",
        .eval = split_eval,
    },
};
FN_FAMILY(concat, "Joining and splitting strings");
