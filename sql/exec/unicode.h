// Java's view of text: lengths and positions in UTF-16 units, letter case. Case covers Latin, Greek and Cyrillic; other
// scripts count as having none.
#ifndef SQL_EXEC_UNICODE_H
#define SQL_EXEC_UNICODE_H

#include "base/str.h"

enum unicode_class { UNICODE_UPPER, UNICODE_LOWER, UNICODE_DIGIT, UNICODE_OTHER };

enum unicode_class unicode_class(uint32_t code_point);
uint32_t unicode_upper(uint32_t code_point);
uint32_t unicode_lower(uint32_t code_point);

// Decodes the code point at *at and moves behind it; a malformed byte counts as one unit (U+FFFD).
uint32_t unicode_next(struct str s, size_t *at);
// String.length().
size_t unicode_units(struct str s);
// Byte position of UTF-16 unit `unit`; s.n when past the end. Inside a surrogate pair: the pair's start.
size_t unicode_offset(struct str s, size_t unit);

#endif
