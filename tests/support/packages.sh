#!/bin/bash
# packages.sh build|check : makes sure that the Debian packages are there. Missing ones are installed with
# apt when we may (root, or sudo without a password); otherwise the exact command is printed.
set -euo pipefail

build=(gcc make pkg-config librdkafka-dev libmariadb-dev libpq-dev liblmdb-dev libsqlite3-dev libjansson-dev
    libyaml-dev libxxhash-dev libcmocka-dev zlib1g-dev libzstd-dev libdeflate-dev libgmp-dev libpcre2-dev
    libcurl4-openssl-dev libmicrohttpd-dev libarchive-dev)
check=(clang clang-tidy clang-format cppcheck valgrind libclang-rt-14-dev shellcheck git python3 kcat maven
    mariadb-server-core mariadb-client-core mariadb-client postgresql unzip chromium
    chromium-driver)

want=("${build[@]}")
if [[ ${1:-build} == check ]]; then
    want+=("${check[@]}")
    command -v java >/dev/null || want+=(default-jre-headless)
fi
if ! command -v dpkg-query >/dev/null; then
    echo "packages: not a Debian system: please provide the equivalents of: ${want[*]}" >&2
    exit 0
fi

# "not-installed" lines exist for packages that were removed, so the status decides, not the exit code.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${want[@]}" 2>/dev/null || true)
missing=()
for p in "${want[@]}"; do
    grep -qxF "installed $p" <<<"$installed" || missing+=("$p")
done
((${#missing[@]})) || exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if ((EUID == 0)); then
    sudo=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo=(sudo -n)
else
    echo "packages: missing; please run:  sudo ${install[*]}" >&2
    exit 1
fi
echo "packages: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
run() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "$@" </dev/null; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A fresh machine has no package lists yet, hence the second attempt.
if ! { run "${install[@]}" || { run apt-get update && run "${install[@]}"; }; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "packages: apt failed; by hand:  ${sudo[*]} ${install[*]}" >&2
    exit 1
fi
