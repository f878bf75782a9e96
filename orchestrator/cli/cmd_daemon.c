#include "orchestrator/cli/commands.h"
#include "orchestrator/daemon/daemon.h"

static bool daemon_cmd(struct cli *c, struct err *e)
{
    return daemon_run(c->config, e);
}

static const struct cli_opt none[] = {{NULL, NULL, NULL}};

const struct cmd cmd_daemon = {
    .name = "daemon",
    .args = "",
    .summary =
        "Run the jobs by their schedules until SIGTERM; SIGHUP reads the configuration again.",
    .opts = none,
    .run = daemon_cmd,
    .examples = "  sluice daemon\n  sluice -c /etc/sluice/sluice.yaml daemon 2>>sluice.log\n",
};
