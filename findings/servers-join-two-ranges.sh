#!/usr/bin/env bash
# Asked for the first and the last byte of a file, lighttpd sends all of it as one range, with 206.
#
# Versions: Debian 12's lighttpd 1.4.69, beside nginx 1.22.1 and civetweb 1.15, a file of 20 bytes.
# Expected (RFC 9110 §14.6): `bytes=0-0,-1` gets two parts in multipart/byteranges, or the whole file with
# 200.
# Seen: lighttpd joins ranges that lie near each other (§15.3.7.2 allows that) and sorts them: 206 with
# `Content-Range: bytes 0-19/20`, a range that nobody asked for; the same for `10-19,0-4`. civetweb sends the
# first range alone, so the second never comes. nginx sends two parts in the order asked. So a 206 without
# multipart tells a client nothing until it reads Content-Range.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
servers=()
finish() {
  for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download lighttpd=1.4.69-1 nginx=1.22.1-9+deb12u11 \
  civetweb=1.15+dfsg-4 libcivetweb1=1.15+dfsg-4
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
mkdir www temporary
printf '0123456789abcdefghij' >www/file.bin
chmod 755 . www
temporary=$(for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $folder/temporary/$kind;"; done)

cat >lighttpd.conf <<EOF
server.document-root = "$folder/www"
server.bind = "127.0.0.1"
server.port = 18121
mimetype.assign = (".bin" => "application/octet-stream")
EOF
cat >nginx.conf <<EOF
daemon off; pid $folder/nginx.pid; error_log $folder/nginx.log;
events {}
http { access_log off; $temporary server { listen 127.0.0.1:18122; root $folder/www; } }
EOF

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

ask() { # ask PORT RANGES: the status, and the range of the answer or those of its parts
  curl -s -D head -o body -H "Range: bytes=$2" "http://127.0.0.1:$1/file.bin"
  echo "$(awk 'NR == 1 { print $2 }' head) $(cat head body | tr -d '\r' |
    awk 'tolower($1) == "content-range:" { print $3 }' | paste -sd ' ')"
}

start 18121 root/usr/sbin/lighttpd -D -f lighttpd.conf
start 18122 root/usr/sbin/nginx -e nginx.log -c "$folder/nginx.conf"
start 18123 root/usr/bin/civetweb -listening_ports 127.0.0.1:18123 -document_root "$folder/www"

changed=0
expect() { # expect NAME PORT RANGES WANTED
  local seen
  seen=$(ask "$2" "$3")
  echo "$1, bytes=$3: $seen"
  [ "$seen" = "$4" ] || { echo "  changed: it was $4" >&2; changed=1; }
}

expect lighttpd 18121 0-0,-1 '206 0-19/20'
expect lighttpd 18121 10-19,0-4 '206 0-19/20'
expect civetweb 18123 0-0,-1 '206 0-0/20'
expect civetweb 18123 10-19,0-4 '206 10-19/20'
expect nginx 18122 0-0,-1 '206 0-0/20 19-19/20'
expect nginx 18122 10-19,0-4 '206 10-19/20 0-4/20'
exit "$changed"
