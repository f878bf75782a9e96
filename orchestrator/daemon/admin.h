// Shared inside orchestrator/daemon: the admin server's routes. /healthz and the page's files are open, everything else wants the
// token. What is in memory is answered at once, what must be read (history, lake, dead letters) by a child that runs the
// command of the same name. NULL is a daemon without `admin:`.
#ifndef ORCHESTRATOR_DAEMON_ADMIN_H
#define ORCHESTRATOR_DAEMON_ADMIN_H

#include "base/buf.h"

#include <stdint.h>

struct admin;
struct daemon;
struct http_request;

bool admin_open(struct admin **out, struct daemon *d,
                struct err *e) ERR_CHECKED; // *out NULL: none is configured
void admin_close(struct admin *s);
int64_t admin_wait_ms(struct admin *s, int64_t wait);
void admin_run(struct admin *s);

// admin_query.c: runs a command line in a child and answers with what it printed.
enum query_form {
    QUERY_JSON,
    QUERY_VALUES,
    QUERY_LINES
}; // one document; several, as an array; lines of text, as an array
void admin_query(struct daemon *d, struct http_request *r, const char *const *words,
                 enum query_form form);

// metrics.c: Prometheus' text format.
void metrics_print(struct buf *out, const struct daemon *d);

#endif
