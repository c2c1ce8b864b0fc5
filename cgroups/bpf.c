// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/bpf: loads the device filter and attaches it to a cgroup. Owns the bpf(2) calls; it must
 * not know what the rules mean. Called by runtime/life before init runs, and by update.c.
 */
#include <string.h>
#include "base/log.h"
#include "base/sys.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define VERIFIER_LOG 4096
#define PROGS_MAX    64 /* the kernel's own limit for one cgroup */

static const char own_name[BPF_OBJ_NAME_LEN] = "stiva_devices";

static int load(const struct bpf_insn *insns, size_t n, char *log, size_t n_log)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.expected_attach_type = BPF_CGROUP_DEVICE;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uintptr_t) "Apache-2.0"; /* no helper is called that wants another */
	memcpy(attr.prog_name, own_name, sizeof(own_name));
	if (n_log) {
		attr.log_buf = (uintptr_t)log;
		attr.log_size = (uint32_t)n_log;
		attr.log_level = 1;
	}
	return sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* old_fd: the program to take the place of, FD_NONE = none. */
static int attach(int cgroup_fd, int prog_fd, int old_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)prog_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	/* Multi: a container may add filters of its own below, and a live update can replace ours
	 * without a moment in which there is none. */
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old_fd;
	}
	return sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
}

/* The verifier's last words, at debug level: they mean something to us only. */
static void log_verifier(const struct bpf_insn *insns, size_t n)
{
	char log[VERIFIER_LOG] = "";
	AUTO_FD fd = load(insns, n, log, sizeof(log));

	if (fd < 0)
		log_debug("device filter: verifier: %.1000s", log);
}

int cg_devices_apply(const struct cg *c, const struct spec_config *conf, bool is_rootless,
		     struct err *e)
{
	AUTO(arena) a = {0};
	struct cg_dev_rules rules;
	size_t n;

	int r = cg_devprog_rules(conf, &a, &rules, e);
	if (r < 0)
		return r;
	if (cg_devprog_allows_all(&rules))
		return 0;
	const struct bpf_insn *insns = cg_devprog_build(&rules, &a, &n);
	AUTO_FD prog_fd = load(insns, n, NULL, 0);
	r = prog_fd < 0 ? prog_fd : attach(c->dir_fd, prog_fd, FD_NONE);
	if (r >= 0)
		return 0;
	if ((r == -EPERM || r == -EACCES) && is_rootless) {
		/* A user without privileges cannot make device nodes, so there is none to open. */
		log_debug("device filter: not permitted without privileges, left out");
		return 0;
	}
	if (r == -EINVAL && prog_fd < 0)
		log_verifier(insns, n);
	return err_sys(e, r, "%s the device filter (%zu instructions) %s cgroup \"%s\"",
		       prog_fd < 0 ? "load" : "attach", n, prog_fd < 0 ? "of" : "to", c->path);
}

/* ---- a living container's ---- */

static int detach(int cgroup_fd, int prog_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)prog_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return sys_bpf(BPF_PROG_DETACH, &attr, sizeof(attr));
}

/* Return: 1, 0 = another one's, -errno. */
static int is_ours(int prog_fd)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)prog_fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	int r = sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));

	return r < 0 ? r : memcmp(info.name, own_name, sizeof(own_name)) == 0;
}

/* Our filter on this very cgroup, among those that others attached. Return: 1, 0 = none, -errno. */
static int find_own(int cgroup_fd, int *ret_fd)
{
	uint32_t ids[PROGS_MAX] = {0};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = PROGS_MAX;
	int r = sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr));
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < attr.query.prog_cnt && i < PROGS_MAX; i++) {
		union bpf_attr get;
		memset(&get, 0, sizeof(get));
		get.prog_id = ids[i];
		AUTO_FD fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &get, sizeof(get));
		/* Detached and gone since. Else we cannot know: a second filter beside our own
		 * would look like a new one, and allow nothing that the old one denies. */
		if (fd == -ENOENT)
			continue;
		r = fd < 0 ? fd : is_ours(fd);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		*ret_fd = fd_take(&fd);
		return 1;
	}
	return 0;
}

/* *ret: the program of `now`, *ret_n 0: it needs none. Return: 1 when it is the same as that of
 * `before`, 0, or a story error. */
static int build_both(const struct spec_config *conf_before, const struct spec_config *conf_now,
		      struct arena *arena, struct bpf_insn **ret, size_t *ret_n, struct err *e)
{
	struct cg_dev_rules before, now;
	size_t n = 0;

	*ret_n = 0;
	int r = cg_devprog_rules(conf_now, arena, &now, e);
	if (r == 0 && conf_before)
		r = cg_devprog_rules(conf_before, arena, &before, e);
	if (r < 0)
		return r;
	*ret = cg_devprog_allows_all(&now) ? NULL : cg_devprog_build(&now, arena, ret_n);
	if (!conf_before)
		return 0;
	const struct bpf_insn *old =
		cg_devprog_allows_all(&before) ? NULL : cg_devprog_build(&before, arena, &n);
	if (!old || !*ret)
		return !old && !*ret;
	return n == *ret_n && memcmp(old, *ret, n * sizeof(*old)) == 0;
}

int cg_devices_replace(const struct cg *c, const struct spec_config *before,
		       const struct spec_config *now, bool is_rootless, struct err *e)
{
	AUTO(arena) a = {0};
	AUTO_FD old_fd = FD_NONE;
	AUTO_FD prog_fd = FD_NONE;
	struct bpf_insn *insns = NULL;
	size_t n;

	int r = build_both(before, now, &a, &insns, &n, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = find_own(c->dir_fd, &old_fd);
	if (r >= 0 && n) {
		prog_fd = load(insns, n, NULL, 0);
		r = prog_fd < 0 ? prog_fd : attach(c->dir_fd, prog_fd, old_fd);
	} else if (r > 0) {
		r = detach(c->dir_fd, old_fd);
	}
	if ((r == -EPERM || r == -EACCES) && is_rootless) {
		log_debug("device filter: not permitted without privileges, left as it is");
		return 0;
	}
	return r < 0 ? err_sys(e, r, "replace the device filter of cgroup \"%s\"", c->path) : 0;
}
