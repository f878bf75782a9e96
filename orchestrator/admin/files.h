// The web page's files, built into the program: no build step, nothing from elsewhere. Immutable.
#ifndef ORCHESTRATOR_ADMIN_FILES_H
#define ORCHESTRATOR_ADMIN_FILES_H

#include "base/str.h"

struct admin_file {
    const char *path; // of the URL
    const char *type;
    struct str text;
};

// False: there is no such file.
bool admin_files_find(struct admin_file *out, const char *path);

#endif
