// The warehouse contract over the drivers that need no server; tests/integration/test_sink_mysql.c runs it on MariaDB.
#include "schema/text.h"
#include "tests/support/dir.h"
#include "tests/support/sink_cases.h"
#include "warehouse/memory/memory.h"
#include "warehouse/sqlite/sqlite.h"

#include <stdio.h>

#include <sqlite3.h>

static void memory_setup(void *arg)
{
    (void)arg;
    memory_forget(NULL);
}

static void memory_url(struct warehouse_url *out, void *arg)
{
    (void)arg;
    *out = (struct warehouse_url){
        .scheme = STR("memory"), .path = STR("w"), .display = STR("memory://w")};
}

static void memory_table(struct buf *out, void *arg, const char *table, const char *columns)
{
    (void)arg;
    (void)columns;
    memory_print_table(out, "w", table);
}

struct sqlite_store {
    struct test_dir dir;
    char path[512];
    bool made;
};

static void sqlite_teardown(void *arg)
{
    struct sqlite_store *s = arg;
    if (s->made)
        test_dir_fini(&s->dir);
    s->made = false;
}

static void sqlite_setup(void *arg)
{
    struct sqlite_store *s = arg;
    sqlite_teardown(s);
    test_dir_init(&s->dir);
    test_dir_file(s->path, &s->dir, "w.db");
    s->made = true;
}

static void sqlite_url(struct warehouse_url *out, void *arg)
{
    const struct sqlite_store *s = arg;
    static const struct str params[] = {{"lock_wait_ms", 12}, {"50", 2}};
    *out = (struct warehouse_url){.scheme = STR("sqlite"),
                                  .path = str_from(s->path),
                                  .params = params,
                                  .param_count = 1,
                                  .display = STR("sqlite://w.db")};
}

static bool sqlite_sql(void *arg, const char *sql)
{
    const struct sqlite_store *s = arg;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
    const int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        print_error("%s: %s\n", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
    return rc == SQLITE_OK;
}

static void print_cell(struct buf *out, sqlite3_stmt *stmt, int i)
{
    switch (sqlite3_column_type(stmt, i)) {
    case SQLITE_NULL:
        buf_text(out, "NULL");
        break;
    case SQLITE_FLOAT:
        text_double(out, sqlite3_column_double(stmt, i));
        break;
    case SQLITE_BLOB:
        buf_hex(out, sqlite3_column_blob(stmt, i), (size_t)sqlite3_column_bytes(stmt, i));
        break;
    default:
        buf_text(out, (const char *)sqlite3_column_text(stmt, i));
    }
}

static void sqlite_rows(struct buf *out, void *arg, const char *table, const char *columns)
{
    const struct sqlite_store *s = arg;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
    char sql[1024];
    snprintf(sql, sizeof sql, "SELECT %s FROM %s ORDER BY 1, 2", columns, table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            if (i)
                buf_char(out, '|');
            print_cell(out, stmt, i);
        }
        buf_char(out, '\n');
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

int main(void)
{
    const struct store memory = {.name = "memory",
                                 .kind = STORE_MEMORY,
                                 .type = &sink_memory,
                                 .commit_site = "memory.commit",
                                 .write_site = "memory.write",
                                 .ddl_site = "memory.ddl",
                                 .setup = memory_setup,
                                 .teardown = memory_setup,
                                 .url = memory_url,
                                 .rows = memory_table};
    struct sqlite_store files = {.made = false};
    const struct store sqlite = {.name = "sqlite",
                                 .kind = STORE_SQLITE,
                                 .type = &sink_sqlite,
                                 .commit_site = "sqlite.commit",
                                 .write_site = "sqlite.write",
                                 .ddl_site = "sqlite.ddl",
                                 .arg = &files,
                                 .setup = sqlite_setup,
                                 .teardown = sqlite_teardown,
                                 .url = sqlite_url,
                                 .sql = sqlite_sql,
                                 .rows = sqlite_rows};
    return sink_cases_run(&memory) + sink_cases_run(&sqlite);
}
