// Arbitrary bytes through the whole front end: they give a plan or an ERR_SQL with a place, never anything else, and what
// parses prints to text that parses to the same text.
#include "sql/parser.h"
#include "sql/print.h"

#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool parse(struct ast_script *out, struct arena *a, struct str text, struct err *e)
{
    const struct sql_script script = {"fuzz.sql", text};
    err_clear(e);
    return parser_run(out, a, &script, 1, e);
}

static void print(struct buf *out, const struct ast_script *script)
{
    buf_init(out, (size_t)64 << 20);
    for (size_t i = 0; i < script->n; i++) {
        print_statement(out, script->v[i]);
        buf_text(out, ";\n");
    }
}

static void round_trip(struct arena *a, const struct ast_script *script)
{
    struct buf once, twice;
    struct ast_script again;
    struct err e;
    print(&once, script);
    if (!parse(&again, a, buf_view(&once), &e)) {
        // parentheses that printing adds may pass the depth limit; nothing else may fail
        if (!strstr(e.text, "nested too deeply"))
            abort();
        buf_fini(&once);
        return;
    }
    print(&twice, &again);
    if (!str_eq(buf_view(&once), buf_view(&twice)))
        abort();
    buf_fini(&once);
    buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(NULL);
    struct str text = arena_str(a, (struct str){(const char *)data, size});
    const struct sql_script script = {"fuzz.sql", text};
    const struct plan *plan;
    struct ast_script tree;
    struct err e;
    struct buf printed;
    if (parse(&tree, a, text, &e))
        round_trip(a, &tree);
    err_clear(&e);
    for (int use = SQL_JOB; use <= SQL_TEST; use++) {
        const struct sql_spec spec = {.scripts = &script, .count = 1, .use = (enum sql_use)use};
        if (sql_plan_spec(&plan, a, &spec, &e)) {
            buf_init(&printed, (size_t)64 << 20);
            logical_print(&printed, plan);
            buf_fini(&printed);
        } else if (e.kind != ERR_SQL || e.line == 0 || e.text[0] == '\0') {
            abort();
        }
    }
    arena_free(a);
    return 0;
}
