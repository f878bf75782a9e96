// Values of options, and what is said when they are wrong; declared in orchestrator/cli/cli.h.
#include "orchestrator/cli/cli.h"

#include <stdio.h>

bool cli_usage(const struct cli *c, struct err *e, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    err_fail(e, ERR_USAGE, "%s", text);
    return err_hint(e, "sluice %s --help", c->cmd->name);
}

bool cli_opt_u64(uint64_t *out, const struct cli *c, const char *name, uint64_t otherwise,
                 struct err *e)
{
    const char *v = cli_opt(c, name);
    *out = otherwise;
    return !v || str_to_u64(out, str_from(v)) || cli_usage(c, e, "--%s %s: not a number", name, v);
}

bool cli_opt_batches(uint64_t *from, uint64_t *to, const struct cli *c, struct err *e)
{
    const char *v = cli_opt(c, "batch");
    uint64_t first, last;
    size_t at;
    if (!v)
        return true;
    struct str text = str_from(v), head = text, tail = text;
    if (str_find(&at, text, STR(".."))) {
        head = str_slice(text, 0, at);
        tail = str_slice(text, at + 2, text.n);
    }
    if (!str_to_u64(&first, head) || !str_to_u64(&last, tail) || first == 0 || first > last ||
        last > INT64_MAX)
        return cli_usage(c, e, "--batch %s: not N or N..M", v);
    *from = first;
    *to = last;
    return true;
}

const struct str *cli_opt_names(size_t *n, const struct cli *c, const char *name)
{
    const char *v = cli_opt(c, name);
    struct str rest = v ? str_from(v) : STR("");
    size_t most = 1;
    for (size_t i = 0; i < rest.n; i++)
        most += rest.p[i] == ',';
    struct str *out = ARENA_ZARRAY(c->a, struct str, most);
    *n = 0;
    while (rest.n > 0) {
        struct str head = rest, tail = STR("");
        (void)str_split_once(&head, &tail, rest, ',');
        out[(*n)++] = str_trim(head);
        rest = tail;
    }
    return out;
}
