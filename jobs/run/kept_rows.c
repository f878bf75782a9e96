#include "jobs/run/kept_rows.h"

#include "jobs/run/doc.h"
#include "lake/format/format.h"
#include "schema/cast.h"
#include "schema/text.h"

#include <assert.h>

struct kept_rows {
    const struct serde_column *columns;
    size_t count;
    const struct decoder *line;    // a line of JSON
    const struct decoder **nested; // CSV: per column, NULL for scalars
};

struct kept_file {
    const struct kept_rows *rows;
    struct arena *a;
    struct str path;
    bool csv;
    size_t fields;   // CSV: of a record
    size_t *columns; // CSV: field of each wanted column
};

// --- opening ---------------------------------------------------------------------------------------------------------

bool kept_rows_new(const struct kept_rows **out, struct arena *a,
                   const struct serde_column *columns, size_t count, struct err *e)
{
    struct kept_rows *r = ARENA_NEW(a, struct kept_rows);
    const struct serde_spec line = {.format = SERDE_JSON, .columns = columns, .count = count};
    r->columns = columns;
    r->count = count;
    r->nested = ARENA_ZARRAY(a, const struct decoder *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct serde_spec cell = {
            .format = SERDE_JSON, .columns = &columns[i], .count = 1, .wrapping = SERDE_UNWRAPPED};
        if (type_is_nested(columns[i].type) && !decoder_new(&r->nested[i], a, &cell, e))
            return false;
    }
    *out = r;
    return decoder_new(&r->line, a, &line, e);
}

void kept_file_new(struct kept_file **out, struct arena *a, const struct kept_rows *rows,
                   struct str path)
{
    struct kept_file *f = ARENA_NEW(a, struct kept_file);
    f->rows = rows;
    f->a = a;
    f->path = path;
    f->csv = format_of_path(path) == LAKE_CSV;
    f->columns = ARENA_ZARRAY(a, size_t, rows->count + 1);
    *out = f;
}

static bool kept_file_lacks(const struct kept_file *f, size_t column, struct err *e)
{
    return err_fail(e, ERR_DATA, "%.*s has no column %.*s: other SQL wrote it", STR_ARG(f->path),
                    STR_ARG(f->rows->columns[column].name));
}

static bool kept_file_header(struct kept_file *f, struct str line, struct err *e)
{
    size_t most = 1;
    for (size_t i = 0; i < line.n; i++)
        most += line.p[i] == ',';
    struct str *names = ARENA_ZARRAY(f->a, struct str, most);
    f->fields = csv_fields(names, most, f->a, line);
    for (size_t i = 0; i < f->rows->count; i++) {
        size_t at = 0;
        while (at < f->fields && !str_eq(names[at], f->rows->columns[i].name))
            at++;
        if (at == f->fields)
            return kept_file_lacks(f, i, e);
        f->columns[i] = at;
    }
    return true;
}

// Every row of a file has the same members, NULL or not.
static bool kept_file_members(const struct kept_file *f, struct str line, struct err *e)
{
    json_error_t why;
    json_t *j = json_loadb(line.p, line.n, JSON_ALLOW_NUL, &why);
    bool ok = true;
    for (size_t i = 0; ok && j && i < f->rows->count; i++)
        ok = json_object_get(j, arena_str(f->a, f->rows->columns[i].name).p) ||
             kept_file_lacks(f, i, e);
    json_decref(j);
    return ok; // a line that is no JSON is the decoder's to tell
}

bool kept_file_begin(struct kept_file *f, struct str line, bool *is_row, struct err *e)
{
    *is_row = !f->csv;
    return f->csv ? kept_file_header(f, line, e) : kept_file_members(f, line, e);
}

// --- CSV -------------------------------------------------------------------------------------------------------------

// The text of one column's cells, and where what is wrong with them goes.
struct kept_cells {
    const struct kept_rows *rows;
    size_t i; // of the column
    const struct column *text;
    uint32_t n;
    struct decode_result *out;
    struct arena *a;
};

static void kept_bad(const struct kept_cells *c, uint32_t row)
{
    if (c->out->status[row] == DECODE_BAD)
        return;
    c->out->status[row] = DECODE_BAD;
    c->out->reason[row] = arena_printf(
        c->a, "column %.*s: %.*s is not what a row of this type prints as",
        STR_ARG(c->rows->columns[c->i].name), STR_ARG(str_slice(c->text->str[row], 0, 80)));
}

static void kept_nested(struct column *out, const struct kept_cells *c)
{
    struct payload *cells = ARENA_ZARRAY(c->a, struct payload, c->n + 1);
    struct decode_result own = {.status = ARENA_ZARRAY(c->a, uint8_t, c->n + 1),
                                .reason = ARENA_ZARRAY(c->a, struct str, c->n + 1)};
    for (uint32_t k = 0; k < c->n; k++)
        if (column_is_valid(c->text, k))
            cells[k] = (struct payload){c->text->str[k].p, c->text->str[k].n};
    decoder_run(c->rows->nested[c->i], out, &own, c->a, cells, c->n);
    for (uint32_t k = 0; k < c->n; k++)
        if (own.status[k] == DECODE_BAD)
            kept_bad(c, k);
}

// As CAST reads it, when that prints as the text again: so nothing is rounded or cut.
static void kept_scalar(struct column *out, const struct kept_cells *c)
{
    uint8_t *error = ARENA_ZARRAY(c->a, uint8_t, c->n + 1);
    struct buf again;
    buf_init(&again, 1 << 30);
    cast_column(out, c->a, c->text, NULL, c->n, error);
    for (uint32_t k = 0; k < c->n; k++) {
        if (!column_is_valid(c->text, k))
            continue;
        buf_clear(&again);
        if (!error[k] && column_is_valid(out, k))
            text_cell(&again, out, k);
        if (error[k] || !str_eq(buf_view(&again), c->text->str[k]))
            kept_bad(c, k);
    }
    buf_fini(&again);
}

static void kept_csv(const struct kept_file *f, struct column *columns, struct decode_result *out,
                     struct arena *a, const struct payload *lines, uint32_t n)
{
    const struct kept_rows *r = f->rows;
    struct str *fields = ARENA_ZARRAY(a, struct str, f->fields + 1);
    struct column *text = ARENA_ZARRAY(a, struct column, r->count + 1);
    for (size_t i = 0; i < r->count; i++) {
        column_init(&text[i], a, type_scalar(TYPE_STRING), n);
        column_need_valid(&text[i], a, n);
    }
    for (uint32_t k = 0; k < n; k++) {
        const struct str line = {lines[k].p, lines[k].n};
        bool whole = csv_fields(fields, f->fields, a, line) == f->fields;
        out->status[k] = whole ? DECODE_OK : DECODE_BAD;
        if (!whole)
            out->reason[k] = arena_printf(a, "not a record of %zu fields", f->fields);
        for (size_t i = 0; i < r->count; i++) {
            struct str field = whole ? fields[f->columns[i]] : STR_NONE;
            text[i].valid[k] = field.p != NULL;
            text[i].str[k] = field.p ? field : STR("");
        }
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct kept_cells cells = {r, i, &text[i], n, out, a};
        if (r->nested[i])
            kept_nested(&columns[i], &cells);
        else if (r->columns[i].type->kind == TYPE_STRING)
            columns[i] = text[i];
        else
            kept_scalar(&columns[i], &cells);
    }
}

void kept_file_decode(const struct kept_file *f, struct column *columns, struct decode_result *out,
                      struct arena *a, const struct payload *lines, uint32_t n)
{
    if (f->csv)
        kept_csv(f, columns, out, a, lines, n);
    else
        decoder_run(f->rows->line, columns, out, a, lines, n);
}
