/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups: the public face of the room. cgroup v2 only (Documentation/admin-guide/cgroup-v2.rst);
 * on hybrid hosts the v2 tree at /sys/fs/cgroup/unified. Every cgroup is held by a directory fd
 * opened once from a verified cgroup2 root (openat2 BENEATH, NO_SYMLINKS, NO_XDEV); nothing is
 * re-walked by string afterwards.
 */
#ifndef STIVA_CGROUPS_CGROUPS_H
#define STIVA_CGROUPS_CGROUPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "cgroups/stats.h"
#include "spec/spec.h"

enum cg_manager {
	CG_CGROUPFS,
	CG_SYSTEMD,  /* a scope or slice of systemd's, of the system or of the user */
	CG_DISABLED, /* no cgroup at all (podman --cgroups=disabled) */
	CG_MANAGER_N
};
extern const struct word_list cg_words_manager; /* cgroupfs, systemd, disabled */

#define CG_PATH_MAX 4096
#define CG_UNIT_MAX 256

struct cg {
	int dir_fd;		/* owned; the container's cgroup, which has the limits */
	int into_fd;		/* owned; the sub-cgroup for its processes, FD_NONE = dir_fd */
	int hold_pidfd;		/* owned; keeps the unit alive until init is inside */
	char path[CG_PATH_MAX]; /* of dir_fd, from the cgroup2 root, "/a/b" */
	unsigned made_levels;	/* directories that cg_make() made, the leaf included */
	uint64_t ino;		/* of dir_fd: its identity */
	char unit[CG_UNIT_MAX]; /* of systemd; "" = none */
	bool is_user_unit;	/* of the user's instance */
};
#define CG_NONE                                                                                    \
	{                                                                                          \
		.dir_fd = FD_NONE, .into_fd = FD_NONE, .hold_pidfd = FD_NONE                       \
	}
void cg_done(struct cg *c); /* closes; removes nothing */
/* Where a process of the container belongs. */
static inline int cg_into(const struct cg *c)
{
	return c->into_fd >= 0 ? c->into_fd : c->dir_fd;
}

/* What a config asks for, as far as it decides the place. Strings are borrowed. */
struct cg_wish {
	const char *cgroups_path; /* linux.cgroupsPath; NULL or "" = the manager's default */
	const char *id;
	const char *subgroup;  /* run.oci.systemd.subgroup: below the unit; "" = none */
	const char *delegated; /* run.oci.delegate-cgroup: below the limits; NULL = none */
	bool is_rootless;
};
/* A container's place in the tree, decided before anything is made. */
struct cg_place {
	enum cg_manager manager;
	char path[CG_PATH_MAX];	 /* of the cgroup with the limits; "" = none */
	char inner[CG_UNIT_MAX]; /* the sub-cgroup of it that holds the processes; "" = itself */
	char unit[CG_UNIT_MAX], slice[CG_UNIT_MAX]; /* of systemd; "" = none */
	bool is_user_unit;
	const char *id; /* borrowed; of the wish, for the unit's description */
};

/* manager.c: one table of managers; nobody else asks which one it is. */

/* Reads the wish of a config. An annotation that cannot be followed is an error (A05, A06). */
int cg_wish_read(const struct spec_config *conf, const char *id, bool is_rootless,
		 struct cg_wish *ret, struct err *e) MUST_CHECK;
/* Decides the place. cgroupfs: cgroupsPath absolute from the cgroup2 root, or relative below the
 * parent of the caller's cgroup, by default a sibling of the caller's cgroup named by id. systemd:
 * slice:prefix:name. Refuses "..", empty components, control bytes, "/" (security.md B66). No side
 * effect. */
int cg_choose(enum cg_manager m, const struct cg_wish *w, struct cg_place *ret,
	      struct err *e) MUST_CHECK;
/* Makes the cgroup, its missing parents, and enables the controllers that the limits need on the
 * way down (a controller bound to v1, or not there: an error naming the property only when a limit
 * asks for it). An existing non-empty or frozen leaf is an error, and so is an existing unit. On
 * failure nothing that it made stays. -EACCES, -EPERM, -EROFS: this user may make none here and no
 * limit was asked for, so that a rootless caller may go on without; with a limit it is -ENOTSUP. */
int cg_make(const struct cg_place *p, const struct spec_config *conf, struct cg *ret,
	    struct err *e) MUST_CHECK;
/* Before init is cloned into it, after cg_apply(), and once init is inside. */
int cg_admit(const struct cg *c, const struct spec_resources *res, struct err *e) MUST_CHECK;
int cg_settle(struct cg *c, const struct spec_resources *res, struct err *e) MUST_CHECK;
/* Opens an existing one. -ENOENT (class ERR_STATE) when it is gone. */
int cg_open(const char *path, struct cg *ret, struct err *e) MUST_CHECK;
/* Sets into_fd to the sub-cgroup that cg_make() made for the processes, if it did. */
int cg_open_inner(struct cg *c, const char *inner, struct err *e) MUST_CHECK;
/* Kills what is left inside, waits until it is empty (cgroup.events, deadline 10 s), removes it
 * with all sub-cgroups bottom-up, then the parents that we made (made_levels - 1 of them) while
 * they are empty; or stops the unit. ino: when not 0, another cgroup under the same name is left
 * alone. A missing cgroup is success. */
int cg_remove(const struct cg_place *p, uint64_t ino, unsigned made_levels,
	      struct err *e) MUST_CHECK;
/* Opens the cgroup that pid is in, when that is c or below it. */
int cg_open_of(const struct cg *c, pid_t pid, int *ret_fd, struct err *e) MUST_CHECK;
/* Moves pid into fd, which is c's or below it (when CLONE_INTO_CGROUP was refused); where this user
 * may not, the manager is asked to. */
int cg_attach(const struct cg *c, int fd, pid_t pid, struct err *e) MUST_CHECK;
/*
 * A live update: what the manager keeps beside the files. CG_BEFORE the files are written: what has
 * to be wide enough for them; CG_AFTER: all. CG_BACK_*: the same around files that are put back, to
 * what was there before CG_BEFORE of the same plan. Nothing for a manager that keeps nothing.
 */
enum cg_when { CG_BEFORE, CG_AFTER, CG_BACK_BEFORE, CG_BACK_AFTER };
int cg_set(const struct cg *c, const struct spec_resources *res, enum cg_when when,
	   struct err *e) MUST_CHECK;

/* tree.c */
/* Chowns directory and delegate files (/sys/kernel/cgroup/delegate) to uid (conformance C13). */
int cg_delegate(const struct cg *c, uid_t uid, struct err *e) MUST_CHECK;
/* Opens a sub-cgroup for exec --cgroup; ".." refused. Return: 0, *ret_fd owned. */
int cg_open_sub(const struct cg *c, const char *sub, int *ret_fd, struct err *e) MUST_CHECK;

/* apply.c: the first write of every limit, in the order of conformance.md section 2; `unified`
 * last. */
int cg_apply(const struct cg *c, const struct spec_resources *res, struct err *e) MUST_CHECK;
/* Limits that must be written only after init is inside (pids.limit 0). */
int cg_apply_late(const struct cg *c, const struct spec_resources *res, struct err *e) MUST_CHECK;

/* update.c: limits changed while the container lives. All or nothing: every value is checked before
 * the first write, limits are loosened before others are tightened, and when one write fails the
 * old values are put back. */
struct cg_update_item;
struct knob_plan;
struct cg_update {
	/* in, borrowed */
	const struct spec_resources *want;  /* what is to change */
	const struct spec_resources *force; /* what is in force: of the config and all updates */
	const struct spec_config *conf;	    /* the container's, for the devices */
	bool is_rootless;
	bool is_resize; /* the usage was seen to (cg_shrink), so checkBeforeUpdate has no word */
	/* owned: what was there before, for cg_update_undo() */
	struct arena arena;
	struct knob_plan *plan;
	struct cg_update_item *items;
	size_t n, *done, n_done;
	bool has_new_devices, is_ready;
};
void cg_update_done(struct cg_update *u);
int cg_update(const struct cg *c, struct cg_update *u, struct err *e) MUST_CHECK;
/* To be called before it, so that an update that is killed can be undone (back.c): checks all, and
 * lists what is about to be written, as lines "FILE TEXT" of what is there now, in the order of the
 * writes; in the arena of u. */
int cg_update_notes(const struct cg *c, struct cg_update *u, struct strvec *ret,
		    struct err *e) MUST_CHECK;
/* back.c: brings back what such notes say, the newest write first, and with conf the device rules
 * of its resources. What cannot be brought back is a warning. */
void cg_back(const struct cg *c, const struct strvec *notes, const struct spec_config *conf,
	     bool is_rootless);
/* Puts back what a successful cg_update() changed, when what follows it failed. What cannot be put
 * back is a warning. */
void cg_update_undo(const struct cg *c, struct cg_update *u);
/* True when a property of u->want other than `unified` is kept in this file. */
bool cg_update_sets(const struct cg_update *u, const char *file);
/* The writes that cg_update() would do, in their order, without one of them. In the arena of u. */
struct cg_write {
	const char *file, *from, *to; /* from NULL: not known */
};
int cg_update_list(const struct cg *c, struct cg_update *u, struct cg_write **ret, size_t *ret_n,
		   struct err *e) MUST_CHECK;

/*
 * shrink.c: takes memory back before a limit is lowered, so that lowering it ends nobody. While it
 * works memory.high stands at what is used now, and at last slightly below the target: a container
 * that grows meanwhile is slowed down and reclaimed from, never killed.
 */
struct cg_shrink_step {
	uint64_t usage, target, swap; /* bytes; swap: of the container, now */
	int64_t left_ms;	      /* to the deadline */
};
struct cg_shrink {
	/* in, borrowed */
	uint64_t target;   /* the memory.max that is to be written */
	int deadline_ms;   /* 0: 30 s */
	int abort_fd;	   /* readable: give up (life_wait_signals); FD_NONE: none */
	const char *swap;  /* the new memory.swap.max, which is written first; NULL: as it is */
	bool is_swap_late; /* it is not: memory.max grows, and that is to be first */
	void (*progress)(void *arg, const struct cg_shrink_step *now); /* NULL: none */
	void *arg;
	/* out */
	uint64_t floor;	 /* the lowest limit that would have fit, when the target does not */
	uint64_t before; /* the usage at first */
	uint64_t lowest; /* the lowest that was seen */
	/* what is put back at the end, by cg_update_shrinks(): the memory.high at rest ("" = as it
	 * is found), the swap limit after a failure */
	char rest[32], old_swap[32];
	bool is_held;
};
/* From what u is to change: s->target, swap, rest, old_swap. All of u is checked. Return: 1 =
 * memory.max is to be lowered, or what is in swap must come back; 0 = neither. */
int cg_update_shrinks(const struct cg *c, struct cg_update *u, struct cg_shrink *s,
		      struct err *e) MUST_CHECK;
/* Takes memory back until the usage is at most s->target. On success memory.high stays lowered
 * until cg_shrink_done(), which is called once memory.max is written. On failure all is put back:
 * EBUSY: it does not fit, s->floor says what would; EINTR: abort_fd; ESRCH: the container ended. */
int cg_shrink(const struct cg *c, struct cg_shrink *s, struct err *e) MUST_CHECK;
/* Puts memory.high back to what it is at rest. Idempotent. */
void cg_shrink_done(const struct cg *c, struct cg_shrink *s);
/* After an update that failed: the swap limit as well. */
void cg_shrink_undo(const struct cg *c, struct cg_shrink *s);
/* Where memory.high is held at last. */
uint64_t cg_shrink_high(uint64_t target);

/* limits.c: the limits in force, as the kernel has them. */
struct cg_limits {
	bool has_cpu, has_memory, has_swap, has_pids, has_io;
	int64_t quota; /* -1: none */
	uint64_t period;
	uint64_t weight;			/* 0: not known */
	uint64_t memory, high, low, swap, pids; /* CG_UNLIMITED: none */
	const char *cpus, *mems;		/* as they were set; NULL: no controller */
	const char *io;				/* lines of io.max, "" = none */
};
void cg_limits_read(const struct cg *c, struct arena *a, struct cg_limits *ret);
/* The lowest memory limit that seems to fit: what is used, less what the kernel could take back. */
uint64_t cg_limits_floor(const struct cg *c);
/* What the host has. 0: not known. */
struct cg_host {
	uint64_t memory, swap, swap_free; /* bytes */
	uint64_t cpus;			  /* online */
	char online[256];		  /* their list */
};
void cg_limits_host(struct cg_host *ret);

/* devprog.c, bpf.c: attaches the device filter: the rules and the default devices; without rules an
 * allow for each of linux.devices. Where BPF is not permitted (rootless): a debug line, and
 * success. */
int cg_devices_apply(const struct cg *c, const struct spec_config *conf, bool is_rootless,
		     struct err *e) MUST_CHECK;

/* procs.c */
int cg_freeze(const struct cg *c, bool on, int timeout_ms,
	      struct err *e) MUST_CHECK; /* by cgroup.events */
int cg_is_frozen(const struct cg *c);	 /* 1, 0, -errno */
/* SIGKILL to everything: cgroup.kill, or freeze, walk, signal, thaw where it is missing. */
int cg_kill(const struct cg *c, struct err *e) MUST_CHECK;
/* Another signal to every process of the subtree (freeze, walk, pidfd signal, thaw). */
int cg_signal(const struct cg *c, int sig, struct err *e) MUST_CHECK;
int cg_wait_empty(const struct cg *c, int timeout_ms, struct err *e) MUST_CHECK;
/* Pids of the whole subtree, in the caller's pid namespace, malloc'ed, ascending. */
int cg_pids(const struct cg *c, pid_t **ret_pids, size_t *ret_n, struct err *e) MUST_CHECK;
/* Moves pid into the cgroup dir_fd (when CLONE_INTO_CGROUP was refused). */
int cg_join(int dir_fd, pid_t pid, struct err *e) MUST_CHECK;

/* ---- rdt.c: Intel RDT (linux.intelRdt): the container's group in resctrl, a file system of groups
 * with tasks and limits, as cgroups are ---- */
struct cg_rdt {
	/* borrowed */
	const char *group; /* its directory's name; "/" is the root group; NULL: none */
	const char *id;	   /* the container's: the name of its monitoring group */
	bool is_own;	   /* the group bears the container's id, and goes with it */
	bool is_monitored;
	bool has_made, has_monitor; /* set by cg_rdt_make(): what a failing create takes back */
};
/* Which group it is to be, and what can be refused before anything is made: no resctrl mounted
 * (L14), a group of another content (L10), one that has to be there and is not (L09). */
int cg_rdt_plan(const struct spec_intel_rdt *rdt, const char *id, struct cg_rdt *ret,
		struct err *e) MUST_CHECK;
/* Makes the group and its monitoring group where they are missing, writes the schemata of a group
 * that it made. */
int cg_rdt_make(struct cg_rdt *r, const struct spec_intel_rdt *rdt, struct err *e) MUST_CHECK;
/* Puts a process, whose children follow it, into the group and its monitoring group. */
int cg_rdt_join(const struct cg_rdt *r, pid_t pid, struct err *e) MUST_CHECK;
/* Removes the monitoring group, and the group when it is the container's own (L13); with `made`
 * only what cg_rdt_make() made. Missing is success. */
int cg_rdt_remove(const struct cg_rdt *r, bool made, struct err *e) MUST_CHECK;
/* For `update`: writes these lines (NULL: none) into the group of a running container. r NULL or
 * without a group: the container has none, which is an error (U108). */
int cg_rdt_update(const struct cg_rdt *r, const char *l3_cache_schema, const char *mem_bw_schema,
		  struct err *e) MUST_CHECK;

/* ---- psi.c: pressure triggers: POLLPRI on the fd says that tasks stalled for so long within a
 * window (at most once a window), POLLERR that the cgroup is gone ---- */
enum cg_psi_file { CG_PSI_CPU, CG_PSI_IO, CG_PSI_MEMORY, CG_PSI_FILE_N };
struct cg_psi_trigger {
	enum cg_psi_file file;
	bool is_full;	      /* all tasks stalled, not some */
	uint32_t stall_usec;  /* at least */
	uint32_t window_usec; /* 500 ms to 10 s */
};
const char *cg_psi_name(enum cg_psi_file f); /* "memory.pressure" */
/* Makes the window what the kernel takes of an unprivileged caller, the stall in proportion. False
 * when it is that already. */
bool cg_psi_widen(struct cg_psi_trigger *t);
/* Arms a trigger, which lives as long as the fd (owned by the caller). Where this caller may have
 * it only wider, *t says so then. Class ERR_MISSING: the kernel counts no pressure, or this user
 * may not wait for it. */
int cg_psi_arm(const struct cg *c, struct cg_psi_trigger *t, int *ret_fd, struct err *e) MUST_CHECK;

/* stats.c: what the cgroup uses now; strings and lists in the arena. ENOENT: it is gone. */
int cg_stats_read(const struct cg *c, struct arena *a, struct cg_stats *ret,
		  struct err *e) MUST_CHECK;

/* read.c: one value of the container's cgroup for error texts (memory.events oom_kill). */
int cg_read_u64(const struct cg *c, const char *file, const char *key, uint64_t *ret);

#endif
