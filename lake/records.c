#include "lake/inspect_internal.h"

#include "lake/codec/codec.h"
#include "lake/format/format.h"
#include "lake/store/store.h"

#include <assert.h>

enum { TEXT_MAX = 1 << 30 };

struct lake_records {
    const struct format_type *format;
    const struct codec_type *codec;
    struct codec_reader *reader;
    struct lake_record_sink sink;
    struct buf text;  // decoded, not yet handed out
    unsigned headers; // still to come
};

bool lake_file_types(const struct format_type **out, const struct codec_type **out_codec,
                     struct str name, struct err *e)
{
    for (int f = LAKE_JSONL; f <= LAKE_CSV; f++) {
        for (int c = LAKE_PLAIN; c <= LAKE_ZSTD; c++) {
            const struct format_type *format = format_of((enum lake_format)f);
            const struct codec_type *codec = codec_of((enum lake_codec)c);
            struct str left = name;
            if (!str_ends(left, str_from(codec->suffix)))
                continue;
            left = str_slice(left, 0, left.n - strlen(codec->suffix));
            if (!str_ends(left, str_from(format->suffix)))
                continue;
            *out = format;
            *out_codec = codec;
            return true;
        }
    }
    return err_fail(e, ERR_DATA, "%.*s has no known extension", STR_ARG(name));
}

static struct str without_end(struct str line)
{
    if (line.n > 0 && line.p[line.n - 1] == '\n')
        line.n--;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

static enum lake_next hand_out(struct lake_records *r, struct str line, struct err *e)
{
    enum lake_record kind = r->headers > 0 ? LAKE_RECORD_HEADER : LAKE_RECORD_ROW;
    r->headers -= r->headers > 0;
    return r->sink.take(r->sink.arg, kind, without_end(line), e);
}

static enum lake_next hand_out_all(struct lake_records *r, struct err *e)
{
    enum lake_next next = LAKE_NEXT_GO;
    size_t from = 0;
    while (next == LAKE_NEXT_GO && from < r->text.n) {
        struct str rest = {r->text.p + from, r->text.n - from};
        size_t n = r->format->record(rest);
        if (n == 0)
            break;
        next = hand_out(r, str_slice(rest, 0, n), e);
        from += n;
    }
    if (from > 0) {
        memmove(r->text.p, r->text.p + from, r->text.n - from);
        r->text.n -= from;
    }
    return next;
}

bool lake_records_new(struct lake_records **out, struct str name, struct lake_record_sink sink,
                      struct err *e)
{
    struct lake_records r = {.sink = sink};
    if (!lake_file_types(&r.format, &r.codec, name, e))
        return false;
    r.headers = r.format->header_records;
    buf_init(&r.text, TEXT_MAX);
    r.reader = r.codec->reader_new();
    *out = mem_alloc(sizeof **out);
    **out = r;
    return true;
}

void lake_records_free(struct lake_records *r)
{
    if (!r)
        return;
    r->codec->reader_free(r->reader);
    buf_fini(&r->text);
    mem_free(r);
}

enum lake_next lake_records_feed(struct lake_records *r, struct str piece, struct err *e)
{
    bool ended = false;
    enum lake_next next = LAKE_NEXT_GO;
    do {
        if (!r->codec->read(r->reader, &r->text, &piece, &ended, e))
            return LAKE_NEXT_FAILED;
        next = hand_out_all(r, e);
    } while (next == LAKE_NEXT_GO && piece.n > 0);
    return next;
}

enum lake_next lake_records_end(struct lake_records *r, struct err *e)
{
    bool ended = false;
    struct str none = STR("");
    if (!r->codec->read(r->reader, &r->text, &none, &ended, e))
        return LAKE_NEXT_FAILED;
    return r->text.n > 0 ? hand_out(r, buf_view(&r->text), e) : LAKE_NEXT_GO;
}

static enum lake_next read_all(struct lake_records *r, struct store_file *f, struct err *e)
{
    enum lake_next next = LAKE_NEXT_GO;
    struct str piece;
    enum store_read got = STORE_DATA;
    while (next == LAKE_NEXT_GO && (got = store_read(&piece, f, e)) == STORE_DATA)
        next = lake_records_feed(r, piece, e);
    if (got == STORE_FAILED)
        return LAKE_NEXT_FAILED;
    return next == LAKE_NEXT_GO ? lake_records_end(r, e) : next;
}

bool lake_file_records_as(const char *path, struct str name, struct lake_record_sink sink,
                          struct err *e)
{
    assert(path && sink.take);
    struct lake_records *r;
    if (!lake_records_new(&r, name, sink, e))
        return false;
    struct store_file *f = NULL;
    enum store_read opened = store_open(&f, path, e);
    bool ok = opened == STORE_DATA;
    if (opened == STORE_MISSING)
        err_fail(e, ERR_IO, "%s does not exist", path);
    else if (ok)
        ok = read_all(r, f, e) != LAKE_NEXT_FAILED || err_wrap(e, "%s", path);
    lake_records_free(r);
    store_close(f);
    return ok;
}

bool lake_file_records(const char *path, struct lake_record_sink sink, struct err *e)
{
    return lake_file_records_as(path, str_from(path), sink, e);
}
