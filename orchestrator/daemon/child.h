// Work in processes of its own: everything that can fail, block, grow or crash (runs, compiling, queries, alerts) is a fork of the
// daemon, which stays a single small thread. A child shares nothing afterwards: it sees the configuration as it was when it
// began, writes its answer into a pipe, and dies with the daemon (SIGKILL: a crash like any other).
//
// Order: children_new  (child_start … data* done)*  children_free, which kills what is left. One thread.
#ifndef ORCHESTRATOR_DAEMON_CHILD_H
#define ORCHESTRATOR_DAEMON_CHILD_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

struct loop;
struct children;
struct child;

struct child_spec {
    int (*main)(void *arg, int out); // in the child; its result is the exit code
    void *arg;
    const int *keep; // descriptors that the child needs, besides 0 to 2 and out
    size_t keep_count;
    // In the daemon. data: what came out of the pipe, in pieces. done: the child is gone and nothing follows.
    void (*data)(void *owner, struct str bytes);
    void (*done)(void *owner, int status); // as of waitpid(2)
    void *owner;
};

struct children *children_new(struct loop *loop);
void children_free(struct children *s);
// NULL: *e.
struct child *child_start(struct children *s, const struct child_spec *spec, struct err *e);
void child_signal(const struct child *c, int number);
pid_t child_pid(const struct child *c);
void children_signal(struct children *s, int number); // all
void children_reap(struct children *s);               // on SIGCHLD
size_t children_count(const struct children *s);
// "exit code 3", "killed by signal 11 (Segmentation fault)".
void child_status_text(char *out, size_t size, int status);

#endif
