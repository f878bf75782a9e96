// P2 and P3 (DESIGN section 3) through run_job(): final tables, stream rows and dead letters do not depend on how batches are cut; and
// threads change nothing, byte for byte.
#include "tests/support/job_programs.h"
#include "tests/support/lake_rows.h"
#include "tests/support/test.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)

static uint64_t seeds(uint64_t few, uint64_t many, uint64_t *first)
{
    const char *only = getenv("SLUICE_TEST_SEED");
    *first = 1;
    if (only && str_to_u64(first, str_from(only)))
        return 1;
    return test_is_long() ? many : few;
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void other_cuts(struct job_world *w, struct job_random *r)
{
    w->job->limits.batch_records_max = 1 + job_random_below(r, 60);
    w->job->threads = 1 + (unsigned)job_random_below(r, 3);
    w->env.window = 1 + (uint32_t)job_random_below(r, 30);
    source_fake_reseed(w->broker, job_random_next(r));
}

static void whole(struct job_world *w)
{
    w->job->limits.batch_records_max = 0;
    w->job->threads = 1;
    w->env.window = 0;
    source_fake_reseed(w->broker, 0);
}

struct pair {
    struct buf want, got;
};

static void pair_init(struct pair *p)
{
    buf_init(&p->want, TEXT_MAX);
    buf_init(&p->got, TEXT_MAX);
}

static size_t pair_same(struct pair *p, uint64_t seed, const char *sql)
{
    char what[4096];
    (void)snprintf(what, sizeof what, "seed %llu of\n%s", (unsigned long long)seed, sql);
    job_world_same(&p->want, &p->got, what);
    size_t n = p->want.n;
    buf_fini(&p->want);
    buf_fini(&p->got);
    return n;
}

// One backlog, read as one batch and as many.
static size_t aligned(uint64_t seed)
{
    struct arena *a = arena_new(NULL);
    struct job_random r = {seed}, records = {seed * 31};
    struct job_program p;
    struct pair pair;
    job_program_random(&p, a, &r, JOB_PROGRAMS_ANY);
    struct job_world *w = job_world_new(&p.spec);
    pair_init(&pair);
    for (int cut = 0; cut < 2; cut++) {
        struct job_random same = records;
        if (cut)
            job_world_wipe(w);
        job_scenario_produce(w, &same, 150, JOB_RECORDS_HOSTILE);
        cut ? other_cuts(w, &r) : whole(w);
        run(w);
        job_world_check_receipts(w);
        job_world_print_rows(cut ? &pair.got : &pair.want, w,
                             program_order(w->job->program) == ORDER_ALIGNED ? JOB_WORLD_ORDERED
                                                                             : JOB_WORLD_SORTED);
    }
    size_t n = pair_same(&pair, seed, p.spec.sql);
    job_world_free(w);
    arena_free(a);
    return n;
}

// The same records, arriving in pieces between (and, through the reader, during) runs.
static size_t arbitrary(uint64_t seed)
{
    struct arena *a = arena_new(NULL);
    struct job_random r = {seed}, records = {seed * 31};
    struct job_program p;
    struct pair pair;
    job_program_random(&p, a, &r, JOB_PROGRAMS_FREE);
    struct job_world *w = job_world_new(&p.spec);
    assert_true(program_order(w->job->program) != ORDER_ALIGNED);
    pair_init(&pair);
    for (int cut = 0; cut < 2; cut++) {
        struct job_random same = records;
        if (cut)
            job_world_wipe(w);
        for (int piece = 0; piece < 4; piece++) {
            job_scenario_produce(w, &same, 30, JOB_RECORDS_HOSTILE);
            if (cut) {
                other_cuts(w, &r);
                run(w);
            }
        }
        whole(w);
        run(w);
        job_world_check_receipts(w);
        job_world_print_rows(cut ? &pair.got : &pair.want, w, JOB_WORLD_SORTED);
    }
    size_t n = pair_same(&pair, seed, p.spec.sql);
    job_world_free(w);
    arena_free(a);
    return n;
}

static void all(size_t (*one)(uint64_t), uint64_t few, uint64_t many)
{
    uint64_t first, n = seeds(few, many, &first), bytes = 0;
    for (uint64_t i = 0; i < n; i++)
        bytes += one(first + i);
    print_message("%llu seeds, %llu bytes compared\n", (unsigned long long)n,
                  (unsigned long long)bytes);
    assert_true(bytes > n * 500);
}

TEST(aligned_cuts_change_no_row_and_no_order)
{
    all(aligned, 60, 600);
}

TEST(any_cuts_change_no_row_of_an_order_free_job)
{
    all(arbitrary, 60, 600);
}

// Enough records for several chunks of every partition.
static void threads(struct job_world *w, unsigned n, struct buf *out)
{
    char spools[600];
    struct job_random r = {3};
    job_scenario_produce(w, &r, 12000, JOB_RECORDS_HOSTILE);
    w->job->threads = n;
    w->job->limits.batch_records_max = 9000;
    w->job->limits.dead_max = UINT64_MAX;
    w->env.window = 0;
    run(w);
    job_world_print(out, w);
    (void)snprintf(spools, sizeof spools, "%s/spool", w->job->state_dir);
    lake_rows_tree(out, spools);
}

static void threads_of(const struct job_world_spec *spec)
{
    struct job_world *w = job_world_new(spec);
    struct buf want;
    buf_init(&want, TEXT_MAX);
    threads(w, 1, &want);
    for (unsigned n = 2; n <= 4; n += 2) {
        struct buf got;
        buf_init(&got, TEXT_MAX);
        job_world_wipe(w);
        threads(w, n, &got);
        job_world_same(&want, &got, n == 2 ? "2 threads" : "4 threads");
        buf_fini(&got);
    }
    buf_fini(&want);
    job_world_free(w);
}

TEST(threads_change_no_byte_of_lake_and_spools)
{
    threads_of(&job_scenario_transactions);
}

TEST(threads_change_no_byte_of_an_order_free_job)
{
    struct arena *a = arena_new(NULL);
    struct job_random r = {5};
    struct job_program p;
    job_program_random(&p, a, &r, JOB_PROGRAMS_FREE);
    threads_of(&p.spec);
    arena_free(a);
}

TEST_MAIN(T(aligned_cuts_change_no_row_and_no_order),
          T(any_cuts_change_no_row_of_an_order_free_job),
          T(threads_change_no_byte_of_lake_and_spools),
          T(threads_change_no_byte_of_an_order_free_job))
