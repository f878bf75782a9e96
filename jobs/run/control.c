#include "jobs/run/control.h"

#include "jobs/run/doc.h"

#include <assert.h>
#include <stdio.h>

static const struct str control_key = {"control", 7};

void control_id_key(char out[8], uint64_t id)
{
    for (int i = 7; i >= 0; i--, id >>= 8)
        out[i] = (char)(id & 255);
}

#define CONTROL_GROW(s, list, n, cap)                                                        \
    do {                                                                                     \
        if ((s)->n == (s)->cap) {                                                            \
            (s)->cap = (s)->cap ? (s)->cap * 2 : 8;                                          \
            void *more = arena_zalloc((s)->a, mem_array_bytes((s)->cap, sizeof *(s)->list)); \
            if ((s)->n)                                                                      \
                memcpy(more, (s)->list, (s)->n * sizeof *(s)->list);                         \
            (s)->list = more;                                                                \
        }                                                                                    \
    } while (0)

struct control_position *control_position(const struct control *s, struct str topic,
                                          int32_t partition)
{
    for (size_t i = 0; i < s->position_count; i++)
        if (s->positions[i].partition == partition && str_eq(s->positions[i].topic, topic))
            return &s->positions[i];
    return NULL;
}

struct control_position *control_position_add(struct control *s, struct str topic,
                                              int32_t partition)
{
    assert(!control_position(s, topic, partition));
    CONTROL_GROW(s, positions, position_count, position_cap);
    struct control_position *p = &s->positions[s->position_count++];
    *p = (struct control_position){.topic = arena_str(s->a, topic), .partition = partition};
    return p;
}

struct control_output *control_output(struct control *s, struct str name)
{
    for (size_t i = 0; i < s->output_count; i++)
        if (str_eq(s->outputs[i].name, name))
            return &s->outputs[i];
    CONTROL_GROW(s, outputs, output_count, output_cap);
    struct control_output *o = &s->outputs[s->output_count++];
    *o = (struct control_output){.name = arena_str(s->a, name)};
    return o;
}

struct control_version *control_version(struct control *s, struct str output)
{
    for (size_t i = 0; i < s->version_count; i++)
        if (str_eq(s->versions[i].output, output))
            return &s->versions[i];
    CONTROL_GROW(s, versions, version_count, version_cap);
    struct control_version *v = &s->versions[s->version_count++];
    *v = (struct control_version){.output = arena_str(s->a, output), .layout = STR("")};
    return v;
}

struct control_log *control_log(struct control *s, struct str output)
{
    for (size_t i = 0; i < s->log_count; i++)
        if (str_eq(s->logs[i].output, output))
            return &s->logs[i];
    CONTROL_GROW(s, logs, log_count, log_cap);
    struct control_log *l = &s->logs[s->log_count++];
    *l =
        (struct control_log){.output = arena_str(s->a, output), .file = STR(""), .schema = STR("")};
    return l;
}

uint64_t control_log_rows(const struct control *s)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < s->log_count; i++)
        rows += s->logs[i].rows;
    return rows;
}

// What only streaming knows; absent in a store that never streamed.
static void control_read_logs(struct control *s, struct doc *d, const json_t *j)
{
    const json_t *stream = json_object_get(j, "stream");
    if (!stream)
        return;
    s->next_seq = doc_hex(d, stream, "next_seq");
    s->roll_seq = doc_hex(d, stream, "roll_seq");
    s->roll_places = (size_t)doc_u64(d, stream, "roll_places");
    s->snapshot_ms = doc_i64(d, stream, "snapshot");
    const json_t *list = doc_array(d, stream, "logs");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        struct control_log *l = control_log(s, doc_str(d, x, "output"));
        l->file = doc_str(d, x, "file");
        l->schema = doc_str(d, x, "schema");
        l->bytes = doc_u64(d, x, "bytes");
        l->rows = doc_u64(d, x, "rows");
        l->since_ms = doc_i64(d, x, "since");
    }
}

static void control_write_logs(json_t *j, const struct control *s)
{
    json_t *stream = json_object(), *list = json_array();
    for (size_t i = 0; i < s->log_count; i++) {
        const struct control_log *l = &s->logs[i];
        json_t *x = json_object();
        json_object_set_new(x, "output", doc_new_str(l->output));
        json_object_set_new(x, "file", doc_new_str(l->file));
        json_object_set_new(x, "schema", doc_new_str(l->schema));
        json_object_set_new(x, "bytes", doc_new_u64(l->bytes));
        json_object_set_new(x, "rows", doc_new_u64(l->rows));
        json_object_set_new(x, "since", json_integer(l->since_ms));
        json_array_append_new(list, x);
    }
    json_object_set_new(stream, "next_seq", doc_new_hex(s->next_seq));
    json_object_set_new(stream, "roll_seq", doc_new_hex(s->roll_seq));
    json_object_set_new(stream, "roll_places", doc_new_u64(s->roll_places));
    json_object_set_new(stream, "snapshot", json_integer(s->snapshot_ms));
    json_object_set_new(stream, "logs", list);
    json_object_set_new(j, "stream", stream);
}

static void control_read_positions(struct control *s, struct doc *d, const json_t *j)
{
    const json_t *list = doc_array(d, j, "positions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        struct control_position *p =
            control_position_add(s, doc_str(d, x, "topic"), (int32_t)doc_i64(d, x, "partition"));
        p->next = doc_i64(d, x, "next");
        p->rolled = json_object_get(x, "rolled") ? doc_i64(d, x, "rolled") : p->next;
        p->anchored = doc_bool(d, x, "anchored");
        p->anchor_offset = doc_i64(d, x, "anchor_offset");
        p->anchor_timestamp = doc_i64(d, x, "anchor_timestamp");
        p->anchor_hash = doc_hex(d, x, "anchor_hash");
    }
}

static void control_read_behind(struct control_output *o, struct doc *d, const json_t *j)
{
    if (!j)
        return;
    o->behind = doc_u64(d, j, "batch");
    o->behind_batches = doc_u64(d, j, "batches");
    o->behind_bytes = doc_u64(d, j, "bytes");
    o->behind_ms = doc_i64(d, j, "since");
    (void)snprintf(o->behind_why, sizeof o->behind_why, "%.*s", STR_ARG(doc_str(d, j, "why")));
}

static void control_write_behind(json_t *x, const struct control_output *o)
{
    if (!o->behind)
        return;
    json_t *j = json_object();
    json_object_set_new(j, "batch", doc_new_u64(o->behind));
    json_object_set_new(j, "batches", doc_new_u64(o->behind_batches));
    json_object_set_new(j, "bytes", doc_new_u64(o->behind_bytes));
    json_object_set_new(j, "since", json_integer(o->behind_ms));
    json_object_set_new(j, "why", doc_new_str(str_from(o->behind_why)));
    json_object_set_new(x, "behind", j);
}

static void control_read_lists(struct control *s, struct doc *d, const json_t *j)
{
    const json_t *list = doc_array(d, j, "outputs");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        struct control_output *o = control_output(s, doc_str(d, x, "name"));
        o->batch = doc_u64(d, x, "batch");
        o->digest = doc_hex(d, x, "digest");
        o->left = json_is_true(json_object_get(x, "left"));
        o->whole = json_is_true(json_object_get(x, "whole"));
        o->stale = json_is_true(json_object_get(x, "stale"));
        o->seen = (uint64_t)json_integer_value(json_object_get(x, "seen"));
        o->gap_from = (uint64_t)json_integer_value(json_object_get(x, "gap_from"));
        o->gap_to = (uint64_t)json_integer_value(json_object_get(x, "gap_to"));
        control_read_behind(o, d, json_object_get(x, "behind"));
    }
    list = doc_array(d, j, "versions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        struct control_version *v = control_version(s, doc_str(d, x, "output"));
        v->version = doc_u64(d, x, "version");
        v->changed = doc_bool(d, x, "changed");
        v->left = json_is_true(json_object_get(x, "left"));
        if (json_object_get(x, "layout"))
            v->layout = doc_str(d, x, "layout");
    }
    list = doc_array(d, j, "fingerprints");
    s->fingerprint_count = json_array_size(list);
    s->fingerprints = ARENA_ZARRAY(s->a, struct str, s->fingerprint_count + 1);
    for (size_t i = 0; i < s->fingerprint_count; i++) {
        const json_t *x = json_array_get(list, i);
        s->fingerprints[i] =
            arena_str(s->a, str_from(json_is_string(x) ? json_string_value(x) : ""));
    }
}

void control_redo_step(struct control *s)
{
    assert(s->redo.kind.n && s->redo.next < s->redo.count);
    if (++s->redo.next == s->redo.count)
        s->redo = (struct control_redo){.kind = STR("")};
}

static void control_read_redo(struct control *s, struct doc *d, const json_t *j)
{
    const json_t *x = json_object_get(j, "redo");
    s->redo = (struct control_redo){.kind = STR("")};
    if (!x)
        return;
    const json_t *slots = doc_array(d, x, "slots"), *outputs = doc_array(d, x, "outputs");
    s->redo.kind = doc_str(d, x, "kind");
    s->redo.sent = json_object_get(x, "sent") ? doc_u64(d, x, "sent")
                                              : control_output(s, STR("topics"))->batch;
    s->redo.kept = json_is_true(json_object_get(x, "from_lake"));
    s->redo.count = json_array_size(slots);
    s->redo.slots = ARENA_ZARRAY(s->a, uint64_t, s->redo.count + 1);
    for (size_t i = 0; i < s->redo.count; i++)
        s->redo.slots[i] = (uint64_t)json_integer_value(json_array_get(slots, i));
    s->redo.output_count = json_array_size(outputs);
    s->redo.outputs = ARENA_ZARRAY(s->a, struct str, s->redo.output_count + 1);
    for (size_t i = 0; i < s->redo.output_count; i++) {
        const char *name = json_string_value(json_array_get(outputs, i));
        s->redo.outputs[i] = arena_str(s->a, str_from(name ? name : ""));
    }
}

static void control_write_redo(json_t *j, const struct control_redo *r)
{
    if (r->kind.n == 0)
        return;
    json_t *x = json_object(), *slots = json_array(), *outputs = json_array();
    json_object_set_new(x, "kind", doc_new_str(r->kind));
    for (size_t i = r->next; i < r->count; i++)
        json_array_append_new(slots, doc_new_u64(r->slots[i]));
    json_object_set_new(x, "slots", slots);
    for (size_t i = 0; i < r->output_count; i++)
        json_array_append_new(outputs, doc_new_str(r->outputs[i]));
    json_object_set_new(x, "outputs", outputs);
    json_object_set_new(x, "sent", doc_new_u64(r->sent));
    if (r->kept)
        json_object_set_new(x, "from_lake", json_true());
    json_object_set_new(j, "redo", x);
}

bool control_load(struct control *out, struct arena *a, struct kv_txn *t, struct err *e)
{
    *out =
        (struct control){.a = a, .fresh = true, .marker_topic = STR(""), .redo = {.kind = STR("")}};
    struct str text;
    enum kv_found found = kv_get(&text, t, KV_META, control_key, e);
    if (found != KV_FOUND)
        return found == KV_ABSENT;
    json_t *j;
    if (!doc_parse(&j, text, "control document", e))
        return false;
    struct doc d = {a, "control document", NULL};
    out->fresh = false;
    int64_t format = doc_i64(&d, j, "format");
    out->last_batch = doc_u64(&d, j, "last_batch");
    out->offsets_owed = json_is_true(json_object_get(j, "offsets_owed"));
    out->since = json_object_get(j, "since") ? doc_u64(&d, j, "since") : 0;
    out->forgotten = (uint64_t)json_integer_value(json_object_get(j, "forgotten"));
    out->moved = (uint64_t)json_integer_value(json_object_get(j, "moved"));
    out->oldest_ms = json_integer_value(json_object_get(j, "oldest"));
    out->last_run = doc_u64(&d, j, "last_run");
    out->delivered = doc_u64(&d, j, "delivered");
    out->now_ms = doc_i64(&d, j, "now");
    out->expired_ms = json_integer_value(json_object_get(j, "expired"));
    out->lake_batches = (uint64_t)json_integer_value(json_object_get(j, "lake_batches"));
    out->code = doc_hex(&d, j, "code");
    out->cluster = doc_str(&d, j, "cluster");
    if (json_object_get(j, "marker_topic"))
        out->marker_topic = doc_str(&d, j, "marker_topic");
    control_read_positions(out, &d, j);
    control_read_lists(out, &d, j);
    control_read_redo(out, &d, j);
    control_read_logs(out, &d, j);
    json_decref(j);
    if (!doc_ok(&d, e))
        return false;
    if (format != CONTROL_FORMAT)
        return err_fail(e, ERR_DATA,
                        "the state store has format %lld, this program knows format %d",
                        (long long)format, CONTROL_FORMAT);
    return true;
}

static json_t *control_write_positions(const struct control *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->position_count; i++) {
        const struct control_position *p = &s->positions[i];
        json_t *j = json_object();
        json_object_set_new(j, "topic", doc_new_str(p->topic));
        json_object_set_new(j, "partition", json_integer(p->partition));
        json_object_set_new(j, "next", json_integer(p->next));
        if (p->rolled != p->next)
            json_object_set_new(j, "rolled", json_integer(p->rolled));
        json_object_set_new(j, "anchored", json_boolean(p->anchored));
        json_object_set_new(j, "anchor_offset", json_integer(p->anchor_offset));
        json_object_set_new(j, "anchor_timestamp", json_integer(p->anchor_timestamp));
        json_object_set_new(j, "anchor_hash", doc_new_hex(p->anchor_hash));
        json_array_append_new(list, j);
    }
    return list;
}

static void control_write_lists(json_t *j, const struct control *s)
{
    json_t *outputs = json_array();
    for (size_t i = 0; i < s->output_count; i++) {
        json_t *x = json_object();
        json_object_set_new(x, "name", doc_new_str(s->outputs[i].name));
        json_object_set_new(x, "batch", doc_new_u64(s->outputs[i].batch));
        json_object_set_new(x, "digest", doc_new_hex(s->outputs[i].digest));
        if (s->outputs[i].left)
            json_object_set_new(x, "left", json_true());
        if (s->outputs[i].whole)
            json_object_set_new(x, "whole", json_true());
        if (s->outputs[i].seen)
            json_object_set_new(x, "seen", doc_new_u64(s->outputs[i].seen));
        if (s->outputs[i].gap_from) {
            json_object_set_new(x, "gap_from", doc_new_u64(s->outputs[i].gap_from));
            json_object_set_new(x, "gap_to", doc_new_u64(s->outputs[i].gap_to));
        }
        if (s->outputs[i].stale)
            json_object_set_new(x, "stale", json_true());
        control_write_behind(x, &s->outputs[i]);
        json_array_append_new(outputs, x);
    }
    json_object_set_new(j, "outputs", outputs);
    json_t *versions = json_array();
    for (size_t i = 0; i < s->version_count; i++) {
        json_t *x = json_object();
        json_object_set_new(x, "output", doc_new_str(s->versions[i].output));
        json_object_set_new(x, "version", doc_new_u64(s->versions[i].version));
        json_object_set_new(x, "changed", json_boolean(s->versions[i].changed));
        if (s->versions[i].left)
            json_object_set_new(x, "left", json_true());
        if (s->versions[i].layout.n)
            json_object_set_new(x, "layout", doc_new_str(s->versions[i].layout));
        json_array_append_new(versions, x);
    }
    json_object_set_new(j, "versions", versions);
    json_t *fingerprints = json_array();
    for (size_t i = 0; i < s->fingerprint_count; i++)
        json_array_append_new(fingerprints, doc_new_str(s->fingerprints[i]));
    json_object_set_new(j, "fingerprints", fingerprints);
}

bool control_store(const struct control *s, struct kv_txn *t, struct err *e)
{
    json_t *j = json_object();
    json_object_set_new(j, "format", json_integer(CONTROL_FORMAT));
    json_object_set_new(j, "last_batch", doc_new_u64(s->last_batch));
    json_object_set_new(j, "last_run", doc_new_u64(s->last_run));
    json_object_set_new(j, "delivered", doc_new_u64(s->delivered));
    if (s->since)
        json_object_set_new(j, "since", doc_new_u64(s->since));
    if (s->forgotten)
        json_object_set_new(j, "forgotten", doc_new_u64(s->forgotten));
    if (s->moved)
        json_object_set_new(j, "moved", doc_new_u64(s->moved));
    if (s->oldest_ms)
        json_object_set_new(j, "oldest", json_integer(s->oldest_ms));
    if (s->offsets_owed)
        json_object_set_new(j, "offsets_owed", json_true());
    if (s->lake_batches)
        json_object_set_new(j, "lake_batches", doc_new_u64(s->lake_batches));
    if (s->expired_ms)
        json_object_set_new(j, "expired", json_integer(s->expired_ms));
    json_object_set_new(j, "now", json_integer(s->now_ms));
    json_object_set_new(j, "code", doc_new_hex(s->code));
    json_object_set_new(j, "cluster", doc_new_str(s->cluster));
    if (s->marker_topic.n)
        json_object_set_new(j, "marker_topic", doc_new_str(s->marker_topic));
    json_object_set_new(j, "positions", control_write_positions(s));
    control_write_lists(j, s);
    control_write_redo(j, &s->redo);
    control_write_logs(j, s);
    struct buf text;
    buf_init(&text, (size_t)64 << 20);
    doc_print(&text, j);
    json_decref(j);
    bool ok = buf_ok(&text, "the control document", e) &&
              kv_put(t, KV_META, control_key, buf_view(&text), e);
    buf_fini(&text);
    return ok;
}

uint64_t control_first_batch(const struct control *s)
{
    return (s->forgotten > s->since ? s->forgotten : s->since) + 1;
}

bool control_put_record(struct kv_txn *t, const struct batch_record *r, struct err *e)
{
    char key[8];
    control_id_key(key, r->batch);
    struct buf text;
    buf_init(&text, (size_t)256 << 20);
    record_write(&text, r);
    bool ok = buf_ok(&text, "the batch record", e) &&
              kv_put(t, KV_BATCH, (struct str){key, sizeof key}, buf_view(&text), e);
    buf_fini(&text);
    return ok;
}

enum kv_found control_get_record(struct batch_record *out, struct arena *a, struct kv_txn *t,
                                 uint64_t batch, struct err *e)
{
    char key[8];
    control_id_key(key, batch);
    struct str text;
    enum kv_found found = kv_get(&text, t, KV_BATCH, (struct str){key, sizeof key}, e);
    if (found != KV_FOUND)
        return found;
    return record_read(out, a, text, e) ? KV_FOUND : KV_FAILED;
}
