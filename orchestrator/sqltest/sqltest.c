#include "orchestrator/sqltest/sqltest.h"

#include "base/durable.h"
#include "orchestrator/sqltest/run_case.h"
#include "orchestrator/sqltest/run_script.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SQLTEST_FILE_MAX  ((size_t)256 << 20)
#define SQLTEST_TEXT_MAX  ((size_t)1 << 30)
#define SQLTEST_DEPTH_MAX 32

struct files {
    struct arena *a;
    const char **v;
    size_t n, cap;
};

static void add_file(struct files *s, const char *path)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        const char **more = ARENA_ARRAY(s->a, const char *, s->cap);
        if (s->n)
            memcpy(more, s->v, s->n * sizeof *more);
        s->v = more;
    }
    s->v[s->n++] = arena_strdup(s->a, path);
}

static int by_name(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

// The entries of a folder that are not hidden, by name.
static bool list_folder(struct files *out, struct arena *a, const char *path, struct err *e)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    *out = (struct files){.a = a};
    if (!dir)
        return err_sys(e, "cannot list %s", path);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            add_file(out, arena_printf(a, "%s/%s", path, entry->d_name).p);
    closedir(dir);
    if (out->n)
        qsort(out->v, out->n, sizeof *out->v, by_name);
    return true;
}

static bool is_test(const char *path)
{
    return str_ends(str_from(path), STR(".json")) || str_ends(str_from(path), STR(".sql"));
}

// A file as it is named; of a folder all tests below, in the order of their names.
static bool find_files(struct files *s, const char *path, unsigned depth, struct err *e)
{
    struct stat st;
    struct files children;
    bool ok = true;
    if (stat(path, &st) != 0)
        return err_sys(e, "cannot read %s", path);
    if (!S_ISDIR(st.st_mode)) {
        add_file(s, path);
        return true;
    }
    if (depth == SQLTEST_DEPTH_MAX)
        return err_fail(e, ERR_LIMIT, "%s: folders are nested deeper than %d", path,
                        SQLTEST_DEPTH_MAX);
    if (!list_folder(&children, s->a, path, e))
        return false;
    for (size_t i = 0; ok && i < children.n; i++)
        if (stat(children.v[i], &st) == 0 && (S_ISDIR(st.st_mode) || is_test(children.v[i])))
            ok = find_files(s, children.v[i], depth + 1, e);
    return ok;
}

static struct str base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return str_from(slash ? slash + 1 : path);
}

static bool print(struct buf *text, struct err *e)
{
    if (!buf_ok(text, "the report", e))
        return false;
    if ((text->n && fwrite(text->p, 1, text->n, stdout) != text->n) || fflush(stdout) != 0)
        return err_sys(e, "cannot write to standard output");
    buf_clear(text);
    return true;
}

struct report {
    const struct sqltest_spec *spec;
    struct verdict_totals *totals;
    struct buf text;
};

static bool report(struct report *s, struct verdict *v, struct str file, struct err *e)
{
    v->file = file;
    verdict_count(s->totals, v);
    verdict_print(&s->text, v, s->spec->form);
    return print(&s->text, e);
}

static bool is_wanted(const struct sqltest_spec *spec, struct str name)
{
    size_t at;
    return spec->filter.n == 0 || str_find(&at, name, spec->filter);
}

static bool run_json(struct report *s, struct arena *a, struct str file, struct str text,
                     struct err *e)
{
    struct suite suite;
    struct arena *one = arena_new(a);
    if (!suite_load(&suite, a, str_slice(file, 0, file.n - strlen(".json")), text, e))
        return err_wrap(e, "%.*s", STR_ARG(file));
    for (uint32_t i = 0; i < suite.count; i++) {
        struct verdict v = {0};
        if (!is_wanted(s->spec, suite.cases[i].name))
            continue;
        arena_reset(one);
        run_case(&v, one, &suite.cases[i], s->spec->window);
        if (!report(s, &v, file, e))
            return false;
    }
    return true;
}

static bool run_sql(struct report *s, struct arena *a, struct str file, struct str text,
                    struct err *e)
{
    struct script script;
    struct arena *one = arena_new(a);
    if (!script_load(&script, a, str_slice(file, 0, file.n - strlen(".sql")), text, e))
        return err_wrap(e, "%.*s", STR_ARG(file));
    for (uint32_t i = 0; i < script.count; i++) {
        struct verdict v = {0};
        if (!is_wanted(s->spec, script.cases[i].name))
            continue;
        arena_reset(one);
        run_script(&v, one, &script.cases[i]);
        if (!report(s, &v, file, e))
            return false;
    }
    return true;
}

static bool run_file(struct report *s, const char *path, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct str text;
    const struct str file = base_name(path);
    bool ok = file_read(&text, a, path, SQLTEST_FILE_MAX, e);
    if (ok && str_ends(file, STR(".json")))
        ok = run_json(s, a, file, text, e);
    else if (ok && str_ends(file, STR(".sql")))
        ok = script_include(&text, a, path, text, e) && run_sql(s, a, file, text, e);
    else if (ok)
        ok = err_fail(e, ERR_CONFIG, "%s: not a *.json or *.sql file", path);
    arena_free(a);
    return ok;
}

bool sqltest_run(struct verdict_totals *out, const struct sqltest_spec *spec, struct err *e)
{
    struct files files = {.a = arena_new(NULL)};
    struct report s = {.spec = spec, .totals = out};
    bool ok = true;
    *out = (struct verdict_totals){0, 0, 0};
    buf_init(&s.text, SQLTEST_TEXT_MAX);
    for (size_t i = 0; ok && i < spec->count; i++)
        ok = find_files(&files, spec->files[i], 0, e);
    for (size_t i = 0; ok && i < files.n; i++)
        ok = run_file(&s, files.v[i], e);
    if (ok) {
        verdict_print_totals(&s.text, out, spec->form);
        ok = print(&s.text, e);
    }
    buf_fini(&s.text);
    arena_free(files.a);
    return ok;
}
