// Option tables and checks of scheduling, failure handling, daemon and admin server.
#include "jobs/spec/spec_internal.h"

#include "config/units.h"
#include "schema/text.h"

#include <assert.h>
#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OPT(strct, member, name, kind_) \
    .key = (name), .type = (kind_), .offset = offsetof(struct strct, member)

enum { RETRY_ATTEMPTS = 3, RETRY_BACKOFF_MS = 10000, RETRY_BACKOFF_MAX_MS = 300000 };

// --- hooks ---------------------------------------------------------------------------------------

static bool parse_cron(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    struct schedule_spec *out = field;
    struct err e;
    if (!conf_scalar(r, &out->cron_text, n))
        return false;
    return cron_parse(&out->cron, out->cron_text, &e) || conf_fail(r, n, e.hint, "%s", e.text);
}

static bool parse_zone(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    struct schedule_spec *out = field;
    struct err e;
    if (!conf_scalar(r, &out->zone.name, n))
        return false;
    if (zone_load(&out->zone.zone, conf_arena(r), out->zone.name, &e))
        return true;
    return conf_fail(r, n, "a name as in Europe/Paris, or UTC", "unknown time zone \"%.*s\"",
                     STR_ARG(str_slice(n->text, 0, 80)));
}

static bool schedule_word(struct conf_reader *r, void *out, const struct yaml_node *n)
{
    struct schedule_spec *s = out;
    struct str v;
    if (!conf_scalar(r, &v, n))
        return false;
    if (!str_eq(v, STR("stream")))
        return conf_fail(r, n, "stream, { every: 10m } or { cron: \"*/10 * * * *\" }",
                         "schedule is \"%.*s\", wanted is stream or a mapping",
                         STR_ARG(str_slice(v, 0, 80)));
    s->trigger = SPEC_TRIGGER_STREAM;
    s->retry = (struct retry_spec){.attempts = RETRY_ATTEMPTS,
                                   .backoff_ms = RETRY_BACKOFF_MS,
                                   .backoff_max_ms = RETRY_BACKOFF_MAX_MS};
    return true;
}

static bool is_loopback(struct str host)
{
    return str_eq(host, STR("127.0.0.1")) || str_eq(host, STR("localhost")) ||
           str_eq(host, STR("[::1]"));
}

// host:port or a port alone; loopback only: what is behind it can start and stop jobs.
static bool parse_listen(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    struct admin_spec *out = field;
    struct str v;
    struct str host = STR("127.0.0.1");
    uint64_t number = 0;
    if (!conf_scalar(r, &v, n))
        return false;
    struct str port = v;
    for (size_t i = v.n; i > 0; i--) {
        if (v.p[i - 1] == ':') {
            host = str_slice(v, 0, i - 1);
            port = str_slice(v, i, v.n);
            break;
        }
    }
    if (!str_to_u64(&number, port) || number > UINT16_MAX)
        return conf_fail(r, n, "as in 127.0.0.1:8088", "listen is \"%.*s\", wanted is host:port",
                         STR_ARG(str_slice(n->text, 0, 80)));
    if (!is_loopback(host))
        return conf_fail(r, n,
                         "127.0.0.1, localhost or [::1]; put a proxy with TLS in front for others",
                         "listen is \"%.*s\", which is not a loopback address",
                         STR_ARG(str_slice(n->text, 0, 80)));
    out->host = arena_str(conf_arena(r), host);
    out->port = (uint16_t)number;
    return true;
}

static bool parse_token(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    struct admin_spec *out = field;
    struct str v;
    if (!conf_scalar(r, &v, n))
        return false;
    if (!secret_has_reference(n->text))
        conf_display(r, STR("***"));
    if (v.n < 16)
        return conf_fail(r, n, "openssl rand -hex 32 makes one",
                         "the token has %zu characters, wanted are at least 16", v.n);
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] <= ' ' || v.p[i] > '~')
            return conf_fail(r, n, NULL, "the token must be of printable ASCII without blanks");
    out->token = secret_from(v);
    return true;
}

static bool parse_webhook(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    struct str *out = field;
    if (!conf_scalar(r, out, n))
        return false;
    if (!secret_has_reference(n->text))
        conf_display(r, STR("***")); // what is in the URL is often the credential
    return str_starts(*out, STR("http://")) || str_starts(*out, STR("https://")) ||
           conf_fail(r, n, "as in https://alerts.example.com/hook",
                     "webhook is not an http(s) URL");
}

// --- tables, inner ones first --------------------------------------------------------------------

static const struct conf_opt retry_opts[] = {
    {OPT(retry_spec, attempts, "attempts", CONF_INT), .def = "3", .max = 1000000,
     .help =
         "How often a run that failed is tried again before `on_failure`; 0 = never. Only "
         "failures that may pass (a broker or warehouse away, a full disk, a timeout) are tried "
         "again."},
    {OPT(retry_spec, backoff_ms, "backoff", CONF_DURATION), .def = "10s", .min = 100,
     .max = INT64_C(86400000), .help = "Wait before the first of them; doubled each time."},
    {OPT(retry_spec, backoff_max_ms, "backoff_max", CONF_DURATION), .def = "5m", .min = 100,
     .max = INT64_C(86400000), .help = "The longest wait."},
};
static const struct conf_table retry_table = {
    .name = "retry",
    .help = "What follows a failed run.",
    .opts = retry_opts,
    .count = COUNT(retry_opts),
    .bytes = sizeof(struct retry_spec),
    .at_offset = offsetof(struct retry_spec, at),
};

static const char *const overlaps[] = {"skip", "queue", NULL};
static const char *const misfires[] = {"run", "skip", NULL};
static const struct conf_opt schedule_opts[] = {
    {OPT(schedule_spec, every_ms, "every", CONF_DURATION), .min = 1000, .max = INT64_C(31622400000),
     .help = "A run begins this long after the last one began, by the monotonic clock."},
    {.key = "cron",
     .type = CONF_CUSTOM,
     .parse = parse_cron,
     .kind = "cron expression",
     .help =
         "Minute, hour, day of month, month, day of week; names, lists, ranges, steps, @daily."},
    {.key = "zone",
     .type = CONF_CUSTOM,
     .parse = parse_zone,
     .kind = "time zone",
     .def = "UTC",
     .help =
         "Time zone of the cron expression. A time that a clock change skips comes as much later; "
         "one that it repeats fires once, unless the expression names every hour."},
    {OPT(schedule_spec, at_start, "at_start", CONF_BOOL), .def = "false",
     .help = "Also run once when the scheduler starts."},
    {OPT(schedule_spec, after, "after", CONF_TEXTS), .flags = CONF_ONE_OR_MANY,
     .help = "Jobs: run once each of them has succeeded since this job last began; alone or beside "
             "`every` or `cron`."},
    {OPT(schedule_spec, overlap, "overlap", CONF_ENUM), .choices = overlaps, .def = "skip",
     .help = "When the job is due while it still runs: `skip` that time, or `queue` one run for "
             "right after."},
    {OPT(schedule_spec, misfire, "misfire", CONF_ENUM), .choices = misfires, .def = "run",
     .help = "When the job was due while the daemon was down or the machine slept: `run` once for "
             "all that was missed, or `skip` to the next time."},
    {OPT(schedule_spec, timeout_ms, "timeout", CONF_DURATION), .def = "0",
     .max = INT64_C(31622400000),
     .help = "A run that takes longer is stopped and counts as failed; a batch that is decided is "
             "still delivered. 0 = no limit."},
    {OPT(schedule_spec, jitter_ms, "jitter", CONF_DURATION), .def = "0", .max = INT64_C(86400000),
     .help = "Begin up to this much later, by an amount that only depends on the job and the time: "
             "spreads many jobs of one schedule."},
    {OPT(schedule_spec, retry, "retry", CONF_SECTION), .sub = &retry_table,
     .help = "What follows a failed run."},
};

const struct conf_table spec_schedule_table = {
    .name = "schedule",
    .help = "When `sluice daemon` runs the job: `every`, `cron` or `after`, or the single word "
            "`stream` instead of the section for a run that never ends. Without a schedule a job "
            "runs by hand only.",
    .opts = schedule_opts,
    .count = COUNT(schedule_opts),
    .bytes = sizeof(struct schedule_spec),
    .at_offset = offsetof(struct schedule_spec, at),
    .scalar = schedule_word,
};

static const struct conf_opt on_failure_opts[] = {
    {OPT(on_failure_spec, exec, "exec", CONF_TEXTS), .flags = CONF_ONE_OR_MANY,
     .help = "Program and its arguments, started without a shell; the failure is in SLUICE_JOB, "
             "SLUICE_RUN, SLUICE_KIND and SLUICE_ERROR."},
    {OPT(on_failure_spec, webhook, "webhook", CONF_CUSTOM), .parse = parse_webhook, .kind = "URL",
     .help = "URL that gets the failure as a JSON POST."},
};
const struct conf_table spec_on_failure_table = {
    .name = "on_failure",
    .help = "What the daemon does when a job has failed and no retry is left: once, until the job "
            "succeeds again.",
    .opts = on_failure_opts,
    .count = COUNT(on_failure_opts),
    .bytes = sizeof(struct on_failure_spec),
    .at_offset = offsetof(struct on_failure_spec, at),
};

static const char *const logs[] = {"logfmt", "json", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const struct conf_opt daemon_opts[] = {
    {OPT(daemon_spec, max_parallel, "max_parallel", CONF_INT), .def = "2", .min = 1, .max = 1000,
     .help = "Runs at the same time, streaming ones not counted; others wait in the order in which "
             "they became due."},
    {OPT(daemon_spec, lag_every_ms, "lag_every", CONF_DURATION), .def = "1m",
     .max = INT64_C(86400000),
     .help =
         "How often the end offsets of all topics are asked for, so that the lag of jobs that do "
         "not run is known; 0 = never."},
    {OPT(daemon_spec, log, "log", CONF_ENUM), .choices = logs, .def = "logfmt",
     .help = "Form of the log lines on standard error."},
    {OPT(daemon_spec, log_level, "log_level", CONF_ENUM), .choices = levels, .def = "info",
     .help = "The least level that is written."},
};
const struct conf_table spec_daemon_table = {
    .name = "daemon",
    .help = "The scheduler.",
    .opts = daemon_opts,
    .count = COUNT(daemon_opts),
    .bytes = sizeof(struct daemon_spec),
    .at_offset = offsetof(struct daemon_spec, at),
};

static const struct conf_opt admin_opts[] = {
    {.key = "listen",
     .type = CONF_CUSTOM,
     .flags = CONF_REQUIRED,
     .parse = parse_listen,
     .kind = "host:port",
     .help = "Loopback address and port; port 0 = any free one, which the log names."},
    {.key = "token",
     .type = CONF_CUSTOM,
     .parse = parse_token,
     .kind = "text",
     .help = "What a client must show; without it the daemon makes one and keeps it in "
             "`<state>/_daemon/token`, mode 0600."},
};
const struct conf_table spec_admin_table = {
    .name = "admin",
    .help = "The daemon's web page, metrics and API. Without this section there is none.",
    .opts = admin_opts,
    .count = COUNT(admin_opts),
    .bytes = sizeof(struct admin_spec),
    .at_offset = offsetof(struct admin_spec, at),
};

// --- as text -------------------------------------------------------------------------------------

struct str spec_schedule_text(struct arena *a, const struct schedule_spec *s)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    if (s->trigger == SPEC_TRIGGER_STREAM)
        buf_text(&out, "stream");
    if (s->trigger == SPEC_TRIGGER_CRON)
        buf_printf(&out, "cron %.*s", STR_ARG(s->cron_text));
    if (s->trigger == SPEC_TRIGGER_CRON && !str_eq(s->zone.name, STR("UTC")))
        buf_printf(&out, " %.*s", STR_ARG(s->zone.name));
    if (s->trigger == SPEC_TRIGGER_EVERY) {
        buf_text(&out, "every ");
        units_print_duration(&out, s->every_ms);
    }
    for (size_t i = 0; i < s->after.n; i++)
        buf_printf(&out, "%s%.*s",
                   i       ? ", "
                   : out.n ? ", after "
                           : "after ",
                   STR_ARG(s->after.v[i]));
    if (out.n == 0)
        buf_text(&out, "by hand");
    const struct str text = arena_str(a, buf_view(&out));
    buf_fini(&out);
    return text;
}

// --- checks --------------------------------------------------------------------------------------

void spec_check_schedule(struct conf_reader *r, struct schedule_spec *s)
{
    if (s->at.line == 0 || s->trigger == SPEC_TRIGGER_STREAM)
        return;
    if (s->every_ms > 0 && s->cron_text.n > 0)
        conf_fail_at(r, s->at, NULL, "schedule has both every and cron");
    else if (s->every_ms > 0)
        s->trigger = SPEC_TRIGGER_EVERY;
    else if (s->cron_text.n > 0)
        s->trigger = SPEC_TRIGGER_CRON;
    else if (s->after.n == 0)
        conf_fail_at(r, s->at, "{ every: 10m }, { cron: \"*/10 * * * *\" } or { after: [job] }",
                     "schedule has neither every nor cron nor after");
    if (s->retry.backoff_max_ms < s->retry.backoff_ms)
        conf_fail_at(r, s->retry.at, NULL, "backoff_max is shorter than backoff");
    if (s->every_ms > 0 && s->jitter_ms > s->every_ms)
        conf_fail_at(r, s->at, NULL, "jitter is longer than every");
}

static struct job_spec *job_at(struct app_spec *app, size_t i)
{
    assert(i < app->jobs.n);
    return &((struct job_spec *)app->jobs.v)[i];
}

static size_t job_named(struct app_spec *app, struct str name)
{
    for (size_t i = 0; i < app->jobs.n; i++)
        if (str_eq(job_at(app, i)->name, name))
            return i;
    return app->jobs.n;
}

static void check_after(struct conf_reader *r, struct app_spec *app, const struct job_spec *j)
{
    const struct conf_texts *after = &j->schedule.after;
    struct str *names = ARENA_ARRAY(conf_arena(r), struct str, app->jobs.n);
    for (size_t i = 0; i < app->jobs.n; i++)
        names[i] = job_at(app, i)->name;
    for (size_t i = 0; i < after->n; i++) {
        const size_t k = job_named(app, after->v[i]);
        if (k == app->jobs.n)
            conf_fail_at(r, after->at, conf_suggest(conf_arena(r), after->v[i], names, app->jobs.n),
                         "after names an unknown job %.*s", STR_ARG(after->v[i]));
        else if (job_at(app, k)->schedule.trigger == SPEC_TRIGGER_STREAM)
            conf_fail_at(r, after->at, NULL, "after names job %.*s, whose run never ends",
                         STR_ARG(after->v[i]));
    }
}

// A job is in a cycle when what it waits for leads back to it. reached[i]: job i is waited for, directly or not.
static bool after_reaches(struct app_spec *app, bool *reached, size_t from, size_t wanted)
{
    bool grew = true;
    reached[from] = true;
    while (grew) {
        grew = false;
        for (size_t i = 0; i < app->jobs.n; i++) {
            const struct conf_texts *after = &job_at(app, i)->schedule.after;
            for (size_t k = 0; reached[i] && k < after->n; k++) {
                const size_t other = job_named(app, after->v[k]);
                if (other == wanted)
                    return true;
                if (other < app->jobs.n && !reached[other])
                    grew = reached[other] = true;
            }
        }
    }
    return false;
}

void spec_check_after(struct conf_reader *r, struct app_spec *app)
{
    for (size_t i = 0; i < app->jobs.n; i++) {
        const struct job_spec *j = job_at(app, i);
        bool *reached = ARENA_ZARRAY(conf_arena(r), bool, app->jobs.n);
        check_after(r, app, j);
        if (j->schedule.after.n > 0 && after_reaches(app, reached, i, i))
            conf_fail_at(r, j->schedule.after.at, NULL, "job %.*s would wait for itself",
                         STR_ARG(j->name));
    }
}
