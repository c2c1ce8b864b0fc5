// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/bpf: loads the device filter and attaches it to a cgroup. Owns the bpf(2) calls; it must
 * not know what the rules mean. Called by runtime/life before init runs.
 */
#include <string.h>
#include "base/log.h"
#include "base/sys.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define VERIFIER_LOG 4096

static int load(const struct bpf_insn *insns, size_t n, char *log, size_t n_log)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.expected_attach_type = BPF_CGROUP_DEVICE;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uintptr_t) "Apache-2.0"; /* no helper is called that wants another */
	memcpy(attr.prog_name, "stiva_devices", sizeof("stiva_devices"));
	if (n_log) {
		attr.log_buf = (uintptr_t)log;
		attr.log_size = (uint32_t)n_log;
		attr.log_level = 1;
	}
	return sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int attach(int cgroup_fd, int prog_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)prog_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	/* Multi: a container may add filters of its own below, and a live update can replace ours
	 * without a moment in which there is none. */
	attr.attach_flags = BPF_F_ALLOW_MULTI;
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
	r = prog_fd < 0 ? prog_fd : attach(c->dir_fd, prog_fd);
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
