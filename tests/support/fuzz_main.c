// Replays a corpus through a fuzzer's entry, so that every input once found is a normal test. Linked instead of
// libFuzzer; argument: a folder (absent = only the empty input) or files.
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static void replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    const size_t n = (size_t)st.st_size;
    // Exactly as large as the input: a read past its end is then seen by ASan and valgrind.
    uint8_t *data = malloc(n ? n : 1);
    if (!data || fread(data, 1, n, f) != n) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    printf("%s\n", path); // the last line names the input of a crash
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, n);
    replayed++;
    free(data);
    fclose(f);
}

static void replay(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) {
        if (errno == ENOTDIR)
            replay_file(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        char file[4096];
        const int n = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && n > 0 && (size_t)n < sizeof file)
            replay_file(file);
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%u inputs\n1 passed, 0 failed, 0 skipped\n", replayed);
    return 0;
}
