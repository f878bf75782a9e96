#include "lake/compact.h"

#include "base/durable.h"
#include "lake/inspect_internal.h"
#include "lake/merge.h"
#include "lake/store/store.h"

#include <assert.h>

struct splice {
    struct merge merge;
    const struct lake_splice_spec *spec;
    const struct lake_manifest *m;
    bool *taken;             // by m->files: their rows went into a compacted file
    struct lake_file *files; // compacted files written anew
    size_t file_count;
};

static const struct lake_slot_rows *splice_slot(const struct lake_file *f, uint64_t slot)
{
    for (size_t i = 0; i < f->slot_count; i++)
        if (f->slots[i].slot == slot)
            return &f->slots[i];
    return NULL;
}

// A file without one of its slots goes only when the others are about to be written again.
static bool splice_damaged(struct splice *x, const struct lake_file *f, struct err *e)
{
    unsigned long long first = f->slots[0].slot, last = f->slots[f->slot_count - 1].slot;
    for (size_t i = 0; i < f->slot_count; i++) {
        bool again = f->slots[i].slot == x->spec->slot;
        for (size_t k = 0; !again && k < x->spec->again_count; k++)
            again = x->spec->again[k] == f->slots[i].slot;
        if (again)
            continue;
        err_fail(e, ERR_DATA,
                 "%.*s is not what was published: the rows of batch %llu in it cannot be kept",
                 STR_ARG(f->path), (unsigned long long)f->slots[i].slot);
        return err_hint(e, "a backfill of all its batches (%llu to %llu) writes them again", first,
                        last);
    }
    return true;
}

enum splice_source { SPLICE_WHOLE, SPLICE_DAMAGED, SPLICE_FAILED };

static enum splice_source splice_source(struct splice *x, const struct lake_file *f, struct err *e)
{
    enum store_content content;
    struct arena *a = arena_new(NULL);
    bool ok =
        store_compare(&content, lake_path(a, x->merge.lake, f->path), f->bytes, f->checksum, e);
    arena_free(a);
    return !ok ? SPLICE_FAILED : content == STORE_SAME ? SPLICE_WHOLE : SPLICE_DAMAGED;
}

// Can the staged file's rows stand in f?
static bool splice_alike(bool *out, struct splice *x, const struct lake_file *f,
                         const struct lake_file *staged, struct err *e)
{
    const struct format_type *format, *other;
    const struct codec_type *codec, *other_codec;
    struct str header, other_header;
    if (!lake_file_types(&format, &codec, f->path, e) ||
        !lake_file_types(&other, &other_codec, staged->path, e))
        return false;
    *out = format == other && codec == other_codec;
    if (!*out)
        return true;
    if (!merge_header(&header, x->merge.a, x->merge.lake, f, MERGE_PUBLISHED, e) ||
        !merge_header(&other_header, x->merge.a, x->merge.lake, staged, MERGE_STAGED, e))
        return false;
    *out = str_eq(header, other_header);
    return true;
}

// The rows of some neighbouring slots of f as one segment; none: no segment.
static size_t splice_keep(struct merge_segment *out, const struct lake_file *f, size_t first,
                          size_t end)
{
    uint64_t from = 0, rows = 0;
    for (size_t i = 0; i < end; i++)
        *(i < first ? &from : &rows) += f->slots[i].rows;
    *out = (struct merge_segment){.file = f,
                                  .from = from,
                                  .rows = rows,
                                  .slots = f->slots + first,
                                  .slot_count = end - first};
    return end > first;
}

static size_t splice_new(struct merge_segment *out, struct splice *x, const struct lake_file *f,
                         struct lake_slot_rows *slots)
{
    size_t n = 0;
    for (size_t i = 0; i < x->m->count; i++) {
        const struct lake_file *s = &x->m->files[i];
        if (!str_eq(s->output, f->output) || !str_eq(s->partition, f->partition) || s->version > 0)
            continue;
        slots[n] =
            (struct lake_slot_rows){x->spec->slot, s->rows, s->rows_hash, s->time_min, s->time_max};
        out[n] = (struct merge_segment){
            .file = s, .where = MERGE_STAGED, .rows = s->rows, .slots = &slots[n], .slot_count = 1};
        x->taken[i] = true;
        n++;
    }
    return n;
}

// A staged file that keeps to itself has the name.
static bool splice_collides(const struct splice *x, const struct lake_file *f)
{
    for (size_t i = 0; i < x->m->count; i++)
        if (!x->taken[i] && str_eq(x->m->files[i].path, f->path))
            return true;
    return false;
}

// Another one: n is our batch, as no other file's.
static struct str splice_rename(struct arena *a, const struct lake_file *f, uint64_t batch)
{
    uint64_t slot = 0, n;
    struct str base = path_base(f->path), head, suffix = STR("");
    struct buf out;
    (void)layout_read_file(&slot, &n, f->path);
    (void)str_split_once(&head, &suffix, base, '.');
    buf_init(&out, LAYOUT_PATH_MAX);
    buf_str(&out, str_slice(f->path, 0, f->path.n - base.n));
    layout_file(&out, slot, batch);
    buf_char(&out, '.');
    buf_str(&out, suffix);
    struct str path = arena_str(a, buf_view(&out));
    buf_fini(&out);
    return path;
}

static bool splice_write(struct splice *x, const struct lake_file *f, bool with_new, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct merge_segment *v = ARENA_ZARRAY(a, struct merge_segment, x->m->count + 2);
    struct lake_slot_rows *slots = ARENA_ZARRAY(a, struct lake_slot_rows, x->m->count + 1);
    size_t before = 0, n;
    while (before < f->slot_count && f->slots[before].slot < x->spec->slot)
        before++;
    size_t after = before + (splice_slot(f, x->spec->slot) != NULL);
    n = splice_keep(v, f, 0, before);
    if (with_new)
        n += splice_new(v + n, x, f, slots);
    n += splice_keep(v + n, f, after, f->slot_count);
    struct str path = splice_collides(x, f) ? splice_rename(a, f, x->m->batch) : f->path;
    bool ok = n == 0 || merge_file(&x->files[x->file_count++], &x->merge, path, v, n, e);
    arena_free(a);
    return ok;
}

static const struct lake_file *splice_staged(const struct splice *x, const struct lake_file *f)
{
    for (size_t i = 0; i < x->m->count; i++) {
        const struct lake_file *s = &x->m->files[i];
        if (!x->taken[i] && s->version == 0 && str_eq(s->output, f->output) &&
            str_eq(s->partition, f->partition))
            return s;
    }
    return NULL;
}

// *gone: f has a successor, or none: not that it stays as it is.
static bool splice_file(bool *gone, struct splice *x, const struct lake_file *f, struct err *e)
{
    bool alike = false;
    const struct lake_file *staged = splice_staged(x, f);
    bool must = splice_slot(f, x->spec->slot) != NULL || splice_collides(x, f);
    switch (splice_source(x, f, e)) {
    case SPLICE_FAILED:
        return false;
    case SPLICE_DAMAGED:
        *gone = must;
        return !must || splice_damaged(x, f, e);
    case SPLICE_WHOLE:
        break;
    }
    if (staged && !splice_alike(&alike, x, f, staged, e))
        return false;
    *gone = must || alike;
    return !*gone || splice_write(x, f, alike, e);
}

static bool splice_open(struct splice *x, struct err *e)
{
    struct lake *s = x->merge.lake;
    struct arena *a = x->merge.a;
    return durable_mkdirs(s->durable, "lake.stage.mkdir", lake_path(a, s, x->merge.dir), 0777, e);
}

static bool splice_close(struct splice *x, struct err *e)
{
    struct lake *s = x->merge.lake;
    struct arena *a = x->merge.a;
    return durable_fsync_dir(s->durable, "lake.stage.fsync_dir", lake_path(a, s, x->merge.dir),
                             e) &&
           lake_sync_above(s, a, x->merge.dir, e);
}

static bool splice_any(const struct lake_manifest *m)
{
    for (size_t i = 0; i < m->replaced_count; i++)
        if (m->replaced[i].slot_count > 0)
            return true;
    return false;
}

bool lake_splice(struct lake_manifest *m, struct arena *a, struct lake *s,
                 const struct lake_splice_spec *spec, struct err *e)
{
    if (!splice_any(m))
        return true;
    struct str staging = lake_staging_dir(a, m->job, m->task, m->batch);
    size_t most = m->count + m->replaced_count;
    struct splice x = {
        .merge = {.lake = s, .a = a, .dir = arena_printf(a, "%.*s/spliced", STR_ARG(staging))},
        .spec = spec,
        .m = m,
        .taken = ARENA_ZARRAY(a, bool, m->count + 1),
        .files = ARENA_ZARRAY(a, struct lake_file, most + 1),
    };
    struct lake_file *replaced = ARENA_ZARRAY(a, struct lake_file, m->replaced_count + 1);
    size_t replaced_count = 0;
    bool ok = splice_open(&x, e);
    for (size_t i = 0; ok && i < m->replaced_count; i++) {
        const struct lake_file *f = &m->replaced[i];
        bool gone = true;
        ok = f->slot_count == 0 || splice_file(&gone, &x, f, e);
        if (gone)
            replaced[replaced_count++] = *f;
    }
    if (!ok || !splice_close(&x, e))
        return err_wrap(e, "batch %llu in the place of batch %llu", (unsigned long long)m->batch,
                        (unsigned long long)spec->slot);
    for (size_t i = 0; i < m->count; i++)
        if (!x.taken[i])
            x.files[x.file_count++] = m->files[i];
    assert(x.file_count <= most);
    m->files = x.files;
    m->count = x.file_count;
    m->replaced = replaced;
    m->replaced_count = replaced_count;
    return true;
}
