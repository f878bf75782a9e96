#include "warehouse/cells.h"

#include "base/clock.h"
#include "schema/decimal.h"
#include "schema/serde/serde.h"
#include "schema/text.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define CELL_BYTES_MAX  ((size_t)1 << 30) // one JSON text
#define KEY_SHOWN_BYTES 80                // of one key value in a message

struct cell {
    int64_t i64;
    double f64;
    struct str text;
};

// False: `why` says what is wrong with the value.
typedef bool (*cell_fn)(struct cell *out, struct cells *s, struct arena *a, const struct column *c,
                        uint32_t row);

struct cells {
    struct str name;
    bool key;
    const struct target *target;
    cell_fn convert;
    const struct encoder *json; // nested types only
    struct buf scratch;
    char why[128];
};

static void free_scratch(void *arg)
{
    struct cells *s = arg;
    buf_fini(&s->scratch);
}

static bool refuse(struct cells *s, const char *why)
{
    snprintf(s->why, sizeof s->why, "%s", why);
    return false;
}

static bool take_integer(struct cell *out, struct cells *s, int64_t v)
{
    const struct target *t = s->target;
    if (v < t->min || v > t->max) {
        snprintf(s->why, sizeof s->why, "is out of range %lld to %lld", (long long)t->min,
                 (long long)t->max);
        return false;
    }
    out->i64 = v;
    return true;
}

static bool integer_from_boolean(struct cell *out, struct cells *s, struct arena *a,
                                 const struct column *c, uint32_t row)
{
    (void)a;
    return take_integer(out, s, c->u8[row]);
}

static bool integer_from_i32(struct cell *out, struct cells *s, struct arena *a,
                             const struct column *c, uint32_t row)
{
    (void)a;
    return take_integer(out, s, c->i32[row]);
}

static bool integer_from_i64(struct cell *out, struct cells *s, struct arena *a,
                             const struct column *c, uint32_t row)
{
    (void)a;
    return take_integer(out, s, c->i64[row]);
}

static bool double_from_number(struct cell *out, struct cells *s, struct arena *a,
                               const struct column *c, uint32_t row)
{
    (void)a;
    if (c->type->kind == TYPE_INTEGER)
        out->f64 = c->i32[row];
    else if (c->type->kind == TYPE_BIGINT)
        out->f64 = (double)c->i64[row];
    else if (c->type->kind == TYPE_DECIMAL)
        out->f64 = decimal_to_double(decimal_get(c, row));
    else
        out->f64 = c->f64[row];
    return isfinite(out->f64) || refuse(s, "is no number that a SQL store keeps");
}

static bool decimal_from_number(struct cell *out, struct cells *s, struct arena *a,
                                const struct column *c, uint32_t row)
{
    const struct target *t = s->target;
    struct decimal v;
    if (c->type->kind == TYPE_INTEGER) {
        v = decimal_from_i64(c->i32[row]);
    } else if (c->type->kind == TYPE_BIGINT) {
        v = decimal_from_i64(c->i64[row]);
    } else if (c->type->kind == TYPE_DECIMAL) {
        v = decimal_get(c, row);
    } else if (!isfinite(c->f64[row]) || !decimal_from_double(&v, a, c->f64[row])) {
        return refuse(s, "is no decimal number");
    }
    struct decimal scaled = v;
    if (t->precision > 0 &&
        !decimal_rescale(&scaled, a, v, t->precision, t->scale, DECIMAL_HALF_UP)) {
        snprintf(s->why, sizeof s->why, "does not fit DECIMAL(%u, %u)", t->precision, t->scale);
        return false;
    }
    buf_clear(&s->scratch);
    decimal_print(&s->scratch, scaled);
    out->text = arena_str(a, buf_view(&s->scratch));
    return true;
}

static bool check_length(struct cells *s, struct str v)
{
    const struct target *t = s->target;
    if (t->length_max && v.n > t->length_max) {
        const size_t n = t->unit == TARGET_OCTETS ? v.n : utf8_count(v);
        if (n > t->length_max) {
            snprintf(s->why, sizeof s->why, "is too long: %zu %s, at most %llu", n,
                     t->unit == TARGET_OCTETS ? "bytes" : "characters",
                     (unsigned long long)t->length_max);
            return false;
        }
    }
    if (t->fixed && t->kind == TARGET_BYTES && v.n != t->length_max)
        return refuse(s, "has not the length of the BINARY column, which would pad it");
    if ((t->fixed || t->padded) && v.n && v.p[v.n - 1] == ' ' && t->kind == TARGET_TEXT)
        return refuse(s, "ends with a space, which the column's type or collation ignores");
    return true;
}

static bool text_from_string(struct cell *out, struct cells *s, struct arena *a,
                             const struct column *c, uint32_t row)
{
    (void)a;
    out->text = c->str[row];
    return check_length(s, out->text);
}

static bool text_from_scalar(struct cell *out, struct cells *s, struct arena *a,
                             const struct column *c, uint32_t row)
{
    buf_clear(&s->scratch);
    text_cell(&s->scratch, c, row);
    out->text = arena_str(a, buf_view(&s->scratch));
    return check_length(s, out->text);
}

static bool text_from_nested(struct cell *out, struct cells *s, struct arena *a,
                             const struct column *c, uint32_t row)
{
    buf_clear(&s->scratch);
    encoder_row(s->json, &s->scratch, c, row);
    if (s->scratch.failed)
        return refuse(s, "is too large as JSON text");
    out->text = arena_str(a, buf_view(&s->scratch));
    return check_length(s, out->text);
}

static bool text_from_date(struct cell *out, struct cells *s, struct arena *a,
                           const struct column *c, uint32_t row)
{
    int32_t days;
    if (c->type->kind != TYPE_STRING)
        days = c->i32[row];
    else if (!text_parse_date(&days, c->str[row]))
        return refuse(s, "is not a date (ISO 8601)");
    const struct civil day = civil_from_ms((int64_t)days * 86400000);
    if (day.year < 1 || day.year > 9999)
        return refuse(s, "is outside the years 1 to 9999");
    out->text = arena_printf(a, "%04d-%02d-%02d", (int)day.year, day.month, day.day);
    return true;
}

// hh:mm:ss and as many digits of the fraction as the column keeps; what it does not keep is cut, not rounded into the
// next second. micros counts within the second; digits are those the value has.
static struct str time_text(struct arena *a, const char *date, const struct civil *t,
                            unsigned micros, unsigned digits)
{
    static const unsigned divisor[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    assert(digits <= 6 && micros < 1000000);
    if (digits == 0)
        return arena_printf(a, "%s%02d:%02d:%02d", date, t->hour, t->minute, t->second);
    return arena_printf(a, "%s%02d:%02d:%02d.%0*u", date, t->hour, t->minute, t->second,
                        (int)digits, micros / divisor[digits]);
}

static unsigned fewer(unsigned x, unsigned y)
{
    return x < y ? x : y;
}

static bool text_from_time(struct cell *out, struct cells *s, struct arena *a,
                           const struct column *c, uint32_t row)
{
    int32_t ms;
    if (c->type->kind != TYPE_STRING)
        ms = c->i32[row];
    else if (!text_parse_time(&ms, c->str[row]))
        return refuse(s, "is not a time (ISO 8601)");
    if (ms < 0 || ms >= 86400000)
        return refuse(s, "is not a time of day");
    const struct civil t = civil_from_ms(ms);
    out->text = time_text(a, "", &t, (unsigned)t.ms * 1000, fewer(s->target->scale, 3));
    return true;
}

// ISO 8601 text has any number of digits in its fraction, our timestamps have three: the next three are kept beside.
// False: no timestamp.
static bool parse_timestamp(int64_t *ms, unsigned *micros, unsigned *digits, struct str v)
{
    *micros = 0;
    *digits = 3;
    struct str before, after;
    if (!str_split_once(&before, &after, v, '.'))
        return text_parse_timestamp(ms, v);
    size_t n = 0;
    while (n < after.n && after.p[n] >= '0' && after.p[n] <= '9')
        n++;
    if (n == 0 || v.n > 64)
        return false;
    char six[6];
    for (size_t i = 0; i < sizeof six; i++)
        six[i] = i < n ? after.p[i] : '0';
    char text[80];
    const int length = snprintf(text, sizeof text, "%.*s.%.3s%.*s", STR_ARG(before), six,
                                STR_ARG(str_slice(after, n, after.n)));
    if (n > 3) {
        *digits = 6;
        for (size_t i = 3; i < sizeof six; i++)
            *micros = *micros * 10 + (unsigned)(six[i] - '0');
    }
    return text_parse_timestamp(ms, (struct str){text, (size_t)length});
}

static bool text_from_timestamp(struct cell *out, struct cells *s, struct arena *a,
                                const struct column *c, uint32_t row)
{
    int64_t ms;
    unsigned micros = 0, digits = 3;
    if (c->type->kind != TYPE_STRING)
        ms = c->i64[row];
    else if (!parse_timestamp(&ms, &micros, &digits, c->str[row]))
        return refuse(s, "is not a timestamp (ISO 8601)");
    const struct civil t = civil_from_ms(ms);
    if (t.year < 1 || t.year > 9999)
        return refuse(s, "is outside the years 1 to 9999");
    char date[24];
    snprintf(date, sizeof date, "%04d-%02d-%02d ", (int)t.year, t.month, t.day);
    out->text =
        time_text(a, date, &t, (unsigned)t.ms * 1000 + micros, fewer(s->target->scale, digits));
    return true;
}

static cell_fn integer_convert(enum type_kind from)
{
    if (from == TYPE_BOOLEAN)
        return integer_from_boolean;
    return from == TYPE_INTEGER ? integer_from_i32 : integer_from_i64;
}

static cell_fn choose(const struct target *t, const struct type *from)
{
    switch (t->kind) {
    case TARGET_INTEGER:
        return integer_convert(from->kind);
    case TARGET_DOUBLE:
        return double_from_number;
    case TARGET_DECIMAL:
        return decimal_from_number;
    case TARGET_TEXT:
    case TARGET_JSON:
        if (type_is_nested(from))
            return text_from_nested;
        return from->kind == TYPE_STRING ? text_from_string : text_from_scalar;
    case TARGET_BYTES:
        return text_from_string;
    case TARGET_DATE:
        return text_from_date;
    case TARGET_TIME:
        return text_from_time;
    case TARGET_TIMESTAMP:
        return text_from_timestamp;
    }
    assert(!"target kind");
    return NULL;
}

enum cell_wire target_wire(const struct target *t)
{
    switch (t->kind) {
    case TARGET_INTEGER:
        return WIRE_I64;
    case TARGET_DOUBLE:
        return WIRE_F64;
    case TARGET_BYTES:
        return WIRE_BYTES;
    case TARGET_DECIMAL:
    case TARGET_TEXT:
    case TARGET_DATE:
    case TARGET_TIME:
    case TARGET_TIMESTAMP:
    case TARGET_JSON:
        break;
    }
    return WIRE_TEXT;
}

bool cells_new(struct cells **out, struct arena *a, const struct sink_column *column,
               const struct target *t, struct err *e)
{
    assert(!target_refuses(t, column));
    struct cells *s = ARENA_NEW(a, struct cells);
    s->name = column->name;
    s->key = column->key;
    s->target = t;
    s->convert = choose(t, column->type);
    buf_init(&s->scratch, CELL_BYTES_MAX);
    arena_on_free(a, free_scratch, s);
    if (type_is_nested(column->type)) {
        const struct serde_column wanted = {column->name, column->type};
        const struct serde_spec spec = {
            .format = SERDE_JSON, .columns = &wanted, .count = 1, .wrapping = SERDE_UNWRAPPED};
        if (!encoder_new(&s->json, a, &spec, e))
            return err_wrap(e, "column %.*s as JSON", STR_ARG(column->name));
    }
    *out = s;
    return true;
}

enum cell_wire cells_wire(const struct cells *s)
{
    return target_wire(s->target);
}

static bool reject(struct cells *s, const struct column *c, uint32_t row, struct err *e)
{
    if (!column_is_valid(c, row))
        return err_fail(e, ERR_DATA, "column %.*s: NULL, but the column is %s", STR_ARG(s->name),
                        s->key ? "part of the key" : "NOT NULL");
    buf_clear(&s->scratch);
    if (c->type->kind == TYPE_BYTES)
        buf_printf(&s->scratch, "%zu bytes", c->str[row].n);
    else
        text_cell(&s->scratch, c, row);
    const struct str v = buf_view(&s->scratch);
    const bool cut = v.n > KEY_SHOWN_BYTES;
    return err_fail(e, ERR_DATA, "column %.*s: value %.*s%s %s", STR_ARG(s->name),
                    STR_ARG(str_slice(v, 0, KEY_SHOWN_BYTES)), cut ? "..." : "", s->why);
}

static void array_alloc(struct cell_array *out, struct arena *a, enum cell_wire wire, size_t n)
{
    *out = (struct cell_array){.null = ARENA_ZARRAY(a, char, n)};
    switch (wire) {
    case WIRE_I64:
        out->i64 = ARENA_ARRAY(a, int64_t, n);
        break;
    case WIRE_F64:
        out->f64 = ARENA_ARRAY(a, double, n);
        break;
    case WIRE_TEXT:
    case WIRE_BYTES:
        out->text = ARENA_ARRAY(a, const char *, n);
        out->length = ARENA_ARRAY(a, unsigned long, n);
        break;
    }
}

static void array_set(struct cell_array *out, size_t i, const struct cell *v)
{
    if (out->i64) {
        out->i64[i] = v->i64;
    } else if (out->f64) {
        out->f64[i] = v->f64;
    } else {
        out->text[i] = v->text.n ? v->text.p : "";
        out->length[i] = v->text.n;
    }
}

bool cells_fill(struct cell_array *out, struct cells *s, struct arena *a, struct cell_range *range,
                struct err *e)
{
    assert(range->from < range->to);
    const struct column *c = range->column;
    array_alloc(out, a, target_wire(s->target), range->to - range->from);
    const bool null_ok = s->target->nullable && !s->key;
    for (uint32_t r = range->from; r < range->to; r++) {
        struct cell v = {0};
        const bool valid = column_is_valid(c, r);
        if (valid ? !s->convert(&v, s, a, c, r) : !null_ok) {
            range->bad = r;
            return reject(s, c, r, e);
        }
        out->null[r - range->from] = !valid;
        array_set(out, r - range->from, &v);
    }
    return true;
}

void cells_key_text(struct buf *out, const struct sink_column *columns, const struct column *values,
                    size_t count, uint32_t row)
{
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        const struct column *value = &values[columns[i].at];
        if (!columns[i].key)
            continue;
        if (!first)
            buf_text(out, ", ");
        first = false;
        buf_str(out, columns[i].name);
        if (!column_is_valid(value, row)) {
            buf_text(out, "=NULL");
            continue;
        }
        buf_text(out, "='");
        const size_t start = out->n;
        if (value->type->kind == TYPE_BYTES)
            buf_hex(out, value->str[row].p, value->str[row].n);
        else
            text_cell(out, value, row);
        if (out->n - start > KEY_SHOWN_BYTES) {
            out->n = start + KEY_SHOWN_BYTES;
            buf_text(out, "...");
        }
        buf_char(out, '\'');
    }
}
