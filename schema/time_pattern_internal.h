// A compiled date and time pattern: what time_pattern.c makes, time_format.c prints with and time_parse.c reads with.
// Only those three include this.
#ifndef SCHEMA_TIME_PATTERN_INTERNAL_H
#define SCHEMA_TIME_PATTERN_INTERNAL_H

#include "schema/text_internal.h"

#define DIGITS_MAX 19
#define DAY_MS     INT64_C(86400000)
#define NS_PER_MS  INT64_C(1000000)

enum step_kind {
    STEP_LITERAL,
    STEP_NUMBER,
    STEP_FRACTION,     // of the second, min_width digits
    STEP_MONTH_TEXT,   // count 3 short, 4 full, 5 narrow
    STEP_WEEKDAY_TEXT, // the same
    STEP_QUARTER_TEXT, // count 3 "Q2", 4 "2nd quarter", 5 "2"
    STEP_ERA,          // count 4 "Anno Domini", 5 "A", else "AD"
    STEP_AMPM,
    STEP_OFFSET, // X x Z
    STEP_ZONE_TEXT,
    STEP_ZONE_ID,
    STEP_OPTIONAL_START, // skips to `end` when something inside does not match
    STEP_OPTIONAL_END,
};

enum number {
    NUMBER_YEAR,        // u: proleptic
    NUMBER_YEAR_OF_ERA, // y
    NUMBER_MONTH,
    NUMBER_DAY,
    NUMBER_DAY_OF_YEAR,
    NUMBER_QUARTER,    // Q; from here to NUMBER_WEEKDAY only formatted
    NUMBER_WEEK_YEAR,  // Y; weeks begin on Sunday, the first one has 1 January
    NUMBER_WEEK,       // w
    NUMBER_MONTH_WEEK, // W
    NUMBER_WEEKDAY,    // e c: Sunday is 1
    NUMBER_HOUR,       // H 0-23
    NUMBER_CLOCK_HOUR, // k 1-24
    NUMBER_HOUR_AMPM,  // K 0-11
    NUMBER_CLOCK_AMPM, // h 1-12
    NUMBER_MINUTE,
    NUMBER_SECOND,
    NUMBER_NANO,
    NUMBER_MILLI_OF_DAY,
    NUMBER_NANO_OF_DAY,
};

enum sign_style { SIGN_NORMAL, SIGN_NOT_NEGATIVE, SIGN_EXCEEDS_PAD };

struct step {
    enum step_kind kind;
    struct str literal;
    enum number number;
    int min_width, max_width;
    enum sign_style sign;
    int subsequent; // digits that fixed-width numbers directly behind need; -1 = this one is fixed itself
    bool reduced; // two digits of a year from 2000 on
    int count;
    char letter;
    size_t end; // STEP_OPTIONAL_START: index of its end
};

struct time_pattern {
    const struct step *steps;
    size_t n;
};

#define NUMBER_COUNT (NUMBER_NANO_OF_DAY + 1)

// English names; the letter count says how much of them: 4 all, 5 the first letter, else three letters.
struct str time_month_name(int month, int count);     // 1..12
struct str time_weekday_name(int weekday, int count); // Monday is 0
int time_weekday(int64_t days);                       // of days since 1970-01-01

#endif
