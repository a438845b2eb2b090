/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: the loader of programs. Whatever it accepts lies within the file, ascends, and
 * fits into guest memory. */
#include <tidal/fake.h>

#include "fuzz.h"

static void check_segment(const struct tidal_fake_segment *s, const uint8_t *file, size_t len)
{
	const uint8_t *data = s->data;
	unsigned sum = 0;

	MUST(s->bytes > 0 && s->file_bytes <= s->bytes);
	MUST(data >= file && s->file_bytes <= len - (size_t)(data - file));
	for (uint64_t i = 0; i < s->file_bytes; i++)
		sum += data[i];
	(void)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct tidal_fake_image image;
	const char *why = NULL;
	uint64_t end = 0;

	if (tidal_fake_elf(bytes, len, &image, &why)) {
		MUST(why);
		return 0;
	}
	MUST(!why && image.segments > 0 && image.segments <= TIDAL_FAKE_SEGMENTS);
	for (uint32_t i = 0; i < image.segments; i++) {
		check_segment(&image.segment[i], bytes, len);
		MUST(image.segment[i].gpa >= end);
		end = image.segment[i].gpa + image.segment[i].bytes;
	}
	MUST(end == image.end && end <= TIDAL_FAKE_DEVICES && image.entry < end);
	return 0;
}
