// YAML as a tree of small nodes, each with its place. libyaml reads the events; nothing of it shows here.
//
// Refused with their place: anchors, aliases, tags, several documents, keys that are not scalars, duplicate keys, and what
// passes the limits below. The tree lives in the arena and is immutable.
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "base/arena.h"

enum {
    YAML_BYTES_MAX = 1024 * 1024,
    YAML_DEPTH_MAX = 32,
    YAML_NODES_MAX = 100000,
};

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    unsigned line, column;   // 1-based, column in characters
    struct str text;         // YAML_SCALAR
    bool quoted;             // YAML_SCALAR: '…', "…", | or >
    struct yaml_node **keys; // YAML_MAP: scalars
    struct yaml_node **items;
    size_t n;
};

struct yaml_doc {
    const char *file; // for messages
    struct str text;
    const struct yaml_node *root; // NULL for an empty document
};

// Errors in order of appearance, at most CONF_ERRORS_MAX are kept, the rest counted.
enum { CONF_ERRORS_MAX = 50 };
struct conf_errors {
    struct arena *a;
    struct err **v;
    size_t n, dropped;
};

void conf_errors_init(struct conf_errors *out, struct arena *a);
// A fresh error of the list, to be filled by err_fail(); never NULL.
struct err *conf_errors_add(struct conf_errors *s);
// All of them as err_format() prints one, with a count at the end when there are several.
struct buf;
void conf_errors_print(struct buf *out, const struct conf_errors *s);

// False when there was any error; out is usable anyway unless the text is not YAML at all.
bool yaml_parse(struct yaml_doc *out, struct arena *a, const char *file, struct str text,
                struct conf_errors *errors) ERR_CHECKED;
// Gives *e the place of a node.
bool yaml_place(struct err *e, const struct yaml_doc *doc, const struct yaml_node *n);
// A plain empty, "~" or "null" scalar.
bool yaml_is_null(const struct yaml_node *n);
const struct yaml_node *yaml_get(const struct yaml_node *map, struct str key); // NULL when absent

#endif
