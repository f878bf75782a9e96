// Strings as JSON text, the way Jackson writes them: \" \\ \b \t \n \f \r, other control characters as \u00XX, all
// else raw. Pure functions.
#ifndef SCHEMA_SERDE_JSON_ESCAPE_H
#define SCHEMA_SERDE_JSON_ESCAPE_H

#include "base/buf.h"

#define JSON_ESCAPED_MAX 6 // bytes that one byte can become

// With its quotes.
void json_put_string(struct buf *out, struct str v);
// Writes v without quotes at p, which has room for JSON_ESCAPED_MAX * v.n bytes; returns the end. Never reads behind v.
char *json_escape_into(char *p, struct str v);

#endif
