// Audits: silent over clean lives, and every planted difference is named with its repair.
#include "jobs/run/audit.h"
#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "jobs/run/job.h"
#include "jobs/run/resync.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <unistd.h>

static void run(struct job_world *w)
{
    if (!job_world_run(w))
        fail_msg("%s", w->text);
}

static bool note(void *arg, const struct audit_finding *f, struct err *e)
{
    assert_non_null(e);
    buf_printf(arg, "%s %.*s: %.*s -> %.*s\n", audit_kind_name(f->kind), STR_ARG(f->place),
               STR_ARG(f->text), STR_ARG(f->repair));
    return true;
}

static void audit(struct buf *out, const struct job_world *w)
{
    struct audit_report r;
    struct err e;
    buf_init(out, 1 << 20);
    const struct audit_spec spec = {.tables = AUDIT_REPLAY, .found = note, .arg = out};
    assert_ok(run_audit(&r, w->a, w->job, &w->env, &spec, &e), &e);
    assert_true(r.batches > 0);
    buf_char(out, '\0');
}

static void silent(const struct job_world *w)
{
    struct buf found;
    audit(&found, w);
    assert_string_equal(found.p, "");
    buf_fini(&found);
}

static void finds(const struct job_world *w, const char *kind, const char *repair)
{
    struct buf found;
    audit(&found, w);
    if (!strstr(found.p, kind) || !strstr(found.p, repair))
        fail_msg("\"%s\" has no \"%s\" with \"%s\"", found.p, kind, repair);
    buf_fini(&found);
}

static struct job_world *world(uint64_t seed)
{
    struct job_random r = {seed};
    struct job_world *w = job_world_new(&job_scenario_transactions);
    job_scenario_produce(w, &r, 90, JOB_RECORDS_HOSTILE);
    run(w);
    return w;
}

TEST(clean_lives_with_runs_and_backfills_have_no_finding)
{
    static const struct str streams[] = {{"GOOD", 4}, {"BIG", 3}};
    uint64_t count = test_is_long() ? 1000 : 6;
    for (uint64_t seed = 1; seed <= count; seed++) {
        struct job_random r = {seed};
        struct job_world *w = job_world_new(&job_scenario_transactions);
        for (int i = 0; i < 3; i++) {
            job_scenario_produce(w, &r, 20 + (unsigned)job_random_below(&r, 60),
                                 JOB_RECORDS_HOSTILE);
            run(w);
            silent(w);
            const struct backfill_spec spec = {.by = BACKFILL_BATCHES,
                                               .from = 1,
                                               .to = 1 + (int64_t)job_random_below(&r, 3),
                                               .outputs = streams,
                                               .output_count = 2};
            if (i == 1 && !job_world_backfill(w, &spec))
                fail_msg("%s", w->text);
        }
        silent(w);
        job_world_free(w);
    }
}

TEST(a_deleted_row_is_found_and_its_repair_repairs_it)
{
    struct job_world *w = world(61);
    struct run_report report;
    struct err e;
    assert_true(memory_delete("two", "users", "user1"));
    finds(w, "rows two/users/PER_USER", "sluice job resync sim two/users/PER_USER");
    assert_ok(
        run_resync(&report, w->job, &w->env, STR("two/users/PER_USER"), RESYNC_AS_WRITTEN, &e), &e);
    silent(w);
    job_world_free(w);
}

// The first data file of GOOD, and another one.
static void good_files(char first[600], char second[600], const struct job_world *w)
{
    char pattern[700];
    glob_t found;
    (void)snprintf(pattern, sizeof pattern, "%s/streams/GOOD/*/*/*/0*", w->lake);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 2);
    (void)snprintf(first, 600, "%s", found.gl_pathv[0]);
    (void)snprintf(second, 600, "%s", found.gl_pathv[1]);
    globfree(&found);
}

static void resync(struct job_world *w, const char *output)
{
    struct run_report report;
    struct err e;
    assert_ok(run_resync(&report, w->job, &w->env, str_from(output), RESYNC_AS_WRITTEN, &e), &e);
    silent(w);
}

static struct str first_row(struct buf *out, const char *warehouse, const char *table)
{
    struct str line = STR_NONE, rest;
    buf_init(out, 1 << 20);
    memory_print_table(out, warehouse, table);
    assert_true(str_split_once(&line, &rest, buf_view(out), '\n'));
    return line;
}

TEST(changed_and_extra_rows_are_found_by_their_keys)
{
    struct job_world *w = world(69);
    struct buf table;
    char line[200], finding[200];
    struct str key, rest;
    assert_true(str_split_once(&key, &rest, first_row(&table, JOB_WORLD_TWO, "users"), '|'));
    (void)snprintf(line, sizeof line, "%.*s|1|-1|1|1", STR_ARG(key));
    (void)snprintf(finding, sizeof finding,
                   "rows two/users/PER_USER: 1 rows are changed, the first is usr='%.*s'",
                   STR_ARG(key));
    buf_fini(&table);
    assert_true(memory_put(JOB_WORLD_ONE, "life", "user1x|CHANGED|[]"));
    finds(w, "rows one/life/LIFE: 1 rows are too many, the first is k='user1x'",
          "sluice job resync sim one/life/LIFE");
    assert_true(memory_delete(JOB_WORLD_ONE, "life", "user1x"));
    silent(w);
    assert_true(memory_put(JOB_WORLD_TWO, "users", line));
    finds(w, finding, "sluice job resync sim two/users/PER_USER");
    resync(w, "two/users/PER_USER");
    job_world_free(w);
}

TEST(a_table_that_is_only_in_a_warehouse_is_compared_with_the_recorded_batches)
{
    struct job_world *w = world(70);
    struct buf table;
    char line[400], key[200];
    struct str method, rest, window, values, row = first_row(&table, JOB_WORLD_TWO, "per_method");
    assert_true(str_split_once(&method, &rest, row, '|') &&
                str_split_once(&window, &values, rest, '|'));
    (void)snprintf(key, sizeof key, "%.*s|%.*s", STR_ARG(method), STR_ARG(window));
    (void)snprintf(line, sizeof line, "%s", key);
    for (const char *p = values.p; p < values.p + values.n; p++) // every value is another one
        (void)snprintf(line + strlen(line), sizeof line - strlen(line), "%s",
                       p == values.p || p[-1] == '|' ? "|77" : "");
    assert_true(memory_put(JOB_WORLD_TWO, "per_method", line));
    finds(w, "rows two/per_method/PER_METHOD: 1 rows are changed, the first is method='",
          "sluice job resync sim two/per_method/PER_METHOD");
    assert_true(memory_delete(JOB_WORLD_TWO, "per_method", key));
    finds(w, "1 rows are missing", "sluice job resync sim two/per_method/PER_METHOD");
    resync(w, "two/per_method/PER_METHOD");
    buf_fini(&table);
    job_world_free(w);
}

// The first row of BIG, as one line.
static const char *big_row(struct job_world *w, char changed[600])
{
    struct buf table;
    struct str row = first_row(&table, JOB_WORLD_ONE, "big");
    const char *line = arena_str(w->a, row).p;
    (void)snprintf(changed, 600, "%.*s7", (int)row.n - 1, line);
    buf_fini(&table);
    return line;
}

static const struct str big[] = {{"BIG", 3}};
static const struct backfill_spec big_again = {
    .by = BACKFILL_BATCHES, .from = 1, .to = 1, .outputs = big, .output_count = 1};

TEST(appended_rows_are_compared_with_what_their_batch_gives_again)
{
    struct job_world *w = world(74);
    struct audit_report r;
    struct buf found;
    char changed[600], finding[700];
    struct err e;
    const struct audit_spec replay = {.tables = AUDIT_REPLAY, .found = note, .arg = &found};
    buf_init(&found, 1000);
    assert_ok(run_audit(&r, w->a, w->job, &w->env, &replay, &e), &e);
    assert_true(r.compared == r.tables && r.uncompared == 0 && found.n == 0);
    buf_fini(&found);
    const char *line = big_row(w, changed);
    assert_true(memory_change(JOB_WORLD_ONE, "big", line, changed)); // no count can see it
    finds(w, "rows one/big/BIG: 1 rows of batch 1 are missing, the first is k='",
          "sluice job backfill sim --batch 1 --outputs BIG");
    finds(w, "rows one/big/BIG: 1 rows of batch 1 are too many, the first is k='",
          "sluice job backfill sim --batch 1 --outputs BIG");
    assert_true(job_world_backfill(w, &big_again));
    silent(w);
    assert_true(memory_delete(JOB_WORLD_ONE, "big", line));
    (void)snprintf(finding, sizeof finding, "1 rows of batch 1 are missing, the first is k='%.2s",
                   line);
    finds(w, finding, "sluice job backfill sim --batch 1 --outputs BIG");
    assert_true(job_world_backfill(w, &big_again));
    silent(w);
    job_world_free(w);
}

TEST(batches_whose_records_are_gone_or_that_other_sql_executed_are_not_compared)
{
    static const struct job_world_spec one = {
        .sql = "CREATE STREAM s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = "
               "'JSON');\n"
               "CREATE STREAM o AS SELECT k, v FROM s EMIT CHANGES;\n",
        .outputs = "      O: { warehouse: { to: one } }\n",
        .topics = {"s"},
        .partitions = 1,
        .lake = JOB_WORLD_NO_LAKE,
    };
    struct job_world *w = job_world_new(&one);
    for (int i = 0; i < 3; i++) {
        char value[32];
        (void)snprintf(value, sizeof value, "{\"v\":%d}", i);
        source_fake_add(w->broker, "s", 0, JOB_WORLD_NOW, "a", value);
        run(w);
    }
    assert_true(memory_change(JOB_WORLD_ONE, "o", "a|0", "a|7"));
    assert_true(memory_change(JOB_WORLD_ONE, "o", "a|2", "a|9"));
    source_fake_delete_before(w->broker, "s", 0, 1);
    struct buf found;
    struct audit_report r;
    struct err e;
    const struct audit_spec replay = {.tables = AUDIT_REPLAY, .found = note, .arg = &found};
    buf_init(&found, 10000);
    assert_ok(run_audit(&r, w->a, w->job, &w->env, &replay, &e), &e);
    buf_char(&found, '\0');
    assert_non_null(strstr(found.p, "1 rows of batch 3 are missing, the first is k='a', v='2'"));
    assert_null(strstr(found.p, "batch 1"));
    assert_int_equal(r.uncompared, 1);
    size_t at;
    assert_true(str_find(&at, r.why, STR("the topic begins at 1 now")));
    buf_clear(&found);
    assert_true(job_world_compile(w,
                                  "CREATE STREAM s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC = 's', "
                                  "VALUE_FORMAT = 'JSON');\n"
                                  "CREATE STREAM o AS SELECT k, v + 1 AS v FROM s EMIT CHANGES;\n",
                                  one.outputs));
    assert_ok(run_audit(&r, w->a, w->job, &w->env, &replay, &e), &e);
    assert_int_equal(r.findings, 0);
    assert_int_equal(r.uncompared, 1);
    assert_true(str_find(&at, r.why, STR("executed by other SQL")));
    buf_fini(&found);
    job_world_free(w);
}

TEST(what_a_reset_left_in_tables_is_no_finding_until_they_are_written_whole)
{
    struct job_world *w = world(71);
    struct job_random r = {72};
    assert_true(job_world_reset(w, RUN_RESET_FROM_NOW));
    silent(w);
    job_scenario_produce(w, &r, 10, JOB_RECORDS_HOSTILE);
    run(w);
    silent(w);
    assert_true(memory_delete(JOB_WORLD_TWO, "users", "user1"));
    job_scenario_produce(w, &r, 60, JOB_RECORDS_HOSTILE);
    run(w);
    assert_true(memory_delete(JOB_WORLD_TWO, "users", "user1"));
    finds(w, "rows two/users/PER_USER: 1 rows are missing", "sluice job resync sim two/users");
    resync(w, "two/users/PER_USER");
    assert_true(memory_put(JOB_WORLD_TWO, "users", "nobody|1|1|1|1"));
    finds(w, "1 rows are too many, the first is usr='nobody'", "sluice job resync sim two/users");
    job_world_free(w);
}

// A receipt as no batch could have written it.
TEST(broken_equations_of_a_receipt_are_found)
{
    struct job_world *w = world(73);
    struct arena *a = arena_new(NULL);
    struct batch_record r;
    struct kv *kv;
    struct kv_txn *t;
    struct err e;
    const struct kv_spec spec = {.dir = w->job->state_dir, .mode = KV_OWNER, .durable = w->durable};
    assert_true(job_world_record(&r, w, a, 2));
    for (int i = 0; i < 4; i++) {
        struct batch_record broken = r;
        struct batch_range *ranges = ARENA_ZARRAY(a, struct batch_range, r.range_count);
        struct batch_target *targets = ARENA_ZARRAY(a, struct batch_target, r.target_count);
        memcpy(ranges, r.ranges, r.range_count * sizeof *ranges);
        memcpy(targets, r.targets, r.target_count * sizeof *targets);
        broken.ranges = ranges;
        broken.targets = targets;
        ranges[0].absent += i == 0;
        ranges[0].dead += i == 1;
        ranges[0].start -= i == 2; // a range that was read twice
        ranges[0].delivered += i == 2, ranges[0].decoded += i == 2;
        targets[0].upserts += i == 3;
        assert_ok(kv_open(&kv, &spec, &e), &e);
        assert_ok(kv_begin_write(&t, kv, &e), &e);
        assert_ok(control_put_record(t, &broken, &e), &e);
        assert_ok(kv_commit(t, &e), &e);
        kv_close(kv);
        finds(w, i == 3 ? "receipt one/" : "receipt tx/", i == 2 ? "sluice job" : "state restore");
    }
    arena_free(a);
    job_world_free(w);
}

TEST(a_truncated_file_and_swapped_files_are_found_and_a_backfill_repairs_them)
{
    static const struct str good[] = {{"GOOD", 4}};
    struct job_world *w = world(62);
    char first[600], second[600], aside[620];
    good_files(first, second, w);
    assert_int_equal(truncate(first, 10), 0);
    finds(w, "file streams/GOOD/", "sluice job backfill sim --batch");
    const struct backfill_spec all = {
        .by = BACKFILL_BATCHES, .from = 1, .to = 3, .outputs = good, .output_count = 1};
    assert_true(job_world_backfill(w, &all));
    silent(w);
    (void)snprintf(aside, sizeof aside, "%s.x", first);
    assert_int_equal(rename(first, aside), 0);
    assert_int_equal(rename(second, first), 0);
    assert_int_equal(rename(aside, second), 0);
    finds(w, "changed", "sluice job backfill sim --batch");
    assert_true(job_world_backfill(w, &all));
    silent(w);
    assert_int_equal(unlink(first), 0);
    finds(w, "missing", "sluice job backfill sim --batch");
    assert_true(job_world_backfill(w, &all));
    silent(w);
    job_world_free(w);
}

TEST(group_offsets_that_were_moved_are_found)
{
    struct job_world *w = world(63);
    source_fake_set_group(w->broker, "simgroup", "tx", 0, 1);
    finds(w, "offsets tx/0: group simgroup is at 1", "sluice job run sim");
    job_world_free(w);
}

TEST(a_lost_or_foreign_marker_of_topics_is_found)
{
    static const struct job_world_spec spec = {
        .sql = "CREATE STREAM s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = "
               "'JSON');\n"
               "CREATE STREAM o WITH (KAFKA_TOPIC = 'o') AS SELECT k, v FROM s EMIT CHANGES;\n",
        .outputs = "      O: { topic: { partitions: 3 }, warehouse: { to: one } }\n",
        .topics = {"s"},
        .partitions = 2,
    };
    struct job_world *w = job_world_new(&spec);
    source_fake_add(w->broker, "s", 0, JOB_WORLD_NOW, "a", "{\"v\":1}");
    run(w);
    job_world_copy(w, "state", "older");
    silent(w);
    source_fake_add(w->broker, "s", 0, JOB_WORLD_NOW, "b", "{\"v\":2}");
    run(w);
    silent(w);
    topic_fake_lose_markers(w->name);
    finds(w, "marker simgroup.commits: Kafka has no marker", "sluice job run sim --lost-marker");
    w->env.marker = RUN_MARKER_SENT;
    run(w);
    silent(w);
    job_world_delete(w, "state");
    job_world_copy(w, "older", "state");
    finds(w, "marker simgroup.commits: the topics hold batch 2", "sluice job recover sim");
    job_world_free(w);
}

TEST(a_warehouse_set_back_is_found_by_its_head)
{
    struct job_world *w = world(64);
    struct job_random r = {65};
    memory_copy("backup", JOB_WORLD_TWO);
    job_scenario_produce(w, &r, 60, JOB_RECORDS_HOSTILE);
    run(w);
    memory_copy(JOB_WORLD_TWO, "backup");
    finds(w, "head two/users/PER_USER", "sluice job resync sim two/users/PER_USER");
    job_world_free(w);
}

TEST(a_dropped_table_is_found_and_not_created)
{
    struct job_world *w = world(68);
    struct run_report report;
    struct err e;
    assert_true(memory_drop(JOB_WORLD_TWO, "users"));
    finds(w, "head two/users/PER_USER", "sluice job resync sim two/users/PER_USER");
    assert_false(memory_has_table(JOB_WORLD_TWO, "users"));
    assert_ok(
        run_resync(&report, w->job, &w->env, STR("two/users/PER_USER"), RESYNC_AS_WRITTEN, &e), &e);
    silent(w);
    job_world_free(w);
}

TEST(a_batch_that_waits_is_said_and_nothing_is_delivered)
{
    struct job_world *w = world(66);
    struct job_random r = {67};
    job_scenario_produce(w, &r, 30, JOB_RECORDS_HOSTILE);
    const struct fault_spec fault = {
        .site = "memory.commit", .occurrence = 1, .action = FAULT_CRASH_BEFORE};
    job_world_restart(w, &fault);
    assert_false(job_world_run(w));
    job_world_restart(w, NULL);
    uint64_t commits = memory_commits(JOB_WORLD_ONE);
    finds(w, "is decided and not delivered", "sluice job deliver sim");
    assert_int_equal(memory_commits(JOB_WORLD_ONE), commits);
    run(w);
    silent(w);
    job_world_free(w);
}

TEST(refused_rows_are_no_finding_and_hide_no_other_row)
{
    struct job_random r = {73};
    struct job_world_spec spec = job_scenario_transactions;
    spec.outputs =
        "      BIG: { warehouse: { to: one, columns: { id: { type: \"decimal_text(2,0)\" } } } }\n"
        "      PER_USER: { lake: { snapshot: true },\n"
        "                  warehouse: { to: two, table: users, columns: { top: { type: "
        "\"decimal_text(3,0)\" } } } }\n";
    struct job_world *w = job_world_new(&spec);
    job_scenario_produce(w, &r, 12, JOB_RECORDS_CLEAN);
    run(w);
    job_scenario_produce(w, &r, 120, JOB_RECORDS_CLEAN);
    run(w);
    assert_true(w->report.rejected > 0 && memory_rows(JOB_WORLD_TWO, "users") > 0);
    silent(w);
    struct buf table;
    struct str key, rest, row = first_row(&table, JOB_WORLD_TWO, "users");
    assert_true(str_split_once(&key, &rest, row, '|'));
    assert_true(memory_put(JOB_WORLD_TWO, "users", arena_printf(w->a, "x%.*s", STR_ARG(row)).p));
    for (unsigned i = 0; i < 9; i++)
        assert_true(
            memory_put(JOB_WORLD_TWO, "users", arena_printf(w->a, "x%u%.*s", i, STR_ARG(row)).p));
    finds(w, "are too many", "sluice job resync sim two/users/PER_USER");
    buf_fini(&table);
    job_world_free(w);
}

static void audit_none(const struct job_world *w, struct buf *found)
{
    struct audit_report r;
    struct err e;
    buf_init(found, 1 << 20);
    const struct audit_spec spec = {.tables = AUDIT_STORED, .found = note, .arg = found};
    assert_ok(run_audit(&r, w->a, w->job, &w->env, &spec, &e), &e);
    buf_char(found, '\0');
    assert_int_equal(r.batches, 0);
    assert_true(r.uncompared > 0 && str_starts(r.why, STR("the state knows of no batch")));
    assert_int_equal(r.findings > 0, found->p[0] != '\0');
}

TEST(an_audit_before_the_first_run_and_of_a_lost_state_says_what_it_is)
{
    struct job_world *w = job_world_new(&job_scenario_transactions);
    struct job_random r = {77};
    struct buf found;
    audit_none(w, &found);
    assert_string_equal(found.p, "");
    buf_fini(&found);
    job_scenario_produce(w, &r, 40, JOB_RECORDS_CLEAN);
    run(w);
    job_world_delete(w, "state");
    audit_none(w, &found);
    assert_non_null(strstr(found.p, "the state knows of none: it was lost"));
    assert_non_null(strstr(found.p, "sluice job recover sim"));
    buf_fini(&found);
    job_world_free(w);
}

static void one_goes_down(struct source_fake *s, void *arg)
{
    assert_true(s && !arg);
    memory_power(JOB_WORLD_ONE, MEMORY_DOWN);
}

static void give_up(struct job_world *w, const char *output)
{
    struct deliver_report report;
    struct err e;
    assert_ok(run_deliver_decided(&report, w->job, &w->env, str_from(output), &e), &e);
    assert_true(report.skipped_rows > 0);
}

TEST(what_was_skipped_is_said_until_it_is_brought)
{
    static const char outputs[] = "      GOOD: { lake: {} }\n"
                                  "      BIG: { warehouse: { to: one } }\n"
                                  "      PER_USER: { warehouse: { to: one } }\n";
    const struct backfill_spec fill = {
        .by = BACKFILL_BATCHES, .from = 2, .to = 2, .outputs = big, .output_count = 1};
    struct job_world *w = world(75);
    struct job_random r = {76};
    struct deliver_report report;
    assert_true(job_world_compile(w, job_scenario_transactions.sql, outputs));
    assert_true(job_world_reset(w, RUN_RESET_REBUILD));
    run(w);
    struct control c;
    job_world_control(&c, w, w->a);
    job_scenario_produce(w, &r, 40, JOB_RECORDS_CLEAN);
    source_fake_at_poll(w->broker, 2, one_goes_down, NULL);
    assert_false(job_world_run(w));
    assert_false(
        run_deliver_decided(&report, w->job, &w->env, STR("BIG"), &w->e)); // PER_USER waits
    give_up(w, "PER_USER");
    memory_power(JOB_WORLD_ONE, MEMORY_UP);
    char said[200], repair[200];
    unsigned long long batch = c.last_batch + 1;
    (void)snprintf(said, sizeof said, "rows of batch %llu are missing: it was skipped", batch);
    (void)snprintf(repair, sizeof repair, "sluice job backfill sim --batch %llu --outputs BIG",
                   batch);
    finds(w, said, repair);
    finds(w, said, "sluice job resync sim one/per_user/PER_USER");
    struct backfill_spec again = fill;
    again.from = again.to = (int64_t)batch;
    if (!job_world_backfill(w, &again))
        fail_msg("%s", w->text);
    resync(w, "PER_USER"); // and nothing is missing
    job_world_free(w);
}

TEST_MAIN(T(an_audit_before_the_first_run_and_of_a_lost_state_says_what_it_is),
          T(what_was_skipped_is_said_until_it_is_brought),
          T(clean_lives_with_runs_and_backfills_have_no_finding),
          T(a_deleted_row_is_found_and_its_repair_repairs_it),
          T(changed_and_extra_rows_are_found_by_their_keys),
          T(a_table_that_is_only_in_a_warehouse_is_compared_with_the_recorded_batches),
          T(appended_rows_are_compared_with_what_their_batch_gives_again),
          T(batches_whose_records_are_gone_or_that_other_sql_executed_are_not_compared),
          T(what_a_reset_left_in_tables_is_no_finding_until_they_are_written_whole),
          T(broken_equations_of_a_receipt_are_found),
          T(a_lost_or_foreign_marker_of_topics_is_found),
          T(a_truncated_file_and_swapped_files_are_found_and_a_backfill_repairs_them),
          T(group_offsets_that_were_moved_are_found), T(a_warehouse_set_back_is_found_by_its_head),
          T(a_dropped_table_is_found_and_not_created),
          T(a_batch_that_waits_is_said_and_nothing_is_delivered),
          T(refused_rows_are_no_finding_and_hide_no_other_row))
