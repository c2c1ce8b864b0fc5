/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/words: the lists of words and their numbers. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

static void assert_word(const struct word_list *l, const char *text, int64_t value)
{
	int i = word_find(l, text);

	if (i < 0)
		fail_msg("%s is not in the list of %s", text, l->what);
	assert_int_equal(word_value(l, i), value);
	assert_string_equal(word_text(l, i), text);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_word(&spec_words_ns, "mount", 0x00020000);
	assert_word(&spec_words_ns, "time", 0x00000080);
	assert_word(&spec_words_ns, "cgroup", 0x02000000);
	assert_word(&spec_words_ns_proc, "mnt", 0x00020000);
	assert_word(&spec_words_rlimit, "RLIMIT_NOFILE", 7);
	assert_word(&spec_words_rlimit, "RLIMIT_LOCKS", 10);
	assert_word(&spec_words_rlimit, "RLIMIT_RTTIME", 15);
	assert_word(&spec_words_ioprio, "IOPRIO_CLASS_IDLE", 3);
	assert_word(&spec_words_sched_policy, "SCHED_OTHER", 0);
	assert_word(&spec_words_sched_policy, "SCHED_DEADLINE", 6);
	assert_word(&spec_words_sched_flag, "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40);
	assert_word(&spec_words_propagation, "rslave", (1 << 19) | 16384);
	assert_word(&spec_words_personality, "LINUX32", 8);
	assert_word(&spec_words_mpol, "MPOL_BIND", 2);
	assert_word(&spec_words_mpol, "MPOL_WEIGHTED_INTERLEAVE", 6);
	assert_word(&spec_words_mpol_flag, "MPOL_F_NUMA_BALANCING", 1 << 13);
	assert_word(&spec_words_action, "SCMP_ACT_KILL_PROCESS", 0x80000000);
	assert_word(&spec_words_action, "SCMP_ACT_NOTIFY", 0x7fc00000);
	assert_word(&spec_words_op, "SCMP_CMP_MASKED_EQ", 7);
	assert_word(&spec_words_arch, "SCMP_ARCH_X86_64", 0xc000003e);
	assert_word(&spec_words_arch, "SCMP_ARCH_X32", 0x4000003e);
	assert_word(&spec_words_arch, "SCMP_ARCH_AARCH64", 0xc00000b7);
	assert_word(&spec_words_seccomp_flag, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 32);
}

static void test_capabilities(void **state)
{
	(void)state;
	assert_int_equal(spec_words_capability.n, 41);
	for (size_t i = 0; i < spec_words_capability.n; i++) {
		assert_non_null(spec_words_capability.rows[i].text);
		assert_int_equal(spec_words_capability.rows[i].value, i);
	}
	assert_word(&spec_words_capability, "CAP_SYS_ADMIN", 21);
}

static void test_enums(void **state)
{
	(void)state;
	assert_int_equal(word_find(&spec_words_ns, "user"), SPEC_NS_USER);
	assert_int_equal(word_find(&spec_words_hook, "poststop"), SPEC_HOOK_POSTSTOP);
	assert_int_equal(word_find(&spec_words_status, "paused"), SPEC_PAUSED);
	assert_int_equal(word_find(&spec_words_action, "SCMP_ACT_ERRNO"), SPEC_ACT_ERRNO);
	assert_int_equal(word_find(&spec_words_op, "SCMP_CMP_GT"), SPEC_OP_GT);
	assert_int_equal(spec_words_rlimit.n, 16);
	assert_int_equal(spec_words_arch.n, 23);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_enums),
	};
	return cmocka_run_group_tests_name("spec/words", tests, NULL, doc_teardown);
}
