// The lake's file system, for reading: directory listings in a fixed order, files in pieces, comparison by size and checksum.
// Everything that changes it is a call of base/durable.h made by whoever knows the site. Paths are absolute.
// No state but what is open; one thread per handle.
#ifndef LAKE_STORE_STORE_H
#define LAKE_STORE_STORE_H

#include "base/arena.h"
#include "base/buf.h"

enum { STORE_PIECE = 256 * 1024 }; // bytes per read

enum store_entry_kind { STORE_FILE, STORE_DIRECTORY, STORE_OTHER };
struct store_entry {
    struct str name;
    enum store_entry_kind kind;
};
// Entries of a directory without "." and "..", sorted by name. An absent directory has none.
bool store_list(struct store_entry **out, size_t *n, struct arena *a, const char *dir,
                struct err *e) ERR_CHECKED;

// False when the directory surely holds no directories: known from its link count on most file systems, without listing it.
bool store_may_hold_dirs(const char *dir);

enum store_content { STORE_ABSENT, STORE_SAME, STORE_DIFFERENT };
// Compares a file with the size and xxh64 it should have; reads it whole when the size fits.
bool store_compare(enum store_content *out, const char *path, uint64_t bytes, uint64_t checksum,
                   struct err *e) ERR_CHECKED;

struct store_file;
enum store_read { STORE_DATA, STORE_END, STORE_MISSING, STORE_FAILED };
// Opens and reads in pieces; STORE_MISSING only from open. *out is valid until the next read or close.
enum store_read store_open(struct store_file **out, const char *path, struct err *e);
enum store_read store_read(struct str *out, struct store_file *f, struct err *e);
void store_close(struct store_file *f); // NULL is fine

#endif
