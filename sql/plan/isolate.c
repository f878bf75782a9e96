#include "sql/plan/isolate.h"
#include "sql/sql_internal.h"

struct isolate {
    struct arena *a;
    LIST(const struct plan_node *) from;
    LIST(struct plan_node *) to; // copies, in topological order, beside `from`
};

static struct plan_node *add(struct isolate *s, const struct plan_node *from, struct plan_node *to)
{
    to->id = s->to.n;
    list_push(s->a, &s->from, from);
    list_push(s->a, &s->to, to);
    return to;
}

static struct plan_node *copy_node(struct isolate *s, const struct plan_node *from, uint32_t inputs)
{
    struct plan_node *n = ARENA_NEW(s->a, struct plan_node);
    *n = *from;
    n->inputs = ARENA_ZARRAY(s->a, struct plan_node *, inputs + 1);
    n->input_count = inputs;
    return n;
}

// How the topic of a stream or table is read.
static const struct plan_source *topic_of(struct isolate *s, const struct plan_node *object)
{
    const struct plan_formats *f = object->formats;
    struct plan_source *out = ARENA_NEW(s->a, struct plan_source);
    if (object->source)
        return object->source;
    *out = (struct plan_source){
        .topic = f->topic,
        .key_format = f->key_format,
        .value_format = f->value_format,
        .value_wrapping = f->value_wrapping,
        .window = f->window,
        .timestamp_column = f->timestamp_index,
        .timestamp_format = f->timestamp_format,
        .timestamp_pattern = f->timestamp_pattern,
        .key_delimiter = f->key_delimiter,
        .value_delimiter = f->value_delimiter,
        .partitions = f->partitions,
    };
    return out;
}

static struct plan_node *copy_source(struct isolate *s, const struct plan_node *object)
{
    struct plan_node *source = copy_node(s, object, 0);
    source->kind = PLAN_SOURCE;
    source->source = topic_of(s, object);
    source->formats = NULL;
    source->name = STR_NONE;
    struct plan_formats *formats = ARENA_NEW(s->a, struct plan_formats);
    *formats = *object->formats;
    formats->timestamp_index = -1; // the source has it
    struct plan_node *n = copy_node(s, object, 1);
    n->formats = formats;
    n->source = NULL;
    n->inputs[0] = add(s, NULL, source);
    return add(s, object, n);
}

// The depth is bounded by the nodes of one query.
static struct plan_node *copy_tree(struct isolate *s, const struct plan_node *from)
{
    for (uint32_t i = 0; i < s->from.n; i++)
        if (s->from.v[i] == from)
            return s->to.v[i];
    if (from->kind == PLAN_OBJECT)
        return copy_source(s, from);
    struct plan_node *n = copy_node(s, from, from->input_count);
    for (uint32_t i = 0; i < from->input_count; i++)
        n->inputs[i] = copy_tree(s, from->inputs[i]);
    return add(s, from, n);
}

const struct plan *plan_isolate(struct arena *a, const struct plan_query *q)
{
    struct isolate s = {.a = a};
    struct plan *out = ARENA_NEW(a, struct plan);
    struct plan_node *top = copy_tree(&s, q->top);
    struct plan_node *sink = copy_node(&s, q->object, 1);
    sink->inputs[0] = top;
    sink->source = NULL;
    add(&s, NULL, sink);
    out->nodes = s.to.v;
    out->count = s.to.n;
    out->objects = ARENA_ZARRAY(a, struct plan_node *, s.to.n);
    for (uint32_t i = 0; i < s.to.n; i++) // the sink is the last
        if (s.to.v[i]->kind == PLAN_OBJECT)
            out->objects[out->object_count++] = s.to.v[i];
    out->digest_text = q->object->statement;
    return out;
}
