#include "jobs/spec/spec.h"

#include "tests/support/dir.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <sys/stat.h>

// A tree of SQL folders and a configuration that names it.
struct tree {
    struct test_dir dir;
    struct arena *a;
    struct conf_errors errors;
    const struct app_spec *app;
    struct buf text; // of the errors
};

static void put(struct tree *t, const char *name, const char *text)
{
    char path[512];
    test_dir_file(path, &t->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void folder(struct tree *t, const char *name)
{
    char path[512];
    test_dir_file(path, &t->dir, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void tree_init(struct tree *t)
{
    *t = (struct tree){.a = arena_new(NULL)};
    test_dir_init(&t->dir);
    folder(t, "sql");
    folder(t, "sql/tables");
    folder(t, "sql/sums");
    put(t, "sql/config.yaml", "folders: [tables, sums]\n");
    put(t, "sql/tables/config.yaml",
        "ksqldb_cli_container: cli\nksqldb_server_url: http://x:8088\nqueries:\n  - b.sql\n"
        "  - a.sql\n");
    put(t, "sql/sums/config.yaml", "queries: [sum_all.sql]\n");
    put(t, "sql/tables/a.sql", "");
    put(t, "sql/tables/b.sql", "");
    put(t, "sql/tables/unlisted.sql", "");
    put(t, "sql/sums/sum_all.sql", "");
    put(t, "last.sql", "");
    put(t, "sluice.yaml",
        "kafka: { bootstrap.servers: x }\nlake: { path: ./lake }\njobs:\n  j:\n"
        "    sql: [sql, last.sql]\n    outputs: { A: { lake: {} } }\n");
}

static bool load(struct tree *t)
{
    char path[512];
    test_dir_file(path, &t->dir, "sluice.yaml");
    conf_errors_init(&t->errors, t->a);
    const bool ok = spec_load(&t->app, t->a, path, NULL, &t->errors);
    buf_fini(&t->text);
    buf_init(&t->text, 1 << 20);
    conf_errors_print(&t->text, &t->errors);
    buf_char(&t->text, 0);
    return ok;
}

static void refused(struct tree *t, const char *want)
{
    assert_false(load(t));
    if (!strstr(t->text.p, want))
        fail_msg("\"%s\" is not in:\n%s", want, t->text.p);
}

static void tree_fini(struct tree *t)
{
    buf_fini(&t->text);
    arena_free(t->a);
    test_dir_fini(&t->dir);
}

TEST(folders_stand_for_their_files_in_the_order_they_list)
{
    static const char *const want[] = {"/sql/tables/b.sql", "/sql/tables/a.sql",
                                       "/sql/sums/sum_all.sql", "/last.sql"};
    struct tree t;
    tree_init(&t);
    if (!load(&t))
        fail_msg("%s", t.text.p);
    struct err e;
    const struct job_spec *j = spec_job(t.app, STR("j"), &e);
    assert_non_null(j);
    assert_int_equal(j->sql.n, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(str_ends(j->sql.v[i], str_from(want[i])));
    tree_fini(&t);
}

TEST(everything_missing_is_said_at_once_with_its_place_and_the_nearest_name)
{
    struct tree t;
    tree_init(&t);
    put(&t, "sql/config.yaml", "folders: [table, sums]\n");
    put(&t, "sql/sums/config.yaml", "queries:\n  - sumall.sql\n  - sum_all.sql\n  - sum_all.sql\n");
    refused(&t, "sql/config.yaml:1:11: there is no folder");
    refused(&t, "did you mean tables");
    refused(&t, "sql/sums/config.yaml:2:5: there is no file");
    refused(&t, "did you mean sum_all.sql");
    refused(&t, "sql/sums/config.yaml:4:5: file sum_all.sql is listed twice");
    tree_fini(&t);
}

TEST(a_folder_needs_one_list_that_is_not_empty)
{
    struct tree t;
    tree_init(&t);
    put(&t, "sql/sums/config.yaml", "queries: []\n");
    refused(&t, "sql/sums/config.yaml:1:10: a list of files is wanted here");
    put(&t, "sql/sums/config.yaml", "queries: [sum_all.sql]\nfolders: [x]\n");
    refused(&t, "give either folders: or queries:");
    put(&t, "sql/sums/config.yaml", "query: [sum_all.sql]\n");
    refused(&t, "unknown key query");
    refused(&t, "known: folders, queries");
    refused(&t, "neither folders: nor queries: is given");
    put(&t, "sql/sums/config.yaml", "- sum_all.sql\n");
    refused(&t, "has no folders: and no queries:");
    put(&t, "sql/sums/config.yaml", "queries: [sum_all.sql\n");
    refused(&t, "sql/sums/config.yaml:");
    tree_fini(&t);
}

TEST(a_folder_without_its_list_is_refused_where_it_is_named)
{
    struct tree t;
    tree_init(&t);
    folder(&t, "sql/empty");
    put(&t, "sluice.yaml",
        "kafka: { bootstrap.servers: x }\nlake: { path: ./lake }\njobs:\n  j:\n    sql: "
        "[sql/empty]\n"
        "    outputs: { A: { lake: {} } }\n");
    refused(&t, "sql/empty has no config.yaml");
    refused(&t, "sluice.yaml:5:");
    tree_fini(&t);
}

TEST(folders_that_contain_themselves_end)
{
    struct tree t;
    tree_init(&t);
    put(&t, "sql/config.yaml", "folders: [../sql]\n");
    refused(&t, "nested more than 8 deep");
    tree_fini(&t);
}

TEST_MAIN(T(folders_stand_for_their_files_in_the_order_they_list),
          T(everything_missing_is_said_at_once_with_its_place_and_the_nearest_name),
          T(a_folder_needs_one_list_that_is_not_empty),
          T(a_folder_without_its_list_is_refused_where_it_is_named),
          T(folders_that_contain_themselves_end))
