#include "orchestrator/sched/sched.h"

#include "base/hash.h"
#include "orchestrator/sched/cron_next.h"

#include <assert.h>

enum {
    GRACE_MS = 60000,     // a cron instant that is later than this was missed
    BACK_MS = 86400000,   // a clock that was set back by more was wrong before: cron counts anew
    WALL_WAIT_MS = 60000, // cron looks at the wall clock at least so often
    PARALLEL_DEFAULT = 2,
};

struct entry {
    struct str name;
    const struct schedule_spec *spec;
    struct sched_memory m;
    int64_t fire_ms;  // wall time of the next cron instant
    int64_t due_ms;   // monotonic time of the next interval
    int64_t retry_ms; // monotonic
    bool due, running, stopped, queued, by_hand_queued;
    bool held; // by a command: due is kept, nothing begins
    enum sched_reason reason;
    uint64_t order; // of becoming due
    int64_t began_mono_ms;
    const size_t *after_job; // indices of the names in spec->after
    uint64_t skipped;
};

struct sched {
    struct arena *a;
    struct entry *v;
    size_t n, running, parallel;
    uint64_t orders;
    uint64_t seq; // of the last begin or success
};

static const struct schedule_spec by_hand = {.trigger = SPEC_TRIGGER_NONE};

// --- deterministic spreading -----------------------------------------------------------------------------------------

static int64_t spread_ms(struct str name, int64_t salt, int64_t most_ms)
{
    struct hasher h;
    if (most_ms <= 0)
        return 0;
    hasher_init(&h);
    hasher_add(&h, name.p, name.n);
    hasher_add(&h, &salt, sizeof salt);
    return (int64_t)(hasher_sum(&h) % (uint64_t)(most_ms + 1));
}

static int64_t backoff_ms(const struct entry *x, uint64_t failures)
{
    const struct retry_spec *r = &x->spec->retry;
    int64_t wait = r->backoff_ms > 0 ? r->backoff_ms : 1000;
    for (uint64_t i = 1; i < failures && wait < r->backoff_max_ms; i++)
        wait *= 2;
    if (r->backoff_max_ms > 0 && wait > r->backoff_max_ms)
        wait = r->backoff_max_ms;
    return wait + spread_ms(x->name, (int64_t)failures, wait / 4);
}

// --- becoming due ----------------------------------------------------------------------------------------------------

static void entry_due(struct sched *s, struct entry *x, enum sched_reason reason)
{
    if (x->running) {
        const bool queue = reason == SCHED_BY_HAND || reason == SCHED_BY_AFTER ||
                           x->spec->overlap == SPEC_OVERLAP_QUEUE;
        x->queued = x->queued || queue;
        x->by_hand_queued = x->by_hand_queued || reason == SCHED_BY_HAND;
        x->skipped += !queue;
        return;
    }
    if (x->due) {
        if (reason == SCHED_BY_HAND)
            x->reason = reason;
        return;
    }
    x->due = true;
    x->reason = reason;
    x->order = ++s->orders;
}

static int64_t jitter_ms(const struct entry *x, int64_t instant)
{
    return spread_ms(x->name, instant, x->spec->jitter_ms);
}

// Always the same for a job, so that its intervals stay equal.
static int64_t phase_ms(const struct entry *x)
{
    return jitter_ms(x, 0);
}

static void advance_every(struct sched *s, struct entry *x, struct sched_now now)
{
    const int64_t every = x->spec->every_ms;
    if (x->due_ms == SCHED_NEVER || now.mono_ms < x->due_ms + phase_ms(x))
        return;
    x->due_ms += ((now.mono_ms - x->due_ms) / every + 1) * every;
    if (!x->m.paused)
        entry_due(s, x, SCHED_BY_TIME);
}

static void cron_fired(struct entry *x, int64_t instant)
{
    x->m.fired_ms = instant;
    x->fire_ms = cron_next(&x->spec->cron, x->spec->zone.zone, instant);
}

static void advance_cron(struct sched *s, struct entry *x, struct sched_now now)
{
    if (now.wall_ms < x->m.fired_ms - BACK_MS)
        cron_fired(x, now.wall_ms);
    if (x->fire_ms == CRON_NEVER || now.wall_ms < x->fire_ms + jitter_ms(x, x->fire_ms))
        return;
    const bool late = now.wall_ms - x->fire_ms > GRACE_MS + x->spec->jitter_ms;
    cron_fired(x, late ? now.wall_ms : x->fire_ms);
    if (x->m.paused || (late && x->spec->misfire == SPEC_MISFIRE_SKIP))
        return;
    entry_due(s, x, late ? SCHED_MISSED : SCHED_BY_TIME);
}

static void advance(struct sched *s, struct sched_now now)
{
    for (size_t i = 0; i < s->n; i++) {
        struct entry *x = &s->v[i];
        if (x->spec->trigger == SPEC_TRIGGER_EVERY)
            advance_every(s, x, now);
        if (x->spec->trigger == SPEC_TRIGGER_CRON)
            advance_cron(s, x, now);
        if (now.mono_ms >= x->retry_ms && !x->running) {
            x->retry_ms = SCHED_NEVER;
            if (!x->m.paused)
                entry_due(s, x, SCHED_BY_RETRY);
        }
    }
}

// --- after others ----------------------------------------------------------------------------------------------------

static bool after_ready(const struct sched *s, const struct entry *x)
{
    bool all = x->spec->after.n > 0;
    for (size_t k = 0; all && k < x->spec->after.n; k++)
        all = s->v[x->after_job[k]].m.done_seq > x->m.began_seq;
    return all;
}

// While it is paused no chance is kept for later.
static void after_missed(struct sched *s, struct entry *x)
{
    if (after_ready(s, x))
        x->m.began_seq = ++s->seq;
}

static void tell_followers(struct sched *s, size_t job)
{
    s->v[job].m.done_seq = ++s->seq;
    for (size_t i = 0; i < s->n; i++) {
        struct entry *x = &s->v[i];
        bool mine = false;
        for (size_t k = 0; k < x->spec->after.n; k++)
            mine = mine || x->after_job[k] == job;
        if (!mine || !after_ready(s, x))
            continue;
        if (x->m.paused)
            after_missed(s, x);
        else
            entry_due(s, x, SCHED_BY_AFTER);
    }
}

// --- the start -------------------------------------------------------------------------------------------------------

static size_t entry_named(const struct sched *s, struct str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->v[i].name, name))
            return i;
    return s->n;
}

static void start_every(struct sched *s, struct entry *x, struct sched_now now,
                        enum sched_start how)
{
    const int64_t every = x->spec->every_ms;
    const int64_t since = now.wall_ms - x->m.began_ms;
    x->due_ms = now.mono_ms;
    if (x->m.began_ms == 0 && how == SCHED_COLD)
        return; // never ran: now
    if (since >= 0 && since < every) {
        x->due_ms += every - since;
    } else if (x->m.began_ms == 0 || since < 0 || x->spec->misfire == SPEC_MISFIRE_SKIP) {
        x->due_ms += every;
    } else {
        x->due_ms += every;
        if (!x->m.paused && !x->m.running)
            entry_due(s, x, SCHED_MISSED);
    }
}

static void start_cron(struct entry *x, struct sched_now now)
{
    if (x->m.fired_ms == 0)
        x->m.fired_ms = now.wall_ms; // from now: nothing was missed before the first start
    x->fire_ms = cron_next(&x->spec->cron, x->spec->zone.zone, x->m.fired_ms);
}

static void start_entry(struct sched *s, struct entry *x, struct sched_now now,
                        enum sched_start how)
{
    const bool interrupted = x->m.running;
    x->fire_ms = x->due_ms = x->retry_ms = SCHED_NEVER;
    if (x->spec->trigger == SPEC_TRIGGER_EVERY)
        start_every(s, x, now, how);
    if (x->spec->trigger == SPEC_TRIGGER_CRON)
        start_cron(x, now);
    if (how == SCHED_RELOAD) {
        if (x->spec->trigger == SPEC_TRIGGER_STREAM && !x->m.paused)
            entry_due(s, x, SCHED_STREAM);
        return;
    }
    x->m.running = false;
    if (x->m.paused)
        after_missed(s, x);
    else if (x->spec->trigger == SPEC_TRIGGER_STREAM)
        entry_due(s, x, SCHED_STREAM);
    else if (interrupted)
        entry_due(s, x, SCHED_INTERRUPTED);
    else if (x->spec->at_start)
        entry_due(s, x, SCHED_BY_START);
    else if (after_ready(s, x))
        entry_due(s, x, SCHED_BY_AFTER);
}

static void resolve_after(struct sched *s, struct entry *x)
{
    const struct conf_texts *after = &x->spec->after;
    size_t *jobs = ARENA_ZARRAY(s->a, size_t, after->n + 1);
    for (size_t i = 0; i < after->n; i++) {
        jobs[i] = entry_named(s, after->v[i]);
        assert(jobs[i] < s->n);
    }
    x->after_job = jobs;
}

struct sched *sched_new(struct arena *a, const struct sched_job *jobs, size_t count,
                        const struct sched_memory *memory, struct sched_now now,
                        enum sched_start how)
{
    assert(a && (count == 0 || (jobs && memory)));
    struct sched *s = ARENA_NEW(a, struct sched);
    *s = (struct sched){.a = a, .n = count, .parallel = PARALLEL_DEFAULT};
    s->v = ARENA_ZARRAY(a, struct entry, count + 1);
    s->seq = 1;
    for (size_t i = 0; i < count; i++) {
        s->seq = memory[i].began_seq > s->seq ? memory[i].began_seq : s->seq;
        s->seq = memory[i].done_seq > s->seq ? memory[i].done_seq : s->seq;
        const struct schedule_spec *spec = jobs[i].schedule;
        s->v[i].name = jobs[i].name;
        s->v[i].spec = spec && spec->at.line ? spec : &by_hand;
        s->v[i].m = memory[i];
    }
    for (size_t i = 0; i < count; i++) {
        resolve_after(s, &s->v[i]);
        // Not known before: successes count from now.
        if (s->v[i].m.began_seq == 0)
            s->v[i].m.began_seq = s->seq;
    }
    for (size_t i = 0; i < count; i++)
        start_entry(s, &s->v[i], now, how);
    return s;
}

void sched_set_parallel(struct sched *s, size_t most)
{
    assert(most > 0);
    s->parallel = most;
}

static bool same_interval(const struct entry *x, const struct entry *old)
{
    return x->spec->trigger == SPEC_TRIGGER_EVERY && old->spec->trigger == SPEC_TRIGGER_EVERY &&
           x->spec->every_ms == old->spec->every_ms;
}

void sched_carry(struct sched *s, const struct sched *old)
{
    s->seq = old->seq > s->seq ? old->seq : s->seq;
    for (size_t i = 0; i < s->n; i++) {
        struct entry *x = &s->v[i];
        const size_t k = entry_named(old, x->name);
        if (k == old->n) {
            x->m.began_seq = s->seq;
            continue;
        }
        const struct entry *o = &old->v[k];
        const bool stream = x->spec->trigger == SPEC_TRIGGER_STREAM;
        x->m = o->m;
        x->running = o->running;
        x->stopped = o->stopped;
        x->held = o->held;
        x->queued = o->queued;
        x->by_hand_queued = o->by_hand_queued;
        x->began_mono_ms = o->began_mono_ms;
        x->skipped = o->skipped;
        x->due = !o->running && (o->due || (stream && !o->m.paused));
        x->reason = o->due ? o->reason : SCHED_STREAM;
        x->order = ++s->orders;
        x->retry_ms = stream ? SCHED_NEVER : o->retry_ms;
        if (same_interval(x, o))
            x->due_ms = o->due_ms;
        s->running += o->running && !stream;
    }
}

// --- running ---------------------------------------------------------------------------------------------------------

const char *sched_reason_name(enum sched_reason reason)
{
    switch (reason) {
    case SCHED_BY_TIME:
        return "schedule";
    case SCHED_BY_START:
        return "at_start";
    case SCHED_BY_AFTER:
        return "after";
    case SCHED_BY_RETRY:
        return "retry";
    case SCHED_BY_HAND:
        return "by hand";
    case SCHED_MISSED:
        return "missed";
    case SCHED_INTERRUPTED:
        return "interrupted";
    case SCHED_QUEUED:
        return "queued";
    case SCHED_STREAM:
        return "stream";
    }
    assert(!"no such reason");
    return "";
}

static bool counts(const struct entry *x)
{
    return x->spec->trigger != SPEC_TRIGGER_STREAM;
}

static bool may_begin(const struct sched *s, const struct entry *x)
{
    return x->due && !x->running && !x->held &&
           (s->running < s->parallel || !counts(x) || x->reason == SCHED_BY_HAND);
}

bool sched_pick(struct sched *s, size_t *job, enum sched_reason *reason, struct sched_now now)
{
    struct entry *best = NULL;
    advance(s, now);
    for (size_t i = 0; i < s->n; i++) {
        struct entry *x = &s->v[i];
        if (may_begin(s, x) && (!best || x->order < best->order))
            best = x;
    }
    if (!best)
        return false;
    best->due = false;
    best->running = best->m.running = true;
    best->stopped = false;
    best->retry_ms = SCHED_NEVER;
    best->began_mono_ms = now.mono_ms;
    best->m.began_ms = now.wall_ms;
    best->m.began_seq = ++s->seq;
    s->running += counts(best);
    *job = (size_t)(best - s->v);
    *reason = best->reason;
    return true;
}

static int64_t until(int64_t at, int64_t now, int64_t best)
{
    if (at == SCHED_NEVER)
        return best;
    const int64_t wait = at > now ? at - now : 0;
    return best < 0 || wait < best ? wait : best;
}

static int64_t entry_wait(const struct entry *x, struct sched_now now, int64_t best)
{
    if (x->due_ms != SCHED_NEVER)
        best = until(x->due_ms + phase_ms(x), now.mono_ms, best);
    if (x->fire_ms != CRON_NEVER) {
        best = until(x->fire_ms + jitter_ms(x, x->fire_ms), now.wall_ms, best);
        best = until(now.mono_ms + WALL_WAIT_MS, now.mono_ms, best);
    }
    if (!x->running)
        best = until(x->retry_ms, now.mono_ms, best);
    else if (x->spec->timeout_ms && !x->stopped)
        best = until(x->began_mono_ms + x->spec->timeout_ms, now.mono_ms, best);
    return best;
}

int64_t sched_wait_ms(struct sched *s, struct sched_now now)
{
    int64_t best = -1;
    for (size_t i = 0; i < s->n; i++) {
        best = may_begin(s, &s->v[i]) ? 0 : best;
        best = entry_wait(&s->v[i], now, best);
    }
    return best;
}

bool sched_timed_out(struct sched *s, size_t job, struct sched_now now)
{
    assert(job < s->n);
    struct entry *x = &s->v[job];
    const int64_t timeout = x->spec->timeout_ms;
    if (!x->running || x->stopped || timeout == 0 || now.mono_ms - x->began_mono_ms < timeout)
        return false;
    x->stopped = true;
    return true;
}

static enum sched_verdict entry_failed(struct entry *x, enum sched_outcome outcome,
                                       struct sched_now now)
{
    const bool stream = x->spec->trigger == SPEC_TRIGGER_STREAM;
    const bool left = x->m.failures < (uint64_t)x->spec->retry.attempts;
    x->m.failures++;
    // A stream has no next time on its schedule: it is tried again for ever, with its owner told.
    if (outcome == SCHED_FAILED && (left || stream))
        x->retry_ms = now.mono_ms + backoff_ms(x, x->m.failures);
    if (outcome == SCHED_FAILED && left)
        return SCHED_RETRY;
    if (x->m.alerted)
        return SCHED_QUIET;
    x->m.alerted = true;
    return SCHED_ALERT;
}

static void entry_success(struct entry *x, struct sched_now now)
{
    x->m.failures = 0;
    x->m.alerted = false;
    x->m.done_ms = now.wall_ms;
}

void sched_progressed(struct sched *s, size_t job, struct sched_now now)
{
    assert(job < s->n);
    entry_success(&s->v[job], now);
}

enum sched_verdict sched_finished(struct sched *s, size_t job, enum sched_outcome outcome,
                                  struct sched_now now)
{
    assert(job < s->n && s->v[job].running);
    struct entry *x = &s->v[job];
    enum sched_verdict verdict = SCHED_QUIET;
    x->running = x->m.running = false;
    s->running -= counts(x) && s->running > 0;
    switch (outcome) {
    case SCHED_DONE:
        entry_success(x, now);
        tell_followers(s, job);
        break;
    case SCHED_FAILED:
    case SCHED_FATAL:
        verdict = entry_failed(x, outcome, now);
        break;
    case SCHED_STOPPED: // to make room: a stream goes on afterwards
        if (x->spec->trigger == SPEC_TRIGGER_STREAM && !x->m.paused)
            entry_due(s, x, SCHED_STREAM);
        break;
    }
    const bool by_hand_too = x->by_hand_queued;
    const bool again = x->queued && (by_hand_too || !x->m.paused);
    x->queued = x->by_hand_queued = false;
    if (again)
        entry_due(s, x, by_hand_too ? SCHED_BY_HAND : SCHED_QUEUED);
    return verdict;
}

// --- by hand ---------------------------------------------------------------------------------------------------------

void sched_trigger(struct sched *s, size_t job)
{
    assert(job < s->n);
    entry_due(s, &s->v[job], SCHED_BY_HAND);
}

void sched_pause(struct sched *s, size_t job)
{
    assert(job < s->n);
    struct entry *x = &s->v[job];
    x->m.paused = true;
    x->due = x->due && x->reason == SCHED_BY_HAND;
    x->queued = x->by_hand_queued;
    x->retry_ms = SCHED_NEVER;
    after_missed(s, x);
}

void sched_resume(struct sched *s, size_t job, struct sched_now now)
{
    assert(job < s->n);
    struct entry *x = &s->v[job];
    if (!x->m.paused)
        return;
    x->m.paused = false;
    if (x->spec->trigger == SPEC_TRIGGER_CRON && x->m.fired_ms < now.wall_ms)
        cron_fired(x, now.wall_ms);
    if (x->spec->trigger == SPEC_TRIGGER_STREAM)
        entry_due(s, x, SCHED_STREAM);
}

bool sched_hold(struct sched *s, size_t job)
{
    assert(job < s->n);
    if (s->v[job].running)
        return false;
    s->v[job].held = true;
    return true;
}

void sched_release(struct sched *s, size_t job)
{
    assert(job < s->n);
    s->v[job].held = false;
}

// --- looking ---------------------------------------------------------------------------------------------------------

const char *sched_state_name(enum sched_state state)
{
    switch (state) {
    case SCHED_IDLE:
        return "idle";
    case SCHED_WAITING:
        return "waiting";
    case SCHED_RUNNING:
        return "running";
    case SCHED_RETRYING:
        return "retrying";
    case SCHED_PAUSED:
        return "paused";
    }
    assert(!"no such state");
    return "";
}

struct sched_view sched_view(const struct sched *s, size_t job, struct sched_now now)
{
    assert(job < s->n);
    const struct entry *x = &s->v[job];
    int64_t wait = -1;
    struct sched_view v = {.skipped = x->skipped, .next_ms = SCHED_NEVER};
    if (x->due_ms != SCHED_NEVER)
        wait = until(x->due_ms + phase_ms(x), now.mono_ms, wait);
    if (x->fire_ms != CRON_NEVER)
        wait = until(x->fire_ms + jitter_ms(x, x->fire_ms), now.wall_ms, wait);
    if (!x->running)
        wait = until(x->retry_ms, now.mono_ms, wait);
    if (wait >= 0 && !x->m.paused)
        v.next_ms = now.wall_ms + wait;
    if (x->running)
        v.state = SCHED_RUNNING;
    else if (x->due)
        v.state = SCHED_WAITING;
    else if (x->m.paused)
        v.state = SCHED_PAUSED;
    else if (x->retry_ms != SCHED_NEVER)
        v.state = SCHED_RETRYING;
    return v;
}

const struct sched_memory *sched_memory(const struct sched *s, size_t job)
{
    assert(job < s->n);
    return &s->v[job].m;
}

size_t sched_running(const struct sched *s)
{
    return s->running;
}
