/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/version: the window of ociVersion. Owns the grammar of a semantic version (semver.org 2.0.0)
 * and the majors that stiva implements; knows nothing of the rest of a config. Called by rules.c.
 */
#include "spec/rules.h"
#include "base/ban.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A number without leading zeros. Return: what follows, or NULL. */
static const char *skip_number(const char *s)
{
	if (!is_digit(*s) || (s[0] == '0' && is_digit(s[1])))
		return NULL;
	while (is_digit(*s))
		s++;
	return s;
}

/* Dot-separated identifiers of [0-9A-Za-z-], none empty. Return: what follows, or NULL. */
static const char *skip_identifiers(const char *s)
{
	for (;;) {
		const char *from = s;

		while (is_digit(*s) || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		       *s == '-')
			s++;
		if (s == from)
			return NULL;
		if (*s != '.')
			return s;
		s++;
	}
}

static bool is_semver(const char *s)
{
	for (int i = 0; i < 3; i++) {
		s = skip_number(s);
		if (!s)
			return false;
		if (i < 2 && *s++ != '.')
			return false;
	}
	if (*s == '-')
		s = skip_identifiers(s + 1);
	if (s && *s == '+')
		s = skip_identifiers(s + 1);
	return s && *s == '\0';
}

const char *spec_version_wrong(const char *version)
{
	if (!is_semver(version))
		return "is not a semantic version";
	if (version[0] != '1' || version[1] != '.')
		return "is not a version 1.x";
	return NULL;
}
