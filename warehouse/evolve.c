// Bringing an existing table to the output's columns; declared in warehouse/table.h.
#include "warehouse/table.h"

#include "warehouse/upsert.h"

#include <assert.h>

struct evolution {
    struct buf *out;
    const struct dialect *d;
    const struct sink_spec *spec;
    bool first;
};

// One statement where the store takes several changes in one, else one each.
static void change(struct evolution *x, const char *how, struct str column)
{
    if (x->first || x->d->alter == ALTER_NOTHING) {
        buf_text(x->out, x->first ? "ALTER TABLE " : ";\nALTER TABLE ");
        dialect_name(x->out, x->d, x->spec->table);
        buf_char(x->out, ' ');
    } else {
        buf_text(x->out, ", ");
    }
    x->first = false;
    buf_text(x->out, how);
    dialect_name(x->out, x->d, column);
    buf_char(x->out, ' ');
}

static bool add(struct evolution *x, const struct sink_column *c, struct err *e)
{
    struct target t;
    change(x, "ADD COLUMN ", c->name);
    if (!target_for_column(&t, x->out, x->d, c, e))
        return err_wrap(e, "table %.*s", STR_ARG(x->spec->table));
    buf_text(x->out, " NULL");
    return true;
}

// Every value of `have` stays the same value in `want`, which holds more.
static bool wider(const struct target *want, const struct target *have)
{
    if (want->kind != have->kind || want->fixed != have->fixed)
        return false;
    switch (want->kind) {
    case TARGET_INTEGER:
        return want->min <= have->min && want->max >= have->max &&
               (want->min < have->min || want->max > have->max);
    case TARGET_DECIMAL:
        return have->precision > 0 && want->precision > 0 && want->scale >= have->scale &&
               want->precision - want->scale >= have->precision - have->scale &&
               want->precision > have->precision;
    case TARGET_TEXT:
    case TARGET_BYTES:
        return have->length_max > 0 && want->unit == have->unit &&
               (want->length_max == 0 || want->length_max > have->length_max);
    case TARGET_TIME:
    case TARGET_TIMESTAMP:
        return want->scale > have->scale;
    case TARGET_DOUBLE:
    case TARGET_DATE:
    case TARGET_JSON:
        break;
    }
    return false;
}

// Only where the SQL or the mapping says how wide: a text column is whatever its owner made it.
static bool says_width(const struct sink_column *c)
{
    const enum type_kind k = c->type->kind;
    return c->sql_type.n > 0 || k == TYPE_INTEGER || k == TYPE_BIGINT || k == TYPE_DECIMAL;
}

static bool widen(struct evolution *x, const struct sink_column *c, const struct table_column *have,
                  struct err *e)
{
    struct target is, want;
    struct buf type;
    // MODIFY would take a default away.
    if (x->d->alter == ALTER_NOTHING || !says_width(c) || have->generated || have->key_position ||
        (have->has_default && x->d->alter == ALTER_MODIFY) || !target_parse(&is, x->d, have->type))
        return true;
    buf_init(&type, SINK_SQL_MAX);
    bool ok = target_for_column(&want, &type, x->d, c, e);
    if (ok && wider(&want, &is)) {
        const bool modify = x->d->alter == ALTER_MODIFY;
        change(x, modify ? "MODIFY " : "ALTER COLUMN ", c->name);
        buf_printf(x->out, "%s%.*s", modify ? "" : "TYPE ", STR_ARG(buf_view(&type)));
        if (modify)
            buf_text(x->out, have->nullable ? " NULL" : " NOT NULL");
    }
    buf_fini(&type);
    return ok || err_wrap(e, "table %.*s", STR_ARG(x->spec->table));
}

bool table_evolve(struct buf *out, const struct table_info *t, const struct dialect *d,
                  const struct sink_spec *spec, struct err *e)
{
    struct evolution x = {out, d, spec, true};
    if (spec->schema != SINK_SCHEMA_EVOLVE || !t->exists || t->wrong_kind)
        return true;
    for (size_t i = 0; i < spec->count; i++) {
        struct sink_column c = spec->columns[i];
        const struct table_column *have = table_find(t, c.name);
        if (spec->mode == SINK_UPSERT && c.key) // the primary key stays what it is
            continue;
        c.key = false;
        if (have ? !widen(&x, &c, have, e) : !add(&x, &c, e))
            return false;
    }
    return buf_ok(out, "the statement", e);
}
