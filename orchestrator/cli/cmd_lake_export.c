#include "jobs/run/restore.h"

#include "base/durable.h"
#include "lake/archive.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"
#include "orchestrator/cli/remote.h"
#include "schema/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

enum { EXPORT_TEXT_MAX = 1 << 20 };

// --- export ----------------------------------------------------------------------------------------------------------

static bool lake_export_time(int64_t *out, const struct cli *c, const char *name, int64_t otherwise,
                             struct err *e)
{
    const char *value = cli_opt(c, name);
    *out = otherwise;
    return !value || text_parse_timestamp(out, str_from(value)) ||
           cli_usage(c, e, "--%s %s: not a time, as 2025-10-28 or 2025-10-28T08:00:00Z", name,
                     value);
}

static bool lake_export_choice(struct lake_choice *out, const struct cli *c, struct err *e)
{
    const char *partition = cli_opt(c, "partition");
    out->partition = partition ? str_from(partition) : STR_NONE;
    return lake_export_time(&out->since, c, "since", INT64_MIN, e) &&
           lake_export_time(&out->before, c, "before", INT64_MAX, e);
}

static bool lake_export_write_all(struct buf *out, struct arena *a, struct lake *lake,
                                  const struct cli *c, const struct lake_choice *choice,
                                  struct err *e)
{
    struct lake_ls ls;
    struct lake_export *x = NULL;
    struct lake_chosen chosen;
    const struct clock clock = clock_system();
    struct lake_export_spec spec = {.path = cli_opt(c, "to"), .now_ms = clock.now_ms(clock.arg)};
    uint64_t rows = 0, bytes = 0;
    if (!lake_list(&ls, a, lake, STR_NONE, e) ||
        !lake_choose(&chosen, a, &ls, str_from(c->args[0]), choice, e))
        return false;
    spec.files = chosen.files;
    spec.count = chosen.count;
    bool ok = lake_export_open(&x, lake, chosen.job, e) && lake_export_write(x, &spec, e);
    lake_export_close(x);
    for (size_t i = 0; i < spec.count; i++) {
        rows += spec.files[i].rows;
        bytes += spec.files[i].bytes;
    }
    if (ok)
        buf_printf(out, "%s files, %s rows, %s exported to %s, which was read back\n",
                   cli_count(a, spec.count), cli_count(a, rows), cli_size(a, bytes), spec.path);
    return ok;
}

static bool lake_export(struct cli *c, struct err *e)
{
    struct app app;
    struct lake *lake;
    struct lake_choice choice;
    struct buf out;
    if (!cli_opt(c, "to"))
        return cli_usage(c, e, "--to FILE is missing: where the archive goes");
    if (!lake_export_choice(&choice, c, e) || !app_open(&app, c, e))
        return false;
    buf_init(&out, EXPORT_TEXT_MAX);
    bool ok = app_lake(&lake, &app, e);
    if (ok) {
        ok = lake_export_write_all(&out, app.a, lake, c, &choice, e) && cli_print(&out, e);
        lake_close(lake);
    }
    buf_fini(&out);
    app_close(&app);
    return ok;
}

// --- restore: without a lake -----------------------------------------------------------------------------------------

static bool lake_restore_verify(struct buf *out, struct arena *a, struct lake_archive *s,
                                const char *path, struct err *e)
{
    struct lake_verify v;
    if (!lake_archive_verify(&v, a, s, STR_NONE, e))
        return false;
    for (size_t i = 0; i < v.count; i++)
        buf_printf(out, "%s %.*s: %.*s\n", lake_finding_name(v.findings[i].kind),
                   STR_ARG(v.findings[i].path), STR_ARG(v.findings[i].text));
    buf_printf(out, "%s files of job %.*s, %s rows, %s checked, %s wrong\n", cli_count(a, v.files),
               STR_ARG(lake_archive_job(s)), cli_count(a, v.rows), cli_size(a, v.bytes),
               cli_count(a, v.count));
    return v.count == 0 || err_fail(e, ERR_DATA, "%s does not agree with its manifest", path);
}

static bool lake_restore_to(struct buf *out, struct arena *a, struct lake_archive *s,
                            const char *dir, struct err *e)
{
    struct lake_extract_report r;
    struct durable *d = durable_new(DURABLE_KILL);
    bool ok = lake_archive_extract(&r, s, dir, d, e);
    durable_free(d);
    if (ok)
        buf_printf(out, "%s files, %s rows, %s restored to %s; %s were there\n",
                   cli_count(a, r.files), cli_count(a, r.rows), cli_size(a, r.bytes), dir,
                   cli_count(a, r.present));
    return ok;
}

static bool lake_restore_elsewhere(struct cli *c, struct err *e)
{
    struct lake_archive *s;
    struct buf out;
    struct err ignored;
    const char *dir = cli_opt(c, "to");
    if (!lake_archive_open(&s, c->args[0], e))
        return false;
    buf_init(&out, EXPORT_TEXT_MAX);
    bool ok = dir ? lake_restore_to(&out, c->a, s, dir, e)
                  : lake_restore_verify(&out, c->a, s, c->args[0], e);
    ok = cli_print(&out, ok ? e : &ignored) && ok;
    buf_fini(&out);
    lake_archive_close(s);
    return ok;
}

// --- restore: into the lake ------------------------------------------------------------------------------------------

static void lake_restore_print(struct buf *out, struct arena *a, const struct job *job,
                               const struct restore_report *r, bool dry)
{
    uint64_t rows = 0, bytes = 0;
    bool expires = false, version = false;
    for (size_t i = 0; i < r->count; i++) {
        const struct lake_file *f = &r->files[i];
        rows += f->rows;
        bytes += f->bytes;
        version = version || f->version > 0;
        if (dry)
            buf_printf(out, "%.*s\n", STR_ARG(f->path));
        for (size_t k = 0; k < job->lake_output_count; k++)
            expires = expires || (job->lake_outputs[k].retain_ms > 0 &&
                                  str_eq(job->lake_outputs[k].name, f->output));
    }
    buf_printf(out, "%s files, %s rows, %s %s", cli_count(a, r->count), cli_count(a, rows),
               cli_size(a, bytes), dry ? "would be restored" : "restored");
    if (r->batch > 0)
        buf_printf(out, " by batch %llu", (unsigned long long)r->batch);
    buf_printf(out, "; %s were there\n", cli_count(a, r->present));
    if (expires)
        buf_text(out, "their outputs have a `retain`: what is older than that goes again with the "
                      "next expiry\n");
    if (version)
        buf_printf(out,
                   "versions of tables stay beside the newest `keep_versions` until sluice lake "
                   "expire %s\n",
                   job->name);
}

static bool lake_restore_job(struct cli *c, const char *name, struct err *e)
{
    struct app app;
    const struct job *job;
    struct restore_report r;
    struct buf out;
    bool dry = cli_opt(c, "dry-run") != NULL;
    if (!app_open(&app, c, e))
        return false;
    const struct restore_spec spec = {c->args[0], dry ? RESTORE_DRY_RUN : RESTORE_WRITE};
    const struct run_env env = {.durable = app.durable,
                                .clock = clock_system(),
                                .source = builtin_source,
                                .topics = builtin_topics,
                                .cancel = app_signals()};
    buf_init(&out, EXPORT_TEXT_MAX * 16);
    bool ok = app_job(&job, &app, name, e) && run_restore(&r, app.a, job, &env, &spec, e);
    if (ok) {
        lake_restore_print(&out, app.a, job, &r, dry);
        ok = cli_print(&out, e);
    }
    buf_fini(&out);
    app_close(&app);
    return ok;
}

// A daemon has a working directory of its own.
static bool lake_restore_absolute(struct cli *c, struct err *e)
{
    char full[PATH_MAX];
    if (!realpath(c->args[0], full))
        return err_sys(e, "cannot find %s", c->args[0]);
    char *path = arena_strdup(c->a, full);
    for (int i = 0; i < c->argc; i++)
        if (strcmp(c->argv[i], c->args[0]) == 0)
            c->argv[i] = path;
    c->args[0] = path;
    return true;
}

static bool lake_restore_into(struct cli *c, struct err *e)
{
    struct lake_archive *s;
    if (!lake_archive_open(&s, c->args[0], e))
        return false;
    const char *job = arena_str(c->a, lake_archive_job(s)).p;
    lake_archive_close(s);
    if (c->owner)
        return lake_restore_job(c, job, e);
    if (!lake_restore_absolute(c, e))
        return false;
    const enum remote r = remote_command(&c->exit_code, c, job, e);
    return r == REMOTE_DONE || (r == REMOTE_NONE && lake_restore_job(c, job, e));
}

static bool lake_restore(struct cli *c, struct err *e)
{
    bool to = cli_opt(c, "to"), verify = cli_opt(c, "verify-only"), dry = cli_opt(c, "dry-run");
    if (to + verify + dry > 1)
        return cli_usage(c, e, "one of --to, --verify-only and --dry-run");
    return to || verify ? lake_restore_elsewhere(c, e) : lake_restore_into(c, e);
}

static const struct cli_opt export_opts[] = {
    {"to", "FILE", "the archive: .tar, .tar.gz, .tar.zst or .zip"},
    {"partition", "PATH", "this partition and those below it"},
    {"since", "TIME", "partitions with rows of this time or later"},
    {"before", "TIME", "partitions with rows before this time"},
    {NULL, NULL, NULL},
};
static const struct cli_opt restore_opts[] = {
    {"to", "DIR", "into a directory instead of the lake"},
    {"verify-only", NULL, "check every checksum, write nothing"},
    {"dry-run", NULL, "what would come back into the lake"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_lake_export = {
    .name = "lake export",
    .args = "OUTPUT|JOB",
    .args_min = 1,
    .args_max = 1,
    .summary = "Pack partitions of the lake into an archive with their checksums; it appears when "
               "it is whole and was read back. The lake stays as it is.",
    .opts = export_opts,
    .run = lake_export,
    .examples = "  sluice lake export PAYMENTS --partition year=2025/month=10 --to october.tar\n"
                "  sluice lake export payments --before 2025-01-01 --to old.tar.zst\n",
};

const struct cmd cmd_lake_restore = {
    .name = "lake restore",
    .args = "FILE",
    .args_min = 1,
    .args_max = 1,
    .summary = "Check an archive and put its files back where they were: into the lake of its job, "
               "by a batch, or into a directory. What is there with the same content stays; other "
               "content is never overwritten. Versions of tables that come back stay until `lake "
               "expire`.",
    .opts = restore_opts,
    .run = lake_restore,
    .examples = "  sluice lake restore october.tar --verify-only\n"
                "  sluice lake restore october.tar\n",
};
