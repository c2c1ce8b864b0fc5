/* SPDX-License-Identifier: Apache-2.0 */
/* spec/linux: the model of config.json's `linux` block (runtime-spec 1.3, config-linux.md). */
#ifndef STIVA_SPEC_LINUX_H
#define STIVA_SPEC_LINUX_H

#include "base/json.h"
#include "spec/resources.h"
#include "spec/seccomp.h"

enum spec_ns_type {
	SPEC_NS_PID,
	SPEC_NS_NETWORK,
	SPEC_NS_MOUNT,
	SPEC_NS_IPC,
	SPEC_NS_UTS,
	SPEC_NS_USER,
	SPEC_NS_CGROUP,
	SPEC_NS_TIME,
	SPEC_NS_N
};
struct spec_namespace {
	struct opt_enum type; /* enum spec_ns_type; word value = CLONE_NEW flag */
	char *path;
};
OBJ_VEC(spec_namespace);

struct spec_id_mapping {
	struct opt_u32 container_id, host_id, size;
};
OBJ_VEC(spec_id_mapping);

struct spec_time_offset {
	char *key; /* "monotonic", "boottime" */
	struct opt_i64 secs;
	struct opt_u32 nanosecs;
};
OBJ_VEC(spec_time_offset);

struct spec_device {
	char *type, *path; /* type: "c", "b", "u", "p" */
	struct opt_i64 major, minor;
	struct opt_u32 file_mode, uid, gid;
};
OBJ_VEC(spec_device);

struct spec_net_device {
	char *key; /* host name */
	char *name;
};
OBJ_VEC(spec_net_device);

struct spec_personality {
	struct opt_enum domain; /* word value = PER_ */
	struct strvec flags;
};
struct spec_memory_policy {
	struct opt_enum mode; /* word value = MPOL_ */
	char *nodes;
	struct enumvec flags; /* word value = MPOL_F_ */
};
struct spec_intel_rdt {
	char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct strvec schemata;
	struct opt_bool enable_monitoring;
};

enum spec_propagation {
	SPEC_PROP_SHARED,
	SPEC_PROP_SLAVE,
	SPEC_PROP_PRIVATE,
	SPEC_PROP_UNBINDABLE,
	SPEC_PROP_RSHARED, /* the r forms are accepted too, as runc and crun do */
	SPEC_PROP_RSLAVE,
	SPEC_PROP_RPRIVATE,
	SPEC_PROP_RUNBINDABLE,
	SPEC_PROP_N
};

struct spec_linux {
	struct spec_namespace_vec namespaces;
	struct spec_id_mapping_vec uid_mappings, gid_mappings;
	struct spec_time_offset_vec time_offsets;
	struct spec_device_vec devices;
	struct spec_net_device_vec net_devices;
	char *cgroups_path;
	struct spec_resources *resources;
	struct strmap sysctl;
	struct spec_seccomp *seccomp;
	struct opt_enum rootfs_propagation; /* enum spec_propagation; word value = MS_ flags */
	struct strvec masked_paths, readonly_paths;
	char *mount_label;
	struct spec_personality *personality;
	struct spec_memory_policy *memory_policy;
	struct spec_intel_rdt *intel_rdt;
};

#endif
