// SPDX-License-Identifier: Apache-2.0
/*
 * probe: frames of a migration (checkpoint/mig_link.h gives their names and sizes, and nothing else
 * here): some to send, and what arrived.
 *
 *   frames NAME[:BYTES]...   writes them, numbered from 0, the payload is a pattern
 *   unframe                  a line for each: "NAME NUMBER BYTES", and what is wrong with it:
 * "head", "data" (checksums), "order"; at the end "end", "cut after BYTES bytes", "no frame"
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "checkpoint/mig_link.h"
#include "probe.h"

static const struct {
	unsigned type;
	const char *name;
} frames[] = {
#define FRAME(number, name, who, meaning) {number, #name},
	MIG_FRAMES(FRAME)
#undef FRAME
};

unsigned frame_type(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		if (strlen(frames[i].name) == n && strncmp(frames[i].name, name, n) == 0)
			return frames[i].type;
	return 0;
}

const char *frame_name(unsigned type)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		if (frames[i].type == type)
			return frames[i].name;
	return "?";
}

uint64_t frame_field(const char *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)(unsigned char)p[i] << (8 * i);
	return v;
}

static uint32_t crc(const char *p, size_t n)
{
	uint32_t c = ~0u;

	for (; n; n--) {
		c ^= (unsigned char)*p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (0x82f63b78u & (0u - (c & 1u)));
	}
	return ~c;
}

static void put_field(char *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (char)(v >> (8 * i));
}

static int cmd_frames(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const size_t n_name = strcspn(argv[i], ":");
		const size_t n = argv[i][n_name] ? (size_t)number(argv[i] + n_name + 1) : 0;
		const unsigned type = frame_type(argv[i], n_name);
		char *p = n <= MIG_FRAME_MAX ? malloc(MIG_HEAD_SIZE + n) : NULL;

		if (!type || !p) {
			errno = EINVAL;
			die(argv[i]);
		}
		memcpy(p, "STVM", 4);
		put_field(p + 4, type, 2);
		put_field(p + 6, 0, 2);
		put_field(p + 8, n, 4);
		put_field(p + 12, 0, 4);
		put_field(p + 16, (uint64_t)i - 1, 8);
		put_field(p + 24, crc(p, 24), 4);
		for (size_t k = 0; k < n; k++)
			p[MIG_HEAD_SIZE + k] = (char)(k * 7 + (size_t)i);
		put_field(p + 28, crc(p + MIG_HEAD_SIZE, n), 4);
		write_all(1, p, MIG_HEAD_SIZE + n);
		free(p);
	}
	return 0;
}

/* Return: bytes that came before the end. */
static size_t read_full(char *p, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t did = read(0, p + got, n - got);

		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0)
			die("read");
		if (did == 0)
			break;
		got += (size_t)did;
	}
	return got;
}

static int cmd_unframe(int argc, char **argv)
{
	char *p = malloc(MIG_HEAD_SIZE + (size_t)MIG_FRAME_MAX);

	(void)argc;
	(void)argv;
	if (!p)
		die("malloc");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (uint64_t due = 0;; due++) {
		size_t got = read_full(p, MIG_HEAD_SIZE), n;

		if (got == 0) {
			puts("end");
			break;
		}
		if (got >= 4 && memcmp(p, "STVM", 4) != 0) {
			puts("no frame");
			break;
		}
		n = got == MIG_HEAD_SIZE ? (size_t)frame_field(p + 8, 4) : 0;
		if (n > MIG_FRAME_MAX) {
			puts("no frame");
			break;
		}
		got += read_full(p + MIG_HEAD_SIZE, n);
		if (got < MIG_HEAD_SIZE + n) {
			printf("cut after %zu bytes\n", got);
			break;
		}
		printf("%s %llu %zu%s%s%s\n", frame_name((unsigned)frame_field(p + 4, 2)),
		       (unsigned long long)frame_field(p + 16, 8), got,
		       frame_field(p + 24, 4) == crc(p, 24) ? "" : " head",
		       frame_field(p + 28, 4) == crc(p + MIG_HEAD_SIZE, n) ? "" : " data",
		       frame_field(p + 16, 8) == due ? "" : " order");
	}
	free(p);
	return 0;
}

const struct probe_command commands_frames[] = {
	{"frames", cmd_frames, "NAME[:BYTES]..."},
	{"unframe", cmd_unframe, ""},
	{0},
};
