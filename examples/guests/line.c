/* SPDX-License-Identifier: BSD-3-Clause */
/* line.c - lines of output: put together in memory, sent as a whole. */
#include "guest.h"

static void add(struct guest_line *line, char c)
{
	if (line->len < sizeof(line->text) - 1)
		line->text[line->len++] = c;
}

void guest_text(struct guest_line *line, const char *text)
{
	while (*text)
		add(line, *text++);
}

void guest_number(struct guest_line *line, uint64_t number)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while (number /= 10);
	while (n)
		add(line, digits[--n]);
}

void guest_size(struct guest_line *line, uint64_t bytes)
{
	static const char *const names[] = { " B", " KiB", " MiB", " GiB", " TiB" };
	unsigned unit = 0;

	while (unit < 4 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	guest_number(line, bytes);
	guest_text(line, names[unit]);
}

void guest_hex(struct guest_line *line, uint64_t number, unsigned digits)
{
	while (digits--)
		add(line, "0123456789abcdef"[number >> (4 * digits) & 15]);
}

void guest_print(struct guest_line *line)
{
	line->text[line->len++] = '\n'; /* add() keeps room for it */
	guest_write(line->text, line->len);
	line->len = 0;
}
