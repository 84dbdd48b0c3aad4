#!/usr/bin/env bash
# Four well-known static servers of npm ignore If-Range, and read one suffix range in three ways.
#
# Versions: sirv-cli 3.0.1, http-server 14.1.1, serve 14.2.7, local-web-server 5.4.0, on Node 18 or later.
# Expected (RFC 9110 §13.1.5): a Range whose If-Range names another entity tag is ignored, so the answer is 200 with
# the whole file. `bytes=-5` asks for the last five bytes (§14.1.2).
# Seen: all four answer 206, so a client that resumes with If-Range joins the parts of two contents. For the suffix,
# sirv sends the first six bytes, http-server and local-web-server refuse with 416, serve sends the last five.
#
# Prints what each server answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
servers=()
finish() {
  for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  sirv-cli@3.0.1 http-server@14.1.1 serve@14.2.7 local-web-server@5.4.0 >/dev/null
mkdir www
printf '0123456789abcdefghij' >www/file.bin

start() { # start PORT COMMAND...: runs it in the background and waits until it answers
  local port=$1
  shift
  "$@" >/dev/null 2>&1 &
  servers+=("$!")
  for _ in $(seq 100); do
    curl -s -o /dev/null "http://127.0.0.1:$port/file.bin" && return
    sleep 0.1
  done
  echo "no server on port $port" >&2
  exit 1
}

ask() { # ask PORT FIELD...: the status, the Content-Range and the body of the answer
  local port=$1 fields=()
  shift
  for field in "$@"; do fields+=(-H "$field"); done
  curl -s -D head -o body "${fields[@]}" "http://127.0.0.1:$port/file.bin"
  local status range
  status=$(awk 'NR == 1 { print $2 }' head)
  range=$(tr -d '\r' <head | awk 'tolower($1) == "content-range:" { print $3 }')
  [ "$status" = 206 ] && echo "$status ${range:-none} $(cat body)" || echo "$status"
}

bin=node_modules/.bin
start 18101 "$bin/sirv" www --port 18101 --host 127.0.0.1
start 18102 "$bin/http-server" www -p 18102 -a 127.0.0.1
start 18103 "$bin/serve" www -l tcp://127.0.0.1:18103
start 18104 "$bin/ws" -d www -p 18104 --hostname 127.0.0.1

changed=0
expect() { # expect TITLE SEEN WANTED
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}

declare -A suffix=(
  [18101]='206 0-5/20 012345' [18102]=416 [18103]='206 15-19/20 fghij' [18104]=416
)
declare -A name=([18101]=sirv [18102]=http-server [18103]=serve [18104]=local-web-server)
for port in 18101 18102 18103 18104; do
  other=$(ask "$port" 'Range: bytes=2-5' 'If-Range: "of another content"')
  expect "${name[$port]}, If-Range with another tag" "$other" '206 2-5/20 2345'
  expect "${name[$port]}, bytes=-5" "$(ask "$port" 'Range: bytes=-5')" "${suffix[$port]}"
done
exit "$changed"
