// What SQL stores differ in: quoting, type names, the form of an upsert, limits. And struct target, what one column
// of a target table can hold, read from the store's own type names.
//
// Constants, immutable, shared between threads; no connection is needed for anything here.
#ifndef WAREHOUSE_DIALECT_H
#define WAREHOUSE_DIALECT_H

#include "warehouse/sink.h"

enum target_kind {
    TARGET_INTEGER, // also booleans, 0 and 1
    TARGET_DOUBLE,
    TARGET_DECIMAL,
    TARGET_TEXT,
    TARGET_BYTES,
    TARGET_DATE,
    TARGET_TIME,
    TARGET_TIMESTAMP, // without zone, UTC
    TARGET_JSON,
};

enum target_unit { TARGET_CHARACTERS, TARGET_OCTETS };

struct target {
    enum target_kind kind;
    unsigned precision;    // DECIMAL; 0 = any number, as it is
    unsigned scale;        // DECIMAL; digits of a second's fraction for TIME, TIMESTAMP
    int64_t min, max;      // INTEGER
    uint64_t length_max;   // TEXT, BYTES; 0 = the store's row limit only
    enum target_unit unit; // of length_max
    bool fixed;            // CHAR, BINARY: the store pads or strips values
    bool padded;           // trailing spaces do not count when the store compares
    bool nullable;
    bool spared; // narrower than the column: values are looked at one by one
    bool absent; // the table has no such column, or one of another kind: it is not written
};

enum upsert_form {
    UPSERT_ON_DUPLICATE_KEY, // INSERT … ON DUPLICATE KEY UPDATE c = VALUES(c)
    UPSERT_ON_CONFLICT,      // INSERT … ON CONFLICT (k) DO UPDATE SET c = excluded.c
};

struct type_word; // dialect.c

struct dialect {
    const char *name;
    char quote;
    enum upsert_form upsert;
    size_t max_params; // in one statement
    size_t name_max;   // of a table or column name, in …; 0 = no limit
    enum target_unit name_unit;
    unsigned decimal_precision_max, decimal_scale_max;
    const char *lock_suffix;  // of the head's SELECT
    const char *table_suffix; // of CREATE TABLE
    const char *
        key_collation; // of text key columns created, when the server's own list is not known; "" = none
    const char *collate;                          // before it
    const char *key_text;                         // type of a STRING key column
    const char *key_bytes;                        // of a BYTES key column; NULL = as a value column
    enum { KEY_NESTED, KEY_FLAT } key_shape;      // FLAT: a nested value cannot be a key
    enum { TIME_DIGITS, TIME_SECONDS } bare_time; // SECONDS: "timestamp" alone keeps whole seconds
    enum {
        ALTER_NOTHING,     // SQLite: columns are added, one a statement
        ALTER_MODIFY,      // MODIFY c type NULL
        ALTER_COLUMN_TYPE, // ALTER COLUMN c TYPE type
    } alter;               // how a column is widened
    const char *
        staging; // table that rows are copied to before they are upserted; NULL = sent as parameters
    const char *differs;      // two values #1 and #2, NULLs included …
    const char *differs_text; // … and texts, byte by byte
    // What equal values #1 are grouped by, byte by byte where they are texts, bytes or JSON; and how one of a group is shown.
    const char *grouped, *grouped_text, *shown;
    const struct type_word *words; // the store's types
    size_t word_count;
    const char *const *types; // by enum type_kind: what a value column is created with
    const char *const
        *head_types; // job, task, output, target, batch, digest, prev, plan, updated_at
    const char *const *reject_types; // seq, error, key, row; those before it as in head_types
};

extern const struct dialect dialect_mysql;
extern const struct dialect dialect_postgres;
extern const struct dialect dialect_sqlite;

// Quotes a name; the quote character inside is doubled.
void dialect_name(struct buf *out, const struct dialect *d, struct str name);
// "varchar(64)", "decimal(15,2) unsigned", "double precision"; false = not a type that Sluice writes.
bool target_parse(struct target *out, const struct dialect *d, struct str text);
// The SQL type that a column is created with: its mapping's, or the default of its type. Fails when the
// store has none, or when it cannot hold the values.
bool target_for_column(struct target *out, struct buf *type_text, const struct dialect *d,
                       const struct sink_column *c, struct err *e) ERR_CHECKED;
// Can t hold every value of c's type (some rows may still be refused: too long, out of range)? The reason, NULL = yes.
const char *target_refuses(const struct target *t, const struct sink_column *c);
const char *target_kind_name(enum target_kind kind);

#endif
