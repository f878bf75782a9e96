#include "schema/serde/infer.h"

#include "schema/serde/avro_schema.h"
#include "schema/serde/proto_schema.h"
#include "schema/serde/serde_schema.h"

#include <assert.h>

static bool infer_avro(const struct type **out, struct arena *a, const struct schema_files *files,
                       struct err *e)
{
    struct avro_names *names = avro_names_new(a);
    const struct avro_type *t = NULL;
    for (size_t i = 0; i < files->n; i++)
        if (!avro_parse(&t, a, names, files->v[i].text, e))
            return false;
    assert(t);
    return avro_sql_type(out, a, t, e);
}

static bool infer_protobuf(const struct type **out, struct arena *a,
                           const struct schema_files *files, struct str full_name, struct err *e)
{
    const struct proto_file *file;
    if (!proto_parse(&file, a, files, e))
        return false;
    const struct proto_message *m = proto_find(file, full_name);
    if (!m)
        return err_fail(e, ERR_DATA, "Schema for message %.*s does not exist", STR_ARG(full_name));
    return proto_sql_type(out, a, m, e);
}

bool serde_infer(const struct type **out, struct arena *a, enum serde_format format,
                 const struct schema_files *files, struct str full_name, struct err *e)
{
    assert(files->n > 0);
    switch (serde_registry_kind(format)) {
    case REGISTRY_AVRO:
        return infer_avro(out, a, files, e);
    case REGISTRY_PROTOBUF:
        return infer_protobuf(out, a, files, full_name, e);
    case REGISTRY_JSON:
        return json_schema_type(out, a, files, e);
    }
    assert(!"registry kind out of range");
    return false;
}

static struct str upper(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] - 32 : s.p[i]);
    return (struct str){p, s.n};
}

const struct type *serde_infer_upper(struct arena *a, const struct type *t)
{
    if (t->field_count == 0)
        return t;
    struct field *fields = ARENA_ARRAY(a, struct field, t->field_count);
    for (uint32_t i = 0; i < t->field_count; i++)
        fields[i] =
            (struct field){upper(a, t->fields[i].name), serde_infer_upper(a, t->fields[i].type)};
    if (t->kind == TYPE_STRUCT)
        return type_struct(a, fields, t->field_count);
    return t->kind == TYPE_MAP ? type_map(a, fields[0].type, fields[1].type)
                               : type_array(a, fields[0].type);
}
