/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/load: text -> checked config in an arena, and the small questions one asks of a config. Owns
 * the order parse, normalise, rules; knows no rule and no property by itself beyond the shape of an
 * absent block. Called by runtime/life and runtime/cli.
 */
#include "spec/rules.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "spec/tables.h"
#include "base/ban.h"

/* A09: two older ways to name the seccomp agent's socket; listenerPath wins over both. */
static void normalise_listener(struct spec_config *c, struct arena *a)
{
	struct spec_seccomp *s = c->linux_->seccomp;
	const char *path = spec_annotation(c, "run.oci.seccomp.receiver");

	if (!s || (s->listener_path && *s->listener_path))
		return;
	if (!path || !*path)
		path = getenv(SPEC_RECEIVER_ENV);
	s->listener_path = path && *path ? arena_strdup(a, path) : NULL;
}

/* Makes equal what means the same, so that nobody else has to look twice. */
static void normalise(struct spec_config *c, struct arena *a)
{
	if (!c->linux_)
		c->linux_ = arena_alloc(a, sizeof(*c->linux_));
	for (size_t i = 0; i < c->linux_->namespaces.n; i++) {
		struct spec_namespace *ns = &c->linux_->namespaces.v[i];
		if (ns->path && !*ns->path)
			ns->path = NULL; /* Go's zero value */
	}
	if (c->linux_->cgroups_path && !*c->linux_->cgroups_path)
		c->linux_->cgroups_path = NULL;
	normalise_listener(c, a);
}

int spec_load(const char *text, size_t len, struct arena *a, struct json_errors *errs,
	      struct spec_config **ret)
{
	size_t before = errs->n;
	void *obj;
	int r;

	errs->arena = a;
	r = json_parse_any_case(&spec_table_config, text, len, a, errs, &obj);
	*ret = obj;
	if (!obj)
		return -EINVAL;
	normalise(obj, a);
	spec_rules_config(obj, errs);
	return r < 0 || errs->n > before ? -EINVAL : 0;
}

int spec_load_process(const char *text, size_t len, struct arena *a, struct json_errors *errs,
		      struct spec_process **ret)
{
	size_t before = errs->n;
	void *obj;
	int r;

	errs->arena = a;
	r = json_parse_any_case(&spec_table_process, text, len, a, errs, &obj);
	*ret = obj;
	if (!obj)
		return -EINVAL;
	spec_rules_process(obj, "", errs);
	return r < 0 || errs->n > before ? -EINVAL : 0;
}

int spec_load_resources(const char *text, size_t len, struct arena *a, struct json_errors *errs,
			struct spec_resources **ret)
{
	size_t before = errs->n;
	void *obj;
	int r;

	errs->arena = a;
	r = json_parse_change(&spec_table_resources, text, len, a, errs, &obj);
	*ret = obj;
	if (!obj)
		return -EINVAL;
	spec_rules_resources(obj, "", true, errs);
	return r < 0 || errs->n > before ? -EINVAL : 0;
}

/* True when the text is one list from its first bracket to its last: then it can stand as a member
 * of an object. Strings are skipped, all else is the parser's. */
static bool is_list(const char *s, size_t n)
{
	size_t depth = 0, i = 0;

	while (i < n && strchr(" \t\r\n", s[i]))
		i++;
	if (i == n || s[i] != '[')
		return false;
	for (; i < n; i++) {
		if (s[i] == '"') {
			while (++i < n && s[i] != '"')
				i += s[i] == '\\';
		} else if (s[i] == '[' || s[i] == '{') {
			depth++;
		} else if ((s[i] == ']' || s[i] == '}') && --depth == 0) {
			return strspn(s + i + 1, " \t\r\n") == n - i - 1;
		}
	}
	return false;
}

int spec_load_mounts(const char *text, size_t len, const struct spec_config *of, bool is_remove,
		     struct arena *a, struct json_errors *errs, struct spec_config **ret)
{
	static const char head[] = "{\"mounts\":";
	size_t before = errs->n;
	struct spec_config *c = arena_alloc(a, sizeof(*c));
	struct buf wrapped = {0};
	void *obj;

	errs->arena = a;
	if (is_list(text, len)) {
		buf_adds(&wrapped, head);
		buf_add(&wrapped, text, len);
		buf_adds(&wrapped, "}");
		text = wrapped.data;
		len = wrapped.len;
	}
	int r = json_parse(&spec_table_mounts, text, len, a, errs, &obj);

	buf_done(&wrapped);
	if (!obj)
		return -EINVAL;
	*c = *of;
	c->mounts = ((struct spec_config *)obj)->mounts;
	for (size_t i = 0; is_remove && i < c->mounts.n; i++)
		c->mounts.v[i] = (struct spec_mount){.destination = c->mounts.v[i].destination,
						     .type = (char *)"tmpfs"};
	if (r == 0)
		spec_rules_mounts(c, errs);
	*ret = c;
	return r < 0 || errs->n > before ? -EINVAL : 0;
}

int spec_errors_to_err(const struct json_errors *errs, const char *file, struct err *e)
{
	struct buf b = {0};
	size_t i = 0;

	if (errs->n == 0)
		return 0;
	for (; i < errs->n; i++) {
		const struct json_error *v = &errs->v[i];

		/* Room for the next one and for "(and N more)" in the fixed text of an err. */
		if (i &&
		    b.len + strlen(file) + strlen(v->path) + strlen(v->text) + 40 > sizeof(e->text))
			break;
		buf_printf(&b, "%s%s: %s%s%s", i ? "; " : "", file, v->path, *v->path ? ": " : "",
			   v->text);
	}
	if (i < errs->n)
		buf_printf(&b, " (and %zu more)", errs->n - i);
	err_set(e, ERR_INPUT, EINVAL, "%s", b.data);
	buf_done(&b);
	return -EINVAL;
}

const struct spec_namespace *spec_ns(const struct spec_config *c, enum spec_ns_type t)
{
	for (size_t i = 0; c->linux_ && i < c->linux_->namespaces.n; i++) {
		const struct spec_namespace *ns = &c->linux_->namespaces.v[i];
		if (ns->type.has && ns->type.v == (int)t)
			return ns;
	}
	return NULL;
}

bool spec_ns_is_new(const struct spec_config *c, enum spec_ns_type t)
{
	const struct spec_namespace *ns = spec_ns(c, t);
	return ns && !ns->path;
}

struct id_map spec_id_map(const struct spec_id_mapping_vec *v, struct arena *a)
{
	struct id_range *r = arena_array(a, v->n + 1, sizeof(*r));

	for (size_t i = 0; i < v->n; i++)
		r[i] = (struct id_range){v->v[i].container_id.v, v->v[i].host_id.v, v->v[i].size.v};
	return (struct id_map){r, v->n};
}

const char *spec_annotation(const struct spec_config *c, const char *key)
{
	return json_map_value(&c->annotations, key);
}
