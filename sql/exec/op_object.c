// A named stream or table: the union of its writers by (seq, writer), ROWTIME from a column where WITH (TIMESTAMP = …)
// says so, values as the declared formats would give them back, and the step to a table where a stream feeds one.
#include "sql/exec/op_table.h"
#include "sql/exec/scan.h"

#include "base/vec.h"
#include "schema/serde/proto_defaults.h"
#include "schema/text.h"

#include <assert.h>

#define PAYLOADS_MAX ((size_t)1 << 31)

struct writer {
    VEC(const struct block *) blocks; // of this window
};

// Hangs beside o->state, which belongs to op_table.c when the object is where a table begins.
struct op_object_state {
    struct writer *writers; // NULL: one writer
    const struct zone *utc;
};

static bool object_open(struct op *o, struct err *e)
{
    struct op_object_state *s = ARENA_NEW(o->x->arena, struct op_object_state);
    o->object = s;
    if (o->node->input_count > 1)
        s->writers = ARENA_ZARRAY(o->x->arena, struct writer, o->node->input_count);
    if (o->node->timestamp >= 0 && !zone_load(&s->utc, o->x->arena, STR("UTC"), e))
        return false;
    return !o->node->entry || table_open(o, e);
}

static void object_close(struct op *o)
{
    for (uint32_t i = 0; o->object->writers && i < o->node->input_count; i++)
        vec_fini(&o->object->writers[i].blocks);
    if (o->node->entry)
        table_close(o);
}

static bool is_null_row(const struct block *b, uint32_t row)
{
    return (b->null_value && b->null_value[row]) || (b->op && b->op[row] == OP_DELETE);
}

// Rows whose column gives no time, or a negative one, are dropped, as the topic's readers would.
static const struct block *extract_time(struct op *o, const struct block *b)
{
    struct arena *a = o->x->window;
    const struct scan_time how = {o->node->plan->formats->timestamp_pattern, o->object->utc};
    struct block *timed = op_block(o, b);
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, b->rows);
    uint32_t n = 0;
    timed->columns = b->columns;
    timed->rowtime = ARENA_ARRAY(a, int64_t, b->rows);
    for (uint32_t row = 0; row < b->rows; row++) {
        struct str why;
        timed->rowtime[row] = b->rowtime[row];
        if (is_null_row(b, row) || scan_timestamp(&timed->rowtime[row], &why, a,
                                                  &b->columns[o->node->timestamp], row, &how))
            idx[n++] = row;
    }
    o->counters.dropped_error += b->rows - n;
    if (n == b->rows)
        return timed;
    return block_gather(a, timed, idx, n);
}

// --- through the formats ------------------------------------------------------------------------

static struct payload *encode_side(struct op *o, const struct encoder *s, const struct block *b,
                                   uint32_t first, uint32_t count)
{
    struct arena *a = o->x->window;
    struct payload *out = ARENA_ZARRAY(a, struct payload, b->rows + 1);
    struct buf text;
    buf_init(&text, PAYLOADS_MAX);
    const bool key = first == 0;
    for (uint32_t row = 0; s && row < b->rows; row++) {
        bool null = key ? count == 1 && !column_is_valid(&b->columns[0], row) : is_null_row(b, row);
        if (null)
            continue;
        buf_clear(&text);
        encoder_row(s, &text, b->columns + first, row);
        const struct str bytes = arena_str(a, buf_view(&text));
        out[row] = (struct payload){bytes.p, bytes.n};
    }
    buf_fini(&text);
    return out;
}

static const struct block *convert(struct op *o, const struct block *b)
{
    struct arena *a = o->x->window;
    const struct phys_convert *v = o->node->convert;
    const struct schema *to = o->node->schema;
    const uint32_t in_keys = b->schema->key_count;
    const struct block *fresh = block_new(a, to, b->rows);
    struct scan_side key = {
        .decoder = v->key_decoder,
        .payloads = encode_side(o, v->key_encoder, b, 0, in_keys),
        .columns = fresh->columns,
    };
    struct scan_side value = {
        .decoder = v->value_decoder,
        .payloads = encode_side(o, v->value_encoder, b, in_keys, b->schema->count - in_keys),
        .columns = fresh->columns + to->key_count,
    };
    scan_side_run(&key, to->key_count, a, b->rows);
    scan_side_run(&value, to->count - to->key_count, a, b->rows);
    struct block *out = op_block(o, b);
    out->columns = fresh->columns;
    out->null_value = arena_zalloc(a, b->rows);
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, b->rows);
    uint32_t n = 0;
    for (uint32_t row = 0; row < b->rows; row++) {
        out->null_value[row] = value.result.status[row] == DECODE_NULL;
        if (key.result.status[row] != DECODE_BAD && value.result.status[row] != DECODE_BAD)
            idx[n++] = row;
    }
    o->counters.dropped_error += b->rows - n;
    return n == b->rows ? out : block_gather(a, out, idx, n);
}

// --- rows on their way --------------------------------------------------------------------------

// Values as a topic in Protobuf would give them back; keys and rows without value are left alone.
static const struct block *fill_defaults(struct op *o, const struct block *b)
{
    struct arena *a = o->x->window;
    struct block *out = op_block(o, b);
    uint8_t *absent = NULL;
    for (uint32_t row = 0; row < b->rows; row++) {
        if (!is_null_row(b, row))
            continue;
        absent = absent ? absent : arena_zalloc(a, b->rows);
        absent[row] = 1;
    }
    struct column *columns = ARENA_ARRAY(a, struct column, o->node->schema->count + 1);
    for (uint32_t i = 0; i < o->node->schema->count; i++) {
        columns[i] = b->columns[i];
        if (i >= o->node->schema->key_count)
            proto_defaults(&columns[i], a, &b->columns[i], b->rows, absent);
    }
    out->columns = columns;
    return out;
}

static bool object_pass(struct op *o, const struct block *input, struct err *e)
{
    const struct block *b = o->node->convert ? convert(o, input) : input;
    if (o->node->defaults && b->rows)
        b = fill_defaults(o, b);
    if (o->node->timestamp >= 0 && b->rows)
        b = extract_time(o, b);
    if (!b->rows)
        return true;
    struct block *out = op_block(o, b);
    out->columns = b->columns;
    if (o->node->entry)
        return table_push(o, out, e);
    return op_emit(o, out, e);
}

static bool object_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    if (!o->object->writers)
        return object_pass(o, b, e);
    assert(input < o->node->input_count && b->seq);
    vec_push(&o->object->writers[input].blocks, b);
    return true;
}

// One writer's blocks as one, in the object's columns.
static struct block *writer_block(struct op *o, uint32_t input)
{
    struct arena *a = o->x->window;
    struct writer *w = &o->object->writers[input];
    const struct phys_node *from = o->node->inputs[input];
    const struct block *b =
        w->blocks.n == 1 ? w->blocks.v[0] : block_concat(a, w->blocks.v, w->blocks.n);
    struct block *out = op_block(o, b);
    out->partition = NULL;
    out->offset = NULL;
    op_origin_writer(o, out, input);
    if (!out->op)
        out->op = arena_zalloc(a, b->rows); // OP_INSERT
    if (!out->null_value)
        out->null_value = arena_zalloc(a, b->rows);
    for (uint32_t i = 0; i < o->node->plan->schema->count; i++)
        if (o->node->columns[i] >= 0)
            out->columns[o->node->columns[i]] = b->columns[from->columns[i]];
    return out;
}

// Takes rows by (seq, writer); all rows of one writer with equal seq stay together and in order.
static void merge_order(uint32_t *idx, const struct block *const *parts, const uint32_t *base,
                        uint32_t *at, uint32_t count, uint32_t rows)
{
    for (uint32_t n = 0; n < rows; n++) {
        uint32_t best = count;
        for (uint32_t i = 0; i < count; i++)
            if (at[i] < parts[i]->rows &&
                (best == count || parts[i]->seq[at[i]] < parts[best]->seq[at[best]]))
                best = i;
        assert(best < count);
        idx[n] = base[best] + at[best]++;
    }
}

static bool object_flush(struct op *o, struct err *e)
{
    if (!o->object->writers)
        return true;
    struct arena *a = o->x->window;
    const uint32_t writers = o->node->input_count;
    const struct block **parts = ARENA_ARRAY(a, const struct block *, writers);
    uint32_t *base = ARENA_ARRAY(a, uint32_t, writers);
    uint32_t count = 0;
    uint32_t rows = 0;
    for (uint32_t i = 0; i < writers; i++) {
        if (!o->object->writers[i].blocks.n)
            continue;
        parts[count] = writer_block(o, i);
        base[count] = rows;
        rows += parts[count++]->rows;
        o->object->writers[i].blocks.n = 0;
    }
    if (count == 0)
        return true;
    if (count == 1)
        return object_pass(o, parts[0], e);
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, rows);
    merge_order(idx, parts, base, ARENA_ZARRAY(a, uint32_t, count), count, rows);
    struct block *all = block_concat(a, parts, count);
    return object_pass(o, block_gather(a, all, idx, rows), e);
}

static bool object_begin(struct op *o, struct err *e)
{
    return !o->node->entry || table_begin(o, e);
}

static bool object_save(struct op *o, struct kv_txn *t, struct err *e)
{
    return !o->node->entry || table_save(o, t, e);
}

static void object_committed(struct op *o)
{
    if (o->node->entry)
        table_committed(o);
}

static void object_rollback(struct op *o)
{
    for (uint32_t i = 0; o->object->writers && i < o->node->input_count; i++)
        o->object->writers[i].blocks.n = 0;
    if (o->node->entry)
        table_rollback(o);
}

static size_t object_dirty_bytes(const struct op *o)
{
    return o->node->entry ? table_dirty_bytes(o) : 0;
}

const struct op_type op_object = {
    .name = "object",
    .open = object_open,
    .push = object_push,
    .flush = object_flush,
    .begin = object_begin,
    .save = object_save,
    .committed = object_committed,
    .rollback = object_rollback,
    .dirty_bytes = object_dirty_bytes,
    .close = object_close,
};
