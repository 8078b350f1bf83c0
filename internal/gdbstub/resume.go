package gdbstub

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// resumption reports whether a packet has threads go on, and how: nil if it makes no sense.
func (s *server) resumption(p string) (action func(ID) (Action, bool), is bool) {
	if p == "" {
		return nil, false
	}
	if rest, is := strings.CutPrefix(p, "vCont;"); is {
		return s.vCont(rest), true
	}
	switch p[0] {
	case 'c', 's', 'C', 'S':
		if strings.Contains(p, ";") { // at another address: GDB writes the pc itself
			return nil, true
		}
		a, valid := parseAction(p)
		if !valid {
			return nil, true
		}
		chosen := s.resume
		return func(id ID) (Action, bool) {
			if chosen.covers(id) {
				return a, true
			}
			return Action{}, true
		}, true
	}
	return nil, false
}

// vCont reads actions with threads: the first that fits a thread is its.
func (s *server) vCont(rest string) func(ID) (Action, bool) {
	type choice struct {
		id   ID
		a    Action
		stop bool
	}
	var list []choice
	for _, part := range strings.Split(rest, ";") {
		what, who, one := strings.Cut(part, ":")
		c := choice{id: ID{-1, -1}}
		valid := true
		if one {
			if c.id, valid = s.id(who); !valid {
				return nil
			}
		}
		if c.stop = what == "t"; !c.stop {
			if c.a, valid = parseAction(what); !valid {
				return nil
			}
		}
		list = append(list, c)
	}
	return func(id ID) (Action, bool) {
		for _, c := range list {
			if c.id.covers(id) {
				return c.a, !c.stop
			}
		}
		return Action{}, false
	}
}

// parseAction reads c, Csig, s, Ssig or rfrom,to.
func parseAction(text string) (a Action, valid bool) {
	if text == "" {
		return a, false
	}
	rest := text[1:]
	switch text[0] {
	case 'c', 's':
		a.Step = text[0] == 's'
		return a, rest == ""
	case 'C', 'S':
		a.Step = text[0] == 'S'
		n, valid := number(rest)
		a.Signal = fromGDB(int(n))
		return a, valid
	case 'r':
		n, valid := numbers(rest, 2)
		if valid {
			a.Step, a.From, a.To = true, n[0], n[1]
		}
		return a, valid
	}
	return a, false
}

// stopReply tells GDB of an event, which makes its thread the current one.
func (s *server) stopReply(e Event) string {
	s.xfer.forget()
	switch e.Kind {
	case Exited, Killed:
		return s.endReply(e)
	case NoneRuns:
		return "N"
	}
	s.general = e.ID
	var b strings.Builder
	fmt.Fprintf(&b, "T%02x", toGDB(e.Signal))
	switch e.Kind {
	case Breakpoint:
		b.WriteString("swbreak:;")
	case Watchpoint:
		name := "watch"
		if e.Point.Read {
			name = "rwatch"
			if e.Point.Write {
				name = "awatch"
			}
		}
		fmt.Fprintf(&b, "%s:%x;", name, e.Addr)
	case Forked:
		fmt.Fprintf(&b, "fork:%s;", s.text(e.Child))
	case Vforked:
		fmt.Fprintf(&b, "vfork:%s;", s.text(e.Child))
	case VforkDone:
		b.WriteString("vforkdone:;")
	case Execed:
		s.symbols = [len(tlsSymbols)]uint64{} // they were the program's that is gone
		fmt.Fprintf(&b, "exec:%s;", hex.EncodeToString([]byte(e.Path)))
	case SyscallEntry:
		fmt.Fprintf(&b, "syscall_entry:%x;", e.Code)
	case SyscallReturn:
		fmt.Fprintf(&b, "syscall_return:%x;", e.Code)
	}
	fmt.Fprintf(&b, "thread:%s;", s.text(e.ID))
	r := s.sets()
	for i := range s.registers {
		if name := s.registers[i].Name; name == "pc" || name == "sp" {
			fmt.Fprintf(&b, "%02x:%s;", i, r.text(&s.registers[i]))
		}
	}
	return b.String()
}

// endReply tells that a process has ended.
func (s *server) endReply(e Event) string {
	reply := fmt.Sprintf("W%02x", e.Code&0xff)
	if e.Kind == Killed {
		reply = fmt.Sprintf("X%02x", toGDB(e.Signal))
	}
	if s.multi {
		reply += fmt.Sprintf(";process:%x", e.PID)
	}
	s.lost()
	return reply
}
