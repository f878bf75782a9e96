// Whole copies of a state store; declared in base/kv.h.
#include "base/durable.h"
#include "base/kv_internal.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_BYTES = 1200, SITE_BYTES = 64 };

struct copy {
    struct kv *kv;
    int fd;
};

static bool copy_effect(void *arg, struct err *e)
{
    const struct copy *c = arg;
    const int rc = mdb_env_copyfd2(c->kv->env, c->fd, MDB_CP_COMPACT);
    return rc == 0 || kv_lmdb_fail(c->kv, rc, "copy", e);
}

static const char *site_name(char out[SITE_BYTES], const char *site, const char *what)
{
    const int n = snprintf(out, SITE_BYTES, "%s.%s", site, what);
    assert(n > 0 && n < SITE_BYTES);
    return out;
}

bool kv_copy(struct kv *s, const char *site, const char *path, struct err *e)
{
    char name[SITE_BYTES];
    assert(s->durable);
    struct copy c = {.kv = s};
    if (!durable_create(&c.fd, s->durable, site_name(name, site, "create"), path,
                        O_TRUNC | DURABLE_PRIVATE, e))
        return false;
    const bool ok = durable_call(s->durable, site_name(name, site, "copy"), copy_effect, &c, e) &&
                    durable_fsync(s->durable, site_name(name, site, "fsync"), c.fd, path, e);
    close(c.fd);
    return ok;
}

// Other processes find either file whole. The lock file belongs to the old one: without it LMDB makes another.
bool kv_compact(struct kv *s, struct err *e)
{
    char from[PATH_BYTES], to[PATH_BYTES], lock[PATH_BYTES];
    assert(s->mode == KV_OWNER);
    (void)snprintf(from, sizeof from, "%s/data.mdb.compact", s->dir);
    (void)snprintf(to, sizeof to, "%s/data.mdb", s->dir);
    (void)snprintf(lock, sizeof lock, "%s/lock.mdb", s->dir);
    return kv_copy(s, "state.compact", from, e) &&
           durable_rename(s->durable, "state.compact.rename", from, to, e) &&
           durable_unlink(s->durable, "state.compact.unlink", lock, e) &&
           durable_fsync_dir(s->durable, "state.compact.dirsync", s->dir, e);
}
