// A Confluent-style schema registry over HTTP(S), with libcurl. Schemas by id are kept for ever (an id never changes); an unknown id is
// asked for again after REGISTRY_ABSENT_MS; subjects are always asked.
//
// One connection, one request at a time, under a lock. A registry that cannot be reached or answers 5xx is asked
// REGISTRY_ATTEMPTS times, then the error is ERR_REMOTE, worth retrying the run. Secrets reach no error.
#ifndef SCHEMA_REGISTRY_REGISTRY_HTTP_H
#define SCHEMA_REGISTRY_REGISTRY_HTTP_H

#include "base/arena.h"
#include "base/clock.h"
#include "schema/registry/registry.h"

#define REGISTRY_ANSWER_MAX ((size_t)16 << 20)
#define REGISTRY_ATTEMPTS   3
#define REGISTRY_ABSENT_MS  60000

struct registry_http_spec {
    struct str url;                 // http(s)://host[:port][/path]
    struct str user, password;      // HTTP basic; "" = none
    struct str ca_file;             // PEM; "" = the system's
    struct str cert_file, key_file; // of the client
    enum { REGISTRY_VERIFY, REGISTRY_NO_VERIFY } verify;
    int64_t timeout_ms; // of one request
    struct clock clock;
};

// Asks nothing yet. Lives and dies with a; strings of the spec are copied.
bool registry_http_new(struct registry **out, struct arena *a,
                       const struct registry_http_spec *spec, struct err *e) ERR_CHECKED;

#endif
