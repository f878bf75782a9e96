// When jobs run, what happens when they fail, and how the daemon behaves: part of struct app_spec (jobs/spec/spec.h), same
// lifetime: in its arena, immutable. The arithmetic over it is orchestrator/sched.
#ifndef JOBS_SPEC_SPEC_SCHEDULE_H
#define JOBS_SPEC_SPEC_SCHEDULE_H

#include "config/conf.h"
#include "jobs/spec/cron.h"

struct zone;

enum spec_trigger {
    SPEC_TRIGGER_NONE, // by hand, or `after` alone
    SPEC_TRIGGER_EVERY,
    SPEC_TRIGGER_CRON,
    SPEC_TRIGGER_STREAM
};
enum spec_overlap { SPEC_OVERLAP_SKIP, SPEC_OVERLAP_QUEUE };
enum spec_misfire { SPEC_MISFIRE_RUN, SPEC_MISFIRE_SKIP };

struct retry_spec {
    int64_t attempts; // after the first one; 0 = none
    int64_t backoff_ms, backoff_max_ms;
    struct conf_at at;
};

struct schedule_spec {
    enum spec_trigger trigger;
    int64_t every_ms;
    struct str cron_text;
    struct cron cron;
    struct {
        struct str name;
        const struct zone *zone; // NULL in the words that stand for a section: UTC
    } zone;
    bool at_start;
    struct conf_texts after; // names of jobs of this file
    enum spec_overlap overlap;
    enum spec_misfire misfire;
    int64_t timeout_ms; // 0 = none
    int64_t jitter_ms;  // 0 = none
    struct retry_spec retry;
    struct conf_at at; // line 0: no schedule
};

struct on_failure_spec {
    struct conf_texts exec; // program and arguments; n 0 = none
    struct str webhook;     // URL; "" = none
    struct conf_at at;
};

struct daemon_spec {
    int64_t max_parallel;
    int64_t lag_every_ms; // 0 = never
    enum spec_log { SPEC_LOG_LOGFMT, SPEC_LOG_JSON } log;
    enum spec_log_level { SPEC_LOG_DEBUG, SPEC_LOG_INFO, SPEC_LOG_WARN, SPEC_LOG_ERROR } log_level;
    struct conf_at at;
};

struct admin_spec {
    struct str host; // a loopback address
    uint16_t port;   // 0 = any free one; the log says which
    struct secret token;
    struct conf_at at; // line 0: no admin server
};

// "every 10m", "cron */5 * * * * Europe/Paris, after load", "by hand".
struct str spec_schedule_text(struct arena *a, const struct schedule_spec *s);

#endif
