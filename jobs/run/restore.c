#include "jobs/run/restore.h"

#include "base/durable.h"
#include "base/map.h"
#include "base/vec.h"
#include "jobs/run/upkeep.h"
#include "lake/archive.h"
#include "lake/store/store.h"

// The last that a manifest says of a place.
enum restore_fate { RESTORE_THERE, RESTORE_GONE };
struct restore_event {
    const struct lake_manifest *manifest;
    const struct lake_file *file;
    enum restore_fate fate;
};

struct restore {
    struct session *s;
    struct arena *a;
    struct lake_archive *archive;
    const struct lake_manifest *past; // of the job, by batch
    size_t past_count;
    struct map *places; // path -> the last that happened there: position in events
    struct map
        *listed; // paths of the versions of tables that the lake has, on disk or missing there
    VEC(struct restore_event) events;
    VEC(struct lake_file) files;
    VEC(struct lake_file) replaced; // of those that the lake should hold and does not
    VEC(struct lake_manifest_output) outputs;
    uint64_t present, batch;
};

// --- what the lake knows of a place ----------------------------------------------------------------------------------

static void restore_event(struct restore *x, const struct lake_manifest *m,
                          const struct lake_file *f, enum restore_fate fate)
{
    const struct restore_event event = {m, f, fate};
    bool added;
    *map_put(x->places, f->path, &added) = x->events.n;
    vec_push(&x->events, event);
}

static void restore_learn(struct restore *x)
{
    x->places = map_new(x->a);
    for (size_t i = 0; i < x->past_count; i++) {
        const struct lake_manifest *m = &x->past[i];
        for (size_t k = 0; k < m->replaced_count; k++)
            restore_event(x, m, &m->replaced[k], RESTORE_GONE);
        for (size_t k = 0; k < m->count; k++)
            restore_event(x, m, &m->files[k], RESTORE_THERE);
    }
}

// Versions beyond keep_versions went without a manifest.
static bool restore_versions(struct restore *x, struct err *e)
{
    struct lake_ls ls;
    bool added;
    x->listed = map_new(x->a);
    if (!lake_list(&ls, x->a, x->s->lake, STR_NONE, e))
        return false;
    for (size_t i = 0; i < ls.output_count; i++)
        for (size_t k = 0; ls.outputs[i].kind == LAKE_SNAPSHOT && k < ls.outputs[i].partition_count;
             k++)
            for (size_t n = 0; n < ls.outputs[i].partitions[k].file_count; n++)
                map_put(x->listed, ls.outputs[i].partitions[k].files[n].file.path, &added);
    return true;
}

static const struct lake_manifest *restore_origin(const struct restore *x,
                                                  const struct lake_manifest *m)
{
    for (size_t i = 0; i < x->past_count; i++)
        if (x->past[i].batch == m->batch && x->past[i].task == m->task)
            return &x->past[i];
    return NULL;
}

// --- what may come back ----------------------------------------------------------------------------------------------

static bool restore_refuse(const struct lake_file *f, struct err *e, const char *why,
                           const struct lake_manifest *by)
{
    err_fail(e, ERR_CONFIG, "%.*s cannot come back: batch %llu (%.*s) %s", STR_ARG(f->path),
             (unsigned long long)by->batch, STR_ARG(by->kind), why);
    return err_hint(e, "nothing was restored; --to DIR puts the files elsewhere");
}

static bool restore_holds(const struct lake_file *f, uint64_t own, uint64_t slot)
{
    for (size_t i = 0; i < f->slot_count; i++)
        if (f->slots[i].slot == slot)
            return true;
    return f->slot_count == 0 && own == slot;
}

// A batch after the one that brought the file has made its slot anew, elsewhere perhaps.
static bool restore_slot(const struct restore *x, const struct lake_manifest *from,
                         const struct lake_file *f, struct err *e)
{
    uint64_t slot = f->slot ? f->slot : from->slot;
    for (size_t i = 0; i < x->past_count; i++) {
        const struct lake_manifest *m = &x->past[i];
        bool adds = str_eq(m->kind, STR("replay")); // what was a dead letter
        if (m->batch <= from->batch || m->slot == m->batch || adds ||
            !restore_holds(f, slot, m->slot))
            continue;
        for (size_t k = 0; k < m->output_count; k++)
            if (str_eq(m->outputs[k].name, f->output))
                return restore_refuse(f, e, "has made its rows anew", m);
    }
    if (slot > x->s->control.since)
        return true;
    err_fail(e, ERR_CONFIG,
             "%.*s cannot come back: it is of batch %llu, before a reset of the job (batch %llu), "
             "after which its records may have been read again",
             STR_ARG(f->path), (unsigned long long)slot, (unsigned long long)x->s->control.since);
    return err_hint(e, "nothing was restored; --to DIR puts the files elsewhere");
}

static void restore_add(struct restore *x, const struct lake_manifest *from,
                        const struct lake_file *f, const struct restore_event *last)
{
    struct lake_file back = *f;
    back.slot = f->slot ? f->slot : from->slot;
    back.reason = STR("");
    vec_push(&x->files, back);
    if (last->fate == RESTORE_THERE && (f->version == 0 || map_get(x->listed, f->path)))
        vec_push(&x->replaced, *last->file);
}

static struct str restore_dir(struct str path)
{
    while (path.n > 0 && path.p[path.n - 1] != '/')
        path.n--;
    return path;
}

// A version appears by one rename of its directory: all of it comes, and nothing of it is there.
static bool restore_version(const struct restore *x, const struct lake_manifest *own,
                            const struct lake_manifest *from, const struct lake_file *f,
                            struct err *e)
{
    struct str dir = restore_dir(f->path);
    const char *path = arena_printf(x->a, "%s/%.*s", x->s->job->lake_root, STR_ARG(dir)).p;
    size_t want = 0, have = 0;
    if (file_exists(path)) {
        err_fail(e, ERR_CONFIG, "%s is there, but not whole", path);
        return err_hint(e, "nothing was restored; move what is left of the version away");
    }
    for (size_t i = 0; i < own->count; i++)
        want += str_eq(restore_dir(own->files[i].path), dir);
    for (size_t i = 0; i < from->count; i++)
        have += str_eq(restore_dir(from->files[i].path), dir);
    return have == want || err_fail(e, ERR_CONFIG, "%.*s has %zu files, the archive %zu of them",
                                    STR_ARG(dir), want, have);
}

static bool restore_file(struct restore *x, const struct lake_manifest *from,
                         const struct lake_file *f, struct err *e)
{
    const uint64_t *at = map_get(x->places, f->path);
    enum store_content is;
    if (!at)
        return err_fail(e, ERR_DATA, "no manifest of the lake names %.*s", STR_ARG(f->path));
    const struct restore_event *last = &x->events.v[*at];
    const char *path = arena_printf(x->a, "%s/%.*s", x->s->job->lake_root, STR_ARG(f->path)).p;
    if (!store_compare(&is, path, f->bytes, f->checksum, e))
        return false;
    if (last->fate == RESTORE_THERE && last->file->checksum != f->checksum)
        return restore_refuse(f, e, "has put other content there", last->manifest);
    bool there = last->fate == RESTORE_THERE && (f->version == 0 || map_get(x->listed, f->path));
    if (is == STORE_SAME && there) {
        x->present++;
        return true;
    }
    if (is == STORE_DIFFERENT) {
        err_fail(e, ERR_CONFIG, "%s exists with other content", path);
        return err_hint(e, "nothing was restored; when that file is of no use, move it away");
    }
    // A compacted file may be called as one of those that it was made of.
    if (last->fate == RESTORE_GONE && last->file->checksum != f->checksum)
        return restore_refuse(f, e, "deleted other content from there", last->manifest);
    if (last->fate == RESTORE_GONE && !str_eq(last->manifest->kind, STR("expire")))
        return restore_refuse(f, e, "has put its rows into other files", last->manifest);
    // A version is a whole table: no other has its rows.
    if (!(f->version > 0 ? restore_version(x, restore_origin(x, from), from, f, e)
                         : restore_slot(x, from, f, e)))
        return false;
    restore_add(x, from, f, last);
    return true;
}

static void restore_output(struct restore *x, const struct lake_manifest_output *o)
{
    for (size_t i = 0; i < x->outputs.n; i++)
        if (str_eq(x->outputs.v[i].name, o->name) && x->outputs.v[i].kind == o->kind)
            return;
    vec_push(&x->outputs, *o);
}

// The lake's own words for an output, the newest: an old schema does not come back.
static void restore_outputs(struct restore *x)
{
    for (size_t i = x->past_count; i > 0; i--)
        for (size_t k = 0; k < x->past[i - 1].output_count; k++) {
            const struct lake_manifest_output *o = &x->past[i - 1].outputs[k];
            for (size_t n = 0; n < x->files.n; n++)
                if (str_eq(x->files.v[n].output, o->name)) {
                    restore_output(x, o);
                    break;
                }
        }
}

static bool restore_choose(struct restore *x, struct err *e)
{
    size_t n;
    const struct lake_manifest *m = lake_archive_manifests(x->archive, &n);
    if (!lake_job_manifests(&x->past, &x->past_count, x->a, x->s->lake, x->s->job->name, e))
        return false;
    restore_learn(x);
    if (!restore_versions(x, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct lake_manifest *own = restore_origin(x, &m[i]);
        if (!own || own->digest != m[i].digest) {
            err_fail(e, ERR_CONFIG, "batch %llu of the archive is not one of this lake's",
                     (unsigned long long)m[i].batch);
            return err_hint(e, "an archive goes back into the lake it is of; --to DIR puts the "
                               "files elsewhere");
        }
        for (size_t k = 0; k < m[i].count; k++)
            if (!restore_file(x, &m[i], &m[i].files[k], e))
                return false;
    }
    restore_outputs(x);
    return true;
}

// --- the batch -------------------------------------------------------------------------------------------------------

static bool restore_go(struct restore *x, struct err *e)
{
    struct session *s = x->s;
    s->asks = false;
    const struct upkeep u = {
        .kind = BATCH_RESTORE,
        .now_ms = upkeep_now(s),
        .files = x->files.v,
        .file_count = x->files.n,
        .replaced = x->replaced.v,
        .replaced_count = x->replaced.n,
        .outputs = x->outputs.v,
        .output_count = x->outputs.n,
    };
    const struct lake_archive_stage stage = {
        .job = s->job->name, .batch = upkeep_next(s), .files = x->files.v, .count = x->files.n};
    return x->files.n == 0 || (lake_archive_stage(x->archive, s->lake, &stage, e) &&
                               upkeep_batch(&x->batch, s, &u, e));
}

static bool restore_open(struct restore *x, const char *path, const struct job *job, struct err *e)
{
    if (!lake_archive_open(&x->archive, path, e))
        return false;
    struct str of = lake_archive_job(x->archive);
    return str_eq(of, str_from(job->name)) ||
           err_fail(e, ERR_CONFIG, "%s is of job %.*s, not of %s", path, STR_ARG(of), job->name);
}

static void restore_fini(struct restore *x)
{
    lake_archive_close(x->archive);
    vec_fini(&x->events);
    vec_fini(&x->files);
    vec_fini(&x->replaced);
    vec_fini(&x->outputs);
}

static void restore_tell(struct restore_report *out, const struct restore *x)
{
    struct lake_file *files = ARENA_ZARRAY(x->a, struct lake_file, x->files.n + 1);
    for (size_t i = 0; i < x->files.n; i++) {
        files[i] = x->files.v[i];
        files[i].path = arena_str(x->a, files[i].path);
        files[i].output = arena_str(x->a, files[i].output);
    }
    *out = (struct restore_report){x->batch, files, x->files.n, x->present};
}

static bool restore_session(struct restore *x, bool dry, struct err *e)
{
    struct session *s = x->s;
    if (!s->lake)
        return err_fail(e, ERR_CONFIG, "job %s writes nothing to a lake", s->job->name);
    if (!dry && !run_settle(s, e))
        return false;
    s->asks = true;
    // What waits in row logs is written first: the lake's head will say that the job stands behind it.
    return (dry || (run_recovered(s, e) && run_flush_logs(s, e))) && restore_choose(x, e) &&
           (dry || (restore_go(x, e) && run_done(s, e)));
}

bool run_restore(struct restore_report *out, struct arena *a, const struct job *job,
                 const struct run_env *env, const struct restore_spec *spec, struct err *e)
{
    struct session s;
    struct run_report report = {0};
    struct restore x = {.s = &s, .a = a};
    *out = (struct restore_report){0};
    bool dry = spec->mode == RESTORE_DRY_RUN;
    if (!restore_open(&x, spec->archive, job, e)) {
        restore_fini(&x);
        return false;
    }
    bool ok = session_open(&s, job, env, &report, e) && restore_session(&x, dry, e);
    if (!ok && !dry)
        run_failed(&s, e);
    restore_tell(out, &x);
    restore_fini(&x);
    session_close(&s);
    return ok || err_wrap(e, "restoring files of job %s", job->name);
}
