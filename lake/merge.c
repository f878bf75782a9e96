#include "lake/merge.h"

#include "base/durable.h"
#include "lake/inspect_internal.h"
#include "lake/part.h"
#include "lake/store/store.h"

#include <assert.h>

struct merging {
    struct part *part;
    const char *line_end;
    uint64_t at, from, to; // of the segment's file
};

static const char *merge_path(const struct lake *s, struct arena *a, const struct lake_file *f,
                              enum merge_where where)
{
    return lake_path(a, s, where == MERGE_STAGED ? f->staged : f->path);
}

static bool merge_is_whole(const struct lake_file *f, const char *path, struct err *e)
{
    enum store_content content;
    if (!store_compare(&content, path, f->bytes, f->checksum, e))
        return false;
    if (content == STORE_SAME)
        return true;
    err_fail(e, ERR_DATA, "%s %s", path,
             content == STORE_ABSENT ? "is missing" : "is not what was published");
    return err_hint(e, "sluice lake verify, sluice audit JOB: a backfill of its batches writes "
                       "them again");
}

// --- header ------------------------------------------------------------------------------------------------------

struct header {
    struct arena *a;
    struct str text;
    const char *line_end;
};

static enum lake_next header_take(void *arg, enum lake_record kind, struct str line, struct err *e)
{
    struct header *h = arg;
    (void)e;
    if (kind == LAKE_RECORD_HEADER)
        h->text = arena_printf(h->a, "%.*s%s", STR_ARG(line), h->line_end);
    return LAKE_NEXT_STOP;
}

bool merge_header(struct str *out, struct arena *a, struct lake *s, const struct lake_file *f,
                  enum merge_where where, struct err *e)
{
    const struct format_type *format;
    const struct codec_type *codec;
    if (!lake_file_types(&format, &codec, f->path, e))
        return false;
    struct header h = {a, STR(""), format->line_end};
    const char *path = merge_path(s, a, f, where);
    struct err why;
    bool ok = format->header_records == 0 ||
              lake_file_records_as(path, f->path, (struct lake_record_sink){header_take, &h}, e);
    *out = h.text;
    if (!ok && !merge_is_whole(f, path, &why)) // says more than what its decoder found
        *e = why;
    return ok;
}

// --- rows --------------------------------------------------------------------------------------------------------

static enum lake_next merge_take(void *arg, enum lake_record kind, struct str line, struct err *e)
{
    struct merging *x = arg;
    if (kind == LAKE_RECORD_HEADER)
        return LAKE_NEXT_GO;
    if (x->at == x->to)
        return LAKE_NEXT_STOP;
    if (x->at++ < x->from)
        return LAKE_NEXT_GO;
    struct buf *text = &x->part->text;
    buf_str(text, line);
    buf_text(text, x->line_end);
    x->part->rows++;
    if (text->n < CODEC_CHUNK && !text->failed)
        return LAKE_NEXT_GO;
    return part_feed(x->part, e) ? LAKE_NEXT_GO : LAKE_NEXT_FAILED;
}

static bool merge_segment(struct merging *x, struct lake *lake, const struct merge_segment *v,
                          struct err *e)
{
    struct arena *a = arena_new(NULL);
    const char *path = merge_path(lake, a, v->file, v->where);
    uint64_t before = x->part->rows;
    x->at = 0;
    x->from = v->from;
    x->to = v->from + v->rows;
    bool ok =
        merge_is_whole(v->file, path, e) &&
        lake_file_records_as(path, v->file->path, (struct lake_record_sink){merge_take, x}, e);
    if (ok && x->part->rows - before != v->rows)
        ok = err_fail(e, ERR_DATA, "%s has %llu rows from row %llu on, not the %llu published",
                      path, (unsigned long long)(x->part->rows - before),
                      (unsigned long long)v->from, (unsigned long long)v->rows);
    arena_free(a);
    return ok;
}

// --- the file ----------------------------------------------------------------------------------------------------

// A split slot's files are neighbours.
static size_t merge_add(struct lake_slot_rows *slots, size_t count, const struct lake_slot_rows *s)
{
    struct lake_slot_rows *last = count > 0 ? &slots[count - 1] : NULL;
    if (!last || last->slot != s->slot) {
        assert(!last || last->slot < s->slot);
        slots[count] = *s;
        return count + 1;
    }
    last->rows += s->rows;
    last->rows_hash += s->rows_hash;
    last->time_min = s->time_min < last->time_min ? s->time_min : last->time_min;
    last->time_max = s->time_max > last->time_max ? s->time_max : last->time_max;
    return count;
}

// What the new file holds, slot by slot.
static void merge_slots(struct lake_file *out, struct arena *a, const struct merge_segment *v,
                        size_t n)
{
    size_t most = 0, count = 0;
    for (size_t i = 0; i < n; i++)
        most += v[i].slot_count;
    struct lake_slot_rows *slots = ARENA_ZARRAY(a, struct lake_slot_rows, most + 1);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < v[i].slot_count; k++)
            count = merge_add(slots, count, &v[i].slots[k]);
    out->slots = slots;
    out->slot_count = count;
    out->rows_hash = 0;
    out->time_min = INT64_MAX;
    out->time_max = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        out->rows_hash += slots[i].rows_hash;
        out->time_min = slots[i].time_min < out->time_min ? slots[i].time_min : out->time_min;
        out->time_max = slots[i].time_max > out->time_max ? slots[i].time_max : out->time_max;
    }
}

static bool merge_rows(struct part_env *env, struct lake_file *out, struct merge *m,
                       const struct merge_segment *v, size_t n, struct err *e)
{
    struct part *part = part_new(env, v[0].file->partition);
    struct merging x = {.part = part, .line_end = env->format->line_end};
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = merge_segment(&x, m->lake, &v[i], e);
    ok = ok && part_close(part, e);
    if (ok) {
        assert(env->files.n == 1);
        *out = env->files.v[0];
        merge_slots(out, m->a, v, n);
    }
    part_free(part);
    return ok;
}

bool merge_file(struct lake_file *out, struct merge *m, struct str path,
                const struct merge_segment *v, size_t n, struct err *e)
{
    assert(n > 0 && v[0].slot_count > 0);
    const struct lake_file *first = v[0].file;
    uint64_t number;
    struct lake_output output = {.name = first->output, .kind = LAKE_STREAM};
    struct part_env env = {.lake = m->lake,
                           .a = m->a,
                           .output = &output,
                           .staged_dir = m->dir,
                           .slot = v[0].slots[0].slot,
                           .staged_count = m->count++};
    struct buf dir;
    buf_init(&dir, LAYOUT_PATH_MAX);
    layout_output(&dir, LAKE_STREAM, first->output);
    env.final_dir = arena_str(m->a, buf_view(&dir));
    buf_fini(&dir);
    bool ok = lake_file_types(&env.format, &env.codec, first->path, e) &&
              merge_header(&env.header, m->a, m->lake, first, v[0].where, e) &&
              merge_rows(&env, out, m, v, n, e);
    out->path = arena_str(m->a, path);
    if (ok && !layout_read_file(&out->slot, &number, path))
        ok = err_fail(e, ERR_BUG, "%.*s is no name of a lake file", STR_ARG(path));
    if (env.idle)
        env.codec->writer_free(env.idle);
    vec_fini(&env.files);
    return ok || err_wrap(e, "output %.*s, partition %.*s", STR_ARG(first->output),
                          STR_ARG(first->partition));
}
