#include "orchestrator/daemon/loop.h"

#include "base/vec.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EVENTS_MAX = 32 };

struct watch {
    int fd; // -1 = free
    loop_fn *fn;
    void *arg;
};

struct loop {
    int epoll, signals;
    loop_signal_fn *on_signal;
    void *signal_arg;
    VEC(struct watch) watches;
};

static void signal_set(sigset_t *out)
{
    sigemptyset(out);
    sigaddset(out, SIGTERM);
    sigaddset(out, SIGINT);
    sigaddset(out, SIGHUP);
    sigaddset(out, SIGCHLD);
}

void loop_unblock_signals(void)
{
    sigset_t set;
    signal_set(&set);
    const int rc = sigprocmask(SIG_UNBLOCK, &set, NULL);
    assert(rc == 0);
}

static void loop_on_signal(void *arg, int fd)
{
    struct loop *s = arg;
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        s->on_signal(s->signal_arg, (int)info.ssi_signo);
}

bool loop_new(struct loop **out, loop_signal_fn *on_signal, void *arg, struct err *e)
{
    assert(on_signal);
    sigset_t set;
    signal_set(&set);
    struct loop *s = mem_zalloc(sizeof *s);
    *s = (struct loop){.epoll = -1, .signals = -1, .on_signal = on_signal, .signal_arg = arg};
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->epoll < 0 || s->signals < 0) {
        err_sys(e, "cannot wait for events");
        loop_free(s);
        return false;
    }
    if (!loop_add(s, s->signals, LOOP_READ, loop_on_signal, s, e)) {
        loop_free(s);
        return false;
    }
    *out = s;
    return true;
}

void loop_free(struct loop *s)
{
    if (!s)
        return;
    if (s->signals >= 0)
        close(s->signals);
    if (s->epoll >= 0)
        close(s->epoll);
    vec_fini(&s->watches);
    mem_free(s);
}

static struct epoll_event loop_event(int fd, unsigned events)
{
    struct epoll_event ev = {.data = {.fd = fd}};
    if (events & LOOP_READ)
        ev.events |= EPOLLIN;
    if (events & LOOP_WRITE)
        ev.events |= EPOLLOUT;
    return ev;
}

static struct watch *loop_watch(struct loop *s, int fd)
{
    for (size_t i = 0; i < s->watches.n; i++)
        if (s->watches.v[i].fd == fd)
            return &s->watches.v[i];
    return NULL;
}

bool loop_add(struct loop *s, int fd, unsigned events, loop_fn *fn, void *arg, struct err *e)
{
    assert(fd >= 0 && fn && !loop_watch(s, fd));
    struct epoll_event ev = loop_event(fd, events);
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        return err_sys(e, "cannot wait for events");
    struct watch *free_one = loop_watch(s, -1);
    const struct watch w = {fd, fn, arg};
    if (free_one)
        *free_one = w;
    else
        vec_push(&s->watches, w);
    return true;
}

void loop_change(struct loop *s, int fd, unsigned events)
{
    struct epoll_event ev = loop_event(fd, events);
    const int rc = epoll_ctl(s->epoll, EPOLL_CTL_MOD, fd, &ev);
    assert(rc == 0);
}

void loop_remove(struct loop *s, int fd)
{
    struct watch *w = loop_watch(s, fd);
    assert(w);
    epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL);
    w->fd = -1;
}

bool loop_once(struct loop *s, int64_t wait_ms, struct err *e)
{
    struct epoll_event ready[EVENTS_MAX];
    const int wait = wait_ms < 0 ? -1 : wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
    const int n = epoll_wait(s->epoll, ready, EVENTS_MAX, wait);
    if (n < 0)
        return errno == EINTR || err_sys(e, "cannot wait for events");
    for (int i = 0; i < n; i++) {
        // An earlier callback may have removed it.
        const struct watch *w = loop_watch(s, ready[i].data.fd);
        if (w)
            w->fn(w->arg, w->fd);
    }
    return true;
}
