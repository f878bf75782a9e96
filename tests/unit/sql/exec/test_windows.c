// P1 of the design at the engine's level: how the input is cut into windows and batches, saved, reloaded or rolled back
// never changes the uncollapsed changelog; collapsed is the last change per key of each batch. Programs and data are random
// (4 partitions' worth of merged rows, disorder, equal timestamps, late rows, nulls, bad records, several days).
#include "base/mem.h"
#include "base/vec.h"
#include "tests/support/engine.h"
#include "tests/support/engine_store.h"
#include "tests/support/test.h"

#include <stdio.h>

#define RECORDS 240
#define DAY_MS  INT64_C(86400000)

#define SOURCES                                                                            \
    "CREATE STREAM a (k STRING KEY, g STRING, i INT, b BIGINT, d DOUBLE, m DECIMAL(6,2), " \
    "s STRUCT<x STRING, y INT>, l ARRAY<INT>) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');\n"

#define SECOND                                                                \
    "CREATE STREAM c (k STRING KEY, g STRING, i INT) WITH (KAFKA_TOPIC='c', " \
    "VALUE_FORMAT='JSON');\n"

#define TABLE                                                               \
    "CREATE TABLE t (k STRING PRIMARY KEY, g STRING, i INT, l ARRAY<INT>) " \
    "WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');\n"

#define SECOND_TABLE                                               \
    "CREATE TABLE v (k STRING PRIMARY KEY, g STRING, i INT) WITH " \
    "(KAFKA_TOPIC='v', VALUE_FORMAT='JSON');\n"

// g names a key of t (g0 … g3 where t is read with such keys)
#define FACTS                                                      \
    "CREATE TABLE f (k STRING PRIMARY KEY, g STRING, i INT) WITH " \
    "(KAFKA_TOPIC='f', VALUE_FORMAT='JSON');\n"

static const char *const programs[] = {
    // row-wise, lazy and failing expressions
    SOURCES "CREATE STREAM o AS SELECT k, i / b AS q, CASE WHEN i > 3 THEN 10 / i ELSE b END AS c, "
            "s->x AS x, l[1] AS l1, m * 2 AS mm, UCASE(g) AS u FROM a WHERE i <> 5 EMIT CHANGES;",
    // everything an aggregate can be
    SOURCES
    "CREATE TABLE o AS SELECT g, COUNT(*) AS n, COUNT(i) AS ni, SUM(i) AS si, SUM(m) AS sm, "
    "SUM(d) AS sd, MIN(b) AS mn, MAX(k) AS mx, COLLECT_LIST(i) AS cl, LATEST_BY_OFFSET(d) AS "
    "la, EARLIEST_BY_OFFSET(s) AS ea FROM a GROUP BY g EMIT CHANGES;",
    // windows with lateness
    SOURCES "CREATE TABLE o AS SELECT g, COUNT(*) AS n, SUM(i) AS si, COLLECT_LIST(k) AS ks FROM a "
            "WINDOW HOPPING (SIZE 2 HOURS, ADVANCE BY 30 MINUTES, GRACE PERIOD 3 HOURS) "
            "GROUP BY g EMIT CHANGES;",
    SOURCES "CREATE TABLE o WITH (KEY_FORMAT='JSON') AS SELECT g, k, MAX(i) AS x FROM a WINDOW "
            "TUMBLING (SIZE 6 HOURS, GRACE "
            "PERIOD 0 SECONDS) GROUP BY g, k EMIT CHANGES;",
    // two writers, an aggregate over their union
    SOURCES SECOND
    "CREATE STREAM u AS SELECT k, g, i FROM a EMIT CHANGES;\n"
    "INSERT INTO u SELECT k, g, i FROM c WHERE i > 2 EMIT CHANGES;\n"
    "CREATE TABLE o AS SELECT g, COUNT(*) AS n, COLLECT_LIST(i) AS x FROM u GROUP BY g "
    "EMIT CHANGES;",
    // HAVING needs what a key had before
    SOURCES
    "CREATE TABLE o AS SELECT g, SUM(i) AS n FROM a GROUP BY g HAVING SUM(i) > 10 AND SUM(i) "
    "< 60 EMIT CHANGES;",
    // a table from a topic: filtered, aggregated (undo)
    TABLE "CREATE TABLE o AS SELECT k, g, i + 1 AS j, l FROM t WHERE i > 3 EMIT CHANGES;",
    TABLE "CREATE TABLE o AS SELECT g, COUNT(*) AS n, SUM(i) AS si, COLLECT_LIST(i) AS x FROM t "
          "GROUP BY g EMIT CHANGES;",
    TABLE "CREATE TABLE p AS SELECT k, g, i FROM t EMIT CHANGES;\n"
          "CREATE TABLE o AS SELECT g, COUNT(k) AS n FROM p WHERE i < 8 GROUP BY g EMIT CHANGES;",
    // joins: a stream with tables, read and made here
    SOURCES TABLE
    "CREATE STREAM o AS SELECT a.k AS k, a.i AS i, t.g AS g, t.l AS l, a.s->x AS x FROM "
    "a JOIN t ON a.k = t.k WHERE a.i <> 4 EMIT CHANGES;",
    SOURCES TABLE "CREATE TABLE n AS SELECT g, COUNT(*) AS n FROM t GROUP BY g EMIT CHANGES;\n"
                  "CREATE STREAM o AS SELECT a.k AS k, a.g AS g, n, t.i AS i FROM a LEFT JOIN n ON "
                  "a.g = n.g LEFT JOIN t "
                  "ON a.k = t.k EMIT CHANGES;",
    // streams, padded at once and when the window has closed, one after the other
    SOURCES SECOND
    "CREATE STREAM o AS SELECT a.k AS k, a.i AS i, c.i AS ci, a.l AS l, c.g AS g FROM a "
    "LEFT JOIN c WITHIN (1 HOUR, 20 MINUTES) ON a.k = c.k EMIT CHANGES;",
    SOURCES SECOND
    "CREATE STREAM o AS SELECT ROWKEY AS id, a.k AS k, a.i AS i, c.i AS ci, c.k AS ck FROM a FULL "
    "OUTER JOIN c WITHIN (10 MINUTES, 40 MINUTES) GRACE PERIOD 30 MINUTES ON a.g = c.g EMIT "
    "CHANGES;",
    SOURCES SECOND
    "CREATE STREAM j AS SELECT a.g AS g, a.i AS i, c.i AS ci FROM a RIGHT JOIN c WITHIN 20 MINUTES "
    "GRACE PERIOD 0 SECONDS ON a.g = c.g EMIT CHANGES;\n"
    "CREATE TABLE o AS SELECT g, COUNT(*) AS n, SUM(i) AS si FROM j GROUP BY g EMIT CHANGES;",
    // tables; what is downstream takes rows back
    TABLE SECOND_TABLE "CREATE TABLE o AS SELECT ROWKEY AS id, t.k AS k, t.g AS g, v.k AS vk, v.i "
                       "AS i FROM t FULL OUTER "
                       "JOIN v ON t.k = v.k EMIT CHANGES;",
    TABLE SECOND_TABLE
    "CREATE TABLE j AS SELECT t.k AS k, t.g AS g, v.i AS i FROM t LEFT JOIN v ON "
    "t.k = v.k WHERE t.i > 1 EMIT CHANGES;\n"
    "CREATE TABLE o AS SELECT g, COUNT(*) AS n, SUM(i) AS si FROM j GROUP BY g EMIT "
    "CHANGES;",
    // windows of two tables, expired by both
    SOURCES SECOND
    "CREATE TABLE x AS SELECT g, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 1 HOUR, GRACE PERIOD 2 "
    "HOURS) GROUP BY g EMIT CHANGES;\n"
    "CREATE TABLE y AS SELECT g, SUM(i) AS s FROM c WINDOW TUMBLING (SIZE 1 HOUR, GRACE PERIOD 1 "
    "HOUR) GROUP BY g EMIT CHANGES;\n"
    "CREATE TABLE o AS SELECT ROWKEY AS id, x.g AS g, n, s FROM x FULL OUTER JOIN y ON x.g = y.g "
    "EMIT "
    "CHANGES;",
    // tables by a foreign key, and on
    FACTS TABLE
    "CREATE TABLE o AS SELECT f.k AS k, t.k AS tk, f.i AS i, t.l AS l, t.g AS g FROM f JOIN t "
    "ON f.g = t.k EMIT CHANGES;",
    FACTS TABLE
    "CREATE TABLE j AS SELECT f.k AS k, t.g AS g, f.i AS i FROM f LEFT JOIN t ON CONCAT('k', "
    "SUBSTRING(f.g, 2)) = t.k EMIT CHANGES;\n"
    "CREATE TABLE o AS SELECT g, COUNT(*) AS n, SUM(i) AS si FROM j GROUP BY g EMIT "
    "CHANGES;",
    // sessions: merged, late, forgotten, with HAVING and with what is merged by sequence
    SOURCES
    "CREATE TABLE o AS SELECT g, COUNT(*) AS n, SUM(d) AS sd, COLLECT_LIST(i) AS cl, MAX(k) AS mx, "
    "LATEST_BY_OFFSET(i) AS la, EARLIEST_BY_OFFSET(i, 2, false) AS ea, TOPK(i, 2) AS tk, "
    "STDDEV_SAMP(d) AS sd2, COUNT_DISTINCT(k) AS cd FROM a "
    "WINDOW SESSION (40 MINUTES, GRACE PERIOD 3 HOURS) GROUP BY g EMIT CHANGES;",
    SOURCES
    "CREATE TABLE o AS SELECT k, COUNT(*) AS n FROM a WINDOW SESSION (5 HOURS, GRACE PERIOD 0 "
    "SECONDS) GROUP BY k HAVING COUNT(*) > 2 EMIT CHANGES;",
    // rows when windows close
    SOURCES "CREATE TABLE o AS SELECT g, COUNT(*) AS n, COLLECT_LIST(i) AS cl FROM a WINDOW "
            "HOPPING (SIZE 3 "
            "HOURS, ADVANCE BY 1 HOUR, GRACE PERIOD 2 HOURS) GROUP BY g EMIT FINAL;",
    SOURCES
    "CREATE TABLE o AS SELECT k, SUM(i) AS n FROM a WINDOW TUMBLING (SIZE 30 MINUTES) GROUP BY k "
    "HAVING SUM(i) > 3 EMIT FINAL;",
    SOURCES
    "CREATE TABLE o AS SELECT k, SUM(i) AS n, COLLECT_SET(g) AS s FROM a WINDOW SESSION (1 HOUR, "
    "GRACE PERIOD 90 MINUTES) GROUP BY k EMIT FINAL;",
    // table functions, filtered and aggregated
    SOURCES
    "CREATE STREAM e AS SELECT k, EXPLODE(l) AS x, CUBE_EXPLODE(ARRAY[i, 1]) AS c FROM a WHERE "
    "i > 2 EMIT CHANGES;\n"
    "CREATE TABLE o AS SELECT x, COUNT(*) AS n, COLLECT_LIST(c) AS cl FROM e GROUP BY x EMIT "
    "CHANGES;",
};
#define PROGRAMS (sizeof programs / sizeof *programs)

struct record {
    size_t source;
    const char *key, *value;
    int64_t ts;
};

struct rng {
    uint64_t s;
};

static uint64_t next(struct rng *r)
{
    r->s += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = r->s;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static unsigned below(struct rng *r, unsigned n)
{
    return (unsigned)(next(r) % n);
}

static const char *random_value(struct rng *r, struct arena *a)
{
    if (below(r, 12) == 0)
        return NULL;
    if (below(r, 25) == 0)
        return below(r, 2) ? "{\"i\":" : "{\"i\":true}";
    const char *g = below(r, 10) ? arena_printf(a, "\"g%u\"", below(r, 4)).p : "null";
    const char *i = below(r, 9) ? arena_printf(a, "%u", below(r, 12)).p : "null";
    const char *s = below(r, 5)
                        ? arena_printf(a, "{\"x\":\"x%u\",\"y\":%u}", below(r, 3), below(r, 9)).p
                        : "null";
    const char *l = below(r, 4) ? arena_printf(a, "[%u,null]", below(r, 9)).p : "[]";
    return arena_printf(a, "{\"g\":%s,\"i\":%s,\"b\":%u,\"d\":%u.25,\"m\":%u.5,\"s\":%s,\"l\":%s}",
                        g, i, below(r, 4), below(r, 100), below(r, 20), s, l)
        .p;
}

static void random_records(struct record *out, struct arena *a, struct rng *r, size_t sources)
{
    int64_t now = 5 * DAY_MS;
    for (size_t i = 0; i < RECORDS; i++) {
        if (below(r, 3))
            now += below(r, 3000000);
        if (below(r, 60) == 0)
            now += DAY_MS;
        const int64_t back = below(r, 6) == 0 ? (int64_t)below(r, 20) * 1800000 : below(r, 5000);
        out[i] = (struct record){
            .source = below(r, (unsigned)sources),
            .key = below(r, 15) ? arena_printf(a, "%c%u", below(r, 8) ? 'k' : 'g', below(r, 7)).p
                                : NULL,
            .value = random_value(r, a),
            .ts = now - back,
        };
    }
}

struct run_spec {
    const char *sql;
    struct kv *kv;
    uint32_t window;
    bool collapse;
    struct rng
        *cuts; // NULL: one batch; otherwise random batches, reopened and rolled back now and then
};

static void add(struct engine *s, const struct record *records, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        engine_add(s, records[i].source, records[i].key, records[i].value, records[i].ts);
}

static struct engine_spec spec_of(const struct run_spec *run)
{
    return (struct engine_spec){
        .sql = run->sql,
        .outputs = {run->collapse ? "+O" : "O"},
        .kv = run->kv,
        .no_collapse = !run->collapse,
    };
}

// A batch that is thrown away after a part of it, and its output with it.
static void abandoned(struct engine *s, const struct record *records, size_t from, size_t to,
                      uint32_t window)
{
    const size_t n = s->out.n;
    const uint64_t seq = s->next_seq;
    engine_begin(s);
    add(s, records, from, from + (to - from) / 2);
    engine_run(s, window);
    engine_abort(s);
    s->out.n = n;
    s->next_seq = seq;
}

static char *run(const struct run_spec *spec, const struct record *records)
{
    struct engine s;
    struct buf text;
    const struct engine_spec engine = spec_of(spec);
    buf_init(&text, (size_t)256 << 20);
    engine_open(&s, &engine);
    for (size_t at = 0; at < RECORDS;) {
        const size_t left = RECORDS - at;
        const size_t n = spec->cuts ? 1 + below(spec->cuts, 60) : left;
        const size_t end = at + (n < left ? n : left);
        if (spec->cuts && below(spec->cuts, 3) == 0)
            abandoned(&s, records, at, end, spec->window);
        engine_begin(&s);
        add(&s, records, at, end);
        engine_run(&s, spec->window);
        engine_end(&s);
        at = end;
        if (!spec->cuts || below(spec->cuts, 2))
            continue;
        const uint64_t seq = s.next_seq;
        buf_text(&text, engine_text(&s));
        engine_close(&s);
        engine_open(&s, &engine);
        s.next_seq = seq;
    }
    buf_text(&text, engine_text(&s));
    engine_close(&s);
    buf_char(&text, '\0');
    return text.p;
}

static void same(const char *what, uint64_t seed, const char *sql, const char *want, char *got)
{
    if (strcmp(want, got) != 0) {
        size_t at = 0;
        while (want[at] == got[at])
            at++;
        while (at > 0 && want[at - 1] != '\n')
            at--;
        fail_msg("seed %llu, %s\n%s\nwant: %.300s\ngot: %.300s", (unsigned long long)seed, what,
                 sql, want + at, got + at);
    }
    mem_free(got);
}

// "O +U K=…" without its kind, up to the key's end: lines of one key compare equal.
static size_t key_length(const char *line, const char *sql)
{
    const char *end = strstr(line, strstr(sql, "SELECT g, k,") ? " X=" : " N=");
    return end ? (size_t)(end - line) : strlen(line);
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

// The window at the line's end; "" when there is none.
static const char *window_text(const char *line)
{
    const char *window = strchr(strrchr(line, '@'), '[');
    return window ? window : "";
}

typedef VEC(char *) lines_vec;

// The last line of every (key, window) of an uncollapsed text, sorted; kinds cut off.
static void last_changes(lines_vec *out, char *text, const char *sql, bool keep_last)
{
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        char *row = line + 4; // "O +U"
        size_t i = 0;
        for (; keep_last && i < out->n; i++) {
            const size_t n = key_length(row, sql);
            if (key_length(out->v[i], sql) == n && strncmp(out->v[i], row, n) == 0 &&
                strcmp(window_text(row), window_text(out->v[i])) == 0)
                break;
        }
        if (keep_last && i < out->n)
            out->v[i] = row;
        else
            vec_push(out, row);
    }
    if (out->n)
        qsort(out->v, out->n, sizeof *out->v, by_text);
}

static void collapsed_is_last(uint64_t seed, const char *sql, const struct record *records,
                              const char *every)
{
    lines_vec want = {0};
    lines_vec got = {0};
    char *copy = mem_strdup(every);
    char *collapsed = run(&(struct run_spec){.sql = sql, .window = 7, .collapse = true}, records);
    last_changes(&want, copy, sql, true);
    last_changes(&got, collapsed, sql, false);
    if (want.n != got.n)
        fail_msg("seed %llu: %zu rows, collapsed %zu\n%s", (unsigned long long)seed, want.n, got.n,
                 sql);
    for (size_t i = 0; i < want.n; i++)
        assert_string_equal(want.v[i], got.v[i]);
    vec_fini(&want);
    vec_fini(&got);
    mem_free(copy);
    mem_free(collapsed);
}

static void check_seed(uint64_t seed)
{
    struct arena *a = arena_new(NULL);
    struct rng r = {seed};
    const char *sql = programs[seed % PROGRAMS];
    struct record *records = ARENA_ARRAY(a, struct record, RECORDS);
    random_records(records, a, &r, strstr(sql, "JOIN") || strstr(sql, "STREAM c") ? 2 : 1);
    char *want = run(&(struct run_spec){.sql = sql, .window = 1}, records);
    if (strlen(want) <= 100)
        fail_msg("seed %llu emits next to nothing\n%s", (unsigned long long)seed, sql);
    same("windows of 7", seed, sql, want,
         run(&(struct run_spec){.sql = sql, .window = 7}, records));
    same("windows of 64 k", seed, sql, want,
         run(&(struct run_spec){.sql = sql, .window = 65536}, records));
    struct engine_store store;
    engine_store_open(&store);
    same(
        "batches, reloads, rollbacks", seed, sql, want,
        run(&(struct run_spec){.sql = sql, .kv = store.kv, .window = 1 + below(&r, 30), .cuts = &r},
            records));
    engine_store_close(&store);
    const size_t p = seed % PROGRAMS;
    if (p == 1 || p == 2 || p == 3 || p == 4 || p == 7)
        collapsed_is_last(seed, sql, records, want);
    mem_free(want);
    arena_free(a);
}

TEST(windows_batches_reloads_and_rollbacks_never_change_the_changelog)
{
    const uint64_t seeds = test_is_long() ? 1200 : 90;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        check_seed(seed);
}

TEST_MAIN(T(windows_batches_reloads_and_rollbacks_never_change_the_changelog))
