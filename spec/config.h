/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/config: the model of config.json (runtime-spec 1.3: config.md, config-linux.md). Filled by
 * spec_load(), immutable afterwards, owned by one arena. Every member's shape says by itself
 * whether it was there.
 */
#ifndef STIVA_SPEC_CONFIG_H
#define STIVA_SPEC_CONFIG_H

#include "base/json.h"
#include "spec/linux.h"

struct spec_root {
	char *path;
	struct opt_bool readonly;
};

struct spec_mount {
	char *destination, *type, *source;
	struct strvec options;
	struct spec_id_mapping_vec uid_mappings, gid_mappings;
};
OBJ_VEC(spec_mount);

struct spec_console_size {
	struct opt_u64 height, width;
};
struct spec_user {
	struct opt_u32 uid, gid, umask;
	struct u32vec additional_gids;
};
/* Indices are enum spec_capability, equal to the kernel's CAP_ numbers. v == NULL: absent. */
struct spec_capabilities {
	struct enumvec bounding, effective, inheritable, permitted, ambient;
};
struct spec_rlimit {
	struct opt_enum type; /* spec_words_rlimit, value = RLIMIT_ number */
	struct opt_u64 soft, hard;
};
OBJ_VEC(spec_rlimit);
struct spec_io_priority {
	struct opt_enum class; /* spec_words_ioprio, value = IOPRIO_CLASS_ */
	struct opt_i64 priority;
};
struct spec_scheduler {
	struct opt_enum policy; /* spec_words_sched_policy, value = SCHED_ */
	struct opt_i64 nice, priority;
	struct enumvec flags; /* spec_words_sched_flag, value = SCHED_FLAG_ */
	struct opt_u64 runtime, deadline, period;
};
struct spec_exec_affinity {
	char *initial, *final;
};

struct spec_process {
	struct opt_bool terminal;
	struct spec_console_size *console_size;
	struct spec_user *user;
	struct strvec args;
	struct strvec env;
	char *cwd;
	struct spec_capabilities *capabilities;
	struct spec_rlimit_vec rlimits;
	struct opt_bool no_new_privileges;
	char *apparmor_profile, *selinux_label;
	struct opt_i64 oom_score_adj;
	struct spec_scheduler *scheduler;
	struct spec_io_priority *io_priority;
	struct spec_exec_affinity *exec_cpu_affinity;
};

struct spec_hook {
	char *path;
	struct strvec args, env;
	struct opt_i64 timeout; /* seconds */
};
OBJ_VEC(spec_hook);

enum spec_hook_kind {
	SPEC_HOOK_PRESTART,
	SPEC_HOOK_CREATE_RUNTIME,
	SPEC_HOOK_CREATE_CONTAINER,
	SPEC_HOOK_START_CONTAINER,
	SPEC_HOOK_POSTSTART,
	SPEC_HOOK_POSTSTOP,
	SPEC_HOOK_N
};
struct spec_hooks {
	struct spec_hook_vec kind[SPEC_HOOK_N]; /* by enum spec_hook_kind */
};

struct spec_config {
	char *oci_version;
	struct spec_root *root;
	struct spec_mount_vec mounts;
	struct spec_process *process;
	char *hostname, *domainname;
	struct spec_hooks *hooks;
	struct strmap annotations;
	struct spec_linux *linux_; /* never NULL after spec_load: an absent block is an empty one */
};

#endif
