#include "base/clock.h"
#include "orchestrator/cli/cli.h"

#include <assert.h>
#include <stdio.h>

void cli_table_init(struct cli_table *out, struct arena *a, const char *const *heads,
                    size_t columns)
{
    *out = (struct cli_table){.a = a, .heads = heads, .columns = columns};
}

void cli_table_row(struct cli_table *t, const char *const *cells)
{
    if (t->rows == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 16;
        const char **more = ARENA_ARRAY(t->a, const char *, cap * t->columns);
        if (t->rows)
            memcpy(more, t->cells, t->rows * t->columns * sizeof *more);
        t->cells = more;
        t->cap = cap;
    }
    for (size_t i = 0; i < t->columns; i++)
        t->cells[t->rows * t->columns + i] = arena_strdup(t->a, cells[i] ? cells[i] : "");
    t->rows++;
}

static void cli_table_line(struct buf *out, const struct cli_table *t, const char *const *cells,
                           const size_t *widths)
{
    size_t last = t->columns;
    while (last > 0 && !cells[last - 1][0])
        last--;
    for (size_t i = 0; i < last; i++) {
        size_t n = utf8_count(str_from(cells[i]));
        buf_text(out, cells[i]);
        // No blanks behind the last cell with something in it.
        for (size_t pad = n; i + 1 < last && pad < widths[i] + 2; pad++)
            buf_char(out, ' ');
    }
    buf_char(out, '\n');
}

void cli_table_print(struct buf *out, const struct cli_table *t)
{
    size_t *widths = ARENA_ZARRAY(t->a, size_t, t->columns);
    for (size_t i = 0; i < t->columns; i++) {
        widths[i] = utf8_count(str_from(t->heads[i]));
        for (size_t r = 0; r < t->rows; r++) {
            size_t n = utf8_count(str_from(t->cells[r * t->columns + i]));
            if (n > widths[i])
                widths[i] = n;
        }
    }
    cli_table_line(out, t, t->heads, widths);
    for (size_t r = 0; r < t->rows; r++)
        cli_table_line(out, t, t->cells + r * t->columns, widths);
}

const char *cli_size(struct arena *a, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    uint64_t tenths = bytes * 10;
    while (tenths >= 10000 && unit + 1 < sizeof units / sizeof units[0]) {
        tenths = (tenths + 500) / 1000;
        unit++;
    }
    if (unit == 0)
        return arena_printf(a, "%llu B", (unsigned long long)bytes).p;
    return arena_printf(a, "%llu.%llu %s", (unsigned long long)(tenths / 10),
                        (unsigned long long)(tenths % 10), units[unit])
        .p;
}

const char *cli_count(struct arena *a, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    assert(len > 0);
    char *out = arena_alloc(a, (size_t)len * 2), *p = out;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *p++ = ',';
        *p++ = digits[i];
    }
    *p = 0;
    return out;
}

const char *cli_time(struct arena *a, int64_t ms)
{
    struct civil t = civil_from_ms(ms);
    return arena_printf(a, "%04lld-%02d-%02d %02d:%02d:%02d", (long long)t.year, t.month, t.day,
                        t.hour, t.minute, t.second)
        .p;
}

const char *cli_ago(struct arena *a, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
    const int64_t span = ms < 0 ? -ms : ms;
    size_t i = 0;
    while (i + 1 < sizeof units / sizeof *units && span < 2 * units[i].ms)
        i++;
    const long long n = (long long)(span / units[i].ms);
    return (ms < 0 ? arena_printf(a, "in %lld%s", n, units[i].unit)
                   : arena_printf(a, "%lld%s ago", n, units[i].unit))
        .p;
}
