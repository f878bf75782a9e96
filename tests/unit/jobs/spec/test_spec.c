#include "jobs/spec/spec.h"

#include "tests/support/test.h"

#include <stdio.h>

struct loaded {
    struct arena *a;
    struct conf_errors errors;
    const struct app_spec *app;
    struct buf text; // of the errors
    bool ok;
};

static const char *fake_env(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "MYSQL_PASSWORD") == 0)
        return "p@s:s/w?rd%41";
    return strcmp(name, "SLUICE_STATE") == 0 ? "/env/state" : NULL;
}

static const char *no_env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "MYSQL_PASSWORD") == 0 ? "x" : NULL;
}

static struct loaded load_with(const char *path, const char *text, const struct spec_options *o)
{
    struct loaded l = {.a = arena_new(NULL)};
    conf_errors_init(&l.errors, l.a);
    l.ok = spec_parse(&l.app, l.a, path, str_from(text), o, &l.errors);
    buf_init(&l.text, 1 << 20);
    conf_errors_print(&l.text, &l.errors);
    buf_char(&l.text, '\0');
    return l;
}

static struct loaded load(const char *text)
{
    const struct spec_options o = {.env = no_env};
    return load_with("s.yaml", text, &o);
}

static void unload(struct loaded *l)
{
    buf_fini(&l->text);
    arena_free(l->a);
}

static void must_load(const struct loaded *l)
{
    if (!l->ok)
        fail_msg("%s", l->text.p);
}

static void refused(const char *text, const char *want)
{
    struct loaded l = load(text);
    assert_false(l.ok);
    assert_null(l.app);
    if (!strstr(l.text.p, want))
        fail_msg("\"%s\" is not in:\n%s", want, l.text.p);
    unload(&l);
}

// A whole file around some lines of a job (indented by four) or of the top.
#define HEAD \
    "kafka: { bootstrap.servers: h }\nlake: { path: l }\nwarehouses: { db: 'sqlite://x.db' }\n"
#define JOB HEAD "jobs:\n  j:\n    sql: [a.sql]\n    outputs: { O: { warehouse: db } }\n"
// Lines 1-3, then jobs on 4, j on 5, sql on 6, outputs on 7: what follows is line 8.

static const char issue_sample[] =
    "kafka: { bootstrap.servers: \"127.0.0.1:9092\" }\n"
    "state: ./state\n"
    "lake: { path: ./data_lake }\n"
    "warehouses:\n"
    "  tp3: \"mysql://root:${env:MYSQL_PASSWORD}@127.0.0.1:3306/tp3\"\n"
    "  local: \"sqlite://./warehouse.db\"\n"
    "jobs:\n"
    "  transactions:\n"
    "    sql: [sql/transactions.sql]\n"
    "    schedule: { every: 10m, at_start: true }\n"
    "    start: earliest\n"
    "    group: transactions_batch\n"
    "    input_order: event_time\n"
    "    outputs:\n"
    "      TRANSACTIONS_PROCESSED:\n"
    "        lake: { format: jsonl, compression: gzip, partition_by: [year, month, day], time: "
    "ROWTIME, "
    "zone: UTC }\n"
    "      TRANSACTION_LIFECYCLE:\n"
    "        lake: { snapshot: true, keep_versions: 7 }\n"
    "        warehouse: [ { to: tp3, table: transaction_lifecycle, create: true, schema: evolve, "
    "columns: { "
    "last_update_time: { from: LAST_UPDATE_TIME, type: timestamp } } }, { to: local } ]\n";

static void check_sample_job(const struct job_spec *j)
{
    assert_str(j->name, "transactions");
    assert_int_equal(j->sql.n, 1);
    assert_str(j->sql.v[0], "/etc/sluice/sql/transactions.sql");
    assert_int_equal(j->schedule.trigger, SPEC_TRIGGER_EVERY);
    assert_int_equal(j->schedule.every_ms, 600000);
    assert_true(j->schedule.at_start);
    assert_int_equal(j->start.from, SPEC_START_EARLIEST);
    assert_str(j->group, "transactions_batch");
    assert_int_equal(j->limits.open_partitions_max, 64);
    assert_int_equal(j->dead_letters.max.count, 10000);
    assert_int_equal(j->dead_letters.max.ratio_ppm, -1);
    assert_false(j->accept_loss);
    assert_int_equal(j->outputs.n, 2);
    const struct output_spec *o = j->outputs.v;
    assert_str(o[0].name, "TRANSACTIONS_PROCESSED");
    assert_int_equal(o[0].lake.compression, SPEC_CODEC_GZIP);
    assert_int_equal(o[0].lake.partition_by.n, 3);
    assert_str(o[0].lake.partition_by.v[2], "day");
    assert_str(o[0].lake.time, "ROWTIME");
    assert_str(o[0].lake.zone, "UTC");
    assert_int_equal(o[0].lake.keep_versions, 7);
    assert_int_equal(o[0].warehouse.n, 0);
    assert_true(o[1].lake.snapshot);
    const struct target_spec *t = o[1].warehouse.v;
    assert_int_equal(o[1].warehouse.n, 2);
    assert_str(t[0].warehouse->url.host, "127.0.0.1");
    assert_int_equal(t[0].create, SPEC_CREATE_YES);
    const struct column_spec *c = t[0].columns.v;
    assert_int_equal(t[0].columns.n, 1);
    assert_str(c->name, "last_update_time");
    assert_str(c->from, "LAST_UPDATE_TIME");
    assert_str(c->type, "timestamp");
    assert_str(t[1].table, "transaction_lifecycle");
    assert_int_equal(t[1].create, SPEC_CREATE_YES);
    assert_int_equal(t[1].require, SPEC_REQUIRE_EXACT);
    assert_int_equal(t[0].schema, SPEC_TABLE_EVOLVE);
    assert_int_equal(t[1].schema, SPEC_TABLE_FAIL);
}

TEST(the_sample_of_the_manual_is_read_whole)
{
    const struct spec_options o = {.env = fake_env};
    struct loaded l = load_with("/etc/sluice/s.yaml", issue_sample, &o);
    must_load(&l);
    assert_str(l.app->state, "/env/state");
    assert_str(l.app->lake.path, "/etc/sluice/data_lake");
    assert_int_equal(l.app->kafka.n, 1);
    assert_str(secret_reveal(l.app->kafka.v[0].value), "127.0.0.1:9092");
    const struct warehouse_spec *w = l.app->warehouses.v;
    assert_str(w[0].url.user, "root");
    assert_str(secret_reveal(w[0].url.password), "p@s:s/w?rd%41");
    assert_int_equal(w[0].url.port, 3306);
    assert_str(w[0].url.database, "tp3");
    assert_str(w[0].url.display, "mysql://root@127.0.0.1:3306/tp3");
    assert_true(w[1].url.file_based);
    assert_str(w[1].url.path, "/etc/sluice/warehouse.db");
    assert_int_equal(l.app->jobs.n, 1);
    check_sample_job(l.app->jobs.v);
    unload(&l);
}

TEST(the_shipped_sample_is_valid)
{
    struct arena *a = arena_new(NULL);
    struct conf_errors errors;
    const struct app_spec *app = NULL;
    const struct spec_options o = {.env = no_env};
    conf_errors_init(&errors, a);
    if (!spec_load(&app, a, "config/sample.yaml", &o, &errors))
        fail_msg("%s", errors.v[0]->text);
    assert_str(((const struct job_spec *)app->jobs.v)->sql.v[0], "config/sql/transactions.sql");
    arena_free(a);
}

TEST(a_missing_file_is_a_configuration_error)
{
    struct arena *a = arena_new(NULL);
    struct conf_errors errors;
    const struct app_spec *app = NULL;
    conf_errors_init(&errors, a);
    assert_false(spec_load(&app, a, "/nowhere/s.yaml", NULL, &errors));
    assert_string_equal(errors.v[0]->text,
                        "cannot open /nowhere/s.yaml: No such file or directory");
    assert_int_equal(errors.v[0]->kind, ERR_CONFIG);
    arena_free(a);
}

TEST(all_errors_are_told_at_once_in_their_places)
{
    struct loaded l = load("kafka: { acks: 1 }\n"
                           "stat: x\n"
                           "lake: { path: l }\n"
                           "jobs:\n"
                           "  j:\n"
                           "    sql: [a.sql]\n"
                           "    schedul: stream\n"
                           "    threads: many\n"
                           "    outputs:\n"
                           "      O: { lake: { format: json, keep_versions: 1 } }\n");
    static const char *const want[] = {
        "s.yaml:2:1: unknown key stat\n    stat: x\n    ^\nhint: did you mean state\n",
        "s.yaml:7:5: unknown key schedul\n        schedul: stream\n        ^\nhint: did you ",
        "hint: did you mean schedule\n",
        "s.yaml:8:14: threads is \"many\", wanted is a whole number\n",
        "s.yaml:10:28: format is \"json\", wanted is jsonl | csv\n",
        "hint: did you mean jsonl\n",
        "s.yaml:10:49: keep_versions is \"1\", wanted is 2 to 100000\n",
        "s.yaml:1:10: kafka property acks cannot be set: ",
        "s.yaml:1:1: key bootstrap.servers is missing in kafka\n",
        "7 errors\n"};
    assert_false(l.ok);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        if (!strstr(l.text.p, want[i]))
            fail_msg("\"%s\" is not in:\n%s", want[i], l.text.p);
    }
    unload(&l);
}

TEST(every_mistake_in_a_job_has_its_own_words)
{
    static const struct {
        const char *lines, *want;
    } bad[] = {
        {"    schedule: { every: 10 }\n", "s.yaml:8:24: every is \"10\", wanted is a duration"},
        {"    schedule: { every: 10ms }\n", "8:24: every is \"10ms\", wanted is 1s to 366d"},
        {"    schedule: { every: 1m, cron: '* * * * *' }\n",
         "8:15: schedule has both every and cron"},
        {"    schedule: { at_start: true }\n",
         "8:15: schedule has neither every nor cron nor after"},
        {"    schedule: { cron: '61 * * * *' }\n", "8:23: cron minute \"61\" is not in 0 to 59"},
        {"    schedule: { cron: '@daily', zone: Mars/Base }\n",
         "8:39: unknown time zone \"Mars/Base\""},
        {"    schedule: { zone: ../../etc/passwd }\n", "8:23: unknown time zone"},
        {"    schedule: sometimes\n", "8:15: schedule is \"sometimes\", wanted is stream"},
        {"    schedule: { every: 1m, after: [x] }\n", "8:35: after names an unknown job x"},
        {"    schedule: { after: j }\n", "8:24: job j would wait for itself"},
        {"    schedule: { every: 1m, overlap: kill }\n",
         "8:37: overlap is \"kill\", wanted is skip"},
        {"    schedule: { every: 1m, misfire: x }\n", "8:37: misfire is \"x\", wanted is run"},
        {"    schedule: { every: 1m, jitter: 2m }\n", "8:15: jitter is longer than every"},
        {"    schedule: { every: 1m, retry: { backoff: 1m, backoff_max: 1s } }\n",
         "8:35: backoff_max is shorter than backoff"},
        {"    on_failure: { webhook: ftp://x }\n", "8:28: webhook is not an http(s) URL"},
        {"    start: yesterday\n", "8:12: start is \"yesterday\", wanted is earliest, latest"},
        {"    start:\n", "8:11: jobs.j.start needs a value"},
        {"    threads: -1\n", "8:14: threads is \"-1\", wanted is 0 to 256"},
        {"    accept_loss: yes\n", "8:18: accept_loss is \"yes\", wanted is true or false"},
        {"    input_order: tables\n", "8:18: input_order is \"tables\", wanted is event_time"},
        {"    limits: { memory: 1MiB }\n", "8:23: memory is \"1MiB\", wanted is at least 16MiB"},
        {"    limits: { memory: lots }\n", "8:23: memory is \"lots\", wanted is a size"},
        {"    limits: [1]\n", "8:13: jobs.j.limits must be a mapping, not a list"},
        {"    dead_letters: { max: 5x }\n", "8:26: count is \"5x\", wanted is a whole number"},
        {"    dead_letters: { max: 101% }\n", "8:26: ratio is \"101%\", wanted is a share"},
        {"    dead_letters: { payload: some }\n", "8:30: payload is \"some\", wanted is full"},
        {"    group: [a]\n", "8:12: jobs.j.group is a list, not a single value"},
        {"    group: ${env:NONE}\n", "8:12: environment variable NONE is not set"},
        {"    sql: b.sql\n", "8:5: duplicate key sql, first on line 6"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[1000];
        snprintf(text, sizeof text, "%s%s", JOB, bad[i].lines);
        refused(text, bad[i].want);
    }
}

TEST(every_mistake_in_an_output_has_its_own_words)
{
    static const struct {
        const char *output, *want;
    } bad[] = {
        {"{}", "7:7: output O is written nowhere"},
        {"{ warehouse: dc }", "7:23: unknown warehouse dc\n"},
        {"{ warehouse: dc }", "hint: did you mean db"},
        {"{ warehouse: [db, db] }", "7:28: table o of warehouse db is written twice"},
        {"{ warehouse: { table: x } }", "7:23: key to is missing in jobs.j.outputs.O.warehouse[0]"},
        {"{ warehouse: { to: db, create: maybe } }", "7:41: create is \"maybe\""},
        {"{ warehouse: { to: db, require: mostly } }", "7:42: require is \"mostly\""},
        {"{ warehouse: { to: db, columns: { c: { type: \"int); DROP\" } } } }",
         "7:44: type \"int); DROP\" of column c is not allowed"},
        {"{ warehouse: { to: db, columns: [c] } }",
         "7:42: jobs.j.outputs.O.warehouse[0].columns must be a mapping by name"},
        {"{ lake: { snapshot: true, partition_by: [day] } }", "7:50: partition_by is for streams"},
        {"{ lake: { partition_by: [day, DAY] } }", "7:34: partition_by names DAY twice"},
        {"{ lake: { partition_by: [_x] } }", "7:34: partition column _x begins with _"},
        {"{ lake: { compression: snappy } }", "7:33: compression is \"snappy\""},
        {"{ lake: { zone: Nowhere } }", "7:26: unknown time zone \"Nowhere\""},
        {"{ lake: yes }", "7:18: jobs.j.outputs.O.lake must be a mapping, not a single value"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[1000];
        snprintf(text, sizeof text, "%sjobs:\n  j:\n    sql: a.sql\n    outputs: \n      O: %s\n",
                 HEAD, bad[i].output);
        // Here O is on line 8.
        char want[300];
        const bool placed = bad[i].want[0] == '7';
        snprintf(want, sizeof want, "%s%s", placed ? "8" : "", bad[i].want + placed);
        refused(text, want);
    }
}

TEST(a_job_name_is_safe_as_a_directory)
{
    static const char *const bad[] = {
        "a/b",       "/a",
        "..",        ".",
        ".a",        "a..b",
        "a.b",       "_a",
        "-a",        "a b",
        "'a\\b'",    "\"a\\tb\"",
        "\"a\\0b\"", "''",
        "\xc3\xa4",  "a2345678901234567890123456789012345678901234567890123456789012345",
    };
    char text[400];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, HEAD "jobs:\n  %s: { sql: x, outputs: { O: { lake: {} } } }\n",
                 bad[i]);
        refused(text, "s.yaml:5:3: job name \"");
        refused(text, " is not allowed");
    }
    struct loaded l =
        load(HEAD "jobs:\n  a2345678901234567890123456789012345678901234567890123456789012_-:"
                  " { sql: x, outputs: { O: { lake: {} } } }\n");
    must_load(&l);
    unload(&l);
}

TEST(mistakes_between_jobs_and_at_the_top_are_found)
{
    refused("", "key jobs is missing in the file");
    refused("[]", "s.yaml:1:1: the file must be a mapping");
    refused("kafka: { bootstrap.servers: h }\njobs: { j: {} }\n",
            "2:12: key sql is missing in jobs.j");
    refused("kafka: { bootstrap.servers: h }\njobs: { j: {} }\n",
            "2:12: key outputs is missing in jobs.j");
    refused(HEAD "jobs:\n  a/b: { sql: x, outputs: { O: { warehouse: db } } }\n",
            "5:3: job name \"a/b\" is not allowed");
    refused(HEAD "jobs:\n  a: { sql: x, outputs: { O: { lake: {} } } }\n"
                 "  b: { sql: x, outputs: { O: { lake: {} } } }\n",
            "6:38: output O is already written to the lake by job a");
    refused(HEAD "jobs:\n  a: { sql: x, group: g, outputs: { O: { lake: {} } } }\n"
                 "  b: { sql: x, group: g, outputs: { P: { lake: {} } } }\n",
            "6:3: group g is also the one of job a");
    refused(
        "kafka: { bootstrap.servers: h }\njobs:\n  a: { sql: x, outputs: { O: { lake: {} } } }\n",
        "3:38: output O is for the lake, but there is no lake");
    refused(JOB "    sql: []\n", "duplicate key sql");
    refused(HEAD "jobs: { a: { sql: [], outputs: { O: { lake: {} } } } }\n",
            "4:19: jobs.a.sql is empty");
    refused(HEAD "warehouse: {}\njobs: {}\n", "hint: did you mean warehouses");
}

TEST(warehouse_urls_are_checked_in_their_place)
{
    static const struct {
        const char *url, *want;
    } bad[] = {
        {"mysq://h/d", "1:22: unknown warehouse \"mysq://\""},
        {"clickhouse://h/d", "1:22: warehouse clickhouse is not supported yet"},
        {"just text", "1:22: a warehouse is a URL"},
        {"mysql://h", "1:22: the URL names no database"},
        {"mysql:///d", "1:22: the URL names no host"},
        {"mysql://h:99999/d", "1:22: port \"99999\" is not in 1 to 65535"},
        {"mysql://h:x/d", "1:22: port \"x\""},
        {"mysql://[::1/d", "1:22: \"[\" without \"]\""},
        {"mysql://u%zz@h/d", "1:22: \"%\" in a URL"},
        {"mysql://u:${env:NONE}@h/d", "1:22: environment variable NONE is not set"},
        {"mysql://h/d?=x", "1:22: a parameter of the URL has no name"},
        {"sqlite://", "1:22: the URL names no file"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[300];
        snprintf(text, sizeof text, "warehouses: { name_: '%s' }\n", bad[i].url);
        refused(text, bad[i].want);
    }
    refused("warehouses: { w: { url: x } }\n",
            "1:18: warehouses.w must be a single value, not a mapping");
    refused("warehouses: { w: }\n", "1:18: a warehouse needs a URL");
}

TEST(secrets_reach_no_error_and_no_listing)
{
    struct loaded l = load(
        "kafka: { bootstrap.servers: h, sasl.password: hunter2 }\n"
        "warehouses: { db: 'mysql://u:hunter3@h/d', e: 'mysql://u:${env:MYSQL_PASSWORD}@h/d' }\n"
        "jobs: { j: { sql: x, outputs: { O: { warehouse: db } } } }\n");
    must_load(&l);
    struct buf out;
    buf_init(&out, 1 << 20);
    conf_show(&out, l.app->reader, CONF_SHOW_ORIGINS);
    buf_char(&out, '\0');
    assert_null(strstr(out.p, "hunter"));
    assert_non_null(strstr(out.p, "kafka.sasl.password: ***"));
    assert_non_null(strstr(out.p, "warehouses.db: mysql://u@h/d"));
    assert_non_null(strstr(out.p, "warehouses.e: mysql://u:${env:MYSQL_PASSWORD}@h/d"));
    buf_fini(&out);
    unload(&l);
}

TEST(show_has_what_holds_where_nothing_was_written)
{
    struct loaded l = load(
        "kafka: { bootstrap.servers: h }\n"
        "lake: { path: ./l }\n"
        "limits: { batch_records: 5 }\n"
        "jobs:\n"
        "  j: { sql: x, limits: { memory: 32MiB }, outputs: { T: { lake: { snapshot: true } } } }\n"
        "  k: { sql: x, dead_letters: { max: 7 }, outputs: { S: { lake: {} } } }\n");
    must_load(&l);
    struct buf out;
    buf_init(&out, 1 << 20);
    conf_show(&out, l.app->reader, CONF_SHOW_ORIGINS);
    buf_char(&out, '\0');
    static const char *const want[] = {
        "jobs.j.limits.batch_records: 5",  "# limits\n",
        "jobs.j.limits.batch_bytes: 1GiB", "jobs.j.limits.batch_time: 10m",
        "jobs.j.limits.memory: 32MiB",     "jobs.k.limits.memory: 96MiB",
        "jobs.j.dead_letters.max: 10000",  "jobs.k.outputs.S.lake.partition_by: year month day"};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        if (!strstr(out.p, want[i]))
            fail_msg("\"%s\" is not in:\n%s", want[i], out.p);
    assert_null(strstr(out.p, "outputs.T.lake.partition_by")); // a snapshot has none
    assert_null(strstr(out.p, "jobs.k.dead_letters.max: 10000"));
    buf_fini(&out);
    unload(&l);
}

TEST(urls_split_before_anything_is_put_in)
{
    struct arena *a = arena_new(NULL);
    struct err e;
    struct spec_url u;
    const struct secret_source s = {.env = fake_env, .dir = "."};
    assert_ok(spec_parse_url(&u, a,
                             STR("mariadb://a%40b:x%3A${env:MYSQL_PASSWORD}y@[::1]:33/d?ssl=1&x"),
                             &s, &e),
              &e);
    assert_str(u.scheme, "mysql");
    assert_str(u.user, "a@b");
    assert_str(secret_reveal(u.password), "x:p@s:s/w?rd%41y");
    assert_str(u.host, "::1");
    assert_int_equal(u.port, 33);
    assert_int_equal(u.param_count, 2);
    assert_str(u.params[0].name, "ssl");
    assert_str(secret_reveal(u.params[0].value), "1");
    assert_str(u.params[1].name, "x");
    assert_ok(spec_parse_url(&u, a, STR("sqlite:///abs/x.db"), &s, &e), &e);
    assert_str(u.path, "/abs/x.db");
    assert_ok(spec_parse_url(&u, a, STR("mysql://h/d"), &s, &e), &e);
    assert_int_equal(u.port, 0);
    assert_str(u.display, "mysql://h/d");
    arena_free(a);
}

TEST(what_is_set_outside_wins_and_show_says_so)
{
    const struct conf_override set[] = {{STR("lake.path"), STR("/one"), "--set"},
                                        {STR("lake.path"), STR("/two"), "--set"},
                                        {STR("jobs.j.threads"), STR("3"), "--set"},
                                        {STR("kafka.bootstrap.servers"), STR("other"), "--set"},
                                        {STR("kafka.client.id"), STR("me"), "--set"}};
    struct spec_options o = {.env = fake_env, .overrides = set, .override_count = 5};
    struct loaded l = load_with("s.yaml", JOB, &o);
    must_load(&l);
    assert_str(l.app->lake.path, "/two");
    assert_str(l.app->state, "/env/state");
    assert_int_equal(((const struct job_spec *)l.app->jobs.v)->threads, 3);
    assert_int_equal(l.app->kafka.n, 2);
    struct buf out;
    buf_init(&out, 1 << 20);
    conf_show(&out, l.app->reader, CONF_SHOW_ORIGINS);
    buf_char(&out, '\0');
    static const char *const want[] = {"state: /env/state",      "# environment SLUICE_STATE\n",
                                       "lake.path: /two",        "# --set\n",
                                       "jobs.j.sql: [a.sql]",    "# s.yaml:6:10\n",
                                       "jobs.j.start: earliest", "# default\n"};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        if (!strstr(out.p, want[i]))
            fail_msg("\"%s\" is not in:\n%s", want[i], out.p);
    }
    buf_fini(&out);
    unload(&l);
    const struct conf_override bad[] = {{STR("lake.pth"), STR("/x"), "--set"},
                                        {STR("jobs.j.threads"), STR("x"), "--set"}};
    o.overrides = bad;
    o.override_count = 1;
    l = load_with("s.yaml", JOB, &o);
    assert_non_null(strstr(l.text.p, "--set: unknown key lake.pth\nhint: did you mean lake.path"));
    unload(&l);
    o.overrides = bad + 1;
    l = load_with("s.yaml", JOB, &o);
    assert_non_null(strstr(l.text.p, "--set: threads is \"x\", wanted is a whole number"));
    unload(&l);
}

TEST(start_dead_letters_and_limits_take_all_their_forms)
{
    struct loaded l = load(
        HEAD "limits: { memory: 32MiB, batch_time: 5s }\njobs:\n"
             "  a: { sql: x, start: 2025-10-01T00:00:00Z, outputs: { O: { lake: {} } },\n"
             "       dead_letters: { max: 0.5% }, limits: { batch_time: 0, batch_records: 7 } }\n"
             "  b: { sql: x, start: 2025-10-01, schedule: stream, outputs: { P: { lake: {} } },\n"
             "       dead_letters: { max: 0, payload: hash } }\n"
             "  c: { sql: x, start: group, outputs: { Q: { lake: {} } },\n"
             "       dead_letters: { max: none } }\n"
             "  d: { sql: x, outputs: { R: { lake: {} } },\n"
             "       dead_letters: { max: { count: 5, ratio: 1% } } }\n");
    must_load(&l);
    const struct job_spec *j = l.app->jobs.v;
    assert_int_equal(j[0].start.from, SPEC_START_TIME);
    assert_true(j[0].start.time_ms == INT64_C(1759276800000));
    assert_int_equal(j[0].dead_letters.max.count, -1);
    assert_int_equal(j[0].dead_letters.max.ratio_ppm, 5000);
    assert_int_equal(j[0].limits.batch_ms, 0);
    assert_int_equal(j[0].limits.batch_records, 7);
    assert_true(j[0].limits.memory == 32 << 20);
    assert_true(j[1].start.time_ms == INT64_C(1759276800000));
    assert_int_equal(j[1].schedule.trigger, SPEC_TRIGGER_STREAM);
    assert_int_equal(j[1].dead_letters.max.count, 0);
    assert_int_equal(j[1].dead_letters.payload, SPEC_PAYLOAD_HASH);
    assert_int_equal(j[1].limits.batch_ms, 5000);
    assert_int_equal(j[1].limits.open_partitions_max, 64);
    assert_str(j[1].group, "b");
    assert_int_equal(j[2].start.from, SPEC_START_GROUP);
    assert_int_equal(j[2].schedule.trigger, SPEC_TRIGGER_NONE);
    assert_int_equal(j[2].dead_letters.max.count, -1);
    assert_int_equal(j[2].dead_letters.max.ratio_ppm, -1);
    assert_int_equal(j[3].dead_letters.max.count, 5);
    assert_int_equal(j[3].dead_letters.max.ratio_ppm, 10000);
    unload(&l);
}

TEST(scheduling_and_the_daemon_have_defaults_and_words)
{
    struct loaded l = load(
        "kafka: { bootstrap.servers: x }\nlake: { path: /l }\n"
        "daemon: { max_parallel: 5, log: json }\n"
        "admin: { listen: 8088, token: 0123456789abcdef }\njobs:\n"
        "  a: { sql: x, schedule: { cron: '@daily', zone: Europe/Paris, retry: { attempts: 1 } },"
        "       outputs: { O: { lake: {} } } }\n"
        "  b: { sql: x, schedule: { after: [a], timeout: 5m }, outputs: { P: { lake: {} } },\n"
        "       on_failure: { exec: [/bin/mail, root], webhook: 'http://x/' } }\n"
        "  s: { sql: x, schedule: stream, outputs: { Q: { lake: {} } } }\n");
    must_load(&l);
    const struct job_spec *j = l.app->jobs.v;
    assert_int_equal(l.app->daemon.max_parallel, 5);
    assert_int_equal(l.app->daemon.lag_every_ms, 60000);
    assert_int_equal(l.app->daemon.log, SPEC_LOG_JSON);
    assert_str(l.app->admin.host, "127.0.0.1");
    assert_int_equal(l.app->admin.port, 8088);
    assert_str(secret_reveal(l.app->admin.token), "0123456789abcdef");
    assert_int_equal(j[0].schedule.trigger, SPEC_TRIGGER_CRON);
    assert_non_null(j[0].schedule.zone.zone);
    assert_int_equal(j[0].schedule.retry.attempts, 1);
    assert_int_equal(j[0].schedule.retry.backoff_ms, 10000);
    assert_int_equal(j[1].schedule.trigger, SPEC_TRIGGER_NONE);
    assert_str(j[1].schedule.after.v[0], "a");
    assert_int_equal(j[1].schedule.timeout_ms, 300000);
    assert_int_equal(j[1].on_failure.exec.n, 2);
    assert_int_equal(j[2].schedule.trigger, SPEC_TRIGGER_STREAM);
    assert_int_equal(j[2].schedule.retry.attempts, 3);
    unload(&l);
}

TEST(jobs_that_wait_for_each_other_and_open_doors_are_refused)
{
    static const struct {
        const char *text, *want;
    } bad[] = {
        {"  a: { sql: x, schedule: { after: b }, outputs: { O: { lake: {} } } }\n"
         "  b: { sql: x, schedule: { after: a }, outputs: { P: { lake: {} } } }\n",
         "job a would wait for itself"},
        {"  a: { sql: x, schedule: { after: b }, outputs: { O: { lake: {} } } }\n"
         "  b: { sql: x, schedule: stream, outputs: { P: { lake: {} } } }\n",
         "after names job b, whose run never ends"},
        {"  a: { sql: x, outputs: { O: { lake: {} } } }\nadmin: { listen: 0.0.0.0:80 }\n",
         "listen is \"0.0.0.0:80\", which is not a loopback address"},
        {"  a: { sql: x, outputs: { O: { lake: {} } } }\nadmin: { listen: 80, token: short }\n",
         "the token has 5 characters, wanted are at least 16"},
        {"  a: { sql: x, outputs: { O: { lake: {} } } }\nadmin: { token: 0123456789abcdef }\n",
         "key listen is missing in admin"},
        {"  a: { sql: x, outputs: { O: { lake: {} } } }\ndaemon: { max_parallel: 0 }\n",
         "max_parallel is \"0\", wanted is 1 to 1000"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[1000];
        snprintf(text, sizeof text,
                 "kafka: { bootstrap.servers: x }\nlake: { path: /l }\njobs:\n%s", bad[i].text);
        struct loaded l = load(text);
        assert_false(l.ok);
        if (!strstr(l.text.p, bad[i].want))
            fail_msg("\"%s\" is not in:\n%s", bad[i].want, l.text.p);
        unload(&l);
    }
}

TEST(an_unknown_job_is_answered_with_the_nearest)
{
    struct err e;
    struct loaded l = load(JOB);
    must_load(&l);
    assert_non_null(spec_job(l.app, STR("j"), &e));
    assert_null(spec_job(l.app, STR("k"), &e));
    assert_string_equal(e.text, "there is no job k in s.yaml");
    assert_string_equal(e.hint, "did you mean j");
    unload(&l);
}

TEST(the_printed_page_has_every_key)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    spec_print_docs(&out);
    buf_char(&out, '\0');
    static const char *const want[] = {"# Configuration\n",
                                       "## jobs\n",
                                       "## lake_output\n",
                                       "| `keep_versions` | number | `7` |",
                                       "| `sql` | list of paths | required |",
                                       "jsonl \\| csv",
                                       "| `isolation.level` |"};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        if (!strstr(out.p, want[i]))
            fail_msg("\"%s\" is not in the page", want[i]);
    }
    buf_fini(&out);
}

#define TOPIC_JOB                       \
    "kafka: { bootstrap.servers: b }\n" \
    "jobs:\n  j:\n    sql: j.sql\n    outputs:\n      O: "

TEST(a_topic_is_a_name_or_a_section_and_enough_for_an_output)
{
    struct loaded l = load(TOPIC_JOB "{ topic: o }\n");
    must_load(&l);
    const struct job_spec *j = l.app->jobs.v;
    const struct output_spec *o = j->outputs.v;
    assert_true(str_eq(o->topic.name, STR("o")));
    assert_int_equal(o->topic.partitions, 0);
    unload(&l);
    l = load(TOPIC_JOB
             "{ topic: { name: o, format: delimited, key_format: JSON, partitions: 3 } }\n");
    must_load(&l);
    j = l.app->jobs.v;
    o = j->outputs.v;
    assert_true(str_eq(o->topic.format, STR("delimited")) && o->topic.partitions == 3);
    unload(&l);
    refused(TOPIC_JOB "{ topic: { name: o, format: xml } }\n", "unknown format \"xml\"");
}

TEST_MAIN(T(a_topic_is_a_name_or_a_section_and_enough_for_an_output),
          T(the_sample_of_the_manual_is_read_whole), T(the_shipped_sample_is_valid),
          T(a_missing_file_is_a_configuration_error),
          T(all_errors_are_told_at_once_in_their_places),
          T(every_mistake_in_a_job_has_its_own_words),
          T(every_mistake_in_an_output_has_its_own_words), T(a_job_name_is_safe_as_a_directory),
          T(mistakes_between_jobs_and_at_the_top_are_found),
          T(warehouse_urls_are_checked_in_their_place), T(secrets_reach_no_error_and_no_listing),
          T(show_has_what_holds_where_nothing_was_written), T(urls_split_before_anything_is_put_in),
          T(what_is_set_outside_wins_and_show_says_so),
          T(start_dead_letters_and_limits_take_all_their_forms),
          T(scheduling_and_the_daemon_have_defaults_and_words),
          T(jobs_that_wait_for_each_other_and_open_doors_are_refused),
          T(an_unknown_job_is_answered_with_the_nearest), T(the_printed_page_has_every_key))
