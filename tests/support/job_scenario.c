#include "tests/support/job_scenario.h"

#include "tests/support/test.h"

#include <stdio.h>

#define SCENARIO_DAY      INT64_C(86400000)
#define SCENARIO_TEXT_MAX ((size_t)64 << 20)
#define SCENARIO_START    INT64_C(1761436800000) // 2025-10-26T00:00:00Z

const struct job_world_spec job_scenario_transactions = {
    .sql = "CREATE STREAM tx (k VARCHAR KEY, id BIGINT, usr VARCHAR, amount DOUBLE, cents BIGINT,"
           "  status VARCHAR, method VARCHAR, place STRUCT<city VARCHAR, zip VARCHAR>)"
           "  WITH (KAFKA_TOPIC = 'tx', VALUE_FORMAT = 'JSON');\n"
           "CREATE STREAM flat AS SELECT k, id, usr, amount, cents, status, method,"
           "  place->city AS city FROM tx EMIT CHANGES;\n"
           "CREATE STREAM good AS SELECT k, id, MASK(usr) AS usr, cents, status, city FROM flat"
           "  WHERE NOT (city = 'Berlin') EMIT CHANGES;\n"
           "CREATE STREAM big AS SELECT k, id, usr, amount FROM flat WHERE cents > 5000 EMIT "
           "CHANGES;\n"
           "CREATE TABLE per_user AS SELECT usr, COUNT(*) AS n, SUM(cents) AS total,"
           "  SUM(amount) AS sum, MAX(cents) AS top FROM flat GROUP BY usr EMIT CHANGES;\n"
           "CREATE TABLE per_method AS SELECT method, COUNT(*) AS n, MIN(cents) AS least FROM flat"
           "  WINDOW HOPPING (SIZE 6 HOURS, ADVANCE BY 3 HOURS, GRACE PERIOD 2 HOURS)"
           "  GROUP BY method EMIT CHANGES;\n"
           "CREATE TABLE life AS SELECT k, LATEST_BY_OFFSET(status) AS last,"
           "  COLLECT_LIST(status) AS history FROM flat GROUP BY k EMIT CHANGES;\n",
    .outputs =
        "      GOOD: { lake: { partition_by: [year, month, day] } }\n"
        "      BIG: { lake: { format: csv, compression: zstd, partition_by: [] },\n"
        "             warehouse: { to: one } }\n"
        "      PER_USER: { lake: { snapshot: true, keep_versions: 2 },\n"
        "                  warehouse: [{ to: one }, { to: two, table: users }] }\n"
        "      PER_METHOD: { warehouse: { to: two } }\n"
        "      LIFE: { lake: { snapshot: true, compression: none }, warehouse: { to: one } }\n",
    .job = "    limits: { batch_records: 40 }\n",
    .topics = {"tx"},
    .partitions = JOB_SCENARIO_PARTITIONS,
};

uint64_t job_random_next(struct job_random *s)
{
    uint64_t z = s->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint64_t job_random_below(struct job_random *s, uint64_t n)
{
    return job_random_next(s) % n;
}

// A quarter of all records go to one key; keys are few.
static unsigned scenario_skewed(struct job_random *r, unsigned n)
{
    return job_random_below(r, 4) == 0 ? 0 : (unsigned)job_random_below(r, n);
}

static void scenario_good(char *out, size_t size, struct job_random *r, uint64_t id)
{
    static const char *const status[] = {"PENDING", "FAILED", "COMPLETED"};
    static const char *const city[] = {"Berlin", "Paris", "London", "Glasgow", "Rome"};
    uint64_t cents = job_random_below(r, 10000);
    char user[32] = "null", place[64] = "null";
    if (job_random_below(r, 20) > 0)
        (void)snprintf(user, sizeof user, "\"user%u\"", scenario_skewed(r, 9));
    if (job_random_below(r, 15) > 0)
        (void)snprintf(place, sizeof place, "{\"city\":\"%s\",\"zip\":\"%u\"}",
                       city[job_random_below(r, 5)], (unsigned)job_random_below(r, 99999));
    (void)snprintf(out, size,
                   "{\"id\":%llu,\"usr\":%s,\"amount\":%llu.%02u,\"cents\":%llu,\"status\":\"%s\","
                   "\"method\":\"m%u\",\"place\":%s,\"extra\":[1,{\"a\":null}]}",
                   (unsigned long long)id, user, (unsigned long long)(cents / 100),
                   (unsigned)(cents % 100), (unsigned long long)cents,
                   status[job_random_below(r, 3)], (unsigned)job_random_below(r, 3), place);
}

static const char *scenario_bad(struct job_random *r)
{
    static const char *const bad[] = {"{\"id\":", "{\"id\":\"x\"}", "[1,2]", "\xff\xfe{}",
                                      "{\"cents\":99999999999999999999}"};
    return bad[job_random_below(r, sizeof bad / sizeof bad[0])];
}

static int64_t scenario_time(struct job_random *r, int64_t *clock, enum job_records how)
{
    int64_t step = (int64_t)job_random_below(r, 4) * 400000; // a quarter are equal
    *clock += step;
    if (how == JOB_RECORDS_CLEAN)
        return SCENARIO_START + *clock;
    switch (job_random_below(r, 12)) {
    case 0: // disorder
        return SCENARIO_START + *clock - (int64_t)job_random_below(r, 7200000);
    case 1: // late beyond grace and, often, another day
        return SCENARIO_START + *clock - 10 * 3600000 - (int64_t)job_random_below(r, 3600000);
    default:
        return SCENARIO_START + *clock;
    }
}

void job_scenario_produce(struct job_world *w, struct job_random *r, unsigned n,
                          enum job_records how)
{
    bool idle = job_random_below(r, 3) > 0;
    int64_t before = 0;
    const char *second = w->spec.topics[0] ? w->spec.topics[1] : NULL;
    for (int32_t p = 0; p < JOB_SCENARIO_PARTITIONS; p++)
        before += source_fake_end(w->broker, "tx", p) +
                  (second ? source_fake_end(w->broker, second, p) : 0);
    int64_t clock = before * 600000;
    for (unsigned i = 0; i < n; i++) {
        char key[16], value[512];
        int32_t p = (int32_t)job_random_below(r, idle ? 3 : 4);
        if (job_random_below(r, 3) == 0)
            p = 0;
        int64_t time = scenario_time(r, &clock, how);
        (void)snprintf(key, sizeof key, "k%u", scenario_skewed(r, 12));
        scenario_good(value, sizeof value, r, (uint64_t)before + i);
        const char *topic = second && job_random_below(r, 4) == 0 ? second : "tx";
        uint64_t kind = how == JOB_RECORDS_CLEAN ? 9 : job_random_below(r, 30);
        if (kind == 1)
            source_fake_skip(w->broker, topic, p, 1 + (int64_t)job_random_below(r, 2));
        source_fake_add(w->broker, topic, p, time, kind == 2 ? NULL : key,
                        kind == 3                ? NULL
                        : kind == 4 || kind == 5 ? scenario_bad(r)
                                                 : value);
    }
}

void job_scenario_still(struct buf *out, const struct job_world_spec *spec, const char *sql,
                        uint64_t seed, const unsigned *n, size_t count)
{
    struct job_world *w = job_world_new(spec);
    struct job_random r = {seed};
    assert_true(!sql || job_world_compile(w, sql, spec->outputs));
    for (size_t i = 0; i <= count; i++) {
        if (i < count)
            job_scenario_produce(w, &r, n[i], JOB_RECORDS_HOSTILE);
        if (!job_world_run(w))
            fail_msg("%s", w->text);
    }
    buf_init(out, SCENARIO_TEXT_MAX);
    job_world_print_rows(out, w, JOB_WORLD_ORDERED);
    job_world_free(w);
}

void job_scenario_same(struct job_world *w, struct buf *want, const char *what)
{
    struct buf got;
    buf_init(&got, SCENARIO_TEXT_MAX);
    job_world_print_rows(&got, w, JOB_WORLD_ORDERED);
    job_world_same(want, &got, what);
    job_world_check_receipts(w);
    job_world_free(w);
    buf_fini(&got);
    buf_fini(want);
}
