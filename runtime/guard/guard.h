/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard: what confines the process: capabilities (the only user of libcap), seccomp (the
 * only user of libseccomp), LSM labels, rlimits and scheduling, sysctls, the session keyring.
 * Called by runtime/init in the child; guard_seccomp_prepare() by the parent before the fork.
 */
#ifndef STIVA_GUARD_GUARD_H
#define STIVA_GUARD_GUARD_H

#include <linux/filter.h>
#include <stdbool.h>
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "spec/spec.h"

/* ---- seccomp ---- */
struct guard_filter {
	struct sock_filter *insns; /* in the arena */
	unsigned short n;	   /* 0 = no filter */
	unsigned flags;		   /* SECCOMP_FILTER_FLAG_* */
	bool wants_listener;
};
/*
 * Compiles the profile (conformance S01-S13), or takes it from the cache in cache_dir_fd (FD_NONE =
 * no cache). The cache file holds the profile's whole canonical form, compared in full on load, so
 * a colliding or tampered name can never give another profile's filter; written by atomic replace,
 * 0600. A broken cache file is ignored and rewritten. SCMP_ACT_NOTIFY without listener_path is an
 * error: who takes the path from an annotation puts it into a copy of the model.
 */
int guard_seccomp_prepare(const struct spec_seccomp *s, int cache_dir_fd, struct arena *a,
			  struct guard_filter *ret, struct err *e) MUST_CHECK;
/*
 * The program of the annotation run.oci.seccomp_bpf_data (base64 of struct sock_filter), as it is:
 * the kernel alone judges what it does. s gives the flags; NULL = no profile. It cannot notify.
 */
int guard_seccomp_raw(const char *text, const struct spec_seccomp *s, struct arena *a,
		      struct guard_filter *ret, struct err *e) MUST_CHECK;
/* Loads it into the calling process. *ret_listener_fd: the notify fd (owned), or FD_NONE. */
int guard_seccomp_load(const struct guard_filter *f, int *ret_listener_fd,
		       struct err *e) MUST_CHECK;
/* For features: the version of libseccomp ("2.5.4") and the flags that this kernel takes. */
const char *guard_seccomp_version(void);
const char *const *guard_seccomp_kernel_flags(void);
/* The annotation run.oci.seccomp_fail_unknown_syscall: an error for the first system call name that
 * libseccomp does not know (otherwise they are skipped). */
int guard_seccomp_check_names(const struct spec_seccomp *s, struct err *e) MUST_CHECK;

/* ---- identity: bounding set, groups, gid, uid, umask, capabilities, ambient ---- */
struct guard_identity {
	uint32_t uid, gid;
	struct u32vec groups;
	struct opt_u32 umask;
	const struct spec_capabilities *caps; /* NULL = all sets empty */
	bool keep_groups;		      /* run.oci.keep_original_groups */
	bool setgroups_denied;		      /* the user namespace forbids setgroups */
};
/* Drops from root to the identity, in the order that keeps what is still needed; verifies with
 * getres*id and capget afterwards. After this the process has exactly the asked sets. Unknown or
 * ungrantable capabilities are warnings (P10). */
int guard_identity_apply(const struct guard_identity *id, struct err *e) MUST_CHECK;
int guard_no_new_privs(struct err *e) MUST_CHECK;

/* ---- limits.c: rlimits, oom_score_adj (through proc_fd, a private procfs root or FD_NONE for
 * /proc), scheduler, nice, ioprio, affinity, memory policy, personality ---- */
int guard_limits_apply(const struct spec_process *p, int proc_fd, struct err *e) MUST_CHECK;
/* Of these the two that a parent may have to set for its child `pid` (0 = the caller itself), since
 * a user namespace may not raise them; p may be NULL (P12, P13). */
int guard_oom_apply(const struct spec_process *p, pid_t pid, int proc_fd, struct err *e) MUST_CHECK;
int guard_rlimits_apply(const struct spec_process *p, pid_t pid, struct err *e) MUST_CHECK;
int guard_personality(const struct spec_personality *p, struct err *e) MUST_CHECK;
/* A cpu list ("0-3,7"); NULL gives back all cpus that the cpuset allows (an inherited affinity
 * goes). For exec's execCPUAffinity; `what` starts the error: "process.execCPUAffinity.initial"
 * (P18). */
int guard_affinity_apply(const char *cpus, const char *what, struct err *e) MUST_CHECK;
int guard_memory_policy(const struct spec_memory_policy *m, struct err *e) MUST_CHECK;

/* ---- sysctl.c: check (namespaced only, L01, L02, N12), and the writes through proc_fd ----
 * The check must run before a namespace is joined: it compares joined ones with the caller's, which
 * are the host's. */
int guard_sysctl_check(const struct spec_config *conf, struct err *e) MUST_CHECK;
int guard_sysctl_apply(const struct spec_config *conf, int proc_fd, struct err *e) MUST_CHECK;

/* ---- lsm.c: AppArmor exec attribute, SELinux exec label; a label on a host without that LSM is an
 * error (P14, P15) ---- */
int guard_lsm_apply(const char *apparmor_profile, const char *selinux_label, int proc_fd,
		    struct err *e) MUST_CHECK;

/* ---- keyring.c: a fresh session keyring named "_ses.ID" ---- */
int guard_keyring_new(const char *id, const char *label, struct err *e) MUST_CHECK;

/* A private procfs of the caller's pid namespace, detached (fsopen, hidepid=ptraceable when it can
 * be); falls back to a clone of /proc, verified (security.md P4). Owned by the caller. */
int guard_proc_open(int *ret_proc_fd, struct err *e) MUST_CHECK;

#endif
