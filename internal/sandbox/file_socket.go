//go:build linux

package sandbox

import (
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// Sockets. All are within the sandbox: AF_UNIX, and AF_INET and AF_INET6 on loopback addresses, but for connections that
// FileConfig.Dial makes (file_dial.go). They are of one
// kind inside: what is sent is put into the receiver's queue.

// socketBuffer is how many bytes may wait for a receiver. Like the number of messages, it is less than Linux's: the memory
// is the embedding program's.
const socketBuffer = 128 << 10

// maxRights is how many descriptors one message may have (SCM_MAX_FD).
const maxRights = 253

// socket is a Handle.
type socket struct {
	kf     *kernelFiles
	domain int
	typ    int // SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
	proto  int
	queue  vfs.Queue
	owner  peerCred // who has made it, or called listen(2) or connect(2)

	mu        sync.Mutex // guards what follows; of two sockets, only one that listens is locked before another
	name      *sockName  // bound to it
	peer      *socket    // connected to it
	peerName  []byte     // struct sockaddr
	peerCred  peerCred
	hadPeer   bool
	listening bool
	backlog   []*socket // connected, but not accepted
	most      int       // of backlog

	messages           []message
	bytes              int       // of messages
	blocked            []*socket // datagram sockets that wait for room
	shutRead, shutSend bool
	closed             bool
	err                syscall.Errno // SO_ERROR
	options            map[socketOption]int32
	rcvTimeout         int64 // in nanoseconds; 0 for none
	sndTimeout         int64
}

// message is what has been sent: a datagram, or a part of a stream.
type message struct {
	data  []byte
	from  []byte      // struct sockaddr of the sender
	files []*vfs.File // SCM_RIGHTS
	cred  peerCred
}

// peerCred is struct ucred.
type peerCred struct {
	PID      int32
	UID, GID uint32
}

// cred is who the task is to its peers.
func (t *Task) cred() peerCred {
	t.K.mu.Lock()
	defer t.K.mu.Unlock()
	return peerCred{int32(t.P.Pid), t.P.cred.uid.effective, t.P.cred.gid.effective}
}

func (s *socket) isStream() bool { return s.typ == unix.SOCK_STREAM }

// connects reports whether the type knows connections.
func (s *socket) connects() bool { return s.typ != unix.SOCK_DGRAM }

func (s *socket) Queue() *vfs.Queue { return &s.queue }
func (*socket) Stream()             {}

// Read is recv(2) without flags.
func (s *socket) Read(b []byte, _ int64) (int, vfs.Errno) {
	m, e := s.receive(b, 0)
	m.drop()
	return m.n, e
}

// Write is send(2) without flags.
func (s *socket) Write(b []byte, _ int64) (int, vfs.Errno) {
	return s.send(nil, &message{data: b, cred: s.owner})
}

// Buffered is for FIONREAD: of datagrams, the first one.
func (s *socket) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isStream() && len(s.messages) > 0 {
		return len(s.messages[0].data)
	}
	return s.bytes
}

func (s *socket) Poll() vfs.Events {
	s.mu.Lock()
	var ev vfs.Events
	peer := s.peer
	if len(s.messages) > 0 || len(s.backlog) > 0 || s.shutRead {
		ev |= vfs.POLLIN
	}
	gone := s.connects() && s.hadPeer && peer == nil
	if s.shutRead {
		ev |= vfs.POLLRDHUP
	}
	if s.connects() && (gone || s.shutRead && s.shutSend || !s.hadPeer && !s.listening) {
		ev |= vfs.POLLHUP
	}
	if s.err != 0 {
		ev |= vfs.POLLERR
	}
	if gone {
		ev |= vfs.POLLIN | vfs.POLLOUT | vfs.POLLRDHUP
	}
	if s.connects() && !s.hadPeer && !s.listening || s.shutSend || peer == nil && !s.connects() {
		ev |= vfs.POLLOUT
	}
	s.mu.Unlock()
	if peer != nil && peer.hasRoom(s) {
		ev |= vfs.POLLOUT
	}
	return ev
}

// hasRoom reports whether something may be put into the queue of s, or nobody reads it any more. Otherwise the sender from
// is told when that is so.
func (s *socket) hasRoom(from *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.shutRead || s.bytes < socketBuffer && len(s.messages) < maxMessages {
		return true
	}
	s.block(from)
	return false
}

// block has from told when there is room in the queue of s, which is locked. The peer of a connection is told anyway.
func (s *socket) block(from *socket) {
	if !s.connects() && !slices.Contains(s.blocked, from) {
		s.blocked = append(s.blocked, from)
	}
}

// send puts a message into the queue of to, or of the peer if that is nil. A stream takes what there is room for. The message
// is taken over if it has been sent.
func (s *socket) send(to *socket, m *message) (int, syscall.Errno) {
	s.mu.Lock()
	if to == nil {
		to = s.peer
	}
	e := syscall.Errno(0)
	switch {
	case s.shutSend, s.connects() && s.hadPeer && to == nil:
		e = syscall.EPIPE
	case to == nil:
		e = syscall.ENOTCONN
	}
	if s.name != nil {
		m.from = s.name.addr
	}
	s.mu.Unlock()
	if e != 0 {
		return 0, e
	}
	n, e := to.put(s, m)
	if e == 0 {
		to.queue.Wake(vfs.POLLIN)
	}
	return n, e
}

// put is the receiver's half of send.
func (s *socket) put(from *socket, m *message) (int, syscall.Errno) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, room := len(m.data), socketBuffer-s.bytes
	switch {
	case s.closed && !s.connects():
		return 0, syscall.ECONNREFUSED
	case s.closed, s.shutRead:
		return 0, syscall.EPIPE
	case s.isStream() && n > 0:
		if n = min(n, room); n <= 0 {
			return 0, syscall.EAGAIN
		}
	case n > socketBuffer:
		return 0, syscall.EMSGSIZE
	case n > room || len(s.messages) >= maxMessages:
		s.block(from)
		return 0, syscall.EAGAIN
	case s.isStream() && len(m.files) == 0:
		return 0, 0
	}
	if last := len(s.messages) - 1; s.isStream() && last >= 0 && len(m.files)+len(s.messages[last].files) == 0 && s.messages[last].cred == m.cred {
		s.messages[last].data = append(s.messages[last].data, m.data[:n]...)
	} else {
		own := *m
		own.data = append([]byte(nil), m.data[:n]...)
		s.messages = append(s.messages, own)
		if len(m.files) > 0 {
			s.kf.sockets.carries(s)
		}
	}
	s.bytes += n
	return n, 0
}

// maxMessages is how many datagrams may wait, however short they are.
const maxMessages = 256

// received is what receive has found.
type received struct {
	n     int  // bytes
	size  int  // of the datagram
	more  bool // there is a message at all
	files []*vfs.File
	from  []byte
	cred  peerCred
}

// drop closes files that nobody takes.
func (r *received) drop() {
	for _, f := range r.files {
		f.Unref()
	}
	r.files = nil
}

// receive takes bytes out of the queue: of datagrams one, of a stream what there is, up to the end of the first one with files.
// With MSG_PEEK it stays.
func (s *socket) receive(b []byte, flags int) (r received, e syscall.Errno) {
	s.mu.Lock()
	if s.connects() && !s.hadPeer {
		s.mu.Unlock()
		if s.isStream() && s.domain == unix.AF_UNIX {
			return r, syscall.EINVAL
		}
		return r, syscall.ENOTCONN
	}
	if len(s.messages) == 0 {
		defer s.mu.Unlock()
		switch {
		case s.err != 0:
			e, s.err = s.err, 0
			return r, e
		case s.shutRead, s.connects() && s.peer == nil, len(b) == 0 && s.isStream():
			return r, 0
		}
		return r, syscall.EAGAIN
	}
	r.take(s, b, flags&unix.MSG_PEEK != 0)
	var wake []*socket
	if flags&unix.MSG_PEEK == 0 {
		wake, s.blocked = s.blocked, nil
		if s.peer != nil {
			wake = append(wake, s.peer)
		}
	}
	s.mu.Unlock()
	for _, o := range wake {
		o.queue.Wake(vfs.POLLOUT)
	}
	return r, 0
}

// take copies to b from the queue of s, which is locked and not empty.
func (r *received) take(s *socket, b []byte, peek bool) {
	first := &s.messages[0]
	r.more, r.from, r.cred, r.size = true, first.from, first.cred, len(first.data)
	if !s.isStream() || peek {
		r.n = copy(b, first.data)
		r.files = reffed(first.files)
		if !peek {
			s.bytes -= len(first.data)
			s.next()
		}
		return
	}
	for len(s.messages) > 0 && s.messages[0].cred == r.cred && len(r.files) == 0 && (r.n < len(b) || len(b) == 0) {
		m := &s.messages[0]
		r.files = reffed(m.files)
		m.dropFiles(s)
		n := copy(b[r.n:], m.data)
		r.n += n
		s.bytes -= n
		if m.data = m.data[n:]; len(m.data) > 0 {
			return
		}
		s.next()
	}
}

// reffed is a list with references of its own.
func reffed(files []*vfs.File) (list []*vfs.File) {
	for _, f := range files {
		list = append(list, f.Ref())
	}
	return list
}

// next drops the first message.
func (s *socket) next() {
	s.messages[0].dropFiles(s)
	if s.messages = s.messages[1:]; len(s.messages) == 0 {
		s.messages = nil
	}
}

// dropFiles lets go of the files of a message in the queue of s.
func (m *message) dropFiles(s *socket) {
	for _, f := range m.files {
		s.kf.open.Add(-1)
		f.Unref()
	}
	m.files = nil
}

// Close ends the connection.
func (s *socket) Close() {
	s.mu.Lock()
	s.closed = true
	peer, messages, backlog := s.peer, s.messages, s.backlog
	s.peer, s.messages, s.backlog = nil, nil, nil
	name := s.name
	s.mu.Unlock()
	s.kf.sockets.remove(s, name)
	for _, m := range messages {
		m.dropFiles(s)
	}
	if peer != nil && s.connects() {
		peer.lose(s, len(messages) > 0)
	}
	for _, c := range backlog {
		c.Close()
	}
	s.queue.Wake(vfs.POLLIN | vfs.POLLOUT | vfs.POLLHUP)
}

// lose is what the peer's end does. unread: it has not read all that was sent to it.
func (s *socket) lose(peer *socket, unread bool) {
	s.mu.Lock()
	if s.peer == peer {
		s.peer = nil
		if unread {
			s.err = syscall.ECONNRESET
		}
	}
	s.mu.Unlock()
	s.queue.Wake(vfs.POLLIN | vfs.POLLOUT | vfs.POLLHUP | vfs.POLLRDHUP)
}

// pair connects two sockets.
func pair(a, b *socket) {
	for _, p := range [][2]*socket{{a, b}, {b, a}} {
		p[0].mu.Lock()
		p[0].peer, p[0].hadPeer, p[0].peerCred = p[1], true, p[1].owner
		p[0].mu.Unlock()
	}
}

// shutdown is shutdown(2).
func (s *socket) shutdown(how int) syscall.Errno {
	if how < unix.SHUT_RD || how > unix.SHUT_RDWR {
		return syscall.EINVAL
	}
	s.mu.Lock()
	peer := s.peer
	if s.connects() && !s.hadPeer && !s.listening {
		s.mu.Unlock()
		return syscall.ENOTCONN
	}
	read, send := how != unix.SHUT_WR, how != unix.SHUT_RD
	s.shutRead, s.shutSend = s.shutRead || read, s.shutSend || send
	s.mu.Unlock()
	s.queue.Wake(vfs.POLLIN | vfs.POLLOUT | vfs.POLLRDHUP | vfs.POLLHUP)
	if peer != nil && s.connects() {
		peer.mu.Lock()
		peer.shutRead, peer.shutSend = peer.shutRead || send, peer.shutSend || read
		peer.mu.Unlock()
		peer.queue.Wake(vfs.POLLIN | vfs.POLLOUT | vfs.POLLRDHUP | vfs.POLLHUP)
	}
	return 0
}

// accept takes a connection out of the backlog.
func (s *socket) accept() (*socket, syscall.Errno) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.connects():
		return nil, syscall.EOPNOTSUPP
	case !s.listening, s.shutRead:
		return nil, syscall.EINVAL
	case len(s.backlog) == 0:
		return nil, syscall.EAGAIN
	}
	c := s.backlog[0]
	s.backlog = s.backlog[1:]
	return c, 0
}

// connect makes a connection to a socket that listens. ECONNREFUSED: it does not.
func (s *socket) connect(to *socket, name []byte) syscall.Errno {
	s.mu.Lock()
	e := syscall.Errno(0)
	switch {
	case s.listening:
		e = syscall.EINVAL
	case s.hadPeer:
		e = syscall.EISCONN
	}
	var own []byte
	if s.name != nil {
		own = s.name.addr
	}
	s.mu.Unlock()
	if e != 0 {
		return e
	}
	server := &socket{kf: s.kf, domain: s.domain, typ: s.typ, proto: s.proto, peerName: own}
	to.mu.Lock()
	switch {
	case !to.listening || to.closed || to.shutRead:
		e = syscall.ECONNREFUSED
	case len(to.backlog) > to.most:
		e = syscall.EAGAIN
	}
	if e != 0 {
		to.mu.Unlock()
		return e
	}
	server.owner, server.name = to.owner, to.name
	pair(s, server)
	to.backlog = append(to.backlog, server)
	to.mu.Unlock()
	s.mu.Lock()
	s.peerName = name
	s.mu.Unlock()
	to.queue.Wake(vfs.POLLIN)
	s.queue.Wake(vfs.POLLOUT)
	return 0
}
