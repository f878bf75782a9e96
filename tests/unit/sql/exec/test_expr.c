#include "tests/support/engine_eval.h"
#include "tests/support/test.h"

#define ALL(cases) engine_eval_all((cases), sizeof(cases) / sizeof *(cases))

TEST(arithmetic_follows_the_types_of_ksqldb)
{
    static const struct engine_case cases[] = {
        {"i + 1", "8"},
        {"i * 1000000 * 1000", "-1589934592"}, // wraps at 32 bits
        {"i / 2", "3"},
        {"-i / 2", "-3"},
        {"-7 % 3", "-1"},
        {"b + i", "9000000007"},
        {"b * b", "7213023705161793536"}, // wraps at 64 bits
        {"d * 2", "5.0"},
        {"i / 2.0", "3.500000"},
        {"m + 1", "13.34"},
        {"m * m", "152.2756"},
        {"m - 0.345", "11.995"},
        {"m + d", "14.84"},
        {"d / 0", "Infinity"},
        {"-m", "-12.34"},
        {"s + '!'", "Hello World!"},
        {"CAST(-2147483648 AS INT) / -1", "-2147483648"},
    };
    ALL(cases);
}

TEST(an_exception_or_a_null_operand_makes_the_whole_column_null)
{
    static const struct engine_case cases[] = {
        {"i / 0", "null"},
        {"i % 0", "null"},
        {"m / 0", "null"},
        {"n + 1", "null"},
        {"COALESCE(n + i, 0)", "null"},
        {"COALESCE(n, 5)", "5"},
        {"CASE WHEN n + 1 > 0 THEN 1 ELSE 2 END", "null"},
        {"ARRAY[i, i / 0]", "[7, null]"},
        {"STRUCT(a := i, b := i / 0)", "Struct{A=7}"},
        {"COALESCE(PARSE_DATE('x', 'yyyy'), PARSE_DATE('2020-01-02', 'yyyy-MM-dd'))", "2020-01-02"},
        {"CAST('x' AS INT)", "null"},
        {"CAST(1234567.0 AS DECIMAL(3,1))", "null"},
    };
    ALL(cases);
}

TEST(logic_is_two_valued)
{
    static const struct engine_case cases[] = {
        {"n = 1", "false"},
        {"n <> 1", "false"},
        {"n < 1", "false"},
        {"NOT (n = 1)", "true"},
        {"n IS NULL", "true"},
        {"i IS NOT NULL", "true"},
        {"n IS DISTINCT FROM 1", "true"},
        {"n IS NOT DISTINCT FROM n", "true"},
        {"i BETWEEN 7 AND 8", "true"},
        {"i NOT BETWEEN 7 AND 8", "false"},
        {"n BETWEEN 1 AND 2", "false"},
        {"x IN (STRUCT(a := '5', c := 'in'))", "true"}, // literals inside of constructors too
        {"x IN (STRUCT(a := 5), STRUCT(c := 'in'))", "false"},
        {"ARRAY[1, 2] IN (ARRAY['1', '2'])", "true"},
        {"MAP('a' := 1) IN (MAP('a' := '1'))", "true"},
        {"i IN (1, 7)", "true"},
        {"i NOT IN (1, 7)", "false"},
        {"n IN (1, 2)", "false"},
        {"m = 12.340", "true"},
        {"m > i", "true"},
        {"d >= m", "false"},
        {"s = 'Hello World' AND i = 7 AND b > 1", "true"},
        {"n = 1 OR i = 7", "true"},
        {"i = 7 OR 1 / (i - 7) > 0", "true"}, // the right side is not reached
        {"i <> 7 AND 1 / (i - 7) > 0", "false"},
        {"x = x", "true"},
    };
    ALL(cases);
}

TEST(case_evaluates_only_the_branch_it_takes)
{
    static const struct engine_case cases[] = {
        {"CASE WHEN i = 0 THEN 1 / 0 WHEN i = 7 THEN 70 ELSE 1 / 0 END", "70"},
        {"CASE WHEN n = 1 THEN 'a' ELSE 'b' END", "b"},
        {"CASE WHEN i = 0 THEN 'a' END", "null"},
        {"CASE i WHEN 7 THEN 'seven' ELSE 'other' END", "seven"},
        {"CASE WHEN i = 7 THEN l ELSE ARRAY[1] END", "[10, 20, null, 40]"},
        {"CASE WHEN i = 7 THEN 1 ELSE 2.5 END", "1.0"},
        {"CASE WHEN i = 8 THEN x->c ELSE NULL END", "null"},
    };
    ALL(cases);
}

TEST(fields_and_items_are_reached)
{
    static const struct engine_case cases[] = {
        {"x->a", "5"},
        {"x->c", "in"},
        {"l[1]", "10"},
        {"l[-1]", "40"},
        {"l[0]", "null"},
        {"l[9]", "null"},
        {"l[3]", "null"},
        {"p['two']", "2"},
        {"p['none']", "null"},
        {"ARRAY[3, 4][2]", "4"},
        {"MAP('a' := 1)['a']", "1"},
        {"ROWTIME", "1526075913000"},
        {"ROWOFFSET", "0"},
        {"ROWPARTITION", "0"},
    };
    ALL(cases);
}

TEST(like_matches_wildcards_and_escapes)
{
    static const struct engine_case cases[] = {
        {"s LIKE 'Hello%'", "true"},
        {"s LIKE '%World'", "true"},
        {"s LIKE '%lo W%'", "true"},
        {"s LIKE 'hello%'", "false"},
        {"s LIKE 'H_llo World'", "true"},
        {"s LIKE 'Hello'", "false"},
        {"t LIKE '_t_'", "true"},
        {"s NOT LIKE 'x%'", "true"},
        {"'50%' LIKE '50!%' ESCAPE '!'", "true"},
        {"'501' LIKE '50!%' ESCAPE '!'", "false"},
        {"'aab' LIKE '%ab'", "true"},
        {"'' LIKE '%'", "true"},
    };
    ALL(cases);
}

TEST(casts_convert_between_types)
{
    static const struct engine_case cases[] = {
        {"CAST(d AS INT)", "2"},
        {"CAST(m AS BIGINT)", "12"},
        {"CAST(m AS DOUBLE)", "12.34"},
        {"CAST(2.345 AS DECIMAL(5,2))", "2.35"},
        {"CAST(' 42 ' AS INT)", "42"},
        {"CAST('yes' AS BOOLEAN)", "true"},
        {"CAST(i AS STRING)", "7"},
        {"CAST(d AS STRING)", "2.5"},
        {"CAST(ts AS STRING)", "2018-05-11T21:58:33.000"},
        {"CAST(l AS ARRAY<STRING>)", "[10, 20, null, 40]"},
        {"CAST(b AS INT)", "410065408"},
    };
    ALL(cases);
}

TEST_MAIN(T(arithmetic_follows_the_types_of_ksqldb),
          T(an_exception_or_a_null_operand_makes_the_whole_column_null), T(logic_is_two_valued),
          T(case_evaluates_only_the_branch_it_takes), T(fields_and_items_are_reached),
          T(like_matches_wildcards_and_escapes), T(casts_convert_between_types))
