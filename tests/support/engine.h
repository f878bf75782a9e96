// SQL in, records in, change rows out as text: the engine without a broker, for unit and property tests.
//
// Order: engine_open; per batch: engine_begin, engine_add*, engine_run (cuts what was added into windows), engine_end;
// engine_close. Records are added in sequence order. Output lines: "NAME +I k=1 V=2 @100 [0..10]".
#ifndef TESTS_SUPPORT_ENGINE_H
#define TESTS_SUPPORT_ENGINE_H

#include "base/buf.h"
#include "sql/exec/exec.h"

struct kv;

struct engine_spec {
    const char *sql;
    const char *outputs[8]; // NULL ends; "+NAME" = last change is enough
    struct kv *kv;
    bool no_collapse;
    void (*patch)(const struct plan *plan); // for plans that no SQL gives yet
};

struct engine {
    struct arena *a; // program
    const struct plan *plan;
    const struct program *program;
    struct exec *x;
    struct kv *kv;
    struct arena *batch;
    struct scan_record *records[4]; // per source
    uint64_t *seq[4];
    uint32_t n[4], cap[4];
    uint64_t next_seq, batch_id;
    uint64_t bad, filtered;
    struct buf out;
};

void engine_open(struct engine *out, const struct engine_spec *spec);
void engine_close(struct engine *s);
void engine_begin(struct engine *s);
// key, value: NULL = null. Text is borrowed until engine_end.
void engine_add(struct engine *s, size_t source, const char *key, const char *value, int64_t ts);
// Runs everything added since the last call in windows of `window` sequence numbers.
void engine_run(struct engine *s, uint32_t window);
// The same in one batch that may fail: the first error.
bool engine_try(struct engine *s, uint32_t window, struct err *e) ERR_CHECKED;
void engine_end(struct engine *s); // batch end, save, commit
void engine_abort(struct engine *s);
const char *engine_text(struct engine *s); // what was emitted, one line a row
void engine_print(struct buf *out, const char *name, const struct block *b);

#endif
