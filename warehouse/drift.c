// What open would find and do, in words; declared in warehouse/table.h.
#include "warehouse/table.h"

#include "warehouse/upsert.h"

static void say_evolution(struct buf *out, const struct table_info *t, const struct dialect *d,
                          const struct sink_spec *spec, struct err *e)
{
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    if (!table_evolve(&sql, t, d, spec, e))
        buf_printf(out, "; cannot evolve: %s", e->text);
    else if (sql.n > 0)
        buf_printf(out, "; evolves by: %.*s", STR_ARG(buf_view(&sql)));
    else
        buf_text(out, "; nothing of it can evolve: refused");
    err_clear(e);
    buf_fini(&sql);
}

void table_drift(struct buf *out, const struct table_info *t, const struct dialect *d,
                 const struct sink_spec *spec)
{
    struct target *targets = MEM_ARRAY(struct target, spec->count);
    struct sink_spec strict = *spec;
    struct err why = {0};
    strict.schema = SINK_SCHEMA_FAIL;
    if (table_needs(t, spec) == TABLE_CREATE) {
        buf_printf(out, "table %.*s does not exist: it would be created", STR_ARG(spec->table));
    } else if (!table_check(targets, t, d, &strict, &why) &&
               table_needs(t, spec) != TABLE_ADD_BATCH) {
        buf_printf(out, "%s", why.text);
        err_clear(&why);
        if (spec->schema == SINK_SCHEMA_EVOLVE)
            say_evolution(out, t, d, spec, &why);
        else if (spec->schema != SINK_SCHEMA_FAIL && table_check(targets, t, d, spec, &why))
            buf_text(out, spec->schema == SINK_SCHEMA_IGNORE
                              ? "; what it lacks would not be written"
                              : "; rows with a value that has no place would be refused");
        else
            buf_text(out, "; refused");
    }
    mem_free(targets);
}
