# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What tools/demo and tools/test share: messages, a line of progress, and building a preset.

XLVS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
die() {
	progress_end
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# progress TEXT: what is being done, on one line that is overwritten until
# progress_end; without a terminal a line when the first two words change.
PROGRESS_LAST=''
progress() {
	local verb object _
	read -r verb object _ <<<"$*"
	if [[ -t 2 ]]; then
		printf '\r\033[K%.*s' "$((${COLUMNS:-80} - 1))" "$*" >&2
	elif [[ "$verb $object" != "$PROGRESS_LAST" ]]; then
		printf '%s\n' "$*" >&2
	fi
	PROGRESS_LAST="$verb $object"
}
progress_end() {
	[[ ! -t 2 ]] || printf '\r\033[K' >&2
}

# Jobs for the compiler: what the machine has, at most what its memory carries.
build_jobs() {
	local cores memory
	cores=$(nproc)
	memory=$(awk '/MemAvailable/ { print int($2 / 1000000) }' /proc/meminfo)
	((memory < cores)) && cores=$memory
	echo "${XLVS_JOBS:-$((cores > 0 ? cores : 1))}"
}

# build_preset NAME [CMAKE-OPTION...] [-- TARGET...]: configures and builds; on failure the compiler's words
build_preset() {
	local preset=$1 log=$XLVS_ROOT/build/$1.log line options=() targets=()
	shift
	while (($#)) && [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	(($# < 2)) || targets=(--target "${@:2}")
	mkdir -p "$XLVS_ROOT/build"
	progress "configuring $preset"
	if ! (cd "$XLVS_ROOT" && cmake --preset "$preset" "${options[@]}") >"$log" 2>&1; then
		progress_end
		tail -n 30 "$log" >&2
		return 1
	fi
	progress "building $preset"
	if ! cmake --build "$XLVS_ROOT/build/$preset" -j "$(build_jobs)" "${targets[@]}" 2>&1 | tee "$log" | while read -r line; do
		[[ $line != \[* ]] || progress "building $preset ${line%%]*}]"
	done; then
		progress_end
		grep -E -A 15 'FAILED:|error:' "$log" | head -n 60 >&2
		return 1
	fi
	progress_end
}
