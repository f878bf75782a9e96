#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

static int64_t clock_read(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_now(void *arg)
{
    (void)arg;
    return clock_read(CLOCK_REALTIME);
}

static int64_t system_mono(void *arg)
{
    (void)arg;
    return clock_read(CLOCK_MONOTONIC);
}

static void system_sleep(void *arg, int64_t ms)
{
    (void)arg;
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000L};
    if (ms > 0)
        nanosleep(&t, NULL);
}

struct clock clock_system(void)
{
    return (struct clock){system_now, system_mono, system_sleep, NULL};
}

static int64_t virtual_now(void *arg)
{
    return ((struct clock_virtual *)arg)->wall_ms;
}

static int64_t virtual_mono(void *arg)
{
    return ((struct clock_virtual *)arg)->mono_ms;
}

static void virtual_sleep(void *arg, int64_t ms)
{
    struct clock_virtual *v = arg;
    v->wall_ms += ms;
    v->mono_ms += ms;
}

struct clock clock_from_virtual(struct clock_virtual *v)
{
    assert(v);
    return (struct clock){virtual_now, virtual_mono, virtual_sleep, v};
}

// Howard Hinnant's days_from_civil: years start in March, eras of 400 years.
int64_t civil_days(int64_t year, int month, int day)
{
    assert(month >= 1 && month <= 12);
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

struct civil civil_from_ms(int64_t ms)
{
    int64_t days = floor_div(ms, 86400000);
    int64_t rest = ms % 86400000;
    rest += rest < 0 ? 86400000 : 0; // days * 86400000 may not fit for the smallest ms
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct civil c;
    c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c.year = yoe + era * 400 + (c.month <= 2);
    c.hour = (int)(rest / 3600000);
    c.minute = (int)(rest / 60000 % 60);
    c.second = (int)(rest / 1000 % 60);
    c.ms = (int)(rest % 1000);
    return c;
}

int64_t civil_to_ms(const struct civil *c)
{
    return civil_days(c->year, c->month, c->day) * 86400000 + c->hour * 3600000LL +
           c->minute * 60000LL + c->second * 1000LL + c->ms;
}
