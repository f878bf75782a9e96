// A lake of very many files: listed, planned for compaction, verified and begun with. Work grows with the files and not with their square, and
// with none of them where a run begins: it asks for the lake's head. Counted as instructions under callgrind, and as bytes read.
#include "lake/compact.h"
#include "tests/support/callgrind.h"
#include "tests/support/job_world.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct job_world_spec many_files = {
    .sql = "CREATE STREAM tx (k VARCHAR KEY, v BIGINT) WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = "
           "'JSON');\n"
           "CREATE STREAM out AS SELECT k, v FROM tx EMIT CHANGES;\n",
    .outputs = "      OUT: { lake: { partition_by: [K], compression: none } }\n",
    .job = "    limits: { open_partitions_max: 1000 }\n",
    .topics = {"tx"},
    .partitions = 1,
};

// Runs of one file in each of `partitions`.
static void fill(struct job_world *w, unsigned runs, unsigned partitions)
{
    for (unsigned i = 0; i < runs; i++) {
        for (unsigned k = 0; k < partitions; k++) {
            char key[16];
            (void)snprintf(key, sizeof key, "k%u", k);
            source_fake_add(w->broker, "tx", 0, JOB_WORLD_NOW, key, "{\"v\":1}");
        }
        if (!job_world_run(w))
            fail_msg("%s", w->text);
    }
}

// --- what is measured ------------------------------------------------------------------------------------------------

struct upkeep {
    struct lake *lake;
    struct durable *d;
    struct arena *a;
    struct lake_ls ls;
    struct lake_merges merges;
    struct lake_verify verify;
    struct err e;
};

static void upkeep_open(struct upkeep *out, const char *root)
{
    *out = (struct upkeep){.d = durable_new(DURABLE_KILL), .a = arena_new(NULL)};
    assert_ok(lake_open(&out->lake, root, LAKE_OPEN_EXISTING, out->d, &out->e), &out->e);
}

static void upkeep_close(struct upkeep *u)
{
    lake_close(u->lake);
    durable_free(u->d);
    arena_free(u->a);
}

__attribute__((noinline)) static void scale_list(struct upkeep *u)
{
    assert_ok(lake_list(&u->ls, u->a, u->lake, STR_NONE, &u->e), &u->e);
}

__attribute__((noinline)) static void scale_plan(struct upkeep *u)
{
    static const struct lake_compact_policy policy = {
        .min_files = 2, .max_bytes = UINT64_C(1) << 40, .how = LAKE_COMPACT_ALL};
    assert_ok(lake_compact_choose(&u->merges, u->a, u->lake, &u->ls.outputs[0], &policy, &u->e),
              &u->e);
}

__attribute__((noinline)) static void scale_verify(struct upkeep *u)
{
    assert_ok(lake_verify(&u->verify, u->a, u->lake, STR_NONE, &u->e), &u->e);
}

__attribute__((noinline)) static void scale_begin(struct job_world *w)
{
    if (!job_world_run(w)) // nothing is new
        fail_msg("%s", w->text);
}

// SLUICE_LAKE_SCALE=DIR does the upkeep of that lake, =N begins a run on a lake of N runs' files; nothing else is done.
static bool scale_child(const char *what)
{
    if (what && what[0] == '/') {
        struct upkeep u;
        upkeep_open(&u, what);
        scale_list(&u);
        scale_plan(&u);
        scale_verify(&u);
        upkeep_close(&u);
    } else if (what) {
        struct job_world *w = job_world_new(&many_files);
        fill(w, (unsigned)strtoul(what, NULL, 10), 50);
        job_world_restart(w, NULL);
        scale_begin(w);
        job_world_free(w);
    }
    return what != NULL;
}

static uint64_t bytes_read(void)
{
    char line[128];
    uint64_t n = 0;
    FILE *f = fopen("/proc/self/io", "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "rchar:", 6) == 0)
            n = strtoull(line + 6, NULL, 10);
    assert_int_equal(fclose(f), 0);
    return n;
}

static uint64_t read_to_begin(struct job_world *w)
{
    job_world_restart(w, NULL);
    const uint64_t before = bytes_read();
    scale_begin(w);
    return bytes_read() - before;
}

// --- tests -----------------------------------------------------------------------------------------------------------

TEST(a_lake_of_a_hundred_thousand_files_is_listed_planned_verified_and_begun_with)
{
    const unsigned partitions = test_is_long() ? 1000 : 50;
    enum { RUNS = 100 };
    struct upkeep u;
    struct job_world *w = job_world_new(&many_files);
    fill(w, RUNS / 10, partitions);
    const uint64_t few = read_to_begin(w);
    fill(w, RUNS - RUNS / 10, partitions);
    const uint64_t many = read_to_begin(w);
    if (many > few + few / 4)
        fail_msg("a run reads %llu bytes to begin, %llu with ten times as many files",
                 (unsigned long long)few, (unsigned long long)many);
    upkeep_open(&u, w->lake);
    scale_list(&u);
    assert_int_equal(u.ls.outputs[0].files, RUNS * partitions);
    assert_int_equal(u.ls.outputs[0].rows, RUNS * partitions);
    assert_int_equal(u.ls.outputs[0].partition_count, partitions);
    scale_plan(&u);
    assert_int_equal(u.merges.n, partitions);
    for (size_t i = 0; i < u.merges.n; i++)
        assert_int_equal(u.merges.v[i].count, RUNS);
    scale_verify(&u);
    assert_int_equal(u.verify.count, 0);
    assert_int_equal(u.verify.files, RUNS * partitions);
    upkeep_close(&u);
    job_world_free(w);
}

TEST(twice_the_files_are_twice_the_work)
{
    static const char *const acts[] = {"scale_list", "scale_plan", "scale_verify"};
    enum { ACTS = 3, SIZES = 3 };
    uint64_t work[ACTS][SIZES];
    if (!test_is_long())
        skip();
    struct job_world *w = job_world_new(&many_files);
    for (unsigned i = 0; i < SIZES; i++) {
        fill(w, i < 2 ? 5 : 10, 100);
        for (size_t k = 0; k < ACTS; k++)
            work[k][i] = callgrind_instructions("SLUICE_LAKE_SCALE", w->lake, acts[k]);
    }
    for (size_t k = 0; k < ACTS; k++) {
        const double growth = (double)(work[k][2] - work[k][1]) / (double)(work[k][1] - work[k][0]);
        print_message("%s: %.2f\n", acts[k], growth); // 2 = linear, 4 = square
        if (growth > 2.5)
            fail_msg("%s: %llu, %llu, %llu instructions", acts[k], (unsigned long long)work[k][0],
                     (unsigned long long)work[k][1], (unsigned long long)work[k][2]);
    }
    job_world_free(w);
}

TEST(a_run_begins_with_the_same_work_whatever_the_lake_holds)
{
    if (!test_is_long())
        skip();
    const uint64_t few = callgrind_instructions("SLUICE_LAKE_SCALE", "2", "scale_begin");
    const uint64_t many = callgrind_instructions("SLUICE_LAKE_SCALE", "10", "scale_begin");
    print_message("%llu instructions on 100 files, %llu on 500\n", (unsigned long long)few,
                  (unsigned long long)many);
    if (many > few + few / 10)
        fail_msg("%llu instructions on 100 files, %llu on 500", (unsigned long long)few,
                 (unsigned long long)many);
}

int main(void)
{
    if (scale_child(getenv("SLUICE_LAKE_SCALE")))
        return 0;
    const struct CMUnitTest tests[] = {
        T(a_lake_of_a_hundred_thousand_files_is_listed_planned_verified_and_begun_with),
        T(twice_the_files_are_twice_the_work),
        T(a_run_begins_with_the_same_work_whatever_the_lake_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
