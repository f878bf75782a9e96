// What an existing table is.
#include "warehouse/sqlite/sqlite_internal.h"

struct look {
    struct sqlite_sink *s;
    struct arena *a; // of the result
    struct str table;
};

static struct str column_text(const struct look *l, sqlite3_stmt *stmt, int i)
{
    const char *p = (const char *)sqlite3_column_text(stmt, i);
    if (!p)
        return STR_NONE;
    return arena_str(l->a, (struct str){p, (size_t)sqlite3_column_bytes(stmt, i)});
}

static bool query_name(sqlite3_stmt **out, const struct look *l, const char *sql, struct err *e)
{
    const int rc = sqlite3_prepare_v2(l->s->db, sql, -1, out, NULL);
    if (rc != SQLITE_OK)
        return sqlite_err(e, l->s, rc, "describe the table");
    sqlite_text(*out, 1, l->table);
    return true;
}

static bool read_columns(struct table_info *t, const struct look *l, struct err *e)
{
    sqlite3_stmt *stmt;
    // hidden: 2 and 3 are generated columns.
    if (!query_name(&stmt, l,
                    "SELECT name, type, \"notnull\", dflt_value, pk, hidden"
                    " FROM pragma_table_xinfo(?)",
                    e))
        return false;
    const size_t most = 2000; // SQLite's own limit
    t->columns = ARENA_ZARRAY(l->a, struct table_column, most);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && t->count < most) {
        struct table_column *c = &t->columns[t->count++];
        c->name = column_text(l, stmt, 0);
        c->type = column_text(l, stmt, 1);
        c->nullable = sqlite3_column_int(stmt, 2) == 0;
        c->has_default = sqlite3_column_type(stmt, 3) != SQLITE_NULL;
        c->key_position = (unsigned)sqlite3_column_int(stmt, 4);
        c->generated = sqlite3_column_int(stmt, 5) >= 2;
        // A rowid alias fills itself.
        c->has_default =
            c->has_default || (c->key_position == 1 && str_eq_nocase(c->type, STR("INTEGER")));
    }
    sqlite3_finalize(stmt);
    t->exists = t->count > 0;
    return rc == SQLITE_DONE || rc == SQLITE_ROW || sqlite_err(e, l->s, rc, "describe the table");
}

static bool read_key_collations(struct table_info *t, const struct look *l, struct err *e)
{
    sqlite3_stmt *stmt;
    if (!query_name(
            &stmt, l,
            "SELECT x.name, x.coll FROM pragma_index_list(?) l, pragma_index_xinfo(l.name) x"
            " WHERE l.origin = 'pk' AND x.key = 1",
            e))
        return false;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct str name = column_text(l, stmt, 0);
        for (size_t i = 0; i < t->count; i++) {
            if (str_eq_nocase(t->columns[i].name, name))
                t->columns[i].collation = column_text(l, stmt, 1);
        }
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE || sqlite_err(e, l->s, rc, "describe the table");
}

static bool read_kind(struct table_info *t, const struct look *l, struct err *e)
{
    sqlite3_stmt *stmt;
    if (!query_name(&stmt, l, "SELECT type FROM pragma_table_list(?) WHERE schema = 'main'", e))
        return false;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        const struct str kind = column_text(l, stmt, 0);
        if (!str_eq(kind, STR("table"))) {
            t->wrong_kind = str_eq(kind, STR("view")) ? "a view" : "a virtual table";
            t->wrong_hint = "write to an ordinary table";
        }
    }
    sqlite3_finalize(stmt);
    return true;
}

static enum collation_kind sqlite_collation(struct str name)
{
    if (str_eq_nocase(name, STR("BINARY")))
        return COLLATION_EXACT;
    return str_eq_nocase(name, STR("RTRIM")) ? COLLATION_PADDED : COLLATION_INEXACT;
}

bool sqlite_describe_table(struct table_info *out, struct sql_session *session, struct arena *a,
                           struct str table, struct err *e)
{
    const struct look l = {((struct sqlite_session *)session)->sink, a, table};
    *out = (struct table_info){.collation = sqlite_collation, .key_collation = "BINARY"};
    return read_columns(out, &l, e) && read_key_collations(out, &l, e) && read_kind(out, &l, e);
}
