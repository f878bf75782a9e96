// Shared by bind.c, bind_source.c, bind_query.c, bind_group.c, bind_select.c and bind_with.c: statements to plan nodes.
#ifndef SQL_BIND_PLAN_INTERNAL_H
#define SQL_BIND_PLAN_INTERNAL_H

#include "sql/bind_catalog.h"
#include "sql/bind_setting.h"

// bind_with.c
struct with { // a WITH clause, checked one by one
    struct str topic, timestamp, timestamp_format;
    bool as_select, has_key_format, has_value_format, has_wrap, wrap;
    enum serde_format key_format, value_format;
    struct plan_schema key_schema, value_schema;
    struct plan_window window;
    char key_delimiter, value_delimiter; // 0 = not given
    int partitions;
    struct sql_pos pos, timestamp_pos, window_pos, key_schema_pos, value_schema_pos;
};
bool bind_with(struct with *out, const struct binder *b,
               const struct ast_statement *st) ERR_CHECKED;
// bind_topic.c: *known tells whether p is one of its properties; what goes together.
bool bind_topic_property(bool *known, struct with *w, const struct binder *b,
                         const struct ast_property *p) ERR_CHECKED;
bool bind_topic_check(const struct binder *b, const struct with *w) ERR_CHECKED;
// The formats that settings give where the clause does not.
bool bind_default_formats(struct with *w, const struct binder *b) ERR_CHECKED;
enum serde_format bind_default_key_format(const struct binder *b);
bool bind_check_formats(const struct binder *b, const struct sql_pos *pos, const struct schema *s,
                        enum serde_format key, enum serde_format value) ERR_CHECKED;
bool bind_check_map_key(const struct binder *b, const struct sql_pos *pos,
                        const struct schema_column *key) ERR_CHECKED;
bool bind_timestamp(int *out, const struct time_pattern **pattern, const struct binder *b,
                    const struct with *w, const struct schema *s) ERR_CHECKED;

// bind_schema.c: formats with schemas
// A property of the WITH clause about schemas; *known tells whether it is one.
bool bind_schema_property(bool *known, struct with *w, const struct binder *b,
                          const struct ast_property *p) ERR_CHECKED;
// What formats and properties allow together, once the formats of both sides are known.
bool bind_schema_check(const struct binder *b, const struct with *w) ERR_CHECKED;
// Appends why the columns have no schema in the format: names, keys of a MAP.
void bind_schema_problem(struct buf *reason, const struct binder *b, enum serde_format format,
                         const struct schema *s, uint32_t from, uint32_t to);
bool bind_wrapping(enum plan_wrapping *out, const struct binder *b, const struct with *w,
                   enum serde_format value_format, const struct schema *s) ERR_CHECKED;
// Columns that CREATE STREAM|TABLE leaves to the registered schemas are written into the statement.
bool bind_infer_columns(const struct binder *b, struct ast_statement *st) ERR_CHECKED;
// The columns of a result against the schemas that *_SCHEMA_ID names.
bool bind_schema_fits(const struct binder *b, const struct with *w,
                      const struct schema *s) ERR_CHECKED;

// bind.c, bind_source.c, bind_query.c, bind_select.c
struct plan_node *bind_plan_node(struct binder *b, enum plan_kind kind, const struct schema *s,
                                 struct plan_node *input, const struct sql_pos *pos);
struct str bind_statement_text(const struct binder *b, const struct ast_statement *st);
bool bind_create_source(struct binder *b, const struct ast_statement *st) ERR_CHECKED;
bool bind_create_as(struct binder *b, const struct ast_statement *st) ERR_CHECKED;
bool bind_insert(struct binder *b, const struct ast_statement *st) ERR_CHECKED;

struct select_item { // a select list after * is expanded and names are given
    struct ast_expr *x;
    struct str name;
    struct sql_pos pos;
    struct expr *bound;
    bool key;
};
struct select_list {
    struct select_item *v;
    uint32_t n;
};
bool bind_select_names(struct select_list *out, const struct scope *sc,
                       const struct ast_query *q) ERR_CHECKED;
// Marks the items that are keys and orders them first: keys = the expressions that make the key.
bool bind_select_keys(struct select_list *list, const struct scope *sc, struct ast_expr **keys,
                      uint32_t key_count, const char *what) ERR_CHECKED;
const struct schema *bind_select_schema(const struct scope *sc, const struct select_list *list);

// bind_query.c, bind_group.c
struct query { // one SELECT being bound
    struct binder *b;
    const struct ast_statement *st;
    const struct ast_query *q;
    const struct bind_object *source;
    struct scope input;
    struct plan_node *top; // of the nodes so far
    struct select_list list;
    struct plan_window window; // of the result's key
    bool rekeyed;              // the key is a new one: by PARTITION BY or GROUP BY
};
// FROM with its joins and the names of the select list; then bind_where.
bool bind_query_start(struct query *s) ERR_CHECKED;
bool bind_where(struct query *s) ERR_CHECKED;
bool bind_items(struct query *s, struct scope *sc) ERR_CHECKED;
void bind_add_filter(struct query *s, struct expr *predicate, const struct sql_pos *pos);
void bind_add_project(struct query *s, enum plan_kind kind, const struct scope *sc);
bool bind_group(struct query *s) ERR_CHECKED;
bool bind_duration(int64_t *out, const struct binder *b, const struct sql_pos *pos,
                   const struct ast_duration *d) ERR_CHECKED; // -1 when not given

// bind_call.c, bind_unnest.c
struct call { // a call's arguments, bound; want = the types that its overload takes
    struct expr **args;
    const struct type **types, **want;
    uint32_t n;
};
bool bind_arguments(struct call *out, const struct scope *sc, const struct ast_expr *x) ERR_CHECKED;
// args and type of a call of fn; args keep the types that fn wants.
bool bind_match(const struct type **type, struct call *out, const struct scope *sc,
                const struct ast_expr *x, const struct fn *fn) ERR_CHECKED;
struct unnesting;
struct unnesting *bind_unnest_new(const struct scope *sc);
const struct ast_expr *bind_find_table_function(const struct ast_expr *x); // NULL = none
// A call of a table function: the column that its items will be.
bool bind_table_function(struct expr **out, const struct scope *sc,
                         const struct ast_expr *x) ERR_CHECKED;
// The node that makes the rows, when table functions were bound; has to come before the one that uses them.
bool bind_add_unnest(struct query *s, const struct unnesting *u) ERR_CHECKED;

#endif
