#include "jobs/run/code.h"

#include "jobs/run/job.h"
#include "jobs/run/table.h"
#include "sql/exec/exec.h"

static bool code_control_has(const struct control *c, struct str fingerprint)
{
    for (size_t i = 0; i < c->fingerprint_count; i++)
        if (str_eq(c->fingerprints[i], fingerprint))
            return true;
    return false;
}

static bool code_program_has(const struct program *p, struct str fingerprint)
{
    for (size_t i = 0; i < program_fingerprint_count(p); i++)
        if (str_eq(program_fingerprint(p, i), fingerprint))
            return true;
    return false;
}

// An operator that comes back must not go on from where it was taken out: the records in between are missing there.
static bool code_forget(const struct control *c, const struct program *p, struct kv_txn *t,
                        struct err *e)
{
    for (size_t i = 0; i < c->fingerprint_count; i++)
        if (!code_program_has(p, c->fingerprints[i]) && !exec_forget(t, c->fingerprints[i], e))
            return false;
    for (size_t i = 0; i < program_fingerprint_count(p); i++)
        if (!code_control_has(c, program_fingerprint(p, i)) &&
            !exec_forget(t, program_fingerprint(p, i), e))
            return false;
    return true;
}

bool code_store(struct control *c, const struct program *p, struct kv_txn *t, struct err *e)
{
    bool same = c->fingerprint_count == program_fingerprint_count(p);
    for (size_t i = 0; same && i < c->fingerprint_count; i++)
        same = str_eq(c->fingerprints[i], program_fingerprint(p, i));
    if (same)
        return true;
    if (!code_forget(c, p, t, e))
        return false;
    c->fingerprint_count = program_fingerprint_count(p);
    c->fingerprints = ARENA_ZARRAY(c->a, struct str, c->fingerprint_count + 1);
    for (size_t i = 0; i < c->fingerprint_count; i++)
        c->fingerprints[i] = arena_str(c->a, program_fingerprint(p, i));
    return true;
}

// --- rows of published tables ----------------------------------------------------------------------------------------

static bool code_published(const struct job_output *o)
{
    return o->table && o->lake >= 0;
}

static const struct control_version *code_version(const struct control *c, struct str output)
{
    for (size_t i = 0; i < c->version_count; i++)
        if (str_eq(c->versions[i].output, output))
            return &c->versions[i];
    return NULL;
}

bool code_table_fits(const struct control *c, const struct job *job, size_t output, struct err *e)
{
    const struct job_output *o = &job->outputs[output];
    const struct control_version *v = code_published(o) ? code_version(c, o->name) : NULL;
    if (!v || v->layout.n == 0)
        return true;
    struct arena *a = arena_new(NULL);
    bool same = str_eq(shape_text(&o->shape, a), v->layout);
    arena_free(a);
    if (same)
        return true;
    err_fail(e, ERR_CONFIG,
             "the rows of table output %.*s are stored with other columns than the SQL has now: "
             "%.*s",
             STR_ARG(o->name), STR_ARG(v->layout));
    return err_hint(e,
                    "job reset %s --rebuild reads everything again, --from-now starts empty, "
                    "--keep lets this table start empty; or restore the old SQL",
                    job->name);
}

bool code_keep_tables(struct control *c, const struct job *job, struct kv_txn *t, struct err *e)
{
    struct err why;
    for (size_t i = 0; i < job->output_count; i++) {
        const struct job_output *o = &job->outputs[i];
        if (!code_published(o))
            continue;
        control_version(c, o->name)->left = false; // it has no rows
        if (code_table_fits(c, job, i, &why))
            continue;
        if (!table_forget(t, o->name, e))
            return false;
        control_version(c, o->name)->layout = shape_text(&o->shape, c->a);
        for (size_t k = 0; k < o->target_count; k++)
            control_output(c, job->targets[o->target_first + k].name)->stale = true;
    }
    return true;
}

// --- outputs that leave ----------------------------------------------------------------------------------------------

static bool code_has_output(const struct job *job, struct str name)
{
    bool has = str_eq(name, STR("lake")) || str_eq(name, STR("topics"));
    for (size_t i = 0; !has && i < job->target_count; i++)
        has = str_eq(job->targets[i].name, name);
    for (size_t i = 0; !has && i < job->topic_output_count; i++)
        has = str_eq(job->topic_outputs[i].name, name);
    return has;
}

static bool code_publishes(const struct job *job, struct str output)
{
    for (size_t i = 0; i < job->output_count; i++)
        if (code_published(&job->outputs[i]) && str_eq(job->outputs[i].name, output))
            return true;
    return false;
}

bool code_leave(struct control *c, const struct job *job, struct kv_txn *t, struct err *e)
{
    for (size_t i = 0; i < c->output_count; i++)
        if (c->outputs[i].batch > 0 && !code_has_output(job, c->outputs[i].name))
            c->outputs[i].left = true;
    for (size_t i = 0; i < c->version_count; i++) {
        struct control_version *v = &c->versions[i];
        if (v->left || code_publishes(job, v->output))
            continue;
        if (!table_forget(t, v->output, e))
            return false;
        v->left = true;
        v->changed = false;
        v->layout = STR("");
    }
    return true;
}

static bool code_left(const struct control *c, struct str name)
{
    for (size_t i = 0; i < c->output_count; i++)
        if (str_eq(c->outputs[i].name, name))
            return c->outputs[i].left;
    return false;
}

static bool code_came_back(struct str name, struct err *e)
{
    return err_fail(e, ERR_CONFIG,
                    "table output %.*s was taken out of the job and put back: it misses what "
                    "changed in between",
                    STR_ARG(name));
}

bool code_none_left(const struct control *c, const struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->output_count; i++) {
        const struct job_output *o = &job->outputs[i];
        const struct control_version *v = code_published(o) ? code_version(c, o->name) : NULL;
        bool topic = o->topic >= 0 && code_left(c, job->topic_outputs[o->topic].name);
        if (o->table && ((v && v->left) || topic)) {
            (void)!code_came_back(o->name, e);
            return err_hint(e,
                            "job reset %s --rebuild fills it from the start%s; or take it out "
                            "again",
                            job->name, topic ? "" : ", --keep lets it start empty in the lake");
        }
    }
    return true;
}

enum code_lack code_lacks(const struct control *c, const struct job *job, size_t target)
{
    const struct job_target *t = &job->targets[target];
    if (!job->outputs[t->output].table || c->last_batch == 0 || c->code == 0)
        return CODE_WHOLE; // after a reset nothing is history yet
    for (size_t i = 0; i < c->output_count; i++)
        if (str_eq(c->outputs[i].name, t->name))
            return c->outputs[i].left         ? CODE_LEFT
                   : c->outputs[i].batch == 0 ? CODE_ADDED
                                              : CODE_WHOLE;
    return CODE_ADDED;
}
