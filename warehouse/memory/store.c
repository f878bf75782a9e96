#include "warehouse/memory/memory_internal.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum { MEMORY_PUT_COLUMNS = 32 };

static struct {
    pthread_mutex_t lock;
    struct memory_warehouse *first;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

// --- warehouses -----------------------------------------------------------------------------------

static void table_free(struct memory_table *t)
{
    for (size_t i = 0; i < t->rows.n; i++)
        mem_free(t->rows.v[i].row);
    vec_fini(&t->rows);
    for (size_t i = 0; i < t->count; i++) {
        mem_free(t->columns[i].name);
        mem_free(t->columns[i].type);
    }
    mem_free(t->columns);
    mem_free(t->reject);
    mem_free(t->name);
    mem_free(t);
}

static void warehouse_empty(struct memory_warehouse *w)
{
    while (w->tables) {
        struct memory_table *t = w->tables;
        w->tables = t->next;
        table_free(t);
    }
    for (size_t i = 0; i < w->heads.n; i++) {
        mem_free(w->heads.v[i].job);
        mem_free(w->heads.v[i].output);
        mem_free(w->heads.v[i].table);
    }
    vec_fini(&w->heads);
    memory_rejects_empty(w);
}

struct memory_warehouse *memory_warehouse_named(struct str name)
{
    pthread_mutex_lock(&registry.lock);
    struct memory_warehouse *w = registry.first;
    while (w && !str_eq(str_from(w->name), name))
        w = w->next;
    if (!w) {
        w = mem_zalloc(sizeof *w);
        w->name = mem_zalloc(name.n + 1);
        if (name.n)
            memcpy(w->name, name.p, name.n);
        w->next = registry.first;
        registry.first = w;
    }
    pthread_mutex_unlock(&registry.lock);
    return w;
}

void memory_forget(const char *warehouse)
{
    pthread_mutex_lock(&registry.lock);
    struct memory_warehouse **at = &registry.first;
    while (*at) {
        struct memory_warehouse *w = *at;
        if (warehouse && strcmp(w->name, warehouse) != 0) {
            at = &w->next;
            continue;
        }
        assert(!w->owner);
        *at = w->next;
        warehouse_empty(w);
        mem_free(w->name);
        mem_free(w);
    }
    pthread_mutex_unlock(&registry.lock);
}

struct memory_table *memory_table_named(const struct memory_warehouse *w, struct str name)
{
    struct memory_table *t = w->tables;
    while (t && !str_eq_nocase(str_from(t->name), name))
        t = t->next;
    return t;
}

void memory_table_add(struct memory_warehouse *w, struct memory_table *t)
{
    struct memory_table **at = &w->tables;
    while (*at && strcmp((*at)->name, t->name) < 0)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
}

struct memory_row *memory_row_new(const struct str *cells, size_t count, uint64_t batch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += cells[i].n;
    struct memory_row *row =
        mem_alloc(sizeof *row + mem_array_bytes(count, sizeof *cells) + bytes + 1);
    row->batch = batch;
    row->count = count;
    char *p = (char *)(row->cells + count);
    for (size_t i = 0; i < count; i++) {
        row->cells[i] = (struct str){cells[i].p ? p : NULL, cells[i].n};
        if (cells[i].p)
            memcpy(p, cells[i].p, cells[i].n);
        p += cells[i].n;
    }
    return row;
}

static struct memory_table *table_copy(const struct memory_table *from)
{
    struct memory_table *t = mem_zalloc(sizeof *t);
    t->name = mem_strdup(from->name);
    t->mode = from->mode;
    t->count = from->count;
    t->columns = MEM_ARRAY(struct memory_column, from->count);
    for (size_t i = 0; i < from->count; i++) {
        t->columns[i] = (struct memory_column){.name = mem_strdup(from->columns[i].name),
                                               .type = mem_strdup(from->columns[i].type),
                                               .key = from->columns[i].key};
    }
    for (size_t i = 0; i < from->rows.n; i++) {
        const struct memory_row *r = from->rows.v[i].row;
        const struct memory_slot slot = {memory_row_new(r->cells, r->count, r->batch)};
        vec_push(&t->rows, slot);
    }
    return t;
}

void memory_copy(const char *to, const char *from)
{
    struct memory_warehouse *target = memory_warehouse_named(str_from(to));
    const struct memory_warehouse *source = memory_warehouse_named(str_from(from));
    assert(target != source && !target->owner);
    warehouse_empty(target);
    for (const struct memory_table *t = source->tables; t; t = t->next)
        memory_table_add(target, table_copy(t));
    for (size_t i = 0; i < source->heads.n; i++) {
        struct memory_head_row h = source->heads.v[i];
        h.job = mem_strdup(h.job);
        h.output = mem_strdup(h.output);
        h.table = mem_strdup(h.table);
        vec_push(&target->heads, h);
    }
    memory_rejects_copy(target, source);
}

void memory_fail(const char *warehouse, enum memory_call call, uint64_t nth,
                 enum memory_fault fault, enum err_remedy remedy)
{
    struct memory_warehouse *w = memory_warehouse_named(str_from(warehouse));
    w->faults[call] = (struct planned_fault){nth, fault, remedy};
}

void memory_power(const char *warehouse, enum memory_power power)
{
    memory_warehouse_named(str_from(warehouse))->power = power;
}

void memory_reject(const char *warehouse, const char *table, const char *key_text)
{
    struct memory_table *t =
        memory_table_named(memory_warehouse_named(str_from(warehouse)), str_from(table));
    assert(t);
    mem_free(t->reject);
    t->reject = *key_text ? mem_strdup(key_text) : NULL;
}

// --- looking in -----------------------------------------------------------------------------------

int memory_row_cmp(const struct memory_table *t, const struct memory_row *x,
                   const struct memory_row *y)
{
    for (size_t i = 0; i < t->count; i++) {
        const int c = t->columns[i].key ? str_cmp(x->cells[i], y->cells[i]) : 0;
        if (c)
            return c;
    }
    return 0;
}

enum print { PRINT_ALL, PRINT_KEY, PRINT_NAMED };

static void print_cells(struct buf *out, const struct memory_table *t, const struct memory_row *row,
                        enum print what)
{
    bool first = true;
    for (size_t i = 0; i < t->count; i++) {
        if (what == PRINT_KEY && !t->columns[i].key)
            continue;
        if (!first)
            buf_char(out, '|');
        first = false;
        if (what == PRINT_NAMED) {
            buf_text(out, t->columns[i].name);
            buf_char(out, '=');
        }
        if (row->cells[i].p)
            buf_str(out, row->cells[i]);
        else
            buf_text(out, "NULL");
    }
}

size_t memory_rows(const char *warehouse, const char *table)
{
    const struct memory_table *t =
        memory_table_named(memory_warehouse_named(str_from(warehouse)), str_from(table));
    return t ? t->rows.n : 0;
}

bool memory_has_table(const char *warehouse, const char *table)
{
    return memory_table_named(memory_warehouse_named(str_from(warehouse)), str_from(table)) != NULL;
}

bool memory_row_is(const struct memory_table *t, const struct memory_row *row, const char *text)
{
    struct buf key;
    buf_init(&key, MEMORY_TEXT_MAX);
    print_cells(&key, t, row, t->mode == SINK_APPEND ? PRINT_ALL : PRINT_KEY);
    const bool same = str_eq(buf_view(&key), str_from(text));
    buf_fini(&key);
    return same;
}

bool memory_get(struct buf *out, const char *warehouse, const char *table, const char *key_text)
{
    const struct memory_table *t =
        memory_table_named(memory_warehouse_named(str_from(warehouse)), str_from(table));
    for (size_t i = 0; t && i < t->rows.n; i++) {
        if (memory_row_is(t, t->rows.v[i].row, key_text)) {
            print_cells(out, t, t->rows.v[i].row, PRINT_NAMED);
            return true;
        }
    }
    return false;
}

bool memory_delete(const char *warehouse, const char *table, const char *key_text)
{
    struct memory_table *t =
        memory_table_named(memory_warehouse_named(str_from(warehouse)), str_from(table));
    for (size_t i = 0; t && i < t->rows.n; i++) {
        if (!memory_row_is(t, t->rows.v[i].row, key_text))
            continue;
        mem_free(t->rows.v[i].row);
        memmove(&t->rows.v[i], &t->rows.v[i + 1], (t->rows.n - i - 1) * sizeof *t->rows.v);
        t->rows.n--;
        return true;
    }
    return false;
}

// NULL: not as many as the table has columns.
static struct memory_row *row_of_line(const struct memory_table *t, const char *line,
                                      uint64_t batch)
{
    struct str rest = str_from(line), cells[MEMORY_PUT_COLUMNS];
    size_t n = 0;
    if (t->count > MEMORY_PUT_COLUMNS)
        return NULL;
    while (n < t->count && str_split_once(&cells[n], &rest, rest, '|'))
        n++;
    if (n + 1 != t->count)
        return NULL;
    cells[n++] = rest;
    for (size_t i = 0; i < n; i++)
        if (str_eq(cells[i], STR("NULL")))
            cells[i] = STR_NONE;
    return memory_row_new(cells, n, batch);
}

bool memory_put(const char *warehouse, const char *table, const char *line)
{
    struct memory_table *t =
        memory_table_named(memory_warehouse_named(str_from(warehouse)), str_from(table));
    struct memory_row *row = t ? row_of_line(t, line, 0) : NULL;
    size_t at = 0;
    if (!row)
        return false;
    while (at < t->rows.n && memory_row_cmp(t, t->rows.v[at].row, row) < 0)
        at++;
    if (at < t->rows.n && memory_row_cmp(t, t->rows.v[at].row, row) == 0) {
        mem_free(t->rows.v[at].row);
        t->rows.v[at].row = row;
        return true;
    }
    const struct memory_slot last = {row};
    vec_push(&t->rows, last);
    memmove(&t->rows.v[at + 1], &t->rows.v[at], (t->rows.n - 1 - at) * sizeof *t->rows.v);
    t->rows.v[at].row = row;
    return true;
}

bool memory_change(const char *warehouse, const char *table, const char *key_text, const char *line)
{
    struct memory_table *t =
        memory_table_named(memory_warehouse_named(str_from(warehouse)), str_from(table));
    for (size_t i = 0; t && i < t->rows.n; i++) {
        struct memory_row *old = t->rows.v[i].row;
        struct memory_row *row =
            memory_row_is(t, old, key_text) ? row_of_line(t, line, old->batch) : NULL;
        if (!row)
            continue;
        mem_free(old);
        t->rows.v[i].row = row;
        return true;
    }
    return false;
}

static void compare_note(struct sink_differences *out, enum sink_difference kind,
                         const struct memory_table *t, const struct memory_row *row)
{
    if (out->rows[kind]++ > 0)
        return;
    struct buf text;
    buf_init(&text, MEMORY_TEXT_MAX);
    for (size_t i = 0; i < t->count; i++)
        if (t->mode == SINK_APPEND && !row->cells[i].p)
            buf_printf(&text, "%s%s=NULL", text.n ? ", " : "", t->columns[i].name);
        else if (t->columns[i].key || t->mode == SINK_APPEND)
            buf_printf(&text, "%s%s='%.*s'", text.n ? ", " : "", t->columns[i].name,
                       STR_ARG(row->cells[i]));
    const struct str cut = str_slice(buf_view(&text), 0, sizeof out->first[kind] - 1);
    memcpy(out->first[kind], cut.p, cut.n);
    buf_fini(&text);
}

static bool compare_same(const struct memory_row *x, const struct memory_row *y)
{
    for (size_t i = 0; i < x->count; i++) {
        const struct str c = x->cells[i], d = y->cells[i];
        if (!c.p || !d.p ? c.p != d.p : !str_eq(c, d))
            return false;
    }
    return true;
}

void memory_table_compare(struct sink_differences *out, const struct memory_table *t,
                          struct memory_row *const *want, size_t count)
{
    size_t at = 0;
    *out = (struct sink_differences){0};
    for (size_t i = 0; i < count; i++) {
        while (at < t->rows.n && memory_row_cmp(t, t->rows.v[at].row, want[i]) < 0)
            compare_note(out, SINK_EXTRA, t, t->rows.v[at++].row);
        if (at == t->rows.n || memory_row_cmp(t, t->rows.v[at].row, want[i]) != 0)
            compare_note(out, SINK_MISSING, t, want[i]);
        else if (!compare_same(t->rows.v[at++].row, want[i]))
            compare_note(out, SINK_CHANGED, t, want[i]);
    }
    while (at < t->rows.n)
        compare_note(out, SINK_EXTRA, t, t->rows.v[at++].row);
}

static int compare_cells(const void *x, const void *y)
{
    const struct memory_row *const *p = x, *const *q = y;
    for (size_t i = 0; i < (*p)->count; i++) {
        const struct str c = (*p)->cells[i], d = (*q)->cells[i];
        const int order = !c.p || !d.p ? (c.p != NULL) - (d.p != NULL) : str_cmp(c, d);
        if (order)
            return order;
    }
    return 0;
}

void memory_table_compare_batch(struct sink_differences *out, const struct memory_table *t,
                                uint64_t batch, struct memory_row **want, size_t count)
{
    VEC(const struct memory_row *) held = {0};
    size_t at = 0;
    *out = (struct sink_differences){0};
    for (size_t i = 0; i < t->rows.n; i++)
        if (t->rows.v[i].row->batch == batch)
            vec_push(&held, t->rows.v[i].row);
    if (held.n)
        // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
        qsort(held.v, held.n, sizeof *held.v, compare_cells);
    if (count)
        // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
        qsort(want, count, sizeof *want, compare_cells);
    for (size_t i = 0; i < count; i++) {
        const struct memory_row *const wanted = want[i];
        while (at < held.n && compare_cells(&held.v[at], &wanted) < 0)
            compare_note(out, SINK_EXTRA, t, held.v[at++]);
        if (at < held.n && compare_cells(&held.v[at], &wanted) == 0)
            at++;
        else
            compare_note(out, SINK_MISSING, t, wanted);
    }
    while (at < held.n)
        compare_note(out, SINK_EXTRA, t, held.v[at++]);
    vec_fini(&held);
}

bool memory_drop(const char *warehouse, const char *table)
{
    struct memory_warehouse *w = memory_warehouse_named(str_from(warehouse));
    struct memory_table *t = memory_table_named(w, str_from(table)), **at = &w->tables;
    if (!t)
        return false;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    table_free(t);
    return true;
}

static void print_table(struct buf *out, const struct memory_table *t)
{
    for (size_t i = 0; i < t->rows.n; i++) {
        print_cells(out, t, t->rows.v[i].row, PRINT_ALL);
        buf_char(out, '\n');
    }
}

void memory_print_table(struct buf *out, const char *warehouse, const char *table)
{
    const struct memory_table *t =
        memory_table_named(memory_warehouse_named(str_from(warehouse)), str_from(table));
    if (t)
        print_table(out, t);
}

static int head_order(const void *x, const void *y)
{
    const struct memory_head_row *a = x, *b = y;
    int c = strcmp(a->job, b->job);
    if (!c)
        c = (a->task > b->task) - (a->task < b->task);
    if (!c)
        c = strcmp(a->output, b->output);
    return c ? c : strcmp(a->table, b->table);
}

void memory_print(struct buf *out, const char *warehouse)
{
    struct memory_warehouse *w = memory_warehouse_named(str_from(warehouse));
    if (w->heads.n)
        qsort(w->heads.v, w->heads.n, sizeof *w->heads.v, head_order);
    for (const struct memory_table *t = w->tables; t; t = t->next) {
        buf_printf(out, "table %s\n", t->name);
        print_table(out, t);
    }
    for (size_t i = 0; i < w->heads.n; i++) {
        const struct memory_head_row *h = &w->heads.v[i];
        buf_printf(out, "head %s %u %s %s: %llu %016llx\n", h->job, h->task, h->output, h->table,
                   (unsigned long long)h->head.batch, (unsigned long long)h->head.digest);
    }
    memory_print_rejects(out, warehouse);
}

struct memory_head_row *memory_head_row(const struct memory_warehouse *w, const char *job,
                                        unsigned task, const char *output, struct str table)
{
    for (size_t i = 0; i < w->heads.n; i++) {
        struct memory_head_row *h = &w->heads.v[i];
        if (h->task == task && strcmp(h->job, job) == 0 && strcmp(h->output, output) == 0 &&
            str_eq(str_from(h->table), table))
            return h;
    }
    return NULL;
}

bool memory_head(struct head *out, const char *warehouse, const char *job, unsigned task,
                 const char *output, const char *table)
{
    const struct memory_head_row *h = memory_head_row(memory_warehouse_named(str_from(warehouse)),
                                                      job, task, output, str_from(table));
    if (h)
        *out = h->head;
    return h != NULL;
}

uint64_t memory_commits(const char *warehouse)
{
    return memory_warehouse_named(str_from(warehouse))->commits;
}
