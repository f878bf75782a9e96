#include "tests/support/schema_case.h"

#include "sql/sql.h"
#include "tests/support/test.h"

#define TEXT_MAX ((size_t)16 << 20)

const struct serde_column *schema_columns(size_t *n, struct arena *a, const char *columns)
{
    const struct schema *s;
    struct err e;
    assert_ok(sql_columns(&s, a, str_from(columns), &e), &e);
    struct serde_column *out = ARENA_ARRAY(a, struct serde_column, s->count + 1);
    for (uint32_t i = 0; i < s->count; i++)
        out[i] = (struct serde_column){s->columns[i].name, s->columns[i].type};
    *n = s->count;
    return out;
}

int32_t schema_register(struct registry *r, const char *subject, enum registry_kind kind,
                        const char *text)
{
    const struct registry_schema schema = {.kind = kind, .text = str_from(text)};
    struct err e;
    int32_t id;
    assert_ok(registry_put(r, &id, str_from(subject), &schema, &e), &e);
    return id;
}

static struct str encoded(struct arena *a, const struct serde_spec *spec,
                          const struct column *columns)
{
    const struct encoder *s;
    struct buf text;
    struct err e;
    buf_init(&text, TEXT_MAX);
    assert_ok(encoder_new(&s, a, spec, &e), &e);
    assert_ok(encoder_write(s, &text, columns, 0, &e), &e);
    const struct str out = arena_str(a, buf_view(&text));
    buf_fini(&text);
    return out;
}

static void decode(struct schema_case *out, struct column *columns, struct arena *a,
                   const struct serde_spec *spec, struct str payload)
{
    const struct decoder *d;
    struct err e;
    char *exact = arena_alloc(a, payload.n ? payload.n : 1); // a sanitizer sees a read behind it
    memcpy(exact, payload.p ? payload.p : "", payload.n);
    const struct payload one = {payload.p ? exact : NULL, payload.n};
    struct decode_result result = {.status = &out->status, .reason = &out->reason};
    *out = (struct schema_case){.reason = STR("")};
    assert_ok(decoder_new(&d, a, spec, &e), &e);
    for (size_t i = 0; i < spec->count; i++)
        column_init(&columns[i], a, spec->columns[i].type, 1);
    decoder_run(d, columns, &result, a, &one, 1);
    if (out->status == DECODE_OK) {
        struct serde_spec json = *spec;
        json.format = SERDE_JSON;
        json.filter = NULL;
        out->json = encoded(a, &json, columns);
    }
}

struct schema_case schema_decode(struct arena *a, const struct serde_spec *spec, struct str payload)
{
    struct schema_case out;
    struct column *columns = ARENA_ARRAY(a, struct column, spec->count + 1);
    decode(&out, columns, a, spec, payload);
    return out;
}

struct str schema_encode(struct arena *a, const struct serde_spec *spec, const char *json)
{
    struct schema_case row;
    struct column *columns = ARENA_ARRAY(a, struct column, spec->count + 1);
    struct serde_spec from = *spec;
    from.format = SERDE_JSON;
    decode(&row, columns, a, &from, str_from(json));
    assert_int_equal(row.status, DECODE_OK);
    return encoded(a, spec, columns);
}
