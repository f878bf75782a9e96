#include "base/durable_internal.h"

#include "base/vec.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { FAULTS_MAX = 16, SITE_MAX = sizeof((struct fault_spec *)0)->site };

struct site {
    char name[SITE_MAX];
    uint64_t calls;
};

struct file_id {
    dev_t dev;
    ino_t ino;
};

struct durable {
    enum durable_crash mode;
    atomic_bool dead;
    pthread_mutex_t *lock; // of everything below; never held during an effect
    struct fault_spec faults[FAULTS_MAX];
    size_t fault_count;
    bool fired;
    uint64_t calls; // over all sites
    VEC(struct site) sites;
    VEC(struct file_id) unsyncable;
};

struct durable *durable_new(enum durable_crash mode)
{
    struct durable *d = mem_zalloc(sizeof *d);
    d->mode = mode;
    d->lock = mem_alloc(sizeof(pthread_mutex_t));
    const int rc = pthread_mutex_init(d->lock, NULL);
    assert(rc == 0);
    return d;
}

void durable_free(struct durable *d)
{
    if (!d)
        return;
    pthread_mutex_destroy(d->lock);
    mem_free(d->lock);
    vec_fini(&d->sites);
    vec_fini(&d->unsyncable);
    mem_free(d);
}

static void lock(const struct durable *d)
{
    const int rc = pthread_mutex_lock(d->lock);
    assert(rc == 0);
}

static void unlock(const struct durable *d)
{
    const int rc = pthread_mutex_unlock(d->lock);
    assert(rc == 0);
}

static void restart(struct durable *d)
{
    d->fault_count = 0;
    d->fired = false;
    d->calls = 0;
    d->sites.n = 0;
    d->unsyncable.n = 0;
    atomic_store(&d->dead, false);
}

void durable_set_fault(struct durable *d, const struct fault_spec *spec)
{
    assert(d);
    lock(d);
    restart(d);
    if (spec) {
        assert(memchr(spec->site, '\0', sizeof spec->site));
        d->faults[d->fault_count++] = *spec;
    }
    unlock(d);
}

static bool parse_action(struct fault_spec *out, struct str s)
{
    static const struct {
        const char *name;
        enum fault_action action;
        int sys_errno;
    } actions[] = {
        {"crash", FAULT_CRASH_BEFORE, 0},      {"crash_after", FAULT_CRASH_AFTER, 0},
        {"error", FAULT_ERROR, EIO},           {"enospc", FAULT_ERROR, ENOSPC},
        {"reply_lost", FAULT_REPLY_LOST, EIO},
    };
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (str_eq(s, str_from(actions[i].name))) {
            out->action = actions[i].action;
            out->sys_errno = actions[i].sys_errno;
            return true;
        }
    }
    return false;
}

static bool parse_fault(struct fault_spec *out, struct str text, struct err *e)
{
    struct str site, rest, occurrence, action;
    *out = (struct fault_spec){.action = FAULT_NONE};
    if (!str_split_once(&site, &rest, text, ':') ||
        !str_split_once(&occurrence, &action, rest, ':'))
        return err_fail(e, ERR_CONFIG, "fault \"%.*s\" is not site:occurrence:action",
                        STR_ARG(text));
    if (site.n >= sizeof out->site)
        return err_fail(e, ERR_CONFIG, "fault site \"%.*s\" is longer than %zu bytes",
                        STR_ARG(site), sizeof out->site - 1);
    if (!str_eq(site, STR("*")))
        memcpy(out->site, site.p, site.n);
    if (!str_eq(occurrence, STR("*")) &&
        (!str_to_u64(&out->occurrence, occurrence) || out->occurrence == 0))
        return err_fail(e, ERR_CONFIG, "fault occurrence \"%.*s\" is not a number from 1",
                        STR_ARG(occurrence));
    if (!parse_action(out, action)) {
        err_fail(e, ERR_CONFIG, "unknown fault action \"%.*s\"", STR_ARG(action));
        return err_hint(e, "crash, crash_after, error, enospc or reply_lost");
    }
    return true;
}

bool durable_parse_faults(struct durable *d, const char *text, struct err *e)
{
    assert(d && text);
    struct fault_spec faults[FAULTS_MAX];
    size_t n = 0;
    struct str rest = str_from(text);
    while (rest.n > 0) {
        struct str one = rest;
        if (!str_split_once(&one, &rest, rest, ','))
            rest = STR_NONE;
        if (n == FAULTS_MAX)
            return err_fail(e, ERR_CONFIG, "more than %d faults", FAULTS_MAX);
        if (!parse_fault(&faults[n++], one, e))
            return false;
    }
    lock(d);
    restart(d);
    if (n)
        memcpy(d->faults, faults, n * sizeof faults[0]);
    d->fault_count = n;
    unlock(d);
    return true;
}

bool durable_dead(const struct durable *d)
{
    return atomic_load(&d->dead);
}

bool durable_fired(const struct durable *d)
{
    lock(d);
    const bool fired = d->fired;
    unlock(d);
    return fired;
}

size_t durable_site_count(const struct durable *d)
{
    lock(d);
    const size_t n = d->sites.n;
    unlock(d);
    return n;
}

const char *durable_site(const struct durable *d, size_t i, uint64_t *calls)
{
    lock(d);
    assert(i < d->sites.n);
    if (calls)
        *calls = d->sites.v[i].calls;
    const char *name = d->sites.v[i].name;
    unlock(d);
    return name;
}

static uint64_t count_call(struct durable *d, const char *site)
{
    const size_t n = strlen(site);
    assert(n > 0 && n < SITE_MAX);
    d->calls++;
    for (size_t i = 0; i < d->sites.n; i++) {
        if (strcmp(d->sites.v[i].name, site) == 0)
            return ++d->sites.v[i].calls;
    }
    struct site s = {.calls = 1};
    memcpy(s.name, site, n);
    vec_push(&d->sites, s);
    return 1;
}

static const struct fault_spec *fault_of(struct durable *d, const char *site, uint64_t call)
{
    for (size_t i = 0; i < d->fault_count; i++) {
        const struct fault_spec *f = &d->faults[i];
        const bool any = f->site[0] == '\0';
        if (!any && strcmp(f->site, site) != 0)
            continue;
        if (f->occurrence == 0 || f->occurrence == (any ? d->calls : call))
            return f;
    }
    return NULL;
}

static bool fail_dead(const struct durable_step *st, struct err *e)
{
    return err_fail(e, ERR_CANCELLED, "%s: not done, the simulated process is dead", st->site);
}

static bool fail_injected(const struct durable_step *st, const char *how, struct err *e)
{
    const char *sep = st->what ? " " : "";
    const char *what = st->what ? st->what : "";
    err_sys_at(e, __FILE__, __LINE__, st->kind, st->sys_errno, "%s%s%s: %s", st->site, sep, what,
               how);
    return st->kind == ERR_REMOTE ? err_remedy(e, REMEDY_RECONNECT) : false;
}

// The process ends here, as by a power button: no handler, no flush. Or the layer goes dead.
static bool crash(const struct durable_step *st, struct err *e)
{
    if (st->d->mode == DURABLE_KILL) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
    atomic_store(&st->d->dead, true);
    return fail_dead(st, e);
}

bool durable_enter(struct durable_step *st, struct err *e)
{
    struct durable *d = st->d;
    assert(d && st->site);
    st->action = FAULT_NONE;
    st->sys_errno = EIO;
    lock(d);
    // Under the lock, so that no call is counted, and none starts, after the crash was decided.
    const bool dead = atomic_load(&d->dead);
    if (!dead) {
        const struct fault_spec *f = fault_of(d, st->site, count_call(d, st->site));
        if (f) {
            d->fired = true;
            st->action = f->action;
            st->sys_errno = f->sys_errno ? f->sys_errno : EIO;
            if (f->action == FAULT_CRASH_BEFORE && d->mode == DURABLE_DEAD)
                atomic_store(&d->dead, true);
        }
    }
    unlock(d);
    if (dead)
        return fail_dead(st, e);
    if (st->action == FAULT_CRASH_BEFORE)
        return crash(st, e);
    if (st->action == FAULT_ERROR)
        return fail_injected(st, "injected error", e);
    return true;
}

bool durable_leave(const struct durable_step *st, bool done, struct err *e)
{
    if (st->action == FAULT_CRASH_AFTER)
        return crash(st, e);
    if (done && st->action == FAULT_REPLY_LOST)
        return fail_injected(st, "injected loss of the reply", e);
    assert(done || e->kind != ERR_NONE);
    return done;
}

static bool call(struct durable_step st, bool (*fn)(void *arg, struct err *e), void *arg,
                 struct err *e)
{
    if (!durable_enter(&st, e))
        return false;
    return durable_leave(&st, fn(arg, e), e);
}

bool durable_call(struct durable *d, const char *site, bool (*fn)(void *arg, struct err *e),
                  void *arg, struct err *e)
{
    return call((struct durable_step){.d = d, .site = site, .kind = ERR_IO}, fn, arg, e);
}

bool durable_call_remote(struct durable *d, const char *site, bool (*fn)(void *arg, struct err *e),
                         void *arg, struct err *e)
{
    return call((struct durable_step){.d = d, .site = site, .kind = ERR_REMOTE}, fn, arg, e);
}

static size_t unsyncable_find(const struct durable *d, dev_t dev, ino_t ino)
{
    for (size_t i = 0; i < d->unsyncable.n; i++) {
        if (d->unsyncable.v[i].dev == dev && d->unsyncable.v[i].ino == ino)
            return i;
    }
    return d->unsyncable.n;
}

void durable_sync_failed(struct durable *d, dev_t dev, ino_t ino)
{
    lock(d);
    if (unsyncable_find(d, dev, ino) == d->unsyncable.n) {
        const struct file_id id = {dev, ino};
        vec_push(&d->unsyncable, id);
    }
    unlock(d);
}

bool durable_sync_refused(struct durable *d, dev_t dev, ino_t ino)
{
    lock(d);
    const bool refused = unsyncable_find(d, dev, ino) < d->unsyncable.n;
    unlock(d);
    return refused;
}

void durable_sync_forget(struct durable *d, dev_t dev, ino_t ino)
{
    lock(d);
    const size_t i = unsyncable_find(d, dev, ino);
    if (i < d->unsyncable.n)
        d->unsyncable.v[i] = d->unsyncable.v[--d->unsyncable.n];
    unlock(d);
}
