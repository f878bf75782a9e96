// Statements and queries of the syntax tree (expressions and types: ast.h). Same lifetime and rules.
#ifndef SQL_AST_STATEMENT_H
#define SQL_AST_STATEMENT_H

#include "sql/ast.h"

struct ast_item {                                               // of a select list
    enum { AST_ITEM_EXPR, AST_ITEM_ALL, AST_ITEM_FIELDS } kind; // expr, [q.]*, expr->*
    struct ast_expr *x;
    struct str alias; // p == NULL: none; ITEM_ALL: the qualifier
    struct sql_pos pos;
};

struct ast_duration {
    uint64_t count;
    struct str unit; // singular or plural, as written in upper case; p == NULL: not given
};

struct ast_window {
    enum window_kind kind;
    struct ast_duration size, advance, grace, retention;
    struct sql_pos pos;
};

enum ast_join { AST_JOIN_NONE, AST_JOIN_INNER, AST_JOIN_LEFT, AST_JOIN_RIGHT, AST_JOIN_FULL };
struct ast_relation {
    enum ast_join join; // the first of FROM: NONE
    struct str name, alias;
    struct ast_duration before, after, grace; // WITHIN
    struct ast_expr *on;
    struct sql_pos pos;
};

enum ast_emit { AST_EMIT_NONE, AST_EMIT_CHANGES, AST_EMIT_FINAL };
struct ast_query {
    struct ast_item *items;
    struct ast_relation *from;
    struct ast_window *window; // NULL = none
    struct ast_expr *where, *having;
    struct ast_expr **group_by, **partition_by;
    uint32_t item_count, from_count, group_count, partition_count;
    bool has_group, has_partition;
    enum ast_emit emit;
    struct str limit; // p == NULL: none
    struct sql_pos pos, partition_pos, limit_pos, emit_pos;
};

struct ast_property {
    struct str name; // upper case
    struct ast_expr *value;
    struct sql_pos pos;
};

enum ast_column_role { AST_VALUE, AST_KEY, AST_PRIMARY_KEY, AST_HEADERS, AST_HEADER };
struct ast_element {
    struct str name, header;
    const struct ast_type *type;
    enum ast_column_role role;
    struct sql_pos pos;
};

enum ast_statement_kind {
    AST_CREATE_SOURCE, // CREATE STREAM|TABLE name (…) WITH (…)
    AST_CREATE_AS,
    AST_INSERT_SELECT,
    AST_INSERT_VALUES, // names, values
    AST_QUERY,
    AST_DROP,  // what: STREAM, TABLE, TYPE, CONNECTOR
    AST_ALTER, // elements
    AST_ALTER_SYSTEM,
    AST_CREATE_TYPE,
    AST_CREATE_CONNECTOR,
    AST_SET,
    AST_UNSET,
    AST_DEFINE,
    AST_UNDEFINE,
    AST_SHOW, // LIST, SHOW, DESCRIBE: what = the words
    AST_EXPLAIN,
    AST_PRINT,
    AST_TERMINATE, // name: a query's id, or what: ALL; as for
    AST_PAUSE,
    AST_RESUME,
    AST_RUN_SCRIPT,
    AST_ASSERT_VALUES,
    AST_ASSERT_TOMBSTONE,
    AST_ASSERT_SOURCE,
    AST_ASSERT_OTHER, // TOPIC, SCHEMA
};

struct ast_statement {
    enum ast_statement_kind kind;
    struct sql_pos pos, name_pos;
    struct str text; // as written, without the semicolon
    struct str name, value, what;
    bool table, source, or_replace, if_exists /* IF [NOT] EXISTS */, delete_topic, has_elements;
    struct ast_element *elements;
    struct ast_property *properties;
    struct str *names;        // INSERT VALUES columns
    struct ast_expr **values; // INSERT VALUES, ASSERT VALUES
    uint32_t element_count, property_count, name_count, value_count;
    bool has_properties;
    struct ast_query *query;
    const struct ast_type *type;
    struct ast_statement *inner; // EXPLAIN
};

struct ast_script {
    struct ast_statement **v;
    size_t n;
};

#endif
