// The cases of the contract about count() and compare(), declared in tests/support/sink_cases.h.
#include "tests/support/sink_cases.h"

#include "warehouse/differences.h"

static void rows_are(struct world *w, const char *text)
{
    assert_string_equal(world_rows(w), text);
}

static void deliver(struct world *w, const struct block *b)
{
    assert_ok(world_deliver(w, b), &w->e);
}

static bool feed_block(void *arg, sink_put_fn *put, void *put_arg, struct err *e)
{
    return put(put_arg, arg, e);
}

static void differ(struct world *w, struct block *want, const char *missing, const char *extra,
                   const char *changed)
{
    const struct sink_rows rows = {feed_block, want, w->spec.mode == SINK_APPEND ? w->batch : 0};
    const char *first[SINK_DIFFERENCES] = {missing, extra, changed};
    struct sink_differences d;
    for (int twice = 0; twice < 2; twice++) { // a comparison leaves nothing behind
        assert_ok(w->store->type->compare(w->sink, &rows, &d, &w->e), &w->e);
        for (int i = 0; i < SINK_DIFFERENCES; i++) {
            assert_string_equal(d.first[i], first[i]);
            assert_int_equal(d.rows[i] > 0, first[i][0] != 0);
        }
    }
}

void sink_case_count(struct world *w)
{
    uint64_t rows;
    w->spec.mode = SINK_APPEND;
    world_standard(w);
    assert_ok(world_open(w), &w->e);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}, {"b", 2, "1.00"}));
    deliver(w, BLOCK(w, {"c", 3, "1.00"}));
    assert_ok(w->store->type->count(w->sink, 0, &rows, &w->e), &w->e);
    assert_int_equal(rows, 3);
    assert_ok(w->store->type->count(w->sink, 1, &rows, &w->e), &w->e);
    assert_int_equal(rows, 2);
    assert_ok(w->store->type->count(w->sink, 9, &rows, &w->e), &w->e);
    assert_int_equal(rows, 0);
}

void sink_case_compare(struct world *w)
{
    world_standard(w);
    assert_ok(world_open(w), &w->e);
    differ(w, world_block(w, 0), "", "", "");
    struct block *held = BLOCK(w, {"a", 1, "1.10"}, {"b", 2, "0.00"}, {"c", 3, "3.30"});
    struct block *want = BLOCK(w, {"a", 1, "1.10"}, {"b", 2, "0.00"}, {"c", 3, "3.30"});
    cell_null(held, 2, 1);
    deliver(w, held);
    differ(w, want, "", "", "id='b'");
    cell_null(want, 2, 1);
    differ(w, want, "", "", "");
    differ(w, BLOCK(w, {"a", 2, "1.10"}, {"c", 3, "3.30"}), "", "id='b'", "id='a'");
    differ(w, BLOCK(w, {"0", 1, "1.00"}, {"b", 2, "0.00"}, {"c", 3, "3.31"}), "id='0'", "id='a'",
           "id='b'");
    differ(w, world_block(w, 0), "", "id='a'", "");
    rows_are(w, "a|1|1.10\nb|2|NULL\nc|3|3.30\n");
    deliver(w, BLOCK(w, {"d", 5, "4.00"}));
    rows_are(w, "a|1|1.10\nb|2|NULL\nc|3|3.30\nd|5|4.00\n");
}

void sink_case_compare_appended(struct world *w)
{
    world_standard(w);
    w->spec.mode = SINK_APPEND;
    assert_ok(world_open(w), &w->e);
    differ(w, world_block(w, 0), "", "", "");
    deliver(w, BLOCK(w, {"z", 9, "9.00"}));
    struct block *held = BLOCK(w, {"b", 2, "0.00"}, {"a", 1, "1.10"}, {"a", 1, "1.10"});
    cell_null(held, 2, 0);
    deliver(w, held);
    struct block *want = BLOCK(w, {"a", 1, "1.10"}, {"b", 2, "0.00"}, {"a", 1, "1.10"});
    differ(w, want, "id='b', n='2', amount='0.00'", "id='b', n='2', amount=NULL", "");
    cell_null(want, 2, 1);
    differ(w, want, "", "", "");
    want = BLOCK(w, {"a", 1, "1.10"}, {"b", 2, "0.00"});
    cell_null(want, 2, 1);
    differ(w, want, "", "id='a', n='1', amount='1.10'", "");
    want = BLOCK(w, {"a", 1, "1.10"}, {"b", 2, "0.00"}, {"a", 1, "1.10"}, {"a", 1, "1.10"},
                 {"a", 1, "1.10"});
    cell_null(want, 2, 1);
    const struct sink_rows rows = {feed_block, want, w->batch};
    struct sink_differences d;
    assert_ok(w->store->type->compare(w->sink, &rows, &d, &w->e), &w->e);
    assert_int_equal(d.rows[SINK_MISSING], 2);
    assert_int_equal(d.rows[SINK_EXTRA] + d.rows[SINK_CHANGED], 0);
    differ(w, world_block(w, 0), "", "id='a', n='1', amount='1.10'", "");
    const struct sink_rows first = {feed_block, BLOCK(w, {"z", 9, "9.00"}), 1};
    assert_ok(w->store->type->compare(w->sink, &first, &d, &w->e), &w->e);
    assert_int_equal(d.rows[SINK_MISSING] + d.rows[SINK_EXTRA], 0);
    deliver(w, BLOCK(w, {"d", 5, "4.00"}));
}

enum { LONG_TEXT = 3000 };

// One row of every type; text: of LONG_TEXT characters that end so.
static struct block *typed(struct world *w, const char *text, double f64)
{
    char *long_text = arena_alloc(w->a, LONG_TEXT + 8);
    struct block *b = world_block(w, 2);
    memset(long_text, 'x', LONG_TEXT);
    memcpy(long_text + LONG_TEXT, text, strlen(text) + 1);
    for (uint32_t r = 0; r < 2; r++) {
        cell_text(b, 0, r, r ? text : long_text);
        cell_text(b, 1, r, text);
        cell_f64(b, 2, r, f64);
        cell_i64(b, 3, r, 1761638400123);
    }
    cell_null(b, 2, 1);
    return b;
}

void sink_case_compare_appended_types(struct world *w)
{
    w->spec.mode = SINK_APPEND;
    world_column(w, "s", type_scalar(TYPE_STRING), "", COLUMN_VALUE);
    world_column(w, "y", type_scalar(TYPE_BYTES), "", COLUMN_VALUE);
    world_column(w, "f", type_scalar(TYPE_DOUBLE), "", COLUMN_VALUE);
    world_column(w, "t", type_scalar(TYPE_TIMESTAMP), "", COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
    deliver(w, typed(w, "a", 0.1));
    struct sink_differences d;
    static const struct {
        const char *text;
        double f64;
        uint64_t differ;
    } cases[] = {{"a", 0.1, 0}, {"A", 0.1, 2}, {"a ", 0.1, 2}, {"a", 0.2, 1}, {"b", 0.1, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct sink_rows rows = {feed_block, typed(w, cases[i].text, cases[i].f64), w->batch};
        assert_ok(w->store->type->compare(w->sink, &rows, &d, &w->e), &w->e);
        assert_int_equal(d.rows[SINK_MISSING], cases[i].differ);
        assert_int_equal(d.rows[SINK_EXTRA], cases[i].differ);
    }
}
