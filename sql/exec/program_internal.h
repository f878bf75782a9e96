// What the parts of program_compile share while they run.
#ifndef SQL_EXEC_PROGRAM_INTERNAL_H
#define SQL_EXEC_PROGRAM_INTERNAL_H

#include "sql/exec/program.h"
#include "sql/plan/prune.h"

// What was found out about a plan node, by its position.
struct mark {
    bool reached;
    bool last_change; // output: the last change per key is enough
    bool collapses;   // everything downstream is content with that
    bool before;      // some consumer needs -U rows
    bool seeded;      // it or something downstream has UUID() or RANDOM()
    int output;       // -1
    struct use *use;  // per logical column
};

struct compile {
    struct arena *a;
    const struct program_spec *spec;
    struct program *p;
    struct mark *marks;       // per plan node
    struct phys_node **nodes; // per plan node, NULL = not needed
};

uint32_t compile_position(const struct plan *plan, const struct plan_node *n);
// A plan object whose single writer is another object: rows go through the declared formats.
bool compile_converts(const struct plan_node *n);
// Own pruned schema and column map; columns stay writable until the node is finished.
struct schema_column *compile_schema(struct compile *c, struct phys_node *n, const struct use *use);

// Marks before, collapses and seeded; after reachability.
void compile_changes(struct compile *c);
bool compile_source(struct compile *c, struct phys_node *n, struct err *e) ERR_CHECKED;
bool compile_convert(struct compile *c, struct phys_node *n, struct err *e) ERR_CHECKED;
bool compile_join(struct compile *c, struct phys_node *n, const struct use *use,
                  struct err *e) ERR_CHECKED;
// What input `which` of a join must deliver for what is used of the join (m).
void use_join_input(struct use *input, struct arena *a, const struct mark *m,
                    const struct plan_node *n, uint32_t which);
void compile_table_sides(struct compile *c); // after all nodes
// After all nodes: moves filters into sources and builds the decoders.
bool compile_decoders(struct compile *c, struct err *e) ERR_CHECKED;
void compile_identity(struct compile *c); // fingerprints, digest

#endif
