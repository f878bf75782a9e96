#include "lake/lake_internal.h"

#include "base/durable.h"
#include "base/hash.h"
#include "lake/codec/codec.h"
#include "lake/format/format.h"
#include "lake/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/file.h>
#include <unistd.h>

static const char marker[] = "{\"format\": \"sluice-lake\", \"version\": 1}\n";

const char *lake_path(struct arena *a, const struct lake *s, struct str relative)
{
    assert(relative.n == 0 || relative.p[0] != '/');
    return arena_printf(a, "%s/%.*s", s->root, STR_ARG(relative)).p;
}

struct str path_dir(struct str path)
{
    size_t n = path.n;
    while (n > 0 && path.p[n - 1] != '/')
        n--;
    return str_slice(path, 0, n > 0 ? n - 1 : 0);
}

struct str path_base(struct str path)
{
    size_t n = path.n;
    while (n > 0 && path.p[n - 1] != '/')
        n--;
    return str_slice(path, n, path.n);
}

bool lake_sync_above(struct lake *s, struct arena *a, struct str dir, struct err *e)
{
    while (dir.n > 0) {
        dir = path_dir(dir);
        if (!durable_fsync_dir(s->durable, "lake.fsync_dir", lake_path(a, s, dir), e))
            return false;
    }
    return true;
}

struct str lake_task_dir(struct arena *a, struct str job, unsigned task)
{
    struct buf b;
    buf_init(&b, LAYOUT_PATH_MAX);
    layout_task(&b, job, task);
    assert(!b.failed);
    struct str dir = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return dir;
}

struct str lake_staging_dir(struct arena *a, struct str job, unsigned task, uint64_t batch)
{
    struct str dir = lake_task_dir(a, job, task);
    return arena_printf(a, "%.*s/staging-%llu", STR_ARG(dir), (unsigned long long)batch);
}

const char *lake_done_path(struct arena *a, const struct lake *s, struct str task_dir,
                           uint64_t batch)
{
    return arena_printf(a, "%s/%.*s/%llu.json", s->root, STR_ARG(task_dir),
                        (unsigned long long)batch)
        .p;
}

const char *lake_pending_path(struct arena *a, const struct lake *s, struct str task_dir,
                              uint64_t batch)
{
    return arena_printf(a, "%s/%.*s/.pending-%llu.json", s->root, STR_ARG(task_dir),
                        (unsigned long long)batch)
        .p;
}

static bool check_marker(struct lake *s, struct arena *a, const char *path, struct err *e)
{
    struct str text;
    if (!file_read(&text, a, path, 64 * 1024, e))
        return err_wrap(e, "lake %s", s->root);
    json_error_t je;
    json_t *j = json_loadb(text.p, text.n, 0, &je);
    const char *format = json_string_value(json_object_get(j, "format"));
    json_int_t version = json_integer_value(json_object_get(j, "version"));
    bool known = format && str_eq(str_from(format), STR("sluice-lake")) && version == 1;
    json_decref(j);
    if (known)
        return true;
    err_fail(e, ERR_DATA, "%s is not the marker of a lake that this version knows: %.*s", path,
             (int)(text.n < 100 ? text.n : 100), text.p);
    return err_hint(e, "expected %.*s", (int)sizeof marker - 2, marker);
}

// Jobs that begin at once make one marker. Where the file system has no locks each makes its own, over the other's.
static bool make_marker(struct lake *s, struct arena *a, const char *path, struct err *e)
{
    const char *dir = lake_path(a, s, STR(LAYOUT_HIDDEN));
    if (!durable_mkdirs(s->durable, "lake.mkdir", dir, 0777, e))
        return false;
    const int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0)
        return err_sys(e, "cannot open %s", dir);
    while (flock(lock, LOCK_EX) != 0 && errno == EINTR)
        ;
    const bool ok = file_exists(path)
                        ? check_marker(s, a, path, e)
                        : durable_replace(s->durable, "lake.marker", path, str_from(marker), e);
    close(lock);
    return ok;
}

static bool open_marker(struct lake *s, enum lake_open how, struct arena *a, struct err *e)
{
    const char *path = lake_path(a, s, STR(LAYOUT_HIDDEN "/lake.json"));
    if (file_exists(path))
        return check_marker(s, a, path, e);
    if (how == LAKE_OPEN_EXISTING) {
        err_fail(e, ERR_BEHIND, "%s is not a lake: %s is missing", s->root, path);
        return err_hint(e, "it is not mounted, or it was wiped; mount or restore it first");
    }
    return make_marker(s, a, path, e);
}

bool lake_open(struct lake **out, const char *root, enum lake_open how, struct durable *d,
               struct err *e)
{
    assert(root && root[0] && d);
    struct lake *s = mem_zalloc(sizeof *s);
    s->root = mem_strdup(root);
    for (size_t n = strlen(root); n > 1 && s->root[n - 1] == '/'; n--)
        s->root[n - 1] = '\0';
    s->durable = d;
    struct arena *a = arena_new(NULL);
    bool ok = open_marker(s, how, a, e);
    arena_free(a);
    if (!ok) {
        lake_close(s);
        return err_wrap(e, "cannot open the lake");
    }
    *out = s;
    return true;
}

void lake_close(struct lake *s)
{
    if (!s)
        return;
    mem_free(s->root);
    mem_free(s);
}

bool lake_manifest_digest(uint64_t *out, struct arena *a, const char *path, struct err *e)
{
    struct str text;
    struct lake_manifest m;
    if (!file_read(&text, a, path, LAKE_MANIFEST_MAX, e))
        return false;
    if (!lake_manifest_read(&m, a, text, e))
        return err_wrap(e, "%s", path);
    *out = m.digest;
    return true;
}

bool lake_head_write(struct lake *s, struct arena *a, struct str task_dir, uint64_t batch,
                     uint64_t digest, struct err *e)
{
    char hex[17];
    hash_hex(hex, digest);
    struct str text =
        arena_printf(a, "{\"batch\": %llu, \"digest\": \"%s\"}\n", (unsigned long long)batch, hex);
    struct str path = arena_printf(a, "%s/%.*s/HEAD", s->root, STR_ARG(task_dir));
    return durable_replace(s->durable, "lake.head", path.p, text, e);
}

static bool head_file(struct lake_head *out, struct arena *a, const char *path, struct err *e)
{
    struct str text;
    if (!file_read(&text, a, path, 64 * 1024, e))
        return false;
    json_error_t je;
    json_t *j = json_loadb(text.p, text.n, 0, &je);
    json_int_t batch = json_integer_value(json_object_get(j, "batch"));
    const char *digest = json_string_value(json_object_get(j, "digest"));
    bool ok = batch > 0 && digest && hash_from_hex(&out->digest, str_from(digest));
    out->batch = (uint64_t)batch;
    json_decref(j);
    return ok || err_fail(e, ERR_DATA, "%s is damaged: %.*s", path,
                          (int)(text.n < 100 ? text.n : 100), text.p);
}

// A manifest or claim of batch n: published moves the head, a claim is noted.
static bool head_probe(struct lake_head *h, const struct lake *s, struct arena *a,
                       struct str task_dir, uint64_t n, struct err *e)
{
    const char *done = lake_done_path(a, s, task_dir, n);
    const char *pending = lake_pending_path(a, s, task_dir, n);
    if (n > h->batch && file_exists(done)) {
        h->batch = n;
        return lake_manifest_digest(&h->digest, a, done, e);
    }
    if (h->pending == 0 && n > h->batch && file_exists(pending)) {
        h->pending = n;
        return lake_manifest_digest(&h->pending_digest, a, pending, e);
    }
    return true;
}

static bool name_batch(uint64_t *out, struct str name)
{
    static const struct str prefix = {".pending-", 9};
    if (!str_ends(name, STR(".json")))
        return false;
    size_t from = str_starts(name, prefix) ? prefix.n : 0;
    return str_to_u64(out, str_slice(name, from, name.n - 5)) && *out > 0;
}

// Without HEAD (the first batch was never finished): what the directory says. Published first, so that a claim
// counts only when it is newer.
static bool head_list(struct lake_head *h, const struct lake *s, struct arena *a,
                      struct str task_dir, struct err *e)
{
    struct store_entry *v;
    size_t n;
    if (!store_list(&v, &n, a, lake_path(a, s, task_dir), e))
        return false;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < n; i++) {
            uint64_t batch;
            bool claim = v[i].name.p[0] == '.';
            if (claim == (pass == 1) && name_batch(&batch, v[i].name) &&
                !head_probe(h, s, a, task_dir, batch, e))
                return false;
        }
    }
    return true;
}

static bool head_read(struct lake_head *h, const struct lake *s, struct arena *a,
                      struct str task_dir, uint64_t batch, struct err *e)
{
    const char *path = arena_printf(a, "%s/%.*s/HEAD", s->root, STR_ARG(task_dir)).p;
    if (!file_exists(path))
        return head_list(h, s, a, task_dir, e);
    if (!head_file(h, a, path, e))
        return false;
    for (uint64_t n = h->batch + 1, end = h->batch + LAKE_PROBE; n <= end; n++)
        if (!head_probe(h, s, a, task_dir, n, e))
            return false;
    if (batch > h->batch + LAKE_PROBE && !head_probe(h, s, a, task_dir, batch, e))
        return false;
    if (h->pending <= h->batch)
        h->pending = h->pending_digest = 0;
    return true;
}

bool lake_head(struct lake *s, const char *job, unsigned task, struct lake_head *out, struct err *e)
{
    return lake_head_near(s, job, task, 0, out, e);
}

bool lake_head_near(struct lake *s, const char *job, unsigned task, uint64_t batch,
                    struct lake_head *out, struct err *e)
{
    assert(s && job);
    *out = (struct lake_head){0};
    struct arena *a = arena_new(NULL);
    bool ok = head_read(out, s, a, lake_task_dir(a, str_from(job), task), batch, e);
    arena_free(a);
    return ok || err_wrap(e, "cannot read the lake's head of job %s", job);
}

bool lake_stage_clean(struct lake *s, const char *job, unsigned task, uint64_t keep_batch,
                      struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct str dir = lake_task_dir(a, str_from(job), task);
    // Thousands of manifests are not listed when nothing is staged. A claim's draft never outlives its staging.
    if (!store_may_hold_dirs(lake_path(a, s, dir))) {
        arena_free(a);
        return true;
    }
    struct str keep = arena_printf(a, "staging-%llu", (unsigned long long)keep_batch);
    struct store_entry *v;
    size_t n;
    bool ok = store_list(&v, &n, a, lake_path(a, s, dir), e);
    for (size_t i = 0; ok && i < n; i++) {
        const char *path =
            arena_printf(a, "%s/%.*s/%.*s", s->root, STR_ARG(dir), STR_ARG(v[i].name)).p;
        if (str_starts(v[i].name, STR(".claim-")))
            ok = durable_unlink(s->durable, "lake.clean", path, e);
        else if (str_starts(v[i].name, STR("staging-")) && !str_eq(v[i].name, keep))
            ok = durable_remove_tree(s->durable, "lake.clean", path, e);
    }
    arena_free(a);
    return ok;
}

bool lake_format_parse(enum lake_format *out, struct str name)
{
    for (int i = LAKE_JSONL; i <= LAKE_CSV; i++) {
        if (!str_eq_nocase(name, str_from(format_of((enum lake_format)i)->name)))
            continue;
        *out = (enum lake_format)i;
        return true;
    }
    return false;
}

bool lake_codec_parse(enum lake_codec *out, struct str name)
{
    for (int i = LAKE_PLAIN; i <= LAKE_ZSTD; i++) {
        if (!str_eq_nocase(name, str_from(codec_of((enum lake_codec)i)->name)))
            continue;
        *out = (enum lake_codec)i;
        return true;
    }
    return false;
}
