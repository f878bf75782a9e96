// The warehouse contract on a real PostgreSQL, and what only such a server can do wrong. Needs
// SLUICE_TEST_POSTGRES_HOST/_PORT/_USER/_PASSWORD (tests/servers/with_servers.sh); skipped without.
#include "tests/support/test.h"

#if SLUICE_WITH_POSTGRES

#include "base/str.h"
#include "schema/text.h"
#include "tests/support/sink_cases.h"
#include "warehouse/postgres/postgres.h"

#include <stdio.h>
#include <unistd.h>

#include <libpq-fe.h>

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_FLOAT8 = 701, OID_TIME = 1083, OID_TIMESTAMP = 1114 };

struct server {
    const char *host, *user, *password;
    unsigned port;
    char schema[64];
    PGconn *db; // the test's own connection
};

static bool run(PGconn *db, const char *sql)
{
    PGresult *r = PQexec(db, sql);
    const ExecStatusType status = PQresultStatus(r);
    const bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok)
        print_error("%s: %s\n", sql, PQerrorMessage(db));
    PQclear(r);
    return ok;
}

static void setup(void *arg)
{
    struct server *s = arg;
    char sql[256];
    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", s->schema,
             s->schema);
    assert_true(run(s->db, sql));
}

static void teardown(void *arg)
{
    (void)arg;
}

static void url(struct warehouse_url *out, void *arg)
{
    static struct str params[] = {{"lock_wait", 9}, {"1", 1}, {"schema", 6}, {NULL, 0}};
    const struct server *s = arg;
    params[3] = str_from(s->schema);
    *out = (struct warehouse_url){
        .scheme = STR("postgres"),
        .user = str_from(s->user),
        .password = str_from(s->password),
        .host = str_from(s->host),
        .database = str_from(s->user),
        .port = (uint16_t)s->port,
        .params = params,
        .param_count = 2,
        .display = STR("postgres://test"),
    };
}

// The cases are written with SQLite's name of an exact decimal.
static bool sql(void *arg, const char *text)
{
    static const char sqlite_name[] = "DECIMAL_TEXT";
    const struct server *s = arg;
    const char *at = strstr(text, sqlite_name);
    if (!at)
        return run(s->db, text);
    char other[1024];
    snprintf(other, sizeof other, "%.*sDECIMAL%s", (int)(at - text), text,
             at + strlen(sqlite_name));
    return run(s->db, other);
}

// The server prints no zeros at the end of a second's fraction; other stores print the column's digits.
static void print_time(struct buf *out, const char *p, int digits)
{
    const char *point = strchr(p, '.');
    buf_text(out, p);
    for (int i = point ? (int)strlen(point) - 1 : 0; i < digits; i++) {
        if (i == 0)
            buf_char(out, '.');
        buf_char(out, '0');
    }
}

static void print_cell(struct buf *out, Oid type, int modifier, const char *p)
{
    double v;
    if (type == OID_FLOAT8 && text_parse_double(&v, str_from(p)))
        text_double(out, v);
    else if (type == OID_BYTEA)
        buf_text(out, p + 2); // behind \x
    else if (type == OID_BOOL)
        buf_text(out, *p == 't' ? "1" : "0");
    else if (type == OID_TIME || type == OID_TIMESTAMP)
        print_time(out, p, modifier);
    else
        buf_text(out, p);
}

static void rows(struct buf *out, void *arg, const char *table, const char *columns)
{
    const struct server *s = arg;
    char text[1024];
    snprintf(text, sizeof text, "SELECT %s FROM %s ORDER BY 1, 2", columns, table);
    PGresult *r = PQexec(s->db, text);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(s->db));
    for (int row = 0; row < PQntuples(r); row++) {
        for (int i = 0; i < PQnfields(r); i++) {
            if (i)
                buf_char(out, '|');
            if (PQgetisnull(r, row, i))
                buf_text(out, "NULL");
            else
                print_cell(out, PQftype(r, i), PQfmod(r, i), PQgetvalue(r, row, i));
        }
        buf_char(out, '\n');
    }
    PQclear(r);
}

static void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

static PGconn *connect_to(const struct server *s)
{
    char port[16];
    snprintf(port, sizeof port, "%u", s->port);
    PGconn *db = PQsetdbLogin(s->host, port, NULL, NULL, s->user, s->user, s->password);
    if (PQstatus(db) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(db));
    PQsetNoticeReceiver(db, ignore_notice, NULL);
    char set[256];
    snprintf(set, sizeof set, "SET search_path = %s; SET TimeZone = 'UTC'", s->schema);
    assert_true(run(db, set));
    return db;
}

struct own {
    struct server *server;
    const struct store *store;
};

static struct world *fresh(void **state)
{
    const struct own *o = *state;
    setup(o->server);
    struct world *w = world_new(o->store);
    world_standard(w);
    w->spec.create = SINK_CREATE_NEVER;
    return w;
}

#define REST "n BIGINT, amount DECIMAL(18,2)"

static void refuses(void **state, const char *create, const char *text, const char *hint)
{
    struct world *w = fresh(state);
    assert_true(w->store->sql(w->store->arg, create));
    assert_fails(world_open(w), &w->e, ERR_CONFIG, text);
    if (!strstr(w->e.hint, hint))
        fail_msg("hint \"%s\" does not contain \"%s\"", w->e.hint, hint);
    world_free(w);
}

TEST(a_table_that_a_crash_of_the_server_empties_is_refused)
{
    refuses(state, "CREATE UNLOGGED TABLE t (id TEXT PRIMARY KEY, " REST ")",
            "is an unlogged table", "ALTER TABLE t SET LOGGED");
}

TEST(a_deferrable_primary_key_is_refused)
{
    refuses(state, "CREATE TABLE t (id TEXT PRIMARY KEY DEFERRABLE, " REST ")",
            "a deferrable primary key", "NOT DEFERRABLE");
}

TEST(keys_that_compare_inexactly_are_refused)
{
    struct world *w = fresh(state);
    assert_true(w->store->sql(
        w->store->arg,
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2',"
        " deterministic = false); CREATE TABLE t (id TEXT COLLATE loose PRIMARY KEY, " REST ")"));
    assert_fails(world_open(w), &w->e, ERR_CONFIG,
                 "collation nondeterministic, which takes different");
    world_free(w);
}

TEST(another_primary_key_is_refused)
{
    refuses(state, "CREATE TABLE t (id TEXT, n BIGINT, amount DECIMAL(18,2), PRIMARY KEY (n, id))",
            "primary key is (n, id), must be (id)", "primary key");
}

TEST(narrower_columns_are_refused_unless_mapped)
{
    refuses(state, "CREATE TABLE t (id TEXT PRIMARY KEY, n INT, amount DECIMAL(18,2))",
            "column n is int4, which cannot hold BIGINT: it is narrower", "map it");
    struct world *w = fresh(state);
    ((struct sink_column *)(uintptr_t)w->spec.columns)[1].sql_type = STR("int");
    assert_true(
        w->store->sql(w->store->arg, "CREATE TABLE t (id TEXT PRIMARY KEY, n INT, amount REAL)"));
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "column amount is float4");
    assert_true(w->store->sql(w->store->arg, "ALTER TABLE t ALTER amount TYPE NUMERIC"));
    assert_ok(world_open(w), &w->e);
    assert_fails(world_deliver(w, BLOCK(w, {"a", INT64_C(2147483648), "1.00"})), &w->e, ERR_DATA,
                 "value 2147483648 is out of range");
    assert_ok(world_deliver(w, BLOCK(w, {"a", INT64_C(2147483647), "1.10"})), &w->e);
    assert_string_equal(world_rows(w), "a|2147483647|1.10\n");
    world_free(w);
}

// COPY's own characters, and what JSON and text of the server do not take.
TEST(text_arrives_as_it_is_and_a_nul_is_named)
{
    struct world *w = fresh(state);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    world_column(w, "v", type_scalar(TYPE_STRING), "", COLUMN_VALUE);
    world_column(w, "bytes", type_scalar(TYPE_BYTES), "", COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
    struct block *b =
        BLOCK(w, {"\\.", 1, "1.00"}, {"\\N", 1, "1.00"}, {"a\tb\\c\nd\re", 1, "1.00"});
    b->columns[3].str[0] = STR("\\x41\\");
    b->columns[3].str[1] = STR("");
    b->columns[3].str[2] = STR("\xF0\x9F\x8E\x89\t");
    for (size_t r = 0; r < 3; r++)
        b->columns[4].str[r] = (struct str){"\0\\\xff\n", 4};
    assert_ok(world_deliver(w, b), &w->e);
    assert_string_equal(world_rows(w), "\\.|1|1.00|\\x41\\|005cff0a\n"
                                       "\\N|1|1.00||005cff0a\n"
                                       "a\tb\\c\nd\re|1|1.00|\xF0\x9F\x8E\x89\t|005cff0a\n");
    b->columns[3].str[1] = (struct str){"x\0y", 3};
    assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "row id='\\N': a text has a NUL character");
    world_free(w);
}

// The types of an operator's own table, and its defaults.
TEST(tables_with_other_types_and_their_own_columns_are_written)
{
    struct world *w = fresh(state);
    w->spec.count = 0;
    world_column(w, "id", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "started", type_scalar(TYPE_BIGINT), "timestamptz", COLUMN_KEY);
    world_column(w, "history", type_array(w->a, type_scalar(TYPE_STRING)), "", COLUMN_VALUE);
    world_column(w, "seen", type_scalar(TYPE_STRING), "timestamp", COLUMN_VALUE);
    world_column(w, "who", type_scalar(TYPE_STRING), "uuid", COLUMN_VALUE);
    world_column(w, "yes", type_scalar(TYPE_BOOLEAN), "", COLUMN_VALUE);
    assert_true(w->store->sql(
        w->store->arg, "CREATE TABLE t (serial BIGSERIAL, started TIMESTAMPTZ, id VARCHAR(40),"
                       " history JSON, seen TIMESTAMP(0), who UUID, yes BOOLEAN,"
                       " at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (started, id))"));
    assert_ok(world_open(w), &w->e);
    struct block *b = world_block(w, 1);
    cell_text(b, 0, 0, "TXN-1");
    cell_i64(b, 1, 0, INT64_C(1761638400000));
    struct column *list = &b->columns[2];
    column_init(&list->children[0], w->a, type_scalar(TYPE_STRING), 1);
    list->children[0].str[0] = STR("a\"\\b");
    list->child_rows = 1;
    list->offsets[0] = 0;
    list->offsets[1] = 1;
    cell_text(b, 3, 0, "2025-10-28T08:00:00.999999Z");
    cell_text(b, 4, 0, "6f1ed002-ab59-5d2c-9d46-3f5b0e5c5a55");
    b->columns[5].u8[0] = 1;
    assert_ok(world_deliver(w, b), &w->e);
    assert_string_equal(world_rows(w),
                        "TXN-1|2025-10-28 08:00:00+00|[\"a\\\"\\\\b\"]|"
                        "2025-10-28 08:00:00|6f1ed002-ab59-5d2c-9d46-3f5b0e5c5a55|1\n");
    cell_text(b, 4, 0, "nobody");
    assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "row id='TXN-1'");
    assert_non_null(strstr(w->e.text, "uuid"));
    world_free(w);
}

TEST(a_trigger_that_refuses_a_row_is_quoted)
{
    struct world *w = fresh(state);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    assert_ok(world_open(w), &w->e);
    assert_true(w->store->sql(
        w->store->arg,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n > 5 THEN RAISE"
        " EXCEPTION 'too many for us'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER no BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION no()"));
    assert_fails(world_deliver(w, BLOCK(w, {"a", 1, "1.00"}, {"b", 6, "1.00"}, {"c", 1, "1.00"})),
                 &w->e, ERR_DATA, "row id='b'");
    assert_non_null(strstr(w->e.text, "too many for us"));
    assert_string_equal(world_rows(w), "");
    world_free(w);
}

TEST(names_longer_than_the_server_keeps_are_refused)
{
    struct world *w = fresh(state);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    world_column(w, "a_name_of_more_than_sixty_three_bytes_that_the_server_would_cut_silently",
                 type_scalar(TYPE_BIGINT), "", COLUMN_VALUE);
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "bytes, postgresql allows 63");
    world_free(w);
}

TEST(connections_that_cannot_be_made_say_why)
{
    struct world *w = fresh(state);
    const uint16_t port = w->url.port;
    w->url.port = 1;
    assert_fails(world_open(w), &w->e, ERR_REMOTE, "refused");
    assert_int_equal(w->e.remedy, REMEDY_RETRY_RUN);
    w->url.port = port;
    w->url.password = STR("hunter2");
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "password authentication failed");
    assert_null(strstr(w->e.text, "hunter2"));
    w->store->url(&w->url, w->store->arg);
    w->url.database = STR("no_such_database");
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "no_such_database");
    w->store->url(&w->url, w->store->arg);
    const struct str params[] = {STR("schema"), STR("no_such_schema")};
    w->url.params = params;
    w->url.param_count = 1;
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "there is no schema no_such_schema");
    world_free(w);
}

static void kill_others(const struct server *s)
{
    assert_true(run(s->db, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                           " WHERE application_name = 'sluice'"));
}

TEST(a_killed_connection_asks_for_a_new_one)
{
    const struct own *o = *state;
    struct world *w = fresh(state);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    assert_ok(world_open(w), &w->e);
    assert_ok(world_deliver(w, BLOCK(w, {"a", 1, "1.00"})), &w->e);
    const struct commit_step step = world_step(w);
    assert_int_equal(world_begin(w, &step), HEAD_NEXT);
    assert_ok(w->store->type->write(w->sink, BLOCK(w, {"a", 2, "1.00"}), &w->e), &w->e);
    kill_others(o->server);
    assert_fails(w->store->type->commit(w->sink, &w->rejected, &w->e), &w->e, ERR_REMOTE, "");
    assert_int_equal(w->e.remedy, REMEDY_RECONNECT);
    world_restart(w);
    assert_int_equal(world_head(w).batch, 1);
    assert_ok(world_deliver(w, BLOCK(w, {"a", 2, "1.00"})), &w->e);
    kill_others(o->server);
    assert_fails(world_deliver(w, BLOCK(w, {"a", 3, "1.00"})), &w->e, ERR_REMOTE, "");
    assert_int_equal(w->e.remedy, REMEDY_RECONNECT);
    world_restart(w);
    assert_string_equal(world_rows(w), "a|2|1.00\n");
    world_free(w);
}

TEST(a_lock_that_is_never_given_up_is_worth_a_retry)
{
    const struct own *o = *state;
    struct world *w = fresh(state);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    assert_ok(world_open(w), &w->e);
    assert_ok(world_deliver(w, BLOCK(w, {"a", 1, "1.00"}, {"b", 1, "1.00"})), &w->e);
    PGconn *other = connect_to(o->server);
    assert_true(run(other, "BEGIN; SELECT * FROM t WHERE id = 'b' FOR UPDATE"));
    assert_fails(world_deliver(w, BLOCK(w, {"a", 2, "1.00"}, {"b", 2, "1.00"})), &w->e, ERR_REMOTE,
                 "55P03");
    assert_int_equal(w->e.remedy, REMEDY_RETRY_RUN);
    PQfinish(other);
    assert_ok(world_deliver(w, BLOCK(w, {"a", 2, "1.00"}, {"b", 2, "1.00"})), &w->e);
    assert_string_equal(world_rows(w), "a|2|1.00\nb|2|1.00\n");
    world_free(w);
}

TEST(a_table_dropped_under_the_job_fails_for_good)
{
    struct world *w = fresh(state);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    assert_ok(world_open(w), &w->e);
    assert_true(w->store->sql(w->store->arg, "DROP TABLE t"));
    assert_fails(world_deliver(w, BLOCK(w, {"a", 2, "1.00"})), &w->e, ERR_REMOTE, "42P01");
    assert_int_equal(w->e.remedy, REMEDY_FATAL);
    world_free(w);
}

TEST(a_head_row_that_vanished_is_behind)
{
    struct world *w = fresh(state);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    assert_ok(world_open(w), &w->e);
    assert_true(w->store->sql(w->store->arg, "DELETE FROM sluice_heads"));
    assert_fails(world_deliver(w, NULL), &w->e, ERR_BEHIND, "is gone");
    world_free(w);
}

static int run_all(struct server *server)
{
    const struct store store = {.name = "postgres",
                                .kind = STORE_POSTGRES,
                                .type = &sink_postgres,
                                .commit_site = "postgres.commit",
                                .write_site = "postgres.write",
                                .ddl_site = "postgres.ddl",
                                .arg = server,
                                .setup = setup,
                                .teardown = teardown,
                                .url = url,
                                .sql = sql,
                                .rows = rows};
    struct own own = {server, &store};
#define OWN(name)                     \
    {                                 \
#name, name, NULL, NULL, &own \
    }
    const struct CMUnitTest tests[] = {
        OWN(a_table_that_a_crash_of_the_server_empties_is_refused),
        OWN(a_deferrable_primary_key_is_refused),
        OWN(keys_that_compare_inexactly_are_refused),
        OWN(another_primary_key_is_refused),
        OWN(narrower_columns_are_refused_unless_mapped),
        OWN(text_arrives_as_it_is_and_a_nul_is_named),
        OWN(tables_with_other_types_and_their_own_columns_are_written),
        OWN(a_trigger_that_refuses_a_row_is_quoted),
        OWN(names_longer_than_the_server_keeps_are_refused),
        OWN(connections_that_cannot_be_made_say_why),
        OWN(a_killed_connection_asks_for_a_new_one),
        OWN(a_lock_that_is_never_given_up_is_worth_a_retry),
        OWN(a_table_dropped_under_the_job_fails_for_good),
        OWN(a_head_row_that_vanished_is_behind),
    };
    return sink_cases_run(&store) + cmocka_run_group_tests(tests, NULL, NULL);
}

#endif

TEST(no_postgres_server_to_test_with)
{
    skip();
}

int main(void)
{
    const struct CMUnitTest none[] = {T(no_postgres_server_to_test_with)};
#if SLUICE_WITH_POSTGRES
    const char *port = getenv("SLUICE_TEST_POSTGRES_PORT");
    if (port) {
        struct server server = {.host = getenv("SLUICE_TEST_POSTGRES_HOST"),
                                .user = getenv("SLUICE_TEST_POSTGRES_USER"),
                                .password = getenv("SLUICE_TEST_POSTGRES_PASSWORD")};
        int64_t number = 0;
        assert_true(str_to_i64(&number, str_from(port)));
        server.port = (unsigned)number;
        snprintf(server.schema, sizeof server.schema, "sink_%d", (int)getpid());
        server.db = connect_to(&server);
        const int failed = run_all(&server);
        char drop[128];
        snprintf(drop, sizeof drop, "DROP SCHEMA IF EXISTS %s CASCADE", server.schema);
        run(server.db, drop);
        PQfinish(server.db);
        return failed;
    }
#endif
    return cmocka_run_group_tests(none, NULL, NULL);
}
