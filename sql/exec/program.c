// program_compile: backward over the plan for what is needed, forward for types and expressions.
#include "sql/exec/program_internal.h"

#include <assert.h>

// --- reachability -------------------------------------------------------------------------------

uint32_t compile_position(const struct plan *plan, const struct plan_node *n)
{
    for (uint32_t i = 0; i < plan->count; i++)
        if (plan->nodes[i] == n)
            return i;
    assert(!"node is not in its plan");
    return 0;
}

static bool find_outputs(struct compile *c, struct err *e)
{
    const struct program_spec *spec = c->spec;
    for (size_t i = 0; i < spec->output_count; i++) {
        const struct plan_node *found = NULL;
        for (uint32_t k = 0; k < spec->plan->object_count; k++)
            if (str_eq_nocase(spec->plan->objects[k]->name, spec->outputs[i].name))
                found = spec->plan->objects[k];
        if (!found)
            return err_fail(e, ERR_CONFIG, "output %.*s: the SQL creates no such stream or table",
                            STR_ARG(spec->outputs[i].name));
        struct mark *m = &c->marks[compile_position(spec->plan, found)];
        m->reached = true;
        m->output = (int)i;
        m->last_change = spec->outputs[i].collapse == OUTPUT_LAST_CHANGE;
    }
    return true;
}

static void mark_inputs(struct compile *c)
{
    for (uint32_t i = c->spec->plan->count; i-- > 0;) {
        const struct plan_node *n = c->spec->plan->nodes[i];
        if (!c->marks[i].reached)
            continue;
        for (uint32_t k = 0; k < n->input_count; k++) {
            const uint32_t at = compile_position(c->spec->plan, n->inputs[k]);
            assert(at < i);
            c->marks[at].reached = true;
        }
    }
}

// --- columns ------------------------------------------------------------------------------------

bool compile_converts(const struct plan_node *n)
{
    return n->kind == PLAN_OBJECT && n->input_count == 1 && n->inputs[0]->kind == PLAN_OBJECT;
}

static void use_own(struct mark *m, const struct plan_node *n)
{
    const bool whole = m->output >= 0 || n->kind == PLAN_AGGREGATE;
    for (uint32_t i = 0; i < n->schema->count; i++)
        if (whole || ((n->table || plan_is_join(n->kind)) && i < n->schema->key_count))
            use_all(&m->use[i]);
    if (n->kind == PLAN_SOURCE && n->source->timestamp_column >= 0)
        use_all(&m->use[n->source->timestamp_column]);
    if (n->kind == PLAN_OBJECT && n->formats && n->formats->timestamp_index >= 0)
        use_all(&m->use[n->formats->timestamp_index]);
    // Writers may prune differently: with several of them a used column is used whole.
    for (uint32_t i = 0; i < n->schema->count && n->kind == PLAN_OBJECT && n->input_count > 1; i++)
        if (m->use[i].used)
            use_all(&m->use[i]);
}

static void use_same_columns(struct compile *c, struct use *input, const struct mark *m,
                             const struct plan_node *n)
{
    for (uint32_t i = 0; i < n->schema->count; i++)
        use_merge(&input[i], c->a, &m->use[i], n->schema->columns[i].type);
}

static void use_aggregate(struct compile *c, struct use *input, const struct plan_node *n)
{
    for (uint32_t i = 0; i < n->key_count; i++)
        use_expr(input, c->a, n->exprs[i], NULL);
    for (uint32_t i = 0; i < n->aggregate_count; i++)
        for (uint32_t k = 0; k < n->aggregates[i].arg_count; k++)
            use_expr(input, c->a, n->aggregates[i].args[k], NULL);
}

static void use_unnest(struct compile *c, struct use *input, const struct mark *m,
                       const struct plan_node *n)
{
    const struct schema *from = n->inputs[0]->schema;
    for (uint32_t i = 0; i < from->count; i++)
        use_merge(&input[i], c->a, &m->use[i], from->columns[i].type);
    for (uint32_t i = 0; i < n->expr_count; i++)
        use_expr(input, c->a, n->exprs[i], NULL);
}

static void use_inputs(struct compile *c, const struct mark *m, const struct plan_node *n)
{
    for (uint32_t k = 0; k < n->input_count; k++) {
        struct use *input = c->marks[compile_position(c->spec->plan, n->inputs[k])].use;
        switch (n->kind) {
        case PLAN_SOURCE:
            break;
        case PLAN_FILTER:
            use_expr(input, c->a, n->predicate, NULL);
            use_same_columns(c, input, m, n);
            break;
        case PLAN_PROJECT:
        case PLAN_REKEY:
            for (uint32_t i = 0; i < n->schema->count; i++)
                if (m->use[i].used)
                    use_expr(input, c->a, n->exprs[i], &m->use[i]);
            break;
        case PLAN_AGGREGATE:
            use_aggregate(c, input, n);
            break;
        case PLAN_UNNEST:
            use_unnest(c, input, m, n);
            break;
        case PLAN_JOIN_STREAM_TABLE:
        case PLAN_JOIN_STREAM_STREAM:
        case PLAN_JOIN_TABLE_TABLE:
        case PLAN_JOIN_FOREIGN_KEY:
            use_join_input(input, c->a, m, n, k);
            break;
        case PLAN_OBJECT:
            if (compile_converts(n))
                for (uint32_t i = 0; i < n->inputs[k]->schema->count; i++)
                    use_all(&input[i]);
            else
                use_same_columns(c, input, m, n);
            break;
        }
    }
}

static void mark_columns(struct compile *c)
{
    const struct plan *plan = c->spec->plan;
    for (uint32_t i = 0; i < plan->count; i++)
        c->marks[i].use = ARENA_ZARRAY(c->a, struct use, plan->nodes[i]->schema->count + 1);
    for (uint32_t i = plan->count; i-- > 0;) {
        if (!c->marks[i].reached)
            continue;
        if (compile_converts(plan->nodes[i]))
            for (uint32_t k = 0; k < plan->nodes[i]->schema->count; k++)
                use_all(&c->marks[i].use[k]);
        use_own(&c->marks[i], plan->nodes[i]);
        use_inputs(c, &c->marks[i], plan->nodes[i]);
    }
}

// --- nodes --------------------------------------------------------------------------------------

struct schema_column *compile_schema(struct compile *c, struct phys_node *n, const struct use *use)
{
    const struct schema *logical = n->plan->schema;
    struct schema *s = ARENA_NEW(c->a, struct schema);
    struct schema_column *columns = ARENA_ARRAY(c->a, struct schema_column, logical->count + 1);
    int32_t *map = ARENA_ARRAY(c->a, int32_t, logical->count + 1);
    *s = (struct schema){.columns = columns, .windowed = logical->windowed};
    for (uint32_t i = 0; i < logical->count; i++) {
        map[i] = use[i].used ? (int32_t)s->count : -1;
        if (!use[i].used)
            continue;
        columns[s->count] = logical->columns[i];
        columns[s->count].type = use_type(c->a, logical->columns[i].type, &use[i]);
        s->key_count += i < logical->key_count;
        s->count++;
    }
    n->columns = map;
    n->schema = s;
    return columns;
}

// Filters and objects with one writer pass their input's physical columns on, under their own names.
static void pass_schema(struct compile *c, struct phys_node *n)
{
    const struct phys_node *in = n->inputs[0];
    const struct schema *logical = n->plan->schema;
    struct schema *s = ARENA_NEW(c->a, struct schema);
    struct schema_column *columns = ARENA_ARRAY(c->a, struct schema_column, in->schema->count + 1);
    *s = (struct schema){
        .columns = columns, .count = in->schema->count, .windowed = logical->windowed};
    assert(logical->count == n->plan->inputs[0]->schema->count);
    for (uint32_t i = 0; i < logical->count; i++) {
        const int32_t at = in->columns[i];
        if (at < 0)
            continue;
        columns[at] = logical->columns[i];
        columns[at].type = in->schema->columns[at].type;
        s->key_count += i < logical->key_count;
    }
    n->columns = in->columns;
    n->schema = s;
}

static struct expr_input input_of(struct compile *c, const struct phys_node *n)
{
    const struct phys_node *in = n->inputs[0];
    return (struct expr_input){in->schema, in->columns, &c->p->slots};
}

static bool compile_project(struct compile *c, struct phys_node *n, const struct use *use,
                            struct err *e)
{
    const struct expr_input in = input_of(c, n);
    struct schema_column *columns = compile_schema(c, n, use);
    n->exprs = ARENA_ARRAY(c->a, const struct expr_prog *, n->schema->count + 1);
    n->expr_count = n->schema->count;
    for (uint32_t i = 0; i < n->plan->schema->count; i++) {
        const int32_t at = n->columns[i];
        if (at < 0)
            continue;
        if (!expr_compile(&n->exprs[at], c->a, n->plan->exprs[i], &in, e))
            return false;
        // A passed-on STRUCT keeps the fields that its source has.
        columns[at].type = expr_prog_type(n->exprs[at]);
    }
    return true;
}

static bool compile_args(struct compile *c, const struct phys_node *n, struct phys_agg *agg,
                         const struct plan_aggregate *p, const struct expr_input *in, struct err *e)
{
    const struct type **types = ARENA_ARRAY(c->a, const struct type *, p->arg_count + 1);
    const struct type **want = ARENA_ARRAY(c->a, const struct type *, p->arg_count + 1);
    const struct value **consts = ARENA_ZARRAY(c->a, const struct value *, p->arg_count + 1);
    agg->agg = p->agg;
    agg->args = ARENA_ARRAY(c->a, const struct expr_prog *, p->arg_count + 1);
    for (uint32_t i = 0; i < p->arg_count; i++) {
        want[i] = types[i] = p->args[i]->type;
        if (p->args[i]->kind == EXPR_LITERAL)
            consts[i] = &p->args[i]->literal;
    }
    const struct type *t = p->agg->resolve(c->a, want, types, p->arg_count);
    if (!t || !type_equal(t, p->type))
        return err_fail(e, ERR_BUG, "aggregate %s: the bound type does not fit", p->agg->name);
    for (uint32_t i = 0; i < p->arg_count; i++) {
        struct expr cast = {
            .kind = EXPR_CAST, .type = want[i], .args = &p->args[i], .arg_count = 1};
        const bool same = types[i] && type_equal(types[i], want[i]);
        if (!expr_compile(&agg->args[i], c->a, same ? p->args[i] : &cast, in, e))
            return false;
        types[i] = expr_prog_type(agg->args[i]);
    }
    agg->ctx = (struct agg_ctx){types,  p->arg_count, t,
                                consts, p->limit,     n->plan->window.kind == WINDOW_SESSION};
    return true;
}

static bool compile_aggregate(struct compile *c, struct phys_node *n, const struct use *use,
                              struct err *e)
{
    const struct expr_input in = input_of(c, n);
    const struct plan_node *p = n->plan;
    compile_schema(c, n, use);
    n->expr_count = p->key_count;
    n->exprs = ARENA_ARRAY(c->a, const struct expr_prog *, p->key_count + 1);
    for (uint32_t i = 0; i < p->key_count; i++)
        if (!expr_compile(&n->exprs[i], c->a, p->exprs[i], &in, e))
            return false;
    n->agg_count = p->aggregate_count;
    n->aggs = ARENA_ZARRAY(c->a, struct phys_agg, p->aggregate_count + 1);
    for (uint32_t i = 0; i < p->aggregate_count; i++) {
        struct phys_agg *agg = &n->aggs[i];
        if (!compile_args(c, n, agg, &p->aggregates[i], &in, e))
            return false;
        if (p->inputs[0]->table && !agg->agg->undo)
            return err_fail(e, ERR_SQL, "aggregate %s cannot be used on a table: it cannot undo",
                            agg->agg->name);
        agg->offset = n->state_bytes;
        n->state_bytes += (agg->agg->state_bytes(&agg->ctx) + 15) / 16 * 16;
    }
    return true;
}

// All columns that the input has, then the items.
static bool compile_unnest(struct compile *c, struct phys_node *n, struct err *e)
{
    const struct expr_input in = input_of(c, n);
    const struct phys_node *from = n->inputs[0];
    const struct schema *logical = n->plan->schema;
    const uint32_t passed = n->plan->inputs[0]->schema->count;
    struct schema *s = ARENA_NEW(c->a, struct schema);
    struct schema_column *columns =
        ARENA_ARRAY(c->a, struct schema_column, from->schema->count + n->plan->expr_count);
    int32_t *map = ARENA_ARRAY(c->a, int32_t, logical->count);
    *s = *from->schema;
    s->columns = columns;
    memcpy(columns, from->schema->columns, s->count * sizeof *columns);
    for (uint32_t i = 0; i < passed; i++)
        map[i] = from->columns[i];
    n->expr_count = n->plan->expr_count;
    n->exprs = ARENA_ARRAY(c->a, const struct expr_prog *, n->expr_count);
    for (uint32_t i = 0; i < n->expr_count; i++) {
        if (!expr_compile(&n->exprs[i], c->a, n->plan->exprs[i], &in, e))
            return false;
        map[passed + i] = (int32_t)s->count;
        columns[s->count++] = logical->columns[passed + i];
    }
    n->columns = map;
    n->schema = s;
    return true;
}

static bool compile_object(struct compile *c, struct phys_node *n, const struct use *use,
                           struct err *e)
{
    const struct plan_formats *f = n->plan->formats;
    if (compile_converts(n->plan)) {
        if (!compile_convert(c, n, e))
            return false;
    } else if (n->input_count == 1) {
        pass_schema(c, n);
    } else {
        compile_schema(c, n, use);
    }
    n->timestamp = f && f->timestamp_index >= 0 ? n->columns[f->timestamp_index] : -1;
    // Rows that come from the topic itself have them already.
    const bool read = n->input_count == 1 && n->inputs[0]->kind == PLAN_SOURCE;
    n->defaults = f && !read && !n->convert && f->value_schema.nullable == SERDE_PLAIN &&
                  (f->value_format == SERDE_PROTOBUF || f->value_format == SERDE_PROTOBUF_NOSR);
    return true;
}

static bool compile_kind(struct compile *c, struct phys_node *n, const struct use *use,
                         struct err *e)
{
    switch (n->kind) {
    case PLAN_SOURCE:
        compile_schema(c, n, use);
        return compile_source(c, n, e);
    case PLAN_FILTER: {
        const struct expr_input in = input_of(c, n);
        pass_schema(c, n);
        return expr_compile(&n->predicate, c->a, n->plan->predicate, &in, e);
    }
    case PLAN_PROJECT:
    case PLAN_REKEY:
        return compile_project(c, n, use, e);
    case PLAN_AGGREGATE:
        return compile_aggregate(c, n, use, e);
    case PLAN_UNNEST:
        return compile_unnest(c, n, e);
    case PLAN_JOIN_STREAM_TABLE:
    case PLAN_JOIN_STREAM_STREAM:
    case PLAN_JOIN_TABLE_TABLE:
    case PLAN_JOIN_FOREIGN_KEY:
        return compile_join(c, n, use, e);
    case PLAN_OBJECT:
        return compile_object(c, n, use, e);
    }
    assert(!"plan kind out of range");
    return false;
}

// The object that a node works for: the first one downstream.
static struct str object_name(const struct compile *c, const struct plan_node *n)
{
    if (n->kind == PLAN_OBJECT)
        return n->name;
    const struct plan *plan = c->spec->plan;
    for (uint32_t i = 0; i < plan->count; i++)
        for (uint32_t k = 0; c->marks[i].reached && k < plan->nodes[i]->input_count; k++)
            if (plan->nodes[i]->inputs[k] == n)
                return object_name(c, plan->nodes[i]);
    assert(!"reached without a consumer");
    return n->name;
}

static bool compile_node(struct compile *c, uint32_t at, struct err *e)
{
    const struct plan *plan = c->spec->plan;
    const struct mark *m = &c->marks[at];
    struct phys_node *n = ARENA_NEW(c->a, struct phys_node);
    const struct plan_node *p = plan->nodes[at];
    n->kind = p->kind;
    n->plan = p;
    n->id = c->p->count;
    n->table = p->table;
    n->name = object_name(c, p);
    n->source = n->timestamp = -1;
    n->output = m->output;
    n->before = m->before;
    n->seeded = m->seeded;
    n->entry =
        p->table && (p->kind == PLAN_SOURCE ||
                     (p->kind == PLAN_OBJECT && p->input_count == 1 && !p->inputs[0]->table));
    n->keeps_rows = n->entry && n->before;
    n->collapsed = p->kind == PLAN_AGGREGATE && m->collapses && p->window.kind != WINDOW_SESSION &&
                   !p->window.final;
    n->input_count = p->input_count;
    n->inputs = ARENA_ARRAY(c->a, struct phys_node *, p->input_count + 1);
    for (uint32_t i = 0; i < p->input_count; i++)
        n->inputs[i] = c->nodes[compile_position(plan, p->inputs[i])];
    c->nodes[at] = n;
    c->p->nodes[c->p->count++] = n;
    return compile_kind(c, n, m->use, e);
}

// --- the whole ----------------------------------------------------------------------------------

// Free: any order of the rows gives the same tables. DESIGN 3 (P3).
static enum program_order order_of(const struct program *p, const struct program_spec *spec)
{
    enum program_order order = ORDER_ROW_WISE;
    for (size_t i = 0; i < spec->output_count; i++)
        if (spec->outputs[i].rows == OUTPUT_LAST_ROW)
            return ORDER_ALIGNED;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct phys_node *n = p->nodes[i];
        if (n->keeps_rows && order == ORDER_ROW_WISE)
            order = ORDER_FREE;
        // Rows of one table from several writers: the last one wins, so their order matters.
        if (n->kind == PLAN_OBJECT && n->table && n->input_count > 1)
            return ORDER_ALIGNED;
        // Of several changes of a key the last one's random values stay.
        if (n->seeded && phys_is_stateful(n))
            return ORDER_ALIGNED;
        if (plan_is_join(n->kind))
            return ORDER_ALIGNED;
        if (n->kind != PLAN_AGGREGATE)
            continue;
        order = ORDER_FREE;
        if (n->plan->window.kind != WINDOW_NONE)
            return ORDER_ALIGNED;
        for (uint32_t k = 0; k < n->agg_count; k++)
            if (n->aggs[k].agg->order(&n->aggs[k].ctx) == AGG_ORDERED)
                return ORDER_ALIGNED;
    }
    return order;
}

bool phys_is_collapsed(const struct phys_node *n)
{
    bool collapsed = n->collapsed;
    for (uint32_t i = 0; i < n->input_count && n->kind != PLAN_AGGREGATE && n->table; i++)
        collapsed |= phys_is_collapsed(n->inputs[i]);
    return collapsed;
}

static void collect_outputs(struct compile *c)
{
    struct program *p = c->p;
    p->output_count = (uint32_t)c->spec->output_count;
    p->outputs = ARENA_ZARRAY(c->a, struct program_output, p->output_count + 1);
    p->output_nodes = ARENA_ZARRAY(c->a, struct phys_node *, p->output_count + 1);
    for (uint32_t i = 0; i < p->count; i++) {
        struct phys_node *n = p->nodes[i];
        if (n->output < 0)
            continue;
        p->output_nodes[n->output] = n;
        p->outputs[n->output] = (struct program_output){
            .name = n->plan->name,
            .table = n->table,
            .schema = n->schema,
            .collapsed = phys_is_collapsed(n),
        };
    }
}

bool program_compile(const struct program **out, struct arena *a, const struct program_spec *spec,
                     struct err *e)
{
    assert(spec->plan && (spec->outputs || !spec->output_count));
    const uint32_t count = spec->plan->count;
    struct compile c = {.a = a, .spec = spec, .p = ARENA_NEW(a, struct program)};
    c.marks = ARENA_ZARRAY(a, struct mark, count + 1);
    c.nodes = ARENA_ZARRAY(a, struct phys_node *, count + 1);
    c.p->nodes = ARENA_ZARRAY(a, struct phys_node *, count + 1);
    c.p->sources = ARENA_ZARRAY(a, struct phys_source, count + 1);
    for (uint32_t i = 0; i < count; i++)
        c.marks[i].output = -1;
    if (!find_outputs(&c, e))
        return false;
    mark_inputs(&c);
    mark_columns(&c);
    compile_changes(&c);
    for (uint32_t i = 0; i < count; i++)
        if (c.marks[i].reached && !compile_node(&c, i, e))
            return false;
    collect_outputs(&c);
    compile_table_sides(&c);
    if (!compile_decoders(&c, e))
        return false;
    c.p->order = order_of(c.p, spec);
    compile_identity(&c);
    *out = c.p;
    return true;
}

int64_t phys_grace(const struct window_spec *w)
{
    const int64_t day_ms = INT64_C(86400000);
    assert(w->kind != WINDOW_NONE);
    if (w->grace_ms >= 0)
        return w->grace_ms;
    if (w->final)
        return 0;
    return w->size_ms < day_ms ? day_ms - w->size_ms : 0;
}

int64_t phys_window_retention(const struct window_spec *w)
{
    const int64_t least = w->size_ms + phys_grace(w);
    return w->retention_ms > least ? w->retention_ms : least;
}

size_t program_source_count(const struct program *p)
{
    return p->source_count;
}

const struct program_source *program_source(const struct program *p, size_t i)
{
    assert(i < p->source_count);
    return &p->sources[i].pub;
}

size_t program_output_count(const struct program *p)
{
    return p->output_count;
}

const struct program_output *program_output(const struct program *p, size_t i)
{
    assert(i < p->output_count);
    return &p->outputs[i];
}

enum program_order program_order(const struct program *p)
{
    return p->order;
}

uint64_t program_digest(const struct program *p)
{
    return p->digest;
}

size_t program_fingerprint_count(const struct program *p)
{
    return p->fingerprint_count;
}

struct str program_fingerprint(const struct program *p, size_t i)
{
    assert(i < p->fingerprint_count);
    return p->fingerprints[i];
}
