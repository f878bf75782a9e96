// Ordered folders of SQL in a job's `sql:`: a path that is a folder stands for the files that its config.yaml lists.
//
//   folders: [a, b]                       each a folder with a config.yaml of its own, in this order
//   queries: [one.sql, two.sql]           files of this folder, in this order
//   ksqldb_cli_container, ksqldb_server_url: accepted, without effect: they say where a script is sent
//
// A folder has either list. Everything wrong is found before anything runs, all of it at once, each with the place in the
// config.yaml that says it: files and folders that are not there (with the nearest that is), lists that are empty, files listed twice.
#ifndef JOBS_SPEC_SQL_FOLDER_H
#define JOBS_SPEC_SQL_FOLDER_H

#include "config/conf.h"

enum { SQL_FOLDER_DEPTH_MAX = 8, SQL_FOLDER_FILES_MAX = 10000 };

// Replaces folders in `sql` by their files; paths that are files stay. False when errors has any more.
bool sql_folder_expand(struct conf_texts *sql, struct arena *a, struct conf_reader *reader,
                       struct conf_errors *errors) ERR_CHECKED;

#endif
