//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// The standard files. An io.Reader or io.Writer may block for ever; the end of the kernel does not wait
// for it. What it is doing then goes on, on a goroutine of its own, until it returns. A panic of it ends the kernel.

// input reads from an io.Reader when a guest asks for something. It is the reading end of a pipe to guests.
type input struct {
	r     io.Reader
	queue vfs.Queue
	k     *Kernel
	ready bool // r is read at once: tasks have turns, and it does not block

	mu      sync.Mutex // guards what follows
	buf     []byte     // read, but not by a guest
	reading bool       // a goroutine is reading
	err     error      // the reader's last word
	stopped bool
}

// fill begins to read if there is nothing to be read; mu is held.
func (in *input) fill() {
	if len(in.buf) > 0 || in.reading || in.err != nil || in.stopped {
		return
	}
	in.reading = true
	if in.ready {
		in.buf, in.err = in.read()
		in.reading = false
		return
	}
	in.k.Hold()
	go func() {
		b, err := in.read()
		in.mu.Lock()
		in.buf, in.err, in.reading = b, err, false
		in.mu.Unlock()
		in.queue.Wake(vfs.POLLIN)
		in.k.Release()
	}()
}

// read reads once.
func (in *input) read() (_ []byte, err error) {
	b := make([]byte, 32<<10)
	n := 0
	if p := in.k.guard("standard input", func() { n, err = in.r.Read(b) }); p != nil {
		return nil, p
	}
	if n < 0 || n > len(b) { // as other readers of readers say
		n, err = 0, errCount
	}
	return b[:n], err
}

// errCount is what package bufio panics with, which would be the end of all guests.
var errCount = errors.New("a reader has returned an impossible count")

// stop has nothing read any more. A reader that knows deadlines returns at once.
func (in *input) stop() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stopped = true
	if d, ok := in.r.(interface{ SetReadDeadline(time.Time) error }); ok && in.reading {
		_ = d.SetReadDeadline(time.Unix(1, 0))
	}
}

func (in *input) Read(b []byte, _ int64) (int, vfs.Errno) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(b) > 0 {
		in.fill()
	}
	switch {
	case len(in.buf) > 0:
	case len(b) == 0, in.err == io.EOF:
		return 0, 0
	case in.err != nil:
		return 0, syscall.EIO
	default:
		return 0, syscall.EAGAIN
	}
	n := copy(b, in.buf)
	in.buf = in.buf[n:]
	return n, 0
}

func (in *input) Write([]byte, int64) (int, vfs.Errno) { return 0, syscall.EBADF }

func (in *input) Poll() vfs.Events {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.fill()
	switch {
	case len(in.buf) > 0:
		return vfs.POLLIN
	case in.err != nil:
		return vfs.POLLIN | vfs.POLLHUP
	}
	return 0
}

func (in *input) Queue() *vfs.Queue { return &in.queue }
func (in *input) Close()            {}
func (in *input) Stream()           {}

// Buffered is for FIONREAD.
func (in *input) Buffered() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.buf)
}

// output writes to an io.Writer.
type output struct {
	kf *kernelFiles
	w  io.Writer // nil: nowhere
}

func (*output) Read([]byte, int64) (int, vfs.Errno) { return 0, syscall.EBADF }

// Write writes all, to the one writer after the other, within the limit of the kernel.
func (o *output) Write(b []byte, _ int64) (int, vfs.Errno) {
	kf := o.kf
	select {
	case kf.output <- struct{}{}:
	case <-kf.stopped:
		return len(b), 0
	}
	n := len(b)
	if limit := kf.cfg.Output; limit > 0 && kf.written+int64(n) > limit {
		n = int(max(limit-kf.written, 0))
		defer kf.k.Kill(&OutputError{limit})
	}
	kf.written += int64(n)
	if o.w == nil || n == 0 {
		<-kf.output
		return len(b), 0
	}
	own := append([]byte(nil), b[:n]...) // the writer may have it for longer than we do
	done := make(chan written, 1)
	go func() {
		var w written
		if p := kf.k.guard("standard output", func() { w.n, w.err = o.w.Write(own) }); p != nil {
			w.err = p
		}
		<-kf.output
		done <- w
	}()
	select {
	case w := <-done:
		return w.result(n)
	case <-kf.stopped:
		return len(b), 0
	}
}

// written is what a writer has returned.
type written struct {
	n   int
	err error
}

// result is that of write(2) of n bytes: what has been written comes before the error that has kept the rest from it. Whoever
// writes less must say why (io.Writer), but not all do.
func (w written) result(n int) (int, vfs.Errno) {
	switch {
	case w.n > 0 && w.n <= n:
		return w.n, 0
	case w.err != nil:
		return 0, writeErrno(w.err)
	}
	return 0, syscall.EIO
}

// writeErrno is what a guest is told of an error of a writer's.
func writeErrno(err error) syscall.Errno {
	if err == io.ErrClosedPipe || errnoOf(err) == syscall.EPIPE {
		return syscall.EPIPE
	}
	return errnoOf(err)
}

func (*output) Poll() vfs.Events  { return vfs.POLLOUT }
func (*output) Queue() *vfs.Queue { return &neverWakes }
func (*output) Close()            {}
func (*output) Stream()           {}

// neverWakes is the queue of what is always ready, but can be polled.
var neverWakes vfs.Queue

// terminal is a standard file that seems to be a terminal: one end or both.
type terminal struct {
	vfs.Handle
	*terminalState
}

// terminalState is what the kernel's terminal keeps.
type terminalState struct {
	mu    sync.Mutex
	attrs termios
	size  WindowSize
	group int32 // in the foreground
}

// Stream says that there is no position.
func (*terminal) Stream() {}

// termios is the kernel's struct termios of asm-generic.
type termios struct {
	Iflag, Oflag, Cflag, Lflag uint32
	Line                       uint8
	CC                         [19]uint8
}

// cooked are the attributes of a terminal that nobody has changed (drivers/tty/tty_io.c, tty_std_termios).
var cooked = termios{
	Iflag: 0x500, Oflag: 0x5, Cflag: 0xbf, Lflag: 0x8a3b,
	CC: [19]uint8{3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22},
}

// winsize is struct winsize.
type winsize struct{ Row, Col, X, Y uint16 }

func (t *Task) terminalIoctl(s *terminal, req uint32, arg uint64) syscall.Errno {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case req == tcgets:
		return t.writeObject(arg, &s.attrs)
	case req >= tcsets && req <= tcsetsf:
		return t.readObject(arg, &s.attrs)
	case req == tiocgwinsz:
		return t.writeObject(arg, &winsize{Row: s.size.Rows, Col: s.size.Columns})
	case req == tiocswinsz:
		var w winsize
		if e := t.readObject(arg, &w); e != 0 {
			return e
		}
		s.size = WindowSize{w.Row, w.Col}
		return 0
	case req == tiocgpgrp:
		return t.writeObject(arg, s.group)
	case req == tiocspgrp:
		return t.readObject(arg, &s.group)
	}
	return syscall.ENOTTY
}

// standardFiles makes the files of descriptors 0, 1 and 2.
func (kf *kernelFiles) standardFiles() []*vfs.File {
	var files []*vfs.File
	now := kf.k.realtime()
	state := &terminalState{attrs: cooked, group: firstID}
	var in vfs.Handle = nothing{}
	if kf.input != nil {
		kf.input.k = kf.k
		_, inMemory := kf.input.r.(interface{ Len() int }) // bytes.Reader, bytes.Buffer, strings.Reader
		kf.input.ready = inMemory && kf.k.turns != nil
		in = kf.input
	}
	for fd, h := range []vfs.Handle{in, &output{kf, kf.cfg.Stdout}, &output{kf, kf.cfg.Stderr}} {
		ino := kf.newIno()
		mode, name, flags := uint32(vfs.S_IFIFO|0o600), fmt.Sprintf("pipe:[%d]", ino), vfs.O_WRONLY
		if fd == 0 {
			flags = vfs.O_RDONLY
		}
		if kf.cfg.Terminal != nil {
			state.size = *kf.cfg.Terminal
			h = &terminal{h, state}
			mode, name = vfs.S_IFCHR|0o620, "/dev/console"
		}
		n := vfs.NewAnon(ino, mode, now, func(int) (vfs.Handle, vfs.Errno) { return h, 0 })
		files = append(files, vfs.OpenHandle(h, n, name, flags))
	}
	return files
}

// nothing is standard input when there is none: its end.
type nothing struct{}

func (nothing) Read([]byte, int64) (int, vfs.Errno)  { return 0, 0 }
func (nothing) Write([]byte, int64) (int, vfs.Errno) { return 0, syscall.EBADF }
func (nothing) Poll() vfs.Events                     { return vfs.POLLIN | vfs.POLLHUP }
func (nothing) Queue() *vfs.Queue                    { return &neverWakes }
func (nothing) Close()                               {}
func (nothing) Stream()                              {}
