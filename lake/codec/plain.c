#include "lake/codec/codec.h"

#include "base/mem.h"

#include <assert.h>

// No compression: the text is the file. The structs only give the handles something to point to.
struct codec_writer {
    bool ended;
};

struct codec_reader {
    bool ended;
};

static struct codec_writer *plain_writer_new(void)
{
    return mem_zalloc(sizeof(struct codec_writer));
}

static void plain_writer_start(struct codec_writer *w)
{
    w->ended = false;
}

static bool plain_write(struct codec_writer *w, struct buf *out, struct str text,
                        enum codec_more more, struct err *e)
{
    assert(!w->ended);
    w->ended = more == CODEC_END;
    buf_str(out, text);
    return buf_ok(out, "encoded lake file", e);
}

static void plain_writer_free(struct codec_writer *w)
{
    mem_free(w);
}

static struct codec_reader *plain_reader_new(void)
{
    return mem_zalloc(sizeof(struct codec_reader));
}

static bool plain_read(struct codec_reader *r, struct buf *out, struct str *in, bool *ended,
                       struct err *e)
{
    r->ended = in->n == 0;
    *ended = r->ended;
    buf_str(out, *in);
    *in = (struct str){in->p + in->n, 0};
    return buf_ok(out, "lake file text", e);
}

static void plain_reader_free(struct codec_reader *r)
{
    mem_free(r);
}

const struct codec_type codec_plain = {
    .name = "none",
    .suffix = "",
    .writer_bytes = sizeof(struct codec_writer),
    .writer_new = plain_writer_new,
    .writer_start = plain_writer_start,
    .write = plain_write,
    .writer_free = plain_writer_free,
    .reader_new = plain_reader_new,
    .read = plain_read,
    .reader_free = plain_reader_free,
};

const struct codec_type *codec_of(enum lake_codec codec)
{
    assert(codec <= LAKE_ZSTD);
    switch (codec) {
    case LAKE_PLAIN:
        return &codec_plain;
    case LAKE_GZIP:
        return &codec_gzip;
    case LAKE_ZSTD:
        return &codec_zstd;
    }
    return NULL;
}
