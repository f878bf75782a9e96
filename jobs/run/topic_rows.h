// Rows of an output as the records of its topic: encoded while the batch executes, spooled, sent by delivery.
//
// A spooled row (jobs/run/spool.h): partition LE32, timestamp LE64, key and value each as LEB128 length + 1 and bytes (0 = null).
// Order: topic_rows_open  topic_rows_add*  topic_rows_seal or topic_rows_abandon. One thread.
#ifndef JOBS_RUN_TOPIC_ROWS_H
#define JOBS_RUN_TOPIC_ROWS_H

#include "jobs/run/job.h"
#include "jobs/run/spool.h"

struct topic_rows;

// partitions: how many the topic has. path is the spool's.
bool topic_rows_open(struct topic_rows **out, const struct job_topic *topic, int32_t partitions,
                     struct durable *d, const char *path, struct err *e) ERR_CHECKED;
bool topic_rows_add(struct topic_rows *s, const struct block *b, struct err *e) ERR_CHECKED;
bool topic_rows_seal(struct topic_rows *s, struct spool_info *out,
                     struct err *e) ERR_CHECKED; // frees s either way
void topic_rows_abandon(struct topic_rows *s);   // NULL is fine

// Back from a spooled row; views into it.
bool topic_rows_read(struct topic_record *out, struct str row, struct err *e) ERR_CHECKED;

#endif
