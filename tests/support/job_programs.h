// Random small jobs over the records of job_scenario_produce(): one to four outputs out of a list of statements, with random
// window sizes and graces. Depends on the random numbers only; text lives in the arena.
#ifndef TESTS_SUPPORT_JOB_PROGRAMS_H
#define TESTS_SUPPORT_JOB_PROGRAMS_H

#include "tests/support/job_scenario.h"

enum job_programs {
    JOB_PROGRAMS_ANY,
    JOB_PROGRAMS_FREE // row-wise steps, COUNT, exact SUM, MIN, MAX: no order needed
};

enum { JOB_PROGRAM_OUTPUTS_MAX = 4 };

struct job_program {
    struct job_world_spec spec;
    const char *outputs[JOB_PROGRAM_OUTPUTS_MAX + 1]; // names, NULL ends
};

void job_program_random(struct job_program *out, struct arena *a, struct job_random *r,
                        enum job_programs kind);

#endif
