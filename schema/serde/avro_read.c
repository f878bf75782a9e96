// Avro's binary encoding into columns, as a plan says. Bounds are checked at every byte; what a hostile payload can make grow is
// bounded by its length (items of no bytes: ITEMS_EMPTY_MAX).
#include "schema/serde/avro_plan.h"

#include "schema/serde/wire.h"

#include <assert.h>

#define ITEMS_EMPTY_MAX 65536 // items that take no bytes, of one payload
#define SKIP_DEPTH_MAX  256   // of values that nobody reads
#define US_PER_MS       1000

struct reader {
    const uint8_t *p, *end;
    const struct decoder_run *run;
    const char *problem; // what is wrong; NULL = nothing yet
    struct str where;    // innermost field's name
    uint32_t empty_items;
    unsigned depth;
};

static bool bad(struct reader *r, const char *problem)
{
    if (!r->problem)
        r->problem = problem;
    return false;
}

static bool read_long(struct reader *r, int64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (r->p == r->end)
            return bad(r, "the payload is cut off");
        const uint8_t byte = *r->p++;
        if (shift == 63 && byte > 1)
            return bad(r, "a number has more than 64 bits");
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
            return true;
        }
    }
    return bad(r, "a number has more than 64 bits");
}

static bool read_int(struct reader *r, int64_t *out)
{
    return read_long(r, out) &&
           ((*out >= INT32_MIN && *out <= INT32_MAX) || bad(r, "an int has more than 32 bits"));
}

static bool read_fixed(struct reader *r, struct str *out, size_t n)
{
    if ((size_t)(r->end - r->p) < n)
        return bad(r, "the payload is cut off");
    *out = (struct str){(const char *)r->p, n};
    r->p += n;
    return true;
}

static bool read_bytes(struct reader *r, struct str *out)
{
    int64_t n;
    if (!read_long(r, &n))
        return false;
    if (n < 0 || n > r->end - r->p)
        return bad(r, "a length is beyond the end of the payload");
    return read_fixed(r, out, (size_t)n);
}

static bool read_index(struct reader *r, uint32_t *out, uint32_t count)
{
    int64_t v;
    if (!read_long(r, &v))
        return false;
    *out = (uint32_t)v;
    return (v >= 0 && v < count) || bad(r, "no such branch of a union or symbol of an enum");
}

static bool read_double(struct reader *r, double *out, enum avro_kind kind)
{
    struct str raw;
    uint64_t bits = 0;
    float narrow;
    if (!read_fixed(r, &raw, kind == AVRO_FLOAT ? 4 : 8))
        return false;
    for (size_t i = raw.n; i-- > 0;)
        bits = bits << 8 | (uint8_t)raw.p[i];
    const uint32_t low = (uint32_t)bits;
    memcpy(&narrow, &low, sizeof narrow);
    memcpy(out, &bits, sizeof bits);
    if (kind == AVRO_FLOAT)
        *out = (double)narrow;
    return true;
}

// The count of a block of items; 0 ends the list. A negative one is followed by the block's bytes.
static bool read_block(struct reader *r, int64_t *count)
{
    int64_t bytes;
    if (!read_long(r, count))
        return false;
    if (*count < 0) {
        if (*count == INT64_MIN || !read_long(r, &bytes))
            return bad(r, "a block of items has no count");
        *count = -*count;
    }
    return true;
}

// Called once per item: `from` is where it began.
static bool item_is_fine(struct reader *r, const uint8_t *from)
{
    return r->p > from || ++r->empty_items <= ITEMS_EMPTY_MAX ||
           bad(r, "too many items without bytes");
}

// --- skipping --------------------------------------------------------------------------------------

static bool skip(struct reader *r, const struct avro_type *t);

static bool skip_list(struct reader *r, const struct avro_type *t)
{
    int64_t count;
    struct str key;
    do {
        if (!read_block(r, &count))
            return false;
        for (int64_t i = 0; i < count; i++) {
            const uint8_t *from = r->p;
            if ((t->kind == AVRO_MAP && !read_bytes(r, &key)) || !skip(r, t->fields[0].type) ||
                !item_is_fine(r, from))
                return false;
        }
    } while (count);
    return true;
}

static bool skip_fields(struct reader *r, const struct avro_type *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (!skip(r, t->fields[i].type))
            return false;
    return true;
}

static bool skip_value(struct reader *r, const struct avro_type *t)
{
    int64_t number;
    uint32_t index;
    struct str raw;
    switch (t->kind) {
    case AVRO_NULL:
        return true;
    case AVRO_BOOLEAN:
        return read_fixed(r, &raw, 1);
    case AVRO_INT:
    case AVRO_LONG:
        return read_long(r, &number);
    case AVRO_FLOAT:
        return read_fixed(r, &raw, 4);
    case AVRO_DOUBLE:
        return read_fixed(r, &raw, 8);
    case AVRO_BYTES:
    case AVRO_STRING:
        return read_bytes(r, &raw);
    case AVRO_FIXED:
        return read_fixed(r, &raw, t->size);
    case AVRO_ENUM:
        return read_index(r, &index, t->count);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return skip_list(r, t);
    case AVRO_UNION:
        return read_index(r, &index, t->count) && skip(r, t->fields[index].type);
    case AVRO_RECORD:
        return skip_fields(r, t);
    }
    assert(!"avro kind out of range");
    return false;
}

static bool skip(struct reader *r, const struct avro_type *t)
{
    if (r->depth >= SKIP_DEPTH_MAX)
        return bad(r, "nested too deeply");
    r->depth++;
    const bool ok = skip_value(r, t);
    r->depth--;
    return ok;
}

// --- reading ---------------------------------------------------------------------------------------

static bool read_node(struct reader *r, const struct avro_node *n, struct column *c, uint32_t row);

static bool fits(struct reader *r, bool ok)
{
    return ok || bad(r, "the value does not fit the column's type");
}

static bool read_number(struct reader *r, const struct avro_type *t, struct column *c, uint32_t row)
{
    int64_t v;
    if (!(t->kind == AVRO_INT ? read_int(r, &v) : read_long(r, &v)))
        return false;
    if (t->logical == AVRO_TIME_US || t->logical == AVRO_TIMESTAMP_US)
        v = v / US_PER_MS - (v % US_PER_MS < 0);
    return fits(r, wire_set_long(c, r->run->a, row, v));
}

static bool read_binary(struct reader *r, const struct avro_type *t, struct column *c, uint32_t row)
{
    struct str raw;
    if (!(t->kind == AVRO_FIXED ? read_fixed(r, &raw, t->size) : read_bytes(r, &raw)))
        return false;
    if (t->logical == AVRO_DECIMAL)
        return fits(r, wire_set_unscaled(c, r->run->a, row, raw, t->scale));
    return fits(r, wire_set_bytes(c, row, raw));
}

static bool read_boolean(struct reader *r, struct column *c, uint32_t row)
{
    struct str raw = {(const char *)r->p, 0};
    if (!read_fixed(r, &raw, 1))
        return false;
    return raw.p[0] == 0 || raw.p[0] == 1 ? fits(r, wire_set_boolean(c, row, (uint8_t)raw.p[0]))
                                          : bad(r, "a boolean is neither 0 nor 1");
}

static bool read_scalar(struct reader *r, const struct avro_type *t, struct column *c, uint32_t row)
{
    struct str raw = STR_NONE;
    uint32_t index = 0;
    double number = 0;
    switch (t->kind) {
    case AVRO_NULL:
        wire_null(c, r->run->a, row);
        return true;
    case AVRO_BOOLEAN:
        return read_boolean(r, c, row);
    case AVRO_INT:
    case AVRO_LONG:
        return read_number(r, t, c, row);
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return read_double(r, &number, t->kind) &&
               fits(r, wire_set_double(c, r->run->a, row, number));
    case AVRO_STRING:
        return read_bytes(r, &raw) &&
               (wire_set_text(c, row, raw) || bad(r, "a string is no valid UTF-8"));
    case AVRO_ENUM:
        return read_index(r, &index, t->count) && fits(r, wire_set_text(c, row, t->symbols[index]));
    case AVRO_BYTES:
    case AVRO_FIXED:
        return read_binary(r, t, c, row);
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_UNION:
    case AVRO_RECORD:
        break;
    }
    assert(!"no scalar");
    return false;
}

// A record's fields into sibling columns: a STRUCT's children, or the columns themselves.
static bool read_fields(struct reader *r, const struct avro_node *n, struct column *columns,
                        uint32_t row)
{
    for (uint32_t i = 0; i < n->absent_count; i++)
        wire_null(&columns[n->absent[i]], r->run->a, row);
    for (uint32_t i = 0; i < n->writer->count; i++) {
        const struct avro_child *child = &n->children[i];
        if (child->node ? read_node(r, child->node, &columns[child->target], row)
                        : skip(r, child->type))
            continue;
        if (!r->where.p)
            r->where = child->name;
        return false;
    }
    return true;
}

static bool read_map_item(struct reader *r, const struct avro_node *n, struct column *c,
                          uint32_t at)
{
    struct str key;
    struct column *keys = &c->children[0];
    if (n->how == AVRO_READ_MAP)
        return read_bytes(r, &key) &&
               (wire_set_text(keys, at, key) || bad(r, "a map's key is no valid UTF-8")) &&
               read_node(r, n->children[0].node, &c->children[1], at);
    return read_node(r, n->children[0].node, keys, at) &&
           (column_is_valid(keys, at) || bad(r, "a map's key is null")) &&
           read_node(r, n->children[1].node, &c->children[1], at);
}

static bool read_list(struct reader *r, const struct avro_node *n, struct column *c, uint32_t row)
{
    int64_t count;
    wire_list_begin(c, row);
    do {
        if (!read_block(r, &count))
            return false;
        for (int64_t i = 0; i < count; i++) {
            const uint8_t *from = r->p;
            const uint32_t at = column_append_items(c, r->run->a, 1);
            if (!(n->how == AVRO_READ_LIST ? read_node(r, n->children[0].node, &c->children[0], at)
                                           : read_map_item(r, n, c, at)) ||
                !item_is_fine(r, from))
                return false;
        }
    } while (count);
    wire_list_end(c, row);
    return true;
}

static bool read_branch(struct reader *r, const struct avro_node *n, struct column *c, uint32_t row)
{
    uint32_t index;
    if (!read_index(r, &index, n->writer->count))
        return false;
    const struct avro_child *child = &n->children[index];
    if (child->node)
        return read_node(r, child->node, c, row);
    if (child->type->kind != AVRO_NULL)
        return bad(r, "this branch of the union cannot be read as the column's type");
    wire_null(c, r->run->a, row);
    return true;
}

static bool read_branches(struct reader *r, const struct avro_node *n, struct column *c,
                          uint32_t row)
{
    uint32_t index;
    if (!read_index(r, &index, n->writer->count))
        return false;
    const struct avro_child *child = &n->children[index];
    wire_null(c, r->run->a, row);
    if (child->type->kind == AVRO_NULL)
        return true;
    c->valid[row] = 1;
    return child->node ? read_node(r, child->node, &c->children[child->target], row)
                       : skip(r, child->type);
}

static bool read_node(struct reader *r, const struct avro_node *n, struct column *c, uint32_t row)
{
    switch (n->how) {
    case AVRO_READ_SCALAR:
        return read_scalar(r, n->writer, c, row);
    case AVRO_READ_STRUCT:
        wire_valid(c, row);
        return read_fields(r, n, c->children, row);
    case AVRO_READ_LIST:
    case AVRO_READ_MAP:
    case AVRO_READ_ENTRIES:
        return read_list(r, n, c, row);
    case AVRO_READ_BRANCH:
        return read_branch(r, n, c, row);
    case AVRO_READ_BRANCHES:
        return read_branches(r, n, c, row);
    }
    assert(!"plan node out of range");
    return false;
}

// The nullable record at the top has columns, not a cell.
static bool read_top(struct reader *r, const struct avro_plan *plan, uint32_t row)
{
    const struct avro_node *n = plan->top;
    uint32_t index;
    if (!n)
        return skip(r, plan->writer);
    if (n->how == AVRO_READ_STRUCT && !n->reader)
        return read_fields(r, n, r->run->columns, row);
    if (n->reader)
        return read_node(r, n, &r->run->columns[0], row);
    if (!read_index(r, &index, n->writer->count))
        return false;
    return n->children[index].node ? read_fields(r, n->children[index].node, r->run->columns, row)
                                   : bad(r, "the record is null");
}

bool avro_read(const struct avro_plan *plan, const struct decoder_run *run, uint32_t row,
               struct str bytes)
{
    const uint8_t *start = (const uint8_t *)bytes.p;
    struct reader r = {.p = start, .end = start + bytes.n, .run = run};
    if (read_top(&r, plan, row) && (r.p == r.end || bad(&r, "bytes behind the record")))
        return true;
    assert(r.problem);
    if (r.where.p)
        serde_bad(run, row, "Avro, field %.*s, byte %zu: %s",
                  (int)(r.where.n < 64 ? r.where.n : 64), r.where.p, (size_t)(r.p - start),
                  r.problem);
    else
        serde_bad(run, row, "Avro, byte %zu: %s", (size_t)(r.p - start), r.problem);
    return false;
}
