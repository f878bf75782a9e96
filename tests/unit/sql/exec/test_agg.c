// Aggregate functions one by one: what they give row by row, saved and loaded in between, and what they refuse.
#include "sql/sql.h"
#include "tests/support/engine.h"
#include "tests/support/engine_store.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#define S_SQL                                                                              \
    "CREATE STREAM s (k STRING KEY, i INT, b BIGINT, d DOUBLE, t STRING, l ARRAY<INT>, f " \
    "STRUCT<x INT, y STRING>, m DECIMAL(4,1), y DATE) WITH (KAFKA_TOPIC='s', "             \
    "VALUE_FORMAT='JSON');\n"
#define T_SQL                                                                                 \
    "CREATE TABLE s (k STRING PRIMARY KEY, g STRING, i INT, b BIGINT, d DOUBLE, t STRING, l " \
    "ARRAY<INT>) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');\n"

// Every record a batch of its own, the state read back from the store before each.
static void check_sql(const char *sql, const char *const *values, const char *want)
{
    struct engine_store store;
    struct engine s;
    struct buf text;
    engine_store_open(&store);
    buf_init(&text, 1 << 20);
    for (int64_t i = 0; values[i]; i++) {
        const bool tombstone = values[i][1] == 0;
        const char key[2] = {values[i][0], 0};
        engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}, .kv = store.kv});
        s.next_seq = (uint64_t)i;
        engine_begin(&s);
        engine_add(&s, 0, key, tombstone ? NULL : values[i] + 1, 10 + i);
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

// `select` over a stream, by its key; a value is its key's letter and its JSON.
static void check(const char *select, const char *const *values, const char *want)
{
    char sql[1024];
    snprintf(sql, sizeof sql, S_SQL "CREATE TABLE o AS SELECT k, %s AS v FROM s GROUP BY k;",
             select);
    check_sql(sql, values, want);
}

static void check_table(const char *select, const char *const *values, const char *want)
{
    char sql[1024];
    snprintf(sql, sizeof sql, T_SQL "CREATE TABLE o AS SELECT g, %s AS v FROM s GROUP BY g;",
             select);
    check_sql(sql, values, want);
}

static void check_refused(const char *select, const char *message)
{
    char sql[1024];
    struct arena *a = arena_new(NULL);
    const struct plan *plan;
    struct err e = {0};
    snprintf(sql, sizeof sql, S_SQL "CREATE TABLE o AS SELECT k, %s AS v FROM s GROUP BY k;",
             select);
    const struct sql_script src = {"test.sql", str_from(sql)};
    assert_false(sql_plan(&plan, a, &src, 1, &e));
    if (!strstr(e.text, message))
        fail_msg("%s", e.text);
    arena_free(a);
}

TEST(avg_skips_nulls_and_is_zero_of_none)
{
    check("AVG(i)", (const char *[]){"a{}", "a{\"i\":1}", "a{\"i\":4}", "a{\"i\":null}", NULL},
          "O +I K=a V=0.0 @10\n"
          "O +U K=a V=1.0 @11\n"
          "O +U K=a V=2.5 @12\n"
          "O +U K=a V=2.5 @13\n");
    check("AVG(b)", (const char *[]){"a{\"b\":9223372036854775807}", "a{\"b\":1}", NULL},
          "O +I K=a V=9.223372036854776E18 @10\n"
          "O +U K=a V=-4.611686018427388E18 @11\n");
    check("AVG(m)", (const char *[]){"a{\"m\":1.5}", "a{\"m\":2.0}", NULL},
          "O +I K=a V=1.5 @10\n"
          "O +U K=a V=1.75 @11\n");
    check("AVG()", (const char *[]){"a{}", "a{}", NULL},
          "O +I K=a V=10.0 @10\n"
          "O +U K=a V=10.5 @11\n");
    check_table("AVG(d)",
                (const char *[]){"a{\"g\":\"x\",\"d\":1.5}", "b{\"g\":\"x\",\"d\":2.5}", "a", NULL},
                "O +I G=x V=1.5 @10\n"
                "O +U G=x V=2.0 @11\n"
                "O +U G=x V=2.5 @12\n");
}

TEST(stddev_samp_is_the_variance_and_stddev_sample_the_deviation)
{
    static const char *const values[] = {"a{\"d\":2.5}", "a{\"d\":5.5}", "a{\"d\":null}",
                                         "a{\"d\":-1.0}", NULL};
    check("STDDEV_SAMP(d)", values,
          "O +I K=a V=0.0 @10\n"
          "O +U K=a V=4.5 @11\n"
          "O +U K=a V=4.5 @12\n"
          "O +U K=a V=10.583333333333332 @13\n");
    check("STDDEV_SAMPLE(d)", values,
          "O +I K=a V=0.0 @10\n"
          "O +U K=a V=2.1213203435596424 @11\n"
          "O +U K=a V=2.1213203435596424 @12\n"
          "O +U K=a V=3.253203549323856 @13\n");
    check("STDDEV_SAMP(i)", (const char *[]){"a{\"i\":3}", "a{\"i\":7}", NULL},
          "O +I K=a V=0.0 @10\n"
          "O +U K=a V=8.0 @11\n");
    check_table("STDDEV_SAMP(i)",
                (const char *[]){"a{\"g\":\"x\",\"i\":1}", "b{\"g\":\"x\",\"i\":3}",
                                 "c{\"g\":\"x\",\"i\":9}", "c", NULL},
                "O +I G=x V=0.0 @10\n"
                "O +U G=x V=2.0 @11\n"
                "O +U G=x V=17.333333333333332 @12\n"
                "O +U G=x V=2.0 @13\n");
}

TEST(correlation_needs_both_values)
{
    check("CORRELATION(i, d)",
          (const char *[]){"a{\"i\":1,\"d\":2.0}", "a{\"i\":2}", "a{\"i\":3,\"d\":8.0}",
                           "a{\"i\":5,\"d\":3.0}", NULL},
          "O +I K=a V=NaN @10\n"
          "O +U K=a V=NaN @11\n"
          "O +U K=a V=1.0 @12\n"
          "O +U K=a V=0.1555427542095638 @13\n");
}

TEST(count_distinct_counts_values_once)
{
    check("COUNT_DISTINCT(t)",
          (const char *[]){"a{\"t\":\"p\"}", "a{\"t\":\"q\"}", "a{\"t\":\"p\"}", "a{}",
                           "b{\"t\":\"p\"}", NULL},
          "O +I K=a V=1 @10\n"
          "O +U K=a V=2 @11\n"
          "O +U K=a V=2 @12\n"
          "O +U K=a V=2 @13\n"
          "O +I K=b V=1 @14\n");
}

TEST(count_distinct_is_exact_for_few_values_and_near_for_many)
{
    const char *sql = S_SQL "CREATE TABLE o AS SELECT k, COUNT_DISTINCT(i) AS v FROM s GROUP BY k;";
    struct engine_store store;
    struct arena *a = arena_new(NULL);
    engine_store_open(&store);
    for (int part = 0; part < 3; part++) { // the state read back in between
        static const int64_t upto[] = {4096, 12000, 12000};
        struct engine s;
        engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"+O"}, .kv = store.kv});
        engine_begin(&s);
        for (int64_t i = part ? upto[part - 1] - 100 : 0; i < upto[part]; i++)
            engine_add(&s, 0, "a", arena_printf(a, "{\"i\":%lld}", (long long)i).p, i);
        engine_run(&s, 5000);
        engine_end(&s);
        const long n = strtol(strstr(engine_text(&s), "V=") + 2, NULL, 10);
        if (part == 0)
            assert_int_equal(n, 4096);
        else
            assert_in_range(n, 11700, 12300);
        engine_close(&s);
    }
    arena_free(a);
    engine_store_close(&store);
}

TEST(collections_keep_order_and_limits)
{
    static const char *const values[] = {"a{\"i\":2}", "a{\"i\":1}", "a{}", "a{\"i\":2}", NULL};
    check("COLLECT_SET(i)", values,
          "O +I K=a V=[2] @10\n"
          "O +U K=a V=[2, 1] @11\n"
          "O +U K=a V=[2, 1, null] @12\n"
          "O +U K=a V=[2, 1, null] @13\n");
    check("COLLECT_LIST(i)", values,
          "O +I K=a V=[2] @10\n"
          "O +U K=a V=[2, 1] @11\n"
          "O +U K=a V=[2, 1, null] @12\n"
          "O +U K=a V=[2, 1, null, 2] @13\n");
    check_sql(
        "SET 'ksql.functions.collect_list.limit'='2'; SET "
        "'ksql.functions.collect_set.limit'='1';" S_SQL
        "CREATE TABLE o AS SELECT k, COLLECT_LIST(i) AS v, COLLECT_SET(i) AS w FROM s GROUP BY k;",
        values,
        "O +I K=a V=[2] W=[2] @10\n"
        "O +U K=a V=[2, 1] W=[2] @11\n"
        "O +U K=a V=[2, 1] W=[2] @12\n"
        "O +U K=a V=[2, 1] W=[2] @13\n");
}

TEST(histogram_counts_and_takes_back)
{
    check("HISTOGRAM(t)",
          (const char *[]){"a{\"t\":\"q\"}", "a{\"t\":\"p\"}", "a{}", "a{\"t\":\"q\"}", NULL},
          "O +I K=a V={q=1} @10\n"
          "O +U K=a V={p=1, q=1} @11\n"
          "O +U K=a V={p=1, q=1} @12\n"
          "O +U K=a V={p=1, q=2} @13\n");
    check_table("HISTOGRAM(t)",
                (const char *[]){"a{\"g\":\"x\",\"t\":\"q\"}", "b{\"g\":\"x\",\"t\":\"p\"}",
                                 "a{\"g\":\"x\",\"t\":\"p\"}", "b", NULL},
                "O +I G=x V={q=1} @10\n"
                "O +U G=x V={p=1, q=1} @11\n"
                "O +U G=x V={p=2} @12\n"
                "O +U G=x V={p=1} @13\n");
}

TEST(attr_is_null_where_rows_differ)
{
    check("ATTR(f)",
          (const char *[]){"a{\"f\":{\"x\":1,\"y\":\"p\"}}", "a{\"f\":{\"x\":1,\"y\":\"p\"}}",
                           "a{\"f\":{\"x\":2}}", NULL},
          "O +I K=a V=Struct{X=1,Y=p} @10\n"
          "O +U K=a V=Struct{X=1,Y=p} @11\n"
          "O +U K=a V=null @12\n");
    check_table("ATTR(i)",
                (const char *[]){"a{\"g\":\"x\",\"i\":1}", "b{\"g\":\"x\",\"i\":2}", "a",
                                 "b{\"g\":\"x\"}", NULL},
                "O +I G=x V=1 @10\n"
                "O +U G=x V=null @11\n"
                "O +U G=x V=2 @12\n"
                "O +U G=x V=null @13\n");
}

TEST(topk_keeps_the_largest_in_falling_order)
{
    static const char *const values[] = {"a{\"i\":5,\"t\":\"p\"}",
                                         "a{\"i\":9,\"t\":\"q\"}",
                                         "a{\"i\":null}",
                                         "a{\"i\":5,\"t\":\"r\"}",
                                         "a{\"i\":7}",
                                         NULL};
    check("TOPK(i, 2)", values,
          "O +I K=a V=[5] @10\n"
          "O +U K=a V=[9, 5] @11\n"
          "O +U K=a V=[9, 5] @12\n"
          "O +U K=a V=[9, 5] @13\n"
          "O +U K=a V=[9, 7] @14\n");
    check("TOPKDISTINCT(i, 3)", values,
          "O +I K=a V=[5] @10\n"
          "O +U K=a V=[9, 5] @11\n"
          "O +U K=a V=[9, 5] @12\n"
          "O +U K=a V=[9, 5] @13\n"
          "O +U K=a V=[9, 7, 5] @14\n");
    check("TOPK(i, t, b, 3)", values,
          "O +I K=a V=[Struct{sort_col=5,col0=p}] @10\n"
          "O +U K=a V=[Struct{sort_col=9,col0=q}, Struct{sort_col=5,col0=p}] @11\n"
          "O +U K=a V=[Struct{sort_col=9,col0=q}, Struct{sort_col=5,col0=p}] @12\n"
          "O +U K=a V=[Struct{sort_col=9,col0=q}, Struct{sort_col=5,col0=p}, "
          "Struct{sort_col=5,col0=r}] @13\n"
          "O +U K=a V=[Struct{sort_col=9,col0=q}, Struct{sort_col=7}, Struct{sort_col=5,col0=p}] "
          "@14\n");
    check("TOPK(y, 2)", (const char *[]){"a{\"y\":-3}", "a{\"y\":12}", NULL},
          "O +I K=a V=[1969-12-29] @10\n"
          "O +U K=a V=[1970-01-13, 1969-12-29] @11\n");
}

TEST(by_offset_takes_one_or_n_with_or_without_nulls)
{
    static const char *const values[] = {"a{}", "a{\"i\":1}", "a{\"i\":2}",
                                         "a{}", "a{\"i\":3}", NULL};
    check("LATEST_BY_OFFSET(i)", values,
          "O +I K=a V=null @10\n"
          "O +U K=a V=1 @11\n"
          "O +U K=a V=2 @12\n"
          "O +U K=a V=2 @13\n"
          "O +U K=a V=3 @14\n");
    check("EARLIEST_BY_OFFSET(i)", values,
          "O +I K=a V=null @10\n"
          "O +U K=a V=1 @11\n"
          "O +U K=a V=1 @12\n"
          "O +U K=a V=1 @13\n"
          "O +U K=a V=1 @14\n");
    check("LATEST_BY_OFFSET(i, false)", values,
          "O +I K=a V=null @10\n"
          "O +U K=a V=1 @11\n"
          "O +U K=a V=2 @12\n"
          "O +U K=a V=null @13\n"
          "O +U K=a V=3 @14\n");
    check("EARLIEST_BY_OFFSET(i, false)", values,
          "O +I K=a V=null @10\n"
          "O +U K=a V=null @11\n"
          "O +U K=a V=null @12\n"
          "O +U K=a V=null @13\n"
          "O +U K=a V=null @14\n");
    check("LATEST_BY_OFFSET(i, 2)", values,
          "O +I K=a V=[] @10\n"
          "O +U K=a V=[1] @11\n"
          "O +U K=a V=[1, 2] @12\n"
          "O +U K=a V=[1, 2] @13\n"
          "O +U K=a V=[2, 3] @14\n");
    check("EARLIEST_BY_OFFSET(i, 2)", values,
          "O +I K=a V=[] @10\n"
          "O +U K=a V=[1] @11\n"
          "O +U K=a V=[1, 2] @12\n"
          "O +U K=a V=[1, 2] @13\n"
          "O +U K=a V=[1, 2] @14\n");
    check("LATEST_BY_OFFSET(i, 2, false)", values,
          "O +I K=a V=[null] @10\n"
          "O +U K=a V=[null, 1] @11\n"
          "O +U K=a V=[1, 2] @12\n"
          "O +U K=a V=[2, null] @13\n"
          "O +U K=a V=[null, 3] @14\n");
    check("EARLIEST_BY_OFFSET(i, 3, false)", values,
          "O +I K=a V=[null] @10\n"
          "O +U K=a V=[null, 1] @11\n"
          "O +U K=a V=[null, 1, 2] @12\n"
          "O +U K=a V=[null, 1, 2] @13\n"
          "O +U K=a V=[null, 1, 2] @14\n");
}

TEST(sum_list_adds_the_items)
{
    check("SUM_LIST(l)",
          (const char *[]){"a{\"l\":[1,2,null]}", "a{}", "a{\"l\":[2147483647]}", NULL},
          "O +I K=a V=3 @10\n"
          "O +U K=a V=3 @11\n"
          "O +U K=a V=-2147483646 @12\n");
    check_table(
        "SUM_LIST(l)",
        (const char *[]){"a{\"g\":\"x\",\"l\":[1,2]}", "b{\"g\":\"x\",\"l\":[5]}", "a", NULL},
        "O +I G=x V=3 @10\n"
        "O +U G=x V=8 @11\n"
        "O +U G=x V=5 @12\n");
}

#define NINES "99999999999999999999" // twenty

TEST(decimals_beyond_38_digits_are_exact)
{
    static const char sql[] =
        "CREATE STREAM s (k STRING KEY, m DECIMAL(43,2)) WITH (KAFKA_TOPIC='s', "
        "VALUE_FORMAT='JSON');\n"
        "CREATE TABLE o AS SELECT k, SUM(m) AS s, MIN(m) AS a, MAX(m) AS z FROM s GROUP BY k;";
    static const char *const values[] = {
        "a{\"m\":null}",
        "a{\"m\":" NINES NINES ".25}",
        "a{\"m\":-0.50}",
        "a{\"m\":" NINES NINES ".50}",
        "a{\"m\":-2" NINES NINES ".75}",
        NULL,
    };
    check_sql(sql, values,
              "O +I K=a S=0.00 A=null Z=null @10\n"
              "O +U K=a S=" NINES NINES ".25 A=" NINES NINES ".25 Z=" NINES NINES ".25 @11\n"
              "O +U K=a S=" NINES "99999999999999999998.75 A=-0.50 Z=" NINES NINES ".25 @12\n"
              "O +U K=a S=199999999999999999999"
              "99999999999999999998.25 A=-0.50 Z=" NINES NINES ".50 @13\n"
              "O +U K=a S=-1"
              "00000000000000000000"
              "00000000000000000001.50 A=-2" NINES NINES ".75 Z=" NINES NINES ".50 @14\n");
}

TEST(a_sum_of_many_digits_is_taken_back_and_merged)
{
    static const char sql[] =
        "CREATE TABLE s (k STRING PRIMARY KEY, g STRING, m DECIMAL(40,0)) WITH (KAFKA_TOPIC='s', "
        "VALUE_FORMAT='JSON');\n"
        "CREATE TABLE o AS SELECT g, SUM(m) AS s FROM s GROUP BY g;";
    static const char *const values[] = {
        "a{\"g\":\"x\",\"m\":5" NINES "}",
        "b{\"g\":\"x\",\"m\":1" NINES "9999999999999999999}",
        "b",
        NULL,
    };
    static const char merged[] =
        "CREATE STREAM s (k STRING KEY, m DECIMAL(40,0)) WITH (KAFKA_TOPIC='s', "
        "VALUE_FORMAT='JSON');\n"
        "CREATE TABLE o AS SELECT k, SUM(m) AS s, MAX(m) AS z FROM s WINDOW SESSION (1 SECOND) "
        "GROUP "
        "BY k;";
    check_sql(sql, values,
              "O +I G=x S=5" NINES " @10\n"
              "O +U G=x S=20000000000000000005"
              "99999999999999999998 @11\n"
              "O +U G=x S=5" NINES " @12\n");
    struct engine s;
    engine_open(&s, &(struct engine_spec){.sql = merged, .outputs = {"O"}});
    engine_begin(&s);
    engine_add(&s, 0, "a", "{\"m\":" NINES NINES "}", 1000);
    engine_add(&s, 0, "a", "{\"m\":-1}", 2900);
    engine_add(&s, 0, "a", "{\"m\":-7" NINES "}", 1950);
    engine_run(&s, 1);
    engine_end(&s);
    assert_non_null(
        strstr(engine_text(&s), "+I K=a S=9999999999999999999199999999999999999999 Z="));
    engine_close(&s);
}

TEST(a_sum_that_does_not_fit_its_digits_stops_the_run)
{
    static const char sql[] =
        "CREATE STREAM s (k STRING KEY, m DECIMAL(40,0)) WITH (KAFKA_TOPIC='s', "
        "VALUE_FORMAT='JSON');\n"
        "CREATE TABLE o AS SELECT k, SUM(m) AS s FROM s GROUP BY k;";
    struct engine s;
    struct err e = {0};
    engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
    engine_begin(&s);
    engine_add(&s, 0, "a", "{\"m\":" NINES NINES "}", 1);
    engine_add(&s, 0, "a", "{\"m\":1}", 2);
    assert_fails(engine_try(&s, 64, &e), &e, ERR_DATA, "SUM");
    engine_abort(&s);
    engine_close(&s);
}

TEST(arguments_that_must_be_literals_are_checked)
{
    check_refused(
        "TOPK(i, i)",
        "Parameter 2 passed to function TOPK must be a literal constant, but was expression: 'I'");
    check_refused("LATEST_BY_OFFSET(i, 0)", "latestN must be 1 or greater");
    check_refused("EARLIEST_BY_OFFSET(i, 0, true)", "earliestN must be 1 or greater");
    check_refused("TOPK(i, 0)", "1 or more");
    check_refused("AVG(t)", "Function 'AVG' does not accept parameters (STRING).");
    check_refused("LATEST_BY_OFFSET(i, 'x')", "does not accept parameters (INTEGER, STRING)");
}

TEST_MAIN(T(avg_skips_nulls_and_is_zero_of_none),
          T(stddev_samp_is_the_variance_and_stddev_sample_the_deviation),
          T(correlation_needs_both_values), T(count_distinct_counts_values_once),
          T(count_distinct_is_exact_for_few_values_and_near_for_many),
          T(collections_keep_order_and_limits), T(histogram_counts_and_takes_back),
          T(attr_is_null_where_rows_differ), T(topk_keeps_the_largest_in_falling_order),
          T(by_offset_takes_one_or_n_with_or_without_nulls), T(sum_list_adds_the_items),
          T(decimals_beyond_38_digits_are_exact), T(a_sum_of_many_digits_is_taken_back_and_merged),
          T(a_sum_that_does_not_fit_its_digits_stops_the_run),
          T(arguments_that_must_be_literals_are_checked))
