// A compiled job as people and the web page see it: topics, streams and tables, what flows where, outputs with their guarantees.
#ifndef ORCHESTRATOR_DAEMON_ABOUT_H
#define ORCHESTRATOR_DAEMON_ABOUT_H

#include <jansson.h>

struct job;

json_t *about_job(const struct job *job);

#endif
