#!/bin/bash
# The servers that the other integration tests lean on: what was acknowledged survives their kill.
set -euo pipefail
here=$(dirname "$0")/../servers
[[ ${SLUICE_TEST_MARIADB:-} && ${SLUICE_TEST_KAFKA:-} ]] || exit 77
read -r -a kafka <<<"$SLUICE_TEST_KAFKA"
read -r -a mariadb <<<"$SLUICE_TEST_MARIADB"
passed=0

sql() {
    MYSQL_PWD=$SLUICE_TEST_MYSQL_PASSWORD mariadb --no-defaults -N -h "$SLUICE_TEST_MYSQL_HOST" \
        -P "$SLUICE_TEST_MYSQL_PORT" -u "$SLUICE_TEST_MYSQL_USER" -e "$1"
}
sql 'CREATE DATABASE servers_sh; CREATE TABLE servers_sh.t (a INT); INSERT INTO servers_sh.t VALUES (7)'
"$here/mariadb.sh" kill "${mariadb[@]}"
if sql 'SELECT 1' 2>/dev/null; then exit 1; fi
"$here/mariadb.sh" start "${mariadb[@]}"
[[ $(sql 'SELECT a FROM servers_sh.t') == 7 ]]
sql 'DROP DATABASE servers_sh'
passed=$((passed + 1))

cluster() {
    kcat -b "$SLUICE_TEST_BOOTSTRAP" -L -J -m 3 2>/dev/null | grep -o '"originating_broker.*'
}
"$here/kafka.sh" kill "${kafka[@]}"
if cluster; then exit 1; fi
"$here/kafka.sh" start "${kafka[@]}"
cluster | grep -q ":${kafka[1]}/"
passed=$((passed + 1))
echo "$passed passed, 0 failed, 0 skipped"
