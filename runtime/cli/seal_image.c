/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/seal_image: the launch image (see seal.h) and where it lies in the binary's file. It
 * is a section of read-only data that nobody reads through its mapping: it costs a launch nothing.
 * Compiled twice: for the binary, with LAUNCH_IMAGE naming the file to hold, and for the launch
 * image itself, which holds none. Runs before relocation, as seal_start.c. Called by seal.c and
 * seal_start.c.
 */
#include "runtime/cli/seal.h"

#include <stdint.h>
#include "base/ban.h"

#define HIDDEN __attribute__((visibility("hidden")))

/* The linker's name for the program's first byte; its address is the load address of a PIE. */
extern const char __ehdr_start[] HIDDEN;
extern const char cmd_seal_image_start[] HIDDEN, cmd_seal_image_end[] HIDDEN;

__asm__(".pushsection .launch_image, \"a\"\n"
	".balign 4096\n"
	".globl cmd_seal_image_start\n"
	"cmd_seal_image_start:\n"
#ifdef LAUNCH_IMAGE
	".incbin \"" LAUNCH_IMAGE "\"\n"
#endif
	".globl cmd_seal_image_end\n"
	"cmd_seal_image_end:\n"
	".popsection\n");

bool cmd_seal_image_launch(const ElfW(Phdr) * phdr, unsigned long n_phdr,
			   struct cmd_seal_image *ret)
{
	uintptr_t at = (uintptr_t)cmd_seal_image_start - (uintptr_t)__ehdr_start;
	size_t size = (size_t)(cmd_seal_image_end - cmd_seal_image_start);

	for (unsigned long i = 0; size > 0 && i < n_phdr; i++) {
		if (phdr[i].p_type != PT_LOAD || at < phdr[i].p_vaddr ||
		    at + size > phdr[i].p_vaddr + phdr[i].p_filesz)
			continue;
		ret->from = (size_t)(phdr[i].p_offset + (at - phdr[i].p_vaddr));
		ret->size = size;
		return true;
	}
	return false;
}

void cmd_seal_image_whole(const ElfW(Phdr) * phdr, unsigned long n_phdr, struct cmd_seal_image *ret)
{
	ret->from = ret->size = 0;
	for (unsigned long i = 0; i < n_phdr; i++) {
		size_t to = (size_t)(phdr[i].p_offset + phdr[i].p_filesz);

		if (phdr[i].p_type == PT_LOAD && to > ret->size)
			ret->size = to;
	}
}
