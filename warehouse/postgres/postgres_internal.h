// The parts of the PostgreSQL driver: session.c connection and errors, describe.c what a table is, sender.c copying rows.
// postgres.c puts them together as a transport of warehouse/sql_sink.h. Only included in warehouse/postgres/.
#ifndef WAREHOUSE_POSTGRES_POSTGRES_INTERNAL_H
#define WAREHOUSE_POSTGRES_POSTGRES_INTERNAL_H

#include "warehouse/sql_sink.h"

#include <libpq-fe.h>

struct postgres_sender;

struct postgres_session {
    struct sql_session base;
    PGconn *db;
    uint64_t affected;              // rows of the last statement
    struct postgres_sender *sender; // NULL = not prepared
};

struct postgres_session *postgres_session_of(struct sql_session *base);
// The adapter of this library: SQLSTATE and text are kept, kind and remedy follow from the SQLSTATE. r may be NULL: the
// connection's own error. Returns false.
bool postgres_err(struct err *e, const struct postgres_session *s, const PGresult *r);

// Members of the transport.
extern const struct sql_transport postgres_transport;
bool postgres_connect(struct sql_session **out, struct arena *a, const struct sink_spec *spec,
                      struct err *e) ERR_CHECKED;
bool postgres_run(struct sql_session *base, struct str sql, struct err *e) ERR_CHECKED;
uint64_t postgres_affected(struct sql_session *base);
bool postgres_fetch(struct sql_result *out, struct sql_session *base, struct arena *a,
                    struct str sql, struct err *e) ERR_CHECKED;
void postgres_literal(struct sql_session *base, struct buf *out, struct str value);
bool postgres_describe_table(struct table_info *out, struct sql_session *base, struct arena *a,
                             struct str table, struct err *e) ERR_CHECKED;
bool postgres_prepare(struct sql_session *base, struct arena *a, const struct rows_plan *plan,
                      struct err *e) ERR_CHECKED;
bool postgres_send(struct sql_session *base, const struct block *b, uint64_t batch,
                   struct err *e) ERR_CHECKED;
void postgres_disconnect(struct sql_session *base);

#endif
