// Dates and times: formatting and parsing with java.time patterns, conversions, the batch's clock. Zone default UTC.
#include "sql/exec/fn_internal.h"

#include "schema/text.h"

#include <assert.h>

#define DAY_MS INT64_C(86400000)

// Compiled pattern and zone of the last row: nearly always the same for all.
struct format_cache {
    struct str pattern_text, zone_text;
    const struct time_pattern *pattern; // NULL = the text is not a pattern
    const struct zone *zone;
    bool zone_bad;
    unsigned forbidden; // TIME_PATTERN_…: what a date or a time does not have
};

static unsigned forbidden_parts(enum type_kind kind)
{
    return kind == TYPE_DATE ? TIME_PATTERN_TIME : kind == TYPE_TIME ? TIME_PATTERN_DATE : 0;
}

static bool format_at(struct format_cache *cache, const struct fn_call *call,
                      const struct column *const *args, uint32_t n, uint32_t row)
{
    struct err e;
    const struct str pattern = args[1]->str[row];
    const struct str zone = n > 2 ? args[2]->str[row] : STR("UTC");
    if (!cache->pattern_text.p || !str_eq(cache->pattern_text, pattern)) {
        cache->pattern_text = pattern.p ? pattern : STR("");
        if (!time_pattern_compile(&cache->pattern, call->a, pattern, &e) ||
            (time_pattern_parts(cache->pattern) & cache->forbidden))
            cache->pattern = NULL;
    }
    if (!cache->zone_text.p || !str_eq(cache->zone_text, zone)) {
        cache->zone_text = zone;
        cache->zone_bad = !zone_load(&cache->zone, call->a, zone, &e);
    }
    return cache->pattern && !cache->zone_bad;
}

// A literal pattern with letters of Java's that are not built is refused with the statement; one that is no pattern at all
// fails each row, as in ksqlDB.
static bool format_prepare(const void **state, struct arena *a, const struct value *const *consts,
                           uint32_t n, struct err *e)
{
    const struct time_pattern *ignored;
    assert(state && n >= 2);
    if (!consts[1] || consts[1]->null || !consts[1]->type ||
        time_pattern_compile(&ignored, a, consts[1]->column.str[0], e))
        return true;
    return !str_starts(str_from(e->text), STR("not supported yet"));
}

static bool parse_prepare(const void **state, struct arena *a, const struct value *const *consts,
                          uint32_t n, struct err *e)
{
    const struct time_pattern *p;
    struct err ignored;
    if (!format_prepare(state, a, consts, n, e))
        return false;
    if (!consts[1] || consts[1]->null || !consts[1]->type ||
        !time_pattern_compile(&p, a, consts[1]->column.str[0], &ignored) ||
        !(time_pattern_parts(p) & TIME_PATTERN_ONLY_OUT))
        return true;
    return err_fail(e, ERR_SQL,
                    "not supported yet: reading eras, quarters and weeks (letters G Q q Y w W e c) "
                    "by the pattern \"%.*s\"",
                    STR_ARG(consts[1]->column.str[0]));
}

static int64_t time_ms(const struct column *c, uint32_t row)
{
    switch (c->type->kind) {
    case TYPE_DATE:
    case TYPE_INTEGER:
        return c->i32[row] * DAY_MS;
    case TYPE_TIME:
        return c->i32[row];
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        return c->i64[row];
    case TYPE_BOOLEAN:
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
    case TYPE_STRING:
    case TYPE_BYTES:
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        break;
    }
    assert(!"not a time");
    return 0;
}

static void format_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    const enum type_kind kind = args[0]->type->kind;
    struct format_cache cache = {.forbidden =
                                     forbidden_parts(kind == TYPE_INTEGER ? TYPE_DATE : kind)};
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        if (!format_at(&cache, call, args, n, row)) {
            call->error[row] = 1;
            continue;
        }
        time_pattern_format(&b, cache.pattern, time_ms(args[0], row), cache.zone);
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static void time_put(const struct fn_call *call, struct column *out, uint32_t row, int64_t ms)
{
    const int64_t days = ms / DAY_MS - (ms % DAY_MS < 0);
    if (out->type->kind == TYPE_BIGINT || out->type->kind == TYPE_TIMESTAMP)
        out->i64[row] = ms;
    else if (out->type->kind == TYPE_TIME)
        out->i32[row] = (int32_t)(ms - days * DAY_MS);
    else if (days >= INT32_MIN && days <= INT32_MAX)
        out->i32[row] = (int32_t)days;
    else
        call->error[row] = 1;
}

static void parse_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    struct format_cache cache = {.forbidden = forbidden_parts(out->type->kind)};
    // PARSE_DATE does not look at what follows
    bool (*parse)(int64_t * ms, const struct time_pattern *p, struct str s, const struct zone *z) =
        out->type->kind == TYPE_DATE ? time_pattern_parse_start : time_pattern_parse;
    FN_EACH(row, rows)
    {
        int64_t ms;
        if (format_at(&cache, call, args, n, row) &&
            parse(&ms, cache.pattern, args[0]->str[row], cache.zone))
            time_put(call, out, row, ms);
        else
            call->error[row] = 1;
    }
}

static void unix_timestamp_eval(const struct fn_call *call, struct column *out,
                                const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    FN_EACH(row, rows)
    out->i64[row] = n ? args[0]->i64[row] : call->now_ms;
}

static void unix_date_eval(const struct fn_call *call, struct column *out,
                           const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    FN_EACH(row, rows)
    if (n)
        out->i32[row] = args[0]->i32[row];
    else
        time_put(call, out, row, call->now_ms);
}

static void from_unixtime_eval(const struct fn_call *call, struct column *out,
                               const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1);
    FN_EACH(row, rows)
    out->i64[row] = args[0]->i64[row];
}

static void from_days_eval(const struct fn_call *call, struct column *out,
                           const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1);
    FN_EACH(row, rows)
    out->i32[row] = args[0]->i32[row];
}

static const struct fn fns[] = {
    {
        .name = "UNIX_TIMESTAMP",
        .signatures = "UNIX_TIMESTAMP() -> BIGINT\nUNIX_TIMESTAMP(TIMESTAMP) -> BIGINT",
        .help = "Unix milliseconds of the batch's clock, or of a timestamp.",
        .example = "UNIX_TIMESTAMP(FROM_UNIXTIME(1000))",
        .gives = "1000",
        .determinism = FN_BATCH_NOW,
        .eval = unix_timestamp_eval,
    },
    {
        .name = "UNIX_DATE",
        .signatures = "UNIX_DATE() -> INTEGER\nUNIX_DATE(DATE) -> INTEGER",
        .help = "Days since 1970-01-01 of the batch's clock, or of a date.",
        .example = "UNIX_DATE(FROM_DAYS(10))",
        .gives = "10",
        .determinism = FN_BATCH_NOW,
        .eval = unix_date_eval,
    },
    {
        .name = "FROM_UNIXTIME",
        .signatures = "FROM_UNIXTIME(BIGINT) -> TIMESTAMP",
        .help = "Unix milliseconds as a timestamp.",
        .example = "FROM_UNIXTIME(1526075913000)",
        .gives = "2018-05-11T21:58:33.000",
        .eval = from_unixtime_eval,
    },
    {
        .name = "FROM_DAYS",
        .signatures = "FROM_DAYS(INTEGER) -> DATE",
        .help = "Days since 1970-01-01 as a date.",
        .example = "FROM_DAYS(10)",
        .gives = "1970-01-11",
        .eval = from_days_eval,
    },
    {
        .name = "TIMESTAMPTOSTRING",
        .signatures = "TIMESTAMPTOSTRING(BIGINT, STRING[, STRING]) -> STRING",
        .help = "Unix milliseconds as text by a java.time pattern, in a zone.",
        .example = "TIMESTAMPTOSTRING(1526075913000, 'yyyy-MM-dd HH:mm', 'Europe/Paris')",
        .gives = "2018-05-11 23:58",
        .prepare = format_prepare,
        .eval = format_eval,
    },
    {
        .name = "STRINGTOTIMESTAMP",
        .signatures = "STRINGTOTIMESTAMP(STRING, STRING[, STRING]) -> BIGINT",
        .help = "Text parsed by a java.time pattern, in a zone, to Unix milliseconds.",
        .example = "STRINGTOTIMESTAMP('2018-05-11', 'yyyy-MM-dd')",
        .gives = "1525996800000",
        .prepare = parse_prepare,
        .eval = parse_eval,
    },
    {
        .name = "FORMAT_TIMESTAMP",
        .signatures = "FORMAT_TIMESTAMP(TIMESTAMP, STRING[, STRING]) -> STRING",
        .help = "A timestamp as text by a java.time pattern, in a zone.",
        .example = "FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'yyyy/MM/dd')",
        .gives = "1970/01/01",
        .prepare = format_prepare,
        .eval = format_eval,
    },
    {
        .name = "PARSE_TIMESTAMP",
        .signatures = "PARSE_TIMESTAMP(STRING, STRING[, STRING]) -> TIMESTAMP",
        .help = "Text parsed by a java.time pattern, in a zone.",
        .example = "PARSE_TIMESTAMP('11.05.2018 21:58', 'dd.MM.yyyy HH:mm')",
        .gives = "2018-05-11T21:58:00.000",
        .prepare = parse_prepare,
        .eval = parse_eval,
    },
    {
        .name = "DATETOSTRING",
        .signatures = "DATETOSTRING(INTEGER, STRING) -> STRING",
        .help = "Days since 1970-01-01 as text by a java.time pattern.",
        .example = "DATETOSTRING(17662, 'dd/MM/yyyy')",
        .gives = "11/05/2018",
        .prepare = format_prepare,
        .eval = format_eval,
    },
    {
        .name = "STRINGTODATE",
        .signatures = "STRINGTODATE(STRING, STRING) -> INTEGER",
        .help = "Text parsed by a java.time pattern to days since 1970-01-01.",
        .example = "STRINGTODATE('2018-05-11', 'yyyy-MM-dd')",
        .gives = "17662",
        .prepare = parse_prepare,
        .eval = parse_eval,
    },
    {
        .name = "FORMAT_DATE",
        .signatures = "FORMAT_DATE(DATE, STRING) -> STRING",
        .help = "A date as text by a java.time pattern.",
        .example = "FORMAT_DATE(FROM_DAYS(17662), 'dd MMM yyyy')",
        .gives = "11 May 2018",
        .prepare = format_prepare,
        .eval = format_eval,
    },
    {
        .name = "PARSE_DATE",
        .signatures = "PARSE_DATE(STRING, STRING) -> DATE",
        .help = "Text parsed by a java.time pattern of a date; what follows it is ignored.",
        .example = "PARSE_DATE('11/05/2018', 'dd/MM/yyyy')",
        .gives = "2018-05-11",
        .prepare = parse_prepare,
        .eval = parse_eval,
    },
    {
        .name = "FORMAT_TIME",
        .signatures = "FORMAT_TIME(TIME, STRING) -> STRING",
        .help = "A time of day as text by a java.time pattern.",
        .example = "FORMAT_TIME(PARSE_TIME('010203', 'HHmmss'), 'HH-mm')",
        .gives = "01-02",
        .prepare = format_prepare,
        .eval = format_eval,
    },
    {
        .name = "PARSE_TIME",
        .signatures = "PARSE_TIME(STRING, STRING) -> TIME",
        .help = "Text parsed by a java.time pattern.",
        .example = "PARSE_TIME('01:02 PM', 'hh:mm a')",
        .gives = "13:02",
        .prepare = parse_prepare,
        .eval = parse_eval,
    },
};
FN_FAMILY(time, "Dates and times");
