#include "warehouse/postgres/postgres_internal.h"

#include <assert.h>

// Only collations that are not deterministic take different strings for one (PostgreSQL 12 and later).
static enum collation_kind collation_kind_of(struct str name)
{
    return str_eq(name, STR("nondeterministic")) ? COLLATION_INEXACT : COLLATION_EXACT;
}

static const char *kind_name(char relkind)
{
    switch (relkind) {
    case 'v':
        return "a view";
    case 'm':
        return "a materialized view";
    case 'f':
        return "a foreign table";
    default:
        return "not a table";
    }
}

static bool describe_kind(struct table_info *t, struct sql_session *s, struct arena *a,
                          struct str table, struct err *e)
{
    struct sql_result r;
    const struct str sql =
        sql_literals(s, a,
                     STR("SELECT c.relkind, c.relpersistence FROM pg_class c"
                         " WHERE c.relnamespace = current_schema()::regnamespace"
                         " AND c.relname = ? AND c.relkind NOT IN ('i', 'I', 'S', 't', 'c')"),
                     &table, 1);
    if (!s->transport->fetch(&r, s, a, sql, e))
        return false;
    t->exists = r.rows > 0;
    if (!t->exists)
        return true;
    const char kind = r.v[0].p[0];
    if (kind != 'r' && kind != 'p') {
        t->wrong_kind = kind_name(kind);
        t->wrong_hint = "write to an ordinary or a partitioned table";
    } else if (str_eq(r.v[1], STR("u"))) {
        t->wrong_kind = "an unlogged table, which a crash of the server empties";
        t->wrong_hint = arena_printf(a, "ALTER TABLE %.*s SET LOGGED", STR_ARG(table)).p;
    }
    return true;
}

// Type names in the words of dialect_postgres, with their arguments.
static bool describe_columns(struct table_info *t, struct sql_session *s, struct arena *a,
                             struct str table, struct err *e)
{
    struct sql_result r;
    const struct str sql = sql_literals(
        s, a,
        STR("SELECT a.attname,"
            " t.typname || CASE"
            "  WHEN a.atttypmod < 0 THEN ''"
            "  WHEN t.typname IN ('varchar', 'bpchar') THEN '(' || a.atttypmod - 4 || ')'"
            "  WHEN t.typname = 'numeric' THEN '(' || ((a.atttypmod - 4) >> 16 & 65535) || ',' ||"
            "   ((a.atttypmod - 4) & 2047) || ')'"
            "  WHEN t.typname IN ('time', 'timestamp', 'timestamptz')"
            "   THEN '(' || a.atttypmod || ')'"
            "  ELSE '' END,"
            " CASE WHEN l.oid IS NULL THEN '' WHEN l.collisdeterministic THEN 'deterministic'"
            "  ELSE 'nondeterministic' END,"
            " a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' OR"
            "  a.attidentity = 'a', coalesce(array_position(x.indkey::int2[], a.attnum) + 1, 0),"
            " x.indimmediate"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " JOIN pg_type t ON t.oid = a.atttypid"
            " LEFT JOIN pg_collation l ON l.oid = a.attcollation"
            " LEFT JOIN pg_index x ON x.indrelid = c.oid AND x.indisprimary"
            " WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ?"
            " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"),
        &table, 1);
    if (!s->transport->fetch(&r, s, a, sql, e))
        return false;
    t->count = r.rows;
    t->columns = ARENA_ZARRAY(a, struct table_column, t->count + 1);
    for (size_t i = 0; i < t->count; i++) {
        const struct str *f = &r.v[i * r.columns];
        uint64_t position = 0;
        if (!str_to_u64(&position, f[6]))
            return err_fail(e, ERR_REMOTE, "%s: position %.*s of a key column", s->display,
                            STR_ARG(f[6]));
        t->columns[i] = (struct table_column){
            .name = f[0],
            .type = f[1],
            .collation = f[2],
            .nullable = str_eq(f[3], STR("f")),
            .has_default = str_eq(f[4], STR("t")),
            .generated = str_eq(f[5], STR("t")),
            .key_position = (unsigned)position,
        };
        if (f[7].p && str_eq(f[7], STR("f"))) {
            t->wrong_kind = "a table with a deferrable primary key, which ON CONFLICT cannot use";
            t->wrong_hint = "make the primary key NOT DEFERRABLE";
        }
    }
    return true;
}

bool postgres_describe_table(struct table_info *out, struct sql_session *base, struct arena *a,
                             struct str table, struct err *e)
{
    assert(postgres_session_of(base)->db);
    *out = (struct table_info){.collation = collation_kind_of, .key_collation = "\"C\""};
    return describe_kind(out, base, a, table, e) && describe_columns(out, base, a, table, e);
}
