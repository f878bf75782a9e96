#include "sql/sql.h"
#include "sql/bind.h"
#include "sql/parser.h"
#include "sql/print.h"
#include "sql/sql_internal.h"

#include <assert.h>
#include <stdio.h>

// The text of one line of a script (1-based); empty when there is no such line.
static struct str line_text(struct str text, unsigned line)
{
    struct str head = STR_NONE, tail = text;
    for (unsigned i = 0; i < line; i++) {
        text = tail;
        if (!str_split_once(&head, &tail, text, '\n')) {
            head = i + 1 == line ? text : STR_NONE;
            break;
        }
    }
    if (head.n && head.p[head.n - 1] == '\r')
        head.n--;
    return head;
}

void sql_fail_at(struct err *e, const char *file, int line, const struct sql_source *src,
                 const struct sql_pos *pos, const char *fmt, ...)
{
    char text[sizeof e->text];
    va_list args;
    assert(src && pos);
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)err_fail_at(e, file, line, ERR_SQL, "%s", text);
    for (size_t i = 0; i < src->count; i++) {
        if (src->scripts[i].file != pos->file)
            continue;
        const struct str excerpt = line_text(src->scripts[i].text, pos->line);
        (void)err_position(e, pos->file, pos->line, pos->column, excerpt.p, excerpt.n);
        return;
    }
    (void)err_position(e, pos->file, pos->line, pos->column, NULL, 0);
}

bool sql_plan_spec(const struct plan **out, struct arena *a, const struct sql_spec *spec,
                   struct err *e)
{
    struct ast_script script;
    return parser_run(&script, a, spec->scripts, spec->count, e) &&
           bind_run(out, a, spec, &script, e);
}

bool sql_plan(const struct plan **out, struct arena *a, const struct sql_script *scripts,
              size_t count, struct err *e)
{
    const struct sql_spec spec = {.scripts = scripts, .count = count, .use = SQL_JOB};
    return sql_plan_spec(out, a, &spec, e);
}

bool sql_columns(const struct schema **out, struct arena *a, struct str text, struct err *e)
{
    const struct sql_script script = {"columns", text};
    struct ast_statement columns;
    return parser_columns(&columns, a, &script, e) && bind_columns(out, a, &script, &columns, e);
}

void sql_print_expr(struct buf *out, const struct expr *x, const struct schema *input)
{
    print_expr(out, x, input);
}
