// An existing table: what the store says of it, compared with what the job writes, and what brings the one to the other at open
// (sink_spec.schema). Values; no state, no connection.
#ifndef WAREHOUSE_TABLE_H
#define WAREHOUSE_TABLE_H

#include "warehouse/dialect.h"

// Filled by the driver.
struct table_column {
    struct str name, type, collation; // type as in the store's own text
    bool nullable, has_default, generated;
    unsigned key_position; // 1-based in the primary key; 0 = not part
    bool key_prefix;       // only a prefix of the column is in the key
};
enum collation_kind { COLLATION_EXACT, COLLATION_PADDED, COLLATION_INEXACT };
struct table_info {
    bool exists;
    const char *wrong_kind; // "a view", "a MyISAM table": not writable exactly; NULL = fine
    const char *wrong_hint;
    struct str other_unique; // a UNIQUE index besides the primary key; "" = none
    struct table_column *columns;
    size_t count;
    // How a key column of this collation compares; PADDED is accepted only where the server has nothing better.
    enum collation_kind (*collation)(struct str name);
    bool padded_ok;
    const char *key_collation; // for the hint
};
// Compares with the spec and fills targets; one error lists every difference that spec->schema does not settle, the hint says how to
// repair it. targets[i].absent: the column is not to be written (sink_spec_leave).
bool table_check(struct target *targets, const struct table_info *t, const struct dialect *d,
                 const struct sink_spec *spec, struct err *e) ERR_CHECKED;
// The statements that a table needs under SINK_SCHEMA_EVOLVE before it is checked: columns added, and widened where every value that is
// there stays as it is. Nothing is appended when it needs none, does not exist or may not be changed.
bool table_evolve(struct buf *out, const struct table_info *t, const struct dialect *d,
                  const struct sink_spec *spec, struct err *e) ERR_CHECKED;
// What differs and what open would do about it, one line; nothing when nothing differs.
void table_drift(struct buf *out, const struct table_info *t, const struct dialect *d,
                 const struct sink_spec *spec);
// What open does before it checks; never more than `create` allows.
enum table_need { TABLE_READY, TABLE_CREATE, TABLE_ADD_BATCH };
enum table_need table_needs(const struct table_info *t, const struct sink_spec *spec);
const struct table_column *table_find(const struct table_info *t, struct str name);

#endif
