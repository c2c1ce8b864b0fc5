/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/rules: the law across properties, for the top level of config.json and for mounts; and the
 * helpers of the other rules_ files. Owns what a config may say; knows nothing of the kernel (sizes
 * that the kernel's ABI fixes aside). Called by load.c alone.
 */
#include "spec/rules.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "base/log.h"
#include "base/num.h"
#include "base/ban.h"

#define ID_MAP_LINES_MAX 340 /* UID_GID_MAP_MAX_EXTENTS, Linux 4.15 */
#define UTS_NAME_MAX	 64  /* __NEW_UTS_LEN */

/* ---- helpers ---- */

void spec_rule_error(struct json_errors *errs, const char *at, const char *what, const char *fmt,
		     ...)
{
	char path[2 * SPEC_PATH_SIZE], text[384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), "%s%s%s", at, *at && *what && *what != '[' ? "." : "", what);
	json_error_add(errs, 0, path, "%s", text);
}

char *spec_rule_path(char buf[SPEC_PATH_SIZE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, SPEC_PATH_SIZE, fmt, ap);
	va_end(ap);
	return buf;
}

char *spec_rule_key(char path[SPEC_PATH_SIZE], const char *at, const char *key)
{
	struct buf b = {0};

	buf_adds(&b, at);
	json_path_add(&b, key);
	spec_rule_path(path, "%s", b.data);
	buf_done(&b);
	return path;
}

bool spec_rule_is_list(const char *s)
{
	uint64_t bits[8192 / 64]; /* more CPUs than CONFIG_NR_CPUS can be on any architecture */
	return num_list(s, bits, 8192) == 0;
}

bool spec_rule_has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2) {
		bool is_start = p == path || p[-1] == '/';
		if (is_start && (p[2] == '\0' || p[2] == '/'))
			return true;
	}
	return false;
}

bool spec_rule_has_control(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

static bool overlaps(uint32_t a, uint32_t b, uint64_t size_a, uint64_t size_b)
{
	return a < b + size_b && b < a + size_a;
}

/* N04: the kernel takes 340 lines; ids end below 4294967295, and no id may be mapped twice. */
void spec_rule_id_map(const struct spec_id_mapping_vec *map, const char *at,
		      struct json_errors *errs)
{
	char path[SPEC_PATH_SIZE];

	if (map->n > ID_MAP_LINES_MAX) {
		spec_rule_error(errs, at, "", "more than %d lines", ID_MAP_LINES_MAX);
		return; /* and the loop below stays small */
	}
	for (size_t i = 0; i < map->n; i++) {
		const struct spec_id_mapping *m = &map->v[i];
		uint64_t end = UINT32_MAX;

		if (!m->container_id.has || !m->host_id.has || !m->size.has)
			continue; /* the table has said so */
		spec_rule_path(path, "%s[%zu]", at, i);
		if (m->container_id.v + (uint64_t)m->size.v > end ||
		    m->host_id.v + (uint64_t)m->size.v > end)
			spec_rule_error(errs, path, "", "goes beyond id 4294967294");
		for (size_t j = 0; j < i; j++) {
			const struct spec_id_mapping *o = &map->v[j];

			if (overlaps(m->container_id.v, o->container_id.v, m->size.v, o->size.v) ||
			    overlaps(m->host_id.v, o->host_id.v, m->size.v, o->size.v)) {
				spec_rule_error(errs, path, "", "overlaps with line %zu", j);
				break;
			}
		}
	}
}

/* ---- top level ---- */

/* G01 */
static void rule_version(const struct spec_config *c, struct json_errors *errs)
{
	const char *wrong = c->oci_version ? spec_version_wrong(c->oci_version) : NULL;

	if (wrong)
		spec_rule_error(errs, "ociVersion", "", "\"%.40s\" %s", c->oci_version, wrong);
}

/* G08, G09, B50: without a UTS namespace the host's name would change. */
static void rule_uts_name(const struct spec_config *c, const char *key, const char *name,
			  struct json_errors *errs)
{
	if (!name || !*name)
		return;
	if (strlen(name) > UTS_NAME_MAX)
		spec_rule_error(errs, key, "", "longer than %d bytes", UTS_NAME_MAX);
	if (!spec_ns(c, SPEC_NS_UTS))
		spec_rule_error(errs, key, "", "needs a uts namespace in linux.namespaces");
}

/* G09: one value cannot be two. */
static void rule_domainname(const struct spec_config *c, struct json_errors *errs)
{
	const struct strmap *sysctl = &c->linux_->sysctl;

	for (size_t i = 0; c->domainname && i < sysctl->n; i++) {
		const struct strpair *s = &sysctl->v[i];
		bool is_same =
			str_eq(s->key, "kernel.domainname") || str_eq(s->key, "kernel/domainname");
		if (is_same && !str_eq(s->value, c->domainname))
			spec_rule_error(errs, "domainname", "",
					"differs from linux.sysctl kernel.domainname");
	}
}

/* N09 */
static void rule_mount_namespace(const struct spec_config *c, struct json_errors *errs)
{
	if (c->root && !spec_ns(c, SPEC_NS_MOUNT))
		spec_rule_error(errs, "linux.namespaces", "",
				"a mount namespace is needed for the root filesystem");
}

/* ---- mounts ---- */

struct mount_words {
	bool has_bind, has_remount, has_propagation, has_copy_up;
	const char *idmap; /* the option */
};

static struct mount_words mount_words(const struct spec_mount *m)
{
	struct mount_words w = {.has_bind = m->type && str_eq(m->type, "bind")};

	for (size_t i = 0; i < m->options.n; i++) {
		const struct spec_mount_opt *o = spec_mount_opt_find(m->options.v[i]);

		if (!o)
			continue;
		w.has_bind |= o->kind == SPEC_MO_BIND;
		w.has_remount |= o->kind == SPEC_MO_REMOUNT;
		w.has_propagation |= o->kind == SPEC_MO_PROPAGATION;
		w.has_copy_up |= o->kind == SPEC_MO_COPY_UP;
		if (o->kind == SPEC_MO_IDMAP)
			w.idmap = o->name;
	}
	return w;
}

/* M02: relative destinations are old (taken as below "/"), so they are only worth a warning. */
static void rule_mount_destination(const struct spec_mount *m, const char *at,
				   struct json_errors *errs)
{
	if (!m->destination || !*m->destination)
		return;
	if (m->destination[0] != '/')
		log_warn("%s.destination: \"%.200s\" is relative, taken as below /", at,
			 m->destination);
	if (spec_rule_has_control(m->destination))
		spec_rule_error(errs, at, "destination", "holds a control byte");
}

/* M03, M04 */
static void rule_mount_kind(const struct spec_mount *m, const char *at, const struct mount_words *w,
			    struct json_errors *errs)
{
	bool has_type = m->type && *m->type;

	if (!has_type && !w->has_bind && !w->has_remount && !w->has_propagation)
		spec_rule_error(errs, at, "type", "must be present, or an option bind or rbind");
	if (w->has_bind && !w->has_remount && (!m->source || !*m->source))
		spec_rule_error(errs, at, "source", "a bind mount needs one");
}

/* M19. (idmap=..., with mappings of its own, is another word.) */
static void rule_mount_idmap(const struct spec_config *c, const struct spec_mount *m,
			     const char *at, const struct mount_words *w, struct json_errors *errs)
{
	bool has_uid = m->uid_mappings.n > 0, has_gid = m->gid_mappings.n > 0;
	char path[SPEC_PATH_SIZE];

	if (has_uid != has_gid)
		spec_rule_error(errs, at, "", "uidMappings and gidMappings must come together");
	if (has_uid)
		spec_rule_id_map(&m->uid_mappings, spec_rule_path(path, "%s.uidMappings", at),
				 errs);
	if (has_gid)
		spec_rule_id_map(&m->gid_mappings, spec_rule_path(path, "%s.gidMappings", at),
				 errs);
	if (w->idmap && !has_uid && !spec_ns(c, SPEC_NS_USER))
		spec_rule_error(errs, at, "options",
				"%s needs uidMappings and gidMappings or a user namespace",
				w->idmap);
}

static bool is_octal(const char *s, size_t digits_max)
{
	return *s && strlen(s) <= digits_max && strspn(s, "01234567") == strlen(s);
}

/* B58: a size is digits with one of the suffixes of the kernel's memparse(), or a percentage. */
static bool is_tmpfs_size(const char *s)
{
	size_t n = strspn(s, "0123456789");
	return n > 0 && (!s[n] || (strchr("kKmMgGtTpPeE%", s[n]) && !s[n + 1]));
}

static const char *option_wrong(const char *o, bool is_tmpfs)
{
	const char *mode, *size;

	if (spec_rule_has_control(o))
		return "holds a control byte";
	if (!is_tmpfs)
		return NULL;
	mode = str_after(o, "mode=");
	size = str_after(o, "size=");
	if (strchr(o, ',') && !strchr(o, '"'))
		return "holds a comma";
	if (mode && !is_octal(mode, 5))
		return "is not an octal mode";
	return size && !is_tmpfs_size(size) ? "is not a size" : NULL;
}

/* B58, M20: words that the file system would take for something else, or silently. */
static void rule_mount_options(const struct spec_mount *m, const char *at,
			       const struct mount_words *w, struct json_errors *errs)
{
	bool is_tmpfs = m->type && str_eq(m->type, "tmpfs");
	char path[SPEC_PATH_SIZE];

	if (w->has_copy_up && !is_tmpfs)
		spec_rule_error(errs, at, "options", "tmpcopyup needs the type tmpfs");
	for (size_t i = 0; i < m->options.n; i++) {
		const char *o = m->options.v[i];
		const char *wrong = option_wrong(o, is_tmpfs);

		if (wrong)
			spec_rule_error(errs, at, spec_rule_path(path, "options[%zu]", i),
					"\"%.100s\" %s", o, wrong);
	}
}

void spec_rules_mounts(const struct spec_config *c, struct json_errors *errs)
{
	char at[SPEC_PATH_SIZE];

	for (size_t i = 0; i < c->mounts.n; i++) {
		const struct spec_mount *m = &c->mounts.v[i];
		struct mount_words w = mount_words(m);

		spec_rule_path(at, "mounts[%zu]", i);
		rule_mount_destination(m, at, errs);
		rule_mount_kind(m, at, &w, errs);
		rule_mount_idmap(c, m, at, &w, errs);
		rule_mount_options(m, at, &w, errs);
	}
}

/* ---- hooks ---- */

/* H07 */
static void rule_hook_timeout(const struct spec_hook *h, const char *at, struct json_errors *errs)
{
	if (h->timeout.has && h->timeout.v <= 0)
		spec_rule_error(errs, at, "timeout", "must be greater than 0, got %" PRId64,
				h->timeout.v);
}

/* As process.env: a hook's variable without '=' is a mistake (P05). */
static void rule_hook_env(const struct spec_hook *h, const char *at, struct json_errors *errs)
{
	for (size_t i = 0; i < h->env.n; i++) {
		const char *eq = strchr(h->env.v[i], '=');

		if (!eq || eq == h->env.v[i])
			spec_rule_error(errs, at, "env",
					"entry %zu must be NAME=VALUE, got \"%.64s\"", i,
					h->env.v[i]);
	}
}

static void rules_hooks(const struct spec_hooks *hooks, struct json_errors *errs)
{
	char at[SPEC_PATH_SIZE];

	for (int k = 0; hooks && k < SPEC_HOOK_N; k++) {
		for (size_t i = 0; i < hooks->kind[k].n; i++) {
			spec_rule_path(at, "hooks.%s[%zu]", word_text(&spec_words_hook, k), i);
			rule_hook_timeout(&hooks->kind[k].v[i], at, errs);
			rule_hook_env(&hooks->kind[k].v[i], at, errs);
		}
	}
}

/* A14: a config that asks for another executor must not silently run as an ordinary container. */
static void rule_handler(const struct spec_config *c, struct json_errors *errs)
{
	const char *handler = spec_annotation(c, "run.oci.handler");
	char path[SPEC_PATH_SIZE];

	if (handler && *handler)
		spec_rule_error(errs, spec_rule_key(path, "annotations", "run.oci.handler"), "",
				"there is no handler \"%.64s\"", handler);
}

void spec_rules_config(const struct spec_config *c, struct json_errors *errs)
{
	rule_version(c, errs);
	rule_uts_name(c, "hostname", c->hostname, errs);
	rule_uts_name(c, "domainname", c->domainname, errs);
	rule_domainname(c, errs);
	rule_mount_namespace(c, errs);
	spec_rules_mounts(c, errs);
	rules_hooks(c->hooks, errs);
	rule_handler(c, errs);
	if (c->process)
		spec_rules_process(c->process, "process", errs);
	spec_rules_linux(c, errs);
	spec_rules_annotations(c, errs);
}
