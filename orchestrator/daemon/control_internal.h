// Where the control socket is: shared by its server and its client.
#ifndef ORCHESTRATOR_DAEMON_CONTROL_INTERNAL_H
#define ORCHESTRATOR_DAEMON_CONTROL_INTERNAL_H

#include <stdbool.h>
#include <sys/un.h>

// sun_path holds 107 bytes, a state directory may be deeper: the directory is opened and named through /proc. *dir is the caller's to
// close once the address was used; false leaves errno.
bool control_address(struct sockaddr_un *out, int *dir, const char *state);

#endif
