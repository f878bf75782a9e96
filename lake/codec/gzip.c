#include "lake/codec/codec.h"

#include "base/mem.h"

#include <assert.h>
#include <libdeflate.h>
#include <zlib.h>

// Every chunk of text is one gzip member (RFC 1952, 2.2: a file is a series of members), made in one call of libdeflate at
// level 1. So the bytes are a function of the chunks alone: no state is carried over, and libdeflate computes the same on every
// processor. Members have no time and no name. Reading is zlib's: any series of members, whoever wrote them.
enum {
    LEVEL = 1,
    WRITER_BYTES = 256 * 1024, // of a compressor, about
    ROOM = 128 * 1024,
    WINDOW_BITS = 15 + 16, // + 16: gzip, not zlib
};

struct codec_writer {
    struct libdeflate_compressor *z;
    bool begun, ended;
};

struct codec_reader {
    z_stream z;
    bool ended; // the last member is complete
};

static void gzip_writer_start(struct codec_writer *w)
{
    w->begun = w->ended = false;
}

static struct codec_writer *gzip_writer_new(void)
{
    struct codec_writer *w = mem_zalloc(sizeof *w);
    w->z = libdeflate_alloc_compressor(LEVEL);
    assert(w->z); // as mem_alloc: no memory is the end
    return w;
}

static bool gzip_write(struct codec_writer *w, struct buf *out, struct str text,
                       enum codec_more more, struct err *e)
{
    assert(!w->ended);
    w->ended = more == CODEC_END;
    if (text.n == 0 && (w->begun || more == CODEC_MORE))
        return true; // only an empty file needs a member without text
    w->begun = true;
    size_t room = libdeflate_gzip_compress_bound(w->z, text.n);
    char *p = buf_room(out, room);
    if (!p)
        return buf_ok(out, "gzip output", e);
    size_t n = libdeflate_gzip_compress(w->z, text.p, text.n, p, room);
    assert(n > 0 && n <= room); // 0 = more than the bound
    out->n += n;
    return true;
}

static void gzip_writer_free(struct codec_writer *w)
{
    libdeflate_free_compressor(w->z);
    mem_free(w);
}

static struct codec_reader *gzip_reader_new(void)
{
    struct codec_reader *r = mem_zalloc(sizeof *r);
    int rc = inflateInit2(&r->z, WINDOW_BITS);
    assert(rc == Z_OK); // as mem_alloc
    return r;
}

static bool gzip_inflate(struct codec_reader *r, struct buf *out, struct err *e)
{
    char *p = buf_room(out, ROOM);
    if (!p)
        return buf_ok(out, "gzip text", e);
    r->z.next_out = (Bytef *)p;
    r->z.avail_out = ROOM;
    int rc = inflate(&r->z, Z_NO_FLUSH);
    out->n += ROOM - r->z.avail_out;
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return err_fail(e, ERR_DATA, "gzip: damaged data (%s)", r->z.msg ? r->z.msg : zError(rc));
    r->ended = rc == Z_STREAM_END;
    return true;
}

static bool gzip_read(struct codec_reader *r, struct buf *out, struct str *in, bool *ended,
                      struct err *e)
{
    assert(in->n <= UINT32_MAX);
    *ended = r->ended;
    if (in->n == 0)
        return r->ended || err_fail(e, ERR_DATA, "gzip: the file ends inside the stream");
    // zlib only reads next_in; its type has no const. NOLINTNEXTLINE(performance-no-int-to-ptr)
    r->z.next_in = (Bytef *)(uintptr_t)in->p;
    r->z.avail_in = (uInt)in->n;
    do {
        if (r->ended) { // another member
            inflateReset(&r->z);
            r->ended = false;
        }
        if (!gzip_inflate(r, out, e))
            return false;
    } while (r->z.avail_in > 0 || r->z.avail_out == 0);
    in->p += in->n;
    in->n = 0;
    *ended = r->ended;
    return true;
}

static void gzip_reader_free(struct codec_reader *r)
{
    inflateEnd(&r->z);
    mem_free(r);
}

const struct codec_type codec_gzip = {
    .name = "gzip",
    .suffix = ".gz",
    .writer_bytes = WRITER_BYTES,
    .writer_new = gzip_writer_new,
    .writer_start = gzip_writer_start,
    .write = gzip_write,
    .writer_free = gzip_writer_free,
    .reader_new = gzip_reader_new,
    .read = gzip_read,
    .reader_free = gzip_reader_free,
};
