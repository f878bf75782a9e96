// Times moved by an interval and between zones: TIMESTAMPADD, DATEADD, TIMEADD, their SUBs, CONVERT_TZ.
#include "sql/exec/fn_internal.h"

#include "schema/text.h"

#include <assert.h>

#define DAY_MS INT64_C(86400000)

// Milliseconds of a window unit, singular or plural; 0 = unknown.
static int64_t unit_ms(struct str unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } table[] = {
        {"MILLISECOND", 1}, {"SECOND", 1000}, {"MINUTE", 60000}, {"HOUR", 3600000}, {"DAY", DAY_MS},
    };
    if (unit.n && (unit.p[unit.n - 1] == 'S' || unit.p[unit.n - 1] == 's'))
        unit.n--;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (str_eq_nocase(unit, str_from(table[i].name)))
            return table[i].ms;
    return 0;
}

enum direction { ADD = 1, SUB = -1 };

// The moved time in the result's own unit; false where Java's long overflows or the unit is none.
static bool moved(int64_t *out, const struct column *const *args, uint32_t row, enum direction way)
{
    const struct column *time = args[2];
    const int64_t unit = unit_ms(args[0]->str[row]);
    const int64_t by = (int64_t)args[1]->i32[row] * way * unit; // 32 bits times a day fits
    int64_t ms = time->type->kind == TYPE_TIMESTAMP ? time->i64[row]
                 : time->type->kind == TYPE_DATE    ? time->i32[row] * DAY_MS
                                                    : time->i32[row];
    if (!unit || __builtin_add_overflow(ms, by, &ms))
        return false;
    if (time->type->kind == TYPE_DATE)
        ms /= DAY_MS; // TimeUnit.toDays: towards 1970-01-01
    if (time->type->kind == TYPE_TIME)
        ms = (ms % DAY_MS + DAY_MS) % DAY_MS;
    *out = ms;
    return true;
}

static void move(const struct fn_call *call, struct column *out, const struct column *const *args,
                 struct fn_rows rows, enum direction way)
{
    FN_EACH(row, rows)
    {
        int64_t v;
        const bool wide = out->type->kind == TYPE_TIMESTAMP;
        if (!moved(&v, args, row, way) || (!wide && (v < INT32_MIN || v > INT32_MAX)))
            fn_fail(call, out, row);
        else if (wide)
            out->i64[row] = v;
        else
            out->i32[row] = (int32_t)v;
    }
}

static void add_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 3);
    move(call, out, args, rows, ADD);
}

static void sub_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 3);
    move(call, out, args, rows, SUB);
}

// The zones of the last row: nearly always the same for all.
struct zones {
    struct str name[2];
    const struct zone *zone[2]; // NULL = no such zone
};

static bool zones_at(struct zones *s, const struct fn_call *call, const struct column *const *args,
                     uint32_t row)
{
    for (int i = 0; i < 2; i++) {
        struct err e;
        const struct str name = args[1 + i]->str[row];
        if (s->name[i].p && str_eq(s->name[i], name))
            continue;
        s->name[i] = name.p ? name : STR("");
        if (!zone_load(&s->zone[i], call->a, name, &e))
            s->zone[i] = NULL;
    }
    return s->zone[0] && s->zone[1];
}

// The wall clock that the first zone shows, put forward to what the second one shows at that moment.
static void convert_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 3);
    struct zones zones = {{{NULL, 0}, {NULL, 0}}, {NULL, NULL}};
    FN_EACH(row, rows)
    {
        if (!zones_at(&zones, call, args, row)) {
            fn_fail(call, out, row);
            continue;
        }
        const int64_t utc = zone_to_utc_ms(zones.zone[0], args[0]->i64[row]);
        out->i64[row] = utc + zone_offset_s(zones.zone[1], utc) * INT64_C(1000);
    }
}

#define MOVE_FORM(name, type) name "(unit STRING, interval INTEGER, " type ") -> " type

static const struct fn fns[] = {
    {
        .name = "TIMESTAMPADD",
        .signatures = MOVE_FORM("TIMESTAMPADD", "TIMESTAMP"),
        .help = "The timestamp so many units later: MILLISECONDS, SECONDS, MINUTES, HOURS or DAYS, "
                "without quotes.",
        .example = "TIMESTAMPADD(HOURS, 25, FROM_UNIXTIME(0))",
        .gives = "1970-01-02T01:00:00.000",
        .eval = add_eval,
    },
    {
        .name = "TIMESTAMPSUB",
        .signatures = MOVE_FORM("TIMESTAMPSUB", "TIMESTAMP"),
        .help = "The timestamp so many units earlier.",
        .example = "TIMESTAMPSUB(DAYS, 1, FROM_UNIXTIME(0))",
        .gives = "1969-12-31T00:00:00.000",
        .eval = sub_eval,
    },
    {
        .name = "DATEADD",
        .signatures = MOVE_FORM("DATEADD", "DATE"),
        .help = "The date so many units later; parts of days count only when they make whole ones.",
        .example = "DATEADD(DAYS, 5, FROM_DAYS(0))",
        .gives = "1970-01-06",
        .eval = add_eval,
    },
    {
        .name = "DATESUB",
        .signatures = MOVE_FORM("DATESUB", "DATE"),
        .help = "The date so many units earlier.",
        .example = "DATESUB(DAYS, 5, FROM_DAYS(0))",
        .gives = "1969-12-27",
        .eval = sub_eval,
    },
    {
        .name = "TIMEADD",
        .signatures = MOVE_FORM("TIMEADD", "TIME"),
        .help = "The time of day so many units later, round the clock.",
        .example = "TIMEADD(HOURS, 23, PARSE_TIME('02:00', 'HH:mm'))",
        .gives = "01:00",
        .eval = add_eval,
    },
    {
        .name = "TIMESUB",
        .signatures = MOVE_FORM("TIMESUB", "TIME"),
        .help = "The time of day so many units earlier, round the clock.",
        .example = "TIMESUB(HOURS, 3, PARSE_TIME('02:00', 'HH:mm'))",
        .gives = "23:00",
        .eval = sub_eval,
    },
    {
        .name = "CONVERT_TZ",
        .signatures = "CONVERT_TZ(TIMESTAMP, from STRING, to STRING) -> TIMESTAMP",
        .help =
            "A timestamp that shows the wall clock of one zone as what another zone's shows then; "
            "zones by name or offset.",
        .example = "CONVERT_TZ(FROM_UNIXTIME(0), '+0200', 'UTC')",
        .gives = "1969-12-31T22:00:00.000",
        .eval = convert_eval,
    },
};
FN_FAMILY(interval, "Moving times");
