// Comparing an existing table with what the job writes.
#include "warehouse/table.h"

#include "warehouse/upsert.h"

#include <assert.h>
#include <stdio.h>

#define DIFFERENCES_MAX 600 // bytes of text: an error holds 768

struct findings {
    struct buf text;
    char hint[256];
    size_t count;
};

// What comes first is what the hint repairs.
static void hint(struct findings *f, const char *fmt, ...) ERR_PRINTF(2, 3);
static void hint(struct findings *f, const char *fmt, ...)
{
    if (f->hint[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->hint, sizeof f->hint, fmt, ap);
    va_end(ap);
}

static struct buf *differ(struct findings *f)
{
    if (f->count++)
        buf_text(&f->text, "; ");
    return &f->text;
}

const struct table_column *table_find(const struct table_info *t, struct str name)
{
    for (size_t i = 0; i < t->count; i++) {
        if (str_eq_nocase(t->columns[i].name, name))
            return &t->columns[i];
    }
    return NULL;
}

enum table_need table_needs(const struct table_info *t, const struct sink_spec *spec)
{
    if (spec->create == SINK_CREATE_NEVER && (!t->exists || spec->schema != SINK_SCHEMA_EVOLVE))
        return TABLE_READY;
    if (!t->exists)
        return TABLE_CREATE;
    if (spec->mode == SINK_APPEND && !t->wrong_kind && !table_find(t, STR(SINK_BATCH_COLUMN)))
        return TABLE_ADD_BATCH;
    return TABLE_READY;
}

static const struct sink_column *spec_find(const struct sink_spec *spec, struct str name)
{
    for (size_t i = 0; i < spec->count; i++) {
        if (str_eq_nocase(spec->columns[i].name, name))
            return &spec->columns[i];
    }
    return NULL;
}

static void check_collation(struct findings *f, struct target *out, const struct table_info *t,
                            const struct dialect *d, const struct table_column *have,
                            struct str table)
{
    if (!t->collation || have->collation.n == 0)
        return;
    const enum collation_kind kind = t->collation(have->collation);
    out->padded = kind == COLLATION_PADDED;
    if (kind == COLLATION_EXACT || (kind == COLLATION_PADDED && t->padded_ok))
        return;
    buf_printf(differ(f), "key column %.*s has collation %.*s, which takes %s for one key",
               STR_ARG(have->name), STR_ARG(have->collation),
               kind == COLLATION_PADDED ? "'a' and 'a ' (padding)"
                                        : "different strings, such as 'a' and 'A',");
    const bool modify = d->upsert == UPSERT_ON_DUPLICATE_KEY;
    hint(f, "ALTER TABLE %.*s %s %.*s %s%.*s COLLATE %s%s", STR_ARG(table),
         modify ? "MODIFY" : "ALTER COLUMN", STR_ARG(have->name), modify ? "" : "TYPE ",
         STR_ARG(have->type), t->key_collation, modify ? " NOT NULL" : "");
}

static void check_column(struct findings *f, struct target *out, const struct table_info *t,
                         const struct dialect *d, const struct sink_spec *spec, size_t i)
{
    const struct sink_column *c = &spec->columns[i];
    const struct table_column *have = table_find(t, c->name);
    // A key is never left out: rows would be taken for one another.
    const bool key = spec->mode == SINK_UPSERT && c->key;
    const bool spares = !key && spec->schema == SINK_SCHEMA_QUARANTINE;
    out->absent = !have && (spares || (!key && spec->schema == SINK_SCHEMA_IGNORE));
    if (out->absent)
        return;
    if (!have) {
        buf_printf(differ(f), "column %.*s is missing", STR_ARG(c->name));
        hint(f, "ALTER TABLE %.*s ADD COLUMN %.*s …, map the output's columns, or `schema: evolve`",
             STR_ARG(spec->table), STR_ARG(c->name));
        return;
    }
    const char *why = "is not a type that Sluice writes";
    if (have->generated)
        why = "is generated";
    else if (target_parse(out, d, have->type))
        why = target_refuses(out, c);
    // Narrower: values that do not fit are refused one by one; of another kind: any value is.
    out->spared = why && spares && !have->generated && out->kind == TARGET_INTEGER;
    if (out->spared)
        why = target_refuses(out, c);
    out->absent = why && spares;
    if (out->absent)
        return;
    if (why) {
        buf_printf(differ(f), "column %.*s is %.*s, which cannot hold ", STR_ARG(c->name),
                   STR_ARG(have->type));
        type_print(&f->text, c->type);
        buf_printf(&f->text, ": it %s", why);
        hint(f, "change the column's type, or map it: columns: { %.*s: { type: … } }%s",
             STR_ARG(c->name), strcmp(why, "is narrower") == 0 ? "; or `schema: evolve`" : "");
        return;
    }
    out->nullable = have->nullable;
    if (spec->mode == SINK_UPSERT && c->key && out->kind == TARGET_TEXT)
        check_collation(f, out, t, d, have, spec->table);
}

static void print_table_key(struct buf *out, const struct table_info *t, size_t in_table)
{
    for (unsigned position = 1; position <= in_table; position++) {
        for (size_t i = 0; i < t->count; i++) {
            const struct table_column *c = &t->columns[i];
            if (c->key_position == position)
                buf_printf(out, "%s%.*s%s", position > 1 ? ", " : "", STR_ARG(c->name),
                           c->key_prefix ? "(prefix)" : "");
        }
    }
}

static void print_spec_key(struct buf *out, const struct sink_spec *spec)
{
    const char *separator = "";
    for (size_t i = 0; i < spec->count; i++) {
        if (!spec->columns[i].key)
            continue;
        buf_printf(out, "%s%.*s", separator, STR_ARG(spec->columns[i].name));
        separator = ", ";
    }
}

static void check_key(struct findings *f, const struct table_info *t, const struct sink_spec *spec)
{
    bool same = true;
    size_t in_table = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (!t->columns[i].key_position)
            continue;
        in_table++;
        const struct sink_column *c = spec_find(spec, t->columns[i].name);
        same = same && c && c->key && !t->columns[i].key_prefix;
    }
    if (same && in_table == upsert_keys(spec))
        return;
    buf_text(differ(f), in_table ? "primary key is (" : "there is no primary key");
    print_table_key(&f->text, t, in_table);
    buf_text(&f->text, in_table ? "), must be (" : ", must be (");
    print_spec_key(&f->text, spec);
    buf_char(&f->text, ')');
    hint(f, "give table %.*s the primary key of the job's output, or write to another table",
         STR_ARG(spec->table));
}

// Columns that Sluice does not write must be able to take care of themselves.
static void check_foreign_columns(struct findings *f, const struct table_info *t,
                                  const struct sink_spec *spec)
{
    if (spec->schema == SINK_SCHEMA_QUARANTINE) // the store refuses each row that is put
        return;
    for (size_t i = 0; i < t->count; i++) {
        const struct table_column *c = &t->columns[i];
        if (c->nullable || c->has_default || c->generated || spec_find(spec, c->name) ||
            str_eq_nocase(c->name, STR(SINK_BATCH_COLUMN)))
            continue;
        buf_printf(differ(f), "column %.*s is NOT NULL without a default and is not written",
                   STR_ARG(c->name));
        hint(f, "ALTER TABLE %.*s ALTER COLUMN %.*s SET DEFAULT …", STR_ARG(spec->table),
             STR_ARG(c->name));
    }
}

static void check_all(struct findings *f, struct target *targets, const struct table_info *t,
                      const struct dialect *d, const struct sink_spec *spec)
{
    if (spec->mode == SINK_UPSERT)
        check_key(f, t, spec);
    for (size_t i = 0; i < spec->count; i++)
        check_column(f, &targets[i], t, d, spec, i);
    check_foreign_columns(f, t, spec);
    if (spec->mode == SINK_UPSERT && t->other_unique.n) {
        buf_printf(
            differ(f),
            "there is a second UNIQUE index, %.*s: an upsert would change the row of another key",
            STR_ARG(t->other_unique));
        hint(f, "make it an ordinary index: DROP INDEX %.*s ON %.*s", STR_ARG(t->other_unique),
             STR_ARG(spec->table));
    }
    if (spec->mode == SINK_APPEND && !table_find(t, STR(SINK_BATCH_COLUMN))) {
        buf_text(differ(f), "column " SINK_BATCH_COLUMN " is missing, which a backfill needs");
        hint(f,
             "ALTER TABLE %.*s ADD COLUMN " SINK_BATCH_COLUMN
             " BIGINT NOT NULL DEFAULT 0, with an index on it",
             STR_ARG(spec->table));
    }
}

bool table_check(struct target *targets, const struct table_info *t, const struct dialect *d,
                 const struct sink_spec *spec, struct err *e)
{
    assert(targets && spec->count > 0);
    if (!t->exists) {
        err_fail(e, ERR_CONFIG, "table %.*s does not exist", STR_ARG(spec->table));
        return err_hint(
            e, "create it, or set `create: true`; `sluice job check` prints the statement");
    }
    if (t->wrong_kind) {
        err_fail(e, ERR_CONFIG, "table %.*s is %s: its rows and the head cannot be one transaction",
                 STR_ARG(spec->table), t->wrong_kind);
        return err_hint(e, "%s", t->wrong_hint);
    }
    struct findings f = {.count = 0};
    buf_init(&f.text, SINK_SQL_MAX);
    check_all(&f, targets, t, d, spec);
    if (f.count) {
        const struct str text = buf_view(&f.text);
        err_fail(e, ERR_CONFIG, "table %.*s differs from the job's output: %.*s%s",
                 STR_ARG(spec->table), STR_ARG(str_slice(text, 0, DIFFERENCES_MAX)),
                 text.n > DIFFERENCES_MAX ? "..." : "");
        err_hint(e, "%s", f.hint);
    }
    buf_fini(&f.text);
    return f.count == 0;
}
