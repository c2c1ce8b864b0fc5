/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/identity: from the namespace's root to the user that the config asks for
 * (conformance P07-P11; security.md C7, C8). It may run under the container's seccomp filter, so it
 * uses nothing but the plain set and get calls. Called by runtime/init just before execve.
 */
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "runtime/guard/caps.h"
#include "runtime/guard/guard.h"
#include "base/ban.h"

#define ID_NONE	   UINT32_MAX /* means "unchanged" to the kernel: never an id */
#define GROUPS_MAX 65536      /* NGROUPS_MAX */

static int refuse_id(const char *path, struct err *e)
{
	return err_set(e, ERR_INPUT, EINVAL, "%s: 4294967295 is not an id", path);
}

/* What can be told before anything is given up. */
static int check_ids(const struct guard_identity *id, struct err *e)
{
	if (id->uid == ID_NONE)
		return refuse_id("process.user.uid", e);
	if (id->gid == ID_NONE)
		return refuse_id("process.user.gid", e);
	if (id->groups.n > GROUPS_MAX)
		return err_set(e, ERR_INPUT, EINVAL,
			       "process.user.additionalGids: %zu groups, the kernel takes %d",
			       id->groups.n, GROUPS_MAX);
	for (size_t i = 0; i < id->groups.n; i++) {
		if (id->groups.v[i] == ID_NONE)
			return refuse_id("process.user.additionalGids", e);
	}
	if (id->setgroups_denied && id->groups.n > 0 && !id->keep_groups)
		return err_set(e, ERR_INPUT, EPERM,
			       "process.user.additionalGids: the user namespace forbids setgroups "
			       "(it has no range of /etc/subgid)");
	return 0;
}

static int set_groups(const struct guard_identity *id, struct err *e)
{
	if (id->keep_groups || id->setgroups_denied)
		return 0;
	/* The empty list too: the caller's groups must not stay. */
	if (setgroups(id->groups.n, id->groups.v) == 0)
		return 0;
	if (errno == EINVAL)
		return err_set(
			e, ERR_INPUT, EINVAL,
			"process.user.additionalGids: cannot set groups to unmapped group in "
			"user namespace");
	return err_sys(e, errno, "process.user.additionalGids: set %zu groups", id->groups.n);
}

/* A filter that was loaded before may forbid asking; but an answer must be the right one. */
static int verify_gid(gid_t gid, struct err *e)
{
	gid_t r = ID_NONE, f = ID_NONE, s = ID_NONE;

	if (getresgid(&r, &f, &s) < 0 || (r == gid && f == gid && s == gid))
		return 0;
	return err_set(e, ERR_KERNEL, EPERM, "process.user.gid: is %u/%u/%u instead of %u", r, f, s,
		       gid);
}

static int verify_uid(uid_t uid, struct err *e)
{
	uid_t r = ID_NONE, f = ID_NONE, s = ID_NONE;

	if (getresuid(&r, &f, &s) < 0 || (r == uid && f == uid && s == uid))
		return 0;
	return err_set(e, ERR_KERNEL, EPERM, "process.user.uid: is %u/%u/%u instead of %u", r, f, s,
		       uid);
}

static int set_gid(gid_t gid, struct err *e)
{
	gid_t r = ID_NONE, f = ID_NONE, s = ID_NONE;

	/* The usual root is root already: asking is cheaper than new credentials. */
	if (gid == 0 && getresgid(&r, &f, &s) == 0 && r == 0 && f == 0 && s == 0)
		return 0;
	if (setresgid(gid, gid, gid) == 0)
		return verify_gid(gid, e);
	if (errno == EINVAL)
		return err_set(e, ERR_INPUT, EINVAL,
			       "process.user.gid: %u: cannot set gid to unmapped group in user "
			       "namespace",
			       gid);
	return err_sys(e, errno, "process.user.gid: set %u", gid);
}

static int set_uid(uid_t uid, struct err *e)
{
	uid_t r = ID_NONE, f = ID_NONE, s = ID_NONE;

	if (uid == 0 && getresuid(&r, &f, &s) == 0 && r == 0 && f == 0 && s == 0)
		return 0;
	if (setresuid(uid, uid, uid) == 0)
		return verify_uid(uid, e);
	if (errno == EINVAL)
		return err_set(e, ERR_INPUT, EINVAL,
			       "process.user.uid: %u: cannot set uid to unmapped user in user "
			       "namespace",
			       uid);
	return err_sys(e, errno, "process.user.uid: set %u", uid);
}

int guard_identity_apply(const struct guard_identity *id, struct err *e)
{
	struct guard_caps caps;
	int r = check_ids(id, e);

	if (r < 0)
		return r;
	guard_caps_plan(id->caps, &caps);
	/* Needs CAP_SETPCAP, which the switch to another user takes away. */
	r = guard_caps_drop_bounding(&caps, e);
	if (r < 0)
		return r;
	/* Leaving uid 0 clears the permitted set, without which nothing becomes inheritable; execve
	 * clears this flag. */
	if (id->uid != 0 && (caps.permitted || caps.inheritable) &&
	    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "process.capabilities: keep over the change of user");
	r = set_groups(id, e);
	if (r == 0)
		r = set_gid(id->gid, e);
	if (r == 0)
		r = set_uid(id->uid, e);
	if (r < 0)
		return r;
	if (id->umask.has)
		(void)umask(id->umask.v & 0777);
	return guard_caps_set(&caps, e);
}

int guard_no_new_privs(struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "process.noNewPrivileges: set");
	return 0;
}
