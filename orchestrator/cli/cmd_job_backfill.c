#include "jobs/run/backfill.h"

#include "jobs/run/doc.h"
#include "lake/lake_manifest.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"
#include "schema/text.h"

#include <stdio.h>

// --- what is asked for -----------------------------------------------------------------------------------------------

static bool backfill_time(int64_t *out, const struct cli *c, const char *name, int64_t otherwise,
                          struct err *e)
{
    const char *value = cli_opt(c, name);
    *out = otherwise;
    if (!value || text_parse_timestamp(out, str_from(value)))
        return true;
    return cli_usage(c, e, "--%s %s: not a time, as 2025-10-28 or 2025-10-28T08:00:00Z", name,
                     value);
}

static bool backfill_number(int64_t *out, const struct cli *c, const char *name, int64_t otherwise,
                            struct err *e)
{
    const char *value = cli_opt(c, name);
    *out = otherwise;
    if (!value || (str_to_i64(out, str_from(value)) && *out >= 0))
        return true;
    return cli_usage(c, e, "--%s %s: not a number", name, value);
}

static bool backfill_offsets(struct backfill_spec *out, const struct cli *c, struct err *e)
{
    int64_t partition;
    const char *topic = cli_opt(c, "topic");
    out->topic = topic ? str_from(topic) : STR("");
    if (!backfill_number(&out->from, c, "from-offset", 0, e) ||
        !backfill_number(&out->to, c, "to-offset", INT64_MAX, e) ||
        !backfill_number(&partition, c, "partition", -1, e))
        return false;
    if (partition > INT32_MAX)
        return cli_usage(c, e, "--partition %s: not a partition", cli_opt(c, "partition"));
    out->partition = (int32_t)partition;
    if (out->from >= out->to)
        return cli_usage(c, e, "no offset is at or after --from-offset and before --to-offset");
    return true;
}

static bool backfill_spec(struct backfill_spec *out, const struct cli *c, struct err *e)
{
    bool time = cli_opt(c, "from") || cli_opt(c, "to");
    bool offsets = cli_opt(c, "from-offset") || cli_opt(c, "to-offset");
    const char *batch = cli_opt(c, "batch");
    *out =
        (struct backfill_spec){.mode = cli_opt(c, "dry-run") ? BACKFILL_DRY_RUN : BACKFILL_EXECUTE};
    out->outputs = cli_opt_names(&out->output_count, c, "outputs");
    bool lake = cli_opt(c, "from-lake") != NULL;
    if (cli_opt(c, "abandon")) {
        out->mode = BACKFILL_ABANDON;
        return !(time || offsets || batch || lake || out->output_count > 0 ||
                 cli_opt(c, "dry-run")) ||
               cli_usage(c, e, "--abandon gives up what is pending: it takes no other option");
    }
    out->source = lake ? BACKFILL_FROM_LAKE : BACKFILL_FROM_TOPICS;
    if (lake && !time && !offsets && !batch)
        return cli_usage(c, e,
                         "--from-lake needs a range; one that was begun goes on from where it "
                         "reads");
    if (time + offsets + (batch != NULL) > 1)
        return cli_usage(c, e,
                         "--from/--to, --from-offset/--to-offset and --batch exclude each other");
    if (time) {
        out->by = BACKFILL_TIME;
        if (!backfill_time(&out->from, c, "from", INT64_MIN / 2, e) ||
            !backfill_time(&out->to, c, "to", INT64_MAX / 2, e))
            return false;
        return out->from < out->to ||
               cli_usage(c, e, "no time is at or after --from and before --to");
    }
    out->by = batch ? BACKFILL_BATCHES : offsets ? BACKFILL_OFFSETS : BACKFILL_PENDING;
    if (batch) {
        uint64_t from = 0, to = 0;
        bool ok = cli_opt_batches(&from, &to, c, e);
        out->from = (int64_t)from;
        out->to = (int64_t)to;
        return ok;
    }
    return !offsets || backfill_offsets(out, c, e);
}

// --- what is replaced ------------------------------------------------------------------------------------------------

struct backfill_print {
    struct buf out;
    struct arena *a;
    json_t *slots, *whole; // --json
    enum backfill_mode mode;
    size_t told;
};

static json_t *backfill_slot_json(const struct backfill_slot *s)
{
    json_t *j = json_object(), *ranges = json_array(), *files = json_array();
    json_object_set_new(j, "batch", doc_new_u64(s->slot));
    for (size_t i = 0; i < s->range_count; i++) {
        json_t *r = json_object();
        json_object_set_new(r, "topic", doc_new_str(s->ranges[i].topic));
        json_object_set_new(r, "partition", json_integer(s->ranges[i].partition));
        json_object_set_new(r, "start", json_integer(s->ranges[i].start));
        json_object_set_new(r, "end", json_integer(s->ranges[i].end));
        json_array_append_new(ranges, r);
    }
    json_object_set_new(j, "ranges", ranges);
    for (size_t i = 0; i < s->file_count; i++) {
        json_t *f = json_object();
        json_object_set_new(f, "path", doc_new_str(s->files[i].path));
        json_object_set_new(f, "rows", doc_new_u64(s->files[i].rows));
        json_object_set_new(f, "bytes", doc_new_u64(s->files[i].bytes));
        json_array_append_new(files, f);
    }
    json_object_set_new(j, "files", files);
    json_object_set_new(j, "appended_rows", doc_new_u64(s->appended));
    return j;
}

static bool backfill_slot(void *arg, const struct backfill_slot *s, struct err *e)
{
    struct backfill_print *p = arg;
    uint64_t offsets = 0;
    p->told++;
    if (p->mode == BACKFILL_ABANDON) {
        if (p->slots)
            json_array_append_new(p->slots, doc_new_u64(s->slot));
        else
            buf_printf(&p->out, "batch %llu stays as it is: %zu files, %s rows of tables\n",
                       (unsigned long long)s->slot, s->file_count, cli_count(p->a, s->appended));
        return true;
    }
    if (p->slots) {
        json_array_append_new(p->slots, backfill_slot_json(s));
        return true;
    }
    for (size_t i = 0; i < s->range_count; i++)
        offsets += (uint64_t)(s->ranges[i].end - s->ranges[i].start);
    buf_printf(&p->out, "batch %llu (%zu of %zu): %s offsets, %zu files, %s rows of tables\n",
               (unsigned long long)s->slot, s->index + 1, s->count, cli_count(p->a, offsets),
               s->file_count, cli_count(p->a, s->appended));
    for (size_t i = 0; i < s->file_count; i++)
        buf_printf(&p->out, "  %.*s  %s rows\n", STR_ARG(s->files[i].path),
                   cli_count(p->a, s->files[i].rows));
    bool ok = cli_print(&p->out, e); // as it goes on
    buf_clear(&p->out);
    return ok;
}

static bool backfill_whole(void *arg, struct str target, struct err *e)
{
    struct backfill_print *p = arg;
    if (p->whole) {
        json_array_append_new(p->whole, doc_new_str(target));
        return true;
    }
    buf_printf(&p->out, "%.*s is put by key: written whole, of all recorded batches\n",
               STR_ARG(target));
    bool ok = cli_print(&p->out, e);
    buf_clear(&p->out);
    return ok;
}

static void backfill_result(struct backfill_print *p, const struct job *job,
                            const struct backfill_spec *spec, const struct run_report *r)
{
    bool dry = spec->mode == BACKFILL_DRY_RUN;
    if (p->slots) {
        json_t *j = json_object();
        json_object_set_new(j, "job", json_string(job->name));
        json_object_set_new(j, "dry_run", json_boolean(dry));
        json_object_set_new(j, "batches", doc_new_u64(r->batches));
        json_object_set_new(j, "records", doc_new_u64(r->records));
        json_object_set_new(j, p->mode == BACKFILL_ABANDON ? "abandoned" : "replaced", p->slots);
        json_object_set_new(j, "whole", p->whole);
        doc_pretty(&p->out, j);
        buf_char(&p->out, '\n');
        json_decref(j);
        p->slots = p->whole = NULL;
    } else if (dry) {
        buf_printf(&p->out, "nothing was changed (--dry-run)\n");
    } else if (p->mode == BACKFILL_ABANDON && p->told > 0) {
        buf_printf(&p->out, "job %s: the backfill is given up, what it replaced stays\n",
                   job->name);
    } else if (r->batches == 0) {
        buf_printf(&p->out, "job %s: no backfill is pending\n", job->name);
    } else {
        buf_printf(&p->out,
                   "job %s: run %llu: %s records again, %llu batches replaced (ids %llu-%llu)\n",
                   job->name, (unsigned long long)r->run, cli_count(p->a, r->records),
                   (unsigned long long)r->batches, (unsigned long long)r->batch_first,
                   (unsigned long long)r->batch_last);
    }
}

static bool job_backfill(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    if (!app_open(&app, c, e))
        return false;
    struct backfill_spec spec;
    struct app_progress progress;
    struct backfill_print print = {.a = app.a,
                                   .slots = cli_json(c) ? json_array() : NULL,
                                   .whole = cli_json(c) ? json_array() : NULL};
    struct run_env env = {.durable = app.durable,
                          .clock = clock_system(),
                          .source = builtin_source,
                          .topics = builtin_topics,
                          .cancel = app_signals(),
                          .progress = app_progress,
                          .progress_arg = &progress};
    struct run_report report;
    buf_init(&print.out, (size_t)256 << 20);
    app_progress_init(&progress, &env.clock);
    bool ok = app_job(&job, &app, c->args[0], e) && backfill_spec(&spec, c, e);
    if (ok) {
        spec.slot = backfill_slot;
        spec.whole = backfill_whole;
        spec.slot_arg = &print;
        print.mode = spec.mode;
        ok = run_backfill(&report, job, &env, &spec, e);
        app_progress_end(&progress);
    }
    if (ok) {
        backfill_result(&print, job, &spec, &report);
        ok = cli_print(&print.out, e);
    }
    json_decref(print.slots);
    json_decref(print.whole);
    buf_fini(&print.out);
    app_close(&app);
    return ok;
}

static const struct cli_opt job_backfill_opts[] = {
    {"from", "TIME", "records with timestamps from here on (2025-10-28, 2025-10-28T08:00:00Z) …"},
    {"to", "TIME", "… and before this"},
    {"from-offset", "N", "records from this offset on …"},
    {"to-offset", "N", "… and before this one"},
    {"topic", "TOPIC", "whose offsets, when the job reads several"},
    {"partition", "N", "of this partition only"},
    {"batch", "N..M", "what these batches read"},
    {"outputs", "A,B", "only these streams; the others stay as they are"},
    {"from-lake", NULL, "read the records from an output that keeps them, not from Kafka"},
    {"abandon", NULL,
     "give up a backfill that was cut short: what it replaced stays, the rest, too"},
    {"dry-run", NULL, "say what would be replaced, change nothing"},
    {"json", NULL, "the result as one JSON object"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_job_backfill = {
    .name = "job backfill",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .by_owner = true,
    .summary = "Read a recorded range again with today's SQL and replace what it wrote, batch by "
               "batch; without a range, go on with a backfill that was cut short.",
    .opts = job_backfill_opts,
    .run = job_backfill,
    .examples = "  sluice job backfill orders --from 2025-10-28 --to 2025-10-29 --dry-run\n"
                "  sluice job backfill orders --batch 12..20 --outputs FAILED,LARGE\n",
};
