#include "lake/layout/partition.h"

#include "base/clock.h"
#include "schema/text.h"

#include <assert.h>

enum { SLOT_MS = 15 * 60 * 1000, HOUR_MS = 60 * 60 * 1000, DAY_MS = 24 * HOUR_MS };
enum { VALUE_MAX = 1 << 30 };

static const int64_t time_min = -62167219200000; // 0000-01-01
static const int64_t time_max = 253402300799999; // 9999-12-31T23:59:59.999
static const int64_t no_bucket = INT64_MIN;      // of rows without a time

struct partitioner {
    const struct lake_output *output;
    int64_t unit; // ms of the finest time part: an hour or a day; 0 = no time part
    // Times of one quarter of an hour mostly share a bucket (a local hour or day); then it is kept here.
    int64_t slot, slot_bucket;
    bool slot_known;
    bool started, failed;
    int64_t bucket;   // of the last row
    struct buf key;   // of the last row: bucket and column values, as bytes
    struct buf fresh; // of this row
    struct buf path;
};

static int64_t floor_div(int64_t x, int64_t by)
{
    assert(by > 0);
    return x / by - (x % by < 0);
}

static bool is_time_kind(enum type_kind k)
{
    return k == TYPE_BIGINT || k == TYPE_TIMESTAMP || k == TYPE_STRING || k == TYPE_DATE;
}

static bool check_output(const struct lake_output *o, struct err *e)
{
    if (o->part_count > LAYOUT_PARTS_MAX)
        return err_fail(e, ERR_CONFIG, "output %.*s: %zu partition levels, %d are allowed",
                        STR_ARG(o->name), o->part_count, LAYOUT_PARTS_MAX);
    const struct schema *sc = o->schema;
    if (o->time_column >= 0) {
        assert((uint32_t)o->time_column < sc->count);
        const struct schema_column *c = &sc->columns[o->time_column];
        if (!is_time_kind(c->type->kind))
            return err_fail(e, ERR_CONFIG,
                            "output %.*s: time column %.*s is %s, not BIGINT, TIMESTAMP, DATE or "
                            "STRING",
                            STR_ARG(o->name), STR_ARG(c->name), type_kind_name(c->type->kind));
    }
    for (size_t i = 0; i < o->part_count; i++) {
        if (o->parts[i].kind != LAKE_PART_COLUMN)
            continue;
        assert(o->parts[i].column >= 0 && (uint32_t)o->parts[i].column < sc->count);
        const struct schema_column *c = &sc->columns[o->parts[i].column];
        if (type_is_nested(c->type))
            return err_fail(e, ERR_CONFIG, "output %.*s: cannot partition by %.*s: it is %s",
                            STR_ARG(o->name), STR_ARG(c->name), type_kind_name(c->type->kind));
    }
    return true;
}

bool partitioner_new(struct partitioner **out, struct arena *a, const struct lake_output *o,
                     struct err *e)
{
    if (!check_output(o, e))
        return false;
    struct partitioner *s = ARENA_NEW(a, struct partitioner);
    s->output = o;
    for (size_t i = 0; i < o->part_count; i++) {
        if (o->parts[i].kind == LAKE_PART_HOUR)
            s->unit = HOUR_MS;
        else if (o->parts[i].kind != LAKE_PART_COLUMN && s->unit == 0)
            s->unit = DAY_MS;
    }
    buf_init(&s->key, VALUE_MAX);
    buf_init(&s->fresh, VALUE_MAX);
    buf_init(&s->path, LAYOUT_PATH_MAX);
    *out = s;
    return true;
}

void partitioner_free(struct partitioner *s)
{
    if (!s)
        return;
    buf_fini(&s->key);
    buf_fini(&s->fresh);
    buf_fini(&s->path);
}

static bool digits(int *out, const char *p, size_t n)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        *out = *out * 10 + (p[i] - '0');
    }
    return true;
}

// Last calendar day that was read, as text and as a number: rows are mostly in time order.
struct day_cache {
    char text[10];
    int64_t start_ms;
};

static bool parse_day(struct day_cache *day, const char *p)
{
    int year, month, dom;
    if (memcmp(p, day->text, sizeof day->text) == 0)
        return true;
    if (p[4] != '-' || p[7] != '-' || !digits(&year, p, 4) || !digits(&month, p + 5, 2) ||
        !digits(&dom, p + 8, 2) || month < 1 || month > 12 || dom < 1)
        return false;
    int64_t days = civil_days(year, month, dom);
    if (dom > 28 && civil_from_ms(days * DAY_MS).month != month)
        return false;
    memcpy(day->text, p, sizeof day->text);
    day->start_ms = days * DAY_MS;
    return true;
}

// "" or "." and digits; what is finer than a millisecond is dropped.
static bool parse_fraction(int *ms, struct str s)
{
    static const int weight[] = {100, 10, 1};
    *ms = 0;
    if (s.n == 0)
        return true;
    if (s.p[0] != '.' || s.n == 1)
        return false;
    for (size_t i = 1; i < s.n; i++) {
        int digit;
        if (!digits(&digit, s.p + i, 1))
            return false;
        *ms += i <= 3 ? digit * weight[i - 1] : 0;
    }
    return true;
}

// The usual form "2025-05-01T00:00:00.123456Z"; everything else is the general reader's.
static bool parse_instant(int64_t *out, struct day_cache *day, struct str s)
{
    int hour, minute, second, ms;
    const char *p = s.p;
    if (s.n < 20 || s.n > 40 || p[10] != 'T' || p[13] != ':' || p[16] != ':' || p[s.n - 1] != 'Z')
        return false;
    if (!digits(&hour, p + 11, 2) || !digits(&minute, p + 14, 2) || !digits(&second, p + 17, 2) ||
        hour > 23 || minute > 59 || second > 59)
        return false;
    if (!parse_fraction(&ms, str_slice(s, 19, s.n - 1)) || !parse_day(day, p))
        return false;
    *out = day->start_ms + ((int64_t)hour * 60 + minute) * 60000 + second * 1000 + ms;
    return true;
}

static bool cell_time(int64_t *out, const struct column *c, uint32_t row, struct day_cache *day)
{
    if (!column_is_valid(c, row))
        return false;
    if (c->type->kind == TYPE_STRING)
        return parse_instant(out, day, c->str[row]) || text_parse_timestamp(out, c->str[row]);
    *out = c->type->kind == TYPE_DATE ? (int64_t)c->i32[row] * DAY_MS : c->i64[row];
    return true;
}

void partitioner_times(int64_t *times, uint8_t *valid, const struct lake_output *o,
                       const struct block *b)
{
    bool by_column = o->kind == LAKE_STREAM && o->time_column >= 0;
    const struct column *c = by_column ? &b->columns[o->time_column] : NULL;
    struct day_cache day = {{0}, 0};
    for (uint32_t i = 0; i < b->rows; i++) {
        bool ok = true;
        if (c)
            ok = cell_time(&times[i], c, i, &day);
        else
            times[i] = b->rowtime[i];
        valid[i] = ok && times[i] >= time_min && times[i] <= time_max;
    }
}

static int64_t local_ms(const struct partitioner *s, int64_t utc_ms)
{
    const struct zone *z = s->output->zone;
    return z ? utc_ms + (int64_t)zone_offset_s(z, utc_ms) * 1000 : utc_ms;
}

static int64_t bucket_at(const struct partitioner *s, int64_t utc_ms)
{
    return floor_div(local_ms(s, utc_ms), s->unit);
}

static int64_t bucket_of(struct partitioner *s, int64_t utc_ms)
{
    int64_t slot = floor_div(utc_ms, SLOT_MS);
    if (s->slot_known && s->slot == slot)
        return s->slot_bucket;
    int64_t first = bucket_at(s, slot * SLOT_MS);
    int64_t last = bucket_at(s, slot * SLOT_MS + SLOT_MS - 1);
    if (first != last)
        return bucket_at(s, utc_ms);
    s->slot_known = true;
    s->slot = slot;
    s->slot_bucket = first;
    return first;
}

// The value as text; NULL pointer for NULL. Strings are borrowed, others are written to scratch.
static struct str cell_text(struct buf *scratch, const struct column *c, uint32_t row)
{
    if (!column_is_valid(c, row))
        return STR_NONE;
    if (c->type->kind == TYPE_STRING)
        return c->str[row].p ? c->str[row] : STR("");
    size_t from = scratch->n;
    text_cell(scratch, c, row);
    if (scratch->n == from)
        return STR("");
    return (struct str){scratch->p + from, scratch->n - from};
}

static void put_key_cell(struct buf *key, const struct column *c, uint32_t row)
{
    uint32_t flag_at = (uint32_t)key->n;
    bool null = !column_is_valid(c, row);
    buf_u8(key, !null);
    buf_le32(key, 0);
    if (null)
        return;
    if (c->type->kind == TYPE_STRING)
        buf_str(key, c->str[row]);
    else
        text_cell(key, c, row);
    if (key->failed)
        return;
    uint32_t n = (uint32_t)key->n - flag_at - 5;
    memcpy(key->p + flag_at + 1, &n, sizeof n);
}

static void put_time_part(struct buf *path, enum lake_part_kind kind, int64_t bucket, int64_t unit)
{
    static const char *const names[] = {"year", "month", "day", "hour"};
    assert(kind != LAKE_PART_COLUMN);
    struct str name = str_from(names[kind]);
    if (bucket == no_bucket) {
        layout_partition(path, name, STR_NONE, LAYOUT_NAME_MAX);
        return;
    }
    struct civil c = civil_from_ms(bucket * unit);
    buf_str(path, name);
    switch (kind) {
    case LAKE_PART_YEAR:
        buf_printf(path, "=%04lld", (long long)c.year);
        break;
    case LAKE_PART_MONTH:
        buf_printf(path, "=%02d", c.month);
        break;
    case LAKE_PART_DAY:
        buf_printf(path, "=%02d", c.day);
        break;
    case LAKE_PART_HOUR:
        buf_printf(path, "=%02d", c.hour);
        break;
    case LAKE_PART_COLUMN:
        break;
    }
}

static void build_path(struct partitioner *s, const struct block *b, uint32_t row)
{
    const struct lake_output *o = s->output;
    size_t max = LAYOUT_NAMES_MAX / (o->part_count ? o->part_count : 1);
    max = max < LAYOUT_NAME_MAX ? max : LAYOUT_NAME_MAX;
    struct buf cell;
    buf_init(&cell, VALUE_MAX);
    buf_clear(&s->path);
    for (size_t i = 0; i < o->part_count; i++) {
        if (i > 0)
            buf_char(&s->path, '/');
        if (o->parts[i].kind != LAKE_PART_COLUMN) {
            put_time_part(&s->path, o->parts[i].kind, s->bucket, s->unit);
            continue;
        }
        uint32_t c = (uint32_t)o->parts[i].column;
        buf_clear(&cell);
        layout_partition(&s->path, o->schema->columns[c].name,
                         cell_text(&cell, &b->columns[c], row), max);
    }
    s->failed |= s->path.failed || cell.failed || s->key.failed;
    buf_fini(&cell);
}

enum partition_step partitioner_row(struct partitioner *s, const struct block *b, uint32_t row,
                                    const int64_t *times, const uint8_t *valid)
{
    const struct lake_output *o = s->output;
    int64_t bucket = 0;
    if (s->unit > 0)
        bucket = valid[row] ? bucket_of(s, times[row]) : no_bucket;
    buf_clear(&s->fresh);
    for (size_t i = 0; i < o->part_count; i++)
        if (o->parts[i].kind == LAKE_PART_COLUMN)
            put_key_cell(&s->fresh, &b->columns[o->parts[i].column], row);
    if (s->started && bucket == s->bucket && str_eq(buf_view(&s->fresh), buf_view(&s->key)))
        return PARTITION_SAME;
    struct buf old = s->key;
    s->key = s->fresh;
    s->fresh = old;
    s->started = true;
    s->bucket = bucket;
    build_path(s, b, row);
    return PARTITION_OTHER;
}

struct str partitioner_path(const struct partitioner *s)
{
    return buf_view(&s->path);
}

bool partitioner_failed(const struct partitioner *s)
{
    return s->failed;
}

void partition_describe(struct buf *out, const struct lake_output *o)
{
    static const char *const names[] = {"year", "month", "day", "hour"};
    if (o->kind == LAKE_SNAPSHOT) {
        buf_text(out, "version");
        return;
    }
    for (size_t i = 0; i < o->part_count; i++) {
        if (i > 0)
            buf_char(out, ',');
        if (o->parts[i].kind == LAKE_PART_COLUMN)
            buf_str(out, o->schema->columns[o->parts[i].column].name);
        else
            buf_text(out, names[o->parts[i].kind]);
    }
}
