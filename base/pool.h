// A fixed pool of worker threads running independent tasks. Results are taken in submission order, so output
// never depends on the number of threads: pool_submit() hands out tickets, pool_wait() blocks for one.
// With 0 threads tasks run inside pool_submit() on the caller. Submit and wait from one thread only.
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool;
struct pool_task { // embedded in the caller's task; owned by the caller until waited for
    void (*run)(struct pool_task *task);
    struct pool_task *next; // internal
    int state;              // internal
};

struct pool *pool_new(size_t threads);
void pool_free(struct pool *s); // waits for running tasks
void pool_submit(struct pool *s, struct pool_task *task);
void pool_wait(struct pool *s, struct pool_task *task);
size_t pool_threads(const struct pool *s);

#endif
