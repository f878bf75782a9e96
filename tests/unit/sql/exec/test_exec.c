#include "tests/support/engine.h"

#include "tests/support/test.h"

#define TX                                                                                     \
    "CREATE STREAM tx (user_id STRING KEY, transaction_id STRING, amount DECIMAL(18,2), "      \
    "status STRING, location STRUCT<city STRING, country STRING>, n INT) "                     \
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
    assert_string_equal(engine_text(&s),
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

TEST_MAIN(T(a_filtered_projection_emits_rows_in_order), T(an_aggregate_emits_every_change_or_the_last))
