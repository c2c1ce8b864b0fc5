/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/defaults: the config that the `spec` verb writes (conformance.md 6.1, security.md section
 * 4). Owns the template; asks nothing of the host (the caller gives the id maps). Called by
 * runtime/cli.
 *
 * The template is a document, so that it reads as what it makes and passes the same parser as the
 * user's; only what differs for rootless use is code.
 */
#include "spec/spec.h"
#include "base/num.h"
#include "base/ban.h"

/* clang-format off */
static const char template[] =
"{\"ociVersion\":\"" SPEC_VERSION "\","
"\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0,\"umask\":18},\"args\":[\"sh\"],"
 "\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TERM=xterm\"],"
 "\"cwd\":\"/\","
 "\"capabilities\":{"
  "\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
  "\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
  "\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},"
 "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
 "\"noNewPrivileges\":true},"
"\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
"\"hostname\":\"stiva\","
"\"mounts\":["
 "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\","
  "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
 "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
  "\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
 "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
  "\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
 "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
  "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
 "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
  "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
 "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
  "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
 "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
  "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
"\"linux\":{"
 "\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
 "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
  "{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
 "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/interrupts\",\"/proc/kcore\","
  "\"/proc/keys\",\"/proc/latency_stats\",\"/proc/sched_debug\",\"/proc/scsi\","
  "\"/proc/timer_list\",\"/proc/timer_stats\",\"/sys/devices/virtual/powercap\","
  "\"/sys/firmware\",\"/sys/fs/selinux\"],"
 "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
  "\"/proc/sysrq-trigger\"]}}";
/* clang-format on */

/* Words as the engine makes them: NULL-terminated, in the arena. */
static struct strvec words_copy(struct arena *a, const char *const *words, size_t n)
{
	struct strvec s = {arena_array(a, n + 1, sizeof(char *)), n};

	for (size_t i = 0; i < n; i++)
		s.v[i] = arena_strdup(a, words[i]);
	return s;
}

/* sysfs can only be mounted by the owner of the network namespace, with nothing hidden in the
 * host's: a bind works everywhere. */
static void sys_to_bind(struct spec_mount *m, struct arena *a)
{
	static const char *const options[] = {"rbind", "nosuid", "noexec", "nodev", "ro"};

	m->type = arena_strdup(a, "none");
	m->source = arena_strdup(a, "/sys");
	m->options = words_copy(a, options, sizeof(options) / sizeof(options[0]));
}

/* An id in a file system's data must be mapped. */
static bool is_unmapped(const char *option, const char *key, const struct id_map *m)
{
	const char *digits = str_after(option, key);
	uint32_t id, host;

	return digits && (num_id(digits, &id) < 0 || idmap_to_host(m, id, &host) < 0);
}

static void drop_id_options(struct spec_mount *m, const struct id_map *uids,
			    const struct id_map *gids)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->options.n; i++) {
		char *o = m->options.v[i];
		if (!is_unmapped(o, "uid=", uids) && !is_unmapped(o, "gid=", gids))
			m->options.v[kept++] = o;
	}
	for (size_t i = kept; i < m->options.n; i++)
		m->options.v[i] = NULL;
	m->options.n = kept;
}

static struct spec_id_mapping_vec mappings(struct arena *a, const struct id_map *m)
{
	struct spec_id_mapping_vec v = {arena_array(a, m->n, sizeof(*v.v)), m->n};

	for (size_t i = 0; i < m->n; i++)
		v.v[i] = (struct spec_id_mapping){{true, m->v[i].container_id},
						  {true, m->v[i].host_id},
						  {true, m->v[i].size}};
	return v;
}

static void make_rootless(struct spec_config *c, struct arena *a, const struct id_map *uids,
			  const struct id_map *gids)
{
	struct spec_linux *l = c->linux_;
	struct spec_namespace *ns = arena_array(a, l->namespaces.n + 1, sizeof(*ns));

	memcpy(ns, l->namespaces.v, l->namespaces.n * sizeof(*ns));
	ns[l->namespaces.n++] = (struct spec_namespace){{true, SPEC_NS_USER}, NULL};
	l->namespaces.v = ns;
	l->uid_mappings = mappings(a, uids);
	l->gid_mappings = mappings(a, gids);
	l->resources = NULL;
	for (size_t i = 0; i < c->mounts.n; i++) {
		drop_id_options(&c->mounts.v[i], uids, gids);
		if (str_eq(c->mounts.v[i].destination, "/sys"))
			sys_to_bind(&c->mounts.v[i], a);
	}
}

const struct spec_config *spec_default(struct arena *a, const struct id_map *uids,
				       const struct id_map *gids)
{
	struct json_errors errs = {.arena = a};
	struct spec_config *c;

	/* Cannot fail: the text is ours, and the unit test loads it. */
	spec_load(template, sizeof(template) - 1, a, &errs, &c);
	if (uids && gids)
		make_rootless(c, a, uids, gids);
	return c;
}
