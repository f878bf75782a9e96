// Command lines that the daemon executes for a job it owns, one at a time, between two runs.
#include "orchestrator/daemon/daemon_internal.h"

#include "orchestrator/cli/cli.h"
#include "orchestrator/daemon/report.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_FAILED = 1, COMMAND_WORDS_MAX = 64 };

void job_command_free(struct command *c)
{
    for (int i = 0; i < c->argc; i++)
        mem_free(c->argv[i]);
    mem_free(c->argv);
}

// A command line of ours with the client's output: what `sluice job backfill …` does when no daemon runs.
static int command_main(void *arg, int out)
{
    const struct command *c = arg;
    for (int i = 0; i < CONTROL_FDS; i++)
        if (dup2(c->fds[i] >= 0 ? c->fds[i] : out, STDOUT_FILENO + i) < 0)
            return COMMAND_FAILED;
    return cli_main_owner(c->argc, c->argv, c->spec);
}

static void command_data(void *owner, struct str bytes)
{
    struct daemon_job *j = owner;
    buf_str(&j->command_text, bytes);
}

static void command_answer(const struct command *c, const char *field, json_t *value)
{
    json_t *j = json_object();
    json_object_set_new(j, field, value);
    if (c->client)
        control_reply(c->client, j, CONTROL_LAST);
    else
        json_decref(j);
}

static void command_pop(struct daemon_job *j)
{
    job_command_free(&j->commands.v[0]);
    memmove(j->commands.v, j->commands.v + 1, (j->commands.n - 1) * sizeof *j->commands.v);
    j->commands.n--;
}

// What the last line says of a command that nobody waits for.
static struct str command_verdict(const struct daemon_job *j, int code)
{
    struct str line = STR(""), rest, text = buf_view(&j->command_text);
    while (code != 0 && j->commands.v[0].fds[1] < 0 && str_split_once(&line, &rest, text, '\n'))
        text = rest;
    return line;
}

static void command_done(void *owner, int status)
{
    struct daemon_job *j = owner;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    char text[24];
    const char *fields[] = {"job", j->name, "exit", text, NULL};
    snprintf(text, sizeof text, "%d", code);
    log_event(j->d->log, code ? LOG_WARN : LOG_INFO, "command.done", fields, "%.*s",
              STR_ARG(command_verdict(j, code)));
    j->command_exit = code;
    command_answer(&j->commands.v[0], "exit", json_integer(code));
    command_pop(j);
    j->child = NULL;
    j->does = JOB_FREE;
    if (j->spec)
        sched_release(j->d->config->sched, j->index);
}

void job_command_begin(struct daemon_job *j)
{
    struct command *c = &j->commands.v[0];
    const struct child_spec spec = {.main = command_main,
                                    .arg = c,
                                    .keep = c->fds,
                                    .keep_count = CONTROL_FDS,
                                    .data = command_data,
                                    .done = command_done,
                                    .owner = j};
    struct err e;
    if (!sched_hold(j->d->config->sched, j->index))
        return;
    const char *fields[] = {"job", j->name, NULL};
    log_event(j->d->log, LOG_INFO, "command.start", fields, "%s %s", c->argv[3],
              c->argc > 4 ? c->argv[4] : "");
    j->does = JOB_COMMAND;
    c->spec = j->d->config->spec;
    buf_clear(&j->command_text);
    j->child = child_start(j->d->children, &spec, &e);
    if (j->child)
        return;
    log_err(j->d->log, "command.failed", fields, &e);
    command_done(j, 1 << 8);
}

static bool command_push(struct daemon_job *j, struct command *c, const char *const *words,
                         size_t count)
{
    if (j->commands.n >= JOB_COMMANDS_MAX)
        return false;
    c->argv = MEM_ARRAY(char *, count + 4);
    c->argv[c->argc++] = mem_strdup("sluice");
    c->argv[c->argc++] = mem_strdup("-c");
    c->argv[c->argc++] = mem_strdup(j->d->path);
    for (size_t i = 0; i < count; i++)
        c->argv[c->argc++] = mem_strdup(words[i]);
    c->argv[c->argc] = NULL;
    vec_push(&j->commands, *c);
    // A run that never ends makes room between two batches.
    if (j->does == JOB_RUN && job_is_stream(j))
        job_tell_to_stop(j);
    return true;
}

void job_command(struct daemon_job *j, struct control_client *client, const json_t *request,
                 const int fds[CONTROL_FDS])
{
    const json_t *args = json_object_get(request, "args");
    const size_t n = json_array_size(args);
    struct command c = {.client = client, .fds = {fds[0], fds[1]}};
    const char *words[COMMAND_WORDS_MAX];
    for (size_t i = 0; i < n && i < COMMAND_WORDS_MAX; i++) {
        const char *word = json_string_value(json_array_get(args, i));
        words[i] = word ? word : "";
    }
    if (n > 0 && n <= COMMAND_WORDS_MAX && command_push(j, &c, words, n))
        return;
    struct err e;
    err_fail(&e, ERR_LIMIT, "%zu commands wait for job %s already, or this one is too long",
             j->commands.n, j->name);
    command_answer(&c, "error", report_error_to_json(&e));
}

bool job_command_alone(struct daemon_job *j, const char *const *words, size_t count)
{
    struct command c = {.fds = {-1, -1}};
    return command_push(j, &c, words, count);
}
