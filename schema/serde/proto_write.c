#include "schema/serde/proto_write.h"

#include "schema/serde/wire.h"

#include <assert.h>

#define MS_PER_S   1000
#define NS_PER_MS  1000000
#define S_PER_HOUR 3600
#define S_PER_MIN  60

enum { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2, WIRE_I32 = 5 };

struct member {
    const struct proto_field *field;
    uint32_t child;
    int32_t inner; // child of that STRUCT, for the STRUCT of a oneof; -1
    const struct proto_writer *message;
};

struct proto_writer {
    const struct member *members; // one per column; a oneof's STRUCT has one per field
    uint32_t count;
};

// --- building --------------------------------------------------------------------------------------

struct builder {
    struct arena *a;
    struct err *e;
};

static bool build(const struct proto_writer **out, struct builder *s,
                  const struct serde_column *columns, size_t count, const struct proto_message *m);

static bool holds_scalar(const struct proto_field *f, const struct type *from)
{
    const enum type_kind k = from->kind;
    switch (f->kind) {
    case PROTO_DOUBLE:
    case PROTO_FLOAT:
        return k == TYPE_DOUBLE || k == TYPE_INTEGER || k == TYPE_BIGINT;
    case PROTO_BOOL:
        return k == TYPE_BOOLEAN;
    case PROTO_STRING:
    case PROTO_ENUM:
        return k == TYPE_STRING;
    case PROTO_BYTES:
        return k == TYPE_BYTES;
    case PROTO_INT32:
    case PROTO_INT64:
    case PROTO_UINT32:
    case PROTO_UINT64:
    case PROTO_SINT32:
    case PROTO_SINT64:
    case PROTO_FIXED32:
    case PROTO_FIXED64:
    case PROTO_SFIXED32:
    case PROTO_SFIXED64:
        return k == TYPE_INTEGER || k == TYPE_BIGINT || k == TYPE_DATE || k == TYPE_TIME ||
               k == TYPE_TIMESTAMP;
    case PROTO_MESSAGE:
        break;
    }
    switch (f->message->known) {
    case PROTO_WRAPPER:
        return holds_scalar(&f->message->fields[0], from);
    case PROTO_TIMESTAMP:
        return k == TYPE_TIMESTAMP;
    case PROTO_DATE:
        return k == TYPE_DATE;
    case PROTO_TIME_OF_DAY:
        return k == TYPE_TIME;
    case PROTO_DECIMAL:
        return k == TYPE_DECIMAL;
    case PROTO_NO_KNOWN:
        break;
    }
    return k == TYPE_STRUCT;
}

static bool cannot(const struct builder *s, const struct proto_field *f, const struct type *from)
{
    return err_fail(s->e, ERR_DATA, "%s cannot be written as Protobuf %s%s",
                    type_kind_name(from->kind), f->label == PROTO_REPEATED ? "repeated " : "",
                    f->label == PROTO_MAP ? "map" : proto_kind_name(f->kind));
}

static bool build_value(struct member *out, struct builder *s, const struct proto_field *f,
                        const struct type *from)
{
    if (!holds_scalar(f, from))
        return cannot(s, f, from);
    if (from->kind != TYPE_STRUCT)
        return true;
    struct serde_column *columns =
        ARENA_ARRAY(s->a, struct serde_column, (size_t)from->field_count + 1);
    for (uint32_t i = 0; i < from->field_count; i++)
        columns[i] = (struct serde_column){from->fields[i].name, from->fields[i].type};
    return build(&out->message, s, columns, from->field_count, f->message);
}

static bool is_entry(const struct proto_message *m)
{
    return m && m->count == 2 && m->fields[0].number == 1 && m->fields[1].number == 2 &&
           str_eq(m->fields[0].name, STR("key")) && str_eq(m->fields[1].name, STR("value"));
}

static bool build_field(struct member *out, struct builder *s, const struct proto_field *f,
                        const struct type *from)
{
    out->field = f;
    const bool list = f->label == PROTO_REPEATED;
    if (from->kind == TYPE_MAP && (f->label == PROTO_MAP || (list && is_entry(f->message)))) {
        struct proto_writer *entry = ARENA_NEW(s->a, struct proto_writer);
        struct member *members = ARENA_ZARRAY(s->a, struct member, 2);
        for (uint32_t i = 0; i < 2; i++) {
            members[i] = (struct member){&f->message->fields[i], i, -1, NULL};
            if (!build_value(&members[i], s, members[i].field, from->fields[i].type))
                return false;
        }
        *entry = (struct proto_writer){members, 2};
        out->message = entry;
        return true;
    }
    if (from->kind == TYPE_ARRAY && list)
        return build_value(out, s, f, from->fields[0].type);
    return list || f->label == PROTO_MAP || from->kind == TYPE_ARRAY || from->kind == TYPE_MAP
               ? cannot(s, f, from)
               : build_value(out, s, f, from);
}

static const struct proto_field *find_field(const struct proto_message *m, struct str name,
                                            int32_t oneof)
{
    const struct proto_field *found = NULL;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct proto_field *f = &m->fields[i];
        if (oneof >= 0 && f->oneof != oneof)
            continue;
        if (str_eq(f->name, name))
            return f;
        if (!found && str_eq_nocase(f->name, name))
            found = f;
    }
    return found;
}

static int32_t find_oneof(struct builder *s, const struct proto_message *m, struct str name)
{
    for (uint32_t i = 0; i < m->oneof_count; i++)
        if (str_eq_nocase(arena_printf(s->a, "%.*s_%u", STR_ARG(m->oneofs[i]), (unsigned)i), name))
            return (int32_t)i;
    return -1;
}

// NOLINTNEXTLINE(readability-function-size): a oneof of a message, into the members that grow
static bool build_oneof(struct member *out, uint32_t *n, struct builder *s,
                        const struct proto_message *m, int32_t oneof, const struct member *at,
                        const struct type *from)
{
    for (uint32_t i = 0; i < from->field_count; i++) {
        const struct proto_field *f = find_field(m, from->fields[i].name, oneof);
        if (!f)
            return err_fail(s->e, ERR_DATA, "message %.*s has no field %.*s", STR_ARG(m->full_name),
                            STR_ARG(from->fields[i].name));
        out[*n] = (struct member){NULL, at->child, (int32_t)i, NULL};
        if (!build_field(&out[(*n)++], s, f, from->fields[i].type))
            return false;
    }
    return true;
}

static bool build(const struct proto_writer **out, struct builder *s,
                  const struct serde_column *columns, size_t count, const struct proto_message *m)
{
    struct proto_writer *w = ARENA_NEW(s->a, struct proto_writer);
    struct member *members = ARENA_ZARRAY(s->a, struct member, count + m->count + 1);
    w->members = members;
    *out = w;
    for (uint32_t i = 0; i < count; i++) {
        const struct proto_field *f = find_field(m, columns[i].name, -1);
        const int32_t oneof = f ? -1 : find_oneof(s, m, columns[i].name);
        const struct member at = {f, i, -1, NULL};
        if (!f && (oneof < 0 || columns[i].type->kind != TYPE_STRUCT))
            return err_fail(s->e, ERR_DATA, "message %.*s has no field %.*s", STR_ARG(m->full_name),
                            STR_ARG(columns[i].name));
        if (oneof >= 0 && w->count + columns[i].type->field_count <= count + m->count) {
            if (!build_oneof(members, &w->count, s, m, oneof, &at, columns[i].type))
                return err_wrap(s->e, "field %.*s", STR_ARG(columns[i].name));
            continue;
        }
        members[w->count] = at;
        if (!build_field(&members[w->count++], s, f, columns[i].type))
            return err_wrap(s->e, "field %.*s", STR_ARG(columns[i].name));
    }
    return true;
}

bool proto_writer_new(const struct proto_writer **out, struct arena *a,
                      const struct serde_column *columns, size_t count,
                      const struct proto_message *m, struct err *e)
{
    struct builder s = {a, e};
    return build(out, &s, columns, count, m);
}

// --- writing ---------------------------------------------------------------------------------------

static bool put_message(struct buf *out, const struct proto_writer *w, const struct column *columns,
                        uint32_t row, struct err *e);

static void put_tag(struct buf *out, uint32_t number, unsigned wire)
{
    buf_varint(out, (uint64_t)number << 3 | wire);
}

static void put_bytes(struct buf *out, struct str v)
{
    buf_varint(out, v.n);
    buf_str(out, v);
}

static unsigned wire_of(enum proto_kind kind)
{
    switch (kind) {
    case PROTO_DOUBLE:
    case PROTO_FIXED64:
    case PROTO_SFIXED64:
        return WIRE_I64;
    case PROTO_FLOAT:
    case PROTO_FIXED32:
    case PROTO_SFIXED32:
        return WIRE_I32;
    case PROTO_STRING:
    case PROTO_BYTES:
    case PROTO_MESSAGE:
        return WIRE_LEN;
    case PROTO_INT32:
    case PROTO_INT64:
    case PROTO_UINT32:
    case PROTO_UINT64:
    case PROTO_SINT32:
    case PROTO_SINT64:
    case PROTO_BOOL:
    case PROTO_ENUM:
        return WIRE_VARINT;
    }
    assert(!"protobuf kind out of range");
    return WIRE_LEN;
}

static bool check_range(enum proto_kind kind, int64_t v)
{
    switch (kind) {
    case PROTO_INT32:
    case PROTO_SINT32:
    case PROTO_SFIXED32:
        return v >= INT32_MIN && v <= INT32_MAX;
    case PROTO_UINT32:
    case PROTO_FIXED32:
        return v >= 0 && v <= UINT32_MAX;
    case PROTO_DOUBLE:
    case PROTO_FLOAT:
    case PROTO_INT64:
    case PROTO_UINT64:
    case PROTO_SINT64:
    case PROTO_FIXED64:
    case PROTO_SFIXED64:
    case PROTO_BOOL:
    case PROTO_STRING:
    case PROTO_BYTES:
    case PROTO_ENUM:
    case PROTO_MESSAGE:
        break;
    }
    return true;
}

// The bits of an integer, double or bool as they go over the wire.
static uint64_t bits_of(enum proto_kind kind, const struct column *c, uint32_t row)
{
    uint64_t bits;
    uint32_t low;
    if (kind == PROTO_DOUBLE || kind == PROTO_FLOAT) {
        const double v = c->type->kind == TYPE_DOUBLE ? c->f64[row] : (double)wire_get_long(c, row);
        const float narrow = (float)v;
        memcpy(&bits, &v, sizeof bits);
        memcpy(&low, &narrow, sizeof low);
        return kind == PROTO_FLOAT ? low : bits;
    }
    const int64_t v = wire_get_long(c, row);
    if (kind == PROTO_SINT32 || kind == PROTO_SINT64)
        return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
    return (uint64_t)v;
}

static void put_bits(struct buf *out, enum proto_kind kind, uint64_t bits)
{
    const unsigned wire = wire_of(kind);
    if (wire == WIRE_VARINT)
        buf_varint(out, bits);
    else if (wire == WIRE_I64)
        buf_le64(out, bits);
    else
        buf_le32(out, (uint32_t)bits);
}

static bool symbol_number(uint64_t *out, const struct proto_field *f, struct str name,
                          struct err *e)
{
    for (uint32_t i = 0; i < f->symbols->count; i++) {
        if (!str_eq(f->symbols->symbols[i].name, name))
            continue;
        *out = (uint64_t)(int64_t)f->symbols->symbols[i].number;
        return true;
    }
    return err_fail(e, ERR_DATA, "enum %.*s has no symbol \"%.*s\"", STR_ARG(f->symbols->name),
                    (int)(name.n < 64 ? name.n : 64), name.p);
}

// A scalar without its tag. *zero: it is the type's default.
static bool put_scalar(struct buf *out, bool *zero, const struct proto_field *f,
                       const struct column *c, uint32_t row, struct err *e)
{
    uint64_t bits = 0;
    if (f->kind == PROTO_STRING || f->kind == PROTO_BYTES) {
        *zero = c->str[row].n == 0;
        put_bytes(out, c->str[row]);
        return true;
    }
    if (f->kind == PROTO_ENUM) {
        if (!symbol_number(&bits, f, c->str[row], e))
            return false;
    } else {
        if (f->kind != PROTO_DOUBLE && f->kind != PROTO_FLOAT &&
            !check_range(f->kind, wire_get_long(c, row)))
            return err_fail(e, ERR_DATA, "%lld does not fit Protobuf %s",
                            (long long)wire_get_long(c, row), proto_kind_name(f->kind));
        bits = bits_of(f->kind, c, row);
    }
    *zero = bits == 0;
    put_bits(out, f->kind, bits);
    return true;
}

static void put_small(struct buf *out, uint32_t number, int64_t v)
{
    if (v == 0)
        return;
    put_tag(out, number, WIRE_VARINT);
    buf_varint(out, (uint64_t)v);
}

// 1970-01-01 + days, in the proleptic Gregorian calendar.
static void put_date(struct buf *out, int64_t days)
{
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int64_t day = days - era * 146097;
    const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    const int64_t of_year = day - (365 * year + year / 4 - year / 100);
    const int64_t mp = (5 * of_year + 2) / 153;
    const int64_t month = mp < 10 ? mp + 3 : mp - 9;
    put_small(out, 1, year + era * 400 + (month <= 2));
    put_small(out, 2, month);
    put_small(out, 3, of_year - (153 * mp + 2) / 5 + 1);
}

static void put_decimal(struct buf *out, const struct column *c, uint32_t row)
{
    uint8_t scratch[16];
    put_tag(out, 1, WIRE_LEN);
    put_bytes(out, wire_unscaled(scratch, c, row));
    put_small(out, 2, c->type->precision);
    put_small(out, 3, c->type->scale);
}

static bool put_known(struct buf *out, const struct proto_field *f, const struct column *c,
                      uint32_t row, struct err *e)
{
    const struct proto_field *inner = f->message->count ? &f->message->fields[0] : NULL;
    int64_t v = f->message->known == PROTO_WRAPPER || f->message->known == PROTO_DECIMAL
                    ? 0
                    : wire_get_long(c, row);
    bool zero;
    switch (f->message->known) {
    case PROTO_WRAPPER: {
        assert(inner);
        const size_t start = out->n;
        put_tag(out, 1, wire_of(inner->kind));
        if (!put_scalar(out, &zero, inner, c, row, e))
            return false;
        if (zero)
            out->n = start;
        return true;
    }
    case PROTO_TIMESTAMP: {
        const int64_t seconds = v / MS_PER_S - (v % MS_PER_S < 0);
        put_small(out, 1, seconds);
        put_small(out, 2, (v - seconds * MS_PER_S) * NS_PER_MS);
        return true;
    }
    case PROTO_DATE:
        put_date(out, v);
        return true;
    case PROTO_TIME_OF_DAY:
        put_small(out, 1, v / MS_PER_S / S_PER_HOUR);
        put_small(out, 2, v / MS_PER_S / S_PER_MIN % S_PER_MIN);
        put_small(out, 3, v / MS_PER_S % S_PER_MIN);
        put_small(out, 4, v % MS_PER_S * NS_PER_MS);
        return true;
    case PROTO_DECIMAL:
        put_decimal(out, c, row);
        return true;
    case PROTO_NO_KNOWN:
        break;
    }
    assert(!"no known message");
    return false;
}

// A message behind its length; c NULL = an empty one.
static bool put_nested(struct buf *out, const struct member *m, const struct column *c,
                       uint32_t row, struct err *e)
{
    struct buf inner;
    bool ok = true;
    buf_init(&inner, out->max);
    if (c && m->message)
        ok = put_message(&inner, m->message, c->children, row, e);
    else if (c)
        ok = put_known(&inner, m->field, c, row, e);
    put_bytes(out, buf_view(&inner));
    out->failed = out->failed || inner.failed;
    buf_fini(&inner);
    return ok;
}

// A value without its tag.
static bool put_value(struct buf *out, bool *zero, const struct member *m, const struct column *c,
                      uint32_t row, struct err *e)
{
    *zero = false;
    return m->field->kind == PROTO_MESSAGE ? put_nested(out, m, c, row, e)
                                           : put_scalar(out, zero, m->field, c, row, e);
}

static void put_zero(struct buf *out, const struct proto_field *f)
{
    if (wire_of(f->kind) == WIRE_LEN)
        buf_varint(out, 0);
    else
        put_bits(out, f->kind, 0);
}

static bool put_array(struct buf *out, const struct member *m, const struct column *c, uint32_t row,
                      struct err *e)
{
    uint32_t first;
    bool zero, ok = true;
    const uint32_t count = column_items(c, row, &first);
    const struct column *items = &c->children[0];
    const bool packed = wire_of(m->field->kind) != WIRE_LEN;
    struct buf inner;
    buf_init(&inner, out->max);
    struct buf *to = packed ? &inner : out;
    for (uint32_t i = first; ok && i < first + count; i++) {
        if (!packed)
            put_tag(out, m->field->number, WIRE_LEN);
        if (column_is_valid(items, i))
            ok = put_value(to, &zero, m, items, i, e);
        else
            put_zero(to, m->field);
    }
    if (packed && count) {
        put_tag(out, m->field->number, WIRE_LEN);
        put_bytes(out, buf_view(&inner));
        out->failed = out->failed || inner.failed;
    }
    buf_fini(&inner);
    return ok;
}

static bool put_map(struct buf *out, const struct member *m, const struct column *c, uint32_t row,
                    struct err *e)
{
    uint32_t first;
    const uint32_t count = column_items(c, row, &first);
    for (uint32_t i = first; i < first + count; i++) {
        struct buf inner;
        buf_init(&inner, out->max);
        const bool ok = put_message(&inner, m->message, c->children, i, e);
        put_tag(out, m->field->number, WIRE_LEN);
        put_bytes(out, buf_view(&inner));
        out->failed = out->failed || inner.failed;
        buf_fini(&inner);
        if (!ok)
            return false;
    }
    return true;
}

static bool put_member(struct buf *out, const struct member *m, const struct column *c,
                       uint32_t row, struct err *e)
{
    const size_t start = out->n;
    bool zero;
    if (!column_is_valid(c, row))
        return true;
    if (c->type->kind == TYPE_ARRAY)
        return put_array(out, m, c, row, e);
    if (c->type->kind == TYPE_MAP)
        return put_map(out, m, c, row, e);
    put_tag(out, m->field->number, wire_of(m->field->kind));
    if (!put_value(out, &zero, m, c, row, e))
        return false;
    if (zero && m->field->label == PROTO_IMPLICIT)
        out->n = start;
    return true;
}

static bool put_message(struct buf *out, const struct proto_writer *w, const struct column *columns,
                        uint32_t row, struct err *e)
{
    for (uint32_t i = 0; i < w->count; i++) {
        const struct member *m = &w->members[i];
        const struct column *c = &columns[m->child];
        if (m->inner >= 0 && !column_is_valid(c, row))
            continue;
        if (!put_member(out, m, m->inner < 0 ? c : &c->children[m->inner], row, e))
            return err_wrap(e, "field %.*s", STR_ARG(m->field->name));
    }
    return true;
}

bool proto_write(const struct proto_writer *s, struct buf *out, const struct column *columns,
                 uint32_t row, struct err *e)
{
    return put_message(out, s, columns, row, e);
}
