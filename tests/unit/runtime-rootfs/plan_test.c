/* SPDX-License-Identifier: Apache-2.0 */
/* Plans as text: what the configs of runc, crun and podman come to, and what is refused. No system
 * call of the room is made here. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>
#include "runtime/rootfs/rootfs.h"

/* Plans `body` (members after ociVersion). Return: the print, or the error's text; free it. */
static char *plan_viewed(const char *body, const char *notify, const char *view)
{
	struct arena a = {0};
	struct json_errors errs = {.arena = &a};
	struct spec_config *conf = NULL;
	struct root_plan *p = NULL;
	struct err e = ERR_INIT;
	struct buf text = {0}, out = {0};
	struct root_host host = {.bundle_fd = -1,
				 .bundle = "/b",
				 .is_privileged = true,
				 .notify_socket_dir = notify,
				 .view = view};

	buf_printf(&text, "{\"ociVersion\":\"1.2.0\",%s}", body);
	int r = spec_load(text.data, text.len, &a, &errs, &conf);
	if (r < 0 && !conf)
		fail_msg("%s: %s", errs.v[0].path, errs.v[0].text);
	/* The plan checks by itself too: rules.c may have said no already. */
	if (root_plan_make(conf, &host, &a, &p, &e) < 0)
		buf_adds(&out, e.text);
	else if (r < 0)
		buf_printf(&out, "rules: %s: %s", errs.v[0].path, errs.v[0].text);
	else
		root_plan_print(p, &out);
	if (p)
		root_plan_close(p);
	arena_done(&a);
	buf_done(&text);
	if (!out.data)
		buf_adds(&out, "");
	return out.data;
}

static char *plan_with(const char *body, const char *notify)
{
	return plan_viewed(body, notify, NULL);
}

#define NS "{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}"
#define CONF(mounts, linux_)                                                                       \
	"\"root\":{\"path\":\"rootfs\"},\"mounts\":[" mounts "],\"linux\":{\"namespaces\":[" NS    \
	"]" linux_ "}"
#define M(dest, type, source, options)                                                             \
	"{\"destination\":\"" dest "\",\"type\":\"" type "\",\"source\":\"" source                 \
	"\",\"options\":[" options "]}"

#define DEVICES                                                                                    \
	"device /dev/null c 1:3 mode=0666 uid=0 gid=0\ndevice /dev/zero c 1:5 mode=0666 uid=0 "    \
	"gid=0\n"                                                                                  \
	"device /dev/full c 1:7 mode=0666 uid=0 gid=0\ndevice /dev/random c 1:8 mode=0666 uid=0 "  \
	"gid=0\ndevice /dev/urandom c 1:9 mode=0666 uid=0 gid=0\ndevice /dev/tty c 5:0 mode=0666 " \
	"uid=0 gid=0\n"

static void expect(const char *body, const char *want)
{
	char *got = plan_with(body, NULL);

	assert_string_equal(got, want);
	free(got);
}

/* A plan of one mount, without the device lines. */
static void expect_mount(const char *mount, const char *want)
{
	struct buf body = {0}, all = {0};

	buf_printf(&body, CONF("%s", ""), mount);
	buf_printf(&all, "%s\n" DEVICES, want);
	expect(body.data, all.data);
	buf_done(&body);
	buf_done(&all);
}

static void expect_error(const char *body, const char *words)
{
	char *got = plan_with(body, NULL);

	if (!strstr(got, words))
		fail_msg("\"%s\" not in \"%s\"", words, got);
	free(got);
}

static void expect_mount_error(const char *mount, const char *words)
{
	struct buf body = {0};

	buf_printf(&body, CONF("%s", ""), mount);
	expect_error(body.data, words);
	buf_done(&body);
}

#define RUNC_MOUNTS                                                                                                    \
	M("/proc", "proc", "proc", "")                                                                                 \
	"," M("/dev", "tmpfs", "tmpfs", "\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"") "," M(              \
		"/dev/pts", "devpts", "devpts",                                                                        \
		"\"nosuid\","                                                                                          \
		"\"noexec\","                                                                                          \
		"\"newinstance\""                                                                                      \
		",\"ptmxmode="                                                                                         \
		"0666\",\"mode="                                                                                       \
		"0620\",\"gid="                                                                                        \
		"5\"") "," M("/d"                                                                                      \
			     "ev"                                                                                      \
			     "/s"                                                                                      \
			     "h"                                                                                       \
			     "m",                                                                                      \
			     "tm"                                                                                      \
			     "pf"                                                                                      \
			     "s",                                                                                      \
			     "sh"                                                                                      \
			     "m",                                                                                      \
			     "\""                                                                                      \
			     "no"                                                                                      \
			     "su"                                                                                      \
			     "id"                                                                                      \
			     "\""                                                                                      \
			     ","                                                                                       \
			     "\""                                                                                      \
			     "no"                                                                                      \
			     "ex"                                                                                      \
			     "ec"                                                                                      \
			     "\""                                                                                      \
			     ","                                                                                       \
			     "\""                                                                                      \
			     "no"                                                                                      \
			     "de"                                                                                      \
			     "v"                                                                                       \
			     "\""                                                                                      \
			     ","                                                                                       \
			     "\""                                                                                      \
			     "mo"                                                                                      \
			     "de"                                                                                      \
			     "=1"                                                                                      \
			     "77"                                                                                      \
			     "7"                                                                                       \
			     "\""                                                                                      \
			     ","                                                                                       \
			     "\""                                                                                      \
			     "si"                                                                                      \
			     "ze"                                                                                      \
			     "=6"                                                                                      \
			     "55"                                                                                      \
			     "36"                                                                                      \
			     "k"                                                                                       \
			     "\"") "," M("/dev/"                                                                       \
					 "mqueue",                                                                     \
					 "mqueue", "mqueue",                                                           \
					 "\"nosuid"                                                                    \
					 "\","                                                                         \
					 "\"noexec"                                                                    \
					 "\","                                                                         \
					 "\"nodev"                                                                     \
					 "\"") "," M("/sys", "sysfs", "sysfs",                                         \
						     "\"nosuid\",\"noexec\",\"nodev\",\"ro\"") "," M("/sys/fs/cgroup", \
												     "cgroup",         \
												     "cgroup",         \
												     "\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"")

static void test_runc_default(void **state)
{
	(void)state;
	expect(CONF(RUNC_MOUNTS, ",\"maskedPaths\":[\"/proc/kcore\",\"/sys//firmware/\"],"
				 "\"readonlyPaths\":[\"/proc/sys\"]"),
	       "mount 0: proc proc -> /proc\n"
	       "mount 1: tmpfs tmpfs -> /dev nosuid,strictatime data=mode=755,size=65536k\n"
	       "mount 2: devpts devpts -> /dev/pts nosuid,noexec "
	       "data=newinstance,ptmxmode=0666,mode=0620,gid=5\n"
	       "mount 3: tmpfs shm -> /dev/shm nosuid,nodev,noexec data=mode=1777,size=65536k\n"
	       "mount 4: mqueue mqueue -> /dev/mqueue nosuid,nodev,noexec\n"
	       "mount 5: sysfs sysfs -> /sys ro,nosuid,nodev,noexec\n"
	       "mount 6: cgroup cgroup -> /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime\n" DEVICES
	       "mask /proc/kcore\nmask /sys/firmware\nreadonly /proc/sys\n");
}

static void test_podman(void **state)
{
	(void)state;
	expect(CONF(M("/proc", "proc", "proc", "\"nosuid\",\"noexec\",\"nodev\"") "," M(
			    "/etc/resolv.conf", "bind", "/run/containers/x/resolv.conf",
			    "\"bind\",\"rprivate\",\"nosuid\",\"nodev\"") "," M("/data", "bind",
										"/srv/data",
										"\"rw\",\"rbind\","
										"\"rslave\","
										"\"nosuid\"") "," M("/run/.containerenv",
												    "bind",
												    "env",
												    "\"bind\",\"rprivate\"") "," M("/sys/fs/cgroup",
																   "cgroup",
																   "cgroup",
																   "\"rprivate\",\"ro\",\"nsdelegate\"") "," M("/tmp",
																					       "tmpfs",
																					       "tmpfs",
																					       "\"rw\",\"tmpcopyup\",\"size=10%\""),
		    ",\"devices\":[{\"path\":\"/dev/"
		    "fuse\",\"type\":\"c\",\"major\":10,\"minor\":229,"
		    "\"fileMode\":438,\"uid\":0,\"gid\":0},{\"path\":\"/dev/"
		    "null\",\"type\":\"c\",\"major\":1,"
		    "\"minor\":3,\"fileMode\":8630}]"),
	       "mount 0: proc proc -> /proc nosuid,nodev,noexec\n"
	       "mount 1: bind /run/containers/x/resolv.conf -> /etc/resolv.conf "
	       "nosuid,nodev,rprivate\n"
	       "mount 2: rbind /srv/data -> /data rw,nosuid,rslave\n"
	       "mount 3: bind /b/env -> /run/.containerenv rprivate\n"
	       "mount 4: cgroup cgroup -> /sys/fs/cgroup ro,rprivate\n"
	       "mount 5: tmpfs tmpfs -> /tmp rw,tmpcopyup data=size=10%\n"
	       "device /dev/fuse c 10:229 mode=0666 uid=0 gid=0\n"
	       "device /dev/null c 1:3 mode=0666 uid=0 gid=0\n"
	       "device /dev/zero c 1:5 mode=0666 uid=0 gid=0\n"
	       "device /dev/full c 1:7 mode=0666 uid=0 gid=0\n"
	       "device /dev/random c 1:8 mode=0666 uid=0 gid=0\n"
	       "device /dev/urandom c 1:9 mode=0666 uid=0 gid=0\n"
	       "device /dev/tty c 5:0 mode=0666 uid=0 gid=0\n");
}

static void test_words(void **state)
{
	(void)state;
	expect_mount(M("/a", "bind", "/s", ""), "mount 0: bind /s -> /a");
	expect_mount("{\"destination\":\"/a\",\"source\":\"/s\",\"options\":[\"rbind\"]}",
		     "mount 0: rbind /s -> /a");
	expect_mount(M("/a", "none", "s/../t", "\"bind\",\"ro\",\"rw\""),
		     "mount 0: bind /b/s/../t -> /a rw");
	/* The atime words share a field: the last one wins. */
	expect_mount(M("/a", "bind", "/s", "\"noatime\",\"strictatime\",\"nodiratime\""),
		     "mount 0: bind /s -> /a nodiratime,strictatime");
	expect_mount(M("/a", "bind", "/s", "\"strictatime\",\"nostrictatime\""),
		     "mount 0: bind /s -> /a relatime");
	expect_mount(
		M("/a", "bind", "/s", "\"rbind\",\"rro\",\"rnoatime\",\"exec\",\"nosymfollow\""),
		"mount 0: rbind /s -> /a exec,nosymfollow,rro,rnoatime");
	expect_mount(M("/a", "bind", "/s", "\"rslave\",\"shared\""),
		     "mount 0: bind /s -> /a rslave,shared");
	expect_mount(M("/a", "xfs", "/dev/x", "\"lazytime\",\"loud\",\"mand\",\"inode64\""),
		     "mount 0: xfs /dev/x -> /a data=inode64");
	expect_mount(M("/../a//b/./c/", "tmpfs", "t", "\"\",\"rw\""),
		     "mount 0: tmpfs t -> /a/b/c rw");
	expect_mount(M("/a", "tmpfs", "t", "\"context=\\\"u:o:t:s0:c1,c2\\\"\""),
		     "mount 0: tmpfs t -> /a data=context=u:o:t:s0:c1,c2");
	expect_mount(M("/dev", "tmpfs", "t", ""),
		     "mount 0: tmpfs t -> /dev nosuid,strictatime data=mode=755,size=65536k");
	expect_mount(M("/a", "none", "none", "\"remount\",\"bind\",\"ro\""),
		     "mount 0: remount none none -> /a ro");
	expect_mount(M("/a", "bind", "/s", "\"idmap=uids=0-1000-1#1-5-2;gids=0-7-1\""),
		     "mount 0: bind /s -> /a idmap");
	expect_mount(M("/proc/meminfo", "bind", "/s", "\"bind\""),
		     "mount 0: bind /s -> /proc/meminfo");
}

static void test_mount_errors(void **state)
{
	(void)state;
	expect_mount_error("{\"destination\":\"/a\"}", "mounts[0].type: missing");
	expect_mount_error("{\"destination\":\"/a\",\"type\":\"bind\"}", "mounts[0].source");
	expect_mount_error(M("/a", "bind", "/s", "\"size=1\""), "a bind mount takes no data");
	expect_mount_error(M("/a", "tmpfs", "t", "\"size=-1\""), "mounts[0].options");
	expect_mount_error(M("/a", "tmpfs", "t", "\"mode=9999\""), "mounts[0].options");
	expect_mount_error(M("/a", "tmpfs", "t", "\"mode=77777\""), "mounts[0].options");
	expect_mount_error(M("/a", "tmpfs", "t", "\"uid=x\""), "mounts[0].options");
	expect_mount_error(M("/a", "tmpfs", "t", "\"huge=always,mode=0\""), "holds a comma");
	expect_mount_error(M("/a", "tmpfs", "t", "\"context=\\\"a\\\",mode=0\\\"\""),
			   "holds a comma");
	expect_mount_error(M("/a", "tmpfs", "t", "\"x=a\\nb\""), "holds a control byte");
	expect_mount_error(M("/a", "tmpfs", "t", "\"=x\""), "an option needs a name");
	expect_mount_error(M("/a", "bind", "/s", "\"tmpcopyup\""), "only a tmpfs can be filled");
	expect_mount_error(M("/a", "tmpfs", "t", "\"idmap\""), "mounts[0].options");
	expect_mount_error(M("/a", "bind", "/s", "\"idmap=uids=0-1;gids=0-1-1\""),
			   "not of the form");
	expect_mount_error(M("/a", "bind", "/s", "\"idmap=uids=0-1-1\""), "not of the form");
	expect_mount_error(M("/a", "bind", "/s", "\"idmap=uids=0-1-1-1;gids=0-1-1\""),
			   "not of the form");
	expect_mount_error(M("/proc", "tmpfs", "t", ""), "only a proc file system");
	expect_mount_error(M("/proc/sys", "bind", "/s", ""), "inside /proc");
	expect_mount_error(M("/x/../proc/self", "tmpfs", "t", ""), "inside /proc");
	expect_mount_error(
		M("/a", "bind", "/s", "\"shared\",\"slave\",\"private\",\"shared\",\"slave\""),
		"too many propagation options");
}

#define DEV(members) CONF("", ",\"devices\":[{" members "}]")

static void test_device_errors(void **state)
{
	(void)state;
	expect_error(DEV("\"path\":\"/dev/a\",\"type\":\"z\",\"major\":1,\"minor\":1"),
		     "linux.devices[0].type");
	expect_error(DEV("\"path\":\"dev/a\",\"type\":\"c\",\"major\":1,\"minor\":1"),
		     "linux.devices[0].path");
	expect_error(DEV("\"path\":\"/dev/../a\",\"type\":\"c\",\"major\":1,\"minor\":1"),
		     "linux.devices[0].path");
	expect_error(DEV("\"path\":\"/\",\"type\":\"c\",\"major\":1,\"minor\":1"),
		     "linux.devices[0].path");
	expect_error(DEV("\"path\":\"/proc/a\",\"type\":\"c\",\"major\":1,\"minor\":1"),
		     "linux.devices[0].path");
	expect_error(DEV("\"path\":\"/dev/a\",\"type\":\"c\",\"major\":-1,\"minor\":1"),
		     "linux.devices[0].major");
	expect_error(DEV("\"path\":\"/dev/a\",\"type\":\"c\",\"major\":1"),
		     "linux.devices[0].minor");
	expect_error(DEV("\"path\":\"/dev/a\",\"type\":\"p\",\"fileMode\":2541"),
		     "linux.devices[0].fileMode");
	expect_error(DEV("\"path\":\"/dev/a\",\"type\":\"p\"},{\"path\":\"/dev//"
			 "a\",\"type\":\"c\",\"major\":1,"
			 "\"minor\":1"),
		     "listed twice as different devices");
}

static void test_whole(void **state)
{
	(void)state;
	expect_error("\"root\":{\"path\":\"r\"},\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}",
		     "linux.namespaces: a \"mount\" namespace is needed");
	expect_error(CONF("", ",\"maskedPaths\":[\"/a\",\"proc\"]"), "linux.maskedPaths[1]");
	expect_error(CONF("", ",\"readonlyPaths\":[\"/..\"]"), "linux.readonlyPaths[0]");
	/* A mount at a default device's path is what the user wants there. */
	char *got = plan_with(CONF(M("/dev/null", "bind", "/dev/zero", ""), ""), "/run/n");
	assert_non_null(
		strstr(got, "mount -: rbind /run/n -> /run/notify rro,rnosuid,rnodev,rnoexec\n"));
	assert_null(strstr(got, "device /dev/null"));
	free(got);
	/* An unmapped tty group is left out in a new user namespace. */
	got = plan_with(
		"\"root\":{\"path\":\"r\"},\"mounts\":[" M(
			"/dev/pts", "devpts", "devpts",
			"\"mode=0620\",\"gid=5\"") "],"
						   "\"linux\":{\"namespaces\":[{\"type\":\"mount\"}"
						   ",{\"type\":\"user\"}],\"uidMappings\":"
						   "[{\"containerID\":0,\"hostID\":1000,\"size\":1}"
						   "],\"gidMappings\":[{\"containerID\":0,"
						   "\"hostID\":1000,\"size\":1}]}",
		NULL);
	assert_non_null(strstr(got, "-> /dev/pts data=mode=0620\n"));
	free(got);
}

/* ---- files of lxcfs ---- */

#define PROC	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}"
#define SYS	"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\"}"
#define VIEW(f) "mount -: bind /var/lib/lxcfs" f " -> " f " ro,nosuid,nodev,noexec\n"
#define CPU	"/sys/devices/system/cpu"

static void expect_view(const char *body, const char *view, const char *has, const char *has_not)
{
	char *got = plan_viewed(body, NULL, view);

	if (has && !strstr(got, has))
		fail_msg("no \"%s\" in: %s", has, got);
	if (has_not && strstr(got, has_not))
		fail_msg("\"%s\" in: %s", has_not, got);
	free(got);
}

static void test_view(void **state)
{
	(void)state;
	expect_view(CONF(PROC "," SYS, ""), NULL, NULL, "lxcfs");
	/* After all mounts of the config, before what is masked. */
	expect_view(CONF(PROC "," SYS "," M("/etc/x", "bind", "/x", ""), ""), "",
		    "-> /etc/x\n" VIEW("/proc/cpuinfo") VIEW("/proc/diskstats")
			    VIEW("/proc/loadavg") VIEW("/proc/meminfo") VIEW("/proc/slabinfo")
				    VIEW("/proc/stat") VIEW("/proc/swaps") VIEW("/proc/uptime")
					    VIEW("/proc/pressure/cpu") VIEW("/proc/pressure/io")
						    VIEW("/proc/pressure/memory") VIEW(CPU)
							    VIEW(CPU "/online"),
		    NULL);
	expect_view(CONF(PROC, ""), "/lx", "bind /lx/proc/meminfo -> /proc/meminfo ro", CPU);
	expect_view(CONF(SYS, ""), "", VIEW(CPU), "-> /proc/");
	expect_view(CONF("", ""), "", NULL, "lxcfs");
}

static void test_view_gives_way(void **state)
{
	(void)state;
	/* to masked paths, and only where they cover */
	expect_view(CONF(PROC "," SYS, ",\"maskedPaths\":[\"/proc/stat\"]"), "",
		    VIEW("/proc/slabinfo") VIEW("/proc/swaps"), VIEW("/proc/stat"));
	expect_view(CONF(PROC "," SYS, ",\"maskedPaths\":[\"/proc\"]"), "", VIEW(CPU),
		    "-> /proc/m");
	expect_view(CONF(SYS, ",\"maskedPaths\":[\"" CPU "/cpu0/thermal_throttle\"]"), "",
		    VIEW(CPU), NULL);
	/* to the config's own mounts: there, above, below */
	expect_view(CONF(PROC "," M("/proc/meminfo", "bind", "/x", ""), ""), "", VIEW("/proc/stat"),
		    VIEW("/proc/meminfo"));
	expect_view(CONF(PROC "," SYS "," M(CPU "/online", "bind", "/x", ""), ""), "",
		    VIEW("/proc/stat"), "lxcfs" CPU);
	expect_view(CONF(SYS "," M("/sys/devices", "tmpfs", "tmpfs", ""), ""), "", NULL, "lxcfs");
	expect_view(CONF(PROC "," SYS "," M("/", "tmpfs", "tmpfs", ""), ""), "", NULL, "lxcfs");
	expect_view(CONF(M("/sys", "tmpfs", "tmpfs", ""), ""), "", NULL, "lxcfs");
	/* A remount is none; a bind of the host's is looked at when it is there. */
	expect_view(CONF(PROC "," M("/proc", "none", "none", "\"remount\",\"ro\""), ""), "",
		    VIEW("/proc/stat"), NULL);
	expect_view(CONF(M("/sys", "bind", "/sys", "\"rbind\""), ""), "", VIEW(CPU), NULL);
	/* Names that only begin alike. */
	expect_view(CONF(PROC "," M("/procx", "tmpfs", "tmpfs", ""), ""), "", VIEW("/proc/stat"),
		    NULL);
	/* Without a pid namespace lxcfs would tell of somebody else. */
	expect_view("\"root\":{\"path\":\"r\"},\"mounts\":[" PROC
		    "],\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}",
		    "", NULL, "lxcfs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runc_default),  cmocka_unit_test(test_podman),
		cmocka_unit_test(test_words),	      cmocka_unit_test(test_mount_errors),
		cmocka_unit_test(test_device_errors), cmocka_unit_test(test_whole),
		cmocka_unit_test(test_view),	      cmocka_unit_test(test_view_gives_way),
	};

	return cmocka_run_group_tests_name("runtime-rootfs/plan", tests, NULL, NULL);
}
