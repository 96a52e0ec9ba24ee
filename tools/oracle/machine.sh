# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Common to `uml` and `qemu`: options, the job folder, the janitor, the verdict. They define name, timeout, memory and boot().
#
# The job folder carries the script's arguments in and its status out:
#   args env see cwd   what to run, variables, folders to show, where
#   out err            FIFOs that the script's output comes through
#   console status     what the kernel said; the script's exit status
#   alive pid late     the janitor's

usage() {
	cat <<TEXT
usage: $name [OPTION...] SCRIPT [ARG...]

  --timeout S        kill the machine after S seconds (default $timeout), status 124
  --share DIR        folder the script may write to; \$ORACLE_SHARE inside
  --see DIR          show DIR inside although it is below /tmp, /run or /dev
  --env NAME=VALUE   set a variable for the script
  --memory SIZE      memory of the machine (default $memory)
  --console FILE     keep the kernel's console output there

The script's stdout, stderr and exit status are passed through; stdin is empty.
Status 77: what the machine needs is not installed.  125: the machine broke.
TEXT
}

skip() {
	echo "$name: $*: skipped" >&2
	exit 77
}

# Sets script, args and the options' variables from the command line.
read_options() {
	while [ $# -gt 0 ]; do
		case $1 in
		--timeout | --share | --see | --env | --memory | --console)
			[ $# -ge 2 ] || { usage >&2; exit 125; } ;;
		esac
		case $1 in
		--timeout) timeout=$2; shift 2 ;;
		--share) share=$(realpath -- "$2"); shift 2 ;;
		--see) see+=("$(realpath -- "$2")"); shift 2 ;;
		--env) env+=("$2"); shift 2 ;;
		--memory) memory=$2; shift 2 ;;
		--console) console=$(realpath -m -- "$2"); shift 2 ;;
		-h | --help) usage; exit 0 ;;
		--) shift; break ;;
		-*) usage >&2; exit 125 ;;
		*) break ;;
		esac
	done
	[ $# -ge 1 ] || { usage >&2; exit 125; }
	script=$(type -P -- "$1") || { echo "$name: no such script: $1" >&2; exit 125; }
	script=$(realpath -- "$script")
	shift
	args=("$@")
}

make_job() {
	job=$(mktemp -d "${TMPDIR:-/tmp}/oracle-$name.XXXXXX")
	mkdir "$job/share"
	mkfifo "$job/alive" "$job/out" "$job/err"
	printf '%s\0' "$script" "${args[@]}" >"$job/args"
	printf '%s\0' "ORACLE_ENGINE=$name" "${env[@]}" >"$job/env"
	printf '%s\0' "${here%/tools/oracle}" "$PWD" "$(dirname -- "$script")" "${see[@]}" >"$job/see"
	printf '%s\n' "$PWD" >"$job/cwd"
	: "${console:=$job/console}" "${share:=$job/share}"
}

# The janitor holds the read end of a pipe. When this process ends, however it ends, the pipe closes, and
# the janitor kills the machine and removes the folder; when time is up it kills the machine only.
start_janitor() {
	setsid bash -c '
		job=$1
		stop() { [ ! -s "$job/pid" ] || kill -KILL "$(cat "$job/pid")" 2>/dev/null || true; }
		exec <"$job/alive"
		read -r -t "$2" _
		[ $? -le 128 ] || { : >"$job/late"; stop; read -r _; }
		stop
		rm -rf -- "$job"
	' janitor "$job" "$timeout" </dev/null >/dev/null 2>&1 &
	janitor=$!
	exec 9>"$job/alive"
}

run_machine() {
	local copy_out copy_err machine status
	read_options "$@"
	make_job
	start_janitor
	cat <"$job/out" 9>&- &
	copy_out=$!
	cat <"$job/err" >&2 9>&- &
	copy_err=$!
	(
		exec 9>&-
		ulimit -c 0
		echo "$BASHPID" >"$job/pid"
		boot
	) </dev/null >"$console" 2>&1 3>"$job/out" 4>"$job/err" &
	machine=$!

	trap 'exit 143' TERM INT HUP
	wait "$machine" 2>/dev/null || true
	wait "$copy_out" "$copy_err" || true

	status=125
	if [ -s "$job/status" ]; then
		status=$(cat "$job/status")
	elif [ -e "$job/late" ]; then
		echo "$name: killed after $timeout seconds" >&2
		status=124
	else
		echo "$name: the machine ended without a status; its console said:" >&2
		tail -n 20 "$console" >&2 || true
	fi
	exec 9>&-
	wait "$janitor" || true
	exit "$status"
}

here=$(dirname -- "$(realpath -- "$0")")
share='' console=''
see=() env=()
