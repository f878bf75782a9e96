// Topic outputs of a session: made or checked at open, the marker compared, a batch's rows sent in one transaction. Inside jobs/run.
#ifndef JOBS_RUN_TOPICS_H
#define JOBS_RUN_TOPICS_H

#include "jobs/run/session.h"

bool topics_open(struct session *s, struct err *e) ERR_CHECKED;
// With nothing decided and undelivered: the marker is the last batch's.
bool topics_check(struct session *s, struct err *e) ERR_CHECKED;
// Rows, the group's offsets and the marker.
bool topics_deliver(struct session *s, const struct batch_record *r, struct err *e) ERR_CHECKED;
// Of batches that waited for a table: is a later one in the topics already? A mark in control may be older than the truth.
bool topics_sent(bool *out, struct session *s, const struct batch_record *r,
                 struct err *e) ERR_CHECKED;
// What Kafka says, whatever the state says: for recovery.
bool topics_marker(struct session *s, struct topic_marker *out, struct err *e) ERR_CHECKED;
// In control: as if nothing had been written to topics yet.
void topics_forget(struct session *s);
void topics_close(struct session *s);

#endif
