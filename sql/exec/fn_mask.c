// MASK and its partial forms: upper case -> X, lower case -> x, digits -> n, anything else -> '-'. A NULL mask keeps
// characters of that class. Units are UTF-16: a character outside the BMP gives two of "other".
#include "sql/exec/fn_internal.h"

#include "sql/exec/unicode.h"

#include <assert.h>

struct masks {
    struct str by_class[4];
    bool keep[4];
};

static void masks_get(struct masks *out, const struct column *const *args, uint32_t n,
                      uint32_t fixed, uint32_t row)
{
    static const char *const preset[4] = {"X", "x", "n", "-"};
    for (uint32_t i = 0; i < 4; i++) {
        const struct column *c = n > fixed ? args[fixed + i] : NULL;
        out->keep[i] = c && !column_is_valid(c, row);
        out->by_class[i] = c && !out->keep[i] ? c->str[row] : str_from(preset[i]);
    }
}

static void mask_put(struct buf *b, const struct masks *m, struct str s, size_t from, size_t to)
{
    while (from < to) {
        const size_t start = from;
        const uint32_t c = unicode_next(s, &from);
        const enum unicode_class class = unicode_class(c);
        if (m->keep[class]) {
            buf_put(b, s.p + start, from - start);
            continue;
        }
        buf_str(b, m->by_class[class]);
        if (c > 0xFFFF)
            buf_str(b, m->by_class[class]);
    }
}

enum mask_form { MASK_LEFT, MASK_RIGHT, MASK_KEEP_LEFT, MASK_KEEP_RIGHT };

static void mask_one(struct buf *b, const struct masks *m, struct str s, enum mask_form form,
                     int32_t count)
{
    const bool from_left = form == MASK_LEFT || form == MASK_KEEP_LEFT;
    const bool masks_left = form == MASK_LEFT || form == MASK_KEEP_RIGHT;
    size_t units = unicode_units(s);
    if (!from_left)
        units = units > (size_t)count ? units - (size_t)count : 0;
    else
        units = (size_t)count;
    const size_t cut = unicode_offset(s, units);
    if (masks_left) {
        mask_put(b, m, s, 0, cut);
        buf_put(b, s.p + cut, s.n - cut);
    } else {
        buf_put(b, s.p, cut);
        mask_put(b, m, s, cut, s.n);
    }
}

static void mask_n(const struct fn_call *call, struct column *out, const struct column *const *args,
                   uint32_t n, struct fn_rows rows, enum mask_form form)
{
    struct masks m;
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        if (!column_is_valid(args[0], row)) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        if (!column_is_valid(args[1], row) || args[1]->i32[row] < 0) {
            call->error[row] = 1; // "number of characters must be positive"
            continue;
        }
        masks_get(&m, args, n, 2, row);
        mask_one(&b, &m, args[0]->str[row], form, args[1]->i32[row]);
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static void mask_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    struct masks m;
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        if (!column_is_valid(args[0], row)) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        masks_get(&m, args, n, 1, row);
        mask_put(&b, &m, args[0]->str[row], 0, args[0]->str[row].n);
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

#define MASK_EVAL(name, form)                                                           \
    static void name(const struct fn_call *call, struct column *out,                    \
                     const struct column *const *args, uint32_t n, struct fn_rows rows) \
    {                                                                                   \
        mask_n(call, out, args, n, rows, form);                                         \
    }
MASK_EVAL(mask_left_eval, MASK_LEFT)
MASK_EVAL(mask_right_eval, MASK_RIGHT)
MASK_EVAL(mask_keep_left_eval, MASK_KEEP_LEFT)
MASK_EVAL(mask_keep_right_eval, MASK_KEEP_RIGHT)

#define MASK_SIGNATURE(name, n)                       \
    name "(STRING" n ") -> STRING\n" name "(STRING" n \
         ", upper STRING, lower STRING, digit STRING, other STRING) -> STRING"

static const struct fn fns[] = {
    {
        .name = "MASK",
        .signatures = MASK_SIGNATURE("MASK", ""),
        .help =
            "The text with upper case letters as X, lower case as x, digits as n, the rest as '-', "
            "or as given; a NULL mask keeps those characters.",
        .example = "MASK('My Test $123')",
        .gives = "Xx-Xxxx--nnn",
        .nulls = FN_SEES_NULLS,
        .eval = mask_eval,
    },
    {
        .name = "MASK_LEFT",
        .signatures = MASK_SIGNATURE("MASK_LEFT", ", INTEGER"),
        .help = "As MASK, for the first n characters.",
        .example = "MASK_LEFT('My Test $123', 4)",
        .gives = "Xx-Xest $123",
        .nulls = FN_SEES_NULLS,
        .eval = mask_left_eval,
    },
    {
        .name = "MASK_RIGHT",
        .signatures = MASK_SIGNATURE("MASK_RIGHT", ", INTEGER"),
        .help = "As MASK, for the last n characters.",
        .example = "MASK_RIGHT('My Test $123', 4)",
        .gives = "My Test -nnn",
        .nulls = FN_SEES_NULLS,
        .eval = mask_right_eval,
    },
    {
        .name = "MASK_KEEP_LEFT",
        .signatures = MASK_SIGNATURE("MASK_KEEP_LEFT", ", INTEGER"),
        .help = "As MASK, for all but the first n characters.",
        .example = "MASK_KEEP_LEFT('My Test $123', 4)",
        .gives = "My Txxx--nnn",
        .nulls = FN_SEES_NULLS,
        .eval = mask_keep_left_eval,
    },
    {
        .name = "MASK_KEEP_RIGHT",
        .signatures = MASK_SIGNATURE("MASK_KEEP_RIGHT", ", INTEGER"),
        .help = "As MASK, for all but the last n characters.",
        .example = "MASK_KEEP_RIGHT('My Test $123', 4)",
        .gives = "Xx-Xxxx-$123",
        .nulls = FN_SEES_NULLS,
        .eval = mask_keep_right_eval,
    },
};
FN_FAMILY(mask, "Masks");
