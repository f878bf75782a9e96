// `on_failure:` a program or a webhook, each in a process of its own with a time limit: neither can hold up the schedule.
#include "orchestrator/daemon/daemon_internal.h"

#include "jobs/run/doc.h"

#include <assert.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALERT_SECONDS = 30, ALERT_NOT_RUN = 127, ALERT_REFUSED = 1, ALERT_TEXT_MAX = 1 << 16 };

struct alert {
    struct daemon *d;
    char job[JOB_NAME_MAX];
    const char *kind; // "exec", "webhook"
};

static int alert_exec_main(void *arg, int out)
{
    const struct daemon_job *j = arg;
    const struct conf_texts *exec = &j->spec->on_failure.exec;
    char **argv = MEM_ARRAY(char *, exec->n + 1);
    char run[24];
    (void)out;
    assert(exec->n > 0);
    for (size_t i = 0; i < exec->n; i++)
        argv[i] = mem_strdup(exec->v[i].p);
    argv[exec->n] = NULL;
    snprintf(run, sizeof run, "%llu", (unsigned long long)j->report.run);
    setenv("SLUICE_JOB", j->name, 1);
    setenv("SLUICE_RUN", run, 1);
    setenv("SLUICE_KIND", err_kind_name(j->error.kind), 1);
    setenv("SLUICE_ERROR", j->error.text, 1);
    setenv("SLUICE_HINT", j->error.hint, 1);
    alarm(ALERT_SECONDS); // survives exec
    execvp(argv[0], argv);
    return ALERT_NOT_RUN;
}

static void alert_text(struct buf *out, const struct daemon_job *j)
{
    json_t *o = json_object();
    json_object_set_new(o, "event", json_string("run.failed"));
    json_object_set_new(o, "job", json_string(j->name));
    json_object_set_new(o, "kind", json_string(err_kind_name(j->error.kind)));
    json_t *text = json_string(j->error.text);
    json_object_set_new(o, "error", text ? text : json_string("(not UTF-8)"));
    json_object_set_new(o, "hint", doc_new_str(str_from(j->error.hint)));
    json_object_set_new(o, "failures",
                        doc_new_u64(sched_memory(j->d->config->sched, j->index)->failures));
    json_object_set_new(o, "ended", json_integer(j->ended_ms));
    doc_print(out, o);
    json_decref(o);
}

static size_t alert_drop(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    (void)arg;
    return size * n;
}

static int alert_webhook_main(void *arg, int out)
{
    const struct daemon_job *j = arg;
    struct buf text;
    long status = 0;
    (void)out;
    buf_init(&text, ALERT_TEXT_MAX);
    alert_text(&text, j);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!curl || !headers)
        return ALERT_REFUSED;
    curl_easy_setopt(curl, CURLOPT_URL, j->spec->on_failure.webhook.p);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text.p);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)text.n);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ALERT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, alert_drop);
    const CURLcode rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return rc == CURLE_OK && status < 400 ? 0 : ALERT_REFUSED;
}

static void alert_data(void *owner, struct str bytes)
{
    (void)owner;
    (void)bytes;
}

static void alert_done(void *owner, int status)
{
    struct alert *s = owner;
    char text[80];
    const char *fields[] = {"job", s->job, "kind", s->kind, NULL};
    child_status_text(text, sizeof text, status);
    if (status == 0)
        log_event(s->d->log, LOG_INFO, "alert.sent", fields, "%s", "");
    else
        log_event(s->d->log, LOG_ERROR, "alert.failed", fields, "on_failure: %s: %s", s->kind,
                  text);
    mem_free(s);
}

static void alert_one(struct daemon_job *j, const char *kind, int (*run)(void *arg, int out))
{
    struct alert *s = mem_zalloc(sizeof *s);
    struct err e;
    s->d = j->d;
    s->kind = kind;
    snprintf(s->job, sizeof s->job, "%s", j->name);
    const struct child_spec spec = {
        .main = run, .arg = j, .data = alert_data, .done = alert_done, .owner = s};
    if (child_start(j->d->children, &spec, &e))
        return;
    const char *fields[] = {"job", j->name, "kind", kind, NULL};
    log_err(j->d->log, "alert.failed", fields, &e);
    mem_free(s);
}

void alert_send(struct daemon_job *j)
{
    const struct on_failure_spec *s = &j->spec->on_failure;
    j->alerts++;
    if (s->exec.n > 0)
        alert_one(j, "exec", alert_exec_main);
    if (s->webhook.n > 0)
        alert_one(j, "webhook", alert_webhook_main);
}
