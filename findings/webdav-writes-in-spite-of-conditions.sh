#!/usr/bin/env bash
# rclone and nginx overwrite and delete a file over WebDAV in spite of If-Match and If-None-Match; rclone
# takes the end of a resumed upload for the whole file.
#
# Versions: Debian 12's rclone 1.60.1 (`serve webdav`), nginx 1.22.1 (dav_methods) and lighttpd 1.4.69
# (mod_webdav).
# Expected (RFC 9110 §13.1): 412, as lighttpd answers, to a PUT or DELETE whose If-Match names another tag, and
# to a PUT with `If-None-Match: *` onto a file that is there. A PUT with Content-Range (`curl -C 10 -T FILE`)
# writes that part, or is refused, as lighttpd (400, as §14.5 has it) and nginx (501) do.
# Seen: rclone and nginx write or delete, and answer 201 or 204; nginx heeds If-Match of a GET. Of the upload
# that curl resumed at byte 10, rclone keeps six bytes as the file and drops the ten that were there, with
# 201.
#
# Prints the status of each request and what the file holds then; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
servers=()
finish() {
  for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rclone=1.60.1+dfsg-2+b5 nginx=1.22.1-9+deb12u9 \
  lighttpd=1.4.69-1 lighttpd-mod-webdav=1.4.69-1
for package in ./*.deb; do dpkg -x "$package" root; done
mkdir run by-rclone by-nginx by-lighttpd
cat >nginx.conf <<EOC
daemon off;
pid $folder/run/pid;
user root;
events {}
http {
  access_log off;
  client_body_temp_path $folder/run/body;
  proxy_temp_path $folder/run/proxy;
  fastcgi_temp_path $folder/run/fastcgi;
  uwsgi_temp_path $folder/run/uwsgi;
  scgi_temp_path $folder/run/scgi;
  server {
    listen 127.0.0.1:18122;
    root $folder/by-nginx;
    location / { dav_methods PUT DELETE; }
  }
}
EOC
cat >lighttpd.conf <<EOC
server.modules = ( "mod_webdav" )
server.document-root = "$folder/by-lighttpd"
server.bind = "127.0.0.1"
server.port = 18123
webdav.activate = "enable"
EOC

start() { # start PORT COMMAND...: runs it in the background and waits until it answers
  local port=$1
  shift
  "$@" >/dev/null 2>&1 &
  servers+=("$!")
  for _ in $(seq 100); do
    curl -s -o /dev/null "http://127.0.0.1:$port/" && return
    sleep 0.1
  done
  echo "no server on port $port" >&2
  exit 1
}
start 18121 root/usr/bin/rclone --config '' serve webdav by-rclone --addr 127.0.0.1:18121
start 18122 root/usr/sbin/nginx -e "$folder/run/errors" -c "$folder/nginx.conf"
start 18123 root/usr/sbin/lighttpd -D -f lighttpd.conf -m root/usr/lib/lighttpd

printf 0123456789 >ten
printf 0123456789ABCDEF >sixteen
printf other >other

try() { # try PORT CURL-OPTION...: puts the ten bytes, sends the request, and shows its status and the file
  local port=$1 status
  shift
  curl -s -o /dev/null -T ten "http://127.0.0.1:$port/file"
  status=$(curl -s -o /dev/null -w '%{http_code}' "$@" "http://127.0.0.1:$port/file")
  echo "$status, $(curl -sf "http://127.0.0.1:$port/file" || echo gone)"
}

seen=
for server in 'rclone 18121' 'nginx 18122' 'lighttpd 18123'; do
  read -r name port <<<"$server"
  tries=("$(try "$port" -T other -H 'If-None-Match: *')" "$(try "$port" -T other -H 'If-Match: "x"')"
    "$(try "$port" -X DELETE -H 'If-Match: "x"')" "$(try "$port" -C 10 -T sixteen)")
  echo "$name: PUT If-None-Match: * -> ${tries[0]}; PUT If-Match: \"x\" -> ${tries[1]};" \
    "DELETE If-Match: \"x\" -> ${tries[2]}; curl -C 10 -T -> ${tries[3]}"
  seen+=$(printf '%s\n' "${tries[@]}")$'\n'
done
[ "$seen" = '201, other
201, other
204, gone
201, ABCDEF
204, other
204, other
204, gone
501, 0123456789
412, 0123456789
412, 0123456789
412, 0123456789
400, 0123456789
' ]
