/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/f_resources: the field table of linux.resources (config-linux.md), also the document of
 * `update`. Owns names, kinds, which rows may change live, and single-row checks; the rest is in
 * rules_resources.c, what the kernel takes is in cgroups/. Called by load.c and the update options.
 */
#include "spec/tables.h"
#include "base/ban.h"

/* clang-format off */
/* -1 is "unlimited", 0 is "not set" (V20). */
#define SIZE_ROW(m, key, fl) J_I64R(T, m, key, fl, -1, INT64_MAX)
/* -1 in a device rule is "all". */
#define MAJOR(m, key, lo) J_I64R(T, m, key, (lo) < 0 ? 0 : JF_REQ | JF_KEY, lo, 4095)
#define MINOR(m, key, lo) J_I64R(T, m, key, (lo) < 0 ? 0 : JF_REQ | JF_KEY, lo, 1048575)

#define T struct spec_device_rule
static const struct json_row device_rule_rows[] = {
	J_BOOL(T, allow, "allow", JF_REQ),
	J_STR(T, type, "type", 0),
	MAJOR(major, "major", -1),
	MINOR(minor, "minor", -1),
	J_STR(T, access, "access", 0),
};
#undef T
static J_TABLE(device_rule_table, spec_device_rule, device_rule_rows);

#define T struct spec_memory
static const struct json_row memory_rows[] = {
	SIZE_ROW(limit, "limit", JF_LIVE),
	SIZE_ROW(reservation, "reservation", JF_LIVE),
	SIZE_ROW(swap, "swap", JF_LIVE),
	SIZE_ROW(kernel, "kernel", 0),
	SIZE_ROW(kernel_tcp, "kernelTCP", 0),
	J_U64R(T, swappiness, "swappiness", 0, 0, 100),
	J_BOOL(T, disable_oom_killer, "disableOOMKiller", 0),
	J_BOOL(T, use_hierarchy, "useHierarchy", 0),
	J_BOOL(T, check_before_update, "checkBeforeUpdate", JF_LIVE),
};
#undef T
static J_TABLE(memory_table, spec_memory, memory_rows);

#define T struct spec_cpu
static const struct json_row cpu_rows[] = {
	J_U64(T, shares, "shares", JF_LIVE),
	J_I64(T, quota, "quota", JF_LIVE), /* V04: anything negative lifts the limit */
	J_U64(T, burst, "burst", JF_LIVE),
	J_U64(T, period, "period", JF_LIVE),
	J_I64(T, realtime_runtime, "realtimeRuntime", 0),
	J_U64(T, realtime_period, "realtimePeriod", 0),
	J_STR(T, cpus, "cpus", JF_LIVE),
	J_STR(T, mems, "mems", JF_LIVE),
	J_I64R(T, idle, "idle", JF_LIVE, 0, 1), /* V07 */
};
#undef T
static J_TABLE(cpu_table, spec_cpu, cpu_rows);

#define T struct spec_pids
static const struct json_row pids_rows[] = {
	J_I64R(T, limit, "limit", JF_LIVE, -1, INT64_MAX), /* C10, B70 */
};
#undef T
static J_TABLE(pids_table, spec_pids, pids_rows);

#define T struct spec_weight_device
static const struct json_row weight_device_rows[] = {
	MAJOR(major, "major", 0),
	MINOR(minor, "minor", 0),
	J_U32(T, weight, "weight", 0),
	J_U32(T, leaf_weight, "leafWeight", 0),
};
#undef T
static J_TABLE(weight_device_table, spec_weight_device, weight_device_rows);

#define T struct spec_throttle_device
static const struct json_row throttle_device_rows[] = {
	MAJOR(major, "major", 0),
	MINOR(minor, "minor", 0),
	J_U64(T, rate, "rate", JF_REQ),
};
#undef T
static J_TABLE(throttle_device_table, spec_throttle_device, throttle_device_rows);

#define T struct spec_block_io
#define THROTTLE(m, key) J_OBJS(T, m, key, JF_LIVE, spec_throttle_device, &throttle_device_table)
static const struct json_row block_io_rows[] = {
	J_U32(T, weight, "weight", JF_LIVE),
	J_U32(T, leaf_weight, "leafWeight", 0),
	J_OBJS(T, weight_device, "weightDevice", JF_LIVE, spec_weight_device, &weight_device_table),
	THROTTLE(read_bps, "throttleReadBpsDevice"),
	THROTTLE(write_bps, "throttleWriteBpsDevice"),
	THROTTLE(read_iops, "throttleReadIOPSDevice"),
	THROTTLE(write_iops, "throttleWriteIOPSDevice"),
};
#undef T
static J_TABLE(block_io_table, spec_block_io, block_io_rows);

#define T struct spec_hugepage_limit
static const struct json_row hugepage_rows[] = {
	J_STR(T, page_size, "pageSize", JF_REQ | JF_KEY),
	J_U64(T, limit, "limit", JF_REQ),
};
#undef T
static J_TABLE(hugepage_table, spec_hugepage_limit, hugepage_rows);

#define T struct spec_interface_priority
static const struct json_row interface_rows[] = {
	J_STR(T, name, "name", JF_REQ),
	J_U32(T, priority, "priority", JF_REQ),
};
#undef T
static J_TABLE(interface_table, spec_interface_priority, interface_rows);

#define T struct spec_network
static const struct json_row network_rows[] = {
	J_U32(T, class_id, "classID", 0),
	J_OBJS(T, priorities, "priorities", 0, spec_interface_priority, &interface_table),
};
#undef T
static J_TABLE(network_table, spec_network, network_rows);

#define T struct spec_rdma
static const struct json_row rdma_rows[] = {
	J_U32(T, hca_handles, "hcaHandles", 0),
	J_U32(T, hca_objects, "hcaObjects", 0),
};
#undef T
static J_TABLE(rdma_table, spec_rdma, rdma_rows);

#define T struct spec_resources
static const struct json_row resources_rows[] = {
	J_OBJS(T, devices, "devices", JF_LIVE, spec_device_rule, &device_rule_table),
	J_OBJ(T, memory, "memory", 0, spec_memory, &memory_table),
	J_OBJ(T, cpu, "cpu", 0, spec_cpu, &cpu_table),
	J_OBJ(T, pids, "pids", 0, spec_pids, &pids_table),
	J_OBJ(T, block_io, "blockIO", 0, spec_block_io, &block_io_table),
	J_OBJS(T, hugepage_limits, "hugepageLimits", JF_LIVE, spec_hugepage_limit, &hugepage_table),
	J_OBJ(T, network, "network", 0, spec_network, &network_table),
	J_OBJMAP(T, rdma, "rdma", JF_LIVE, spec_rdma, &rdma_table),
	J_STRMAP(T, unified, "unified", JF_LIVE),
};
#undef T
J_TABLE(spec_table_resources, spec_resources, resources_rows);
/* clang-format on */
