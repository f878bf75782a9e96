// Outputs that are behind the others (`output_lag` of a job): a warehouse table that cannot take its rows does not hold the rest up
// (DESIGN section 2). What it lacks are decided batches: their records and spools stay, and it gets them in their order. The topics'
// rows and the group's offsets, which come last, follow the slowest table. Inside jobs/run. One thread.
//
// The marks are in control (control_output.behind) and stored with whatever is stored next. A mark that is older than the truth does no
// harm: heads say what a table has.
#ifndef JOBS_RUN_BEHIND_H
#define JOBS_RUN_BEHIND_H

#include "jobs/run/session.h"

// The first batch that some table, or that the topics have not taken; 0 = nobody is behind.
uint64_t behind_first(const struct control *c);
void behind_worst(struct run_behind *out, const struct control *c);
// The same into the run's report; one that could not be looked at and lacks nothing yet, too.
void behind_report(struct session *s);

// Does a decided batch pass this table by: because it is behind, or because it could not be reached a moment ago?
bool behind_skips(const struct session *s, struct str name);
// One that failed just now and is to be asked again: without patience.
bool behind_failed(const struct session *s, struct str name);
// It took its rows.
void behind_taken(struct session *s, struct str name);
// May the others go on without the table that failed with *e? Then *e is cleared and the failure noted.
bool behind_allows(struct session *s, struct str name, struct err *e);
// The batch went on without it.
void behind_pass(struct session *s, const struct batch_record *r, const struct batch_target *t);
void behind_pass_topics(struct session *s, const struct batch_record *r);
// It has everything now, or what waits for it is given up.
void behind_clear(struct control_output *o);

// TRY: tables whose turn it is, for a moment; what they cannot take waits on. WILLING: all that can, at once. MUST: all, or an error.
enum behind_how { BEHIND_TRY, BEHIND_WILLING, BEHIND_MUST };
bool behind_catch_up(struct session *s, enum behind_how how, struct err *e) ERR_CHECKED;
// What the table has taken since its mark was stored, as far as its store answers.
void behind_look(struct session *s, size_t output);
// Marks that moved since control was stored: before spools go that they name.
bool behind_store(struct session *s, struct err *e) ERR_CHECKED;
// Before a batch is made: no table is as far behind as it may be.
bool behind_room(struct session *s, struct err *e) ERR_CHECKED;
// Which of the batch's spools nobody needs any more go: of delivered tables.
bool behind_clean_batch(struct session *s, uint64_t batch, struct err *e) ERR_CHECKED;
uint64_t behind_keeps(
    const struct session *s); // batches before a mark whose spools and records stay
// Whether somebody still needs this spool of the batch.
bool behind_needs(struct session *s, const struct batch_record *r, struct str spool);

#endif
