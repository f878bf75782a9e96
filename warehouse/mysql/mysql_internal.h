// The parts of the MySQL driver: session.c connection and errors, describe.c what a table is, sender.c binding and
// sending. mysql.c has the transactions. Only included in warehouse/mysql/.
#ifndef WAREHOUSE_MYSQL_MYSQL_INTERNAL_H
#define WAREHOUSE_MYSQL_MYSQL_INTERNAL_H

#include "warehouse/rows.h"
#include "warehouse/upsert.h"

#include <mysql.h>

#define MYSQL_BULK_ROWS_MAX   10000
#define MYSQL_MULTI_ROWS_MAX  1000
#define MYSQL_DELETE_ROWS_MAX 200

enum mysql_sending { MYSQL_BULK, MYSQL_MULTI };

struct mysql_settings {
    int64_t connect_timeout, read_timeout, write_timeout, lock_wait; // seconds
    struct str bulk;                                                 // "auto" | "off"
    struct str tls, tls_ca, tls_cert, tls_key;                       // tls: "" | "on" | "verify"
    struct str socket;
};

// A connection and what was found out about its server.
struct mysql_session {
    MYSQL *db;
    const char *display; // for messages
    enum mysql_sending sending;
    uint64_t packet_max;       // max_allowed_packet
    const char *key_collation; // the best binary collation, without padding
    bool padded_ok;            // the server has none without
};

bool mysql_settings_read(struct mysql_settings *out, const struct warehouse_url *url,
                         struct err *e) ERR_CHECKED;
bool mysql_session_open(struct mysql_session *out, struct arena *a, const struct sink_spec *spec,
                        const struct mysql_settings *settings, struct err *e) ERR_CHECKED;
void mysql_session_close(struct mysql_session *s);

// The adapter of this library: code, SQLSTATE and text are kept, kind and remedy follow from the code. Returns false.
bool mysql_db_err(struct err *e, const struct mysql_session *s); // of the connection's last call
bool mysql_stmt_err(struct err *e, const struct mysql_session *s, MYSQL_STMT *stmt);
bool mysql_run(struct mysql_session *s, struct str sql, struct err *e) ERR_CHECKED;
// Rows as text in arena memory; NULL has p == NULL.
struct mysql_result {
    struct str *v; // row after row
    size_t rows;
    unsigned columns;
};
bool mysql_fetch(struct mysql_result *out, struct mysql_session *s, struct arena *a, struct str sql,
                 struct err *e) ERR_CHECKED;
// sql in which the i-th ? is replaced by the i-th value as a quoted literal.
struct str mysql_literals(struct mysql_session *s, struct arena *a, struct str sql,
                          const struct str *values, size_t count);

bool mysql_describe_table(struct table_info *out, struct mysql_session *s, struct arena *a,
                          struct str table, struct err *e) ERR_CHECKED;

// Prepared statements of one kind of operation, most rows first.
struct mysql_statement {
    MYSQL_STMT *stmt;
    uint32_t rows; // of one execution; bulk: the most
};
#define MYSQL_STATEMENTS_MAX 4
struct mysql_operation {
    struct mysql_statement v[MYSQL_STATEMENTS_MAX];
    size_t n;
};
struct mysql_sender {
    struct mysql_session *session;
    const struct rows_plan *plan;
    struct mysql_operation ops[ROWS_DELETE + 1]; // by enum rows_kind
    struct arena *scratch;                       // of a run
    struct cell_array *cells;
};
bool mysql_sender_init(struct mysql_sender *out, struct arena *a, struct mysql_session *session,
                       const struct rows_plan *plan, struct err *e) ERR_CHECKED;
void mysql_sender_fini(struct mysql_sender *s);
// Sends a block within the open transaction. A row the server refuses is found by bisection and named.
bool mysql_send(struct mysql_sender *s, const struct block *b, uint64_t batch,
                struct err *e) ERR_CHECKED;

#endif
