// SET, UNSET and the properties that a session begins with.
#ifndef SQL_BIND_SETTING_H
#define SQL_BIND_SETTING_H

#include "sql/bind_internal.h"

#define BIND_DEFAULT_KEY_FORMAT   "ksql.persistence.default.format.key"
#define BIND_DEFAULT_VALUE_FORMAT "ksql.persistence.default.format.value"
#define BIND_DEFAULT_WRAPPING     "ksql.persistence.wrap.single.values"
#define BIND_TIMESTAMP_REQUIRED   "ksql.timestamp.throw.on.invalid"
#define BIND_TOPIC_PREFIX         "ksql.output.topic.name.prefix"

struct str bind_setting(const struct binder *b, struct str name); // p == NULL: not set
bool bind_set(struct binder *b, const struct ast_statement *st) ERR_CHECKED;

#endif
