// A file of tests in ksqlDB's JSON format, expanded to cases: one per entry of `format` times `config`.
//
// Everything lives in the arena; immutable once loaded.
#ifndef ORCHESTRATOR_SQLTEST_SUITE_H
#define ORCHESTRATOR_SQLTEST_SUITE_H

#include "orchestrator/sqltest/jnode.h"

struct suite_property {
    struct str name, value;
};

struct suite_case {
    struct str test; // as named in the file
    struct str name; // <file stem> - <test>[ - FORMAT][ - property=value]
    const struct jnode *node;
    bool enabled;
    struct str text;      // all statements, joined by newlines
    unsigned *first_line; // of each statement in `text`, 1-based
    uint32_t statements;
    struct suite_property *properties;
    uint32_t property_count;
};

struct suite {
    struct suite_case *cases;
    uint32_t count;
};

// stem: the file's name without folders and extension.
bool suite_load(struct suite *out, struct arena *a, struct str stem, struct str text,
                struct err *e) ERR_CHECKED;

#endif
