// Rows that warehouses refused, for `dlq`: what their tables sluice_rejects keep of a job.
#ifndef ORCHESTRATOR_CLI_DLQ_REJECTS_H
#define ORCHESTRATOR_CLI_DLQ_REJECTS_H

#include "jobs/run/rejected.h"
#include "orchestrator/cli/app.h"

#include <jansson.h>

// Lines for `dlq ls`: job, batch, rows, size, place. Also when it fails: of the warehouses that did answer.
bool dlq_rejects_ls(struct cli_table *t, json_t *list, struct app *app, const struct job_spec *j,
                    struct err *e) ERR_CHECKED;
// JSON lines for `dlq show`, at most *limit of them; batch 0 = all. *limit is counted down.
bool dlq_rejects_show(struct buf *out, struct app *app, const struct job_spec *j, uint64_t batch,
                      uint64_t *limit, struct err *e) ERR_CHECKED;
// `dlq replay --rejects`: writes them again and prints what became of them.
bool dlq_rejects_replay(const struct cli *c, struct app *app, const struct job *job,
                        const struct run_env *env, struct rejected_spec how,
                        struct err *e) ERR_CHECKED;

#endif
