//go:build linux

package sandbox

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// A connection that leads out of the sandbox is made by FileConfig.Dial. To the guest it is one like others: its socket has a
// peer within the sandbox, between which and the host two goroutines carry what is sent. connect(2) waits until there
// is a connection, also of sockets that do not block.

// outward is a connection of the host's.
type outward struct {
	k      *Kernel
	peer   *socket // of the guest's socket
	conn   io.ReadWriteCloser
	copies sync.WaitGroup
	done   chan struct{}
}

// dial connects a socket to an address outside.
func (t *Task) dial(s *socket, name []byte) syscall.Errno {
	a, e := inetAddr(s.domain, name)
	if e != 0 {
		return e
	}
	s.mu.Lock()
	switch {
	case s.listening:
		e = syscall.EINVAL
	case s.hadPeer:
		e = syscall.EISCONN
	}
	s.mu.Unlock()
	if e != 0 {
		return e
	}
	conn, e := t.dialed(a.String(), t.until(s.timeout(true)))
	if e != 0 {
		return e
	}
	o := &outward{k: t.K, peer: &socket{kf: s.kf, domain: s.domain, typ: s.typ, proto: s.proto}, conn: conn, done: make(chan struct{})}
	pair(s, o.peer)
	s.mu.Lock()
	s.peerName = name
	s.mu.Unlock()
	t.K.Hold()
	o.copies.Go(func() { _ = o.k.guard("connection", o.out) })
	o.copies.Go(func() { _ = o.k.guard("connection", o.in) })
	go func() { _ = o.k.guard("connection", o.end) }()
	s.queue.Wake(vfs.POLLOUT)
	return 0
}

// dialed waits until there is a connection to an address.
func (t *Task) dialed(address string, until int64) (io.ReadWriteCloser, syscall.Errno) {
	type result struct {
		conn io.ReadWriteCloser
		err  error
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	made := make(chan result, 1)
	t.K.Hold() // a fake clock waits for it
	defer t.K.Release()
	go func() {
		r := result{err: syscall.ECONNABORTED}
		_ = t.K.guard("Dial", func() { r.conn, r.err = t.K.files.cfg.Dial(ctx, "tcp", address) })
		made <- r
		t.Wake()
	}()
	for {
		select {
		case r := <-made:
			return r.conn, dialErrno(r.err)
		default:
		}
		if e := t.sleep(until); e != 0 {
			go func() {
				if r := <-made; r.err == nil {
					_ = r.conn.Close()
				}
			}()
			if e == ERESTARTSYS {
				e = syscall.EINTR
			}
			return nil, timedOut(e)
		}
	}
}

// dialErrno is what connect(2) says of an error.
func dialErrno(err error) syscall.Errno {
	var e syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e) && e != 0:
		return e
	}
	return syscall.EHOSTUNREACH
}

// wait calls try until it has an answer, or the kernel ends.
func (o *outward) wait(ev vfs.Events, try func() (int, syscall.Errno)) (int, syscall.Errno) {
	ready := make(chan struct{}, 1)
	w := vfs.Waiter{Events: ev, Wake: func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	}}
	o.peer.queue.Add(&w)
	defer o.peer.queue.Remove(&w)
	for {
		n, e := try()
		if e != syscall.EAGAIN {
			return n, e
		}
		select {
		case <-ready:
		case <-o.k.files.stopped:
			return 0, syscall.ECONNABORTED
		}
	}
}

// out carries what the guest sends.
func (o *outward) out() {
	b := make([]byte, 32<<10)
	for {
		n, e := o.wait(vfs.POLLIN, func() (int, syscall.Errno) {
			r, e := o.peer.receive(b, 0)
			return r.n, e
		})
		if n == 0 || e != 0 {
			break
		}
		if _, err := o.conn.Write(b[:n]); err != nil {
			o.peer.Close()
			return
		}
	}
	o.peer.mu.Lock()
	half := o.peer.peer != nil // by shutdown(2), not close(2)
	o.peer.mu.Unlock()
	if c, ok := o.conn.(interface{ CloseWrite() error }); ok && half {
		_ = c.CloseWrite()
	} else if !half {
		_ = o.conn.Close()
	}
}

// in carries what comes from outside.
func (o *outward) in() {
	b := make([]byte, 32<<10)
	for {
		n, err := o.conn.Read(b)
		for done := 0; done < n; {
			sent, e := o.wait(vfs.POLLOUT, func() (int, syscall.Errno) { return o.peer.send(nil, &message{data: b[done:n]}) })
			if e != 0 {
				_ = o.conn.Close() // the guest does not want it any more
				return
			}
			done += sent
		}
		switch {
		case err == io.EOF:
			_ = o.peer.shutdown(unix.SHUT_WR)
			return
		case err != nil:
			o.peer.Close()
			return
		}
	}
}

// end waits for both to end, or for the kernel to.
func (o *outward) end() {
	go func() {
		o.copies.Wait()
		close(o.done)
	}()
	select {
	case <-o.done:
		o.k.Release()
	case <-o.k.files.stopped:
	}
	_ = o.conn.Close()
	o.peer.Close()
}
