// What golden files cannot show well: limits, several scripts, what does not take for ever.
#include "sql/sql.h"
#include "tests/support/test.h"

#include "base/buf.h"

#include <time.h>

#define TEXT_MAX ((size_t)64 << 20)
#define SOURCE   "CREATE STREAM s (a INT, b STRING) WITH (kafka_topic='s', value_format='JSON');"

static bool plan_text(const struct plan **out, struct arena *a, const struct buf *text,
                      struct err *e)
{
    const struct sql_script script = {"t.sql", buf_view(text)};
    err_clear(e);
    return sql_plan(out, a, &script, 1, e);
}

// head, then part n times (%u in it is the number), then tail; and what became of it.
struct outcome {
    bool ok;
    struct err e;
    uint32_t objects;
    double seconds;
};

static struct outcome run(const char *head, const char *part, unsigned n, const char *tail)
{
    struct arena *a = arena_new(NULL);
    struct outcome out = {0};
    const struct plan *plan = NULL;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    buf_text(&text, head);
    for (unsigned i = 0; i < n; i++) {
        struct str rest = str_from(part), before;
        while (str_split_once(&before, &rest, rest, '#')) {
            buf_str(&text, before);
            buf_printf(&text, "%u", i + (rest.n && rest.p[0] == '+'));
            rest = str_slice(rest, rest.n && rest.p[0] == '+', rest.n);
        }
        buf_str(&text, rest);
    }
    buf_text(&text, tail);
    const clock_t start = clock();
    out.ok = plan_text(&plan, a, &text, &out.e);
    if (out.ok) {
        out.objects = plan->object_count;
        buf_clear(&text);
        logical_print(&text, plan);
    }
    out.seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    buf_fini(&text);
    arena_free(a);
    return out;
}

static void refused(const char *head, const char *part, unsigned n, const char *tail,
                    const char *message)
{
    const struct outcome o = run(head, part, n, tail);
    assert_false(o.ok);
    assert_int_equal(o.e.kind, ERR_SQL);
    assert_true(o.e.line > 0);
    if (!strstr(o.e.text, message))
        fail_msg("\"%s\" does not contain \"%s\"", o.e.text, message);
}

TEST(scripts_follow_each_other_and_errors_name_their_file)
{
    struct arena *a = arena_new(NULL);
    const struct sql_script scripts[] = {
        {"one.sql", STR(SOURCE)},
        {"two.sql", STR("CREATE STREAM x AS SELECT * FROM s;")},
        {"three.sql", STR("\n\nCREATE STREAM y AS SELECT nothing FROM x;\n")},
    };
    const struct plan *plan;
    struct err e;
    err_clear(&e);
    assert_ok(sql_plan(&plan, a, scripts, 2, &e), &e);
    assert_int_equal(plan->object_count, 2);
    assert_str(plan->objects[1]->statement, "CREATE STREAM X AS SELECT *\nFROM S");
    assert_fails(sql_plan(&plan, a, scripts, 3, &e), &e, ERR_SQL, "'NOTHING' cannot be resolved");
    assert_string_equal(e.file, "three.sql");
    assert_int_equal(e.line, 3);
    assert_int_equal(e.column, 27);
    assert_string_equal(e.excerpt, "CREATE STREAM y AS SELECT nothing FROM x;");
    arena_free(a);
}

TEST(no_statement_is_a_plan_of_nothing)
{
    const struct outcome o = run("-- nothing\n;;", "", 0, "");
    assert_true(o.ok);
    assert_int_equal(o.objects, 0);
}

TEST(equal_scripts_give_equal_digest_texts_whatever_their_layout)
{
    struct arena *a = arena_new(NULL);
    const struct sql_script x = {"x.sql", STR(SOURCE "create stream y as select a  A from s;")};
    const struct sql_script y = {"y.sql", STR(SOURCE " -- c\nCREATE STREAM `Y` AS SELECT a AS `A`\n"
                                                     "FROM s ;")};
    const struct plan *px, *py;
    struct err e;
    err_clear(&e);
    assert_ok(sql_plan(&px, a, &x, 1, &e), &e);
    assert_ok(sql_plan(&py, a, &y, 1, &e), &e);
    assert_true(str_eq(px->digest_text, py->digest_text));
    arena_free(a);
}

TEST(large_scripts_are_planned_in_reasonable_time)
{
    static const struct {
        const char *head, *part;
        unsigned n;
        const char *tail;
    } cases[] = {
        {SOURCE "CREATE STREAM x AS SELECT CASE", " WHEN a = # THEN '#'", 5000,
         " END AS c FROM s;"},
        {SOURCE "CREATE STREAM x AS SELECT CASE a", " WHEN # THEN '#'", 5000, " END AS c FROM s;"},
        {SOURCE "CREATE STREAM x AS SELECT * FROM s WHERE a = 0", " OR a = #", 20000, ";"},
        {SOURCE "CREATE STREAM x AS SELECT * FROM s WHERE a IN (0", ", #", 20000, ");"},
        {SOURCE "CREATE STREAM x AS SELECT a", ", a + # AS c#", 4000, " FROM s;"},
        {SOURCE, "CREATE STREAM x# AS SELECT * FROM s WHERE a = #;", 1900, ""},
        {SOURCE "CREATE STREAM y0 AS SELECT * FROM s;", "CREATE STREAM y#+ AS SELECT * FROM y#;",
         1900, ""},
        {SOURCE "CREATE STREAM x AS SELECT * FROM s;", "INSERT INTO x SELECT * FROM s WHERE a = #;",
         3000, ""},
        {"CREATE STREAM s (c STRING", ", c# INT", 4000,
         ") WITH (kafka_topic='s', value_format='JSON'); CREATE STREAM x AS SELECT * FROM s;"},
        {SOURCE "CREATE TABLE x AS SELECT b", ", SUM(a + #)", 1000, " FROM s GROUP BY b;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome o = run(cases[i].head, cases[i].part, cases[i].n, cases[i].tail);
        if (!o.ok)
            fail_msg("case %zu: %s", i, o.e.text);
        // each takes well under a second; quadratic growth with a large factor would not
        if (o.seconds > 20)
            fail_msg("case %zu took %.1f s", i, o.seconds);
    }
}

TEST(what_would_grow_without_bound_is_refused)
{
    refused(SOURCE, "CREATE STREAM x# AS SELECT * FROM s;", 2100, "", "too many streams");
    refused("CREATE STREAM s (c STRING", ", c# INT", 5000,
            ") WITH (kafka_topic='s', value_format='JSON');", "too many columns");
    refused(SOURCE "CREATE STREAM x AS SELECT a", ", a + # AS c#", 5000, " FROM s;",
            "too many columns");
    refused("CREATE TYPE t0 AS STRUCT<a INT, b INT>;", "CREATE TYPE t#+ AS STRUCT<a t#, b t#>;", 60,
            "", "type is too large");
    refused("CREATE STREAM s0 (c STRING) WITH (kafka_topic='s', value_format='JSON');",
            "CREATE STREAM s#+ AS SELECT STRUCT(a := c, b := c) AS c FROM s#;", 60, "",
            "type is too large");
    refused(SOURCE "CREATE TABLE x AS SELECT b", ", SUM(a + #)", 1100, " FROM s GROUP BY b;",
            "too many aggregates");
    refused(SOURCE "CREATE TABLE x AS SELECT COUNT(*) FROM s GROUP BY b", ", a + #", 300, ";",
            "too many key expressions");
    refused(SOURCE "CREATE STREAM x AS SELECT STRUCT(z := a", ", f# := #", 3000, ")->* FROM s;",
            "too large");
}

// CASE (CASE (CASE a WHEN …) WHEN …): the operand is computed once per WHEN, so the levels multiply.
TEST(nested_case_operands_do_not_multiply)
{
    struct buf text;
    struct arena *a = arena_new(NULL);
    const struct plan *plan;
    struct err e;
    buf_init(&text, TEXT_MAX);
    buf_text(&text, SOURCE "CREATE STREAM x AS SELECT ");
    for (int i = 0; i < 60; i++)
        buf_text(&text, "CASE (");
    buf_text(&text, "a");
    for (int i = 0; i < 60; i++)
        buf_text(&text, ") WHEN 1 THEN 2 WHEN 2 THEN 3 END");
    buf_text(&text, " AS c FROM s;");
    assert_fails(plan_text(&plan, a, &text, &e), &e, ERR_SQL, "CASE is too large");
    buf_fini(&text);
    arena_free(a);
}

TEST_MAIN(T(scripts_follow_each_other_and_errors_name_their_file),
          T(no_statement_is_a_plan_of_nothing),
          T(equal_scripts_give_equal_digest_texts_whatever_their_layout),
          T(large_scripts_are_planned_in_reasonable_time),
          T(what_would_grow_without_bound_is_refused), T(nested_case_operands_do_not_multiply))
