#include "lake/lake_internal.h"

#include "base/durable.h"
#include "base/map.h"
#include "lake/layout/ljson.h"

#include <assert.h>

// _metadata.json of an output: what people and other tools read. It can always be rebuilt from the manifests; it is updated
// before a batch's manifest is final, and remembers the last batch it holds, so that a repeated publish adds nothing twice.

static const char *metadata_path(struct arena *a, const struct lake *s, enum lake_kind kind,
                                 struct str output)
{
    struct buf b;
    buf_init(&b, LAYOUT_PATH_MAX);
    layout_output(&b, kind, output);
    buf_text(&b, "/_metadata.json");
    const char *path = lake_path(a, s, buf_view(&b));
    buf_fini(&b);
    return path;
}

// NULL and true when there is none yet.
static bool load(json_t **out, struct arena *a, const char *path, struct err *e)
{
    *out = NULL;
    if (!file_exists(path))
        return true;
    struct str text;
    if (!file_read(&text, a, path, LAKE_MANIFEST_MAX, e))
        return false;
    json_error_t je;
    json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &je);
    if (json_is_object(j) && json_is_array(json_object_get(j, "partitions"))) {
        *out = j;
        return true;
    }
    json_decref(j);
    err_fail(e, ERR_DATA, "%s is damaged at line %d: %s", path, je.line,
             j ? "no list of partitions" : je.text);
    return err_hint(e, "move it away: it is written anew with the next batch, from that batch on");
}

static struct str text_of(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR("");
}

static int64_t number_of(const json_t *j, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(j, key));
}

bool lake_metadata_check(struct lake *s, struct str job, enum lake_kind kind, struct str output,
                         struct err *e)
{
    struct arena *a = arena_new(NULL);
    json_t *j;
    bool ok = load(&j, a, metadata_path(a, s, kind, output), e);
    if (ok && j && !str_eq(text_of(j, "job"), job)) {
        ok = err_fail(e, ERR_CONFIG, "output %.*s of the lake belongs to job %.*s, not to %.*s",
                      STR_ARG(output), STR_ARG(text_of(j, "job")), STR_ARG(job));
        err_hint(e, "give the output another name, or use another lake directory");
    }
    json_decref(j);
    arena_free(a);
    return ok;
}

// MiB with two decimals, for people; the bytes are beside it.
static void put_size(json_t *j, const char *mb_key, const char *bytes_key, int64_t bytes)
{
    int64_t hundredths = (bytes * 100 + (1 << 19)) / (1 << 20);
    json_object_set_new(j, mb_key, json_real((double)hundredths / 100.0));
    json_object_set_new(j, bytes_key, json_integer(bytes));
}

static json_t *find_partition(json_t *partitions, struct map *index, struct str path)
{
    bool added;
    uint64_t *at = map_put(index, path, &added);
    if (!added)
        return json_array_get(partitions, *at);
    *at = json_array_size(partitions);
    json_t *p = json_object();
    ljson_put_str(p, "path", path);
    json_array_append_new(partitions, p);
    return p;
}

static void add_file(json_t *partition, const struct lake_file *f, int64_t now_ms)
{
    int64_t records = number_of(partition, "records") + (int64_t)f->rows;
    int64_t bytes = number_of(partition, "bytes") + (int64_t)f->bytes;
    json_object_set_new(partition, "records", json_integer(records));
    put_size(partition, "size_mb", "bytes", bytes);
    json_object_set_new(partition, "files", json_integer(number_of(partition, "files") + 1));
    ljson_put_time(partition, "exported_at", now_ms);
}

// A replaced file does not count any more; a partition without files is none.
static void drop_file(json_t *partitions, struct map *index, const struct lake_file *f)
{
    const uint64_t *at = map_get(index, f->partition);
    if (!at)
        return;
    json_t *p = json_array_get(partitions, *at);
    json_object_set_new(p, "records", json_integer(number_of(p, "records") - (int64_t)f->rows));
    put_size(p, "size_mb", "bytes", number_of(p, "bytes") - (int64_t)f->bytes);
    json_object_set_new(p, "files", json_integer(number_of(p, "files") - 1));
}

static void drop_empty(json_t *partitions)
{
    for (size_t i = json_array_size(partitions); i > 0; i--)
        if (number_of(json_array_get(partitions, i - 1), "files") <= 0)
            json_array_remove(partitions, i - 1);
}

static void put_totals(json_t *j, const json_t *partitions)
{
    int64_t records = 0;
    int64_t bytes = 0;
    size_t i;
    json_t *p;
    json_array_foreach(partitions, i, p)
    {
        records += number_of(p, "records");
        bytes += number_of(p, "bytes");
    }
    json_object_set_new(j, "total_records", json_integer(records));
    put_size(j, "total_size_mb", "total_bytes", bytes);
}

static void put_description(json_t *j, const struct lake_manifest *m,
                            const struct lake_manifest_output *o)
{
    bool stream = o->kind == LAKE_STREAM;
    ljson_put_str(j, "source", o->name);
    json_object_set_new(j, "type", json_string(stream ? "stream" : "table"));
    json_object_set_new(j, "storage_mode", json_string(stream ? "append" : "overwrite"));
    ljson_put_str(j, "format", o->format);
    ljson_put_str(j, "partitioning", o->partitioning);
    if (!json_object_get(j, "created_at"))
        ljson_put_time(j, "created_at", m->now_ms);
    ljson_put_time(j, "last_export", m->now_ms);
    int64_t version = number_of(j, "schema_version");
    version += version == 0 || !str_eq(text_of(j, "schema"), o->schema);
    json_object_set_new(j, "schema_version", json_integer(version));
    ljson_put_str(j, "schema", o->schema);
    ljson_put_str(j, "job", m->job);
    ljson_put_u64(j, "last_batch", m->batch);
}

static bool save(struct lake *s, const char *path, const json_t *j, struct err *e)
{
    struct buf text;
    buf_init(&text, LAKE_MANIFEST_MAX);
    ljson_print(&text, j, JSON_INDENT(2));
    bool ok = buf_ok(&text, "_metadata.json", e) &&
              durable_replace(s->durable, "lake.metadata", path, buf_view(&text), e);
    buf_fini(&text);
    return ok;
}

static bool is_of(const struct lake_file *f, const struct lake_manifest_output *o)
{
    return str_eq(f->output, o->name) && (f->version > 0) == (o->kind == LAKE_SNAPSHOT);
}

static json_t *merged(json_t *old, struct arena *a, const struct lake_manifest *m,
                      const struct lake_manifest_output *o)
{
    json_t *j = old ? old : json_object();
    json_t *partitions = old ? json_incref(json_object_get(old, "partitions")) : json_array();
    struct map *index = map_new(a);
    for (size_t i = 0; i < json_array_size(partitions); i++) {
        bool added;
        *map_put(index, text_of(json_array_get(partitions, i), "path"), &added) = i;
    }
    put_description(j, m, o);
    json_object_del(j, "partitions"); // keeps it last in the document
    for (size_t i = 0; i < m->replaced_count; i++)
        if (is_of(&m->replaced[i], o))
            drop_file(partitions, index, &m->replaced[i]);
    for (size_t i = 0; i < m->count; i++) {
        const struct lake_file *f = &m->files[i];
        if (!is_of(f, o))
            continue;
        bool fresh = !map_get(index, f->partition);
        json_t *p = find_partition(partitions, index, f->partition);
        add_file(p, f, m->now_ms);
        if (fresh && f->version > 0 && str_eq(m->kind, STR("restore")))
            ljson_put_u64(p, "restored", m->batch);
    }
    drop_empty(partitions);
    put_totals(j, partitions);
    json_object_set_new(j, "partitions", partitions);
    return j;
}

static bool has_files(const struct lake_manifest *m, const struct lake_manifest_output *o)
{
    for (size_t i = 0; i < m->count; i++)
        if (is_of(&m->files[i], o))
            return true;
    for (size_t i = 0; i < m->replaced_count; i++)
        if (is_of(&m->replaced[i], o))
            return true;
    return false;
}

bool lake_metadata_update(struct lake *s, const struct lake_manifest *m, size_t output,
                          struct err *e)
{
    assert(output < m->output_count);
    const struct lake_manifest_output *o = &m->outputs[output];
    if (!has_files(m, o))
        return true;
    struct arena *a = arena_new(NULL);
    const char *path = metadata_path(a, s, o->kind, o->name);
    json_t *j;
    bool ok = load(&j, a, path, e);
    if (ok && (!j || number_of(j, "last_batch") < (int64_t)m->batch)) {
        j = merged(j, a, m, o);
        ok = save(s, path, j, e);
    }
    json_decref(j);
    arena_free(a);
    return ok;
}

// What a table has beyond its newest versions because somebody asked for it: keep_versions does not count it.
static bool is_restored(const json_t *partition)
{
    return number_of(partition, "restored") > 0;
}

static uint64_t version_of(struct str path)
{
    uint64_t v = 0;
    if (!str_starts(path, STR("version=")) || !str_to_u64(&v, str_slice(path, 8, path.n)))
        return 0;
    return v;
}

bool lake_metadata_versions(struct lake_version **out, size_t *n, struct arena *a, struct lake *s,
                            struct str output, struct err *e)
{
    json_t *j;
    *n = 0;
    if (!load(&j, a, metadata_path(a, s, LAKE_SNAPSHOT, output), e))
        return false;
    size_t i;
    json_t *p;
    json_t *partitions = json_object_get(j, "partitions");
    *out = ARENA_ZARRAY(a, struct lake_version, json_array_size(partitions) + 1);
    json_array_foreach(partitions, i, p)
    {
        uint64_t v = version_of(text_of(p, "path"));
        if (v > 0)
            (*out)[(*n)++] = (struct lake_version){v, (uint64_t)number_of(p, "restored")};
    }
    json_decref(j);
    return true;
}

bool lake_metadata_trim(struct lake *s, struct str output, uint64_t first, struct err *e)
{
    struct arena *a = arena_new(NULL);
    const char *path = metadata_path(a, s, LAKE_SNAPSHOT, output);
    json_t *j;
    bool ok = load(&j, a, path, e);
    json_t *partitions = json_object_get(j, "partitions");
    size_t before = json_array_size(partitions);
    for (size_t i = before; i > 0; i--) {
        const json_t *p = json_array_get(partitions, i - 1);
        if (version_of(text_of(p, "path")) < first && !is_restored(p))
            json_array_remove(partitions, i - 1);
    }
    if (ok && j && json_array_size(partitions) < before) {
        put_totals(j, partitions);
        ok = save(s, path, j, e);
    }
    json_decref(j);
    arena_free(a);
    return ok;
}
