#include "orchestrator/daemon/memory.h"

#include "base/durable.h"
#include "jobs/run/doc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { MEMORY_FORMAT = 1, MEMORY_MAX = 16 << 20 };

const char *memory_dir(struct arena *a, const char *state)
{
    return arena_printf(a, "%s/_daemon", state).p;
}

static const char *memory_file(struct arena *a, const char *state)
{
    return arena_printf(a, "%s/sched.json", memory_dir(a, state)).p;
}

struct memory_job *memory_job(struct memory *s, struct str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->jobs[i].name, name))
            return &s->jobs[i];
    if (s->n == s->cap) {
        const size_t cap = s->cap ? s->cap * 2 : 16;
        struct memory_job *more = ARENA_ZARRAY(s->a, struct memory_job, cap);
        if (s->n)
            memcpy(more, s->jobs, s->n * sizeof *more);
        s->jobs = more;
        s->cap = cap;
    }
    struct memory_job *j = &s->jobs[s->n++];
    *j = (struct memory_job){.name = arena_str(s->a, name), .lag = -1};
    return j;
}

static void memory_read_job(struct memory *s, struct doc *d, const json_t *j)
{
    struct memory_job *m = memory_job(s, doc_str(d, j, "job"));
    m->sched = (struct sched_memory){
        .fired_ms = doc_i64(d, j, "fired"),
        .began_ms = doc_i64(d, j, "began"),
        .done_ms = doc_i64(d, j, "done"),
        .failures = doc_u64(d, j, "failures"),
        // Files of older programs have none.
        .began_seq = json_object_get(j, "began_seq") ? doc_u64(d, j, "began_seq") : 0,
        .done_seq = json_object_get(j, "done_seq") ? doc_u64(d, j, "done_seq") : 0,
        .paused = doc_bool(d, j, "paused"),
        .running = doc_bool(d, j, "running"),
        .alerted = doc_bool(d, j, "alerted"),
    };
    m->lag = doc_i64(d, j, "lag");
    m->lag_ms = doc_i64(d, j, "lag_at");
}

bool memory_load(struct memory *out, struct arena *a, const char *state, struct err *e)
{
    const char *path = memory_file(a, state);
    struct str text;
    json_t *j;
    *out = (struct memory){.a = a};
    if (!file_exists(path))
        return true;
    if (!file_read(&text, a, path, MEMORY_MAX, e))
        return false;
    struct doc d = {a, path, NULL};
    bool ok = doc_parse(&j, text, path, e);
    if (ok) {
        const json_t *list = doc_array(&d, j, "jobs");
        const int64_t format = doc_i64(&d, j, "format");
        for (size_t i = 0; i < json_array_size(list); i++)
            memory_read_job(out, &d, json_array_get(list, i));
        json_decref(j);
        ok = doc_ok(&d, e) && (format == MEMORY_FORMAT ||
                               err_fail(e, ERR_DATA, "%s has format %lld, this program knows %d",
                                        path, (long long)format, MEMORY_FORMAT));
    }
    return ok || err_hint(e, "it holds only when jobs ran last and which are paused: it may be "
                             "deleted while no daemon runs");
}

static json_t *memory_write_job(const struct memory_job *m)
{
    json_t *j = json_object();
    json_object_set_new(j, "job", doc_new_str(m->name));
    json_object_set_new(j, "fired", json_integer(m->sched.fired_ms));
    json_object_set_new(j, "began", json_integer(m->sched.began_ms));
    json_object_set_new(j, "done", json_integer(m->sched.done_ms));
    json_object_set_new(j, "failures", doc_new_u64(m->sched.failures));
    json_object_set_new(j, "began_seq", doc_new_u64(m->sched.began_seq));
    json_object_set_new(j, "done_seq", doc_new_u64(m->sched.done_seq));
    json_object_set_new(j, "paused", json_boolean(m->sched.paused));
    json_object_set_new(j, "running", json_boolean(m->sched.running));
    json_object_set_new(j, "alerted", json_boolean(m->sched.alerted));
    json_object_set_new(j, "lag", json_integer(m->lag));
    json_object_set_new(j, "lag_at", json_integer(m->lag_ms));
    return j;
}

bool memory_store(const struct memory *s, const char *state, struct durable *d, struct err *e)
{
    json_t *j = json_object();
    json_t *list = json_array();
    struct arena *a = arena_new(NULL);
    struct buf text;
    json_object_set_new(j, "format", json_integer(MEMORY_FORMAT));
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(list, memory_write_job(&s->jobs[i]));
    json_object_set_new(j, "jobs", list);
    buf_init(&text, MEMORY_MAX);
    doc_print(&text, j);
    json_decref(j);
    const bool ok = buf_ok(&text, "the scheduler's memory", e) &&
                    durable_replace(d, "sched", memory_file(a, state), buf_view(&text), e);
    buf_fini(&text);
    arena_free(a);
    return ok;
}

static int64_t lock_owner(int fd)
{
    char text[32];
    const ssize_t n = pread(fd, text, sizeof text, 0);
    int64_t pid = 0;
    return n > 0 && str_to_i64(&pid, str_trim((struct str){text, (size_t)n})) ? pid : 0;
}

static bool lock_taken(int fd, const char *state, struct err *e)
{
    const int64_t pid = lock_owner(fd);
    if (pid > 0)
        err_fail(e, ERR_FENCED, "a daemon runs on state directory %s: process %lld", state,
                 (long long)pid);
    else
        err_fail(e, ERR_FENCED, "a daemon runs on state directory %s", state);
    return err_hint(e,
                    "one daemon owns a state directory; stop it, or talk to it: sluice job list");
}

bool memory_lock(int *fd, const char *state, struct durable *d, struct err *e)
{
    struct arena *a = arena_new(NULL);
    const char *dir = memory_dir(a, state);
    const char *path = arena_printf(a, "%s/lock", dir).p;
    const struct str pid = arena_printf(a, "%-12d\n", (int)getpid());
    bool ok = durable_mkdirs(d, "daemon.mkdir", dir, 0700, e);
    *fd = ok ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (ok && *fd < 0)
        ok = err_sys(e, "cannot open %s", path);
    if (ok && flock(*fd, LOCK_EX | LOCK_NB) != 0)
        ok = lock_taken(*fd, state, e);
    ok = ok && durable_write(d, "daemon.lock", *fd, path, pid.p, pid.n, e);
    if (!ok && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    arena_free(a);
    return ok;
}
