#!/usr/bin/env bash
# `git annex fsck` reads and hashes another file than the one in the work tree, and says "ok" of an unlocked
# file whose bytes are others; `git annex lock` then throws these away without a word.
#
# Versions: Debian 12's git-annex 10.20230126, with its git 2.39.5.
# Expected: fsck finds "files that have gotten corrupted": it reads the file by the name that it is given,
# hashes it, and says that it differs from the SHA-256 in its key. git finds the change too, by the change
# time (ctime).
# Seen: of an unlocked file there are two copies, the one in the work tree and the one below
# .git/annex/objects. fsck hashes the second. Whether the first is as it was is told by its size, modification
# time and inode, so bytes that changed under these, by a failing disk or by `touch -r`, are seen by nobody:
# fsck says "(checksum...) ok", `git status`, `git annex status` and `git update-index --really-refresh`
# nothing. In a repository without git-annex the same change is ` M`. `git annex lock` says ok, and puts a
# link to the second copy in the place of the first.
#
# Prints what each says; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download git-annex=10.20230126-3 git=1:2.39.5-0+deb12u3 \
  libmagic1=1:5.44-3 libmagic-mgc=1:5.44-3 libyaml-0-2=0.2.5-1 libsqlite3-0=3.40.1-2+deb12u2
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu)" MAGIC="$folder/root/usr/lib/file/magic.mgc"
export PATH="$folder/root/usr/bin:$PATH" GIT_EXEC_PATH="$folder/root/usr/lib/git-core"
export HOME="$folder" GIT_CONFIG_NOSYSTEM=1 GIT_CEILING_DIRECTORIES="$folder"
git config --global user.name name
git config --global user.email name@example.org
git config --global init.defaultBranch main

git init -q plain
git init -q annexed
cd annexed
git annex init name >/dev/null 2>&1
echo one >file
cp -p file ../plain/file
git annex add file >/dev/null 2>&1
git annex unlock file >/dev/null
git commit -qm file
(cd ../plain && git add file && git commit -qm file)

sleep 1.2
for file in file ../plain/file; do
  touch -r "$file" ../time
  printf 'two\n' 1<>"$file"
  touch -r ../time "$file"
done

changed=0
expect() { # expect TITLE SEEN WANTED
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}
said() { # said COMMAND...: its exit status and what it said, in one line
  local status=0 text
  text=$("$@" 2>&1) || status=$?
  echo "exit $status $(echo $text)"
}
expect 'the file' "$(cat file)" two
expect 'git status, without git-annex' "$(cd ../plain && said git status --short)" 'exit 0 M file'
expect 'git status' "$(said git status --short)" 'exit 0 '
expect 'git annex status' "$(said git annex status)" 'exit 0 '
expect 'git annex fsck file' "$(said git annex fsck file)" \
  'exit 0 fsck file (checksum...) ok (recording state in git...)'
expect 'git update-index --really-refresh' "$(said git update-index --really-refresh)" 'exit 0 '
expect 'git annex lock file' "$(said git annex lock file)" 'exit 0 lock file ok (recording state in git...)'
expect 'the file' "$(cat file)" one
exit "$changed"
