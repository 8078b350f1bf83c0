// Directories and names: listing, links, renaming, the working directory.
#include "show.h"
#include <dirent.h>
#include <sys/inotify.h>
#include <sys/statfs.h>

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static void list(const char *name) {
	struct dirent **e;
	int n = scandir(name, &e, NULL, by_name);
	printf("%s: %d:", name, n);
	for (int i = 0; i < n; i++)
		printf(" %s/%d", e[i]->d_name, e[i]->d_type);
	puts("");
}

static void names(void) {
	char buf[PATH_MAX];
	show(mkdir("d", 0755));
	show(mkdir("d", 0755));
	int d = open("d", O_RDONLY | O_DIRECTORY);
	close(openat(d, "file", O_CREAT | O_WRONLY, 0600));
	show(symlinkat("file", d, "soft"));
	show(linkat(d, "file", d, "hard", 0));
	show(linkat(d, "soft", d, "hardsoft", 0));
	show(linkat(d, "soft", d, "hardfile", AT_SYMLINK_FOLLOW));
	show(mknodat(d, "fifo", S_IFIFO | 0600, 0));
	show(symlinkat("nowhere", d, "dangling"));
	list("d");
	show(readlinkat(d, "soft", buf, sizeof buf));
	printf("%.4s\n", buf);
	show(readlinkat(d, "soft", buf, 2));
	show(readlinkat(d, "file", buf, 2));
	show(readlinkat(d, "soft", buf, 0));
	show(readlinkat(d, "soft", (char *)8, 100));
	show(readlinkat(d, "none", buf, 2));
	show(renameat(d, "hard", d, "moved"));
	show(renameat2(d, "moved", d, "soft", RENAME_NOREPLACE));
	show(renameat2(d, "moved", d, "soft", RENAME_EXCHANGE));
	struct stat st;
	fstatat(d, "moved", &st, AT_SYMLINK_NOFOLLOW);
	printf("moved is a link: %d\n", S_ISLNK(st.st_mode));
	show(unlinkat(d, "moved", 0));
	show(unlinkat(d, "dangling", AT_REMOVEDIR));
	show(unlinkat(d, "dangling", 0));
	show(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	show(unlinkat(AT_FDCWD, "d", 0));
	show(unlinkat(d, "fifo", 0) | unlinkat(d, "soft", 0) | unlinkat(d, "file", 0) | unlinkat(d, "hardsoft", 0) | unlinkat(d, "hardfile", 0));
	list("d");
	close(d);
}

static void many(void) {
	char name[64];
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "d/a-rather-long-name-of-a-file-%03d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	DIR *d = opendir("d");
	long at = 0, n = 0;
	char *want = "";
	struct dirent *e;
	char seen[64] = "";
	while ((e = readdir(d))) {
		if (n == 250)
			at = telldir(d);
		if (n == 251)
			strcpy(seen, want = e->d_name);
		n++;
	}
	printf("entries %ld\n", n);
	seekdir(d, at);
	readdir(d);
	e = readdir(d);
	(void)e;
	rewinddir(d);
	n = 0;
	while (readdir(d))
		n++;
	printf("again %ld\n", n);
	closedir(d);
	int fd = open("d", O_RDONLY);
	char buf[16];
	show(syscall(SYS_getdents64, fd, buf, sizeof buf));
	show(syscall(SYS_getdents64, fd, (void *)8, 4096));
	show(syscall(SYS_getdents64, 0, buf, sizeof buf));
	close(fd);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "d/a-rather-long-name-of-a-file-%03d", i);
		unlink(name);
	}
}

static void where(const char *dir) {
	char buf[PATH_MAX];
	printf("cwd as expected: %d\n", strcmp(getcwd(buf, sizeof buf), dir) == 0);
	show(syscall(SYS_getcwd, buf, 3));
	show(syscall(SYS_getcwd, (void *)8, 100));
	show(syscall(SYS_getcwd, buf, sizeof buf) == (long)strlen(dir) + 1);
	show(chdir("d"));
	printf("%s\n", getcwd(buf, sizeof buf) + strlen(dir));
	show(chdir("none"));
	show(chdir(".."));
	int fd = open("d", O_PATH);
	show(fchdir(fd));
	printf("%s\n", getcwd(buf, sizeof buf) + strlen(dir));
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, buf, sizeof buf);
	printf("fd link: %.*s\n", (int)(n - strlen(dir)), buf + strlen(dir));
	chdir("..");
	char deep[PATH_MAX + 10];
	memset(deep, 'a', sizeof deep);
	deep[sizeof deep - 1] = 0;
	show(chdir(deep));
	deep[300] = 0;
	show(chdir(deep));
	close(fd);
}

static void watching(void) {
	int in = inotify_init1(IN_NONBLOCK);
	int wd = inotify_add_watch(in, "d", IN_CREATE | IN_DELETE);
	close(open("d/new", O_CREAT | O_WRONLY, 0600));
	unlink("d/new");
	char buf[512];
	ssize_t n = read(in, buf, sizeof buf);
	for (ssize_t at = 0; at < n;) {
		struct inotify_event *e = (void *)(buf + at);
		printf("%d %#x %s\n", e->wd == wd, e->mask, e->name);
		at += sizeof *e + e->len;
	}
	show(read(in, buf, sizeof buf));
	close(in);
}

static void handles(void) {
	struct {
		struct file_handle h;
		char room[128];
	} f = {.h.handle_bytes = 0};
	int mount;
	show(name_to_handle_at(AT_FDCWD, "d", &f.h, &mount, 0) < 0);
	printf("%d\n", errno == EOVERFLOW || errno == EOPNOTSUPP);
	f.h.handle_bytes = 1000;
	show(name_to_handle_at(AT_FDCWD, "d", &f.h, &mount, 0));
}

int main(void) {
	setvbuf(stdout, NULL, _IONBF, 0);
	char dir[] = "/tmp/dirXXXXXX";
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	names();
	many();
	where(dir);
	watching();
	handles();
	struct statfs fs;
	show(statfs("/proc", &fs));
	printf("%#lx %ld\n", (long)fs.f_type, (long)fs.f_namelen);
	show(umask(022) >= 0);
	rmdir("d");
	chdir("/");
	show(rmdir(dir));
}
