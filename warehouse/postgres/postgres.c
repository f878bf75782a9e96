#include "warehouse/postgres/postgres.h"

#include "warehouse/postgres/postgres_internal.h"

const struct sql_transport postgres_transport = {
    .dialect = &dialect_postgres,
    .begin = "BEGIN ISOLATION LEVEL READ COMMITTED",
    .ignore_existing = " ON CONFLICT DO NOTHING",
    .site_ddl = "postgres.ddl",
    .site_write = "postgres.write",
    .site_replace = "postgres.replace",
    .site_commit = "postgres.commit",
    .connect = postgres_connect,
    .run = postgres_run,
    .affected = postgres_affected,
    .fetch = postgres_fetch,
    .literal = postgres_literal,
    .describe_table = postgres_describe_table,
    .prepare = postgres_prepare,
    .send = postgres_send,
    .close = postgres_disconnect,
};

static bool postgres_open(struct sink **out, const struct sink_spec *spec, struct err *e)
{
    return sql_sink_open(out, &sink_postgres, &postgres_transport, spec, e);
}

static bool postgres_rejects(const struct warehouse_url *url, const struct rejects_query *q,
                             reject_fn *fn, void *arg, struct err *e)
{
    return sql_sink_rejects(&postgres_transport, url, q, fn, arg, e);
}

static bool postgres_drift(struct buf *out, const struct sink_spec *spec, struct err *e)
{
    return sql_sink_drift(&postgres_transport, out, spec, e);
}

static bool postgres_describe(struct buf *out, const struct sink_spec *spec, struct err *e)
{
    return upsert_describe(out, &dialect_postgres, spec, e);
}

const struct sink_type sink_postgres = {
    .name = "postgres",
    .features = SINK_EXACT | SINK_DELETES,
    .open = postgres_open,
    .head = sql_sink_head,
    .begin = sql_sink_begin,
    .replace = sql_sink_replace,
    .again = sql_sink_again,
    .write = sql_sink_write,
    .commit = sql_sink_commit,
    .count = sql_sink_count,
    .compare = sql_sink_compare,
    .abort = sql_sink_abort,
    .close = sql_sink_close,
    .rejects = postgres_rejects,
    .drift = postgres_drift,
    .describe = postgres_describe,
};
