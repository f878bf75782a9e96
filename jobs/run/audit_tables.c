// Rows of the tables in warehouses. The store compares its table with the rows that the job says it holds (warehouse/sink.h: compare);
// of appended rows there are counts by batch, unless audit_replay.c compared them.
#include "jobs/run/audit_internal.h"
#include "jobs/run/collapse.h"
#include "jobs/run/content.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <stdio.h>

enum { AUDIT_BLOCK_ROWS = 4096 };

// --- appended rows ---------------------------------------------------------------------------------------------------

static bool audit_appended_rows(struct audit *x, const struct job_target *t, struct sink *sink,
                                struct err *e)
{
    for (size_t i = 0; i < map_count(x->appended); i++) {
        struct str name, batch;
        struct str key = map_key(x->appended, i);
        uint64_t id = 0, rows, want = *map_get(x->appended, key);
        if (!str_split_once(&name, &batch, key, '#') || !str_eq(name, t->name) ||
            !str_to_u64(&id, batch) || map_get(x->compared, key))
            continue;
        if (!sink->type->count(sink, id, &rows, e))
            return false;
        if (rows != want &&
            !audit_say(x, AUDIT_ROWS, t->name, audit_refill(x, t, id), e,
                       "%llu rows of batch %llu, %llu were written", (unsigned long long)rows,
                       (unsigned long long)id, (unsigned long long)want))
            return false;
    }
    return true;
}

// --- what a table should hold ----------------------------------------------------------------------------------------

struct audit_rows {
    struct audit *x;
    const struct job_target *target;
    const struct collapse *replayed; // NULL = stored
    struct arena *scratch;
    sink_put_fn *put; // of the sink
    void *put_arg;
};

static bool audit_put(struct audit_rows *r, const struct column *columns, uint32_t rows,
                      struct err *e)
{
    const struct job_target *t = r->target;
    struct column *c = ARENA_ARRAY(r->scratch, struct column, t->spec.count);
    for (size_t i = 0; i < t->spec.count; i++)
        c[i] = columns[t->from[i]];
    const struct block b = {.schema = &t->schema, .rows = rows, .columns = c, .arena = r->scratch};
    return rows == 0 || r->put(r->put_arg, &b, e);
}

static bool audit_stored_block(void *arg, const struct block *b, struct err *e)
{
    struct audit_rows *r = arg;
    arena_reset(r->scratch);
    const struct shape *shape = &r->x->s->job->outputs[r->target->output].shape;
    return audit_put(r, shape_columns(shape, r->scratch, b), b->rows, e);
}

static bool audit_replayed_rows(struct audit_rows *r, struct err *e)
{
    const struct shape *shape = &r->x->s->job->outputs[r->target->output].shape;
    size_t count = collapse_count(r->replayed), at = 0;
    while (at < count) {
        arena_reset(r->scratch);
        struct column *columns = shape_new(shape, r->scratch, AUDIT_BLOCK_ROWS);
        uint32_t n = 0;
        for (; at < count && n < AUDIT_BLOCK_ROWS; at++) {
            struct collapse_row row = collapse_at(r->replayed, at);
            if (row.op == OP_DELETE)
                continue;
            struct cursor in = {(const uint8_t *)row.row.p, (const uint8_t *)row.row.p + row.row.n};
            if (!rowcodec_decode(columns, shape->all.count, n++, r->scratch, &in, e))
                return false;
        }
        if (!audit_put(r, columns, n, e))
            return false;
    }
    return true;
}

static bool audit_feed(void *arg, sink_put_fn *put, void *put_arg, struct err *e)
{
    struct audit_rows *r = arg;
    r->put = put;
    r->put_arg = put_arg;
    return r->replayed ? audit_replayed_rows(r, e)
                       : content_scan(r->x->s, r->target->output, audit_stored_block, r, e);
}

// --- comparing -------------------------------------------------------------------------------------------------------

enum audit_extra { AUDIT_FOUND, AUDIT_EXPECTED };

static bool audit_different(struct audit *x, const struct job_target *t,
                            const struct sink_differences *d, enum audit_extra extra, struct err *e)
{
    static const char *const how[SINK_DIFFERENCES] = {
        [SINK_MISSING] = "missing", [SINK_EXTRA] = "too many", [SINK_CHANGED] = "changed"};
    const char *repair =
        audit_command(x, "resync", arena_printf(x->a, " %.*s", STR_ARG(t->name)).p);
    bool stale = extra == AUDIT_EXPECTED || control_output(&x->s->control, t->name)->stale;
    for (int i = 0; i < SINK_DIFFERENCES; i++) {
        // What a reset left there stays until its key comes again.
        bool expected = d->rows[i] == 0 || (i == SINK_EXTRA && (stale || d->rows[i] <= d->refused));
        if (!expected &&
            !audit_say(x, AUDIT_ROWS, t->name, repair, e, "%llu rows are %s, the first is %s",
                       (unsigned long long)d->rows[i], how[i], d->first[i]))
            return false;
    }
    return true;
}

static bool audit_compare(struct audit *x, const struct audit_replay *replay, size_t target,
                          struct sink *sink, struct err *e)
{
    const struct job_target *t = &x->s->job->targets[target];
    struct audit_rows r = {.x = x,
                           .target = t,
                           .replayed = audit_replayed(replay, target),
                           .scratch = arena_new(x->a)};
    const struct sink_rows want = {.feed = audit_feed, .arg = &r};
    struct sink_differences d;
    bool ok = sink->type->compare(sink, &want, &d, e);
    arena_free(r.scratch);
    if (!ok)
        return err_wrap(e, "output %.*s", STR_ARG(t->name));
    x->report->compared++;
    return audit_different(x, t, &d, audit_older(replay, target) ? AUDIT_EXPECTED : AUDIT_FOUND, e);
}

// --- the whole -------------------------------------------------------------------------------------------------------

static bool audit_table(struct audit *x, const struct audit_replay *r, size_t target, struct err *e)
{
    const struct job_target *t = &x->s->job->targets[target];
    struct sink *sink = NULL;
    if (control_output(&x->s->control, t->name)->behind) // said by its head, too
        return true;
    if (!audit_sink(&sink, x, target, e))
        return false;
    if (!sink) // said by its head
        return true;
    x->report->tables++;
    if (t->spec.mode == SINK_APPEND)
        return !sink->type->count || audit_appended_rows(x, t, sink, e);
    if (!sink->type->compare)
        return true;
    return (!audit_replayed(r, target) && !content_stored(x->s, t->output)) ||
           audit_compare(x, r, target, sink, e);
}

bool audit_tables(struct audit *x, struct err *e)
{
    const struct job *job = x->s->job;
    struct audit_replay *r;
    if (x->s->control.delivered < x->s->control.last_batch)
        return true; // a batch waits: said by its head
    if (!audit_replay(&r, x, e))
        return false;
    for (size_t i = 0; i < job->target_count; i++)
        if (!audit_table(x, r, i, e))
            return false;
    return true;
}
