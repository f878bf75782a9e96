#include "schema/serde/derive.h"

#include "schema/serde/json_escape.h"

#include <assert.h>
#include <stdio.h>

#define FULL_NAME "io.confluent.ksql.avro_schemas.KsqlDataSourceSchema"
#define PATH_MAX  4096

struct derive {
    struct buf *out;
    struct err *e;
    struct buf name; // simple name of the record that a STRUCT here becomes
    struct str space;
};

static bool put_type(struct derive *s, const struct type *t);

static bool check_name(struct derive *s, struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        const char c = name.p[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (letter || (i > 0 && c >= '0' && c <= '9'))
            continue;
        return err_fail(s->e, ERR_SQL, "Schema is not compatible with Avro: Illegal %s: %.*s",
                        i == 0 ? "initial character" : "character in", STR_ARG(name));
    }
    return name.n > 0 || err_fail(s->e, ERR_SQL, "Schema is not compatible with Avro: Empty name");
}

static bool put_nullable(struct derive *s, const struct type *t)
{
    buf_text(s->out, "[\"null\",");
    if (!put_type(s, t))
        return false;
    buf_char(s->out, ']');
    return true;
}

static bool put_field(struct derive *s, struct str name, const struct type *t)
{
    buf_text(s->out, "{\"name\":");
    json_put_string(s->out, name);
    buf_text(s->out, ",\"type\":");
    if (!put_nullable(s, t))
        return false;
    buf_text(s->out, ",\"default\":null}");
    return true;
}

// One level down the path that names nested records.
static size_t enter(struct derive *s, struct str name)
{
    const size_t n = s->name.n;
    buf_printf(&s->name, "_%.*s", STR_ARG(name));
    return n;
}

static void leave(struct derive *s, size_t n)
{
    s->name.n = n;
}

static void put_record_head(struct derive *s)
{
    buf_printf(s->out, "{\"type\":\"record\",\"name\":\"%.*s\"", (int)s->name.n, s->name.p);
    if (s->space.n)
        buf_printf(s->out, ",\"namespace\":\"%.*s\"", STR_ARG(s->space));
    buf_text(s->out, ",\"fields\":[");
}

static void put_record_tail(struct derive *s)
{
    buf_text(s->out, "],\"connect.name\":\"");
    if (s->space.n)
        buf_printf(s->out, "%.*s.", STR_ARG(s->space));
    buf_printf(s->out, "%.*s\"}", (int)s->name.n, s->name.p);
}

static bool put_record(struct derive *s, const struct field *fields, uint32_t count)
{
    put_record_head(s);
    for (uint32_t i = 0; i < count; i++) {
        if (!check_name(s, fields[i].name))
            return false;
        if (i)
            buf_char(s->out, ',');
        const size_t n = enter(s, fields[i].name);
        if (!put_field(s, fields[i].name, fields[i].type))
            return false;
        leave(s, n);
    }
    put_record_tail(s);
    return true;
}

// Connect writes a map whose keys may be null as an array of entries.
static bool put_map(struct derive *s, const struct type *t)
{
    if (t->fields[0].type->kind != TYPE_STRING)
        return err_fail(s->e, ERR_SQL, "Avro only supports MAPs with STRING keys");
    buf_text(s->out, "{\"type\":\"array\",\"items\":");
    put_record_head(s);
    const size_t n = enter(s, STR("MapKey"));
    if (!put_field(s, STR("key"), t->fields[0].type))
        return false;
    leave(s, n);
    buf_char(s->out, ',');
    enter(s, STR("MapValue"));
    if (!put_field(s, STR("value"), t->fields[1].type))
        return false;
    leave(s, n);
    buf_text(s->out, "],\"connect.internal.type\":\"MapEntry\"},"
                     "\"connect.internal.type\":\"MapEntry\"}");
    return true;
}

static void put_logical(struct derive *s, const char *on, const char *connect, const char *logical)
{
    buf_printf(s->out,
               "{\"type\":\"%s\",\"connect.version\":1,"
               "\"connect.name\":\"org.apache.kafka.connect.data.%s\",\"logicalType\":\"%s\"}",
               on, connect, logical);
}

static void put_decimal(struct derive *s, const struct type *t)
{
    const unsigned precision = t->precision, scale = t->scale;
    buf_printf(s->out,
               "{\"type\":\"bytes\",\"scale\":%u,\"precision\":%u,\"connect.version\":1,"
               "\"connect.parameters\":{\"scale\":\"%u\",\"connect.decimal.precision\":\"%u\"},"
               "\"connect.name\":\"org.apache.kafka.connect.data.Decimal\","
               "\"logicalType\":\"decimal\"}",
               scale, precision, scale, precision);
}

static void put_scalar(struct derive *s, const struct type *t)
{
    static const char *const names[] = {
        [TYPE_BOOLEAN] = "boolean", [TYPE_INTEGER] = "int",   [TYPE_BIGINT] = "long",
        [TYPE_DOUBLE] = "double",   [TYPE_STRING] = "string", [TYPE_BYTES] = "bytes",
    };
    if (t->kind == TYPE_DECIMAL)
        put_decimal(s, t);
    else if (t->kind == TYPE_DATE)
        put_logical(s, "int", "Date", "date");
    else if (t->kind == TYPE_TIME)
        put_logical(s, "int", "Time", "time-millis");
    else if (t->kind == TYPE_TIMESTAMP)
        put_logical(s, "long", "Timestamp", "timestamp-millis");
    else
        buf_printf(s->out, "\"%s\"", names[t->kind]);
}

static bool put_type(struct derive *s, const struct type *t)
{
    if (t->kind == TYPE_STRUCT)
        return put_record(s, t->fields, t->field_count);
    if (t->kind == TYPE_MAP)
        return put_map(s, t);
    if (t->kind != TYPE_ARRAY) {
        put_scalar(s, t);
        return true;
    }
    buf_text(s->out, "{\"type\":\"array\",\"items\":");
    if (!put_nullable(s, t->fields[0].type))
        return false;
    buf_char(s->out, '}');
    return true;
}

static bool put_columns(struct derive *s, const struct serde_spec *spec)
{
    if (spec->wrapping == SERDE_UNWRAPPED && spec->count == 1)
        return put_type(s, spec->columns[0].type);
    put_record_head(s);
    for (size_t i = 0; i < spec->count; i++) {
        const struct str name = spec->columns[i].name;
        if (!check_name(s, name))
            return false;
        if (i)
            buf_char(s->out, ',');
        const size_t n = enter(s, name);
        if (!put_field(s, name, spec->columns[i].type))
            return false;
        leave(s, n);
    }
    put_record_tail(s);
    return true;
}

bool derive_avro(struct buf *out, const struct serde_spec *spec, struct err *e)
{
    const struct str full = spec->full_name.n ? spec->full_name : STR(FULL_NAME);
    struct derive s = {.out = out, .e = e};
    size_t dot = full.n;
    while (dot > 0 && full.p[dot - 1] != '.')
        dot--;
    s.space = str_slice(full, 0, dot ? dot - 1 : 0);
    buf_init(&s.name, PATH_MAX);
    buf_str(&s.name, str_slice(full, dot, full.n));
    const bool ok = put_columns(&s, spec) && buf_ok(&s.name, "names of Avro records", e);
    buf_fini(&s.name);
    return ok && buf_ok(out, "Avro schema", e);
}
