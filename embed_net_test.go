//go:build linux

package hospes_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hospes-vm/hospes"
)

// client sends lines to an address outside, and prints what comes back.
const client = `
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
	inet_aton(argv[1], &a.sin_addr);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(s, (void *)&a, sizeof a)) { printf("connect: %s\n", strerror(errno)); return 1; }
	static char b[1 << 20];
	long size = atol(argv[3]), sent = 0, got = 0;
	if (fork() == 0) {
		memset(b, 'x', sizeof b);
		while (sent < size) sent += write(s, b, size - sent < sizeof b ? size - sent : sizeof b);
		shutdown(s, SHUT_WR);
		_exit(0);
	}
	for (long n; (n = read(s, b, sizeof b)) > 0;) got += n;
	printf("%ld bytes\n", got);
	return 0;
}`

// TestDial: connections that the embedder makes for a guest, refuses, and has not been asked for.
func TestDial(t *testing.T) {
	m := build(t, client)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer server.Close()
	go func() { // gives back what it gets
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	var asked atomic.Value
	dial := func(ctx context.Context, network, address string) (io.ReadWriteCloser, error) {
		asked.Store(network + " " + address)
		if strings.HasSuffix(address, ":81") {
			return nil, fmt.Errorf("not there: %w", syscall.ECONNREFUSED)
		}
		return new(net.Dialer).DialContext(ctx, network, server.Addr().String())
	}
	run := func(port, size string, dial func(context.Context, string, string) (io.ReadWriteCloser, error)) string {
		var out bytes.Buffer
		_ = instantiate(t, m, hospes.Options{Args: []string{"client", "192.0.2.1", port, size}, Stdout: &out, Dial: dial}).Run(within(t))
		return out.String()
	}
	if got := run("80", "3000000", dial); got != "3000000 bytes\n" || asked.Load() != "tcp 192.0.2.1:80" {
		t.Errorf("%s, asked for %v", got, asked.Load())
	}
	if got := run("81", "1", dial); got != "connect: Connection refused\n" {
		t.Error(got)
	}
	if got := run("80", "1", nil); got != "connect: Network is unreachable\n" {
		t.Error(got)
	}
}
