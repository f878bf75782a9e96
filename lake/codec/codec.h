// Compression of lake files: text in, file bytes out, and back. One file per codec, one vtable each.
//
// Writing: writer_new, then per file writer_start, write(CODEC_MORE)*, write(CODEC_END) once. The bytes depend only on the
// sequence of chunks given, so that a caller who cuts its text at fixed places gets the same file for the same text, whether the
// writer is new or used. No time stamp, no file name, no threads. Reading: reader_new, read() until *ended; bytes behind the end
// are an error.
// A writer or reader is owned by one thread; the vtables are immutable.
#ifndef LAKE_CODEC_CODEC_H
#define LAKE_CODEC_CODEC_H

#include "lake/lake.h"

#include "base/buf.h"

enum {
    CODEC_CHUNK = 64 * 1024
}; // text per write() of the stage; part of the files' bytes: fixed for ever

enum codec_more { CODEC_MORE, CODEC_END };

struct codec_writer;
struct codec_reader;

struct codec_type {
    const char *name;    // as in the configuration: "gzip"
    const char *suffix;  // ".gz"
    size_t writer_bytes; // memory of one writer, for the stage's limit
    struct codec_writer *(*writer_new)(void);
    void (*writer_start)(struct codec_writer *w);
    ERR_CHECKED bool (*write)(struct codec_writer *w, struct buf *out, struct str text,
                              enum codec_more more, struct err *e);
    void (*writer_free)(struct codec_writer *w);
    struct codec_reader *(*reader_new)(void);
    // Appends decoded text to out and takes what it used from *in; *ended when the stream is complete.
    ERR_CHECKED bool (*read)(struct codec_reader *r, struct buf *out, struct str *in, bool *ended,
                             struct err *e);
    void (*reader_free)(struct codec_reader *r);
};

extern const struct codec_type codec_plain;
extern const struct codec_type codec_gzip;
extern const struct codec_type codec_zstd;

const struct codec_type *codec_of(enum lake_codec codec);

#endif
