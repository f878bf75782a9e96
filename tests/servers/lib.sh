# Shared by the server scripts (sourced): processes by pid file, readiness, free ports, the download cache.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Read by the scripts that source this.
# shellcheck disable=SC2034
cache=${SLUICE_CACHE:-$root/.cache}

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# A zombie that nobody reaps (containers without an init) is not alive.
alive() { # PID
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    [[ ${stat##*) } != Z* ]]
}

running_pid() { # PIDFILE -> the pid when that process lives
    local pid
    pid=$(cat "$1" 2>/dev/null) && [[ -n $pid ]] && alive "$pid" && echo "$pid"
}

# Sends the signal, waits for the end, and sends KILL after a minute.
end_process() { # PIDFILE SIGNAL
    local pid deadline=$((SECONDS + 60))
    pid=$(running_pid "$1") || { rm -f "$1"; return 0; }
    kill "-$2" "$pid" 2>/dev/null || true
    while alive "$pid"; do
        ((SECONDS < deadline)) || kill -KILL "$pid" 2>/dev/null || true
        sleep 0.05
    done
    rm -f "$1"
}

# Runs the probe until it succeeds; a dead process or the deadline ends with the tail of its log.
wait_ready() { # PIDFILE LOG SECONDS PROBE…
    local pidfile=$1 log=$2 deadline=$((SECONDS + $3))
    shift 3
    until "$@" >/dev/null 2>&1; do
        running_pid "$pidfile" >/dev/null || { tail -n 40 "$log" >&2; die "the server died"; }
        ((SECONDS < deadline)) || { tail -n 40 "$log" >&2; die "the server is not ready in time"; }
        sleep 0.1
    done
}

listens() { # PORT
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A killed process is a zombie before its other threads are gone and its sockets closed.
wait_unused() { # PORT
    local deadline=$((SECONDS + 10))
    while listens "$1"; do
        ((SECONDS < deadline)) || die "port $1 is taken"
        sleep 0.05
    done
}

# Below the ephemeral range, so that an outgoing connection cannot take it before the server does.
free_port() {
    local port used
    used=$(awk 'FNR > 1 { split($2, a, ":"); print a[2] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 10000))
        grep -qixF "$(printf '%04X' "$port")" <<<"$used" || { echo "$port"; return; }
    done
}
