// The parser and the printer: print, parse, print gives the same text again.
#include "sql/parser.h"
#include "sql/print.h"
#include "tests/support/test.h"

#include "base/buf.h"

#include <stdio.h>
#include <time.h>

#define TEXT_MAX ((size_t)64 << 20)

static struct str print_script(struct arena *a, const struct ast_script *script)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < script->n; i++) {
        print_statement(&text, script->v[i]);
        buf_text(&text, ";\n");
    }
    assert_false(text.failed);
    const struct str out = arena_str(a, buf_view(&text));
    buf_fini(&text);
    return out;
}

static struct str parse_print(struct arena *a, struct str text)
{
    const struct sql_script script = {"t.sql", text};
    struct ast_script out;
    struct err e;
    err_clear(&e);
    assert_ok(parser_run(&out, a, &script, 1, &e), &e);
    return print_script(a, &out);
}

static void round_trip(const char *sql, const char *printed)
{
    struct arena *a = arena_new(NULL);
    const struct str once = parse_print(a, str_from(sql));
    if (printed)
        assert_str(once, printed);
    const struct str twice = parse_print(a, once);
    assert_int_equal(once.n, twice.n);
    assert_memory_equal(once.p, twice.p, once.n);
    arena_free(a);
}

static void expression(const char *sql, const char *printed)
{
    struct arena *a = arena_new(NULL);
    struct ast_expr *x;
    struct err e;
    struct buf text;
    const char *from = sql;
    err_clear(&e);
    buf_init(&text, TEXT_MAX);
    for (int pass = 0; pass < 2; pass++) {
        const struct sql_script script = {"t.sql", str_from(from)};
        assert_ok(parser_expression(&x, a, &script, &e), &e);
        buf_clear(&text);
        print_ast(&text, x);
        assert_str(buf_view(&text), printed);
        from = printed;
    }
    buf_fini(&text);
    arena_free(a);
}

static void fails(const char *sql, const char *part, unsigned line, unsigned column)
{
    struct arena *a = arena_new(NULL);
    const struct sql_script script = {"t.sql", str_from(sql)};
    struct ast_script out;
    struct err e;
    err_clear(&e);
    assert_fails(parser_run(&out, a, &script, 1, &e), &e, ERR_SQL, part);
    assert_string_equal(e.file, "t.sql");
    assert_int_equal(e.line, line);
    assert_int_equal(e.column, column);
    arena_free(a);
}

TEST(operators_bind_as_in_ksqldb)
{
    expression("a + b * c - d % 2", "((A + (B * C)) - (D % 2))");
    expression("a || b + c || d", "((A || (B + C)) || D)");
    expression("not a and b or c", "(((NOT A) AND B) OR C)");
    expression("a = 1 and b <> 2 or not c >= 3", "(((A = 1) AND (B <> 2)) OR (NOT (C >= 3)))");
    expression("-a * -1", "(-A * -1)");
    expression("- - 1", "-(-1)");
    expression("a -1", "(A - 1)");
    expression("+-x", "+(-X)");
    expression("a and b and c and d", "(((A AND B) AND C) AND D)");
    expression("a and (b and c)", "(A AND (B AND C))");
}

TEST(predicates_have_their_forms)
{
    expression("a between 1 and 2 and b", "((A BETWEEN 1 AND 2) AND B)");
    expression("a not between 1 and 2", "(NOT (A BETWEEN 1 AND 2))");
    expression("a in (1, 'x', null)", "(A IN (1, 'x', NULL))");
    expression("a not in (1)", "(NOT (A IN (1)))");
    expression("a like '%!_' escape '!'", "(A LIKE '%!_' ESCAPE '!')");
    expression("a is null", "(A IS NULL)");
    expression("a is not null", "(A IS NOT NULL)");
    expression("a is distinct from b", "(A IS DISTINCT FROM B)");
    expression("a is not distinct from null", "(A IS NOT DISTINCT FROM NULL)");
}

TEST(primaries_have_their_forms)
{
    expression("s.`Col`->f[1]['k']->g", "S.`Col`->F[1]['k']->G");
    expression("case when a then 1 else 2 end", "(CASE WHEN A THEN 1 ELSE 2 END)");
    expression("case x when 1 then 'a' when 2 then 'b' end",
               "(CASE X WHEN 1 THEN 'a' WHEN 2 THEN 'b' END)");
    expression("cast(a as decimal(4, 2))", "CAST(A AS DECIMAL(4, 2))");
    expression("cast(a as array<struct<x int, `y` map<string, double>>>)",
               "CAST(A AS ARRAY<STRUCT<X INT, `y` MAP<STRING, DOUBLE>>>)");
    expression("array[1, 2]", "ARRAY[1, 2]");
    expression("array[]", "ARRAY[]");
    expression("map('a' := 1, 'b' := 2)", "MAP('a':=1, 'b':=2)");
    expression("struct(a := 1, `b` := 2)", "STRUCT(A:=1, `b`:=2)");
    expression("count(*)", "COUNT(*)");
    expression("f()", "F()");
    expression("transform(a, x => x + 1)", "TRANSFORM(A, X => (X + 1))");
    expression("reduce(m, 0, (s, v) => s + v)", "REDUCE(M, 0, (S, V) => (S + V))");
    expression("dateadd(days, 1, d)", "DATEADD(DAYS, 1, D)");
    expression("timestamp '2020-01-01'", "TIMESTAMP '2020-01-01'");
    expression("rowtime at time zone 'UTC'", "(ROWTIME AT TIME ZONE 'UTC')");
    expression("1.50 + 1e3", "(1.50 + 1e3)");
    expression("'it''s'", "'it''s'");
    expression("TRUE", "true");
}

TEST(words_that_are_not_reserved_are_names)
{
    expression("date + time + timestamp + type + month + day + year + key + id + source",
               "(((((((((DATE + TIME) + TIMESTAMP) + TYPE) + MONTH) + DAY) + YEAR) + KEY) + ID) + "
               "SOURCE)");
    expression("sink || schema || string || zone || emit || partition",
               "(((((SINK || SCHEMA) || STRING) || ZONE) || EMIT) || PARTITION)");
    round_trip("SELECT emit EMIT FROM partition PARTITION BY key EMIT CHANGES;",
               "SELECT EMIT EMIT\nFROM PARTITION\nPARTITION BY KEY\nEMIT CHANGES;\n");
}

TEST(every_statement_of_the_grammar_parses_and_prints)
{
    static const char *const statements[] = {
        ("CREATE STREAM s (k INT KEY, v ARRAY<INT>, h ARRAY<STRUCT<key STRING, value BYTES>> "
         "HEADERS, "
         "h1 BYTES HEADER('x')) WITH (kafka_topic='t', partitions=3, wrap_single_value=false)"),
        "CREATE OR REPLACE TABLE IF NOT EXISTS t (id INT PRIMARY KEY) WITH ('a'=null, b=-1.5)",
        "CREATE SOURCE TABLE t WITH (format='JSON')",
        ("CREATE STREAM s AS SELECT *, a.*, b->*, c AS d, e f FROM x a WHERE y GROUP BY (a, b) "
         "HAVING z EMIT FINAL LIMIT 3"),
        ("CREATE TABLE t WITH (partitions=1) AS SELECT a FROM s WINDOW TUMBLING (SIZE 1 HOUR, "
         "RETENTION 2 DAYS, GRACE PERIOD 10 MINUTES) GROUP BY a"),
        ("CREATE TABLE t AS SELECT a FROM s WINDOW w HOPPING (SIZE 1 HOUR, ADVANCE BY 10 SECONDS) "
         "GROUP BY a + 1, b"),
        ("CREATE TABLE t AS SELECT a FROM s WINDOW SESSION (5 MILLISECONDS, GRACE PERIOD 1 DAY) "
         "GROUP BY a"),
        ("CREATE STREAM s AS SELECT a FROM l LEFT JOIN r ON l.a = r.a INNER JOIN z WITHIN (1 HOUR, "
         "2 "
         "DAYS) GRACE PERIOD 1 MINUTE ON l.a = z.a FULL OUTER JOIN q WITHIN 1 HOUR ON true "
         "RIGHT JOIN p ON true JOIN o ON true PARTITION BY ()"),
        "INSERT INTO s SELECT * FROM t PARTITION BY NULL",
        "INSERT INTO s WITH (query_id='q') SELECT * FROM t",
        "INSERT INTO s (a, b) VALUES (1, 'x')",
        "INSERT INTO s VALUES ()",
        "SELECT * FROM s EMIT CHANGES LIMIT 1",
        "DROP STREAM IF EXISTS s DELETE TOPIC",
        "DROP TABLE t",
        "DROP TYPE IF EXISTS x",
        "DROP CONNECTOR c",
        "ALTER STREAM s ADD COLUMN a INT, ADD b STRING",
        "ALTER TABLE s ADD a INT",
        "ALTER SYSTEM 'a'='b'",
        "CREATE TYPE IF NOT EXISTS address AS STRUCT<street VARCHAR(20), zip INT>",
        "CREATE SINK CONNECTOR IF NOT EXISTS c WITH ('connector.class'='x')",
        "CREATE SOURCE CONNECTOR c WITH (a='x')",
        "SET 'a'='b'",
        "UNSET 'a'",
        "DEFINE x = 'it''s'",
        "UNDEFINE x",
        "SHOW STREAMS EXTENDED",
        "LIST ALL TOPICS",
        "DESCRIBE s EXTENDED",
        "DESCRIBE FUNCTION abs",
        "EXPLAIN SELECT * FROM s",
        "EXPLAIN query_1",
        "PRINT 'topic' FROM BEGINNING INTERVAL 2 LIMIT 3",
        "TERMINATE ALL",
        "TERMINATE CSAS_X_1",
        "PAUSE ALL",
        "RESUME CTAS_X_1",
        "RUN SCRIPT 'x.sql'",
        "ASSERT VALUES s (a) VALUES (1)",
        "ASSERT NULL VALUES s (a) KEY (1)",
        "ASSERT STREAM s (a INT KEY) WITH (a='b')",
        "ASSERT TABLE t",
        "ASSERT NOT EXISTS TOPIC x TIMEOUT 1 SECONDS",
        "ASSERT SCHEMA SUBJECT x",
    };
    char text[1024];
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        snprintf(text, sizeof text, "%s;", statements[i]);
        round_trip(text, NULL);
    }
}

TEST(variables_are_put_in_where_they_stand)
{
    round_trip("DEFINE f='JSON'; DEFINE n='my_stream'; DEFINE k='3';"
               "CREATE STREAM ${n} (a INT) WITH (value_format='${f}', kafka_topic='${n}-${x}',"
               "partitions=${k}); UNDEFINE k;",
               "DEFINE F = 'JSON';\nDEFINE N = 'my_stream';\nDEFINE K = '3';\n"
               "CREATE STREAM MY_STREAM (A INT) WITH (VALUE_FORMAT='JSON', "
               "KAFKA_TOPIC='my_stream-${x}', PARTITIONS=3);\nUNDEFINE K;\n");
}

TEST(errors_say_where_and_what_was_expected)
{
    fails("CREATE STREAM s (a INT", "end of script, expecting ',' or ')'", 1, 23);
    fails("SELECT a FROM s", "expecting ';'", 1, 16);
    fails("SELECT a,\n  FROM s;", "unexpected 'FROM', expecting an expression", 2, 3);
    fails("FOO;", "expecting a statement", 1, 1);
    fails("CREATE TABLE t AS SELECT COUNT(*) FROM s GROUP BY a AND b;", "unexpected 'AND'", 1, 53);
    fails("CREATE STREAM s (a NULL);", "unexpected 'NULL', expecting a type", 1, 20);
    fails("CREATE STREAM s (a DECIMAL(99999, 2));", "out of range", 1, 28);
    fails("SELECT a = b = c FROM s;", "unexpected '='", 1, 14);
    fails("SELECT ${x} FROM s;", "variable 'x' is not defined", 1, 8);
    fails("SHOW;", "expecting STREAMS", 1, 5);
}

static struct str repeat(struct arena *a, const char *head, const char *part, size_t n,
                         const char *tail)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    buf_text(&text, head);
    for (size_t i = 0; i < n; i++)
        buf_text(&text, part);
    buf_text(&text, tail);
    const struct str out = arena_str(a, buf_view(&text));
    buf_fini(&text);
    return out;
}

static bool parses(struct arena *a, struct str text, struct err *e)
{
    const struct sql_script script = {"t.sql", text};
    struct ast_script out;
    err_clear(e);
    return parser_run(&out, a, &script, 1, e);
}

TEST(nesting_is_bounded_and_says_so)
{
    static const char *const parts[] = {"(",      "- ", "NOT ",  "f(",  "CASE WHEN ",
                                        "ARRAY[", "a[", "CAST(", "x=>", "STRUCT(a:="};
    struct arena *a = arena_new(NULL);
    struct err e;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert_false(parses(a, repeat(a, "SELECT f(", parts[i], 100000, ";"), &e));
        assert_non_null(strstr(e.text, i == 8 ? "" : "nested too deeply"));
    }
    assert_false(parses(a, repeat(a, "SELECT a", "->b", 100000, " FROM s;"), &e));
    assert_non_null(strstr(e.text, "nested too deeply"));
    assert_false(parses(a, repeat(a, "SELECT a", "+b", 100000, " FROM s;"), &e));
    assert_non_null(strstr(e.text, "nested too deeply"));
    assert_false(parses(a, repeat(a, "CREATE TYPE x AS ", "ARRAY<", 100000, ";"), &e));
    assert_non_null(strstr(e.text, "nested too deeply"));
    assert_false(parses(a, repeat(a, "", "EXPLAIN ", 100000, ";"), &e));
    assert_non_null(strstr(e.text, "nested too deeply"));
    struct str closing = repeat(a, "a", ")", 90, " FROM s;");
    assert_true(parses(a, repeat(a, "SELECT ", "(", 90, closing.p), &e));
    arena_free(a);
}

TEST(long_flat_text_is_read_in_one_pass)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    const clock_t start = clock();
    assert_true(
        parses(a, repeat(a, "SELECT CASE", " WHEN a = 1 THEN 'x'", 50000, " END FROM s;"), &e));
    assert_true(parses(a, repeat(a, "SELECT a", " AND b", 100000, " FROM s;"), &e));
    assert_true(parses(a, repeat(a, "SELECT a", ", b", 100000, " FROM s;"), &e));
    assert_true(parses(a, repeat(a, "SELECT a IN (1", ", 2", 100000, ") FROM s;"), &e));
    assert_true(parses(a, repeat(a, "", "SELECT a FROM s;\n", 30000, ""), &e));
    // far from a measurement: a quadratic pass over these would take minutes
    assert_true((clock() - start) / CLOCKS_PER_SEC < 30);
    arena_free(a);
}

TEST_MAIN(T(operators_bind_as_in_ksqldb), T(predicates_have_their_forms),
          T(primaries_have_their_forms), T(words_that_are_not_reserved_are_names),
          T(every_statement_of_the_grammar_parses_and_prints),
          T(variables_are_put_in_where_they_stand), T(errors_say_where_and_what_was_expected),
          T(nesting_is_bounded_and_says_so), T(long_flat_text_is_read_in_one_pass))
