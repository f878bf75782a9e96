// The relations of a FROM with joins: names resolved to them, and the query rewritten to what the joined rows call their
// columns: ALIAS_COLUMN, as ksqlDB does it. Used by bind_query.c and bind_join.c; one binder's, in its arena.
//
// Order: from_open, then from_rewrite (all names are known by then), then bind_join (sql/bind_join.c) makes the nodes.
#ifndef SQL_BIND_FROM_H
#define SQL_BIND_FROM_H

#include "sql/bind_internal.h"

#define FROM_PSEUDO_COUNT 5 // of enum expr_pseudo

struct from_source {
    const struct bind_object *object;
    struct str alias;
    const struct ast_relation *relation;
    bool pseudo[FROM_PSEUDO_COUNT]; // asked for: carried through the joins as columns
};

struct from {
    struct binder *b;
    const struct ast_query *written;
    struct ast_query *qualified; // each column with its relation
    struct ast_query *query;     // in the names of the joined rows
    struct from_source *v;
    struct ast_expr **on; // qualified; on[0] is NULL
    uint32_t n;
    struct str key_name; // of joined rows' key: ROWKEY, or ROWKEY_1 … when there is such a column
    bool
        synthetic; // the key is no column of any relation: it has the name ROWKEY for the query too
    bool foreign;  // the key is the left table's
    struct ast_expr **viable; // qualified columns that can be selected for the key
    uint32_t viable_count;
};

bool from_open(struct from **out, struct binder *b, const struct ast_query *q) ERR_CHECKED;
// Needs `synthetic` to be known.
bool from_rewrite(struct from *f) ERR_CHECKED;
// One qualified expression in the joined rows' names.
bool from_internal(struct ast_expr **out, struct from *f, const char *clause,
                   const struct ast_expr *x) ERR_CHECKED;
struct from_source *from_find(const struct from *f, struct str alias); // NULL = no such relation
struct str from_column_name(const struct from *f, const struct from_source *s, struct str column);
const char *from_pseudo_name(enum expr_pseudo pseudo);
bool from_has_column(const struct from *f, struct str name); // any relation
struct ast_expr *from_column(const struct binder *b, struct str name, const struct sql_pos *pos);

#endif
