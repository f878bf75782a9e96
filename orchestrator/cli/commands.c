#include "orchestrator/cli/commands.h"

// One command a line.
// clang-format off
const struct cmd *const cli_commands[] = {
    &cmd_demo,
    &cmd_demo_generate,
    &cmd_daemon,
    &cmd_job_run,
    &cmd_job_list,
    &cmd_job_show,
    &cmd_job_check,
    &cmd_job_explain,
    &cmd_job_pause,
    &cmd_job_resume,
    &cmd_job_reset,
    &cmd_job_backfill,
    &cmd_job_recover,
    &cmd_job_resync,
    &cmd_job_deliver,
    &cmd_audit,
    &cmd_state_backup,
    &cmd_state_restore,
    &cmd_state_compact,
    &cmd_run_list,
    &cmd_run_show,
    &cmd_lake_ls,
    &cmd_lake_cat,
    &cmd_lake_stat,
    &cmd_lake_verify,
    &cmd_dlq_ls,
    &cmd_dlq_show,
    &cmd_test,
    &cmd_sql_functions,
    &cmd_config_show,
    &cmd_docs,
    NULL,
};
// clang-format on
