#include "tests/support/engine_eval.h"
#include "tests/support/test.h"

#define ALL(cases) engine_eval_all((cases), sizeof(cases) / sizeof *(cases))
#define NO_ARRAY   "CAST(NULL AS ARRAY<INT>)"
#define NO_MAP     "CAST(NULL AS MAP<STRING, INT>)"

TEST(sets_of_items)
{
    static const struct engine_case cases[] = {
        {"ARRAY_DISTINCT(ARRAY[NULL, 1, NULL, 1])", "[null, 1]"},
        {"ARRAY_UNION(l, ARRAY[20, 50])", "[10, 20, null, 40, 50]"},
        {"ARRAY_UNION(l, " NO_ARRAY ")", "null"},
        {"ARRAY_EXCEPT(l, ARRAY[NULL, 10])", "[20, 40]"},
        {"ARRAY_INTERSECT(l, ARRAY[NULL, 10, 11])", "[10, null]"},
        {"ARRAY_REMOVE(l, n)", "[10, 20, 40]"},
        {"ARRAY_REMOVE(" NO_ARRAY ", 1)", "null"},
        {"ARRAY_REMOVE(ARRAY[ARRAY[1], ARRAY[2]], ARRAY[1])", "[[2]]"},
        {"ARRAY_CONCAT(l, " NO_ARRAY ")", "[10, 20, null, 40]"},
        {"ARRAY_CONCAT(" NO_ARRAY ", " NO_ARRAY ")", "null"},
        {"ARRAY_CONCAT(l, ARRAY[9000000000])", "[10, 20, null, 40, 9000000000]"}, // widened
    };
    ALL(cases);
}

TEST(order_of_items)
{
    static const struct engine_case cases[] = {
        {"ARRAY_MAX(l)", "40"},
        {"ARRAY_MIN(" NO_ARRAY ")", "null"},
        {"ARRAY_MAX(ARRAY[CAST(NULL AS INT)])", "null"},
        {"ARRAY_MAX(ARRAY[FALSE, TRUE])", "true"},
        {"ARRAY_MIN(ARRAY[1.5, -2.25])", "-2.25"},
        {"ARRAY_SORT(ARRAY['foo', 'fo', 'Food', NULL, 'F'])", "[F, Food, fo, foo, null]"},
        {"ARRAY_SORT(l, 'descending')", "[40, 20, 10, null]"},
        {"ARRAY_SORT(l, 'up')", "null"},
        {"SLICE(l, 2, 3)", "[20, null]"},
        {"SLICE(l, NULL, 2)", "[10, 20]"},
        {"SLICE(l, 3, NULL)", "[null, 40]"},
        {"SLICE(l, 1, 9)", "null"},
        {"SLICE(l, 0, 1)", "null"},
        {"SLICE(l, 3, 1)", "null"},
        {"ARRAY_JOIN(ARRAY[TRUE, NULL])", "true,null"},
        {"ARRAY_JOIN(l, CAST(NULL AS STRING))", "1020null40"},
        {"ARRAY_JOIN(" NO_ARRAY ")", "null"},
        {"GENERATE_SERIES(3, 0, -2)", "[3, 1]"},
        {"GENERATE_SERIES(0, 3, 0)", "null"},
        {"GENERATE_SERIES(0, 3, -1)", "null"},
        {"GENERATE_SERIES(9000000000, 9000000001)", "[9000000000, 9000000001]"},
        {"GENERATE_SERIES(-2147483648, 2147483647)", "null"}, // too many
        {"CASE WHEN TRUE THEN GENERATE_SERIES(0, 3, 0) ELSE l END", "null"},
    };
    ALL(cases);
}

TEST(maps)
{
    static const struct engine_case cases[] = {
        {"MAP_KEYS(p)", "[two, one]"},
        {"MAP_VALUES(p)", "[2, 1]"},
        {"MAP_VALUES(" NO_MAP ")", "null"},
        {"MAP_UNION(p, MAP('two' := 3))['two']", "3"},
        {"MAP_UNION(p, " NO_MAP ")['two']", "2"},
        {"MAP_UNION(" NO_MAP ", " NO_MAP ")", "null"},
        {"ENTRIES(p, TRUE)[1]->k", "one"},
        {"ENTRIES(" NO_MAP ", TRUE)", "null"},
        {"AS_MAP(ARRAY['a', 'b'], ARRAY[1])", "{a=1, b=null}"},
        {"AS_MAP(ARRAY['a', NULL], ARRAY[1, 2])", "null"},
        {"AS_MAP(ARRAY['a', 'a'], ARRAY[1, 2])", "{a=2}"},
        {"SPLIT_TO_MAP('apple=green, cherry', ', ', '=')", "{apple=green}"},
        {"SPLIT_TO_MAP('a=1;a=2', ';', '=')", "{a=2}"},
        {"SPLIT_TO_MAP('a=1', '=', '=')", "null"},
        {"SPLIT_TO_MAP('a=1', '', '=')", "null"},
    };
    ALL(cases);
}

// Java's HashMap: tables grow at three quarters, small ones begin at the number of entries.
TEST(maps_are_walked_as_java_walks_them)
{
    static const struct engine_case cases[] = {
        {"MAP_KEYS(MAP('yes, thanks' := 1, 'nope' := 2, 'sure, yeah' := 3))",
         "[yes, thanks, sure, yeah, nope]"},
        {"MAP_KEYS(MAP('1' := 1, '2' := 2, '3' := 3, '4' := 4, '20' := 5))", "[1, 2, 3, 4, 20]"},
        {"ENTRIES(MAP('b' := 1, 'a' := 2), FALSE)[1]->k", "a"},
    };
    ALL(cases);
}

TEST(choosing_an_argument)
{
    static const struct engine_case cases[] = {
        {"GREATEST(i, n, 5)", "7"},
        {"GREATEST(n, n)", "null"},
        {"LEAST(1.5, 2.25)", "1.50"},
        {"LEAST(i, d)", "2.5"},
        {"GREATEST(dt, '2022-06-14')", "2022-06-14"},
        {"LEAST(TO_BYTES('b', 'utf8'), TO_BYTES('a', 'utf8'))", "YQ=="},
        {"ELT(0, 'a')", "null"},
        {"ELT(2, 'a')", "null"},
        {"ELT(n, 'a')", "null"},
        {"FIELD('c', 'a', NULL, 'c')", "3"},
        {"FIELD(CAST(NULL AS STRING), 'a', NULL)", "0"},
    };
    ALL(cases);
}

TEST(numbers_of_doubles)
{
    static const struct engine_case cases[] = {
        {"TRUNC(1.7E0)", "1"},
        {"TRUNC(-1.7E0)", "-1"},
        {"TRUNC(12345.678E0, 2)", "12345.67"},
        {"TRUNC(12345.678E0, -2)", "12300.0"},
        {"TRUNC(m)", "12"},
        {"TRUNC(-12.39, 1)", "-12.30"},
        {"TRUNC(i, 5)", "7"},
        {"SQRT(-1)", "NaN"},
        {"LN(0)", "-Infinity"},
        {"POWER(1, LN(-1))", "NaN"},
        {"POWER(15, -1)", "0.06666666666666667"},
        {"LOG(13)", "2.5649493574615367"},
        {"CBRT(-27)", "-3.0"},
        {"GEO_DISTANCE(0, 0, 0, n)", "null"},
        {"GEO_DISTANCE(91, 0, 0, 0)", "null"},
        {"ROUND(GEO_DISTANCE(37.4439, -122.1663, 51.5257, -0.1122, 'miles'), 3)", "5365.66"},
        {"GEO_DISTANCE(0, 0, 0, 0, 'leagues')", "null"},
    };
    ALL(cases);
}

TEST_MAIN(T(sets_of_items), T(order_of_items), T(maps), T(maps_are_walked_as_java_walks_them),
          T(choosing_an_argument), T(numbers_of_doubles))
