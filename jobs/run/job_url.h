// A configured warehouse as its driver wants it. No state.
#ifndef JOBS_RUN_JOB_URL_H
#define JOBS_RUN_JOB_URL_H

#include "warehouse/sink.h"

struct spec_url;

// Strings are u's, or in a.
void job_url(struct warehouse_url *out, struct arena *a, const struct spec_url *u);
// sinks: NULL-terminated. NULL = not built in.
const struct sink_type *job_sink_type(const struct sink_type *const *sinks, struct str scheme);

#endif
