// Records of runs and batches do not grow for ever, and what is left of them is enough for everything but what needs them all.
#include "base/kv.h"
#include "jobs/run/audit.h"
#include "jobs/run/backfill.h"
#include "jobs/run/compact.h"
#include "jobs/run/control.h"
#include "jobs/run/expire.h"
#include "jobs/run/history.h"
#include "jobs/run/job.h"
#include "jobs/run/replay.h"
#include "jobs/run/resync.h"
#include "lake/inspect.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

enum { KEPT = 10, BATCHES = 60, LEAST = 100 };

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static uint64_t stored(const struct job_world *w, enum kv_table table)
{
    struct kv *kv;
    struct kv_txn *t;
    struct err e;
    struct kv_spec spec = {.dir = w->job->state_dir, .mode = KV_READER, .durable = w->durable};
    assert_ok(kv_open(&kv, &spec, &e), &e);
    assert_ok(kv_begin_read(&t, kv, &e), &e);
    uint64_t n = kv_count(t, table);
    kv_abort(t);
    kv_close(kv);
    return n;
}

static bool finding(void *arg, const struct audit_finding *f, struct err *e)
{
    (void)arg, (void)e;
    fail_msg("%.*s: %.*s", STR_ARG(f->place), STR_ARG(f->text));
    return false;
}

static void silent(const struct job_world *w)
{
    struct audit_report r;
    struct err e;
    const struct audit_spec spec = {.found = finding};
    assert_ok(run_audit(&r, w->a, w->job, &w->env, &spec, &e), &e);
    assert_true(r.batches > 0 && r.batches <= KEPT + LEAST);
}

static void small(struct job_world *w, struct job_random *r)
{
    job_scenario_produce(w, r, 4, JOB_RECORDS_HOSTILE);
}

struct life {
    struct job_random random;
    int pieces;
};

static void idle(struct job_world *w, void *arg)
{
    struct life *l = arg;
    if (l->pieces++ == BATCHES)
        atomic_store(&w->cancel, true);
    else
        small(w, &l->random);
    w->time.wall_ms += 100000;
}

static void resync(struct job_world *w, const char *output)
{
    struct run_report report;
    struct err e;
    assert_ok(run_resync(&report, w->job, &w->env, str_from(output), RESYNC_AS_WRITTEN, &e), &e);
}

static void resync_fails(const struct job_world *w, const char *output)
{
    struct run_report report;
    struct err e;
    assert_false(run_resync(&report, w->job, &w->env, str_from(output), RESYNC_AS_WRITTEN, &e));
    assert_non_null(strstr(e.text, "are older than the job's history"));
}

TEST(an_endless_run_keeps_as_many_receipts_as_it_may)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct life l = {.random = {3}};
    struct arena *a = arena_new(NULL);
    struct control c;
    w->job->history_max = KEPT;
    if (!job_world_stream(w, idle, &l))
        fail_msg("%s", w->text);
    job_world_control(&c, w, a);
    assert_true(c.last_batch >= BATCHES);
    assert_in_range(stored(w, KV_BATCH), KEPT, KEPT + 1);
    assert_in_range(c.forgotten, c.last_batch - KEPT - 1, c.last_batch - KEPT);
    silent(w);
    // A store that lost its last batch gets it again.
    memory_copy("backup", JOB_WORLD_TWO);
    small(w, &l.random);
    run(w);
    memory_copy(JOB_WORLD_TWO, "backup");
    small(w, &l.random);
    run(w);
    silent(w);
    resync_fails(w, "two/per_method/PER_METHOD");
    arena_free(a);
    job_world_free(w);
}

TEST(a_published_table_comes_back_without_receipts)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct job_random r = {4};
    w->job->history_max = KEPT;
    for (int i = 0; i < 3 * KEPT; i++) {
        small(w, &r);
        run(w);
    }
    assert_in_range(stored(w, KV_RUN), KEPT, KEPT + 1);
    assert_in_range(stored(w, KV_BATCH), KEPT, KEPT + 1);
    assert_true(memory_drop(JOB_WORLD_TWO, "users"));
    resync(w, "two/users/PER_USER");
    silent(w);
    resync_fails(w, "two/per_method/PER_METHOD");
    resync_fails(w, "one/big/BIG");
    job_world_free(w);
}

TEST(forgotten_batches_are_no_longer_backfilled_and_pending_ones_are_not_forgotten)
{
    static const struct str good[] = {{"GOOD", 4}};
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct job_random r = {5};
    w->job->history_max = KEPT;
    for (int i = 0; i < KEPT; i++) {
        small(w, &r);
        run(w);
    }
    const struct backfill_spec first = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 4, .outputs = good, .output_count = 1};
    const struct fault_spec fault = {
        .site = "lake.rename", .occurrence = 2, .action = FAULT_CRASH_BEFORE};
    job_world_restart(w, &fault);
    assert_false(job_world_backfill(w, &first));
    job_world_restart(w, NULL);
    w->job->history_max = KEPT / 2;
    for (int i = 0; i < KEPT; i++) {
        small(w, &r);
        run(w);
    }
    const struct backfill_spec pending = {.by = BACKFILL_PENDING};
    if (!job_world_backfill(w, &pending))
        fail_msg("%s", w->text);
    for (int i = 0; i < KEPT; i++) {
        small(w, &r);
        run(w);
    }
    assert_in_range(stored(w, KV_BATCH), KEPT / 2, KEPT / 2 + 1);
    assert_false(job_world_backfill(w, &first));
    assert_non_null(strstr(w->text, "holds records of this range"));
    silent(w);
    job_world_free(w);
}

// How many rows the forgotten batch had appended nobody knows any more.
TEST(rows_of_dead_letters_that_came_to_a_forgotten_batch_are_no_finding)
{
#define SQL(id)                                                                             \
    "CREATE STREAM tx (k VARCHAR KEY, id " id ") WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = " \
    "'JSON');\n"                                                                            \
    "CREATE STREAM o AS SELECT k, CAST(id AS VARCHAR) AS id FROM tx EMIT CHANGES;\n"
    const struct job_world_spec spec = {.sql = SQL("BIGINT"),
                                        .outputs = "      O: { warehouse: { to: one } }\n",
                                        .topics = {"tx"},
                                        .partitions = 1,
                                        .lake = JOB_WORLD_NO_LAKE};
    const struct replay_spec all = {.to = UINT64_MAX};
    struct job_world *w = job_world_new(&spec);
    for (int i = 0; i < KEPT; i++) {
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":1}");
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":\"x\"}");
        run(w);
    }
    if (!job_world_compile(w, SQL("VARCHAR"), spec.outputs))
        fail_msg("%s", w->text);
#undef SQL
    assert_ok(run_replay(&w->report, w->job, &w->env, &all, &w->e), &w->e);
    assert_int_equal(w->report.warehouse_rows, KEPT);
    silent(w);
    w->job->history_max = KEPT - 1; // the batches go, the replays stay
    for (int i = 0; i < 4; i++) {
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":1}");
        run(w);
    }
    assert_in_range(stored(w, KV_BATCH), KEPT - 1, KEPT);
    silent(w);
    job_world_free(w);
}

TEST(dead_letters_of_forgotten_batches_are_named_and_not_passed_over)
{
    const struct job_world_spec spec = {
        .sql = "CREATE STREAM tx (k VARCHAR KEY, id BIGINT) WITH (KAFKA_TOPIC = 'tx', "
               "VALUE_FORMAT = 'JSON');\n"
               "CREATE STREAM o AS SELECT * FROM tx EMIT CHANGES;\n",
        .outputs = "      O: { warehouse: { to: one } }\n",
        .topics = {"tx"},
        .partitions = 1,
        .lake = JOB_WORLD_NO_LAKE};
    struct job_world *w = job_world_new(&spec);
    struct replay_spec all = {.to = UINT64_MAX};
    w->job->history_max = KEPT;
    for (int i = 0; i < 2 * KEPT; i++) {
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k",
                        i == 2 || i == 4 ? "{\"id\":\"x\"}" : "{\"id\":1}");
        run(w);
    }
    assert_false(run_replay(&w->report, w->job, &w->env, &all, &w->e));
    assert_int_equal(w->e.kind, ERR_CONFIG);
    assert_non_null(strstr(w->e.text, "dead letters of batches 3 to 5 cannot be replayed: the "
                                      "records of batches up to 10 are older than"));
    assert_non_null(strstr(w->e.hint, "--batch 11..20 replays the others; job reset sim"));
    all.from = 6;
    assert_ok(run_replay(&w->report, w->job, &w->env, &all, &w->e), &w->e);
    job_world_free(w);
}

static bool finding_text(void *arg, const struct audit_finding *f, struct err *e)
{
    (void)e;
    buf_printf(arg, "%.*s -> %.*s\n", STR_ARG(f->text), STR_ARG(f->repair));
    return true;
}

// Nobody can make the first rows of the gap again: what is left is filled, the rest stays said.
TEST(a_gap_that_begins_with_forgotten_batches_is_not_closed_by_a_backfill_of_the_others)
{
    static const char both[] = "      A: { lake: { partition_by: [] } }\n"
                               "      B: { warehouse: { to: one } }\n";
    static const char sql[] =
        "CREATE STREAM tx (k VARCHAR KEY, id BIGINT) WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = "
        "'JSON');\n"
        "CREATE STREAM a AS SELECT k, id FROM tx EMIT CHANGES;\n"
        "CREATE STREAM b AS SELECT k, id FROM tx EMIT CHANGES;\n";
    static const struct str b[] = {{"B", 1}};
    const struct job_world_spec spec = {
        .sql = sql, .outputs = both, .topics = {"tx"}, .partitions = 1};
    const struct backfill_spec left = {
        .by = BACKFILL_BATCHES, .from = 4, .to = 5, .outputs = b, .output_count = 1};
    struct job_world *w = job_world_new(&spec);
    struct buf found;
    const struct audit_spec audit = {.found = finding_text, .arg = &found};
    struct audit_report report;
    struct err e;
    for (int i = 1; i <= 6; i++) {
        if (i == 2)
            assert_true(job_world_compile(w, sql, "      A: { lake: { partition_by: [] } }\n"));
        if (i == 6)
            assert_true(job_world_compile(w, sql, both));
        w->job->history_max = i == 6 ? 3 : 100;
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, "k", "{\"id\":1}");
        run(w);
    }
    if (!job_world_backfill(w, &left))
        fail_msg("%s", w->text);
    assert_int_equal(memory_rows(JOB_WORLD_ONE, "b"), 4); // of 6
    buf_init(&found, 1 << 16);
    assert_ok(run_audit(&report, w->a, w->job, &w->env, &audit, &e), &e);
    buf_char(&found, '\0');
    assert_non_null(strstr(found.p, "rows of batches 2 to 4 are missing: it was out of the job"));
    assert_non_null(strstr(found.p, "reset sim --rebuild"));
    buf_fini(&found);
    job_world_free(w);
}

TEST(old_receipts_go_by_the_clock_but_the_newest_stay)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct job_random r = {6};
    w->job->history_ms = 1000;
    for (int i = 0; i < LEAST + 8; i++) {
        source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW + i, "k", "{\"id\":1,\"usr\":\"u\"}");
        run(w);
        w->time.wall_ms += 2000;
    }
    small(w, &r);
    run(w);
    assert_in_range(stored(w, KV_BATCH), LEAST, LEAST + 1);
    assert_in_range(stored(w, KV_RUN), LEAST, LEAST + 1);
    silent(w);
    job_world_free(w);
}

// Every version that a manifest has is there, or in the log of deletions: once, with a reason.
static size_t log_is_right(const struct job_world *w)
{
    struct arena *a = arena_new(NULL);
    const struct lake_deletion *d;
    const struct lake_manifest *m;
    struct lake *lake;
    struct err e;
    size_t deleted, manifests, logged = 0;
    assert_ok(lake_open(&lake, w->lake, LAKE_OPEN_EXISTING, w->durable, &e), &e);
    assert_ok(lake_deletions(&d, &deleted, a, lake, w->job->name, &e), &e);
    assert_ok(lake_job_manifests(&m, &manifests, a, lake, w->job->name, &e), &e);
    for (size_t i = 0; i < manifests; i++) {
        for (size_t k = 0; k < m[i].count; k++) {
            const struct lake_file *f = &m[i].files[k];
            size_t said = 0;
            for (size_t x = 0; x < deleted; x++) {
                bool same = d[x].file.version == f->version && str_eq(d[x].file.output, f->output);
                said += same;
                assert_true(!same || (d[x].file.reason.n > 0 && d[x].batch >= m[i].batch));
            }
            const char *path = arena_printf(a, "%s/tables/%.*s/version=%llu", w->lake,
                                            STR_ARG(f->output), (unsigned long long)f->version)
                                   .p;
            assert_int_equal(said, f->version > 0 && !file_exists(path));
            logged += said;
        }
    }
    assert_int_equal(logged, deleted);
    lake_close(lake);
    arena_free(a);
    return logged;
}

TEST(every_version_that_a_run_trimmed_is_in_the_log_of_deletions)
{
    static const char *const outputs[] = {
        "      PER_USER: { lake: { snapshot: true, keep_versions: 2 } }\n"
        "      LIFE: { lake: { snapshot: true, keep_versions: 3 } }\n",
        "      PER_USER: { lake: { snapshot: true, keep_versions: 4 } }\n"
        "      LIFE: { lake: { snapshot: true, keep_versions: 90 } }\n",
        "      PER_USER: { lake: { snapshot: true, keep_versions: 3 } }\n"
        "      LIFE: { lake: { snapshot: true, keep_versions: 2 } }\n"};
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct job_random r = {8};
    for (int i = 0; i < 15; i++) {
        assert_true(job_world_compile(w, job_scenario_transactions.sql, outputs[i / 5]));
        small(w, &r);
        run(w);
        (void)log_is_right(w);
    }
    assert_true(log_is_right(w) >= 12);
    job_world_free(w);
}

static bool failures(void *arg, const struct history_run *r, struct err *e)
{
    (void)e;
    *(size_t *)arg += str_eq(r->outcome, STR("failed"));
    return true;
}

static size_t failed_runs(const struct job_world *w)
{
    struct kv *kv;
    struct err e;
    size_t n = 0;
    struct kv_spec spec = {.dir = w->job->state_dir, .mode = KV_READER, .durable = w->durable};
    assert_ok(kv_open(&kv, &spec, &e), &e);
    assert_ok(history_runs(kv, 1000, failures, &n, &e), &e);
    kv_close(kv);
    return n;
}

// "batches, outputs" that no backfill takes, and so on: words, and the job's last run stays what it was.
static void ask_in_vain(struct job_world *w)
{
    const struct backfill_spec old = {.by = BACKFILL_BATCHES, .from = 70, .to = 71};
    const struct str unknown = STR("NOPE");
    const struct replay_spec replay = {.to = UINT64_MAX, .outputs = &unknown, .output_count = 1};
    const struct compact_spec compact = {.output = STR("NOPE")};
    const struct expire_spec expire = {.output = STR("NOPE")};
    struct compact_report compacted;
    struct expire_report expired;
    struct err e;
    assert_false(job_world_backfill(w, &old));
    assert_false(run_replay(&w->report, w->job, &w->env, &replay, &e));
    assert_false(run_compact(&compacted, w->a, w->job, &w->env, &compact, &e));
    assert_false(run_expire(&expired, w->a, w->job, &w->env, &expire, &e));
    assert_false(run_resync(&w->report, w->job, &w->env, STR("NOPE"), RESYNC_AS_WRITTEN, &e));
    source_fake_delete_before(w->broker, "tx", 0, 1);
    assert_false(run_resync(&w->report, w->job, &w->env, STR("BIG"), RESYNC_AS_WRITTEN, &e));
    assert_non_null(strstr(e.text, "the topic begins at 1 now"));
}

TEST(what_a_command_refuses_is_no_run_that_failed)
{
    static const struct str big[] = {{"BIG", 3}};
    const struct backfill_spec whole = {
        .by = BACKFILL_BATCHES, .from = 2, .to = 2, .outputs = big, .output_count = 1};
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct job_random r = {7};
    job_scenario_produce(w, &r, 60, JOB_RECORDS_HOSTILE);
    run(w);
    job_scenario_produce(w, &r, 60, JOB_RECORDS_HOSTILE);
    run(w);
    uint64_t before = stored(w, KV_RUN);
    ask_in_vain(w);
    assert_int_equal(stored(w, KV_RUN), before);
    memory_power(JOB_WORLD_ONE, MEMORY_DOWN);
    assert_false(job_world_backfill(w, &whole)); // that went wrong
    assert_int_equal(failed_runs(w), 1);
    job_world_free(w);
}

TEST_MAIN(T(what_a_command_refuses_is_no_run_that_failed),
          T(a_gap_that_begins_with_forgotten_batches_is_not_closed_by_a_backfill_of_the_others),
          T(dead_letters_of_forgotten_batches_are_named_and_not_passed_over),
          T(rows_of_dead_letters_that_came_to_a_forgotten_batch_are_no_finding),
          T(every_version_that_a_run_trimmed_is_in_the_log_of_deletions),
          T(an_endless_run_keeps_as_many_receipts_as_it_may),
          T(a_published_table_comes_back_without_receipts),
          T(forgotten_batches_are_no_longer_backfilled_and_pending_ones_are_not_forgotten),
          T(old_receipts_go_by_the_clock_but_the_newest_stay))
