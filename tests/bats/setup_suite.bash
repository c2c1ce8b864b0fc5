# shellcheck shell=bash
# tests/bats/setup_suite.bash: once for all files: the container root of the tests.
setup_suite() {
	"$BATS_TEST_DIRNAME/prepare" >/dev/null
}
