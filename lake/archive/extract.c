#include "lake/archive/archive_internal.h"

#include "base/durable.h"
#include "base/hash.h"
#include "base/map.h"
#include "lake/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

// Where the wanted files go. A file is written under its target's name, or beside it and renamed.
struct extract {
    struct lake_archive *archive;
    struct durable *durable;
    struct arena *a;
    struct map *wanted;   // path -> position in targets
    const char **targets; // absolute, or below the working directory
    enum { EXTRACT_IN_PLACE, EXTRACT_BY_RENAME } how;
    struct map *dirs; // that got names
    uint64_t files, rows, bytes;
    const char *writing, *target;
    int fd; // -1 = none
};

static void extract_want(struct extract *x, struct str path, const char *target)
{
    bool added;
    size_t n = map_count(x->wanted);
    x->targets[n] = target;
    *map_put(x->wanted, path, &added) = n;
    assert(added);
}

static enum lake_next extract_begin(void *arg, const struct lake_file *f, struct err *e)
{
    struct extract *x = arg;
    const uint64_t *at = map_get(x->wanted, f->path);
    if (!at) // checked all the same
        return LAKE_NEXT_GO;
    x->target = x->targets[*at];
    struct str target = str_from(x->target), base = path_base(target);
    x->writing = x->how == EXTRACT_IN_PLACE
                     ? x->target
                     : arena_printf(x->a, "%.*s.%.*s.part", (int)(target.n - base.n), target.p,
                                    STR_ARG(base))
                           .p;
    const char *dir = arena_str(x->a, path_dir(target)).p;
    bool added;
    if (!durable_mkdirs(x->durable, "lake.restore.mkdir", dir, 0777, e) ||
        !durable_create(&x->fd, x->durable, "lake.restore.create", x->writing, O_TRUNC, e))
        return LAKE_NEXT_FAILED;
    map_put(x->dirs, str_from(dir), &added);
    return LAKE_NEXT_GO;
}

static enum lake_next extract_piece(void *arg, struct str piece, struct err *e)
{
    struct extract *x = arg;
    if (x->fd < 0)
        return LAKE_NEXT_GO;
    return durable_write(x->durable, "lake.restore.write", x->fd, x->writing, piece.p, piece.n, e)
               ? LAKE_NEXT_GO
               : LAKE_NEXT_FAILED;
}

static bool extract_end(void *arg, const struct lake_file *f, const char *wrong, struct err *e)
{
    struct extract *x = arg;
    bool ok = !wrong || err_fail(e, ERR_DATA, "%.*s: %s", STR_ARG(f->path), wrong);
    if (x->fd < 0)
        return ok;
    ok = ok && durable_fsync(x->durable, "lake.restore.fsync", x->fd, x->writing, e);
    close(x->fd);
    x->fd = -1;
    if (ok && x->how == EXTRACT_BY_RENAME)
        ok = durable_rename(x->durable, "lake.restore.rename", x->writing, x->target, e);
    x->files++;
    x->rows += f->rows;
    x->bytes += f->bytes;
    return ok;
}

// A name is durable with its directory, and that with those above it.
static bool extract_sync(struct extract *x, struct str top, struct err *e)
{
    struct map *all = map_new(x->a);
    bool added;
    for (size_t i = 0; i < map_count(x->dirs); i++)
        for (struct str dir = map_key(x->dirs, i); dir.n >= top.n && dir.n > 0; dir = path_dir(dir))
            map_put(all, dir, &added);
    if (path_dir(top).n > 0)
        map_put(all, path_dir(top), &added);
    for (size_t i = 0; i < map_count(all); i++)
        if (!durable_fsync_dir(x->durable, "lake.restore.fsync_dir",
                               arena_str(x->a, map_key(all, i)).p, e))
            return false;
    return true;
}

// The size is what MANIFEST.json claims: more than there is room for is not begun.
static bool extract_room(const char *dir, uint64_t bytes, struct err *e)
{
    struct statvfs st;
    if (statvfs(dir, &st) != 0)
        return err_sys(e, "cannot look at the file system of %s", dir);
    uint64_t room = (uint64_t)st.f_bavail * st.f_frsize;
    return bytes <= room || err_fail(e, ERR_IO, "%s has room for %llu bytes, %llu are needed", dir,
                                     (unsigned long long)room, (unsigned long long)bytes);
}

static void extract_open(struct extract *x, struct lake_archive *s, struct durable *d, size_t count)
{
    *x = (struct extract){.archive = s, .durable = d, .a = arena_new(s->a), .fd = -1};
    x->wanted = map_new(x->a);
    x->dirs = map_new(x->a);
    x->targets = ARENA_ZARRAY(x->a, const char *, count + 1);
}

static bool extract_go(struct extract *x, struct str top, struct err *e)
{
    const struct archive_sink sink = {extract_begin, extract_piece, extract_end, x};
    struct err ignored = {0};
    bool ok = archive_pass(x->archive, &sink, e);
    if (x->fd >= 0)
        close(x->fd);
    if (!ok && x->how == EXTRACT_BY_RENAME && x->writing)
        (void)!durable_unlink(x->durable, "lake.restore.unlink", x->writing, &ignored);
    return ok && extract_sync(x, top, e);
}

// --- into a directory ------------------------------------------------------------------------------------------------

static bool extract_choose(struct extract *x, uint64_t *bytes, uint64_t *present, const char *dir,
                           struct err *e)
{
    const struct lake_archive *s = x->archive;
    for (size_t i = 0; i < s->contents.files; i++) {
        const struct lake_file *f = s->list[i];
        const char *target = arena_printf(x->a, "%s/%.*s", dir, STR_ARG(f->path)).p;
        enum store_content is;
        if (!store_compare(&is, target, f->bytes, f->checksum, e))
            return false;
        switch (is) {
        case STORE_DIFFERENT:
            err_fail(e, ERR_CONFIG, "%s exists with other content", target);
            return err_hint(e, "nothing was restored: move it away, or choose another directory");
        case STORE_SAME:
            ++*present;
            continue;
        case STORE_ABSENT:
            break;
        }
        *bytes += f->bytes;
        extract_want(x, f->path, target);
    }
    return true;
}

bool lake_archive_extract(struct lake_extract_report *out, struct lake_archive *s, const char *dir,
                          struct durable *d, struct err *e)
{
    struct extract x;
    uint64_t bytes = 0;
    *out = (struct lake_extract_report){0};
    extract_open(&x, s, d, s->contents.files);
    x.how = EXTRACT_BY_RENAME;
    bool ok = durable_mkdirs(d, "lake.restore.mkdir", dir, 0777, e) &&
              extract_choose(&x, &bytes, &out->present, dir, e) && extract_room(dir, bytes, e) &&
              extract_go(&x, str_from(dir), e);
    out->files = x.files;
    out->rows = x.rows;
    out->bytes = x.bytes;
    arena_free(x.a);
    return ok || err_wrap(e, "cannot restore %s to %s", s->path, dir);
}

// --- into the staging of a batch -------------------------------------------------------------------------------------

// The name keeps its end: it says how to read the file. A version's files share a directory, which becomes version=N by one rename.
static struct str stage_place(struct arena *a, struct str dir, const struct lake_file *files,
                              size_t i)
{
    size_t first = i;
    while (files[i].version > 0 && first > 0 &&
           str_eq(path_dir(files[first - 1].path), path_dir(files[i].path)))
        first--;
    return arena_printf(a, files[i].version > 0 ? "%.*s/v%zu/%.*s" : "%.*s/%zu-%.*s", STR_ARG(dir),
                        first, STR_ARG(path_base(files[i].path)));
}

bool lake_archive_stage(struct lake_archive *s, struct lake *lake,
                        const struct lake_archive_stage *spec, struct err *e)
{
    struct extract x;
    extract_open(&x, s, lake->durable, spec->count);
    struct str dir = lake_staging_dir(x.a, str_from(spec->job), spec->task, spec->batch);
    const char *full = lake_path(x.a, lake, dir);
    uint64_t bytes = 0;
    for (size_t i = 0; i < spec->count; i++) {
        struct lake_file *f = &spec->files[i];
        f->staged = stage_place(s->a, dir, spec->files, i);
        extract_want(&x, f->path, lake_path(x.a, lake, f->staged));
        bytes += f->bytes;
    }
    bool ok = durable_remove_tree(lake->durable, "lake.clean", full, e) &&
              durable_mkdirs(lake->durable, "lake.restore.mkdir", full, 0777, e) &&
              extract_room(full, bytes, e) && extract_go(&x, str_from(full), e) &&
              lake_sync_above(lake, x.a, dir, e);
    if (ok && x.files != spec->count)
        ok = err_fail(e, ERR_BUG, "%llu of %zu files came out", (unsigned long long)x.files,
                      spec->count);
    arena_free(x.a);
    return ok || err_wrap(e, "cannot stage %s", s->path);
}
