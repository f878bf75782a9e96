// From the syntax trees of all statements to the plan: see bind_internal.h for how it is split.
#ifndef SQL_BIND_H
#define SQL_BIND_H

#include "sql/ast_statement.h"
#include "sql/sql_internal.h"

bool bind_run(const struct plan **out, struct arena *a, const struct sql_spec *spec,
              const struct ast_script *script, struct err *e) ERR_CHECKED;
// A list of columns alone; PRIMARY KEY and KEY are the same.
bool bind_columns(const struct schema **out, struct arena *a, const struct sql_script *text,
                  const struct ast_statement *columns, struct err *e) ERR_CHECKED;

#endif
