// Tables that streams are put into by key, made again: by resyncs and backfills they hold the last row per key of all batches, never a
// mixture that no order of batches gives; random lives against a model.
#include "jobs/run/audit.h"
#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "jobs/run/job.h"
#include "jobs/run/resync.h"
#include "tests/support/job_scenario.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

// SQL n leaves out rows that the others have, and gives other values.
#define SQL(n, where)                                                                        \
    "CREATE STREAM tx (k VARCHAR KEY, usr VARCHAR, cents BIGINT) WITH (KAFKA_TOPIC = 'tx', " \
    "VALUE_FORMAT = 'JSON');\n"                                                              \
    "CREATE STREAM o AS SELECT k, usr, cents + " n "000 AS cents FROM tx WHERE " where       \
    " EMIT CHANGES;\n"
static const char *const sqls[] = {SQL("1", "cents > 0"), SQL("2", "cents > 30"),
                                   SQL("3", "cents < 70")};
enum { SQLS = sizeof sqls / sizeof *sqls };
static const char both[] =
    "      O: { lake: { partition_by: [] }, warehouse: [{ to: one, mode: upsert },\n"
    "           { to: two, mode: upsert, key: [usr], columns: { account: { from: usr } } },\n"
    "           { to: one, table: log }] }\n";
static const char without_two[] =
    "      O: { lake: { partition_by: [] }, warehouse: [{ to: one, mode: upsert },\n"
    "           { to: one, table: log }] }\n";
static const struct job_world_spec spec = {
    .sql = SQL("1", "cents > 0"),
    .outputs = both,
    .topics = {"tx"},
    .partitions = 2,
    .lake = JOB_WORLD_LAKE,
};

static void refused(bool ok, struct job_world *w, enum err_kind kind, const char *part)
{
    char text[1600];
    err_format(&w->e, text, sizeof text);
    if (ok || w->e.kind != kind || !strstr(text, part))
        fail_msg("\"%s\" is not %s \"%s\"", text, err_kind_name(kind), part);
    err_clear(&w->e);
}

static void compile(struct job_world *w, unsigned sql, const char *outputs)
{
    if (!job_world_compile(w, sqls[sql], outputs))
        fail_msg("%s", w->text);
}

static bool resync_by(struct job_world *w, const char *output, enum resync_sql sql)
{
    err_clear(&w->e);
    bool ok = run_resync(&w->report, w->job, &w->env, str_from(output), sql, &w->e);
    if (!ok)
        err_format(&w->e, w->text, sizeof w->text);
    return ok;
}

static bool resync(struct job_world *w, const char *output)
{
    return resync_by(w, output, RESYNC_AS_WRITTEN);
}

// --- a model ---------------------------------------------------------------------------------------------------------

enum { KEYS = 6, USERS = 4, RECORDS_MAX = 400, SLOTS_MAX = 40, NOT_THERE = -1 };
struct model_record {
    unsigned key, user, cents;
};
struct model_slot {
    uint64_t batch;
    unsigned first, count;
    int one, two, log; // the SQL by which the tables have its rows
};
struct model {
    struct model_record records[RECORDS_MAX];
    struct model_slot slots[SLOTS_MAX];
    unsigned record_count, slot_count, read;
    int sql;
    bool has_two;
};

static bool model_row(const struct model_record *r, int sql)
{
    return sql == 0 ? r->cents > 0 : sql == 1 ? r->cents > 30 : r->cents < 70;
}

static void model_print(struct buf *out, const struct model_record *r, int sql)
{
    buf_printf(out, "k%u|u%u|%u\n", r->key, r->user, r->cents + 1000 * (unsigned)(sql + 1));
}

// The last row of every key, over the slots in their order.
static void model_table(struct buf *out, const struct model *m, bool by_user)
{
    const struct model_record *last[KEYS + USERS] = {0};
    int sql[KEYS + USERS];
    for (unsigned i = 0; i < m->slot_count; i++) {
        const struct model_slot *s = &m->slots[i];
        int by = by_user ? s->two : s->one;
        for (unsigned k = s->first; by != NOT_THERE && k < s->first + s->count; k++) {
            const struct model_record *r = &m->records[k];
            unsigned at = by_user ? r->user : r->key;
            if (!model_row(r, by))
                continue;
            last[at] = r;
            sql[at] = by;
        }
    }
    for (unsigned i = 0; i < KEYS + USERS; i++)
        if (last[i])
            model_print(out, last[i], sql[i]);
}

static void same_table(const struct model *m, const char *warehouse, bool by_user)
{
    struct buf want, got;
    buf_init(&want, 1 << 20);
    buf_init(&got, 1 << 20);
    model_table(&want, m, by_user);
    memory_print_table(&got, warehouse, "o");
    buf_char(&want, '\0');
    buf_char(&got, '\0');
    assert_string_equal(got.p, want.p);
    buf_fini(&want);
    buf_fini(&got);
}

static void same(const struct model *m)
{
    uint64_t rows = 0;
    same_table(m, JOB_WORLD_ONE, false);
    same_table(m, JOB_WORLD_TWO, true);
    for (unsigned i = 0; i < m->slot_count; i++)
        for (unsigned k = m->slots[i].first; k < m->slots[i].first + m->slots[i].count; k++)
            rows += model_row(&m->records[k], m->slots[i].log);
    assert_int_equal(memory_rows(JOB_WORLD_ONE, "log"), rows);
}

// --- audits ----------------------------------------------------------------------------------------------------------

static bool note(void *arg, const struct audit_finding *f, struct err *e)
{
    assert_non_null(e);
    buf_printf(arg, "%s %.*s: %.*s -> %.*s\n", audit_kind_name(f->kind), STR_ARG(f->place),
               STR_ARG(f->text), STR_ARG(f->repair));
    return true;
}

static struct audit_report audit(struct buf *out, const struct job_world *w)
{
    struct audit_report r;
    struct err e;
    const struct audit_spec replay = {.tables = AUDIT_REPLAY, .found = note, .arg = out};
    buf_init(out, 1 << 20);
    assert_ok(run_audit(&r, w->a, w->job, &w->env, &replay, &e), &e);
    buf_char(out, '\0');
    return r;
}

// Nothing is found, and what is not compared is what other SQL made.
static void clean(const struct job_world *w, const struct model *m)
{
    struct buf found;
    bool gap = false, one = false, two = false, log = false, seen = false;
    for (unsigned i = 0; i < m->slot_count; i++) {
        one = one || m->slots[i].one != m->sql;
        two = two || (m->slots[i].two != m->sql && m->slots[i].two != NOT_THERE);
        log = log || m->slots[i].log != m->sql;
        gap = gap || (m->slots[i].two == NOT_THERE && seen); // before: it was not added yet
        seen = true;
    }
    struct audit_report r = audit(&found, w);
    assert_int_equal(r.uncompared, one + (two && m->has_two) + log);
    if (one || log || (two && m->has_two))
        assert_true(r.why.n > 0);
    if (gap && m->has_two)
        assert_true(!strstr(found.p, "one/o/O") && !strstr(found.p, "the first is"));
    else
        assert_string_equal(found.p, "");
    buf_fini(&found);
}

static void finds(const struct job_world *w, const char *what, const char *repair)
{
    struct buf found;
    (void)audit(&found, w);
    if (!strstr(found.p, what) || !strstr(found.p, repair))
        fail_msg("\"%s\" has no \"%s\" with \"%s\"", found.p, what, repair);
    buf_fini(&found);
}

static void produce(struct job_world *w, struct model *m, struct job_random *r, unsigned n)
{
    for (unsigned i = 0; i < n && m->record_count < RECORDS_MAX; i++) {
        struct model_record x = {(unsigned)job_random_below(r, KEYS),
                                 (unsigned)job_random_below(r, USERS),
                                 (unsigned)job_random_below(r, 100)};
        char key[16], value[80];
        (void)snprintf(key, sizeof key, "k%u", x.key);
        (void)snprintf(value, sizeof value, "{\"usr\":\"u%u\",\"cents\":%u}", x.user, x.cents);
        (void)source_fake_add(w->broker, "tx", (int32_t)job_random_below(r, 2),
                              1000 + m->record_count, key, value);
        m->records[m->record_count++] = x;
    }
}

static void model_ran(struct model *m, uint64_t batch)
{
    if (m->read == m->record_count)
        return;
    assert_true(m->slot_count < SLOTS_MAX);
    m->slots[m->slot_count++] = (struct model_slot){
        batch, m->read, m->record_count - m->read, m->sql, m->has_two ? m->sql : NOT_THERE, m->sql};
    m->read = m->record_count;
}

// --- its operations, each repeated until it went through -------------------------------------------------------------

struct life {
    struct job_world *w;
    struct model m;
    struct job_random r;
    unsigned faults; // one operation in so many; 0 = none
    unsigned fired;
};

static void life_begin(struct life *l)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    const struct fault_spec fault = {.occurrence = 1 + job_random_below(&l->r, 60),
                                     .action = actions[job_random_below(&l->r, 4)]};
    bool fails = l->faults > 0 && job_random_below(&l->r, l->faults) == 0;
    job_world_restart(l->w, fails ? &fault : NULL);
}

static void life_again(struct life *l, int tries)
{
    l->fired++;
    if (tries == 3)
        fail_msg("does not get well: %s", l->w->text);
    job_world_restart(l->w, NULL);
}

static void life_run(struct life *l)
{
    uint64_t before = l->m.slot_count ? l->m.slots[l->m.slot_count - 1].batch : 0;
    life_begin(l);
    for (int i = 0; !job_world_run(l->w); i++)
        life_again(l, i);
    if (l->m.read == l->m.record_count)
        return;
    // Of a run that was cut short after its decision the batch is not in the report.
    struct arena *a = arena_new(NULL);
    struct batch_record r = {0};
    struct control c;
    job_world_control(&c, l->w, a);
    for (uint64_t id = c.last_batch; id > before; id--)
        if (job_world_record(&r, l->w, a, id) && r.kind == BATCH_FORWARD && r.range_count > 0)
            break;
    model_ran(&l->m, r.batch);
    arena_free(a);
}

static void life_resync(struct life *l)
{
    static const char *const names[] = {"one/o/O", "two/o/O", "O"};
    unsigned name = (unsigned)job_random_below(&l->r, l->m.has_two ? 3 : 1);
    bool other = false;
    for (unsigned i = 0; i < l->m.slot_count; i++) {
        int one = l->m.slots[i].one, two = l->m.slots[i].two;
        other = other || (name != 1 && one != l->m.sql) ||
                (name != 0 && two != NOT_THERE && two != l->m.sql);
    }
    if (l->m.slot_count == 0)
        return;
    if (other) {
        job_world_restart(l->w, NULL);
        refused(resync(l->w, names[name]), l->w, ERR_CONFIG, "would not get the rows that it had");
    }
    life_begin(l);
    for (int i = 0; !resync_by(l->w, names[name], RESYNC_TODAYS_SQL); i++) {
        const struct backfill_spec pending = {.by = BACKFILL_PENDING};
        life_again(l, i);
        (void)job_world_backfill(l->w, &pending); // it may have come as far as that
    }
    for (unsigned i = 0; i < l->m.slot_count; i++) {
        struct model_slot *s = &l->m.slots[i];
        s->one = name != 1 ? l->m.sql : s->one;
        s->two = name != 0 ? l->m.sql : s->two;
        s->log = name == 2 ? l->m.sql : s->log;
    }
}

static void life_backfill(struct life *l)
{
    struct model *m = &l->m;
    bool inside = true;
    if (m->slot_count == 0)
        return;
    unsigned from = (unsigned)job_random_below(&l->r, m->slot_count),
             to = from + (unsigned)job_random_below(&l->r, m->slot_count - from);
    if (job_random_below(&l->r, 2) == 0)
        to = m->slot_count - 1;
    for (unsigned i = 0; i < m->slot_count; i++)
        inside = inside && ((i >= from && i <= to) || (m->slots[i].one == m->sql &&
                                                       (!m->has_two || m->slots[i].two == m->sql)));
    const struct backfill_spec range = {.by = BACKFILL_BATCHES,
                                        .from = (int64_t)m->slots[from].batch,
                                        .to = (int64_t)m->slots[to].batch};
    if (!inside) {
        job_world_restart(l->w, NULL);
        refused(job_world_backfill(l->w, &range), l->w, ERR_CONFIG, "is put by key");
        return;
    }
    life_begin(l);
    for (int i = 0; !job_world_backfill(l->w, &range); i++)
        life_again(l, i);
    for (unsigned i = 0; i < m->slot_count; i++) {
        struct model_slot *s = &m->slots[i];
        s->one = m->sql;
        s->two = m->has_two ? m->sql : s->two;
        s->log = i >= from && i <= to ? m->sql : s->log;
    }
}

static void life_step(struct life *l)
{
    switch (job_random_below(&l->r, 8)) {
    case 0:
        l->m.sql = (int)job_random_below(&l->r, SQLS);
        compile(l->w, (unsigned)l->m.sql, l->m.has_two ? both : without_two);
        break;
    case 1:
        l->m.has_two = !l->m.has_two;
        compile(l->w, (unsigned)l->m.sql, l->m.has_two ? both : without_two);
        break;
    case 2:
        life_resync(l);
        break;
    case 3:
    case 4:
        life_backfill(l);
        break;
    default:
        produce(l->w, &l->m, &l->r, 1 + (unsigned)job_random_below(&l->r, 12));
        life_run(l);
    }
}

static unsigned lives(uint64_t seeds, unsigned faults)
{
    unsigned fired = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct life l = {
            .w = job_world_new(&spec), .m = {.has_two = true}, .r = {seed}, .faults = faults};
        for (int i = 0; i < 25; i++) {
            life_step(&l);
            same(&l.m);
            job_world_restart(l.w, NULL); // the fault may be still to come
            if (l.m.slot_count)
                clean(l.w, &l.m);
        }
        fired += l.fired;
        job_world_free(l.w);
    }
    return fired;
}

TEST(tables_are_the_last_row_per_key_of_all_batches_through_random_lives)
{
    assert_int_equal(lives(test_is_long() ? 150 : 3, 0), 0);
}

TEST(so_they_are_with_a_fault_at_any_durable_call_of_an_operation)
{
    uint64_t seeds = test_is_long() ? 400 : 6;
    assert_true(lives(seeds, 2) > 2 * seeds);
}

// --- the cases -------------------------------------------------------------------------------------------------------

static struct life planted(void)
{
    struct life l = {.w = job_world_new(&spec), .m = {.has_two = true}, .r = {7}};
    for (int i = 0; i < 3; i++) {
        produce(l.w, &l.m, &l.r, 20);
        life_run(&l);
    }
    same(&l.m);
    return l;
}

TEST(a_resync_writes_the_table_whole_and_nothing_else)
{
    struct life l = planted();
    struct buf before, after;
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    memory_print_table(&before, JOB_WORLD_ONE, "log");
    assert_true(memory_delete(JOB_WORLD_ONE, "o", "k1"));
    assert_true(memory_put(JOB_WORLD_ONE, "o", "k2|u1|1"));
    assert_true(memory_put(JOB_WORLD_ONE, "o", "nobody|u1|1"));
    if (!resync(l.w, "one/o/O"))
        fail_msg("%s", l.w->text);
    assert_int_equal(l.w->report.batches, 1);
    same(&l.m);
    memory_print_table(&after, JOB_WORLD_ONE, "log");
    job_world_same(&before, &after, "appended rows");
    buf_fini(&before);
    buf_fini(&after);
    job_world_free(l.w);
}

TEST(a_store_that_was_set_back_or_lost_its_table_gets_it_by_a_resync)
{
    struct life l = planted();
    memory_copy("backup", JOB_WORLD_TWO);
    for (int i = 0; i < 3; i++) {
        produce(l.w, &l.m, &l.r, 20);
        life_run(&l);
    }
    memory_copy(JOB_WORLD_TWO, "backup");
    refused(job_world_run(l.w), l.w, ERR_BEHIND, "two/o/O");
    assert_true(resync(l.w, ""));
    same(&l.m);
    assert_true(memory_drop(JOB_WORLD_TWO, "o"));
    refused(job_world_run(l.w), l.w, ERR_BEHIND, "does not exist any more");
    assert_true(resync(l.w, "two/o/O"));
    same(&l.m);
    produce(l.w, &l.m, &l.r, 20);
    life_run(&l);
    same(&l.m);
    job_world_free(l.w);
}

TEST(a_resync_without_the_records_is_refused_and_changes_nothing)
{
    struct life l = planted();
    source_fake_delete_before(l.w->broker, "tx", 0, 2);
    refused(resync(l.w, "one/o/O"), l.w, ERR_DATA, "the topic begins at 2 now");
    job_world_restart(l.w, NULL);
    same(&l.m);
    job_world_free(l.w);
}

TEST(rows_that_the_new_sql_does_not_have_give_way_to_those_before_them)
{
    struct life l = {.w = job_world_new(&spec), .m = {.has_two = true}, .r = {9}};
    const struct backfill_spec second = {.by = BACKFILL_BATCHES, .from = 2, .to = 2},
                               all = {.by = BACKFILL_BATCHES, .from = 1, .to = 3};
    produce(l.w, &l.m, &l.r, 40);
    life_run(&l);
    produce(l.w, &l.m, &l.r, 40);
    life_run(&l);
    compile(l.w, 1, both);
    l.m.sql = 1;
    refused(job_world_backfill(l.w, &second), l.w, ERR_CONFIG,
            "batch 1, which is not among these, was executed by other SQL");
    refused(job_world_backfill(l.w, &second), l.w, ERR_CONFIG, "sluice job resync sim one/o/O");
    same(&l.m);
    if (!job_world_backfill(l.w, &all))
        fail_msg("%s", l.w->text);
    assert_int_equal(l.w->report.batches, 1 + 2);
    for (unsigned i = 0; i < 2; i++)
        l.m.slots[i].one = l.m.slots[i].two = l.m.slots[i].log = 1;
    same(&l.m);
    job_world_free(l.w);
}

static void gap(const struct job_world *w, uint64_t from, uint64_t to)
{
    struct arena *a = arena_new(NULL);
    struct control c;
    job_world_control(&c, w, a);
    const struct control_output *o = control_output(&c, STR("two/o/O"));
    assert_int_equal(o->gap_from, from);
    assert_int_equal(o->gap_to, to);
    arena_free(a);
}

TEST(a_resync_closes_the_gap_of_a_stream_that_was_out_of_the_job)
{
    for (int before = 0; before < 2; before++) { // the run in which it comes back
        struct life l = planted();
        compile(l.w, 0, without_two);
        l.m.has_two = false;
        produce(l.w, &l.m, &l.r, 20);
        life_run(&l);
        compile(l.w, 0, both);
        l.m.has_two = true;
        if (before) {
            assert_true(resync(l.w, "two/o/O"));
            l.m.slots[3].two = 0;
        }
        produce(l.w, &l.m, &l.r, 20);
        assert_true(job_world_run(l.w));
        model_ran(&l.m, l.w->report.batch_last);
        if (!before) {
            assert_non_null(strstr(l.w->report.notice, "sluice job resync sim two/o/O"));
            gap(l.w, 4, 4);
            assert_true(resync(l.w, "two/o/O"));
            l.m.slots[3].two = 0;
        }
        gap(l.w, 0, 0);
        same(&l.m);
        job_world_free(l.w);
    }
}

static void produce_and_stop(struct job_world *w, void *arg)
{
    struct life *l = arg;
    if (l->m.record_count < 60)
        produce(w, &l->m, &l->r, 10);
    else
        atomic_store(&w->cancel, true);
}

// Its rows for the lake are in files that many batches share; a table has no part in that.
TEST(batches_of_an_endless_run_are_read_again_for_a_table)
{
    struct life l = {.w = job_world_new(&spec), .m = {.has_two = true}, .r = {11}};
    const struct backfill_spec first = {.by = BACKFILL_BATCHES, .from = 1, .to = 1};
    if (!job_world_stream(l.w, produce_and_stop, &l))
        fail_msg("%s", l.w->text);
    model_ran(&l.m, 1);
    same(&l.m);
    refused(job_world_backfill(l.w, &first), l.w, ERR_CONFIG, "was made by an endless run");
    assert_true(memory_delete(JOB_WORLD_ONE, "o", "k1"));
    finds(l.w, "1 rows are missing, the first is k='k1'", "sluice job resync sim one/o/O");
    if (!resync(l.w, "one/o/O"))
        fail_msg("%s", l.w->text);
    same(&l.m);
    clean(l.w, &l.m);
    job_world_free(l.w);
}

static bool note_whole(void *arg, struct str target, struct err *e)
{
    assert_non_null(e);
    buf_printf(arg, "%.*s\n", STR_ARG(target));
    return true;
}

TEST(a_dry_run_says_what_is_written_whole)
{
    struct life l = planted();
    struct buf told;
    struct backfill_spec all = {.by = BACKFILL_BATCHES,
                                .mode = BACKFILL_DRY_RUN,
                                .from = 1,
                                .to = 3,
                                .whole = note_whole,
                                .slot_arg = &told};
    buf_init(&told, 1000);
    assert_true(job_world_backfill(l.w, &all));
    buf_char(&told, '\0');
    assert_string_equal(told.p, "one/o/O\ntwo/o/O\n");
    assert_int_equal(l.w->report.batches, 0);
    buf_fini(&told);
    job_world_free(l.w);
}

TEST(audits_name_planted_differences_and_what_repairs_them)
{
    struct life l = planted();
    clean(l.w, &l.m);
    assert_true(memory_delete(JOB_WORLD_ONE, "o", "k1"));
    finds(l.w, "rows one/o/O: 1 rows are missing, the first is k='k1'",
          "sluice job resync sim one/o/O");
    assert_true(memory_put(JOB_WORLD_ONE, "o", "k2|u1|1"));
    finds(l.w, "rows one/o/O: 1 rows are changed, the first is k='k2'",
          "sluice job resync sim one/o/O");
    assert_true(memory_put(JOB_WORLD_TWO, "o", "k2|nobody|1"));
    finds(l.w, "rows two/o/O: 1 rows are too many, the first is account='nobody'",
          "sluice job resync sim two/o/O");
    assert_true(resync(l.w, "O"));
    clean(l.w, &l.m);
    same(&l.m);
    job_world_free(l.w);
}

// A table that was out of the job when it began again keeps its rows until it is written whole.
TEST(rows_of_an_earlier_history_are_no_finding_until_the_table_is_written_whole)
{
    struct life l = planted();
    assert_true(memory_put(JOB_WORLD_TWO, "o", "k2|nobody|1"));
    compile(l.w, 0, without_two);
    assert_true(job_world_reset(l.w, RUN_RESET_REBUILD));
    assert_true(job_world_run(l.w));
    l.m = (struct model){.sql = 0};
    compile(l.w, 0, both);
    produce(l.w, &l.m, &l.r, 5);
    assert_true(job_world_run(l.w));
    struct buf found;
    assert_int_equal(audit(&found, l.w).uncompared, 0);
    assert_string_equal(found.p, "");
    buf_fini(&found);
    assert_true(resync(l.w, "two/o/O"));
    assert_true(memory_put(JOB_WORLD_TWO, "o", "k2|nobody|1"));
    finds(l.w, "rows two/o/O: 1 rows are too many", "sluice job resync sim two/o/O");
    job_world_free(l.w);
}

static void two_goes_down(struct source_fake *s, void *arg)
{
    assert_true(s && !arg);
    memory_power(JOB_WORLD_TWO, MEMORY_DOWN);
}

TEST(a_batch_that_was_skipped_is_brought_by_a_resync)
{
    struct life l = planted();
    struct deliver_report report;
    struct err e;
    produce(l.w, &l.m, &l.r, 20);
    source_fake_at_poll(l.w->broker, 2, two_goes_down, NULL);
    assert_false(job_world_run(l.w));
    assert_ok(run_deliver_decided(&report, l.w->job, &l.w->env, STR("two/o/O"), &e), &e);
    assert_int_equal(report.batch, 4);
    memory_power(JOB_WORLD_TWO, MEMORY_UP);
    model_ran(&l.m, 4);
    l.m.slots[3].two = NOT_THERE;
    same(&l.m);
    finds(l.w, "rows two/o/O: rows of batch 4 are missing: it was skipped",
          "sluice job resync sim two/o/O");
    assert_true(resync(l.w, "two/o/O"));
    l.m.slots[3].two = 0;
    same(&l.m);
    clean(l.w, &l.m);
    job_world_free(l.w);
}

TEST_MAIN(T(tables_are_the_last_row_per_key_of_all_batches_through_random_lives),
          T(so_they_are_with_a_fault_at_any_durable_call_of_an_operation),
          T(a_resync_writes_the_table_whole_and_nothing_else),
          T(a_store_that_was_set_back_or_lost_its_table_gets_it_by_a_resync),
          T(a_resync_without_the_records_is_refused_and_changes_nothing),
          T(rows_that_the_new_sql_does_not_have_give_way_to_those_before_them),
          T(a_resync_closes_the_gap_of_a_stream_that_was_out_of_the_job),
          T(a_dry_run_says_what_is_written_whole),
          T(batches_of_an_endless_run_are_read_again_for_a_table),
          T(audits_name_planted_differences_and_what_repairs_them),
          T(rows_of_an_earlier_history_are_no_finding_until_the_table_is_written_whole),
          T(a_batch_that_was_skipped_is_brought_by_a_resync))
