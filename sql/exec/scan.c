#include "sql/exec/scan.h"

#include "schema/serde/window_key.h"
#include "schema/text.h"

#include <assert.h>

void scan_side_run(struct scan_side *s, uint32_t column_count, struct arena *a, uint32_t n)
{
    s->result.stopped = false;
    s->result.status = arena_zalloc(a, n ? n : 1); // DECODE_OK
    s->result.reason = ARENA_ZARRAY(a, struct str, n ? n : 1);
    if (s->decoder) {
        decoder_run(s->decoder, s->columns, &s->result, a, s->payloads, n);
        return;
    }
    for (uint32_t i = 0; i < column_count; i++)
        for (uint32_t row = 0; row < n; row++)
            column_set_null(&s->columns[i], a, row, n);
    for (uint32_t row = 0; row < n; row++)
        if (!s->payloads[row].p)
            s->result.status[row] = DECODE_NULL;
}

static bool timestamp_value(int64_t *out, const struct column *c, uint32_t row,
                            const struct scan_time *how)
{
    if (c->type->kind != TYPE_STRING) {
        *out = c->type->kind == TYPE_INTEGER ? c->i32[row] : c->i64[row];
        return true;
    }
    return how->pattern ? time_pattern_parse(out, how->pattern, c->str[row], how->utc)
                        : text_parse_timestamp(out, c->str[row]);
}

bool scan_timestamp(int64_t *out, struct str *why, struct arena *a, const struct column *c,
                    uint32_t row, const struct scan_time *how)
{
    if (!column_is_valid(c, row)) {
        *why = STR("timestamp column is NULL");
        return false;
    }
    if (!timestamp_value(out, c, row, how)) {
        *why = arena_printf(a, "timestamp column: \"%.*s\" does not fit the format",
                            (int)(c->str[row].n < 64 ? c->str[row].n : 64), c->str[row].p);
        return false;
    }
    if (*out < 0) {
        *why = arena_printf(a, "timestamp %lld is negative", (long long)*out);
        return false;
    }
    return true;
}

struct scan {
    const struct phys_source *source;
    struct arena *a;
    const struct scan_record *records;
    uint32_t n;
    struct block *b;
    struct scan_side key, value;
    bool has_bad_time;
    uint32_t bad_time;  // the first record whose column gives no time
    uint8_t *no_window; // per record: a key too short for its window; NULL = keys have none
};

// Takes the windows off the keys.
static void scan_windows(struct scan *s, struct payload *keys)
{
    const bool session = s->source->window.kind == WINDOW_SESSION;
    s->no_window = arena_zalloc(s->a, s->n + 1);
    for (uint32_t i = 0; i < s->n; i++) {
        int64_t start = 0, end = 0;
        if (!keys[i].p)
            continue;
        s->no_window[i] = !window_key_take(&start, &end, &keys[i],
                                           session ? WINDOW_KEY_SESSION : WINDOW_KEY_TIME);
        s->b->window_start[i] = start;
        s->b->window_end[i] = session ? end : start + s->source->window.size_ms;
    }
}

static bool scan_decode(struct scan *s, struct err *e)
{
    const struct phys_source *p = s->source;
    struct payload *keys = ARENA_ARRAY(s->a, struct payload, s->n + 1);
    struct payload *values = ARENA_ARRAY(s->a, struct payload, s->n + 1);
    for (uint32_t i = 0; i < s->n; i++) {
        keys[i] = s->records[i].key;
        values[i] = s->records[i].value;
    }
    if (p->window.kind != WINDOW_NONE)
        scan_windows(s, keys);
    const uint32_t count = p->key_count + p->value_count;
    struct column *columns = ARENA_ARRAY(s->a, struct column, count + 1);
    for (uint32_t i = 0; i < count; i++)
        columns[i] = s->b->columns[p->place[i]];
    s->key = (struct scan_side){.decoder = p->key, .payloads = keys, .columns = columns};
    s->value = (struct scan_side){
        .decoder = p->value, .payloads = values, .columns = columns + p->key_count};
    s->key.result.e = s->value.result.e = e;
    scan_side_run(&s->key, p->key_count, s->a, s->n);
    if (!s->key.result.stopped)
        scan_side_run(&s->value, p->value_count, s->a, s->n);
    if (s->key.result.stopped || s->value.result.stopped)
        return err_wrap(e, "topic %.*s", STR_ARG(p->pub.topic));
    for (uint32_t i = 0; i < count; i++)
        s->b->columns[p->place[i]] = columns[i];
    return true;
}

// ARRAY<STRUCT<KEY STRING, VALUE BYTES>>; either field may have been pruned.
static void scan_headers(struct scan *s, struct column *out)
{
    const int key = type_field(out->type->fields[0].type, STR("KEY"));
    const int value = type_field(out->type->fields[0].type, STR("VALUE"));
    for (uint32_t row = 0; row < s->n; row++) {
        const struct scan_header *headers = s->records[row].headers;
        const uint32_t count = s->records[row].header_count;
        const uint32_t first = column_append_items(out, s->a, count);
        struct column *item = &out->children[0];
        out->offsets[row] = first;
        out->offsets[row + 1] = first + count;
        for (uint32_t i = 0; i < count; i++) {
            if (key >= 0)
                item->children[key].str[first + i] = headers[i].key;
            if (value < 0)
                continue;
            item->children[value].str[first + i] =
                (struct str){headers[i].value.p, headers[i].value.n};
            if (!headers[i].value.p)
                column_set_null(&item->children[value], s->a, first + i, item->cap);
        }
    }
}

// BYTES: the last header with this key.
static void scan_header(struct scan *s, struct column *out, struct str key)
{
    for (uint32_t row = 0; row < s->n; row++) {
        const struct scan_header *headers = s->records[row].headers;
        uint32_t i = s->records[row].header_count;
        while (i > 0 && !str_eq(headers[i - 1].key, key))
            i--;
        if (i == 0 || !headers[i - 1].value.p)
            column_set_null(out, s->a, row, s->n);
        else
            out->str[row] = (struct str){headers[i - 1].value.p, headers[i - 1].value.n};
    }
}

static enum decode_status bad_time(struct scan *s, uint32_t i)
{
    if (!s->has_bad_time)
        s->bad_time = i;
    s->has_bad_time = true;
    return DECODE_BAD;
}

// What becomes of record i; a bad key counts before the filter of the value.
static enum decode_status scan_status(struct scan *s, struct scan_result *out, uint32_t i)
{
    const struct phys_source *p = s->source;
    const struct decode_result *key = &s->key.result;
    const struct decode_result *value = &s->value.result;
    if (s->no_window && s->no_window[i]) {
        out->reason[i] = STR("key: too short for a windowed key");
        return DECODE_BAD;
    }
    if (key->status[i] == DECODE_BAD) {
        out->reason[i] = arena_printf(s->a, "key: %.*s", STR_ARG(key->reason[i]));
        return DECODE_BAD;
    }
    if (value->status[i] == DECODE_BAD) {
        out->reason[i] = value->reason[i];
        return DECODE_BAD;
    }
    if (value->status[i] == DECODE_FILTERED)
        return DECODE_FILTERED;
    s->b->rowtime[i] = s->records[i].timestamp;
    if (p->timestamp >= 0 && value->status[i] != DECODE_NULL) {
        if (!scan_timestamp(&s->b->rowtime[i], &out->reason[i], s->a, &s->b->columns[p->timestamp],
                            i, &(struct scan_time){p->pattern, p->utc}))
            return bad_time(s, i);
    } else if (s->b->rowtime[i] < 0) {
        out->reason[i] = STR("the record has no timestamp");
        return DECODE_BAD;
    }
    return (enum decode_status)value->status[i];
}

static void scan_count(struct scan_result *out, enum decode_status status)
{
    switch (status) {
    case DECODE_OK:
        out->ok++;
        return;
    case DECODE_NULL:
        out->null_values++;
        return;
    case DECODE_BAD:
        out->bad++;
        return;
    case DECODE_FILTERED:
        out->filtered++;
        return;
    }
    assert(!"decode status out of range");
}

static void scan_rows(struct scan *s, struct scan_result *out)
{
    uint32_t kept = 0;
    out->record = ARENA_ARRAY(s->a, uint32_t, s->n + 1);
    out->status = arena_alloc(s->a, s->n + 1);
    out->reason = ARENA_ZARRAY(s->a, struct str, s->n + 1);
    s->b->partition = ARENA_ARRAY(s->a, int32_t, s->n + 1);
    s->b->offset = ARENA_ARRAY(s->a, int64_t, s->n + 1);
    for (uint32_t i = 0; i < s->n; i++) {
        const enum decode_status status = scan_status(s, out, i);
        out->status[i] = (uint8_t)status;
        scan_count(out, status);
        s->b->partition[i] = s->records[i].partition;
        s->b->offset[i] = s->records[i].offset;
        if (status == DECODE_OK || status == DECODE_NULL)
            out->record[kept++] = i;
    }
    if (out->null_values) {
        s->b->null_value = arena_zalloc(s->a, s->n);
        for (uint32_t i = 0; i < s->n; i++)
            s->b->null_value[i] = out->status[i] == DECODE_NULL;
    }
    out->block = kept == s->n ? s->b : block_gather(s->a, s->b, out->record, kept);
    out->block->seq = NULL;
}

// NOLINTNEXTLINE(readability-function-size): records and their count, beside what every scan needs
bool scan_run(struct scan_result *out, const struct program *p, size_t source, struct arena *a,
              const struct scan_record *records, uint32_t n, struct err *e)
{
    assert(source < p->source_count && e);
    struct scan s = {.source = &p->sources[source], .a = a, .records = records, .n = n};
    *out = (struct scan_result){0};
    s.b = block_new(a, s.source->pub.schema, n);
    if (!scan_decode(&s, e))
        return false;
    for (uint32_t i = 0; i < s.source->header_count; i++) {
        const struct plan_header *h = &s.source->headers[i];
        if (h->key.p)
            scan_header(&s, &s.b->columns[h->column], h->key);
        else
            scan_headers(&s, &s.b->columns[h->column]);
    }
    scan_rows(&s, out);
    if (s.has_bad_time && s.source->pub.decl->timestamp_required)
        return err_fail(e, ERR_DATA,
                        "Fatal user code error in TimestampExtractor callback for record of topic "
                        "%.*s, partition %d, offset %lld: %.*s",
                        STR_ARG(s.source->pub.topic), (int)records[s.bad_time].partition,
                        (long long)records[s.bad_time].offset, STR_ARG(out->reason[s.bad_time]));
    return true;
}
