/* SPDX-License-Identifier: Apache-2.0 */
/* spec/resources: the model of linux.resources (config-linux.md), also the document of `update`. */
#ifndef STIVA_SPEC_RESOURCES_H
#define STIVA_SPEC_RESOURCES_H

#include "base/json.h"

struct spec_device_rule {
	struct opt_bool allow;
	char *type;		     /* "a", "b", "c"; NULL = a */
	struct opt_i64 major, minor; /* absent or -1 = all */
	char *access;		     /* of "rwm"; NULL = all */
};
OBJ_VEC(spec_device_rule);

struct spec_memory {
	struct opt_i64 limit, reservation, swap, kernel, kernel_tcp;
	struct opt_u64 swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};
struct spec_cpu {
	struct opt_u64 shares;
	struct opt_i64 quota;
	struct opt_u64 burst, period;
	struct opt_i64 realtime_runtime;
	struct opt_u64 realtime_period;
	char *cpus, *mems;
	struct opt_i64 idle;
};
struct spec_pids {
	struct opt_i64 limit;
};
struct spec_weight_device {
	struct opt_i64 major, minor;
	struct opt_u32 weight, leaf_weight;
};
OBJ_VEC(spec_weight_device);
struct spec_throttle_device {
	struct opt_i64 major, minor;
	struct opt_u64 rate;
};
OBJ_VEC(spec_throttle_device);
struct spec_block_io {
	struct opt_u32 weight, leaf_weight;
	struct spec_weight_device_vec weight_device;
	struct spec_throttle_device_vec read_bps, write_bps, read_iops, write_iops;
};
struct spec_hugepage_limit {
	char *page_size;
	struct opt_u64 limit;
};
OBJ_VEC(spec_hugepage_limit);
struct spec_interface_priority {
	char *name;
	struct opt_u32 priority;
};
OBJ_VEC(spec_interface_priority);
struct spec_network {
	struct opt_u32 class_id;
	struct spec_interface_priority_vec priorities;
};
struct spec_rdma {
	char *key; /* device */
	struct opt_u32 hca_handles, hca_objects;
};
OBJ_VEC(spec_rdma);

struct spec_resources {
	struct spec_device_rule_vec devices;
	struct spec_memory *memory;
	struct spec_cpu *cpu;
	struct spec_pids *pids;
	struct spec_block_io *block_io;
	struct spec_hugepage_limit_vec hugepage_limits;
	struct spec_network *network;
	struct spec_rdma_vec rdma;
	struct strmap unified;
};

#endif
