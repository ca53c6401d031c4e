#!/usr/bin/env bash
# Three nodes and a load balancer on this machine, until Ctrl-C.
#
# Uses the Redis at REDIS_URL, or starts one of its own. Everything lives in a temporary folder that goes at the end.
# GUILDHALL names the program; without it, it is built. Clients go to 127.0.0.1:7600, operators to 127.0.0.1:7601.
set -euo pipefail
cd "$(dirname "$0")/.."

need() { command -v "$1" >/dev/null || { echo "three-nodes: $1 is missing: install the package $2" >&2; exit 1; }; }
need haproxy haproxy
if [[ -z "${GUILDHALL:-}" ]]; then
    cargo build --release --locked --bin guildhall
    GUILDHALL=target/release/guildhall
fi

folder="$(mktemp -d)"
pids=()
stop() {
    trap - EXIT INT TERM
    # The last started ends first: HAProxy, the nodes (they drain), Redis.
    for ((at = ${#pids[@]} - 1; at >= 0; at--)); do
        kill -TERM "${pids[at]}" 2>/dev/null || true
    done
    wait || true
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 0' INT TERM

fail() {
    echo "three-nodes: $1; the ends of the logs:" >&2
    tail -n 5 "$folder"/*.log >&2
    exit 1
}

# Waits until somebody listens on a port, for at most 10 s.
listens() {
    for _ in {1..100}; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.1
    done
    fail "nobody listens on port $1"
}

if [[ -z "${REDIS_URL:-}" ]]; then
    need redis-server redis-server
    redis-server deploy/redis.conf --bind 127.0.0.1 --port 7690 --dir "$folder" >"$folder/redis.log" &
    pids+=($!)
    REDIS_URL=redis://127.0.0.1:7690
    listens 7690
fi

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
bearer="$(random)" secret="$(random)" admin="$(random)"
cat >"$folder/guildhall.toml" <<TOML
[store]
kind = "redis"
url = ["$REDIS_URL"]
[listen]
trusted_proxies = ["127.0.0.1/32"]
[admin]
keys = ["$admin"]
[[games]]
name = "demo"
[games.hive]
game_index = 1
certification_keys = ["$bearer"]
login_key_secret = "$secret"
[games.playwave]
api_keys = ["$bearer"]
TOML

for node in a:1 b:2 c:3; do
    GUILDHALL__NODE__ID="${node%:*}" "$GUILDHALL" --config "$folder/guildhall.toml" \
        --public "127.0.0.1:76${node#*:}0" --admin "127.0.0.1:76${node#*:}1" >"$folder/${node%:*}.log" 2>&1 &
    pids+=($!)
done
for port in 7611 7621 7631; do listens "$port"; done
haproxy -db -f deploy/haproxy.cfg >"$folder/haproxy.log" 2>&1 &
pids+=($!)
listens 7600

cat <<TEXT
three nodes are ready behind http://127.0.0.1:7600 (operators: http://127.0.0.1:7601, balancer: http://127.0.0.1:7602)
  game 1 "demo", bearer and X-Api-Key  $bearer
  X-Admin-Key                          $admin
  a login key for player 5001:
    curl -X POST -H "Authorization: Bearer $bearer" http://127.0.0.1:7600/api/v1/games/1/users/5001/token
  chat over node a: ws://127.0.0.1:7610/v1/chat/socket, over b: port 7620; a game server on c: port 7630
Ctrl-C stops them all. Logs: $folder
TEXT
wait -n "${pids[@]}" || true
fail "a process ended by itself"
