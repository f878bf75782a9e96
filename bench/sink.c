// bench/sink : rows per second and client CPU of the warehouse drivers. A six-column upsert (a string key, a BIGINT, two
// DECIMALs, a DOUBLE, a TIMESTAMP) into an empty table, then the same keys again; 100,000 rows, and the batches of J3
// (10,000) and J4 (2,627). SQLite in TMPDIR; MySQL with SLUICE_TEST_MYSQL_* set. JSON lines on stdout.
#include "base/durable.h"
#include "schema/decimal.h"
#include "warehouse/sqlite/sqlite.h"
#if SLUICE_WITH_MYSQL
#include "warehouse/mysql/mysql.h"
#endif

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#if SLUICE_WITH_MYSQL
#include <mysql.h>
#endif

#define BLOCK_ROWS 4096
#define COLUMNS    6

static double cpu_s(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static double wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(bool ok, const struct err *e)
{
    if (ok)
        return;
    char text[2048];
    err_format(e, text, sizeof text);
    fprintf(stderr, "bench/sink: %s\n", text);
    exit(1);
}

static struct block *fill(struct arena *a, const struct schema *schema, uint32_t from, uint32_t n,
                          int round)
{
    struct block *b = block_new(a, schema, n);
    for (uint32_t r = 0; r < n; r++) {
        const int64_t v = (int64_t)(from + r) * 7919 % 100000;
        b->columns[0].str[r] = arena_printf(a, "USER-%06u", (unsigned)(from + r));
        b->columns[1].i64[r] = v + round;
        b->columns[2].i64[r] = v * 100 + 25;
        b->columns[3].i64[r] = -v;
        b->columns[4].f64[r] = (double)v / 7;
        b->columns[5].i64[r] = INT64_C(1761638400000) + v * 1000 + round;
    }
    return b;
}

struct subject {
    const char *name;
    const struct sink_type *type;
    struct warehouse_url url;
};

static void batch(struct sink *s, const struct subject *subject, const struct schema *schema,
                  uint32_t rows, int round)
{
    const struct sink_type *type = subject->type;
    struct err e = {0};
    const uint64_t id = (uint64_t)round + 1;
    const struct commit_step step = {
        .batch = id, .digest = id, .prev_batch = id - 1, .prev_digest = id - 1, .plan = ""};
    enum head_state state;
    check(type->begin(s, &step, &state, NULL, &e), &e);
    assert(state == HEAD_NEXT);
    struct arena *a = arena_new(NULL);
    double cpu = 0, wall = wall_s();
    for (uint32_t at = 0; at < rows; at += BLOCK_ROWS) {
        const struct block *b =
            fill(a, schema, at, rows - at < BLOCK_ROWS ? rows - at : BLOCK_ROWS, round);
        const double before = cpu_s();
        check(type->write(s, b, &e), &e);
        cpu += cpu_s() - before;
        arena_reset(a);
    }
    const double before = cpu_s();
    uint64_t rejected;
    check(type->commit(s, &rejected, &e), &e);
    assert(rejected == 0);
    cpu += cpu_s() - before;
    wall = wall_s() - wall;
    arena_free(a);
    printf("{\"sink\":\"%s\",\"pass\":\"%s\",\"rows\":%u,\"k_rows_per_s\":%.0f,\"wall_ms\":%.1f,"
           "\"client_cpu_ms\":%.1f}\n",
           subject->name, round ? "update" : "insert", rows, rows / wall / 1e3, wall * 1e3,
           cpu * 1e3);
}

static void measure(const struct subject *subject, uint32_t rows)
{
    struct arena *a = arena_new(NULL);
    const struct type *money = type_decimal(a, 18, 2);
    const struct type *types[COLUMNS] = {
        type_scalar(TYPE_STRING), type_scalar(TYPE_BIGINT),   money, money,
        type_scalar(TYPE_DOUBLE), type_scalar(TYPE_TIMESTAMP)};
    static const char *const names[COLUMNS] = {"user_id", "n", "total", "owed", "rate", "seen"};
    struct sink_column columns[COLUMNS];
    struct schema_column schema_columns[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        columns[i] = (struct sink_column){str_from(names[i]), types[i], STR_NONE, i == 0, 0};
        schema_columns[i] = (struct schema_column){str_from(names[i]), types[i], i == 0};
    }
    const struct schema schema = {.count = COLUMNS, .key_count = 1, .columns = schema_columns};
    struct durable *d = durable_new(DURABLE_KILL);
    const struct str table = arena_printf(a, "bench_%u_%d", rows, (int)getpid());
    const struct sink_spec spec = {.url = &subject->url,
                                   .mode = SINK_UPSERT,
                                   .create = SINK_CREATE_IF_ABSENT,
                                   .table = table,
                                   .columns = columns,
                                   .count = COLUMNS,
                                   .job = subject->name,
                                   .output = "BENCH",
                                   .durable = d};
    struct err e = {0};
    struct sink *s;
    check(subject->type->open(&s, &spec, &e), &e);
    for (int round = 0; round < 2; round++)
        batch(s, subject, &schema, rows, round);
    subject->type->close(s);
    durable_free(d);
    arena_free(a);
}

static void measure_all(const struct subject *subject)
{
    static const uint32_t sizes[] = {100000, 10000, 2627};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        measure(subject, sizes[i]);
}

static void measure_sqlite(void)
{
    char path[512];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/sluice-bench-%d.db", dir ? dir : "/tmp", (int)getpid());
    const struct subject subject = {
        "sqlite",
        &sink_sqlite,
        {.scheme = STR("sqlite"), .path = str_from(path), .display = str_from(path)}};
    measure_all(&subject);
    unlink(path);
}

#if SLUICE_WITH_MYSQL
static void measure_mysql(const char *name, const char *bulk, const char *host, int64_t port)
{
    const struct str params[] = {STR("bulk"), str_from(bulk)};
    const struct subject subject = {name,
                                    &sink_mysql,
                                    {.scheme = STR("mysql"),
                                     .host = str_from(host),
                                     .port = (uint16_t)port,
                                     .user = str_from(getenv("SLUICE_TEST_MYSQL_USER")),
                                     .password = str_from(getenv("SLUICE_TEST_MYSQL_PASSWORD")),
                                     .database = STR("sluice_bench"),
                                     .params = params,
                                     .param_count = 1,
                                     .display = STR("mysql://bench")}};
    measure_all(&subject);
}

static void measure_server(void)
{
    const char *host = getenv("SLUICE_TEST_MYSQL_HOST"), *port = getenv("SLUICE_TEST_MYSQL_PORT");
    int64_t number;
    if (!host || !port || !str_to_i64(&number, str_from(port))) {
        fputs("bench/sink: mysql skipped: SLUICE_TEST_MYSQL_HOST and _PORT are not set\n", stderr);
        return;
    }
    MYSQL *db = mysql_init(NULL);
    if (!mysql_real_connect(db, host, getenv("SLUICE_TEST_MYSQL_USER"),
                            getenv("SLUICE_TEST_MYSQL_PASSWORD"), NULL, (unsigned)number, NULL,
                            0) ||
        mysql_query(db, "CREATE DATABASE IF NOT EXISTS sluice_bench")) {
        fprintf(stderr, "bench/sink: %s\n", mysql_error(db));
        exit(1);
    }
    measure_mysql("mysql bulk", "auto", host, number);
    measure_mysql("mysql multi-row", "off", host, number);
    mysql_query(db, "DROP DATABASE sluice_bench");
    mysql_close(db);
}
#endif

int main(void)
{
    measure_sqlite();
#if SLUICE_WITH_MYSQL
    measure_server();
#endif
    return 0;
}
