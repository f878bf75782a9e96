#include "base/log.h"

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/test.h"

#include <pthread.h>
#include <unistd.h>

static struct clock_virtual frozen = {.wall_ms = INT64_C(1761609599005)};

struct sink {
    int ends[2];
    struct log *log;
};

static struct sink sink_open(enum log_level min, enum log_format format)
{
    struct sink s;
    assert_int_equal(pipe(s.ends), 0);
    const struct clock c = clock_from_virtual(&frozen);
    s.log = log_new(s.ends[1], min, format, &c);
    return s;
}

// Everything that was logged, as one string.
static void sink_take(struct sink *s, char *out, size_t size)
{
    log_free(s->log);
    close(s->ends[1]);
    size_t n = 0;
    ssize_t k = 0;
    while ((k = read(s->ends[0], out + n, size - 1 - n)) > 0)
        n += (size_t)k;
    out[n] = '\0';
    close(s->ends[0]);
}

TEST(a_logfmt_line_quotes_only_what_needs_it)
{
    char out[1000];
    struct sink s = sink_open(LOG_INFO, LOG_LOGFMT);
    const char *const fields[] = {"job", "orders", "path", "a b=\"c\"\n", "none", "", NULL};
    log_event(s.log, LOG_INFO, "run.commit", fields, "%d rows", 5);
    sink_take(&s, out, sizeof out);
    assert_string_equal(out, "ts=2025-10-27T23:59:59.005Z level=info event=run.commit job=orders "
                             "path=\"a b=\\\"c\\\"\\n\" none=\"\" msg=\"5 rows\"\n");
}

TEST(a_json_line_escapes_control_and_invalid_bytes)
{
    char out[1000];
    struct sink s = sink_open(LOG_DEBUG, LOG_JSON);
    const char *const fields[] = {"k", "\x01\xff\xc3\xa9\\", NULL};
    log_event(s.log, LOG_WARN, "x", fields, "%s", "");
    sink_take(&s, out, sizeof out);
    assert_string_equal(out,
                        "{\"ts\":\"2025-10-27T23:59:59.005Z\",\"level\":\"warn\",\"event\":\"x\","
                        "\"k\":\"\\u0001\xEF\xBF\xBD\xc3\xa9\\\\\"}\n");
}

TEST(levels_below_the_minimum_are_silent_and_no_log_is_fine)
{
    char out[1000];
    struct sink s = sink_open(LOG_WARN, LOG_LOGFMT);
    assert_false(log_enabled(s.log, LOG_INFO));
    assert_true(log_enabled(s.log, LOG_ERROR));
    assert_false(log_enabled(NULL, LOG_ERROR));
    log_event(s.log, LOG_INFO, "x", NULL, "no");
    log_event(NULL, LOG_ERROR, "x", NULL, "no");
    sink_take(&s, out, sizeof out);
    assert_string_equal(out, "");
}

TEST(an_error_is_logged_with_kind_place_and_hint)
{
    char out[1000];
    struct err e;
    struct sink s = sink_open(LOG_INFO, LOG_LOGFMT);
    err_fail(&e, ERR_SQL, "unknown column X");
    err_position(&e, "a.sql", 3, 4, "SELECT X", 8);
    err_hint(&e, "did you mean Y");
    log_err(s.log, "run.failed", NULL, &e);
    sink_take(&s, out, sizeof out);
    assert_non_null(strstr(out, "level=error event=run.failed kind=sql at=a.sql:3:4 "
                                "msg=\"unknown column X\" hint=\"did you mean Y\"\n"));
}

TEST(what_does_not_fit_is_left_out_whole)
{
    char *big = mem_alloc(40000);
    char *out = mem_alloc(40000);
    memset(big, 'x', 39999);
    big[39999] = '\0';
    struct sink s = sink_open(LOG_INFO, LOG_JSON);
    const char *const fields[] = {"big", big, "small", "y", NULL};
    log_event(s.log, LOG_INFO, "x", fields, "%s", "m");
    sink_take(&s, out, 40000);
    assert_null(strstr(out, "big"));
    assert_non_null(strstr(out, "\"small\":\"y\",\"msg\":\"m\"}\n"));
    mem_free(big);
    mem_free(out);
}

static void *log_fifty(void *arg)
{
    for (int i = 0; i < 50; i++)
        log_event(arg, LOG_INFO, "x", NULL, "0123456789");
    return NULL;
}

TEST(lines_of_several_threads_do_not_mix)
{
    static char out[50000];
    struct sink s = sink_open(LOG_INFO, LOG_LOGFMT);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, log_fifty, s.log), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    sink_take(&s, out, sizeof out);
    size_t lines = 0;
    for (const char *p = out; *p; p = strchr(p, '\n') + 1, lines++)
        assert_memory_equal(p, "ts=2025-10-27T23:59:59.005Z level=info event=x msg=0123456789\n",
                            62);
    assert_int_equal(lines, 200);
}

TEST_MAIN(T(a_logfmt_line_quotes_only_what_needs_it),
          T(a_json_line_escapes_control_and_invalid_bytes),
          T(levels_below_the_minimum_are_silent_and_no_log_is_fine),
          T(an_error_is_logged_with_kind_place_and_hint), T(what_does_not_fit_is_left_out_whole),
          T(lines_of_several_threads_do_not_mix))
