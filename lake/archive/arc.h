// libarchive, as lake/ needs it: plain files in a tar or zip, written in one pass through durable calls and read in one pass. The only file that
// includes archive.h. What is read is hostile until proven otherwise: names, kinds and sizes are the caller's to judge.
//
// Names are UTF-8 whatever the process's locale. No owner, no clock: equal entries give equal bytes. One thread per handle.
#ifndef LAKE_ARCHIVE_ARC_H
#define LAKE_ARCHIVE_ARC_H

#include "base/buf.h"

struct durable;

enum arc_kind { ARC_TAR, ARC_TAR_GZIP, ARC_TAR_ZSTD, ARC_ZIP };
// By the name's end: .tar, .tar.gz, .tgz, .tar.zst, .zip.
bool arc_kind_of(enum arc_kind *out, struct str name, struct err *e) ERR_CHECKED;

enum arc_store { ARC_COMPRESS, ARC_AS_IS }; // of zip entries; tar compresses the whole or nothing

// Order: open (entry data*)* close. Sites lake.archive.create, .write, .fsync. After a failure only arc_abandon.
struct arc_writer;
bool arc_create(struct arc_writer **out, struct durable *d, const char *path, enum arc_kind kind,
                struct err *e) ERR_CHECKED;
bool arc_entry(struct arc_writer *w, struct str name, uint64_t bytes, int64_t time_ms,
               enum arc_store store, struct err *e) ERR_CHECKED;
bool arc_data(struct arc_writer *w, struct str piece, struct err *e) ERR_CHECKED;
// Ends the archive, syncs and closes the file; frees w when true.
bool arc_finish(struct arc_writer *w, struct err *e) ERR_CHECKED;
void arc_abandon(struct arc_writer *w); // NULL is fine; the file stays as it is

enum arc_next { ARC_ENTRY, ARC_DATA, ARC_END, ARC_FAILED };
struct arc_reader;
bool arc_open(struct arc_reader **out, const char *path, struct err *e) ERR_CHECKED;
// The next entry's name, valid until the next call; ARC_FAILED for links, directories and other things that are no plain file.
enum arc_next arc_next(struct str *name, struct arc_reader *r, struct err *e);
// The next piece of the entry, valid until the next call; ARC_END behind the last.
enum arc_next arc_read(struct str *piece, struct arc_reader *r, struct err *e);
void arc_close(struct arc_reader *r); // NULL is fine

#endif
