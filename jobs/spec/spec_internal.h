// What jobs/spec/spec_table.c (the option tables) gives to spec.c (loading and checks). Not for others.
#ifndef JOBS_SPEC_SPEC_INTERNAL_H
#define JOBS_SPEC_SPEC_INTERNAL_H

#include "jobs/spec/spec.h"

extern const struct conf_table spec_app_table; // struct app_spec

#endif
