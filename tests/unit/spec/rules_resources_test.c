/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/rules_resources: the law of linux.resources, in a config and in an update. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

#define R(member) "linux.resources." member

static void test_memory(void **state)
{
	(void)state;
	config_bad(RESOURCES("'memory':{'limit':-5}"), R("memory.limit"), "must be in -1..");
	config_bad(RESOURCES("'memory':{'limit':9223372036854775808}"), R("memory.limit"),
		   "out of range");
	config_bad(RESOURCES("'memory':{'limit':100,'swap':50}"), R("memory.swap"),
		   "50 (memory and swap) is below the limit of 100");
	config_bad(RESOURCES("'memory':{'swap':50}"), R("memory.swap"), "needs memory.limit");
	config_bad(RESOURCES("'memory':{'limit':1,'reservation':2}"), R("memory.reservation"),
		   "is above the limit of 1");
	config_bad(RESOURCES("'memory':{'swappiness':101}"), R("memory.swappiness"), "0..100");
	config_ok(RESOURCES("'memory':{'limit':0,'swap':0}"));
	config_ok(RESOURCES("'memory':{'limit':-1,'swap':50,'reservation':7}"));
	config_ok(RESOURCES("'memory':{'limit':9223372036854775807,'swap':-1}"));
	config_ok(RESOURCES("'memory':{'limit':100,'swap':100,'reservation':100}"));
	/* An update compares with what the container has. */
	resources_ok("{'memory':{'swap':50}}");
	resources_bad("{'memory':{'limit':100,'swap':50}}", "memory.swap", "is below the limit");
}

static void test_cpu(void **state)
{
	(void)state;
	config_bad(RESOURCES("'cpu':{'quota':10,'burst':11}"), R("cpu.burst"), "above the quota");
	config_bad(RESOURCES("'cpu':{'idle':2}"), R("cpu.idle"), "must be in 0..1");
	config_bad(RESOURCES("'cpu':{'shares':-1}"), R("cpu.shares"), "must not be negative");
	config_bad(RESOURCES("'cpu':{'cpus':'0\\n1'}"), R("cpu.cpus"), "control byte");
	config_bad(RESOURCES("'cpu':{'mems':'0\\n1'}"), R("cpu.mems"), "control byte");
	config_ok(RESOURCES("'cpu':{'quota':10,'burst':10,'period':1,'shares':4294967298}"));
	config_ok(RESOURCES("'cpu':{'quota':-1,'burst':10,'cpus':'','mems':'0'}"));
}

static void test_pids(void **state)
{
	(void)state;
	config_bad(RESOURCES("'pids':{'limit':-7}"), R("pids.limit"), "must be in -1..");
	config_ok(RESOURCES("'pids':{'limit':-1}"));
	config_ok(RESOURCES("'pids':{'limit':0}"));
	config_ok(RESOURCES("'pids':{}"));
}

static void test_block_io(void **state)
{
	(void)state;
	config_bad(RESOURCES("'blockIO':{'weight':9}"), R("blockIO.weight"), "must be 10..1000");
	config_bad(RESOURCES("'blockIO':{'weight':1001}"), R("blockIO.weight"), "got 1001");
	config_bad(RESOURCES("'blockIO':{'leafWeight':1}"), R("blockIO.leafWeight"), "10..1000");
	config_bad(RESOURCES("'blockIO':{'weightDevice':[{'major':8,'minor':0,'weight':5}]}"),
		   R("blockIO.weightDevice[0].weight"), "10..1000");
	config_bad(RESOURCES("'blockIO':{'weightDevice':[{'minor':0,'weight':50}]}"),
		   R("blockIO.weightDevice[0].major"), "must be present");
	config_bad(RESOURCES("'blockIO':{'throttleReadBpsDevice':[{'major':-1,'minor':0,"
			     "'rate':1}]}"),
		   R("blockIO.throttleReadBpsDevice[0].major"), "must be in 0..4095");
	config_bad(RESOURCES("'blockIO':{'throttleWriteIOPSDevice':[{'major':1,'minor':0}]}"),
		   R("blockIO.throttleWriteIOPSDevice[0].rate"), "must be present");
	config_ok(RESOURCES("'blockIO':{'weight':0,'leafWeight':10}"));
}

static void test_hugepages(void **state)
{
#define HUGE_(size) RESOURCES("'hugepageLimits':[{'pageSize':'" size "','limit':1}]")
#define H	    R("hugepageLimits[0].pageSize")
	(void)state;
	config_bad(HUGE_("../x"), H, "is not a page size");
	config_bad(HUGE_(""), H, "is not a page size");
	config_bad(HUGE_("2"), H, "is not a page size");
	config_bad(HUGE_("2M"), H, "is not a page size");
	config_bad(HUGE_("02MB"), H, "is not a page size");
	config_bad(HUGE_("2TB"), H, "is not a page size");
	config_bad(HUGE_("2MBx"), H, "is not a page size");
	config_bad(RESOURCES("'hugepageLimits':[{'limit':1}]"), H, "must be present");
	config_bad(RESOURCES("'hugepageLimits':[{'pageSize':'2MB'}]"), R("hugepageLimits[0].limit"),
		   "must be present");
	config_ok(HUGE_("2MB"));
	config_ok(HUGE_("64KB"));
	config_ok(HUGE_("1GB"));
}

static void test_maps(void **state)
{
	(void)state;
	config_bad(RESOURCES("'rdma':{'mlx':{}}"), R("rdma.mlx"), "needs hcaHandles or hcaObjects");
	config_bad(RESOURCES("'rdma':{'a b':{'hcaHandles':1}}"), R("rdma[\"a b\"]"),
		   "not the name");
	config_ok(RESOURCES("'rdma':{'mlx5_0':{'hcaObjects':1}}"));
	config_bad(RESOURCES("'unified':{'../x':'1'}"), R("unified"), "is not the name");
	config_bad(RESOURCES("'unified':{'..':'1'}"), R("unified"), "is not the name");
	config_bad(RESOURCES("'unified':{'a/b':'1'}"), R("unified"), "is not the name");
	config_ok(RESOURCES("'unified':{'memory.high':'1','io.max':'8:0 rbps=1\\n8:1 rbps=2'}"));
	config_bad(RESOURCES("'network':{'priorities':[{'name':'a'}]}"),
		   R("network.priorities[0].priority"), "must be present");
}

static void test_devices(void **state)
{
	(void)state;
	config_bad(RESOURCES("'devices':[{}]"), R("devices[0].allow"), "must be present");
	config_bad(RESOURCES("'devices':[{'allow':true,'type':'z'}]"), R("devices[0].type"),
		   "must be a, b or c");
	config_bad(RESOURCES("'devices':[{'allow':true,'access':'rx'}]"), R("devices[0].access"),
		   "must be of the letters r, w, m");
	config_bad(RESOURCES("'devices':[{'allow':true,'major':-2}]"), R("devices[0].major"),
		   "must be in -1..");
	config_ok(RESOURCES("'devices':[{'allow':false,'type':'','access':''},"
			    "{'allow':true,'type':'c','major':-1,'minor':5,'access':'rwm'}]"));
}

static void test_update(void **state)
{
	struct spec_resources *r;

	(void)state;
	r = resources_ok("{}");
	assert_null(r->memory);
	r = resources_ok("{'cpu':{'quota':-1},'linux':{'x':1}}");
	assert_int_equal(r->cpu->quota.v, -1);
	resources_bad("[]", "", "expected an object");
	resources_bad("{'pids':{'limit':-2}}", "pids.limit", "must be in -1..");
}

/* As runc's callers write it: Go takes names in any case, keys of maps are what they are. */
static void U100_names_of_an_update_in_any_case(void **state)
{
	struct spec_resources *r;

	(void)state;
	r = resources_ok("{'CPU':{'Cpus':'0','SHARES':100},'blockio':{'Weight':20},"
			 "'Unified':{'Memory.High':'1'},'cpus':1}");
	assert_string_equal(r->cpu->cpus, "0");
	assert_int_equal(r->cpu->shares.v, 100);
	assert_int_equal(r->block_io->weight.v, 20);
	assert_string_equal(r->unified.v[0].key, "Memory.High");
	/* One property by two names: the last wins, as for one name. */
	r = resources_ok("{'cpu':{'cpus':'0','mems':'0'},'CPU':{'cpus':'1'}}");
	assert_string_equal(r->cpu->cpus, "1");
	assert_null(r->cpu->mems);
	resources_bad("{'Pids':{'LIMIT':-2}}", "pids.limit", "must be in -1..");
	/* And config.json: a limit that runc sets must not be ignored here. */
	r = config_ok(LINUX("'Resources':{'CPU':{'Cpus':'0'},"
			    "'hugepageLimits':[{'pagesize':'2MB','limit':1}]}"))
		    ->linux_->resources;
	assert_string_equal(r->cpu->cpus, "0");
	assert_string_equal(r->hugepage_limits.v[0].page_size, "2MB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_pids),
		cmocka_unit_test(test_block_io),
		cmocka_unit_test(test_hugepages),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_update),
		cmocka_unit_test(U100_names_of_an_update_in_any_case),
	};
	return cmocka_run_group_tests_name("spec/rules_resources", tests, NULL, doc_teardown);
}
