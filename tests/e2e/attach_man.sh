#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: attach_man.sh: the examples of xlvs(8) work as printed, and the page has every subcommand and option.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

page=$XLVS_ROOT/docs/man/xlvs.8
plain=$(sed 's/\\-/-/g; /nsenter/d' "$page")
words() { grep -oE -- "$1" <<<"$2" | sort -u; }

director_alone
before=$(traces)
examples=0
while read -r command; do
	# shellcheck disable=SC2086 # as a shell would split it
	says 0 '' director $command
	examples=$((examples + 1))
done < <(sed -n '/^\.EX/,/^\.EE/{/^\./!p}' "$page")
at_least 'examples in xlvs(8)' 4 "$examples"
same "$before"

help=$("$XLVS" --help)
for subcommand in $(sed -n '/^Subcommands:/,$s/^  \([a-z]*\) .*/\1/p' <<<"$help"); do
	check "xlvs(8) has $subcommand" grep -qE "^\.B[IR]? \"?$subcommand" <<<"$plain"
	help+=$("$XLVS" "$subcommand" --help)
done
equal 'options of xlvs(8) and of --help' "$(words '--[a-z][a-z0-9]+' "$help")" "$(words '--[a-z][a-z0-9]+' "$plain")"
finish_alone
