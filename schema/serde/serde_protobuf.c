// PROTOBUF: Confluent's wire format (after the id the message's indexes in its file), Protobuf's wire format. PROTOBUF_NOSR: the
// message alone, of the schema that the columns in their order make.
#include "schema/serde/derive.h"
#include "schema/serde/framed.h"
#include "schema/serde/proto_plan.h"
#include "schema/serde/proto_write.h"

#include "base/vec.h"

#include <assert.h>

#define PATH_MAX_INDEXES 64 // messages in messages

// --- decoding --------------------------------------------------------------------------------------

struct message_plan { // of one message of the file: NULL node = it cannot be read
    const struct proto_message *message;
    const struct proto_node *node;
    struct str reason;
};

struct file_plan {
    const struct proto_file *file;
    struct message_plan *plans;
    uint32_t count;
};

static uint32_t count_messages(struct proto_message *const *list, uint32_t count)
{
    uint32_t n = count;
    for (uint32_t i = 0; i < count; i++)
        n += count_messages(list[i]->nested, list[i]->nested_count);
    return n;
}

static void plan_messages(struct file_plan *out, struct arena *a, const struct serde_spec *spec,
                          struct proto_message *const *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct message_plan *p = &out->plans[out->count++];
        struct err e;
        err_clear(&e);
        p->message = list[i];
        if (!proto_plan_new(&p->node, a, spec->columns, spec->count, list[i], &e)) {
            p->node = NULL;
            p->reason = arena_str(a, str_from(e.text));
        }
        plan_messages(out, a, spec, list[i]->nested, list[i]->nested_count);
    }
}

// All messages of the file: which one a payload holds is in the payload.
static bool plan_new(const void **out, struct arena *a, const struct serde_spec *spec,
                     const struct schema_files *files, struct err *e)
{
    struct file_plan *plan = ARENA_NEW(a, struct file_plan);
    *out = plan;
    if (!proto_parse(&plan->file, a, files, e))
        return false;
    plan->plans = ARENA_ZARRAY(a, struct message_plan,
                               count_messages(plan->file->messages, plan->file->count));
    plan_messages(plan, a, spec, plan->file->messages, plan->file->count);
    return true;
}

static bool read_zigzag(int64_t *out, struct cursor *in)
{
    uint64_t v;
    if (!cur_varint(in, &v))
        return false;
    *out = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
    return true;
}

// How many indexes, then they; a lone 0 is the first message.
static const struct proto_message *read_path(struct cursor *in, const struct proto_file *f)
{
    uint32_t path[PATH_MAX_INDEXES] = {0};
    int64_t n, index;
    if (!read_zigzag(&n, in) || n < 0 || n > PATH_MAX_INDEXES)
        return NULL;
    if (n == 0)
        return proto_at(f, path, 1);
    for (int64_t i = 0; i < n; i++) {
        if (!read_zigzag(&index, in) || index < 0 || index > UINT32_MAX)
            return NULL;
        path[i] = (uint32_t)index;
    }
    return proto_at(f, path, (size_t)n);
}

static bool plan_read(const void *plan, const struct decoder_run *run, uint32_t row,
                      struct str bytes)
{
    const struct file_plan *p = plan;
    const uint8_t *start = (const uint8_t *)bytes.p;
    struct cursor in = {start, start + bytes.n};
    const struct proto_message *m = read_path(&in, p->file);
    if (!m) {
        serde_bad(run, row, "Protobuf: the schema has no message at these indexes");
        return false;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        const struct message_plan *of = &p->plans[i];
        if (of->message != m)
            continue;
        if (of->node)
            return proto_read(of->node, run, row,
                              (struct str){(const char *)in.p, (size_t)(in.end - in.p)});
        serde_bad(run, row, "Protobuf: %.*s", STR_ARG(of->reason));
        return false;
    }
    assert(!"a message without its plan");
    return false;
}

static bool protobuf_decoder(const struct decoder **out, struct arena *a,
                             const struct serde_spec *spec, struct err *e)
{
    static const struct framed_type type = {.plan = plan_new, .read = plan_read};
    return framed_decoder_new(out, a, spec, &type, e);
}

// --- encoding --------------------------------------------------------------------------------------

struct protobuf_encoder {
    struct encoder base;
    const struct proto_writer *writer;
    struct framed_id *id; // NULL: without a registry
    struct str head;      // the message's indexes; without registry nothing
};

static bool encoder_put(const struct encoder *base, struct buf *out, const struct column *columns,
                        uint32_t row, struct err *e)
{
    const struct protobuf_encoder *s = (const struct protobuf_encoder *)base;
    if (s->id && !framed_put_id(s->id, out, e))
        return false;
    buf_str(out, s->head);
    return proto_write(s->writer, out, columns, row, e);
}

static struct str path_bytes(struct arena *a, const struct proto_file *f,
                             const struct proto_message *m)
{
    uint32_t path[PATH_MAX_INDEXES];
    size_t n = PATH_MAX_INDEXES;
    struct buf bytes;
    const bool found = proto_path(path, &n, f, m);
    assert(found);
    if (n == 1 && path[0] == 0)
        return STR("\0");
    buf_init(&bytes, 1024);
    buf_varint(&bytes, (uint64_t)n << 1);
    for (size_t i = 0; i < n; i++)
        buf_varint(&bytes, (uint64_t)path[i] << 1);
    const struct str out = arena_str(a, buf_view(&bytes));
    buf_fini(&bytes);
    return out;
}

static bool protobuf_encoder(const struct encoder **out, struct arena *a,
                             const struct serde_spec *spec, struct err *e)
{
    struct protobuf_encoder *s = ARENA_NEW(a, struct protobuf_encoder);
    const struct proto_file *file;
    struct schema_files files;
    s->base = (struct encoder){.write = encoder_put, .spec = *spec};
    *out = &s->base;
    if (!framed_encoder(&s->id, &files, a, spec, e))
        return false;
    if (!proto_parse(&file, a, &files, e))
        return err_wrap(e, "schema %d", (int)spec->schema_id);
    const struct proto_message *m = proto_find(file, spec->full_name);
    if (!m)
        return err_fail(e, ERR_CONFIG, "schema %d has no message %.*s", (int)spec->schema_id,
                        STR_ARG(spec->full_name));
    s->head = path_bytes(a, file, m);
    return proto_writer_new(&s->writer, a, spec->columns, spec->count, m, e) ||
           err_wrap(e, "schema %d", (int)spec->schema_id);
}

const struct serde_type serde_protobuf = {
    .name = "PROTOBUF",
    .decoder = protobuf_decoder,
    .encoder = protobuf_encoder,
};

// --- without a registry ----------------------------------------------------------------------------

struct nosr_decoder {
    struct decoder base;
    const struct proto_node *node;
};

static bool own_message(const struct proto_message **out, struct arena *a,
                        const struct serde_spec *spec, struct err *e)
{
    struct serde_spec whole = *spec;
    const struct proto_file *file;
    struct buf text;
    if (spec->declared) {
        whole.columns = spec->declared;
        whole.count = spec->declared_count;
    }
    whole.full_name = STR_NONE;
    buf_init(&text, DERIVE_TEXT_MAX);
    const bool ok = derive_protobuf(&text, &whole, e);
    const struct schema_file schema = {STR(""), arena_str(a, buf_view(&text))};
    const struct schema_files files = {&schema, 1};
    buf_fini(&text);
    if (!ok || !proto_parse(&file, a, &files, e))
        return false;
    *out = file->messages[0];
    return true;
}

static void nosr_row(const struct nosr_decoder *s, const struct decoder_run *run, uint32_t row)
{
    const struct serde_spec *spec = &s->base.spec;
    const struct payload v = run->payloads[row];
    run->out->status[row] = DECODE_NULL;
    if (v.p && v.n > spec->bytes_max)
        serde_bad(run, row, "the payload has %zu bytes, the limit is %zu", v.n, spec->bytes_max);
    else if (v.p && proto_read(s->node, run, row, (struct str){v.p, v.n}))
        run->out->status[row] = (uint8_t)framed_filter(spec, run->columns, row);
    if (!v.p || run->out->status[row] == DECODE_BAD)
        framed_null_row(run, spec, row);
}

static void nosr_run(const struct decoder *d, const struct decoder_run *run)
{
    for (uint32_t row = 0; row < run->n; row++)
        nosr_row((const struct nosr_decoder *)d, run, row);
    framed_finish(run, &d->spec);
}

static bool nosr_decoder(const struct decoder **out, struct arena *a, const struct serde_spec *spec,
                         struct err *e)
{
    struct nosr_decoder *s = ARENA_NEW(a, struct nosr_decoder);
    const struct proto_message *m;
    s->base = (struct decoder){nosr_run, *spec};
    *out = &s->base;
    return own_message(&m, a, spec, e) &&
           proto_plan_new(&s->node, a, spec->columns, spec->count, m, e);
}

static bool nosr_encoder(const struct encoder **out, struct arena *a, const struct serde_spec *spec,
                         struct err *e)
{
    struct protobuf_encoder *s = ARENA_NEW(a, struct protobuf_encoder);
    const struct proto_message *m;
    s->base = (struct encoder){.write = encoder_put, .spec = *spec};
    *out = &s->base;
    return own_message(&m, a, spec, e) &&
           proto_writer_new(&s->writer, a, spec->columns, spec->count, m, e);
}

const struct serde_type serde_protobuf_nosr = {
    .name = "PROTOBUF_NOSR",
    .decoder = nosr_decoder,
    .encoder = nosr_encoder,
};
