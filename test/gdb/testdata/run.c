// A program that says what it has been started with.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char dir[4096];
	const char *name = getenv("NAME"), *path = getenv("PATH");
	for (int i = 1; i < argc; i++)
		printf("%s, ", argv[i]);
	printf("in %s, NAME=%s, PATH=%s\n", getcwd(dir, sizeof dir), name ? name : "none", path ? path : "none");
	return argc;
}
