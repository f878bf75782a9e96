// Dead letters read back: the records of one file that dead.c wrote, and a source that gives them again in the ranges that their batch
// read. Inside jobs/run; everything lives in the arena given. One thread.
#ifndef JOBS_RUN_LETTERS_H
#define JOBS_RUN_LETTERS_H

#include "jobs/run/session.h"

struct letter {
    uint32_t topic; // in job.topics
    int32_t partition;
    struct source_record record;
    enum { LETTER_FULL, LETTER_HASHED, LETTER_BARE } payload; // what was kept of key and value
    uint64_t key_hash, value_hash;                            // LETTER_HASHED
    struct str reason;
};
struct letters {
    struct letter *v; // by (topic, partition, offset)
    size_t n;
};

// path: of the file, for messages. A letter of a topic that the job does not read is an error.
bool letters_read(struct letters *out, struct arena *a, const struct job *job, const char *path,
                  struct err *e) ERR_CHECKED;
// Where those of a slot are, if there are any.
const char *letters_path(struct arena *a, const struct session *s, uint64_t slot);
// Are all letters of the slot's file also among these lines? ERR_CONFIG: no, and which.
bool letters_stay(struct arena *a, const struct session *s, uint64_t slot, struct str text,
                  struct err *e) ERR_CHECKED;
// Gets what the file did not keep (key and value, headers when the SQL reads them) from the topics: s->partitions is their plan of now.
// Records that are not there any more, or are others: ERR_DATA naming them.
bool letters_complete(struct letters *l, struct session *s, struct arena *a,
                      struct err *e) ERR_CHECKED;
// Into their order, which the calls below rely on.
void letters_sort(struct letters *l);
// NULL: there is none at this place.
const struct letter *letters_find(const struct letters *l, uint32_t topic, int32_t partition,
                                  int64_t offset);
// Gives each assigned range the letters in it, and then its end: the rest is absent. Nothing to close.
struct source *letters_source(struct arena *a, const struct letters *l);

#endif
