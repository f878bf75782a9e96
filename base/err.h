// Errors as caller-owned values: what kind, what the caller may do, what was being done, where.
//
// A fallible function returns bool and fills *e exactly when it returns false. err_fail() at the cause,
// err_wrap() on the way up says what that level was doing ("outer: inner"); nobody repeats the cause.
// No allocation, no thread-local, no globals: one struct per call chain, owned by one thread.
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define ERR_CHECKED           __attribute__((warn_unused_result))
#define ERR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_kind {
    ERR_NONE,
    ERR_USAGE,     // the command line is wrong
    ERR_CONFIG,    // the configuration is wrong
    ERR_SQL,       // a statement is wrong or not supported
    ERR_DATA,      // a record, row or stored byte is wrong
    ERR_LIMIT,     // a budget or named limit was reached
    ERR_IO,        // the local file system or state store failed
    ERR_REMOTE,    // a broker or database failed or is unreachable
    ERR_FENCED,    // another owner published, or our state is older than what is published
    ERR_BEHIND,    // a store lost batches we delivered
    ERR_CANCELLED, // asked to stop (or the durable layer is dead in a crash test)
    ERR_BUG,
};

enum err_remedy {
    REMEDY_FATAL,     // repeating cannot help: a person must act
    REMEDY_RETRY_RUN, // the same run may succeed later
    REMEDY_RECONNECT, // the connection is gone; a new one may work
};

struct err_frame {
    const char *file;
    int line;
};

struct err {
    enum err_kind kind;
    enum err_remedy remedy;
    int sys_errno;     // errno at the cause, 0 when not a system error
    char text[768];    // truncated with "..." when longer
    char hint[256];    // advice: what to do; "" when none
    char file[128];    // source position of SQL and YAML errors; "" when none
    unsigned line;     // 1-based, 0 when unknown
    unsigned column;   // 1-based, in characters
    char excerpt[200]; // the offending source line, cut around the column; "" when none
    unsigned caret;    // 1-based character of excerpt that the caret points at
    struct err_frame frames[8];
    unsigned frame_count;
};

// All of these return false, so that `return err_fail(e, …)` reads well; err_false says so to a reader
// that sees one source at a time (the analyzer, the optimizer).
bool err_fail_at(struct err *e, const char *file, int line, enum err_kind kind, const char *fmt,
                 ...) ERR_PRINTF(5, 6);
bool err_wrap_at(struct err *e, const char *file, int line, const char *fmt, ...) ERR_PRINTF(4, 5);
bool err_sys_at(struct err *e, const char *file, int line, enum err_kind kind, int sys_errno,
                const char *fmt, ...) ERR_PRINTF(6, 7);
bool err_hint_put(struct err *e, const char *fmt, ...) ERR_PRINTF(2, 3);

static inline bool err_false(void)
{
    return false;
}

#define err_fail(e, kind, ...) \
    (err_fail_at((e), __FILE__, __LINE__, (kind), __VA_ARGS__), err_false())
#define err_wrap(e, ...) (err_wrap_at((e), __FILE__, __LINE__, __VA_ARGS__), err_false())
#define err_hint(e, ...) (err_hint_put((e), __VA_ARGS__), err_false())
// Reads errno first thing; appends ": strerror". Kind is ERR_IO.
#define err_sys(e, ...) \
    (err_sys_at((e), __FILE__, __LINE__, ERR_IO, errno, __VA_ARGS__), err_false())

void err_clear(struct err *e);
bool err_remedy(struct err *e, enum err_remedy remedy); // returns false
// Source position: file:line:column; excerpt is the line's text (excerpt_len bytes, may be cut).
bool err_position(struct err *e, const char *file, unsigned line, unsigned column,
                  const char *excerpt, size_t excerpt_len); // returns false
const char *err_kind_name(enum err_kind kind);
// Process exit code of this kind: 1 run failed, 3 config or SQL, 4 remote and worth retrying.
int err_exit_code(const struct err *e);
// Whole message for a person: "file:line:col: text", the line with a caret, "hint: …". Writes at
// most size bytes with the NUL, returns the untruncated length.
size_t err_format(const struct err *e, char *out, size_t size);

#endif
