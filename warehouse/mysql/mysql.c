#include "warehouse/mysql/mysql.h"

#include "warehouse/mysql/mysql_internal.h"

const struct sql_transport mysql_transport = {
    .dialect = &dialect_mysql,
    .begin = "START TRANSACTION",
    .ignore_existing = " ON DUPLICATE KEY UPDATE `batch` = `batch`",
    .site_ddl = "mysql.ddl",
    .site_write = "mysql.write",
    .site_replace = "mysql.replace",
    .site_commit = "mysql.commit",
    .connect = mysql_connect,
    .run = mysql_run,
    .affected = mysql_affected,
    .fetch = mysql_fetch,
    .literal = mysql_literal,
    .describe_table = mysql_describe_table,
    .prepare = mysql_prepare,
    .send = mysql_send,
    .close = mysql_disconnect,
};

static bool mysql_open(struct sink **out, const struct sink_spec *spec, struct err *e)
{
    return sql_sink_open(out, &sink_mysql, &mysql_transport, spec, e);
}

static bool mysql_rejects(const struct warehouse_url *url, const struct rejects_query *q,
                          reject_fn *fn, void *arg, struct err *e)
{
    return sql_sink_rejects(&mysql_transport, url, q, fn, arg, e);
}

static bool mysql_drift(struct buf *out, const struct sink_spec *spec, struct err *e)
{
    return sql_sink_drift(&mysql_transport, out, spec, e);
}

static bool mysql_describe(struct buf *out, const struct sink_spec *spec, struct err *e)
{
    return upsert_describe(out, &dialect_mysql, spec, e);
}

const struct sink_type sink_mysql = {
    .name = "mysql",
    .features = SINK_EXACT | SINK_DELETES,
    .open = mysql_open,
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
    .rejects = mysql_rejects,
    .drift = mysql_drift,
    .describe = mysql_describe,
};
