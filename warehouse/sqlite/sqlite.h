// SQLite 3.24 or later: "sqlite://FILE". WAL, synchronous=FULL, BEGIN IMMEDIATE locks the file; one transaction at a time
// per file, so begin one sink after the other has committed. Durable sites: sqlite.ddl, sqlite.write, sqlite.commit.
#ifndef WAREHOUSE_SQLITE_SQLITE_H
#define WAREHOUSE_SQLITE_SQLITE_H

#include "warehouse/sink.h"

extern const struct sink_type sink_sqlite;

#endif
