// A warehouse's address as its driver gets it. Values, borrowed strings.
#ifndef WAREHOUSE_URL_H
#define WAREHOUSE_URL_H

#include "base/str.h"

#include <stdint.h>

// Parsed: secrets are interpolated.
struct warehouse_url {
    struct str scheme; // "mysql", "sqlite"
    struct str user, password, host, database;
    struct str path;          // file-based stores
    uint16_t port;            // 0 = default
    const struct str *params; // name, value, name, value …
    size_t param_count;
    struct str display; // without the password, for messages
};

#endif
