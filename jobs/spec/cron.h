// Cron expressions: minute hour day-of-month month day-of-week, with lists, ranges, steps, names and @daily & co.
// Pure data: when it fires is for the scheduler.
#ifndef JOBS_SPEC_CRON_H
#define JOBS_SPEC_CRON_H

#include "base/err.h"
#include "base/str.h"

struct cron {
    uint64_t minutes;     // bit m
    uint32_t hours, days; // bit h; bit d (1..31)
    uint16_t months;      // bit m (1..12)
    uint8_t weekdays;     // bit 0 = Sunday … 6
    bool any_day,
        any_weekday; // written as *: else either of days and weekdays suffices (cron's rule)
};

bool cron_parse(struct cron *out, struct str text, struct err *e) ERR_CHECKED;

#endif
