/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/plan: the room's private face: the plan as plain data and the calls between its
 * files. Nobody outside runtime/rootfs/ includes this (tests of the room excepted).
 */
#ifndef STIVA_ROOTFS_PLAN_H
#define STIVA_ROOTFS_PLAN_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "base/sys.h"
#include "runtime/rootfs/rootfs.h"

/* What is mounted; each has one maker. */
enum root_kind {
	ROOT_BIND, /* bind.c */
	ROOT_PROC, /* special.c, and all below */
	ROOT_SYSFS,
	ROOT_TMPFS,
	ROOT_DEVPTS,
	ROOT_MQUEUE,
	ROOT_CGROUP,
	ROOT_FS,      /* any other type */
	ROOT_REMOUNT, /* attributes of a mount that is already there */
	ROOT_KIND_N
};

/* MOUNT_ATTR_* bits to set and to clear; the atime field is in clr as a whole when it is touched.
 */
struct root_attr {
	uint64_t set, clr;
};

/* One option for the file system. value NULL: a bare word. */
struct root_data {
	const char *key, *value;
};

#define ROOT_PROP_MAX 4
#define ROOT_NO_INDEX ((size_t)-1)

struct root_mount {
	int tree_fd;  /* owned: detached tree opened by the parent, or a tmpfs that turns ro at seal
		       */
	size_t index; /* in config.mounts; ROOT_NO_INDEX: one of ours */
	enum root_kind kind;
	const char *type;	      /* as in the config, "bind" for binds; never NULL */
	const char *source;	      /* as in the config; never NULL ("none") */
	const char *host_path;	      /* binds: absolute source */
	const char *dest;	      /* clean, absolute */
	struct strvec options;	      /* as in the config, for print */
	struct root_attr top, rec;    /* of the mount; of the whole tree (r forms) */
	uint64_t implied_clr;	      /* binds: flags of the source that the options do not name */
	uint64_t sb;		      /* MS_* of the superblock */
	uint64_t prop[ROOT_PROP_MAX]; /* MS_*, MS_REC in addition for the r forms; applied in order
				       */
	size_t n_prop;
	struct root_data *data;
	size_t n_data;
	bool is_rec;   /* rbind */
	bool has_mode; /* data names mode= */
	bool is_copy_up;
	bool is_src_nofollow, is_dest_nofollow, is_copy_symlink;
	bool is_optional; /* skipped when its target cannot be made */
	bool is_ro_late;  /* tmpfs: read-only only at seal, things are still made in it */
	uint64_t id;	  /* of the mount, as the kernel names it; 0 = never asked */
	bool is_wanted;	  /* the parent opens it when the child asks: too many to hand down */
	bool is_view;	  /* of lxcfs, and which file: view.c */
	size_t view_index;
	bool is_kept; /* a tmpfs that a later remount gives other options: tree_fd stays */
	const struct root_mount *remount_of; /* that tmpfs, or NULL */
	bool is_idmap, is_idmap_rec;
	/* live.c only */
	int target_fd;	  /* owned: what it covers, FD_NONE before */
	bool made_target; /* the mount point was not there before */
	bool is_attached;
	const struct id_range *id_maps[2]; /* uid, gid: NULL = those of the container */
	size_t n_id_maps[2];
};

struct root_device {
	const char *path; /* clean, absolute */
	const char *name; /* the component below /dev, or NULL when it lies elsewhere */
	mode_t mode;	  /* with the type */
	dev_t rdev;
	uid_t uid;
	gid_t gid;
	size_t index; /* in linux.devices; ROOT_NO_INDEX: a default one */
	int tree_fd;  /* owned: the node as a detached mount (devnodes.c), or FD_NONE */
};

struct root_plan {
	int rootfs_fd; /* owned: the parent's O_PATH fd of the rootfs directory */
	int clone_fd;  /* owned: the rootfs cloned by the parent (new user namespace), or FD_NONE */
	int root_fd;   /* owned: the attached root mount, in the child */
	int null_fd;   /* owned: a detached bind of the host's /dev/null, for masks */
	const struct spec_config *conf; /* borrowed */
	struct root_host host;		/* strings borrowed */
	struct arena *arena;		/* borrowed */
	const char *path;		/* real, absolute; after root_plan_open() */
	dev_t root_dev; /* of the root directory: no link may lead a mount onto it */
	ino_t root_ino;
	bool has_userns, is_new_userns, is_new_pidns, has_cgroupns;
	bool is_shared;	   /* rootfsPropagation shared: host mounts stay in their peer groups */
	bool wants_events; /* some mount wants slave or shared: the host's tree becomes slave */
	bool is_dev_bind;  /* /dev is a bind: nothing is made in it */
	bool has_pts;	   /* the config mounts something at /dev/pts */
	bool is_live;	   /* mounts of a running container: live.c */
	int host_proc_fd;  /* owned, live: the host's procfs, by which mounts are taken away */
	struct root_mount *mounts;
	size_t n_mounts;
	size_t n_wanted, n_late; /* mounts with is_wanted; fds kept for seal */
	int (*fetch)(void *ctx, size_t i, int *ret_fd, struct err *e); /* asks the parent */
	void *fetch_ctx;
	const char *view_place, *view_why; /* root_plan_view() */
	struct root_device *devices;
	size_t n_devices;
	struct strvec masked, readonly; /* cleaned */
};

/* ---- plan.c ---- */
/* Everything but lists. */
void root_plan_init(struct root_plan *p, const struct spec_config *c, const struct root_host *host,
		    struct arena *a);
/* True when a later mount of the plan lies over the i-th. */
bool root_plan_is_covered(const struct root_plan *p, size_t i);
/* The config's mounts alone, in order. */
int root_plan_mounts(struct root_plan *p, struct err *e) MUST_CHECK;

/* ---- view.c: files of lxcfs over those of /proc and /sys ---- */
#define ROOT_VIEW_MAX 13
/* Adds them to the planned mounts: all that may be there. No system call. */
void root_view_plan(struct root_plan *p);
/* In the parent: opens what is there and takes the rest out of the plan again. Never fails: what
 * stands in the way is root_plan_view()'s. */
void root_view_open(struct root_plan *p);

/* ---- lxcfs.c ---- */
struct root_lxcfs {
	char place[4096];
	uint32_t found;		/* a bit for each of the files that is there */
	int fds[ROOT_VIEW_MAX]; /* owned: those, as detached mounts; FD_NONE unless wanted */
};
struct root_lxcfs_file {
	const char *path, *needs; /* what else must be there; NULL = nothing */
};
/* Looks at `place` ("" = wherever it is mounted) for these files. flags: MOUNT_ATTR_* that their
 * mounts get; 0: nothing is opened. */
int root_lxcfs_open(const char *place, const struct root_lxcfs_file *files, size_t n,
		    uint64_t flags, struct root_lxcfs *ret, struct err *e) MUST_CHECK;

/* ---- plan_options.c ---- */
int root_options_read(struct root_plan *p, struct root_mount *m, const struct spec_mount *c,
		      struct err *e) MUST_CHECK;

/* ---- plan_devices.c ---- */
int root_devices_plan(struct root_plan *p, struct err *e) MUST_CHECK;

/* ---- devnodes.c ---- */
/* For a new user namespace, in a privileged parent: nodes of linux.devices, made with mode and
 * owner. Where they cannot be made the child binds the host's. */
int root_devnodes_open(struct root_plan *p, struct err *e) MUST_CHECK;

/* ---- attach.c ---- */
/* Sets the error `mounts[3]: mount "/data" from "/srv": <words> (hint)`; hint may be NULL. */
int root_mount_fail(const struct root_mount *m, int neg, const char *hint, struct err *e);
/* err_sys, but a system call that is not there is named. */
int root_call_fail(int neg, const char *call, const char *what, struct err *e);
/* Attaches the clone of the rootfs there, whatever lies below (stage.c). */
int root_attach_at(struct root_plan *p, int at_fd, struct err *e) MUST_CHECK;
/* Applies attributes and propagation to a detached tree (or, for remount, an attached mount). */
int root_attr_apply(int fd, const struct root_mount *m, bool is_rec_tree, uint64_t default_prop,
		    struct err *e) MUST_CHECK;
/* The error of a flag that may not be cleared. Return: -EPERM. */
int root_attr_locked(const struct root_mount *m, struct err *e);
/* A fresh mount's attributes for fsmount(2). */
unsigned root_attr_fresh(const struct root_mount *m);
/* Attaches a detached mount to an fd. Leaf. */
int root_attach_tree(int tree_fd, int target_fd);
/* True when this is the root directory itself. */
bool root_is_itself(const struct root_plan *p, const struct stat *st);
/* Attaches `m`'s mount and, for dest "/", makes it the new root. */
int root_mount_attach(struct root_plan *p, const struct root_mount *m, int *tree_fd, int target_fd,
		      struct err *e) MUST_CHECK;

/* ---- target.c ---- */
/*
 * The mount point as O_PATH fd, made when missing: a directory, or a file when `like_fd` (the
 * source) is none. *ret_existed says it was there. Refuses what lies in a procfs (security.md C6).
 */
int root_target_open(const struct root_plan *p, const struct root_mount *m, int like_fd,
		     int *ret_fd, bool *ret_existed, struct err *e) MUST_CHECK;
/* True for the files under /proc that engines may cover (lxcfs). */
bool root_target_is_proc_file(const char *dest);

/* ---- bind.c ---- */
/* Opens the source as a detached tree with its final attributes. */
int root_bind_open(const struct root_plan *p, const struct root_mount *m, int *ret_tree_fd,
		   struct err *e) MUST_CHECK;
int root_bind_mount(struct root_plan *p, struct root_mount *m, struct err *e) MUST_CHECK;

/* ---- idmapped.c ---- */
/* The user namespace for an id-mapped mount; owned by the caller. In the parent. */
int root_idmap_userns(const struct root_plan *p, const struct root_mount *m, int *ret_fd,
		      struct err *e) MUST_CHECK;
int root_idmap_apply(const struct root_plan *p, const struct root_mount *m, int tree_fd,
		     struct err *e) MUST_CHECK;
/* Reads "uids=C-H-S#C-H-S;gids=..." into m. */
int root_idmap_parse(struct root_plan *p, struct root_mount *m, const char *text,
		     struct err *e) MUST_CHECK;
/* Reads the config's uidMappings and gidMappings of a mount into m. */
void root_idmap_read(struct root_plan *p, struct root_mount *m, const struct spec_mount *c);

/* ---- fs.c: a new superblock by fsopen ---- */
struct root_fs {
	const char *type;
	const char *source; /* NULL: none */
	const struct root_data *data;
	size_t n_data;
	uint64_t sb;   /* MS_* */
	unsigned attr; /* MOUNT_ATTR_* */
};
/* Return: 0 with the detached mount, or -errno; log_text (of n bytes) gets the kernel's own words.
 */
int root_fs_make(const struct root_fs *f, int *ret_tree_fd, char *log_text, size_t n);
/* New data and superblock flags for the file system that is mounted at mount_fd. Leaf, as above. */
int root_fs_reconfigure(const struct root_fs *f, int mount_fd, char *log_text, size_t n);
/* True when an overlay names a directory that is not there: says so in ret. */
bool root_fs_missing(const struct root_fs *f, char *ret, size_t size);
/* True when some value is longer than fsconfig(2) takes, or a flag has no word there. */
bool root_fs_needs_mount2(const struct root_fs *f);
/* mount(2) on the directory target_fd, with all data in one page. Leaf. */
int root_fs_mount2(const struct root_fs *f, int target_fd);

/* ---- special.c ---- */
int root_special_mount(struct root_plan *p, struct root_mount *m, struct err *e) MUST_CHECK;
/* The same, but detached. target_fd (borrowed; FD_NONE: not looked at) is what it will cover. */
int root_special_make(struct root_plan *p, struct root_mount *m, int target_fd, bool existed,
		      int *ret_tree_fd, struct err *e) MUST_CHECK;

/* ---- cgroup.c ---- */
int root_cgroup_mount(struct root_plan *p, struct root_mount *m, struct err *e) MUST_CHECK;

/* The mount of a config's cgroup file system, detached: anew, or a bind of the own cgroup. */
int root_cgroup_make(const struct root_plan *p, const struct root_mount *m, int *ret_tree_fd,
		     struct err *e) MUST_CHECK;

/* ---- copyup.c ---- */
/* Copies the tree under from_fd (a directory) into to_fd, not crossing mounts. */
int root_copy_up(int from_fd, int to_fd, struct err *e) MUST_CHECK;

/* ---- mask.c ---- */
int root_mask_prepare(struct root_plan *p, struct err *e) MUST_CHECK; /* before the pivot */
int root_mask_apply(struct root_plan *p, struct err *e) MUST_CHECK;

/* ---- live.c ---- */
/* Opens a pty of the devpts whose root is pts_fd. */
int root_pty_open(int pts_fd, int *ret_master_fd, int *ret_slave_fd, struct err *e) MUST_CHECK;

#endif
