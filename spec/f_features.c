/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/f_features: the field table of the features document. Owns its names and order; features.c
 * fills it.
 */
#include "spec/features.h"
#include "spec/tables.h"
#include "base/ban.h"

/* clang-format off */
#define T struct spec_f_enabled
static const struct json_row enabled_rows[] = {
	J_BOOL(T, enabled, "enabled", 0),
};
#undef T
static J_TABLE(enabled_table, spec_f_enabled, enabled_rows);

#define T struct spec_f_cgroup
static const struct json_row cgroup_rows[] = { /* F05 */
	J_BOOL(T, v1, "v1", 0),
	J_BOOL(T, v2, "v2", 0),
	J_BOOL(T, systemd, "systemd", 0),
	J_BOOL(T, systemd_user, "systemdUser", 0),
	J_BOOL(T, rdma, "rdma", 0),
};
#undef T
static J_TABLE(cgroup_table, spec_f_cgroup, cgroup_rows);

#define T struct spec_f_seccomp
static const struct json_row seccomp_rows[] = { /* F06 */
	J_BOOL(T, enabled, "enabled", 0),
	J_STRS(T, actions, "actions", 0),
	J_STRS(T, operators, "operators", 0),
	J_STRS(T, archs, "archs", 0),
	J_STRS(T, known_flags, "knownFlags", 0),
	J_STRS(T, supported_flags, "supportedFlags", 0),
};
#undef T
static J_TABLE(seccomp_table, spec_f_seccomp, seccomp_rows);

#define T struct spec_f_rdt
static const struct json_row rdt_rows[] = { /* F08 */
	J_BOOL(T, enabled, "enabled", 0),
	J_BOOL(T, schemata, "schemata", 0),
	J_BOOL(T, monitoring, "monitoring", 0),
};
#undef T
static J_TABLE(rdt_table, spec_f_rdt, rdt_rows);

#define T struct spec_f_memory_policy
static const struct json_row memory_policy_rows[] = { /* F09 */
	J_STRS(T, modes, "modes", 0),
	J_STRS(T, flags, "flags", 0),
};
#undef T
static J_TABLE(memory_policy_table, spec_f_memory_policy, memory_policy_rows);

#define T struct spec_f_mount_extensions
static const struct json_row mount_extensions_rows[] = { /* F10 */
	J_OBJ(T, idmap, "idmap", 0, spec_f_enabled, &enabled_table),
};
#undef T
static J_TABLE(mount_extensions_table, spec_f_mount_extensions, mount_extensions_rows);

#define T struct spec_f_linux
static const struct json_row linux_rows[] = {
	J_STRS(T, namespaces, "namespaces", 0), /* F04 */
	J_STRS(T, capabilities, "capabilities", 0),
	J_OBJ(T, cgroup, "cgroup", 0, spec_f_cgroup, &cgroup_table),
	J_OBJ(T, seccomp, "seccomp", 0, spec_f_seccomp, &seccomp_table),
	J_OBJ(T, apparmor, "apparmor", 0, spec_f_enabled, &enabled_table), /* F07 */
	J_OBJ(T, selinux, "selinux", 0, spec_f_enabled, &enabled_table),
	J_OBJ(T, intel_rdt, "intelRdt", 0, spec_f_rdt, &rdt_table),
	J_OBJ(T, memory_policy, "memoryPolicy", 0, spec_f_memory_policy, &memory_policy_table),
	J_OBJ(T, mount_extensions, "mountExtensions", 0, spec_f_mount_extensions,
	      &mount_extensions_table),
	J_OBJ(T, net_devices, "netDevices", 0, spec_f_enabled, &enabled_table),
};
#undef T
static J_TABLE(linux_table, spec_f_linux, linux_rows);

#define T struct spec_features
static const struct json_row features_rows[] = {
	J_STR(T, version_min, "ociVersionMin", JF_REQ), /* F01 */
	J_STR(T, version_max, "ociVersionMax", JF_REQ),
	J_STRS(T, hooks, "hooks", 0), /* F02 */
	J_STRS(T, mount_options, "mountOptions", 0), /* F03 */
	J_OBJ(T, linux_, "linux", 0, spec_f_linux, &linux_table),
	J_STRMAP(T, annotations, "annotations", 0), /* F11 */
	J_STRS(T, unsafe_annotations, "potentiallyUnsafeConfigAnnotations", 0), /* F12 */
};
#undef T
J_TABLE(spec_table_features, spec_features, features_rows);
/* clang-format on */
