#include "orchestrator/daemon/admin.h"

#include "base/durable.h"
#include "jobs/run/doc.h"
#include "orchestrator/admin/files.h"
#include "orchestrator/admin/http.h"
#include "orchestrator/daemon/daemon_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    TOKEN_BYTES = 32,
    TOKEN_MAX = 4096,
    PATH_WORDS = 6,
    METRICS_MAX = 16 << 20,
    ANSWER_MAX = 64 << 20,
};

struct admin {
    struct daemon *d;
    struct http *http;
    struct arena *a;
    struct str token;
};

static void reply_json(struct http_request *r, unsigned status, json_t *j)
{
    struct buf out;
    buf_init(&out, ANSWER_MAX);
    doc_print(&out, j);
    json_decref(j);
    http_reply(r, status, "application/json", buf_view(&out));
    buf_fini(&out);
}

static void reply_error(struct http_request *r, unsigned status, const char *text)
{
    json_t *j = json_object();
    json_object_set_new(j, "error", json_string(text));
    reply_json(r, status, j);
}

// --- what is in memory -----------------------------------------------------------------------------------------------

static void reply_health(struct daemon *d, struct http_request *r)
{
    const bool fine = d->ready && d->stop == DAEMON_GOES_ON;
    http_reply(r, fine ? 200 : 503, "text/plain",
               str_from(fine       ? "ok\n"
                        : d->ready ? "stopping\n"
                                   : "starting\n"));
}

static void reply_metrics(struct daemon *d, struct http_request *r)
{
    struct buf out;
    buf_init(&out, METRICS_MAX);
    metrics_print(&out, d);
    http_reply(r, 200, "text/plain; version=0.0.4", buf_view(&out));
    buf_fini(&out);
}

static void reply_job(struct daemon *d, struct http_request *r, struct daemon_job *j)
{
    json_t *o = status_job(j);
    json_t *about = json_object_get(d->config->about, j->name);
    json_object_set(o, "about", about ? about : json_null());
    reply_json(r, 200, o);
}

// --- what a child reads ----------------------------------------------------------------------------------------------

static bool is_number(const char *text)
{
    uint64_t n;
    return text && str_to_u64(&n, str_from(text));
}

static const char *limit_of(const struct http_request *r, const char *otherwise)
{
    const char *limit = http_query(r, "limit");
    return is_number(limit) ? limit : otherwise;
}

// Words after "--" are never options, whatever a client sends.
static void query_lake_rows(struct daemon *d, struct http_request *r, const char *output)
{
    const char *partition = http_query(r, "partition");
    const char *words[] = {"lake", "cat",  "--limit", limit_of(r, "20"),
                           "--",   output, partition, NULL};
    admin_query(d, r, words, QUERY_LINES);
}

static void query_of_job(struct daemon *d, struct http_request *r, struct daemon_job *j,
                         const char *what, const char *which)
{
    const char *runs[] = {"run", "list", j->name, "--last", limit_of(r, "100"), "--json", NULL};
    const char *run[] = {"run", "show", j->name, which, NULL};
    const char *dead[] = {"dlq", "show", j->name, "--limit", limit_of(r, "50"), NULL};
    const char *explain[] = {"job", "explain", j->name, NULL};
    if (strcmp(what, "runs") == 0 && !which)
        admin_query(d, r, runs, QUERY_JSON);
    else if (strcmp(what, "runs") == 0 && is_number(which))
        admin_query(d, r, run, QUERY_VALUES);
    else if (strcmp(what, "dead") == 0 && !which)
        admin_query(d, r, dead, QUERY_VALUES);
    else if (strcmp(what, "explain") == 0 && !which)
        admin_query(d, r, explain, QUERY_LINES);
    else
        reply_error(r, 404, "there is no such thing of a job: runs, runs/N, dead, explain");
}

// --- doing -----------------------------------------------------------------------------------------------------------

// {"from": …, "to": …} in the forms of `job backfill`; "dry_run": true only says what would be replaced.
static void post_backfill(struct daemon *d, struct http_request *r, struct daemon_job *j)
{
    static const char *const names[] = {"from",  "to",        "from-offset", "to-offset",
                                        "topic", "partition", "batch",       "outputs"};
    const struct str body = http_body(r);
    json_error_t why;
    json_t *o = json_loadb(body.n ? body.p : "", body.n, JSON_REJECT_DUPLICATES, &why);
    struct arena *a = arena_new(NULL);
    const char *words[20] = {"job", "backfill", j->name};
    size_t n = 3;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *v = json_string_value(json_object_get(o, names[i]));
        if (v && v[0])
            words[n++] = arena_printf(a, "--%s=%s", names[i], v).p;
    }
    if (!json_is_object(o) || n == 3) {
        reply_error(r, 400, "a backfill wants from and to, from-offset and to-offset, or batch");
    } else if (json_is_true(json_object_get(o, "dry_run"))) {
        words[n++] = "--dry-run";
        admin_query(d, r, words, QUERY_LINES);
    } else if (job_command_alone(j, words, n)) {
        reply_job(d, r, j);
    } else {
        reply_error(r, 503, "too many commands wait for this job");
    }
    json_decref(o);
    arena_free(a);
}

static void post_job(struct daemon *d, struct http_request *r, struct daemon_job *j,
                     const char *what)
{
    if (strcmp(what, "backfill") == 0) {
        post_backfill(d, r, j);
        return;
    }
    if (strcmp(what, "run") == 0) {
        job_run_for(j, NULL);
    } else if (strcmp(what, "pause") == 0 || strcmp(what, "resume") == 0) {
        daemon_pause(d, j, what[0] == 'p');
    } else {
        reply_error(r, 404, "there is no such action: run, pause, resume, backfill");
        return;
    }
    reply_job(d, r, j);
}

// --- routing ---------------------------------------------------------------------------------------------------------

// "/api/jobs/x/runs" into words; more than PATH_WORDS: 0.
static size_t split_path(const char **words, struct arena *a, const char *path)
{
    struct str rest = str_from(path);
    struct str word;
    size_t n = 0;
    while (rest.n > 0) {
        struct str tail = STR_NONE;
        if (!str_split_once(&word, &tail, rest, '/'))
            word = rest, tail = STR_NONE;
        if (word.n > 0 && n == PATH_WORDS)
            return 0;
        if (word.n > 0)
            words[n++] = arena_str(a, word).p;
        rest = tail;
    }
    return n;
}

static void route_job(struct daemon *d, struct http_request *r, const char *const *words, size_t n)
{
    struct daemon_job *j = daemon_job(d, words[2]);
    const bool post = strcmp(http_method(r), "POST") == 0;
    if (!j)
        reply_error(r, 404, "there is no such job");
    else if (post && n == 4)
        post_job(d, r, j, words[3]);
    else if (post)
        reply_error(r, 404, "there is no such action");
    else if (n == 3)
        reply_job(d, r, j);
    else
        query_of_job(d, r, j, words[3], n > 4 ? words[4] : NULL);
}

static void route_api(struct daemon *d, struct http_request *r, const char *const *words, size_t n)
{
    static const char *const lake[] = {"lake", "ls", "--json", NULL};
    const bool post = strcmp(http_method(r), "POST") == 0;
    if (!d->ready || d->stop != DAEMON_GOES_ON)
        reply_error(r, 503, d->ready ? "the daemon is stopping" : "the daemon is starting");
    else if (n >= 3 && strcmp(words[1], "jobs") == 0)
        route_job(d, r, words, n);
    else if (post)
        reply_error(r, 404, "there is no such action");
    else if (n == 2 && strcmp(words[1], "jobs") == 0)
        reply_json(r, 200, status_all(d));
    else if (n == 2 && strcmp(words[1], "lake") == 0)
        d->config->spec->lake.path.n ? admin_query(d, r, lake, QUERY_JSON)
                                     : http_reply(r, 200, "application/json", STR("[]"));
    else if (n == 3 && strcmp(words[1], "lake") == 0)
        query_lake_rows(d, r, words[2]);
    else
        reply_error(r, 404, "there is no such page: /api/jobs, /api/lake");
}

// In time that does not depend on where the first difference is.
static bool is_token(struct str given, struct str token)
{
    unsigned char different = given.n != token.n;
    for (size_t i = 0; i < token.n; i++)
        different |= (unsigned char)(token.p[i] ^ (i < given.n ? given.p[i] : 0));
    return different == 0;
}

static bool is_allowed(const struct admin *s, const struct http_request *r)
{
    const char *header = http_header(r, "Authorization");
    const struct str bearer = STR("Bearer ");
    const struct str given = str_from(header ? header : "");
    return str_starts(given, bearer) && is_token(str_slice(given, bearer.n, given.n), s->token);
}

static void admin_request(void *arg, struct http_request *r)
{
    struct admin *s = arg;
    struct arena *a = arena_new(NULL);
    struct admin_file file;
    const char *words[PATH_WORDS];
    const size_t n = split_path(words, a, http_path(r));
    const bool get = strcmp(http_method(r), "GET") == 0;
    if (!get && strcmp(http_method(r), "POST") != 0)
        reply_error(r, 405, "GET or POST");
    else if (get && strcmp(http_path(r), "/healthz") == 0)
        reply_health(s->d, r);
    else if (get && admin_files_find(&file, http_path(r)))
        http_reply(r, 200, file.type, file.text);
    else if (!is_allowed(s, r))
        reply_error(r, 401, "the token is missing or wrong: Authorization: Bearer …");
    else if (get && strcmp(http_path(r), "/metrics") == 0)
        reply_metrics(s->d, r);
    else if (n >= 2 && strcmp(words[0], "api") == 0)
        route_api(s->d, r, words, n);
    else
        reply_error(r, 404, "there is no such page");
    arena_free(a);
}

// --- the token -------------------------------------------------------------------------------------------------------

static bool token_make(struct admin *s, const char *path, struct err *e)
{
    unsigned char bytes[TOKEN_BYTES];
    struct buf hex;
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return err_sys(e, "cannot make a token");
    buf_init(&hex, 2 * TOKEN_BYTES + 1);
    buf_hex(&hex, bytes, sizeof bytes);
    s->token = arena_str(s->a, buf_view(&hex));
    buf_char(&hex, '\n');
    int fd;
    bool ok = durable_create(&fd, s->d->durable, "token.create", path, DURABLE_PRIVATE | O_EXCL, e);
    if (ok) {
        ok = durable_write(s->d->durable, "token.write", fd, path, hex.p, hex.n, e) &&
             durable_fsync(s->d->durable, "token.fsync", fd, path, e);
        close(fd);
    }
    buf_fini(&hex);
    return ok;
}

static bool token_load(struct admin *s, struct err *e)
{
    const struct admin_spec *spec = &s->d->next->spec->admin;
    const char *path = arena_printf(s->a, "%s/_daemon/token", s->d->state).p;
    struct str text;
    if (secret_given(spec->token)) {
        s->token = arena_str(s->a, secret_reveal(spec->token));
        return true;
    }
    if (!file_exists(path))
        return token_make(s, path, e);
    if (!file_read(&text, s->a, path, TOKEN_MAX, e))
        return false;
    s->token = str_trim(text);
    while (s->token.n > 0 && s->token.p[s->token.n - 1] == '\n')
        s->token.n--;
    return s->token.n >= 16 || err_fail(e, ERR_CONFIG, "%s holds no token: delete it", path);
}

bool admin_open(struct admin **out, struct daemon *d, struct err *e)
{
    const struct admin_spec *spec = &d->next->spec->admin;
    *out = NULL;
    if (spec->at.line == 0)
        return true;
    struct admin *s = mem_zalloc(sizeof *s);
    *s = (struct admin){.d = d, .a = arena_new(NULL)};
    const struct http_spec http = {.loop = d->loop,
                                   .host = arena_str(s->a, spec->host).p,
                                   .port = spec->port,
                                   .fn = admin_request,
                                   .arg = s};
    if (!token_load(s, e) || !http_open(&s->http, &http, e)) {
        admin_close(s);
        return err_wrap(e, "admin");
    }
    char url[128];
    snprintf(url, sizeof url, "http://%s:%u/", http.host, (unsigned)http_port(s->http));
    const char *fields[] = {"url", url, NULL};
    log_event(d->log, LOG_INFO, "admin.listen", fields, "%s",
              secret_given(spec->token) ? "" : "the token is in <state>/_daemon/token");
    *out = s;
    return true;
}

void admin_close(struct admin *s)
{
    if (!s)
        return;
    http_close(s->http);
    arena_free(s->a);
    mem_free(s);
}

int64_t admin_wait_ms(struct admin *s, int64_t wait)
{
    return s ? http_wait_ms(s->http, wait) : wait;
}

void admin_run(struct admin *s)
{
    if (s)
        http_run(s->http);
}
