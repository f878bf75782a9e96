#!/bin/bash
# postgres.sh start|stop|restart|kill DIR PORT : a private PostgreSQL on 127.0.0.1:PORT, data in DIR. start keeps the data
# that is there; kill is SIGKILL of the server and all its children. The account is POSTGRES_USER / POSTGRES_PASSWORD
# (default sluice / sluice-test), a superuser; its database has its name. root runs it as user postgres: the server refuses root.
set -euo pipefail
# shellcheck source=tests/servers/lib.sh
source "$(dirname "$0")/lib.sh"

verb=${1:-} dir=${2:-} port=${3:-}
[[ $verb && $dir && $port ]] || die "usage: postgres.sh start|stop|restart|kill DIR PORT"
mkdir -p "$dir"
dir=$(realpath "$dir")
account=${POSTGRES_USER:-sluice} password=${POSTGRES_PASSWORD:-sluice-test}
pidfile=$dir/postgres.pid
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
as=()
if ((EUID == 0)); then
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    chmod a+x "$dir" "$(dirname "$dir")" # the server's user must come through
fi

init_db() {
    [[ -f $dir/data/PG_VERSION ]] && return
    rm -rf "$dir/data"
    mkdir "$dir/data"
    printf '%s\n' "$password" >"$dir/password"
    ((EUID != 0)) || chown postgres: "$dir/data" "$dir/password"
    "${as[@]}" "$bin/initdb" -D "$dir/data" -U "$account" --pwfile="$dir/password" -A scram-sha-256 -E UTF8 --locale=C.UTF-8 \
        >"$dir/initdb.log" 2>&1 </dev/null || { tail -n 20 "$dir/initdb.log" >&2; die "cannot create the data directory"; }
}

ask() { # SQL DATABASE
    PGPASSWORD=$password PGCONNECT_TIMEOUT=5 psql -X -q -h 127.0.0.1 -p "$port" -U "$account" -d "$2" -c "$1"
}

answers() {
    listens "$port" && ask 'SELECT 1' postgres
}

# The postmaster's death ends its children; setsid makes them one group that a kill reaches at once.
start() {
    [[ -n $bin ]] || die "no PostgreSQL server is installed"
    ! running_pid "$pidfile" >/dev/null || die "already running in $dir"
    wait_unused "$port"
    init_db
    touch "$dir/postgres.log"
    rm -f "$dir/data/postmaster.pid"
    setsid "${as[@]}" "$bin/postgres" -D "$dir/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
        -c wal_level=logical -c shared_buffers=64MB -c fsync=on >>"$dir/postgres.log" 2>&1 </dev/null &
    echo $! >"$pidfile"
    wait_ready "$pidfile" "$dir/postgres.log" 60 answers
    ask "CREATE DATABASE \"$account\"" postgres >/dev/null 2>&1 || true # there already
}

kill_all() {
    local pid
    pid=$(running_pid "$pidfile") || { rm -f "$pidfile"; return 0; }
    kill -KILL -- "-$pid" 2>/dev/null || true
    end_process "$pidfile" KILL
}

case $verb in
start) start ;;
stop) end_process "$pidfile" INT ;; # a fast shutdown
kill) kill_all ;;
restart)
    end_process "$pidfile" INT
    start
    ;;
*) die "unknown verb $verb" ;;
esac
