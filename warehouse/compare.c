#include "warehouse/compare.h"

enum { COMPARE_SHOWN_BYTES = 80, COMPARE_TEXT_MAX = 4096 };

static void compare_columns(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                            const char *table, enum rows_kind kind)
{
    bool first = true;
    for (size_t i = 0; i < spec->count; i++) {
        if (kind == ROWS_DELETE && !spec->columns[i].key)
            continue;
        buf_text(out, first ? "" : ", ");
        first = false;
        buf_text(out, table);
        dialect_name(out, d, spec->columns[i].name);
    }
}

void compare_create(struct buf *out, const struct dialect *d, const struct sink_spec *spec)
{
    const bool keyed = spec->mode == SINK_UPSERT;
    const bool inside =
        keyed && d->upsert == UPSERT_ON_DUPLICATE_KEY; // one statement, a primary key
    buf_text(out, "CREATE TEMPORARY TABLE " SINK_COMPARE_TABLE " ");
    if (inside) {
        buf_text(out, "(PRIMARY KEY (");
        compare_columns(out, d, spec, "", ROWS_DELETE);
        buf_text(out, ")) ");
    }
    buf_text(out, "AS SELECT ");
    compare_columns(out, d, spec, "", ROWS_PUT);
    if (!keyed)
        buf_text(out, ", " SINK_BATCH_COLUMN);
    buf_text(out, " FROM ");
    dialect_name(out, d, spec->table);
    buf_text(out, " WHERE 1 = 0");
    if (inside || !keyed)
        return;
    buf_text(out, "; CREATE UNIQUE INDEX " SINK_COMPARE_TABLE "_key ON " SINK_COMPARE_TABLE " (");
    compare_columns(out, d, spec, "", ROWS_DELETE);
    buf_char(out, ')');
}

static void compare_join(struct buf *out, const struct compare_spec *c)
{
    bool first = true;
    for (size_t i = 0; i < c->spec->count; i++) {
        if (!c->spec->columns[i].key)
            continue;
        buf_text(out, first ? " ON t." : " AND t.");
        first = false;
        dialect_name(out, c->dialect, c->spec->columns[i].name);
        buf_text(out, " = e.");
        dialect_name(out, c->dialect, c->spec->columns[i].name);
    }
}

// The dialect's comparison with the column of both sides in the place of #1 and #2.
static void compare_differs(struct buf *out, const struct compare_spec *c, size_t column)
{
    const struct target *t = &c->targets[column];
    for (const char *p = t->kind == TARGET_TEXT ? c->dialect->differs_text : c->dialect->differs;
         *p; p++) {
        if (*p != '#') {
            buf_char(out, *p);
            continue;
        }
        buf_text(out, *++p == '1' ? "e." : "t.");
        dialect_name(out, c->dialect, c->spec->columns[column].name);
    }
}

static void compare_where(struct buf *out, const struct compare_spec *c)
{
    bool first = true;
    for (size_t i = 0; i < c->spec->count; i++) {
        if (c->kind == SINK_CHANGED ? c->spec->columns[i].key : !c->spec->columns[i].key)
            continue;
        buf_text(out, first ? " WHERE " : c->kind == SINK_CHANGED ? " OR " : " AND ");
        first = false;
        if (c->kind == SINK_CHANGED) {
            compare_differs(out, c, i);
            continue;
        }
        buf_text(out, c->kind == SINK_MISSING ? "t." : "e.");
        dialect_name(out, c->dialect, c->spec->columns[i].name);
        buf_text(out, " IS NULL");
    }
    if (first) // nothing beside the key
        buf_text(out, " WHERE 1 = 0");
}

// --- appended rows ---------------------------------------------------------------------------------

// An expression of the dialect with the i-th column of both sides in the place of #1.
static void compare_grouped(struct buf *out, const char *expression, size_t i)
{
    for (const char *p = expression; *p; p++) {
        if (*p != '#') {
            buf_char(out, *p);
            continue;
        }
        buf_printf(out, "u.c%zu", i);
        p++;
    }
}

static void compare_side(struct buf *out, const struct compare_spec *c, const char *side)
{
    buf_text(out, "SELECT ");
    for (size_t i = 0; i < c->spec->count; i++) {
        dialect_name(out, c->dialect, c->spec->columns[i].name);
        buf_printf(out, " AS c%zu, ", i);
    }
    buf_printf(out, "%s AS side FROM ", side);
}

// Equal rows are one group: how many more of them one side has than the other.
static void compare_groups(struct buf *out, const struct compare_spec *c)
{
    const bool extra = c->kind == SINK_EXTRA;
    buf_text(out, " FROM (");
    compare_side(out, c, extra ? "-1" : "1");
    buf_text(out, SINK_COMPARE_TABLE " UNION ALL ");
    compare_side(out, c, extra ? "1" : "-1");
    dialect_name(out, c->dialect, c->spec->table);
    buf_printf(out, " WHERE " SINK_BATCH_COLUMN " = %llu) u GROUP BY ",
               (unsigned long long)c->batch);
    for (size_t i = 0; i < c->spec->count; i++) {
        const enum target_kind kind = c->targets[i].kind;
        const bool text = kind == TARGET_TEXT || kind == TARGET_BYTES || kind == TARGET_JSON;
        buf_text(out, i ? ", " : "");
        compare_grouped(out, text ? c->dialect->grouped_text : c->dialect->grouped, i);
    }
    buf_text(out, " HAVING SUM(u.side) > 0");
}

static void compare_appended(struct buf *out, const struct compare_spec *c, enum compare_what what)
{
    if (c->kind == SINK_CHANGED) {
        buf_text(out, "SELECT 0");
        return;
    }
    if (what == COMPARE_COUNT) {
        buf_text(out, "SELECT COALESCE(SUM(d.n), 0) FROM (SELECT SUM(u.side) AS n");
        compare_groups(out, c);
        buf_text(out, ") d");
        return;
    }
    buf_text(out, "SELECT ");
    for (size_t i = 0; i < c->spec->count; i++) {
        buf_text(out, i ? ", " : "");
        compare_grouped(out, c->dialect->shown, i);
    }
    compare_groups(out, c);
    buf_text(out, " ORDER BY 1 LIMIT 1");
}

// --- both ------------------------------------------------------------------------------------------

void compare_select(struct buf *out, const struct compare_spec *c, enum compare_what what)
{
    if (c->spec->mode == SINK_APPEND) {
        compare_appended(out, c, what);
        return;
    }
    const char *from = c->kind == SINK_EXTRA ? "t." : "e.";
    buf_text(out, "SELECT ");
    if (what == COMPARE_COUNT)
        buf_text(out, "COUNT(*)");
    else
        compare_columns(out, c->dialect, c->spec, from, ROWS_DELETE);
    buf_text(out, " FROM ");
    if (c->kind == SINK_EXTRA) {
        dialect_name(out, c->dialect, c->spec->table);
        buf_text(out, " t LEFT JOIN " SINK_COMPARE_TABLE " e");
    } else {
        buf_text(out, SINK_COMPARE_TABLE " e ");
        buf_text(out, c->kind == SINK_MISSING ? "LEFT JOIN " : "JOIN ");
        dialect_name(out, c->dialect, c->spec->table);
        buf_text(out, " t");
    }
    compare_join(out, c);
    compare_where(out, c);
    if (what == COMPARE_COUNT)
        return;
    buf_text(out, " ORDER BY ");
    compare_columns(out, c->dialect, c->spec, from, ROWS_DELETE);
    buf_text(out, " LIMIT 1");
}

static void compare_value(struct buf *out, const struct target *t, struct str v)
{
    const struct str shown = str_slice(v, 0, COMPARE_SHOWN_BYTES);
    if (t->kind == TARGET_BYTES)
        buf_hex(out, shown.p, shown.n);
    else
        buf_str(out, shown);
    if (shown.n < v.n)
        buf_text(out, "...");
}

void compare_key_text(char out[256], const struct compare_spec *c, const struct str *values)
{
    struct buf text;
    buf_init(&text, COMPARE_TEXT_MAX);
    for (size_t i = 0, n = 0; i < c->spec->count; i++) {
        if (!c->spec->columns[i].key && c->spec->mode == SINK_UPSERT)
            continue;
        const struct str value = values[n];
        buf_text(&text, n++ ? ", " : "");
        buf_str(&text, c->spec->columns[i].name);
        buf_text(&text, value.p ? "='" : "=NULL");
        if (!value.p)
            continue;
        compare_value(&text, &c->targets[i], value);
        buf_char(&text, '\'');
    }
    const struct str cut = str_slice(buf_view(&text), 0, 255);
    memcpy(out, cut.p, cut.n);
    out[cut.n] = '\0';
    buf_fini(&text);
}
