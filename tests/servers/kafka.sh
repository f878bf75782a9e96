#!/bin/bash
# kafka.sh start|stop|restart|kill DIR PORT : a real one-node Kafka broker on 127.0.0.1:PORT, data in DIR.
# start keeps the data that is there; kill is SIGKILL. The jars are fetched once, with maven, into the
# cache folder. KAFKA_HEAP (default 384m) is the broker's memory.
set -euo pipefail
# shellcheck source=tests/servers/lib.sh
source "$(dirname "$0")/lib.sh"

verb=${1:-} dir=${2:-} port=${3:-}
[[ $verb && $dir && $port ]] || die "usage: kafka.sh start|stop|restart|kill DIR PORT"
mkdir -p "$dir"
dir=$(realpath "$dir")
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$root/tests/servers/kafka/pom.xml")
lib=$cache/kafka-$version
pidfile=$dir/broker.pid
java_opts=(-XX:+UseSerialGC -Xshare:auto -cp "$lib/*" -Dorg.slf4j.simpleLogger.showDateTime=true
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn)

# Complete or absent: fetched beside, then renamed; two at once wait for each other.
fetch() {
    [[ -d $lib ]] && return
    mkdir -p "$cache"
    exec 9>"$cache/kafka.lock"
    flock 9
    if [[ ! -d $lib ]]; then
        echo "kafka: fetching $version" >&2
        rm -rf "$lib.part" && mkdir "$lib.part"
        cp "$root/tests/servers/kafka/pom.xml" "$lib.part/"
        (cd "$lib.part" && mvn -B -ntp -q dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$lib.part" </dev/null >"$cache/maven.log" 2>&1) ||
            { tail -n 20 "$cache/maven.log" >&2; die "maven failed"; }
        mv "$lib.part" "$lib"
    fi
    exec 9>&-
}

format() {
    [[ -f $dir/data/meta.properties ]] && return
    local id
    id=A$(head -c 32 /dev/urandom | base64 -w 0 | tr -d '+/=' | cut -c 1-20)A
    sed -e "s:@DATA@:$dir/data:" -e "s:@PORT@:$port:" -e "s:@CONTROLLER@:$(free_port):" \
        "$root/tests/servers/kafka/server.properties" >"$dir/server.properties"
    java -Xmx128m -XX:TieredStopAtLevel=1 "${java_opts[@]}" kafka.tools.StorageTool format -t "$id" \
        -c "$dir/server.properties" >"$dir/format.log" 2>&1 </dev/null ||
        { tail -n 20 "$dir/format.log" >&2; die "cannot format the log directory"; }
}

answers() {
    listens "$port" && timeout 5 kcat -b "127.0.0.1:$port" -L -m 4
}

start() {
    ! running_pid "$pidfile" >/dev/null || die "already running in $dir"
    wait_unused "$port"
    fetch
    format
    local heap=${KAFKA_HEAP:-384m}
    setsid java "-Xms$heap" "-Xmx$heap" "${java_opts[@]}" \
        -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
        kafka.Kafka "$dir/server.properties" >>"$dir/broker.log" 2>&1 </dev/null &
    echo $! >"$pidfile"
    wait_ready "$pidfile" "$dir/broker.log" 90 answers
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
