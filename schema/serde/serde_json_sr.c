// JSON_SR: Confluent's wire format around JSON. The id must be there; as in ksqlDB the text alone says what the values are, so
// reading asks no registry.
#include "schema/serde/framed.h"

struct json_sr_decoder {
    struct decoder base;
    const struct decoder *json;
};

struct json_sr_encoder {
    struct encoder base;
    const struct encoder *json;
    struct framed_id *id;
};

static void json_sr_run(const struct decoder *base, const struct decoder_run *run)
{
    const struct json_sr_decoder *s = (const struct json_sr_decoder *)base;
    struct payload *payloads = ARENA_ARRAY(run->a, struct payload, (size_t)run->n + 1);
    struct decoder_run inner = *run;
    struct str text = STR_NONE;
    int32_t id;
    for (uint32_t row = 0; row < run->n; row++) {
        const struct payload v = run->payloads[row];
        payloads[row] = (struct payload){NULL, 0};
        if (v.p && framed_header(&id, &text, v))
            payloads[row] = (struct payload){text.p, text.n};
    }
    inner.payloads = payloads;
    s->json->run(s->json, &inner);
    for (uint32_t row = 0; row < run->n; row++)
        if (run->payloads[row].p && !payloads[row].p)
            serde_bad(run, row, "expected byte 0 and a schema id of 4 bytes, found %zu bytes%s",
                      run->payloads[row].n,
                      run->payloads[row].n >= FRAMED_HEADER ? " that begin otherwise" : "");
}

static bool json_sr_decoder(const struct decoder **out, struct arena *a,
                            const struct serde_spec *spec, struct err *e)
{
    struct json_sr_decoder *s = ARENA_NEW(a, struct json_sr_decoder);
    s->base = (struct decoder){json_sr_run, *spec};
    *out = &s->base;
    return serde_json.decoder(&s->json, a, spec, e);
}

static bool json_sr_put(const struct encoder *base, struct buf *out, const struct column *columns,
                        uint32_t row, struct err *e)
{
    const struct json_sr_encoder *s = (const struct json_sr_encoder *)base;
    if (!framed_put_id(s->id, out, e))
        return false;
    s->json->row(s->json, out, columns, row);
    return true;
}

static bool json_sr_encoder(const struct encoder **out, struct arena *a,
                            const struct serde_spec *spec, struct err *e)
{
    struct json_sr_encoder *s = ARENA_NEW(a, struct json_sr_encoder);
    struct schema_files files;
    s->base = (struct encoder){.write = json_sr_put, .spec = *spec};
    *out = &s->base;
    return framed_encoder(&s->id, &files, a, spec, e) && serde_json.encoder(&s->json, a, spec, e);
}

const struct serde_type serde_json_sr = {
    .name = "JSON_SR",
    .decoder = json_sr_decoder,
    .encoder = json_sr_encoder,
};
