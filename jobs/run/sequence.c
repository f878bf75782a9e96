#include "jobs/run/sequence.h"

#include "base/clock.h"
#include "base/hash.h"
#include "jobs/run/sequence_internal.h"

#include <assert.h>

uint64_t sequence_anchor_hash(const struct scan_record *r)
{
    // A null and an empty payload differ: the length is hashed, too, with null as all ones.
    uint64_t lengths[2] = {r->key.p ? r->key.n : UINT64_MAX, r->value.p ? r->value.n : UINT64_MAX};
    struct hasher h;
    hasher_init(&h);
    hasher_add(&h, lengths, sizeof lengths);
    hasher_add(&h, r->key.p, r->key.n);
    hasher_add(&h, r->value.p, r->value.n);
    return hasher_sum(&h);
}

static void holder_unref(struct sequence *s, struct holder *h)
{
    assert(h->refs > 0);
    if (--h->refs > 0)
        return;
    s->spec.source->type->release(s->spec.source, &h->batch);
    mem_free(h);
}

static void chunk_clear(struct sequence *s, struct chunk *c)
{
    if (!c->waited)
        pool_wait(s->spec.pool, &c->task);
    for (size_t i = 0; i < c->holder_count; i++)
        holder_unref(s, c->holders[i]);
    struct arena *a = c->a;
    arena_reset(a);
    *c = (struct chunk){.a = a, .s = s, .waited = true};
}

static struct chunk *chunk_new(struct sequence *s, struct lane *l)
{
    struct chunk *c = s->spare;
    if (c) {
        s->spare = c->next;
    } else {
        c = mem_zalloc(sizeof *c);
        c->a = arena_new(s->a);
    }
    struct arena *a = c->a;
    *c = (struct chunk){.a = a, .s = s, .lane = l, .waited = true};
    c->records = ARENA_ARRAY(a, struct scan_record, SEQUENCE_STRIPE);
    return c;
}

static void chunk_decode(struct pool_task *task)
{
    struct chunk *c = (struct chunk *)task;
    for (size_t i = 0; i < c->lane->source_count && !c->failed; i++)
        c->failed = !scan_run(&c->scans[i], c->s->spec.program, c->lane->sources[i], c->a,
                              c->records, c->n, &c->e);
}

static void chunk_submit(struct sequence *s, struct chunk *c)
{
    size_t n = c->lane->source_count;
    c->scans = ARENA_ZARRAY(c->a, struct scan_result, n);
    c->cursors = ARENA_ZARRAY(c->a, uint32_t, n);
    c->parts = ARENA_ARRAY(c->a, size_t, n);
    c->task.run = chunk_decode;
    c->waited = s->spec.pool == NULL;
    if (s->spec.pool)
        pool_submit(s->spec.pool, &c->task);
    else
        chunk_decode(&c->task);
}

static bool lane_fail_anchor(const struct lane *l, const char *what, struct err *e)
{
    const struct sequence_range *r = l->range;
    err_fail(e, ERR_BEHIND,
             "%.*s/%d: the record at offset %lld is not the one that was read before: %s",
             STR_ARG(r->topic_name), (int)r->partition, (long long)r->anchor_offset, what);
    return err_hint(e, "the topic was recreated or this is another cluster: see the recovery "
                       "handbook, \"anchor mismatch\"");
}

// The first record of a resumed range is the last one of the batch before; compacted or expired counts as unverified.
static bool lane_verify(struct lane *l, const struct source_record *r, bool *skip, struct err *e)
{
    l->verify = false;
    *skip = r->offset < l->range->read_from;
    if (r->offset != l->range->anchor_offset)
        return true;
    if (r->timestamp != l->range->anchor_timestamp)
        return lane_fail_anchor(l, "its timestamp differs", e);
    struct scan_record copy = {.key = r->key, .value = r->value};
    if (sequence_anchor_hash(&copy) != l->range->anchor_hash)
        return lane_fail_anchor(l, "its bytes differ", e);
    return true;
}

static bool lane_lost(struct lane *l, struct sequence *s, int64_t to, struct err *e)
{
    const struct sequence_range *r = l->range;
    int64_t from = l->raw_end > r->start ? l->raw_end : r->start;
    if (s->spec.loss == SEQUENCE_REFUSE_LOSS) {
        err_fail(e, ERR_DATA, "%.*s/%d: offsets %lld to %lld were deleted before they were read",
                 STR_ARG(r->topic_name), (int)r->partition, (long long)from, (long long)(to - 1));
        return err_hint(
            e, "retention is shorter than the schedule; accept_loss: true goes on without them");
    }
    if (to > from)
        l->counts.lost += (uint64_t)(to - from);
    l->raw_end = to;
    return true;
}

static bool sequence_patience(struct sequence *s, const struct lane *l, struct err *e)
{
    int64_t now = s->spec.clock->mono_ms(s->spec.clock->arg);
    if (s->spec.cancel && atomic_load(s->spec.cancel))
        return err_fail(e, ERR_CANCELLED, "stopped while reading");
    if (now - s->last_progress_ms <= s->spec.patience_ms)
        return true;
    err_fail(e, ERR_REMOTE,
             "%.*s/%d: no record below offset %lld arrived for %lld s (position %lld)",
             STR_ARG(l->range->topic_name), (int)l->range->partition, (long long)l->range->end,
             (long long)(s->spec.patience_ms / 1000), (long long)l->raw_end);
    return err_remedy(e, REMEDY_RETRY_RUN);
}

// One poll of the lane's range. Appends to the raw queue, or ends the lane.
static bool lane_poll(struct lane *l, struct sequence *s, struct err *e)
{
    struct source_batch b;
    switch (s->spec.source->type->poll(s->spec.source, l->index, SEQUENCE_POLL_MS, &b, e)) {
    case POLL_BATCH: {
        s->last_progress_ms = s->spec.clock->mono_ms(s->spec.clock->arg);
        struct holder *h = mem_zalloc(sizeof *h);
        *h = (struct holder){.batch = b, .refs = 1};
        if (l->raw_last)
            l->raw_last->next = h;
        else
            l->raw = h;
        l->raw_last = h;
        l->raw_end = b.next_offset;
        return true;
    }
    case POLL_IDLE:
        if (b.next_offset > l->raw_end)
            l->raw_end = b.next_offset;
        return sequence_patience(s, l, e);
    case POLL_END:
        l->raw_end = l->range->end;
        l->state = LANE_ENDED;
        return true;
    case POLL_LOST:
        return lane_lost(l, s, b.next_offset, e);
    case POLL_FAILED:
        return false;
    }
    return err_fail(e, ERR_BUG, "source answered outside its contract");
}

// The next undistributed record, or NULL when the raw queue is empty.
static const struct source_record *lane_peek(struct lane *l, struct sequence *s)
{
    while (l->raw && l->raw_at == l->raw->batch.n) {
        struct holder *h = l->raw;
        l->raw = h->next;
        if (!l->raw)
            l->raw_last = NULL;
        l->raw_at = 0;
        holder_unref(s, h);
    }
    return l->raw ? &l->raw->batch.records[l->raw_at] : NULL;
}

static void chunk_add(struct chunk *c, struct lane *l, const struct source_record *r)
{
    struct holder *h = l->raw;
    if (c->holder_count == 0 || c->holders[c->holder_count - 1] != h) {
        if ((c->holder_count & (c->holder_count - 1)) == 0) { // grows at powers of two
            struct holder **more =
                ARENA_ARRAY(c->a, struct holder *, c->holder_count ? c->holder_count * 2 : 1);
            if (c->holder_count)
                memcpy(more, c->holders, c->holder_count * sizeof(struct holder *));
            c->holders = more;
        }
        c->holders[c->holder_count++] = h;
        h->refs++;
    }
    c->records[c->n++] = (struct scan_record){
        .key = r->key,
        .value = r->value,
        .timestamp = r->timestamp,
        .offset = r->offset,
        .partition = l->range->partition,
        .headers = r->headers,
        .header_count = r->header_count,
    };
    c->bytes += r->key.n + r->value.n;
    l->raw_at++;
}

static int64_t lane_base(const struct lane *l, const struct sequence *s)
{
    return s->spec.numbers == SEQUENCE_PLACED ? l->range->stripe_base : l->range->start;
}

// Fills c with records of one stripe. True when it is complete; false: more must be read first, or *e.
static bool chunk_fill(struct chunk *c, struct lane *l, struct sequence *s, bool *failed,
                       struct err *e)
{
    const struct source_record *r;
    while ((r = lane_peek(l, s)) != NULL) {
        if (l->verify || r->offset < l->range->read_from) {
            bool skip = r->offset < l->range->read_from;
            if (l->verify && !lane_verify(l, r, &skip, e)) {
                *failed = true;
                return false;
            }
            if (skip) {
                l->raw_at++;
                continue;
            }
        }
        int64_t stripe = (r->offset - lane_base(l, s)) / SEQUENCE_STRIPE;
        if (c->n == 0)
            c->stripe = stripe;
        if (stripe != c->stripe) {
            c->end = l->range->start + (c->stripe + 1) * SEQUENCE_STRIPE;
            return true;
        }
        chunk_add(c, l, r);
        if (c->bytes >= s->chunk_bytes || c->n == SEQUENCE_STRIPE) {
            c->end = r->offset + 1;
            return true;
        }
    }
    int64_t stripe_end = lane_base(l, s) + (c->stripe + 1) * SEQUENCE_STRIPE;
    if (c->n > 0 && l->raw_end >= stripe_end) {
        c->end = stripe_end;
        return true;
    }
    c->end = l->range->end;
    return l->state == LANE_ENDED && c->n > 0;
}

// Reads and submits one more chunk. False with *failed unset: the range is at its end.
static bool lane_more(struct lane *l, struct sequence *s, bool *failed, struct err *e)
{
    struct chunk *c = chunk_new(s, l);
    while (!chunk_fill(c, l, s, failed, e)) {
        if (*failed || l->state == LANE_ENDED || !lane_poll(l, s, e)) {
            *failed = *failed || l->state != LANE_ENDED;
            chunk_clear(s, c);
            c->next = s->spare;
            s->spare = c;
            return false;
        }
    }
    if (c->end > l->range->end)
        c->end = l->range->end;
    l->fetched = c->end;
    if (l->tail)
        l->tail->next = c;
    else
        l->head = c;
    l->tail = c;
    l->chunk_count++;
    chunk_submit(s, c);
    return true;
}

struct chunk *lane_head(struct lane *l, struct sequence *s, bool *failed, struct err *e)
{
    while (l->chunk_count < s->depth)
        if (!lane_more(l, s, failed, e))
            break;
    if (*failed || !l->head)
        return NULL;
    struct chunk *c = l->head;
    if (!c->waited) {
        pool_wait(s->spec.pool, &c->task);
        c->waited = true;
    }
    if (c->failed) {
        *e = c->e;
        *failed = true;
        return NULL;
    }
    return c;
}

// Worst status of the record over the sources that read it.
static enum decode_status chunk_status(const struct chunk *c, uint32_t record, struct str *reason)
{
    enum decode_status worst = (enum decode_status)c->scans[0].status[record];
    for (size_t i = 0; i < c->lane->source_count; i++) {
        if (c->scans[i].status[record] == DECODE_BAD) {
            *reason = c->scans[i].reason[record];
            return DECODE_BAD;
        }
    }
    return worst;
}

bool chunk_consume(struct chunk *c, uint32_t upto, struct err *e)
{
    assert(upto <= c->n && upto >= c->next_record);
    struct lane *l = c->lane;
    struct sequence *s = c->s;
    for (; c->next_record < upto; c->next_record++) {
        const struct scan_record *r = &c->records[c->next_record];
        struct str reason = STR_NONE;
        s->records++;
        s->bytes += r->key.n + r->value.n;
        l->counts.delivered++;
        switch (chunk_status(c, c->next_record, &reason)) {
        case DECODE_OK:
            l->counts.decoded++;
            break;
        case DECODE_FILTERED:
            l->counts.decoded++;
            l->counts.filtered++;
            break;
        case DECODE_NULL:
            l->counts.null_values++;
            break;
        case DECODE_BAD:
            l->counts.dead++;
            if (!s->spec.dead(s->spec.dead_arg, l->range, r, reason, e))
                return false;
            break;
        }
    }
    if (c->next_record > 0) {
        // The anchor: the last consumed record, so far.
        const struct scan_record *r = &c->records[c->next_record - 1];
        l->position = r->offset + 1;
        l->counts.anchored = true;
        l->counts.anchor_offset = r->offset;
        l->counts.anchor_timestamp = r->timestamp;
        if (c->next_record == c->n)
            l->counts.anchor_hash = sequence_anchor_hash(r);
    }
    return true;
}

void lane_retire(struct lane *l, struct sequence *s)
{
    struct chunk *c = l->head;
    assert(c && c->next_record == c->n);
    l->head = c->next;
    if (!l->head)
        l->tail = NULL;
    l->chunk_count--;
    l->position = c->end;
    c->next = s->retired;
    s->retired = c;
}

uint32_t chunk_next_row(const struct chunk *c, int64_t *time)
{
    uint32_t best = c->n;
    for (size_t i = 0; i < c->lane->source_count; i++) {
        const struct scan_result *r = &c->scans[i];
        uint32_t row = c->cursors[i];
        if (row < r->block->rows && r->record[row] < best) {
            best = r->record[row];
            *time = r->block->rowtime[row];
        }
    }
    return best;
}

static void sequence_release(struct sequence *s)
{
    while (s->retired) {
        struct chunk *c = s->retired;
        s->retired = c->next;
        chunk_clear(s, c);
        c->next = s->spare;
        s->spare = c;
    }
    arena_reset(s->window);
}

void sequence_places(struct sequence *s, size_t n)
{
    if (s->spec.origins == SEQUENCE_ORIGINS)
        s->origins = ARENA_ARRAY(s->window, struct origin, n + 1);
}

void sequence_place(struct sequence *s, const struct lane *l, const struct scan_record *r,
                    uint64_t seq)
{
    if (s->spec.origins == SEQUENCE_ORIGINS)
        s->origins[s->origin_count++] = (struct origin){seq, l, r};
}

const struct scan_record *sequence_origin(const struct sequence *s, uint64_t seq,
                                          const struct sequence_range **range)
{
    size_t from = 0, to = s->origin_count; // the last one that is not above seq
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (s->origins[middle].seq <= seq)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == 0 || seq - s->origins[from - 1].seq >= s->source_count)
        return NULL;
    *range = s->origins[from - 1].lane->range;
    return s->origins[from - 1].record;
}

enum sequence_step sequence_next(struct sequence *s, const struct block_list **inputs,
                                 struct err *e)
{
    sequence_release(s);
    s->origin_count = 0;
    for (size_t i = 0; i < s->source_count; i++)
        s->inputs[i] = (struct block_list){NULL, 0};
    *inputs = s->inputs;
    return s->spec.order == SEQUENCE_MERGE ? sequence_next_merge(s, e) : sequence_next_stripe(s, e);
}

static void lane_open(struct sequence *s, struct lane *l, size_t index)
{
    const struct sequence_range *r = &s->spec.ranges[index];
    assert(r->start <= r->read_from && r->read_from <= r->end);
    *l = (struct lane){.range = r, .index = index, .fetched = r->read_from, .position = r->start};
    l->raw_end = r->read_from;
    l->verify = r->anchored;
    l->counts =
        (struct batch_range){.topic = r->topic_name, .partition = r->partition, .start = r->start};
    l->counts.lost = (uint64_t)(r->read_from - r->start);
    l->counts.anchored = r->anchored;
    l->counts.anchor_offset = r->anchor_offset;
    l->counts.anchor_timestamp = r->anchor_timestamp;
    l->counts.anchor_hash = r->anchor_hash;
    size_t *sources = ARENA_ARRAY(s->a, size_t, s->source_count);
    for (size_t i = 0; i < s->source_count; i++)
        if (str_eq(program_source(s->spec.program, i)->topic, r->topic_name))
            sources[l->source_count++] = i;
    l->sources = sources;
    assert(l->source_count > 0);
}

static bool sequence_assign(struct sequence *s, struct err *e)
{
    struct source_range *r = ARENA_ZARRAY(s->a, struct source_range, s->lane_count + 1);
    for (size_t i = 0; i < s->lane_count; i++) {
        const struct sequence_range *x = s->lanes[i].range;
        // Nothing new: not even the anchor is read.
        bool read = x->read_from < x->end;
        int64_t start = read && x->anchored && x->anchor_offset < x->read_from ? x->anchor_offset
                                                                               : x->read_from;
        int64_t resume = s->spec.anchors == SEQUENCE_COMPARE ? start : x->read_from;
        r[i] = (struct source_range){x->topic, x->partition, start, x->end, resume};
    }
    return s->spec.source->type->assign(s->spec.source, r, s->lane_count, e);
}

bool sequence_open(struct sequence **out, const struct sequence_spec *spec, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct sequence *s = ARENA_NEW(a, struct sequence);
    s->spec = *spec;
    s->a = a;
    s->window = arena_new(a);
    s->seq = spec->seq_base;
    s->source_count = program_source_count(spec->program);
    s->inputs = ARENA_ZARRAY(a, struct block_list, s->source_count + 1);
    s->lane_count = spec->range_count;
    s->lanes = ARENA_ZARRAY(a, struct lane, s->lane_count + 1);
    for (size_t i = 0; i < s->lane_count; i++)
        lane_open(s, &s->lanes[i], i);
    size_t share =
        s->lane_count ? (size_t)4 * SEQUENCE_CHUNK_BYTES / s->lane_count : SEQUENCE_CHUNK_BYTES;
    s->chunk_bytes = share > SEQUENCE_CHUNK_BYTES       ? SEQUENCE_CHUNK_BYTES
                     : share < SEQUENCE_CHUNK_BYTES_MIN ? SEQUENCE_CHUNK_BYTES_MIN
                                                        : share;
    s->depth = spec->pool && pool_threads(spec->pool) > 0 ? 2 : 1;
    s->last_progress_ms = spec->clock->mono_ms(spec->clock->arg);
    *out = s;
    if (sequence_assign(s, e))
        return true;
    sequence_close(s);
    *out = NULL;
    return false;
}

void sequence_finish(struct sequence *s, struct batch_range *out)
{
    for (size_t i = 0; i < s->lane_count; i++) {
        struct lane *l = &s->lanes[i];
        struct chunk *c = l->head;
        if (c && c->next_record > 0)
            l->counts.anchor_hash = sequence_anchor_hash(&c->records[c->next_record - 1]);
        // Read to its end, and everything consumed: the tail without records counts, too.
        if (!c && l->state == LANE_ENDED)
            l->position = l->range->end;
        out[i] = l->counts;
        out[i].end = l->position;
        if (out[i].end <
            l->range
                ->read_from) // nothing consumed: what was lost at the start is found again next time
            out[i].lost = 0, out[i].end = l->range->start;
        // A loss found beyond where the batch ended belongs to the next one.
        uint64_t span = (uint64_t)(out[i].end - out[i].start);
        if (out[i].lost > span - out[i].delivered)
            out[i].lost = span - out[i].delivered;
        out[i].absent = (uint64_t)(out[i].end - out[i].start) - out[i].delivered - out[i].lost;
    }
}

uint64_t sequence_records(const struct sequence *s)
{
    return s->records;
}

uint64_t sequence_next_number(const struct sequence *s)
{
    return s->seq;
}

uint64_t sequence_bytes(const struct sequence *s)
{
    return s->bytes;
}

void sequence_close(struct sequence *s)
{
    if (!s)
        return;
    sequence_release(s);
    for (size_t i = 0; i < s->lane_count; i++) {
        struct lane *l = &s->lanes[i];
        while (l->head) {
            struct chunk *c = l->head;
            l->head = c->next;
            chunk_clear(s, c);
            mem_free(c);
        }
        while (l->raw) {
            struct holder *h = l->raw;
            l->raw = h->next;
            holder_unref(s, h);
        }
    }
    while (s->spare) {
        struct chunk *c = s->spare;
        s->spare = c->next;
        mem_free(c);
    }
    arena_free(s->a);
}
