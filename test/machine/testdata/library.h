// The C library's functions on memory and strings, called where the compiler does not see it.
#pragma once
#include "check.h"

static struct {
	void *(*memcpy)(void *, const void *, size_t);
	void *(*memmove)(void *, const void *, size_t);
	void *(*mempcpy)(void *, const void *, size_t);
	void *(*memset)(void *, int, size_t);
	int (*memcmp)(const void *, const void *, size_t);
	void *(*memchr)(const void *, int, size_t);
	size_t (*strlen)(const char *);
	size_t (*strnlen)(const char *, size_t);
	char *(*strchr)(const char *, int);
	char *(*strchrnul)(const char *, int);
	char *(*strrchr)(const char *, int);
	int (*strcmp)(const char *, const char *);
	int (*strncmp)(const char *, const char *, size_t);
	char *(*strcpy)(char *, const char *);
	char *(*stpcpy)(char *, const char *);
} volatile lib = {
	memcpy, memmove, mempcpy, memset, memcmp, memchr, strlen, strnlen, strchr, strchrnul, strrchr, strcmp, strncmp, strcpy, stpcpy,
};
