// Collapsing (DESIGN 4): where one change per key and batch is passed on, tables end as if every change had been, whatever
// the batches; and where they would not, nothing is collapsed.
#include "base/map.h"
#include "base/mem.h"
#include "tests/support/engine.h"
#include "tests/support/engine_store.h"
#include "tests/support/test.h"

#define RECORDS 200
#define A_SQL                                                                 \
    "CREATE STREAM a (k STRING KEY, g STRING, i INT) WITH (KAFKA_TOPIC='a', " \
    "VALUE_FORMAT='JSON');\n"
#define C_SQL                                                                 \
    "CREATE STREAM c (k STRING KEY, g STRING, i INT) WITH (KAFKA_TOPIC='c', " \
    "VALUE_FORMAT='JSON');\n"
#define V_SQL                                                                        \
    "CREATE TABLE v (k STRING PRIMARY KEY, g STRING, i INT) WITH (KAFKA_TOPIC='v', " \
    "VALUE_FORMAT='JSON');\n"
#define BY_BOTH                                                                                  \
    "CREATE TABLE x WITH (KEY_FORMAT='JSON') AS SELECT g, k, COUNT(*) AS n, SUM(i) AS s FROM a " \
    "GROUP BY g, k;\n"
#define BY_KEY "CREATE TABLE x AS SELECT k, COUNT(*) AS n, SUM(i) AS s FROM a GROUP BY k;\n"

static const struct {
    const char *sql;
    unsigned collapsed; // aggregates that are
} programs[] = {
    {A_SQL
     "CREATE TABLE o AS SELECT g, SUM(i) AS n FROM a GROUP BY g HAVING SUM(i) > 10 AND SUM(i) "
     "< 270;",
     1},
    {A_SQL
     "CREATE TABLE o AS SELECT k, SUM(i) AS n, MAX(i) AS m FROM a WINDOW TUMBLING (SIZE 6 HOURS) "
     "GROUP BY k HAVING SUM(i) > 5 AND SUM(i) < 30;",
     1},
    {A_SQL BY_BOTH
     "CREATE TABLE o AS SELECT g, COUNT(*) AS c, SUM(n) AS n, SUM(s) AS s FROM x GROUP "
     "BY g;",
     2},
    {A_SQL BY_BOTH
     "CREATE TABLE y AS SELECT g, k, n + s AS t FROM x WHERE k <> 'k1';\n"
     "CREATE TABLE o AS SELECT UCASE(g) AS u, COUNT(t) AS c, SUM(t) AS t FROM y GROUP BY UCASE(g) "
     "HAVING SUM(t) > 20;",
     2},
    // a group that a row of x is in for a while only would be seen
    {A_SQL BY_KEY "CREATE TABLE o AS SELECT n, COUNT(*) AS c FROM x GROUP BY n;", 1},
    {A_SQL BY_KEY "CREATE TABLE y AS SELECT k, n FROM x WHERE s > 10 AND s < 30;\n"
                  "CREATE TABLE o AS SELECT SUBSTRING(k, 1, 1) AS f, COUNT(*) AS c FROM y GROUP BY "
                  "SUBSTRING(k, 1, 1);",
     1},
    // DOUBLE is not exact, DECIMAL may not fit on the way
    {A_SQL "CREATE TABLE x WITH (KEY_FORMAT='JSON') AS SELECT g, k, SUM(CAST(i AS DOUBLE)) AS s "
           "FROM a GROUP BY g, k;\n"
           "CREATE TABLE o AS SELECT g, SUM(s) AS s FROM x GROUP BY g;",
     1},
    {A_SQL C_SQL BY_KEY
     "CREATE TABLE y AS SELECT k, SUM(i) AS t FROM c GROUP BY k;\n"
     "CREATE TABLE o AS SELECT ROWKEY AS id, n, s, t FROM x FULL OUTER JOIN y ON x.k = y.k;",
     2},
    {A_SQL C_SQL BY_KEY
     "CREATE TABLE y AS SELECT k, SUM(i) AS t FROM c GROUP BY k HAVING COUNT(*) > 2;\n"
     "CREATE TABLE z AS SELECT k, MAX(i) AS m FROM c GROUP BY k;\n"
     "CREATE TABLE o AS SELECT x.k AS k, n, s, t, m FROM x LEFT JOIN y ON x.k = y.k JOIN z ON "
     "x.k = z.k WHERE n + m > 4;",
     3},
    {A_SQL V_SQL BY_KEY
     "CREATE TABLE o AS SELECT v.k AS k, v.i AS i, n FROM v LEFT JOIN x ON v.k = x.k;",
     1},
    // results of a join change their group, and a stream sees every state
    {A_SQL V_SQL BY_KEY
     "CREATE TABLE j AS SELECT v.k AS k, v.g AS g, n FROM v JOIN x ON v.k = x.k;\n"
     "CREATE TABLE o AS SELECT g, SUM(n) AS n FROM j GROUP BY g;",
     1},
    {A_SQL C_SQL BY_KEY
     "CREATE STREAM s AS SELECT c.k AS k, c.i AS i, n FROM c JOIN x ON c.k = x.k;\n"
     "CREATE TABLE o AS SELECT k, SUM(n) AS n, SUM(i) AS i FROM s GROUP BY k;",
     1},
    {A_SQL BY_KEY "CREATE TABLE o AS SELECT k, n, UUID() AS u FROM x;", 0},
};
#define PROGRAMS (sizeof programs / sizeof *programs)

struct rng {
    uint64_t s;
};

static unsigned below(struct rng *r, unsigned n)
{
    r->s = r->s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((r->s >> 33) % n);
}

struct record {
    const char *key, *value;
    size_t source;
    int64_t ts;
};

static void random_records(struct record *out, struct arena *a, struct rng *r, size_t sources)
{
    int64_t now = 5 * INT64_C(86400000);
    for (size_t i = 0; i < RECORDS; i++) {
        now += below(r, 900000);
        out[i].source = below(r, (unsigned)sources);
        out[i].key = arena_printf(a, "k%u", below(r, 6)).p;
        out[i].value = below(r, 12)
                           ? arena_printf(a, "{\"g\":\"g%u\",\"i\":%u}", below(r, 3), below(r, 9)).p
                           : NULL;
        out[i].ts = now - (below(r, 6) ? 0 : (int64_t)below(r, 8) * 3600000);
    }
}

// What a table is after these lines: a row per first column (the key) and window, printed in key order.
static void table_of(struct buf *out, const char *text)
{
    struct arena *a = arena_new(NULL);
    struct map *rows = map_new(a);
    const char **lines = ARENA_ZARRAY(a, const char *, strlen(text) + 1);
    bool added;
    struct str rest = str_from(text);
    struct str line;
    while (str_split_once(&line, &rest, rest, '\n') && line.n) {
        size_t end;
        size_t window;
        assert_true(str_find(&end, str_slice(line, 5, line.n), STR(" ")));
        const struct str key = str_slice(line, 5, 5 + end);
        const bool windowed = line.p[line.n - 1] == ']' && str_find(&window, line, STR(" @"));
        const struct str at = windowed ? str_slice(line, window, line.n) : STR("");
        size_t bracket = 0;
        const bool found = str_find(&bracket, at, STR("["));
        assert_int_equal(found, windowed);
        const struct str id =
            arena_printf(a, "%.*s%.*s", STR_ARG(key), STR_ARG(str_slice(at, bracket, at.n)));
        uint64_t *row = map_put(rows, id, &added);
        if (added)
            *row = map_count(rows);
        lines[*row] =
            str_starts(line, STR("O -D")) ? NULL : arena_str(a, str_slice(line, 5, line.n)).p;
    }
    for (uint64_t i = 1; i <= map_count(rows); i++) {
        // the least key that is left
        uint64_t least = 0;
        for (uint64_t k = 1; k <= map_count(rows); k++)
            if (lines[k] && (!least || strcmp(lines[k], lines[least]) < 0))
                least = k;
        if (!least)
            break;
        buf_printf(out, "%s\n", lines[least]);
        lines[least] = NULL;
    }
    buf_char(out, '\0');
    arena_free(a);
}

struct run {
    const char *sql;
    bool collapse;
    bool stored; // reopened between batches
    uint32_t window, batch;
};

static size_t run(struct buf *table, const struct run *how, const struct record *records)
{
    struct engine_store store;
    struct engine s;
    struct buf text;
    engine_store_open(&store);
    const struct engine_spec spec = {.sql = how->sql,
                                     .outputs = {how->collapse ? "+O" : "O"},
                                     .kv = how->stored ? store.kv : NULL,
                                     .no_collapse = !how->collapse};
    buf_init(&text, (size_t)64 << 20);
    engine_open(&s, &spec);
    for (size_t at = 0; at < RECORDS; at += how->batch) {
        engine_begin(&s);
        for (size_t i = at; i < at + how->batch && i < RECORDS; i++)
            if (records[i].source < program_source_count(s.program))
                engine_add(&s, records[i].source, records[i].key, records[i].value, records[i].ts);
        engine_run(&s, how->window);
        engine_end(&s);
        if (!how->stored)
            continue;
        const uint64_t seq = s.next_seq;
        buf_text(&text, engine_text(&s));
        engine_close(&s);
        engine_open(&s, &spec);
        s.next_seq = seq;
    }
    buf_text(&text, engine_text(&s));
    buf_char(&text, '\0');
    engine_close(&s);
    engine_store_close(&store);
    table_of(table, text.p);
    const size_t bytes = text.n;
    buf_fini(&text);
    return bytes;
}

static void check(size_t program, uint64_t seed)
{
    struct arena *a = arena_new(NULL);
    struct rng r = {seed};
    struct record records[RECORDS];
    const char *sql = programs[program].sql;
    random_records(records, a, &r, strstr(sql, "JOIN") ? 2 : 1);
    struct buf want;
    buf_init(&want, 1 << 20);
    const size_t every = run(
        &want, &(struct run){.sql = sql, .window = 1 + below(&r, 20), .batch = RECORDS}, records);
    assert_true(want.n > 8);
    for (int stored = 0; stored < 2; stored++) {
        struct buf got;
        const struct run how = {sql, true, stored, 1 + below(&r, 30), 1 + below(&r, 90)};
        buf_init(&got, 1 << 20);
        const size_t some = run(&got, &how, records);
        if (strcmp(want.p, got.p) != 0)
            fail_msg("program %zu, seed %llu, batches of %u\nwant:\n%.400s\ngot:\n%.400s", program,
                     (unsigned long long)seed, how.batch, want.p, got.p);
        if (programs[program].collapsed && how.batch > 40)
            assert_true(some < every);
        buf_fini(&got);
    }
    buf_fini(&want);
    arena_free(a);
}

TEST(tables_end_the_same_collapsed_and_not)
{
    const uint64_t seeds = test_is_long() ? 400 : 12;
    for (size_t i = 0; i < PROGRAMS; i++)
        for (uint64_t seed = 1; seed <= seeds && !strstr(programs[i].sql, "UUID"); seed++)
            check(i, seed * 977 + i);
}

TEST(explain_marks_what_is_collapsed)
{
    for (size_t i = 0; i < PROGRAMS; i++) {
        struct engine s;
        struct buf text;
        unsigned n = 0;
        buf_init(&text, 1 << 20);
        engine_open(&s, &(struct engine_spec){.sql = programs[i].sql, .outputs = {"+O"}});
        program_explain(&text, s.program);
        struct str rest = buf_view(&text);
        for (size_t at; str_find(&at, rest, STR("collapsed: ")); n++)
            rest = str_slice(rest, at + 1, rest.n);
        if (n != programs[i].collapsed)
            fail_msg("program %zu: %u\n%.*s", i, n, STR_ARG(buf_view(&text)));
        buf_fini(&text);
        engine_close(&s);
        engine_open(&s, &(struct engine_spec){
                            .sql = programs[i].sql, .outputs = {"+O"}, .no_collapse = true});
        buf_init(&text, 1 << 20);
        program_explain(&text, s.program);
        size_t at;
        assert_false(str_find(&at, buf_view(&text), STR("collapsed: ")));
        buf_fini(&text);
        engine_close(&s);
    }
}

TEST_MAIN(T(tables_end_the_same_collapsed_and_not), T(explain_marks_what_is_collapsed))
