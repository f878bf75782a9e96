// Time is passed in: the system clock in production, a virtual one in tests. Also civil-date arithmetic (UTC).
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*now_ms)(void *arg);  // wall clock, Unix ms
    int64_t (*mono_ms)(void *arg); // monotonic
    void (*sleep_ms)(void *arg, int64_t ms);
    void *arg;
};

struct clock clock_system(void);

// Virtual: sleeping advances both times.
struct clock_virtual {
    int64_t wall_ms;
    int64_t mono_ms;
};
struct clock clock_from_virtual(struct clock_virtual *v);

// Proleptic Gregorian, any int64 day in range. month 1..12, day 1..31.
struct civil {
    int64_t year;
    int month, day, hour, minute, second, ms;
};
int64_t civil_days(int64_t year, int month, int day); // days since 1970-01-01
struct civil civil_from_ms(int64_t ms);               // UTC
int64_t civil_to_ms(const struct civil *c);           // UTC

#endif
