/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/rules_process: the law of process, in a config and in exec's document. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

static void test_required(void **state)
{
	(void)state;
	process_bad("{'cwd':'/'}", "args", "must be present");
	process_bad("{'cwd':'/','args':[]}", "args", "must not be empty");
	process_bad("{'cwd':'/','args':['','x']}", "args[0]", "must not be empty");
	process_bad("{'args':['x']}", "cwd", "must be present");
	process_bad("{'args':['x'],'cwd':'tmp'}", "cwd", "must be an absolute path");
	process_bad("{'args':['x'],'cwd':''}", "cwd", "must be an absolute path");
	config_bad(PROCESS("'cwd':'tmp'"), "process.cwd", "must be an absolute path");
	config_bad(PROCESS("'args':['']"), "process.args[0]", "must not be empty");
	assert_null(process_ok("{'cwd':'/','args':['x']}")->user);
}

static void P05_env(void **state)
{
	(void)state;
	config_bad(PROCESS("'env':['A=1','B']"), "process.env[1]", "\"B\" has no =");
	config_bad(PROCESS("'env':['']"), "process.env[0]", "has no =");
	config_bad(PROCESS("'env':['=x']"), "process.env[0]", "has no name before the =");
	process_bad("{'cwd':'/','args':['x'],'env':['B']}", "env[0]", "has no =");
	assert_int_equal(config_ok(PROCESS("'env':['A=1','A=2','B=','C=a=b']"))->process->env.n, 4);
}

static void P07_P08_P09_user(void **state)
{
	(void)state;
	config_bad(PROCESS("'user':{'uid':4294967295}"), "process.user.uid", "must be in 0..");
	config_bad(PROCESS("'user':{'gid':4294967295}"), "process.user.gid", "must be in 0..");
	config_bad(PROCESS("'user':{'uid':4294967296}"), "process.user.uid", "must be in 0..");
	config_bad(PROCESS("'user':{'uid':-1}"), "process.user.uid", "must not be negative");
	config_bad(PROCESS("'user':{'additionalGids':[0,4294967295]}"),
		   "process.user.additionalGids[1]", "must be in 0..");
	config_bad(PROCESS("'user':{'umask':512}"), "process.user.umask", "octal 0777");
	config_bad(PROCESS("'user':{'umask':99999}"), "process.user.umask", "octal 0777");
	config_ok(PROCESS("'user':{'uid':4294967294,'gid':0,'umask':511,'username':'x'}"));
}

static void P12_rlimits(void **state)
{
#define NOFILE(hard, soft) "{'type':'RLIMIT_NOFILE','hard':" hard ",'soft':" soft "}"
	(void)state;
	config_bad(PROCESS("'rlimits':[{'type':'RLIMIT_FOO','hard':1,'soft':1}]"),
		   "process.rlimits[0].type", "unknown rlimit type");
	config_bad(PROCESS("'rlimits':[{'hard':1,'soft':1}]"), "process.rlimits[0].type",
		   "must be present");
	config_bad(PROCESS("'rlimits':[{'type':'RLIMIT_AS','soft':1}]"), "process.rlimits[0].hard",
		   "must be present");
	config_bad(PROCESS("'rlimits':[" NOFILE("1", "1") "," NOFILE("2", "2") "]"),
		   "process.rlimits[1]", "RLIMIT_NOFILE is listed twice");
	config_bad(PROCESS("'rlimits':[" NOFILE("1", "2") "]"), "process.rlimits[0]",
		   "soft limit 2 is above hard limit 1");
	config_bad(PROCESS("'rlimits':[" NOFILE("1", "-1") "]"), "process.rlimits[0].soft",
		   "must not be negative");
	config_ok(
		PROCESS("'rlimits':[" NOFILE("18446744073709551615", "18446744073709551615") "]"));
}

static void test_small(void **state)
{
	(void)state;
	config_bad(PROCESS("'oomScoreAdj':1001"), "process.oomScoreAdj", "must be in -1000..1000");
	config_bad(PROCESS("'oomScoreAdj':-1001"), "process.oomScoreAdj", "must be in -1000..1000");
	config_bad(PROCESS("'ioPriority':{'class':'RT'}"), "process.ioPriority.class",
		   "unknown I/O priority class");
	config_bad(PROCESS("'ioPriority':{'class':'IOPRIO_CLASS_RT','priority':8}"),
		   "process.ioPriority.priority", "must be in 0..7");
	config_bad(PROCESS("'ioPriority':{'priority':1}"), "process.ioPriority.class",
		   "must be present");
	config_bad(PROCESS("'consoleSize':{'height':1}"), "process.consoleSize.width",
		   "must be present");
	config_bad(PROCESS("'consoleSize':{'height':65536,'width':1}"),
		   "process.consoleSize.height", "must be in 0..65535");
	config_bad(PROCESS("'terminal':'yes'"), "process.terminal", "expected true or false");
	config_bad(PROCESS("'execCPUAffinity':{'initial':'x'}"), "process.execCPUAffinity.initial",
		   "is not a list of CPUs");
	config_bad(PROCESS("'execCPUAffinity':{'final':'3-1'}"), "process.execCPUAffinity.final",
		   "is not a list of CPUs");
	config_ok(PROCESS("'execCPUAffinity':{'initial':'0-3,7','final':''}"));
	config_ok(PROCESS("'commandLine':'cmd'"));
}

static void P10_capabilities(void **state)
{
	struct spec_config *c;

	(void)state;
	/* P10: an unknown capability is kept aside, never an error. */
	c = config_ok(PROCESS("'capabilities':{'bounding':['CAP_KILL','CAP_FUTURE'],"
			      "'effective':[]}"));
	assert_int_equal(c->process->capabilities->bounding.n, 1);
	assert_int_equal(c->process->capabilities->bounding.v[0], 5);
	assert_string_equal(c->process->capabilities->bounding.unknown.v[0], "CAP_FUTURE");
	assert_non_null(c->process->capabilities->effective.v);
	assert_null(c->process->capabilities->ambient.v);
	config_bad(PROCESS("'capabilities':{'bounding':[1]}"), "process.capabilities.bounding[0]",
		   "expected a string");
}

static void P16_scheduler(void **state)
{
#define SCHED(members) PROCESS("'scheduler':{" members "}")
#define S	       "process.scheduler"
	(void)state;
	config_bad(SCHED("'nice':1"), S ".policy", "must be present");
	config_bad(SCHED("'policy':'SCHED_X'"), S ".policy", "unknown scheduling policy");
	config_bad(SCHED("'policy':'SCHED_ISO'"), S ".policy", "is not in Linux");
	config_bad(SCHED("'policy':'SCHED_OTHER','nice':20"), S ".nice", "must be in -20..19");
	config_bad(SCHED("'policy':'SCHED_OTHER','priority':1"), S ".priority", "is not for");
	config_bad(SCHED("'policy':'SCHED_FIFO'"), S ".priority", "needs one of 1..99");
	config_bad(SCHED("'policy':'SCHED_RR','priority':0"), S ".priority", "needs one of 1..99");
	config_bad(SCHED("'policy':'SCHED_FIFO','priority':100"), S ".priority",
		   "must be in 0..99");
	config_ok(SCHED("'policy':'SCHED_FIFO','priority':1,'nice':1"));
	config_bad(SCHED("'policy':'SCHED_OTHER','runtime':1"), S, "are for SCHED_DEADLINE");
	config_bad(SCHED("'policy':'SCHED_DEADLINE'"), S ".runtime", "needs one");
	config_bad(SCHED("'policy':'SCHED_DEADLINE','runtime':3,'deadline':2,'period':4"), S,
		   "runtime <= deadline <= period");
	config_bad(SCHED("'policy':'SCHED_DEADLINE','runtime':1,'deadline':5,'period':4"), S,
		   "runtime <= deadline <= period");
	config_bad(SCHED("'policy':'SCHED_OTHER','flags':['X']"), S ".flags[0]",
		   "unknown scheduling flag");
	config_ok(SCHED("'policy':'SCHED_BATCH','nice':-20"));
	config_ok(SCHED("'policy':'SCHED_FIFO','priority':99"));
	config_ok(SCHED("'policy':'SCHED_DEADLINE','runtime':1,'deadline':2,'period':0"));
	config_ok(SCHED("'policy':'SCHED_DEADLINE','runtime':1,'deadline':2,'period':2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_required),    cmocka_unit_test(P05_env),
		cmocka_unit_test(P07_P08_P09_user), cmocka_unit_test(P12_rlimits),
		cmocka_unit_test(test_small),	    cmocka_unit_test(P10_capabilities),
		cmocka_unit_test(P16_scheduler),
	};
	return cmocka_run_group_tests_name("spec/rules_process", tests, NULL, doc_teardown);
}
