#include "schema/serde/derive.h"

#include "schema/serde/json_escape.h"

#include <assert.h>

// "oneOf": null or the type, as Connect's JSON Schema data has optional values.
static bool put_optional(struct buf *out, const struct type *t, int index, struct err *e);

static bool put_properties(struct buf *out, const struct type *t, struct err *e)
{
    buf_text(out, "\"type\":\"object\",\"properties\":{");
    for (uint32_t i = 0; i < t->field_count; i++) {
        if (i)
            buf_char(out, ',');
        json_put_string(out, t->fields[i].name);
        buf_char(out, ':');
        if (!put_optional(out, t->fields[i].type, (int)i, e))
            return false;
    }
    buf_char(out, '}');
    return true;
}

static void put_connect(struct buf *out, const char *type, const char *name, const char *connect)
{
    buf_printf(out,
               "\"type\":\"%s\",\"title\":\"org.apache.kafka.connect.data.%s\","
               "\"connect.version\":1,\"connect.type\":\"%s\"",
               type, name, connect);
}

static void put_scalar(struct buf *out, const struct type *t)
{
    static const char *const plain[] = {
        [TYPE_BOOLEAN] = "\"type\":\"boolean\"",
        [TYPE_INTEGER] = "\"type\":\"integer\",\"connect.type\":\"int32\"",
        [TYPE_BIGINT] = "\"type\":\"integer\",\"connect.type\":\"int64\"",
        [TYPE_DOUBLE] = "\"type\":\"number\",\"connect.type\":\"float64\"",
        [TYPE_STRING] = "\"type\":\"string\"",
        [TYPE_BYTES] = "\"type\":\"string\",\"connect.type\":\"bytes\"",
    };
    if (t->kind == TYPE_DATE) {
        put_connect(out, "integer", "Date", "int32");
    } else if (t->kind == TYPE_TIME) {
        put_connect(out, "integer", "Time", "int32");
    } else if (t->kind == TYPE_TIMESTAMP) {
        put_connect(out, "integer", "Timestamp", "int64");
    } else if (t->kind == TYPE_DECIMAL) {
        put_connect(out, "number", "Decimal", "bytes");
        buf_printf(
            out, ",\"connect.parameters\":{\"scale\":\"%u\",\"connect.decimal.precision\":\"%u\"}",
            (unsigned)t->scale, (unsigned)t->precision);
    } else {
        buf_text(out, plain[t->kind]);
    }
}

static bool put_type(struct buf *out, const struct type *t, struct err *e)
{
    if (t->kind == TYPE_STRUCT)
        return put_properties(out, t, e);
    if (t->kind == TYPE_ARRAY) {
        buf_text(out, "\"type\":\"array\",\"items\":");
        return put_optional(out, t->fields[0].type, -1, e);
    }
    if (t->kind == TYPE_MAP) {
        if (t->fields[0].type->kind != TYPE_STRING)
            return err_fail(e, ERR_SQL, "JSON only supports MAP types with STRING keys");
        buf_text(out, "\"type\":\"object\",\"connect.type\":\"map\",\"additionalProperties\":");
        return put_optional(out, t->fields[1].type, -1, e);
    }
    put_scalar(out, t);
    return true;
}

static bool put_optional(struct buf *out, const struct type *t, int index, struct err *e)
{
    buf_char(out, '{');
    if (index >= 0)
        buf_printf(out, "\"connect.index\":%d,", index);
    buf_text(out, "\"oneOf\":[{\"type\":\"null\"},{");
    if (!put_type(out, t, e))
        return false;
    buf_text(out, "}]}");
    return true;
}

bool derive_json(struct buf *out, const struct serde_spec *spec, struct err *e)
{
    bool ok = true;
    if (spec->wrapping == SERDE_UNWRAPPED && spec->count == 1) {
        ok = put_optional(out, spec->columns[0].type, -1, e);
    } else {
        buf_text(out, "{\"type\":\"object\",\"properties\":{");
        for (size_t i = 0; ok && i < spec->count; i++) {
            if (i)
                buf_char(out, ',');
            json_put_string(out, spec->columns[i].name);
            buf_char(out, ':');
            ok = put_optional(out, spec->columns[i].type, (int)i, e);
        }
        buf_text(out, "}}");
    }
    return ok && buf_ok(out, "JSON schema", e);
}
