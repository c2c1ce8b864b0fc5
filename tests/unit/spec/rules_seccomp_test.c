/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/rules_seccomp: the law of linux.seccomp. */
#include <stdlib.h>
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

#define S(member)   "linux.seccomp." member
#define CALLS(rows) SECCOMP("'defaultAction':'SCMP_ACT_ALLOW','syscalls':[" rows "]")

static void S01_S02_default(void **state)
{
	(void)state;
	config_bad(SECCOMP("'flags':[]"), S("defaultAction"), "must be present");
	config_bad(SECCOMP("'defaultAction':'ALLOW'"), S("defaultAction"),
		   "unknown seccomp action");
	config_bad(SECCOMP("'defaultAction':'SCMP_ACT_NOTIFY','listenerPath':'/s'"),
		   S("defaultAction"), "cannot be the default");
	config_bad(SECCOMP("'defaultAction':'SCMP_ACT_KILL','defaultErrnoRet':1"),
		   S("defaultErrnoRet"), "is only for");
	config_bad(SECCOMP("'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':65536"),
		   S("defaultErrnoRet"), "must be in 0..65535");
	config_ok(SECCOMP("'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38"));
	config_ok(SECCOMP("'defaultAction':'SCMP_ACT_TRACE','defaultErrnoRet':38"));
}

static void S03_S04_lists(void **state)
{
	struct spec_config *c;

	(void)state;
	config_bad(SECCOMP("'defaultAction':'SCMP_ACT_ALLOW','architectures':['x86']"),
		   S("architectures[0]"), "unknown seccomp architecture");
	config_bad(SECCOMP("'defaultAction':'SCMP_ACT_ALLOW','flags':['X']"), S("flags[0]"),
		   "unknown seccomp flag");
	c = config_ok(SECCOMP("'defaultAction':'SCMP_ACT_ALLOW','flags':[]"));
	assert_non_null(c->linux_->seccomp->flags.v);
	assert_null(c->linux_->seccomp->architectures.v);
}

static void S07_S08_S09_syscalls(void **state)
{
	(void)state;
	config_bad(CALLS("{'action':'SCMP_ACT_LOG'}"), S("syscalls[0].names"), "must be present");
	config_bad(CALLS("{'names':[],'action':'SCMP_ACT_LOG'}"), S("syscalls[0].names"),
		   "must not be empty");
	config_bad(CALLS("{'names':['a']}"), S("syscalls[0].action"), "must be present");
	config_bad(CALLS("{'names':['a'],'action':'SCMP_ACT_ALLOW','errnoRet':1}"),
		   S("syscalls[0].errnoRet"), "is only for");
	config_bad(CALLS("{'names':['a'],'action':'SCMP_ACT_LOG'},"
			 "{'names':['a'],'action':'SCMP_ACT_KILL','errnoRet':1}"),
		   S("syscalls[1].errnoRet"), "is only for");
	config_ok(CALLS("{'names':['a'],'action':'SCMP_ACT_ERRNO','errnoRet':1}"));
}

static void S10_args(void **state)
{
#define ARG(members) CALLS("{'names':['a'],'action':'SCMP_ACT_LOG','args':[{" members "}]}")
#define A	     S("syscalls[0].args[0].")
	(void)state;
	config_bad(ARG("'index':6,'value':1,'op':'SCMP_CMP_EQ'"), A "index", "must be in 0..5");
	config_bad(ARG("'value':1,'op':'SCMP_CMP_EQ'"), A "index", "must be present");
	config_bad(ARG("'index':0,'op':'SCMP_CMP_EQ'"), A "value", "must be present");
	config_bad(ARG("'index':0,'value':1"), A "op", "must be present");
	config_bad(ARG("'index':0,'value':1,'op':'=='"), A "op", "unknown seccomp operator");
	config_ok(ARG("'index':5,'value':18446744073709551615,'valueTwo':0,'op':'SCMP_CMP_EQ'"));
}

static void S05_S06_A09_listener(void **state)
{
#define NOTIFY(name, more)                                                                         \
	SECCOMP("'defaultAction':'SCMP_ACT_ALLOW'," more "'syscalls':[{'names':['" name            \
		"'],'action':'SCMP_ACT_NOTIFY'}]")
	(void)state;
	config_bad(NOTIFY("mkdir", ""), S("syscalls[0].action"), "needs listenerPath");
	config_bad(NOTIFY("write", "'listenerPath':'/s',"), S("syscalls[0].action"),
		   "cannot be used for the write syscall");
	config_bad(SECCOMP("'defaultAction':'SCMP_ACT_ALLOW','listenerMetadata':'m'"),
		   S("listenerMetadata"), "without listenerPath");
	config_ok(NOTIFY("mkdir", "'listenerPath':'/s','listenerMetadata':'m',"));
	/* A09: the older ways to name the socket, of which listenerPath wins. */
#define RECEIVER(more)                                                                             \
	DOC(",'annotations':{'run.oci.seccomp.receiver':'/a'}", "",                                \
	    ",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'," more "'syscalls':[{'names':['mkdir']," \
	    "'action':'SCMP_ACT_NOTIFY'}]}")
	assert_string_equal(config_ok(RECEIVER(""))->linux_->seccomp->listener_path, "/a");
	assert_string_equal(
		config_ok(RECEIVER("'listenerPath':'/l',"))->linux_->seccomp->listener_path, "/l");
	setenv(SPEC_RECEIVER_ENV, "/e", 1);
	assert_string_equal(config_ok(RECEIVER(""))->linux_->seccomp->listener_path, "/a");
	assert_string_equal(config_ok(NOTIFY("mkdir", ""))->linux_->seccomp->listener_path, "/e");
	unsetenv(SPEC_RECEIVER_ENV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S01_S02_default),	cmocka_unit_test(S03_S04_lists),
		cmocka_unit_test(S07_S08_S09_syscalls), cmocka_unit_test(S10_args),
		cmocka_unit_test(S05_S06_A09_listener),
	};
	return cmocka_run_group_tests_name("spec/rules_seccomp", tests, NULL, doc_teardown);
}
