#include "lake/codec/codec.h"

#include "base/mem.h"

#include <assert.h>
#include <zstd.h>

// Level 3 with a 256 KiB window and half of its tables, so that 64 open partitions cost 90 MB and not 230. No threads: the
// bytes depend on the text alone. A frame carries a checksum of its content.
enum { LEVEL = 3, WINDOW_LOG = 18, HASH_LOG = 16, CHAIN_LOG = 15 };
enum { ROOM = CODEC_CHUNK + 32 * 1024, WRITER_BYTES = 1435041 }; // as ZSTD_estimateCStreamSize says

struct codec_writer {
    ZSTD_CCtx *z;
    bool ended;
};

struct codec_reader {
    ZSTD_DCtx *z;
    bool ended;
};

static void zstd_set(ZSTD_CCtx *z, ZSTD_cParameter name, int value)
{
    size_t rc = ZSTD_CCtx_setParameter(z, name, value);
    assert(!ZSTD_isError(rc));
}

static void zstd_writer_start(struct codec_writer *w)
{
    size_t rc = ZSTD_CCtx_reset(w->z, ZSTD_reset_session_and_parameters);
    assert(!ZSTD_isError(rc));
    zstd_set(w->z, ZSTD_c_compressionLevel, LEVEL);
    zstd_set(w->z, ZSTD_c_windowLog, WINDOW_LOG);
    zstd_set(w->z, ZSTD_c_hashLog, HASH_LOG);
    zstd_set(w->z, ZSTD_c_chainLog, CHAIN_LOG);
    zstd_set(w->z, ZSTD_c_checksumFlag, 1);
    w->ended = false;
}

static struct codec_writer *zstd_writer_new(void)
{
    struct codec_writer *w = mem_zalloc(sizeof *w);
    w->z = ZSTD_createCCtx();
    assert(w->z);
    zstd_writer_start(w);
    return w;
}

static bool zstd_write(struct codec_writer *w, struct buf *out, struct str text,
                       enum codec_more more, struct err *e)
{
    assert(!w->ended);
    w->ended = more == CODEC_END;
    ZSTD_inBuffer in = {text.p, text.n, 0};
    ZSTD_EndDirective how = more == CODEC_END ? ZSTD_e_end : ZSTD_e_continue;
    for (;;) {
        char *p = buf_room(out, ROOM);
        if (!p)
            return buf_ok(out, "zstd output", e);
        ZSTD_outBuffer to = {p, ROOM, 0};
        size_t rest = ZSTD_compressStream2(w->z, &to, &in, how);
        if (ZSTD_isError(rest))
            return err_fail(e, ERR_BUG, "zstd: %s", ZSTD_getErrorName(rest));
        out->n += to.pos;
        if (more == CODEC_END ? rest == 0 : in.pos == in.size)
            return true;
    }
}

static void zstd_writer_free(struct codec_writer *w)
{
    if (!w)
        return;
    ZSTD_freeCCtx(w->z);
    mem_free(w);
}

static struct codec_reader *zstd_reader_new(void)
{
    struct codec_reader *r = mem_zalloc(sizeof *r);
    r->z = ZSTD_createDCtx();
    assert(r->z);
    return r;
}

static bool zstd_read(struct codec_reader *r, struct buf *out, struct str *in, bool *ended,
                      struct err *e)
{
    *ended = r->ended;
    if (r->ended && in->n == 0)
        return true;
    if (r->ended)
        return err_fail(e, ERR_DATA, "zstd: %zu bytes behind the end of the frame", in->n);
    if (in->n == 0)
        return err_fail(e, ERR_DATA, "zstd: the file ends inside the frame");
    ZSTD_inBuffer from = {in->p, in->n, 0};
    for (bool full = true; full && !r->ended;) {
        char *p = buf_room(out, ROOM);
        if (!p)
            return buf_ok(out, "zstd text", e);
        ZSTD_outBuffer to = {p, ROOM, 0};
        size_t rest = ZSTD_decompressStream(r->z, &to, &from);
        if (ZSTD_isError(rest))
            return err_fail(e, ERR_DATA, "zstd: %s", ZSTD_getErrorName(rest));
        out->n += to.pos;
        full = to.pos == to.size || from.pos < from.size;
        r->ended = rest == 0;
    }
    *in = (struct str){in->p + from.pos, in->n - from.pos};
    *ended = r->ended;
    return true;
}

static void zstd_reader_free(struct codec_reader *r)
{
    if (!r)
        return;
    ZSTD_freeDCtx(r->z);
    mem_free(r);
}

const struct codec_type codec_zstd = {
    .name = "zstd",
    .suffix = ".zst",
    .writer_bytes = WRITER_BYTES,
    .writer_new = zstd_writer_new,
    .writer_start = zstd_writer_start,
    .write = zstd_write,
    .writer_free = zstd_writer_free,
    .reader_new = zstd_reader_new,
    .read = zstd_read,
    .reader_free = zstd_reader_free,
};
