// An HTTP server inside the daemon's loop (libmicrohttpd, no threads). A request may be answered at once or later: until then its
// connection sleeps. Hosts other than loopback names are refused, so that no web site can reach it through a name of its own.
//
// Order: http_open  (fn … http_reply)*  http_close. One thread.
#ifndef ORCHESTRATOR_ADMIN_HTTP_H
#define ORCHESTRATOR_ADMIN_HTTP_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct loop;
struct http;
struct http_request;

enum { HTTP_BODY_MAX = 64 * 1024, HTTP_CONNECTIONS_MAX = 64 };

typedef void http_fn(void *arg, struct http_request *r);
struct http_spec {
    struct loop *loop;
    const char *host; // 127.0.0.1, localhost, [::1]
    uint16_t port;    // 0 = any free one
    http_fn *fn;
    void *arg;
};
bool http_open(struct http **out, const struct http_spec *spec, struct err *e) ERR_CHECKED;
void http_close(struct http *s); // unanswered requests get 503; NULL is fine
uint16_t http_port(const struct http *s);
int64_t http_wait_ms(struct http *s, int64_t wait); // at most wait
void http_run(struct http *s);                      // when that time is over

// Of a request; views live until the answer.
const char *http_method(const struct http_request *r);
const char *http_path(const struct http_request *r);                    // decoded
const char *http_query(const struct http_request *r, const char *name); // NULL = not given
const char *http_header(const struct http_request *r, const char *name);
struct str http_body(const struct http_request *r);
// Copies the body.
void http_reply(struct http_request *r, unsigned status, const char *type, struct str body);

#endif
