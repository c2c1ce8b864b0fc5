/* SPDX-License-Identifier: Apache-2.0 */
/* BLAKE3 against what b3sum 1.2 says of the same texts, by every width of vectors; and the digests
 * that processes make of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "checkpoint/proof.h"

#define N 786437

static const struct {
	size_t n;
	const char *digest;
} rows[] = {
	{0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
	{1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
	{64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98"},
	{65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee"},
	{1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
	{1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
	{2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
	{16385, "1dabe216be2578830263b049de1639f39f05a4da616b9b78c7a5e4e41662fd1f"},
	{262144, "d57dc906e20d3fd326ffaa85535500486f46a0979f5a323f028dcabfd381fd4a"},
	{262145, "531c319935cf78f34869faebd865e5748266b1799039103bfb851a680d9ed30c"},
	{786437, "cc57404fb7a2d2fcc82a3581495424a1a675ef96f6daffe338bf899d96c69a03"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static unsigned char *text(void)
{
	unsigned char *p = mem_alloc(N);

	for (size_t i = 0; i < N; i++)
		p[i] = (unsigned char)(i % 251);
	return p;
}

static void of(const unsigned char *p, size_t n, char ret[CKPT_BLAKE_TEXT])
{
	struct ckpt_blake v[N / CKPT_BLAKE_PIECE + 1];
	size_t at = 0, count = 0;

	do {
		size_t part = n - at < CKPT_BLAKE_PIECE ? n - at : CKPT_BLAKE_PIECE;

		ckpt_blake_piece(p + at, part, count, n <= CKPT_BLAKE_PIECE, &v[count]);
		count++;
		at += part;
	} while (at < n);
	ckpt_blake_join(v, count, ret);
}

static void examples(void **state)
{
	AUTO_FREE unsigned char *p = text();
	char is[CKPT_BLAKE_TEXT];

	(void)state;
	for (unsigned width = 0; width <= 16; width += 8) {
		ckpt_blake_test_width(width);
		for (size_t i = 0; i < ROWS; i++) {
			of(p, rows[i].n, is);
			assert_string_equal(is, rows[i].digest);
		}
	}
}

/* ---- of files ---- */

static int write_files(const char *dir, const unsigned char *p, struct ckpt_proof_file *f)
{
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(dir_fd >= 0);
	for (size_t i = 0; i < ROWS; i++) {
		char *name = mem_printf("f%zu", i);
		AUTO_FD fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_true(fd >= 0);
		assert_int_equal(fd_write_all(fd, p, rows[i].n), 0);
		f[i] = (struct ckpt_proof_file){.name = name, .dir_fd = dir_fd, .size = rows[i].n};
	}
	return dir_fd;
}

static void files(void **state)
{
	char dir[] = "/tmp/blake_test.XXXXXX";
	AUTO_FREE unsigned char *p = text();
	struct ckpt_proof_file f[ROWS];
	struct err e = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	AUTO_FD dir_fd = write_files(dir, p, f);
	AUTO(ckpt_proof) proof = CKPT_PROOF_NONE;

	assert_int_equal(ckpt_proof_start(&proof, f, ROWS, true, &e), 0);
	assert_int_equal(ckpt_proof_end(&proof, FD_NONE, &e), 0);
	for (size_t i = 0; i < ROWS; i++)
		assert_string_equal(f[i].digest, rows[i].digest);
	/* None, and few. */
	assert_int_equal(ckpt_proof_start(&proof, f, 0, false, &e), 0);
	assert_int_equal(ckpt_proof_end(&proof, FD_NONE, &e), 0);
	memset(f[2].digest, 0, sizeof(f[2].digest));
	assert_int_equal(ckpt_proof_start(&proof, f + 2, 1, false, &e), 0);
	assert_int_equal(ckpt_proof_end(&proof, FD_NONE, &e), 0);
	assert_string_equal(f[2].digest, rows[2].digest);
	/* Begun, and not wanted any more. */
	assert_int_equal(ckpt_proof_start(&proof, f, ROWS, false, &e), 0);
	ckpt_proof_done(&proof);
	/* Another size than the one that was told. */
	f[ROWS - 1].size++;
	assert_int_equal(ckpt_proof_start(&proof, f, ROWS, true, &e), 0);
	assert_int_equal(ckpt_proof_end(&proof, FD_NONE, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "was changed"));
	for (size_t i = 0; i < ROWS; i++) {
		assert_int_equal(unlinkat(dir_fd, f[i].name, 0), 0);
		free((char *)f[i].name);
	}
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
