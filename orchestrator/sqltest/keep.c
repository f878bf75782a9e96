#include "orchestrator/sqltest/keep.h"

#include "base/durable.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEEP_BYTES_MAX ((size_t)256 << 20)

bool keep_open(struct keep *out, struct err *e)
{
    const char *top = getenv("TMPDIR");
    *out = (struct keep){NULL, NULL, ""};
    // Of this process alone; a name that an earlier one left behind is passed over.
    for (unsigned i = 0; i == 0 || access(out->dir, F_OK) == 0; i++) {
        const int n = snprintf(out->dir, sizeof out->dir, "%s/sluice-test-%ld-%u",
                               top ? top : "/tmp", (long)getpid(), i);
        if (n < 0 || (size_t)n >= sizeof out->dir) {
            out->dir[0] = '\0';
            return err_fail(e, ERR_CONFIG, "TMPDIR is too long");
        }
    }
    out->durable = durable_new(DURABLE_KILL);
    const struct kv_spec spec = {.dir = out->dir,
                                 .mode = KV_OWNER,
                                 .map_bytes_max = KEEP_BYTES_MAX,
                                 .durable = out->durable};
    if (kv_open(&out->kv, &spec, e))
        return true;
    keep_close(out);
    return false;
}

void keep_close(struct keep *s)
{
    struct err ignored;
    kv_close(s->kv);
    if (s->dir[0])
        (void)!durable_remove_tree(s->durable, "test.remove", s->dir, &ignored);
    durable_free(s->durable);
    *s = (struct keep){NULL, NULL, ""};
}
