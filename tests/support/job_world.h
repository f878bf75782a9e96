// One job with everything around it for tests of jobs/run: a broker in memory, a lake in a temporary directory, warehouses in memory,
// a state directory, a clock that only moves when told, and a process that can die and be started again.
//
// Order: job_world_new  (produce through w->broker  job_world_run)*  job_world_free. job_world_wipe() starts over without compiling
// again. The durable layer lives until the process dies: a run that finds it dead is followed by job_world_restart(). One thread.
#ifndef TESTS_SUPPORT_JOB_WORLD_H
#define TESTS_SUPPORT_JOB_WORLD_H

#include "base/buf.h"
#include "base/durable.h"
#include "jobs/run/run.h"
#include "tests/support/dir.h"
#include "tests/support/source_fake.h"
#include "tests/support/topic_fake.h"

enum { JOB_WORLD_TOPICS_MAX = 8 };
struct job_world_spec {
    const char *sql;
    const char *outputs; // YAML below `outputs:`, indented by six
    const char *job;     // more YAML lines of the job, indented by four; NULL = none
    const char *topics[JOB_WORLD_TOPICS_MAX];
    int32_t partitions;
    enum { JOB_WORLD_LAKE, JOB_WORLD_NO_LAKE } lake;
};

// Warehouses that every world has, as `to:` names them.
#define JOB_WORLD_ONE "one"
#define JOB_WORLD_TWO "two"
#define JOB_WORLD_NOW INT64_C(1761638400000) // wall clock of a fresh world: 2025-10-28T08:00:00Z

struct job_world {
    struct job_world_spec spec;
    struct test_dir dir;
    char state[512], lake[512];
    char name[32]; // of the broker: a test that failed leaves its own behind
    struct source_fake *broker;
    struct arena *a; // of the compiled job
    struct job *job; // limits and threads may be changed between runs
    struct durable *durable;
    struct clock_virtual time; // sleeping moves mono_ms only
    struct run_env env;
    struct run_report report; // of the last run
    atomic_bool cancel;       // of an endless run
    bool streams;             // the lake is not what the group's offsets follow
    struct err e;
    char text[1600]; // of the last failure
};

struct job_world *job_world_new(const struct job_world_spec *spec);
void job_world_free(struct job_world *w);
// As when new: nothing produced, stored or delivered.
void job_world_wipe(struct job_world *w);
// The same world with other SQL or outputs: what the next start of the program finds. False: *e of w.
bool job_world_compile(struct job_world *w, const char *sql, const char *outputs);
// Runs once. False: w->e.
bool job_world_run(struct job_world *w);
// Runs endlessly; idle(w, arg) is called whenever there is nothing new, to produce or to set w->cancel. False: w->e.
bool job_world_stream(struct job_world *w, void (*idle)(struct job_world *w, void *arg), void *arg);
bool job_world_reset(struct job_world *w, enum run_reset how);
struct backfill_spec;
struct recover_report;
bool job_world_recover(struct job_world *w, struct recover_report *out);
bool job_world_backfill(struct job_world *w, const struct backfill_spec *spec);
// A new process; with a planned fault or NULL.
void job_world_restart(struct job_world *w, const struct fault_spec *fault);
// Runs until it succeeds, at most `most` times, with a new process after each death; fails the test otherwise.
// Returns the number of failed runs.
unsigned job_world_settle(struct job_world *w, unsigned most);

// Everything that is visible outside, as text: lake files with hashes, warehouses with heads, group offsets.
void job_world_print(struct buf *out, const struct job_world *w);
// The same, independent of batch cuts: stream rows over all batches (in their order, or sorted where only the multiset is
// promised), newest snapshots, warehouse rows, dead letters, group offsets.
enum job_world_order { JOB_WORLD_ORDERED, JOB_WORLD_SORTED };
void job_world_print_rows(struct buf *out, const struct job_world *w, enum job_world_order order);
// The receipts' equations hold and ranges follow one another without gap or overlap up to the group's offsets.
void job_world_check_receipts(struct job_world *w);
// "Offsets last": the group is never ahead of what the lake and every warehouse hold. To be asked at any moment, also after a death.
void job_world_check_offsets(struct job_world *w);
// The stored control document, strings in `a`.
struct control;
void job_world_control(struct control *out, const struct job_world *w, struct arena *a);
struct batch_record;
bool job_world_record(struct batch_record *out, const struct job_world *w, struct arena *a,
                      uint64_t batch); // false: there is none
// Fails the test with the first line that differs.
void job_world_same(const struct buf *want, const struct buf *got, const char *what);
// Deletes a directory below the world's own: "state", "lake".
void job_world_delete(struct job_world *w, const char *name);
// Copies the whole directory; both below the world's own.
void job_world_copy(struct job_world *w, const char *from, const char *to);

#endif
