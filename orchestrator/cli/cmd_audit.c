#include "jobs/run/audit.h"

#include "jobs/run/doc.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

struct audit_print {
    struct buf out;
    json_t *findings; // --json
};

static bool audit_print(void *arg, const struct audit_finding *f, struct err *e)
{
    struct audit_print *p = arg;
    if (p->findings) {
        json_t *j = json_object();
        json_object_set_new(j, "kind", json_string(audit_kind_name(f->kind)));
        json_object_set_new(j, "place", doc_new_str(f->place));
        json_object_set_new(j, "finding", doc_new_str(f->text));
        json_object_set_new(j, "repair", doc_new_str(f->repair));
        json_array_append_new(p->findings, j);
        return true;
    }
    buf_printf(&p->out, "%s %.*s: %.*s\n  repair: %.*s\n", audit_kind_name(f->kind),
               STR_ARG(f->place), STR_ARG(f->text), STR_ARG(f->repair));
    return buf_ok(&p->out, "the findings", e);
}

static void audit_result(struct audit_print *p, const struct job *job, const struct audit_report *r)
{
    if (p->findings) {
        json_t *j = json_object();
        json_object_set_new(j, "job", json_string(job->name));
        json_object_set_new(j, "batches", doc_new_u64(r->batches));
        json_object_set_new(j, "files", doc_new_u64(r->files));
        json_object_set_new(j, "tables", doc_new_u64(r->tables));
        json_object_set_new(j, "compared", doc_new_u64(r->compared));
        json_object_set_new(j, "uncompared", doc_new_u64(r->uncompared));
        json_object_set_new(j, "why", doc_new_str(r->why));
        json_object_set(j, "findings", p->findings);
        doc_pretty(&p->out, j);
        buf_char(&p->out, '\n');
        json_decref(j);
        return;
    }
    buf_printf(&p->out,
               "job %s: %llu receipts, %llu files, %llu tables, %llu of them row by row: %llu "
               "findings\n",
               job->name, (unsigned long long)r->batches, (unsigned long long)r->files,
               (unsigned long long)r->tables, (unsigned long long)r->compared,
               (unsigned long long)r->findings);
    if (r->uncompared)
        buf_printf(&p->out, "rows of %llu tables were not compared: %.*s\n",
                   (unsigned long long)r->uncompared,
                   STR_ARG(r->why.n ? r->why
                                    : STR("they are not published; --replay executes the recorded "
                                          "batches again to know them")));
}

static bool audit(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    struct audit_report r;
    if (!app_open(&app, c, e))
        return false;
    struct run_env env = {.durable = app.durable,
                          .clock = clock_system(),
                          .source = builtin_source,
                          .topics = builtin_topics,
                          .cancel = app_signals()};
    struct audit_print p = {.findings = cli_json(c) ? json_array() : NULL};
    const struct audit_spec spec = {.tables = cli_opt(c, "replay") ? AUDIT_REPLAY : AUDIT_STORED,
                                    .found = audit_print,
                                    .arg = &p};
    buf_init(&p.out, 64 << 20);
    bool ok = app_job(&job, &app, c->args[0], e) && run_audit(&r, app.a, job, &env, &spec, e);
    if (ok) {
        audit_result(&p, job, &r);
        ok = cli_print(&p.out, e);
    }
    if (ok && r.findings) {
        ok = err_fail(e, ERR_DATA, "outputs and receipts of job %s differ in %llu places",
                      job->name, (unsigned long long)r.findings);
        err_hint(e, "every finding names its repair; see the recovery handbook, \"audit\"");
    }
    json_decref(p.findings);
    buf_fini(&p.out);
    app_close(&app);
    return ok;
}

static const struct cli_opt audit_opts[] = {
    {"replay", NULL,
     "compare tables that are only in warehouses, too: executes recorded batches again, in memory"},
    {"json", NULL, "as JSON"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_audit = {
    .name = "audit",
    .args = "JOB",
    .args_min = 1,
    .args_max = 1,
    .summary =
        "Compare receipts with heads, manifests, files, tables and offsets; every difference "
        "names its repair. Changes nothing.",
    .by_owner = true,
    .opts = audit_opts,
    .run = audit,
    .examples = "  sluice audit transactions\n  sluice audit transactions --replay --json\n",
};
