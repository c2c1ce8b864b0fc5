/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/delegate: hands the container's cgroup to its user, under exactly the conditions of
 * runtime-spec config-linux.md "Cgroup ownership": cgroup v2, a new cgroup namespace, and a
 * writable cgroup mount at /sys/fs/cgroup. Called by create.c once the limits are written (they
 * stay ours).
 */
#include "runtime/life/internal.h"

#include "base/idmap.h"
#include "base/ban.h"

static bool has_option(const struct spec_mount *m, const char *word)
{
	for (size_t i = 0; i < m->options.n; i++)
		if (str_eq(m->options.v[i], word))
			return true;
	return false;
}

/* The last mount at the place decides; "ro" after "rw" is for the mount's author to regret. */
static bool has_writable_mount(const struct spec_config *conf)
{
	bool is_writable = false;

	for (size_t i = 0; i < conf->mounts.n; i++) {
		const struct spec_mount *m = &conf->mounts.v[i];

		if (!str_eq(m->destination, "/sys/fs/cgroup") || !m->type)
			continue;
		/* No options at all: the defaults of a cgroup mount are read-only. */
		is_writable = str_starts(m->type, "cgroup") && m->options.n &&
			      !has_option(m, "ro") && !has_option(m, "rro");
	}
	return is_writable;
}

int life_delegate(const struct spec_config *conf, const struct cg *cg, struct err *e)
{
	AUTO(arena) a = {0};
	struct id_map uids;
	uint32_t uid;

	if (!conf->process || !spec_ns_is_new(conf, SPEC_NS_CGROUP) || !has_writable_mount(conf))
		return 0;
	uid = conf->process->user ? conf->process->user->uid.v : 0;
	uids = spec_id_map(&conf->linux_->uid_mappings, &a);
	/* An id without a host id owns nothing: a joined user namespace has no maps here. */
	if (spec_ns(conf, SPEC_NS_USER) && idmap_to_host(&uids, uid, &uid) < 0)
		return 0;
	return cg_delegate(cg, uid, e);
}
