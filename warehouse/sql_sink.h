// A sink over a database server that takes SQL as text: tables, heads, transactions. What differs between servers is their
// dialect and their transport (struct sql_transport); a driver is those two and a struct sink_type whose members are the
// functions below.
//
// Everything runs on the sink's one connection and thread. A connection whose commit got no answer is closed: only a new
// session, by the locked head, can tell what became of it.
#ifndef WAREHOUSE_SQL_SINK_H
#define WAREHOUSE_SQL_SINK_H

#include "warehouse/differences.h"
#include "warehouse/rows.h"
#include "warehouse/table.h"
#include "warehouse/upsert.h"

struct sql_transport;

// A connection. First member of every driver's own struct, in the sink's arena.
struct sql_session {
    const struct sql_transport *transport;
    const char *display; // for messages
};

// Rows as text in arena memory; NULL has p == NULL.
struct sql_result {
    struct str *v; // row after row
    size_t rows;
    unsigned columns;
};

// Errors: ERR_DATA = the server refused a row; ERR_REMOTE with REMEDY_RECONNECT or REMEDY_RETRY_RUN; ERR_CONFIG.
struct sql_transport {
    const struct dialect *dialect;
    const char *begin;                                              // "START TRANSACTION"
    const char *ignore_existing;                                    // behind the INSERT of a head
    const char *site_ddl, *site_write, *site_replace, *site_commit; // of the durable layer
    // Connects and sets the session up. On failure *out, when set, is closed by the caller.
    bool (*connect)(struct sql_session **out, struct arena *a, const struct sink_spec *spec,
                    struct err *e);
    bool (*run)(struct sql_session *s, struct str sql, struct err *e);
    uint64_t (*affected)(struct sql_session *s); // rows that the last run() found
    bool (*fetch)(struct sql_result *out, struct sql_session *s, struct arena *a, struct str sql,
                  struct err *e);
    void (*literal)(struct sql_session *s, struct buf *out, struct str value); // quoted
    bool (*describe_table)(struct table_info *out, struct sql_session *s, struct arena *a,
                           struct str table, struct err *e);
    // Before the first send: statements, staging tables. plan outlives the session.
    bool (*prepare)(struct sql_session *s, struct arena *a, const struct rows_plan *plan,
                    struct err *e);
    // A block within the open transaction. Rows that the server refuses are found (warehouse/refused.h) and taken out.
    bool (*send)(struct sql_session *s, const struct block *b, uint64_t batch, struct err *e);
    void (*close)(struct sql_session *s); // an open transaction is rolled back; called once
};

// Members of a driver's struct sink_type; `type` is that struct.
bool sql_sink_open(struct sink **out, const struct sink_type *type,
                   const struct sql_transport *transport, const struct sink_spec *spec,
                   struct err *e) ERR_CHECKED;
bool sql_sink_head(struct sink *base, struct head *out, struct err *e) ERR_CHECKED;
bool sql_sink_begin(struct sink *base, const struct commit_step *step, enum head_state *out,
                    struct head *found, struct err *e) ERR_CHECKED;
bool sql_sink_replace(struct sink *base, uint64_t slot, struct err *e) ERR_CHECKED;
bool sql_sink_again(struct sink *base, const struct reject_set *set, struct err *e) ERR_CHECKED;
bool sql_sink_write(struct sink *base, const struct block *b, struct err *e) ERR_CHECKED;
bool sql_sink_commit(struct sink *base, uint64_t *rejected, struct err *e) ERR_CHECKED;
bool sql_sink_count(struct sink *base, uint64_t batch, uint64_t *rows, struct err *e) ERR_CHECKED;
bool sql_sink_compare(struct sink *base, const struct sink_rows *want, struct sink_differences *out,
                      struct err *e) ERR_CHECKED;
void sql_sink_abort(struct sink *base);
void sql_sink_close(struct sink *base);

// A member needs the transport, too: bool x(…) { return sql_sink_rejects(&x_transport, …); }
bool sql_sink_rejects(const struct sql_transport *transport, const struct warehouse_url *url,
                      const struct rejects_query *q, reject_fn *fn, void *arg,
                      struct err *e) ERR_CHECKED;
// Members need the transport, too.
bool sql_sink_drift(const struct sql_transport *transport, struct buf *out,
                    const struct sink_spec *spec, struct err *e) ERR_CHECKED;

// sql in which the i-th ? is replaced by the i-th value as a quoted literal.
struct str sql_literals(struct sql_session *s, struct arena *a, struct str sql,
                        const struct str *values, size_t count);

#endif
