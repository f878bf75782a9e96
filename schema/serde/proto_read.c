// Protobuf's wire format into columns, as a plan says. Fields may come in any order and more than once: the last scalar counts,
// messages are merged, lists go on. Unknown fields and fields of another wire type are skipped.
#include "schema/serde/proto_plan.h"

#include "schema/serde/wire.h"

#include <assert.h>

#define MS_PER_S    1000
#define NS_PER_MS   1000000
#define MS_PER_HOUR 3600000
#define MS_PER_MIN  60000

enum { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2, WIRE_START = 3, WIRE_STOP = 4, WIRE_I32 = 5 };

struct reader {
    const uint8_t *p, *end;
    const uint8_t *start; // of the payload
    const struct decoder_run *run;
    const char *problem;
    struct str where;
    unsigned depth;
};

// One value as it stands in the payload.
struct raw {
    unsigned wire;
    uint64_t bits;    // VARINT, I64, I32
    struct str bytes; // LEN
};

static bool bad(struct reader *r, const char *problem)
{
    if (!r->problem)
        r->problem = problem;
    return false;
}

static bool read_varint(struct reader *r, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (r->p == r->end)
            return bad(r, "the payload is cut off");
        const uint8_t byte = *r->p++;
        v |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if (byte < 0x80) {
            *out = v;
            return true;
        }
    }
    return bad(r, "a number has more than 64 bits");
}

static bool read_little_endian(struct reader *r, uint64_t *out, size_t n)
{
    uint64_t v = 0;
    if ((size_t)(r->end - r->p) < n)
        return bad(r, "the payload is cut off");
    for (size_t i = n; i-- > 0;)
        v = v << 8 | r->p[i];
    r->p += n;
    *out = v;
    return true;
}

static bool skip_group(struct reader *r, uint64_t number);

static bool read_raw(struct reader *r, struct raw *out, uint64_t tag)
{
    uint64_t n;
    out->wire = (unsigned)(tag & 7);
    switch (out->wire) {
    case WIRE_VARINT:
        return read_varint(r, &out->bits);
    case WIRE_I64:
        return read_little_endian(r, &out->bits, 8);
    case WIRE_I32:
        return read_little_endian(r, &out->bits, 4);
    case WIRE_LEN:
        if (!read_varint(r, &n))
            return false;
        if (n > (uint64_t)(r->end - r->p))
            return bad(r, "a length is beyond the end");
        out->bytes = (struct str){(const char *)r->p, (size_t)n};
        r->p += n;
        return true;
    case WIRE_START:
        return skip_group(r, tag >> 3);
    default:
        return bad(r, "a field has a wire type that does not exist");
    }
}

static bool read_tag(struct reader *r, uint64_t *tag)
{
    return read_varint(r, tag) && ((*tag >> 3 > 0 && *tag >> 3 <= UINT32_MAX >> 3) ||
                                   bad(r, "a field number is out of range"));
}

// Groups are deprecated; what is inside one is skipped.
static bool skip_group(struct reader *r, uint64_t number)
{
    struct raw ignored;
    uint64_t tag;
    if (++r->depth > PROTO_DEPTH_MAX)
        return bad(r, "nested too deeply");
    for (;;) {
        if (!read_tag(r, &tag))
            return false;
        if ((tag & 7) == WIRE_STOP)
            break;
        if (!read_raw(r, &ignored, tag))
            return false;
    }
    r->depth--;
    return tag >> 3 == number || bad(r, "a group ends that was not open");
}

// --- scalars ---------------------------------------------------------------------------------------

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

static int64_t long_of(enum proto_kind kind, uint64_t bits)
{
    const uint64_t zigzag = (bits >> 1) ^ (0 - (bits & 1));
    switch (kind) {
    case PROTO_INT32:
    case PROTO_SFIXED32:
    case PROTO_ENUM:
        return (int32_t)(uint32_t)bits;
    case PROTO_SINT32:
        return (int32_t)(uint32_t)((uint32_t)bits >> 1 ^ (0 - ((uint32_t)bits & 1)));
    case PROTO_UINT32:
    case PROTO_FIXED32:
        return (uint32_t)bits;
    case PROTO_SINT64:
        return (int64_t)zigzag;
    case PROTO_INT64:
    case PROTO_UINT64:
    case PROTO_FIXED64:
    case PROTO_SFIXED64:
        return (int64_t)bits;
    case PROTO_DOUBLE:
    case PROTO_FLOAT:
    case PROTO_BOOL:
    case PROTO_STRING:
    case PROTO_BYTES:
    case PROTO_MESSAGE:
        break;
    }
    assert(!"no integer");
    return 0;
}

static double double_of(enum proto_kind kind, uint64_t bits)
{
    double wide;
    float narrow;
    const uint32_t low = (uint32_t)bits;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &low, sizeof narrow);
    return kind == PROTO_FLOAT ? (double)narrow : wide;
}

static bool fits(struct reader *r, bool ok)
{
    return ok || bad(r, "the value does not fit the column's type");
}

static bool set_enum(struct reader *r, const struct proto_enum *symbols, struct column *c,
                     uint32_t row, int64_t number)
{
    if (c->type->kind != TYPE_STRING)
        return fits(r, wire_set_long(c, r->run->a, row, number));
    for (uint32_t i = 0; i < symbols->count; i++)
        if (symbols->symbols[i].number == number)
            return fits(r, wire_set_text(c, row, symbols->symbols[i].name));
    return fits(r, wire_set_long(c, r->run->a, row, number)); // one that came later: its number
}

static bool set_scalar(struct reader *r, const struct proto_field *f, struct column *c,
                       uint32_t row, const struct raw *v)
{
    struct arena *a = r->run->a;
    switch (f->kind) {
    case PROTO_DOUBLE:
    case PROTO_FLOAT:
        return fits(r, wire_set_double(c, a, row, double_of(f->kind, v->bits)));
    case PROTO_BOOL:
        return fits(r, wire_set_boolean(c, row, v->bits != 0));
    case PROTO_STRING:
        return wire_set_text(c, row, v->bytes) || bad(r, "a string is no valid UTF-8");
    case PROTO_BYTES:
        return fits(r, wire_set_bytes(c, row, v->bytes));
    case PROTO_ENUM:
        return set_enum(r, f->symbols, c, row, long_of(f->kind, v->bits));
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
        return fits(r, wire_set_long(c, a, row, long_of(f->kind, v->bits)));
    case PROTO_MESSAGE:
        break;
    }
    assert(!"no scalar");
    return false;
}

// --- messages that stand for a value -----------------------------------------------------------------

#define KNOWN_FIELDS 5

// Fields 1 to 4 of a small message.
static bool read_small(struct reader *r, struct raw v[KNOWN_FIELDS], struct str bytes)
{
    struct reader in = *r;
    in.p = (const uint8_t *)bytes.p;
    in.end = in.p + bytes.n;
    memset(v, 0, KNOWN_FIELDS * sizeof *v);
    while (in.p < in.end) {
        struct raw one = {0};
        uint64_t tag;
        if (!read_tag(&in, &tag) || !read_raw(&in, &one, tag)) {
            r->problem = in.problem;
            return false;
        }
        if (tag >> 3 < KNOWN_FIELDS)
            v[tag >> 3] = one;
    }
    return true;
}

static int64_t int_of(const struct raw *v)
{
    return (int32_t)(uint32_t)v->bits;
}

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t year = y - era * 400;
    const int64_t day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

static bool set_date(struct reader *r, struct column *c, uint32_t row, const struct raw *v)
{
    const int64_t y = int_of(&v[1]), m = int_of(&v[2]), d = int_of(&v[3]);
    if (y < 0 || y > 9999 || m < 1 || m > 12 || d < 1 || d > 31)
        return bad(r, "a google.type.Date is no whole date");
    return fits(r, wire_set_long(c, r->run->a, row, days_of(y, m, d)));
}

static bool set_timestamp(struct reader *r, struct column *c, uint32_t row, const struct raw *v)
{
    const int64_t seconds = (int64_t)v[1].bits, nanos = int_of(&v[2]);
    if (seconds > INT64_MAX / MS_PER_S - 1 || seconds < INT64_MIN / MS_PER_S + 1)
        return bad(r, "a google.protobuf.Timestamp is out of range");
    return fits(r, wire_set_long(c, r->run->a, row, seconds * MS_PER_S + nanos / NS_PER_MS));
}

static bool set_known(struct reader *r, const struct proto_field *f, struct column *c, uint32_t row,
                      struct str bytes)
{
    struct raw v[KNOWN_FIELDS];
    const struct proto_message *m = f->message;
    if (!read_small(r, v, bytes))
        return false;
    switch (m->known) {
    case PROTO_WRAPPER:
        if (v[1].wire != wire_of(m->fields[0].kind)) // absent, or of another wire type
            v[1] = (struct raw){.bytes = STR("")};
        return set_scalar(r, &m->fields[0], c, row, &v[1]);
    case PROTO_TIMESTAMP:
        return set_timestamp(r, c, row, v);
    case PROTO_DATE:
        return set_date(r, c, row, v);
    case PROTO_TIME_OF_DAY:
        return fits(r, wire_set_long(c, r->run->a, row,
                                     int_of(&v[1]) * MS_PER_HOUR + int_of(&v[2]) * MS_PER_MIN +
                                         int_of(&v[3]) * MS_PER_S + int_of(&v[4]) / NS_PER_MS));
    case PROTO_DECIMAL:
        return fits(r, wire_set_unscaled(c, r->run->a, row, v[1].bytes,
                                         v[3].bits ? (int32_t)int_of(&v[3]) : f->scale));
    case PROTO_NO_KNOWN:
        break;
    }
    assert(!"no known message");
    return false;
}

// --- messages --------------------------------------------------------------------------------------

static bool read_message(struct reader *r, const struct proto_node *n, struct column *columns,
                         uint32_t row, struct str bytes);

// What an absent field is.
static void set_default(struct reader *r, const struct proto_field *f, struct column *c,
                        uint32_t row)
{
    const struct raw zero = {.bytes = STR("")};
    if (f->label == PROTO_REPEATED || f->label == PROTO_MAP) {
        wire_list_begin(c, row);
        wire_list_end(c, row);
    } else if (f->label == PROTO_EXPLICIT || !set_scalar(r, f, c, row, &zero)) {
        wire_null(c, r->run->a, row);
        r->problem = NULL;
    }
}

static struct column *target_column(const struct proto_target *t, struct column *columns)
{
    struct column *c = &columns[t->child];
    return t->member < 0 ? c : &c->children[t->member];
}

static void begin_message(struct reader *r, const struct proto_node *n, struct column *columns,
                          uint32_t row)
{
    for (uint32_t i = 0; i < n->absent_count; i++)
        wire_null(&columns[n->absent[i]], r->run->a, row);
    for (uint32_t i = 0; i < n->count; i++)
        set_default(r, n->targets[i].field, target_column(&n->targets[i], columns), row);
}

static bool set_value(struct reader *r, const struct proto_target *t, struct column *c,
                      uint32_t row, const struct raw *v)
{
    const struct proto_field *f = t->field;
    if (f->kind != PROTO_MESSAGE)
        return set_scalar(r, f, c, row, v);
    if (!t->node)
        return set_known(r, f, c, row, v->bytes);
    if (!column_is_valid(c, row)) { // else it came before: merged
        wire_valid(c, row);
        begin_message(r, t->node, c->children, row);
    }
    return read_message(r, t->node, c->children, row, v->bytes);
}

// One more item of a list, or an entry of a map.
static bool add_item(struct reader *r, const struct proto_target *t, struct column *c, uint32_t row,
                     const struct raw *v)
{
    const uint32_t at = column_append_items(c, r->run->a, 1);
    wire_list_end(c, row);
    if (c->type->kind == TYPE_MAP) {
        begin_message(r, t->node, c->children, at);
        if (!read_message(r, t->node, c->children, at, v->bytes))
            return false;
        struct column *value = &c->children[1];
        const struct proto_target *of = &t->node->targets[1];
        if (of->node && !column_is_valid(value, at)) { // an entry without its message: an empty one
            wire_valid(value, at);
            begin_message(r, of->node, value->children, at);
        }
        return column_is_valid(&c->children[0], at) || bad(r, "a map's key is null");
    }
    if (t->node) // never merged
        wire_null(&c->children[0], r->run->a, at);
    return set_value(r, t, &c->children[0], at, v);
}

static bool read_packed(struct reader *r, const struct proto_target *t, struct column *c,
                        uint32_t row, struct str bytes)
{
    struct reader in = *r;
    in.p = (const uint8_t *)bytes.p;
    in.end = in.p + bytes.n;
    bool ok = true;
    while (ok && in.p < in.end) {
        struct raw v = {0};
        ok = read_raw(&in, &v, wire_of(t->field->kind)) && add_item(&in, t, c, row, &v);
    }
    r->problem = in.problem;
    return ok;
}

// A member of a oneof takes the place of the one that came before.
static void clear_oneof(struct reader *r, const struct proto_node *n, const struct proto_target *t,
                        struct column *columns, uint32_t row)
{
    if (t->member >= 0)
        wire_valid(&columns[t->child], row);
    for (uint32_t i = 0; i < n->count; i++)
        if (&n->targets[i] != t && n->targets[i].field->oneof == t->field->oneof)
            wire_null(target_column(&n->targets[i], columns), r->run->a, row);
}

static bool read_field(struct reader *r, const struct proto_node *n, const struct proto_target *t,
                       struct column *columns, uint32_t row, const struct raw *v)
{
    const struct proto_field *f = t->field;
    struct column *c = target_column(t, columns);
    const bool list = f->label == PROTO_REPEATED || f->label == PROTO_MAP;
    const unsigned wire = wire_of(f->kind);
    if (list && v->wire == WIRE_LEN && wire != WIRE_LEN)
        return read_packed(r, t, c, row, v->bytes);
    if (v->wire != wire)
        return true; // as an unknown field
    if (list)
        return add_item(r, t, c, row, v);
    if (f->oneof >= 0)
        clear_oneof(r, n, t, columns, row);
    return set_value(r, t, c, row, v);
}

static const struct proto_target *find_target(const struct proto_node *n, uint64_t number,
                                              uint32_t *guess)
{
    if (*guess < n->count && n->targets[*guess].field->number == number)
        return &n->targets[(*guess)++];
    uint32_t low = 0, high = n->count;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (n->targets[mid].field->number < number)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == n->count || n->targets[low].field->number != number)
        return NULL;
    *guess = low + 1;
    return &n->targets[low];
}

// The columns' cells are prepared (begin_message).
static bool read_message(struct reader *r, const struct proto_node *n, struct column *columns,
                         uint32_t row, struct str bytes)
{
    struct reader in = *r;
    uint32_t guess = 0;
    bool ok = true;
    in.p = (const uint8_t *)bytes.p;
    in.end = in.p + bytes.n;
    in.depth++;
    while (ok && in.p < in.end) {
        struct raw v = {0};
        uint64_t tag;
        ok = read_tag(&in, &tag) && read_raw(&in, &v, tag);
        const struct proto_target *t = ok ? find_target(n, tag >> 3, &guess) : NULL;
        if (!t || read_field(&in, n, t, columns, row, &v))
            continue;
        ok = false;
        if (!in.where.p)
            in.where = t->field->name;
    }
    r->problem = in.problem;
    r->where = in.where;
    return ok;
}

bool proto_read(const struct proto_node *plan, const struct decoder_run *run, uint32_t row,
                struct str bytes)
{
    struct reader r = {.start = (const uint8_t *)bytes.p, .run = run};
    begin_message(&r, plan, run->columns, row);
    if (read_message(&r, plan, run->columns, row, bytes))
        return true;
    assert(r.problem);
    if (r.where.p)
        serde_bad(run, row, "Protobuf, field %.*s: %s", (int)(r.where.n < 64 ? r.where.n : 64),
                  r.where.p, r.problem);
    else
        serde_bad(run, row, "Protobuf: %s", r.problem);
    return false;
}
