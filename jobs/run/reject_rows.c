#include "jobs/run/reject_rows.h"

#include "schema/serde/serde.h"

#include <jansson.h>

enum { TEXT_MAX = 16 << 20 };

// Columns that a text has, in its order.
struct reject_text {
    struct str text;
    struct serde_column *columns;
    size_t *at; // in the sink's
    size_t count;
};

static bool reject_column(struct reject_text *x, const struct job_target *t, const char *name,
                          struct err *e)
{
    for (size_t i = 0; i < t->spec.count; i++) {
        const struct sink_column *c = &t->spec.columns[i];
        if (!str_eq(c->name, str_from(name)))
            continue;
        x->columns[x->count] = (struct serde_column){c->name, c->type};
        x->at[x->count++] = i;
        return true;
    }
    return err_fail(e, ERR_DATA, "column %s is none of the output's now", name);
}

// Names only: numbers are the decoder's.
static bool reject_columns(struct reject_text *x, struct arena *a, const struct job_target *t,
                           struct err *e)
{
    json_error_t why;
    const char *name;
    json_t *value,
        *j = json_loadb(x->text.p, x->text.n,
                        JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL | JSON_DECODE_ANY, &why);
    bool ok = json_is_object(j);
    if (!ok)
        err_fail(e, ERR_DATA, "%s", j ? "no row" : why.text);
    x->columns = ARENA_ZARRAY(a, struct serde_column, json_object_size(j) + 1);
    x->at = ARENA_ZARRAY(a, size_t, json_object_size(j) + 1);
    json_object_foreach(j, name, value) ok = ok && reject_column(x, t, name, e);
    json_decref(j);
    return ok;
}

static bool reject_decode(struct column *out, const struct reject_text *x, struct arena *a,
                          struct err *e)
{
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = x->columns, .count = x->count};
    const struct decoder *decoder;
    const struct payload payload = {x->text.p, x->text.n};
    uint8_t status = DECODE_BAD;
    struct str reason = STR("");
    struct decode_result result = {.status = &status, .reason = &reason};
    for (size_t i = 0; i < x->count; i++)
        column_init(&out[i], a, x->columns[i].type, 1);
    if (!decoder_new(&decoder, a, &spec, e))
        return false;
    decoder_run(decoder, out, &result, a, &payload, 1);
    return status == DECODE_OK || err_fail(e, ERR_DATA, "%.*s", STR_ARG(reason));
}

// What was read gives the same text again, so that nothing of it was lost.
static bool reject_same(const struct column *columns, const struct reject_text *x, struct arena *a,
                        struct err *e)
{
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = x->columns, .count = x->count};
    const struct encoder *encoder;
    struct buf text;
    if (!encoder_new(&encoder, a, &spec, e))
        return false;
    buf_init(&text, TEXT_MAX);
    encoder_row(encoder, &text, columns, 0);
    const bool same = !text.failed && str_eq(buf_view(&text), x->text);
    buf_fini(&text);
    return same || err_fail(e, ERR_DATA,
                            "its text does not give back what was refused: bytes that are no "
                            "text, or another type");
}

static bool reject_read(const struct column **out, struct arena *a, const struct job_target *t,
                        struct str text, struct err *e)
{
    struct reject_text x = {.text = text};
    if (!reject_columns(&x, a, t, e))
        return false;
    struct column *all = ARENA_ZARRAY(a, struct column, t->spec.count + 1);
    struct column *read = ARENA_ZARRAY(a, struct column, x.count + 1);
    if (!reject_decode(read, &x, a, e) || !reject_same(read, &x, a, e))
        return false;
    for (size_t i = 0; i < t->spec.count; i++) {
        column_init(&all[i], a, t->spec.columns[i].type, 1);
        column_set_null(&all[i], a, 0, 1);
    }
    for (size_t i = 0; i < x.count; i++)
        all[x.at[i]] = read[i];
    *out = all;
    return true;
}

bool reject_row(const struct column **out, enum row_op *op, struct arena *a,
                const struct job_target *t, const struct reject *r, struct err *e)
{
    const bool by_key = t->spec.mode == SINK_UPSERT;
    bool ok = (r->key.n > 0) == by_key;
    *op = !by_key ? OP_INSERT : r->row.p ? OP_UPDATE_AFTER : OP_DELETE;
    if (!ok)
        err_fail(e, ERR_DATA, "it was %s the table then",
                 by_key ? "appended to" : "put by key into");
    if (ok && reject_read(out, a, t, *op == OP_DELETE ? r->key : r->row, e))
        return true;
    err_wrap(e, "table %.*s, refused row %llu/%llu", STR_ARG(r->target),
             (unsigned long long)r->batch, (unsigned long long)r->seq);
    return err_hint(e,
                    "it cannot be written as it was: a backfill of its batch or a later change of "
                    "its key brings it, job resync all of a table; --batch and --output choose "
                    "others");
}
