// What option tables (config/conf.h) fill beside plain numbers and texts: places in the file, lists, mappings by name, pairs.
// Plain values in the reader's arena; immutable once parsed.
#ifndef CONFIG_CONF_VALUE_H
#define CONFIG_CONF_VALUE_H

#include "config/secret.h"

struct conf_at { // a place in the file; line 0 = not given
    unsigned line, column;
};
struct conf_texts {
    const struct str *v;
    size_t n;
    struct conf_at at;
};
struct conf_items {
    void *v; // n structs of the sub table, in the file's order
    size_t n;
};
struct conf_pair {
    struct str name;
    struct secret value;
    struct conf_at at; // of the name
};
struct conf_pairs {
    struct conf_pair *v;
    size_t n;
};

#endif
