/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/config_fuzz: the configuration parser (security.md F1). Oracle beyond "no fault": what
 * was accepted prints as a document that is accepted again and prints the same; an error list is
 * capped and complete. The first byte chooses: 'P' a process document, 'R' a resources document
 * (both follow it), anything else a config.json from that byte on.
 *
 * Runs under libFuzzer (clang -fsanitize=fuzzer) or under mutate_main.c.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "spec/spec.h"
#include "base/ban.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern uint64_t fuzz_accepted;
uint64_t fuzz_accepted; /* mutate_main prints it */

static int load(char mode, const char *text, size_t len, struct arena *a, struct json_errors *errs,
		void **ret)
{
	int r;

	if (mode == 'P') {
		struct spec_process *p;
		r = spec_load_process(text, len, a, errs, &p);
		*ret = p;
	} else if (mode == 'R') {
		struct spec_resources *p;
		r = spec_load_resources(text, len, a, errs, &p);
		*ret = p;
	} else {
		struct spec_config *p;
		r = spec_load(text, len, a, errs, &p);
		*ret = p;
	}
	return r;
}

static const struct json_table *table_of(char mode)
{
	return mode == 'P'   ? &spec_table_process
	       : mode == 'R' ? &spec_table_resources
			     : &spec_table_config;
}

static void die(const char *what, const struct json_errors *errs, const char *text)
{
	fprintf(stderr, "config_fuzz: %s\n%.4000s\n", what, text ? text : "");
	for (size_t i = 0; i < errs->n; i++)
		fprintf(stderr, "  %s: %s\n", errs->v[i].path, errs->v[i].text);
	abort();
}

static void check_errors(int r, const struct json_errors *errs)
{
	struct err e = ERR_INIT;

	if ((r < 0) != (errs->n > 0))
		die("errors and return value disagree", errs, NULL);
	if (errs->n > JSON_ERRORS_MAX)
		die("too many errors kept", errs, NULL);
	for (size_t i = 0; i < errs->n; i++) {
		if (!errs->v[i].path || !errs->v[i].text || !*errs->v[i].text)
			die("an error without path or text", errs, NULL);
	}
	spec_errors_to_err(errs, "config.json", &e);
	if ((e.code != 0) != (r < 0) || strchr(e.text, '\n'))
		die("no one-line error", errs, e.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char mode = size && (data[0] == 'P' || data[0] == 'R') ? (char)data[0] : 'C';
	const char *text = (const char *)data + (mode != 'C');
	struct arena a = {0}, b = {0};
	struct json_errors errs = {0}, again = {0};
	struct buf one = {0}, two = {0};
	/* Warnings then wait, instead of being printed: there would be hundreds. */
	const struct log_settings quiet = {.is_strict = true};
	struct err e = ERR_INIT;
	void *obj, *copy;

	if (log_open(&quiet, &e) < 0)
		die("the log", &errs, e.text);
	int r = load(mode, text, size - (mode != 'C'), &a, &errs, &obj);

	check_errors(r, &errs);
	if (obj)
		json_print(table_of(mode), obj, 0, &one);
	if (r == 0) {
		if (load(mode, one.data, one.len, &b, &again, &copy) < 0)
			die("the print of an accepted document is refused", &again, one.data);
		json_print(table_of(mode), copy, 0, &two);
		if (one.len != two.len || memcmp(one.data, two.data, one.len) != 0)
			die("the second print differs", &again, one.data);
	}
	buf_done(&one);
	buf_done(&two);
	arena_done(&a);
	arena_done(&b);
	fuzz_accepted += r == 0;
	return 0;
}
