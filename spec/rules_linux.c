/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/rules_linux: the law across the properties of `linux`: namespaces and what needs them, id
 * maps, devices, paths, small blocks. Knows nothing of the host. Called by rules.c.
 */
#include "spec/rules.h"
#include <linux/mempolicy.h>
#include "base/num.h"
#include "base/ban.h"

#define NET_NAME_MAX	15 /* IFNAMSIZ - 1 */
#define CGROUP_PATH_MAX 4095

/* N02, N03, B46 */
static void rule_namespaces(const struct spec_linux *l, struct json_errors *errs)
{
	char at[SPEC_PATH_SIZE];
	unsigned seen = 0;

	for (size_t i = 0; i < l->namespaces.n; i++) {
		const struct spec_namespace *ns = &l->namespaces.v[i];

		spec_rule_path(at, "linux.namespaces[%zu]", i);
		if (ns->path && ns->path[0] != '/')
			spec_rule_error(errs, at, "path",
					"must be an absolute path, got \"%.200s\"", ns->path);
		if (!ns->type.has)
			continue;
		if (seen & (1u << ns->type.v))
			spec_rule_error(errs, at, "type", "\"%s\" is listed twice",
					word_text(&spec_words_ns, ns->type.v));
		seen |= 1u << ns->type.v;
	}
}

static bool is_identity(const struct spec_id_mapping_vec *map)
{
	for (size_t i = 0; i < map->n; i++)
		if (map->v[i].container_id.v != map->v[i].host_id.v)
			return false;
	return true;
}

/* N04, N05: with a joined namespace the maps are compared with its own, later. */
static void rule_id_maps(const struct spec_config *c, struct json_errors *errs)
{
	const struct spec_linux *l = c->linux_;
	bool has_uid = l->uid_mappings.n > 0, has_gid = l->gid_mappings.n > 0;

	if (has_uid != has_gid)
		spec_rule_error(errs, has_uid ? "linux.gidMappings" : "linux.uidMappings", "",
				"uidMappings and gidMappings must come together");
	/* Without a new namespace every id is what it is: that may be asked for. */
	bool is_wish = !is_identity(&l->uid_mappings) || !is_identity(&l->gid_mappings);

	if ((has_uid || has_gid) && is_wish && !spec_ns(c, SPEC_NS_USER))
		spec_rule_error(errs, has_uid ? "linux.uidMappings" : "linux.gidMappings", "",
				"needs a user namespace in linux.namespaces");
	spec_rule_id_map(&l->uid_mappings, "linux.uidMappings", errs);
	spec_rule_id_map(&l->gid_mappings, "linux.gidMappings", errs);
}

/* N11 */
static void rule_time_offsets(const struct spec_config *c, struct json_errors *errs)
{
	const struct spec_time_offset_vec *o = &c->linux_->time_offsets;
	char at[SPEC_PATH_SIZE];

	for (size_t i = 0; i < o->n; i++) {
		if (str_eq(o->v[i].key, "monotonic") || str_eq(o->v[i].key, "boottime"))
			continue;
		spec_rule_key(at, "linux.timeOffsets", o->v[i].key);
		spec_rule_error(errs, at, "", "is not a clock: monotonic or boottime");
	}
	if (o->n && !spec_ns_is_new(c, SPEC_NS_TIME))
		spec_rule_error(errs, "linux.timeOffsets", "",
				"needs a new time namespace in linux.namespaces");
}

/* D01, B64. The range of the numbers is in the table. */
static void rule_device(const struct spec_device *d, const char *at, struct json_errors *errs)
{
	bool is_known = d->type && strlen(d->type) == 1 && strchr("cbup", *d->type);

	if (d->type && !is_known)
		spec_rule_error(errs, at, "type", "must be c, b, u or p, got \"%.20s\"", d->type);
	if (is_known && *d->type != 'p' && !d->major.has)
		spec_rule_error(errs, at, "major", "must be present");
	if (is_known && *d->type != 'p' && !d->minor.has)
		spec_rule_error(errs, at, "minor", "must be present");
	if (!d->path)
		return;
	if (spec_rule_has_dotdot(d->path))
		spec_rule_error(errs, at, "path", "\"%.200s\" holds \"..\"", d->path);
	if (str_eq(d->path, "/proc") || str_starts(d->path, "/proc/") || str_eq(d->path, "/sys") ||
	    str_starts(d->path, "/sys/"))
		spec_rule_error(errs, at, "path", "\"%.200s\" is below /proc or /sys", d->path);
}

static void rules_devices(const struct spec_linux *l, struct json_errors *errs)
{
	char at[SPEC_PATH_SIZE];

	for (size_t i = 0; i < l->devices.n; i++)
		rule_device(&l->devices.v[i], spec_rule_path(at, "linux.devices[%zu]", i), errs);
}

/* D10, B78: what dev_valid_name() of the kernel takes. */
static bool is_net_name(const char *s)
{
	return *s && strlen(s) <= NET_NAME_MAX && !strpbrk(s, "/: ") && !spec_rule_has_control(s) &&
	       !str_eq(s, ".") && !str_eq(s, "..");
}

/* A name that the kernel is to complete has one "%d" (dev_alloc_name). */
static bool is_net_template(const char *s)
{
	const char *percent = strchr(s, '%');

	return !percent || (percent[1] == 'd' && !strchr(percent + 2, '%'));
}

/* The name inside: the host's unless another is given. */
static const char *net_target(const struct spec_net_device *d)
{
	return d->name && *d->name ? d->name : d->key;
}

static void rules_net_devices(const struct spec_config *c, struct json_errors *errs)
{
	const struct spec_net_device_vec *d = &c->linux_->net_devices;
	char at[SPEC_PATH_SIZE];

	if (d->n && !spec_ns(c, SPEC_NS_NETWORK))
		spec_rule_error(errs, "linux.netDevices", "",
				"unable to move network devices without a NET namespace: "
				"linux.namespaces has no network namespace");
	if (d->n > 1024) { /* and the search for twins below stays small */
		spec_rule_error(errs, "linux.netDevices", "", "more than 1024 devices");
		return;
	}
	for (size_t i = 0; i < d->n; i++) {
		const char *target = net_target(&d->v[i]);

		spec_rule_key(at, "linux.netDevices", d->v[i].key);
		if (!is_net_name(d->v[i].key))
			spec_rule_error(errs, at, "", "is not the name of a network device");
		if (!is_net_name(target))
			spec_rule_error(errs, at, "name",
					"\"%.100s\" is not the name of a network device", target);
		else if (!is_net_template(target))
			spec_rule_error(errs, at, "name",
					"\"%.100s\" may hold a \"%%d\" and no other percent sign",
					target);
		for (size_t j = 0; j < i; j++) {
			if (str_eq(net_target(&d->v[j]), target) && !strstr(target, "%d"))
				spec_rule_error(errs, at, "name", "\"%.100s\" is used twice",
						target);
		}
	}
}

/* C01, B66 */
static void rule_cgroups_path(const struct spec_linux *l, struct json_errors *errs)
{
	const char *p = l->cgroups_path, *wrong = NULL;
	bool is_systemd = p && p[0] != '/' && strchr(p, ':');

	if (!p)
		return;
	if (strlen(p) > CGROUP_PATH_MAX)
		wrong = "is longer than 4095 bytes";
	else if (spec_rule_has_control(p))
		wrong = "holds a control byte";
	else if (is_systemd && strchr(p, '/'))
		wrong = "has a slash in the systemd form slice:prefix:name";
	else if (str_eq(p, "/"))
		wrong = "is the root cgroup";
	else if (spec_rule_has_dotdot(p))
		wrong = "holds \"..\"";
	else if (strstr(p, "//") || (*p && p[strlen(p) - 1] == '/'))
		wrong = "has an empty component";
	if (wrong)
		spec_rule_error(errs, "linux.cgroupsPath", "", "\"%.100s\" %s", p, wrong);
}

/* B48: the spelling; which ones a namespace covers is for runtime/guard to say. */
static void rule_sysctl(const struct spec_linux *l, struct json_errors *errs)
{
	for (size_t i = 0; i < l->sysctl.n; i++) {
		const struct strpair *s = &l->sysctl.v[i];

		if (!*s->key || s->key[0] == '/' || strstr(s->key, "..") ||
		    spec_rule_has_dotdot(s->key) || spec_rule_has_control(s->key))
			spec_rule_error(errs, "linux.sysctl", "",
					"\"%.100s\" is not a sysctl: contains an invalid path",
					s->key);
		else if (strchr(s->value, '\n'))
			spec_rule_error(errs, "linux.sysctl", "",
					"the value of %.100s holds a line end", s->key);
	}
}

/* L07 */
static void rule_personality(const struct spec_linux *l, struct json_errors *errs)
{
	if (l->personality && l->personality->flags.n)
		spec_rule_error(errs, "linux.personality.flags", "", "no flags are supported");
}

static bool has_error_at(const struct json_errors *errs, const char *path)
{
	for (size_t i = 0; i < errs->n; i++)
		if (str_eq(errs->v[i].path, path))
			return true;
	return false;
}

static unsigned count_nodes(const char *list)
{
	uint64_t bits[8192 / 64]; /* as spec_rule_is_list() */
	unsigned n = 0;

	for (size_t i = 0; num_list(list, bits, 8192) == 0 && i < 8192 / 64; i++)
		n += (unsigned)__builtin_popcountll(bits[i]);
	return n;
}

/* L08: what set_mempolicy(2) refuses whatever the machine. */
static void rule_memory_policy(const struct spec_linux *l, struct json_errors *errs)
{
	const struct spec_memory_policy *m = l->memory_policy;
	bool has_nodes = m && m->nodes && *m->nodes;
	int64_t mode, flags = 0;
	const char *name;

	if (!m)
		return;
	if (!m->mode.has && has_error_at(errs, "linux.memoryPolicy.mode"))
		return; /* a word that is none */
	if (!m->mode.has) {
		spec_rule_error(errs, "linux.memoryPolicy.mode", "",
				"invalid memory policy mode: must be present");
		return;
	}
	mode = word_value(&spec_words_mpol, m->mode.v);
	name = word_text(&spec_words_mpol, m->mode.v);
	for (size_t i = 0; i < m->flags.n; i++)
		flags |= word_value(&spec_words_mpol_flag, m->flags.v[i]);
	if (has_nodes && !spec_rule_is_list(m->nodes))
		spec_rule_error(errs, "linux.memoryPolicy.nodes", "",
				"invalid memory policy node list \"%.100s\"", m->nodes);
	else if (has_nodes && (mode == MPOL_DEFAULT || mode == MPOL_LOCAL))
		spec_rule_error(errs, "linux.memoryPolicy.nodes", "",
				"are not for %s (mode requires 0 nodes but got %u)", name,
				count_nodes(m->nodes));
	if (flags && (mode == MPOL_DEFAULT || mode == MPOL_LOCAL))
		spec_rule_error(errs, "linux.memoryPolicy.flags", "", "are not for %s", name);
	if ((flags & MPOL_F_STATIC_NODES) && (flags & MPOL_F_RELATIVE_NODES))
		spec_rule_error(errs, "linux.memoryPolicy.flags", "",
				"static and relative nodes exclude each other");
	if ((flags & MPOL_F_NUMA_BALANCING) && mode != MPOL_BIND && mode != MPOL_PREFERRED_MANY)
		spec_rule_error(errs, "linux.memoryPolicy.flags", "",
				"MPOL_F_NUMA_BALANCING is not for %s", name);
}

/* L09-L11 */
static void rule_intel_rdt(const struct spec_linux *l, struct json_errors *errs)
{
	const struct spec_intel_rdt *r = l->intel_rdt;
	const char *id = r ? r->clos_id : NULL;
	char path[SPEC_PATH_SIZE];

	if (!r)
		return;
	if (id && !str_eq(id, "/") &&
	    (!*id || strchr(id, '/') || str_eq(id, ".") || str_eq(id, "..") ||
	     spec_rule_has_control(id)))
		spec_rule_error(errs, "linux.intelRdt.closID", "",
				"\"%.100s\" is not the name of a group", id);
	if (r->mem_bw_schema && *r->mem_bw_schema &&
	    (!str_starts(r->mem_bw_schema, "MB:") || strchr(r->mem_bw_schema, '\n')))
		spec_rule_error(errs, "linux.intelRdt.memBwSchema", "",
				"must be one line that starts with \"MB:\"");
	for (size_t i = 0; i < r->schemata.n; i++) {
		spec_rule_path(path, "schemata[%zu]", i);
		if (strchr(r->schemata.v[i], '\n'))
			spec_rule_error(errs, "linux.intelRdt", path, "holds a line end");
	}
}

void spec_rules_linux(const struct spec_config *c, struct json_errors *errs)
{
	const struct spec_linux *l = c->linux_;

	rule_namespaces(l, errs);
	rule_id_maps(c, errs);
	rule_time_offsets(c, errs);
	rules_devices(l, errs);
	rules_net_devices(c, errs);
	rule_cgroups_path(l, errs);
	rule_sysctl(l, errs);
	rule_personality(l, errs);
	rule_memory_policy(l, errs);
	rule_intel_rdt(l, errs);
	if (l->resources)
		spec_rules_resources(l->resources, "linux.resources", false, errs);
	spec_rules_seccomp(c, errs);
}
