#include "tests/support/dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void test_dir_init(struct test_dir *out)
{
    const char *top = getenv("TMPDIR");
    const int n =
        snprintf(out->path, sizeof out->path, "%s/sluice-test-XXXXXX", top ? top : "/tmp");
    if (n < 0 || (size_t)n >= sizeof out->path || !mkdtemp(out->path)) {
        perror(out->path);
        abort();
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

// Tests take write permission away; a folder without it could not be emptied.
static int unlock_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)walk;
    return type == FTW_D || type == FTW_DNR ? chmod(path, 0700) : 0;
}

void test_dir_fini(struct test_dir *s)
{
    nftw(s->path, unlock_one, 16, FTW_PHYS);
    if (nftw(s->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        perror(s->path);
    s->path[0] = '\0';
}

char *test_dir_file(char *out, const struct test_dir *s, const char *name)
{
    snprintf(out, 512, "%s/%s", s->path, name);
    return out;
}
