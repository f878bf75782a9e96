#include "tests/support/job_upkeep.h"

#include "jobs/run/audit.h"
#include "jobs/run/control.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { TRIES = 20 };
#define UPKEEP_TEXT_MAX ((size_t)64 << 20)

static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                            FAULT_REPLY_LOST};
enum { ACTIONS = sizeof actions / sizeof *actions };

const struct job_world_spec job_upkeep_job = {
    .sql = "CREATE STREAM tx (k VARCHAR KEY, id BIGINT, usr VARCHAR, cents BIGINT,"
           "  place STRUCT<city VARCHAR, zip VARCHAR>)"
           "  WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"
           "CREATE STREAM good AS SELECT k, id, cents FROM tx EMIT CHANGES;\n"
           "CREATE STREAM big AS SELECT k, id, place->city AS city FROM tx WHERE cents > 5000"
           "  EMIT CHANGES;\n"
           "CREATE TABLE per_user AS SELECT usr, COUNT(*) AS n FROM tx GROUP BY usr EMIT "
           "CHANGES;\n",
    .outputs =
        "      GOOD: { lake: { partition_by: [year, month, day] } }\n"
        "      BIG: { lake: { format: csv, compression: zstd, partition_by: [] },\n"
        "             warehouse: { to: one } }\n"
        "      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, warehouse: { to: two } }\n",
    .job = "    limits: { batch_records: 40 }\n",
    .topics = {"tx"},
    .partitions = JOB_SCENARIO_PARTITIONS,
};

const struct str job_upkeep_streams[2] = {{"GOOD", 4}, {"BIG", 3}};

struct job_world *job_upkeep_world(const struct job_world_spec *spec)
{
    struct job_world *w = job_world_new(spec);
    w->time.wall_ms = JOB_WORLD_NOW - JOB_UPKEEP_DAY_MS;
    return w;
}

void job_upkeep_produce(struct job_world *w, struct job_random *r, unsigned n)
{
    job_scenario_produce(w, r, n, JOB_RECORDS_HOSTILE);
}

void job_upkeep_run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

void job_upkeep_print(struct buf *out, const struct job_world *w)
{
    buf_init(out, UPKEEP_TEXT_MAX);
    job_world_print_rows(out, w, JOB_WORLD_ORDERED);
}

void job_upkeep_same(const struct job_world *w, const struct buf *want, const char *what)
{
    struct buf got;
    job_upkeep_print(&got, w);
    job_world_same(want, &got, what);
    buf_fini(&got);
}

uint64_t job_upkeep_faults(uint64_t step, job_upkeep_life_fn *life, void *arg)
{
    uint64_t n = 1;
    for (bool fired = true; fired; n += test_is_long() ? 1 : step) {
        fired = false;
        for (size_t k = 0; k < ACTIONS; k++) {
            const struct fault_spec fault = {.occurrence = n, .action = actions[k]};
            char what[64];
            (void)snprintf(what, sizeof what, "call %llu, action %zu", (unsigned long long)n, k);
            fired = life(&fault, what, arg) || fired;
        }
    }
    return n;
}

void job_upkeep_maybe_fault(struct job_world *w, struct job_random *r, uint64_t calls)
{
    const struct fault_spec fault = {.occurrence = 1 + job_random_below(r, calls),
                                     .action = actions[job_random_below(r, ACTIONS)]};
    job_world_restart(w, job_random_below(r, 3) > 0 ? &fault : NULL);
}

void job_upkeep_again(struct job_world *w, int tries)
{
    if (tries == TRIES)
        fail_msg("does not get well: %s", w->text);
    if (durable_dead(w->durable))
        job_world_restart(w, NULL);
}

void job_upkeep_list(struct lake_ls *out, struct arena *a, struct job_world *w)
{
    struct lake *lake;
    struct lake_verify v;
    struct err e;
    assert_ok(lake_open(&lake, w->lake, LAKE_OPEN_EXISTING, w->durable, &e), &e);
    assert_ok(lake_verify(&v, a, lake, STR_NONE, &e), &e);
    if (v.count > 0)
        fail_msg("%.*s: %.*s", STR_ARG(v.findings[0].path), STR_ARG(v.findings[0].text));
    assert_ok(lake_list(out, a, lake, STR_NONE, &e), &e);
    lake_close(lake);
}

void job_upkeep_verify(struct job_world *w)
{
    struct arena *a = arena_new(NULL);
    struct lake_ls ls;
    job_upkeep_list(&ls, a, w);
    arena_free(a);
}

static void upkeep_counts(struct job_world *w, const char *output, size_t *files,
                          size_t *partitions)
{
    struct arena *a = arena_new(NULL);
    struct lake_ls ls;
    *files = *partitions = 0;
    job_upkeep_list(&ls, a, w);
    for (size_t i = 0; i < ls.output_count; i++) {
        const struct lake_ls_output *o = &ls.outputs[i];
        if (o->kind != LAKE_STREAM || !str_eq(o->name, str_from(output)))
            continue;
        *files = o->files;
        *partitions = o->partition_count;
    }
    arena_free(a);
}

size_t job_upkeep_files(struct job_world *w, const char *output)
{
    size_t files, partitions;
    upkeep_counts(w, output, &files, &partitions);
    return files;
}

size_t job_upkeep_partitions(struct job_world *w, const char *output)
{
    size_t files, partitions;
    upkeep_counts(w, output, &files, &partitions);
    return partitions;
}

static bool audit_finding(void *arg, const struct audit_finding *f, struct err *e)
{
    (void)arg;
    return err_fail(e, ERR_DATA, "%s %.*s: %.*s (%.*s)", audit_kind_name(f->kind),
                    STR_ARG(f->place), STR_ARG(f->text), STR_ARG(f->repair));
}

bool job_upkeep_audited(const struct job_world *w, struct err *e)
{
    struct audit_report r;
    const struct audit_spec spec = {.found = audit_finding};
    return run_audit(&r, w->a, w->job, &w->env, &spec, e);
}

void job_upkeep_audit(const struct job_world *w)
{
    struct err e;
    assert_ok(job_upkeep_audited(w, &e), &e);
}

uint64_t job_upkeep_last(const struct job_world *w)
{
    struct control c;
    struct arena *a = arena_new(NULL);
    job_world_control(&c, w, a);
    arena_free(a);
    return c.last_batch;
}

static bool upkeep_done(struct job_world *w, bool ok)
{
    if (!ok)
        err_format(&w->e, w->text, sizeof w->text);
    return ok;
}

bool job_upkeep_expire(struct job_world *w, const struct expire_spec *spec,
                       struct expire_report *out, struct arena *a)
{
    err_clear(&w->e);
    return upkeep_done(w, run_expire(out, a, w->job, &w->env, spec, &w->e));
}

bool job_upkeep_compact(struct job_world *w, const struct compact_spec *spec,
                        struct compact_report *out, struct arena *a)
{
    err_clear(&w->e);
    return upkeep_done(w, run_compact(out, a, w->job, &w->env, spec, &w->e));
}

void job_upkeep_expires(struct job_world *w)
{
    static const struct expire_spec policy = {.output = {"", 0}};
    struct arena *a = arena_new(NULL);
    struct expire_report r;
    for (int tries = 0; !job_upkeep_expire(w, &policy, &r, a); tries++)
        job_upkeep_again(w, tries);
    arena_free(a);
}

size_t job_upkeep_compacts(struct job_world *w)
{
    static const struct compact_spec all = {.output = {"", 0}};
    struct arena *a = arena_new(NULL);
    struct compact_report r;
    for (int tries = 0; !job_upkeep_compact(w, &all, &r, a); tries++)
        job_upkeep_again(w, tries);
    size_t n = r.count;
    arena_free(a);
    return n;
}
