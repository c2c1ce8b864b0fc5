/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/doctor_kernel: what the kernel offers, each thing asked once by the call itself where
 * that has no effect. It must not know how findings are printed. Called by cmd_doctor.c.
 */
#include "runtime/cli/doctor.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/guard/guard.h"
#include "spec/spec.h"
#include "base/ban.h"

#define UPDATE                                                                                     \
	"use a newer kernel, or ask who confines this one (an outer container's seccomp profile)"
/* A number that is no open descriptor, but not refused as a number either. */
#define NO_FD INT_MAX

static void version(struct doctor_out *o)
{
	struct utsname u;
	uint64_t v[2] = {0, 0};
	const char *s = u.release;

	if (uname(&u) < 0) {
		doctor_say(o, DOCTOR_FAILURE, "unknown: %s", err_words(errno));
		return;
	}
	for (int i = 0; i < 2; i++) {
		size_t n = strspn(s, "0123456789");
		if (num_u64n(s, n, &v[i]) < 0)
			break;
		s += n + (s[n] == '.');
	}
	if (v[0] > 5 || (v[0] == 5 && v[1] >= 15))
		doctor_say(o, DOCTOR_OK, "Linux %s", u.release);
	else
		doctor_tell(o, DOCTOR_FAILURE, "stiva is written for Linux 5.15 and later",
			    "use a newer kernel", "Linux %s", u.release);
}

static void clone_into_cgroup(struct doctor_out *o)
{
	int pidfd = FD_NONE;
	pid_t pid = proc_clone(0, NO_FD, &pidfd);

	if (pid == 0)
		_exit(0);
	if (pid > 0) /* cannot be: there is no such cgroup */
		(void)proc_wait(pidfd, -1, &(int){0});
	auto_fd_done(&pidfd);
	if (pid == -EBADF)
		doctor_say(o, DOCTOR_OK, "clone3 with CLONE_INTO_CGROUP");
	else
		doctor_tell(o, DOCTOR_WARNING,
			    "processes are moved into their cgroup after they were made", UPDATE,
			    "clone3: %s", err_words((int)pid));
}

static void openat2_call(struct doctor_out *o)
{
	if (sys_has(SYS_OPENAT2))
		doctor_say(o, DOCTOR_OK, "openat2");
	else
		doctor_tell(o, DOCTOR_WARNING,
			    "paths inside containers are walked step by step instead", UPDATE,
			    "no openat2");
}

/* A call that is there complains about the descriptor. */
static void mount_api(struct doctor_out *o)
{
	struct mount_attr attr = {0};
	int r = sys_mount_setattr(NO_FD, "", AT_EMPTY_PATH, &attr, sizeof(attr));
	AUTO_FD fs_fd = sys_fsopen("tmpfs", 1);
	AUTO_FD tree_fd = sys_open_tree(NO_FD, "", AT_EMPTY_PATH);

	if (r == -ENOSYS || fs_fd == -ENOSYS || tree_fd == -ENOSYS)
		doctor_tell(o, DOCTOR_FAILURE, "containers cannot be given their mounts", UPDATE,
			    "no %s",
			    r == -ENOSYS       ? "mount_setattr"
			    : fs_fd == -ENOSYS ? "fsopen"
					       : "open_tree");
	else
		doctor_say(o, DOCTOR_OK, "fsopen, open_tree, mount_setattr");
}

static void idmapped(struct doctor_out *o)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = NO_FD};
	AUTO_FD fd = sys_open_tree(AT_FDCWD, "/", AT_RECURSIVE | 1 | O_CLOEXEC);
	int r;

	if (fd < 0) {
		doctor_say(o, DOCTOR_OK, "only root can ask for them");
		return;
	}
	r = sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr));
	if (r == -EBADF)
		doctor_say(o, DOCTOR_OK, "in this kernel; file systems differ");
	else
		doctor_tell(o, DOCTOR_WARNING,
			    "mounts with idmap, uidMappings or gidMappings are refused", UPDATE,
			    "%s", err_words(r));
}

static void pidfds(struct doctor_out *o)
{
	AUTO_FD fd = sys_pidfd_open(getpid(), 0);

	if (fd >= 0)
		doctor_say(o, DOCTOR_OK, "pidfd_open");
	else
		doctor_tell(o, DOCTOR_FAILURE, "containers cannot be signalled or waited for",
			    UPDATE, "pidfd_open: %s", err_words(fd));
}

static void namespaces(struct doctor_out *o)
{
	AUTO(buf) lack = {0};
	bool only_time = true;

	for (size_t i = 0; i < spec_words_ns_proc.n; i++) {
		const char *name = word_text(&spec_words_ns_proc, (int)i);
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
		if (access(path, F_OK) == 0)
			continue;
		only_time = only_time && str_eq(name, "time");
		buf_printf(&lack, " %s", name);
	}
	if (!lack.len)
		doctor_say(o, DOCTOR_OK, "all %zu kinds", spec_words_ns_proc.n);
	else
		doctor_tell(o, only_time ? DOCTOR_WARNING : DOCTOR_FAILURE,
			    "configurations that want such a namespace are refused",
			    "use a kernel that is built with it", "missing:%s", lack.data);
}

static void seccomp(struct doctor_out *o)
{
	const char *version_text = guard_seccomp_version();

	if (sys_has(SYS_SECCOMP))
		doctor_say(o, DOCTOR_OK, "filters; libseccomp %s", version_text);
	else
		doctor_tell(o, DOCTOR_FAILURE, "configurations with a seccomp profile are refused",
			    "use a kernel with CONFIG_SECCOMP_FILTER", "no filters");
}

static void seccomp_notify(struct doctor_out *o)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;
	AUTO(buf) names = {0};

	for (const char *const *flag = guard_seccomp_kernel_flags(); *flag; flag++)
		buf_printf(&names, " %s", *flag);
	if (sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		doctor_say(o, DOCTOR_OK, "notify; flags%s", names.len ? names.data : " none");
	else
		doctor_tell(o, DOCTOR_WARNING, "profiles with SCMP_ACT_NOTIFY are refused", UPDATE,
			    "no notify");
}

static void psi(struct doctor_out *o)
{
	if (access("/proc/pressure/cpu", R_OK) == 0)
		doctor_say(o, DOCTOR_OK, "pressure stall information");
	else
		doctor_tell(o, DOCTOR_WARNING, "statistics have no pressure figures",
			    "boot with psi=1", "no pressure stall information");
}

/* clang-format off */
static const struct doctor_check rows[] = {
	{"kernel.version", version},
	{"kernel.clone3", clone_into_cgroup},
	{"kernel.openat2", openat2_call},
	{"kernel.mount-api", mount_api},
	{"kernel.idmapped-mounts", idmapped},
	{"kernel.pidfd", pidfds},
	{"kernel.namespaces", namespaces},
	{"kernel.seccomp", seccomp},
	{"kernel.seccomp-notify", seccomp_notify},
	{"kernel.psi", psi},
};
/* clang-format on */
const struct doctor_group doctor_kernel = DOCTOR_GROUP("kernel", rows);
