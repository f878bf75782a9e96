#include "schema/serde/framed.h"

#include "base/vec.h"
#include "schema/serde/serde_schema.h"
#include "schema/serde/wire.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

struct known {
    int32_t id;
    const void *plan;  // NULL: payloads of this id are bad
    struct str reason; // why
};

struct framed {
    struct decoder base;
    const struct framed_type *type;
    struct arena *a; // plans; under the lock of known
    struct known_list *known;
};

struct known_list {
    VEC(struct known *) v;
    pthread_mutex_t lock;
};

static void known_free(void *arg)
{
    struct known_list *s = arg;
    vec_fini(&s->v);
    pthread_mutex_destroy(&s->lock);
}

bool framed_header(int32_t *id, struct str *rest, struct payload v)
{
    if (v.n < FRAMED_HEADER || v.p[0] != 0)
        return false;
    uint32_t bits = 0;
    for (size_t i = 1; i < FRAMED_HEADER; i++)
        bits = bits << 8 | (uint8_t)v.p[i];
    *id = (int32_t)bits;
    *rest = (struct str){v.p + FRAMED_HEADER, v.n - FRAMED_HEADER};
    return true;
}

static void put_header(struct buf *out, int32_t id)
{
    buf_u8(out, 0);
    for (unsigned shift = 32; shift > 0; shift -= 8)
        buf_u8(out, (uint8_t)((uint32_t)id >> (shift - 8)));
}

void framed_null_row(const struct decoder_run *run, const struct serde_spec *spec, uint32_t row)
{
    for (size_t i = 0; i < spec->count; i++)
        wire_null(&run->columns[i], run->a, row);
}

enum decode_status framed_filter(const struct serde_spec *spec, const struct column *columns,
                                 uint32_t row)
{
    return spec->filter && !serde_filter_keeps(spec->filter, columns, row) ? DECODE_FILTERED
                                                                           : DECODE_OK;
}

// --- plans by id -----------------------------------------------------------------------------------

static bool wrong_kind(const struct framed *s, const struct registry_schema *schema, struct err *e)
{
    const enum registry_kind want = serde_registry_kind(s->base.spec.format);
    return schema->kind != want &&
           !err_fail(e, ERR_DATA, "it is a schema of %s, not of %s",
                     registry_kind_name(schema->kind), registry_kind_name(want));
}

// FOUND: out has a plan or the reason why there is none; both are kept. ABSENT: not kept, the registry knows when to ask
// again.
static enum registry_answer make_plan(struct known *out, const struct framed *s, struct err *e)
{
    const struct registry_schema *schema;
    struct schema_files files;
    struct err why;
    enum registry_answer answer = registry_by_id(s->base.spec.registry, &schema, out->id, e);
    if (answer != REGISTRY_FOUND)
        return answer;
    err_clear(&why);
    if (!wrong_kind(s, schema, &why)) {
        answer = schema_files_load(&files, s->a, s->base.spec.registry, schema, &why);
        if (answer == REGISTRY_FAILED) {
            *e = why;
            return answer;
        }
        if (answer == REGISTRY_FOUND &&
            s->type->plan(&out->plan, s->a, &s->base.spec, &files, &why))
            return REGISTRY_FOUND;
    }
    out->plan = NULL;
    out->reason = arena_printf(s->a, "schema %d: %s", (int)out->id, why.text);
    return REGISTRY_FOUND;
}

// Under the lock.
static enum registry_answer find_plan(const struct known **out, const struct framed *s, int32_t id,
                                      struct err *e)
{
    for (size_t i = 0; i < s->known->v.n; i++) {
        *out = s->known->v.v[i];
        if ((*out)->id == id)
            return REGISTRY_FOUND;
    }
    if (s->known->v.n == FRAMED_IDS_MAX) {
        (void)err_fail(e, ERR_LIMIT, "more than %d schema ids on one topic", FRAMED_IDS_MAX);
        return REGISTRY_FAILED;
    }
    struct known *known = ARENA_NEW(s->a, struct known);
    known->id = id;
    const enum registry_answer answer = make_plan(known, s, e);
    if (answer != REGISTRY_FOUND)
        return answer;
    vec_push(&s->known->v, known);
    *out = known;
    return REGISTRY_FOUND;
}

// --- a run -----------------------------------------------------------------------------------------

struct state {
    const struct framed *s;
    const struct decoder_run *run;
    const struct known *last; // of the row before: nearly always the next one's, too
};

// False: the whole run stops. *known == NULL: the row is bad.
static bool choose_plan(const struct known **known, struct state *st, int32_t id, uint32_t row)
{
    struct err local;
    err_clear(&local);
    struct err *e = st->run->out->e ? st->run->out->e : &local;
    *known = st->last;
    if (st->last && st->last->id == id)
        return true;
    pthread_mutex_lock(&st->s->known->lock);
    const enum registry_answer answer = find_plan(known, st->s, id, e);
    pthread_mutex_unlock(&st->s->known->lock);
    if (answer == REGISTRY_FOUND) {
        st->last = *known;
        return true;
    }
    *known = NULL;
    if (answer == REGISTRY_ABSENT)
        serde_bad(st->run, row, "schema id %d is not in the schema registry", (int)id);
    else if (st->run->out->e)
        return false;
    else
        serde_bad(st->run, row, "schema id %d: %s", (int)id, local.text);
    return true;
}

static bool decode_row(struct state *st, uint32_t row)
{
    const struct decoder_run *run = st->run;
    const struct serde_spec *spec = &st->s->base.spec;
    const struct payload v = run->payloads[row];
    const struct known *known = NULL;
    struct str bytes;
    int32_t id;
    run->out->status[row] = DECODE_NULL;
    if (!v.p) {
        framed_null_row(run, spec, row);
        return true;
    }
    if (v.n > spec->bytes_max)
        serde_bad(run, row, "the payload has %zu bytes, the limit is %zu", v.n, spec->bytes_max);
    else if (!framed_header(&id, &bytes, v))
        serde_bad(run, row, "expected byte 0 and a schema id of 4 bytes, found %zu bytes%s", v.n,
                  v.n >= FRAMED_HEADER ? " that begin otherwise" : "");
    else if (!choose_plan(&known, st, id, row))
        return false;
    if (known && !known->plan)
        serde_bad(run, row, "%.*s", STR_ARG(known->reason));
    else if (known && st->s->type->read(known->plan, run, row, bytes))
        run->out->status[row] = (uint8_t)framed_filter(spec, run->columns, row);
    if (run->out->status[row] == DECODE_BAD)
        framed_null_row(run, spec, row);
    return true;
}

static void sort_maps(struct column *c, struct arena *a, uint32_t rows)
{
    const uint32_t child_rows = c->type->kind == TYPE_STRUCT ? rows : c->child_rows;
    for (uint32_t i = 0; i < c->type->field_count; i++)
        sort_maps(&c->children[i], a, child_rows);
    if (c->type->kind == TYPE_MAP)
        column_sort_maps(c, a, rows);
}

void framed_finish(const struct decoder_run *run, const struct serde_spec *spec)
{
    for (size_t i = 0; i < spec->count; i++) {
        sort_maps(&run->columns[i], run->a, run->n);
        serde_drop_full_validity(&run->columns[i], run->n);
    }
}

static void framed_run(const struct decoder *d, const struct decoder_run *run)
{
    struct state st = {.s = (const struct framed *)d, .run = run};
    for (uint32_t row = 0; row < run->n; row++) {
        if (decode_row(&st, row))
            continue;
        run->out->stopped = true;
        return;
    }
    framed_finish(run, &d->spec);
}

bool framed_decoder_new(const struct decoder **out, struct arena *a, const struct serde_spec *spec,
                        const struct framed_type *type, struct err *e)
{
    struct framed *s = ARENA_NEW(a, struct framed);
    struct known_list *known = ARENA_NEW(a, struct known_list);
    if (!serde_need_registry(spec, e))
        return false;
    pthread_mutex_init(&known->lock, NULL);
    arena_on_free(a, known_free, known);
    s->base = (struct decoder){framed_run, *spec};
    s->type = type;
    s->known = known;
    s->a = arena_new(a);
    *out = &s->base;
    return true;
}

bool framed_schema(struct schema_files *out, struct arena *a, const struct serde_spec *spec,
                   struct err *e)
{
    const struct registry_schema *schema;
    if (!serde_need_registry(spec, e))
        return false;
    assert(spec->schema_id > 0);
    switch (registry_by_id(spec->registry, &schema, spec->schema_id, e)) {
    case REGISTRY_FAILED:
        return false;
    case REGISTRY_ABSENT:
        return err_fail(e, ERR_CONFIG, "schema id %d is not in the schema registry",
                        (int)spec->schema_id);
    case REGISTRY_FOUND:
        break;
    }
    if (schema->kind != serde_registry_kind(spec->format))
        return err_fail(e, ERR_CONFIG, "schema id %d is a schema of %s, not of %s",
                        (int)spec->schema_id, registry_kind_name(schema->kind),
                        serde_format_name(spec->format));
    return schema_files_load(out, a, spec->registry, schema, e) == REGISTRY_FOUND;
}

// --- ids of encoders ---------------------------------------------------------------------------------

struct framed_id {
    atomic_int id; // 0 = not registered yet
    struct registry *registry;
    struct registry_schema schema;
    struct str subject;
};

bool framed_encoder(struct framed_id **id, struct schema_files *out, struct arena *a,
                    const struct serde_spec *spec, struct err *e)
{
    struct framed_id *s = ARENA_NEW(a, struct framed_id);
    *id = s;
    atomic_init(&s->id, spec->schema_id);
    if (spec->schema_id)
        return framed_schema(out, a, spec, e);
    assert(spec->subject.n);
    s->registry = spec->registry;
    s->subject = spec->subject;
    if (!serde_need_registry(spec, e) || !serde_derive(&s->schema, a, spec, e))
        return false;
    struct schema_file *file = ARENA_NEW(a, struct schema_file);
    *file = (struct schema_file){STR(""), s->schema.text};
    *out = (struct schema_files){file, 1};
    return true;
}

// Two threads may both register: the registry gives them the same id.
bool framed_put_id(struct framed_id *s, struct buf *out, struct err *e)
{
    int32_t id = atomic_load_explicit(&s->id, memory_order_relaxed);
    if (!id) {
        if (!registry_put(s->registry, &id, s->subject, &s->schema, e))
            return false;
        atomic_store_explicit(&s->id, id, memory_order_relaxed);
    }
    put_header(out, id);
    return true;
}
