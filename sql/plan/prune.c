#include "sql/plan/prune.h"

#include <assert.h>

void use_all(struct use *u)
{
    u->used = u->all = true;
}

void use_merge(struct use *to, struct arena *a, const struct use *from, const struct type *t)
{
    if (!from->used)
        return;
    to->used = true;
    if (from->all || t->kind != TYPE_STRUCT) {
        to->all = true;
        return;
    }
    if (!to->fields)
        to->fields = ARENA_ZARRAY(a, struct use, t->field_count);
    for (uint32_t i = 0; i < t->field_count; i++)
        use_merge(&to->fields[i], a, &from->fields[i], t->fields[i].type);
}

void use_expr(struct use *columns, struct arena *a, const struct expr *x, const struct use *wanted)
{
    const struct use everything = {.used = true, .all = true};
    const struct use *want = wanted ? wanted : &everything;
    if (x->kind == EXPR_COLUMN) {
        use_merge(&columns[x->column], a, want, x->type);
        return;
    }
    if (x->kind == EXPR_FIELD) {
        const struct type *t = x->args[0]->type;
        assert(t->kind == TYPE_STRUCT && x->column < t->field_count);
        struct use inner = {.used = true, .fields = ARENA_ZARRAY(a, struct use, t->field_count)};
        inner.fields[x->column] = *want;
        use_expr(columns, a, x->args[0], &inner);
        return;
    }
    for (uint32_t i = 0; i < x->arg_count; i++)
        use_expr(columns, a, x->args[i], NULL);
}

const struct type *use_type(struct arena *a, const struct type *t, const struct use *u)
{
    assert(u->used);
    if (u->all || t->kind != TYPE_STRUCT || !u->fields)
        return t;
    struct field *fields = ARENA_ARRAY(a, struct field, t->field_count);
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->field_count; i++) {
        if (!u->fields[i].used)
            continue;
        fields[n].name = t->fields[i].name;
        fields[n++].type = use_type(a, t->fields[i].type, &u->fields[i]);
    }
    return n == t->field_count && type_equal(type_struct(a, fields, n), t)
               ? t
               : type_struct(a, fields, n);
}
