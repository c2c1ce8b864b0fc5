/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec: the public face of the room. It knows the OCI documents and nothing of the kernel: it reads
 * its file and makes no other system call.
 */
#ifndef STIVA_SPEC_SPEC_H
#define STIVA_SPEC_SPEC_H

#include "base/idmap.h"
#include "base/json.h"
#include "spec/config.h"
#include "spec/state.h"

#define SPEC_VERSION	 "1.3.0" /* what we implement, and features' ociVersionMax */
#define SPEC_VERSION_MIN "1.0.0"

/* ---- word lists (spec/words.c); the value of a row is the kernel's number ---- */
extern const struct word_list spec_words_ns;	     /* value: CLONE_NEW* */
extern const struct word_list spec_words_ns_proc;    /* same order: the names under /proc/PID/ns */
extern const struct word_list spec_words_capability; /* index = value = CAP_ number */
extern const struct word_list spec_words_rlimit;     /* value: RLIMIT_* */
extern const struct word_list spec_words_ioprio;     /* value: IOPRIO_CLASS_* */
extern const struct word_list spec_words_sched_policy; /* value: SCHED_* */
extern const struct word_list spec_words_sched_flag;   /* value: SCHED_FLAG_* */
extern const struct word_list spec_words_propagation;  /* value: MS_* flags */
extern const struct word_list spec_words_personality;  /* value: PER_* */
extern const struct word_list spec_words_mpol;	       /* value: MPOL_* */
extern const struct word_list spec_words_mpol_flag;    /* value: MPOL_F_* */
extern const struct word_list spec_words_action;       /* value: SECCOMP_RET_* */
extern const struct word_list spec_words_op;	       /* enum spec_seccomp_op */
extern const struct word_list spec_words_arch;	       /* value: AUDIT_ARCH_* */
extern const struct word_list spec_words_seccomp_flag; /* value: SECCOMP_FILTER_FLAG_* */
extern const struct word_list spec_words_status;       /* enum spec_status */
extern const struct word_list spec_words_hook;	       /* enum spec_hook_kind */

/* ---- mount options: one table for the parser of mounts and for features.mountOptions ---- */
enum spec_mount_opt_kind {
	SPEC_MO_ATTR_SET,   /* set `attr` (MOUNT_ATTR_*), clearing `mask` first */
	SPEC_MO_ATTR_CLEAR, /* clear `attr` */
	SPEC_MO_SB_SET,	    /* set `attr` (SB_*, as MS_*) on the superblock */
	SPEC_MO_SB_CLEAR,
	SPEC_MO_PROPAGATION, /* `attr` = MS_SHARED, ... */
	SPEC_MO_BIND,
	SPEC_MO_REMOUNT,
	SPEC_MO_IDMAP,
	SPEC_MO_COPY_UP, /* tmpcopyup */
	SPEC_MO_NONE,	 /* accepted, no effect (mand, loud, defaults) */
	SPEC_MO_SRC_NOFOLLOW,
	SPEC_MO_DEST_NOFOLLOW,
	SPEC_MO_COPY_SYMLINK
};
struct spec_mount_opt {
	const char *name;
	enum spec_mount_opt_kind kind;
	bool is_recursive;   /* r form: AT_RECURSIVE, MS_REC */
	uint64_t attr, mask; /* MOUNT_ATTR_ or MS_ bits */
};
/* The row of an option, or NULL when it is data for the file system. Exact match. */
const struct spec_mount_opt *spec_mount_opt_find(const char *name);
/* All rows, for features. */
const struct spec_mount_opt *spec_mount_opt_all(size_t *ret_n);

/* ---- tables, for print and for those who embed them ---- */
extern const struct json_table spec_table_config, spec_table_process, spec_table_resources,
	spec_table_state, spec_table_process_state, spec_table_hooks, spec_table_seccomp;

/* ---- loading ---- */
/*
 * Parses `text`, applies the tables' checks and rules.c's cross-field law. Return: 0 or -EINVAL
 * with every error in errs (never just the first). *ret as json_parse.
 */
int spec_load(const char *text, size_t len, struct arena *a, struct json_errors *errs,
	      struct spec_config **ret);
/* The same for an exec's process document and an update's resources document. Callers of runc send
 * the latter with names as Go takes them, {"CPU": {"Cpus": "0"}}: their case does not matter. */
int spec_load_process(const char *text, size_t len, struct arena *a, struct json_errors *errs,
		      struct spec_process **ret);
int spec_load_resources(const char *text, size_t len, struct arena *a, struct json_errors *errs,
			struct spec_resources **ret);
/*
 * The mounts of a container that runs (`mounts add`): a list of mounts, or an object with the
 * member "mounts". Checked as mounts of `of`. is_remove: only destinations matter. *ret: a copy of
 * `of` with these mounts.
 */
int spec_load_mounts(const char *text, size_t len, const struct spec_config *of, bool is_remove,
		     struct arena *a, struct json_errors *errs, struct spec_config **ret);
/* One line out of all errors: "config.json: a.b: text; config.json: c: text (and 3 more)". */
int spec_errors_to_err(const struct json_errors *errs, const char *file, struct err *e);

/* ---- asking a config ---- */
/* The namespace row of this type, or NULL. */
const struct spec_namespace *spec_ns(const struct spec_config *c, enum spec_ns_type t);
/* True when the config asks for a new one (row without a path). */
bool spec_ns_is_new(const struct spec_config *c, enum spec_ns_type t);
/* A list of mappings as base/idmap wants it. */
struct id_map spec_id_map(const struct spec_id_mapping_vec *v, struct arena *a);
/* The environment variable that names a seccomp agent's socket where the config does not (A09). */
#define SPEC_RECEIVER_ENV "RUN_OCI_SECCOMP_RECEIVER"
/* The value of an annotation or NULL. */
const char *spec_annotation(const struct spec_config *c, const char *key);
/* Where the annotation SPEC_VIEW says that lxcfs is mounted; "" = wherever that is; NULL: the
 * container is to see /proc as it is. */
#define SPEC_VIEW "stiva.view"
const char *spec_view(const struct spec_config *c);

/* ---- making documents ---- */
/* The `spec` verb's config; with maps: rootless, in a user namespace with these ids. */
const struct spec_config *spec_default(struct arena *a, const struct id_map *uids,
				       const struct id_map *gids);
/* What probes found, for the features document. */
struct spec_features_input {
	const char *version, *commit, *seccomp_version;
	const char *const *seccomp_flags_supported; /* NULL-terminated words */
	bool has_seccomp, has_apparmor, has_selinux;
	/* What other rooms build later: false is honest, and engines ask. */
	bool has_systemd, has_intel_rdt, has_net_devices, has_checkpoint;
};
void spec_features_print(const struct spec_features_input *in, struct buf *out);

#endif
