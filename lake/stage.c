#include "lake/part.h"

#include "base/durable.h"
#include "base/map.h"
#include "lake/layout/partition.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

enum { MEMORY_MAX = 64 << 20, OPEN_MAX = 64 };

struct stage_output {
    struct part_env env;
    struct partitioner *partitioner; // streams
    struct map *index;               // partition path -> position in parts
    VEC(struct part *) parts;
    struct part *last;
    // Columns of a file's rows: positions in the schema; WINDOW_COLUMN + 0 and + 1 are WINDOWSTART and WINDOWEND.
    uint32_t *file_columns;
    size_t file_column_count;
    struct serde_column
        *row_columns; // of rows_hash: every column of the row, the window behind the keys
    size_t row_column_count;
};

enum { WINDOW_COLUMN = 1 << 30 };

struct lake_stage {
    struct lake *lake;
    struct arena *a;
    struct lake_stage_spec spec;
    struct str job, dir; // dir: relative, staging-N
    struct stage_output *outputs;
    struct buf row; // row codec bytes, for the hash
    VEC(struct lake_file) texts;
    size_t open; // partitions
    uint64_t text_bytes;
    bool failed, sealed;
};

static bool fail_stage(struct lake_stage *s, struct err *e)
{
    s->failed = true;
    return err_wrap(e, "job %.*s: cannot stage lake files of batch %llu", STR_ARG(s->job),
                    (unsigned long long)s->spec.batch);
}

// --- the columns of a row ------------------------------------------------------------------------

static bool is_partition_column(const struct lake_output *o, uint32_t column)
{
    for (size_t i = 0; i < o->part_count && o->kind == LAKE_STREAM; i++)
        if (o->parts[i].kind == LAKE_PART_COLUMN && (uint32_t)o->parts[i].column == column)
            return true;
    return false;
}

static void add_column(struct stage_output *o, struct serde_column *file, uint32_t position,
                       struct serde_column column)
{
    const struct lake_output *spec = o->env.output;
    o->row_columns[o->row_column_count++] = column;
    if (position < WINDOW_COLUMN && is_partition_column(spec, position))
        return;
    o->file_columns[o->file_column_count] = position;
    file[o->file_column_count++] = column;
}

static bool open_columns(struct stage_output *o, struct arena *a, struct err *e)
{
    const struct lake_output *spec = o->env.output;
    const struct schema *sc = spec->schema;
    const struct type *bigint = type_scalar(TYPE_BIGINT);
    struct serde_column *file = ARENA_ZARRAY(a, struct serde_column, sc->count + 2);
    o->row_columns = ARENA_ZARRAY(a, struct serde_column, sc->count + 2);
    o->file_columns = ARENA_ZARRAY(a, uint32_t, sc->count + 2);
    for (uint32_t i = 0; i <= sc->count; i++) {
        if (i == sc->key_count && sc->windowed) {
            add_column(o, file, WINDOW_COLUMN, (struct serde_column){STR("WINDOWSTART"), bigint});
            add_column(o, file, WINDOW_COLUMN + 1, (struct serde_column){STR("WINDOWEND"), bigint});
        }
        if (i < sc->count)
            add_column(o, file, i, (struct serde_column){sc->columns[i].name, sc->columns[i].type});
    }
    if (o->file_column_count == 0)
        return err_fail(e, ERR_CONFIG, "output %.*s: every column is a partition column",
                        STR_ARG(spec->name));
    if (!o->env.format->open(&o->env.writer, a, file, o->file_column_count, e))
        return false;
    struct buf header;
    buf_init(&header, PART_ROW_MAX);
    o->env.format->header(o->env.writer, &header);
    o->env.header = arena_str(a, buf_view(&header));
    bool ok = buf_ok(&header, "header of a lake file", e);
    buf_fini(&header);
    return ok;
}

static struct column window_column(const struct block *b, uint32_t position)
{
    int64_t *v = position == WINDOW_COLUMN ? b->window_start : b->window_end;
    assert(v);
    return (struct column){.type = type_scalar(TYPE_BIGINT), .i64 = v};
}

static const struct column *file_columns(const struct stage_output *o, struct arena *a,
                                         const struct block *b)
{
    struct column *v = ARENA_ARRAY(a, struct column, o->file_column_count);
    for (size_t i = 0; i < o->file_column_count; i++) {
        uint32_t at = o->file_columns[i];
        v[i] = at < WINDOW_COLUMN ? b->columns[at] : window_column(b, at);
    }
    return v;
}

static const struct column *row_columns(const struct stage_output *o, struct arena *a,
                                        const struct block *b)
{
    const struct schema *sc = o->env.output->schema;
    if (!sc->windowed)
        return b->columns;
    struct column *v = ARENA_ARRAY(a, struct column, o->row_column_count);
    size_t keys = sc->key_count;
    memcpy(v, b->columns, keys * sizeof *v);
    v[keys] = window_column(b, WINDOW_COLUMN);
    v[keys + 1] = window_column(b, WINDOW_COLUMN + 1);
    memcpy(v + keys + 2, b->columns + keys, (sc->count - keys) * sizeof *v);
    return v;
}

// --- beginning -----------------------------------------------------------------------------------

static bool check_text(struct str name, const char *what, struct err *e)
{
    if (name.n > 0 && utf8_valid(name.p, name.n))
        return true;
    return err_fail(e, ERR_CONFIG, "the name of %s is empty or not UTF-8", what);
}

static bool open_output(struct lake_stage *s, size_t i, struct err *e)
{
    struct stage_output *o = &s->outputs[i];
    const struct lake_output *spec = &s->spec.outputs[i];
    if (!check_text(spec->name, "an output", e))
        return false;
    o->env = (struct part_env){
        .lake = s->lake,
        .a = s->a,
        .output = spec,
        .format = format_of(spec->format),
        .codec = codec_of(spec->codec),
        .slot = s->spec.slot,
        .first = spec->kind == LAKE_STREAM ? s->spec.number : 0,
        .staged_dir = arena_printf(s->a, "%.*s/o%zu", STR_ARG(s->dir), i),
    };
    struct buf dir;
    buf_init(&dir, LAYOUT_PATH_MAX);
    layout_output(&dir, spec->kind, spec->name);
    o->env.final_dir = arena_str(s->a, buf_view(&dir));
    buf_fini(&dir);
    o->index = map_new(s->a);
    if (spec->kind == LAKE_STREAM && !partitioner_new(&o->partitioner, s->a, spec, e))
        return false;
    if (!open_columns(o, s->a, e))
        return false;
    return lake_metadata_check(s->lake, s->job, spec->kind, spec->name, e) &&
           durable_mkdirs(s->lake->durable, "lake.stage.mkdir",
                          lake_path(s->a, s->lake, o->env.staged_dir), 0777, e);
}

bool lake_stage_begin(struct lake_stage **out, struct lake *lake,
                      const struct lake_stage_spec *spec, struct err *e)
{
    assert(spec->job && spec->job[0] && spec->batch > 0);
    struct lake_stage *s = mem_zalloc(sizeof *s);
    s->lake = lake;
    s->a = arena_new(NULL);
    s->spec = *spec;
    s->spec.slot = spec->slot ? spec->slot : spec->batch;
    s->spec.open_max = spec->open_max ? spec->open_max : OPEN_MAX;
    s->spec.memory_max = spec->memory_max ? spec->memory_max : MEMORY_MAX;
    s->job = arena_str(s->a, str_from(spec->job));
    s->dir = lake_staging_dir(s->a, s->job, spec->task, spec->batch);
    s->outputs = ARENA_ZARRAY(s->a, struct stage_output, spec->count + 1);
    buf_init(&s->row, PART_ROW_MAX);
    const char *dir = lake_path(s->a, lake, s->dir);
    bool ok = durable_remove_tree(lake->durable, "lake.clean", dir, e) &&
              durable_mkdirs(lake->durable, "lake.stage.mkdir", dir, 0777, e);
    for (size_t i = 0; ok && i < spec->count; i++)
        ok = open_output(s, i, e);
    if (!ok) {
        fail_stage(s, e);
        lake_stage_free(s);
        return false;
    }
    *out = s;
    return true;
}

// --- rows ----------------------------------------------------------------------------------------

static struct part *add_part(struct lake_stage *s, struct stage_output *o, struct str path)
{
    bool added;
    uint64_t *at = map_put(o->index, path, &added);
    if (added) {
        *at = o->parts.n;
        // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
        vec_push(&o->parts, part_new(&o->env, path));
        s->open++;
    }
    return o->parts.v[*at];
}

static struct part *row_part(struct lake_stage *s, struct stage_output *o, const struct block *b,
                             uint32_t row, const int64_t *times, const uint8_t *valid)
{
    if (!o->partitioner)
        return o->parts.v[0];
    enum partition_step step = partitioner_row(o->partitioner, b, row, times, valid);
    if (step == PARTITION_OTHER)
        o->last = add_part(s, o, partitioner_path(o->partitioner));
    return o->last;
}

static bool write_rows(struct lake_stage *s, struct stage_output *o, const struct block *b,
                       struct arena *a, struct err *e)
{
    int64_t *times = ARENA_ARRAY(a, int64_t, b->rows);
    uint8_t *valid = ARENA_ARRAY(a, uint8_t, b->rows);
    partitioner_times(times, valid, o->env.output, b);
    const struct column *file = file_columns(o, a, b);
    const struct column *full = row_columns(o, a, b);
    for (uint32_t i = 0; i < b->rows; i++) {
        struct part *p = row_part(s, o, b, i, times, valid);
        o->env.format->row(o->env.writer, &p->text, file, i);
        buf_clear(&s->row);
        rowcodec_encode(&s->row, full, o->row_column_count, i);
        part_count(p, hash_bytes(s->row.p, s->row.n, 0));
        if (valid[i])
            part_time(p, times[i]);
        if ((p->text.n >= CODEC_CHUNK || p->text.failed) && !part_feed(p, e))
            return false;
    }
    struct buf none = {.max = LAYOUT_PATH_MAX,
                       .failed = o->partitioner && partitioner_failed(o->partitioner)};
    return buf_ok(&s->row, "row", e) && buf_ok(&none, "partition path", e);
}

bool lake_stage_write(struct lake_stage *s, size_t output, const struct block *b, struct err *e)
{
    assert(output < s->spec.count && !s->sealed);
    struct stage_output *o = &s->outputs[output];
    assert(o->env.output->kind == LAKE_STREAM || o->env.version > 0);
    assert(b->rows == 0 || b->rowtime);
    if (s->failed)
        return err_fail(e, ERR_BUG, "the stage of batch %llu has failed before",
                        (unsigned long long)s->spec.batch);
    struct arena *a = arena_new(NULL);
    bool ok = write_rows(s, o, b, a, e);
    arena_free(a);
    return ok || fail_stage(s, e);
}

bool lake_stage_version(struct lake_stage *s, size_t output, uint64_t version, struct err *e)
{
    assert(output < s->spec.count && !s->sealed && version > 0);
    struct stage_output *o = &s->outputs[output];
    assert(o->env.output->kind == LAKE_SNAPSHOT);
    if (o->env.version > 0)
        return err_fail(e, ERR_BUG, "output %.*s: version %llu follows version %llu in one batch",
                        STR_ARG(o->env.output->name), (unsigned long long)version,
                        (unsigned long long)o->env.version);
    o->env.version = version;
    o->last = add_part(s, o, arena_printf(s->a, "version=%llu", (unsigned long long)version));
    return true;
}

static size_t stage_memory(const struct lake_stage *s)
{
    size_t sum = 0;
    for (size_t i = 0; i < s->spec.count; i++)
        sum += s->outputs[i].env.memory;
    return sum;
}

bool lake_stage_full(const struct lake_stage *s)
{
    return s->open > s->spec.open_max || stage_memory(s) > s->spec.memory_max;
}

uint64_t lake_stage_bytes(const struct lake_stage *s)
{
    uint64_t sum = s->text_bytes;
    for (size_t i = 0; i < s->spec.count; i++)
        sum += s->outputs[i].env.bytes;
    return sum;
}

// --- foreign texts -------------------------------------------------------------------------------

static bool write_text(struct lake_stage *s, const struct lake_file *f, struct str text,
                       struct err *e)
{
    struct durable *d = s->lake->durable;
    const char *path = lake_path(s->a, s->lake, f->staged);
    int fd;
    if (!durable_create(&fd, d, "lake.stage.create", path, O_EXCL | DURABLE_PRIVATE, e))
        return false;
    bool ok = durable_write(d, "lake.stage.write", fd, path, text.p, text.n, e) &&
              durable_fsync(d, "lake.stage.fsync", fd, path, e);
    close(fd);
    return ok;
}

bool lake_stage_text(struct lake_stage *s, const char *path, uint64_t rows, struct str text,
                     struct err *e)
{
    assert(!s->sealed && layout_path_safe(str_from(path)));
    const struct lake_file f = {
        .output = STR(""),
        .staged = arena_printf(s->a, "%.*s/text-%zu", STR_ARG(s->dir), s->texts.n),
        .path = arena_str(s->a, str_from(path)),
        .partition = STR(""),
        .rows = rows,
        .bytes = text.n,
        .checksum = hash_str(text),
        .time_min = INT64_MAX,
        .time_max = INT64_MIN,
    };
    if (s->failed || !write_text(s, &f, text, e))
        return fail_stage(s, e);
    vec_push(&s->texts, f);
    s->text_bytes += text.n;
    return true;
}

// --- sealing -------------------------------------------------------------------------------------

static bool close_parts(struct lake_stage *s, size_t *files, struct err *e)
{
    *files = s->texts.n;
    for (size_t i = 0; i < s->spec.count; i++) {
        struct stage_output *o = &s->outputs[i];
        for (size_t k = 0; k < o->parts.n; k++) {
            if (!part_close(o->parts.v[k], e))
                return false;
            part_free(o->parts.v[k]);
            o->parts.v[k] = NULL;
        }
        *files += o->env.files.n;
        if (o->env.files.n > 0 &&
            !durable_fsync_dir(s->lake->durable, "lake.stage.fsync_dir",
                               lake_path(s->a, s->lake, o->env.staged_dir), e))
            return false;
    }
    return durable_fsync_dir(s->lake->durable, "lake.stage.fsync_dir",
                             lake_path(s->a, s->lake, s->dir), e);
}

static struct lake_file copy_file(struct arena *a, struct lake_file f)
{
    f.output = arena_str(a, f.output);
    f.staged = arena_str(a, f.staged);
    f.path = arena_str(a, f.path);
    f.partition = arena_str(a, f.partition);
    return f;
}

static struct lake_manifest_output describe_output(struct arena *a, const struct lake_output *o)
{
    struct lake_manifest_output d = {
        .name = arena_str(a, o->name), .kind = o->kind, .keep_versions = o->keep_versions};
    struct buf b;
    buf_init(&b, PART_ROW_MAX);
    schema_print(&b, o->schema);
    d.schema = arena_str(a, buf_view(&b));
    buf_clear(&b);
    partition_describe(&b, o);
    d.partitioning = arena_str(a, buf_view(&b));
    buf_fini(&b);
    const char *codec = o->codec == LAKE_PLAIN ? "" : codec_of(o->codec)->name;
    d.format = arena_printf(a, "%s%s%s", format_of(o->format)->name, codec[0] ? "+" : "", codec);
    return d;
}

bool lake_stage_seal(struct lake_stage *s, struct arena *a, struct lake_manifest *out,
                     struct err *e)
{
    assert(!s->sealed);
    size_t count;
    if (s->failed)
        return err_fail(e, ERR_BUG, "the stage of batch %llu has failed before",
                        (unsigned long long)s->spec.batch);
    if (!close_parts(s, &count, e) || !lake_sync_above(s->lake, s->a, s->dir, e))
        return fail_stage(s, e);
    s->sealed = true;
    struct lake_file *files = ARENA_ZARRAY(a, struct lake_file, count + 1);
    *out = (struct lake_manifest){
        .job = arena_str(a, s->job),
        .task = s->spec.task,
        .batch = s->spec.batch,
        .slot = s->spec.slot,
        .now_ms = s->spec.now_ms,
        .kind = STR("forward"),
        .ranges_json = STR(""),
        .files = files,
        .outputs = ARENA_ZARRAY(a, struct lake_manifest_output, s->spec.count + 1),
        .output_count = s->spec.count,
    };
    for (size_t i = 0; i < s->spec.count; i++) {
        const struct part_env *env = &s->outputs[i].env;
        out->outputs[i] = describe_output(a, env->output);
        for (size_t k = 0; k < env->files.n; k++)
            files[out->count++] = copy_file(a, env->files.v[k]);
    }
    for (size_t k = 0; k < s->texts.n; k++)
        files[out->count++] = copy_file(a, s->texts.v[k]);
    assert(out->count == count);
    return true;
}

static void free_output(struct stage_output *o)
{
    for (size_t k = 0; k < o->parts.n; k++)
        part_free(o->parts.v[k]);
    vec_fini(&o->parts);
    if (o->env.idle)
        o->env.codec->writer_free(o->env.idle);
    partitioner_free(o->partitioner);
    vec_fini(&o->env.files);
}

void lake_stage_free(struct lake_stage *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->spec.count; i++)
        free_output(&s->outputs[i]);
    vec_fini(&s->texts);
    buf_fini(&s->row);
    arena_free(s->a);
    mem_free(s);
}
