#include "orchestrator/cli/commands.h"
#include "sql/exec/agg.h"
#include "sql/exec/fn.h"
#include "sql/exec/udtf.h"

#define TEXT_MAX ((size_t)4 << 20)

// The first sentence of a help text.
static int first_sentence(const char *help)
{
    const char *end = strstr(help, ". ");
    return (int)(end ? (size_t)(end - help) + 1 : strlen(help));
}

static void print_line(struct buf *out, const char *name, const char *help)
{
    buf_printf(out, "%-24s%.*s\n", name, first_sentence(help), help);
}

static void print_all(struct buf *out)
{
    const struct fn **all = MEM_ARRAY(const struct fn *, fn_count());
    fn_sorted(all);
    for (size_t i = 0; i < fn_count(); i++)
        print_line(out, all[i]->name, all[i]->help);
    mem_free(all);
    buf_text(out, "\naggregates\n\n");
    for (size_t i = 0; i < agg_count(); i++)
        print_line(out, agg_at(i)->name, agg_at(i)->help);
}

static void print_entry(struct buf *out, const char *signatures, const char *help)
{
    buf_printf(out, "%s\n\n%s\n", signatures, help);
}

static bool print_named(struct buf *out, struct str name, struct err *e)
{
    const struct fn *f = fn_find(name);
    const struct agg *agg = agg_find(name);
    const struct udtf *udtf = udtf_find(name);
    if (udtf)
        print_entry(out, udtf->rows, udtf->fn.help);
    else if (agg)
        print_entry(out, agg->signatures, agg->help);
    else if (f) {
        print_entry(out, f->signatures, f->help);
        buf_printf(out, "\n%s = %s\n", f->example, f->gives);
    }
    if (out->n)
        return true;
    const char *near = fn_nearest(name);
    (void)err_fail(e, ERR_CONFIG, "no function is called %.*s", STR_ARG(name));
    if (near)
        (void)err_hint(e, "did you mean %s?", near);
    return false;
}

static bool sql_functions(struct cli *c, struct err *e)
{
    struct buf out;
    bool ok = true;
    buf_init(&out, TEXT_MAX);
    if (c->arg_count)
        ok = print_named(&out, str_from(c->args[0]), e);
    else
        print_all(&out);
    ok = ok && cli_print(&out, e);
    buf_fini(&out);
    return ok;
}

static const struct cli_opt none[] = {{NULL, NULL, NULL}};

const struct cmd cmd_sql_functions = {
    .name = "sql functions",
    .args = "[NAME]",
    .args_max = 1,
    .summary = "The functions that SQL has, or all about one of them.",
    .opts = none,
    .run = sql_functions,
    .examples = "  sluice sql functions\n  sluice sql functions substring\n",
};
