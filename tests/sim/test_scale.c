// Shapes at which an engine that is quadratic, or that keeps what it need not, falls over: long CASEs, wide STRUCTs, many
// keys, many windows, state beyond memory. Memory is the process's own peak; work is instructions under callgrind, so that
// the machine's load does not matter.
#include "tests/support/callgrind.h"
#include "tests/support/engine.h"
#include "tests/support/engine_store.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS     16384u // a window of the product
#define MEBIBYTE ((size_t)1 << 20)

// --- measuring ----------------------------------------------------------------------------------

static size_t status_kib(const char *name)
{
    char line[256];
    size_t kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtoul(line + strlen(name) + 1, NULL, 10);
    assert_int_equal(fclose(f), 0);
    return kib;
}

static size_t anonymous_bytes(void)
{
    return status_kib("RssAnon") << 10;
}

// The peak counts from here on.
static size_t peak_reset(void)
{
    const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "5", 1) != 1)
        skip();
    assert_int_equal(close(fd), 0);
    return status_kib("VmRSS") << 10;
}

static size_t peak_growth(size_t before)
{
    return (status_kib("VmHWM") << 10) - before;
}

static void needs_true_memory(void)
{
#if defined(__SANITIZE_ADDRESS__)
    skip(); // freed memory stays in quarantine
#endif
    if (getenv("RUNNING_ON_VALGRIND"))
        skip();
}

// --- one window ---------------------------------------------------------------------------------

struct rows {
    struct engine s;
    char (*values)[96];
    uint32_t n;
};

static void rows_open(struct rows *out, const char *sql, const char *output, uint32_t n)
{
    *out = (struct rows){.n = n};
    out->values = test_malloc(n * sizeof *out->values);
    engine_open(&out->s, &(struct engine_spec){.sql = sql, .outputs = {output}});
}

static void rows_run(struct rows *r)
{
    engine_begin(&r->s);
    for (uint32_t i = 0; i < r->n; i++)
        engine_add(&r->s, 0, "k", r->values[i], 1000 + i);
    engine_run(&r->s, ROWS);
    engine_end(&r->s);
}

static void rows_close(struct rows *r)
{
    engine_close(&r->s);
    test_free(r->values);
}

static void long_case(struct buf *sql, unsigned branches)
{
    buf_init(sql, MEBIBYTE);
    buf_text(sql, "CREATE STREAM t (s STRING, i INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');\n"
                  "CREATE STREAM o AS SELECT CASE");
    for (unsigned i = 0; i < branches; i++)
        buf_printf(sql, " WHEN s = 's%u' THEN CONCAT('is ', CAST(i + %u AS STRING))", i, i);
    buf_text(sql, " ELSE 'none' END AS c FROM t EMIT CHANGES;");
    buf_char(sql, '\0');
}

TEST(a_case_of_a_thousand_branches_takes_little_memory_and_the_right_branch)
{
    struct buf sql;
    struct rows r;
    char want[64];
    needs_true_memory();
    long_case(&sql, 1000);
    rows_open(&r, sql.p, "O", ROWS);
    for (uint32_t i = 0; i < ROWS; i++)
        (void)snprintf(r.values[i], sizeof *r.values, "{\"s\":\"s%u\",\"i\":%u}", i * 7 % 1100, i);
    const size_t before = peak_reset();
    rows_run(&r);
    const size_t grown = peak_growth(before);
    const char *line = engine_text(&r.s);
    for (uint32_t i = 0; i < ROWS; i++) {
        const unsigned branch = i * 7 % 1100;
        if (branch < 1000)
            (void)snprintf(want, sizeof want, "O +I C=is %u @%u\n", i + branch, 1000 + i);
        else
            (void)snprintf(want, sizeof want, "O +I C=none @%u\n", 1000 + i);
        if (strncmp(line, want, strlen(want)) != 0)
            fail_msg("row %u: %.60s is not %s", i, line, want);
        line = strchr(line, '\n') + 1;
    }
    rows_close(&r);
    buf_fini(&sql);
    if (grown > 64 * MEBIBYTE)
        fail_msg("it took %zu MiB", grown / MEBIBYTE);
}

// --- state beyond memory ------------------------------------------------------------------------

struct stateful {
    const char *sql;
    uint32_t records;      // each a key or a window of its own
    int64_t step_ms;       // between records of one key; 0: each has a key of its own
    uint64_t stored_least; // bytes of the store at the end
};

static void many_batches(const struct stateful *x, size_t anonymous_max)
{
    enum { DIRTY_MAX = 4 << 20 };
    struct engine_store store;
    struct engine s;
    static char keys[4096][24];
    size_t most = 0;
    uint32_t batches = 1;
    needs_true_memory();
    engine_store_open(&store);
    engine_open(&s, &(struct engine_spec){.sql = x->sql, .outputs = {"+O"}, .kv = store.kv});
    assert_true(malloc_trim(0) >= 0); // what earlier tests have freed counts for nothing
    const size_t before = anonymous_bytes();
    engine_begin(&s);
    for (uint32_t i = 0; i < x->records;) {
        uint32_t n = 0;
        for (; n < 4096 && i < x->records; n++, i++) {
            // a prime step: neighbours in time are none in the store
            const uint32_t id = (uint32_t)((uint64_t)i * 999983 % x->records);
            (void)snprintf(keys[n], sizeof keys[n], "key-%08u", x->step_ms ? 1 : id);
            engine_add(&s, 0, keys[n], "{\"i\":1}", (int64_t)i * x->step_ms);
        }
        engine_run(&s, 4096);
        if (exec_dirty_bytes(s.x) > DIRTY_MAX || i == x->records) {
            const size_t now = anonymous_bytes();
            engine_end(&s);
            most = now > before + most ? now - before : most;
            buf_clear(&s.out);
            engine_begin(&s);
            batches++;
        }
    }
    // what went to the store counts on
    (void)snprintf(keys[0], sizeof keys[0], "key-%08u", 1);
    const int64_t back = x->step_ms ? (int64_t)(x->records / 2) * x->step_ms : 0;
    engine_add(&s, 0, keys[0], "{\"i\":1}", back);
    engine_run(&s, 1);
    engine_end(&s);
    if (!strstr(engine_text(&s), "N=2"))
        fail_msg("the first one's count is lost: %s", engine_text(&s));
    char path[512];
    struct stat st;
    assert_int_equal(stat(test_dir_file(path, &store.dir, "state/data.mdb"), &st), 0);
    const uint64_t stored = (uint64_t)st.st_blocks * 512;
    engine_close(&s);
    engine_store_close(&store);
    if (batches < 3 || stored < x->stored_least)
        fail_msg("%u batches, %llu bytes stored: not beyond anything", batches,
                 (unsigned long long)stored);
    if (most > anonymous_max)
        fail_msg("%zu MiB of memory", most / MEBIBYTE);
}

#define SOURCE                                                      \
    "CREATE STREAM t (k STRING KEY, i INT) WITH (KAFKA_TOPIC='t', " \
    "KEY_FORMAT='KAFKA', VALUE_FORMAT='JSON');\n"

static const char keys_sql[] =
    SOURCE "CREATE TABLE o AS SELECT k, COUNT(*) AS n, SUM(i) AS i FROM t GROUP BY k EMIT CHANGES;";
static const char windows_sql[] =
    SOURCE "CREATE TABLE o AS SELECT k, COUNT(*) AS n FROM t WINDOW TUMBLING (SIZE 1 SECOND, "
           "GRACE PERIOD 3650 DAYS) GROUP BY k EMIT CHANGES;";

TEST(a_million_keys_are_counted_in_bounded_memory)
{
    const uint32_t keys = test_is_long() ? 1000000 : 60000;
    const struct stateful x = {keys_sql, keys, 0, (uint64_t)keys * 30};
    many_batches(&x, 64 * MEBIBYTE);
}

TEST(a_hundred_thousand_open_windows_are_kept_in_bounded_memory)
{
    const uint32_t windows = test_is_long() ? 400000 : 60000;
    const struct stateful x = {windows_sql, windows, 1000, (uint64_t)windows * 20};
    many_batches(&x, 24 * MEBIBYTE);
}

// --- work ---------------------------------------------------------------------------------------

struct workload {
    const char *name;
    void (*run)(uint32_t n);
    uint32_t n; // and twice, four times as much
};

static void count_keys(uint32_t n)
{
    static char keys[65536][24];
    struct engine s;
    engine_open(&s, &(struct engine_spec){.sql = keys_sql, .outputs = {"O"}});
    engine_begin(&s);
    for (uint32_t i = 0; i < n; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "key-%u", i);
        engine_add(&s, 0, keys[i], "{\"i\":1}", i);
    }
    engine_run(&s, ROWS);
    engine_end(&s);
    engine_close(&s);
}

static void run_times(const char *sql, uint32_t n, int64_t step_ms)
{
    struct engine s;
    engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
    engine_begin(&s);
    for (uint32_t i = 0; i < n; i++)
        engine_add(&s, 0, "k", "{\"i\":1}", (int64_t)i * step_ms);
    engine_run(&s, ROWS);
    engine_end(&s);
    engine_close(&s);
}

static void open_windows(uint32_t n)
{
    run_times(windows_sql, n, 1000);
}

static void final_windows(uint32_t n)
{
    run_times(SOURCE "CREATE TABLE o AS SELECT k, COUNT(*) AS n FROM t WINDOW TUMBLING (SIZE 1 "
                     "SECOND, GRACE PERIOD 10 SECONDS) GROUP BY k EMIT FINAL;",
              n, 1000);
}

static void sessions(uint32_t n)
{
    run_times(SOURCE "CREATE TABLE o AS SELECT k, COUNT(*) AS n FROM t WINDOW SESSION (1 SECOND, "
                     "GRACE PERIOD 3650 DAYS) GROUP BY k EMIT CHANGES;",
              n, 5000);
}

static void wide_structs(uint32_t n)
{
    struct buf sql;
    struct buf record;
    struct engine s;
    buf_init(&sql, MEBIBYTE);
    buf_init(&record, MEBIBYTE);
    buf_text(&sql, "CREATE STREAM t (x STRUCT<f INT");
    buf_text(&record, "{\"x\":{\"f\":0");
    for (uint32_t i = 0; i < n; i++) {
        buf_printf(&sql, ", field_%u STRING", i);
        buf_printf(&record, ",\"field_%u\":\"value %u\"", i, i);
    }
    buf_text(&sql, ">) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');\n"
                   "CREATE STREAM o AS SELECT x, x->f + 1 AS f1");
    for (uint32_t i = 0; i < n; i++)
        buf_printf(&sql, ", x->field_%u + '!' AS c%u", i, i);
    buf_text(&sql, " FROM t EMIT CHANGES;");
    buf_text(&record, "}}");
    buf_char(&sql, '\0');
    buf_char(&record, '\0');
    engine_open(&s, &(struct engine_spec){.sql = sql.p, .outputs = {"O"}});
    engine_begin(&s);
    for (uint32_t i = 0; i < 200; i++)
        engine_add(&s, 0, "k", record.p, i);
    engine_run(&s, ROWS);
    engine_end(&s);
    engine_close(&s);
    buf_fini(&record);
    buf_fini(&sql);
}

// Rows that all take the first branch: the others cost nothing but being compiled.
static void case_branches(uint32_t n)
{
    struct buf sql;
    struct engine s;
    long_case(&sql, n);
    engine_open(&s, &(struct engine_spec){.sql = sql.p, .outputs = {"O"}});
    engine_begin(&s);
    for (uint32_t i = 0; i < 200; i++)
        engine_add(&s, 0, "k", "{\"s\":\"none\",\"i\":1}", i);
    engine_run(&s, ROWS);
    engine_end(&s);
    engine_close(&s);
    buf_fini(&sql);
}

static const struct workload workloads[] = {
    {"keys", count_keys, 2000},   {"windows", open_windows, 2000}, {"final", final_windows, 2000},
    {"sessions", sessions, 2000}, {"structs", wide_structs, 100},  {"case", case_branches, 250},
};

static uint64_t instructions(const struct workload *w, uint32_t n)
{
    char spec[64];
    (void)snprintf(spec, sizeof spec, "%s:%u", w->name, n);
    return callgrind_instructions("SLUICE_SCALE", spec, NULL);
}

TEST(work_grows_with_the_input_and_not_with_its_square)
{
    if (!test_is_long())
        skip();
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        const struct workload *w = &workloads[i];
        const uint64_t one = instructions(w, w->n);
        const uint64_t two = instructions(w, 2 * w->n);
        const uint64_t four = instructions(w, 4 * w->n);
        const double growth = (double)(four - two) / (double)(two - one); // 2 = linear, 4 = square
        print_message("%s: %.2f\n", w->name, growth);
        if (growth > 2.5)
            fail_msg("%s: %llu, %llu, %llu instructions", w->name, (unsigned long long)one,
                     (unsigned long long)two, (unsigned long long)four);
    }
}

// SLUICE_SCALE=NAME:N runs a workload and nothing else.
static bool run_workload(const char *spec)
{
    const char *colon = spec ? strchr(spec, ':') : NULL;
    for (size_t i = 0; colon && i < sizeof workloads / sizeof *workloads; i++)
        if (strncmp(spec, workloads[i].name, (size_t)(colon - spec)) == 0) {
            workloads[i].run((uint32_t)strtoul(colon + 1, NULL, 10));
            return true;
        }
    return false;
}

int main(void)
{
    if (run_workload(getenv("SLUICE_SCALE")))
        return 0;
    const struct CMUnitTest tests[] = {
        T(a_case_of_a_thousand_branches_takes_little_memory_and_the_right_branch),
        T(a_million_keys_are_counted_in_bounded_memory),
        T(a_hundred_thousand_open_windows_are_kept_in_bounded_memory),
        T(work_grows_with_the_input_and_not_with_its_square),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
