#include "tests/support/callgrind.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void callgrind_self(char *out, size_t size)
{
    const ssize_t n = readlink("/proc/self/exe", out, size - 1);
    assert_true(n > 0);
    out[n] = '\0';
}

uint64_t callgrind_instructions(const char *variable, const char *value, const char *within)
{
    char self[512], command[2048], line[256];
    uint64_t count = 0;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
    if (getenv("RUNNING_ON_VALGRIND"))
        skip();
    callgrind_self(self, sizeof self);
    (void)snprintf(
        command, sizeof command,
        "%s='%s' valgrind --tool=callgrind --callgrind-out-file=/dev/null %s%s '%s' 2>&1", variable,
        value, within ? "--toggle-collect=" : "", within ? within : "", self);
    FILE *f = popen(command, "re"); // NOLINT(cert-env33-c): our own program under a tool
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        const char *at = strstr(line, "Collected : ");
        if (at)
            count = strtoull(at + strlen("Collected : "), NULL, 10);
    }
    assert_int_equal(pclose(f), 0);
    assert_true(count > 0);
    return count;
}
