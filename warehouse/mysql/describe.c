#include "warehouse/mysql/mysql_internal.h"

#include <assert.h>

static enum collation_kind collation_kind_of(struct str name)
{
    size_t at;
    if (str_eq(name, STR("binary")))
        return COLLATION_EXACT;
    if (!str_ends(name, STR("_bin")))
        return COLLATION_INEXACT;
    // MariaDB's nopad and MySQL's 0900 collations do not pad; every other _bin does.
    const bool exact = str_find(&at, name, STR("nopad")) || str_find(&at, name, STR("_0900_"));
    return exact ? COLLATION_EXACT : COLLATION_PADDED;
}

static bool describe_kind(struct table_info *t, struct mysql_session *s, struct arena *a,
                          struct str table, struct err *e)
{
    struct sql_result r;
    const struct str sql =
        sql_literals(&s->base, a,
                     STR("SELECT table_type, engine FROM information_schema.tables"
                         " WHERE table_schema = DATABASE() AND table_name = ?"),
                     &table, 1);
    if (!mysql_fetch(&r, &s->base, a, sql, e))
        return false;
    t->exists = r.rows > 0;
    if (!t->exists)
        return true;
    if (!str_eq(r.v[0], STR("BASE TABLE"))) {
        t->wrong_kind = str_eq(r.v[0], STR("VIEW")) ? "a view" : "not a base table";
        t->wrong_hint = "write to an InnoDB table";
    } else if (!str_eq_nocase(r.v[1], STR("InnoDB"))) {
        t->wrong_kind = arena_printf(a, "a %.*s table", STR_ARG(r.v[1])).p;
        t->wrong_hint = arena_printf(a, "ALTER TABLE %.*s ENGINE=InnoDB", STR_ARG(table)).p;
    }
    return true;
}

static bool describe_columns(struct table_info *t, struct mysql_session *s, struct arena *a,
                             struct str table, struct err *e)
{
    struct sql_result r;
    const struct str sql = sql_literals(
        &s->base, a,
        STR("SELECT column_name, column_type, collation_name, is_nullable, column_default, extra"
            " FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position"),
        &table, 1);
    if (!mysql_fetch(&r, &s->base, a, sql, e))
        return false;
    t->count = r.rows;
    t->columns = ARENA_ZARRAY(a, struct table_column, t->count + 1);
    for (size_t i = 0; i < t->count; i++) {
        const struct str *f = &r.v[i * r.columns];
        size_t at;
        // MySQL's DEFAULT_GENERATED is an expression as default, not a generated column.
        const bool by_default = str_find(&at, f[5], STR("DEFAULT_GENERATED"));
        // MariaDB writes out that a column which may be NULL is NULL by default.
        const bool nullable = str_eq(f[3], STR("YES"));
        const bool given = f[4].p && !(nullable && str_eq(f[4], STR("NULL")));
        t->columns[i] = (struct table_column){
            .name = f[0],
            .type = f[1],
            .collation = f[2],
            .nullable = nullable,
            .has_default = given || by_default || str_find(&at, f[5], STR("auto_increment")),
            .generated = !by_default && str_find(&at, f[5], STR("GENERATED")),
        };
    }
    return true;
}

static void note_key_column(struct table_info *t, const struct str *f)
{
    for (size_t c = 0; c < t->count; c++) {
        int64_t position = 0;
        if (!str_eq_nocase(t->columns[c].name, f[1]) || !str_to_i64(&position, f[2]))
            continue;
        t->columns[c].key_position = (unsigned)position;
        t->columns[c].key_prefix = f[3].p != NULL;
    }
}

static bool describe_indexes(struct table_info *t, struct mysql_session *s, struct arena *a,
                             struct str table, struct err *e)
{
    struct sql_result r;
    const struct str sql =
        sql_literals(&s->base, a,
                     STR("SELECT index_name, column_name, seq_in_index, sub_part"
                         " FROM information_schema.statistics WHERE table_schema = DATABASE()"
                         " AND table_name = ? AND non_unique = 0"
                         " ORDER BY index_name, seq_in_index"),
                     &table, 1);
    if (!mysql_fetch(&r, &s->base, a, sql, e))
        return false;
    for (size_t i = 0; i < r.rows; i++) {
        const struct str *f = &r.v[i * r.columns];
        if (str_eq(f[0], STR("PRIMARY")))
            note_key_column(t, f);
        else
            t->other_unique = f[0];
    }
    return true;
}

bool mysql_describe_table(struct table_info *out, struct sql_session *base, struct arena *a,
                          struct str table, struct err *e)
{
    struct mysql_session *s = mysql_session_of(base);
    assert(s->db && s->key_collation);
    *out = (struct table_info){
        .collation = collation_kind_of,
        .padded_ok = s->padded_ok,
        .key_collation = s->key_collation,
    };
    return describe_kind(out, s, a, table, e) && describe_columns(out, s, a, table, e) &&
           describe_indexes(out, s, a, table, e);
}
