#include "orchestrator/sqltest/run_case.h"

#include "orchestrator/sqltest/answer.h"
#include "orchestrator/sqltest/match.h"
#include "orchestrator/sqltest/post.h"
#include "orchestrator/sqltest/query.h"
#include "orchestrator/sqltest/refusal.h"
#include "orchestrator/sqltest/sink.h"
#include "orchestrator/sqltest/schemas.h"
#include "sql/sql.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define DETAIL_BYTES_MAX ((size_t)16 << 20)

struct runner {
    struct arena *a;
    const struct suite_case *c;
    uint64_t window;
    struct verdict *out;
    const struct plan *plan;
    struct stub stub;
    struct query_input *inputs; // in file order
    struct feed feed;           // of them
};

static bool fail(struct runner *s, const char *fmt, ...) ERR_PRINTF(2, 3);
static bool fail(struct runner *s, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    s->out->status = VERDICT_FAIL;
    s->out->reason = arena_str(s->a, str_from(text));
    return false;
}

static bool plan_case(struct runner *s, struct err *e)
{
    const struct sql_script script = {"statements", s->c->text};
    struct sql_property *properties =
        ARENA_ARRAY(s->a, struct sql_property, s->c->property_count + 1);
    for (uint32_t i = 0; i < s->c->property_count; i++)
        properties[i] = (struct sql_property){s->c->properties[i].name, s->c->properties[i].value};
    const struct sql_spec spec = {.scripts = &script,
                                  .count = 1,
                                  .use = SQL_TEST,
                                  .properties = properties,
                                  .property_count = s->c->property_count,
                                  .registry = s->stub.registry};
    return schemas_register(s->stub.registry, s->a, s->c, e) &&
           sql_plan_spec(&s->plan, s->a, &spec, e);
}

// --- inputs --------------------------------------------------------------------------------------

static bool load_inputs(struct runner *s)
{
    const struct jnode *list = jnode_get(s->c->node, STR("inputs"));
    const uint32_t n = list && list->kind == JNODE_ARRAY ? list->count : 0;
    s->inputs = ARENA_ARRAY(s->a, struct query_input, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const struct str name = jnode_text(&list->items[i], STR("topic"));
        const struct stub_shape shape = stub_shape(s->plan, &s->stub, name);
        struct stub_topic *topic = stub_topic(&s->stub, name);
        struct stub_record *r = ARENA_NEW(s->a, struct stub_record);
        struct err e;
        topic->fed = true;
        if (!record_encode(r, s->a, &shape, &list->items[i], &e))
            return fail(s, "input %u: %s", i + 1, e.text);
        s->inputs[i] = (struct query_input){topic, r};
    }
    s->feed = (struct feed){s->a, &s->stub, s->inputs, n};
    return true;
}

// --- queries -------------------------------------------------------------------------------------

// INSERT … VALUES write before any query reads.
static bool insert_rows(struct runner *s)
{
    for (uint32_t i = 0; i < s->plan->step_count; i++) {
        struct stub_topic *topic;
        struct err e;
        if (s->plan->steps[i].kind == STEP_INSERT &&
            !sink_insert(&topic, &s->stub, &s->plan->steps[i].row, &e))
            return fail(s, "%s", e.text);
    }
    return true;
}

static bool run_queries(struct runner *s)
{
    if (!insert_rows(s))
        return false;
    if (s->plan->query_count == 0 && s->plan->step_count == 0)
        return fail(s, "the statements start no persistent query");
    for (uint32_t i = 0; i < s->plan->query_count; i++) {
        const struct query_spec spec = {s->plan->queries[i], &s->stub, s->window, NULL};
        struct query *q;
        struct err e;
        struct query_input *list;
        bool ok = query_open(&q, &spec, &e);
        if (ok) {
            const size_t n = feed_list(&list, &s->feed, q);
            ok = query_feed(q, list, n, &e);
        }
        query_close(q);
        if (!ok)
            return fail(s, "%.*s: %s", STR_ARG(spec.plan->id), e.text);
    }
    return true;
}

// --- outputs -------------------------------------------------------------------------------------

static bool is_near(const struct suite_case *c)
{
    for (uint32_t i = 0; i < c->property_count; i++)
        if (str_eq(c->properties[i].name, STR("use.exact.numeric.comparison")))
            return str_eq_nocase(c->properties[i].value, STR("false"));
    return false;
}

static void print_rows(struct buf *out, const struct stub_shape *shape, const struct stub_topic *t,
                       const struct jnode *const *expected, uint32_t n)
{
    for (uint32_t i = 0; i < n || i < t->n; i++) {
        if (i < n) {
            buf_text(out, "- ");
            jnode_print(out, expected[i]);
            buf_char(out, '\n');
        }
        if (i < t->n) {
            buf_text(out, "+ ");
            record_print(out, shape, &t->records[i]);
            buf_char(out, '\n');
        }
    }
}

static bool check_topic(struct runner *s, struct stub_topic *t, const struct jnode *outputs)
{
    const struct stub_shape shape = stub_shape(s->plan, &s->stub, t->name);
    const struct jnode *inputs = jnode_get(s->c->node, STR("inputs"));
    const struct match m = {.a = s->a,
                            .shape = &shape,
                            .numbers = is_near(s->c) ? MATCH_NEAR : MATCH_EXACT,
                            .any_zero_time = !inputs || inputs->count == 0};
    const struct jnode **expected = ARENA_ARRAY(s->a, const struct jnode *, outputs->count + 1);
    struct buf why, detail;
    uint32_t n = 0, at = 0;
    for (uint32_t i = 0; i < outputs->count; i++)
        if (str_eq(jnode_text(&outputs->items[i], STR("topic")), t->name))
            expected[n++] = &outputs->items[i];
    buf_init(&why, DETAIL_BYTES_MAX);
    while (at < n && at < t->n && match_record(&why, &m, expected[at], &t->records[at]))
        at++;
    const bool ok = at == n && at == t->n;
    if (!ok && why.n == 0)
        buf_printf(&why, "%u records expected, %u found", n, t->n);
    if (!ok) {
        buf_init(&detail, DETAIL_BYTES_MAX);
        print_rows(&detail, &shape, t, expected, n);
        s->out->detail = arena_str(s->a, buf_view(&detail));
        buf_fini(&detail);
        (void)fail(s, "topic %.*s, record %u: %.*s", STR_ARG(t->name), at + 1, (int)why.n, why.p);
    }
    buf_fini(&why);
    return ok;
}

static bool check_outputs(struct runner *s)
{
    const struct jnode *outputs = jnode_get(s->c->node, STR("outputs"));
    static const struct jnode none = {.kind = JNODE_ARRAY};
    outputs = outputs && outputs->kind == JNODE_ARRAY ? outputs : &none;
    for (uint32_t i = 0; i < outputs->count; i++) {
        const struct str name = jnode_text(&outputs->items[i], STR("topic"));
        if (!check_topic(s, stub_topic(&s->stub, name), outputs))
            return false;
    }
    if (outputs->count || s->plan->query_count == 0 || jnode_get(s->c->node, STR("responses")))
        return true;
    // No output expected: then the last query writes nothing.
    const struct plan_query *last = s->plan->queries[s->plan->query_count - 1];
    return check_topic(s, stub_topic(&s->stub, last->object->formats->topic), outputs);
}

// --- answers -------------------------------------------------------------------------------------

static bool check_answers(struct runner *s)
{
    const struct answer_case c = {.a = s->a,
                                  .plan = s->plan,
                                  .stub = &s->stub,
                                  .window = s->window,
                                  .feed = &s->feed,
                                  .responses = jnode_get(s->c->node, STR("responses")),
                                  .numbers = is_near(s->c) ? MATCH_NEAR : MATCH_EXACT};
    struct buf why;
    buf_init(&why, DETAIL_BYTES_MAX);
    const bool ok = answers_check(&why, &c) || fail(s, "%.*s", (int)why.n, why.p);
    buf_fini(&why);
    return ok;
}

// --- the case ------------------------------------------------------------------------------------

static void run_positive(struct runner *s)
{
    struct err e = {0};
    struct str why;
    if (!plan_case(s, &e)) {
        if (refusal_is_test_function(&e, s->c->text)) {
            s->out->status = VERDICT_SKIP;
            s->out->reason = STR("needs a function written in Java for ksqlDB's own tests");
            return;
        }
        (void)fail(s, "%s", e.text);
        return;
    }
    if (!load_inputs(s) || !run_queries(s) || !check_outputs(s) || !check_answers(s))
        return;
    const struct jnode *post = jnode_get(s->c->node, STR("post"));
    if (!post_check(&why, s->a, s->plan, post) ||
        !schemas_check(&why, s->a, s->stub.registry, post))
        (void)fail(s, "%.*s", STR_ARG(why));
}

static struct str last_statement(const struct suite_case *c)
{
    const struct jnode *list = jnode_get(c->node, STR("statements"));
    return list->items[list->count - 1].text;
}

static void run_negative(struct runner *s, const struct jnode *expected)
{
    struct err e = {0};
    s->out->negative = true;
    const bool planned = plan_case(s, &e);
    if (planned) {
        if (s->plan->query_count == 0 || (load_inputs(s) && run_queries(s))) {
            (void)fail(s, "every statement is accepted and runs: expected a refusal");
            return;
        }
        e = (struct err){.kind = ERR_SQL};
        snprintf(e.text, sizeof e.text, "%.*s", STR_ARG(s->out->reason));
    } else if (refusal_is_test_function(&e, s->c->text)) {
        s->out->status = VERDICT_SKIP;
        s->out->reason = STR("needs a function written in Java for ksqlDB's own tests");
        return;
    }
    const unsigned last = s->c->first_line[s->c->statements - 1];
    if (!planned && e.line < last) {
        (void)fail(s, "an earlier statement is refused: line %u: %s", e.line, e.text);
        return;
    }
    if (jnode_get(s->c->node, STR("expectedError"))) // each statement was sent by itself
        e.line -= planned ? 0 : last - 1;
    s->out->status = VERDICT_PASS;
    s->out->message =
        refusal_agrees(&e, last_statement(s->c), expected) ? MESSAGE_MATCH : MESSAGE_DIFFERS;
    s->out->reason = STR_NONE;
    if (s->out->message == MESSAGE_DIFFERS)
        s->out->reason = arena_str(s->a, str_from(e.text));
}

void run_case(struct verdict *out, struct arena *a, const struct suite_case *c, uint64_t window)
{
    assert(window > 0);
    struct runner s = {.a = a,
                       .c = c,
                       .window = window,
                       .out = out,
                       .stub = {.a = a, .registry = registry_memory_new(a)}};
    const struct jnode *refused = jnode_get(c->node, STR("expectedException"));
    refused = refused ? refused : jnode_get(c->node, STR("expectedError"));
    out->test = c->test;
    out->name = c->name;
    out->status = VERDICT_PASS;
    if (!c->enabled) {
        out->status = VERDICT_SKIP;
        out->negative = refused != NULL;
        out->reason = STR("disabled in the file");
    } else if (refused) {
        run_negative(&s, refused);
    } else {
        run_positive(&s);
    }
}
