// struct str: a borrowed view of bytes (not NUL-terminated), passed by value. UTF-8 unless said otherwise.
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
// For printf: printf("%.*s", STR_ARG(s)).
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_from(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(struct str x, struct str y)
{
    return x.n == y.n && (x.n == 0 || memcmp(x.p, y.p, x.n) == 0);
}

bool str_eq_nocase(struct str x, struct str y); // ASCII
int str_cmp(struct str x, struct str y);        // bytes, then length
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_slice(struct str s, size_t from, size_t to); // clamped
struct str str_trim(struct str s);                          // ASCII white space
bool str_find(size_t *out, struct str s, struct str needle);
bool str_split_once(struct str *head, struct str *tail, struct str s, char sep);
// Whole string must be the number; no locale, no blanks. Signed numbers take one sign, '-' or '+'.
bool str_to_i64(int64_t *out, struct str s);
bool str_to_u64(uint64_t *out, struct str s);
// Edit distance (capped) for "did you mean".
size_t str_distance(struct str x, struct str y);

// UTF-8 (RFC 3629): length in code points; byte position of code point i; validity.
bool utf8_valid(const char *p, size_t n);
size_t utf8_count(struct str s);
size_t utf8_offset(struct str s, size_t index); // s.n when past the end
// Decodes at p; returns bytes taken, 0 when invalid or cut.
size_t utf8_decode(uint32_t *out, const char *p, size_t n);
size_t utf8_encode(char out[4], uint32_t code_point);

#endif
