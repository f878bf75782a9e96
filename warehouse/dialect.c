#include "warehouse/dialect.h"

#include <assert.h>

enum {
    WORD_FIXED = 1 << 0,    // CHAR, BINARY
    WORD_OCTETS = 1 << 1,   // length counts bytes
    WORD_ARGS = 1 << 2,     // (n) or (p, s) means something; else it is a display width and ignored
    WORD_TRUTH = 1 << 4,    // 0 and 1 only
    WORD_AFFINITY = 1 << 3, // SQLite turns the text into REAL: exact up to 15 digits only
};

struct type_word {
    const char *word;
    enum target_kind kind;
    unsigned bits;   // INTEGER
    uint64_t length; // default of (n)
    unsigned precision, scale;
    unsigned flags;
};

static const struct type_word mysql_words[] = {
    {.word = "tinyint", .kind = TARGET_INTEGER, .bits = 8},
    {.word = "boolean", .kind = TARGET_INTEGER, .bits = 8},
    {.word = "bool", .kind = TARGET_INTEGER, .bits = 8},
    {.word = "smallint", .kind = TARGET_INTEGER, .bits = 16},
    {.word = "mediumint", .kind = TARGET_INTEGER, .bits = 24},
    {.word = "int", .kind = TARGET_INTEGER, .bits = 32},
    {.word = "integer", .kind = TARGET_INTEGER, .bits = 32},
    {.word = "bigint", .kind = TARGET_INTEGER, .bits = 64},
    {.word = "double", .kind = TARGET_DOUBLE},
    {.word = "real", .kind = TARGET_DOUBLE},
    {.word = "decimal", .kind = TARGET_DECIMAL, .precision = 10, .flags = WORD_ARGS},
    {.word = "numeric", .kind = TARGET_DECIMAL, .precision = 10, .flags = WORD_ARGS},
    {.word = "dec", .kind = TARGET_DECIMAL, .precision = 10, .flags = WORD_ARGS},
    {.word = "char", .kind = TARGET_TEXT, .length = 1, .flags = WORD_ARGS | WORD_FIXED},
    {.word = "varchar", .kind = TARGET_TEXT, .length = 255, .flags = WORD_ARGS},
    {.word = "tinytext", .kind = TARGET_TEXT, .length = 255, .flags = WORD_OCTETS},
    {.word = "text", .kind = TARGET_TEXT, .length = 65535, .flags = WORD_OCTETS},
    {.word = "mediumtext", .kind = TARGET_TEXT, .length = 16777215, .flags = WORD_OCTETS},
    {.word = "longtext", .kind = TARGET_TEXT},
    {.word = "binary",
     .kind = TARGET_BYTES,
     .length = 1,
     .flags = WORD_ARGS | WORD_FIXED | WORD_OCTETS},
    {.word = "varbinary", .kind = TARGET_BYTES, .length = 255, .flags = WORD_ARGS | WORD_OCTETS},
    {.word = "tinyblob", .kind = TARGET_BYTES, .length = 255, .flags = WORD_OCTETS},
    {.word = "blob", .kind = TARGET_BYTES, .length = 65535, .flags = WORD_OCTETS},
    {.word = "mediumblob", .kind = TARGET_BYTES, .length = 16777215, .flags = WORD_OCTETS},
    {.word = "longblob", .kind = TARGET_BYTES},
    {.word = "date", .kind = TARGET_DATE},
    {.word = "time", .kind = TARGET_TIME, .flags = WORD_ARGS},
    {.word = "datetime", .kind = TARGET_TIMESTAMP, .flags = WORD_ARGS},
    {.word = "timestamp", .kind = TARGET_TIMESTAMP, .flags = WORD_ARGS},
    {.word = "json", .kind = TARGET_JSON},
};

// SQLite keeps what it is given, except that NUMERIC affinity turns text that looks like a number into a number:
// decimals are therefore created as DECIMAL_TEXT(p,s), which has TEXT affinity (datatype3, section 3.1).
static const struct type_word sqlite_words[] = {
    {.word = "integer", .kind = TARGET_INTEGER, .bits = 64},
    {.word = "int", .kind = TARGET_INTEGER, .bits = 64},
    {.word = "bigint", .kind = TARGET_INTEGER, .bits = 64},
    {.word = "smallint", .kind = TARGET_INTEGER, .bits = 64},
    {.word = "tinyint", .kind = TARGET_INTEGER, .bits = 64},
    {.word = "boolean", .kind = TARGET_INTEGER, .bits = 64},
    {.word = "bool", .kind = TARGET_INTEGER, .bits = 64},
    {.word = "real", .kind = TARGET_DOUBLE},
    {.word = "double", .kind = TARGET_DOUBLE},
    {.word = "float", .kind = TARGET_DOUBLE},
    {.word = "decimal_text", .kind = TARGET_DECIMAL, .precision = 38, .flags = WORD_ARGS},
    {.word = "decimal",
     .kind = TARGET_DECIMAL,
     .precision = 15,
     .flags = WORD_ARGS | WORD_AFFINITY},
    {.word = "numeric",
     .kind = TARGET_DECIMAL,
     .precision = 15,
     .flags = WORD_ARGS | WORD_AFFINITY},
    {.word = "text", .kind = TARGET_TEXT},
    {.word = "varchar", .kind = TARGET_TEXT},
    {.word = "char", .kind = TARGET_TEXT},
    {.word = "clob", .kind = TARGET_TEXT},
    {.word = "blob", .kind = TARGET_BYTES, .flags = WORD_OCTETS},
    {.word = "date", .kind = TARGET_DATE},
    {.word = "time", .kind = TARGET_TIME, .scale = 3},
    {.word = "datetime", .kind = TARGET_TIMESTAMP, .scale = 6},
    {.word = "timestamp", .kind = TARGET_TIMESTAMP, .scale = 6},
    {.word = "json", .kind = TARGET_JSON},
};

static const struct type_word postgres_words[] = {
    {.word = "smallint", .kind = TARGET_INTEGER, .bits = 16},
    {.word = "int2", .kind = TARGET_INTEGER, .bits = 16},
    {.word = "integer", .kind = TARGET_INTEGER, .bits = 32},
    {.word = "int", .kind = TARGET_INTEGER, .bits = 32},
    {.word = "int4", .kind = TARGET_INTEGER, .bits = 32},
    {.word = "bigint", .kind = TARGET_INTEGER, .bits = 64},
    {.word = "int8", .kind = TARGET_INTEGER, .bits = 64},
    {.word = "boolean", .kind = TARGET_INTEGER, .bits = 1, .flags = WORD_TRUTH},
    {.word = "bool", .kind = TARGET_INTEGER, .bits = 1, .flags = WORD_TRUTH},
    {.word = "double", .kind = TARGET_DOUBLE},
    {.word = "float8", .kind = TARGET_DOUBLE},
    {.word = "numeric", .kind = TARGET_DECIMAL, .flags = WORD_ARGS},
    {.word = "decimal", .kind = TARGET_DECIMAL, .flags = WORD_ARGS},
    {.word = "text", .kind = TARGET_TEXT},
    {.word = "varchar", .kind = TARGET_TEXT, .flags = WORD_ARGS},
    {.word = "char", .kind = TARGET_TEXT, .length = 1, .flags = WORD_ARGS | WORD_FIXED},
    {.word = "bpchar", .kind = TARGET_TEXT, .flags = WORD_ARGS | WORD_FIXED},
    {.word = "uuid", .kind = TARGET_TEXT},
    {.word = "bytea", .kind = TARGET_BYTES, .flags = WORD_OCTETS},
    {.word = "date", .kind = TARGET_DATE},
    {.word = "time", .kind = TARGET_TIME, .scale = 6, .flags = WORD_ARGS},
    {.word = "timestamp", .kind = TARGET_TIMESTAMP, .scale = 6, .flags = WORD_ARGS},
    {.word = "timestamptz", .kind = TARGET_TIMESTAMP, .scale = 6, .flags = WORD_ARGS},
    {.word = "json", .kind = TARGET_JSON},
    {.word = "jsonb", .kind = TARGET_JSON},
};

// DATETIME, not TIMESTAMP: years 1000 to 9999 instead of 1970 to 2038, no session zone, no hidden ON UPDATE.
static const char *const mysql_types[] = {
    [TYPE_BOOLEAN] = "boolean",       [TYPE_INTEGER] = "int",     [TYPE_BIGINT] = "bigint",
    [TYPE_DOUBLE] = "double",         [TYPE_DECIMAL] = "decimal", [TYPE_STRING] = "longtext",
    [TYPE_BYTES] = "longblob",        [TYPE_DATE] = "date",       [TYPE_TIME] = "time(3)",
    [TYPE_TIMESTAMP] = "datetime(3)", [TYPE_ARRAY] = "json",      [TYPE_MAP] = "json",
    [TYPE_STRUCT] = "json",
};

static const char *const sqlite_types[] = {
    [TYPE_BOOLEAN] = "BOOLEAN",
    [TYPE_INTEGER] = "INTEGER",
    [TYPE_BIGINT] = "BIGINT",
    [TYPE_DOUBLE] = "DOUBLE",
    [TYPE_DECIMAL] = "DECIMAL_TEXT",
    [TYPE_STRING] = "TEXT",
    [TYPE_BYTES] = "BLOB",
    [TYPE_DATE] = "DATE",
    [TYPE_TIME] = "TIME",
    [TYPE_TIMESTAMP] = "TIMESTAMP",
    [TYPE_ARRAY] = "JSON",
    [TYPE_MAP] = "JSON",
    [TYPE_STRUCT] = "JSON",
};

static const char *const postgres_types[] = {
    [TYPE_BOOLEAN] = "boolean", [TYPE_INTEGER] = "integer",
    [TYPE_BIGINT] = "bigint",   [TYPE_DOUBLE] = "double precision",
    [TYPE_DECIMAL] = "numeric", [TYPE_STRING] = "text",
    [TYPE_BYTES] = "bytea",     [TYPE_DATE] = "date",
    [TYPE_TIME] = "time(3)",    [TYPE_TIMESTAMP] = "timestamp(3)",
    [TYPE_ARRAY] = "jsonb",     [TYPE_MAP] = "jsonb",
    [TYPE_STRUCT] = "jsonb",
};

static const char *const mysql_head_types[] = {
    "varchar(128) NOT NULL", "int unsigned NOT NULL",    "varchar(255) NOT NULL",
    "varchar(255) NOT NULL", "bigint unsigned NOT NULL", "char(16) NOT NULL",
    "char(16) NOT NULL",     "varchar(512) NOT NULL",    "datetime(3) NULL",
};

static const char *const sqlite_head_types[] = {
    "TEXT NOT NULL", "INTEGER NOT NULL", "TEXT NOT NULL", "TEXT NOT NULL", "INTEGER NOT NULL",
    "TEXT NOT NULL", "TEXT NOT NULL",    "TEXT NOT NULL", "TIMESTAMP",
};

static const char *const postgres_head_types[] = {
    "varchar(128) NOT NULL", "integer NOT NULL",      "varchar(255) NOT NULL",
    "varchar(255) NOT NULL", "bigint NOT NULL",       "varchar(16) NOT NULL",
    "varchar(16) NOT NULL",  "varchar(512) NOT NULL", "timestamp(3)",
};

// Texts of any length, none of them in a key.
static const char *const mysql_reject_types[] = {"bigint unsigned NOT NULL", "text NOT NULL",
                                                 "longtext NOT NULL", "longtext NULL"};
static const char *const sqlite_reject_types[] = {"INTEGER NOT NULL", "TEXT NOT NULL",
                                                  "TEXT NOT NULL", "TEXT"};
static const char *const postgres_reject_types[] = {"bigint NOT NULL", "text NOT NULL",
                                                    "text NOT NULL", "text"};

const struct dialect dialect_mysql = {
    .name = "mysql",
    .quote = '`',
    .upsert = UPSERT_ON_DUPLICATE_KEY,
    .max_params = 65535,
    .name_max = 64,
    .decimal_precision_max = 65,
    .decimal_scale_max = 30,
    .lock_suffix = " FOR UPDATE",
    .table_suffix = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC",
    .key_collation = "utf8mb4_nopad_bin",
    .collate = " CHARACTER SET utf8mb4 COLLATE ",
    .key_text = "varchar(255)",
    .key_bytes =
        "varbinary(255)", // no LONGBLOB or JSON is indexed without a prefix, and a prefix is not the key
    .key_shape = KEY_FLAT,
    .bare_time = TIME_SECONDS,
    .alter = ALTER_MODIFY,
    .differs = "NOT (#1 <=> #2)",
    .differs_text = "NOT (CAST(#1 AS BINARY) <=> CAST(#2 AS BINARY))",
    .grouped = "#1",
    .grouped_text = "SHA2(#1, 256)", // sorting looks at max_sort_length bytes only
    .shown = "MIN(#1)",
    .words = mysql_words,
    .word_count = sizeof mysql_words / sizeof *mysql_words,
    .types = mysql_types,
    .head_types = mysql_head_types,
    .reject_types = mysql_reject_types,
};

// Names beyond 63 bytes are cut by the server, silently.
const struct dialect dialect_postgres = {
    .name = "postgresql",
    .quote = '"',
    .upsert = UPSERT_ON_CONFLICT,
    .max_params = 65535,
    .name_max = 63,
    .name_unit = TARGET_OCTETS,
    .decimal_precision_max = 1000,
    .decimal_scale_max = 1000,
    .lock_suffix = " FOR UPDATE",
    .table_suffix = "",
    .key_collation = "\"C\"", // bytes: exact, and the fastest
    .collate = " COLLATE ",
    .key_text = "text",
    .alter = ALTER_COLUMN_TYPE,
    .staging = "sluice_staging",
    .differs = "#1::text IS DISTINCT FROM #2::text",
    .differs_text = "#1::text IS DISTINCT FROM #2::text",
    .grouped = "#1::text COLLATE \"C\"",
    .grouped_text = "#1::text COLLATE \"C\"",
    .shown = "MIN(#1::text COLLATE \"C\")",
    .words = postgres_words,
    .word_count = sizeof postgres_words / sizeof *postgres_words,
    .types = postgres_types,
    .head_types = postgres_head_types,
    .reject_types = postgres_reject_types,
};

const struct dialect dialect_sqlite = {
    .name = "sqlite",
    .quote = '"',
    .upsert = UPSERT_ON_CONFLICT,
    .max_params = 32766,
    .name_max = 0,
    .decimal_precision_max = 1000,
    .decimal_scale_max = 1000,
    .lock_suffix = "",
    .table_suffix = "",
    .key_collation = "",
    .key_text = "TEXT",
    .differs = "#1 IS NOT #2",
    .differs_text = "#1 COLLATE BINARY IS NOT #2",
    .grouped = "#1",
    .grouped_text = "#1 COLLATE BINARY",
    .shown = "MIN(#1)",
    .words = sqlite_words,
    .word_count = sizeof sqlite_words / sizeof *sqlite_words,
    .types = sqlite_types,
    .head_types = sqlite_head_types,
    .reject_types = sqlite_reject_types,
};

void dialect_name(struct buf *out, const struct dialect *d, struct str name)
{
    buf_char(out, d->quote);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == d->quote)
            buf_char(out, d->quote);
        buf_char(out, name.p[i]);
    }
    buf_char(out, d->quote);
}

const char *target_kind_name(enum target_kind kind)
{
    switch (kind) {
    case TARGET_INTEGER:
        return "integer";
    case TARGET_DOUBLE:
        return "double";
    case TARGET_DECIMAL:
        return "decimal";
    case TARGET_TEXT:
        return "text";
    case TARGET_BYTES:
        return "bytes";
    case TARGET_DATE:
        return "date";
    case TARGET_TIME:
        return "time";
    case TARGET_TIMESTAMP:
        return "timestamp";
    case TARGET_JSON:
        return "json";
    }
    return "?";
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// "(a)" or "(a, b)" at the start of *text; takes them off. Absent = n 0.
static bool take_args(unsigned out[2], size_t *n, struct str *text)
{
    *n = 0;
    *text = str_trim(*text);
    if (text->n == 0 || text->p[0] != '(')
        return true;
    struct str inside, rest;
    if (!str_split_once(&inside, &rest, str_slice(*text, 1, text->n), ')'))
        return false;
    struct str first = inside, second = STR_NONE;
    const bool two = str_split_once(&first, &second, inside, ',');
    int64_t v;
    if (!str_to_i64(&v, str_trim(two ? first : inside)) || v < 0 || v > 1000000000)
        return false;
    out[(*n)++] = (unsigned)v;
    if (two) {
        if (!str_to_i64(&v, str_trim(second)) || v < 0 || v > 1000)
            return false;
        out[(*n)++] = (unsigned)v;
    }
    *text = str_trim(rest);
    return true;
}

static void integer_range(struct target *out, unsigned bits, bool is_unsigned)
{
    const uint64_t half = UINT64_C(1) << (bits - 1);
    if (is_unsigned) {
        out->min = 0;
        out->max = bits == 64 ? INT64_MAX : (int64_t)(half * 2 - 1);
    } else {
        out->max = (int64_t)(half - 1);
        out->min = -out->max - 1;
    }
}

static void apply_args(struct target *t, const unsigned args[2], size_t n)
{
    switch (t->kind) {
    case TARGET_DECIMAL:
        if (n > 0) {
            t->precision = args[0];
            t->scale = n > 1 ? args[1] : 0;
        }
        break;
    case TARGET_TEXT:
    case TARGET_BYTES:
        if (n > 0)
            t->length_max = args[0];
        break;
    case TARGET_TIME:
    case TARGET_TIMESTAMP:
        if (n > 0)
            t->scale = args[0];
        break;
    case TARGET_INTEGER:
    case TARGET_DOUBLE:
    case TARGET_DATE:
    case TARGET_JSON:
        break;
    }
}

// What may follow the type: attributes of numbers that change no value we write.
static bool rest_is_known(struct str rest, bool *is_unsigned)
{
    *is_unsigned = false;
    while (rest.n) {
        struct str word = rest, tail = STR_NONE;
        if (!str_split_once(&word, &tail, rest, ' '))
            word = rest;
        if (str_eq_nocase(word, STR("unsigned")) || str_eq_nocase(word, STR("zerofill")))
            *is_unsigned = true;
        else if (!str_eq_nocase(word, STR("signed")) && !str_eq_nocase(word, STR("precision")))
            return false;
        rest = str_trim(tail);
    }
    return true;
}

bool target_parse(struct target *out, const struct dialect *d, struct str text)
{
    text = str_trim(text);
    size_t n = 0;
    while (n < text.n && word_char(text.p[n]))
        n++;
    const struct str word = str_slice(text, 0, n);
    for (size_t i = 0; i < d->word_count; i++) {
        const struct type_word *w = &d->words[i];
        if (!str_eq_nocase(word, str_from(w->word)))
            continue;
        struct str rest = str_slice(text, n, text.n);
        unsigned args[2] = {0, 0};
        size_t arg_count;
        bool is_unsigned;
        if (!take_args(args, &arg_count, &rest) || !rest_is_known(rest, &is_unsigned))
            return false;
        *out = (struct target){
            .kind = w->kind,
            .precision = w->precision,
            .scale = w->scale,
            .length_max = w->length,
            .unit = w->flags & WORD_OCTETS ? TARGET_OCTETS : TARGET_CHARACTERS,
            .fixed = (w->flags & WORD_FIXED) != 0,
            .nullable = true,
        };
        if (w->kind == TARGET_INTEGER)
            integer_range(out, w->bits, is_unsigned || (w->flags & WORD_TRUTH));
        if (w->flags & WORD_ARGS)
            apply_args(out, args, arg_count);
        // REAL keeps 15 digits: wider declared decimals cannot be exact.
        return !(w->flags & WORD_AFFINITY) || out->precision <= 15;
    }
    return false;
}

static const char *integer_refuses(const struct target *t, const struct sink_column *c)
{
    const bool mapped = c->sql_type.n > 0 || t->spared;
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        return NULL;
    case TYPE_INTEGER:
        return mapped || (t->min <= INT32_MIN && t->max >= INT32_MAX) ? NULL : "is narrower";
    case TYPE_BIGINT:
        return mapped || (t->min == INT64_MIN && t->max == INT64_MAX) ? NULL : "is narrower";
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
    case TYPE_STRING:
    case TYPE_BYTES:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        break;
    }
    return "is of another kind";
}

static const char *double_refuses(const struct sink_column *c)
{
    const enum type_kind k = c->type->kind;
    if (k == TYPE_DOUBLE || k == TYPE_INTEGER)
        return NULL;
    if (k == TYPE_BIGINT || k == TYPE_DECIMAL)
        return c->sql_type.n ? NULL : "keeps 15 digits only";
    return "is of another kind";
}

static const char *timestamp_refuses(const struct sink_column *c)
{
    const enum type_kind k = c->type->kind;
    if (k == TYPE_TIMESTAMP)
        return NULL;
    if (k == TYPE_STRING || k == TYPE_BIGINT)
        return c->sql_type.n ? NULL : "needs the mapping `type: timestamp`";
    return "is of another kind";
}

const char *target_refuses(const struct target *t, const struct sink_column *c)
{
    const enum type_kind k = c->type->kind;
    const bool mapped = c->sql_type.n > 0, nested = type_is_nested(c->type);
    switch (t->kind) {
    case TARGET_INTEGER:
        return integer_refuses(t, c);
    case TARGET_DOUBLE:
        return double_refuses(c);
    case TARGET_DECIMAL:
        return type_is_number(c->type) ? NULL : "is of another kind";
    case TARGET_TEXT:
        if (k == TYPE_STRING || nested)
            return NULL;
        return mapped && k != TYPE_BYTES ? NULL : "is of another kind";
    case TARGET_BYTES:
        return k == TYPE_BYTES || k == TYPE_STRING ? NULL : "is of another kind";
    case TARGET_DATE:
        return k == TYPE_DATE || (k == TYPE_STRING && mapped) ? NULL : "is of another kind";
    case TARGET_TIME:
        return k == TYPE_TIME || (k == TYPE_STRING && mapped) ? NULL : "is of another kind";
    case TARGET_TIMESTAMP:
        return timestamp_refuses(c);
    case TARGET_JSON:
        return nested || (k == TYPE_STRING && mapped) ? NULL : "is of another kind";
    }
    return "is of another kind";
}

static bool default_type(struct buf *out, const struct dialect *d, const struct sink_column *c,
                         struct err *e)
{
    if (c->type->kind == TYPE_DECIMAL) {
        if (c->type->precision > d->decimal_precision_max || c->type->scale > d->decimal_scale_max)
            return err_fail(e, ERR_CONFIG,
                            "column %.*s: %s has no DECIMAL(%u, %u), at most (%u, %u)",
                            STR_ARG(c->name), d->name, c->type->precision, c->type->scale,
                            d->decimal_precision_max, d->decimal_scale_max);
        buf_printf(out, "%s(%u,%u)", d->types[TYPE_DECIMAL], c->type->precision, c->type->scale);
        return true;
    }
    if (c->key && c->type->kind == TYPE_STRING) {
        buf_text(out, d->key_text);
    } else if (c->key && d->key_shape == KEY_FLAT && type_is_nested(c->type)) {
        return err_fail(e, ERR_CONFIG, "key column %.*s: %s cannot have a nested value as key",
                        STR_ARG(c->name), d->name);
    } else if (c->key && d->key_bytes && c->type->kind == TYPE_BYTES) {
        buf_text(out, d->key_bytes);
    } else {
        buf_text(out, d->types[c->type->kind]);
    }
    return true;
}

bool target_for_column(struct target *out, struct buf *type_text, const struct dialect *d,
                       const struct sink_column *c, struct err *e)
{
    const size_t start = type_text->n;
    if (c->sql_type.n) {
        buf_str(type_text, str_trim(c->sql_type));
    } else if (!default_type(type_text, d, c, e)) {
        return err_hint(e, "map the column: columns: { %.*s: { type: … } }", STR_ARG(c->name));
    }
    if (!buf_ok(type_text, "the statement", e))
        return false;
    const struct str text = {type_text->p + start, type_text->n - start};
    if (!target_parse(out, d, text)) {
        err_fail(e, ERR_CONFIG, "column %.*s: %.*s is not a type that Sluice writes to %s",
                 STR_ARG(c->name), STR_ARG(text), d->name);
        return err_hint(e, "docs/warehouses.md lists the types");
    }
    // As many digits as the values have.
    if (d->bare_time == TIME_SECONDS &&
        (str_eq_nocase(text, STR("timestamp")) || str_eq_nocase(text, STR("datetime")))) {
        out->scale = c->type->kind == TYPE_STRING ? 6 : 3;
        buf_printf(type_text, "(%u)", out->scale);
    }
    out->nullable = !c->key;
    const char *why = target_refuses(out, c);
    if (why)
        return err_fail(e, ERR_CONFIG, "column %.*s: %.*s cannot hold %s: it %s", STR_ARG(c->name),
                        STR_ARG(c->sql_type), type_kind_name(c->type->kind), why);
    return true;
}
