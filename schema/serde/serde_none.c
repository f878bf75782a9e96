// NONE: a side of the topic that is not looked at. It has no columns.
#include "schema/serde/serde_internal.h"

static bool check_columns(const struct serde_spec *spec, struct err *e)
{
    if (spec->count)
        return err_fail(e, ERR_SQL,
                        "the 'NONE' format can only be used when no columns are defined");
    return true;
}

static void none_run(const struct decoder *d, const struct decoder_run *run)
{
    (void)d;
    for (uint32_t row = 0; row < run->n; row++)
        run->out->status[row] = run->payloads[row].p ? DECODE_OK : DECODE_NULL;
}

static bool none_decoder(const struct decoder **out, struct arena *a, const struct serde_spec *spec,
                         struct err *e)
{
    struct decoder *d = ARENA_NEW(a, struct decoder);
    *d = (struct decoder){none_run, *spec};
    *out = d;
    return check_columns(spec, e);
}

static void none_row(const struct encoder *s, struct buf *out, const struct column *columns,
                     uint32_t row)
{
    (void)s, (void)out, (void)columns, (void)row;
}

static bool none_encoder(const struct encoder **out, struct arena *a, const struct serde_spec *spec,
                         struct err *e)
{
    struct encoder *s = ARENA_NEW(a, struct encoder);
    *s = (struct encoder){.row = none_row, .spec = *spec};
    *out = s;
    return check_columns(spec, e);
}

const struct serde_type serde_none = {
    .name = "NONE",
    .decoder = none_decoder,
    .encoder = none_encoder,
};
