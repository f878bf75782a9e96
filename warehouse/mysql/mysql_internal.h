// The parts of the MySQL driver: session.c connection and errors, describe.c what a table is, sender.c binding and
// sending. mysql.c puts them together as a transport of warehouse/sql_sink.h. Only included in warehouse/mysql/.
#ifndef WAREHOUSE_MYSQL_MYSQL_INTERNAL_H
#define WAREHOUSE_MYSQL_MYSQL_INTERNAL_H

#include "warehouse/sql_sink.h"

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
    struct sql_session base;
    MYSQL *db;
    struct mysql_sender *sender; // NULL = not prepared
    enum mysql_sending sending;
    uint64_t packet_max;       // max_allowed_packet
    const char *key_collation; // the best binary collation, without padding
    bool padded_ok;            // the server has none without
};

bool mysql_settings_read(struct mysql_settings *out, const struct warehouse_url *url,
                         struct err *e) ERR_CHECKED;
struct mysql_session *mysql_session_of(struct sql_session *base);

// The adapter of this library: code, SQLSTATE and text are kept, kind and remedy follow from the code. Returns false.
bool mysql_stmt_err(struct err *e, const struct mysql_session *s, MYSQL_STMT *stmt);

// Members of the transport.
extern const struct sql_transport mysql_transport;
bool mysql_connect(struct sql_session **out, struct arena *a, const struct sink_spec *spec,
                   struct err *e) ERR_CHECKED;
bool mysql_run(struct sql_session *base, struct str sql, struct err *e) ERR_CHECKED;
uint64_t mysql_affected(struct sql_session *base);
bool mysql_fetch(struct sql_result *out, struct sql_session *base, struct arena *a, struct str sql,
                 struct err *e) ERR_CHECKED;
void mysql_literal(struct sql_session *base, struct buf *out, struct str value);
bool mysql_describe_table(struct table_info *out, struct sql_session *base, struct arena *a,
                          struct str table, struct err *e) ERR_CHECKED;
bool mysql_prepare(struct sql_session *base, struct arena *a, const struct rows_plan *plan,
                   struct err *e) ERR_CHECKED;
bool mysql_send(struct sql_session *base, const struct block *b, uint64_t batch,
                struct err *e) ERR_CHECKED;
void mysql_disconnect(struct sql_session *base);

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
void mysql_sender_fini(struct mysql_sender *s);

#endif
