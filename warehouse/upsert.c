#include "warehouse/upsert.h"

#include "warehouse/rejects_sql.h"

#include <assert.h>
#include <stdio.h>

static const char *const heads_names[HEADS_COLUMNS] = {
    [HEADS_JOB] = "job",       [HEADS_TASK] = "task",   [HEADS_OUTPUT] = "output",
    [HEADS_TARGET] = "target", [HEADS_BATCH] = "batch", [HEADS_DIGEST] = "digest",
    [HEADS_PREV] = "prev",     [HEADS_PLAN] = "plan",   [HEADS_UPDATED_AT] = "updated_at",
};

static bool check_name(const struct dialect *d, const char *what, struct str name, struct err *e)
{
    if (name.n == 0)
        return err_fail(e, ERR_CONFIG, "%s has no name", what);
    if (memchr(name.p, 0, name.n) || !utf8_valid(name.p, name.n))
        return err_fail(e, ERR_CONFIG, "%s name is not text", what);
    const bool octets = d->name_unit == TARGET_OCTETS;
    const size_t n = octets ? name.n : utf8_count(name);
    if (d->name_max && n > d->name_max)
        return err_fail(e, ERR_CONFIG, "%s name %.*s has %zu %s, %s allows %zu", what,
                        STR_ARG(name), n, octets ? "bytes" : "characters", d->name, d->name_max);
    return true;
}

bool upsert_check_spec(const struct sink_spec *spec, const struct dialect *d, struct err *e)
{
    assert(spec->count > 0 && spec->columns && spec->job && spec->output);
    if (!check_name(d, "table", spec->table, e))
        return false;
    if (str_eq_nocase(spec->table, STR(SINK_HEADS_TABLE)) ||
        str_eq_nocase(spec->table, STR(SINK_REJECTS_TABLE)))
        return err_fail(e, ERR_CONFIG, "table %.*s is Sluice's own", STR_ARG(spec->table));
    if (strlen(spec->job) > 128 || strlen(spec->output) > 255)
        return err_fail(e, ERR_CONFIG,
                        "job or output name is too long for " SINK_HEADS_TABLE
                        ": at most 128 and 255 bytes");
    for (size_t i = 0; i < spec->count; i++) {
        const struct str name = spec->columns[i].name;
        if (!check_name(d, "column", name, e))
            return err_wrap(e, "table %.*s", STR_ARG(spec->table));
        if (str_eq_nocase(name, STR(SINK_BATCH_COLUMN)))
            return err_fail(e, ERR_CONFIG, "table %.*s: column %s is Sluice's own",
                            STR_ARG(spec->table), SINK_BATCH_COLUMN);
        for (size_t j = 0; j < i; j++) {
            if (str_eq_nocase(name, spec->columns[j].name))
                return err_fail(e, ERR_CONFIG, "table %.*s: column %.*s twice",
                                STR_ARG(spec->table), STR_ARG(name));
        }
    }
    if (spec->mode == SINK_UPSERT && upsert_keys(spec) == 0)
        return err_fail(e, ERR_CONFIG, "table %.*s: an upsert needs a key column",
                        STR_ARG(spec->table));
    return true;
}

size_t upsert_keys(const struct sink_spec *spec)
{
    size_t n = 0;
    for (size_t i = 0; i < spec->count; i++)
        n += spec->columns[i].key;
    return n;
}

size_t upsert_params(const struct sink_spec *spec)
{
    return spec->count + (spec->mode == SINK_APPEND);
}

static bool in_key(const struct sink_spec *spec, size_t i)
{
    return spec->mode == SINK_UPSERT && spec->columns[i].key;
}

static void separate(struct buf *out, bool *first, const char *separator)
{
    if (!*first)
        buf_text(out, separator);
    *first = false;
}

static void key_list(struct buf *out, const struct dialect *d, const struct sink_spec *spec)
{
    bool first = true;
    for (size_t i = 0; i < spec->count; i++) {
        if (!in_key(spec, i))
            continue;
        separate(out, &first, ", ");
        dialect_name(out, d, spec->columns[i].name);
    }
}

struct creation {
    struct target *targets;
    const struct dialect *d;
    const struct sink_spec *spec;
    const char *collation; // of text keys
};

// Type, collation and nullability behind the name of column i.
static bool column_definition(struct buf *out, const struct creation *create, size_t i,
                              struct err *e)
{
    const struct dialect *d = create->d;
    struct target *t = &create->targets[i];
    struct sink_column c = create->spec->columns[i];
    c.key = in_key(create->spec, i);
    const bool timestamp = str_eq_nocase(str_slice(str_trim(c.sql_type), 0, 9), STR("timestamp"));
    if (!target_for_column(t, out, d, &c, e))
        return err_wrap(e, "table %.*s", STR_ARG(create->spec->table));
    if (c.key && t->kind == TARGET_TEXT && *create->collation) {
        buf_text(out, d->collate);
        buf_text(out, create->collation);
        t->padded = strstr(create->collation, "_bin") && !strstr(create->collation, "nopad") &&
                    !strstr(create->collation, "_0900_");
    }
    buf_text(out, c.key ? " NOT NULL" : " NULL");
    // Without a default of its own, MySQL's first TIMESTAMP NOT NULL sets itself to now at every update.
    if (c.key && timestamp && d->upsert == UPSERT_ON_DUPLICATE_KEY)
        buf_text(out, " DEFAULT '1970-01-01 00:00:01'");
    return true;
}

static void batch_definition(struct buf *out, const struct dialect *d)
{
    dialect_name(out, d, STR(SINK_BATCH_COLUMN));
    buf_text(out, " bigint NOT NULL");
    if (d->upsert != UPSERT_ON_DUPLICATE_KEY)
        return;
    buf_text(out, ",\n  KEY ");
    dialect_name(out, d, STR(SINK_BATCH_COLUMN));
    buf_text(out, " (");
    dialect_name(out, d, STR(SINK_BATCH_COLUMN));
    buf_char(out, ')');
}

bool upsert_create(struct buf *out, struct target *targets, const struct dialect *d,
                   const struct sink_spec *spec, const char *key_collation, struct err *e)
{
    const struct creation create = {targets, d, spec,
                                    key_collation ? key_collation : d->key_collation};
    buf_text(out, "CREATE TABLE IF NOT EXISTS ");
    dialect_name(out, d, spec->table);
    buf_text(out, " (");
    for (size_t i = 0; i < spec->count; i++) {
        buf_text(out, i ? ",\n  " : "\n  ");
        dialect_name(out, d, spec->columns[i].name);
        buf_char(out, ' ');
        if (!column_definition(out, &create, i, e))
            return false;
    }
    buf_text(out, ",\n  ");
    if (spec->mode == SINK_APPEND) {
        batch_definition(out, d);
    } else {
        buf_text(out, "PRIMARY KEY (");
        key_list(out, d, spec);
        buf_char(out, ')');
    }
    buf_text(out, "\n)");
    buf_text(out, d->table_suffix);
    return buf_ok(out, "the statement", e);
}

void upsert_create_batch_index(struct buf *out, const struct dialect *d,
                               const struct sink_spec *spec)
{
    char name[160];
    snprintf(name, sizeof name, "%.*s%s", (int)(spec->table.n > 120 ? 120 : spec->table.n),
             spec->table.p, SINK_BATCH_COLUMN);
    buf_text(out, "CREATE INDEX IF NOT EXISTS ");
    dialect_name(out, d, str_from(name));
    buf_text(out, " ON ");
    dialect_name(out, d, spec->table);
    buf_text(out, " (");
    dialect_name(out, d, STR(SINK_BATCH_COLUMN));
    buf_char(out, ')');
}

void upsert_add_batch_column(struct buf *out, const struct dialect *d, const struct sink_spec *spec)
{
    buf_text(out, "ALTER TABLE ");
    dialect_name(out, d, spec->table);
    buf_text(out, " ADD COLUMN ");
    dialect_name(out, d, STR(SINK_BATCH_COLUMN));
    // Rows that were there before belong to no batch.
    buf_text(out, " bigint NOT NULL DEFAULT 0");
    if (d->upsert == UPSERT_ON_DUPLICATE_KEY) {
        buf_text(out, ", ADD INDEX (");
        dialect_name(out, d, STR(SINK_BATCH_COLUMN));
        buf_char(out, ')');
    }
}

static void conflict_clause(struct buf *out, const struct dialect *d, const struct sink_spec *spec)
{
    const bool duplicate = d->upsert == UPSERT_ON_DUPLICATE_KEY;
    const bool only_keys = upsert_keys(spec) == spec->count;
    if (duplicate) {
        buf_text(out, " ON DUPLICATE KEY UPDATE ");
    } else {
        buf_text(out, " ON CONFLICT (");
        key_list(out, d, spec);
        buf_text(out, only_keys ? ") DO NOTHING" : ") DO UPDATE SET ");
        if (only_keys)
            return;
    }
    bool first = true;
    for (size_t i = 0; i < spec->count; i++) {
        // A table of keys only assigns a key to itself: MySQL has no DO NOTHING that keeps errors errors.
        if (in_key(spec, i) && !(only_keys && first))
            continue;
        separate(out, &first, ", ");
        dialect_name(out, d, spec->columns[i].name);
        buf_text(out, duplicate ? " = VALUES(" : " = excluded.");
        dialect_name(out, d, spec->columns[i].name);
        if (duplicate)
            buf_char(out, ')');
    }
}

static void column_list(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                        enum rows_kind kind)
{
    bool first = true;
    for (size_t i = 0; i < spec->count; i++) {
        if (kind == ROWS_DELETE && !in_key(spec, i))
            continue;
        separate(out, &first, ", ");
        dialect_name(out, d, spec->columns[i].name);
    }
    if (kind == ROWS_PUT && spec->mode == SINK_APPEND) {
        buf_text(out, ", ");
        dialect_name(out, d, STR(SINK_BATCH_COLUMN));
    }
}

void upsert_stage_create(struct buf *out, const struct dialect *d, const struct sink_spec *spec)
{
    buf_printf(out, "CREATE TEMPORARY TABLE IF NOT EXISTS %s ON COMMIT DELETE ROWS AS SELECT ",
               d->staging);
    column_list(out, d, spec, ROWS_PUT);
    buf_text(out, " FROM ");
    dialect_name(out, d, spec->table);
    buf_text(out, " WITH NO DATA");
}

void upsert_copy(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                 enum rows_kind kind)
{
    buf_text(out, "COPY ");
    if (spec->mode == SINK_APPEND)
        dialect_name(out, d, spec->table);
    else
        buf_text(out, d->staging);
    buf_text(out, " (");
    column_list(out, d, spec, kind);
    buf_text(out, ") FROM STDIN");
}

void upsert_from_stage(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                       enum rows_kind kind)
{
    assert(spec->mode == SINK_UPSERT);
    if (kind == ROWS_PUT) {
        buf_text(out, "INSERT INTO ");
        dialect_name(out, d, spec->table);
        buf_text(out, " (");
        column_list(out, d, spec, kind);
        buf_text(out, ") SELECT ");
        column_list(out, d, spec, kind);
        buf_printf(out, " FROM %s", d->staging);
        conflict_clause(out, d, spec);
        return;
    }
    buf_text(out, "DELETE FROM ");
    dialect_name(out, d, spec->table);
    buf_printf(out, " AS t USING %s AS s WHERE ", d->staging);
    bool first = true;
    for (size_t i = 0; i < spec->count; i++) {
        if (!in_key(spec, i))
            continue;
        separate(out, &first, " AND ");
        buf_text(out, "t.");
        dialect_name(out, d, spec->columns[i].name);
        buf_text(out, " = s.");
        dialect_name(out, d, spec->columns[i].name);
    }
}

void upsert_write(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                  size_t rows)
{
    const size_t params = upsert_params(spec);
    assert(rows > 0 && rows * params <= d->max_params);
    buf_text(out, "INSERT INTO ");
    dialect_name(out, d, spec->table);
    buf_text(out, " (");
    column_list(out, d, spec, ROWS_PUT);
    buf_text(out, ") VALUES ");
    for (size_t r = 0; r < rows; r++) {
        buf_text(out, r ? ", (" : "(");
        for (size_t i = 0; i < params; i++)
            buf_text(out, i ? ", ?" : "?");
        buf_char(out, ')');
    }
    if (spec->mode == SINK_UPSERT)
        conflict_clause(out, d, spec);
}

void upsert_delete(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                   size_t rows)
{
    assert(rows > 0 && spec->mode == SINK_UPSERT);
    buf_text(out, "DELETE FROM ");
    dialect_name(out, d, spec->table);
    buf_text(out, " WHERE ");
    // OR of ANDs: both optimizers see key ranges in it; (a, b) IN (…) is scanned by some versions.
    for (size_t r = 0; r < rows; r++) {
        buf_text(out, r ? " OR (" : "(");
        bool first = true;
        for (size_t i = 0; i < spec->count; i++) {
            if (!in_key(spec, i))
                continue;
            separate(out, &first, " AND ");
            dialect_name(out, d, spec->columns[i].name);
            buf_text(out, " = ?");
        }
        buf_char(out, ')');
    }
}

void upsert_delete_rows(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                        enum upsert_gone gone)
{
    assert(gone == UPSERT_ALL_GONE || spec->mode == SINK_APPEND);
    buf_text(out, "DELETE FROM ");
    dialect_name(out, d, spec->table);
    if (gone == UPSERT_ALL_GONE)
        return;
    buf_text(out, " WHERE ");
    dialect_name(out, d, STR(SINK_BATCH_COLUMN));
    buf_text(out, " = ?");
}

void upsert_count(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                  uint64_t batch)
{
    assert(batch == 0 || spec->mode == SINK_APPEND);
    buf_text(out, "SELECT COUNT(*) FROM ");
    dialect_name(out, d, spec->table);
    if (batch == 0)
        return;
    buf_text(out, " WHERE ");
    dialect_name(out, d, STR(SINK_BATCH_COLUMN));
    buf_printf(out, " = %llu", (unsigned long long)batch);
}

static void heads_table(struct buf *out, const struct dialect *d)
{
    dialect_name(out, d, STR(SINK_HEADS_TABLE));
}

static void heads_where(struct buf *out, const struct dialect *d)
{
    buf_text(out, " WHERE ");
    for (size_t i = HEADS_JOB; i <= HEADS_TARGET; i++) {
        if (i)
            buf_text(out, " AND ");
        dialect_name(out, d, str_from(heads_names[i]));
        buf_text(out, " = ?");
    }
}

void upsert_heads_create(struct buf *out, const struct dialect *d)
{
    buf_text(out, "CREATE TABLE IF NOT EXISTS ");
    heads_table(out, d);
    buf_text(out, " (");
    for (size_t i = 0; i < HEADS_COLUMNS; i++) {
        buf_text(out, "\n  ");
        dialect_name(out, d, str_from(heads_names[i]));
        buf_printf(out, " %s,", d->head_types[i]);
    }
    buf_text(out, "\n  PRIMARY KEY (");
    for (size_t i = HEADS_JOB; i <= HEADS_TARGET; i++) {
        if (i)
            buf_text(out, ", ");
        dialect_name(out, d, str_from(heads_names[i]));
    }
    buf_text(out, ")\n)");
    buf_text(out, d->table_suffix);
}

void upsert_heads_insert(struct buf *out, const struct dialect *d)
{
    buf_text(out, "INSERT INTO ");
    heads_table(out, d);
    buf_text(out, " (");
    for (size_t i = 0; i < HEADS_COLUMNS; i++) {
        if (i)
            buf_text(out, ", ");
        dialect_name(out, d, str_from(heads_names[i]));
    }
    buf_text(out, ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
}

void upsert_heads_select(struct buf *out, const struct dialect *d)
{
    buf_text(out, "SELECT ");
    for (size_t i = HEADS_BATCH; i <= HEADS_PLAN; i++) {
        if (i > HEADS_BATCH)
            buf_text(out, ", ");
        dialect_name(out, d, str_from(heads_names[i]));
    }
    buf_text(out, " FROM ");
    heads_table(out, d);
    heads_where(out, d);
    buf_text(out, d->lock_suffix);
}

void upsert_heads_update(struct buf *out, const struct dialect *d)
{
    buf_text(out, "UPDATE ");
    heads_table(out, d);
    buf_text(out, " SET ");
    for (size_t i = HEADS_BATCH; i <= HEADS_UPDATED_AT; i++) {
        if (i > HEADS_BATCH)
            buf_text(out, ", ");
        dialect_name(out, d, str_from(heads_names[i]));
        buf_text(out, " = ?");
    }
    heads_where(out, d);
}

static void describe_staged(struct buf *out, const struct dialect *d, const struct sink_spec *spec)
{
    if (spec->mode == SINK_APPEND) {
        upsert_copy(out, d, spec, ROWS_PUT);
        buf_text(out, ";\n");
        return;
    }
    upsert_stage_create(out, d, spec);
    buf_text(out, ";\n");
    static const enum rows_kind kinds[] = {ROWS_DELETE, ROWS_PUT};
    for (size_t i = 0; i < 2; i++) {
        upsert_copy(out, d, spec, kinds[i]);
        buf_text(out, ";\n");
        upsert_from_stage(out, d, spec, kinds[i]);
        buf_text(out, ";\n");
    }
}

bool upsert_describe(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                     struct err *e)
{
    if (!upsert_check_spec(spec, d, e))
        return false;
    struct target *targets = MEM_ARRAY(struct target, spec->count);
    const size_t start = out->n;
    const bool ok = upsert_create(out, targets, d, spec, NULL, e);
    mem_free(targets);
    if (!ok)
        return false;
    if (spec->create == SINK_CREATE_NEVER)
        out->n = start;
    else
        buf_text(out, ";\n");
    if (spec->mode == SINK_APPEND && spec->create == SINK_CREATE_IF_ABSENT &&
        d->upsert == UPSERT_ON_CONFLICT) {
        upsert_create_batch_index(out, d, spec);
        buf_text(out, ";\n");
    }
    upsert_heads_create(out, d);
    buf_text(out, ";\n");
    rejects_sql_create(out, d);
    buf_text(out, ";\n");
    upsert_heads_select(out, d);
    buf_text(out, ";\n");
    if (d->staging) {
        describe_staged(out, d, spec);
    } else {
        if (spec->mode == SINK_UPSERT) {
            upsert_delete(out, d, spec, 1);
            buf_text(out, ";\n");
        }
        upsert_write(out, d, spec, 1);
        buf_text(out, ";\n");
    }
    upsert_heads_update(out, d);
    buf_text(out, ";\n");
    return buf_ok(out, "the statements", e);
}
