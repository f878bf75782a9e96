#include "orchestrator/sqltest/expect.h"

#include "orchestrator/sqltest/typed.h"
#include "schema/rowcodec.h"
#include "schema/text.h"
#include "sql/exec/constant.h"

#define EXPECT_TEXT_MAX ((size_t)1 << 20)

struct expect {
    struct arena *a;
    const struct plan_row *row;
    const struct stub_record *record;
    struct stub_shape shape;
    struct block *actual; // the record, in the columns of the object
};

// One side of the record into the columns [from, to) of the block.
static bool decode_side(struct expect *s, enum serde_format format, uint32_t from, uint32_t to,
                        struct payload bytes, struct err *e)
{
    const struct schema *schema = s->row->object->schema;
    struct serde_column *columns = ARENA_ARRAY(s->a, struct serde_column, to - from + 1);
    struct column *out = ARENA_ARRAY(s->a, struct column, to - from + 1);
    uint32_t *at = ARENA_ARRAY(s->a, uint32_t, to - from + 1);
    const bool key = to == schema->key_count && from == 0;
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        column_set_null(&s->actual->columns[i], s->a, 0, 1);
        if (plan_is_header(s->shape.declared, i))
            continue;
        columns[n] = (struct serde_column){schema->columns[i].name, schema->columns[i].type};
        column_init(&out[n], s->a, schema->columns[i].type, 1);
        at[n++] = i;
    }
    const struct plan_formats *f = s->row->object->formats;
    const bool bare = key ? n == 1 : s->shape.value_wrapping == PLAN_UNWRAPPED;
    struct serde_spec spec = {.format = format,
                              .columns = columns,
                              .count = n,
                              .delimiter = key ? f->key_delimiter : f->value_delimiter,
                              .wrapping = bare ? SERDE_UNWRAPPED : SERDE_WRAPPED};
    const struct decoder *decoder;
    struct decode_result result = {.status = arena_zalloc(s->a, 1),
                                   .reason = ARENA_ZARRAY(s->a, struct str, 1)};
    if (n == 0 || format == SERDE_NONE)
        return true;
    if (typed_is(format))
        typed_spec(&spec, &s->shape, key ? RECORD_KEY : RECORD_VALUE);
    if (!decoder_new(&decoder, s->a, &spec, e))
        return false;
    decoder_run(decoder, out, &result, s->a, &bytes, 1);
    if (result.status[0] == DECODE_BAD)
        return err_fail(e, ERR_DATA, "the record cannot be read: %.*s", STR_ARG(result.reason[0]));
    for (uint32_t i = 0; i < n; i++)
        s->actual->columns[at[i]] = out[i];
    return true;
}

static bool decode(struct expect *s, struct err *e)
{
    const struct schema *schema = s->row->object->schema;
    struct payload key = s->record->key;
    int64_t start, end = 0;
    s->actual = block_new(s->a, schema, 1);
    if (s->record->window.kind != STUB_NOT_WINDOWED)
        (void)window_key_take(&start, &end, &key, stub_window_key(&s->record->window));
    return decode_side(s, s->shape.key_format, 0, schema->key_count, key, e) &&
           decode_side(s, s->shape.value_format, schema->key_count, schema->count, s->record->value,
                       e);
}

static bool same_cell(const struct column *x, const struct column *y)
{
    struct buf bx, by;
    buf_init(&bx, EXPECT_TEXT_MAX);
    buf_init(&by, EXPECT_TEXT_MAX);
    rowcodec_encode(&bx, x, 1, 0);
    rowcodec_encode(&by, y, 1, 0);
    const bool same = str_eq(buf_view(&bx), buf_view(&by));
    buf_fini(&bx);
    buf_fini(&by);
    return same;
}

static bool same_i64(const struct expr *x, int64_t actual, struct err *e)
{
    int64_t want;
    return !x || (constant_i64(&want, x, e) && want == actual);
}

static bool differs(struct expect *s, const struct block *expected, struct err *e)
{
    struct buf want, have;
    const struct schema *schema = s->row->object->schema;
    buf_init(&want, EXPECT_TEXT_MAX);
    buf_init(&have, EXPECT_TEXT_MAX);
    for (uint32_t i = 0; i < schema->count; i++) {
        if (!s->row->exprs[i])
            continue;
        buf_printf(&want, "%s%.*s=", want.n ? ", " : "", STR_ARG(schema->columns[i].name));
        if (column_is_valid(&expected->columns[i], 0))
            text_cell(&want, &expected->columns[i], 0);
        else
            buf_text(&want, "null");
    }
    if (s->row->rowtime)
        buf_printf(&want, " @%lld", (long long)expected->rowtime[0]);
    record_print(&have, &s->shape, s->record);
    (void)err_fail(e, ERR_DATA,
                   "Expected record does not match actual. Expected: %.*s; actual: %.*s",
                   (int)want.n, want.p, (int)have.n, have.p);
    buf_fini(&want);
    buf_fini(&have);
    return false;
}

static bool compare(struct expect *s, const struct plan_step *step, struct err *e)
{
    struct block *expected;
    const struct schema *schema = s->row->object->schema;
    if (!constant_row(&expected, s->a, s->row, 0, e) || !decode(s, e))
        return false;
    bool ok = (s->record->value.p == NULL) == (step->kind == STEP_ASSERT_TOMBSTONE) ||
              (step->kind == STEP_ASSERT_VALUES && s->shape.value_format == SERDE_NONE);
    for (uint32_t i = 0; ok && i < schema->count; i++)
        ok = !s->row->exprs[i] || same_cell(&expected->columns[i], &s->actual->columns[i]);
    ok = ok && same_i64(s->row->rowtime, s->record->timestamp, e) &&
         same_i64(s->row->window_start, s->record->window.start, e) &&
         same_i64(s->row->window_end, s->record->window.end, e);
    return ok || differs(s, expected, e);
}

bool expect_next(struct stub *stub, const struct plan_step *step, struct err *e)
{
    const struct plan_formats *f = step->row.object->formats;
    struct stub_topic *topic = stub_topic(stub, f->topic);
    if (topic->read == topic->n)
        return err_fail(e, ERR_DATA,
                        "Expected another record, but all records of topic %.*s have been read: %u",
                        STR_ARG(f->topic), topic->n);
    struct expect s = {.a = arena_new(stub->a),
                       .row = &step->row,
                       .record = &topic->records[topic->read++],
                       .shape = stub_shape_of(step->row.object, stub)};
    return compare(&s, step, e);
}
