// What programs that print the results of calls have in common.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// show prints a result, and the error's name if it is one.
#define show(call) \
	do { \
		errno = 0; \
		long r_ = (long)(call); \
		printf("%s = %ld%s%s\n", #call, r_, r_ < 0 ? " " : "", r_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)
