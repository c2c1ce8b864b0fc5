/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/init: the child side. The parent fills a job before the fork; the child inherits it with
 * the address space and runs init_steps[] (steps.c) for a new container, or exec_steps[] for a
 * process that joins one. Neither ever returns: the child ends in execve or in FAIL + _exit.
 */
#ifndef STIVA_INIT_INIT_H
#define STIVA_INIT_INIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include "base/auto.h"
#include "base/err.h"
#include "runtime/guard/guard.h"
#include "runtime/init/proto.h"
#include "runtime/rootfs/rootfs.h"
#include "spec/spec.h"

/* Which namespaces the child makes and which it joins. */
struct init_ns {
	uint64_t clone_flags; /* new ones made by the clone itself (never cgroup or time) */
	bool new_cgroup;      /* unshared by the child once it sits in its cgroup */
	bool new_time;	      /* unshared by the parent or S, so that I is born in it */
	bool new_user;
	int join_fd[SPEC_NS_N]; /* FD_NONE, or an open namespace; owned by the job's owner */
	int join_pidfd;		/* exec: all namespaces of this process at once */
	int join_flags;		/* exec: CLONE_NEW* for join_pidfd */
	int join_root_fd;	/* exec into a --no-pivot container: chroot there; else FD_NONE */
};

struct init_job {
	/* set by the parent before the fork; all borrowed */
	const struct spec_config *conf;
	const struct spec_process
		*process; /* NULL: created without one; the gate then never opens */
	const char *id;
	struct root_plan *root; /* NULL for exec */
	const struct spec_state
		*state; /* what hooks get; pid and status are filled in as they run */
	struct guard_filter filter;
	struct init_ns ns;
	int sock_fd;	/* to P */
	int gate_fd;	/* create: listening socket; FD_NONE: RUN comes over sock_fd (run, exec) */
	int console_fd; /* P's end of nothing: the slave, once opened by the child */
	int hook_out_fd, hook_err_fd; /* where the child's hooks write (A08), or FD_NONE */
	struct winsize
		size;	 /* the caller's terminal, unless process.consoleSize says; 0 = unknown */
	bool is_relayed; /* the console's other end is P's, which copies it to its stdout */
	unsigned preserve_fds;
	unsigned listen_fds; /* LISTEN_FDS of the caller, passed from fd 3 on; part of preserve_fds
			      */
	const char *notify_socket; /* value for NOTIFY_SOCKET in the container, or NULL */
	bool wants_go;		   /* the host side acts between NAMESPACED and GO */
	bool wants_keyring;
	bool has_oom_score; /* P writes process.oomScoreAdj; else we do */
	/* set by the child as it goes */
	bool setgroups_denied; /* told by MAPPED */
	int proc_fd;	       /* private procfs, opened when a step first needs it */
	bool needs_late_chdir; /* cwd was not reachable before the user switch */
	char *program;	       /* resolved path of args[0], in env_arena */
	char **env;
	struct arena env_arena;
};

/* Sets every fd of a zeroed job to FD_NONE. */
void init_job_reset(struct init_job *job);

/* Runs the child of a new container. */
_Noreturn void init_main(struct init_job *job);
/* Runs the child of an exec. */
_Noreturn void init_exec_main(struct init_job *job);
/* Run the child of `mounts add` and of `mounts remove`, which is never a process of the container.
 */
_Noreturn void init_mounts_add_main(struct init_job *job);
_Noreturn void init_mounts_remove_main(struct init_job *job);
/*
 * The stage S: enters or makes the user namespace, the pid and time namespaces, then clones I as a
 * sibling (CLONE_PARENT) and ends. entry is init_main or init_exec_main.
 */
_Noreturn void init_stage_main(struct init_job *job, void (*entry)(struct init_job *));

/* The state object of a job as one JSON line, with this status (hooks' stdin). */
void init_hook_state(const struct init_job *job, enum spec_status status, struct buf *out);

/* Writes time offsets of the config for the children of the caller (/proc/self/timens_offsets). */
int init_time_offsets(const struct spec_config *conf, struct err *e) MUST_CHECK;

/* What hooks of one kind get; all borrowed. */
struct init_hooks_env {
	const char *state; /* stdin: one JSON document */
	const char *cwd;   /* NULL: as is */
	char *const *env;  /* for hooks without `env`; NULL: the runtime's own (H06) */
	int out_fd; /* stdout and stderr of init_hooks_open(); FD_NONE: captured for errors */
	int err_fd;
};
/*
 * Runs the hooks of one kind, in order (conformance H01-H11). The first failure stops and is told
 * with the hook's kind, index and last line of output.
 */
int init_hooks_run(const struct spec_config *conf, enum spec_hook_kind kind,
		   const struct init_hooks_env *with, struct err *e) MUST_CHECK;
/* Opens the files that the annotations run.oci.hooks.stdout and .stderr name, to append (A08);
 * FD_NONE where there is none. Both are the caller's. */
int init_hooks_open(const struct spec_config *conf, int *ret_out_fd, int *ret_err_fd,
		    struct err *e) MUST_CHECK;

/* Names of the child's steps, one "init.NAME" a line, for STIVA_FAULT. */
void init_steps_print(struct buf *out);

#endif
