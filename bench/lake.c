// bench/lake : upkeep of the lake alone, without a broker. `lake` compacts files of one partition, per format: MB/s of the rows' text.
// `lake scale N[/P]…`: lakes of N files in P (N / 100) partitions, one of each a batch: what listing, planning, compacting and verifying cost a file in CPU. In TMPDIR
// (a directory in memory, for numbers that are not the disk's). JSON lines on stdout.
#include "base/durable.h"
#include "lake/compact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BENCH_FILES = 400, BENCH_ROWS = 4000 };

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
    char text[1600];
    if (ok)
        return;
    err_format(e, text, sizeof text);
    fprintf(stderr, "lake: %s\n", text);
    exit(1);
}

struct bench {
    char root[512];
    struct arena *a;
    struct durable *d;
    struct lake *lake;
    struct lake_output output;
    struct lake_part part;
    uint64_t batch;
};

static const struct schema *bench_schema(struct arena *a)
{
    static const char *const names[] = {"ID", "CITY", "METHOD", "AMOUNT", "P"};
    static const enum type_kind kinds[] = {TYPE_STRING, TYPE_STRING, TYPE_STRING, TYPE_BIGINT,
                                           TYPE_BIGINT};
    struct schema_column *c = ARENA_ZARRAY(a, struct schema_column, 5);
    for (int i = 0; i < 5; i++)
        c[i] = (struct schema_column){str_from(names[i]), type_scalar(kinds[i]), i == 0};
    struct schema *sc = ARENA_NEW(a, struct schema);
    *sc = (struct schema){.count = 5, .key_count = 1, .columns = c};
    return sc;
}

static void bench_open(struct bench *b, enum lake_format format, enum lake_codec codec)
{
    struct err e = {0};
    const char *tmp = getenv("TMPDIR");
    *b = (struct bench){.a = arena_new(NULL), .d = durable_new(DURABLE_KILL)};
    (void)snprintf(b->root, sizeof b->root, "%s/sluice-bench-lake-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(b->root)) {
        perror(b->root);
        exit(1);
    }
    b->part = (struct lake_part){LAKE_PART_COLUMN, 4};
    b->output = (struct lake_output){.name = STR("S"),
                                     .kind = LAKE_STREAM,
                                     .format = format,
                                     .codec = codec,
                                     .schema = bench_schema(b->a),
                                     .parts = &b->part,
                                     .part_count = 1,
                                     .time_column = -1,
                                     .zone_name = "UTC"};
    check(lake_open(&b->lake, b->root, LAKE_OPEN_CREATE, b->d, &e), &e);
}

static void bench_close(struct bench *b)
{
    struct err e = {0};
    lake_close(b->lake);
    check(durable_remove_tree(b->d, "bench", b->root, &e), &e);
    durable_free(b->d);
    arena_free(b->a);
}

// Row i of partition i mod partitions.
static struct block *bench_rows(struct arena *a, const struct schema *sc, uint64_t first,
                                uint32_t n, uint64_t partitions)
{
    static const char *const cities[] = {"Berlin", "Paris", "New York"};
    static const char *const methods[] = {"card", "transfer", "cash", "wallet"};
    struct block *b = block_new(a, sc, n);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t row = first + i, h = row * UINT64_C(0x9e3779b97f4a7c15);
        b->columns[0].str[i] = arena_printf(a, "TXN-%016llx", (unsigned long long)h);
        b->columns[1].str[i] = str_from(cities[(h >> 32) % 3]);
        b->columns[2].str[i] = str_from(methods[(h >> 40) % 4]);
        b->columns[3].i64[i] = (int64_t)(h >> 45);
        b->columns[4].i64[i] = (int64_t)(row % partitions);
        b->rowtime[i] = INT64_C(1761638400000) + (int64_t)row;
        b->seq[i] = row;
    }
    return b;
}

static void bench_publish(struct bench *b, struct lake_manifest *m)
{
    struct err e = {0};
    m->prev_batch = b->batch;
    m->prev_digest = b->batch;
    m->digest = ++b->batch;
    check(lake_publish(b->lake, m, &e), &e);
}

static void bench_batch(struct bench *b, uint64_t rows, uint64_t partitions)
{
    struct arena *a = arena_new(NULL);
    struct err e = {0};
    struct lake_stage *st;
    struct lake_manifest m;
    const struct lake_stage_spec spec = {.job = "bench",
                                         .batch = b->batch + 1,
                                         .now_ms = 1,
                                         .outputs = &b->output,
                                         .count = 1,
                                         .open_max = partitions + 1};
    check(lake_stage_begin(&st, b->lake, &spec, &e), &e);
    for (uint64_t i = 0; i < rows; i += 1000) {
        uint32_t n = rows - i < 1000 ? (uint32_t)(rows - i) : 1000;
        struct arena *block = arena_new(NULL);
        check(
            lake_stage_write(
                st, 0, bench_rows(block, b->output.schema, b->batch * rows + i, n, partitions), &e),
            &e);
        arena_free(block);
    }
    check(lake_stage_seal(st, a, &m, &e), &e);
    lake_stage_free(st);
    bench_publish(b, &m);
    arena_free(a);
}

struct step {
    double wall, cpu;
};

static struct step step_begin(void)
{
    return (struct step){wall_s(), cpu_s()};
}

static struct step step_end(struct step s)
{
    return (struct step){wall_s() - s.wall, cpu_s() - s.cpu};
}

struct upkeep {
    struct step list, plan, compact, verify;
    uint64_t bytes, files, after;
};

static void bench_upkeep(struct upkeep *out, struct bench *b)
{
    struct err e = {0};
    struct lake_ls ls;
    struct lake_manifest m;
    struct lake_verify v;
    struct lake_merges merges;
    static const struct lake_compact_policy policy = {
        .min_files = 2, .max_bytes = UINT64_C(1) << 40, .how = LAKE_COMPACT_ALL};
    struct step s = step_begin();
    check(lake_list(&ls, b->a, b->lake, STR_NONE, &e), &e);
    out->list = step_end(s);
    s = step_begin();
    check(lake_compact_choose(&merges, b->a, b->lake, &ls.outputs[0], &policy, &e), &e);
    out->plan = step_end(s);
    s = step_begin();
    const struct lake_compact_spec spec = {
        .job = "bench", .batch = b->batch + 1, .merges = merges.v, .count = merges.n};
    check(lake_compact_stage(&m, b->a, b->lake, &spec, &e), &e);
    m.now_ms = 1;
    bench_publish(b, &m);
    out->compact = step_end(s);
    s = step_begin();
    check(lake_verify(&v, b->a, b->lake, STR_NONE, &e), &e);
    out->verify = step_end(s);
    if (v.count > 0)
        err_fail(&e, ERR_DATA, "%.*s: %.*s", STR_ARG(v.findings[0].path),
                 STR_ARG(v.findings[0].text));
    check(v.count == 0, &e);
    out->bytes = ls.outputs[0].bytes;
    out->files = ls.outputs[0].files;
    out->after = v.files;
}

// --- throughput --------------------------------------------------------------------------------------------------

static uint64_t bench_text(const struct bench *b)
{
    struct arena *a = arena_new(NULL);
    struct err e = {0};
    struct lake_ls ls;
    check(lake_list(&ls, a, b->lake, STR_NONE, &e), &e);
    uint64_t bytes = ls.outputs[0].bytes;
    arena_free(a);
    return bytes;
}

static void bench_throughput(const char *name, enum lake_format format, enum lake_codec codec)
{
    struct bench b;
    struct upkeep u;
    uint64_t text = 0;
    for (int pass = 0; pass < 2; pass++) { // without the codec first: how much text it is
        bench_open(&b, format, pass == 0 ? LAKE_PLAIN : codec);
        for (int i = 0; i < BENCH_FILES; i++)
            bench_batch(&b, BENCH_ROWS, 1);
        if (pass == 0) {
            text = bench_text(&b);
            bench_close(&b);
        }
    }
    bench_upkeep(&u, &b);
    printf("{\"compact\": \"%s\", \"files\": %llu, \"rows\": %d, \"mb_text\": %.1f, \"mb_files\": "
           "%.1f, \"wall_s\": %.3f, \"cpu_s\": %.3f, \"mb_text_per_s\": %.0f, "
           "\"mb_text_per_cpu_s\": %.0f}\n",
           name, (unsigned long long)u.files, BENCH_FILES * BENCH_ROWS, (double)text / 1e6,
           (double)u.bytes / 1e6, u.compact.wall, u.compact.cpu,
           (double)text / 1e6 / u.compact.wall, (double)text / 1e6 / u.compact.cpu);
    (void)fflush(stdout);
    bench_close(&b);
}

// --- scale -------------------------------------------------------------------------------------------------------

static void bench_scale(uint64_t files, uint64_t partitions)
{
    struct bench b;
    struct upkeep u;
    bench_open(&b, LAKE_JSONL, LAKE_GZIP);
    for (uint64_t i = 0; i < files / partitions; i++)
        bench_batch(&b, partitions, partitions);
    bench_upkeep(&u, &b);
    printf(
        "{\"files\": %llu, \"partitions\": %llu, \"list_s\": %.3f, \"plan_s\": %.3f, "
        "\"compact_s\": %.3f, \"verify_s\": %.3f, \"cpu_us_per_file\": [%.1f, %.1f, %.1f, %.1f], "
        "\"files_after\": %llu}\n",
        (unsigned long long)u.files, (unsigned long long)partitions, u.list.wall, u.plan.wall,
        u.compact.wall, u.verify.wall, u.list.cpu * 1e6 / (double)u.files,
        u.plan.cpu * 1e6 / (double)u.files, u.compact.cpu * 1e6 / (double)u.files,
        u.verify.cpu * 1e6 / (double)u.files, (unsigned long long)u.after);
    (void)fflush(stdout);
    bench_close(&b);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "scale") == 0) {
        for (int i = 2; i < argc; i++) {
            char *rest;
            uint64_t files = strtoull(argv[i], &rest, 10);
            uint64_t partitions = *rest == '/' ? strtoull(rest + 1, NULL, 10) : files / 100;
            bench_scale(files, partitions ? partitions : 1);
        }
        return 0;
    }
    bench_throughput("jsonl", LAKE_JSONL, LAKE_PLAIN);
    bench_throughput("jsonl+gzip", LAKE_JSONL, LAKE_GZIP);
    bench_throughput("jsonl+zstd", LAKE_JSONL, LAKE_ZSTD);
    bench_throughput("csv+gzip", LAKE_CSV, LAKE_GZIP);
    return 0;
}
