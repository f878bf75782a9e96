#include "orchestrator/cli/cli.h"
#include "orchestrator/cli/commands.h"
#include "orchestrator/sqltest/sqltest.h"

enum { TEST_FAILED = 1 };

static bool test_run(struct cli *c, struct err *e)
{
    struct sqltest_spec spec = {.files = c->args, .count = c->arg_count};
    struct verdict_totals totals;
    const char *filter = cli_opt(c, "filter");
    spec.filter = str_from(filter ? filter : "");
    spec.form = cli_json(c) ? VERDICT_JSON : VERDICT_TEXT;
    if (!cli_opt_u64(&spec.window, c, "window", 1, e))
        return false;
    if (spec.window == 0)
        return cli_usage(c, e, "--window: at least 1 record");
    if (!sqltest_run(&totals, &spec, e))
        return false;
    if (totals.failed == 0)
        return true;
    return err_fail(e, ERR_DATA, "%llu of %llu cases failed", (unsigned long long)totals.failed,
                    (unsigned long long)(totals.failed + totals.passed));
}

static const struct cli_opt opts[] = {
    {"filter", "TEXT", "only cases whose name holds TEXT"},
    {"json", NULL, "one JSON object a line: a case each, then the totals"},
    {"window", "N", "records that queries get at once (default 1); results never depend on it"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_test = {
    .name = "test",
    .args = "FILE…",
    .args_min = 1,
    .args_max = SIZE_MAX,
    .summary =
        "Offline tests of SQL in ksqlDB's test format (*.json, *.sql; folders too); \"file\" "
        "in --json is the file's name without folders.",
    .opts = opts,
    .run = test_run,
    .examples = "  sluice test tests/orders.json\n  sluice test tests --filter \"left join\" "
                "--json\n",
};
