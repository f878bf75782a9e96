// Entry of the program.
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("sluice %s\n", SLUICE_VERSION);
        return 0;
    }
    fputs("usage: sluice <noun> <verb> [options]\n", stderr);
    return 2;
}
