// The command line: a table of commands, one cmd_<verb>.c each (HOUSE: CLI). Parsing, help and exit codes live here.
//
//   sluice [-c FILE] <noun> <verb> [ARG…] [--option[=VALUE]]…
// stdout carries results, stderr messages. Exit: 0 done, 1 run failed, 2 usage, 3 config or SQL, 4 remote, worth retrying.
#ifndef ORCHESTRATOR_CLI_CLI_H
#define ORCHESTRATOR_CLI_CLI_H

#include "base/arena.h"
#include "base/buf.h"

struct app_spec;

enum { CLI_OPTS_MAX = 32, CLI_EXIT_USAGE = 2 };

struct cli_opt {
    const char *name;  // "count": --count
    const char *value; // "N"; NULL = a flag
    const char *help;
};

struct cli {
    struct arena *a;
    const struct cmd *cmd;
    const char *config;          // -c FILE
    bool owner;                  // the daemon runs this command: the state is ours
    const struct app_spec *spec; // of the owner: loaded already; else NULL
    char **argv;                 // the command line from the command's words on
    int argc;
    int exit_code;     // of a command that succeeded here but was done elsewhere
    const char **args; // after the command's words
    size_t arg_count;
    const char *opt_names[CLI_OPTS_MAX];
    const char *opt_values[CLI_OPTS_MAX];
    size_t opt_count;
};

struct cmd {
    const char *name; // "job run"
    const char *args; // "NAME", "[OUTPUT]", "" = none
    size_t args_min, args_max;
    // The command writes the state of the job that is its first argument: a daemon that owns it runs the command.
    bool by_owner;
    // That argument may be an output of the lake too, or be missing: the jobs are app_lake_jobs().
    bool of_lake;
    const char *summary;        // one sentence
    const struct cli_opt *opts; // ended by a NULL name
    bool (*run)(struct cli *c, struct err *e);
    const char *examples; // two lines
};

extern const struct cmd *const cli_commands[]; // NULL-terminated, in help order

int cli_main(int argc, char **argv);
// The same inside the daemon, which owns the state directory, with its configuration: nothing is asked of a daemon again.
int cli_main_owner(int argc, char **argv, const struct app_spec *spec);
const char *cli_opt(const struct cli *c,
                    const char *name); // value, "" for a flag, NULL when not given

// cli_value.c: what is wrong with the words given. Exit code 2, the hint names the command's help. Returns false.
bool cli_usage(const struct cli *c, struct err *e, const char *fmt, ...) ERR_PRINTF(3, 4);
bool cli_opt_u64(uint64_t *out, const struct cli *c, const char *name, uint64_t otherwise,
                 struct err *e) ERR_CHECKED;
// --batch N..M or N, from 1 on; both are left alone when it is not given.
bool cli_opt_batches(uint64_t *from, uint64_t *to, const struct cli *c, struct err *e) ERR_CHECKED;
// "A,B"; *n = 0 when it is not given.
const struct str *cli_opt_names(size_t *n, const struct cli *c, const char *name);
bool cli_json(const struct cli *c);
// All of out to stdout.
bool cli_print(const struct buf *out, struct err *e) ERR_CHECKED;
// The program's own help for every command: what docs/cli.md holds.
void cli_print_docs(struct buf *out);
// Aligned columns: rows of cells, the first row the headings. Numbers are the caller's to format.
struct cli_table {
    struct arena *a;
    const char *const *heads;
    size_t columns;
    const char **cells;
    size_t rows, cap;
};
void cli_table_init(struct cli_table *out, struct arena *a, const char *const *heads,
                    size_t columns);
void cli_table_row(struct cli_table *t, const char *const *cells);
void cli_table_print(struct buf *out, const struct cli_table *t);
const char *cli_size(struct arena *a, uint64_t bytes); // 12.3 MB
const char *cli_count(struct arena *a, uint64_t n);    // 1,234,567
const char *cli_ago(struct arena *a, int64_t ms);      // "3m ago"; before: "in 3m"
const char *cli_time(struct arena *a, int64_t ms);     // 2025-10-28 08:00:00 UTC

#endif
