// Sources of a program: decoders for the used columns, filters moved into them, and the formats between a stream
// and the topic that another statement writes.
#include "sql/exec/program_internal.h"

#include "schema/registry/registry_memory.h"
#include "schema/serde/serde_schema.h"
#include "schema/text.h"

#include <assert.h>

bool compile_source(struct compile *c, struct phys_node *n, struct err *e)
{
    const struct plan_source *decl = n->plan->source;
    struct phys_source *s = &c->p->sources[c->p->source_count];
    n->source = (int)c->p->source_count++;
    s->pub = (struct program_source){
        .topic = decl->topic,
        .object = n->name,
        .table = n->plan->table,
        .decl = decl,
        .schema = n->schema,
    };
    s->timestamp = decl->timestamp_column >= 0 ? n->columns[decl->timestamp_column] : -1;
    s->window = decl->window;
    s->headers = ARENA_ARRAY(c->a, struct plan_header, decl->header_count + 1);
    for (uint32_t i = 0; i < decl->header_count; i++) {
        const int32_t at = n->columns[decl->headers[i].column];
        if (at >= 0)
            s->headers[s->header_count++] =
                (struct plan_header){(uint32_t)at, decl->headers[i].key};
    }
    s->pattern = decl->timestamp_pattern;
    return zone_load(&s->utc, c->a, STR("UTC"), e);
}

// --- filters ------------------------------------------------------------------------------------

#define FILTERS_MAX 64

struct pushdown {
    struct phys_node *filters[FILTERS_MAX];
    size_t count;
};

// Every consumer below n must be a filter, reached through objects that only pass rows on.
static bool gather_filters(struct pushdown *out, const struct program *p, const struct phys_node *n)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct phys_node *consumer = p->nodes[i];
        for (uint32_t k = 0; k < consumer->input_count; k++) {
            if (consumer->inputs[k] != n)
                continue;
            if (consumer->table || consumer->input_count != 1)
                return false;
            if (consumer->kind == PLAN_FILTER) {
                if (out->count == FILTERS_MAX)
                    return false;
                out->filters[out->count++] = consumer;
                continue;
            }
            if (consumer->kind != PLAN_OBJECT || consumer->output >= 0 || consumer->convert ||
                consumer->defaults || consumer->timestamp >= 0 || !gather_filters(out, p, consumer))
                return false;
        }
    }
    return out->count > 0;
}

static bool is_text(const struct expr *x)
{
    return x->kind == EXPR_LITERAL && x->type && x->type->kind == TYPE_STRING && !x->literal.null;
}

static bool is_text_column(const struct expr *x)
{
    return x->kind == EXPR_COLUMN && x->type->kind == TYPE_STRING;
}

// column = 'text' or column IN ('text', …): the column, else NULL; values = the literals.
static const struct expr *text_match(const struct expr *x, struct expr *const **values, size_t *n)
{
    if (x->kind == EXPR_IN && !x->negated && is_text_column(x->args[0])) {
        for (uint32_t i = 1; i < x->arg_count; i++)
            if (!is_text(x->args[i]))
                return NULL;
        *values = x->args + 1;
        *n = x->arg_count - 1;
        return x->args[0];
    }
    if (x->kind != EXPR_COMPARE || x->op != EXPR_EQ)
        return NULL;
    for (uint32_t i = 0; i < 2; i++) {
        if (is_text_column(x->args[i]) && is_text(x->args[1 - i])) {
            *values = &x->args[1 - i];
            *n = 1;
            return x->args[i];
        }
    }
    return NULL;
}

// The conjunct of predicate x that matches texts of `column` (any when -1).
static const struct expr *find_match(const struct expr *x, int64_t column)
{
    struct expr *const *values;
    size_t n;
    if (x->kind == EXPR_AND) {
        for (uint32_t i = 0; i < x->arg_count; i++) {
            const struct expr *match = find_match(x->args[i], column);
            if (match)
                return match;
        }
        return NULL;
    }
    const struct expr *found = text_match(x, &values, &n);
    return found && (column < 0 || found->column == column) ? x : NULL;
}

static bool all_match(const struct pushdown *d, int64_t column)
{
    for (size_t i = 0; i < d->count; i++)
        if (!find_match(d->filters[i]->plan->predicate, column))
            return false;
    return true;
}

static struct serde_filter *merge_filters(struct compile *c, const struct pushdown *d,
                                          int64_t column)
{
    struct serde_filter *f = ARENA_NEW(c->a, struct serde_filter);
    struct expr *const *values = NULL;
    size_t n = 0;
    size_t total = 0;
    for (size_t i = 0; i < d->count; i++) {
        text_match(find_match(d->filters[i]->plan->predicate, column), &values, &n);
        total += n;
    }
    struct str *texts = ARENA_ARRAY(c->a, struct str, total + 1);
    for (size_t i = 0; i < d->count; i++) {
        text_match(find_match(d->filters[i]->plan->predicate, column), &values, &n);
        for (size_t k = 0; k < n; k++)
            texts[f->count++] = values[k]->literal.column.str[0];
    }
    f->values = texts;
    return f;
}

static bool is_header(const struct phys_source *s, int32_t physical)
{
    for (uint32_t i = 0; i < s->header_count; i++)
        if ((int32_t)s->headers[i].column == physical)
            return true;
    return false;
}

// The logical value column whose texts all consumers of the source want; fills in the decoder's filter.
static void push_filter(struct compile *c, struct phys_node *n, struct phys_source *s)
{
    struct pushdown d = {.count = 0};
    struct expr *const *values;
    size_t count;
    if (n->output >= 0 || n->table || !gather_filters(&d, c->p, n))
        return;
    const struct expr *first = find_match(d.filters[0]->plan->predicate, -1);
    if (!first)
        return;
    const uint32_t column = text_match(first, &values, &count)->column;
    const int32_t physical = n->columns[column];
    if (column < n->plan->schema->key_count || is_header(s, physical) || !all_match(&d, column))
        return;
    struct serde_filter *f = merge_filters(c, &d, column);
    f->column = SIZE_MAX;
    for (uint32_t i = 0; i < s->value_count; i++)
        if (s->place[s->key_count + i] == (uint32_t)physical)
            f->column = i;
    assert(f->column != SIZE_MAX);
    s->filter = f;
    if (d.count == 1 && first == d.filters[0]->plan->predicate)
        d.filters[0]->predicate = NULL;
}

// --- decoders -----------------------------------------------------------------------------------

// The decoded columns of one side, in physical order, and their place among the record's fields.
struct side {
    struct serde_column *columns;
    struct serde_column *declared; // all of the side, whole
    uint32_t *positions;
    uint32_t *place;
    uint32_t count, fields;
};

enum side_kind { SIDE_KEY, SIDE_VALUE };

static void collect_side(struct side *out, struct arena *a, const struct phys_node *n,
                         const struct plan_source *decl, enum side_kind kind)
{
    const struct schema *logical = n->plan->schema;
    out->columns = ARENA_ARRAY(a, struct serde_column, logical->count + 1);
    out->declared = ARENA_ARRAY(a, struct serde_column, logical->count + 1);
    out->positions = ARENA_ARRAY(a, uint32_t, logical->count + 1);
    out->place = ARENA_ARRAY(a, uint32_t, logical->count + 1);
    out->count = out->fields = 0;
    for (uint32_t i = 0; i < logical->count; i++) {
        if ((i < logical->key_count) != (kind == SIDE_KEY) || plan_is_header(decl, i))
            continue;
        const int32_t at = n->columns[i];
        const uint32_t field = out->fields++;
        out->declared[field] =
            (struct serde_column){logical->columns[i].name, logical->columns[i].type};
        if (at < 0)
            continue;
        out->columns[out->count] =
            (struct serde_column){logical->columns[i].name, n->schema->columns[at].type};
        out->positions[out->count] = field;
        out->place[out->count++] = (uint32_t)at;
    }
}

static struct serde_spec side_spec(const struct compile *c, const struct side *s,
                                   enum serde_format format, const struct plan_schema *schema)
{
    return (struct serde_spec){
        .format = format,
        .columns = s->columns,
        .count = s->count,
        .wrapping = SERDE_WRAPPED,
        .positions = format == SERDE_DELIMITED ? s->positions : NULL,
        .fields = format == SERDE_DELIMITED ? s->fields : 0,
        .registry = c->spec->registry,
        .nullable = schema->nullable,
        .declared = s->declared,
        .declared_count = s->fields,
    };
}

static bool source_decoders(struct compile *c, struct phys_node *n, struct err *e)
{
    struct phys_source *s = &c->p->sources[n->source];
    const struct plan_source *decl = n->plan->source;
    struct side key;
    struct side value;
    collect_side(&key, c->a, n, decl, SIDE_KEY);
    collect_side(&value, c->a, n, decl, SIDE_VALUE);
    uint32_t *place = ARENA_ARRAY(c->a, uint32_t, key.count + value.count + 1);
    struct serde_column *columns =
        ARENA_ARRAY(c->a, struct serde_column, key.count + value.count + 1);
    for (uint32_t i = 0; i < key.count + value.count; i++) {
        const struct side *side = i < key.count ? &key : &value;
        const uint32_t k = i < key.count ? i : i - key.count;
        place[i] = side->place[k];
        columns[i] = side->columns[k];
    }
    s->place = place;
    s->columns = columns;
    s->key_count = key.count;
    s->value_count = value.count;
    push_filter(c, n, s);
    struct serde_spec key_spec = side_spec(c, &key, decl->key_format, &decl->key_schema);
    key_spec.wrapping =
        serde_key_unwrapped(decl->key_format, key.fields) ? SERDE_UNWRAPPED : SERDE_WRAPPED;
    struct serde_spec value_spec = side_spec(c, &value, decl->value_format, &decl->value_schema);
    value_spec.wrapping = decl->value_wrapping == PLAN_UNWRAPPED ? SERDE_UNWRAPPED : SERDE_WRAPPED;
    value_spec.filter = s->filter;
    key_spec.delimiter = decl->key_delimiter;
    value_spec.delimiter = decl->value_delimiter;
    if (key.count && decl->key_format != SERDE_NONE && !decoder_new(&s->key, c->a, &key_spec, e))
        return err_wrap(e, "source %.*s: key", STR_ARG(s->pub.object));
    if (decl->value_format != SERDE_NONE && !decoder_new(&s->value, c->a, &value_spec, e))
        return err_wrap(e, "source %.*s: value", STR_ARG(s->pub.object));
    return true;
}

bool compile_decoders(struct compile *c, struct err *e)
{
    for (uint32_t i = 0; i < c->p->count; i++)
        if (c->p->nodes[i]->kind == PLAN_SOURCE && !source_decoders(c, c->p->nodes[i], e))
            return false;
    return true;
}

// --- one statement's topic read by another ------------------------------------------------------

// Columns of one side of an object: all of them, keys or values.
static struct side whole_side(struct compile *c, const struct phys_node *n, enum side_kind kind)
{
    struct side s;
    collect_side(&s, c->a, n, NULL, kind);
    return s;
}

static bool same_rows(const struct schema *x, const struct schema *y)
{
    if (x->count != y->count || x->key_count != y->key_count)
        return false;
    for (uint32_t i = 0; i < x->count; i++)
        if (!type_equal(x->columns[i].type, y->columns[i].type) ||
            !str_eq(x->columns[i].name, y->columns[i].name))
            return false;
    return true;
}

// Between two streams of one job schemas are registered nowhere: bytes only pass through memory.
static bool convert_schemas(struct compile *c, struct serde_spec spec[4], struct err *e)
{
    struct registry *registry = registry_memory_new(c->a);
    for (size_t i = 0; i < 4; i++) {
        spec[i].registry = registry;
        if (i < 2 && !serde_register(&spec[i], c->a, i == 0 ? STR("key") : STR("value"), e))
            return false;
    }
    return true;
}

bool compile_convert(struct compile *c, struct phys_node *n, struct err *e)
{
    const struct phys_node *in = n->inputs[0];
    const struct plan_formats *to = n->plan->formats;
    const struct plan_formats *from = in->plan->formats;
    struct use *all = ARENA_ARRAY(c->a, struct use, n->plan->schema->count + 1);
    for (uint32_t i = 0; i < n->plan->schema->count; i++)
        all[i] = (struct use){.used = true, .all = true};
    compile_schema(c, n, all);
    assert(in->schema->count == in->plan->schema->count);
    const bool json = !to || (to->value_format == SERDE_JSON && to->key_format != SERDE_DELIMITED &&
                              from && from->value_wrapping == to->value_wrapping);
    if (!to || !from || (json && same_rows(n->schema, in->schema)))
        return true;
    struct phys_convert *v = ARENA_NEW(c->a, struct phys_convert);
    const struct side sides[4] = {whole_side(c, in, SIDE_KEY), whole_side(c, in, SIDE_VALUE),
                                  whole_side(c, n, SIDE_KEY), whole_side(c, n, SIDE_VALUE)};
    struct serde_spec spec[4] = {side_spec(c, &sides[0], from->key_format, &from->key_schema),
                                 side_spec(c, &sides[1], from->value_format, &from->value_schema),
                                 side_spec(c, &sides[2], to->key_format, &to->key_schema),
                                 side_spec(c, &sides[3], to->value_format, &to->value_schema)};
    spec[0].wrapping =
        serde_key_unwrapped(spec[0].format, sides[0].count) ? SERDE_UNWRAPPED : SERDE_WRAPPED;
    spec[2].wrapping =
        serde_key_unwrapped(spec[2].format, sides[2].count) ? SERDE_UNWRAPPED : SERDE_WRAPPED;
    spec[1].wrapping = from->value_wrapping == PLAN_UNWRAPPED ? SERDE_UNWRAPPED : SERDE_WRAPPED;
    spec[3].wrapping = to->value_wrapping == PLAN_UNWRAPPED ? SERDE_UNWRAPPED : SERDE_WRAPPED;
    spec[0].delimiter = from->key_delimiter;
    spec[1].delimiter = from->value_delimiter;
    spec[2].delimiter = to->key_delimiter;
    spec[3].delimiter = to->value_delimiter;
    if (!convert_schemas(c, spec, e))
        return err_wrap(e, "topic of %.*s", STR_ARG(in->plan->name));
    if (sides[0].count && spec[0].format != SERDE_NONE &&
        !encoder_new(&v->key_encoder, c->a, &spec[0], e))
        return err_wrap(e, "topic of %.*s", STR_ARG(in->plan->name));
    if (sides[1].count && !encoder_new(&v->value_encoder, c->a, &spec[1], e))
        return err_wrap(e, "topic of %.*s", STR_ARG(in->plan->name));
    if (sides[2].count && spec[2].format != SERDE_NONE &&
        !decoder_new(&v->key_decoder, c->a, &spec[2], e))
        return err_wrap(e, "source %.*s", STR_ARG(n->plan->name));
    if (sides[3].count && !decoder_new(&v->value_decoder, c->a, &spec[3], e))
        return err_wrap(e, "source %.*s", STR_ARG(n->plan->name));
    n->convert = v;
    return true;
}
