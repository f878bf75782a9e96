// Inside the keyed state: what groups.c (memory) and groups_store.c (the store) share.
#ifndef SQL_STATE_GROUPS_INTERNAL_H
#define SQL_STATE_GROUPS_INTERNAL_H

#include "sql/state/groups.h"

struct group_key {
    uint64_t hash;
    struct str bytes;
    struct group **windows; // ascending by window start
    uint32_t n, cap;
    uint32_t hint;  // of the window found last
    uint64_t batch; // in which it was last used
};

struct groups {
    struct groups_spec spec;
    struct arena *arena; // keys and groups
    struct group_key **table;
    size_t slots, count;
    size_t group_bytes;
    size_t bytes; // of keys and groups, heap parts of clean ones included at commit
    VEC(struct group *) dirty;
    size_t dirty_bytes;
    size_t dirty_heap, recount; // heap parts at the last count; credit towards the next one
    bool sorted;
    bool stored; // the store holds groups of this operator
    bool begun;
    uint64_t batch;
    int64_t stream_time, saved_time;
    int64_t expired; // of the last save
};

// groups_store.c: fills a new group from the store, when it is there.
bool groups_load(struct groups *s, struct group *g, struct err *e) ERR_CHECKED;

#endif
