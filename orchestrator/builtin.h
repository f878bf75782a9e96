// The only list of concrete sources, sinks and topic writers: what this program was built with.
#ifndef ORCHESTRATOR_BUILTIN_H
#define ORCHESTRATOR_BUILTIN_H

struct sink_type;
struct source_type;
struct topic_type;

extern const struct sink_type *const builtin_sinks[]; // NULL-terminated
extern const struct source_type *const builtin_source;
extern const struct topic_type *const builtin_topics;

#endif
