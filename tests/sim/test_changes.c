// The SQL or the outputs change between two runs: what is stored goes on where that is right, and is refused by name where it is not.
#include "jobs/run/audit.h"
#include "jobs/run/backfill.h"
#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "jobs/run/resync.h"
#include "lake/inspect.h"
#include "tests/support/job_world.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)
#define SOURCE                                        \
    "CREATE STREAM pay (k VARCHAR KEY, cents BIGINT)" \
    "  WITH (KAFKA_TOPIC = 'pay', VALUE_FORMAT = 'JSON');\n"
#define TABLE_A "CREATE TABLE a AS SELECT k, COUNT(*) AS n FROM pay GROUP BY k EMIT CHANGES;\n"
#define TABLE_A_ONLY_YZ \
    "CREATE TABLE a AS SELECT k, COUNT(*) AS n FROM pay WHERE k > 'x' GROUP BY k EMIT CHANGES;\n"
#define TABLE_B  "CREATE TABLE b AS SELECT k, SUM(cents) AS s FROM pay GROUP BY k EMIT CHANGES;\n"
#define OUTPUT_A "      A: { warehouse: { to: one } }\n"
#define OUTPUT_B "      B: { warehouse: { to: one } }\n"

static const struct job_world_spec spec = {
    .sql = SOURCE TABLE_A TABLE_B,
    .outputs = OUTPUT_A OUTPUT_B,
    .topics = {"pay"},
    .partitions = 1,
};

static void produce(struct job_world *w, const char *key, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        source_fake_add(w->broker, "pay", 0, JOB_WORLD_NOW, key, "{\"cents\":3}");
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void run_fails(struct job_world *w, const char *part)
{
    if (job_world_run(w))
        fail_msg("succeeded with %llu records", (unsigned long long)w->report.records);
    if (w->e.kind != ERR_CONFIG || !strstr(w->text, part))
        fail_msg("\"%s\" is not CONFIG \"%s\"", w->text, part);
}

static void reset(struct job_world *w, enum run_reset how)
{
    if (!job_world_reset(w, how))
        fail_msg("%s", w->text);
}

static void compile(struct job_world *w, const char *sql, const char *outputs)
{
    if (!job_world_compile(w, sql, outputs)) {
        char text[1600];
        err_format(&w->e, text, sizeof text);
        fail_msg("%s", text);
    }
}

static void row_has(const char *warehouse, const char *table, const char *key, const char *part)
{
    struct buf row;
    buf_init(&row, TEXT_MAX);
    assert_true(memory_get(&row, warehouse, table, key));
    buf_char(&row, '\0');
    if (!strstr(row.p, part))
        fail_msg("%s of %s/%s is \"%s\", without \"%s\"", key, warehouse, table, row.p, part);
    buf_fini(&row);
}

TEST(an_operator_that_was_taken_out_and_put_back_starts_empty)
{
    struct job_world *w = job_world_new(&spec);
    produce(w, "x", 10);
    run(w);
    row_has(JOB_WORLD_ONE, "a", "x", "|n=10");
    compile(w, SOURCE TABLE_B, OUTPUT_B);
    produce(w, "x", 5);
    run(w);
    compile(w, SOURCE TABLE_A TABLE_B, OUTPUT_A OUTPUT_B);
    produce(w, "x", 2);
    run_fails(w, "job reset sim --rebuild");
    reset(w, RUN_RESET_KEEP);
    run(w);
    row_has(JOB_WORLD_ONE, "a", "x", "|n=2");
    row_has(JOB_WORLD_ONE, "b", "x", "|s=51");
    job_world_free(w);
}

TEST(both_sides_of_a_join_that_was_taken_out_are_forgotten)
{
    static const char tables[] =
        "CREATE STREAM pay (k VARCHAR KEY, ref VARCHAR)"
        "  WITH (KAFKA_TOPIC = 'pay', VALUE_FORMAT = 'JSON');\n"
        "CREATE TABLE refs (id VARCHAR PRIMARY KEY, name VARCHAR)"
        "  WITH (KAFKA_TOPIC = 'refs', VALUE_FORMAT = 'JSON');\n"
        "CREATE TABLE a AS SELECT k, LATEST_BY_OFFSET(ref) AS ref, COUNT(*) AS n FROM pay"
        "  GROUP BY k EMIT CHANGES;\n";
    static const char join[] = "CREATE TABLE j AS SELECT a.k AS k, a.n AS n, refs.name AS name"
                               "  FROM a JOIN refs ON a.ref = refs.id EMIT CHANGES;\n";
    static const char paid[] = "{\"ref\":\"r\"}";
    char both[sizeof tables + sizeof join];
    (void)snprintf(both, sizeof both, "%s%s", tables, join);
    struct job_world_spec joined = spec;
    joined.sql = both;
    joined.outputs = "      J: { warehouse: { to: one } }\n";
    joined.topics[1] = "refs";
    struct job_world *w = job_world_new(&joined);
    source_fake_add(w->broker, "refs", 0, JOB_WORLD_NOW, "r", "{\"name\":\"old\"}");
    source_fake_add(w->broker, "pay", 0, JOB_WORLD_NOW + 1, "x", paid);
    run(w);
    row_has(JOB_WORLD_ONE, "j", "x", "n=1|name=old");
    compile(w, tables, OUTPUT_A);
    reset(w, RUN_RESET_KEEP);
    run(w);
    compile(w, both, joined.outputs);
    reset(w, RUN_RESET_KEEP);
    source_fake_add(w->broker, "pay", 0, JOB_WORLD_NOW + 3, "x", paid);
    run(w);
    row_has(JOB_WORLD_ONE, "j", "x", "n=1|name=old"); // what was written stays
    source_fake_add(w->broker, "refs", 0, JOB_WORLD_NOW + 4, "r", "{\"name\":\"newest\"}");
    run(w);
    row_has(JOB_WORLD_ONE, "j", "x", "n=2|name=newest");
    job_world_free(w);
}

TEST(after_a_rebuild_tables_in_warehouses_hold_only_what_the_job_makes_now)
{
    struct job_world *w = job_world_new(&spec);
    w->job->limits.batch_records_max = 2; // several batches: only the first one empties
    produce(w, "x", 3);
    produce(w, "y", 3);
    produce(w, "z", 3);
    run(w);
    assert_int_equal(memory_rows("one", "a"), 3);
    compile(w, SOURCE TABLE_A_ONLY_YZ TABLE_B, OUTPUT_A OUTPUT_B);
    w->job->limits.batch_records_max = 2;
    reset(w, RUN_RESET_REBUILD);
    assert_int_equal(memory_rows("one", "a"), 3); // nothing is visible before it is decided
    run(w);
    assert_int_equal(memory_rows("one", "a"), 2);
    assert_int_equal(memory_rows("one", "b"), 3);
    row_has("one", "a", "y", "n=3");
    row_has("one", "a", "z", "n=3");
    produce(w, "z", 1);
    run(w);
    assert_int_equal(memory_rows("one", "a"), 2);
    row_has("one", "a", "z", "n=4");
    job_world_free(w);
}

TEST(a_rebuild_over_an_empty_topic_leaves_empty_tables)
{
    struct job_world *w = job_world_new(&spec);
    produce(w, "x", 3);
    run(w);
    source_fake_delete_before(w->broker, "pay", 0, 3);
    reset(w, RUN_RESET_REBUILD);
    run(w);
    assert_int_equal(memory_rows("one", "a"), 0);
    uint64_t last = w->report.batch_last;
    run(w);
    assert_true(last > 0);
    assert_int_equal(w->report.batches, 0);
    job_world_free(w);
}

TEST(a_rebuild_cut_short_anywhere_still_empties_its_tables)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    uint64_t step = test_is_long() ? 1 : 3;
    for (uint64_t n = 1; n < 60; n += step) {
        struct job_world *w = job_world_new(&spec);
        produce(w, "x", 3);
        produce(w, "y", 3);
        run(w);
        compile(w, SOURCE TABLE_A_ONLY_YZ TABLE_B, OUTPUT_A OUTPUT_B);
        w->job->limits.batch_records_max = 2;
        reset(w, RUN_RESET_REBUILD);
        const struct fault_spec fault = {.occurrence = n, .action = actions[n / step % 4]};
        job_world_restart(w, &fault);
        (void)job_world_settle(w, 4);
        job_world_restart(w, NULL);
        run(w);
        if (memory_rows("one", "a") != 1 || memory_rows("one", "b") != 2)
            fail_msg("fault at call %llu: %zu and %zu rows", (unsigned long long)n,
                     memory_rows("one", "a"), memory_rows("one", "b"));
        row_has("one", "a", "y", "n=3");
        job_world_free(w);
    }
}

#define LAKE_A "      A: { lake: { snapshot: true } }\n"
#define WIDER_A                                                                        \
    "CREATE TABLE a AS SELECT k, COUNT(*) AS n, COUNT(*) * 2 AS m FROM pay GROUP BY k" \
    "  EMIT CHANGES;\n"

static bool rows_have(struct job_world *w, const char *part)
{
    struct buf rows;
    buf_init(&rows, TEXT_MAX);
    job_world_print_rows(&rows, w, JOB_WORLD_ORDERED);
    buf_char(&rows, '\0');
    bool found = strstr(rows.p, part);
    buf_fini(&rows);
    return found;
}

TEST(a_published_table_with_other_columns_than_its_stored_rows_is_refused)
{
    static const char *const others[] = {
        SOURCE WIDER_A,
        SOURCE "CREATE TABLE a AS SELECT k, CAST(COUNT(*) AS STRING) AS n FROM pay GROUP BY k"
               "  EMIT CHANGES;\n",
        SOURCE "CREATE TABLE a AS SELECT k, COUNT(*) AS o FROM pay GROUP BY k EMIT CHANGES;\n",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct job_world *w = job_world_new(&spec);
        compile(w, SOURCE TABLE_A, LAKE_A);
        produce(w, "x", 10);
        run(w);
        compile(w, others[i], LAKE_A);
        produce(w, "y", 1);
        run_fails(w, "job reset sim --rebuild");
        compile(w, SOURCE TABLE_A, LAKE_A);
        run(w);
        assert_int_equal(w->report.records, 1);
        job_world_free(w);
    }
}

TEST(a_reset_that_keeps_lets_a_table_with_other_columns_start_empty_and_its_operator_go_on)
{
    struct job_world *w = job_world_new(&spec);
    compile(w, SOURCE TABLE_A, LAKE_A);
    produce(w, "x", 10);
    produce(w, "y", 7);
    run(w);
    assert_true(rows_have(w, "\"y\""));
    compile(w, SOURCE WIDER_A, LAKE_A);
    reset(w, RUN_RESET_KEEP);
    produce(w, "x", 1);
    run(w);
    if (!rows_have(w, "11") || !rows_have(w, "22") || rows_have(w, "\"y\""))
        fail_msg("the table is not the row of x alone");
    job_world_free(w);
}

TEST(a_table_output_of_a_warehouse_that_was_taken_out_and_put_back_is_written_whole)
{
    static const char lake[] = "      A: { lake: { snapshot: true } }\n";
    static const char both[] = "      A: { lake: { snapshot: true }, warehouse: { to: one } }\n";
    for (int published = 0; published < 2; published++) {
        struct job_world *w = job_world_new(&spec);
        const char *with =
            published ? both : "      A: { warehouse: [{ to: one }, { to: two }] }\n";
        compile(w, spec.sql, with);
        produce(w, "x", 3);
        run(w);
        compile(w, spec.sql, published ? lake : "      A: { warehouse: { to: two } }\n");
        produce(w, "x", 2);
        produce(w, "y", 1);
        run(w);
        compile(w, spec.sql, with);
        produce(w, "x", 1);
        assert_true(memory_put("one", "a", "gone|1"));
        run(w);
        assert_int_equal(memory_rows("one", "a"), 2);
        row_has("one", "a", "x", "|n=6");
        row_has("one", "a", "y", "|n=1");
        job_world_free(w);
    }
}

TEST(a_table_of_the_lake_that_was_taken_out_and_put_back_is_refused_until_it_is_rebuilt)
{
    struct job_world *w = job_world_new(&spec);
    compile(w, SOURCE TABLE_A, "      A: { lake: { snapshot: true }, warehouse: { to: one } }\n");
    produce(w, "x", 10);
    run(w);
    compile(w, SOURCE TABLE_A, OUTPUT_A);
    produce(w, "x", 7);
    run(w);
    compile(w, SOURCE TABLE_A, "      A: { lake: { snapshot: true }, warehouse: { to: one } }\n");
    produce(w, "y", 1);
    run_fails(w, "job reset sim --rebuild");
    reset(w, RUN_RESET_REBUILD);
    run(w);
    assert_true(rows_have(w, "17"));
    run(w);
    job_world_free(w);
}

// --- streams that leave ----------------------------------------------------------------------------------------------

static bool note_rows(void *arg, const struct audit_finding *f, struct err *e)
{
    (void)e;
    buf_printf(arg, "%.*s: %.*s -> %.*s\n", STR_ARG(f->place), STR_ARG(f->text),
               STR_ARG(f->repair));
    return true;
}

static void audit_says(const struct job_world *w, const char *what)
{
    struct audit_report r;
    struct err e;
    struct buf found;
    buf_init(&found, 1 << 16);
    const struct audit_spec all = {.found = note_rows, .arg = &found};
    assert_ok(run_audit(&r, w->a, w->job, &w->env, &all, &e), &e);
    buf_char(&found, '\0');
    if (!what[0])
        assert_string_equal(found.p, "");
    else if (!strstr(found.p, what))
        fail_msg("\"%s\" has no \"%s\"", found.p, what);
    buf_fini(&found);
}

static void backfill(struct job_world *w, int64_t from, int64_t to)
{
    static const struct str output[] = {{"P", 1}};
    const struct backfill_spec what = {
        .by = BACKFILL_BATCHES, .from = from, .to = to, .outputs = output, .output_count = 1};
    if (!job_world_backfill(w, &what))
        fail_msg("%s", w->text);
}

TEST(rows_that_a_stream_lacks_since_it_was_out_of_the_job_are_said_until_a_backfill_brings_them)
{
    static const char with[] = OUTPUT_A "      P: { lake: {}, warehouse: { to: two } }\n";
    static const char lake[] = OUTPUT_A "      P: { lake: {} }\n";
    struct job_world_spec streams = spec;
    streams.sql = SOURCE TABLE_A "CREATE STREAM p AS SELECT k, cents FROM pay EMIT CHANGES;\n";
    streams.outputs = OUTPUT_A;
    struct job_world *w = job_world_new(&streams);
#define NEXT(outputs) (compile(w, streams.sql, outputs), produce(w, "x", 1), run(w))
    NEXT(OUTPUT_A); // 1
    NEXT(with);     // 2: new streams begin here
    assert_string_equal(w->report.notice, "");
    audit_says(w, "");
    NEXT(OUTPUT_A); // 3, 4: without
    NEXT(OUTPUT_A);
    NEXT(lake); // 5: of the warehouse still without
    assert_non_null(strstr(w->report.notice, "lake/P was out of the job during batches 3 to 4"));
    assert_non_null(strstr(w->report.notice, "sluice job backfill sim --batch 3..4 --outputs P"));
    NEXT(with); // 6
    assert_non_null(strstr(w->report.notice, "two/p/P was out of the job during batches 3 to 5"));
    assert_null(strstr(w->report.notice, "lake/P"));
    NEXT(with); // 7
    assert_string_equal(w->report.notice, "");
    audit_says(w, "lake/P: rows of batches 3 to 4 are missing");
    audit_says(w,
               "two/p/P: rows of batches 3 to 5 are missing: it was out of the job -> sluice job "
               "backfill sim --batch 3..5 --outputs P");
    backfill(w, 4, 4); // not the whole gap
    audit_says(w, "two/p/P: rows of batches 3 to 5 are missing");
    backfill(w, 3, 4);
    audit_says(w, "two/p/P: rows of batches 5 to 5 are missing");
    backfill(w, 3, 5);
    audit_says(w, "");
    assert_int_equal(memory_rows("two", "p"), 6);
#undef NEXT
    job_world_free(w);
}

// --- files of the lake -----------------------------------------------------------------------------------------------

static bool take_line(void *arg, struct str line, struct err *e)
{
    struct buf *out = arg;
    buf_str(out, line);
    buf_char(out, '\n');
    return buf_ok(out, "the lines", e);
}

static void cat_is(const struct job_world *w, const char *want)
{
    struct lake *lake;
    struct err e;
    struct buf out;
    const struct lake_cat_spec all = {.output = STR("S")};
    buf_init(&out, TEXT_MAX);
    assert_ok(lake_open(&lake, w->lake, LAKE_OPEN_EXISTING, w->durable, &e), &e);
    assert_ok(lake_cat(lake, &all, take_line, &out, &e), &e);
    assert_str(buf_view(&out), want);
    lake_close(lake);
    buf_fini(&out);
}

static void metadata_has(const struct job_world *w, const char *part)
{
    char path[700];
    struct str text;
    struct err e;
    size_t at;
    struct arena *a = arena_new(NULL);
    (void)snprintf(path, sizeof path, "%s/streams/S/_metadata.json", w->lake);
    assert_ok(file_read(&text, a, path, 1 << 20, &e), &e);
    if (!str_find(&at, text, str_from(part)))
        fail_msg("no %s in %.*s", part, STR_ARG(text));
    arena_free(a);
}

TEST(files_keep_the_columns_they_were_written_with_until_a_backfill_writes_them_again)
{
    const struct job_world_spec csv = {
        .sql = SOURCE "CREATE STREAM s AS SELECT k, cents FROM pay EMIT CHANGES;\n",
        .outputs = "      S: { lake: { format: csv, compression: none, partition_by: [] } }\n",
        .topics = {"pay"},
        .partitions = 1,
    };
    struct job_world *w = job_world_new(&csv);
    produce(w, "x", 2);
    run(w);
    metadata_has(w, "\"schema_version\": 1");
    compile(
        w, SOURCE "CREATE STREAM s AS SELECT k, cents, cents * 2 AS twice FROM pay EMIT CHANGES;\n",
        csv.outputs);
    produce(w, "y", 1);
    run(w);
    cat_is(w, "K,CENTS\nx,3\nx,3\nK,CENTS,TWICE\ny,3,6\n");
    metadata_has(w, "\"schema_version\": 2");
    metadata_has(w, "TWICE");
    const struct backfill_spec first = {.by = BACKFILL_BATCHES, .from = 1, .to = 1};
    if (!job_world_backfill(w, &first))
        fail_msg("%s", w->text);
    cat_is(w, "K,CENTS,TWICE\nx,3,6\nx,3,6\ny,3,6\n");
    job_world_free(w);
}

TEST_MAIN(
    T(files_keep_the_columns_they_were_written_with_until_a_backfill_writes_them_again),

    T(rows_that_a_stream_lacks_since_it_was_out_of_the_job_are_said_until_a_backfill_brings_them),
    T(a_table_output_of_a_warehouse_that_was_taken_out_and_put_back_is_written_whole),
    T(a_table_of_the_lake_that_was_taken_out_and_put_back_is_refused_until_it_is_rebuilt),
    T(an_operator_that_was_taken_out_and_put_back_starts_empty),
    T(both_sides_of_a_join_that_was_taken_out_are_forgotten),
    T(after_a_rebuild_tables_in_warehouses_hold_only_what_the_job_makes_now),
    T(a_rebuild_over_an_empty_topic_leaves_empty_tables),
    T(a_rebuild_cut_short_anywhere_still_empties_its_tables),
    T(a_published_table_with_other_columns_than_its_stored_rows_is_refused),
    T(a_reset_that_keeps_lets_a_table_with_other_columns_start_empty_and_its_operator_go_on))
