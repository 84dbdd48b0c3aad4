#!/usr/bin/env bash
# `git diff --no-index --exit-code` says that two files or directories are the same whose bytes differ, by
# what the repository around it, or the user's settings, say of line ends and keywords.
#
# Version: Debian 12's git 2.39.5.
# Expected: with --no-index git compares "the given two paths on the filesystem", so bytes that differ make
# exit 1, as with diff. What .gitattributes says holds for files of its repository.
# Seen: both files are first converted as for `git add`. In a repository with `* text=auto` two directories
# outside of it, given by absolute paths, are the same when they differ in CR alone, and with `ident` in
# keywords; with core.autocrlf, which installers set, they are in no repository at all. A filter.NAME.clean
# decides alike: what it leaves out can differ. --binary and --text change nothing.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download git=1:2.39.5-0+deb12u3
dpkg -x ./*.deb root
export GIT_EXEC_PATH="$folder/root/usr/lib/git-core" GIT_CONFIG_NOSYSTEM=1 HOME="$folder"
export GIT_CEILING_DIRECTORIES="$folder"
git() { "$folder/root/usr/bin/git" -c init.defaultBranch=main "$@"; }

mkdir one two repository
printf 'a line\r\nanother\r\n' >one/ends
printf 'a line\nanother\n' >two/ends
mkdir first second
printf '$Id: of July $\n' >first/keyword
printf '$Id: of August $\n' >second/keyword
mkdir old new
echo 'price 10' >old/price
echo 'price 20' >new/price
(cd repository && git init -q)

changed=0
expect() { # expect WANTED ATTRIBUTES ONE TWO OPTION...: the exit status of a comparison from the repository
  local wanted=$1 attributes=$2 one=$folder/$3 two=$folder/$4 status=0
  shift 4
  echo "$attributes" >repository/.gitattributes
  (cd repository && git "$@" diff --no-index --exit-code --binary --text "$one" "$two") >said 2>/dev/null || status=$?
  echo "${attributes:-no attributes} ${*:-}: exit $status, $(wc -l <said) lines"
  [ "$status" = "$wanted" ] || { echo "  changed: it was $wanted" >&2; changed=1; }
}
expect 1 '' one two
expect 0 '* text=auto' one two
expect 1 '' first second
expect 0 '* ident' first second
expect 1 '' old new
expect 0 '* filter=name' old new -c "filter.name.clean=sed 's/ .*//'"
expect 0 '' one two -c core.autocrlf=input
status=0
(cd "$folder" && git -c core.autocrlf=input diff --no-index --exit-code one two) >said 2>/dev/null || status=$?
echo "in no repository, core.autocrlf=input: exit $status"
[ "$status" = 0 ] || changed=1
diff -rq one two >/dev/null && changed=1
exit "$changed"
