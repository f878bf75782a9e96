#include "base/hash.h"
#include "base/kv.h"
#include "sql/exec/op.h"

#include <assert.h>

static const struct op_type *type_for(const struct phys_node *n)
{
    switch (n->kind) {
    case PLAN_SOURCE:
        return n->entry ? &op_table : &op_source;
    case PLAN_FILTER:
        return &op_filter;
    case PLAN_PROJECT:
    case PLAN_REKEY:
        return &op_project;
    case PLAN_AGGREGATE:
        return n->plan->window.kind == WINDOW_SESSION ? &op_session
               : n->plan->window.final                ? &op_final
                                                      : &op_aggregate;
    case PLAN_UNNEST:
        return &op_unnest;
    case PLAN_JOIN_STREAM_TABLE:
        return &op_join_stream_table;
    case PLAN_JOIN_STREAM_STREAM:
        return &op_join_stream_stream;
    case PLAN_JOIN_TABLE_TABLE:
        return &op_join_table_table;
    case PLAN_JOIN_FOREIGN_KEY:
        return &op_join_foreign_key;
    case PLAN_OBJECT:
        return &op_object;
    }
    assert(!"plan kind out of range");
    return NULL;
}

static void connect(struct exec *x, struct op *o)
{
    uint32_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass)
            o->consumers = ARENA_ARRAY(x->arena, struct op_edge, o->consumer_count + 1);
        for (uint32_t i = o->node->id + 1; i < x->count; i++) {
            const struct phys_node *to = x->program->nodes[i];
            for (uint32_t k = 0; k < to->input_count; k++) {
                if (to->inputs[k] != o->node)
                    continue;
                if (pass)
                    o->consumers[n++] = (struct op_edge){&x->ops[i], k};
                else
                    o->consumer_count++;
            }
        }
    }
}

bool exec_open(struct exec **out, const struct exec_spec *spec, struct err *e)
{
    assert(spec->program && spec->emit);
    struct arena *a = arena_new(NULL);
    struct exec *x = ARENA_NEW(a, struct exec);
    x->spec = *spec;
    x->program = spec->program;
    x->arena = a;
    x->window = arena_new(a);
    x->env = expr_env_new(spec->program->slots);
    x->ops = ARENA_ZARRAY(a, struct op, spec->program->count + 1);
    for (uint32_t i = 0; i < spec->program->count; i++) {
        struct op *o = &x->ops[i];
        o->node = spec->program->nodes[i];
        o->x = x;
        const struct op_type *type = type_for(o->node);
        o->counters = (struct exec_counters){.name = o->node->name, .kind = type->name};
        x->count = i + 1;
        if (type->open && !type->open(o, e)) {
            exec_close(x);
            return false;
        }
        o->type = type;
    }
    for (uint32_t i = 0; i < x->count; i++)
        connect(x, &x->ops[i]);
    *out = x;
    return true;
}

static void end_read(struct exec *x)
{
    kv_abort(x->read);
    x->read = NULL;
}

void exec_close(struct exec *x)
{
    if (!x)
        return;
    end_read(x);
    for (uint32_t i = 0; i < x->count; i++)
        if (x->ops[i].type && x->ops[i].type->close)
            x->ops[i].type->close(&x->ops[i]);
    expr_env_free(x->env);
    arena_free(x->arena);
}

bool exec_batch_begin(struct exec *x, int64_t now_ms, uint64_t batch, struct err *e)
{
    assert(x->phase == EXEC_IDLE && batch > 0);
    expr_env_batch(x->env, now_ms);
    for (uint32_t i = 0; i < x->count; i++) {
        struct op *o = &x->ops[i];
        o->counters = (struct exec_counters){.name = o->counters.name, .kind = o->counters.kind};
        o->origin = (struct op_origin){0};
        if (o->type->begin && !o->type->begin(o, e)) {
            end_read(x);
            return false;
        }
    }
    x->phase = EXEC_BATCH;
    return true;
}

static struct op *source_op(struct exec *x, size_t source)
{
    for (uint32_t i = 0; i < x->count; i++)
        if (x->ops[i].node->source == (int)source)
            return &x->ops[i];
    assert(!"source without an operator");
    return NULL;
}

bool op_flush_all(struct exec *x, struct err *e)
{
    for (uint32_t i = 0; i < x->count; i++)
        if (x->ops[i].type->flush && !x->ops[i].type->flush(&x->ops[i], e))
            return false;
    return true;
}

bool exec_window(struct exec *x, const struct block_list *inputs, struct err *e)
{
    assert(x->phase == EXEC_BATCH);
    arena_reset(x->window);
    for (size_t i = 0; i < x->program->source_count; i++) {
        struct op *o = source_op(x, i);
        for (size_t k = 0; k < inputs[i].n; k++) {
            const struct block *b = inputs[i].v[k];
            if (!b->rows)
                continue;
            assert(b->seq);
            o->counters.rows_in += b->rows;
            if (!o->type->push(o, 0, b, e))
                return false;
        }
    }
    return op_flush_all(x, e);
}

bool exec_batch_end(struct exec *x, struct err *e)
{
    assert(x->phase == EXEC_BATCH);
    arena_reset(x->window);
    for (uint32_t i = 0; i < x->count; i++)
        if (x->ops[i].type->end && !x->ops[i].type->end(&x->ops[i], e))
            return false;
    x->phase = EXEC_ENDED;
    return true;
}

bool exec_save(struct exec *x, struct kv_txn *t, struct err *e)
{
    assert(x->phase == EXEC_ENDED);
    end_read(x);
    for (uint32_t i = 0; i < x->count; i++)
        if (x->ops[i].type->save && !x->ops[i].type->save(&x->ops[i], t, e))
            return err_wrap(e, "saving the state of %.*s", STR_ARG(x->ops[i].node->name));
    x->phase = EXEC_SAVED;
    return true;
}

void exec_committed(struct exec *x)
{
    assert(x->phase == EXEC_SAVED || (x->phase == EXEC_ENDED && !x->spec.kv));
    end_read(x);
    for (uint32_t i = 0; i < x->count; i++)
        if (x->ops[i].type->committed)
            x->ops[i].type->committed(&x->ops[i]);
    x->phase = EXEC_IDLE;
}

void exec_rollback(struct exec *x)
{
    end_read(x);
    for (uint32_t i = 0; i < x->count; i++)
        if (x->ops[i].type->rollback)
            x->ops[i].type->rollback(&x->ops[i]);
    x->phase = EXEC_IDLE;
}

size_t exec_dirty_bytes(const struct exec *x)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < x->count; i++)
        if (x->ops[i].type->dirty_bytes)
            bytes += x->ops[i].type->dirty_bytes(&x->ops[i]);
    return bytes;
}

size_t exec_counter_count(const struct exec *x)
{
    return x->count;
}

const struct exec_counters *exec_counter(const struct exec *x, size_t i)
{
    assert(i < x->count);
    return &x->ops[i].counters;
}

bool exec_wipe(struct kv_txn *t, struct err *e)
{
    return kv_del_prefix(t, KV_STATE, (struct str){"", 0}, e);
}

// The ids of compile_identity: the operator's, then those of its sides.
bool exec_forget(struct kv_txn *t, struct str fingerprint, struct err *e)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        uint64_t id = seed ? hash_bytes(fingerprint.p, fingerprint.n, seed) : hash_str(fingerprint);
        char prefix[8];
        for (int i = 7; i >= 0; i--, id >>= 8)
            prefix[i] = (char)(id & 255);
        if (!kv_del_prefix(t, KV_STATE, (struct str){prefix, sizeof prefix}, e))
            return false;
    }
    return true;
}
