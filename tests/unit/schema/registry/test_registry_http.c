// The registry's client against a server of a few lines: one connection at a time, answers by request line.
#include "schema/registry/registry_http.h"
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 3000

struct server {
    int listener;
    uint16_t port;
    pthread_t thread;
    int failures; // how many requests are answered with 503 first
    char last[REQUEST_MAX];
    int requests;
};

struct page {
    const char *start; // of the request
    int status;
    const char *body;
};

static const struct page pages[] = {
    {"GET /r/schemas/ids/7 ", 200,
     "{\"schema\":\"\\\"int\\\"\",\"references\":[{\"name\":\"n\",\"subject\":\"s\",\"version\":3}]"
     "}"},
    {"GET /r/schemas/ids/8 ", 404, "{\"error_code\":40403,\"message\":\"Schema not found\"}"},
    {"GET /r/schemas/ids/9 ", 200, "{\"nothing\":1}"},
    {"GET /r/schemas/ids/10 ", 401, "{\"error_code\":401,\"message\":\"Unauthorized\"}"},
    {"GET /r/subjects/a%2Fb-value/versions/latest ", 200,
     "{\"id\":5,\"version\":2,\"schemaType\":\"PROTOBUF\",\"schema\":\"message M {}\"}"},
    {"POST /r/subjects/t-value/versions ", 200, "{\"id\":12}"},
    {"POST /r/subjects/old-value/versions ", 409,
     "{\"error_code\":409,\"message\":\"READER_FIELD_MISSING\"}"},
};

static void answer(struct server *s, int fd)
{
    char out[REQUEST_MAX];
    size_t n = 0;
    ssize_t got;
    int status = 404;
    const char *body = "{}";
    while (n < REQUEST_MAX - 1 && (got = read(fd, s->last + n, REQUEST_MAX - 1 - n)) > 0) {
        n += (size_t)got;
        s->last[n] = '\0';
        const char *end = strstr(s->last, "\r\n\r\n");
        const char *length = strstr(s->last, "Content-Length: ");
        const size_t want = length ? (size_t)strtoul(length + 16, NULL, 10) : 0;
        if (end && n >= (size_t)(end + 4 - s->last) + want)
            break;
    }
    s->requests++;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (strncmp(s->last, pages[i].start, strlen(pages[i].start)) == 0) {
            status = pages[i].status;
            body = pages[i].body;
        }
    if (s->failures-- > 0)
        status = 503;
    const int len = snprintf(out, sizeof out,
                             "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                             status, strlen(body), body);
    assert_int_equal(write(fd, out, (size_t)len), len);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    for (int fd; (fd = accept(s->listener, NULL, NULL)) >= 0; close(fd))
        answer(s, fd);
    return NULL;
}

static void open_server(struct server *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    *s = (struct server){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(s->listener, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &n), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void close_server(struct server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
}

struct client {
    struct arena *a;
    struct registry *registry;
    struct clock_virtual clock;
};

static void open_client(struct client *out, const struct server *s)
{
    struct err e;
    *out = (struct client){.a = arena_new(NULL), .clock = {1, 1}};
    const struct registry_http_spec spec = {
        .url = arena_printf(out->a, "http://127.0.0.1:%u/r/", (unsigned)s->port),
        .user = STR("me"),
        .password = STR("secret"),
        .timeout_ms = 5000,
        .clock = clock_from_virtual(&out->clock)};
    assert_ok(registry_http_new(&out->registry, out->a, &spec, &e), &e);
}

TEST(a_schema_is_asked_for_once_by_its_id)
{
    struct server s;
    struct client c;
    const struct registry_schema *schema;
    struct err e;
    open_server(&s);
    open_client(&c, &s);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(registry_by_id(c.registry, &schema, 7, &e), REGISTRY_FOUND);
        assert_str(schema->text, "\"int\"");
        assert_int_equal(schema->id, 7);
        assert_int_equal(schema->kind, REGISTRY_AVRO);
        assert_int_equal(schema->reference_count, 1);
        assert_int_equal(schema->references[0].version, 3);
    }
    assert_int_equal(s.requests, 1);
    assert_non_null(strstr(s.last, "Authorization: Basic bWU6c2VjcmV0\r\n"));
    arena_free(c.a);
    close_server(&s);
}

TEST(an_unknown_id_is_asked_for_again_after_a_minute)
{
    struct server s;
    struct client c;
    const struct registry_schema *schema;
    struct err e;
    open_server(&s);
    open_client(&c, &s);
    assert_int_equal(registry_by_id(c.registry, &schema, 8, &e), REGISTRY_ABSENT);
    assert_int_equal(registry_by_id(c.registry, &schema, 8, &e), REGISTRY_ABSENT);
    assert_int_equal(s.requests, 1);
    c.clock.mono_ms += REGISTRY_ABSENT_MS;
    assert_int_equal(registry_by_id(c.registry, &schema, 8, &e), REGISTRY_ABSENT);
    assert_int_equal(s.requests, 2);
    assert_int_equal(registry_by_id(c.registry, &schema, -3, &e), REGISTRY_ABSENT);
    assert_int_equal(s.requests, 2);
    arena_free(c.a);
    close_server(&s);
}

TEST(subjects_are_escaped_and_always_asked)
{
    struct server s;
    struct client c;
    const struct registry_schema *schema;
    struct err e;
    open_server(&s);
    open_client(&c, &s);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            registry_by_subject(c.registry, &schema, STR("a/b-value"), REGISTRY_LATEST, &e),
            REGISTRY_FOUND);
        assert_int_equal(schema->kind, REGISTRY_PROTOBUF);
        assert_int_equal(schema->id, 5);
        assert_int_equal(schema->version, 2);
    }
    assert_int_equal(s.requests, 2);
    assert_int_equal(registry_by_subject(c.registry, &schema, STR("none"), 4, &e), REGISTRY_ABSENT);
    assert_non_null(strstr(s.last, "GET /r/subjects/none/versions/4 "));
    arena_free(c.a);
    close_server(&s);
}

TEST(schemas_are_registered_and_incompatible_ones_told)
{
    struct server s;
    struct client c;
    struct err e;
    int32_t id;
    const struct registry_reference reference = {STR("n.proto"), STR("n"), 1};
    const struct registry_schema schema = {.kind = REGISTRY_PROTOBUF,
                                           .text = STR("message \"M\" {}"),
                                           .references = &reference,
                                           .reference_count = 1};
    open_server(&s);
    open_client(&c, &s);
    assert_ok(registry_put(c.registry, &id, STR("t-value"), &schema, &e), &e);
    assert_int_equal(id, 12);
    assert_non_null(strstr(s.last,
                           "{\"schema\":\"message \\\"M\\\" {}\",\"schemaType\":\"PROTOBUF\","
                           "\"references\":[{\"name\":\"n.proto\",\"subject\":\"n\","
                           "\"version\":1}]}"));
    assert_fails(
        registry_put(c.registry, &id, STR("old-value"), &schema, &e), &e, ERR_CONFIG,
        "subject old-value is not compatible with the registered one: READER_FIELD_MISSING");
    arena_free(c.a);
    close_server(&s);
}

TEST(a_registry_in_trouble_is_tried_again_and_then_worth_another_run)
{
    struct server s;
    struct client c;
    const struct registry_schema *schema;
    struct err e;
    open_server(&s);
    open_client(&c, &s);
    s.failures = 2;
    assert_int_equal(registry_by_id(c.registry, &schema, 7, &e), REGISTRY_FOUND);
    assert_int_equal(s.requests, 3);
    s.failures = REGISTRY_ATTEMPTS;
    assert_int_equal(registry_by_subject(c.registry, &schema, STR("x"), 1, &e), REGISTRY_FAILED);
    assert_int_equal(e.kind, ERR_REMOTE);
    assert_int_equal(e.remedy, REMEDY_RETRY_RUN);
    assert_non_null(strstr(e.text, "HTTP status 503"));
    close_server(&s);
    assert_int_equal(registry_by_id(c.registry, &schema, 11, &e), REGISTRY_FAILED);
    assert_int_equal(e.kind, ERR_REMOTE);
    assert_int_equal(registry_by_id(c.registry, &schema, 7, &e), REGISTRY_FOUND);
    arena_free(c.a);
}

TEST(answers_that_are_none_and_refusals_are_errors_without_the_password)
{
    struct server s;
    struct client c;
    const struct registry_schema *schema;
    struct err e;
    open_server(&s);
    open_client(&c, &s);
    assert_int_equal(registry_by_id(c.registry, &schema, 9, &e), REGISTRY_FAILED);
    assert_int_equal(e.kind, ERR_DATA);
    assert_int_equal(registry_by_id(c.registry, &schema, 10, &e), REGISTRY_FAILED);
    assert_int_equal(e.kind, ERR_CONFIG);
    assert_non_null(strstr(e.text, "HTTP status 401: Unauthorized"));
    assert_null(strstr(e.text, "secret"));
    arena_free(c.a);
    close_server(&s);
}

TEST_MAIN(T(a_schema_is_asked_for_once_by_its_id),
          T(an_unknown_id_is_asked_for_again_after_a_minute),
          T(subjects_are_escaped_and_always_asked),
          T(schemas_are_registered_and_incompatible_ones_told),
          T(a_registry_in_trouble_is_tried_again_and_then_worth_another_run),
          T(answers_that_are_none_and_refusals_are_errors_without_the_password))
