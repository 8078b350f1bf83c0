//go:build linux

package vfs

import (
	"sync"
	"syscall"
)

// Sizes of pipes (pipe(7)), in bytes.
const (
	PipeBuf     = 4096 // what is written in one piece
	pipeSize    = 64 << 10
	PipeMaxSize = 128 << 10 // less than Linux's: the memory is the embedding program's
)

// Pipe is a pipe, with or without a name. The zero Pipe is empty and has no ends.
type Pipe struct {
	mu               sync.Mutex
	buf              []byte // a ring: n bytes from start
	start, n         int
	limit            int // 0 for pipeSize
	readers, writers int
	everWritten      uint64 // how often an end for writing was opened
	everRead         uint64
	queue            Queue
}

// PipeEnd is a Handle of a pipe.
type PipeEnd struct {
	p            *Pipe
	reads, write bool
	// p.everWritten and p.everRead when it was opened, without itself
	written, read uint64
}

// Open makes an end for what the access mode of flags says.
func (p *Pipe) Open(flags int) *PipeEnd {
	acc := flags & O_ACCMODE
	h := &PipeEnd{p: p, reads: acc != O_WRONLY, write: acc != O_RDONLY}
	p.mu.Lock()
	defer p.queue.Wake(POLLIN | POLLOUT | POLLHUP)
	defer p.mu.Unlock()
	h.written, h.read = p.everWritten, p.everRead
	if h.reads {
		p.readers++
		p.everRead++
	}
	if h.write {
		p.writers++
		p.everWritten++
	}
	return h
}

// hasReader reports whether an end for reading is open.
func (p *Pipe) hasReader() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.readers > 0
}

// Met reports whether the other end has been open since this one is, which open(2) of a
// FIFO waits for.
func (h *PipeEnd) Met() bool {
	p := h.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.reads {
		return p.writers > 0 || p.everWritten != h.written
	}
	return p.readers > 0 || p.everRead != h.read
}

// Stream says that there is no position.
func (h *PipeEnd) Stream() {}

func (h *PipeEnd) Queue() *Queue { return &h.p.queue }

func (h *PipeEnd) Read(b []byte, _ int64) (int, Errno) {
	p := h.p
	p.mu.Lock()
	if p.n == 0 {
		defer p.mu.Unlock()
		if p.writers == 0 || len(b) == 0 {
			return 0, 0
		}
		return 0, syscall.EAGAIN
	}
	n := p.take(b)
	p.mu.Unlock()
	p.queue.Wake(POLLOUT)
	return n, 0
}

// take moves bytes from the ring to b.
func (p *Pipe) take(b []byte) int {
	n := p.peek(b)
	p.start = (p.start + n) % len(p.buf)
	if p.n -= n; p.n == 0 {
		p.start = 0
		if len(p.buf) > 2*PipeBuf { // what is idle shall be small
			p.buf = nil
		}
	}
	return n
}

// peek copies bytes of the ring to b.
func (p *Pipe) peek(b []byte) int {
	n := min(len(b), p.n)
	first := copy(b[:n], p.buf[p.start:])
	copy(b[first:n], p.buf)
	return n
}

// Write writes all of up to PipeBuf bytes or nothing, of more what there is room for.
func (h *PipeEnd) Write(b []byte, _ int64) (int, Errno) {
	p := h.p
	p.mu.Lock()
	room := p.size() - p.n
	switch {
	case p.readers == 0:
		p.mu.Unlock()
		return 0, syscall.EPIPE
	case len(b) == 0:
		p.mu.Unlock()
		return 0, 0
	case room == 0 || len(b) <= PipeBuf && room < len(b):
		p.mu.Unlock()
		return 0, syscall.EAGAIN
	}
	n := min(len(b), room)
	p.put(b[:n])
	p.mu.Unlock()
	p.queue.Wake(POLLIN)
	return n, 0
}

// put appends b to the ring, in which it has room.
func (p *Pipe) put(b []byte) {
	if need := p.n + len(b); need > len(p.buf) {
		buf := make([]byte, min(max(need, 2*len(p.buf), 512), p.size()))
		p.peek(buf)
		p.buf, p.start = buf, 0
	}
	end := (p.start + p.n) % len(p.buf)
	first := copy(p.buf[end:], b)
	copy(p.buf, b[first:])
	p.n += len(b)
}

func (p *Pipe) size() int {
	if p.limit == 0 {
		return pipeSize
	}
	return p.limit
}

// Size is how many bytes the pipe holds (F_GETPIPE_SZ).
func (h *PipeEnd) Size() int {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	return h.p.size()
}

// Resize is F_SETPIPE_SZ: it returns the new size, a power of two of at least a page.
func (h *PipeEnd) Resize(n int) (int, Errno) {
	if n < 0 {
		return 0, syscall.EINVAL
	}
	if n > PipeMaxSize {
		return 0, syscall.EPERM
	}
	size := PipeBuf
	for size < n {
		size *= 2
	}
	h.p.mu.Lock()
	defer h.p.queue.Wake(POLLOUT)
	defer h.p.mu.Unlock()
	if size < h.p.n {
		return 0, syscall.EBUSY
	}
	if len(h.p.buf) > size {
		buf := make([]byte, size)
		h.p.peek(buf)
		h.p.buf, h.p.start = buf, 0
	}
	h.p.limit = size
	return size, 0
}

// Buffered is how many bytes can be read (FIONREAD).
func (h *PipeEnd) Buffered() int {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	return h.p.n
}

func (h *PipeEnd) Poll() Events {
	p := h.p
	p.mu.Lock()
	defer p.mu.Unlock()
	var ev Events
	if h.reads {
		if p.n > 0 {
			ev |= POLLIN
		}
		if p.writers == 0 && p.everWritten != h.written {
			ev |= POLLHUP
		}
	}
	if h.write {
		if p.size()-p.n >= PipeBuf {
			ev |= POLLOUT
		}
		if p.readers == 0 {
			ev |= POLLERR
		}
	}
	return ev
}

func (h *PipeEnd) Close() {
	p := h.p
	p.mu.Lock()
	if h.reads {
		p.readers--
	}
	if h.write {
		p.writers--
	}
	if p.readers+p.writers == 0 {
		p.buf, p.start, p.n = nil, 0, 0
	}
	p.mu.Unlock()
	p.queue.Wake(POLLIN | POLLOUT | POLLHUP | POLLERR)
}
