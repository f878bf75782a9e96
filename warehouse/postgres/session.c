#include "warehouse/params.h"
#include "warehouse/postgres/postgres_internal.h"

#include <assert.h>

struct settings {
    int64_t connect_timeout, read_timeout, lock_wait; // seconds
    struct str schema, tls, tls_ca, tls_cert, tls_key, socket;
};

#define TEXT_PARAM(field) 1, 0, offsetof(struct settings, field)
static const struct warehouse_param params[] = {
    {"connect_timeout", 2, 3600, offsetof(struct settings, connect_timeout),
     "seconds to connect (10)"},
    {"read_timeout", 1, 86400, offsetof(struct settings, read_timeout),
     "seconds that a statement may take (120)"},
    {"lock_wait", 1, 3600, offsetof(struct settings, lock_wait),
     "seconds to wait for a row lock (30)"},
    {"schema", TEXT_PARAM(schema), "schema of the tables and of sluice_heads (public)"},
    {"tls", TEXT_PARAM(tls), "on, or verify: the server's certificate too"},
    {"tls_ca", TEXT_PARAM(tls_ca), "file of certificates to trust"},
    {"tls_cert", TEXT_PARAM(tls_cert), "client certificate file"},
    {"tls_key", TEXT_PARAM(tls_key), "client key file"},
    {"socket", TEXT_PARAM(socket), "directory of the Unix socket instead of host"},
};

static bool read_settings(struct settings *out, const struct warehouse_url *url, struct err *e)
{
    *out = (struct settings){
        .connect_timeout = 10, .read_timeout = 120, .lock_wait = 30, .schema = STR("public")};
    if (!warehouse_params(out, params, sizeof params / sizeof *params, url, e))
        return false;
    if (out->tls.n && !str_eq(out->tls, STR("on")) && !str_eq(out->tls, STR("verify")))
        return err_fail(e, ERR_CONFIG, "%.*s: parameter tls is %.*s, must be on or verify",
                        STR_ARG(url->display), STR_ARG(out->tls));
    return url->database.n > 0 ||
           err_fail(e, ERR_CONFIG, "%.*s: names no database", STR_ARG(url->display));
}

struct postgres_session *postgres_session_of(struct sql_session *base)
{
    assert(base->transport == &postgres_transport);
    return (struct postgres_session *)base;
}

// --- errors ---------------------------------------------------------------------------------------

struct verdict {
    const char *state; // SQLSTATE, or its class (PostgreSQL's documentation, appendix A)
    enum err_kind kind;
    enum err_remedy remedy;
};

// The first that fits decides.
static const struct verdict verdicts[] = {
    {"25006", ERR_REMOTE, REMEDY_RETRY_RUN}, // read only: a standby, or a fail-over
    {"57014", ERR_REMOTE, REMEDY_RETRY_RUN}, // statement timeout
    {"55P03", ERR_REMOTE, REMEDY_RETRY_RUN}, // lock timeout
    {"57P", ERR_REMOTE, REMEDY_RECONNECT},   // shutdown, crash of another process
    {"08", ERR_REMOTE, REMEDY_RECONNECT},    // connection
    {"40", ERR_REMOTE, REMEDY_RETRY_RUN},    // deadlock, serialization
    {"53", ERR_REMOTE, REMEDY_RETRY_RUN},    // disk full, too many connections
    {"58", ERR_REMOTE, REMEDY_RETRY_RUN},    // the server's own system calls
    {"22", ERR_DATA, REMEDY_FATAL},          // data exception
    {"23", ERR_DATA, REMEDY_FATAL},          // integrity constraint
    {"44", ERR_DATA, REMEDY_FATAL},          // WITH CHECK OPTION
    {"54000", ERR_DATA, REMEDY_FATAL},       // a value beyond the index's row size
    {"P0001", ERR_DATA, REMEDY_FATAL},       // a trigger's RAISE EXCEPTION
    {"28", ERR_CONFIG, REMEDY_FATAL},        // password, pg_hba.conf
    {"3D", ERR_CONFIG, REMEDY_FATAL},        // no such database
    {"3F", ERR_CONFIG, REMEDY_FATAL},        // no such schema
    {"42501", ERR_CONFIG, REMEDY_FATAL},     // privileges
};

static struct verdict judge(const char *state)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        if (strncmp(state, verdicts[i].state, strlen(verdicts[i].state)) == 0)
            return verdicts[i];
    }
    return (struct verdict){"", ERR_REMOTE, REMEDY_FATAL};
}

// One line of libpq's text, without the newline and the prefix that repeats the severity.
static struct str message_of(const char *text)
{
    struct str line = str_trim(str_from(text ? text : ""));
    struct str first;
    if (str_split_once(&first, &(struct str){0}, line, '\n'))
        line = first;
    return line;
}

bool postgres_err(struct err *e, const struct postgres_session *s, const PGresult *r)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!state) { // the library's own: the connection is gone, or never was
        const struct str text = message_of(PQerrorMessage(s->db));
        err_fail(e, ERR_REMOTE, "%s: %.*s", s->base.display, STR_ARG(text));
        return err_remedy(e, REMEDY_RECONNECT);
    }
    const struct verdict v = judge(state);
    const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
    if (v.kind == ERR_DATA) // the caller says which row
        err_fail(e, v.kind, "%s%s%s (SQLSTATE %s)", primary, detail ? ": " : "",
                 detail ? detail : "", state);
    else
        err_fail(e, v.kind, "%s: %s (SQLSTATE %s)", s->base.display, primary, state);
    return err_remedy(e, v.remedy);
}

// --- statements as text ---------------------------------------------------------------------------

static PGresult *execute(struct postgres_session *s, struct str sql)
{
    struct buf text;
    buf_init(&text, SINK_SQL_MAX + 1);
    buf_str(&text, sql);
    buf_char(&text, 0);
    assert(!text.failed && !memchr(sql.p, 0, sql.n));
    PGresult *r = PQexec(s->db, text.p);
    buf_fini(&text);
    return r;
}

static bool worked(const PGresult *r)
{
    const ExecStatusType status = PQresultStatus(r);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

bool postgres_run(struct sql_session *base, struct str sql, struct err *e)
{
    struct postgres_session *s = postgres_session_of(base);
    PGresult *r = execute(s, sql);
    const bool ok = worked(r) || postgres_err(e, s, r);
    if (ok && !str_to_u64(&s->affected, str_from(PQcmdTuples(r))))
        s->affected = 0;
    // COMMIT of a transaction that had failed is a ROLLBACK that calls itself a success.
    const bool rolled_back =
        ok && str_eq(sql, STR("COMMIT")) && strcmp(PQcmdStatus(r), "COMMIT") != 0;
    PQclear(r);
    if (rolled_back)
        return err_fail(e, ERR_BUG, "%s: the transaction had failed before its commit",
                        base->display);
    return ok;
}

uint64_t postgres_affected(struct sql_session *base)
{
    return postgres_session_of(base)->affected;
}

bool postgres_fetch(struct sql_result *out, struct sql_session *base, struct arena *a,
                    struct str sql, struct err *e)
{
    struct postgres_session *s = postgres_session_of(base);
    PGresult *r = execute(s, sql);
    *out = (struct sql_result){0};
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        postgres_err(e, s, r);
        PQclear(r);
        return false;
    }
    out->rows = (size_t)PQntuples(r);
    out->columns = (unsigned)PQnfields(r);
    out->v = ARENA_ZARRAY(a, struct str, out->rows * out->columns + 1);
    for (int row = 0; row < PQntuples(r); row++) {
        for (int i = 0; i < PQnfields(r); i++) {
            if (!PQgetisnull(r, row, i))
                out->v[(size_t)row * out->columns + (size_t)i] = arena_str(
                    a, (struct str){PQgetvalue(r, row, i), (size_t)PQgetlength(r, row, i)});
        }
    }
    PQclear(r);
    return true;
}

void postgres_literal(struct sql_session *base, struct buf *out, struct str value)
{
    char *text = PQescapeLiteral(postgres_session_of(base)->db, value.n ? value.p : "", value.n);
    assert(text); // no memory, or not UTF-8: names and plans are ours
    buf_text(out, text);
    PQfreemem(text);
}

// --- opening --------------------------------------------------------------------------------------

struct option_list {
    const char *names[24];
    const char *values[24];
    size_t n;
};

static void add_option(struct option_list *l, struct arena *a, const char *name, struct str value)
{
    if (!value.n)
        return;
    assert(l->n + 1 < sizeof l->names / sizeof *l->names);
    l->names[l->n] = name;
    l->values[l->n++] = arena_str(a, value).p;
}

static bool connect_to(struct postgres_session *s, struct arena *a, const struct warehouse_url *url,
                       const struct settings *settings, struct err *e)
{
    struct option_list l = {.n = 0};
    const bool verify = str_eq(settings->tls, STR("verify"));
    add_option(&l, a, "host", settings->socket.n ? settings->socket : url->host);
    if (url->port)
        add_option(&l, a, "port", arena_printf(a, "%u", (unsigned)url->port));
    add_option(&l, a, "user", url->user);
    add_option(&l, a, "password", url->password);
    add_option(&l, a, "dbname", url->database);
    add_option(&l, a, "connect_timeout",
               arena_printf(a, "%lld", (long long)settings->connect_timeout));
    add_option(&l, a, "sslmode",
               settings->tls.n ? (verify ? STR("verify-full") : STR("require")) : STR_NONE);
    add_option(&l, a, "sslrootcert", settings->tls_ca);
    add_option(&l, a, "sslcert", settings->tls_cert);
    add_option(&l, a, "sslkey", settings->tls_key);
    add_option(&l, a, "application_name", STR("sluice"));
    add_option(&l, a, "client_encoding", STR("UTF8"));
    // A dead server is noticed: no answer to probes, nothing acknowledged.
    add_option(&l, a, "keepalives_idle", STR("30"));
    add_option(&l, a, "tcp_user_timeout",
               arena_printf(a, "%lld", (long long)settings->read_timeout * 1000));
    s->db = PQconnectdbParams(l.names, l.values, 0);
    assert(s->db);
    if (PQstatus(s->db) == CONNECTION_OK)
        return true;
    const struct str text = message_of(PQerrorMessage(s->db));
    size_t at;
    const bool refused = str_find(&at, text, STR("authentication failed")) ||
                         str_find(&at, text, STR("does not exist")) ||
                         str_find(&at, text, STR("no pg_hba.conf entry")) ||
                         str_find(&at, text, STR("no password supplied"));
    err_fail(e, refused ? ERR_CONFIG : ERR_REMOTE, "%s: %.*s", s->base.display, STR_ARG(text));
    return err_remedy(e, refused ? REMEDY_FATAL : REMEDY_RETRY_RUN);
}

static void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

static bool set_session(struct postgres_session *s, struct arena *a,
                        const struct settings *settings, struct err *e)
{
    struct buf schema;
    buf_init(&schema, 256);
    dialect_name(&schema, &dialect_postgres, settings->schema);
    buf_char(&schema, 0);
    const bool named = buf_ok(&schema, "the name of the schema", e);
    const struct str set =
        named ? arena_printf(a,
                             "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle ="
                             " 'postgres'; SET standard_conforming_strings = on;"
                             " SET synchronous_commit = on; SET client_min_messages = warning;"
                             " SET lock_timeout = '%llds'; SET statement_timeout = '%llds';"
                             " SET search_path = %s",
                             (long long)settings->lock_wait, (long long)settings->read_timeout,
                             schema.p)
              : STR_NONE;
    buf_fini(&schema);
    if (!named || !postgres_run(&s->base, set, e))
        return err_wrap(e, "set up the session");
    struct sql_result r;
    if (!postgres_fetch(&r, &s->base, a,
                        STR("SELECT current_setting('server_encoding'), current_schema()"), e))
        return false;
    if (!r.v[1].p)
        return err_fail(e, ERR_CONFIG, "%s: there is no schema %.*s", s->base.display,
                        STR_ARG(settings->schema));
    return str_eq(r.v[0], STR("UTF8")) ||
           err_fail(e, ERR_CONFIG, "%s: the database's encoding is %.*s, must be UTF8",
                    s->base.display, STR_ARG(r.v[0]));
}

bool postgres_connect(struct sql_session **out, struct arena *a, const struct sink_spec *spec,
                      struct err *e)
{
    struct settings settings;
    if (!read_settings(&settings, spec->url, e))
        return false;
    struct postgres_session *s = ARENA_NEW(a, struct postgres_session);
    s->base = (struct sql_session){&postgres_transport, arena_str(a, spec->url->display).p};
    *out = &s->base;
    if (!connect_to(s, a, spec->url, &settings, e))
        return false;
    PQsetNoticeReceiver(s->db, ignore_notice, NULL);
    return set_session(s, a, &settings, e);
}

void postgres_disconnect(struct sql_session *base)
{
    PQfinish(postgres_session_of(base)->db); // the server rolls an open transaction back
}
