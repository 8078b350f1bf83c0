#define _GNU_SOURCE
#include <string.h>
#include <strings.h>
#undef strchr
#undef memcpy
void *volatile table[] = {
#define F(x) (void *)x,
F(memcpy) F(memmove) F(mempcpy) F(memset) F(memcmp) F(memchr) F(memrchr) F(strlen) F(strnlen) F(strchr) F(strchrnul) F(strrchr) F(strcmp) F(strncmp) F(strcpy) F(stpcpy) F(strncpy) F(strcat) F(strncat) F(stpncpy)
#if defined __GLIBC__ && !defined MUSL
F(rawmemchr)
#endif
};
int main(void) { return table[0] == 0; }
