// Rows of two streams with equal keys that lie at most `before` and `after` apart.
//
// As Kafka Streams has it (SEMANTICS 7): each side is kept by key, time and arrival, and forgets what is older than its own
// latest row by before + after + grace. A row of an outer side that finds nothing is padded with NULL at once when no grace is
// given; otherwise when its window has closed by the time of both sides: it waits among the pending rows until a match takes
// it out, or until a row that moves the time on finds it closed. A row that is already past its window does not wait.
//
// State (ordered): side, segment of time, key, time, seq -> row;  'P', time, side (right first), key, seq -> key, window, row.
#include "sql/exec/join.h"

#include "sql/state/ordered.h"

#include <assert.h>

#define SEGMENT_MS_MIN 60000
#define NO_TIME        INT64_MIN
#define NOTHING_WAITS  INT64_MAX

struct stream_stream {
    struct join join;
    struct ordered *rows;
    struct buf key, prefix, value, note;
    int64_t reach[2][2]; // of a row of a side: how far back and ahead the other side's may be
    int64_t retention, segment, grace;
    bool pads[2], delayed;
    int64_t time, side_time[2];
    int64_t waits_from; // no pending row is older; NOTHING_WAITS
    uint64_t last_seq;  // rows with equal seq are counted
    uint32_t sub;
};

static int64_t plus(int64_t x, int64_t y)
{
    int64_t sum;
    if (__builtin_add_overflow(x, y, &sum))
        return y > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

static int64_t floor_div(int64_t x, int64_t y)
{
    return x / y - (x % y < 0);
}

static bool stream_stream_open(struct op *o, struct err *e)
{
    assert(e && o->node->kind == PLAN_JOIN_STREAM_STREAM);
    const struct join_spec *j = &o->node->plan->join;
    struct stream_stream *s = ARENA_NEW(o->x->arena, struct stream_stream);
    const struct ordered_spec spec = {o->node->state_id, o->node->name.p, o->x->spec.kv,
                                      &o->x->read};
    join_init(&s->join, o, JOIN_LEFT_INPUT);
    s->rows = ordered_new(&spec);
    buf_init(&s->key, 4 * ORDERED_KEY_MAX);
    buf_init(&s->prefix, 4 * ORDERED_KEY_MAX);
    buf_init(&s->value, (size_t)1 << 30);
    buf_init(&s->note, 64);
    s->reach[0][0] = s->reach[1][1] = j->before_ms;
    s->reach[0][1] = s->reach[1][0] = j->after_ms;
    s->retention = phys_retention(j);
    s->segment = s->retention > SEGMENT_MS_MIN ? s->retention : SEGMENT_MS_MIN;
    s->pads[0] = j->kind == JOIN_LEFT || j->kind == JOIN_FULL;
    s->pads[1] = j->kind == JOIN_RIGHT || j->kind == JOIN_FULL;
    s->delayed = j->grace_ms >= 0 && (s->pads[0] || s->pads[1]);
    s->grace = j->grace_ms >= 0 ? j->grace_ms : 0;
    o->state = s;
    return true;
}

static bool stream_stream_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(e);
    join_push(&((struct stream_stream *)o->state)->join, input, b);
    return true;
}

// --- keys of the state ---------------------------------------------------------------------------

#define TAIL_BYTES 20 // time, seq, number

static void put_u64(struct buf *out, uint64_t v)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        buf_u8(out, (uint8_t)(v >> shift));
}

// In the order of the bytes.
static void put_i64(struct buf *out, int64_t v)
{
    put_u64(out, (uint64_t)v ^ UINT64_C(1) << 63);
}

static int64_t get_i64(const char *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | (uint8_t)p[i];
    return (int64_t)(v ^ UINT64_C(1) << 63);
}

static void put_seq(struct stream_stream *s, struct buf *out, uint64_t seq)
{
    put_u64(out, seq);
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_u8(out, (uint8_t)(s->sub >> shift));
}

static void put_side(struct buf *out, enum join_input side)
{
    buf_char(out, side == JOIN_LEFT_INPUT ? 'L' : 'R');
}

static void row_prefix(struct stream_stream *s, enum join_input side, int64_t segment,
                       struct str key)
{
    buf_clear(&s->prefix);
    put_side(&s->prefix, side);
    put_i64(&s->prefix, segment);
    ordered_part(&s->prefix, key);
}

static void pending_prefix(struct stream_stream *s, enum join_input side, int64_t time,
                           struct str key)
{
    buf_clear(&s->prefix);
    buf_char(&s->prefix, 'P');
    put_i64(&s->prefix, time);
    buf_u8(&s->prefix, side == JOIN_LEFT_INPUT);
    ordered_part(&s->prefix, key);
}

// --- pending rows --------------------------------------------------------------------------------

static bool wait(struct stream_stream *s, enum join_input side, uint32_t row, struct err *e)
{
    const struct block *b = s->join.side[side].rows;
    const struct str key = join_key(&s->join, side, row);
    struct str bytes;
    if (!join_encode(&bytes, &s->join, side, row, e))
        return false;
    pending_prefix(s, side, b->rowtime[row], key);
    put_seq(s, &s->prefix, b->seq[row]);
    buf_clear(&s->value);
    buf_varint(&s->value, key.n);
    buf_str(&s->value, key);
    const struct join_row out = join_result(&s->join, side, row);
    buf_le64(&s->value, (uint64_t)out.window_start);
    buf_le64(&s->value, (uint64_t)out.window_end);
    buf_str(&s->value, bytes);
    ordered_put(s->rows, buf_view(&s->prefix), buf_view(&s->value));
    if (b->rowtime[row] < s->waits_from)
        s->waits_from = b->rowtime[row];
    return buf_ok(&s->value, "row of a join", e);
}

// A row of `side` has found a match: it will not be padded.
static bool release(struct stream_stream *s, enum join_input side, int64_t time, struct str key,
                    struct err *e)
{
    struct ordered_scan *c;
    struct str found_key;
    struct str value;
    enum kv_found found;
    if (!s->delayed || !s->pads[side] || time < s->waits_from)
        return true;
    pending_prefix(s, side, time, key);
    if (!ordered_open(&c, s->rows, buf_view(&s->prefix), buf_view(&s->prefix), e))
        return false;
    while ((found = ordered_next(c, &found_key, &value, e)) == KV_FOUND)
        ordered_del(s->rows, found_key);
    ordered_close(c);
    return found == KV_ABSENT;
}

// cause: the result of the row that closed the window.
static bool pad_pending(struct stream_stream *s, enum join_input side, int64_t time,
                        const struct join_row *cause, struct str value, struct err *e)
{
    struct cursor in = {(const uint8_t *)value.p, (const uint8_t *)value.p + value.n};
    const uint8_t *key;
    uint64_t n;
    uint64_t start;
    uint64_t end;
    if (!cur_varint(&in, &n) || n > value.n || !cur_bytes(&in, &key, (size_t)n) ||
        !cur_le64(&in, &start) || !cur_le64(&in, &end))
        return err_fail(e, ERR_DATA, "stored state of %s is malformed", s->join.o->node->name.p);
    struct join_row out = {.ref = {JOIN_NONE, JOIN_NONE},
                           .seq = cause->seq,
                           .origin = cause->origin,
                           .rowtime = time,
                           .window_start = (int64_t)start,
                           .window_end = (int64_t)end};
    const struct str row = {(const char *)in.p, (size_t)(in.end - in.p)};
    out.key = join_stored_key(&s->join, (struct str){(const char *)key, (size_t)n});
    out.ref[side] = join_stored(&s->join, side, row);
    join_add(&s->join, &out);
    return join_emit_many(&s->join, e);
}

static bool is_closed(const struct stream_stream *s, enum join_input side, int64_t time)
{
    return plus(plus(time, s->reach[side][1]), s->grace) < s->time;
}

// All pending rows whose windows have closed, by (time, side, key).
static bool pad_closed(struct stream_stream *s, const struct join_row *cause, struct err *e)
{
    struct ordered_scan *c;
    struct str key;
    struct str value;
    enum kv_found found;
    if (s->waits_from == NOTHING_WAITS || !(is_closed(s, JOIN_LEFT_INPUT, s->waits_from) ||
                                            is_closed(s, JOIN_RIGHT_INPUT, s->waits_from)))
        return true;
    buf_clear(&s->key); // what was deleted lies in front of it
    buf_char(&s->key, 'P');
    put_i64(&s->key, s->waits_from);
    if (!ordered_open(&c, s->rows, STR("P"), buf_view(&s->key), e))
        return false;
    int64_t waits_from = NOTHING_WAITS;
    while ((found = ordered_next(c, &key, &value, e)) == KV_FOUND) {
        const int64_t time = get_i64(key.p + 1);
        const enum join_input side = key.p[9] ? JOIN_LEFT_INPUT : JOIN_RIGHT_INPUT;
        if (is_closed(s, side, time)) {
            if (!pad_pending(s, side, time, cause, value, e)) {
                found = KV_FAILED;
                break;
            }
            ordered_del(s->rows, key);
            continue;
        }
        if (time < waits_from)
            waits_from = time;
        if (!is_closed(s, (enum join_input) !side, time)) {
            found = KV_ABSENT; // and so are all after it
            break;
        }
    }
    ordered_close(c);
    s->waits_from = waits_from;
    return found == KV_ABSENT;
}

// --- matches -------------------------------------------------------------------------------------

struct probe {
    enum join_input side; // of the row that looks
    uint32_t row;
    int64_t from, to;
    uint32_t matches;
};

static bool add_match(struct stream_stream *s, struct probe *p, int64_t time, struct str bytes,
                      struct err *e)
{
    const enum join_input other = (enum join_input) !p->side;
    struct join_row out = join_result(&s->join, p->side, p->row);
    p->matches++;
    out.ref[p->side] = p->row;
    out.ref[other] = join_stored(&s->join, other, bytes);
    if (time > out.rowtime)
        out.rowtime = time;
    join_add(&s->join, &out);
    return release(s, other, time, join_key(&s->join, p->side, p->row), e) &&
           join_emit_many(&s->join, e);
}

static bool probe_segment(struct stream_stream *s, struct probe *p, int64_t segment, struct err *e)
{
    struct ordered_scan *c;
    struct str key;
    struct str value;
    enum kv_found found;
    row_prefix(s, (enum join_input) !p->side, segment, join_key(&s->join, p->side, p->row));
    buf_clear(&s->key);
    buf_str(&s->key, buf_view(&s->prefix));
    put_i64(&s->key, p->from);
    if (!ordered_open(&c, s->rows, buf_view(&s->prefix), buf_view(&s->key), e))
        return false;
    while ((found = ordered_next(c, &key, &value, e)) == KV_FOUND) {
        const int64_t time = get_i64(key.p + key.n - TAIL_BYTES);
        if (time > p->to) {
            found = KV_ABSENT;
            break;
        }
        if (!add_match(s, p, time, value, e)) {
            found = KV_FAILED;
            break;
        }
    }
    ordered_close(c);
    return found == KV_ABSENT;
}

static bool probe(struct stream_stream *s, struct probe *p, struct err *e)
{
    const int64_t latest = s->side_time[!p->side];
    if (latest == NO_TIME) // nothing there yet
        return true;
    if (p->from < plus(latest, 1 - s->retention))
        p->from = plus(latest, 1 - s->retention);
    int64_t to = p->to < latest ? p->to : latest;
    for (int64_t segment = floor_div(p->from, s->segment);
         p->from <= to && segment <= floor_div(to, s->segment); segment++)
        if (!probe_segment(s, p, segment, e))
            return false;
    return true;
}

static bool keep(struct op *o, enum join_input side, uint32_t row, struct err *e)
{
    struct stream_stream *s = o->state;
    const struct block *b = s->join.side[side].rows;
    const int64_t time = b->rowtime[row];
    struct str bytes;
    if (time > s->side_time[side])
        s->side_time[side] = time;
    if (time <= plus(s->side_time[side], -s->retention)) {
        o->counters.dropped_late++;
        return true;
    }
    if (!join_encode(&bytes, &s->join, side, row, e))
        return false;
    row_prefix(s, side, floor_div(time, s->segment), join_key(&s->join, side, row));
    put_i64(&s->prefix, time);
    put_seq(s, &s->prefix, b->seq[row]);
    ordered_put(s->rows, buf_view(&s->prefix), bytes);
    return true;
}

static bool pad_now(struct stream_stream *s, enum join_input side, uint32_t row, struct err *e)
{
    struct join_row out = join_result(&s->join, side, row);
    out.ref[side] = row;
    join_add(&s->join, &out);
    return join_emit_many(&s->join, e);
}

static bool run_row(struct op *o, enum join_input side, uint32_t row, struct err *e)
{
    struct stream_stream *s = o->state;
    const struct block *b = s->join.side[side].rows;
    const int64_t time = b->rowtime[row];
    struct probe p = {.side = side,
                      .row = row,
                      .from = plus(time, -s->reach[side][0]),
                      .to = plus(time, s->reach[side][1])};
    if (join_part(&s->join, side, row) == JOIN_PADDED) { // closes no windows, but time goes on
        s->time = time > s->time ? time : s->time;
        return pad_now(s, side, row, e);
    }
    s->sub = b->seq[row] == s->last_seq ? s->sub + 1 : 0;
    s->last_seq = b->seq[row];
    if (time >= s->time) {
        s->time = time;
        const struct join_row cause = join_result(&s->join, side, row);
        if (s->delayed && !pad_closed(s, &cause, e))
            return false;
    }
    if (!probe(s, &p, e))
        return false;
    if (!p.matches && s->pads[side] &&
        !(s->delayed && p.to >= s->time ? wait(s, side, row, e) : pad_now(s, side, row, e)))
        return false;
    return keep(o, side, row, e);
}

static bool stream_stream_flush(struct op *o, struct err *e)
{
    struct stream_stream *s = o->state;
    enum join_input side;
    uint32_t row;
    bool any;
    bool ok = join_open(&s->join, &any, e);
    while (ok && any && join_next(&s->join, &side, &row))
        ok = run_row(o, side, row, e);
    ok = ok && join_emit(&s->join, e);
    join_close(&s->join);
    return ok;
}

// --- batches -------------------------------------------------------------------------------------

static bool first_pending(struct stream_stream *s, struct err *e)
{
    struct ordered_scan *c;
    struct str key;
    struct str value;
    if (!ordered_open(&c, s->rows, STR("P"), STR("P"), e))
        return false;
    const enum kv_found found = ordered_next(c, &key, &value, e);
    s->waits_from = found == KV_FOUND ? get_i64(key.p + 1) : NOTHING_WAITS;
    ordered_close(c);
    return found != KV_FAILED;
}

static bool stream_stream_begin(struct op *o, struct err *e)
{
    struct stream_stream *s = o->state;
    struct str note;
    uint64_t times[3];
    if (!ordered_begin(s->rows, &note, e))
        return false;
    s->time = s->side_time[0] = s->side_time[1] = NO_TIME;
    if (note.n) {
        struct cursor in = {(const uint8_t *)note.p, (const uint8_t *)note.p + note.n};
        for (int i = 0; i < 3; i++)
            if (!cur_le64(&in, &times[i]))
                return err_fail(e, ERR_DATA, "stored stream time of %s is malformed",
                                o->node->name.p);
        s->time = (int64_t)times[0];
        s->side_time[0] = (int64_t)times[1];
        s->side_time[1] = (int64_t)times[2];
    }
    s->last_seq = UINT64_MAX;
    return !s->delayed || first_pending(s, e);
}

static void write_note(struct stream_stream *s)
{
    buf_clear(&s->note);
    buf_le64(&s->note, (uint64_t)s->time);
    buf_le64(&s->note, (uint64_t)s->side_time[0]);
    buf_le64(&s->note, (uint64_t)s->side_time[1]);
}

static bool stream_stream_save(struct op *o, struct kv_txn *t, struct err *e)
{
    struct stream_stream *s = o->state;
    write_note(s);
    if (!ordered_save(s->rows, t, buf_view(&s->note), e))
        return false;
    for (uint32_t i = 0; i < 2; i++) {
        if (s->side_time[i] == NO_TIME)
            continue;
        buf_clear(&s->key);
        put_side(&s->key, (enum join_input)i);
        buf_clear(&s->prefix);
        buf_str(&s->prefix, buf_view(&s->key));
        put_i64(&s->key, floor_div(plus(s->side_time[i], 1 - s->retention), s->segment));
        if (!ordered_expire(s->rows, t, buf_view(&s->prefix), buf_view(&s->key), e))
            return false;
    }
    return true;
}

static void stream_stream_committed(struct op *o)
{
    struct stream_stream *s = o->state;
    if (!o->x->spec.kv) {
        write_note(s);
        ordered_note(s->rows, buf_view(&s->note));
    }
    ordered_committed(s->rows);
}

static void stream_stream_rollback(struct op *o)
{
    struct stream_stream *s = o->state;
    join_close(&s->join);
    ordered_rollback(s->rows);
}

static size_t stream_stream_dirty_bytes(const struct op *o)
{
    return ordered_dirty_bytes(((const struct stream_stream *)o->state)->rows);
}

static void stream_stream_close(struct op *o)
{
    struct stream_stream *s = o->state;
    join_fini(&s->join);
    ordered_free(s->rows);
    buf_fini(&s->key);
    buf_fini(&s->prefix);
    buf_fini(&s->value);
    buf_fini(&s->note);
}

const struct op_type op_join_stream_stream = {
    .name = "join",
    .open = stream_stream_open,
    .push = stream_stream_push,
    .flush = stream_stream_flush,
    .begin = stream_stream_begin,
    .save = stream_stream_save,
    .committed = stream_stream_committed,
    .rollback = stream_stream_rollback,
    .dirty_bytes = stream_stream_dirty_bytes,
    .close = stream_stream_close,
};
