#include "sql/state/ordered.h"

#include "base/hash.h"

#include <assert.h>

#define LEVELS         20
#define NOTE_BYTES_MAX 4096
#define SHORT_PART_MAX 180 // longer ones: their beginning and a hash
#define LONG_PART_HEAD 160
#define STORE_OVERHEAD 96 // what the store adds to a dirty entry

// A skip list: levels come from the key's hash, so that the same keys always make the same list.
struct node {
    struct str key, value;
    bool deleted;
    unsigned levels;
    struct node *next[];
};

struct ordered {
    struct ordered_spec spec;
    struct arena *arena; // of the changes
    struct node *head;
    size_t dirty_bytes;
    bool stored, begun;
    struct buf note;
};

struct ordered_scan {
    struct ordered *s;
    struct buf prefix, from; // in the store's form
    struct kv_cursor *c;     // NULL: nothing in the store, or its end
    bool has_stored;
    struct str key, value; // the store's next
    const struct node *at;
};

static void reset(struct ordered *s)
{
    s->arena = arena_new(NULL);
    s->head = arena_zalloc(s->arena, sizeof *s->head + LEVELS * sizeof(struct node *));
    s->head->levels = LEVELS;
    s->dirty_bytes = 0;
}

struct ordered *ordered_new(const struct ordered_spec *spec)
{
    struct ordered *s = mem_zalloc(sizeof *s);
    s->spec = *spec;
    buf_init(&s->note, NOTE_BYTES_MAX);
    reset(s);
    return s;
}

void ordered_free(struct ordered *s)
{
    if (!s)
        return;
    arena_free(s->arena);
    buf_fini(&s->note);
    mem_free(s);
}

// --- keys ----------------------------------------------------------------------------------------

static void put_prefix(struct buf *out, const struct ordered *s, char kind)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        buf_u8(out, (uint8_t)(s->spec.id >> shift));
    buf_char(out, kind);
}

#define PREFIX_BYTES 9

void ordered_part(struct buf *out, struct str part)
{
    const bool cut = part.n > SHORT_PART_MAX;
    buf_u8(out, cut);
    buf_str(out, cut ? str_slice(part, 0, LONG_PART_HEAD) : part);
    if (!cut)
        return;
    buf_le64(out, hash_bytes(part.p, part.n, 1));
    buf_le64(out, hash_bytes(part.p, part.n, 2));
}

// --- the list ------------------------------------------------------------------------------------

static unsigned levels_of(struct str key)
{
    const uint64_t h = hash_bytes(key.p, key.n, 3);
    unsigned n = 1;
    while (n < LEVELS && (h >> (2 * n) & 3) == 0) // a quarter goes up
        n++;
    return n;
}

// The last node in front of key, on every level.
static void find(const struct ordered *s, struct str key, struct node **before)
{
    struct node *at = s->head;
    for (unsigned level = LEVELS; level-- > 0;) {
        while (at->next[level] && str_cmp(at->next[level]->key, key) < 0)
            at = at->next[level];
        before[level] = at;
    }
}

static struct node *touch(struct ordered *s, struct str key)
{
    struct node *before[LEVELS];
    assert(key.n && key.n <= ORDERED_KEY_MAX);
    find(s, key, before);
    struct node *n = before[0]->next[0];
    if (n && str_eq(n->key, key))
        return n;
    const unsigned levels = levels_of(key);
    n = arena_zalloc(s->arena, sizeof *n + levels * sizeof(struct node *));
    n->key = arena_str(s->arena, key);
    n->levels = levels;
    for (unsigned i = 0; i < levels; i++) {
        n->next[i] = before[i]->next[i];
        before[i]->next[i] = n;
    }
    s->dirty_bytes += sizeof *n + key.n + STORE_OVERHEAD;
    return n;
}

void ordered_put(struct ordered *s, struct str key, struct str value)
{
    struct node *n = touch(s, key);
    n->deleted = false;
    n->value = arena_str(s->arena, value);
    s->dirty_bytes += value.n;
}

void ordered_del(struct ordered *s, struct str key)
{
    struct node *n = touch(s, key);
    n->deleted = true;
    n->value = STR_NONE;
}

// --- scans ---------------------------------------------------------------------------------------

static bool next_stored(struct ordered_scan *c, struct err *e)
{
    c->has_stored = false;
    if (!c->c)
        return true;
    const enum kv_found found = kv_cursor_next(c->c, &c->key, &c->value, e);
    if (found == KV_FAILED)
        return false;
    if (found == KV_ABSENT) {
        kv_cursor_close(c->c);
        c->c = NULL;
        return true;
    }
    c->key = str_slice(c->key, PREFIX_BYTES, c->key.n);
    c->has_stored = true;
    return true;
}

static bool open_stored(struct ordered_scan *c, struct str prefix, struct str from, struct err *e)
{
    struct ordered *s = c->s;
    if (!s->stored)
        return true;
    if (!*s->spec.read && !kv_begin_read(s->spec.read, s->spec.kv, e))
        return false;
    put_prefix(&c->prefix, s, 'o');
    buf_str(&c->prefix, prefix);
    put_prefix(&c->from, s, 'o');
    buf_str(&c->from, from);
    return kv_cursor_open(&c->c, *s->spec.read, KV_STATE, buf_view(&c->prefix), buf_view(&c->from),
                          e) &&
           next_stored(c, e);
}

bool ordered_open(struct ordered_scan **out, struct ordered *s, struct str prefix, struct str from,
                  struct err *e)
{
    struct node *before[LEVELS];
    struct ordered_scan *c = mem_zalloc(sizeof *c);
    assert(str_starts(from, prefix));
    c->s = s;
    buf_init(&c->prefix, PREFIX_BYTES + 2 * ORDERED_KEY_MAX);
    buf_init(&c->from, PREFIX_BYTES + 2 * ORDERED_KEY_MAX);
    find(s, from, before);
    c->at = before[0]->next[0];
    if (!open_stored(c, prefix, from, e)) {
        ordered_close(c);
        return false;
    }
    if (!s->stored)
        buf_str(&c->prefix, prefix);
    *out = c;
    return true;
}

static struct str scan_prefix(const struct ordered_scan *c)
{
    const struct str v = buf_view(&c->prefix);
    return c->s->stored ? str_slice(v, PREFIX_BYTES, v.n) : v;
}

enum kv_found ordered_next(struct ordered_scan *c, struct str *key, struct str *value,
                           struct err *e)
{
    for (;;) {
        const struct node *n = c->at;
        if (n && !str_starts(n->key, scan_prefix(c)))
            n = NULL;
        if (!n && !c->has_stored)
            return KV_ABSENT;
        const int order = !n ? 1 : !c->has_stored ? -1 : str_cmp(n->key, c->key);
        if (order > 0) {
            *key = c->key;
            *value = c->value;
            return next_stored(c, e) ? KV_FOUND : KV_FAILED;
        }
        c->at = n->next[0];
        if (order == 0 && !next_stored(c, e)) // replaced
            return KV_FAILED;
        if (n->deleted)
            continue;
        *key = n->key;
        *value = n->value;
        return KV_FOUND;
    }
}

void ordered_close(struct ordered_scan *c)
{
    if (!c)
        return;
    kv_cursor_close(c->c);
    buf_fini(&c->prefix);
    buf_fini(&c->from);
    mem_free(c);
}

// --- batches -------------------------------------------------------------------------------------

bool ordered_begin(struct ordered *s, struct str *note, struct err *e)
{
    struct buf key;
    struct str value;
    *note = buf_view(&s->note);
    if (s->begun || !s->spec.kv) {
        s->begun = true;
        return true;
    }
    if (!*s->spec.read && !kv_begin_read(s->spec.read, s->spec.kv, e))
        return false;
    buf_init(&key, 64);
    put_prefix(&key, s, 'n');
    const enum kv_found found = kv_get(&value, *s->spec.read, KV_STATE, buf_view(&key), e);
    buf_fini(&key);
    if (found == KV_FAILED)
        return false;
    // written with the first entries, so its absence means that there are none
    s->stored = found == KV_FOUND;
    buf_clear(&s->note);
    if (s->stored)
        buf_str(&s->note, value);
    s->begun = true;
    *note = buf_view(&s->note);
    return buf_ok(&s->note, "note of an operator's state", e);
}

size_t ordered_dirty_bytes(const struct ordered *s)
{
    return s->spec.kv ? s->dirty_bytes : 0;
}

bool ordered_save(struct ordered *s, struct kv_txn *t, struct str note, struct err *e)
{
    struct buf key;
    assert(!*s->spec.read && s->spec.kv);
    buf_init(&key, PREFIX_BYTES + ORDERED_KEY_MAX);
    bool ok = true;
    for (const struct node *n = s->head->next[0]; ok && n; n = n->next[0]) {
        buf_clear(&key);
        put_prefix(&key, s, 'o');
        buf_str(&key, n->key);
        ok = n->deleted ? kv_del(t, KV_STATE, buf_view(&key), e)
                        : kv_put(t, KV_STATE, buf_view(&key), n->value, e);
    }
    buf_clear(&key);
    put_prefix(&key, s, 'n');
    ok = ok && kv_put(t, KV_STATE, buf_view(&key), note, e);
    buf_fini(&key);
    buf_clear(&s->note);
    buf_str(&s->note, note);
    return ok;
}

// First key with the prefix; KV_ABSENT when it is not in front of `upto`.
static enum kv_found first_expired(struct buf *out, struct kv_txn *t, struct str prefix,
                                   struct str upto, struct err *e)
{
    struct kv_cursor *c;
    struct str key;
    struct str value;
    if (!kv_cursor_open(&c, t, KV_STATE, prefix, prefix, e))
        return KV_FAILED;
    enum kv_found found = kv_cursor_next(c, &key, &value, e);
    if (found == KV_FOUND && str_cmp(key, upto) >= 0)
        found = KV_ABSENT;
    buf_clear(out);
    if (found == KV_FOUND) // the run that it belongs to
        buf_str(out, str_slice(key, 0, upto.n < key.n ? upto.n : key.n));
    kv_cursor_close(c);
    return found;
}

bool ordered_expire(struct ordered *s, struct kv_txn *t, struct str prefix, struct str upto,
                    struct err *e)
{
    struct buf from, to, run;
    enum kv_found found = KV_FOUND;
    bool ok = true;
    assert(str_starts(upto, prefix) && s->spec.kv);
    buf_init(&from, PREFIX_BYTES + ORDERED_KEY_MAX);
    buf_init(&to, PREFIX_BYTES + ORDERED_KEY_MAX);
    buf_init(&run, PREFIX_BYTES + ORDERED_KEY_MAX);
    put_prefix(&from, s, 'o');
    buf_str(&from, prefix);
    put_prefix(&to, s, 'o');
    buf_str(&to, upto);
    while (ok && found == KV_FOUND) {
        found = first_expired(&run, t, buf_view(&from), buf_view(&to), e);
        ok = found != KV_FAILED;
        if (found == KV_FOUND)
            ok = kv_del_prefix(t, KV_STATE, buf_view(&run), e);
    }
    buf_fini(&from);
    buf_fini(&to);
    buf_fini(&run);
    return ok;
}

void ordered_note(struct ordered *s, struct str note)
{
    assert(!s->spec.kv);
    buf_clear(&s->note);
    buf_str(&s->note, note);
}

void ordered_committed(struct ordered *s)
{
    if (!s->spec.kv)
        return;
    arena_free(s->arena);
    reset(s);
    s->stored = true;
}

void ordered_rollback(struct ordered *s)
{
    arena_free(s->arena);
    reset(s);
    s->begun = false; // the note may be ahead of nothing: read it again
    if (!s->spec.kv)
        buf_clear(&s->note);
}
