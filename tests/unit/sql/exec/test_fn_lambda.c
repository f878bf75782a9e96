#include "tests/support/engine.h"
#include "tests/support/engine_eval.h"
#include "tests/support/test.h"

#include <stdio.h>

#define ALL(cases) engine_eval_all((cases), sizeof(cases) / sizeof *(cases))
#define NO_ARRAY   "CAST(NULL AS ARRAY<INT>)"
#define NO_MAP     "CAST(NULL AS MAP<STRING, INT>)"

TEST(transform_makes_every_element_anew)
{
    static const struct engine_case cases[] = {
        {"TRANSFORM(l, x => x * 2)", "null"}, // NULL * 2 throws
        {"TRANSFORM(l, x => IFNULL(x, 0) + i)", "[17, 27, 7, 47]"},
        {"TRANSFORM(l, x => 'a')", "[a, a, a, a]"},
        {"TRANSFORM(l, x => ARRAY[x, 1])", "[[10, 1], [20, 1], [null, 1], [40, 1]]"},
        {"TRANSFORM(" NO_ARRAY ", x => x)", "null"},
        {"TRANSFORM(SPLIT(s, ' '), w => UCASE(w))", "[HELLO, WORLD]"},
        {"TRANSFORM(ARRAY[STRUCT(a := 1, b := 'x')], r => STRUCT(c := r->b, d := r->a + 1))",
         "[Struct{C=x,D=2}]"},
        {"TRANSFORM(p, (k, v) => UCASE(k), (k, v) => v + LEN(k))['TWO']", "5"},
        {"TRANSFORM(p, (k, v) => 'same', (k, v) => v)", "null"},
        {"TRANSFORM(p, (k, v) => CAST(NULL AS STRING), (k, v) => v)", "null"},
        {"TRANSFORM(" NO_MAP ", (k, v) => k, (k, v) => v)", "null"},
        {"ARRAY_LENGTH(TRANSFORM(ARRAY_REMOVE(ARRAY[1], 1), x => x))", "0"},
    };
    ALL(cases);
}

TEST(filter_keeps_what_the_condition_holds_for)
{
    static const struct engine_case cases[] = {
        {"FILTER(l, x => x > 10)", "[20, 40]"},
        {"FILTER(l, x => x % 20 = 0)", "null"},
        {"FILTER(l, x => x IS NULL)", "[null]"},
        {"FILTER(l, x => CAST(NULL AS BOOLEAN))", "null"},
        {"FILTER(p, (k, v) => k LIKE 't%' AND v = 2)", "{two=2}"},
        {"FILTER(p, (k, v) => FALSE)", "{}"},
        {"FILTER(" NO_MAP ", (k, v) => TRUE)", "null"},
    };
    ALL(cases);
}

TEST(reduce_takes_a_state_through_the_elements)
{
    static const struct engine_case cases[] = {
        {"REDUCE(ARRAY[1, 2, 3], 0, (s, x) => s + x)", "6"},
        {"REDUCE(l, 0, (s, x) => s + x)", "null"},
        {"REDUCE(l, 0, (s, x) => CASE WHEN x IS NULL THEN s ELSE s + x END)", "70"},
        {"REDUCE(" NO_ARRAY ", 5, (s, x) => s + x)", "5"},
        {"REDUCE(l, n, (s, x) => 1)", "null"},
        {"REDUCE(ARRAY['a', 'b', 'c'], '', (s, x) => CONCAT(x, s))", "cba"},
        {"REDUCE(ARRAY['ab', 'cd'], 'xyz', (s, x) => SUBSTRING(s, 2))", "z"},
        {"REDUCE(p, 100, (s, k, v) => s * 10 + v)", "10021"}, // two, then one
        {"REDUCE(GENERATE_SERIES(1, 1000), CAST(0 AS BIGINT), (s, x) => s + x)", "500500"},
        {"REDUCE(ARRAY[1, 2], ARRAY[0], (s, x) => ARRAY_CONCAT(s, ARRAY[x]))", "[0, 1, 2]"},
    };
    ALL(cases);
}

TEST(lambdas_nest_and_capture)
{
    static const struct engine_case cases[] = {
        {"TRANSFORM(ARRAY[1, 2], x => TRANSFORM(ARRAY[10, 20], y => x * y + i))",
         "[[17, 27], [27, 47]]"},
        {"TRANSFORM(ARRAY[ARRAY[1, 2], ARRAY[3]], a => REDUCE(a, 0, (s, x) => s + x))", "[3, 3]"},
        {"REDUCE(ARRAY[1, 2], 0, (s, x) => s + REDUCE(ARRAY[1, 1], 0, (t, y) => t + y * x))", "6"},
        {"TRANSFORM(ARRAY[1], i => i + b)", "[9000000001]"}, // the parameter, not the column
        {"TRANSFORM(ARRAY[1, 2], x => ROWTIME + x)[2]", "1526075913002"},
        {"REDUCE(FILTER(TRANSFORM(p, (k, v) => CONCAT(k, 'x'), (k, v) => v), (k, v) => v > 1), 0, "
         "(s, k, v) => s + LEN(k))",
         "4"},
        {"CASE WHEN i = 8 THEN TRANSFORM(l, x => x / 0) ELSE TRANSFORM(ARRAY[1], x => x) END",
         "[1]"},
        {"IFNULL(TRANSFORM(l, x => x / 0), ARRAY[9])", "[9]"},
    };
    ALL(cases);
}

// Rows of many lengths at once and one by one: the flattened blocks differ, the results do not.
static void run_rows(char out[2048], uint32_t window)
{
    static const char *const rows[] = {
        "{\"l\":[1,2,3]}",  "{\"l\":[]}",         "{\"l\":null}",
        "{\"l\":[5,null]}", "{\"l\":[7,8,9,10]}", "{\"l\":[0]}",
    };
    struct engine s;
    const char *sql = "CREATE STREAM a (k STRING KEY, l ARRAY<INT>) WITH (KAFKA_TOPIC='a', "
                      "VALUE_FORMAT='JSON');\n"
                      "CREATE STREAM o AS SELECT k, REDUCE(l, 1, (s, x) => s * 10 + x) AS r, "
                      "TRANSFORM(FILTER(l, x => x > 1), x => 100 / (x - 8)) AS t, "
                      "CASE WHEN l[1] > 4 THEN FILTER(l, x => x <> 8) ELSE l END AS c "
                      "FROM a EMIT CHANGES;";
    engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
    engine_begin(&s);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            engine_add(&s, 0, "k", rows[i], 1000);
    engine_run(&s, window);
    engine_end(&s);
    (void)snprintf(out, 2048, "%s", engine_text(&s));
    engine_close(&s);
}

TEST(many_rows_at_once_are_as_one_by_one)
{
    char one[2048];
    char many[2048];
    run_rows(one, 1);
    run_rows(many, 64);
    assert_string_equal(one, many);
    assert_non_null(strstr(many, "R=1123 T=[-16, -20] C=[1, 2, 3]"));
    assert_non_null(strstr(many, "R=1 T=[] C=[]"));
    assert_non_null(strstr(many, "R=1 T=null C=null"));
    assert_non_null(strstr(many, "R=null T=[-33] C=[5]"));
    assert_non_null(strstr(many, "R=17900 T=null C=[7, 9, 10]"));
    assert_non_null(strstr(many, "R=10 T=[] C=[0]"));
}

TEST_MAIN(T(transform_makes_every_element_anew), T(filter_keeps_what_the_condition_holds_for),
          T(reduce_takes_a_state_through_the_elements), T(lambdas_nest_and_capture),
          T(many_rows_at_once_are_as_one_by_one))
