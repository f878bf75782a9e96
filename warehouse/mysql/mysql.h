// MySQL and MariaDB through libmariadb: "mysql://USER:PASSWORD@HOST:PORT/DATABASE". Rows in bulk arrays where the server
// takes them (MariaDB), else in statements of many rows. Session: UTC, strict mode, utf8mb4. Durable sites: mysql.ddl,
// mysql.write, mysql.commit. Compiled out with WITH_MYSQL=no.
#ifndef WAREHOUSE_MYSQL_MYSQL_H
#define WAREHOUSE_MYSQL_MYSQL_H

#include "warehouse/sink.h"

extern const struct sink_type sink_mysql;

#endif
