// When a cron expression fires: arithmetic on wall time and a zone's rules, nothing else. Pure; any thread.
//
// Clock changes: a local time that is skipped comes as much later (02:30 becomes 03:30 on that day). A local time that is
// repeated fires at its first reading; an expression that names every hour goes on in real time and fires at both.
#ifndef ORCHESTRATOR_SCHED_CRON_NEXT_H
#define ORCHESTRATOR_SCHED_CRON_NEXT_H

#include "jobs/spec/cron.h"

struct zone;

#define CRON_NEVER INT64_MAX

// The first instant after `after_ms` (Unix ms), a whole minute; CRON_NEVER when none comes within forty years.
// zone NULL = UTC.
int64_t cron_next(const struct cron *c, const struct zone *zone, int64_t after_ms);

#endif
