#include "schema/serde/serde_schema.h"

#include "schema/serde/derive.h"
#include "schema/serde/serde_internal.h"

#include <assert.h>

bool serde_need_registry(const struct serde_spec *spec, struct err *e)
{
    if (spec->registry)
        return true;
    (void)err_fail(e, ERR_CONFIG, "format %s needs a schema registry",
                   serde_format_name(spec->format));
    return err_hint(e, "set schema_registry: {url: …} in the configuration");
}

bool serde_uses_registry(enum serde_format f)
{
    return f == SERDE_AVRO || f == SERDE_PROTOBUF || f == SERDE_JSON_SR;
}

enum registry_kind serde_registry_kind(enum serde_format f)
{
    assert(serde_uses_registry(f));
    return f == SERDE_AVRO       ? REGISTRY_AVRO
           : f == SERDE_PROTOBUF ? REGISTRY_PROTOBUF
                                 : REGISTRY_JSON;
}

bool serde_can_unwrap(enum serde_format f)
{
    return f == SERDE_JSON || f == SERDE_JSON_SR || f == SERDE_AVRO || f == SERDE_KAFKA ||
           f == SERDE_DELIMITED;
}

bool serde_can_wrap(enum serde_format f)
{
    return f != SERDE_KAFKA && f != SERDE_DELIMITED && f != SERDE_NONE;
}

bool serde_register(struct serde_spec *spec, struct arena *a, struct str subject, struct err *e)
{
    struct registry_schema schema;
    if (!serde_uses_registry(spec->format) || spec->schema_id)
        return true;
    if (!spec->registry)
        return serde_need_registry(spec, e);
    return serde_derive(&schema, a, spec, e) &&
           registry_put(spec->registry, &spec->schema_id, subject, &schema, e);
}

bool serde_derive(struct registry_schema *out, struct arena *a, const struct serde_spec *spec,
                  struct err *e)
{
    struct buf text;
    bool ok;
    const enum registry_kind kind = serde_registry_kind(spec->format);
    buf_init(&text, DERIVE_TEXT_MAX);
    if (kind == REGISTRY_AVRO)
        ok = derive_avro(&text, spec, e);
    else if (kind == REGISTRY_PROTOBUF)
        ok = derive_protobuf(&text, spec, e);
    else
        ok = derive_json(&text, spec, e);
    *out = (struct registry_schema){.kind = kind, .text = arena_str(a, buf_view(&text))};
    buf_fini(&text);
    return ok;
}

// OUTPUT_TABLE becomes OutputTable.
struct str serde_avro_key_name(struct arena *a, struct str object)
{
    const struct str head = STR("io.confluent.ksql.avro_schemas."), tail = STR("Key");
    char *p = arena_alloc(a, head.n + object.n + tail.n + 1);
    size_t n = head.n;
    bool first = true;
    memcpy(p, head.p, head.n);
    for (size_t i = 0; i < object.n; i++) {
        const char c = object.p[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c == '_') {
            first = true;
            continue;
        }
        if (!letter && !(c >= '0' && c <= '9'))
            continue; // no name in Avro
        p[n++] = (char)(!letter ? c : first ? c & ~0x20 : c | 0x20);
        first = false;
    }
    memcpy(p + n, tail.p, tail.n);
    return (struct str){p, n + tail.n};
}
