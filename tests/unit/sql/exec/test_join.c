// Joins, record by record (SEMANTICS 4, 7 and 8 of ksqlDB) at windows of 1, 7 and 64 k rows; test_windows.c has random ones.
#include "tests/support/engine.h"
#include "tests/support/test.h"

#define STREAM(name)                                                        \
    "CREATE STREAM " name " (k STRING KEY, v INT) WITH (KAFKA_TOPIC='" name \
    "', VALUE_FORMAT='JSON');\n"
#define TABLE(name)                                                                          \
    "CREATE TABLE " name " (k STRING PRIMARY KEY, f STRING, v INT) WITH (KAFKA_TOPIC='" name \
    "', VALUE_FORMAT='JSON');\n"

struct record {
    size_t source; // in the order of the statements; 9 ends
    const char *key, *value;
    int64_t ts;
};
#define END              \
    {                    \
        9, NULL, NULL, 0 \
    }
#define V(n)    "{\"v\":" #n "}"
#define F(f, n) "{\"f\":\"" #f "\",\"v\":" #n "}"

static void check(const char *sql, const struct record *records, const char *want)
{
    static const uint32_t windows[] = {1, 7, 65536};
    for (size_t i = 0; i < 3; i++) {
        struct engine s;
        engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
        engine_begin(&s);
        for (const struct record *r = records; r->source != 9; r++)
            engine_add(&s, r->source, r->key, r->value, r->ts);
        engine_run(&s, windows[i]);
        engine_end(&s);
        assert_string_equal(engine_text(&s), want);
        engine_close(&s);
    }
}

static uint64_t dropped(const char *sql, const struct record *records,
                        uint64_t (*what)(const struct exec_counters *c))
{
    struct engine s;
    uint64_t n = 0;
    engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
    engine_begin(&s);
    for (const struct record *r = records; r->source != 9; r++)
        engine_add(&s, r->source, r->key, r->value, r->ts);
    engine_run(&s, 5);
    for (size_t i = 0; i < exec_counter_count(s.x); i++)
        n += what(exec_counter(s.x, i));
    engine_end(&s);
    engine_close(&s);
    return n;
}

static uint64_t null_key(const struct exec_counters *c)
{
    return c->dropped_null_key;
}

static uint64_t unmatched(const struct exec_counters *c)
{
    return c->dropped_unmatched;
}

static uint64_t late(const struct exec_counters *c)
{
    return c->dropped_late;
}

// --- streams with tables -------------------------------------------------------------------------

#define ENRICH(join) \
    STREAM("s")      \
    TABLE("t")       \
    "CREATE STREAM o AS SELECT s.k AS k, s.v AS v, t.v AS w FROM s " join " t ON s.k = t.k;"

static const struct record enriched[] = {
    {0, "a", V(1), 10},     // nothing there yet
    {1, "a", F(x, 5), 20},  // a table's row gives no result
    {0, "a", V(2), 15},     // the stream's time, not the later one
    {1, "a", F(x, 6), 21},  //
    {0, "a", V(3), 22},     // the row as it is by now
    {1, "a", NULL, 23},     // deleted
    {0, "a", V(4), 24},     //
    {0, NULL, V(5), 25},    // no key
    {0, "a", NULL, 26},     // no value
    {1, NULL, F(x, 7), 27}, //
    {0, "b", V(6), 28},     //
    END,
};

TEST(a_stream_row_finds_what_the_table_has_at_that_moment)
{
    check(ENRICH("JOIN"), enriched, "O +I K=a V=2 W=5 @15\nO +I K=a V=3 W=6 @22\n");
    check(ENRICH("LEFT JOIN"), enriched,
          "O +I K=a V=1 W=null @10\nO +I K=a V=2 W=5 @15\nO +I K=a V=3 W=6 @22\n"
          "O +I K=a V=4 W=null @24\nO +I K=null V=5 W=null @25\nO +I K=b V=6 W=null @28\n");
    assert_int_equal(dropped(ENRICH("JOIN"), enriched, unmatched), 3);
    assert_int_equal(dropped(ENRICH("LEFT JOIN"), enriched, unmatched), 0);
    assert_int_equal(dropped(ENRICH("JOIN"), enriched, null_key), 3);
    assert_int_equal(dropped(ENRICH("LEFT JOIN"), enriched, null_key), 2);
}

TEST(of_rows_with_equal_seq_the_table_is_first)
{
    // the table counts the very rows that are joined with it
    static const struct record records[] = {
        {0, "a", V(1), 1}, {0, "a", V(2), 2}, {0, "b", V(3), 3}, {0, "a", V(4), 4}, END};
    check(STREAM("s") "CREATE TABLE n AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;\n"
                      "CREATE STREAM o AS SELECT s.k AS k, s.v AS v, n FROM s JOIN n ON s.k = n.k;",
          records,
          "O +I K=a V=1 N=1 @1\nO +I K=a V=2 N=2 @2\nO +I K=b V=3 N=1 @3\nO +I K=a V=4 N=3 @4\n");
}

// --- streams -------------------------------------------------------------------------------------

#define PAIRS(join, within)                                                                       \
    STREAM("l")                                                                                   \
    STREAM("r")                                                                                   \
    "CREATE STREAM o AS SELECT ROWKEY AS id, l.v AS v, r.v AS w FROM l " join " r WITHIN " within \
    " ON SUBSTRING(l.k, 1) = SUBSTRING(r.k, 1);"

TEST(streams_pair_within_before_and_after_by_time_then_arrival)
{
    static const struct record records[] = {
        {0, "a", V(1), 100000}, // pairs with right rows from 90000 to 105000
        {1, "a", V(2), 89999},  {1, "a", V(3), 90000},
        {1, "a", V(4), 105000}, {1, "a", V(5), 105001},
        {1, "b", V(6), 100000}, {0, "a", V(7), 100001},
        {1, "a", V(8), 100000}, END,
    };
    check(PAIRS("JOIN", "(10 SECONDS, 5 SECONDS)"), records,
          "O +I ID=a V=1 W=3 @100000\nO +I ID=a V=1 W=4 @105000\n"
          "O +I ID=a V=7 W=4 @105000\nO +I ID=a V=7 W=5 @105001\n"
          "O +I ID=a V=1 W=8 @100000\nO +I ID=a V=7 W=8 @100001\n");
}

TEST(without_grace_an_outer_row_is_padded_at_once_and_again_joined)
{
    static const struct record records[] = {{0, "a", V(1), 10}, {1, "a", V(2), 20},
                                            {1, "b", V(3), 30}, {0, NULL, V(4), 40},
                                            {1, "a", NULL, 50}, END};
    check(PAIRS("FULL OUTER JOIN", "1 SECOND"), records,
          "O +I ID=a V=1 W=null @10\nO +I ID=a V=1 W=2 @20\nO +I ID=b V=null W=3 @30\n"
          "O +I ID=null V=4 W=null @40\n");
    check(PAIRS("RIGHT JOIN", "1 SECOND"), records,
          "O +I ID=a V=1 W=2 @20\nO +I ID=b V=null W=3 @30\n");
    assert_int_equal(dropped(PAIRS("LEFT JOIN", "1 SECOND"), records, null_key), 1);
}

TEST(with_grace_a_row_is_padded_when_its_window_has_closed)
{
    static const struct record records[] = {
        {0, "a", V(1), 1000}, // closes behind 1000 + 500 + 200
        {1, "b", V(2), 1100}, // closes behind 1100 + 300 + 200
        {0, "c", V(3), 1000}, //
        {1, "c", V(4), 1400}, // taken out
        {0, "x", V(5), 1600}, // nothing has closed
        {0, "x", V(6), 1601}, // b has
        {1, "x", V(7), 1500}, // late, matches both x
        {0, "x", V(8), 9000}, // a; x has matched
        {1, "y", V(9), 1200}, // past its own window: at once
        END,
    };
    check(PAIRS("FULL OUTER JOIN",
                "(300 MILLISECONDS, 500 MILLISECONDS) GRACE PERIOD 200 MILLISECONDS"),
          records,
          "O +I ID=c V=3 W=4 @1400\nO +I ID=b V=null W=2 @1100\n"
          "O +I ID=x V=5 W=7 @1600\nO +I ID=x V=6 W=7 @1601\n"
          "O +I ID=a V=1 W=null @1000\nO +I ID=y V=null W=9 @1200\n");
}

TEST(a_side_forgets_by_its_own_time)
{
    static const struct record records[] = {
        {0, "a", V(1), 1000},
        {0, "z", V(2), 100000}, // the left side is at 100 s, the right one nowhere
        {1, "a", V(3), 1500},   // the left row is gone
        {1, "b", V(4), 1000},   // kept: the right side is at 1.5 s
        {0, "b", V(5), 1200},   // finds it, is not kept itself
        {1, "b", V(6), 1300},
        END,
    };
    check(PAIRS("JOIN", "1 SECOND GRACE PERIOD 1 SECOND"), records, "O +I ID=b V=5 W=4 @1200\n");
    assert_int_equal(dropped(PAIRS("JOIN", "1 SECOND GRACE PERIOD 1 SECOND"), records, late), 1);
}

// --- tables --------------------------------------------------------------------------------------

#define TABLES(join) \
    TABLE("l")       \
    TABLE("r")       \
    "CREATE TABLE o AS SELECT ROWKEY AS id, l.v AS v, r.v AS w FROM l " join " r ON l.k = r.k;"
#define KEYED(join) \
    TABLE("l")      \
    TABLE("r")      \
    "CREATE TABLE o AS SELECT l.k AS id, l.v AS v, r.v AS w FROM l " join " r ON l.k = r.k;"

static const struct record changes[] = {
    {0, "a", F(x, 1), 10}, {1, "a", F(x, 2), 5},
    {0, "a", F(x, 1), 20}, {1, "a", NULL, 30},
    {1, "a", NULL, 31},    {0, "a", NULL, 40},
    {0, "a", NULL, 41},    {1, "a", F(x, 3), 50},
    {0, "a", NULL, 51},    END,
};

TEST(tables_join_change_by_change)
{
    check(KEYED("JOIN"), changes,
          "O +I ID=a V=1 W=2 @10\nO +U ID=a V=1 W=2 @20\nO -D ID=a @30\nO -D ID=a @31\n"
          "O -D ID=a @51\n");
    check(KEYED("LEFT JOIN"), changes,
          "O +I ID=a V=1 W=null @10\nO +U ID=a V=1 W=2 @10\nO +U ID=a V=1 W=2 @20\n"
          "O +U ID=a V=1 W=null @30\nO +U ID=a V=1 W=null @31\nO -D ID=a @40\nO -D ID=a @51\n");
    check(KEYED("RIGHT JOIN"), changes,
          "O +I ID=a V=1 W=2 @10\nO +U ID=a V=1 W=2 @20\nO -D ID=a @30\nO -D ID=a @31\n"
          "O +I ID=a V=null W=3 @50\nO +U ID=a V=null W=3 @51\n");
    check(TABLES("FULL OUTER JOIN"), changes,
          "O +I ID=a V=1 W=null @10\nO +U ID=a V=1 W=2 @10\nO +U ID=a V=1 W=2 @20\n"
          "O +U ID=a V=1 W=null @30\nO +U ID=a V=1 W=null @31\nO -D ID=a @40\n"
          "O +I ID=a V=null W=3 @50\nO +U ID=a V=null W=3 @51\n");
}

TEST(what_aggregates_a_join_takes_its_rows_back)
{
    static const struct record records[] = {{0, "a", F(x, 1), 1},
                                            {1, "a", F(p, 10), 2},
                                            {0, "b", F(x, 2), 3},
                                            {1, "b", F(p, 20), 4},
                                            {1, "a", F(q, 11), 5},
                                            {0, "b", NULL, 6},
                                            END};
    check(TABLE("l") TABLE(
              "r") "CREATE TABLE j AS SELECT l.k AS k, r.f AS f, l.v + r.v AS s FROM l JOIN r ON "
                   "l.k = r.k;\n"
                   "CREATE TABLE o AS SELECT f, COUNT(*) AS n, SUM(s) AS s FROM j GROUP BY f;",
          records,
          "O +I F=p N=1 S=11 @2\nO +U F=p N=2 S=33 @4\nO +U F=p N=1 S=22 @5\nO +I F=q N=1 S=12 @5\n"
          "O +U F=p N=0 S=0 @6\n");
}

// --- foreign keys --------------------------------------------------------------------------------

#define FOREIGN(join)                                                               \
    TABLE("l")                                                                      \
    TABLE("r")                                                                      \
    "CREATE TABLE o AS SELECT l.k AS k, r.k AS rk, l.v AS v, r.v AS w FROM l " join \
    " r ON l.f = r.k;"

static const struct record named[] = {
    {0, "b", F(x, 1), 10},                // names what is not there
    {1, "x", F(-, 5), 5},                 // to the subscriber, with its own time
    {0, "a", F(x, 2), 3},                 // the later time of both
    {1, "x", F(-, 6), 20},                // to all, by their keys
    {0, "b", F(y, 1), 30},                // names another one, which is not there
    {1, "x", NULL, 40},                   //
    {0, "b", NULL, 50},                   // a tombstone also without a match
    {0, "b", NULL, 51},                   // nothing there
    {0, "a", "{\"f\":null,\"v\":3}", 60}, // names nothing any more
    {0, "c", "{\"f\":null,\"v\":4}", 61}, // never did
    END,
};

TEST(a_foreign_key_join_follows_both_tables)
{
    check(FOREIGN("JOIN"), named,
          "O +I K=b RK=x V=1 W=5 @5\nO +I K=a RK=x V=2 W=5 @5\n"
          "O +U K=a RK=x V=2 W=6 @20\nO +U K=b RK=x V=1 W=6 @20\nO -D K=b @30\nO -D K=a @40\n"
          "O -D K=b @50\nO -D K=a @60\n");
    check(FOREIGN("LEFT JOIN"), named,
          "O +I K=b RK=null V=1 W=null @10\nO +U K=b RK=x V=1 W=5 @5\nO +I K=a RK=x V=2 W=5 @5\n"
          "O +U K=a RK=x V=2 W=6 @20\nO +U K=b RK=x V=1 W=6 @20\nO +U K=b RK=null V=1 W=null @30\n"
          "O +U K=a RK=null V=2 W=null @40\nO -D K=b @50\nO +U K=a RK=null V=3 W=null @60\n"
          "O +I K=c RK=null V=4 W=null @61\n");
}

// --- windows -------------------------------------------------------------------------------------

TEST(windowed_tables_join_by_key_and_window)
{
    static const struct record records[] = {{0, "a", V(1), 10},
                                            {1, "a", V(2), 1200},
                                            {1, "a", V(3), 30},
                                            {0, "a", V(4), 1100},
                                            {0, "b", V(5), 40},
                                            {0, "a", V(6), 50},
                                            END};
    check(STREAM("l") STREAM("r") "CREATE TABLE x AS SELECT k, SUM(v) AS v FROM l WINDOW TUMBLING "
                                  "(SIZE 1 SECOND) GROUP BY k;\n"
                                  "CREATE TABLE y AS SELECT k, SUM(v) AS v FROM r WINDOW TUMBLING "
                                  "(SIZE 1 SECOND) GROUP BY k;\n"
                                  "CREATE TABLE o AS SELECT x.k AS k, x.v AS v, y.v AS w FROM x "
                                  "LEFT JOIN y ON x.k = y.k;",
          records,
          "O +I K=a V=1 W=null @10 [0..1000]\nO +U K=a V=1 W=3 @30 [0..1000]\n"
          "O +I K=a V=4 W=2 @1200 [1000..2000]\nO +I K=b V=5 W=null @40 [0..1000]\n"
          "O +U K=a V=7 W=3 @50 [0..1000]\n");
}

TEST(tables_of_stream_table_joins_are_the_table_side)
{
    struct engine s;
    engine_open(&s, &(struct engine_spec){.sql = ENRICH("JOIN"), .outputs = {"O"}});
    assert_false(program_source(s.program, 0)->table_side);
    assert_true(program_source(s.program, 1)->table_side);
    assert_int_equal(program_order(s.program), ORDER_ALIGNED);
    engine_close(&s);
    // read as a stream as well
    engine_open(&s,
                &(struct engine_spec){
                    .sql = STREAM("s") "CREATE TABLE n AS SELECT k, COUNT(*) AS n FROM s GROUP BY "
                                       "k;\nCREATE STREAM o AS SELECT s.k AS k, n FROM s JOIN n ON "
                                       "s.k = n.k;",
                    .outputs = {"O"}});
    assert_false(program_source(s.program, 0)->table_side);
    engine_close(&s);
}

TEST(explain_and_fingerprints_say_what_a_join_is)
{
    static const char *const parts[] = {
        "order: aligned\n",
        " as table, table side\n",
        "exchange by new key, project V AS ROWKEY",
        ("left join of streams by key\n      within 60000 ms before and 2000 ms after, kept 65000 "
         "ms, "
         "padded when the window has closed\n"),
        "inner join of stream and table by key\n",
    };
    struct engine s;
    struct buf b;
    engine_open(&s,
                &(struct engine_spec){
                    .sql = STREAM("l") STREAM("r") TABLE(
                        "t") "CREATE STREAM j AS SELECT l.v AS v, r.k AS k FROM l LEFT JOIN r "
                             "WITHIN (1 MINUTE, 2 SECONDS) GRACE PERIOD 3 SECONDS ON l.v = "
                             "r.v;\nCREATE STREAM o AS SELECT j.k AS k, j.v AS v, t.f AS f FROM j "
                             "JOIN t ON j.k = t.k;",
                    .outputs = {"O"}});
    buf_init(&b, 1 << 16);
    program_explain(&b, s.program);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t at;
        if (!str_find(&at, buf_view(&b), str_from(parts[i])))
            fail_msg("no \"%s\" in\n%.*s", parts[i], (int)b.n, b.p);
    }
    buf_fini(&b);
    // what is not shown is neither kept nor part of the identity
    assert_int_equal(program_fingerprint_count(s.program), 2);
    assert_true(
        str_eq(program_fingerprint(s.program, 0),
               STR("join:J stream-stream LEFT within=(60000,2000) grace=3000 `ROWKEY` INTEGER "
                   "KEY, `R_K` STRING")));
    assert_true(str_eq(program_fingerprint(s.program, 1),
                       STR("join:O stream-table INNER `ROWKEY` STRING KEY, `J_V` INTEGER, `T_F` "
                           "STRING")));
    engine_close(&s);
}

TEST_MAIN(T(a_stream_row_finds_what_the_table_has_at_that_moment),
          T(of_rows_with_equal_seq_the_table_is_first),
          T(streams_pair_within_before_and_after_by_time_then_arrival),
          T(without_grace_an_outer_row_is_padded_at_once_and_again_joined),
          T(with_grace_a_row_is_padded_when_its_window_has_closed),
          T(a_side_forgets_by_its_own_time), T(tables_join_change_by_change),
          T(what_aggregates_a_join_takes_its_rows_back), T(a_foreign_key_join_follows_both_tables),
          T(windowed_tables_join_by_key_and_window),
          T(tables_of_stream_table_joins_are_the_table_side),
          T(explain_and_fingerprints_say_what_a_join_is))
