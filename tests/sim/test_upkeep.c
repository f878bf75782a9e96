// The lake's upkeep among everything else: whatever is run, backfilled, compacted, expired and cut short, each record stands there once.
#include "jobs/run/backfill.h"
#include "tests/support/job_upkeep.h"
#include "tests/support/test.h"

#include <stdio.h>

// Kept on the first day of these worlds, 2025-10-27: the 26th and later.
static const char outputs[] =
    "      GOOD: { lake: { partition_by: [year, month, day], retain: 1d,\n"
    "              compact: { min_files: 3 } } }\n"
    "      BIG: { lake: { format: csv, compression: zstd, partition_by: [day, CITY],"
    " retain: 1d }, warehouse: { to: one } }\n"
    "      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, warehouse: { to: two } }\n";

static void some_backfill(struct job_world *w, struct job_random *r)
{
    uint64_t last = job_upkeep_last(w);
    struct backfill_spec spec = {
        .by = BACKFILL_BATCHES, .outputs = job_upkeep_streams, .output_count = 2, .from = 1};
    if (last == 0)
        return;
    spec.from = 1 + (int64_t)job_random_below(r, last);
    spec.to = spec.from + 2;
    for (int tries = 0; !job_world_backfill(w, &spec); tries++) {
        if (strstr(w->text, "no batch of job sim"))
            return;
        job_upkeep_again(w, tries);
        if (strstr(w->text, "is not finished") || tries > 2)
            spec.by = BACKFILL_PENDING;
    }
}

static void any_sequence(uint64_t seed)
{
    static const unsigned portions[] = {50, 30, 60, 20};
    struct job_world_spec spec = job_upkeep_job;
    struct job_random chance = {seed}, r = {seed + 500};
    struct buf want;
    spec.outputs = outputs;
    struct job_world *w = job_upkeep_world(&spec);
    for (size_t i = 0; i < 4; i++) {
        job_upkeep_produce(w, &r, portions[i]);
        job_upkeep_run(w);
    }
    job_upkeep_expires(w);
    job_upkeep_print(&want, w);
    job_world_free(w);
    w = job_upkeep_world(&spec);
    r.state = seed + 500;
    for (size_t i = 0; i < 16; i++) {
        job_upkeep_maybe_fault(w, &chance, 300);
        uint64_t act = job_random_below(&chance, 5);
        if (i % 4 == 0) {
            job_upkeep_produce(w, &r, portions[i / 4]);
            job_world_settle(w, 20);
        } else if (act < 2) {
            (void)job_upkeep_compacts(w);
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
