#!/usr/bin/env bash
# Runs the Autobahn|Testsuite WebSocket fuzzing client against Guildhall's own transport, or any echo server.
#
# usage: autobahn.sh [ws://127.0.0.1:PORT/PATH [CASES]]
#   without a URL, builds and starts a node with the feature `autobahn` on free ports, its size limits raised
#   CASES  comma-separated patterns; default: all but compression (12, 13)
#
# environment:
#   AUTOBAHN_HOME     cache of what is installed   (default ${TMPDIR:-/tmp}/autobahn)
#   AUTOBAHN_TIMEOUT  seconds the run may take     (default 600)
#   AUTOBAHN_PYTHON2  a Python 2.7 that has pip and setuptools, to use in place
#                     of Debian bullseye's (for when the mirror drops that suite)
#
# exit status: 0 all cases acceptable, 1 some were not, 2 it could not be run
set -euo pipefail

say() { printf 'autobahn: %s\n' "$*" >&2; }
die() { say "$*"; exit 2; }

# start_node DIR: sets url and node, and ends the node with the script.
start_node() {
  local dir=$1
  cargo build --quiet --features autobahn
  GUILDHALL__LIMITS__INBOUND_BYTES=16777216 GUILDHALL__LIMITS__OUTBOX_BYTES=33554432 \
    GUILDHALL__LIMITS__SOCKETS_PER_IP_PER_SEC=1000 GUILDHALL__LIMITS__SOCKETS_PER_IP_BURST=10000 \
    cargo run --quiet --features autobahn -- \
    --public 127.0.0.1:0 --admin 127.0.0.1:0 --data "$dir/data" --log warn >"$dir/ready" &
  node=$!
  for _ in $(seq 100); do
    url=$(sed -n 's|^ready public=\([^ ]*\) .*|ws://\1/autobahn|p' "$dir/ready")
    [[ -z $url ]] || return 0
    sleep 0.1
  done
  die "the node did not start"
}

url=${1:-}
cases=${2:-1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*}
limit=${AUTOBAHN_TIMEOUT:-600}
[[ $# -le 2 && ${url:-ws://} == ws://* ]] || die "usage: ${0##*/} [ws://HOST:PORT/PATH [CASES]]"

home=${AUTOBAHN_HOME:-${TMPDIR:-/tmp}/autobahn}
(umask 077 && mkdir -p "$home")
home=$(cd "$home" && pwd)
# The default is in a shared directory, and code is run from it.
[[ -O $home ]] || die "$home belongs to another user; set AUTOBAHN_HOME"

# The suite is Python 2 code, which Debian dropped after bullseye.  All versions
# are pinned, and pip is told not to resolve: current releases need Python 3, and
# the suite's own metadata asks for more than its fuzzing client imports.
debs=(python2.7-minimal libpython2.7-minimal libpython2.7-stdlib libssl1.1 libffi7
      python-pip-whl python-setuptools python-pkg-resources libpython2.7-dev)
wheels=(autobahntestsuite==0.8.2 autobahn==0.10.9 txaio==2.1.0 six==1.16.0
        Twisted==20.3.0 zope.interface==5.4.0 attrs==21.4.0 Automat==20.2.0
        constantly==15.1.0 incremental==21.3.0 hyperlink==21.0.0 idna==2.10
        typing==3.10.0.0 Jinja2==2.11.3 MarkupSafe==1.1.1 pyOpenSSL==21.0.0
        cryptography==3.3.2 cffi==1.15.1 pycparser==2.21 enum34==1.1.10
        ipaddress==1.0.23 unittest2==1.1.0 traceback2==1.4.0 linecache2==1.0.0)
# Its C code masks and validates for autobahn: a run takes a fifth of the CPU.
accelerator=wsaccel==0.6.2

# What is pinned names the installation, so that a changed pin installs anew.
pins=$(printf '%s\n' "${debs[@]}" "${wheels[@]}" "$accelerator" "${AUTOBAHN_PYTHON2:-}" | cksum)
inst=$home/inst-${pins%% *}

unset PYTHONHOME PYTHONPATH
export PYTHONNOUSERSITE=1

# The installation's Python is run unpacked in place, so the libraries that came
# with it must be pointed out.
python_of() { printf '%s\n' "${AUTOBAHN_PYTHON2:-$1/debian/usr/bin/python2.7}"; }
within() {
  local dir=$1 libs
  shift
  libs=$(printf '%s:' "$dir"/debian/usr/lib/*-linux-gnu)
  PYTHONPATH=$dir/lib LD_LIBRARY_PATH=$libs${LD_LIBRARY_PATH:-} "$@"
}
python2() { within "$1" "$(python_of "$1")" -W ignore "${@:2}"; }

# Packages of the system itself: only what cannot be unpacked beside it.
system_packages() {
  local missing=()
  [[ -e /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
  [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || missing+=(debian-archive-keyring)
  [[ ${#missing[@]} -gt 0 ]] || return 0
  [[ $EUID -eq 0 ]] || die "needs root to install: ${missing[*]}"
  apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}"
}

mirror() {
  # shellcheck disable=SC2016  # apt's own placeholder
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
    'Origin: Debian' 'Label: Debian' 'Component: main' | sed -n 1p
}

# unpack_debian DIR: bullseye's Python 2.7 into DIR/debian.  apt gets lists and
# caches of its own there, so the system's sources and packages stay as they are,
# and still checks signatures.
unpack_debian() {
  local dir=$1 uri deb
  type apt-get dpkg-deb >/dev/null 2>&1 ||
    die "needs apt, or a Python 2.7 named by AUTOBAHN_PYTHON2"
  system_packages
  uri=$(mirror)
  if [[ -z $uri && $EUID -eq 0 ]]; then
    apt-get update -qq
    uri=$(mirror)
  fi
  [[ -n $uri ]] || die "apt knows no Debian mirror; run 'apt-get update' as root first"

  mkdir -p "$dir"/apt/lists/partial "$dir"/apt/cache/archives/partial "$dir"/debs
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s bullseye main\n' \
    "$uri" >"$dir/apt/sources.list"
  local apt=(apt-get -qq
    -o Dir::Etc::SourceList="$dir/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o Dir::State::Lists="$dir/apt/lists" -o Dir::State::Status=/dev/null
    -o Dir::Cache="$dir/apt/cache" -o APT::Default-Release=bullseye
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User="$(id -un)"
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
  # Whether this worked shows in the download: it may only warn of what failed.
  "${apt[@]}" update || :
  (cd "$dir/debs" && "${apt[@]}" download "${debs[@]}") ||
    die "no Python 2.7 from Debian bullseye; name one by AUTOBAHN_PYTHON2"
  for deb in "$dir"/debs/*.deb; do
    dpkg-deb -x "$deb" "$dir/debian" || die "cannot unpack $deb"
  done
  rm -rf "$dir/apt" "$dir/debs"
}

install_suite() {
  local dir=$1 pip=(-m pip) pip_args
  if [[ -z ${AUTOBAHN_PYTHON2:-} ]]; then
    unpack_debian "$dir"
    pip=("$(echo "$dir"/debian/usr/share/python-wheels/pip-*.whl)/pip")
  fi
  pip_args=(install -q --disable-pip-version-check --no-deps --no-build-isolation
    --target "$dir/lib")
  python2 "$dir" "${pip[@]}" "${pip_args[@]}" "${wheels[@]}" ||
    die "pip could not install the suite"
  # --target leaves the namespace package without what makes it importable.
  : >"$dir/lib/zope/__init__.py"
  # Needs a C compiler; without it the suite uses its own Python code.
  C_INCLUDE_PATH=$dir/debian/usr/include:$dir/debian/usr/include/python2.7 \
    python2 "$dir" "${pip[@]}" "${pip_args[@]}" "$accelerator" >"$dir/accelerator.log" 2>&1 ||
    say "no $accelerator (is there a C compiler?): runs will be slower"
  python2 "$dir" -m autobahntestsuite.wstest -a >&2 || die "the suite does not start"
}

# Under a lock, for two runs may start at once; moved into place when complete,
# for an install may be interrupted.
exec 9>"$home/lock"
flock 9
if [[ ! -d $inst ]]; then
  say "installing into $inst"
  rm -rf "$inst.new"
  mkdir "$inst.new"
  install_suite "$inst.new" 9>&-
  mv "$inst.new" "$inst"
fi
exec 9>&-

run=$(mktemp -d "$home/run-XXXXXX")
node=
trap '[[ -z $node ]] || kill "$node"; rm -rf "$run"' EXIT
[[ -n $url ]] || start_node "$run"

# Patterns are resolved here, so that a mistyped one is an error and that a case
# that was never run can be told from one that passed.
python2 "$inst" - "$url" "$cases" "$run" <<'PY' || die "bad case list: $cases"
import json, sys
from autobahntestsuite.case import (Cases, CaseBasename, CaseCategories,
                                    CaseSetname, CaseSubCategories)
from autobahntestsuite.caseset import CaseSet

url, patterns, run = sys.argv[1:]
known = CaseSet(CaseSetname, CaseBasename, Cases, CaseCategories, CaseSubCategories)
wanted = []
for pattern in patterns.split(','):
    found = [c for c in known.resolveCasePatternList([pattern]) if c in known.CasesById]
    if not found:
        sys.exit('autobahn: no such case: ' + pattern)
    wanted += found
with open(run + '/spec.json', 'w') as f:
    json.dump({'outdir': run + '/report', 'cases': wanted,
               'servers': [{'agent': 'server', 'url': url}]}, f)
PY

status=0
within "$inst" timeout --foreground -k 5 "$limit" "$(python_of "$inst")" -W ignore \
  -m autobahntestsuite.wstest -m fuzzingclient -s "$run/spec.json" >"$run/log" 2>&1 || status=$?
if [[ ! -s $run/report/index.json ]]; then
  tail -n 5 "$run/log" >&2
  [[ $status -ne 124 && $status -ne 137 ]] || { say "gave up after $limit s"; exit 1; }
  die "the fuzzing client made no report (exit status $status)"
fi

status=0
python2 "$inst" - "$run" <<'PY' || status=$?
import json, sys

run = sys.argv[1]
wanted = json.load(open(run + '/spec.json'))['cases']
index = json.load(open(run + '/report/index.json')).get('server', {})
accepted = ('OK', 'NON-STRICT', 'INFORMATIONAL')
count = dict.fromkeys(accepted, 0)
failed = 0
for case in sorted(set(wanted), key=lambda c: [int(n) for n in c.split('.')]):
    if case not in index:
        failed += 1
        print 'case %s: not run' % case
        continue
    entry = index[case]
    got = (entry['behavior'], entry['behaviorClose'])
    if not set(got) <= set(accepted):
        failed += 1
        detail = json.load(open('%s/report/%s' % (run, entry['reportfile'])))
        print 'case %s: %s, close %s: %s %s' % (
            (case,) + got + (detail['result'], detail['resultClose']))
    else:
        # The less strict of the two is what the case counts as.
        count[max(got, key=accepted.index)] += 1
print 'autobahn: %d ok, %d non-strict, %d informational, %d failed' % (
    tuple(count[a] for a in accepted) + (failed,))
sys.exit(1 if failed else 0)
PY
if [[ $status -ne 0 ]]; then
  grep '^Connection to .* failed' "$run/log" >&2 || :
  # Kept until the next failure: the wire log of each case is in it.
  rm -rf "$home/failed"
  mv "$run" "$home/failed"
  say "reports are in $home/failed/report"
fi
exit "$status"
