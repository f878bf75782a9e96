// Files of SQL tests, both forms: reading them, and running the first cases. Any text gives verdicts or an error.
#include "orchestrator/sqltest/run_case.h"
#include "orchestrator/sqltest/run_script.h"

#include <stdlib.h>

#define CASES_MAX 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_suite(struct arena *a, struct str text)
{
    struct suite suite;
    struct err e;
    if (!suite_load(&suite, a, STR("fuzz"), text, &e))
        return;
    for (uint32_t i = 0; i < suite.count && i < CASES_MAX; i++) {
        struct verdict v = {0};
        run_case(&v, a, &suite.cases[i], 2);
        if (v.status == VERDICT_FAIL && v.reason.n == 0)
            abort();
    }
}

static void run_scripts(struct arena *a, struct str text)
{
    struct script script;
    struct err e;
    if (!script_load(&script, a, STR("fuzz"), text, &e))
        return;
    for (uint32_t i = 0; i < script.count && i < CASES_MAX; i++) {
        struct verdict v = {0};
        run_script(&v, a, &script.cases[i]);
        if (v.status == VERDICT_FAIL && v.reason.n == 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(NULL);
    const struct str text = arena_str(a, (struct str){(const char *)data, size});
    run_suite(a, text);
    run_scripts(a, text);
    arena_free(a);
    return 0;
}
