#include "schema/serde/avro_write.h"

#include "schema/serde/wire.h"

#include <assert.h>
#include <jansson.h>

#define FALLBACK_BYTES_MAX ((size_t)1 << 20) // of one field's default
#define US_PER_MS          1000

struct node {
    const struct avro_type *type; // never a union: the branch that is written
    int32_t null_branch;          // of the union around it; -1 = NULL cannot be written
    int32_t branch;               // of the union around it; -1 = no union
    int32_t column;               // child of the reader; -1: always the fallback
    struct str name;
    struct str fallback;         // written for NULL and for no column; p == NULL: none
    const struct node *children; // RECORD: one per field; ARRAY, MAP: 1; entries: 2
    uint32_t count;
    bool entries; // a MAP as an array of {key, value}
};

struct avro_writer {
    const struct node *top;
    bool unwrapped;
};

// --- defaults --------------------------------------------------------------------------------------

static void put_long(struct buf *out, int64_t v)
{
    buf_varint(out, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

static void put_str(struct buf *out, struct str v)
{
    put_long(out, (int64_t)v.n);
    buf_str(out, v);
}

static void put_double(struct buf *out, double v, enum avro_kind kind)
{
    uint64_t bits;
    uint32_t low;
    const float narrow = (float)v;
    memcpy(&bits, &v, sizeof bits);
    memcpy(&low, &narrow, sizeof low);
    if (kind == AVRO_FLOAT)
        buf_le32(out, low);
    else
        buf_le64(out, bits);
}

static bool put_fallback(struct buf *out, const struct avro_type *t, const json_t *j,
                         unsigned depth);

static bool put_fallback_items(struct buf *out, const struct avro_type *t, const json_t *j,
                               unsigned depth)
{
    const size_t n = t->kind == AVRO_MAP ? json_object_size(j) : json_array_size(j);
    const json_t *item;
    const char *key;
    if (!(t->kind == AVRO_MAP ? json_is_object(j) : json_is_array(j)))
        return false;
    if (n)
        put_long(out, (int64_t)n);
    if (t->kind == AVRO_MAP) {
        // jansson copies from a non-const value. NOLINTNEXTLINE(performance-no-int-to-ptr)
        json_t *object = json_copy((json_t *)(uintptr_t)j);
        bool ok = true;
        json_object_foreach(object, key, item)
        {
            put_str(out, str_from(key));
            ok = ok && put_fallback(out, t->fields[0].type, item, depth);
        }
        json_decref(object);
        put_long(out, 0);
        return ok;
    }
    for (size_t i = 0; i < n; i++)
        if (!put_fallback(out, t->fields[0].type, json_array_get(j, i), depth))
            return false;
    put_long(out, 0);
    return true;
}

static bool put_fallback_fields(struct buf *out, const struct avro_type *t, const json_t *j,
                                unsigned depth)
{
    for (uint32_t i = 0; i < t->count; i++) {
        char name[512];
        const struct avro_field *f = &t->fields[i];
        if (f->name.n >= sizeof name)
            return false;
        memcpy(name, f->name.p, f->name.n);
        name[f->name.n] = '\0';
        const json_t *v = json_object_get(j, name);
        if (!put_fallback(out, f->type, v ? v : f->fallback, depth))
            return false;
    }
    return true;
}

// Bytes in a default are text with one code point, 0 to 255, per byte.
static bool put_fallback_bytes(struct buf *out, const struct avro_type *t, const json_t *j)
{
    struct str v = {json_string_value(j), json_string_length(j)};
    struct buf raw;
    uint32_t c;
    bool ok = json_is_string(j);
    buf_init(&raw, FALLBACK_BYTES_MAX);
    for (size_t i = 0, n; ok && i < v.n; i += n) {
        n = utf8_decode(&c, v.p + i, v.n - i);
        ok = n > 0 && c < 256;
        buf_u8(&raw, (uint8_t)c);
    }
    if (ok && t->kind == AVRO_FIXED)
        ok = raw.n == t->size;
    if (ok && t->kind == AVRO_BYTES)
        put_long(out, (int64_t)raw.n);
    buf_str(out, buf_view(&raw));
    buf_fini(&raw);
    return ok;
}

static bool put_fallback_enum(struct buf *out, const struct avro_type *t, const json_t *j)
{
    const struct str v = {json_string_value(j), json_string_length(j)};
    for (uint32_t i = 0; i < t->count; i++) {
        if (!str_eq(t->symbols[i], v))
            continue;
        put_long(out, i);
        return true;
    }
    return false;
}

static bool put_fallback(struct buf *out, const struct avro_type *t, const json_t *j,
                         unsigned depth)
{
    if (depth >= AVRO_DEPTH_MAX || (!j && t->kind != AVRO_NULL))
        return false;
    switch (t->kind) {
    case AVRO_NULL:
        return !j || json_is_null(j);
    case AVRO_BOOLEAN:
        buf_u8(out, json_is_true(j));
        return json_is_boolean(j);
    case AVRO_INT:
    case AVRO_LONG:
        put_long(out, json_integer_value(j));
        return json_is_integer(j);
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        put_double(out, json_number_value(j), t->kind);
        return json_is_number(j);
    case AVRO_STRING:
        put_str(out, (struct str){json_string_value(j), json_string_length(j)});
        return json_is_string(j);
    case AVRO_BYTES:
    case AVRO_FIXED:
        return put_fallback_bytes(out, t, j);
    case AVRO_ENUM:
        return put_fallback_enum(out, t, j);
    case AVRO_UNION: // a default is of the first branch
        put_long(out, 0);
        return put_fallback(out, t->fields[0].type, j, depth + 1);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return put_fallback_items(out, t, j, depth + 1);
    case AVRO_RECORD:
        return put_fallback_fields(out, t, j, depth + 1);
    }
    assert(!"avro kind out of range");
    return false;
}

// --- building --------------------------------------------------------------------------------------

struct builder {
    struct arena *a;
    struct err *e;
};

static bool holds_scalar(const struct avro_type *t, const struct type *from)
{
    const enum type_kind k = from->kind;
    const bool decimal = t->logical == AVRO_DECIMAL;
    switch (t->kind) {
    case AVRO_BOOLEAN:
        return k == TYPE_BOOLEAN;
    case AVRO_INT:
    case AVRO_LONG:
        return k == TYPE_INTEGER || k == TYPE_BIGINT || k == TYPE_DATE || k == TYPE_TIME ||
               k == TYPE_TIMESTAMP;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return k == TYPE_INTEGER || k == TYPE_BIGINT || k == TYPE_DOUBLE;
    case AVRO_STRING:
    case AVRO_ENUM:
        return k == TYPE_STRING;
    case AVRO_BYTES:
    case AVRO_FIXED:
        return decimal ? k == TYPE_DECIMAL && from->scale == t->scale : k == TYPE_BYTES;
    case AVRO_NULL:
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_UNION:
    case AVRO_RECORD:
        break;
    }
    return false;
}

static bool holds(const struct avro_type *t, const struct type *from)
{
    if (t->kind == AVRO_RECORD)
        return from->kind == TYPE_STRUCT;
    if (t->kind == AVRO_MAP || avro_map_entry(t))
        return from->kind == TYPE_MAP || (from->kind == TYPE_ARRAY && t->kind == AVRO_ARRAY);
    if (t->kind == AVRO_ARRAY)
        return from->kind == TYPE_ARRAY;
    return holds_scalar(t, from);
}

static bool build(struct node *out, struct builder *s, const struct avro_type *t,
                  const struct type *from);

static void set_fallback(struct node *n, struct builder *s, const struct avro_field *f)
{
    struct buf bytes;
    int null_branch;
    const struct avro_type *value = avro_not_null(f->type, &null_branch);
    buf_init(&bytes, FALLBACK_BYTES_MAX);
    if (f->fallback && put_fallback(&bytes, f->type, f->fallback, 0) && !bytes.failed)
        n->fallback = arena_str(s->a, bytes.n ? buf_view(&bytes) : STR(""));
    else if (!f->fallback && null_branch >= 0 && value != f->type)
        n->fallback = null_branch ? STR("\x02") : STR("\0");
    buf_fini(&bytes);
}

static int find_child(const struct serde_column *columns, size_t count, struct str name)
{
    int found = -1;
    for (size_t i = 0; i < count; i++) {
        if (str_eq(columns[i].name, name))
            return (int)i;
        if (found < 0 && str_eq_nocase(columns[i].name, name))
            found = (int)i;
    }
    return found;
}

static bool build_fields(struct node *out, struct builder *s, const struct avro_type *t,
                         const struct serde_column *columns, size_t count)
{
    struct node *children = ARENA_ZARRAY(s->a, struct node, (size_t)t->count + 1);
    size_t used = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct avro_field *f = &t->fields[i];
        const int at = find_child(columns, count, f->name);
        if (at >= 0 && !build(&children[i], s, f->type, columns[at].type))
            return err_wrap(s->e, "field %.*s", STR_ARG(f->name));
        children[i].name = f->name;
        children[i].column = at;
        used += at >= 0;
        set_fallback(&children[i], s, f);
        if (at < 0 && !children[i].fallback.p)
            return err_fail(s->e, ERR_DATA, "field %.*s has no column and no default",
                            STR_ARG(f->name));
    }
    if (used < count)
        return err_fail(s->e, ERR_DATA, "record %.*s has no field for one of the columns",
                        STR_ARG(t->name));
    out->children = children;
    out->count = t->count;
    return true;
}

static bool build_nested(struct node *out, struct builder *s, const struct avro_type *t,
                         const struct type *from)
{
    const struct avro_type *entry = from->kind == TYPE_MAP ? avro_map_entry(t) : NULL;
    struct node *children = ARENA_ZARRAY(s->a, struct node, 2);
    if (t->kind == AVRO_RECORD) {
        struct serde_column *columns =
            ARENA_ARRAY(s->a, struct serde_column, (size_t)from->field_count + 1);
        for (uint32_t i = 0; i < from->field_count; i++)
            columns[i] = (struct serde_column){from->fields[i].name, from->fields[i].type};
        return build_fields(out, s, t, columns, from->field_count);
    }
    out->children = children;
    out->entries = entry != NULL;
    if (entry)
        return build(&children[0], s, entry->fields[0].type, from->fields[0].type) &&
               build(&children[1], s, entry->fields[1].type, from->fields[1].type);
    return build(&children[0], s, t->fields[0].type, from->fields[from->field_count - 1].type);
}

static bool build(struct node *out, struct builder *s, const struct avro_type *t,
                  const struct type *from)
{
    *out = (struct node){.type = t, .null_branch = -1, .branch = -1, .column = 0};
    if (t->kind == AVRO_UNION) {
        for (uint32_t i = t->count; i-- > 0;) {
            if (t->fields[i].type->kind == AVRO_NULL)
                out->null_branch = (int32_t)i;
            else if (holds(t->fields[i].type, from))
                out->branch = (int32_t)i;
        }
        if (out->branch >= 0)
            out->type = t->fields[out->branch].type;
    }
    if (!holds(out->type, from))
        return err_fail(s->e, ERR_DATA, "%s cannot be written as Avro %s",
                        type_kind_name(from->kind), avro_kind_name(t->kind));
    return !type_is_nested(from) || build_nested(out, s, out->type, from);
}

bool avro_writer_new(const struct avro_writer **out, struct arena *a, const struct serde_spec *spec,
                     const struct avro_type *writer, struct err *e)
{
    struct avro_writer *w = ARENA_NEW(a, struct avro_writer);
    struct node *top = ARENA_NEW(a, struct node);
    struct builder s = {a, e};
    w->top = top;
    *out = w;
    w->unwrapped = spec->wrapping == SERDE_UNWRAPPED && spec->count == 1;
    if (w->unwrapped) {
        top->name = spec->columns[0].name;
        return build(top, &s, writer, spec->columns[0].type);
    }
    *top = (struct node){.type = writer, .null_branch = -1, .branch = -1};
    for (uint32_t i = 0; writer->kind == AVRO_UNION && i < writer->count; i++) {
        if (writer->fields[i].type->kind != AVRO_RECORD)
            continue;
        top->branch = (int32_t)i;
        top->type = writer->fields[i].type;
    }
    if (top->type->kind != AVRO_RECORD)
        return err_fail(e, ERR_DATA, "expected an Avro record, found %s",
                        avro_kind_name(writer->kind));
    return build_fields(top, &s, top->type, spec->columns, spec->count);
}

// --- writing ---------------------------------------------------------------------------------------

static bool put_node(struct buf *out, const struct node *n, const struct column *c, uint32_t row,
                     struct err *e);

static bool put_integer(struct buf *out, const struct node *n, const struct column *c, uint32_t row,
                        struct err *e)
{
    int64_t v = wire_get_long(c, row);
    const bool micros = n->type->logical == AVRO_TIME_US || n->type->logical == AVRO_TIMESTAMP_US;
    if (micros && (v > INT64_MAX / US_PER_MS || v < INT64_MIN / US_PER_MS))
        return err_fail(e, ERR_DATA, "the time is beyond microseconds in 64 bits");
    if (n->type->kind == AVRO_INT && (v < INT32_MIN || v > INT32_MAX))
        return err_fail(e, ERR_DATA, "%lld does not fit an Avro int", (long long)v);
    put_long(out, micros ? v * US_PER_MS : v);
    return true;
}

static bool put_symbol(struct buf *out, const struct node *n, struct str v, struct err *e)
{
    for (uint32_t i = 0; i < n->type->count; i++) {
        if (!str_eq(n->type->symbols[i], v))
            continue;
        put_long(out, i);
        return true;
    }
    return err_fail(e, ERR_DATA, "enum %.*s has no symbol \"%.*s\"", STR_ARG(n->type->name),
                    (int)(v.n < 64 ? v.n : 64), v.p);
}

static bool put_binary(struct buf *out, const struct node *n, const struct column *c, uint32_t row,
                       struct err *e)
{
    uint8_t scratch[16];
    const bool decimal = n->type->logical == AVRO_DECIMAL;
    const struct str v = decimal ? wire_unscaled(scratch, c, row) : c->str[row];
    if (n->type->kind == AVRO_BYTES) {
        put_str(out, v);
        return true;
    }
    if (v.n > n->type->size || (!decimal && v.n < n->type->size))
        return err_fail(e, ERR_DATA, "%zu bytes do not fit fixed %.*s of %u", v.n,
                        STR_ARG(n->type->name), (unsigned)n->type->size);
    for (size_t i = v.n; i < n->type->size; i++)
        buf_u8(out, v.n && (uint8_t)v.p[0] & 0x80 ? 0xff : 0);
    buf_str(out, v);
    return true;
}

static bool put_items(struct buf *out, const struct node *n, const struct column *c, uint32_t row,
                      struct err *e)
{
    uint32_t first;
    const uint32_t count = column_items(c, row, &first);
    const bool map = c->type->kind == TYPE_MAP;
    if (count)
        put_long(out, count);
    for (uint32_t i = first; i < first + count; i++) {
        if (n->entries && !put_node(out, &n->children[0], &c->children[0], i, e))
            return false;
        if (map && !n->entries)
            put_str(out, c->children[0].str[i]);
        if (!put_node(out, &n->children[n->entries ? 1 : 0], &c->children[map ? 1 : 0], i, e))
            return false;
    }
    put_long(out, 0);
    return true;
}

static bool put_fields(struct buf *out, const struct node *n, const struct column *columns,
                       uint32_t row, struct err *e)
{
    for (uint32_t i = 0; i < n->count; i++) {
        const struct node *child = &n->children[i];
        if (child->column < 0)
            buf_str(out, child->fallback);
        else if (!put_node(out, child, &columns[child->column], row, e))
            return err_wrap(e, "field %.*s", STR_ARG(child->name));
    }
    return true;
}

static bool put_value(struct buf *out, const struct node *n, const struct column *c, uint32_t row,
                      struct err *e)
{
    switch (n->type->kind) {
    case AVRO_BOOLEAN:
        buf_u8(out, c->u8[row]);
        return true;
    case AVRO_INT:
    case AVRO_LONG:
        return put_integer(out, n, c, row, e);
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        put_double(out, c->type->kind == TYPE_DOUBLE ? c->f64[row] : (double)wire_get_long(c, row),
                   n->type->kind);
        return true;
    case AVRO_STRING:
        put_str(out, c->str[row]);
        return true;
    case AVRO_ENUM:
        return put_symbol(out, n, c->str[row], e);
    case AVRO_BYTES:
    case AVRO_FIXED:
        return put_binary(out, n, c, row, e);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return put_items(out, n, c, row, e);
    case AVRO_RECORD:
        return put_fields(out, n, c->children, row, e);
    case AVRO_NULL:
    case AVRO_UNION:
        break;
    }
    assert(!"no writable type");
    return false;
}

static bool put_node(struct buf *out, const struct node *n, const struct column *c, uint32_t row,
                     struct err *e)
{
    if (column_is_valid(c, row)) {
        if (n->branch >= 0)
            put_long(out, n->branch);
        return put_value(out, n, c, row, e);
    }
    if (n->null_branch >= 0) {
        put_long(out, n->null_branch);
        return true;
    }
    if (!n->fallback.p)
        return err_fail(e, ERR_DATA, "NULL, where the schema requires %s",
                        avro_kind_name(n->type->kind));
    buf_str(out, n->fallback);
    return true;
}

bool avro_write(const struct avro_writer *s, struct buf *out, const struct column *columns,
                uint32_t row, struct err *e)
{
    if (s->unwrapped)
        return put_node(out, s->top, &columns[0], row, e);
    if (s->top->branch >= 0)
        put_long(out, s->top->branch);
    return put_fields(out, s->top, columns, row, e);
}
