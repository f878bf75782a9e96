#include "base/pool.h"
#include "tests/support/engine.h"
#include "tests/support/test.h"

#include <stdio.h>

#define A_SQL                                                                                 \
    "CREATE STREAM a (k INT KEY, s STRING, i INT, x STRUCT<p INT, q STRING>, h ARRAY<STRUCT<" \
    "key STRING, value BYTES>> HEADERS) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON', "         \
    "KEY_FORMAT='JSON');\n"

TEST(each_record_says_what_became_of_it)
{
    struct engine s;
    struct err e = {0};
    engine_open(&s, &(struct engine_spec){.sql = A_SQL
                                          "CREATE STREAM o AS SELECT k, s, h FROM a EMIT CHANGES;",
                                          .outputs = {"O"}});
    const struct scan_header headers[2] = {{STR("h1"), {"v", 1}}, {STR("h2"), {NULL, 0}}};
    const struct scan_record records[] = {
        {.key = {"1", 1},
         .value = {"{\"s\":\"x\"}", 9},
         .timestamp = 5,
         .headers = headers,
         .header_count = 2},
        {.key = {"one", 3}, .value = {"{\"s\":\"x\"}", 9}, .timestamp = 5},
        {.key = {"2", 1}, .value = {NULL, 0}, .timestamp = 6, .offset = 44, .partition = 3},
        {.key = {"3", 1}, .value = {"{\"s\":", 5}, .timestamp = 5},
        {.key = {"4", 1}, .value = {"{}", 2}, .timestamp = -1},
    };
    struct scan_result r;
    assert_ok(scan_run(&r, s.program, 0, s.batch, records, 5, &e), &e);
    assert_int_equal(r.ok, 1);
    assert_int_equal(r.null_values, 1);
    assert_int_equal(r.bad, 3);
    assert_int_equal(r.block->rows, 2);
    assert_int_equal(r.record[1], 2);
    assert_int_equal(r.block->offset[1], 44);
    assert_int_equal(r.block->partition[1], 3);
    assert_int_equal(r.block->null_value[1], 1);
    assert_true(str_starts(r.reason[1], STR("key: ")));
    assert_str(r.reason[4], "the record has no timestamp");
    engine_print(&s.out, "A", r.block);
    assert_string_equal(engine_text(&s),
                        "A +I K=1 S=x H=[Struct{KEY=h1,VALUE=dg==}, Struct{KEY=h2}] @5\n"
                        "A +I K=2 S=null H=[] (null) @6\n");
    engine_close(&s);
}

TEST(only_used_columns_and_fields_are_in_the_block)
{
    struct engine s;
    engine_open(&s, &(struct engine_spec){
                        .sql = A_SQL "CREATE STREAM o AS SELECT k, x->q AS q FROM a EMIT CHANGES;",
                        .outputs = {"O"}});
    struct buf b;
    buf_init(&b, 1024);
    schema_print(&b, program_source(s.program, 0)->schema);
    assert_str(buf_view(&b), "`K` INTEGER KEY, `X` STRUCT<`Q` STRING>");
    buf_fini(&b);
    engine_close(&s);
}

TEST(one_filter_of_each_consumer_is_enough_to_filter_while_decoding)
{
    static const struct {
        const char *sql;
        unsigned filtered;
    } cases[] = {
        {"CREATE STREAM o AS SELECT k, i FROM a WHERE s = 'x' EMIT CHANGES;", 2},
        {"CREATE STREAM o AS SELECT k, i FROM a WHERE i > 0 AND s IN ('x', 'y') EMIT CHANGES;", 1},
        {"CREATE STREAM o AS SELECT k, i FROM a WHERE s = 'x' EMIT CHANGES;"
         "CREATE STREAM p AS SELECT k, i FROM a WHERE s = 'y' EMIT CHANGES;",
         1},
        {"CREATE STREAM o AS SELECT k, i FROM a WHERE s = 'x' EMIT CHANGES;"
         "CREATE STREAM p AS SELECT k, i FROM a EMIT CHANGES;",
         0},
        {"CREATE STREAM o AS SELECT k, i FROM a WHERE s = 'x' OR i = 1 EMIT CHANGES;", 0},
        {"CREATE STREAM o AS SELECT k, i FROM a WHERE s NOT IN ('x') EMIT CHANGES;", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1024];
        struct engine s;
        (void)snprintf(sql, sizeof sql, A_SQL "%s", cases[i].sql);
        engine_open(&s, &(struct engine_spec){
                            .sql = sql, .outputs = {"O", strstr(sql, "STREAM p") ? "P" : NULL}});
        engine_begin(&s);
        engine_add(&s, 0, "1", "{\"s\":\"x\",\"i\":1}", 1);
        engine_add(&s, 0, "2", "{\"s\":\"y\",\"i\":1}", 1);
        engine_add(&s, 0, "3", "{\"s\":\"z\",\"i\":1}", 1);
        engine_add(&s, 0, "4", NULL, 1);
        engine_run(&s, 64);
        engine_end(&s);
        assert_int_equal(s.filtered, cases[i].filtered);
        engine_close(&s);
    }
}

struct task {
    struct pool_task base;
    const struct program *program;
    const struct scan_record *records;
    struct arena *a;
    struct scan_result result;
    bool ok;
};

static void scan_task(struct pool_task *base)
{
    struct task *t = (struct task *)base;
    struct err e = {0};
    t->ok = scan_run(&t->result, t->program, 0, t->a, t->records, 100, &e);
}

TEST(scans_of_one_program_run_side_by_side)
{
    struct engine s;
    struct task tasks[8];
    struct scan_record *records;
    engine_open(&s, &(struct engine_spec){.sql = A_SQL
                                          "CREATE STREAM o AS SELECT k, s, x FROM a EMIT CHANGES;",
                                          .outputs = {"O"}});
    records = ARENA_ARRAY(s.a, struct scan_record, 100);
    for (unsigned i = 0; i < 100; i++) {
        const struct str v = arena_printf(s.a, "{\"s\":\"\\u00e4%u\",\"x\":{\"p\":%u}}", i, i);
        records[i] = (struct scan_record){.key = {"7", 1}, .value = {v.p, v.n}, .timestamp = 1};
    }
    struct pool *pool = pool_new(4);
    for (size_t i = 0; i < 8; i++) {
        tasks[i] = (struct task){.base = {.run = scan_task},
                                 .program = s.program,
                                 .records = records,
                                 .a = arena_new(NULL)};
        pool_submit(pool, &tasks[i].base);
    }
    char *first = NULL;
    for (size_t i = 0; i < 8; i++) {
        pool_wait(pool, &tasks[i].base);
        assert_true(tasks[i].ok);
        buf_clear(&s.out);
        engine_print(&s.out, "A", tasks[i].result.block);
        if (!first)
            first = mem_strdup(engine_text(&s));
        assert_string_equal(engine_text(&s), first);
        arena_free(tasks[i].a);
    }
    assert_non_null(strstr(first, "S=\xc3\xa4"
                                  "99"));
    mem_free(first);
    pool_free(pool);
    engine_close(&s);
}

TEST_MAIN(T(each_record_says_what_became_of_it), T(only_used_columns_and_fields_are_in_the_block),
          T(one_filter_of_each_consumer_is_enough_to_filter_while_decoding),
          T(scans_of_one_program_run_side_by_side))
