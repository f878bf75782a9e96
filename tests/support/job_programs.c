#include "tests/support/job_programs.h"

#include "tests/support/test.h"

struct piece {
    const char *name;
    const char *sql; // %1$s: window clause, where there is one
    const char *output;
    bool free, windowed;
};

#define STREAM_OUT "{ lake: { partition_by: [year, month, day] }, warehouse: { to: one } }"
#define TABLE_OUT  "{ lake: { snapshot: true }, warehouse: [{ to: one }, { to: two }] }"
#define WINDOW_OUT "{ warehouse: { to: two } }"

#define SOURCE                                                                                 \
    "CREATE STREAM tx (k VARCHAR KEY, id BIGINT, usr VARCHAR, amount DOUBLE, cents BIGINT, "   \
    "status VARCHAR, method VARCHAR, place STRUCT<city VARCHAR, zip VARCHAR>) WITH "           \
    "(KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"                                           \
    "CREATE TABLE tt (k VARCHAR PRIMARY KEY, cents BIGINT, status VARCHAR) WITH (KAFKA_TOPIC " \
    "= 'tx', VALUE_FORMAT = 'JSON');\n"                                                        \
    "CREATE STREAM ty (k VARCHAR KEY, usr VARCHAR, cents BIGINT, status VARCHAR) WITH "        \
    "(KAFKA_TOPIC = 'ty', VALUE_FORMAT = 'JSON');\n"

static const struct piece pieces[] = {
    {"S1",
     "CREATE STREAM s1 AS SELECT k, id, MASK(usr) AS usr, cents, place->zip AS zip FROM tx WHERE "
     "NOT (place->city = 'Berlin') EMIT CHANGES;\n",
     STREAM_OUT, true, false},
    {"S2",
     "CREATE STREAM s2 AS SELECT usr, id, cents * 2 AS twice FROM tx WHERE cents > 2000 "
     "PARTITION BY usr EMIT CHANGES;\n",
     "{ lake: { format: csv, compression: none, partition_by: [] }, warehouse: { to: two } }", true,
     false},
    {"A1",
     "CREATE TABLE a1 AS SELECT usr, COUNT(*) AS n, SUM(cents) AS total, MIN(id) AS least, "
     "MAX(cents) AS most FROM tx GROUP BY usr EMIT CHANGES;\n",
     TABLE_OUT, true, false},
    {"A2",
     "CREATE TABLE a2 AS SELECT status, COUNT(usr) AS n, MAX(method) AS m FROM tx WHERE cents "
     "BETWEEN 100 AND 9000 GROUP BY status EMIT CHANGES;\n",
     TABLE_OUT, true, false},
    {"Y1",
     "CREATE TABLE y1 AS SELECT usr, COUNT(*) AS n, SUM(cents) AS total FROM ty GROUP BY usr EMIT "
     "CHANGES;\n",
     TABLE_OUT, true, false},
    {"U1",
     "CREATE STREAM u1 AS SELECT k, usr, cents FROM tx EMIT CHANGES;\n"
     "INSERT INTO u1 SELECT k, usr, cents FROM ty WHERE cents > 1000 EMIT CHANGES;\n",
     STREAM_OUT, true, false},
    {"R1",
     "CREATE STREAM r1 AS SELECT k, id, UUID() AS u, RANDOM() AS r, TRANSFORM(ARRAY[id, cents], x "
     "=> UUID()) AS us FROM tx WHERE cents > 500 EMIT CHANGES;\n",
     STREAM_OUT, true, false},
    {"U2",
     "CREATE STREAM u AS SELECT k, status, cents FROM tx EMIT CHANGES;\n"
     "INSERT INTO u SELECT k, status, cents FROM ty WHERE cents > 1000 EMIT CHANGES;\n"
     "CREATE TABLE u2 AS SELECT status, COUNT(*) AS n, COLLECT_LIST(cents) AS every FROM u GROUP "
     "BY status EMIT CHANGES;\n",
     TABLE_OUT, false, false},
    {"W1",
     "CREATE TABLE w1 AS SELECT method, COUNT(*) AS n, SUM(cents) AS total FROM tx WINDOW "
     "TUMBLING (SIZE %s) GROUP BY method EMIT CHANGES;\n",
     WINDOW_OUT, false, true},
    {"W2",
     "CREATE TABLE w2 AS SELECT usr, COUNT(*) AS n, COLLECT_LIST(id) AS ids FROM tx WINDOW "
     "HOPPING (SIZE %s) GROUP BY usr EMIT CHANGES;\n",
     WINDOW_OUT, false, true},
    {"L1",
     "CREATE TABLE l1 AS SELECT k, LATEST_BY_OFFSET(status) AS last, EARLIEST_BY_OFFSET(id) AS "
     "first, COLLECT_LIST(method) AS history FROM tx GROUP BY k EMIT CHANGES;\n",
     TABLE_OUT, false, false},
    {"D1",
     "CREATE TABLE d1 AS SELECT status, SUM(amount) AS total FROM tx GROUP BY status EMIT "
     "CHANGES;\n",
     TABLE_OUT, false, false},
    {"H1",
     "CREATE TABLE h1 AS SELECT usr, SUM(cents) AS total FROM tx GROUP BY usr HAVING SUM(cents) > "
     "9000 AND SUM(cents) < 60000 EMIT CHANGES;\n",
     TABLE_OUT, false, false},
    {"T1", "CREATE TABLE t1 AS SELECT k, cents + 1 AS c FROM tt WHERE cents > 3000 EMIT CHANGES;\n",
     TABLE_OUT, false, false},
    {"T2",
     "CREATE TABLE t2 AS SELECT status, COUNT(*) AS n, SUM(cents) AS total FROM tt GROUP BY "
     "status EMIT CHANGES;\n",
     TABLE_OUT, false, false},
    {"J1",
     "CREATE STREAM j1 AS SELECT ty.k AS k, ty.cents AS cents, tt.status AS status, tt.cents AS c "
     "FROM "
     "ty LEFT JOIN tt ON ty.k = tt.k EMIT CHANGES;\n",
     STREAM_OUT, false, false},
    {"J2",
     "CREATE STREAM j2 AS SELECT ROWKEY AS who, tx.id AS id, ty.cents AS cents FROM tx FULL OUTER "
     "JOIN "
     "ty WITHIN (3 HOURS, 1 HOUR) GRACE PERIOD 2 HOURS ON tx.usr = ty.usr EMIT CHANGES;\n",
     STREAM_OUT, false, false},
    {"J3",
     "CREATE TABLE jx AS SELECT usr, SUM(cents) AS total FROM tx GROUP BY usr EMIT CHANGES;\n"
     "CREATE TABLE jy AS SELECT usr, COUNT(*) AS n FROM ty GROUP BY usr EMIT CHANGES;\n"
     "CREATE TABLE j3 AS SELECT jx.usr AS usr, total, n FROM jx LEFT JOIN jy ON jx.usr = jy.usr "
     "EMIT "
     "CHANGES;\n",
     TABLE_OUT, false, false},
    {"J4",
     "CREATE TABLE js AS SELECT status, COUNT(*) AS n FROM ty GROUP BY status EMIT CHANGES;\n"
     "CREATE TABLE j4 AS SELECT tt.k AS k, tt.cents AS cents, n FROM tt JOIN js ON tt.status = "
     "js.status EMIT CHANGES;\n",
     TABLE_OUT, false, false},
    {"R2",
     "CREATE TABLE rt AS SELECT usr, COUNT(*) AS n FROM tx GROUP BY usr EMIT CHANGES;\n"
     "CREATE TABLE r2 AS SELECT usr, n, UUID() AS u FROM rt EMIT CHANGES;\n",
     TABLE_OUT, false, false},
    {"R3",
     "CREATE STREAM rj AS SELECT tx.usr AS who, tx.id AS id, EXPLODE(ARRAY[1, 2]) AS part FROM tx "
     "LEFT JOIN ty WITHIN (3 HOURS, 1 HOUR) GRACE PERIOD 2 HOURS ON tx.usr = ty.usr EMIT "
     "CHANGES;\n"
     "INSERT INTO rj SELECT tx.usr AS who, tx.id AS id, 3 AS part FROM tx PARTITION BY tx.usr "
     "EMIT CHANGES;\n"
     "CREATE STREAM r3 AS SELECT who, id, part, UUID() AS u FROM rj EMIT CHANGES;\n",
     STREAM_OUT, false, false},
    {"K1",
     "CREATE STREAM k1 AS SELECT k, id, usr, cents, status FROM tx WHERE usr IS NOT NULL AND "
     "status "
     "IS NOT NULL EMIT CHANGES;\n",
     "{ warehouse: [{ to: one, mode: upsert, key: [usr, status] }, { to: two }] }", false, false},
    {"R4",
     "CREATE TABLE rw AS SELECT usr, COUNT(*) AS n FROM tx WINDOW SESSION (2 HOURS) GROUP BY usr "
     "EMIT CHANGES;\n"
     "CREATE TABLE r4 AS SELECT usr, n, UUID() AS u FROM rw EMIT CHANGES;\n",
     WINDOW_OUT, false, false},
};
enum { PIECES = sizeof pieces / sizeof pieces[0], FREE_PIECES = 7 };

static const char *program_window(struct arena *a, struct job_random *r, const struct piece *p)
{
    unsigned size = 1 + (unsigned)job_random_below(r, 12);
    unsigned grace = (unsigned)job_random_below(r, 13);
    if (p->name[1] == '1')
        return arena_printf(a, "%u HOURS, GRACE PERIOD %u HOURS", size, grace).p;
    return arena_printf(a, "%u HOURS, ADVANCE BY %u MINUTES, GRACE PERIOD %u HOURS", size,
                        30 + 15 * (unsigned)job_random_below(r, 3), grace)
        .p;
}

void job_program_random(struct job_program *out, struct arena *a, struct job_random *r,
                        enum job_programs kind)
{
    unsigned among = kind == JOB_PROGRAMS_FREE ? FREE_PIECES : PIECES;
    unsigned wanted = 1 + (unsigned)job_random_below(r, JOB_PROGRAM_OUTPUTS_MAX), taken = 0;
    struct str sql = STR(SOURCE), outputs = STR("");
    *out = (struct job_program){.outputs = {NULL}};
    for (unsigned n = 0; n < wanted; n++) {
        unsigned i = (unsigned)job_random_below(r, among);
        const struct piece *p = &pieces[i];
        bool again = false;
        for (unsigned k = 0; k < taken; k++)
            again = again || strcmp(out->outputs[k], p->name) == 0;
        if (again)
            continue;
        assert_true(kind == JOB_PROGRAMS_ANY || p->free);
        const char *window = p->windowed ? program_window(a, r, p) : "";
        size_t at;
        struct str text = str_from(p->sql);
        if (str_find(&at, text, STR("%s")))
            text = arena_printf(a, "%.*s%s%s", (int)at, text.p, window, text.p + at + 2);
        sql = arena_printf(a, "%.*s%.*s", STR_ARG(sql), STR_ARG(text));
        outputs = arena_printf(a, "%.*s      %s: %s\n", STR_ARG(outputs), p->name, p->output);
        out->outputs[taken++] = p->name;
    }
    out->spec = (struct job_world_spec){
        .sql = sql.p,
        .outputs = outputs.p,
        .topics = {"tx", "ty"},
        .partitions = JOB_SCENARIO_PARTITIONS,
    };
}
