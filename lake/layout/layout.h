// Names and places in the lake: safe for any data, readable by every tool that knows Hive partitions.
//
//   streams/<output>/<column>=<value>/…/<slot>-<n>.<ext>      tables/<output>/version=<N>/<slot>-<n>.<ext>
//   _sluice/lake.json    _sluice/<job>/<task>/{HEAD, N.json, .pending-N.json, .claim-N-<digest>, staging-N/}
//
// All functions append to a buf; nothing here touches the file system. Pure functions, any thread.
#ifndef LAKE_LAYOUT_LAYOUT_H
#define LAKE_LAYOUT_LAYOUT_H

#include "lake/lake.h"

#include "base/buf.h"

#define LAYOUT_NULL   "__HIVE_DEFAULT_PARTITION__"
#define LAYOUT_HIDDEN "_sluice"

enum {
    LAYOUT_NAME_MAX = 200, // bytes of one directory name; file systems allow 255
    LAYOUT_PART_MIN = 64,
    LAYOUT_PARTS_MAX = 16,   // levels of partitions
    LAYOUT_NAMES_MAX = 1600, // bytes of all of them together
    LAYOUT_PATH_MAX = 3072,  // bytes of a path relative to the root
};

// Hive's escaping: control characters, " # % ' * / : = ? \ [ ] ^ { } DEL and bytes that are not UTF-8 as %XX.
void layout_escape(struct buf *out, struct str value);
// A directory named after an SQL object or job: escaped, never empty, hidden, "." or "..", never over-long.
void layout_name(struct buf *out, struct str name);
// "column=value" in at most max bytes (LAYOUT_PART_MIN .. LAYOUT_NAME_MAX); value.p == NULL or an empty value is Hive's default
// partition. An over-long value keeps its beginning and ends in ~ and its hash.
void layout_partition(struct buf *out, struct str column, struct str value, size_t max);

// "streams/<output>" or "tables/<output>".
void layout_output(struct buf *out, enum lake_kind kind, struct str name);
// "_sluice/<job>/<task>".
void layout_task(struct buf *out, struct str job, unsigned task);
// "<slot>-<n>": what a file is called but for its extension.
void layout_file(struct buf *out, uint64_t slot, uint64_t n);
// The reverse, of a path or name with its extension; false: not such a name.
bool layout_read_file(uint64_t *slot, uint64_t *n, struct str path);
// A path that stays inside the root: relative, no empty, "." or ".." component, no control character.
bool layout_path_safe(struct str path);

#endif
