#include "jobs/run/record.h"

#include "jobs/run/doc.h"
#include "jobs/run/late.h"

#include <assert.h>

const char *batch_kind_name(enum batch_kind kind)
{
    switch (kind) {
    case BATCH_FORWARD:
        return "forward";
    case BATCH_ROLL:
        return "roll";
    case BATCH_RESET:
        return "reset";
    case BATCH_BACKFILL:
        return "backfill";
    case BATCH_RECOVER:
        return "recover";
    case BATCH_RESYNC:
        return "resync";
    case BATCH_COMPACT:
        return "compact";
    case BATCH_EXPIRE:
        return "expire";
    case BATCH_RESTORE:
        return "restore";
    case BATCH_REPLAY:
        return "replay";
    case BATCH_REJECTS:
        return "rejects";
    }
    return "?";
}

bool batch_kind_stands(enum batch_kind kind)
{
    return kind == BATCH_COMPACT || kind == BATCH_EXPIRE || kind == BATCH_RESTORE;
}

static enum batch_kind kind_read(struct str name)
{
    for (int k = BATCH_FORWARD; k < BATCH_KINDS; k++)
        if (str_eq(name, str_from(batch_kind_name((enum batch_kind)k))))
            return (enum batch_kind)k;
    return BATCH_FORWARD;
}

static json_t *range_write(const struct batch_range *r)
{
    json_t *j = json_object();
    json_object_set_new(j, "topic", doc_new_str(r->topic));
    json_object_set_new(j, "partition", json_integer(r->partition));
    json_object_set_new(j, "start", json_integer(r->start));
    json_object_set_new(j, "end", json_integer(r->end));
    json_object_set_new(j, "delivered", doc_new_u64(r->delivered));
    json_object_set_new(j, "absent", doc_new_u64(r->absent));
    json_object_set_new(j, "lost", doc_new_u64(r->lost));
    json_object_set_new(j, "decoded", doc_new_u64(r->decoded));
    json_object_set_new(j, "null", doc_new_u64(r->null_values));
    json_object_set_new(j, "dead", doc_new_u64(r->dead));
    json_object_set_new(j, "filtered", doc_new_u64(r->filtered));
    if (r->anchored) {
        json_t *anchor = json_object();
        json_object_set_new(anchor, "offset", json_integer(r->anchor_offset));
        json_object_set_new(anchor, "timestamp", json_integer(r->anchor_timestamp));
        json_object_set_new(anchor, "hash", doc_new_hex(r->anchor_hash));
        json_object_set_new(j, "anchor", anchor);
    }
    return j;
}

static json_t *ranges_write(const struct batch_range *ranges, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, range_write(&ranges[i]));
    return list;
}

void record_ranges_json(struct buf *out, const struct batch_range *ranges, size_t n)
{
    json_t *j = ranges_write(ranges, n);
    doc_print(out, j);
    json_decref(j);
}

static void range_read(struct doc *d, const json_t *j, struct batch_range *out)
{
    out->topic = doc_str(d, j, "topic");
    out->partition = (int32_t)doc_i64(d, j, "partition");
    out->start = doc_i64(d, j, "start");
    out->end = doc_i64(d, j, "end");
    out->delivered = doc_u64(d, j, "delivered");
    out->absent = doc_u64(d, j, "absent");
    out->lost = doc_u64(d, j, "lost");
    out->decoded = doc_u64(d, j, "decoded");
    out->null_values = doc_u64(d, j, "null");
    out->dead = doc_u64(d, j, "dead");
    out->filtered = doc_u64(d, j, "filtered");
    const json_t *anchor = json_object_get(j, "anchor");
    out->anchored = anchor != NULL;
    if (anchor) {
        out->anchor_offset = doc_i64(d, anchor, "offset");
        out->anchor_timestamp = doc_i64(d, anchor, "timestamp");
        out->anchor_hash = doc_hex(d, anchor, "hash");
    }
}

static json_t *target_columns_write(const struct batch_target *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->column_count; i++) {
        const struct sink_column *c = &t->columns[i];
        struct buf text;
        buf_init(&text, 1 << 20);
        type_print(&text, c->type);
        json_t *j = json_object();
        json_object_set_new(j, "name", doc_new_str(c->name));
        json_object_set_new(j, "type", doc_new_str(buf_view(&text)));
        json_object_set_new(j, "sql_type", doc_new_str(c->sql_type));
        json_object_set_new(j, "key", json_boolean(c->key));
        json_array_append_new(list, j);
        buf_fini(&text);
    }
    return list;
}

static void target_again_write(json_t *j, const struct reject_set *set)
{
    json_t *list = json_array();
    for (size_t i = 0; i < set->count; i++)
        json_array_append_new(list, doc_new_u64(set->seqs[i]));
    json_object_set_new(j, "again", doc_new_u64(set->batch));
    json_object_set_new(j, "seqs", list);
}

static void target_again_read(struct reject_set *out, struct doc *d, const json_t *j)
{
    if (!json_object_get(j, "again"))
        return;
    const json_t *list = doc_array(d, j, "seqs");
    const size_t n = json_array_size(list);
    uint64_t *seqs = ARENA_ZARRAY(d->a, uint64_t, n + 1);
    for (size_t i = 0; i < n; i++)
        seqs[i] = (uint64_t)json_integer_value(json_array_get(list, i));
    *out = (struct reject_set){doc_u64(d, j, "again"), seqs, n};
}

static json_t *target_write(const struct batch_target *t)
{
    json_t *j = json_object();
    json_object_set_new(j, "warehouse", doc_new_str(t->warehouse));
    json_object_set_new(j, "scheme", doc_new_str(t->scheme));
    json_object_set_new(j, "table", doc_new_str(t->table));
    json_object_set_new(j, "output", doc_new_str(t->output));
    json_object_set_new(j, "mode", json_string(t->mode == SINK_UPSERT ? "upsert" : "append"));
    json_object_set_new(j, "create", json_boolean(t->create == SINK_CREATE_IF_ABSENT));
    if (t->schema != SINK_SCHEMA_FAIL)
        json_object_set_new(j, "schema", json_integer(t->schema));
    json_object_set_new(j, "columns", target_columns_write(t));
    json_object_set_new(j, "spool", doc_new_str(t->spool));
    json_object_set_new(j, "rows", doc_new_u64(t->rows));
    json_object_set_new(j, "upserts", doc_new_u64(t->upserts));
    json_object_set_new(j, "deletes", doc_new_u64(t->deletes));
    json_object_set_new(j, "collapsed", doc_new_u64(t->collapsed));
    json_object_set_new(j, "rejected", doc_new_u64(t->rejected));
    json_object_set_new(j, "bytes", doc_new_u64(t->bytes));
    json_object_set_new(j, "checksum", doc_new_hex(t->checksum));
    json_object_set_new(j, "rows_hash", doc_new_hex(t->rows_hash));
    json_object_set_new(j, "digest", doc_new_hex(t->digest));
    json_object_set_new(j, "prev_batch", doc_new_u64(t->prev_batch));
    json_object_set_new(j, "prev_digest", doc_new_hex(t->prev_digest));
    if (t->slot)
        json_object_set_new(j, "slot", doc_new_u64(t->slot));
    if (t->beside)
        json_object_set_new(j, "beside", json_true());
    if (t->again.batch)
        target_again_write(j, &t->again);
    if (t->whole)
        json_object_set_new(j, "whole", json_true());
    if (t->skipped)
        json_object_set_new(j, "skipped", json_true());
    return j;
}

static bool target_columns_read(struct doc *d, const json_t *j, struct batch_target *out,
                                struct err *e)
{
    const json_t *list = doc_array(d, j, "columns");
    size_t n = json_array_size(list);
    struct sink_column *columns = ARENA_ZARRAY(d->a, struct sink_column, n ? n : 1);
    for (size_t i = 0; i < n; i++) {
        const json_t *c = json_array_get(list, i);
        columns[i].name = doc_str(d, c, "name");
        columns[i].sql_type = doc_str(d, c, "sql_type");
        columns[i].key = doc_bool(d, c, "key");
        if (!type_parse(&columns[i].type, d->a, doc_str(d, c, "type"), e))
            return err_wrap(e, "%s: column %.*s", d->what, STR_ARG(columns[i].name));
    }
    out->columns = columns;
    out->column_count = n;
    return true;
}

static bool target_read(struct doc *d, const json_t *j, struct batch_target *out, struct err *e)
{
    out->warehouse = doc_str(d, j, "warehouse");
    out->scheme = doc_str(d, j, "scheme");
    out->table = doc_str(d, j, "table");
    out->output = doc_str(d, j, "output");
    out->mode = str_eq(doc_str(d, j, "mode"), STR("upsert")) ? SINK_UPSERT : SINK_APPEND;
    out->create = doc_bool(d, j, "create") ? SINK_CREATE_IF_ABSENT : SINK_CREATE_NEVER;
    if (json_object_get(j, "schema"))
        out->schema = (enum sink_schema)(doc_u64(d, j, "schema") & 3);
    out->spool = doc_str(d, j, "spool");
    out->rows = doc_u64(d, j, "rows");
    out->upserts = doc_u64(d, j, "upserts");
    out->deletes = doc_u64(d, j, "deletes");
    out->collapsed = doc_u64(d, j, "collapsed");
    out->rejected = json_object_get(j, "rejected") ? doc_u64(d, j, "rejected") : 0;
    out->bytes = doc_u64(d, j, "bytes");
    out->checksum = doc_hex(d, j, "checksum");
    out->rows_hash = doc_hex(d, j, "rows_hash");
    out->digest = doc_hex(d, j, "digest");
    out->prev_batch = doc_u64(d, j, "prev_batch");
    out->prev_digest = doc_hex(d, j, "prev_digest");
    out->beside = json_is_true(json_object_get(j, "beside"));
    out->slot = json_object_get(j, "slot") ? doc_u64(d, j, "slot") : 0;
    target_again_read(&out->again, d, j);
    out->whole = json_is_true(json_object_get(j, "whole"));
    out->skipped = json_is_true(json_object_get(j, "skipped"));
    return target_columns_read(d, j, out, e);
}

static json_t *topics_write(const struct batch_record *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->topic_count; i++) {
        const struct batch_topic *t = &r->topics[i];
        json_t *j = json_object();
        json_object_set_new(j, "topic", doc_new_str(t->topic));
        json_object_set_new(j, "output", doc_new_str(t->output));
        json_object_set_new(j, "spool", doc_new_str(t->spool));
        json_object_set_new(j, "rows", doc_new_u64(t->rows));
        json_object_set_new(j, "deletes", doc_new_u64(t->deletes));
        json_object_set_new(j, "bytes", doc_new_u64(t->bytes));
        json_object_set_new(j, "checksum", doc_new_hex(t->checksum));
        json_object_set_new(j, "rows_hash", doc_new_hex(t->rows_hash));
        json_array_append_new(list, j);
    }
    return list;
}

static void topics_read(struct batch_record *out, struct doc *d, const json_t *j)
{
    const json_t *list = json_object_get(j, "topics");
    out->marker_topic = out->marker_prev_topic = STR("");
    if (!list) // written before there were topic outputs, or by a job without any
        return;
    out->topic_count = json_array_size(list);
    out->topics = ARENA_ZARRAY(d->a, struct batch_topic, out->topic_count + 1);
    for (size_t i = 0; i < out->topic_count; i++) {
        const json_t *x = json_array_get(list, i);
        struct batch_topic *t = &out->topics[i];
        t->topic = doc_str(d, x, "topic");
        t->output = doc_str(d, x, "output");
        t->spool = doc_str(d, x, "spool");
        t->rows = doc_u64(d, x, "rows");
        t->deletes = doc_u64(d, x, "deletes");
        t->bytes = doc_u64(d, x, "bytes");
        t->checksum = doc_hex(d, x, "checksum");
        t->rows_hash = doc_hex(d, x, "rows_hash");
    }
    out->marker_topic = doc_str(d, j, "marker_topic");
    out->marker_prev_topic = doc_str(d, j, "marker_prev_topic");
    out->topics_digest = doc_hex(d, j, "topics_digest");
    out->topics_prev_batch = doc_u64(d, j, "topics_prev_batch");
    out->topics_prev_digest = doc_hex(d, j, "topics_prev_digest");
}

static json_t *counters_write(const struct batch_record *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->counter_count; i++) {
        const struct batch_counter *c = &r->counters[i];
        json_t *j = json_object();
        json_object_set_new(j, "operator", doc_new_str(c->name));
        json_object_set_new(j, "rows_in", doc_new_u64(c->rows_in));
        json_object_set_new(j, "rows_out", doc_new_u64(c->rows_out));
        json_object_set_new(j, "filter", doc_new_u64(c->filter));
        json_object_set_new(j, "late", doc_new_u64(c->late));
        json_object_set_new(j, "null_key", doc_new_u64(c->null_key));
        json_object_set_new(j, "expression_error", doc_new_u64(c->error));
        if (c->unmatched) // of joins alone
            json_object_set_new(j, "unmatched", doc_new_u64(c->unmatched));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *late_write(const struct batch_record *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->late_count; i++) {
        const struct batch_late *l = &r->late[i];
        json_t *j = json_object();
        json_object_set_new(j, "output", doc_new_str(l->output));
        json_object_set_new(j, "rows", doc_new_u64(l->rows));
        json_object_set_new(j, l->how == BATCH_LATE_LETTERS ? "dead_letters" : "dropped",
                            doc_new_u64(l->late));
        json_array_append_new(list, j);
    }
    return list;
}

static void late_read(struct batch_record *out, struct doc *d, const json_t *list)
{
    out->late_count = json_array_size(list);
    struct batch_late *v = ARENA_ZARRAY(d->a, struct batch_late, out->late_count + 1);
    for (size_t i = 0; i < out->late_count; i++) {
        const json_t *j = json_array_get(list, i);
        bool letters = json_object_get(j, "dead_letters") != NULL;
        v[i] = (struct batch_late){
            .output = doc_str(d, j, "output"),
            .rows = doc_u64(d, j, "rows"),
            .late = doc_u64(d, j, letters ? "dead_letters" : "dropped"),
            .how = letters ? BATCH_LATE_LETTERS : BATCH_LATE_DROPPED,
        };
    }
    out->late = v;
}

static json_t *position_write(const struct batch_position *p)
{
    json_t *j = json_object();
    json_object_set_new(j, "topic", doc_new_str(p->topic));
    json_object_set_new(j, "partition", json_integer(p->partition));
    json_object_set_new(j, "next", json_integer(p->next));
    return j;
}

static void positions_read(struct batch_record *out, struct doc *d, const json_t *list)
{
    out->position_count = json_array_size(list);
    out->positions = ARENA_ZARRAY(d->a, struct batch_position, out->position_count + 1);
    for (size_t i = 0; i < out->position_count; i++) {
        const json_t *p = json_array_get(list, i);
        out->positions[i] = (struct batch_position){
            doc_str(d, p, "topic"), (int32_t)doc_i64(d, p, "partition"), doc_i64(d, p, "next")};
    }
}

void record_write(struct buf *out, const struct batch_record *r)
{
    json_t *j = json_object();
    json_object_set_new(j, "batch", doc_new_u64(r->batch));
    json_object_set_new(j, "run", doc_new_u64(r->run));
    json_object_set_new(j, "kind", json_string(batch_kind_name(r->kind)));
    if (r->slot)
        json_object_set_new(j, "slot", doc_new_u64(r->slot));
    if (r->logged)
        json_object_set_new(j, "logged", json_true());
    json_object_set_new(j, "now", json_integer(r->now_ms));
    json_object_set_new(j, "code", doc_new_hex(r->code));
    json_object_set_new(j, "cluster", doc_new_str(r->cluster));
    json_object_set_new(j, "group", doc_new_str(r->group));
    json_object_set_new(j, "ranges", ranges_write(r->ranges, r->range_count));
    json_t *positions = json_array();
    for (size_t i = 0; i < r->position_count; i++)
        json_array_append_new(positions, position_write(&r->positions[i]));
    json_object_set_new(j, "positions", positions);
    json_object_set_new(j, "operators", counters_write(r));
    json_t *targets = json_array();
    for (size_t i = 0; i < r->target_count; i++)
        json_array_append_new(targets, target_write(&r->targets[i]));
    json_object_set_new(j, "targets", targets);
    if (r->topic_count) {
        json_object_set_new(j, "topics", topics_write(r));
        json_object_set_new(j, "marker_topic", doc_new_str(r->marker_topic));
        json_object_set_new(j, "marker_prev_topic", doc_new_str(r->marker_prev_topic));
        json_object_set_new(j, "topics_digest", doc_new_hex(r->topics_digest));
        json_object_set_new(j, "topics_prev_batch", doc_new_u64(r->topics_prev_batch));
        json_object_set_new(j, "topics_prev_digest", doc_new_hex(r->topics_prev_digest));
    }
    json_object_set_new(j, "manifest", doc_new_str(r->manifest));
    json_object_set_new(j, "lake_digest", doc_new_hex(r->lake_digest));
    json_object_set_new(j, "lake_prev_batch", doc_new_u64(r->lake_prev_batch));
    json_object_set_new(j, "lake_prev_digest", doc_new_hex(r->lake_prev_digest));
    json_object_set_new(j, "dead_file", doc_new_str(r->dead_file));
    json_object_set_new(j, "dead", doc_new_u64(r->dead));
    if (r->late_count)
        json_object_set_new(j, "late_partition", late_write(r));
    doc_print(out, j);
    json_decref(j);
}

static void ranges_read(struct batch_record *out, struct doc *d, const json_t *ranges)
{
    out->range_count = json_array_size(ranges);
    out->ranges = ARENA_ZARRAY(d->a, struct batch_range, out->range_count + 1);
    for (size_t i = 0; i < out->range_count; i++)
        range_read(d, json_array_get(ranges, i), &out->ranges[i]);
}

bool record_read_ranges(struct batch_record *out, struct arena *a, struct str json, struct err *e)
{
    json_t *j;
    struct str text = arena_printf(a, "{\"ranges\":%.*s}", STR_ARG(json));
    if (!doc_parse(&j, text, "source ranges", e))
        return false;
    struct doc d = {a, "source ranges", NULL};
    ranges_read(out, &d, doc_array(&d, j, "ranges"));
    json_decref(j);
    return doc_ok(&d, e);
}

static bool record_read_lists(struct batch_record *out, struct doc *d, const json_t *j,
                              struct err *e)
{
    ranges_read(out, d, doc_array(d, j, "ranges"));
    positions_read(out, d, json_object_get(j, "positions"));
    const json_t *targets = doc_array(d, j, "targets");
    out->target_count = json_array_size(targets);
    struct batch_target *t = ARENA_ZARRAY(d->a, struct batch_target, out->target_count + 1);
    out->targets = t;
    for (size_t i = 0; i < out->target_count; i++)
        if (!target_read(d, json_array_get(targets, i), &t[i], e))
            return false;
    topics_read(out, d, j);
    late_read(out, d, json_object_get(j, "late_partition"));
    const json_t *operators = doc_array(d, j, "operators");
    out->counter_count = json_array_size(operators);
    struct batch_counter *c = ARENA_ZARRAY(d->a, struct batch_counter, out->counter_count + 1);
    for (size_t i = 0; i < out->counter_count; i++) {
        const json_t *o = json_array_get(operators, i);
        c[i] = (struct batch_counter){doc_str(d, o, "operator"),
                                      doc_u64(d, o, "rows_in"),
                                      doc_u64(d, o, "rows_out"),
                                      doc_u64(d, o, "filter"),
                                      doc_u64(d, o, "late"),
                                      doc_u64(d, o, "null_key"),
                                      doc_u64(d, o, "expression_error"),
                                      json_object_get(o, "unmatched") ? doc_u64(d, o, "unmatched")
                                                                      : 0};
    }
    out->counters = c;
    return doc_ok(d, e);
}

bool record_read(struct batch_record *out, struct arena *a, struct str json, struct err *e)
{
    json_t *j;
    if (!doc_parse(&j, json, "batch record", e))
        return false;
    struct doc d = {a, "batch record", NULL};
    *out = (struct batch_record){0};
    out->batch = doc_u64(&d, j, "batch");
    out->run = doc_u64(&d, j, "run");
    out->slot = json_object_get(j, "slot") ? doc_u64(&d, j, "slot") : 0;
    out->kind = kind_read(doc_str(&d, j, "kind"));
    out->logged = json_is_true(json_object_get(j, "logged"));
    out->now_ms = doc_i64(&d, j, "now");
    out->code = doc_hex(&d, j, "code");
    out->cluster = doc_str(&d, j, "cluster");
    out->group = doc_str(&d, j, "group");
    out->manifest = doc_str(&d, j, "manifest");
    out->lake_digest = doc_hex(&d, j, "lake_digest");
    out->lake_prev_batch = doc_u64(&d, j, "lake_prev_batch");
    out->lake_prev_digest = doc_hex(&d, j, "lake_prev_digest");
    out->dead_file = doc_str(&d, j, "dead_file");
    out->dead = doc_u64(&d, j, "dead");
    bool ok = record_read_lists(out, &d, j, e);
    json_decref(j);
    return ok;
}
