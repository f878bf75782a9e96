#include "orchestrator/daemon/control.h"

#include "base/buf.h"
#include "jobs/run/doc.h"
#include "orchestrator/daemon/control_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 << 20, REQUEST_MAX = 64 * 1024 };

bool control_address(struct sockaddr_un *out, int *dir, const char *state)
{
    char path[4096];
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((size_t)snprintf(path, sizeof path, "%s/_daemon", state) >= sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    *dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir < 0)
        return false;
    snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/control.sock", *dir);
    return true;
}

bool control_connect(int *fd, const char *state, struct err *e)
{
    struct sockaddr_un address;
    int dir;
    *fd = -1;
    if (!control_address(&address, &dir, state))
        return errno == ENOENT || err_sys(e, "cannot open %s/_daemon", state);
    const int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected = s >= 0 && connect(s, (struct sockaddr *)&address, sizeof address) == 0;
    const int why = errno;
    close(dir);
    if (connected) {
        *fd = s;
        return true;
    }
    if (s >= 0)
        close(s);
    errno = why;
    return why == ENOENT || why == ECONNREFUSED ||
           err_sys(e, "cannot talk to the daemon on %s", state);
}

static bool send_all(int fd, const struct buf *text, enum control_pass pass, struct err *e)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(CONTROL_FDS * sizeof(int))];
    } rights = {0};
    const int fds[CONTROL_FDS] = {STDOUT_FILENO, STDERR_FILENO};
    size_t sent = 0;
    while (sent < text->n) {
        struct iovec io = {text->p + sent, text->n - sent};
        struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
        if (pass == CONTROL_PASS && sent == 0) {
            m.msg_control = rights.room;
            m.msg_controllen = sizeof rights.room;
            struct cmsghdr *h = CMSG_FIRSTHDR(&m);
            h->cmsg_level = SOL_SOCKET;
            h->cmsg_type = SCM_RIGHTS;
            h->cmsg_len = CMSG_LEN(sizeof fds);
            memcpy(CMSG_DATA(h), fds, sizeof fds);
        }
        const ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_sys(e, "cannot talk to the daemon");
        sent += (size_t)n;
    }
    return true;
}

// Calls back for every whole line and keeps the rest.
static bool take_lines(struct buf *in, control_line_fn *fn, void *arg, struct err *e)
{
    struct str rest = buf_view(in);
    struct str line;
    struct str tail;
    while (str_split_once(&line, &tail, rest, '\n')) {
        json_error_t why;
        json_t *j = json_loadb(line.p, line.n, 0, &why);
        if (!json_is_object(j)) {
            json_decref(j);
            return err_fail(e, ERR_BUG, "the daemon's answer is no JSON object: %s", why.text);
        }
        fn(arg, j);
        json_decref(j);
        rest = tail;
    }
    memmove(in->p, rest.p, rest.n);
    in->n = rest.n;
    return true;
}

static bool receive(int fd, control_line_fn *fn, void *arg, struct err *e)
{
    struct buf in;
    bool ok = true;
    bool more = true;
    buf_init(&in, LINE_MAX_BYTES);
    while (ok && more) {
        char piece[4096];
        const ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            ok = err_sys(e, "cannot read the daemon's answer");
        more = n > 0;
        if (n > 0) {
            buf_put(&in, piece, (size_t)n);
            ok = buf_ok(&in, "the daemon's answer", e) && take_lines(&in, fn, arg, e);
        }
    }
    buf_fini(&in);
    return ok;
}

bool control_request(int fd, json_t *request, enum control_pass pass, control_line_fn *fn,
                     void *arg, struct err *e)
{
    struct buf text;
    buf_init(&text, REQUEST_MAX);
    doc_print(&text, request);
    json_decref(request);
    buf_char(&text, '\n');
    const bool ok =
        buf_ok(&text, "the request", e) && send_all(fd, &text, pass, e) && receive(fd, fn, arg, e);
    buf_fini(&text);
    close(fd);
    return ok;
}
