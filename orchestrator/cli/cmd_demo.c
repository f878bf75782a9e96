#include "base/durable.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"
#include "orchestrator/cli/demo_report.h"
#include "orchestrator/demo/cluster.h"
#include "orchestrator/demo/files.h"
#include "orchestrator/demo/generate.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

static const char demo_topic[] = "transaction_log";
static const char demo_marker[] = ".sluice-demo";

// --- the directory ---------------------------------------------------------------------------------------------------

struct demo_dir {
    struct arena *a;
    struct durable *durable;
    const char *path;
};

static const char *demo_path(const struct demo_dir *d, const char *name)
{
    return arena_printf(d->a, "%s/%s", d->path, name).p;
}

static bool demo_dir_empty(bool *out, const char *path, struct err *e)
{
    *out = true;
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT || err_sys(e, "cannot list %s", path);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            *out = false;
    closedir(dir);
    return true;
}

// Only what an earlier demo made is replaced: its directory carries the marker.
static bool demo_dir_clear(const struct demo_dir *d, struct err *e)
{
    static const char *const trees[] = {"state", "data_lake", "sql"};
    static const char *const files[] = {"warehouse.db", "warehouse.db-wal", "warehouse.db-shm",
                                        "warehouse.db-journal", "sluice.yaml"};
    bool empty;
    if (!demo_dir_empty(&empty, d->path, e) || empty)
        return empty;
    if (!file_exists(demo_path(d, demo_marker))) {
        err_fail(e, ERR_CONFIG, "%s exists and is not a demo's directory", d->path);
        return err_hint(e, "--dir names another directory");
    }
    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++)
        if (!durable_remove_tree(d->durable, "demo.remove", demo_path(d, trees[i]), e))
            return false;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (!durable_unlink(d->durable, "demo.unlink", demo_path(d, files[i]), e))
            return false;
    return true;
}

static bool demo_dir_write(const struct demo_dir *d, const char *brokers, struct err *e)
{
    struct str text = demo_files_config();
    size_t at;
    bool found = str_find(&at, text, STR(DEMO_FILES_BROKERS));
    assert(found);
    size_t after = at + sizeof DEMO_FILES_BROKERS - 1;
    struct str config = arena_printf(d->a, "%.*s%s%.*s", STR_ARG(str_slice(text, 0, at)), brokers,
                                     STR_ARG(str_slice(text, after, text.n)));
    return durable_mkdirs(d->durable, "demo.mkdir", demo_path(d, "sql"), 0777, e) &&
           durable_replace(d->durable, "demo.marker", demo_path(d, demo_marker),
                           STR("made by sluice demo, which replaces what it made\n"), e) &&
           durable_replace(d->durable, "demo.sql", demo_path(d, "sql/transactions.sql"),
                           demo_files_sql(), e) &&
           durable_replace(d->durable, "demo.config", demo_path(d, "sluice.yaml"), config, e);
}

// --- runs ------------------------------------------------------------------------------------------------------------

static bool demo_run(struct demo_run *out, struct app *app, const struct job *job,
                     const struct generate_spec *backlog, struct err *e)
{
    struct app_progress progress;
    struct run_env env = {.durable = app->durable,
                          .clock = clock_system(),
                          .source = builtin_source,
                          .topics = builtin_topics,
                          .cancel = app_signals(),
                          .progress = app_progress,
                          .progress_arg = &progress};
    if (!generate_produce(backlog, e))
        return false;
    app_progress_init(&progress, &env.clock);
    int64_t from = env.clock.mono_ms(env.clock.arg);
    bool ok = run_job(&out->report, job, &env, e);
    out->ms = env.clock.mono_ms(env.clock.arg) - from;
    app_progress_end(&progress);
    return ok;
}

static bool demo_work(const char *dir, struct app *app, const char *brokers, uint64_t count,
                      struct err *e)
{
    struct demo_report report = {.dir = dir, .records = count * DEMO_RUNS};
    const struct job_spec *spec;
    const struct job *job;
    if (!app_job_spec(&spec, app, "transactions", e) || !app_job(&job, app, "transactions", e))
        return false;
    for (uint64_t i = 0; i < DEMO_RUNS; i++) {
        const struct generate_spec backlog = {.brokers = brokers,
                                              .topic = demo_topic,
                                              .seed = GENERATE_SEED,
                                              .first = i * count,
                                              .count = count,
                                              .partitions = GENERATE_PARTITIONS};
        if (!demo_run(&report.runs[i], app, job, &backlog, e))
            return false;
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    report.job = job;
    report.spec = spec;
    bool ok = demo_report(&out, app, &report, e) && cli_print(&out, e);
    buf_fini(&out);
    return ok;
}

static bool demo_in(struct cli *c, const struct demo_dir *d, uint64_t count, struct err *e)
{
    struct demo_cluster *cluster;
    struct app app;
    if (!demo_cluster_start(&cluster, 1, e))
        return false;
    const char *brokers = demo_cluster_bootstrap(cluster);
    bool ok = demo_cluster_topic(cluster, demo_topic, GENERATE_PARTITIONS, e) &&
              demo_dir_write(d, brokers, e);
    if (ok) {
        c->config = demo_path(d, "sluice.yaml");
        ok = app_open(&app, c, e);
        if (ok) {
            ok = demo_work(d->path, &app, brokers, count, e);
            app_close(&app);
        }
    }
    demo_cluster_stop(cluster);
    return ok;
}

static bool demo(struct cli *c, struct err *e)
{
    const char *dir = cli_opt(c, "dir");
    uint64_t count;
    if (!cli_opt_u64(&count, c, "count", DEMO_RECORDS, e))
        return false;
    if (count == 0 || count > DEMO_RECORDS_MAX)
        return cli_usage(c, e, "--count: %llu is not between 1 and %d", (unsigned long long)count,
                         DEMO_RECORDS_MAX);
    struct demo_dir d = {.a = c->a, .path = dir ? dir : "sluice-demo"};
    d.durable = durable_new(DURABLE_KILL);
    bool ok = demo_dir_clear(&d, e) && demo_in(c, &d, count, e);
    durable_free(d.durable);
    return ok;
}

static const struct cli_opt demo_opts[] = {
    {"dir", "DIR", "where (default ./sluice-demo); an earlier demo there is replaced"},
    {"count", "N", "records of each of the two backlogs (default 5000, at most 20000)"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_demo = {
    .name = "demo",
    .args = "",
    .summary = "Everything at once, without any server: an embedded broker, generated "
               "transactions, two runs into a lake and SQLite, and what came of it.",
    .opts = demo_opts,
    .run = demo,
    .examples = "  sluice demo\n  sluice demo --dir /tmp/demo\n",
};
