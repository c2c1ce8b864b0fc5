/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/record: the rows of state.json. One table drives the writer and the reader, so that
 * they cannot drift. Owns the format: a change that an older stiva could misread raises the schema.
 */
#include "runtime/life/internal.h"

#include "base/ban.h"

static const struct word stage_rows[] = {{"creating", 0}, {"created", 0}};
WORDS_COMPLETE(stage_rows, LIFE_STAGE_N);
static const struct word_list stage_words = {"stage", stage_rows, LIFE_STAGE_N, ""};

/* clang-format off */
static const struct json_row process_rows[] = {
	J_I64R(struct life_rec_process, pid, "pid", JF_REQ, 1, INT32_MAX),
	J_U64(struct life_rec_process, start, "start", JF_REQ),
};
static const struct json_table process_table = {
	"life_rec_process", sizeof(struct life_rec_process), process_rows,
	sizeof(process_rows) / sizeof(process_rows[0])};

static const struct json_row cgroup_rows[] = {
	J_ENUM(struct life_rec_cgroup, manager, "manager", JF_REQ, &cg_words_manager),
	J_STR(struct life_rec_cgroup, path, "path", JF_ABS),
	J_U64(struct life_rec_cgroup, ino, "inode", 0),
	J_U32(struct life_rec_cgroup, made_levels, "madeLevels", 0),
	J_STR(struct life_rec_cgroup, unit, "systemdUnit", JF_NONEMPTY),
	J_BOOL(struct life_rec_cgroup, is_user_unit, "systemdUser", 0),
};
static const struct json_table cgroup_table = {
	"life_rec_cgroup", sizeof(struct life_rec_cgroup), cgroup_rows,
	sizeof(cgroup_rows) / sizeof(cgroup_rows[0])};

static const struct json_row rdt_rows[] = {
	J_STR(struct life_rec_rdt, group, "group", JF_REQ | JF_NONEMPTY),
	J_BOOL(struct life_rec_rdt, is_own, "own", 0),
	J_BOOL(struct life_rec_rdt, is_monitored, "monitored", 0),
};
static const struct json_table rdt_table = {
	"life_rec_rdt", sizeof(struct life_rec_rdt), rdt_rows,
	sizeof(rdt_rows) / sizeof(rdt_rows[0])};

static const struct json_row shrink_rows[] = {
	J_OBJ(struct life_rec_shrink, by, "by", JF_REQ, life_rec_process, &process_table),
	J_STR(struct life_rec_shrink, high, "high", JF_REQ | JF_NONEMPTY),
	J_STR(struct life_rec_shrink, swap, "swap", JF_NONEMPTY),
};
static const struct json_table shrink_table = {
	"life_rec_shrink", sizeof(struct life_rec_shrink), shrink_rows,
	sizeof(shrink_rows) / sizeof(shrink_rows[0])};
static const struct json_row guard_rows[] = {
	J_OBJ(struct life_rec_guard, by, "by", JF_REQ, life_rec_process, &process_table),
	J_STR(struct life_rec_guard, high, "high", JF_REQ | JF_NONEMPTY),
};
static const struct json_table guard_table = {
	"life_rec_guard", sizeof(struct life_rec_guard), guard_rows,
	sizeof(guard_rows) / sizeof(guard_rows[0])};
static const struct json_row view_rows[] = {
	J_STR(struct life_rec_view, from, "from", JF_REQ | JF_ABS),
	J_STRS(struct life_rec_view, paths, "paths", 0),
};
const struct json_table life_table_view = {
	"life_rec_view", sizeof(struct life_rec_view), view_rows,
	sizeof(view_rows) / sizeof(view_rows[0])};

static const struct json_row undo_rows[] = {
	J_STRS(struct life_rec_undo, files, "files", 0),
	J_BOOL(struct life_rec_undo, has_devices, "devices", 0),
};
static const struct json_table undo_table = {
	"life_rec_undo", sizeof(struct life_rec_undo), undo_rows,
	sizeof(undo_rows) / sizeof(undo_rows[0])};

static const struct json_row held_rows[] = {
	J_OBJ(struct life_rec_held, by, "by", JF_REQ, life_rec_process, &process_table),
	J_OBJ(struct life_rec_held, maker, "maker", 0, life_rec_process, &process_table),
	J_BOOL(struct life_rec_held, is_paused, "paused", 0),
	J_STR(struct life_rec_held, epoch, "migration", JF_NONEMPTY),
	J_STRS(struct life_rec_held, peer, "peer", 0),
};
static const struct json_table held_table = {
	"life_rec_held", sizeof(struct life_rec_held), held_rows,
	sizeof(held_rows) / sizeof(held_rows[0])};

static const struct json_row record_rows[] = {
	J_U32(struct life_record, schema, "schema", JF_REQ), /* LIFE_SCHEMA: store.c */
	J_STR(struct life_record, sum, "sum", JF_REQ),
	J_STR(struct life_record, id, "id", JF_REQ | JF_NONEMPTY),
	J_STR(struct life_record, oci_version, "ociVersion", JF_REQ),
	J_ENUM(struct life_record, stage, "stage", JF_REQ, &stage_words),
	J_STR(struct life_record, boot_id, "bootId", JF_REQ),
	J_STR(struct life_record, bundle, "bundle", JF_REQ | JF_ABS),
	J_STR(struct life_record, rootfs, "rootfs", JF_REQ),
	J_STR(struct life_record, created, "created", JF_REQ),
	J_STR(struct life_record, owner, "owner", JF_REQ),
	J_OBJ(struct life_record, init, "init", 0, life_rec_process, &process_table),
	J_OBJ(struct life_record, creator, "creator", 0, life_rec_process, &process_table),
	J_OBJ(struct life_record, cgroup, "cgroup", JF_REQ, life_rec_cgroup, &cgroup_table),
	J_OBJ(struct life_record, rdt, "rdt", 0, life_rec_rdt, &rdt_table),
	J_OBJ(struct life_record, view, "view", 0, life_rec_view, &life_table_view),
	J_OBJ(struct life_record, resources, "resources", 0, spec_resources, &spec_table_resources),
	J_OBJ(struct life_record, shrink, "shrink", 0, life_rec_shrink, &shrink_table),
	J_OBJ(struct life_record, guard, "guard", 0, life_rec_guard, &guard_table),
	J_OBJ(struct life_record, undo, "undo", 0, life_rec_undo, &undo_table),
	J_OBJ(struct life_record, held, "held", 0, life_rec_held, &held_table),
	J_BOOL(struct life_record, no_pivot, "noPivot", 0),
	J_BOOL(struct life_record, no_keyring, "noKeyring", 0),
	J_BOOL(struct life_record, has_process, "hasProcess", 0),
	J_BOOL(struct life_record, has_poststart, "hasPoststart", 0),
	J_BOOL(struct life_record, has_poststop, "hasPoststop", 0),
	J_BOOL(struct life_record, has_notify, "hasNotify", 0),
	J_STRMAP(struct life_record, net_devices, "netDevices", 0),
	J_STR(struct life_record, net_path, "netPath", JF_ABS),
	J_STRMAP(struct life_record, annotations, "annotations", 0),
};
/* clang-format on */
const struct json_table life_table_record = {"life_record", sizeof(struct life_record), record_rows,
					     sizeof(record_rows) / sizeof(record_rows[0])};
