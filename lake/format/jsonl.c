#include "lake/format/format.h"

#include <assert.h>

// JSON lines: one object per row, field names as in SQL, "\n" after each.
struct format_writer {
    const struct encoder *encoder;
};

static bool jsonl_open(const struct format_writer **out, struct arena *a,
                       const struct serde_column *columns, size_t count, struct err *e)
{
    struct format_writer *w = ARENA_NEW(a, struct format_writer);
    const struct serde_spec spec = {
        .format = SERDE_JSON,
        .columns = columns,
        .count = count,
        .wrapping = SERDE_WRAPPED,
    };
    if (!encoder_new(&w->encoder, a, &spec, e))
        return false;
    *out = w;
    return true;
}

static void jsonl_header(const struct format_writer *w, struct buf *out)
{
    (void)w;
    (void)out;
}

static void jsonl_row(const struct format_writer *w, struct buf *out, const struct column *columns,
                      uint32_t row)
{
    encoder_row(w->encoder, out, columns, row);
    buf_char(out, '\n');
}

static size_t jsonl_record(struct str text)
{
    const char *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
    return end ? (size_t)(end - text.p) + 1 : 0;
}

const struct format_type format_jsonl = {
    .name = "jsonl",
    .suffix = ".jsonl",
    .header_records = 0,
    .line_end = "\n",
    .open = jsonl_open,
    .header = jsonl_header,
    .row = jsonl_row,
    .record = jsonl_record,
};

const struct format_type *format_of(enum lake_format format)
{
    assert(format <= LAKE_CSV);
    switch (format) {
    case LAKE_JSONL:
        return &format_jsonl;
    case LAKE_CSV:
        return &format_csv;
    }
    return NULL;
}

enum lake_format format_of_path(struct str path)
{
    struct str head, name = path;
    while (str_split_once(&head, &name, name, '/'))
        ;
    return str_split_once(&head, &name, name, '.') && str_starts(name, STR("csv")) ? LAKE_CSV
                                                                                   : LAKE_JSONL;
}
