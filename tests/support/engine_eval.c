#include "tests/support/engine_eval.h"

#include "tests/support/engine.h"
#include "tests/support/test.h"

#include <stdio.h>

const char *const engine_record =
    "{\"s\":\"Hello "
    "World\",\"t\":\"\xc3\xa9t\xc3\xa9\",\"i\":7,\"b\":9000000000,\"d\":2.5,\"m\":12.34,"
    "\"x\":{\"a\":5,\"c\":\"in\"},\"l\":[10,20,null,40],\"p\":{\"one\":1,\"two\":2},\"z\":true,"
    "\"ts\":1526075913000,\"dt\":17662}";

static void fill(char out[512], const char *text)
{
    const char *from = strstr(text, " R=");
    const char *end = strrchr(text, '@');
    if (!from || !end) {
        (void)snprintf(out, 512, "(no row)");
        return;
    }
    from += 3;
    (void)snprintf(out, 512, "%.*s", (int)(end - 1 - from), from);
}

void engine_eval(char out[512], const char *expr, const char *json)
{
    char sql[2048];
    struct engine s;
    (void)snprintf(sql, sizeof sql,
                   "CREATE STREAM a (k STRING KEY, s STRING, t STRING, i INT, b BIGINT, d DOUBLE, "
                   "m DECIMAL(6,2), "
                   "x STRUCT<a INT, c STRING>, l ARRAY<INT>, p MAP<STRING, INT>, z BOOLEAN, ts "
                   "TIMESTAMP, dt DATE, "
                   "n INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');\n"
                   "CREATE STREAM o AS SELECT k, %s AS r FROM a EMIT CHANGES;",
                   expr);
    engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
    engine_begin(&s);
    engine_add(&s, 0, "k", json, 1526075913000);
    engine_run(&s, 64);
    engine_end(&s);
    fill(out, engine_text(&s));
    engine_close(&s);
}

void engine_eval_all(const struct engine_case *cases, unsigned n)
{
    char got[512];
    unsigned bad = 0;
    for (unsigned i = 0; i < n; i++) {
        engine_eval(got, cases[i].expr, engine_record);
        if (strcmp(got, cases[i].want) == 0)
            continue;
        print_error("%s: %s, want %s\n", cases[i].expr, got, cases[i].want);
        bad++;
    }
    assert_int_equal(bad, 0);
}
