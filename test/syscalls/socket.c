// Sockets: families, names, messages, descriptors and credentials in flight, options.
#include "show.h"
#include <arpa/inet.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static char *bad = (char *)8;

static void unix_names(void) {
	puts("== unix");
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"}, got;
	socklen_t n = sizeof got;
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	show(connect(c, (void *)&a, sizeof a));
	show(bind(s, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 5));
	show(bind(s, (void *)&a, sizeof a));
	struct stat st;
	show(stat("sock", &st));
	printf("%d\n", S_ISSOCK(st.st_mode));
	show(getsockname(s, (void *)&got, &n));
	printf("%u %d %s\n", n, got.sun_family, got.sun_path);
	n = 5;
	memset(&got, 0, sizeof got);
	show(getsockname(s, (void *)&got, &n));
	printf("%u %s\n", n, got.sun_path);
	show(getpeername(s, (void *)&got, &n));
	show(getsockname(s, (void *)bad, &n));
	show(getsockname(s, NULL, &n));
	show(getsockname(s, (void *)&got, NULL));
	n = -1;
	show(getsockname(s, (void *)&got, &n));
	show(listen(s, 5));
	show(connect(c, (void *)&a, sizeof a));
	n = sizeof got;
	int conn = accept4(s, (void *)&got, &n, SOCK_NONBLOCK);
	printf("%d %u %#o\n", conn > 0, n, fcntl(conn, F_GETFL) & O_NONBLOCK);
	show(read(conn, &got, 1));
	struct ucred u;
	n = sizeof u;
	show(getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &u, &n));
	printf("%d %d %u\n", u.pid == getpid(), u.uid == getuid(), n);
	show(accept(c, NULL, NULL));
	show(bind(c, (void *)&a, 1));
	show(bind(c, (void *)&a, 1000));
	show(bind(c, (void *)bad, 20));
	close(s), close(c), close(conn);
	show(unlink("sock"));
	// The abstract name space and autobind.
	memset(&a, 0, sizeof a);
	a.sun_family = AF_UNIX;
	snprintf(a.sun_path + 1, 60, "hospes-test-%d", getpid());
	s = socket(AF_UNIX, SOCK_DGRAM, 0), c = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t len = 3 + strlen(a.sun_path + 1);
	show(bind(s, (void *)&a, len));
	show(sendto(c, "datagram", 8, 0, (void *)&a, len));
	char buf[32];
	n = sizeof got;
	show(recvfrom(s, buf, 4, MSG_TRUNC, (void *)&got, &n));
	printf("%.4s %u\n", buf, n);
	show(sendto(c, "x", 1, 0, (void *)bad, 10));
	show(sendto(c, bad, 10, 0, (void *)&a, len));
	show(recvfrom(s, buf, 4, MSG_DONTWAIT, NULL, NULL));
	sa_family_t autobind = AF_UNIX;
	show(bind(c, (void *)&autobind, sizeof autobind));
	show(sendto(c, "", 0, 0, (void *)&a, len));
	n = sizeof got;
	show(recvfrom(s, buf, 4, 0, (void *)&got, &n));
	printf("%u %d\n", n, got.sun_path[0]);
	close(s), close(c);
}

static void messages(void) {
	puts("== messages");
	int p[2], sp[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, sp);
	int on = 1;
	show(setsockopt(sp[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	pipe(p);
	write(p[1], "through", 7);
	union {
		struct cmsghdr h;
		char room[256];
	} ctl;
	char a[3], b[8];
	struct iovec out[2] = {{"abc", 3}, {"defgh", 5}}, in[2] = {{a, 3}, {b, 8}};
	struct msghdr m = {.msg_iov = out, .msg_iovlen = 2, .msg_control = &ctl, .msg_controllen = CMSG_SPACE(8)};
	memset(&ctl, 0, sizeof ctl);
	ctl.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&ctl.h), (int[]){p[0], 0}, 8);
	show(sendmsg(sp[0], &m, 0));
	m = (struct msghdr){.msg_iov = in, .msg_iovlen = 2, .msg_control = &ctl, .msg_controllen = sizeof ctl, .msg_flags = 99};
	show(recvmsg(sp[1], &m, MSG_CMSG_CLOEXEC));
	printf("%.3s|%.5s control %d flags %#x name %u\n", a, b, (int)m.msg_controllen, m.msg_flags, m.msg_namelen);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_type == SCM_CREDENTIALS) {
			struct ucred *u = (void *)CMSG_DATA(h);
			printf("credentials %d %d %d\n", u->pid == getpid(), u->uid == getuid(), u->gid == getgid());
		} else {
			int fds[2];
			memcpy(fds, CMSG_DATA(h), sizeof fds);
			show(read(fds[0], b, 8));
			printf("%.7s cloexec %d\n", b, fcntl(fds[1], F_GETFD));
			close(fds[0]), close(fds[1]);
		}
	}
	ctl.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	for (int fd = 48; fd < 64; fd++) { // all closed
		*(int *)CMSG_DATA(&ctl.h) = fd;
		m = (struct msghdr){.msg_iov = out, .msg_iovlen = 2, .msg_control = &ctl, .msg_controllen = CMSG_SPACE(4)};
		if (sendmsg(sp[0], &m, 0) != -1 || errno != EBADF)
			printf("descriptor %d went through\n", fd);
	}
	m = (struct msghdr){.msg_iov = out, .msg_iovlen = 5000};
	show(sendmsg(sp[0], &m, 0));
	m = (struct msghdr){.msg_iov = (void *)bad, .msg_iovlen = 1};
	show(sendmsg(sp[0], &m, 0));
	show(sendmsg(sp[0], (void *)bad, 0));
	show(recvmsg(sp[0], (void *)bad, 0));
	show(send(sp[0], "oob", 3, MSG_NOSIGNAL));
	show(recv(sp[1], b, 8, MSG_PEEK));
	show(recv(sp[1], b, 8, 0));
	show(recv(sp[1], b, 8, MSG_DONTWAIT));
	show(shutdown(sp[0], SHUT_WR));
	show(recv(sp[1], b, 8, 0));
	show(shutdown(sp[0], 99));
	close(sp[1]);
	show(send(sp[0], "x", 1, MSG_NOSIGNAL));
	close(sp[0]), close(p[0]), close(p[1]);

	socketpair(AF_UNIX, SOCK_DGRAM, 0, sp);
	struct iovec v[3] = {{"one", 3}, {"three", 5}, {"", 0}}, w[3] = {{a, 3}, {b, 8}, {b, 8}};
	struct mmsghdr mm[3] = {{{.msg_iov = v, .msg_iovlen = 1}}, {{.msg_iov = v + 1, .msg_iovlen = 1}}, {{.msg_iov = v + 2, .msg_iovlen = 1}}};
	show(sendmmsg(sp[0], mm, 3, 0));
	printf("%u %u %u\n", mm[0].msg_len, mm[1].msg_len, mm[2].msg_len);
	struct mmsghdr rm[4] = {{{.msg_iov = w, .msg_iovlen = 1}}, {{.msg_iov = w + 1, .msg_iovlen = 1}}, {{.msg_iov = w + 2, .msg_iovlen = 1}}};
	show(recvmmsg(sp[1], rm, 2, 0, NULL));
	printf("%u %u %.3s %.5s\n", rm[0].msg_len, rm[1].msg_len, a, b);
	show(recvmmsg(sp[1], rm, 3, MSG_WAITFORONE, &(struct timespec){1, 0}));
	printf("%u\n", rm[0].msg_len);
	show(recvmmsg(sp[1], rm, 3, MSG_DONTWAIT, NULL));
	show(recvmmsg(sp[1], (void *)bad, 3, MSG_DONTWAIT, NULL));
	show(sendmmsg(sp[0], (void *)bad, 1, 0));
	close(sp[0]), close(sp[1]);
}

static void *client(void *port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = (in_port_t)(long)port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int c = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(c, (void *)&a, sizeof a))
		perror("connect");
	char buf[100000];
	memset(buf, 'z', sizeof buf);
	write(c, buf, sizeof buf);
	shutdown(c, SHUT_WR);
	while (read(c, buf, sizeof buf) > 0)
		;
	close(c);
	return NULL;
}

static void inet(void) {
	puts("== inet");
	int s = socket(AF_INET, SOCK_STREAM, 0), v = 1;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, peer;
	socklen_t n = sizeof a;
	show(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &v, sizeof v));
	show(bind(s, (void *)&a, sizeof a));
	show(getsockname(s, (void *)&a, &n));
	printf("%u %d %s\n", n, a.sin_port != 0, inet_ntoa(a.sin_addr));
	show(listen(s, 1));
	pthread_t th;
	pthread_create(&th, NULL, client, (void *)(long)a.sin_port);
	n = sizeof peer;
	int c = accept(s, (void *)&peer, &n);
	printf("%d %u %d\n", c > 0, n, peer.sin_family);
	static char buf[1 << 16];
	long total = 0, got;
	while ((got = recvfrom(c, buf, sizeof buf, 0, (void *)&peer, &n)) > 0)
		total += got;
	printf("%ld bytes, address size %u\n", total, n);
	show(send(c, "bye", 3, 0));
	struct tcp_info ti;
	n = sizeof ti;
	show(getsockopt(c, IPPROTO_TCP, TCP_INFO, &ti, &n));
	printf("state %d\n", ti.tcpi_state);
	v = 1;
	show(setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &v, sizeof v));
	v = 0, n = sizeof v;
	show(getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &v, &n));
	printf("%d\n", v);
	close(c);
	pthread_join(th, NULL);
	close(s);
	s = socket(AF_INET6, SOCK_DGRAM, 0);
	show(s >= 0 || errno == EAFNOSUPPORT);
	close(s);
}

static void options(void) {
	puts("== options");
	int s = socket(AF_INET, SOCK_DGRAM, 0), v = 0;
	socklen_t n = sizeof v;
	struct timeval tv = {0, 30000}, got;
	show(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
	n = sizeof got;
	show(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &got, &n));
	printf("%d %u\n", got.tv_usec >= 30000, n);
	char buf[16];
	show(recv(s, buf, sizeof buf, 0));
	struct linger l = {1, 5};
	show(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof l));
	memset(&l, 0, sizeof l);
	n = sizeof l;
	show(getsockopt(s, SOL_SOCKET, SO_LINGER, &l, &n));
	printf("%d %d\n", l.l_onoff, l.l_linger);
	n = sizeof v;
	show(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &n));
	printf("%d\n", v == SOCK_DGRAM);
	n = 2;
	show(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &n));
	printf("%u\n", n);
	n = -1;
	show(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &n));
	n = 4;
	show(getsockopt(s, SOL_SOCKET, SO_TYPE, bad, &n));
	show(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, (void *)bad));
	show(getsockopt(s, SOL_SOCKET, 9999, &v, &n));
	show(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, bad, 4));
	show(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &v, 1));
	show(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &v, -1));
	// A filter that drops everything.
	struct sock_filter drop[] = {BPF_STMT(BPF_RET | BPF_K, 0)}, back[4];
	struct sock_fprog prog = {1, drop};
	show(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog));
	n = 4;
	show(getsockopt(s, SOL_SOCKET, SO_GET_FILTER, back, &n));
	printf("%u %#x\n", n, back[0].code);
	show(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, NULL, 0));
	struct ifreq req = {.ifr_name = "lo"};
	show(ioctl(s, SIOCGIFFLAGS, &req));
	printf("loopback %d\n", (req.ifr_flags & IFF_LOOPBACK) != 0);
	show(ioctl(s, SIOCGIFINDEX, &req));
	printf("index %d\n", req.ifr_ifindex);
	struct ifreq list[8];
	struct ifconf conf = {.ifc_len = sizeof list, .ifc_req = list};
	show(ioctl(s, SIOCGIFCONF, &conf));
	int found = 0;
	for (int i = 0; i < conf.ifc_len / (int)sizeof *list; i++)
		found |= strcmp(list[i].ifr_name, "lo") == 0;
	printf("lo found %d\n", found);
	printf("if_nametoindex %u\n", if_nametoindex("lo"));
	close(s);
	show(socket(AF_UNIX, 99, 0));
	show(socket(999, SOCK_STREAM, 0));
	show(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)bad));
}

int main(void) {
	setvbuf(stdout, NULL, _IONBF, 0);
	char dir[] = "/tmp/sockXXXXXX";
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	unix_names();
	messages();
	inet();
	options();
	chdir("/");
	show(rmdir(dir));
}
