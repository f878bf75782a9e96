#include "orchestrator/admin/http.h"

#include "base/buf.h"
#include "base/vec.h"
#include "orchestrator/daemon/loop.h"

#include <arpa/inet.h>
#include <assert.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>

enum { IDLE_SECONDS = 30, CONNECTION_BYTES = 128 * 1024 };

struct http_request {
    struct http *http;
    struct MHD_Connection *connection;
    char *method, *path;
    struct buf body;
    bool asked, suspended;
    struct MHD_Response *response; // NULL until it is answered
    unsigned status;
};

struct http {
    struct http_spec spec;
    struct MHD_Daemon *daemon;
    int epoll;
    uint16_t port;
    VEC(struct http_request *) waiting;
};

// What a page from elsewhere must not do is kept from it twice: it cannot load ours into a frame, and ours loads nothing from elsewhere.
static const struct {
    const char *name, *value;
} headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

const char *http_method(const struct http_request *r)
{
    return r->method;
}

const char *http_path(const struct http_request *r)
{
    return r->path;
}

const char *http_query(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_header(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

struct str http_body(const struct http_request *r)
{
    return buf_view(&r->body);
}

static void forget_waiting(struct http_request *r)
{
    struct http *s = r->http;
    for (size_t i = 0; i < s->waiting.n; i++) {
        if (s->waiting.v[i] != r)
            continue;
        s->waiting.v[i] = s->waiting.v[--s->waiting.n];
        return;
    }
}

void http_reply(struct http_request *r, unsigned status, const char *type, struct str body)
{
    assert(!r->response);
    union {
        const void *given;
        void *p;
    } bytes = {.given = body.n ? body.p : ""};
    r->response = MHD_create_response_from_buffer(body.n, bytes.p, MHD_RESPMEM_MUST_COPY);
    assert(r->response);
    r->status = status;
    MHD_add_response_header(r->response, "Content-Type", type);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        MHD_add_response_header(r->response, headers[i].name, headers[i].value);
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(r->response, "WWW-Authenticate", "Bearer");
    if (!r->suspended)
        return;
    r->suspended = false;
    forget_waiting(r);
    MHD_resume_connection(r->connection);
}

// "127.0.0.1:8088", "localhost", "[::1]:80": anything else came through a foreign name.
static bool is_loopback_host(const char *host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; host && i < sizeof names / sizeof names[0]; i++) {
        const size_t n = strlen(names[i]);
        if (strncmp(host, names[i], n) == 0 && (host[n] == '\0' || host[n] == ':'))
            return true;
    }
    return false;
}

static enum MHD_Result request_ask(struct http_request *r)
{
    r->asked = true;
    if (r->body.failed)
        http_reply(r, MHD_HTTP_CONTENT_TOO_LARGE, "text/plain", STR("the body is too large\n"));
    else if (!is_loopback_host(http_header(r, "Host")))
        http_reply(r, MHD_HTTP_FORBIDDEN, "text/plain", STR("ask for a loopback host\n"));
    else
        r->http->spec.fn(r->http->spec.arg, r);
    if (r->response)
        return MHD_queue_response(r->connection, r->status, r->response);
    r->suspended = true;
    vec_push(&r->http->waiting, r);
    MHD_suspend_connection(r->connection);
    return MHD_YES;
}

// NOLINTNEXTLINE(readability-function-size): MHD_AccessHandlerCallback
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    struct http *s = arg;
    struct http_request *r = *state;
    (void)version;
    if (!r) {
        r = mem_zalloc(sizeof *r);
        *r = (struct http_request){.http = s,
                                   .connection = connection,
                                   .method = mem_strdup(method),
                                   .path = mem_strdup(url)};
        buf_init(&r->body, HTTP_BODY_MAX);
        *state = r;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        buf_put(&r->body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (!r->asked)
        return request_ask(r);
    return r->response ? MHD_queue_response(connection, r->status, r->response) : MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct http_request *r = *state;
    (void)arg;
    (void)connection;
    (void)how;
    if (!r)
        return;
    assert(!r->suspended);
    if (r->response)
        MHD_destroy_response(r->response);
    buf_fini(&r->body);
    mem_free(r->method);
    mem_free(r->path);
    mem_free(r);
}

static void on_events(void *arg, int fd)
{
    (void)fd;
    http_run(arg);
}

void http_run(struct http *s)
{
    MHD_run(s->daemon);
}

static bool http_start(struct http *s)
{
    const bool six = strcmp(s->spec.host, "[::1]") == 0;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(s->spec.port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 address6 = {.sin6_family = AF_INET6,
                                    .sin6_port = htons(s->spec.port),
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    void *at = six ? (void *)&address6 : (void *)&address;
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (six ? MHD_USE_IPv6 : 0U), s->spec.port, NULL,
        NULL, on_request, s, MHD_OPTION_SOCK_ADDR, at, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
    return s->daemon != NULL;
}

bool http_open(struct http **out, const struct http_spec *spec, struct err *e)
{
    struct http *s = mem_zalloc(sizeof *s);
    s->spec = *spec;
    if (!http_start(s)) {
        err_fail(e, ERR_IO, "cannot listen on %s:%u", spec->host, (unsigned)spec->port);
        mem_free(s);
        return err_hint(e, "another program may use the port; admin: { listen: } chooses another");
    }
    s->port = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    s->epoll = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (!loop_add(spec->loop, s->epoll, LOOP_READ, on_events, s, e)) {
        MHD_stop_daemon(s->daemon);
        mem_free(s);
        return false;
    }
    *out = s;
    return true;
}

void http_close(struct http *s)
{
    if (!s)
        return;
    while (s->waiting.n > 0)
        http_reply(s->waiting.v[0], MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain",
                   STR("the daemon stops\n"));
    http_run(s);
    loop_remove(s->spec.loop, s->epoll);
    MHD_stop_daemon(s->daemon);
    vec_fini(&s->waiting);
    mem_free(s);
}

uint16_t http_port(const struct http *s)
{
    return s->port;
}

int64_t http_wait_ms(struct http *s, int64_t wait)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    return MHD_get_timeout(s->daemon, &ms) == MHD_YES && (int64_t)ms < wait ? (int64_t)ms : wait;
}
