// Outputs bound to topics: names, formats and encoders as the SQL and the configuration say.
#include "jobs/run/job_internal.h"
#include "schema/serde/serde_schema.h"

#include <assert.h>

// Windowed by the nearest aggregate above.
static enum window_kind topic_window(const struct plan_node *n)
{
    while (n->window.kind == WINDOW_NONE && n->input_count > 0)
        n = n->inputs[0];
    return n->window.kind;
}

static bool topic_fail(const struct job_build *b, const struct topic_output_spec *t, struct err *e)
{
    return job_fail(b, t->at, e);
}

struct topic_side {
    const struct schema *schema;
    uint32_t first, count;
    struct serde_spec spec; // format, wrapping and schema
};

static bool topic_encoder(const struct encoder **out, struct job_build *b, struct topic_side *s,
                          struct err *e)
{
    struct serde_column *columns = ARENA_ZARRAY(b->a, struct serde_column, s->count + 1);
    for (uint32_t i = 0; i < s->count; i++)
        columns[i] = (struct serde_column){s->schema->columns[s->first + i].name,
                                           s->schema->columns[s->first + i].type};
    s->spec.columns = columns;
    s->spec.count = s->count;
    s->spec.registry = b->registry;
    return encoder_new(out, b->a, &s->spec, e);
}

static void topic_schema(struct serde_spec *spec, const struct plan_schema *schema,
                         enum serde_format format)
{
    if (spec->format != format) // the configuration has another one than the SQL
        return;
    spec->schema_id = schema->id;
    spec->full_name = schema->full_name;
    spec->nullable = schema->nullable;
}

static void topic_sides(struct job_build *b, struct job_topic *out, struct topic_side *key,
                        struct topic_side *value, const struct plan_formats *f)
{
    key->spec.format = out->key_format;
    value->spec.format = out->value_format;
    // A key of one column is that column's bare value.
    key->spec.wrapping =
        serde_key_unwrapped(out->key_format, key->count) ? SERDE_UNWRAPPED : SERDE_WRAPPED;
    out->bare_value = f && f->value_wrapping == PLAN_UNWRAPPED && value->count == 1 &&
                      serde_can_unwrap(out->value_format);
    value->spec.wrapping = out->bare_value ? SERDE_UNWRAPPED : SERDE_WRAPPED;
    key->spec.subject = arena_printf(b->a, "%.*s-key", STR_ARG(out->want.name));
    value->spec.subject = arena_printf(b->a, "%.*s-value", STR_ARG(out->want.name));
    if (!f)
        return;
    topic_schema(&key->spec, &f->key_schema, f->key_format);
    topic_schema(&value->spec, &f->value_schema, f->value_format);
}

static bool topic_encoders(struct job_build *b, struct job_topic *out, const struct job_output *o,
                           const struct topic_output_spec *t, struct err *e)
{
    const struct schema *schema = o->shape.schema;
    const uint32_t keys = schema->key_count;
    struct topic_side key = {.schema = schema, .count = keys};
    struct topic_side value = {.schema = schema, .first = keys, .count = schema->count - keys};
    topic_sides(b, out, &key, &value, job_object(b->job->plan, o->name)->formats);
    if (keys > 0 && out->key_format == SERDE_NONE)
        err_fail(e, ERR_CONFIG, "output %.*s has a key, its key format is NONE", STR_ARG(o->name));
    else if ((keys == 0 || topic_encoder(&out->key, b, &key, e)) &&
             topic_encoder(&out->value, b, &value, e))
        return true;
    e->kind = e->kind == ERR_REMOTE ? ERR_REMOTE : ERR_CONFIG;
    err_wrap(e, "topic of output %.*s", STR_ARG(o->name));
    return topic_fail(b, t, e);
}

static bool topic_formats(struct job_build *b, struct job_topic *out, const struct job_output *o,
                          const struct topic_output_spec *t, struct err *e)
{
    const struct plan_node *n = job_object(b->job->plan, o->name);
    assert(n);
    const struct plan_formats *f = n->formats;
    out->key_format = f ? f->key_format : SERDE_KAFKA;
    out->value_format = f ? f->value_format : SERDE_JSON;
    out->want.name = t->name.n ? t->name : f ? f->topic : STR("");
    out->window = o->shape.schema->windowed ? topic_window(n) : WINDOW_NONE;
    out->want.partitions = (int32_t)t->partitions;
    out->want.partitions_new = f ? f->partitions : 0; // 0: as many as the job's first topic
    out->want.replicas = (int)t->replicas;
    out->want.cleanup =
        o->table && !o->shape.schema->windowed ? TOPIC_LAST_PER_KEY : TOPIC_EVERY_RECORD;
    bool ok = (t->format.n == 0 || serde_format_parse(&out->value_format, t->format)) &&
              (t->key_format.n == 0 || serde_format_parse(&out->key_format, t->key_format));
    assert(ok); // jobs/spec has checked both
    if (out->want.name.n > 0)
        return ok;
    err_fail(e, ERR_CONFIG, "output %.*s: its SQL names no topic", STR_ARG(o->name));
    err_hint(e, "topic: { name: … }");
    return topic_fail(b, t, e);
}

// A topic that the job reads, or writes twice, would loop or mix.
static bool topic_free(const struct job_build *b, const struct job_topic *out,
                       const struct job_output *o, const struct topic_output_spec *t, struct err *e)
{
    const struct job *j = b->job;
    struct str name = out->want.name;
    for (size_t i = 0; i < j->topic_count; i++) {
        if (!str_eq(j->topics[i], name))
            continue;
        err_fail(e, ERR_CONFIG, "output %.*s writes topic %.*s, which the job reads",
                 STR_ARG(o->name), STR_ARG(name));
        return topic_fail(b, t, e);
    }
    for (const struct job_topic *x = j->topic_outputs; x < out; x++) {
        if (!str_eq(x->want.name, name))
            continue;
        err_fail(e, ERR_CONFIG, "topic %.*s is already written by output %.*s", STR_ARG(name),
                 STR_ARG(j->outputs[x->output].name));
        return topic_fail(b, t, e);
    }
    return true;
}

bool job_topic(struct job_build *b, struct job_topic *out, size_t index,
               const struct topic_output_spec *t, struct err *e)
{
    const struct job_output *o = &b->job->outputs[index];
    out->output = index;
    if (!topic_formats(b, out, o, t, e) || !topic_free(b, out, o, t, e) ||
        !topic_encoders(b, out, o, t, e))
        return false;
    out->name = arena_printf(b->a, "topic/%.*s/%.*s", STR_ARG(out->want.name), STR_ARG(o->name));
    return true;
}
