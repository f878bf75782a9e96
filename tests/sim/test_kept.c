// Backfill out of the lake: an output that keeps the source records gives what the topic would have given, byte for byte, when the topic has
// nothing left; or the reason why it cannot.
#include "jobs/run/backfill.h"
#include "jobs/run/compact.h"
#include "jobs/run/control.h"
#include "tests/support/job_scenario.h"
#include "tests/support/job_upkeep.h"
#include "tests/support/lake_rows.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <unistd.h>

enum { TEXT_MAX = 64 << 20 };
static const struct str derived[] = {{"GOOD", 4}, {"BIG", 3}};

#define TX                                                                   \
    "CREATE STREAM tx (k VARCHAR KEY, id BIGINT, usr VARCHAR, cents BIGINT," \
    "  place STRUCT<city VARCHAR, zip VARCHAR>, amount DECIMAL(12, 2),"      \
    "  tags ARRAY<VARCHAR>) WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"
#define RAW                                                                                    \
    "CREATE STREAM raw AS SELECT *, ROWPARTITION AS part, ROWOFFSET AS nth, ROWTIME AS since " \
    "FROM tx EMIT CHANGES;\n"
#define GOOD(what) "CREATE STREAM good AS SELECT k, id, " what " AS x FROM tx EMIT CHANGES;\n"
#define BIG                                                                                   \
    "CREATE STREAM big AS SELECT k, id, place->city AS city, usr, UUID() AS u FROM tx WHERE " \
    "cents > 5000 EMIT CHANGES;\n"

static const char then[] = TX RAW GOOD("cents") BIG;
static const char now[] = TX RAW GOOD("cents + ROWTIME + ROWOFFSET") BIG;

#define DERIVED                                                    \
    "      GOOD: { lake: { partition_by: [year, month, day] } }\n" \
    "      BIG: { lake: { partition_by: [CITY] }, warehouse: { to: one } }\n"
static const char *const formats[] = {
    "      RAW: { lake: { partition_by: [day] } }\n" DERIVED,
    "      RAW: { lake: { partition_by: [day], format: csv, compression: zstd } }\n" DERIVED,
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

static struct job_world_spec kept_as(size_t format)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.sql = then;
    spec.outputs = formats[format];
    return spec;
}

static struct job_world_spec kept(void)
{
    return kept_as(0);
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void compile(struct job_world *w, const char *sql)
{
    if (!job_world_compile(w, sql, w->spec.outputs))
        fail_msg("%s", w->text);
}

// Disorder, equal timestamps, several days, nulls in columns, records that cannot be decoded, markers, but every record has a value.
static void produce(struct job_world *w, struct job_random *r, unsigned n)
{
    static const char *const places[] = {"null", "{\"city\":\"Berlin\",\"zip\":\"1\"}",
                                         "{\"city\":\"S\u00e3o \\\"Paulo\\\"\"}", "{\"zip\":null}"};
    for (unsigned i = 0; i < n; i++) {
        char key[32], value[400];
        int32_t partition = (int32_t)job_random_below(r, 3); // one is idle
        int64_t time = JOB_WORLD_NOW - (int64_t)job_random_below(r, 3) * 86400000 -
                       (int64_t)job_random_below(r, 50) * 1000;
        (void)snprintf(key, sizeof key, "k%llu", (unsigned long long)job_random_below(r, 9));
        (void)snprintf(value, sizeof value,
                       "{\"id\":%u,\"usr\":\"u%llu\",\"cents\":%llu,\"place\":%s,"
                       "\"amount\":%llu.5,\"tags\":[\"a\",null,\"%u\"],\"more\":1}",
                       i, (unsigned long long)job_random_below(r, 5),
                       (unsigned long long)job_random_below(r, 9000),
                       places[job_random_below(r, 4)], (unsigned long long)job_random_below(r, 900),
                       i);
        bool odd = job_random_below(r, 12) == 0;
        source_fake_add(w->broker, "tx", partition, time, job_random_below(r, 9) ? key : NULL,
                        odd ? (i % 2 ? "{\"id\":\"x\"" : "{}") : value);
        if (job_random_below(r, 20) == 0)
            source_fake_skip(w->broker, "tx", partition, 2);
    }
}

// Two runs of such records with the SQL of then.
static struct job_world *lived(const struct job_world_spec *spec, uint64_t seed)
{
    struct job_world *w = job_world_new(spec);
    struct job_random r = {seed};
    produce(w, &r, 120);
    run(w);
    produce(w, &r, 40);
    run(w);
    return w;
}

static void forget(struct job_world *w)
{
    for (int32_t p = 0; p < JOB_SCENARIO_PARTITIONS; p++)
        source_fake_delete_before(w->broker, "tx", p, source_fake_end(w->broker, "tx", p));
}

static struct backfill_spec all_of(int source)
{
    struct backfill_spec spec = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 100, .outputs = derived, .output_count = 2};
    spec.source = source ? BACKFILL_FROM_LAKE : BACKFILL_FROM_TOPICS;
    return spec;
}

static void backfill(struct job_world *w, const struct backfill_spec *spec)
{
    if (!job_world_backfill(w, spec))
        fail_msg("%s", w->text);
}

static void refused(struct job_world *w, const struct backfill_spec *spec, const char *part)
{
    uint64_t last = job_upkeep_last(w);
    if (job_world_backfill(w, spec))
        fail_msg("was not refused: %s", part);
    if (!strstr(w->text, part))
        fail_msg("%s", w->text);
    assert_int_equal(job_upkeep_last(w), last);
}

// What a backfill from the topic gives.
enum wanted { BYTES, ROWS };

// The rows in their order; BYTES: and every visible file of the lake.
static void print(struct buf *out, const struct job_world *w, enum wanted what)
{
    char dir[640];
    job_world_print_rows(out, w, JOB_WORLD_ORDERED);
    (void)snprintf(dir, sizeof dir, "%s/streams", w->lake);
    if (what == BYTES)
        lake_rows_tree(out, dir);
}

static void wanted(struct buf *out, const struct job_world_spec *spec, uint64_t seed,
                   enum wanted what)
{
    const struct backfill_spec how = all_of(0);
    struct job_world *w = lived(spec, seed);
    compile(w, now);
    backfill(w, &how);
    buf_init(out, TEXT_MAX);
    print(out, w, what);
    job_world_free(w);
}

static void compare(const struct buf *want, const struct job_world *w, const char *what)
{
    struct buf got;
    buf_init(&got, TEXT_MAX);
    print(&got, w, BYTES);
    job_world_same(want, &got, what);
    buf_fini(&got);
}

TEST(records_from_the_lake_give_what_those_of_the_topic_would_have_given)
{
    const struct backfill_spec topic = all_of(0), lake = all_of(1);
    for (uint64_t seed = 1; seed <= (test_is_long() ? 60 : 4); seed++) {
        const struct job_world_spec spec = kept_as(seed % FORMATS);
        struct buf want;
        char what[32];
        (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
        wanted(&want, &spec, seed, BYTES);
        struct job_world *w = lived(&spec, seed);
        compile(w, now);
        forget(w);
        refused(w, &topic, "the topic begins at");
        backfill(w, &lake);
        compare(&want, w, what);
        job_upkeep_audit(w);
        job_world_check_receipts(w);
        buf_fini(&want);
        job_world_free(w);
    }
}

// Keys of two columns, a time of its own, every type that JSON can hold.
TEST(columns_of_every_type_come_back_as_they_were)
{
    static const char types[] =
        "CREATE STREAM tx (a INT KEY, b VARCHAR KEY, ts BIGINT, d DOUBLE, yes BOOLEAN, raw BYTES,"
        "  w TIMESTAMP, day DATE, m MAP<VARCHAR, INT>, n DECIMAL(30, 9), l ARRAY<STRUCT<x INT, y "
        "VARCHAR>>)"
        "  WITH (KAFKA_TOPIC = 'tx', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON', TIMESTAMP = "
        "'ts');\n"
        "CREATE STREAM raw AS SELECT a, b, ROWTIME AS t, ts AS time, l, n, m, day, w, raw AS bytes,"
        "  yes, d, ROWOFFSET AS o, ROWPARTITION AS p FROM tx EMIT CHANGES;\n"
        "CREATE STREAM good AS SELECT *, ROWTIME AS rt FROM tx EMIT CHANGES;\n"
        "CREATE STREAM big AS SELECT a, b, l[1]->y AS city FROM tx WHERE d > 0 EMIT CHANGES;\n";
    static const char *const values[] = {
        "{\"ts\":1761638400001,\"d\":1e300,\"yes\":true,\"raw\":\"AAEC/w==\",\"w\":1761638400123,"
        "\"day\":20000,\"m\":{\"z\":1,\"a\":null},\"n\":-123456789012345678901.123456789,"
        "\"l\":[{\"x\":1,\"y\":\"\u00fc\"},null]}",
        "{\"ts\":1761438400001,\"d\":0.1,\"yes\":false,\"raw\":\"\",\"m\":{},\"l\":[]}",
        "{\"ts\":1761538400001,\"d\":-0.0,\"n\":1}",
        "{\"ts\":1761638400001}",
    };
    static const char *const keys[] = {"{\"A\":1,\"B\":\"x\"}", "{\"A\":null,\"B\":\"\"}",
                                       "{\"B\":null}", NULL};
    struct buf printed[2 * FORMATS];
    for (int k = 0; k < 2 * FORMATS; k++) {
        const struct backfill_spec how = all_of(k % 2);
        struct job_world_spec spec = kept_as((size_t)k / 2);
        spec.sql = types;
        struct job_world *w = job_world_new(&spec);
        for (int i = 0; i < 16; i++)
            source_fake_add(w->broker, "tx", i % 2, JOB_WORLD_NOW, keys[i % 4], values[i / 4]);
        run(w);
        backfill(w, &how);
        buf_init(&printed[k], TEXT_MAX);
        print(&printed[k], w, BYTES);
        job_world_free(w);
    }
    for (int k = 0; k < 2 * FORMATS; k += 2) {
        job_world_same(&printed[k], &printed[k + 1], formats[k / 2]);
        assert_true(lake_rows_count(buf_view(&printed[k]), "-123456789012345678901.123456789") > 0);
        buf_fini(&printed[k]);
        buf_fini(&printed[k + 1]);
    }
}

static void compacted(size_t format)
{
    static const struct compact_spec raw = {.output = {"RAW", 3}};
    const struct job_world_spec spec = kept_as(format);
    const struct backfill_spec lake = all_of(1);
    struct compact_report r;
    struct arena *a = arena_new(NULL);
    struct buf want, got;
    wanted(&want, &spec, 21, ROWS);
    struct job_world *w = lived(&spec, 21);
    compile(w, now);
    forget(w);
    if (!run_compact(&r, a, w->job, &w->env, &raw, &w->e))
        fail_msg("%s", w->e.text);
    assert_true(r.count > 0);
    backfill(w, &lake);
    buf_init(&got, TEXT_MAX);
    print(&got, w, ROWS);
    job_world_same(&want, &got, "compacted");
    job_upkeep_audit(w);
    buf_fini(&got);
    buf_fini(&want);
    job_world_free(w);
    arena_free(a);
}

TEST(records_come_out_of_compacted_files_too)
{
    for (size_t i = 0; i < FORMATS; i++)
        compacted(i);
}

// What one format wrote, the next one reads on.
TEST(records_come_out_of_files_of_several_formats)
{
    const struct backfill_spec lake = all_of(1);
    struct buf want;
    for (size_t i = 0; i < FORMATS; i++) {
        const struct job_world_spec spec = kept_as(i);
        wanted(&want, &spec, 23, ROWS);
        struct job_world *w = lived(&spec, 23);
        w->spec.outputs = formats[(i + 1) % FORMATS];
        compile(w, now);
        forget(w);
        backfill(w, &lake);
        struct buf got;
        buf_init(&got, TEXT_MAX);
        print(&got, w, ROWS);
        job_world_same(&want, &got, "formats");
        buf_fini(&got);
        buf_fini(&want);
        job_world_free(w);
    }
}

// Written as DECIMAL: 7.50 is not how a DOUBLE prints, so it is not taken for one.
TEST(a_cell_that_csv_cannot_give_back_is_refused)
{
#define AMOUNT(type)                                                                              \
    "CREATE STREAM tx (k VARCHAR KEY, amount " type ") WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = " \
    "'JSON');\n" RAW "CREATE STREAM good AS SELECT k, amount FROM tx EMIT CHANGES;\n"             \
    "CREATE STREAM big AS SELECT k AS city, CAST(amount AS VARCHAR) AS a FROM tx EMIT CHANGES;\n"
    const struct backfill_spec lake = all_of(1);
    struct job_world_spec spec = kept_as(1);
    spec.sql = AMOUNT("DECIMAL(12, 2)");
    struct job_world *w = job_world_new(&spec);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"amount\":7.5}");
    run(w);
    backfill(w, &lake);
    compile(w, AMOUNT("DOUBLE"));
#undef AMOUNT
    if (job_world_backfill(w, &lake) || !strstr(w->text, "column AMOUNT: 7.50 is not what"))
        fail_msg("%s", w->text);
    job_world_free(w);
}

// A column that came to the output later is not NULL in the files of before.
TEST(files_of_other_columns_are_refused)
{
    static const char before[] =
        TX "CREATE STREAM raw AS SELECT k, id, usr, place, ROWPARTITION AS part, ROWOFFSET AS nth, "
           "ROWTIME AS since FROM tx EMIT CHANGES;\n" GOOD("cents") BIG;
    const struct backfill_spec lake = all_of(1);
    for (size_t i = 0; i < FORMATS; i++) {
        struct job_world_spec spec = kept_as(i);
        spec.sql = before;
        struct job_world *w = lived(&spec, 25);
        compile(w, now);
        if (job_world_backfill(w, &lake) || !strstr(w->text, "has no column CENTS"))
            fail_msg("%s", w->text);
        job_world_free(w);
    }
}

TEST(a_backfill_from_the_lake_cut_short_anywhere_goes_on_from_the_lake)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    const struct job_world_spec spec = kept();
    const struct backfill_spec lake = all_of(1), pending = {.by = BACKFILL_PENDING};
    struct buf want;
    wanted(&want, &spec, 7, ROWS);
    uint64_t n = 1, pended = 0;
    for (bool fired = true; fired; n += test_is_long() ? 1 : 17) {
        fired = false;
        for (size_t k = 0; k < 4; k++) {
            const struct fault_spec fault = {.occurrence = n, .action = actions[k]};
            struct job_world *w = lived(&spec, 7);
            char what[32];
            (void)snprintf(what, sizeof what, "call %llu", (unsigned long long)n);
            compile(w, now);
            forget(w);
            job_world_restart(w, &fault);
            (void)job_world_backfill(w, &lake);
            fired = fired || durable_fired(w->durable);
            job_world_restart(w, NULL);
            // Begun: what is left goes on from the lake. Else nothing happened.
            struct control c;
            struct arena *a = arena_new(NULL);
            job_world_control(&c, w, a);
            bool begun = c.redo.count > 0;
            pended += begun;
            arena_free(a);
            backfill(w, begun ? &pending : &lake);
            struct buf got;
            buf_init(&got, TEXT_MAX);
            job_world_print_rows(&got, w, JOB_WORLD_ORDERED);
            job_world_same(&want, &got, what);
            job_upkeep_audit(w);
            buf_fini(&got);
            job_world_free(w);
        }
    }
    assert_true(n > 50 && pended > 3);
    buf_fini(&want);
}

// --- refusals --------------------------------------------------------------------------------------------------------

static void refuses(const char *sql, const char *outputs, const char *why)
{
    struct job_world_spec spec = kept();
    struct backfill_spec lake = all_of(1);
    spec.sql = sql;
    if (outputs)
        spec.outputs = outputs;
    struct job_world *w = lived(&spec, 9);
    refused(w, &lake, why);
    job_world_free(w);
}

TEST(what_the_lake_does_not_keep_is_refused_with_the_reason)
{
    refuses(TX "CREATE STREAM raw AS SELECT *, ROWPARTITION AS part, ROWOFFSET AS nth, ROWTIME AS "
               "since FROM tx WHERE id > 0 EMIT CHANGES;\n" GOOD("cents") BIG,
            NULL, "no output of job sim keeps the records of topic tx");
    refuses(TX "CREATE STREAM raw AS SELECT *, ROWPARTITION AS part, ROWTIME AS since FROM tx EMIT "
               "CHANGES;\n" GOOD("cents") BIG,
            NULL, "lacks ROWPARTITION, ROWOFFSET or ROWTIME");
    refuses(TX "CREATE STREAM raw AS SELECT k, id, place, ROWPARTITION AS part, ROWOFFSET AS nth, "
               "ROWTIME AS since FROM tx EMIT CHANGES;\n" GOOD("cents") BIG,
            NULL, "uses column CENTS of topic tx, which output RAW does not keep");
    refuses(TX "CREATE STREAM raw AS SELECT k, id, cents + 0 AS cents, usr, place, ROWPARTITION AS "
               "part, ROWOFFSET AS nth, ROWTIME AS since FROM tx EMIT CHANGES;\n" GOOD("cents") BIG,
            NULL, "uses column CENTS of topic tx, which output RAW does not keep");
    refuses(TX RAW GOOD("cents") BIG,
            "      RAW: { lake: { partition_by: [USR] } }\n"
            "      GOOD: { lake: {} }\n"
            "      BIG: { lake: {} }\n",
            "uses column USR of topic tx, which output RAW does not keep");
    refuses(TX RAW GOOD("cents") BIG,
            "      RAW: { warehouse: { to: two } }\n"
            "      GOOD: { lake: {} }\n"
            "      BIG: { lake: {} }\n",
            "no output of job sim keeps the records of topic tx");
}

TEST(records_that_are_not_all_there_are_refused)
{
    const struct job_world_spec spec = kept();
    const struct expire_spec old = {.output = STR("RAW"), .older_than_ms = 86400000};
    const struct backfill_spec lake = all_of(1);
    struct expire_report r;
    struct arena *a = arena_new(NULL);
    struct job_world *w = lived(&spec, 11);
    if (!job_upkeep_expire(w, &old, &r, a))
        fail_msg("%s", w->text);
    assert_true(r.count > 0);
    refused(w, &lake, "the lake keeps");
    job_world_free(w);
    arena_free(a);
}

TEST(a_damaged_file_stops_the_backfill_which_goes_on_when_it_is_back)
{
    const struct job_world_spec spec = kept();
    const struct backfill_spec lake = all_of(1), pending = {.by = BACKFILL_PENDING};
    struct arena *a = arena_new(NULL);
    struct buf want;
    struct lake_ls ls;
    char path[2048], away[2100];
    wanted(&want, &spec, 15, ROWS);
    struct job_world *w = lived(&spec, 15);
    compile(w, now);
    job_upkeep_list(&ls, a, w);
    const struct lake_ls_output *raw = &ls.outputs[2];
    assert_true(str_eq(raw->name, STR("RAW")));
    (void)snprintf(path, sizeof path, "%s/%.*s", w->lake,
                   STR_ARG(raw->partitions[raw->partition_count - 1].files[0].file.path));
    (void)snprintf(away, sizeof away, "%s.away", path);
    assert_int_equal(rename(path, away), 0);
    assert_false(job_world_backfill(w, &lake));
    assert_non_null(strstr(w->text, "is not what was published"));
    assert_int_equal(rename(away, path), 0);
    backfill(w, &pending);
    struct buf got;
    buf_init(&got, TEXT_MAX);
    job_world_print_rows(&got, w, JOB_WORLD_ORDERED);
    job_world_same(&want, &got, "after the file was back");
    buf_fini(&got);
    buf_fini(&want);
    job_world_free(w);
    arena_free(a);
}

TEST(records_without_a_value_do_not_say_where_they_were)
{
    const struct job_world_spec spec = kept();
    const struct backfill_spec lake = all_of(1);
    struct job_world *w = job_world_new(&spec);
    source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", NULL);
    run(w);
    refused(w, &lake, "had no value");
    job_world_free(w);
}

TEST(an_output_that_keeps_the_records_is_not_replaced_by_itself)
{
    const struct job_world_spec spec = kept();
    static const struct str raw = {"RAW", 3};
    struct backfill_spec lake = all_of(1);
    struct job_world *w = lived(&spec, 13);
    lake.outputs = &raw;
    lake.output_count = 1;
    refused(w, &lake, "nothing is left to replace");
    lake.output_count = 0; // all: the others
    backfill(w, &lake);
    job_upkeep_audit(w);
    job_world_free(w);
}

TEST_MAIN(T(records_from_the_lake_give_what_those_of_the_topic_would_have_given),
          T(columns_of_every_type_come_back_as_they_were),
          T(records_come_out_of_compacted_files_too),
          T(records_come_out_of_files_of_several_formats), T(files_of_other_columns_are_refused),
          T(a_cell_that_csv_cannot_give_back_is_refused),
          T(a_backfill_from_the_lake_cut_short_anywhere_goes_on_from_the_lake),
          T(what_the_lake_does_not_keep_is_refused_with_the_reason),
          T(records_that_are_not_all_there_are_refused),
          T(a_damaged_file_stops_the_backfill_which_goes_on_when_it_is_back),
          T(records_without_a_value_do_not_say_where_they_were),
          T(an_output_that_keeps_the_records_is_not_replaced_by_itself))
