#include "warehouse/refused.h"

static bool run_sql(const struct part_sender *s, struct str sql, struct err *e)
{
    return s->session->transport->run(s->session, sql, e);
}

// Halves the range until one refused row is left; what stands before it stays written, as it would have been. The
// transaction ends in a rollback either way.
static bool find_refused(uint32_t *row, const struct part_sender *s, const struct rows_run *run,
                         uint32_t from, uint32_t to, struct err *e)
{
    while (to - from > 1) {
        const uint32_t middle = from + (to - from) / 2;
        if (!run_sql(s, STR("SAVEPOINT sluice_half"), e))
            return false;
        struct err half = {0};
        if (s->execute(s->arg, run, from, middle, &half)) {
            from = middle;
            continue;
        }
        if (half.kind != ERR_DATA) {
            *e = half;
            return false;
        }
        to = middle;
        if (!run_sql(s, STR("ROLLBACK TO SAVEPOINT sluice_half"), e))
            return false;
    }
    *row = from;
    if (!s->execute(s->arg, run, from, to, e))
        return false;
    return err_fail(e, ERR_REMOTE, "the server refused rows together that it takes one by one");
}

bool refused_send(const struct part_sender *s, const struct rows_run *run, uint32_t from,
                  uint32_t to, struct err *e)
{
    if (!run_sql(s, STR("SAVEPOINT sluice_part"), e))
        return false;
    if (s->execute(s->arg, run, from, to, e))
        return true;
    if (e->kind != ERR_DATA)
        return err_wrap(e, "table %.*s", STR_ARG(s->plan->spec->table));
    err_clear(e);
    if (!run_sql(s, STR("ROLLBACK TO SAVEPOINT sluice_part"), e))
        return false;
    uint32_t row = from;
    if (!find_refused(&row, s, run, from, to, e) && e->kind == ERR_DATA)
        return rows_rejected(s->plan, run->b, run->from + row, e);
    return err_wrap(e, "table %.*s", STR_ARG(s->plan->spec->table));
}
