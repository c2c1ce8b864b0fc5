/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/doctor_host: cgroups, what an unprivileged user needs, and the security modules. It
 * must not know how findings are printed. Called by cmd_doctor.c.
 */
#include "runtime/cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/file.h"
#include "base/idmap.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/ban.h"

#define CGROUP_DIR  "/sys/fs/cgroup"
#define UNIFIED_DIR CGROUP_DIR "/unified"

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* The directory of the cgroup2 tree, or NULL. */
static const char *cgroup_root(void)
{
	if (is_cgroup2(CGROUP_DIR))
		return CGROUP_DIR;
	return is_cgroup2(UNIFIED_DIR) ? UNIFIED_DIR : NULL;
}

/* "ROOT/PATH" of our own cgroup, in the arena; NULL without a cgroup2 tree. */
static char *own_cgroup(struct arena *a)
{
	const char *root = cgroup_root();
	char text[8192], *line;

	if (!root || file_read_kernel(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
		return NULL;
	line = str_starts(text, "0::") ? text : strstr(text, "\n0::");
	if (!line)
		return NULL;
	line = strstr(line, "::") + 2;
	line[strcspn(line, "\n")] = '\0';
	return arena_printf(a, "%s%s", root, str_eq(line, "/") ? "" : line);
}

static void cgroup_mode(struct doctor_out *o)
{
	const char *root = cgroup_root();

	if (root && str_eq(root, CGROUP_DIR))
		doctor_say(o, DOCTOR_OK, "cgroup v2 at " CGROUP_DIR);
	else if (root)
		doctor_tell(o, DOCTOR_WARNING,
			    "limits whose controller is bound to v1 are refused; freezing, killing "
			    "and the device filter work",
			    "boot with systemd.unified_cgroup_hierarchy=1",
			    "hybrid: cgroup v2 at " UNIFIED_DIR ", v1 beside it");
	else
		doctor_tell(o, DOCTOR_FAILURE,
			    "containers run with --cgroup-manager disabled only, without limits",
			    "mount cgroup2 at " CGROUP_DIR, "no cgroup v2");
}

static void controllers(struct doctor_out *o)
{
	static const char *const wanted[] = {"cpu", "memory", "pids", "io", "cpuset"};
	const char *root = cgroup_root();
	AUTO(buf) lack = {0};
	char path[64], text[512];

	if (!root) {
		doctor_say(o, DOCTOR_WARNING, "no cgroup v2");
		return;
	}
	snprintf(path, sizeof(path), "%s/cgroup.controllers", root);
	if (file_read_kernel(AT_FDCWD, path, text, sizeof(text)) < 0)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		AUTO(buf) word = {0}, line = {0};
		buf_printf(&word, " %s ", wanted[i]);
		buf_printf(&line, " %s ", text);
		if (!strstr(line.data, word.data))
			buf_printf(&lack, " %s", wanted[i]);
	}
	if (!lack.len)
		doctor_say(o, DOCTOR_OK, "%s", text);
	else
		doctor_tell(o, DOCTOR_WARNING, "limits of these controllers are refused",
			    "free them from cgroup v1, or use a kernel that has them", "missing:%s",
			    lack.data);
}

static void delegation(struct doctor_out *o)
{
	const char *own = own_cgroup(o->arena);
	char text[512], path[PATH_MAX];

	if (!own) {
		doctor_say(o, DOCTOR_WARNING, "no cgroup v2");
		return;
	}
	if (geteuid() == 0) {
		doctor_say(o, DOCTOR_OK, "root needs none");
		return;
	}
	/* Siblings of our own cgroup are made in its parent. */
	str_copy(path, sizeof(path), own);
	if (strrchr(path, '/') > path)
		*strrchr(path, '/') = '\0';
	if (access(path, W_OK) < 0 && access(own, W_OK) < 0) {
		doctor_tell(o, DOCTOR_WARNING, "containers of this user have no limits",
			    "log in through systemd (loginctl enable-linger USER), or start with "
			    "systemd-run --user --scope -p Delegate=yes",
			    "%s is not delegated to this user", own);
		return;
	}
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/cgroup.controllers");
	if (file_read_kernel(AT_FDCWD, path, text, sizeof(text)) < 0)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strstr(text, "memory") && strstr(text, "cpu"))
		doctor_say(o, DOCTOR_OK, "delegated: %s", text);
	else
		doctor_tell(o, DOCTOR_WARNING, "limits of the other controllers are refused",
			    "add Delegate=cpu cpuset io memory pids to user@.service",
			    "delegated: %s", *text ? text : "no controller");
}

/* The root cgroup has few files: any other one shows what this kernel knows. */
static bool has_cgroup_file(const char *name)
{
	const char *root = cgroup_root();
	AUTO_DIR d = root ? opendir(root) : NULL;

	for (struct dirent *de = d ? readdir(d) : NULL; de; de = readdir(d)) {
		char path[PATH_MAX];
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", de->d_name, name);
		if (faccessat(dirfd(d), path, F_OK, 0) == 0)
			return true;
	}
	return false;
}

static void cgroup_kill(struct doctor_out *o)
{
	const char *own = own_cgroup(o->arena);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/cgroup.kill", own ? own : "");
	if (access(path, F_OK) == 0 || has_cgroup_file("cgroup.kill"))
		doctor_say(o, DOCTOR_OK, "cgroup.kill");
	else
		doctor_tell(o, DOCTOR_WARNING, "processes are killed one by one",
			    "use Linux 5.14 or later", "no cgroup.kill");
}

static void reclaim(struct doctor_out *o)
{
	const char *own = own_cgroup(o->arena);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/memory.reclaim", own ? own : "");
	if (access(path, F_OK) == 0 || has_cgroup_file("memory.reclaim"))
		doctor_say(o, DOCTOR_OK, "memory.reclaim");
	else
		doctor_tell(o, DOCTOR_WARNING,
			    "memory cannot be reclaimed before its limit is lowered",
			    "use Linux 5.19 or later, with the memory controller on v2",
			    "no memory.reclaim");
}

/* ---- users ---- */

static void userns(struct doctor_out *o)
{
	int pidfd = FD_NONE, status;
	pid_t pid = proc_clone(CLONE_NEWUSER, -1, &pidfd);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)proc_wait(pidfd, -1, &status);
	auto_fd_done(&pidfd);
	if (pid > 0)
		doctor_say(o, DOCTOR_OK, "may be made");
	else
		doctor_tell(o, geteuid() == 0 ? DOCTOR_WARNING : DOCTOR_FAILURE,
			    "containers of users, and those with a user namespace, cannot be made",
			    "sysctl user.max_user_namespaces > 0; on Debian "
			    "kernel.unprivileged_userns_clone=1; on Ubuntu "
			    "kernel.apparmor_restrict_unprivileged_userns=0",
			    "%s", err_words((int)pid));
}

static void subids(struct doctor_out *o)
{
	uint32_t first[2], n[2];

	if (geteuid() == 0) {
		doctor_say(o, DOCTOR_OK, "root needs none");
		return;
	}
	if (idmap_subid("/etc/subuid", geteuid(), &first[0], &n[0]) < 0 ||
	    idmap_subid("/etc/subgid", geteuid(), &first[1], &n[1]) < 0)
		doctor_tell(o, DOCTOR_WARNING,
			    "this user's containers have one user and group only",
			    "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER",
			    "no range in /etc/subuid and /etc/subgid");
	else
		doctor_say(o, DOCTOR_OK, "%u ids from %u, %u groups from %u", n[0], first[0], n[1],
			   first[1]);
}

static bool is_privileged(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && ((st.st_mode & S_ISUID && st.st_uid == 0) ||
					getxattr(path, "security.capability", NULL, 0) > 0);
}

static void newidmap(struct doctor_out *o)
{
	static const char *const names[] = {"/usr/bin/newuidmap", "/usr/bin/newgidmap"};
	enum doctor_verdict bad = geteuid() == 0 ? DOCTOR_WARNING : DOCTOR_FAILURE;

	for (size_t i = 0; i < 2; i++) {
		if (access(names[i], X_OK) < 0) {
			doctor_tell(o, bad, "users cannot map their ranges of ids",
				    "install the package uidmap", "no %s", names[i]);
			return;
		}
		if (!is_privileged(names[i])) {
			doctor_tell(o, bad, "users cannot map their ranges of ids",
				    "chmod u+s it, or setcap cap_setuid+ep and cap_setgid+ep",
				    "%s is neither setuid nor has it a capability", names[i]);
			return;
		}
	}
	doctor_say(o, DOCTOR_OK, "newuidmap and newgidmap");
}

static void runtime_dir(struct doctor_out *o)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (geteuid() == 0) {
		doctor_say(o, DOCTOR_OK, "root uses /run/stiva");
		return;
	}
	if (dir && *dir == '/' && stat(dir, &st) == 0 && st.st_uid == geteuid() &&
	    access(dir, W_OK) == 0)
		doctor_say(o, DOCTOR_OK, "%s", dir);
	else
		doctor_tell(o, DOCTOR_FAILURE, "without --root there is no place for the state",
			    "log in through systemd or elogind, or use --root DIR",
			    "XDG_RUNTIME_DIR is %s", dir ? "no directory of this user" : "not set");
}

/* ---- security modules ---- */

static void apparmor(struct doctor_out *o)
{
	char text[16] = "";

	(void)file_read_kernel(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", text,
			       sizeof(text));
	doctor_say(o, DOCTOR_OK, "%s",
		   *text == 'Y' ? "enabled" : "not enabled: profiles are refused");
}

static void selinux(struct doctor_out *o)
{
	char text[16] = "";

	if (file_read_kernel(AT_FDCWD, "/sys/fs/selinux/enforce", text, sizeof(text)) < 0)
		doctor_say(o, DOCTOR_OK, "not enabled: labels are refused");
	else
		doctor_say(o, DOCTOR_OK, *text == '1' ? "enforcing" : "permissive");
}

static void resctrl(struct doctor_out *o)
{
	if (access("/sys/fs/resctrl/schemata", F_OK) == 0)
		doctor_say(o, DOCTOR_OK, "mounted at /sys/fs/resctrl");
	else if (access("/sys/fs/resctrl", F_OK) == 0)
		doctor_say(o, DOCTOR_OK, "in the kernel, not mounted: linux.intelRdt is refused");
	else
		doctor_say(o, DOCTOR_OK, "not here: linux.intelRdt is refused");
}

/* clang-format off */
static const struct doctor_check cgroup_rows[] = {
	{"cgroup.mode", cgroup_mode},
	{"cgroup.controllers", controllers},
	{"cgroup.delegation", delegation},
	{"cgroup.kill", cgroup_kill},
	{"cgroup.memory-reclaim", reclaim},
};
static const struct doctor_check user_rows[] = {
	{"users.namespaces", userns},
	{"users.subids", subids},
	{"users.newuidmap", newidmap},
	{"users.runtime-dir", runtime_dir},
};
static const struct doctor_check host_rows[] = {
	{"host.apparmor", apparmor},
	{"host.selinux", selinux},
	{"host.resctrl", resctrl},
};
/* clang-format on */
const struct doctor_group doctor_cgroup = DOCTOR_GROUP("cgroups", cgroup_rows);
const struct doctor_group doctor_users = DOCTOR_GROUP("users", user_rows);
const struct doctor_group doctor_host = DOCTOR_GROUP("host", host_rows);
