// JSON documents that keep how numbers were written: the scale of 1.10 matters in tests of DECIMAL columns. Comments (// and
// /* */) are legal. Nodes live in the arena and point into the text where they can; immutable. Pure functions.
#ifndef ORCHESTRATOR_SQLTEST_JNODE_H
#define ORCHESTRATOR_SQLTEST_JNODE_H

#include "base/arena.h"
#include "base/buf.h"

#define JNODE_DEPTH_MAX 128

enum jnode_kind {
    JNODE_NULL,
    JNODE_FALSE,
    JNODE_TRUE,
    JNODE_NUMBER,
    JNODE_STRING,
    JNODE_ARRAY,
    JNODE_OBJECT
};

struct jnode {
    enum jnode_kind kind;
    struct str text;     // NUMBER: as written; STRING: decoded
    struct str *names;   // OBJECT
    struct jnode *items; // ARRAY, OBJECT
    uint32_t count;
};

bool jnode_parse(struct jnode *out, struct arena *a, struct str text, struct err *e) ERR_CHECKED;
const struct jnode *jnode_get(const struct jnode *object, struct str name); // NULL when absent
// The string member, or "" with p == NULL.
struct str jnode_text(const struct jnode *object, struct str name);
void jnode_print(struct buf *out, const struct jnode *n); // without blanks

#endif
