// Decodes (and encodes again) a file of JSON lines at full speed and prints CPU seconds per million records.
//
//   json_decode FILE [ROUNDS [portable|sse2|avx2]]
//
// The columns are J1's of the benchmark: ten of them, one DECIMAL(18,2), location->city and location->country. Records
// are decoded in blocks of 4096 straight from one buffer, as from a fetch.
#include "schema/serde/json_decode.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_ROWS 4096u
#define COLUMNS    9
#define OUT_MAX    ((size_t)64 << 20)

struct bench {
    const char *p;
    size_t n;
    const struct decoder *decoder;
    const struct encoder *encoder;
    const struct serde_column *columns;
};

struct result {
    double decode_s, encode_s;
    uint64_t rows, bad, out_bytes;
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run_block(struct result *out, const struct bench *b, struct arena *a,
                      const struct payload *payloads, uint32_t n, struct buf *text)
{
    static uint8_t status[BLOCK_ROWS];
    static struct str reason[BLOCK_ROWS];
    struct decode_result result = {.status = status, .reason = reason};
    struct column columns[COLUMNS];
    const double begin = cpu_seconds();
    for (size_t i = 0; i < COLUMNS; i++)
        column_init(&columns[i], a, b->columns[i].type, n);
    decoder_run(b->decoder, columns, &result, a, payloads, n);
    const double middle = cpu_seconds();
    for (uint32_t i = 0; i < n; i++) {
        out->bad += status[i] == DECODE_BAD;
        encoder_row(b->encoder, text, columns, i);
        buf_char(text, '\n');
    }
    out->decode_s += middle - begin;
    out->encode_s += cpu_seconds() - middle;
    out->rows += n;
    out->out_bytes += text->n;
    buf_clear(text);
}

static void run_file(struct result *out, const struct bench *b)
{
    static struct payload payloads[BLOCK_ROWS];
    struct arena *a = arena_new(NULL);
    struct buf text;
    buf_init(&text, OUT_MAX);
    uint32_t rows = 0;
    for (const char *p = b->p, *end = b->p + b->n; p < end;) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        line_end = line_end ? line_end : end;
        payloads[rows++] = (struct payload){p, (size_t)(line_end - p)};
        p = line_end + 1;
        if (rows < BLOCK_ROWS && p < end)
            continue;
        run_block(out, b, a, payloads, rows, &text);
        arena_reset(a);
        rows = 0;
    }
    buf_fini(&text);
    arena_free(a);
}

static bool map_file(struct bench *out, const char *path)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return false;
    out->n = (size_t)st.st_size;
    out->p = mmap(NULL, out->n, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    close(fd);
    return out->p != MAP_FAILED;
}

static enum json_level level_named(const char *name)
{
    if (strcmp(name, "portable") == 0)
        return JSON_PORTABLE;
    if (strcmp(name, "sse2") == 0)
        return JSON_SSE2;
    return json_level_best();
}

int main(int argc, char **argv)
{
    struct bench b;
    struct err e;
    if (argc < 2 || !map_file(&b, argv[1])) {
        fprintf(stderr, "usage: json_decode FILE [ROUNDS [portable|sse2|avx2]]\n");
        return 2;
    }
    struct arena *a = arena_new(NULL);
    const struct type *text = type_scalar(TYPE_STRING);
    const struct field location[] = {{STR("CITY"), text}, {STR("COUNTRY"), text}};
    const struct serde_column columns[COLUMNS] = {
        {STR("TRANSACTION_ID"), text},
        {STR("TIMESTAMP"), text},
        {STR("USER_ID"), text},
        {STR("PRODUCT_ID"), text},
        {STR("AMOUNT"), type_decimal(a, 18, 2)},
        {STR("CURRENCY"), text},
        {STR("STATUS"), text},
        {STR("LOCATION"), type_struct(a, location, 2)},
        {STR("PAYMENT_METHOD"), text},
    };
    const struct serde_spec spec = {.format = SERDE_JSON,
                                    .columns = columns,
                                    .count = COLUMNS,
                                    .depth_max = 256,
                                    .bytes_max = (size_t)1 << 20};
    b.columns = columns;
    const enum json_level level = level_named(argc > 3 ? argv[3] : "");
    if (!json_decoder_new(&b.decoder, a, &spec, level, &e) ||
        !encoder_new(&b.encoder, a, &spec, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    const long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    for (long i = 0; i < rounds; i++) {
        struct result r = {0};
        run_file(&r, &b);
        const double millions = (double)r.rows / 1e6;
        printf("%lu rows, %lu bad: decode %.3f s, encode %.3f s CPU per million, %.0f bytes out\n",
               r.rows, r.bad, r.decode_s / millions, r.encode_s / millions, (double)r.out_bytes);
    }
    arena_free(a);
    return 0;
}
