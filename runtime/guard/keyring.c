/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/keyring: a session keyring of the container's own, so that the caller's keys stay
 * with the caller (conformance U46). Called by runtime/init for create and exec.
 */
#include <fcntl.h>
#include <linux/keyctl.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/sys.h"
#include "runtime/guard/guard.h"
#include "runtime/guard/lsm.h"
#include "runtime/guard/procfs.h"
#include "base/ban.h"

/* man 7 keyrings: possessor everything (bits 24-29); user view, read, search, link. Search lets an
 * exec of the same container join this keyring by its name. */
#define KEYRING_PERM 0x3f1b0000u

#define KEYRING_NAME_MAX 1100 /* ids have at most 1024 bytes */

/* The label that new keys get (SELinux); "" takes it back. */
static int set_key_label(const char *label, struct err *e)
{
	AUTO_FD own = FD_NONE;
	AUTO_FD fd = FD_NONE;
	int root = guard_proc_root(FD_NONE, &own, e);

	if (root < 0)
		return root;
	int r = label[0] ? guard_selinux_need(label, root, e) : 0;
	if (r < 0)
		return r;
	fd = guard_proc_file(root, "thread-self/attr/keycreate", O_WRONLY);
	if (fd < 0)
		return err_sys(e, fd, "session keyring: open the key creation label");
	/* A single NUL clears the attribute. */
	if (write(fd, label, label[0] ? strlen(label) : 1) < 0)
		return err_sys(e, errno, "session keyring: set the label \"%s\"", label);
	return 0;
}

int guard_keyring_new(const char *id, const char *label, struct err *e)
{
	char name[KEYRING_NAME_MAX];
	bool has_label = label && label[0];

	int n = snprintf(name, sizeof(name), "_ses.%s", id);
	if ((size_t)n >= sizeof(name))
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "session keyring: the id is too long");
	int r = has_label ? set_key_label(label, e) : 0;
	if (r < 0)
		return r;
	long serial = sys_keyctl_join(name);
	if (has_label)
		r = set_key_label("", e);
	if (r < 0)
		return r;
	if (serial == -ENOSYS || serial == -EPERM) {
		/* A kernel without keys, or an outer container's filter, which the process
		 * inherits: it cannot use the caller's keyring either. */
		log_debug("no session keyring: %s", err_words((int)-serial));
		return 0;
	}
	if (serial == -EDQUOT)
		return err_set(e, ERR_KERNEL, EDQUOT,
			       "session keyring \"%s\": the user's quota of keys is used up "
			       "(kernel.keys.maxkeys)",
			       name);
	if (serial < 0)
		return err_sys(e, (int)serial, "session keyring \"%s\": join", name);
	/* Joined by its name as another user's: its permissions are not ours to set. */
	long p = sys_keyctl_setperm((int32_t)serial, KEYRING_PERM);
	if (p < 0 && p != -EACCES)
		return err_sys(e, (int)p, "session keyring \"%s\": set its permissions", name);
	return 0;
}
