// tests/golden/sql/*.test: "== case", SQL, "=>", then the logical plan or the error with its caret.
// SLUICE_GOLDEN_UPDATE=1 rewrites what is expected (make golden-update).
#include "sql/sql.h"
#include "tests/support/test.h"

#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>

#define GOLDEN_DIR       "tests/golden/sql"
#define GOLDEN_BYTES_MAX ((size_t)4 << 20)

static struct str read_file(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = arena_alloc(a, GOLDEN_BYTES_MAX);
    if (!f)
        fail_msg("cannot open %s", path);
    size_t n = fread(text, 1, GOLDEN_BYTES_MAX, f);
    fclose(f);
    assert_true(n < GOLDEN_BYTES_MAX);
    return (struct str){text, n};
}

static void write_file(const char *path, const struct buf *text)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(text->p, 1, text->n, f) != text->n)
        fail_msg("cannot write %s", path);
    fclose(f);
}

// What the planner says about one script.
static void run_case(struct buf *out, struct str sql)
{
    struct arena *a = arena_new(NULL);
    const struct sql_script script = {"job.sql", sql};
    const struct plan *plan;
    struct err e;
    char text[4096];
    err_clear(&e);
    if (sql_plan(&plan, a, &script, 1, &e)) {
        logical_print(out, plan);
    } else {
        assert_int_equal(e.kind, ERR_SQL);
        err_format(&e, text, sizeof text);
        buf_printf(out, "%s\n", text);
    }
    arena_free(a);
}

// Copies the file with the expected parts as they are now; returns how many cases it has.
static size_t rewrite(struct buf *out, struct str file)
{
    size_t cases = 0;
    struct str line, rest = file;
    struct buf sql;
    enum { BEFORE, SQL, EXPECTED } state = BEFORE;
    buf_init(&sql, GOLDEN_BYTES_MAX);
    while (rest.n > 0) {
        if (!str_split_once(&line, &rest, rest, '\n')) {
            line = rest;
            rest = STR_NONE;
        }
        if (str_starts(line, STR("== "))) {
            state = SQL;
            buf_clear(&sql);
            buf_text(out, cases++ ? "\n" : "");
        }
        if (state != EXPECTED)
            buf_printf(out, "%.*s\n", STR_ARG(line));
        if (state == SQL && str_eq(line, STR("=>"))) {
            run_case(out, buf_view(&sql));
            state = EXPECTED;
        } else if (state == SQL && !str_starts(line, STR("== "))) {
            buf_printf(&sql, "%.*s\n", STR_ARG(line));
        }
    }
    buf_fini(&sql);
    return cases;
}

// The first line where both differ, for the message.
static void report(const char *path, struct str want, struct str got)
{
    struct str w, g;
    for (unsigned n = 1; want.n || got.n; n++) {
        if (!str_split_once(&w, &want, want, '\n'))
            w = want, want = STR_NONE;
        if (!str_split_once(&g, &got, got, '\n'))
            g = got, got = STR_NONE;
        if (!str_eq(w, g))
            fail_msg("%s:%u\n  expected: %.*s\n  found:    %.*s", path, n, STR_ARG(w), STR_ARG(g));
    }
}

static void run_file(const char *path)
{
    struct arena *a = arena_new(NULL);
    const char *update = getenv("SLUICE_GOLDEN_UPDATE");
    struct buf now;
    const struct str file = read_file(a, path);
    buf_init(&now, GOLDEN_BYTES_MAX);
    assert_true(rewrite(&now, file) > 0);
    if (update && strcmp(update, "0") != 0)
        write_file(path, &now);
    else if (!str_eq(file, buf_view(&now)))
        report(path, file, buf_view(&now));
    buf_fini(&now);
    arena_free(a);
}

TEST(every_script_gives_the_plan_or_the_error_that_is_written_beside_it)
{
    DIR *dir = opendir(GOLDEN_DIR);
    size_t files = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[512];
        if (!str_ends(str_from(entry->d_name), STR(".test")))
            continue;
        snprintf(path, sizeof path, GOLDEN_DIR "/%s", entry->d_name);
        run_file(path);
        files++;
    }
    closedir(dir);
    assert_true(files > 0);
}

TEST_MAIN(T(every_script_gives_the_plan_or_the_error_that_is_written_beside_it))
