// Batches that a person released from a table (job deliver --skip): their rows are missing there until somebody brings them.
#include "jobs/run/audit_internal.h"
#include "jobs/run/deliver.h"

#include <stdio.h>

enum audit_hole { HOLE_FILLED, HOLE_OPEN };

static void audit_fill(struct audit *x, struct str name, const uint64_t *slot)
{
    for (size_t i = 0; i < map_count(x->holes); i++) {
        struct str target, batch, key = map_key(x->holes, i);
        uint64_t id = 0;
        if (str_split_once(&target, &batch, key, '#') && str_to_u64(&id, batch) &&
            str_eq(target, name) && (!slot || *slot == id))
            *map_get(x->holes, key) = HOLE_FILLED;
    }
}

void audit_skips(struct audit *x, const struct batch_record *r)
{
    bool added;
    // Rows that were refused stay rejects.
    for (size_t i = 0; r->kind != BATCH_REJECTS && i < r->target_count; i++) {
        const struct batch_target *t = &r->targets[i];
        struct str name = deliver_target_name(x->a, t);
        uint64_t slot = t->slot ? t->slot : r->batch;
        if (t->skipped)
            *map_put(x->holes,
                     arena_printf(x->a, "%.*s#%llu", STR_ARG(name), (unsigned long long)slot),
                     &added) = HOLE_OPEN;
        else if (t->whole)
            audit_fill(x, name, NULL);
        else if (t->slot && !t->beside)
            audit_fill(x, name, &t->slot);
    }
}

// A part of a stream can be made again where rows are appended; not those of an endless run that are in the lake, too.
const char *audit_refill(struct audit *x, const struct job_target *t, uint64_t batch)
{
    const struct job_output *o = &x->s->job->outputs[t->output];
    char rest[400];
    if (o->table || t->key)
        return audit_command(x, "resync", arena_printf(x->a, " %.*s", STR_ARG(t->name)).p);
    bool endless =
        map_get(x->logged, arena_printf(x->a, "%llu", (unsigned long long)batch)) != NULL;
    if (endless && o->lake >= 0)
        return audit_command(x, "reset", " --rebuild");
    (void)snprintf(rest, sizeof rest, " --batch %llu --outputs %.*s", (unsigned long long)batch,
                   STR_ARG(o->name));
    return audit_command(x, "backfill", rest);
}

static bool audit_hole(struct audit *x, const struct job_target *t, struct str batch, struct err *e)
{
    uint64_t id = 0;
    (void)str_to_u64(&id, batch);
    return audit_say(x, AUDIT_ROWS, t->name, audit_refill(x, t, id), e,
                     "rows of batch %llu are missing: it was skipped; sluice dlq show %s %llu has "
                     "them",
                     (unsigned long long)id, x->s->job->name, (unsigned long long)id);
}

bool audit_skipped(struct audit *x, struct err *e)
{
    const struct job *job = x->s->job;
    bool ok = true;
    for (size_t i = 0; ok && i < map_count(x->holes); i++) {
        struct str target, batch, key = map_key(x->holes, i);
        if (map_value(x->holes, i) == HOLE_FILLED || !str_split_once(&target, &batch, key, '#'))
            continue;
        for (size_t k = 0; ok && k < job->target_count; k++)
            ok = !str_eq(job->targets[k].name, target) || audit_hole(x, &job->targets[k], batch, e);
    }
    return ok;
}
