#!/bin/bash
# mariadb.sh start|stop|restart|kill DIR PORT : a private MariaDB on 127.0.0.1:PORT, data in DIR.
# start keeps the data that is there; kill is SIGKILL. The account is MYSQL_USER / MYSQL_PASSWORD
# (default sluice / sluice-test), allowed everything.
set -euo pipefail
# shellcheck source=tests/servers/lib.sh
source "$(dirname "$0")/lib.sh"

verb=${1:-} dir=${2:-} port=${3:-}
[[ $verb && $dir && $port ]] || die "usage: mariadb.sh start|stop|restart|kill DIR PORT"
mkdir -p "$dir"
dir=$(realpath "$dir")
PATH=$PATH:/usr/sbin
user=$(id -un)
account=${MYSQL_USER:-sluice} password=${MYSQL_PASSWORD:-sluice-test}
pidfile=$dir/mariadbd.pid

install_db() {
    [[ -d $dir/data/mysql ]] && return
    rm -rf "$dir/data"
    mariadb-install-db --no-defaults --user="$user" --datadir="$dir/data" --skip-test-db \
        --auth-root-authentication-method=normal --skip-name-resolve >"$dir/install.log" 2>&1 </dev/null ||
        { tail -n 20 "$dir/install.log" >&2; die "cannot create the data directory"; }
    cat >"$dir/init.sql" <<SQL
CREATE USER IF NOT EXISTS '$account'@'127.0.0.1' IDENTIFIED BY '$password';
GRANT ALL ON *.* TO '$account'@'127.0.0.1' WITH GRANT OPTION;
SQL
}

answers() {
    listens "$port" && MYSQL_PWD=$password timeout 5 mariadb --no-defaults -h 127.0.0.1 -P "$port" \
        -u "$account" -e 'SELECT 1'
}

# The socket's path is relative to the data folder: an absolute one may be longer than the 107 bytes allowed.
start() {
    ! running_pid "$pidfile" >/dev/null || die "already running in $dir"
    wait_unused "$port"
    mkdir -p "$dir/tmp"
    install_db
    setsid mariadbd --no-defaults --user="$user" --datadir="$dir/data" --tmpdir="$dir/tmp" \
        --socket=s.sock --pid-file="$dir/own.pid" --init-file="$dir/init.sql" --bind-address=127.0.0.1 \
        --port="$port" --skip-name-resolve --local-infile=1 --innodb-flush-log-at-trx-commit=1 \
        --innodb-buffer-pool-size=128M --innodb-log-file-size=64M --max-allowed-packet=64M \
        --character-set-server=utf8mb4 >>"$dir/mariadbd.log" 2>&1 </dev/null &
    echo $! >"$pidfile"
    wait_ready "$pidfile" "$dir/mariadbd.log" 60 answers
}

case $verb in
start) start ;;
stop) end_process "$pidfile" TERM ;;
kill) end_process "$pidfile" KILL ;;
restart)
    end_process "$pidfile" TERM
    start
    ;;
*) die "unknown verb $verb" ;;
esac
