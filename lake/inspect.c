#include "lake/inspect_internal.h"

#include "base/durable.h"
#include "base/map.h"
#include "base/vec.h"
#include "lake/layout/ljson.h"
#include "lake/store/store.h"

#include <assert.h>
#include <stdlib.h>

// --- manifests -----------------------------------------------------------------------------------

struct history {
    struct lake *lake;
    struct arena *a;
    VEC(struct lake_manifest) found;
    VEC(struct lake_claim) claims;
};

static bool read_manifest(struct lake_manifest *out, struct history *h, struct str path,
                          struct err *e)
{
    struct str text;
    const char *full = lake_path(h->a, h->lake, path);
    if (!file_read(&text, h->a, full, LAKE_MANIFEST_MAX, e))
        return false;
    return lake_manifest_read(out, h->a, text, e) || err_wrap(e, "%s", full);
}

static bool read_task_file(struct history *h, struct str dir, struct str name, struct err *e)
{
    uint64_t batch;
    bool claim = str_starts(name, STR(".pending-"));
    size_t from = claim ? strlen(".pending-") : 0;
    if (!str_ends(name, STR(".json")) || !str_to_u64(&batch, str_slice(name, from, name.n - 5)))
        return true;
    struct str path = arena_printf(h->a, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name));
    struct lake_manifest m;
    if (!read_manifest(&m, h, path, e))
        return false;
    if (claim) {
        struct lake_claim c = {.path = path, .job = m.job, .batch = batch};
        vec_push(&h->claims, c);
        return true;
    }
    vec_push(&h->found, m);
    return true;
}

static bool read_task(struct history *h, struct str dir, struct err *e)
{
    struct store_entry *v;
    size_t n;
    if (!store_list(&v, &n, h->a, lake_path(h->a, h->lake, dir), e))
        return false;
    for (size_t i = 0; i < n; i++)
        if (v[i].kind == STORE_FILE && !read_task_file(h, dir, v[i].name, e))
            return false;
    return true;
}

// depth 0: jobs below _sluice, depth 1: tasks below a job.
static bool read_level(struct history *h, struct str dir, int depth, struct err *e)
{
    struct store_entry *v;
    size_t n;
    if (!store_list(&v, &n, h->a, lake_path(h->a, h->lake, dir), e))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (v[i].kind != STORE_DIRECTORY)
            continue;
        struct str sub = arena_printf(h->a, "%.*s/%.*s", STR_ARG(dir), STR_ARG(v[i].name));
        if (!(depth == 0 ? read_level(h, sub, 1, e) : read_task(h, sub, e)))
            return false;
    }
    return true;
}

static int by_batch(const void *x, const void *y)
{
    const struct lake_manifest *a = x;
    const struct lake_manifest *b = y;
    int c = str_cmp(a->job, b->job);
    if (c != 0)
        return c;
    if (a->task != b->task)
        return a->task < b->task ? -1 : 1;
    return (a->batch > b->batch) - (a->batch < b->batch);
}

bool lake_history_read(struct lake_history *out, struct arena *a, struct lake *s, struct err *e)
{
    struct history h = {.lake = s, .a = a};
    bool ok = read_level(&h, STR(LAYOUT_HIDDEN), 0, e);
    struct lake_manifest *v = ARENA_ARRAY(a, struct lake_manifest, h.found.n + 1);
    struct lake_claim *c = ARENA_ARRAY(a, struct lake_claim, h.claims.n + 1);
    if (h.found.n > 0) {
        memcpy(v, h.found.v, h.found.n * sizeof *v);
        qsort(v, h.found.n, sizeof *v, by_batch);
    }
    if (h.claims.n > 0)
        memcpy(c, h.claims.v, h.claims.n * sizeof *c);
    *out = (struct lake_history){.v = v, .n = h.found.n, .claims = c, .claim_count = h.claims.n};
    vec_fini(&h.found);
    vec_fini(&h.claims);
    return ok;
}

// --- listing -------------------------------------------------------------------------------------

struct listing {
    struct lake *lake;
    struct arena *a;
    struct map *paths; // file path -> position in files
    VEC(struct lake_ls_file) files;
    VEC(struct lake_ls_output) outputs;
};

static void add_file(struct listing *l, const struct lake_manifest *m, const struct lake_file *f)
{
    const struct lake_ls_file entry = {.file = *f,
                                       .job = m->job,
                                       .task = m->task,
                                       .batch = m->batch,
                                       .slot = f->slot ? f->slot : m->slot};
    bool added;
    uint64_t *at = map_put(l->paths, f->path, &added);
    if (!added) { // replaced in place
        assert(*at < l->files.n);
        l->files.v[*at] = entry;
        return;
    }
    *at = l->files.n;
    vec_push(&l->files, entry);
}

// Replaced by a later batch: gone, unless that batch has a file of the same name, which add_file() puts back.
static void drop_file(struct listing *l, const struct lake_file *f)
{
    const uint64_t *at = map_get(l->paths, f->path);
    assert(!at || *at < l->files.n);
    if (at)
        l->files.v[*at].batch = 0;
}

static void add_output(struct listing *l, const struct lake_manifest *m,
                       const struct lake_manifest_output *o)
{
    const struct lake_ls_output entry = {
        .name = o->name,
        .job = m->job,
        .format = o->format,
        .partitioning = o->partitioning,
        .schema = o->schema,
        .kind = o->kind,
        .last_batch = m->batch,
        .last_export_ms = m->now_ms,
    };
    for (size_t i = 0; i < l->outputs.n; i++) {
        struct lake_ls_output *known = &l->outputs.v[i];
        if (known->kind != o->kind || !str_eq(known->name, o->name))
            continue;
        if (known->last_export_ms <= m->now_ms)
            *known = entry;
        return;
    }
    vec_push(&l->outputs, entry);
}

// Versions that were trimmed are named by manifests only, not by _metadata.json. One that is damaged says nothing: verify tells.
static bool known_versions(struct lake_version **out, size_t *n, struct listing *l,
                           struct str output, struct err *e)
{
    *n = 0;
    if (!l->lake || lake_metadata_versions(out, n, l->a, l->lake, output, e))
        return true;
    if (e->kind != ERR_DATA)
        return false;
    err_clear(e);
    return true;
}

static int by_place(const void *x, const void *y)
{
    const struct lake_file *a = &((const struct lake_ls_file *)x)->file;
    const struct lake_file *b = &((const struct lake_ls_file *)y)->file;
    if ((a->version > 0) != (b->version > 0))
        return a->version > 0 ? 1 : -1;
    int c = str_cmp(a->output, b->output);
    if (c == 0 && a->version != b->version)
        return a->version < b->version ? -1 : 1;
    c = c ? c : str_cmp(a->partition, b->partition);
    return c ? c : str_cmp(a->path, b->path);
}

static int by_name(const void *x, const void *y)
{
    const struct lake_ls_output *a = x;
    const struct lake_ls_output *b = y;
    return a->kind != b->kind ? (int)a->kind - (int)b->kind : str_cmp(a->name, b->name);
}

static void collect_manifest(struct listing *l, const struct lake_manifest *m, struct str output)
{
    for (size_t i = 0; i < m->output_count; i++)
        if (!output.p || str_eq(output, m->outputs[i].name))
            add_output(l, m, &m->outputs[i]);
    for (size_t i = 0; i < m->replaced_count; i++)
        drop_file(l, &m->replaced[i]);
    for (size_t i = 0; i < m->count; i++)
        if (!output.p || str_eq(output, m->files[i].output))
            add_file(l, m, &m->files[i]);
}

static bool belongs(const struct lake_ls_output *o, const struct lake_file *f)
{
    return str_eq(o->name, f->output) && (o->kind == LAKE_SNAPSHOT) == (f->version > 0);
}

static void count_file(struct lake_ls_partition *p, const struct lake_file *f)
{
    p->rows += f->rows;
    p->bytes += f->bytes;
    p->time_min = f->time_min < p->time_min ? f->time_min : p->time_min;
    p->time_max = f->time_max > p->time_max ? f->time_max : p->time_max;
    p->file_count++;
}

static const struct lake_version *find_version(const struct lake_version *v, size_t n,
                                               uint64_t version)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].version == version)
            return &v[i];
    return NULL;
}

// Groups the sorted files of one output into its partitions.
static bool fill_output(struct listing *l, struct lake_ls_output *o, const struct lake_ls_file *v,
                        size_t n, struct err *e)
{
    struct lake_version *known;
    size_t known_count = 0;
    if (o->kind == LAKE_SNAPSHOT && !known_versions(&known, &known_count, l, o->name, e))
        return false;
    struct lake_ls_partition *parts = ARENA_ZARRAY(l->a, struct lake_ls_partition, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct lake_file *f = &v[i].file;
        const struct lake_version *version = find_version(known, known_count, f->version);
        if (!belongs(o, f) || (known_count > 0 && !version))
            continue;
        if (o->partition_count == 0 || !str_eq(parts[o->partition_count - 1].path, f->partition))
            parts[o->partition_count++] =
                (struct lake_ls_partition){.path = f->partition,
                                           .time_min = INT64_MAX,
                                           .time_max = INT64_MIN,
                                           .restored = version ? version->restored : 0,
                                           .files = &v[i]};
        count_file(&parts[o->partition_count - 1], f);
        o->rows += f->rows;
        o->bytes += f->bytes;
        o->files++;
    }
    o->partitions = parts;
    return true;
}

// Sorted data files, and hidden texts in the order they came.
static void split_files(struct listing *l, struct lake_ls_file **files, size_t *n,
                        struct lake_ls *out)
{
    struct lake_ls_file *data = ARENA_ARRAY(l->a, struct lake_ls_file, l->files.n + 1);
    struct lake_ls_file *texts = ARENA_ARRAY(l->a, struct lake_ls_file, l->files.n + 1);
    size_t text_count = 0;
    *n = 0;
    for (size_t i = 0; i < l->files.n; i++) {
        const struct lake_ls_file *f = &l->files.v[i];
        if (f->batch == 0)
            continue;
        if (f->file.output.n == 0)
            texts[text_count++] = *f;
        else
            data[(*n)++] = *f;
    }
    if (*n > 0)
        qsort(data, *n, sizeof *data, by_place);
    *files = data;
    out->texts = texts;
    out->text_count = text_count;
}

static bool build(struct lake_ls *out, struct listing *l, struct err *e)
{
    size_t n;
    struct lake_ls_file *files;
    struct lake_ls_output *outputs = ARENA_ARRAY(l->a, struct lake_ls_output, l->outputs.n + 1);
    split_files(l, &files, &n, out);
    if (l->outputs.n > 0) {
        memcpy(outputs, l->outputs.v, l->outputs.n * sizeof *outputs);
        qsort(outputs, l->outputs.n, sizeof *outputs, by_name);
    }
    for (size_t i = 0; i < l->outputs.n; i++)
        if (!fill_output(l, &outputs[i], files, n, e))
            return false;
    out->outputs = outputs;
    out->output_count = l->outputs.n;
    return true;
}

bool lake_history_list(struct lake_ls *out, struct arena *a, const struct lake_history *h,
                       struct lake *s, struct str output, struct err *e)
{
    struct listing l = {.lake = s, .a = a, .paths = map_new(a)};
    for (size_t i = 0; i < h->n; i++)
        collect_manifest(&l, &h->v[i], output);
    bool ok = build(out, &l, e);
    vec_fini(&l.files);
    vec_fini(&l.outputs);
    return ok;
}

bool lake_list(struct lake_ls *out, struct arena *a, struct lake *s, struct str output,
               struct err *e)
{
    struct lake_history h;
    bool ok = lake_history_read(&h, a, s, e) && lake_history_list(out, a, &h, s, output, e);
    return ok || err_wrap(e, "cannot list the lake %s", s->root);
}

bool lake_job_manifests(const struct lake_manifest **out, size_t *count, struct arena *a,
                        struct lake *s, const char *job, struct err *e)
{
    struct lake_history h;
    if (!lake_history_read(&h, a, s, e))
        return false;
    size_t from = 0, to;
    while (from < h.n && !str_eq(h.v[from].job, str_from(job)))
        from++;
    for (to = from; to < h.n && str_eq(h.v[to].job, str_from(job));)
        to++;
    *out = h.v + from;
    *count = to - from;
    return true;
}

bool lake_file_encloses(const struct lake_file *f, uint64_t slot)
{
    if (f->slot_count == 0)
        return false;
    // It may be called after a slot that has no rows any more.
    uint64_t first = f->slot && f->slot < f->slots[0].slot ? f->slot : f->slots[0].slot;
    return first <= slot && slot <= f->slots[f->slot_count - 1].slot;
}

static void add_slots(struct lake_slots *out, const struct lake_ls_file *v, size_t n,
                      const char *job)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i].file.version > 0 || !str_eq(v[i].job, str_from(job)))
            continue;
        if (v[i].file.slot_count > 0)
            out->compacted[out->compacted_count++] = &v[i];
        else
            out->plain[out->plain_count++] = &v[i];
    }
}

// Texts first, then as they are listed: by address, each list is one array.
static int by_slot(const void *x, const void *y)
{
    const struct lake_ls_file *a = *(const struct lake_ls_file *const *)x;
    const struct lake_ls_file *b = *(const struct lake_ls_file *const *)y;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    if ((a->file.output.n == 0) != (b->file.output.n == 0))
        return a->file.output.n == 0 ? -1 : 1;
    return (a > b) - (a < b);
}

void lake_slots_init(struct lake_slots *out, struct arena *a, const struct lake_ls *ls,
                     const char *job)
{
    size_t most = ls->text_count + 1;
    for (size_t i = 0; i < ls->output_count; i++)
        most += ls->outputs[i].files;
    *out = (struct lake_slots){.plain = ARENA_ARRAY(a, const struct lake_ls_file *, most),
                               .compacted = ARENA_ARRAY(a, const struct lake_ls_file *, most)};
    add_slots(out, ls->texts, ls->text_count, job);
    for (size_t i = 0; i < ls->output_count; i++)
        for (size_t k = 0; k < ls->outputs[i].partition_count; k++)
            add_slots(out, ls->outputs[i].partitions[k].files,
                      ls->outputs[i].partitions[k].file_count, job);
    if (out->plain_count > 0) // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
        qsort(out->plain, out->plain_count, sizeof *out->plain, by_slot);
}

void lake_slot_files(const struct lake_file **out, size_t *count, struct arena *a,
                     const struct lake_slots *slots, uint64_t slot)
{
    size_t low = 0, high = slots->plain_count, n = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slots->plain[middle]->slot < slot)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + n < slots->plain_count && slots->plain[low + n]->slot == slot)
        n++;
    struct lake_file *files = ARENA_ARRAY(a, struct lake_file, n + slots->compacted_count + 1);
    for (size_t i = 0; i < n; i++)
        files[i] = slots->plain[low + i]->file;
    for (size_t i = 0; i < slots->compacted_count; i++)
        if (lake_file_encloses(&slots->compacted[i]->file, slot))
            files[n++] = slots->compacted[i]->file;
    *out = files;
    *count = n;
}
