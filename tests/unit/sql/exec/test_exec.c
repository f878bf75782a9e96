#include "tests/support/engine.h"

#include "tests/support/test.h"

#include <stdio.h>

#define TX                                                                                \
    "CREATE STREAM tx (user_id STRING KEY, transaction_id STRING, amount DECIMAL(18,2), " \
    "status STRING, location STRUCT<city STRING, country STRING>, n INT) "                \
    "WITH (KAFKA_TOPIC='tx', VALUE_FORMAT='JSON');\n"

static void one_batch(struct engine *s, uint32_t window)
{
    engine_begin(s);
    engine_add(s, 0, "U1",
               "{\"transaction_id\":\"T1\",\"amount\":1.50,\"status\":\"completed\","
               "\"location\":{\"city\":\"Berlin\",\"country\":\"Germany\"},\"n\":1}",
               1000);
    engine_add(s, 0, "U2",
               "{\"transaction_id\":\"T2\",\"amount\":2.25,\"status\":\"failed\",\"n\":2}", 900);
    engine_add(s, 0, "U1", "{\"transaction_id\":\"T3\",\"amount\":3.25,\"status\":\"completed\"}",
               1100);
    engine_add(s, 0, "U1", NULL, 1200);
    engine_add(s, 0, "U1", "{nonsense", 1200);
    engine_run(s, window);
    engine_end(s);
}

TEST(a_filtered_projection_emits_rows_in_order)
{
    struct engine s;
    engine_open(&s, &(struct engine_spec){
                        .sql = TX "CREATE STREAM done AS SELECT user_id, transaction_id, amount, "
                                  "location->city AS city, n + 1 AS n1 FROM tx "
                                  "WHERE status = 'completed' EMIT CHANGES;",
                        .outputs = {"DONE"},
                    });
    one_batch(&s, 64);
    assert_string_equal(
        engine_text(&s),
        "DONE +I USER_ID=U1 TRANSACTION_ID=T1 AMOUNT=1.50 CITY=Berlin N1=2 @1000\n"
        "DONE +I USER_ID=U1 TRANSACTION_ID=T3 AMOUNT=3.25 CITY=null N1=null @1100\n");
    assert_int_equal(s.filtered, 1);
    assert_int_equal(s.bad, 1);
    engine_close(&s);
}

TEST(an_aggregate_emits_every_change_or_the_last)
{
    const char *sql = TX "CREATE TABLE sums AS SELECT user_id, SUM(amount) AS total, COUNT(*) AS n "
                         "FROM tx GROUP BY user_id EMIT CHANGES;";
    struct engine s;
    engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"SUMS"}});
    one_batch(&s, 2);
    assert_string_equal(engine_text(&s), "SUMS +I USER_ID=U1 TOTAL=1.50 N=1 @1000\n"
                                         "SUMS +I USER_ID=U2 TOTAL=2.25 N=1 @900\n"
                                         "SUMS +U USER_ID=U1 TOTAL=4.75 N=2 @1100\n");
    engine_close(&s);
    engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"+SUMS"}});
    one_batch(&s, 2);
    assert_string_equal(engine_text(&s), "SUMS +I USER_ID=U1 TOTAL=4.75 N=2 @1100\n"
                                         "SUMS +I USER_ID=U2 TOTAL=2.25 N=1 @900\n");
    engine_close(&s);
}

TEST(a_null_value_passes_a_projection_but_no_filter)
{
    struct engine s;
    engine_open(&s,
                &(struct engine_spec){
                    .sql = TX "CREATE STREAM o AS SELECT user_id, 'x' AS c, n FROM tx EMIT "
                              "CHANGES;\nCREATE STREAM f AS SELECT user_id, n FROM tx WHERE n IS "
                              "NULL EMIT CHANGES;",
                    .outputs = {"O", "F"},
                });
    engine_begin(&s);
    engine_add(&s, 0, "U", NULL, 5);
    engine_run(&s, 1);
    engine_end(&s);
    assert_string_equal(engine_text(&s), "O +I USER_ID=U C=null N=null (null) @5\n");
    engine_close(&s);
}

TEST(windows_start_at_multiples_of_the_advance_and_late_ones_are_counted)
{
    struct engine s;
    engine_open(&s, &(struct engine_spec){
                        .sql = TX "CREATE TABLE w AS SELECT user_id, COUNT(*) AS n FROM tx WINDOW "
                                  "HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS, GRACE PERIOD 2 "
                                  "SECONDS) GROUP BY user_id EMIT CHANGES;",
                        .outputs = {"W"},
                    });
    engine_begin(&s);
    engine_add(&s, 0, "U", "{}", 1000);  // [0, 10)
    engine_add(&s, 0, "U", "{}", 12000); // [5, 15) [10, 20); closes what ends by 10 s
    engine_add(&s, 0, "U", "{}", 9999);  // [0, 10) is late, [5, 15) is not
    engine_run(&s, 2);
    engine_end(&s);
    assert_string_equal(engine_text(&s), "W +I USER_ID=U N=1 @1000 [0..10000]\n"
                                         "W +I USER_ID=U N=1 @12000 [5000..15000]\n"
                                         "W +I USER_ID=U N=1 @12000 [10000..20000]\n"
                                         "W +U USER_ID=U N=2 @12000 [5000..15000]\n");
    uint64_t late = 0;
    for (size_t i = 0; i < exec_counter_count(s.x); i++)
        late += exec_counter(s.x, i)->dropped_late;
    assert_int_equal(late, 1);
    engine_close(&s);
}

TEST(a_sum_that_does_not_fit_stops_the_run_and_names_the_type)
{
    struct engine s;
    struct err e = {0};
    engine_open(&s,
                &(struct engine_spec){
                    .sql = "CREATE STREAM a (k STRING KEY, m DECIMAL(2,1)) WITH (KAFKA_TOPIC='a', "
                           "VALUE_FORMAT='JSON');\nCREATE TABLE o AS SELECT k, SUM(m) AS s FROM a "
                           "GROUP BY k EMIT CHANGES;",
                    .outputs = {"O"},
                });
    engine_begin(&s);
    struct scan_result r;
    const struct scan_record records[2] = {
        {.key = {"k", 1}, .value = {"{\"m\":9.9}", 9}, .timestamp = 1},
        {.key = {"k", 1}, .value = {"{\"m\":0.1}", 9}, .timestamp = 1}};
    uint64_t seq[2] = {0, 1};
    assert_ok(scan_run(&r, s.program, 0, s.batch, records, 2, &e), &e);
    r.block->seq = seq;
    const struct block *v[1] = {r.block};
    assert_fails(exec_window(s.x, &(struct block_list){v, 1}, &e), &e, ERR_DATA,
                 "SUM does not fit DECIMAL(2, 1)");
    engine_abort(&s);
    engine_close(&s);
}

TEST(rowtime_comes_from_a_column_and_bad_times_are_bad_records)
{
    struct engine s;
    engine_open(
        &s, &(struct engine_spec){
                .sql = "CREATE STREAM a (k STRING KEY, h STRING, v INT) WITH (KAFKA_TOPIC='a', "
                       "VALUE_FORMAT='JSON', TIMESTAMP='h', TIMESTAMP_FORMAT='yyyy-MM-dd HH:mm');"
                       "\nCREATE STREAM o WITH (TIMESTAMP='t2') AS SELECT k, CAST(v AS BIGINT) AS "
                       "t2 FROM a EMIT CHANGES;\nCREATE STREAM b AS SELECT k, v FROM a EMIT "
                       "CHANGES;",
                .outputs = {"O", "B"},
            });
    engine_begin(&s);
    engine_add(&s, 0, "k", "{\"h\":\"1970-01-02 00:00\",\"v\":7}", 1);
    engine_add(&s, 0, "k", "{\"h\":\"1970-01-02 00:00\",\"v\":-7}", 1);
    engine_add(&s, 0, "k", "{\"h\":\"soon\",\"v\":7}", 1);
    engine_add(&s, 0, "k", "{\"v\":7}", 1);
    engine_add(&s, 0, "k", "{\"h\":\"1960-01-02 00:00\",\"v\":7}", 1);
    engine_run(&s, 10);
    engine_end(&s);
    assert_string_equal(engine_text(&s), "O +I K=k T2=7 @7\nB +I K=k V=7 @86400000\n"
                                         "B +I K=k V=-7 @86400000\n");
    assert_int_equal(s.bad, 3);
    engine_close(&s);
}

// The third object reads the topic that the second one writes.
static void connect_third_to_second(const struct plan *plan)
{
    assert_int_equal(plan->object_count, 3);
    plan->objects[2]->inputs[0] = plan->objects[1];
}

TEST(a_topic_written_by_the_job_is_read_back_by_the_declared_types)
{
    static const char *const third[] = {
        "CREATE STREAM c (k STRING KEY, i STRING, s INT, extra STRING)",
        "CREATE TABLE c (k STRING PRIMARY KEY, i STRING, s INT, extra STRING)",
    };
    static const char *const want[] = {
        "C +I K=k1 I=41 S=7 EXTRA=null @1\nC +I K=k2 I=null S=null EXTRA=null (null) @2\n",
        "C +U K=k1 I=41 S=7 EXTRA=null @1\nC -D K=k2 @2\n",
    };
    for (size_t i = 0; i < 2; i++) {
        struct engine s;
        char sql[1024];
        (void)snprintf(
            sql, sizeof sql,
            "CREATE STREAM a (k STRING KEY, i INT, s STRING) WITH (KAFKA_TOPIC='a', "
            "VALUE_FORMAT='JSON');\nCREATE STREAM b AS SELECT k, i + 1 AS i, s FROM a EMIT "
            "CHANGES;\n%s WITH (KAFKA_TOPIC='c', VALUE_FORMAT='JSON');",
            third[i]);
        engine_open(&s, &(struct engine_spec){
                            .sql = sql, .outputs = {"C"}, .patch = connect_third_to_second});
        engine_begin(&s);
        engine_add(&s, 0, "k1", "{\"i\":40,\"s\":\"7\"}", 1);
        engine_add(&s, 0, "k2", NULL, 2);
        engine_add(&s, 0, "k3", "{\"i\":40,\"s\":\"seven\"}",
                   3); // not an INT there: dropped, counted
        engine_run(&s, 2);
        engine_end(&s);
        assert_string_equal(engine_text(&s), want[i]);
        uint64_t errors = 0;
        for (size_t k = 0; k < exec_counter_count(s.x); k++)
            errors += exec_counter(s.x, k)->dropped_error;
        assert_int_equal(errors, 1);
        engine_close(&s);
    }
}

TEST(explain_shows_pushed_filters_pruned_columns_and_collapsed_edges)
{
    struct engine s;
    engine_open(&s, &(struct engine_spec){
                        .sql = TX
                        "CREATE TABLE o AS SELECT user_id, SUM(amount) AS total FROM tx WHERE "
                        "status = 'completed' AND location->city IS NOT NULL GROUP BY user_id "
                        "EMIT CHANGES;",
                        .outputs = {"+O"},
                    });
    struct buf b;
    buf_init(&b, 1 << 16);
    program_explain(&b, s.program);
    static const char *const parts[] = {
        "order: free\n",
        "columns `USER_ID` STRING KEY, `AMOUNT` DECIMAL(18, 2), `STATUS` STRING, `LOCATION` "
        "STRUCT<`CITY` "
        "STRING>\n",
        "filter while decoding: STATUS in ('completed')\n",
        "collapsed: the last change per key and batch\n",
        "exchange by key",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t at;
        if (!str_find(&at, buf_view(&b), str_from(parts[i])))
            fail_msg("no \"%s\" in\n%.*s", parts[i], (int)b.n, b.p);
    }
    assert_int_equal(program_fingerprint_count(s.program), 1);
    assert_str(program_fingerprint(s.program, 0),
               "agg:O stream keys=[USER_ID STRING] aggregates=[SUM(AMOUNT DECIMAL(18, 2))]");
    buf_fini(&b);
    engine_close(&s);
}

TEST(the_order_says_what_needs_a_merge)
{
    static const struct {
        const char *sql;
        enum program_order order;
    } cases[] = {
        {"CREATE STREAM o AS SELECT * FROM tx EMIT CHANGES;", ORDER_ROW_WISE},
        {"CREATE TABLE o AS SELECT user_id, MAX(n) AS x FROM tx GROUP BY user_id EMIT CHANGES;",
         ORDER_FREE},
        {"CREATE TABLE o AS SELECT user_id, COLLECT_LIST(n) AS x FROM tx GROUP BY user_id EMIT "
         "CHANGES;",
         ORDER_ALIGNED},
        {"CREATE TABLE o AS SELECT user_id, COUNT(*) AS x FROM tx WINDOW TUMBLING (SIZE 1 HOUR) "
         "GROUP BY "
         "user_id EMIT CHANGES;",
         ORDER_ALIGNED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1024];
        struct engine s;
        (void)snprintf(sql, sizeof sql, TX "%s", cases[i].sql);
        engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"+O"}});
        assert_int_equal(program_order(s.program), cases[i].order);
        engine_close(&s);
    }
}

TEST_MAIN(T(a_filtered_projection_emits_rows_in_order),
          T(an_aggregate_emits_every_change_or_the_last),
          T(a_null_value_passes_a_projection_but_no_filter),
          T(windows_start_at_multiples_of_the_advance_and_late_ones_are_counted),
          T(a_sum_that_does_not_fit_stops_the_run_and_names_the_type),
          T(rowtime_comes_from_a_column_and_bad_times_are_bad_records),
          T(a_topic_written_by_the_job_is_read_back_by_the_declared_types),
          T(explain_shows_pushed_filters_pruned_columns_and_collapsed_edges),
          T(the_order_says_what_needs_a_merge))
