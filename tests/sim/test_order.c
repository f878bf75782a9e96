// P1 (DESIGN section 3), from the broker on: for the plans made, the uncollapsed changelog of every output is the reference's
// (windows of one record, no threads, nothing disturbed), whatever the window size, the threads, the fetch cuts, crashes and restarts.
#include "base/kv.h"
#include "base/pool.h"
#include "jobs/run/sequence.h"
#include "sql/sql.h"
#include "tests/support/engine.h"
#include "tests/support/job_programs.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <unistd.h>

enum {
    OUTPUTS = JOB_PROGRAM_OUTPUTS_MAX,
    BATCHES_MAX = 64,
    TOPICS = 2,
    PARTITIONS = JOB_SCENARIO_PARTITIONS,
    LANES = TOPICS * PARTITIONS,
};

static const struct str topics[TOPICS] = {{"tx", 2}, {"ty", 2}};

struct batch_plan {
    struct sequence_range ranges[LANES];
    size_t count;
};

struct plans {
    struct batch_plan v[BATCHES_MAX];
    size_t n;
};

struct life {
    struct arena *a;
    const struct program *program;
    const struct str *properties;
    struct kv *kv;
    struct pool *pool;
    struct exec *x;
    struct source *source;
    struct clock_virtual time;
    struct clock clock;
    struct durable *durable;
    uint64_t batch;
    uint32_t window;
    struct buf out[OUTPUTS], dead;
};

static bool emit(void *arg, size_t output, const struct block *b, struct err *e)
{
    struct life *l = arg;
    assert_non_null(e);
    engine_print(&l->out[output], "", b);
    return true;
}

static bool dead(void *arg, const struct sequence_range *range, const struct scan_record *record,
                 struct str reason, struct err *e)
{
    struct life *l = arg;
    assert_non_null(e);
    buf_printf(&l->dead, "%u/%d:%lld %.*s\n", range->topic, (int)range->partition,
               (long long)record->offset, STR_ARG(reason));
    return true;
}

static const struct program *compile(struct arena *a, const struct job_program *p)
{
    struct err e;
    const struct plan *plan;
    const struct program *program;
    const struct sql_script script = {"p.sql", str_from(p->spec.sql)};
    struct program_output_spec outputs[OUTPUTS];
    size_t n = 0;
    for (; p->outputs[n]; n++)
        outputs[n] = (struct program_output_spec){.name = str_from(p->outputs[n]),
                                                  .collapse = OUTPUT_EVERY_CHANGE};
    const struct program_spec spec = {
        .outputs = outputs, .output_count = n, .collapse = PROGRAM_NO_COLLAPSE};
    assert_ok(sql_plan(&plan, a, &script, 1, &e), &e);
    struct program_spec with = spec;
    with.plan = plan;
    assert_ok(program_compile(&program, a, &with, &e), &e);
    return program;
}

static void start(struct life *l)
{
    struct err e;
    const struct exec_spec spec = {.program = l->program,
                                   .kv = l->kv,
                                   .job = "p1",
                                   .pool = l->pool,
                                   .dirty_state_max = (size_t)64 << 20,
                                   .cache_max = 1 << 16,
                                   .emit = emit,
                                   .emit_arg = l};
    const struct source_spec source = {.topics = topics,
                                       .topic_count = TOPICS,
                                       .properties = l->properties,
                                       .property_count = 1,
                                       .durable = l->durable};
    assert_ok(exec_open(&l->x, &spec, &e), &e);
    assert_ok(source_fake.open(&l->source, &source, &e), &e);
}

static void stop(struct life *l)
{
    exec_close(l->x);
    source_fake.close(l->source);
}

// A new process over the same state.
static void restart(struct life *l)
{
    stop(l);
    start(l);
}

static void life_init(struct life *l, struct kv *kv, size_t threads, uint32_t window)
{
    l->kv = kv;
    l->pool = threads ? pool_new(threads) : NULL;
    l->window = window;
    l->clock = clock_from_virtual(&l->time);
    for (size_t i = 0; i < OUTPUTS; i++)
        buf_init(&l->out[i], (size_t)64 << 20);
    buf_init(&l->dead, (size_t)64 << 20);
    start(l);
}

static void life_fini(struct life *l)
{
    stop(l);
    if (l->pool)
        pool_free(l->pool);
    for (size_t i = 0; i < OUTPUTS; i++)
        buf_fini(&l->out[i]);
    buf_fini(&l->dead);
}

// Reads up to `most` records of the ranges; `abandon`: all of it in vain, after that many windows. Fills the real ends.
static bool batch(struct life *l, struct batch_plan *plan, uint64_t most, uint64_t abandon)
{
    struct err e;
    struct sequence *s;
    struct batch_range ends[LANES] = {{.start = 0}};
    const struct sequence_spec spec = {
        .program = l->program,
        .source = l->source,
        .ranges = plan->ranges,
        .range_count = plan->count,
        .order = program_order(l->program) == ORDER_ALIGNED ? SEQUENCE_MERGE : SEQUENCE_STRIPES,
        .seq_base = l->batch << 40,
        .window = l->window,
        .pool = l->pool,
        .clock = &l->clock,
        .patience_ms = 1000,
        .dead = dead,
        .dead_arg = l,
    };
    const struct block_list *inputs;
    assert_ok(exec_batch_begin(l->x, 1700000000000, l->batch, &e), &e);
    assert_ok(sequence_open(&s, &spec, &e), &e);
    for (uint64_t windows = 1;; windows++) {
        enum sequence_step step = sequence_next(s, &inputs, &e);
        if (step == SEQUENCE_FAILED)
            fail_msg("%s", e.text);
        if (step == SEQUENCE_END)
            break;
        assert_ok(exec_window(l->x, inputs, &e), &e);
        if (windows == abandon) {
            sequence_close(s);
            exec_rollback(l->x);
            return false;
        }
        if (sequence_records(s) >= most)
            break;
    }
    assert_ok(exec_batch_end(l->x, &e), &e);
    sequence_finish(s, ends);
    sequence_close(s);
    for (size_t i = 0; i < plan->count; i++) {
        assert_true(ends[i].end >= plan->ranges[i].start && ends[i].end <= plan->ranges[i].end);
        plan->ranges[i].end = ends[i].end;
        plan->ranges[i].anchored = false;
    }
    return true;
}

static void save(struct life *l)
{
    struct err e;
    struct kv_txn *t;
    if (l->kv) {
        assert_ok(kv_begin_write(&t, l->kv, &e), &e);
        assert_ok(exec_save(l->x, t, &e), &e);
        assert_ok(kv_commit(t, &e), &e);
    }
    exec_committed(l->x);
}

// One batch from the positions, disturbed now and then.
static void disturbed_batch(struct life *l, struct job_world *w, struct job_random *r,
                            const struct batch_plan *from, struct plans *plans)
{
    size_t marks[OUTPUTS + 1];
    for (size_t i = 0; i < OUTPUTS; i++)
        marks[i] = l->out[i].n;
    marks[OUTPUTS] = l->dead.n;
    l->batch++;
    for (;;) {
        struct batch_plan *plan = &plans->v[plans->n];
        *plan = *from;
        l->window = 1 + (uint32_t)job_random_below(r, 3) * (uint32_t)job_random_below(r, 40);
        source_fake_reseed(w->broker, job_random_below(r, 3) ? job_random_next(r) : 0);
        uint64_t abandon = job_random_below(r, 4) == 0 ? 1 + job_random_below(r, 3) : 0;
        if (batch(l, plan, 5 + job_random_below(r, 60), abandon))
            break;
        for (size_t i = 0; i < OUTPUTS; i++)
            l->out[i].n = marks[i];
        l->dead.n = marks[OUTPUTS];
        if (job_random_below(r, 2))
            restart(l);
    }
    save(l);
    plans->n++;
    if (job_random_below(r, 4) == 0)
        restart(l);
}

static bool reads(const struct program *p, uint32_t topic)
{
    for (size_t i = 0; i < program_source_count(p); i++)
        if (str_eq(program_source(p, i)->topic, topics[topic]))
            return true;
    return false;
}

// Lane of (topic, partition) in positions.
static int64_t *position(int64_t *at, uint32_t topic, int32_t partition)
{
    return &at[topic * PARTITIONS + (uint32_t)partition];
}

static size_t remaining(const struct life *l, const struct job_world *w, int64_t *at,
                        struct batch_plan *out)
{
    *out = (struct batch_plan){.count = 0};
    for (uint32_t t = 0; t < TOPICS; t++) {
        for (int32_t p = 0; p < PARTITIONS && reads(l->program, t); p++) {
            int64_t start = *position(at, t, p), end = source_fake_end(w->broker, topics[t].p, p);
            if (start < end)
                out->ranges[out->count++] = (struct sequence_range){
                    .topic = t,
                    .topic_name = topics[t],
                    .partition = p,
                    .start = start,
                    .read_from = start,
                    .end = end,
                    .side = 1,
                };
        }
    }
    return out->count;
}

// Backlogs and runs, until everything is read.
static void live(struct life *l, struct job_world *w, struct job_random *r, struct plans *plans)
{
    int64_t at[LANES] = {0};
    struct batch_plan from;
    for (int backlog = 0; backlog < 2; backlog++) {
        job_scenario_produce(w, r, 40 + (unsigned)job_random_below(r, 80), JOB_RECORDS_HOSTILE);
        while (remaining(l, w, at, &from) > 0) {
            assert_true(plans->n < BATCHES_MAX);
            disturbed_batch(l, w, r, &from, plans);
            const struct batch_plan *made = &plans->v[plans->n - 1];
            for (size_t i = 0; i < made->count; i++)
                *position(at, made->ranges[i].topic, made->ranges[i].partition) =
                    made->ranges[i].end;
        }
    }
}

static void reference(struct life *l, struct job_world *w, const struct plans *plans)
{
    source_fake_reseed(w->broker, 0);
    for (size_t i = 0; i < plans->n; i++) {
        struct batch_plan plan = plans->v[i];
        l->batch++;
        assert_true(batch(l, &plan, UINT64_MAX, 0));
        save(l);
    }
}

static void compare(const struct life *want, const struct life *got, const struct job_program *p,
                    uint64_t seed)
{
    char what[4096];
    for (size_t i = 0; i < OUTPUTS && p->outputs[i]; i++) {
        (void)snprintf(what, sizeof what, "seed %llu, output %s of\n%s", (unsigned long long)seed,
                       p->outputs[i], p->spec.sql);
        job_world_same(&want->out[i], &got->out[i], what);
    }
    (void)snprintf(what, sizeof what, "seed %llu, dead letters", (unsigned long long)seed);
    job_world_same(&want->dead, &got->dead, what);
}

// Returns the bytes of changelog compared.
static size_t one_seed(uint64_t seed)
{
    static const size_t threads[] = {0, 1, 4};
    struct job_random r = {seed};
    struct arena *a = arena_new(NULL);
    struct job_program program;
    job_program_random(&program, a, &r, JOB_PROGRAMS_ANY);
    struct job_world *w = ARENA_NEW(a, struct job_world);
    struct life *got = ARENA_NEW(a, struct life), *want = ARENA_NEW(a, struct life);
    struct plans *plans = ARENA_NEW(a, struct plans);
    struct err e;
    struct kv *kv;
    char state[512];
    test_dir_init(&w->dir);
    w->broker = source_fake_new("p1", 0);
    w->spec = program.spec;
    for (size_t i = 0; i < TOPICS; i++)
        source_fake_topic(w->broker, topics[i].p, PARTITIONS);
    got->durable = want->durable = durable_new(DURABLE_DEAD);
    const struct kv_spec spec = {
        .dir = test_dir_file(state, &w->dir, "state"), .mode = KV_OWNER, .durable = got->durable};
    assert_ok(kv_open(&kv, &spec, &e), &e);
    got->a = want->a = a;
    got->program = want->program = compile(a, &program);
    got->properties = want->properties = source_fake_properties(w->broker);
    life_init(got, kv, threads[job_random_below(&r, 3)], 0);
    live(got, w, &r, plans);
    life_init(want, NULL, 0, 1);
    reference(want, w, plans);
    compare(want, got, &program, seed);
    size_t bytes = want->dead.n;
    for (size_t i = 0; i < OUTPUTS; i++)
        bytes += want->out[i].n;
    life_fini(got);
    life_fini(want);
    kv_close(kv);
    durable_free(got->durable);
    source_fake_free(w->broker);
    test_dir_fini(&w->dir);
    arena_free(a);
    return bytes;
}

TEST(the_changelog_does_not_depend_on_windows_threads_fetches_crashes_or_restarts)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    const char *only = getenv("SLUICE_TEST_SEED");
    uint64_t seed, bytes = 0;
    if (only && str_to_u64(&seed, str_from(only))) {
        assert_true(one_seed(seed) > 0);
        return;
    }
    uint64_t seeds = test_is_long() ? 1500 : 100;
    for (seed = 1; seed <= seeds; seed++)
        bytes += one_seed(seed);
    print_message("%llu seeds, %llu bytes of changelog\n", (unsigned long long)seeds,
                  (unsigned long long)bytes);
    assert_true(bytes > seeds * 4096);
}

TEST_MAIN(T(the_changelog_does_not_depend_on_windows_threads_fetches_crashes_or_restarts))
