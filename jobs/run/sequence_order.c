#include "jobs/run/sequence_internal.h"

#include <assert.h>

// --- stripes ---------------------------------------------------------------------------------------------------------

// The first number of a record at this offset.
static uint64_t stripe_number(const struct sequence *s, const struct lane *l, int64_t offset)
{
    uint64_t at = (uint64_t)(offset - l->range->stripe_base);
    uint64_t stripe = at / SEQUENCE_STRIPE * s->spec.places + l->range->place;
    return s->spec.seq_base + (stripe * SEQUENCE_STRIPE + at % SEQUENCE_STRIPE) * s->source_count;
}

static void stripe_numbers(struct sequence *s, const struct lane *l, const struct chunk *c,
                           uint64_t *seq, size_t source)
{
    const struct scan_result *r = &c->scans[source];
    if (s->spec.numbers == SEQUENCE_PLACED) {
        for (uint32_t i = 0; i < r->block->rows; i++)
            seq[i] = stripe_number(s, l, c->records[r->record[i]].offset) + source;
        return;
    }
    for (uint32_t i = 0; i < r->block->rows; i++)
        seq[i] = s->seq + (uint64_t)r->record[i] * l->source_count + source;
}

static void stripe_places(struct sequence *s, const struct lane *l, const struct chunk *c)
{
    sequence_places(s, c->n);
    for (uint32_t i = 0; s->origins && i < c->n; i++)
        sequence_place(s, l, &c->records[i],
                       s->spec.numbers == SEQUENCE_PLACED
                           ? stripe_number(s, l, c->records[i].offset)
                           : s->seq + (uint64_t)i * l->source_count);
}

static void stripe_advance(struct sequence *s, const struct lane *l, const struct chunk *c)
{
    if (s->spec.numbers == SEQUENCE_RUNNING) {
        s->seq += (uint64_t)c->n * l->source_count;
        return;
    }
    uint64_t next = stripe_number(s, l, c->records[c->n - 1].offset) + s->source_count;
    s->seq = next > s->seq ? next : s->seq;
}

// One chunk is one window: the lowest (stripe, lane) of all lanes' heads.
enum sequence_step sequence_next_stripe(struct sequence *s, struct err *e)
{
    for (;;) {
        struct lane *best = NULL;
        for (size_t i = 0; i < s->lane_count; i++) {
            struct lane *l = &s->lanes[i];
            bool failed = false;
            struct chunk *c = lane_head(l, s, &failed, e);
            if (failed)
                return SEQUENCE_FAILED;
            if (c && (!best || c->stripe < best->head->stripe))
                best = l;
        }
        if (!best)
            return SEQUENCE_END;
        struct chunk *c = best->head;
        if (!chunk_consume(c, c->n, e))
            return SEQUENCE_FAILED;
        for (size_t k = 0; k < best->source_count; k++) {
            const struct scan_result *r = &c->scans[k];
            if (r->block->rows == 0)
                continue;
            uint64_t *seq = ARENA_ARRAY(c->a, uint64_t, r->block->rows);
            stripe_numbers(s, best, c, seq, k);
            r->block->seq = seq;
            const struct block **v = ARENA_ARRAY(s->window, const struct block *, 1);
            v[0] = r->block;
            s->inputs[best->sources[k]] = (struct block_list){v, 1};
        }
        stripe_places(s, best, c);
        stripe_advance(s, best, c);
        lane_retire(best, s);
        return SEQUENCE_WINDOW;
    }
}

// --- merge -----------------------------------------------------------------------------------------------------------

// Rows of one source in a window: chunk blocks to concatenate, row numbers in the concatenation, sequence numbers.
struct merge_input {
    const struct block **parts;
    uint32_t *bases;
    size_t part_count, part_cap;
    uint32_t part_rows;
    uint32_t *rows;
    uint64_t *seqs;
    uint32_t n;
};

// Makes the lane's head record known: skips records without rows, retires chunks. False on failure.
static bool merge_prepare(struct sequence *s, struct lane *l, struct err *e)
{
    l->ready = false;
    for (;;) {
        bool failed = false;
        struct chunk *c = lane_head(l, s, &failed, e);
        if (!c)
            return !failed;
        uint32_t at = chunk_next_row(c, &l->time);
        if (at < c->n) {
            l->ready = true;
            return true;
        }
        if (!chunk_consume(c, c->n, e))
            return false;
        lane_retire(l, s);
    }
}

// DESIGN section 3: (phase, timestamp, table side first, topic, partition); lanes are sorted by (topic, partition).
static bool merge_before(const struct lane *x, const struct lane *y)
{
    if (x->range->phase != y->range->phase)
        return x->range->phase < y->range->phase;
    if (x->time != y->time)
        return x->time < y->time;
    if (x->range->side != y->range->side)
        return x->range->side < y->range->side;
    return x->index < y->index;
}

static void merge_part(struct sequence *s, struct merge_input *in, struct chunk *c, size_t k)
{
    if (in->part_count == in->part_cap) {
        size_t cap = in->part_cap ? in->part_cap * 2 : 16;
        const struct block **parts = ARENA_ARRAY(s->window, const struct block *, cap);
        uint32_t *bases = ARENA_ARRAY(s->window, uint32_t, cap);
        if (in->part_count) {
            // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
            memcpy(parts, in->parts, in->part_count * sizeof *parts);
            memcpy(bases, in->bases, in->part_count * sizeof *bases);
        }
        in->parts = parts;
        in->bases = bases;
        in->part_cap = cap;
    }
    c->parts[k] = in->part_count;
    in->parts[in->part_count] = c->scans[k].block;
    in->bases[in->part_count++] = in->part_rows;
    in->part_rows += c->scans[k].block->rows;
}

// Takes the record `at` of the lane's head chunk into the window.
static void merge_take(struct sequence *s, struct merge_input *inputs, struct lane *l, uint32_t at)
{
    struct chunk *c = l->head;
    sequence_place(s, l, &c->records[at], s->seq);
    for (size_t k = 0; k < l->source_count; k++) {
        const struct scan_result *r = &c->scans[k];
        uint32_t row = c->cursors[k];
        if (row == r->block->rows || r->record[row] != at)
            continue;
        struct merge_input *in = &inputs[l->sources[k]];
        if (c->parts[k] == SIZE_MAX)
            merge_part(s, in, c, k);
        in->rows[in->n] = in->bases[c->parts[k]] + row;
        in->seqs[in->n++] = s->seq + k;
        c->cursors[k] = row + 1;
    }
    s->seq += l->source_count;
}

static void merge_seal(struct sequence *s, struct merge_input *inputs)
{
    for (size_t i = 0; i < s->source_count; i++) {
        struct merge_input *in = &inputs[i];
        if (in->n == 0)
            continue;
        const struct block *whole =
            in->part_count == 1 ? in->parts[0] : block_concat(s->window, in->parts, in->part_count);
        struct block *b = block_gather(s->window, whole, in->rows, in->n);
        b->seq = in->seqs;
        const struct block **v = ARENA_ARRAY(s->window, const struct block *, 1);
        v[0] = b;
        s->inputs[i] = (struct block_list){v, 1};
    }
}

static void merge_reset_parts(struct lane *l)
{
    for (struct chunk *c = l->head; c; c = c->next)
        for (size_t k = 0; k < l->source_count; k++)
            c->parts[k] = SIZE_MAX;
}

// The first lane and the one that must be reached before another comparison is needed.
static struct lane *merge_first(struct sequence *s, struct lane **second)
{
    struct lane *first = NULL;
    *second = NULL;
    for (size_t i = 0; i < s->lane_count; i++) {
        struct lane *l = &s->lanes[i];
        if (!l->ready)
            continue;
        if (!first || merge_before(l, first)) {
            *second = first;
            first = l;
        } else if (!*second || merge_before(l, *second)) {
            *second = l;
        }
    }
    return first;
}

// Consumes records of `l` while they come before `second`, until the window is full.
static bool merge_run(struct sequence *s, struct merge_input *inputs, struct lane *l,
                      const struct lane *second, uint32_t *room, struct err *e)
{
    while (*room > 0 && l->ready && (!second || merge_before(l, second))) {
        struct chunk *c = l->head;
        assert(c); // a lane that is ready has one
        uint32_t at = chunk_next_row(c, &l->time);
        merge_take(s, inputs, l, at);
        --*room;
        if (!chunk_consume(c, at + 1, e))
            return false;
        uint32_t next = chunk_next_row(c, &l->time);
        if (next < c->n)
            continue;
        // The chunk is used up: its tail of records without rows goes with it.
        if (!chunk_consume(c, c->n, e))
            return false;
        lane_retire(l, s);
        if (!merge_prepare(s, l, e))
            return false;
        if (l->head)
            for (size_t k = 0; k < l->source_count; k++)
                l->head->parts[k] = SIZE_MAX;
    }
    return true;
}

enum sequence_step sequence_next_merge(struct sequence *s, struct err *e)
{
    uint32_t room = s->spec.window ? s->spec.window : SEQUENCE_WINDOW_DEFAULT;
    struct merge_input *inputs = ARENA_ZARRAY(s->window, struct merge_input, s->source_count);
    for (size_t i = 0; i < s->source_count; i++) {
        inputs[i].rows = ARENA_ARRAY(s->window, uint32_t, room);
        inputs[i].seqs = ARENA_ARRAY(s->window, uint64_t, room);
    }
    for (size_t i = 0; i < s->lane_count; i++) {
        if (!merge_prepare(s, &s->lanes[i], e))
            return SEQUENCE_FAILED;
        merge_reset_parts(&s->lanes[i]);
    }
    uint32_t whole = room;
    sequence_places(s, room);
    while (room > 0) {
        struct lane *second, *first = merge_first(s, &second);
        if (!first)
            break;
        if (!merge_run(s, inputs, first, second, &room, e))
            return SEQUENCE_FAILED;
    }
    if (room == whole)
        return SEQUENCE_END;
    merge_seal(s, inputs);
    return SEQUENCE_WINDOW;
}
