# shellcheck shell=bash
# tests/tiers/common.sh: what the tiers share. A tier is a script with two verbs:
#   words      prints what the tier offers (see "requires" in tests/run)
#   run CMD... runs CMD there, as root, in the project's folder, with
#              STIVA_TIER, STIVA_HAS, RUNTIME and STIVA_ROOTFS in its environment
# Sourced by the tiers after they set words.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
words=${words:-}

# A build with fault points is offered by the tiers once it exists.
faults=$(find "$top/build/obj" -maxdepth 2 -path '*-faults*/stiva' -type f 2>/dev/null | head -n 1 || true)
[ -z "$faults" ] || words+=' debug_faults'

tier_environment() {
	export STIVA_TIER=${0##*/} STIVA_HAS=$words STIVA_ROOTFS=$top/build/rootfs13
	export RUNTIME=${RUNTIME:-$top/build/stiva} RUNTIME_FAULTS=$faults
	export LC_ALL=C.UTF-8 STIVA_LEAKCHECK=1
	cd "$top" || exit
}

# tier VERB CMD...: enter is the tier's own function
tier() {
	case ${1:-} in
	words) echo "$words" ;;
	run)
		shift
		tier_environment
		enter "$@"
		;;
	*)
		echo "usage: ${0##*/} words | run CMD..." >&2
		exit 2
		;;
	esac
}
