/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/features: the features document. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

static const char *const flags[] = {"SECCOMP_FILTER_FLAG_LOG", NULL};

static void test_full(void **state)
{
	struct spec_features_input in = {"0.1.0", "abc", "2.5.4", flags, true, true,
					 false,	  true,	 true,	  true,	 true};
	static const char *const parts[] = {
		"{\n    \"ociVersionMin\": \"1.0.0\",\n    \"ociVersionMax\": \"1.3.0\",\n",
		"\"prestart\",\n        \"createRuntime\"",
		"\"rro\",",
		"\"CAP_CHECKPOINT_RESTORE\"",
		"\"v1\": false,\n            \"v2\": true,\n            \"systemd\": true,\n"
		"            \"systemdUser\": true,\n            \"rdma\": true",
		"\"SCMP_ARCH_LOONGARCH64\"",
		"\"supportedFlags\": [\n                \"SECCOMP_FILTER_FLAG_LOG\"\n            ]",
		"\"apparmor\": {\n            \"enabled\": true",
		"\"selinux\": {\n            \"enabled\": false",
		"\"monitoring\": true",
		"\"MPOL_WEIGHTED_INTERLEAVE\"",
		"\"netDevices\": {\n            \"enabled\": true",
		"\"idmap\": {\n                \"enabled\": true",
		"\"org.opencontainers.runc.checkpoint.enabled\": \"true\"",
		"\"io.github.seccomp.libseccomp.version\": \"2.5.4\"",
		"\"stiva.commit\": \"abc\"",
		"\"potentiallyUnsafeConfigAnnotations\": [\n        \"org.criu.config\",\n"
		"        \"org.systemd.property.\",\n        \"run.oci.\",\n        \"stiva.\"\n   "
		" ]\n}",
	};
	struct buf b = {0};

	(void)state;
	spec_features_print(&in, &b);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!strstr(b.data, parts[i]))
			fail_msg("lacks %s", parts[i]);
	}
	buf_done(&b);
}

static void test_without_seccomp(void **state)
{
	struct spec_features_input in = {.version = "0.1.0"};
	struct buf b = {0};

	(void)state;
	spec_features_print(&in, &b);
	assert_non_null(
		strstr(b.data, "\"seccomp\": {\n            \"enabled\": false\n        }"));
	assert_null(strstr(b.data, "SCMP_"));
	assert_null(strstr(b.data, "stiva.commit"));
	/* Nothing is claimed that nobody said is there. */
	assert_non_null(strstr(b.data, "\"systemd\": false"));
	assert_non_null(strstr(b.data, "\"monitoring\": false"));
	assert_non_null(strstr(b.data, "\"netDevices\": {\n            \"enabled\": false"));
	assert_non_null(strstr(b.data, "checkpoint.enabled\": \"false\""));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_without_seccomp),
	};
	return cmocka_run_group_tests_name("spec/features", tests, NULL, doc_teardown);
}
