// Every command of the program; the table that lists them is commands.c.
#ifndef ORCHESTRATOR_CLI_COMMANDS_H
#define ORCHESTRATOR_CLI_COMMANDS_H

#include "orchestrator/cli/cli.h"

extern const struct cmd cmd_demo, cmd_demo_generate;
extern const struct cmd cmd_daemon, cmd_daemon_reload, cmd_job_pause, cmd_job_resume;
extern const struct cmd cmd_job_run, cmd_job_list, cmd_job_show, cmd_job_check, cmd_job_explain,
    cmd_job_reset, cmd_job_backfill, cmd_job_recover;
extern const struct cmd cmd_job_resync, cmd_job_deliver;
extern const struct cmd cmd_audit, cmd_job_try;
extern const struct cmd cmd_state_backup, cmd_state_restore, cmd_state_compact;
extern const struct cmd cmd_run_list, cmd_run_show;
extern const struct cmd cmd_lake_ls, cmd_lake_cat, cmd_lake_stat, cmd_lake_verify, cmd_lake_expire,
    cmd_lake_export, cmd_lake_restore, cmd_lake_compact;
extern const struct cmd cmd_dlq_ls, cmd_dlq_show, cmd_dlq_replay;
extern const struct cmd cmd_config_show;
extern const struct cmd cmd_docs;
extern const struct cmd cmd_test;
extern const struct cmd cmd_sql_functions;

#endif
