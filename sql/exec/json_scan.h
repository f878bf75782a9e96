// JSON texts inside of STRING values: a reader without a tree, as strict as Jackson, and its way of writing values.
// Values are views of the text, checked when they are read; going through their items cannot fail afterwards.
#ifndef SQL_EXEC_JSON_SCAN_H
#define SQL_EXEC_JSON_SCAN_H

#include "base/buf.h"

#define JSON_SCAN_DEPTH_MAX 1000

enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_BOOLEAN,
    JSON_KIND_NUMBER,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT,
};

struct json_value {
    enum json_kind kind;
    struct str text; // as written, quotes and brackets included
};

// The first value of the text; what stands behind it is ignored. False: malformed, or nothing there (*empty).
bool json_scan(struct json_value *out, bool *empty, struct str text);

// Items of an array, members of an object (name as written, with quotes): *at begins at 0. False at the end.
bool json_next(struct str *name, struct json_value *out, const struct json_value *of, size_t *at);

// A string's characters (name or value as written), escapes resolved.
void json_put_text(struct buf *out, struct str quoted);
bool json_text_is(struct str quoted, struct str plain, struct buf *scratch);
// As JsonNode.toString(): no white space, numbers as BigDecimal prints them, of equal names the last value at the first's place.
void json_put_value(struct buf *out, const struct json_value *v);
void json_put_number(struct buf *out, struct str lexeme);

#endif
