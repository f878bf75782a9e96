#include "orchestrator/daemon/child.h"

#include "base/mem.h"
#include "base/vec.h"
#include "orchestrator/daemon/loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 4096, FIRST_FD = 3 };

struct child {
    struct children *all;
    pid_t pid;
    int fd; // of the pipe; -1 = ended
    struct child_spec spec;
};

struct children {
    struct loop *loop;
    VEC(struct child *) v;
};

struct children *children_new(struct loop *loop)
{
    struct children *s = mem_zalloc(sizeof *s);
    s->loop = loop;
    return s;
}

static void child_close(struct child *c)
{
    if (c->fd < 0)
        return;
    loop_remove(c->all->loop, c->fd);
    close(c->fd);
    c->fd = -1;
}

void children_free(struct children *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->v.n; i++) {
        kill(s->v.v[i]->pid, SIGKILL);
        waitpid(s->v.v[i]->pid, NULL, 0);
        child_close(s->v.v[i]);
        mem_free(s->v.v[i]);
    }
    vec_fini(&s->v);
    mem_free(s);
}

static int fd_order(const void *x, const void *y)
{
    const int p = *(const int *)x;
    const int q = *(const int *)y;
    return (p > q) - (p < q);
}

// Locks, sockets and pipes of the daemon must not live on in a child.
static void close_others(const int *keep, size_t count, int out)
{
    int fds[8];
    size_t n = 0;
    assert(count < sizeof fds / sizeof *fds);
    for (size_t i = 0; i < count; i++)
        fds[n++] = keep[i];
    fds[n++] = out;
    qsort(fds, n, sizeof *fds, fd_order);
    unsigned from = FIRST_FD;
    for (size_t i = 0; i < n; i++) {
        if (fds[i] < (int)from)
            continue;
        if ((unsigned)fds[i] > from)
            close_range(from, (unsigned)fds[i] - 1, 0);
        from = (unsigned)fds[i] + 1;
    }
    close_range(from, ~0U, 0);
}

static _Noreturn void child_main(const struct child_spec *spec, int out, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    close_others(spec->keep, spec->keep_count, out);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_IGN); // a reload is the daemon's business
    loop_unblock_signals();
    const int code = spec->main(spec->arg, out);
    fflush(NULL);
    _exit(code);
}

static void child_read(struct child *c)
{
    char piece[PIECE];
    while (c->fd >= 0) {
        const ssize_t n = read(c->fd, piece, sizeof piece);
        if (n > 0)
            c->spec.data(c->spec.owner, (struct str){piece, (size_t)n});
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0 && errno == EAGAIN)
            return;
        else
            child_close(c);
    }
}

static void child_on_data(void *arg, int fd)
{
    (void)fd;
    child_read(arg);
}

struct child *child_start(struct children *s, const struct child_spec *spec, struct err *e)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        err_sys(e, "cannot make a pipe");
        return NULL;
    }
    const pid_t parent = getpid();
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0)
        child_main(spec, fds[1], parent);
    close(fds[1]);
    if (pid < 0) {
        err_sys(e, "cannot start a process");
        close(fds[0]);
        return NULL;
    }
    struct child *c = mem_zalloc(sizeof *c);
    *c = (struct child){.all = s, .pid = pid, .fd = fds[0], .spec = *spec};
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    if (!loop_add(s->loop, c->fd, LOOP_READ, child_on_data, c, e)) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(c->fd);
        mem_free(c);
        return NULL;
    }
    vec_push(&s->v, c);
    return c;
}

void child_signal(const struct child *c, int number)
{
    kill(c->pid, number);
}

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

void children_signal(struct children *s, int number)
{
    for (size_t i = 0; i < s->v.n; i++)
        kill(s->v.v[i]->pid, number);
}

// What it wrote before it died is still in the pipe.
static void child_end(struct children *s, size_t i, int status)
{
    struct child *c = s->v.v[i];
    s->v.v[i] = s->v.v[--s->v.n];
    child_read(c);
    child_close(c);
    c->spec.done(c->spec.owner, status);
    mem_free(c);
}

void children_reap(struct children *s)
{
    size_t i = 0;
    while (i < s->v.n) {
        int status = 0;
        if (waitpid(s->v.v[i]->pid, &status, WNOHANG) == s->v.v[i]->pid) {
            child_end(s, i, status);
            i = 0; // done() may have started others
        } else {
            i++;
        }
    }
}

size_t children_count(const struct children *s)
{
    return s->v.n;
}

void child_status_text(char *out, size_t size, int status)
{
    if (WIFSIGNALED(status))
        snprintf(out, size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out, size, "exit code %d", WEXITSTATUS(status));
}
