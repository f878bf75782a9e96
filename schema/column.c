#include "schema/block.h"

#include <assert.h>

// Item rows a first append makes room for: most arrays of a block are short, growth doubles.
#define ITEMS_MIN 16u

size_t column_width(const struct type *t)
{
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return 1;
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        return sizeof(int32_t);
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        return sizeof(int64_t);
    case TYPE_DOUBLE:
        return sizeof(double);
    case TYPE_DECIMAL:
        return t->precision <= 18 ? sizeof(int64_t) : 16; // an i128 or a struct str
    case TYPE_STRING:
    case TYPE_BYTES:
        return sizeof(struct str);
    case TYPE_ARRAY:
    case TYPE_MAP:
        return sizeof(uint32_t);
    case TYPE_STRUCT:
        return 0;
    }
    assert(!"type kind out of range");
    return 0;
}

bool column_holds_str(const struct type *t)
{
    return t->kind == TYPE_STRING || t->kind == TYPE_BYTES ||
           (t->kind == TYPE_DECIMAL && t->precision > 38);
}

static bool has_items(const struct type *t)
{
    return t->kind == TYPE_ARRAY || t->kind == TYPE_MAP;
}

void column_init(struct column *out, struct arena *a, const struct type *t, uint32_t rows)
{
    assert(t && rows < UINT32_MAX);
    *out = (struct column){.type = t, .cap = rows};
    const size_t slots = has_items(t) ? (size_t)rows + 1 : rows;
    if (slots && t->kind != TYPE_STRUCT)
        out->data = arena_zalloc(a, mem_array_bytes(slots, column_width(t)));
    if (!t->field_count)
        return;
    out->children = ARENA_ARRAY(a, struct column, t->field_count);
    for (uint32_t i = 0; i < t->field_count; i++)
        column_init(&out->children[i], a, t->fields[i].type, has_items(t) ? 0 : rows);
}

void column_need_valid(struct column *c, struct arena *a, uint32_t rows)
{
    if (c->valid)
        return;
    c->valid = arena_alloc(a, rows ? rows : 1);
    memset(c->valid, 1, rows);
}

void column_set_null(struct column *c, struct arena *a, uint32_t row, uint32_t rows)
{
    assert(row < rows);
    column_need_valid(c, a, rows);
    c->valid[row] = 0;
    if (c->type->kind != TYPE_STRUCT)
        return;
    for (uint32_t i = 0; i < c->type->field_count; i++)
        column_set_null(&c->children[i], a, row, rows);
}

// Copies the first `used` slots into room for `slots`; what follows is zero.
static void *slots_grow(struct arena *a, const void *data, size_t width, size_t used, size_t slots)
{
    char *p = arena_alloc(a, mem_array_bytes(slots, width));
    if (used)
        memcpy(p, data, used * width);
    memset(p + used * width, 0, (slots - used) * width);
    return p;
}

static void column_grow(struct column *c, struct arena *a, uint32_t used, uint32_t rows)
{
    assert(used <= rows);
    c->cap = rows;
    if (c->valid) {
        c->valid = slots_grow(a, c->valid, 1, used, rows);
        memset(c->valid + used, 1, rows - used);
    }
    if (c->type->kind == TYPE_STRUCT) {
        for (uint32_t i = 0; i < c->type->field_count; i++)
            column_grow(&c->children[i], a, used, rows);
        return;
    }
    const size_t extra = has_items(c->type) ? 1 : 0;
    c->data = slots_grow(a, c->data, column_width(c->type), used + extra, rows + extra);
}

uint32_t column_append_items(struct column *c, struct arena *a, uint32_t n)
{
    assert(has_items(c->type) && n < UINT32_MAX - c->child_rows);
    const uint32_t first = c->child_rows;
    const uint32_t room = c->children[0].cap;
    if (n > room - first) {
        uint64_t cap = room ? (uint64_t)room * 2 : ITEMS_MIN;
        if (cap < (uint64_t)first + n)
            cap = (uint64_t)first + n;
        if (cap >= UINT32_MAX)
            cap = UINT32_MAX - 1;
        for (uint32_t i = 0; i < c->type->field_count; i++)
            column_grow(&c->children[i], a, first, (uint32_t)cap);
    }
    c->child_rows = first + n;
    return first;
}

static void gather_slots(void *restrict out, const void *restrict in, size_t width,
                         const uint32_t *restrict idx, uint32_t n)
{
    switch (width) {
    case 1: {
        uint8_t *o = out;
        const uint8_t *v = in;
        for (uint32_t i = 0; i < n; i++)
            o[i] = v[idx[i]];
        return;
    }
    case 4: {
        uint32_t *o = out;
        const uint32_t *v = in;
        for (uint32_t i = 0; i < n; i++)
            o[i] = v[idx[i]];
        return;
    }
    case 8: {
        uint64_t *o = out;
        const uint64_t *v = in;
        for (uint32_t i = 0; i < n; i++)
            o[i] = v[idx[i]];
        return;
    }
    case 16: {
        i128 *o = out;
        const i128 *v = in;
        for (uint32_t i = 0; i < n; i++)
            o[i] = v[idx[i]];
        return;
    }
    default:
        assert(!"element width out of range");
    }
}

static void gather_items(struct column *out, struct arena *a, const struct column *c,
                         const uint32_t *idx, uint32_t n)
{
    out->offsets = ARENA_ARRAY(a, uint32_t, (size_t)n + 1);
    out->offsets[0] = 0;
    uint64_t total = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first;
        total += column_items(c, idx[i], &first);
        assert(total < UINT32_MAX);
        out->offsets[i + 1] = (uint32_t)total;
    }
    uint32_t *items = MEM_ARRAY(uint32_t, total ? total : 1);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first;
        const uint32_t count = column_items(c, idx[i], &first);
        for (uint32_t k = 0; k < count; k++)
            items[at++] = first + k;
    }
    for (uint32_t i = 0; i < c->type->field_count; i++)
        column_gather(&out->children[i], a, &c->children[i], items, at);
    out->child_rows = at;
    mem_free(items);
}

void column_gather(struct column *out, struct arena *a, const struct column *c, const uint32_t *idx,
                   uint32_t n)
{
    *out = (struct column){.type = c->type, .cap = n};
    if (c->valid) {
        out->valid = arena_alloc(a, n ? n : 1);
        gather_slots(out->valid, c->valid, 1, idx, n);
    }
    if (c->type->field_count)
        out->children = ARENA_ARRAY(a, struct column, c->type->field_count);
    if (has_items(c->type)) {
        gather_items(out, a, c, idx, n);
        return;
    }
    if (c->type->kind == TYPE_STRUCT) {
        for (uint32_t i = 0; i < c->type->field_count; i++)
            column_gather(&out->children[i], a, &c->children[i], idx, n);
        return;
    }
    const size_t width = column_width(c->type);
    out->data = arena_alloc(a, mem_array_bytes(n ? n : 1, width));
    if (n)
        gather_slots(out->data, c->data, width, idx, n);
}

static uint8_t *concat_valid(struct arena *a, const struct column *const *parts,
                             const uint32_t *rows, size_t n, size_t total)
{
    bool nulls = false;
    for (size_t i = 0; i < n; i++)
        nulls = nulls || (parts[i]->valid && rows[i]);
    if (!nulls)
        return NULL;
    uint8_t *valid = arena_alloc(a, total);
    size_t at = 0;
    for (size_t i = 0; i < n; at += rows[i++]) {
        if (parts[i]->valid)
            memcpy(valid + at, parts[i]->valid, rows[i]);
        else
            memset(valid + at, 1, rows[i]);
    }
    return valid;
}

static void concat_children(struct column *out, struct arena *a, const struct column *const *parts,
                            const uint32_t *rows, size_t n)
{
    const struct column **children = MEM_ARRAY(const struct column *, n);
    for (uint32_t f = 0; f < out->type->field_count; f++) {
        for (size_t i = 0; i < n; i++)
            children[i] = &parts[i]->children[f];
        column_concat(&out->children[f], a, children, rows, n);
    }
    mem_free(children);
}

static void concat_items(struct column *out, struct arena *a, const struct column *const *parts,
                         const uint32_t *rows, size_t n, size_t total)
{
    out->offsets = ARENA_ARRAY(a, uint32_t, total + 1);
    uint32_t *items = MEM_ARRAY(uint32_t, n);
    uint64_t base = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; at += rows[i++]) {
        const struct column *c = parts[i];
        for (uint32_t r = 1; r < rows[i]; r++)
            out->offsets[at + r] = (uint32_t)base + c->offsets[r];
        out->offsets[at] = (uint32_t)base;
        items[i] = rows[i] ? c->child_rows : 0;
        base += items[i];
        assert(base < UINT32_MAX);
    }
    out->offsets[total] = (uint32_t)base;
    concat_children(out, a, parts, items, n);
    out->child_rows = (uint32_t)base;
    mem_free(items);
}

void column_concat(struct column *out, struct arena *a, const struct column *const *parts,
                   const uint32_t *rows, size_t n)
{
    assert(n > 0);
    const struct type *t = parts[0]->type;
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += rows[i];
    assert(total < UINT32_MAX);
    *out = (struct column){
        .type = t, .cap = (uint32_t)total, .valid = concat_valid(a, parts, rows, n, total)};
    if (t->field_count)
        out->children = ARENA_ARRAY(a, struct column, t->field_count);
    if (has_items(t)) {
        concat_items(out, a, parts, rows, n, total);
        return;
    }
    if (t->kind == TYPE_STRUCT) {
        concat_children(out, a, parts, rows, n);
        return;
    }
    const size_t width = column_width(t);
    char *data = arena_alloc(a, mem_array_bytes(total ? total : 1, width));
    out->data = data;
    for (size_t i = 0; i < n; i++) {
        if (rows[i])
            memcpy(data, parts[i]->data, rows[i] * width);
        data += rows[i] * width;
    }
}

// Gives the column's strings memory of their own, in one piece.
static void strings_own(struct column *c, struct arena *a, uint32_t rows)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < rows; i++) {
        if (column_is_valid(c, i))
            bytes += c->str[i].n;
    }
    char *p = arena_alloc(a, bytes ? bytes : 1);
    for (uint32_t i = 0; i < rows; i++) {
        struct str *s = &c->str[i];
        if (!column_is_valid(c, i))
            *s = STR_NONE;
        if (s->n)
            memcpy(p, s->p, s->n);
        s->p = p;
        p += s->n;
    }
}

static void column_own(struct column *c, struct arena *a, uint32_t rows)
{
    if (column_holds_str(c->type))
        strings_own(c, a, rows);
    for (uint32_t i = 0; i < c->type->field_count; i++)
        column_own(&c->children[i], a, has_items(c->type) ? c->child_rows : rows);
}

void column_copy(struct column *out, struct arena *a, const struct column *c, uint32_t rows)
{
    column_concat(out, a, &c, &rows, 1);
    column_own(out, a, rows);
}

static bool maps_are_sorted(const struct column *c, uint32_t rows)
{
    const struct str *keys = c->children[0].str;
    for (uint32_t r = 0; r < rows; r++) {
        uint32_t first;
        const uint32_t n = column_items(c, r, &first);
        for (uint32_t i = 1; i < n; i++) {
            if (str_cmp(keys[first + i - 1], keys[first + i]) >= 0)
                return false;
        }
    }
    return true;
}

// Stable merge sort of entry numbers by key: hostile maps of a million entries stay n log n.
static void entries_sort(uint32_t *idx, uint32_t *tmp, uint32_t n, const struct str *keys)
{
    for (uint32_t width = 1; width < n; width *= 2) {
        for (uint32_t lo = 0; lo < n; lo += 2 * width) {
            const uint32_t mid = lo + width < n ? lo + width : n;
            const uint32_t hi = mid + width < n ? mid + width : n;
            uint32_t i = lo;
            uint32_t j = mid;
            for (uint32_t k = lo; k < hi; k++) {
                const bool left = j >= hi || (i < mid && str_cmp(keys[idx[i]], keys[idx[j]]) <= 0);
                tmp[k] = left ? idx[i++] : idx[j++];
            }
        }
        memcpy(idx, tmp, n * sizeof *idx);
    }
}

void column_sort_maps(struct column *c, struct arena *a, uint32_t rows)
{
    assert(c->type->kind == TYPE_MAP && c->type->fields[0].type->kind == TYPE_STRING);
    if (maps_are_sorted(c, rows))
        return;
    const struct str *keys = c->children[0].str;
    uint32_t *idx = MEM_ARRAY(uint32_t, c->child_rows);
    uint32_t *tmp = MEM_ARRAY(uint32_t, c->child_rows);
    uint32_t *offsets = ARENA_ARRAY(a, uint32_t, (size_t)rows + 1);
    uint32_t kept = 0;
    offsets[0] = 0;
    for (uint32_t r = 0; r < rows; r++) {
        uint32_t first;
        const uint32_t n = column_items(c, r, &first);
        uint32_t *row = idx + kept;
        for (uint32_t i = 0; i < n; i++)
            row[i] = first + i;
        entries_sort(row, tmp, n, keys);
        for (uint32_t i = 0; i < n; i++) {
            if (i + 1 == n || !str_eq(keys[row[i]], keys[row[i + 1]]))
                idx[kept++] = row[i];
        }
        offsets[r + 1] = kept;
    }
    struct column *children = ARENA_ARRAY(a, struct column, 2);
    for (uint32_t i = 0; i < 2; i++)
        column_gather(&children[i], a, &c->children[i], idx, kept);
    c->children = children;
    c->offsets = offsets;
    c->child_rows = kept;
    mem_free(idx);
    mem_free(tmp);
}
