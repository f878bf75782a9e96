#include "jobs/run/skip.h"

#include "base/durable.h"
#include "jobs/run/behind.h"
#include "jobs/run/deliver.h"
#include "jobs/run/execute.h"
#include "jobs/run/resync.h"
#include "jobs/run/spool.h"
#include "lake/format/format.h"

#include <assert.h>

enum { SKIP_BLOCK_ROWS = 1024, SKIP_TEXT_MAX = 1 << 30 };

bool skip_means(struct str name, struct str output, struct str target)
{
    return str_eq_nocase(output, name) || str_eq(target, name);
}

// --- rows as dead letters --------------------------------------------------------------------------------------------

struct skip_rows {
    const struct format_writer *writer;
    struct buf *text;
    const struct batch_target *target;
    uint64_t batch;
};

static bool skip_block(void *arg, const struct block *b, struct err *e)
{
    const struct skip_rows *x = arg;
    for (uint32_t row = 0; row < b->rows; row++) {
        bool gone = b->op && b->op[row] == OP_DELETE;
        buf_printf(x->text,
                   "{\"reason\":\"skipped\",\"batch\":%llu,\"output\":\"%.*s/%.*s/"
                   "%.*s\",\"op\":\"%s\",\"row\":",
                   (unsigned long long)x->batch, STR_ARG(x->target->warehouse),
                   STR_ARG(x->target->table), STR_ARG(x->target->output), gone ? "delete" : "put");
        format_jsonl.row(x->writer, x->text, b->columns, row);
        if (x->text->n && x->text->p[x->text->n - 1] == '\n')
            x->text->n--;
        buf_text(x->text, "}\n");
    }
    return buf_ok(x->text, "the skipped rows", e);
}

static bool skip_text(struct buf *out, struct session *s, const struct batch_record *r,
                      const struct batch_target *t, struct err *e)
{
    struct arena *a = arena_new(s->a);
    struct serde_column *names = ARENA_ZARRAY(a, struct serde_column, t->column_count + 1);
    struct schema_column *columns = ARENA_ZARRAY(a, struct schema_column, t->column_count + 1);
    for (size_t i = 0; i < t->column_count; i++) {
        names[i] = (struct serde_column){t->columns[i].name, t->columns[i].type};
        columns[i] =
            (struct schema_column){t->columns[i].name, t->columns[i].type, t->columns[i].key};
    }
    const struct schema schema = {.count = (uint32_t)t->column_count, .columns = columns};
    const struct spool_replay spec = {
        .path = arena_printf(a, "%s/%.*s", s->spool_dir, STR_ARG(t->spool)).p,
        .schema = &schema,
        .checksum = t->checksum,
        .bytes = t->bytes,
        .block_rows = SKIP_BLOCK_ROWS,
    };
    struct skip_rows x = {.text = out, .target = t, .batch = r->batch};
    bool ok = format_jsonl.open(&x.writer, a, names, t->column_count, e) &&
              spool_replay(&spec, skip_block, &x, e);
    arena_free(a);
    return ok;
}

// Beside the records that could not be decoded: <state>/…/dead_letters/<batch>.skipped.jsonl.
static bool skip_keep(struct session *s, struct buf *text, uint64_t batch, struct err *e)
{
    struct durable *d = s->env->durable;
    const char *dir = arena_printf(s->a, "%s/dead_letters", s->job->state_dir).p;
    const char *path =
        arena_printf(s->a, "%s/%llu.skipped.jsonl", dir, (unsigned long long)batch).p;
    struct str old = STR("");
    if (text->n == 0)
        return true;
    // Another output of the batch may have been skipped before.
    if (file_exists(path) && !file_read(&old, s->a, path, SKIP_TEXT_MAX, e))
        return false;
    struct str all = arena_printf(s->a, "%.*s%.*s", STR_ARG(old), STR_ARG(buf_view(text)));
    return durable_mkdirs(d, "dead.mkdir", dir, 0700, e) &&
           durable_replace(d, "dead.skipped", path, all, e);
}

// --- the release -----------------------------------------------------------------------------------------------------

static bool skip_lacks(struct session *s, const struct batch_record *r,
                       const struct batch_target *t)
{
    uint64_t behind = control_output(&s->control, deliver_target_name(s->a, t))->behind;
    return behind ? r->batch >= behind : r->batch > s->control.delivered;
}

// What comes next builds on the batch before: the table's head stays where it is.
static void skip_forget(struct session *s, struct batch_target *t, enum skip_how how)
{
    struct control_output *o = control_output(&s->control, deliver_target_name(s->a, t));
    t->skipped = true;
    if (how == SKIP_SILENTLY)
        return;
    o->batch = t->prev_batch;
    o->digest = t->prev_digest;
}

struct skip {
    struct session *s;
    skip_fn *means;
    const void *arg;
    enum skip_how how;
    struct skipped *out;
};

static bool skip_target(const struct skip *k, struct buf *text, const struct batch_record *r,
                        struct batch_target *t, struct err *e)
{
    bool lacks = !t->skipped && skip_lacks(k->s, r, t);
    if (!k->means(k->arg, t->output, deliver_target_name(k->s->a, t)))
        return true;
    k->out->tables += t->skipped || lacks;
    k->out->rows += t->skipped || lacks ? t->rows : 0;
    if (!lacks)
        return true;
    // Rejects stay where they are.
    bool ok = k->how == SKIP_SILENTLY || t->again.batch || skip_text(text, k->s, r, t, e);
    skip_forget(k->s, t, k->how);
    return ok;
}

static bool skip_record(const struct skip *k, struct batch_record *r, struct err *e)
{
    struct buf text;
    struct kv_txn *t;
    bool ok = true;
    buf_init(&text, SKIP_TEXT_MAX);
    for (size_t i = 0; ok && i < r->target_count; i++)
        ok = skip_target(k, &text, r, &r->targets[i], e);
    ok = ok && skip_keep(k->s, &text, r->batch, e);
    buf_fini(&text);
    if (!ok || !kv_begin_write(&t, k->s->kv, e))
        return false;
    if (control_put_record(t, r, e) && control_store(&k->s->control, t, e))
        return kv_commit(t, e);
    kv_abort(t);
    return false;
}

static bool skip_named(const struct control_output *o, skip_fn *means, const void *arg)
{
    struct str output = o->name;
    if (str_eq(o->name, STR("topics")))
        return false;
    for (size_t i = o->name.n; i > 0; i--)
        if (o->name.p[i - 1] == '/') {
            output = (struct str){o->name.p + i, o->name.n - i};
            break;
        }
    return means(arg, output, o->name);
}

// Tables that were behind have nothing to catch up with any more.
static bool skip_caught_up(struct session *s, skip_fn *means, const void *arg, struct err *e)
{
    struct control *c = &s->control;
    struct kv_txn *t;
    bool any = false;
    for (size_t i = 0; i < c->output_count; i++) {
        struct control_output *o = &c->outputs[i];
        if (!o->behind || !skip_named(o, means, arg))
            continue;
        behind_clear(o);
        c->offsets_owed = true;
        any = true;
    }
    if (!any)
        return true;
    if (!kv_begin_write(&t, s->kv, e))
        return false;
    if (control_store(c, t, e))
        return kv_commit(t, e);
    kv_abort(t);
    return false;
}

// The newest first: what is left, wherever this is cut short, is a chain of batches.
enum kv_found skip_decided(struct skipped *out, struct session *s, skip_fn *means, const void *arg,
                           enum skip_how how, struct err *e)
{
    const struct control *c = &s->control;
    *out = (struct skipped){.last = c->last_batch};
    for (size_t i = 0; i < c->output_count; i++)
        if (c->outputs[i].behind && skip_named(&c->outputs[i], means, arg))
            behind_look(s, i);
    out->first = c->delivered < c->last_batch ? c->last_batch : 0;
    for (size_t i = 0; i < c->output_count; i++) {
        const struct control_output *o = &c->outputs[i];
        if (o->behind && skip_named(o, means, arg) && (!out->first || o->behind < out->first))
            out->first = o->behind;
    }
    const struct skip k = {s, means, arg, how, out};
    enum kv_found any = KV_ABSENT;
    struct arena *a = arena_new(s->a);
    for (uint64_t b = c->last_batch; any != KV_FAILED && out->first && b >= out->first; b--) {
        struct batch_record r;
        struct kv_txn *t;
        arena_reset(a);
        if (!kv_begin_read(&t, s->kv, e)) {
            any = KV_FAILED;
            break;
        }
        enum kv_found found = control_get_record(&r, a, t, b, e);
        kv_abort(t);
        if (found == KV_FAILED || (found == KV_FOUND && !skip_record(&k, &r, e)))
            any = KV_FAILED;
        else if (found == KV_FOUND)
            any = KV_FOUND;
    }
    arena_free(a);
    return any == KV_FOUND && !skip_caught_up(s, means, arg, e) ? KV_FAILED : any;
}

static bool deliver_skips(const void *arg, struct str output, struct str target)
{
    const struct str *name = arg;
    return name->n > 0 && skip_means(*name, output, target);
}

static bool deliver_last(struct deliver_report *out, struct session *s, struct err *e)
{
    struct batch_record r;
    struct kv_txn *t;
    const struct control *c = &s->control;
    if (c->delivered >= c->last_batch)
        return true;
    if (!kv_begin_read(&t, s->kv, e))
        return false;
    enum kv_found found = control_get_record(&r, s->a, t, c->last_batch, e);
    kv_abort(t);
    out->batch = found == KV_FOUND ? c->last_batch : out->batch;
    return found == KV_ABSENT || (found == KV_FOUND && deliver_batch(s, &r, e));
}

// Without a look at the heads: the store that cannot take its rows need not even be there.
static bool deliver_run(struct deliver_report *out, struct session *s, struct str skip,
                        struct err *e)
{
    struct skipped skipped;
    uint64_t behind = behind_first(&s->control);
    out->batch = behind ? s->control.last_batch : 0;
    enum kv_found found = skip_decided(&skipped, s, deliver_skips, &skip, SKIP_DEAD_LETTERS, e);
    if (found == KV_FAILED)
        return false;
    if (skip.n > 0 && found == KV_ABSENT)
        return err_fail(e, ERR_CONFIG,
                        "no batch of job %s waits for %.*s: there is nothing to skip", s->job->name,
                        STR_ARG(skip));
    if (skip.n > 0 && skipped.tables == 0) {
        err_fail(e, ERR_CONFIG, "batch %llu has no output %.*s in a warehouse",
                 (unsigned long long)s->control.last_batch, STR_ARG(skip));
        return err_hint(e, "sluice job show %s lists outputs and tables", s->job->name);
    }
    out->skipped_rows = skipped.rows;
    out->skipped_first = skipped.first;
    return deliver_last(out, s, e) && behind_catch_up(s, BEHIND_MUST, e) && run_done(s, e);
}

bool run_deliver_decided(struct deliver_report *out, const struct job *job,
                         const struct run_env *env, struct str skip, struct err *e)
{
    struct session s;
    struct run_report report = {0};
    *out = (struct deliver_report){0};
    bool ok = session_open(&s, job, env, &report, e) && deliver_run(out, &s, skip, e);
    session_close(&s);
    return ok || err_wrap(e, "delivering job %s", job->name);
}
