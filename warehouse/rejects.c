#include "warehouse/rejects.h"

#include "base/map.h"
#include "base/vec.h"
#include "schema/serde/serde.h"

#include <assert.h>
#include <stdio.h>

enum { SHOWN_MAX = 240 }; // bytes of a row in a message
enum { SPAN_SHIFT = 40 }; // rows of a batch; leaves 2^23 batches: the stores' numbers are signed

// Kept ones of a key are a chain; there is more than one only where somebody else wrote to the table.
struct owed {
    struct reject_place place;
    size_t next; // index + 1; 0 = none
    bool settled;
};

struct rejects {
    const struct sink_spec *spec;
    const struct encoder *row, *key; // key: NULL = rows are appended
    struct column *key_columns;      // of the block
    struct arena *a;                 // of the transaction
    struct buf text;
    struct reject_span span;
    uint64_t base, next;   // numbers of the block's first row, and of the one after it
    const struct block *b; // NULL = none yet; gone when the next one comes
    bool *gone;            // by row of the block; NULL = none
    struct map *owes;      // key text -> index in owed + 1
    const uint64_t *again; // numbers of the kept ones that the rows are; NULL = they are none
    size_t again_count;
    bool *there; // by again
    VEC(struct owed) owed;
    VEC(struct reject) taken;
    VEC(struct reject_place) settled;
    size_t bytes;
};

static void rejects_free(void *arg)
{
    struct rejects *r = arg;
    buf_fini(&r->text);
    vec_fini(&r->owed);
    vec_fini(&r->taken);
    vec_fini(&r->settled);
}

static bool encoder_of(const struct encoder **out, struct arena *a, struct serde_column *columns,
                       size_t count, struct err *e)
{
    const struct serde_spec json = {
        .format = SERDE_JSON, .columns = columns, .count = count, .wrapping = SERDE_WRAPPED};
    return encoder_new(out, a, &json, e);
}

// Of the block's columns, also those that the table has no place for.
static bool row_encoder(struct rejects *r, struct arena *a, struct err *e)
{
    const struct sink_spec *spec = r->spec;
    const size_t count = spec->count + spec->left_count;
    struct serde_column *columns = ARENA_ZARRAY(a, struct serde_column, count);
    for (size_t i = 0; i < count; i++)
        columns[spec->columns[i].at] =
            (struct serde_column){spec->columns[i].name, spec->columns[i].type};
    return encoder_of(&r->row, a, columns, count, e);
}

static bool key_encoder(struct rejects *r, struct arena *a, struct err *e)
{
    const struct sink_spec *spec = r->spec;
    struct serde_column *columns = ARENA_ZARRAY(a, struct serde_column, spec->count);
    size_t count = 0;
    if (spec->mode == SINK_APPEND)
        return true;
    r->key_columns = ARENA_ZARRAY(a, struct column, spec->count);
    for (size_t i = 0; i < spec->count; i++)
        if (spec->columns[i].key)
            columns[count++] = (struct serde_column){spec->columns[i].name, spec->columns[i].type};
    return encoder_of(&r->key, a, columns, count, e);
}

bool rejects_new(struct rejects **out, struct arena *a, const struct sink_spec *spec, struct err *e)
{
    struct rejects *r = ARENA_NEW(a, struct rejects);
    *out = r;
    r->spec = spec;
    r->a = arena_new(a);
    buf_init(&r->text, REJECTS_ROW_MAX);
    arena_on_free(a, rejects_free, r);
    return (row_encoder(r, a, e) && key_encoder(r, a, e)) ||
           err_wrap(e, "table %.*s", STR_ARG(spec->table));
}

void rejects_forgive(struct rejects *r)
{
    r->owed.n = 0;
    r->owes = NULL;
}

struct reject_span reject_span(uint64_t batch, uint64_t slot)
{
    if (slot == 0)
        return (struct reject_span){.batch = batch};
    return (struct reject_span){slot, batch << SPAN_SHIFT, (batch + 1) << SPAN_SHIFT};
}

void rejects_begin(struct rejects *r, struct reject_span span)
{
    arena_reset(r->a);
    rejects_forgive(r);
    r->taken.n = r->settled.n = 0;
    r->bytes = 0;
    r->span = span;
    r->base = r->next = span.from;
    r->b = NULL;
    r->gone = NULL;
    r->again = NULL;
    r->again_count = 0;
}

// Their keys settle nothing: each row stands for itself.
void rejects_again(struct rejects *r, const struct reject_set *set)
{
    rejects_begin(r, reject_span(set->batch, 0));
    r->again = set->seqs;
    r->again_count = set->count;
    r->there = ARENA_ZARRAY(r->a, bool, set->count + 1);
}

void rejects_there(struct rejects *r, uint64_t seq)
{
    size_t low = 0, high = r->again_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (r->again[middle] < seq)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < r->again_count && r->again[low] == seq)
        r->there[low] = true;
}

bool rejects_by_key(const struct rejects *r)
{
    return r->key != NULL;
}

void rejects_owe(struct rejects *r, struct reject_place place, struct str key)
{
    assert(r->key && !r->b);
    if (!r->owes)
        r->owes = map_new(r->a);
    bool added;
    uint64_t *first = map_put(r->owes, key, &added);
    const struct owed owed = {.place = place, .next = added ? 0 : *first};
    vec_push(&r->owed, owed);
    *first = r->owed.n;
}

static void leave_out(struct rejects *r, uint32_t row)
{
    if (!r->gone)
        r->gone = ARENA_ZARRAY(r->a, bool, r->b->rows);
    r->gone[row] = true;
}

void rejects_block(struct rejects *r, const struct block *b)
{
    r->base = r->next;
    r->next += b->rows;
    r->b = b;
    r->gone = NULL;
    for (size_t i = 0, n = 0; r->key && i < r->spec->count; i++)
        if (r->spec->columns[i].key)
            r->key_columns[n++] = b->columns[r->spec->columns[i].at];
    assert(!r->again || r->next <= r->again_count);
    for (uint32_t row = 0; r->again && row < b->rows; row++)
        if (!r->there[r->base + row])
            leave_out(r, row);
}

bool rejects_has(const struct rejects *r, uint32_t row)
{
    return r->gone && r->gone[row];
}

// --- texts -----------------------------------------------------------------------------------------

// A '?' as no encoder writes it: what has one is not written again (jobs/run/reject_rows.h).
#define NO_TEXT "\\u003f"

// A message may be cut inside a character, and what a store refuses may be no text: such bytes are shown as a question mark.
static struct str text_of(struct arena *a, struct str s, const char *mark)
{
    struct buf copy;
    buf_init(&copy, s.n * (sizeof NO_TEXT - 1) + 1);
    for (size_t i = 0; i < s.n;) {
        uint32_t c;
        const size_t used = utf8_decode(&c, s.p + i, s.n - i);
        if (used == 0 || c == 0)
            buf_text(&copy, mark);
        else
            buf_put(&copy, s.p + i, used);
        i += used ? used : 1;
    }
    const struct str text = arena_str(a, buf_view(&copy));
    buf_fini(&copy);
    return text;
}

// False: too long to be kept.
static bool encode(struct str *out, struct rejects *r, const struct encoder *encoder,
                   const struct column *columns, uint32_t row)
{
    buf_clear(&r->text);
    encoder_row(encoder, &r->text, columns, row);
    if (r->text.failed)
        return false;
    *out = text_of(r->a, buf_view(&r->text), NO_TEXT);
    return true;
}

static bool key_of(struct str *out, struct rejects *r, uint32_t row)
{
    *out = STR("");
    return !r->key || encode(out, r, r->key, r->key_columns, row);
}

// --- taking and settling ---------------------------------------------------------------------------

static void settle(struct rejects *r, struct str key)
{
    const uint64_t *first = r->owes ? map_get(r->owes, key) : NULL;
    for (size_t at = first ? *first : 0; at; at = r->owed.v[at - 1].next) {
        struct owed *o = &r->owed.v[at - 1];
        if (!o->settled)
            vec_push(&r->settled, o->place);
        o->settled = true;
    }
}

static bool wait(struct err *e, const char *why)
{
    return err_hint(
        e,
        "%s: the batch waits, decided; let the table take the rows, then run again; see "
        "the recovery handbook, \"rejected row\"",
        why);
}

static bool too_many(const struct rejects *r, struct err *e)
{
    char why[128];
    if (r->spec->rejects_max == 0)
        return wait(e, "rejects_max is 0");
    snprintf(why, sizeof why, "more than rejects_max: %llu rows of the batch are refused",
             (unsigned long long)r->spec->rejects_max);
    return wait(e, why);
}

// A kept one that is refused once more: no limit can be exceeded by it.
static bool take_again(struct rejects *r, uint32_t row, struct err *e)
{
    const struct reject reject = {
        .output = str_from(r->spec->output),
        .target = r->spec->table,
        .batch = r->span.batch,
        .seq = r->again[r->base + row],
        .error = text_of(r->a, str_from(e->text), "?"),
        .row = STR_NONE,
    };
    vec_push(&r->taken, reject);
    leave_out(r, row);
    err_clear(e);
    return true;
}

bool rejects_take(struct rejects *r, uint32_t row, struct err *e)
{
    const struct block *b = r->b;
    assert(e->kind == ERR_DATA && b && row < b->rows && !rejects_has(r, row));
    if (r->again)
        return take_again(r, row, e);
    if (r->taken.n >= r->spec->rejects_max)
        return too_many(r, e);
    if (r->owed.n + r->taken.n >= REJECTS_KEPT_MAX)
        return wait(e, SINK_REJECTS_TABLE " is full of this table's rows");
    struct reject reject = {
        .output = str_from(r->spec->output),
        .target = r->spec->table,
        .batch = r->span.batch,
        .seq = r->base + row,
        .row = STR_NONE,
    };
    const bool deleted = b->op && b->op[row] == OP_DELETE;
    if (!key_of(&reject.key, r, row) ||
        (!deleted && !encode(&reject.row, r, r->row, b->columns, row)) ||
        r->bytes + reject.row.n > REJECTS_BYTES_MAX)
        return wait(e, "the row is too large for " SINK_REJECTS_TABLE);
    reject.error = text_of(r->a, str_from(e->text), "?");
    r->bytes += reject.row.n;
    settle(r, reject.key); // the new one takes its place
    vec_push(&r->taken, reject);
    leave_out(r, row);
    err_clear(e);
    return true;
}

void rejects_describe(struct buf *out, struct rejects *r, uint32_t row)
{
    buf_clear(&r->text);
    encoder_row(r->row, &r->text, r->b->columns, row);
    const struct str text = buf_view(&r->text); // as far as it went
    const unsigned long long place = r->base + row - r->span.from + 1;
    buf_printf(out, "%llu of the batch, ", place);
    buf_str(out, text_of(r->a, str_slice(text, 0, text.n < SHOWN_MAX ? text.n : SHOWN_MAX), "?"));
    if (text.n > SHOWN_MAX)
        buf_text(out, "...");
}

void rejects_stored(struct rejects *r)
{
    struct str key;
    for (uint32_t row = 0; r->owes && row < r->b->rows; row++)
        if (!rejects_has(r, row) && key_of(&key, r, row))
            settle(r, key);
    for (uint32_t row = 0; r->again && row < r->b->rows; row++) {
        const struct reject_place place = {r->span.batch, r->again[r->base + row]};
        if (!rejects_has(r, row))
            vec_push(&r->settled, place);
    }
}

void rejects_leave_out(struct rejects *r)
{
    struct str key;
    for (uint32_t row = 0; r->owes && row < r->b->rows; row++)
        if (key_of(&key, r, row) && map_get(r->owes, key))
            leave_out(r, row);
}

size_t rejects_owed(const struct rejects *r)
{
    return r->owed.n;
}

uint64_t rejects_missing(const struct rejects *r)
{
    uint64_t n = r->taken.n;
    for (size_t i = 0; i < r->again_count; i++)
        n += !r->there[i];
    return n;
}

enum rejects_kind rejects_kind(const struct rejects *r)
{
    return r->again ? TAKEN_AGAIN : TAKEN_NEW;
}

struct reject_span rejects_span(const struct rejects *r)
{
    return r->span;
}

const struct reject *rejects_taken(const struct rejects *r, size_t *count)
{
    *count = r->taken.n;
    return r->taken.v;
}

const struct reject_place *rejects_settled(const struct rejects *r, size_t *count)
{
    *count = r->settled.n;
    return r->settled.v;
}
