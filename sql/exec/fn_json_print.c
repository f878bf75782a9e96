// TO_JSON_STRING: any value as JSON text, as Jackson writes ksqlDB's objects: no white space, times as texts.
#include "sql/exec/fn_internal.h"

#include "base/base64.h"
#include "schema/map_order.h"
#include "schema/serde/json_escape.h"
#include "schema/text.h"

#include <assert.h>
#include <math.h>

static void put_cell(struct buf *out, const struct column *c, uint32_t row);

// Texts in quotes that need no escapes.
static void put_quoted_cell(struct buf *out, const struct column *c, uint32_t row)
{
    buf_char(out, '"');
    text_cell(out, c, row);
    buf_char(out, '"');
}

static void put_array(struct buf *out, const struct column *c, uint32_t row)
{
    uint32_t first;
    const uint32_t n = column_items(c, row, &first);
    buf_char(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            buf_char(out, ',');
        put_cell(out, &c->children[0], first + i);
    }
    buf_char(out, ']');
}

static void put_map(struct buf *out, const struct column *c, uint32_t row)
{
    uint32_t first;
    const uint32_t n = column_items(c, row, &first);
    uint32_t *order = MEM_ARRAY(uint32_t, n ? n : 1);
    map_order(order, c, row);
    buf_char(out, '{');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            buf_char(out, ',');
        json_put_string(out, c->children[0].str[order[i]]);
        buf_char(out, ':');
        put_cell(out, &c->children[1], order[i]);
    }
    buf_char(out, '}');
    mem_free(order);
}

static void put_struct(struct buf *out, const struct column *c, uint32_t row)
{
    buf_char(out, '{');
    for (uint32_t i = 0; i < c->type->field_count; i++) {
        if (i)
            buf_char(out, ',');
        json_put_string(out, c->type->fields[i].name);
        buf_char(out, ':');
        put_cell(out, &c->children[i], row);
    }
    buf_char(out, '}');
}

static void put_cell(struct buf *out, const struct column *c, uint32_t row)
{
    if (!column_is_valid(c, row)) {
        buf_text(out, "null");
        return;
    }
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
    case TYPE_DECIMAL:
        text_cell(out, c, row);
        return;
    case TYPE_DOUBLE:
        if (isfinite(c->f64[row]))
            text_cell(out, c, row);
        else
            put_quoted_cell(out, c, row);
        return;
    case TYPE_STRING:
        json_put_string(out, c->str[row]);
        return;
    case TYPE_BYTES:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
        put_quoted_cell(out, c, row);
        return;
    case TYPE_ARRAY:
        put_array(out, c, row);
        return;
    case TYPE_MAP:
        put_map(out, c, row);
        return;
    case TYPE_STRUCT:
        put_struct(out, c, row);
        return;
    }
}

static void to_json_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        put_cell(&b, args[0], row);
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static const struct fn fns[] = {
    {
        .name = "TO_JSON_STRING",
        .signatures = "TO_JSON_STRING(T) -> STRING",
        .help = "Any value as JSON text: dates and times as texts, BYTES as Base64, NULL as null.",
        .example = "TO_JSON_STRING(STRUCT(a := 1, b := ARRAY['x', NULL]))",
        .gives = "{\"A\":1,\"B\":[\"x\",null]}",
        .nulls = FN_SEES_NULLS,
        .eval = to_json_eval,
    },
};
FN_FAMILY(json_print, "Values as JSON");
