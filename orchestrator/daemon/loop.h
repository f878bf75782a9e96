// The daemon's event loop: file descriptors with a callback each, over epoll(7), and the signals of the process as events.
//
// One thread. A callback may add and remove descriptors, its own too. loop_new() blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD in
// the process; a child calls loop_unblock_signals().
#ifndef ORCHESTRATOR_DAEMON_LOOP_H
#define ORCHESTRATOR_DAEMON_LOOP_H

#include "base/err.h"

#include <stdint.h>

struct loop;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_fn(void *arg, int fd);
typedef void loop_signal_fn(void *arg, int number);

bool loop_new(struct loop **out, loop_signal_fn *on_signal, void *arg, struct err *e) ERR_CHECKED;
void loop_free(struct loop *s);
bool loop_add(struct loop *s, int fd, unsigned events, loop_fn *fn, void *arg,
              struct err *e) ERR_CHECKED;
void loop_change(struct loop *s, int fd, unsigned events);
void loop_remove(struct loop *s, int fd); // the caller closes it
// Waits at most wait_ms (-1 = for ever), then calls back what is ready.
bool loop_once(struct loop *s, int64_t wait_ms, struct err *e) ERR_CHECKED;
void loop_unblock_signals(void);

#endif
