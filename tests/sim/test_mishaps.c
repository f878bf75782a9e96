// What people do to a job between two runs: another cluster behind it, files deleted that it still needs.
#include "base/durable.h"
#include "jobs/run/control.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>
#include <unistd.h>

static void produce(struct job_world *w, uint64_t seed, unsigned n)
{
    struct job_random r = {seed};
    job_scenario_produce(w, &r, n, JOB_RECORDS_HOSTILE);
}

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static void run_fails(struct job_world *w, enum err_kind kind, const char *part)
{
    if (job_world_run(w))
        fail_msg("succeeded with %llu records", (unsigned long long)w->report.records);
    if (w->e.kind != kind || !strstr(w->text, part))
        fail_msg("\"%s\" is not %s \"%s\"", w->text, err_kind_name(kind), part);
}

// The run dies before the site's first call has its effect.
static void dies_at(struct job_world *w, const char *site)
{
    struct fault_spec f = {.occurrence = 1, .action = FAULT_CRASH_BEFORE};
    assert_true(strlen(site) < sizeof f.site);
    memcpy(f.site, site, strlen(site));
    job_world_restart(w, &f);
    assert_false(job_world_run(w));
    assert_true(durable_dead(w->durable));
    job_world_restart(w, NULL);
}

// --- another cluster -------------------------------------------------------------------------------------------------

static void produce_two(struct job_world *w)
{
    for (int32_t p = 0; p < 2; p++)
        source_fake_add(w->broker, "tx", p, JOB_WORLD_NOW, "k1", "{\"id\":1,\"cents\":9000}");
}

static struct job_world *moved(const char *cluster)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    produce(w, 1, 40);
    dies_at(w, "memory.commit"); // decided over there, to be delivered first
    source_fake_set_cluster(w->broker, cluster);
    for (int32_t p = 0; p < JOB_SCENARIO_PARTITIONS; p++)
        source_fake_set_group(w->broker, "simgroup", "tx", p, -1);
    source_fake_recreate(w->broker, "tx", 2);
    produce_two(w);
    return w;
}

TEST(a_reset_moves_a_job_to_another_cluster)
{
    struct job_world *w = moved("another");
    run_fails(w, ERR_BEHIND, "job reset sim --from-now");
    assert_false(job_world_reset(w, RUN_RESET_KEEP));
    assert_non_null(strstr(w->text, "our positions to cluster sim-cluster"));
    if (!job_world_reset(w, RUN_RESET_FROM_NOW))
        fail_msg("%s", w->text);
    assert_true(memory_rows(JOB_WORLD_TWO, "users") > 0);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), -1);
    run(w);
    assert_int_equal(w->report.records, 0);
    source_fake_add(w->broker, "tx", 1, JOB_WORLD_NOW, "k1", "{\"id\":2,\"cents\":9000}");
    run(w);
    assert_int_equal(w->report.records, 1);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0), 1);
    job_world_free(w);
}

TEST(a_reset_that_reads_another_cluster_from_its_start)
{
    struct job_world *w = moved("another");
    if (!job_world_reset(w, RUN_RESET_REBUILD))
        fail_msg("%s", w->text);
    run(w);
    assert_int_equal(w->report.records, 2);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 1), 1);
    job_world_free(w);
}

// --- dead letters ----------------------------------------------------------------------------------------------------

static struct job_world *without_lake(void)
{
    struct job_world_spec spec = job_scenario_transactions;
    spec.lake = JOB_WORLD_NO_LAKE;
    spec.outputs = "      PER_USER: { warehouse: { to: one } }\n";
    struct job_world *w = job_world_new(&spec);
    produce(w, 1, 30);
    return w;
}

static const char *letters(char path[700], const struct job_world *w)
{
    (void)snprintf(path, 700, "%s/dead_letters/1.jsonl", w->job->state_dir);
    return path;
}

TEST(a_dead_letter_file_may_be_deleted_while_only_the_offsets_are_owed)
{
    char path[700];
    struct job_world *w = without_lake();
    source_fake_commits(w->broker, COMMITS_REFUSED);
    run(w);
    assert_non_null(strstr(w->report.offsets_error, "active member"));
    assert_int_equal(unlink(letters(path, w)), 0);
    run(w);
    assert_non_null(strstr(w->report.offsets_error, "active member"));
    source_fake_commits(w->broker, COMMITS_ACCEPTED);
    run(w);
    assert_string_equal(w->report.offsets_error, "");
    assert_int_equal(w->report.redelivered, 0);
    assert_int_equal(source_fake_group(w->broker, "simgroup", "tx", 0),
                     source_fake_end(w->broker, "tx", 0));
    job_world_free(w);
}

TEST(dead_letters_of_an_undelivered_batch_that_are_gone_are_named_with_the_way_out)
{
    char path[700];
    struct job_world *w = without_lake();
    dies_at(w, "memory.commit");
    assert_int_equal(unlink(letters(path, w)), 0);
    run_fails(w, ERR_DATA, "the dead letters of batch 1 are gone");
    assert_non_null(strstr(w->text, "touch "));
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    run(w);
    assert_int_equal(w->report.redelivered, 1);
    job_world_free(w);
}

static uint64_t calls(const struct job_world *w, const char *site)
{
    uint64_t n = 0;
    for (size_t i = 0; i < durable_site_count(w->durable); i++)
        if (strcmp(durable_site(w->durable, i, &n), site) == 0)
            return n;
    return 0;
}

TEST(a_rename_of_dead_letters_that_was_not_synced_is_synced_by_the_next_run)
{
    struct job_world *w = without_lake();
    dies_at(w, "dead.dir");
    run(w);
    assert_int_equal(w->report.redelivered, 1);
    assert_int_equal(calls(w, "dead.rename"), 0);
    assert_int_equal(calls(w, "dead.dir"), 1);
    job_world_free(w);
}

// --- what is checked without running ---------------------------------------------------------------------------------

// The check and the run say the same.
static void refused(struct job_world *w, const char *sql, const char *outputs, const char *part)
{
    struct arena *a = arena_new(NULL);
    struct control c;
    struct err e;
    if (!job_world_compile(w, sql, outputs))
        fail_msg("%s", w->text);
    job_world_control(&c, w, a);
    assert_fails(run_fits(w->job, &c, &e), &e, ERR_CONFIG, part);
    run_fails(w, ERR_CONFIG, part);
    arena_free(a);
}

TEST(what_the_next_run_would_refuse_is_known_without_it)
{
    struct arena *a = arena_new(NULL);
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct control c;
    struct err e;
    assert_true(job_world_compile(w, w->spec.sql, "      PER_USER: { warehouse: { to: one } }\n"));
    produce(w, 1, 30);
    run(w);
    job_world_control(&c, w, a);
    assert_ok(run_fits(w->job, &c, &e), &e);
    size_t at;
    struct str sql = str_from(w->spec.sql);
    assert_true(str_find(&at, sql, STR("MAX(cents)")));
    const char *other = arena_printf(a, "%.*sMIN%s", (int)at, sql.p, sql.p + at + 3).p;
    produce(w, 2, 5);
    refused(w, other, "      PER_USER: { warehouse: { to: one } }\n", "the SQL changed in ways");
    refused(w, w->spec.sql,
            "      PER_USER: { lake: { snapshot: true }, warehouse: { to: one } }\n",
            "was added after batch");
    arena_free(a);
    job_world_free(w);
}

TEST_MAIN(T(what_the_next_run_would_refuse_is_known_without_it),
          T(a_dead_letter_file_may_be_deleted_while_only_the_offsets_are_owed),
          T(dead_letters_of_an_undelivered_batch_that_are_gone_are_named_with_the_way_out),
          T(a_rename_of_dead_letters_that_was_not_synced_is_synced_by_the_next_run),
          T(a_reset_moves_a_job_to_another_cluster),
          T(a_reset_that_reads_another_cluster_from_its_start))
