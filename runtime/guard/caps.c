/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/caps: the five capability sets (conformance P10; security.md C7; man 7
 * capabilities). The only file that uses libcap: for what the kernel knows, the bounding and the
 * ambient set. The three sets of capset(2) are set and read by the bare calls, because libcap's
 * objects cost an allocation and a second call each. It knows no uids: identity.c calls it around
 * the user switch.
 */
#include <errno.h>
#include <sys/capability.h>

#include "base/auto.h"
#include "base/log.h"
#include "runtime/guard/caps.h"
#include "base/ban.h"

#define CAP_BIT(c) (1ULL << (unsigned)(c))
#define CAPS_MAX   64

static unsigned caps_known(void)
{
	int n = cap_max_bits();
	return n > 0 && n <= CAPS_MAX ? (unsigned)n : CAPS_MAX;
}

static uint64_t caps_all(void)
{
	unsigned n = caps_known();
	return n == CAPS_MAX ? ~0ULL : (1ULL << n) - 1;
}

/* The sets of capget(2) and capset(2). */
struct sets {
	uint64_t effective, permitted, inheritable;
};

static int sets_get(struct sets *ret)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}, {0, 0, 0}};

	if (capget(&head, d) < 0)
		return -errno;
	ret->effective = d[0].effective | (uint64_t)d[1].effective << 32;
	ret->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	ret->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	return 0;
}

static int sets_put(const struct guard_caps *w)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3] = {
		{(uint32_t)w->effective, (uint32_t)w->permitted, (uint32_t)w->inheritable},
		{(uint32_t)(w->effective >> 32), (uint32_t)(w->permitted >> 32),
		 (uint32_t)(w->inheritable >> 32)},
	};

	return capset(&head, d) < 0 ? -errno : 0;
}

/* ---- what can be granted ---- */

struct plan {
	uint64_t warned;
	uint64_t have_permitted, have_inheritable;
};

/* Keeps of `asked` what is in `can`; names the rest, once, in one line. */
static uint64_t keep(struct plan *p, const char *set, uint64_t asked, uint64_t can, const char *why)
{
	AUTO(buf) names = {0};

	for (uint64_t left = asked & ~can & ~p->warned; left; left &= left - 1)
		buf_printf(&names, "%s%s", names.len ? " " : "",
			   word_text(&spec_words_capability, __builtin_ctzll(left)));
	p->warned |= asked & ~can;
	/* The words of runc for the set which people ask about. */
	if (names.len && str_eq(set, "ambient"))
		log_warn("process.capabilities.ambient: can't raise ambient capability %s: %s",
			 names.data, why);
	else if (names.len)
		log_warn("process.capabilities.%s: cannot be granted: %s (%s)", set, names.data,
			 why);
	return asked & can;
}

/* The same for ambient ones: a line each, in the words that callers know from runc (P10). */
static uint64_t keep_ambient(const struct plan *p, uint64_t asked, uint64_t can)
{
	for (uint64_t left = asked & ~can & ~p->warned; left; left &= left - 1)
		log_warn("process.capabilities.ambient: can't raise ambient capability %s: it is "
			 "not in both the permitted and the inheritable set",
			 word_text(&spec_words_capability, __builtin_ctzll(left)));
	return asked & can;
}

static uint64_t asked_mask(struct plan *p, const char *set, const struct enumvec *v)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < v->n; i++) {
		if (v->v[i] >= 0 && v->v[i] < CAPS_MAX)
			mask |= CAP_BIT(v->v[i]);
	}
	return keep(p, set, mask, caps_all(), "this kernel does not know it");
}

static bool is_in(const struct strvec *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++) {
		if (str_eq(v->v[i], s))
			return true;
	}
	return false;
}

static void warn_unknown(const struct spec_capabilities *c)
{
	const struct enumvec *sets[] = {&c->bounding, &c->effective, &c->inheritable, &c->permitted,
					&c->ambient};

	for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
		const struct strvec *u = &sets[s]->unknown;
		for (size_t i = 0; i < u->n; i++) {
			bool is_told = false;
			for (size_t before = 0; before < s; before++)
				is_told = is_told || is_in(&sets[before]->unknown, u->v[i]);
			if (!is_told)
				log_warn("process.capabilities: unknown capability \"%s\" is "
					 "ignored",
					 u->v[i]);
		}
	}
}

/* The members of `mask` that the bounding set still has. */
static uint64_t in_bounding(uint64_t mask)
{
	uint64_t ret = 0;

	for (uint64_t left = mask; left; left &= left - 1) {
		int cap = __builtin_ctzll(left);
		if (cap_get_bound(cap) == 1)
			ret |= CAP_BIT(cap);
	}
	return ret;
}

/* The sets that the process has. A filter may forbid asking; then the kernel will judge alone. */
static void read_have(struct plan *p)
{
	struct sets now;
	bool is_known = sets_get(&now) == 0;

	p->have_permitted = is_known ? now.permitted : caps_all();
	p->have_inheritable = is_known ? now.inheritable : 0;
}

void guard_caps_plan(const struct spec_capabilities *c, struct guard_caps *ret)
{
	struct plan p = {0, 0, 0};
	struct guard_caps w = {0, 0, 0, 0, 0};

	*ret = w;
	if (!c)
		return;
	warn_unknown(c);
	read_have(&p);
	w.bounding = asked_mask(&p, "bounding", &c->bounding);
	/* What root holds is in the bounding set: only the rest is worth a question. */
	uint64_t doubt = w.bounding & ~p.have_permitted;
	w.bounding = keep(&p, "bounding", w.bounding, w.bounding & (~doubt | in_bounding(doubt)),
			  "the runtime's own bounding set lacks it");
	w.permitted = keep(&p, "permitted", asked_mask(&p, "permitted", &c->permitted),
			   p.have_permitted, "the runtime does not have it");
	w.effective = keep(&p, "effective", asked_mask(&p, "effective", &c->effective), w.permitted,
			   "it is not in the permitted set");
	/* capset(2): the new inheritable set lies within old inheritable + permitted, and within
	 * old inheritable + bounding. */
	uint64_t asked = asked_mask(&p, "inheritable", &c->inheritable);
	uint64_t can = asked & w.bounding & p.have_permitted;
	w.inheritable = keep(&p, "inheritable", asked, in_bounding(can) | p.have_inheritable,
			     "it is not in the bounding set");
	w.ambient = keep_ambient(&p, asked_mask(&p, "ambient", &c->ambient),
				 w.permitted & w.inheritable);
	*ret = w;
}

/* ---- setting them ---- */

int guard_caps_drop_bounding(const struct guard_caps *want, struct err *e)
{
	for (uint64_t left = caps_all() & ~want->bounding; left; left &= left - 1) {
		int cap = __builtin_ctzll(left);
		if (cap_drop_bound(cap) == 0)
			continue;
		int code = errno;
		/* Without CAP_SETPCAP that is fine only if there is nothing to drop. */
		if (cap_get_bound(cap) == 0)
			continue;
		return err_sys(e, code, "process.capabilities.bounding: drop %s",
			       word_text(&spec_words_capability, cap));
	}
	return 0;
}

static int verify(const struct guard_caps *want, struct err *e)
{
	struct sets now;
	int r = sets_get(&now);

	/* A seccomp filter loaded before this point may forbid capget(2). */
	if (r == -EPERM || r == -ENOSYS)
		return 0;
	if (r < 0)
		return err_sys(e, r, "process.capabilities: read back");
	if (now.permitted != want->permitted || now.effective != want->effective ||
	    now.inheritable != want->inheritable)
		return err_set(
			e, ERR_KERNEL, EPERM,
			"process.capabilities: the process has other sets than it was given");
	return 0;
}

static void raise_ambient(uint64_t ambient)
{
	for (uint64_t left = ambient; left; left &= left - 1) {
		int cap = __builtin_ctzll(left);
		if (cap_set_ambient(cap, CAP_SET) < 0)
			log_warn("process.capabilities.ambient: can't raise ambient capability "
				 "%s: %s",
				 word_text(&spec_words_capability, cap), err_words(errno));
	}
}

int guard_caps_set(const struct guard_caps *want, struct err *e)
{
	/* The kernel keeps ambient within inheritable, so with nothing inheritable this is done by
	 * capset. */
	if (want->inheritable && cap_reset_ambient() < 0)
		return err_sys(e, errno, "process.capabilities.ambient: clear");
	int r = sets_put(want);
	if (r < 0)
		return err_sys(e, r, "process.capabilities: set");
	raise_ambient(want->ambient);
	return verify(want, e);
}
