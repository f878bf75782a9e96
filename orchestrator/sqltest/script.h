// A file of tests in ksqlDB's .sql form: "--@test: name" begins one, "--@expected.error:" and "--@expected.message:" make it
// a negative one. Everything lives in the arena and points into the text.
#ifndef ORCHESTRATOR_SQLTEST_SCRIPT_H
#define ORCHESTRATOR_SQLTEST_SCRIPT_H

#include "base/arena.h"
#include "base/err.h"

struct script_case {
    struct str test; // as named in the file
    struct str name; // <file stem> - <test>
    struct str text;
    struct str error, message; // p == NULL: not expected
    unsigned last_line;        // in `text`, 1-based: where its last statement begins
    uint32_t statements;
};

struct script {
    struct script_case *cases;
    uint32_t count;
};

#define SCRIPT_BYTES_MAX ((size_t)16 << 20)

// The text of the file at path with what "RUN SCRIPT 'file';" names in the place of these lines; names are relative to the
// file's folder. Scripts do not run scripts.
bool script_include(struct str *out, struct arena *a, const char *path, struct str text,
                    struct err *e) ERR_CHECKED;
bool script_load(struct script *out, struct arena *a, struct str stem, struct str text,
                 struct err *e) ERR_CHECKED;

#endif
