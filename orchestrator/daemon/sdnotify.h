// systemd's notification protocol (sd_notify(3)): datagrams to $NOTIFY_SOCKET; nothing when that is not set. One thread.
#ifndef ORCHESTRATOR_DAEMON_SDNOTIFY_H
#define ORCHESTRATOR_DAEMON_SDNOTIFY_H

#include <stdint.h>

// "READY=1", "STOPPING=1\nSTATUS=…". What cannot be sent is dropped: the service manager has its own timeouts.
void sdnotify_send(const char *text);
// Half of WatchdogSec when it is meant for this process; 0 = no watchdog.
int64_t sdnotify_watchdog_ms(void);

#endif
