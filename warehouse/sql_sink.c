#include "warehouse/sql_sink.h"

#include "base/durable.h"
#include "warehouse/compare.h"
#include "warehouse/rejects_sql.h"

#include <assert.h>

enum state { STATE_IDLE, STATE_TRANSACTION, STATE_BROKEN };

struct sql_sink {
    struct sink base;
    const struct sql_transport *t;
    struct arena *arena;
    const struct sink_spec *spec;
    struct sql_session *session; // NULL = closed
    struct target *targets;
    struct rows_plan plan;
    struct str head_select, head_update_tail;
    struct arena *step_arena; // of the transaction
    enum state state;
    struct commit_step step;
    uint64_t slot;          // that appended rows belong to: the batch, or the one it replaces
    enum upsert_gone gone;  // what replace takes away
    struct head_texts head; // what commit writes
};

static struct sql_sink *from_base(struct sink *s)
{
    assert(s->type->head == sql_sink_head);
    return (struct sql_sink *)s;
}

static struct str statement(const struct sql_sink *s, struct arena *a,
                            void (*write)(struct buf *out, const struct dialect *d))
{
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    write(&sql, s->t->dialect);
    const struct str text = arena_str(a, buf_view(&sql));
    buf_fini(&sql);
    return text;
}

struct str sql_literals(struct sql_session *s, struct arena *a, struct str sql,
                        const struct str *values, size_t count)
{
    struct buf b;
    buf_init(&b, SINK_SQL_MAX);
    size_t next = 0;
    for (size_t i = 0; i < sql.n; i++) {
        if (sql.p[i] == '?' && next < count)
            s->transport->literal(s, &b, values[next++]);
        else
            buf_char(&b, sql.p[i]);
    }
    assert(next == count && !b.failed);
    const struct str text = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return text;
}

// --- open -----------------------------------------------------------------------------------------

struct ddl {
    struct sql_sink *s;
    struct str sql;
};

static bool ddl_effect(void *arg, struct err *e)
{
    const struct ddl *d = arg;
    return d->s->t->run(d->s->session, d->sql, e);
}

static bool run_ddl(struct sql_sink *s, struct str sql, struct err *e)
{
    struct ddl d = {s, sql};
    return durable_call_remote(s->spec->durable, s->t->site_ddl, ddl_effect, &d, e);
}

static bool create_missing(struct sql_sink *s, enum table_need need, const char *key_collation,
                           struct err *e)
{
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    bool ok = true;
    if (need == TABLE_CREATE)
        ok = upsert_create(&sql, s->targets, s->t->dialect, s->spec, key_collation, e);
    else
        upsert_add_batch_column(&sql, s->t->dialect, s->spec);
    ok = ok && run_ddl(s, buf_view(&sql), e);
    buf_fini(&sql);
    return ok || err_wrap(e, "create table %.*s", STR_ARG(s->spec->table));
}

static void head_key(struct str out[4], struct arena *a, const struct sink_spec *spec)
{
    out[0] = str_from(spec->job);
    out[1] = arena_printf(a, "%u", spec->task);
    out[2] = str_from(spec->output);
    out[3] = spec->table;
}

// A plain look, without a lock: the row may be locked by an old session that is still committing.
static bool look_at_head(struct sql_sink *s, struct sql_result *out, struct err *e)
{
    const struct str select =
        str_slice(s->head_select, 0, s->head_select.n - strlen(s->t->dialect->lock_suffix));
    return s->t->fetch(out, s->session, s->arena, select, e) || err_wrap(e, SINK_HEADS_TABLE);
}

// The head goes before the table comes: a crash in between leaves one that holds nothing.
static bool forget_head(struct sql_sink *s, struct err *e)
{
    const struct commit_step nothing = {.batch = 1};
    struct head_texts zero;
    head_print(&zero, &nothing);
    struct str values[HEADS_COLUMNS] = {STR("0"), STR("0000000000000000"), STR("0000000000000000"),
                                        STR(""), str_from(zero.updated_at)};
    head_key(&values[5], s->arena, s->spec);
    const struct str update = sql_literals(
        s->session, s->arena, statement(s, s->arena, upsert_heads_update), values, HEADS_COLUMNS);
    return run_ddl(s, update, e) || err_wrap(e, "update " SINK_HEADS_TABLE);
}

static bool check_lost_table(struct sql_sink *s, struct err *e)
{
    struct table_info t;
    struct sql_result r;
    struct head held;
    if (!s->t->describe_table(&t, s->session, s->arena, STR(SINK_HEADS_TABLE), e))
        return false;
    if (!t.exists || t.wrong_kind) // refused later
        return true;
    if (!look_at_head(s, &r, e))
        return false;
    if (r.rows == 0)
        return true;
    return head_parse(&held, r.v, e) && head_lost_table(&held, s->spec, e) &&
           (held.batch == 0 || forget_head(s, e));
}

// One statement: the store does all of it or nothing.
static bool evolve(struct sql_sink *s, struct table_info *t, struct err *e)
{
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    bool ok = table_evolve(&sql, t, s->t->dialect, s->spec, e);
    if (ok && sql.n > 0)
        ok = (run_ddl(s, buf_view(&sql), e) ||
              err_wrap(e, "schema: evolve of table %.*s", STR_ARG(s->spec->table))) &&
             s->t->describe_table(t, s->session, s->arena, s->spec->table, e);
    buf_fini(&sql);
    return ok;
}

static bool check_table(struct sql_sink *s, struct err *e)
{
    struct table_info t;
    s->targets = ARENA_ZARRAY(s->arena, struct target, s->spec->count);
    if (!s->t->describe_table(&t, s->session, s->arena, s->spec->table, e))
        return false;
    const enum table_need need = table_needs(&t, s->spec);
    if (need == TABLE_CREATE && !check_lost_table(s, e))
        return false;
    if (need != TABLE_READY && (!create_missing(s, need, t.key_collation, e) ||
                                !s->t->describe_table(&t, s->session, s->arena, s->spec->table, e)))
        return false;
    if (!evolve(s, &t, e) || !table_check(s->targets, &t, s->t->dialect, s->spec, e))
        return false;
    s->spec = sink_spec_leave(s->arena, s->spec, s->targets);
    return true;
}

// A table of Sluice's own: made when it is not there, refused when it has no transactions.
static bool check_own_table(struct sql_sink *s, const char *name,
                            void (*create)(struct buf *out, const struct dialect *d), struct err *e)
{
    struct table_info t;
    if (!s->t->describe_table(&t, s->session, s->arena, str_from(name), e))
        return false;
    if (!t.exists)
        return run_ddl(s, statement(s, s->arena, create), e) ||
               err_wrap(e, "create table %s", name);
    if (!t.wrong_kind)
        return true;
    err_fail(e, ERR_CONFIG, "table %s is %s: heads need transactions", name, t.wrong_kind);
    return err_hint(e, "%s", t.wrong_hint);
}

// First a plain look, and only then an insert.
static bool ensure_head(struct sql_sink *s, struct err *e)
{
    struct sql_result r;
    struct str values[HEADS_COLUMNS];
    head_key(values, s->arena, s->spec);
    if (!look_at_head(s, &r, e))
        return false;
    if (r.rows)
        return true;
    const struct commit_step nothing = {.batch = 1};
    struct head_texts zero;
    head_print(&zero, &nothing);
    values[HEADS_BATCH] = STR("0");
    values[HEADS_DIGEST] = values[HEADS_PREV] = STR("0000000000000000");
    values[HEADS_PLAN] = STR("");
    values[HEADS_UPDATED_AT] = str_from(zero.updated_at);
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    upsert_heads_insert(&sql, s->t->dialect);
    // Another owner may have been quicker: the row is there, which is all we want.
    buf_text(&sql, s->t->ignore_existing);
    const struct str insert =
        sql_literals(s->session, s->arena, buf_view(&sql), values, HEADS_COLUMNS);
    buf_fini(&sql);
    return run_ddl(s, insert, e) || err_wrap(e, "insert into " SINK_HEADS_TABLE);
}

static bool open_all(struct sql_sink *s, struct err *e)
{
    if (!s->t->connect(&s->session, s->arena, s->spec, e))
        return false;
    struct str key[4];
    head_key(key, s->arena, s->spec);
    s->head_select =
        sql_literals(s->session, s->arena, statement(s, s->arena, upsert_heads_select), key, 4);
    return check_table(s, e) && check_own_table(s, SINK_HEADS_TABLE, upsert_heads_create, e) &&
           check_own_table(s, SINK_REJECTS_TABLE, rejects_sql_create, e) && ensure_head(s, e) &&
           rows_plan_init(&s->plan, s->arena, s->spec, s->targets, e) &&
           s->t->prepare(s->session, s->arena, &s->plan, e);
}

static void close_session(struct sql_sink *s)
{
    if (s->session)
        s->t->close(s->session);
    s->session = NULL;
}

void sql_sink_close(struct sink *base)
{
    struct sql_sink *s = from_base(base);
    close_session(s);
    arena_free(s->arena);
}

bool sql_sink_open(struct sink **out, const struct sink_type *type,
                   const struct sql_transport *transport, const struct sink_spec *spec,
                   struct err *e)
{
    assert(spec->durable && spec->url);
    if (!upsert_check_spec(spec, transport->dialect, e))
        return false;
    struct arena *a = arena_new(NULL);
    struct sql_sink *s = ARENA_NEW(a, struct sql_sink);
    s->base.type = type;
    s->t = transport;
    s->arena = a;
    s->step_arena = arena_new(a);
    s->spec = sink_spec_copy(a, spec);
    if (!open_all(s, e)) {
        sql_sink_close(&s->base);
        return false;
    }
    *out = &s->base;
    return true;
}

bool sql_sink_drift(const struct sql_transport *transport, struct buf *out,
                    const struct sink_spec *spec, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct sql_session *session = NULL;
    struct table_info t;
    const bool ok = transport->connect(&session, a, spec, e) &&
                    transport->describe_table(&t, session, a, spec->table, e);
    if (ok)
        table_drift(out, &t, transport->dialect, spec);
    if (session)
        transport->close(session);
    arena_free(a);
    return ok;
}

// --- transactions ---------------------------------------------------------------------------------

static void roll_back(struct sql_sink *s)
{
    if (s->state == STATE_TRANSACTION) {
        struct err ignored = {0};
        // A session that cannot roll back is of no more use; its server rolls back when it goes.
        s->state = s->t->run(s->session, STR("ROLLBACK"), &ignored) ? STATE_IDLE : STATE_BROKEN;
    }
    arena_reset(s->step_arena);
}

static bool read_head(struct sql_sink *s, struct head *out, struct err *e)
{
    struct sql_result r;
    if (!s->t->fetch(&r, s->session, s->step_arena, s->head_select, e))
        return err_wrap(e, "lock the head of %s", s->spec->output);
    if (r.rows == 1)
        return head_parse(out, r.v, e);
    err_fail(e, ERR_BEHIND, "%s: the row of %s in " SINK_HEADS_TABLE " is gone",
             s->session->display, s->spec->output);
    return err_hint(e, "the store was restored or edited: see the recovery handbook, \"behind\"");
}

static bool lock_head(struct sql_sink *s, struct head *out, struct err *e)
{
    assert(s->state != STATE_TRANSACTION);
    if (s->state == STATE_BROKEN) {
        err_fail(e, ERR_REMOTE, "%.*s: the connection was lost", STR_ARG(s->spec->url->display));
        return err_remedy(e, REMEDY_RECONNECT);
    }
    if (!s->t->run(s->session, str_from(s->t->begin), e)) {
        s->state = STATE_BROKEN;
        return false;
    }
    s->state = STATE_TRANSACTION;
    if (read_head(s, out, e))
        return true;
    roll_back(s);
    return false;
}

bool sql_sink_head(struct sink *base, struct head *out, struct err *e)
{
    struct sql_sink *s = from_base(base);
    if (!lock_head(s, out, e))
        return false;
    roll_back(s);
    return true;
}

bool sql_sink_begin(struct sink *base, const struct commit_step *step, enum head_state *out,
                    struct head *found, struct err *e)
{
    struct sql_sink *s = from_base(base);
    struct head held;
    assert(step->batch <= INT64_MAX);
    if (!lock_head(s, &held, e))
        return false;
    s->step = *step;
    s->slot = step->slot ? step->slot : step->batch;
    head_print(&s->head, step);
    *out = head_compare(&held, step);
    if (found)
        *found = held;
    rejects_begin(s->plan.rejects, reject_span(step->batch, step->slot));
    if (*out != HEAD_NEXT || rejects_sql_load(s->plan.rejects, s->session, s->spec, e))
        return true;
    roll_back(s);
    return false;
}

static bool replace_effect(void *arg, struct err *e)
{
    struct sql_sink *s = arg;
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    upsert_delete_rows(&sql, s->t->dialect, s->spec, s->gone);
    const struct str slot = arena_printf(s->step_arena, "%llu", (unsigned long long)s->slot);
    const struct str text = sql_literals(s->session, s->step_arena, buf_view(&sql), &slot,
                                         s->gone == UPSERT_BATCH_GONE ? 1 : 0);
    buf_fini(&sql);
    return (s->t->run(s->session, text, e) || err_wrap(e, "delete the rows that are replaced")) &&
           rejects_sql_replace(s->session, s->spec, s->gone == UPSERT_BATCH_GONE ? s->slot : 0, e);
}

bool sql_sink_replace(struct sink *base, uint64_t slot, struct err *e)
{
    struct sql_sink *s = from_base(base);
    assert(s->state == STATE_TRANSACTION && (s->spec->mode == SINK_APPEND || slot == 0));
    s->gone = slot ? UPSERT_BATCH_GONE : UPSERT_ALL_GONE;
    s->slot = slot ? slot : s->step.batch;
    rejects_begin(s->plan.rejects, reject_span(s->slot, 0)); // what is kept goes with the rows
    if (durable_call_remote(s->spec->durable, s->t->site_replace, replace_effect, s, e))
        return true;
    roll_back(s);
    return false;
}

bool sql_sink_again(struct sink *base, const struct reject_set *set, struct err *e)
{
    struct sql_sink *s = from_base(base);
    assert(s->state == STATE_TRANSACTION);
    rejects_again(s->plan.rejects, set);
    return rejects_sql_again(s->plan.rejects, s->session, s->spec, e);
}

struct write_call {
    struct sql_sink *s;
    const struct block *b;
};

static bool write_effect(void *arg, struct err *e)
{
    const struct write_call *w = arg;
    struct rejects *rejects = w->s->plan.rejects;
    rejects_block(rejects, w->b);
    if (!w->s->t->send(w->s->session, w->b, w->s->slot, e))
        return false;
    rejects_stored(rejects);
    return true;
}

bool sql_sink_write(struct sink *base, const struct block *b, struct err *e)
{
    struct sql_sink *s = from_base(base);
    assert(s->state == STATE_TRANSACTION);
    struct write_call call = {s, b};
    if (durable_call_remote(s->spec->durable, s->t->site_write, write_effect, &call, e))
        return true;
    roll_back(s);
    return false;
}

static bool write_head(struct sql_sink *s, struct err *e)
{
    struct str values[HEADS_COLUMNS];
    values[0] = arena_printf(s->step_arena, "%llu", (unsigned long long)s->step.batch);
    values[1] = str_from(s->head.digest);
    values[2] = str_from(s->head.prev);
    values[3] = str_from(s->head.plan);
    values[4] = str_from(s->head.updated_at);
    head_key(&values[5], s->step_arena, s->spec);
    const struct str sql =
        sql_literals(s->session, s->step_arena, statement(s, s->step_arena, upsert_heads_update),
                     values, HEADS_COLUMNS);
    if (!s->t->run(s->session, sql, e))
        return err_wrap(e, "write the head of %s", s->spec->output);
    assert(s->t->affected(s->session) == 1); // found and locked by begin
    return true;
}

static bool commit_effect(void *arg, struct err *e)
{
    struct sql_sink *s = arg;
    return s->t->run(s->session, STR("COMMIT"), e);
}

bool sql_sink_commit(struct sink *base, uint64_t *rejected, struct err *e)
{
    struct sql_sink *s = from_base(base);
    assert(s->state == STATE_TRANSACTION);
    if (!rejects_sql_write(rejected, s->plan.rejects, s->session, s->spec, e) ||
        !write_head(s, e)) {
        roll_back(s);
        return false;
    }
    if (durable_call_remote(s->spec->durable, s->t->site_commit, commit_effect, s, e)) {
        s->state = STATE_IDLE;
        arena_reset(s->step_arena);
        return true;
    }
    // Committed or not, nobody here knows: only a new session, by the locked head, can tell.
    s->state = STATE_BROKEN;
    close_session(s);
    return false;
}

bool sql_sink_count(struct sink *base, uint64_t batch, uint64_t *rows, struct err *e)
{
    struct sql_sink *s = from_base(base);
    struct sql_result r;
    struct buf sql;
    assert(s->state != STATE_TRANSACTION);
    buf_init(&sql, SINK_SQL_MAX);
    upsert_count(&sql, s->t->dialect, s->spec, batch);
    bool ok = s->t->fetch(&r, s->session, s->step_arena, buf_view(&sql), e);
    buf_fini(&sql);
    ok = ok && ((r.rows == 1 && str_to_u64(rows, r.v[0])) ||
                err_fail(e, ERR_DATA, "%s: no count of %.*s", s->session->display,
                         STR_ARG(s->spec->table)));
    arena_reset(s->step_arena);
    return ok;
}

// --- compare --------------------------------------------------------------------------------------

// On a session of its own: what it makes is gone with it.
struct comparison {
    const struct sql_sink *s;
    struct sql_session *session;
    struct rejects *rejects;
    struct arena *a;
    uint64_t batch;
};

static bool comparison_put(void *arg, const struct block *b, struct err *e)
{
    const struct comparison *x = arg;
    rejects_block(x->rejects, b);
    rejects_leave_out(x->rejects);
    return x->s->t->send(x->session, b, x->batch, e);
}

static bool comparison_fill(struct comparison *x, const struct sink_spec *spec,
                            const struct sink_rows *want, struct err *e)
{
    const struct sql_transport *t = x->s->t;
    struct rows_plan *plan = ARENA_NEW(x->a, struct rows_plan);
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    compare_create(&sql, t->dialect, x->s->spec);
    bool ok = t->run(x->session, buf_view(&sql), e);
    buf_fini(&sql);
    if (!ok || !rows_plan_init(plan, x->a, spec, x->s->targets, e))
        return false;
    x->rejects = plan->rejects;
    rejects_begin(x->rejects, reject_span(0, 0));
    return rejects_sql_load(x->rejects, x->session, x->s->spec, e) &&
           t->prepare(x->session, x->a, plan, e) && t->run(x->session, str_from(t->begin), e) &&
           want->feed(want->arg, comparison_put, x, e) && t->run(x->session, STR("COMMIT"), e);
}

static bool comparison_read(struct comparison *x, enum sink_difference kind,
                            struct sink_differences *out, struct err *e)
{
    const struct sql_transport *t = x->s->t;
    const struct compare_spec what = {t->dialect, x->s->spec, x->s->targets, kind, x->batch};
    struct sql_result r;
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    compare_select(&sql, &what, COMPARE_COUNT);
    bool ok = t->fetch(&r, x->session, x->a, buf_view(&sql), e) &&
              ((r.rows == 1 && str_to_u64(&out->rows[kind], r.v[0])) ||
               err_fail(e, ERR_DATA, "no count of the differences"));
    if (ok && out->rows[kind]) {
        buf_clear(&sql);
        compare_select(&sql, &what, COMPARE_FIRST);
        ok = t->fetch(&r, x->session, x->a, buf_view(&sql), e);
        if (ok && r.rows == 1)
            compare_key_text(out->first[kind], &what, r.v);
    }
    buf_fini(&sql);
    return ok;
}

bool sql_sink_compare(struct sink *base, const struct sink_rows *want, struct sink_differences *out,
                      struct err *e)
{
    const struct sql_sink *s = from_base(base);
    assert(s->state != STATE_TRANSACTION);
    struct comparison x = {.s = s, .a = arena_new(NULL), .batch = want->batch};
    struct sink_spec spec = *s->spec;
    spec.table = STR(SINK_COMPARE_TABLE);
    *out = (struct sink_differences){0};
    bool ok = s->t->connect(&x.session, x.a, &spec, e) && comparison_fill(&x, &spec, want, e);
    out->refused = ok ? rejects_owed(x.rejects) : 0;
    for (int i = 0; ok && i < SINK_DIFFERENCES; i++)
        ok = comparison_read(&x, (enum sink_difference)i, out, e);
    if (x.session)
        s->t->close(x.session);
    arena_free(x.a);
    return ok || err_wrap(e, "compare table %.*s", STR_ARG(s->spec->table));
}

void sql_sink_abort(struct sink *base)
{
    roll_back(from_base(base));
}

bool sql_sink_rejects(const struct sql_transport *transport, const struct warehouse_url *url,
                      const struct rejects_query *q, reject_fn *fn, void *arg, struct err *e)
{
    struct arena *a = arena_new(NULL);
    const struct sink_spec spec = {.url = url};
    struct sql_session *session = NULL;
    struct table_info t = {0};
    bool ok = transport->connect(&session, a, &spec, e) &&
              transport->describe_table(&t, session, a, STR(SINK_REJECTS_TABLE), e) &&
              (!t.exists || rejects_sql_read(session, q, fn, arg, e));
    if (session)
        transport->close(session);
    arena_free(a);
    return ok;
}
