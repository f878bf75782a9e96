#include "lake/inspect_internal.h"

#include "base/hash.h"

#include "lake/store/store.h"

#include <assert.h>

enum lake_next lake_cat_record(void *arg, enum lake_record kind, struct str line, struct err *e)
{
    struct lake_cat *c = arg;
    if (kind == LAKE_RECORD_HEADER) {
        // Files keep the columns that they were written with: another header says so.
        const uint64_t header = hash_str(line);
        const bool same = c->header_done && c->header == header;
        c->header_done = true;
        c->header = header;
        return same || c->fn(c->arg, line, e) ? LAKE_NEXT_GO : LAKE_NEXT_FAILED;
    }
    if (c->spec->limit > 0 && c->rows >= c->spec->limit)
        return LAKE_NEXT_STOP;
    c->rows++;
    return c->fn(c->arg, line, e) ? LAKE_NEXT_GO : LAKE_NEXT_FAILED;
}

bool lake_below(struct str path, struct str wanted)
{
    if (!str_starts(path, wanted))
        return false;
    return path.n == wanted.n || wanted.n == 0 || path.p[wanted.n] == '/';
}

bool lake_cat_wants(const struct lake_ls_output *o, size_t i, struct str partition)
{
    if (partition.p)
        return lake_below(o->partitions[i].path, partition);
    return o->kind == LAKE_STREAM || i + 1 == o->partition_count;
}

enum { CAT_NAMED_MAX = 8 }; // partitions in a message

bool lake_cat_known(const struct lake_ls *ls, const struct lake_cat_spec *spec, struct err *e)
{
    struct buf known;
    size_t count = 0;
    buf_init(&known, 4096);
    for (size_t i = 0; i < ls->output_count; i++) {
        const struct lake_ls_output *o = &ls->outputs[i];
        for (size_t k = 0; k < o->partition_count; k++) {
            if (lake_cat_wants(o, k, spec->partition)) {
                buf_fini(&known);
                return true;
            }
            // The newest ones: they come last.
            if (o->partition_count - k <= CAT_NAMED_MAX)
                buf_printf(&known, "%s%.*s", count++ ? ", " : "", STR_ARG(o->partitions[k].path));
        }
    }
    if (spec->partition.p) {
        const struct str text = buf_view(&known);
        err_fail(e, ERR_CONFIG, "%.*s has no partition or version %.*s; it has %.*s",
                 STR_ARG(spec->output), STR_ARG(str_slice(spec->partition, 0, 120)),
                 STR_ARG(str_slice(text, 0, 400)));
        err_hint(e, "`sluice lake ls %.*s` shows all of them", STR_ARG(spec->output));
    }
    buf_fini(&known);
    return !spec->partition.p;
}

static bool cat_output(struct lake_cat *c, struct lake *s, struct arena *a,
                       const struct lake_ls_output *o, struct err *e)
{
    uint64_t limit = c->spec->limit;
    const struct lake_record_sink sink = {lake_cat_record, c};
    for (size_t i = 0; i < o->partition_count; i++) {
        const struct lake_ls_partition *p = &o->partitions[i];
        if (!lake_cat_wants(o, i, c->spec->partition))
            continue;
        for (size_t k = 0; k < p->file_count && (limit == 0 || c->rows < limit); k++)
            if (!lake_file_records(lake_path(a, s, p->files[k].file.path), sink, e))
                return false;
    }
    return true;
}

bool lake_cat(struct lake *s, const struct lake_cat_spec *spec, lake_row_fn *fn, void *arg,
              struct err *e)
{
    assert(spec->output.p);
    struct lake_cat c = {.spec = spec, .fn = fn, .arg = arg};
    struct arena *a = arena_new(NULL);
    struct lake_ls ls = {0};
    bool ok = lake_list(&ls, a, s, spec->output, e);
    if (ok && ls.output_count == 0) {
        ok = err_fail(e, ERR_CONFIG, "the lake %s has no output %.*s", s->root,
                      STR_ARG(spec->output));
        err_hint(e, "`sluice lake ls` shows the outputs");
    }
    ok = ok && lake_cat_known(&ls, spec, e);
    for (size_t i = 0; ok && i < ls.output_count; i++)
        ok = cat_output(&c, s, a, &ls.outputs[i], e);
    arena_free(a);
    return ok;
}

bool lake_cat_file(struct lake *s, const struct lake_file *f, lake_row_fn *fn, void *arg,
                   struct err *e)
{
    static const struct lake_cat_spec all = {.limit = 0};
    struct lake_cat c = {.spec = &all, .fn = fn, .arg = arg, .header_done = true};
    struct arena *a = arena_new(NULL);
    enum store_content is;
    const char *path = lake_path(a, s, f->path);
    bool ok = store_compare(&is, path, f->bytes, f->checksum, e);
    if (ok && is != STORE_SAME)
        ok = err_fail(e, ERR_DATA, "%s is not what was published", path);
    ok = ok && lake_file_records(path, (struct lake_record_sink){lake_cat_record, &c}, e);
    arena_free(a);
    return ok;
}
