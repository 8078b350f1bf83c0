package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/gdbstub"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/inferior"
	"github.com/hospes-vm/hospes/internal/reserved"
)

// The debugger is a process of its own, that traces the guest. With -g the guest starts it, but is
// not its parent: it would be a child that the guest does not expect.

// socket is a connected socket.
type socket int

func (s socket) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(s), b)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

func (s socket) Write(b []byte) (done int, err error) {
	for done < len(b) {
		n, err := unix.SendmsgN(int(s), b[done:], nil, nil, unix.MSG_NOSIGNAL)
		if err != nil && err != unix.EINTR {
			return done, err
		}
		done += max(n, 0)
	}
	return done, nil
}

// listen opens the socket that GDB connects to, if any.
func (d debugAddress) listen() (fd int, err error) {
	if !d.wanted() {
		return -1, nil
	}
	family, sa := unix.AF_UNIX, unix.Sockaddr(&unix.SockaddrUnix{Name: d.path})
	if d.path == "" {
		family, sa = inet(d.addr)
	}
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, err
	}
	if d.path == "" {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	} else if isSocket(d.path) && !accepts(sa) {
		_ = unix.Unlink(d.path) // nobody listens there any more
	}
	if err = unix.Bind(fd, sa); err == nil {
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("cannot listen at %s: %w", d, err)
	}
	if d.path == "" && d.addr.Port() == 0 {
		_, _ = fmt.Fprintf(os.Stderr, "hospes: GDB may connect to %s\n", localAddress(fd))
	}
	return fd, nil
}

func (d debugAddress) String() string {
	if d.path != "" {
		return d.path
	}
	return d.addr.String()
}

func inet(a netip.AddrPort) (family int, sa unix.Sockaddr) {
	if a.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func localAddress(fd int) netip.AddrPort {
	sa, _ := unix.Getsockname(fd)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func isSocket(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK
}

// accepts reports whether somebody listens at a socket.
func accepts(sa unix.Sockaddr) bool {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	return unix.Connect(fd, sa) == nil
}

// Descriptors of a debugger that a guest has started.
const (
	listenFD = 3
	reportFD = 4
)

// awaited is the channel that is closed when the debugger is ready that has started this program, if one has.
func awaited() (chan struct{}, error) {
	if os.Getenv(debuggerVar) != awaitedDebugger {
		return nil, nil
	}
	_ = os.Unsetenv(debuggerVar)
	return awaitDebugger(listenFD, false)
}

// start starts the debugger of this process, with the socket that listen has opened, if there is to be one.
// The program waits for it until the channel is closed, if there is one.
func (d debugAddress) start(l int) (chan struct{}, error) {
	if l < 0 {
		return nil, nil
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		_ = unix.Close(l)
		return nil, err
	}
	p, err := spawn(os.Getpid(), debugger{suspend: !d.runs, path: d.path}.text(startDebugger), &syscall.SysProcAttr{Setsid: true}, uintptr(l), uintptr(pipe[1]))
	if err == nil {
		_, err = p.Wait()
	}
	if err != nil {
		_ = unix.Close(pipe[0])
		return nil, fmt.Errorf("cannot start the debugger: %w", err)
	}
	return awaitDebugger(pipe[0], d.runs)
}

// spawn starts the debugger of a process, with more descriptors, which are closed here.
func spawn(pid int, how string, sys *syscall.SysProcAttr, fds ...uintptr) (*os.Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	attr := &os.ProcAttr{Files: []*os.File{null, null, os.Stderr}, Env: append(os.Environ(), debuggerVar+"="+how), Sys: sys}
	for _, fd := range fds {
		f := os.NewFile(fd, "")
		defer f.Close()
		attr.Files = append(attr.Files, f)
	}
	return os.StartProcess("/proc/self/exe", []string{"hospes", "attach", strconv.Itoa(pid)}, attr)
}

// awaitDebugger reads what the debugger reports: its process ID, and what has failed. The channel
// is closed when it reports no more: it has attached itself, or has ended.
func awaitDebugger(fd int, runs bool) (chan struct{}, error) {
	r, err := reserved.Keep(fd)
	if err != nil {
		return nil, err
	}
	pid, err := readLine(r.Int())
	if n, e := strconv.Atoi(pid); e == nil && err == nil {
		_ = unix.Prctl(unix.PR_SET_PTRACER, uintptr(n), 0, 0, 0)
	}
	if runs || err != nil {
		_ = r.Close()
		return nil, err
	}
	released := make(chan struct{})
	go func() {
		if text, _ := readLine(r.Int()); text != "" {
			fail(exitFailure, errors.New(text))
		}
		_ = r.Close()
		close(released)
	}()
	return released, nil
}

// readLine reads up to the end of a line, or of everything.
func readLine(fd int) (string, error) {
	var line strings.Builder
	for {
		var b [1]byte
		_, err := socket(fd).Read(b[:])
		switch {
		case err == io.EOF || err == nil && b[0] == '\n':
			return line.String(), nil
		case err != nil:
			return "", err
		}
		line.WriteByte(b[0])
	}
}

// debuggerVar is the environment variable by which a debugger knows that a guest has started it, or the other way round.
const debuggerVar = "HOSPES_DEBUGGER"

// The first word of its value: the process is to start another one, which is nobody's child then.
const (
	startDebugger   = "start"
	startedDebugger = "started"
	// In a program that a debugger has started, which is to wait for it.
	awaitedDebugger = "await"
)

var attachTable = []option{
	{"g, gdb", "", "ADDRESS", "where GDB connects to: PORT, HOST:PORT or a socket /PATH; with ,suspend=n as often as it likes", func(o *opts, v string) (err error) {
		o.debug, err = parseDebugAddress(v)
		return err
	}},
}

// attach is the command: a debugger for a process, or for what GDB starts, or attaches to, itself.
func attach(o *opts, args []string) error {
	var pid int
	if len(args) == 1 {
		pid, _ = strconv.Atoi(args[0])
	}
	if starts := len(args) == 0 && o.debug.wanted(); pid <= 0 && !starts {
		return usageError{errors.New("the ID of a process is wanted")}
	}
	a := debugger{pid: pid, address: o.debug, report: -1}
	how, ok := os.LookupEnv(debuggerVar)
	_ = os.Unsetenv(debuggerVar)
	if ok && a.parse(how) == startDebugger {
		return a.restart()
	}
	return a.run()
}

// debugger is what the command attach does.
type debugger struct {
	pid     int // 0 for none yet
	address debugAddress
	created bool   // the process has started it, and passes descriptors
	suspend bool   // GDB comes once, and that process waits
	path    string // of the socket, to be removed at the end

	report int // descriptor for reports; -1 for none
}

// text is what a debugger is told that a guest starts.
func (a debugger) text(how string) string {
	return fmt.Sprintf("%s %t %s", how, a.suspend, a.path)
}

// parse is the inverse; it returns the first word.
func (a *debugger) parse(text string) string {
	part := strings.SplitN(text, " ", 3)
	if len(part) == 3 {
		a.created, a.suspend, a.path = true, part[1] == "true", part[2]
	}
	return part[0]
}

// restart starts the debugger as nobody's child.
func (a *debugger) restart() error {
	_ = unix.CloseRange(reportFD+1, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	_ = os.Chdir("/")
	_, err := spawn(a.pid, a.text(startedDebugger), nil, listenFD, reportFD)
	return err
}

// run waits for GDB, as often as it comes while the process lives.
func (a *debugger) run() error {
	listener := -1
	switch {
	case a.created:
		listener, a.report = listenFD, reportFD
		_, _ = fmt.Fprintf(socketWriter(a.report), "%d\n", os.Getpid())
		if !a.suspend {
			a.reported(nil)
		}
	case !a.address.wanted():
		if err := a.serve(stdio{}); err != gdbstub.ErrExit {
			return err
		}
		return nil
	default:
		var err error
		if a.pid != 0 {
			err = inferior.Check(a.pid) // nobody is to wait for what cannot be debugged
		}
		if err == nil {
			listener, err = a.address.listen()
		}
		if err != nil {
			return err
		}
		a.path, a.suspend = a.address.path, a.pid != 0 && !a.address.runs
	}
	if a.path != "" {
		defer func() { _ = unix.Unlink(a.path) }()
	}
	for {
		conn, err := a.accept(listener)
		if err != nil {
			return a.reported(err)
		}
		if conn < 0 {
			return a.reported(nil)
		}
		_ = unix.SetsockoptInt(conn, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		err = a.serve(socket(conn))
		_ = unix.Close(conn)
		if err == gdbstub.ErrExit {
			return nil
		}
		if err != nil || a.suspend {
			return err
		}
	}
}

// accept waits for a connection. It returns -1 if the process ends before.
func (a *debugger) accept(listener int) (int, error) {
	if a.pid == 0 {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		return fd, err
	}
	alive, err := unix.PidfdOpen(a.pid, 0)
	if err != nil {
		return -1, nil
	}
	defer unix.Close(alive)
	for {
		fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: int32(alive), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return -1, err
		}
		switch {
		case fds[1].Revents != 0:
			return -1, nil
		case fds[0].Revents != 0:
			fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
			return fd, err
		}
	}
}

// serve debugs the process until GDB has had enough.
func (a *debugger) serve(conn io.ReadWriter) error {
	t := inferior.New(riscv.Arch, "riscv:rv64")
	t.Launch = a.launch
	if a.pid != 0 {
		err := t.Start(a.pid, a.created && a.suspend)
		if err = a.reported(err); err != nil {
			return err
		}
	}
	return gdbstub.Serve(conn, t)
}

// launch starts a program that waits until release is called. Its standard input and output are those of
// the debugger, if that has any but for GDB.
func (a *debugger) launch(l gdbstub.Launch) (pid int, release func(), err error) {
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	if a.created || !a.address.wanted() {
		if files[0], err = os.Open(os.DevNull); err != nil {
			return 0, nil, err
		}
		defer files[0].Close()
		files[1] = os.Stderr
	}
	waits, tells, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	defer waits.Close()
	env := opts{
		setEnv:   append(l.SetEnv[:len(l.SetEnv):len(l.SetEnv)], debuggerVar+"="+awaitedDebugger),
		unsetEnv: append(l.UnsetEnv[:len(l.UnsetEnv):len(l.UnsetEnv)], "HOSPES_GDB"),
	}
	attr := &os.ProcAttr{Dir: l.Dir, Files: append(files, waits), Env: env.environment(os.Environ())}
	p, err := os.StartProcess("/proc/self/exe", append([]string{"hospes", "--", l.Program}, l.Args...), attr)
	if err != nil {
		_ = tells.Close()
		return 0, nil, err
	}
	_, _ = fmt.Fprintln(tells, os.Getpid())
	return p.Pid, func() { _ = tells.Close() }, nil
}

// reported tells the process that waits of an error, and that it need not wait any more.
func (a *debugger) reported(err error) error {
	if a.report < 0 {
		return err
	}
	if err != nil {
		_, _ = fmt.Fprintln(socketWriter(a.report), err)
		err = errNo // it is told there
	}
	_ = unix.Close(a.report)
	a.report = -1
	return err
}

// socketWriter writes to a descriptor that is no socket.
type socketWriter int

func (w socketWriter) Write(b []byte) (int, error) { return unix.Write(int(w), b) }

// stdio is standard input and output as a connection.
type stdio struct{}

func (stdio) Read(b []byte) (int, error)  { return socket(0).Read(b) }
func (stdio) Write(b []byte) (int, error) { return os.Stdout.Write(b) }
