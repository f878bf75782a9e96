// The catalogue of a script: streams and tables by name, the queries that write them, and the statements that change them.
#ifndef SQL_BIND_CATALOG_H
#define SQL_BIND_CATALOG_H

#include "sql/bind_internal.h"

struct bind_object {
    struct plan_node *node; // PLAN_OBJECT; its inputs are the writers, set at the end
    bool read_only;         // CREATE SOURCE …
    bool has_headers;
    bool declared; // rows come from a topic (and from INSERT INTO)
    bool dropped;
    struct plan_query *query; // CREATE … AS
    const struct ast_statement *statement;
    LIST(struct plan_node *) writers;
};

// bind_catalog.c
struct bind_object *bind_find_object(const struct binder *b, struct str name);
// Already there: skipped (IF NOT EXISTS), or an error. *skip tells.
bool bind_check_existing(bool *skip, const struct binder *b,
                         const struct ast_statement *st) ERR_CHECKED;
// Adds o, or puts it in the place of what CREATE OR REPLACE replaces.
bool bind_add_object(struct binder *b, struct bind_object *o) ERR_CHECKED;
// The statement's query, whose rows end in top, writes to `to`.
void bind_add_query(struct binder *b, struct bind_object *to, struct plan_node *top);
void bind_stop_query(struct binder *b, struct plan_query *q);
struct plan_step *bind_add_step(struct binder *b, enum plan_step_kind kind);
// Names of streams and tables whose queries read o, in order: "A, B"; "" = none.
struct str bind_readers(const struct binder *b, const struct bind_object *o);
// bind_change.c
bool bind_drop(struct binder *b, const struct ast_statement *st) ERR_CHECKED;
bool bind_terminate(struct binder *b, const struct ast_statement *st) ERR_CHECKED;
bool bind_alter(struct binder *b, const struct ast_statement *st) ERR_CHECKED;
bool bind_check_upgrade(const struct binder *b, const struct bind_object *from,
                        const struct bind_object *to) ERR_CHECKED;
// The statement's columns alone; PRIMARY KEY and KEY are the same.
bool bind_column_list(const struct schema **out, const struct binder *b,
                      const struct ast_statement *st) ERR_CHECKED;
bool bind_assert_source(struct binder *b, const struct ast_statement *st) ERR_CHECKED;
// bind_row.c: INSERT VALUES, ASSERT [NULL] VALUES
bool bind_row_statement(struct binder *b, const struct ast_statement *st) ERR_CHECKED;

#endif
