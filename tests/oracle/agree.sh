#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: agree.sh NAME BUILD: xlvs does in scenario NAME what kernel IPVS did when it was recorded.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=$1 build=$2

while IFS= read -r line; do
	case $line in
	'#'* | '') continue ;;
	esac
	# shellcheck disable=SC2053
	if [[ $name == ${line%%:*} ]]; then
		echo "skipped:${line#*:}"
		exit 77
	fi
done <"$here/later.txt"
if ((EUID != 0)); then
	echo 'skipped: needs root'
	exit 77
fi
exec "$here/../../tools/oracle/replay" --bin-dir "$build" "$here/$name.scn"
