/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps of a long command, each in a process of its own: it may die, be interrupted or lose its
 * rights, and the command goes on to clean up. A step says itself what went wrong, in one line.
 */
#ifndef XENCTL_GUEST_JOB_H
#define XENCTL_GUEST_JOB_H

#include <stdbool.h>
#include <stddef.h>

/* Returns its exit status, EXIT_FAILURE after one report(). */
typedef int job_fn(void *data);

/* From now on Ctrl-C and the like end the step that runs, not the command; false: they again do. */
void job_hold(bool hold);
bool job_interrupted(void);
/* Memory that a step's process shares with the command, zeroed; dies without. */
void *job_share(size_t size);

/*
 * Runs fn(data); what: the words in front of its messages. whole: not to be interrupted. 0, or -1
 * with a line reported.
 */
int job_run(const char *what, job_fn *fn, void *data, bool whole);
/* The same, and nothing is said. */
int job_quietly(job_fn *fn, void *data);
/* Within a step: one more process, which ends with it; fn's exit status. */
int job_within(job_fn *fn, void *data);
/* Within a step: runs a program to its end, silent unless it fails. */
int job_program(const char *const argv[]);
/* Within a step: closes all but *fd, which has another number now, and the standard ones. */
void job_keep_only(int *fd);
/* Within a step: files, those in memory too, of at most half of the free memory. */
void job_limit_files(void);
/* Within a step: so much memory and no new privileges. Not 0: errno. */
int job_limit(void);
/* Within a step: no rights from here on but to read and write what is open, as nobody. */
int job_become_nobody(void);

#endif
