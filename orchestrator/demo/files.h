// The texts that `sluice demo` writes into its directory, built into the program: the demo's sluice.yaml and the SQL of
// examples/transactions. Immutable.
#ifndef ORCHESTRATOR_DEMO_FILES_H
#define ORCHESTRATOR_DEMO_FILES_H

#include "base/str.h"

// What stands for the broker's address in the configuration.
#define DEMO_FILES_BROKERS "127.0.0.1:9092"

struct str demo_files_config(void);
struct str demo_files_sql(void);

#endif
