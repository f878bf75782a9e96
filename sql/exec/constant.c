#include "sql/exec/constant.h"
#include "sql/exec/expr.h"

static const struct schema no_columns = {0};

static bool evaluate(struct column *out, struct arena *a, const struct expr *x, int64_t now_ms,
                     struct err *e)
{
    uint32_t slots = 0;
    const struct expr_input in = {&no_columns, NULL, &slots};
    const struct expr_prog *p;
    if (!expr_compile(&p, a, x, &in, e))
        return false;
    struct block *b = block_new(a, &no_columns, 1);
    b->rowtime[0] = now_ms;
    b->seq = ARENA_ZARRAY(a, uint64_t, 1);
    struct expr_env *env = expr_env_new(slots);
    struct column c;
    expr_env_batch(env, now_ms);
    expr_run(&c, p, b, env, a);
    column_copy(out, a, &c, 1);
    expr_env_free(env);
    return true;
}

bool constant_i64(int64_t *out, const struct expr *x, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct column c;
    bool ok = evaluate(&c, a, x, 0, e);
    if (ok && !column_is_valid(&c, 0))
        ok = err_fail(e, ERR_DATA, "expected a BIGINT, found NULL");
    if (ok)
        *out = c.i64[0];
    arena_free(a);
    return ok;
}

bool constant_row(struct block **out, struct arena *a, const struct plan_row *row, int64_t now_ms,
                  struct err *e)
{
    const struct schema *s = row->object->schema;
    struct block *b = block_new(a, s, 1);
    b->seq = ARENA_ZARRAY(a, uint64_t, 1);
    b->rowtime[0] = now_ms;
    *out = b;
    for (uint32_t i = 0; i < s->count; i++) {
        if (!row->exprs[i])
            column_set_null(&b->columns[i], a, 0, 1);
        else if (!evaluate(&b->columns[i], a, row->exprs[i], now_ms, e))
            return false;
    }
    return !row->rowtime || constant_i64(&b->rowtime[0], row->rowtime, e);
}
