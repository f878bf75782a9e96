// `sluice daemon`: one thread that schedules, and a process for everything else (orchestrator/daemon/child.h). It holds the
// state directory's lock, answers the control socket and the admin server, and stops on SIGTERM.
#ifndef ORCHESTRATOR_DAEMON_DAEMON_H
#define ORCHESTRATOR_DAEMON_DAEMON_H

#include "base/err.h"

// config: path of sluice.yaml. Returns when it was told to stop. False: it could not start, or its event loop failed; all errors of the configuration but
// the last are on stderr then.
bool daemon_run(const char *config, struct err *e) ERR_CHECKED;

#endif
