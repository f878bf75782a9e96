#include "jobs/run/drift.h"

#include "base/map.h"
#include "base/vec.h"
#include "jobs/run/doc.h"
#include "sql/plan/logical.h"
#include "sql/plan/source.h"

#include <assert.h>

enum { DRIFT_DEPTH_MAX = 8, DRIFT_PATH_MAX = 4096, DRIFT_FIELDS_MAX = 2000 };

// A field by its path in upper case, as "PLACE->CITY".
struct drift_field {
    const struct type *type; // NULL = nobody declared it
    uint64_t seen, other;    // other: values of another kind than declared
    const char *found;       // the first of them
    int32_t partition;       // of the first record with it (undeclared), or with another kind
    int64_t offset;
};

struct drift_source {
    struct str name, topic;
    uint32_t index; // in job.topics
    uint64_t records;
    struct map *paths; // -> index in fields
    VEC(struct drift_field) fields;
};

struct drift {
    struct source base; // the tap
    struct arena *a;
    const struct job *job;
    struct source *inner;
    const struct source_range *ranges;
    struct drift_source *sources;
    size_t source_count;
    struct buf path;
};

// --- what is declared ------------------------------------------------------------------------------------------------

static void drift_path(struct buf *path, struct str name)
{
    if (path->n > 0)
        buf_text(path, "->");
    for (size_t i = 0; i < name.n; i++)
        buf_char(path, (char)(name.p[i] >= 'a' && name.p[i] <= 'z' ? name.p[i] - 32 : name.p[i]));
}

static struct drift_field *drift_field(struct drift_source *s, struct str path, bool *added)
{
    uint64_t *at = map_get(s->paths, path);
    *added = !at;
    if (!at) {
        bool fresh;
        at = map_put(s->paths, path, &fresh);
        *at = s->fields.n;
        const struct drift_field none = {.found = ""};
        vec_push(&s->fields, none);
    }
    return &s->fields.v[*at];
}

static void drift_declare(struct drift *d, struct drift_source *s, struct str name,
                          const struct type *type, unsigned depth)
{
    const size_t before = d->path.n;
    bool added;
    drift_path(&d->path, name);
    drift_field(s, buf_view(&d->path), &added)->type = type;
    for (uint32_t i = 0;
         type->kind == TYPE_STRUCT && depth < DRIFT_DEPTH_MAX && i < type->field_count; i++)
        drift_declare(d, s, type->fields[i].name, type->fields[i].type, depth + 1);
    d->path.n = before;
}

static void drift_free(void *arg)
{
    struct drift *d = arg;
    for (size_t i = 0; i < d->source_count; i++)
        vec_fini(&d->sources[i].fields);
    buf_fini(&d->path);
}

static void drift_add(struct drift *d, const struct plan_node *o)
{
    struct drift_source *s = &d->sources[d->source_count];
    *s = (struct drift_source){
        .name = o->name, .topic = o->source->topic, .index = 0, .paths = map_new(d->a)};
    while (s->index < d->job->topic_count && !str_eq(d->job->topics[s->index], s->topic))
        s->index++;
    if (s->index == d->job->topic_count) // nobody reads it
        return;
    d->source_count++;
    for (uint32_t i = o->schema->key_count; i < o->schema->count; i++)
        if (!plan_is_header(o->source, i))
            drift_declare(d, s, o->schema->columns[i].name, o->schema->columns[i].type, 0);
}

// --- what is there ---------------------------------------------------------------------------------------------------

static const char *drift_kind(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool drift_fits(const struct type *type, const json_t *v)
{
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return json_is_boolean(v);
    case TYPE_INTEGER:
    case TYPE_BIGINT:
        return json_is_integer(v);
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
        return json_is_number(v);
    case TYPE_STRING:
    case TYPE_BYTES:
        return json_is_string(v);
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
        return json_is_integer(v) || json_is_string(v);
    case TYPE_ARRAY:
        return json_is_array(v);
    case TYPE_MAP:
    case TYPE_STRUCT:
        return json_is_object(v);
    }
    return false;
}

struct drift_place {
    int32_t partition;
    int64_t offset;
};

static void drift_value(struct drift *d, struct drift_source *s, const json_t *v,
                        const struct drift_place *at)
{
    bool added = false;
    if (!map_get(s->paths, buf_view(&d->path)) && s->fields.n >= DRIFT_FIELDS_MAX)
        return; // names that are data: enough of them are named
    struct drift_field *f = drift_field(s, buf_view(&d->path), &added);
    const bool other = f->type && !json_is_null(v) && !drift_fits(f->type, v);
    if (added || (other && f->other == 0)) {
        f->partition = at->partition;
        f->offset = at->offset;
        f->found = drift_kind(v);
    }
    f->seen++;
    f->other += other;
}

static void drift_object(struct drift *d, struct drift_source *s, json_t *object,
                         const struct drift_place *at, unsigned depth)
{
    const char *key;
    json_t *v;
    json_object_foreach(object, key, v)
    {
        const size_t before = d->path.n;
        drift_path(&d->path, str_from(key));
        if (d->path.failed)
            buf_clear(&d->path);
        else
            drift_value(d, s, v, at);
        const uint64_t *known = map_get(s->paths, buf_view(&d->path));
        const struct type *type = known ? s->fields.v[*known].type : NULL;
        if (type && type->kind == TYPE_STRUCT && json_is_object(v) && depth < DRIFT_DEPTH_MAX)
            drift_object(d, s, v, at, depth + 1);
        d->path.n = before < d->path.n ? before : d->path.n;
    }
}

static void drift_record(struct drift *d, uint32_t topic, int32_t partition,
                         const struct source_record *r)
{
    json_t *j = r->value.p ? json_loadb(r->value.p, r->value.n, JSON_ALLOW_NUL, NULL) : NULL;
    const struct drift_place at = {partition, r->offset};
    for (size_t i = 0; json_is_object(j) && i < d->source_count; i++) {
        if (d->sources[i].index != topic)
            continue;
        d->sources[i].records++;
        drift_object(d, &d->sources[i], j, &at, 0);
    }
    json_decref(j);
}

// --- the tap ---------------------------------------------------------------------------------------------------------

static const struct source_type drift_type;

static struct drift *drift_of(struct source *s)
{
    assert(s->type == &drift_type);
    return (struct drift *)s;
}

static bool drift_assign(struct source *base, const struct source_range *ranges, size_t n,
                         struct err *e)
{
    struct drift *d = drift_of(base);
    struct source_range *copy = ARENA_ZARRAY(d->a, struct source_range, n + 1);
    memcpy(copy, ranges, n * sizeof *copy);
    d->ranges = copy;
    return d->inner->type->assign(d->inner, ranges, n, e);
}

static enum source_poll drift_poll(struct source *base, size_t range, int64_t timeout_ms,
                                   struct source_batch *out, struct err *e)
{
    struct drift *d = drift_of(base);
    enum source_poll p = d->inner->type->poll(d->inner, range, timeout_ms, out, e);
    for (uint32_t i = 0; p == POLL_BATCH && i < out->n; i++)
        if (out->records[i].offset < d->ranges[range].end)
            drift_record(d, d->ranges[range].topic, d->ranges[range].partition, &out->records[i]);
    return p;
}

static void drift_release(struct source *base, struct source_batch *b)
{
    struct drift *d = drift_of(base);
    d->inner->type->release(d->inner, b);
}

static const struct source_type drift_type = {
    .name = "tap",
    .assign = drift_assign,
    .poll = drift_poll,
    .release = drift_release,
};

struct drift *drift_new(struct arena *a, const struct job *job)
{
    struct drift *d = ARENA_NEW(a, struct drift);
    d->base.type = &drift_type;
    d->a = a;
    d->job = job;
    buf_init(&d->path, DRIFT_PATH_MAX);
    d->sources = ARENA_ZARRAY(a, struct drift_source, job->plan->object_count + 1);
    arena_on_free(a, drift_free, d);
    for (uint32_t i = 0; i < job->plan->object_count; i++) {
        const struct plan_node *o = job->plan->objects[i];
        if (o->source && o->source->value_format == SERDE_JSON)
            drift_add(d, o);
    }
    return d;
}

struct source *drift_tap(struct drift *d, struct source *inner)
{
    d->inner = inner;
    return &d->base;
}

// --- findings --------------------------------------------------------------------------------------------------------

static json_t *drift_finding(const struct drift_source *s, size_t field, const char *kind,
                             uint64_t records)
{
    json_t *j = json_object();
    json_object_set_new(j, "source", doc_new_str(s->name));
    json_object_set_new(j, "topic", doc_new_str(s->topic));
    json_object_set_new(j, "kind", json_string(kind));
    json_object_set_new(j, "field", doc_new_str(map_key(s->paths, field)));
    json_object_set_new(j, "records", doc_new_u64(records));
    json_object_set_new(j, "of", doc_new_u64(s->records));
    return j;
}

static void drift_first(json_t *j, const struct drift_field *f)
{
    json_object_set_new(j, "found", json_string(f->found));
    json_object_set_new(j, "partition", json_integer(f->partition));
    json_object_set_new(j, "offset", json_integer(f->offset));
}

static void drift_source_json(json_t *list, const struct drift_source *s)
{
    for (size_t i = 0; s->records > 0 && i < s->fields.n; i++) {
        const struct drift_field *f = &s->fields.v[i];
        json_t *j = NULL;
        if (!f->type) {
            j = drift_finding(s, i, "undeclared", f->seen);
            drift_first(j, f);
        } else if (f->seen == 0) {
            j = drift_finding(s, i, "never_seen", 0);
        } else if (f->other > 0) {
            j = drift_finding(s, i, "type", f->other);
            drift_first(j, f);
        }
        if (j && f->type) {
            struct buf type;
            buf_init(&type, 1 << 20);
            type_print(&type, f->type);
            json_object_set_new(j, "declared", doc_new_str(buf_view(&type)));
            buf_fini(&type);
        }
        if (j)
            json_array_append_new(list, j);
    }
}

json_t *drift_json(const struct drift *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->source_count; i++)
        drift_source_json(list, &d->sources[i]);
    return list;
}

static const char *drift_text(const json_t *j, const char *field)
{
    const char *s = json_string_value(json_object_get(j, field));
    return s ? s : "";
}

static long long drift_number(const json_t *j, const char *field)
{
    return json_integer_value(json_object_get(j, field));
}

void drift_print(struct buf *out, const json_t *findings)
{
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *j = json_array_get(findings, i);
        const char *kind = drift_text(j, "kind");
        buf_printf(out, "  %s: ", drift_text(j, "source"));
        if (strcmp(kind, "never_seen") == 0) {
            buf_printf(out, "%s %s is in none of %lld records\n", drift_text(j, "field"),
                       drift_text(j, "declared"), drift_number(j, "of"));
            continue;
        }
        if (strcmp(kind, "undeclared") == 0)
            buf_printf(out, "%s (%s) is not declared", drift_text(j, "field"),
                       drift_text(j, "found"));
        else
            buf_printf(out, "%s is declared %s and is %s", drift_text(j, "field"),
                       drift_text(j, "declared"), drift_text(j, "found"));
        buf_printf(out, ": %lld of %lld records, first %s/%lld offset %lld\n",
                   drift_number(j, "records"), drift_number(j, "of"), drift_text(j, "topic"),
                   drift_number(j, "partition"), drift_number(j, "offset"));
    }
}
