#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"
#include "sql/exec/fn.h"

enum { CONFIG_TEXT_MAX = 16 << 20 };

static bool config_show(struct cli *c, struct err *e)
{
    struct app app;
    struct buf out;
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, CONFIG_TEXT_MAX);
    conf_show(&out, app.spec->reader, cli_opt(c, "origin") ? CONF_SHOW_ORIGINS : CONF_SHOW_VALUES);
    bool ok = cli_print(&out, e);
    buf_fini(&out);
    app_close(&app);
    return ok;
}

// The pages that the program prints about itself; `make docs` writes them, lint compares them.
static bool docs_print(struct cli *c, struct err *e)
{
    static const struct {
        const char *name;
        void (*print)(struct buf *out);
    } pages[] = {
        {"cli", cli_print_docs}, {"configuration", spec_print_docs}, {"functions", fn_print_docs}};
    struct buf out;
    bool known = false;
    buf_init(&out, CONFIG_TEXT_MAX);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (str_eq(str_from(c->args[0]), str_from(pages[i].name))) {
            known = true;
            pages[i].print(&out);
        }
    }
    bool ok = known ? cli_print(&out, e)
                    : cli_usage(c, e, "no page %s: cli, configuration, functions", c->args[0]);
    buf_fini(&out);
    return ok;
}

static const struct cli_opt config_opts[] = {
    {"origin", NULL, "say where each value comes from"},
    {NULL, NULL, NULL},
};
static const struct cli_opt none[] = {{NULL, NULL, NULL}};

const struct cmd cmd_config_show = {
    .name = "config show",
    .args = "",
    .summary =
        "The configuration as the program understands it, defaults included; secrets are ***.",
    .opts = config_opts,
    .run = config_show,
    .examples = "  sluice config show\n  sluice -c prod.yaml config show --origin\n",
};

const struct cmd cmd_docs = {
    .name = "docs",
    .args = "PAGE",
    .args_min = 1,
    .args_max = 1,
    .summary = "Print a reference page (Markdown): cli, configuration or functions.",
    .opts = none,
    .run = docs_print,
    .examples = "  sluice docs configuration\n  sluice docs functions\n",
};
