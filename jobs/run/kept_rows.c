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

static void kept_bad(struct decode_result *out, struct arena *a, uint32_t row,
                     const struct serde_column *c, struct str text)
{
    if (out->status[row] == DECODE_BAD)
        return;
    out->status[row] = DECODE_BAD;
    out->reason[row] = arena_printf(a, "column %.*s: %.*s is not what a row of this type prints as",
                                    STR_ARG(c->name), STR_ARG(str_slice(text, 0, 80)));
}

static void kept_nested(const struct kept_rows *r, size_t i, struct column *out,
                        struct decode_result *result, struct arena *a, const struct column *text,
                        uint32_t n)
{
    struct payload *cells = ARENA_ZARRAY(a, struct payload, n + 1);
    struct decode_result own = {.status = ARENA_ZARRAY(a, uint8_t, n + 1),
                                .reason = ARENA_ZARRAY(a, struct str, n + 1)};
    for (uint32_t k = 0; k < n; k++)
        if (column_is_valid(text, k))
            cells[k] = (struct payload){text->str[k].p, text->str[k].n};
    decoder_run(r->nested[i], out, &own, a, cells, n);
    for (uint32_t k = 0; k < n; k++)
        if (own.status[k] == DECODE_BAD)
            kept_bad(result, a, k, &r->columns[i], text->str[k]);
}

// As CAST reads it, when that prints as the text again: so nothing is rounded or cut.
static void kept_scalar(const struct kept_rows *r, size_t i, struct column *out,
                        struct decode_result *result, struct arena *a, const struct column *text,
                        uint32_t n)
{
    uint8_t *error = ARENA_ZARRAY(a, uint8_t, n + 1);
    struct buf again;
    buf_init(&again, 1 << 30);
    cast_column(out, a, text, NULL, n, error);
    for (uint32_t k = 0; k < n; k++) {
        if (!column_is_valid(text, k))
            continue;
        buf_clear(&again);
        if (!error[k] && column_is_valid(out, k))
            text_cell(&again, out, k);
        if (error[k] || !str_eq(buf_view(&again), text->str[k]))
            kept_bad(result, a, k, &r->columns[i], text->str[k]);
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
        if (r->nested[i])
            kept_nested(r, i, &columns[i], out, a, &text[i], n);
        else if (r->columns[i].type->kind == TYPE_STRING)
            columns[i] = text[i];
        else
            kept_scalar(r, i, &columns[i], out, a, &text[i], n);
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
