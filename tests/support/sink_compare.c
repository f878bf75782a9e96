// The case of the contract about compare(), declared in tests/support/sink_cases.h.
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
    const struct sink_rows rows = {feed_block, want};
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
