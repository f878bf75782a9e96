// Names, fingerprints and the digest of a program: what decides whether stored state still fits.
#include "sql/exec/program_internal.h"

#include "base/hash.h"
#include "sql/sql.h"

#include <assert.h>

#define TEXT_MAX ((size_t)1 << 20)

static const struct schema *input_schema(const struct phys_node *n)
{
    return n->plan->inputs[0]->schema;
}

static void print_typed(struct buf *out, const struct expr *x, const struct schema *input)
{
    sql_print_expr(out, x, input);
    buf_char(out, ' ');
    if (x->type)
        type_print(out, x->type);
}

static void print_window(struct buf *out, const struct window_spec *w)
{
    if (w->kind == WINDOW_NONE)
        return;
    buf_printf(out, " window=%s(%lld,%lld)",
               w->kind == WINDOW_TUMBLING  ? "TUMBLING"
               : w->kind == WINDOW_HOPPING ? "HOPPING"
                                           : "SESSION",
               (long long)w->size_ms, (long long)w->advance_ms);
    buf_text(out, w->final ? " final" : "");
}

static void print_aggregate(struct buf *out, const struct phys_node *n)
{
    buf_printf(out, "agg:%.*s %s keys=[", STR_ARG(n->name),
               n->plan->inputs[0]->table ? "table" : "stream");
    for (uint32_t i = 0; i < n->plan->key_count; i++) {
        buf_text(out, i ? ", " : "");
        print_typed(out, n->plan->exprs[i], input_schema(n));
    }
    buf_text(out, "] aggregates=[");
    for (uint32_t i = 0; i < n->agg_count; i++) {
        const struct plan_aggregate *agg = &n->plan->aggregates[i];
        buf_printf(out, "%s%s(", i ? ", " : "", agg->agg->name);
        for (uint32_t k = 0; k < agg->arg_count; k++) {
            buf_text(out, k ? ", " : "");
            print_typed(out, agg->args[k], input_schema(n));
        }
        buf_char(out, ')');
    }
    buf_char(out, ']');
    print_window(out, &n->plan->window);
}

static void print_join(struct buf *out, const struct phys_node *n)
{
    static const char *const kinds[] = {
        [JOIN_INNER] = "INNER", [JOIN_LEFT] = "LEFT", [JOIN_RIGHT] = "RIGHT", [JOIN_FULL] = "FULL"};
    const struct join_spec *s = &n->plan->join;
    const char *what = n->kind == PLAN_JOIN_STREAM_TABLE    ? "stream-table"
                       : n->kind == PLAN_JOIN_STREAM_STREAM ? "stream-stream"
                       : n->kind == PLAN_JOIN_TABLE_TABLE   ? "table-table"
                                                            : "foreign-key";
    buf_printf(out, "join:%.*s %s %s ", STR_ARG(n->name), what, kinds[s->kind]);
    if (n->kind == PLAN_JOIN_FOREIGN_KEY)
        print_typed(out, n->plan->exprs[0], input_schema(n));
    if (n->kind == PLAN_JOIN_STREAM_STREAM)
        buf_printf(out, "within=(%lld,%lld) grace=%lld ", (long long)s->before_ms,
                   (long long)s->after_ms, (long long)s->grace_ms);
    if (n->schema->windowed)
        buf_text(out, s->session ? "sessions " : "windows ");
    schema_print(out, n->schema);
}

static void print_rows(struct buf *out, const struct phys_node *n)
{
    buf_printf(out, "table:%.*s ", STR_ARG(n->name));
    schema_print(out, n->schema);
}

static void fingerprint(struct compile *c, struct phys_node *n)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    if (n->kind == PLAN_AGGREGATE)
        print_aggregate(&text, n);
    else if (n->join)
        print_join(&text, n);
    else
        print_rows(&text, n);
    // Two equal operators of one object (two INSERTs) are told apart by their order.
    unsigned twins = 0;
    for (uint32_t i = 0; i < c->p->fingerprint_count; i++)
        twins += str_starts(c->p->fingerprints[i], buf_view(&text));
    if (twins)
        buf_printf(&text, " #%u", twins + 1);
    n->fingerprint = arena_str(c->a, buf_view(&text));
    n->state_id = hash_str(n->fingerprint);
    if (n->join)
        for (uint64_t i = 0; i < 2; i++)
            n->join->side_id[i] = hash_bytes(n->fingerprint.p, n->fingerprint.n, 1 + i);
    c->p->fingerprints[c->p->fingerprint_count++] = n->fingerprint;
    buf_fini(&text);
}

void compile_identity(struct compile *c)
{
    struct program *p = c->p;
    p->fingerprints = ARENA_ZARRAY(c->a, struct str, p->count + 1);
    for (uint32_t i = 0; i < p->count; i++) {
        struct phys_node *n = p->nodes[i];
        if (phys_is_stateful(n))
            fingerprint(c, n);
    }
    const uint64_t version = ENGINE_VERSION;
    struct hasher h;
    hasher_init(&h);
    hasher_add(&h, &version, sizeof version);
    hasher_add(&h, c->spec->plan->digest_text.p, c->spec->plan->digest_text.n);
    p->digest = hasher_sum(&h);
}
