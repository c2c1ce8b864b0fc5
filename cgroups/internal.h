/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/internal: what the files of the room share with one another and with their unit tests. No
 * other room includes it.
 */
#ifndef STIVA_CGROUPS_INTERNAL_H
#define STIVA_CGROUPS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>
#include "base/err.h"
#include "base/mem.h"
#include "cgroups/cgroups.h"
#include "spec/spec.h"

/* ---- where.c ---- */
/* The cgroup2 root: its directory fd (O_PATH, never closed), opened and verified once. Story. */
int cg_where_root(struct err *e) MUST_CHECK;
/* Its place for error texts ("/sys/fs/cgroup"). */
const char *cg_where_root_name(void);
/* True on a hybrid host, where the tree is at /sys/fs/cgroup/unified. */
bool cg_where_is_hybrid(void);
/* Takes fd, any directory, as the root from now on (-1: forget it). For unit tests only. */
void cg_where_root_for_test(int fd);
/* The grammar of a cgroup path (security.md B66). `what` starts the error. Story. */
int cg_where_check(const char *path, const char *what, struct err *e) MUST_CHECK;
/* The line "0::PATH" of a /proc/PID/cgroup text, without " (deleted)". "/" where the text has none,
 * or one outside of the caller's cgroup namespace ("/../x"). ret: CG_PATH_MAX bytes. */
int cg_where_parse_self(const char *text, char *ret);
/* cg_choose() of the cgroupfs manager. Story. */
int cg_where_choose(const struct cg_wish *w, struct cg_place *ret, struct err *e) MUST_CHECK;
/* The same with the directory for relative paths given. */
int cg_where_join(const char *cgroups_path, const char *id, const char *parent, char *ret,
		  struct err *e) MUST_CHECK;

/* ---- walk.c ---- */
struct cg_visitor {
	/* Called for each directory before its children, the top included; NULL = nothing. */
	int (*enter)(int dir_fd, void *arg);
	/* Called for each but the top after its children; NULL = nothing. */
	int (*leave)(int parent_fd, const char *name, void *arg);
};
/* Visits a whole subtree with two open directories however deep it is (a container may have made a
 * deep one). A negative return of a callback ends the walk and is returned. Leaf. */
int cg_walk(int top_fd, const struct cg_visitor *v, void *arg);

/* ---- tree.c ---- */
/* cg_make() and cg_remove() of the cgroupfs manager. Story. */
int cg_tree_make(const char *path, const struct spec_resources *res, struct cg *ret,
		 struct err *e) MUST_CHECK;
int cg_tree_remove(const char *path, uint64_t ino, unsigned made_levels, struct err *e) MUST_CHECK;
/* The path of a directory fd from the cgroup2 root: "/a/b". Leaf. */
int cg_tree_path(int fd, char *ret, size_t size);
/* Opens rel (no leading slash) below dir_fd as a directory, O_PATH: nothing on the way may be a
 * symbolic link or another mount. Leaf. */
int cg_tree_open(int dir_fd, const char *rel);
/* A cgroup that was there before us must be empty and running (C02). */
int cg_tree_check(int dir_fd, const char *path, struct err *e) MUST_CHECK;

/* ---- enable.c ---- */
struct knob_needs;
/*
 * Enables in this cgroup what `needs` and the usual set want for its children. Return: 0 when all
 * needed ones are enabled, 1 when one is not available here (an ancestor has to give it), or a
 * story error when the kernel refuses one that is needed.
 */
int cg_enable(int dir_fd, const char *path, const struct knob_needs *needs,
	      struct err *e) MUST_CHECK;
/* The error for a needed controller that dir_fd's parent does not give. Story. */
int cg_enable_missing(int dir_fd, const char *path, const struct knob_needs *needs, struct err *e);
/* True when one of the controllers of a /proc/PID/cgroup text's v1 lines is `ctrl`. */
bool cg_enable_is_v1(const char *proc_cgroup, const char *ctrl);

/* True when the space-separated list has this word. */
bool cg_enable_list_has(const char *list, const char *name);

/* ---- evacuate.c ---- */
/* At the top of a tree that was delegated to us: moves its processes into a child. -EBUSY: it is no
 * such top, or somebody stays. Leaf. */
int cg_evacuate(int dir_fd, const char *path);

/* ---- manager.c ---- */
struct knob_plan;
/* cg_set() of a plan. CG_BEFORE notes in it what the manager has, for CG_BACK_*.
 * Story. */
int cg_set_plan(const struct cg *c, struct knob_plan *p, enum cg_when when,
		struct err *e) MUST_CHECK;

/* The device rules of a living container's unit. With `before` what is as wide as both, which is
 * asked for before our own filter is replaced; without, those of `now` alone. Story. */
int cg_set_devices(const struct cg *c, const struct spec_config *before,
		   const struct spec_config *now, struct err *e) MUST_CHECK;

/* ---- before.c ---- */
/* True for files with a line per device. */
bool cg_before_is_keyed(const char *file);
/* What to write into the file to undo a write of `text`, in the arena; NULL: not known. Return: 0,
 * -ENOENT = no such file. Leaf. */
int cg_before_read(int dir_fd, const char *file, const char *text, struct arena *a,
		   const char **ret) MUST_CHECK;
/* `text`; for "\n", an empty list of CPUs or nodes, all that the cgroup above has: the kernel takes
 * no empty one where tasks are (ENOSPC), and it comes to the same. */
const char *cg_before_full_list(int dir_fd, const char *file, const char *text, struct arena *a);
/* "max" is the largest number. Leaf. */
int cg_before_limit(const char *s, uint64_t *ret);
/* 1: now is looser than before; -1: tighter; 0: neither, or not to be compared. */
int cg_before_compare(const char *file, const char *now, const char *before);

/* ---- apply.c ---- */
struct knob_write;
/* Writes one row of a plan, or what stands for it. Leaf. */
int cg_apply_write(const struct cg *c, const struct knob_write *w);
/* The error of a write that failed with -errno r. Return: -e->code. */
int cg_apply_refused(const struct cg *c, const struct knob_write *w, int r, struct err *e);
/* An error when none of the CPUs, or nodes, that res names is usable (V09). Story. */
int cg_apply_check_lists(const struct cg *c, const struct spec_resources *res,
			 struct err *e) MUST_CHECK;

/* ---- bpf.c ---- */
/*
 * Puts the device filter of `now` in place of that of `before`, without a moment in which there is
 * none or half of one. The same filter: nothing is done, so that what others attached stays.
 * `before` NULL: it is not known which one is there. Story.
 */
int cg_devices_replace(const struct cg *c, const struct spec_config *before,
		       const struct spec_config *now, bool is_rootless, struct err *e) MUST_CHECK;

/* ---- procs.c ---- */
/*
 * Waits until `key` of cgroup.events is `want`. -ETIMEDOUT, -ENOENT or -ENODEV when the cgroup is
 * gone. timeout_ms -1: no limit. Leaf.
 */
int cg_procs_event(int dir_fd, const char *key, unsigned want, int timeout_ms);
/* Sets e to "cgroup "/x": 2 processes <what>: pid 7 (state D, in do_wait), ...". Return:
 * -ETIMEDOUT. */
int cg_procs_survivors(const struct cg *c, const char *what, struct err *e);

/* ---- rdt.c ---- */
/* Takes fd, any directory, as the root of resctrl from now on (-1: forget it): files that the
 * kernel would have made are then made, and written to at their ends. For unit tests only. */
void cg_rdt_root_for_test(int fd);
/* The mount point of the first resctrl in a mountinfo text, unescaped. Return: 0, -ENOENT. */
int cg_rdt_find_mount(const char *mountinfo, char *ret, size_t size);
/* Compares one line ("L3:0=7f0;1=1f") with a schemata file's text: each domain that the line names
 * must have that value. Return: 0, -EINVAL = differs, -ENOENT = no such resource or domain. */
int cg_rdt_compare(const char *line, size_t n, const char *text);

/* ---- room.c ---- */
/*
 * A write of memory.max below the usage reclaims, and kills when a few tries in a row bring
 * nothing, as with a slow swap. So what comes by memory.reclaim (Linux 5.19), which never kills, is
 * taken before. The rest is left to the write. At most 10 s.
 */
void cg_room_make(const struct cg *c, uint64_t limit);

/* ---- limits.c ---- */
/* The quota (-1 = none) and the period in force; without the file the kernel's defaults. Leaf. */
int cg_limits_cpu_max(const struct cg *c, int64_t *ret_quota, uint64_t *ret_period);
/* The swap that this cgroup may still use, by its own limits, those above, and the host's swap. */
uint64_t cg_limits_swap_left(const struct cg *c);
/* What the memory of a cgroup is, in bytes. */
struct cg_parts {
	uint64_t usage;
	uint64_t anon, file, slab; /* that the kernel could take back: anon needs swap */
	uint64_t locked;	   /* that it cannot */
	uint64_t writes;	   /* of file: still to be written to a disk */
	uint64_t swap_left;
};
void cg_limits_parts(const struct cg *c, struct cg_parts *ret);

/* ---- read.c ---- */
/* The number after `key` in lines of "key number", or, without a key, of the first line; "max" is
 * UINT64_MAX. Return: 0, -ENOENT = no such key, -EINVAL, -ERANGE. */
int cg_read_key(const char *text, const char *key, uint64_t *ret);

/* ---- convert.c: pure ---- */
/* cpu.shares (2..262144) to cpu.weight (1..10000); 0 stays 0 = unset. */
unsigned cg_convert_shares(uint64_t shares);
/* blockIO.weight (10..1000) to io.weight (1..10000). */
unsigned cg_convert_blkio_weight(unsigned weight);
/* memory.limit and memory.swap (both together) to memory.swap.max. Return: 0 = nothing to write,
 * 1 = *ret is to be written (-1 = max), -EINVAL = swap without a limit, -ERANGE = swap < limit. */
int cg_convert_swap(const struct spec_memory *m, int64_t *ret);
/* True for the grammar ^[1-9][0-9]*[KMG]B$. */
bool cg_convert_is_page_size(const char *s);

/* ---- devprog.c: pure ---- */
#define CG_DEV_ANY (-1)
struct cg_dev_rule {
	bool allow;
	char type;	      /* 'a', 'b', 'c' */
	unsigned access;      /* BPF_DEVCG_ACC_* bits */
	int64_t major, minor; /* CG_DEV_ANY = all */
};
struct cg_dev_rules {
	struct cg_dev_rule *v; /* in the arena */
	size_t n;
};
/* The config's rules, then the default devices; linux.devices only when there are no rules. Story.
 */
int cg_devprog_rules(const struct spec_config *conf, struct arena *a, struct cg_dev_rules *ret,
		     struct err *e) MUST_CHECK;
/* True when these rules allow every access, so that no program is needed. */
bool cg_devprog_allows_all(const struct cg_dev_rules *rules);
/* The program, of *ret_n instructions, in the arena. */
struct bpf_insn *cg_devprog_build(const struct cg_dev_rules *rules, struct arena *a, size_t *ret_n);

#endif
