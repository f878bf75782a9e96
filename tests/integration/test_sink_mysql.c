// The warehouse contract on a real MariaDB (or MySQL), with and without array binding, and what only such a server can
// do wrong. Needs SLUICE_TEST_MYSQL_HOST/_PORT/_USER/_PASSWORD (tests/servers/with_servers.sh); skipped without.
#include "tests/support/test.h"

#if SLUICE_WITH_MYSQL

#include "base/str.h"
#include "schema/text.h"
#include "tests/support/sink_cases.h"
#include "warehouse/mysql/mysql.h"

#include <stdio.h>
#include <unistd.h>

#include <mysql.h>

struct server {
    const char *host, *user, *password;
    unsigned port;
    char database[64];
    const char *bulk;
    bool nopad; // MariaDB's collations
    MYSQL *db;  // the test's own connection
};

static bool run(MYSQL *db, const char *sql)
{
    if (mysql_query(db, sql) == 0)
        return true;
    print_error("%s: %s\n", sql, mysql_error(db));
    return false;
}

static void setup(void *arg)
{
    struct server *s = arg;
    char sql[256];
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s", s->database);
    assert_true(run(s->db, sql));
    // The server's own default, which a created table must not inherit.
    snprintf(sql, sizeof sql, "CREATE DATABASE %s COLLATE utf8mb4_general_ci", s->database);
    assert_true(run(s->db, sql));
    assert_int_equal(mysql_select_db(s->db, s->database), 0);
}

static void teardown(void *arg)
{
    (void)arg;
}

static void url(struct warehouse_url *out, void *arg)
{
    static struct str params[] = {{"lock_wait", 9}, {"1", 1}, {"bulk", 4}, {NULL, 0}};
    const struct server *s = arg;
    params[3] = str_from(s->bulk);
    *out = (struct warehouse_url){
        .scheme = STR("mysql"),
        .user = str_from(s->user),
        .password = str_from(s->password),
        .host = str_from(s->host),
        .database = str_from(s->database),
        .port = (uint16_t)s->port,
        .params = params,
        .param_count = 2,
        .display = STR("mysql://test"),
    };
}

// The cases are written with MariaDB's name of the collation.
static bool sql(void *arg, const char *text)
{
    static const char mariadb_name[] = "utf8mb4_nopad_bin";
    const struct server *s = arg;
    const char *at = strstr(text, mariadb_name);
    if (!at || s->nopad)
        return run(s->db, text);
    char other[1024];
    snprintf(other, sizeof other, "%.*sutf8mb4_bin%s", (int)(at - text), text,
             at + strlen(mariadb_name));
    return run(s->db, other);
}

static void print_cell(struct buf *out, const MYSQL_FIELD *f, const char *p, size_t n)
{
    double v;
    if (!p)
        buf_text(out, "NULL");
    else if (f->type == MYSQL_TYPE_DOUBLE && text_parse_double(&v, (struct str){p, n}))
        text_double(out, v);
    else if (f->type == MYSQL_TYPE_BLOB && f->charsetnr == 63)
        buf_hex(out, p, n);
    else
        buf_put(out, p, n);
}

static void rows(struct buf *out, void *arg, const char *table, const char *columns)
{
    const struct server *s = arg;
    char text[1024];
    snprintf(text, sizeof text, "SELECT %s FROM %s ORDER BY 1, 2", columns, table);
    assert_true(run(s->db, text));
    MYSQL_RES *res = mysql_use_result(s->db);
    assert_non_null(res);
    const unsigned n = mysql_num_fields(res);
    const MYSQL_FIELD *fields = mysql_fetch_fields(res);
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));) {
        const unsigned long *length = mysql_fetch_lengths(res);
        for (unsigned i = 0; i < n; i++) {
            if (i)
                buf_char(out, '|');
            print_cell(out, &fields[i], row[i], length[i]);
        }
        buf_char(out, '\n');
    }
    mysql_free_result(res);
}

static MYSQL *connect_to(const struct server *s)
{
    MYSQL *db = mysql_init(NULL);
    mysql_options(db, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(db, s->host, s->user, s->password, NULL, s->port, NULL, 0))
        fail_msg("%s", mysql_error(db));
    run(db, "SET SESSION time_zone = '+00:00'");
    return db;
}

// --- this store's own cases -----------------------------------------------------------------------

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

#define KEY  "id VARCHAR(255) COLLATE utf8mb4_nopad_bin"
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

TEST(a_table_without_transactions_is_refused)
{
    refuses(state,
            "CREATE TABLE t (id VARCHAR(99) COLLATE utf8mb4_nopad_bin PRIMARY KEY, " REST
            ") ENGINE=MyISAM",
            "is a MyISAM table", "ALTER TABLE t ENGINE=InnoDB");
}

TEST(a_second_unique_index_is_refused)
{
    refuses(state, "CREATE TABLE t (" KEY " PRIMARY KEY, " REST ", UNIQUE KEY second (n))",
            "there is a second UNIQUE index, second", "DROP INDEX second ON t");
}

TEST(case_insensitive_keys_are_refused)
{
    refuses(state, "CREATE TABLE t (id VARCHAR(100) PRIMARY KEY, " REST ")",
            "collation utf8mb4_general_ci, which takes different strings",
            "MODIFY id varchar(100) COLLATE utf8mb4_");
}

TEST(padding_keys_are_refused)
{
    const struct own *o = *state;
    if (o->store->oracle_mysql)
        skip();
    refuses(state, "CREATE TABLE t (id VARCHAR(100) COLLATE utf8mb4_bin PRIMARY KEY, " REST ")",
            "collation utf8mb4_bin, which takes 'a' and 'a '", "COLLATE utf8mb4_nopad_bin");
}

TEST(a_key_prefix_is_refused)
{
    refuses(state,
            "CREATE TABLE t (id TEXT COLLATE utf8mb4_nopad_bin NOT NULL, " REST
            ", PRIMARY KEY (id(100)))",
            "primary key is (id(prefix)), must be (id)", "primary key");
}

TEST(narrower_columns_are_refused_unless_mapped)
{
    refuses(state, "CREATE TABLE t (" KEY " PRIMARY KEY, n INT, amount DECIMAL(18,2))",
            "column n is int(11), which cannot hold BIGINT: it is narrower", "map it");
    struct world *w = fresh(state);
    ((struct sink_column *)(uintptr_t)w->spec.columns)[1].sql_type = STR("int");
    assert_true(
        w->store->sql(w->store->arg, "CREATE TABLE t (" KEY " PRIMARY KEY, n INT, amount FLOAT)"));
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "column amount is float");
    assert_true(w->store->sql(w->store->arg, "ALTER TABLE t MODIFY amount DECIMAL(18,2)"));
    assert_ok(world_open(w), &w->e);
    assert_fails(world_deliver(w, BLOCK(w, {"a", INT64_C(2147483648), "1.00"})), &w->e, ERR_DATA,
                 "value 2147483648 is out of range");
    assert_ok(world_deliver(w, BLOCK(w, {"a", INT64_C(2147483647), "1.00"})), &w->e);
    world_free(w);
}

TEST(heads_without_transactions_are_refused)
{
    struct world *w = fresh(state);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    assert_true(w->store->sql(w->store->arg, "CREATE TABLE sluice_heads (job INT) ENGINE=MyISAM"));
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "sluice_heads is a MyISAM table");
    world_free(w);
}

TEST(keys_longer_than_an_index_say_what_to_do)
{
    struct world *w = fresh(state);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    w->spec.count = 0;
    for (int i = 0; i < 4; i++)
        world_column(w, arena_printf(w->a, "k%d", i).p, type_scalar(TYPE_STRING), "", COLUMN_KEY);
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "3072");
    assert_non_null(strstr(w->e.hint, "varchar(100)"));
    for (size_t i = 0; i < 4; i++)
        ((struct sink_column *)(uintptr_t)w->spec.columns)[i].sql_type = STR("varchar(100)");
    assert_ok(world_open(w), &w->e);
    world_free(w);
}

// The tables of the transactions system as its operators create them.
TEST(tables_with_timestamps_json_and_their_own_columns_are_written)
{
    struct world *w = fresh(state);
    w->spec.count = 0;
    world_column(w, "transaction_id", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "window_start_time", type_scalar(TYPE_BIGINT), "timestamp", COLUMN_KEY);
    world_column(w, "status_history", type_array(w->a, type_scalar(TYPE_STRING)), "", COLUMN_VALUE);
    world_column(w, "last_update_time", type_scalar(TYPE_STRING), "timestamp", COLUMN_VALUE);
    world_column(w, "total", type_scalar(TYPE_DOUBLE), "", COLUMN_VALUE);
    assert_true(w->store->sql(
        w->store->arg,
        "CREATE TABLE t (window_start_time TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',"
        " transaction_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,"
        " status_history JSON, last_update_time TIMESTAMP NULL, total DECIMAL(15,2),"
        " last_updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,"
        " PRIMARY KEY (window_start_time, transaction_id))"));
    assert_ok(world_open(w), &w->e);
    struct block *b = world_block(w, 1);
    cell_text(b, 0, 0, "TXN-1");
    cell_i64(b, 1, 0, INT64_C(1761638400000));
    struct column *list = &b->columns[2];
    column_init(&list->children[0], w->a, type_scalar(TYPE_STRING), 1);
    list->children[0].str[0] = STR("completed");
    list->child_rows = 1;
    list->offsets[0] = 0;
    list->offsets[1] = 1;
    cell_text(b, 3, 0, "2025-10-28T08:00:00.999999Z");
    cell_f64(b, 4, 0, 1234.565);
    assert_ok(world_deliver(w, b), &w->e);
    assert_string_equal(world_rows(w),
                        "TXN-1|2025-10-28 08:00:00|[\"completed\"]|2025-10-28 08:00:00|1234.57\n");
    cell_i64(b, 1, 0, INT64_C(95617584000000)); // the year 5000, which TIMESTAMP does not reach
    assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "window_start_time");
    world_free(w);
}

TEST(a_row_larger_than_a_packet_is_named)
{
    struct world *w = fresh(state);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    world_column(w, "v", type_scalar(TYPE_STRING), "", COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
    struct block *b = BLOCK(w, {"a", 1, "1.00"}, {"b", 1, "1.00"});
    const size_t n = (size_t)70 << 20;
    char *text = arena_alloc(w->a, n);
    memset(text, 'x', n);
    b->columns[3].str[0] = STR("small");
    b->columns[3].str[1] = (struct str){text, n};
    assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "row id='b'");
    assert_non_null(strstr(w->e.text, "max_allowed_packet"));
    world_free(w);
}

TEST(connections_that_cannot_be_made_say_why)
{
    struct world *w = fresh(state);
    const uint16_t port = w->url.port;
    w->url.port = 1;
    assert_fails(world_open(w), &w->e, ERR_REMOTE, "(2002");
    assert_int_equal(w->e.remedy, REMEDY_RETRY_RUN);
    w->url.port = port;
    w->url.password = STR("hunter2");
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "(1045");
    assert_null(strstr(w->e.text, "hunter2"));
    w->store->url(&w->url, w->store->arg);
    w->url.database = STR("no_such_database");
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "no_such_database");
    world_free(w);
}

static void kill_others(const struct server *s)
{
    char text[256];
    snprintf(
        text, sizeof text,
        "SELECT id FROM information_schema.processlist WHERE db = '%s' AND id <> CONNECTION_ID()",
        s->database);
    assert_true(run(s->db, text));
    MYSQL_RES *res = mysql_store_result(s->db);
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));) {
        snprintf(text, sizeof text, "KILL %s", row[0]);
        run(s->db, text);
    }
    mysql_free_result(res);
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
    // The other transaction holds b and never ends: ours waits for it and gives up.
    MYSQL *other = connect_to(o->server);
    assert_int_equal(mysql_select_db(other, o->server->database), 0);
    assert_true(run(other, "BEGIN"));
    assert_true(run(other, "SELECT * FROM t WHERE id = 'b' FOR UPDATE"));
    mysql_free_result(mysql_store_result(other));
    assert_fails(world_deliver(w, BLOCK(w, {"a", 2, "1.00"}, {"b", 2, "1.00"})), &w->e, ERR_REMOTE,
                 "1205");
    assert_int_equal(w->e.remedy, REMEDY_RETRY_RUN);
    mysql_close(other);
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
    assert_fails(world_deliver(w, BLOCK(w, {"a", 2, "1.00"})), &w->e, ERR_REMOTE, "1146");
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

static int run_own(struct server *server, const struct store *store)
{
    struct own own = {server, store};
#define OWN(name)                     \
    {                                 \
#name, name, NULL, NULL, &own \
    }
    const struct CMUnitTest tests[] = {
        OWN(a_table_without_transactions_is_refused),
        OWN(a_second_unique_index_is_refused),
        OWN(case_insensitive_keys_are_refused),
        OWN(padding_keys_are_refused),
        OWN(a_key_prefix_is_refused),
        OWN(narrower_columns_are_refused_unless_mapped),
        OWN(heads_without_transactions_are_refused),
        OWN(keys_longer_than_an_index_say_what_to_do),
        OWN(tables_with_timestamps_json_and_their_own_columns_are_written),
        OWN(a_row_larger_than_a_packet_is_named),
        OWN(connections_that_cannot_be_made_say_why),
        OWN(a_killed_connection_asks_for_a_new_one),
        OWN(a_lock_that_is_never_given_up_is_worth_a_retry),
        OWN(a_table_dropped_under_the_job_fails_for_good),
        OWN(a_head_row_that_vanished_is_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

static int run_all(struct server *server)
{
    struct store store = {.name = "mysql bulk",
                          .kind = STORE_MYSQL,
                          .oracle_mysql = !server->nopad,
                          .type = &sink_mysql,
                          .commit_site = "mysql.commit",
                          .write_site = "mysql.write",
                          .ddl_site = "mysql.ddl",
                          .arg = server,
                          .setup = setup,
                          .teardown = teardown,
                          .url = url,
                          .sql = sql,
                          .rows = rows};
    server->bulk = "auto";
    int failed = sink_cases_run(&store);
    failed += run_own(server, &store);
    server->bulk = "off";
    store.name = "mysql multi-row";
    return failed + sink_cases_run(&store);
}

#endif

TEST(no_mysql_server_to_test_with)
{
    skip();
}

int main(void)
{
    const struct CMUnitTest none[] = {T(no_mysql_server_to_test_with)};
#if SLUICE_WITH_MYSQL
    const char *host = getenv("SLUICE_TEST_MYSQL_HOST"), *port = getenv("SLUICE_TEST_MYSQL_PORT");
    int64_t number;
    if (host && port && str_to_i64(&number, str_from(port))) {
        struct server server = {.host = host,
                                .user = getenv("SLUICE_TEST_MYSQL_USER"),
                                .password = getenv("SLUICE_TEST_MYSQL_PASSWORD"),
                                .port = (unsigned)number};
        snprintf(server.database, sizeof server.database, "sluice_sink_%d", (int)getpid());
        server.db = connect_to(&server);
        server.nopad = strstr(mysql_get_server_info(server.db), "MariaDB") != NULL;
        const int failed = run_all(&server);
        char drop[128];
        snprintf(drop, sizeof drop, "DROP DATABASE IF EXISTS %s", server.database);
        run(server.db, drop);
        mysql_close(server.db);
        return failed;
    }
#endif
    return cmocka_run_group_tests(none, NULL, NULL);
}
