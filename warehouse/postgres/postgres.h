// PostgreSQL through libpq: "postgresql://USER:PASSWORD@HOST:PORT/DATABASE" (also postgres://). Rows are copied (COPY) to a temporary
// table of the session, then upserted (INSERT … ON CONFLICT) or deleted from there; appended rows are copied into the table
// itself. Session: UTC, UTF8, synchronous commits. Durable sites: postgres.ddl, postgres.write, postgres.replace, postgres.commit.
// Compiled out with WITH_POSTGRES=no.
#ifndef WAREHOUSE_POSTGRES_POSTGRES_H
#define WAREHOUSE_POSTGRES_POSTGRES_H

#include "warehouse/sink.h"

extern const struct sink_type sink_postgres;

#endif
