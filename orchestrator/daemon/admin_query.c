#include "orchestrator/daemon/admin.h"

#include "jobs/run/doc.h"
#include "orchestrator/admin/http.h"
#include "orchestrator/cli/cli.h"
#include "orchestrator/daemon/daemon_internal.h"

#include <assert.h>
#include <unistd.h>

enum { QUERY_TEXT_MAX = 32 << 20, QUERY_WORDS_MAX = 24, QUERY_AT_ONCE = 8, QUERY_SECONDS = 60 };

struct query {
    struct daemon *d;
    struct http_request *r;
    enum query_form form;
    struct buf text;
};
struct query_args {
    struct daemon *d;
    char *argv[QUERY_WORDS_MAX];
    int argc;
};

static int query_main(void *arg, int out)
{
    struct query_args *s = arg;
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
        return 1;
    alarm(QUERY_SECONDS);
    return cli_main_owner(s->argc, s->argv, s->d->config->spec);
}

static void query_data(void *owner, struct str bytes)
{
    struct query *q = owner;
    buf_str(&q->text, bytes);
}

static json_t *query_lines(struct str rest)
{
    json_t *list = json_array();
    struct str line;
    struct str tail;
    while (str_split_once(&line, &tail, rest, '\n')) {
        json_array_append_new(list, doc_new_str(line));
        rest = tail;
    }
    return list;
}

// JSON documents one after another.
static json_t *query_values(struct str text)
{
    json_t *list = json_array();
    while (str_trim(text).n > 0) {
        json_error_t why;
        json_t *j = json_loadb(text.p, text.n, JSON_DISABLE_EOF_CHECK, &why);
        if (!j)
            break;
        json_array_append_new(list, j);
        text = str_slice(text, (size_t)why.position, text.n);
    }
    return list;
}

static void query_reply(struct query *q, unsigned status, json_t *j)
{
    struct buf out;
    buf_init(&out, (size_t)2 * QUERY_TEXT_MAX);
    doc_print(&out, j);
    json_decref(j);
    http_reply(q->r, status, "application/json", buf_view(&out));
    buf_fini(&out);
}

static void query_done(void *owner, int status)
{
    struct query *q = owner;
    q->d->queries--;
    if (status != 0 || q->text.failed) {
        json_t *j = json_object();
        char text[80];
        child_status_text(text, sizeof text, status);
        json_t *said = q->text.failed ? json_string("the answer is too large")
                                      : json_stringn(q->text.n ? q->text.p : "", q->text.n);
        json_object_set_new(j, "error", said && q->text.n ? said : json_string(text));
        query_reply(q, 500, j);
    } else if (q->form == QUERY_JSON) {
        http_reply(q->r, 200, "application/json", buf_view(&q->text));
    } else {
        query_reply(q, 200,
                    q->form == QUERY_LINES ? query_lines(buf_view(&q->text))
                                           : query_values(buf_view(&q->text)));
    }
    buf_fini(&q->text);
    mem_free(q);
}

void admin_query(struct daemon *d, struct http_request *r, const char *const *words,
                 enum query_form form)
{
    struct query_args args = {.d = d};
    struct arena *a = arena_new(NULL);
    struct query *q = mem_zalloc(sizeof *q);
    struct err e;
    *q = (struct query){.d = d, .r = r, .form = form};
    buf_init(&q->text, QUERY_TEXT_MAX);
    args.argv[args.argc++] = arena_strdup(a, "sluice");
    args.argv[args.argc++] = arena_strdup(a, "-c");
    args.argv[args.argc++] = arena_strdup(a, d->path);
    for (size_t i = 0; words[i]; i++) {
        assert(args.argc < QUERY_WORDS_MAX - 1);
        args.argv[args.argc++] = arena_strdup(a, words[i]);
    }
    const struct child_spec spec = {
        .main = query_main, .arg = &args, .data = query_data, .done = query_done, .owner = q};
    if (d->queries < QUERY_AT_ONCE && child_start(d->children, &spec, &e)) {
        d->queries++;
    } else {
        http_reply(r, 503, "application/json", STR("{\"error\":\"too many questions at once\"}"));
        buf_fini(&q->text);
        mem_free(q);
    }
    arena_free(a);
}
