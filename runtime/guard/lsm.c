/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/lsm: the AppArmor profile and the SELinux label that the next execve puts on
 * (conformance P14, P15; security.md C6, C25). Always through the caller's procfs, by fd, and read
 * back. Called by runtime/init before the identity changes.
 */
#include <fcntl.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/str.h"
#include "runtime/guard/guard.h"
#include "runtime/guard/lsm.h"
#include "runtime/guard/procfs.h"
#include "base/ban.h"

/* podman knows a security error by such a path in the text (conformance.md E09). */
#define APPARMOR_ATTR "`/proc/thread-self/attr/apparmor/exec`"
#define SELINUX_ATTR  "`/proc/thread-self/attr/exec`"
#define LABEL_MAX     4096

static bool is_profile_name(const char *s)
{
	for (; *s; s++) {
		bool is_alnum = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
				(*s >= '0' && *s <= '9');
		if (!is_alnum && !strchr("_./:-&+@", *s))
			return false;
	}
	return true;
}

static bool is_label(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

/* Reads the attribute from its start, without the newline or NUL that ends it. */
static int attr_read(int fd, char *ret, size_t size)
{
	ssize_t n = pread(fd, ret, size - 1, 0);

	if (n < 0)
		return -errno;
	while (n > 0 && (ret[n - 1] == '\n' || ret[n - 1] == '\0'))
		n--;
	ret[n] = '\0';
	/* A NUL in the middle would cut what we compare. */
	return strlen(ret) == (size_t)n ? (int)n : -EBADMSG;
}

/* ---- AppArmor ---- */

/* "NAME" or "NAME (MODE)": exactly this name, not one that starts with it. A name with a namespace
 * or a stack is printed in the kernel's own order, so there only the presence can be told. */
static bool is_profile_set(const char *text, const char *profile)
{
	const char *rest = str_after(text, profile);

	if (strpbrk(profile, ":&"))
		return text[0] != '\0';
	return rest && (rest[0] == '\0' || str_starts(rest, " ("));
}

static int apparmor_missing(const char *profile, struct err *e)
{
	return err_set(
		e, ERR_MISSING, ENOTSUP,
		"process.apparmorProfile: \"%s\" is asked for, but AppArmor is not enabled on "
		"this host (" APPARMOR_ATTR ")",
		profile);
}

static int apparmor_apply(const char *profile, int root_fd, struct err *e)
{
	char text[LABEL_MAX];
	AUTO_FD fd = FD_NONE;

	if (!is_profile_name(profile) || strlen(profile) > LABEL_MAX - 16)
		return err_set(e, ERR_INPUT, EINVAL,
			       "process.apparmorProfile: \"%s\" is not a profile's name", profile);
	/* Since 5.8 AppArmor has a directory of its own, so that no other LSM takes the write. */
	fd = guard_proc_file(root_fd, "thread-self/attr/apparmor/exec", O_RDWR);
	if (fd == -ENOENT)
		return apparmor_missing(profile, e);
	if (fd < 0)
		return err_sys(e, fd, "process.apparmorProfile: open " APPARMOR_ATTR);
	int n = snprintf(text, sizeof(text), "exec %s", profile);
	if (write(fd, text, (size_t)n) < 0) {
		int code = errno;
		/* Built in but off at boot: reading is refused too. */
		if (code == EINVAL && attr_read(fd, text, sizeof(text)) == -EINVAL)
			return apparmor_missing(profile, e);
		return err_sys(e, code, "process.apparmorProfile: write \"%s\" to " APPARMOR_ATTR,
			       profile);
	}
	int r = attr_read(fd, text, sizeof(text));
	if (r < 0)
		return err_sys(e, r, "process.apparmorProfile: read " APPARMOR_ATTR);
	if (!is_profile_set(text, profile))
		return err_set(e, ERR_KERNEL, EIO,
			       "process.apparmorProfile: set \"%s\" but read back \"%s\"", profile,
			       text);
	return 0;
}

/* ---- SELinux ---- */

/* selinuxfs is registered only when SELinux was enabled at boot. */
static int selinux_is_on(int root_fd)
{
	char text[LABEL_MAX];
	AUTO_FD fd = guard_proc_file(root_fd, "filesystems", O_RDONLY);

	if (fd < 0)
		return fd;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return strstr(text, "\tselinuxfs\n") != NULL;
}

int guard_selinux_need(const char *label, int root_fd, struct err *e)
{
	int r = selinux_is_on(root_fd);

	if (r < 0)
		return err_sys(e, r, "process.selinuxLabel: read the kernel's file systems");
	if (r == 0)
		return err_set(
			e, ERR_MISSING, ENOTSUP,
			"process.selinuxLabel: \"%s\" is asked for, but SELinux is not enabled "
			"on this host (" SELINUX_ATTR ")",
			label);
	return 0;
}

static int selinux_apply(const char *label, int root_fd, struct err *e)
{
	char text[LABEL_MAX];
	AUTO_FD fd = FD_NONE;
	size_t n = strlen(label);

	if (!is_label(label) || n >= LABEL_MAX)
		return err_set(e, ERR_INPUT, EINVAL, "process.selinuxLabel: not a label");
	/* attr/exec belongs to the first "major" LSM: without SELinux that may be AppArmor. */
	int r = guard_selinux_need(label, root_fd, e);
	if (r < 0)
		return r;
	fd = guard_proc_file(root_fd, "thread-self/attr/exec", O_RDWR);
	if (fd < 0)
		return err_sys(e, fd, "process.selinuxLabel: open " SELINUX_ATTR);
	if (write(fd, label, n) < 0)
		return err_sys(e, errno, "process.selinuxLabel: write \"%s\" to " SELINUX_ATTR,
			       label);
	r = attr_read(fd, text, sizeof(text));
	if (r < 0)
		return err_sys(e, r, "process.selinuxLabel: read " SELINUX_ATTR);
	if (!str_eq(text, label))
		return err_set(e, ERR_KERNEL, EIO,
			       "process.selinuxLabel: set \"%s\" but read back \"%s\"", label,
			       text);
	return 0;
}

int guard_lsm_apply(const char *apparmor_profile, const char *selinux_label, int proc_fd,
		    struct err *e)
{
	bool has_apparmor = apparmor_profile && apparmor_profile[0];
	bool has_selinux = selinux_label && selinux_label[0];
	AUTO_FD own = FD_NONE;
	int r = 0;

	if (!has_apparmor && !has_selinux)
		return 0;
	int root = guard_proc_root(proc_fd, &own, e);
	if (root < 0)
		return root;
	if (has_apparmor)
		r = apparmor_apply(apparmor_profile, root, e);
	if (r == 0 && has_selinux)
		r = selinux_apply(selinux_label, root, e);
	return r;
}
