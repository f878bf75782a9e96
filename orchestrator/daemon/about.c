#include "orchestrator/daemon/about.h"

#include "jobs/run/doc.h"
#include "jobs/run/job.h"
#include "sql/plan/logical.h"
#include "sql/sql.h"

static json_t *about_schema(const struct schema *schema)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    schema_print(&text, schema);
    json_t *j = doc_new_str(buf_view(&text));
    buf_fini(&text);
    return j;
}

static json_t *about_objects(const struct job *job)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < job->plan->object_count; i++) {
        const struct plan_node *n = job->plan->objects[i];
        json_t *j = json_object();
        json_object_set_new(j, "name", doc_new_str(n->name));
        json_object_set_new(j, "table", json_boolean(n->table));
        json_object_set_new(j, "declared", json_boolean(n->source != NULL));
        json_object_set_new(j, "sql", doc_new_str(n->statement));
        json_array_append_new(list, j);
    }
    return list;
}

// The streams and tables that a query reads: the nearest objects below its top.
static void about_reads(json_t *edges, const struct plan_node *n, const struct plan_node *object,
                        unsigned depth)
{
    enum { DEPTH_MAX = 1000 };
    if (n->kind == PLAN_OBJECT && n != object) {
        json_array_append_new(
            edges, json_pack("[s%s%]", n->name.p, n->name.n, object->name.p, object->name.n));
        return;
    }
    for (uint32_t i = 0; i < n->input_count && depth < DEPTH_MAX; i++)
        about_reads(edges, n->inputs[i], object, depth + 1);
}

static json_t *about_edges(const struct job *job)
{
    json_t *edges = json_array();
    for (uint32_t i = 0; i < job->plan->query_count; i++)
        about_reads(edges, job->plan->queries[i]->top, job->plan->queries[i]->object, 0);
    return edges;
}

static json_t *about_sources(const struct job *job)
{
    json_t *list = json_array();
    for (size_t i = 0; i < program_source_count(job->program); i++) {
        const struct program_source *s = program_source(job->program, i);
        json_t *j = json_object();
        json_object_set_new(j, "topic", doc_new_str(s->topic));
        json_object_set_new(j, "object", doc_new_str(s->object));
        json_object_set_new(j, "columns", about_schema(s->schema));
        json_array_append_new(list, j);
    }
    return list;
}

static const char *about_guarantee(const struct job_target *t)
{
    return t->type->features & SINK_EXACT        ? "exact"
           : t->type->features & SINK_CONVERGING ? "converging"
                                                 : "windowed";
}

static json_t *about_outputs(const struct job *job)
{
    json_t *list = json_array();
    for (size_t i = 0; i < job->output_count; i++) {
        const struct job_output *o = &job->outputs[i];
        json_t *j = json_object();
        json_t *targets = json_array();
        json_object_set_new(j, "name", doc_new_str(o->name));
        json_object_set_new(j, "table", json_boolean(o->table));
        json_object_set_new(j, "lake", json_boolean(o->lake >= 0));
        for (size_t t = 0; t < job->target_count; t++) {
            const struct job_target *x = &job->targets[t];
            if (x->output != i)
                continue;
            json_t *k = json_object();
            json_object_set_new(k, "warehouse", doc_new_str(x->warehouse));
            json_object_set_new(k, "table", doc_new_str(x->spec.table));
            json_object_set_new(k, "kind", json_string(x->type->name));
            json_object_set_new(k, "guarantee", json_string(about_guarantee(x)));
            json_array_append_new(targets, k);
        }
        json_object_set_new(j, "warehouses", targets);
        json_array_append_new(list, j);
    }
    return list;
}

json_t *about_job(const struct job *job)
{
    json_t *j = json_object();
    const bool ordered = program_order(job->program) == ORDER_ALIGNED;
    json_object_set_new(j, "order", json_string(ordered ? "aligned" : "free"));
    json_object_set_new(j, "sources", about_sources(job));
    json_object_set_new(j, "objects", about_objects(job));
    json_object_set_new(j, "edges", about_edges(job));
    json_object_set_new(j, "outputs", about_outputs(job));
    return j;
}
