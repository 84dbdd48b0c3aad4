#!/usr/bin/env bash
# rdiff-backup restores a file of which it knows that its bytes are wrong, and exits with 0; and one rotten
# file makes all of its earlier states wrong.
#
# Version: Debian 12's rdiff-backup 2.2.2 with librsync 2.3.2, on Python 3.11.
# Expected: it keeps a SHA-1 of every state of a file, so a restore of a state whose bytes do not match fails,
# or exits with another status than 0, as `rdiff-backup verify` does. An earlier state, which changed in one
# line since, is not lost with the present one.
# Seen: an earlier state is what a delta makes of the present file, and the delta fits any file. Each restore
# prints a warning, writes the wrong bytes with the right time and size, and exits with 0. A later backup does
# not find the rot either, since the source's time and size are those that it remembers, and exits with 0.
#
# Prints what is restored; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rdiff-backup=2.2.2-1 librsync2=2.3.2-1+b1 libb2-1=0.98.1-1.1 \
  python3-yaml=6.0-3+b2 libyaml-0-2=0.2.5-1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu) PYTHONPATH=$folder/root/usr/lib/python3/dist-packages
backup() { python3 root/usr/bin/rdiff-backup "$@"; }

mkdir source states
seq 5000 >states/first
sed 's/^2500$/changed/' states/first >states/second
cp states/first source/file
touch -d '2026-01-01 00:00:00' source/file
backup backup source copy >/dev/null 2>&1
sleep 1.1
cp states/second source/file
touch -d '2026-01-02 00:00:00' source/file
backup backup source copy >/dev/null 2>&1

# The first line of the present state in the backup rots; its times stay.
printf 7 | dd of=copy/file bs=1 conv=notrunc status=none
touch -d '2026-01-02 00:00:00' copy/file

try() { # try TITLE STATE COMMAND...: the exit status, and whether `out/file` has the bytes of STATE
  local status=0 content=
  rm -rf out
  backup "${@:3}" >said 2>&1 || status=$?
  if [ -e out/file ]; then
    content=', the right bytes'
    cmp -s out/file "states/$2" ||
      content=", wrong bytes, $(stat -c %s out/file) of $(stat -c %s "states/$2"), of $(date -r out/file +%F)"
  fi
  echo "$1: exit $status$(grep -q WARNING said && echo ', a warning' || true)$content"
}
{
  try 'restore, present' second restore copy out
  try 'restore, before' first restore --at 1B copy out
  try 'verify, present' second verify copy
  try 'verify, before' first verify --at 1B copy
  sleep 1.1
  try 'backup once more' second backup source copy
  try 'restore, present' second restore copy out
} >seen
cat seen
diff - seen <<'EOF'
restore, present: exit 0, a warning, wrong bytes, 23896 of 23896, of 2026-01-02
restore, before: exit 0, a warning, wrong bytes, 23893 of 23893, of 2026-01-01
verify, present: exit 2, a warning
verify, before: exit 2, a warning
backup once more: exit 0
restore, present: exit 0, a warning, wrong bytes, 23896 of 23896, of 2026-01-02
EOF
