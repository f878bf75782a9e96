// Table functions: rows of arrays, several side by side, and how the rest of a query sees them.
#include "tests/support/engine.h"
#include "tests/support/test.h"

#define S_SQL                                                                                \
    "CREATE STREAM s (k STRING KEY, l ARRAY<INT>, m ARRAY<STRING>, f ARRAY<STRUCT<x INT, y " \
    "INT>>, "                                                                                \
    "i INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');\n"

static void check(const char *sql, const char *const *values, const char *want)
{
    for (uint32_t window = 1; window < 100; window *= 9) {
        struct engine s;
        engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
        engine_begin(&s);
        for (int64_t i = 0; values[i]; i++)
            engine_add(&s, 0, "a", values[i][0] ? values[i] : NULL, 10 + i);
        engine_run(&s, window);
        engine_end(&s);
        assert_string_equal(engine_text(&s), want);
        engine_close(&s);
    }
}

TEST(a_row_for_each_item_none_for_empty_and_null_arrays)
{
    check(S_SQL "CREATE STREAM o AS SELECT k, EXPLODE(l) AS v, i FROM s;",
          (const char *[]){"{\"l\":[3,null],\"i\":7}", "{\"l\":[]}", "{}", "", "{\"l\":[4]}", NULL},
          "O +I K=a V=3 I=7 @10\nO +I K=a V=null I=7 @10\nO +I K=a V=4 I=null @14\n");
}

TEST(the_shorter_of_several_arrays_is_padded_with_null)
{
    check(S_SQL "CREATE STREAM o AS SELECT k, EXPLODE(l) AS v, EXPLODE(m) AS w FROM s;",
          (const char *[]){"{\"l\":[1],\"m\":[\"p\",\"q\"]}", "{\"l\":[2]}", "{}", NULL},
          "O +I K=a V=1 W=p @10\nO +I K=a V=null W=q @10\nO +I K=a V=2 W=null @11\n");
}

TEST(items_are_values_in_expressions_filters_come_first)
{
    check(S_SQL "CREATE STREAM o AS SELECT k, EXPLODE(l) * 10 + i AS v, EXPLODE(f)->x AS x, "
                "EXPLODE(ARRAY[i, i + 1]) AS n FROM s WHERE i > 1;",
          (const char *[]){"{\"l\":[1,2],\"f\":[{\"x\":5,\"y\":6}],\"i\":3}", "{\"l\":[1],\"i\":1}",
                           NULL},
          "O +I K=a V=13 X=5 N=3 @10\nO +I K=a V=23 X=null N=4 @10\n");
}

TEST(rows_of_a_table_function_can_be_partitioned_and_aggregated)
{
    check(S_SQL "CREATE STREAM p AS SELECT i, EXPLODE(m) AS w FROM s PARTITION BY i;\n"
                "CREATE TABLE o AS SELECT w, COUNT(*) AS n, SUM(i) AS si FROM p GROUP BY w;",
          (const char *[]){"{\"m\":[\"p\",\"q\",\"p\"],\"i\":1}", "{\"m\":[\"q\"],\"i\":5}", NULL},
          "O +I W=p N=1 SI=1 @10\nO +I W=q N=1 SI=1 @10\nO +U W=p N=2 SI=2 @10\n"
          "O +U W=q N=2 SI=6 @11\n");
}

TEST(cube_explode_gives_every_combination_once)
{
    check(S_SQL "CREATE STREAM o AS SELECT k, CUBE_EXPLODE(m) AS c FROM s;",
          (const char *[]){"{\"m\":[\"p\",\"q\"]}", "{\"m\":[\"p\",null]}", "{\"m\":null}",
                           "{\"m\":[]}", NULL},
          "O +I K=a C=[null, null] @10\nO +I K=a C=[null, q] @10\nO +I K=a C=[p, null] @10\n"
          "O +I K=a C=[p, q] @10\nO +I K=a C=[null, null] @11\nO +I K=a C=[p, null] @11\n"
          "O +I K=a C=[] @13\n");
}

TEST(a_cube_of_too_many_items_gives_no_rows_but_the_others_do)
{
    check(
        S_SQL "CREATE STREAM o AS SELECT k, CUBE_EXPLODE(l) AS c, EXPLODE(m) AS w FROM s;",
        (const char *[]){"{\"l\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],\"m\":[\"p\"]}", NULL},
        "O +I K=a C=null W=p @10\n");
}

TEST_MAIN(T(a_row_for_each_item_none_for_empty_and_null_arrays),
          T(the_shorter_of_several_arrays_is_padded_with_null),
          T(items_are_values_in_expressions_filters_come_first),
          T(rows_of_a_table_function_can_be_partitioned_and_aggregated),
          T(cube_explode_gives_every_combination_once),
          T(a_cube_of_too_many_items_gives_no_rows_but_the_others_do))
