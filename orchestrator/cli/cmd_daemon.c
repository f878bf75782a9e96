#include "orchestrator/daemon/daemon.h"

#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"
#include "orchestrator/cli/remote.h"

static bool daemon_cmd(struct cli *c, struct err *e)
{
    return daemon_run(c->config, e);
}

static bool daemon_reload(struct cli *c, struct err *e)
{
    struct app app;
    struct buf out;
    if (!app_open(&app, c, e)) // what the daemon would refuse, too
        return false;
    buf_init(&out, 8192);
    enum remote r = remote_reload(&out, &app, e);
    if (r == REMOTE_NONE) {
        err_fail(e, ERR_CONFIG, "no daemon runs on the state directory %s", app.spec->state.p);
        err_hint(e, "sluice daemon starts one");
    }
    bool ok = r == REMOTE_DONE && cli_print(&out, e);
    buf_fini(&out);
    app_close(&app);
    return ok;
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

const struct cmd cmd_daemon_reload = {
    .name = "daemon reload",
    .args = "",
    .summary =
        "Let the daemon read configuration and SQL files again, as SIGHUP does, and wait for "
        "its answer: what is wrong leaves the old ones in force.",
    .opts = none,
    .run = daemon_reload,
    .examples = "  sluice daemon reload\n  sluice -c /etc/sluice/sluice.yaml daemon reload\n",
};
