// engine FILE.ndjson [WINDOW [ROUNDS [JOB]]]: CPU per million records of J1, J3 and J4 without broker and outputs: scan (decode) and
// execution apart. FILE is what bench/gen writes.
#include "base/hash.h"
#include "base/mem.h"
#include "sql/exec/exec.h"
#include "sql/sql.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096u

#define TX                                                                                       \
    "CREATE STREAM t (user_id_k STRING KEY, transaction_id STRING, timestamp STRING, user_id "   \
    "STRING, product_id STRING, amount DECIMAL(18,2), currency STRING, status STRING, location " \
    "STRUCT<city STRING, country STRING>, payment_method STRING) "                               \
    "WITH (KAFKA_TOPIC='transaction_log', VALUE_FORMAT='JSON'%s);\n"

static const char *const jobs[][3] = {
    {"J1", "",
     "CREATE STREAM o AS SELECT user_id_k, transaction_id, timestamp, user_id, product_id, amount, "
     "currency, location->city AS city, location->country AS country, payment_method, status FROM "
     "t "
     "WHERE status = 'completed' EMIT CHANGES;"},
    {"J3", "",
     "CREATE TABLE o AS SELECT user_id, SUM(amount) AS total, COUNT(*) AS n, MAX(timestamp) AS "
     "latest FROM t GROUP BY user_id EMIT CHANGES;"},
    {"J4", ", TIMESTAMP='timestamp', TIMESTAMP_FORMAT='yyyy-MM-dd''T''HH:mm:ss.SSSX'",
     "CREATE TABLE o AS SELECT payment_method, COUNT(*) AS n, SUM(amount) AS total FROM t WINDOW "
     "HOPPING (SIZE 1 HOUR, ADVANCE BY 10 MINUTES, GRACE PERIOD 4 DAYS) GROUP BY payment_method "
     "EMIT CHANGES;"},
};

struct totals {
    uint64_t rows, sum, hash;
};

static bool emit(void *arg, size_t output, const struct block *b, struct err *e)
{
    struct totals *t = arg;
    (void)output;
    (void)e;
    t->rows += b->rows;
    for (uint32_t c = 0; c < b->schema->count; c++)
        for (uint32_t i = 0; b->schema->columns[c].type->kind == TYPE_BIGINT && i < b->rows; i++)
            t->sum += (uint64_t)b->columns[c].i64[i];
    return true;
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void die(const struct err *e)
{
    fprintf(stderr, "%s\n", e->text);
    exit(1);
}

struct input {
    struct scan_record *records;
    uint32_t n;
};

static struct input load(const char *path)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        perror(path);
        exit(1);
    }
    const char *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    const char *end = p + st.st_size;
    struct input in = {MEM_ARRAY(struct scan_record, (size_t)st.st_size / 200), 0};
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        in.records[in.n] = (struct scan_record){.key = {"U1", 2},
                                                .value = {p, (size_t)(nl - p)},
                                                .timestamp = 1746057600000,
                                                .offset = in.n};
        in.n++;
        p = nl + 1;
    }
    return in;
}

static void run(const char *const job[3], const struct input *in, uint32_t window)
{
    struct err e = {0};
    struct arena *a = arena_new(NULL);
    struct arena *w = arena_new(NULL);
    char sql[2048];
    (void)snprintf(sql, sizeof sql, TX "%s", job[1], job[2]);
    const struct sql_script script = {"bench.sql", str_from(sql)};
    const struct plan *plan;
    const struct program *p;
    const struct program_output_spec out = {.name = STR("O"), .collapse = OUTPUT_LAST_CHANGE};
    if (!sql_plan(&plan, a, &script, 1, &e) ||
        !program_compile(
            &p, a, &(struct program_spec){.plan = plan, .outputs = &out, .output_count = 1}, &e))
        die(&e);
    struct totals totals = {0};
    struct exec *x;
    if (!exec_open(
            &x,
            &(struct exec_spec){.program = p, .job = "bench", .emit = emit, .emit_arg = &totals},
            &e) ||
        !exec_batch_begin(x, 1, 1, &e))
        die(&e);
    double scan = 0;
    double exec = 0;
    const struct block *blocks[64];
    for (uint32_t at = 0; at < in->n;) {
        arena_reset(w);
        size_t n = 0;
        const double t0 = cpu();
        for (uint32_t end = at + window; at < end && at < in->n;) {
            const uint32_t rows = in->n - at < BLOCK ? in->n - at : BLOCK;
            struct scan_result r;
            if (!scan_run(&r, p, 0, w, in->records + at, rows, &e))
                die(&e);
            r.block->seq = ARENA_ARRAY(w, uint64_t, rows);
            for (uint32_t i = 0; i < r.block->rows; i++)
                r.block->seq[i] = at + r.record[i];
            blocks[n++] = r.block;
            at += rows;
        }
        const double t1 = cpu();
        if (!exec_window(x, &(struct block_list){blocks, n}, &e))
            die(&e);
        scan += t1 - t0;
        exec += cpu() - t1;
    }
    const double t0 = cpu();
    if (!exec_batch_end(x, &e))
        die(&e);
    exec += cpu() - t0;
    const double million = in->n / 1e6;
    printf("%s scan %.3f exec %.3f s per million; %llu rows, sum of BIGINTs %llu\n", job[0],
           scan / million, exec / million, (unsigned long long)totals.rows,
           (unsigned long long)totals.sum);
    exec_close(x);
    arena_free(w);
    arena_free(a);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: engine FILE.ndjson [WINDOW [ROUNDS [JOB]]]\n");
        return 2;
    }
    const struct input in = load(argv[1]);
    const uint32_t window = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 65536;
    for (long round = argc > 3 ? strtol(argv[3], NULL, 10) : 3; round > 0; round--)
        for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
            if (argc < 5 || strcmp(argv[4], jobs[i][0]) == 0)
                run(jobs[i], &in, window);
    mem_free(in.records);
    return 0;
}
