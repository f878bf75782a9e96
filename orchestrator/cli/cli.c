#include "orchestrator/cli/cli.h"

#include "orchestrator/cli/remote.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const char cli_about[] = "sluice: bounded jobs from Kafka through SQL into data lakes and "
                                "warehouses, exact after any crash\n";

const char *cli_opt(const struct cli *c, const char *name)
{
    for (size_t i = 0; i < c->opt_count; i++)
        if (strcmp(c->opt_names[i], name) == 0)
            return c->opt_values[i];
    return NULL;
}

bool cli_json(const struct cli *c)
{
    return cli_opt(c, "json") != NULL;
}

bool cli_print(const struct buf *out, struct err *e)
{
    if (!buf_ok(out, "the output", e))
        return false;
    if ((out->n && fwrite(out->p, 1, out->n, stdout) != out->n) || fflush(stdout) != 0)
        return err_sys(e, "cannot write to standard output");
    return true;
}

// --- help ------------------------------------------------------------------------------------------------------------

static void cli_usage_line(struct buf *out, const struct cmd *cmd)
{
    buf_printf(out, "usage: sluice %s%s%s%s\n", cmd->name, cmd->args[0] ? " " : "", cmd->args,
               " [options]");
}

static void cli_help_options(struct buf *out, const struct cmd *cmd)
{
    static const struct cli_opt always[] = {
        {"config", "FILE", "configuration (default ./sluice.yaml); also -c FILE"},
        {"help", NULL, "this text"},
        {NULL, NULL, NULL},
    };
    const struct cli_opt *lists[] = {cmd->opts, always};
    buf_text(out, "\noptions:\n");
    for (size_t l = 0; l < 2; l++) {
        for (const struct cli_opt *o = lists[l]; o && o->name; o++) {
            char left[64];
            snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "",
                     o->value ? o->value : "");
            buf_printf(out, "  %-22s %s\n", left, o->help);
        }
    }
}

static void cli_help(struct buf *out, const struct cmd *cmd)
{
    cli_usage_line(out, cmd);
    buf_printf(out, "%s\n", cmd->summary);
    cli_help_options(out, cmd);
    buf_printf(out, "\nexamples:\n%s", cmd->examples);
}

static void cli_overview(struct buf *out)
{
    buf_printf(out, "%s\nusage: sluice [-c FILE] COMMAND [ARG…] [options]\n\ncommands:\n",
               cli_about);
    for (const struct cmd *const *c = cli_commands; *c; c++)
        buf_printf(out, "  %-16s %s\n", (*c)->name, (*c)->summary);
    buf_text(out, "\nsluice COMMAND --help says more; sluice demo shows everything at once, "
                  "without any server.\n"
                  "exit codes: 0 done, 1 failed, 2 usage, 3 configuration or SQL, 4 remote, worth "
                  "retrying\n");
}

// The commands of one noun ("lake"); false when there is none.
static bool cli_noun(struct buf *out, const char *noun)
{
    bool found = false;
    for (const struct cmd *const *c = cli_commands; *c; c++) {
        struct str word, rest;
        if (!str_split_once(&word, &rest, str_from((*c)->name), ' ') ||
            !str_eq(word, str_from(noun)))
            continue;
        if (!found)
            buf_printf(out, "usage: sluice %s COMMAND [ARG…] [options]\n\ncommands:\n", noun);
        buf_printf(out, "  %-16s %s\n", (*c)->name, (*c)->summary);
        found = true;
    }
    return found;
}

void cli_print_docs(struct buf *out)
{
    buf_text(out, "# Commands\n\nPrinted from the program's own `--help`.\n");
    for (const struct cmd *const *c = cli_commands; *c; c++) {
        buf_printf(out, "\n## sluice %s\n\n```\n", (*c)->name);
        cli_help(out, *c);
        buf_text(out, "```\n");
    }
}

// --- parsing ---------------------------------------------------------------------------------------------------------

// Longest command whose words start the arguments; *words = how many.
static const struct cmd *cli_find(char *const *argv, int argc, int *words)
{
    const struct cmd *best = NULL;
    *words = 0;
    for (const struct cmd *const *c = cli_commands; *c; c++) {
        struct str rest = str_from((*c)->name), word, tail;
        int n = 0;
        bool match = true;
        while (match && rest.n) {
            if (!str_split_once(&word, &tail, rest, ' '))
                word = rest, tail = STR_NONE;
            match = n < argc && str_eq(word, str_from(argv[n]));
            rest = tail;
            n++;
        }
        if (match && n > *words) {
            best = *c;
            *words = n;
        }
    }
    return best;
}

static const char *cli_nearest_command(struct arena *a, char *const *argv, int argc)
{
    struct str typed = arena_printf(a, "%s%s%s", argc > 0 ? argv[0] : "", argc > 1 ? " " : "",
                                    argc > 1 ? argv[1] : "");
    const char *best = NULL;
    size_t least = 4;
    for (const struct cmd *const *c = cli_commands; *c; c++) {
        size_t d = str_distance(typed, str_from((*c)->name));
        if (d < least) {
            least = d;
            best = (*c)->name;
        }
    }
    return best;
}

static const struct cli_opt *cli_known(const struct cmd *cmd, struct str name)
{
    static const struct cli_opt config = {"config", "FILE", ""}, help = {"help", NULL, ""};
    if (str_eq(name, STR("config")))
        return &config;
    if (str_eq(name, STR("help")))
        return &help;
    for (const struct cli_opt *o = cmd->opts; o && o->name; o++)
        if (str_eq(str_from(o->name), name))
            return o;
    return NULL;
}

// One --name, --name VALUE or --name=VALUE; *at moves over what was used.
static bool cli_parse_option(struct cli *c, char *const *argv, int argc, int *at, struct err *e)
{
    struct str text = str_from(argv[*at] + 2), name = text, value = STR_NONE;
    bool joined = str_split_once(&name, &value, text, '=');
    if (!joined)
        name = text;
    const struct cli_opt *o = cli_known(c->cmd, name);
    if (!o)
        return cli_usage(c, e, "unknown option --%.*s", STR_ARG(name));
    if (!o->value && joined)
        return cli_usage(c, e, "--%s takes no value", o->name);
    const char *v = "";
    if (o->value && joined) {
        v = value.p;
    } else if (o->value) {
        if (++*at >= argc)
            return cli_usage(c, e, "--%s wants a value: --%s %s", o->name, o->name, o->value);
        v = argv[*at];
    }
    if (c->opt_count == CLI_OPTS_MAX)
        return cli_usage(c, e, "more than %d options", CLI_OPTS_MAX);
    c->opt_names[c->opt_count] = o->name;
    c->opt_values[c->opt_count++] = v;
    if (strcmp(o->name, "config") == 0)
        c->config = v;
    return true;
}

static bool cli_parse(struct cli *c, char *const *argv, int argc, struct err *e)
{
    bool options = true;
    c->args = ARENA_ARRAY(c->a, const char *, (size_t)argc + 1);
    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && strncmp(argv[i], "--", 2) == 0) {
            if (!cli_parse_option(c, argv, argc, &i, e))
                return false;
        } else if (options && strcmp(argv[i], "-c") == 0) {
            if (++i >= argc)
                return cli_usage(c, e, "-c wants a file");
            c->config = argv[i];
        } else if (options && strcmp(argv[i], "-h") == 0) {
            c->opt_names[c->opt_count] = "help";
            c->opt_values[c->opt_count++] = "";
        } else {
            c->args[c->arg_count++] = argv[i];
        }
    }
    if (cli_opt(c, "help"))
        return true;
    return (c->arg_count >= c->cmd->args_min && c->arg_count <= c->cmd->args_max) ||
           cli_usage(c, e, "sluice %s takes %s", c->cmd->name,
                     c->cmd->args[0] ? c->cmd->args : "no arguments");
}

static int cli_fail(const struct err *e, int code)
{
    char text[2048];
    err_format(e, text, sizeof text);
    fprintf(stderr, "sluice: %s\n", text);
    return code;
}

static int cli_execute(struct cli *c)
{
    struct err e;
    enum remote r = REMOTE_NONE;
    if (c->cmd->by_owner && !c->owner)
        r = c->cmd->of_lake ? remote_lake_command(&c->exit_code, c, &e)
                            : remote_command(&c->exit_code, c, c->args[0], &e);
    if (r == REMOTE_FAILED || (r == REMOTE_NONE && !c->cmd->run(c, &e)))
        return cli_fail(&e, err_exit_code(&e));
    return c->exit_code;
}

static int cli_run(struct cli *c, char *const *argv, int argc)
{
    struct err e;
    struct buf out;
    buf_init(&out, 1 << 20);
    if (!cli_parse(c, argv, argc, &e))
        return cli_fail(&e, err_exit_code(&e));
    int code = 0;
    if (cli_opt(c, "help")) {
        cli_help(&out, c->cmd);
        if (!cli_print(&out, &e))
            code = cli_fail(&e, 1);
    } else {
        code = cli_execute(c);
    }
    buf_fini(&out);
    return code;
}

// Global words before the command: -c FILE.
static int cli_leading(struct cli *c, int argc, char **argv)
{
    int i = 1;
    while (i + 1 < argc && (strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0)) {
        c->config = argv[i + 1];
        i += 2;
    }
    return i;
}

static bool cli_is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int cli_unknown(const struct cli *c, char *const *argv, int argc)
{
    struct err e;
    const char *near = cli_nearest_command(c->a, argv, argc);
    if (strcmp(argv[0], "-c") == 0 || strcmp(argv[0], "--config") == 0) {
        err_fail(&e, ERR_USAGE, "%s wants a file", argv[0]);
        return cli_fail(&e, CLI_EXIT_USAGE);
    }
    err_fail(&e, ERR_USAGE, "unknown command: %s%s%s", argv[0], argc > 1 ? " " : "",
             argc > 1 ? argv[1] : "");
    err_hint(&e, "%s%s%ssluice help lists the commands", near ? "did you mean \"" : "",
             near ? near : "", near ? "\"? " : "");
    return cli_fail(&e, CLI_EXIT_USAGE);
}

// help COMMAND… is COMMAND… --help.
static bool cli_help_about(struct buf *out, char *const *argv, int argc)
{
    int words;
    const struct cmd *cmd = cli_find(argv, argc, &words);
    if (cmd)
        cli_help(out, cmd);
    return cmd != NULL || (argc == 1 && cli_noun(out, argv[0]));
}

// What is no command: help, the version, a noun alone, or a mistake.
static int cli_other(const struct cli *c, char *const *argv, int argc)
{
    const char *word = argc > 0 ? argv[0] : "help";
    struct err e;
    struct buf out;
    int code = 0;
    buf_init(&out, 1 << 20);
    if (cli_is_help(word) && argc > 1) {
        if (!cli_help_about(&out, argv + 1, argc - 1))
            code = cli_unknown(c, argv + 1, argc - 1);
    } else if (cli_is_help(word)) {
        cli_overview(&out);
        code = argc > 0 ? 0 : CLI_EXIT_USAGE;
    } else if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
        buf_printf(&out, "sluice %s\n", SLUICE_VERSION);
    } else if ((argc == 1 || cli_is_help(argv[1])) && cli_noun(&out, word)) {
        code = argc > 1 ? 0 : CLI_EXIT_USAGE;
    } else {
        code = cli_unknown(c, argv, argc);
    }
    if (!cli_print(&out, &e))
        code = cli_fail(&e, 1);
    buf_fini(&out);
    return code;
}

static int cli_start(struct cli *c, int argc, char **argv)
{
    int words;
    const int first = cli_leading(c, argc, argv);
    c->argc = argc - first;
    c->argv = argv + first;
    c->cmd = cli_find(c->argv, c->argc, &words);
    const int code =
        c->cmd ? cli_run(c, c->argv + words, c->argc - words) : cli_other(c, c->argv, c->argc);
    arena_free(c->a);
    return code;
}

int cli_main(int argc, char **argv)
{
    struct cli c = {.a = arena_new(NULL), .config = "sluice.yaml"};
    return cli_start(&c, argc, argv);
}

int cli_main_owner(int argc, char **argv, const struct app_spec *spec)
{
    struct cli c = {.a = arena_new(NULL), .config = "sluice.yaml", .owner = true, .spec = spec};
    return cli_start(&c, argc, argv);
}
