/* SPDX-License-Identifier: BSD-3-Clause */
/* fake.c - the machine of tidal/fake.h: RISC-V, interpreted. */
#include <tidal/fake.h>

#include "pod.h"
#include "text.h"

static int fits(const struct options *options)
{
	(void)options;
	return 0;
}

static int read_image(const void *file, size_t len, struct image *image, const char **why)
{
	struct tidal_fake_image fake;
	int status = tidal_fake_elf(file, len, &fake, why);

	if (status)
		return status;
	*image = (struct image){ .entry = fake.entry, .end = fake.end, .segments = fake.segments };
	for (uint32_t i = 0; i < fake.segments; i++) {
		image->segment[i].at = fake.segment[i].gpa;
		image->segment[i].bytes = fake.segment[i].file_bytes;
		image->segment[i].data = fake.segment[i].data;
	}
	return 0;
}

static tidal_gpa same(uint64_t address)
{
	return address;
}

static void devices(const struct options *options, struct tidal_vmap *map)
{
	(void)options;
	map->devices = 1;
	map->device[0] = (struct tidal_vmap_device){
		.base = TIDAL_FAKE_DEVICES,
		.bytes = TIDAL_FAKE_DEVICES_BYTES,
		.node = 0,
	};
}

static int open_host(struct pod_node *node, const struct tidal_vmap *map)
{
	const struct options *options = node->pod->options;
	struct tidal_fake_config config;
	int status;

	(void)map;
	tidal_fake_config_init(&config, sizeof(config));
	config.frames = (uint32_t)(options->node_memory / TIDAL_PAGE_SIZE);
	config.vcpu_slots = options->vcpus;
	config.hthreads = options->hthreads;
	config.ram_bytes = options->memory;
	status = tidal_fake_open(&config, &node->host);
	return status ? complain(MINI_POD_USAGE, "node %u with %s: %s", node->id,
				 text_bytes(options->node_memory).s, tidal_strerror(status)) :
			0;
}

static int boot_vcpu(struct pod_node *node, tidal_vcpuid vcpu, const struct boot *boot)
{
	struct tidal_fake_boot fake = { .pc = boot->pc };
	int status = tidal_fake_ops()->vcpu_create(node->host, vcpu);

	for (unsigned i = 0; i < sizeof(fake.a) / sizeof(fake.a[0]); i++)
		fake.a[i] = boot->a[i];
	if (!status)
		status = tidal_fake_vcpu_boot(node->host, vcpu, &fake);
	return status ? complain(MINI_POD_BUG, "vCPU %u: %s", vcpu, tidal_strerror(status)) : 0;
}

static void console(struct pod *pod, uint64_t data, unsigned bytes)
{
	unsigned char text[8];

	for (unsigned i = 0; i < bytes; i++)
		text[i] = (unsigned char)(data >> (8 * i));
	pod_print(pod, text, bytes);
}

static int on_io(struct pod_node *node, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data,
		 unsigned bytes, int write)
{
	struct pod *pod = node->pod;

	if (write && gpa == TIDAL_FAKE_CONSOLE) {
		console(pod, *data, bytes);
	} else if (write && gpa == TIDAL_FAKE_EXIT) {
		pod_exit(pod, (int)(*data & 0xff));
	} else if (!write && gpa == TIDAL_FAKE_TICKET) {
		*data = pod->ticket++;
	} else {
		pod_fail(pod, complain(MINI_POD_FAULT,
				       "vCPU %u: there is no device register to %s at %#llx: "
				       "see <tidal/fake.h>",
				       vcpu, write ? "write" : "read", (unsigned long long)gpa));
		return TIDAL_ERANGE;
	}
	return 0;
}

static void no_access(struct pod_node *node, uint64_t cookie, int status)
{
	(void)node;
	(void)cookie;
	(void)status;
}

/* A vCPU that did what no program may do is switched off; without it nothing ends. */
static int faults(struct pod_node *node)
{
	tidal_vcpuid vcpu;
	uint64_t pc;
	uint32_t insn;
	const char *what = tidal_fake_fault(node->host, &vcpu, &pc, &insn);

	return what ? complain(MINI_POD_FAULT,
			       "vCPU %u failed: %s, instruction %08x at pc %#llx: mend the program",
			       vcpu, what, insn, (unsigned long long)pc) :
		      0;
}

static void stop(struct pod_node *node)
{
	(void)node;
}

static void close_host(struct pod_node *node)
{
	if (node->host)
		tidal_fake_ops()->close(node->host);
}

const struct machine machine_fake = {
	.name = "fake",
	.suffix = ".elf",
	.wants = "a static RV64IMA program",
	.memory = (uint64_t)1 << 40,
	.host_ops = tidal_fake_ops,
	.fits = fits,
	.image = read_image,
	.gpa = same,
	.devices = devices,
	.open = open_host,
	.boot = boot_vcpu,
	.io = on_io,
	.accessed = no_access,
	.faults = faults,
	.stop = stop,
	.close = close_host,
};
