#include "lake/archive/archive_internal.h"

#include "base/hash.h"
#include "base/map.h"
#include "lake/layout/ljson.h"

// --- writing ---------------------------------------------------------------------------------------------------------

static json_t *contents_manifests(const struct archive_contents *c)
{
    json_t *list = json_array();
    struct buf text;
    buf_init(&text, LAKE_MANIFEST_MAX);
    for (size_t i = 0; i < c->count; i++) {
        json_error_t je;
        buf_clear(&text);
        lake_manifest_write(&text, &c->manifests[i]);
        json_array_append_new(list, json_loadb(text.p, text.n, 0, &je));
    }
    buf_fini(&text);
    return list;
}

// A tar protects nothing: the sum says whether what is told of the files is what was written.
static uint64_t contents_sum(const json_t *manifests)
{
    struct buf text;
    buf_init(&text, LAKE_MANIFEST_MAX);
    ljson_print(&text, manifests, JSON_COMPACT);
    uint64_t sum = text.failed ? 0 : hash_str(buf_view(&text));
    buf_fini(&text);
    return sum;
}

void contents_write(struct buf *out, const struct archive_contents *c)
{
    json_t *j = json_object();
    json_t *manifests = contents_manifests(c);
    json_object_set_new(j, "what", json_string(ARCHIVE_FORMAT));
    ljson_put_u64(j, "format", 1);
    ljson_put_str(j, "job", c->job);
    ljson_put_u64(j, "files", c->files);
    ljson_put_u64(j, "rows", c->rows);
    ljson_put_u64(j, "bytes", c->bytes);
    ljson_put_hex(j, "checksum", contents_sum(manifests));
    json_object_set_new(j, "manifests", manifests);
    ljson_print(out, j, JSON_INDENT(1));
    json_decref(j);
}

// --- reading ---------------------------------------------------------------------------------------------------------

static const struct lake_manifest_output *contents_output(const struct lake_manifest *m,
                                                          const struct lake_file *f)
{
    for (size_t i = 0; i < m->output_count; i++)
        if (str_eq(m->outputs[i].name, f->output) &&
            (m->outputs[i].kind == LAKE_SNAPSHOT) == (f->version > 0))
            return &m->outputs[i];
    return NULL;
}

// "streams/<output>/<partition>/<name>", and the name is one that readers see.
static bool contents_place(const struct lake_manifest_output *o, const struct lake_file *f)
{
    struct buf place;
    buf_init(&place, LAYOUT_PATH_MAX);
    layout_output(&place, o->kind, o->name);
    if (f->partition.n > 0) {
        buf_char(&place, '/');
        buf_str(&place, f->partition);
    }
    struct str name = path_base(f->path);
    bool ok = !place.failed && str_eq(path_dir(f->path), buf_view(&place)) && name.n > 0 &&
              name.p[0] != '_' && name.p[0] != '.';
    buf_fini(&place);
    return ok;
}

static bool contents_file(struct archive_contents *c, struct map *paths,
                          const struct lake_manifest *m, const struct lake_file *f, struct err *e)
{
    const struct lake_manifest_output *o = contents_output(m, f);
    bool added;
    map_put(paths, f->path, &added);
    if (!o || !contents_place(o, f))
        return err_fail(e, ERR_DATA, "file %.*s is not in the place of its output %.*s",
                        STR_ARG(f->path), STR_ARG(f->output));
    if (!added)
        return err_fail(e, ERR_DATA, "file %.*s is named twice", STR_ARG(f->path));
    if (f->bytes > INT64_MAX / 2 || c->bytes > INT64_MAX / 2 || c->files >= ARCHIVE_FILES_MAX)
        return err_fail(e, ERR_LIMIT, "more files or bytes than an archive may have");
    c->files++;
    c->rows += f->rows;
    c->bytes += f->bytes;
    return true;
}

static bool contents_manifest(struct archive_contents *c, struct arena *a, struct map *paths,
                              struct lake_manifest *m, const json_t *j, struct err *e)
{
    struct buf text;
    buf_init(&text, LAKE_MANIFEST_MAX);
    ljson_print(&text, j, JSON_COMPACT);
    bool ok = buf_ok(&text, "a manifest", e) && lake_manifest_read(m, a, buf_view(&text), e);
    buf_fini(&text);
    if (ok && (!str_eq(m->job, c->job) || m->batch == 0))
        ok = err_fail(e, ERR_DATA, "a manifest is of job %.*s, the archive of %.*s",
                      STR_ARG(m->job), STR_ARG(c->job));
    for (size_t i = 0; ok && i < m->count; i++)
        ok = contents_file(c, paths, m, &m->files[i], e);
    return ok;
}

static bool contents_fill(struct archive_contents *c, struct arena *a, const json_t *j,
                          struct err *e)
{
    struct ljson_reader r = {.a = a};
    const json_t *list = json_object_get(j, "manifests");
    uint64_t format = ljson_get_u64(&r, j, "format"), sum = ljson_get_hex(&r, j, "checksum");
    c->job = ljson_get_str(&r, j, "job");
    if (!str_eq(ljson_get_str(&r, j, "what"), STR(ARCHIVE_FORMAT)) || r.missing ||
        !json_is_array(list))
        return err_fail(e, ERR_DATA, "it is not that of a lake's archive");
    if (format != 1)
        return err_fail(e, ERR_DATA, "it has format %llu, this version reads 1",
                        (unsigned long long)format);
    if (contents_sum(list) != sum)
        return err_fail(e, ERR_DATA, "it is damaged: its checksum is another");
    struct lake_manifest *v = ARENA_ZARRAY(a, struct lake_manifest, json_array_size(list) + 1);
    struct map *paths = map_new(a);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!contents_manifest(c, a, paths, &v[c->count++], json_array_get(list, i), e))
            return false;
    c->manifests = v;
    return c->files > 0 || err_fail(e, ERR_DATA, "it names no files");
}

bool contents_read(struct archive_contents *out, struct arena *a, struct str json, struct err *e)
{
    json_error_t je;
    *out = (struct archive_contents){0};
    json_t *j = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &je);
    bool ok = j ? contents_fill(out, a, j, e)
                : err_fail(e, ERR_DATA, "it is damaged at line %d: %s", je.line, je.text);
    json_decref(j);
    return ok || err_wrap(e, ARCHIVE_MANIFEST);
}
