// What is in the image of TestImage: "show" prints what it has been started with, "write"
// and "cat" are about files.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char b[4096];
	const char *a = getenv("A");
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "show"))
			printf("%s in %s as %d, A=%s\n", argv[0], getcwd(b, sizeof b), getuid(), a ? a : "none");
		if (!strcmp(argv[i], "write")) {
			FILE *f = fopen(argv[++i], "a");
			if (!f || fputs("written\n", f) < 0 || fclose(f)) printf("%s: %s\n", argv[i], strerror(errno));
		}
		if (!strcmp(argv[i], "cat")) {
			FILE *f = fopen(argv[++i], "r");
			if (!f) printf("%s: %s\n", argv[i], strerror(errno));
			while (f && fgets(b, sizeof b, f)) fputs(b, stdout);
		}
		if (!strcmp(argv[i], "again")) {
			fflush(stdout);
			argv[i] = argv[0];
			execv("/bin/prog", argv + i);
		}
	}
	return 0;
}
