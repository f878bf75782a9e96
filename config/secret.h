// Secrets: a type that does not print, and ${env:NAME} / ${file:PATH} put into already parsed components.
//
// A component is one user name, password, property value …: what is put in is taken as it is, so a password may hold
// '@', '/', quotes or line ends and never changes how the rest is read. "$${" stands for "${". The text
// before putting in (`raw`) is what may be shown; the revealed value reaches no log and no error. Immutable.
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "base/arena.h"

struct secret {
    struct str hidden; // never read directly: secret_reveal()
};

static inline struct secret secret_from(struct str v)
{
    return (struct secret){v};
}

// For the library that needs it, nowhere else.
static inline struct str secret_reveal(struct secret s)
{
    return s.hidden;
}

static inline bool secret_given(struct secret s)
{
    return s.hidden.n > 0;
}

// What every message, log line and page shows.
static inline const char *secret_show(struct secret s)
{
    return s.hidden.n > 0 ? "***" : "";
}

// Where ${…} comes from. env may be NULL: the process's environment.
struct secret_source {
    const char *(*env)(void *arg, const char *name); // NULL result: not set
    void *arg;
    const char *dir; // relative ${file:…} paths start here
};

enum { SECRET_BYTES_MAX = 64 * 1024 };

// True when the text has ${…} in it.
bool secret_has_reference(struct str raw);
// Same length with every ${…} and $${ overwritten by 'x': for finding separators.
struct str secret_mask(struct arena *a, struct str raw);
// Puts the values in. The error names the variable or file, never a value.
bool secret_expand(struct str *out, struct arena *a, struct str raw,
                   const struct secret_source *source, struct err *e) ERR_CHECKED;

#endif
