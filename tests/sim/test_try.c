// job try: what a run would do is said, and nothing is anywhere afterwards.
#include "jobs/run/try.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <jansson.h>

TEST(a_try_says_rows_places_and_statements_and_leaves_nothing)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct job_random r = {71};
    struct try_report report;
    struct buf out;
    struct err e;
    const struct try_spec spec = {.records = 0, .rows = 2};
    job_scenario_produce(w, &r, 90, JOB_RECORDS_HOSTILE);
    buf_init(&out, 1 << 20);
    assert_ok(run_try(&report, &out, w->job, &w->env, &spec, &e), &e);
    buf_char(&out, '\0');
    assert_true(report.records > 80 && report.dead > 0);
    static const char *const parts[] = {
        "stream GOOD: ",
        "lake: streams/GOOD/year=2025/month=10/day=",
        "table PER_USER: ",
        "warehouse two, table users:",
        "CREATE TABLE IF NOT EXISTS",
        "ON CONFLICT",
        "records cannot be decoded:",
        "{\"K\":",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(out.p, parts[i]))
            fail_msg("no \"%s\" in %s", parts[i], out.p);
    assert_false(file_exists(w->job->state_dir));
    assert_false(file_exists(w->lake));
    assert_false(memory_has_table("one", "big"));
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), -1);
    // The same rows as a run writes.
    if (!job_world_run(w))
        fail_msg("%s", w->text);
    assert_int_equal(w->report.records, report.records);
    assert_int_equal(w->report.dead, report.dead);
    buf_fini(&out);
    job_world_free(w);
}

TEST(only_the_newest_records_are_read_when_that_is_wanted)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct job_random r = {72};
    struct try_report report;
    struct buf out;
    struct err e;
    const struct try_spec spec = {.records = 20, .rows = 0};
    job_scenario_produce(w, &r, 200, JOB_RECORDS_HOSTILE);
    buf_init(&out, 1 << 20);
    assert_ok(run_try(&report, &out, w->job, &w->env, &spec, &e), &e);
    assert_true(report.records > 0 && report.records <= 20);
    buf_fini(&out);
    job_world_free(w);
}

static const json_t *finding(const json_t *list, const char *field)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(j, "field")), field) == 0)
            return j;
    }
    return NULL;
}

static void finding_is(const json_t *list, const char *field, const char *kind, int records,
                       int offset)
{
    const json_t *j = finding(list, field);
    if (!j)
        fail_msg("nothing is found of %s", field);
    assert_string_equal(json_string_value(json_object_get(j, "kind")), kind);
    assert_int_equal(json_integer_value(json_object_get(j, "records")), records);
    assert_int_equal(json_integer_value(json_object_get(j, "of")), 4);
    if (records > 0)
        assert_int_equal(json_integer_value(json_object_get(j, "offset")), offset);
}

TEST(what_records_hold_and_the_sql_does_not_say_is_found)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct try_report report;
    struct buf out;
    struct err e;
    struct try_spec spec = {.rows = 2, .form = TRY_JSON};
    static const char *const values[] = {
        "{\"id\":1,\"usr\":\"a\",\"cents\":5,\"place\":{\"city\":\"Rome\"}}",
        "{\"ID\":2,\"usr\":7,\"tip\":1.5,\"place\":{\"city\":\"Rome\",\"street\":\"x\"}}",
        "{\"id\":\"3\",\"usr\":null,\"tip\":2,\"place\":{\"street\":\"y\"}}",
        "{\"id\":4,\"usr\":8,\"status\":\"s\"}"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        source_fake_add(w->broker, "tx", 0, 1761436800000, "k", values[i]);
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "[1]");
    buf_init(&out, 1 << 20);
    assert_ok(run_try(&report, &out, w->job, &w->env, &spec, &e), &e);
    json_t *j = json_loadb(out.p, out.n, 0, NULL);
    assert_non_null(j);
    struct buf text; // for people, too
    buf_init(&text, 1 << 20);
    spec.form = TRY_TEXT;
    assert_ok(run_try(&report, &text, w->job, &w->env, &spec, &e), &e);
    buf_char(&text, '\0');
    assert_non_null(strstr(text.p, "records and SQL differ:"));
    assert_non_null(strstr(text.p, "TIP (number) is not declared: 2 of"));
    assert_non_null(strstr(text.p, "ID is declared BIGINT and is text: 1 of"));
    assert_non_null(strstr(text.p, "AMOUNT"));
    buf_fini(&text);
    const json_t *drift = json_object_get(j, "records_drift");
    finding_is(drift, "TIP", "undeclared", 2, 1);
    finding_is(drift, "PLACE->STREET", "undeclared", 2, 1);
    finding_is(drift, "USR", "type", 2, 1);
    finding_is(drift, "ID", "type", 1, 2);
    finding_is(drift, "AMOUNT", "never_seen", 0, 0);
    finding_is(drift, "PLACE->ZIP", "never_seen", 0, 0);
    assert_null(finding(drift, "PLACE->CITY"));
    assert_null(finding(drift, "K"));            // a key is in no value
    assert_int_equal(json_array_size(drift), 7); // and METHOD
    json_decref(j);
    buf_clear(&out);
    spec.form = TRY_TEXT;
    assert_ok(run_try(&report, &out, w->job, &w->env, &spec, &e), &e);
    buf_char(&out, '\0');
    if (!strstr(out.p, "  TX: TIP (number) is not declared: 2 of 4 records, first tx/0 offset 1\n"))
        fail_msg("%s", out.p);
    buf_fini(&out);
    job_world_free(w);
}

TEST_MAIN(T(what_records_hold_and_the_sql_does_not_say_is_found),
          T(a_try_says_rows_places_and_statements_and_leaves_nothing),
          T(only_the_newest_records_are_read_when_that_is_wanted))
