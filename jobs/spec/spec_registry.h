// The schema registry: part of struct app_spec (jobs/spec/spec.h), same lifetime: in its arena, immutable.
#ifndef JOBS_SPEC_SPEC_REGISTRY_H
#define JOBS_SPEC_SPEC_REGISTRY_H

#include "config/conf.h"

struct registry_spec {
    struct str url;
    struct str user;
    struct secret password;
    struct str ca_file, cert_file, key_file;
    bool verify;
    int64_t timeout_ms;
    struct conf_at at; // line 0: none
};

#endif
