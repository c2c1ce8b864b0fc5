/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/rules_linux: the law of linux. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

#define NS(rows)	      LINUX("'namespaces':[{'type':'mount'}," rows "]")
#define NS_AND(rows, members) LINUX("'namespaces':[{'type':'mount'}," rows "]," members)

static void test_namespaces(void **state)
{
	static const char *const types[] = {"pid", "network", "mount",	"ipc",
					    "uts", "user",    "cgroup", "time"};

	(void)state;
	for (size_t i = 0; i < 8; i++) { /* N02: all eight */
		char doc[256], path[64];
		bool is_mount = str_eq(types[i], "mount");

		snprintf(doc, sizeof(doc),
			 "{'ociVersion':'1.0.0','root':{'path':'r'},'linux':{'namespaces':["
			 "{'type':'mount'}%s%s%s,{'type':'%s'}]}}",
			 is_mount ? "" : ",{'type':'", is_mount ? "" : types[i],
			 is_mount ? "" : "'}", types[i]);
		snprintf(path, sizeof(path), "linux.namespaces[%d].type", is_mount ? 1 : 2);
		config_bad(doc, path, "is listed twice");
	}
	config_bad(NS("{'type':'net'}"), "linux.namespaces[1].type", "unknown namespace type");
	config_bad(NS("{'type':'usr'}"), "linux.namespaces[1].type", "did you mean \"user\"?");
	config_bad(NS("{}"), "linux.namespaces[1].type", "must be present");
	config_bad(NS("{'type':'pid','path':'x'}"), "linux.namespaces[1].path",
		   "must be an absolute path");
	config_bad(LINUX("'namespaces':[{'type':'pid'}]"), "linux.namespaces",
		   "a mount namespace is needed");
	assert_null(config_ok(NS("{'type':'pid','path':''}"))->linux_->namespaces.v[1].path);
}

static void test_id_maps(void **state)
{
#define LINE(c, h, s) "{'containerID':" c ",'hostID':" h ",'size':" s "}"
#define MAPS(u, g)    NS_AND("{'type':'user'}", "'uidMappings':[" u "],'gidMappings':[" g "]")
	struct buf b = {0};

	(void)state;
	config_ok(MAPS(LINE("0", "1000", "1"), LINE("0", "1000", "1")));
	config_ok(MAPS(LINE("0", "1000", "1") "," LINE("1", "100000", "65536"),
		       LINE("0", "0", "4294967295")));
	config_bad(LINUX("'uidMappings':[" LINE("0", "0", "1") "],'gidMappings':[" LINE("0", "7",
											"1") "]"),
		   "linux.uidMappings", "needs a user namespace");
	config_ok(LINUX(
		"'uidMappings':[" LINE("0", "0", "1") "],'gidMappings':[" LINE("5", "5", "9") "]"));
	config_bad(NS_AND("{'type':'user'}", "'uidMappings':[" LINE("0", "0", "1") "]"),
		   "linux.gidMappings", "must come together");
	config_bad(MAPS(LINE("0", "0", "0"), LINE("0", "0", "1")), "linux.uidMappings[0].size",
		   "must be in 1..");
	config_bad(MAPS(LINE("1", "0", "4294967295"), LINE("0", "0", "1")), "linux.uidMappings[0]",
		   "goes beyond id");
	config_bad(MAPS(LINE("0", "0", "2") "," LINE("1", "5", "1"), LINE("0", "0", "1")),
		   "linux.uidMappings[1]", "overlaps with line 0");
	config_bad(MAPS(LINE("0", "0", "1"), LINE("0", "5", "2") "," LINE("9", "6", "1")),
		   "linux.gidMappings[1]", "overlaps with line 0");
	config_bad(MAPS("{'containerID':0,'hostID':0}", LINE("0", "0", "1")),
		   "linux.uidMappings[0].size", "must be present");
	buf_adds(&b, "{'ociVersion':'1.0.0','root':{'path':'r'},'linux':{'namespaces':["
		     "{'type':'mount'},{'type':'user'}],'gidMappings':[" LINE(
			     "0", "0", "1") "],'uidMappings':[");
	for (int i = 0; i < 341; i++)
		buf_printf(&b, "%s{'containerID':%d,'hostID':%d,'size':1}", i ? "," : "", i, i);
	buf_adds(&b, "]}}");
	config_bad(b.data, "linux.uidMappings", "more than 340 lines");
	buf_done(&b);
}

static void test_time_offsets(void **state)
{
	(void)state;
	config_bad(LINUX("'timeOffsets':{'monotonic':{'secs':1}}"), "linux.timeOffsets",
		   "needs a new time namespace");
	config_bad(NS_AND("{'type':'time','path':'/x'}", "'timeOffsets':{'boottime':{}}"),
		   "linux.timeOffsets", "needs a new time namespace");
	config_bad(NS_AND("{'type':'time'}", "'timeOffsets':{'realtime':{}}"),
		   "linux.timeOffsets.realtime", "is not a clock");
	config_bad(NS_AND("{'type':'time'}", "'timeOffsets':{'monotonic':{'nanosecs':1000000000}}"),
		   "linux.timeOffsets.monotonic.nanosecs", "must be in 0..999999999");
	config_ok(NS_AND("{'type':'time'}", "'timeOffsets':{'monotonic':{'secs':-5}}"));
	config_ok(LINUX("'timeOffsets':{}"));
}

static void test_devices(void **state)
{
#define DEVICE(members) LINUX("'devices':[{" members "}]")
#define D		"linux.devices[0]"
	(void)state;
	config_bad(DEVICE("'path':'/dev/x','type':'z','major':1,'minor':1"), D ".type",
		   "must be c, b, u or p");
	config_bad(DEVICE("'path':'/dev/x','major':1,'minor':1"), D ".type", "must be present");
	config_bad(DEVICE("'type':'c','major':1,'minor':1"), D ".path", "must be present");
	config_bad(DEVICE("'path':'dev/x','type':'c','major':1,'minor':1"), D ".path",
		   "must be an absolute path");
	config_bad(DEVICE("'path':'/dev/../x','type':'c','major':1,'minor':1"), D ".path", "holds");
	config_bad(DEVICE("'path':'/proc/x','type':'c','major':1,'minor':1"), D ".path",
		   "below /proc or /sys");
	config_bad(DEVICE("'path':'/dev/x','type':'c','minor':1"), D ".major", "must be present");
	config_bad(DEVICE("'path':'/dev/x','type':'b','major':1"), D ".minor", "must be present");
	config_bad(DEVICE("'path':'/dev/x','type':'c','major':-1,'minor':1"), D ".major",
		   "must be in 0..4095");
	config_bad(DEVICE("'path':'/dev/x','type':'c','major':1,'minor':1048576"), D ".minor",
		   "must be in 0..1048575");
	config_bad(DEVICE("'path':'/dev/x','type':'p','fileMode':65536"), D ".fileMode",
		   "must be in 0..65535");
	config_bad(DEVICE("'path':'/dev/x','type':'p','uid':4294967295"), D ".uid", "must be in");
	config_ok(DEVICE("'path':'/dev/x..','type':'p'"));
	config_ok(DEVICE("'path':'/dev/x','type':'u','major':4095,'minor':1048575,'fileMode':511"));
}

static void test_net_devices(void **state)
{
#define NET(rows) NS_AND("{'type':'network'}", "'netDevices':{" rows "}")
	(void)state;
	config_bad(LINUX("'netDevices':{'eth1':{}}"), "linux.netDevices", "network namespace");
	config_bad(NET("'a/b':{'name':'x'}"), "linux.netDevices[\"a/b\"]", "is not the name");
	config_bad(NET("'eth1':{'name':'a b'}"), "linux.netDevices.eth1.name", "is not the name");
	config_bad(NET("'eth1':{'name':'a:b'}"), "linux.netDevices.eth1.name", "is not the name");
	config_bad(NET("'eth1':{'name':'..'}"), "linux.netDevices.eth1.name", "is not the name");
	config_bad(NET("'eth1':{'name':'abcdefghijklmnop'}"), "linux.netDevices.eth1.name",
		   "is not the name");
	config_bad(NET("'eth1':{'name':'x'},'eth2':{'name':'x'}"), "linux.netDevices.eth2.name",
		   "is used twice");
	config_bad(NET("'x':{},'eth2':{'name':'x'}"), "linux.netDevices.eth2.name",
		   "is used twice");
	config_bad(NET("'eth1':{'name':'n%s'}"), "linux.netDevices.eth1.name", "no other percent");
	config_bad(NET("'eth1':{'name':'%d%d'}"), "linux.netDevices.eth1.name", "no other percent");
	config_ok(NET("'eth1':{'name':'n%d'},'eth2':{'name':'n%d'}"));
	config_ok(NET("'eth1':{},'eth2':{'name':''},'eth3':{'name':'abcdefghijklmno'}"));
}

static void test_cgroups_path(void **state)
{
#define CG(p) LINUX("'cgroupsPath':'" p "'")
#define C     "linux.cgroupsPath"
	struct buf b = {0};

	(void)state;
	config_bad(CG("/"), C, "is the root cgroup");
	config_bad(CG(".."), C, "holds \"..\"");
	config_bad(CG("/a/../b"), C, "holds \"..\"");
	config_bad(CG("a/../../../.."), C, "holds \"..\"");
	config_bad(CG("/a//b"), C, "has an empty component");
	config_bad(CG("/a/"), C, "has an empty component");
	config_bad(CG("/a\\nb"), C, "control byte");
	config_bad(CG("a/b:c:d"), C, "has a slash");
	config_bad(CG("a.slice:p:x/y"), C, "has a slash");
	buf_adds(&b, "{'ociVersion':'1.0.0','root':{'path':'r'},'linux':{'namespaces':["
		     "{'type':'mount'}],'cgroupsPath':'/");
	for (int i = 0; i < 4096; i++)
		buf_addc(&b, 'a');
	buf_adds(&b, "'}}");
	config_bad(b.data, C, "is longer than 4095 bytes");
	buf_done(&b);
	config_ok(CG("/kubepods/pod1/c..x"));
	config_ok(CG("a/b"));
	config_ok(CG("/a:b"));
	config_ok(CG("machine.slice:libpod:abc"));
	config_ok(CG("-:p:n"));
	config_ok(CG(":p:n"));
	assert_null(config_ok(CG(""))->linux_->cgroups_path);
}

static void test_paths_and_sysctl(void **state)
{
	(void)state;
	config_bad(LINUX("'maskedPaths':['/a','b']"), "linux.maskedPaths[1]", "absolute");
	config_bad(LINUX("'readonlyPaths':['']"), "linux.readonlyPaths[0]", "absolute");
	config_bad(LINUX("'rootfsPropagation':'x'"), "linux.rootfsPropagation",
		   "unknown propagation");
	config_ok(LINUX("'rootfsPropagation':'rslave'"));
	config_bad(LINUX("'sysctl':{'net/../kernel/x':'1'}"), "linux.sysctl", "is not a sysctl");
	config_bad(LINUX("'sysctl':{'/net/x':'1'}"), "linux.sysctl", "is not a sysctl");
	config_bad(LINUX("'sysctl':{'net..x':'1'}"), "linux.sysctl", "is not a sysctl");
	config_bad(LINUX("'sysctl':{'net.x':'1\\n2'}"), "linux.sysctl", "holds a line end");
	config_ok(LINUX("'sysctl':{'net.ipv4.ping_group_range':'0 0','net/ipv4/conf/a.b/x':'1'}"));
}

static void test_small_blocks(void **state)
{
	(void)state;
	config_bad(LINUX("'personality':{'domain':'LINUX','flags':['X']}"),
		   "linux.personality.flags", "no flags are supported");
	config_bad(LINUX("'personality':{}"), "linux.personality.domain", "must be present");
	config_bad(LINUX("'personality':{'domain':'BSD'}"), "linux.personality.domain", "unknown");
	config_ok(LINUX("'personality':{'domain':'LINUX32','flags':[]}"));
#define RDT(m) LINUX("'intelRdt':{" m "}")
	config_bad(RDT("'closID':'..'"), "linux.intelRdt.closID", "is not the name of a group");
	config_bad(RDT("'closID':'a/b'"), "linux.intelRdt.closID", "is not the name of a group");
	config_bad(RDT("'closID':''"), "linux.intelRdt.closID", "is not the name of a group");
	config_bad(RDT("'memBwSchema':'L3:0=f'"), "linux.intelRdt.memBwSchema", "MB:");
	config_bad(RDT("'schemata':['a','b\\nc']"), "linux.intelRdt.schemata[1]", "line end");
	config_ok(RDT("'closID':'/','memBwSchema':'MB:0=70','schemata':['L3:0=f']"));
	config_ok(RDT("'enableCMT':true"));
}

static void test_memory_policy(void **state)
{
#define MPOL(m)	  LINUX("'memoryPolicy':{" m "}")
#define P(member) "linux.memoryPolicy." member
	(void)state;
	config_bad(MPOL("'nodes':'0'"), P("mode"), "must be present");
	config_bad(MPOL("'mode':'BIND'"), P("mode"), "invalid memory policy mode \"BIND\"");
	config_bad(MPOL("'mode':'MPOL_BIND','nodes':'x'"), P("nodes"),
		   "invalid memory policy node list");
	config_bad(MPOL("'mode':'MPOL_DEFAULT','nodes':'0-7'"), P("nodes"),
		   "mode requires 0 nodes but got 8");
	config_bad(MPOL("'mode':'MPOL_LOCAL','flags':['MPOL_F_STATIC_NODES']"), P("flags"),
		   "are not for");
	config_bad(MPOL("'mode':'MPOL_BIND','nodes':'0','flags':['MPOL_F_STATIC_NODES',"
			"'MPOL_F_RELATIVE_NODES']"),
		   P("flags"), "exclude each other");
	config_bad(MPOL("'mode':'MPOL_INTERLEAVE','nodes':'0','flags':['MPOL_F_NUMA_BALANCING']"),
		   P("flags"), "is not for MPOL_INTERLEAVE");
	config_ok(MPOL("'mode':'MPOL_WEIGHTED_INTERLEAVE','nodes':'0-1,3'"));
	config_ok(MPOL("'mode':'MPOL_BIND','nodes':'','flags':['MPOL_F_NUMA_BALANCING']"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces),	 cmocka_unit_test(test_id_maps),
		cmocka_unit_test(test_time_offsets),	 cmocka_unit_test(test_devices),
		cmocka_unit_test(test_net_devices),	 cmocka_unit_test(test_cgroups_path),
		cmocka_unit_test(test_paths_and_sysctl), cmocka_unit_test(test_small_blocks),
		cmocka_unit_test(test_memory_policy),
	};
	return cmocka_run_group_tests_name("spec/rules_linux", tests, NULL, doc_teardown);
}
