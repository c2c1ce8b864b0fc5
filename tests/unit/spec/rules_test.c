/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/rules: the law of the top level, mounts and hooks. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

#define UTS	   "'linux':{'namespaces':[{'type':'mount'},{'type':'uts'}]}"
#define M(members) TOP("'mounts':[{'destination':'/m','type':'proc'},{" members "}]")

static void G05_G10_blocks(void **state)
{
	struct spec_config *c;

	(void)state;
	/* G10, P01: mounts, hooks, annotations and process may be absent. */
	c = config_ok("{'ociVersion':'1.0.0','root':{'path':'r'},"
		      "'linux':{'namespaces':[{'type':'mount'}]}}");
	assert_null(c->process);
	assert_null(c->hooks);
	assert_null(c->mounts.v);
	/* Without `linux` it loads, but there is no mount namespace. */
	config_bad("{'ociVersion':'1.0.0','root':{'path':'r'}}", "linux.namespaces",
		   "a mount namespace is needed");
	config_bad("{'ociVersion':'1.0.0','linux':{}}", "root", "must be present");
	config_bad(TOP("'root':{'readonly':true}"), "root.path", "must be present");
	config_bad(TOP("'root':{'path':''}"), "root.path", "must not be empty");
	/* G14 */
	config_ok(TOP("'windows':{'x':1},'vm':[],'solaris':'x','freebsd':0,'zos':null"));
}

static void G08_G09_names(void **state)
{
	(void)state;
	config_bad(TOP("'hostname':'h'"), "hostname", "needs a uts namespace");
	config_bad(TOP("'domainname':'h'"), "domainname", "needs a uts namespace");
	config_ok(TOP("'hostname':'h'," UTS));
	config_ok(TOP("'hostname':''"));
	config_ok(TOP("'hostname':'h','linux':{'namespaces':[{'type':'mount'},"
		      "{'type':'uts','path':'/proc/1/ns/uts'}]}"));
#define N16 "abcdefghijklmnop"
	config_ok(TOP("'hostname':'" N16 N16 N16 N16 "'," UTS));
	config_bad(TOP("'hostname':'" N16 N16 N16 N16 "q'," UTS), "hostname", "longer than 64");
	config_bad(TOP("'domainname':'a','linux':{'namespaces':[{'type':'mount'},{'type':'uts'}],"
		       "'sysctl':{'kernel.domainname':'b'}}"),
		   "domainname", "differs");
	config_ok(TOP("'domainname':'a','linux':{'namespaces':[{'type':'mount'},{'type':'uts'}],"
		      "'sysctl':{'kernel/domainname':'a'}}"));
}

static void test_mounts(void **state)
{
	(void)state;
	config_bad(M("'type':'proc'"), "mounts[1].destination", "must be present");
	config_bad(M("'destination':'','type':'proc'"), "mounts[1].destination", "not be empty");
	config_bad(M("'destination':'/a\\nb','type':'proc'"), "mounts[1].destination", "control");
	config_ok(M("'destination':'relative','type':'proc'")); /* M02: a warning */
	config_bad(M("'destination':'/d'"), "mounts[1].type", "must be present");
	config_bad(M("'destination':'/d','options':['ro']"), "mounts[1].type", "must be present");
	config_ok(M("'destination':'/d','source':'/s','options':['bind']"));
	config_ok(M("'destination':'/d','source':'s','options':['rbind','ro']"));
	config_ok(M("'destination':'/d','source':'s','type':'bind'"));
	config_ok(M("'destination':'/','options':['rslave']"));
	config_ok(M("'destination':'/d','options':['remount','ro']"));
	config_ok(M("'destination':'/d','options':['remount','bind','ro']"));
	config_bad(M("'destination':'/d','type':'bind'"), "mounts[1].source", "bind mount needs");
	config_bad(M("'destination':'/d','options':['rbind'],'source':''"), "mounts[1].source",
		   "bind mount needs");
	config_bad(M("'destination':'/d','type':'ext4','options':['tmpcopyup']"),
		   "mounts[1].options", "tmpcopyup needs the type tmpfs");
	config_bad(M("'destination':'/d','type':'x','options':['a','b\\nc']"),
		   "mounts[1].options[1]", "control byte");
}

static void test_tmpfs_options(void **state)
{
	(void)state;
#define TMPFS(o) M("'destination':'/d','type':'tmpfs','options':['" o "']")
#define AT	 "mounts[1].options[0]"
	config_bad(TMPFS("size=-1"), AT, "is not a size");
	config_bad(TMPFS("size="), AT, "is not a size");
	config_bad(TMPFS("size=1q"), AT, "is not a size");
	config_bad(TMPFS("size=1kk"), AT, "is not a size");
	config_bad(TMPFS("mode=9999"), AT, "is not an octal mode");
	config_bad(TMPFS("mode="), AT, "is not an octal mode");
	config_bad(TMPFS("mode=777777"), AT, "is not an octal mode");
	config_bad(TMPFS("size=1,mode=777"), AT, "holds a comma");
	config_ok(TMPFS("size=64m"));
	config_ok(TMPFS("size=50%"));
	config_ok(TMPFS("size=65536"));
	config_ok(TMPFS("mode=01777"));
	config_ok(TMPFS("context=\\\"system_u:object_r:container_file_t:s0:c1,c2\\\""));
	config_ok(M("'destination':'/d','type':'overlay','options':['lowerdir=/a,b']"));
}

static void test_idmap(void **state)
{
#define MAP "[{'containerID':0,'hostID':1000,'size':1}]"
	(void)state;
	config_bad(M("'destination':'/d','source':'/s','type':'bind','options':['idmap']"),
		   "mounts[1].options", "idmap needs uidMappings");
	config_bad(M("'destination':'/d','source':'/s','options':['bind','ridmap']"),
		   "mounts[1].options", "ridmap needs uidMappings");
	config_ok(M("'destination':'/d','source':'/s','options':['bind','idmap'],"
		    "'uidMappings':" MAP ",'gidMappings':" MAP));
	config_bad(M("'destination':'/d','source':'/s','options':['bind'],'uidMappings':" MAP),
		   "mounts[1]", "must come together");
	config_bad(M("'destination':'/d','source':'/s','options':['bind'],'gidMappings':" MAP),
		   "mounts[1]", "must come together");
	config_bad(M("'destination':'/d','source':'/s','options':['bind'],'uidMappings':" MAP
		     ",'gidMappings':[{'containerID':0,'hostID':1,'size':4294967295}]"),
		   "mounts[1].gidMappings[0]", "goes beyond id");
	config_ok(TOP("'mounts':[{'destination':'/d','source':'/s','options':['bind','idmap']}],"
		      "'linux':{'namespaces':[{'type':'mount'},{'type':'user'}]}"));
}

static void H05_H06_H07_hooks(void **state)
{
	struct spec_config *c;

	(void)state;
	config_bad(TOP("'hooks':{'prestart':[{}]}"), "hooks.prestart[0].path", "must be present");
	config_bad(TOP("'hooks':{'createRuntime':[{'path':'x'}]}"), "hooks.createRuntime[0].path",
		   "must be an absolute path");
	config_bad(TOP("'hooks':{'poststop':[{'path':'/x'},{'path':''}]}"),
		   "hooks.poststop[1].path", "must be an absolute path");
	config_bad(TOP("'hooks':{'createContainer':[{'path':'/x','timeout':0}]}"),
		   "hooks.createContainer[0].timeout", "must be greater than 0, got 0");
	config_bad(TOP("'hooks':{'startContainer':[{'path':'/x','timeout':-5}]}"),
		   "hooks.startContainer[0].timeout", "must be greater than 0, got -5");
	config_bad(TOP("'hooks':{'poststart':{}}"), "hooks.poststart", "expected a list");
	c = config_ok(
		TOP("'hooks':{'poststart':[{'path':'/x','args':['a'],'env':[],'timeout':1}]}"));
	assert_int_equal(c->hooks->kind[SPEC_HOOK_POSTSTART].n, 1);
	assert_non_null(
		c->hooks->kind[SPEC_HOOK_POSTSTART].v[0].env.v); /* H06: empty, not absent */
	assert_int_equal(c->hooks->kind[SPEC_HOOK_POSTSTOP].n, 0);
}

static void G11_A14_annotations(void **state)
{
	(void)state;
	config_ok(TOP("'annotations':{'a':''}"));
	config_bad(TOP("'annotations':{'':'x'}"), "annotations", "an empty name");
	config_bad(TOP("'annotations':{'a.b':1}"), "annotations[\"a.b\"]", "expected a string");
	config_ok(TOP("'annotations':{'run.oci.handler':''}"));
	config_bad(TOP("'annotations':{'run.oci.handler':'wasm'}"),
		   "annotations[\"run.oci.handler\"]", "there is no handler \"wasm\"");
}

static void test_own_annotations(void **state)
{
	(void)state;
	assert_null(spec_view(config_ok(TOP("'annotations':{}"))));
	assert_null(spec_view(config_ok(TOP("'annotations':{'stiva.view':''}"))));
	assert_null(spec_view(config_ok(TOP("'annotations':{'stiva.view':'0'}"))));
	assert_null(spec_view(config_ok(TOP("'annotations':{'stiva.view':'false'}"))));
	assert_string_equal(spec_view(config_ok(TOP("'annotations':{'stiva.view':'1'}"))), "");
	assert_string_equal(spec_view(config_ok(TOP("'annotations':{'stiva.view':'true'}"))), "");
	assert_string_equal(spec_view(config_ok(TOP("'annotations':{'stiva.view':'/l'}"))), "/l");
	config_bad(TOP("'annotations':{'stiva.view':'yes'}"), "annotations[\"stiva.view\"]",
		   "must be true, false or the directory");
	config_bad(TOP("'annotations':{'stiva.view':'l/x'}"), "annotations[\"stiva.view\"]",
		   "the directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(G05_G10_blocks),      cmocka_unit_test(G08_G09_names),
		cmocka_unit_test(test_mounts),	       cmocka_unit_test(test_tmpfs_options),
		cmocka_unit_test(test_idmap),	       cmocka_unit_test(H05_H06_H07_hooks),
		cmocka_unit_test(G11_A14_annotations), cmocka_unit_test(test_own_annotations),
	};
	return cmocka_run_group_tests_name("spec/rules", tests, NULL, doc_teardown);
}
