#!/bin/bash
# registry.sh start|stop|restart|kill DIR PORT : a real schema registry (Apicurio, in-memory storage) with Confluent's API at
# http://127.0.0.1:PORT/apis/ccompat/v7. The archive is fetched once, with maven, into the cache folder; Java 17.
set -euo pipefail
# shellcheck source=tests/servers/lib.sh
source "$(dirname "$0")/lib.sh"

verb=${1:-} dir=${2:-} port=${3:-}
[[ $verb && $dir && $port ]] || die "usage: registry.sh start|stop|restart|kill DIR PORT"
mkdir -p "$dir"
dir=$(realpath "$dir")
version=3.0.9
lib=$cache/apicurio-$version
pidfile=$dir/registry.pid

# Complete or absent: fetched beside, then renamed; two at once wait for each other.
fetch() {
    [[ -d $lib ]] && return
    mkdir -p "$cache"
    exec 9>"$cache/apicurio.lock"
    flock 9
    if [[ ! -d $lib ]]; then
        echo "registry: fetching $version" >&2
        rm -rf "$lib.part" && mkdir "$lib.part"
        (cd "$lib.part" && mvn -B -ntp -q dependency:copy \
            "-Dartifact=io.apicurio:apicurio-registry-app:$version:tar.gz:all" "-DoutputDirectory=$lib.part" \
            -Dmdep.useBaseVersion=true </dev/null >"$cache/maven.log" 2>&1) ||
            { tail -n 20 "$cache/maven.log" >&2; die "maven failed"; }
        tar xzf "$lib.part/apicurio-registry-app-$version-all.tar.gz" -C "$lib.part"
        rm "$lib.part/apicurio-registry-app-$version-all.tar.gz"
        mv "$lib.part" "$lib"
    fi
    exec 9>&-
}

answers() {
    listens "$port" && curl -sf -m 5 -o /dev/null "http://127.0.0.1:$port/apis/ccompat/v7/subjects"
}

start() {
    ! running_pid "$pidfile" >/dev/null || die "already running in $dir"
    wait_unused "$port"
    fetch
    (cd "$lib" && exec setsid java "-Xmx${REGISTRY_HEAP:-384m}" -XX:+UseSerialGC -Xshare:auto \
        -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$port" -Dapicurio.storage.sql.kind=h2 \
        -jar "apicurio-registry-app-$version-runner.jar") >>"$dir/registry.log" 2>&1 </dev/null &
    echo $! >"$pidfile"
    wait_ready "$pidfile" "$dir/registry.log" 90 answers
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
