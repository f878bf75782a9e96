#include "lake/compact.h"

#include "base/durable.h"
#include "base/vec.h"
#include "lake/codec/codec.h"
#include "lake/format/format.h"
#include "lake/inspect_internal.h"
#include "lake/merge.h"

#include <assert.h>
#include <stdlib.h>

// --- which -------------------------------------------------------------------------------------------------------

struct candidate {
    const struct lake_ls_file *file;
    uint64_t slot, n; // of its name
    const struct format_type *format;
    const struct codec_type *codec;
};

struct choice {
    struct lake *lake;
    struct arena *a;
    const struct lake_ls_output *output;
    const struct lake_compact_policy *policy;
    VEC(struct lake_merge) merges;
};

static int by_slot(const void *x, const void *y)
{
    const struct candidate *a = x;
    const struct candidate *b = y;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return str_cmp(a->file->file.path, b->file->file.path);
}

static uint64_t file_bytes(const struct candidate *c)
{
    return c->file->file.bytes;
}

// The end of the slot that begins at v[i]: its files stay together.
static size_t slot_end(const struct candidate *v, size_t i, size_t n)
{
    size_t end = i + 1;
    while (end < n && v[end].slot == v[i].slot)
        end++;
    return end;
}

static uint64_t sum_bytes(const struct candidate *v, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += file_bytes(&v[i]);
    return sum;
}

static void choose_run(struct choice *x, const struct candidate *v, size_t n)
{
    size_t least = x->policy->min_files > 2 ? x->policy->min_files : 2;
    uint64_t bytes = sum_bytes(v, n);
    while (x->policy->how == LAKE_COMPACT_TIERED && n >= least) {
        size_t end = slot_end(v, 0, n);
        uint64_t first = sum_bytes(v, end);
        if (first <= bytes - first)
            break;
        bytes -= first;
        v += end;
        n -= end;
    }
    if (n < least)
        return;
    struct lake_ls_file *files = ARENA_ARRAY(x->a, struct lake_ls_file, n);
    struct lake_merge merge = {
        .output = x->output, .files = files, .count = n, .bytes = bytes, .rows = 0};
    for (size_t i = 0; i < n; i++) {
        files[i] = *v[i].file;
        merge.rows += files[i].file.rows;
    }
    vec_push(&x->merges, merge);
}

// Other columns, another header line: such files stay apart.
static bool choose_by_header(struct choice *x, const struct candidate *v, size_t n, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct str first = STR("");
    size_t from = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        struct str header;
        ok = merge_header(&header, a, x->lake, &v[i].file->file, MERGE_PUBLISHED, e);
        if (!ok || (i > 0 && str_eq(header, first)))
            continue;
        if (i > from)
            choose_run(x, v + from, i - from);
        from = i;
        first = header;
    }
    if (ok)
        choose_run(x, v + from, n - from);
    arena_free(a);
    return ok;
}

static bool choose_end(struct choice *x, const struct candidate *v, size_t n, struct err *e)
{
    size_t least = x->policy->min_files > 2 ? x->policy->min_files : 2;
    if (n < least)
        return true;
    if (v[0].format->header_records > 0)
        return choose_by_header(x, v, n, e);
    choose_run(x, v, n);
    return true;
}

// Cuts a partition's files into runs that fit together.
static bool choose_partition(struct choice *x, const struct candidate *v, size_t n, struct err *e)
{
    size_t from = 0;
    uint64_t bytes = 0;
    for (size_t i = 0, end; i < n; i = end) {
        end = slot_end(v, i, n);
        uint64_t more = sum_bytes(v + i, end - i);
        bool fits = i > from && bytes + more <= x->policy->max_bytes;
        for (size_t k = i; fits && k < end; k++)
            fits = v[k].format == v[from].format && v[k].codec == v[from].codec;
        if (fits) {
            bytes += more;
            continue;
        }
        if (!choose_end(x, v + from, i - from, e))
            return false;
        from = i;
        bytes = more;
        bool alike = more <= x->policy->max_bytes;
        for (size_t k = i; alike && k < end; k++)
            alike = v[k].format == v[i].format && v[k].codec == v[i].codec;
        if (!alike) { // stands alone
            from = end;
            bytes = 0;
        }
    }
    return choose_end(x, v + from, n - from, e);
}

static bool choose_files(struct choice *x, const struct lake_ls_partition *p, struct err *e)
{
    struct candidate *v = mem_alloc(mem_array_bytes(p->file_count + 1, sizeof *v));
    size_t n = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < p->file_count; i++) {
        struct candidate c = {.file = &p->files[i]};
        struct str path = c.file->file.path;
        ok = lake_file_types(&c.format, &c.codec, path, e);
        if (ok && layout_read_file(&c.slot, &c.n, path))
            v[n++] = c;
    }
    if (ok && n > 1) {
        qsort(v, n, sizeof *v, by_slot);
        ok = choose_partition(x, v, n, e);
    }
    mem_free(v);
    return ok;
}

bool lake_compact_choose(struct lake_merges *out, struct arena *a, struct lake *s,
                         const struct lake_ls_output *o, const struct lake_compact_policy *policy,
                         struct err *e)
{
    struct choice x = {.lake = s, .a = a, .output = o, .policy = policy};
    bool ok = true;
    assert(o->kind == LAKE_STREAM);
    for (size_t i = 0; ok && i < o->partition_count; i++) {
        size_t before = x.merges.n;
        ok = choose_files(&x, &o->partitions[i], e);
        if (ok || policy->unreadable == LAKE_COMPACT_REFUSE ||
            (e->kind != ERR_DATA && e->kind != ERR_IO))
            continue;
        policy->left(policy->left_arg, &o->partitions[i].files[0].file, e);
        err_clear(e);
        x.merges.n = before;
        ok = true;
    }
    struct lake_merge *v = ARENA_ARRAY(a, struct lake_merge, x.merges.n + 1);
    if (x.merges.n > 0)
        memcpy(v, x.merges.v, x.merges.n * sizeof *v);
    *out = (struct lake_merges){v, x.merges.n};
    vec_fini(&x.merges);
    return ok;
}

// --- new files ---------------------------------------------------------------------------------------------------

static int by_slot_and_file(const void *x, const void *y)
{
    const struct merge_segment *a = x;
    const struct merge_segment *b = y;
    if (a->slots->slot != b->slots->slot)
        return a->slots->slot < b->slots->slot ? -1 : 1;
    return (a->file > b->file) - (a->file < b->file); // in one array, in order
}

// A file's rows, slot by slot.
static size_t stage_parts(struct merge_segment *out, const struct lake_ls_file *f,
                          struct lake_slot_rows *own)
{
    *own = (struct lake_slot_rows){f->slot, f->file.rows, f->file.rows_hash, f->file.time_min,
                                   f->file.time_max};
    const struct lake_slot_rows *slots = f->file.slot_count ? f->file.slots : own;
    size_t n = f->file.slot_count ? f->file.slot_count : 1;
    uint64_t from = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = (struct merge_segment){.file = &f->file,
                                        .from = from,
                                        .rows = slots[i].rows,
                                        .slots = &slots[i],
                                        .slot_count = 1};
        from += slots[i].rows;
    }
    return n;
}

// Neighbours that are neighbours in their file, too.
static size_t stage_join(struct merge_segment *v, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        struct merge_segment *last = count > 0 ? &v[count - 1] : NULL;
        if (last && last->file == v[i].file && last->slots + last->slot_count == v[i].slots) {
            last->rows += v[i].rows;
            last->slot_count++;
        } else {
            v[count++] = v[i];
        }
    }
    return count;
}

// Compacted files may enclose others: what dead letters gave later is in a file of its own.
static bool stage_merge(struct lake_file *out, struct merge *m, const struct lake_merge *merge,
                        struct err *e)
{
    struct arena *a = arena_new(NULL);
    size_t most = 0, n = 0;
    for (size_t i = 0; i < merge->count; i++)
        most += merge->files[i].file.slot_count + 1;
    struct merge_segment *v = ARENA_ZARRAY(a, struct merge_segment, most);
    struct lake_slot_rows *own = ARENA_ZARRAY(a, struct lake_slot_rows, merge->count);
    for (size_t i = 0; i < merge->count; i++)
        n += stage_parts(v + n, &merge->files[i], &own[i]);
    qsort(v, n, sizeof *v, by_slot_and_file);
    n = stage_join(v, n);
    bool ok = merge_file(out, m, merge->files[0].file.path, v, n, e);
    arena_free(a);
    return ok;
}

static void stage_output(struct lake_manifest *m, const struct lake_ls_output *o)
{
    for (size_t i = 0; i < m->output_count; i++)
        if (str_eq(m->outputs[i].name, o->name))
            return;
    m->outputs[m->output_count++] = (struct lake_manifest_output){.name = o->name,
                                                                  .schema = o->schema,
                                                                  .kind = o->kind,
                                                                  .format = o->format,
                                                                  .partitioning = o->partitioning};
}

static bool stage_all(struct lake_manifest *out, struct merge *m,
                      const struct lake_compact_spec *spec, struct err *e)
{
    size_t sources = 0;
    for (size_t i = 0; i < spec->count; i++)
        sources += spec->merges[i].count;
    struct lake_file *files = ARENA_ZARRAY(m->a, struct lake_file, spec->count + 1);
    struct lake_file *replaced = ARENA_ZARRAY(m->a, struct lake_file, sources + 1);
    out->files = files;
    out->replaced = replaced;
    out->outputs = ARENA_ZARRAY(m->a, struct lake_manifest_output, spec->count + 1);
    for (size_t i = 0; i < spec->count; i++) {
        const struct lake_merge *merge = &spec->merges[i];
        if (spec->cancel && atomic_load(spec->cancel))
            return err_fail(e, ERR_CANCELLED, "stopped: nothing was decided");
        if (!stage_merge(&files[out->count++], m, merge, e))
            return false;
        for (size_t k = 0; k < merge->count; k++)
            replaced[out->replaced_count++] = merge->files[k].file;
        stage_output(out, merge->output);
    }
    return true;
}

bool lake_compact_stage(struct lake_manifest *out, struct arena *a, struct lake *s,
                        const struct lake_compact_spec *spec, struct err *e)
{
    struct str staging = lake_staging_dir(a, str_from(spec->job), spec->task, spec->batch);
    struct merge m = {.lake = s, .a = a, .dir = arena_printf(a, "%.*s/o0", STR_ARG(staging))};
    *out = (struct lake_manifest){.job = str_from(spec->job),
                                  .task = spec->task,
                                  .batch = spec->batch,
                                  .slot = spec->batch,
                                  .kind = STR("compact"),
                                  .ranges_json = STR("")};
    return durable_remove_tree(s->durable, "lake.clean", lake_path(a, s, staging), e) &&
           durable_mkdirs(s->durable, "lake.stage.mkdir", lake_path(a, s, m.dir), 0777, e) &&
           stage_all(out, &m, spec, e) &&
           durable_fsync_dir(s->durable, "lake.stage.fsync_dir", lake_path(a, s, m.dir), e) &&
           lake_sync_above(s, a, m.dir, e);
}
