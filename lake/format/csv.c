#include "lake/format/format.h"

#include "schema/text.h"

#include <assert.h>

// RFC 4180 with a header line: CRLF line ends, quotes where a field holds a comma, a quote or a line end. NULL is an empty field
// and the empty string is "", so that they stay apart. Scalars print as CAST(x AS STRING), nested values as JSON.
struct format_writer {
    const struct serde_column *columns;
    const struct encoder **nested; // per column, NULL for scalars
    size_t count;
};

static bool csv_open(const struct format_writer **out, struct arena *a,
                     const struct serde_column *columns, size_t count, struct err *e)
{
    struct format_writer *w = ARENA_NEW(a, struct format_writer);
    w->columns = columns;
    w->count = count;
    w->nested = ARENA_ZARRAY(a, const struct encoder *, count);
    for (size_t i = 0; i < count; i++) {
        const struct serde_spec spec = {
            .format = SERDE_JSON,
            .columns = &columns[i],
            .count = 1,
            .wrapping = SERDE_UNWRAPPED,
        };
        if (type_is_nested(columns[i].type) && !encoder_new(&w->nested[i], a, &spec, e))
            return false;
    }
    *out = w;
    return true;
}

static bool needs_quotes(struct str field)
{
    if (field.n == 0)
        return true;
    for (size_t i = 0; i < field.n; i++) {
        char c = field.p[i];
        if (c == ',' || c == '"' || c == '\n' || c == '\r')
            return true;
    }
    return field.p[0] == ' ' || field.p[field.n - 1] == ' ';
}

static void put_quoted(struct buf *out, struct str field)
{
    buf_char(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < field.n; i++) {
        if (field.p[i] != '"')
            continue;
        buf_str(out, str_slice(field, from, i + 1));
        from = i;
    }
    buf_str(out, str_slice(field, from, field.n));
    buf_char(out, '"');
}

static void put_field(struct buf *out, struct str field)
{
    if (needs_quotes(field))
        put_quoted(out, field);
    else
        buf_str(out, field);
}

// Printed in place; only a field that needs quotes is copied once more.
static void put_cell(const struct format_writer *w, size_t i, struct buf *out,
                     const struct column *c, uint32_t row)
{
    if (!column_is_valid(c, row))
        return;
    if (c->type->kind == TYPE_STRING) {
        put_field(out, c->str[row]);
        return;
    }
    size_t from = out->n;
    if (w->nested[i])
        encoder_row(w->nested[i], out, c, row);
    else
        text_cell(out, c, row);
    if (out->failed || !needs_quotes((struct str){out->p + from, out->n - from}))
        return;
    struct buf copy;
    buf_init(&copy, out->max);
    buf_put(&copy, out->p + from, out->n - from);
    out->n = from;
    put_quoted(out, buf_view(&copy));
    buf_fini(&copy);
}

static void csv_header(const struct format_writer *w, struct buf *out)
{
    for (size_t i = 0; i < w->count; i++) {
        if (i > 0)
            buf_char(out, ',');
        put_field(out, w->columns[i].name);
    }
    buf_text(out, "\r\n");
}

static void csv_row(const struct format_writer *w, struct buf *out, const struct column *columns,
                    uint32_t row)
{
    size_t from = out->n;
    for (size_t i = 0; i < w->count; i++) {
        if (i > 0)
            buf_char(out, ',');
        put_cell(w, i, out, &columns[i], row);
    }
    // A line with nothing on it is skipped by most readers: one NULL column is written as a quoted empty field.
    if (w->count == 1 && out->n == from)
        buf_text(out, "\"\"");
    buf_text(out, "\r\n");
}

// A line end inside quotes belongs to the field; a doubled quote leaves and enters again.
static size_t csv_record(struct str text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            quoted = !quoted;
        else if (text.p[i] == '\n' && !quoted)
            return i + 1;
    }
    return 0;
}

// The field at the beginning of `rest`, which it is taken off. false: a quote where none may be.
static bool csv_field(struct str *out, struct str *rest, struct arena *a)
{
    size_t n = 0;
    if (rest->n == 0 || rest->p[0] != '"') {
        while (n < rest->n && rest->p[n] != ',' && rest->p[n] != '"')
            n++;
        *out = n > 0 ? str_slice(*rest, 0, n) : STR_NONE;
        *rest = str_slice(*rest, n, rest->n);
        return rest->n == 0 || rest->p[0] == ',';
    }
    char *text = arena_alloc(a, rest->n);
    for (size_t i = 1; i < rest->n; i++) {
        bool quote = rest->p[i] == '"';
        if (quote && (i + 1 == rest->n || rest->p[i + 1] != '"')) {
            *out = (struct str){text, n};
            *rest = str_slice(*rest, i + 1, rest->n);
            return rest->n == 0 || rest->p[0] == ',';
        }
        i += quote;
        text[n++] = rest->p[i];
    }
    return false;
}

size_t csv_fields(struct str *out, size_t max, struct arena *a, struct str record)
{
    for (size_t n = 0; n < max;) {
        if (!csv_field(&out[n++], &record, a))
            return 0;
        if (record.n == 0)
            return n;
        record = str_slice(record, 1, record.n);
    }
    return 0;
}

const struct format_type format_csv = {
    .name = "csv",
    .suffix = ".csv",
    .header_records = 1,
    .line_end = "\r\n",
    .open = csv_open,
    .header = csv_header,
    .row = csv_row,
    .record = csv_record,
};
