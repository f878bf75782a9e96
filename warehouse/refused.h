// Sending a part of a block as one statement, and finding the rows when the server refuses it: by halves, within
// savepoints of the open transaction. For servers that do not say which of many rows they refuse.
#ifndef WAREHOUSE_REFUSED_H
#define WAREHOUSE_REFUSED_H

#include "warehouse/sql_sink.h"

struct part_sender {
    struct sql_session *session;
    const struct rows_plan *plan;
    // Rows [from, to) of the run, counted from run->from. ERR_DATA = the server refused one of them.
    bool (*execute)(void *arg, const struct rows_run *run, uint32_t from, uint32_t to,
                    struct err *e);
    void *arg;
};

// Refused rows are taken out (rows_refuse), the others are written. ERR_DATA: one may not be taken, e names table, row and the
// server's own text; the transaction is to be rolled back.
bool refused_send(const struct part_sender *s, const struct rows_run *run, uint32_t from,
                  uint32_t to, struct err *e) ERR_CHECKED;

#endif
