#include "warehouse/refused.h"

static bool run_sql(const struct part_sender *s, struct str sql, struct err *e)
{
    return s->session->transport->run(s->session, sql, e) ||
           err_wrap(e, "table %.*s", STR_ARG(s->plan->spec->table));
}

// A row is the row's fault only where the table is still the one that open has checked: a column that came since and must be
// given refuses them all.
static bool same_table(const struct part_sender *s, struct err *e)
{
    const struct sink_spec *spec = s->plan->spec;
    struct arena *a = arena_new(NULL);
    struct target *targets = ARENA_ZARRAY(a, struct target, spec->count);
    const struct sql_transport *t = s->session->transport;
    struct table_info now;
    const bool ok = t->describe_table(&now, s->session, a, spec->table, e) &&
                    table_check(targets, &now, t->dialect, spec, e);
    arena_free(a);
    return ok;
}

// What halves write stays; as deep as a part can be halved.
bool refused_send(const struct part_sender *s, const struct rows_run *run, uint32_t from,
                  uint32_t to, struct err *e)
{
    if (!run_sql(s, STR("SAVEPOINT sluice_part"), e))
        return false;
    if (s->execute(s->arg, run, from, to, e))
        return run_sql(s, STR("RELEASE SAVEPOINT sluice_part"), e);
    if (e->kind != ERR_DATA)
        return err_wrap(e, "table %.*s", STR_ARG(s->plan->spec->table));
    struct err other;
    if (!run_sql(s, STR("ROLLBACK TO SAVEPOINT sluice_part"), &other) ||
        !run_sql(s, STR("RELEASE SAVEPOINT sluice_part"), &other)) {
        *e = other;
        return false;
    }
    if (to - from == 1 && !same_table(s, &other)) {
        *e = other;
        return false;
    }
    if (to - from == 1)
        return rows_refuse(s->plan, run->b, run->from + from, e);
    err_clear(e);
    const uint32_t middle = from + (to - from) / 2;
    return refused_send(s, run, from, middle, e) && refused_send(s, run, middle, to, e);
}
