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
};

static bool format_at(struct format_cache *cache, const struct fn_call *call,
                      const struct column *const *args, uint32_t n, uint32_t row)
{
    struct err e;
    const struct str pattern = args[1]->str[row];
    const struct str zone = n > 2 ? args[2]->str[row] : STR("UTC");
    if (!cache->pattern_text.p || !str_eq(cache->pattern_text, pattern)) {
        cache->pattern_text = pattern.p ? pattern : STR("");
        if (!time_pattern_compile(&cache->pattern, call->a, pattern, &e))
            cache->pattern = NULL;
    }
    if (!cache->zone_text.p || !str_eq(cache->zone_text, zone)) {
        cache->zone_text = zone;
        cache->zone_bad = !zone_load(&cache->zone, call->a, zone, &e);
    }
    return cache->pattern && !cache->zone_bad;
}

static const struct type *format_shape(const struct type **want, const struct type *const *args,
                                       uint32_t n, enum type_kind from, enum type_kind to)
{
    if (args[0] && args[0]->kind != from && !(from == TYPE_BIGINT && args[0]->kind == TYPE_INTEGER))
        return NULL;
    fn_want(want, 0, from);
    for (uint32_t i = 1; i < n; i++) {
        if (!fn_is(args[i], TYPE_STRING))
            return NULL;
        fn_want(want, i, TYPE_STRING);
    }
    return type_scalar(to);
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
    struct format_cache cache = {0};
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
    struct format_cache cache = {0};
    FN_EACH(row, rows)
    {
        int64_t ms;
        if (format_at(&cache, call, args, n, row) &&
            time_pattern_parse(&ms, cache.pattern, args[0]->str[row], cache.zone))
            time_put(call, out, row, ms);
        else
            call->error[row] = 1;
    }
}

#define TIME_RESOLVE(name, from, to)                                           \
    static const struct type *name(struct arena *a, const struct type **want,  \
                                   const struct type *const *args, uint32_t n) \
    {                                                                          \
        assert(a &&n >= 2);                                                    \
        return format_shape(want, args, n, from, to);                          \
    }
TIME_RESOLVE(timestamptostring_resolve, TYPE_BIGINT, TYPE_STRING)
TIME_RESOLVE(stringtotimestamp_resolve, TYPE_STRING, TYPE_BIGINT)
TIME_RESOLVE(format_timestamp_resolve, TYPE_TIMESTAMP, TYPE_STRING)
TIME_RESOLVE(parse_timestamp_resolve, TYPE_STRING, TYPE_TIMESTAMP)
TIME_RESOLVE(datetostring_resolve, TYPE_INTEGER, TYPE_STRING)
TIME_RESOLVE(stringtodate_resolve, TYPE_STRING, TYPE_INTEGER)
TIME_RESOLVE(format_date_resolve, TYPE_DATE, TYPE_STRING)
TIME_RESOLVE(parse_date_resolve, TYPE_STRING, TYPE_DATE)
TIME_RESOLVE(format_time_resolve, TYPE_TIME, TYPE_STRING)
TIME_RESOLVE(parse_time_resolve, TYPE_STRING, TYPE_TIME)

// NOLINTBEGIN(bugprone-macro-parentheses): initialisers and names
#define TIME_FN(id, sql, signature, text, most, how) \
    const struct fn fn_type_##id = {                 \
        .name = sql,                                 \
        .signatures = signature,                     \
        .help = text,                                \
        .args_min = 2,                               \
        .args_max = most,                            \
        .resolve = id##_resolve,                     \
        .eval = how,                                 \
    };
// NOLINTEND(bugprone-macro-parentheses)
TIME_FN(timestamptostring, "TIMESTAMPTOSTRING",
        "TIMESTAMPTOSTRING(BIGINT, STRING[, STRING]) -> STRING",
        "Unix milliseconds as text by a java.time pattern, in a zone.", 3, format_eval)
TIME_FN(stringtotimestamp, "STRINGTOTIMESTAMP",
        "STRINGTOTIMESTAMP(STRING, STRING[, STRING]) -> BIGINT",
        "Text parsed by a java.time pattern, in a zone, to Unix milliseconds.", 3, parse_eval)
TIME_FN(format_timestamp, "FORMAT_TIMESTAMP",
        "FORMAT_TIMESTAMP(TIMESTAMP, STRING[, STRING]) -> STRING",
        "A timestamp as text by a java.time pattern, in a zone.", 3, format_eval)
TIME_FN(parse_timestamp, "PARSE_TIMESTAMP",
        "PARSE_TIMESTAMP(STRING, STRING[, STRING]) -> TIMESTAMP",
        "Text parsed by a java.time pattern, in a zone.", 3, parse_eval)
TIME_FN(datetostring, "DATETOSTRING", "DATETOSTRING(INTEGER, STRING) -> STRING",
        "Days since 1970-01-01 as text by a java.time pattern.", 2, format_eval)
TIME_FN(stringtodate, "STRINGTODATE", "STRINGTODATE(STRING, STRING) -> INTEGER",
        "Text parsed by a java.time pattern to days since 1970-01-01.", 2, parse_eval)
TIME_FN(format_date, "FORMAT_DATE", "FORMAT_DATE(DATE, STRING) -> STRING",
        "A date as text by a java.time pattern.", 2, format_eval)
TIME_FN(parse_date, "PARSE_DATE", "PARSE_DATE(STRING, STRING) -> DATE",
        "Text parsed by a java.time pattern.", 2, parse_eval)
TIME_FN(format_time, "FORMAT_TIME", "FORMAT_TIME(TIME, STRING) -> STRING",
        "A time of day as text by a java.time pattern.", 2, format_eval)
TIME_FN(parse_time, "PARSE_TIME", "PARSE_TIME(STRING, STRING) -> TIME",
        "Text parsed by a java.time pattern.", 2, parse_eval)

static const struct type *unix_timestamp_resolve(struct arena *a, const struct type **want,
                                                 const struct type *const *args, uint32_t n)
{
    assert(a && n <= 1);
    if (n == 1 && !fn_is(args[0], TYPE_TIMESTAMP))
        return NULL;
    if (n == 1)
        fn_want(want, 0, TYPE_TIMESTAMP);
    return type_scalar(TYPE_BIGINT);
}

static void unix_timestamp_eval(const struct fn_call *call, struct column *out,
                                const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    FN_EACH(row, rows)
    out->i64[row] = n ? args[0]->i64[row] : call->now_ms;
}

const struct fn fn_type_unix_timestamp = {
    .name = "UNIX_TIMESTAMP",
    .signatures = "UNIX_TIMESTAMP() -> BIGINT\nUNIX_TIMESTAMP(TIMESTAMP) -> BIGINT",
    .help = "Unix milliseconds of the batch's clock, or of a timestamp.",
    .args_min = 0,
    .args_max = 1,
    .determinism = FN_BATCH_NOW,
    .resolve = unix_timestamp_resolve,
    .eval = unix_timestamp_eval,
};

static const struct type *unix_date_resolve(struct arena *a, const struct type **want,
                                            const struct type *const *args, uint32_t n)
{
    assert(a && n <= 1);
    if (n == 1 && !fn_is(args[0], TYPE_DATE))
        return NULL;
    if (n == 1)
        fn_want(want, 0, TYPE_DATE);
    return type_scalar(TYPE_INTEGER);
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

const struct fn fn_type_unix_date = {
    .name = "UNIX_DATE",
    .signatures = "UNIX_DATE() -> INTEGER\nUNIX_DATE(DATE) -> INTEGER",
    .help = "Days since 1970-01-01 of the batch's clock, or of a date.",
    .args_min = 0,
    .args_max = 1,
    .determinism = FN_BATCH_NOW,
    .resolve = unix_date_resolve,
    .eval = unix_date_eval,
};

static const struct type *from_unixtime_resolve(struct arena *a, const struct type **want,
                                                const struct type *const *args, uint32_t n)
{
    assert(a && n == 1);
    return format_shape(want, args, n, TYPE_BIGINT, TYPE_TIMESTAMP);
}

static void from_unixtime_eval(const struct fn_call *call, struct column *out,
                               const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1);
    FN_EACH(row, rows)
    out->i64[row] = args[0]->i64[row];
}

const struct fn fn_type_from_unixtime = {
    .name = "FROM_UNIXTIME",
    .signatures = "FROM_UNIXTIME(BIGINT) -> TIMESTAMP",
    .help = "Unix milliseconds as a timestamp.",
    .args_min = 1,
    .args_max = 1,
    .resolve = from_unixtime_resolve,
    .eval = from_unixtime_eval,
};

static const struct type *from_days_resolve(struct arena *a, const struct type **want,
                                            const struct type *const *args, uint32_t n)
{
    assert(a && n == 1);
    return format_shape(want, args, n, TYPE_INTEGER, TYPE_DATE);
}

static void from_days_eval(const struct fn_call *call, struct column *out,
                           const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1);
    FN_EACH(row, rows)
    out->i32[row] = args[0]->i32[row];
}

const struct fn fn_type_from_days = {
    .name = "FROM_DAYS",
    .signatures = "FROM_DAYS(INTEGER) -> DATE",
    .help = "Days since 1970-01-01 as a date.",
    .args_min = 1,
    .args_max = 1,
    .resolve = from_days_resolve,
    .eval = from_days_eval,
};
