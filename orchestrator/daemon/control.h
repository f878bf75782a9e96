// The daemon's local socket, <state>/_daemon/control.sock (0600; the peer must be the same user or root): requests of the command
// line, one JSON object, answered with JSON lines until the connection is closed. A request may carry the client's standard
// output and error, so that a command that the daemon runs for it prints there itself.
//
// Server: control_open … control_close, within the daemon's loop. Client: control_connect, control_request. One thread.
#ifndef ORCHESTRATOR_DAEMON_CONTROL_H
#define ORCHESTRATOR_DAEMON_CONTROL_H

#include "base/err.h"

#include <jansson.h>

struct loop;
struct control_server;
struct control_client;

enum { CONTROL_FDS = 2 };

// fds: the client's standard output and error, or -1; the client's until it is answered.
typedef void control_fn(void *arg, struct control_client *c, const json_t *request,
                        const int fds[CONTROL_FDS]);
// gone: the client went away before it was answered.
typedef void control_gone_fn(void *arg, struct control_client *c);

struct control_spec {
    struct loop *loop;
    const char *state;
    control_fn *request;
    control_gone_fn *gone;
    void *arg;
};
bool control_open(struct control_server **out, const struct control_spec *spec,
                  struct err *e) ERR_CHECKED;
void control_close(struct control_server *s); // NULL is fine
enum control_more { CONTROL_MORE, CONTROL_LAST };
void control_reply(struct control_client *c, json_t *j, enum control_more more); // frees j

// The client's side. *fd = -1 and true: no daemon runs on this state directory.
bool control_connect(int *fd, const char *state, struct err *e) ERR_CHECKED;
// Sends the request (freed), then calls fn for every line of the answer. Closes fd. CONTROL_PASS gives our output away.
enum control_pass { CONTROL_KEEP, CONTROL_PASS };
typedef void control_line_fn(void *arg, const json_t *line);
bool control_request(int fd, json_t *request, enum control_pass pass, control_line_fn *fn,
                     void *arg, struct err *e) ERR_CHECKED;

#endif
