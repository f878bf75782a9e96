#include "lake/part.h"

#include "base/durable.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

static void start_file(struct part *p)
{
    p->bytes = 0;
    p->rows = p->rows_hash = 0;
    p->time_min = INT64_MAX;
    p->time_max = INT64_MIN;
    hasher_init(&p->sum);
    buf_str(&p->text, p->env->header);
}

struct part *part_new(struct part_env *env, struct str partition)
{
    struct part *p = mem_zalloc(sizeof *p);
    p->env = env;
    p->partition = arena_str(env->a, partition);
    p->number = env->first;
    p->fd = -1;
    buf_init(&p->text, PART_ROW_MAX);
    buf_init(&p->out, PART_ROW_MAX);
    start_file(p);
    return p;
}

static void count_memory(struct part *p)
{
    size_t now = p->text.cap + p->out.cap + (p->codec ? p->env->codec->writer_bytes : 0);
    p->env->memory = p->env->memory - p->memory + now;
    p->memory = now;
}

static void take_codec(struct part *p)
{
    if (p->codec)
        return;
    p->codec = p->env->idle ? p->env->idle : p->env->codec->writer_new();
    p->env->idle = NULL;
    p->env->codec->writer_start(p->codec);
}

static void give_codec(struct part *p)
{
    if (p->codec && !p->env->idle)
        p->env->idle = p->codec;
    else if (p->codec)
        p->env->codec->writer_free(p->codec);
    p->codec = NULL;
}

static bool open_file(struct part *p, struct err *e)
{
    struct part_env *env = p->env;
    if (p->fd >= 0)
        return true;
    p->staged = arena_printf(env->a, "%.*s/%llu", STR_ARG(env->staged_dir),
                             (unsigned long long)env->staged_count++);
    if (env->output->kind == LAKE_SNAPSHOT) // the directory itself is published: final names
        p->staged = arena_printf(env->a, "%.*s/%012llu-%llu%s%s", STR_ARG(env->staged_dir),
                                 (unsigned long long)env->slot, (unsigned long long)p->number,
                                 env->format->suffix, env->codec->suffix);
    struct arena *a = arena_new(NULL);
    bool ok = durable_create(&p->fd, env->lake->durable, "lake.stage.create",
                             lake_path(a, env->lake, p->staged), O_EXCL, e);
    arena_free(a);
    return ok;
}

static bool write_out(struct part *p, struct err *e)
{
    if (p->out.n == 0 || !open_file(p, e))
        return p->out.n == 0;
    struct arena *a = arena_new(NULL);
    bool ok = durable_write(p->env->lake->durable, "lake.stage.write", p->fd,
                            lake_path(a, p->env->lake, p->staged), p->out.p, p->out.n, e);
    arena_free(a);
    p->env->bytes += p->out.n;
    buf_clear(&p->out);
    return ok;
}

static bool encode(struct part *p, struct str text, enum codec_more more, struct err *e)
{
    take_codec(p);
    size_t from = p->out.n;
    if (!p->env->codec->write(p->codec, &p->out, text, more, e))
        return false;
    hasher_add(&p->sum, p->out.p + from, p->out.n - from);
    p->bytes += p->out.n - from;
    return p->out.n < PART_WRITE || write_out(p, e);
}

bool part_feed(struct part *p, struct err *e)
{
    if (!buf_ok(&p->text, "row of a lake file", e))
        return false;
    size_t from = 0;
    for (; p->text.n - from >= CODEC_CHUNK; from += CODEC_CHUNK)
        if (!encode(p, (struct str){p->text.p + from, CODEC_CHUNK}, CODEC_MORE, e))
            return false;
    if (from > 0) {
        memmove(p->text.p, p->text.p + from, p->text.n - from);
        p->text.n -= from;
    }
    count_memory(p);
    uint64_t max = p->env->output->file_bytes_max;
    if (max == 0 || p->bytes < max)
        return true;
    if (!part_close(p, e))
        return false;
    p->number++;
    start_file(p);
    return true;
}

static bool sync_file(struct part *p, struct err *e)
{
    struct arena *a = arena_new(NULL);
    bool ok = durable_fsync(p->env->lake->durable, "lake.stage.fsync", p->fd,
                            lake_path(a, p->env->lake, p->staged), e);
    arena_free(a);
    close(p->fd);
    p->fd = -1;
    return ok;
}

static void add_file(struct part *p)
{
    struct part_env *env = p->env;
    struct buf path;
    buf_init(&path, 2 * LAYOUT_PATH_MAX);
    buf_str(&path, env->final_dir);
    buf_char(&path, '/');
    buf_str(&path, p->partition);
    if (p->partition.n > 0)
        buf_char(&path, '/');
    layout_file(&path, env->slot, p->number);
    buf_text(&path, env->format->suffix);
    buf_text(&path, env->codec->suffix);
    assert(!path.failed && layout_path_safe(buf_view(&path)));
    const struct lake_file f = {
        .output = env->output->name,
        .staged = p->staged,
        .path = arena_str(env->a, buf_view(&path)),
        .partition = p->partition,
        .version = env->version,
        .rows = p->rows,
        .bytes = p->bytes,
        .checksum = hasher_sum(&p->sum),
        .rows_hash = p->rows_hash,
        .time_min = p->time_min,
        .time_max = p->time_max,
    };
    vec_push(&env->files, f);
    buf_fini(&path);
}

bool part_close(struct part *p, struct err *e)
{
    // A file that was split off just now may have no successor: nothing but a header is no file, save a snapshot's.
    if (p->rows == 0 && (p->env->output->kind == LAKE_STREAM || p->number > 0)) {
        assert(p->fd < 0);
        return true;
    }
    if (!buf_ok(&p->text, "row of a lake file", e))
        return false;
    if (!encode(p, buf_view(&p->text), CODEC_END, e) || !open_file(p, e) || !write_out(p, e))
        return false;
    buf_clear(&p->text);
    give_codec(p);
    if (!sync_file(p, e))
        return false;
    add_file(p);
    count_memory(p);
    return true;
}

void part_free(struct part *p)
{
    if (!p)
        return;
    give_codec(p);
    if (p->fd >= 0)
        close(p->fd);
    p->env->memory -= p->memory;
    buf_fini(&p->text);
    buf_fini(&p->out);
    mem_free(p);
}
