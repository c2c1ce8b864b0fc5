/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/caps: the five capability sets (conformance P10; security.md C7; man 7
 * capabilities). The only file that uses libcap. It knows no uids: identity.c calls it around the
 * user switch.
 */
#include <sys/capability.h>
#include <sys/prctl.h>

#include "base/auto.h"
#include "base/log.h"
#include "runtime/guard/caps.h"
#include "base/ban.h"

#define CAP_BIT(c) (1ULL << (unsigned)(c))
#define CAPS_MAX   64

static void caps_free(cap_t *c)
{
	if (*c)
		(void)cap_free(*c);
}
#define AUTO_CAPS __attribute__((cleanup(caps_free))) cap_t

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

static uint64_t flag_mask(cap_t c, cap_flag_t flag)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < caps_known(); i++) {
		cap_flag_value_t v = CAP_CLEAR;
		if (cap_get_flag(c, (cap_value_t)i, flag, &v) == 0 && v == CAP_SET)
			mask |= CAP_BIT(i);
	}
	return mask;
}

/* ---- what can be granted ---- */

struct plan {
	uint64_t warned;
	uint64_t have_permitted, have_inheritable;
};

static void warn_cap(struct plan *p, const char *set, unsigned cap, const char *why)
{
	if (p->warned & CAP_BIT(cap))
		return;
	p->warned |= CAP_BIT(cap);
	log_warn("process.capabilities.%s: %s cannot be granted: %s", set,
		 word_text(&spec_words_capability, (int)cap), why);
}

/* Keeps of `asked` what is in `can`. */
static uint64_t keep(struct plan *p, const char *set, uint64_t asked, uint64_t can, const char *why)
{
	for (uint64_t left = asked & ~can; left; left &= left - 1)
		warn_cap(p, set, (unsigned)__builtin_ctzll(left), why);
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
	AUTO_CAPS now = cap_get_proc();

	p->have_permitted = now ? flag_mask(now, CAP_PERMITTED) : caps_all();
	p->have_inheritable = now ? flag_mask(now, CAP_INHERITABLE) : 0;
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
	w.ambient = keep(&p, "ambient", asked_mask(&p, "ambient", &c->ambient),
			 w.permitted & w.inheritable,
			 "it is not in both the permitted and the inheritable set");
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

static int fill(cap_t c, cap_flag_t flag, uint64_t mask)
{
	cap_value_t v[CAPS_MAX];
	int n = 0;

	for (uint64_t left = mask; left; left &= left - 1)
		v[n++] = __builtin_ctzll(left);
	return n ? cap_set_flag(c, flag, n, v, CAP_SET) : 0;
}

static int verify(cap_t want, struct err *e)
{
	AUTO_CAPS now = cap_get_proc();

	/* A seccomp filter loaded before this point may forbid capget(2). */
	if (!now && (errno == EPERM || errno == ENOSYS))
		return 0;
	if (!now)
		return err_sys(e, errno, "process.capabilities: read back");
	if (cap_compare(now, want) != 0)
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
			log_warn("process.capabilities.ambient: %s cannot be raised: %s",
				 word_text(&spec_words_capability, cap), err_words(errno));
	}
}

int guard_caps_set(const struct guard_caps *want, struct err *e)
{
	AUTO_CAPS c = cap_init();

	if (!c || fill(c, CAP_PERMITTED, want->permitted) < 0 ||
	    fill(c, CAP_EFFECTIVE, want->effective) < 0 ||
	    fill(c, CAP_INHERITABLE, want->inheritable) < 0)
		return err_sys(e, errno ? errno : ENOMEM, "process.capabilities: build the sets");
	/* The kernel keeps ambient within inheritable, so with nothing inheritable this is done by
	 * capset. */
	if (want->inheritable && cap_reset_ambient() < 0)
		return err_sys(e, errno, "process.capabilities.ambient: clear");
	if (cap_set_proc(c) < 0)
		return err_sys(e, errno, "process.capabilities: set");
	raise_ambient(want->ambient);
	return verify(c, e);
}
