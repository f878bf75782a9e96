// Tables: tombstones, filters, undo and redo (SEMANTICS 2 and 3 of ksqlDB).
#include "tests/support/engine.h"
#include "tests/support/test.h"

#define T_SQL                                                      \
    "CREATE TABLE t (k STRING PRIMARY KEY, g STRING, i INT) WITH " \
    "(KAFKA_TOPIC='t', VALUE_FORMAT='JSON');\n"

static void check(const char *sql, const char *const (*records)[2], const char *want)
{
    struct engine s;
    engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
    engine_begin(&s);
    for (int64_t i = 0; records[i][0] || records[i][1]; i++)
        engine_add(&s, 0, records[i][0], records[i][1], 10 + i);
    engine_run(&s, 3);
    engine_end(&s);
    assert_string_equal(engine_text(&s), want);
    engine_close(&s);
}

TEST(a_projection_passes_tombstones_and_drops_null_keys)
{
    static const char *const records[][2] = {
        {"a", "{\"g\":\"x\",\"i\":1}"}, {NULL, "{\"g\":\"x\",\"i\":1}"}, {"a", NULL}, {NULL, NULL}};
    check(T_SQL "CREATE TABLE o AS SELECT k, i + 1 AS j, 'c' AS c FROM t EMIT CHANGES;", records,
          "O +U K=a J=2 C=c @10\nO -D K=a @12\n");
}

TEST(a_filter_deletes_exactly_what_it_let_through)
{
    static const char *const records[][2] = {
        {"a", "{\"i\":1}"}, // never passed
        {"a", "{\"i\":2}"}, // still not
        {"a", "{\"i\":5}"}, // in
        {"a", "{\"i\":6}"}, // update
        {"a", "{\"i\":1}"}, // out
        {"a", NULL},        // gone already
        {"b", NULL},        // never there
        {"b", "{\"i\":9}"}, {"b", NULL}, {NULL, NULL},
    };
    check(T_SQL "CREATE TABLE o AS SELECT k, i FROM t WHERE i > 3 EMIT CHANGES;", records,
          "O +I K=a I=5 @12\nO +U K=a I=6 @13\nO -D K=a @14\nO +I K=b I=9 @17\nO -D K=b @18\n");
}

TEST(an_aggregate_undoes_before_it_adds)
{
    static const char *const records[][2] = {
        {"a", "{\"g\":\"x\",\"i\":1}"},
        {"b", "{\"g\":\"x\",\"i\":2}"},
        {"a", "{\"g\":\"x\",\"i\":5}"}, // same group: one change
        {"a", "{\"g\":\"y\",\"i\":5}"}, // other group: two
        {"b", NULL},                    // a count falls to 0, no tombstone
        {"a", "{\"g\":null,\"i\":7}"},  // no group any more
        {NULL, NULL},
    };
    check(T_SQL
          "CREATE TABLE o AS SELECT g, COUNT(*) AS n, SUM(i) AS s, COLLECT_LIST(i) AS l FROM t "
          "GROUP BY g EMIT CHANGES;",
          records,
          "O +I G=x N=1 S=1 L=[1] @10\nO +U G=x N=2 S=3 L=[1, 2] @11\n"
          "O +U G=x N=2 S=7 L=[2, 5] @12\nO +U G=x N=1 S=2 L=[2] @13\nO +I G=y N=1 S=5 L=[5] @13\n"
          "O +U G=x N=0 S=0 L=[] @14\nO +U G=y N=0 S=0 L=[] @15\n");
}

TEST(having_emits_a_tombstone_when_a_group_leaves)
{
    static const char *const records[][2] = {{"a", "{\"g\":\"x\",\"i\":1}"},
                                             {"b", "{\"g\":\"x\",\"i\":4}"},
                                             {"b", "{\"g\":\"x\",\"i\":2}"},
                                             {"b", NULL},
                                             {NULL, NULL}};
    check(T_SQL "CREATE TABLE o AS SELECT g, SUM(i) AS s FROM t GROUP BY g HAVING SUM(i) > 2 EMIT "
                "CHANGES;",
          records, "O +I G=x S=5 @11\nO +U G=x S=3 @12\nO -D G=x @13\n");
}

TEST(between_statements_a_topic_in_protobuf_has_no_null_scalars)
{
    static const char *const records[][2] = {
        {"a", "{\"g\":null,\"i\":null}"}, {"b", "{\"g\":\"x\"}"}, {"a", NULL}, {NULL, NULL}};
    check(T_SQL
          "CREATE TABLE p WITH (value_format='PROTOBUF_NOSR') AS SELECT k, g, i FROM t;\n"
          "CREATE TABLE o WITH (value_format='JSON') AS SELECT k, i, g, i IS NULL AS n FROM p;",
          records, "O +U K=a I=0 G= N=false @10\nO +U K=b I=0 G=x N=false @11\nO -D K=a @12\n");
    check(T_SQL "CREATE TABLE p WITH (value_format='PROTOBUF_NOSR', "
                "value_protobuf_nullable_representation='OPTIONAL') AS SELECT k, g, i FROM t;\n"
                "CREATE TABLE o WITH (value_format='JSON') AS SELECT k, i FROM p;",
          records, "O +U K=a I=null @10\nO +U K=b I=null @11\nO -D K=a @12\n");
}

TEST_MAIN(T(between_statements_a_topic_in_protobuf_has_no_null_scalars),
          T(a_projection_passes_tombstones_and_drops_null_keys),
          T(a_filter_deletes_exactly_what_it_let_through), T(an_aggregate_undoes_before_it_adds),
          T(having_emits_a_tombstone_when_a_group_leaves))
