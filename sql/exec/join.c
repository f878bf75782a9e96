#include "sql/exec/join.h"

#include "base/hash.h"
#include "schema/rowcodec.h"
#include "sql/exec/pick.h"

#include <assert.h>

#define KEYS_MAX ((size_t)1 << 30)
#define ROW_MAX  ((size_t)1 << 30)

void join_init(struct join *s, struct op *o, enum join_input first)
{
    *s = (struct join){.o = o, .first = first, .window = 1, .epoch = 1};
    buf_init(&s->side[0].keys, KEYS_MAX);
    buf_init(&s->side[1].keys, KEYS_MAX);
    buf_init(&s->scratch, ROW_MAX);
}

void join_fini(struct join *s)
{
    for (uint32_t i = 0; i < 2; i++) {
        vec_fini(&s->side[i].blocks);
        vec_fini(&s->side[i].ends);
        vec_fini(&s->side[i].stored);
        buf_fini(&s->side[i].keys);
    }
    vec_fini(&s->stored_keys);
    vec_fini(&s->out);
    buf_fini(&s->scratch);
}

void join_push(struct join *s, uint32_t input, const struct block *b)
{
    assert(input < 2 && b->seq);
    vec_push(&s->side[input].blocks, b);
}

// --- one window ----------------------------------------------------------------------------------

static const struct phys_join *phys(const struct join *s)
{
    return s->o->node->join;
}

static bool any_key(const struct block *b, uint32_t row)
{
    for (uint32_t i = 0; i < b->schema->key_count; i++)
        if (column_is_valid(&b->columns[i], row))
            return true;
    return false;
}

// Streams only: rows of tables always have a key.
static bool is_outer(const struct join *s, enum join_input input)
{
    const struct plan_node *n = s->o->node->plan;
    const enum join_kind kind = n->join.kind;
    if (n->kind != PLAN_JOIN_STREAM_TABLE && n->kind != PLAN_JOIN_STREAM_STREAM)
        return false;
    return kind == JOIN_FULL || kind == (input == JOIN_LEFT_INPUT ? JOIN_LEFT : JOIN_RIGHT);
}

// Rows without a key find nothing, and stream rows without a value take no part.
static void mark_parts(struct join *s, enum join_input input)
{
    struct join_side *side = &s->side[input];
    const struct block *b = side->rows;
    const enum join_part keyless = is_outer(s, input) ? JOIN_PADDED : JOIN_NO_PART;
    side->part = arena_alloc(s->o->x->window, b->rows);
    for (uint32_t row = 0; row < b->rows; row++) {
        side->part[row] = (uint8_t)(any_key(b, row) ? JOIN_MATCHES : keyless);
        if (b->null_value && b->null_value[row])
            side->part[row] = JOIN_NO_PART;
        s->o->counters.dropped_null_key += side->part[row] == JOIN_NO_PART;
    }
}

static bool encode_keys(struct join *s, struct join_side *side, struct err *e)
{
    const struct block *b = side->rows;
    const bool session = s->o->node->plan->join.session;
    side->ends.n = 0;
    while (side->ends.n < b->rows)
        vec_push(&side->ends, 0);
    buf_clear(&side->keys);
    if (!b->window_start) {
        keycodec_encode_rows(&side->keys, side->ends.v, b->columns, b->schema->key_count, NULL,
                             b->rows);
        return buf_ok(&side->keys, "join keys of one window", e);
    }
    for (uint32_t row = 0; row < b->rows; row++) {
        keycodec_encode(&side->keys, b->columns, b->schema->key_count, row);
        keycodec_encode_i64(&side->keys, b->window_start[row]);
        if (session)
            keycodec_encode_i64(&side->keys, b->window_end[row]);
        side->ends.v[row] = side->keys.n;
    }
    return buf_ok(&side->keys, "join keys of one window", e);
}

static bool open_side(struct join *s, enum join_input input, struct err *e)
{
    struct join_side *side = &s->side[input];
    struct arena *a = s->o->x->window;
    side->at = 0;
    side->rows = NULL;
    if (!side->blocks.n)
        return true;
    side->rows =
        side->blocks.n == 1 ? side->blocks.v[0] : block_concat(a, side->blocks.v, side->blocks.n);
    const uint32_t count = phys(s)->count[input];
    side->columns = ARENA_ARRAY(a, struct column, count + 1);
    for (uint32_t i = 0; i < count; i++)
        side->columns[i] = side->rows->columns[phys(s)->from[input][i]];
    mark_parts(s, input);
    for (uint32_t row = 0; row < side->rows->rows; row++)
        if (side->rows->rowtime[row] > s->time[input])
            s->time[input] = side->rows->rowtime[row];
    return encode_keys(s, side, e);
}

bool join_open(struct join *s, bool *any, struct err *e)
{
    *any = s->side[0].blocks.n || s->side[1].blocks.n;
    s->window++;
    s->epoch++;
    return open_side(s, JOIN_LEFT_INPUT, e) && open_side(s, JOIN_RIGHT_INPUT, e);
}

// Behind what takes no part: -U rows (the join knows what it had) and rows without a key.
static bool skip(struct join_side *side)
{
    const struct block *b = side->rows;
    while (b && side->at < b->rows &&
           ((b->op && b->op[side->at] == OP_UPDATE_BEFORE) || side->part[side->at] == JOIN_NO_PART))
        side->at++;
    return b && side->at < b->rows;
}

bool join_next(struct join *s, enum join_input *input, uint32_t *row)
{
    struct join_side *left = &s->side[0], *right = &s->side[1];
    const bool has_left = skip(left), has_right = skip(right);
    if (!has_left && !has_right)
        return false;
    *input = has_left ? JOIN_LEFT_INPUT : JOIN_RIGHT_INPUT;
    if (has_left && has_right) {
        const uint64_t x = left->rows->seq[left->at], y = right->rows->seq[right->at];
        *input = x == y ? s->first : x < y ? JOIN_LEFT_INPUT : JOIN_RIGHT_INPUT;
    }
    *row = s->side[*input].at++;
    return true;
}

void join_close(struct join *s)
{
    for (uint32_t i = 0; i < 2; i++) {
        s->side[i].blocks.n = 0;
        s->side[i].stored.n = 0;
        s->side[i].rows = NULL;
    }
    s->stored_keys.n = 0;
    s->out.n = 0;
}

// --- rows and references -------------------------------------------------------------------------

struct str join_key(const struct join *s, enum join_input input, uint32_t row)
{
    const struct join_side *side = &s->side[input];
    const size_t start = row ? side->ends.v[row - 1] : 0;
    return (struct str){side->keys.p + start, side->ends.v[row] - start};
}

enum join_part join_part(const struct join *s, enum join_input input, uint32_t row)
{
    return (enum join_part)s->side[input].part[row];
}

bool join_is_delete(const struct join *s, enum join_input input, uint32_t row)
{
    const struct block *b = s->side[input].rows;
    return b->op && b->op[row] == OP_DELETE;
}

static uint32_t window_rows(const struct join *s, enum join_input input)
{
    return s->side[input].rows ? s->side[input].rows->rows : 0;
}

// Rows of a side whose keys are the result's: in a foreign-key join only the left ones.
static uint32_t key_rows(const struct join *s, enum join_input input)
{
    return input == JOIN_RIGHT_INPUT && s->o->node->kind == PLAN_JOIN_FOREIGN_KEY
               ? 0
               : window_rows(s, input);
}

uint32_t join_key_ref(const struct join *s, enum join_input input, uint32_t row)
{
    assert(row < key_rows(s, input));
    return row + (input == JOIN_RIGHT_INPUT ? key_rows(s, JOIN_LEFT_INPUT) : 0);
}

uint32_t join_stored_key(struct join *s, struct str key)
{
    vec_push(&s->stored_keys, arena_str(s->o->x->window, key));
    return key_rows(s, JOIN_LEFT_INPUT) + key_rows(s, JOIN_RIGHT_INPUT) +
           (uint32_t)s->stored_keys.n - 1;
}

uint32_t join_stored(struct join *s, enum join_input input, struct str bytes)
{
    vec_push(&s->side[input].stored, arena_str(s->o->x->window, bytes));
    return window_rows(s, input) + (uint32_t)s->side[input].stored.n - 1;
}

uint32_t join_slot(struct join *s, enum join_input input, struct row_slot *slot)
{
    if (!slot->present)
        return JOIN_NONE;
    if (slot->window == s->window)
        return slot->row;
    if (slot->epoch != s->epoch) {
        slot->epoch = s->epoch;
        slot->at = join_stored(s, input, row_slot_bytes(slot));
    }
    return slot->at;
}

bool join_encode(struct str *out, struct join *s, enum join_input input, uint32_t row,
                 struct err *e)
{
    buf_clear(&s->scratch);
    rowcodec_encode(&s->scratch, s->side[input].columns, phys(s)->count[input], row);
    *out = s->scratch.n ? buf_view(&s->scratch) : STR("");
    return buf_ok(&s->scratch, "row of a join", e);
}

bool join_set(struct join *s, enum join_input input, uint32_t row, const struct join_place *to,
              struct err *e)
{
    struct str bytes = STR_NONE;
    struct row_slot *slot = &row_slots(to->g)[to->slot];
    if (!join_is_delete(s, input, row) && !join_encode(&bytes, s, input, row, e))
        return false;
    row_slot_set(to->g, to->rows, to->slot, bytes, s->side[input].rows->rowtime[row]);
    slot->window = s->window;
    slot->row = row;
    slot->epoch = 0;
    return true;
}

// --- state by key --------------------------------------------------------------------------------

enum groups_shape join_shape(const struct phys_node *n)
{
    return n->schema->windowed ? GROUPS_WINDOWED : GROUPS_PLAIN;
}

bool join_group(struct group **out, struct join *s, struct groups *groups, enum join_input input,
                uint32_t row, struct err *e)
{
    const struct str key = join_key(s, input, row);
    const struct block *b = s->side[input].rows;
    return groups_get(out, groups, groups_key(groups, key, hash_bytes(key.p, key.n, 0)),
                      b->window_start ? b->window_start[row] : 0, e);
}

bool join_begin_groups(struct join *s, struct groups *groups, struct err *e)
{
    if (!groups_begin(groups, e))
        return false;
    if (!s->timed)
        s->time[0] = s->time[1] = *groups_stream_time(groups);
    s->timed = true;
    return true;
}

// A window is over when the slower side is past its end and grace.
bool join_save_groups(struct join *s, struct groups *groups, struct kv_txn *t, struct err *e)
{
    const int64_t time = s->time[0] < s->time[1] ? s->time[0] : s->time[1];
    const int64_t retention = phys(s)->retention;
    *groups_stream_time(groups) = time;
    return groups_save(
        groups, t, retention < 0 || time == GROUPS_NO_TIME ? INT64_MIN : time - retention + 1, e);
}

void join_rollback(struct join *s)
{
    join_close(s);
    s->timed = false; // read again what was saved
}

// --- results -------------------------------------------------------------------------------------

struct join_row join_result(const struct join *s, enum join_input input, uint32_t row)
{
    const struct block *b = s->side[input].rows;
    const int64_t size = s->o->node->plan->join.window_size_ms;
    const int64_t start = b->window_start ? b->window_start[row] : 0;
    return (struct join_row){
        .ref = {JOIN_NONE, JOIN_NONE},
        .key = row < key_rows(s, input) ? join_key_ref(s, input, row) : JOIN_NONE,
        .op = OP_INSERT,
        .seq = b->seq[row],
        .origin = b->origin ? b->origin[row] : 0,
        .rowtime = b->rowtime[row],
        .window_start = start,
        .window_end = size            ? start + size
                      : b->window_end ? b->window_end[row]
                                      : 0,
    };
}

void join_add(struct join *s, const struct join_row *row)
{
    vec_push(&s->out, *row);
}

// Decodes rows of the state side by side: columns[i] gets `n` rows.
static bool decode_rows(struct join *s, struct column *columns, uint32_t count,
                        const struct str *rows, uint32_t n, struct err *e)
{
    for (uint32_t i = 0; i < n; i++) {
        struct cursor in = {(const uint8_t *)rows[i].p, (const uint8_t *)rows[i].p + rows[i].n};
        if (!rowcodec_decode(columns, count, i, s->o->x->window, &in, e))
            return err_wrap(e, "stored row of %s", s->o->node->name.p);
    }
    return true;
}

// A column of window rows and one of stored rows as one column, gathered.
static void gather_both(struct column *out, struct join *s, const struct column *const *parts,
                        const uint32_t *rows, uint32_t part_count, const uint32_t *idx)
{
    struct arena *a = s->o->x->window;
    const struct column *some[3];
    uint32_t counts[3];
    uint32_t n = 0;
    uint32_t total = 0;
    for (uint32_t i = 0; i < part_count; i++) {
        if (!rows[i])
            continue;
        some[n] = parts[i];
        counts[n++] = rows[i];
        total += rows[i];
    }
    struct column all = *parts[part_count - 1]; // for its type, when there are no rows
    if (n == 1)
        all = *some[0];
    else if (n > 1)
        column_concat(&all, a, some, counts, n);
    pick_gather(out, a, &all, total, idx, (uint32_t)s->out.n);
}

static bool emit_side(struct join *s, struct block *out, enum join_input input, struct err *e)
{
    struct arena *a = s->o->x->window;
    const struct join_side *side = &s->side[input];
    const uint32_t count = phys(s)->count[input], n = (uint32_t)s->out.n;
    const uint32_t stored = (uint32_t)side->stored.n;
    const uint32_t first = out->schema->key_count + (input ? phys(s)->count[0] : 0);
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, n + 1);
    struct column *decoded = ARENA_ARRAY(a, struct column, count + 1);
    for (uint32_t i = 0; i < n; i++)
        idx[i] = s->out.v[i].ref[input];
    for (uint32_t i = 0; i < count; i++)
        column_init(&decoded[i], a, out->schema->columns[first + i].type, stored);
    if (!decode_rows(s, decoded, count, side->stored.v, stored, e))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct column *parts[2] = {side->rows ? &side->columns[i] : NULL, &decoded[i]};
        const uint32_t rows[2] = {window_rows(s, input), stored};
        gather_both(&out->columns[first + i], s, parts, rows, 2, idx);
    }
    return true;
}

static bool emit_keys(struct join *s, struct block *out, struct err *e)
{
    struct arena *a = s->o->x->window;
    const uint32_t count = out->schema->key_count, stored = (uint32_t)s->stored_keys.n;
    struct column *decoded = ARENA_ARRAY(a, struct column, count + 1);
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, s->out.n + 1);
    for (uint32_t i = 0; i < s->out.n; i++)
        idx[i] = s->out.v[i].key;
    for (uint32_t i = 0; i < count; i++)
        column_init(&decoded[i], a, out->schema->columns[i].type, stored);
    for (uint32_t i = 0; i < stored; i++) {
        const struct str key = s->stored_keys.v[i];
        struct cursor in = {(const uint8_t *)key.p, (const uint8_t *)key.p + key.n};
        if (!keycodec_decode(decoded, count, i, a, &in, e))
            return err_wrap(e, "stored key of %s", s->o->node->name.p);
    }
    const struct block *left = s->side[0].rows, *right = s->side[1].rows;
    for (uint32_t i = 0; i < count; i++) {
        const struct column *parts[3] = {left ? &left->columns[i] : NULL,
                                         key_rows(s, JOIN_RIGHT_INPUT) ? &right->columns[i] : NULL,
                                         &decoded[i]};
        const uint32_t rows[3] = {key_rows(s, JOIN_LEFT_INPUT), key_rows(s, JOIN_RIGHT_INPUT),
                                  stored};
        gather_both(&out->columns[i], s, parts, rows, 3, idx);
    }
    return true;
}

bool join_emit(struct join *s, struct err *e)
{
    struct arena *a = s->o->x->window;
    const struct phys_node *node = s->o->node;
    const uint32_t n = (uint32_t)s->out.n;
    if (n == 0)
        return true;
    struct block *out = ARENA_NEW(a, struct block);
    *out = (struct block){.schema = node->schema, .rows = n, .arena = a};
    out->columns = ARENA_ZARRAY(a, struct column, node->schema->count + 1);
    out->rowtime = ARENA_ARRAY(a, int64_t, n);
    out->seq = ARENA_ARRAY(a, uint64_t, n);
    out->origin = s->o->x->program->seeded ? ARENA_ARRAY(a, uint64_t, n) : NULL;
    out->op = node->table ? arena_alloc(a, n) : NULL;
    if (node->schema->windowed) {
        out->window_start = ARENA_ARRAY(a, int64_t, n);
        out->window_end = ARENA_ARRAY(a, int64_t, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct join_row *row = &s->out.v[i];
        out->rowtime[i] = row->rowtime;
        out->seq[i] = row->seq;
        if (out->origin)
            out->origin[i] = row->origin;
        if (out->op)
            out->op[i] = (uint8_t)row->op;
        if (out->window_start) {
            out->window_start[i] = row->window_start;
            out->window_end[i] = row->window_end;
        }
    }
    if (!emit_keys(s, out, e) || !emit_side(s, out, JOIN_LEFT_INPUT, e) ||
        !emit_side(s, out, JOIN_RIGHT_INPUT, e))
        return false;
    s->out.n = s->stored_keys.n = 0;
    s->side[0].stored.n = s->side[1].stored.n = 0;
    s->epoch++;
    op_origin_results(s->o, out);
    return op_emit(s->o, out, e);
}
