#include "jobs/spec/sql_folder.h"

#include "base/durable.h"
#include "base/vec.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct expansion {
    struct arena *a;
    struct conf_errors *errors;
    VEC(struct str) files;
    bool failed;
};

// One config.yaml.
struct folder {
    struct expansion *x;
    const char *path;
    struct yaml_doc doc;
    unsigned depth;
};

enum path_kind { PATH_NOTHING, PATH_FILE, PATH_FOLDER };

static enum path_kind kind_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return PATH_NOTHING;
    return S_ISDIR(st.st_mode) ? PATH_FOLDER : PATH_FILE;
}

static void fail_at(struct folder *f, const struct yaml_node *n, const char *hint, const char *fmt,
                    ...) ERR_PRINTF(4, 5);
static void fail_at(struct folder *f, const struct yaml_node *n, const char *hint, const char *fmt,
                    ...)
{
    struct err *e = conf_errors_add(f->x->errors);
    char text[sizeof e->text];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)err_fail(e, ERR_CONFIG, "%s", text);
    if (n)
        (void)yaml_place(e, &f->doc, n);
    if (hint)
        (void)err_hint(e, "%s", hint);
    f->x->failed = true;
}

static int by_name(const void *x, const void *y)
{
    const struct str *p = x, *q = y;
    return strcmp(p->p, q->p);
}

// What the folder has instead: the nearest name, or all of them.
static const char *suggestion(struct folder *f, struct str name, enum path_kind kind)
{
    VEC(struct str) names = {0};
    DIR *dir = opendir(f->path);
    const char *hint = NULL;
    for (struct dirent *d; dir && (d = readdir(dir)) != NULL;) {
        const char *path = arena_printf(f->x->a, "%s/%s", f->path, d->d_name).p;
        if (d->d_name[0] != '.' && strcmp(d->d_name, "config.yaml") != 0 && kind_of(path) == kind)
            vec_push(&names, str_from(arena_strdup(f->x->a, d->d_name)));
    }
    if (dir)
        closedir(dir);
    if (names.n)
        qsort(names.v, names.n, sizeof *names.v, by_name);
    if (names.n)
        hint = conf_suggest(f->x->a, name, names.v, names.n);
    vec_fini(&names);
    return hint;
}

static bool listed_before(const struct yaml_node *list, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (list->items[k]->kind == YAML_SCALAR &&
            str_eq(list->items[k]->text, list->items[i]->text))
            return true;
    return false;
}

static void read_folder(struct expansion *x, const char *path, unsigned depth);

static void take_entry(struct folder *f, const struct yaml_node *list, size_t i,
                       enum path_kind want)
{
    const struct yaml_node *n = list->items[i];
    const char *what = want == PATH_FOLDER ? "folder" : "file";
    if (n->kind != YAML_SCALAR || n->text.n == 0) {
        fail_at(f, n, NULL, "the name of a %s is wanted here", what);
        return;
    }
    if (listed_before(list, i)) {
        fail_at(f, n, NULL, "%s %.*s is listed twice: its statements would run twice", what,
                STR_ARG(n->text));
        return;
    }
    const char *path = arena_printf(f->x->a, "%s/%.*s", f->path, STR_ARG(n->text)).p;
    if (kind_of(path) != want)
        fail_at(f, n, suggestion(f, n->text, want), "there is no %s %s", what, path);
    else if (want == PATH_FOLDER)
        read_folder(f->x, path, f->depth + 1);
    else if (f->x->files.n < SQL_FOLDER_FILES_MAX)
        vec_push(&f->x->files, str_from(path));
    else
        fail_at(f, n, NULL, "more than %d files of SQL", SQL_FOLDER_FILES_MAX);
}

static void take_list(struct folder *f, const struct yaml_node *list, enum path_kind want)
{
    if (list->kind != YAML_LIST || list->n == 0) {
        fail_at(f, list, NULL, "a list of %s is wanted here",
                want == PATH_FOLDER ? "folders" : "files");
        return;
    }
    for (size_t i = 0; i < list->n; i++)
        take_entry(f, list, i, want);
}

static void take_config(struct folder *f)
{
    static const struct str known[] = {
        {"folders", 7}, {"queries", 7}, {"ksqldb_cli_container", 20}, {"ksqldb_server_url", 17}};
    const struct yaml_node *root = f->doc.root;
    if (!root || root->kind != YAML_MAP) {
        fail_at(f, root, NULL, "%s/config.yaml has no folders: and no queries:", f->path);
        return;
    }
    const struct yaml_node *folders = yaml_get(root, known[0]), *queries = yaml_get(root, known[1]);
    for (size_t i = 0; i < root->n; i++) {
        bool is_known = false;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            is_known = is_known || str_eq(root->keys[i]->text, known[k]);
        if (!is_known)
            fail_at(f, root->keys[i],
                    conf_suggest(f->x->a, root->keys[i]->text, known, sizeof known / sizeof *known),
                    "unknown key %.*s", STR_ARG(root->keys[i]->text));
    }
    if (!folders == !queries)
        fail_at(f, root, NULL,
                folders ? "give either folders: or queries:"
                        : "neither folders: nor queries: is given");
    else if (folders)
        take_list(f, folders, PATH_FOLDER);
    else
        take_list(f, queries, PATH_FILE);
}

static void read_folder(struct expansion *x, const char *path, unsigned depth)
{
    struct folder f = {.x = x, .path = path, .depth = depth};
    const char *config = arena_printf(x->a, "%s/config.yaml", path).p;
    struct str text;
    struct err e;
    if (depth > SQL_FOLDER_DEPTH_MAX) {
        fail_at(&f, NULL, NULL, "%s: folders of SQL are nested more than %d deep", path,
                SQL_FOLDER_DEPTH_MAX);
    } else if (!file_exists(config)) {
        fail_at(&f, NULL, "config.yaml lists its files in order: queries: [first.sql, second.sql]",
                "folder %s has no config.yaml", path);
    } else if (!file_read(&text, x->a, config, YAML_BYTES_MAX, &e)) {
        e.kind = ERR_CONFIG;
        *conf_errors_add(x->errors) = e;
        x->failed = true;
    } else if (yaml_parse(&f.doc, x->a, config, text, x->errors)) {
        take_config(&f);
    } else {
        x->failed = true;
    }
}

bool sql_folder_expand(struct conf_texts *sql, struct arena *a, struct conf_reader *reader,
                       struct conf_errors *errors)
{
    struct expansion x = {.a = a, .errors = errors};
    for (size_t i = 0; i < sql->n; i++) {
        const size_t before = errors->n;
        if (kind_of(sql->v[i].p) == PATH_FOLDER)
            read_folder(&x, sql->v[i].p, 1);
        else
            vec_push(&x.files, sql->v[i]); // whether it is there is seen when it is read
        for (size_t k = before; k < errors->n; k++)
            if (!errors->v[k]->file[0])
                (void)conf_place(reader, sql->at, errors->v[k]);
    }
    struct str *files = ARENA_ARRAY(a, struct str, x.files.n + 1);
    if (x.files.n)
        memcpy(files, x.files.v, x.files.n * sizeof *files);
    sql->v = files;
    sql->n = x.files.n;
    vec_fini(&x.files);
    return !x.failed;
}
