// Replay: after the SQL was corrected, dead letters give what they would have given in their place, once, whatever is cut short.
#include "jobs/run/audit.h"
#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "jobs/run/letters.h"
#include "jobs/run/replay.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)
#define SQL(id)                                                                                   \
    "CREATE STREAM tx (k VARCHAR KEY, id " id ", usr VARCHAR, cents BIGINT, place STRUCT<city "   \
    "VARCHAR>) WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"                               \
    "CREATE STREAM flat AS SELECT k, CAST(id AS VARCHAR) AS id, usr, cents, place->city AS city " \
    "FROM tx WHERE id IS NOT NULL EMIT CHANGES;\n"                                                \
    "CREATE STREAM good AS SELECT k, id, MASK(usr) AS usr, city FROM flat EMIT CHANGES;\n"        \
    "CREATE STREAM all_of AS SELECT k, id, cents FROM flat EMIT CHANGES;\n"                       \
    "CREATE TABLE per_user AS SELECT usr, COUNT(*) AS n, SUM(cents) AS total, MAX(id) AS top "    \
    "FROM flat GROUP BY usr EMIT CHANGES;\n"                                                      \
    "CREATE TABLE last AS SELECT k, LATEST_BY_OFFSET(id) AS id FROM flat GROUP BY k EMIT "        \
    "CHANGES;\n"
#define STREAMS                                                                     \
    "      GOOD: { lake: { partition_by: [year, month, day] } }\n"                  \
    "      ALL_OF: { lake: { format: csv, compression: none, partition_by: [] },\n" \
    "                warehouse: [{ to: one }, { to: two }] }\n"
#define TABLES \
    "      PER_USER: { lake: { snapshot: true }, warehouse: [{ to: one }, { to: two }] }\n"
#define LAST "      LAST: { warehouse: { to: two } }\n"

static const char *const wrong = SQL("BIGINT"), *const right = SQL("VARCHAR");

static struct job_world *world(const char *outputs, const char *job)
{
    const struct job_world_spec spec = {
        .sql = wrong, .outputs = outputs, .job = job, .topics = {"tx"}, .partitions = 4};
    return job_world_new(&spec);
}

static void correct(struct job_world *w)
{
    if (!job_world_compile(w, right, w->spec.outputs))
        fail_msg("%s", w->text);
}

// Every second backlog has records that the wrong SQL cannot decode and the right one can, and others that nobody can.
static void produce(struct job_world *w, struct job_random *r)
{
    for (unsigned i = 0; i < 12; i++) {
        char value[128];
        uint64_t kind = job_random_below(r, 4);
        (void)snprintf(value, sizeof value, "%s{\"id\":\"x%u\",\"usr\":\"user%u\",\"cents\":7%s",
                       kind == 2 ? "\xff\xfe" : "", (unsigned)job_random_below(r, 1000),
                       (unsigned)job_random_below(r, 5), kind == 3 ? "" : "}");
        source_fake_add(w->broker, "tx", (int32_t)job_random_below(r, 3),
                        INT64_C(1761436800000) + (int64_t)job_random_below(r, 3 * 86400000), "k1",
                        value);
    }
    job_scenario_produce(w, r, 40, JOB_RECORDS_HOSTILE);
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static struct replay_spec all(void)
{
    return (struct replay_spec){.to = UINT64_MAX};
}

static bool try_replay(struct job_world *w, const struct replay_spec *spec)
{
    err_clear(&w->e);
    bool ok = run_replay(&w->report, w->job, &w->env, spec, &w->e);
    if (!ok)
        (void)snprintf(w->text, sizeof w->text, "%s", w->e.text);
    return ok;
}

static void replay(struct job_world *w, const struct replay_spec *spec)
{
    if (!try_replay(w, spec))
        fail_msg("%s", w->e.text);
}

static void refused(struct job_world *w, const struct replay_spec *spec, enum err_kind kind,
                    const char *part)
{
    if (try_replay(w, spec))
        fail_msg("done, in %llu batches", (unsigned long long)w->report.batches);
    if (w->e.kind != kind || !strstr(w->e.text, part))
        fail_msg("\"%s\" is not %s \"%s\"", w->e.text, err_kind_name(kind), part);
}

static void print(struct buf *out, const struct job_world *w)
{
    buf_init(out, TEXT_MAX);
    job_world_print_rows(out, w, JOB_WORLD_SORTED);
}

// What a job with the right SQL from the start holds after so many backlogs.
static void still_life(struct buf *out, const char *outputs, const char *job, uint64_t seed,
                       int backlogs)
{
    struct job_world *w = world(outputs, job);
    struct job_random r = {seed};
    correct(w);
    for (int i = 0; i < backlogs; i++) {
        produce(w, &r);
        run(w);
    }
    print(out, w);
    job_world_free(w);
}

static void same(struct job_world *w, struct buf *want, const char *what)
{
    struct buf got;
    print(&got, w);
    job_world_same(want, &got, what);
    job_world_check_receipts(w);
    buf_fini(&got);
}

static uint64_t last_batch(const struct job_world *w)
{
    struct control c;
    struct arena *a = arena_new(NULL);
    job_world_control(&c, w, a);
    uint64_t n = c.last_batch;
    arena_free(a);
    return n;
}

struct told {
    uint64_t slots, letters, dead;
    bool dry;
};

static bool tell(void *arg, const struct replay_slot *s, struct err *e)
{
    struct told *t = arg;
    assert_non_null(e);
    assert_true(s->index < s->count && (t->dry || file_exists(s->path) == (s->dead > 0)));
    assert_true((s->reason[0] != '\0') == (s->dead > 0));
    t->slots++;
    t->letters += s->letters;
    t->dead += s->dead;
    return true;
}

TEST(after_the_sql_was_corrected_letters_give_what_they_would_have_given_in_their_place)
{
    struct buf want;
    still_life(&want, STREAMS TABLES, NULL, 3, 3);
    struct job_world *w = world(STREAMS TABLES, NULL);
    struct job_random r = {3};
    struct told told = {0};
    for (int i = 0; i < 2; i++) {
        produce(w, &r);
        run(w);
    }
    uint64_t dead = w->report.dead;
    assert_true(dead > 4);
    correct(w);
    struct replay_spec spec = all();
    spec.slot = tell;
    spec.slot_arg = &told;
    replay(w, &spec);
    assert_int_equal(told.slots, 2);
    assert_true(told.dead > 0 && told.letters > told.dead);
    assert_int_equal(w->report.batches, 2);
    assert_int_equal(w->report.records, told.letters);
    assert_int_equal(w->report.dead, told.dead);
    uint64_t before = last_batch(w);
    replay(w, &spec); // what cannot be decoded for the same reason as before makes no batch
    assert_int_equal(last_batch(w), before);
    produce(w, &r);
    run(w);
    same(w, &want, "after a replay and a run");
    job_world_free(w);
    buf_fini(&want);
}

TEST(a_backfill_after_a_replay_leaves_its_records_once)
{
    static const struct str streams[] = {{"GOOD", 4}, {"ALL_OF", 6}};
    struct buf want;
    still_life(&want, STREAMS TABLES, NULL, 5, 2);
    struct job_world *w = world(STREAMS TABLES, NULL);
    struct job_random r = {5};
    for (int i = 0; i < 2; i++) {
        produce(w, &r);
        run(w);
    }
    correct(w);
    const struct replay_spec spec = all();
    replay(w, &spec);
    const struct backfill_spec again = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 2, .outputs = streams, .output_count = 2};
    if (!job_world_backfill(w, &again))
        fail_msg("%s", w->text);
    same(w, &want, "after a replay and a backfill");
    job_world_free(w);
    buf_fini(&want);
}

static void backfill_first(struct job_world *w)
{
    static const struct str all_of[] = {{"ALL_OF", 6}};
    const struct backfill_spec first = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 1, .outputs = all_of, .output_count = 1};
    if (!job_world_backfill(w, &first))
        fail_msg("%s", w->text);
}

static void one_of_each(struct job_world *w)
{
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":1,\"cents\":2}");
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":\"x\",\"cents\":3}");
    run(w);
}

static void rejects_are(const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    memory_print_rejects(&out, JOB_WORLD_ONE);
    buf_char(&out, 0);
    assert_string_equal(out.p, text);
    buf_fini(&out);
}

TEST(rows_of_letters_that_a_warehouse_refuses_are_kept_with_their_slot)
{
#define REJECT(seq)                                                                              \
    "reject sim 0 ALL_OF all_of 1 " seq ":  {\"k\":\"k\",\"id\":\"x\",\"cents\":3}: refused as " \
    "asked for\n"
    struct buf want;
    struct batch_record record;
    const struct replay_spec spec = all();
    struct job_world *w = world(STREAMS, NULL);
    correct(w);
    one_of_each(w);
    print(&want, w);
    job_world_free(w);
    w = world(STREAMS, NULL);
    one_of_each(w);
    correct(w);
    memory_reject(JOB_WORLD_ONE, "all_of", "k|x|3");
    // Also where the reply is lost, the receipt counts it.
    memory_fail(JOB_WORLD_ONE, MEMORY_COMMIT, 1, MEMORY_LIE, REMEDY_FATAL);
    assert_false(try_replay(w, &spec));
    replay(w, &spec);
    rejects_are(REJECT("2199023255552"));
    struct arena *a = arena_new(NULL);
    assert_true(job_world_record(&record, w, a, 2));
    assert_int_equal(record.targets[0].rejected, 1);
    assert_int_equal(record.targets[1].rejected, 0);
    arena_free(a);
    job_world_check_receipts(w);
    backfill_first(w);
    rejects_are(REJECT("1"));
    memory_reject(JOB_WORLD_ONE, "all_of", "");
    backfill_first(w);
    rejects_are("");
    same(w, &want, "after a replay and backfills");
    job_world_free(w);
    buf_fini(&want);
#undef REJECT
}

TEST(a_dry_run_counts_and_changes_nothing)
{
    struct job_world *w = world(STREAMS, NULL);
    struct job_random r = {7};
    struct buf before;
    struct told told = {.dry = true};
    produce(w, &r);
    run(w);
    uint64_t letters = w->report.dead;
    print(&before, w);
    correct(w);
    struct replay_spec spec = all();
    spec.mode = REPLAY_DRY_RUN;
    spec.slot = tell;
    spec.slot_arg = &told;
    if (!try_replay(w, &spec))
        fail_msg("%s", w->e.text);
    assert_int_equal(told.letters, letters);
    assert_true(told.dead > 0 && told.dead < letters);
    assert_int_equal(last_batch(w), 1);
    same(w, &before, "a dry run");
    job_world_free(w);
    buf_fini(&before);
}

TEST(only_the_batches_and_outputs_that_are_named_get_their_records)
{
    static const struct str good[] = {{"good", 4}};
    struct job_world *w = world(STREAMS TABLES LAST, NULL);
    struct job_random r = {9};
    produce(w, &r);
    run(w);
    produce(w, &r);
    run(w);
    correct(w);
    struct replay_spec spec = all();
    refused(w, &spec, ERR_CONFIG, "output LAST depends on the order of its records");
    static const struct str users[] = {{"PER_USER", 8}};
    spec.outputs = users;
    spec.output_count = 1;
    refused(w, &spec, ERR_CONFIG, "together with all others or not at all");
    static const struct str none[] = {{"NOPE", 4}};
    spec.outputs = none;
    refused(w, &spec, ERR_CONFIG, "has no output NOPE");
    spec.outputs = good;
    spec.from = spec.to = 2;
    replay(w, &spec);
    assert_int_equal(w->report.batches, 1);
    struct batch_record record;
    struct arena *a = arena_new(NULL);
    assert_true(job_world_record(&record, w, a, 3));
    assert_int_equal(record.slot, 2);
    assert_int_equal(record.kind, BATCH_REPLAY);
    for (size_t i = 0; i < record.target_count; i++)
        assert_int_equal(record.targets[i].rows, 0);
    arena_free(a);
    job_world_free(w);
}

static void last_letters_go(bool lake)
{
    struct job_world_spec spec = {.sql = wrong,
                                  .outputs = "      ALL_OF: { warehouse: { to: one } }\n",
                                  .topics = {"tx"},
                                  .partitions = 4,
                                  .lake = lake ? JOB_WORLD_LAKE : JOB_WORLD_NO_LAKE};
    struct job_world *w = job_world_new(&spec);
    char path[600];
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":\"x\"}");
    run(w);
    if (lake)
        (void)snprintf(path, sizeof path, "%s/_dead_letters/sim/1.jsonl", w->lake);
    else
        (void)snprintf(path, sizeof path, "%s/dead_letters/1.jsonl", w->job->state_dir);
    assert_true(file_exists(path));
    correct(w);
    const struct replay_spec how = all();
    replay(w, &how);
    assert_int_equal(w->report.warehouse_rows, 1);
    assert_false(file_exists(path));
    replay(w, &how);
    assert_int_equal(w->report.batches, 0);
    job_world_free(w);
}

TEST(outputs_that_take_no_late_records_are_no_hindrance_where_there_are_no_letters)
{
    static const struct str none[] = {{"NOPE", 4}};
    struct job_world *w = world(STREAMS TABLES LAST, NULL);
    struct replay_spec spec = all();
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":1}");
    run(w);
    replay(w, &spec);
    assert_int_equal(w->report.batches, 0);
    spec.outputs = none;
    spec.output_count = 1;
    refused(w, &spec, ERR_CONFIG, "has no output NOPE");
    job_world_free(w);
}

TEST(a_file_of_letters_that_all_came_through_goes_with_them)
{
    last_letters_go(true);
    last_letters_go(false);
}

static bool gap(void *arg, const struct audit_finding *f, struct err *e)
{
    (void)e;
    if (f->kind == AUDIT_ROWS)
        (void)snprintf(arg, 600, "%.*s: %.*s", STR_ARG(f->text), STR_ARG(f->repair));
    return true;
}

TEST(a_stream_that_was_out_of_the_job_lacks_what_letters_gave_and_it_is_said)
{
    static const struct str all_of[] = {{"ALL_OF", 6}};
    char found[600] = "";
    struct audit_report report;
    const struct replay_spec spec = all();
    const struct audit_spec audit = {.found = gap, .arg = found};
    const struct backfill_spec first = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 1, .outputs = all_of, .output_count = 1};
    struct job_world *w = world(STREAMS, NULL);
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":\"x\"}");
    run(w);
    assert_true(job_world_compile(w, right, "      GOOD: { lake: { partition_by: [] } }\n"));
    replay(w, &spec);
    correct(w);
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":\"y\"}");
    run(w);
    assert_int_equal(memory_rows(JOB_WORLD_ONE, "all_of"), 1);
    assert_ok(run_audit(&report, w->a, w->job, &w->env, &audit, &w->e), &w->e);
    assert_non_null(strstr(found, "rows of batches 1 to 1 are missing"));
    if (!job_world_backfill(w, &first))
        fail_msg("%s", w->text);
    assert_int_equal(memory_rows(JOB_WORLD_ONE, "all_of"), 2);
    found[0] = '\0';
    assert_ok(run_audit(&report, w->a, w->job, &w->env, &audit, &w->e), &w->e);
    assert_string_equal(found, "");
    job_world_free(w);
}

// --- what was not kept -----------------------------------------------------------------------------------------------

static void payload_from_the_topic(const char *job)
{
    struct buf want;
    still_life(&want, STREAMS, job, 11, 2);
    struct job_world *w = world(STREAMS, job);
    struct job_random r = {11};
    for (int i = 0; i < 2; i++) {
        produce(w, &r);
        run(w);
    }
    correct(w);
    const struct replay_spec spec = all();
    replay(w, &spec);
    assert_int_equal(w->report.batches, 2);
    same(w, &want, job);
    job_world_free(w);
    buf_fini(&want);
}

TEST(a_payload_that_was_not_kept_is_read_from_the_topic)
{
    payload_from_the_topic("    dead_letters: { payload: hash }\n");
    payload_from_the_topic("    dead_letters: { payload: none }\n");
}

TEST(a_payload_that_is_nowhere_is_refused_naming_the_record)
{
    struct job_world *w = world(STREAMS, "    dead_letters: { payload: hash }\n");
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":1}");
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":\"x\"}");
    source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":\"y\"}");
    run(w);
    correct(w);
    const struct replay_spec spec = all();
    source_fake_compact(w->broker, "tx", 0, 1);
    refused(w, &spec, ERR_DATA, "tx/0 offset 1 (gone)");
    source_fake_recreate(w->broker, "tx", 4);
    for (int i = 0; i < 3; i++)
        source_fake_add(w->broker, "tx", 0, 1761436800000, "k", "{\"id\":2}");
    refused(w, &spec, ERR_DATA, "tx/0 offset 1 (another record), tx/0 offset 2 (another record)");
    assert_int_equal(last_batch(w), 1);
    job_world_free(w);
}

// --- crashes ---------------------------------------------------------------------------------------------------------

static void life(struct job_world *w, const struct fault_spec *fault)
{
    struct job_random r = {13};
    if (!job_world_compile(w, wrong, w->spec.outputs))
        fail_msg("%s", w->text);
    job_world_restart(w, NULL);
    produce(w, &r);
    run(w);
    produce(w, &r);
    run(w);
    correct(w);
    job_world_restart(w, fault);
    const struct replay_spec spec = all();
    for (int failed = 0; !try_replay(w, &spec); failed++) {
        job_world_check_offsets(w);
        if (failed == 10)
            fail_msg("does not get well: %s", w->text);
        if (durable_dead(w->durable))
            job_world_restart(w, NULL);
    }
}

static void every_call(const char *outputs, uint64_t step)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    struct buf want;
    still_life(&want, outputs, NULL, 13, 2);
    struct job_world *w = world(outputs, NULL);
    life(w, NULL);
    uint64_t total = 0, cases = 0;
    for (size_t i = 0; i < durable_site_count(w->durable); i++) {
        uint64_t calls;
        (void)durable_site(w->durable, i, &calls);
        total += calls;
    }
    for (size_t a = 0; a < sizeof actions / sizeof actions[0]; a++)
        for (uint64_t n = 1 + a * 3 % step; n <= total; n += step, cases++) {
            const struct fault_spec fault = {.occurrence = n, .action = actions[a]};
            char what[64];
            (void)snprintf(what, sizeof what, "action %zu at durable call %llu", a,
                           (unsigned long long)n);
            job_world_wipe(w);
            life(w, &fault);
            same(w, &want, what);
        }
    print_message("%llu durable calls, %llu cases\n", (unsigned long long)total,
                  (unsigned long long)cases);
    job_world_free(w);
    buf_fini(&want);
}

TEST(a_fault_at_any_durable_call_of_a_replay_leaves_each_record_once)
{
    every_call(STREAMS TABLES, test_is_long() ? 1 : 17);
}

TEST(a_fault_at_any_durable_call_of_a_replay_into_topics_leaves_each_record_once)
{
    every_call("      ALL_OF: { topic: { name: every, partitions: 2 }, warehouse: { to: one } }\n",
               test_is_long() ? 1 : 17);
}

TEST_MAIN(T(a_stream_that_was_out_of_the_job_lacks_what_letters_gave_and_it_is_said),
          T(after_the_sql_was_corrected_letters_give_what_they_would_have_given_in_their_place),
          T(a_backfill_after_a_replay_leaves_its_records_once),
          T(rows_of_letters_that_a_warehouse_refuses_are_kept_with_their_slot),
          T(a_dry_run_counts_and_changes_nothing),
          T(only_the_batches_and_outputs_that_are_named_get_their_records),
          T(outputs_that_take_no_late_records_are_no_hindrance_where_there_are_no_letters),
          T(a_file_of_letters_that_all_came_through_goes_with_them),
          T(a_payload_that_was_not_kept_is_read_from_the_topic),
          T(a_payload_that_is_nowhere_is_refused_naming_the_record),
          T(a_fault_at_any_durable_call_of_a_replay_leaves_each_record_once),
          T(a_fault_at_any_durable_call_of_a_replay_into_topics_leaves_each_record_once))
