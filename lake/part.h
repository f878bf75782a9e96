// One partition directory (or snapshot version) of a batch being staged: rows become text, text becomes compressed files under
// staging-N. Inside lake/ only. Text goes to the codec in pieces of CODEC_CHUNK, a file ends only between rows, so that the
// bytes depend on the rows alone. A partition whose text never fills one piece holds neither codec nor file until it is closed.
//
// Order: part_new; (append a row to part->text; part_row)*; part_close. After a failure only part_free is allowed.
#ifndef LAKE_PART_H
#define LAKE_PART_H

#include "lake/codec/codec.h"
#include "lake/format/format.h"
#include "lake/lake_internal.h"

#include "base/hash.h"
#include "base/vec.h"

enum { PART_ROW_MAX = 1 << 30, PART_WRITE = 128 * 1024 }; // bytes of one row; file bytes per write

// What all partitions of an output share.
struct part_env {
    struct lake *lake;
    struct arena *a; // the stage's
    const struct lake_output *output;
    const struct format_type *format;
    const struct format_writer *writer;
    struct str header; // what every file begins with
    const struct codec_type *codec;
    struct codec_writer *idle; // one spare codec writer, for the small ones
    struct str staged_dir;     // relative, "…/staging-N/o0"
    struct str final_dir;      // relative, "streams/<output>"
    uint64_t slot, version;    // version: snapshots, else 0
    uint64_t first;            // n of a partition's first file <slot>-<n>
    uint64_t staged_count;     // files named so far
    uint64_t bytes;            // written, all partitions
    size_t memory;             // buffers and codecs, all partitions
    VEC(struct lake_file) files;
};

struct part {
    struct part_env *env;
    struct str partition; // "year=…", "version=N" or ""
    struct buf text;      // rows not yet given to the codec
    struct buf out;       // file bytes not yet written
    struct codec_writer *codec;
    int fd;            // -1 = no file yet
    struct str staged; // relative path of the open file
    struct hasher sum; // of the file's bytes
    uint64_t number;   // n of <slot>-<n>
    uint64_t bytes;    // of the file: written and in out
    uint64_t rows, rows_hash;
    int64_t time_min, time_max;
    size_t memory; // its share of env->memory
};

struct part *part_new(struct part_env *env, struct str partition);
// The row at the end of part->text is complete. hash: xxh64 of its row codec bytes.
static inline void part_count(struct part *p, uint64_t hash)
{
    p->rows++;
    p->rows_hash += hash;
}
static inline void part_time(struct part *p, int64_t ms)
{
    p->time_min = ms < p->time_min ? ms : p->time_min;
    p->time_max = ms > p->time_max ? ms : p->time_max;
}
bool part_feed(struct part *p, struct err *e) ERR_CHECKED; // when text.n >= CODEC_CHUNK
// Ends the open file: everything written and fsynced, its lake_file added to env->files.
bool part_close(struct part *p, struct err *e) ERR_CHECKED;
void part_free(struct part *p); // closes without writing; NULL is fine

#endif
