// Lives with changes: outputs come and go, the SQL changes, state is reset, tables are dropped and filled, in any order. After every step a
// run either refuses in words that say what to do, and doing it helps; or an audit finds that everything outside is what the job says.
// At the end the job is rebuilt, and its tables are those of a job that never changed.
#include "jobs/run/audit.h"
#include "jobs/run/resync.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

enum { LIFE_STEPS = 10, LIFE_OUTPUTS = 6, LIFE_TEXT = 8000, LIFE_SQL = 3 };

static const char *const outputs[LIFE_OUTPUTS] = {
    ("      GOOD: { lake: { partition_by: [year, month, day] }, "
     "warehouse: { to: two, table: latest, mode: upsert, key: [status] } }\n"),
    "      BIG: { lake: { format: csv, partition_by: [] }, warehouse: { to: one } }\n",
    ("      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, "
     "warehouse: [{ to: one }, { to: two, table: users }] }\n"),
    "      PER_USER: { lake: { snapshot: true, keep_versions: 2 }, warehouse: { to: one } }\n",
    "      PER_METHOD: { warehouse: { to: two } }\n",
    "      PER_METHOD: { warehouse: [{ to: one, table: methods }, { to: two }] }\n"};

struct life {
    struct job_world *w;
    struct job_random random;
    char sql[LIFE_SQL][LIFE_TEXT]; // as it is, another filter, another aggregate
    unsigned sql_now, user, method;
    bool good, big;
    char outputs[LIFE_TEXT];
    char story[LIFE_TEXT]; // for a failure
};

static void tell(struct life *l, const char *what)
{
    size_t n = strlen(l->story);
    (void)snprintf(l->story + n, sizeof l->story - n, "%s; ", what);
}

static void fail_life(const struct life *l, const char *why)
{
    fail_msg("%s: after %s: %s", why, l->story, l->w->text);
}

static void replaced(char *out, const char *sql, const char *what, const char *by)
{
    size_t at;
    struct str s = str_from(sql);
    assert_true(str_find(&at, s, str_from(what)));
    (void)snprintf(out, LIFE_TEXT, "%.*s%s%s", (int)at, sql, by, sql + at + strlen(what));
}

static void configure(struct life *l)
{
    (void)snprintf(l->outputs, sizeof l->outputs, "%s%s%s%s", l->good ? outputs[0] : "",
                   l->big ? outputs[1] : "", outputs[2 + l->user], outputs[4 + l->method]);
    if (!job_world_compile(l->w, l->sql[l->sql_now], l->outputs))
        fail_life(l, "does not compile");
}

// --- steps -----------------------------------------------------------------------------------------------------------

static void change(struct life *l)
{
    switch (job_random_below(&l->random, 5)) {
    case 0:
        l->good = !l->good;
        tell(l, l->good ? "GOOD put in" : "GOOD taken out");
        break;
    case 1:
        l->big = !l->big;
        tell(l, l->big ? "BIG put in" : "BIG taken out");
        break;
    case 2:
        l->user = !l->user;
        tell(l, l->user ? "two/users taken out" : "two/users put in");
        break;
    case 3:
        l->method = !l->method;
        tell(l, l->method ? "one/methods put in" : "one/methods taken out");
        break;
    default:
        l->sql_now = (unsigned)job_random_below(&l->random, LIFE_SQL);
        tell(l, "other SQL");
    }
    configure(l);
}

static void reset(struct life *l, enum run_reset how)
{
    static const char *const names[] = {[RUN_RESET_REBUILD] = "rebuild",
                                        [RUN_RESET_FROM_NOW] = "from now",
                                        [RUN_RESET_KEEP] = "keep"};
    tell(l, names[how]);
    if (!job_world_reset(l->w, how))
        fail_life(l, "cannot be reset");
}

static void step(struct life *l)
{
    static const enum run_reset resets[] = {RUN_RESET_REBUILD, RUN_RESET_FROM_NOW, RUN_RESET_KEEP};
    job_scenario_produce(l->w, &l->random, 5 + (unsigned)job_random_below(&l->random, 20),
                         JOB_RECORDS_HOSTILE);
    switch (job_random_below(&l->random, 6)) {
    case 0:
    case 1:
        change(l);
        break;
    case 2:
        reset(l, resets[job_random_below(&l->random, 3)]);
        break;
    case 3:
        if (memory_drop(JOB_WORLD_TWO, "per_method"))
            tell(l, "two/per_method dropped");
        break;
    default:
        tell(l, "more records");
    }
}

// --- what must hold --------------------------------------------------------------------------------------------------

static bool resync(struct life *l, enum resync_sql sql)
{
    struct run_report report;
    struct err e;
    tell(l, sql == RESYNC_AS_WRITTEN ? "resync" : "resync by today's SQL");
    if (run_resync(&report, l->w->job, &l->w->env, STR(""), sql, &e))
        return true;
    err_format(&e, l->w->text, sizeof l->w->text);
    return l->w->e.kind = e.kind, false;
}

static bool remedy(struct life *l)
{
    if (l->w->e.kind == ERR_BEHIND && strstr(l->w->text, "resync"))
        return resync(l, RESYNC_AS_WRITTEN) ||
               (strstr(l->w->text, "--todays-sql") && resync(l, RESYNC_TODAYS_SQL));
    if (!strstr(l->w->text, "--rebuild"))
        return false;
    // A table that is gone stands in the way of the reset, too.
    if (!memory_has_table(JOB_WORLD_TWO, "per_method"))
        (void)!resync(l, RESYNC_TODAYS_SQL);
    reset(l, RUN_RESET_REBUILD);
    return true;
}

static void runs(struct life *l)
{
    for (int tries = 0; !job_world_run(l->w); tries++)
        if (tries == 3 || !remedy(l))
            fail_life(l, "no way on");
}

static bool finding(void *arg, const struct audit_finding *f, struct err *e)
{
    const struct life *l = arg;
    size_t at;
    (void)e;
    if (!str_find(&at, f->text, STR("it was out of the job"))) // said, and waits for its backfill
        fail_msg("%.*s: %.*s after %s", STR_ARG(f->place), STR_ARG(f->text), l->story);
    return true;
}

static void silent(struct life *l)
{
    struct audit_report r;
    struct err e;
    const struct audit_spec spec = {.tables = AUDIT_REPLAY, .found = finding, .arg = l};
    if (!run_audit(&r, l->w->a, l->w->job, &l->w->env, &spec, &e))
        fail_msg("%s: after %s", e.text, l->story);
}

static void tables(struct buf *out, const struct life *l)
{
    buf_init(out, (size_t)16 << 20);
    memory_print_table(out, JOB_WORLD_ONE, "per_user");
    memory_print_table(out, JOB_WORLD_TWO, "per_method");
    if (l->good)
        memory_print_table(out, JOB_WORLD_TWO, "latest");
}

static void one_life(uint64_t seed)
{
    struct life *l = mem_zalloc(sizeof *l);
    struct buf got, want;
    const char *sql = job_scenario_transactions.sql;
    *l = (struct life){.w = job_world_new(&job_scenario_transactions),
                       .random = {seed},
                       .good = true,
                       .big = true};
    (void)snprintf(l->story, sizeof l->story, "seed %llu: ", (unsigned long long)seed);
    (void)snprintf(l->sql[0], LIFE_TEXT, "%s", sql);
    replaced(l->sql[1], sql, "cents > 5000", "cents > 4000");
    replaced(l->sql[2], sql, "MAX(cents)", "MIN(cents)");
    configure(l);
    for (int i = 0; i < LIFE_STEPS; i++) {
        step(l);
        runs(l);
        silent(l);
    }
    reset(l, RUN_RESET_REBUILD);
    runs(l);
    silent(l);
    tables(&got, l);
    // The same records, in one run of a job that begins.
    memory_forget(NULL);
    job_world_delete(l->w, "state");
    job_world_delete(l->w, "lake");
    runs(l);
    tables(&want, l);
    assert_true(want.n > 100);
    job_world_same(&want, &got, l->story);
    buf_fini(&got);
    buf_fini(&want);
    job_world_free(l->w);
    mem_free(l);
}

TEST(whatever_changes_a_run_refuses_in_words_or_everything_is_as_the_job_says)
{
    uint64_t count = test_is_long() ? 200 : 8;
    for (uint64_t seed = 1; seed <= count; seed++)
        one_life(seed);
}

TEST_MAIN(T(whatever_changes_a_run_refuses_in_words_or_everything_is_as_the_job_says))
