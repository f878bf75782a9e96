#include "sql/state/rows.h"

#include <assert.h>
#include <string.h>

static void rows_init(const void *ctx, void *state)
{
    const struct rows_spec *spec = ctx;
    memset(state, 0, spec->slots * sizeof(struct row_slot));
}

static void rows_save(const void *ctx, struct buf *out, const void *state)
{
    const struct rows_spec *spec = ctx;
    const struct row_slot *slots = state;
    for (uint32_t i = 0; i < spec->slots; i++) {
        buf_u8(out, slots[i].present);
        if (!slots[i].present)
            continue;
        buf_le64(out, (uint64_t)slots[i].rowtime);
        buf_varint(out, slots[i].n);
        buf_put(out, slots[i].p, slots[i].n);
    }
}

static void put(struct row_slot *s, struct str bytes)
{
    if (s->cap < bytes.n) {
        s->cap = (uint32_t)(bytes.n + bytes.n / 4 + 16);
        s->p = mem_realloc(s->p, s->cap);
    }
    if (bytes.n)
        memcpy(s->p, bytes.p, bytes.n);
    s->n = (uint32_t)bytes.n;
}

static bool load_slot(struct row_slot *s, struct cursor *in)
{
    uint8_t present;
    uint64_t rowtime;
    uint64_t n;
    const uint8_t *p;
    if (!cur_u8(in, &present))
        return false;
    s->present = present;
    if (!present)
        return true;
    if (!cur_le64(in, &rowtime) || !cur_varint(in, &n) || n > UINT32_MAX ||
        !cur_bytes(in, &p, (size_t)n))
        return false;
    s->rowtime = (int64_t)rowtime;
    put(s, (struct str){(const char *)p, (size_t)n});
    return true;
}

static bool rows_load(const void *ctx, void *state, struct cursor *in, struct err *e)
{
    const struct rows_spec *spec = ctx;
    struct row_slot *slots = state;
    for (uint32_t i = 0; i < spec->slots; i++)
        if (!load_slot(&slots[i], in))
            return err_fail(e, ERR_DATA, "stored row is malformed");
    return true;
}

static void rows_drop(const void *ctx, void *state)
{
    const struct rows_spec *spec = ctx;
    struct row_slot *slots = state;
    for (uint32_t i = 0; i < spec->slots; i++)
        mem_free(slots[i].p);
}

static size_t rows_heap(const void *ctx, const void *state)
{
    const struct rows_spec *spec = ctx;
    const struct row_slot *slots = state;
    size_t bytes = 0;
    for (uint32_t i = 0; i < spec->slots; i++)
        bytes += slots[i].cap;
    return bytes;
}

static const struct groups_type rows_type = {
    .init = rows_init,
    .save = rows_save,
    .load = rows_load,
    .drop = rows_drop,
    .heap_bytes = rows_heap,
};

struct groups *rows_new(struct groups_spec spec, const struct rows_spec *rows)
{
    assert(rows->slots > 0);
    spec.state_bytes = (rows->slots * sizeof(struct row_slot) + 15) / 16 * 16;
    spec.type = &rows_type;
    spec.ctx = rows;
    return groups_new(&spec);
}

void row_slot_set(struct group *g, const struct rows_spec *rows, uint32_t slot, struct str bytes,
                  int64_t rowtime)
{
    struct row_slot *slots = row_slots(g);
    assert(g->dirty && slot < rows->slots);
    slots[slot].present = bytes.p != NULL;
    slots[slot].rowtime = rowtime;
    put(&slots[slot], bytes.p ? bytes : STR_NONE);
    g->present = false;
    for (uint32_t i = 0; i < rows->slots; i++)
        g->present |= slots[i].present;
    if (rowtime > g->rowtime)
        g->rowtime = rowtime;
}
