// Work that is counted, not timed, so that the machine's load does not matter: the instructions of this very program under callgrind.
// Stateless.
#ifndef TESTS_SUPPORT_CALLGRIND_H
#define TESTS_SUPPORT_CALLGRIND_H

#include <stdint.h>

// Of this program with the variable in its environment, which makes its main() do one thing and end; within: of calls of this function
// only, NULL = of all. The test is skipped where callgrind cannot tell: under sanitizers, under valgrind.
uint64_t callgrind_instructions(const char *variable, const char *value, const char *within);

#endif
