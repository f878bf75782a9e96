#include "schema/registry/registry.h"

#include <assert.h>

const char *registry_kind_name(enum registry_kind kind)
{
    switch (kind) {
    case REGISTRY_AVRO:
        return "AVRO";
    case REGISTRY_PROTOBUF:
        return "PROTOBUF";
    case REGISTRY_JSON:
        return "JSON";
    }
    assert(!"registry kind out of range");
    return "";
}
