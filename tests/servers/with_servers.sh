#!/bin/bash
# with_servers.sh CMD… : starts a real Kafka, MariaDB and PostgreSQL on free ports, runs CMD with their addresses
# in the environment, stops them, and exits as CMD did. Servers that are already in the environment are
# used as they are. SERVERS="kafka" starts only that one; SERVERS="kafka registry" a schema registry too; SERVERS="kafka mysql8" a
# MySQL 8 in MariaDB's place.
#
#   SLUICE_TEST_BOOTSTRAP                          127.0.0.1:PORT of Kafka
#   SLUICE_TEST_MYSQL_HOST/_PORT/_USER/_PASSWORD   MariaDB (or MySQL), an account that may do everything
#   SLUICE_TEST_POSTGRES_HOST/_PORT/_USER/_PASSWORD   PostgreSQL, a superuser whose database has its name
#   SLUICE_TEST_REGISTRY_URL                       base URL of the schema registry
#   SLUICE_TEST_KAFKA, _MARIADB, _POSTGRES         "DIR PORT" for kafka.sh, mariadb.sh, postgres.sh, to kill and restart
set -euo pipefail
# shellcheck source=tests/servers/lib.sh
source "$(dirname "$0")/lib.sh"
(($#)) || die "usage: with_servers.sh CMD…"

here=$root/tests/servers
servers=${SERVERS:-kafka mariadb postgres}
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-servers.XXXXXX")
stop_all() {
    local status=$?
    trap - EXIT INT TERM HUP
    [[ ! -d $work/kafka ]] || "$here/kafka.sh" kill "$work/kafka" 0 || true
    [[ ! -d $work/mariadb ]] || "$here/mariadb.sh" kill "$work/mariadb" 0 || true
    [[ ! -d $work/mysql8 ]] || "$here/mysql8.sh" kill "$work/mysql8" 0 || true
    [[ ! -d $work/postgres ]] || "$here/postgres.sh" kill "$work/postgres" 0 || true
    [[ ! -d $work/registry ]] || "$here/registry.sh" kill "$work/registry" 0 || true
    rm -rf "$work"
    exit "$status"
}
trap stop_all EXIT
trap 'exit 130' INT TERM HUP

start() { # NAME -> address line in $work/NAME.at
    local name=$1 port try
    for try in 1 2 3; do # the free port may be taken before the server has it
        port=$(free_port)
        "$here/$name.sh" start "$work/$name" "$port" && { echo "$work/$name $port" >"$work/$name.at"; return; }
        "$here/$name.sh" kill "$work/$name" 0
        rm -rf "${work:?}/$name"
        echo "with_servers.sh: $name did not start (try $try)" >&2
    done
    return 1
}

if [[ $servers == *kafka* && -z ${SLUICE_TEST_BOOTSTRAP:-} ]]; then
    start kafka || die "no Kafka"
    SLUICE_TEST_KAFKA=$(<"$work/kafka.at")
    export SLUICE_TEST_KAFKA SLUICE_TEST_BOOTSTRAP=127.0.0.1:${SLUICE_TEST_KAFKA##* }
fi
if [[ $servers == *mariadb* && -z ${SLUICE_TEST_MYSQL_PORT:-} ]]; then
    export SLUICE_TEST_MYSQL_USER=sluice SLUICE_TEST_MYSQL_PASSWORD=sluice-test
    MYSQL_USER=$SLUICE_TEST_MYSQL_USER MYSQL_PASSWORD=$SLUICE_TEST_MYSQL_PASSWORD start mariadb ||
        die "no MariaDB"
    SLUICE_TEST_MARIADB=$(<"$work/mariadb.at")
    export SLUICE_TEST_MARIADB SLUICE_TEST_MYSQL_HOST=127.0.0.1
    export SLUICE_TEST_MYSQL_PORT=${SLUICE_TEST_MARIADB##* }
fi
if [[ $servers == *mysql8* && -z ${SLUICE_TEST_MYSQL_PORT:-} ]]; then
    export SLUICE_TEST_MYSQL_USER=sluice SLUICE_TEST_MYSQL_PASSWORD=sluice-test
    MYSQL_USER=$SLUICE_TEST_MYSQL_USER MYSQL_PASSWORD=$SLUICE_TEST_MYSQL_PASSWORD start mysql8 || die "no MySQL 8"
    SLUICE_TEST_MYSQL_PORT=$(awk '{ print $2 }' "$work/mysql8.at")
    export SLUICE_TEST_MYSQL_HOST=127.0.0.1 SLUICE_TEST_MYSQL_PORT
fi
if [[ $servers == *postgres* && -z ${SLUICE_TEST_POSTGRES_PORT:-} ]]; then
    export SLUICE_TEST_POSTGRES_USER=sluice SLUICE_TEST_POSTGRES_PASSWORD=sluice-test
    POSTGRES_USER=$SLUICE_TEST_POSTGRES_USER POSTGRES_PASSWORD=$SLUICE_TEST_POSTGRES_PASSWORD start postgres ||
        die "no PostgreSQL"
    SLUICE_TEST_POSTGRES=$(<"$work/postgres.at")
    export SLUICE_TEST_POSTGRES SLUICE_TEST_POSTGRES_HOST=127.0.0.1
    export SLUICE_TEST_POSTGRES_PORT=${SLUICE_TEST_POSTGRES##* }
fi
if [[ $servers == *registry* && -z ${SLUICE_TEST_REGISTRY_URL:-} ]]; then
    start registry || die "no schema registry"
    SLUICE_TEST_REGISTRY=$(<"$work/registry.at")
    export SLUICE_TEST_REGISTRY
    export SLUICE_TEST_REGISTRY_URL=http://127.0.0.1:${SLUICE_TEST_REGISTRY##* }/apis/ccompat/v7
fi
"$@"
