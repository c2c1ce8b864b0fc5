/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/f_linux: the field table of `linux` (config-linux.md), without resources and seccomp. Owns
 * names, kinds and single-row checks; the rest is in rules_linux.c. Called by load.c.
 */
#include "spec/tables.h"
#include "base/ban.h"

/* clang-format off */
#define T struct spec_namespace
static const struct json_row namespace_rows[] = {
	J_ENUM(T, type, "type", JF_REQ, &spec_words_ns), /* N01 */
	J_STR(T, path, "path", 0),
};
#undef T
static J_TABLE(namespace_table, spec_namespace, namespace_rows);

#define T struct spec_id_mapping
static const struct json_row id_mapping_rows[] = {
	J_U32(T, container_id, "containerID", JF_REQ),
	J_U32(T, host_id, "hostID", JF_REQ),
	J_U32R(T, size, "size", JF_REQ, 1, 4294967295),
};
#undef T
J_TABLE(spec_table_id_mapping, spec_id_mapping, id_mapping_rows);

#define T struct spec_time_offset
static const struct json_row time_offset_rows[] = {
	J_I64(T, secs, "secs", 0),
	J_U32R(T, nanosecs, "nanosecs", 0, 0, 999999999),
};
#undef T
static J_TABLE(time_offset_table, spec_time_offset, time_offset_rows);

#define T struct spec_device
static const struct json_row device_rows[] = {
	J_STR(T, path, "path", JF_REQ | JF_ABS),
	J_STR(T, type, "type", JF_REQ),
	J_I64R(T, major, "major", 0, 0, 4095), /* 12 and 20 bits: MKDEV of the kernel */
	J_I64R(T, minor, "minor", 0, 0, 1048575),
	J_U32R(T, file_mode, "fileMode", 0, 0, 0177777), /* D03: see plan_devices.c */
	J_U32R(T, uid, "uid", 0, 0, 4294967294),
	J_U32R(T, gid, "gid", 0, 0, 4294967294),
};
#undef T
static J_TABLE(device_table, spec_device, device_rows);

#define T struct spec_net_device
static const struct json_row net_device_rows[] = {
	J_STR(T, name, "name", 0),
};
#undef T
static J_TABLE(net_device_table, spec_net_device, net_device_rows);

#define T struct spec_personality
static const struct json_row personality_rows[] = {
	J_ENUM(T, domain, "domain", JF_REQ, &spec_words_personality), /* L07 */
	J_STRS(T, flags, "flags", 0),
};
#undef T
static J_TABLE(personality_table, spec_personality, personality_rows);

#define T struct spec_memory_policy
static const struct json_row memory_policy_rows[] = { /* L08 */
	J_ENUM(T, mode, "mode", 0, &spec_words_mpol), /* must be there: rules_linux.c */
	J_STR(T, nodes, "nodes", 0),
	J_ENUMS(T, flags, "flags", 0, &spec_words_mpol_flag),
};
#undef T
static J_TABLE(memory_policy_table, spec_memory_policy, memory_policy_rows);

#define T struct spec_intel_rdt
static const struct json_row intel_rdt_rows[] = {
	J_STR(T, clos_id, "closID", 0),
	J_STR(T, l3_cache_schema, "l3CacheSchema", 0),
	J_STR(T, mem_bw_schema, "memBwSchema", 0),
	J_STRS(T, schemata, "schemata", 0),
	J_BOOL(T, enable_monitoring, "enableMonitoring", 0),
};
#undef T
static J_TABLE(intel_rdt_table, spec_intel_rdt, intel_rdt_rows);

#define T struct spec_linux
static const struct json_row linux_rows[] = {
	J_OBJS(T, uid_mappings, "uidMappings", 0, spec_id_mapping, &spec_table_id_mapping),
	J_OBJS(T, gid_mappings, "gidMappings", 0, spec_id_mapping, &spec_table_id_mapping),
	J_STRMAP(T, sysctl, "sysctl", 0),
	J_OBJ(T, resources, "resources", 0, spec_resources, &spec_table_resources),
	J_STR(T, cgroups_path, "cgroupsPath", 0),
	J_OBJS(T, namespaces, "namespaces", 0, spec_namespace, &namespace_table),
	J_OBJMAP(T, time_offsets, "timeOffsets", 0, spec_time_offset, &time_offset_table),
	J_OBJS(T, devices, "devices", 0, spec_device, &device_table),
	J_OBJMAP(T, net_devices, "netDevices", 0, spec_net_device, &net_device_table),
	J_OBJ(T, seccomp, "seccomp", 0, spec_seccomp, &spec_table_seccomp),
	J_ENUM(T, rootfs_propagation, "rootfsPropagation", 0, &spec_words_propagation), /* L03 */
	J_STRS(T, masked_paths, "maskedPaths", JF_ABS), /* L04 */
	J_STRS(T, readonly_paths, "readonlyPaths", JF_ABS), /* L05 */
	J_STR(T, mount_label, "mountLabel", 0),
	J_OBJ(T, personality, "personality", 0, spec_personality, &personality_table),
	J_OBJ(T, memory_policy, "memoryPolicy", 0, spec_memory_policy, &memory_policy_table),
	J_OBJ(T, intel_rdt, "intelRdt", 0, spec_intel_rdt, &intel_rdt_table),
};
#undef T
J_TABLE(spec_table_linux, spec_linux, linux_rows);
/* clang-format on */
