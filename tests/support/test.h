// The tests' only way to cmocka: its header needs others before it, and one place to shape it is enough.
//
// A test file is TEST(name) functions, names being sentences, and one TEST_MAIN(T(name), …) at its end.
// The runner counts what cmocka prints; skip() is printed and counted as skipped, never as passed.
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include "base/err.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST(name) static void name(__attribute__((unused)) void **state)
#define T(name)    cmocka_unit_test(name)
#define TEST_MAIN(...)                                    \
    int main(void)                                        \
    {                                                     \
        const struct CMUnitTest tests[] = {__VA_ARGS__};  \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }

// The fallible call returned true; otherwise its error text is what the test prints.
#define assert_ok(call, e)                        \
    do {                                          \
        if (!(call))                              \
            fail_msg("%s: %s", #call, (e)->text); \
    } while (0)

// The call failed with this kind and its text contains this part.
#define assert_fails(call, e, want_kind, part)                                        \
    do {                                                                              \
        if (call)                                                                     \
            fail_msg("%s: succeeded", #call);                                         \
        assert_string_equal(err_kind_name((e)->kind), err_kind_name(want_kind));      \
        if (!strstr((e)->text, (part)))                                               \
            fail_msg("%s: \"%s\" does not contain \"%s\"", #call, (e)->text, (part)); \
    } while (0)

// A view equals a C string.
#define assert_str(view, z)                                                                        \
    do {                                                                                           \
        const struct str test_v = (view);                                                          \
        if (test_v.n != strlen(z) || (test_v.n && memcmp(test_v.p, (z), test_v.n) != 0))           \
            fail_msg("%s: \"%.*s\" is not \"%s\"", #view, (int)test_v.n, test_v.p ? test_v.p : "", \
                     (z));                                                                         \
    } while (0)

// `make check` sets SLUICE_TEST_LONG: more seeds, more sizes. `make test` has two minutes for everything.
static inline bool test_is_long(void)
{
    const char *v = getenv("SLUICE_TEST_LONG");
    return v && strcmp(v, "0") != 0;
}

#endif
