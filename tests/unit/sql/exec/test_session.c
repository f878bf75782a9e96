// SESSION windows and EMIT FINAL (SEMANTICS 4 to 6 of ksqlDB): what is merged, what is late, when a row comes.
#include "tests/support/engine.h"
#include "tests/support/engine_store.h"
#include "tests/support/test.h"

#include <stdio.h>

#define S_SQL                                                                       \
    "CREATE STREAM s (k STRING KEY, i INT, d DECIMAL(2,0)) WITH (KAFKA_TOPIC='s', " \
    "VALUE_FORMAT='JSON');\n"

struct record {
    const char *key;
    int64_t ts;
    const char *value; // NULL = {"i":1}
};
#define END           \
    {                 \
        NULL, 0, NULL \
    }

static void add_all(struct engine *s, const struct record *records)
{
    for (const struct record *r = records; r->key; r++)
        engine_add(s, 0, *r->key ? r->key : NULL, r->value ? r->value : "{\"i\":1,\"d\":60}",
                   r->ts);
}

// In one batch by windows of one row and of many, then every record as a batch read back from the store.
static void check(const char *select, const struct record *records, const char *want)
{
    char sql[1024];
    snprintf(sql, sizeof sql, S_SQL "CREATE TABLE o AS SELECT k, %s", select);
    for (uint32_t window = 1; window < 1000; window *= 500) {
        struct engine s;
        engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
        engine_begin(&s);
        add_all(&s, records);
        engine_run(&s, window);
        engine_end(&s);
        assert_string_equal(engine_text(&s), want);
        engine_close(&s);
    }
    struct engine_store store;
    struct buf text;
    engine_store_open(&store);
    buf_init(&text, 1 << 20);
    for (const struct record *r = records; r->key; r++) {
        const struct record one[2] = {*r, END};
        struct engine s;
        engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}, .kv = store.kv});
        s.next_seq = (uint64_t)(r - records);
        engine_begin(&s);
        add_all(&s, one);
        engine_run(&s, 1);
        engine_end(&s);
        buf_text(&text, engine_text(&s));
        engine_close(&s);
    }
    buf_char(&text, '\0');
    assert_string_equal(text.p, want);
    buf_fini(&text);
    engine_store_close(&store);
}

TEST(a_record_within_the_gap_extends_its_session_and_deletes_the_old_one)
{
    check("COUNT(*) AS n FROM s WINDOW SESSION (10 MILLISECONDS) GROUP BY k;",
          (const struct record[]){
              {"a", 0, NULL}, {"a", 10, NULL}, {"b", 15, NULL}, {"a", 21, NULL}, END},
          "O +I K=a N=1 @0 [0..0]\n"
          "O -D K=a @0 [0..0]\n"
          "O +I K=a N=2 @10 [0..10]\n"
          "O +I K=b N=1 @15 [15..15]\n"
          "O +I K=a N=1 @21 [21..21]\n");
}

TEST(a_record_inside_a_session_replaces_it_and_at_its_only_time_changes_it)
{
    check("SUM(i) AS n FROM s WINDOW SESSION (10 MILLISECONDS) GROUP BY k;",
          (const struct record[]){
              {"a", 5, NULL}, {"a", 5, NULL}, {"a", 9, NULL}, {"a", 7, NULL}, END},
          "O +I K=a N=1 @5 [5..5]\n"
          "O +U K=a N=2 @5 [5..5]\n"
          "O -D K=a @5 [5..5]\n"
          "O +I K=a N=3 @9 [5..9]\n"
          "O -D K=a @9 [5..9]\n"
          "O +I K=a N=4 @9 [5..9]\n");
}

TEST(a_record_between_sessions_merges_them_in_order)
{
    check("COLLECT_LIST(i) AS l, MIN(i) AS mn FROM s WINDOW SESSION (10 MILLISECONDS) GROUP BY k;",
          (const struct record[]){{"a", 40, "{\"i\":3}"},
                                  {"a", 20, "{\"i\":1}"},
                                  {"a", 60, "{\"i\":5}"},
                                  {"a", 30, "{\"i\":2}"},
                                  {"a", 50, "{\"i\":4}"},
                                  END},
          "O +I K=a L=[3] MN=3 @40 [40..40]\n"
          "O +I K=a L=[1] MN=1 @20 [20..20]\n"
          "O +I K=a L=[5] MN=5 @60 [60..60]\n"
          "O -D K=a @20 [20..20]\n"
          "O -D K=a @40 [40..40]\n"
          "O +I K=a L=[1, 3, 2] MN=1 @40 [20..40]\n"
          "O -D K=a @40 [20..40]\n"
          "O -D K=a @60 [60..60]\n"
          "O +I K=a L=[1, 3, 2, 5, 4] MN=1 @60 [20..60]\n");
}

TEST(latest_and_earliest_go_by_the_order_of_the_input_when_sessions_merge)
{
    check("LATEST_BY_OFFSET(i) AS l, EARLIEST_BY_OFFSET(i) AS e, LATEST_BY_OFFSET(i, 2) AS l2, "
          "EARLIEST_BY_OFFSET(i, 2) AS e2 FROM s WINDOW SESSION (10 MILLISECONDS) GROUP BY k;",
          (const struct record[]){
              {"a", 40, "{\"i\":1}"}, {"a", 20, "{\"i\":2}"}, {"a", 30, "{}"}, END},
          "O +I K=a L=1 E=1 L2=[1] E2=[1] @40 [40..40]\n"
          "O +I K=a L=2 E=2 L2=[2] E2=[2] @20 [20..20]\n"
          "O -D K=a @20 [20..20]\n"
          "O -D K=a @40 [40..40]\n"
          "O +I K=a L=2 E=1 L2=[1, 2] E2=[1, 2] @40 [20..40]\n");
}

TEST(a_late_record_is_dropped_unless_its_session_is_still_open)
{
    check("COUNT(*) AS n FROM s WINDOW SESSION (10 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS) "
          "GROUP BY k;",
          (const struct record[]){{"a", 100, NULL},
                                  {"a", 120, NULL},
                                  {"a", 104, NULL},
                                  {"b", 105, NULL},
                                  {"a", 110, NULL},
                                  {"a", 95, NULL},
                                  END},
          "O +I K=a N=1 @100 [100..100]\n"
          "O +I K=a N=1 @120 [120..120]\n"
          "O +I K=b N=1 @105 [105..105]\n"
          "O -D K=a @120 [120..120]\n"
          "O +I K=a N=2 @120 [110..120]\n");
}

TEST(stream_time_moves_with_any_key_and_what_is_old_is_not_found)
{
    check("COUNT(*) AS n FROM s WINDOW SESSION (10 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS) "
          "GROUP BY k;",
          (const struct record[]){{"a", 100, NULL},
                                  {"b", 120, NULL},
                                  {"a", 109, NULL},
                                  {"", 900, NULL},
                                  {"a", 121, NULL},
                                  END},
          "O +I K=a N=1 @100 [100..100]\n"
          "O +I K=b N=1 @120 [120..120]\n"
          "O +I K=a N=1 @109 [109..109]\n"
          "O +I K=a N=1 @121 [121..121]\n");
}

TEST(having_sees_sessions_as_rows_of_their_own)
{
    check("COUNT(*) AS n FROM s WINDOW SESSION (10 MILLISECONDS) GROUP BY k HAVING COUNT(*) > 1;",
          (const struct record[]){
              {"a", 0, NULL}, {"a", 5, NULL}, {"a", 50, NULL}, {"a", 8, NULL}, END},
          "O +I K=a N=2 @5 [0..5]\n"
          "O -D K=a @5 [0..5]\n"
          "O +I K=a N=3 @8 [0..8]\n");
}

TEST(window_bounds_of_a_session_are_its_first_and_last_record)
{
    check("WINDOWSTART AS ws, WINDOWEND AS we, COUNT(*) AS n FROM s WINDOW SESSION (10 "
          "MILLISECONDS) GROUP BY k;",
          (const struct record[]){{"a", 3, NULL}, {"a", 9, NULL}, END},
          "O +I K=a WS=3 WE=3 N=1 @3 [3..3]\n"
          "O -D K=a @3 [3..3]\n"
          "O +I K=a WS=3 WE=9 N=2 @9 [3..9]\n");
}

TEST(a_final_window_gives_one_row_when_it_closes_in_order_of_start_and_key)
{
    check("COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY k EMIT FINAL;",
          (const struct record[]){{"b", 1, NULL},
                                  {"a", 5, NULL},
                                  {"a", 3, NULL},
                                  {"c", 9, NULL},
                                  {"b", 10, NULL},
                                  {"b", 9, NULL},
                                  {"a", 21, NULL},
                                  END},
          "O +I K=a N=2 @5 [0..10]\n"
          "O +I K=b N=1 @1 [0..10]\n"
          "O +I K=c N=1 @9 [0..10]\n"
          "O +I K=b N=1 @10 [10..20]\n");
}

TEST(grace_keeps_a_final_window_open)
{
    check(
        "SUM(i) AS n FROM s WINDOW TUMBLING (SIZE 10 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS) "
        "GROUP BY k EMIT FINAL;",
        (const struct record[]){
            {"a", 1, NULL}, {"a", 12, NULL}, {"a", 9, NULL}, {"a", 15, NULL}, {"a", 9, NULL}, END},
        "O +I K=a N=2 @9 [0..10]\n");
}

TEST(a_final_hopping_window_closes_start_by_start)
{
    check("COUNT(*) AS n FROM s WINDOW HOPPING (SIZE 10 MILLISECONDS, ADVANCE BY 5 MILLISECONDS) "
          "GROUP BY k EMIT FINAL;",
          (const struct record[]){
              {"a", 7, NULL}, {"b", 7, NULL}, {"a", 12, NULL}, {"a", 15, NULL}, END},
          "O +I K=a N=1 @7 [0..10]\n"
          "O +I K=b N=1 @7 [0..10]\n"
          "O +I K=a N=2 @12 [5..15]\n"
          "O +I K=b N=1 @7 [5..15]\n");
}

// ksqlDB's store has forgotten such a window when it would be emitted.
TEST(a_jump_of_stream_time_beyond_the_retention_loses_final_windows)
{
    check("COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 10 MILLISECONDS, GRACE PERIOD 10 "
          "MILLISECONDS) GROUP BY k EMIT FINAL;",
          (const struct record[]){{"a", 5, NULL}, {"a", 35, NULL}, {"a", 50, NULL}, END},
          "O +I K=a N=1 @35 [30..40]\n");
    check("COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 10 MILLISECONDS, RETENTION 1 SECOND, GRACE "
          "PERIOD 10 MILLISECONDS) GROUP BY k EMIT FINAL;",
          (const struct record[]){{"a", 5, NULL}, {"a", 35, NULL}, {"a", 50, NULL}, END},
          "O +I K=a N=1 @5 [0..10]\n"
          "O +I K=a N=1 @35 [30..40]\n");
}

TEST(a_final_session_comes_when_the_gap_and_grace_have_passed)
{
    check("COUNT(*) AS n FROM s WINDOW SESSION (10 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS) "
          "GROUP BY k EMIT FINAL;",
          (const struct record[]){{"b", 2, NULL},
                                  {"a", 0, NULL},
                                  {"a", 8, NULL},
                                  {"a", 23, NULL},
                                  {"a", 24, NULL},
                                  {"b", 100, NULL},
                                  END},
          "O +I K=b N=1 @2 [2..2]\n"
          "O +I K=a N=2 @8 [0..8]\n"
          "O +I K=a N=2 @24 [23..24]\n");
}

TEST(a_merged_sum_that_does_not_fit_stops_the_run)
{
    struct engine s;
    struct err e = {0};
    engine_open(&s, &(struct engine_spec){
                        .sql = S_SQL
                        "CREATE TABLE o AS SELECT k, SUM(d) AS n FROM s WINDOW SESSION (10 "
                        "MILLISECONDS) GROUP BY k;",
                        .outputs = {"O"}});
    engine_begin(&s);
    add_all(&s, (const struct record[]){
                    {"a", 0, NULL}, {"a", 15, NULL}, {"a", 7, "{\"d\":null}"}, END});
    assert_false(engine_try(&s, 1, &e));
    if (!strstr(e.text, "SUM does not fit DECIMAL(2, 0)"))
        fail_msg("%s", e.text);
    engine_abort(&s);
    engine_close(&s);
}

TEST_MAIN(T(a_record_within_the_gap_extends_its_session_and_deletes_the_old_one),
          T(a_record_inside_a_session_replaces_it_and_at_its_only_time_changes_it),
          T(a_record_between_sessions_merges_them_in_order),
          T(latest_and_earliest_go_by_the_order_of_the_input_when_sessions_merge),
          T(a_late_record_is_dropped_unless_its_session_is_still_open),
          T(stream_time_moves_with_any_key_and_what_is_old_is_not_found),
          T(having_sees_sessions_as_rows_of_their_own),
          T(window_bounds_of_a_session_are_its_first_and_last_record),
          T(a_final_window_gives_one_row_when_it_closes_in_order_of_start_and_key),
          T(grace_keeps_a_final_window_open), T(a_final_hopping_window_closes_start_by_start),
          T(a_jump_of_stream_time_beyond_the_retention_loses_final_windows),
          T(a_final_session_comes_when_the_gap_and_grace_have_passed),
          T(a_merged_sum_that_does_not_fit_stops_the_run))
