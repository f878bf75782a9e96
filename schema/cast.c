#include "schema/cast.h"

#include "base/base64.h"
#include "schema/decimal.h"
#include "schema/text_internal.h"

#include <assert.h>
#include <math.h>

#define DAY_MS INT64_C(86400000)

// All texts that one call of cast_column may produce; more is an error of the rows that do not fit.
#define TEXT_BYTES_MAX ((size_t)1 << 30)

struct job {
    struct column *out;
    struct arena *a;
    const struct column *in;
    const uint32_t *sel;
    uint32_t n;
    uint8_t *error;
};

static inline uint32_t row_at(const struct job *j, uint32_t i)
{
    return j->sel ? j->sel[i] : i;
}

static void fail(const struct job *j, uint32_t row)
{
    j->error[row] = 1;
    column_set_null(j->out, j->a, row, j->out->cap);
}

// One pass over the selected rows that hold a value. `row` is declared here. NOLINTBEGIN(bugprone-macro-parentheses)
#define EACH(j, row)                                                 \
    for (uint32_t row##_i = 0, row = 0; row##_i < (j)->n; row##_i++) \
        if (row = row_at((j), row##_i), column_is_valid((j)->in, row))
// NOLINTEND(bugprone-macro-parentheses)

// --- which casts there are -----------------------------------------------------------------------------------------------

static bool struct_supported(const struct type *from, const struct type *to)
{
    for (uint32_t i = 0; i < to->field_count; i++) {
        const int at = type_field(from, to->fields[i].name);
        if (at >= 0 && !cast_supported(from->fields[at].type, to->fields[i].type))
            return false;
    }
    return true;
}

static bool string_supported(enum type_kind to)
{
    return to != TYPE_ARRAY && to != TYPE_MAP && to != TYPE_STRUCT;
}

bool cast_supported(const struct type *from, const struct type *to)
{
    if (type_equal(from, to))
        return true;
    if (to->kind == TYPE_STRING)
        return from->kind != TYPE_BYTES;
    if (type_is_number(from))
        return type_is_number(to);
    if (from->kind == TYPE_STRING)
        return string_supported(to->kind);
    if (from->kind == TYPE_TIMESTAMP)
        return to->kind == TYPE_DATE || to->kind == TYPE_TIME;
    if (from->kind == TYPE_DATE)
        return to->kind == TYPE_TIMESTAMP;
    if (!type_is_nested(from) || from->kind != to->kind)
        return false;
    if (from->kind == TYPE_STRUCT)
        return struct_supported(from, to);
    for (uint32_t i = 0; i < from->field_count; i++) {
        if (!cast_supported(from->fields[i].type, to->fields[i].type))
            return false;
    }
    return true;
}

static bool number_implicit(const struct type *from, const struct type *to)
{
    if (from->kind == TYPE_DOUBLE || to->kind == TYPE_INTEGER)
        return false;
    if (to->kind == TYPE_DOUBLE)
        return true;
    if (to->kind == TYPE_BIGINT)
        return from->kind == TYPE_INTEGER;
    const unsigned scale = from->kind == TYPE_DECIMAL ? from->scale : 0;
    const unsigned precision = from->kind == TYPE_DECIMAL   ? from->precision
                               : from->kind == TYPE_INTEGER ? 10
                                                            : 19;
    return scale <= to->scale && precision - scale <= (unsigned)to->precision - to->scale;
}

bool cast_implicit(const struct type *from, const struct type *to)
{
    if (type_equal(from, to))
        return true;
    if (type_is_number(from) && type_is_number(to))
        return number_implicit(from, to);
    if (!type_is_nested(from) || from->kind != to->kind || from->field_count != to->field_count)
        return false;
    for (uint32_t i = 0; i < from->field_count; i++) {
        if (!str_eq(from->fields[i].name, to->fields[i].name) ||
            !cast_implicit(from->fields[i].type, to->fields[i].type))
            return false;
    }
    return true;
}

// --- to INTEGER and BIGINT -----------------------------------------------------------------------------------------------

static uint64_t decimal_low_bits(const struct job *j, uint32_t row)
{
    struct decimal whole;
    const bool ok =
        decimal_rescale(&whole, j->a, decimal_get(j->in, row), UINT16_MAX, 0, DECIMAL_DOWN);
    assert(ok); // dropping digits always fits
    if (!whole.big.p)
        return (uint64_t)whole.v;
    uint64_t v = 0;
    for (size_t i = whole.big.n - 8; i < whole.big.n; i++)
        v = v << 8 | (uint8_t)whole.big.p[i];
    return v;
}

// (long) d and (int) d in Java.
static int64_t double_saturated(double d, int64_t min, int64_t max)
{
    if (isnan(d))
        return 0;
    if (d >= 0x1p63 || d >= (double)max)
        return max;
    return d <= (double)min ? min : (int64_t)d;
}

// Integer.parseInt, Long.parseLong: sign, then digits only.
static bool parse_integer(int64_t *out, struct str s, int64_t min, int64_t max)
{
    s = text_java_trim(s);
    const bool negative = s.n && s.p[0] == '-';
    const size_t from = negative || (s.n && s.p[0] == '+');
    if (from == s.n)
        return false;
    int64_t v = 0; // negative, because -2^63 has no positive
    for (size_t i = from; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, s.p[i] - '0', &v))
            return false;
    }
    if (!negative && v == INT64_MIN)
        return false;
    *out = negative ? v : -v;
    return *out >= min && *out <= max;
}

static void to_integer(const struct job *j)
{
    int32_t *out = j->out->i32;
    const struct column *in = j->in;
    if (in->type->kind == TYPE_BIGINT) {
        EACH(j, row)
        out[row] = (int32_t)(uint32_t)(uint64_t)in->i64[row];
    } else if (in->type->kind == TYPE_DOUBLE) {
        EACH(j, row)
        out[row] = (int32_t)double_saturated(in->f64[row], INT32_MIN, INT32_MAX);
    } else if (in->type->kind == TYPE_DECIMAL) {
        EACH(j, row)
        out[row] = (int32_t)(uint32_t)decimal_low_bits(j, row);
    } else {
        assert(in->type->kind == TYPE_STRING);
        EACH(j, row)
        {
            int64_t v;
            if (parse_integer(&v, in->str[row], INT32_MIN, INT32_MAX))
                out[row] = (int32_t)v;
            else
                fail(j, row);
        }
    }
}

static void to_bigint(const struct job *j)
{
    int64_t *out = j->out->i64;
    const struct column *in = j->in;
    if (in->type->kind == TYPE_INTEGER) {
        EACH(j, row)
        out[row] = in->i32[row];
    } else if (in->type->kind == TYPE_DOUBLE) {
        EACH(j, row)
        out[row] = double_saturated(in->f64[row], INT64_MIN, INT64_MAX);
    } else if (in->type->kind == TYPE_DECIMAL) {
        EACH(j, row)
        out[row] = (int64_t)decimal_low_bits(j, row);
    } else {
        assert(in->type->kind == TYPE_STRING);
        EACH(j, row)
        {
            if (!parse_integer(&out[row], in->str[row], INT64_MIN, INT64_MAX))
                fail(j, row);
        }
    }
}

// --- to DOUBLE and DECIMAL ---------------------------------------------------------------------------------------------------

static void to_double(const struct job *j)
{
    double *out = j->out->f64;
    const struct column *in = j->in;
    if (in->type->kind == TYPE_INTEGER) {
        EACH(j, row)
        out[row] = in->i32[row];
    } else if (in->type->kind == TYPE_BIGINT) {
        EACH(j, row)
        out[row] = (double)in->i64[row];
    } else if (in->type->kind == TYPE_DECIMAL) {
        EACH(j, row)
        out[row] = decimal_to_double(decimal_get(in, row));
    } else {
        assert(in->type->kind == TYPE_STRING);
        EACH(j, row)
        {
            if (!text_parse_double(&out[row], in->str[row]))
                fail(j, row);
        }
    }
}

static bool decimal_of(struct decimal *out, const struct job *j, uint32_t row)
{
    const struct column *in = j->in;
    if (in->type->kind == TYPE_INTEGER)
        *out = decimal_from_i64(in->i32[row]);
    else if (in->type->kind == TYPE_BIGINT)
        *out = decimal_from_i64(in->i64[row]);
    else if (in->type->kind == TYPE_DOUBLE)
        return decimal_from_double_digits(out, j->a, in->f64[row], j->out->type->precision);
    else if (in->type->kind == TYPE_DECIMAL)
        *out = decimal_get(in, row);
    else
        return decimal_parse(out, j->a, text_java_trim(in->str[row]));
    return true;
}

static void to_decimal(const struct job *j)
{
    const struct type *t = j->out->type;
    EACH(j, row)
    {
        struct decimal d;
        if (decimal_of(&d, j, row) &&
            decimal_rescale(&d, j->a, d, t->precision, t->scale, DECIMAL_HALF_UP))
            decimal_set(j->out, j->a, row, d);
        else
            fail(j, row);
    }
}

// --- to STRING, BOOLEAN, BYTES, times ----------------------------------------------------------------------------------------

// All texts in one buffer, then in one piece of the arena.
static void to_string(const struct job *j)
{
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    size_t *ends = MEM_ARRAY(size_t, (size_t)j->n + 1);
    for (uint32_t i = 0; i < j->n; i++) {
        const uint32_t row = row_at(j, i);
        if (column_is_valid(j->in, row) && !text.failed)
            text_cell(&text, j->in, row);
        ends[i] = text.failed ? SIZE_MAX : text.n;
    }
    char *p = arena_alloc(j->a, text.n ? text.n : 1);
    if (text.n)
        memcpy(p, text.p, text.n);
    size_t from = 0;
    for (uint32_t i = 0; i < j->n; i++) {
        const uint32_t row = row_at(j, i);
        if (ends[i] == SIZE_MAX) {
            if (column_is_valid(j->in, row))
                fail(j, row);
            continue;
        }
        j->out->str[row] = (struct str){p + from, ends[i] - from};
        from = ends[i];
    }
    mem_free(ends);
    buf_fini(&text);
}

// SqlBooleans.parseBoolean
static bool is_true(struct str s)
{
    s = text_java_trim(s);
    return s.n && ((s.n <= 4 && str_eq_nocase(s, str_slice(STR("true"), 0, s.n))) ||
                   (s.n <= 3 && str_eq_nocase(s, str_slice(STR("yes"), 0, s.n))));
}

static void string_to(const struct job *j,
                      bool (*parse)(const struct job *j, uint32_t row, struct str s))
{
    EACH(j, row)
    {
        if (!parse(j, row, text_java_trim(j->in->str[row])))
            fail(j, row);
    }
}

static bool parse_boolean(const struct job *j, uint32_t row, struct str s)
{
    j->out->u8[row] = is_true(s);
    return true;
}

static bool parse_bytes(const struct job *j, uint32_t row, struct str s)
{
    return base64_decode(&j->out->str[row], j->a, s, BASE64_COMPACT);
}

static bool parse_timestamp(const struct job *j, uint32_t row, struct str s)
{
    return text_parse_timestamp(&j->out->i64[row], s);
}

static bool parse_date(const struct job *j, uint32_t row, struct str s)
{
    return text_parse_date(&j->out->i32[row], s);
}

static bool parse_time(const struct job *j, uint32_t row, struct str s)
{
    return text_parse_time(&j->out->i32[row], s);
}

static int64_t floor_day(int64_t ms)
{
    return ms / DAY_MS - (ms % DAY_MS < 0);
}

static int64_t floor_rest(int64_t ms)
{
    const int64_t rest = ms % DAY_MS;
    return rest < 0 ? rest + DAY_MS : rest;
}

static void to_date(const struct job *j)
{
    if (j->in->type->kind == TYPE_STRING) {
        string_to(j, parse_date);
        return;
    }
    EACH(j, row)
    {
        const int64_t day = floor_day(j->in->i64[row]);
        if (day >= INT32_MIN && day <= INT32_MAX)
            j->out->i32[row] = (int32_t)day;
        else
            fail(j, row);
    }
}

static void to_time(const struct job *j)
{
    if (j->in->type->kind == TYPE_STRING) {
        string_to(j, parse_time);
        return;
    }
    EACH(j, row)
    j->out->i32[row] = (int32_t)floor_rest(j->in->i64[row]);
}

static void to_timestamp(const struct job *j)
{
    if (j->in->type->kind == TYPE_STRING) {
        string_to(j, parse_timestamp);
        return;
    }
    EACH(j, row)
    j->out->i64[row] = j->in->i32[row] * DAY_MS;
}

// --- nested ------------------------------------------------------------------------------------------------------------------

static void nulls_copy(const struct job *j)
{
    if (!j->in->valid)
        return;
    for (uint32_t i = 0; i < j->n; i++) {
        const uint32_t row = row_at(j, i);
        if (!column_is_valid(j->in, row))
            column_set_null(j->out, j->a, row, j->out->cap);
    }
}

// The items of the selected rows, cast together; a row fails with any of its items.
static void to_items(const struct job *j)
{
    struct column *out = j->out;
    uint32_t *idx = MEM_ARRAY(uint32_t, j->in->child_rows ? j->in->child_rows : 1);
    uint32_t total = 0;
    if (j->sel) { // a row that is not filled has no range
        column_need_valid(out, j->a, out->cap);
        memset(out->valid, 0, out->cap);
    }
    EACH(j, row)
    {
        uint32_t first;
        const uint32_t n = column_items(j->in, row, &first);
        if (out->valid)
            out->valid[row] = 1;
        out->offsets[row] = total;
        for (uint32_t k = 0; k < n; k++)
            idx[total++] = first + k;
        out->offsets[row + 1] = total;
    }
    uint8_t *failed = arena_zalloc(j->a, total ? total : 1);
    for (uint32_t i = 0; i < out->type->field_count; i++) {
        struct column items;
        column_gather(&items, j->a, &j->in->children[i], idx, total);
        column_init(&out->children[i], j->a, out->type->fields[i].type, total);
        cast_column(&out->children[i], j->a, &items, NULL, total, failed);
    }
    out->child_rows = total;
    mem_free(idx);
    EACH(j, row)
    {
        if (memchr(failed + out->offsets[row], 1, out->offsets[row + 1] - out->offsets[row]))
            fail(j, row);
    }
}

static void to_struct(const struct job *j)
{
    struct column *out = j->out;
    uint8_t *failed = arena_zalloc(j->a, out->cap ? out->cap : 1);
    for (uint32_t f = 0; f < out->type->field_count; f++) {
        struct column *child = &out->children[f];
        const int at = type_field(j->in->type, out->type->fields[f].name);
        if (at >= 0) {
            cast_column(child, j->a, &j->in->children[at], j->sel, j->n, failed);
            continue;
        }
        for (uint32_t i = 0; i < j->n; i++)
            column_set_null(child, j->a, row_at(j, i), child->cap);
    }
    EACH(j, row)
    {
        if (failed[row])
            fail(j, row);
    }
}

// The same values: views of them, with an own validity because the result's nulls may grow.
static void to_same(const struct job *j)
{
    struct column *out = j->out;
    const uint32_t rows = out->cap;
    *out = *j->in;
    out->cap = rows;
    if (!j->in->valid)
        return;
    out->valid = arena_alloc(j->a, rows ? rows : 1);
    memset(out->valid, 0, rows);
    for (uint32_t i = 0; i < j->n; i++)
        out->valid[row_at(j, i)] = j->in->valid[row_at(j, i)];
}

static void convert(const struct job *j)
{
    switch (j->out->type->kind) {
    case TYPE_BOOLEAN:
        string_to(j, parse_boolean);
        return;
    case TYPE_INTEGER:
        to_integer(j);
        return;
    case TYPE_BIGINT:
        to_bigint(j);
        return;
    case TYPE_DOUBLE:
        to_double(j);
        return;
    case TYPE_DECIMAL:
        to_decimal(j);
        return;
    case TYPE_STRING:
        to_string(j);
        return;
    case TYPE_BYTES:
        string_to(j, parse_bytes);
        return;
    case TYPE_DATE:
        to_date(j);
        return;
    case TYPE_TIME:
        to_time(j);
        return;
    case TYPE_TIMESTAMP:
        to_timestamp(j);
        return;
    case TYPE_ARRAY:
    case TYPE_MAP:
        to_items(j);
        return;
    case TYPE_STRUCT:
        to_struct(j);
        return;
    }
}

void cast_column(struct column *out, struct arena *a, const struct column *in, const uint32_t *sel,
                 uint32_t n, uint8_t *error)
{
    assert(out->type && cast_supported(in->type, out->type));
    const struct job j = {.out = out, .a = a, .in = in, .sel = sel, .n = n, .error = error};
    if (in->type->kind != TYPE_STRUCT && type_equal(in->type, out->type)) {
        to_same(&j);
        return;
    }
    convert(&j);
    nulls_copy(&j);
}
