// Any bytes as an archive of a lake. Properties: opening, listing, verifying and unpacking end, and nothing is written outside the directory given. What is
// verified without a finding comes out of the archive with just the bytes that its manifest says.
#include "lake/archive.h"

#include "base/durable.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool unpack(const char *path, struct err *e)
{
    char dir[] = "/tmp/fuzz-archive-XXXXXX";
    struct lake_archive *s;
    struct lake_extract_report r;
    if (!lake_archive_open(&s, path, e))
        return false;
    assert(mkdtemp(dir));
    struct durable *d = durable_new(DURABLE_KILL);
    bool ok = lake_archive_extract(&r, s, dir, d, e);
    if (ok)
        assert(r.bytes == lake_archive_bytes(s));
    assert(durable_remove_tree(d, "fuzz", dir, e));
    durable_free(d);
    lake_archive_close(s);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct lake_archive *s;
    struct lake_verify v;
    struct lake_ls ls;
    struct err e = {0};
    int fd = memfd_create("archive", MFD_CLOEXEC);
    assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (lake_archive_open(&s, path, &e)) {
        struct arena *a = arena_new(NULL);
        bool ok = lake_archive_list(&ls, a, s, STR_NONE, &e) &&
                  lake_archive_verify(&v, a, s, STR_NONE, &e) && v.count == 0;
        lake_archive_close(s);
        arena_free(a);
        if (ok)
            assert(unpack(path, &e));
    }
    close(fd);
    return 0;
}
