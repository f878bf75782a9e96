// Shared by bind*.c: the catalogue of a job's streams and tables, scopes of names, typed expressions.
//
// bind.c statements and the finished plan; bind_source.c CREATE … (columns); bind_with.c WITH properties; bind_query.c SELECT to
// nodes; bind_group.c GROUP BY and windows; bind_unnest.c table functions; bind_select.c select lists, names and keys; bind_expr.c expressions; bind_call.c
// functions and aggregates; bind_type.c types, casts and literals; bind_transient.c SELECT alone. All of it is one thread's, in one arena; errors go to binder.e.
#ifndef SQL_BIND_INTERNAL_H
#define SQL_BIND_INTERNAL_H

#include "sql/ast_statement.h"
#include "sql/plan/step.h"
#include "sql/sql_internal.h"

#include "base/map.h"
#include "schema/decimal.h"

#define BIND_OBJECTS_MAX       2000  // streams and tables of one job
#define BIND_COLUMNS_MAX       4096  // of one stream or table
#define BIND_KEYS_MAX          256   // GROUP BY, PARTITION BY
#define BIND_AGGREGATES_MAX    1024  // of one GROUP BY
#define BIND_TYPE_NODES_MAX    10000 // types nest by name: their size is not bounded by the text's
#define BIND_EXPR_NODES_MAX    1000000 // what binding repeats: the operand of CASE x, the base of x->*
#define BIND_MESSAGE_BYTES_MAX ((size_t)64 << 10) // of lists built for a message

#define BIND_NO_TYPE UINT64_MAX // in type_names: dropped

struct bind_object;
struct binder {
    struct arena *a;
    const struct sql_source *src;
    struct err *e;
    enum sql_use use;
    struct registry *registry; // NULL = none
    struct map *names;         // → objects
    LIST(struct bind_object *) objects;
    LIST(struct plan_query *) queries;
    LIST(struct plan_step) steps;
    struct map *inserts;    // texts of INSERT INTO → statement index; NULL = none yet
    struct map *type_names; // CREATE TYPE → types
    LIST(const struct type *) types;
    LIST(struct sql_property) settings; // the last of a name holds
    const struct ast_script *script;
    const struct ast_statement *statement;
    bool transient; // binding a SELECT alone: it has no key to select, and names as it likes
    const struct ast_expr *odd_key;  // a MAP(…) key that is not STRING; NULL = none so far
    uint32_t sites, statement_index; // call sites so far
    struct bind_limit *limits;       // bind_call.c: SET 'ksql.functions.<name>.limit'
};

struct scope {
    struct binder *b;
    const struct schema *schema; // of the node's input
    struct str alias;            // how its columns may be qualified
    const char *clause;          // for messages: SELECT, WHERE, …
    const struct from *from;     // the relations of a join; NULL = one
    bool from_topic;             // ROWPARTITION and ROWOFFSET are known
    struct grouping *group;      // above an aggregation: only keys and aggregates have names
    struct unnesting *unnest;    // bind_unnest.c: where table functions may stand
    const struct ast_expr *item; // the whole expression being bound
    const struct bind_lambda *lambda;
};

struct grouping {
    const struct scope *input;
    struct ast_expr **keys;
    struct expr **bound;
    uint32_t key_count;
    bool windowed, table;
    LIST(struct plan_aggregate) aggregates;
    LIST(const struct ast_expr *) calls; // of the aggregates
};

#define bind_fail(b, pos, ...) sql_fail((b)->e, (b)->src, (pos), __VA_ARGS__)
// The source is created by a later statement: says where (bind_order.c). Is false.
#define bind_hint_later(b, name) (bind_hint_put((b), (name)), err_false())
bool bind_hint_put(const struct binder *b, struct str name);
// A job runs every statement once: the same INSERT INTO twice would write its rows twice (bind_order.c).
bool bind_insert_once(struct binder *b, const struct ast_statement *st);
// "not supported yet: what"; is false.
#define bind_refuse(b, pos, what) bind_fail((b), (pos), "not supported yet: %s", (what))
const char *bind_text(const struct binder *b, const struct ast_expr *x); // canonical, for messages
const char *bind_type_text(const struct binder *b, const struct type *t);
const char *bind_name_text(const struct binder *b, struct str name); // quoted when it needs to be

// bind_type.c
bool bind_type(const struct type **out, const struct binder *b,
               const struct ast_type *t) ERR_CHECKED;
struct expr *bind_node(struct binder *b, enum expr_kind kind, const struct type *type,
                       const struct sql_pos *pos, uint32_t args);
struct expr *bind_string(struct binder *b, struct str text, const struct sql_pos *pos);
struct expr *bind_null(struct binder *b, const struct type *type, const struct sql_pos *pos);
bool bind_literal(struct expr **out, struct binder *b, const struct ast_expr *x) ERR_CHECKED;
// x as type t, without asking whether that is allowed; literals are folded where that is exact.
struct expr *bind_cast(struct binder *b, struct expr *x, const struct type *t);
// The type both can be coerced to (number widening, item by item in nested types); NULL = none.
const struct type *bind_common(struct binder *b, const struct type *x, const struct type *y);
// A string literal as t (number, BOOLEAN, DATE, TIME, TIMESTAMP); false when it is not one, without an error.
// ERR_SQL when the type has more than BIND_TYPE_NODES_MAX nodes.
bool bind_check_type(const struct binder *b, const struct sql_pos *pos,
                     const struct type *t) ERR_CHECKED;
bool bind_parse(struct expr **out, struct binder *b, struct expr *x, const struct type *t);
void bind_decimal_shape(const struct type *t, unsigned *precision, unsigned *scale);

// bind_expr.c, bind_call.c (comparisons: bind_compare.h)
const char *bind_clause_prefix(const struct scope *sc);
const char *bind_invalid_prefix(const struct scope *sc);
bool bind_expr(struct expr **out, const struct scope *sc, const struct ast_expr *x) ERR_CHECKED;
bool bind_predicate(struct expr **out, const struct scope *sc,
                    const struct ast_expr *x) ERR_CHECKED;
bool bind_call(struct expr **out, const struct scope *sc, const struct ast_expr *x) ERR_CHECKED;
bool bind_set_limit(bool *done, struct binder *b, const struct ast_statement *st) ERR_CHECKED;
bool bind_is_aggregate(const struct ast_expr *x); // the call itself
bool bind_is_function(const struct ast_expr *x);
const struct ast_expr *bind_find_aggregate(const struct ast_expr *x); // anywhere below; NULL = none
// Expressions that x becomes when it is bound; saturates above BIND_EXPR_NODES_MAX.
uint32_t bind_weight(const struct ast_expr *x);
bool bind_ast_equal(const struct ast_expr *x, const struct ast_expr *y); // qualifiers apart
bool bind_is_pseudo(struct str name, enum expr_pseudo *out);

#endif
