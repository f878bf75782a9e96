#include "orchestrator/daemon/control.h"

#include "base/buf.h"
#include "base/vec.h"
#include "jobs/run/doc.h"
#include "orchestrator/daemon/control_internal.h"
#include "orchestrator/daemon/loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REQUEST_MAX = 64 * 1024, REPLY_MAX = 64 << 20, BACKLOG = 16, CLIENTS_MAX = 64 };

struct control_client {
    struct control_server *server;
    int fd;
    int passed[CONTROL_FDS];
    struct buf in, out;
    size_t sent;
    bool asked, last;
};

struct control_server {
    struct control_spec spec;
    int fd;
    VEC(struct control_client *) clients;
};

// --- one client ------------------------------------------------------------------------------------------------------

static void client_free(struct control_client *c)
{
    struct control_server *s = c->server;
    loop_remove(s->spec.loop, c->fd);
    close(c->fd);
    for (size_t i = 0; i < CONTROL_FDS; i++)
        if (c->passed[i] >= 0)
            close(c->passed[i]);
    for (size_t i = 0; i < s->clients.n; i++)
        if (s->clients.v[i] == c)
            s->clients.v[i] = s->clients.v[--s->clients.n];
    buf_fini(&c->in);
    buf_fini(&c->out);
    mem_free(c);
}

static void client_gone(struct control_client *c)
{
    if (c->asked && !c->last)
        c->server->spec.gone(c->server->spec.arg, c);
    client_free(c);
}

// Everything out and nothing to follow: the connection ends.
static void client_write(struct control_client *c)
{
    while (c->sent < c->out.n) {
        const ssize_t n =
            send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            loop_change(c->server->spec.loop, c->fd, LOOP_READ | LOOP_WRITE);
            return;
        }
        if (n <= 0) {
            client_gone(c);
            return;
        }
        c->sent += (size_t)n;
    }
    if (c->last) {
        client_free(c);
        return;
    }
    buf_clear(&c->out);
    c->sent = 0;
    loop_change(c->server->spec.loop, c->fd, LOOP_READ);
}

void control_reply(struct control_client *c, json_t *j, enum control_more more)
{
    assert(!c->last);
    doc_print(&c->out, j);
    json_decref(j);
    buf_char(&c->out, '\n');
    c->last = more == CONTROL_LAST;
    client_write(c);
}

static void client_take_fds(struct control_client *c, struct msghdr *m)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (i < CONTROL_FDS && c->passed[i] < 0)
                c->passed[i] = fd;
            else
                close(fd);
        }
    }
}

static void client_ask(struct control_client *c)
{
    json_error_t why;
    json_t *request = json_loadb(c->in.p, c->in.n, JSON_REJECT_DUPLICATES, &why);
    c->asked = true;
    if (json_is_object(request)) {
        c->server->spec.request(c->server->spec.arg, c, request, c->passed);
    } else {
        json_t *j = json_object();
        json_object_set_new(j, "refused", json_string("the request is no JSON object"));
        control_reply(c, j, CONTROL_LAST);
    }
    json_decref(request);
}

static void client_read(void *arg, int fd)
{
    struct control_client *c = arg;
    char piece[4096];
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(CONTROL_FDS * sizeof(int))];
    } rights;
    struct iovec io = {piece, sizeof piece};
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = rights.room,
                       .msg_controllen = sizeof rights.room};
    const ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        if (c->sent < c->out.n)
            client_write(c);
        return;
    }
    if (n <= 0) {
        client_gone(c);
        return;
    }
    client_take_fds(c, &m);
    buf_put(&c->in, piece, (size_t)n);
    if (c->in.failed)
        client_gone(c);
    else if (!c->asked && memchr(piece, '\n', (size_t)n))
        client_ask(c);
}

// --- the server ------------------------------------------------------------------------------------------------------

static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void server_accept(void *arg, int fd)
{
    struct control_server *s = arg;
    struct err e;
    const int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0)
        return;
    if (!is_allowed(client) || s->clients.n >= CLIENTS_MAX) {
        close(client);
        return;
    }
    struct control_client *c = mem_zalloc(sizeof *c);
    *c = (struct control_client){.server = s, .fd = client, .passed = {-1, -1}};
    buf_init(&c->in, REQUEST_MAX);
    buf_init(&c->out, REPLY_MAX);
    if (!loop_add(s->spec.loop, client, LOOP_READ, client_read, c, &e)) {
        close(client);
        mem_free(c);
        return;
    }
    vec_push(&s->clients, c);
}

static bool server_bind(int fd, const char *state)
{
    struct sockaddr_un address;
    int dir;
    if (!control_address(&address, &dir, state))
        return false;
    // What an earlier daemon left: we hold its lock. The mode counts before the first connection.
    const mode_t before = umask(0177);
    const bool ok = (remove(address.sun_path) == 0 || errno == ENOENT) &&
                    bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                    listen(fd, BACKLOG) == 0;
    umask(before);
    close(dir);
    return ok;
}

bool control_open(struct control_server **out, const struct control_spec *spec, struct err *e)
{
    struct control_server *s = mem_zalloc(sizeof *s);
    s->spec = *spec;
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = (s->fd >= 0 && server_bind(s->fd, spec->state)) ||
              err_sys(e, "cannot listen on %s/_daemon/control.sock", spec->state);
    ok = ok && loop_add(spec->loop, s->fd, LOOP_READ, server_accept, s, e);
    if (!ok) {
        if (s->fd >= 0)
            close(s->fd);
        mem_free(s);
        return false;
    }
    *out = s;
    return true;
}

void control_close(struct control_server *s)
{
    if (!s)
        return;
    while (s->clients.n > 0)
        client_free(s->clients.v[0]);
    loop_remove(s->spec.loop, s->fd);
    close(s->fd);
    vec_fini(&s->clients);
    mem_free(s);
}
