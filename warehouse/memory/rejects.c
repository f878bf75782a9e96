#include "warehouse/memory/memory_internal.h"

#include <assert.h>

static int order(const struct memory_reject_row *x, const struct memory_reject_row *y)
{
    int c = strcmp(x->job, y->job);
    if (!c)
        c = (x->task > y->task) - (x->task < y->task);
    if (!c)
        c = strcmp(x->output, y->output);
    if (!c)
        c = strcmp(x->table, y->table);
    if (!c)
        c = (x->batch > y->batch) - (x->batch < y->batch);
    return c ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

bool memory_reject_of(const struct memory_reject_row *r, const struct sink_spec *spec)
{
    return r->task == spec->task && strcmp(r->job, spec->job) == 0 &&
           strcmp(r->output, spec->output) == 0 && str_eq(str_from(r->table), spec->table);
}

bool memory_reject_in(const struct memory_reject_row *r, struct reject_span span)
{
    return r->batch == span.batch && (span.from == 0 || (r->seq >= span.from && r->seq < span.to));
}

static char *text(struct str s)
{
    if (!s.p)
        return NULL;
    char *copy = mem_zalloc(s.n + 1);
    if (s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

static void insert(struct memory_warehouse *w, struct memory_reject_row row)
{
    vec_push(&w->rejects, row);
    size_t at = w->rejects.n - 1;
    for (; at > 0 && order(&row, &w->rejects.v[at - 1]) < 0; at--)
        w->rejects.v[at] = w->rejects.v[at - 1];
    assert(at == 0 || order(&row, &w->rejects.v[at - 1]) != 0); // the primary key
    w->rejects.v[at] = row;
}

void memory_reject_add(struct memory_warehouse *w, const struct sink_spec *spec,
                       const struct reject *r)
{
    insert(w, (struct memory_reject_row){
                  .job = mem_strdup(spec->job),
                  .task = spec->task,
                  .output = text(r->output),
                  .table = text(r->target),
                  .batch = r->batch,
                  .seq = r->seq,
                  .error = text(r->error),
                  .key = text(r->key),
                  .row = text(r->row),
              });
}

void memory_reject_change(struct memory_warehouse *w, const struct sink_spec *spec,
                          const struct reject *r)
{
    for (size_t i = 0; i < w->rejects.n; i++) {
        struct memory_reject_row *kept = &w->rejects.v[i];
        if (kept->batch != r->batch || kept->seq != r->seq || !memory_reject_of(kept, spec))
            continue;
        mem_free(kept->error);
        kept->error = text(r->error);
    }
}

static void row_fini(struct memory_reject_row *r)
{
    mem_free(r->job);
    mem_free(r->output);
    mem_free(r->table);
    mem_free(r->error);
    mem_free(r->key);
    mem_free(r->row);
}

void memory_reject_remove(struct memory_warehouse *w, size_t i)
{
    row_fini(&w->rejects.v[i]);
    memmove(&w->rejects.v[i], &w->rejects.v[i + 1], (w->rejects.n - i - 1) * sizeof *w->rejects.v);
    w->rejects.n--;
}

void memory_rejects_empty(struct memory_warehouse *w)
{
    for (size_t i = 0; i < w->rejects.n; i++)
        row_fini(&w->rejects.v[i]);
    vec_fini(&w->rejects);
}

void memory_rejects_copy(struct memory_warehouse *to, const struct memory_warehouse *from)
{
    for (size_t i = 0; i < from->rejects.n; i++) {
        struct memory_reject_row r = from->rejects.v[i];
        r.job = mem_strdup(r.job);
        r.output = mem_strdup(r.output);
        r.table = mem_strdup(r.table);
        r.error = mem_strdup(r.error);
        r.key = mem_strdup(r.key);
        r.row = r.row ? mem_strdup(r.row) : NULL;
        vec_push(&to->rejects, r);
    }
}

void memory_print_rejects(struct buf *out, const char *warehouse)
{
    const struct memory_warehouse *w = memory_warehouse_named(str_from(warehouse));
    for (size_t i = 0; i < w->rejects.n; i++) {
        const struct memory_reject_row *r = &w->rejects.v[i];
        buf_printf(out, "reject %s %u %s %s %llu %llu: %s %s: %s\n", r->job, r->task, r->output,
                   r->table, (unsigned long long)r->batch, (unsigned long long)r->seq, r->key,
                   r->row ? r->row : "deleted", r->error);
    }
}

bool memory_rejects_read(const struct warehouse_url *url, const struct rejects_query *q,
                         reject_fn *fn, void *arg, struct err *e)
{
    const struct memory_warehouse *w = memory_warehouse_named(url->path.n ? url->path : url->host);
    uint64_t left = q->limit;
    if (w->power == MEMORY_DOWN) {
        err_fail(e, ERR_REMOTE, "memory %s: connection refused", w->name);
        return err_remedy(e, REMEDY_RETRY_RUN);
    }
    for (size_t i = 0; i < w->rejects.n && left > 0; i++) {
        const struct memory_reject_row *r = &w->rejects.v[i];
        if (strcmp(r->job, q->job) != 0 || r->task != q->task ||
            (q->output && strcmp(r->output, q->output) != 0) ||
            (q->target && strcmp(r->table, q->target) != 0) ||
            (q->of.batch && !memory_reject_in(r, q->of)))
            continue;
        const struct reject given = {str_from(r->output),
                                     str_from(r->table),
                                     r->batch,
                                     r->seq,
                                     str_from(r->error),
                                     str_from(r->key),
                                     r->row ? str_from(r->row) : STR_NONE};
        left--;
        if (!fn(arg, &given, e))
            return false;
    }
    return true;
}
