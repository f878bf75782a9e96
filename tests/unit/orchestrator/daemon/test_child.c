#include "orchestrator/daemon/child.h"

#include "base/buf.h"
#include "orchestrator/daemon/control.h"
#include "orchestrator/daemon/loop.h"
#include "orchestrator/daemon/report.h"
#include "tests/support/dir.h"
#include "tests/support/test.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
    struct loop *loop;
    struct children *children;
    struct buf text;
    int status;
    unsigned done;
};

static void on_signal(void *arg, int number)
{
    struct world *w = arg;
    if (number == SIGCHLD)
        children_reap(w->children);
}

static void init(struct world *w)
{
    struct err e;
    *w = (struct world){.status = -1};
    buf_init(&w->text, 1 << 20);
    assert_ok(loop_new(&w->loop, on_signal, w, &e), &e);
    w->children = children_new(w->loop);
}

static void fini(struct world *w)
{
    children_free(w->children);
    loop_free(w->loop);
    buf_fini(&w->text);
    loop_unblock_signals();
}

static void data(void *owner, struct str bytes)
{
    struct world *w = owner;
    buf_str(&w->text, bytes);
}

static void done(void *owner, int status)
{
    struct world *w = owner;
    w->status = status;
    w->done++;
}

static void run(struct world *w, int (*child)(void *, int), void *arg)
{
    struct err e;
    const struct child_spec spec = {
        .main = child, .arg = arg, .data = data, .done = done, .owner = w};
    assert_non_null(child_start(w->children, &spec, &e));
    while (w->done == 0)
        assert_ok(loop_once(w->loop, 10000, &e), &e);
}

static int says_much(void *arg, int out)
{
    char piece[1000];
    (void)arg;
    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < 300; i++)
        if (write(out, piece, sizeof piece) != (ssize_t)sizeof piece)
            return 1;
    return 7;
}

TEST(all_that_a_child_wrote_comes_before_its_end)
{
    struct world w;
    char text[80];
    init(&w);
    run(&w, says_much, NULL);
    assert_int_equal(w.text.n, 300000);
    child_status_text(text, sizeof text, w.status);
    assert_string_equal(text, "exit code 7");
    assert_int_equal(children_count(w.children), 0);
    fini(&w);
}

static int dies(void *arg, int out)
{
    (void)arg;
    if (write(out, "last", 4) == 4)
        raise(SIGKILL);
    return 0;
}

TEST(a_child_that_dies_is_only_an_event)
{
    struct world w;
    char text[80];
    init(&w);
    run(&w, dies, NULL);
    child_status_text(text, sizeof text, w.status);
    assert_string_equal(text, "killed by signal 9 (Killed)");
    assert_str(buf_view(&w.text), "last");
    fini(&w);
}

static int looks_at_descriptor(void *arg, int out)
{
    const int *fd = arg;
    return write(*fd, "x", 1) == 1 || write(out, "closed", 6) != 6;
}

TEST(a_child_holds_nothing_of_its_parent_open)
{
    struct world w;
    int fds[2];
    init(&w);
    assert_int_equal(pipe(fds), 0);
    run(&w, looks_at_descriptor, &fds[1]);
    assert_int_equal(w.status, 0);
    assert_str(buf_view(&w.text), "closed");
    close(fds[0]);
    close(fds[1]);
    fini(&w);
}

// --- the control socket ----------------------------------------------------------------------------------------------

struct server {
    struct control_server *s;
    unsigned requests;
};

static void on_request(void *arg, struct control_client *c, const json_t *request,
                       const int fds[CONTROL_FDS])
{
    struct server *s = arg;
    s->requests++;
    assert_true(fds[0] >= 0 && fds[1] >= 0);
    for (int i = 0; i < 3; i++) {
        json_t *j = json_object();
        json_object_set_new(j, "line", json_integer(i));
        json_object_set(j, "echo", json_object_get(request, "op"));
        control_reply(c, j, i < 2 ? CONTROL_MORE : CONTROL_LAST);
    }
}

static void on_gone(void *arg, struct control_client *c)
{
    (void)arg;
    (void)c;
}

static void count_line(void *arg, const json_t *line)
{
    unsigned *n = arg;
    *n += json_integer_value(json_object_get(line, "line")) == *n &&
          strcmp(json_string_value(json_object_get(line, "echo")), "hello") == 0;
}

static int asks(void *arg, int out)
{
    struct err e;
    unsigned lines = 0;
    int fd;
    json_t *j = json_object();
    (void)out;
    json_object_set_new(j, "op", json_string("hello"));
    return control_connect(&fd, arg, &e) && fd >= 0 &&
                   control_request(fd, j, CONTROL_PASS, count_line, &lines, &e)
               ? (int)lines
               : 99;
}

TEST(a_request_is_answered_line_by_line_and_the_socket_is_private)
{
    struct world w;
    struct test_dir dir;
    struct server server = {NULL, 0};
    struct stat st;
    struct err e;
    char path[512];
    int fd;
    init(&w);
    test_dir_init(&dir);
    assert_int_equal(mkdir(test_dir_file(path, &dir, "_daemon"), 0700), 0);
    assert_ok(control_connect(&fd, dir.path, &e), &e);
    assert_int_equal(fd, -1); // nobody there is no error
    const struct control_spec spec = {
        .loop = w.loop, .state = dir.path, .request = on_request, .gone = on_gone, .arg = &server};
    assert_ok(control_open(&server.s, &spec, &e), &e);
    assert_int_equal(stat(test_dir_file(path, &dir, "_daemon/control.sock"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    run(&w, asks, dir.path);
    assert_int_equal(WEXITSTATUS(w.status), 3);
    assert_int_equal(server.requests, 1);
    control_close(server.s);
    test_dir_fini(&dir);
    fini(&w);
}

TEST(errors_and_reports_survive_the_way)
{
    struct err e;
    struct err back;
    err_fail(&e, ERR_REMOTE, "broken \xff bytes");
    err_hint(&e, "do this");
    err_position(&e, "a.sql", 3, 4, "SELECT", 6);
    json_t *j = report_error_to_json(&e);
    report_error_from_json(&back, j);
    json_decref(j);
    assert_int_equal(back.kind, ERR_REMOTE);
    assert_int_equal(back.remedy, REMEDY_RETRY_RUN);
    assert_string_equal(back.text, "broken ? bytes");
    assert_string_equal(back.hint, "do this");
    assert_true(back.line == 3 && back.column == 4);
    const struct run_report r = {.run = 7, .records = 1ULL << 40, .topic_rows = 3, .late = 2};
    struct run_report again;
    j = report_to_json(&r, "j");
    report_from_json(&again, j);
    json_decref(j);
    assert_true(again.run == 7 && again.records == 1ULL << 40 && again.topic_rows == 3 &&
                again.late == 2);
}

TEST_MAIN(T(all_that_a_child_wrote_comes_before_its_end), T(a_child_that_dies_is_only_an_event),
          T(a_child_holds_nothing_of_its_parent_open),
          T(a_request_is_answered_line_by_line_and_the_socket_is_private),
          T(errors_and_reports_survive_the_way))
