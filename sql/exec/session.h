// The sessions of one key, disjoint and in order: what a group of a SESSION window holds. Each session has the states of all
// aggregates behind it. Heap memory owned by the group's state.
#ifndef SQL_EXEC_SESSION_H
#define SQL_EXEC_SESSION_H

#include "sql/exec/agg_states.h"

struct session {
    int64_t start, end; // of its first and last record
};
static inline void *session_states(struct session *s)
{
    return (char *)s + (sizeof *s + 15) / 16 * 16;
}

struct sessions {
    struct session **v;
    uint32_t n, cap;
    int64_t queued; // EMIT FINAL: under which time op_session's heap has the key, INT64_MAX = not
};
#define SESSIONS_BYTES ((sizeof(struct sessions) + 15) / 16 * 16)

extern const struct groups_type sessions_type; // ctx = the phys_node

struct session *session_new(const struct phys_node *n, int64_t start, int64_t end);
void session_free(const struct phys_node *n, struct session *s);
// The first session that ends at `time` or later.
uint32_t sessions_from(const struct sessions *s, int64_t time);
void sessions_insert(struct sessions *s, uint32_t at, struct session *one);
void sessions_remove(struct sessions *s, uint32_t from, uint32_t to); // [from, to): not freed

#endif
