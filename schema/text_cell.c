// Values as CAST(x AS STRING) prints them: the toString of the Java object that ksqlDB holds.
#include "base/base64.h"
#include "schema/decimal.h"
#include "schema/map_order.h"
#include "schema/text_internal.h"

#include <assert.h>

// Inside of an array, map or struct NULL is a word.
static void put_item(struct buf *out, const struct column *c, uint32_t row)
{
    if (column_is_valid(c, row))
        text_cell(out, c, row);
    else
        buf_put(out, "null", 4);
}

// "[1, null]"
static void put_array(struct buf *out, const struct column *c, uint32_t row)
{
    uint32_t first;
    const uint32_t n = column_items(c, row, &first);
    buf_char(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            buf_put(out, ", ", 2);
        put_item(out, &c->children[0], first + i);
    }
    buf_char(out, ']');
}

// Most maps are small.
#define ENTRIES_ON_STACK 64u

// "{a=1, b=null}" in HashMap's order.
static void put_map(struct buf *out, const struct column *c, uint32_t row)
{
    uint32_t first;
    uint32_t on_stack[ENTRIES_ON_STACK];
    const uint32_t n = column_items(c, row, &first);
    uint32_t *entries = n <= ENTRIES_ON_STACK ? on_stack : MEM_ARRAY(uint32_t, n);
    map_order(entries, c, row);
    buf_char(out, '{');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            buf_put(out, ", ", 2);
        put_item(out, &c->children[0], entries[i]);
        buf_char(out, '=');
        put_item(out, &c->children[1], entries[i]);
    }
    buf_char(out, '}');
    if (entries != on_stack)
        mem_free(entries);
}

// "Struct{A=1,B=x}", Kafka Connect's: NULL fields are left out.
static void put_struct(struct buf *out, const struct column *c, uint32_t row)
{
    buf_text(out, "Struct{");
    bool first = true;
    for (uint32_t i = 0; i < c->type->field_count; i++) {
        if (!column_is_valid(&c->children[i], row))
            continue;
        if (!first)
            buf_char(out, ',');
        first = false;
        buf_str(out, c->type->fields[i].name);
        buf_char(out, '=');
        text_cell(out, &c->children[i], row);
    }
    buf_char(out, '}');
}

void text_cell(struct buf *out, const struct column *c, uint32_t row)
{
    assert(column_is_valid(c, row));
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        buf_text(out, c->u8[row] ? "true" : "false");
        return;
    case TYPE_INTEGER:
        buf_i64(out, c->i32[row]);
        return;
    case TYPE_BIGINT:
        buf_i64(out, c->i64[row]);
        return;
    case TYPE_DOUBLE:
        text_double(out, c->f64[row]);
        return;
    case TYPE_DECIMAL:
        decimal_print(out, decimal_get(c, row));
        return;
    case TYPE_STRING:
        buf_str(out, c->str[row]);
        return;
    case TYPE_BYTES:
        base64_encode(out, c->str[row]);
        return;
    case TYPE_DATE:
        text_date(out, c->i32[row]);
        return;
    case TYPE_TIME: // ksqlDB prints whole seconds only
        text_time(out, c->i32[row] - c->i32[row] % 1000);
        return;
    case TYPE_TIMESTAMP:
        text_timestamp(out, c->i64[row]);
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
