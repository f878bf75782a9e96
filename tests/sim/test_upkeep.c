// The lake's upkeep among everything else: whatever is run, backfilled, compacted, expired and cut short, each record stands there once.
#include "jobs/run/backfill.h"
#include "jobs/run/compact.h"
#include "tests/support/job_scenario.h"
#include "tests/support/job_upkeep.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { DAY_MS = 86400000 };

static const struct str streams[] = {{"GOOD", 4}, {"BIG", 3}};

// Kept on the first day of these worlds, 2025-10-27: the 26th and later.
static const char outputs[] =
    "      GOOD: { lake: { partition_by: [year, month, day], retain: 1d,\n"
    "              compact: { min_files: 3 } } }\n"
    "      BIG: { lake: { format: csv, compression: zstd, partition_by: [day, CITY],"
    " retain: 1d }, warehouse: { to: one } }\n"
    "      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, warehouse: { to: two } }\n";

static struct job_world_spec scenario(void)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.outputs = outputs;
    spec.sql = "CREATE STREAM tx (k VARCHAR KEY, id BIGINT, usr VARCHAR, cents BIGINT,"
               "  place STRUCT<city VARCHAR, zip VARCHAR>)"
               "  WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"
               "CREATE STREAM good AS SELECT k, id, cents FROM tx EMIT CHANGES;\n"
               "CREATE STREAM big AS SELECT k, id, place->city AS city FROM tx WHERE cents > 5000"
               "  EMIT CHANGES;\n"
               "CREATE TABLE per_user AS SELECT usr, COUNT(*) AS n FROM tx GROUP BY usr EMIT "
               "CHANGES;\n";
    return spec;
}

static void produce(struct job_world *w, struct job_random *r, unsigned n)
{
    job_scenario_produce(w, r, n, JOB_RECORDS_HOSTILE);
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static bool compact(struct job_world *w, const struct compact_spec *spec,
                    struct compact_report *out, struct arena *a)
{
    err_clear(&w->e);
    bool ok = run_compact(out, a, w->job, &w->env, spec, &w->e);
    if (!ok)
        err_format(&w->e, w->text, sizeof w->text);
    return ok;
}

static void compacts(struct job_world *w)
{
    static const struct compact_spec all = {.output = {"", 0}};
    struct arena *a = arena_new(NULL);
    struct compact_report r;
    for (int tries = 0; !compact(w, &all, &r, a); tries++) {
        if (tries == 20)
            fail_msg("does not get well: %s", w->text);
        if (durable_dead(w->durable))
            job_world_restart(w, NULL);
    }
    arena_free(a);
}

static void maybe_fault(struct job_world *w, struct job_random *r)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    const struct fault_spec fault = {.occurrence = 1 + job_random_below(r, 300),
                                     .action = actions[job_random_below(r, 4)]};
    job_world_restart(w, job_random_below(r, 3) > 0 ? &fault : NULL);
}

static void some_backfill(struct job_world *w, struct job_random *r)
{
    uint64_t last = job_upkeep_last(w);
    struct backfill_spec spec = {
        .by = BACKFILL_BATCHES, .outputs = streams, .output_count = 2, .from = 1};
    if (last == 0)
        return;
    spec.from = 1 + (int64_t)job_random_below(r, last);
    spec.to = spec.from + 2;
    for (int tries = 0; !job_world_backfill(w, &spec); tries++) {
        if (strstr(w->text, "no batch of job sim"))
            return;
        if (tries == 20)
            fail_msg("does not get well: %s", w->text);
        if (durable_dead(w->durable))
            job_world_restart(w, NULL);
        if (strstr(w->text, "is not finished") || tries > 2)
            spec.by = BACKFILL_PENDING;
    }
}

static void any_sequence(uint64_t seed)
{
    static const unsigned portions[] = {50, 30, 60, 20};
    struct job_world_spec spec = scenario();
    struct job_random chance = {seed}, r = {seed + 500};
    struct buf want;
    struct job_world *w = job_world_new(&spec);
    w->time.wall_ms -= DAY_MS;
    for (size_t i = 0; i < 4; i++) {
        produce(w, &r, portions[i]);
        run(w);
    }
    job_upkeep_expires(w);
    buf_init(&want, (size_t)64 << 20);
    job_world_print_rows(&want, w, JOB_WORLD_ORDERED);
    job_world_free(w);
    w = job_world_new(&spec);
    w->time.wall_ms -= DAY_MS;
    r.state = seed + 500;
    for (size_t i = 0; i < 16; i++) {
        maybe_fault(w, &chance);
        uint64_t act = job_random_below(&chance, 5);
        if (i % 4 == 0) {
            produce(w, &r, portions[i / 4]);
            job_world_settle(w, 20);
        } else if (act < 2) {
            compacts(w);
        } else if (act < 4) {
            some_backfill(w, &chance);
        } else {
            job_upkeep_expires(w);
        }
    }
    job_world_restart(w, NULL);
    job_world_settle(w, 20);
    const struct backfill_spec pending = {.by = BACKFILL_PENDING};
    assert_true(job_world_backfill(w, &pending));
    job_upkeep_expires(w);
    job_upkeep_verify(w);
    job_upkeep_audit(w);
    char what[64];
    (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    job_scenario_same(w, &want, what);
}

TEST(
    any_sequence_of_runs_backfills_compactions_expiries_and_crashes_leaves_each_record_exactly_once)
{
    uint64_t count = test_is_long() ? 400 : 12;
    for (uint64_t seed = 1; seed <= count; seed++)
        any_sequence(seed);
}

TEST_MAIN(T(
    any_sequence_of_runs_backfills_compactions_expiries_and_crashes_leaves_each_record_exactly_once))
