// A test's own folder, below TMPDIR. Made fresh, removed with everything in it.
#ifndef TESTS_SUPPORT_DIR_H
#define TESTS_SUPPORT_DIR_H

struct test_dir {
    char path[256];
};

void test_dir_init(struct test_dir *out); // fails the process when it cannot be made
void test_dir_fini(struct test_dir *s);
// path/name, in a buffer of the caller of at least 512 bytes; returns it.
char *test_dir_file(char *out, const struct test_dir *s, const char *name);

#endif
