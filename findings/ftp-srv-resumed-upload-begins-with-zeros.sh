#!/usr/bin/env bash
# When lftp goes on with an upload to ftp-srv, the part that was there becomes zero bytes; the size is right,
# and lftp exits with 0.
#
# Versions: ftp-srv 4.6.3 (npm), on Node 20 or later; Debian 12's lftp 4.9.2 and curl. As a server that does
# it rightly Debian 12's pyftpdlib 1.5.7 runs beside it.
# Expected: REST 6 and STOR write from the sixth byte on, and leave the six that are there. A server that
# cannot refuses REST, as clients then send the whole.
# Seen: ftp-srv takes REST for STOR, truncates the file, and writes from that place on: what was there is a
# hole. `lftp put -c`, `lftp mirror -R -c` and Python's ftplib with `rest` resume like that. A look at the
# names and sizes finds nothing wrong from then on. `curl -C -` sends APPE, and its upload is whole.
#
# Prints what is on the server after each upload; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
servers=()
finish() {
  [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download lftp=4.9.2-2+b1 python3-pyftpdlib=1.5.7-3
for package in ./*.deb; do dpkg -x "$package" root; done
npm install --silent --no-audit --no-fund --prefix "$folder" ftp-srv@4.6.3 >/dev/null 2>&1
cat >serve.mjs <<'EOP'
import bunyan from 'bunyan'
import ftpSrv from 'ftp-srv'

const server = new ftpSrv.FtpSrv({
  url: 'ftp://127.0.0.1:18141',
  pasv_url: '127.0.0.1',
  pasv_min: 18150,
  anonymous: true,
  log: bunyan.createLogger({ name: 'quiet', level: bunyan.FATAL }),
})
server.on('login', (_, resolve) => resolve({ root: `${process.cwd()}/of-ftp-srv` }))
await server.listen()
EOP
cat >serve.py <<'EOP'
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_anonymous('of-pyftpdlib', perm='elradfmwMT')
FTPServer(('127.0.0.1', 18142), FTPHandler).serve_forever()
EOP
mkdir of-ftp-srv of-pyftpdlib here
node --no-warnings serve.mjs >log.js 2>&1 &
servers+=($!)
PYTHONPATH=root/usr/lib/python3/dist-packages /usr/bin/python3 -W ignore serve.py >log.py 2>&1 &
servers+=($!)
for port in 18141 18142; do
  for _ in $(seq 100); do curl -s -o /dev/null "ftp://127.0.0.1:$port/" && break; sleep 0.1; done
done
printf 'hello world' >here/file
touch -d '1 hour ago' here/file

changed=0
upload() { # upload WANTED SERVER COMMAND...: the exit status, and the file of the server, of which six bytes were there
  local wanted=$1 server=$2 status=0 seen
  printf 'hello ' >"of-$server/file"
  timeout 30 "${@:3}" >said 2>&1 || status=$?
  seen="exit $status, $(sed 's/\x00/\\0/g' "of-$server/file")"
  echo "$server, ${*:3}: $seen"
  [ "$seen" = "$wanted" ] || { echo "  changed: it was $wanted" >&2; changed=1; }
}
lftp() { root/usr/bin/lftp --norc -e "$1; bye" "ftp://127.0.0.1:$2/"; }
export -f lftp
upload 'exit 0, \0\0\0\0\0\0world' ftp-srv bash -c 'lftp "put -c here/file" 18141'
upload 'exit 0, \0\0\0\0\0\0world' ftp-srv bash -c 'lftp "mirror -R -c here ." 18141'
upload 'exit 0, hello world' ftp-srv curl -sS -C - -T here/file ftp://127.0.0.1:18141/file
upload 'exit 0, hello world' pyftpdlib bash -c 'lftp "put -c here/file" 18142'
exit "$changed"
