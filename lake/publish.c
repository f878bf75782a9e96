#include "lake/lake_internal.h"

#include "base/durable.h"
#include "base/hash.h"
#include "base/map.h"
#include "lake/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

// Rolling a decided batch forward. Each step leaves a state from which the whole can be run again:
//   claim    .pending-N.json appears by link(2): from here on nobody else can publish N
//   move     each staged file to its final name (source gone and final right = done), each version directory by one rename
//            and, directory by directory, sync it; then those of its files go that the batch replaces (backfill, compaction)
//   describe _metadata.json of each output, once per batch
//   done     .pending-N.json becomes N.json; HEAD follows (open looks behind HEAD, so a crash between is harmless)
//   clean    the staging directory goes
struct publish {
    struct lake *lake;
    const struct lake_manifest *m;
    struct arena *a;
    struct str dir; // of the task, relative
    const char *pending, *done;
    const char *draft; // what is linked to pending
};

static bool fenced(const struct publish *p, struct err *e, const char *why, uint64_t batch)
{
    err_fail(e, ERR_FENCED, "%s (batch %llu of the lake, job %.*s)", why, (unsigned long long)batch,
             STR_ARG(p->m->job));
    return err_hint(e, "another process publishes this job, or this state directory is older than "
                       "the lake: see the recovery handbook, \"fenced\"");
}

enum judgement { JUDGE_NEXT, JUDGE_REPLAY, JUDGE_REFUSED };

static enum judgement judge(const struct publish *p, const struct lake_head *h, struct err *e)
{
    const struct lake_manifest *m = p->m;
    bool same = h->batch == m->batch && h->digest == m->digest;
    if (same)
        return JUDGE_REPLAY;
    bool ok = false;
    if (h->batch >= m->batch)
        fenced(p, e, "the lake already holds this or a later batch, with other contents", h->batch);
    else if (h->batch > m->prev_batch)
        fenced(p, e, "the lake holds a batch that this state does not know", h->batch);
    else if (h->batch < m->prev_batch) {
        err_fail(e, ERR_BEHIND, "the lake holds batch %llu of job %.*s, batch %llu is expected",
                 (unsigned long long)h->batch, STR_ARG(m->job), (unsigned long long)m->prev_batch);
        err_hint(e, "the lake was restored or truncated: see the recovery handbook, \"behind\"");
    } else if (h->digest != m->prev_digest)
        fenced(p, e, "the lake's last batch has other contents than ours", h->batch);
    else if (h->pending != 0 && h->pending != m->batch)
        fenced(p, e, "another batch is claimed", h->pending);
    else if (h->pending != 0 && h->pending_digest != m->digest)
        fenced(p, e, "this batch is claimed with other contents", h->pending);
    else
        ok = true;
    return ok ? JUDGE_NEXT : JUDGE_REFUSED;
}

static bool read_head(struct publish *p, struct lake_head *h, struct err *e)
{
    return lake_head_near(p->lake, arena_str(p->a, p->m->job).p, p->m->task, p->m->batch, h, e);
}

// --- claim ---------------------------------------------------------------------------------------

static bool final_is_right(bool *out, struct publish *p, const struct lake_file *f, struct err *e)
{
    enum store_content c;
    if (!store_compare(&c, lake_path(p->a, p->lake, f->path), f->bytes, f->checksum, e))
        return false;
    *out = c == STORE_SAME;
    return true;
}

static bool staged_gone(const struct publish *p, const struct lake_file *f, struct err *e)
{
    err_fail(e, ERR_FENCED, "staged file %.*s of batch %llu is gone and %.*s is not what it was",
             STR_ARG(f->staged), (unsigned long long)p->m->batch, STR_ARG(f->path));
    return err_hint(e, "another process took over this job; this one must stop");
}

// Before a claim nothing may be missing: a process whose staging was deleted must not block its successor.
static bool check_staged(struct publish *p, struct err *e)
{
    for (size_t i = 0; i < p->m->count; i++) {
        const struct lake_file *f = &p->m->files[i];
        if (file_exists(lake_path(p->a, p->lake, f->staged)))
            continue;
        bool right;
        if (!final_is_right(&right, p, f, e))
            return false;
        if (!right)
            return staged_gone(p, f, e);
    }
    return true;
}

static bool write_claim(struct publish *p, struct err *e)
{
    const char *path = p->draft;
    struct durable *d = p->lake->durable;
    struct buf text;
    buf_init(&text, LAKE_MANIFEST_MAX);
    lake_manifest_write(&text, p->m);
    int fd = -1;
    bool ok = buf_ok(&text, "lake manifest", e) &&
              durable_unlink(d, "lake.claim.unlink", path, e) &&
              durable_create(&fd, d, "lake.claim.create", path, O_EXCL, e);
    if (ok) {
        ok = durable_write(d, "lake.claim.write", fd, path, text.p, text.n, e) &&
             durable_fsync(d, "lake.claim.fsync", fd, path, e);
        close(fd);
    }
    buf_fini(&text);
    return ok;
}

// The claim exists: ours from an earlier try, or somebody else's.
static bool check_claim(struct publish *p, struct err *e)
{
    uint64_t digest;
    if (!lake_manifest_digest(&digest, p->a, p->pending, e))
        return false;
    return digest == p->m->digest ||
           fenced(p, e, "this batch is claimed with other contents", p->m->batch);
}

enum claim { CLAIM_NEW, CLAIM_OLD, CLAIM_FAILED };

static enum claim claim(struct publish *p, struct err *e)
{
    struct durable *d = p->lake->durable;
    const char *dir = lake_path(p->a, p->lake, p->dir);
    if (file_exists(p->pending)) // perhaps not durable yet
        return check_claim(p, e) && durable_fsync_dir(d, "lake.fsync_dir", dir, e) ? CLAIM_OLD
                                                                                   : CLAIM_FAILED;
    if (!durable_mkdirs(d, "lake.mkdir", dir, 0777, e) || !write_claim(p, e))
        return CLAIM_FAILED;
    enum claim result = CLAIM_NEW;
    if (!durable_link(d, "lake.claim.link", p->draft, p->pending, e)) {
        if (e->sys_errno != EEXIST)
            return CLAIM_FAILED;
        err_clear(e);
        result = check_claim(p, e) ? CLAIM_OLD : CLAIM_FAILED;
    }
    if (result == CLAIM_FAILED || !durable_unlink(d, "lake.claim.unlink", p->draft, e) ||
        !durable_fsync_dir(d, "lake.fsync_dir", dir, e))
        return CLAIM_FAILED;
    return result;
}

// A process that slept between its look at the head and its claim may have claimed a batch that is long done:
// the head is read again under the claim, which is given back when it came too late.
static enum judgement claim_and_judge(struct publish *p, struct err *e)
{
    struct lake_head h;
    enum claim got = claim(p, e);
    if (got == CLAIM_FAILED || !read_head(p, &h, e))
        return JUDGE_REFUSED;
    enum judgement j = judge(p, &h, e);
    if (j != JUDGE_REFUSED || got != CLAIM_NEW)
        return j;
    struct err ignored = {0};
    if (!durable_unlink(p->lake->durable, "lake.claim.unlink", p->pending, &ignored))
        err_hint(e, "%s is left behind: remove it", p->pending);
    return j;
}

// --- move ----------------------------------------------------------------------------------------

// A rename that failed may be done already: its source is gone (or its target directory exists) and every file is right.
static bool moved_before(struct publish *p, const struct lake_file *f, struct err *e)
{
    int code = e->sys_errno;
    if (code != ENOENT && code != ENOTEMPTY && code != EEXIST)
        return false;
    bool right;
    struct err inner = {0};
    if (!final_is_right(&right, p, f, &inner)) {
        *e = inner;
        return false;
    }
    if (right) {
        err_clear(e);
        return true;
    }
    if (code == ENOENT)
        return staged_gone(p, f, e);
    return err_fail(e, ERR_FENCED, "%.*s exists with other contents", STR_ARG(path_dir(f->path)));
}

static bool move_file(struct publish *p, const struct lake_file *f, struct err *e)
{
    struct durable *d = p->lake->durable;
    mode_t mode = f->output.n > 0 ? 0777 : 0700;
    const char *dir = lake_path(p->a, p->lake, path_dir(f->path));
    if (!durable_mkdirs(d, "lake.mkdir", dir, mode, e))
        return false;
    return durable_rename(d, "lake.rename", lake_path(p->a, p->lake, f->staged),
                          lake_path(p->a, p->lake, f->path), e) ||
           moved_before(p, f, e);
}

// All files of a version are in one staged directory, which becomes version=N by one rename.
static bool move_version(struct publish *p, const struct lake_file *f, struct err *e)
{
    struct durable *d = p->lake->durable;
    struct str version = path_dir(f->path);
    if (!durable_mkdirs(d, "lake.mkdir", lake_path(p->a, p->lake, path_dir(version)), 0777, e))
        return false;
    return durable_rename(d, "lake.rename_version", lake_path(p->a, p->lake, path_dir(f->staged)),
                          lake_path(p->a, p->lake, version), e) ||
           moved_before(p, f, e);
}

// Two files of one version: the second is moved with the first.
static bool same_version(const struct lake_file *f, const struct lake_file *before)
{
    return f->version > 0 && before->version > 0 &&
           str_eq(path_dir(f->path), path_dir(before->path));
}

// --- replaced ------------------------------------------------------------------------------------

// What this batch takes away, by directory: the files without one of the same name in their place.
struct publish_dirs {
    struct map *dirs; // directory -> first of its files in `files`, or replaced_count: none
    size_t *next;     // of the files of one directory
};

static void find_replaced(struct publish_dirs *out, struct publish *p)
{
    const struct lake_manifest *m = p->m;
    struct map *kept = map_new(p->a);
    bool added;
    *out = (struct publish_dirs){map_new(p->a), ARENA_ARRAY(p->a, size_t, m->replaced_count + 1)};
    for (size_t i = 0; m->replaced_count > 0 && i < m->count; i++)
        map_put(kept, m->files[i].path, &added);
    for (size_t i = 0; i < m->replaced_count; i++) {
        const struct lake_file *f = &m->replaced[i];
        if (map_get(kept, f->path) || f->version > 0) // versions go by lake_trim_versions
            continue;
        uint64_t *first = map_put(out->dirs, path_dir(f->path), &added);
        out->next[i] = added ? m->replaced_count : *first;
        *first = i;
    }
}

// Under the claim: their names are known from its manifest.
static bool remove_replaced(struct publish *p, const struct publish_dirs *v, struct str dir,
                            struct err *e)
{
    struct durable *d = p->lake->durable;
    const uint64_t *first = map_get(v->dirs, dir);
    if (!first)
        return true;
    for (size_t i = *first; i < p->m->replaced_count; i = v->next[i])
        if (!durable_unlink(d, "lake.replace.unlink",
                            lake_path(p->a, p->lake, p->m->replaced[i].path), e))
            return false;
    const char *path = lake_path(p->a, p->lake, dir);
    return !file_exists(path) || durable_fsync_dir(d, "lake.fsync_dir", path, e);
}

// resumed: a delivery before was cut short, perhaps between making a directory and syncing its parent.
static bool sync_dir(struct publish *p, struct str dir, bool resumed, struct err *e)
{
    return durable_fsync_dir(p->lake->durable, "lake.fsync_dir", lake_path(p->a, p->lake, dir),
                             e) &&
           (!resumed || lake_sync_above(p->lake, p->a, dir, e));
}

// A directory's files come, then those go that they stand in for: a reader sees rows twice for as long as this takes, and no
// longer. In between the directory is synced: rows are not lost to a power cut.
static bool move_dir(struct publish *p, const struct publish_dirs *replaced, size_t *next,
                     bool resumed, struct err *e)
{
    const struct lake_file *files = p->m->files;
    struct str dir = path_dir(files[*next].path);
    for (; *next < p->m->count && files[*next].version == 0 &&
           str_eq(path_dir(files[*next].path), dir);
         (*next)++)
        if (!move_file(p, &files[*next], e))
            return false;
    return sync_dir(p, dir, resumed, e) && remove_replaced(p, replaced, dir, e);
}

static bool move_files(struct publish *p, bool resumed, struct err *e)
{
    struct publish_dirs replaced;
    struct map *done = map_new(p->a);
    bool added;
    find_replaced(&replaced, p);
    for (size_t i = 0; i < p->m->count;) {
        const struct lake_file *f = &p->m->files[i];
        struct str dir = path_dir(f->path);
        if (f->version == 0) {
            map_put(done, dir, &added);
            if (!move_dir(p, &replaced, &i, resumed, e))
                return false;
            continue;
        }
        if ((i == 0 || !same_version(f, f - 1)) &&
            (!move_version(p, f, e) || !sync_dir(p, path_dir(dir), resumed, e)))
            return false;
        i++;
    }
    for (size_t i = 0; i < map_count(replaced.dirs); i++) {
        struct str dir = map_key(replaced.dirs, i);
        if (!map_get(done, dir) && !remove_replaced(p, &replaced, dir, e))
            return false;
    }
    return true;
}

// --- done ----------------------------------------------------------------------------------------

static bool finish(struct publish *p, struct err *e)
{
    struct durable *d = p->lake->durable;
    const char *dir = lake_path(p->a, p->lake, p->dir);
    for (size_t i = 0; i < p->m->output_count; i++)
        if (!lake_metadata_update(p->lake, p->m, i, e))
            return false;
    return durable_rename(d, "lake.done", p->pending, p->done, e) &&
           durable_fsync_dir(d, "lake.fsync_dir", dir, e);
}

// After the manifest is final: also what a replay finds undone.
static bool settle(struct publish *p, struct err *e)
{
    struct durable *d = p->lake->durable;
    struct str staging = lake_staging_dir(p->a, p->m->job, p->m->task, p->m->batch);
    return durable_unlink(d, "lake.claim.unlink", p->draft, e) &&
           durable_unlink(d, "lake.claim.unlink", p->pending, e) &&
           lake_head_write(p->lake, p->a, p->dir, p->m->batch, p->m->digest, e) &&
           durable_remove_tree(d, "lake.clean", lake_path(p->a, p->lake, staging), e);
}

static bool publish(struct publish *p, struct err *e)
{
    struct lake_head h;
    if (!read_head(p, &h, e))
        return false;
    enum judgement j = judge(p, &h, e);
    if (j == JUDGE_NEXT && h.pending == 0 && !check_staged(p, e))
        return false;
    if (j == JUDGE_NEXT)
        j = claim_and_judge(p, e);
    switch (j) {
    case JUDGE_REFUSED:
        return false;
    case JUDGE_NEXT:
        return move_files(p, h.pending != 0, e) && finish(p, e) && settle(p, e);
    case JUDGE_REPLAY:
        return settle(p, e);
    }
    return false;
}

bool lake_publish(struct lake *s, const struct lake_manifest *m, struct err *e)
{
    assert(s && m && m->batch > 0 && m->batch > m->prev_batch);
    struct publish p = {.lake = s, .m = m, .a = arena_new(NULL)};
    p.dir = lake_task_dir(p.a, m->job, m->task);
    p.pending = lake_pending_path(p.a, s, p.dir, m->batch);
    p.done = lake_done_path(p.a, s, p.dir, m->batch);
    char hex[17];
    hash_hex(hex, m->digest);
    p.draft = arena_printf(p.a, "%s/%.*s/.claim-%llu-%s", s->root, STR_ARG(p.dir),
                           (unsigned long long)m->batch, hex)
                  .p;
    bool ok = publish(&p, e);
    arena_free(p.a);
    return ok || err_wrap(e, "job %.*s: cannot publish batch %llu to the lake", STR_ARG(m->job),
                          (unsigned long long)m->batch);
}

bool lake_finish_claim(struct lake *s, const char *job, unsigned task, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct lake_head h;
    struct lake_manifest m;
    struct str text;
    bool ok = lake_head(s, job, task, &h, e);
    if (ok && h.pending != 0) {
        const char *path =
            lake_pending_path(a, s, lake_task_dir(a, str_from(job), task), h.pending);
        ok = file_read(&text, a, path, LAKE_MANIFEST_MAX, e) &&
             (lake_manifest_read(&m, a, text, e) || err_wrap(e, "%s", path)) &&
             lake_publish(s, &m, e);
    }
    arena_free(a);
    return ok;
}
