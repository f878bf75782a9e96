#include "orchestrator/sqltest/record.h"

#include "base/base64.h"
#include "orchestrator/sqltest/typed.h"
#include "schema/text.h"

#include <assert.h>

#define RECORD_BYTES_MAX ((size_t)64 << 20)

static enum serde_format format_of(const struct stub_shape *s, enum record_side side)
{
    return side == RECORD_KEY ? s->key_format : s->value_format;
}

// The type of a side in KAFKA format: STRING when it has no column.
static enum type_kind kafka_kind(const struct stub_shape *s, enum record_side side)
{
    if (!s->schema)
        return TYPE_STRING;
    const uint32_t keys = s->schema->key_count;
    const uint32_t first = side == RECORD_KEY ? 0 : keys;
    const uint32_t end = side == RECORD_KEY ? keys : s->schema->count;
    for (uint32_t i = first; i < end; i++)
        if (!plan_is_header(s->declared, i))
            return s->schema->columns[i].type->kind;
    return TYPE_STRING;
}

static void put_big_endian(struct buf *out, uint64_t v, unsigned bytes)
{
    while (bytes-- > 0)
        buf_u8(out, (uint8_t)(v >> 8 * bytes));
}

static bool put_kafka(struct buf *out, enum type_kind kind, const struct jnode *v, struct err *e)
{
    int64_t whole = 0;
    double number = 0;
    uint64_t bits;
    const bool is_whole = str_to_i64(&whole, v->text);
    if (kind != TYPE_INTEGER && kind != TYPE_BIGINT && kind != TYPE_DOUBLE) {
        if (v->kind == JNODE_STRING || v->kind == JNODE_NUMBER)
            buf_str(out, v->text);
        else
            jnode_print(out, v);
        return true;
    }
    if (!text_parse_double(&number, v->text))
        return err_fail(e, ERR_DATA, "expected a number, found %.*s", STR_ARG(v->text));
    memcpy(&bits, &number, sizeof bits);
    if (kind == TYPE_DOUBLE)
        put_big_endian(out, bits, 8);
    else
        put_big_endian(out, (uint64_t)(is_whole ? whole : (int64_t)number),
                       kind == TYPE_BIGINT ? 8 : 4);
    return true;
}

// NOLINTNEXTLINE(readability-function-size): a side of a record, from its JSON
static bool put_side(struct buf *out, bool *null, struct arena *a, const struct stub_shape *s,
                     enum record_side side, const struct jnode *v, struct err *e)
{
    *null = !v || v->kind == JNODE_NULL;
    if (*null)
        return true;
    switch (format_of(s, side)) {
    case SERDE_JSON:
        jnode_print(out, v);
        return true;
    case SERDE_KAFKA:
        return put_kafka(out, kafka_kind(s, side), v, e);
    case SERDE_DELIMITED:
        if (v->kind != JNODE_STRING && v->kind != JNODE_NUMBER)
            return err_fail(e, ERR_DATA, "a DELIMITED value must be a string");
        buf_str(out, v->text);
        return true;
    case SERDE_NONE:
        *null = true;
        return true;
    case SERDE_AVRO:
    case SERDE_PROTOBUF:
    case SERDE_JSON_SR:
    case SERDE_PROTOBUF_NOSR:
        return typed_encode(out, a, s, side, v, e);
    }
    assert(!"format out of range");
    return false;
}

static struct payload keep(struct arena *a, const struct buf *bytes, bool null)
{
    if (null)
        return (struct payload){NULL, 0};
    const struct str copy = arena_str(a, buf_view(bytes));
    return (struct payload){copy.p, copy.n};
}

static int64_t member_i64(const struct jnode *n, struct str name)
{
    int64_t v = 0;
    const struct jnode *m = jnode_get(n, name);
    (void)(m && str_to_i64(&v, m->text));
    return v;
}

static struct stub_window window_of(const struct jnode *record)
{
    const struct jnode *w = jnode_get(record, STR("window"));
    if (!w || w->kind != JNODE_OBJECT)
        return (struct stub_window){STUB_NOT_WINDOWED, 0, 0};
    const bool session = str_eq_nocase(jnode_text(w, STR("type")), STR("session"));
    return (struct stub_window){session ? STUB_SESSION : STUB_TIME, member_i64(w, STR("start")),
                                member_i64(w, STR("end"))};
}

static bool headers_of(struct stub_record *out, struct arena *a, const struct jnode *record,
                       struct err *e)
{
    const struct jnode *list = jnode_get(record, STR("headers"));
    if (!list || list->kind != JNODE_ARRAY)
        return true;
    struct scan_header *headers = ARENA_ZARRAY(a, struct scan_header, list->count + 1);
    for (uint32_t i = 0; i < list->count; i++) {
        struct str bytes = STR("");
        const struct jnode *value = jnode_get(&list->items[i], STR("VALUE"));
        headers[i].key = jnode_text(&list->items[i], STR("KEY"));
        if (!value || value->kind == JNODE_NULL)
            continue;
        if (!base64_decode(&bytes, a, value->text, BASE64_COMPACT))
            return err_fail(e, ERR_DATA, "header %.*s is not base64", STR_ARG(headers[i].key));
        headers[i].value = (struct payload){bytes.p ? bytes.p : "", bytes.n};
    }
    out->headers = headers;
    out->header_count = list->count;
    return true;
}

bool record_encode(struct stub_record *out, struct arena *a, const struct stub_shape *shape,
                   const struct jnode *record, struct err *e)
{
    struct buf bytes;
    bool null;
    buf_init(&bytes, RECORD_BYTES_MAX);
    *out = (struct stub_record){.timestamp = member_i64(record, STR("timestamp")),
                                .window = window_of(record)};
    bool ok = put_side(&bytes, &null, a, shape, RECORD_KEY, jnode_get(record, STR("key")), e);
    if (ok && out->window.kind != STUB_NOT_WINDOWED && !null)
        window_key_put(&bytes, stub_window_key(&out->window), out->window.start, out->window.end);
    out->key = keep(a, &bytes, null);
    buf_clear(&bytes);
    ok = ok && put_side(&bytes, &null, a, shape, RECORD_VALUE, jnode_get(record, STR("value")), e);
    out->value = keep(a, &bytes, null);
    ok = ok && headers_of(out, a, record, e) && buf_ok(&bytes, "a record", e);
    buf_fini(&bytes);
    return ok;
}

// --- back ----------------------------------------------------------------------------------------

static uint64_t big_endian(struct payload v)
{
    uint64_t out = 0;
    for (size_t i = 0; i < v.n; i++)
        out = out << 8 | (uint8_t)v.p[i];
    return out;
}

static bool take_kafka(struct jnode *out, struct arena *a, enum type_kind kind, struct payload v,
                       struct err *e)
{
    struct buf text;
    double number;
    const size_t width = kind == TYPE_INTEGER ? 4 : 8;
    out->kind = JNODE_STRING;
    out->text = (struct str){v.p, v.n};
    if (kind != TYPE_INTEGER && kind != TYPE_BIGINT && kind != TYPE_DOUBLE)
        return true;
    if (v.n != width)
        return err_fail(e, ERR_DATA, "a KAFKA number has %zu bytes", v.n);
    const uint64_t bits = big_endian(v);
    memcpy(&number, &bits, sizeof number);
    buf_init(&text, 64);
    if (kind == TYPE_DOUBLE)
        text_double(&text, number);
    else
        buf_i64(&text, kind == TYPE_INTEGER ? (int32_t)(uint32_t)bits : (int64_t)bits);
    out->kind = JNODE_NUMBER;
    out->text = arena_str(a, buf_view(&text));
    buf_fini(&text);
    return true;
}

bool record_decode(struct jnode *out, struct arena *a, const struct stub_shape *shape,
                   enum record_side side, struct payload bytes, struct err *e)
{
    *out = (struct jnode){.kind = JNODE_NULL};
    if (!bytes.p)
        return true;
    switch (format_of(shape, side)) {
    case SERDE_JSON:
        return jnode_parse(out, a, (struct str){bytes.p, bytes.n}, e);
    case SERDE_KAFKA:
        return take_kafka(out, a, kafka_kind(shape, side), bytes, e);
    case SERDE_DELIMITED:
        *out = (struct jnode){.kind = JNODE_STRING, .text = {bytes.p, bytes.n}};
        return true;
    case SERDE_NONE:
        return true;
    case SERDE_AVRO:
    case SERDE_PROTOBUF:
    case SERDE_JSON_SR:
    case SERDE_PROTOBUF_NOSR:
        return typed_decode(out, a, shape, side, bytes, e);
    }
    assert(!"format out of range");
    return false;
}

static void print_side(struct buf *out, const struct stub_shape *shape, enum record_side side,
                       struct payload bytes)
{
    struct arena *a = arena_new(NULL);
    struct jnode n;
    struct err e;
    if (record_decode(&n, a, shape, side, bytes, &e))
        jnode_print(out, &n);
    else
        buf_printf(out, "<%s>", e.text);
    arena_free(a);
}

void record_print(struct buf *out, const struct stub_shape *shape, const struct stub_record *r)
{
    struct payload key = r->key;
    int64_t start, end = 0;
    if (r->window.kind != STUB_NOT_WINDOWED)
        (void)window_key_take(&start, &end, &key, stub_window_key(&r->window));
    buf_text(out, "key ");
    print_side(out, shape, RECORD_KEY, key);
    if (r->window.kind != STUB_NOT_WINDOWED)
        buf_printf(out, " [%lld..%lld%s]", (long long)r->window.start, (long long)r->window.end,
                   r->window.kind == STUB_SESSION ? " session" : "");
    buf_text(out, " value ");
    print_side(out, shape, RECORD_VALUE, r->value);
    buf_printf(out, " @%lld", (long long)r->timestamp);
    for (uint32_t i = 0; i < r->header_count; i++)
        buf_printf(out, "%s%.*s", i ? "," : " headers ", STR_ARG(r->headers[i].key));
}
