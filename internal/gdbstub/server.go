package gdbstub

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest"
)

// server is one connection.
type server struct {
	t    Target
	wire *wire

	registers []guest.Register // by GDB's number
	general   ID               // Hg: of registers and memory
	resume    ID               // Hc: of c and s

	multi    bool // IDs have process IDs
	wants    Wants
	last     string // stop reply
	files    map[int]openFile
	fs       int // process whose files are opened; 0 for the current one
	xfer     transferred
	symbols  [len(tlsSymbols)]uint64 // of the C library, where GDB has found them
	launch   Launch
	exit     bool // GDB wants the server to end
	extended bool // GDB stays when nothing is debugged any more
	over     bool
}

// Serve speaks to GDB until it detaches, or all processes have ended, or the connection has, which is no error.
// In the last case, and with ErrExit, processes that were created for GDB are killed, and others let go, as
// those are that GDB does not let go itself.
func Serve(conn io.ReadWriter, t Target) error {
	s := &server{t: t, wire: newWire(conn), files: map[int]openFile{}, last: noProcess}
	for _, f := range t.Features() {
		s.registers = append(s.registers, f.Registers...)
	}
	if list := t.Threads(); len(list) > 0 {
		s.general, s.launch.Program = list[0], t.Exe(list[0].PID)
		s.last = s.stopReply(Event{ID: list[0], Kind: Signal, Signal: sigTrap})
	}
	err := s.serve()
	if err == nil && s.exit {
		err = ErrExit
	}
	for _, f := range s.files {
		_ = f.Close()
	}
	for _, pid := range s.pids() {
		if err != nil && t.Created(pid) {
			t.Kill(pid)
		} else {
			t.Detach(pid)
		}
	}
	if err != errTooLong && err != ErrExit { // GDB has gone
		err = nil
	}
	return err
}

const sigTrap = 5

// noProcess is the stop reply where there is no process.
const noProcess = "W00"

// ErrExit is the end that "monitor exit" has asked for.
var ErrExit = errors.New("GDB has ended the server")

// serve answers packets as long as there are any.
func (s *server) serve() error {
	packets, failed := make(chan string), make(chan error, 1)
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			p, err := s.wire.read()
			if err != nil {
				failed <- err
				return
			}
			select {
			case packets <- p:
			case <-done:
				return
			}
		}
	}()
	for !s.over {
		select {
		case err := <-failed:
			return err
		case p := <-packets:
			if p == interrupt {
				continue // it came too late
			}
			reply, running := s.packet(p)
			if running {
				var err error
				if reply, err = s.run(packets, failed); err != nil {
					return err
				}
			}
			if err := s.wire.write(reply); err != nil {
				return err
			}
			if p == "QStartNoAckMode" {
				s.wire.noAck.Store(true)
			}
		}
	}
	return nil
}

// run waits until everything stops. It returns the stop reply.
func (s *server) run(packets <-chan string, failed <-chan error) (string, error) {
	for {
		select {
		case err := <-failed:
			s.halt()
			return "", err
		case p := <-packets:
			if p == interrupt {
				s.t.Interrupt()
			}
		case <-s.t.Events():
			if e, ok := s.t.Poll(); ok {
				s.last = s.stopReply(e)
				return s.last, nil
			}
		}
	}
}

// halt stops everything when nobody listens any more.
func (s *server) halt() {
	s.t.Interrupt()
	for range s.t.Events() {
		if _, ok := s.t.Poll(); ok {
			return
		}
	}
}

// command answers the packets that begin with its name, of which rest is left.
type command struct {
	name string
	do   func(s *server, rest string) string
}

// Answers.
const (
	ok          = "OK"
	unsupported = ""
	failure     = "E01"
	badRequest  = "E16" // EINVAL
	noMemory    = "E0e" // EFAULT
)

var commands = []command{
	{"?", func(s *server, _ string) string { return s.last }},
	{"!", func(s *server, _ string) string {
		s.extended = true
		return ok
	}},
	{"g", (*server).readRegisters},
	{"G", (*server).writeRegisters},
	{"p", (*server).readRegister},
	{"P", (*server).writeRegister},
	{"m", (*server).readMemory},
	{"x", (*server).readBinary},
	{"M", (*server).writeMemory},
	{"X", (*server).writeBinary},
	{"Z", func(s *server, rest string) string { return s.point(rest, s.t.Insert) }},
	{"z", func(s *server, rest string) string { return s.point(rest, s.t.Remove) }},
	{"H", (*server).choose},
	{"T", (*server).alive},
	{"D", (*server).detach},
	{"k", (*server).kill},
	{"vKill;", (*server).killProcess},
	{"vAttach;", (*server).attach},
	{"vCont?", func(*server, string) string { return "vCont;c;C;s;S;t;r" }},
	{"vRun;", (*server).launched},
	{"vFile:", (*server).file},
}

// packet answers a packet. If it reports true, threads run now, and the answer comes when
// they have stopped.
func (s *server) packet(p string) (reply string, running bool) {
	if action, resumes := s.resumption(p); resumes {
		if action == nil {
			return badRequest, false
		}
		if !s.t.Resume(action) {
			return "N", false
		}
		return "", true
	}
	if p != "" && (p[0] == 'q' || p[0] == 'Q') {
		return s.query(p), false
	}
	for _, c := range commands {
		if rest, is := strings.CutPrefix(p, c.name); is {
			return c.do(s, rest), false
		}
	}
	return unsupported, false
}

// pids are the processes, in order.
func (s *server) pids() (list []int) {
	for _, id := range s.t.Threads() {
		if !slices.Contains(list, id.PID) {
			list = append(list, id.PID)
		}
	}
	return list
}

// id reads the ID of a thread: p1.2, p1, 2; -1 is all of them, 0 any.
func (s *server) id(text string) (id ID, ok bool) {
	part := func(t string) (int, bool) {
		n, err := strconv.ParseInt(t, 16, 64)
		return int(n), err == nil
	}
	if rest, is := strings.CutPrefix(text, "p"); is {
		pid, tid, both := strings.Cut(rest, ".")
		if id.PID, ok = part(pid); !ok {
			return id, false
		}
		id.TID = -1
		if both {
			id.TID, ok = part(tid)
		}
		return id, ok
	}
	id.TID, ok = part(text)
	if id.PID = -1; id.TID > 0 {
		for _, t := range s.t.Threads() {
			if t.TID == id.TID {
				id.PID = t.PID
			}
		}
	}
	return id, ok
}

// covers reports whether id, which may stand for several, is or includes t.
func (id ID) covers(t ID) bool {
	return (id.PID <= 0 || id.PID == t.PID) && (id.TID <= 0 || id.TID == t.TID)
}

// text is an ID as GDB reads it.
func (s *server) text(id ID) string {
	if s.multi {
		return fmt.Sprintf("p%x.%x", id.PID, id.TID)
	}
	return fmt.Sprintf("%x", id.TID)
}

// one is a thread that id stands for.
func (s *server) one(id ID) (ID, bool) {
	for _, t := range s.t.Threads() {
		if id.covers(t) {
			return t, true
		}
	}
	return ID{}, false
}

// choose is H: which thread the next packets are about.
func (s *server) choose(rest string) string {
	if rest == "" {
		return badRequest
	}
	id, valid := s.id(rest[1:])
	if !valid {
		return badRequest
	}
	switch rest[0] {
	case 'c':
		s.resume = id
	case 'g':
		if id.TID <= 0 && id.covers(s.general) && s.isThread(s.general) {
			break
		}
		t, found := s.one(id)
		if !found {
			return failure
		}
		s.general = t
	default:
		return unsupported
	}
	return ok
}

func (s *server) isThread(id ID) bool { return slices.Contains(s.t.Threads(), id) }

// alive is T.
func (s *server) alive(rest string) string {
	if id, valid := s.id(rest); valid && s.isThread(id) {
		return ok
	}
	return failure
}

// detach is D or D;pid.
func (s *server) detach(rest string) string {
	pids := s.pids()
	if text, one := strings.CutPrefix(rest, ";"); one {
		pid, valid := number(text)
		if !valid || !slices.Contains(pids, int(pid)) {
			return failure
		}
		pids = []int{int(pid)}
	}
	for _, pid := range pids {
		if !s.t.Detach(pid) {
			return failure
		}
	}
	s.lost()
	return ok
}

// lost is called when there may be one process less.
func (s *server) lost() {
	if len(s.t.Threads()) == 0 {
		s.over, s.last = !s.extended, noProcess
	}
}

// attach is vAttach;pid.
func (s *server) attach(rest string) string {
	pid, valid := number(rest)
	if !valid || slices.Contains(s.pids(), int(pid)) || !s.t.Attach(int(pid)) {
		return failure
	}
	id, _ := s.one(ID{PID: int(pid)})
	s.last = s.stopReply(Event{ID: id, Kind: Signal})
	return s.last
}

// kill is k: everything ends, and nothing is answered that anybody waits for.
func (s *server) kill(string) string {
	for _, pid := range s.pids() {
		s.t.Kill(pid)
	}
	s.lost()
	return ok
}

func (s *server) killProcess(rest string) string {
	pid, valid := number(rest)
	if !valid || !s.t.Kill(int(pid)) {
		return failure
	}
	s.lost()
	return ok
}
