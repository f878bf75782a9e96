// Option tables: one row per setting is parser, validator, `config show` and documentation.
//
// A table describes a struct: conf_parse() fills it from a YAML mapping, with defaults, limits and choices, and reports every error
// with its place and the nearest valid key. Tables nest: sections, lists of mappings, mappings by name, free
// name/value pairs. Everything lives in the reader's arena. One thread; afterwards immutable.
#ifndef CONFIG_CONF_H
#define CONFIG_CONF_H

#include "base/buf.h"
#include "config/conf_value.h"
#include "config/yaml.h"

struct conf_reader;
struct conf_table;

enum conf_type {   // the field at `offset` is
    CONF_TEXT,     // struct str; ${…} is put in
    CONF_PATH,     // struct str; relative ones start at the file's directory
    CONF_BOOL,     // bool
    CONF_INT,      // int64_t
    CONF_BYTES,    // uint64_t
    CONF_DURATION, // int64_t, ms
    CONF_RATIO,    // int64_t, parts per million
    CONF_ENUM,     // an enum: index into choices
    CONF_TEXTS,    // struct conf_texts
    CONF_PATHS,    // struct conf_texts, as CONF_PATH
    CONF_SECTION,  // the struct of `sub`, embedded
    CONF_LIST,     // struct conf_items of sub's structs
    CONF_MAP,      // struct conf_items, by name
    CONF_PAIRS,    // struct conf_pairs: any keys
    CONF_CUSTOM,   // whatever `parse` fills
};

enum {
    CONF_REQUIRED = 1 << 0,
    CONF_ONE_OR_MANY = 1 << 1, // lists: a single item may stand for the list
    CONF_OPTIONAL = 1 << 2,    // sections: when absent all zero, defaults are not filled in
};

struct conf_opt {
    const char *key;
    enum conf_type type;
    unsigned flags;
    size_t offset;
    const char *def;  // as in the file; NULL = none (zero)
    int64_t min, max; // numbers; max 0 = no limit
    const char *const
        *choices; // CONF_ENUM: NULL-terminated; CONF_TEXTS: what items may be (or NULL)
    const struct conf_table *sub;
    bool (*parse)(struct conf_reader *r, void *field, const struct yaml_node *n); // CONF_CUSTOM
    const char *kind; // for documentation of CONF_CUSTOM: "cron text"
    const char *env;  // environment variable that wins over the file; NULL = none
    const char *help; // one sentence for the page
};

struct conf_table {
    const char *name; // heading of its documentation
    const char *help;
    const struct conf_opt *opts;
    size_t count;
    size_t bytes;       // of the struct
    size_t at_offset;   // of its struct conf_at, which is set when the mapping is there
    size_t name_offset; // CONF_MAP: of its struct str name
    // A scalar in place of the mapping; NULL = refused.
    bool (*scalar)(struct conf_reader *r, void *out, const struct yaml_node *n);
    void (*init)(void *out); // what "not given" looks like; NULL = zero
};

// key=value of a command line, winning over everything: {"lake.path", "/data", "--set"}.
struct conf_override {
    struct str path, value;
    const char *origin;
};

struct conf_spec {
    const struct yaml_doc *doc;
    struct secret_source secrets;
    const struct conf_override *overrides;
    size_t override_count;
};

// Fills the struct at out; false when errors has any afterwards.
bool conf_parse(void *out, struct arena *a, const struct conf_table *table,
                const struct conf_spec *spec, struct conf_errors *errors,
                struct conf_reader **reader) ERR_CHECKED;

// For parse and scalar hooks, and for checks between settings: an error at a node or place. All return false.
bool conf_fail(struct conf_reader *r, const struct yaml_node *n, const char *hint, const char *fmt,
               ...) ERR_PRINTF(4, 5);
bool conf_fail_at(struct conf_reader *r, struct conf_at at, const char *hint, const char *fmt, ...)
    ERR_PRINTF(4, 5);
// Adds place and source line to an error that was found after the file was read. Returns false.
bool conf_place(const struct conf_reader *r, struct conf_at at, struct err *e);
struct arena *conf_arena(struct conf_reader *r);
const struct secret_source *conf_secrets(const struct conf_reader *r);
// Relative paths start at the configuration's directory.
struct str conf_path(struct conf_reader *r, struct str path);
bool conf_scalar(struct conf_reader *r, struct str *out,
                 const struct yaml_node *n); // put in, not null
// What `config show` prints for the value being parsed, when that is not the text of the file.
void conf_display(struct conf_reader *r, struct str text);
// The table's parser, for hooks that accept a mapping too.
bool conf_table_parse(struct conf_reader *r, void *out, const struct conf_table *table,
                      const struct yaml_node *n);
// "did you mean X" of the nearest of n names, or the list of all; in the arena.
const char *conf_suggest(struct arena *a, struct str found, const struct str *names, size_t n);

// What holds where nothing was written, behind the last setting below `under`.
void conf_note(struct conf_reader *r, struct str under, const char *key, struct str text,
               const char *origin);
void conf_unnote(struct conf_reader *r, struct str path); // it means nothing beside another one
// `config show`: one line per effective setting, secrets as written (${…}) or ***.
enum conf_show { CONF_SHOW_VALUES, CONF_SHOW_ORIGINS };
void conf_show(struct buf *out, const struct conf_reader *r, enum conf_show how);
// The table and its sub tables as a page of Markdown.
void conf_print_docs(struct buf *out, const struct conf_table *table);

#endif
