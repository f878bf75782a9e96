#include "tests/support/source_reader.h"

#include "base/clock.h"
#include "base/hash.h"

#include <assert.h>

struct reader_range {
    int64_t position;
    bool ended;
};

static void hash_payload(struct hasher *h, struct payload p)
{
    int64_t n = p.p ? (int64_t)p.n : -1; // null is not empty
    hasher_add(h, &n, sizeof n);
    if (p.n)
        hasher_add(h, p.p, p.n);
}

uint64_t source_record_hash(const struct source_range *range, const struct source_record *r)
{
    struct hasher h;
    hasher_init(&h);
    hasher_add(&h, &range->topic, sizeof range->topic);
    hasher_add(&h, &range->partition, sizeof range->partition);
    hasher_add(&h, &r->offset, sizeof r->offset);
    hasher_add(&h, &r->timestamp, sizeof r->timestamp);
    hash_payload(&h, r->key);
    hash_payload(&h, r->value);
    for (uint32_t i = 0; i < r->header_count; i++) {
        hash_payload(&h, (struct payload){r->headers[i].key.p, r->headers[i].key.n});
        hash_payload(&h, r->headers[i].value);
    }
    return hasher_sum(&h);
}

static bool reader_batch(struct source_reading *io, const struct source_range *range,
                         struct reader_range *at, const struct source_batch *b, struct err *e)
{
    io->batches++;
    int64_t position = at->position;
    for (uint32_t i = 0; i < b->n; i++) {
        const struct source_record *r = &b->records[i];
        if (r->offset < position || r->offset >= range->end)
            return err_fail(e, ERR_BUG, "partition %d: offset %lld outside [%lld, %lld)",
                            (int)range->partition, (long long)r->offset, (long long)position,
                            (long long)range->end);
        position = r->offset + 1;
        io->records++;
        io->bytes += r->key.n + r->value.n;
        io->checksum += source_record_hash(range, r);
        if (io->each)
            io->each(io->arg, range, r);
    }
    if (b->next_offset < position || b->next_offset > range->end)
        return err_fail(e, ERR_BUG, "partition %d: next offset %lld outside [%lld, %lld]",
                        (int)range->partition, (long long)b->next_offset, (long long)position,
                        (long long)range->end);
    at->position = b->next_offset;
    return true;
}

// *progress: something came.
static bool reader_poll(struct source_reading *io, struct source *s,
                        const struct source_range *ranges, size_t i, struct reader_range *at,
                        bool *progress, struct err *e)
{
    struct source_batch b;
    io->polls++;
    enum source_poll what = s->type->poll(s, i, 20, &b, e);
    bool ok = true;
    *progress = what == POLL_BATCH || what == POLL_END || what == POLL_LOST;
    switch (what) {
    case POLL_BATCH:
        ok = reader_batch(io, &ranges[i], at, &b, e);
        break;
    case POLL_IDLE:
        if (b.next_offset < at->position)
            return err_fail(e, ERR_BUG, "the position went back while idle");
        at->position = b.next_offset;
        break;
    case POLL_END:
        at->ended = true;
        break;
    case POLL_LOST:
        if (b.next_offset <= at->position || b.next_offset > ranges[i].end)
            return err_fail(e, ERR_BUG, "lost up to %lld of [%lld, %lld)", (long long)b.next_offset,
                            (long long)at->position, (long long)ranges[i].end);
        io->lost += (uint64_t)(b.next_offset - at->position);
        at->position = b.next_offset;
        break;
    case POLL_FAILED:
        return false;
    }
    s->type->release(s, &b);
    return ok;
}

bool source_read(struct source_reading *io, struct source *s, const struct source_range *ranges,
                 size_t n, struct err *e)
{
    struct clock clock = clock_system();
    int64_t patience = io->patience_ms ? io->patience_ms : 20000;
    struct reader_range *at = mem_zalloc(mem_array_bytes(n + 1, sizeof *at));
    for (size_t i = 0; i < n; i++)
        at[i].position = ranges[i].start;
    int64_t last = clock.mono_ms(clock.arg);
    bool ok = s->type->assign(s, ranges, n, e);
    size_t open = n;
    while (ok && open > 0 && (!io->stop_after || io->records < io->stop_after)) {
        open = 0;
        for (size_t i = 0; ok && i < n; i++) {
            bool progress = false;
            if (at[i].ended)
                continue;
            ok = reader_poll(io, s, ranges, i, &at[i], &progress, e);
            open += !at[i].ended;
            int64_t now = clock.mono_ms(clock.arg);
            last = progress ? now : last;
            if (ok && now - last > patience)
                ok = err_fail(e, ERR_REMOTE, "partition %d: no record for %lld ms at offset %lld",
                              (int)ranges[i].partition, (long long)patience,
                              (long long)at[i].position);
        }
    }
    mem_free(at);
    return ok;
}

bool source_read_all(struct source_reading *io, struct source *s, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct source_partition *p;
    size_t n;
    bool ok = s->type->plan(s, a, &p, &n, e);
    if (ok) {
        struct source_range *r = ARENA_ZARRAY(a, struct source_range, n + 1);
        for (size_t i = 0; i < n; i++)
            r[i] = (struct source_range){p[i].topic, p[i].partition, p[i].log_start, p[i].end,
                                         p[i].log_start};
        ok = source_read(io, s, r, n, e);
    }
    arena_free(a);
    return ok;
}
