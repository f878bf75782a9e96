#include "jobs/run/history.h"

#include "jobs/run/behind.h"
#include "jobs/run/doc.h"
#include "jobs/run/session.h"

#include <assert.h>

bool history_put(struct kv_txn *t, const struct session *s, const char *outcome,
                 const struct err *failure, struct err *e)
{
    const struct run_report *r = s->report;
    const struct clock *c = &s->env->clock;
    json_t *j = json_object();
    json_object_set_new(j, "run", doc_new_u64(s->run));
    json_object_set_new(j, "job", json_string(s->job->name));
    json_object_set_new(j, "outcome", json_string(outcome));
    json_object_set_new(j, "error", doc_new_str(str_from(failure ? failure->text : "")));
    json_object_set_new(j, "started", json_integer(s->started_ms));
    json_object_set_new(j, "finished", json_integer(c->now_ms(c->arg)));
    json_object_set_new(j, "batch_first", doc_new_u64(r->batch_first));
    json_object_set_new(j, "batch_last", doc_new_u64(r->batch_last));
    json_object_set_new(j, "batches", doc_new_u64(r->batches));
    json_object_set_new(j, "records", doc_new_u64(r->records));
    json_object_set_new(j, "bytes", doc_new_u64(r->bytes));
    json_object_set_new(j, "dead", doc_new_u64(r->dead));
    json_object_set_new(j, "lost", doc_new_u64(r->lost));
    if (r->late_partition)
        json_object_set_new(j, "late_partition", doc_new_u64(r->late_partition));
    json_object_set_new(j, "lake_files", doc_new_u64(r->lake_files));
    json_object_set_new(j, "lake_rows", doc_new_u64(r->lake_rows));
    json_object_set_new(j, "warehouse_rows", doc_new_u64(r->warehouse_rows));
    json_object_set_new(j, "rejected", doc_new_u64(r->rejected));
    if (r->topic_rows)
        json_object_set_new(j, "topic_rows", doc_new_u64(r->topic_rows));
    json_object_set_new(j, "offsets_error", doc_new_str(str_from(r->offsets_error)));
    struct buf text;
    buf_init(&text, 1 << 20);
    doc_print(&text, j);
    json_decref(j);
    char key[8];
    control_id_key(key, s->run);
    bool ok = buf_ok(&text, "the run's record", e) &&
              kv_put(t, KV_RUN, (struct str){key, sizeof key}, buf_view(&text), e);
    buf_fini(&text);
    return ok;
}

// --- forgetting ------------------------------------------------------------------------------------------------------

enum { HISTORY_STEP = 4, HISTORY_LEAST = 100 }; // per transaction; never of the newest

static enum kv_found history_oldest(uint64_t *id, struct str *text, struct kv_txn *t,
                                    enum kv_table table, struct err *e)
{
    struct kv_cursor *c;
    struct str key;
    *id = 0;
    if (!kv_cursor_open(&c, t, table, STR(""), STR(""), e))
        return KV_FAILED;
    enum kv_found found = kv_cursor_next(c, &key, text, e);
    for (size_t i = 0; found == KV_FOUND && i < key.n; i++)
        *id = *id << 8 | (uint8_t)key.p[i];
    kv_cursor_close(c);
    return found;
}

static bool history_time(int64_t *ms, struct str text, const char *field, struct err *e)
{
    json_t *j;
    if (!doc_parse(&j, text, "a record of the history", e))
        return false;
    *ms = json_integer_value(json_object_get(j, field));
    json_decref(j);
    return true;
}

static bool history_forget(struct kv_txn *t, enum kv_table table, uint64_t id, struct err *e)
{
    char key[8];
    control_id_key(key, id);
    return kv_del(t, table, (struct str){key, sizeof key}, e);
}

// Not delivered everywhere, needed by a store that lost its tail, or still to be executed again.
static bool history_needs(const struct session *s, uint64_t id)
{
    const struct control *c = &s->control;
    const struct control_redo *r = &c->redo;
    for (size_t i = r->next; i < r->count; i++)
        if (r->slots[i] <= id)
            return true;
    uint64_t behind = behind_first(c);
    return id + s->job->redo_spools + 1 >= c->delivered ||
           (behind && id + behind_keeps(s) >= behind);
}

static bool history_old(const struct session *s, uint64_t behind, int64_t then_ms, int64_t now_ms)
{
    const struct job *job = s->job;
    return behind >= job->history_max ||
           (job->history_ms > 0 && behind >= HISTORY_LEAST && then_ms < now_ms - job->history_ms);
}

bool history_forget_batches(struct kv_txn *t, struct session *s, struct err *e)
{
    struct control *c = &s->control;
    for (int i = 0; i < HISTORY_STEP; i++) {
        uint64_t id;
        struct str text;
        enum kv_found found = history_oldest(&id, &text, t, KV_BATCH, e);
        if (found != KV_FOUND)
            return found == KV_ABSENT;
        if (c->oldest_ms == 0 && !history_time(&c->oldest_ms, text, "now", e))
            return false;
        if (history_needs(s, id) || !history_old(s, c->last_batch - id, c->oldest_ms, c->now_ms))
            return true;
        if (!history_forget(t, KV_BATCH, id, e))
            return false;
        c->forgotten = id;
        c->oldest_ms = 0;
    }
    return true;
}

bool history_forget_runs(struct kv_txn *t, const struct session *s, struct err *e)
{
    const struct clock *c = &s->env->clock;
    for (int i = 0; i < HISTORY_STEP; i++) {
        uint64_t id;
        struct str text;
        int64_t finished_ms;
        enum kv_found found = history_oldest(&id, &text, t, KV_RUN, e);
        if (found != KV_FOUND || id >= s->run)
            return found != KV_FAILED;
        if (!history_time(&finished_ms, text, "finished", e))
            return false;
        if (!history_old(s, s->run - id, finished_ms, c->now_ms(c->arg)))
            return true;
        if (!history_forget(t, KV_RUN, id, e))
            return false;
    }
    return true;
}

// --- reading ---------------------------------------------------------------------------------------------------------

static bool history_read(struct history_run *out, struct arena *a, struct str text, struct err *e)
{
    json_t *j;
    if (!doc_parse(&j, text, "run record", e))
        return false;
    struct doc d = {a, "run record", NULL};
    *out = (struct history_run){
        .run = doc_u64(&d, j, "run"),
        .job = doc_str(&d, j, "job"),
        .outcome = doc_str(&d, j, "outcome"),
        .error = doc_str(&d, j, "error"),
        .started_ms = doc_i64(&d, j, "started"),
        .finished_ms = doc_i64(&d, j, "finished"),
        .batch_first = doc_u64(&d, j, "batch_first"),
        .batch_last = doc_u64(&d, j, "batch_last"),
        .batches = doc_u64(&d, j, "batches"),
        .records = doc_u64(&d, j, "records"),
        .bytes = doc_u64(&d, j, "bytes"),
        .dead = doc_u64(&d, j, "dead"),
        .lost = doc_u64(&d, j, "lost"),
        .late_partition =
            json_object_get(j, "late_partition") ? doc_u64(&d, j, "late_partition") : 0,
        .lake_files = doc_u64(&d, j, "lake_files"),
        .lake_rows = doc_u64(&d, j, "lake_rows"),
        .warehouse_rows = doc_u64(&d, j, "warehouse_rows"),
        .rejected = json_object_get(j, "rejected") ? doc_u64(&d, j, "rejected") : 0,
        .topic_rows = json_object_get(j, "topic_rows") ? doc_u64(&d, j, "topic_rows") : 0,
        .offsets_error = doc_str(&d, j, "offsets_error"),
    };
    json_decref(j);
    return doc_ok(&d, e);
}

enum kv_found history_run(struct history_run *out, struct arena *a, struct kv_txn *t, uint64_t run,
                          struct err *e)
{
    char key[8];
    control_id_key(key, run);
    struct str text;
    enum kv_found found = kv_get(&text, t, KV_RUN, (struct str){key, sizeof key}, e);
    if (found != KV_FOUND)
        return found;
    return history_read(out, a, text, e) ? KV_FOUND : KV_FAILED;
}

bool history_runs(struct kv *kv, size_t most, history_fn *fn, void *arg, struct err *e)
{
    struct kv_txn *t;
    struct kv_cursor *c;
    if (!kv_begin_read(&t, kv, e))
        return false;
    if (!kv_cursor_open(&c, t, KV_RUN, STR(""), STR(""), e)) {
        kv_abort(t);
        return false;
    }
    struct arena *a = arena_new(NULL);
    bool ok = true;
    for (size_t i = 0; ok && i < most; i++) {
        struct str key, text;
        struct history_run r;
        enum kv_found found = kv_cursor_prev(c, &key, &text, e);
        if (found == KV_ABSENT)
            break;
        arena_reset(a);
        ok = found == KV_FOUND && history_read(&r, a, text, e) && fn(arg, &r, e);
    }
    arena_free(a);
    kv_cursor_close(c);
    kv_abort(t);
    return ok;
}
