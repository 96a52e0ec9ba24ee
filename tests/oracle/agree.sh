#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: agree.sh NAME BUILD: xlvs does in scenario NAME what kernel IPVS did when it was recorded.
# A difference that later.txt knows is reported as skipped, with its reason.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=$1 build=$2

known_difference() {
	local line
	while IFS= read -r line; do
		# shellcheck disable=SC2053 # a pattern it is
		if [[ $line != '#'* && $name == ${line%%:*} ]]; then
			echo "${line#*: }"
			return
		fi
	done <"$here/later.txt"
}

if ((EUID != 0)); then
	echo 'skipped: needs root'
	exit 77
fi
status=0
"$here/../../tools/oracle/replay" --bin-dir "$build" "$here/$name.scn" || status=$?
((status != 1)) || [[ ! $(known_difference) ]] || {
	echo "skipped: $(known_difference)"
	exit 77
}
exit "$status"
