#include "tests/support/serde_case.h"

#include "schema/serde/json_decode.h"
#include "tests/support/test.h"

#define ROWS     3
#define TEXT_MAX ((size_t)256 << 20)

static const struct encoder *encoder_of(struct arena *a, const struct serde_spec *spec)
{
    const struct encoder *s;
    struct err e;
    assert_ok(encoder_new(&s, a, spec, &e), &e);
    return s;
}

static struct str encoded(struct arena *a, const struct encoder *s, const struct column *columns,
                          uint32_t row)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    encoder_row(s, &text, columns, row);
    assert_false(text.failed);
    const struct str copy = arena_str(a, buf_view(&text));
    buf_fini(&text);
    return copy;
}

static void assert_same(const struct serde_case *x, const struct serde_case *y)
{
    if (x->status != y->status)
        fail_msg("status %d (%.*s) and %d (%.*s)", x->status, STR_ARG(x->reason), y->status,
                 STR_ARG(y->reason));
    assert_str(y->reason, x->reason.p);
    if (!str_eq(x->text, y->text))
        fail_msg("%.*s and %.*s", STR_ARG(x->text), STR_ARG(y->text));
}

// Every row of the run, compared with the first.
static struct serde_case run_rows(struct arena *a, const struct serde_spec *spec,
                                  const struct decoder *d, struct str payload)
{
    struct payload payloads[ROWS];
    uint8_t status[ROWS];
    struct str reason[ROWS] = {STR(""), STR(""), STR("")};
    struct decode_result result = {.status = status, .reason = reason};
    struct column *columns = ARENA_ARRAY(a, struct column, spec->count + 1);
    for (size_t i = 0; i < spec->count; i++)
        column_init(&columns[i], a, spec->columns[i].type, ROWS);
    for (int i = 0; i < ROWS; i++) {
        char *p = mem_alloc(payload.n); // exactly: a sanitizer sees the first byte read behind it
        if (payload.n)
            memcpy(p, payload.p, payload.n);
        payloads[i] = (struct payload){payload.p ? p : NULL, payload.n};
        if (!payload.p)
            mem_free(p);
    }
    decoder_run(d, columns, &result, a, payloads, ROWS);
    const struct encoder *s = encoder_of(a, spec);
    struct serde_case first = {status[0], arena_str(a, reason[0]), encoded(a, s, columns, 0)};
    for (uint32_t i = 1; i < ROWS; i++) {
        const struct serde_case next = {status[i], reason[i], encoded(a, s, columns, i)};
        assert_same(&first, &next);
    }
    for (int i = 0; i < ROWS; i++)
        mem_free((void *)(uintptr_t)payloads[i].p);
    return first;
}

struct serde_case serde_case_json(struct arena *a, const struct serde_spec *spec,
                                  struct str payload)
{
    struct serde_spec full = *spec;
    full.depth_max = full.depth_max ? full.depth_max : 256;
    full.bytes_max = full.bytes_max ? full.bytes_max : (size_t)64 << 20;
    struct serde_case first = {0};
    for (int level = JSON_PORTABLE; level <= (int)json_level_best(); level++) {
        const struct decoder *d;
        struct err e;
        assert_ok(json_decoder_new(&d, a, &full, (enum json_level)level, &e), &e);
        const struct serde_case next = run_rows(a, &full, d, payload);
        if (level == JSON_PORTABLE)
            first = next;
        assert_same(&first, &next);
    }
    return first;
}

struct serde_case serde_case_cell(struct arena *a, const struct type *type, struct str json)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    buf_text(&text, "{\"V\":");
    buf_str(&text, json);
    buf_char(&text, '}');
    const struct serde_column column = {STR("V"), type};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = &column, .count = 1};
    const struct serde_case out = serde_case_json(a, &spec, buf_view(&text));
    buf_fini(&text);
    return out;
}

struct serde_case serde_case_any(struct arena *a, const struct serde_spec *spec, struct str payload)
{
    const struct decoder *d;
    struct err e;
    assert_ok(decoder_new(&d, a, spec, &e), &e);
    return run_rows(a, spec, d, payload);
}
