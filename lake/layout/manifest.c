#include "lake/lake.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "lake/layout/ljson.h"

#include <assert.h>

static const char *kind_name(enum lake_kind kind)
{
    return kind == LAKE_STREAM ? "stream" : "snapshot";
}

static json_t *write_output(const struct lake_manifest_output *o)
{
    json_t *j = json_object();
    ljson_put_str(j, "name", o->name);
    json_object_set_new(j, "kind", json_string(kind_name(o->kind)));
    ljson_put_str(j, "format", o->format);
    ljson_put_str(j, "partitioning", o->partitioning);
    ljson_put_u64(j, "keep_versions", o->keep_versions);
    ljson_put_str(j, "schema", o->schema);
    return j;
}

static void write_times(json_t *j, int64_t time_min, int64_t time_max)
{
    if (time_min > time_max)
        return;
    json_object_set_new(j, "time_min", json_integer(time_min));
    json_object_set_new(j, "time_max", json_integer(time_max));
}

static void write_slots(json_t *j, const struct lake_file *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->slot_count; i++) {
        const struct lake_slot_rows *s = &f->slots[i];
        json_t *x = json_object();
        ljson_put_u64(x, "slot", s->slot);
        ljson_put_u64(x, "rows", s->rows);
        ljson_put_hex(x, "rows_hash", s->rows_hash);
        write_times(x, s->time_min, s->time_max);
        json_array_append_new(list, x);
    }
    json_object_set_new(j, "slots", list);
}

static json_t *write_file(const struct lake_file *f)
{
    json_t *j = json_object();
    ljson_put_str(j, "output", f->output);
    ljson_put_str(j, "path", f->path);
    ljson_put_str(j, "staged", f->staged);
    ljson_put_str(j, "partition", f->partition);
    if (f->version > 0)
        ljson_put_u64(j, "version", f->version);
    if (f->slot > 0)
        ljson_put_u64(j, "slot", f->slot);
    ljson_put_u64(j, "rows", f->rows);
    ljson_put_u64(j, "bytes", f->bytes);
    ljson_put_hex(j, "checksum", f->checksum);
    ljson_put_hex(j, "rows_hash", f->rows_hash);
    if (f->reason.n > 0)
        ljson_put_str(j, "reason", f->reason);
    write_times(j, f->time_min, f->time_max);
    if (f->slot_count > 0)
        write_slots(j, f);
    return j;
}

// Source ranges are JSON already; what is not stays a text.
static void write_ranges(json_t *j, struct str ranges)
{
    if (ranges.n == 0)
        return;
    json_error_t je;
    json_t *v = json_loadb(ranges.p, ranges.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
    if (v)
        json_object_set_new(j, "ranges", v);
    else
        ljson_put_str(j, "ranges", ranges);
}

bool lake_manifest_brings_rows(const struct lake_manifest *m)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->files[i].output.n > 0 && m->files[i].version == 0)
            return true;
    return false;
}

void lake_manifest_write(struct buf *out, const struct lake_manifest *m)
{
    json_t *j = json_object();
    ljson_put_u64(j, "format", 1);
    ljson_put_str(j, "job", m->job);
    ljson_put_u64(j, "task", m->task);
    ljson_put_u64(j, "batch", m->batch);
    ljson_put_str(j, "kind", m->kind);
    if (m->slot && m->slot != m->batch)
        ljson_put_u64(j, "slot", m->slot);
    ljson_put_hex(j, "digest", m->digest);
    ljson_put_u64(j, "prev_batch", m->prev_batch);
    ljson_put_hex(j, "prev_digest", m->prev_digest);
    ljson_put_time(j, "now", m->now_ms);
    json_object_set_new(j, "now_ms", json_integer(m->now_ms));
    write_ranges(j, m->ranges_json);
    json_t *outputs = json_array();
    for (size_t i = 0; i < m->output_count; i++)
        json_array_append_new(outputs, write_output(&m->outputs[i]));
    json_object_set_new(j, "outputs", outputs);
    json_t *files = json_array();
    for (size_t i = 0; i < m->count; i++)
        json_array_append_new(files, write_file(&m->files[i]));
    json_object_set_new(j, "files", files);
    json_t *replaced = json_array();
    for (size_t i = 0; i < m->replaced_count; i++)
        json_array_append_new(replaced, write_file(&m->replaced[i]));
    if (m->replaced_count > 0)
        json_object_set(j, "replaced", replaced);
    json_decref(replaced);
    ljson_print(out, j, JSON_INDENT(1));
    json_decref(j);
}

static bool read_output(struct lake_manifest_output *out, struct ljson_reader *r, const json_t *j)
{
    *out = (struct lake_manifest_output){
        .name = ljson_get_str(r, j, "name"),
        .schema = ljson_get_str(r, j, "schema"),
        .format = ljson_get_str(r, j, "format"),
        .partitioning = ljson_get_str(r, j, "partitioning"),
        .keep_versions = (unsigned)ljson_get_u64(r, j, "keep_versions"),
    };
    out->kind = str_eq(ljson_get_str(r, j, "kind"), STR("snapshot")) ? LAKE_SNAPSHOT : LAKE_STREAM;
    return r->missing == NULL;
}

static void read_times(int64_t *time_min, int64_t *time_max, const json_t *j)
{
    const json_t *from = json_object_get(j, "time_min");
    const json_t *to = json_object_get(j, "time_max");
    bool both = json_is_integer(from) && json_is_integer(to);
    *time_min = both ? json_integer_value(from) : INT64_MAX;
    *time_max = both ? json_integer_value(to) : INT64_MIN;
}

// Slots ascend and their rows are the file's.
static void read_slots(struct lake_file *out, struct ljson_reader *r, const json_t *list)
{
    size_t n = json_array_size(list);
    struct lake_slot_rows *v = ARENA_ZARRAY(r->a, struct lake_slot_rows, n + 1);
    uint64_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(list, i);
        v[i] = (struct lake_slot_rows){.slot = ljson_get_u64(r, x, "slot"),
                                       .rows = ljson_get_u64(r, x, "rows"),
                                       .rows_hash = ljson_get_hex(r, x, "rows_hash")};
        read_times(&v[i].time_min, &v[i].time_max, x);
        rows += v[i].rows;
        if (i > 0 && v[i].slot <= v[i - 1].slot)
            r->missing = "slots";
    }
    if (n > 0 && rows != out->rows)
        r->missing = "slots";
    out->slots = v;
    out->slot_count = n;
}

static bool read_file(struct lake_file *out, struct ljson_reader *r, const json_t *j)
{
    *out = (struct lake_file){
        .output = ljson_get_str(r, j, "output"),
        .path = ljson_get_str(r, j, "path"),
        .staged = ljson_get_str(r, j, "staged"),
        .partition = ljson_get_str(r, j, "partition"),
        .rows = ljson_get_u64(r, j, "rows"),
        .bytes = ljson_get_u64(r, j, "bytes"),
        .checksum = ljson_get_hex(r, j, "checksum"),
        .rows_hash = ljson_get_hex(r, j, "rows_hash"),
    };
    if (json_object_get(j, "version"))
        out->version = ljson_get_u64(r, j, "version");
    if (json_object_get(j, "slot"))
        out->slot = ljson_get_u64(r, j, "slot");
    if (json_object_get(j, "reason"))
        out->reason = ljson_get_str(r, j, "reason");
    read_times(&out->time_min, &out->time_max, j);
    if (json_object_get(j, "slots"))
        read_slots(out, r, json_object_get(j, "slots"));
    if (!layout_path_safe(out->path) || !layout_path_safe(out->staged))
        r->missing = "path";
    return r->missing == NULL;
}

static bool read_files(const struct lake_file **out, size_t *count, struct ljson_reader *r,
                       const json_t *list)
{
    *count = json_array_size(list);
    struct lake_file *v = ARENA_ZARRAY(r->a, struct lake_file, *count + 1);
    for (size_t i = 0; i < *count; i++)
        if (!read_file(&v[i], r, json_array_get(list, i)))
            return false;
    *out = v;
    return true;
}

static bool read_lists(struct lake_manifest *out, struct ljson_reader *r, const json_t *j)
{
    const json_t *outputs = json_object_get(j, "outputs");
    const json_t *files = json_object_get(j, "files");
    if (!json_is_array(outputs) || !json_is_array(files)) {
        r->missing = "files";
        return false;
    }
    out->output_count = json_array_size(outputs);
    out->outputs = ARENA_ZARRAY(r->a, struct lake_manifest_output, out->output_count + 1);
    for (size_t i = 0; i < out->output_count; i++)
        if (!read_output(&out->outputs[i], r, json_array_get(outputs, i)))
            return false;
    return read_files(&out->files, &out->count, r, files) &&
           read_files(&out->replaced, &out->replaced_count, r, json_object_get(j, "replaced"));
}

static void read_ranges(struct lake_manifest *out, struct ljson_reader *r, const json_t *j)
{
    const json_t *v = json_object_get(j, "ranges");
    if (!v)
        return;
    if (json_is_string(v)) {
        out->ranges_json = ljson_get_str(r, j, "ranges");
        return;
    }
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    ljson_print(&b, v, JSON_COMPACT | JSON_ENCODE_ANY);
    out->ranges_json = arena_str(r->a, buf_view(&b));
    buf_fini(&b);
}

bool lake_manifest_read(struct lake_manifest *out, struct arena *a, struct str json, struct err *e)
{
    json_error_t je;
    json_t *j = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &je);
    if (!j)
        return err_fail(e, ERR_DATA, "manifest is damaged at line %d: %s", je.line, je.text);
    struct ljson_reader r = {.a = a};
    uint64_t format = ljson_get_u64(&r, j, "format");
    *out = (struct lake_manifest){
        .job = ljson_get_str(&r, j, "job"),
        .task = (unsigned)ljson_get_u64(&r, j, "task"),
        .batch = ljson_get_u64(&r, j, "batch"),
        .kind = ljson_get_str(&r, j, "kind"),
        .digest = ljson_get_hex(&r, j, "digest"),
        .prev_batch = ljson_get_u64(&r, j, "prev_batch"),
        .prev_digest = ljson_get_hex(&r, j, "prev_digest"),
        .now_ms = json_integer_value(json_object_get(j, "now_ms")),
    };
    out->slot = json_object_get(j, "slot") ? ljson_get_u64(&r, j, "slot") : out->batch;
    bool ok = r.missing == NULL && read_lists(out, &r, j);
    read_ranges(out, &r, j);
    json_decref(j);
    if (!ok)
        return err_fail(e, ERR_DATA, "manifest is damaged: \"%s\" is missing or wrong", r.missing);
    if (format != 1)
        return err_fail(e, ERR_DATA, "manifest has format %llu, this version reads 1",
                        (unsigned long long)format);
    return true;
}
