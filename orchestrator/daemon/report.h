// What a run's process tells the daemon, and the daemon its clients: one JSON object a line.
//   {"progress": {…}}*   then   {"report": {…}} or {"error": {…}}
// Plain conversions; the caller owns the json_t.
#ifndef ORCHESTRATOR_DAEMON_REPORT_H
#define ORCHESTRATOR_DAEMON_REPORT_H

#include "jobs/run/run.h"

#include <jansson.h>

json_t *report_to_json(const struct run_report *r, const char *job);
void report_from_json(struct run_report *out, const json_t *j); // what is missing is zero
json_t *report_error_to_json(const struct err *e);
void report_error_from_json(struct err *out, const json_t *j);
json_t *report_progress_to_json(const struct run_progress *p);
void report_progress_from_json(struct run_progress *out, const json_t *j);
const char *report_phase_name(enum run_phase phase);
// One line, whole: false when it could not be written.
bool report_write(int fd, json_t *j); // frees j

#endif
