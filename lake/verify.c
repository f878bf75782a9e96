#include "lake/inspect_internal.h"

#include "base/durable.h"
#include "base/map.h"
#include "base/vec.h"
#include "lake/layout/ljson.h"
#include "lake/store/store.h"

#include <assert.h>

enum { DEPTH_MAX = 64 };

struct verify {
    struct lake *lake;
    struct arena *a;
    struct str output;
    struct map *known; // paths that manifests or claims name
    struct map *busy;  // paths that a batch puts others in place of at this moment
    VEC(struct lake_finding) findings;
    struct lake_verify sum;
};

static void found(struct verify *v, enum lake_finding_kind kind, struct str path, struct str text)
{
    const struct lake_finding f = {
        .kind = kind, .path = arena_str(v->a, path), .text = arena_str(v->a, text)};
    vec_push(&v->findings, f);
}

static void found_file(struct verify *v, enum lake_finding_kind kind, const struct lake_ls_file *l,
                       struct str text)
{
    const struct lake_file *f = &l->file;
    found(v, kind, f->path, text);
    struct lake_finding *last = &v->findings.v[v->findings.n - 1];
    last->slot_first = f->slot_count ? f->slots[0].slot : l->slot;
    last->slot_last = f->slot_count ? f->slots[f->slot_count - 1].slot : l->slot;
}

static enum lake_next count_record(void *arg, enum lake_record kind, struct str line, struct err *e)
{
    (void)line;
    (void)e;
    *(uint64_t *)arg += kind == LAKE_RECORD_ROW;
    return LAKE_NEXT_GO;
}

static void check_rows(struct verify *v, const struct lake_ls_file *l, const char *path)
{
    const struct lake_file *f = &l->file;
    uint64_t rows = 0;
    struct err e = {0};
    if (!lake_file_records(path, (struct lake_record_sink){count_record, &rows}, &e))
        found_file(v, LAKE_UNREADABLE, l, str_from(e.text));
    else if (rows != f->rows)
        found_file(v, LAKE_ROWS, l,
                   arena_printf(v->a, "%llu rows, %llu were published", (unsigned long long)rows,
                                (unsigned long long)f->rows));
}

static bool check_file(struct verify *v, const struct lake_ls_file *l, struct err *e)
{
    const struct lake_file *f = &l->file;
    const char *path = lake_path(v->a, v->lake, f->path);
    enum store_content content;
    if (!store_compare(&content, path, f->bytes, f->checksum, e))
        return false;
    v->sum.files++;
    v->sum.rows += f->rows;
    v->sum.bytes += f->bytes;
    if (content != STORE_SAME && map_get(v->busy, f->path))
        return true;
    switch (content) {
    case STORE_ABSENT:
        found_file(v, LAKE_MISSING, l, STR("published, but not there"));
        return true;
    case STORE_DIFFERENT:
        found_file(v, LAKE_CHANGED, l, STR("size or checksum differ from what was published"));
        return true;
    case STORE_SAME:
        break;
    }
    if (f->output.n > 0)
        check_rows(v, l, path);
    return true;
}

static bool check_outputs(struct verify *v, const struct lake_ls *ls, struct err *e)
{
    for (size_t i = 0; i < ls->output_count; i++) {
        const struct lake_ls_output *o = &ls->outputs[i];
        for (size_t k = 0; k < o->partition_count; k++)
            for (size_t n = 0; n < o->partitions[k].file_count; n++)
                if (!check_file(v, &o->partitions[k].files[n], e))
                    return false;
    }
    for (size_t i = 0; i < ls->text_count; i++)
        if (!check_file(v, &ls->texts[i], e))
            return false;
    return true;
}

// --- _metadata.json ------------------------------------------------------------------------------

static uint64_t number(const json_t *j, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(j, key));
    return v > 0 ? (uint64_t)v : 0;
}

static bool check_metadata(struct verify *v, const struct lake_ls_output *o, struct err *e)
{
    struct buf path;
    buf_init(&path, LAYOUT_PATH_MAX);
    layout_output(&path, o->kind, o->name);
    buf_text(&path, "/_metadata.json");
    struct str relative = arena_str(v->a, buf_view(&path));
    buf_fini(&path);
    const char *full = lake_path(v->a, v->lake, relative);
    if (o->files == 0)
        return true;
    if (!file_exists(full)) {
        found(v, LAKE_METADATA, relative, STR("is missing"));
        return true;
    }
    struct str text;
    if (!file_read(&text, v->a, full, LAKE_MANIFEST_MAX, e))
        return false;
    json_error_t je;
    json_t *j = json_loadb(text.p, text.n, 0, &je);
    uint64_t rows = number(j, "total_records");
    uint64_t bytes = number(j, "total_bytes");
    json_decref(j);
    if (!j)
        found(v, LAKE_METADATA, relative, str_from(je.text));
    else if (rows != o->rows || bytes != o->bytes)
        found(v, LAKE_METADATA, relative,
              arena_printf(v->a, "says %llu records in %llu bytes, the manifests %llu in %llu",
                           (unsigned long long)rows, (unsigned long long)bytes,
                           (unsigned long long)o->rows, (unsigned long long)o->bytes));
    return true;
}

// --- files that nobody published ------------------------------------------------------------------

static void learn(struct verify *v, struct str path)
{
    bool added;
    map_put(v->known, path, &added);
}

static bool walk(struct verify *v, struct str dir, int depth, struct err *e)
{
    struct store_entry *entries;
    size_t n;
    assert(depth < DEPTH_MAX);
    if (!store_list(&entries, &n, v->a, lake_path(v->a, v->lake, dir), e))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct str name = entries[i].name;
        struct str path = arena_printf(v->a, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name));
        if (name.p[0] == '_' || name.p[0] == '.')
            continue;
        if (entries[i].kind == STORE_DIRECTORY && depth + 1 < DEPTH_MAX) {
            if (!walk(v, path, depth + 1, e))
                return false;
        } else if (!map_get(v->known, path)) {
            found(v, LAKE_ORPHAN, path, STR("no manifest names it"));
        }
    }
    return true;
}

static bool walk_output(struct verify *v, enum lake_kind kind, struct str output, struct err *e)
{
    struct buf dir;
    buf_init(&dir, LAYOUT_PATH_MAX);
    layout_output(&dir, kind, output);
    struct str path = arena_str(v->a, buf_view(&dir));
    buf_fini(&dir);
    return walk(v, path, 1, e);
}

static bool find_orphans(struct verify *v, const struct lake_ls *ls, struct err *e)
{
    for (size_t i = 0; i < ls->output_count; i++)
        for (size_t k = 0; k < ls->outputs[i].partition_count; k++) {
            const struct lake_ls_partition *p = &ls->outputs[i].partitions[k];
            for (size_t n = 0; n < p->file_count; n++)
                learn(v, p->files[n].file.path);
        }
    if (v->output.p)
        return walk_output(v, LAKE_STREAM, v->output, e) &&
               walk_output(v, LAKE_SNAPSHOT, v->output, e);
    return walk(v, STR("streams"), 0, e) && walk(v, STR("tables"), 0, e);
}

// Files of a batch that is being published are neither missing nor orphans, nor are those that it replaces damaged.
static bool learn_claims(struct verify *v, const struct lake_history *h, struct err *e)
{
    for (size_t i = 0; i < h->claim_count; i++) {
        struct str text;
        struct lake_manifest m;
        const char *path = lake_path(v->a, v->lake, h->claims[i].path);
        if (!file_exists(path)) // finished meanwhile
            continue;
        if (!file_read(&text, v->a, path, LAKE_MANIFEST_MAX, e) ||
            !lake_manifest_read(&m, v->a, text, e))
            return false;
        bool added;
        for (size_t k = 0; k < m.count; k++)
            learn(v, m.files[k].path);
        for (size_t k = 0; k < m.replaced_count; k++)
            map_put(v->busy, m.replaced[k].path, &added);
        if (!v->output.p)
            found(v, LAKE_UNFINISHED, h->claims[i].path,
                  arena_printf(v->a, "batch %llu of job %.*s is claimed and not finished",
                               (unsigned long long)h->claims[i].batch, STR_ARG(h->claims[i].job)));
    }
    return true;
}

static bool check_all(struct verify *v, struct err *e)
{
    struct lake_history h;
    struct lake_ls ls = {0};
    if (!lake_history_read(&h, v->a, v->lake, e) || !learn_claims(v, &h, e) ||
        !lake_list(&ls, v->a, v->lake, v->output, e) || !check_outputs(v, &ls, e))
        return false;
    for (size_t i = 0; i < ls.output_count; i++)
        if (!check_metadata(v, &ls.outputs[i], e))
            return false;
    return find_orphans(v, &ls, e);
}

bool lake_verify(struct lake_verify *out, struct arena *a, struct lake *s, struct str output,
                 struct err *e)
{
    struct verify v = {
        .lake = s, .a = a, .output = output, .known = map_new(a), .busy = map_new(a)};
    bool ok = check_all(&v, e) || err_wrap(e, "cannot verify the lake %s", s->root);
    struct lake_finding *f = ARENA_ARRAY(a, struct lake_finding, v.findings.n + 1);
    if (v.findings.n > 0)
        memcpy(f, v.findings.v, v.findings.n * sizeof *f);
    v.sum.findings = f;
    v.sum.count = v.findings.n;
    *out = v.sum;
    vec_fini(&v.findings);
    return ok;
}

const char *lake_finding_name(enum lake_finding_kind kind)
{
    assert(kind <= LAKE_METADATA);
    switch (kind) {
    case LAKE_MISSING:
        return "missing";
    case LAKE_CHANGED:
        return "changed";
    case LAKE_UNREADABLE:
        return "unreadable";
    case LAKE_ROWS:
        return "rows";
    case LAKE_ORPHAN:
        return "orphan";
    case LAKE_UNFINISHED:
        return "unfinished";
    case LAKE_METADATA:
        return "metadata";
    }
    return "";
}
