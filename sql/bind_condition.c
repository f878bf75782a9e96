// Conditions of joins: which sides they have, what can be joined to what, and what the key of the result can be.
#include "sql/bind_join.h"

#include <assert.h>

// --- the condition -----------------------------------------------------------------------------------

static const char *join_text(enum ast_join join)
{
    static const char *const names[] = {
        [AST_JOIN_NONE] = "JOIN",
        [AST_JOIN_INNER] = "[INNER] JOIN",
        [AST_JOIN_LEFT] = "LEFT [OUTER] JOIN",
        [AST_JOIN_RIGHT] = "RIGHT [OUTER] JOIN",
        [AST_JOIN_FULL] = "[FULL] OUTER JOIN",
    };
    return names[join];
}

// The one relation that x names; NULL = none or several.
static struct from_source *only_source(const struct from *f, const struct ast_expr *x,
                                       bool *several)
{
    struct from_source *found =
        x->kind == AST_COLUMN && x->qualifier.p ? from_find(f, x->qualifier) : NULL;
    for (uint32_t i = 0; i < x->arg_count; i++) {
        struct from_source *below = only_source(f, x->args[i], several);
        *several |= found && below && found != below;
        found = below ? below : found;
    }
    return *several ? NULL : found;
}

static bool side_source(struct from_source **out, const struct from *f, const struct condition *c,
                        const struct ast_expr *side)
{
    bool several = false;
    *out = only_source(f, side, &several);
    return *out ||
           bind_fail(f->b, &side->pos,
                     "Invalid comparison expression '%s' in join '%s'. Each side of the join "
                     "comparision must contain references from exactly one source.",
                     bind_text(f->b, side), bind_text(f->b, c->whole));
}

static bool check_shape(const struct from *f, const struct condition *c)
{
    const struct ast_expr *x = c->whole;
    if (x->kind == AST_AND || x->kind == AST_OR)
        return bind_fail(f->b, &x->pos,
                         "Invalid join condition: joins on multiple conditions are not yet "
                         "supported. Got %s.",
                         bind_text(f->b, x));
    if (x->kind != AST_COMPARE)
        return bind_fail(f->b, &x->pos,
                         "Unsupported join expression: %s. Only comparisons are supported.",
                         bind_text(f->b, x));
    if (x->op != EXPR_EQ)
        return bind_fail(f->b, &x->pos, "Only equality join criteria is supported.");
    return true;
}

// Which side is the joined relation's; the other must be of one before it.
static bool split(struct condition *c, const struct from *f, uint32_t i)
{
    struct from_source *left, *right;
    c->left = c->whole->args[0];
    c->right = c->whole->args[1];
    if (!side_source(&left, f, c, c->left) || !side_source(&right, f, c, c->right))
        return false;
    struct from_source *joined = &f->v[i];
    if ((left == joined) == (right == joined) || left > joined || right > joined)
        return bind_fail(
            f->b, &c->whole->pos,
            "A join criteria is expected to reference the source (`%.*s`) in the FROM clause, "
            "instead the right source references `%.*s` and the left source references `%.*s`",
            STR_ARG(joined->alias), STR_ARG(right->alias), STR_ARG(left->alias));
    c->left_source = left == joined ? right : left;
    c->right_source = joined;
    if (left == joined) {
        c->left = c->whole->args[1];
        c->right = c->whole->args[0];
    }
    return true;
}

// --- windows -----------------------------------------------------------------------------------------

static enum window_kind window_of(const struct bind_object *o)
{
    return o->node->formats->window.kind;
}

static const char *window_name(enum window_kind kind)
{
    static const char *const names[] = {
        [WINDOW_NONE] = "not",
        [WINDOW_TUMBLING] = "TUMBLING",
        [WINDOW_HOPPING] = "HOPPING",
        [WINDOW_SESSION] = "SESSION",
    };
    return names[kind];
}

static bool check_windows(const struct from *f, const struct condition *c)
{
    const bool left = c->left_source->object->node->schema->windowed;
    const bool right = c->right_source->object->node->schema->windowed;
    const enum window_kind x = left ? window_of(c->left_source->object) : WINDOW_NONE;
    const enum window_kind y = right ? window_of(c->right_source->object) : WINDOW_NONE;
    if (left != right)
        return bind_fail(f->b, &c->relation->pos,
                         "Can not join windowed source to non-windowed source.\n`%.*s` is %s "
                         "windowed\n`%.*s` is %s windowed",
                         STR_ARG(c->left_source->alias), window_name(x),
                         STR_ARG(c->right_source->alias), window_name(y));
    if ((x == WINDOW_SESSION) != (y == WINDOW_SESSION))
        return bind_fail(
            f->b, &c->relation->pos,
            "Incompatible windowed sources.\nLeft source: %s\nRight source: %s\nSession windowed "
            "sources can only be joined to other session windowed sources, and may still not "
            "result in expected behaviour as session bounds must be an exact match for the join "
            "to work\nHopping and tumbling windowed sources can only be joined to other hopping "
            "and tumbling windowed sources",
            window_name(x), window_name(y));
    return true;
}

// --- what can be joined to what ----------------------------------------------------------------------

static bool bad_join(const struct from *f, const struct condition *c, const char *what)
{
    return bind_fail(f->b, &c->relation->pos, "Invalid join %s. Got %s %s %s.", what,
                     bind_name_text(f->b, c->left_source->alias), join_text(c->relation->join),
                     bind_name_text(f->b, c->right_source->alias));
}

static bool bad_condition(const struct from *f, const struct condition *c, const char *what)
{
    return bind_fail(f->b, &c->whole->pos, "Invalid join condition: %s. Got %s = %s.", what,
                     bind_text(f->b, c->whole->args[0]), bind_text(f->b, c->whole->args[1]));
}

static bool check_within(const struct from *f, struct condition *c)
{
    const struct ast_relation *r = c->relation;
    const bool given = r->before.unit.p != NULL;
    if (c->kind == PLAN_JOIN_STREAM_STREAM) {
        if (!given)
            return bind_fail(
                f->b, &r->pos,
                "Stream-Stream joins must have a WITHIN clause specified. None was provided. To "
                "learn about how to specify a WITHIN clause with a stream-stream join, please "
                "visit: https://docs.confluent.io/current/ksql/docs/syntax-reference.html"
                "#create-stream-as-select");
        return bind_duration(&c->spec.before_ms, f->b, &r->pos, &r->before) &&
               bind_duration(&c->spec.after_ms, f->b, &r->pos, &r->after) &&
               bind_duration(&c->spec.grace_ms, f->b, &r->pos, &r->grace);
    }
    if (given && c->kind == PLAN_JOIN_STREAM_TABLE)
        return bind_fail(f->b, &r->pos,
                         "A window definition was provided for a Stream-Table join. These joins "
                         "are not windowed. Please drop the window definition (i.e. the WITHIN "
                         "clause) and try to execute your Stream-Table join again.");
    return !given ||
           bind_fail(f->b, &r->pos,
                     "A window definition was provided for a Table-Table join. These joins are "
                     "not windowed. Please drop the window definition (i.e. the WITHIN clause) "
                     "and try to execute your Table-Table join again.");
}

static bool check_kind(struct condition *c, const struct from *f)
{
    static const enum join_kind kinds[] = {
        [AST_JOIN_NONE] = JOIN_INNER,  [AST_JOIN_INNER] = JOIN_INNER, [AST_JOIN_LEFT] = JOIN_LEFT,
        [AST_JOIN_RIGHT] = JOIN_RIGHT, [AST_JOIN_FULL] = JOIN_FULL,
    };
    const bool right_table = c->right_source->object->node->table;
    c->spec = (struct join_spec){
        .kind = kinds[c->relation->join],
        .session = c->left_source->object->node->schema->windowed &&
                   window_of(c->left_source->object) == WINDOW_SESSION,
        .window_size_ms = f->v[0].object->node->formats->window.size_ms,
        .before_ms = -1,
        .after_ms = -1,
        .grace_ms = -1,
    };
    if (f->v[0].object->node->table && !right_table)
        return bad_join(f, c,
                        "order: table-stream joins are not supported; only stream-table joins");
    c->kind = f->v[0].object->node->table ? PLAN_JOIN_TABLE_TABLE
              : right_table               ? PLAN_JOIN_STREAM_TABLE
                                          : PLAN_JOIN_STREAM_STREAM;
    if (c->kind == PLAN_JOIN_STREAM_TABLE && c->spec.kind == JOIN_FULL)
        return bad_join(f, c, "type: full-outer join not supported for stream-table join");
    if (c->kind == PLAN_JOIN_STREAM_TABLE && c->spec.kind == JOIN_RIGHT)
        return bad_join(f, c, "type: right-outer join not supported for stream-table join");
    return check_within(f, c);
}

// x is the one column of the relation's key.
bool bind_is_sole_key(const struct from_source *s, const struct ast_expr *x)
{
    const struct schema *schema = s->object->node->schema;
    return x->kind == AST_COLUMN && schema->key_count == 1 &&
           str_eq(x->text, schema->columns[0].name);
}

bool bind_same_column(const struct ast_expr *x, const struct ast_expr *y)
{
    return x->kind == AST_COLUMN && y->kind == AST_COLUMN && str_eq(x->text, y->text) &&
           str_eq(x->qualifier, y->qualifier);
}

static bool is_viable(const struct from *f, const struct ast_expr *x)
{
    for (uint32_t i = 0; i < f->viable_count; i++)
        if (bind_same_column(f->viable[i], x))
            return true;
    return false;
}

static bool check_foreign(struct condition *c, const struct from *f, uint32_t i)
{
    if (i > 1)
        return bad_condition(f, c,
                             "foreign-key table-table joins are not supported as part of n-way "
                             "joins");
    if (c->left_source->object->node->schema->windowed)
        return bind_fail(f->b, &c->relation->pos,
                         "Foreign-key table-table joins are not supported on windowed tables.");
    if (c->spec.kind == JOIN_RIGHT || c->spec.kind == JOIN_FULL)
        return bind_fail(f->b, &c->relation->pos, "%s OUTER JOIN on a foreign key is not supported",
                         c->spec.kind == JOIN_RIGHT ? "RIGHT" : "FULL");
    c->kind = PLAN_JOIN_FOREIGN_KEY;
    return true;
}

static bool bind_side(struct expr **out, const struct from *f, const struct from_source *s,
                      const struct ast_expr *x)
{
    const struct scope sc = {.b = f->b,
                             .schema = s->object->node->schema,
                             .alias = s->alias,
                             .clause = "JOIN ON",
                             .from_topic = s->object->declared,
                             .item = x};
    return bind_expr(out, &sc, x);
}

static bool check_types(const struct from *f, const struct condition *c)
{
    const bool flipped = c->left != c->whole->args[0];
    const struct type *x = (flipped ? c->right_key : c->left_key)->type;
    const struct type *y = (flipped ? c->left_key : c->right_key)->type;
    return (x && y && type_equal(x, y)) ||
           bind_fail(f->b, &c->whole->pos,
                     "Invalid join condition: types don't match. Got %s{%s} = %s{%s}.",
                     bind_text(f->b, c->whole->args[0]), bind_type_text(f->b, x),
                     bind_text(f->b, c->whole->args[1]), bind_type_text(f->b, y));
}

static bool check_keys(struct condition *c, const struct from *f, uint32_t i)
{
    if (c->kind == PLAN_JOIN_STREAM_STREAM)
        return true;
    if (!bind_is_sole_key(c->right_source, c->right))
        return bad_condition(f, c,
                             c->kind == PLAN_JOIN_STREAM_TABLE
                                 ? "stream-table joins require to join on the table's primary key"
                                 : "table-table joins require to join on the primary key of the "
                                   "right input table");
    if (c->kind == PLAN_JOIN_STREAM_TABLE)
        return true;
    const bool keyed = i == 1 ? bind_is_sole_key(c->left_source, c->left) : is_viable(f, c->left);
    return keyed || check_foreign(c, f, i);
}

static int partitions_of(const struct bind_object *o)
{
    return o->node->formats ? o->node->formats->partitions : 0;
}

static bool check_partitions(const struct from *f, const struct condition *c)
{
    const int left = partitions_of(c->left_source->object);
    const int right = partitions_of(c->right_source->object);
    if (c->kind == PLAN_JOIN_FOREIGN_KEY || !left || !right || left == right)
        return true;
    const struct str x = c->left_source->alias, y = c->right_source->alias;
    return bind_fail(f->b, &c->relation->pos,
                     "Can't join `%.*s` with `%.*s` since the number of partitions don't match. "
                     "`%.*s` partitions = %d; `%.*s` partitions = %d. Please repartition either "
                     "one so that the number of partitions match.",
                     STR_ARG(x), STR_ARG(y), STR_ARG(x), left, STR_ARG(y), right);
}

// --- the key of the result ---------------------------------------------------------------------------

static void add_viable(struct from *f, const struct ast_expr *x)
{
    struct ast_expr **v = ARENA_ARRAY(f->b->a, struct ast_expr *, f->viable_count + 1);
    for (uint32_t i = 0; i < f->viable_count; i++)
        v[i] = f->viable[i];
    v[f->viable_count] = ARENA_NEW(f->b->a, struct ast_expr);
    *v[f->viable_count++] = *x;
    f->viable = v;
}

static void add_left_keys(struct from *f, const struct from_source *s)
{
    const struct schema *schema = s->object->node->schema;
    for (uint32_t i = 0; i < schema->key_count; i++) {
        struct ast_expr *x = from_column(f->b, schema->columns[i].name, &f->written->pos);
        x->qualifier = s->alias;
        add_viable(f, x);
    }
}

static void choose_key(struct from *f, const struct condition *c)
{
    const bool kept = is_viable(f, c->left);
    if (!kept || c->spec.kind == JOIN_FULL)
        f->viable_count = 0;
    f->foreign = c->kind == PLAN_JOIN_FOREIGN_KEY;
    if (f->foreign) {
        add_left_keys(f, c->left_source);
    } else if (c->spec.kind != JOIN_FULL) {
        if (c->left->kind == AST_COLUMN && !kept)
            add_viable(f, c->left);
        if (c->right->kind == AST_COLUMN)
            add_viable(f, c->right);
    }
    f->synthetic = f->viable_count == 0;
}

bool bind_condition(struct condition *c, struct from *f, uint32_t i)
{
    c->whole = f->on[i];
    c->relation = f->v[i].relation;
    if (!check_shape(f, c) || !split(c, f, i) || !check_windows(f, c) ||
        !bind_side(&c->left_key, f, c->left_source, c->left) ||
        !bind_side(&c->right_key, f, c->right_source, c->right) || !check_kind(c, f) ||
        !check_keys(c, f, i) || !check_types(f, c) || !check_partitions(f, c))
        return false;
    choose_key(f, c);
    return true;
}
