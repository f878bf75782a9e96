// The durable-call layer: every call whose effect outlives the process goes through here, under a named
// fault site ("lake.rename", "state.commit", "mysql.commit", …). A fault plan can make the n-th call of a
// site crash before or after its effect, fail with an error, or lose its reply (done, but reported failed).
//
// struct durable is passed in (never global). Production uses one without a plan: no cost but a branch.
// CRASH in a process (DURABLE_KILL): SIGKILL to ourselves. CRASH in a simulation (DURABLE_DEAD): the layer
// goes dead: this and every later call fails with ERR_CANCELLED and has no effect; the harness then drops all
// objects and opens anew. A failed fsync is final for that file: the caller must write it anew, never sync again.
// Thread-safe.
#ifndef BASE_DURABLE_H
#define BASE_DURABLE_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

struct durable;

enum fault_action {
    FAULT_NONE,
    FAULT_CRASH_BEFORE,
    FAULT_CRASH_AFTER,
    FAULT_ERROR,
    FAULT_REPLY_LOST
};
enum durable_crash { DURABLE_KILL, DURABLE_DEAD };

struct fault_spec {
    char site[48];       // "" = any site
    uint64_t occurrence; // 1-based, counted per site (or over all when site is ""); 0 = every call
    enum fault_action action;
    int sys_errno; // for FAULT_ERROR; 0 = EIO
};

struct durable *durable_new(enum durable_crash mode);
void durable_free(struct durable *d);
void durable_set_fault(struct durable *d,
                       const struct fault_spec *spec); // NULL clears; counters restart
// "site:occurrence:crash|crash_after|error|enospc|reply_lost[,…]" from SLUICE_FAULT, for the process-kill
// harness; "*" as site or occurrence = any, every. Counters restart.
bool durable_parse_faults(struct durable *d, const char *text, struct err *e) ERR_CHECKED;
bool durable_dead(const struct durable *d);
bool durable_fired(const struct durable *d); // did the planned fault happen?
// Sites seen since durable_set_fault, with their call counts, in order of first call.
size_t durable_site_count(const struct durable *d);
const char *durable_site(const struct durable *d, size_t i, uint64_t *calls);

// Wraps any effect: fn(arg, e) is the call itself. Used by the drivers for commits.
bool durable_call(struct durable *d, const char *site, bool (*fn)(void *arg, struct err *e),
                  void *arg, struct err *e) ERR_CHECKED;
// The same for an effect on a server: injected failures are ERR_REMOTE with REMEDY_RECONNECT.
bool durable_call_remote(struct durable *d, const char *site, bool (*fn)(void *arg, struct err *e),
                         void *arg, struct err *e) ERR_CHECKED;

// Files. Every error names the path. dir functions take directories. An injected error of a write leaves half
// of it in the file, as a full disk would.
enum { DURABLE_PRIVATE = 1 << 30 }; // or'ed into flags: mode 0600 whatever the umask
bool durable_create(int *out, struct durable *d, const char *site, const char *path, int flags,
                    struct err *e) ERR_CHECKED; // O_CREAT|O_WRONLY|O_CLOEXEC|flags, 0666 & ~umask
bool durable_write(struct durable *d, const char *site, int fd, const char *path, const void *p,
                   size_t n,
                   struct err *e) ERR_CHECKED; // all of it, EINTR and short writes handled
// A second one after a failure is ERR_BUG until the file was created anew.
bool durable_fsync(struct durable *d, const char *site, int fd, const char *path,
                   struct err *e) ERR_CHECKED;
bool durable_fsync_dir(struct durable *d, const char *site, const char *path,
                       struct err *e) ERR_CHECKED;
bool durable_rename(struct durable *d, const char *site, const char *from, const char *to,
                    struct err *e) ERR_CHECKED;
// ERR_IO with sys_errno EEXIST when `to` exists.
bool durable_link(struct durable *d, const char *site, const char *from, const char *to,
                  struct err *e) ERR_CHECKED;
bool durable_unlink(struct durable *d, const char *site, const char *path,
                    struct err *e) ERR_CHECKED; // absent is fine
bool durable_mkdirs(struct durable *d, const char *site, const char *path, mode_t mode,
                    struct err *e)
    ERR_CHECKED; // with parents; one call of the site per directory made
// Everything below, and the directory; links are not followed; one call of the site per entry. Absent is fine.
bool durable_remove_tree(struct durable *d, const char *site, const char *path,
                         struct err *e) ERR_CHECKED;
// Whole small file: temporary beside it, write, fsync, rename, fsync dir (sites <site>.write, .fsync, .rename,
// .dirsync).
bool durable_replace(struct durable *d, const char *site, const char *path, struct str text,
                     struct err *e) ERR_CHECKED;

// Reading is not durable but lives here with its error texts. Result in arena memory, NUL-terminated.
struct arena;
bool file_read(struct str *out, struct arena *a, const char *path, size_t max,
               struct err *e) ERR_CHECKED;
bool file_exists(const char *path);

#endif
