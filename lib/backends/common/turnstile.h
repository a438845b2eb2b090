/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lock for a thread that wants it again and again and others that want it sometimes: who waits
 * is next. A plain mutex lets the first have it for ever.
 */
#ifndef BACKENDS_TURNSTILE_H
#define BACKENDS_TURNSTILE_H

#include <pthread.h>
#include <stdbool.h>

struct host_turnstile {
	pthread_mutex_t next, hold;
};

static inline bool host_turnstile_init(struct host_turnstile *t)
{
	if (pthread_mutex_init(&t->next, NULL) != 0)
		return false;
	if (pthread_mutex_init(&t->hold, NULL) == 0)
		return true;
	(void)pthread_mutex_destroy(&t->next);
	return false;
}

static inline void host_turnstile_fini(struct host_turnstile *t)
{
	(void)pthread_mutex_destroy(&t->next);
	(void)pthread_mutex_destroy(&t->hold);
}

static inline void host_turnstile_enter(struct host_turnstile *t)
{
	(void)pthread_mutex_lock(&t->next);
	(void)pthread_mutex_lock(&t->hold);
	(void)pthread_mutex_unlock(&t->next);
}

static inline void host_turnstile_leave(struct host_turnstile *t)
{
	(void)pthread_mutex_unlock(&t->hold);
}

#endif
