// Structured log lines on stderr (or a file): "ts level event key=value … msg", logfmt or JSON.
// Only the level that decides (command, run) logs; nothing below does. Thread-safe.
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log;
struct clock;
struct log *log_new(int fd, enum log_level min, enum log_format format, const struct clock *clock);
void log_free(struct log *s);
bool log_enabled(const struct log *s, enum log_level level); // s may be NULL: false
// fields: "key", "value", …, NULL (strings). event is a constant such as "run.commit".
void log_event(struct log *s, enum log_level level, const char *event, const char *const *fields,
               const char *fmt, ...) ERR_PRINTF(5, 6);
void log_err(struct log *s, const char *event, const char *const *fields, const struct err *e);

#endif
