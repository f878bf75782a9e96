// AVRO: Confluent's wire format, Avro's binary encoding. Decoding: a plan per writer schema (avro_plan.h); encoding by the
// registered schema (avro_write.h).
#include "schema/serde/avro_plan.h"
#include "schema/serde/avro_write.h"
#include "schema/serde/framed.h"

#include <assert.h>

struct avro_encoder {
    struct encoder base;
    const struct avro_writer *writer;
    struct framed_id *id;
};

static bool parse_files(const struct avro_type **out, struct arena *a,
                        const struct schema_files *files, struct err *e)
{
    struct avro_names *names = avro_names_new(a);
    assert(files->n > 0);
    for (size_t i = 0; i < files->n; i++)
        if (!avro_parse(out, a, names, files->v[i].text, e))
            return files->v[i].name.n ? err_wrap(e, "reference %.*s", STR_ARG(files->v[i].name))
                                      : false;
    return true;
}

static bool plan_new(const void **out, struct arena *a, const struct serde_spec *spec,
                     const struct schema_files *files, struct err *e)
{
    const struct avro_type *writer;
    const struct avro_plan *plan;
    if (!parse_files(&writer, a, files, e) || !avro_plan_new(&plan, a, spec, writer, e))
        return false;
    *out = plan;
    return true;
}

static bool plan_read(const void *plan, const struct decoder_run *run, uint32_t row,
                      struct str bytes)
{
    return avro_read(plan, run, row, bytes);
}

static bool avro_decoder(const struct decoder **out, struct arena *a, const struct serde_spec *spec,
                         struct err *e)
{
    static const struct framed_type type = {.plan = plan_new, .read = plan_read};
    return framed_decoder_new(out, a, spec, &type, e);
}

// An unwrapped NULL appends nothing: the caller sends a null payload.
static bool encoder_put(const struct encoder *base, struct buf *out, const struct column *columns,
                        uint32_t row, struct err *e)
{
    const struct avro_encoder *s = (const struct avro_encoder *)base;
    const struct serde_spec *spec = &base->spec;
    if (spec->wrapping == SERDE_UNWRAPPED && spec->count == 1 && !column_is_valid(&columns[0], row))
        return true;
    return framed_put_id(s->id, out, e) && avro_write(s->writer, out, columns, row, e);
}

static bool avro_encoder(const struct encoder **out, struct arena *a, const struct serde_spec *spec,
                         struct err *e)
{
    struct avro_encoder *s = ARENA_NEW(a, struct avro_encoder);
    const struct avro_type *writer;
    struct schema_files files;
    s->base = (struct encoder){.write = encoder_put, .spec = *spec};
    *out = &s->base;
    if (!framed_encoder(&s->id, &files, a, spec, e))
        return false;
    return (parse_files(&writer, a, &files, e) &&
            avro_writer_new(&s->writer, a, spec, writer, e)) ||
           err_wrap(e, "schema %d", (int)spec->schema_id);
}

const struct serde_type serde_avro = {
    .name = "AVRO",
    .decoder = avro_decoder,
    .encoder = avro_encoder,
};
