// Files: open flags, reading and writing in all shapes, positions, truncation,
// holes, locks, leases, times, extended attributes.
#include "show.h"
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>

static char *bad = (char *)8; // no process has memory there

static void opening(void) {
	puts("== opening");
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0640);
	printf("fd %d\n", fd);
	show(open("f", O_RDWR | O_CREAT | O_EXCL, 0640));
	show(open("f", O_RDONLY | O_DIRECTORY));
	show(open(".", O_RDWR));
	show(open("none", O_RDONLY));
	show(open("f/x", O_RDONLY));
	show(open(bad, O_RDONLY));
	show(open("", O_RDONLY));
	symlink("f", "link");
	show(open("link", O_RDONLY | O_NOFOLLOW));
	show(symlink("f", "link"));
	show(mkdir("link", 0700));
	int p = open("link", O_PATH | O_NOFOLLOW);
	struct stat st;
	show(fstat(p, &st));
	printf("link is a link: %d\n", S_ISLNK(st.st_mode));
	show(read(p, &st, 1));
	close(p);
	char *flags[] = {"append", "nonblock", "sync", "direct", "noatime", "cloexec"};
	int values[] = {O_APPEND, O_NONBLOCK, O_SYNC, O_DIRECT, O_NOATIME, O_CLOEXEC};
	for (int i = 0; i < 6; i++) {
		int f = open("f", O_RDWR | values[i]);
		if (f < 0) {
			printf("%s: not here\n", flags[i]); // O_DIRECT is up to the file system
			continue;
		}
		printf("%s: F_GETFL %#o F_GETFD %d\n", flags[i], fcntl(f, F_GETFL), fcntl(f, F_GETFD));
		close(f);
	}
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_NO_SYMLINKS};
	show(syscall(SYS_openat2, AT_FDCWD, "link", &how, sizeof how));
	show(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof how - 1));
	how.resolve = RESOLVE_BENEATH;
	show(syscall(SYS_openat2, AT_FDCWD, "../x", &how, sizeof how));
	int f = syscall(SYS_openat2, AT_FDCWD, "link", &how, sizeof how);
	printf("openat2: %d\n", f > 2);
	struct { struct open_how how; long more; } longer = {how, 0};
	f = syscall(SYS_openat2, AT_FDCWD, "link", &longer, sizeof longer);
	printf("longer: %d\n", f > 2);
	longer.more = 1;
	show(syscall(SYS_openat2, AT_FDCWD, "link", &longer, sizeof longer));
	close(f);
	close(f - 1);
	show(close(fd));
	show(close(fd));
}

static void transfers(void) {
	puts("== transfers");
	char buf[64] = "";
	int fd = open("f", O_RDWR | O_TRUNC);
	show(write(fd, "hello world", 11));
	show(lseek(fd, 6, SEEK_SET));
	show(read(fd, buf, sizeof buf));
	puts(buf);
	show(pread(fd, buf, 5, 0));
	puts(buf);
	show(pwrite(fd, "W", 1, 6));
	show(pread(fd, buf, 64, 100));
	show(pread(fd, buf, 1, -1));
	char a[4] = "", b[8] = "";
	struct iovec v[3] = {{a, 3}, {NULL, 0}, {b, 7}};
	show(preadv(fd, v, 3, 1));
	printf("%s|%s\n", a, b);
	show(preadv2(fd, v, 3, 0, 0));
	printf("%s|%s\n", a, b);
	struct iovec w[2] = {{"ab", 2}, {"cde", 3}};
	show(pwritev(fd, w, 2, 20));
	show(lseek(fd, 0, SEEK_END));
	show(writev(fd, w, 2));
	show(lseek(fd, 0, SEEK_SET));
	show(readv(fd, v, 3));
	show(readv(fd, v, -1));
	show(readv(fd, v, IOV_MAX + 1));
	show(readv(fd, v, 0));
	struct iovec huge = {a, (size_t)-1};
	show(readv(fd, &huge, 1));
	show(read(fd, bad, 4));
	show(write(fd, bad, 4));
	show(read(fd, NULL, 0));
	struct iovec half[2] = {{a, 2}, {bad, 2}};
	lseek(fd, 0, SEEK_SET);
	show(readv(fd, half, 2));
	show(write(-1, a, 1));
	show(read(fd, (char *)-4096, 16));
	show(lseek(fd, -100, SEEK_CUR));
	show(lseek(fd, 0, 99));
	show(ftruncate(fd, 1 << 20));
	show(lseek(fd, 1000, SEEK_HOLE) > 0);
	show(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096));
	show(ftruncate(fd, -1));
	int out = open("copy", O_RDWR | O_CREAT, 0600);
	off_t off = 0;
	show(sendfile(out, fd, &off, 11));
	printf("offset %ld\n", (long)off);
	off_t in = 0, to = 11;
	show(copy_file_range(fd, &in, out, &to, 5, 0));
	show(pread(out, buf, 16, 0));
	printf("%.16s\n", buf);
	close(out);
	close(fd);
}

// edge reads and writes across the end of what is mapped.
static void edge(void) {
	puts("== edge");
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(m + 4096, 4096);
	memset(m, 'x', 4096);
	int p[2];
	pipe2(p, O_NONBLOCK);
	show(write(p[1], m + 4090, 100));
	show(read(p[0], m, 100));
	int fd = open("f", O_RDWR);
	show(write(fd, m + 4090, 100));
	show(pread(fd, m + 4086, 100, 0));
	close(fd);
	show(write(p[1], m + 4096, 1));
	mprotect(m, 4096, PROT_READ);
	write(p[1], "y", 1);
	show(read(p[0], m, 1));
	close(p[0]);
	close(p[1]);
}

static void status(void) {
	puts("== status");
	struct stat st;
	struct statx sx;
	struct timespec t[2] = {{1000000001, 123456789}, {2000000002, 987654321}};
	show(utimensat(AT_FDCWD, "f", t, 0));
	stat("f", &st);
	printf("mode %o nlink %ld size %ld atime %ld.%09ld mtime %ld.%09ld regular %d\n", st.st_mode & 07777, (long)st.st_nlink,
	       (long)st.st_size, st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, S_ISREG(st.st_mode));
	show(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx));
	printf("same inode %d device %d size %ld mtime %ld.%09u\n", sx.stx_ino == st.st_ino,
	       makedev(sx.stx_dev_major, sx.stx_dev_minor) == st.st_dev, (long)sx.stx_size, (long)sx.stx_mtime.tv_sec, sx.stx_mtime.tv_nsec);
	int fd = open("f", O_RDONLY);
	struct stat st2;
	show(fstatat(fd, "", &st2, AT_EMPTY_PATH));
	printf("same %d\n", st2.st_ino == st.st_ino && st2.st_blksize == st.st_blksize && st2.st_blocks == st.st_blocks);
	show(fstat(fd, (struct stat *)bad));
	show(statx(fd, "", AT_EMPTY_PATH, 0, (struct statx *)bad));
	show(futimens(fd, (struct timespec[2]){{5, 0}, {0, UTIME_OMIT}}));
	show(syscall(SYS_utimensat, fd, NULL, NULL, 0));
	lstat("link", &st);
	printf("link: %d size %ld\n", S_ISLNK(st.st_mode), (long)st.st_size);
	show(utimensat(AT_FDCWD, "link", t, AT_SYMLINK_NOFOLLOW));
	stat("/dev/null", &st);
	printf("null: %d %x %o\n", S_ISCHR(st.st_mode), (int)st.st_rdev, st.st_mode & 0777);
	show(stat("none", &st));
	show(stat(bad, &st));
	show(fchmodat(AT_FDCWD, "f", 04711, 0));
	stat("f", &st);
	printf("%o\n", st.st_mode & 07777);
	show(access("f", F_OK));
	show(access("none", F_OK));
	show(syscall(SYS_faccessat2, AT_FDCWD, "link", F_OK, AT_SYMLINK_NOFOLLOW));
	show(fchownat(AT_FDCWD, "link", getuid(), getgid(), AT_SYMLINK_NOFOLLOW));
	close(fd);
}

static void locks(void) {
	puts("== locks and fcntl");
	int fd = open("f", O_RDWR), fd2 = open("f", O_RDWR);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
	show(fcntl(fd, F_OFD_SETLK, &l));
	l.l_type = F_RDLCK, l.l_start = 0, l.l_len = 0;
	show(fcntl(fd2, F_OFD_GETLK, &l));
	printf("type %d start %ld len %ld pid %d\n", l.l_type == F_WRLCK, (long)l.l_start, (long)l.l_len, l.l_pid);
	l.l_pid = 0;
	l.l_type = F_RDLCK;
	show(fcntl(fd2, F_OFD_SETLK, &l));
	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
	show(fcntl(fd, F_SETLK, &l) == -1);
	show(fcntl(fd, F_GETLK, bad));
	show(flock(fd, LOCK_EX));
	show(flock(fd2, LOCK_EX | LOCK_NB));
	show(flock(fd, LOCK_UN));
	show(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
	printf("%#o\n", fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK | O_ACCMODE));
	show(fcntl(fd, F_SETOWN, getpid()));
	printf("owner %d\n", fcntl(fd, F_GETOWN) == getpid());
	struct f_owner_ex ex = {F_OWNER_TID, gettid()}, got;
	show(fcntl(fd, F_SETOWN_EX, &ex));
	show(fcntl(fd, F_GETOWN_EX, &got));
	printf("owner %d %d\n", got.type, got.pid == ex.pid);
	show(fcntl(fd, F_SETSIG, 34));
	show(fcntl(fd, F_GETSIG));
	show(fcntl(fd, 9999, 0));
	show(fcntl(-1, 9999, 0));
	int p[2];
	pipe2(p, O_CLOEXEC);
	printf("%d %d\n", fcntl(p[0], F_GETFD), fcntl(p[1], F_GETPIPE_SZ));
	show(fcntl(p[1], F_SETPIPE_SZ, 8192));
	show(fcntl(p[1], F_DUPFD_CLOEXEC, 200));
	show(fcntl(200, F_GETFD));
	show(dup2(p[0], 199));
	show(dup3(p[0], p[0], 0));
	show(dup3(p[0], 198, O_CLOEXEC));
	show(dup3(p[0], 198, O_APPEND));
	show(syscall(SYS_close_range, 190, 210, 0));
	show(fcntl(199, F_GETFD));
	show(syscall(SYS_close_range, 5, 4, 0));
	int mem = memfd_create("x", MFD_ALLOW_SEALING);
	show(fcntl(mem, F_ADD_SEALS, F_SEAL_GROW));
	show(fcntl(mem, F_GET_SEALS));
	show(write(mem, "x", 1));
	unsigned long hint = 2;
	show(fcntl(mem, F_SETLEASE, F_WRLCK) == -1);
	show(fcntl(fd, F_SET_RW_HINT, &hint));
	hint = 0;
	show(fcntl(fd, F_GET_RW_HINT, &hint));
	printf("hint %lu\n", hint);
	// The lowest free number is given out, and nothing unknown is open.
	close(p[0]), close(p[1]), close(mem), close(fd), close(fd2);
	int open_fds = 0;
	for (int i = 0; i < 256; i++)
		if (fcntl(i, F_GETFD) >= 0)
			open_fds++;
	printf("open %d\n", open_fds);
	for (int i = 0; i < 40; i++)
		dup(0);
	printf("next %d\n", dup(0));
	closefrom(3);
	printf("next %d\n", dup(0));
	close(3);
}

static void attributes(void) {
	puts("== attributes");
	char buf[64];
	if (setxattr("f", "user.a", "value", 5, 0) < 0) {
		puts("none here");
		return;
	}
	show(getxattr("link", "user.a", buf, sizeof buf));
	printf("%.5s\n", buf);
	show(getxattr("f", "user.a", buf, 2));
	show(getxattr("f", "user.a", NULL, 0));
	show(getxattr("f", "user.b", buf, 2));
	show(lgetxattr("link", "user.a", buf, sizeof buf));
	show(setxattr("f", "user.a", "v", 1, XATTR_CREATE));
	show(removexattr("f", "user.a"));
}

static void requests(void) {
	puts("== ioctl");
	int p[2], n = 1;
	pipe(p);
	write(p[1], "12345", 5);
	show(ioctl(p[0], FIONREAD, &n));
	printf("%d\n", n);
	show(ioctl(p[0], FIONREAD, bad));
	n = 1;
	show(ioctl(p[0], FIONBIO, &n));
	printf("%#o\n", fcntl(p[0], F_GETFL) & O_NONBLOCK);
	show(ioctl(p[0], FIOCLEX));
	printf("%d\n", fcntl(p[0], F_GETFD));
	show(ioctl(p[0], FIONCLEX));
	struct winsize ws;
	show(ioctl(p[0], TIOCGWINSZ, &ws));
	show(ioctl(p[0], 0x12345678, &ws));
	show(ioctl(-1, 0x2285, &ws));
	show(ioctl(p[0], 0x2285, &ws));
	int pt = posix_openpt(O_RDWR | O_NOCTTY), unlock = 0, number = -1;
	ws = (struct winsize){25, 81, 3, 4};
	show(ioctl(pt, TIOCSPTLCK, &unlock));
	show(ioctl(pt, TIOCGPTN, &number));
	show(number >= 0);
	show(ioctl(pt, TIOCSWINSZ, &ws));
	memset(&ws, 0, sizeof ws);
	show(ioctl(pt, TIOCGWINSZ, &ws));
	printf("%d %d %d %d\n", ws.ws_row, ws.ws_col, ws.ws_xpixel, ws.ws_ypixel);
	show(isatty(pt));
	show(isatty(p[0]));
	int slave = ioctl(pt, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	show(write(pt, "line\n", 5));
	char buf[16];
	show(read(slave, buf, sizeof buf));
	close(slave), close(pt), close(p[0]), close(p[1]);
	int fd = open("f", O_RDONLY);
	long flags = 0;
	int r = ioctl(fd, _IOR('f', 1, long), &flags);
	printf("flags %d\n", r == 0 || errno == ENOTTY || errno == EOPNOTSUPP);
	close(fd);
}

int main(void) {
	setvbuf(stdout, NULL, _IONBF, 0);
	char dir[] = "/tmp/fileXXXXXX";
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	opening();
	transfers();
	edge();
	status();
	locks();
	attributes();
	requests();
	unlink("f"), unlink("link"), unlink("copy");
	chdir("/");
	show(rmdir(dir));
}
