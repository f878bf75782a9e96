// A list of values that an aggregate keeps: the row codec's bytes of each, with a number beside it (a sequence number, a
// count) and, where the list is sorted, the key codec's bytes in front. Heap memory owned by the state.
#ifndef SQL_EXEC_AGG_ITEMS_H
#define SQL_EXEC_AGG_ITEMS_H

#include "sql/exec/agg_internal.h"

struct agg_item {
    char *p;        // owned: key_n bytes of sort key, then the value
    uint32_t n;     // of both
    uint32_t key_n; // 0 = not sorted
    uint64_t tag;
};

struct agg_items {
    struct agg_item *v;
    uint32_t n, cap;
    size_t bytes; // of all items
};

// Copies the bytes, whose first key_n are the sort key.
void agg_items_insert(struct agg_items *s, uint32_t at, struct str bytes, uint32_t key_n,
                      uint64_t tag);
// Drops the first item and appends this one, without a key.
void agg_items_shift(struct agg_items *s, struct str bytes, uint64_t tag);
void agg_items_remove(struct agg_items *s, uint32_t at);
void agg_items_clear(struct agg_items *s); // frees
size_t agg_items_heap(const struct agg_items *s);
static inline struct str agg_item_value(const struct agg_item *i)
{
    return (struct str){i->p + i->key_n, i->n - i->key_n};
}
static inline struct str agg_item_key(const struct agg_item *i)
{
    return (struct str){i->p, i->key_n};
}

void agg_items_save(struct buf *out, const struct agg_items *s);
// Values are checked to be `count` columns of the given types.
bool agg_items_load(struct agg_items *s, struct cursor *in, const struct type *const *types,
                    uint32_t count, struct err *e) ERR_CHECKED;
// Decodes value bytes into row `row` of the columns, from a copy in the arena.
void agg_decode(struct column *columns, uint32_t count, uint32_t row, struct arena *a,
                struct str bytes);
// All items as row `row` of an ARRAY column.
void agg_items_emit(const struct agg_items *s, struct column *out, uint32_t row, struct arena *a);
// Checks one value of `count` columns at the cursor and steps over it.
bool agg_check_value(struct str *out, struct cursor *in, const struct type *const *types,
                     uint32_t count, struct err *e) ERR_CHECKED;

#endif
