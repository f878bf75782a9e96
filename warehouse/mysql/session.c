#include "warehouse/mysql/mysql_internal.h"
#include "warehouse/params.h"

#include <assert.h>

#include <errmsg.h>
#include <mysqld_error.h>

#define SQL_MODE                                                          \
    "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE," \
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

enum { // codes that the headers of libmariadb lack, or that the two servers number apart
    CODE_CHECK_MARIADB = 4025,
    CODE_CHECK_MYSQL = 3819,
    CODE_JSON_INVALID = 3140,
    CODE_CONNECTION_KILLED = 1927, // MariaDB
    CODE_CLIENT_INACTIVE = 4031,   // MySQL
    CODE_STATEMENT_TIMEOUT = 1969,
    CODE_READ_ONLY = 1290,
    CODE_READ_ONLY_TRANSACTION = 1792,
    CODE_READ_ONLY_INNODB = 1836,
    CODE_DISK_FULL = 1021,
    CODE_TABLE_FULL = 1114,
    CODE_CONNECTIONS = 1040,
    CODE_HOST_BLOCKED = 1129,
    CODE_SHUTDOWN = 1053,
    CODE_INTERRUPTED = 1317,
    CODE_TRUNCATED = 1265,
};

#define TEXT_PARAM(field) 1, 0, offsetof(struct mysql_settings, field)
static const struct warehouse_param params[] = {
    {"connect_timeout", 1, 3600, offsetof(struct mysql_settings, connect_timeout),
     "seconds to connect (10)"},
    {"read_timeout", 1, 86400, offsetof(struct mysql_settings, read_timeout),
     "seconds to wait for an answer (120)"},
    {"write_timeout", 1, 86400, offsetof(struct mysql_settings, write_timeout),
     "seconds until the server has taken a statement (120)"},
    {"lock_wait", 1, 3600, offsetof(struct mysql_settings, lock_wait),
     "seconds to wait for a row lock (30)"},
    {"bulk", TEXT_PARAM(bulk), "array binding: auto or off"},
    {"tls", TEXT_PARAM(tls), "on, or verify: the server's certificate too"},
    {"tls_ca", TEXT_PARAM(tls_ca), "file of certificates to trust"},
    {"tls_cert", TEXT_PARAM(tls_cert), "client certificate file"},
    {"tls_key", TEXT_PARAM(tls_key), "client key file"},
    {"socket", TEXT_PARAM(socket), "Unix socket instead of host and port"},
};

bool mysql_settings_read(struct mysql_settings *out, const struct warehouse_url *url, struct err *e)
{
    *out = (struct mysql_settings){.connect_timeout = 10,
                                   .read_timeout = 120,
                                   .write_timeout = 120,
                                   .lock_wait = 30,
                                   .bulk = STR("auto")};
    if (!warehouse_params(out, params, sizeof params / sizeof *params, url, e))
        return false;
    if (!str_eq(out->bulk, STR("auto")) && !str_eq(out->bulk, STR("off")))
        return err_fail(e, ERR_CONFIG, "%.*s: parameter bulk is %.*s, must be auto or off",
                        STR_ARG(url->display), STR_ARG(out->bulk));
    if (out->tls.n && !str_eq(out->tls, STR("on")) && !str_eq(out->tls, STR("verify")))
        return err_fail(e, ERR_CONFIG, "%.*s: parameter tls is %.*s, must be on or verify",
                        STR_ARG(url->display), STR_ARG(out->tls));
    return url->database.n > 0 ||
           err_fail(e, ERR_CONFIG, "%.*s: names no database", STR_ARG(url->display));
}

// --- errors ---------------------------------------------------------------------------------------

struct verdict {
    enum err_kind kind;
    enum err_remedy remedy;
};

static struct verdict judge_state(const char *state)
{
    // SQLSTATE classes: 22 data exception, 23 integrity constraint, 40 rollback, 08 connection; 45000 is a trigger's SIGNAL.
    if (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 || strcmp(state, "45000") == 0)
        return (struct verdict){ERR_DATA, REMEDY_FATAL};
    if (strncmp(state, "40", 2) == 0)
        return (struct verdict){ERR_REMOTE, REMEDY_RETRY_RUN};
    if (strncmp(state, "08", 2) == 0)
        return (struct verdict){ERR_REMOTE, REMEDY_RECONNECT};
    return (struct verdict){ERR_REMOTE, REMEDY_FATAL};
}

static struct verdict judge(unsigned code, const char *state)
{
    switch (code) {
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case CODE_READ_ONLY:
    case CODE_READ_ONLY_TRANSACTION:
    case CODE_READ_ONLY_INNODB:
    case CODE_DISK_FULL:
    case CODE_TABLE_FULL:
    case CODE_CONNECTIONS:
    case CODE_STATEMENT_TIMEOUT:
    case CODE_HOST_BLOCKED:
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_UNKNOWN_HOST:
        return (struct verdict){ERR_REMOTE, REMEDY_RETRY_RUN};
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case CODE_SHUTDOWN:
    case CODE_CONNECTION_KILLED:
    case CODE_INTERRUPTED:
    case CODE_CLIENT_INACTIVE:
        return (struct verdict){ERR_REMOTE, REMEDY_RECONNECT};
    case ER_ACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_BAD_DB_ERROR:
    case ER_TOO_LONG_KEY:
        return (struct verdict){ERR_CONFIG, REMEDY_FATAL};
    case CODE_CHECK_MARIADB:
    case CODE_CHECK_MYSQL:
    case CODE_JSON_INVALID:
    case CODE_TRUNCATED:
    case ER_NO_DEFAULT_FOR_FIELD:
    case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
        return (struct verdict){ERR_DATA, REMEDY_FATAL};
    default:
        return judge_state(state);
    }
}

static bool fill_err(struct err *e, const struct mysql_session *s, unsigned code, const char *state,
                     const char *text)
{
    const struct verdict v = judge(code, state);
    if (v.kind == ERR_DATA) // the caller says which row
        err_fail(e, v.kind, "%s (%u, SQLSTATE %s)", text, code, state);
    else
        err_fail(e, v.kind, "%s: %s (%u, SQLSTATE %s)", s->base.display, text, code, state);
    if (code == ER_TOO_LONG_KEY)
        err_hint(e, "a key has at most 3072 bytes, four per character: map its columns, "
                    "columns: { NAME: { type: varchar(100) } }");
    return err_remedy(e, v.remedy);
}

// Of the connection's last call.
static bool mysql_db_err(struct err *e, const struct mysql_session *s)
{
    return fill_err(e, s, mysql_errno(s->db), mysql_sqlstate(s->db), mysql_error(s->db));
}

bool mysql_stmt_err(struct err *e, const struct mysql_session *s, MYSQL_STMT *stmt)
{
    return fill_err(e, s, mysql_stmt_errno(stmt), mysql_stmt_sqlstate(stmt),
                    mysql_stmt_error(stmt));
}

// --- statements as text ---------------------------------------------------------------------------

struct mysql_session *mysql_session_of(struct sql_session *base)
{
    assert(base->transport == &mysql_transport);
    return (struct mysql_session *)base;
}

bool mysql_run(struct sql_session *base, struct str sql, struct err *e)
{
    const struct mysql_session *s = mysql_session_of(base);
    assert(s->db && sql.n);
    return mysql_real_query(s->db, sql.p, sql.n) == 0 || mysql_db_err(e, s);
}

uint64_t mysql_affected(struct sql_session *base)
{
    return mysql_affected_rows(mysql_session_of(base)->db);
}

bool mysql_fetch(struct sql_result *out, struct sql_session *base, struct arena *a, struct str sql,
                 struct err *e)
{
    const struct mysql_session *s = mysql_session_of(base);
    *out = (struct sql_result){0};
    if (!mysql_run(base, sql, e))
        return false;
    MYSQL_RES *res = mysql_store_result(s->db);
    if (!res) {
        mysql_db_err(e, s);
        return false;
    }
    *out = (struct sql_result){.rows = mysql_num_rows(res), .columns = mysql_num_fields(res)};
    out->v = ARENA_ZARRAY(a, struct str, out->rows * out->columns + 1);
    for (size_t r = 0; r < out->rows; r++) {
        char **row = mysql_fetch_row(res);
        const unsigned long *n = mysql_fetch_lengths(res);
        for (unsigned i = 0; i < out->columns; i++) {
            if (row[i])
                out->v[r * out->columns + i] = arena_str(a, (struct str){n[i] ? row[i] : "", n[i]});
        }
    }
    mysql_free_result(res);
    return true;
}

void mysql_literal(struct sql_session *base, struct buf *out, struct str value)
{
    buf_char(out, '\'');
    char *p = buf_room(out, value.n * 2 + 1);
    if (p)
        out->n += mysql_real_escape_string(mysql_session_of(base)->db, p, value.n ? value.p : "",
                                           value.n);
    buf_char(out, '\'');
}

// --- opening --------------------------------------------------------------------------------------

static void set_option(MYSQL *db, enum mysql_option option, const void *value)
{
    const int rc = mysql_optionsv(db, option, value);
    assert(rc == 0);
}

static void set_tls(MYSQL *db, struct arena *a, const struct mysql_settings *settings)
{
    const my_bool on = 1;
    const my_bool verify = settings->tls.n > 0 && str_eq(settings->tls, STR("verify"));
    if (settings->tls.n) {
        set_option(db, MYSQL_OPT_SSL_ENFORCE, &on);
        set_option(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    }
    if (settings->tls_ca.n)
        set_option(db, MYSQL_OPT_SSL_CA, arena_str(a, settings->tls_ca).p);
    if (settings->tls_cert.n)
        set_option(db, MYSQL_OPT_SSL_CERT, arena_str(a, settings->tls_cert).p);
    if (settings->tls_key.n)
        set_option(db, MYSQL_OPT_SSL_KEY, arena_str(a, settings->tls_key).p);
}

static void set_options(MYSQL *db, struct arena *a, const struct mysql_settings *settings)
{
    const unsigned connect = (unsigned)settings->connect_timeout;
    const unsigned read = (unsigned)settings->read_timeout;
    const unsigned write = (unsigned)settings->write_timeout;
    const unsigned off = 0;
    const size_t packet = (size_t)1 << 30; // the server's own limit is the one that counts
    set_option(db, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    set_option(db, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
    set_option(db, MYSQL_OPT_READ_TIMEOUT, &read);
    set_option(db, MYSQL_OPT_WRITE_TIMEOUT, &write);
    set_option(db, MYSQL_OPT_LOCAL_INFILE, &off); // else the server could ask for any file of ours
    set_option(db, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    set_tls(db, a, settings);
}

static const char *text_or_null(struct arena *a, struct str s)
{
    return s.n ? arena_str(a, s).p : NULL;
}

static bool connect_to(struct mysql_session *s, struct arena *a, const struct warehouse_url *url,
                       const struct mysql_settings *settings, struct err *e)
{
    s->db = mysql_init(NULL);
    assert(s->db);
    set_options(s->db, a, settings);
    // FOUND_ROWS: an UPDATE that changes nothing still counts its row.
    if (mysql_real_connect(s->db, text_or_null(a, url->host), text_or_null(a, url->user),
                           text_or_null(a, url->password), text_or_null(a, url->database),
                           url->port, text_or_null(a, settings->socket), CLIENT_FOUND_ROWS))
        return true;
    return mysql_db_err(e, s);
}

static bool check_session(struct mysql_session *s, struct arena *a, struct err *e)
{
    struct sql_result r;
    if (!mysql_fetch(&r, &s->base, a,
                     STR("SELECT @@session.sql_mode, @@session.time_zone,"
                         " @@session.character_set_client, @@session.max_allowed_packet"),
                     e))
        return false;
    assert(r.rows == 1 && r.columns == 4);
    const struct str mode = r.v[0], zone = r.v[1], charset = r.v[2], packet = r.v[3];
    size_t at;
    if (!str_find(&at, mode, STR("STRICT_ALL_TABLES"))) {
        err_fail(e, ERR_CONFIG, "%s: strict mode cannot be set, sql_mode is \"%.*s\"",
                 s->base.display, STR_ARG(mode));
        return err_hint(e, "a proxy overrides it: let the session set STRICT_ALL_TABLES");
    }
    if (!str_eq(zone, STR("+00:00")) || !str_eq(charset, STR("utf8mb4")))
        return err_fail(e, ERR_CONFIG,
                        "%s: the session has time zone %.*s and character set %.*s, must be +00:00 "
                        "and utf8mb4",
                        s->base.display, STR_ARG(zone), STR_ARG(charset));
    return str_to_u64(&s->packet_max, packet) ||
           err_fail(e, ERR_REMOTE, "%s: max_allowed_packet is %.*s", s->base.display,
                    STR_ARG(packet));
}

static bool set_session(struct mysql_session *s, struct arena *a,
                        const struct mysql_settings *settings, struct err *e)
{
    const struct str set =
        arena_printf(a,
                     "SET SESSION sql_mode = '" SQL_MODE "', time_zone = '+00:00',"
                     " innodb_lock_wait_timeout = %lld, autocommit = 1, foreign_key_checks = 1,"
                     " unique_checks = 1",
                     (long long)settings->lock_wait);
    if (!mysql_run(&s->base, set, e))
        return err_wrap(e, "set up the session");
    return check_session(s, a, e);
}

static bool find_collation(struct mysql_session *s, struct arena *a, struct err *e)
{
    struct sql_result r;
    if (!mysql_fetch(&r, &s->base, a,
                     STR("SELECT collation_name FROM information_schema.collations WHERE"
                         " collation_name IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')"),
                     e))
        return false;
    s->padded_ok = r.rows == 0;
    s->key_collation = r.rows ? r.v[0].p : "utf8mb4_bin";
    return true;
}

bool mysql_connect(struct sql_session **out, struct arena *a, const struct sink_spec *spec,
                   struct err *e)
{
    struct mysql_settings settings;
    if (!mysql_settings_read(&settings, spec->url, e))
        return false;
    struct mysql_session *s = ARENA_NEW(a, struct mysql_session);
    s->base = (struct sql_session){&mysql_transport, arena_str(a, spec->url->display).p};
    *out = &s->base;
    if (!connect_to(s, a, spec->url, &settings, e) || !set_session(s, a, &settings, e) ||
        !find_collation(s, a, e))
        return false;
    unsigned long capabilities = 0;
    const bool known = mariadb_get_infov(s->db, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES,
                                         &capabilities) == 0;
    const bool bulk =
        known && (capabilities & (unsigned long)(MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32)) != 0;
    s->sending = bulk && str_eq(settings.bulk, STR("auto")) ? MYSQL_BULK : MYSQL_MULTI;
    return true;
}

void mysql_disconnect(struct sql_session *base)
{
    struct mysql_session *s = mysql_session_of(base);
    if (s->sender)
        mysql_sender_fini(s->sender);
    mysql_close(s->db); // the server rolls an open transaction back
}
