#include "orchestrator/cli/app.h"

#include <signal.h>
#include <unistd.h>

enum { SIGNALS_EXIT = 130 };

static atomic_bool
    signals_cancel; // in tests/lint/globals.allow: a signal handler reaches nothing else

static void signals_handle(int number)
{
    (void)number;
    if (atomic_exchange(&signals_cancel, true))
        _exit(SIGNALS_EXIT);
}

const atomic_bool *app_signals(void)
{
    struct sigaction action = {.sa_handler = signals_handle};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    return &signals_cancel;
}
